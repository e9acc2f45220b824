"""Photographs: the shipped ones, a user's folder, DIV2K; and patches cut from them.

A picture leaves this module as RGB, float32 in [0, 1] (`load_image`, `load_patches`) or uint8
(`load_photos`), whatever its file held. CIFAR-10 has no reader here: the checksums that are public
are those of its pickled version, and no pickle is ever loaded.
"""

from __future__ import annotations

import csv
import logging
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch
import torch
from torch import Tensor

from ddrlib.data.images import load_image, read_pixels, to_float
from ddrlib.errors import DDRError
from ddrlib.files import DATA, cache_dir

__all__ = ["Patches", "fetch_div2k", "load_image", "load_patches", "load_photos"]

SPLITS = ("eval", "train")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
MIN_GRADIENT, MIN_DEVIATION = 4.0, 12.0  # of 255: a patch below either is near-flat

DIV2K_URL = "https://data.vision.ee.ethz.ch/cvl/DIV2K/"
DIV2K_SHA256 = {  # as TensorFlow Datasets lists them
    "train": "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
    "valid": "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patches:
    """Square patches (N, 3, S, S) with their labels, each an array (N,).

    `content` numbers the patches 0..N-1, `category` is what a patch shows ("" where nobody said),
    `source` the file it was cut from, relative to its folder.
    """

    images: Tensor
    content: np.ndarray
    category: np.ndarray
    source: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def load_patches(
    split: str | Path = "eval",
    n: int = 100,
    size: int = 128,
    seed: int = 0,
    skip_bad: bool = False,
) -> Patches:
    """`n` distinct patches of `size` pixels from a split or a folder of images.

    Splits are the shipped "eval" and "train", and "div2k-valid" and "div2k-train" (`fetch_div2k`).

    Each photograph is cut into disjoint tiles (the grid's offset is drawn by `seed`). Every
    photograph gives one tile, drawn by `seed`, before any gives a second; within such a round the
    categories take turns. So photographs contribute equally (to one tile, as far as they have
    tiles), categories as equally as the photographs allow, and a smaller `n` is the beginning of a
    larger one. Near-flat tiles, with a mean gradient below 4 or a standard deviation below 12 (grey
    levels of 255), come only when all others are used up.

    In a folder (PNG, JPEG, WebP, TIFF, searched with its sub-folders) the category is the name of
    the first sub-folder. An image that cannot be used (damaged, too large, smaller than `size`) is
    an error, or with `skip_bad` is named in the log and left out.
    """
    if n < 1 or size < 2:
        raise DDRError(f"n={n} patches of size={size} pixels: ask for one at least, of 2 at least")
    rng = np.random.default_rng(seed)
    decoded = _decode(_photos(split), size, skip_bad)
    tiles = [tile for photo, pixels in decoded for tile in _tiles(photo, pixels, size, rng)]
    if n > len(tiles):
        raise DDRError(
            f"{split}: its images hold {len(tiles)} distinct patches of {size} pixels, fewer than "
            f"n={n}; ask for fewer or smaller patches, or add images"
        )
    chosen = _in_turn(tiles, rng)[:n]
    return Patches(
        images=_cut(chosen, size),
        content=np.arange(n),
        category=np.array([tile.photo.category for tile in chosen]),
        source=np.array([tile.photo.name for tile in chosen]),
    )


def load_photos(split: str | Path = "train", skip_bad: bool = False) -> list[tuple[str, Tensor]]:
    """All photographs of a split or folder, whole: (file name, uint8 (3, H, W)), by name."""
    decoded = _decode(_photos(split), 1, skip_bad)
    return [(photo.name, torch.from_numpy(pixels).permute(2, 0, 1)) for photo, pixels in decoded]


# Which photographs there are


class _Photo(NamedTuple):
    path: Path
    name: str  # relative to its folder, with forward slashes
    category: str


def _photos(split: str | Path) -> list[_Photo]:
    """The photographs of a shipped split, of DIV2K or of a folder, sorted by name."""
    if isinstance(split, str) and split.startswith("div2k-"):
        split = fetch_div2k(split.removeprefix("div2k-"))
    photos = _shipped(split) if split in SPLITS else _in_folder(split)
    return sorted(photos, key=lambda photo: photo.name)


def _shipped(split: str) -> list[_Photo]:
    table = DATA / "photos" / "photos.tsv"
    if not table.is_file():
        raise DDRError(f"{table}: missing; the photographs come with the repository, restore them")
    with open(table, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["split"] == split]
    return [_Photo(table.parent / r["file"], Path(r["file"]).name, r["category"]) for r in rows]


def _in_folder(split: str | Path) -> list[_Photo]:
    folder = Path(split).expanduser()
    if not folder.is_dir():
        near = get_close_matches(str(split), SPLITS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"name one, or one of {SPLITS}"
        raise DDRError(f"{split}: no such folder of images; {hint}")
    photos = []
    for path in folder.rglob("*"):
        within = path.relative_to(folder)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
            category = within.parts[0] if len(within.parts) > 1 else ""
            photos.append(_Photo(path, within.as_posix(), category))
    if not photos:
        raise DDRError(f"{split}: no image in this folder; put PNG, JPEG, WebP or TIFF files there")
    return photos


def _decode(
    photos: list[_Photo], min_size: int, skip_bad: bool
) -> Iterator[tuple[_Photo, np.ndarray]]:
    """Photographs with their pixels (H, W, 3) uint8; an unusable one raises, or is left out."""
    bad = []
    for photo in photos:
        try:
            pixels = read_pixels(photo.path)
            height, width = pixels.shape[:2]
            if min(height, width) < min_size:
                raise DDRError(f"{photo.path}: {width} x {height} pixels, less than {min_size}")
        except DDRError as error:
            if not skip_bad:
                raise DDRError(f"{error}; remove it, or go on without it (skip_bad)") from error
            bad.append(str(error))
        else:
            yield photo, pixels
    if bad:
        logger.warning("left out %d of %d images: %s", len(bad), len(photos), " | ".join(bad))


# Pixels to patches


class _Tile(NamedTuple):
    photo: _Photo
    row: int
    column: int
    flat: bool
    rank: int  # place among the tiles of its photograph


def _tiles(photo: _Photo, pixels: np.ndarray, size: int, rng: np.random.Generator) -> list[_Tile]:
    """The disjoint tiles of a photograph in random order, near-flat ones last."""
    height, width = pixels.shape[:2]
    top, left = rng.integers(height % size + 1), rng.integers(width % size + 1)
    corners = [
        (row, column)
        for row in range(top, height - size + 1, size)
        for column in range(left, width - size + 1, size)
    ]
    drawn = [corners[i] for i in rng.permutation(len(corners))]
    judged = [(_is_flat(pixels[r : r + size, c : c + size]), r, c) for r, c in drawn]
    judged.sort(key=lambda tile: tile[0])
    return [_Tile(photo, r, c, flat, rank) for rank, (flat, r, c) in enumerate(judged)]


def _is_flat(patch: np.ndarray) -> bool:
    """Whether a patch (H, W, 3) uint8 has too little texture to tell one network from another.

    The gradient is the length of NumPy's central differences of the grey patch (mean of R, G, B).
    """
    grey = patch.mean(axis=2, dtype=np.float32)
    down, across = np.gradient(grey)
    return bool(np.hypot(down, across).mean() < MIN_GRADIENT or grey.std() < MIN_DEVIATION)


def _in_turn(tiles: list[_Tile], rng: np.random.Generator) -> list[_Tile]:
    """First tiles of all photographs, then second ones, …; categories by turns; near-flat last."""
    seen: Counter = Counter()
    keyed = []
    for i in rng.permutation(len(tiles)):
        round_ = tiles[i].flat, tiles[i].rank
        turn = round_, tiles[i].photo.category
        keyed.append((round_, seen[turn], tiles[i]))
        seen[turn] += 1
    return [tile for *_, tile in sorted(keyed, key=lambda entry: entry[:2])]


def _cut(tiles: list[_Tile], size: int) -> Tensor:
    """The tiles' pixels (N, 3, size, size); files are decoded anew, to hold one at a time."""
    patches = np.empty((len(tiles), size, size, 3), np.uint8)
    places = defaultdict(list)
    for place, tile in enumerate(tiles):
        places[tile.photo.path].append(place)
    for path, of_path in places.items():
        pixels = read_pixels(path)
        for place in of_path:
            row, column = tiles[place].row, tiles[place].column
            patches[place] = pixels[row : row + size, column : column + size]
    return to_float(patches)


# DIV2K


def fetch_div2k(
    split: str = "valid", folder: str | Path | None = None, base_url: str = DIV2K_URL
) -> Path:
    """The folder `DIV2K_{split}_HR` (0801.png, …) under `folder` (default: in the cache).

    Where it is missing, the archive (valid: 449 MB, train: 3.5 GB) is fetched from `base_url`, held
    against its SHA-256 and unpacked; the folder appears whole or not at all.
    """
    if split not in DIV2K_SHA256:
        raise DDRError(f"DIV2K split {split!r}: there are {', '.join(DIV2K_SHA256)}")
    folder = Path(folder or cache_dir() / "div2k").expanduser()
    name = f"DIV2K_{split}_HR"
    if (folder / name).is_dir():
        return folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            url = f"{base_url.rstrip('/')}/{name}.zip"
            archive = pooch.retrieve(url, DIV2K_SHA256[split], f"{name}.zip", scratch)
            with zipfile.ZipFile(archive) as file:
                file.extractall(scratch)
            (Path(scratch) / name).rename(folder / name)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise DDRError(
            f"{name} could not be fetched ({reason}); unpack {name}.zip into {folder} by hand"
        ) from error
    return folder / name
