"""Weights in files: read without running code, put into a module; whole files or none written."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ddrlib.errors import DDRError
from ddrlib.zoo.ncnn import read_convolutions

# In a safetensors file of ours a uint8 tensor "x" comes with "x:scale_min", float64 (2,).
_SCALE_MIN = ":scale_min"
# Where checkpoints keep the state dict; averaged weights before the last ones.
_NESTED = ("params_ema", "params", "state_dict")


def read_weights(path: Path, module: nn.Module) -> dict[str, Tensor]:
    """The float32 state dict in a .safetensors, ncnn (.bin with its .param) or PyTorch file.

    `module` gives the names to the convolutions of an ncnn file, which has them in the order of
    execution only. Raises DDRError for a missing or damaged file and for one that would have to run
    code to be read.
    """
    if not path.is_file():
        raise DDRError(f"weight file {path} does not exist; check the path")
    if path.suffix == ".safetensors":
        state = _read_safetensors(path)
    elif path.with_suffix(".param").is_file():
        state = read_ncnn(path, module)
    else:
        state = _read_torch(path)
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        state = safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise DDRError(f"{path} is not a whole safetensors file ({error}); get it again") from None
    return {
        key: dequantise(value, state[key + _SCALE_MIN]) if key + _SCALE_MIN in state else value
        for key, value in state.items()
        if not key.endswith(_SCALE_MIN)
    }


def quantised(key: str, codes: Tensor, scale: float, minimum: float) -> dict[str, Tensor]:
    """The two entries that keep a uint8-quantised tensor in a safetensors file exactly."""
    return {key: codes, key + _SCALE_MIN: torch.tensor([scale, minimum], dtype=torch.float64)}


def dequantise(codes: Tensor, scale_min: Tensor) -> Tensor:
    """code * scale + min, in float64 and then rounded to float32, as TensorFlow.js does."""
    return (codes.double() * scale_min[0] + scale_min[1]).float()


def read_ncnn(path: Path, module: nn.Module) -> dict[str, Tensor]:
    """The state dict in an ncnn `.bin` file, at its own precision (see `read_weights`)."""
    names = [name for name, part in module.named_modules() if isinstance(part, nn.Conv2d)]
    convolutions = read_convolutions(path.with_suffix(".param"))
    if len(names) != len(convolutions):
        raise DDRError(
            f"{path} is another architecture than {type(module).__name__}: {len(convolutions)} "
            f"convolutions, not {len(names)}"
        )
    return {
        f"{name}.{kind}": tensor
        for name, pair in zip(names, convolutions, strict=True)
        for kind, tensor in zip(("weight", "bias"), pair, strict=True)
    }


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise DDRError(
            f"{path} is refused: it is damaged, or reading it would run code from it; "
            "save the state dict alone, best as safetensors, and use that"
        ) from None
    except Exception as error:  # the reader stumbles over damaged files in many ways
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DDRError(f"{path} is not a PyTorch checkpoint or is damaged ({reason})") from error
    if isinstance(content, Mapping):
        content = next((content[key] for key in _NESTED if key in content), content)
    if not isinstance(content, Mapping) or not all(map(torch.is_tensor, content.values())):
        raise DDRError(f"{path} holds no state dict (a mapping of names to tensors)")
    return dict(content)


def fill(module: nn.Module, state: Mapping[str, Tensor], where: Path) -> None:
    """Load the weights into the module; DDRError names the first keys that do not fit."""
    expected = module.state_dict()
    shared = expected.keys() & state.keys()
    complaints = {
        "missing": [key for key in expected if key not in state],
        "surplus": [key for key in state if key not in expected],
        "of another shape": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
            for key in expected
            if key in shared and state[key].shape != expected[key].shape
        ],
    }
    told = "; ".join(f"{what}: {_first(keys)}" for what, keys in complaints.items() if keys)
    if told:
        name = type(module).__name__
        raise DDRError(f"{where} is a checkpoint of another architecture than {name}: {told}")
    module.load_state_dict(dict(state))


def _first(items: list[str], n: int = 3) -> str:
    more = f" and {len(items) - n} more" if len(items) > n else ""
    return ", ".join(items[:n]) + more


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state_sha256(state: Mapping[str, Tensor], *context: str) -> str:
    """SHA-256 over names, types, shapes and bytes of the tensors, and over any further text."""
    digest = hashlib.sha256(repr(context).encode())
    for key, value in state.items():
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
