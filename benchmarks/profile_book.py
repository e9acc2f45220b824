"""Where the book's time goes: CPU seconds of each chapter, run from nothing, by what was at work.

    python benchmarks/profile_book.py [CHAPTER ...] [--profile NAME] [-p NAME VALUE] [--json FILE]

A thread in each kernel looks, a hundred times a second, at what every other thread is doing, and
books the CPU time that the thread has used since. CPU seconds say more than time does on a machine
that has other work; with n cores idle a chapter takes a little more than its n-th part of them.
The whole book is built at the end, where no chapter is named. Nothing in `_build` is read or
changed; the cache is an empty one, unless DDR_CACHE names one.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from types import FrameType

# What a stack is at, by the innermost frame that a line here knows: part of its file, its function.
KNOWN = (
    ("features/rows.py", "", "features kept"),
    ("features/forward.py", "_copies", "networks loaded"),
    ("features/forward.py", "", "forward passes"),
    ("features/grams.py", "_keys", "cache keys"),
    ("features/grams.py", "", "Gram matrices"),
    ("features/cache.py", "", "cache"),
    ("/zoo/identity.py", "", "cache keys"),
    ("/zoo/", "", "networks loaded"),
    ("/numba/", "", "compilation"),
    ("measure/tsne.py", "", "t-SNE"),
    ("measure/projection.py", "", "PCA"),
    ("measure/picture.py", "beyond", "beyond the picture"),
    ("measure/metrics.py", "permutation_p", "permutations"),
    ("measure/srga.py", "", "SRGA"),
    ("measure/intervals.py", "", "bootstrap"),
    ("measure/neighbours.py", "", "neighbours"),
    ("measure/fidelity.py", "", "PSNR and SSIM"),
    ("measure/nss.py", "", "statistics of pixels"),
    ("applications/", "", "applications"),
    ("ddrlib/degrade/", "", "degradations"),
    ("ddrlib/data/", "", "photographs"),
    ("ddrlib/widgets/", "", "widgets"),
    ("ddrlib/plots/", "", "figures"),
    ("/matplotlib/", "", "figures"),
    ("ddrlib/book/", "", "records"),
)


def activity(frame: FrameType | None) -> str:
    """What a stack is at."""
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if "importlib" in file or (name == "<module>" and file.endswith(".py")):
            return "imports"
        for part, function, what in KNOWN:
            if part in file and function in ("", name):
                return what
        frame = frame.f_back
    return "the rest"


def watch(file: str) -> None:
    """Book the CPU time of this process from now on, and keep the books in a file."""
    books = collections.Counter({"start of Python": time.process_time()})
    used: dict[int, float] = {}
    main = threading.main_thread().ident
    total = time.process_time()

    def look(total: float) -> float:
        stacks = sys._current_frames()
        now, known = time.process_time(), 0.0
        for ident, frame in stacks.items():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                mine = time.clock_gettime(time.pthread_getcpuclockid(ident))
                before = used.get(ident, 0.0)
                spent = mine - before if mine >= before else mine  # a new one of the same number
                used[ident] = mine
                books[activity(frame)] += spent
                known += spent
        # The rest was used by threads that Python does not know, for which the main thread waits.
        books[activity(stacks[main])] += now - total - known
        return now

    def run(total: float) -> None:
        written = time.monotonic()
        while True:
            time.sleep(0.01)
            try:
                total = look(total)
                if time.monotonic() - written > 0.2:
                    written = time.monotonic()
                    Path(f"{file}.new").write_text(json.dumps(books))
                    os.replace(f"{file}.new", file)
            except Exception:  # noqa: BLE001  the next look books what this one missed
                Path(f"{file}.error").write_text(traceback.format_exc())

    used[main] = time.clock_gettime(time.pthread_getcpuclockid(main))
    threading.Thread(target=run, args=(total,), daemon=True).start()


def show(name: str, seconds: float, books: dict[str, float]) -> None:
    parts = sorted(books.items(), key=lambda part: -part[1])
    cpu = sum(books.values())
    shown = ", ".join(f"{what} {spent:.1f}" for what, spent in parts if spent > 0.02 * cpu)
    print(f"{name:32}{cpu:7.1f} s of CPU in {seconds:5.1f} s: {shown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*")
    parser.add_argument("--profile", default="default")
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    parser.add_argument("--json", type=Path, help="keep the seconds in this file")
    options = parser.parse_args()
    overrides = {name: parse_yaml(text, name) for name, text in options.p}
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DDR_CACHE", f"{folder}/cache")
        books = f"{folder}/books.json"
        start = execution.START
        here = Path(__file__).parent
        print(f"{processor()}; load {os.getloadavg()[0]:.1f}; CPU seconds of each chapter")
        for chapter in select(read_chapters(), options.chapters):
            execution.START = (
                f"import sys; sys.path.append({str(here)!r})\n"
                f"import profile_book; profile_book.watch({books!r}){start}"
            )
            begun = time.monotonic()
            with contextlib.redirect_stdout(sys.stderr):
                failed = run_chapters(
                    [chapter.name], options.profile, overrides, build=Path(folder)
                )
            if not failed:
                found[chapter.name] = json.loads(Path(books).read_text())
                show(chapter.name, time.monotonic() - begun, found[chapter.name])
        if not options.chapters:
            begun, cpu = time.monotonic(), time.process_time()
            build_site(executed_folder(options.profile, Path(folder)), Path(folder, "html"))
            found["pages"] = {"page build": time.process_time() - cpu}
            show("pages", time.monotonic() - begun, found["pages"])
    together = sum(map(collections.Counter, found.values()), collections.Counter())
    show("together", 0, together)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    from ddrlib.book import execution
    from ddrlib.book.profiles import read_chapters, select
    from ddrlib.book.run import executed_folder, run_chapters
    from ddrlib.book.site import build_site
    from ddrlib.files import parse_yaml
    from ddrlib.machine import processor

    main()
