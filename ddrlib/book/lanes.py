"""Chapters side by side, where the machine has room: while one imports or draws, another computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from ddrlib.book.execution import Kernels
from ddrlib.book.profiles import Chapter
from ddrlib.machine import cores, memory

ROOMY = 7e9  # bytes of memory: two chapters of the default profile take up to 5 GB

T = TypeVar("T")


def at_once(device: str) -> int:
    """How many chapters run side by side: one on a GPU, on a single core, and in little memory."""
    from ddrlib.features.extraction import resolve_device

    on_cpu = resolve_device(device).type == "cpu"
    return 2 if on_cpu and cores() > 1 and memory() >= ROOMY else 1


def groups(chapters: Sequence[Chapter]) -> list[list[Chapter]]:
    """What runs side by side, one group after another.

    The first chapter runs alone, since its page is what a reader waits for; those that sum up run
    one by one.
    """
    findings = [chapter for chapter in chapters if not chapter.sums_up]
    summaries = [[chapter] for chapter in chapters if chapter.sums_up]
    return [group for group in (findings[:1], findings[1:], *summaries) if group]


def side_by_side(
    function: Callable[[Chapter, Kernels], T], chapters: Sequence[Chapter], lanes: int
) -> Iterator[tuple[Chapter, T]]:
    """The chapters as they finish, each with what the function gave; an exception ends them all."""
    kernels = Kernels()
    with ThreadPoolExecutor(lanes) as pool:
        begun = {pool.submit(function, chapter, kernels): chapter for chapter in chapters}
        try:
            for done in as_completed(begun):
                yield begun[done], done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            kernels.end()
