"""Exact principal components of a layer: ddrlib against scikit-learn, and how both grow.

python benchmarks/components.py
"""

from __future__ import annotations

import numpy as np
from harness import Report, timed
from sklearn.decomposition import PCA

from ddrlib.features.grams import gram
from ddrlib.measure.projection import pca

COMPONENTS = 50


def spectrum(n: int, dim: int) -> np.ndarray:
    """Features (n, dim), float32, whose components weaken as those of deep features do."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((n, n), np.float32) * np.arange(1, n + 1) ** -0.8
    return (mixing @ rng.standard_normal((n, dim), np.float32) / n**0.5 + 0.5).astype(np.float32)


def sklearn_pca(features: np.ndarray, solver: str) -> np.ndarray:
    return PCA(COMPONENTS, svd_solver=solver, random_state=0).fit_transform(features)


def exact(features: np.ndarray) -> np.ndarray:
    """Scores from a float64 singular value decomposition of scikit-learn."""
    return sklearn_pca(features.astype(np.float64), "full")


def error(scores: np.ndarray, wanted: np.ndarray) -> float:
    """The largest error of a component's scores relative to their length, up to the sign."""
    signs = np.sign((scores * wanted).sum(axis=0))
    distance = np.linalg.norm(scores * signs - wanted, axis=0)
    return float((distance / np.linalg.norm(wanted, axis=0)).max())


def main() -> None:
    report = Report("components", f"{COMPONENTS} exact principal components of N × D features")
    features = spectrum(300, 2**15)
    wanted = exact(features)
    ways = {
        "ddrlib": lambda: pca(gram(features), COMPONENTS),
        "scikit-learn, randomized": lambda: sklearn_pca(features, "randomized"),
        "scikit-learn, exact": lambda: sklearn_pca(features, "full"),
    }
    what = f"N = {len(features)}, D = {features.shape[1]:,}, float32 in memory"
    report.compare(
        what, ways, turns=2, note=lambda s: f"off by {error(s, wanted):.0e} of the largest"
    )
    for name, sizes in {
        "growth with D, N = 300": [(300, 2**14), (300, 2**15), (300, 2**16)],
        "growth with N, D = 32,768": [(150, 2**15), (300, 2**15), (600, 2**15)],
    }.items():
        print(name)
        first = None
        for n, dim in sizes:
            features = spectrum(n, dim)
            clock, cpu, _ = timed(lambda x=features: pca(gram(x), COMPONENTS))
            first = first or (clock, cpu)
            report.add(name, f"N = {n}, D = {dim:,}", clock, cpu, *first)
    report.keep()


if __name__ == "__main__":
    main()
