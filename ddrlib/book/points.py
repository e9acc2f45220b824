"""Points that a paper makes, each with a plain verdict from the claims that decide about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from html import escape

from ddrlib.book.claims import (
    MOSTLY_NOT,
    NOT_SUPPORTED,
    NOT_TESTED,
    OPPOSITE,
    PARTLY,
    SUPPORTED,
    afterwards,
    noted,
    place,
    title,
)

Test = tuple[str, str]  # a chapter, and the key of one of its claims
CONTRADICTED = "contradicted"
ANSWERS = {
    SUPPORTED: "Supported",
    PARTLY: "Partly supported",
    MOSTLY_NOT: "Mostly not supported",
    NOT_SUPPORTED: "Not supported",
    CONTRADICTED: "Contradicted",
    NOT_TESTED: "Not tested",
}
UNTESTED = {"verdict": NOT_TESTED, "tally": "", "asked_after": ""}  # what a run did not ask


@dataclass(frozen=True)
class Point:
    """What a paper says, and the claims that test it.

    Attributes
    ----------
    said : str
        The point in one sentence.
    deciding : mapping
        The claims that decide about it, by chapter and key; each with where or how it tests the point,
        in the words of the verdict.
    others : mapping
        By chapter: keys of further claims that bear on it, or patterns of keys such as "order-*".
    universal : collection
        Of the deciding claims, those that a single counterexample refutes: where such a one is not
        supported, the point is contradicted.
    contradicting : mapping
        Claims that say the opposite, as `deciding` gives them: where such a one is supported, the point is
        contradicted.
    further : mapping
        Claims beside the point, as `deciding` gives them: they are shown with their verdicts and
        decide nothing.
    """

    said: str
    deciding: Mapping[Test, str]
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    universal: Collection[Test] = ()
    contradicting: Mapping[Test, str] = field(default_factory=dict)
    further: Mapping[Test, str] = field(default_factory=dict)

    def verdict(self, claims: Iterable[Mapping[str, str]]) -> str:
        """Whether it was reproduced, and where it was and was not.

        Parameters
        ----------
        claims
            Those of a run, as `ddrlib.book.claims.claims` gives them. One that is missing was not tested.

        Returns
        -------
        str
            HTML: the verdict in bold, then a line for each answer.
        """
        by_test = {(claim["chapter"], claim["key"]): claim for claim in claims}
        where: dict[str, list[str]] = {verdict: [] for verdict in ANSWERS}
        for test, label in self.deciding.items():
            claim = by_test.get(test, UNTESTED)
            verdict = claim["verdict"]
            opposite = claim["tally"] == OPPOSITE
            refuted = opposite or (verdict == NOT_SUPPORTED and test in self.universal)
            parts = f"{claim['tally']} tests" if claim["tally"] and not opposite else ""
            answer = CONTRADICTED if refuted else verdict
            where[answer].append(noted(label, parts, afterwards(claim)))
        for test, label in self.contradicting.items():
            claim = by_test.get(test, UNTESTED)
            if claim["verdict"] == SUPPORTED:
                where[CONTRADICTED].append(noted(label, afterwards(claim)))
        found = {verdict: labels for verdict, labels in where.items() if labels}
        counts = {verdict: len(labels) for verdict, labels in where.items()}
        lines = "".join(
            f"<br>{ANSWERS[verdict]}: {escape('; '.join(labels).replace('; and ', ' and '))}."
            for verdict, labels in found.items()
        )
        besides = "; ".join(
            noted(label, title(by_test[test]).lower(), afterwards(by_test[test]))
            for test, label in self.further.items()
            if test in by_test
        )
        lines += f"<br>Besides: {escape(besides)}." if besides else ""
        return f"<strong>{_overall(counts)}.</strong>{lines}"

    def tests(self, claims: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
        """The claims that bear on it, chapter by chapter.

        Parameters
        ----------
        claims
            Those of a run.

        Returns
        -------
        list
            Of the claims, those that decide first.
        """
        wanted: dict[str, list[str]] = {}
        for chapter, key in (*self.deciding, *self.contradicting, *self.further):
            wanted.setdefault(chapter, []).append(key)
        for chapter, keys in self.others.items():
            wanted.setdefault(chapter, []).extend(keys)
        claims = list(claims)
        return [
            claim
            for chapter, keys in wanted.items()
            for claim in claims
            if claim["chapter"] == chapter and any(fnmatch(claim["key"], key) for key in keys)
        ]


def _overall(counts: Mapping[str, int]) -> str:
    """What the answers on a point come to, as chapter 98 prints the rule."""
    supported, partly, contradicted = (counts[v] for v in (SUPPORTED, PARTLY, CONTRADICTED))
    failed = counts[MOSTLY_NOT] + counts[NOT_SUPPORTED]
    if not supported + partly + failed + contradicted:
        return "Not tested"
    if contradicted and not supported + partly:
        return "Contradicted"
    if contradicted and supported + partly <= contradicted:
        return "Mostly contradicted"
    if not supported + partly:
        return "Not reproduced"
    if supported and not partly + failed + contradicted:
        return "Reproduced"
    return "Mostly reproduced" if supported > failed and not contradicted else "Reproduced in part"


def as_list(points: Iterable[Point], claims: Sequence[Mapping[str, str]]) -> str:
    """Points as a numbered list, each with its verdict and, folded, the claims that test it.

    Parameters
    ----------
    points
        In the order of the list.
    claims
        Those of a run, as `ddrlib.book.claims.claims` gives them.

    Returns
    -------
    str
        HTML.
    """
    items = (
        f"<li><em>{escape(point.said)}</em><br>{point.verdict(claims)}{_folded(point.tests(claims))}</li>"
        for point in points
    )
    return f'<ol class="ddr-points">{"".join(items)}</ol>'


def _folded(claims: Iterable[Mapping[str, str]]) -> str:
    lines = (
        f"<p>{place(claim['chapter'])}: {escape(claim['statement'])} <strong>{title(claim)}.</strong></p>"
        for claim in claims
    )
    return f"<details><summary>The claims that test it</summary>{''.join(lines)}</details>"
