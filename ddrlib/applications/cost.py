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
from ddrlib.zoo.network import Network


class Cost(NamedTuple):
    """What one image takes.

    Attributes
    ----------
    trained : int
        Parameters.
    frozen : int
        Constants, above all the weights of another network's trunk.
    multiply_adds : int
        Of one forward pass.
    milliseconds : list of float
        The time of each run.
    """

    trained: int
    frozen: int
    multiply_adds: int
    milliseconds: list[float]


def cost(
    network: Network, side: int = 32, runs: int = 10, device: str | torch.device = "auto"
) -> Cost:
    """The cost of one LR image; the time is PyTorch's with all its threads.

    Parameters
    ----------
    network
        A super-resolution network.
    side
        Height and width of the image, in LR pixels.
    runs
        How many are timed, after one to warm up.
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".

    Returns
    -------
    Cost
        Its operations are counted by PyTorch, a multiplication with its addition as one.
    """
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
