"""Statistics of pixels, with no network: BRISQUE's features of natural scenes, and gradients.

What deep features have to beat. Each function maps images (N, 3, H, W), RGB in [0, 1], to (N, d).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import gamma
from torch import Tensor

from ddrlib.degrade.kernels import convolve, gaussian_kernel
from ddrlib.measure.ggd import shape_of
from ddrlib.zoo.image_network import LUMA

TINY = 1e-9  # keeps flat images, which have no statistics, from dividing by zero
STEP = 1e-4  # far below a grey level, 1/255: keeps their logarithms finite


def brisque(images: Tensor) -> np.ndarray:
    """The 36 features of BRISQUE (Mittal, Moorthy, Bovik, IEEE TIP 2012, table I).

    At full and half size: shape and variance of a generalised Gaussian fitted to the normalised
    luminance; shape, mean, left and right variance of an asymmetric one fitted to the products of
    neighbours across, down and along both diagonals.
    """
    weights = torch.tensor(LUMA).view(3, 1, 1).to(images)
    grey = 255 * (images * weights).sum(dim=1, keepdim=True)
    half = F.interpolate(grey, scale_factor=0.5, mode="bicubic", antialias=True)
    return np.concatenate([_scene_statistics(mscn(scale)) for scale in (grey, half)], axis=1)


def mscn(grey: Tensor) -> np.ndarray:
    """Mean-subtracted, contrast-normalised luminance (N, H, W) of grey (N, 1, H, W), 0 to 255.

    (x - mean) / (deviation + 1), both local: in a Gaussian window of 7 x 7 with sigma 7/6; borders
    are reflected.
    """
    window = gaussian_kernel(7 / 6)[2:-2, 2:-2]
    window = window[None] / window.sum()
    mean = convolve(grey, window)
    variance = convolve(grey**2, window) - mean**2
    return ((grey - mean) / (variance.clamp(min=0).sqrt() + 1))[:, 0].cpu().numpy()


def _scene_statistics(x: np.ndarray) -> np.ndarray:
    """The 18 features of one scale from its MSCN (N, H, W)."""
    neighbours = (
        x[:, :, :-1] * x[:, :, 1:],
        x[:, :-1] * x[:, 1:],
        x[:, :-1, :-1] * x[:, 1:, 1:],
        x[:, :-1, 1:] * x[:, 1:, :-1],
    )
    variance = (x**2).mean(axis=(1, 2))
    deviation = np.abs(x).mean(axis=(1, 2))
    shape = shape_of((variance + TINY) / (deviation**2 + TINY))
    return np.column_stack([shape, variance, *(fit_aggd(products) for products in neighbours)])


def fit_aggd(x: np.ndarray) -> np.ndarray:
    """Asymmetric generalised Gaussians fitted by moments to the values of each x[i], as (N, 4).

    Shape, mean, left variance E [x^2 | x < 0], right variance E [x^2 | x > 0] (Lasmar et al., ICIP
    2009).
    """
    x = x.reshape(len(x), -1)
    left, right = (
        (np.where(side, x, 0) ** 2).sum(axis=1) / np.maximum(side.sum(axis=1), 1) + TINY
        for side in (x < 0, x > 0)
    )
    skew = np.sqrt(left / right)
    ratio = ((x**2).mean(axis=1) + TINY) / (np.abs(x).mean(axis=1) ** 2 + TINY)
    shape = shape_of(ratio * (skew**2 + 1) ** 2 / ((skew**3 + 1) * (skew + 1)))
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    mean = (np.sqrt(right) - np.sqrt(left)) * scale * gamma(2 / shape) / gamma(1 / shape)
    return np.column_stack([shape, mean, left, right])


def gradient_statistics(images: Tensor) -> np.ndarray:
    """24 statistics (N, 24) of the raw pixels' differences to their neighbours, across and down.

    Of each colour and direction: mean absolute value, standard deviation and kurtosis as
    logarithms, and the skewness.
    """
    return np.concatenate([_moments(torch.diff(images, dim=dim)) for dim in (2, 3)], axis=1)


def _moments(differences: Tensor) -> np.ndarray:
    x = differences.flatten(2).double()  # (N, 3, pixels)
    deviation = x.std(dim=2, correction=0) + STEP
    z = (x - x.mean(dim=2, keepdim=True)) / deviation[..., None]
    positive = x.abs().mean(dim=2) + STEP, deviation, (z**4).mean(dim=2) + STEP
    return torch.cat([*map(torch.log, positive), (z**3).mean(dim=2)], dim=1).cpu().numpy()
