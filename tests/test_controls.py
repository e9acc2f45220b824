"""The controls: by hand, and against what a referee measured on the same samples."""

import numpy as np
import pytest
import torch

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.samples import Samples
from ddrlib.measure.controls import controls, high_pass
from ddrlib.measure.embedded import embedded_each

torch.set_num_threads(1)

# CHI by degradation and by content, variance components of degradation and content.
PUBLISHED = {
    "pixels": (0.0003, 13_700, 0.000, 0.948),
    "high-pass": (409, 0.37, 0.346, 0.209),
    "BRISQUE": (477, 0.19, 0.450, 0.369),
}


@pytest.fixture(scope="module")
def measured():
    samples = Samples.of(load_patches("eval", 100, 128), ("clean", "blur4", "noise20"))
    return {layer.name: layer for layer in embedded_each(controls(samples), seeds=2)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_figures(measured, name):
    layer = measured[name]
    by_degradation, by_content, degradation, content = PUBLISHED[name]
    variance = layer.variance
    assert variance.degradation.value == pytest.approx(degradation, abs=0.001)
    assert variance.content.value == pytest.approx(content, abs=0.001)
    # t-SNE differs with machines and versions: within a quarter, or 0.15 where there are no groups.
    assert layer.chi_degradation.mean == pytest.approx(by_degradation, rel=0.25, abs=0.15)
    assert layer.chi_content.mean == pytest.approx(by_content, rel=0.25, abs=0.15)


def test_all_controls_are_measured_in_their_order(measured):
    assert list(measured) == list(PUBLISHED)
    assert [layer.dim for layer in measured.values()] == [3 * 32 * 32, 3 * 32 * 32, 36]


def test_high_pass_of_a_point_a_ramp_and_the_border():
    point = torch.zeros(1, 3, 5, 5)
    point[0, 1, 2, 2] = 9
    wanted = np.zeros((3, 5, 5))
    wanted[1, 1:4, 1:4] = 1
    wanted[1, 2, 2] = 8
    np.testing.assert_allclose(high_pass(point).reshape(3, 5, 5), wanted, atol=1e-6)
    # A ramp is its own mean but at its ends, which the reflection bends: there |0 - 2 / 3|.
    ramp = torch.arange(6.0).expand(1, 3, 4, 6)
    wanted = np.broadcast_to([2 / 3, 0, 0, 0, 0, 2 / 3], (3, 4, 6))
    np.testing.assert_allclose(high_pass(ramp).reshape(3, 4, 6), wanted, atol=1e-6)


def test_high_pass_loses_the_brightness_and_keeps_the_strength():
    images = torch.rand(2, 3, 8, 8)
    np.testing.assert_allclose(high_pass(images + 0.5), high_pass(images), atol=1e-6)
    np.testing.assert_allclose(high_pass(-2 * images), 2 * high_pass(images), atol=1e-6)


def test_brisque_is_standardised(measured):
    gram = measured["BRISQUE"].gram
    assert np.trace(gram) == pytest.approx(36 * len(gram))  # of a sample, each has 1 on average
