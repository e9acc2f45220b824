"""PSNR against scikit-image and by hand."""

import math

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from ddrlib.quality import psnr


def test_agrees_with_scikit_image_inside_the_border():
    generator = torch.Generator().manual_seed(0)
    truth, images = torch.rand(2, 3, 3, 20, 24, generator=generator)
    expected = [
        peak_signal_noise_ratio(t[:, 4:-4, 4:-4].numpy(), i[:, 4:-4, 4:-4].numpy(), data_range=1)
        for t, i in zip(truth, images, strict=True)
    ]
    assert psnr(images, truth).tolist() == pytest.approx(expected, abs=1e-4)


def test_by_hand_and_at_the_edges():
    black = torch.zeros(1, 3, 12, 12)
    assert psnr(black + 0.1, black).item() == pytest.approx(20, abs=1e-4)
    assert psnr(black - 7, black).item() == math.inf  # clipped to black
    spoiled = black.clone()
    spoiled[..., :4, :] = 1  # within the border
    assert psnr(spoiled, black).item() == math.inf
