"""Running chapters: tiny notebooks for the machinery, and the real ones on the smoke profile."""

import ast
import contextlib
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ddrlib.book import execution, ingredients, kernels
from ddrlib.book import run as book
from ddrlib.book.profiles import BOOK, read_chapters, settle
from ddrlib.book.results import CLOSING_MIME, read_stamp, stamps, write_stamp
from ddrlib.errors import DDRError
from ddrlib.files import BUILD, ROOT, locked, source_hash


def write_chapter(path, *cells, parameters="", after=None, text=""):
    code = nbformat.v4.new_code_cell
    tagged = [code(parameters, metadata={"tags": ["parameters"]})] if parameters else []
    told = [nbformat.v4.new_markdown_cell(text)] if text else []
    notebook = nbformat.v4.new_notebook(cells=[*told, *tagged, *map(code, cells)])
    if after:
        notebook.metadata["ddr"] = {"after": after}
    nbformat.write(notebook, path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty book, whose chapters import next to nothing."""
    monkeypatch.setattr(kernels, "PACKAGES", ("ipykernel.kernelapp",))
    (tmp_path / "book/profiles").mkdir(parents=True)
    (tmp_path / "book/profiles/default.yml").touch()
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


def executed(folder, name):
    return nbformat.read(folder / EXECUTED / name / f"{name}.ipynb", as_version=4)


def text_of(folder, name):
    """What the last cell of an executed chapter printed."""
    return executed(folder, name).cells[-1].outputs[0].text


@pytest.fixture
def no_kernels(monkeypatch):
    """Chapters count as executed at once, where only what goes on around them is looked at."""

    def execute(chapter, run, path, kernels):
        data = {CLOSING_MIME: {"files": {}}}
        closing = nbformat.v4.new_code_cell()
        closing.outputs = [nbformat.v4.new_output("display_data", data=data)]
        cells = [*chapter.notebook.cells, closing]
        return nbformat.v4.new_notebook(cells=cells, metadata={"papermill": {}})

    monkeypatch.setattr(book, "execute", execute)


def test_it_is_said_how_long_the_rest_took_last_time(folder, no_kernels, capsys):
    for name in ("01_first", "02_second", "03_third"):
        write_chapter(folder / f"book/{name}.ipynb", "n", parameters="n = 1")
    told = []
    run(folder, after=told.append)
    assert told == [math.inf, math.inf]  # none has run before, and the last has nothing after it
    assert "last time" not in capsys.readouterr().out
    for name, seconds in ("02_second", 40.0), ("03_third", 80.0):
        stamp = read_stamp(folder / EXECUTED / name)
        write_stamp(folder / EXECUTED / name, stamp | {"seconds": seconds})
    run(folder, "1", overrides={"n": 2}, after=told.append)
    assert told[2:] == []
    run(folder, overrides={"n": 3}, after=told.append)
    assert told[2:] == [120, 80]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3].endswith("; the rest took 2 minutes last time")
    assert lines[-2].endswith("; the rest took 80 s last time")
    run(folder, "2", "3", overrides={"n": 4}, force=True)
    run(folder, overrides={"n": 4}, after=told.append)  # 2 and 3 are done
    assert told[4:] == [0]


def test_a_chapter_runs_once_and_again_when_its_parameters_change(folder, capsys, monkeypatch):
    elsewhere = folder / "kernels/python3/kernel.json"  # another Python has taken the name
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text('{"argv": ["/no/such/python"], "display_name": "", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
    write_chapter(
        folder / "book/01_first.ipynb",
        "from ddrlib.book.results import keep_claim\nkeep_claim('size', n=n)",
        "import sys, os; print(sys.executable, os.getcwd())",
        parameters="n = 1",
    )
    write_chapter(
        folder / "book/00_sum.ipynb",
        "from ddrlib.book.results import stamps\nprint([s['claims'] for s in stamps() if s['claims']])",
        after="all",
    )
    assert run(folder) == []
    assert statuses(capsys) == {"01_first": "ran", "00_sum": "ran"}
    assert text_of(folder, "01_first").split() == [sys.executable, str(folder / "book")]
    assert str(folder) not in json.dumps(executed(folder, "01_first").metadata)
    stamp = read_stamp(folder / EXECUTED / "01_first")
    assert stamp["claims"] == {"size": {"n": 1}} and stamp["parameters"] == {"n": 1}
    assert stamp["peak_memory_mb"] > 20 and stamp["environment"]["versions"]["numpy"]
    read = {name for name in stamp["made_from"]["files"] if not name.startswith("package ")}
    assert read == {  # the modules that it used, and no others
        f"ddrlib/{name}.py" for name in ("book/results", "machine")
    }

    assert run(folder) == []
    assert statuses(capsys) == {"01_first": "unchanged", "00_sum": "unchanged"}

    assert run(folder, overrides={"n": 2}) == []  # the chapter that sums up follows
    assert statuses(capsys) == {"01_first": "ran", "00_sum": "ran"}
    assert text_of(folder, "00_sum") == "[{'size': {'n': 2}}]\n"
    names = {path.name for path in (folder / EXECUTED).iterdir()}
    assert names == {".lock", "00_sum", "01_first"}  # nothing is left aside


def test_code_is_known_without_its_prose():
    told = source_hash(
        'class C:\n    """C."""\n    def f(self):\n        """f."""\n        return 1'
    )
    assert told == source_hash("class C:\n    def f(self):  # one\n        return 1")
    assert told != source_hash("class C:\n    def f(self):\n        return 2")
    assert source_hash("def f():\n    'f'") == source_hash("def f(): pass")
    assert source_hash("'shown below the cell'") != source_hash("'shown'")


def test_what_a_chapter_read_is_what_it_is_made_from(folder, capsys, monkeypatch):
    """Modules without their comments, files, and the names in a folder; prose does not count."""
    photos, helper, data = folder / "photos", folder / "mine/helper.py", folder / "mine/data.csv"
    for path in (photos / "a.txt", helper, data):
        path.parent.mkdir(exist_ok=True)
    (photos / "a.txt").write_text("a")
    helper.write_text("N = 1  # one")
    data.write_text("1")
    cells = [
        f"import sys; sys.path.append({str(helper.parent)!r}); import helper",
        f"open({str(data)!r}).read()",
        "import pathlib\n[p.read_text() for p in pathlib.Path(images).glob('*.txt')]",
    ]
    options = {"overrides": {"images": str(photos)}}
    path = folder / "book/01_first.ipynb"
    write_chapter(path, *cells, parameters="images = ''", text="Some prose.")

    def again():
        assert run(folder, **options) == []
        return statuses(capsys)["01_first"]

    assert again() == "ran"
    files = read_stamp(folder / EXECUTED / "01_first")["made_from"]["files"]
    own = {name for name in files if name.startswith(str(folder))}
    assert own == set(map(str, (helper, data, photos, photos / "a.txt")))

    monkeypatch.setattr(book, "_run", lambda *_: None)  # from here on, only what would run
    assert again() == "unchanged"
    helper.write_text("# another comment\n\nN = 1")
    write_chapter(
        path, *[f"# said\n{cell}\n\n" for cell in cells], parameters="images = ''  # where"
    )
    os.utime(data)
    assert again() == "unchanged"
    for changed, content in [(helper, "N = 2"), (data, "2"), (photos / "a.txt", "b")]:
        before = changed.read_text()
        changed.write_text(content)
        assert again() == "ran", changed
        changed.unlink()
        assert again() == "ran", changed
        changed.write_text(before)
        assert again() == "unchanged"
    (photos / "b.txt").touch()
    assert again() == "ran"
    (photos / "b.txt").rename(photos / ".hidden")
    assert again() == "unchanged"
    with monkeypatch.context() as patch:
        patch.setattr(book, "computing_versions", lambda: {"torch": "0.1"})
        assert again() == "ran"
    write_chapter(path, *cells, "1", parameters="images = ''")
    assert again() == "ran"


def test_what_is_read_counts_wherever_it_lies_and_whoever_opens_it(folder, capsys, monkeypatch):
    """Weights in a hidden folder of the home, read by compiled code; what is only looked for."""
    home, cards = folder / "home", folder / "cards"
    weights, late, table = home / ".cache/w.safetensors", home / "late.txt", folder / "rows.bin"
    for path in (weights, cards / "a-reduced-s0.json"):
        path.parent.mkdir(parents=True)
    (cards / "a-reduced-s0.json").touch()
    save_file({"a": torch.zeros(1)}, weights)
    np.zeros(3).tofile(table)
    monkeypatch.setenv("HOME", str(home))
    write_chapter(
        folder / "book/01_first.ipynb",
        f"import safetensors.torch\nsafetensors.torch.load_file({str(weights)!r})",
        f"import os, pathlib\nif os.path.exists({str(late)!r}): 1\n"
        f"try: open({str(late)!r})\nexcept FileNotFoundError: 0",
        "from ddrlib.zoo.cards import trained\n"
        f"trained('a', 'reduced', [0, 1], folder=pathlib.Path({str(cards)!r}))",
        f"import numpy as np\nnp.memmap({str(table)!r})",  # opened to be written, too
        "import tempfile\nwith tempfile.NamedTemporaryFile() as file: open(file.name)",
    )
    assert run(folder) == []
    monkeypatch.setattr(book, "_run", lambda *_: None)  # from here on, only what would run

    def again():
        assert run(folder) == []
        return statuses(capsys)["01_first"]

    again()
    assert again() == "unchanged"
    for path in (late, cards / "a-reduced-s1.json"):
        path.touch()
        assert again() == "ran", path
        path.unlink()
    for path in (weights, table):
        before = path.read_bytes()
        path.write_bytes(before[:-1] + b"1")
        assert again() == "ran", path
        path.write_bytes(before)
    assert again() == "unchanged"


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("import", ("module", "/home/me/module.so", None, None, None)),
        ("ctypes.dlopen", ("/home/me/module.so",)),
        ("sqlite3.connect", ("/home/me/module.so",)),
    ],
)
def test_compiled_code_and_databases_are_read_too(monkeypatch, event, arguments):
    monkeypatch.setattr(ingredients, "_seen", {})
    ingredients._note(event, arguments)
    ingredients._note(event, (None,) * 5)  # nothing that has a name
    assert [*ingredients._seen] == ["/home/me/module.so"]


def test_packages_that_somebody_added_count_by_their_versions(tmp_path, monkeypatch):
    """Of those that the project pins, the ones that compute are in every chapter's key."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(version):
        info = tmp_path / "My_Layers.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Name: My_Layers\nVersion: {version}\n")
        (info / "RECORD").write_text("mylayers.py,,\n")
        (tmp_path / "mylayers.py").touch()

    install("1")
    assert "package My_Layers" not in ingredients.recorded({})  # it is not loaded
    monkeypatch.setitem(sys.modules, "mylayers", sys)
    found = {"package My_Layers": ingredients.recorded({})["package My_Layers"]}
    assert ingredients.first_change(found) is None
    install("2")
    assert ingredients.first_change(found) == "package My_Layers"


def test_a_file_that_changes_while_a_chapter_runs_makes_it_run_again(folder, capsys):
    data = folder / "data.csv"
    data.write_text("1")
    write_chapter(
        folder / "book/01_first.ipynb",
        f"import subprocess\nopen({str(data)!r}).read()",
        f"if open({str(data)!r}).read() == '1':\n"
        f"    subprocess.run(['sh', '-c', 'echo 2 > {data}'], check=True)",
    )
    assert run(folder) == [] == run(folder)
    assert statuses(capsys)["01_first"] == "ran"


def test_results_that_are_missing_or_damaged_are_made_again(folder, capsys):
    figure = (
        "from ddrlib.book.results import Run\nr = Run.current()\n(r.output / 'figures').mkdir()\n"
    )
    write_chapter(
        folder / "book/01_first.ipynb", figure + "(r.output / 'figures/a.csv').write_text('1')"
    )
    run(folder)
    done = folder / EXECUTED / "01_first"
    stamp = (done / "stamp.json").read_bytes()
    assert book.outdated(done, {}) is None
    for name, content in [
        ("figures/a.csv", b"2"),
        ("01_first.ipynb", b"{"),
        *[("stamp.json", text) for text in (b"", b"{}", b"[]", b"3", b"\xff", b"1" * 5000)],
        ("stamp.json", b"[" * 100_000),
        ("stamp.json", stamp[: len(stamp) // 2]),
        ("stamp.json", stamp.replace(b'"seconds": ', b'"seconds": 1')),
        ("stamp.json", stamp.replace(b'"chapter": "', b'"chapter": "x')),
    ]:
        before = (done / name).read_bytes()
        (done / name).write_bytes(content)
        assert book.outdated(done, {}) == ("not run" if name == "stamp.json" else name), content
        (done / name).unlink()
        assert book.outdated(done, {}) == ("not run" if name == "stamp.json" else name)
        (done / name).write_bytes(before)
        assert book.outdated(done, {}) is None
    for name in ("figures/a.csv", "stamp.json"):
        (done / name).write_text("damaged")
        statuses(capsys)
        assert run(folder) == []
        assert statuses(capsys) == {"01_first": "ran"}
        assert book.outdated(done, {}) is None and (done / "figures/a.csv").read_text() == "1"


def test_nothing_that_ddr_did_not_write_is_removed(folder):
    write_chapter(folder / "book/01_first.ipynb", "1")
    run(folder)
    place = folder / EXECUTED
    (place / "empty").mkdir()
    mine = [place / "notes.json", place / "02_mine/stamp.json", place / "01_first/figures/me.json"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text('{"chapter": "02_mine"}')
    run(folder, force=True)
    assert mine[0].exists() and mine[1].exists() and (place / "empty").exists()
    assert [path.name for path in place.glob(".replaced-*/01_first/figures/*")] == ["me.json"]
    assert not list(place.glob(".replaced-*/01_first/*.ipynb"))


def test_results_of_a_chapter_that_left_the_book_are_removed(folder):
    write_chapter(folder / "book/01_first.ipynb", "1")
    gone = folder / EXECUTED / "02_gone"
    gone.mkdir(parents=True)
    (gone / "02_gone.ipynb").touch()
    write_stamp(gone, {"chapter": "02_gone", "claims": {}, "made_from": {}})
    assert [stamp["chapter"] for stamp in stamps(gone.parent)] == ["02_gone"]
    run(folder)
    assert [stamp["chapter"] for stamp in stamps(gone.parent)] == ["01_first"] and not gone.exists()


def test_a_failure_is_named_and_the_rest_goes_on(folder, capsys):
    write_chapter(folder / "book/00_sum.ipynb", "1", after="all")
    write_chapter(folder / "book/01_bad.ipynb", "1", "2\n1 / n", "3", parameters="n = 1")
    write_chapter(folder / "book/02_dies.ipynb", "import os", "os._exit(1)")
    write_chapter(folder / "book/03_full.ipynb", "raise MemoryError('Unable to allocate 9 TiB')")
    write_chapter(folder / "book/04_good.ipynb", "1")
    run(folder, "1")
    before = read_stamp(folder / EXECUTED / "01_bad")

    assert run(folder, overrides={"n": 0}) == ["01_bad", "02_dies", "03_full"]
    out = capsys.readouterr().out.split("default profile")[2]
    assert "01_bad, code cell 3 (`2`): ZeroDivisionError: division by zero" in out
    assert "02_dies, code cell 2 (`os._exit(1)`): the kernel died; was there enough memory" in out
    assert "MemoryError: Unable to allocate 9 TiB; was there enough memory? smaller" in out
    assert "00_sum" not in out and "[4/5] 04_good" in out
    assert len(out.splitlines()) == 1 + 4 + 3 * 2
    assert [stamp["chapter"] for stamp in stamps(folder / EXECUTED)] == ["01_bad", "04_good"]
    assert read_stamp(folder / EXECUTED / "01_bad") == before  # what was done before is kept
    kept = nbformat.read(folder / EXECUTED / "failed/01_bad.ipynb", as_version=4)
    assert "division by zero" in json.dumps(kept.cells)


def test_a_kernel_that_does_not_start_is_a_failure_of_its_chapter(folder, capsys, monkeypatch):
    write_chapter(folder / "book/01_first.ipynb", "1")
    write_chapter(folder / "book/02_second.ipynb", "1")
    dies_once = f"import os\nif not os.path.exists({str(folder / 'died')!r}):\n"
    dies_once += f"    open({str(folder / 'died')!r}, 'w').close()\n    os._exit(1)\n"
    monkeypatch.setattr(kernels, "START", dies_once.replace("{", "{{") + kernels.START)
    assert run(folder) == ["01_first"]
    out = capsys.readouterr().out
    assert "01_first, before the first cell: the kernel did not start" in out
    assert "[2/2] 02_second" in out and len(out.splitlines()) == 1 + 2 + 2


def test_kernels_are_forks_of_one_process_that_has_imported_the_packages(folder, monkeypatch):
    monkeypatch.setattr(kernels, "PACKAGES", ("colorsys",))
    for name in ("01_first", "02_second"):
        write_chapter(
            folder / f"book/{name}.ipynb",
            "import os, sys\nprint(os.getppid(), 'colorsys' in sys.modules, 'ddrlib.data' in sys.modules)",
        )
    assert run(folder) == []
    first, second = (text_of(folder, name).split() for name in ("01_first", "02_second"))
    assert first == second and first[1:] == ["True", "False"]
    assert not alive(int(first[0]))  # it ends with the run


def test_the_next_chapter_runs_where_the_process_that_kernels_are_forked_from_has_died(
    folder, capsys
):
    killed = "import os, pathlib, time\npathlib.Path('../kernel').write_text(str(os.getpid()))\n"
    killed += "os.kill(os.getppid(), 9)\ntime.sleep(60)"
    write_chapter(folder / "book/01_first.ipynb", killed)
    write_chapter(folder / "book/02_second.ipynb", "1")
    assert run(folder) == ["01_first"]
    out = capsys.readouterr().out
    assert "01_first, code cell 1 (`import os, pathlib, time`): the kernel died" in out
    wait_for(lambda: not alive(int((folder / "kernel").read_text())))  # no kernel is left behind


def test_a_kernel_that_nobody_has_ended_makes_room_for_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "PACKAGES", ())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with kernels.Kernels() as forks:
        first, second = (
            forks.fork(["-f", str(tmp_path / f"{k}.json")], environment, str(tmp_path))
            for k in "ab"
        )
        assert first.wait() == -signal.SIGKILL and not alive(first.pid) and alive(second.pid)
    wait_for(lambda: not alive(second.pid))


def test_kernels_are_processes_of_their_own_where_a_fork_is_not_safe(folder, monkeypatch):
    monkeypatch.setattr(execution, "FORKS", False)
    write_chapter(folder / "book/01_first.ipynb", "import os\nprint(os.getppid())")
    assert run(folder) == []
    assert int(text_of(folder, "01_first")) == os.getpid()


def test_a_full_disk_is_one_line_with_the_file(folder, monkeypatch):
    write_chapter(folder / "book/01_first.ipynb", "1")

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("papermill.execute_notebook", full)
    with pytest.raises(DDRError, match=r"01_first\.ipynb: No space left on device"):
        run(folder)


def test_the_users_own_settings_stay_out(folder, monkeypatch):
    home = folder / "home"
    for path, content in {
        ".ipython/profile_default/startup/mine.py": "leaked = 1",
        ".ipython/profile_default/ipython_config.py": "c.InteractiveShell.ast_node_interactivity = 'all'",
        ".config/matplotlib/matplotlibrc": "figure.dpi: 7",
        "startup.py": "leaked = 2",
        ".a": "",
    }.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(content)
    monkeypatch.setenv("HOME", str(home))
    for name, value in {
        "MPLBACKEND": "module://ipympl.backend_nbagg",
        "MATPLOTLIBRC": str(home / ".config/matplotlib/matplotlibrc"),
        "IPYTHONDIR": str(home / ".ipython"),
        "PYTHONSTARTUP": str(home / "startup.py"),
        "PYTHONWARNINGS": "error",
    }.items():
        monkeypatch.setenv(name, value)
    write_chapter(
        folder / "book/01_first.ipynb",
        f"1\nimport matplotlib, os\nfrom matplotlib import pyplot\nopen({str(home)!r} + '/.a').read()\n"
        "os.listdir(os.path.expanduser('~/.ipython'))\n"
        "print(matplotlib.get_backend(), matplotlib.rcParams['figure.dpi'], 'leaked' in globals())",
    )
    assert run(folder) == []
    assert len(executed(folder, "01_first").cells[-1].outputs) == 1
    backend, dpi, leaked = text_of(folder, "01_first").split()
    assert "inline" in backend and float(dpi) != 7 and leaked == "False"
    files = read_stamp(folder / EXECUTED / "01_first")["made_from"]["files"]
    assert [name for name in files if "home" in name] == []


def test_chapters_that_are_older_than_their_sources_are_named_beside_those_that_sum_up(
    folder, no_kernels, capsys
):
    for name in ("01_first", "02_second", "03_never"):
        write_chapter(folder / f"book/{name}.ipynb", "1")
    write_chapter(folder / "book/00_sum.ipynb", "1", after="all")
    run(folder, "1", "2")
    write_chapter(folder / "book/02_second.ipynb", "2")
    capsys.readouterr()
    run(folder, "0")
    assert capsys.readouterr().out.splitlines()[2:] == [
        "older than what they are made from: 02_second (code); `ddr run`"
    ]


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
        "import sys, pathlib; from ddrlib.book import run as book; folder = pathlib.Path(sys.argv[1])\n"
        "book._device = str\n"
        "book.run_chapters(book=folder / 'book', build=folder / '_build')"
    )
    command = [sys.executable, "-c", script, folder]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: (folder / "started").exists() and (folder / "started").read_text())
    process.send_signal(signal.SIGKILL)
    _, complaints = process.communicate()  # until what kernels are forked from has ended, too
    assert "Traceback" not in complaints
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


def test_two_runs_in_one_folder_are_refused(folder):
    write_chapter(folder / "book/01_first.ipynb", "1")
    lock = folder / EXECUTED / ".lock"
    with locked(lock, ""), pytest.raises(DDRError, match="another `ddr run`"):
        run(folder)


# ---- the real book ----

CHAPTERS = sorted(path.stem for path in BOOK.glob("*.ipynb"))
FINDINGS = [f"{number:02}" for number in (*range(1, 14), 96)]  # the chapters that ask and answer


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
    """No outputs, a title, one cell of parameters, captions; what is computed lives in the library."""
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
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "show_figure":
                assert {"alt", "caption"} <= {keyword.arg for keyword in node.keywords}


@pytest.mark.parametrize("name", [name for name in CHAPTERS if name[:2] in FINDINGS])
def test_a_chapter_asks_first_and_computes_its_answer(name):
    """Its first cell is the question, one cell answers it."""
    cells = nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells
    assert "**Question.**" in cells[0].source and "{term}" not in cells[0].source.splitlines()[0]
    answers = [cell for cell in cells if "answer" in cell.metadata.get("tags", [])]
    assert len(answers) == 1 and "**Answer" in answers[0].source


@pytest.mark.skipif(not CHAPTERS, reason="no chapters yet")
@pytest.mark.parametrize("profile", sorted(path.stem for path in (BOOK / "profiles").glob("*.yml")))
def test_profile_fits_the_chapters(profile):
    chapters = read_chapters()
    assert settle(chapters, chapters, profile, {}).keys() == {chapter.name for chapter in chapters}


def test_metadata_of_an_installation_in_place_is_no_ingredient(tmp_path, monkeypatch):
    """Some installers leave it in the repository; it holds the README, and versions stand for it."""
    names = ("ddrlib.egg-info/PKG-INFO", "read.txt")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    monkeypatch.setattr(ingredients, "ROOT", tmp_path)
    monkeypatch.setattr(ingredients, "_seen", dict.fromkeys(str(tmp_path / name) for name in names))
    monkeypatch.setattr(ingredients, "_added_packages", dict)
    assert ingredients.recorded({}).keys() == {"read.txt"}
