"""bfloat16 is used where it makes no difference, and nowhere else."""

import numpy as np
import pytest
import torch
from torch import nn

from ddrlib import machine
from ddrlib.data.photographs import load_patches
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError
from ddrlib.features import precision
from ddrlib.features.extraction import extract
from ddrlib.features.grams import layer_grams
from ddrlib.measure.layer import embedded_each, layers_of
from ddrlib.zoo.loading import Network, load_network

CPU = torch.device("cpu")


@pytest.fixture
def able(monkeypatch, tmp_path):
    """A machine that computes in bfloat16, whether or not this one does."""
    monkeypatch.setenv("DDR_PRECISION", "auto")
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})


def toy(offset: float) -> Network:
    """One convolution whose features lie about `offset`, far from 0 where that is large."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1))
    nn.init.constant_(module[0].bias, offset)
    layers = {"conv": "0"}
    return Network("toy", module.eval(), 1, layers, lambda x: x, "sr", {"sha256": "0" * 64})


def chosen(network: Network, images: torch.Tensor) -> torch.dtype:
    return precision.precision(network, images, network.layers, CPU)


def test_a_network_that_minds_rounding_is_run_in_float32(able):
    images = torch.rand(64, 3, 8, 8)
    assert chosen(toy(0), images) is torch.bfloat16
    assert chosen(toy(1000), images) is torch.float32  # steps of 4 between its numbers


def test_few_images_a_setting_and_a_plain_processor_mean_float32(able, monkeypatch):
    images = torch.rand(64, 3, 8, 8)
    assert chosen(toy(0), images[1:]) is torch.float32
    monkeypatch.setenv("DDR_PRECISION", "float32")
    assert chosen(toy(0), images) is torch.float32
    monkeypatch.setenv("DDR_PRECISION", "auto")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    assert chosen(toy(0), images) is torch.float32


def test_a_wrong_setting_is_named(monkeypatch):
    monkeypatch.setenv("DDR_PRECISION", "half")
    with pytest.raises(DDRError, match="'half'; set it to auto or float32"):
        machine.bfloat16_allowed(CPU)


def test_a_network_that_fails_in_bfloat16_is_run_in_float32(able):
    class Picky(nn.Conv2d):
        def forward(self, x):
            if torch.is_autocast_enabled("cpu"):
                raise RuntimeError
            return super().forward(x)

    network = Network("picky", Picky(3, 2, 1), 1, {"out": ""}, lambda x: x, "sr", {"sha256": "0"})
    assert extract(network, torch.rand(64, 3, 4, 4), device="cpu")["out"].shape == (64, 32)


def test_what_bfloat16_gives_is_not_taken_for_what_float32_gives(able, monkeypatch):
    images = torch.rand(64, 3, 8, 8)
    (rounded,) = layer_grams(toy(0), images, device="cpu").values()
    monkeypatch.setenv("DDR_PRECISION", "float32")
    (exact,) = layer_grams(toy(0), images, device="cpu").values()
    difference = np.linalg.norm(rounded.gram - exact.gram) / np.linalg.norm(exact.gram)
    assert 1e-6 < difference < 1e-2


def test_figures_agree_within_their_intervals(able, monkeypatch):
    """By far: bfloat16 moves no figure by a tenth of what the choice of photographs does."""
    samples = Samples.of(load_patches("eval", 24, 64), ["clean", "blur4", "noise20"])
    network = load_network("srresnet-wgr-reduced-s0")
    layers = ["RB4", "RB8"]
    assert chosen(network, samples.images) is torch.bfloat16
    rounded = list(embedded_each(layers_of(network, samples, layers, "cpu"), 5))
    monkeypatch.setenv("DDR_PRECISION", "float32")
    exact = list(embedded_each(layers_of(network, samples, layers, "cpu"), 5))
    for ours, theirs in zip(rounded, exact, strict=True):
        assert not np.array_equal(ours.gram, theirs.gram)
        for name, wanted in theirs.intervals().items():
            found = ours.intervals()[name]
            # t-SNE finds another optimum now and then: its figures keep to the interval.
            share = 1 if name.startswith("chi") else 0.1
            assert abs(found.value - wanted.value) < share * (wanted.high - wanted.low) / 2, name
