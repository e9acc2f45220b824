"""SRGA of one test set: streamed (`ddrlib.measure.srga`) against the straightforward script.

    python benchmarks/srga.py [--samples 800 --dim 1048576]

The straightforward script loads each set whole, runs scikit-learn's PCA on it and rejects outliers
in a Python loop. That PCA is a randomised one, the streamed way is exact, so the two indices differ a
little. Each way runs in a process of its own, so that its peak memory is its own; one that
needs more memory than there is ends without an answer, and the other's stands.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
from harness import Report, timed
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from ddrlib.measure.ggd import fit_ggd, ggd_kl
from ddrlib.measure.srga import read_features, srga


def straightforward(reference: Path, test: Path, components: int) -> float:
    fits = []
    for path in (reference, test):
        features = np.load(path).astype(np.float32)
        scores = PCA(components, random_state=0).fit_transform(features).flatten()
        mean, limit = scores.mean(), 5 * scores.std()
        fits.append(fit_ggd(np.array([s for s in scores if mean - limit < s < mean + limit])))
    return np.log10(ggd_kl(*fits) + 1e-5) + 5


def streamed(reference: Path, test: Path, components: int) -> float:
    return srga(read_features(reference), read_features(test), components).srga


def measured(way, *arguments) -> tuple[float, float, float, float]:
    """Seconds, CPU seconds, what it gives, and the peak memory of this process in GB."""
    with threadpool_limits(1):  # what `Report` set holds for its own process
        clock, cpu, value = timed(lambda: way(*arguments))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return clock, cpu, float(value), peak


def in_new_process(function, *arguments):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def write_features(path: Path, n: int, dim: int, seed: int) -> None:
    """Float16 features (n, dim) of decaying spectrum, written in blocks of columns."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n, 64), np.float32) / np.arange(1, 65, dtype=np.float32) ** 0.5
    features = np.lib.format.open_memmap(path, "w+", np.float16, (n, dim))
    for start in range(0, dim, 16384):
        mixing = np.random.default_rng(start).standard_normal((64, 16384), np.float32)
        noise = (1 + seed) * rng.standard_normal((n, 16384), np.float32)
        block = factors @ mixing + 0.3 * noise
        features[:, start : start + 16384] = block[:, : dim - start]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--dim", type=int, default=65_536)
    parser.add_argument("--components", type=int, default=300)
    options = parser.parse_args()
    report = Report("srga", "SRGA of a test set against a reference")
    what = f"{options.samples} × {options.dim:,} float16, {options.components} components"
    print(what, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "reference.npy", Path(folder) / "test.npy"]
        for seed, path in enumerate(paths):
            in_new_process(write_features, path, options.samples, options.dim, seed)
        first: tuple[float, float] | None = None
        ways = {"ddrlib, streamed": streamed, "as the published script": straightforward}
        for name, way in ways.items():
            try:
                clock, cpu, value, peak = in_new_process(measured, way, *paths, options.components)
            except BrokenProcessPool:
                print(f"  {name} was ended by the system: too little memory for it")
                continue
            first = first or (clock, cpu)
            note = f"SRGA {value:.4f}, peak memory {peak:.2f} GB"
            report.add(what, name, clock, cpu, *first, note)
    report.keep()


if __name__ == "__main__":
    main()
