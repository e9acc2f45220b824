// One row of a 3 x 3 convolution in WebAssembly SIMD: AssemblyScript, compiled into convolution.wasm
// by `npm run kernel`. `convolveRowIn` in network.js is the same in plain JavaScript.
//
// Feature maps lie pixel by pixel, all channels of a pixel together, within a border of zeros. So
// the three rows of a window are three runs of 3 * channels numbers, and there is no edge to treat.
// Eight output channels of four pixels are computed at a time: eight sums of four numbers, which is
// what the registers hold. The weights lie in the order in which they are used: eight biases, then
// for each row, column and input channel of the window the weights of the eight output channels.
//
// All places and strides are in bytes. `width` is a multiple of 4. The result is
//     max(v, slope * v)   with   v = bias + convolution + residual,
// where slope 1 is no activation, 0 a ReLU, and residual 0 no addition.

export function convolveRow(
  input: usize, weights: usize, output: usize, residual: usize,
  width: usize, channels: usize, inputRow: usize, outputPixel: usize, residualPixel: usize, slope: f32,
): void {
  const pixel = 4 * channels;
  const leak = f32x4.splat(slope);
  for (let x: usize = 0; x < width; x += 4) {
    let a0 = v128.load(weights), b0 = v128.load(weights, 16);
    let a1 = a0, b1 = b0, a2 = a0, b2 = b0, a3 = a0, b3 = b0;
    let weight = weights + 32;
    for (let row: usize = 0; row < 3; row++) {
      let at = input + row * inputRow + x * pixel;
      const end = at + 3 * pixel;
      for (; at < end; at += 4, weight += 32) {
        const wa = v128.load(weight), wb = v128.load(weight, 16);
        const v0 = v128.load32_splat(at), v1 = v128.load32_splat(at + pixel);
        const v2 = v128.load32_splat(at + 2 * pixel), v3 = v128.load32_splat(at + 3 * pixel);
        a0 = f32x4.add(a0, f32x4.mul(v0, wa));
        b0 = f32x4.add(b0, f32x4.mul(v0, wb));
        a1 = f32x4.add(a1, f32x4.mul(v1, wa));
        b1 = f32x4.add(b1, f32x4.mul(v1, wb));
        a2 = f32x4.add(a2, f32x4.mul(v2, wa));
        b2 = f32x4.add(b2, f32x4.mul(v2, wb));
        a3 = f32x4.add(a3, f32x4.mul(v3, wa));
        b3 = f32x4.add(b3, f32x4.mul(v3, wb));
      }
    }
    if (residual) {
      const at = residual + x * residualPixel;
      a0 = f32x4.add(a0, v128.load(at));
      b0 = f32x4.add(b0, v128.load(at, 16));
      a1 = f32x4.add(a1, v128.load(at + residualPixel));
      b1 = f32x4.add(b1, v128.load(at + residualPixel, 16));
      a2 = f32x4.add(a2, v128.load(at + 2 * residualPixel));
      b2 = f32x4.add(b2, v128.load(at + 2 * residualPixel, 16));
      a3 = f32x4.add(a3, v128.load(at + 3 * residualPixel));
      b3 = f32x4.add(b3, v128.load(at + 3 * residualPixel, 16));
    }
    const to = output + x * outputPixel;
    v128.store(to, f32x4.max(a0, f32x4.mul(leak, a0)));
    v128.store(to, f32x4.max(b0, f32x4.mul(leak, b0)), 16);
    v128.store(to + outputPixel, f32x4.max(a1, f32x4.mul(leak, a1)));
    v128.store(to + outputPixel, f32x4.max(b1, f32x4.mul(leak, b1)), 16);
    v128.store(to + 2 * outputPixel, f32x4.max(a2, f32x4.mul(leak, a2)));
    v128.store(to + 2 * outputPixel, f32x4.max(b2, f32x4.mul(leak, b2)), 16);
    v128.store(to + 3 * outputPixel, f32x4.max(a3, f32x4.mul(leak, a3)));
    v128.store(to + 3 * outputPixel, f32x4.max(b3, f32x4.mul(leak, b3)), 16);
  }
}
