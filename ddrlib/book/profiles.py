"""Chapters and the values their parameters take, checked before anything runs.

A chapter has one cell tagged `parameters` with assignments of plain values; those are its
parameters, their types and their defaults. A profile, `book/profiles/NAME.yml`, maps chapters (or
`all`) to values; `ddr run -p NAME VALUE` has the last word.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from ddrlib.errors import DDRError
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
        return self.path.stem

    @property
    def sums_up(self) -> bool:
        """Whether it tells what the others found (metadata `ddr: {"after": "all"}`); runs last."""
        return self.notebook.metadata.get("ddr", {}).get("after") == "all"


def read_chapters(book: Path = BOOK) -> list[Chapter]:
    """The chapters in the order in which they run."""
    chapters = [_read_chapter(path) for path in sorted(book.glob("*.ipynb"))]
    if not chapters:
        raise DDRError(f"{book} holds no chapter (NAME.ipynb): is the repository complete?")
    return sorted(chapters, key=lambda chapter: chapter.sums_up)


def _read_chapter(path: Path) -> Chapter:
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, AttributeError, TypeError, nbformat.ValidationError):
        raise DDRError(f"{path} is not a notebook: restore it or remove it") from None
    return Chapter(path, notebook, _parameters(notebook, path.name))


def _parameters(notebook: nbformat.NotebookNode, where: str) -> dict[str, Any]:
    cells = [c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    parameters, line = {}, "\n".join(cells)
    try:
        for statement in ast.parse(line).body:
            line = ast.unparse(statement)
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            parameters[target.id] = ast.literal_eval(statement.value)
    except (AttributeError, SyntaxError, TypeError, ValueError):
        raise DDRError(
            f"{where}: `{line}` in the cell tagged parameters: "
            "write each as `name = value` with a plain value"
        ) from None
    return parameters


def select(chapters: Sequence[Chapter], wanted: Sequence[str]) -> list[Chapter]:
    """The chapters called by number ("2", "02") or by the beginning of their name; all for none."""
    called = [_called(text, chapters) for text in wanted] or chapters
    return [chapter for chapter in chapters if chapter in called]


def _called(text: str, chapters: Sequence[Chapter]) -> Chapter:
    number = f"{int(text):02}_" if text.isdigit() else text
    found = [chapter for chapter in chapters if chapter.name.startswith(number)]
    if len(found) == 1:
        return found[0]
    names = [chapter.name for chapter in found or chapters]
    if found:
        raise DDRError(f"{text!r} is the beginning of {' and '.join(names)}: say more of the name")
    raise DDRError(f"there is no chapter {text!r}; {_nearest(text, names)}")


def settle(
    chapters: Sequence[Chapter],
    chosen: Sequence[Chapter],
    profile: str,
    overrides: Mapping[str, Any],
    device: str = "auto",
) -> dict[str, dict[str, Any]]:
    """The value of every parameter of the chosen chapters, by chapter.

    The profile, which is checked as a whole, goes over the defaults, `device` over the profile and
    `overrides` over all.
    """
    settings = {chapter.name: dict(chapter.parameters) for chapter in chapters}
    for where, values, those in _profile(profile, chapters):
        _assign(settings, values, those, where)
    with_device = [chapter for chapter in chapters if "device" in chapter.parameters]
    if device != "auto" and with_device:
        _assign(settings, {"device": device}, with_device, "--device")
    _assign(settings, overrides, chosen, "-p")
    return {chapter.name: settings[chapter.name] for chapter in chosen}


def _profile(
    name: str, chapters: Sequence[Chapter]
) -> Iterable[tuple[str, dict[str, Any], Sequence[Chapter]]]:
    """Where, values and chapters for each part of a profile, `all` first."""
    folder = chapters[0].path.parent / "profiles"
    path = folder / f"{name}.yml"
    if not path.exists():
        there = sorted(path.stem for path in folder.glob("*.yml"))
        raise DDRError(f"there is no profile {name!r}; {_nearest(name, there)}")
    by_name = {"all": chapters, **{chapter.name: [chapter] for chapter in chapters}}
    parts = _mapping(read_yaml(path), path.name)
    for part in sorted(parts, key=lambda part: part != "all"):
        where = f"{path.name}, {part}"
        if part not in by_name:
            raise DDRError(f"{where}: there is no such chapter; {_nearest(part, by_name)}")
        yield where, _mapping(parts[part], where), by_name[part]


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DDRError(f"{where}: must hold `name: value` lines, not {value!r}")
    return value


def _assign(
    settings: dict[str, dict[str, Any]],
    values: Mapping[str, Any],
    chapters: Sequence[Chapter],
    where: str,
) -> None:
    """Give each of `chapters` the values it has parameters for; one of them must have each."""
    known = {name for chapter in chapters for name in chapter.parameters}
    for name, value in values.items():
        if name not in known:
            raise DDRError(f"{where}: unknown parameter {name!r}; {_nearest(name, known)}")
        for chapter in chapters:
            if name in chapter.parameters:
                default = chapter.parameters[name]
                if not fits(value, default):
                    raise DDRError(
                        f"{where}: {name} = {value!r} does not fit {chapter.name}, which takes "
                        f"{_kind(default)} such as {default!r}"
                    )
                settings[chapter.name][name] = value


def fits(value: Any, default: Any) -> bool:
    """Whether `value` is of the type of `default`: an integer is a float too, a bool is no integer.

    Elements of a list must each fit one of the default's; None and empty lists ask for nothing.
    """
    if default is None:
        return True
    if isinstance(default, list) and isinstance(value, list):
        return not default or all(any(fits(v, d) for d in default) for v in value)
    return type(value) is type(default) or (type(default) is float and type(value) is int)


def _kind(default: Any) -> str:
    if isinstance(default, list) and default:
        return f"a list of {type(default[0]).__name__}"
    return f"a value of type {type(default).__name__}"


def _nearest(name: str, valid: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(valid))}"
