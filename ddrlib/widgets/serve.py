"""A notebook of one cell as a page of this machine, rendered by Voilà.

Nothing leaves the machine: the server listens on the loopback address alone, wants a token, and
forbids its page to ask anybody else for anything.
"""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from tornado.ioloop import IOLoop
from traitlets import List
from voila.app import Voila

# Those of JupyterLab that widgets need, whatever else is installed.
EXTENSIONS = [
    "@voila-dashboards/widgets-manager8",
    "@jupyter-widgets/jupyterlab-manager",
    "anywidget",
]
SETTINGS = {
    "headers": {
        "Content-Security-Policy": (
            "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; "
            "connect-src 'self' ws://127.0.0.1:*; frame-ancestors 'none'"
        )
    },
    "ws_ping_timeout": 30_000,  # Voilà's default is longer than its interval, of which tornado warns
}


class ThisInterpreter(KernelSpecManager):
    """Starts kernels of this very Python, whatever the machine has installed as "python3"."""

    kernel_dirs = List()


def serve(
    introduction: str, code: str, folder: Path, port: int = 8866, browser: bool = True
) -> None:
    """Serve a page with a text (Markdown) and what a cell of `code` shows, until Ctrl-C.

    The notebook is written into `folder`. A `port` that is taken gives way to another. The address,
    token included, is printed, and opened where a `browser` is wanted. Every visit has a kernel of
    its own.
    """
    app = Voila()
    # As options of the command line, which alone go over the user's Jupyter configuration.
    app.initialize(
        [
            str(_write_notebook(introduction, code, folder)),
            "--no-browser",  # Voilà's own way forgets the token
            f"--port={port}",
            "--Voila.ip=127.0.0.1",
            "--Voila.auto_token=True",
            "--Voila.log_level=ERROR",
            "--VoilaConfiguration.kernel_spec_manager_class=ddrlib.widgets.serve.ThisInterpreter",
            *(f"--VoilaConfiguration.extension_allowlist={name}" for name in EXTENSIONS),
            "--KernelManager.transport_encryption=auto",  # else every kernel warns of its absence
        ]
    )
    app.tornado_settings = SETTINGS
    IOLoop.current().add_callback(_announce, app, browser)
    app.start()


def _write_notebook(introduction: str, code: str, folder: Path) -> Path:
    cells = [nbformat.v4.new_markdown_cell(introduction), nbformat.v4.new_code_cell(code)]
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / "explorer.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": python}), path)
    return path


def _announce(app: Voila, browser: bool) -> None:
    """Say where the page is, once the server has found its port."""
    print(f"The page is at {app.display_url} (Ctrl-C ends it)", flush=True)
    if browser:  # in a thread: a text browser would hold up the server
        threading.Thread(target=webbrowser.open, args=[app.display_url], daemon=True).start()
