import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddrlib.book.profiles import fits, read_chapters, select, settle
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


@pytest.mark.parametrize("text", ["", "[]", "{}", "no notebook", '{"cells": 3, "nbformat": 4}'])
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
        ("02_spectrom", "did you mean '02_spectrum'"),
        ("0", "say more of the name"),
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
        ("all: {contnets: 3}", "mine.yml, all: unknown .* 'contnets'; did you mean 'contents'"),
        ("02_spektrum: {contents: 3}", "did you mean '02_spectrum'"),
        ("10_your_own: {contents: 3}", "mine.yml, 10_your_own: unknown parameter"),
        ("all: {contents: 3.5}", "contents = 3.5 does not fit .* type int such as 100"),
        ("all: {contents: true}", "contents = True does not fit"),
        ("all: {perplexity: 1e-3}", "perplexity = '1e-3' does not fit"),
        ("all: {degradations: [clean, 4]}", "a list of str such as"),
        ("all: {degradations: clean}", "does not fit"),
        ("all: [contents]", "`name: value` lines"),
        ("all: {contents: [}", "mine.yml: not YAML"),
        ("all: {contents: 2020-13-45}", "mine.yml: not YAML"),
    ],
)
def test_a_profile_is_checked_whole_before_anything_runs(book, profile, message):
    with pytest.raises(DDRError, match=message):
        settled(book, profile, wanted=["0"])  # not even a chapter it speaks of


def test_overrides_must_be_known_to_a_chosen_chapter(book):
    with pytest.raises(DDRError, match="-p: unknown parameter 'contents'"):
        settled(book, "", {"contents": 3}, wanted=["10"])


def test_an_unknown_profile_is_named_with_its_neighbour(book):
    settled(book, "")
    chapters = read_chapters(book)
    with pytest.raises(DDRError, match="no profile 'mien'; did you mean 'mine'"):
        settle(chapters, chapters, "mien", {})


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.lists(st.integers() | st.text(), max_size=3),
    st.dictionaries(st.text(), st.integers()),
)


@given(value=plain, default=plain)
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


SAME = {(kind, kind) for kind in (bool, int, float, str, dict)}
