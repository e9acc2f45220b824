"""Training pairs, drawn on the device: photographs go up once, every batch is index arithmetic.

A batch is a function of (seed, iteration, rank) and of nothing else, so a resumed run needs no
stored random state: it draws at iteration i what the uninterrupted run would have drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.degrade.degradation import downsample
from ddrlib.errors import DDRError
from ddrlib.networks.guided import takes_truth

TABLE_STRIDE = 8  # pixels between the crop positions whose texture is known


class Batch(NamedTuple):
    """Pairs of patches, and what was done to each: `blur` in HR pixels, `noise` of 255."""

    lr: Tensor  # (N, 3, P, P) in [0, 1]
    hr: Tensor  # (N, 3, scale * P, scale * P) in [0, 1]
    blur: Tensor  # (N,)
    noise: Tensor  # (N,)

    def inputs(self, model: nn.Module) -> tuple[Tensor, ...]:
        """What a network is given: the LR images, and the truth (N, 2) where an oracle guides it."""
        if takes_truth(model):
            return self.lr, torch.stack([self.blur, self.noise], dim=1)
        return (self.lr,)


class Sampler:
    """Random crops of `photos` with texture preference, flips, transposes and degradations.

    Every photograph is equally likely; within one, a crop is drawn in proportion to its mean
    gradient, so that sky and blur do not fill the batches. Each pair gets its own blur sigma in
    [0, `blur`] (HR pixels) and noise sigma in [0, `noise`] (of 255, on the LR patch).
    """

    def __init__(
        self,
        photos: list[tuple[str, Tensor]],
        crop: int,
        batch_size: int,
        *,
        blur: float = 0.0,
        noise: float = 0.0,
        seed: int = 0,
        rank: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        small = [name for name, image in photos if min(image.shape[1:]) < crop]
        if not photos or small:
            what = f"{small[0]} and {len(small) - 1} others are" if small else "all of the 0 are"
            raise DDRError(
                f"photographs for training: {what} smaller than a crop of {crop} "
                "pixels; choose a smaller patch or larger photographs"
            )
        self.crop, self.batch_size, self.blur, self.noise = crop, batch_size, blur, noise
        self.seed, self.rank, self.device = seed, rank, torch.device(device)
        self.generator = torch.Generator(self.device)
        self.pixels = torch.cat([image.flatten(1).T for _, image in photos]).to(self.device)
        origins, widths, weights = zip(*_crop_tables(photos, crop), strict=True)
        self.origins = torch.cat(origins).to(self.device)
        self.widths = torch.cat(widths).to(self.device)
        self.cumulative = torch.cat(weights).cumsum(0).to(self.device)

    def __call__(self, iteration: int) -> Batch:
        seeds = np.random.SeedSequence([self.seed, iteration, self.rank])
        self.generator.manual_seed(int(seeds.generate_state(1, np.uint64)[0] >> 1))
        hr = self._crops().float().div_(255)
        blur, noise = self._uniform() * self.blur, self._uniform() * self.noise
        blurred = gaussian_blur(hr, blur, self.blur) if self.blur else hr
        lr = _to_8_bit(downsample(blurred))
        if self.noise:
            grain = torch.randn(lr.shape, generator=self.generator, device=self.device)
            lr = _to_8_bit(lr + grain * noise.view(-1, 1, 1, 1) / 255)
        return Batch(lr, hr, blur, noise)

    def _uniform(self) -> Tensor:
        return torch.rand(self.batch_size, generator=self.generator, device=self.device)

    def _crops(self) -> Tensor:
        """uint8 (N, 3, crop, crop), channels last; flips and transposes are in the index."""
        draw = self._uniform().double() * self.cumulative[-1]
        chosen = torch.searchsorted(self.cumulative, draw).clamp_(max=len(self.cumulative) - 1)
        step = torch.arange(self.crop, device=self.device)
        flip = self._uniform()[:, None] < 0.5, self._uniform()[:, None] < 0.5
        rows, columns = (torch.where(f, self.crop - 1 - step, step) for f in flip)
        down, right = rows[:, :, None], columns[:, None, :]
        origin, width = (table[chosen][:, None, None] for table in (self.origins, self.widths))
        index = origin + down * width + right
        turn = (self._uniform() < 0.5)[:, None, None]
        return self.pixels[torch.where(turn, index.mT, index)].permute(0, 3, 1, 2)


def _crop_tables(
    photos: list[tuple[str, Tensor]], crop: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """For each photograph: flat index of each crop's first pixel, width, and share of the draws."""
    start = 0
    for _, image in photos:
        height, width = image.shape[1:]
        grey = image.float().mean(0)
        down, right = grey.diff(dim=0).abs(), grey.diff(dim=1).abs()
        gradient = F.pad(down, (0, 0, 0, 1)) + F.pad(right, (0, 1))
        texture = F.avg_pool2d(gradient[None, None], crop, TABLE_STRIDE)[0, 0].double() + 1e-3
        top = torch.arange(texture.shape[0])[:, None] * TABLE_STRIDE
        left = torch.arange(texture.shape[1])[None, :] * TABLE_STRIDE
        origins = (start + top * width + left).flatten()
        yield origins, torch.full_like(origins, width), (texture / texture.sum()).flatten()
        start += height * width


def gaussian_blur(images: Tensor, sigma: Tensor, largest: float) -> Tensor:
    """Blur each image (N, 3, H, W) by its own `sigma` (N,), in pixels; 0 leaves it as it is.

    The kernels reach 4 times `largest`, a bound on `sigma`: the size must not wait for the device.
    """
    n, channels, height, width = images.shape
    radius = min(int(np.ceil(4 * largest)), height - 1, width - 1)
    offset = torch.arange(-radius, radius + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offset / sigma.clamp(min=1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = F.pad(images.reshape(1, n * channels, height, width), [radius] * 4, mode="reflect")
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=n * channels)
    flat = F.conv2d(flat, kernel[:, None, None, :], groups=n * channels)
    return flat.view_as(images)


def _to_8_bit(images: Tensor) -> Tensor:
    return images.clamp(0, 1).mul(255).round().div(255)


def digest(photos: list[tuple[str, Tensor]]) -> str:
    """SHA-256 of the sizes and pixels of photographs (3, H, W), in order."""
    sha = hashlib.sha256()
    for _, image in photos:
        sha.update(str(tuple(image.shape)).encode())
        sha.update(np.ascontiguousarray(image.numpy()).data)
    return sha.hexdigest()
