"""A view of single images: what was done to them, and what each method takes it for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from ddrlib.applications.descriptions import Describe
from ddrlib.applications.identification import Identifier
from ddrlib.degrade.degradation import degrade
from ddrlib.widgets.frame_viewer import FrameViewer, Picture

SHOWN = 64  # pixels a side, at most, of what is shown; the methods see all
LIVE = "any degradation, such as noise12 or blur1.5+jpeg30"


def identification_viewer(
    images: Sequence[Tensor],
    labels: pd.DataFrame,
    methods: Mapping[str, np.ndarray],
    describers: Mapping[str, Describe],
    pictures: Mapping[str, object],
    levels: Sequence[int],
    originals: Mapping[str, Tensor],
    head: str,
) -> FrameViewer:
    """Choose a picture, a type and a level: the image, and what each method says it is.

    No method has seen these pictures: each learns from all the others.

    Parameters
    ----------
    images
        (3, H, W) each, RGB in [0, 1], the distorted ones.
    labels
        A row for each image: `reference`, `type`, `level`.
    methods
        Features (N, d) by method.
    describers
        By method: what a running kernel asks for the features of an image
        (`ddrlib.applications.descriptions.describers`).
    pictures
        By the name shown: the references that can be chosen.
    levels
        Those that can be chosen.
    originals
        By the name shown: the undistorted images (3, H, W), RGB in [0, 1], which a running kernel
        degrades as the reader types.
    head
        "linear" or "svm", the classifier.

    Returns
    -------
    FrameViewer
        Its axes are picture, distortion and level.

    Raises
    ------
    DDRError
        For another head, and where no combination has an image.
    """
    held_out = labels.reference.isin(pictures.values()).to_numpy()
    identifiers = {
        method: Identifier(features[~held_out], labels[~held_out], head)
        for method, features in methods.items()
    }
    rows = np.flatnonzero(held_out).tolist()
    answers = {
        method: dict(zip(rows, identifiers[method].identify(features[rows]), strict=True))
        for method, features in methods.items()
    }
    at = {
        (label.reference, label.type, label.level): row
        for row, label in zip(rows, labels[held_out].itertuples(), strict=True)
    }

    def frame(picture: str, kind: str, level: int) -> list[Picture]:
        row = at.get((pictures[picture], kind, level))
        if row is None:
            return []
        said = {method: by_row[row] for method, by_row in answers.items()}
        return [(f"{kind}, level {level}", _middle(images[row])), *_in_words(said, kind)]

    def compute(choice: dict, text: str) -> list[Picture]:
        image = degrade(originals[choice["picture"]][None], text, scale=1)[0]
        said = {
            method: identifier.identify(describers[method]([image]))[0]
            for method, identifier in identifiers.items()
        }
        return [(text, _middle(image)), *_in_words(said)]

    axes = {"picture": list(pictures), "distortion": list(pd.unique(labels.type)), "level": levels}
    return FrameViewer(axes, frame, compute, LIVE)


def _in_words(said: Mapping[str, tuple[str, float]], truth: str | None = None) -> list[Picture]:
    """What each method takes an image for, with a verdict where the truth is one type."""
    return [
        (
            f"{method}: {'right' if kind == truth else 'wrong'}" if truth else method,
            f"{kind}, level {level:.1f}",
        )
        for method, (kind, level) in said.items()
    ]


def _middle(image: Tensor) -> Tensor:
    """The middle of an image, at most `SHOWN` pixels a side, for the page to stay small."""
    top, left = ((side - min(side, SHOWN)) // 2 for side in image.shape[1:])
    return image[:, top : top + SHOWN, left : left + SHOWN]
