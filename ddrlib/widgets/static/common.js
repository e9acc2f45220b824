// What both widgets share. anywidget takes one module per widget, so `ddrlib.widgets.live.static` puts
// this text in front of theirs. Nothing here or there needs a browser newer than 2022.

const SVG = "http://www.w3.org/2000/svg";

// element("p", {class: "x", onclick: f}, "text", child): attributes by name, listeners by "on...".
function element(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

// The outermost element of a widget. In a notebook, what has the focus is marked so that it gets its keys:
// JupyterLab has shortcuts for the arrows, but none for a target with this attribute.
function widgetRoot(attributes, ...children) {
  const onfocusin = ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", "true");
  return element("div", { onfocusin, ...attributes }, ...children);
}

function svgElement(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") node.toggleAttribute(name, value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const between = (v, low, high) => Math.min(Math.max(v, low), high);
const percents = (v) => `${Math.round(100 * Math.max(v, 0))}%`;
const button = (text, onclick) => element("button", { type: "button", onclick }, text);

// Words of which one is seen, in the room of the longest: what stands beside them stays where it is.
function alternatives(...words) {
  const parts = words.map((word) => element("span", {}, word));
  const show = (k) => parts.forEach((part, i) => { part.style.visibility = i === k ? "" : "hidden"; });
  show(0);
  return { root: element("span", { class: "ddr-alternatives" }, ...parts), show };
}

// A button that starts a film, and stops it while it `plays`.
function filmButton(play, stop, onclick) {
  const words = alternatives(play, stop);
  const root = element("button", { type: "button", onclick }, words.root);
  return { root, show: (plays) => words.show(plays ? 1 : 0) };
}

// A control inside its label: no ids, so that any number of widgets fits on a page.
function labelled(text, ...controls) {
  return element("label", { class: "ddr-control" }, element("span", {}, text), ...controls);
}

function fillOptions(select, names, chosen) {
  select.replaceChildren(...names.map((name, i) => element("option", { value: i }, String(name))));
  select.value = chosen;
  select.disabled = names.length < 2;
}

// A slider over named stops, which speaks the name instead of the number, and shows it or what is shorter.
function stops(onchange) {
  const input = element("input", { type: "range", min: 0, step: 1 });
  const output = element("output", { "aria-hidden": "true" }); // aria-valuetext says it
  input.addEventListener("input", () => onchange(Number(input.value)));
  const show = (names, chosen, shown = names[chosen]) => {
    input.max = names.length - 1;
    input.value = chosen;
    input.disabled = names.length < 2;
    input.setAttribute("aria-valuetext", names[chosen]);
    output.textContent = shown;
  };
  return { input, output, show };
}

// Whether Python listens cannot be read off the page, so the widget asks: `onLive` runs when, and
// only when, a kernel answers. In the built book nobody does.
function whenLive(model, onLive) {
  model.on("msg:custom", (message) => message.type === "pong" && onLive());
  model.send({ type: "ping" });
}

// The form for what only Python computes. `fields` are [name, label, attributes of the input]; the request goes
// to Python, which reports progress and at last a result (handed to `onResult`) or one line of error.
function liveForm(model, { title, unavailable, fields, request = () => ({}), action = "Compute", onResult }) {
  const status = element("output", { role: "status", class: "ddr-status" });
  const inputs = fields.map(([name, text, attributes]) => {
    const input = element("input", { name, ...attributes });
    return labelled(text, input);
  });
  const button = element("button", { type: "submit" }, action);
  const form = element(
    "form", { class: "ddr-live", hidden: true },
    element("fieldset", {}, element("legend", {}, title), ...inputs, button, status),
  );
  const note = element("p", { class: "ddr-note" }, unavailable);
  const finish = (text) => {
    button.disabled = false;
    status.textContent = text;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    status.textContent = "Computing…";
    model.send({ type: "compute", request: { ...request(), ...Object.fromEntries(new FormData(form)) } });
  });
  model.on("msg:custom", (message, buffers) => {
    if (message.type === "progress") status.textContent = message.text;
    if (message.type === "error") finish(message.text);
    if (message.type === "result") {
      finish("Done.");
      onResult(message, buffers);
    }
  });
  whenLive(model, () => {
    form.hidden = false;
    note.hidden = true;
  });
  return [note, form];
}

// Lists of the items that have the same key, by key, in the order in which they appear.
function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(item);
  }
  return groups;
}

function imageUrl(bytes) {
  return URL.createObjectURL(new Blob([bytes], { type: "image/webp" }));
}
