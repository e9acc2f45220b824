"""A game of single images: guess what was done to them, then see what each method took it for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import traitlets
from torch import Tensor

from ddrlib.applications.descriptions import Describe
from ddrlib.applications.heads import Identifier
from ddrlib.degrade.degradation import degrade
from ddrlib.errors import DDRError
from ddrlib.features.progress import Progress
from ddrlib.widgets.live import LiveWidget, static
from ddrlib.widgets.thumbnails import webp

SHOWN = 64  # pixels a side, at most, of what is shown; the methods see all
LIVE = "any degradation, such as noise12 or blur1.5+jpeg30"
Answer = tuple[str, str, float]  # method, type, level


class DistortionGame(LiveWidget):
    """The reader guesses a picture's type of distortion; then the truth and all answers are shown."""

    _esm = static("common.js", "guess.js")
    _css = static("common.css", "guess.css")
    types = traitlets.List(traitlets.Unicode()).tag(sync=True)
    states = traitlets.List(traitlets.Dict()).tag(sync=True)
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    originals = traitlets.List(traitlets.Bytes()).tag(sync=True)  # of each state, or none at all
    opening = traitlets.Int().tag(sync=True)  # the number of the first picture
    live = traitlets.Unicode(LIVE).tag(sync=True)

    def __init__(
        self,
        types: Sequence[str],
        states: Sequence[dict],
        images: Sequence[Tensor],
        originals: Mapping[str, Tensor],
        answer: Callable[[str, str], tuple[Tensor, list[Answer]]],
    ) -> None:
        undistorted = {name: webp(_middle(image)) for name, image in originals.items()}

        def compute(request: dict, progress: Progress) -> tuple[dict, list[bytes]]:
            image, said = answer(request["reference"], request["text"])
            return {"said": said}, [webp(_middle(image))]

        super().__init__(
            compute,
            types=list(types),
            states=list(states),
            pictures=[webp(_middle(image)) for image in images],
            originals=[undistorted[state["reference"]] for state in states if undistorted],
            opening=_opening(states, images),
        )

    def __repr__(self) -> str:
        return f"DistortionGame: {len(self.states)} pictures of {', '.join(self.types)}"


def identification_viewer(
    images: Sequence[Tensor],
    labels: pd.DataFrame,
    methods: Mapping[str, np.ndarray],
    describers: Mapping[str, Describe],
    pictures: Mapping[str, object],
    levels: Sequence[int],
    originals: Mapping[str, Tensor],
    head: str,
) -> DistortionGame:
    """The game with pictures of all types at these levels.

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
        By the name shown: the references that are asked about.
    levels
        Those that are asked about.
    originals
        By the name shown: the undistorted images (3, H, W), RGB in [0, 1], which are shown after the guess
        and which a running kernel degrades as the reader types; none where they are not at hand.
    head
        "linear" or "svm", the classifier.

    Returns
    -------
    DistortionGame
        A picture for each reference, type and level.

    Raises
    ------
    DDRError
        For another head, and where no combination has an image.
    """
    names = {reference: name for name, reference in pictures.items()}
    held_out = labels.reference.isin(names).to_numpy()
    identifiers = {
        method: Identifier(features[~held_out], labels[~held_out], head)
        for method, features in methods.items()
    }
    rows = np.flatnonzero(held_out & labels.level.isin(levels).to_numpy()).tolist()
    answers = {method: identifiers[method].identify(methods[method][rows]) for method in methods}
    states = [
        {
            "reference": names[label.reference],
            "type": label.type,
            "level": label.level,
            "said": [(method, *found[k]) for method, found in answers.items()],
        }
        for k, label in enumerate(labels.iloc[rows].itertuples())
    ]

    def answer(reference: str, text: str) -> tuple[Tensor, list[Answer]]:
        if reference not in originals:
            raise DDRError(
                "the table does not say where the undistorted images are: choose a picture"
            )
        image = degrade(originals[reference][None], text, scale=1)[0]
        said = {m: each.identify(describers[m]([image]))[0] for m, each in identifiers.items()}
        return image, [(method, *found) for method, found in said.items()]

    shown = [images[k] for k in rows]
    return DistortionGame(pd.unique(labels.type), states, shown, originals, answer)


def _opening(states: Sequence[dict], images: Sequence[Tensor]) -> int:
    """A picture that is worth a guess: one on which the first method is right and another is not.

    Of those one that is easy to see: of the photograph of most contrast, at a middle level, the one that
    keeps it.
    """
    levels = sorted(state["level"] for state in states)
    weakest: dict[str, list[float]] = {}  # the contrasts of each photograph at the weakest level
    for state, image in zip(states, images, strict=True):
        if state["level"] == levels[0]:
            weakest.setdefault(state["reference"], []).append(image.std().item())
    contrast = {reference: float(np.median(found)) for reference, found in weakest.items()}

    def worth(k: int) -> tuple[bool, float, float, float]:
        state = states[k]
        right = [kind == state["type"] for _, kind, _ in state["said"]]
        away = abs(state["level"] - levels[len(levels) // 2])
        most = contrast.get(state["reference"], 0.0)
        parts = right[:1] == [True] and not all(right)
        return parts, most, -away, -abs(images[k].std().item() - most)

    return max(range(len(states)), key=worth)


def _middle(image: Tensor) -> Tensor:
    """The middle of an image, at most `SHOWN` pixels a side, for the page to stay small."""
    top, left = ((side - min(side, SHOWN)) // 2 for side in image.shape[1:])
    return image[:, top : top + SHOWN, left : left + SHOWN]
