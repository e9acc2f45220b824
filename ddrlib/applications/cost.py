"""What a network costs: numbers held, operations, time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ddrlib.applications.blind import truth_for
from ddrlib.degrade.degradation import clean
from ddrlib.features.extraction import resolve_device
from ddrlib.features.forward import true_float32
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


def compare_costs(
    networks: Sequence[Network], side: int = 32, runs: int = 10, device: str | torch.device = "auto"
) -> list[Cost]:
    """The cost of one LR image in each network; the time is PyTorch's with all its threads.

    The networks are timed by turns: what else the machine does falls on all of them.

    Parameters
    ----------
    networks
        Super-resolution networks.
    side
        Height and width of the image, in LR pixels.
    runs
        How many are timed, after one to warm up.
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".

    Returns
    -------
    list of Cost
        Their operations are counted by PyTorch, a multiplication with its addition as one.
    """
    device = resolve_device(device)
    modules = [copied(network.module, device) for network in networks]
    image = torch.rand(1, 3, side, side, device=device)
    with true_float32():  # as they are run everywhere else
        turns = [[_milliseconds(module, image) for module in modules] for _ in range(1 + runs)]
    return [
        Cost(
            trained=sum(weight.numel() for weight in module.parameters()),
            frozen=sum(weight.numel() for weight in module.buffers()),
            multiply_adds=_multiply_adds(module, image),
            milliseconds=list(times),
        )
        # the first turn warms up
        for module, times in zip(modules, zip(*turns[1:], strict=True), strict=True)
    ]


def _milliseconds(module: nn.Module, image: Tensor) -> float:
    truth = truth_for(module, [clean])
    with torch.inference_mode():
        began = time.perf_counter()
        module(image, **truth).cpu()  # which waits for a GPU
        return 1000 * (time.perf_counter() - began)


def _multiply_adds(module: nn.Module, image: Tensor) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(image, **truth_for(module, [clean]))
    return counter.get_total_flops() // 2
