"""Pictures computed beforehand and chosen on named axes; the gallery of restorations is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial

import traitlets
from torch import Tensor

from ddrlib.data.credits import credits
from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import degrade, parse, upsample
from ddrlib.errors import DDRError
from ddrlib.features.extraction import super_resolve
from ddrlib.features.progress import Progress
from ddrlib.measure.fidelity import psnr
from ddrlib.widgets.live import LiveWidget, static
from ddrlib.widgets.thumbnails import webp
from ddrlib.zoo.names import plain_name
from ddrlib.zoo.network import Network

EXACT = 64  # pixels: the largest side that is stored without loss

Picture = tuple[str, Tensor]  # a caption and an image (3, H, W) in [0, 1]
# The values of an axis, or those that go with each value of the axis before.
Values = Sequence[str | float] | Mapping[str, Sequence[float]]
# A scale, and what enlarges LR images (N, 3, H, W) by it.
Method = tuple[int, Callable[[Tensor], Tensor]]


class FrameViewer(LiveWidget):
    """A row of captioned pictures, chosen on named axes: all frames are computed beforehand.

    Axes have values, where numbers make a slider and texts a drop-down, or on the first axis small pictures
    (the last of a row, the truth). `frames(*values)` gives the
    pictures of a combination, or none where it does not exist: a later axis then offers only what
    fits the choices before it. Where a kernel runs, `compute(choice, text)` gives the pictures of
    what the reader typed into the field labelled `live`; `choice` maps the axes to their values.
    `whose` says of a value of the first axis whose photograph it is. It opens on the frame numbered
    `opening`, with the pictures whose captions begin with the two names in `compared` large; by default
    the first, and the last but one.

    DDRError where no combination has a picture.
    """

    _esm = static("common.js", "gallery.js")
    _css = static("common.css", "gallery.css")
    axes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    frames = traitlets.List(traitlets.Dict()).tag(sync=True)
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    live = traitlets.Unicode().tag(sync=True)
    whose = traitlets.Dict().tag(sync=True)
    opening = traitlets.Int().tag(sync=True)
    compared = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        axes: Mapping[str, Values],
        frames: Callable[..., Sequence[Picture]],
        compute: Callable[[dict, str], Sequence[Picture]],
        live: str,
        whose: Mapping[str, str] | None = None,
        opening: int = 0,
        compared: Sequence[str] = (),
    ) -> None:
        pictures: dict[bytes, int] = {}  # frames often share a picture: each is stored once
        shown = [
            {"at": at, "show": _encode(row, pictures)}
            for at in _combinations(axes.values())
            if (row := frames(*at))
        ]
        if not shown:
            raise DDRError("FrameViewer: no combination of the axes has a picture; check `frames`")

        def answer(request: dict, progress: Progress) -> tuple[dict, list[bytes]]:
            fresh: dict[bytes, int] = {}
            row = _encode(compute(request["choice"], request["text"]), fresh)
            return {"show": row, "context": request["text"]}, list(fresh)

        super().__init__(
            answer,
            axes=list(axes),
            frames=shown,
            pictures=list(pictures),
            live=live,
            whose=dict(whose or {}),
            opening=opening,
            compared=list(compared),
        )

    def __repr__(self) -> str:
        return f"FrameViewer: {len(self.frames)} frames on the axes {', '.join(self.axes)}"


def _combinations(axes: Iterable[Values]) -> list[tuple]:
    """Every choice of a value on each axis, the last one changing fastest."""
    found: list[tuple] = [()]
    for values in axes:
        found = [
            (*at, value)
            for at in found
            for value in (values[at[-1]] if isinstance(values, Mapping) else values)
        ]
    return found


def _encode(row: Sequence[Picture], pictures: dict[bytes, int]) -> list[list]:
    """Each picture as [caption, number in `pictures`]."""
    return [
        [caption, pictures.setdefault(_compressed(image), len(pictures))] for caption, image in row
    ]


def _compressed(image: Tensor) -> bytes:
    """Low-resolution images exactly, since their very pixels are the matter; large ones at 90."""
    return webp(image, None if max(image.shape[1:]) <= EXACT else 90)


def gallery(
    patches: Patches,
    networks: Sequence[Network],
    degradations: Mapping[str, Sequence[float]],
) -> FrameViewer:
    """What a degradation does to a photograph, and what networks make of it.

    Parameters
    ----------
    patches
        Patches of photographs, their sides multiples of every scale.
    networks
        Super-resolution networks; scales may differ.
    degradations
        Kinds and degrees, from mild to strong: {"blur": [0, 1, 2, 4]}; degree 0 is clean.

    Returns
    -------
    FrameViewer
        Its axes are photograph, degradation and degree. Where a kernel runs, any degradation can be
        typed.

    Raises
    ------
    DDRError
        For an unknown kind of degradation, and a degree out of range.
    """
    methods = {plain_name(n.name): (n.scale, partial(super_resolve, n)) for n in networks}
    return restoration_frames(
        patches,
        {"degradation": list(degradations), "degree": degradations},
        lambda kind, degree: f"{kind}{degree:g}" if degree else "clean",
        lambda text: methods,
        "any degradation, such as blur1.5+noise10+jpeg50",
        opening=len(next(iter(degradations.values()))) - 1,  # the strongest of the first kind
    )


def restoration_frames(
    patches: Patches,
    axes: Mapping[str, Values],
    degradation: Callable[..., str],
    methods: Callable[[str], Mapping[str, Method]],
    live: str,
    opening: int,
    compared: Sequence[str] = (),
) -> FrameViewer:
    """A photograph, and on further axes a degradation: what methods make of it.

    `degradation(*values)` is its text, for which `methods` gives what is shown of it. It opens on the
    first photograph, in the frame numbered `opening`, with the two methods `compared` large.
    """
    names = [str(number) for number in range(1, len(patches) + 1)]

    @cache  # all photographs in one batch, and each degradation once, however it is chosen
    def rows(text: str) -> list[list[Picture]]:
        return restorations(patches.images, text, methods(text))

    def frame(photograph: str, *at: str | float) -> list[Picture]:
        return rows(degradation(*at))[names.index(photograph)]

    def compute(choice: dict, text: str) -> list[Picture]:
        k = names.index(choice["photograph"])
        return restorations(patches.images[k : k + 1], text, methods(text))[0]

    whose = dict(zip(names, credits(patches.source), strict=True))
    return FrameViewer(
        {"photograph": names, **axes}, frame, compute, live, whose, opening, compared
    )


def restorations(
    hr: Tensor, degradation: str, methods: Mapping[str, Method]
) -> list[list[Picture]]:
    """A row of pictures for each of the images (N, 3, H, W), RGB in [0, 1], with PSNR in dB.

    `methods` has by name the scale and what enlarges LR images by it. The LR image, its bicubic
    enlargement and what each method makes of it, scale by scale; at the end the truth.
    """
    rows: list[list[Picture]] = [[] for _ in hr]
    scales = sorted({scale for scale, _ in methods.values()})
    for scale in scales:
        note = f" (x{scale})" if len(scales) > 1 else ""
        lr = degrade(hr, degradation, scale)
        restored = {f"bicubic{note}": upsample(lr, scale)} if scale > 1 else {}
        restored |= {name: run(lr) for name, (of, run) in methods.items() if of == scale}
        decibels = {name: psnr(images, hr).tolist() for name, images in restored.items()}
        for i, row in enumerate(rows):
            row.append((f"low resolution{note}, {parse(degradation)}", lr[i]))
            said = {name: f"{decibels[name][i]:.2f}\N{NO-BREAK SPACE}dB" for name in restored}
            if len(restored) > 1:
                said[max(restored, key=lambda name: decibels[name][i])] += ", best"
            row += [(f"{name}, {said[name]}", restored[name][i]) for name in restored]
    return [[*row, ("truth", truth)] for row, truth in zip(rows, hr, strict=True)]
