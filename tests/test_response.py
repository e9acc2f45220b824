"""Responses to degradations: numbers by hand on a network whose features are known."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from ddrlib.data import Patches
from ddrlib.degrade import degrade, upsample
from ddrlib.errors import DDRError
from ddrlib.generalization import principal_scores, srga_of_scores
from ddrlib.generalization.response import LAST, OUTPUT, PLACES, TRUNK, places, respond
from ddrlib.metrics import calinski_harabasz, variance_split
from ddrlib.projection import gram
from ddrlib.quality import psnr
from ddrlib.zoo import Network, load_network, random_network

N = 12
LEVELS = ["clean", "blur4", "noise20"]


class Bicubic(nn.Module):
    """Enlarges; its block gives how much neighbours differ, its last map the enlarged image."""

    def __init__(self):
        super().__init__()
        self.block, self.last = nn.ModuleList([nn.Identity()]), nn.Identity()

    def forward(self, x):
        steps = (x[..., 1:] - x[..., :-1]).abs().mean(dim=(2, 3))
        self.block[0](steps)
        return self.last(upsample(x))


@pytest.fixture(scope="module")
def patches():
    smooth = torch.rand(N, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    images = nn.functional.interpolate(smooth, size=(64, 64), mode="bicubic").clamp(0, 1)
    return Patches(images, np.arange(N), np.full(N, ""), np.array([f"{i}" for i in range(N)]))


@pytest.fixture(scope="module")
def network():
    layers = {"steps": "block.0", "map": "last", "Output": ""}
    return Network("bicubic", Bicubic(), 4, layers, lambda x: x, "sr", {"sha256": "0" * 64})


@pytest.fixture(scope="module")
def found(network, patches):
    return respond(network, patches, LEVELS)


def test_places_of_the_architectures():
    assert places(random_network("srresnet-wgr-reduced-s0")) == {
        TRUNK: "RB8", LAST: "HR", OUTPUT: "Output"
    }
    assert places(load_network("realesrgan-x4plus-anime"))[LAST] == "hr"
    assert places(random_network("rdn-div2k-x4")) == {TRUNK: "LRL_10", LAST: "UPN3", OUTPUT: "SR"}


def test_psnr_is_that_of_the_output_against_the_truth(found, patches):
    for row, level in zip(found.psnr, LEVELS, strict=True):
        expected = psnr(upsample(degrade(patches.images, level)), patches.images)
        assert row == pytest.approx(expected.numpy(), abs=0.02)  # features are kept in float16
    table = found.table().set_index(["place", "degradation"])
    assert table.loc[(OUTPUT, "blur4"), "PSNR"].value == pytest.approx(found.psnr[1].mean())
    loss = table.loc[(TRUNK, "noise20"), "loss of PSNR"]
    assert loss.value == pytest.approx((found.psnr[0] - found.psnr[2]).mean())
    assert loss.low < loss.value < loss.high and loss.n == N


def test_table_has_every_place_and_level_but_the_reference(found):
    table = found.table()
    assert list(zip(table.degradation, table.place, strict=True)) == [
        (level, place) for level in LEVELS[1:] for place in PLACES
    ]
    assert set(table.network) == {"bicubic"}


def test_indices_are_those_of_the_features_of_the_two_sets_alone(found, network, patches):
    features = {
        level: upsample(degrade(patches.images, level)).half().flatten(1).numpy()
        for level in LEVELS
    }
    row = found.table().set_index(["place", "degradation"]).loc[(OUTPUT, "noise20")]
    both = np.concatenate([features["clean"], features["noise20"]])
    expected = variance_split(gram(both), np.tile(np.arange(N), 2), np.repeat([0, 1], N))
    assert row["share of degradation"].value == pytest.approx(expected.degradation, rel=1e-6)
    assert row["share of content"].value == pytest.approx(expected.content, rel=1e-6)
    scores = [principal_scores(features[level], N - 1) for level in ("clean", "noise20")]
    # Not exactly: without the features the signs of the components are unknown.
    assert row["SRGA"].value == pytest.approx(srga_of_scores(*scores).srga, abs=0.02)


def test_what_degradation_alone_decides_and_what_content_alone_decides(found):
    # The steps between neighbours are few in a blurred image and many in a noisy one.
    assert found.split(TRUNK, ["clean", "noise20"]).degradation.low > 0.5
    assert found.split(OUTPUT, ["clean", "noise20"]).content.low > 0.9


def test_chi_is_that_of_the_projections(found):
    points = found.projections(TRUNK, LEVELS, seeds=2, perplexity=5)
    labels = np.repeat([0, 1, 2], N)
    expected = np.mean([calinski_harabasz(p, labels).chi for p in points])
    chi = found.chi(TRUNK, LEVELS, seeds=2, perplexity=5)
    assert chi.value == pytest.approx(expected, rel=1e-6) and chi.low < expected < chi.high
    fewer = found.projections(TRUNK, ["noise20", "clean"], perplexity=5)
    assert fewer[0].shape == (2 * N, 2)


def test_the_same_images_twice_are_one(network, patches):
    # A blur of a twentieth of a pixel is lost in the rounding to 8 bits.
    same = respond(network, patches, ["clean", "blur0.05"])
    row = same.table().set_index("place").loc[OUTPUT]
    assert row["SRGA"].value == pytest.approx(0, abs=1e-6)
    assert row["share of content"].value == pytest.approx(1)
    assert row["loss of PSNR"].value == 0 and not math.isnan(row["loss of PSNR"].low)


@pytest.mark.parametrize("levels", [["clean"], ["clean", "blur4", "clean"]])
def test_a_response_needs_different_degradations(network, patches, levels):
    with pytest.raises(DDRError, match="2 different degradations"):
        respond(network, patches, levels)
