"""From executed notebooks to static pages that need neither a kernel nor the network.

jupyter-book compiles one folder, staged here: book/, with what the chapters' cells gave, and the
figures with their JSON files. It runs in this process, so that it ends with it.
"""

from __future__ import annotations

import contextlib
import copy
import io
import os
import shutil
import time
from pathlib import Path

import click
from sphinx_external_toc.parsing import parse_toc_yaml

from ddrlib.book.ingredients import first_change
from ddrlib.book.notebook import nbformat
from ddrlib.book.profiles import BOOK, Chapter, read_chapters
from ddrlib.book.results import read_stamp
from ddrlib.book.run import name_outdated, nobody_running
from ddrlib.book.states import with_light_states
from ddrlib.errors import DDRError
from ddrlib.files import ROOT, locked, source_hash
from ddrlib.machine import FORKS

CONFIG = ROOT / "_config.yml"
LATER = """```{note}
This chapter is being computed or waits for its turn: here is its text; its figures come with it.
Load the page again in a few minutes.
```"""
API_LATER = """

```{note}
The reference takes longer to build than all other pages; it comes with the last chapter.
```
"""
JOBS = 4  # at most, of Sphinx: each has a copy of what was read


class BuildError(Exception):
    """The pages do not build: one line per warning. The command line exits with 1."""


def build_site(executed: Path, out: Path, finished: bool = True) -> Path:
    """Compile the book into the link `out`, and return the path of its index.html.

    Text comes from book/, code and outputs from the chapters in `executed`; those that are older
    than their sources are named. Warnings are errors. A build that fails or is killed leaves the
    old pages: the link changes when the new ones are whole. The staged sources of one that failed
    stay in `out`.building/src to look at. While chapters still run (not `finished`), the pages of
    those that were never run, and of the reference, say that they come later; warnings are let pass.

    DDRError for a chapter that is missing, unlisted, not yet run or damaged, and for a file where
    pages go; `BuildError` where the pages do not build.
    """
    for place in (out, out.with_name("pages")):  # before minutes are spent
        if place.is_file():
            raise DDRError(f"{place} is a file where the pages go: move it away")
    lock = out.with_name(f".{out.name}.lock")
    with locked(lock, f"another `ddr build` is at work in {out.parent}: wait for it"):
        work = out.with_name(f"{out.name}.building")
        shutil.rmtree(work, ignore_errors=True)
        chapters = read_chapters(BOOK)
        done = [c for c in chapters if finished or read_stamp(executed / c.name)]
        with nobody_running(executed) if finished else contextlib.nullcontext():
            _check_pages(executed, done)
            if finished:
                name_outdated(executed, chapters)
            _stage(executed, done, work / "src")
        if not finished:
            _announce(work / "src", [chapter for chapter in chapters if chapter not in done])
        _compile(work / "src", work / "html", strict=finished)
        _publish(work / "html", out)
        shutil.rmtree(work)
    return out / "index.html"


def _check_pages(executed: Path, chapters: list[Chapter]) -> None:
    """Every page is listed, written, run and whole; jupyter-book would skip the others silently."""
    listed = set(parse_toc_yaml(BOOK / "_toc.yml"))
    pages = (page for kind in ("*.ipynb", "*.md", "api/*.md") for page in BOOK.glob(kind))
    written = {page.relative_to(BOOK).with_suffix("").as_posix() for page in pages}
    for name in sorted(listed - written):
        raise DDRError(
            f"book/_toc.yml lists {name}, but book/{name}.ipynb does not exist: "
            "write it or strike it from the list"
        )
    for name in sorted(written - listed):
        raise DDRError(f"book/{name} is not in book/_toc.yml: add it to the list or remove it")
    for name in sorted(chapter.name for chapter in chapters):
        stamp = read_stamp(executed / name)
        if stamp is None:
            raise DDRError(f"chapter {name} has not been run: `ddr run {name}`")
        if file := first_change(stamp["outputs"], executed / name):
            raise DDRError(f"{executed / name / file} is missing or damaged: `ddr run {name}`")


def _stage(executed: Path, chapters: list[Chapter], source: Path) -> None:
    """Lay out in one folder everything that jupyter-book reads."""
    shutil.copytree(BOOK, source, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for chapter in chapters:
        done = executed / chapter.name
        notebook = merged(chapter.notebook, nbformat.read(done / chapter.path.name, as_version=4))
        nbformat.write(notebook, source / chapter.path.name)
        figures = source / "_extra" / "figures" / chapter.name
        figures.mkdir(parents=True)
        if (done / "figures").exists():
            shutil.copytree(done / "figures", figures, dirs_exist_ok=True)


def _announce(source: Path, missing: list[Chapter]) -> None:
    """Say below the title of what is missing, chapters and the reference, that it comes later."""
    for chapter in missing:
        title, *cells = chapter.notebook.cells
        note = nbformat.v4.new_markdown_cell(LATER)
        announced = nbformat.NotebookNode(chapter.notebook, cells=[title, note, *cells])
        nbformat.write(announced, source / chapter.path.name)
    for page in (source / "api").glob("*.md"):
        page.write_text(page.read_text("utf-8").splitlines()[0] + API_LATER, "utf-8")


def merged(source: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The cells of the source with the outputs of the run; the executed ones, if code has changed.

    The cell of parameters that papermill added follows that of their defaults, shown in the same way.
    Cells with the tag "answer", which a notebook can only compute late, follow the first cell: the
    question.
    """
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    added = [cell for cell in code if "injected-parameters" in cell.metadata.get("tags", [])]
    ran = [cell for cell in code if cell not in added]
    written = [cell for cell in source.cells if cell.cell_type == "code"]
    defaults = [cell for cell in ran if "parameters" in cell.metadata.get("tags", [])]
    shown = [tag for cell in defaults for tag in _display(cell)]
    for parameters in added:
        parameters.metadata.tags = [*parameters.metadata.tags, *shown]
    if [source_hash(c.source) for c in written] != [source_hash(c.source) for c in ran]:
        return _answer_first(copy.deepcopy(executed))
    result, outputs = copy.deepcopy(executed), iter(ran)
    result.cells = []
    for cell in source.cells:
        result.cells.append(copy.deepcopy(cell))
        if cell.cell_type == "code":
            with_output = next(outputs)
            result.cells[-1].outputs = with_output.outputs
            result.cells[-1].execution_count = with_output.execution_count
            if "parameters" in cell.metadata.get("tags", []):
                result.cells += added
    return _answer_first(result)


def _answer_first(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with its cells of the tag "answer" after the first cell."""
    answers = [cell for cell in notebook.cells if "answer" in cell.metadata.get("tags", [])]
    others = [cell for cell in notebook.cells if cell not in answers]
    notebook.cells = [*others[:1], *answers, *others[1:]]
    return notebook


def _display(cell: nbformat.NotebookNode) -> list[str]:
    """The tags that say how a page shows the cell."""
    return [tag for tag in cell.metadata.tags if tag.startswith(("hide-", "remove-"))]


def _compile(source: Path, html: Path, strict: bool) -> None:
    """Run jupyter-book on the staged folder."""
    from jupyter_book.sphinx import build_sphinx

    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as warnings,
    ):
        status = build_sphinx(
            source,
            html,
            path_config=CONFIG,
            noconfig=True,
            confoverrides={
                "external_toc_path": str(source / "_toc.yml"),
                "latex_individualpages": False,
            },
            warningiserror=strict,
            jobs=min(os.cpu_count() or 1, JOBS) if FORKS else 1,
            keep_going=True,
        )
    if isinstance(status, OSError | KeyboardInterrupt):
        raise status
    if status:
        lines = click.unstyle(warnings.getvalue()).replace(f"{source}/", "").splitlines()
        named = [line for line in lines if "WARNING: " in line or "ERROR: " in line]
        raise BuildError("\n".join(named or lines[-20:]))
    for page in html.glob("*.html"):
        page.write_text(with_light_states(page.read_text("utf-8"), html), "utf-8")


def _publish(html: Path, out: Path) -> None:
    """Let `out` point to the new pages, in one step, and remove the old ones."""
    versions = out.with_name("pages")
    versions.mkdir(exist_ok=True)
    if out.exists() and not out.is_symlink():  # copied as a folder
        out.rename(versions / "0")
    new = versions / str(time.time_ns())
    html.rename(new)
    link = versions / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(new.relative_to(out.parent))
    os.replace(link, out)
    for old in versions.iterdir():
        if old != new and old.name.isdigit():  # else it is not ours
            shutil.rmtree(old)
