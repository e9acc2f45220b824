"""Images for a page: WebP files, small copies in one sheet, short names of photographs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

SIDE = 32  # pixels of a thumbnail, at most
SHEET_QUALITY = 80  # thumbnails are for recognising; the gallery shows exact pixels


def webp(image: Tensor, quality: int | None = None) -> bytes:
    """An image (3, H, W) in [0, 1] as WebP, lossless where no quality is given."""
    pixels = image.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().cpu().numpy()
    options = {"lossless": True} if quality is None else {"quality": quality}
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", method=4, **options)
    return file.getvalue()


def sheet(images: Tensor) -> bytes:
    """Images (N, 3, S, S), reduced to thumbnails, row by row in one WebP of `sheet_columns(N)`."""
    if images.shape[-1] > SIDE:
        images = F.interpolate(images, (SIDE, SIDE), mode="area")
    return webp(tiled(images), SHEET_QUALITY)


def sheet_columns(n: int) -> int:
    """As many as make a sheet of `n` thumbnails nearly square."""
    return int(np.ceil(np.sqrt(n)))


def tiled(images: Tensor) -> Tensor:
    """Images (N, 3, S, S) row by row in one image (3, rows S, columns S)."""
    columns = sheet_columns(len(images))
    rows = -(-len(images) // columns)
    images = F.pad(images, (0, 0, 0, 0, 0, 0, 0, rows * columns - len(images)))
    return images.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)


def photograph_name(source: str) -> str:
    """A short name of a photograph's file: without folder, package prefix and ending."""
    return Path(source).stem.rpartition("__")[2]
