"""What sorts a set of features: the degradation or the content.

All measures but the Calinski-Harabasz index take the centred Gram matrix of the features
(`ddrlib.features.grams.gram`) and so depend on no projection. The design is two-way: each of n
contents (which photograph) is seen under each of k degradations, one sample each, degradation by
degradation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from ddrlib.errors import DDRError

FACTORS = ("degradation", "content", "rest")

T = TypeVar("T")


class Dispersion(NamedTuple):
    """The Calinski-Harabasz index, 0 or more, with the dispersions that it is made of.

    `wd` is the dispersion within the groups, `bd` that between them, both in the unit of the
    points, squared.
    """

    chi: float
    wd: float
    bd: float


@dataclass(frozen=True)
class VarianceSplit(Generic[T]):
    """Variance between degradations, between contents, and the rest, as shares: together 1.

    The rest is the interaction: how far a degradation changes different contents differently.
    Each is a number or an `Interval`.
    """

    degradation: T
    content: T
    rest: T


def calinski_harabasz(points: np.ndarray, labels: np.ndarray) -> Dispersion:
    """The Calinski-Harabasz index (CHI) of labelled points (N, d): how far their groups lie apart.

    With BD = sum_g n_g |mean_g - mean|^2 and WD = sum_g sum_(i in g) |x_i - mean_g|^2, CHI is (BD /
    (k - 1)) / (WD / (N - k)) for k groups of N points (Calinski and Harabasz, "A dendrite method
    for cluster analysis", 1974); it is the paper's measure. It is about 1 where labels say nothing
    of the points, infinite where the points of each group are one, and 0 where all points are one.
    DDRError for fewer than 2 groups, or as many as there are points.
    """
    groups, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    n, k = len(points), len(groups)
    if not 2 <= k < n:
        raise DDRError(f"CHI needs 2 groups or more and more points than groups, not {k} and {n}")
    points = points - points[:1].astype(np.float64)  # so that equal points become exact zeros
    means = np.stack([points[index == g].mean(axis=0) for g in range(k)])
    bd = float(counts @ ((means - points.mean(axis=0)) ** 2).sum(axis=1))
    wd = float(((points - means[index]) ** 2).sum())
    return Dispersion(_chi(bd, wd, n, k), wd, bd)


def _chi(bd: Any, wd: Any, n: int, k: int) -> Any:
    """CHI from the dispersions, numbers or arrays of them; 0 / 0 counts as 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        chi = np.where(bd == 0, 0.0, np.divide(bd, k - 1) / np.divide(wd, n - k))
    return chi if chi.ndim else float(chi)


@dataclass(frozen=True)
class TwoWay:
    """The two-way sums of squares of a balanced design, for any multiplicities of its contents.

    All of them are quadratic or linear in the multiplicities w (how often each content counts), so
    a thousand bootstrap resamples are a few small matrix products. A content drawn twice counts as
    two distinct contents.
    """

    squares: np.ndarray  # (n,): sum over degradations of |x|^2, of each content
    content_means: np.ndarray  # (n,): k |mean over degradations|^2, of each content
    within: np.ndarray  # (n, n): sum over degradations of the inner products of contents
    across: np.ndarray  # (n, n): the same of the contents' sums over degradations
    k: int  # degradations

    @classmethod
    def of(cls, gram: np.ndarray, n: int) -> TwoWay:
        """From the centred Gram matrix (k n, k n) of n contents, in one order under k degradations."""
        k = _degradations(gram, n)
        blocks = np.ascontiguousarray(gram.reshape(k, n, k, n).swapaxes(1, 2))
        across = blocks.sum(axis=(0, 1))
        within = blocks[np.arange(k), np.arange(k)].sum(axis=0)
        return cls(np.diag(within).copy(), np.diag(across) / k, within, across, k)

    def sums(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """SS between degradations, between contents, and total, each (B,), for counts (B, n)."""
        n = counts.sum(axis=1)  # contents
        mean = _quadratic(counts, self.across) / (n * self.k)
        return (
            _quadratic(counts, self.within) / n - mean,
            counts @ self.content_means - mean,
            counts @ self.squares - mean,
        )

    def component(self, factor: str, counts: np.ndarray) -> np.ndarray:
        """The unbiased variance component (B,) of a factor: see `variance_components`."""
        ss_degradation, ss_content, total = self.sums(counts)
        k, n = self.k, counts.sum(axis=1)
        degradation, content = ss_degradation / total, ss_content / total
        rest = (1 - degradation - content) / ((k - 1) * (n - 1))
        degradation = (degradation / (k - 1) - rest) / n
        content = (content / (n - 1) - rest) / k
        total = degradation + content + rest
        degradation, content = degradation / total, content / total
        rest = 1 - (degradation + content)
        return {"degradation": degradation, "content": content, "rest": rest}[factor]

    def chi(self, factor: str, counts: np.ndarray) -> np.ndarray:
        """CHI (B,) by "degradation" or "content" of the points whose Gram matrix this came from."""
        degradation, content, total = self.sums(counts)
        n = int(counts[0].sum())
        bd, groups = (degradation, self.k) if factor == "degradation" else (content, n)
        return _chi(bd, total - bd, n * self.k, groups)


def _degradations(gram: np.ndarray, n: int) -> int:
    """Under how many degradations each of n contents is."""
    k, rest = divmod(len(gram), n)
    if rest:
        raise DDRError(
            f"the design is not balanced: {len(gram)} samples, {n} contents; each content has to be "
            "there under each degradation exactly once"
        )
    return k


def _quadratic(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """r' M r for each row r."""
    return ((rows @ matrix) * rows).sum(axis=1)


def variance_components(gram: np.ndarray, n: int) -> VarianceSplit[float]:
    """Unbiased variance components as shares of their sum: the method of moments.

    With the mean squares MS_d = SS_d / (k - 1), MS_c = SS_c / (n - 1) and MS_r = SS_rest /
    ((k - 1) (n - 1)) of n contents under k degradations, in the order of `TwoWay.of`, the components
    are (MS_d - MS_r) / n, (MS_c - MS_r) / k and MS_r (Searle, Casella and McCulloch, "Variance
    Components", 1992, chapter 4). Labels without effect get 0 on average, whatever n and k, and may
    get less. DDRError for features that are all equal.
    """
    design = TwoWay.of(gram, n)
    _check_variance(gram)
    once = np.ones((1, n))
    return VarianceSplit(*(float(design.component(factor, once)[0]) for factor in FACTORS))


def _check_variance(gram: np.ndarray) -> None:
    if not np.trace(gram) > 0:
        raise DDRError("all samples have the same features: leave the layer out")


def permutation_p(gram: np.ndarray, contents: int, n: int = 999, seed: int = 0) -> float:
    """How often chance makes the degradations differ as much: p, from 1 / (1 + n) to 1.

    Degradation labels are shuffled n times within each content, which leaves the contents' sum of
    squares and the total as they are; the statistic is the share of degradation in the variance, and
    p is (1 + number of shuffles that reach it) / (1 + n). The Gram matrix is as in `TwoWay.of`.
    DDRError for features that are all equal.
    """
    _check_variance(gram)
    k = _degradations(gram, contents)
    unshuffled = np.broadcast_to(np.arange(k)[:, None], (n, k, contents))
    shuffled = np.random.default_rng(seed).permuted(unshuffled, axis=1)
    labels = np.concatenate([unshuffled[:1], shuffled])
    ones = ((labels == g).reshape(n + 1, -1).astype(np.float64) for g in range(k))
    between = np.sum([_quadratic(one, gram) for one in ones], axis=0)
    reached = between[1:] >= between[0] - 1e-9 * np.trace(gram)
    return float((1 + reached.sum()) / (1 + n))
