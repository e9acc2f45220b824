"""Descriptions of fixed size of images of any size: what a method sees of an image, as a row.

Deep ones are pooled from a network's feature maps; the others are statistics of pixels
(`ddrlib.measure.nss`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError
from ddrlib.features.extraction import layer_paths, resolve_device
from ddrlib.features.forward import in_parallel, watch
from ddrlib.measure.nss import brisque, gradient_statistics
from ddrlib.zoo.loading import Network

BATCH = 4  # a CPU is fastest with few images at a time, and photographs are large
TINY = 1e-6  # keeps the logarithm of a channel that never changes finite

Describe = Callable[[Iterable[Tensor]], np.ndarray]


def describers(
    networks: Sequence[Network], layers: int = 4, device: str = "auto"
) -> dict[str, Describe]:
    """The methods by name: each network's pooled features, BRISQUE, and the pixels' gradients.

    Parameters
    ----------
    networks : sequence of Network
    layers : int
        How many layers of each network are pooled (`spread_layers`).
    device : str

    Returns
    -------
    dict of str to function
        Each maps images (3, H, W), RGB in [0, 1], of any sizes, to rows (N, d).
    """
    return {
        network.name: partial(
            pooled_features, network=network, layers=spread_layers(network, layers), device=device
        )
        for network in map(_at_own_size, networks)
    } | {
        "BRISQUE": partial(_by_batches, brisque),
        "gradients": partial(_by_batches, gradient_statistics),
    }


def spread_layers(network: Network, n: int) -> list[str]:
    """n blocks of the network's trunk, evenly spread, the last the deepest; all if it has fewer."""
    if n < 1:
        raise DDRError(f"{n} layers: pool one at least, the deepest")
    ends = np.linspace(0, len(network.trunk), min(n, len(network.trunk)) + 1)[1:]
    return [network.trunk[round(end) - 1] for end in ends]


def pooled_features(
    images: Iterable[Tensor], network: Network, layers: Sequence[str], device: str = "auto"
) -> np.ndarray:
    """Pool the feature maps of a network over each image.

    From a super-resolution network the `profile` of the energies of all channels: log of the
    standard deviation over the image. (A channel's mean follows the brightness and colour of the
    picture.) From a classifier the means of all channels, as its own last layer pools them.

    Parameters
    ----------
    images : iterable of tensors (3, H, W)
        RGB in [0, 1], of any sizes; they go in as they are.
    network : Network
    layers : sequence of str
    device : str

    Returns
    -------
    array (N, d), float32

    Raises
    ------
    DDRError
        Where features are not finite.
    """
    paths = layer_paths(network, layers)
    chosen = resolve_device(device)
    pool = channel_means if network.task == "classification" else channel_energies

    def look(module: nn.Module, batch: Tensor) -> np.ndarray:
        pooled: dict[str, Tensor] = {}
        watch(
            module,
            network.prepare(batch.to(chosen)),
            paths,
            lambda layer, maps: pooled.update({layer: pool(cast(Tensor, maps))}),
        )
        return torch.cat([pooled[layer] for layer in paths], dim=1).cpu().numpy()

    with in_parallel(network.module, chosen) as parallel_map:
        rows = np.concatenate(list(parallel_map(look, _batches(images, BATCH))))
    if bad := np.flatnonzero(~np.isfinite(rows).all(axis=1)).tolist():
        raise DDRError(
            f"network {network.name}: the features of {len(bad)} of {len(rows)} images, the first "
            f"of them number {bad[0]}, are not finite; look at weights and images, or leave it out"
        )
    return rows if pool is channel_means else profile(rows)


def channel_means(maps: Tensor) -> Tensor:
    """The mean (N, C) of each channel of feature maps (N, C, H, W)."""
    return maps.mean(dim=(2, 3))


def channel_energies(maps: Tensor) -> Tensor:
    """The logarithm (N, C) of each channel's standard deviation over feature maps (N, C, H, W)."""
    centred = maps - maps.mean(dim=(2, 3), keepdim=True)
    return (centred.square().mean(dim=(2, 3)).sqrt() + TINY).log()  # Tensor.std is ten times slower


def profile(energies: np.ndarray) -> np.ndarray:
    """Each row (C) less its mean, and the mean as the last column: (N, C + 1).

    All energies rise with the contrast of a picture. What is left tells which channels respond more
    than others.
    """
    mean = energies.mean(axis=1, keepdims=True)
    return np.hstack([energies - mean, mean])


def _at_own_size(network: Network) -> Network:
    """The network; a classifier as one that does not enlarge its images, which are not LR here."""
    if network.task != "classification":
        return network
    module: Any = deepcopy(network.module)
    module.scale = 1
    return replace(network, module=module, prepare=module.prepare)


def _by_batches(statistics: Callable[[Tensor], np.ndarray], images: Iterable[Tensor]) -> np.ndarray:
    with in_parallel(nn.Identity(), torch.device("cpu")) as parallel_map:
        return np.concatenate(
            list(parallel_map(lambda _, batch: statistics(batch), _batches(images, BATCH)))
        )


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
