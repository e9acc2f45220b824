"""A network with random weights: its own values, shuffled."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ddrlib.errors import guarded
from ddrlib.zoo.network import Network
from ddrlib.zoo.onnx_network import OnnxNetwork


def shuffled(network: Network, seed: int = 0) -> Network:
    """The control of any network that learned nothing: the values of each weight in random order.

    So the weights are as large and as sparse as those that were trained, whoever drew these at
    first, and whatever the form in which the network came. Biases and other vectors stay. DDRError
    where the network cannot be copied.
    """
    module = guarded(f"{network.name} cannot be copied", deepcopy, network.module)
    inner = getattr(module, "network", module)
    if isinstance(inner, OnnxNetwork):
        module.network = inner.shuffled(seed)
    else:
        _shuffle(inner, seed)
    return replace(network, name=f"{network.name}, random weights", module=module)


def _shuffle(module: nn.Module, seed: int) -> None:
    rng: Any = np.random.default_rng(seed)
    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim > 1:
                order = torch.from_numpy(rng.permutation(weight.numel()))
                weight.copy_(weight.flatten()[order].view_as(weight))
