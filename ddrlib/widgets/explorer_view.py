"""The explorer: scatter plots of projected features, and measuring anew what its form asks for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import anywidget
import ipywidgets
import torch
import traitlets
from torch import Tensor

from ddrlib.data.photographs import Patches, load_patches
from ddrlib.degrade.degradation import degrade
from ddrlib.errors import DDRError
from ddrlib.measure.measurement import Measurement, measure
from ddrlib.widgets.explorer_data import Packed, pack
from ddrlib.widgets.live import LiveWidget, Progress, static
from ddrlib.zoo.loading import Network, load_network


class ExplorerData(ipywidgets.Widget):
    """What explorers show, as a widget of its own: stored once a page, however many show it."""

    index = traitlets.Dict().tag(sync=True)
    coordinates = traitlets.Bytes().tag(sync=True)
    atlas = traitlets.Bytes().tag(sync=True)

    def __init__(self, packed: Packed) -> None:
        super().__init__(**packed._asdict())


class Explorer(LiveWidget):
    """Scatter plots of projected features: compared, coloured, selected, played through the layers.

    `panels` names what one or two panels show at first, each (network, layer); unless given, the
    first two networks, each at the layer with the largest CHI by degradation. `selection` holds the
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
        panels: Sequence[tuple[str, str]] | None = None,
        colour: str = "degradation type",
        compute: Callable[[dict, Progress], Packed] | None = None,
    ) -> None:
        def answer(request: dict, progress: Progress) -> tuple[dict, list[bytes]]:
            index, *buffers = compute(request, progress)
            return {"index": index}, buffers

        super().__init__(
            answer if compute else None,
            data=data,
            colour=colour,
            live=compute is not None,
            panels=[_panel(data.index, *panel) for panel in panels or _strongest(data.index)],
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
    folder: str = "",
    load: Callable[[str], Network] = load_network,
) -> Explorer:
    """The explorer of these measurements of `patches`, which come from `folder` ("": the book's own).

    It shows the measured t-SNE and PCA; each of `perplexities` besides costs a t-SNE a layer. For
    `panels` see `Explorer`. `load` finds the networks by name, to measure them anew.
    """
    images = _lr(patches, measurements[0].degradations)
    packed = pack(measurements, patches, images, perplexities, folder=folder)
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
    progress("Reading photographs …")
    patches = load_patches(request["folder"] or "eval", n=int(request["contents"]))
    measurements = []
    for name in dict.fromkeys(request["networks"]):
        progress(f"{name}: {len(degradations) * len(patches)} images through all layers …")
        measurements.append(
            measure(
                load(name),
                patches,
                degradations,
                seeds=1,
                perplexity=perplexity,
                progress=lambda text, name=name: progress(f"{name}: {text}"),
            )
        )
    images = _lr(patches, measurements[0].degradations)
    return pack(
        measurements, patches, images, seed=seed, folder=request["folder"], progress=progress
    )


def _strongest(index: dict) -> list[tuple[str, str]]:
    """The first two networks, each with the layer that sorts most by degradation."""

    def chi(layer: dict) -> float:
        mean, *_ = layer["chi"]["degradation"]
        return math.inf if mean is None else mean  # JSON knows no infinity

    return [
        (network["name"], max(network["layers"], key=chi)["name"])
        for network in index["networks"][:2]
    ]


def _lr(patches: Patches, degradations: Sequence[str]) -> Tensor:
    """The LR images in the order of the samples: degradation by degradation."""
    return torch.cat([degrade(patches.images, degradation) for degradation in degradations])
