"""What the layers of a network do in one forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ddrlib.zoo.image_network import tensors_in

CALL = "#"  # between the path of a layer that runs several times in a pass and the number of a run


def path_of(run: str) -> str:
    """The path of a submodule, without the number of its run: "body.0" of "body.0#3"."""
    return run.partition(CALL)[0]


def run_of(run: str) -> int:
    """The number of its run: 3 of "body.0#3", 1 of "body.0"."""
    return int(run.partition(CALL)[2] or 1)


def features_in(output: object) -> object:
    """What of a layer's output is looked at: the first tensor that has several axes, if any."""
    found = (tensor for tensor, _ in tensors_in(output) if tensor.ndim > 1)
    return next(found, output)


def trace(
    module: nn.Module, images: Tensor, paths: Mapping[str, str]
) -> tuple[object, dict[str, Any]]:
    """One forward pass: its result, and what each layer gave, in order of execution.

    A layer of these paths that runs several times counts as several: "LAYER#1", "LAYER#2" ...
    """
    given: list[tuple[str, object]] = []

    def record(layer: str, part: nn.Module, inputs: tuple, output: object) -> None:
        given.append((layer, features_in(output)))

    hooks = [
        module.get_submodule(path).register_forward_hook(partial(record, layer))
        for layer, path in paths.items()
    ]
    try:
        with torch.no_grad():
            result = module(images)
    finally:
        for hook in hooks:
            hook.remove()
    return result, _numbered(given)


def _numbered(given: list[tuple[str, object]]) -> dict[str, Any]:
    times: dict[str, int] = {}
    named = []
    for layer, output in given:
        times[layer] = times.get(layer, 0) + 1
        named.append((layer, times[layer], output))
    return {
        layer if times[layer] == 1 else f"{layer}{CALL}{run}": output
        for layer, run, output in named
    }


def fault(output: object, n: int) -> str | None:
    """Why a layer's output for n images cannot serve as features; None where it can."""
    if not torch.is_tensor(output):
        return f"gives a {type(output).__name__}, not a tensor"
    if output.is_complex():
        return "gives complex numbers"
    if output.ndim < 2 or len(output) != n:
        return f"gives {tuple(output.shape)} for {n} images, not a row for each"
    return None


def is_map(output: Tensor) -> bool:
    """Whether features have places, as maps and tokens do, and are no mere vector."""
    return sum(side > 1 for side in output.shape[1:]) > 1


def changing(once: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """The layers whose output is another in a second pass, beyond the last digits."""

    def same(x: Any, y: Any) -> bool:
        if not (torch.is_tensor(x) and torch.is_tensor(y)):
            return type(x) is type(y)
        if x.shape != y.shape or not (x.is_floating_point() and x.numel()):
            return torch.equal(x, y)
        largest = float(x.abs().nan_to_num(0, 0).amax())
        return torch.allclose(x, y, rtol=0, atol=1e-5 * largest, equal_nan=True)

    return [
        layer
        for layer, output in once.items()
        if layer not in again or not same(output, again[layer])
    ]
