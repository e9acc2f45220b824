// SRResNets of any width and depth, with or without the global residual, guided or not.
//
// A network is its description (what the card says: channels, blocks, global_residual, long_skip, guide,
// and where each tensor lies among the weights) and its weights, float16 as in the file; without `output`
// it gives features alone. Images are
// Float32Array (height, width, 3) in [0, 1], square.

const HALO = 1; // pixels of zeros around a feature map
const LANES = 8; // output channels that convolveRow computes at a time

// ---- numbers ----

// float16, given as Uint16Array, to float32. Weights are finite.
function fromHalf(halves) {
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    return exponent === 0
      ? sign * fraction * 2 ** -24
      : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

// The i-th of a row of uniform numbers in [0, 1): mulberry32, as in ddrlib/widgets/photograph.py.
function uniform(seed, i) {
  const a = (seed + Math.imul(i + 1, 0x6d2b79f5)) | 0;
  let t = Math.imul(a ^ (a >>> 15), 1 | a);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

// The weights of a network that has learnt nothing: uniform, of the spread that the class draws
// them with (Kaiming's times 0.1), biases zero. Drawn here, for half a megabyte less to carry.
function untrainedWeights({ tensors, size }, seed) {
  const weights = new Float32Array(size);
  for (const { at, shape } of Object.values(tensors)) {
    if (shape.length < 2) continue;
    const count = shape.reduce((a, b) => a * b);
    const bound = 0.1 * Math.sqrt(6 / (count / shape[0]));
    for (let i = 0; i < count; i += 1) weights[at + i] = bound * (2 * uniform(seed, at + i) - 1);
  }
  return weights;
}

// ---- the kernel ----

// convolution.ts in plain JavaScript: the reference, and what runs where WebAssembly may not.
function convolveRowIn(memory) {
  const m = new Float32Array(memory.buffer);
  const sums = new Float64Array(LANES);
  return (input, weights, output, residual, width, channels, inputRow, outputPixel, residualPixel, slope) => {
    for (let x = 0; x < width; x += 1) {
      let weight = weights / 4;
      for (let k = 0; k < LANES; k += 1) sums[k] = m[weight + k];
      for (let row = 0; row < 3; row += 1) {
        const first = (input + row * inputRow) / 4 + x * channels;
        for (let at = first; at < first + 3 * channels; at += 1) {
          weight += LANES;
          for (let k = 0; k < LANES; k += 1) sums[k] += m[at] * m[weight + k];
        }
      }
      for (let k = 0; k < LANES; k += 1) {
        const v = sums[k] + (residual && m[(residual + x * residualPixel) / 4 + k]);
        m[(output + x * outputPixel) / 4 + k] = Math.max(v, slope * v);
      }
    }
  };
}

// The kernel over a memory of its own: compiled, or plain where the page forbids WebAssembly or the
// browser has no SIMD.
async function loadKernel(binary, pages) {
  const memory = globalThis.WebAssembly && new WebAssembly.Memory({ initial: pages });
  try {
    const { instance } = await WebAssembly.instantiate(binary, { env: { memory } });
    return { memory, convolveRow: instance.exports.convolveRow, compiled: true };
  } catch {
    const plain = { buffer: new ArrayBuffer(pages * 65536) };
    return { memory: plain, convolveRow: convolveRowIn(plain), compiled: false };
  }
}

// ---- the layers ----

// The convolutions of an SRResNet in order. `slope` is that of the activation that follows (1: none).
function layersOf({ channels, blocks, output, long_skip: longSkip }) {
  const conv = (name, cin, cout, slope, shuffle = false) => ({ name, cin, cout, slope, shuffle });
  const body = Array.from({ length: blocks }, (_, i) => [
    conv(`body.${i}.conv1`, channels, channels, 0),
    conv(`body.${i}.conv2`, channels, channels, 1),
  ]);
  const first = conv("conv_first", 3, channels, 0.1);
  if (!output) return { first, body };
  return {
    first,
    body,
    skip: longSkip ? conv("conv_body", channels, channels, 1) : null,
    up: [conv("up1", channels, 4 * channels, 0.1, true), conv("up2", channels, 4 * channels, 0.1, true)],
    hr: conv("conv_hr", channels, channels, 0.1),
    last: conv("conv_last", channels, 3, 1),
  };
}

const flat = ({ first, body, skip, up = [], hr, last }) => [first, ...body.flat(), skip, ...up, hr, last].filter(Boolean);

// Where the output channel in place `i` of the kernel's order comes from. PixelShuffle takes channel
// 4 c + place to one of four places of a 2 x 2 block: the kernel's order has all channels of the
// first place, then of the second; so that shuffling is storing with a stride.
function channelAt(layer, i) {
  const channels = layer.cout / 4;
  return layer.shuffle ? (i % channels) * 4 + Math.floor(i / channels) : i;
}

async function makeNetwork(about, weights, size, binary) {
  const layers = layersOf(about);
  const { channels, scale } = about;

  // The memory: feature maps, then weights in the kernel's order.
  let end = 64;
  const reserve = (floats) => {
    const at = end;
    end += 4 * floats;
    return at;
  };
  const map = (side, depth) => {
    const row = 4 * (side + 2 * HALO) * depth;
    return { side, depth, row, pixel: 4 * depth, at: reserve(((side + 2 * HALO) * row) / 4) };
  };
  const image = map(size, 3);
  const features = map(size, channels);
  const inner = map(size, channels);
  const start = layers.skip && map(size, channels); // what the skip for features adds
  const [twice, large, hr] = about.output ? [2, scale, scale].map((times) => map(size * times, channels)) : [];
  const rgb = about.output && map(size * scale, LANES);
  for (const layer of flat(layers)) {
    layer.groups = Math.ceil(layer.cout / LANES);
    layer.block = (1 + 9 * layer.cin) * LANES; // floats of a group: biases and weights
    layer.at = reserve(layer.groups * layer.block);
  }
  const kernel = await loadKernel(binary, Math.ceil(end / 65536));
  const memory = new Float32Array(kernel.memory.buffer);
  const tensor = (name) => {
    const { at, shape } = about.tensors[name];
    return weights.subarray(at, at + shape.reduce((a, b) => a * b));
  };

  // Weights in the kernel's order, each output channel scaled and shifted: which is how an embedding
  // modulates a guided block, and otherwise by 1 and 0.
  function pack(layer, scaleOf = () => 1, shiftOf = () => 0) {
    const [weight, bias] = [tensor(`${layer.name}.weight`), tensor(`${layer.name}.bias`)];
    for (let i = 0; i < layer.cout; i += 1) {
      const from = channelAt(layer, i);
      const to = layer.at / 4 + Math.floor(i / LANES) * layer.block + (i % LANES);
      memory[to] = bias[from] * scaleOf(from) + shiftOf(from);
      for (let c = 0; c < layer.cin; c += 1) {
        for (let place = 0; place < 9; place += 1) {
          memory[to + (1 + place * layer.cin + c) * LANES] =
            weight[(from * layer.cin + c) * 9 + place] * scaleOf(from);
        }
      }
    }
  }
  flat(layers).forEach((layer) => pack(layer));

  const place = ({ at, row, pixel }, y, x) => at + (y + HALO) * row + (x + HALO) * pixel;

  // Row by row over all groups, so that the rows that are read stay in the processor's cache.
  function convolve(layer, from, to, residual = null) {
    for (let y = 0; y < from.side; y += 1) {
      for (let group = 0; group < layer.groups; group += 1) {
        const first = group * LANES;
        const corner = layer.shuffle ? Math.floor(first / channels) : 0;
        const target = layer.shuffle
          ? place(to, 2 * y + (corner >> 1), corner & 1) + 4 * (first % channels)
          : place(to, y, 0) + 4 * first;
        kernel.convolveRow(
          from.at + y * from.row, layer.at + 4 * group * layer.block, target,
          residual ? place(residual, y, 0) + 4 * first : 0,
          from.side, layer.cin, from.row, to.pixel * (layer.shuffle ? 2 : 1), residual ? residual.pixel : 0,
          layer.slope,
        );
      }
    }
  }

  // A feature map without its border, of each pixel the first `kept` channels.
  function read(map, kept = map.depth) {
    const { side, depth } = map;
    const out = new Float32Array(side * side * kept);
    for (let y = 0; y < side; y += 1) {
      const row = place(map, y, 0) / 4;
      if (kept === depth) {
        out.set(memory.subarray(row, row + side * depth), y * side * depth);
      } else {
        for (let x = 0; x < side; x += 1) {
          for (let c = 0; c < kept; c += 1) out[(y * side + x) * kept + c] = memory[row + x * depth + c];
        }
      }
    }
    return out;
  }

  return {
    compiled: kernel.compiled,
    depths: 1 + about.blocks,

    // The features (size, size, channels) after conv_first and `depth` blocks; all blocks by default.
    features(lr, depth = about.blocks) {
      for (let y = 0; y < size; y += 1) {
        memory.set(lr.subarray(3 * y * size, 3 * (y + 1) * size), place(image, y, 0) / 4);
      }
      convolve(layers.first, image, features);
      if (start) convolve(layers.first, image, start);
      for (const [conv1, conv2] of layers.body.slice(0, depth)) {
        convolve(conv1, features, inner);
        convolve(conv2, inner, features, features);
      }
      return read(features);
    },

    // After features(lr) to full depth: the image (scale * size, scale * size, 3), not clamped.
    output(lr) {
      if (start) convolve(layers.skip, features, inner, start);
      convolve(layers.up[0], start ? inner : features, twice);
      convolve(layers.up[1], twice, large);
      convolve(layers.hr, large, hr);
      convolve(layers.last, hr, rgb);
      const out = read(rgb, 3);
      return about.global_residual ? addBilinear(out, lr, size, scale) : out;
    },

    // Give a guided network its embedding: channel by channel, (1 + scale) * conv1 + shift.
    guide(embedding) {
      layers.body.forEach(([conv1], i) => {
        const modulation = linear(
          embedding, tensor(`body.${i}.modulation.weight`), tensor(`body.${i}.modulation.bias`),
        );
        pack(conv1, (c) => 1 + modulation[c], (c) => modulation[channels + c]);
      });
    },
  };
}

// The global residual: the image enlarged by linear interpolation between pixel centres.
function addBilinear(out, lr, size, scale) {
  const side = size * scale;
  const taps = Array.from({ length: side }, (_, i) => {
    const position = Math.max((i + 0.5) / scale - 0.5, 0);
    const before = Math.floor(position);
    return [before, Math.min(before + 1, size - 1), position - before];
  });
  const value = (y, x, c) => lr[(y * size + x) * 3 + c];
  for (let y = 0; y < side; y += 1) {
    const [y0, y1, down] = taps[y];
    for (let x = 0; x < side; x += 1) {
      const [x0, x1, across] = taps[x];
      for (let c = 0; c < 3; c += 1) {
        const above = value(y0, x0, c) * (1 - across) + value(y0, x1, c) * across;
        const below = value(y1, x0, c) * (1 - across) + value(y1, x1, c) * across;
        out[(y * side + x) * 3 + c] += above * (1 - down) + below * down;
      }
    }
  }
  return out;
}

// The control that is no network: |x - mean of 3 x 3| of each colour, borders reflected.
function highPass(lr, size) {
  const mirror = (i) => (i < 0 ? 1 : i === size ? size - 2 : i);
  return Float32Array.from(lr, (v, at) => {
    const [y, x, c] = [Math.floor(at / (3 * size)), Math.floor(at / 3) % size, at % 3];
    let sum = 0;
    for (let dy = -1; dy <= 1; dy += 1) {
      for (let dx = -1; dx <= 1; dx += 1) sum += lr[(mirror(y + dy) * size + mirror(x + dx)) * 3 + c];
    }
    return Math.abs(v - sum / 9);
  });
}
