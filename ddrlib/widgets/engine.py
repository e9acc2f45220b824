"""What the engine of the page is given: networks as numbers, and the controls beside them.

The engine (`static/page/network.js`, `guide.js`, `degrade.js`, and the kernel `convolution.ts`) runs
any SRResNet of the book in the reader's browser, and degrades photographs as `ddrlib.degrade` does.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import torch
import traitlets
from ipywidgets import Widget, widget_serialization
from torch import Tensor

from ddrlib.errors import DDRError
from ddrlib.networks.guided import AffineBlock, GuidedSRResNet
from ddrlib.networks.srresnet import SRResNet
from ddrlib.widgets.live import STATIC
from ddrlib.zoo.identity import walk
from ddrlib.zoo.network import Network

ENGINE = ("page/network.js", "page/guide.js", "page/degrade.js")
PHOTO = ("page/photo.js", "page/picker.js", "page/share.js")  # what a reader brings and takes
LANES = 8  # the kernel computes as many channels at a time
SEED = 1  # of the untrained weights


def kernel() -> bytes:
    """The compiled kernel, a WebAssembly module."""
    return (STATIC / "page" / "convolution.wasm").read_bytes()


class Arrays:
    """Arrays one behind the other, of one type, each found again by its place and shape."""

    def __init__(self, dtype: str) -> None:
        self.dtype, self.size = dtype, 0
        self.parts: list[bytes] = []

    def add(self, array: np.ndarray) -> dict:
        """Append an array of any shape; says where it lies, in numbers from the start."""
        part = np.ascontiguousarray(array, dtype=self.dtype)
        self.parts.append(part.tobytes())
        place = {"at": self.size, "shape": list(part.shape)}
        self.size += part.size
        return place

    def bytes(self) -> bytes:
        """All arrays so far, one behind the other."""
        return b"".join(self.parts)


class Weights(Widget):
    """The weights of a network, float16. Widgets share it, and a page reads it when one needs it."""

    data = traitlets.Bytes().tag(sync=True)


_kept: dict[str, Weights] = {}  # by the hash of their data


def weights(tensors: Arrays) -> Weights:
    """The model of these weights: the same for all widgets that are given the same ones."""
    data = tensors.bytes()
    key = sha256(data).hexdigest()
    if key not in _kept or _kept[key].comm is None:  # closed, with all widgets of the notebook
        _kept[key] = Weights(data=data)
    return _kept[key]


def weights_list() -> traitlets.List:
    """The trait of a widget that holds them; what the page sees of each is where to find it."""
    return traitlets.List(traitlets.Instance(Weights)).tag(sync=True, **widget_serialization)


def describe(network: Network, tensors: Arrays, output: bool = True) -> dict:
    """What the engine has to know of a network; its tensors go to `tensors`.

    Without `output` it gives features alone, and the weights of the upsampling are left out.
    DDRError for a network that the engine does not run.
    """
    module: Any = network.module
    if not runs(module):
        raise DDRError(
            f"{network.name}: a page runs SRResNets of 8, 16, 24 ... channels, also guided ones whose "
            "blocks are scaled and shifted, not this network; choose another"
        )
    places = {key: tensors.add(value.numpy()) for key, value in _tensors(module, output).items()}
    about: dict[str, Any] = {
        "channels": len(module.conv_first.weight),
        "blocks": len(module.body),
        "global_residual": module.global_residual,
        "long_skip": module.conv_body is not None,
        "output": output,
        "scale": network.scale,
        "tensors": places,
        "size": tensors.size,
    }
    if isinstance(module, GuidedSRResNet):
        about |= {"guide": module.guide, "strongest": list(module.strongest)}
    return about


def runs(module: Any) -> bool:
    """Whether the engine runs such a network."""
    guided = type(module) is GuidedSRResNet and isinstance(module.body[0], AffineBlock)
    return (type(module) is SRResNet or guided) and len(module.conv_first.weight) % LANES == 0


def _tensors(module: Any, output: bool) -> dict[str, Tensor]:
    """The weights by name, with those of a frozen guide, which no file of the network has."""
    found = {key: value for key, value in module.state_dict().items() if value.ndim}
    if getattr(module, "guide", "") == "frozen":
        found |= {f"trunk.{key}": value for key, value in module.trunk.named_buffers()}
    trunk = ("conv_first.", "body.", "encoder.", "trunk.", "norm.", "mean", "std")
    return {key: value for key, value in found.items() if output or key.startswith(trunk)}


def uniform(seed: int, count: int) -> np.ndarray:
    """Uniform numbers in [0, 1), float64: mulberry32, as `uniform` in static/page/network.js."""
    with np.errstate(over="ignore"):
        a = np.uint32(seed) + np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x6D2B79F5)
        t = (a ^ (a >> np.uint32(15))) * (np.uint32(1) | a)
        t = (t + (t ^ (t >> np.uint32(7))) * (np.uint32(61) | t)) ^ t
    return (t ^ (t >> np.uint32(14))) / 2.0**32


def untrained(network: Network) -> Network:
    """The same architecture with weights that the page can draw as well.

    They are uniform, of the spread with which SRResNet draws its own (0.1 of Kaiming's); biases are
    zero.
    """
    module, start = copy.deepcopy(network.module), 0
    numbers = uniform(SEED, sum(value.numel() for value in module.state_dict().values()))
    for value in module.state_dict().values():
        part = torch.from_numpy(numbers[start : start + value.numel()]).view(value.shape)
        bound = 0.1 * math.sqrt(6 / value[0].numel()) if value.ndim > 1 else 0.0
        value.copy_(bound * (2 * part - 1))
        start += value.numel()
    name, identity = f"{network.name}, untrained", walk(module.state_dict())
    return replace(network, name=name, module=module, card=network.card | {"sha256": identity})
