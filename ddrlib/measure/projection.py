"""Exact principal components from a centred Gram matrix."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_limits


@threadpool_limits.wrap(limits=1, user_api="blas")  # matrices this small lose by sharing out
def pca(gram: np.ndarray, n_components: int = 50) -> np.ndarray:
    """Exact principal component scores of the samples behind a centred Gram matrix.

    The sign of a component is free: here its largest score in absolute value is positive.

    Parameters
    ----------
    gram : ndarray
        (N, N), centred.
    n_components
        How many at most; fewer where the samples span fewer dimensions (none where all are one).

    Returns
    -------
    ndarray
        (N, n), float64, the strongest component first.
    """
    n = len(gram)
    first = max(n - n_components, 0)
    values, vectors = scipy.linalg.eigh(gram, subset_by_index=[first, n - 1])
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > n * np.finfo(np.float64).eps * np.trace(gram)
    values, vectors = values[kept], vectors[:, kept]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return vectors * signs * np.sqrt(values)


def plane(scores: np.ndarray) -> np.ndarray:
    """The first two components, for a map.

    Parameters
    ----------
    scores
        Of `pca`, a row for each image, a column for each component.

    Returns
    -------
    ndarray
        (N, 2); the second column is 0 where there is one component only.
    """
    return np.pad(scores[:, :2], ((0, 0), (0, 2 - min(scores.shape[1], 2))))
