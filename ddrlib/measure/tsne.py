"""Exact t-SNE (van der Maaten and Hinton 2008) of some hundreds of samples, compiled.

The book projects hundreds of layers, each several times. At such N the Barnes-Hut tree that
libraries use costs more than it saves: one pass over all pairs, compiled to vector instructions, is
ten times faster and approximates nothing. The schedule (learning rate, exaggeration, momentum,
gains) is scikit-learn's, so that from the same start both go the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import joblib
import numba
import numpy as np
from numba import njit

from ddrlib.errors import DDRError
from ddrlib.features.cache import files_hash, kept, key_of

EXAGGERATION = 12.0  # at first the pull is harder, so that neighbours find each other
STAGES = ((250, EXAGGERATION, 0.5), (750, 1.0, 0.8))  # iterations, exaggeration, momentum
START = 1e-4  # standard deviation of the random layout at the start
ENTROPY_TOLERANCE = 1e-5  # of each sample's neighbourhood, in nats
MIN_GAIN = 0.01

# Sums may be reordered and divisions go unchecked: else no loop becomes vector instructions.
# Compiled in each process, in a second or two: numba's own cache on disk is a pickle beside machine
# code, without a checksum, and needs a folder that can be written.
_fast = njit(nogil=True, fastmath=True, error_model="numpy")


def usable_perplexity(n: int, perplexity: float) -> float:
    """The perplexity, lowered to a third of the n - 1 other samples where it is above.

    Perplexity is about the number of neighbours that count, and t-SNE looks at three times as many.
    DDRError for one below 1, or fewer than 4 samples.
    """
    if not perplexity >= 1 or n < 4:
        raise DDRError(
            f"t-SNE: perplexity {perplexity:g} for {n} samples; it needs 1 or more, and 4 samples"
        )
    return min(perplexity, (n - 1) / 3)


def tsne(scores: np.ndarray, seed: int = 0, perplexity: float = 30.0) -> np.ndarray:
    """The t-SNE projection (N, 2), float32, of PCA scores (N, n); the same for the same seed.

    It starts from a random layout, not from the first two components: the spread over seeds then
    says how far the picture depends on t-SNE's own choice among local optima. The perplexity is
    lowered where it is too large for N (`usable_perplexity`). DDRError for samples that are all the
    same.
    """
    if scores.shape[1] == 0:
        raise DDRError("t-SNE: all samples have the same features; leave this layer out")
    perplexity = usable_perplexity(len(scores), perplexity)
    affinities = joint_probabilities(scores, perplexity).astype(np.float32)
    start = START * np.random.RandomState(seed).standard_normal((len(scores), 2))
    points = start.astype(np.float32).T.copy()
    for stage in STAGES:
        _descend(affinities, points, *stage)
    return points.T.copy()


def tsne_each(tasks: Sequence[tuple[np.ndarray, int, float]]) -> Iterator[np.ndarray]:
    """`tsne(scores, seed, perplexity)` of each task, (N, 2) each, in their order, as they come.

    Those that an earlier run computed are read from the cache. The others run side by side through
    joblib, in threads; its `parallel_config` can send them elsewhere.
    """
    runs = [joblib.delayed(_kept_tsne)(*task) for task in tasks]
    parallel = joblib.Parallel(n_jobs=-1, prefer="threads", return_as="generator")
    return parallel(runs) if runs else iter(())


def _kept_tsne(scores: np.ndarray, seed: int, perplexity: float) -> np.ndarray:
    versions = files_hash(Path(__file__)), numba.__version__, np.__version__
    key = key_of("tsne", *versions, seed, float(perplexity), scores)
    return kept(key, lambda: {"points": tsne(scores, seed, perplexity)})["points"]


def joint_probabilities(scores: np.ndarray, perplexity: float) -> np.ndarray:
    """How much each pair of samples belongs together: (N, N), symmetric, sum 1, diagonal 0.

    Around each sample lies a Gaussian as wide as gives its neighbourhood, as a distribution over
    the others, the entropy log(perplexity); the two views of a pair are averaged.
    """
    scores = np.ascontiguousarray(scores, dtype=np.float64)
    squares = (scores**2).sum(axis=1)
    distances = (squares[:, None] + squares - 2 * scores @ scores.T).clip(min=0)
    # In units of the mean, so that the search for each width begins in its neighbourhood.
    conditional = _conditional(distances / (distances.mean() or 1), np.log(perplexity))
    joint = conditional + conditional.T
    return joint / joint.sum()


@njit(nogil=True)
def _conditional(distances: np.ndarray, entropy: float) -> np.ndarray:
    """Rows p(j | i), by bisection on the precision of each sample's Gaussian."""
    n = len(distances)
    rows = np.zeros((n, n))
    for i in range(n):
        low, high, precision = 0.0, np.inf, 1.0
        nearest = np.inf  # only differences of distances count, and these do not underflow
        for j in range(n):
            if j != i:
                nearest = min(nearest, distances[i, j])
        for _ in range(100):
            total, weighted = 0.0, 0.0
            for j in range(n):
                if j != i:
                    excess = distances[i, j] - nearest
                    rows[i, j] = np.exp(-precision * excess)
                    total += rows[i, j]
                    weighted += rows[i, j] * excess
            surplus = np.log(total) + precision * weighted / total - entropy
            if abs(surplus) <= ENTROPY_TOLERANCE:
                break
            if surplus > 0:
                low = precision
                precision = 2 * precision if high == np.inf else (low + high) / 2
            else:
                high = precision
                precision = (low + high) / 2
        for j in range(n):
            rows[i, j] /= total
    return rows


@_fast
def _descend(
    p: np.ndarray, points: np.ndarray, iterations: int, exaggeration: float, momentum: float
) -> None:
    """Gradient descent on KL(p, q), p exaggerated, from `points` (2, N), in place."""
    n = p.shape[0]
    rate = max(n / EXAGGERATION / 4, 50.0)
    step = np.zeros_like(points)
    gains = np.ones_like(points)
    for _ in range(iterations):
        slope = _gradient(p, points, exaggeration)
        for axis in range(2):
            for i in range(n):
                onward = step[axis, i] * slope[axis, i] < 0
                gain = gains[axis, i] + 0.2 if onward else max(gains[axis, i] * 0.8, MIN_GAIN)
                gains[axis, i] = gain
                step[axis, i] = momentum * step[axis, i] - rate * gain * slope[axis, i]
                points[axis, i] += step[axis, i]


@_fast
def _gradient(p: np.ndarray, points: np.ndarray, exaggeration: float) -> np.ndarray:
    """Of KL(p, q) with q_ij = k_ij / sum k and k_ij = 1 / (1 + |y_i - y_j|^2), p exaggerated.

    4 sum_j (p_ij - q_ij) k_ij (y_i - y_j), its two parts summed in one pass over the pairs.
    """
    n = p.shape[0]
    x, y = points[0], points[1]
    pull, push = np.empty_like(points), np.empty_like(points)
    total = np.float32(0.0)
    for i in range(n):
        pull_x, pull_y = np.float32(0.0), np.float32(0.0)
        push_x, push_y = np.float32(0.0), np.float32(0.0)
        row = np.float32(0.0)
        for j in range(n):
            dx, dy = x[i] - x[j], y[i] - y[j]
            k = np.float32(1.0) / (np.float32(1.0) + dx * dx + dy * dy)
            row += k
            attraction, repulsion = p[i, j] * k, k * k
            pull_x += attraction * dx
            pull_y += attraction * dy
            push_x += repulsion * dx
            push_y += repulsion * dy
        total += row - np.float32(1.0)  # without i itself
        pull[0, i], pull[1, i] = pull_x, pull_y
        push[0, i], push[1, i] = push_x, push_y
    return np.float32(4.0) * (np.float32(exaggeration) * pull - push / total)
