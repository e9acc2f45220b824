"""Running chapters: tiny notebooks for the machinery, and the real ones on the smoke profile."""

import ast
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from ddrlib.book import run as book
from ddrlib.book.profiles import BOOK, read_chapters, settle
from ddrlib.book.provenance import stamps
from ddrlib.errors import DDRError
from ddrlib.files import BUILD, ROOT


def write_chapter(path, *cells, parameters="", after=None):
    code = nbformat.v4.new_code_cell
    tagged = [code(parameters, metadata={"tags": ["parameters"]})] if parameters else []
    notebook = nbformat.v4.new_notebook(cells=[*tagged, *map(code, cells)])
    if after:
        notebook.metadata["ddr"] = {"after": after}
    nbformat.write(notebook, path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty book; the library and the data that chapters are made from are stand-ins too."""
    for name in ("book/profiles", "library"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "book/profiles/default.yml").touch()
    (tmp_path / "library/code.py").write_text("1")
    monkeypatch.setattr(book, "INGREDIENTS", (tmp_path / "library",))
    return tmp_path


def run(folder, *wanted, **options):
    return book.run_chapters(wanted, book=folder / "book", build=folder / "_build", **options)


def statuses(capsys):
    """{chapter: "unchanged" or "ran"} of the progress lines."""
    progress = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[")]
    return {
        line.split()[1]: "unchanged" if line.endswith("unchanged") else "ran" for line in progress
    }


EXECUTED = Path("_build/executed/default")


def test_a_chapter_runs_once_and_again_when_its_parameters_change(folder, capsys, monkeypatch):
    elsewhere = folder / "kernels/python3/kernel.json"  # another Python has taken the name
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text('{"argv": ["/no/such/python"], "display_name": "", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
    write_chapter(
        folder / "book/01_first.ipynb",
        "from ddrlib.book.provenance import save_result\nsave_result('size', {'n': n})",
        "import sys, os; print(sys.executable, os.getcwd())",
        parameters="n = 1",
    )
    write_chapter(
        folder / "book/00_sum.ipynb",
        "from ddrlib.book.provenance import load_results\nprint(load_results())",
        after="all",
    )
    assert run(folder) == []
    assert statuses(capsys) == {"01_first": "ran", "00_sum": "ran"}
    first = nbformat.read(folder / EXECUTED / "01_first.ipynb", as_version=4)
    assert first.cells[-1].outputs[0].text.split() == [sys.executable, str(folder / "book")]
    assert str(folder) not in json.dumps(first.metadata)
    stamp = json.loads((folder / EXECUTED / "01_first.json").read_text())
    assert stamp["results"] == {"size": {"n": 1}} and stamp["parameters"] == {"n": 1}
    assert stamp["peak_memory_mb"] > 20 and stamp["environment"]["versions"]["numpy"]

    assert run(folder) == []
    assert statuses(capsys) == {"01_first": "unchanged", "00_sum": "unchanged"}

    assert run(folder, overrides={"n": 2}) == []  # the chapter that sums up follows
    assert statuses(capsys) == {"01_first": "ran", "00_sum": "ran"}
    summary = nbformat.read(folder / EXECUTED / "00_sum.ipynb", as_version=4)
    assert summary.cells[-1].outputs[0].text == "{('01_first', 'size'): {'n': 2}}\n"


def test_a_failure_is_named_and_the_rest_goes_on(folder, capsys):
    write_chapter(folder / "book/00_sum.ipynb", "1", after="all")
    write_chapter(folder / "book/01_bad.ipynb", "1", "2\n1 / n", "3", parameters="n = 1")
    write_chapter(folder / "book/02_dies.ipynb", "import os", "os._exit(1)")
    write_chapter(folder / "book/03_good.ipynb", "1")
    old = folder / EXECUTED / "01_bad.ipynb"
    old.parent.mkdir(parents=True)
    old.write_text("what was done before")

    assert run(folder, overrides={"n": 0}) == ["01_bad", "02_dies"]
    out = capsys.readouterr().out
    assert "01_bad, code cell 3 (`2`): ZeroDivisionError: division by zero" in out
    assert "02_dies, code cell 2 (`os._exit(1)`): the kernel died" in out
    assert "00_sum" not in out and "[3/4] 03_good" in out
    assert len(out.splitlines()) == 1 + 3 + 2 * 2
    assert [stamp["chapter"] for stamp in stamps(folder / EXECUTED)] == ["03_good"]
    assert old.read_text() == "what was done before"
    kept = nbformat.read(folder / EXECUTED / "failed/01_bad.ipynb", as_version=4)
    assert "division by zero" in json.dumps(kept.cells)


def test_a_kill_in_the_middle_keeps_what_was_done_and_takes_nothing_half_done(folder, capsys):
    write_chapter(folder / "book/01_quick.ipynb", "1")
    write_chapter(
        folder / "book/02_slow.ipynb",
        "import os, pathlib, time",
        "if not pathlib.Path('../started').exists():\n"
        "    pathlib.Path('../started').write_text(str(os.getpid()))\n"
        "    time.sleep(60)",
    )
    script = (
        "import sys, pathlib; from ddrlib import book; folder = pathlib.Path(sys.argv[1])\n"
        "book.INGREDIENTS, book._device = (folder / 'library',), str\n"
        "book.run_chapters(book=folder / 'book', build=folder / '_build')"
    )
    command = [sys.executable, "-c", script, folder]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_for(lambda: (folder / "started").exists() and (folder / "started").read_text())
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [stamp["chapter"] for stamp in stamps(folder / EXECUTED)] == ["01_quick"]
    wait_for(lambda: not alive(int((folder / "started").read_text())))  # no kernel is left behind

    assert run(folder) == []
    assert statuses(capsys) == {"01_quick": "unchanged", "02_slow": "ran"}


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def alive(pid):
    status = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return not status.exists() or status.read_text().split(") ")[1][0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_kill_between_any_two_steps_of_putting_in_place(folder, monkeypatch):
    """At each file operation in turn; then the old chapter is whole, or none counts as done."""
    write_chapter(folder / "book/01_first.ipynb", "1")
    [chapter] = read_chapters(folder / "book")
    executed = folder / EXECUTED

    class Killed(BaseException):
        pass

    def put(content, steps=None):
        work = executed / ".running"
        for path in (work / "01_first.ipynb", work / "figures/01_first/figure.png"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        remaining = iter(range(steps)) if steps is not None else None

        def counted(operation):
            def step(*args, **kwargs):
                if remaining is not None and next(remaining, None) is None:
                    raise Killed
                return operation(*args, **kwargs)

            return step

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", counted(os.replace))
            for name in ("unlink", "rename", "write_text"):
                patch.setattr(Path, name, counted(getattr(Path, name)))
            book._put_in_place(chapter, work, executed, {"key": content})

    kills = 0
    for steps in range(20):
        put("old")
        try:
            put("new", steps)
        except Killed:
            kills += 1
            assert not book._is_done(chapter, "new", executed)
            if book._is_done(chapter, "old", executed):
                assert (executed / "01_first.ipynb").read_text() == "old"
                assert (executed / "figures/01_first/figure.png").read_text() == "old"
        book.shutil.rmtree(executed / ".running")
    assert kills == 6
    assert book._is_done(chapter, "new", executed)
    assert (executed / "01_first.ipynb").read_text() == "new"
    assert (executed / "figures/01_first/figure.png").read_text() == "new"


def key(folder, **parameters):
    chapter = read_chapters(folder / "book")[0]
    ingredients = [book.folder_hash(folder / "library")]
    return book._key(chapter, {"n": 1, "photos": "", **parameters}, ingredients)


def test_the_key_follows_notebook_parameters_library_and_named_folders(folder):
    path = folder / "book/01_first.ipynb"
    write_chapter(path, "1")
    first = key(folder)
    os.utime(path)  # a new time is no change; neither is an output, nor the device
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", text="1")]
    nbformat.write(notebook, path)
    assert key(folder) == first == key(folder, device="cuda")

    keys = [first, key(folder, n=2), key(folder, photos=str(folder / "library"))]
    (folder / "library/code.py").write_text("2")
    keys += [key(folder), key(folder, photos=str(folder / "library"))]
    (folder / "library/code.py").rename(folder / "library/other.py")
    keys += [key(folder)]
    write_chapter(path, "2")
    keys += [key(folder)]
    write_chapter(path, "2", "3")
    keys += [key(folder)]
    assert len(set(keys)) == len(keys)


def test_two_runs_in_one_folder_are_refused(folder):
    write_chapter(folder / "book/01_first.ipynb", "1")
    with book._alone(folder / EXECUTED), pytest.raises(DDRError, match="another `ddr run`"):
        run(folder)


def test_results_of_a_chapter_that_left_the_book_are_forgotten(folder):
    (folder / EXECUTED).mkdir(parents=True)
    for name in ("01_first", "02_gone"):
        (folder / EXECUTED / f"{name}.json").write_text("{}")
    book._forget_others(["01_first"], folder / EXECUTED)
    assert [path.name for path in (folder / EXECUTED).iterdir()] == ["01_first.json"]


# ---- the real book ----

CHAPTERS = sorted(path.stem for path in BOOK.glob("*.ipynb"))


@pytest.fixture(scope="session")
def smoke_run():
    """Every chapter on the smoke profile, kept in `_build` for the build that follows the tests."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        failed = book.run_chapters(profile="smoke")
    return failed, out.getvalue()


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapter_runs(smoke_run, name):
    failed, out = smoke_run
    assert name not in failed, out
    assert name in [stamp["chapter"] for stamp in stamps(book.executed_folder("smoke", BUILD))], out


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapter_as_committed(name):
    """No outputs, a title, one cell of parameters, and what is computed lives in the library."""
    notebook = nbformat.read(BOOK / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert "widgets" not in notebook.metadata
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    for cell in code:
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef):
                statements = sum(isinstance(part, ast.stmt) for part in ast.walk(node))
                assert statements < 8, f"{node.name}: move it into ddrlib"


@pytest.mark.skipif(not CHAPTERS, reason="no chapters yet")
@pytest.mark.parametrize("profile", sorted(path.stem for path in (BOOK / "profiles").glob("*.yml")))
def test_profile_fits_the_chapters(profile):
    chapters = read_chapters()
    assert settle(chapters, chapters, profile, {}).keys() == {chapter.name for chapter in chapters}
