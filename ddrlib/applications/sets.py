"""Distorted images with their labels: generated from photographs, or listed in a table.

A public set of distorted images is read by a CSV table with one row per distorted image: `path`
(relative to the table), `reference` (the undistorted picture that it was made of), `type` and
`level` (1 is the weakest). `scripts/set_table.py` makes it for LIVE, CSIQ, TID2013 and KADID-10k.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ddrlib.data.images import load_image
from ddrlib.degrade.degradation import degrade
from ddrlib.errors import DDRError, few, one_line

# Five degrees of each type, in the units of `ddrlib.degrade.steps`, weakest first. LIVE has the
# first five types, KADID-10k the others.
TYPES: dict[str, tuple[float, ...]] = {
    "jp2k": (12, 24, 40, 70, 110),
    "jpeg": (43, 30, 20, 12, 7),
    "noise": (5, 10, 18, 30, 50),
    "blur": (0.7, 1.2, 2, 3.5, 6),
    "fading": (0.2, 0.5, 1, 2, 4),
    "lens": (1, 1.7, 3, 5, 8),
    "motion": (3, 5, 9, 15, 25),
    "quantize": (64, 32, 16, 8, 4),
    "contrast": (0.8, 0.65, 0.5, 0.35, 0.2),
    "impulse": (0.3, 1, 2, 5, 10),
}
# What a page calls them, where that is not the name of the step.
NAMES = {
    "jp2k": "JPEG 2000",
    "jpeg": "JPEG",
    "fading": "bit errors",
    "lens": "lens blur",
    "motion": "motion blur",
    "quantize": "few colours",
    "contrast": "low contrast",
    "impulse": "stray pixels",
}


def distorted_set(
    images: Tensor, types: Mapping[str, Sequence[float]] = TYPES, seed: int = 0
) -> tuple[Tensor, pd.DataFrame]:
    """Distort images at their own size.

    Parameters
    ----------
    images : Tensor
        (n, 3, H, W), RGB in [0, 1].
    types
        For each type, a name from `ddrlib.degrade.steps.KINDS`, its degrees, weakest first.
    seed
        Seed of what is random.

    Returns
    -------
    distorted : Tensor
        (N, 3, H, W), RGB in [0, 1], type by type, degree by degree.
    labels : DataFrame
        N rows with the columns type (its name in plain words), level (from 1) and reference
        (0 to n - 1).

    Raises
    ------
    DDRError
        For an unknown type, and a degree out of range.
    """
    distorted, labels = [], []
    for kind, degrees in types.items():
        for level, degree in enumerate(degrees, 1):
            distorted.append(degrade(images, f"{kind}{degree}", scale=1, seed=seed))
            name = NAMES.get(kind, kind)
            labels += [(name, level, reference) for reference in range(len(images))]
    return torch.cat(distorted), pd.DataFrame(labels, columns=["type", "level", "reference"])


def overview(labels: pd.DataFrame, levels: Sequence[int]) -> pd.DataFrame:
    """Where the versions of the first reference are.

    Parameters
    ----------
    labels
        With the columns `reference`, `type` and `level`.
    levels
        Those wanted.

    Returns
    -------
    DataFrame
        Row numbers, levels down and types across; types without all of the levels are left out.

    Raises
    ------
    DDRError
        Where that leaves no type.
    """
    first = labels[labels.reference == labels.reference.iloc[0]].reset_index(names="row")
    table = first.pivot_table(index="level", columns="type", values="row", aggfunc="first")
    table = table.reindex(index=list(levels), columns=pd.unique(first.type)).dropna(axis=1)
    if table.empty:
        raise DDRError(
            f"no type has the levels {few(levels)}; there are {few(sorted(set(first.level)))}"
        )
    return table.astype(int)


class ImageFiles(Sequence[Tensor]):
    """Image files as a sequence of images (3, H, W), RGB in [0, 1], each read when asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:  # type: ignore[override]  # slices are not used
        return load_image(self.paths[index])


COLUMNS = ["path", "reference", "type", "level"]


def read_set(table: str | Path) -> tuple[ImageFiles, pd.DataFrame]:
    """The images of a table, read when they are asked for, and their labels.

    Parameters
    ----------
    table
        A CSV file with the columns `path` (relative to it), `reference`, `type` and `level`.

    Returns
    -------
    images : ImageFiles
        (3, H, W) each, RGB in [0, 1].
    labels : DataFrame
        A row for each image: reference, type, level.

    Raises
    ------
    DDRError
        Where the table is missing, damaged or incomplete, lists fewer than two types or an image
        twice, or images that it lists are missing.
    """
    path = Path(table).expanduser()
    if not path.is_file():
        raise DDRError(f"{path}: no such table of distorted images; give a CSV file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # more entries than columns
            rows = pd.read_csv(
                path, dtype=str, keep_default_na=False, skipinitialspace=True, index_col=False
            )
    except (ValueError, pd.errors.ParserWarning) as error:  # no CSV, not UTF-8, empty
        raise DDRError(f"{path} is no CSV table: {one_line(error)}") from None
    if missing := [name for name in COLUMNS if name not in rows]:
        raise DDRError(f"{path} has no column {few(missing)}; it needs {few(COLUMNS)}")
    rows = rows[COLUMNS].assign(level=pd.to_numeric(rows.level, errors="coerce"))
    bad = np.flatnonzero((rows == "").any(axis=1) | ~np.isfinite(rows.level))
    if len(bad):
        raise DDRError(f"{path}, line {bad[0] + 2}: an entry is empty, or the level is no number")
    if rows.type.nunique() < 2 or rows.path.duplicated().any():
        raise DDRError(f"{path}: list two types at least, and each image once")
    files = [path.parent / name for name in rows.path]
    if missing := [file for file in files if not file.is_file()]:
        raise DDRError(
            f"{path}: {len(missing)} of its {len(files)} images are missing, {few(missing, 1)}"
        )
    return ImageFiles(files), rows.drop(columns="path")
