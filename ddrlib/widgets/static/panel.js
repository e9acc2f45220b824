// One scatter plot of the explorer. The marks of one colour and shape are one <path>, so a thousand
// points are a dozen elements and the picture on the page is already the SVG that is exported.

const FAINT = 0.45; // opacity of what is not selected, which is still to be seen on a dark page
const REACH = 14; // how near the pointer has to come to a point, in the plot's units

const ring = (n, radius) => Array.from({ length: n }, (_, k) => {
  const angle = (2 * Math.PI * k) / n - Math.PI / 2;
  return [radius(k) * Math.cos(angle), radius(k) * Math.sin(angle)];
});
const PLUS = [[-0.4, -1.1], [0.4, -1.1], [0.4, -0.4], [1.1, -0.4], [1.1, 0.4], [0.4, 0.4], [0.4, 1.1],
  [-0.4, 1.1], [-0.4, 0.4], [-1.1, 0.4], [-1.1, -0.4], [-0.4, -0.4]];
const turned = ([x, y]) => [(x - y) * Math.SQRT1_2, (x + y) * Math.SQRT1_2];

// Outlines of radius about 1, under matplotlib's names (`ddrlib.plots.palette.MARKERS`).
const SHAPES = {
  o: ring(16, () => 1),
  s: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  "^": ring(3, () => 1.3),
  D: ring(4, () => 1.25),
  v: ring(3, () => 1.3).map(([x, y]) => [x, -y]),
  P: PLUS,
  X: PLUS.map(turned),
  "*": ring(10, (k) => (k % 2 ? 0.6 : 1.4)),
};

// The outline as an SVG path relative to the mark's centre.
function outline(marker, radius) {
  const points = SHAPES[marker].map(([x, y]) => [x * radius, y * radius]);
  const steps = points.map(([x, y], k) => {
    const [px, py] = k ? points[k - 1] : [0, 0];
    return `${k ? "l" : "m"}${(x - px).toFixed(2)} ${(y - py).toFixed(2)}`;
  });
  return `${steps.join("")}z`;
}

function insidePolygon(x, y, polygon) {
  let inside = false;
  polygon.forEach(([x1, y1], k) => {
    const [x2, y2] = polygon.at(k - 1);
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  });
  return inside;
}

// Three digits, though never more than two decimals.
const number = (x) => (x === null ? "n/a" : Number(x.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 2 }));
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

// One scatter plot with its own network, layer and projection. What is pointed at, selected and
// coloured belongs to the explorer, which hears of every gesture.
class Panel {
  constructor(explorer, name, shown) {
    this.explorer = explorer;
    this.name = name;
    this.shown = shown;
    // Outlined, because the palette's light colours alone are too faint on white, its dark on black.
    this.marks = svgElement("g", { stroke: "currentColor", "stroke-width": 0.6, "stroke-opacity": 0.5 });
    this.pointed = svgElement("g", { fill: "none", stroke: "currentColor" });
    this.lasso = svgElement("path", { class: "ddr-lasso" });
    this.plot = svgElement(
      "svg",
      { viewBox: `0 0 ${SIDE} ${SIDE}`, tabindex: 0, role: "application", class: "ddr-svg",
        "aria-roledescription": "scatter plot" },
      this.marks, this.pointed, this.lasso,
    );
    this.tip = element("div", { class: "ddr-tip", hidden: true });
    this.clear = button("Clear selection", () => {
      explorer.select([]);
      this.plot.focus(); // the button goes away
    });
    this.clear.className = "ddr-clear";
    this.summary = element("div", { class: "ddr-summary" });
    this.listen();
    this.root = element("section", { class: "ddr-panel", "aria-label": `Panel ${name}` },
      this.controls(), element("div", { class: "ddr-plot" }, this.plot, this.clear, this.tip), this.summary);
  }

  controls() {
    const choice = (field) => element("select", {
      onchange: (event) => this.explorer.choose(this, { [field]: Number(event.target.value) }),
    });
    this.network = choice("network");
    this.projection = choice("projection");
    this.layer = stops((layer) => this.explorer.choose(this, { layer }));
    this.depth = new Curve();
    return element("div", { class: "ddr-choices" },
      labelled("Network", this.network), labelled("Projection", this.projection),
      element("div", {}, labelled("Layer", this.layer.input, this.layer.output), this.depth.root));
  }

  get data() {
    return this.explorer.data;
  }

  // Shows another view; the points travel there, so that the eye can follow them.
  show(change = {}) {
    this.shown = { ...this.shown, ...change };
    const { networks, projections, samples } = this.data;
    const network = networks[this.shown.network];
    fillOptions(this.network, networks.map(({ title }) => title), this.shown.network);
    fillOptions(this.projection, projections, this.shown.projection);
    const depth = network.layers.length;
    this.layer.show(network.layers.map(({ name }, k) => `${name} (${k + 1} of ${depth})`), this.shown.layer);
    this.drawDepth(network.layers);
    this.plot.setAttribute("aria-label", `${this.title()}: ${samples} samples. Arrow keys move from `
      + "point to point, space selects, Escape clears.");
    this.radius = samples > 500 ? 3.2 : 4.4;
    this.outlines = this.data.markers.map((marker) => outline(marker, this.radius));
    this.travel(this.data.positions(this.shown));
    this.summarise();
  }

  // The variance components of all layers, under the slider that chooses one.
  drawDepth(layers) {
    const shown = this.data.shares.filter(([name]) => name !== "rest");
    const lines = shown.map(([name]) => layers.map(({ variance }) => variance[name][0]));
    this.depth.show(lines, this.shown.layer / Math.max(layers.length - 1, 1),
      `Variance components along depth, 0 to 100%: ${solidAndDashed(shown.map(([name]) => name))}.`,
      shown.map(([name], k) => `${name}: ${lines[k].map(percents).join(", ")}`).join("; "),
      shown.map(([name, colour]) => (name === "degradation" ? "" : colour)));
  }

  title() {
    const { networks, projections } = this.data;
    const { network, layer, projection } = this.shown;
    return `${networks[network].title}, ${networks[network].layers[layer].name}, ${projections[projection]}`;
  }

  travel(target) {
    cancelAnimationFrame(this.frame);
    const from = this.positions;
    if (stillness.matches || from?.length !== target.length) return this.place(target);
    const start = performance.now();
    const step = (now) => {
      const t = Math.min(Math.max(now - start, 0) / 450, 1);
      const eased = t * t * (3 - 2 * t);
      this.place(t < 1 ? target.map((value, k) => from[k] + (value - from[k]) * eased) : target);
      if (t < 1) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  place(positions) {
    this.positions = positions;
    this.draw();
    this.point();
  }

  // One path for each colour, shape and emphasis.
  draw() {
    const { colour, selection } = this.explorer;
    this.clear.hidden = selection.size === 0;
    const { codes } = this.data.byName[colour];
    const fills = this.data.colours[colour];
    const shapes = this.data.byName["degradation type"].codes;
    const groups = new Map();
    for (let i = 0; i < this.data.samples; i += 1) {
      const chosen = selection.size === 0 || selection.has(i);
      const fill = fills[codes[i]];
      const shape = shapes[i] % this.outlines.length;
      const key = `${chosen} ${fill} ${shape}`;
      if (!groups.has(key)) groups.set(key, { chosen, fill, d: [] });
      const x = this.positions[2 * i].toFixed(1);
      const y = this.positions[2 * i + 1].toFixed(1);
      groups.get(key).d.push(`M${x} ${y}${this.outlines[shape]}`);
    }
    const paths = [...groups.values()].sort((a, b) => a.chosen - b.chosen); // what is selected, on top
    this.marks.replaceChildren(...paths.map(({ chosen, fill, d }) => svgElement("path", {
      fill, opacity: chosen ? 0.85 : FAINT, d: d.join(""),
      ...(chosen && selection.size ? { "stroke-opacity": 1, "stroke-width": 1.4 } : {}),
    })));
  }

  // The point that mouse or keyboard is at: a ring, and lines to the same content under the other
  // degradations; the thumbnail only in the panel where the reader is.
  point() {
    const { current, active } = this.explorer;
    this.tip.hidden = current === null || active !== this;
    if (current === null) return this.pointed.replaceChildren();
    const kin = this.data.kin.get(this.data.byName[KIN].codes[current]);
    const [x, y] = this.at(current);
    this.pointed.replaceChildren(
      svgElement("path", { "stroke-opacity": 0.7, "stroke-dasharray": "3 2",
        d: kin.map((i) => `M${x} ${y}L${this.at(i).join(" ")}`).join("") }),
      svgElement("circle", { cx: x, cy: y, r: 2 * this.radius, "stroke-width": 2.5 }),
    );
    if (this.tip.hidden) return;
    this.tip.replaceChildren(this.explorer.thumbnail(current, this, 3),
      element("span", {}, this.data.describe(current)));
    this.placeTip(current);
  }

  // Into the corner where it covers the fewest marks, not the one that it is about, nor the button.
  placeTip(current) {
    const scale = SIDE / this.plot.clientWidth;
    const [width, height] = [this.tip.offsetWidth * scale, this.tip.offsetHeight * scale];
    const covers = ([left, top]) => (sample) => {
      const [x, y] = this.at(sample);
      return x > left - MARGIN && x < left + width + MARGIN && y > top - MARGIN && y < top + height + MARGIN;
    };
    const all = [...Array(this.data.samples).keys()];
    const corners = [[0, 0], [SIDE - width, 0], [0, SIDE - height], [SIDE - width, SIDE - height]];
    const costs = corners.map((corner, k) => all.filter(covers(corner)).length
      + (covers(corner)(current) ? 2 * all.length : 0) + (k === 1 && !this.clear.hidden ? all.length : 0));
    const [left, top] = corners[costs.indexOf(Math.min(...costs))];
    this.tip.style.left = `${(100 * left) / SIDE}%`;
    this.tip.style.top = `${(100 * top) / SIDE}%`;
  }

  at(sample) {
    return [this.positions[2 * sample], this.positions[2 * sample + 1]];
  }

  summarise() {
    const { variance } = this.figuresOfLayer;
    const shares = this.data.shares.map(([name, colour]) => [name, variance[name][0], `background:var(--${name}, ${colour})`]);
    const bar = element("div", { class: "ddr-bar", "aria-hidden": "true" }, ...shares.map(
      ([, value, style]) => element("span", { style: `flex-grow:${Math.max(value, 0)};${style}` }),
    ));
    const key = element("p", { class: "ddr-key" }, "Feature variance: ", ...shares.map(
      ([name, value, style]) => element("span", {}, element("i", { style }), `${name} ${percents(value)}`),
    ));
    const shown = this.chiShown().map(([name, value]) => `${number(value)} by ${name}`).join(", ");
    this.summary.replaceChildren(
      element("p", { class: "ddr-chi" }, `CHI of this map: ${shown}.`), bar, key,
    );
  }

  get figuresOfLayer() {
    return this.data.networks[this.shown.network].layers[this.shown.layer];
  }

  // By degradation and content always; by what the points are coloured by where that differs.
  chiShown() {
    const { byName } = this.data;
    const { chi } = this.data.view(this.shown);
    const names = ["degree", "content"];
    const own = byName[this.explorer.colour];
    const same = (name) => byName[name].codes.every((code, i) => code === own.codes[i]);
    if (!names.some(same)) names.push(own.name);
    return names.map((name) => [name === "degree" ? "degradation" : name, chi[name]]);
  }

  // All that the panel says, as [name, value] rows.
  figures() {
    const { networks, projections } = this.data;
    const { name, dim, chi, variance } = this.figuresOfLayer;
    const seeds = ["degradation", "content"].map((by) => {
      const [mean, sd, n] = chi[by];
      return [`CHI by ${by}, mean ± sd of ${n} t-SNE seeds`, `${number(mean)} ± ${number(sd)}`];
    });
    const shares = this.data.shares.map(([share]) => {
      const [value, low, high] = variance[share].map(percents);
      return [`variance: ${share}, 95% interval`, `${value} (${low} to ${high})`];
    });
    return [
      ["panel", this.name], ["network", networks[this.shown.network].name], ["layer", name],
      ["features", dim], ["projection", projections[this.shown.projection]],
      ...this.chiShown().map(([by, value]) => [`CHI of this map by ${by}`, number(value)]),
      ...seeds, ...shares,
    ];
  }

  // ------------------------------------------------------------------------------- gestures

  listen() {
    const { plot, explorer } = this;
    plot.addEventListener("keydown", (event) => this.key(event));
    plot.addEventListener("focus", () => plot.matches(":focus-visible")
      && explorer.point(this, explorer.current ?? 0));
    plot.addEventListener("blur", () => explorer.point(this, null));
    plot.addEventListener("pointerdown", (event) => this.press(event));
    plot.addEventListener("pointermove", (event) => this.move(event));
    plot.addEventListener("pointerup", (event) => this.release(event));
    plot.addEventListener("pointercancel", () => this.dropLasso());
    // A finger leaves whenever it is lifted; what it tapped stays.
    plot.addEventListener("pointerleave", (event) => this.polygon || event.pointerType === "touch"
      || explorer.point(this, null));
  }

  placeOf(event) {
    const box = this.plot.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  nearest([x, y], reach, accepts = () => true) {
    let best = null;
    let least = reach ** 2;
    for (let i = 0; i < this.data.samples; i += 1) {
      const dx = this.positions[2 * i] - x;
      const dy = this.positions[2 * i + 1] - y;
      const distance = dx * dx + dy * dy;
      if (distance < least && accepts(dx, dy, i)) [best, least] = [i, distance];
    }
    return best;
  }

  press(event) {
    if (event.button !== 0) return;
    this.plot.setPointerCapture(event.pointerId);
    this.polygon = [this.placeOf(event)];
  }

  move(event) {
    const place = this.placeOf(event);
    if (!this.polygon) return this.explorer.point(this, this.nearest(place, REACH));
    this.polygon.push(place);
    this.lasso.setAttribute("d", `M${this.polygon.map((p) => p.map(Math.round).join(" ")).join("L")}Z`);
  }

  release(event) {
    const polygon = this.polygon ?? [];
    this.dropLasso();
    const spread = polygon.flatMap(([x, y]) => [Math.abs(x - polygon[0][0]), Math.abs(y - polygon[0][1])]);
    if (Math.max(...spread) < 4) return this.tap(this.placeOf(event));
    const caught = [...Array(this.data.samples).keys()]
      .filter((i) => insidePolygon(...this.at(i), polygon));
    this.explorer.select(event.shiftKey ? [...this.explorer.selection, ...caught] : caught);
  }

  dropLasso() {
    this.polygon = null;
    this.lasso.setAttribute("d", "");
  }

  tap(place) {
    const sample = this.nearest(place, REACH);
    if (sample === null) return this.explorer.select([]);
    this.explorer.point(this, sample);
    this.explorer.toggle([sample]);
  }

  // Arrows go to the nearest point that way (and take it along with shift); page keys go through
  // all samples in their order, so that no point is out of reach.
  key(event) {
    const { explorer, data } = this;
    const current = explorer.current ?? 0;
    const [x, y] = this.at(current);
    const ahead = (sx, sy) => () => this.nearest([x, y], Infinity, (dx, dy, i) => i !== current
      && dx * sx + dy * sy > 0 && Math.abs(dx * sy) + Math.abs(dy * sx) <= dx * sx + dy * sy);
    const moves = {
      ArrowLeft: ahead(-1, 0), ArrowRight: ahead(1, 0), ArrowUp: ahead(0, -1), ArrowDown: ahead(0, 1),
      PageDown: () => (current + 1) % data.samples,
      PageUp: () => (current + data.samples - 1) % data.samples,
      Home: () => 0, End: () => data.samples - 1,
    };
    if (event.key in moves) {
      const next = moves[event.key]() ?? current;
      if (event.shiftKey) explorer.select([...explorer.selection, current, next]);
      explorer.point(this, next);
    } else if (event.key === " " || event.key === "Enter") explorer.toggle([current]);
    else if (event.key === "Escape") explorer.select([]);
    else return;
    event.preventDefault();
  }
}
