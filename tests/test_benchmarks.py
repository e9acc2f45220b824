"""What the benchmarks share, and that the page shows them all."""

import json
import subprocess
import sys
import time

import pytest
import torch
from threadpoolctl import threadpool_limits

from ddrlib.book.profiles import read_chapters, select
from ddrlib.files import ROOT

FOLDER = ROOT / "benchmarks"
sys.path.append(str(FOLDER))
import harness
import profile_book


@pytest.fixture
def report(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    threads = torch.get_num_threads()
    with threadpool_limits(None):
        yield harness.Report("sums", "What a sum costs")
    torch.set_num_threads(threads)


def test_the_best_turn_counts_and_ratios_are_to_the_first_way(report, monkeypatch, tmp_path):
    turns = iter([(4.0, 2.0), (9.0, 9.0), (3.0, 3.0), (8.0, 6.0)])  # clock and CPU, by turns
    monkeypatch.setattr(harness, "timed", lambda way: (*next(turns), way()))
    found = report.compare("a sum", {"ours": lambda: 1, "theirs": lambda: 2}, 2, "is {}".format)
    assert found == {"ours": 1, "theirs": 2}
    report.keep()
    kept = json.loads((tmp_path / "sums.json").read_text())
    assert [row["way"] for row in kept["rows"]] == ["ours", "theirs"]
    assert [row["CPU seconds"] for row in kept["rows"]] == [2, 6]
    assert [row["times the first (clock)"] for row in kept["rows"]] == [1, 2]
    assert [row["times the first (CPU)"] for row in kept["rows"]] == [1, 3]
    assert kept["rows"][1]["note"] == "is 2" and kept["environment"]["versions"]["torch"]


def test_a_way_whose_package_is_not_installed_is_left_out(report, capsys):
    def theirs():
        import no_such_package  # noqa: F401

    assert report.compare("a sum", {"ours": lambda: 1, "theirs": theirs}, turns=2) == {"ours": 1}
    assert [row["way"] for row in report.rows] == ["ours"]
    assert capsys.readouterr().out.count("no_such_package is not installed") == 1


def test_time_is_that_of_the_clock_and_of_the_processor():
    clock, cpu, result = harness.timed(lambda: time.sleep(0.2) or 7)
    assert clock >= 0.2 and cpu < 0.1 and result == 7


def test_the_page_shows_every_benchmark():
    scripts = {path.stem for path in FOLDER.glob("*.py") if "Report(" in path.read_text()}
    (page,) = select(read_chapters(), ["96_how_fast"])
    assert set(page.parameters["order"]) == scripts - {"harness"}
    assert {path.stem for path in (FOLDER / "results").glob("*.json")} == scripts - {"harness"}


@pytest.mark.parametrize("path", sorted((FOLDER / "results").glob("*.json")), ids=lambda p: p.stem)
def test_stored_ratios_are_those_of_the_seconds_beside_them(path):
    firsts: dict[str, dict] = {}
    for row in json.loads(path.read_text())["rows"]:
        first = firsts.setdefault(row["what"], row)
        for time_, ratio in (("seconds", "clock"), ("CPU seconds", "CPU")):
            if row[time_] is not None:
                assert row[f"times the first ({ratio})"] == pytest.approx(row[time_] / first[time_])


def frame(file: str, name: str):
    """The stack in a function of that name in a file of that name."""
    code = f"import sys\ndef {name}():\n    return sys._getframe()\nfound = {name}()"
    space: dict = {}
    exec(compile(code, file, "exec"), space)  # noqa: S102
    return space["found"]


@pytest.mark.parametrize(
    ("file", "name", "what"),
    [
        ("/x/ddrlib/measure/tsne.py", "tsne", "t-SNE"),
        ("/x/ddrlib/features/grams.py", "_keys", "cache keys"),
        ("/x/ddrlib/features/grams.py", "gram", "Gram matrices"),
        ("<frozen importlib._bootstrap>", "_load", "imports"),
        ("/x/ddrlib/features/elsewhere.py", "work", "imports"),  # made by code of a module
    ],
)
def test_a_stack_is_booked_by_its_innermost_known_frame(file, name, what):
    assert profile_book.activity(frame(file, name)) == what


def test_the_cpu_time_of_every_thread_is_booked(tmp_path):
    """In a process of its own: the watch never ends."""
    script = (
        "import sys, threading, time; sys.path.append(sys.argv[1]); import profile_book\n"
        "profile_book.watch(sys.argv[2])\n"
        "def spin():\n    while time.thread_time() < 0.5: pass\n"
        "threads = [threading.Thread(target=spin) for _ in range(2)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "time.sleep(0.5); print(time.process_time())"
    )
    books = tmp_path / "books.json"
    command = [sys.executable, "-c", script, str(FOLDER), str(books)]
    used = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert sum(json.loads(books.read_text()).values()) == pytest.approx(used, rel=0.1)
