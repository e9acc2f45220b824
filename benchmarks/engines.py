"""The engine of the book's pages against the libraries that run networks in a browser.

    npm install --prefix FOLDER onnxruntime-web@1.30.0 @tensorflow/tfjs-core@4.22.0 \\
        @tensorflow/tfjs-backend-wasm@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
    python benchmarks/engines.py FOLDER

Each runs the trunk of one network in headless Chromium, on the page's own thread: what a move of a
slider takes. Sizes are those of the files that a page would have to carry for it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import torch
from engine import IMAGES, NETWORK, TURNS, encoded, given_to_page
from harness import Report
from playwright.sync_api import Page, sync_playwright

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.degradation import degrade
from ddrlib.widgets.engine import kernel
from ddrlib.widgets.live import static
from ddrlib.zoo.loading import load_network

# Each defines `ready`, a promise of a function from an image (h, w, 3) to its features.
OURS = """
const ready = (async () => {
  const weights = fromHalf(new Uint16Array(bytes(given.weights)));
  const net = await makeNetwork(given.about, weights, given.size, bytes(%s));
  return async (lr) => net.features(lr);
})();
"""
ONNX = """
const ready = (async () => {
  Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: "/dist/" });
  const session = await ort.InferenceSession.create(new Uint8Array(bytes(given.onnx)), { executionProviders: ["wasm"] });
  return async (lr) => {
    const planes = new Float32Array(lr.length), area = lr.length / 3;
    lr.forEach((v, i) => { planes[(i % 3) * area + Math.floor(i / 3)] = v; });
    const lrs = new ort.Tensor("float32", planes, [1, 3, given.size, given.size]);
    const { features } = await session.run({ lr: lrs });
    const all = features.data, depth = all.length / area;
    return Float32Array.from(all, (_, i) => all[(i % depth) * area + Math.floor(i / depth)]);
  };
})();
"""
TENSORFLOW = """
const ready = (async () => {
  if (BACKEND === "wasm") tf.wasm.setWasmPaths("/wasm/");
  await tf.setBackend(BACKEND);
  const t = Object.fromEntries(Object.entries(given.tensors).map(([name, { data, shape }]) =>
    [name, tf.tensor(new Float32Array(bytes(data)), shape)]));
  const conv = (x, name) => tf.add(tf.conv2d(x, t[`${name}.weight`], 1, "same"), t[`${name}.bias`]);
  return async (lr) => {
    const features = tf.tidy(() => {
      let x = tf.leakyRelu(conv(tf.tensor4d(lr, [1, given.size, given.size, 3]), "conv_first"), 0.1);
      for (let k = 0; k < given.about.blocks; k += 1) {
        x = tf.add(x, conv(tf.relu(conv(x, `body.${k}.conv1`)), `body.${k}.conv2`));
      }
      return x;
    });
    const found = await features.data();
    features.dispose();
    return found;
  };
})();
"""
PAGE = """<!doctype html><meta charset="utf-8"><script>
const began = performance.now();
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const given = %s;
</script>%s<script>%s
let run, images;
const start = (async () => {
  run = await ready;
  const all = new Float32Array(bytes(given.images)), length = all.length / given.n;
  images = Array.from({ length: given.n }, (_, i) => all.slice(i * length, (i + 1) * length));
  await run(images[0]);
  return (performance.now() - began) / 1e3;
})();
async function turn() {
  const clock = performance.now();
  let last;
  for (const image of images) last = await run(image);
  return { seconds: (performance.now() - clock) / 1e3, last: Array.from(last) };
}
</script>"""


class Trunk(torch.nn.Module):
    """An SRResNet from its first convolution to its last block."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.first, self.body = module.conv_first, module.body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(torch.nn.functional.leaky_relu(self.first(x), 0.1))


def onnx_of(trunk: Trunk, size: int) -> bytes:
    """The trunk as an ONNX file."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        path = Path(folder, "trunk.onnx")
        names = {"input_names": ["lr"], "output_names": ["features"]}
        torch.onnx.export(trunk.eval(), torch.rand(1, 3, size, size), path, dynamo=False, **names)
        return path.read_bytes()


def given_to_all(images: torch.Tensor) -> dict:
    """What the pages are given: the network in the form that each takes, and the images."""
    given, module = given_to_page(images, output=False), load_network(NETWORK).module
    tensors = {}
    for key in given["about"]["tensors"]:
        value = module.state_dict()[key]
        value = value.permute(2, 3, 1, 0).contiguous() if value.ndim == 4 else value
        tensors[key] = {"data": encoded(value.numpy().tobytes()), "shape": list(value.shape)}
    onnx = encoded(onnx_of(Trunk(module), given["size"]))
    return given | {"onnx": onnx, "tensors": tensors}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def timed(page: Page) -> tuple[float, float, float, np.ndarray]:
    """Seconds until the first features; seconds and CPU seconds of the best turn; features."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    started = page.evaluate("start")
    best = (np.inf, np.inf)
    for _ in range(TURNS):
        before = busy()
        found = page.evaluate("turn()")
        best = min(best, (found["seconds"], busy() - before), key=lambda one: one[1])
    return started, *best, np.array(found["last"], np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where npm has installed the libraries")
    packages = parser.parse_args().folder.absolute() / "node_modules"
    ort = packages / "onnxruntime-web" / "dist"
    tensorflow = packages / "@tensorflow"
    core = tensorflow / "tfjs-core/dist/tf-core.min.js"
    wasm, cpu = (
        tensorflow / f"tfjs-backend-{x}/dist/tf-backend-{x}.min.js" for x in ("wasm", "cpu")
    )
    simd = wasm.parent / "tfjs-backend-wasm-simd.wasm"
    ours = static("page/network.js").encode()
    # By name: the scripts of the page, and what else it would carry.
    ways: dict[str, tuple[list[bytes], list[bytes], str]] = {
        "ours, WebAssembly": ([ours], [kernel()], OURS % "given.kernel"),
        "TensorFlow.js, WebAssembly": (
            [core.read_bytes(), wasm.read_bytes(), b'const BACKEND = "wasm";'],
            [simd.read_bytes()],
            TENSORFLOW,
        ),
        "ONNX Runtime Web": (
            [(ort / "ort.wasm.min.js").read_bytes()],
            [(ort / "ort-wasm-simd-threaded.wasm").read_bytes()],
            ONNX,
        ),
        "ours, JavaScript": ([ours], [], OURS % '""'),
        "TensorFlow.js, JavaScript": (
            [core.read_bytes(), cpu.read_bytes(), b'const BACKEND = "cpu";'],
            [],
            TENSORFLOW,
        ),
    }
    report = Report("engines", "What runs a network in a page")
    images = degrade(load_patches("eval", IMAGES).images, "clean")
    given = given_to_all(images)
    with torch.no_grad():
        wanted = Trunk(load_network(NETWORK).module)(images[-1:])[0].movedim(0, -1).numpy()
    what = f"{IMAGES} images of 32 × 32 through the trunk of {NETWORK}"
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
        Path(folder, "dist").symlink_to(ort)
        Path(folder, "wasm").symlink_to(wasm.parent)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            add: Callable | None = None
            for way, (scripts, rest, code) in ways.items():
                tags = "".join(f"<script>{script.decode()}</script>" for script in scripts)
                Path(folder, "index.html").write_text(
                    PAGE % (json.dumps(given), tags, code), "utf-8"
                )
                page = browser.new_page()
                page.set_default_timeout(120_000)
                page.goto(address)
                started, clock, cpu_seconds, found = timed(page)
                page.close()
                add = add or partial(report.add, clock_of_first=clock, cpu_of_first=cpu_seconds)
                size = sum(map(len, [*scripts, *rest]))
                packed = sum(len(gzip.compress(part)) for part in [*scripts, *rest])
                error = np.abs(found.reshape(wanted.shape) - wanted).max()
                note = (
                    f"{size / 1e3:,.0f} kB, {packed / 1e3:,.0f} kB compressed; first features after "
                    f"{started:.1f} s; differs by {error:.0e}"
                )
                add(what, way, clock, cpu_seconds, note=note)
            browser.close()
    report.keep()


if __name__ == "__main__":
    main()
