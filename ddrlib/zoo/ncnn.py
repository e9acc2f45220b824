"""Reader of ncnn model files (`.param` + `.bin`), as far as plain convolutional networks need it.

The `.param` file is text, one layer a line: `Convolution NAME 1 1 IN OUT 0=channels 1=kernel
6=weights ...`. The `.bin` file holds, for each convolution in that order, a 4-byte tag, the weights
(float16 padded to 4 bytes where the tag is 0x01306B47, float32 where it is 0) and the float32 bias.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddrlib.errors import DDRError

_FLOAT16_TAG = 0x01306B47


def read_convolutions(param: Path) -> list[tuple[Tensor, Tensor]]:
    """(weight (out, in, k, k), bias (out,)) of every convolution, in the order of execution.

    `param` is the text file; the weights are read from the `.bin` beside it. Each tensor keeps the
    precision it is stored with.

    Raises
    ------
    DDRError
        Where the two files do not fit each other.
    """
    binary = param.with_suffix(".bin")
    data = memoryview(binary.read_bytes())
    convolutions: list[tuple[Tensor, Tensor]] = []
    at = 0
    for channels, kernel, count in _shapes(param):
        try:
            tag = int.from_bytes(data[at : at + 4], "little")
            dtype = {_FLOAT16_TAG: np.float16, 0: np.float32}[tag]
            weight = np.frombuffer(data, dtype, count, at + 4)
            at += 4 + (weight.nbytes + 3) // 4 * 4
            bias = np.frombuffer(data, np.float32, channels, at)
            at += bias.nbytes
            weight = weight.reshape(channels, -1, kernel, kernel)
        except (KeyError, ValueError):
            raise DDRError(
                f"{binary} does not hold what {param.name} describes: convolution "
                f"{len(convolutions) + 1} cannot be read; install the package again"
            ) from None
        convolutions.append((torch.from_numpy(weight.copy()), torch.from_numpy(bias.copy())))
    if at != len(data):
        extra = f"is {len(data) - at} bytes longer than {param.name} describes"
        raise DDRError(f"{binary} {extra}; install the package again")
    return convolutions


def _shapes(param: Path) -> list[tuple[int, int, int]]:
    """(output channels, kernel size, number of weights) of each convolution in the text file."""
    shapes = []
    for line in param.read_text().splitlines():
        kind, *fields = line.split() or [""]
        if kind == "Convolution":
            options = dict(field.split("=") for field in fields[1:] if "=" in field)
            shapes.append((int(options["0"]), int(options["1"]), int(options["6"])))
    return shapes
