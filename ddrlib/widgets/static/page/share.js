// What a reader takes along: a link to what is shown, and a picture of it.

// Puts a view into the page's address and, where the browser lets it, into the clipboard.
function shareView(view, say) {
  history.replaceState(history.state, "", `#${new URLSearchParams(view)}`);
  const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject(); // not on every page
  copied.then(
    () => say("The link is copied."),
    () => say("The address of this page is now that of this view: copy it from the address bar."),
  );
}

// A reader of numbers, within bounds, from an address that begins so; null for another address. The
// widget `root`, whose view it is, comes into sight.
function readView(hash, root) {
  if (!location.hash.startsWith(hash)) return null;
  root.scrollIntoView({ block: "nearest" });
  const parts = new URLSearchParams(location.hash.slice(1));
  return (key, low, high, otherwise) => {
    const value = parseFloat(parts.get(key));
    return Number.isFinite(value) ? between(value, low, high) : otherwise;
  };
}

// Rows of [picture or null, caption], and lines of text, as one PNG file in the colours of `root`.
async function savePicture(name, root, rows, lines) {
  const [side, gap, text] = [220, 12, 20];
  const canvas = element("canvas", {
    width: Math.max(...rows.map((row) => row.length)) * (side + gap) + gap,
    height: rows.length * (side + text + gap) + gap + lines.length * text + gap,
  });
  const context = canvas.getContext("2d");
  const { color, backgroundColor } = getComputedStyle(root);
  context.fillStyle = backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  context.font = "13px system-ui, sans-serif";
  context.fillStyle = color;
  rows.forEach((row, i) => row.forEach(([picture, caption], k) => {
    const [x, y] = [gap + k * (side + gap), gap + i * (side + text + gap)];
    if (picture) context.drawImage(picture, x, y, side, side);
    context.fillText(caption, x, y + side + 15, side);
  }));
  lines.forEach((line, k) => {
    context.fillText(line, gap, canvas.height - gap - (lines.length - 1 - k) * text, canvas.width - 2 * gap);
  });
  const url = URL.createObjectURL(await new Promise((done) => canvas.toBlob(done, "image/png")));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// A map as a picture to draw on a canvas, with its colours resolved.
async function stillOf(svg, side, { color, backgroundColor }) {
  const copy = svg.cloneNode(true);
  copy.prepend(svgElement("rect", { width: "100%", height: "100%", fill: backgroundColor }));
  copy.setAttribute("color", color);
  copy.querySelectorAll(".ddr-trail, .ddr-own").forEach((node) => {
    node.setAttribute("style", `fill: none; stroke: ${color}; stroke-width: 0.8`);
  });
  Object.entries({ xmlns: SVG, width: side, height: side }).forEach((pair) => copy.setAttribute(...pair));
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
}

// A choice of one among names, a name a widget, so that two widgets stay apart; `show(k)` checks one.
function radios(label, names, onchange) {
  const group = `ddr-${Math.random().toString(36).slice(2)}`;
  const choices = element("div", { class: "ddr-row", role: "radiogroup", "aria-label": label });
  const add = (name) => {
    const k = choices.children.length;
    const input = element("input", { type: "radio", name: group, value: k, onchange: () => onchange(k) });
    choices.append(element("label", { class: "ddr-inline" }, input, element("span", {}, name)));
  };
  names.forEach(add);
  const show = (k) => choices.querySelectorAll("input").forEach((input, i) => { input.checked = i === k; });
  return { root: element("div", { class: "ddr-others" }, element("span", {}, label), choices), add, show };
}
