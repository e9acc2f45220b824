"""PSNR and SSIM against scikit-image, by hand, and on what is known of them."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import correlate1d
from skimage.metrics import peak_signal_noise_ratio

from ddrlib.degrade.degradation import upsample
from ddrlib.errors import DDRError
from ddrlib.measure.fidelity import gain_on_bicubic, psnr, ssim


def test_psnr_agrees_with_scikit_image_inside_the_border():
    generator = torch.Generator().manual_seed(0)
    truth, images = torch.rand(2, 3, 3, 20, 24, generator=generator)
    expected = [
        peak_signal_noise_ratio(t[:, 4:-4, 4:-4].numpy(), i[:, 4:-4, 4:-4].numpy(), data_range=1)
        for t, i in zip(truth, images, strict=True)
    ]
    assert psnr(images, truth).tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("measure", [psnr, ssim])
@pytest.mark.parametrize("other", [(1, 3, 24, 20), (1, 1, 20, 24), (1, 3, 8, 8)])
def test_images_that_cannot_be_compared(measure, other):
    shape = (1, 3, 8, 8) if other[-1] == 8 else (1, 3, 20, 24)
    with pytest.raises(DDRError, match="equally large, of more than 8 pixels"):
        measure(torch.zeros(shape), torch.zeros(other))


def test_psnr_by_hand_and_at_the_edges():
    black = torch.zeros(1, 3, 12, 12)
    assert psnr(black + 0.1, black).item() == pytest.approx(20, abs=1e-4)
    assert psnr(black - 7, black).item() == math.inf  # clipped to black
    spoiled = black.clone()
    spoiled[..., :4, :] = 1  # within the border
    assert psnr(spoiled, black).item() == math.inf


def grey(image):
    """Luma (H, W) of an image (3, H, W), float64, by the weights of BT.601 written out."""
    red, green, blue = image.double().numpy()
    return 0.299 * red + 0.587 * green + 0.114 * blue


def decibel(image, truth):
    inside = (slice(4, -4),) * 2
    return -10 * np.log10(np.mean((np.clip(image, 0, 1)[inside] - truth[inside]) ** 2))


def by_pillow(image, scale):
    """Pillow's bicubic interpolation, a = -0.5, channel by channel."""
    channels = [Image.fromarray(channel) for channel in image.numpy()]
    size = (scale * image.shape[2], scale * image.shape[1])
    large = [np.asarray(each.resize(size, Image.Resampling.BICUBIC)) for each in channels]
    return torch.from_numpy(np.clip(np.stack(large), 0, 1))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_gain_is_on_pillow_s_bicubic_and_on_luma(scale):
    rng = torch.Generator().manual_seed(scale)
    images = torch.rand(3, 3, 10, 12, generator=rng)
    truth, noise = torch.rand(2, 3, 3, 10 * scale, 12 * scale, generator=rng)
    restored = 1.3 * (0.8 * truth + 0.2 * noise)  # some of it beyond white
    found = gain_on_bicubic(restored, images, truth)
    bicubic = [
        decibel(grey(by_pillow(image, scale)), grey(t))
        for image, t in zip(images, truth, strict=True)
    ]
    network = [
        decibel(grey(image.clamp(0, 1)), grey(t)) for image, t in zip(restored, truth, strict=True)
    ]
    assert found.bicubic == pytest.approx(np.mean(bicubic), abs=1e-3)
    assert found.gain.value == pytest.approx(np.mean(np.subtract(network, bicubic)), abs=1e-3)
    assert found.gain.n == 3 and found.gain.low < found.gain.value < found.gain.high
    none = gain_on_bicubic(upsample(images, scale), images, truth).gain
    assert none[:3] == (0, 0, 0)
    other = torch.nn.functional.interpolate(images, scale_factor=scale, mode="bicubic")  # a = -0.75
    assert abs(gain_on_bicubic(other, images, truth).gain.value) > 0.05


def ssim_by_definition(x, y):
    """Equation 13 of Wang et al. 2004, where the 11 x 11 window lies whole within the image."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-0.5 * (offsets / 1.5) ** 2)
    weights /= weights.sum()

    def mean(image):
        filtered = correlate1d(correlate1d(image, weights, axis=0), weights, axis=1)
        return filtered[5:-5, 5:-5]

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    return np.mean((2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))


def test_ssim_is_that_of_its_definition():
    generator = torch.Generator().manual_seed(1)
    truth = torch.rand(2, 3, 26, 31, generator=generator)
    images = (truth + 0.2 * torch.randn(truth.shape, generator=generator)).clamp(0, 1)
    expected = [
        np.mean(
            [ssim_by_definition(x[4:-4, 4:-4], y[4:-4, 4:-4]) for x, y in zip(i, t, strict=True)]
        )
        for i, t in zip(images.double().numpy(), truth.double().numpy(), strict=True)
    ]
    assert ssim(images, truth).tolist() == pytest.approx(expected, abs=1e-4)


def test_ssim_sees_neither_the_border_nor_what_is_clipped():
    truth = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(2)).round()
    images = truth * 3 - 1  # 0 and 1 become -1 and 2
    images[..., :4] = 0.5
    assert ssim(images, truth).item() == pytest.approx(1)
    assert ssim(1 - truth, truth).item() < 0
