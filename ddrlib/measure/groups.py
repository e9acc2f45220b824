"""What holds over networks: groups of them compared, their makers being the sample.

Networks of one maker share data, code and taste, so they are no independent evidence: a maker counts
once. Few makers allow only wide intervals: those of means are Student's, since a bootstrap of six
makers is far too narrow; those of correlations draw makers whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import spearmanr, ttest_1samp, ttest_ind

from ddrlib.measure.intervals import Interval


def mean(values: Sequence[float], makers: Sequence[str]) -> Interval:
    """The mean over makers of the mean of their networks, with Student's 95 % interval.

    Parameters
    ----------
    values : sequence of float
        One for each network.
    makers : sequence of str
        The maker of each network.

    Returns
    -------
    Interval
        Its `n` is the number of makers; without ends (NaN) for fewer than two.
    """
    of_makers = _of_makers(values, makers)
    if len(of_makers) < 2:
        return Interval(float(np.mean(of_makers)), np.nan, np.nan, len(of_makers))
    low, high = ttest_1samp(of_makers, 0).confidence_interval()
    return Interval(float(np.mean(of_makers)), float(low), float(high), len(of_makers))


def difference(
    values: Sequence[float], first: Sequence[bool], second: Sequence[bool], makers: Sequence[str]
) -> Interval:
    """How much larger the values of the first group are than those of the second, with Welch's 95 % interval.

    Parameters
    ----------
    values : sequence of float
        One for each network.
    first, second : sequence of bool
        Whether it belongs to the group; a network may belong to neither.
    makers : sequence of str
        The maker of each network.

    Returns
    -------
    Interval
        Of the `mean` of the first group less that of the second; its `n` is the number of makers in either.
        A maker of both is taken for two, which can only widen it where its networks are alike. Without ends
        (NaN) where a group has fewer than two makers.
    """
    numbers, names = np.asarray(values, dtype=float), np.asarray(makers)
    sides = [np.asarray(side) for side in (first, second)]
    one, other = (_of_makers(numbers[side], names[side]) for side in sides)
    n = len(np.unique(names[sides[0] | sides[1]]))
    if min(len(one), len(other)) == 0:
        return Interval(np.nan, np.nan, np.nan, n)
    found = float(np.mean(one) - np.mean(other))
    if min(len(one), len(other)) < 2:
        return Interval(found, np.nan, np.nan, n)
    low, high = ttest_ind(one, other, equal_var=False).confidence_interval()
    return Interval(found, float(low), float(high), n)


def _of_makers(
    values: Sequence[float] | np.ndarray, makers: Sequence[str] | np.ndarray
) -> list[float]:
    """The mean of each maker's networks."""
    numbers, labels = np.asarray(values, dtype=float), np.asarray(makers)
    return [float(numbers[labels == maker].mean()) for maker in np.unique(labels)]


def correlation(
    x: Sequence[float], y: Sequence[float], makers: Sequence[str], n: int = 1000
) -> Interval:
    """Spearman's rank correlation over networks, with a 95 % percentile bootstrap interval over makers.

    Parameters
    ----------
    x, y : sequence of float
        One for each network.
    makers : sequence of str
        The maker of each network.
    n : int
        Number of resamples, in each of which makers are drawn whole; those in which one of both is constant are
        left out.

    Returns
    -------
    Interval
        Its `n` is the number of makers; not a number where one of both is constant.
    """
    a, b, labels = np.asarray(x), np.asarray(y), np.asarray(makers)
    of_maker = [np.flatnonzero(labels == maker) for maker in np.unique(labels)]

    def rho(draw: Iterable[int]) -> float:
        index = np.concatenate([of_maker[maker] for maker in draw])
        constant = len(np.unique(a[index])) < 2 or len(np.unique(b[index])) < 2
        return np.nan if constant else float(spearmanr(a[index], b[index]).statistic)

    drawn = np.random.default_rng(0).integers(len(of_maker), size=(n, len(of_maker)))
    found = np.array([rho(draw) for draw in drawn])
    low, high = np.nanquantile(found, [0.025, 0.975]) if np.isfinite(found).any() else (np.nan,) * 2
    return Interval(rho(range(len(of_maker))), float(low), float(high), len(of_maker))
