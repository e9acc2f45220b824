"""One network of the atlas, measured: where it sorts its inputs most by degradation, and how.

All networks see the same low-resolution images, whatever their scale. The layer is chosen on some
contents and measured on others, so that the choice does not make its figures larger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ddrlib.data.photographs import Patches, load_patches
from ddrlib.degrade.degradation import degrade
from ddrlib.degrade.samples import Samples
from ddrlib.features.extraction import extract, super_resolve
from ddrlib.features.grams import gram, layer_grams, subgram
from ddrlib.measure.controls import controls
from ddrlib.measure.fidelity import Gain, gain_on_bicubic
from ddrlib.measure.intervals import Interval
from ddrlib.measure.layer import Layer
from ddrlib.measure.picture import Picture, beyond
from ddrlib.measure.spatial import Map, evenly, feature_maps, parameters, seen_by
from ddrlib.zoo.network import Network

SIDE = 32  # pixels of an image that a network gets
SCALE = 4  # by which those that sort are reduced, for networks of any scale
MAPS = 12  # that are looked at; half of them, where there are so many, inside the layers
FOR_PSNR = 20  # contents
FIGURES = ("degradation", "content", "neighbours")


@dataclass(frozen=True)
class Design:
    """What the networks see: `choosing` contents to choose the layer on, `contents` to measure it."""

    images: str = "eval"
    contents: int = 40
    choosing: int = 12
    degradations: tuple[str, ...] = ("clean", "blur4", "noise20")
    seed: int = 0

    def samples(self) -> Samples:
        """The contents to choose on, and then those to measure."""
        return Samples.of(self.patches(SCALE), self.degradations, SCALE, self.seed)

    def patches(self, scale: int) -> Patches:
        """The contents from which images of 32 pixels are made by reduction."""
        n = self.choosing + self.contents
        return load_patches(self.images, n, scale * SIDE, self.seed)


def measured_part(matrix: np.ndarray, samples: Samples, design: Design) -> Layer:
    """The layer with this Gram matrix on the contents that were not used to choose it."""
    return _part(matrix, samples, range(design.choosing, samples.n))


def _part(matrix: np.ndarray, samples: Samples, contents: range) -> Layer:
    index = np.flatnonzero(np.isin(samples.content, contents))
    return Layer("", 0, subgram(matrix, index), len(contents), samples.degradations)


def fixed_controls(samples: Samples, design: Design) -> dict[str, dict[str, Interval]]:
    """What raw pixels, the high-pass filter and BRISQUE make of the same images."""
    return {
        layer.name: sorting(measured_part(layer.gram, samples, design))
        for layer in controls(samples)
    }


def sorting(layer: Layer) -> dict[str, Interval]:
    """How a layer sorts."""
    return {
        "degradation": layer.variance.degradation,
        "content": layer.variance.content,
        "neighbours": layer.knn_degradation,
    }


def survey(
    network: Network,
    random: Network,
    design: Design,
    samples: Samples,
    told: dict[str, float] | None = None,
    device: str | torch.device = "auto",
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """A network measured beside the same one with fresh weights: a line of the table, and of each map.

    `told` is for a network that takes the noise of its input as a further channel: the level, in
    grey levels, that it is told for each degradation; 0 where none is given.
    """
    looked = {each.name: each for each in _chosen_maps(network)}
    features = _features(network, samples, list(looked), told, device)
    grams = {name: gram(features[name]) for name in features}
    best = _most_sorting(grams, samples, design)
    layers = {name: measured_part(matrix, samples, design) for name, matrix in grams.items()}
    rest = gram(beyond(features[best], seen_by(looked[best], samples.images)))
    picture = Picture(layers[best], measured_part(rest, samples, design))
    fresh = _fresh_grams(random, samples, list(looked), device)
    fresh_best = measured_part(fresh[_most_sorting(fresh, samples, design)], samples, design)
    lines = [
        {
            "layer": name,
            "depth": each.depth,
            "step": each.step,
            "named": each.name in network.layers,
        }
        | sorting(layers[name])
        for name, each in looked.items()
    ]
    row = {
        "scale": network.scale,
        "parameters": parameters(network.module),
        "layer": best,
        "depth": looked[best].depth,
        **sorting(layers[best]),
        "explained": picture.explained,
        **_prefixed("beyond", sorting(picture.rest)),
        **_prefixed("random", sorting(fresh_best)),
        **{
            f"mean_{key}": np.mean([sorting(layer)[key].value for layer in layers.values()])
            for key in FIGURES
        },
        **fidelity(network, design, told, device)._asdict(),
        "maps": len(looked),
        "n": design.contents,
    }
    return row, lines


def _fresh_grams(
    random: Network, samples: Samples, layers: list[str], device: str | torch.device
) -> dict[str, np.ndarray]:
    """Kept in the cache, for networks of one architecture share them."""
    found = layer_grams(random, samples.images, layers, device=device)
    # Deep in a random network a layer may give the same for all images.
    return {name: matrix for name, (matrix, _) in found.items() if np.trace(matrix) > 0}


def _chosen_maps(network: Network) -> list[Map]:
    """Some of the network's layers and some of what is inside them, evenly over its depth."""
    maps = feature_maps(network)
    named = [each for each in maps if each.name in network.layers]
    inside = [each for each in maps if each.name not in network.layers]
    within = evenly(inside, MAPS // 2) if inside else []
    return evenly(named, MAPS - len(within)) + within


def _most_sorting(grams: dict[str, np.ndarray], samples: Samples, design: Design) -> str:
    """The layer with the largest component of degradation on the contents to choose on."""
    parts = {k: _part(matrix, samples, range(design.choosing)) for k, matrix in grams.items()}
    return max(parts, key=lambda name: parts[name].variance.degradation.value)


def _prefixed(what: str, figures: dict[str, Interval]) -> dict[str, Interval]:
    return {f"{what}_{name}": value for name, value in figures.items()}


def _features(
    network: Network,
    samples: Samples,
    layers: list[str],
    told: dict[str, float] | None,
    device: str | torch.device,
) -> dict[str, np.ndarray]:
    if told is None:
        return extract(network, samples.images, layers, device=device)
    parts = [
        extract(tell(network, told.get(name, 0)), samples.under(name), layers, device=device)
        for name in samples.degradations
    ]
    return {layer: np.concatenate([part[layer] for part in parts]) for layer in parts[0]}


def tell(network: Network, noise: float) -> Network:
    """The network, told that the noise of its input has this standard deviation, in grey levels."""
    module = network.module
    module.told[:, -1] = noise / 255  # type: ignore[operator]
    return replace(network, module=module)


def fidelity(
    network: Network,
    design: Design,
    told: dict[str, float] | None = None,
    device: str | torch.device = "auto",
) -> Gain:
    """What the network gains on bicubic interpolation of clean images."""
    truth = design.patches(network.scale).images[design.choosing :][:FOR_PSNR]
    images = degrade(truth, "clean", network.scale)
    if told is not None:
        network = tell(network, told.get("clean", 0))
    return gain_on_bicubic(super_resolve(network, images, device), images, truth)
