"""What a user says of a network of their own: in a file, or by the source alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ddrlib.errors import DDRError, did_you_mean
from ddrlib.files import read_yaml

Constant = float | Sequence  # a number, or numbers nested in lists

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

    Attributes
    ----------
    factory : str
        "package.module:callable" or "file.py:callable"; called with the arguments, it returns a
        torch.nn.Module (which it may also be); its project's modules are to be imported at the top
        of a file, not within a forward pass.
    arguments : dict
        Of the factory, by name.
    onnx : str
        An ONNX file.
    checkpoint : str
        A safetensors file or a state dict saved by PyTorch, the weights of what the factory makes;
        without a factory, spandrel recognises the architecture.
    scale : int
        The ratio of HR to LR sides; left out, it follows from the size of the output.
    input_range : tuple of float
        What the network takes for black and for white; left out, 0 and 1 (0 and 255 of an ONNX file
        that takes whole numbers).
    mean : tuple of float
        What is taken off the image in that range: one number, or one a channel.
    std : tuple of float
        What the image is then divided by: one number, or one a channel.
    maps : tuple of float
        Numbers; for each, a constant map follows the channels of the image.
    constants : dict
        What else the network takes, by the name of the argument or of the ONNX input: a number, or
        (nested) lists of numbers, to which an axis for the images is added in front.
    output : int or str
        Which of several outputs holds the image, by number or name; left out, the first that does.
    layers : tuple of str
        Layer names or patterns (`ddrlib.zoo.layers.matching`); left out, they are found.
    folder : path
        Where relative paths and the module of the factory are looked for.
    """

    factory: str = ""
    onnx: str = ""
    checkpoint: str = ""
    scale: int | None = None
    input_range: tuple[float, float] | None = None
    layers: tuple[str, ...] = ()
    folder: Path = field(default_factory=Path)
    arguments: dict[str, Any] = field(default_factory=dict)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    maps: tuple[float, ...] = ()
    constants: dict[str, Constant] = field(default_factory=dict)
    output: int | str | None = None

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
    usable = all(map(_is_number, ends))
    return tuple(map(float, ends)) if len(ends) == 2 and usable and ends[0] != ends[1] else None


def _numbers(value: Any) -> tuple[float, ...] | None:
    numbers = value if isinstance(value, list | tuple) else (value,)
    return tuple(map(float, numbers)) if all(map(_is_number, numbers)) and numbers else None


def _divisors(value: Any) -> tuple[float, ...] | None:
    numbers = _numbers(value)
    return numbers if numbers and all(numbers) else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST_VALUE


def _arguments(value: Any) -> dict[str, Any] | None:
    named = isinstance(value, dict) and all(isinstance(x, str) for x in value)
    return value if named else None


def _constants(value: Any) -> dict[str, Any] | None:
    def usable(item: Any) -> bool:
        nested = isinstance(item, list) and bool(item)
        return _is_number(item) or (nested and all(map(usable, item)))

    return value if _arguments(value) is not None and all(map(usable, value.values())) else None


def _place(value: Any) -> int | str | None:
    return value if type(value) is int or (isinstance(value, str) and value) else None


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
    "arguments": (_arguments, "names with values"),
    "mean": (_numbers, "one number or one a channel, such as [0.45, 0.44, 0.41]"),
    "std": (_divisors, "one number or one a channel, none of them 0"),
    "maps": (_numbers, "numbers, such as [0.06]"),
    "constants": (_constants, "names with numbers or lists of numbers"),
    "output": (_place, "the number or the name of an output"),
}
