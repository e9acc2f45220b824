"""Checkpoints that survive a kill at any moment: written whole, checked, the one before kept."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import torch

from ddrlib.errors import DDRError
from ddrlib.files import write_atomically

CURRENT, PREVIOUS = "checkpoint.pt", "previous.pt"
DIGEST_BYTES = 32


def save_checkpoint(folder: Path, state: dict) -> None:
    """Write `state` (tensors, numbers, text, lists and dicts of them) after its SHA-256."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    fresh = folder / "fresh.pt"
    write_atomically(fresh, hashlib.sha256(data).digest() + data)
    if (folder / CURRENT).exists():
        (folder / CURRENT).replace(folder / PREVIOUS)
    fresh.replace(folder / CURRENT)


def load_checkpoint(folder: Path, shipped: Path | None = None) -> dict | None:
    """The newest undamaged checkpoint in `folder`, else `shipped`, on the CPU; None without any.

    DDRError where a file of that name is no regular file.
    """
    for path in filter(None, (folder / CURRENT, folder / PREVIOUS, shipped)):
        if not path.exists():
            continue
        if not path.is_file():
            raise DDRError(f"{path}: is not a regular file; remove it")
        data = path.read_bytes()
        if hashlib.sha256(data[DIGEST_BYTES:]).digest() == data[:DIGEST_BYTES]:
            return torch.load(io.BytesIO(data[DIGEST_BYTES:]), "cpu", weights_only=True)
        print(f"{path} is damaged; falling back to the checkpoint before it", flush=True)
    return None
