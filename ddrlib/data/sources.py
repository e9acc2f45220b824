"""Where photographs come from: the repository, DIV2K, folders.

CIFAR-10 has no reader here: the public checksums are of its pickled version, and no pickle is
ever loaded.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pooch

from ddrlib.data.images import FORMATS, is_image
from ddrlib.errors import DDRError, did_you_mean, few, one_line
from ddrlib.files import DATA, cache_dir

SHIPPED = ("eval", "train")
SPLITS = (*SHIPPED, "div2k-valid", "div2k-train")
TABLE_SHA256 = "547c5db312eb92d4cc662894af3912d22a31c459eb3c05fab4b4485ee04025c6"  # of photos.tsv

DIV2K_URL = "https://data.vision.ee.ethz.ch/cvl/DIV2K/"
DIV2K = {"train": range(1, 801), "valid": range(801, 901)}  # numbers of the photographs
DIV2K_SHA256 = {  # of the archives, as TensorFlow Datasets has it
    "train": "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
    "valid": "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
}

# What programs leave beside photographs; most of it is hidden.
LEFTOVER_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "lost+found", "thumbnails"}
LEFTOVER_ENDS = ("~", ".bak", ".crdownload", ".orig", ".part", ".tmp")

logger = logging.getLogger(__name__)


class Photo(NamedTuple):
    """A file that is a photograph."""

    path: Path
    name: str  # relative to its folder, with forward slashes
    category: str


def find_photos(split: str | Path) -> list[Photo]:
    """The photographs of a split, a folder or a file, sorted by name.

    DDRError where there is no such split or folder, it holds no photograph, a shipped photograph is
    not as shipped, or DIV2K is incomplete and cannot be fetched.
    """
    if not str(split):  # else the folder that this runs in
        raise DDRError("the name of the photographs is empty: name a split, a folder or a file")
    if isinstance(split, str) and split in SPLITS:
        if Path(split).exists():
            logger.warning("%s: the split of this name; for the folder write ./%s", split, split)
        photos = _shipped(split) if split in SHIPPED else _div2k(split.removeprefix("div2k-"))
    else:
        photos = _own(Path(split).expanduser())
    return sorted(photos, key=lambda photo: photo.name)


def _shipped(split: str) -> list[Photo]:
    """The photographs of the repository, each held against its checksum."""
    folder = DATA / "photos"
    table = _verified(folder / "photos.tsv", TABLE_SHA256).decode().splitlines()
    photos = []
    for row in csv.DictReader(table, delimiter="\t"):
        if row["split"] == split:
            path = folder / row["file"]
            _verified(path, row["sha256"])
            photos.append(Photo(path, path.name, row["category"]))
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


def _div2k(split: str) -> list[Photo]:
    folder = fetch_div2k(split)
    return [Photo(folder / name, name, "") for name in _div2k_names(split)]


def _own(path: Path) -> list[Photo]:
    """The photographs of a folder and its sub-folders, or one file; says what is passed over."""
    if path.is_file():
        return [Photo(path, _in_utf8(path.name), "")]
    if not path.is_dir():
        hint = did_you_mean(path, SPLITS)
        raise DDRError(f"{path}: no such folder or split of photographs; {hint}")
    photos: list[Photo] = []
    passed: Counter[str] = Counter()
    for file in _files(path, passed):
        within = file.relative_to(path)
        if _is_leftover(within):
            passed["hidden or left by programs"] += 1
        elif not file.is_file():
            passed["that are no files"] += 1
        elif not is_image(file):
            passed[file.suffix.lower() or "without ending"] += 1
        else:
            name = _in_utf8(within.as_posix())
            photos.append(Photo(file, name, name.rpartition("/")[0].partition("/")[0]))
    reasons = counted(passed)
    if not photos:
        found = f" (passed over: {reasons})" if passed else ""
        raise DDRError(f"{path}: no photograph{found}; give {', '.join(FORMATS)} files")
    if passed:
        logger.warning("%s: passed over %s", path, reasons)
    return photos


def _in_utf8(name: str) -> str:
    """The name of a file as a label that can be written; bytes that are no UTF-8 as in "\\xff"."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _files(folder: Path, passed: Counter[str]) -> Iterator[Path]:
    """All files under a folder, at any depth."""

    def count(_: OSError) -> None:
        passed["folders not readable"] += 1

    for root, folders, names in os.walk(folder, onerror=count):
        passed.update("linked folders" for name in folders if Path(root, name).is_symlink())
        yield from (Path(root, name) for name in names)


def _is_leftover(within: Path) -> bool:
    """Whether a file is hidden, in a hidden folder, or what a program has left."""
    return within.name.endswith(LEFTOVER_ENDS) or any(
        part.startswith((".", "#", "~")) or part.lower() in LEFTOVER_FOLDERS
        for part in within.parts
    )


def counted(reasons: Counter[str]) -> str:
    """Reasons with how many images each is for, the commonest first."""
    ordered = sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    return few([f"{count} {reason}" for reason, count in ordered])


# DIV2K


def fetch_div2k(
    split: str = "valid", folder: str | Path | None = None, base_url: str = DIV2K_URL
) -> Path:
    """The folder of the DIV2K photographs (0801.png, …), complete; fetched where it is missing.

    DIV2K (Agustsson and Timofte, CVPR workshops 2017) has the splits "valid" (100 photographs, an
    archive of 449 MB) and "train" (800, 3.5 GB). `DIV2K_{split}_HR` lies in `folder`, by default
    `div2k` in the cache; it appears whole or not at all. DDRError where photographs are missing in
    it, or the archive cannot be fetched or has another SHA-256 than the one known.
    """
    if split not in DIV2K:
        raise DDRError(f"DIV2K split {split!r}: {did_you_mean(split, DIV2K)}")
    parent = Path(folder or cache_dir() / "div2k").expanduser()
    name = f"DIV2K_{split}_HR"
    if not (parent / name).exists():
        _download(f"{base_url.rstrip('/')}/{name}.zip", DIV2K_SHA256[split], parent, name)
    names = _div2k_names(split)
    there = sum((parent / name / photo).is_file() for photo in names)
    if there < len(names):
        raise DDRError(
            f"{parent / name} holds {there} of the {len(names)} photographs of the set; remove the "
            "folder to have it fetched, or unpack the archive again"
        )
    return parent / name


def _div2k_names(split: str) -> list[str]:
    return [f"{number:04}.png" for number in DIV2K[split]]


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
        remedy = f"unpack {name}.zip into {parent} by hand"
        raise DDRError(f"{name} could not be fetched ({one_line(error)}); {remedy}") from error
