"""Descriptions of fixed size of images of any size: what a method sees of an image, as a row.

Deep ones are the moments of a network's feature maps; the others, statistics of the pixels (`nss`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from ddrlib.distortion.nss import brisque, gradient_statistics
from ddrlib.errors import DDRError
from ddrlib.features import layer_paths, resolve_device
from ddrlib.features.forward import in_parallel, watch
from ddrlib.zoo import Network

BATCH = 4  # a CPU is fastest with few images at a time, and photographs are large

Describe = Callable[[Iterable[Tensor]], np.ndarray]


def describers(
    networks: Sequence[Network], layers: str = "trunk", device: str = "auto"
) -> dict[str, Describe]:
    """The methods by name: each network's pooled features, BRISQUE, and the pixels' gradients.

    Each maps images (3, H, W), RGB in [0, 1], of any sizes, to rows (N, d). `layers` are "trunk"
    (the longest stack of a network's blocks) or "deepest" (the last of these): the same of all
    networks, trained or not.
    """
    return {
        network.name: partial(
            pooled_features, network=_at_own_size(network), device=device,
            layers=pooled_layers(network, layers),
        )
        for network in networks
    } | {
        "BRISQUE": partial(_by_batches, brisque),
        "gradients": partial(_by_batches, gradient_statistics),
    }


def pooled_layers(network: Network, layers: str) -> list[str]:
    """The names of the layers called "trunk" or "deepest"; DDRError for another word."""
    if layers not in ("trunk", "deepest"):
        raise DDRError(f"layers {layers!r}: there are trunk (every block) and deepest (the last)")
    return network.trunk if layers == "trunk" else network.trunk[-1:]


def pooled_features(
    images: Iterable[Tensor], network: Network, layers: Sequence[str], device: str = "auto"
) -> np.ndarray:
    """Mean and standard deviation of each channel of the layers: (N, 2 x their channels), float32.

    `images` are (3, H, W), RGB in [0, 1], of any sizes; they are the network's input as they are.
    """
    paths = layer_paths(network, layers)
    device = resolve_device(device)

    def look(module: nn.Module, batch: Tensor) -> np.ndarray:
        found = []

        def take(_layer: str, output: Tensor) -> None:
            mean = output.mean(dim=(2, 3), keepdim=True)
            deviation = (output - mean).square().mean(dim=(2, 3)).sqrt()  # ten times faster than std
            found.extend([mean.flatten(1), deviation])

        watch(module, network.prepare(batch.to(device)), paths, take)
        return torch.cat(found, dim=1).cpu().numpy()

    with in_parallel(network.module.to(device), device) as parallel_map:
        return np.concatenate(list(parallel_map(look, _batches(images, BATCH))))


def _at_own_size(network: Network) -> Network:
    """The network, told where it is a classifier not to enlarge its images, which are no LR ones."""
    if network.task != "classification":
        return network
    module = deepcopy(network.module)
    module.scale = 1
    return replace(network, module=module, prepare=module.prepare)


def _by_batches(
    statistics: Callable[[Tensor], np.ndarray], images: Iterable[Tensor]
) -> np.ndarray:
    with in_parallel(nn.Identity(), torch.device("cpu")) as parallel_map:
        return np.concatenate(list(
            parallel_map(lambda _, batch: statistics(batch), _batches(images, BATCH))
        ))


def _batches(images: Iterable[Tensor], n: int) -> Iterator[Tensor]:
    """Up to n consecutive images of one size at a time."""
    batch: list[Tensor] = []
    for image in images:
        if batch and (len(batch) == n or image.shape != batch[0].shape):
            yield torch.stack(batch)
            batch = []
        batch.append(image)
    if batch:
        yield torch.stack(batch)
