"""Pairs of degradations: the components by hand, order found where there is one and not where none is."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from ddrlib.data.photographs import Patches
from ddrlib.degrade.samples import Samples
from ddrlib.features.grams import gram
from ddrlib.measure.layer import Layer, layers_of
from ddrlib.measure.metrics import variance_components
from ddrlib.measure.pairs import Pairs
from ddrlib.zoo.network import Network

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
    components, neighbours = found.components(), found.neighbours()
    assert list(components) == list(neighbours) == [1, 2, 3]
    assert components[3].low > components[1].high and components[3].n == N
    assert neighbours[3].value > neighbours[1].value
    rho = found.monotonicity()
    largest = spearmanr([1, 1, 1, 2, 2, 3], [1, 2, 3, 4, 5, 6]).statistic
    assert rho.low <= rho.value <= rho.high <= largest + 1e-12 and rho.value > 0.5 and rho.n == N


def test_a_distance_is_the_mean_of_its_pairs(found):
    pairs = {1: [(0, 1), (1, 2), (2, 3)], 2: [(0, 2), (1, 3)], 3: [(0, 3)]}
    components, neighbours = found.components(), found.neighbours()
    for steps, so_far_apart in pairs.items():
        values = [found.component(*pair).value for pair in so_far_apart]
        assert components[steps].value == pytest.approx(np.mean(values))
        purities = [
            found.layer.only([DEGREES[i], DEGREES[j]]).knn_degradation.value
            for i, j in so_far_apart
        ]
        assert neighbours[steps].value == pytest.approx(np.mean(purities))
    assert components[3] == found.component(0, 3)
    assert found.knn_chance == pytest.approx((N - 1) / (2 * N - 1))


def test_no_order_is_found_where_there_is_none(patches):
    """Features that know nothing of the degradation: chance purity, no component, no distance."""
    samples = Samples.of(patches, DEGREES)
    nothing = np.random.default_rng(0).standard_normal((len(samples.images), 200))
    found = Pairs(Layer.of("nothing", nothing, samples))
    assert all(abs(interval.value) < 0.02 for interval in found.components().values())
    assert found.neighbours()[1].value == pytest.approx(found.knn_chance, abs=0.1)


def test_a_pair_is_the_two_way_split_of_these_two_alone(found, patches, monkeypatch):
    from ddrlib.degrade.degradation import degrade

    values = Grain()(torch.cat([degrade(patches.images, text) for text in ("noise10", "noise40")]))
    expected = variance_components(gram(values.half().numpy()), N)
    assert found.component(1, 3).value == pytest.approx(expected.degradation, rel=1e-2)
    assert found.component(3, 1) == found.component(1, 3)


def test_the_table_is_symmetric_and_holds_the_components(found):
    table = found.table()
    assert np.isnan(np.diag(table)).all() and (table.T.fillna(0) == table.fillna(0)).all(axis=None)
    assert table.loc["clean", "noise40"] == found.component(0, 3).value
    assert list(table) == DEGREES
