"""Kernels that share what they import: each is a fork of one process that has imported the packages.

Every chapter would otherwise spend four seconds on importing torch, seaborn and their kind anew. That
process imports nothing of this library that a chapter uses: what a chapter reads is recorded after
the fork. It ends with the run, however that ends, and its kernel with it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, Self

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from ddrlib.book.ingredients import record

PACKAGES = (
    *("ipykernel.kernelapp", "ipywidgets", "matplotlib.pyplot", "numba", "pandas", "scipy.stats"),
    *("seaborn", "sklearn.svm", "torch"),
)
START = "import sys; sys.path[:1] = []; from ddrlib.book.kernels import {}"


def command(*arguments: str) -> list[str]:
    """What starts a kernel as a process of its own."""
    return [sys.executable, "-c", START.format("start; start()"), *arguments]


def start() -> None:
    """Be a kernel; what it reads is recorded from here on."""
    from ipykernel.kernelapp import launch_new_instance

    record()
    launch_new_instance()


class Kernels:
    """The kernels of a run, one at a time."""

    def __init__(self) -> None:
        self._server: subprocess.Popen | None = None
        self._last: Forked | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._connection.close()
            self._server.wait()

    def fork(self, arguments: list[str], environment: dict[str, str], folder: str) -> Forked:
        """A kernel in a folder; the one before is ended. RuntimeError where there can be none."""
        if self._last:
            self._last.kill()
            self._last.wait()
        if self._server is None or self._server.poll() is not None:
            self._serve(environment)
        assert self._server
        request = {"arguments": arguments, "environment": environment, "folder": folder}
        try:
            self._connection.send_bytes(json.dumps(request).encode())
            self._last = Forked(int(self._connection.recv_bytes()), self._connection)
        except (EOFError, OSError) as error:
            self._server.wait()
            raise RuntimeError("the process that kernels are forked from has ended") from error
        return self._last

    def _serve(self, environment: dict[str, str]) -> None:
        self._connection, theirs = Pipe()
        code = START.format(f"serve; serve({theirs.fileno()}, {PACKAGES})")
        self._server = subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for the program that waits
        )
        theirs.close()


class Forked:
    """A forked kernel, with what jupyter_client asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, connection: Connection) -> None:
        self.pid, self._connection = pid, connection
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, once there is one."""
        ended = self._status is not None or self._connection.poll()
        return self.wait() if ended else None

    def wait(self) -> int:
        """The exit status, when there is one."""
        if self._status is None:
            try:
                self._status = int(self._connection.recv_bytes())
            except (EOFError, OSError):  # the kernel dies with the process it was forked from
                self._status = -signal.SIGKILL
        return self._status

    def send_signal(self, signum: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)


class Provisioner(LocalProvisioner):
    """Starts kernels as forks."""

    kernels: Kernels
    process: Any = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork what the command of `command` would start."""
        folder = str(kwargs.get("cwd") or os.getcwd())
        self.process = self.kernels.fork(cmd[3:], kwargs["env"], folder)
        self.pid = self.pgid = self.process.pid
        return self.connection_info


def serve(descriptor: int, packages: Iterable[str]) -> None:
    """Fork kernels as they are asked for, until the other end is closed."""
    for package in packages:
        import_module(package)
    connection = Connection(descriptor)
    with suppress(EOFError, ConnectionError):
        while True:
            request = json.loads(connection.recv_bytes())
            running, held = os.pipe()  # the kernel alone holds the second: its end is seen
            pid = os.fork()
            if not pid:
                os.close(running)
                connection.close()
                _become(**request)
            os.close(held)
            connection.send_bytes(str(pid).encode())
            if connection in wait([connection, running]):  # the other end has been closed
                os.killpg(pid, signal.SIGKILL)
            os.close(running)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            connection.send_bytes(str(status).encode())


def _become(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # A kernel watches its parent, to end with it.
    sys.argv[1:] = [*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"]
    start()
    sys.exit()  # as any program ends, with what is to be done at its end
