"""Run the chapters with papermill, each only when something it is made from has changed.

A chapter runs in a folder aside. When it is done the folder is stamped, and takes the place of the
one before as a whole: whenever the program is killed, a chapter is done or not done.
"""

from __future__ import annotations

import copy
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from ddrlib.book.ingredients import fingerprint, first_change, source_hash
from ddrlib.book.profiles import BOOK, Chapter, read_chapters, select, settle
from ddrlib.book.records import describe
from ddrlib.book.results import CLOSING_MIME, STAMP, Run, discard, read_stamp, write_stamp
from ddrlib.errors import DDRError, few, one_line, out_of_memory
from ddrlib.files import BUILD, ROOT, locked
from ddrlib.machine import computing_versions, processor

# The kernel: this very interpreter, whose reading is recorded from the start.
START = """
import sys
sys.path[:1] = []
from ddrlib.book.ingredients import record
record()
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""
CLOSE = "from ddrlib.book.results import close_chapter\nclose_chapter()"
NOT_RUN, REPLACED = "not run", ".replaced-"


def executed_folder(profile: str, build: Path = BUILD) -> Path:
    """Where the executed chapters of a profile are kept, each in a folder of its name."""
    return build / "executed" / profile


def run_chapters(
    wanted: Sequence[str] = (),
    profile: str = "default",
    overrides: Mapping[str, Any] | None = None,
    device: str = "auto",
    force: bool = False,
    book: Path = BOOK,
    build: Path = BUILD,
) -> list[str]:
    """Run the wanted chapters (all for none) where they have changed; returns those that failed.

    A failure is printed and the rest goes on, except for the chapters that sum up the others.
    Raises DDRError, before anything runs, for a chapter, profile or parameter that does not exist.
    """
    chapters = read_chapters(book)
    chosen = select(chapters, wanted)
    settings = settle(chapters, chosen, profile, overrides or {}, device)
    executed = executed_folder(profile, build)
    failed: list[str] = []
    order = [chapter.name for chapter in chapters]
    with nobody_running(executed):
        _sweep(executed, order)
        print(f"{profile} profile on {_device(device)}", flush=True)
        for i, chapter in enumerate(chosen):
            if failed and chapter.sums_up:
                break
            print(f"[{i + 1}/{len(chosen)}] {chapter.name} … ", end="", flush=True)
            before = order[: order.index(chapter.name)] if chapter.sums_up else []
            made_from = sources(chapter) | {
                "parameters": _plain(settings[chapter.name]),
                "chapters": {name: fingerprint(executed / name / STAMP) for name in before},
            }
            if not force and not outdated(executed / chapter.name, made_from):
                print("unchanged", flush=True)
                continue
            start = time.monotonic()
            problem = _run(chapter, settings[chapter.name], made_from, profile, executed)
            seconds = f"{time.monotonic() - start:.0f} s"
            print(f"failed after {seconds}\n{problem}" if problem else seconds, flush=True)
            if problem:
                failed.append(chapter.name)
        if chosen[-1].sums_up:
            name_outdated(executed, [chapter for chapter in chapters if not chapter.sums_up])
    return failed


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
    return {"code": code, "versions": computing_versions()}


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the stamp keeps them; the device is not what a chapter is made from."""
    return {name: describe(value) for name, value in parameters.items() if name != "device"}


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
) -> str | None:
    """Execute a chapter and put it in place; what went wrong, if it did."""
    work = executed / ".running" / chapter.name
    work.mkdir(parents=True)
    run = Run(chapter.name, profile, parameters, output=work, executed=executed)
    path, start = work / chapter.path.name, time.monotonic()
    try:
        notebook = _execute(chapter, run, path)
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
    except OSError as error:
        if not out_of_memory(error):
            raise DDRError(f"{error.filename or path}: {error.strerror or error}") from None
        return _problem(chapter, error, path, executed / "failed")
    except _failures() as error:
        return _problem(chapter, error, path, executed / "failed")
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


def _execute(chapter: Chapter, run: Run, path: Path) -> NotebookNode:
    """Run a copy of the chapter at `path`, in a kernel of this Python, from book/."""
    import papermill

    notebook = copy.deepcopy(chapter.notebook)
    notebook.cells.append(nbformat.v4.new_code_cell(CLOSE))
    nbformat.write(notebook, path)
    changed = {
        name: value for name, value in run.parameters.items() if value != chapter.parameters[name]
    }
    return papermill.execute_notebook(
        path,
        path,
        changed,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        cwd=chapter.path.parent,
        start_timeout=300,
        kernel_manager_class=_kernel_manager(run),
    )


def _kernel_manager(run: Run) -> type:
    """Starts this very interpreter, and keeps the user's own settings out of the chapter."""
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    private = run.output.parent / "kernel"
    private.mkdir(exist_ok=True)
    environment = {
        # The library that runs the chapter is the one that this program has.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYTHONUTF8": "1",
        **dict.fromkeys(("PYTHONSTARTUP", "PYTHONWARNINGS", "JUPYTER_CONFIG_PATH"), ""),
        **dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"), str(private)),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": os.devnull,
        **run.environment(),
    }
    # A kernel that has to end while it is idle calls that an error.
    quiet = ["--log-level=CRITICAL", "--HistoryManager.enabled=False"]
    start = [sys.executable, "-c", START, "-f", "{connection_file}"]
    spec = KernelSpec(argv=[*start, *quiet], language="python", env=environment)

    class ThisInterpreter(AsyncKernelManager):
        kernel_spec = spec
        transport_encryption = "auto"  # else every kernel warns of its absence

        def __init__(self, **options: Any) -> None:
            super().__init__(**options, connection_file=str(private / "connection.json"))

    return ThisInterpreter


def _failures() -> tuple[type[Exception], ...]:
    """What a chapter can fail with, RuntimeError where its kernel dies or never starts."""
    from papermill import PapermillExecutionError

    return PapermillExecutionError, RuntimeError, TimeoutError, MemoryError


def _problem(chapter: Chapter, error: Exception, path: Path, folder: Path) -> str:
    """Chapter, cell and error in two lines; the notebook is kept for reading, as far as it came."""
    folder.mkdir(exist_ok=True)
    kept = folder / path.name
    os.replace(path, kept)
    shutil.rmtree(path.parent)
    started = [
        cell
        for cell in nbformat.read(kept, as_version=4).cells
        if cell.cell_type == "code"
        and cell.metadata.get("papermill", {}).get("start_time")
        and "injected-parameters" not in cell.metadata.tags
    ]
    first_line = started[-1].source.strip().split("\n")[0] if started else ""
    where = f"code cell {len(started)} (`{first_line}`)" if started else "before the first cell"
    if name := getattr(error, "ename", ""):  # raised in the cell
        what = f"{name}: {getattr(error, 'evalue', '')}".split("\n")[0]
    elif started:
        what = "the kernel died"
    else:
        what = f"the kernel did not start ({one_line(error)})"
    if out_of_memory(what) or what == "the kernel died":
        what += "; was there enough memory? smaller parameters need less"
    return f"  {chapter.name}, {where}: {what}\n  see {kept}"
