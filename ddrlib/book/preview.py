"""Pages of the chapters that are done, built beside the run of the others."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

WORTH_IT = 240  # seconds that the run must have to go
PAUSE = 400  # seconds between two builds, which take their share of the machine
BUILD_PAGES = """
import pathlib, sys
from ddrlib.book.site import build_site
build_site(*map(pathlib.Path, sys.argv[1:]), finished=False)
"""


@contextmanager
def preview(executed: Path, out: Path) -> Iterator[Callable[[float], None]]:
    """Within it, what is to be called after each chapter, with the seconds that the run has to go.

    It builds the pages as `build_site` does, where a chapter that never ran is announced, in a
    process that ends with the block. That they can be read is printed in the line of the chapter
    that is running by then. A build that fails is let pass: the one after the last chapter says
    why.
    """
    builds: list[subprocess.Popen] = []
    begun = -math.inf

    def announce(build: subprocess.Popen) -> None:
        if build.wait() == 0:
            print(f"(so far: {out / 'index.html'}) ", end="", flush=True)

    def after(left: float) -> None:
        nonlocal begun
        idle = all(build.poll() is not None for build in builds)
        if left > WORTH_IT and idle and time.monotonic() > begun + PAUSE:
            begun = time.monotonic()
            command = [sys.executable, "-c", BUILD_PAGES, str(executed), str(out)]
            quiet = subprocess.DEVNULL
            builds.append(subprocess.Popen(command, stdout=quiet, stderr=quiet))
            Thread(target=announce, args=(builds[-1],), daemon=True).start()

    try:
        yield after
    finally:
        for build in builds:
            build.terminate()
            build.wait()
