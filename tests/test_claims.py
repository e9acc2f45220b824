"""Verdicts: shown in one of five states, kept for the first page, in the order of the book."""

import json
import re

import pytest

from ddrlib.book import claims, results
from ddrlib.book.profiles import read_chapters, titles
from ddrlib.files import ROOT


def show(monkeypatch, **verdict):
    shown, kept = [], {}
    monkeypatch.setattr(claims, "display", shown.append)
    monkeypatch.setattr(results, "_claims", kept)
    claims.claim("grass", "Grass is <green>.", evidence="n = 3", **verdict)
    return shown[0].data, kept


@pytest.mark.parametrize(
    ("holds", "not_tested", "expected", "tally"),
    [
        (True, "", "supported", ""),
        ([True, True], "", "supported", ""),
        ([True, False, True], "", "partly supported", "2 of 3"),
        ([True, False], "", "partly supported", "1 of 2"),
        ([True, False, False], "", "mostly not supported", "1 of 3"),
        (False, "", "not supported", ""),
        ([False, False], "", "not supported", ""),
        (True, "no <critic>", "not tested", ""),
        ([], "", "not tested", ""),
    ],
)
def test_five_verdicts(monkeypatch, holds, not_tested, expected, tally):
    page, kept = show(monkeypatch, holds=holds, criterion="a > b", not_tested=not_tested)
    title = expected.capitalize() + (f": {tally}" if tally else "")
    assert f">{title}</p>" in page and "Grass is &lt;green&gt;." in page and "n = 3" in page
    assert "a &gt; b" in page and ("no &lt;critic&gt;" in page) == bool(not_tested)
    assert kept["grass"] == {
        "statement": "Grass is <green>.",
        "verdict": expected,
        "tally": tally,
        "criterion": "a > b",
        "evidence": f"not tested because {not_tested}; n = 3" if not_tested else "n = 3",
        "asked_after": "",
    }


def test_the_opposite_is_said_where_all_parts_show_it(monkeypatch):
    for holds, reverse, tally in (
        ([False, False], [True, True], "the opposite"),
        ([False, False], [True, False], ""),
        ([True, False], [False, True], "1 of 2"),
        (False, True, "the opposite"),
    ):
        assert show(monkeypatch, holds=holds, reverse=reverse)[1]["grass"]["tally"] == tally


def test_a_chapter_knows_its_verdicts(monkeypatch):
    show(monkeypatch, holds=[True, False])
    assert claims.verdict_of("grass") == "partly supported"
    show(monkeypatch, holds=[True, False, False])
    assert claims.verdict_of("grass") == "partly supported", "as a sentence says it"


def test_the_criterion_is_seen_and_opens_on_the_figures(monkeypatch):
    page, _ = show(monkeypatch, holds=True, criterion="a > b")
    folded = "<summary><strong>Criterion</strong><span>: a &gt; b</span></summary><p><span>n = 3</span></p></details>"
    assert folded in page


def test_figures_stand_one_below_the_other():
    item = claims.Claim("s", [True], "", "a > 1, 2; b [0, 1]").as_html()
    assert "<p><span>a &gt; 1, 2;</span> <span>b [0, 1]</span></p>" in item


def test_the_book_lists_all_claims_and_nothing_else(monkeypatch, tmp_path):
    verdict = dict.fromkeys(claims.KEPT, "s")
    for chapter, kept in {
        "02_b": {"z": verdict},
        "01_a": {"y": verdict},
        "03_of_another_form": {"y": verdict, "x": {"statement": "s", "holds": True}},
        "04_none": {},
    }.items():
        (tmp_path / chapter).mkdir()
        results.write_stamp(tmp_path / chapter, {"chapter": chapter, "claims": kept})
    (tmp_path / "05_earlier").mkdir()
    results.write_stamp(tmp_path / "05_earlier", {"chapter": "05_earlier", "results": {}})
    monkeypatch.setenv("DDR_RUN", json.dumps({"executed": str(tmp_path)}))
    assert [found["chapter"] for found in claims.claims()] == ["01_a", "02_b"]
    assert claims.claims()[0] == {"chapter": "01_a", "key": "y", **verdict}


@pytest.mark.parametrize("holds, said", [(True, "yes"), ([True, False], "no"), ([], "no")])
def test_a_sentence_depends_on_a_verdict(monkeypatch, holds, said):
    show(monkeypatch, holds=holds)
    assert claims.as_found("grass", "yes", "no") == said
    assert claims.as_found("grass", "yes") in ("yes", "")


def test_claims_of_many_chapters_are_listed_as_in_their_chapters():
    found = claims.Claim("a < b", [True, False], "", "n = 3")
    chosen = [{"chapter": chapter, **found.record()} for chapter in ("04_c", "10_atlas")]
    listed = claims.as_list(chosen)
    assert listed.count(f"<li>{found.as_html()}</li>") == 2
    assert ">Partly supported: 1 of 2</p><p>a &lt; b</p>" in listed
    assert "<details><summary><strong>Criterion</strong><span>: none</span></summary>" in listed


def test_what_was_not_supported_is_quoted_in_a_line():
    chosen = [
        {"chapter": "04_c", **claims.Claim("a < b.", [held], "", "n = 3").record()}
        for held in (True, False)
    ]
    link = '<a href="04_c.html">Chapter&nbsp;4</a>'
    assert claims.in_lines(chosen).splitlines() == [
        f"- **Supported.** a &lt; b. {link}",
        f"- **Not supported.** “a &lt; b.” {link}",
    ]
    partly = claims.Claim("a < b.", [True, False], "", "", asked_after="a had been seen")
    chosen[0] = {"chapter": "04_c", **partly.record()}
    assert claims.in_lines(chosen[:1]) == (
        f"- **Partly supported: 1 of 2.** “a &lt; b.” (asked afterwards) {link}"
    )
    assert claims.in_lines(chosen, titled=False).splitlines() == [
        f"- “a &lt; b.” (1 of 2; asked afterwards) {link}",
        f"- “a &lt; b.” {link}",
    ]


def test_the_page_lists_verdicts_in_their_order():
    script = (ROOT / "book/_assets/claims.js").read_text("utf-8")
    (order,) = re.findall(r"const ORDER = (\[.*?\]);", script)
    assert json.loads(order) == list(claims.VERDICTS)


def test_figures_and_afterthoughts_of_claims(monkeypatch):
    plain = claims.Claim("s", [True], "a > b", "2 of 3; n = 3").record()
    page, kept = show(monkeypatch, holds=True, criterion="a > b", asked_after="c had been seen")
    late = kept["grass"]
    assert "a &gt; b; this was asked after c had been seen" in page
    assert claims.first_figure(plain) == "2 of 3"
    assert claims.afterwards(plain) == "" and claims.afterwards(late) == "asked afterwards"
    assert plain["criterion"] == "a > b"
    assert late["criterion"] == "a > b; this was asked after c had been seen"


def test_the_page_of_all_claims_has_every_chapter_that_makes_some_under_its_title():
    """Its headings are written by hand, so that they are in the contents at its side."""
    chapters = {chapter.name: chapter.notebook.cells for chapter in read_chapters()}
    listing = chapters.pop("97_all_claims")
    expected = []
    for chapter, cells in chapters.items():
        if any(re.search(r"^ *claim\($", cell.source, re.MULTILINE) for cell in cells):
            head = f"## [{claims.name(chapter)}]({chapter}): {titles()[chapter]}"
            expected += [head, f'listed("{chapter}")']
    assert len(expected) > 20 and [cell.source for cell in listing[3:]] == expected
