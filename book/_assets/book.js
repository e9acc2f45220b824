// What the theme leaves undone: names for screen readers, and ink that shows on white paper.
(function () {
  "use strict";
  const root = document.documentElement;
  let mode;

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
    // A bibliography is a list of list items; docutils gives its entries a role of their own.
    for (const entry of document.querySelectorAll(".citation")) entry.role = "listitem";
  });
})();
