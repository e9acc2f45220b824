"""Which samples lie together: purity of the nearest neighbours, from a centred Gram matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ddrlib.errors import DDRError

PURITY_OF = 5  # neighbours: there are few photographs of a category


def knn_hits(gram: np.ndarray, labels: np.ndarray, k: int = 10) -> np.ndarray:
    """The share (N,) of each sample's k nearest neighbours, itself excluded, that have its label.

    `gram` (N, N) is a centred Gram matrix, k is 1 to N - 1. Distances are locally scaled, |x_i -
    x_j|^2 / (s_i s_j) with s_i the distance of x_i to its own k-th neighbour, as t-SNE too gives
    each sample its own unit (Zelnik-Manor and Perona, "Self-tuning spectral clustering", NIPS 2004,
    section 2). By the plain distance in so many dimensions the samples close to the mean, in SR
    networks the blurred ones, would be everybody's neighbours (hubs), however clear the groups.

    DDRError for a `k` out of range.
    """
    return (labels[_neighbours(gram, k)] == labels[:, None]).mean(axis=1)


def _neighbours(gram: np.ndarray, k: int) -> np.ndarray:
    """The indices (N, k) of each sample's k nearest neighbours by locally scaled distances."""
    n = len(gram)
    if not 1 <= k < n:
        raise DDRError(f"{n} samples do not have {k} neighbours each; choose k from 1 to {n - 1}")
    squares = np.diag(gram)
    distances = squares[:, None] + squares - 2 * gram  # squared
    np.fill_diagonal(distances, np.inf)
    units = np.sqrt(np.partition(distances, k - 1, axis=1)[:, k - 1].clip(min=0))
    units = units.clip(min=1e-9 * np.sqrt(squares.max()) or 1)  # k and more copies of a sample
    scaled = distances / units / units[:, None]
    return np.argpartition(scaled, k - 1, axis=1)[:, :k]


class LabelPurity(NamedTuple):
    """How pure the neighbourhoods of labelled samples are, and what chance would give.

    Attributes
    ----------
    value : float
        The purity, 0 to 1.
    chance : float
        Its mean over shuffled labels.
    p : float
        p of the permutation test, 1 / (1 + n) to 1 for n shuffles.
    """

    value: float
    chance: float
    p: float


def label_purity(gram: np.ndarray, labels: np.ndarray, n: int = 999, seed: int = 0) -> LabelPurity:
    """Do samples of one label, such as the category of a photograph, lie together?

    The purity, the mean of `knn_hits` over 5 neighbours, is held against shuffles of the labels: p
    = (1 + number of shuffles that reach it) / (1 + n).

    Parameters
    ----------
    gram : ndarray
        (N, N), a centred Gram matrix.
    labels : ndarray
        (N,).
    n
        How many shuffles.
    seed
        Seed of the shuffles.

    Returns
    -------
    LabelPurity
        Its p is 1 / (1 + n) or more.

    Raises
    ------
    DDRError
        For fewer than 6 samples.
    """
    neighbours = _neighbours(gram, PURITY_OF)
    rng = np.random.default_rng(seed)
    codes = np.unique(labels, return_inverse=True)[1]
    shuffled = rng.permuted(np.broadcast_to(codes, (n, len(codes))), axis=1)
    every = np.concatenate([codes[None], shuffled])
    purity = (every[:, neighbours] == every[:, :, None]).mean(axis=(1, 2))
    reached = purity[1:] >= purity[0] - 1e-12
    return LabelPurity(
        float(purity[0]), float(purity[1:].mean()), float((1 + reached.sum()) / (1 + n))
    )
