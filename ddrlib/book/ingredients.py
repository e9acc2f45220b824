"""What a chapter is made from: recorded while it runs, compared before it runs again.

A hook sees every file that the kernel opens and every folder that it lists. At closing, those that
decide what the chapter shows are kept with a fingerprint each: source code by its syntax tree, so
that comments do not count, a folder by the names in it, any other file by its bytes. The
interpreter, its packages and the machine's own files are left out: versions stand for them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import site
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ddrlib.files import BUILD, DATA, ROOT, cache_dir, source_hash

CHANGED = "changed while the chapter ran"  # the fingerprint of nothing

_started = 0.0
_seen: dict[str, None] = {}  # files and folders that were read
_written: set[str] = set()


def record() -> None:
    """Note from now on which files this process reads."""
    global _started
    _started = time.time()
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple) -> None:
    if event in ("open", "os.listdir", "os.scandir"):
        path = "." if arguments[0] is None else arguments[0]
        if isinstance(path, str | bytes | os.PathLike):
            flags = (arguments[2] or 0) if event == "open" else os.O_RDONLY
            name = os.path.abspath(os.fsdecode(path))
            if flags & (os.O_WRONLY | os.O_RDWR):
                _written.add(name)
            else:
                _seen[name] = None


def recorded(parameters: Mapping[str, Any], leave_out: Iterable[Path] = ()) -> dict[str, str]:
    """The fingerprints of what was read since `record`, by path; in the repository from its root.

    A file or folder that a parameter names counts wherever it lies.
    """
    named = list(_named(parameters.values()))
    kept = [ROOT / "ddrlib", DATA, cache_dir() / "div2k", *named]
    others = [*_machine(), BUILD, cache_dir(), *leave_out]
    settings = os.path.join(os.path.expanduser("~"), ".")  # hidden files and folders of the user's
    found = {}
    for path in dict.fromkeys([*map(_source, list(_seen)), *named]):
        searched = str(path) in sys.path_importer_cache and path not in named  # for modules
        made = str(path) in _written
        left_out = _within(path, others) or str(path).startswith(settings)
        if searched or made or (left_out and not _within(path, kept)):
            continue
        if mark := fingerprint(path):
            name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
            found[name] = mark if path.stat().st_ctime <= _started else CHANGED
    return found


def _named(values: Iterable[Any]) -> Iterator[Path]:
    """The files and folders that exist among the values, and in lists of them."""
    for value in values:
        if isinstance(value, list):
            yield from _named(value)
        elif isinstance(value, str):
            for text in (value, value.partition(":")[2]):  # a file, or a set and its folder
                path = os.path.abspath(os.path.expanduser(text))
                if text and os.path.exists(path):
                    yield Path(path)


def _machine() -> list[Path]:
    """Where the interpreter, its packages (this one's metadata too) and the system lie."""
    python = [sys.prefix, sys.base_prefix, *site.getsitepackages(), site.getusersitepackages()]
    system = ["/proc", "/sys", "/dev", "/etc", "/usr", "/run", "/var/lib", "/var/cache"]
    return [*map(Path, [*python, *system]), *ROOT.glob("*.egg-info")]


def _source(name: str) -> Path:
    """The file itself, or the source of what Python has compiled."""
    if "__pycache__" in name and name.endswith(".pyc"):
        with contextlib.suppress(ValueError):  # a name that Python does not give
            return Path(importlib.util.source_from_cache(name))
    return Path(name)


def _within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


# ---- fingerprints ----


def first_change(files: Mapping[str, str], folder: Path = ROOT) -> str | None:
    """The first file whose fingerprint is another than the one recorded."""
    return next((name for name, mark in files.items() if fingerprint(folder / name) != mark), None)


def fingerprint(path: Path) -> str | None:
    """What identifies the content of a file or folder; None where there is none."""
    try:
        status = path.stat()
        return _fingerprint(path, status.st_ctime_ns, status.st_size)
    except (OSError, ValueError):
        return None


@functools.cache
def _fingerprint(path: Path, *_: int) -> str | None:
    if path.is_dir():
        names = sorted(n for n in os.listdir(path) if n[0] != "." and n != "__pycache__")
        return _digest("\0".join(names).encode("utf-8", "surrogateescape"))
    if not path.is_file():
        return None  # a pipe would be waited for
    if path.suffix == ".py":
        return source_hash(path.read_text("utf-8", "replace"))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
