"""A user's own module: from a factory, an ONNX file, or a checkpoint of a known architecture."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from threading import RLock
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ddrlib.errors import DDRError, did_you_mean, guarded, optional
from ddrlib.zoo.basicsr import msrresnet
from ddrlib.zoo.descriptor import Descriptor
from ddrlib.zoo.identity import moved, package
from ddrlib.zoo.image_network import SIDES, Brought, Call
from ddrlib.zoo.onnx_file import read_onnx
from ddrlib.zoo.weights import fill, read_weights, unwrapped

_importing = RLock()


def bring(descriptor: Descriptor) -> Brought:
    """The module with its weights, on the CPU, in float32 and evaluation mode, frozen.

    Raises DDRError where it cannot be made.
    """
    if descriptor.onnx:
        return read_onnx(descriptor.path("onnx"))
    checkpoint = descriptor.path("checkpoint")
    if descriptor.factory:
        made = _call(descriptor.factory, descriptor.folder, descriptor.arguments)
        brought = Brought(_bare(made, descriptor.factory))
        if descriptor.checkpoint:
            fill(brought.module, read_weights(checkpoint, brought.module), checkpoint)
    else:
        brought = recognise(checkpoint)
        if descriptor.maps:  # given by the user, in place of those that spandrel would give
            brought = Brought(brought.module, sides=brought.sides)
    kind = type(brought.module).__name__
    if empty := [name for name, weight in brought.module.named_parameters() if weight.is_meta]:
        raise DDRError(
            f"{kind} has weights without values (meta), such as {empty[0]}; make them first"
        )
    guarded(f"{kind} cannot be used in float32", _freeze, brought.module)
    return brought


def _call(factory: str, folder: Path, arguments: Mapping[str, Any]) -> Any:
    """What "package.module:callable" or "file.py:callable" returns, called with these arguments."""
    place, colon, attribute = factory.rpartition(":")
    if place.endswith(".py"):
        file = folder / os.path.expanduser(place)
        folder, place = file.parent, file.stem
        if not file.is_file():
            raise DDRError(f"{file}: no such file; check the path")
    if not colon or not re.fullmatch(r"[\w.-]+:[\w.]+", f"{place}:{attribute}"):
        example = f"{factory}:make" if factory.endswith(".py") else "package.module:make"
        remedy = f"name the function that makes it, such as {example}"
        raise DDRError(f"network factory {factory!r}: {remedy}")
    with _imports_from(folder):
        found = guarded(f"{place} cannot be imported", importlib.import_module, place)
        names = [k for k, value in vars(found).items() if getattr(value, "__module__", 0) == place]
        for name in attribute.split("."):
            found = guarded(f"{place} has no {attribute}", getattr, found, name, None)
        if isinstance(found, nn.Module):
            with suppress(Exception):  # its owner's copy stays as it was, where it can be copied
                return deepcopy(found)
            return found
        if not callable(found):
            hint = did_you_mean(attribute, names)
            raise DDRError(f"{place} has no callable {attribute!r}; {hint}")
        return guarded(f"{factory} fails", found, **arguments)


@contextmanager
def _imports_from(folder: Path) -> Iterator[None]:
    """Within it, imports look into this folder first and read what lies there now.

    What is imported of a project (not of an installed package) is forgotten afterwards, and loaded
    modules that have names of the folder are put aside meanwhile. So two folders may use the same
    names, and an edited file is read again.
    """
    if not folder.is_dir():
        raise DDRError(f"{folder}: no such folder; check the path")
    entries = [entry for entry in folder.iterdir() if entry.suffix == ".py" or entry.is_dir()]
    names = {entry.name.removesuffix(".py") for entry in entries}
    names -= {*sys.stdlib_module_names, "ddrlib"}
    with _importing:
        here = [name for name in sys.modules if name.partition(".")[0] in names]
        aside = {name: sys.modules.pop(name) for name in here if not package(name)}
        others = set(sys.modules)
        kept = sys.path[:], sys.dont_write_bytecode
        sys.path.insert(0, str(folder.absolute()))
        sys.dont_write_bytecode = True  # a file edited twice in a second is taken for the same
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path[:], sys.dont_write_bytecode = kept
            for name in [name for name in sys.modules if name not in others and _is_project(name)]:
                del sys.modules[name]
            sys.modules.update(aside)


def _is_project(name: str) -> bool:
    """Whether a loaded module is Python code of no installed package."""
    file = getattr(sys.modules[name], "__file__", None) or ""
    python = file.endswith(".py") or hasattr(sys.modules[name], "__path__")
    return python and not package(name) and name.partition(".")[0] != "ddrlib"


def _bare(module: Any, factory: str) -> nn.Module:
    """The module itself, out of what trains or compiles it; DDRError for what is none."""
    if isinstance(module, torch.jit.ScriptModule):
        raise DDRError(
            f"{factory} returns TorchScript, whose layers cannot be looked into; return the module "
            "from which it was made"
        )
    if not isinstance(module, nn.Module):
        raise DDRError(f"{factory} returns a {type(module).__name__}, not a torch.nn.Module")
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return _bare(module.module, factory)
    inner = getattr(module, "_orig_mod", None)  # torch.compile
    return _bare(inner, factory) if isinstance(inner, nn.Module) else module


def _freeze(module: nn.Module) -> None:
    moved(module, "cpu").float().eval()
    for weight in module.parameters():
        if not is_lazy(weight):  # those that a first pass will make have none yet
            weight.requires_grad_(False)
    for part in module.modules():
        for name, value in vars(part).items():
            # Such as the weight that weight_norm computes from its two: no copy could be made.
            if torch.is_tensor(value) and not value.is_leaf:
                vars(part)[name] = value.detach()


def recognise(checkpoint: Path) -> Brought:
    """The module that a checkpoint belongs to, with its weights, and how spandrel uses it.

    The paper's generator is known under its names in BasicSR, all others to spandrel, which could
    unpickle and only gets the tensors. Raises DDRError where the file is missing, the architecture
    is not known, or keys are missing or surplus.
    """
    states: list[dict[str, Tensor]] = []
    found: dict[str, Tensor] | None = read_weights(checkpoint, nn.Module())
    while found:
        states.append(found)
        found = unwrapped(found)
    if module := next(filter(None, map(msrresnet, states)), None):
        return Brought(module)
    spandrel = optional("spandrel", "spandrel")
    for state in states:
        try:
            known = guarded(
                f"{checkpoint} does not fit the architecture that it looks like",
                spandrel.ModelLoader().load_from_state_dict,
                {key: v.float() if v.is_floating_point() else v for key, v in state.items()},
            )
        except DDRError as error:
            if not isinstance(error.__cause__, spandrel.UnsupportedModelError):
                raise
            continue
        if not isinstance(known, spandrel.ImageModelDescriptor):
            raise DDRError(f"{checkpoint} takes more than an image (a mask): it is not supported")
        needs = known.size_requirements
        step = needs.multiple_of
        least = -(-max(needs.minimum, SIDES[0]) // step) * step
        sides = [side for side in SIDES if side >= least and side % step == 0] or [least]
        # Its own way to call the network, such as with the map of a noise level.
        call = known._call_fn
        if not _takes_several(call, known.model, known.input_channels, sides[0]):
            call = for_several(call)
        return Brought(known.model, call, known.input_channels, sides)
    first = min(states[0], default="none") if states else "none"
    raise DDRError(
        f"{checkpoint} is of no architecture that spandrel knows (its first key is {first}); "
        "give its factory and this as the checkpoint"
    )


class _Given(Exception):
    """What a module was to be called with."""


class _Instead:
    """What stands for a module in a call: its attributes, and another function in place of it."""

    def __init__(self, module: nn.Module, run: Callable[[Tensor], Tensor]) -> None:
        self._module, self._run = module, run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __call__(self, images: Tensor) -> Tensor:
        return self._run(images)


def _stop(images: Tensor) -> Tensor:
    raise _Given(images)


def _takes_several(call: Call, module: nn.Module, channels: int, side: int) -> bool:
    """Whether a call takes more than one image, as far as it comes before the module is run."""
    try:
        call(_Instead(module, _stop), torch.zeros(2, channels, side, side))
    except RuntimeError:  # of shapes that do not fit
        return False
    except Exception:  # noqa: BLE001  among them `_Given`
        return True
    return True


def for_several(call: Call) -> Call:
    """A call for any number of images, of one that takes one: for a single map of the noise, say.

    The module itself is run once, on all of them: what its layers give has a row for each image.
    """

    def given(module: nn.Module, image: Tensor) -> Tensor:
        try:
            return call(_Instead(module, _stop), image)
        except _Given as caught:
            return caught.args[0]

    def run(module: nn.Module, images: Tensor) -> Tensor:
        each = images.split(1)
        outputs = iter(module(torch.cat([given(module, image) for image in each])).split(1))
        holding = _Instead(module, lambda _: next(outputs))
        return torch.cat([call(holding, image) for image in each])

    return run
