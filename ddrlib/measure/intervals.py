"""Numbers with what is known of their scatter.

Intervals are 95 % bootstrap intervals over contents: the contents are the sample, the degradations
are fixed. Where trainings are compared, the training is the unit, and three of them allow no more
than their range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ddrlib.errors import DDRError


class Interval(NamedTuple):
    """A value with its 95 % interval.

    Attributes
    ----------
    value : float
        That of all contents.
    low : float
        Where the interval begins, in the unit of the value; NaN where so few allow none, in which
        case the value is printed alone.
    high : float
        Where it ends.
    n : int
        The number of contents (or rows, or splits) that it rests on.
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        value, low, high = (f"{number:z,.{decimals(*self[:3])}f}" for number in self[:3])
        return value if math.isnan(self.low) else f"{value} [{low}, {high}]"


class Spread(Interval):
    """A mean with the smallest and the largest of n values: all that three training seeds allow.

    In print a single value stands alone, without the look of an interval.

    Attributes
    ----------
    value : float
        The mean.
    low : float
        The smallest.
    high : float
        The largest.
    n : int
        How many there are.
    """

    def __str__(self) -> str:
        return super().__str__() if self.n > 1 else f"{self.value:,.{decimals(self.value)}f}"


def decimals(*numbers: float) -> int:
    """How many decimals to print numbers with that are compared: 3 up to 1, 2 below 100, else none.

    The largest decides for all, so that they are aligned. Whole numbers have none.
    """
    finite = [abs(number) for number in numbers if math.isfinite(number)]
    largest = max(finite, default=0.0)
    if largest >= 100 or all(number == int(number) for number in finite):
        return 0
    return 2 if largest > 1 else 3


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray],
    contents: int,
    n: int = 1000,
    seed: int = 0,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    freed: bool = True,
) -> Interval:
    """A statistic with its 95 % percentile bootstrap interval over contents, freed of its bias.

    Resampling adds the contents' scatter once more to what lies between degradations, so a small
    share or CHI comes out too large in every resample. That bias, the resamples' mean less the
    value, is taken off the percentiles (Efron and Tibshirani, "An Introduction to the Bootstrap",
    1993, chapters 10 and 13), unless `freed` is false: a correlation near its bound has a skewed one.

    `statistic` takes counts (B, contents), how often each content is drawn in each of B resamples; a
    content drawn twice is two distinct contents. It returns (B,), within `bounds`. There are no ends
    (NaN) where the statistic of a resample is not finite, as CHI is where so few contents are drawn
    that all draws may be the same.
    """
    shares = np.full(contents, 1 / contents)
    counts = np.random.default_rng(seed).multinomial(contents, shares, size=n).astype(np.float64)
    resampled = statistic(counts)
    value = float(statistic(np.ones((1, contents)))[0])
    if not np.isfinite(resampled).all():
        return Interval(value, math.nan, math.nan, contents)
    ends = np.quantile(resampled, [0.025, 0.975]) - freed * (resampled.mean() - value)
    low, high = np.clip(ends, *bounds)
    return Interval(value, float(low), float(high), contents)


def mean_interval(values: np.ndarray, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Interval:
    """The mean of one value per content, with its 95 % bootstrap interval over contents.

    Parameters
    ----------
    values : ndarray
        (n,).
    bounds
        Between which they lie.

    Returns
    -------
    Interval
        In the unit of the values.
    """
    values = np.asarray(values, dtype=np.float64)
    return bootstrap(
        lambda counts: counts @ values / counts.sum(axis=1), len(values), bounds=bounds
    )


def over_seeds(values: Sequence[float]) -> Spread:
    """How a figure spreads over training seeds.

    Parameters
    ----------
    values
        One or more, a value for each training.

    Returns
    -------
    Spread
        Their mean, smallest, largest and number.
    """
    return Spread(float(np.mean(values)), min(values), max(values), len(values))


def spearman(x: np.ndarray, y: np.ndarray, groups: Sequence[str] = ()) -> Interval:
    """Spearman's rank correlation at each level, averaged, with a 95 % bootstrap interval.

    Each column (all networks at one level) is ranked for itself, which leaves out that both values
    grow with the level. The points of a row (one network at L levels) are no independent evidence:
    rows are resampled whole. Nor are the rows of a group (networks trained alike): groups are, too.

    Parameters
    ----------
    x, y : ndarray
        (N, L) each.
    groups : sequence of str
        The group of each row; by default each row is one of its own.

    Returns
    -------
    Interval
        From -1 to 1, 0 for constants; its `n` is N.

    Raises
    ------
    DDRError
        For arrays of different shapes.
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.shape != y.shape:
        raise DDRError(f"a rank correlation of {x.shape} and {y.shape} values: give equally many")
    labels = np.unique(groups, return_inverse=True)[1] if len(groups) else np.arange(len(x))
    members = [np.flatnonzero(labels == group) for group in range(labels.max() + 1)]

    def resampled(counts: np.ndarray) -> np.ndarray:
        drawn = [np.repeat(np.arange(len(members)), row) for row in counts.astype(int)]
        rows = [np.concatenate([members[group] for group in draw]) for draw in drawn]
        lengths, rhos = np.array(list(map(len, rows))), np.empty(len(rows))
        for length in np.unique(lengths):  # all of one length at a time: a hundred times as fast
            index = np.stack([row for row in rows if len(row) == length])
            rhos[lengths == length] = _rank_correlation(x[index], y[index])
        return rhos

    found = bootstrap(resampled, len(members), bounds=(-1, 1), freed=False)
    return found._replace(n=len(x))


def _rank_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rho (B,) of x and y (B, N, L) along N, averaged over L; 0 for constants."""
    from scipy.stats import rankdata  # a second, which most tables can do without

    a, b = (rankdata(values, axis=1) - (values.shape[1] + 1) / 2 for values in (x, y))
    length = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return ((a * b).sum(axis=1) / np.where(length == 0, 1, length)).mean(axis=1)
