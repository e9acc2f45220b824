"""What a user says of a network of their own: in a file, or by the source alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ddrlib.errors import DDRError, did_you_mean
from ddrlib.files import read_yaml

# What the ending of a source says that it is.
_ROUTES = {
    **dict.fromkeys((".yaml", ".yml", ".json"), "descriptor"),
    **dict.fromkeys((".safetensors", ".pth", ".pt", ".ckpt"), "checkpoint"),
    ".onnx": "onnx",
    ".py": "factory",
}
LARGEST_SCALE = 64
LARGEST_VALUE = 1e6  # of a pixel


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

    `given` are fields that replace the ones in the file. Raises DDRError for a field that is unknown
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
