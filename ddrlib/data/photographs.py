"""Photographs: the shipped ones, a user's own, DIV2K; and patches cut from them.

A picture leaves this module as sRGB, float32 in [0, 1] (`load_patches`) or uint8 (`load_photos`),
whatever its file held. CIFAR-10 has no reader here: the checksums that are public belong to its
pickled version, and no pickle is ever loaded.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import os
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

from ddrlib.data.images import FORMATS, is_image, read_pixels, to_float
from ddrlib.errors import DDRError
from ddrlib.files import DATA, cache_dir

SHIPPED = ("eval", "train")
SPLITS = (*SHIPPED, "div2k-valid", "div2k-train")
TABLE_SHA256 = "547c5db312eb92d4cc662894af3912d22a31c459eb3c05fab4b4485ee04025c6"  # of photos.tsv

DIV2K_URL = "https://data.vision.ee.ethz.ch/cvl/DIV2K/"
DIV2K = {  # numbers of the photographs, and the archive's SHA-256 as TensorFlow Datasets has it
    "train": (
        range(1, 801),
        "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
    ),
    "valid": (
        range(801, 901),
        "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
    ),
}

# What programs leave beside photographs, besides hidden files.
LEFTOVER_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "lost+found", "thumbnails"}
LEFTOVER_ENDS = ("~", ".bak", ".crdownload", ".orig", ".part", ".tmp")

MIN_GRADIENT, MIN_DEVIATION = 4.0, 12.0  # of 255: a patch below either is near-flat
NAMED = 5  # of what is said in one line

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patches:
    """Square patches with their labels.

    Attributes
    ----------
    images : tensor (N, 3, S, S), float32 in [0, 1]
    content : array (N,)
        The numbers 0..N-1.
    category : array (N,) of str
        What a patch shows, "" where that is not known.
    source : array (N,) of str
        The file it was cut from, relative to its folder.
    split, seed
        What `load_patches` was asked for.
    """

    images: Tensor
    content: np.ndarray
    category: np.ndarray
    source: np.ndarray
    split: str = ""
    seed: int = 0

    def __len__(self) -> int:
        return len(self.images)


def load_patches(
    split: str | Path = "eval",
    n: int = 100,
    size: int = 128,
    seed: int = 0,
    skip_bad: bool = False,
) -> Patches:
    """Cut distinct patches from the photographs of a split or folder.

    Each photograph is cut into disjoint tiles (the grid's offset is drawn by `seed`). Every
    photograph gives one tile, drawn by `seed`, before any gives a second; within such a round the
    categories take turns. So photographs contribute equally (to one tile, as far as they have
    tiles), categories as equally as the photographs allow, and a smaller `n` is the beginning of a
    larger one. Near-flat tiles, with a mean gradient below 4 or a standard deviation below 12 (grey
    levels of 255), come only when all others are used up.

    Parameters
    ----------
    split : str or path
        A split ("eval" and "train", which are shipped, "div2k-valid" and "div2k-train", see
        `fetch_div2k`), an image file, or a folder, searched with its sub-folders; the category of
        a photograph is the first sub-folder. Hidden files and exact copies do not count.
    n : int
        How many patches.
    size : int
        Of a patch, in pixels a side.
    seed : int
        Of what is drawn.
    skip_bad : bool
        Leave out an image that cannot be used (damaged, too large, smaller than `size`) and say
        so in the log; otherwise it is an error.

    Raises
    ------
    DDRError
        Where there are fewer patches than `n`, an image cannot be used, or the photographs of a
        split are not the ones that belong to it.
    """
    if n < 1 or size < 2:
        raise DDRError(f"n={n} patches of size={size} pixels: ask for one at least, of 2 at least")
    rng = np.random.default_rng(seed)
    tiles, seen = [], set()
    for photo, pixels in _decode(split, size, skip_bad):
        tiles += _tiles(photo, pixels, size, rng, seen)
    if n > len(tiles):
        remedy = f"ask for {len(tiles)} (--patches {len(tiles)}) or" if tiles else "ask for"
        raise DDRError(
            f"{split}: its photographs hold {len(tiles)} distinct patches of {size} pixels, fewer "
            f"than n={n}; {remedy} smaller ones, or add photographs"
        )
    chosen = _in_turn(tiles, rng)[:n]
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


def load_photos(split: str | Path = "train", skip_bad: bool = False) -> list[tuple[str, Tensor]]:
    """Read all photographs of a split or folder, whole (`load_patches` has the parameters).

    Returns
    -------
    list of (str, tensor (3, H, W) uint8)
        File names and pixels, sorted by name.
    """
    decoded = _decode(split, 1, skip_bad)
    return [(photo.name, torch.from_numpy(pixels).permute(2, 0, 1)) for photo, pixels in decoded]


# Which photographs there are


class _Photo(NamedTuple):
    path: Path
    name: str  # relative to its folder, with forward slashes
    category: str


def _photos(split: str | Path) -> list[_Photo]:
    """The photographs of a split, a folder or a file, sorted by name."""
    if isinstance(split, str) and split in SPLITS:
        if Path(split).exists():
            logger.warning("%s: the split of this name; for the folder write ./%s", split, split)
        photos = _shipped(split) if split in SHIPPED else _div2k(split.removeprefix("div2k-"))
    else:
        photos = _own(Path(split).expanduser())
    return sorted(photos, key=lambda photo: photo.name)


def _shipped(split: str) -> list[_Photo]:
    """The photographs of the repository, each held against its checksum."""
    folder = DATA / "photos"
    table = _verified(folder / "photos.tsv", TABLE_SHA256).decode().splitlines()
    photos = []
    for row in csv.DictReader(table, delimiter="\t"):
        if row["split"] == split:
            path = folder / row["file"]
            _verified(path, row["sha256"])
            photos.append(_Photo(path, path.name, row["category"]))
    return photos


def _verified(path: Path, sha256: str) -> bytes:
    """The content of a file of the repository."""
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DDRError(
            f"{path}: {'not as shipped (another SHA-256)' if data else 'missing'}; in a clone of "
            f"the repository `git checkout -- data/{path.relative_to(DATA).as_posix()}` restores it"
        )
    return data


def _div2k(split: str) -> list[_Photo]:
    folder = fetch_div2k(split)
    return [_Photo(folder / name, name, "") for name in _div2k_names(split)]


def _own(path: Path) -> list[_Photo]:
    """The photographs of a folder and its sub-folders, or one file; says what is passed over."""
    if path.is_file():
        return [_Photo(path, path.name, "")]
    if not path.is_dir():
        near = get_close_matches(str(path), SPLITS, 1)
        hint = f"did you mean {near[0]}?" if near else f"name one, or one of {', '.join(SPLITS)}"
        raise DDRError(f"{path}: no such folder of photographs; {hint}")
    photos, passed = [], Counter()
    for file in _files(path, passed):
        within = file.relative_to(path)
        if _is_leftover(within):
            passed["hidden or left by programs"] += 1
        elif not file.is_file():
            passed["that are no files"] += 1
        elif not is_image(file):
            passed[file.suffix.lower() or "without ending"] += 1
        else:
            category = within.parts[0] if len(within.parts) > 1 else ""
            photos.append(_Photo(file, within.as_posix(), category))
    reasons = _counted(passed)
    if not photos:
        found = f" (passed over: {reasons})" if passed else ""
        raise DDRError(f"{path}: no photograph{found}; give {', '.join(FORMATS)} files")
    if passed:
        logger.warning("%s: passed over %s", path, reasons)
    return photos


def _files(folder: Path, passed: Counter[str]) -> Iterator[Path]:
    """All files under a folder, at any depth."""
    for root, _, names in os.walk(folder, lambda _: passed.update(["folders not readable"])):
        yield from (Path(root, name) for name in names)


def _is_leftover(within: Path) -> bool:
    """Whether a file is hidden, in a hidden folder, or what a program has left."""
    return within.name.endswith(LEFTOVER_ENDS) or any(
        part.startswith((".", "#", "~")) or part.lower() in LEFTOVER_FOLDERS
        for part in within.parts
    )


def _counted(reasons: Counter[str]) -> str:
    """Reasons with how many images each is for, the commonest first."""
    ordered = sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    return _list([f"{count} {reason}" for reason, count in ordered])


def _list(entries: list[str]) -> str:
    """The first of some entries, and how many more there are."""
    more = [f"{len(entries) - NAMED} more"] if len(entries) > NAMED else []
    return ", ".join(entries[:NAMED] + more)


def _decode(
    split: str | Path, min_size: int, skip_bad: bool
) -> Iterator[tuple[_Photo, np.ndarray]]:
    """The distinct photographs of a split or folder with their pixels (H, W, 3), uint8.

    One that cannot be used is an error, or with `skip_bad` left out.
    """
    photos = _photos(split)
    bad, copies, changes, names = [], [], Counter(), {}
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
        original = names.setdefault((pixels.shape, _digest(pixels)), photo.name)
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
        logger.warning("%s: left out %d of %d images: %s", split, len(bad), len(photos), _list(bad))
    if copies:
        logger.warning("%s: left out %d copies: %s", split, len(copies), _list(copies))
    if changes:
        logger.warning("%s: of %d images: %s", split, len(photos), _counted(changes))


def _digest(pixels: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(pixels)).digest()


# Pixels to patches


class _Tile(NamedTuple):
    photo: _Photo
    row: int
    column: int
    flat: bool
    rank: int  # place among the tiles of its photograph


def _tiles(
    photo: _Photo, pixels: np.ndarray, size: int, rng: np.random.Generator, seen: set[bytes]
) -> list[_Tile]:
    """The disjoint tiles of a photograph in random order, near-flat ones last, none seen before."""
    height, width = pixels.shape[:2]
    top, left = rng.integers(height % size + 1), rng.integers(width % size + 1)
    corners = [
        (row, column)
        for row in range(top, height - size + 1, size)
        for column in range(left, width - size + 1, size)
    ]
    judged = []
    for i in rng.permutation(len(corners)):
        row, column = corners[i]
        patch = pixels[row : row + size, column : column + size]
        if (digest := _digest(patch)) not in seen:
            seen.add(digest)
            judged.append((_is_flat(patch), row, column))
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


# DIV2K


def fetch_div2k(
    split: str = "valid", folder: str | Path | None = None, base_url: str = DIV2K_URL
) -> Path:
    """The folder `DIV2K_{split}_HR` (0801.png, …), complete.

    Where it is missing, the archive (valid: 449 MB, train: 3.5 GB) is fetched, checked and unpacked;
    the folder appears whole or not at all.

    Parameters
    ----------
    split : {"valid", "train"}
    folder : path, optional
        Where it lies or is put; by default in the cache.
    base_url : str
        Where the archive is fetched from.

    Raises
    ------
    DDRError
        Where photographs are missing, or the archive cannot be fetched or is not the one known.
    """
    if split not in DIV2K:
        raise DDRError(f"DIV2K split {split!r}: there are {', '.join(DIV2K)}")
    parent = Path(folder or cache_dir() / "div2k").expanduser()
    name = f"DIV2K_{split}_HR"
    if not (parent / name).exists():
        _download(f"{base_url.rstrip('/')}/{name}.zip", DIV2K[split][1], parent, name)
    names = _div2k_names(split)
    there = sum((parent / name / photo).is_file() for photo in names)
    if there < len(names):
        raise DDRError(
            f"{parent / name} holds {there} of the {len(names)} photographs of the set; remove the "
            "folder to have it fetched, or unpack the archive again"
        )
    return parent / name


def _div2k_names(split: str) -> list[str]:
    return [f"{number:04}.png" for number in DIV2K[split][0]]


def _download(url: str, sha256: str, parent: Path, name: str) -> None:
    """Unpack the folder `name` of an archive into `parent`."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent) as scratch:
            archive = pooch.retrieve(url, sha256, f"{name}.zip", scratch)
            with zipfile.ZipFile(archive) as file:
                file.extractall(scratch)
            (Path(scratch) / name).rename(parent / name)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise DDRError(
            f"{name} could not be fetched ({reason}); unpack {name}.zip into {parent} by hand"
        ) from error
