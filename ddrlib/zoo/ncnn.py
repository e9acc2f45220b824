"""Reader of the weights of ncnn model files (`.param` + `.bin`).

The `.param` file is the text of the graph (`ddrlib.networks.ncnn_graph`). The `.bin` file holds, for
each layer that has weights, in that order: those of a convolution or of a fully connected layer
after a 4-byte tag (float16 padded to 4 bytes where it is 0x01306B47, float32 where it is 0), then
the float32 bias; those of other layers as plain float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddrlib.errors import DDRError
from ddrlib.networks.ncnn_graph import Node, nodes

_FLOAT16_TAG = 0x01306B47


def read_layers(param: Path) -> list[list[Tensor]]:
    """The tensors of every layer that has any, in the order of the graph, in the shapes of PyTorch.

    `param` is the text file; the weights are read from the `.bin` beside it, in their precision.
    DDRError where the two files do not fit each other.
    """
    binary = param.with_suffix(".bin")
    data = memoryview(binary.read_bytes())
    layers: list[list[Tensor]] = []
    at = 0
    for node in nodes(param.read_text().splitlines()):
        tensors = []
        for shape, tagged in _shapes(node):
            try:
                dtype: type = np.float32
                if tagged:
                    tag = int.from_bytes(data[at : at + 4], "little")
                    dtype = {_FLOAT16_TAG: np.float16, 0: np.float32}[tag]
                    at += 4
                values: np.ndarray = np.frombuffer(data, dtype, prod(shape), at)
            except (KeyError, ValueError):
                raise DDRError(
                    f"{binary} does not hold what {param.name} describes: layer {node.name} "
                    "cannot be read; install the package again"
                ) from None
            at += (values.nbytes + 3) // 4 * 4
            tensors.append(torch.from_numpy(values.reshape(shape).copy()))
        if tensors:
            if node.kind == "Deconvolution":
                tensors[0] = tensors[0].transpose(0, 1)
            layers.append(tensors)
    if at != len(data):
        extra = f"is {len(data) - at} bytes longer than {param.name} describes"
        raise DDRError(f"{binary} {extra}; install the package again")
    return layers


def _shapes(node: Node) -> Iterator[tuple[tuple[int, ...], bool]]:
    """The shape of each tensor of a layer as the file has it, and whether it has a tag."""

    def option(key: int, default: int = 0) -> int:
        return int(node.options.get(key, [default])[0])

    out = option(0)
    match node.kind:
        case "Convolution" | "Deconvolution":
            kernel = option(1)
            yield (out, option(6) // (out * kernel**2), kernel, kernel), True
            yield (out,), False
        case "InnerProduct":
            yield (out, option(2) // out, 1, 1), True
            yield (out,), False
        case "PReLU":
            yield (out,), False
        case "MemoryData":
            yield (1, option(2, 1), option(1, 1), out), False
