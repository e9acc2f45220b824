"""From high resolution to degraded low resolution: degradations as values and as text.

    HR image
      -> HR-side steps, such as blur4
      -> antialiased bicubic x1/4
      -> LR-side steps, such as noise20, jpeg30
      -> LR image

A low-resolution image is 8-bit at every stage, as files are: after the downsampling and after each
LR-side step it is clamped to [0, 1] and rounded to a multiple of 1/255.

What is random is drawn, image by image, from a generator seeded by (seed, text of the
degradation, pixels of the HR image). It depends neither on the other images of the batch nor on
the device.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ddrlib.degrade.steps import KINDS, Step
from ddrlib.errors import DDRError


@dataclass(frozen=True)
class Degradation:
    """Steps in the order in which they act: all on the HR side, then all on the LR side.

    A value: equal degradations are equal and hashable, and `parse(str(d)) == d`. Without steps it
    is `clean`: bicubic downsampling alone.

    Parameters
    ----------
    steps
        Instances of the kinds in `ddrlib.degrade.steps`; none for `clean`.

    Raises
    ------
    DDRError
        Where an HR-side step follows an LR-side one.
    """

    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        for before, after in pairwise(self.steps):
            if (before.side, after.side) == ("lr", "hr"):
                raise DDRError(
                    f"degradation '{self}': {after} acts before the downsampling, {before} after "
                    f"it; put {after} first"
                )

    def __str__(self) -> str:
        return "+".join(map(str, self.steps)) or "clean"


clean = Degradation()

BLOCK = 64  # images degraded at a time: bounds the memory


def parse(text: str | Degradation) -> Degradation:
    """Read a degradation from its text: "clean", or steps like "blur2+noise10+jpeg50".

    Parameters
    ----------
    text
        Steps joined by +, each a name and a degree. The names are the keys of
        `ddrlib.degrade.steps.KINDS`: blur, lens, motion on the HR side; noise, impulse, contrast,
        quantize, jpeg, jp2k (JPEG 2000), fading on the LR side. Case and spaces do not matter. A
        `Degradation` is returned as it is.

    Returns
    -------
    Degradation
        Whose `str` is the canonical text.

    Raises
    ------
    DDRError
        Where a step is unknown, its degree out of range, or an HR-side step follows an LR-side one.
    """
    if isinstance(text, Degradation):
        return text
    compact = re.sub(r"\s", "", text).lower()
    if compact == "clean":
        return clean
    return Degradation(tuple(_parse_step(step, text) for step in compact.split("+")))


def _parse_step(step: str, text: str) -> Step:
    name = step.rstrip("0123456789.").removesuffix("-")
    degree = step.removeprefix(name)
    if name not in KINDS:
        near = get_close_matches(name, ["clean", *KINDS], 1)
        hint = f"did you mean {near[0]}? " if near else ""
        kinds = ", ".join(f"{kind.name} {kind.low:g}..{kind.high:g}" for kind in KINDS.values())
        raise DDRError(
            f"degradation {text!r}: no step is called {name!r}; {hint}there are clean (alone) and, "
            f"joined by +, {kinds}"
        )
    kind: Any = KINDS[name]
    try:
        return kind(float(degree))
    except ValueError:
        raise DDRError(f"degradation {text!r}: {name} takes {kind.span()}") from None


def degrade(hr: Tensor, degradation: str | Degradation, scale: int = 4, seed: int = 0) -> Tensor:
    """Degrade HR images into LR images.

    Parameters
    ----------
    hr : Tensor
        (N, 3, H, W), floating-point RGB in [0, 1]; H and W are multiples of `scale`.
    degradation
        A degradation or its text, which `parse` reads.
    scale
        Ratio of HR to LR sides; 1 leaves the images at their size.
    seed
        Seed of what is random. An image gets the same noise in every batch and on every device.

    Returns
    -------
    Tensor
        (N, 3, H / scale, W / scale), float32 multiples of 1/255 in [0, 1], on the device of `hr`.

    Raises
    ------
    DDRError
        For images of another shape, type or range, sides that are no multiples of `scale`, and a
        degradation that `parse` refuses.
    """
    if hr.ndim != 4 or hr.shape[1] != 3 or not hr.is_floating_point() or not len(hr):
        raise DDRError(
            f"images of shape {tuple(hr.shape)}, {hr.dtype}: degrade takes (N, 3, H, W) in [0, 1]"
        )
    low, high = float(hr.min()), float(hr.max())
    if not (low >= 0 and high <= 1):  # so are values that are not numbers
        raise DDRError(
            f"images with values from {low:g} to {high:g}: degrade takes RGB in [0, 1]; divide those "
            "of 8 bits by 255"
        )
    parsed = parse(degradation)
    return torch.cat([_degrade(block, parsed, scale, seed) for block in hr.split(BLOCK)])


def _degrade(hr: Tensor, degradation: Degradation, scale: int, seed: int) -> Tensor:
    rngs = [_generator(seed, degradation, image) for image in hr]
    # In float64 up to the rounding, so that no value near k + 1/2 rounds this way on one device, or
    # in one batch, and that way in another.
    images = hr.double()
    for step in degradation.steps:
        if step.side == "hr":
            images = step(images, rngs)
    images = _to_8_bit(downsample(images, scale))
    for step in degradation.steps:
        if step.side == "lr":
            images = _to_8_bit(step(images, rngs))
    return images.float()


def downsample(images: Tensor, scale: int = 4) -> Tensor:
    """Reduce images by antialiased bicubic interpolation, not rounded.

    As Pillow's and MATLAB's `imresize` (Keys, IEEE TASSP 1981, with a = -0.5, the kernel widened by
    `scale`); at the borders the weights that fall outside the image are left out, as in Pillow,
    where MATLAB mirrors.

    Parameters
    ----------
    images : Tensor
        (N, C, H, W), in [0, 1].
    scale
        How many times smaller they become.

    Returns
    -------
    Tensor
        (N, C, H / scale, W / scale), in [0, 1].

    Raises
    ------
    DDRError
        For sides that are no multiples of `scale`.
    """
    height, width = images.shape[-2:]
    if scale < 1 or height % scale or width % scale:
        raise DDRError(f"images of {width} x {height}: the sides must be multiples of {scale}")
    return _bicubic(images, (height // scale, width // scale))


def upsample(images: Tensor, scale: int = 4) -> Tensor:
    """Enlarge images by bicubic interpolation, clamped to [0, 1].

    As Pillow does it (Keys, IEEE TASSP 1981, with a = -0.5).

    Parameters
    ----------
    images : Tensor
        (N, C, H, W), in [0, 1].
    scale
        Ratio of the sides after and before.

    Returns
    -------
    Tensor
        (N, C, scale H, scale W), not rounded.
    """
    height, width = images.shape[-2:]
    return _bicubic(images, (height * scale, width * scale))


def _bicubic(images: Tensor, size: tuple[int, int]) -> Tensor:
    # Without antialias=True PyTorch takes a = -0.75, which is unusual.
    return F.interpolate(images, size, mode="bicubic", antialias=True).clamp(0, 1)


def _to_8_bit(images: Tensor) -> Tensor:
    # Half a level goes up; the 1e-6 keeps exact halves (means of two neighbours) off the edge.
    return images.clamp(0, 1).mul(255).add(0.5 + 1e-6).floor().div(255)


def _generator(seed: int, degradation: Degradation, image: Tensor) -> np.random.Generator:
    pixels = np.ascontiguousarray(image.detach().cpu().numpy())
    key = hashlib.sha256(f"{seed} {degradation} {pixels.shape}".encode())
    key.update(pixels.data)
    return np.random.default_rng(int.from_bytes(key.digest()))
