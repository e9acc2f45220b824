// What is measured at each stop of a slider, as lines under the slider and as wide as it.

// "solid line A, dashed B": how the lines of a curve are told apart.
const solidAndDashed = ([first, second]) => `solid line ${first}${second ? `, dashed ${second}` : ""}`;

class Curve {
  constructor() {
    this.svg = svgElement("svg", { class: "ddr-curve", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img",
      "aria-label": "Being computed" });
    this.caption = element("figcaption", {});
    this.root = element("figure", { class: "ddr-curve-figure" }, this.svg, this.caption);
  }

  // Lines of values in 0..1, each over the whole width; `at` of it the slider is. `spoken` says the
  // values. Dashes tell the lines apart; the colour is that of degradation, or one of `colours`.
  show(lines, at, caption, spoken, colours = []) {
    const drawn = lines.map((values, k) => {
      const ends = values.length > 1 ? values : [values[0], values[0]];
      const points = ends.map((v, i) =>
        `${((100 * i) / (ends.length - 1)).toFixed(2)} ${(23 - 22 * between(v, 0, 1)).toFixed(2)}`);
      return svgElement("polyline", { points: points.join(" "), class: k ? "ddr-second" : "",
        ...(colours[k] ? { style: `stroke: ${colours[k]}` } : {}) });
    });
    const here = (100 * at).toFixed(2);
    this.svg.replaceChildren(svgElement("path", { d: "M0 1H100M0 12H100M0 23H100", class: "ddr-grid" }),
      svgElement("path", { d: `M${here} 0V24`, class: "ddr-here" }), ...drawn);
    this.caption.textContent = caption;
    this.svg.setAttribute("aria-label", spoken);
  }
}
