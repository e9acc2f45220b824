import errno
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ddrlib.book import run as book
from ddrlib.book.command import split
from ddrlib.book.records import as_json
from ddrlib.cli import cli
from ddrlib.errors import DDRError
from ddrlib.files import ROOT


def ddr(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="ddr")


def toy(bent=None):
    """A x4 network whose layers are known: conv1, conv2 and its output; `bent` if it has a say."""
    from torch import nn

    class Bend(nn.Module):
        def forward(self, x):
            return bent(x)

    class Toy(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 48, 3, padding=1)
            self.bent = Bend() if bent else None

        def forward(self, x):
            x = self.conv1(x)
            if self.bent:
                self.bent(x)  # seen, and of no consequence
            return nn.functional.pixel_shuffle(self.conv2(x), 4)

    return Toy()


def infinite():
    return toy(lambda x: x / 0)


def averaged():
    return toy(lambda x: x.mean(0))


def raising():
    raise ValueError("no\nsuch setting")


def leaving():
    sys.exit()


def chatty():
    """Prints when it is made and in each pass."""

    def say(x):
        print("a pass")
        return x

    print("made")
    return toy(say)


@pytest.fixture
def photographs(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "photographs"
    folder.mkdir()
    for i in range(6):
        small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        small.resize((136, 136), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DDR_CACHE", str(tmp_path / "cache"))


def test_help_is_quick_because_nothing_heavy_is_imported():
    script = (
        "import sys; from ddrlib.cli import cli\ncli(['--help'], standalone_mode=False)\n"
        "assert not {'torch', 'numpy', 'papermill', 'sphinx'} & sys.modules.keys()"
    )
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "measure" in result.stdout, result.stderr


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DDRError("first\n  second"), "ddr: first second\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/cache/x"),
            "ddr: /cache/x: No space left on device\n",
        ),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(monkeypatch, error, line):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr(book, "run_chapters", fail)
    result = ddr("run")
    assert (result.exit_code, result.stderr, result.stdout) == (2, line, "")
    assert ddr("--debug", "run").exception is error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 9.3 TiB for an array"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libtorch.so: failed to map segment from shared object"),
    ],
)
def test_out_of_memory_is_one_line_and_exit_code_2(monkeypatch, error):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr(book, "run_chapters", fail)
    result = ddr("run")
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("ddr: out of memory (") and "fewer" in result.stderr


def test_json_holds_no_number_that_json_does_not_know(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(9, 4)))
    np.save(tmp_path / "b.npy", np.ones((9, 4)))
    result = ddr("srga", tmp_path / "a.npy", tmp_path / "b.npy", "--json")
    if result.exit_code == 0:
        json.loads(result.stdout, parse_constant=pytest.fail)
    else:
        assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1


def test_what_json_does_not_know_is_null():
    text = as_json({"srga": float("nan"), "kl": [float("-inf"), np.float64(2), np.int64(3)]})
    assert json.loads(text) == {"srga": None, "kl": [None, 2.0, 3]}


def test_version():
    assert ddr("--version").stdout == f"ddr {importlib.metadata.version('ddrlib')}\n"


COMMANDS = [
    ["run", "99"],
    ["build"],
    ["networks"],
    ["measure", "rdn-div2k-x4"],
    ["explore"],
    ["train", "configs/campaign.yaml"],
    ["srga", "a.npy", "b.npy"],
]


@pytest.mark.parametrize("missing", ["fcntl", "resource"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_windows_is_refused_in_one_line(monkeypatch, missing, command):
    monkeypatch.setitem(sys.modules, missing, None)  # as if it could not be imported
    result = ddr(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "ddr: Windows is not supported: run ddr on Linux, macOS or WSL\n"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_library_without_its_data_says_so(tmp_path, command):
    """As `pip install` from an address leaves it."""
    shutil.copytree(ROOT / "ddrlib", tmp_path / "ddrlib", ignore=shutil.ignore_patterns("*.pyc"))
    result = subprocess.run(
        [sys.executable, "-m", "ddrlib.cli", *command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"ddr: {tmp_path}/data is missing") and "clone" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "latin-1"])
def test_a_stream_that_lacks_our_letters_gets_a_question_mark(encoding):
    for command in (["measure", "--help"], ["…"]):
        result = subprocess.run(
            [sys.executable, "-m", "ddrlib.cli", *command],
            cwd=ROOT,
            env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
            capture_output=True,
            check=False,
        )
        output = (result.stdout + result.stderr).decode(encoding, "replace")
        assert "Traceback" not in output
        assert "A,B," in output if result.returncode == 0 else "No such command" in output


def test_a_bug_is_not_dressed_up(monkeypatch):
    monkeypatch.setattr(book, "run_chapters", lambda *args, after: 1 / 0)
    assert isinstance(ddr("run").exception, ZeroDivisionError)


def test_run_hands_over_what_it_was_told(monkeypatch):
    calls = []
    monkeypatch.setattr(book, "run_chapters", lambda *args, after: calls.append(args))
    result = ddr(
        "run",
        "2",
        "03",
        "--profile",
        "smoke",
        "-p",
        "contents",
        12,
        "-p",
        "degradations",
        "[clean, blur4]",
        "--device",
        "cpu",
        "--force",
    )
    assert result.exit_code == 0
    overrides = {"contents": 12, "degradations": ["clean", "blur4"]}
    assert calls == [(("2", "03"), "smoke", overrides, "cpu", True)]


def test_a_parameter_given_twice_is_refused():
    result = ddr("run", "2", "-p", "contents", 12, "-p", "contents", 13)
    assert (result.exit_code, result.stderr) == (
        2,
        "ddr: -p contents is given twice; give it once\n",
    )


def test_failed_chapters_end_run_and_book_with_exit_code_1(monkeypatch):
    monkeypatch.setattr(book, "run_chapters", lambda *args, after: ["02_spectrum"])
    for command in ("run", "book"):  # and no page is built
        result = ddr(command)
        assert result.exit_code == 1
        assert result.stderr == "ddr: failed: 02_spectrum; the other chapters are kept\n"


def test_book_runs_builds_and_prints_where_to_open_it(monkeypatch):
    from ddrlib.book import site

    def build(executed, out):
        told.append(executed)
        return out / "index.html"

    told = []
    monkeypatch.setattr(book, "run_chapters", lambda *args, after: told.append(args[1]))
    monkeypatch.setattr(site, "build_site", build)
    for profile in ("../smoke", "smoek"):
        assert "there is no profile" in ddr("build", "--profile", profile).stderr
    result = ddr("book", "--profile", "smoke")
    assert result.exit_code == 0 and result.output.endswith("_build/html/index.html\n")
    assert told == ["smoke", book.executed_folder("smoke")]


def test_pages_that_do_not_build_are_exit_code_1(monkeypatch):
    from ddrlib.book import site

    def fail(*args, **options):
        raise site.BuildError("a.ipynb:1: WARNING: one\nb.ipynb:2: WARNING: two")

    monkeypatch.setattr(site, "build_site", fail)
    result = ddr("build")
    assert result.exit_code == 1 and "b.ipynb:2: WARNING: two" in result.stderr


def test_measure_prints_the_documented_json(photographs):
    result = ddr(
        "measure",
        "test_cli:toy",
        "--images",
        photographs,
        "--patches",
        6,
        "--seeds",
        2,
        "--degradations",
        "clean,noise20",
        "--layers",
        "conv2,conv1",
        "--device",
        "cpu",
        "--json",
    )
    assert result.exit_code == 0, result.output
    whole = json.loads(result.stdout, parse_constant=pytest.fail)
    assert (whole["n"], whole["size"], whole["seeds"]) == (6, 128, 2)
    assert whole["made_by"]["photographs"]["n"] == 6
    (measured,) = whole["networks"]
    assert measured["network"] == "test_cli:toy" and measured["n"] == 6
    assert measured["controls"].keys() == {"pixels", "high-pass", "BRISQUE", "random weights"}
    assert {each["verdict"] for each in measured["findings"]} == {"not tested"}  # of 6 contents
    assert [layer["layer"] for layer in measured["layers"]] == ["conv1", "conv2"]  # by depth
    for layer in measured["layers"]:
        assert layer["chi_degradation"]["mean"] > 0 and layer["chi_degradation"]["sd"] >= 0
        assert layer["chi_content"]["mean"] > 0
        assert layer["variance"].keys() == {"degradation", "content", "rest"}
        assert sum(layer["variance"].values()) == pytest.approx(1, abs=1e-6)
        assert 0 <= layer["knn_degradation"] <= 1
    srga = measured["srga"]
    assert (srga["layer"], srga["reference"]) == ("conv2", "clean")
    low, high = srga["degradations"]["noise20"]["interval"]
    assert 0 <= low <= srga["degradations"]["noise20"]["value"] <= high


def test_several_networks_are_measured_in_the_order_given(photographs):
    few = ["--images", photographs, "--patches", 6, "--seeds", 1, "--layers", "Output"]
    names = ["test_cli:chatty", "srresnet-wgr-reduced-s0"]
    records = json.loads(ddr("measure", *names, *few, "--json").stdout)["networks"]
    assert [record["network"] for record in records] == names
    table = ddr("measure", *names, *few).stdout
    assert table.index("\ntest_cli:chatty: ") < table.index("\nsrresnet-wgr-reduced-s0: ")
    assert table.count("\nSRGA at Output against clean") == 2


def test_what_a_network_prints_is_not_in_the_json(photographs):
    few = ["--images", photographs, "--patches", 6, "--seeds", 1, "--layers", "Output", "--json"]
    result = ddr("measure", "test_cli:chatty", *few)
    assert json.loads(result.stdout)["networks"][0]["network"] == "test_cli:chatty"
    assert "made" in result.stderr and "a pass" in result.stderr


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("a, b.*", ["a", "b.*"]),
        ("re:RB[0-9]{1,2},up", ["re:RB[0-9]{1,2}", "up"]),
        ("re:(a|b[1,2]),c", ["re:(a|b[1,2])", "c"]),
        ("a)b,c", ["a)b", "c"]),
    ],
)
def test_commas_within_brackets_belong_to_the_pattern(given, names):
    assert split(None, None, given) == names


def test_measure_prints_tables_for_people(photographs):
    result = ddr(
        "measure",
        "test_cli:toy",
        "--images",
        photographs,
        "--patches",
        6,
        "--seeds",
        1,
        "--degradations",
        "clean,noise20",
        "--device",
        "cpu",
        "--srga-layer",
        "conv1",
    )
    assert result.exit_code == 0, result.output
    how, layers, controls, indices, verdicts = result.stdout.strip().split("\n\n")
    for word in (
        "n = 6 contents",
        "128 x 128 pixels",
        "seeds: 1, perplexity: 3.67",
        "clean, noise20",
    ):
        assert word in how
    title, repeated, gain, heads, *rows = layers.splitlines()
    assert title == "test_cli:toy: Toy, x4"
    assert repeated.startswith("- one measurement, made once") and "above bicubic, n = 6" in gain
    assert heads.split()[:3] == ["layer", "depth", "numbers"]
    assert [row.split()[0] for row in rows] == ["conv1", "Output"]  # conv2 is the output, shuffled
    assert all(row.count("[") == row.count("]") == 5 for row in rows)  # a value, its interval
    assert [row.split()[0] for row in controls.splitlines()[2:]] == [
        "conv1",
        "pixels",
        "high-pass",
        "BRISQUE",
        "random",
    ]
    title, row = indices.splitlines()
    assert title == "SRGA at conv1 against clean"
    assert row.split()[0] == "noise20:" and row.count("[") == 1
    assert all(
        line.startswith("NOT TESTED (6 contents are too few") for line in verdicts.splitlines()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rdn"], "rdn-div2k-x4"),  # the names there are
        (["rdn-div2k-x4", "--scale", "2"], "scale is for your own network"),
        (["rdn-div2k-x4", "--layers", "conv*"], "there are: F_m1, F_0, LRL_1"),
        (["test_cli:toi"], "no callable 'toi'"),
        (["test_cli:raising"], "raising fails: ValueError: no such setting"),
        (["test_cli:leaving"], "leaving fails: SystemExit"),
        (["test_cli:toy", "--html", "report.pdf"], "has to end in .html"),
        (["test_cli:toy", "--html", "no/such/report.html"], "no/such: no such folder"),
        (["test_cli:toy", "test_cli:toy", "no.onnx"], "no.onnx does not exist"),
        (["test_cli:toy", "--scale", "2"], "set the scale"),
        (["test_cli:toy", "--layers", "conv9"], "did you mean conv1?"),
        (["test_cli:averaged", "--layers", "bent"], "bent gives (4, 32, 32) for 3 images"),
        (["test_cli:infinite"], "layer bent: "),
        (["test_cli:toy", "--srga-layer", "conv9"], "conv9"),
        (["test_cli:toy", "--size", "30"], "multiples of 4"),
        (["test_cli:toy", "--size", "16"], "patches of 16 pixels; take 20 or more"),
        (["test_cli:toy", "--images", "no/such/folder"], "no/such/folder"),
        (["test_cli:toy", "--images", "evla"], "did you mean eval?"),
        (["test_cli:toy", "--images", ""], "the name of the photographs is empty"),
        (["test_cli:toy", "--srga-layer", ""], "has no layer ''"),
        (["test_cli:toy", "--images", "train", "--patches", "9999"], "train: its photographs hold"),
        (["test_cli:toy", "--images", __file__], "test_cli.py: not a readable image"),
        (["test_cli:toy", "--checkpoint", "no.safetensors"], "no.safetensors"),
        (["test_cli:toy", "--degradations", "blurr4"], "blurr4"),
        (["no.yaml"], "no.yaml"),
        (["no.onnx"], "no.onnx does not exist"),
        (["no.pth"], "no.pth does not exist"),
        ([str(ROOT / "pyproject.toml")], "none of the files that are read"),
    ],
)
def test_measure_refuses_in_one_line(photographs, arguments, message):
    if "--images" not in arguments:
        arguments = [*arguments, "--images", photographs, "--patches", 6]
    result = ddr("measure", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr and len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_checkpoints_that_do_not_fit_are_refused_in_one_line(tmp_path):
    import torch

    class Payload:
        def __reduce__(self):
            return exit, (7,)

    state = {"conv1.weight": torch.ones(4, 3, 3, 3), "conv3.weight": torch.ones(1)}
    for content, words in (
        (state, ["missing: conv1.bias, conv2.weight", "surplus: conv3.weight"]),
        (Payload(), ["is refused", "run code"]),
    ):
        torch.save(content, tmp_path / "weights.pth")
        result = ddr("measure", "test_cli:toy", "--checkpoint", tmp_path / "weights.pth")
        assert result.exit_code == 2, result.output
        assert all(word in result.stderr for word in words)
        assert len(result.stderr.splitlines()) == 1


def test_debug_shows_where_the_user_s_code_failed():
    result = ddr("--debug", "measure", "test_cli:raising")
    assert isinstance(result.exception, DDRError)
    assert isinstance(result.exception.__cause__, ValueError)


def test_measure_takes_a_descriptor_and_patterns(photographs, tmp_path):
    (tmp_path / "network.yaml").write_text("factory: test_cli:toy")
    result = ddr(
        "measure",
        tmp_path / "network.yaml",
        "--images",
        photographs,
        "--patches",
        6,
        "--seeds",
        1,
        "--layers",
        "conv*",
        "--device",
        "cpu",
        "--json",
    )
    assert result.exit_code == 0, result.output
    assert [layer["layer"] for layer in json.loads(result.stdout)["networks"][0]["layers"]] == [
        "conv1",
        "conv2",
    ]


def test_networks_lists_source_and_licence():
    cards = json.loads(ddr("networks", "--json").stdout)
    table = ddr("networks").stdout
    assert cards
    for card in cards:
        assert card["name"] in table and card["licence"] in table and card["source"] in table


def test_train_and_srga_refuse_in_one_line(tmp_path):
    (tmp_path / "bad.yaml").write_text("iteratoins: 3")
    for result in (ddr("train", tmp_path / "bad.yaml"), ddr("srga", tmp_path / "a.npy", "b.npy")):
        assert result.exit_code == 2, result.output
        assert len(result.stderr.splitlines()) == 1


def test_srga_prints_the_documented_json(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("reference", "test"):
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(20, 50)).astype(np.float32))
    reference, test = tmp_path / "reference.npy", tmp_path / "test.npy"
    result = ddr("srga", reference, reference, test, "--components", 8, "--json")
    assert result.exit_code == 0, result.output
    same, other = json.loads(result.stdout)
    assert {"test", "n", "components", "sigma", "shape", "kl", "srga"} <= same.keys()
    assert same["srga"] == pytest.approx(0, abs=1e-6)
    assert same["n"] == 20 and other["components"] == 8


def test_streams_that_the_caller_closed_are_taken_by_no_file_of_ours(tmp_path):
    """Else what a child process prints, for instance, would go into that file."""
    script = (
        "import os, sys; from ddrlib import cli; cli.cli = lambda **_: None; cli.main();"
        "print(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), file=open(sys.argv[2], 'w'))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "ours"), str(tmp_path / "number")]
    closed = 'exec "$@" <&- >&- 2>&-'
    subprocess.run(["sh", "-c", closed, "sh", *command], check=True, cwd=ROOT)
    assert int((tmp_path / "number").read_text()) > 2
