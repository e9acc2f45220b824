"""What a chapter is made from: recorded while it runs, compared before it runs again.

A hook sees every file that the kernel opens, compiled code included, and every folder that it lists.
At closing, those that decide what the chapter shows are kept with a fingerprint each: source code by
its syntax tree, so that comments do not count, a folder by the names in it, any other file by its
bytes, one that was looked for in vain by its absence. The interpreter, its packages and the machine's
own files are left out: versions stand for them. What other processes read is not seen.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import re
import site
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import safetensors

from ddrlib.files import DATA, ROOT, cache_dir, noted, source_hash

CHANGED = "changed while the chapter ran"  # the fingerprint of nothing
PACKAGE = "package "  # before the name of a package

# Which argument of an event names what is read; a compiled module and a library are opened unseen.
EVENTS = {
    **dict.fromkeys(("open", "os.listdir", "os.scandir", "ctypes.dlopen", "sqlite3.connect"), 0),
    "import": 1,
}
SETTINGS = (  # what programs keep for themselves in a home
    *(".config", ".cache/matplotlib", ".cache/fontconfig", ".fonts", ".matplotlib", ".ipython"),
    *(".jupyter", ".local/lib", ".local/share/fonts", ".local/share/jupyter"),
)

_started = 0.0
_seen: dict[str, None] = {}  # files and folders that were read
_written: set[str] = set()


def record() -> None:
    """Note from now on which files this process reads."""
    global _started
    _started = time.time()
    sys.addaudithook(_note)
    opened = safetensors.safe_open

    def safe_open(filename: Any, *arguments: Any, **options: Any) -> Any:
        return opened(noted(filename), *arguments, **options)  # it is not Python that opens it

    vars(safetensors)["safe_open"] = safe_open


def _note(event: str, arguments: tuple) -> None:
    if event in EVENTS:
        path = arguments[EVENTS[event]]
        if path is None and event.startswith("os."):
            path = "."
        if isinstance(path, str | bytes | os.PathLike):
            flags = (arguments[2] or 0) if event == "open" else os.O_RDONLY
            name = os.path.abspath(os.fsdecode(path))
            if flags & (os.O_WRONLY | os.O_CREAT | NAMELESS):
                _written.add(name)
            else:
                _seen[name] = None


NAMELESS = getattr(os, "O_TMPFILE", 0) & ~os.O_DIRECTORY  # a file without a name, in a folder


def recorded(
    parameters: Mapping[str, Any], leave_out: Iterable[Path] = ()
) -> dict[str, str | None]:
    """The fingerprints of what was read since `record`, by path; in the repository from its root.

    None stands for what was not there. A file or folder that a parameter names counts wherever it
    lies, and so do packages that are loaded, but are not among those that this project pins.
    """
    named = list(_named(parameters.values()))
    seen = dict.fromkeys([*map(_source, list(_seen)), *named])  # before what is read here
    kept = [ROOT / "ddrlib", DATA, cache_dir() / "div2k", *named]
    others = [*_machine(), cache_dir() / "arrays", *leave_out]
    searched = {os.path.abspath(name) for name in list(sys.path_importer_cache)}  # for modules
    left_out = (searched | _written).difference(map(str, named))
    found: dict[str, str | None] = {**_added_packages()}
    for path in seen:
        if str(path) in left_out or (_within(path, others) and not _within(path, kept)):
            continue
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
        found[name] = fingerprint(path)
        if found[name] and path.stat().st_ctime > _started:
            found[name] = CHANGED
    return found


def _added_packages() -> dict[str, str]:
    """The versions of the loaded packages that somebody has added to those of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {_canonical(line.partition("==")[0]) for line in ["ddrlib", *lines]}
    loaded = {name.partition(".")[0] for name in list(sys.modules)}
    added = (each for each in metadata.distributions() if _canonical(each.name) not in pinned)
    return {
        PACKAGE + each.name: each.version
        for each in added
        if not loaded.isdisjoint(file.parts[0].partition(".")[0] for file in each.files or ())
    }


def _canonical(name: str) -> str:
    """The name of a package as all ways to write it have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


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
    """Where interpreter, packages (this one's metadata too), system and settings keep their files."""
    parts = ("bin", "etc", "include", "lib", "lib64", "share")
    python = [Path(prefix, part) for prefix in (sys.prefix, sys.base_prefix) for part in parts]
    packages = [*site.getsitepackages(), site.getusersitepackages()]
    system = ["/proc", "/sys", "/dev", "/etc", "/var/cache"]
    system += ["/usr/lib", "/usr/share", "/usr/local/etc"]
    home = Path(os.path.expanduser("~"))
    settings = [*(home / name for name in SETTINGS), *filter(Path.is_file, home.glob(".*"))]
    return [*python, *map(Path, packages + system), *ROOT.glob("*.egg-info"), *settings]


def _source(name: str) -> Path:
    """The file itself, or the source of what Python has compiled."""
    if "__pycache__" in name and name.endswith(".pyc"):
        with contextlib.suppress(ValueError):  # a name that Python does not give
            return Path(importlib.util.source_from_cache(name))
    return Path(name)


def _within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


# ---- fingerprints ----


def first_change(files: Mapping[str, str | None], folder: Path = ROOT) -> str | None:
    """The first file or package that is another than the one recorded."""
    return next((name for name, mark in files.items() if _mark(name, folder) != mark), None)


def _mark(name: str, folder: Path) -> str | None:
    if not name.startswith(PACKAGE):
        return fingerprint(folder / name)
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(name.removeprefix(PACKAGE))
    return None


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
        listed = "\0".join(names).encode("utf-8", "surrogateescape")
        return hashlib.sha256(listed).hexdigest()
    if not path.is_file():
        return None  # a pipe would be waited for
    if path.suffix == ".py":
        return source_hash(path.read_text("utf-8", "replace"))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
