"""What holds over networks, makers being the sample: by hand and by known statistics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from ddrlib.measure.groups import correlation, difference, over_makers


def test_a_difference_by_hand():
    values = [1.0, 3.0, 10.0, 4.0, 7.0]
    first, second = [True, True, True, False, False], [False, False, False, True, False]
    found = over_makers(difference(values, first, second), ["a", "a", "b", "b", "c"])
    # Of the first group a has 2 on average and b 10; of the second b has 4; c belongs to neither.
    assert found.value == pytest.approx((2 + 10) / 2 - 4)
    assert found.n == 3
    # b has to be drawn, for the second group; a may be missing: then the first mean is b's own.
    assert found.high == pytest.approx(10 - 4) and 2 - 4 < found.low < found.value


def test_a_maker_counts_once_however_many_networks_it_has():
    values = [0.0] * 9 + [1.0, 5.0]
    first = [True] * 10 + [False]
    found = over_makers(difference(values, first, [not f for f in first]), ["a"] * 9 + ["b", "c"])
    assert found.value == pytest.approx(0.5 - 5)


def test_copies_of_a_network_narrow_no_interval():
    rng = np.random.default_rng(0)
    values, first = rng.normal(size=12), np.arange(12) < 6
    makers = [f"maker {i}" for i in range(12)]
    once = over_makers(difference(values, first, ~first), makers)
    copied = over_makers(
        difference(np.repeat(values, 5), np.repeat(first, 5), np.repeat(~first, 5)),
        np.repeat(makers, 5),
    )
    assert copied == pytest.approx(once)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, covered, trials = np.random.default_rng(1), 0, 40
    first = np.arange(20) < 10
    for _ in range(trials):
        values = rng.normal(size=20) + first
        found = over_makers(difference(values, first, ~first), np.arange(20).astype(str), n=200)
        covered += found.low <= 1 <= found.high
    error = norm.ppf(0.999) * np.sqrt(0.95 * 0.05 * trials)
    assert covered >= 0.92 * trials - error


def test_a_correlation_is_scipy_s_and_constants_have_none():
    x, y = np.random.default_rng(2).normal(size=(2, 10))
    found = over_makers(correlation(x, y), [str(i) for i in range(10)])
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.low < found.value < found.high
    assert np.isnan(over_makers(correlation(np.ones(4), y[:4]), list("abcd"))).any()


def test_a_group_without_a_network_has_no_difference():
    found = over_makers(difference([1.0, 2.0], [True, True], [False, False]), ["a", "b"])
    assert np.isnan(found[:3]).all()
