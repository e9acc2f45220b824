"""Numbers of figures and tables, and the bars over hidden code (book/_ext/cells.py)."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document
from myst_nb.sphinx_ import HideCodeCellNode

from ddrlib.files import ROOT

FIGURE = '<figure class="ddr-figure" id="figure-{0}"><p class="ddr-caption">{0}</p></figure>'
TABLE = '<figure class="ddr-figure" id="table-{0}"><table><caption>{0}</caption></table></figure>'


@pytest.fixture
def cells(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    import cells

    yield cells
    del sys.modules["cells"]


def bar(cells, text: str, name: str = "") -> nodes.Element:
    source = nodes.container("", nodes.literal_block(text, text), nb_element="cell_code_source")
    name = name or cells.UNNAMED
    return HideCodeCellNode("", source, prompt_show=name, prompt_hide=name)


def cell(*children: nodes.Node, tags: str = "") -> nodes.Element:
    return nodes.container("", *children, nb_element="cell_code", classes=["cell", *tags.split()])


def numbered(cells, name: str, *found: nodes.Node) -> nodes.document:
    document = new_document(name)
    document += found
    cells.number(SimpleNamespace(), document, name)
    return document


def output(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def test_figures_and_tables_are_counted_apart(cells):
    shown = [output(FIGURE.format(name)) for name in "ab"] + [output(TABLE.format("c"))]
    document = numbered(cells, "04_page", *(cell(each) for each in shown))
    texts = [each.astext() for each in document.findall(nodes.raw)]
    assert "<strong>Figure 4.1.</strong> a</p>" in texts[0]
    assert "<strong>Figure 4.2.</strong> b</p>" in texts[1]
    assert "<caption><strong>Table 4.1.</strong> c</caption>" in texts[2]


def test_a_page_without_a_number_counts_from_one(cells):
    document = numbered(cells, "page", cell(output(FIGURE.format("a"))))
    assert "<strong>Figure 1.</strong> a" in next(document.findall(nodes.raw)).astext()


def test_code_that_shows_nothing_goes_under_the_next_bar(cells):
    document = numbered(
        cells,
        "02_page",
        cell(bar(cells, "n = 3"), tags="tag_parameters"),
        cell(bar(cells, "import numpy")),
        nodes.paragraph("", "words"),
        cell(bar(cells, "show(n)"), output(FIGURE.format("a") + TABLE.format("b"))),
        cell(bar(cells, "import this"), output("<p>nothing of ours</p>")),
        cell(bar(cells, "f()", "Code: what it says"), output("")),
        cell(bar(cells, "left = 1")),
    )
    bars = [node for node in document.findall(nodes.Element) if cells.is_bar(node)]
    assert [node["prompt_show"] for node in bars] == [
        "Code: parameters, figure 2.1, table 2.1",
        "Code: setup",
        "Code: what it says",
        "Code",
    ]
    assert bars[0].astext().split() == ["n", "=", "3", "import", "numpy", "show(n)"]


def test_a_bar_over_many_tables_names_the_first_and_the_last(cells):
    tables = "".join(TABLE.format(name) for name in "abcd")
    document = numbered(cells, "02_page", cell(bar(cells, "show()"), output(tables)))
    (found,) = filter(cells.is_bar, document.findall(nodes.Element))
    assert found["prompt_show"] == "Code: tables 2.1 to 2.4"


def test_only_words_that_are_too_long_for_a_phone_break(cells):
    row = '<tr><th scope="row">04_what_makes_ddr</th><td>degradation</td><td class="ddr-numbers">0.1234567890123</td></tr>'
    table = TABLE.format("t").replace(
        "</table>", f"{row}<tr><td>a data/photos.tsv b</td></tr></table>"
    )
    text = numbered(cells, "page", cell(output(table))).astext()
    assert text.count("ddr-long") == 2
    assert '<th scope="row" class="ddr-long">04' in text and '<td class="ddr-long">a data/' in text
