"""What holds over networks: groups of them compared, their makers being the sample.

Networks of one maker share data, code and taste, so they are no independent evidence: makers are
drawn whole. Few makers allow only wide intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import spearmanr

from ddrlib.measure.intervals import Interval

# Takes the networks of each maker drawn, as arrays of indices; not a number where it is not defined.
Statistic = Callable[[Sequence[np.ndarray]], float]


def over_makers(statistic: Statistic, makers: Sequence[str], n: int = 1000) -> Interval:
    """A statistic of networks with its 95 % percentile bootstrap interval over their makers.

    Parameters
    ----------
    statistic : callable
        Takes the indices of the networks of each maker, a list of arrays; a maker drawn twice is
        there twice. Resamples in which it is not a number are left out.
    makers : sequence of str
        The maker of each network.
    n : int
        Number of resamples.

    Returns
    -------
    Interval
        Its `n` is the number of makers.
    """
    labels = np.asarray(makers)
    of_maker = [np.flatnonzero(labels == maker) for maker in np.unique(labels)]
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(of_maker), size=(n, len(of_maker)))
    found = np.array([statistic([of_maker[i] for i in draw]) for draw in drawn])
    low, high = np.nanquantile(found, [0.025, 0.975]) if np.isfinite(found).any() else (np.nan,) * 2
    return Interval(float(statistic(of_maker)), float(low), float(high), len(of_maker))


def difference(values: Sequence[float], first: Sequence[bool], second: Sequence[bool]) -> Statistic:
    """How much larger the values of the first group are than those of the second.

    Parameters
    ----------
    values : sequence of float
        One for each network.
    first, second : sequence of bool
        Whether it belongs to the group; a network may belong to neither.

    Returns
    -------
    callable
        The mean over makers of the mean of their networks, in the first group less the second.
    """
    numbers = np.asarray(values, dtype=float)

    def mean(draws: Sequence[np.ndarray], group: np.ndarray) -> float:
        of_makers = [numbers[draw[group[draw]]].mean() for draw in draws if group[draw].any()]
        return float(np.mean(of_makers)) if of_makers else np.nan

    return lambda draws: mean(draws, np.asarray(first)) - mean(draws, np.asarray(second))


def correlation(x: Sequence[float], y: Sequence[float]) -> Statistic:
    """Spearman's rank correlation over networks.

    Parameters
    ----------
    x, y : sequence of float
        One for each network.

    Returns
    -------
    callable
        The correlation over the networks of all makers drawn; not a number where one is constant.
    """
    a, b = np.asarray(x), np.asarray(y)

    def rho(draws: Sequence[np.ndarray]) -> float:
        index = np.concatenate(draws)
        constant = len(np.unique(a[index])) < 2 or len(np.unique(b[index])) < 2
        return np.nan if constant else float(spearmanr(a[index], b[index]).statistic)

    return rho
