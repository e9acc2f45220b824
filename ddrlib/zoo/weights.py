"""Weights in files: read without running code, put into a module; whole files or none written."""

from __future__ import annotations

import hashlib
import pickle
import re
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ddrlib.errors import DDRError, few, guarded, one_line
from ddrlib.zoo.ncnn import read_layers

# In a safetensors file of ours a uint8 tensor "x" comes with "x:scale_min", float64 (2,).
_SCALE_MIN = ":scale_min"
# Under what checkpoints keep the weights, and what stands before the names of weights: averaged
# weights come before the last ones, and a generator before its discriminator.
_AVERAGED = ("params_ema", "params-ema", "model_ema", "net_ema", "g_ema", "ema")
_GENERATOR = ("generator", "netG", "net_g", "params", "state_dict", "model_state_dict")
_WRAPPERS = (*_AVERAGED, *_GENERATOR, "model", "net", "network", "module", "_orig_mod")
_DEEPEST = 4  # wrappers around each other


def read_weights(path: Path, module: nn.Module) -> dict[str, Tensor]:
    """The state dict in a .safetensors, ncnn (.bin with its .param) or PyTorch file.

    `module` gives the names to the tensors of an ncnn file, which has them in the order of
    execution only. DDRError for a missing or damaged file, for one that would have to run code to
    be read, and for tensors that are not plain real numbers.
    """
    if not path.is_file():
        fault = "is not a file" if path.exists() else "does not exist"
        raise DDRError(f"weight file {path} {fault}; check the path")
    if path.suffix == ".safetensors":
        content: Any = _read_safetensors(path)
    elif path.with_suffix(".param").is_file():
        content = read_ncnn(path, module)
    else:
        content = _read_torch(path)
    state = _state_in(content)
    if not state:
        held = few(content, 5) if isinstance(content, Mapping) else type(content).__name__
        raise DDRError(
            f"{path} holds no state dict (a mapping of names to tensors), or several; it holds: "
            f"{held[:200] or 'nothing'}"
        )
    for key, value in state.items():
        for fault in (text for text, applies in _FAULTS.items() if applies(key, value)):
            raise DDRError(f"{path}: {key!r} is {fault}; save names with plain real tensors")
    return {key: value.detach() for key, value in state.items()}


# Why an entry of a state dict cannot be taken.
_FAULTS: dict[str, Callable[[Any, Tensor], bool]] = {
    "no name": lambda key, _: not isinstance(key, str),
    "a tensor without values (meta)": lambda _, value: value.is_meta,
    "a sparse or nested tensor": lambda _, value: value.layout != torch.strided or value.is_nested,
    "a quantised tensor": lambda _, value: value.is_quantized,
    "a complex tensor": lambda _, value: value.is_complex(),
}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        state = safetensors.torch.load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        fault = f"is not a whole safetensors file ({one_line(error)})"
        raise DDRError(f"{path} {fault}; get it again") from None
    for key, value in state.items():
        if key.endswith(_SCALE_MIN) and (value.shape != (2,) or not value.is_floating_point()):
            raise DDRError(f"{path}: {key} has to be two numbers, scale and minimum; get it again")
    return {
        key: dequantise(value, state[key + _SCALE_MIN]) if key + _SCALE_MIN in state else value
        for key, value in state.items()
        if not key.endswith(_SCALE_MIN)
    }


def quantised(key: str, codes: Tensor, scale: float, minimum: float) -> dict[str, Tensor]:
    """The two entries that keep a tensor of uint8 codes in a safetensors file exactly."""
    return {key: codes, key + _SCALE_MIN: torch.tensor([scale, minimum], dtype=torch.float64)}


def dequantise(codes: Tensor, scale_min: Tensor) -> Tensor:
    """code * scale + min, in float64 and then rounded to float32, as TensorFlow.js does.

    `scale_min` (2,) holds scale and minimum; the shape is that of the codes.
    """
    return (codes.double() * scale_min[0] + scale_min[1]).float()


def read_ncnn(path: Path, module: nn.Module) -> dict[str, Tensor]:
    """The state dict in an ncnn `.bin` file, at its own precision (see `read_weights`)."""
    owned = ((name, [*part._parameters, *part._buffers]) for name, part in module.named_modules())
    kept = module.state_dict()
    keys = [[k for key in own if (k := f"{name}.{key}") in kept] for name, own in owned]
    keys = list(filter(None, keys))
    layers = read_layers(path.with_suffix(".param"))
    if [*map(len, keys)] != [*map(len, layers)]:
        raise DDRError(
            f"{path} is another architecture than {type(module).__name__}: {len(layers)} layers "
            f"have weights, not {len(keys)}"
        )
    return {
        key: tensor
        for names, tensors in zip(keys, layers, strict=True)
        for key, tensor in zip(names, tensors, strict=True)
    }


def _read_torch(path: Path) -> Any:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:  # else an older format
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise DDRError(
                f"{path} is a TorchScript archive, which is code; save the state dict alone"
            )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        kind = re.search(r"GLOBAL ([\w.]+) was not", str(error))
        why = f"it holds a {kind[1]}, and to read that" if kind else "it is damaged, or reading it"
        raise DDRError(
            f"{path} is refused: {why} would run code from it; "
            "save the state dict alone, best as safetensors, and use that"
        ) from None
    except Exception as error:  # the reader stumbles over damaged files in many ways
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DDRError(
            f"{path} is not a PyTorch checkpoint or is damaged ({one_line(reason)[:200]})"
        ) from error


def _state_in(content: Any, depth: int = _DEEPEST) -> Mapping | None:
    """The state dict in what a file holds, under any name; None where it is not clear which.

    An epoch or a name may stand between the weights.
    """
    if not isinstance(content, Mapping) or not depth:
        return None
    tensors = {key: value for key, value in content.items() if torch.is_tensor(value)}
    if tensors and (len(tensors) == len(content) or any("." in str(key) for key in tensors)):
        return tensors
    known = (_state_in(content.get(key), depth - 1) for key in _WRAPPERS)
    if state := next(filter(None, known), None):
        return state
    states = [
        value
        for value in content.values()
        if isinstance(value, Mapping) and value and all(map(torch.is_tensor, value.values()))
    ]
    return states[0] if len(states) == 1 else None


def unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The weights without the first part of their names; None where that wraps nothing.

    What wraps is one of the usual words before all names ("module." of DataParallel, "net." of
    Lightning), or the averaged or the generator's weights beside others.
    """
    heads = {key.partition(".")[0] for key in state}
    known = [head for head in (*_AVERAGED, *_GENERATOR) if head in heads]
    if heads.issubset(_WRAPPERS) and len(heads) == 1:
        known = [*heads]
    if not known:
        return None
    prefix = f"{known[0]}."
    return {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}


def fill(module: nn.Module, state: Mapping[str, Tensor], where: Path) -> None:
    """Load weights from the file `where` into a module; DDRError has the first keys that do not fit.

    What wraps the names of the weights (`unwrapped`) is taken off where they fit without it only.
    That batches were counted or not makes no difference.
    """
    name = type(module).__name__
    expected = guarded(f"{name} has no state dict", module.state_dict)
    given: Mapping[str, Tensor] | None = state
    while given and _misfits(expected, given):
        given = unwrapped(given)
    if not given:
        misfits = "; ".join(_misfits(expected, state)) or "it holds none"
        raise DDRError(f"{where} is a checkpoint of another architecture than {name}: {misfits}")
    whole = {**expected, **{key: given[key] for key in expected if key in given}}
    guarded(f"{name} does not take the weights in {where}", module.load_state_dict, whole)


def _misfits(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    """What of a state dict does not fit, a few keys of each kind."""

    def lacking(some: Mapping, others: Mapping) -> list[str]:
        return [k for k in some if k not in others and not k.endswith("num_batches_tracked")]

    shapes = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(value.shape)}"
        for key, value in expected.items()
        if key in state and torch.is_tensor(value) and state[key].shape != value.shape
    ]
    kinds = {
        "missing": lacking(expected, state),
        "surplus": lacking(state, expected),
        "of another shape": shapes,
    }
    return [f"{kind}: {few(keys, 3)}" for kind, keys in kinds.items() if keys]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
