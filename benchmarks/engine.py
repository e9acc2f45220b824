"""The engine of the book's pages against PyTorch, one core each: features and output of a network.

    python benchmarks/engine.py

The engine runs in Node.js, whose compiler is Chromium's (`apt-get install nodejs`).
"""

from __future__ import annotations

import base64
import json
import subprocess

import numpy as np
import torch
from harness import Report

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.degradation import degrade
from ddrlib.widgets.engine import ENGINE, Arrays, describe, kernel
from ddrlib.widgets.live import static
from ddrlib.zoo.loading import load_network

NETWORK, IMAGES, TURNS = "srresnet-wgr-reduced-s0", 8, 5

RUN = """
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64")).buffer;
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
(async () => {
  const kernel = given.compiled ? bytes(given.kernel) : bytes("");
  const weights = fromHalf(new Uint16Array(bytes(given.weights)));
  const net = await makeNetwork(given.about, weights, given.size, kernel);
  const all = new Float32Array(bytes(given.images)), length = all.length / given.n;
  let best = [Infinity, Infinity], output;
  for (let turn = 0; turn < given.turns; turn++) {
    const clock = performance.now(), cpu = process.cpuUsage();
    for (let i = 0; i < given.n; i++) {
      const lr = all.subarray(i * length, (i + 1) * length);
      net.features(lr);
      output = net.output(lr);
    }
    const used = process.cpuUsage(cpu);
    const now = [(performance.now() - clock) / 1e3, (used.user + used.system) / 1e6];
    if (now[1] < best[1]) best = now;
  }
  console.log(JSON.stringify({ best, output: Buffer.from(output.buffer, output.byteOffset,
    output.byteLength).toString("base64") }));
})();
"""


def encoded(data: bytes) -> str:
    """Bytes as JSON can hold them."""
    return base64.b64encode(data).decode()


def given_to_page(images: torch.Tensor, output: bool = True) -> dict:
    """What the engine is given: the network, its weights, the kernel, and images (N, 3, h, w)."""
    tensors = Arrays("<f2")
    return {
        "about": describe(load_network(NETWORK), tensors, output),
        "weights": encoded(tensors.bytes()),
        "kernel": encoded(kernel()),
        "images": encoded(np.ascontiguousarray(images.movedim(1, -1).numpy()).tobytes()),
        "size": images.shape[-1],
        "n": len(images),
    }


def engine(images: torch.Tensor, compiled: bool) -> tuple[float, float, np.ndarray]:
    """Seconds, CPU seconds, and the output for the last image."""
    given = given_to_page(images) | {"compiled": compiled, "turns": TURNS if compiled else 1}
    script = static(*ENGINE) + RUN
    done = subprocess.run(
        ["node", "-e", script], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    output = np.frombuffer(base64.b64decode(found["output"]), "<f4")
    return (*found["best"], output.reshape(4 * images.shape[-1], -1, 3))


def main() -> None:
    report = Report("engine", "A network in a page of the book, and in PyTorch")
    module = load_network(NETWORK).module
    images = degrade(load_patches("eval", IMAGES).images, "clean")
    what = f"{IMAGES} images of 32 × 32 through {NETWORK}"

    @torch.inference_mode()
    def one_by_one() -> torch.Tensor:
        return [module(image[None]) for image in images][-1]

    one_by_one()
    outputs = report.compare(what, {"PyTorch, an image at a time": one_by_one}, turns=TURNS)
    wanted = outputs["PyTorch, an image at a time"][0].movedim(0, -1).numpy()
    first = report.rows[0]["seconds"], report.rows[0]["CPU seconds"]
    for way, compiled in ("the page, WebAssembly", True), ("the page, JavaScript", False):
        clock, cpu, output = engine(images, compiled)
        note = f"output differs by {np.abs(output.clip(0, 1) - wanted.clip(0, 1)).max():.0e}"
        report.add(what, way, clock, cpu, *first, note)
    report.keep()


if __name__ == "__main__":
    main()
