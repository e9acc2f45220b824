// Sphinx's search fetches a page for an excerpt, which file:// forbids: the texts are here already.
(function () {
  "use strict";
  // Sphinx's own weights, but who asks for a word wants the chapters first, and the reference last.
  window.Scorer = {
    score: ([page, , , , score]) => score + (/^[01]\d_/.test(page) ? 3 : page.startsWith("api/") ? -100 : 0),
    objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
    title: 15, partialTitle: 7, term: 5, partialTerm: 2,
  };
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href).href;

  window.fetch = function (address) {
    const name = new URL(address, location.href).href.slice(root.length).replace(/\.html.*$/, "");
    const main = document.createElement("div");
    main.setAttribute("role", "main");
    for (const [id, text] of Object.entries((window.DDR_TEXTS || {})[name] || {})) {
      const section = document.createElement("section");
      section.id = id;
      section.textContent = `${text} `;
      main.append(section);
    }
    return Promise.resolve({ text: () => Promise.resolve(main.outerHTML) });
  };

  // Sphinx cuts an excerpt out by characters, about any letters that are alike ("chi" in "machine"): here it is
  // about a word that begins with what was asked for, and consists of whole words.
  function excerpt(text, asked) {
    const literal = (word) => word.replace(/[^\p{L}\p{N}]/gu, "\\$&");
    const found = [...asked].map((word) => text.search(new RegExp(`\\b${literal(word)}`, "i")));
    const place = Math.max(0, ...found);
    const start = place < 120 ? 0 : text.indexOf(" ", place - 120) + 1;
    const end = start + 240 < text.length ? text.lastIndexOf(" ", start + 240) : text.length;
    return `${start ? "… " : ""}${text.slice(start, end).trim()}${end < text.length ? " …" : ""}`;
  }
  document.addEventListener("DOMContentLoaded", () => {
    if (typeof Search === "undefined") return; // on a page without the search
    Search.makeSearchSummary = (page, asked, anchor) => {
      const text = Search.htmlToText(page, anchor);
      const shown = document.createElement("p");
      shown.className = "context";
      shown.textContent = excerpt(text, asked);
      return text ? shown : null;
    };
  });
})();
