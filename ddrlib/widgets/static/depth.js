// A map of images in the layers of a network: dots, and some of them as the pictures that they are.

const THUMBNAIL = 32; // pixels of one in the sheet
const FRAME_MS = 1100; // of a layer, when it plays
const EDGE = 20; // pixels free around the map

// Outlines of radius 1, under matplotlib's names.
const SHAPES = {
  o: "M1 0A1 1 0 1 1 -1 0A1 1 0 1 1 1 0Z", s: "M-.9 -.9H.9V.9H-.9Z", "^": "M0 -1.1L1 .8H-1Z",
  D: "M0 -1.2L1.2 0L0 1.2L-1.2 0Z", v: "M0 1.1L1 -.8H-1Z",
};
const shapeOf = ({ marker, colour }, radius) => svgElement("path", {
  d: SHAPES[marker] ?? SHAPES.o, fill: colour, transform: `scale(${radius})`,
});

// Places in 0 to 1 of all samples in layer `k`.
function placesOf(points, samples, k) {
  const view = new DataView(points.buffer, points.byteOffset + 4 * samples * k, 4 * samples);
  return Array.from({ length: samples }, (_, i) => [0, 2].map(
    (at) => view.getUint16(4 * i + at, true) / 65535,
  ));
}

const extent = (values) => Math.max(...values) - Math.min(...values);

// A picture of the sheet in a frame of its colour, cut out by a viewBox of its own.
function pictureOf(sheet, columns, i, { colour }, side) {
  const [row, column] = [Math.floor(i / columns), i % columns];
  const cut = svgElement("svg", {
    x: -side / 2, y: -side / 2, width: side, height: side,
    viewBox: `${column * THUMBNAIL} ${row * THUMBNAIL} ${THUMBNAIL} ${THUMBNAIL}`,
  }, svgElement("image", { href: sheet, width: columns * THUMBNAIL }));
  const frame = svgElement("rect", {
    x: -side / 2, y: -side / 2, width: side, height: side, fill: "none", stroke: colour, "stroke-width": 3,
  });
  return [cut, frame];
}

function render({ model, el }) {
  const [index, points] = ["index", "points"].map((name) => model.get(name));
  const { samples, degradation, degradations, layers, columns, chance } = index;
  const sheet = imageUrl(model.get("sheet"));
  const pictured = new Set(index.pictures);
  const upright = layers.map((_, k) => placesOf(points, samples, k));
  const [across, along] = [0, 1].map((at) => extent(upright.at(-1).map((place) => place[at])));
  const lying = along > across; // the page is wide: the last layer's longer side lies
  const places = lying ? upright.map((each) => each.map(([x, y]) => [y, x])) : upright;
  let [layer, timer, width, height] = [layers.length - 1, 0, 0, 0];

  const order = [...degradation.keys()].sort((a, b) => pictured.has(a) - pictured.has(b));
  const dots = order.map((i) => svgElement("g", { class: "ddr-dot" }));
  const map = svgElement("svg", { role: "img" }, ...dots);
  const said = element("p", { "aria-live": "polite" });
  const { input, output, show } = stops((k) => { stop(); move(k); });
  const button = element("button", { type: "button", onclick: () => (timer ? stop() : play()) }, "Play");
  const names = degradations.map((each) => element(
    "span", {}, svgElement("svg", { viewBox: "-1.4 -1.4 2.8 2.8" }, shapeOf(each, 1)), each.name,
  ));

  function fill() {
    map.classList.remove("ddr-moves");
    width = map.clientWidth || 640;
    height = Math.max(190, Math.min(0.5 * width, 330));
    map.setAttribute("viewBox", `0 0 ${width} ${height}`);
    map.style.height = `${height}px`;
    const side = Math.max(24, Math.min(width / 18, 36));
    dots.forEach((dot, at) => {
      const [i, kind] = [order[at], degradations[degradation[order[at]]]];
      dot.replaceChildren(...(pictured.has(i) ? pictureOf(sheet, columns, i, kind, side) : [shapeOf(kind, 3.5)]));
    });
    draw(layer);
  }

  function draw(k) {
    layer = k;
    // One scale for both directions: distances are those of the projection.
    const [xs, ys] = [0, 1].map((at) => places[k].map((place) => place[at]));
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const scale = Math.min((width - 2 * EDGE) / (right - left), (height - 2 * EDGE) / (high - low || 1));
    dots.forEach((dot, at) => {
      const x = width / 2 + scale * (xs[order[at]] - (left + right) / 2);
      const y = height / 2 - scale * (ys[order[at]] - (low + high) / 2);
      dot.style.transform = `translate(${x}px, ${y}px)`;
    });
    show(layers.map(({ title }) => title), k);
    said.textContent = `${layers[k].purity} of the nearest neighbours of an image share its degradation; `
      + `by chance ${chance} would.`;
    map.setAttribute("aria-label", `Map of ${samples} images by what ${layers[k].title} makes of them: `
      + `${degradations.map(({ name }) => name).join(", ")}.`);
  }

  // Only what the reader asks for travels; a new size is there at once.
  function move(k) {
    map.classList.add("ddr-moves");
    draw(k);
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  }

  function play() {
    button.textContent = "Pause";
    move(0);
    timer = setInterval(() => {
      move(layer + 1);
      if (layer === layers.length - 1) stop();
    }, FRAME_MS);
  }

  el.append(widgetRoot(
    { class: "ddr ddr-depth" },
    element("p", { class: "ddr-names" }, "Each mark is an image: ", ...names), map,
    element("div", { class: "ddr-row" }, button, labelled("Depth", input, output)), said,
  ));
  const watch = new ResizeObserver(fill);
  watch.observe(map.parentElement);
  fill();
  return () => {
    stop();
    watch.disconnect();
    URL.revokeObjectURL(sheet);
  };
}

export default { render };
