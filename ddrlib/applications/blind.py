"""Blind super-resolution: blurs and noises, and what networks make of images under them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ddrlib.degrade.degradation import Degradation, degrade
from ddrlib.degrade.steps import Blur, Noise
from ddrlib.errors import DDRError
from ddrlib.features.extraction import in_batches
from ddrlib.networks.guided import takes_truth
from ddrlib.zoo.network import Network


def blur_then_noise(blur: float, noise: float) -> Degradation:
    """Blur of this sigma in HR pixels, then noise of this sigma of 255; 0 leaves a step out.

    DDRError for a sigma out of range.
    """
    steps = (Blur, blur), (Noise, noise)
    return Degradation(tuple(kind(sigma) for kind, sigma in steps if sigma))


def blur_and_noise(degradation: Degradation) -> tuple[float, float] | None:
    """How much blur and noise a degradation is.

    Variances add: blurring by 3 and by 4 is blurring by 5 (but for the rounding of noise).

    Parameters
    ----------
    degradation
        With any number of blurs and noises.

    Returns
    -------
    (float, float) or None
        The sigmas of blur (HR pixels) and noise (of 255), 0 without; None where it has steps of
        other kinds.
    """
    if not all(isinstance(step, Blur | Noise) for step in degradation.steps):
        return None
    blur, noise = (
        math.hypot(*(step.degree for step in degradation.steps if isinstance(step, kind)))
        for kind in (Blur, Noise)
    )
    return blur, noise


def grid(blurs: Sequence[float], noises: Sequence[float]) -> list[Degradation]:
    """Every blur with every noise.

    Parameters
    ----------
    blurs
        Sigmas in HR pixels, 0 to 16.
    noises
        Sigmas of 255, 0 to 255.

    Returns
    -------
    list of Degradation
        The noises of the first blur first.

    Raises
    ------
    DDRError
        For a sigma out of range.
    """
    return [blur_then_noise(blur, noise) for blur in blurs for noise in noises]


def under_each(
    truth: Tensor, degradations: Sequence[Degradation], scale: int = 4
) -> tuple[Tensor, list[Degradation]]:
    """LR images of all photographs under each degradation in turn, and the degradation of each.

    Parameters
    ----------
    truth : Tensor
        (n, 3, H, W), RGB in [0, 1]; H and W are multiples of `scale`.
    degradations
        Any number k of them.
    scale
        Ratio of HR to LR sides.

    Returns
    -------
    lr : Tensor
        (n k, 3, H / scale, W / scale), RGB in [0, 1].
    applied : list of Degradation
        That of each image.

    Raises
    ------
    DDRError
        As `degrade` does.
    """
    lr = torch.cat([degrade(truth, degradation, scale) for degradation in degradations])
    return lr, [degradation for degradation in degradations for _ in truth]


def embed(
    network: Network,
    images: Tensor,
    degradations: Sequence[Degradation],
    device: str | torch.device = "auto",
) -> Tensor:
    """The embeddings of LR images in a guided network, as `super_resolve` takes them.

    Parameters
    ----------
    network
        A guided network.
    images : Tensor
        (N, 3, H, W), low-resolution RGB in [0, 1].
    degradations
        N, one for each image, blurs and noises alone. Given to a network that takes the truth (an
        oracle); others do not use them.
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".

    Returns
    -------
    Tensor
        (N, E), on the CPU.

    Raises
    ------
    DDRError
        Where an oracle would have to know of other steps than blur and noise.
    """

    def run(module: Any, batch: Tensor, **rows: Tensor) -> Tensor:
        return module.embed(batch, **rows)

    truth = truth_for(network.module, degradations)
    return in_batches(network, run, images, device, **truth)


def truth_for(module: nn.Module, degradations: Sequence[Degradation]) -> dict[str, Tensor]:
    """What a network that takes the truth is given with the images; nothing for any other.

    The sigmas of blur (HR pixels) and noise (of 255), (N, 2), on the module's device. DDRError for a
    degradation with other steps.
    """
    if not takes_truth(module):
        return {}
    sigmas = [blur_and_noise(degradation) for degradation in degradations]
    if None in sigmas:
        other = degradations[sigmas.index(None)]
        raise DDRError(f"degradation {other}: an oracle knows of blur and noise alone")
    return {"degradation": next(module.parameters()).new_tensor(sigmas)}
