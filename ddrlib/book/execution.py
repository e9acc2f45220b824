"""A chapter executed in a kernel of its own, and what is said of one that fails."""

from __future__ import annotations

import copy
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import nbformat
from nbformat import NotebookNode

from ddrlib.book.profiles import Chapter
from ddrlib.book.results import Run
from ddrlib.errors import one_line, out_of_memory
from ddrlib.files import ROOT

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


class Kernels:
    """The kernels at work, so that they end with the run: an interrupt reaches only its own process."""

    def __init__(self) -> None:
        self._managers: list[Any] = []
        self._lock, self._ended = Lock(), False

    def started(self, manager: Any) -> None:
        """Take in the manager of a kernel that has started."""
        with self._lock:
            self._managers.append(manager)
            if self._ended:
                self._kill(manager)

    def end(self) -> None:
        """Kill those at work, and any that start later."""
        with self._lock:
            self._ended = True
            for manager in self._managers:
                self._kill(manager)

    @staticmethod
    def _kill(manager: Any) -> None:
        process = getattr(manager.provisioner, "process", None)  # None once it has ended
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()


def execute(chapter: Chapter, run: Run, path: Path, kernels: Kernels) -> NotebookNode:
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
        start_timeout=300,
        kernel_manager_class=_kernel_manager(run, chapter.path.parent, kernels),
    )


def _kernel_manager(run: Run, folder: Path, kernels: Kernels) -> type:
    """Starts this very interpreter in a folder, and keeps the user's own settings out of it."""
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    private = run.output.parent / f"{run.chapter}.kernel"
    private.mkdir()
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

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
            # Not by papermill's `cwd`, which changes the folder of the whole process.
            await super().start_kernel(**options | {"cwd": str(folder)})
            kernels.started(self)

    return ThisInterpreter


def failures() -> tuple[type[Exception], ...]:
    """What a chapter can fail with, RuntimeError where its kernel dies or never starts."""
    from papermill import PapermillExecutionError

    return PapermillExecutionError, RuntimeError, MemoryError, OSError


def problem(chapter: Chapter, error: Exception, path: Path, folder: Path) -> str:
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
