"""Checkpoints alone: spandrel recognises some forty architectures by the names of their weights."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ddrlib.errors import DDRError, guarded, optional
from ddrlib.zoo.weights import read_weights


def recognise(checkpoint: Path) -> nn.Module:
    """The module that a checkpoint belongs to, with its weights.

    The file is read by our own reader, which runs no code from it; spandrel, which could unpickle,
    only gets to see the tensors. Raises DDRError where spandrel is missing, does not know the
    architecture, or finds keys missing or surplus.
    """
    state = read_weights(checkpoint, nn.Module())
    spandrel = optional("spandrel")
    try:
        return guarded(
            f"{checkpoint} does not fit the architecture that it looks like",
            spandrel.ModelLoader().load_from_state_dict,
            state,
        ).model
    except DDRError as error:
        if not isinstance(error.__cause__, spandrel.UnsupportedModelError):
            raise
        raise DDRError(
            f"{checkpoint} is of no architecture that spandrel knows (its first key is "
            f"{min(state, default='none')}); give its factory and this as the checkpoint"
        ) from None
