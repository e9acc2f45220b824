"""A reader's own photograph, looked at by networks that run in the page itself.

The page gets the weights of small networks, a kernel that convolves (`static/page/convolution.ts`)
and the degradations in JavaScript; neither a Python kernel nor the network is needed. What is drawn
around the reader's photograph is computed here: where reference photographs lie on the map of each
layer.
"""

from __future__ import annotations

import copy
import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import anywidget
import ipywidgets
import numpy as np
import torch
import torch.nn.functional as F
import traitlets
from sklearn.decomposition import PCA
from torch import Tensor

from ddrlib.data.photographs import MIN_DEVIATION, MIN_GRADIENT, Patches, load_photos
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract
from ddrlib.features.grams import gram
from ddrlib.files import DATA
from ddrlib.measure.metrics import variance_split
from ddrlib.networks.srresnet import SRResNet
from ddrlib.plots.palette import PALETTE
from ddrlib.widgets.live import STATIC, static
from ddrlib.widgets.thumbnails import photograph_name, webp
from ddrlib.zoo.identity import walk
from ddrlib.zoo.loading import Network

ENGINE = ("page/network.js", "page/degrade.js")  # what computes, without anything that shows
UNTRAINED, HIGH_PASS = "untrained", "high-pass filter"
SEED = 1  # of the untrained weights
BLOCK = 64  # of pixels that a window's side is a multiple of: JPEG's blocks in the LR image


class PageData(ipywidgets.Widget):
    """What a page needs to compute, as a widget of its own: stored once, however many show it."""

    index = traitlets.Dict().tag(sync=True)
    weights = traitlets.List(traitlets.Bytes()).tag(sync=True)  # float16, a network each
    numbers = traitlets.Bytes().tag(sync=True)  # float32: the maps
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    kernel = traitlets.Bytes().tag(sync=True)


class Photograph(anywidget.AnyWidget):
    """Choose a photograph, move a window on it, degrade it: what networks make of it at once."""

    _esm = static("common.js", *ENGINE, "page/photo.js", "page/map.js", "page/photograph.js")
    _css = static("common.css", "page/photograph.css")
    data = anywidget.WidgetTrait().tag(sync=True)

    def __repr__(self) -> str:
        names = [instrument["name"] for instrument in self.data.index["instruments"]]
        return f"Photograph: a reader's photograph through {', '.join(names)}"


class Arrays:
    """Arrays one behind the other, of one type, each found again by its place and shape."""

    def __init__(self, dtype: str) -> None:
        self.dtype, self.size, self.parts = dtype, 0, []

    def add(self, array: np.ndarray) -> dict:
        """Append an array; says where it lies, in numbers from the start."""
        part = np.ascontiguousarray(array, dtype=self.dtype)
        self.parts.append(part.tobytes())
        place = {"at": self.size, "shape": list(part.shape)}
        self.size += part.size
        return place

    def bytes(self) -> bytes:
        return b"".join(self.parts)


def photograph(
    networks: Mapping[str, Network],
    patches: Patches,
    photographs: Mapping[str, str],
    degradations: Sequence[str] = ("clean", "blur4", "noise20"),
) -> Photograph:
    """The widget in which a reader's photograph goes through networks.

    Parameters
    ----------
    networks : mapping of str to Network
        By the name that the page calls them. SRResNets of any size, with or without global residual.
        Beside them stand two controls: the first one's architecture with weights that have learnt
        nothing, and `high_pass`.
    patches : Patches
        The reference photographs, n of them; their size is that of the window.
    photographs : mapping of str to str
        Photographs of the "eval" split that the page brings along, by what they show; each a name as
        `photograph_name` gives it. They are left out of the reference.
    degradations : sequence of str
        Under which the reference photographs are shown.

    Raises
    ------
    DDRError
        For a network that the page cannot run, a photograph that there is not, and a size of patches
        that is no multiple of 64.
    """
    size = patches.images.shape[-1]
    for name, network in networks.items():
        if type(network.module) is not SRResNet or len(network.module.conv_first.weight) % 8:
            raise DDRError(
                f"{name} ({network.name}): a page runs an SRResNet of 8, 16, 24 ... channels, not "
                "this network; choose another"
            )
    if size % BLOCK:
        raise DDRError(f"patches of {size} pixels: a page takes multiples of {BLOCK}")
    shown = _shown(photographs)
    others = ~np.isin(patches.source, [row["source"] for row, _ in shown])
    samples = Samples.of(_some(patches, others), degradations)

    numbers, weights, instruments = Arrays("<f4"), [], []
    for name, network in networks.items():
        tensors = Arrays("<f2")
        about = describe(network, tensors)
        weights.append(tensors.bytes())
        maps = _maps(network, samples.images)
        instruments.append(
            {"name": name, "network": about, "weights": len(weights) - 1}
            | {"layers": [_layer(*item, samples, numbers) for item in maps.items()]}
        )
    first = next(iter(networks.values()))
    maps = _maps(untrained(first), samples.images)
    instruments.append(
        {"name": UNTRAINED, "network": instruments[0]["network"], "seed": SEED}
        | {"layers": [_layer(*item, samples, numbers) for item in maps.items()]}
    )
    maps = high_pass(samples.images)
    instruments.append({"name": HIGH_PASS, "layers": [_layer(HIGH_PASS, maps, samples, numbers)]})
    index = {
        "size": size // 4,
        "scale": 4,
        "degradations": [
            {"name": name, "colour": PALETTE[k % len(PALETTE)]}
            for k, name in enumerate(degradations)
        ],
        "contents": samples.n,
        "flat": {"gradient": MIN_GRADIENT, "deviation": MIN_DEVIATION},
        "instruments": instruments,
        "photographs": [row for row, _ in shown],
    }
    data = PageData(
        index=index,
        weights=weights,
        numbers=numbers.bytes(),
        pictures=[webp(pixels / 255, 90) for _, pixels in shown],
        kernel=(STATIC / "page" / "convolution.wasm").read_bytes(),
    )
    return Photograph(data=data)


def describe(network: Network, tensors: Arrays) -> dict:
    """What the engine of the page has to know of a network; its tensors go to `tensors`."""
    places = {key: tensors.add(value.numpy()) for key, value in network.module.state_dict().items()}
    module, arguments = network.module, network.card["arguments"]
    about = {
        "channels": len(module.conv_first.weight),
        "blocks": len(module.body),
        "global_residual": module.global_residual,
        "scale": network.scale,
        "tensors": places,
        "size": tensors.size,
    }
    if arguments.get("guide") == "oracle":
        about["strongest"] = list(module.strongest)
    return about


def uniform(seed: int, count: int) -> np.ndarray:
    """Uniform numbers in [0, 1), float64: mulberry32, as `uniform` in static/page/network.js."""
    with np.errstate(over="ignore"):
        a = np.uint32(seed) + np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x6D2B79F5)
        t = (a ^ (a >> np.uint32(15))) * (np.uint32(1) | a)
        t = (t + (t ^ (t >> np.uint32(7))) * (np.uint32(61) | t)) ^ t
    return (t ^ (t >> np.uint32(14))) / 2.0**32


def untrained(network: Network, seed: int = SEED) -> Network:
    """The same architecture with weights that the page can draw as well.

    They are uniform, of the spread with which SRResNet draws its own (0.1 of Kaiming's); biases are
    zero.
    """
    module, start = copy.deepcopy(network.module), 0
    numbers = uniform(seed, sum(value.numel() for value in module.state_dict().values()))
    for value in module.state_dict().values():
        part = torch.from_numpy(numbers[start : start + value.numel()]).view(value.shape)
        bound = 0.1 * math.sqrt(6 / value[0].numel()) if value.ndim > 1 else 0.0
        value.copy_(bound * (2 * part - 1))
        start += value.numel()
    name, sha256 = f"{network.name}, untrained", walk(module.state_dict())
    return replace(network, name=name, module=module, card=network.card | {"sha256": sha256})


def high_pass(images: Tensor) -> Tensor:
    """|x - mean of 3 x 3|, of images (N, 3, H, W): the control that is no network."""
    means = F.avg_pool2d(F.pad(images, [1] * 4, mode="reflect"), 3, 1)
    return (images - means).abs()


def _maps(network: Network, images: Tensor) -> dict[str, Tensor]:
    """The trunk's feature maps (N, C, h, w) by layer, from the first convolution on."""
    names = list(network.layers)[: len(network.module.body) + 1]
    height, width = images.shape[-2:]
    rows = extract(network, images, names)
    return {
        name: torch.from_numpy(row).view(len(images), -1, height, width)
        for name, row in rows.items()
    }


def _layer(name: str, maps: Tensor, samples: Samples, numbers: Arrays) -> dict:
    """The map of a layer, its measures, and three directions of its pixels to show as colours."""
    means = maps.float().mean(dim=(2, 3)).double().numpy()
    plane = PCA(2, svd_solver="full").fit(means)
    pixels = maps.movedim(1, -1).flatten(0, 2)[::53].double().numpy()
    colours = PCA(3, svd_solver="full").fit(pixels)
    low, high = np.percentile(colours.transform(pixels), [2, 98], axis=0)
    spreads = maps.float().std(dim=(2, 3)).add(1e-3).log().double().numpy()
    split, other = (
        variance_split(gram(pooled), samples.content, samples.degradation)
        for pooled in (means, spreads)
    )
    return {
        "name": name,
        "mean": numbers.add(plane.mean_),
        "axes": numbers.add(plane.components_),
        "points": numbers.add(plane.transform(means)),
        "explained": float(plane.explained_variance_ratio_.sum()),
        "degradation": split.degradation,
        "content": split.content,
        "spread": other.degradation,  # of the maps' log standard deviations
        "colours": {
            "mean": numbers.add(colours.mean_),
            "axes": numbers.add(colours.components_),
            "low": numbers.add(low),
            "high": numbers.add(high),
        },
    }


def _shown(photographs: Mapping[str, str]) -> list[tuple[dict, Tensor]]:
    """Photographs of the eval split: what to say of each, and its pixels."""
    pixels = {photograph_name(source): (source, image) for source, image in load_photos("eval")}
    with (DATA / "photos" / "photos.tsv").open(encoding="utf-8", newline="") as file:
        rows = {photograph_name(row["file"]): row for row in csv.DictReader(file, delimiter="\t")}
    shown = []
    for title, name in photographs.items():
        if name not in pixels:
            raise DDRError(f"no photograph {name!r} in eval; there are {', '.join(sorted(pixels))}")
        source, image = pixels[name]
        row = rows[name]
        about = {"name": title, "source": source, "author": row["author"]}
        shown.append((about | {"licence": row["licence"]}, image))
    return shown


def _some(patches: Patches, kept: np.ndarray) -> Patches:
    """The patches where `kept` is true, numbered anew."""
    return replace(
        patches,
        images=patches.images[torch.from_numpy(kept)],
        content=np.arange(kept.sum()),
        category=patches.category[kept],
        source=patches.source[kept],
    )
