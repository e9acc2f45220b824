"""From executed notebooks to static pages that need neither a kernel nor the network.

jupyter-book compiles one folder, staged here: book/, the executed notebooks laid over it, and the
JSON files of the figures.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click
from sphinx_external_toc.parsing import parse_toc_yaml

from ddrlib.book.profiles import BOOK
from ddrlib.errors import DDRError
from ddrlib.files import ROOT

CONFIG = ROOT / "_config.yml"


class BuildError(Exception):
    """The pages do not build: one line per warning. The command line exits with 1."""


def build_site(executed: Path, out: Path) -> Path:
    """Compile the book into the folder `out` and return the path of its index.html.

    `executed` is what `ddr run` leaves: NAME.ipynb and its stamp NAME.json for every chapter, and
    figures/CHAPTER/, which the pages find at that very path beside them. Warnings are errors. A
    build that fails leaves `out` as it was, and the staged sources in `out`.building/src to look at.

    Raises DDRError for a chapter that is missing, unlisted or not yet run, and BuildError.
    """
    work = out.with_name(f"{out.name}.building")
    shutil.rmtree(work, ignore_errors=True)
    _check_pages(executed)
    _stage(executed, work / "src")
    _compile(work)
    # Two renames: a reader of the old pages never meets half of the new ones.
    if out.exists():
        out.rename(work / "replaced")
    (work / "_build" / "html").rename(out)
    shutil.rmtree(work)
    return out / "index.html"


def _check_pages(executed: Path) -> None:
    """Every page is listed, written and run; jupyter-book would skip the others silently."""
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
    for notebook in sorted(BOOK.glob("*.ipynb")):
        if not (executed / f"{notebook.stem}.json").exists():
            raise DDRError(f"chapter {notebook.stem} has not been run: `ddr run {notebook.stem}`")


def _stage(executed: Path, source: Path) -> None:
    """Lay out in one folder everything that jupyter-book reads."""
    shutil.copytree(BOOK, source, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for notebook in BOOK.glob("*.ipynb"):
        shutil.copy2(executed / notebook.name, source)
    figures = source / "_extra" / "figures"
    figures.mkdir(parents=True)
    if (executed / "figures").exists():
        shutil.copytree(executed / "figures", figures, dirs_exist_ok=True)


def _compile(work: Path) -> None:
    """Run jupyter-book on `work`/src; the pages are then in `work`/_build/html."""
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    result = subprocess.run(
        [
            jupyter_book,
            "build",
            "src",
            "--config",
            CONFIG,
            "--path-output",
            ".",
            "-W",
            "--keep-going",
        ],
        check=False,
        cwd=work,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        lines = click.unstyle(result.stderr).replace(f"{work / 'src'}/", "").splitlines()
        warnings = [line for line in lines if "WARNING: " in line or "ERROR: " in line]
        raise BuildError("\n".join(warnings or lines[-20:]))
