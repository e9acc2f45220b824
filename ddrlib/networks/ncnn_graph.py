"""Any network that is written down as an ncnn graph: the text of a `.param` file, layer by layer.

ncnn (https://github.com/Tencent/ncnn) is the form in which several published super-resolution
networks are distributed. A line of the graph is `KIND NAME inputs outputs INPUT... OUTPUT...
KEY=VALUE...`; key k is an array where it is written as -23300 - k. What the keys mean for each kind
is in ncnn's docs/developer-guide/operators.md; the kinds here are those that such networks use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.networks.ncnn_layers import LAYERS

_ARRAY = -23300
_MAPS = ("Convolution", "Deconvolution", "PReLU", "Swish", "BinaryOp", "Eltwise", "Scale")


@dataclass(frozen=True)
class Node:
    """A line of the graph; `options` are lists of numbers by their key."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[int, list[float]]

    @classmethod
    def parse(cls, line: str) -> Node:
        """The layer that a line describes."""
        kind, name, into, out, *rest = line.split()
        blobs, fields = rest[: int(into) + int(out)], rest[int(into) + int(out) :]
        options = dict(_option(*field.split("=")) for field in fields)
        return cls(kind, name, tuple(blobs[: int(into)]), tuple(blobs[int(into) :]), options)


def _option(key: str, value: str) -> tuple[int, list[float]]:
    number, values = int(key), [float(x) for x in value.split(",")]
    return (number, values) if number > _ARRAY else (_ARRAY - number, values[1:])


def nodes(lines: Iterable[str]) -> list[Node]:
    """The layers in the lines of a `.param` file, with or without its two lines of numbers."""
    return [Node.parse(line) for line in lines if len(line.split()) > 3]


class NcnnGraph(nn.Module):
    """The network of a graph with one input and one output, both images; fresh weights.

    Its convolutions may leave out the edges: then `padding` pixels are repeated around the input,
    which has to be what `scale` times the input wants, and where a side is no multiple of 4, for a
    U-Net, more of them at the end. `told` are constants that the network takes as further input
    channels; with `residual` the input, each pixel repeated, is added to what the graph gives.
    """

    scale = 1  # unless said otherwise

    def __init__(
        self,
        graph: Sequence[str],
        scale: int = scale,
        padding: int = 0,
        told: Sequence[float] = (),
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.scale, self.padding, self.residual = scale, padding, residual
        self.nodes = nodes(graph)
        self.steps = nn.ModuleList(LAYERS[node.kind](node.options) for node in self.nodes)
        self.register_buffer("told", torch.tensor(told).view(1, -1, 1, 1), persistent=False)

    told: Tensor

    def layers(self) -> dict[str, str]:
        """Under the names of the graph; a convolution is taken with the activation that is part of it."""
        steps = enumerate(self.nodes)
        maps = {node.name: f"steps.{i}" for i, node in steps if node.kind in _MAPS}
        return {**maps, "output": ""}

    def forward(self, image: Tensor) -> Tensor:
        n, _, height, width = image.shape
        x = image
        if self.padding:
            p = self.padding
            x = F.pad(image, (p, p - width % -4, p, p - height % -4), mode="replicate")
        told = self.told.expand(n, -1, *x.shape[2:])
        found = {"": torch.cat([x, told], dim=1)}
        for node, step in zip(self.nodes, self.steps, strict=True):
            given = [found[blob] for blob in node.inputs or ("",) if node.kind != "MemoryData"]
            found |= dict.fromkeys(node.outputs, step(*given))
        output = found[self.nodes[-1].outputs[0]][..., : height * self.scale, : width * self.scale]
        if self.residual:
            output = output + F.interpolate(image, scale_factor=self.scale, mode="nearest")
        return output
