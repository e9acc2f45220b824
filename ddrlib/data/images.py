"""Image files to pixels, whatever the files hold."""

from __future__ import annotations

import functools
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ddrlib.errors import DDRError

logger = logging.getLogger(__name__)


def load_image(path: str | Path) -> Tensor:
    """One image as RGB (3, H, W), float32 in [0, 1]; see `read_pixels`."""
    return to_float(read_pixels(Path(path)))


def to_float(pixels: np.ndarray) -> Tensor:
    """Pixels (..., H, W, 3) uint8 as a tensor (..., 3, H, W), float32 in [0, 1]."""
    return torch.from_numpy(pixels).movedim(-1, -3).contiguous().float() / 255


def read_pixels(path: Path) -> np.ndarray:
    """The pixels of an image file as RGB (H, W, 3) uint8, upright by its EXIF orientation.

    What is not 8-bit RGB is converted, with a line in the log: grey, palette and CMYK colours,
    16 bits a channel (to 8), transparency (laid on white), several frames (the first).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return np.array(_to_rgb(image, path))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        limit = Image.MAX_IMAGE_PIXELS // 10**6
        raise DDRError(f"{path}: larger than {limit} megapixels; cut it down") from None
    except FileNotFoundError:
        raise DDRError(f"{path}: no such image file") from None
    except DDRError:
        raise
    except Exception as error:  # a damaged file can make a decoder raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DDRError(f"{path}: not a readable image ({reason})") from error


def _to_rgb(image: Image.Image, path: Path) -> Image.Image:
    """Any image that Pillow opens as upright 8-bit RGB; says what it changed."""
    changes = []
    if getattr(image, "n_frames", 1) > 1:
        changes.append("its first frame only")
    if image.mode in ("I", "F"):
        raise DDRError(f"{path}: 32 bits a channel do not say what is white; save it with 8 or 16")
    if ";16" in f"{image.mode} {image.tile}":  # Pillow reads 16-bit colour as 8-bit by itself
        changes.append("16 bits to 8")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        image = Image.fromarray(np.uint8(np.rint(np.asarray(image) / 257)))
    if image.mode not in ("RGB", "RGBA"):
        changes.append(f"mode {image.mode} to RGB")
    if image.has_transparency_data:
        changes.append("transparency laid on white")
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if changes:
        _note(f"{path}: converted ({', '.join(changes)})")
    return image.convert("RGB")


@functools.cache
def _note(line: str) -> None:
    """Say a thing once."""
    logger.warning(line)
