// Lets the widgets of a page load from this folder alone: no kernel, no network, at any page depth,
// http:// or file://. Loaded after require.js and before embed-amd.js (see _config.yml).
(function () {
  "use strict";
  const widgets = document.currentScript.src.replace(/[^/]*$/, "widgets/");

  require.config({
    paths: {
      anywidget: widgets + "anywidget/index",
      // embed-amd.js defines both of these; they look for their icon fonts beside their path.
      "@jupyter-widgets/html-manager": widgets + "embed-amd",
      "@jupyter-widgets/html-manager/dist/libembed-amd": widgets + "embed-amd",
    },
  });

  // The theme's Font Awesome would replace the icons inside the widgets' own buttons by SVG, and
  // `Play` would no longer find them.
  window.FontAwesomeConfig = { observeMutations: false };

  // The html-manager typesets mathematics through MathJax 2's queue; the book carries MathJax 3.
  document.addEventListener("DOMContentLoaded", function () {
    window.MathJax = window.MathJax || {};
    window.MathJax.Hub = {
      Queue: function (job) {
        const element = job[job.length - 1];
        if (window.MathJax.typesetPromise) window.MathJax.typesetPromise([element]);
      },
    };
  });
})();
