import math
import os
import re

import hypothesis
import nbformat
import pytest
from hypothesis import strategies as st

from ddrlib.book.profiles import find_profile, fits, read_chapters, select, settle, titles
from ddrlib.errors import DDRError

PARAMETERS = 'contents = 100\nperplexity: float = 30.0\ndevice = "auto"\ndegradations = ["clean"]'


@pytest.fixture
def book(tmp_path):
    """Four chapters; two without parameters, 00_intro after all."""
    for name in ("00_intro", "01_photographs", "02_spectrum", "10_your_own"):
        tagged = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        cells = [tagged] if name in ("01_photographs", "02_spectrum") else []
        metadata = {"ddr": {"after": "all"}} if name == "00_intro" else {}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    (tmp_path / "profiles").mkdir()
    return tmp_path


def settled(book, profile, overrides=None, wanted=(), device="auto"):
    (book / "profiles" / "mine.yml").write_text(profile)
    chapters = read_chapters(book)
    return settle(chapters, select(chapters, wanted), "mine", overrides or {}, device)


def test_chapters_that_sum_up_come_last(book):
    names = [chapter.name for chapter in read_chapters(book)]
    assert names == ["01_photographs", "02_spectrum", "10_your_own", "00_intro"]


def test_parameters_are_read_without_running_the_cell(book):
    assert read_chapters(book)[0].parameters == {
        "contents": 100,
        "perplexity": 30.0,
        "device": "auto",
        "degradations": ["clean"],
    }


@pytest.mark.parametrize("line", ["n = len('abc')", "a, b = 1, 2", "n: int", "print(1)", "n = = 1"])
def test_a_parameter_that_is_no_plain_value_is_refused(book, line):
    cell = nbformat.v4.new_code_cell(line, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), book / "03_bad.ipynb")
    with pytest.raises(DDRError, match="03_bad.ipynb.*name = value"):
        read_chapters(book)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "no notebook", '{"cells": 3, "nbformat": 4}', "[" * 3000]
)
def test_a_damaged_notebook_is_named(book, text):
    (book / "03_bad.ipynb").write_text(text)
    with pytest.raises(DDRError, match="03_bad.ipynb is not a notebook"):
        read_chapters(book)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["1"], ["01_photographs"]),  # not 10
        (["02"], ["02_spectrum"]),
        (["0"], ["00_intro"]),
        (["10_y", "01_photographs"], ["01_photographs", "10_your_own"]),  # in running order
    ],
)
def test_select(book, wanted, names):
    assert [chapter.name for chapter in select(read_chapters(book), wanted)] == names


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("3", "no chapter '3'"),
        ("02_spectrom", "did you mean 02_spectrum"),
        ("0", "say more of the name"),
        ("²", "no chapter '²'"),
        ("٢", "no chapter '٢'"),
        ("-1", "no chapter '-1'"),
        ("", "say more of the name"),
        ("9" * 5000, "no chapter '9999"),
    ],
)
def test_select_refuses(book, wanted, message):
    (book / "00_again.ipynb").write_text((book / "00_intro.ipynb").read_text())
    with pytest.raises(DDRError, match=message):
        select(read_chapters(book), [wanted])


def test_order_of_precedence(book):
    profile = "02_spectrum: {contents: 20}\nall: {contents: 10, perplexity: 5, device: cuda}"
    assert settled(book, profile)["01_photographs"]["contents"] == 10
    assert settled(book, profile)["02_spectrum"]["contents"] == 20
    assert settled(book, profile, {"contents": 30})["02_spectrum"]["contents"] == 30
    assert settled(book, profile)["01_photographs"]["device"] == "cuda"
    assert settled(book, profile, device="cpu")["01_photographs"]["device"] == "cpu"
    assert settled(book, profile)["10_your_own"] == {}
    assert settled(book, "", wanted=["1"]) == {"01_photographs": read_chapters(book)[0].parameters}


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("all: {contnets: 3}", "mine.yml, all: unknown .* 'contnets'; did you mean contents"),
        ("02_spektrum: {contents: 3}", "did you mean 02_spectrum"),
        ("10_your_own: {contents: 3}", "mine.yml, 10_your_own: unknown parameter"),
        ("all: {contents: 3.5}", "contents = 3.5 does not fit .* type int such as 100"),
        ("all: {contents: true}", "contents = True does not fit"),
        ("all: {perplexity: 1e-3}", "perplexity = '1e-3' does not fit"),
        ("all: {degradations: [clean, 4]}", "a list of str such as"),
        ("all: {degradations: clean}", "does not fit"),
        ("all: [contents]", "`name: value` lines"),
        ("[" * 5000, "mine.yml: not YAML .nested"),
        ("all: {contents: 1" + "0" * 5000 + "}", "not YAML .a number of 5001 digits"),
        ("all: {contents: {a: [" + "x, " * 9000 + "]}}", "does not fit"),
        ("all: {contents: 1, contents: 2}", "'contents' is given twice"),
        ("all: {contents: [}", "mine.yml: not YAML"),
        ("all: {contents: 2020-13-45}", "mine.yml: not YAML"),
    ],
)
def test_a_profile_is_checked_whole_before_anything_runs(book, profile, message):
    with pytest.raises(DDRError, match=message) as error:
        settled(book, profile, wanted=["0"])  # not even a chapter it speaks of
    assert len(str(error.value)) < 300 and "\n" not in str(error.value)


def test_overrides_must_be_known_to_a_chosen_chapter(book):
    with pytest.raises(DDRError, match="-p: unknown parameter 'contents'"):
        settled(book, "", {"contents": 3}, wanted=["10"])


@pytest.mark.parametrize(
    "name", ["../mine", "/etc/mine", "profiles/mine", "mine.yml", "", ".", "m\0", "m" * 5000]
)
def test_a_profile_is_a_name_and_no_path(book, name):
    (book / "mine.yml").touch()
    (book / "profiles/mine.yml").touch()
    assert find_profile("mine", book) == book / "profiles/mine.yml"
    with pytest.raises(DDRError, match="there is no profile"):
        find_profile(name, book)


def test_a_profile_that_is_no_text_is_one_line(book):
    (book / "profiles/latin.yml").write_bytes("all: {x: ü}".encode("latin-1"))
    os.mkfifo(book / "profiles/pipe.yml")
    chapters = read_chapters(book)
    for name, message in [("latin", "not UTF-8"), ("pipe", "not a regular file")]:
        with pytest.raises(DDRError, match=message):
            settle(chapters, chapters, name, {})


def test_an_unknown_profile_is_named_with_its_neighbour(book):
    settled(book, "")
    chapters = read_chapters(book)
    with pytest.raises(DDRError, match="no profile 'mien'; did you mean mine"):
        settle(chapters, chapters, "mien", {})


FILES = 'images = ""\nnetwork = "rdn"\nnetworks = ["rdn"]\ndataset = "generated"\nlayer = ""'


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A chapter whose parameters name files; the caller's folder, a home, and the profile's."""
    cell = nbformat.v4.new_code_cell(FILES, metadata={"tags": ["parameters"]})
    (tmp_path / "book/profiles").mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "book/01_files.ipynb")
    for place in ("here", "home", "book/profiles"):
        (tmp_path / place / "pics").mkdir(parents=True)
        (tmp_path / place / "eval").mkdir()
        for name in ("net.yaml", "net.onnx", "net.pth", "net.py"):
            (tmp_path / place / name).touch()
        (tmp_path / place / "pics/net.py").touch()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def given(places, profile="", **values):
    (places / "book/profiles/mine.yml").write_text(profile)
    chapters = read_chapters(places / "book")
    return settle(chapters, chapters, "mine", values)["01_files"]


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("images", "pics", "here/pics"),
        ("images", "~/pics", "home/pics"),
        ("images", "../home/pics", "home/pics"),
        ("images", "./eval", "here/eval"),
        ("images", "eval", None),  # the set of that name, whatever lies here
        ("images", "div2k-valid", None),
        ("images", "", None),
        ("network", "net.yaml", "here/net.yaml"),
        ("network", "~/net.onnx", "home/net.onnx"),
        ("network", "rdn-div2k-x4", None),
        ("network", "pics", None),  # a network's name, whatever lies here
        ("network", "module:make", None),
        ("network", "net.py:make", "here/net.py:make"),
        ("network", "net:make", "here/net.py:make"),
        ("network", "pics.net:make", "here/pics/net.py:make"),
        ("dataset", "kadid10k:pics", "kadid10k:here/pics"),
        ("dataset", "kadid10k:~/pics", "kadid10k:home/pics"),
        ("dataset", "generated", None),
        ("layer", "x" * 5000, None),
        ("layer", "a\0b", None),
        ("layer", "~nobody", None),
    ],
)
def test_a_file_or_folder_counts_from_where_the_command_is_given(places, name, value, meant):
    expected = re.sub("(here|home)/", lambda found: f"{places}/{found[0]}", meant or value)
    assert given(places, **{name: value})[name] == expected
    assert given(places, networks=["rdn", "net.pth"])["networks"] == [
        "rdn",
        f"{places}/here/net.pth",
    ]


def test_in_a_profile_it_counts_from_the_profile(places):
    assert given(places, "all: {images: pics}")["images"] == f"{places}/book/profiles/pics"
    assert given(places, "all: {images: ~/pics}")["images"] == f"{places}/home/pics"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", "nowhere"),
        ("images", "net.yaml"),
        ("images", "x" * 5000),
        ("images", "a\0b"),
        ("network", "nowhere.yaml"),
        ("network", "~nobody/net.onnx"),
        ("networks", ["rdn", "pics/net.pth"]),
        ("network", "nowhere.py:make"),
        ("dataset", "kadid10k:nowhere"),
    ],
)
def test_what_does_not_exist_is_refused_before_a_kernel_starts(places, name, value):
    with pytest.raises(DDRError, match=f"^-p: {name} = .*: there is no f") as error:
        given(places, **{name: value})
    assert len(str(error.value)) < 400


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.lists(st.integers() | st.text(), max_size=3),
    st.dictionaries(st.text(), st.integers()),
)


@hypothesis.given(value=plain, default=plain)
def test_fits_is_equality_of_types_but_for_whole_numbers_as_floats(value, default):
    if default is None:
        assert fits(value, default)
    elif isinstance(default, list):
        kinds = {type(element) for element in default}
        assert fits(value, default) == (
            isinstance(value, list) and (not kinds or {type(element) for element in value} <= kinds)
        )
    else:
        assert fits(value, default) == ((type(value), type(default)) in SAME | {(int, float)})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_fits_nothing(value):
    """The key of a chapter could not tell one from the other either."""
    assert not fits(value, 1.0) and not fits([value], [1.0])


SAME = {(kind, kind) for kind in (bool, int, float, str, dict)}


def test_a_chapter_is_called_by_its_heading():
    called = titles()
    assert called["04_what_makes_ddr"] == "What makes degradation representations"
    assert all(title and "#" not in title for title in called.values())
