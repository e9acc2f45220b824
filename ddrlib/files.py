"""Where things lie; whole files or none; small files that anybody may have written."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import sys
import tempfile
import threading
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from ddrlib.errors import DDRError

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
BUILD = ROOT / "_build"

# Of a YAML or JSON file: its length, the values in it, how deep they nest, and a whole number.
MAX_BYTES, MAX_VALUES, MAX_DEPTH, MAX_DIGITS = 50_000, 20_000, 20, 40


def cache_dir() -> Path:
    """Where computed arrays are kept between runs: `$DDR_CACHE`, or `_build/cache` in the repository."""
    return Path(os.environ.get("DDR_CACHE") or BUILD / "cache")


def noted(path: Any) -> Any:
    """The path of a file that Python itself does not open, or only looks for.

    Whether it is there and what it holds counts as read: a chapter is made from it
    (`ddrlib.book.ingredients`).
    """
    sys.audit("open", path, "rb", os.O_RDONLY)
    return path


@contextlib.contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock of a folder, or of a file, which is made; DDRError `busy` where it is held.

    The lock goes with the process, however that ends; the empty file stays.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DDRError(busy) from None
        yield
    finally:
        os.close(handle)


def write_atomically(path: Path, data: bytes) -> None:
    """Write the file whole or not at all, also beside another thread or process that does.

    DDRError where it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise DDRError(f"{path} cannot be written: {error.strerror}; make room") from None
    temporary = Path(name)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        temporary.chmod(0o644)  # mkstemp's files are the user's alone
        os.replace(temporary, path)
    except OSError as error:
        raise DDRError(f"{path} cannot be written: {error.strerror}; make room") from None
    finally:
        temporary.unlink(missing_ok=True)


_parsing = threading.Lock()  # Python 3.11 fails where two threads parse at once


def source_hash(source: str) -> str:
    """SHA-256 of Python code without comments, layout and docstrings of functions and classes.

    Of the text, if it is no Python.
    """
    try:
        with _parsing:
            tree = ast.parse(source)
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and (
                    ast.get_docstring(node, clean=False) is not None
                ):
                    node.body = node.body[1:] or [ast.Pass()]
            source = ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError):  # an IPython command, for instance
        source = source.strip()
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


# ---- YAML and JSON ----


def read_yaml(path: Path) -> Any:
    """The value in a YAML file, or in a JSON file if its name ends in .json; see `parse_yaml`.

    DDRError where there is no such file, or it is not what it should be: see `parse_yaml`.
    """
    where = str(path)
    if os.path.exists(path) and not path.is_file():  # a pipe would be waited for
        raise DDRError(f"{where}: is not a regular file")
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DDRError(f"{where}: not UTF-8; save it as UTF-8 text") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise DDRError(f"{where!r}: {getattr(error, 'strerror', error)}; check the path") from None
    return parse_yaml(text, where, json_only=path.suffix.lower() == ".json")


def parse_yaml(text: str, where: str, json_only: bool = False) -> Any:
    """The value of a YAML (or JSON) text, plain values only; DDRError begins with `where`.

    What could exhaust the reader is refused: a long text, deep nesting, numbers of thousands of
    digits, aliases (`*name`) that multiply. So is a key given twice, where the last would silently
    win.
    """
    if len(text) > MAX_BYTES:
        raise DDRError(f"{where}: longer than {MAX_BYTES:,} bytes; is it the right file?")
    try:
        return _load_json(text) if json_only else yaml.load(text, _Loader)
    except Exception as error:  # noqa: BLE001 -- tags such as `!!int ""` make PyYAML raise anything
        form = "JSON" if json_only else "YAML"
        reason = getattr(error, "problem", None) or str(error) or type(error).__name__
        raise DDRError(f"{where}: not {form} ({' '.join(reason.split())[:200]})") from None


def _load_json(text: str) -> Any:
    value = json.loads(text, parse_int=_integer, object_pairs_hook=_unique)
    _check_depth(value)
    return value


def _check_depth(value: Any, left: int = MAX_DEPTH) -> None:
    if left < 0:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, left - 1)


def _unique(pairs: Iterable[tuple[Hashable, Any]]) -> dict:
    mapping: dict = {}
    for key, value in pairs:
        if key in mapping:
            raise ValueError(f"{key!r} is given twice")
        mapping[key] = value
    return mapping


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with bounds; its own composer recurses as deep as the text is nested."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.values = 0
        self.sizes: dict[yaml.Node, int] = {}  # of the values that an alias can stand for

    def compose_node(self, parent: Any, index: Any) -> Any:
        before, is_alias = self.values, self.check_event(yaml.AliasEvent)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested more than {MAX_DEPTH} deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        if is_alias and node not in self.sizes:
            raise yaml.YAMLError("an alias within what it stands for")
        self.values += self.sizes[node] if is_alias else 1
        if self.values > MAX_VALUES:
            raise yaml.YAMLError(f"more than {MAX_VALUES:,} values, counted with its aliases")
        self.sizes.setdefault(node, self.values - before)
        return node

    def construct_yaml_int(self, node: Any) -> int:
        if len(node.value) > MAX_DIGITS:
            raise ValueError(f"a number of {len(node.value)} digits")
        return super().construct_yaml_int(node)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        written = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        _unique((self.construct_object(key, deep=True), None) for key in written)
        return super().construct_mapping(node, deep)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
