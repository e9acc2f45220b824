"""A user's own module: from a factory, an ONNX file, or a checkpoint of a known architecture."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

from torch import nn

from ddrlib.errors import DDRError, guarded
from ddrlib.zoo.descriptor import Descriptor
from ddrlib.zoo.onnx_network import read_onnx
from ddrlib.zoo.spandrel_network import recognise
from ddrlib.zoo.weights import fill, read_weights


def make_module(wanted: Descriptor) -> nn.Module:
    """The module with its weights; DDRError for whatever keeps it from being made."""
    if wanted.onnx:
        return read_onnx(wanted.path("onnx"))
    if not wanted.factory:
        return recognise(wanted.path("checkpoint"))
    module = _call(wanted.factory, wanted.folder)
    if wanted.checkpoint:
        checkpoint = wanted.path("checkpoint")
        fill(module, read_weights(checkpoint, module), checkpoint)
    return module


def _call(factory: str, folder: Path) -> nn.Module:
    """Import "package.module:callable" (the folder counts) and call it with nothing."""
    if not re.fullmatch(r"[\w.]+:[\w.]+", factory):
        raise DDRError(f"network factory {factory!r} is not of the form package.module:callable")
    place, _, attribute = factory.partition(":")
    if str(folder.absolute()) not in sys.path:
        sys.path.append(str(folder.absolute()))
    found = guarded(f"{place} cannot be imported", importlib.import_module, place)
    for name in attribute.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        raise DDRError(f"{place} has no callable {attribute!r}; give package.module:callable")
    module = guarded(f"{factory} fails", found)
    if not isinstance(module, nn.Module):
        raise DDRError(f"{factory} returns a {type(module).__name__}, not a torch.nn.Module")
    return module
