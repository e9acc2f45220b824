"""What a network costs: numbers held, and operations."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from ddrlib.applications.blind import truth_for
from ddrlib.degrade.degradation import clean
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
    """

    trained: int
    frozen: int
    multiply_adds: int


def cost(network: Network, side: int = 32) -> Cost:
    """The cost of one LR image in a network.

    Parameters
    ----------
    network
        A super-resolution network.
    side
        Height and width of the image, in LR pixels.

    Returns
    -------
    Cost
        Its operations are counted by PyTorch, a multiplication with its addition as one.
    """
    module = network.module
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.rand(1, 3, side, side), **truth_for(module, [clean]))
    return Cost(
        trained=sum(weight.numel() for weight in module.parameters()),
        frozen=sum(weight.numel() for weight in module.buffers()),
        multiply_adds=counter.get_total_flops() // 2,
    )
