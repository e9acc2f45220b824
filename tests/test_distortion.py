"""Distorted sets are labelled as they were made; descriptions are what was pooled of the maps."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from test_quality_sets import make_csiq
from torch import nn

from ddrlib.applications.descriptions import describers, pooled_features, profile, spread_layers
from ddrlib.applications.sets import TYPES, distorted_set, overview, read_set
from ddrlib.degrade.degradation import degrade
from ddrlib.errors import DDRError
from ddrlib.zoo.loading import Network, load_network


@pytest.fixture
def images():
    return torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0))


def test_every_image_under_every_type_and_level(images):
    types = {"noise": (5, 30), "blur": (2, 4)}
    distorted, labels = distorted_set(images, types)
    assert len(distorted) == len(labels) == 8 and distorted.shape[1:] == images.shape[1:]
    row = labels.query("type == 'blur' and level == 2 and reference == 1").index.item()
    assert torch.equal(distorted[row], degrade(images, "blur4", scale=1)[1])


def test_overview_finds_the_first_picture_under_each_type():
    labels = pd.DataFrame(
        {
            "type": ["b", "b", "a", "b", "a", "c", "b"],
            "level": [3, 1, 1, 1, 3, 3, 2],
            "reference": ["x", "x", "x", "y", "x", "x", "x"],
        }
    )
    found = overview(labels, [1, 3])
    assert found.columns.tolist() == ["b", "a"] and found.index.tolist() == [1, 3]
    assert found.to_numpy().tolist() == [[1, 2], [0, 4]]


def test_ten_types_of_five_levels_each_stronger_than_the_last(images):
    assert len(TYPES) == 10
    for kind, degrees in TYPES.items():
        error = [
            (degrade(images, f"{kind}{degree}", scale=1) - images).square().mean().item()
            for degree in (degrees[0], degrees[-1])
        ]
        assert len(degrees) == 5 and error[0] < error[1], kind


def network(*modules, task="sr"):
    layers = {f"L{i + 1}": f"{i}" for i in range(len(modules))}
    return Network("toy", nn.Sequential(*modules), 1, layers, lambda x: x, task, {})


def test_layers_are_spread_over_the_trunk_and_end_with_the_deepest():
    eight = network(*(nn.Identity() for _ in range(8)))
    assert spread_layers(eight, 4) == ["L2", "L4", "L6", "L8"]
    assert spread_layers(eight, 3) == ["L3", "L5", "L8"]
    assert spread_layers(eight, 1) == ["L8"]
    assert spread_layers(eight, 50) == [f"L{i + 1}" for i in range(8)]
    with pytest.raises(DDRError, match="0 layers: pool one at least"):
        spread_layers(eight, 0)


def test_what_is_pooled_of_images_of_any_size(images):
    class Halved(nn.Module):
        def forward(self, x):
            return x / 2 + 5

    other = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))
    found = pooled_features([*images, other], network(nn.Identity(), Halved()), ["L1", "L2"], "cpu")
    assert found.shape == (3, 7)
    for row, image in zip(found, [*images, other], strict=True):
        energies = np.log(image.numpy().std(axis=(1, 2)))
        energies = np.concatenate([energies, energies - np.log(2)])
        expected = [*(energies - energies.mean()), energies.mean()]
        assert np.allclose(row, expected, atol=1e-4)


def test_contrast_moves_one_number_of_the_profile_alone(images):
    one = network(nn.Identity())
    full, half = (pooled_features(x, one, ["L1"], "cpu") for x in (images, 0.5 * images + 0.2))
    assert np.allclose(full[:, :-1], half[:, :-1], atol=1e-4)
    assert np.allclose(full[:, -1] - half[:, -1], np.log(2), atol=1e-4)
    assert profile(np.array([[1.0, 3.0]])).tolist() == [[-1, 1, 2]]


def test_a_flat_image_has_a_finite_description():
    found = pooled_features(torch.ones(1, 3, 8, 8), network(nn.Identity()), ["L1"], "cpu")
    assert np.isfinite(found).all()


def test_features_that_are_not_finite_are_refused(images):
    images[1, 2, 3, 4] = torch.nan
    with pytest.raises(DDRError, match="toy: .* of 1 of 2 images, the first of them number 1"):
        pooled_features(images, network(nn.Identity()), ["L1"], "cpu")


def test_a_classifier_pools_means(images):
    found = pooled_features(images, network(nn.Identity(), task="classification"), ["L1"], "cpu")
    assert np.allclose(found, images.mean(dim=(2, 3)).numpy(), atol=1e-6)


def test_a_classifier_gets_images_at_their_own_size(images):
    classifier = load_network("efficientnet-lite0")
    seen = []
    classifier.module.stem.register_forward_hook(lambda _m, _i, output: seen.append(output.shape))
    describe = describers([classifier], layers=1, device="cpu")["efficientnet-lite0"]
    assert describe(images).shape == (2, 320)
    assert seen == [(2, 32, 12, 16)]  # its first convolution has a stride of 2
    assert classifier.module.scale == 4  # as it was


def test_every_method_gives_a_row_an_image(images):
    found = {name: describe(images) for name, describe in describers([]).items()}
    assert {name: rows.shape for name, rows in found.items()} == {
        "BRISQUE": (2, 36),
        "gradients": (2, 24),
    }


def test_a_public_set_is_read_image_by_image(tmp_path):
    make_csiq(tmp_path)
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    images, labels = read_set(f"csiq:{tmp_path}")
    assert set(labels) == {"type", "level", "reference"} and len(images) == len(labels) == 866
    Image.fromarray(pixels).save(images.paths[3])
    assert np.allclose(images[3].permute(1, 2, 0) * 255, pixels)


@pytest.mark.parametrize("text", ["koniq:/data", "csiq", "csiq:", ""])
def test_an_unknown_set_is_one_line(text):
    with pytest.raises(DDRError, match="write NAME:FOLDER, NAME one of live, csiq") as error:
        read_set(text)
    assert "\n" not in str(error.value)
