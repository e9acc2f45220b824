"""A user's own module: made by "package.module:factory", its layers found by tracing one pass."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError

OUTPUT = "Output"  # display name of the module's own output, whose path is ""


def make_module(factory: str) -> nn.Module:
    """Import "package.module:callable" (the working directory counts) and call it with nothing."""
    if not re.fullmatch(r"[\w.]+:[\w.]+", factory):
        raise DDRError(f"network factory {factory!r} is not of the form package.module:callable")
    place, _, attribute = factory.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    found = _guarded(f"{place} cannot be imported", importlib.import_module, place)
    for name in attribute.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        raise DDRError(f"{place} has no callable {attribute!r}; give package.module:callable")
    module = _guarded(f"{factory} fails", found)
    if not isinstance(module, nn.Module):
        raise DDRError(f"{factory} returns a {type(module).__name__}, not a torch.nn.Module")
    return module


def source(module: nn.Module) -> str:
    """The text of the file that defines the module's class; "" where there is none to read."""
    try:
        return inspect.getsource(inspect.getmodule(type(module)))
    except (OSError, TypeError):
        return ""


def find_layers(
    module: nn.Module,
    prepare: Callable[[Tensor], Tensor],
    scale: int,
    patterns: str | Sequence[str] | None = None,
) -> dict[str, str]:
    """Display name -> path of the layers to look at, in order of execution, after one traced pass.

    The pass takes two 32 x 32 images; its result must be two images, `scale` times as large. With
    no patterns: `automatic_layers`; otherwise `chosen_layers`.
    """
    images = prepare(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    name, shape = type(module).__name__, tuple(images.shape)
    output, runs = _guarded(f"{name} fails on images of shape {shape}", trace, module, images)
    given = tuple(output.shape) if torch.is_tensor(output) else type(output).__name__
    wanted = (2, 3, 32 * scale, 32 * scale)
    if given != wanted:
        raise DDRError(
            f"{name} does not give images: {given} for {shape}, where x{scale} wants {wanted}; "
            "set the scale or wrap the module"
        )
    return automatic_layers(module, runs) if patterns is None else chosen_layers(patterns, runs)


def _guarded(failure: str, function: Callable, *arguments: object) -> Any:
    """Call the user's code; whatever it raises becomes one line."""
    try:
        return function(*arguments)
    except Exception as error:
        told = " ".join(str(error).split())
        raise DDRError(f"{failure}: {type(error).__name__}: {told}") from error


@dataclass
class Run:
    """What a submodule did in the traced pass: how often it ran, its (last) output."""

    times: int
    output: object
    samples: int  # images in the pass

    def fault(self) -> str | None:
        """Why its output cannot serve as features, one row an image; None where it can."""
        if self.times > 1:
            return f"runs {self.times} times in one pass"
        if not torch.is_tensor(self.output):
            return f"gives a {type(self.output).__name__}, not a tensor"
        if self.output.ndim < 2 or len(self.output) != self.samples:
            shape = tuple(self.output.shape)
            return f"gives {shape} for {self.samples} images, not one row an image"
        return None


def trace(module: nn.Module, images: Tensor) -> tuple[object, dict[str, Run]]:
    """One forward pass: its result, and what each submodule did, by path, in order of execution."""
    runs: dict[str, Run] = {}

    def record(path: str, part: nn.Module, inputs: tuple, output: object) -> None:
        runs[path] = Run(runs[path].times + 1 if path in runs else 1, output, len(images))

    hooks = [
        part.register_forward_hook(partial(record, path))
        for path, part in module.named_modules() if path
    ]
    try:
        with torch.no_grad():
            return module(images), runs
    finally:
        for hook in hooks:
            hook.remove()


def automatic_layers(module: nn.Module, runs: dict[str, Run]) -> dict[str, str]:
    """The blocks a network is built of, in order of execution, and last its output.

    Blocks are the direct children and, in place of a container, its elements. Kept are those that
    ran once and gave one feature map (channels, height, width) an image.
    """
    blocks = set(_blocks(module))
    kept = [
        path for path, run in runs.items()
        if path in blocks and run.fault() is None and run.output.ndim == 4
    ]
    return {path: path for path in kept} | {OUTPUT: ""}


def _blocks(module: nn.Module, prefix: str = "") -> Iterator[str]:
    children = list(module.named_children())
    for name, child in children:
        # An only child is the content of a wrapper: the blocks are inside.
        container = isinstance(child, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        if (container or len(children) == 1) and any(True for _ in child.children()):
            yield from _blocks(child, f"{prefix}{name}.")
        else:
            yield prefix + name


def chosen_layers(patterns: str | Sequence[str], runs: dict[str, Run]) -> dict[str, str]:
    """The submodules that the patterns match, in order of execution.

    A pattern is a module path; or a path with wildcards, where `*` stays within one level ("body.*"
    is every block of the body, not what is inside them); or "re:" and a regular expression for the
    whole path. "Output" is the network's own output. Raises DDRError for a pattern that matches
    nothing and for a module whose output cannot serve as features.
    """
    names = [*runs, OUTPUT]
    chosen: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matched = set(filter(_matcher(pattern), names))
        if not matched:
            raise DDRError(f"no layer matches {pattern!r}; the layers are: {', '.join(names)}")
        chosen |= matched
    for name in chosen - {OUTPUT}:
        if fault := runs[name].fault():
            raise DDRError(f"layer {name} {fault}; choose another, or what is inside it")
    return {name: "" if name == OUTPUT else name for name in names if name in chosen}


def _matcher(pattern: str) -> Callable[[str], object]:
    if not pattern.startswith("re:"):
        return re.compile(re.escape(pattern).replace(r"\*", "[^.]*")).fullmatch
    try:
        return re.compile(pattern.removeprefix("re:")).fullmatch
    except re.error as error:
        raise DDRError(f"layer pattern {pattern!r} is not a regular expression: {error}") from None
