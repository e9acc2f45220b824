"""Verdicts: shown in one of four states, kept for the first page, in the order of the book."""

import json

import pytest

from ddrlib.book import claims, results


def show(monkeypatch, **verdict):
    shown, kept = [], {}
    monkeypatch.setattr(claims, "display", shown.append)
    monkeypatch.setattr(results, "_claims", kept)
    claims.claim("grass", "Grass is <green>.", evidence="n = 3", **verdict)
    return shown[0].data, kept


@pytest.mark.parametrize(
    ("holds", "not_tested", "expected", "title"),
    [
        (True, "", "supported", "Supported"),
        ([True, True], "", "supported", "Supported"),
        ([True, False, True], "", "partly supported", "Partly supported: 2 of 3"),
        (False, "", "not supported", "Not supported"),
        ([False, False], "", "not supported", "Not supported"),
        (True, "no <critic>", "not tested", "Not tested"),
        ([], "", "not tested", "Not tested"),
    ],
)
def test_four_states(monkeypatch, holds, not_tested, expected, title):
    page, kept = show(monkeypatch, holds=holds, criterion="a > b", not_tested=not_tested)
    assert f">{title}</p>" in page and "Grass is &lt;green&gt;." in page and "n = 3" in page
    assert "a &gt; b" in page and ("no &lt;critic&gt;" in page) == bool(not_tested)
    assert kept["grass"] == {
        "statement": "Grass is <green>.",
        "verdict": expected,
        "criterion": "a > b",
        "evidence": f"not tested because {not_tested}; n = 3" if not_tested else "n = 3",
    }


def test_a_chapter_knows_its_verdicts(monkeypatch):
    show(monkeypatch, holds=[True, False])
    assert claims.verdict_of("grass") == "partly supported"


def test_the_criterion_is_seen_and_opens_on_the_figures(monkeypatch):
    page, _ = show(monkeypatch, holds=True, criterion="a > b")
    folded = "<summary><strong>Criterion:</strong> a &gt; b</summary><p>n = 3</p></details>"
    assert folded in page


def test_the_book_lists_all_claims_and_nothing_else(monkeypatch, tmp_path):
    verdict = {"statement": "s", "verdict": "supported", "criterion": "c", "evidence": "e"}
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


def test_claims_of_many_chapters_are_listed_with_their_verdict_and_where_they_were_tested():
    found = {"statement": "a < b", "verdict": "not supported", "criterion": "", "evidence": "n = 3"}
    chosen = [{"chapter": "04_c", **found}, {"chapter": "13_atlas", **found}]
    folded, opened = claims.as_list(chosen), claims.as_list(chosen, opened=True)
    assert folded.count("<li ") == 2 and "<strong>Not supported</strong> a &lt; b" in folded
    assert "<details><summary><strong>Criterion:</strong> none</summary><p>n = 3</p>" in folded
    assert opened.count("<details open>") == 2 and "04_c.html" not in folded
    assert '<a href="04_c.html">Chapter&nbsp;4</a>' in opened and ">The&nbsp;atlas</a>" in opened
