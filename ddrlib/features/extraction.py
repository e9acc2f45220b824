"""Deep features: what a network's layers give for a set of images.

One forward pass per batch serves all layers asked for and ends with the deepest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError, did_you_mean, guarded
from ddrlib.features.device import batch_size, precision
from ddrlib.features.forward import in_parallel, watch
from ddrlib.features.progress import Progress, counted
from ddrlib.features.rows import Rows, to_rows
from ddrlib.zoo.network import Network


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The device meant by "auto" (a GPU where there is one), "cpu" or "cuda"; else DDRError."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
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
    device: str | torch.device = "auto",
) -> dict[str, np.ndarray]:
    """The features of images (N, 3, H, W) in memory, (N, D) by layer in order of depth.

    `layers` are names from `network.layers`, all of them by default, or from `network.inside`. A
    feature map is flattened channel by channel; a submodule that runs several times in a pass
    counts with its first output. They are computed in float32, or in bfloat16 where that makes no
    difference (`precision`), and kept in float16, or in float32 where float16 has not the range.

    DDRError for an unknown layer or device, a network that fails on the images, and a layer that
    does not give a finite row for each image.
    """
    rows = extract_rows(network, images, layers, device, Rows)
    return {layer: kept.array for layer, kept in rows.items()}


def extract_rows(
    network: Network,
    images: Tensor,
    layers: Sequence[str] | None,
    device: str | torch.device,
    kind: type[Rows],
    progress: Progress | None = None,
) -> dict[str, Rows]:
    """`extract` into rows of this kind, in memory or on disk: a `Rows` (N, D) for each layer.

    One pass of the images, and a second where a layer turns out to need float32.
    """
    paths = layer_paths(network, layers)
    rows = {layer: kind(layer, len(images)) for layer in paths}
    device = resolve_device(device)
    layout = torch.channels_last  # by which a CPU is up to a fifth faster

    def look(module: nn.Module, span: tuple[int, int]) -> dict[str, np.ndarray]:
        batch = network.prepare(images[slice(*span)].to(device)).contiguous(memory_format=layout)
        found = {}

        def take(layer: str, output: object) -> None:
            found[layer] = to_rows(layer, output, span, rows[layer].dtype)

        watch(module, batch, paths, take)
        return found

    numbers = precision(network, images, paths, device)
    with in_parallel(network.module, device, numbers) as parallel_map:
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
        size = batch_size(device, images.shape, numbers)
        spans = [(i, min(i + size, len(images))) for i in range(0, len(images), size)]
        while paths:
            passes = counted(
                parallel_map(look, spans), len(spans), "forward pass: batches", progress
            )
            for (start, _), found in zip(spans, passes, strict=True):
                for layer, values in found.items():
                    rows[layer].add(values, start)
            paths = {layer: path for layer, path in paths.items() if not rows[layer].complete}
    return rows


def super_resolve(
    network: Network, images: Tensor, device: str | torch.device = "auto", **given: Tensor
) -> Tensor:
    """What a network makes of LR images.

    Parameters
    ----------
    network
        A super-resolution network.
    images : Tensor
        (N, 3, H, W), low-resolution RGB in [0, 1].
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".
    **given : Tensor
        What else a guided network takes, a row for each image: the true `degradation` (N, 2), see
        `ddrlib.applications.blind.truth_for`, or an `embedding` (N, E) in place of its own.

    Returns
    -------
    Tensor
        (N, 3, scale H, scale W), RGB clipped to [0, 1], on the CPU.

    Raises
    ------
    DDRError
        For a device that is unknown or not there.
    """

    def restore(module: nn.Module, batch: Tensor, **rows: Tensor) -> Tensor:
        return module(batch, **rows).clamp(0, 1).contiguous()

    return in_batches(network, restore, images, device, **given)


def in_batches(
    network: Network,
    function: Callable[..., Tensor],
    images: Tensor,
    device: str | torch.device,
    **given: Tensor,
) -> Tensor:
    """function(module, batch, **rows) of a few images at a time, all joined on the CPU.

    `images` (N, 3, H, W) are as the module takes them, and the rows those of what is `given`. All
    cores work side by side, or a GPU.
    """
    device = resolve_device(device)

    def work(module: nn.Module, span: slice) -> Tensor:
        batch = network.prepare(images[span].to(device))
        rows = {name: values[span].to(device) for name, values in given.items()}
        return function(module, batch.contiguous(memory_format=torch.channels_last), **rows).cpu()

    share = -(-len(images) // torch.get_num_threads())  # a few images are shared out too
    size = min(share, batch_size(device, images.shape))
    spans = [slice(start, start + size) for start in range(0, len(images), size)]
    with in_parallel(network.module, device) as parallel_map:
        return torch.cat(list(parallel_map(work, spans)))


def layer_paths(network: Network, layers: Sequence[str] | None = None) -> dict[str, str]:
    """Paths of layers' submodules, in order of depth.

    A layer is a name from `network.layers`, all of them by default, or from `network.inside`;
    DDRError for an unknown one.
    """
    if layers is None:
        return network.layers
    inside = network.inside
    for layer in layers:
        if layer not in inside:
            hint = did_you_mean(layer, inside)
            raise DDRError(f"network {network.name} has no layer {layer!r}; {hint}")
    return {name: path for name, path in inside.items() if name in layers}
