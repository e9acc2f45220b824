"""A chapter executed in a kernel of its own, and what is said of one that fails."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import Any

from ddrlib.book.kernels import Kernels, Provisioner, command
from ddrlib.book.notebook import nbformat
from ddrlib.book.profiles import Chapter
from ddrlib.book.results import Run
from ddrlib.errors import one_line, out_of_memory
from ddrlib.files import ROOT
from ddrlib.machine import FORKS

CLOSE = "from ddrlib.book.results import close_chapter\nclose_chapter()"


def execute(chapter: Chapter, run: Run, path: Path, kernels: Kernels) -> nbformat.NotebookNode:
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
        kernel_manager_class=_kernel_manager(run, kernels),
    )


def _kernel_manager(run: Run, kernels: Kernels) -> type:
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
    start = command("-f", "{connection_file}", *quiet)
    spec = KernelSpec(argv=start, language="python", env=environment)

    class ThisInterpreter(AsyncKernelManager):
        kernel_spec = spec
        transport_encryption = "auto"  # else every kernel warns of its absence

        def __init__(self, **options: Any) -> None:
            super().__init__(**options, connection_file=str(private / "connection.json"))
            if FORKS:
                self.provisioner = Provisioner(kernel_id=run.chapter, kernel_spec=spec, parent=self)
                self.provisioner.kernels = kernels

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
