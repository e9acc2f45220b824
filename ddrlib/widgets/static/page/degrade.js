// The degradations of ddrlib.degrade, bit for bit: blur, antialiased bicubic x1/4, JPEG. Noise is of
// the same strength, but another draw. Images are arrays (height, width, 3), in [0, 1] or 8 bits.

// HR (scale * size, scale * size, 3) in [0, 1] to LR (size, size, 3) of 8 bits. Quality 0: no JPEG.
function degrade(hr, size, { blur = 0, noise = 0, quality = 0 }, grain, scale = 4) {
  const side = scale * size;
  let lr = toBytes(bicubic(gaussianBlur(hr, side, blur), side, side, size, size));
  if (noise) lr = toBytes(Float64Array.from(lr, (v, i) => (v + grain[i] * noise) / 255));
  return quality ? jpeg(lr, size, quality) : lr;
}

// Half a level goes up; the 1e-6 keeps exact halves (means of two neighbours) off the edge.
function toBytes(image) {
  return Uint8ClampedArray.from(image, (v) => Math.floor(Math.min(Math.max(v, 0), 1) * 255 + 0.5 + 1e-6));
}

// Standard normal numbers (Box-Muller), the same at every visit: a slider scales one grain.
function makeGrain(length, seed = 1) {
  return Float32Array.from({ length }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, 2 * i)));
    return radius * Math.cos(2 * Math.PI * uniform(seed, 2 * i + 1));
  });
}

// ---- blur and reduction: separable filters in double precision ----

// Gaussian, sigma in pixels, out to ceil(4 sigma), borders reflected.
function gaussianBlur(image, side, sigma) {
  const radius = Math.min(Math.ceil(4 * sigma), side - 1);
  if (!radius) return image;
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const sum = weights.reduce((a, b) => a + b);
  const mirror = (i) => (i < 0 ? -i : i < side ? i : 2 * side - 2 - i);
  const line = new Float64Array(side + 2 * radius);
  // One pass along one axis: `step` from pixel to pixel, `next` from line to line.
  const pass = (from, step, next) => {
    const to = new Float64Array(from.length);
    for (let start = 0; start < side; start += 1) {
      for (let c = 0; c < 3; c += 1) {
        const at = start * next + c;
        for (let i = -radius; i < side + radius; i += 1) line[i + radius] = from[at + mirror(i) * step];
        for (let i = 0; i < side; i += 1) {
          let total = 0;
          for (let j = 0; j < weights.length; j += 1) total += weights[j] * line[i + j];
          to[at + i * step] = total / sum;
        }
      }
    }
    return to;
  };
  return pass(pass(image, 3, 3 * side), 3 * side, 3);
}

// Keys' cubic, a = -0.5, widened where it reduces; weights outside the image are left out. As
// Pillow's; clamped to [0, 1].
function bicubic(image, width, height, newWidth, newHeight) {
  const across = resample(image, width, newWidth, height, 3, 3 * width, 3, 3 * newWidth);
  const down = resample(across, height, newHeight, newWidth, 3 * newWidth, 3, 3 * newWidth, 3);
  return down.map((v) => Math.min(Math.max(v, 0), 1));
}

function keys(distance) {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

// `lines` lines of `before` pixels to as many of `after`.
function resample(from, before, after, lines, stepFrom, nextFrom, stepTo, nextTo) {
  const ratio = before / after;
  const widened = Math.max(ratio, 1);
  const to = new Float64Array(lines * after * 3);
  for (let i = 0; i < after; i += 1) {
    const centre = (i + 0.5) * ratio;
    const first = Math.max(Math.floor(centre - 2 * widened + 0.5), 0);
    const last = Math.min(Math.floor(centre + 2 * widened + 0.5), before);
    const weights = Array.from({ length: last - first }, (_, j) => keys((first + j + 0.5 - centre) / widened));
    const sum = weights.reduce((a, b) => a + b);
    for (let line = 0; line < lines; line += 1) {
      for (let c = 0; c < 3; c += 1) {
        let total = 0;
        let at = line * nextFrom + first * stepFrom + c;
        for (let j = 0; j < weights.length; j += 1, at += stepFrom) total += weights[j] * from[at];
        to[line * nextTo + i * stepTo + c] = total / sum;
      }
    }
  }
  return to;
}

// ---- JPEG: what libjpeg's encoder and decoder do to an image at 4:2:0, in its own integers ----
// The entropy coding between them loses nothing and is left out. Sides are multiples of 16.

const LUMA = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
  14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
  49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
const CHROMA = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
  24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
  ...Array(32).fill(99),
];

function jpeg(rgb, side, quality) {
  const [luma, blue, red] = toYCC(rgb);
  const y = quantised(luma, side, LUMA, quality);
  const [cb, cr] = [blue, red].map((plane) =>
    enlarged(quantised(halved(plane, side), side / 2, CHROMA, quality), side));
  return toRGB(y, cb, cr);
}

// 16-bit fixed point, as in libjpeg's jccolor.c; the offsets hold 128 and the rounding.
function toYCC(rgb) {
  const planes = [0, 1, 2].map(() => new Float64Array(rgb.length / 3));
  for (let i = 0; i < rgb.length / 3; i += 1) {
    const [r, g, b] = rgb.subarray(3 * i, 3 * i + 3);
    planes[0][i] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
    planes[1][i] = (-11059 * r - 21709 * g + 32768 * b + 8421375) >> 16;
    planes[2][i] = (32768 * r - 27439 * g - 5329 * b + 8421375) >> 16;
  }
  return planes;
}

function toRGB(y, cb, cr) {
  const rgb = new Uint8ClampedArray(3 * y.length);
  for (let i = 0; i < y.length; i += 1) {
    const [b, r] = [cb[i] - 128, cr[i] - 128];
    rgb[3 * i] = y[i] + ((91881 * r + 32768) >> 16);
    rgb[3 * i + 1] = y[i] + ((-22554 * b - 46802 * r + 32768) >> 16);
    rgb[3 * i + 2] = y[i] + ((116130 * b + 32768) >> 16);
  }
  return rgb;
}

// Means of 2 x 2 pixels, rounded down and up by turns (jcsample.c).
function halved(plane, side) {
  const half = side / 2;
  return Float64Array.from({ length: half * half }, (_, i) => {
    const x = i % half;
    const at = 2 * side * Math.floor(i / half) + 2 * x;
    return (plane[at] + plane[at + 1] + plane[at + side] + plane[at + side + 1] + 1 + (x & 1)) >> 2;
  });
}

// "Fancy" upsampling (jdsample.c): 3 parts of the nearest pixel, 1 of the next, along both axes.
function enlarged(plane, side) {
  const half = side / 2;
  const inside = (i) => Math.min(Math.max(i, 0), half - 1);
  const out = new Float64Array(side * side);
  const column = new Float64Array(half);
  for (let y = 0; y < side; y += 1) {
    const near = y >> 1;
    const far = inside(near + (y & 1 ? 1 : -1));
    for (let x = 0; x < half; x += 1) column[x] = 3 * plane[near * half + x] + plane[far * half + x];
    for (let x = 0; x < half; x += 1) {
      out[y * side + 2 * x] = (3 * column[x] + column[inside(x - 1)] + 8) >> 4;
      out[y * side + 2 * x + 1] = (3 * column[x] + column[inside(x + 1)] + 7) >> 4;
    }
  }
  return out;
}

// A plane through the discrete cosine transform, quantised, and back.
function quantised(plane, side, table, quality) {
  const scaled = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  const steps = table.map((step) => Math.min(Math.max(Math.floor((step * scaled + 50) / 100), 1), 255));
  const out = new Uint8ClampedArray(side * side);
  const block = new Int32Array(64);
  for (let top = 0; top < side; top += 8) {
    for (let left = 0; left < side; left += 8) {
      const place = (i) => (top + (i >> 3)) * side + left + (i & 7);
      for (let i = 0; i < 64; i += 1) block[i] = plane[place(i)] - 128;
      for (let i = 0; i < 8; i += 1) forward(block, 8 * i, 1, false);
      for (let i = 0; i < 8; i += 1) forward(block, i, 8, true);
      for (let i = 0; i < 64; i += 1) {
        const whole = Math.floor((Math.abs(block[i]) + 4 * steps[i]) / (8 * steps[i]));
        block[i] = Math.sign(block[i]) * whole * steps[i];
      }
      for (let i = 0; i < 8; i += 1) inverse(block, i, 8, false);
      for (let i = 0; i < 8; i += 1) inverse(block, 8 * i, 1, true);
      for (let i = 0; i < 64; i += 1) out[place(i)] = block[i] + 128;
    }
  }
  return out;
}

// libjpeg's accurate integer transform ("islow", Loeffler, Ligtenberg and Moschytz 1989) of eight
// numbers, `step` apart. Constants are multiples of 2^-13; the second pass takes out the scale.
const rounded = (x, bits) => (x + (1 << (bits - 1))) >> bits;

function forward(d, at, step, second) {
  const pairs = [0, 1, 2, 3].map((i) => [d[at + i * step], d[at + (7 - i) * step]]);
  const [e0, e1, e2, e3] = pairs.map(([a, b]) => a + b);
  const odd = oddPart(...pairs.map(([a, b]) => a - b).reverse());
  const bits = second ? 15 : 11;
  const [sum, difference] = [e0 + e3 + (e1 + e2), e0 + e3 - (e1 + e2)];
  d[at] = second ? rounded(sum, 2) : sum << 2;
  d[at + 4 * step] = second ? rounded(difference, 2) : difference << 2;
  const turned = (e0 - e3 + (e1 - e2)) * 4433;
  d[at + 2 * step] = rounded(turned + (e0 - e3) * 6270, bits);
  d[at + 6 * step] = rounded(turned - (e1 - e2) * 15137, bits);
  [7, 5, 3, 1].forEach((i, k) => { d[at + i * step] = rounded(odd[k], bits); });
}

function inverse(d, at, step, second) {
  const [d0, d1, d2, d3, d4, d5, d6, d7] = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => d[at + i * step]);
  const odd = oddPart(d7, d5, d3, d1);
  const bits = second ? 18 : 11;
  const turned = (d2 + d6) * 4433;
  const [low, high] = [turned - d6 * 15137, turned + d2 * 6270];
  const [sum, difference] = [(d0 + d4) * 8192, (d0 - d4) * 8192];
  [sum + high, difference + low, difference - low, sum - high].forEach((even, i) => {
    d[at + i * step] = rounded(even + odd[3 - i], bits);
    d[at + (7 - i) * step] = rounded(even - odd[3 - i], bits);
  });
}

// The odd half of both transforms.
function oddPart(a, b, c, d) {
  const z5 = (a + c + b + d) * 9633;
  const z1 = (a + d) * -7373;
  const z2 = (b + c) * -20995;
  const z3 = (a + c) * -16069 + z5;
  const z4 = (b + d) * -3196 + z5;
  return [a * 2446 + z1 + z3, b * 16819 + z2 + z4, c * 25172 + z2 + z3, d * 12299 + z1 + z4];
}
