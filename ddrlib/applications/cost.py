"""What a network costs: numbers held, operations, time."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from ddrlib.applications.blind import truth_for
from ddrlib.degrade.degradation import clean
from ddrlib.features.extraction import resolve_device
from ddrlib.zoo.identity import copied
from ddrlib.zoo.loading import Network


class Cost(NamedTuple):
    """What one image takes."""

    trained: int  # parameters
    frozen: int  # constants, above all the weights of another network's trunk
    multiply_adds: int
    milliseconds: list[float]  # one run each


def cost(
    network: Network, side: int = 32, runs: int = 10, device: str | torch.device = "auto"
) -> Cost:
    """The cost of one LR image of side x side pixels; the time is PyTorch's with all its threads."""
    device = resolve_device(device)
    module = copied(network.module, device)
    image = torch.rand(1, 3, side, side, device=device)
    truth = truth_for(module, [clean])
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(image, **truth)
    milliseconds = []
    with torch.inference_mode():
        for _ in range(1 + runs):
            began = time.perf_counter()
            module(image, **truth).cpu()  # which waits for a GPU
            milliseconds.append(1000 * (time.perf_counter() - began))
    return Cost(
        trained=sum(weight.numel() for weight in module.parameters()),
        frozen=sum(weight.numel() for weight in module.buffers()),
        multiply_adds=counter.get_total_flops() // 2,
        milliseconds=milliseconds[1:],  # the first one warms up
    )
