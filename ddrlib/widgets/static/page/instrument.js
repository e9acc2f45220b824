// With a capital letter, but for what `ddr networks` lists.
const titled = (name) => (/\d/.test(name) ? name : name[0].toUpperCase() + name.slice(1));

// One instrument: its map with the photograph's point, its features as colours, its output.
class InstrumentPanel {
  constructor(widget, degradations, k) {
    this.widget = widget;
    this.map = new PhotographMap(degradations);
    this.title = element("h3", { class: "ddr-title" });
    const computing = { role: "img", "aria-label": "Being computed" };
    this.features = element("canvas", computing);
    this.output = element("canvas", computing);
    this.outputCaption = element("figcaption", {});
    this.moved = element("p", { class: "ddr-moved" });
    this.note = element("p", { class: "ddr-note" });
    this.root = element(
      "section", { class: "ddr-panel", "aria-label": `Instrument ${k + 1}` },
      this.title, this.map.svg, this.moved, this.note,
      ...(widget.index.compact ? [] : [element("div", { class: "ddr-pair" },
        element("figure", {}, this.features, element("figcaption", {}, "Features, as colours")),
        element("figure", {}, this.output, this.outputCaption))]),
    );
  }

  show(instrument, network, lr, clean, keepTrail) {
    const { index } = this.widget;
    const depth = this.widget.depthIn(instrument);
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
    if (!index.compact) paintFeatures(this.features, index.size, features, layer.colours);
    this.network = network;
    this.share = this.map.distance(this.point, this.untouched);
    this.moved.textContent = `Moved by ${Math.round(100 * this.share)}% of the map`;
    this.map.svg.setAttribute("aria-label", `Map of ${this.name}: ${this.sentence()}`);
    this.features.setAttribute("aria-label", `Features of ${this.name} as false colours`);
  }

  describe(instrument, layer) {
    this.name = instrument.name;
    this.map.show(layer);
    this.title.textContent = titled(this.name);
    const channels = layer.mean.length;
    this.note.textContent = `${layer.name}: the means of ${channels} feature maps, along the two directions in which they `
      + `vary most (${percents(layer.explained)} of the variance). Variance components: degradation `
      + `${percents(layer.degradation)}, content ${percents(layer.content)}.`;
  }

  showOutput(lr) {
    const { size, scale } = this.widget.index;
    this.output.hidden = !this.network;
    this.outputCaption.textContent = this.network ? `Output, ${size * scale} × ${size * scale}` : "A filter makes no large image.";
    if (!this.network) return;
    this.network.features(lr);
    const image = this.network.output(lr);
    paint(this.output, size * scale, size * scale, (at) => 255 * image[at]);
    this.output.setAttribute("aria-label", `Output of ${this.name}`);
  }

  sentence() {
    const counts = this.map.neighbours(this.point).map(([name, count]) => `${count} ${inWord(name)}`);
    return `${titled(this.name)}: of the ${NEAREST} nearest reference photographs, `
      + `${new Intl.ListFormat("en-GB").format(counts)}; moved by ${Math.round(100 * this.share)}% of the map.`;
  }
}
