"""What it takes to load a user's own network, given as a few values or as a small file of them."""

from __future__ import annotations

import difflib
import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ddrlib.errors import DDRError

PARSERS: dict[str, Callable[[str], Any]] = {
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
    ".json": json.loads,
    ".toml": tomllib.loads,
}
CHECKPOINTS = (".safetensors", ".pth", ".pt", ".ckpt")


@dataclass(frozen=True)
class Descriptor:
    """A user's own network: a factory, an ONNX file or a checkpoint alone, and how to use it.

    factory : "package.module:callable"; called with nothing, it returns a torch.nn.Module
    onnx : an ONNX file
    checkpoint : a safetensors file or a state dict saved by PyTorch, the weights of what the
        factory makes; without a factory, spandrel recognises the architecture
    scale : the ratio of HR to LR sides; left out, the size of the output tells
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
    folder: Path = Path()

    def path(self, field: str) -> Path:
        """The file that this field names."""
        return self.folder / Path(getattr(self, field)).expanduser()


def is_own(source: str | Path) -> bool:
    """Whether this means a user's own network, not the name of one that has a card."""
    return ":" in str(source) or _suffix(source) in (*PARSERS, *CHECKPOINTS, ".onnx")


def describe(source: str | Path, **given: Any) -> Descriptor:
    """The descriptor in a YAML, JSON or TOML file; or of a factory, an ONNX file or a checkpoint.

    `given` are fields that go over those of the file. Raises DDRError for a field that is unknown
    or of the wrong kind, and unless it is clear where the network comes from.
    """
    where, given = str(source), _checked(given, str(source))
    if _suffix(source) in PARSERS:
        values = _checked(_read(Path(source)), where) | {"folder": Path(source).parent}
        if "checkpoint" in given:  # named at the prompt, not beside the descriptor
            given["checkpoint"] = str(Path(given["checkpoint"]).expanduser().absolute())
    else:
        values = {_route(source): where}
    found = Descriptor(**values | given)
    if where != found.checkpoint and _suffix(source) in CHECKPOINTS:
        raise DDRError(f"{where} is a checkpoint itself; leave the other out")
    if found.onnx and found.checkpoint:
        raise DDRError(f"{where}: an ONNX file holds its weights; leave the checkpoint out")
    if (found.factory and found.onnx) or not (found.factory or found.onnx or found.checkpoint):
        raise DDRError(f"{where}: name a factory, an ONNX file, or a checkpoint alone")
    return found


def _suffix(source: str | Path) -> str:
    return Path(source).suffix.lower()


def _route(source: str | Path) -> str:
    """The field that a source which is no descriptor file belongs to."""
    if _suffix(source) == ".onnx":
        return "onnx"
    return "checkpoint" if _suffix(source) in CHECKPOINTS else "factory"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        values = PARSERS[_suffix(path)](path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DDRError(f"descriptor {path}: {error.strerror}; check the path") from None
    except (ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DDRError(f"descriptor {path} is not {_suffix(path)[1:]} ({reason})") from None
    if not isinstance(values, dict):
        raise DDRError(f"descriptor {path} must hold fields with values, not {values!r}")
    return values


def _checked(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values as a `Descriptor` keeps them."""
    for field in values:
        if field not in _KINDS:
            near = difflib.get_close_matches(str(field), _KINDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KINDS)}"
            raise DDRError(f"{where}: unknown field {field!r}; {hint}")
    return {field: _KINDS[field](value, f"{where}: {field}") for field, value in values.items()}


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str | Path) or not str(value):
        raise DDRError(f"{what} has to be a text, not {value!r}")
    return str(value)


def _factor(value: Any, what: str) -> int:
    if type(value) is not int or value < 1:
        raise DDRError(f"{what} has to be a whole number, 1 or more, not {value!r}")
    return value


def _range(value: Any, what: str) -> tuple[float, float]:
    ends = value if isinstance(value, list | tuple) else ()
    finite = all(isinstance(x, int | float) and math.isfinite(x) for x in ends)
    if len(ends) != 2 or not finite or ends[0] == ends[1]:
        raise DDRError(f"{what} has to be two different numbers such as [0, 255], not {value!r}")
    return float(ends[0]), float(ends[1])


def _names(value: Any, what: str) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(x, str) and x for x in names):
        raise DDRError(f"{what} has to be names or patterns such as [head, body.*], not {value!r}")
    return tuple(names)


_KINDS: dict[str, Callable[[Any, str], Any]] = {
    "factory": _text,
    "onnx": _text,
    "checkpoint": _text,
    "scale": _factor,
    "input_range": _range,
    "layers": _names,
}
