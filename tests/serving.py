"""`ddr explore` in a process of its own, with a network that is measured in no time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ddrlib.files import ROOT

NETWORK = """
from torch import nn

def make():
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 48, 3, padding=1), nn.PixelShuffle(4))
"""
# A shell that runs the tests in the background has them ignore Ctrl-C, and so their children.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from ddrlib.cli import main
from ddrlib.widgets import serve
serve.IDLE, serve.CHECK = {idle}, 1
main()
"""
# What a user may have configured: each of these would show, were it obeyed.
HOSTILE = {
    "jupyter/voila.json": '{"Voila": {"ip": "0.0.0.0", "token": "known", "base_url": "/other/"}}',
    "jupyter/jupyter_config.json": '{"Voila": {"port": 1}, "VoilaConfiguration": {"theme": "dark"}}',
    "voila.json": '{"Voila": {"base_url": "/other/"}}',
    "ipython/profile_default/startup/00.py": "raise SystemExit",
}
ENVIRONMENT = {
    "JUPYTER_CONFIG_DIR": "jupyter",
    "JUPYTER_TOKEN": "known",
    "JUPYTER_PLATFORM_DIRS": "1",
    "VOILA_PORT": "1",
    "IPYTHONDIR": "ipython",
    "MPLBACKEND": "module://ipympl.backend_nbagg",
}


@dataclass
class Server:
    """What runs: its address with the token, and the folder where it keeps its temporary files."""

    process: subprocess.Popen
    address: str
    temporary: Path

    def kernels(self) -> list[str]:
        """The processes that the server has started."""
        number = self.process.pid
        return Path(f"/proc/{number}/task/{number}/children").read_text().split()

    def interrupt(self) -> int:
        """Ctrl-C, and the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


@contextmanager
def serving(folder: Path, idle: int = 120) -> Iterator[Server]:
    """Serve the explorer of NETWORK on six photographs, all of it kept in `folder`."""
    for name, text in HOSTILE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "toy.py").write_text(NETWORK)
    (folder / "photographs").mkdir()
    (folder / "tmp").mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        small.resize((136, 136), Image.Resampling.BICUBIC).save(folder / f"photographs/{i}.png")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            COMMAND.format(idle=idle),
            "explore",
            "toy:make",
            "--images",
            "photographs",
            "--patches",
            "6",
            "--port",
            str(port),
            "--no-browser",
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            **ENVIRONMENT,
            "PYTHONPATH": str(ROOT),
            "DDR_CACHE": str(folder / "cache"),
            "TMPDIR": str(folder / "tmp"),
            "OMP_NUM_THREADS": "1",
        },
    )
    try:
        line = process.stdout.readline()
        assert f"http://127.0.0.1:{port}/?token=" in line, process.stderr.read()
        address = next(word for word in line.split() if word.startswith("http"))
        yield Server(process, address, folder / "tmp")
    finally:
        process.kill()
        process.communicate()
