"""A point of a paper is as reproduced as the claims that decide about it."""

from __future__ import annotations

import pytest

from ddrlib.book.points import Point, as_list

A, B = ("02_first", "a"), ("04_second", "b")


def run(**verdicts: str) -> list[dict]:
    """Claims of two chapters with these verdicts."""
    return [
        {
            "chapter": {"a": "02_first"}.get(key, "04_second"),
            "key": key,
            "verdict": verdict,
            "tally": "1 of 2" if "partly" in verdict else "",
            "statement": f"{key} < 1",
            "criterion": "it is",
            "asked_after": "it had been seen" if key == "late" else "",
        }
        for key, verdict in verdicts.items()
    ]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("supported", "supported", "<strong>Reproduced.</strong><br>Supported: here; there."),
        (
            "not supported",
            "not supported",
            "<strong>Not reproduced.</strong><br>Not supported: here; there.",
        ),
        ("not tested", "not tested", "<strong>Not tested.</strong><br>Not tested: here; there."),
        (
            "not supported",
            "supported",
            "<strong>Reproduced in part.</strong><br>Supported: there.<br>Not supported: here.",
        ),
        (
            "not tested",
            "supported",
            "<strong>Reproduced.</strong><br>Supported: there.<br>Not tested: here.",
        ),
        (
            "partly supported",
            "partly supported",
            "<strong>Reproduced in part.</strong><br>Partly supported: here (1 of 2 tests); there (1 of 2 tests).",
        ),
    ],
)
def test_a_verdict_follows_from_those_of_its_claims(a, b, said):
    assert Point("It is.", {A: "here", B: "there"}).verdict(run(a=a, b=b)) == said


def test_the_majority_of_the_claims_decides_how_much_was_reproduced():
    def overall(*verdicts):
        found = dict(zip("abcd", verdicts, strict=False))
        tests = {("02_first" if key == "a" else "04_second", key): key for key in found}
        return Point("It is.", tests).verdict(run(**found)).split(".</strong>")[0]

    yes, partly, no = "supported", "partly supported", "not supported"
    assert overall(yes, yes, no) == "<strong>Mostly reproduced"
    assert overall(yes, partly) == "<strong>Mostly reproduced"
    assert overall(yes, yes, no, no) == "<strong>Reproduced in part"
    assert overall(yes, no, no) == "<strong>Reproduced in part"
    assert overall(partly, no) == "<strong>Reproduced in part"
    assert overall(yes, "mostly not supported") == "<strong>Reproduced in part"


def test_a_point_can_be_mostly_contradicted():
    point = Point(
        "It is.", {A: "here", ("04_second", "c"): "there"}, contradicting={B: "the reverse"}
    )
    said = point.verdict(run(a="supported", b="supported", c="not supported"))
    assert said.startswith("<strong>Mostly contradicted.</strong><br>Supported: here.")
    for verdict in (
        "supported",
        "partly supported",
    ):  # one contradicted, two supported at least in part
        said = point.verdict(run(a="supported", b="supported", c=verdict))
        assert said.startswith("<strong>Reproduced in part.</strong><br>Supported: here")


def test_a_counterexample_contradicts():
    point = Point("All are.", {A: "here", B: "everywhere"}, universal={B})
    said = point.verdict(run(a="supported", b="not supported"))
    assert (
        said
        == "<strong>Mostly contradicted.</strong><br>Supported: here.<br>Contradicted: everywhere."
    )
    assert "Contradicted" not in point.verdict(run(a="not supported", b="supported"))


def test_what_says_the_opposite_contradicts_where_it_is_supported():
    point = Point("It is.", {A: "here"}, contradicting={B: "the reverse"})
    said = point.verdict(run(a="not supported", b="supported"))
    assert (
        said
        == "<strong>Contradicted.</strong><br>Not supported: here.<br>Contradicted: the reverse."
    )
    said = point.verdict(run(a="supported", b="supported"))
    assert (
        said
        == "<strong>Mostly contradicted.</strong><br>Supported: here.<br>Contradicted: the reverse."
    )
    for verdict in ("partly supported", "not supported", "not tested"):
        assert "Contradicted" not in point.verdict(run(a="supported", b=verdict))
    assert [c["key"] for c in point.tests(run(a="supported", b="supported"))] == ["a", "b"]


def test_the_opposite_contradicts():
    found = run(a="not supported", b="supported")
    found[0]["tally"] = "the opposite"
    said = Point("It is.", {A: "here", B: "and there"}).verdict(found)
    assert said == (
        "<strong>Mostly contradicted.</strong><br>Supported: and there.<br>Contradicted: here."
    )


def test_what_goes_beyond_a_point_decides_nothing():
    point = Point("It is.", {A: "here"}, further={B: "better than all", ("05_x", "c"): "ever"})
    said = point.verdict(run(a="supported", b="not supported"))
    assert said == (
        "<strong>Reproduced.</strong><br>Supported: here.<br>Besides: better than all (not supported)."
    )
    assert [c["key"] for c in point.tests(run(a="supported", b="supported"))] == ["a", "b"]


@pytest.mark.parametrize("role", ["deciding", "contradicting", "further"])
def test_a_claim_asked_afterwards_says_so_wherever_it_stands(role):
    late = {("04_second", "late"): "later"}
    roles = {"deciding": {A: "here"}} | ({"deciding": late} if role == "deciding" else {role: late})
    said = Point("It is.", **roles).verdict(run(a="supported", late="supported"))
    assert said.count("asked afterwards)") == 1 and "here (asked" not in said


def test_a_claim_that_the_run_did_not_make_was_not_tested():
    assert (
        Point("It is.", {A: "here"}).verdict([])
        == "<strong>Not tested.</strong><br>Not tested: here."
    )


def test_further_claims_are_listed_by_pattern_and_escaped():
    point = Point("x & y", {A: "here"}, {"04_second": ["b*"]})
    found = run(a="supported", b1="not tested", b2="supported", c="supported")
    assert [claim["key"] for claim in point.tests(found)] == ["a", "b1", "b2"]
    html = as_list([point], found)
    assert "x &amp; y" in html and "a &lt; 1" in html and "c &lt; 1" not in html
    assert '<a href="02_first.html">Chapter&nbsp;2</a>' in html
