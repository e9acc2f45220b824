"""How close a restored image is to the truth: images (N, 3, H, W), RGB in [0, 1], one figure each.

As usual for x4, images are clipped to [0, 1] and 4 pixels at each side do not count. The figures are
over all channels, but for what a network gains on interpolation: that is given on luma, as the tables
of the field are, and so means the same for a network that sees luma alone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from ddrlib.degrade.degradation import upsample
from ddrlib.errors import DDRError
from ddrlib.measure.intervals import Interval, mean_interval
from ddrlib.zoo.image_network import LUMA

BORDER = 4


def psnr(images: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image, over all channels.

    Parameters
    ----------
    images : Tensor
        (N, C, H, W), any number of channels; clipped to [0, 1].
    truth : Tensor
        (N, C, H, W), in [0, 1]; H and W more than 8, of which 4 pixels at each side do not count.

    Returns
    -------
    Tensor
        (N,), in dB; infinite for identical images.
    """
    images, truth = _inside(images, truth)
    return -10 * (images - truth).square().mean(dim=(1, 2, 3)).log10()


def psnr_on_luma(images: Tensor, truth: Tensor) -> Tensor:
    """PSNR (N,) of each image on luma alone, in dB.

    Luma is that of ITU-R BT.601, from 0 to 1. On the narrower scale of MATLAB's `rgb2ycbcr` every PSNR is
    1.32 dB higher, and differences are the same. `images` (N, 3, H, W) and `truth` are those of `psnr`.
    """
    weights = truth.new_tensor(LUMA).view(1, 3, 1, 1)
    return psnr((images.clamp(0, 1) * weights).sum(1, True), (truth * weights).sum(1, True))


class Gain(NamedTuple):
    """What a network gains on bicubic interpolation, in dB of PSNR on luma.

    `bicubic` is the PSNR of interpolation, on average over the images, and `gain` how much more that
    of the network is, with its interval over images.
    """

    bicubic: float
    gain: Interval


def gain_on_bicubic(restored: Tensor, images: Tensor, truth: Tensor) -> Gain:
    """How much closer to the truth, on luma, restored images are than interpolated ones.

    `images` (N, 3, H, W) are of low resolution; `restored`, what a network makes of them, and
    `truth` are (N, 3, scale H, scale W). Luma is that of `psnr_on_luma`.

    DDRError for images that do not fit each other.
    """
    interpolated = upsample(images, truth.shape[-1] // images.shape[-1])
    network, bicubic = (psnr_on_luma(each, truth) for each in (restored, interpolated))
    gain = mean_interval((network - bicubic).numpy())
    return Gain(float(bicubic.mean()), gain)


def ssim(images: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity (N,), -1 to 1, of images to the truth, the mean of three channels.

    As Wang et al. have it (IEEE TIP 2004), a Gaussian window of sigma 1.5 cut off at 11 x 11
    pixels, computed by scikit-image. Images are clipped; sides are 19 or more.
    """
    pairs = (batch.float().cpu().numpy() for batch in _inside(images, truth))
    similarity = partial(
        structural_similarity,
        channel_axis=0,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return torch.tensor(list(pool.map(similarity, *pairs)))


def _inside(images: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Both, images in [0, 1], without the pixels that do not count."""
    if images.shape[1:] != truth.shape[1:] or min(truth.shape[2:]) <= 2 * BORDER:
        raise DDRError(
            f"images {tuple(images.shape)} against {tuple(truth.shape)}: they have to be equally "
            f"large, of more than {2 * BORDER} pixels a side"
        )
    inside = (..., slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    return images.clamp(0, 1)[inside], truth[inside]
