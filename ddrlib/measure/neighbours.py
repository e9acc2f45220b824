"""Which samples lie together: purity of the nearest neighbours, from a centred Gram matrix."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np

from ddrlib.errors import DDRError

PURITY_OF = 5  # neighbours: there are few photographs of a category
Distance = Literal["scaled", "cosine", "euclidean"]  # this book's, and the two in common use
DISTANCES: tuple[Distance, ...] = get_args(Distance)


def knn_hits(
    gram: np.ndarray, labels: np.ndarray, k: int = 10, distance: Distance = "scaled"
) -> np.ndarray:
    """The share of each sample's k nearest neighbours, itself excluded, that have its label.

    By plain Euclidean distance in so many dimensions the samples close to the mean, in SR networks the
    blurred ones, are everybody's neighbours (hubs), however clear the groups. So distances are locally
    scaled unless another is asked for: |x_i - x_j|^2 / (s_i s_j) with s_i the distance of x_i to its own
    k-th neighbour (Zelnik-Manor and Perona, "Self-tuning spectral clustering", NIPS 2004, section 2), as
    t-SNE too gives each sample its own unit.

    Parameters
    ----------
    gram : ndarray
        (N, N), a centred Gram matrix.
    labels : ndarray
        (N,).
    k
        How many neighbours, 1 to N - 1.
    distance
        "scaled", "cosine" (of the angle at the common mean) or "euclidean".

    Returns
    -------
    ndarray
        (N,), 0 to 1.

    Raises
    ------
    DDRError
        For a `k` out of range.
    """
    return (labels[_neighbours(gram, k, distance)] == labels[:, None]).mean(axis=1)


def _neighbours(gram: np.ndarray, k: int, distance: Distance) -> np.ndarray:
    """The indices (N, k) of each sample's k nearest neighbours."""
    n = len(gram)
    if not 1 <= k < n:
        raise DDRError(f"{n} samples do not have {k} neighbours each; choose k from 1 to {n - 1}")
    squares = np.diag(gram)
    least = (
        1e-9 * np.sqrt(squares.max()) or 1
    )  # of a sample at the mean, or of more than k copies of one
    if distance == "cosine":
        lengths = np.sqrt(squares).clip(min=least)
        distances = 1 - gram / lengths / lengths[:, None]
    else:
        distances = squares[:, None] + squares - 2 * gram  # squared
    np.fill_diagonal(distances, np.inf)
    if distance == "scaled":
        units = np.sqrt(np.partition(distances, k - 1, axis=1)[:, k - 1].clip(min=0))
        units = units.clip(min=least)
        distances = distances / units / units[:, None]
    return np.argpartition(distances, k - 1, axis=1)[:, :k]


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


def label_purity(
    gram: np.ndarray,
    labels: np.ndarray,
    n: int = 999,
    seed: int = 0,
    distance: Distance = "scaled",
) -> LabelPurity:
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
    distance
        As `knn_hits` takes it.

    Returns
    -------
    LabelPurity
        Its p is 1 / (1 + n) or more.

    Raises
    ------
    DDRError
        For fewer than 6 samples.
    """
    neighbours = _neighbours(gram, PURITY_OF, distance)
    rng = np.random.default_rng(seed)
    codes = np.unique(labels, return_inverse=True)[1]
    shuffled = rng.permuted(np.broadcast_to(codes, (n, len(codes))), axis=1)
    every = np.concatenate([codes[None], shuffled])
    purity = (every[:, neighbours] == every[:, :, None]).mean(axis=(1, 2))
    reached = purity[1:] >= purity[0] - 1e-12
    return LabelPurity(
        float(purity[0]), float(purity[1:].mean()), float((1 + reached.sum()) / (1 + n))
    )
