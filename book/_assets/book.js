// What the theme leaves undone: names for screen readers, and ink that shows on white paper.
(function () {
  "use strict";
  const root = document.documentElement;
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  let mode;

  // A figure in the size of the window. Its link opens the file where this does not work.
  function enlarge(event) {
    const shown = [...this.querySelectorAll("img")].find((image) => image.offsetWidth);
    if (!shown || !window.HTMLDialogElement || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const dialog = document.createElement("dialog");
    const picture = document.createElement("img");
    const close = document.createElement("button");
    dialog.className = "ddr-large";
    dialog.ariaLabel = "The figure, enlarged";
    picture.src = shown.src;
    picture.alt = shown.alt;
    close.textContent = "Close";
    close.className = "btn btn-sm";
    dialog.append(close, picture);
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  // A second way past the navigation, for whoever comes by keyboard to use the widget.
  function linkToWidget() {
    const area = document.querySelector(VIEW)?.parentElement;
    const first = document.getElementById("pst-skip-link");
    if (!area || !first) return;
    area.id = area.id || "widget";
    area.tabIndex = -1;
    const link = first.cloneNode(true);
    link.removeAttribute("id");
    link.firstElementChild.href = `#${area.id}`;
    link.firstElementChild.textContent = "Skip to the widget";
    link.onclick = () => area.closest("details")?.setAttribute("open", "");
    first.after(link);
  }

  // What a cell stands under, said whole: "shots: 5" of a number (`data-columns` says of what), and
  // "component of content" of the "of content" that follows a "component of degradation".
  function namesIn(table) {
    const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    return heads.map((head, k) => {
      const [, stem] = (k && heads[k - 1].match(/^(.+ )of /)) || [];
      if (stem && head.startsWith("of ")) return stem + head;
      return table.dataset.columns && /^\d/.test(head) ? `${table.dataset.columns}: ${head}` : head;
    });
  }

  // On a phone, rows of wide tables become cards, whose cells say what they are (book.css).
  const MOST = 4; // columns that fit there, unless all are of counts; of intervals, which do not break, one less
  function label(table) {
    const names = namesIn(table);
    const cells = [...table.tBodies[0].rows].flatMap((row) => [...row.cells].slice(1));
    const most = table.querySelector(".ddr-interval") ? MOST - 1 : MOST;
    if (names.length <= most || cells.every((cell) => cell.textContent.length < 3)) return;
    table.classList.add("ddr-cards");
    table.role = "table"; // which another display takes away
    for (const row of table.tBodies[0].rows) {
      row.role = "row";
      [...row.cells].forEach((cell, k) => {
        cell.role = cell.matches("th") ? "rowheader" : "cell";
        cell.dataset.label = k ? names[k] : "";
      });
    }
  }

  // Where a line may break: within a long name after "_", "." and "/" and before a capital; not within a date, a short
  // word with a hyphen, an interval, a range, a number and its unit or its power, nor between "Table" and its number.
  const NAMES =
    '.ddr-long, table.table :is(td, th), section[id$="where-the-photographs-come-from"] li, p code, dd code';
  const LONG = /\S{13,}/g;
  const JOINT = /(?<=_)|(?<=\p{Ll}[./])(?=\p{L})|(?<=\p{Ll})(?=\p{Lu})/u;
  const WHOLE = new RegExp(
    "(" +
      [
        String.raw`\d{4}-\d\d-\d\d(?: \d\d:\d\d)?`,
        String.raw`(?<![\p{L}\d-])\p{L}{1,7}-\p{L}{1,7}(?![\p{L}\d-])`,
        String.raw`\[−?[\d.,]+, −?[\d.,]+\]`,
        String.raw`\d[\d.,]*–\d[\d.,]*(?:%| dB)?`,
        String.raw`[\d.,]+ (?:× 10[⁺⁻⁰¹²³⁴-⁹]+|(?:s|ms|dB|[kMG]B|minutes|pixels)(?![\p{L}\d]))`,
        String.raw`\d+ × \d+`,
        String.raw`(?:[Cc]hapter|[Ff]igure|[Tt]able) \d[\d.]*(?!\d)`,
      ].join("|") +
      ")",
    "u",
  );
  function whole(text) {
    const span = document.createElement("span");
    span.className = "ddr-unbroken";
    span.textContent = text;
    return span;
  }
  function setBreaks(text) {
    const long = text.parentElement.closest(NAMES);
    const pieces = text.data.split(WHOLE).flatMap((piece, k) => {
      if (k % 2) return [whole(piece)];
      if (!long) return [piece];
      const parts = piece.replace(LONG, (word) => word.split(JOINT).join("\0")).split("\0");
      return parts.flatMap((part, at) => (at ? [document.createElement("wbr"), part] : [part]));
    });
    if (pieces.length > 1) text.replaceWith(...pieces);
  }
  function setAllBreaks(article) {
    const walk = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walk.nextNode()) texts.push(walk.currentNode);
    const prose = texts.filter((text) => !text.parentElement.closest("pre, script, svg, math, .ddr"));
    prose.forEach(setMinus);
    prose.forEach(setBreaks);
  }

  // Python prints a hyphen before negative numbers.
  function setMinus(text) {
    if (!text.parentElement.closest("code")) text.data = text.data.replace(/(?<=^|[\s[(])-(?=\d)/g, "−");
  }

  // The page's own line in the list of pages is in sight, wherever the list stood before.
  function showCurrent() {
    const list = document.querySelector(".bd-sidebar-primary");
    const line = list?.querySelector("nav a.current, nav .current > a");
    if (!line || !list.offsetHeight) return;
    const [box, shown] = [line.getBoundingClientRect(), list.getBoundingClientRect()];
    const head = list.querySelector(".search-button-field")?.offsetHeight ?? 0;
    if (box.top < shown.top + 2 * head || box.bottom > shown.bottom) {
      list.scrollTop += box.top - shown.top - shown.height / 3;
    }
  }

  window.addEventListener("beforeprint", function () {
    mode = root.dataset.theme;
    root.dataset.theme = "light";
  });
  window.addEventListener("afterprint", function () {
    root.dataset.theme = mode;
  });

  window.addEventListener("load", showCurrent); // after the theme has put the list where it was

  document.addEventListener("DOMContentLoaded", function () {
    // An accessible name must contain the text that is shown, icons' titles included.
    document.querySelector(".search-button-field")?.removeAttribute("aria-label");
    for (const button of document.querySelectorAll(".theme-switch-button")) {
      button.ariaLabel = "Colour mode: Light, Dark or System Settings";
    }
    for (const summary of document.querySelectorAll("details.hide > summary")) {
      summary.removeAttribute("aria-label");
    }
    linkToWidget();
    document.querySelectorAll(".ddr-figure table").forEach(label);
    document.querySelectorAll(".bd-article").forEach(setAllBreaks);
    document.querySelectorAll(".ddr-enlarge").forEach((link) => link.addEventListener("click", enlarge));
    // A bibliography is a list of list items; docutils gives its entries a role of their own.
    for (const entry of document.querySelectorAll(".citation")) entry.role = "listitem";
  });
})();
