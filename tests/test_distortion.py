"""Distorted sets are labelled as they were made; pooled features are the moments of the maps."""

import numpy as np
import pytest
import torch
from torch import nn

from ddrlib.degrade import degrade
from ddrlib.distortion import TYPES, distorted_set, pooled_features
from ddrlib.zoo import Network


@pytest.fixture
def images():
    return torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0))


def test_every_image_under_every_type_and_level(images):
    types = {"noise": (5, 30), "blur": (2, 4)}
    distorted, labels = distorted_set(images, types)
    assert len(distorted) == len(labels) == 8 and distorted.shape[1:] == images.shape[1:]
    row = labels.query("type == 'blur' and level == 2 and reference == 1").index.item()
    assert torch.equal(distorted[row], degrade(images, "blur4", scale=1)[1])


def test_ten_types_of_five_levels_each_stronger_than_the_last(images):
    assert len(TYPES) == 10
    for kind, degrees in TYPES.items():
        error = [
            (degrade(images, f"{kind}{degree}", scale=1) - images).square().mean().item()
            for degree in (degrees[0], degrees[-1])
        ]
        assert len(degrees) == 5 and error[0] < error[1], kind


def test_pooled_features_are_mean_and_deviation_of_each_channel(images):
    network = Network("pixels", nn.Sequential(nn.Identity()), 1, {"x": "0"}, lambda x: x, "sr", {})
    other = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))
    found = pooled_features([*images, other], network, ["x"], device="cpu")
    assert found.shape == (3, 6)
    for row, image in zip(found, [*images, other], strict=True):
        flat = image.flatten(1)
        expected = torch.cat([flat.mean(1), flat.std(1, correction=0)]).numpy()
        assert np.allclose(row, expected, atol=1e-5)
