"""What holds over networks, makers being the sample: by hand and by known statistics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, spearmanr, t

from ddrlib.measure.groups import correlation, difference, mean


def test_a_mean_by_hand():
    found = mean([1.0, 3.0, 10.0, 4.0], ["a", "a", "b", "c"])
    # The makers have 2, 10 and 4: mean 16 / 3, sd sqrt(52 / 3); t(0.975, 2) is 4.302653.
    half = 4.302653 * np.sqrt(52 / 3) / np.sqrt(3)
    assert found[:3] == pytest.approx((16 / 3, 16 / 3 - half, 16 / 3 + half))
    assert found.n == 3
    assert np.isnan(mean([1.0, 2.0], ["a", "a"])[1:3]).all()


def test_a_difference_by_hand():
    values = [1.0, 3.0, 10.0, 4.0, 7.0, 9.0]
    first, second = [True] * 3 + [False] * 3, [False] * 3 + [True, True, False]
    found = difference(values, first, second, ["a", "a", "b", "b", "c", "d"])
    # Of the first group a has 2 on average and b 10, of the second b has 4 and c 7; d belongs to neither.
    assert found.value == pytest.approx((2 + 10) / 2 - (4 + 7) / 2)
    assert found.n == 3
    # Welch: the variances of the two means, and the degrees of freedom after Satterthwaite.
    squared = 32 / 2, 4.5 / 2
    freedom = sum(squared) ** 2 / sum(each**2 for each in squared)
    half = t.ppf(0.975, freedom) * np.sqrt(sum(squared))
    assert found[1:3] == pytest.approx((found.value - half, found.value + half))


def test_a_maker_counts_once_however_many_networks_it_has():
    values = [0.0] * 9 + [1.0, 5.0]
    first = [True] * 10 + [False]
    found = difference(values, first, [not f for f in first], ["a"] * 9 + ["b", "c"])
    assert found.value == pytest.approx(0.5 - 5)
    assert np.isnan(found[1:3]).all()  # a single maker says nothing of the others


def test_copies_of_a_network_narrow_no_interval():
    rng = np.random.default_rng(0)
    values, first = rng.normal(size=12), np.arange(12) < 6
    makers = [f"maker {i}" for i in range(12)]
    once = difference(values, first, ~first, makers)
    copied = difference(
        np.repeat(values, 5), np.repeat(first, 5), np.repeat(~first, 5), np.repeat(makers, 5)
    )
    assert copied == pytest.approx(once)


@pytest.mark.parametrize("makers", [6, 20])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(makers):
    rng, covered, trials = np.random.default_rng(1), 0, 400
    first, names = np.arange(makers) < makers // 2, np.arange(makers).astype(str)
    for _ in range(trials):
        values = rng.normal(size=makers) + first
        found = difference(values, first, ~first, names)
        covered += found.low <= 1 <= found.high
    error = norm.ppf(0.999) * np.sqrt(0.95 * 0.05 * trials)
    assert covered >= 0.95 * trials - error


def test_a_correlation_is_scipy_s_and_constants_have_none():
    x, y = np.random.default_rng(2).normal(size=(2, 10))
    found = correlation(x, y, [str(i) for i in range(10)])
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.low < found.value < found.high
    assert np.isnan(correlation(np.ones(4), y[:4], list("abcd"))[:3]).any()


def test_a_group_without_a_network_has_no_difference():
    found = difference([1.0, 2.0], [True, True], [False, False], ["a", "b"])
    assert np.isnan(found[:3]).all()
