"""What identifies a network: everything that decides what it computes.

A result is kept under this, so it has to change whenever the result would. It holds

- the module as it is in memory (`walk`): weights, buffers, attributes at any depth, and the code of
  its classes and functions, with the defaults, closures and globals that this code uses. Code in
  memory, not text in files: it is what runs, also in a notebook, and a comment does not change it.
  What an installed package defines counts by its version.
- what the module gives for one fixed image: it shows what no walk can see, such as compiled code or
  a setting read from the environment, but not the branches that this image does not take.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache, partial
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ddrlib.errors import one_line
from ddrlib.zoo.onnx_network import OnnxNetwork

SCALARS = (type(None), bool, int, float, complex, str)
# Of a class: where it is written, not what it does.
INCIDENTAL = {
    *("__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__orig_bases__"),
    *("__firstlineno__", "__static_attributes__", "__abstractmethods__", "_abc_impl"),
}


def identity(module: nn.Module, prepare: Callable[[Tensor], Tensor], images: Tensor) -> str:
    """The SHA-256 of all that decides what the module makes of images that `prepare` has prepared.

    `images` (N, 3, H, W) is what it is tried on; that it fails on them is a result too.
    """
    trial = module
    with suppress(Exception):  # some cannot be copied
        trial = copied(module)  # a pass may leave something behind
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the last digits depend on how many cores share the work
    try:
        with torch.inference_mode():
            given = trial(prepare(images))
    except Exception as error:  # noqa: BLE001 -- code that is not ours
        given = one_line(error)
    finally:
        torch.set_num_threads(threads)
    return walk(sys.version, torch.__version__, module, prepare, given)


def copied(module: nn.Module, device: torch.device | str = "cpu") -> nn.Module:
    """A copy on the device, which shares the weights that are there already.

    Raises what the module's parts raise where they cannot be copied.
    """
    device = torch.device(device)
    shared = {id(weight): weight for weight in module.parameters() if weight.device == device}
    return moved(deepcopy(module, shared), device)


def moved(module: nn.Module, device: torch.device | str) -> nn.Module:
    """The module itself, on the device with every tensor that its parts hold, buffers or not."""
    for part in module.modules():
        for name, value in vars(part).items():
            if torch.is_tensor(value):
                vars(part)[name] = value.to(device)
    return module.to(device)


def walk(*values: object) -> str:
    """The SHA-256 of the values and of all that they hold or use, however they refer to each other."""
    digest = sha256()
    seen: dict[int, tuple[int, object]] = {}  # with the objects, so that no other gets their id
    waiting = [*reversed(values)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, SCALARS):
            digest.update(f"{type(value).__name__} {value!r}\n".encode(errors="replace"))
        elif id(value) in seen:
            digest.update(f"number {seen[id(value)][0]}\n".encode())
        else:
            seen[id(value)] = len(seen), value
            label, parts = _taken_apart(value)
            digest.update(f"{type(value).__name__} {label} {len(parts)}\n".encode(errors="replace"))
            waiting.extend(reversed(parts))
    return digest.hexdigest()


def _taken_apart(value: Any) -> tuple[str, list]:
    """What tells a value apart, as a text, and the values that it consists of."""
    match value:
        case Tensor():
            return _tensor(value), []
        case np.ndarray() | np.generic():
            if value.dtype.hasobject:
                return str(value.shape), value.tolist()
            return f"{value.dtype} {value.shape} {_hash(value.tobytes())}", []
        case bytes() | bytearray():
            return _hash(value), []
        case OnnxNetwork():
            return f"{value.definition} {package('onnxruntime')}", []
        case nn.Module():
            # The numbers that hooks go by count all that were ever made, in any module.
            plain = {k: [*v.values()] if "_hooks" in k else v for k, v in vars(value).items()}
            return "", [type(value), plain]
        case Mapping():
            return "", [part for item in value.items() for part in item]
        case list() | tuple() | deque():
            return "", [*value]
        case set() | frozenset():
            return "", sorted(value, key=repr)
        case type():
            return _class(value)
        case FunctionType():
            return _function(value)
        case CodeType():
            return _code(value), [*value.co_consts]
        case MethodType():
            return "", [value.__func__, value.__self__]
        case partial():
            return "", [value.func, value.args, value.keywords]
        case property():
            return "", [value.fget]
        case classmethod() | staticmethod():
            return "", [value.__func__]
        case ModuleType():
            return f"{value.__name__} {package(value.__name__)}", []
    return _instance(value)


def _hash(data: Any) -> str:
    return sha256(data).hexdigest()


def _tensor(tensor: Tensor) -> str:
    """Type, shape and values of a tensor of any layout."""
    values = tensor.detach()
    if values.is_meta:
        return f"{tensor.dtype} {tuple(tensor.shape)} meta"
    values = values.dequantize() if values.is_quantized else values
    values = values.to_dense() if values.layout != torch.strided else values
    flat = values.cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    kind = f"{tensor.dtype} {tensor.layout} {tuple(tensor.shape)}"
    return f"{kind} {_hash(flat.view(torch.uint8).numpy())}"


def _class(kind: type) -> tuple[str, list]:
    if found := package(kind.__module__):
        return f"{found} {kind.__module__}.{kind.__qualname__}", []
    own = [part for item in vars(kind).items() if item[0] not in INCIDENTAL for part in item]
    return kind.__qualname__, [*kind.__bases__, *own]


def _function(function: FunctionType) -> tuple[str, list]:
    wrapped = vars(function).get("__wrapped__")
    if found := package(function.__module__ or ""):
        return f"{found} {function.__module__}.{function.__qualname__}", [wrapped]
    closure = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # not filled yet
            closure.append(cell.cell_contents)
    code, bound = function.__code__, [function.__defaults__, function.__kwdefaults__]
    used = _used(dict.fromkeys(_names(code)), function.__globals__)
    return function.__qualname__, [code, *bound, closure, vars(function), *used]


def _names(code: CodeType) -> Iterator[str]:
    """The names that code looks up outside itself: globals, attributes, modules it imports."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _used(names: Mapping[str, None], namespace: Mapping[str, Any]) -> Iterator[Any]:
    """Names with the values that they have as globals, or in the project's modules among these."""
    spaces = [namespace]
    for space in spaces:
        for name in names:
            value = space.get(name)
            if not isinstance(value, ModuleType) or package(value.__name__):
                yield from (name, value) if name in space else ()
            elif not any(vars(value) is known for known in spaces):
                spaces.append(vars(value))


def _code(code: CodeType) -> str:
    """What code does, not where it stands; its constants are left to be added."""
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    names = code.co_names, code.co_varnames, code.co_freevars
    return _hash(repr((code.co_code, code.co_exceptiontable, counts, *names)).encode())


def _instance(value: Any) -> tuple[str, list]:
    """Any other object: by its class and its attributes, or by its text where it has none."""
    kind, state = type(value), None
    if package(kind.__module__) != "python" or kind in (SimpleNamespace, Namespace):
        with suppress(Exception):  # an object of compiled code
            state = object.__getstate__(value)
    text = getattr(value, "__qualname__", None)
    if not state and not text:
        with suppress(Exception):
            text = repr(value)
    # An address is another in each process.
    label = "" if not isinstance(text, str) or " at 0x" in text else text
    return label, [kind, state, getattr(value, "__wrapped__", None)]


def package(module: str) -> str | None:
    """The installed package that a module belongs to, with its version; None where it has none.

    Python's own modules are of the package "python". This library has no version to rely on.
    """
    root = module.partition(".")[0]
    if root in sys.stdlib_module_names:
        return "python"
    file = getattr(sys.modules.get(root), "__file__", None)
    file = file or getattr(sys.modules.get(module), "__file__", None) or ""
    installed = {"site-packages", "dist-packages"}.intersection(Path(file).parts)
    return f"{root} {_version(root)}" if installed and root != "ddrlib" else None


@cache
def _version(root: str) -> str:
    try:
        return metadata.version(root)
    except metadata.PackageNotFoundError:
        return str(getattr(sys.modules.get(root), "__version__", ""))
