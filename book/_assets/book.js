// What the theme leaves undone: names for screen readers, and ink that shows on white paper.
(function () {
  "use strict";
  const root = document.documentElement;
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  const PATIENCE = 8; // seconds, after which a view that is not drawn leaves an unexplained gap
  let mode;

  // Says why a view is missing, where it is: it is drawn before its script element.
  function explainGap(view) {
    const note = document.createElement("p");
    note.className = "ddr-missing";
    note.hidden = true;
    note.textContent = "This view could not be drawn. It needs a browser of 2022 or later.";
    view.after(note);
    let seconds = 0;
    const timer = setInterval(function () {
      const drawn = view.parentElement.querySelector(".widget-subarea .ddr");
      seconds += 1;
      note.hidden = drawn !== null || seconds < PATIENCE;
      if (drawn) clearInterval(timer);
    }, 1000);
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
    document.querySelectorAll(VIEW).forEach(explainGap);
    // A bibliography is a list of list items; docutils gives its entries a role of their own.
    for (const entry of document.querySelectorAll(".citation")) entry.role = "listitem";
  });
})();
