// The widget of guided networks: what the photograph is, and what a network is told that it is.

const STEPS = [
  { key: "blur", label: "Blur", max: 4, step: 0.05, say: (v) => (v ? `${v.toFixed(2)} pixels` : "none") },
  { key: "noise", label: "Noise", max: 20, step: 0.25, say: (v) => (v ? `${v} of 255` : "none") },
];
const START = { truth: { blur: 2, noise: 0 }, told: { blur: 4, noise: 0 } }; // a lie, to show what it does
const HASH = "#assumption=";
const BORDER = 4; // pixels that PSNR leaves out, as everywhere in the book
const PAUSE = 700; // milliseconds without a change after which the chart is filled and the sentence spoken

async function render({ model, el }) {
  const widget = new AssumptionWidget(model);
  el.append(widget.root);
  await widget.start();
  return () => widget.end();
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
    this.truth = { ...START.truth };
    this.told = { ...START.told };
    this.honest = false; // if so, told follows the truth until the reader moves it
    this.chosen = 0;
    this.ready = []; // networks and their guides, from when they are first chosen
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
    this.toldBy = alternatives("It is told these two numbers.",
      "Its guide sees the same photograph, degraded in this way; the network sees the one above.");
    this.say = group("The network is told", this.told, () => {
      this.honest = false;
      this.schedule();
    }, element("p", { class: "ddr-note" }, this.toldBy.root), this.honestly);
    const { networks, compact } = this.index;
    this.guides = radios("Guided by", networks.map(({ name }) => name), (k) => this.choose(k));
    const picture = (caption) => {
      const canvas = element("canvas", { role: "img", "aria-label": caption });
      const text = element("figcaption", {}, caption);
      return { canvas, text, root: element("figure", {}, canvas, text) };
    };
    this.original = picture("The original");
    this.input = picture("What the network gets");
    this.right = picture("Told the truth");
    this.wrong = picture("Told this");
    this.chart = new AssumptionChart(Object.fromEntries(STEPS.map(({ key, max }) => [key, max])), (told) => {
      Object.assign(this.told, told);
      this.honest = false;
      this.schedule();
    });
    this.costs = element("tbody", {});
    this.status = element("p", { class: "ddr-sentence", role: "status" });
    this.root = widgetRoot(
      { class: `ddr ddr-photograph ddr-assumption${compact ? " ddr-compact" : ""}`, "aria-busy": "true" },
      this.picker.bar, this.picker.note, this.picker.problem,
      element("p", { class: "ddr-loading" }, "Loading the network…"),
      element("div", { class: "ddr-columns" }, this.picker.figure,
        element("div", {}, this.is.root, this.say.root, networks.length > 1 ? this.guides.root : "")),
      element("div", { class: "ddr-four" },
        ...[this.original, this.input, this.right, this.wrong].map(({ root }) => root)),
      this.status,
      element("div", { class: "ddr-columns" }, this.table(networks.length > 1),
        compact ? "" : element("figure", { class: "ddr-chart" }, this.chart.svg, element("figcaption", {},
          "PSNR of this frame over what the network is told; a click on a square tells it so. "
          + "Lighter is better, and 6 dB below the best is darkest. Outlined: the square nearest to the truth; dashed: to what it is told."))),
      element("div", { class: "ddr-row ddr-actions" },
        button("Link to this view", () => this.link()), button("Save as picture", () => this.save()),
        button("Start again", () => this.reset())),
    );
    this.picker.acceptDrops(this.root);
  }

  // What the lie costs each of the networks that have been looked at.
  table(several) {
    const head = ["guided by", "told the truth", "told this", "the lie costs"];
    return element("table", { class: "ddr-costs", hidden: !several }, element("caption", {}, "PSNR of this frame in dB"),
      element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))), this.costs);
  }

  async start() {
    await this.choose(0);
    await this.picker.start();
    this.readHash();
    this.onHash = () => this.readHash();
    addEventListener("hashchange", this.onHash);
    this.root.removeAttribute("aria-busy");
  }

  end() {
    removeEventListener("hashchange", this.onHash);
    clearTimeout(this.later);
  }

  // Another guide; its weights are read when it is first chosen.
  async choose(k) {
    const { size, networks } = this.index;
    this.guides.show(k);
    this.wanted = k;
    if (!this.ready[k]) {
      const { name, network: about } = networks[k];
      this.status.textContent = `Loading the network guided by ${name}…`;
      const [weights, kernel] = [await weightsOf(this.model, k), bytesOf(this.model.get("kernel"))];
      const network = await makeNetwork(about, weights, size, kernel);
      this.ready[k] = { about, network, guide: await makeGuide(about, weights, size, kernel) };
    }
    if (this.wanted !== k) return; // another was chosen in the meantime
    this.chosen = k;
    this.toldBy.show(networks[k].network.guide === "oracle" ? 0 : 1);
    if (this.picker.shown) this.schedule();
  }

  // The photograph under a degradation, as numbers in [0, 1] and as it is.
  degraded(degradation) {
    const bytes = degrade(this.part, this.index.size, degradation, this.grain, this.index.scale);
    return { bytes, lr: Float32Array.from(bytes, (v) => v / 255) };
  }

  // What a network makes of the photograph when it is told that it is under `told`.
  restore(told, { about, network, guide } = this.ready[this.chosen]) {
    const seen = about.guide === "oracle" ? null : this.degraded(told).lr;
    network.guide(guide.embed(told, seen));
    network.features(this.lr);
    return network.output(this.lr);
  }

  update() {
    const start = performance.now();
    const { size } = this.index;
    if (this.honest) Object.assign(this.told, this.truth);
    this.honestly.disabled = this.honest;
    [...this.is.sliders, ...this.say.sliders].forEach(({ show }) => show());
    this.part = this.picker.part();
    const { bytes, lr } = this.degraded(this.truth);
    this.lr = lr;
    const right = this.restore(this.truth);
    const wrong = this.honest ? right : this.restore(this.told);
    this.best = decibels(right, this.part, this.side);
    this.now = decibels(wrong, this.part, this.side);
    paint(this.original.canvas, this.side, this.side, (at) => 255 * this.part[at]);
    paint(this.input.canvas, size, size, (at) => bytes[at]);
    paint(this.right.canvas, this.side, this.side, (at) => 255 * right[at]);
    paint(this.wrong.canvas, this.side, this.side, (at) => 255 * wrong[at]);
    this.input.text.textContent = `What the network gets: ${inWords(this.truth)}`;
    this.right.text.textContent = `Told the truth: ${this.best.toFixed(1)} dB`;
    this.wrong.text.textContent = `Told “${inWords(this.told)}”: ${this.now.toFixed(1)} dB`;
    performance.measure("ddr-photograph", { start }); // the tests read it
    const mark = JSON.stringify([this.truth, this.picker.state, this.chosen]);
    if (mark !== this.charted) this.chart.clear();
    this.chart.mark(this.truth, this.told);
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.status.textContent = this.said = this.sentence();
      this.compare();
      if (mark !== this.charted && !this.index.compact) this.fillChart([], mark);
    }, PAUSE);
  }

  sentence() {
    const lost = this.best - this.now;
    const honest = STEPS.every(({ key }) => this.told[key] === this.truth[key]);
    const cost = honest ? "It is told the truth."
      : Math.abs(lost) < 0.05 ? "The lie costs nothing."
        : lost > 0 ? `The lie costs ${lost.toFixed(1)} dB.` : `The lie gains ${(-lost).toFixed(1)} dB.`;
    return `The photograph: ${inWords(this.truth)}. The network is told: ${inWords(this.told)}. ${cost}`;
  }

  // A row for each guide; those that have not been chosen say so, since each is a megabyte to read.
  compare() {
    this.costs.replaceChildren(...this.index.networks.map(({ name }, k) => {
      const quality = (told) => decibels(this.restore(told, this.ready[k]), this.part, this.side);
      const head = element("th", { scope: "row" }, name);
      if (!this.ready[k]) return element("tr", {}, head, element("td", { colspan: 3 }, "choose it to see"));
      const [truth, lie] = [quality(this.truth), quality(this.told)];
      return element("tr", {}, head, ...[truth, lie, truth - lie].map((v) => element("td", {}, v.toFixed(2))));
    }));
  }

  // One square of the chart at a time, so that the page stays awake; a change stops it.
  fillChart(cells, mark) {
    if (cells.length < GRID * GRID) {
      cells.push(decibels(this.restore(this.chart.told(cells.length)), this.part, this.side));
      this.chart.show(cells);
      this.chart.mark(this.truth, this.told);
      this.later = setTimeout(() => this.fillChart(cells, mark));
      return;
    }
    this.charted = mark;
  }

  // ---- a view as a link, and as a picture ----

  get view() {
    const { truth, told, honest, chosen, picker: { state: { photo, left, top } } } = this;
    return { assumption: Math.max(photo, 0), left, top, blur: truth.blur, noise: truth.noise,
      ...(honest ? {} : { "told-blur": told.blur, "told-noise": told.noise }), guide: chosen };
  }

  link() {
    const own = this.picker.state.photo < 0
      ? " Your photograph is not in it, since it stays on this page; all else is." : "";
    shareView(this.view, (text) => { this.status.textContent = `${this.said ?? ""} ${text}${own}`.trim(); });
  }

  async readHash() {
    const read = readView(HASH, this.root);
    if (!read) return;
    STEPS.forEach(({ key, max }) => {
      this.truth[key] = read(key, 0, max, 0);
      this.told[key] = read(`told-${key}`, 0, max, this.truth[key]);
    });
    this.honest = STEPS.every(({ key }) => this.told[key] === this.truth[key]);
    await this.choose(Math.round(read("guide", 0, this.index.networks.length - 1, 0)));
    this.picker.choose(Math.round(read("assumption", 0, this.index.photographs.length - 1, 0)),
      read("left", 0, 1e4, 64), read("top", 0, 1e4, 64));
  }

  reset() {
    Object.assign(this.truth, START.truth);
    Object.assign(this.told, START.told);
    this.honest = false;
    this.choose(0);
    this.picker.choose(0);
  }

  save() {
    const pictures = [this.original, this.input, this.right, this.wrong].map(({ canvas, text }) => [canvas, text.textContent]);
    savePicture("what-a-lie-costs.png", this.root, [pictures],
      [`${this.index.networks[this.chosen].name}. ${this.sentence()}`, this.picker.credit.textContent]);
  }
}

export default { render };
