"""A network that the project does not know, in the forms in which a user may bring it.

It is of the family that spandrel calls Compact. Its weights are -1, 0 or 1 and its slopes 1/2, so
that on images of whole numbers (`RANGE`) all arithmetic is exact, in whatever order it is done.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

RANGE = (0, 255)


class Compact(nn.Module):
    """x4: convolution, PReLU, convolution to 48 channels, shuffled; the enlarged input is added."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleList(
            [
                nn.Conv2d(3, 8, 3, padding=1),
                nn.PReLU(8),
                nn.Conv2d(8, 48, 3, padding=1),
            ]
        )
        self.upsampler = nn.PixelShuffle(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        enlarged = F.interpolate(x, scale_factor=4, mode="nearest")
        for part in self.body:
            x = part(x)
        return self.upsampler(x) + enlarged


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {
        key: torch.full_like(value, 0.5)
        if key == "body.1.weight"
        else torch.randint(-1, 2, value.shape, generator=rng).float()
        for key, value in Compact().state_dict().items()
    }


def write_onnx(path: Path, shape: tuple = ("n", 3, "h", "w"), operator: str = "PRelu") -> Path:
    """The same network as a graph; its tensors are called head, active, deep, shuffled."""
    from onnx import TensorProto, helper, numpy_helper, save

    arrays = {key: value.numpy() for key, value in weights().items()}
    arrays["body.1.weight"] = arrays["body.1.weight"][:, None, None]
    arrays["scales"] = np.array([1, 1, 4, 4], np.float32)
    nearest = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    node = helper.make_node
    nodes = [
        node("Resize", ["lr", "", "scales"], ["enlarged"], **nearest),
        node("Conv", ["lr", "body.0.weight", "body.0.bias"], ["head"], pads=[1] * 4),
        node(operator, ["head", "body.1.weight"], ["active"]),
        node("Conv", ["active", "body.2.weight", "body.2.bias"], ["deep"], pads=[1] * 4),
        node("DepthToSpace", ["deep"], ["shuffled"], blocksize=4, mode="CRD"),
        node("Add", ["shuffled", "enlarged"], ["sr"]),
    ]
    graph = helper.make_graph(
        nodes,
        "compact",
        [helper.make_tensor_value_info("lr", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("sr", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path
