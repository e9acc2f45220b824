"""SRGA: how far a network's features of degraded images lie from those of clean ones.

The index of Liu et al., "Evaluating the Generalization Ability of Super-Resolution Networks" (IEEE
TPAMI 2023), as their published script computes it: principal component scores of each set of
features, fitted by a generalised Gaussian; the divergence of the two, on a logarithmic scale.
Smaller means better generalisation; 0 means that the two fits are the same.

Features are arrays (N, D), of which a block of columns at a time is looked at: D may be a million,
and `read_features` leaves them in their file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ddrlib.errors import DDRError, guarded
from ddrlib.features.grams import gram
from ddrlib.measure.ggd import GGD, fit_ggd, ggd_kl
from ddrlib.measure.intervals import Interval, bootstrap
from ddrlib.measure.projection import pca

BLOCK_VALUES = 2**22  # of a column block: 8 MiB in float16
RESAMPLES = 200  # of the bootstrap: each is a fit
OUTLIER = 5  # standard deviations from the mean
SMALLEST, LARGEST = 1e-30, 1e30  # of values: their products must not leave float32's range

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SRGA:
    """The index of a test set of n samples, and how it came about.

    So many principal `components` of each set were used; `sigma` and `shape` are of the test set's
    generalised Gaussian, `kl` is its divergence from the reference's; `srga` is log10(kl + 1e-5) +
    5. Both are 0 or more.
    """

    n: int
    components: int
    sigma: float
    shape: float
    kl: float
    srga: float


def srga(reference: np.ndarray, test: np.ndarray, components: int = 300) -> SRGA:
    """SRGA of test features against reference features, (N, D) each of the same layer.

    Their numbers of samples may differ, and as many of `components` are used as there are. DDRError
    where features are not comparable numbers (`check_features`).
    """
    check_features(reference, "the reference")
    check_features(test, "the test set", reference.shape[1])
    return srga_of_scores(
        principal_scores(reference, components), principal_scores(test, components)
    )


def srga_of_scores(reference: np.ndarray, test: np.ndarray) -> SRGA:
    """SRGA from the `principal_scores` (N, k) of both sets: as many components as both have."""
    components = min(reference.shape[1], test.shape[1])
    p, q = (_fit(scores[:, :components]) for scores in (reference, test))
    kl = ggd_kl(p, q)
    # The published log10(kl + 1e-5) + 5, written so that it is 0 for kl = 0.
    index = np.log1p(kl / 1e-5) / np.log(10)
    return SRGA(len(test), components, q.sigma, q.shape, kl, float(index))


def srga_interval(reference: np.ndarray, test: np.ndarray) -> Interval:
    """SRGA with a 95 % bootstrap interval over contents, from scores (N, k) of the same N contents.

    Row i of both sets is content i; rows are resampled together, the components stay as they are.
    There are no ends where some resamples hold a single content, which has no distribution: that
    happens with two or three contents.
    """

    def index(rows: np.ndarray) -> float:
        one = (rows == rows[0]).all()
        return np.nan if one else srga_of_scores(reference[rows], test[rows]).srga

    def resampled(counts: np.ndarray) -> np.ndarray:
        draws = (np.repeat(np.arange(len(test)), row) for row in counts.astype(int))
        return np.array([index(rows) for rows in draws])

    return bootstrap(resampled, len(test), RESAMPLES, bounds=(0, np.inf))


# From features to the generalised Gaussian of their scores


def principal_scores(features: np.ndarray, components: int = 300) -> np.ndarray:
    """Scores (N, components) of the features' exact principal components, the strongest first.

    N samples have at most N - 1 components; where that is fewer, it is said in the log. Signs are
    scikit-learn's: in each component the loading of largest absolute value is positive. They
    matter, a little: the mean |x - mean x| of the fit depends on the side that outliers were on.
    """
    scores = pca(gram(features), components)
    n, k = scores.shape
    if k < components:
        logger.warning(
            "%d samples have %d principal components, not %d; all are used", n, k, components
        )
    directions = (scores / np.linalg.norm(scores, axis=0)).T.astype(np.float32)
    low, high = np.zeros((2, k))
    for block in _blocks(features):
        loadings = directions @ block.astype(np.float32)
        low, high = np.minimum(low, loadings.min(axis=1)), np.maximum(high, loadings.max(axis=1))
    return scores * np.where(high > -low, 1, -1)


def _fit(scores: np.ndarray) -> GGD:
    values = scores.ravel()
    return fit_ggd(values[inliers(values)])


def inliers(values: np.ndarray) -> np.ndarray:
    """Which values (n,) lie less than 5 standard deviations of all values from the mean of all."""
    from_mean = values - values.mean()
    return np.abs(from_mean) < OUTLIER * np.sqrt(from_mean @ from_mean / len(values))


def _blocks(features: np.ndarray) -> Iterator[np.ndarray]:
    """The columns, a block at a time."""
    width = max(BLOCK_VALUES // len(features), 1)
    for start in range(0, features.shape[1], width):
        yield features[:, start : start + width]


# What are features


def read_features(path: Path, dim: int | None = None) -> np.ndarray:
    """Open a `.npy` file of features (N, D), mapped: their columns are read when they are needed.

    DDRError where it is no such file (pickles and archives are refused), or `check_features`
    refuses it.
    """
    if not path.is_file():
        raise DDRError(f"{path}: no such file")
    features = guarded(f"{path} is no .npy file of features", _map, path)
    check_features(features, str(path), dim)
    return features


def _map(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        np.lib.format.read_magic(file)  # np.load would take archives and pickles too
    with np.errstate(over="ignore"):  # of a shape that is none
        return np.load(path, mmap_mode="r", allow_pickle=False)


def check_features(features: np.ndarray, name: str, dim: int | None = None) -> None:
    """Refuse, under this name, features that SRGA cannot be taken of: DDRError.

    They have to be real numbers (N, D), N 2 or more, D that of the reference if it is given;
    finite, not all alike, between 1e-30 and 1e30 at their largest.
    """
    if features.ndim != 2 or len(features) < 2 or features.dtype.kind not in "fiu":
        raise DDRError(
            f"{name}: {features.dtype} of shape {features.shape}; features are real numbers "
            "(N, D), N at least 2"
        )
    if dim not in (None, features.shape[1]):
        raise DDRError(
            f"{name} has D = {features.shape[1]}, the reference D = {dim}; use the same layer of "
            "the same network, at the same image size"
        )
    constant, largest = True, 0.0
    for block in _blocks(features):
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            raise DDRError(
                f"{name}: NaN or infinite values, first in sample {finite.argmin()}; remove the "
                "sample, or look at the network's weights"
            )
        constant = constant and bool((block == block[0]).all())
        largest = max(largest, float(block.max()), -float(block.min()))
    if constant:
        raise DDRError(f"{name}: all {len(features)} samples have the same features")
    if not SMALLEST < largest < LARGEST:
        raise DDRError(
            f"{name}: values up to {largest:.0e}, not between {SMALLEST:g} and {LARGEST:g}; divide "
            "all sets by one number"
        )
