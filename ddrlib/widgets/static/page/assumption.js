// The widget of a guided network: what the photograph is, and what the network is told that it is.

const STEPS = [
  { key: "blur", label: "Blur", max: 4, step: 0.05, say: (v) => (v ? `${v.toFixed(2)} pixels` : "none") },
  { key: "noise", label: "Noise", max: 20, step: 0.25, say: (v) => (v ? `${v} of 255` : "none") },
];
const GRID = 5; // assumptions on each axis of the chart
const BORDER = 4; // pixels that PSNR leaves out, as everywhere in the book
const PAUSE = 700; // milliseconds without a change after which the chart is filled and the sentence spoken

async function render({ model, el }) {
  const widget = new AssumptionWidget(model);
  el.append(widget.root);
  await widget.start();
  return () => clearTimeout(widget.later);
}

// PSNR in dB of (side, side, 3) images in [0, 1], the first clamped to that.
function decibels(image, truth, side) {
  let sum = 0;
  for (let y = BORDER; y < side - BORDER; y += 1) {
    for (let at = 3 * (y * side + BORDER); at < 3 * (y * side + side - BORDER); at += 1) {
      sum += (between(image[at], 0, 1) - truth[at]) ** 2;
    }
  }
  return -10 * Math.log10(Math.max(sum / (3 * (side - 2 * BORDER) ** 2), 1e-10));
}

const inWords = ({ blur, noise }) => [blur && `blur ${blur.toFixed(2)}`, noise && `noise ${noise}`]
  .filter(Boolean).join(" and ") || "clean";

class AssumptionWidget {
  constructor(model) {
    this.model = model;
    this.index = model.get("index");
    this.side = this.index.size * this.index.scale;
    this.grain = makeGrain(3 * this.index.size ** 2);
    this.truth = { blur: 2, noise: 0 };
    this.told = { blur: 2, noise: 0 };
    this.honest = true; // told follows the truth until the reader moves it
    this.schedule = oncePerFrame(() => this.update());
    this.picker = new PhotographPicker(model, this.side, this.schedule);
    this.build();
  }

  build() {
    const group = (legend, values, onchange, ...more) => {
      const sliders = STEPS.map((step) => numberSlider(values, step, onchange));
      sliders.forEach(({ root }) => root.querySelector("input").setAttribute("aria-label",
        `${legend} ${root.textContent.trim().toLowerCase()}`));
      return { sliders, root: element("fieldset", {}, element("legend", {}, legend), ...sliders.map(({ root }) => root), ...more) };
    };
    this.is = group("The photograph is", this.truth, () => this.schedule());
    this.honestly = button("Tell the truth", () => {
      this.honest = true;
      this.schedule();
    });
    this.say = group("The network is told", this.told, () => {
      this.honest = false;
      this.schedule();
    }, this.honestly);
    const picture = (caption) => {
      const canvas = element("canvas", { role: "img", "aria-label": caption });
      const text = element("figcaption", {}, caption);
      return { canvas, text, root: element("figure", {}, canvas, text) };
    };
    this.original = picture("The original");
    this.input = picture("What the network gets");
    this.right = picture("Told the truth");
    this.wrong = picture("Told this");
    this.chart = svgElement("svg", { class: "ddr-map", viewBox: "-12 -4 116 112", role: "img", "aria-label": "Being computed" });
    this.status = element("p", { class: "ddr-sentence", role: "status" });
    this.root = element(
      "div", { class: "ddr ddr-photograph ddr-assumption", "aria-busy": "true" },
      this.picker.bar, this.picker.note, this.picker.problem,
      element("p", { class: "ddr-loading" }, "Loading the network…"),
      element("div", { class: "ddr-columns" }, this.picker.figure,
        element("div", {}, this.is.root, this.say.root)),
      element("div", { class: "ddr-four" },
        ...[this.original, this.input, this.right, this.wrong].map(({ root }) => root)),
      this.status,
      element("figure", { class: "ddr-chart" }, this.chart, element("figcaption", {},
        "PSNR of this frame over what the network is told: across, blur from 0 to 4; upwards, noise from 0 to 20. "
        + "Lighter is better. Square: the truth; ring: what it is told.")),
    );
    this.picker.acceptDrops(this.root);
  }

  async start() {
    const { network } = this.index;
    const weights = fromHalf(new Uint16Array(bytesOf(this.model.get("weights")).slice().buffer));
    this.network = await makeNetwork(network, weights, this.index.size, bytesOf(this.model.get("kernel")));
    await this.picker.start();
    this.root.removeAttribute("aria-busy");
  }

  // The output of the network under an assumption.
  restore({ blur, noise }) {
    this.network.guide(this.network.embed(blur, noise));
    this.network.features(this.lr);
    return this.network.output(this.lr);
  }

  update() {
    const start = performance.now();
    const { size, scale } = this.index;
    if (this.honest) Object.assign(this.told, this.truth);
    this.honestly.disabled = this.honest;
    [...this.is.sliders, ...this.say.sliders].forEach(({ show }) => show());
    this.part = this.picker.part();
    const lr = degrade(this.part, size, this.truth, this.grain, scale);
    this.lr = Float32Array.from(lr, (v) => v / 255);
    const right = this.restore(this.truth);
    const wrong = this.honest ? right : this.restore(this.told);
    this.best = decibels(right, this.part, this.side);
    this.now = decibels(wrong, this.part, this.side);
    paint(this.original.canvas, this.side, this.side, (at) => 255 * this.part[at]);
    paint(this.input.canvas, size, size, (at) => lr[at]);
    paint(this.right.canvas, this.side, this.side, (at) => 255 * right[at]);
    paint(this.wrong.canvas, this.side, this.side, (at) => 255 * wrong[at]);
    this.input.text.textContent = `What the network gets: ${inWords(this.truth)}`;
    this.right.text.textContent = `Told the truth: ${this.best.toFixed(1)} dB`;
    this.wrong.text.textContent = `Told “${inWords(this.told)}”: ${this.now.toFixed(1)} dB`;
    performance.measure("ddr-photograph", { start }); // the tests read it
    const marks = [JSON.stringify([this.truth, this.picker.state]), JSON.stringify(this.told)];
    if (marks[0] !== this.charted) this.chart.replaceChildren();
    this.drawMarks();
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.status.textContent = this.sentence();
      if (marks[0] !== this.charted) this.fillChart(0, marks[0]);
    }, PAUSE);
  }

  sentence() {
    const lost = this.best - this.now;
    const cost = this.honest ? "It is told the truth."
      : Math.abs(lost) < 0.05 ? "The lie costs nothing."
        : lost > 0 ? `The lie costs ${lost.toFixed(1)} dB.` : `The lie gains ${(-lost).toFixed(1)} dB.`;
    return `The photograph: ${inWords(this.truth)}. The network is told: ${inWords(this.told)}. ${cost}`;
  }

  // One square of the chart at a time, so that the page stays awake; a change stops it.
  fillChart(k, mark) {
    if (k === 0) this.cells = [];
    if (k < GRID * GRID) {
      const [across, up] = [k % GRID, Math.floor(k / GRID)];
      const told = { blur: (4 * across) / (GRID - 1), noise: (20 * up) / (GRID - 1) };
      this.cells.push(decibels(this.restore(told), this.part, this.side));
      this.later = setTimeout(() => this.fillChart(k + 1, mark));
      return;
    }
    this.charted = mark;
    const [low, high] = [Math.min(...this.cells), Math.max(...this.cells)];
    const side = 100 / GRID;
    this.chart.replaceChildren(...this.cells.flatMap((v, i) => {
      const [x, y] = [(i % GRID) * side, 100 - side - Math.floor(i / GRID) * side];
      const light = (v - low) / (high - low || 1);
      return [
        svgElement("rect", { x, y, width: side, height: side, fill: `hsl(205 60% ${(25 + 60 * light).toFixed(0)}%)` }),
        svgElement("text", { x: x + side / 2, y: y + side / 2 + 2, "font-size": 5.5, "text-anchor": "middle",
          fill: light > 0.5 ? "#000" : "#fff" }, v.toFixed(1)),
      ];
    }), svgElement("text", { x: 50, y: 107, "font-size": 6, "text-anchor": "middle", fill: "currentColor" }, "told blur →"),
    svgElement("text", { x: -50, y: -4, "font-size": 6, "text-anchor": "middle", fill: "currentColor", transform: "rotate(-90)" },
      "told noise →"));
    this.chart.setAttribute("aria-label", `PSNR over what the network is told, from ${low.toFixed(1)} to ${high.toFixed(1)} dB`);
    this.drawMarks();
  }

  drawMarks() {
    this.chart.querySelectorAll(".ddr-mark").forEach((node) => node.remove());
    const place = ({ blur, noise }) => {
      const side = 100 / GRID;
      const reach = 100 - side;
      return [side / 2 + (reach * blur) / 4, 100 - side / 2 - (reach * noise) / 20];
    };
    const [x, y] = place(this.truth);
    const [cx, cy] = place(this.told);
    const style = { class: "ddr-mark", fill: "none", stroke: "#fff", "stroke-width": 1.2 };
    const under = { ...style, stroke: "#000", "stroke-width": 2.4 };
    this.chart.append(...[under, style].flatMap((look) => [
      svgElement("rect", { x: x - 8, y: y - 8, width: 16, height: 16, ...look }), svgElement("circle", { cx, cy, r: 9, ...look }),
    ]));
  }
}

export default { render };
