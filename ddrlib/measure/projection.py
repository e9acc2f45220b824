"""From features to pictures of them: centred Gram matrix, exact PCA, t-SNE.

A set of features is N points in D dimensions, N some hundreds, D up to a million. All that a
projection or a measure needs to know of them is the N x N matrix of inner products about the mean,

    G[i, j] = <x_i - mean x, x_j - mean x>,

so D is read once, in blocks of columns, and never again: PCA scores are the eigenvectors of G times
the square roots of its eigenvalues, squared distances are G[i, i] + G[j, j] - 2 G[i, j]. t-SNE
(`embedding.py`) takes the scores.
"""

from __future__ import annotations

import mmap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import joblib
import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_limits

from ddrlib.measure.tsne import tsne, tsne_each, usable_perplexity

__all__ = ["PCA", "columns", "gram", "pca", "subgram", "tsne", "tsne_each", "usable_perplexity"]

BLOCK_VALUES = 2**21  # of a column block: 16 MiB in float64
MAX_WORKERS = 8  # each holds a block and an N x N matrix


@dataclass(frozen=True)
class PCA:
    """Scores (N, n), strongest component first, and each one's share of the total variance (n,)."""

    scores: np.ndarray
    explained_variance_ratio: np.ndarray


def gram(features: np.ndarray) -> np.ndarray:
    """The centred Gram matrix (N, N), float64, of features (N, D) in any float type, also on disk.

    Blocks of columns are converted, centred and multiplied in float64: float32 products would be a
    little faster, but their rounding is a share of the largest eigenvalue, which spoils the scores
    of the weak components (squaring the features squares their condition number).
    """
    n, dim = features.shape
    width = max(BLOCK_VALUES // n, 1)

    def product(start: int) -> np.ndarray:
        block = columns(features, start, start + width).astype(np.float64)
        block -= block.mean(axis=0)
        return block @ block.T

    # Each core has blocks of its own, since conversion and centring take as long as the product;
    # summed in their order, so that the result does not depend on the number of cores.
    workers = min(joblib.cpu_count(), MAX_WORKERS)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(product, range(0, dim, width)), start=np.zeros((n, n)))


def columns(features: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Columns of features, in memory.

    Those of a whole mapped file are read from the file: to touch a few kilobytes of each row would
    map megabytes around them, and in the end the file.
    """
    mapped = isinstance(features, np.memmap) and isinstance(features.base, mmap.mmap)
    if not (mapped and features.flags.c_contiguous):
        return features[:, start:stop]
    rows = np.empty((len(features), min(stop, features.shape[1]) - start), features.dtype)
    with open(features.filename, "rb", buffering=0) as file:
        for i, row in enumerate(rows):
            file.seek(features.offset + i * features.strides[0] + start * features.itemsize)
            file.readinto(row)
    return rows


def subgram(gram: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The centred Gram matrix of the chosen samples alone, centred about their own mean."""
    chosen = gram[np.ix_(index, index)]
    means = chosen.mean(axis=0)
    return chosen - means - means[:, None] + means.mean()


@threadpool_limits.wrap(limits=1, user_api="blas")  # matrices this small lose by sharing out
def pca(gram: np.ndarray, n_components: int = 50) -> PCA:
    """Exact principal components of the samples behind a centred Gram matrix.

    At most `n_components`; fewer where the samples span fewer dimensions (none where all are one).
    The sign of a component is free: here its largest score in absolute value is positive.
    """
    n = len(gram)
    first = max(n - n_components, 0)
    values, vectors = scipy.linalg.eigh(gram, subset_by_index=[first, n - 1])
    values, vectors = values[::-1], vectors[:, ::-1]
    total = np.trace(gram)
    kept = values > n * np.finfo(np.float64).eps * total
    values, vectors = values[kept], vectors[:, kept]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return PCA(vectors * signs * np.sqrt(values), values / total if len(values) else values)
