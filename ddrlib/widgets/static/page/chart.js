// The quality of what a network restores, over everything that it can be told: a grid of blurs and noises.

const GRID = 5; // assumptions on each axis
const RANGE = 6; // decibels below the best, from which a square is as dark as can be: one scale for all guides
const DARK = 0.32; // up to this share of the way to the lightest, white is read better than black
const WORD = { "font-size": 6, "text-anchor": "middle", fill: "currentColor" };

class AssumptionChart {
  // `most` of blur and of noise; `onchoose(told)` when a square is clicked.
  constructor(most, onchoose) {
    this.most = most;
    this.onchoose = onchoose;
    this.side = 100 / GRID;
    this.svg = svgElement("svg", { class: "ddr-map", viewBox: "-22 -4 126 121", role: "img" });
    this.clear();
  }

  // What the k-th square stands for.
  told(k) {
    const share = (i) => i / (GRID - 1);
    return { blur: this.most.blur * share(k % GRID), noise: this.most.noise * share(Math.floor(k / GRID)) };
  }

  clear() {
    this.show([]);
  }

  // What the columns and the rows stand for.
  axes() {
    const middles = Array.from({ length: GRID }, (_, i) => (i + 0.5) * this.side);
    const tick = (v) => String(Number(v.toFixed(2)));
    return [
      ...middles.map((x, i) => svgElement("text", { x, y: 107, ...WORD }, tick(this.told(i).blur))),
      ...middles.map((y, i) => svgElement("text", { x: -2.5, y: 102 - y, ...WORD, "text-anchor": "end" }, tick(this.told(i * GRID).noise))),
      svgElement("text", { x: 50, y: 115, ...WORD }, "told blur"),
      svgElement("text", { x: -50, y: -14, transform: "rotate(-90)", ...WORD }, "told noise"),
    ];
  }

  // PSNR in dB of each square, row by row from the bottom left; those that are still to be computed are empty.
  show(cells) {
    const { side } = this;
    const [low, high] = [Math.min(...cells), Math.max(...cells)];
    const squares = Array.from({ length: GRID * GRID }, (_, i) => {
      const [x, y, v] = [(i % GRID) * side, 100 - side - Math.floor(i / GRID) * side, cells[i]];
      const light = between(1 - (high - v) / RANGE, 0, 1);
      const look = v === undefined ? { fill: "transparent", stroke: "currentColor", "stroke-width": 0.2 }
        : { fill: `hsl(205 60% ${(25 + 60 * light).toFixed(0)}%)` };
      return [
        svgElement("rect", { x, y, width: side, height: side, ...look, onclick: () => this.onchoose(this.told(i)) }),
        svgElement("text", { x: x + side / 2, y: y + side / 2 + 2, "font-size": 5.5, "text-anchor": "middle",
          fill: light > DARK ? "#000" : "#fff" }, v?.toFixed(1) ?? ""),
      ];
    });
    this.svg.replaceChildren(...[0, 1].flatMap((k) => squares.map((square) => square[k])), ...this.axes());
    this.svg.setAttribute("aria-label", cells.length < GRID * GRID ? "Being computed"
      : `PSNR over what the network is told, from ${low.toFixed(1)} to ${high.toFixed(1)} dB`);
  }

  // An outline around the square nearest to the truth, a dashed one within that nearest to what is told.
  mark(truth, told) {
    this.svg.querySelectorAll(".ddr-mark").forEach((node) => node.remove());
    const outline = ({ blur, noise }, inset, look) => {
      const [x, y] = [blur / this.most.blur, 1 - noise / this.most.noise]
        .map((share) => this.side * Math.round(share * (GRID - 1)) + inset);
      const side = this.side - 2 * inset;
      return [["#000", 1.8], ["#fff", 0.8]].map(([stroke, width]) => svgElement("rect", {
        x, y, width: side, height: side, fill: "none", stroke, "stroke-width": width, ...look }));
    };
    const marks = [...outline(truth, -0.4, {}), ...outline(told, 1.4, { "stroke-dasharray": "2 1.2" })];
    this.svg.insertBefore(svgElement("g", { class: "ddr-mark" }, ...marks), this.svg.querySelector("text"));
  }
}
