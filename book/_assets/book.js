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

  // On a phone, rows of wide tables become cards, whose cells say what they are (book.css).
  const MOST = 4; // columns that fit there, unless all are of counts
  function label(table) {
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    const cells = [...table.tBodies[0].rows].flatMap((row) => [...row.cells].slice(1));
    if (names.length <= MOST || cells.every((cell) => cell.textContent.length < 3)) return;
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

  window.addEventListener("beforeprint", function () {
    mode = root.dataset.theme;
    root.dataset.theme = "light";
  });
  window.addEventListener("afterprint", function () {
    root.dataset.theme = mode;
  });

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
    document.querySelectorAll(".ddr-enlarge").forEach((link) => link.addEventListener("click", enlarge));
    // A bibliography is a list of list items; docutils gives its entries a role of their own.
    for (const entry of document.querySelectorAll(".citation")) entry.role = "listitem";
  });
})();
