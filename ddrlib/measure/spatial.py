"""The feature maps of a network, wherever they are: which there are, and what lies beyond the image.

A network may leave out the edges of its input, or work at a half of its size; these functions find
out, so that networks of all kinds are measured in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.features.forward import watch
from ddrlib.zoo.network import Network

SIDES = (32, 48)  # of the images that are tried, so that any map is a whole number of pixels
FEWEST = 4  # channels and pixels a side: less is an image, or no map


@dataclass(frozen=True)
class Map:
    """A layer whose output is a feature map no finer than the input.

    `channels` and `side` are those for an image of 32 pixels a side. `step` is how many pixels of
    the input lie between two of the map, 1, 2, 4 ...; `depth` runs from 0, the first map, to 1.
    """

    name: str
    channels: int
    side: int
    step: int
    depth: float


def feature_maps(network: Network) -> list[Map]:
    """The maps of a network and of what is inside its layers, each once, in order of execution.

    What is finer than the input, an image, or a vector (as of squeeze and excitation) is left out.
    """
    small, large = (_outputs(network, side) for side in SIDES)
    found = []
    for name, output in small.items():
        if output.ndim == 4 and min(output.shape[1:]) >= FEWEST:
            side = output.shape[-1]
            step = (SIDES[1] - SIDES[0]) / max(large[name].shape[-1] - side, 1)
            if step >= 1 and step == int(step):
                found.append((name, output.shape[1], side, int(step)))
    depths = np.linspace(0, 1, len(found))
    return [Map(*each, float(depth)) for each, depth in zip(found, depths, strict=True)]


def _outputs(network: Network, side: int) -> dict[str, Tensor]:
    """What each layer gives for one image; of layers that give the same, the one with a name of its own."""
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    outputs: dict[str, Tensor] = {}

    def take(layer: str, output: object) -> None:
        if isinstance(output, Tensor):
            outputs[layer] = output

    with torch.inference_mode():
        watch(network.module, network.prepare(image), network.inside, take)
    names: dict[int, str] = {}
    for name, output in outputs.items():
        if name in network.layers or id(output) not in names:
            names[id(output)] = name
    return {name: outputs[name] for name in outputs if names[id(outputs[name])] == name}


def evenly(items: Sequence, n: int) -> list:
    """At most n of the items, evenly spaced, the first and the last among them."""
    return [items[i] for i in np.unique(np.linspace(0, len(items) - 1, n).round().astype(int))]


def seen_by(place: Map, images: Tensor) -> Tensor:
    """The images (N, 3, H, W) as a map sees them: (N, 3 step^2, side, side), pixel under pixel.

    A map is in the middle of its input: the images are cropped, or their edges repeated, to what it
    covers, and each square of `step` pixels becomes the channels of one.
    """
    excess = place.side * place.step - images.shape[-1]
    before, after = excess // 2, excess - excess // 2
    images = F.pad(images, [max(before, 0), max(after, 0)] * 2, mode="replicate")
    if excess < 0:
        images = images[..., -before : images.shape[2] + after, -before : images.shape[3] + after]
    return F.pixel_unshuffle(images, place.step)


def parameters(module: nn.Module) -> int:
    """How many numbers a network has learned."""
    return sum(weight.numel() for weight in module.parameters())
