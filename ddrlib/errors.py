"""Errors that a user can mend: each is one line, whoever raised it."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from types import ModuleType
from typing import Any

LONGEST = 300  # characters of a message that is not ours; some list every weight of a network
FEW = 8  # names that a message lists

# How PyTorch, NumPy, numba, MKL and the loader of libraries say that memory ran out.
OUT_OF_MEMORY = (
    "out of memory",
    "allocate memory",
    "unable to allocate",
    "memoryerror",
    "mkl_malloc",
    "failed to map segment",
    "start new thread",
)


class DDRError(Exception):
    """One line that says what is wrong, where, and what to do; the command line exits with 2."""


def one_line(error: object) -> str:
    """An error or a text as one line; the message of another library is cut where it is long.

    An `OSError` is "FILE: reason", any other exception that is not a `DDRError` "Type: message".
    """
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror}"
    if isinstance(error, BaseException) and not isinstance(error, DDRError):
        line = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    return " ".join(str(error).split())


def out_of_memory(error: object) -> bool:
    """Whether an error, or what another library says, means that memory ran out."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError | ImportError | str) and any(
        words in said for words in OUT_OF_MEMORY
    )


def few(names: Iterable[object], most: int = FEW) -> str:
    """The first names, joined by commas, and how many more there are."""
    shown = [str(name) for name in names]
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def did_you_mean(name: object, choices: Iterable[str]) -> str:
    """The hint after an unknown name: the choice nearest to it, or the first few where none is near.

    "did you mean body.1?", "there are: head, body.0, body.1 and 7 more", or "there are none".
    """

    typed = str(name)[:100].lower()

    def likeness(choice: str) -> float:
        within = len(typed) > 2 and typed in choice.lower()  # half a name, or more
        return within + SequenceMatcher(None, typed, choice.lower()).ratio()

    choices = [choice for choice in choices if choice != name]
    nearest = max(choices, key=likeness, default="")
    if choices and likeness(nearest) >= 0.6:
        return f"did you mean {nearest}?"
    return f"there are: {few(choices)}" if choices else "there are none"


def guarded(failure: str, function: Callable, *arguments: object, **options: object) -> Any:
    """What a function that is not ours returns; what it raises becomes `DDRError("FAILURE: …")`.

    `SystemExit` and its like count too: code that was only asked for a network must not end the
    program, least of all with success. Ctrl-C passes through, and a DDRError as it is.
    """
    try:
        return function(*arguments, **options)
    except (DDRError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise DDRError(f"{failure}: {one_line(error)}") from error


def optional(package: str, extra: str = "own") -> ModuleType:
    """A package of an extra of this one, imported; DDRError says how to get it, or why it fails."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise DDRError(
            f"this route needs {error.name}, which is not installed: "
            + (
                "the README says how to install '.[spandrel]'"
                if extra == "spandrel"  # which wants torchvision of the build that torch is of
                else f"pip install -c constraints.txt -e '.[{extra}]'"
            )
        ) from None
    except Exception as error:  # parts that were not built for each other raise anything
        raise DDRError(
            f"{package} is installed but cannot be imported ({one_line(error)}): it, torch and "
            "torchvision must be of one build, as the README says how to get them"
        ) from error
