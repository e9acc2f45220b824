"""Patches cut from photographs, and the photographs themselves.

A picture leaves this module as sRGB, float32 in [0, 1] (`load_patches`) or uint8 (`load_photos`).
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddrlib.data.images import read_pixels, to_float
from ddrlib.data.sources import Photo, counted, find_photos
from ddrlib.data.tiles import Tile, digest, in_turn, tiles_of
from ddrlib.errors import DDRError, few

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patches:
    """Square patches of photographs with their labels; `len` is the number N of patches.

    Attributes
    ----------
    images : Tensor
        (N, 3, S, S), RGB, float32 in [0, 1].
    content : ndarray
        (N,), the numbers 0 to N - 1.
    category : ndarray
        (N,) of str, what a patch shows; `""` where that is not known.
    source : ndarray
        (N,) of str, the file it was cut from, relative to its folder, with forward slashes.
    split : str
        What `load_patches` was asked for.
    seed : int
        The seed with which the patches were drawn.
    """

    images: Tensor
    content: np.ndarray
    category: np.ndarray
    source: np.ndarray
    split: str = ""
    seed: int = 0

    def __len__(self) -> int:
        return len(self.images)

    def named(self, *parts: str, otherwise: int = 1) -> np.ndarray:
        """Patches of photographs that one wants to see.

        Parameters
        ----------
        *parts
            Parts of the names of their files.
        otherwise
            How many of the patches it is where no name has any of the parts.

        Returns
        -------
        ndarray
            Their numbers, in the order of `parts`.
        """
        found = [k for part in parts for k, source in enumerate(self.source) if part in source]
        return np.array(found or range(min(otherwise, len(self))))

    def some(self, chosen: np.ndarray) -> Patches:
        """Some of the patches, numbered anew.

        Parameters
        ----------
        chosen : ndarray
            Their numbers, or (N,) whether each is chosen.

        Returns
        -------
        Patches
            In this order.
        """
        return replace(
            self,
            images=self.images[torch.from_numpy(chosen)],
            content=np.arange(len(self.content[chosen])),
            category=self.category[chosen],
            source=self.source[chosen],
        )


def load_patches(
    split: str | Path = "eval",
    n: int = 100,
    size: int = 128,
    seed: int = 0,
    skip_bad: bool = False,
) -> Patches:
    """Cut distinct patches from the photographs of a split or folder.

    Each photograph is cut into disjoint tiles, the grid's offset drawn by `seed`. Every photograph
    gives one tile, drawn by `seed`, before any gives a second; within such a round the categories
    take turns. So photographs contribute equally, categories as equally as the photographs allow,
    and a smaller `n` is the beginning of a larger one. Near-flat tiles (`ddrlib.data.tiles`) come
    only when all others are used up.

    Parameters
    ----------
    split
        A split ("eval" and "train", which are shipped, "div2k-valid" and "div2k-train", see
        `fetch_div2k`), an image file, or a folder, searched with its sub-folders; the category of a
        photograph is the first sub-folder. Hidden files and exact copies do not count.
    n
        How many patches, 1 or more.
    size
        Their side in pixels, 2 or more.
    seed
        Seed of the draw.
    skip_bad
        Leave out an image that cannot be used (damaged, too large, smaller than `size`) and say so
        in the log; otherwise it is an error.

    Returns
    -------
    Patches
        All different, in the order in which they were drawn.

    Raises
    ------
    DDRError
        Where there are fewer patches than `n`, an image cannot be used, there is no such split or
        folder, or the photographs of a split are not the ones that belong to it.
    """
    if n < 1 or size < 2:
        raise DDRError(f"n={n} patches of size={size} pixels: ask for one at least, of 2 at least")
    rng = np.random.default_rng(seed)
    tiles: list[Tile] = []
    seen: set[bytes] = set()
    for photo, pixels in _decode(split, size, skip_bad):
        tiles += tiles_of(photo, pixels, size, rng, seen)
    if n > len(tiles):
        remedy = f"ask for {len(tiles)} (--patches {len(tiles)}) or" if tiles else "ask for"
        raise DDRError(
            f"{split}: its photographs hold {len(tiles)} distinct patches of {size} pixels, fewer "
            f"than n={n}; {remedy} smaller ones, or add photographs"
        )
    chosen = in_turn(tiles, rng)[:n]
    photographs = len({tile.photo.path for tile in chosen})
    if photographs < n:
        logger.warning("%s: %d patches of %d photographs", split, n, photographs)
    return Patches(
        images=_cut(chosen, size),
        content=np.arange(n),
        category=np.array([tile.photo.category for tile in chosen]),
        source=np.array([tile.photo.name for tile in chosen]),
        split=str(split),
        seed=seed,
    )


def load_photos(split: str | Path = "train") -> list[tuple[str, Tensor]]:
    """The whole photographs of a split or folder, sorted by name, exact copies left out.

    The name of each file, relative to its folder, and its pixels (3, H, W), sRGB, uint8. DDRError
    as `load_patches` raises it.
    """
    decoded = _decode(split, 1, skip_bad=False)
    return [(photo.name, torch.from_numpy(pixels).permute(2, 0, 1)) for photo, pixels in decoded]


def _decode(split: str | Path, min_size: int, skip_bad: bool) -> Iterator[tuple[Photo, np.ndarray]]:
    """The distinct photographs of a split or folder with their pixels (H, W, 3), uint8.

    One that cannot be used is an error, or with `skip_bad` left out.
    """
    photos = find_photos(split)
    bad: list[str] = []
    copies: list[str] = []
    changes: Counter[str] = Counter()
    names: dict[tuple, str] = {}
    for photo in photos:
        try:
            pixels, changed = read_pixels(photo.path)
            height, width = pixels.shape[:2]
            if min(height, width) < min_size:
                raise DDRError(f"{photo.path}: {width} x {height} pixels, less than {min_size}")
        except DDRError as error:
            if not skip_bad:
                raise DDRError(f"{error}; remove it, or use skip_bad (--skip-bad)") from error
            bad.append(str(error))
            continue
        original = names.setdefault((pixels.shape, digest(pixels)), photo.name)
        if original != photo.name:
            copies.append(f"{photo.name} ({original})")
            continue
        changes.update(changed)
        yield photo, pixels
    if copies and len(names) == 1:
        raise DDRError(
            f"{split}: its {len(copies) + 1} images are all the same picture; add others"
        )
    if bad:
        logger.warning("%s: left out %d of %d images: %s", split, len(bad), len(photos), few(bad))
    if copies:
        logger.warning("%s: left out %d copies: %s", split, len(copies), few(copies))
    if changes:
        logger.warning("%s: of %d images: %s", split, len(photos), counted(changes))


def _cut(tiles: list[Tile], size: int) -> Tensor:
    """The tiles' pixels (N, 3, size, size); files are decoded again, to hold one at a time."""
    patches = np.empty((len(tiles), size, size, 3), np.uint8)
    places = defaultdict(list)
    for place, tile in enumerate(tiles):
        places[tile.photo.path].append(place)
    for path, of_path in places.items():
        pixels, _ = read_pixels(path)
        for place in of_path:
            row, column = tiles[place].row, tiles[place].column
            patches[place] = pixels[row : row + size, column : column + size]
    return to_float(patches)
