"""From images to PCA scores: `ddrlib` against the straightforward way, as ratios in one run.

Straightforward: one image at a time, one forward pass a layer, features saved whole in float32,
scikit-learn's PCA on the N x D matrix. Both ways use all cores of this machine.

    python benchmarks/extraction_projection.py [--quick]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.degradation import degrade
from ddrlib.features.extraction import extract
from ddrlib.features.grams import gram
from ddrlib.machine import processor
from ddrlib.measure.projection import pca
from ddrlib.zoo.loading import Network, load_network

LAYERS = ["F_m1", "LRL_1", "LRL_4", "LRL_7", "LRL_8", "LRL_9", "LRL_10", "GFF_2"]
COMPONENTS = 50
GB = 1e9


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def disagreement(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest error of a component's scores relative to their length, up to the sign."""
    signs = np.sign((ours * theirs).sum(axis=0))
    errors = np.linalg.norm(ours * signs - theirs, axis=0) / np.linalg.norm(theirs, axis=0)
    return float(errors.max())


# ---- images to scores ----


def ours(network: Network, images: torch.Tensor, layers: list[str]) -> list[np.ndarray]:
    features = extract(network, images, layers, device="cpu")
    return [pca(gram(values), COMPONENTS).scores for values in features.values()]


def straightforward(
    network: Network, images: torch.Tensor, layers: list[str], folder: Path
) -> list[np.ndarray]:
    scores = []
    for layer in layers:
        rows: list[torch.Tensor] = []
        handle = network.module.get_submodule(network.layers[layer]).register_forward_hook(
            lambda module, inputs, output, rows=rows: rows.append(output.flatten())
        )
        with torch.no_grad():
            for image in images:
                network.module(image[None])
        handle.remove()
        np.save(folder / f"{layer}.npy", torch.stack(rows).numpy())
        features = np.load(folder / f"{layer}.npy")
        scores.append(PCA(COMPONENTS, svd_solver="full").fit_transform(features))
    return scores


def compare_extraction(folder: Path, contents: int) -> None:
    network = load_network("rdn-div2k-x4")
    hr = load_patches("eval", contents).images
    images = torch.cat([degrade(hr, name) for name in ("clean", "blur4", "noise20")])
    network.module(images[:1])  # warm up
    os.environ["DDR_CACHE"] = str(folder)
    seconds, scores = timed(ours, network, images, LAYERS)
    again, _ = timed(ours, network, images, LAYERS)
    slow, expected = timed(straightforward, network, images, LAYERS, folder)
    first = max(disagreement(a[:, :2], b[:, :2]) for a, b in zip(scores, expected, strict=True))
    print(f"{len(LAYERS)} layers of RDN, {len(images)} images, to {COMPONENTS} PCA scores")
    print(f"  straightforward {slow:8.2f} s")
    print(f"  ddrlib          {seconds:8.2f} s   {slow / seconds:6.1f} times faster (wanted: 10)")
    print(f"  from the cache  {again:8.2f} s   {slow / again:6.1f} times faster")
    print(f"  first two components differ by {first:.1e} (features kept in float16)")


# ---- exact PCA ----


def compare_pca(n: int, dim: int, repeats: int) -> None:
    features = spectrum(np.random.default_rng(0), n, dim).astype(np.float32)
    ways: dict[str, Callable[[], np.ndarray]] = {
        "ddrlib": lambda: pca(gram(features), COMPONENTS).scores,
        "scikit-learn, randomized": lambda: _sklearn_pca(features, "randomized"),
        "scikit-learn, exact": lambda: _sklearn_pca(features, "full"),
    }
    # Turn by turn, so that a disturbance meets all of them; the best of each counts.
    runs = [{name: timed(way) for name, way in ways.items()} for _ in range(repeats)]
    best = {name: min(run[name][0] for run in runs) for name in ways}
    exact = _sklearn_pca(features.astype(np.float64), "full")
    print(f"{COMPONENTS} principal components, N = {n}, D = {dim:,}, float32 in memory")
    for name, seconds in best.items():
        error = disagreement(runs[0][name][1], exact)
        print(
            f"  {name:25s} {seconds:7.3f} s   {seconds / best['ddrlib']:5.1f} times ddrlib's   "
            f"error {error:.1e} of scikit-learn's float64 scores"
        )
    print("  wanted: exact 3 times or more, randomized 1 or more, error of ddrlib below 1e-5")


def spectrum(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    """Features (n, dim) whose components weaken as those of deep features do."""
    strengths = np.arange(1, n + 1) ** -0.8
    mixing = rng.standard_normal((n, n)) * strengths
    return mixing @ rng.standard_normal((n, dim)) / np.sqrt(n) + 0.5


def _sklearn_pca(features: np.ndarray, solver: str) -> np.ndarray:
    return PCA(COMPONENTS, svd_solver=solver, random_state=0).fit_transform(features)


# ---- memory ----

# Not getrusage: on Linux its peak counts the process that started this one.
PEAK = """
import re, sys, numpy as np
{imports}
file = sys.argv[1]
{work}
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""
OURS = PEAK.format(
    imports="from ddrlib.features.grams import gram\nfrom ddrlib.measure.projection import pca",
    work=f"pca(gram(np.load(file, mmap_mode='r')), {COMPONENTS})",
)
STRAIGHTFORWARD = PEAK.format(
    imports="from sklearn.decomposition import PCA",
    work=f"PCA({COMPONENTS}, svd_solver='full').fit_transform(np.load(file).astype(np.float32))",
)


def compare_memory(folder: Path, n: int, dim: int) -> None:
    file = folder / "large.npy"
    rng = np.random.default_rng(0)
    large = np.lib.format.open_memmap(file, "w+", np.float16, (n, dim))
    for row in range(n):
        large[row] = rng.standard_normal(dim, np.float32)
    large.flush()
    del large
    print(f"exact PCA, N = {n}, D = {dim:,}, float16 on disk ({file.stat().st_size / GB:.1f} GB)")
    seconds, peak = timed(peak_memory, OURS, file)
    print(f"  ddrlib          {peak / GB:6.2f} GB at most, {seconds:.0f} s (wanted: 2 GB or less)")
    matrix = 4 * n * dim  # float32; scikit-learn centres a copy and makes as many components
    if 4 * matrix < os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
        seconds, peak = timed(peak_memory, STRAIGHTFORWARD, file)
        print(f"  straightforward {peak / GB:6.2f} GB at most, {seconds:.0f} s")
    else:
        print(
            f"  straightforward {2 * matrix / GB:6.2f} GB at least, not run on this machine: the "
            "float32 matrix and its centred copy"
        )


def peak_memory(program: str, file: Path) -> int:
    """Peak resident memory, in bytes, of a Python program in a process of its own (Linux)."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], check=True, capture_output=True, text=True
    )
    return int(done.stdout) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fraction of the work: does it run?")
    quick = parser.parse_args().quick
    print(f"{processor()}, PyTorch {torch.__version__} with {torch.get_num_threads()} threads")
    print(f"load at the start: {os.getloadavg()[0]:.1f} (an idle machine gives the fairest ratios)")
    with tempfile.TemporaryDirectory() as folder:
        compare_extraction(Path(folder), contents=20 if quick else 100)
        compare_pca(n=300, dim=2**13 if quick else 2**16, repeats=1 if quick else 3)
        compare_memory(Path(folder), n=800, dim=2**17 if quick else 2**20)


if __name__ == "__main__":
    main()
