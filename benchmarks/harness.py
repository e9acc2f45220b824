"""What the benchmarks share: ways of doing one thing are timed by turns, and what comes out is kept.

Every benchmark prints its rows as they come and writes them, with the machine and its load, to
`results/NAME.json`, which a page of the book shows.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from ddrlib.book.results import now
from ddrlib.machine import environment, processor

RESULTS = Path(__file__).parent / "results"


def timed(function: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds on the clock, CPU seconds of this process, and what the function gives."""
    clock, cpu = time.perf_counter(), time.process_time()
    result = function()
    return time.perf_counter() - clock, time.process_time() - cpu, result


class Report:
    """The rows of one benchmark; making it keeps PyTorch and BLAS to one core.

    Threads that wait for each other on a busy machine would be booked as work.
    """

    def __init__(self, name: str, question: str) -> None:
        self.name, self.question = name, question
        torch.set_num_threads(1)
        threadpool_limits(1)
        self.load = [os.getloadavg()[0]]
        self.rows: list[dict[str, Any]] = []
        print(f"{question}, on one core")
        print(f"{processor()}, PyTorch {torch.__version__}, load {self.load[0]:.1f}")
        print("ratios of CPU seconds hold on a busy machine too, those of the clock on an idle one")

    def compare(
        self,
        what: str,
        ways: Mapping[str, Callable[[], Any]],
        turns: int = 1,
        note: Callable[[Any], str] = lambda result: "",
    ) -> dict[str, Any]:
        """Time each way, by turns, so that a disturbance meets all; the first way is ddrlib's.

        The best turn of each counts. `note` says in a few words what a result is like. A way whose
        package is not installed is left out. Returns the results by way.
        """
        print(what, flush=True)
        best: dict[str, tuple[float, float, Any]] = {}
        for turn in range(turns):
            for way, function in ways.items():
                try:
                    found = timed(function)
                except ModuleNotFoundError as error:
                    if turn == 0:
                        print(f"  {way:34} left out: {error.name} is not installed")
                    continue
                best[way] = min(best.get(way, found), found, key=lambda one: one[1])
                if turn == turns - 1:
                    first = best[next(iter(ways))]
                    self.add(what, way, *best[way][:2], *first[:2], note(best[way][2]))
        return {way: result for way, (*_, result) in best.items()}

    def add(
        self,
        what: str,
        way: str,
        clock: float,
        cpu: float,
        clock_of_first: float,
        cpu_of_first: float,
        note: str = "",
    ) -> None:
        """A row: what was timed, in which way, and how many times as long it took as the first."""
        row = {
            "what": what,
            "way": way,
            "seconds": clock,
            "CPU seconds": cpu,
            "times the first (clock)": clock / clock_of_first,
            "times the first (CPU)": cpu / cpu_of_first,
            "note": note,
        }
        self.rows.append(row)
        print(
            f"  {way:34} {clock:8.2f} s, {cpu:8.2f} of CPU: {clock / clock_of_first:6.2f} and "
            f"{cpu / cpu_of_first:6.2f} times the first   {note}",
            flush=True,
        )

    def keep(self) -> None:
        """Write the rows and their record."""
        self.load.append(os.getloadavg()[0])
        record = {
            "benchmark": self.name,
            "question": self.question,
            "date": now(),
            "load before and after": [round(load, 1) for load in self.load],
            "environment": environment(),
            "rows": self.rows,
        }
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{self.name}.json").write_text(json.dumps(record, indent=1) + "\n")
