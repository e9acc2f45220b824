"""Chapters and the values their parameters take, checked before anything runs.

A chapter has one cell tagged `parameters` with assignments of plain values; those are its
parameters, their types and their defaults. A profile, `book/profiles/NAME.yml`, maps chapters (or
`all`) to values; `ddr run -p NAME VALUE` has the last word.

Files and folders in a profile count from the profile's folder, those at the prompt from where the
command is given; the chapter gets them whole.
"""

from __future__ import annotations

import ast
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as brief
from typing import Any

from ddrlib.book.notebook import nbformat
from ddrlib.errors import DDRError, did_you_mean
from ddrlib.files import ROOT, read_yaml

BOOK = ROOT / "book"


@dataclass(frozen=True)
class Chapter:
    """A notebook as it stands in `book/`, and its parameters with their defaults."""

    path: Path
    notebook: nbformat.NotebookNode
    parameters: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the notebook's file without its ending, such as "06_spectrum"."""
        return self.path.stem

    @property
    def sums_up(self) -> bool:
        """Whether it says what the others found (metadata `ddr: {"after": "all"}`); runs last."""
        return self.notebook.metadata.get("ddr", {}).get("after") == "all"


def read_chapters(book: Path = BOOK) -> list[Chapter]:
    """The chapters of a folder, in the order in which they run: those that sum up last.

    DDRError where there is none, a notebook is damaged, or its parameters are not plain values.
    """
    chapters = [_read_chapter(path) for path in sorted(book.glob("*.ipynb"))]
    if not chapters:
        raise DDRError(f"{book} holds no chapter (NAME.ipynb): is the repository complete?")
    return sorted(chapters, key=lambda chapter: chapter.sums_up)


def titles() -> dict[str, str]:
    """What the chapters of the book are called.

    Returns
    -------
    dict of str to str
        By the name of the file: its heading, without a number.
    """
    return {
        chapter.name: chapter.notebook.cells[0].source.partition("\n")[0].lstrip("# ")
        for chapter in read_chapters()
    }


def _read_chapter(path: Path) -> Chapter:
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, AttributeError, TypeError, RecursionError, nbformat.ValidationError):
        raise DDRError(f"{path} is not a notebook: restore it or remove it") from None
    return Chapter(path, notebook, _parameters(notebook, path.name))


def _parameters(notebook: nbformat.NotebookNode, where: str) -> dict[str, Any]:
    cells = [c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    parameters: dict[str, Any] = {}
    line = "\n".join(cells)
    try:
        for statement in ast.parse(line).body:
            line = ast.unparse(statement)
            match statement:
                case ast.Assign([ast.Name(name)], ast.expr() as value) | ast.AnnAssign(
                    ast.Name(name), _, ast.expr() as value
                ):
                    parameters[name] = ast.literal_eval(value)
                case _:
                    raise ValueError(line)
    except (SyntaxError, TypeError, ValueError):
        raise DDRError(
            f"{where}: `{line}` in the cell tagged parameters: "
            "write each as `name = value` with a plain value"
        ) from None
    return parameters


def select(chapters: Sequence[Chapter], names: Sequence[str]) -> list[Chapter]:
    """The chapters called by number ("2", "02") or by the beginning of their name; all for none.

    DDRError for a name that no chapter has, or more than one.
    """
    called = [_called(text, chapters) for text in names] or chapters
    return [chapter for chapter in chapters if chapter in called]


def _called(text: str, chapters: Sequence[Chapter]) -> Chapter:
    is_number = text.isascii() and text.isdigit()
    start = f"{text.lstrip('0').zfill(2)}_" if is_number else text
    found = [chapter for chapter in chapters if chapter.name.startswith(start)]
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(chapter.name for chapter in found)
        raise DDRError(f"{brief(text)} is the beginning of {names}: say more of the name")
    hint = did_you_mean(text, [chapter.name for chapter in chapters])
    raise DDRError(f"there is no chapter {brief(text)}; {hint}")


def settle(
    chapters: Sequence[Chapter],
    chosen: Sequence[Chapter],
    profile: str,
    overrides: Mapping[str, Any],
    device: str = "auto",
) -> dict[str, dict[str, Any]]:
    """The value of every parameter of the chosen chapters, by chapter.

    The profile, which is checked as a whole, goes over the defaults, `device` over the profile and
    `overrides` over all. DDRError for an unknown profile, chapter or parameter, a value of another
    type than the default's, and a file or folder that does not exist.
    """
    settings = {chapter.name: dict(chapter.parameters) for chapter in chapters}
    path = find_profile(profile, chapters[0].path.parent)
    by_name = {"all": chapters, **{chapter.name: [chapter] for chapter in chapters}}
    parts = _mapping(read_yaml(path), path.name)
    for part in sorted(parts, key=lambda part: part != "all"):
        where = f"{path.name}, {part}"
        if part not in by_name:
            raise DDRError(f"{where}: there is no such chapter; {did_you_mean(part, by_name)}")
        _assign(settings, _mapping(parts[part], where), by_name[part], where, path.parent)
    with_device = [chapter for chapter in chapters if "device" in chapter.parameters]
    if device != "auto" and with_device:
        _assign(settings, {"device": device}, with_device, "--device")
    _assign(settings, overrides, chosen, "-p")
    return {chapter.name: settings[chapter.name] for chapter in chosen}


def find_profile(name: str, book: Path = BOOK) -> Path:
    """The file of a profile; DDRError where the book has none of that name."""
    profiles = {path.stem: path for path in (book / "profiles").glob("*.yml")}
    if name not in profiles:  # a path is no name
        raise DDRError(f"there is no profile {brief(name)}; {did_you_mean(name, profiles)}")
    return profiles[name]


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DDRError(f"{where}: must hold `name: value` lines, not {brief(value)}")
    return value


def _assign(
    settings: dict[str, dict[str, Any]],
    values: Mapping[str, Any],
    chapters: Sequence[Chapter],
    where: str,
    folder: Path = Path(),
) -> None:
    """Give each of `chapters` the values it has parameters for; one of them must have each."""
    known = {name for chapter in chapters for name in chapter.parameters}
    for name, value in values.items():
        if name not in known:
            raise DDRError(f"{where}: unknown parameter {brief(name)}; {did_you_mean(name, known)}")
        for chapter in chapters:
            if name in chapter.parameters:
                default = chapter.parameters[name]
                if not fits(value, default):
                    raise DDRError(
                        f"{where}: {name} = {brief(value)} does not fit {chapter.name}, which takes "
                        f"{_kind(default)} such as {default!r}"
                    )
                settings[chapter.name][name] = _located(value, name, folder, where)


def _located(value: Any, name: str, folder: Path, where: str) -> Any:
    """The value with the file or folder that it names as an absolute path; one that exists."""
    from ddrlib.data.sources import SPLITS
    from ddrlib.zoo.descriptor import is_own

    if isinstance(value, list):
        return [_located(item, name, folder, where) for item in value]
    if not isinstance(value, str):
        return value
    head, colon, tail = value.partition(":")
    module = os.path.join(folder, f"{head.replace('.', '/')}.py")
    kind, before, text, after = "file", "", value, ""
    if name == "images" and value not in ("", *SPLITS):
        kind = "folder"
    elif name == "dataset" and colon:
        kind, before, text = "folder", f"{head}:", tail
    elif colon and (head.endswith(".py") or os.path.isfile(module)):  # a factory
        text, after = head if head.endswith(".py") else module, f":{tail}"
    elif colon or not is_own(value):
        return value
    path = os.path.abspath(os.path.join(folder, os.path.expanduser(text)))
    if not (os.path.isdir(path) if kind == "folder" else os.path.isfile(path)):
        raise DDRError(f"{where}: {name} = {brief(value)}: there is no {kind} {path[:200]}")
    return before + path + after


def fits(value: Any, default: Any) -> bool:
    """Whether `value` is of the type of `default`: an integer is a float too, a bool is no integer.

    Infinity and what is not a number fit nothing. Elements of a list must each fit one of the
    default's; None and empty lists ask for nothing.
    """
    if default is None:
        return True
    if isinstance(default, list) and isinstance(value, list):
        return not default or all(any(fits(v, d) for d in default) for v in value)
    if type(default) is float and type(value) is float:
        return math.isfinite(value)
    return type(value) is type(default) or (type(default) is float and type(value) is int)


def _kind(default: Any) -> str:
    if isinstance(default, list) and default:
        return f"a list of {type(default[0]).__name__}"
    return f"a value of type {type(default).__name__}"
