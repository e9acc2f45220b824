"""Distorted images with their labels, and descriptions of fixed size of images of any size.

The labels of a set of images are a table with the columns `type`, `level` (1 is the weakest) and
`reference`, as `ddrlib.data.quality_sets` gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ddrlib.degrade import degrade
from ddrlib.features import layer_paths, resolve_device
from ddrlib.features.forward import in_parallel, watch
from ddrlib.zoo import Network

# Five degrees a type, in the units of `ddrlib.degrade.distortions`, weakest first. The first five types are
# those of LIVE, the others are in KADID-10k.
TYPES: dict[str, tuple[float, ...]] = {
    "jp2k": (12, 24, 40, 70, 110),
    "jpeg": (43, 30, 20, 12, 7),
    "noise": (5, 10, 18, 30, 50),
    "blur": (0.7, 1.2, 2, 3.5, 6),
    "fading": (0.2, 0.5, 1, 2, 4),
    "lens": (1, 1.7, 3, 5, 8),
    "motion": (3, 5, 9, 15, 25),
    "quantize": (64, 32, 16, 8, 4),
    "contrast": (0.8, 0.65, 0.5, 0.35, 0.2),
    "impulse": (0.3, 1, 2, 5, 10),
}


def distorted_set(
    images: Tensor, types: Mapping[str, Sequence[float]] = TYPES, seed: int = 0
) -> tuple[Tensor, pd.DataFrame]:
    """Each image (n, 3, H, W) under each type and degree, at its own size, with the labels."""
    distorted, labels = [], []
    for kind, degrees in types.items():
        for level, degree in enumerate(degrees, 1):
            distorted.append(degrade(images, f"{kind}{degree}", scale=1, seed=seed))
            labels += [(kind, level, reference) for reference in range(len(images))]
    return torch.cat(distorted), pd.DataFrame(labels, columns=["type", "level", "reference"])


# Descriptions of images


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
            maps = output.reshape(*output.shape[:2], -1)
            found.extend([maps.mean(dim=2), maps.std(dim=2, correction=0)])

        watch(module, network.prepare(batch.to(device)), paths, take)
        return torch.cat(found, dim=1).cpu().numpy()

    with in_parallel(network.module.to(device), device) as parallel_map:
        return np.concatenate(list(parallel_map(look, _batches(images, 4))))


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
