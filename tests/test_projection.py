"""Gram matrix, PCA and t-SNE against numpy, scikit-learn and clouds of known shape."""

import numpy as np
import pytest
from sklearn.decomposition import PCA as SklearnPCA
from sklearn.manifold import TSNE

from ddrlib.errors import DDRError
from ddrlib.features.grams import gram
from ddrlib.measure import tsne as embedding
from ddrlib.measure.projection import pca
from ddrlib.measure.tsne import tsne, usable_perplexity


def features(n: int, dim: int, seed: int = 0) -> np.ndarray:
    """A decaying spectrum with a large mean: what deep features look like."""
    rng = np.random.default_rng(seed)
    strengths = 100.0 / np.arange(1, n + 1) ** 1.5
    mixed = rng.standard_normal((n, n)) * strengths @ rng.standard_normal((n, dim))
    return (mixed + 50 * rng.standard_normal(dim)).astype(np.float32)


@pytest.mark.parametrize(("n", "dim"), [(60, 2000), (200, 30)])  # D > N, and N > D
def test_pca_agrees_with_scikit_learn(n, dim):
    x = features(n, dim)
    expected = SklearnPCA(25, svd_solver="full").fit_transform(x.astype(np.float64))
    ours = pca(gram(x), 25)
    signs = np.sign((ours * expected).sum(axis=0))
    error = np.linalg.norm(ours * signs - expected, axis=0)
    assert (error < 1e-5 * np.linalg.norm(expected, axis=0)).all()  # each, weak or strong


def test_pca_gives_no_more_components_than_there_are():
    line = np.outer([0.0, 1.0, 2.0, 5.0], np.ones(7))
    found = pca(gram(line), 50)
    assert np.allclose(found[:, 0], np.sqrt(7) * (np.array([0, 1, 2, 5]) - 2.0))
    assert found.shape == (4, 1)
    constant = pca(gram(np.full((4, 7), 0.1, dtype=np.float16)))
    assert constant.shape == (4, 0)


def test_pca_keeps_distances():
    x = features(15, 400)
    scores = pca(gram(x))
    ours = np.linalg.norm(scores[:, None] - scores, axis=2)
    assert np.allclose(ours, np.linalg.norm(x[:, None] - x, axis=2), rtol=1e-5, atol=1e-3)


def test_pca_sign_is_fixed():
    scores = pca(gram(features(30, 100)))
    assert (scores.max(axis=0) >= -scores.min(axis=0)).all()


def test_tsne_separates_what_is_separate_and_repeats_itself():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 30)
    scores = rng.standard_normal((60, 5)) + 20 * labels[:, None]
    points = tsne(scores, seed=1, perplexity=10)
    distance = np.linalg.norm(points[:, None] - points, axis=2) + np.diag(np.full(60, np.inf))
    assert (labels[distance.argmin(axis=1)] == labels).all()
    assert np.array_equal(points, tsne(scores, seed=1, perplexity=10))
    assert not np.allclose(points, tsne(scores, seed=2, perplexity=10))


def kullback_leibler(p, points):
    distances = ((points[:, None] - points).astype(np.float64) ** 2).sum(axis=2)
    q = 1 / (1 + distances) * (1 - np.eye(len(points)))
    q /= q.sum()
    there = p > 0
    return (p[there] * np.log(p[there] / q[there])).sum()


def test_tsne_neighbourhoods_have_the_perplexity():
    rng = np.random.default_rng(1)
    scores = rng.standard_normal((40, 6)) * np.logspace(0, 3, 40)[:, None]  # crowded and lonely
    distances = ((scores[:, None] - scores) ** 2).sum(axis=2)
    rows = embedding._conditional(distances / distances.mean(), np.log(9))
    logs = np.log(rows, where=rows > 0, out=np.zeros_like(rows))
    assert np.allclose(np.exp(-(rows * logs).sum(axis=1)), 9, rtol=1e-4)
    joint = embedding.joint_probabilities(scores, 9)
    assert np.allclose(joint, (rows + rows.T) / 80, rtol=1e-6)
    assert joint.sum() == pytest.approx(1) and not joint.diagonal().any()


def test_tsne_gradient_is_that_of_the_divergence():
    rng = np.random.default_rng(2)
    p = embedding.joint_probabilities(rng.standard_normal((12, 3)), 3)
    points = rng.standard_normal((12, 2))
    found = embedding._gradient(p.astype(np.float32), points.T.astype(np.float32), 1.0)
    for sample, axis in np.ndindex(points.shape):
        moved = np.zeros_like(points)
        moved[sample, axis] = 1e-5
        ends = [kullback_leibler(p, points + sign * moved) for sign in (1, -1)]
        assert found[axis, sample] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3, abs=1e-5)


def test_tsne_ends_as_low_as_scikit_learn():
    x = np.random.default_rng(3).standard_normal((90, 8)) + 4 * np.repeat(np.eye(3, 8), 30, axis=0)
    p = embedding.joint_probabilities(x, 12)
    ours = [kullback_leibler(p, tsne(x, seed, 12)) for seed in range(4)]
    exact = {"method": "exact", "init": "random", "perplexity": 12}
    theirs = [TSNE(2, random_state=seed, **exact).fit(x).kl_divergence_ for seed in range(4)]
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.05)


def test_compiled_code_is_not_kept_on_disk():
    """A folder that cannot be written, or a damaged file in it, would end every command."""
    for compiled in (embedding._conditional, embedding._descend, embedding._gradient):
        assert compiled.stats.cache_path is None


def test_tsne_of_copies_is_finite():
    copies = np.repeat(np.random.default_rng(4).standard_normal((4, 3)), 10, axis=0)
    assert np.isfinite(tsne(copies, perplexity=5)).all()
    assert np.isfinite(tsne(np.zeros((12, 3)), perplexity=3)).all()


def test_tsne_says_what_does_not_fit():
    assert usable_perplexity(300, 30) == 30
    assert usable_perplexity(31, 30) == 10
    for none in (float("nan"), float("-inf"), 0, -3):
        with pytest.raises(DDRError, match="it needs 1 or more"):
            usable_perplexity(300, none)
    with pytest.raises(DDRError, match="perplexity 0.5 for 12 samples"):
        tsne(np.eye(12), perplexity=0.5)
    with pytest.raises(DDRError, match="same features"):
        tsne(np.empty((40, 0)))
