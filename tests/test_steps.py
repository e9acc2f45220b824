"""Each kind of step, and the blur kernels, against numbers known from elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import convolve as scipy_convolve
from scipy.ndimage import gaussian_filter

from ddrlib.degrade import steps
from ddrlib.degrade.kernels import convolve, disc_kernel, gaussian_kernel, line_kernel
from ddrlib.degrade.steps import (
    Blur,
    Contrast,
    Fading,
    Impulse,
    Jpeg,
    Jpeg2000,
    Lens,
    Motion,
    Noise,
    Quantize,
)
from ddrlib.errors import DDRError


@pytest.fixture(scope="module")
def photos():
    """Six 64 x 64 photographs, 8-bit values in [0, 1]."""
    from ddrlib.data.photographs import load_patches

    return load_patches("eval", n=6, size=64).images


def apply(step, images, seed=0):
    return step(images, np.random.default_rng(seed).spawn(len(images)))


def psnr(a, b):
    return -10 * (a - b).square().mean().log10().item()


# Optics and motion


@pytest.mark.parametrize("sigma", [0.4, 1, 2.7, 4])
def test_blur_is_scipys(photos, sigma):
    expected = gaussian_filter(
        photos.double().numpy(),
        (0, 0, sigma, sigma),
        mode="mirror",
        radius=(0, 0, *[math.ceil(4 * sigma)] * 2),
    )
    np.testing.assert_allclose(apply(Blur(sigma), photos), expected, atol=1e-6)


def test_convolution_with_a_kernel_an_image(photos):
    kernels = np.random.default_rng(0).random((6, 5, 5))  # not symmetric
    got = convolve(photos, kernels)
    for image, kernel, filtered in zip(photos, kernels, got, strict=True):
        for plane, result in zip(image.double().numpy(), filtered.numpy(), strict=True):
            expected = scipy_convolve(plane, kernel, mode="mirror")
            np.testing.assert_allclose(result, expected, atol=1e-9)


def test_kernel_larger_than_the_image():
    flat = torch.full((1, 3, 8, 8), 0.25)
    torch.testing.assert_close(apply(Blur(16), flat), flat.double())
    torch.testing.assert_close(apply(Motion(64), flat), flat.double())


@pytest.mark.parametrize("kind", [Blur(0), Lens(0), Motion(1), Noise(0), Impulse(0), Contrast(1)])
def test_degrees_that_change_nothing(photos, kind):
    torch.testing.assert_close(apply(kind, photos).float(), photos, atol=1e-6, rtol=0)


@given(st.floats(1, 64), st.floats(0, math.pi))
def test_line_kernel(length, angle):
    kernel = line_kernel(length, angle)
    assert kernel.sum() == pytest.approx(1) and kernel.min() >= 0
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=2 / 64)  # no direction
    offset = np.arange(len(kernel)) - len(kernel) // 2
    along = offset * math.cos(angle) + offset[:, None] * math.sin(angle)
    across = offset * math.sin(angle) - offset[:, None] * math.cos(angle)
    # Along itself a line has the standard deviation L / sqrt 12, across it none; counting a point
    # at the centre of its pixel moves it by sqrt(1/2) at most.
    assert (kernel * along**2).sum() ** 0.5 == pytest.approx(length / math.sqrt(12), abs=0.71)
    assert (kernel * across**2).sum() ** 0.5 < 0.71


def test_line_kernel_by_hand():
    np.testing.assert_allclose(line_kernel(3, 0), np.outer([0, 1, 0], [1, 1, 1]) / 3, atol=0.01)
    np.testing.assert_allclose(
        line_kernel(2, math.pi / 2), np.outer([0.25, 0.5, 0.25], [0, 1, 0]), atol=0.01
    )


def test_motion_has_a_direction_of_its_own_in_each_image():
    point = torch.zeros(2, 3, 65, 65)
    point[..., 32, 32] = 1
    traces = apply(Motion(21), point)
    assert (traces[0] - traces[1]).abs().max() > 0.01
    torch.testing.assert_close(traces.sum((2, 3)), torch.ones(2, 3, dtype=torch.float64))
    assert torch.equal(traces[:, 0], traces[:, 2])  # the same in R, G and B


@pytest.mark.parametrize("radius", [1.5, 3, 7.25])
def test_disc_kernel(radius):
    kernel = disc_kernel(radius)
    assert kernel.sum() == pytest.approx(1)
    assert 1 / kernel.max() == pytest.approx(math.pi * radius**2, rel=0.05)  # its area
    offset = np.arange(len(kernel)) - len(kernel) // 2
    assert (kernel * offset**2).sum() == pytest.approx(radius**2 / 4, rel=0.1)  # of a disc


def test_gaussian_kernel():
    kernel = gaussian_kernel(2)
    assert kernel.shape == (17, 17) and kernel.sum() == pytest.approx(1)
    assert kernel[8, 10] / kernel[8, 8] == pytest.approx(math.exp(-0.5))


# The sensor


def test_noise_has_its_sd_and_is_white():
    grain = apply(Noise(20), torch.full((4, 3, 64, 64), 0.5)) - 0.5
    # 49,152 values: the sd's own standard error is 0.3 %, the mean's 20/255/222
    assert grain.std().item() == pytest.approx(20 / 255, rel=0.015)
    assert abs(grain.mean().item()) < 4 * 20 / 255 / 222
    assert grain.max() > 3.5 * 20 / 255 and grain.abs().max() < 6 * 20 / 255
    neighbours, colours = (grain[..., 1:], grain[..., :-1]), (grain[:, 0], grain[:, 1])
    for a, b in (neighbours, colours, (grain[0], grain[1])):
        assert abs(np.corrcoef(a.flatten(), b.flatten())[0, 1]) < 0.04


@pytest.mark.parametrize("percent", [5, 40, 100])
def test_impulse_fraction(percent):
    y = apply(Impulse(percent), torch.full((4, 3, 64, 64), 0.5))
    for value in (0, 1):
        share = (y == value).float().mean().item()
        error = math.sqrt(percent / 200 * (1 - percent / 200) / y.numel())
        assert share == pytest.approx(percent / 200, abs=4 * error)
    assert ((y == 0) | (y == 1) | (y == 0.5)).all()
    assert not torch.equal(y[:, 0], y[:, 1])


def test_contrast(photos):
    half, double = apply(Contrast(0.5), photos), apply(Contrast(2), photos)
    for y, factor in ((half, 0.5), (double, 2)):
        torch.testing.assert_close(y.mean((1, 2, 3)), photos.mean((1, 2, 3)))
        torch.testing.assert_close(y.flatten(1).std(1), factor * photos.flatten(1).std(1))


def test_quantize_keeps_so_many_colours(photos):
    few, many = (apply(Quantize(colors), photos) for colors in (4, 64))
    for image in few:
        assert len(torch.unique(image.flatten(1), dim=1).T) == 4
    assert psnr(photos, many) > psnr(photos, few) + 5


# Encoding and transmission


def test_jpeg_quality(photos):
    values = [psnr(photos, apply(Jpeg(quality), photos)) for quality in (5, 30, 90)]
    assert values == sorted(values) and values[0] < 25 and values[2] > 30


@pytest.mark.parametrize("ratio", [2, 10, 40])
def test_jpeg2000_ratio_counts_the_packets(photos, ratio):
    (image,) = photos[:1].mul(255).byte().permute(0, 2, 3, 1).numpy()
    stream = steps._encode_jpeg2000(Image.fromarray(image), ratio)
    packets = len(stream) - stream.index(b"\xff\x93") - 4  # the marker, and the end mark
    assert packets == pytest.approx(image.size / ratio, rel=0.12)


def test_jpeg2000_is_monotone(photos):
    values = [psnr(photos, apply(Jpeg2000(ratio), photos)) for ratio in (2, 8, 32)]
    assert values == sorted(values, reverse=True) and values[0] > 35


def test_fading(photos):
    untouched = apply(Fading(0), photos)
    assert torch.equal(untouched, apply(Jpeg2000(4), photos))
    values = [psnr(photos, apply(Fading(rate), photos)) for rate in (0, 0.3, 2, 20)]
    assert values == sorted(values, reverse=True) and values[0] > values[3] + 10


def test_fading_flips_the_bits_it_says_and_none_in_the_headers(photos, monkeypatch):
    received = []
    decode = steps._decode
    monkeypatch.setattr(
        steps, "_decode", lambda data: received.append(data) or Image.new("RGB", (64, 64))
    )
    apply(Fading(0), photos)
    apply(Fading(10), photos)
    sent, damaged = received[:6], received[6:]
    flips = bits = 0
    for before, after in zip(sent, damaged, strict=True):
        start = before.index(b"\xff\x93") + 2
        assert before[:start] == after[:start] and before[-2:] == after[-2:] == b"\xff\xd9"
        a, b = (np.unpackbits(np.frombuffer(x[start:-2], np.uint8)) for x in (before, after))
        flips, bits = flips + (a != b).sum(), bits + a.size
    assert flips / bits == pytest.approx(0.01, abs=4 * math.sqrt(0.01 / bits))
    assert decode(sent[0]).size == (64, 64)


def test_fading_draws_anew_what_does_not_decode(photos, monkeypatch):
    decode, calls = steps._decode, []

    def fails_twice(data):
        calls.append(data)
        if len(calls) < 3:
            raise OSError("broken data stream")
        return decode(data)

    monkeypatch.setattr(steps, "_decode", fails_twice)
    apply(Fading(0.1), photos[:1])
    assert len(calls) == 3 and len(set(calls)) == 3
    monkeypatch.setattr(steps, "_decode", lambda data: (_ for _ in ()).throw(OSError()))
    with pytest.raises(DDRError, match="'fading0.1': no image could be decoded"):
        apply(Fading(0.1), photos[:1])
