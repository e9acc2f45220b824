// Training, replayed: the map of the probe at the iterations at which networks were measured.

const SIDE = 100; // of a map, in its own units
const RIM = 4;
const HASH = "#replay=";
const SHOWN = 3; // dB below the best: what is learnt after the first moments
const STEP = 1100; // milliseconds an iteration of the film stays
const TRAVEL = 500; // of which the points travel
const QUIET = 700; // milliseconds without a change after which screen readers are told
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

function render({ model, el }) {
  const widget = new ReplayWidget(model);
  el.append(widget.root);
  widget.start();
  return () => widget.end();
}

class ReplayWidget {
  constructor(model) {
    this.index = model.get("index");
    const { networks } = this.index;
    this.stops = [...new Set(networks.flatMap(({ iterations }) => iterations))].sort((a, b) => a - b);
    this.layers = networks[0].layers;
    this.state = { stop: this.stops.length - 1, layer: this.layers.length - 1 };
    this.trainings = networks.map((about, k) => new Training(about, model.get("points")[k], this.index));
    this.build();
  }

  build() {
    this.iteration = stops((stop) => this.change({ stop }));
    this.layer = stops((layer) => this.change({ layer }));
    this.play = filmButton("Play the training", "Pause", () => (this.timer ? this.pause() : this.film()));
    [this.components, this.quality, this.depth] = [new Curve(), new Curve(), new Curve()];
    this.spoken = element("p", { class: "ddr-hidden", "aria-live": "polite" }); // what the maps say below them
    this.status = element("p", { role: "status" });
    this.root = widgetRoot(
      { class: "ddr ddr-replay" },
      element("div", { class: "ddr-row" }, this.play.root, labelled("Iteration", this.iteration.input, this.iteration.output)),
      element("div", { class: "ddr-columns" }, this.components.root, this.quality.root),
      element("div", { class: "ddr-columns" }, ...this.trainings.map(({ root }) => root)),
      legendOf(this.index.degradations),
      element("div", { class: "ddr-depth" }, labelled("Block", this.layer.input, this.layer.output), this.depth.root),
      element("div", { class: "ddr-row ddr-actions" }, button("Link to this view", () => this.link()),
        button("Save as picture", () => this.save())),
      this.spoken, this.status,
    );
  }

  start() {
    this.pause();
    this.onHash = () => this.readHash();
    addEventListener("hashchange", this.onHash);
    this.readHash();
    this.draw(false);
  }

  end() {
    removeEventListener("hashchange", this.onHash);
    this.pause();
    clearTimeout(this.later);
  }

  change(values) {
    this.pause();
    Object.assign(this.state, values);
    this.draw(!stillness.matches);
  }

  film() {
    if (this.state.stop === this.stops.length - 1) this.state.stop = -1;
    const advance = () => {
      this.state.stop += 1;
      this.draw(!stillness.matches);
      if (this.state.stop === this.stops.length - 1) this.pause();
    };
    this.timer = setInterval(advance, STEP);
    this.play.show(true);
    advance();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.show(false);
  }

  draw(moving) {
    const { stops: all, state, trainings } = this;
    const words = all.map((iteration) => (iteration ? `${iteration.toLocaleString("en")} iterations` : "before training"));
    this.iteration.show(words, state.stop, all[state.stop].toLocaleString("en"));
    this.layer.show(this.layers, state.layer);
    trainings.forEach((training) => training.show(all[state.stop], state.layer, moving));
    this.drawCurves();
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.spoken.textContent = `${words[state.stop]}, ${this.layers[state.layer]}. ${trainings.map((t) => t.sentence()).join(" ")}`;
    }, QUIET);
  }

  drawCurves() {
    const { stops: all, state, trainings } = this;
    const at = state.stop / (all.length - 1);
    const over = (value) => trainings.map((training) => all.map((iteration) => value(training, training.at(iteration))));
    const titles = solidAndDashed(trainings.map(({ about }) => about.title));
    const spoken = (lines, say) => trainings.map(({ about }, k) => `${about.title}: ${lines[k].map(say).join(", ")}`).join("; ");
    const components = over(({ about }, k) => about.component_degradation[k][state.layer]);
    const most = Math.max(0.05, ...trainings.flatMap(({ about }) => about.component_degradation.flat()));
    const scaled = (lines) => lines.map((line) => line.map((v) => v / most));
    this.components.show(scaled(components), at, `Component of degradation in ${this.layers[state.layer]} over the iterations, `
      + `0 to ${percents(most)}: ${titles}.`, spoken(components, percents));
    const psnr = over(({ about }, k) => about.psnr[k][0]);
    const high = Math.max(...psnr.flat());
    const low = Math.max(Math.min(...psnr.flat()), high - SHOWN);
    this.quality.show(psnr.map((line) => line.map((v) => (v - low) / (high - low || 1))), at,
      `PSNR of held-out photographs over the iterations, from ${low.toFixed(1)} dB (or less) to `
      + `${high.toFixed(1)} dB.`, spoken(psnr, (v) => v.toFixed(1)), ["currentColor", "currentColor"]);
    const depth = trainings.map(({ about, shown }) => about.component_degradation[shown]);
    this.depth.show(scaled(depth), state.layer / Math.max(this.layers.length - 1, 1),
      `Component of degradation along depth at this iteration, 0 to ${percents(most)}: ${titles}.`, spoken(depth, percents));
  }

  link() {
    shareView({ replay: this.stops[this.state.stop], block: this.state.layer }, (text) => { this.status.textContent = text; });
  }

  readHash() {
    const read = readView(HASH, this.root);
    if (!read) return;
    const iteration = read("replay", 0, this.stops.at(-1), 0);
    this.change({ stop: this.stops.findLastIndex((stop) => stop <= iteration),
      layer: Math.round(read("block", 0, this.layers.length - 1, this.state.layer)) });
  }

  async save() {
    const style = getComputedStyle(this.root);
    const row = await Promise.all(this.trainings.map(async (training) =>
      [await stillOf(training.svg, 220, style), training.about.title]));
    savePicture("training.png", this.root, [row], [this.iteration.output.textContent, ...this.trainings.map((t) => t.sentence())]);
  }
}

// One network in training: its map, and what is measured of it.
class Training {
  constructor(about, points, { degradations, samples }) {
    Object.assign(this, { about, degradations, samples });
    const { buffer, byteOffset, byteLength } = points;
    this.points = new Int16Array(buffer.slice(byteOffset, byteOffset + byteLength)); // it may begin anywhere
    this.marks = svgElement("g", { "fill-opacity": 0.75, stroke: "currentColor", "stroke-width": 0.2, "stroke-opacity": 0.6 });
    this.svg = svgElement("svg", { class: "ddr-map", viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": "Being computed" }, this.marks);
    this.figures = element("p", { class: "ddr-note" });
    this.root = element("section", { "aria-label": about.title },
      element("h3", { class: "ddr-title" }, about.title), this.svg, this.figures);
  }

  // The number of the latest measurement up to an iteration.
  at(iteration) {
    return this.about.iterations.findLastIndex((one) => one <= iteration);
  }

  positions(k, layer) {
    const start = (k * this.about.layers.length + layer) * this.samples * 2;
    const half = SIDE / 2 - RIM;
    return Float32Array.from({ length: 2 * this.samples }, (_, i) => {
      const value = (half * this.points[start + i]) / 32767;
      return SIDE / 2 + (i % 2 ? -value : value); // upwards, as in every plot
    });
  }

  show(iteration, layer, moving) {
    this.shown = this.at(iteration);
    this.component = this.about.component_degradation[this.shown][layer];
    const ended = iteration > this.about.iterations.at(-1) ? ` (ended after ${this.about.iterations.at(-1).toLocaleString("en")})` : "";
    this.figures.textContent = `Component of degradation ${percents(this.component)}, PSNR ${this.about.psnr[this.shown][0].toFixed(1)} dB${ended}`;
    this.svg.setAttribute("aria-label", `Map of ${this.sentence()}`);
    this.travel(this.positions(this.shown, layer), moving);
  }

  sentence() {
    return `${this.about.title}: ${this.figures.textContent}.`;
  }

  travel(target, moving) {
    cancelAnimationFrame(this.frame);
    const from = this.place;
    if (!moving || !from) {
      this.draw(target);
      return;
    }
    const start = performance.now();
    const step = (now) => {
      const t = between((now - start) / TRAVEL, 0, 1);
      const eased = t * t * (3 - 2 * t);
      this.draw(t < 1 ? target.map((v, k) => from[k] + (v - from[k]) * eased) : target);
      if (t < 1) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  draw(place) {
    this.place = place;
    this.marks.replaceChildren(...marksOf(this.degradations, this.samples, (i) => [place[2 * i], place[2 * i + 1]]));
  }
}

export default { render };
