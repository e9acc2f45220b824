// The explorer: projections of deep features as scatter plots, with everything linked. State lives
// here, in one place; a change alters it and redraws what it touches.

const THUMBNAIL = 32; // pixels of the page, times the zoom
const SHOWN = 240; // selected thumbnails drawn at most
const [FILM, FILM_STEP] = [15000, 1300]; // milliseconds: of the film, and of a layer at most

class Explorer {
  constructor(model, el, data) {
    Object.assign(this, { model, data, stored: data, colour: "degradation type", current: null, active: null });
    this.selection = new Set(model.get("selection"));
    this.root = widgetRoot({ class: "ddr ddr-explorer" });
    const starts = model.get("panels");
    this.panels = ["A", "B"].map((name, k) => new Panel(this, name, starts[Math.min(k, starts.length - 1)]));
    this.build();
    el.append(this.root);
    this.draw();
    model.on("change:selection", () => {
      this.selection = new Set(model.get("selection"));
      this.drawSelection();
    });
  }

  build() {
    this.compare = element("input", { type: "checkbox", onchange: () => this.comparePanels() });
    this.compare.checked = this.model.get("compares");
    this.colours = element("select", {
      onchange: (event) => this.colourBy(this.data.colourings[event.target.value]),
    });
    this.play = filmButton("Play the layers", "Pause the layers", () => (this.timer ? this.pause() : this.start()));
    this.legend = element("div", { class: "ddr-legend", role: "group", "aria-label": "Select by label" });
    this.selected = element("section", { class: "ddr-selected", "aria-label": "Selected patches" });
    this.spoken = element("p", { class: "ddr-hidden", "aria-live": "polite" });
    this.table = element("div", { class: "ddr-table" });
    this.root.append(
      element("p", { class: "ddr-note ddr-first" }, "Press play. Point at a mark to see its image. Draw around marks to select them."),
      element("div", { class: "ddr-row" },
        labelled("Colour by", this.colours), this.play.root,
        element("label", { class: "ddr-control ddr-inline" }, this.compare, element("span", {}, "Two panels"))),
      this.legend, // over the maps, in view together with them
      element("div", { class: "ddr-panels" }, ...this.panels.map(({ root }) => root)),
      this.selected, this.spoken,
      element("details", {}, element("summary", {}, "What is shown, as a table"), this.table),
      element("details", {}, element("summary", {}, "How to use it"), element("p", {}, HELP)),
      ...this.live(),
      element("div", { class: "ddr-row ddr-actions" },
        button("Save SVG", () => download("ddr.svg", "image/svg+xml", pictureOf(this))),
        button("Save CSV", () => download("ddr.csv", "text/csv", csvOf(this)))),
    );
    this.pause();
    this.setPanels();
  }

  get shownPanels() {
    return this.panels.slice(0, this.compare.checked ? 2 : 1);
  }

  // A second panel opens at the depth of the first: anything else would compare unlike layers.
  comparePanels() {
    const [first, second] = this.panels;
    if (this.compare.checked) this.choose(second, { layer: this.sameDepth(first.shown, second.shown.network) });
    this.setPanels();
  }

  setPanels() {
    this.panels[1].root.hidden = !this.compare.checked;
    this.tabulate();
  }

  draw() {
    const { colourings } = this.data;
    if (!colourings.includes(this.colour)) [this.colour] = colourings; // other data divide otherwise
    fillOptions(this.colours, colourings, colourings.indexOf(this.colour));
    this.panels.forEach((panel) => panel.show());
    this.drawLegend();
    this.drawSelection();
    this.tabulate();
  }

  choose(panel, change) {
    this.pause();
    if ("network" in change) change.layer = this.sameDepth(panel.shown, change.network);
    panel.show(change);
    if ("network" in change) this.drawSelection(); // networks of other scales saw other images
    this.tabulate();
  }

  // The layer of another network at the same share of its depth, up to the end of the film (the trunk's) or behind it.
  sameDepth({ network, layer }, other) {
    const [from, to] = [network, other].map((k) => this.data.networks[k]);
    if (layer <= from.film) return Math.round((layer / Math.max(from.film, 1)) * to.film);
    const behind = ({ layers, film }) => layers.length - 1 - film;
    return to.film + Math.round(((layer - from.film) / behind(from)) * behind(to));
  }

  colourBy(name) {
    this.colour = name;
    this.panels.forEach((panel) => {
      panel.draw();
      panel.summarise();
    });
    this.drawLegend();
    this.tabulate();
  }

  point(panel, sample) {
    if (sample === this.current && panel === this.active) return;
    [this.active, this.current] = [panel, sample];
    this.panels.forEach((each) => each.point());
    if (sample !== null) this.spoken.textContent = this.data.describe(sample);
  }

  // Through the model, where Python and linked widgets see it and may set it too.
  select(samples) {
    this.model.set("selection", [...new Set(samples)].sort((a, b) => a - b));
    this.model.save_changes();
  }

  // Selects the samples, or unselects them where all of them are selected.
  toggle(samples) {
    const chosen = this.selection;
    const all = samples.every((i) => chosen.has(i));
    this.select(all ? [...chosen].filter((i) => !samples.includes(i)) : [...chosen, ...samples]);
  }

  // ---------------------------------------------------------------- legend, selection, table

  samplesOf(code) {
    const { codes } = this.data.byName[this.colour];
    return [...codes.keys()].filter((i) => codes[i] === code);
  }

  drawLegend() {
    const { names } = this.data.byName[this.colour];
    if (names.length > MANY) {
      const select = element("select", { onchange: () => this.select(this.samplesOf(Number(select.value))) });
      fillOptions(select, names, -1);
      return this.legend.replaceChildren(labelled(`Select one ${this.colour}`, select),
        element("p", { class: "ddr-note" }, `${names.length} labels share a ramp of colours, first to last.`));
    }
    this.legend.replaceChildren(...names.map((name, code) => element(
      "button", { type: "button", onclick: () => this.toggle(this.samplesOf(code)) },
      svgElement("svg", { viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" },
        this.markOf(code)),
      name,
    )));
    this.pressLegend();
  }

  // Shapes always tell the type of degradation; a label that runs across types has a plain dot.
  markOf(code) {
    const { byName, markers, colours } = this.data;
    const types = new Set(this.samplesOf(code).map((i) => byName["degradation type"].codes[i]));
    const marker = types.size === 1 ? markers[[...types][0] % markers.length] : "o";
    return svgElement("path", { d: `M0 0${outline(marker, 5)}`, fill: colours[this.colour][code],
      stroke: "currentColor", "stroke-width": 0.6 });
  }

  pressLegend() {
    this.legend.querySelectorAll("button").forEach((button, code) => {
      button.setAttribute("aria-pressed", this.samplesOf(code).every((i) => this.selection.has(i)));
    });
  }

  drawSelection() {
    this.panels.forEach((panel) => panel.draw());
    this.pressLegend();
    const chosen = [...this.selection];
    this.selected.hidden = chosen.length === 0;
    const counts = [...groupBy(chosen, (i) => this.data.label("degree", i))];
    const rest = chosen.length > SHOWN ? ` The first ${SHOWN} are shown.` : "";
    this.selected.replaceChildren(
      element("p", { role: "status" }, `${chosen.length} of ${this.data.samples} selected: `
        + `${counts.map(([name, { length }]) => `${name} ${length}`).join(", ")}.${rest}`),
      element("div", { class: "ddr-thumbnails", tabindex: 0, role: "group", "aria-label": "Thumbnails" },
        ...chosen.slice(0, SHOWN).map((i) => this.thumbnail(i, this.panels[0], 1.5))),
    );
  }

  // A sample as the network of the panel saw it.
  thumbnail(sample, panel, zoom) {
    const { sheets, networks, columns, samples } = this.data;
    const sheet = sheets[networks[panel.shown.network].sheet];
    const step = THUMBNAIL * zoom;
    const [column, row] = [sample % columns, Math.floor(sample / columns)];
    const text = this.data.describe(sample);
    return element("div", { class: "ddr-thumbnail", role: "img", "aria-label": text, title: text,
      style: `background-image:url(${sheet});width:${step}px;height:${step}px;background-position:${-column * step}px ${-row * step}px;`
        + `background-size:${columns * step}px ${Math.ceil(samples / columns) * step}px` });
  }

  // The same in words: one row a figure, one column a panel.
  tabulate() {
    const columns = this.shownPanels.map((panel) => panel.figures());
    const rows = columns[0].map(([name], k) => [name, ...columns.map((column) => column[k][1])]);
    this.table.replaceChildren(element("table", {}, ...rows.map(([name, ...values], k) => element(
      "tr", {}, element("th", { scope: "row" }, name),
      ...values.map((value) => element(k ? "td" : "th", k ? {} : { scope: "col" }, String(value))),
    ))));
  }

  // ------------------------------------------------------------------------------------- film

  // To the end of the trunk, since nothing is told apart in the output; the sliders go on to it.
  start() {
    const depth = (panel) => this.data.networks[panel.shown.network].film;
    const steps = Math.max(...this.shownPanels.map(depth), 1);
    const [lead] = this.panels;
    let step = Math.round((lead.shown.layer / Math.max(depth(lead), 1)) * steps);
    if (step >= steps) step = 0;
    const advance = () => {
      this.shownPanels.forEach((panel) => panel.show({ layer: Math.round((step / steps) * depth(panel)) }));
      this.tabulate();
      step += 1;
      if (step > steps) this.pause();
    };
    this.timer = setInterval(advance, Math.min(FILM_STEP, FILM / steps));
    this.play.show(true);
    advance();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.show(false);
  }

  // ------------------------------------------------------------------------------------- live

  live() {
    const { settings } = this.stored;
    const parts = liveForm(this.model, {
      title: "Measure again with the networks shown",
      unavailable: "All of this was computed beforehand. Where this chapter runs in a notebook, and on "
        + "the page that “ddr explore” opens, you can also choose other degradations, another "
        + "perplexity or t-SNE seed, or a folder of your own photographs.",
      fields: [
        ["degradations", "Degradations", { type: "text", value: settings.degradations, required: true }],
        ["perplexity", "Perplexity", { type: "number", value: settings.perplexity, min: 1, step: "any", required: true }],
        ["seed", "t-SNE seed", { type: "number", value: 0, min: 0, required: true }],
        ["contents", "Contents", { type: "number", value: settings.contents, min: 4, required: true }],
        ["folder", "Folder of photographs", { type: "text", value: settings.images === "eval" ? "" : settings.images, placeholder: "the book's own" }],
      ],
      request: () => ({ networks: this.shownPanels.map(
        ({ shown }) => this.data.networks[shown.network].name) }),
      onResult: ({ index }, [coordinates, ...sheets]) => {
        this.replace(new Data(index, coordinates, sheets));
        back.hidden = false;
      },
    });
    const back = element("button", { type: "button", hidden: true, onclick: () => {
      this.replace(this.stored);
      back.hidden = true;
    } }, "Back to the first measurement");
    return [...parts, back];
  }

  // Other data; the panels stay at their networks and layers, as far as these were measured.
  replace(data) {
    const place = (list, name) => Math.max(list.findIndex((entry) => entry.name === name), 0);
    const names = this.panels.map(({ shown }) => {
      const { name, layers } = this.data.networks[shown.network];
      return [name, layers[shown.layer].name];
    });
    this.pause();
    this.forget();
    this.select([]);
    this.data = data;
    this.current = null;
    this.panels.forEach((panel, k) => {
      const network = place(data.networks, names[k][0]);
      const layer = place(data.networks[network].layers, names[k][1]);
      panel.shown = { network, layer, projection: 1 };
    });
    this.draw();
  }

  // A computed measurement's pictures are released with it; the page's own stay.
  forget() {
    if (this.data !== this.stored) this.data.sheets.forEach((url) => URL.revokeObjectURL(url));
  }

  close() {
    this.pause();
    this.forget();
    this.stored.sheets.forEach((url) => URL.revokeObjectURL(url));
  }
}

const HELP = "Point at a mark, or walk with the arrow keys once a plot has the focus: its patch "
  + "appears, dashed lines lead to the same content under the other degradations, and the other panel "
  + "marks the same sample. Draw around marks to select them (shift adds; on a touch screen begin "
  + "sideways). By keyboard: space selects a point, shift with the arrows takes points along, page up "
  + "and down go through all samples, Escape clears. The buttons of the legend select all samples of a "
  + "label. CHI, the Calinski-Harabasz index, is large where the labels form tight, separate clusters.";

function render({ model, el }) {
  const data = new Data(...["index", "coordinates", "sheets"].map((name) => model.get(name)));
  const explorer = new Explorer(model, el, data);
  return () => explorer.close();
}

export default { render };
