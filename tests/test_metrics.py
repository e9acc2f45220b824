"""Measures against hand-computed cases, scikit-learn, and designs whose answer is known."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import calinski_harabasz_score, euclidean_distances
from sklearn.neighbors import NearestNeighbors

from ddrlib.book.tables import as_html
from ddrlib.errors import DDRError
from ddrlib.features.grams import gram
from ddrlib.measure.intervals import Interval, bootstrap, mean_interval, over_seeds
from ddrlib.measure.metrics import (
    TwoWay,
    calinski_harabasz,
    permutation_p,
    variance_components,
)
from ddrlib.measure.neighbours import knn_hits, label_purity


def purity(gram: np.ndarray, labels: np.ndarray, k: int = 10) -> float:
    return knn_hits(gram, labels, k).mean()


def labels(contents: int, degradations: int) -> tuple[np.ndarray, np.ndarray]:
    """Content and degradation labels, degradation-major."""
    content = np.tile(np.arange(contents), degradations)
    return content, np.repeat(np.arange(degradations), contents)


def orthonormal(count: int, dim: int, seed: int) -> np.ndarray:
    """Rows that are orthonormal."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, count)))[0].T


def toy(contents: int, degradations: int, a: float, b: float, c: float, seed: int = 0):
    """Features: a * degradation effect + b * content effect + c * noise, in 40 dimensions."""
    rng = np.random.default_rng(seed)
    content, degradation = labels(contents, degradations)
    return (
        a * rng.standard_normal((degradations, 40))[degradation]
        + b * rng.standard_normal((contents, 40))[content]
        + c * rng.standard_normal((len(content), 40))
    )


# --- Calinski-Harabasz ---


def test_chi_by_hand():
    # Two pairs on a line: means 1 and 11 about 6; BD = 4 * 25 = 100, WD = 4 * 1 = 4, N - k = 2.
    found = calinski_harabasz(np.array([[0.0], [2.0], [10.0], [12.0]]), np.array([5, 5, 8, 8]))
    assert found == (50.0, 4.0, 100.0)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), n=st.integers(5, 40), k=st.integers(2, 4), dim=st.integers(1, 5))
def test_chi_agrees_with_scikit_learn(seed, n, k, dim):
    rng = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    points = rng.standard_normal((n, dim)) + groups[:, None]
    found = calinski_harabasz(points, groups)
    assert found.chi == pytest.approx(calinski_harabasz_score(points, groups), rel=1e-9)
    total = ((points - points.mean(axis=0)) ** 2).sum()
    assert found.wd + found.bd == pytest.approx(total)


def test_chi_at_the_edges():
    groups = np.array([0, 0, 1, 1])
    assert calinski_harabasz(np.full((4, 2), 0.1), groups) == (0.0, 0.0, 0.0)
    assert calinski_harabasz(groups[:, None].astype(float), groups).chi == np.inf
    with pytest.raises(DDRError, match="2 groups or more"):
        calinski_harabasz(np.zeros((4, 2)), np.zeros(4))
    with pytest.raises(DDRError, match="more points than groups"):
        calinski_harabasz(np.zeros((4, 2)), np.arange(4))


# --- two-way split ---


def sums(gram: np.ndarray, n: int) -> list[float]:
    """SS between degradations, between contents, and total."""
    return [float(ss[0]) for ss in TwoWay.of(gram, n).sums(np.ones((1, n)))]


def test_sums_of_squares_by_hand():
    # Columns of effects that do not meet: degradation +-1, content -2, 0, 2, interaction +-1.
    # 6 samples: SS = 6 * 1, 2 * (4 + 0 + 4), 4 * 1 of 26.
    degradation = np.array([0, 0, 0, 1, 1, 1])
    content = np.array([0, 1, 2, 0, 1, 2])
    features = np.stack(
        [
            np.where(degradation == 0, 1.0, -1.0),
            2.0 * content - 2.0,
            np.array([1.0, 0.0, -1.0, -1.0, 0.0, 1.0]),
        ],
        axis=1,
    )
    assert sums(gram(features), 3) == pytest.approx([6, 16, 26])


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    contents=st.integers(2, 9),
    degradations=st.integers(2, 5),
    a=st.floats(0, 3),
    b=st.floats(0, 3),
)
def test_sums_of_squares_are_analysis_of_variance(seed, contents, degradations, a, b):
    features = toy(contents, degradations, a, b, 1.0, seed)
    table = features.reshape(degradations, contents, -1)
    centred = table - table.mean(axis=(0, 1))
    total = (centred**2).sum()
    by_degradation = contents * (centred.mean(axis=1) ** 2).sum()
    by_content = degradations * (centred.mean(axis=0) ** 2).sum()
    found = sums(gram(features), contents)
    assert found == pytest.approx([by_degradation, by_content, total], abs=1e-10 * total)


def test_labels_without_effect_get_the_share_of_their_degrees_of_freedom():
    found = np.array([sums(gram(toy(20, 3, 0, 0, 1, seed)), 20) for seed in range(50)])
    by_degradation, by_content = (found[:, :2] / found[:, 2:]).mean(axis=0)
    assert by_degradation == pytest.approx(2 / 59, rel=0.1)
    assert by_content == pytest.approx(19 / 59, rel=0.05)


def test_features_without_variance_are_refused():
    for measure in (variance_components, permutation_p):
        with pytest.raises(DDRError, match="same features"):
            measure(gram(np.full((12, 5), 0.1, dtype=np.float32)), 4)


def test_resampled_sums_are_those_of_the_repeated_samples():
    """Counts stand for copies: the closed form against features written out with new labels."""
    contents, degradations = 6, 3
    features = toy(contents, degradations, 1, 2, 1)
    content, degradation = labels(contents, degradations)
    drawn = np.array([0, 0, 0, 2, 5, 5])
    counts = np.bincount(drawn, minlength=contents)[None].astype(float)
    copies = features.reshape(degradations, contents, -1)[:, drawn].reshape(18, -1)
    design = TwoWay.of(gram(features), contents)
    expected = variance_components(gram(copies), contents)
    for factor in ("degradation", "content", "rest"):
        assert design.component(factor, counts)[0] == pytest.approx(getattr(expected, factor))
    for factor, groups in (("degradation", degradation), ("content", content)):
        chi = calinski_harabasz(copies, groups).chi
        assert design.chi(factor, counts)[0] == pytest.approx(chi)


# --- neighbours ---


def test_knn_agrees_with_locally_scaled_distances():
    features = toy(20, 3, 0.6, 0.5, 1)
    _, degradation = labels(20, 3)
    distances = euclidean_distances(features)
    unit = np.sort(distances, axis=1)[:, 8]  # the sample itself comes first
    expected = []
    for i in range(60):
        scaled = distances[i] ** 2 / (unit[i] * unit)
        nearest = [j for j in np.argsort(scaled) if j != i][:8]
        expected.append(np.mean(degradation[nearest] == degradation[i]))
    assert np.allclose(knn_hits(gram(features), degradation, k=8), expected)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_knn_agrees_with_scikit_learn_by_common_distances(distance):
    features = toy(20, 3, 0.6, 0.5, 1)
    _, degradation = labels(20, 3)
    centred = features - features.mean(axis=0)
    search = NearestNeighbors(n_neighbors=8, metric=distance).fit(centred)
    nearest = search.kneighbors(return_distance=False)
    expected = (degradation[nearest] == degradation[:, None]).mean(axis=1)
    assert np.allclose(knn_hits(gram(features), degradation, 8, distance), expected)


def test_knn_is_not_drawn_to_hubs():
    """Groups of very different spread: by plain distance all are nearest to the narrowest."""
    _, degradation = labels(30, 3)
    rng = np.random.default_rng(0)
    spread = np.array([1.0, 3.0, 10.0])[degradation, None]
    features = spread * (np.eye(3, 500)[degradation] * 3 + rng.standard_normal((90, 500)))
    nearest = NearestNeighbors(n_neighbors=10).fit(features).kneighbors(return_distance=False)
    assert (degradation[nearest] == 0).mean() > 0.9
    assert purity(gram(features), degradation) > 0.9


def test_knn_of_groups_on_a_line_and_of_copies():
    groups = np.repeat([0, 1, 2], 12)
    line = groups[:, None] * 10 + np.random.default_rng(0).random((36, 1))
    assert purity(gram(line), groups) == 1
    assert purity(gram(groups[:, None].astype(float)), groups) == 1


def test_knn_purity_of_known_clouds():
    content, degradation = labels(20, 3)
    apart = gram(toy(20, 3, 50, 1, 1))
    assert purity(apart, degradation) == 1
    pairs = gram(toy(20, 3, 0, 50, 1))  # each content alone with its three degradations
    assert purity(pairs, content, k=2) == 1
    assert purity(pairs, degradation, k=2) == 0
    chance = np.mean([purity(gram(toy(20, 3, 0, 0, 1, s)), degradation) for s in range(30)])
    assert chance == pytest.approx(19 / 59, abs=0.02)
    with pytest.raises(DDRError, match="choose k from 1 to 59"):
        purity(apart, degradation, k=60)


# --- permutation and bootstrap ---


def test_permutation_p_is_uniform_without_effect_and_tiny_with_one():
    null = [
        permutation_p(gram(toy(8, 3, 0, 3, 1, seed)), 8, n=99, seed=seed) for seed in range(200)
    ]
    assert stats.kstest(null, "uniform").pvalue > 0.01
    assert permutation_p(gram(toy(8, 3, 1, 3, 1)), 8) == 1 / 1000


def test_permutation_p_counts_all_shufflings_of_a_small_case():
    # Two contents, two degradations, on a line: of the 4 equally likely shufflings (identity, both
    # swapped: |effect| 2; one swapped: 0) one half reaches the statistic.
    features = np.array([[0.0], [10.0], [1.0], [11.0]])
    p = permutation_p(gram(features), 2, n=4000)
    assert p == pytest.approx(0.5, abs=0.03)


def test_bootstrap_interval_of_a_mean_covers_it_95_times_of_100():
    rng = np.random.default_rng(1)
    covered = []
    for seed in range(1000):
        values = rng.standard_normal(60)
        interval = bootstrap(lambda counts, v=values: counts @ v / 60, 60, n=400, seed=seed)
        assert interval.value == pytest.approx(values.mean())
        assert interval.n == 60
        covered.append(interval.low <= 0 <= interval.high)
    assert np.mean(covered) == pytest.approx(0.94, abs=0.02)  # 1 % short of Student's t, as known


def test_bootstrap_interval_has_the_width_of_theory():
    values = np.random.default_rng(1).standard_normal(500)
    interval = bootstrap(lambda counts: counts @ values / 500, 500, n=4000)
    expected = 2 * 1.96 * values.std() / 500**0.5
    assert interval.high - interval.low == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize("effect", [0.0, 0.05, 1.0])
def test_bootstrap_interval_of_a_share_holds_the_share_of_many_contents(effect):
    """The bias of resampling, which is large for a small share, is taken off."""
    content, degradation = labels(40, 3)
    covered = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scatter = rng.standard_normal((120, 40)) + 2 * rng.standard_normal((40, 40))[content]
        shift = effect * np.eye(3, 40)[degradation]
        design = TwoWay.of(gram(scatter + shift), 40)

        def share(counts, design=design):
            between, _, total = design.sums(counts)
            return between / total

        interval = bootstrap(share, 40, n=300, bounds=(0, 1))
        assert 0 <= interval.low <= interval.value <= interval.high
        between = 120 * 40 / 40 * effect**2 * (2 / 3) + 2 * 40  # expected sums of squares
        total = between + 39 * 40 * (1 + 3 * 4) + 78 * 40
        covered.append(interval.low <= between / total <= interval.high)
    assert np.mean(covered) > 0.85


def test_there_is_no_interval_where_a_resample_has_no_finite_value():
    """Of three contents a ninth of the draws is one content thrice: its groups are points."""
    points = np.array([[0, 1], [1, 0], [2, 5], [9, 3], [8, 1], [7, 7.0]])
    design = TwoWay.of(gram(points), 3)
    found = bootstrap(partial(design.chi, "degradation"), 3, bounds=(0, np.inf))
    expected = calinski_harabasz_score(points, np.repeat([0, 1], 3))
    assert found.value == pytest.approx(expected) and found.n == 3
    assert math.isnan(found.low) and math.isnan(found.high)


def test_bootstrap_stays_within_the_bounds():
    values = np.array([0.0] * 30 + [1.0])
    interval = bootstrap(lambda counts: counts @ values / 31, 31, bounds=(0.01, 0.05))
    assert interval.low == 0.01
    assert interval.high == 0.05


# --- means, spreads and readings ---


def test_mean_interval_is_the_mean_with_the_normal_interval():
    values = np.random.default_rng(0).standard_normal(400)
    found = mean_interval(values)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 / 20, rel=0.15)


def test_spread_over_seeds():
    assert over_seeds([3.0, 1.0, 8.0]) == (4.0, 1.0, 8.0, 3)
    assert str(over_seeds([3.0, 1.0, 8.0])) == "4 [1, 8]"
    assert str(over_seeds([3.0])) == "3"


def test_the_numbers_of_an_interval_have_equally_many_decimals():
    assert str(Interval(0.5, 0.25, 0.99999, 9)) == "0.500 [0.250, 1.000]"
    assert str(Interval(0.5, 0.25, 1.0, 9)) == "0.500 [0.250, 1.000]", "as beside [0.25, 0.99]"
    assert str(Interval(0.5, -1.25, 0.75, 9)) == "0.50 [-1.25, 0.75]"
    assert str(Interval(-0.0001, -0.0004, 0.0, 9)) == "0.000 [0.000, 0.000]"
    assert str(Interval(60.25, 7.125, 1570.4, 9)) == "60 [7, 1,570]"
    assert str(Interval(math.nan, 0.0, 1.0, 9)) == "nan [0, 1]"
    assert str(Interval(4.0625, math.nan, math.nan, 3)) == "4.06", "too few for an interval"


def components_by_hand(x: np.ndarray) -> tuple[float, float, float]:
    """Of values (k, n) of one feature, by the table of a two-way analysis of variance."""
    k, n = x.shape
    grand = x.mean()
    ms_d = n * ((x.mean(axis=1) - grand) ** 2).sum() / (k - 1)
    ms_c = k * ((x.mean(axis=0) - grand) ** 2).sum() / (n - 1)
    rest = x - x.mean(axis=1, keepdims=True) - x.mean(axis=0) + grand
    ms_r = (rest**2).sum() / ((k - 1) * (n - 1))
    parts = np.array([(ms_d - ms_r) / n, (ms_c - ms_r) / k, ms_r])
    return tuple(parts / parts.sum())


def test_components_are_those_of_the_table():
    x = np.random.default_rng(0).standard_normal((3, 7)) + 2 * np.arange(3)[:, None]
    found = variance_components(gram(x.reshape(-1, 1)), 7)
    expected = components_by_hand(x)
    assert (found.degradation, found.content, found.rest) == pytest.approx(expected)


def test_components_without_effect_are_zero_on_average_whatever_n():
    rng = np.random.default_rng(1)
    for n in (5, 40):
        noise = (rng.standard_normal((3 * n, 20)) for _ in range(200))
        found = [variance_components(gram(features), n) for features in noise]
        for factor in ("degradation", "content"):
            values = np.array([getattr(split, factor) for split in found])
            assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))


def test_components_are_those_put_in():
    rng = np.random.default_rng(2)
    n, k, dim = 60, 8, 400
    x = (
        np.sqrt(2.0) * rng.standard_normal((k, 1, dim))
        + np.sqrt(3.0) * rng.standard_normal((1, n, dim))
        + np.sqrt(5.0) * rng.standard_normal((k, n, dim))
    )
    found = variance_components(gram(x.reshape(k * n, dim)), n)
    assert found.degradation == pytest.approx(0.2, abs=0.03)
    assert found.content == pytest.approx(0.3, abs=0.02)
    assert found.rest == pytest.approx(0.5, abs=0.03)


def test_label_purity_of_labels_that_tell_and_of_labels_that_do_not():
    rng = np.random.default_rng(0)
    labels = np.repeat(["dog", "house", "tree"], 20)
    centres = 3 * rng.standard_normal((3, 10))[np.repeat(np.arange(3), 20)]
    telling = label_purity(gram(centres + rng.standard_normal((60, 10))), labels)
    assert telling.value > 0.9 and telling.p == 0.001
    # 19 of the 59 others have a sample's label.
    assert telling.chance == pytest.approx(19 / 59, abs=0.01)
    nothing = [
        label_purity(gram(rng.standard_normal((60, 10))), labels, n=99, seed=seed).p
        for seed in range(40)
    ]
    assert 0.3 < np.mean(nothing) < 0.7  # p is uniform where there is nothing


@pytest.mark.parametrize("measure", [variance_components, permutation_p])
def test_a_design_that_is_not_balanced_is_refused(measure):
    with pytest.raises(DDRError, match="not balanced"):
        measure(gram(toy(4, 3, 1, 1, 1))[:11, :11], 4)


def test_a_table_shows_a_value_alone_where_so_few_allow_no_interval():
    table = pd.DataFrame({"SRGA": [Interval(4.0625, math.nan, math.nan, 3), Interval(3, 2, 4, 9)]})
    page = as_html(table, "caption")
    assert '<td class="ddr-numbers">4.06</td>' in page and "nan" not in page
    assert '3.00 <span class="ddr-interval">[2.00, 4.00]</span>' in page
