"""Run the chapters with papermill, each only when something it is made from has changed.

A chapter is done when its stamp, NAME.json beside the executed NAME.ipynb, holds the key of what it
would be made from now. While it runs, everything goes to a folder of its own; then the stamp is
withdrawn, figures and notebook are moved into place, and the new stamp is written last. So a kill
at any moment leaves a chapter done or not done, and what was done before stays.
"""

from __future__ import annotations

import contextlib
import copy
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from ddrlib.book.profiles import BOOK, Chapter, read_chapters, select, settle
from ddrlib.book.provenance import CLOSING_MIME, Run, stamps
from ddrlib.errors import DDRError
from ddrlib.files import BUILD, DATA, ROOT
from ddrlib.machine import processor

INGREDIENTS = (ROOT / "ddrlib", DATA)  # a change in any of their files is a change in every chapter


def executed_folder(profile: str, build: Path = BUILD) -> Path:
    """Where the executed chapters of a profile are kept."""
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
    order = [chapter.name for chapter in chapters]
    executed, failed = executed_folder(profile, build), []
    with _alone(executed):
        _forget_others(order, executed)
        print(f"{profile} profile on {_device(device)}", flush=True)
        ingredients = [folder_hash(folder) for folder in INGREDIENTS]
        for i, chapter in enumerate(chosen):
            if failed and chapter.sums_up:
                break
            print(f"[{i + 1}/{len(chosen)}] {chapter.name} … ", end="", flush=True)
            parameters = settings[chapter.name]
            before = order[: order.index(chapter.name)] if chapter.sums_up else []
            keys = [stamp["key"] for stamp in stamps(executed) if stamp["chapter"] in before]
            key = _key(chapter, parameters, ingredients + keys)
            if not force and _is_done(chapter, key, executed):
                print("unchanged", flush=True)
                continue
            start = time.monotonic()
            problem = _run(chapter, parameters, key, profile, executed)
            seconds = f"{time.monotonic() - start:.0f} s"
            print(f"failed after {seconds}\n{problem}" if problem else seconds, flush=True)
            if problem:
                failed.append(chapter.name)
    return failed


def _device(device: str) -> str:
    import torch

    from ddrlib.features.extraction import resolve_device

    on_gpu = resolve_device(device).type == "cuda"
    return torch.cuda.get_device_name() if on_gpu else processor()


@contextlib.contextmanager
def _alone(executed: Path) -> Iterator[None]:
    """Keep a second run out of the same folder; the lock goes with the process, however it ends."""
    executed.mkdir(parents=True, exist_ok=True)
    with open(executed / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DDRError(f"another `ddr run` is at work in {executed}: let it end") from None
        yield


# ---- done or not done ----


def folder_hash(folder: Path) -> str:
    """SHA-256 of the names and contents of all files in a folder (or of a single file)."""
    files = (
        [folder]
        if folder.is_file()
        else sorted(
            path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
        )
    )
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(os.fsencode(path.relative_to(folder.parent)) + b"\0")
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _key(chapter: Chapter, parameters: Mapping[str, Any], ingredients: list[str]) -> str:
    """What the chapter is made from, as one hash. The device is not part of it."""
    cells = [(c.cell_type, c.source, c.metadata.get("tags")) for c in chapter.notebook.cells]
    values = {name: value for name, value in parameters.items() if name != "device"}
    # A parameter that names a folder or a file (the reader's photographs) stands for its content.
    named = [chapter.path.parent / v for v in values.values() if isinstance(v, str) and v]
    contents = [folder_hash(path) for path in named if path.exists()]
    made_from = [chapter.name, cells, values, contents, ingredients]
    return hashlib.sha256(json.dumps(made_from, default=str).encode()).hexdigest()


def _forget_others(names: Sequence[str], executed: Path) -> None:
    """Withdraw the stamps of chapters that the book no longer has: their results are nobody's."""
    for stamp in executed.glob("*.json"):
        if stamp.stem not in names:
            stamp.unlink()


def _is_done(chapter: Chapter, key: str, executed: Path) -> bool:
    stamp = executed / f"{chapter.name}.json"
    return stamp.exists() and json.loads(stamp.read_text())["key"] == key


# ---- one chapter ----


def _run(
    chapter: Chapter, parameters: dict[str, Any], key: str, profile: str, executed: Path
) -> str | None:
    """Execute a chapter and put it in place; what went wrong, if it did."""
    work = executed / ".running"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    run = Run(chapter.name, profile, parameters, output=work, executed=executed)
    path, start = work / chapter.path.name, time.monotonic()
    try:
        notebook = _execute(chapter, run, path)
    except _failures() as error:
        return _problem(chapter, error, path, executed / "failed" / path.name)
    closing = notebook.cells.pop().outputs[0].data[CLOSING_MIME]
    del notebook.metadata["papermill"]  # paths on this machine
    nbformat.write(notebook, path)
    stamp = {
        "chapter": chapter.name,
        "key": key,
        "profile": profile,
        "parameters": parameters,
        "seconds": round(time.monotonic() - start, 1),
        **closing,
    }
    _put_in_place(chapter, work, executed, stamp)
    return None


def _execute(chapter: Chapter, run: Run, path: Path) -> NotebookNode:
    """Run a copy of the chapter at `path`, in a kernel of this Python, from book/."""
    import papermill

    notebook = copy.deepcopy(chapter.notebook)
    notebook.cells.append(
        nbformat.v4.new_code_cell(
            "from ddrlib.book.provenance import close_chapter\nclose_chapter()"
        )
    )
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
    """Starts this very interpreter, whatever kernels the machine has installed by that name."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    # The library that runs the chapter is the one whose source is in its key.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    # A kernel that is told to end while it is idle calls that an error.
    quiet = ["--log-level=CRITICAL"]
    spec = get_kernel_dict(quiet) | {"env": {"PYTHONPATH": path, **run.environment()}}

    class ThisInterpreter(AsyncKernelManager):
        kernel_spec = KernelSpec(**spec)
        transport_encryption = "auto"  # else every kernel warns of its absence

    return ThisInterpreter


def _put_in_place(chapter: Chapter, work: Path, executed: Path, stamp: dict) -> None:
    stamp_path = executed / f"{chapter.name}.json"
    stamp_path.unlink(missing_ok=True)
    figures = executed / "figures" / chapter.name
    shutil.rmtree(figures, ignore_errors=True)
    figures.parent.mkdir(exist_ok=True)
    if (made := work / "figures" / chapter.name).exists():
        made.rename(figures)
    os.replace(work / chapter.path.name, executed / chapter.path.name)
    (executed / "failed" / chapter.path.name).unlink(missing_ok=True)
    (work / stamp_path.name).write_text(json.dumps(stamp, indent=2))
    os.replace(work / stamp_path.name, stamp_path)


def _failures() -> tuple[type[Exception], ...]:
    from nbclient.exceptions import DeadKernelError
    from papermill import PapermillExecutionError

    return PapermillExecutionError, DeadKernelError


def _problem(chapter: Chapter, error: Exception, path: Path, kept: Path) -> str:
    """Chapter, cell and error in two lines; the notebook is kept for reading, as far as it came."""
    kept.parent.mkdir(exist_ok=True)
    os.replace(path, kept)
    started = [
        cell
        for cell in nbformat.read(kept, as_version=4).cells
        if cell.cell_type == "code"
        and cell.metadata.papermill.get("start_time")
        and "injected-parameters" not in cell.metadata.tags
    ]
    first_line = started[-1].source.strip().split("\n")[0]
    if hasattr(error, "ename"):
        message = error.evalue.strip().split("\n")[0]
        what = f"{error.ename}: {message}"
    else:
        what = "the kernel died; was there enough memory?"
    return f"  {chapter.name}, code cell {len(started)} (`{first_line}`): {what}\n  see {kept}"
