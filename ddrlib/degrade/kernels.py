"""Blur kernels, and filtering with them."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian_kernel(sigma: float) -> np.ndarray:
    """Gaussian weights (k, k) of standard deviation `sigma` in pixels, out to ceil(4 sigma), sum 1."""
    radius = math.ceil(4 * sigma)
    offset = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offset / sigma) ** 2) if radius else np.ones(1)
    return np.outer(weights, weights) / weights.sum() ** 2


def disc_kernel(radius: float) -> np.ndarray:
    """A disc (k, k) of `radius` pixels whose rim pixels count by how far they lie inside, sum 1."""
    reach = math.ceil(radius)
    offset = np.arange(-reach, reach + 1)
    weights = np.clip(radius + 0.5 - np.hypot(offset, offset[:, None]), 0, 1)
    return weights / weights.sum()


def line_kernel(length: float, angle: float) -> np.ndarray:
    """A line through the centre (k, k), sum 1: each pixel's share of its `length` in pixels.

    `angle` is in radians; 0 is horizontal.
    """
    reach = math.ceil((length - 1) / 2)
    points = 64 * math.ceil(length)
    along = ((np.arange(points) + 0.5) / points - 0.5) * length
    rows, columns = (np.rint(along * f(angle)).astype(int) + reach for f in (np.sin, np.cos))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    np.add.at(kernel, (rows, columns), 1 / points)
    return kernel


def convolve(images: Tensor, kernels: np.ndarray) -> Tensor:
    """Images (N, C, H, W) filtered by one kernel (1, k, k) or one each (N, k, k), k odd, sum 1.

    Borders are reflected; a kernel that reaches farther than the reflection does is cut there.
    """
    height, width = images.shape[-2:]
    excess = max(kernels.shape[-1] // 2 - (min(height, width) - 1), 0)
    if excess:
        kernels = kernels[:, excess:-excess, excess:-excess]
        kernels = kernels / kernels.sum(axis=(1, 2), keepdims=True)
    reach = kernels.shape[-1] // 2
    # In float64, by FFT: time does not grow with the kernel, and every device rounds alike.
    padded = F.pad(images.double(), [reach] * 4, mode="reflect")
    size = padded.shape[-2:]
    response = torch.fft.rfft2(torch.from_numpy(kernels).to(padded), s=size)[:, None]
    filtered = torch.fft.irfft2(torch.fft.rfft2(padded) * response, s=size)
    return filtered[..., 2 * reach :, 2 * reach :]  # before that, the far border has come round
