// The widget: a photograph, a window on it, three degradations; what two instruments make of it.

const SLIDERS = [
  { key: "blur", label: "Blur", max: 6, step: 0.05, say: (v) => (v ? `${v.toFixed(2)} pixels` : "none") },
  { key: "noise", label: "Noise", max: 40, step: 0.5, say: (v) => (v ? `${v} of 255` : "none") },
  // From mild to strong, as the others: 0 is none, 1 is quality 95, 95 is quality 1.
  { key: "jpeg", label: "JPEG", max: 95, step: 1, say: (v) => (v ? `quality ${96 - v}` : "none") },
];
const START = { photo: 0, left: 64, top: 64, blur: 0, noise: 0, jpeg: 0, depth: Infinity, other: 1 };
const HASH = "#photograph=";
const QUIET = 700; // milliseconds without a change after which screen readers are told

const between = (v, low, high) => Math.min(Math.max(v, low), high);
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
    this.state = { ...START, depth: this.instruments[0].layers.length - 1 };
    this.build();
  }

  // ---- what there is to see ----

  build() {
    const { degradations } = this.index;
    this.file = element("input", { type: "file", accept: "image/*", class: "ddr-hidden", tabindex: -1,
      "aria-label": "Photograph file", onchange: () => this.take(this.file.files[0]) });
    this.thumbnails = element("div", { class: "ddr-thumbs", role: "group", "aria-label": "Photographs" });
    this.whole = element("canvas", { role: "img", "aria-label": "The whole photograph" });
    this.frame = element("div", {
      class: "ddr-window", tabindex: 0, role: "application", onkeydown: (event) => this.key(event),
    });
    this.photo = element("div", { class: "ddr-whole" }, this.whole, this.frame);
    this.input = element("canvas", { role: "img" });
    this.credit = element("p", { class: "ddr-note" });
    this.sliders = SLIDERS.map((slider) => this.slider(slider));
    this.others = element("div", { class: "ddr-row", role: "radiogroup", "aria-label": "Compare with" },
      ...this.instruments.slice(1).map(({ name }, k) => this.radio(name, k + 1)));
    this.panels = [0, 1].map((k) => new InstrumentPanel(this, degradations, k));
    this.depth = this.depthSlider();
    this.status = element("p", { class: "ddr-sentence", role: "status" });
    this.problem = element("p", { class: "ddr-problem", role: "alert" });
    this.legend = element("p", { class: "ddr-key" }, ...degradations.flatMap(({ name, colour }, k) => [
      svgElement("svg", { viewBox: "-1.5 -1.5 3 3", "aria-hidden": "true" },
        svgElement("path", { d: markPath(k, 0, 0), fill: colour })),
      element("span", {}, inWord(name)),
    ]), svgElement("svg", { viewBox: "-1.5 -1.5 3 3", "aria-hidden": "true" },
      svgElement("circle", { class: "ddr-own", r: 1, "stroke-width": 0.5 })),
    element("span", {}, "this photograph"));
    const button = (text, onclick) => element("button", { type: "button", onclick }, text);
    this.root = element(
      "div", { class: "ddr ddr-photograph", "aria-busy": "true" },
      element("div", { class: "ddr-row" },
        button("Choose a photograph…", () => this.file.click()), this.file, this.thumbnails),
      element("p", { class: "ddr-note" },
        "Or drop one here. It stays on this page: everything is computed by your browser, nothing is sent."),
      this.problem, element("p", { class: "ddr-loading" }, "Loading the networks…"),
      element("div", { class: "ddr-columns" },
        element("figure", {}, this.photo,
          element("figcaption", {}, "Drag the frame, or move it with the arrow keys."), this.credit),
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
    this.root.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.root.classList.add("ddr-over");
    });
    this.root.addEventListener("dragleave", () => this.root.classList.remove("ddr-over"));
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      this.root.classList.remove("ddr-over");
      this.take(event.dataTransfer.files[0]);
    });
    this.followPointer();
  }

  slider({ key, label, max, step, say }) {
    const input = element("input", { type: "range", min: 0, max, step, value: 0, oninput: () => {
      this.state[key] = Number(input.value);
      this.changed(true);
    } });
    const output = element("output", { "aria-hidden": "true" });
    const show = () => {
      input.value = this.state[key];
      output.textContent = say(this.state[key]);
      input.setAttribute("aria-valuetext", output.textContent);
    };
    return { root: labelled(label, input, output), show };
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
    this.curve = svgElement("svg", { class: "ddr-curve", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img" });
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

  // ---- what the reader does ----

  followPointer() {
    let grip = null; // where in the frame it is held
    const place = (event) => {
      const box = this.whole.getBoundingClientRect();
      const scale = this.shown.width / box.width;
      return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    };
    this.photo.addEventListener("pointerdown", (event) => {
      if (!this.shown || event.button) return;
      const [x, y] = place(event);
      const inFrame = event.target === this.frame;
      grip = inFrame ? [x - this.state.left, y - this.state.top] : [this.window / 2, this.window / 2];
      this.photo.setPointerCapture(event.pointerId);
      this.moveTo(x - grip[0], y - grip[1]);
    });
    this.photo.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const [x, y] = place(event);
      this.moveTo(x - grip[0], y - grip[1]);
    });
    ["pointerup", "pointercancel"].forEach((name) => this.photo.addEventListener(name, () => { grip = null; }));
  }

  key(event) {
    const step = event.shiftKey ? 16 : 4;
    const [across, down] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[
      event.key] ?? [0, 0];
    if (!across && !down) return;
    event.preventDefault();
    this.moveTo(this.state.left + across, this.state.top + down);
  }

  moveTo(left, top) {
    this.state.left = between(Math.round(left), 0, this.shown.width - this.window);
    this.state.top = between(Math.round(top), 0, this.shown.height - this.window);
    this.newContent = true;
    this.changed(false);
  }

  // A photograph of the reader's.
  async take(file) {
    this.problem.textContent = "";
    try {
      if (!file) throw new Error("That was not a file. Save the picture first, then drop or choose it.");
      this.open(await readPhoto(file, this.window), -1, file.name);
    } catch (error) {
      this.problem.textContent = error.message;
    }
    this.file.value = "";
  }

  open(photo, k, name) {
    this.shown = photo;
    this.name = name;
    this.state.photo = k;
    this.newContent = true;
    const { width, height, rgb } = photo;
    paint(this.whole, width, height, (at) => 255 * rgb[at]);
    this.photo.style.aspectRatio = `${width} / ${height}`;
    this.photo.style.maxWidth = `min(100%, ${Math.round((24 * width) / height)}rem)`;
    [...this.thumbnails.children].forEach((button, i) => button.setAttribute("aria-pressed", i === k));
    const about = this.index.photographs[k];
    this.credit.textContent = about
      ? `Photograph “${about.name}”: ${about.author}, ${about.licence}; reduced and cropped.`
      : `${name}, reduced to ${width} × ${height} pixels.`;
    this.moveTo(this.state.left, this.state.top);
  }

  choose(k) {
    this.problem.textContent = "";
    Object.assign(this.state, { left: START.left, top: START.top });
    this.open(this.photographs[k], k, this.index.photographs[k].name);
  }

  reset() {
    Object.assign(this.state, { ...START, depth: this.instruments[0].layers.length - 1 });
    this.choose(0);
  }

  // ---- a view as a link ----

  link() {
    const { photo, ...rest } = this.state;
    if (photo < 0) {
      this.say("Your photograph is not in the link, since it stays on this page; settings and frame are.");
    }
    const parts = new URLSearchParams({ photograph: Math.max(photo, 0), ...rest });
    history.replaceState(history.state, "", `#${parts}`);
    navigator.clipboard?.writeText(location.href).then(
      () => photo < 0 || this.say("The link is copied."),
      () => this.say("The address of this page is now that of this view: copy it from the address bar."),
    );
  }

  readHash() {
    if (!location.hash.startsWith(HASH)) return;
    const parts = new URLSearchParams(location.hash.slice(1));
    const limits = {
      photograph: this.photographs.length - 1, left: 1e4, top: 1e4, depth: this.instruments[0].layers.length - 1,
      other: this.instruments.length - 1, ...Object.fromEntries(SLIDERS.map(({ key, max }) => [key, max])),
    };
    for (const [key, max] of Object.entries(limits)) {
      const value = parseFloat(parts.get(key));
      const whole = !["blur", "noise"].includes(key);
      const low = key === "other" ? 1 : 0;
      if (Number.isFinite(value)) {
        this.state[key === "photograph" ? "photo" : key] = between(whole ? Math.round(value) : value, low, max);
      }
    }
    this.open(this.photographs[this.state.photo], this.state.photo, this.index.photographs[this.state.photo].name);
  }

  // ---- computing ----

  async start() {
    this.photographs = await Promise.all(this.model.get("pictures").map(
      async (bytes) => drawUpright(await createImageBitmap(new Blob([bytesOf(bytes)])), 1),
    ));
    this.photographs.forEach(({ width, height, rgb }, k) => {
      const canvas = element("canvas", {});
      paint(canvas, width, height, (at) => 255 * rgb[at]);
      const { name } = this.index.photographs[k];
      this.thumbnails.append(element("button", {
        type: "button", "aria-label": name, title: name, onclick: () => this.choose(k),
      }, canvas));
    });
    if (!pixelsAreTrue()) {
      this.problem.textContent = "This browser alters the pixels that a page reads (a guard against "
        + "tracking), so nothing below is exact. Allow canvas reading for this page, or use another browser.";
    }
    await this.instruments[0].ready();
    this.choose(0);
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

  // Something has changed: compute at the next frame, once, however many events there were.
  changed(keepTrail) {
    this.keepTrail = keepTrail && (this.keepTrail ?? true);
    this.frameRequest ??= requestAnimationFrame(() => {
      this.frameRequest = null;
      const keep = this.keepTrail;
      this.keepTrail = undefined;
      this.update(keep);
    });
  }

  async update(keepTrail) {
    const { state, index } = this;
    this.showControls();
    const shown = [this.instruments[0], this.instruments[state.other]];
    const networks = await Promise.all(shown.map((instrument) => instrument.ready()));
    const start = performance.now();
    const part = cut(this.shown, state.left, state.top, this.window);
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
    const { state, shown } = this;
    this.sliders.forEach((slider) => slider.show());
    this.depth.show();
    this.others.querySelectorAll("input").forEach((input) => { input.checked = Number(input.value) === state.other; });
    const share = (v, of) => `${(100 * v) / of}%`;
    Object.assign(this.frame.style, {
      left: share(state.left, shown.width), top: share(state.top, shown.height),
      width: share(this.window, shown.width), height: share(this.window, shown.height),
    });
    this.frame.setAttribute("aria-label",
      `Frame on the photograph: ${state.left} from the left, ${state.top} from the top. Arrow keys move it.`);
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
    [...this.panels.map((panel) => panel.sentence()), this.credit.textContent].forEach((line, k) => {
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
    this.features = element("canvas", { role: "img" });
    this.output = element("canvas", { role: "img" });
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
