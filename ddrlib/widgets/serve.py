"""A notebook of one cell as a page of this machine, rendered by Voilà.

Nothing leaves the machine: the server listens on the IPv4 loopback address alone, wants a token,
answers to no other host name, and forbids its page to ask other hosts for anything.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from tornado.ioloop import IOLoop
from traitlets import List
from voila.app import Voila

from ddrlib.errors import DDRError
from ddrlib.files import locked

HOST = "127.0.0.1"
IDLE, CHECK = 120, 30  # seconds: a kernel that no page is connected to ends after IDLE
NOTEBOOK = "explorer.ipynb"
PREFIX = "ddr-explore-"  # of the temporary folder
CDN = "https://cdn.jsdelivr.net/npm/@fortawesome/fontawesome-free@^5/css/"

# Of all that JupyterLab may have installed, what widgets need.
EXTENSIONS = [
    "@voila-dashboards/widgets-manager8",
    "@jupyter-widgets/jupyterlab-manager",
    "anywidget",
]
SETTINGS = {
    "allow_remote_access": False,  # a Host header that names another machine is refused
    "headers": {
        "Content-Security-Policy": (
            "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; "
            f"connect-src 'self' ws://{HOST}:*; frame-ancestors 'none'"
        )
    },
    "ws_ping_timeout": 30_000,  # Voilà's default is longer than its interval, of which tornado warns
}
# Voilà's page without its two style sheets from another host, which nothing here needs.
TEMPLATE = """{% extends "voila/templates/lab/index.html.j2" %}
{% block notebook_css %}{{ super() | replace("CDN", "data:text/css,") }}{% endblock %}
""".replace("CDN", CDN)


class ThisInterpreter(KernelSpecManager):
    """Starts kernels of this very Python, whichever the machine has installed as "python3"."""

    kernel_dirs: List = List()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for this process; what killed processes left of theirs is removed first.

    Each process holds a lock on its folder, which goes when the process ends.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, DDRError), locked(left, ""):  # without a notebook: new
            if (left / NOTEBOOK).exists():
                shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder,
        locked(Path(folder), f"{folder} is in use"),
    ):
        yield Path(folder)


def serve(introduction: str, code: str, folder: Path, port: int, browser: bool) -> None:
    """Serve a page with a text, Markdown, and what a cell of code shows, until Ctrl-C.

    The address, token included, is printed, and opened in a `browser`. Every visit has a kernel of
    its own, which ends some time after the page was left. The notebook and all temporary files go
    to `folder`. The user's configuration of Jupyter, IPython and Matplotlib is put aside, in this
    process and in its kernels.

    DDRError where the port is out of range, or needs rights that the user lacks.
    """
    port = free_port(port)
    _put_configuration_aside(folder)
    _write_template(folder / "voila" / "templates" / "ddr")
    app = Voila()
    app.initialize(
        [
            str(_write_notebook(introduction, code, folder)),
            "--no-browser",  # Voilà's own way forgets the token
            f"--port={port}",
            "--Voila.port_retries=0",
            f"--Voila.ip={HOST}",
            "--Voila.auto_token=True",
            "--Voila.log_level=ERROR",
            "--Voila.config_file_paths=[]",  # else a voila.py in the working directory is run
            "--VoilaConfiguration.template=ddr",
            # What an address may set is written into the page as it is.
            "--VoilaConfiguration.allow_theme_override=NO",
            "--VoilaConfiguration.allow_template_override=NO",
            f"--VoilaConfiguration.kernel_spec_manager_class={__name__}.ThisInterpreter",
            *(f"--VoilaConfiguration.extension_allowlist={name}" for name in EXTENSIONS),
            f"--MappingKernelManager.cull_idle_timeout={IDLE}",
            f"--MappingKernelManager.cull_interval={CHECK}",
            "--KernelManager.transport_encryption=auto",  # else every kernel warns of its absence
        ]
    )
    app.tornado_settings = SETTINGS
    IOLoop.current().add_callback(_announce, app, browser)
    app.start()


def free_port(port: int) -> int:
    """The port, or one that the system chooses where it is taken; DDRError if it cannot be had."""
    if not 1 <= port <= 65535:
        raise DDRError(f"port {port}: choose one from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise DDRError(
                f"port {port} is reserved by the system: choose one above 1023"
            ) from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            probe.bind((HOST, 0))
        return probe.getsockname()[1]


def _put_configuration_aside(folder: Path) -> None:
    """No setting of the user's reaches the server or its kernels, and nothing is written at home."""
    for name in list(os.environ):
        if name.startswith(("JUPYTER", "VOILA", "IPYTHON", "MPL")):
            del os.environ[name]
    os.environ |= {
        "JUPYTER_NO_CONFIG": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_DATA_DIR": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "TMPDIR": str(folder),
    }
    tempfile.tempdir = None  # else the folder of before is remembered


def _write_template(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "conf.json").write_text('{"base_template": "lab"}')
    (folder / "index.html.j2").write_text(TEMPLATE)


def _write_notebook(introduction: str, code: str, folder: Path) -> Path:
    cells = [nbformat.v4.new_markdown_cell(introduction), nbformat.v4.new_code_cell(code)]
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / NOTEBOOK
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": python}), path)
    return path


def _announce(app: Voila, browser: bool) -> None:
    """Say where the page is, once the server listens."""
    print(f"The page is at {app.display_url} (Ctrl-C ends it)", flush=True)
    if browser:  # in a thread: a text browser would hold up the server
        threading.Thread(target=webbrowser.open, args=[app.display_url], daemon=True).start()
