"""Which layers a user's network has: found by one traced pass, or chosen by name and pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError, did_you_mean, few, guarded
from ddrlib.zoo.onnx_network import ANY, OnnxNetwork

OUTPUT = "Output"  # name of the network's own output, whose path is ""
IMAGES, SIDE = 2, 32  # how many images are traced, and their pixels a side where any will do


def sample_images(module: nn.Module) -> Tensor:
    """Two fixed images in [0, 1], of a size that the module takes."""
    sides = module.takes[2:] if isinstance(module, OnnxNetwork) else (ANY, ANY)
    height, width = (side or SIDE for side in sides)
    return torch.rand(IMAGES, 3, height, width, generator=torch.Generator().manual_seed(0))


def find_layers(
    module: nn.Module,
    prepare: Callable[[Tensor], Tensor],
    scale: int | None = None,
    patterns: Sequence[str] = (),
    name: str = "the network",
) -> tuple[dict[str, str], int]:
    """Name -> path of the layers to look at, in order of execution, and the scale.

    They are found in one pass of two images. Its result must be two images, `scale` times as large;
    where none is given, any whole number of times. With no patterns, the layers are the blocks that
    the network is built of (`_blocks`); else `matching`, each with an output that can serve as
    features. A second pass must give the same: what is random has no features to be measured.
    """
    graph = module if isinstance(module, OnnxNetwork) else None
    paths = graph.paths if graph else {path: path for path, _ in module.named_modules() if path}
    images = prepare(sample_images(module))
    failure = f"{name} fails on images of shape {tuple(images.shape)}"
    output, runs = guarded(failure, trace, module, images, paths)
    scale = _checked_scale(output, images, scale, name)
    output_again, runs_again = guarded(failure, trace, module, images, paths)
    passes = {**runs, OUTPUT: Run(1, output)}, {**runs_again, OUTPUT: Run(1, output_again)}
    if changing := _changing(*passes):
        raise DDRError(
            f"{name} is not deterministic: in evaluation mode {few(changing, 3)} gives something "
            "else in each pass; remove what is random or remembered"
        )
    if patterns:
        layers = matching(patterns, [*runs, OUTPUT])
        for layer in layers:
            if layer != OUTPUT and (fault := runs[layer].fault()):
                raise DDRError(f"layer {layer} {fault}; choose another, or what is inside it")
    else:  # feature maps alone, without a layer that gives the output itself
        maps = [
            layer
            for layer, run in runs.items()
            if run.fault() is None and run.output.ndim == 4 and run.output is not output
        ]
        blocks = set(graph.blocks(maps) if graph else _blocks(module))
        layers = [*filter(blocks.__contains__, maps), OUTPUT]
    return {layer: paths.get(layer, "") for layer in layers}, scale


def _checked_scale(output: object, images: Tensor, scale: int | None, name: str) -> int:
    n, _, height, width = images.shape
    given = tuple(output.shape) if torch.is_tensor(output) else type(output).__name__
    if scale is None:
        scale = max(output.shape[-1] // width, 1) if torch.is_tensor(output) else 1
    due = (n, 3, height * scale, width * scale)
    if given != due:
        raise DDRError(
            f"{name} does not give images: {given} for {tuple(images.shape)}, where x{scale} wants "
            f"{due}; set the scale or wrap the module"
        )
    return scale


def _blocks(module: nn.Module, prefix: str = "") -> Iterator[str]:
    """The paths of its direct children and, in place of a container, of the elements."""
    children = list(module.named_children())
    for name, child in children:
        # An only child is the content of a wrapper: the blocks are inside.
        container = isinstance(child, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        if (container or len(children) == 1) and any(True for _ in child.children()):
            yield from _blocks(child, f"{prefix}{name}.")
        else:
            yield prefix + name


@dataclass
class Run:
    """What a layer did in the traced pass: how often it ran, its (last) output."""

    times: int
    output: Any

    def fault(self) -> str | None:
        """Why its output cannot serve as features, one row an image; None where it can."""
        if self.times > 1:
            return f"runs {self.times} times in one pass"
        if not torch.is_tensor(self.output):
            return f"gives a {type(self.output).__name__}, not a tensor"
        if self.output.is_complex():
            return "gives complex numbers"
        if self.output.ndim < 2 or len(self.output) != IMAGES:
            shape = tuple(self.output.shape)
            return f"gives {shape} for {IMAGES} images, not a row for each"
        return None


def trace(
    module: nn.Module, images: Tensor, paths: Mapping[str, str]
) -> tuple[object, dict[str, Run]]:
    """One forward pass: its result, and what each layer did, in order of execution."""
    runs: dict[str, Run] = {}

    def record(layer: str, part: nn.Module, inputs: tuple, output: object) -> None:
        runs[layer] = Run(runs[layer].times + 1 if layer in runs else 1, output)

    hooks = [
        module.get_submodule(path).register_forward_hook(partial(record, layer))
        for layer, path in paths.items()
    ]
    try:
        with torch.no_grad():
            return module(images), runs
    finally:
        for hook in hooks:
            hook.remove()


def _changing(once: dict[str, Run], again: dict[str, Run]) -> list[str]:
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
        for layer, run in once.items()
        if layer not in again or not same(run.output, again[layer].output)
    ]


def matching(patterns: str | Iterable[str], names: Sequence[str]) -> list[str]:
    """The names that the patterns match, in their order.

    A pattern is a name; or a name with wildcards, where `*` stays within one level, from one "." or
    "/" to the next ("body.*" is every block of the body, not what is inside them); or "re:" and a
    regular expression for the whole name. Raises DDRError for a pattern that matches nothing.
    """
    chosen: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matched = set(filter(_matcher(pattern), names))
        if not matched:
            raise DDRError(f"no layer matches {pattern!r}; {did_you_mean(pattern, names)}")
        chosen |= matched
    return [name for name in names if name in chosen]


def _matcher(pattern: str) -> Callable[[str], object]:
    if not pattern.startswith("re:"):
        return re.compile(re.escape(pattern).replace(r"\*", "[^./]*")).fullmatch
    try:
        return re.compile(pattern.removeprefix("re:")).fullmatch
    except re.error as error:
        raise DDRError(f"layer pattern {pattern!r} is not a regular expression: {error}") from None
