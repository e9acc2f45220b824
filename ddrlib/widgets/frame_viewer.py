"""Pictures computed beforehand and chosen on named axes; the gallery of restorations is one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import traitlets
from torch import Tensor

from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import degrade, parse, upsample
from ddrlib.errors import DDRError
from ddrlib.features.extraction import super_resolve
from ddrlib.measure.fidelity import psnr
from ddrlib.widgets.explorer_data import THUMBNAIL, photograph_name, webp
from ddrlib.widgets.live import LiveWidget, Progress, static
from ddrlib.zoo.loading import Network

# A picture is a caption and an image (3, H, W) in [0, 1], or a caption and a text.
Picture = tuple[str, Tensor | str]


class FrameViewer(LiveWidget):
    """A row of captioned pictures, chosen on named axes: all frames are computed beforehand.

    `axes` maps names to values (numbers make a slider, texts a drop-down). `frames(*values)` gives
    the pictures of a combination, or none where it does not exist: a later axis then offers only
    what fits the choices before it. Where a kernel runs, `compute(choice, text)` gives the pictures
    of what the reader typed into a field called `live`; `choice` maps the axes to their values.
    """

    _esm = static("common.js", "gallery.js")
    _css = static("common.css", "gallery.css")
    axes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    frames = traitlets.List(traitlets.Dict()).tag(sync=True)
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    live = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        axes: Mapping[str, Sequence[str | float]],
        frames: Callable[..., Sequence[Picture]],
        compute: Callable[[dict, str], Sequence[Picture]] | None = None,
        live: str = "",
    ) -> None:
        pictures: dict[bytes, int] = {}  # frames often share a picture: each is stored once
        shown = [
            {"at": at, "show": _encode(row, pictures)}
            for at in itertools.product(*axes.values())
            if (row := frames(*at))
        ]
        if not shown:
            raise DDRError("FrameViewer: no combination of the axes has a picture; check `frames`")

        def answer(request: dict, progress: Progress) -> tuple[dict, list[bytes]]:
            fresh: dict[bytes, int] = {}
            row = _encode(compute(request["choice"], request["text"]), fresh)
            return {"show": row, "context": request["text"]}, list(fresh)

        super().__init__(
            answer if compute else None,
            axes=list(axes),
            frames=shown,
            pictures=list(pictures),
            live=live if compute else "",
        )

    def __repr__(self) -> str:
        return f"FrameViewer: {len(self.frames)} frames on the axes {', '.join(self.axes)}"


def _encode(row: Sequence[Picture], pictures: dict[bytes, int]) -> list[list]:
    """Each picture as [caption, number in `pictures`, None] or [caption, None, text]."""
    return [
        [caption, None, content]
        if isinstance(content, str)
        else [caption, pictures.setdefault(_compressed(content), len(pictures)), None]
        for caption, content in row
    ]


def _compressed(image: Tensor) -> bytes:
    """Low-resolution images exactly, since their very pixels are the matter; large ones at 90."""
    return webp(image, None if max(image.shape[1:]) <= 2 * THUMBNAIL else 90)


def gallery(
    patches: Patches,
    networks: Network | Sequence[Network],
    degradations: Mapping[str, Sequence[float]],
    count: int = 4,
) -> FrameViewer:
    """What a degradation does to a photograph, and what networks make of it.

    `degradations` maps kinds to degrees, {"blur": [0, 1, 2, 4]}; degree 0 is clean. Shown are the
    LR image, its bicubic enlargement, each network's output and the truth, with PSNR (RGB, border
    cropped), for `count` of the patches, evenly spread.
    """
    networks = [networks] if isinstance(networks, Network) else list(networks)
    chosen = np.linspace(0, len(patches) - 1, min(count, len(patches))).round().astype(int)
    names = [f"{photograph_name(patches.source[i])} ({i})" for i in chosen]

    @cache  # all photographs in one batch, and clean once, although it is of every kind
    def rows(degradation: str) -> list[list[Picture]]:
        return _restorations(patches.images[chosen], degradation, networks)

    def frame(photograph: str, kind: str, degree: float) -> list[Picture]:
        if degree not in degradations[kind]:
            return []
        return rows(f"{kind}{degree:g}" if degree else "clean")[names.index(photograph)]

    def compute(choice: dict, text: str) -> list[Picture]:
        k = chosen[names.index(choice["photograph"])]
        return _restorations(patches.images[k : k + 1], text, networks)[0]

    degrees = sorted({degree for values in degradations.values() for degree in values})
    axes = {"photograph": names, "degradation": list(degradations), "degree": degrees}
    return FrameViewer(axes, frame, compute, "any degradation, such as blur1.5+noise10+jpeg50")


def _restorations(hr: Tensor, degradation: str, networks: Sequence[Network]) -> list[list[Picture]]:
    """A row of pictures for each of the images (N, 3, H, W)."""
    lr = degrade(hr, degradation)
    results = {"bicubic": upsample(lr)}
    results |= {network.name: super_resolve(network, lr) for network in networks}
    return [
        [
            (f"low resolution, {parse(degradation)}", lr[i]),
            *(
                (f"{name}, {psnr(sr[i : i + 1], hr[i : i + 1]).item():.1f} dB", sr[i])
                for name, sr in results.items()
            ),
            ("truth", hr[i]),
        ]
        for i in range(len(hr))
    ]
