"""Views that react in the built pages with no kernel, and compute anew where one runs.

Everything a widget shows lies in its synced traits, which papermill saves with the notebook; its
JavaScript (`static/`) works on them alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import anywidget
import ipywidgets
import numpy as np
import torch
import traitlets
from torch import Tensor

from ddrlib.data import Patches, load_patches
from ddrlib.degrade import degrade, parse, upsample
from ddrlib.errors import DDRError
from ddrlib.measure import Measurement, measure
from ddrlib.quality import psnr
from ddrlib.widgets.explorer_data import THUMBNAIL, Packed, pack, photograph_name, webp
from ddrlib.widgets.live import LiveWidget, Progress, static
from ddrlib.zoo import Network, load_network

# Pictures chosen by named axes

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
            axes=list(axes), frames=shown, pictures=list(pictures), live=live if compute else "",
        )

    def __repr__(self) -> str:
        return f"FrameViewer: {len(self.frames)} frames on the axes {', '.join(self.axes)}"


def _encode(row: Sequence[Picture], pictures: dict[bytes, int]) -> list[list]:
    """Each picture as [caption, number in `pictures`, None] or [caption, None, text]."""
    return [
        [caption, None, content] if isinstance(content, str)
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
        return _restorations(patches.images[k:k + 1], text, networks)[0]

    degrees = sorted({degree for values in degradations.values() for degree in values})
    axes = {"photograph": names, "degradation": list(degradations), "degree": degrees}
    return FrameViewer(axes, frame, compute, "any degradation, such as blur1.5+noise10+jpeg50")


@torch.inference_mode()
def _restorations(
    hr: Tensor, degradation: str, networks: Sequence[Network]
) -> list[list[Picture]]:
    """A row of pictures for each of the images (N, 3, H, W)."""
    lr = degrade(hr, degradation)
    results = {"bicubic": upsample(lr)}
    results |= {network.name: network.module(network.prepare(lr)).clamp(0, 1) for network in networks}
    return [
        [
            (f"low resolution, {parse(degradation)}", lr[i]),
            *((f"{name}, {psnr(sr[i:i + 1], hr[i:i + 1]).item():.1f} dB", sr[i])
              for name, sr in results.items()),
            ("truth", hr[i]),
        ]
        for i in range(len(hr))
    ]


# The explorer


class ExplorerData(ipywidgets.Widget):
    """What explorers show, as a widget of its own: stored once a page, however many show it."""

    index = traitlets.Dict().tag(sync=True)
    coordinates = traitlets.Bytes().tag(sync=True)
    atlas = traitlets.Bytes().tag(sync=True)

    def __init__(self, packed: Packed) -> None:
        super().__init__(**packed._asdict())


class Explorer(LiveWidget):
    """Scatter plots of projected features: compared, coloured, selected, played through the layers.

    `panels` names what one or two panels show at first, each (network, layer). `selection` holds the
    selected samples where a kernel runs. `compute(request, progress)` measures anew: see `recompute`.
    Several explorers of a page share one `data`.
    """

    _esm = static("common.js", "data.js", "panel.js", "export.js", "explorer.js")
    _css = static("common.css", "explorer.css")
    data = anywidget.WidgetTrait().tag(sync=True)
    panels = traitlets.List(traitlets.Dict()).tag(sync=True)
    colour = traitlets.Unicode().tag(sync=True)
    selection = traitlets.List(traitlets.Int()).tag(sync=True)
    live = traitlets.Bool().tag(sync=True)

    def __init__(
        self,
        data: ExplorerData,
        panels: Sequence[tuple[str, str]],
        colour: str = "degradation type",
        compute: Callable[[dict, Progress], Packed] | None = None,
    ) -> None:
        def answer(request: dict, progress: Progress) -> tuple[dict, list[bytes]]:
            index, *buffers = compute(request, progress)
            return {"index": index}, buffers

        super().__init__(
            answer if compute else None,
            data=data, colour=colour, live=compute is not None,
            panels=[_panel(data.index, *panel) for panel in panels],
        )

    def __repr__(self) -> str:
        names = [network["name"] for network in self.data.index["networks"]]
        return f"Explorer: {self.data.index['samples']} samples in {', '.join(names)}"


def _panel(index: dict, network: str, layer: str) -> dict:
    """The numbers of a network and a layer, and of the first t-SNE projection."""
    networks = [entry["name"] for entry in index["networks"]]
    if network not in networks:
        raise DDRError(f"explorer: no network {network!r}; there are {', '.join(networks)}")
    layers = [entry["name"] for entry in index["networks"][networks.index(network)]["layers"]]
    if layer not in layers:
        raise DDRError(f"explorer: {network} has no layer {layer!r}; it has {', '.join(layers)}")
    return {"network": networks.index(network), "layer": layers.index(layer), "projection": 1}


def explorer(
    measurements: Sequence[Measurement],
    patches: Patches,
    *,
    perplexities: Sequence[float] = (10.0,),
    panels: Sequence[tuple[str, str]] | None = None,
    load: Callable[[str], Network] = load_network,
) -> Explorer:
    """The explorer of these measurements of `patches`; `load` finds their networks by name again.

    It opens with the first two networks, each at the layer with the largest CHI by degradation,
    unless `panels` names others. It shows the measured t-SNE and PCA; each of `perplexities`
    besides costs a t-SNE a layer.
    """
    packed = pack(measurements, patches, _lr(patches, measurements[0].degradations), perplexities)
    panels = panels or [(m.network, _strongest(m)) for m in measurements[:2]]
    return Explorer(ExplorerData(packed), panels, compute=partial(recompute, load=load))


def recompute(
    request: dict, progress: Progress, load: Callable[[str], Network] = load_network
) -> Packed:
    """Measure what the explorer's form asks for.

    `request`: networks (names), degradations (comma-separated), perplexity, seed, contents and
    folder ("" for the book's own photographs).
    """
    seed, perplexity = int(request["seed"]), float(request["perplexity"])
    degradations = [text.strip() for text in request["degradations"].split(",")]
    patches = load_patches(request["folder"] or "eval", n=int(request["contents"]))
    measurements = [
        measure(
            load(name), patches, degradations, seeds=1, perplexity=perplexity,
            progress=lambda text, name=name: progress(f"{name}: {text}"),
        )
        for name in dict.fromkeys(request["networks"])
    ]
    images = _lr(patches, measurements[0].degradations)
    return pack(measurements, patches, images, seed=seed, progress=progress)


def _strongest(measurement: Measurement) -> str:
    return max(measurement.layers, key=lambda layer: layer.chi_degradation.mean).layer


def _lr(patches: Patches, degradations: Sequence[str]) -> Tensor:
    """The LR images in the order of the samples: degradation by degradation."""
    return torch.cat([degrade(patches.images, degradation) for degradation in degradations])
