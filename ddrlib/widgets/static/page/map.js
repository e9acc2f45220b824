// What a network makes of a photograph, reduced to a point on a map: the mean of each feature map,
// projected on the first two principal components of the reference photographs.

const NEAREST = 7; // reference photographs that are counted
const TRAIL = 400; // points of the trail that are kept
const MAP = 100; // side of a map, in its own units
const MARGIN = 6;
const RIM = 4; // of the ring's middle to the edge: the ring and its stroke are seen whole

// The networks and the filter of a page, each with its layers.
function makeInstruments(model) {
  const index = model.get("index");
  const numbers = floatsOf(model.get("numbers"));
  const kernel = bytesOf(model.get("kernel"));
  return index.instruments.map((about) => makeInstrument(index, about, numbers, about.seed === undefined
    ? () => weightsOf(model, about.weights) : () => untrainedWeights(about.network, about.seed), kernel));
}

// One of them: its numbers lie in `numbers`; `read` gives its weights when it is first needed.
function makeInstrument({ size }, { name, layers, network }, numbers, read, kernel) {
  const array = ({ at, shape }) => numbers.subarray(at, at + shape.reduce((a, b) => a * b));
  const unpack = (layer) => ({
    ...layer,
    ...Object.fromEntries(["mean", "axes", "points"].map((key) => [key, array(layer[key])])),
    colours: Object.fromEntries(Object.entries(layer.colours).map(([key, place]) => [key, array(place)])),
  });
  const prepare = async () => makeNetwork(network, await read(), size, kernel);
  let made = null;
  return { name, layers: layers.map(unpack), ready: () => (made ??= network && prepare()) };
}

// The means of the feature maps (pixels, channels), and the point on the map of a layer.
function pointOf(features, { mean, axes }) {
  const channels = mean.length;
  const means = new Float64Array(channels);
  for (let i = 0; i < features.length; i += 1) means[i % channels] += features[i];
  const pixels = features.length / channels;
  return [0, 1].map((k) => {
    let sum = 0;
    for (let c = 0; c < channels; c += 1) sum += (means[c] / pixels - mean[c]) * axes[k * channels + c];
    return sum;
  });
}

// Three principal directions of the pixels' features as red, green and blue.
function paintFeatures(canvas, size, features, { mean, axes, low, high }) {
  const channels = mean.length;
  paint(canvas, size, size, (at) => {
    const [pixel, colour] = [Math.floor(at / 3), at % 3];
    let sum = 0;
    for (let c = 0; c < channels; c += 1) {
      sum += (features[pixel * channels + c] - mean[c]) * axes[colour * channels + c];
    }
    return (255 * (sum - low[colour])) / (high[colour] - low[colour]);
  });
}

class PhotographMap {
  constructor(degradations) {
    this.degradations = degradations;
    this.dots = svgElement("g", { "fill-opacity": 0.75, stroke: "currentColor", "stroke-width": 0.2, "stroke-opacity": 0.6 });
    this.trail = svgElement("polyline", { class: "ddr-trail" });
    this.own = svgElement("circle", { class: "ddr-own", r: 2.6 });
    this.svg = svgElement(
      "svg", { class: "ddr-map", viewBox: `0 0 ${MAP} ${MAP}`, role: "img", "aria-label": "Being computed" },
      this.dots, this.trail, this.own,
    );
    this.path = [];
  }

  // The map of a layer. `own` is the photograph's point when nothing is done to it.
  show(layer) {
    this.layer = layer;
    this.contents = layer.points.length / 2 / this.degradations.length;
    const bounds = [0, 1].map((axis) => {
      const values = layer.points.filter((_, i) => i % 2 === axis);
      return [Math.min(...values), Math.max(...values)];
    });
    this.scale = bounds.map(([low, high]) => [(low + high) / 2, (MAP - 2 * MARGIN) / (high - low || 1)]);
    this.dots.replaceChildren(...marksOf(this.degradations, layer.points.length / 2, (i) => this.place(this.reference(i))));
    this.path = [];
  }

  reference(i) {
    return [this.layer.points[2 * i], this.layer.points[2 * i + 1]];
  }

  // Place on the picture; what lies outside the reference is kept at the rim.
  place([x, y]) {
    const [across, up] = this.scale.map(([middle, scale], axis) => MAP / 2 + ([x, y][axis] - middle) * scale);
    return [across, MAP - up].map((v) => Math.min(Math.max(v, RIM), MAP - RIM));
  }

  move(point, keepTrail) {
    this.path = [...(keepTrail ? this.path.slice(-TRAIL) : []), this.place(point)];
    const [x, y] = this.path.at(-1);
    this.own.setAttribute("cx", x.toFixed(2));
    this.own.setAttribute("cy", y.toFixed(2));
    this.trail.setAttribute("points", this.path.map((at) => at.map((v) => v.toFixed(1)).join(" ")).join(" "));
  }

  // How many of the nearest reference photographs there are of each degradation: [[name, count], ...].
  neighbours([x, y]) {
    const [[, sx], [, sy]] = this.scale;
    const distance = (i) => Math.hypot((this.layer.points[2 * i] - x) * sx, (this.layer.points[2 * i + 1] - y) * sy);
    const all = Array.from({ length: this.layer.points.length / 2 }, (_, i) => [distance(i), i]);
    const near = all.sort(([a], [b]) => a - b).slice(0, NEAREST);
    return this.degradations
      .map(({ name }, k) => [name, near.filter(([, i]) => Math.floor(i / this.contents) === k).length])
      .filter(([, count]) => count)
      .sort(([, a], [, b]) => b - a);
  }

  // How far two points lie apart, as a share of the side of the map.
  distance(a, b) {
    return Math.hypot(...this.scale.map(([, scale], axis) => (a[axis] - b[axis]) * scale)) / (MAP - 2 * MARGIN);
  }
}
