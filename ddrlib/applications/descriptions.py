"""Descriptions of fixed size of images of any size: what a method sees of an image, as a row.

Deep ones are pooled from a network's feature maps; the others are statistics of pixels
(`ddrlib.measure.nss`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import groupby, islice
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError
from ddrlib.features.device import batch_size, precision
from ddrlib.features.extraction import layer_paths, resolve_device
from ddrlib.features.forward import in_parallel, watch
from ddrlib.measure.nss import brisque, gradient_statistics
from ddrlib.zoo.network import Network

OF_CLASSIFIER = 16  # times the images at once: its maps soon have half the side of its input
OF_PIXELS = 8  # for statistics of pixels: each call costs as much as a few small images
TINY = 1e-6  # keeps the logarithm of a channel that never changes finite

Describe = Callable[[Iterable[Tensor]], np.ndarray]


def describers(
    networks: Sequence[Network], layers: int = 4, device: str = "auto"
) -> dict[str, Describe]:
    """The methods by name: each network's pooled features, BRISQUE, and the pixels' gradients.

    Parameters
    ----------
    networks
        Super-resolution networks and classifiers; a classifier does not enlarge the images here.
    layers
        How many layers of each network are pooled (`spread_layers`), 1 or more.
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".

    Returns
    -------
    dict of str to callable
        Each maps images (3, H, W), RGB in [0, 1], of any sizes, to rows (N, d).

    Raises
    ------
    DDRError
        For fewer than one layer.
    """

    def pooled(network: Network) -> Describe:
        chosen = spread_layers(network, layers)
        return partial(pooled_features, network=network, layers=chosen, device=device)

    deep = {network.name: pooled(network) for network in map(_at_own_size, networks)}
    statistics = {"BRISQUE": brisque, "gradients": gradient_statistics}
    return deep | {name: partial(_by_batches, function) for name, function in statistics.items()}


def spread_layers(network: Network, n: int) -> list[str]:
    """n blocks of the network's trunk, evenly spread, the last the deepest; all if it has fewer.

    DDRError for an `n` below 1.
    """
    if n < 1:
        raise DDRError(f"{n} layers: pool one at least, the deepest")
    ends = np.linspace(0, len(network.trunk), min(n, len(network.trunk)) + 1)[1:]
    return [network.trunk[round(end) - 1] for end in ends]


def pooled_features(
    images: Iterable[Tensor], network: Network, layers: Sequence[str], device: str = "auto"
) -> np.ndarray:
    """A network's feature maps in these layers, pooled over each of the images (3, H, W): (N, d).

    From a super-resolution network the `profile` of the energies of all channels: log of the
    standard deviation over the image. (A channel's mean follows the brightness and colour of the
    picture.) From a classifier the means of all channels, as its own last layer pools them.
    DDRError for an unknown layer, and features that are not finite.
    """
    paths = layer_paths(network, layers)
    chosen = resolve_device(device)
    is_classifier = network.task == "classification"
    pool = _channel_means if is_classifier else _channel_energies

    def look(module: nn.Module, batch: Tensor) -> np.ndarray:
        pooled: dict[str, Tensor] = {}
        watch(
            module,
            network.prepare(batch.to(chosen)).contiguous(memory_format=layout),
            paths,
            lambda layer, maps: pooled.update({layer: pool(cast(Tensor, maps))}),
        )
        return torch.cat([pooled[layer] for layer in paths], dim=1).cpu().numpy()

    numbers = torch.float32
    if isinstance(images, Tensor):
        numbers = precision(network, images, paths, chosen)
    layout = torch.channels_last if numbers == torch.bfloat16 else torch.contiguous_format
    batches = _batches(images, chosen, numbers, OF_CLASSIFIER if is_classifier else 1)
    with in_parallel(network.module, chosen, numbers) as parallel_map:
        rows = np.concatenate(list(parallel_map(look, batches)))
    if bad := np.flatnonzero(~np.isfinite(rows).all(axis=1)).tolist():
        raise DDRError(
            f"network {network.name}: the features of {len(bad)} of {len(rows)} images, the first "
            f"of them number {bad[0]}, are not finite; look at weights and images, or leave it out"
        )
    return rows if is_classifier else profile(rows)


def _channel_means(maps: Tensor) -> Tensor:
    return maps.float().mean(dim=(2, 3))


def _channel_energies(maps: Tensor) -> Tensor:
    return torch.stack([_energies(image.float()) for image in maps])  # one image stays in the cache


def _energies(maps: Tensor) -> Tensor:
    centred = maps - maps.mean(dim=(1, 2), keepdim=True)
    return (centred.square().mean(dim=(1, 2)).sqrt() + TINY).log()  # Tensor.std is ten times slower


def profile(energies: np.ndarray) -> np.ndarray:
    """Each row (C) less its mean, and the mean as the last column: (N, C + 1).

    All energies rise with the contrast of a picture; what is left says which channels respond more
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
    cpu = torch.device("cpu")
    with in_parallel(nn.Identity(), cpu) as parallel_map:
        rows = parallel_map(
            lambda _, batch: statistics(batch), _batches(images, cpu, times=OF_PIXELS)
        )
        return np.concatenate(list(rows))


def _batches(
    images: Iterable[Tensor],
    device: torch.device,
    numbers: torch.dtype = torch.float32,
    times: int = 1,
) -> Iterator[Tensor]:
    """A few consecutive images of one size at a time, or some times as many."""
    for shape, same in groupby(images, key=lambda image: image.shape):
        while batch := list(islice(same, times * batch_size(device, shape, numbers))):
            yield torch.stack(batch)
