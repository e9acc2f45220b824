// Verdicts: on a phone, those that a chapter lists behind a line that counts them; on page 97, those of one kind alone.
(function () {
  "use strict";

  const MANY = 3; // from here on a list takes more than one screen of a phone
  const NARROW = "(max-width: 600px)"; // as in book.css
  const ORDER = ["supported", "partly supported", "mostly not supported", "not supported", "not tested"];

  const titleOf = (claim) => claim.querySelector(".admonition-title").textContent.toLowerCase();
  const verdictOf = (claim) => titleOf(claim).split(":")[0];
  const opposite = (claim) => titleOf(claim).endsWith(": the opposite");

  const count = (verdict, verdicts) => verdicts.filter((other) => other === verdict).length;

  const found = (verdicts) => ORDER.filter((verdict) => verdicts.includes(verdict));

  function fold(output) {
    const claims = [...output.querySelectorAll(".ddr-claim")];
    const verdicts = claims.map(verdictOf);
    if (verdicts.length < MANY || output.querySelector(".ddr-claims")) return;
    const against = claims.filter(opposite).length;
    const counts = found(verdicts).map((verdict) => {
      const many = count(verdict, verdicts);
      const also = verdict !== "not supported" || !against ? "" : against === many ? " (the opposite)" : ` (${against}: the opposite)`;
      return `${many} ${verdict}${also}`;
    });
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    details.className = "ddr-verdicts";
    summary.textContent = `${verdicts.length} verdicts: ${counts.join(", ")}`;
    details.append(summary, ...output.childNodes);
    output.append(details);
    addEventListener("beforeprint", () => (details.open = true));
  }

  function offerChoice(place, items) {
    const verdicts = items.map(verdictOf);
    const sections = [...new Set(items.map((item) => item.closest("section")))];

    function show(chosen) {
      items.forEach((item, k) => (item.hidden = chosen !== "all" && verdicts[k] !== chosen));
      for (const section of sections) section.hidden = !section.querySelector(".ddr-claims > li:not([hidden])");
    }

    function choice(verdict) {
      const label = document.createElement("label");
      const input = document.createElement("input");
      const many = verdict === "all" ? items.length : count(verdict, verdicts);
      Object.assign(input, { type: "radio", name: "verdict", value: verdict, checked: verdict === "all" });
      input.addEventListener("change", () => show(verdict));
      label.append(input, ` ${verdict} (${many})`);
      return label;
    }

    const set = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = "Show";
    set.append(legend, ...["all", ...found(verdicts)].map(choice));
    place.append(set);
  }

  document.addEventListener("DOMContentLoaded", function () {
    const place = document.querySelector(".ddr-filter");
    const items = [...document.querySelectorAll(".ddr-claims > li")];
    if (place && items.length) offerChoice(place, items);
    if (matchMedia(NARROW).matches) document.querySelectorAll(".cell_output").forEach(fold);
  });
})();
