"""Responses to degradations: numbers by hand on a network whose features are known."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import degrade, upsample
from ddrlib.degrade.samples import Samples
from ddrlib.features.grams import gram
from ddrlib.measure.fidelity import psnr
from ddrlib.measure.metrics import variance_components
from ddrlib.measure.picture import beyond
from ddrlib.measure.response import (
    BEYOND,
    OUTPUT,
    TRUNK,
    respond,
)
from ddrlib.measure.srga import principal_scores, srga_of_scores
from ddrlib.zoo.network import Network

N = 12
LEVELS = ["clean", "blur4", "noise20"]


class Bicubic(nn.Module):
    """Enlarges. Its trunk holds ten times the picture, and the mean step between neighbours."""

    def __init__(self):
        super().__init__()
        self.blocks, self.last = nn.ModuleList([nn.Identity()]), nn.Identity()

    def forward(self, x):
        steps = (x - x.roll(1, 3)).abs().mean(dim=(2, 3), keepdim=True)
        self.blocks[0](torch.cat([10 * x, steps.expand_as(x)], dim=1))
        return self.last(upsample(x))


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def truth():
    smooth = torch.rand(N, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(smooth, size=(64, 64), mode="bicubic").clamp(0, 1)


@pytest.fixture(scope="module")
def network():
    layers = {"steps": "blocks.0", "map": "last", "Output": ""}
    return Network("bicubic", Bicubic(), 4, layers, lambda x: x, "sr", {"sha256": "0" * 64})


def degraded(truth, levels=LEVELS):
    nothing = np.full(N, "")
    return Samples.of(Patches(truth, np.arange(N), nothing, nothing), levels)


@pytest.fixture(scope="module")
def found(network, truth):
    return respond(network, degraded(truth))


def test_psnr_is_that_of_the_output_against_the_truth(found, truth):
    for row, level in zip(found.psnr, LEVELS, strict=True):
        expected = psnr(upsample(degrade(truth, level)), truth)
        assert row == pytest.approx(expected.numpy(), abs=0.02)  # features are kept in float16
    table = found.table().set_index("degradation")
    assert table.loc["blur4", "PSNR"].value == pytest.approx(found.psnr[1].mean())
    loss = table.loc["noise20", "loss of PSNR"]
    assert loss.value == pytest.approx((found.psnr[0] - found.psnr[2]).mean())
    assert loss.low < loss.value < loss.high and loss.n == N


def test_the_reference_is_compared_with_itself(found):
    table = found.table()
    assert list(table.degradation) == LEVELS and set(table.network) == {"bicubic"}
    expected = {
        "SRGA": 0,
        "component of degradation": 0,
        "loss of PSNR": 0,
        "component of content": 1,
    }
    for name, value in expected.items():
        assert table.iloc[0][name][:3] == pytest.approx((value,) * 3, abs=1e-9)


def test_indices_are_those_of_the_features_of_the_two_sets_alone(found):
    # The last feature map of this network is its output; its trunk has ten times the picture.
    features = {
        level: upsample(degrade(found.samples.patches.images, level)).half().flatten(1).numpy()
        for level in ("clean", "noise20")
    }
    row = found.table().set_index("degradation").loc["noise20"]
    both = np.concatenate(list(features.values()))
    expected = variance_components(gram(both), N)
    assert row["component of content"].value == pytest.approx(expected.content, rel=1e-6)
    scores = [principal_scores(part, N - 1) for part in features.values()]
    # Not exactly: without the features the signs of the components are unknown.
    assert row["SRGA"].value == pytest.approx(srga_of_scores(*scores).srga, abs=0.02)
    trunk = found[TRUNK].only(["clean", "noise20"]).gram
    expected = variance_components(trunk, N)
    assert row["component of degradation"].value == pytest.approx(expected.degradation)


def test_a_response_is_computed_once(network, truth, monkeypatch):
    first = respond(network, degraded(truth))
    monkeypatch.setattr("ddrlib.measure.response._respond", None)  # it would fail
    again = respond(network, degraded(truth))
    assert np.array_equal(again.psnr, first.psnr)
    for place, layer in first.places.items():
        assert np.array_equal(again[place].gram, layer.gram) and again[place].dim == layer.dim


def test_another_truth_is_another_response(network, truth):
    first = respond(network, degraded(truth))
    other = dataclasses.replace(first.samples.patches, images=truth.flip(3))
    again = respond(network, dataclasses.replace(first.samples, patches=other))
    assert (again.psnr < first.psnr).all()


def test_beyond_the_picture_only_the_steps_are_left(found):
    # They are small in a blurred image and large in a noisy one.
    pair = ["clean", "noise20"]
    assert found[TRUNK].only(pair).variance.degradation.high < 0.1
    assert found[BEYOND].only(pair).variance.degradation.low > 0.3
    assert found[OUTPUT].only(pair).variance.content.low > 0.9


def test_beyond_takes_away_what_is_linear_in_the_neighbourhood_and_nothing_else():
    images = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    blurred = nn.functional.avg_pool2d(
        nn.functional.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1
    )
    noise = torch.randn(20, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    maps = torch.cat([3 + 2 * blurred, noise], dim=1)
    rest = beyond(maps.flatten(1).numpy(), images).reshape(20, 4, 64)
    assert np.abs(rest[:, :3]).max() < 1e-5
    # 28 weights fit some of the noise at 1,280 positions.
    assert (rest[:, 3] ** 2).mean() == pytest.approx(noise.var().item() * (1 - 28 / 1280), rel=0.02)


def test_the_same_images_twice_are_one(network, truth):
    # A blur of a twentieth of a pixel is lost in the rounding to 8 bits.
    same = respond(network, degraded(truth, ["clean", "blur0.05"]))
    row = same.table().iloc[1]
    assert row["SRGA"].value == pytest.approx(0, abs=1e-6)
    assert row["component of content"].value == pytest.approx(1)
    assert row["loss of PSNR"].value == 0 and not math.isnan(row["loss of PSNR"].low)


def test_beyond_is_the_same_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((5, 2 * 36)).astype(np.float32)
    images = torch.from_numpy(rng.random((5, 3, 6, 6), np.float32))
    whole = beyond(maps, images)
    monkeypatch.setattr("ddrlib.measure.picture.BLOCK", 2)
    assert beyond(maps, images) == pytest.approx(whole, abs=1e-6)
