"""How far a long computation is, said in lines of text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

EVERY = 5.0  # seconds between two lines

Progress = Callable[[str], None]
Item = TypeVar("Item")


def under(name: str, progress: Progress) -> Progress:
    """Progress whose lines begin with a name."""
    return lambda text: progress(f"{name}: {text}")


def counted(items: Iterable[Item], of: int, what: str, progress: Progress | None) -> Iterator[Item]:
    """The items, `of` in all; every few seconds `progress` is told how many have come.

    It gets a line such as "images 12 of 300, 41 s left", where `what` is what they are, in the
    plural.
    """
    began = said = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if progress and now - said >= EVERY and done < of:
            said = now
            progress(f"{what} {done} of {of}{left(began, done, of)}")


def left(began: float, done: int, of: int) -> str:
    """How long the rest will take at the pace so far, as in ", 41 s left"; "" for less than a second.

    `began` is of `time.monotonic`.
    """
    seconds = (time.monotonic() - began) / done * (of - done)
    return f", {seconds:.0f} s left" if seconds >= 1 else ""
