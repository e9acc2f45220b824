// The list of all claims (page 97): leave those of one verdict.
(function () {
  "use strict";

  document.addEventListener("DOMContentLoaded", function () {
    const place = document.querySelector(".ddr-filter");
    const items = [...document.querySelectorAll(".ddr-claims > li")];
    if (!place || !items.length) return;
    const verdicts = items.map((item) => item.querySelector(".admonition-title").textContent.split(":")[0].toLowerCase());
    const sections = [...new Set(items.map((item) => item.closest("section")))];

    function show(chosen) {
      items.forEach((item, k) => (item.hidden = chosen !== "all" && verdicts[k] !== chosen));
      for (const section of sections) section.hidden = !section.querySelector(".ddr-claims > li:not([hidden])");
    }

    function choice(verdict) {
      const label = document.createElement("label");
      const input = document.createElement("input");
      const count = verdict === "all" ? items.length : verdicts.filter((other) => other === verdict).length;
      Object.assign(input, { type: "radio", name: "verdict", value: verdict, checked: verdict === "all" });
      input.addEventListener("change", () => show(verdict));
      label.append(input, ` ${verdict} (${count})`);
      return label;
    }

    const set = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = "Show";
    set.append(legend, ...["all", ...new Set(verdicts)].map(choice));
    place.append(set);
  });
})();
