"""Image files to pixels: 8-bit sRGB from every kind of file.

What a file says of its values belongs to them. Applied are orientation (EXIF), bit depth,
white-is-zero (TIFF), transparency and an embedded colour profile (ICC). Gamma, primaries and cICP
(PNG), calibrated BMP and Adobe RGB by EXIF alone are named, not applied. Nothing else in a file,
its text for example, can keep the picture from being read.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError
from torch import Tensor

from ddrlib.data.png import SIGNATURE, open_png
from ddrlib.errors import DDRError, one_line

# Pillow decodes these by itself. For some others (EPS, WMF) it starts another program.
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = {end for end, name in Image.registered_extensions().items() if name in FORMATS}
# Camera raw is often TIFF by its content; what Pillow would find in it is the preview.
RAW_SUFFIXES = {".arw", ".cr2", ".dng", ".nef", ".nrw", ".orf", ".pef", ".rw2", ".srw"}

SUBFILE_TYPE, BITS, PHOTOMETRIC, DNG_VERSION = 254, 258, 262, 50706  # TIFF tags
LAYOUT, SAMPLE_KIND = 284, 339
SRGB_TOLERANCE = 2  # grey levels by which sRGB profiles differ among themselves

TURNS = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

logger = logging.getLogger(__name__)


def load_image(path: str | Path) -> Tensor:
    """An image file as (3, H, W), sRGB, float32 in [0, 1], upright; the log says what was done.

    DDRError as `read_pixels` does.
    """
    pixels, changes = read_pixels(Path(path))
    if changes:
        _say_once(f"{path}: {', '.join(changes)}")
    return to_float(pixels)


@functools.cache
def _say_once(line: str) -> None:
    logger.warning(line)


def to_float(pixels: np.ndarray) -> Tensor:
    """Turn pixels (..., H, W, 3), uint8, into a tensor (..., 3, H, W), float32 in [0, 1]."""
    return torch.from_numpy(pixels).movedim(-1, -3).contiguous().float() / 255


def is_image(path: Path) -> bool:
    """Whether a file is an image that `read_pixels` reads, by its content; or says so by its name."""
    if path.suffix.lower() in RAW_SUFFIXES:
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    with contextlib.suppress(Exception), Image.open(path, formats=FORMATS):
        return True
    return False


def read_pixels(path: Path) -> tuple[np.ndarray, list[str]]:
    """An image file as pixels (H, W, 3), uint8, sRGB, upright; and what was converted, or not.

    It is known by its content. Transparency is laid on white, of several frames it is the first.
    DDRError where the file is missing, damaged, too large, or does not say which value is white.
    """
    if not path.is_file():
        raise DDRError(f"{path}: no such image file")
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # Pillow's, of odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image, changes = _open(file)
            with image:
                return np.array(_to_rgb(image, changes)), changes
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        limit = (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise DDRError(f"{path}: larger than {limit} megapixels; crop it") from None
    except UnidentifiedImageError:
        formats = ", ".join(FORMATS)
        raise DDRError(f"{path}: not a readable image (no {formats} that Pillow reads)") from None
    except Exception as error:  # a damaged file can make a decoder raise anything
        raise DDRError(f"{path}: not a readable image ({one_line(error)})") from error


# What a file says of its values


def _open(file: BinaryIO) -> tuple[Image.Image, list[str]]:
    """An image, not decoded yet, and what its file says that is not applied."""
    head = file.read(138)
    file.seek(0)
    if head.startswith(SIGNATURE):
        return open_png(file.read())
    image = Image.open(file, formats=FORMATS)
    changes = []
    if image.format == "BMP" and head[14] >= 108 and head[70:74] not in (b"BGRs", b" niW"):
        changes += ["calibrated colours not applied"] if any(head[70:122]) else []
    return image, changes


# Any image as upright 8-bit RGB


def _to_rgb(image: Image.Image, changes: list[str]) -> Image.Image:
    """Decode; `changes` gets what was changed."""
    # Pillow reads 16-bit colour as 8-bit by itself.
    if image.mode == "I" or ";16" in f"{image.mode} {getattr(image, 'tile', '')}":
        changes.append("16 bits to 8")
    if _frames(image) > 1:
        changes.append("first frame only")
    image.load()
    image = _upright(_to_8_bit(image), changes)
    if image.mode not in ("RGB", "RGBA"):
        changes.append(f"mode {image.mode} to RGB")
    opacity = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    image = _to_srgb(image, changes)
    if opacity and opacity.getextrema() != (255, 255):
        changes.append("transparency laid on white")
        image.putalpha(opacity)
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _frames(image: Image.Image) -> int:
    with contextlib.suppress(Exception):  # what follows the first may be damaged
        return getattr(image, "n_frames", 1)
    return 1


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Grey of 9 to 16 bits as grey of 8; everything else as it is."""
    tags = getattr(image, "tag_v2", {})
    if DNG_VERSION in tags or tags.get(SUBFILE_TYPE, 0) & 1:
        raise DDRError("a preview, as in camera raw; develop it first")
    if not {1, 4}.issuperset(tags.get(SAMPLE_KIND, ())) and image.mode not in ("I", "F"):
        raise DDRError("signed values do not say what is black; save unsigned ones")
    if tags.get(LAYOUT) == 2 and (max(tags[BITS]) > 8 or image.mode == "LA"):
        raise DDRError("channels apart (planar), which Pillow misreads; save them interleaved")
    if not image.mode.startswith("I;16") and (image.mode, image.format) != ("I", "PPM"):
        if image.mode in ("I", "F"):
            raise DDRError("32 bits a channel do not say what is white; save 8 or 16 bits")
        return image
    values = np.asarray(image)
    white = 2 ** tags.get(BITS, (16,))[0] - 1
    grey = np.rint(values * (255 / white)).astype(np.uint8)
    eight = Image.fromarray(255 - grey if tags.get(PHOTOMETRIC) == 0 else grey)
    eight.info = {name: value for name, value in image.info.items() if name != "transparency"}
    if "transparency" in image.info:
        eight.putalpha(Image.fromarray(np.uint8(255) * (values != image.info["transparency"])))
    return eight


def _upright(image: Image.Image, changes: list[str]) -> Image.Image:
    """The image turned as its EXIF data say."""
    try:
        exif = image.getexif()
        turn = TURNS.get(exif.get(ExifTags.Base.Orientation, 1))
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        is_adobe = space == 2 or (
            space == 0xFFFF and exif.get_ifd(ExifTags.IFD.Interop).get(1) == "R03"
        )
    except Exception:  # noqa: BLE001  damaged data can make the reader raise anything
        changes.append("damaged EXIF data not applied")
        return image
    if is_adobe and "icc_profile" not in image.info:
        changes.append("Adobe RGB (by its EXIF data) not applied")
    return image if turn is None else image.transpose(turn)


def _to_srgb(image: Image.Image, changes: list[str]) -> Image.Image:
    """The colours (RGB) by the embedded profile, or where there is none, as they are."""
    if "icc_profile" not in image.info:
        return image.convert("RGB")
    try:
        name, mode, transform = _profile(image.info["icc_profile"] or b"")
    except (ImageCms.PyCMSError, OSError, KeyError):
        changes.append("damaged colour profile not applied")
        return image.convert("RGB")
    is_grey = image.mode in ("1", "L", "LA")
    if (mode == "CMYK") != (image.mode == "CMYK") or (mode == "L" and not is_grey):
        changes.append(f"colour profile {name!r} of other channels not applied")
        transform = None
    elif transform:
        changes.append(f"colour profile {name!r} to sRGB")
    return transform.apply(image.convert(mode)) if transform else image.convert("RGB")


@functools.lru_cache(maxsize=16)
def _profile(data: bytes) -> tuple[str, str, ImageCms.ImageCmsTransform | None]:
    """Name of a profile, mode that it is for, and its transform to sRGB, None where it is sRGB."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    mode = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}[profile.profile.xcolor_space]
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    name = " ".join(ImageCms.getProfileDescription(profile).split())[:40]
    if mode == "CMYK":
        return name, mode, transform
    steps = np.arange(0, 256, 5, dtype=np.uint8)
    grid = np.stack(np.meshgrid(*[steps] * 3), axis=-1).reshape(-1, 1, 3)
    colours = grid if mode == "RGB" else np.tile(np.arange(256, dtype=np.uint8), (3, 1, 1)).T
    moved = transform.apply(Image.fromarray(colours).convert(mode))
    shift = np.abs(np.asarray(moved).astype(int) - colours).max()
    return name, mode, transform if shift > SRGB_TOLERANCE else None
