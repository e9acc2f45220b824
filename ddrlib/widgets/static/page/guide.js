// How a guided network is told of the degradation: an embedding, from two numbers (the oracle) or from
// what a trunk of its own sees in an image ("frozen", "learned"), as in ddrlib/networks/guided.py.

// Gives {embed({blur, noise}, lr)}: the embedding of a degradation, or of an image under it.
async function makeGuide(about, weights, size, binary) {
  const tensor = (name) => {
    const { at, shape } = about.tensors[name];
    return weights.subarray(at, at + shape.reduce((a, b) => a * b));
  };
  const layer = (name) => [tensor(`${name}.weight`), tensor(`${name}.bias`)];
  if (about.guide === "oracle") {
    const [first, second] = ["encoder.0", "encoder.2"].map(layer);
    const { strongest: [blurriest, noisiest] } = about;
    const embed = ({ blur, noise }) => linear(linear([blur / blurriest, noise / noisiest], ...first).map(leaky), ...second);
    return { embed };
  }
  const trunk = await makeNetwork({ ...about, tensors: under(about.tensors, "trunk."), output: false }, weights, size, binary);
  const [mean, spread] = about.guide === "frozen" ? [tensor("mean"), tensor("std")]
    : [tensor("norm.running_mean"), tensor("norm.running_var").map((variance) => Math.sqrt(variance + 1e-5))];
  const { channels } = about;
  const [first, second, last] = ["encoder.0", "encoder.2", "encoder.6"].map(layer);
  const embed = (_, lr) => {
    const features = Float64Array.from(trunk.features(lr), (v, i) => (v - mean[i % channels]) / spread[i % channels]);
    const halved = halve(features, size, channels, ...first);
    const quartered = halve(halved, size / 2, 2 * channels, ...second);
    return linear(meansOf(quartered, 2 * channels), ...last);
  };
  return { embed };
}

const leaky = (v) => Math.max(v, 0.1 * v);

// The tensors whose names begin so, without it.
function under(tensors, prefix) {
  return Object.fromEntries(Object.entries(tensors)
    .filter(([name]) => name.startsWith(prefix)).map(([name, place]) => [name.slice(prefix.length), place]));
}

// The mean of each channel over the pixels.
function meansOf(features, channels) {
  const means = new Float64Array(channels);
  features.forEach((v, i) => { means[i % channels] += v; });
  return means.map((sum) => (sum * channels) / features.length);
}

// A 3 x 3 convolution with stride 2 and a border of one zero, and its activation: (side, side, channels)
// to half the side. Of the weights (out, in, 3, 3), those of one place and channel are brought together.
function halve(image, side, channels, weight, bias) {
  const outputs = bias.length;
  const byPlace = Float32Array.from(weight, (_, at) => {
    const [place, rest] = [Math.floor(at / (channels * outputs)), at % (channels * outputs)];
    return weight[((rest % outputs) * channels + Math.floor(rest / outputs)) * 9 + place];
  });
  const half = side / 2;
  const to = new Float64Array(half * half * outputs);
  for (let y = 0; y < half; y += 1) {
    for (let x = 0; x < half; x += 1) {
      const sums = to.subarray((y * half + x) * outputs, (y * half + x + 1) * outputs);
      sums.set(bias);
      for (let place = 0; place < 9; place += 1) {
        const [row, column] = [2 * y + Math.floor(place / 3) - 1, 2 * x + (place % 3) - 1];
        if (row >= 0 && column >= 0 && row < side && column < side) {
          for (let c = 0; c < channels; c += 1) {
            const v = image[(row * side + column) * channels + c];
            const at = (place * channels + c) * outputs;
            for (let k = 0; k < outputs; k += 1) sums[k] += v * byPlace[at + k];
          }
        }
      }
      for (let k = 0; k < outputs; k += 1) sums[k] = leaky(sums[k]);
    }
  }
  return to;
}

// A linear layer: weight (out, in).
function linear(input, weight, bias) {
  return Float64Array.from(bias, (b, i) => {
    let sum = b;
    for (let j = 0; j < input.length; j += 1) sum += weight[i * input.length + j] * input[j];
    return sum;
  });
}
