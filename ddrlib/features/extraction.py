"""Deep features: what a network's layers give for a set of images, kept on disk.

One forward pass a batch serves all layers asked for and ends with the deepest of them. Each layer's
features go to a `.npy` file as they come, so that memory holds one batch, however large N x D is.
A file is found again by what made it: weights, images, layer, version of this code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from difflib import get_close_matches

import numpy as np
import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError
from ddrlib.features.forward import in_parallel, watch
from ddrlib.features.rows import FileRows, Rows, is_intact, to_rows
from ddrlib.files import cache_dir
from ddrlib.zoo.guard import guarded
from ddrlib.zoo.loading import Network

VERSION = 1  # raise it where the same network and images get other features


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The device meant by "auto" (a GPU where there is one), "cpu" or "cuda"; else DDRError."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        raise DDRError(f"there is no device {device!r}; choose auto, cpu or cuda") from None
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise DDRError("device cuda: PyTorch finds no GPU on this machine; choose auto or cpu")
    return resolved


def extract(
    network: Network,
    images: Tensor,
    layers: Sequence[str] | None = None,
    *,
    batch_size: int | None = None,
    device: str | torch.device = "auto",
    cache: bool = True,
) -> dict[str, np.ndarray]:
    """The features (N, D) of images (N, 3, H, W), LR RGB in [0, 1], by layer (default: all layers).

    They are computed in float32 and kept in float16, or in float32 where float16 has not the range.
    A feature map is flattened channel by channel. With `cache` the arrays are read-only maps of
    files under `cache_dir()`, and only layers that are not there are computed; without, they are in
    memory. A submodule that runs several times in a pass counts with its first output.

    Raises DDRError for an unknown layer, a layer that does not give one finite row an image, and a
    full disk; what lay in the cache stays.
    """
    paths = layer_paths(network, layers)
    device = resolve_device(device)
    batch_size = batch_size or _batch_size(device)
    if not cache:
        rows = {layer: Rows(layer, len(images)) for layer in paths}
        _fill(rows, network, images, batch_size, device)
        return {layer: kept.array for layer, kept in rows.items()}
    folder = cache_dir() / "features"
    keys = feature_keys(network, images, layers)
    files = {layer: folder / f"{key}.npy" for layer, key in keys.items()}
    missing = [layer for layer, file in files.items() if not is_intact(file)]
    if missing:
        with ExitStack() as stack:
            rows = {
                layer: stack.enter_context(FileRows(layer, len(images), files[layer]))
                for layer in missing
            }
            _fill(rows, network, images, batch_size, device)
    return {layer: np.load(file, mmap_mode="r") for layer, file in files.items()}


def super_resolve(network: Network, images: Tensor, device: str | torch.device = "auto") -> Tensor:
    """What the network makes of LR images (N, 3, H, W): (N, 3, scale H, scale W), on the CPU.

    Both are RGB in [0, 1].
    """
    device = resolve_device(device)

    def restore(module: nn.Module, batch: Tensor) -> Tensor:
        lr = network.prepare(batch.to(device)).contiguous(memory_format=torch.channels_last)
        return module(lr).clamp(0, 1).contiguous().cpu()

    share = -(-len(images) // torch.get_num_threads())  # a few images are shared out too
    batches = images.split(min(share, _batch_size(device)))
    with in_parallel(network.module.to(device), device) as parallel_map:
        return torch.cat(list(parallel_map(restore, batches)))


def _batch_size(device: torch.device) -> int:
    """A CPU is fastest while a batch's feature maps stay in its cache."""
    return 4 if device.type == "cpu" else 64


def layer_paths(network: Network, layers: Sequence[str] | None = None) -> dict[str, str]:
    """Paths of the layers' submodules (default: all), in order of depth; DDRError if unknown."""
    for layer in layers or ():
        if layer not in network.layers:
            near = get_close_matches(layer, network.layers, 1, cutoff=0.4)
            hint = f"did you mean {near[0]}? " if near else ""
            raise DDRError(
                f"network {network.name} has no layer {layer!r}; {hint}"
                f"Its layers: {', '.join(network.layers)}"
            )
    return {k: path for k, path in network.layers.items() if layers is None or k in layers}


def feature_keys(
    network: Network, images: Tensor, layers: Sequence[str] | None = None
) -> dict[str, str]:
    """What identifies the features of each layer: a hash of all that they depend on."""
    made_by = [VERSION, network.sha256, *map(network.card.get, ("architecture", "arguments"))]
    common = hashlib.blake2b(repr([*made_by, tuple(images.shape)]).encode(), digest_size=16)
    for tensor in (images, network.prepare(images[:1])):  # the latter tells how images are prepared
        common.update(tensor.cpu().contiguous().numpy())
    keys = {}
    for layer, path in layer_paths(network, layers).items():
        digest = common.copy()
        digest.update(path.encode())
        keys[layer] = digest.hexdigest()
    return keys


def _fill(
    rows: Mapping[str, Rows],
    network: Network,
    images: Tensor,
    batch_size: int,
    device: torch.device,
) -> None:
    """Run the images through the network until each layer has all rows: one pass, rarely two."""
    paths = {layer: network.layers[layer] for layer in rows}
    layout = torch.channels_last  # by which a CPU is up to a fifth faster

    def look(module: nn.Module, span: tuple[int, int]) -> dict[str, np.ndarray]:
        batch = network.prepare(images[slice(*span)].to(device)).contiguous(memory_format=layout)
        found = {}

        def take(layer: str, output: object) -> None:
            found[layer] = to_rows(layer, output, span, rows[layer].dtype)

        watch(module, batch, paths, take)
        return found

    with in_parallel(network.module.to(device), device) as parallel_map:
        try:
            (first,) = parallel_map(look, [(0, 1)])
        except DDRError:
            raise
        except Exception:  # noqa: BLE001  a `view` of its features, or an input of other than four axes
            layout = torch.contiguous_format
            failure = f"network {network.name} fails on images of shape {tuple(images.shape[1:])}"
            (first,) = guarded(failure, list, parallel_map(look, [(0, 1)]))
        for layer, values in first.items():
            rows[layer].dtype = values.dtype
        spans = [(i, min(i + batch_size, len(images))) for i in range(0, len(images), batch_size)]
        while paths:
            for (start, _), found in zip(spans, parallel_map(look, spans), strict=True):
                for layer, values in found.items():
                    rows[layer].add(values, start)
            paths = {layer: path for layer, path in paths.items() if not rows[layer].complete}
