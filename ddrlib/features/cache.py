"""The one cache of computed arrays: Gram matrices and projections, by what they were made from."""

from __future__ import annotations

import functools
import hashlib
import io
import logging
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ddrlib.errors import DDRError, one_line
from ddrlib.files import cache_dir, source_hash, write_atomically

LARGEST_ENTRY = 2**31  # bytes of a cached array; a file that promises more is damaged
ABANDONED = 600  # seconds after which a temporary file belongs to a process that was killed

logger = logging.getLogger(__name__)


@functools.cache
def files_hash(*paths: Path) -> str:
    """What Python files say, their comments and layout apart, as one hash (SHA-256, hexadecimal)."""
    code = [source_hash(path.read_text(encoding="utf-8")) for path in sorted(paths)]
    return hashlib.sha256("\n".join(code).encode()).hexdigest()


def key_of(kind: str, *parts: object) -> str:
    """The key of what is made from these parts: a hash of their texts, and of arrays' values."""
    # One text of all, in which each part ends where it does: 1, 15.0 is not 11, 5.0.
    found = [_array_text(part) if isinstance(part, np.ndarray) else part for part in parts]
    return f"{kind}-{hashlib.blake2b(repr(found).encode(), digest_size=16).hexdigest()}"


def _array_text(array: np.ndarray) -> str:
    values = hashlib.blake2b(np.ascontiguousarray(array).data).hexdigest()
    return f"{array.dtype} {array.shape} {values}"


def kept(key: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays kept under a key; where there are none, those that `make` gives, which are kept."""
    arrays = load_arrays(key)
    if arrays is None:
        arrays = make()
        save_arrays(key, **arrays)
    return arrays


def load_arrays(key: str) -> dict[str, np.ndarray] | None:
    """The arrays kept under a key, by name; None where there are none, or they are damaged."""
    path = _entry(key)
    if path.exists() and not path.is_file():  # a pipe would be waited for
        logger.warning("%s is no file; its content is computed again", path)
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if any(entry.file_size > LARGEST_ENTRY for entry in archive.infolist()):
                raise zipfile.BadZipFile
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}  # checks each CRC-32
        if str(arrays.pop("key")) != key:  # a file that was renamed
            raise KeyError(key)
    except FileNotFoundError:
        return None
    except Exception:  # noqa: BLE001  a damaged file can make the reader raise anything
        logger.warning("%s is damaged; its content is computed again", path)
        return None
    return arrays


def save_arrays(key: str, **arrays: np.ndarray) -> None:
    """Keep arrays under a key; where the cache cannot be written, this is said and they are not."""
    path = _entry(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, key=np.array(key), **arrays)
        write_atomically(path, buffer.getvalue())
    except (OSError, DDRError) as error:
        _warn_once(
            f"{cache_dir()}: results cannot be kept there ({one_line(error)}); set DDR_CACHE"
        )


def _entry(key: str) -> Path:
    return cache_dir() / "arrays" / f"{key}.npz"


@functools.cache
def _sweep(folder: Path) -> None:
    """Remove what killed processes left behind; each process does so once."""
    for path in folder.glob(".*.tmp"):
        try:
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()
        except OSError:
            continue  # another process was faster, or its owner is not us


@functools.cache
def _warn_once(line: str) -> None:
    logger.warning("%s", line)
