// What the explorer gives away: its picture as SVG, its data as CSV. Blobs work from file:// too.

function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

const quoted = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);

// One row for each sample and panel, in the units of the projection.
function csvOf({ data, shownPanels, selection }) {
  const labels = data.labels.map(({ name }) => name);
  const rows = [["panel", "network", "layer", "projection", "sample", ...labels, "x", "y", "selected"]];
  for (const { name, shown } of shownPanels) {
    const network = data.networks[shown.network];
    for (let i = 0; i < data.samples; i += 1) {
      rows.push([name, network.name, network.layers[shown.layer].name, data.projections[shown.projection], i,
        ...labels.map((label) => data.label(label, i)),
        ...[0, 1].map((axis) => data.coordinate(shown, i, axis)), Number(selection.has(i))]);
    }
  }
  return `${rows.map((row) => row.map(quoted).join(",")).join("\n")}\n`;
}

// The panels side by side with title, CHI and legend, as they stand, colours resolved.
function pictureOf(explorer) {
  const { root, shownPanels } = explorer;
  const { color, backgroundColor } = getComputedStyle(root);
  const [width, height] = [SIDE * shownPanels.length, SIDE + 130];
  const text = (x, y, string) => svgElement("text", { x, y, "font-size": 12, fill: color }, string);
  const panels = shownPanels.map((panel, k) => svgElement(
    "g", { transform: `translate(${k * SIDE} 40)` },
    text(8, -24, panel.title()), text(8, -8, panel.summary.querySelector(".ddr-chi").textContent),
    panel.marks.cloneNode(true),
  ));
  const picture = svgElement(
    "svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}`, "font-family": "sans-serif", color },
    svgElement("rect", { width, height, fill: backgroundColor }), ...panels,
    svgElement("g", { transform: `translate(16 ${SIDE + 56})` }, ...keysOf(explorer, width / 4, text)),
  );
  return new XMLSerializer().serializeToString(picture);
}

// Four columns of a mark and its label, or one line where there are too many labels.
function keysOf(explorer, column, text) {
  const { data, colour } = explorer;
  const { names } = data.byName[colour];
  if (names.length > MANY) return [text(0, 4, `coloured by ${colour}`)];
  return names.map((name, code) => svgElement(
    "g", { transform: `translate(${(code % 4) * column} ${18 * Math.floor(code / 4)})` },
    explorer.markOf(code), text(10, 4, name),
  ));
}
