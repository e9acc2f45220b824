"""t-SNE of some hundreds or thousands of samples: ddrlib, scikit-learn, openTSNE.

    python benchmarks/tsne.py

All start at random and take 1,000 iterations at perplexity 30, each as its defaults have it
otherwise. Lower divergence from the affinities is better. openTSNE is installed by `pip install
opentsne`.
"""

from __future__ import annotations

import numpy as np
from harness import Report
from sklearn.manifold import TSNE

from ddrlib.measure.tsne import joint_probabilities, tsne

PERPLEXITY, DIMENSIONS, GROUPS = 30.0, 50, 3


def scores(n: int) -> np.ndarray:
    """(n, 50): groups that overlap, in components that weaken."""
    rng = np.random.default_rng(0)
    spread = np.arange(1, DIMENSIONS + 1) ** -0.5
    centres = rng.standard_normal((GROUPS, DIMENSIONS))
    return (centres[np.arange(n) % GROUPS] + rng.standard_normal((n, DIMENSIONS))) * spread


def ours(x: np.ndarray) -> np.ndarray:
    return tsne(x, seed=0, perplexity=PERPLEXITY)


def scikit_learn(x: np.ndarray) -> np.ndarray:
    return TSNE(perplexity=PERPLEXITY, init="random", random_state=0).fit_transform(x)


def opentsne(x: np.ndarray) -> np.ndarray:
    import openTSNE

    made = openTSNE.TSNE(
        perplexity=PERPLEXITY,
        initialization="random",
        early_exaggeration_iter=250,
        n_iter=750,
        n_jobs=1,
        random_state=0,
    )
    return np.asarray(made.fit(x))


def divergence(p: np.ndarray, points: np.ndarray) -> float:
    """KL(p, q) of a map (N, 2)."""
    squares = (points.astype(np.float64) ** 2).sum(axis=1)
    k = 1 / (1 + squares[:, None] + squares - 2 * points @ points.T.astype(np.float64))
    np.fill_diagonal(k, 0)
    seen = p > 0
    return float((p[seen] * np.log(p[seen] / (k[seen] / k.sum()))).sum())


def main() -> None:
    report = Report("tsne", "t-SNE, 1,000 iterations at perplexity 30")
    ours(scores(100))  # compiles
    for n in (300, 1000, 3000):
        x = scores(n)
        p = joint_probabilities(x, PERPLEXITY)
        ways = {
            "ddrlib (exact, one thread)": lambda x=x: ours(x),
            "scikit-learn (Barnes-Hut)": lambda x=x: scikit_learn(x),
            "openTSNE (one thread)": lambda x=x: opentsne(x),
        }
        report.compare(f"N = {n:,}", ways, note=lambda y, p=p: f"divergence {divergence(p, y):.3f}")
    report.keep()


if __name__ == "__main__":
    main()
