"""The texts that the search shows (book/_ext/excerpts.py)."""

from __future__ import annotations

import sys

import pytest
from docutils import nodes
from docutils.utils import new_document

from ddrlib.files import ROOT


@pytest.fixture
def excerpts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    import excerpts

    yield excerpts
    del sys.modules["excerpts"]


def test_words_are_those_of_the_page(excerpts):
    """Marks within a sentence part no words, blocks do."""
    sentence = nodes.paragraph(
        "", "", nodes.Text("Here the "), nodes.emphasis("", "skip"), nodes.Text(", added.")
    )
    shown = nodes.raw("", "<p>Of <b>58</b>, two.</p><p>Next</p><style>p {}</style>", format="html")
    hidden = nodes.literal_block("", "code()")
    document = new_document("page")
    document += nodes.section("", nodes.title("", "Title"), sentence, shown, hidden, ids=["a"])
    assert excerpts.texts_of(document) == {"a": "Title Here the skip, added. Of 58, two. Next"}
