"""The map of the first page shows what was measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ddrlib.data.photographs import load_patches
from ddrlib.measure.measurement import measure
from ddrlib.networks.srresnet import SRResNet
from ddrlib.widgets.depth_map import depth_map
from ddrlib.zoo.network import Network


@pytest.fixture(scope="module")
def measurement():
    torch.manual_seed(0)
    module = SRResNet(channels=4, blocks=3).eval().requires_grad_(False)
    network = Network("toy", module, 4, module.layers(), lambda x: x, "sr", {"sha256": "0" * 64})
    degradations = ["clean", "blur4", "noise20", "jpeg10", "blur2+noise10"]
    return measure(network, load_patches("eval", n=6, size=64), degradations, seeds=1, perplexity=5)


def test_layers_are_the_first_and_the_blocks(measurement):
    index = depth_map(measurement, [0, 5]).index
    assert [layer["title"] for layer in index["layers"]] == [
        "first layer",
        "block 1 of 3",
        "block 2 of 3",
        "block 3 of 3",
    ]
    last = measurement[measurement.trunk[-1]]
    assert index["layers"][-1]["purity"] == f"{last.knn_degradation.value:.0%}"


def test_degradations_in_words(measurement):
    names = [each["name"] for each in depth_map(measurement, [0, 5]).index["degradations"]]
    assert names == ["clean", "blurred", "noisy", "compressed", "blur2+noise10"]


def test_points_of_the_last_block_are_its_first_two_principal_components(measurement):
    view = depth_map(measurement, [0, 5])
    assert view.index["network"] == "toy"
    places = np.frombuffer(view.points, "<u2").reshape(4, 30, 2).astype(float)
    scores = measurement[measurement.trunk[-1]].scores[:, :2]
    shown = places[-1] - places[-1].mean(axis=0)
    true = scores - scores.mean(axis=0)
    ratio = np.linalg.norm(shown) / np.linalg.norm(true)
    np.testing.assert_allclose(shown, ratio * true, atol=2, err_msg="of 65,535, but for rounding")


def test_the_same_contents_are_pictures_in_each_degradation(measurement):
    pictures = np.array(depth_map(measurement, [0, 5]).index["pictures"])
    samples = measurement.samples
    assert sorted(set(samples.content[pictures])) == [0, 5]
    assert np.bincount(samples.degradation[pictures]).tolist() == [2] * 5
