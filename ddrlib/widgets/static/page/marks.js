// How a degradation is called and marked on the maps of the book's small widgets.

const ADJECTIVES = { blur: "blurred", noise: "noisy" };
const inWord = (degradation) => ADJECTIVES[degradation.replace(/[\d.]+$/, "")] ?? degradation;

// A mark for the k-th degradation, so that colour is never the only sign: circle, square, triangle.
function markPath(k, x, y, r = 1) {
  if (k % 3 === 1) return `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`;
  if (k % 3 === 2) return `M${x} ${y - 1.3 * r}l${1.2 * r} ${2.1 * r}h${-2.4 * r}z`;
  return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
}

// Marks with their words; `more` are further [node of an svg, word].
function legendOf(degradations, ...more) {
  const entries = degradations.map(({ name, colour }, k) =>
    [svgElement("path", { d: markPath(k, 0, 0), fill: colour }), inWord(name)]);
  return element("p", { class: "ddr-marks" }, ...[...entries, ...more].map(([node, word]) =>
    element("span", {}, svgElement("svg", { viewBox: "-1.5 -1.5 3 3", "aria-hidden": "true" }, node), word)));
}

// The marks of samples, degradation by degradation; place(i) is where the i-th one is.
function marksOf(degradations, samples, place) {
  const each = samples / degradations.length;
  return degradations.map(({ colour }, k) => svgElement("path", {
    fill: colour,
    d: Array.from({ length: each }, (_, i) => {
      const [x, y] = place(k * each + i);
      return markPath(k, Number(x.toFixed(2)), Number(y.toFixed(2)));
    }).join(""),
  }));
}
