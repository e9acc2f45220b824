"""The steps of a degradation, as values: what is done to an image, and how much of it.

Each kind is a frozen dataclass of one number, its degree, in the unit that its docstring gives.
`side` says where it acts: "hr" before the downsampling (optics and motion, in HR pixels), "lr"
after it (sensor, encoding and transmission, on the image that a network gets). Called, it maps
images (N, 3, H, W), RGB in [0, 1], to images of the same shape on the same device; what is random
it draws from N generators, one for each image. LR-side kinds are given 8-bit images (multiples of
1/255); `ddrlib.degrade` clamps and rounds what they return. A subclass enters `KINDS` by itself.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ddrlib.degrade.kernels import convolve, disc_kernel, gaussian_kernel, line_kernel
from ddrlib.errors import DDRError

Rngs = Sequence[np.random.Generator]

KINDS: dict[str, type[Step]] = {}


@dataclass(frozen=True)
class Step:
    """A kind of step and its degree, in [low, high]; `str` gives its text, like "blur4".

    DDRError for a degree out of range, or one with a fraction where the kind takes whole numbers.
    """

    name: ClassVar[str]
    side: ClassVar[str]
    low: ClassVar[float]
    high: ClassVar[float]
    whole: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        KINDS[cls.name] = cls

    def __post_init__(self) -> None:
        degree = float(self.degree)
        if not self.low <= degree <= self.high or (self.whole and degree % 1):
            raise DDRError(f"degradation '{self.name}{degree:g}': {self.name} takes {self.span()}")
        value = int(degree) if self.whole else degree + 0.0  # -0.0 + 0.0 is 0.0
        object.__setattr__(self, fields(self)[0].name, value)

    def __str__(self) -> str:
        return self.name + np.format_float_positional(self.degree, trim="-")

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        raise NotImplementedError

    @property
    def degree(self) -> float:
        """The one number, under the name that all kinds share."""
        return getattr(self, fields(self)[0].name)

    @classmethod
    def span(cls) -> str:
        """The degrees allowed, in words."""
        return f"a {'whole ' if cls.whole else ''}number from {cls.low:g} to {cls.high:g}"


# Optics and motion, on the HR side


@dataclass(frozen=True)
class Blur(Step):
    """Gaussian blur, HR side: `sigma` in HR pixels, 0 to 16; the kernel reaches 4 sigma."""

    sigma: float
    name, side, low, high = "blur", "hr", 0, 16

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        return convolve(images, gaussian_kernel(self.sigma)[None])


@dataclass(frozen=True)
class Lens(Step):
    """Out of focus, HR side: a disc of `radius` HR pixels, 0 to 16."""

    radius: float
    name, side, low, high = "lens", "hr", 0, 16

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        return convolve(images, disc_kernel(self.radius)[None])


@dataclass(frozen=True)
class Motion(Step):
    """Camera shake, HR side: a line of `length` HR pixels, 1 to 64; its direction is random."""

    length: float
    name, side, low, high = "motion", "hr", 1, 64

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        angles = [rng.uniform(0, math.pi) for rng in rngs]
        return convolve(images, np.stack([line_kernel(self.length, angle) for angle in angles]))


# The sensor, on the LR side


@dataclass(frozen=True)
class Noise(Step):
    """White Gaussian noise, LR side, independent in R, G and B: `sigma` of 255, 0 to 255."""

    sigma: float
    name, side, low, high = "noise", "lr", 0, 255

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        grain = _draw(images, (r.standard_normal(images.shape[1:], np.float32) for r in rngs))
        return images + grain * (self.sigma / 255)


@dataclass(frozen=True)
class Impulse(Step):
    """Salt and pepper, LR side: `percent` of the values, R, G and B apart, become 0 or 1."""

    percent: float
    name, side, low, high = "impulse", "lr", 0, 100

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        dice = _draw(images, (rng.random(images.shape[1:], np.float32) for rng in rngs))
        half = self.percent / 200
        return images.masked_fill(dice < half, 0).masked_fill(dice >= 1 - half, 1)


@dataclass(frozen=True)
class Contrast(Step):
    """Contrast change, LR side: distances from the image's mean grey times `factor`, 0 to 4."""

    factor: float
    name, side, low, high = "contrast", "lr", 0, 4

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        return images.mean((1, 2, 3), keepdim=True).lerp(images, self.factor)


@dataclass(frozen=True)
class Quantize(Step):
    """Few colours, LR side: a palette of `colors` of the image's own, 2 to 256, dithered.

    Median cut and Floyd-Steinberg dithering, as Pillow has them.
    """

    colors: int
    name, side, low, high, whole = "quantize", "lr", 2, 256, True

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        return _each(images, self._reduce)

    def _reduce(self, image: Image.Image) -> Image.Image:
        palette = image.quantize(self.colors, Image.Quantize.MEDIANCUT)
        return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")


def _draw(images: Tensor, values: Iterable[np.ndarray]) -> Tensor:
    """Random arrays, one per image, as a tensor like `images`; from the CPU, so alike everywhere."""
    return torch.from_numpy(np.stack(list(values))).to(images)


# Encoding and transmission, on the LR side


@dataclass(frozen=True)
class Jpeg(Step):
    """JPEG, LR side: `quality` as libjpeg counts it, 1 (worst) to 95; colour at half resolution."""

    quality: int
    name, side, low, high, whole = "jpeg", "lr", 1, 95, True

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        return _each(images, lambda image: _decode(_encode(image, "JPEG", quality=self.quality)))


@dataclass(frozen=True)
class Jpeg2000(Step):
    """JPEG 2000 (irreversible wavelet), LR side: `ratio` of raw to coded bytes, 1 to 200.

    The file's header does not count: it would take most of the share of a 32 x 32 image. Nor can
    such an image be coded in less than some 30 bytes, a ratio of 100.
    """

    ratio: float
    name, side, low, high = "jp2k", "lr", 1, 200

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        return _each(images, lambda image: _decode(_encode_jpeg2000(image, self.ratio)))


@dataclass(frozen=True)
class Fading(Step):
    """Fast fading, LR side: `rate` of wrong bits in a thousand of a JPEG 2000 stream, 0 to 20.

    The stream (ratio 4) keeps its headers. Damage that the decoder refuses is drawn again: a viewer
    would not have seen that picture.
    """

    rate: float
    name, side, low, high = "fading", "lr", 0, 20

    def __call__(self, images: Tensor, rngs: Rngs) -> Tensor:
        draws = iter(rngs)
        return _each(images, lambda image: self._transmit(image, next(draws)))

    def _transmit(self, image: Image.Image, rng: np.random.Generator) -> Image.Image:
        stream = _encode_jpeg2000(image, ratio=4)
        start = stream.index(START_OF_DATA) + 2
        sent = np.unpackbits(np.frombuffer(stream[start:-2], np.uint8))
        for _ in range(100):
            received = sent ^ (rng.random(sent.size) < self.rate / 1000)
            with contextlib.suppress(OSError):
                return _decode(stream[:start] + np.packbits(received).tobytes() + stream[-2:])
        raise DDRError(f"degradation '{self}': no image could be decoded; take a smaller rate")


START_OF_DATA = b"\xff\x93"  # the JPEG 2000 marker between the headers and the packets
HEADER_BYTES = 157  # of a JPEG 2000 stream as written here


def _encode_jpeg2000(image: Image.Image, ratio: float) -> bytes:
    """A bare JPEG 2000 stream whose packets take a `ratio`-th of the raw pixels."""
    raw = 3 * image.width * image.height
    rate = raw / (raw / ratio + HEADER_BYTES)
    options = {"quality_mode": "rates", "quality_layers": [rate]}
    return _encode(image, "JPEG2000", irreversible=True, no_jp2=True, **options)


def _encode(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _decode(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["JPEG", "JPEG2000"]).convert("RGB")


def _each(images: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    """Apply a function of Pillow images to each image of a batch, in order."""
    pixels = images.mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    changed = np.stack([np.asarray(change(Image.fromarray(image))) for image in pixels])
    return torch.from_numpy(changed).permute(0, 3, 1, 2).to(images) / 255
