// The widget: a photograph, a window on it, three degradations; what two instruments make of it.

const SLIDERS = [
  { key: "blur", label: "Blur", max: 6, step: 0.05, say: (v) => (v ? `${v.toFixed(2)} pixels` : "none") },
  { key: "noise", label: "Noise", max: 40, step: 0.5, say: (v) => (v ? `${v} of 255` : "none") },
  // From mild to strong, as the others: 0 is none, 1 is quality 95, 95 is quality 1.
  { key: "jpeg", label: "JPEG", max: 95, step: 1, say: (v) => (v ? `quality ${96 - v}` : "none") },
];
const START = { blur: 3, noise: 0, jpeg: 0, depth: Infinity, other: 1 }; // blurred, to show what that does
const HASH = "#photograph=";
const QUIET = 700; // milliseconds without a change after which screen readers are told

async function render({ model, el }) {
  const widget = new PhotographWidget(model);
  el.append(widget.root);
  await widget.start();
  return () => widget.end();
}

class PhotographWidget {
  constructor(model) {
    this.model = model;
    this.index = model.get("index");
    this.window = this.index.size * this.index.scale;
    this.instruments = makeInstruments(model);
    this.steps = this.instruments[0].layers.length - 1; // of the depth
    this.grain = makeGrain(3 * this.index.size ** 2);
    this.picker = new PhotographPicker(model, this.window, () => {
      this.newContent = true;
      this.changed(false);
    });
    this.state = { ...START, depth: this.steps };
    this.keepTrail = false;
    this.schedule = oncePerFrame(() => this.update());
    this.build();
  }

  // ---- what there is to see ----

  build() {
    const { degradations } = this.index;
    this.input = element("canvas", { role: "img", "aria-label": "Being computed" });
    this.sliders = SLIDERS.map((slider) => numberSlider(this.state, slider, () => this.changed(true)));
    this.others = radios("Compare with", this.instruments.slice(1).map(({ name }) => name), (k) => this.compareWith(k + 1));
    this.panels = [0, 1].map((k) => new InstrumentPanel(this, degradations, k));
    this.depth = this.depthSlider();
    this.status = element("p", { class: "ddr-sentence", role: "status" });
    this.legend = legendOf(degradations,
      [svgElement("circle", { class: "ddr-own", r: 1, "stroke-width": 0.5 }), "this photograph"]);
    this.root = widgetRoot(
      { class: `ddr ddr-photograph${this.index.compact ? " ddr-compact" : ""}`, "aria-busy": "true" },
      this.picker.bar, this.picker.note, this.picker.problem,
      element("p", { class: "ddr-loading" }, "Loading the networks…"),
      element("div", { class: "ddr-columns" }, this.picker.figure,
        element("div", {},
          element("figure", { class: "ddr-input" }, this.input,
            element("figcaption", {}, `What the networks get: the frame, degraded and reduced to ${
              this.index.size} × ${this.index.size} pixels.`)),
          ...this.sliders.map(({ root }) => root))),
      this.others.root, this.depth.root,
      element("div", { class: "ddr-columns" }, ...this.panels.map(({ root }) => root)),
      this.legend, this.status,
      element("div", { class: "ddr-row ddr-actions" },
        button("Link to this view", () => this.link()), button("Save as picture", () => this.save()),
        button("Start again", () => this.reset())),
      ...this.live(),
    );
    this.picker.acceptDrops(this.root);
  }

  compareWith(k) {
    this.state.other = k;
    this.changed(false);
  }

  depthSlider() {
    const { layers } = this.instruments[0];
    const { input, output, show } = stops((depth) => {
      this.state.depth = depth;
      this.changed(false);
    });
    const names = layers.map(({ name }, k) => (k ? `block ${k} of ${layers.length - 1}` : `${name}, before block 1`));
    this.curve = new Curve();
    const root = element("div", { class: "ddr-depth" }, labelled("Depth", input, output), this.curve.root);
    return { root, show: () => show(names, this.state.depth) };
  }

  // The component of degradation at each depth, under its slider; both stand over the maps that they change.
  drawCurve(shown) {
    const lines = shown.map(({ layers }) => layers.map(({ degradation }) => degradation));
    const names = shown.map(({ name, layers }) =>
      `${name} (${percents(layers[this.depthIn({ layers })].degradation)} here)`);
    this.curve.show(lines, this.state.depth / this.steps, `Component of degradation along depth, 0 to 100% of the variance: ${
      solidAndDashed(names)}.`, shown.map(({ name }, k) => `${name}: ${lines[k].map(percents).join(", ")}`).join("; "));
  }

  // The layer at the chosen depth: the same share of the way through networks of any depth.
  depthIn({ layers }) {
    return Math.round((this.state.depth / this.steps) * (layers.length - 1));
  }

  // Where a kernel runs, another network of the architecture can be looked through.
  live() {
    return liveForm(this.model, {
      title: "Look through another network",
      unavailable: "Where this chapter runs in a notebook, any network of this architecture can be named here, one of "
        + "“ddr networks” or a file of your own.",
      fields: [["network", "Network", { type: "text", required: true, placeholder: "gan-wgr-reduced-s0" }]],
      action: "Look",
      onResult: ({ instrument }, [weights, numbers]) => {
        this.instruments.push(makeInstrument(this.index, instrument, floatsOf(numbers),
          async () => fromHalf(new Uint16Array(copyOf(weights))), bytesOf(this.model.get("kernel"))));
        this.others.add(instrument.name);
        this.compareWith(this.instruments.length - 1);
      },
    });
  }

  reset() {
    Object.assign(this.state, { ...START, depth: this.steps });
    this.picker.choose(0);
  }

  // ---- a view as a link ----

  link() {
    const { photo, left, top } = this.picker.state;
    const own = photo < 0 ? " Your photograph is not in it, since it stays on this page; all else is." : "";
    shareView({ photograph: Math.max(photo, 0), left, top, ...this.state }, (text) => this.say(`${this.lr ? this.sentence() : ""} ${text}${own}`.trim()));
  }

  readHash() {
    const read = readView(HASH, this.root);
    if (!read) return;
    const whole = (...limits) => Math.round(read(...limits));
    SLIDERS.forEach(({ key, max }) => { this.state[key] = read(key, 0, max, 0); });
    this.state.jpeg = Math.round(this.state.jpeg);
    this.state.depth = whole("depth", 0, this.steps, this.state.depth);
    this.state.other = whole("other", 1, this.instruments.length - 1, 1);
    const photo = whole("photograph", 0, this.index.photographs.length - 1, 0);
    this.picker.choose(photo, read("left", 0, 1e4, 64), read("top", 0, 1e4, 64));
  }

  // ---- computing ----

  async start() {
    await this.instruments[0].ready();
    await this.picker.start();
    this.readHash();
    this.onHash = () => this.readHash();
    addEventListener("hashchange", this.onHash);
    this.root.removeAttribute("aria-busy");
  }

  end() {
    removeEventListener("hashchange", this.onHash);
    clearTimeout(this.later);
    clearTimeout(this.spokenLater);
  }

  // Something has changed. Only moves of sliders go on with the trail.
  changed(keepTrail) {
    this.keepTrail &&= keepTrail;
    this.schedule();
  }

  async update() {
    const { state, index, keepTrail } = this;
    this.keepTrail = true;
    this.showControls();
    const shown = [this.instruments[0], this.instruments[state.other]];
    const networks = await Promise.all(shown.map((instrument) => instrument.ready()));
    const start = performance.now();
    const part = this.picker.part();
    this.flat = isFlat(part, this.window, index.flat);
    const floats = (bytes) => Float32Array.from(bytes, (v) => v / 255);
    const lr = degrade(part, index.size, { ...state, quality: state.jpeg && 96 - state.jpeg }, this.grain, index.scale);
    const clean = this.newContent || !keepTrail ? floats(degrade(part, index.size, {}, this.grain, index.scale)) : null;
    this.newContent = false;
    this.lr = floats(lr);
    paint(this.input, index.size, index.size, (at) => lr[at]);
    this.panels.forEach((panel, k) => panel.show(shown[k], networks[k], this.lr, clean, keepTrail));
    this.drawCurve(shown);
    performance.measure("ddr-photograph", { start }); // the tests read it
    clearTimeout(this.later);
    if (!index.compact) this.later = setTimeout(() => this.panels.forEach((panel) => panel.showOutput(this.lr)), 80);
    this.tell();
  }

  showControls() {
    const { state } = this;
    this.sliders.forEach((slider) => slider.show());
    this.depth.show();
    this.others.show(state.other - 1);
    this.input.setAttribute("aria-label",
      `Input of the networks: ${SLIDERS.map(({ key, label, say }) => `${label} ${say(state[key])}`).join(", ")}`);
  }

  // The sentence that says what is to be seen; spoken once the reader has stopped moving things.
  tell() {
    clearTimeout(this.spokenLater);
    this.spokenLater = setTimeout(() => this.say(this.sentence()), QUIET);
  }

  sentence() {
    const flat = this.flat ? "The frame is on a nearly flat part, which says little; move it to where there are edges. " : "";
    const unnamed = this.state.jpeg ? " No reference photograph is compressed: the maps have no place for what JPEG does." : "";
    return flat + this.panels.map((panel) => panel.sentence()).join(" ") + unnamed;
  }

  say(text) {
    clearTimeout(this.spokenLater);
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  // ---- a picture to keep ----

  async save() {
    const style = getComputedStyle(this.root);
    const settings = SLIDERS.map(({ key, label, say }) => `${label} ${say(this.state[key])}`).join(", ");
    const rows = await Promise.all(this.panels.map(async (panel, k) => [
      k ? [null, ""] : [this.input, settings],
      [await stillOf(panel.map.svg, 220, style), `${panel.name}: the map`],
      ...(this.index.compact ? [] : [[panel.features, "features"],
        panel.output.hidden ? [null, ""] : [panel.output, "output"]]),
    ]));
    const lines = [...this.panels.map((panel) => panel.sentence()), this.picker.credit.textContent];
    savePicture("photograph.png", this.root, rows, lines);
  }
}

export default { render };
