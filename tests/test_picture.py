"""A layer with and without the image: shares by hand, on features that hold both."""

import numpy as np
import pytest
import torch
from torch import nn

from ddrlib.data.photographs import Patches
from ddrlib.degrade.samples import Samples
from ddrlib.measure.picture import Picture

N = 12


@pytest.fixture(scope="module")
def samples():
    smooth = torch.rand(N, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    images = nn.functional.interpolate(smooth, size=(64, 64), mode="bicubic").clamp(0, 1)
    nothing = np.full(N, "")
    return Samples.of(Patches(images, np.arange(N), nothing, nothing), ["clean", "noise20"])


def test_a_layer_that_is_the_image_is_all_explained(samples):
    blurred = nn.functional.avg_pool2d(
        nn.functional.pad(samples.images, (1, 1, 1, 1), mode="replicate"), 3, stride=1
    )
    found = Picture.of("x", (3 * blurred + 1).flatten(1).numpy(), samples)
    assert found.explained.value == pytest.approx(1, abs=1e-6)


def test_what_is_hidden_under_the_image_is_found(samples):
    """Ten times the image, and how strong the noise is: one number all over each feature map."""
    steps = (samples.images - samples.images.roll(1, 3)).abs().mean(dim=(1, 2, 3), keepdim=True)
    maps = torch.cat([10 * samples.images, steps.expand_as(samples.images[:, :1])], dim=1)
    found = Picture.of("x", maps.flatten(1).numpy(), samples)
    assert found.explained.low > 0.99
    assert found.whole.variance.degradation.high < 0.1
    assert found.rest.variance.degradation.low > 0.3
    ratio = 1 - np.trace(found.rest.gram) / np.trace(found.whole.gram)
    assert found.explained.value == pytest.approx(ratio, abs=1e-9)
