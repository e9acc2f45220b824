"""Pairs of degradations: the components by hand, order found where there is one and not where none is."""

import numpy as np
import pytest
import torch
from sklearn.metrics import calinski_harabasz_score
from torch import nn

from ddrlib.data.photographs import Patches
from ddrlib.degrade.samples import Samples
from ddrlib.features.grams import gram
from ddrlib.measure.layer import layers_of
from ddrlib.measure.metrics import variance_components
from ddrlib.measure.pairs import Pairs
from ddrlib.zoo.loading import Network

DEGREES = ["clean", "noise10", "noise20", "noise40"]
N = 10


class Grain(nn.Module):
    """One number an image, how strongly neighbours differ, and a little of the image's mean."""

    def forward(self, x):
        edges = (x[..., 1:] - x[..., :-1]).abs().mean(dim=(1, 2, 3))
        return torch.stack([edges, 0.01 * x.mean(dim=(1, 2, 3))], dim=1)


@pytest.fixture
def patches():
    generator = torch.Generator().manual_seed(0)
    smooth = torch.rand(N, 3, 4, 4, generator=generator)
    images = nn.functional.interpolate(smooth, size=(64, 64), mode="bicubic").clamp(0, 1)
    return Patches(images, np.arange(N), np.full(N, ""), np.array([f"{i}" for i in range(N)]))


@pytest.fixture
def found(patches, tmp_path, monkeypatch):
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))
    module = nn.Sequential(Grain())
    card = {"sha256": "0" * 64}
    network = Network("grain", module, 4, {"grain": "0"}, lambda x: x, "sr", card)
    return Pairs(*layers_of(network, Samples.of(patches, DEGREES), ["grain"]))


def test_discriminability_rises_with_the_distance(found):
    steps, shares = found.distances()
    assert steps.tolist() == [1, 2, 3, 1, 2, 1]
    assert shares[2] > shares[1] > shares[0]
    rho = found.monotonicity()
    assert rho.low <= rho.value <= rho.high and rho.value > 0.5 and rho.n == N


def test_a_pair_is_the_two_way_split_of_these_two_alone(found, patches, monkeypatch):
    from ddrlib.degrade.degradation import degrade

    values = Grain()(torch.cat([degrade(patches.images, text) for text in ("noise10", "noise40")]))
    expected = variance_components(
        gram(values.half().numpy()), np.tile(np.arange(N), 2), np.repeat([0, 1], N)
    )
    assert found.component(1, 3).value == pytest.approx(expected.degradation, rel=1e-2)
    assert found.component(3, 1) == found.component(1, 3)


def test_chi_table_is_symmetric_and_agrees_with_scikit_learn(found):
    from ddrlib.features.grams import subgram
    from ddrlib.measure.projection import pca
    from ddrlib.measure.tsne import tsne, usable_perplexity

    table = found.chi(perplexity=5)
    assert np.isnan(np.diag(table)).all() and (table.T.fillna(0) == table.fillna(0)).all(axis=None)
    index = np.r_[0:N, 3 * N : 4 * N]
    points = tsne(pca(subgram(found.layer.gram, index)).scores, 0, usable_perplexity(2 * N, 5))
    expected = calinski_harabasz_score(points, np.repeat([0, 1], N))
    assert table.loc["clean", "noise40"] == pytest.approx(expected, rel=1e-6)
