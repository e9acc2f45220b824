// The widget: a photograph, a window on it, three degradations; what two instruments make of it.

const SLIDERS = [
  { key: "blur", label: "Blur", max: 6, step: 0.05, say: (v) => (v ? `${v.toFixed(2)} pixels` : "none") },
  { key: "noise", label: "Noise", max: 40, step: 0.5, say: (v) => (v ? `${v} of 255` : "none") },
  // From mild to strong, as the others: 0 is none, 1 is quality 95, 95 is quality 1.
  { key: "jpeg", label: "JPEG", max: 95, step: 1, say: (v) => (v ? `quality ${96 - v}` : "none") },
];
const START = { blur: 0, noise: 0, jpeg: 0, depth: Infinity, other: 1 };
const HASH = "#photograph=";
const QUIET = 700; // milliseconds without a change after which screen readers are told

const ADJECTIVES = { blur: "blurred", noise: "noisy" };
const inWord = (degradation) => ADJECTIVES[degradation.replace(/[\d.]+$/, "")] ?? degradation;

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
    this.grain = makeGrain(3 * this.index.size ** 2);
    this.picker = new PhotographPicker(model, this.window, () => {
      this.newContent = true;
      this.changed(false);
    });
    this.state = { ...START, depth: this.instruments[0].layers.length - 1 };
    this.keepTrail = false;
    this.schedule = oncePerFrame(() => this.update());
    this.build();
  }

  // ---- what there is to see ----

  build() {
    const { degradations } = this.index;
    this.input = element("canvas", { role: "img", "aria-label": "Being computed" });
    this.sliders = SLIDERS.map((slider) => numberSlider(this.state, slider, () => this.changed(true)));
    this.others = element("div", { class: "ddr-row", role: "radiogroup", "aria-label": "Compare with" },
      ...this.instruments.slice(1).map(({ name }, k) => this.radio(name, k + 1)));
    this.panels = [0, 1].map((k) => new InstrumentPanel(this, degradations, k));
    this.depth = this.depthSlider();
    this.status = element("p", { class: "ddr-sentence", role: "status" });
    this.legend = element("p", { class: "ddr-key" }, ...degradations.flatMap(({ name, colour }, k) => [
      svgElement("svg", { viewBox: "-1.5 -1.5 3 3", "aria-hidden": "true" },
        svgElement("path", { d: markPath(k, 0, 0), fill: colour })),
      element("span", {}, inWord(name)),
    ]), svgElement("svg", { viewBox: "-1.5 -1.5 3 3", "aria-hidden": "true" },
      svgElement("circle", { class: "ddr-own", r: 1, "stroke-width": 0.5 })),
    element("span", {}, "this photograph"));
    this.root = element(
      "div", { class: "ddr ddr-photograph", "aria-busy": "true" },
      this.picker.bar, this.picker.note, this.picker.problem,
      element("p", { class: "ddr-loading" }, "Loading the networks…"),
      element("div", { class: "ddr-columns" }, this.picker.figure,
        element("div", {},
          element("figure", { class: "ddr-input" }, this.input,
            element("figcaption", {}, `What the networks get: the frame, degraded and reduced to ${
              this.index.size} × ${this.index.size} pixels.`)),
          ...this.sliders.map(({ root }) => root))),
      element("div", { class: "ddr-others" }, element("span", {}, "Compare with"), this.others),
      element("div", { class: "ddr-columns" }, ...this.panels.map(({ root }) => root)),
      this.legend, this.status, this.depth.root,
      element("div", { class: "ddr-row ddr-actions" },
        button("Link to this view", () => this.link()), button("Save as picture", () => this.save()),
        button("Start again", () => this.reset())),
    );
    this.picker.acceptDrops(this.root);
  }

  radio(name, k) {
    const input = element("input", { type: "radio", value: k, onchange: () => {
      this.state.other = k;
      this.changed(false);
    } });
    // One name a widget keeps the radios of two widgets apart; no ids.
    input.name = this.radioName ??= `ddr-other-${Math.random().toString(36).slice(2)}`;
    return element("label", { class: "ddr-inline" }, input, element("span", {}, name));
  }

  depthSlider() {
    const { layers } = this.instruments[0];
    const { input, output, show } = stops((depth) => {
      this.state.depth = depth;
      this.changed(false);
    });
    const names = layers.map(({ name }, k) => (k ? `block ${k} of ${layers.length - 1}` : `${name}, before block 1`));
    this.curve = svgElement("svg", { class: "ddr-curve", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img",
      "aria-label": "Being computed" });
    this.curveCaption = element("figcaption", {});
    const root = element("figure", { class: "ddr-depth" }, labelled("Depth", input, output), this.curve, this.curveCaption);
    return { root, show: () => show(names, this.state.depth) };
  }

  // How much of the variance degradation explains at each depth, under the slider of the depth.
  drawCurve(shown) {
    const last = this.instruments[0].layers.length - 1;
    const x = (k) => ((100 * k) / last).toFixed(2);
    const lines = shown.map(({ layers }, i) => {
      const at = (k) => layers[Math.min(k, layers.length - 1)].degradation;
      const points = Array.from({ length: last + 1 }, (_, k) => `${x(k)} ${(23 - 22 * Math.max(at(k), 0)).toFixed(2)}`);
      return svgElement("polyline", { points: points.join(" "), class: i ? "ddr-second" : "" });
    });
    const here = x(this.state.depth);
    this.curve.replaceChildren(
      svgElement("path", { d: "M0 1H100M0 12H100M0 23H100", class: "ddr-grid" }),
      svgElement("path", { d: `M${here} 0V24`, class: "ddr-here" }), ...lines,
    );
    const [first, second] = shown.map(({ name }) => name);
    this.curveCaption.textContent = "Share of the variance that degradation explains, 0 to 100 %, along depth: solid "
      + `line ${first}, dashed ${second}.`;
    this.curve.setAttribute("aria-label", shown.map(({ name, layers }) =>
      `${name}: ${layers.map(({ degradation }) => `${Math.round(100 * degradation)} %`).join(", ")}`).join("; "));
  }

  reset() {
    Object.assign(this.state, { ...START, depth: this.instruments[0].layers.length - 1 });
    this.picker.choose(0);
  }

  // ---- a view as a link ----

  link() {
    const { photo, left, top } = this.picker.state;
    const parts = new URLSearchParams({ photograph: Math.max(photo, 0), left, top, ...this.state });
    history.replaceState(history.state, "", `#${parts}`);
    const own = photo < 0 ? " Your photograph is not in it, since it stays on this page; all else is." : "";
    const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject(); // not on every page
    copied.then(
      () => this.say(`The link is copied.${own}`),
      () => this.say(`The address of this page is now that of this view: copy it from the address bar.${own}`),
    );
  }

  readHash() {
    if (!location.hash.startsWith(HASH)) return;
    const parts = new URLSearchParams(location.hash.slice(1));
    const read = (key, low, high, otherwise) => {
      const value = parseFloat(parts.get(key));
      return Number.isFinite(value) ? between(value, low, high) : otherwise;
    };
    const whole = (...limits) => Math.round(read(...limits));
    SLIDERS.forEach(({ key, max }) => { this.state[key] = read(key, 0, max, 0); });
    this.state.jpeg = Math.round(this.state.jpeg);
    this.state.depth = whole("depth", 0, this.instruments[0].layers.length - 1, this.state.depth);
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
    this.later = setTimeout(() => this.panels.forEach((panel) => panel.showOutput(this.lr)), 80);
    this.tell();
  }

  showControls() {
    const { state } = this;
    this.sliders.forEach((slider) => slider.show());
    this.depth.show();
    this.others.querySelectorAll("input").forEach((input) => { input.checked = Number(input.value) === state.other; });
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
    return flat + this.panels.map((panel) => panel.sentence()).join(" ");
  }

  say(text) {
    clearTimeout(this.spokenLater);
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  // ---- a picture to keep ----

  async save() {
    const [side, gap, text] = [220, 12, 20];
    const canvas = element("canvas", { width: 4 * side + 5 * gap, height: 2 * (side + text) + 3 * gap + 3 * text });
    const context = canvas.getContext("2d");
    const { color, backgroundColor } = getComputedStyle(this.root);
    context.fillStyle = backgroundColor;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = false;
    context.font = "13px system-ui, sans-serif";
    const put = (picture, column, row, caption) => {
      const [x, y] = [gap + column * (side + gap), gap + row * (side + text + gap)];
      if (picture) context.drawImage(picture, x, y, side, side);
      context.fillStyle = color;
      context.fillText(caption, x, y + side + 15, side);
    };
    put(this.input, 0, 0, SLIDERS.map(({ key, label, say }) => `${label} ${say(this.state[key])}`).join(", "));
    for (const [row, panel] of this.panels.entries()) {
      put(await panel.map.picture(color, backgroundColor, side), 1, row, `${panel.name}: the map`);
      put(panel.features, 2, row, "features");
      put(panel.output.hidden ? null : panel.output, 3, row, panel.output.hidden ? "" : "output");
    }
    context.fillStyle = color;
    [...this.panels.map((panel) => panel.sentence()), this.picker.credit.textContent].forEach((line, k) => {
      context.fillText(line, gap, canvas.height - gap - (2 - k) * text, canvas.width - 2 * gap);
    });
    const url = URL.createObjectURL(await new Promise((done) => canvas.toBlob(done, "image/png")));
    element("a", { href: url, download: "photograph.png" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }
}

// One instrument: its map with the photograph's point, its features as colours, its output.
class InstrumentPanel {
  constructor(widget, degradations, k) {
    this.widget = widget;
    this.map = new PhotographMap(degradations);
    this.title = element("h3", { class: "ddr-title" });
    const computing = { role: "img", "aria-label": "Being computed" };
    this.features = element("canvas", computing);
    this.output = element("canvas", computing);
    this.outputCaption = element("figcaption", {});
    this.moved = element("p", { class: "ddr-moved" });
    this.note = element("p", { class: "ddr-note" });
    this.root = element(
      "section", { class: "ddr-panel", "aria-label": `Instrument ${k + 1}` },
      this.title, this.map.svg, this.moved, this.note,
      element("div", { class: "ddr-pair" },
        element("figure", {}, this.features, element("figcaption", {}, "Features, as colours")),
        element("figure", {}, this.output, this.outputCaption)),
    );
  }

  show(instrument, network, lr, clean, keepTrail) {
    const { index, state } = this.widget;
    const depth = Math.min(state.depth, instrument.layers.length - 1);
    const layer = instrument.layers[depth];
    const look = (image) => (network ? network.features(image, depth) : highPass(image, index.size));
    if (this.map.layer !== layer) this.describe(instrument, layer);
    if (clean) {
      this.untouched = pointOf(look(clean), layer);
      this.map.move(this.untouched, false);
    }
    const features = look(lr);
    this.point = pointOf(features, layer);
    this.map.move(this.point, keepTrail || Boolean(clean));
    paintFeatures(this.features, index.size, features, layer.colours);
    this.network = network;
    this.share = this.map.distance(this.point, this.untouched);
    this.moved.textContent = `Moved by ${Math.round(100 * this.share)} % of the map`;
    this.map.svg.setAttribute("aria-label", `Map of ${this.name}: ${this.sentence()}`);
    this.features.setAttribute("aria-label", `Features of ${this.name} as false colours`);
  }

  describe(instrument, layer) {
    this.name = instrument.name;
    this.map.show(layer);
    this.title.textContent = instrument.name[0].toUpperCase() + instrument.name.slice(1);
    const percent = (v) => `${Math.round(100 * v)} %`;
    const channels = layer.mean.length;
    this.note.textContent = `${layer.name}: the means of ${channels} feature maps, along the two directions in which they `
      + `vary most (${percent(layer.explained)} of the variance). Degradation explains ${percent(layer.degradation)} of `
      + `the variance, content ${percent(layer.content)}.`;
  }

  showOutput(lr) {
    const { size, scale } = this.widget.index;
    this.output.hidden = !this.network;
    this.outputCaption.textContent = this.network ? `Output, ${size * scale} × ${size * scale}` : "A filter has no output.";
    if (!this.network) return;
    this.network.features(lr);
    const image = this.network.output(lr);
    paint(this.output, size * scale, size * scale, (at) => 255 * image[at]);
    this.output.setAttribute("aria-label", `Output of ${this.name}`);
  }

  sentence() {
    const counts = this.map.neighbours(this.point).map(([name, count]) => `${count} ${inWord(name)}`);
    return `${this.name[0].toUpperCase()}${this.name.slice(1)}: of the ${NEAREST} nearest reference photographs, `
      + `${counts.join(" and ")}; moved by ${Math.round(100 * this.share)} % of the map.`;
  }
}

export default { render };
