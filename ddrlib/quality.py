"""How close a restored image is to the truth."""

from __future__ import annotations

from torch import Tensor


def psnr(images: Tensor, truth: Tensor, border: int = 4) -> Tensor:
    """Peak signal-to-noise ratio in dB (N,) of RGB images (N, 3, H, W) in [0, 1].

    Over all channels, after clipping, without `border` pixels at each side, as usual for x4.
    Identical images give infinity.
    """
    inner = (..., slice(border, -border), slice(border, -border))
    error = (images.clamp(0, 1)[inner] - truth[inner]).square().mean(dim=(1, 2, 3))
    return -10 * error.log10()
