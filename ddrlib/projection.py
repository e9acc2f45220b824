"""From features to pictures of them: centred Gram matrix, exact PCA, t-SNE.

A set of features is N points in D dimensions, N some hundreds, D up to a million. All that a
projection or a measure needs to know of them is the N x N matrix of inner products about the mean,

    G[i, j] = <x_i - mean x, x_j - mean x>,

so D is read once, in blocks of columns, and never again: PCA scores are the eigenvectors of G times
the square roots of its eigenvalues, squared distances are G[i, i] + G[j, j] - 2 G[i, j].
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import joblib
import numpy as np
import scipy.linalg
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from ddrlib.errors import DDRError

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


def usable_perplexity(n: int, perplexity: float) -> float:
    """The perplexity, lowered to a third of the neighbours that each of `n` samples has, if above.

    Perplexity is about the number of neighbours that count, and t-SNE looks at three times as many.
    """
    if perplexity < 1 or n < 4:
        raise DDRError(
            f"t-SNE: perplexity {perplexity:g} for {n} samples; it needs 1 or more, and 4 samples"
        )
    return min(perplexity, (n - 1) / 3)


def tsne(scores: np.ndarray, seed: int = 0, perplexity: float = 30.0) -> np.ndarray:
    """The t-SNE projection (N, 2) of PCA scores (N, n), the same for the same seed.

    It starts from a random layout, not from the first two components: the spread over seeds then
    says how far the picture depends on t-SNE's own choice among local optima. A perplexity that is
    too large for N is lowered (`usable_perplexity`).
    """
    if scores.shape[1] == 0:
        raise DDRError("t-SNE: all samples have the same features; leave this layer out")
    perplexity = usable_perplexity(len(scores), perplexity)
    model = TSNE(2, perplexity=perplexity, init="random", random_state=seed, n_jobs=1)
    with threadpool_limits(1):  # on so few points, threads only wait for each other
        return model.fit_transform(scores)


def tsne_each(tasks: Sequence[tuple[np.ndarray, int, float]]) -> Iterator[np.ndarray]:
    """`tsne(scores, seed, perplexity)` of each task, in their order, as they come.

    They run side by side through joblib, whose `parallel_config` can send them to a cluster.
    """
    runs = [joblib.delayed(tsne)(*task) for task in tasks]
    return joblib.Parallel(n_jobs=-1, return_as="generator")(runs) if runs else iter(())
