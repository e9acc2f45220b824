"""Photographs to tiles: disjoint squares, and the order in which they are taken."""

from __future__ import annotations

import hashlib
from collections import Counter
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from ddrlib.data.sources import Photo

MIN_GRADIENT, MIN_DEVIATION = 4.0, 12.0  # of 255: a patch below either is near-flat


class Tile(NamedTuple):
    """A square of a photograph, and whether it is near-flat."""

    photo: Photo
    row: int
    column: int
    flat: bool
    rank: int  # place among the tiles of its photograph


def tiles_of(
    photo: Photo, pixels: np.ndarray, size: int, rng: np.random.Generator, seen: set[bytes]
) -> list[Tile]:
    """The disjoint tiles of a photograph in random order, near-flat ones last, none seen before."""
    height, width = pixels.shape[:2]
    top, left = rng.integers(height % size + 1), rng.integers(width % size + 1)
    rows, columns = range(top, height - size + 1, size), range(left, width - size + 1, size)
    flat = [_are_flat(pixels[row : row + size, left:], size) for row in rows]  # holds few in memory
    judged = []
    for i in rng.permutation(len(rows) * len(columns)):
        down, across = divmod(i, len(columns))
        row, column = rows[down], columns[across]
        found = digest(pixels[row : row + size, column : column + size])
        if found not in seen:
            seen.add(found)
            judged.append((flat[down][across], row, column))
    judged.sort(key=itemgetter(0))
    return [Tile(photo, r, c, flat, rank) for rank, (flat, r, c) in enumerate(judged)]


def _are_flat(band: np.ndarray, size: int) -> np.ndarray:
    """Which of the squares in a band (size, W, 3) uint8 are near-flat, by their grey values."""
    squares = band[:, : band.shape[1] // size * size].reshape(size, -1, size, 3).swapaxes(0, 1)
    grey = squares.mean(axis=3, dtype=np.float32)
    down, across = np.gradient(grey, axis=(1, 2))  # central differences
    steepness = np.hypot(down, across).reshape(len(grey), -1).mean(axis=1)
    deviation = grey.reshape(len(grey), -1).std(axis=1)
    return (steepness < MIN_GRADIENT) | (deviation < MIN_DEVIATION)


def in_turn(tiles: list[Tile], rng: np.random.Generator) -> list[Tile]:
    """First tiles of all photographs, then second ones, …; categories by turns; near-flat last."""
    seen: Counter = Counter()
    keyed = []
    for i in rng.permutation(len(tiles)):
        round_ = tiles[i].flat, tiles[i].rank
        turn = round_, tiles[i].photo.category
        keyed.append((round_, seen[turn], tiles[i]))
        seen[turn] += 1
    return [tile for *_, tile in sorted(keyed, key=lambda entry: entry[:2])]


def digest(pixels: np.ndarray) -> bytes:
    """What tells pixels apart."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).digest()
