"""What the device decides: how many images are run at a time, and in which numbers.

bfloat16 has 8 bits of precision. Where a processor or a GPU multiplies in it, convolutions take a
quarter of the time. Rounding enters features as noise, so it is held against what the features are
measured for, their variance between images, in each network anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ddrlib.features.forward import in_parallel, watch
from ddrlib.machine import bfloat16_allowed
from ddrlib.zoo.image_network import ImageNetwork
from ddrlib.zoo.network import Network

CACHED_PIXELS = 4096  # of low resolution, in float32: four images of 32 x 32
BYTES_A_PIXEL = 2**16  # some maps of 64 channels at four times the side, in float32
MOST_PIXELS = 2**18  # beyond which a GPU gains nothing

WORTH_IT = 64  # images; fewer are run in float32 at once
TRIED = 8  # of them, run in both ways
TOLERANCE = 1e-3  # share of a layer's variance between images that rounding may have


def batch_size(
    device: torch.device, shape: Sequence[int], numbers: torch.dtype = torch.float32
) -> int:
    """How many images of a shape (…, H, W), in low resolution, are run at a time.

    A CPU is fastest while a batch's feature maps, of these numbers, stay in its cache. A GPU wants
    many; they may fill half of the memory that is free.
    """
    pixels = shape[-2] * shape[-1]
    if device.type != "cuda":
        return max(CACHED_PIXELS * 4 // numbers.itemsize // pixels, 1)
    free, _ = torch.cuda.mem_get_info(device)
    return max(min(free // 2 // BYTES_A_PIXEL, MOST_PIXELS) // pixels, 1)


def precision(
    network: Network, images: Tensor, paths: Mapping[str, str], device: torch.device
) -> torch.dtype:
    """bfloat16 where it is allowed and no layer of `paths` minds it, on a few of these images.

    It is fastest with the channels last, and the network has to work with such images, too.

    A layer minds where rounding moves its features by more than a thousandth of their variance
    between images, which half of the squared distance of two images estimates.
    """
    own = isinstance(network.module, ImageNetwork)  # the same by every route: ONNX has no bfloat16
    if own or len(images) < WORTH_IT or not bfloat16_allowed(device):
        return torch.float32

    def compare(module: nn.Module, pair: Tensor) -> dict[str, Tensor]:
        batch, exact, found = network.prepare(pair.to(device)), {}, {}

        def keep(layer: str, output: Any) -> None:
            exact[layer] = output.float().clone()  # it may be overwritten

        def hold(layer: str, output: Any) -> None:
            one, other = exact.pop(layer)
            noise = (output[0] - one).square().sum() + (output[1] - other).square().sum()
            found[layer] = torch.stack([noise, (one - other).square().sum()]).cpu()

        watch(module, batch, paths, keep)
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16):
            watch(module, batch, paths, hold)
        return found

    pairs = images[:: len(images) // TRIED][:TRIED].split(2)
    try:
        with in_parallel(network.module, device) as parallel_map:
            found = list(parallel_map(compare, pairs))
    except Exception:  # noqa: BLE001  whatever is wrong is found again, and named, in float32
        return torch.float32
    noise, variation = torch.stack([sum(pair[layer] for pair in found) for layer in paths]).unbind(
        dim=1
    )
    return torch.bfloat16 if (noise <= TOLERANCE * variation).all() else torch.float32
