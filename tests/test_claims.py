"""Verdicts: shown as found or not found, kept for the first page, in the order of the book."""

import json

from ddrlib.book import claims, provenance


def show(monkeypatch, **verdict):
    shown, kept = [], {}
    monkeypatch.setattr(claims, "display", shown.append)
    monkeypatch.setattr(claims, "save_result", kept.__setitem__)
    claims.claim("grass", "Grass is <green>.", evidence="n = 3", **verdict)
    return shown[0].data, kept


def test_a_claim_that_holds_and_one_that_does_not(monkeypatch):
    page, kept = show(monkeypatch, holds=True)
    assert "Found in this run" in page and "Grass is &lt;green&gt;." in page and "n = 3" in page
    assert kept["claim-grass"] == {
        "statement": "Grass is <green>.",
        "holds": True,
        "evidence": "n = 3",
    }
    page, kept = show(monkeypatch, holds=False)
    assert "Not found in this run" in page and kept["claim-grass"]["holds"] is False


def test_the_book_lists_all_claims_and_nothing_else(monkeypatch, tmp_path):
    verdict = {"statement": "s", "holds": True, "evidence": "e"}
    for chapter, results in {
        "02_b": {"claim-z": verdict},
        "01_a": {"claim-y": verdict, "other": {"x": 1}},
    }.items():
        stamp = {"chapter": chapter, "results": results}
        (tmp_path / f"{chapter}.json").write_text(json.dumps(stamp))
    monkeypatch.setenv("DDR_RUN", json.dumps({"executed": str(tmp_path)}))
    assert [found["chapter"] for found in claims.claims()] == ["01_a", "02_b"]
    assert provenance.load_results()["01_a", "other"] == {"x": 1}
    assert claims.claims()[0] == {"chapter": "01_a", **verdict}
