"""Centred Gram matrices: all that projections and measures need to know of a layer's features.

A set of features is N points in D dimensions, N some hundreds, D up to a million. With

    G[i, j] = <x_i - mean x, x_j - mean x>

D is read once, in blocks of columns, and never again: PCA scores are the eigenvectors of G times
the square roots of its eigenvalues, squared distances are G[i, i] + G[j, j] - 2 G[i, j]. So G is
what is kept between runs, under 1 MB for a layer, and features are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from ddrlib.errors import DDRError
from ddrlib.features.cache import files_hash, key_of, load_arrays, save_arrays
from ddrlib.features.extraction import extract_rows, layer_paths, resolve_device
from ddrlib.features.progress import Progress, counted
from ddrlib.features.rows import FileRows, Rows
from ddrlib.machine import bfloat16_allowed
from ddrlib.zoo.network import Network

BLOCK_COLUMNS, BLOCK_VALUES = 2048, 2**23  # the most of a block: 32 MiB in float32
MAX_WORKERS = 8  # each holds a block and an N x N matrix
SOURCES = tuple(Path(__file__).parent.glob("*.py"))


class LayerGram(NamedTuple):
    """The centred Gram matrix (N, N) of a layer's features, and how many values D each image has."""

    gram: np.ndarray
    dim: int


def layer_grams(
    network: Network,
    images: Tensor,
    layers: Sequence[str] | None = None,
    *,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> dict[str, LayerGram]:
    """The Gram matrices of layers of a network for images (N, 3, H, W), by layer in order of depth.

    Those that an earlier run computed are read from the cache; all others share one forward pass.
    With each comes the number D of values that the layer gives for an image. `progress` takes a
    line of text every few seconds: what is done, and how long the rest may take.

    DDRError as `extract` raises it, and for a full disk.
    """
    keys = _keys(network, images, layers, resolve_device(device))
    kept = {layer: load_arrays(key) for layer, key in keys.items()}
    found = {
        layer: LayerGram(arrays["gram"], int(arrays["dim"]))
        for layer, arrays in kept.items()
        if arrays
    }
    missing = [layer for layer in keys if layer not in found]
    rows = extract_rows(network, images, missing, device, FileRows, progress) if missing else {}
    for layer in counted(missing, len(missing), "Gram matrices: layers", progress):
        values = rows.pop(layer)
        matrix = gram(values)
        found[layer] = LayerGram(matrix, values.shape[1])
        save_arrays(keys[layer], gram=matrix, dim=np.array(values.shape[1]))
    return {layer: found[layer] for layer in keys}


def _keys(
    network: Network, images: Tensor, layers: Sequence[str] | None, device: torch.device
) -> dict[str, str]:
    """What identifies the Gram matrix of each layer: all that it depends on."""
    pixels = key_of("images", images.cpu().numpy())
    common = files_hash(*SOURCES), network.identity, bfloat16_allowed(device), pixels
    paths = layer_paths(network, layers)
    return {layer: key_of("gram", *common, path) for layer, path in paths.items()}


def gram(features: np.ndarray | Rows) -> np.ndarray:
    """The centred Gram matrix of features.

    Blocks of columns are converted, centred and multiplied, and added up in float64. What is kept in
    float16 is multiplied in float32, twice as fast: its rounding, 1e-8 of the largest eigenvalue, is
    far below what float16 itself has rounded away. All else is multiplied in float64: squaring
    features squares their condition number.

    Parameters
    ----------
    features : ndarray or Rows
        (N, D), any float type.

    Returns
    -------
    ndarray
        (N, N), float64: the inner products of the rows, each less the mean row.

    Raises
    ------
    DDRError
        For what is no array (N, D) of real numbers, and for values that are not finite, or whose
        squares are not.
    """
    if len(features.shape) != 2 or features.dtype.kind not in "fiub":
        raise DDRError(
            f"{features.dtype} of shape {features.shape}: features are real numbers (N, D)"
        )
    n, dim = features.shape
    width = max(min(BLOCK_COLUMNS, BLOCK_VALUES // n), 1)
    numbers: type[np.floating] = np.float32 if features.dtype == np.float16 else np.float64

    def product(start: int) -> np.ndarray:
        span = start, start + width
        kept = features.columns(*span) if isinstance(features, Rows) else features[:, slice(*span)]
        block = kept.astype(numbers)
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the sum
            block -= block.mean(axis=0, dtype=np.float64).astype(numbers)
            return block @ block.T

    # Each core has blocks of its own, since conversion and centring take as long as the product;
    # summed in their order, so that the result does not depend on the number of cores.
    workers = min(joblib.cpu_count(), MAX_WORKERS)
    products = np.zeros((n, n))
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
        for part in pool.map(product, range(0, dim, width)):
            products += part
    if not np.isfinite(products).all():
        raise DDRError(
            "features, or their squares, are not finite: nothing can be measured on them"
        )
    return products


def subgram(gram: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The centred Gram matrix (M, M) of the M chosen samples alone, centred about their own mean."""
    chosen = gram[np.ix_(index, index)]
    means = chosen.mean(axis=0)
    return chosen - means - means[:, None] + means.mean()
