"""Distorted images with their labels: generated from photographs, or read from a public set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from ddrlib.data.images import load_image
from ddrlib.data.quality_sets import READERS
from ddrlib.degrade.degradation import degrade
from ddrlib.errors import DDRError

# Five degrees a type, in the units of `ddrlib.degrade.steps`, weakest first. The first five
# types are those of LIVE, the others are in KADID-10k.
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


def distorted_set(
    images: Tensor, types: Mapping[str, Sequence[float]] = TYPES, seed: int = 0
) -> tuple[Tensor, pd.DataFrame]:
    """Each image (n, 3, H, W) under each type and degree, at its own size, with the labels."""
    distorted, labels = [], []
    for kind, degrees in types.items():
        for level, degree in enumerate(degrees, 1):
            distorted.append(degrade(images, f"{kind}{degree}", scale=1, seed=seed))
            labels += [(kind, level, reference) for reference in range(len(images))]
    return torch.cat(distorted), pd.DataFrame(labels, columns=["type", "level", "reference"])


def overview(labels: pd.DataFrame, levels: Sequence[int]) -> pd.DataFrame:
    """Where the versions of the first reference are: row numbers, levels down and types across.

    Types that have not all of the levels are left out.
    """
    first = labels[labels.reference == labels.reference.iloc[0]].reset_index(names="row")
    table = first.pivot(index="level", columns="type", values="row")
    return table.loc[list(levels), pd.unique(first.type)].dropna(axis=1).astype(int)


class ImageFiles(Sequence[Tensor]):
    """Image files as a sequence of images (3, H, W), RGB in [0, 1], each read when asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        return load_image(self.paths[index])


def read_set(dataset: str) -> tuple[ImageFiles, pd.DataFrame]:
    """The images and labels of a public set, called "NAME:FOLDER", such as "kadid10k:/data/kadid".

    NAME is one of `ddrlib.data.quality_sets.READERS`; DDRError where it is not, or the folder does
    not hold that set.
    """
    name, _, folder = dataset.partition(":")
    if name not in READERS or not folder:
        raise DDRError(
            f"data set {dataset!r}: write NAME:FOLDER, NAME one of {', '.join(READERS)}, FOLDER "
            "where it is unpacked; or generated"
        )
    table = READERS[name](Path(folder).expanduser())
    return ImageFiles(table.path.tolist()), table.drop(columns="path")
