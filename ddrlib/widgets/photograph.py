"""A reader's own photograph, looked at by networks that run in the page itself.

The page gets the weights of small networks, a kernel that convolves (`static/page/convolution.ts`)
and the degradations in JavaScript; neither a Python kernel nor the network is needed. What is drawn
around the reader's photograph is computed here: where reference photographs lie on the map of each
layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import traitlets
from sklearn.decomposition import PCA
from torch import Tensor

from ddrlib.data.credits import licence, shipped
from ddrlib.data.photographs import Patches, load_photos
from ddrlib.data.tiles import MIN_DEVIATION, MIN_GRADIENT
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract
from ddrlib.features.grams import gram
from ddrlib.features.progress import Progress
from ddrlib.measure.controls import high_pass
from ddrlib.measure.metrics import variance_components
from ddrlib.plots.palette import PALETTE
from ddrlib.widgets import engine
from ddrlib.widgets.engine import Arrays
from ddrlib.widgets.live import LiveWidget, static
from ddrlib.widgets.thumbnails import photograph_name, webp
from ddrlib.zoo.loading import open_network
from ddrlib.zoo.network import Network

UNTRAINED, HIGH_PASS = "untrained", "high-pass filter"
SHIPPED = {  # photographs of the eval split that a page brings along, by what they show
    "Owl": "explore_farm_animals_animals_owl",
    "Castle of Chenonceau": "explore_monuments_france_chateaudeChenonceau",
    "Koala": "explore_world_animals_animals_koala",
    "Waterfall": "life_by_Aitzol_Berasategi",
    "Nubian ibex": "erase_nubian_ibex",
    "Citrus fruits": "citrus-fruits",
}
FEW = 3  # of them are on a page where the widget is one of several
BLOCK = 64  # of pixels that a window's side is a multiple of: JPEG's blocks in the LR image


class Photograph(LiveWidget):
    """Choose a photograph, move a window on it, degrade it: what networks make of it at once.

    Where a kernel runs, further networks of the architecture can be named.
    """

    _esm = static(
        "common.js",
        "curve.js",
        *engine.ENGINE,
        *engine.PHOTO,
        "page/marks.js",
        "page/map.js",
        "page/instrument.js",
        "page/photograph.js",
    )
    _css = static("common.css", "page/photograph.css")
    index = traitlets.Dict().tag(sync=True)
    weights = engine.weights_list()
    numbers = traitlets.Bytes().tag(sync=True)  # float32: the maps
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    kernel = traitlets.Bytes().tag(sync=True)

    def __repr__(self) -> str:
        names = [instrument["name"] for instrument in self.index["instruments"]]
        return f"Photograph: a reader's photograph through {', '.join(names)}"


def photograph(
    networks: Mapping[str, Network],
    patches: Patches,
    degradations: Sequence[str] = ("clean", "blur4", "noise20"),
    compact: bool = False,
) -> Photograph:
    """The widget in which a reader's photograph goes through networks.

    Parameters
    ----------
    networks
        By the name that the page calls them. SRResNets of any size, with or without global
        residual. Beside them stand two controls: the first one's architecture with weights that
        have learnt nothing, and `ddrlib.measure.controls.high_pass`.
    patches
        The reference photographs, without those that the page brings along (`SHIPPED`); their size,
        a multiple of 64, is that of the frame on the reader's photograph.
    degradations
        The degradations under which the reference photographs are shown.
    compact
        Whether it has maps alone, no features and no outputs, and fewer photographs: half of what a
        page carries.

    Returns
    -------
    Photograph
        It runs in the page alone, without a kernel; with one, further networks can be named.

    Raises
    ------
    DDRError
        For a network that the page cannot run, and a size of patches that is no multiple of 64.
    """
    size = patches.images.shape[-1]
    if size % BLOCK:
        raise DDRError(f"patches of {size} pixels: a page takes multiples of {BLOCK}")
    shown = shipped_photographs()
    others = ~np.isin(patches.source, [row["source"] for row, _ in shown])
    samples = Samples.of(patches.some(others), degradations)
    shown = shown[: FEW if compact else None]
    numbers, instruments = Arrays("<f4"), []
    weights: list[engine.Weights] = []
    for name, network in networks.items():
        instrument, tensors = _instrument(name, network, samples, numbers, output=not compact)
        instruments.append(instrument | {"weights": len(weights)})
        weights.append(engine.weights(tensors))
    fresh = engine.untrained(next(iter(networks.values())))
    instrument, _ = _instrument(UNTRAINED, fresh, samples, numbers, output=not compact)
    instruments.append(instrument | {"seed": engine.SEED})
    filtered = torch.from_numpy(high_pass(samples.images)).view(samples.images.shape)
    layer = _layer(HIGH_PASS, filtered, samples, numbers)
    instruments.append({"name": HIGH_PASS, "layers": [layer]})
    index = {
        "size": size // 4,
        "scale": 4,
        "compact": compact,
        "degradations": [
            {"name": name, "colour": PALETTE[k % len(PALETTE)]}
            for k, name in enumerate(degradations)
        ],
        "contents": samples.n,
        "flat": {"gradient": MIN_GRADIENT, "deviation": MIN_DEVIATION},
        "instruments": instruments,
        "photographs": [row for row, _ in shown],
    }

    def another(request: dict, progress: Progress) -> tuple[dict, list[bytes]]:
        network = open_network(request["network"])
        progress(f"{network.name}: {len(samples.images)} images through its trunk …")
        found = Arrays("<f4")
        instrument, tensors = _instrument(network.name, network, samples, found, output=not compact)
        return {"instrument": instrument}, [tensors.bytes(), found.bytes()]

    return Photograph(
        another,
        index=index,
        weights=weights,
        numbers=numbers.bytes(),
        pictures=[webp(pixels / 255, 90) for _, pixels in shown],
        kernel=engine.kernel(),
    )


def _instrument(
    name: str, network: Network, samples: Samples, numbers: Arrays, output: bool
) -> tuple[dict, Arrays]:
    """What the page is told of a network, and its weights; the maps of its layers go to `numbers`."""
    tensors = Arrays("<f2")
    about = engine.describe(network, tensors, output)
    maps = _maps(network, samples.images)
    layers = [_layer(layer, found, samples, numbers) for layer, found in maps.items()]
    return {"name": name, "network": about, "layers": layers}, tensors


def _maps(network: Network, images: Tensor) -> dict[str, Tensor]:
    """The trunk's feature maps (N, C, h, w) by layer, from the first convolution on."""
    module: Any = network.module
    names = list(network.layers)[: len(module.body) + 1]
    height, width = images.shape[-2:]
    rows = extract(network, images, names)
    return {
        name: torch.from_numpy(row).view(len(images), -1, height, width)
        for name, row in rows.items()
    }


def _layer(name: str, maps: Tensor, samples: Samples, numbers: Arrays) -> dict:
    """The map of a layer, its measures, and three directions of its pixels to show as colours."""
    maps = maps.float()
    means = maps.mean(dim=(2, 3)).double().numpy()
    plane = PCA(2, svd_solver="covariance_eigh").fit(means)
    pixels = maps.movedim(1, -1).flatten(0, 2)[::53].double().numpy()
    colours = PCA(3, svd_solver="covariance_eigh").fit(pixels)
    low, high = np.percentile(colours.transform(pixels), [2, 98], axis=0)
    spreads = maps.std(dim=(2, 3)).add(1e-3).log().double().numpy()
    components, of_spreads = (
        variance_components(gram(pooled), samples.n) for pooled in (means, spreads)
    )
    return {
        "name": name,
        "mean": numbers.add(plane.mean_),
        "axes": numbers.add(plane.components_),
        "points": numbers.add(plane.transform(means)),
        "explained": float(plane.explained_variance_ratio_.sum()),
        "degradation": components.degradation,
        "content": components.content,
        "spread": of_spreads.degradation,  # of the maps' log standard deviations
        "colours": {
            "mean": numbers.add(colours.mean_),
            "axes": numbers.add(colours.components_),
            "low": numbers.add(low),
            "high": numbers.add(high),
        },
    }


def shipped_photographs() -> list[tuple[dict, Tensor]]:
    """What to say of each shipped photograph, and its pixels (3, H, W), uint8."""
    pixels = {photograph_name(source): (source, image) for source, image in load_photos("eval")}
    shown = []
    for title, name in SHIPPED.items():
        source, image = pixels[name]
        row = shipped()[source]
        credit = {"author": row["author"], "licence": licence(row)}
        shown.append(({"name": title, "source": source, **credit}, image))
    return shown
