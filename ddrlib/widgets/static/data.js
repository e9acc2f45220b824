// The explorer's data: what `ddrlib.widgets.explorer_data.pack` wrote, read without copying it into objects.

const SIDE = 400; // the plot's own units, whatever its size on the page
const MARGIN = 16;
const MANY = 16; // more labels than this have a colour ramp and a drop-down instead of a legend
const TINTS = 32; // distinct colours of the ramp: no eye tells more, and each costs elements
const RAMP = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"]; // viridis
const KIN = "content"; // samples with the same content belong together
const UNKNOWN = "none"; // the category of a photograph without one
const BASIC = 3; // colours of the palette that mean clean, blurred and noisy on every map

// An index, coordinates (uint16 pairs, view after view) and sheets of thumbnails, one per scale.
class Data {
  constructor(index, coordinates, sheets) {
    Object.assign(this, index); // samples, networks, projections, views, labels, palette, ...
    // Copied, because a DataView may start at an odd byte.
    const { buffer, byteOffset, byteLength } = coordinates;
    this.coordinates = new Uint16Array(buffer.slice(byteOffset, byteOffset + byteLength));
    this.sheets = sheets.map(imageUrl);
    this.first = [0];
    for (const { layers } of this.networks) {
      this.first.push(this.first.at(-1) + layers.length * this.projections.length);
    }
    this.colourings = colouringsOf(this.labels);
    this.byName = Object.fromEntries(this.labels.map((labels) => [labels.name, labels]));
    this.colours = Object.fromEntries(this.labels.map(({ name }) => [name, coloursOf(this, name)]));
    this.kin = groupBy(Array(this.samples).keys(), (i) => this.byName[KIN].codes[i]);
  }

  viewNumber({ network, layer, projection }) {
    return this.first[network] + layer * this.projections.length + projection;
  }

  view(shown) {
    return this.views[this.viewNumber(shown)];
  }

  // Positions in the plot's units, x0 y0 x1 y1 ...; y upwards as in every plot.
  positions(shown) {
    const start = this.viewNumber(shown) * this.samples * 2;
    const size = (SIDE - 2 * MARGIN) / 65535;
    return Float32Array.from({ length: this.samples * 2 }, (_, k) => {
      const value = MARGIN + this.coordinates[start + k] * size;
      return k % 2 ? SIDE - value : value;
    });
  }

  // The coordinate in the projection's own units.
  coordinate(shown, sample, axis) {
    const { centre, radius } = this.view(shown);
    const word = this.coordinates[(this.viewNumber(shown) * this.samples + sample) * 2 + axis];
    return centre[axis] + radius * (word / 32767.5 - 1);
  }

  label(name, sample) {
    const { names, codes } = this.byName[name];
    return names[codes[sample]];
  }

  // What it shows, where that is known: the name of a file tells less.
  describe(sample) {
    const category = this.label("category", sample);
    const shown = category === UNKNOWN ? this.label("photograph", sample) : category;
    return `${this.label("degree", sample)}: ${shown}, content ${this.label("content", sample)}`;
  }
}

// The names of the labels, without those that divide the samples as an earlier one does: photographs
// do as contents where each has one. Codes are given in the order of the samples, so equal parts have equal codes.
function colouringsOf(labels) {
  const alike = (one, other) => one.codes.every((code, i) => code === other.codes[i]);
  return labels.filter((one, k) => !labels.slice(0, k).some((other) => alike(one, other))).map(({ name }) => name);
}

function mix(from, to, share) {
  const parts = [1, 3, 5].map((at) => {
    const [a, b] = [from, to].map((colour) => parseInt(colour.slice(at, at + 2), 16));
    return Math.round(a + (b - a) * share).toString(16).padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

function ramp(t) {
  const place = Math.min(t * (RAMP.length - 1), RAMP.length - 1.001);
  return mix(RAMP[Math.floor(place)], RAMP[Math.floor(place) + 1], place % 1);
}

function coloursOf(data, name) {
  const { names } = data.byName[name];
  if (name === "degree") return shadesOf(data);
  if (names.length > MANY) return names.map((_, k) => ramp(Math.floor((k * TINTS) / names.length) / (TINTS - 1)));
  const palette = name === "degradation type" ? data.palette : data.palette.slice(BASIC);
  // A second round through the palette is paler.
  return names.map((_, k) => mix(palette[k % palette.length], "#ffffff", 0.6 * Math.floor(k / palette.length)));
}

// Degrees wear the colour of their type, the paler the earlier in its order.
function shadesOf(data) {
  const { names, codes } = data.byName.degree;
  const types = names.map((_, k) => data.byName["degradation type"].codes[codes.indexOf(k)]);
  return names.map((_, k) => {
    const mates = [...types.keys()].filter((j) => types[j] === types[k]);
    const paleness = 0.75 * (1 - (mates.indexOf(k) + 1) / mates.length);
    return mix(data.palette[types[k] % data.palette.length], "#ffffff", paleness);
  });
}
