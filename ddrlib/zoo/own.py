"""A user's own module: from a factory, an ONNX file, or a checkpoint of a known architecture."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError, did_you_mean, guarded, optional
from ddrlib.files import read_yaml
from ddrlib.zoo.identity import package
from ddrlib.zoo.onnx_network import read_onnx
from ddrlib.zoo.weights import fill, read_weights, unwrapped

# What the ending of a source says that it is.
_ROUTES = {
    **dict.fromkeys((".yaml", ".yml", ".json"), "descriptor"),
    **dict.fromkeys((".safetensors", ".pth", ".pt", ".ckpt"), "checkpoint"),
    ".onnx": "onnx",
    ".py": "factory",
}
LARGEST_SCALE = 64
LARGEST_VALUE = 1e6  # of a pixel

_importing = RLock()


# ---- its description ----


@dataclass(frozen=True)
class Descriptor:
    """A user's own network: a factory, an ONNX file or a checkpoint alone, and how to use it.

    factory : "package.module:callable" or "file.py:callable"; called with nothing, it returns a
        torch.nn.Module (which it may also be); its project's modules are to be imported at the top
        of a file, not within a forward pass
    onnx : an ONNX file
    checkpoint : a safetensors file or a state dict saved by PyTorch, the weights of what the
        factory makes; without a factory, spandrel recognises the architecture
    scale : the ratio of HR to LR sides; left out, it follows from the size of the output
    input_range : what the network takes for black and for white
    layers : layer names or patterns (`ddrlib.zoo.layers.matching`); left out, they are found
    folder : where relative paths and the module of the factory are looked for
    """

    factory: str = ""
    onnx: str = ""
    checkpoint: str = ""
    scale: int | None = None
    input_range: tuple[float, float] = (0.0, 1.0)
    layers: tuple[str, ...] = ()
    folder: Path = field(default_factory=Path)

    def path(self, name: str) -> Path:
        """The file that this field names."""
        return self.folder / os.path.expanduser(getattr(self, name))


def is_own(source: str | Path) -> bool:
    """Whether this means a user's own network, not the name of one that has a card."""
    return bool(_route(source))


def describe(source: str | Path, **given: Any) -> Descriptor:
    """The descriptor in a YAML or JSON file; or of a factory, an ONNX file or a checkpoint.

    `given` are fields that replace those of the file. Raises DDRError for a field that is unknown
    or of the wrong kind, and unless it is clear where the network comes from.
    """
    where, given, route = str(source), _checked(given, str(source)), _route(source) or "factory"
    values = {route: where}
    if route == "descriptor":
        fields = read_yaml(Path(source))
        if not isinstance(fields, dict):
            raise DDRError(f"{where}: a descriptor holds fields with values, not {_shown(fields)}")
        values = _checked(fields, where) | {"folder": Path(source).parent}
        if "checkpoint" in given:  # named at the prompt, not beside the descriptor
            given["checkpoint"] = os.path.abspath(os.path.expanduser(given["checkpoint"]))
    found = Descriptor(**values | given)
    if route == "checkpoint" and found.checkpoint != where:
        raise DDRError(f"{where} is a checkpoint itself; leave the other out")
    if found.onnx and found.checkpoint:
        raise DDRError(f"{where}: an ONNX file holds its weights; leave the checkpoint out")
    if (found.factory and found.onnx) or not (found.factory or found.onnx or found.checkpoint):
        raise DDRError(f"{where}: name a factory, an ONNX file, or a checkpoint alone")
    return found


def _route(source: str | Path) -> str:
    """The field that a source gives, or "descriptor"; "" for the name of a card."""
    return _ROUTES.get(Path(source).suffix.lower(), "factory" if ":" in str(source) else "")


def _checked(values: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """The values as a `Descriptor` keeps them."""
    kept = {}
    for name, value in values.items():
        if name not in _FIELDS:
            hint = did_you_mean(name, _FIELDS)
            raise DDRError(f"{where}: unknown field {_shown(name)}; {hint}")
        keep, form = _FIELDS[name]
        kept[name] = keep(value)
        if kept[name] is None:
            raise DDRError(f"{where}: {name} has to be {form}, not {_shown(value)}")
    return kept


def _shown(value: Any) -> str:
    """A value that a message is about; a collection by its kind, since it may be long."""
    if isinstance(value, dict | list | tuple | set):
        return f"a {type(value).__name__}"
    return repr(value)[:60]


def _text(value: Any) -> str | None:
    return str(value) or None if isinstance(value, str | Path) else None


def _factor(value: Any) -> int | None:
    return value if type(value) is int and 1 <= value <= LARGEST_SCALE else None


def _range(value: Any) -> tuple[float, ...] | None:
    ends = value if isinstance(value, list | tuple) else ()
    usable = all(type(x) in (int, float) and abs(x) <= LARGEST_VALUE for x in ends)
    return tuple(map(float, ends)) if len(ends) == 2 and usable and ends[0] != ends[1] else None


def _names(value: Any) -> tuple[str, ...] | None:
    names = (value,) if isinstance(value, str) else value
    usable = isinstance(names, list | tuple) and all(isinstance(x, str) and x for x in names)
    return tuple(names) if usable else None


# By field: what a value is kept as, None where it does not fit; and what fits, in words.
_FIELDS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "factory": (_text, "a text"),
    "onnx": (_text, "a text"),
    "checkpoint": (_text, "a text"),
    "scale": (_factor, f"a whole number from 1 to {LARGEST_SCALE}"),
    "input_range": (_range, "two different numbers, such as [0, 255], up to a million"),
    "layers": (_names, "names or patterns, such as [head, body.*]"),
}


# ---- the module ----


def make_module(descriptor: Descriptor) -> nn.Module:
    """The module with its weights, in float32 and evaluation mode, frozen.

    Raises DDRError where it cannot be made.
    """
    if descriptor.onnx:
        return read_onnx(descriptor.path("onnx"))
    checkpoint = descriptor.path("checkpoint")
    if descriptor.factory:
        module = _bare(_call(descriptor.factory, descriptor.folder), descriptor.factory)
        if descriptor.checkpoint:
            fill(module, read_weights(checkpoint, module), checkpoint)
    else:
        module = recognise(checkpoint)
    return guarded(f"{type(module).__name__} cannot be used in float32", _frozen, module)


def _call(factory: str, folder: Path) -> Any:
    """What "package.module:callable" or "file.py:callable" returns, called with nothing."""
    place, colon, attribute = factory.rpartition(":")
    if place.endswith(".py"):
        file = folder / os.path.expanduser(place)
        folder, place = file.parent, file.stem
        if not file.is_file():
            raise DDRError(f"{file}: no such file; check the path")
    if not colon or not re.fullmatch(r"[\w.-]+:[\w.]+", f"{place}:{attribute}"):
        example = f"{factory}:make" if factory.endswith(".py") else "package.module:make"
        raise DDRError(
            f"network factory {factory!r}: name the function that makes it, such as {example}"
        )
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
        return guarded(f"{factory} fails", found)


@contextmanager
def _imports_from(folder: Path) -> Iterator[None]:
    """Within it, imports look into this folder first and read what lies there now.

    What is imported of a project (not of an installed package) is known to this network alone, and
    loaded modules that have the names of the folder's are put aside meanwhile. So two folders may
    use the same names, and an edited file is read again.
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


def _frozen(module: nn.Module) -> nn.Module:
    module = module.float().eval().requires_grad_(False)
    for part in module.modules():
        for name, value in vars(part).items():
            # Such as the weight that weight_norm computes from its two: no copy could be made.
            if torch.is_tensor(value) and not value.is_leaf:
                vars(part)[name] = value.detach()
    return module


def recognise(checkpoint: Path) -> nn.Module:
    """The module that a checkpoint belongs to, with its weights.

    The file is read by our own reader, which runs no code from it; spandrel, which could unpickle,
    only gets to see the tensors. Raises DDRError where spandrel is missing, does not know the
    architecture, or finds keys missing or surplus.
    """
    state: dict[str, Tensor] | None = read_weights(checkpoint, nn.Module())
    first = min(state or (), default="none")
    spandrel = optional("spandrel")
    while state:
        try:
            return guarded(
                f"{checkpoint} does not fit the architecture that it looks like",
                spandrel.ModelLoader().load_from_state_dict,
                {key: v.float() if v.is_floating_point() else v for key, v in state.items()},
            ).model
        except DDRError as error:
            if not isinstance(error.__cause__, spandrel.UnsupportedModelError):
                raise
        state = unwrapped(state)
    raise DDRError(
        f"{checkpoint} is of no architecture that spandrel knows (its first key is {first}); "
        "give its factory and this as the checkpoint"
    )
