// A file that a reader gives, to upright RGB pixels; or an Error whose message is for the reader.

const SHORT_SIDE = 256; // what a larger photograph is reduced to: pixels of cameras are soft
const READ_SIDE = 1024; // how large it is drawn before that

// The bytes that a widget was given, which arrive as a DataView.
function bytesOf(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

// They may begin at a place that wider numbers cannot begin at.
const copyOf = (view) => bytesOf(view).slice().buffer;
const floatsOf = (view) => new Float32Array(copyOf(view));

// The weights of a network, which are a model of their own: a page reads them when they are needed.
async function weightsOf(model, k) {
  const id = model.get("weights")[k].slice("IPY_MODEL_".length);
  const weights = await model.widget_manager.get_model(id);
  return fromHalf(new Uint16Array(copyOf(weights.get("data"))));
}

// {width, height, rgb}: rgb is Float32Array (height, width, 3) in [0, 1], of 8-bit values.
async function readPhoto(file, smallest) {
  const bitmap = await decode(file);
  const short = Math.min(bitmap.width, bitmap.height);
  if (short < smallest) {
    throw new Error(`${file.name} has ${bitmap.width} × ${bitmap.height} pixels; at least ${smallest} × `
      + `${smallest} are needed. Choose a larger picture.`);
  }
  const drawn = drawUpright(bitmap, Math.min(1, READ_SIDE / short));
  bitmap.close();
  const ratio = Math.min(1, SHORT_SIDE / Math.min(drawn.width, drawn.height));
  if (ratio === 1) return drawn;
  const [width, height] = [drawn.width, drawn.height].map((side) => Math.round(side * ratio));
  const reduced = toBytes(bicubic(drawn.rgb, drawn.width, drawn.height, width, height));
  return { width, height, rgb: Float32Array.from(reduced, (v) => v / 255) };
}

// Upright as the camera's note (EXIF) says, in the colours of the screen's standard (sRGB).
async function decode(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    if (await isHeic(file)) {
      throw new Error(`${file.name} is a HEIC picture, which browsers do not open. Save or export it as JPEG.`);
    }
    throw new Error(`${file.name} cannot be read as a picture: it is damaged, or of a kind that browsers `
      + "do not open. Choose a JPEG, PNG or WebP file.");
  }
}

// HEIC and its like begin with a box "ftyp" that names its brand.
async function isHeic(file) {
  const head = new TextDecoder("latin1").decode(await file.slice(4, 12).arrayBuffer());
  return /^ftyp(heic|heix|hevc|heim|heis|mif1|msf1)/.test(head) || /\.hei[cf]$/i.test(file.name);
}

// What is transparent becomes white.
function drawUpright(bitmap, ratio) {
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.round(side * ratio));
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const rgb = new Float32Array(3 * width * height);
  for (let i = 0; i < width * height; i += 1) {
    for (let c = 0; c < 3; c += 1) rgb[3 * i + c] = data[4 * i + c] / 255;
  }
  return { width, height, rgb };
}

// Some browsers disturb the pixels that a page reads, against tracking. Then nothing here would be true.
function pixelsAreTrue() {
  const canvas = element("canvas", { width: 16, height: 16 });
  const context = canvas.getContext("2d");
  context.fillStyle = "rgb(90, 140, 190)";
  context.fillRect(0, 0, 16, 16);
  const { data } = context.getImageData(0, 0, 16, 16);
  return data.every((v, i) => v === [90, 140, 190, 255][i % 4]);
}

// A part of a photograph: (side, side, 3) from its left and top.
function cut({ width, rgb }, left, top, side) {
  const part = new Float32Array(3 * side * side);
  for (let y = 0; y < side; y += 1) {
    const at = 3 * ((top + y) * width + left);
    part.set(rgb.subarray(at, at + 3 * side), 3 * y * side);
  }
  return part;
}

// Whether a part has too little texture to tell one network from another: `_is_flat` of
// ddrlib/data/photographs.py, mean length of the gradient and standard deviation in grey levels.
function isFlat(part, side, { gradient, deviation }) {
  const grey = Float64Array.from({ length: side * side }, (_, i) =>
    (255 * (part[3 * i] + part[3 * i + 1] + part[3 * i + 2])) / 3);
  const slope = (i, place, step) => {
    const [before, after] = [place > 0 ? step : 0, place < side - 1 ? step : 0];
    return (grey[i + after] - grey[i - before]) / ((before + after) / step);
  };
  let [lengths, sum, squares] = [0, 0, 0];
  grey.forEach((v, i) => {
    lengths += Math.hypot(slope(i, i % side, 1), slope(i, Math.floor(i / side), side));
    sum += v;
    squares += v * v;
  });
  const n = grey.length;
  return lengths / n < gradient || Math.sqrt(Math.max(squares / n - (sum / n) ** 2, 0)) < deviation;
}

// Draw (side, side, 3) values in 0..255 on a canvas, pixel for pixel.
function paint(canvas, width, height, valueAt) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = valueAt(3 * i + c);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
