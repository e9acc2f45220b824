// Sphinx's search fetches a page for an excerpt, which file:// forbids: the texts are here already.
(function () {
  "use strict";
  // Sphinx's own weights, but for the reference: who asks for a word wants the chapters first.
  window.Scorer = {
    score: ([page, , , , score]) => (page.startsWith("api/") ? score - 100 : score),
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

  // Sphinx cuts an excerpt out by characters; here it begins and ends with a whole word.
  document.addEventListener("DOMContentLoaded", () => {
    if (typeof Search === "undefined") return; // on a page without the search
    const cut = Search.makeSearchSummary;
    Search.makeSearchSummary = (...asked) => {
      const excerpt = cut(...asked);
      if (excerpt) excerpt.textContent = excerpt.textContent.replace(/^\.\.\.\S*\s/, "… ").replace(/\s\S*\.\.\.$/, " …");
      return excerpt;
    };
  });
})();
