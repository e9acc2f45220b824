// A map of images in the layers of a network: a mark each, and beside the map the pictures of some.

const THUMBNAIL = 32; // pixels of one in the sheet
const [FRAME_MS, FILM_MS] = [500, 9500]; // of a layer at most, when it plays, and of all of them
const EDGE = 10; // pixels free around the map, and beside the pictures

// Outlines of radius 1, under matplotlib's names.
const SHAPES = {
  o: "M1 0A1 1 0 1 1 -1 0A1 1 0 1 1 1 0Z", s: "M-.9 -.9H.9V.9H-.9Z", "^": "M0 -1.1L1 .8H-1Z",
  D: "M0 -1.2L1.2 0L0 1.2L-1.2 0Z", v: "M0 1.1L1 -.8H-1Z",
};
const shapeOf = ({ marker, colour, dark }, radius) => svgElement("path", {
  d: SHAPES[marker] ?? SHAPES.o, fill: colour, style: `--dark: ${dark}`, transform: `scale(${radius})`,
});

// Places in 0 to 1 of all samples in layer `k`.
function placesOf(points, samples, k) {
  const view = new DataView(points.buffer, points.byteOffset + 4 * samples * k, 4 * samples);
  return Array.from({ length: samples }, (_, i) => [0, 2].map(
    (at) => view.getUint16(4 * i + at, true) / 65535,
  ));
}

// The k-th picture of the sheet in a frame of its colour, cut out by a viewBox of its own.
function pictureOf(sheet, columns, k, { colour, dark }, side) {
  const [row, column] = [Math.floor(k / columns), k % columns];
  const cut = svgElement("svg", {
    x: -side / 2, y: -side / 2, width: side, height: side,
    viewBox: `${column * THUMBNAIL} ${row * THUMBNAIL} ${THUMBNAIL} ${THUMBNAIL}`,
  }, svgElement("image", { href: sheet, width: columns * THUMBNAIL }));
  const frame = svgElement("rect", {
    x: -side / 2, y: -side / 2, width: side, height: side, fill: "none",
    stroke: colour, style: `--dark: ${dark}`, "stroke-width": 3,
  });
  return [cut, frame];
}

function render({ model, el }) {
  const [index, points] = ["index", "points"].map((name) => model.get(name));
  const { network, samples, degradation, degradations, layers, columns, chance } = index;
  const sheet = imageUrl(model.get("sheet"));
  const places = layers.map((_, k) => placesOf(points, samples, k));
  let [layer, timer, width, height, side] = [layers.length - 1, 0, 0, 0, 0];

  const travelling = (of) => of.map(() => svgElement("g", { class: "ddr-dot" }));
  const [dots, pictures, lines] = [degradation, index.pictures, index.pictures].map(travelling);
  const map = svgElement("svg", { role: "img" }, ...lines, ...dots, ...pictures);
  const said = element("p", { "aria-live": "polite" });
  const { input, output, show } = stops((k) => { stop(); move(k); });
  const film = filmButton("Play the layers", "Pause", () => (timer ? stop() : play()));
  const names = degradations.map((each) => element(
    "span", {}, svgElement("svg", { viewBox: "-1.4 -1.4 2.8 2.8" }, shapeOf(each, 1)), each.name,
  ));

  function fill() {
    map.classList.remove("ddr-moves");
    width = map.clientWidth || 640;
    height = Math.max(172, Math.min(0.5 * width, 310));
    map.setAttribute("viewBox", `0 0 ${width} ${height}`);
    map.style.height = `${height}px`;
    side = Math.min(width / 8, height / Math.ceil(pictures.length / 2) - 5, 64);
    const kindOf = (i) => degradations[degradation[i]];
    dots.forEach((dot, i) => dot.replaceChildren(shapeOf(kindOf(i), 3.5)));
    index.pictures.forEach((i, at) => {
      pictures[at].replaceChildren(...pictureOf(sheet, columns, at, kindOf(i), side));
      const { colour, dark } = kindOf(i);
      lines[at].replaceChildren(svgElement("path", { d: "M0 0H1", stroke: colour, style: `--dark: ${dark}` }));
    });
    draw(layer);
  }

  function draw(k) {
    layer = k;
    // One scale for both directions: distances are those of the projection.
    const [xs, ys] = [0, 1].map((at) => places[k].map((place) => place[at]));
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const room = width - 2 * (side + 3 * EDGE);
    const scale = Math.min(room / (right - left), (height - 2 * EDGE) / (high - low || 1));
    const at = (i) => [
      width / 2 + scale * (xs[i] - (left + right) / 2), height / 2 - scale * (ys[i] - (low + high) / 2),
    ];
    dots.forEach((dot, i) => { dot.style.transform = `translate(${at(i).join("px, ")}px)`; });
    place(at);
    show(layers.map(({ title }) => title), k);
    said.textContent = `${layers[k].purity} of an image’s neighbours, by all its features, share its degradation; `
      + `by chance ${chance} would.`;
    map.setAttribute("aria-label", `Map of ${samples} images by what ${layers[k].title} of ${network} makes of them: `
      + `${degradations.map(({ name }) => name).join(", ")}.`);
  }

  // Which of the pictures are on the left of the map in layer `k`: half of them.
  function leftOf(k) {
    const across = (at) => places[k][index.pictures[at]][0];
    const order = [...index.pictures.keys()].sort((a, b) => across(a) - across(b));
    return new Set(order.slice(0, Math.ceil(order.length / 2)));
  }

  // The pictures stand left and right of the map, each on the side and at about the height of its mark,
  // to which a line leads. In the film they stay where they end, lest one covers another on its way.
  function place(at) {
    const end = timer ? layers.length - 1 : layer;
    const [leftmost, heightOf] = [leftOf(end), (k) => -places[end][index.pictures[k]][1]];
    const marks = index.pictures.map((i, k) => [...at(i), k]);
    [1, -1].forEach((inwards) => {
      const column = marks.filter((_, k) => leftmost.has(k) === inwards > 0);
      column.sort((a, b) => heightOf(a[2]) - heightOf(b[2])).forEach(([x, y, k], row) => {
        const [edge, from] = [EDGE + side / 2, (height * (row + 0.5)) / column.length];
        const beside = inwards > 0 ? edge : width - edge;
        const start = beside + (inwards * side) / 2;
        const [length, turn] = [Math.hypot(x - start, y - from), Math.atan2(y - from, x - start)];
        pictures[k].style.transform = `translate(${beside}px, ${from}px)`;
        lines[k].style.transform = `translate(${start}px, ${from}px) rotate(${turn}rad) scale(${length}, 1)`;
      });
    });
  }

  // Only what the reader asks for travels; a new size is there at once.
  function move(k) {
    map.classList.add("ddr-moves");
    draw(k);
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    film.show(false);
  }

  function play() {
    film.show(true);
    timer = setInterval(() => {
      move(layer + 1);
      if (layer === layers.length - 1) stop();
    }, Math.min(FRAME_MS, FILM_MS / layers.length));
    move(0);
  }

  el.append(widgetRoot(
    { class: "ddr ddr-depth" },
    element("p", { class: "ddr-names" }, `Images in ${network}, first two principal components:`, element("span", {}, ...names)), map,
    element("div", { class: "ddr-row" }, film.root, labelled("Depth", input, output)), said,
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
