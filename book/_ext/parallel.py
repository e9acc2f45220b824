"""Pages are read and written by several processes, which two of jupyter-book's extensions do not allow for."""

from __future__ import annotations

from sphinx.application import Sphinx
from sphinx.config import Config

# They do not say that they are safe, and are: one numbers pages when all are read, one writes LaTeX.
SILENT = "sphinx_multitoc_numbering", "sphinx_jupyterbook_latex"


def allow(app: Sphinx, config: Config) -> None:
    """Say it for them."""
    for name in SILENT:
        if name in app.extensions:
            app.extensions[name].parallel_read_safe = True
            app.extensions[name].parallel_write_safe = True


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("config-inited", allow)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
