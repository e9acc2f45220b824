"""Run the chapters with papermill, each only when something it is made from has changed.

A chapter runs in a folder aside. When it is done the folder is stamped, and takes the place of the
one before as a whole: whenever the program is killed, a chapter is done or not done.
"""

from __future__ import annotations

import functools
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from ddrlib.book.execution import execute, failures, problem
from ddrlib.book.ingredients import fingerprint, first_change
from ddrlib.book.kernels import Kernels
from ddrlib.book.notebook import nbformat
from ddrlib.book.profiles import BOOK, Chapter, read_chapters, select, settle
from ddrlib.book.records import describe
from ddrlib.book.results import CLOSING_MIME, STAMP, Run, discard, read_stamp, write_stamp
from ddrlib.errors import DDRError, few, out_of_memory
from ddrlib.files import BUILD, locked, source_hash
from ddrlib.machine import computing_versions, precision_wanted, processor

NOT_RUN, REPLACED = "not run", ".replaced-"


def executed_folder(profile: str, build: Path = BUILD) -> Path:
    """Where the executed chapters of a profile are kept, each in a folder of its name."""
    return build / "executed" / profile


def run_chapters(
    names: Sequence[str] = (),
    profile: str = "default",
    overrides: Mapping[str, Any] | None = None,
    device: str = "auto",
    force: bool = False,
    book: Path = BOOK,
    build: Path = BUILD,
    after: Callable[[float], None] | None = None,
) -> list[str]:
    """Run the chapters named, by number or beginning of a name, where they have changed; or all.

    A failure is printed and the rest goes on, except for the chapters that sum up the others. After
    each chapter it is said how long those left took when they ran last. `overrides` are values of
    parameters, over those of the profile; with `force` chapters run although nothing has changed;
    `book` holds the notebooks, `build` keeps the executed ones. `after` is called after each
    chapter that ran but the last, with the seconds that those left took when they ran last:
    infinite where one never did.

    Returns the names of the chapters that failed. DDRError before anything runs, for a chapter,
    profile or parameter that does not exist, and where another run is at work.
    """
    chapters = read_chapters(book)
    chosen = select(chapters, names)
    settings = settle(chapters, chosen, profile, overrides or {}, device)
    executed = executed_folder(profile, build)
    failed: list[str] = []
    order = [chapter.name for chapter in chapters]

    def made_from(chapter: Chapter) -> dict[str, Any]:
        before = order[: order.index(chapter.name)] if chapter.sums_up else []
        return sources(chapter) | {
            "parameters": _decisive(settings[chapter.name]),
            "chapters": {name: fingerprint(executed / name / STAMP) for name in before},
        }

    def to_do(chapter: Chapter) -> bool:
        return force or bool(outdated(executed / chapter.name, made_from(chapter)))

    @functools.cache  # to know what is to do, all that a chapter is made from is read and hashed
    def last_time(i: int) -> float:
        return _last_seconds(executed / chosen[i].name) if to_do(chosen[i]) else 0

    with nobody_running(executed), Kernels() as kernels:
        _sweep(executed, order)
        print(f"{profile} profile on {_device(device)}", flush=True)
        for i, chapter in enumerate(chosen):
            if failed and chapter.sums_up:
                break
            print(f"[{i + 1}/{len(chosen)}] {chapter.name} … ", end="", flush=True)
            if not to_do(chapter):
                print("unchanged", flush=True)
                continue
            start = time.monotonic()
            failure = _run(
                chapter, settings[chapter.name], made_from(chapter), profile, executed, kernels
            )
            left = sum(map(last_time, range(i + 1, len(chosen))))
            seconds = f"{time.monotonic() - start:.0f} s{_in_words(left)}"
            print(f"failed after {seconds}\n{failure}" if failure else seconds, flush=True)
            if failure:
                failed.append(chapter.name)
            elif after and i + 1 < len(chosen):
                after(left)
        if chosen[-1].sums_up:
            name_outdated(executed, [chapter for chapter in chapters if not chapter.sums_up])
    return failed


def _last_seconds(folder: Path) -> float:
    """How long a chapter took when it ran last; infinite where it never did."""
    return (read_stamp(folder) or {}).get("seconds", math.inf)


def _in_words(left: float) -> str:
    """How long the chapters that are left take, where that is known and long."""
    if not 30 <= left < math.inf:
        return ""
    return (
        f"; the rest took {f'{left:.0f} s' if left < 100 else f'{left / 60:.0f} minutes'} last time"
    )


def nobody_running(executed: Path) -> AbstractContextManager:
    """Keep a second run out of this folder; DDRError where one is at work."""
    return locked(executed / ".lock", f"another `ddr run` is at work in {executed}: wait for it")


def _device(device: str) -> str:
    import torch

    from ddrlib.features.extraction import resolve_device

    on_gpu = resolve_device(device).type == "cuda"
    return torch.cuda.get_device_name() if on_gpu else processor()


def _sweep(executed: Path, names: Sequence[str]) -> None:
    """Remove what a kill left behind, and chapters that the book no longer has."""
    shutil.rmtree(executed / ".running", ignore_errors=True)
    withdrawn = [folder for folder in executed.glob("*") if folder.name not in names]
    for folder in [*withdrawn, *executed.glob(f"{REPLACED}*/*")]:
        discard(folder)


# ---- done or not done ----


def sources(chapter: Chapter) -> dict[str, Any]:
    """What a chapter is made from, as far as its notebook and the installation say."""
    code = [source_hash(cell.source) for cell in chapter.notebook.cells if cell.cell_type == "code"]
    return {"code": code, "versions": computing_versions(), "precision": precision_wanted()}


def _decisive(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a chapter is made from: all but the device."""
    return describe({name: value for name, value in parameters.items() if name != "device"})


def outdated(folder: Path, made_from: Mapping[str, Any]) -> str | None:
    """What keeps the chapter in a folder from counting as done: a word or a file, or nothing."""
    stamp = read_stamp(folder)
    if stamp is None:
        return NOT_RUN
    for part, value in made_from.items():
        if stamp["made_from"].get(part) != value:
            return part
    return first_change(stamp["made_from"]["files"]) or first_change(stamp["outputs"], folder)


def name_outdated(executed: Path, chapters: Sequence[Chapter]) -> None:
    """Say in one line which chapters are done, but older than what they are made from."""
    reasons = {c.name: outdated(executed / c.name, sources(c)) for c in chapters}
    older = [f"{name} ({why})" for name, why in sorted(reasons.items()) if why and why != NOT_RUN]
    if older:
        print(f"older than what they are made from: {few(older)}; `ddr run`", flush=True)


# ---- one chapter ----


def _run(
    chapter: Chapter,
    parameters: dict[str, Any],
    made_from: dict[str, Any],
    profile: str,
    executed: Path,
    kernels: Kernels,
) -> str | None:
    """Execute a chapter and put it in place; what went wrong, if it did."""
    work = executed / ".running" / chapter.name
    work.mkdir(parents=True)
    run = Run(chapter.name, profile, parameters, output=work, executed=executed)
    path, start = work / chapter.path.name, time.monotonic()
    try:
        notebook = execute(chapter, run, path, kernels)
        closing = notebook.cells.pop().outputs[0].data[CLOSING_MIME]
        del notebook.metadata["papermill"]  # paths on this machine
        nbformat.write(notebook, path)
        stamp = {
            "chapter": chapter.name,
            "profile": profile,
            "parameters": describe(parameters),
            "seconds": round(time.monotonic() - start, 1),
            "made_from": made_from | {"files": closing.pop("files")},
            **closing,
        }
        write_stamp(work, stamp)
    except failures() as error:
        if isinstance(error, OSError) and not out_of_memory(error):
            raise DDRError(f"{error.filename or path}: {error.strerror or error}") from None
        return problem(chapter, error, path, executed / "failed")
    _put_in_place(work, executed / chapter.name)
    (executed / "failed" / path.name).unlink(missing_ok=True)
    shutil.rmtree(work.parent)
    return None


def _put_in_place(work: Path, folder: Path) -> None:
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=REPLACED, dir=folder.parent), folder.name)
        folder.rename(aside)
        work.rename(folder)
        discard(aside)
        with suppress(OSError):  # somebody else's files are left
            aside.parent.rmdir()
    else:
        work.rename(folder)
