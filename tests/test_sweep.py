"""A chapter over a grid of its parameters."""

import pandas as pd
import pytest
from test_book import write_chapter

from ddrlib.book.sweep import sweep
from ddrlib.errors import DDRError

CHAPTER = """
import pandas as pd
from ddrlib.book.claims import claim
from ddrlib.book.provenance import show_table
if n == 3: raise ValueError("three")
show_table(pd.DataFrame({"n": [n, n * n], "word": word}), "squares", "Squares")
claim("large", "It is large.", holds=n > 1, evidence=f"{n}")
"""


@pytest.fixture
def book(tmp_path):
    (tmp_path / "book/profiles").mkdir(parents=True)
    (tmp_path / "book/profiles/default.yml").touch()
    parameters = "n = 1\nword = 'a'\nsizes = [1]"
    write_chapter(tmp_path / "book/01_first.ipynb", CHAPTER, parameters=parameters)
    write_chapter(tmp_path / "book/00_sum.ipynb", "1", after="all")
    return {"book": tmp_path / "book", "build": tmp_path / "_build"}


def test_a_grid_in_one_table_each_point_once(book, capsys):
    folder = sweep("1", {"n": [1, 2], "word": ["y/z"]}, **book)
    assert capsys.readouterr().out.count("[1/1] 01_first") == 2
    claims = pd.read_csv(folder / "claims.csv")
    assert claims[["n", "word"]].values.tolist() == [[1, '"y/z"'], [2, '"y/z"']]
    assert claims.verdict.tolist() == ["not supported", "supported"]
    squares = pd.read_csv(folder / "squares.csv")
    assert squares["n (table)"].tolist() == [1, 1, 2, 4]
    with pytest.raises(DDRError, match="1 of 3 points failed, the first {'n': 3"):
        sweep("1", {"n": [2, 3, 1], "word": ["y/z"]}, **book)
    assert capsys.readouterr().out.count("unchanged") == 2  # of the three
    assert pd.read_csv(folder / "claims.csv").n.tolist() == [2, 1]  # of those that did not fail


@pytest.mark.parametrize(
    ("chapter", "grid", "message"),
    [
        ("0", {"n": [1]}, "00_sum sums up the other chapters"),
        ("1", {"m": [1]}, "unknown parameter 'm'"),
        ("1", {"n": [1], "word": []}, "-p word: it has no value"),
        ("1", {"n": [1, "two"]}, "n = 'two' does not fit"),
        ("9", {"n": [1]}, "there is no chapter '9'"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(book, chapter, grid, message):
    with pytest.raises(DDRError, match=message):
        sweep(chapter, grid, **book)
    assert not book["build"].exists()
