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
SIDE = 32  # pixels of the traced images, where any will do


def sample_images(module: nn.Module) -> Tensor:
    """Two fixed images in [0, 1], of a size that the module takes."""
    height, width = (side or SIDE for side in graph_of(module).takes[2:])
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def find_layers(
    module: nn.Module,
    prepare: Callable[[Tensor], Tensor],
    scale: int | None = None,
    patterns: Sequence[str] = (),
    name: str = "the network",
) -> tuple[dict[str, str], int]:
    """Name -> path of the layers to look at, in order of execution, and the scale.

    One pass of two images tells. Its result must be two images, `scale` times as large; where none
    is given, any whole number of times. With no patterns: `automatic_layers`; else `chosen_layers`.
    A second pass must give the same: what is random has no features to be measured.
    """
    graph = graph_of(module)
    images = prepare(sample_images(module))
    failure = f"{name} fails on images of shape {tuple(images.shape)}"
    output, runs = guarded(failure, trace, module, images, graph.paths)
    scale = _checked_scale(output, images, scale, name)
    output_again, runs_again = guarded(failure, trace, module, images, graph.paths)
    passes = {**runs, OUTPUT: Run(1, output, 2)}, {**runs_again, OUTPUT: Run(1, output_again, 2)}
    if changing := _changing(*passes):
        raise DDRError(
            f"{name} is not deterministic: in evaluation mode {few(changing, 3)} gives something "
            "else in each pass; remove what is random or remembered"
        )
    layers = chosen_layers(patterns, runs) if patterns else automatic_layers(graph, runs, output)
    return {layer: graph.paths.get(layer, "") for layer in layers}, scale


def _checked_scale(output: object, images: Tensor, scale: int | None, name: str) -> int:
    n, _, height, width = images.shape
    given = tuple(output.shape) if torch.is_tensor(output) else type(output).__name__
    if scale is None:
        scale = max(output.shape[-1] // width, 1) if torch.is_tensor(output) else 1
    wanted = (n, 3, height * scale, width * scale)
    if given != wanted:
        raise DDRError(
            f"{name} does not give images: {given} for {tuple(images.shape)}, where x{scale} wants "
            f"{wanted}; set the scale or wrap the module"
        )
    return scale


class PyTorchGraph:
    """The layers of a PyTorch module: its submodules, called by their paths; as `OnnxNetwork`."""

    takes = (ANY, 3, ANY, ANY)

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.paths = {path: path for path, _ in module.named_modules() if path}

    def blocks(self, maps: Sequence[str]) -> list[str]:
        """Of these, the direct children and, in place of a container, its elements."""
        blocks = set(_blocks(self.module))
        return [path for path in maps if path in blocks]


Graph = PyTorchGraph | OnnxNetwork


def graph_of(module: nn.Module) -> Graph:
    """What there is to know of the module's layers before it runs."""
    return module if isinstance(module, OnnxNetwork) else PyTorchGraph(module)


def _blocks(module: nn.Module, prefix: str = "") -> Iterator[str]:
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
    samples: int  # images in the pass

    def fault(self) -> str | None:
        """Why its output cannot serve as features, one row an image; None where it can."""
        if self.times > 1:
            return f"runs {self.times} times in one pass"
        if not torch.is_tensor(self.output):
            return f"gives a {type(self.output).__name__}, not a tensor"
        if self.output.is_complex():
            return "gives complex numbers"
        if self.output.ndim < 2 or len(self.output) != self.samples:
            shape = tuple(self.output.shape)
            return f"gives {shape} for {self.samples} images, not one row an image"
        return None


def trace(
    module: nn.Module, images: Tensor, paths: Mapping[str, str]
) -> tuple[object, dict[str, Run]]:
    """One forward pass: its result, and what each layer did, in order of execution."""
    runs: dict[str, Run] = {}

    def record(layer: str, part: nn.Module, inputs: tuple, output: object) -> None:
        runs[layer] = Run(runs[layer].times + 1 if layer in runs else 1, output, len(images))

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

    def same(x: object, y: object) -> bool:
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


def automatic_layers(graph: Graph, runs: dict[str, Run], output: object) -> list[str]:
    """The blocks a network is built of, in order of execution, and last its output.

    Kept are those that ran once and gave one feature map (channels, height, width) an image; what
    gives the output itself is called Output.
    """
    maps = [
        layer
        for layer, run in runs.items()
        if run.fault() is None and run.output.ndim == 4 and run.output is not output
    ]
    return [*graph.blocks(maps), OUTPUT]


def chosen_layers(patterns: Iterable[str], runs: dict[str, Run]) -> list[str]:
    """The layers that the patterns match, in order of execution; see `matching`.

    Raises DDRError for a layer whose output cannot serve as features, too.
    """
    chosen = matching(patterns, [*runs, OUTPUT])
    for layer in chosen:
        if layer != OUTPUT and (fault := runs[layer].fault()):
            raise DDRError(f"layer {layer} {fault}; choose another, or what is inside it")
    return chosen


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
