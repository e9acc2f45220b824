"""Claims: statements that a run can refute, and what the run said of them.

A chapter states each finding once, as a `claim` whose verdict is computed. The verdict is shown
where the claim is made and kept, so that the first page of the book can list them all, the refuted
ones too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from IPython.display import HTML, display

from ddrlib.book.results import keep_claim, kept_claims, stamps

SUPPORTED, PARTLY, MOSTLY_NOT, NOT_SUPPORTED, NOT_TESTED = VERDICTS = (
    "supported",
    "partly supported",
    "mostly not supported",
    "not supported",
    "not tested",
)
# The colours of the admonitions; "not tested" has none.
CSS_CLASSES = dict(zip(VERDICTS, ("tip", "note", "warning", "warning", ""), strict=True))
OPPOSITE = "the opposite"
KEPT = {"statement", "verdict", "tally", "criterion", "evidence", "asked_after"}


@dataclass(frozen=True)
class Claim:
    """A statement, what decides it part by part, and what this run's numbers say of it.

    The fields are the parameters of `claim`.
    """

    statement: str
    holds: Sequence[bool]
    criterion: str
    evidence: str
    not_tested: str = ""
    reverse: Sequence[bool] = ()
    asked_after: str = ""

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`; not tested without any part.

        Where only some parts hold, it is partly supported; where fewer than half do, mostly not.
        """
        if self.not_tested or not self.holds:
            return NOT_TESTED
        if all(self.holds):
            return SUPPORTED
        if not any(self.holds):
            return NOT_SUPPORTED
        return MOSTLY_NOT if 2 * sum(self.holds) < len(self.holds) else PARTLY

    @property
    def tally(self) -> str:
        """How many parts hold where only some do ("2 of 3"), `OPPOSITE` where that holds; else ""."""
        if self.verdict in (PARTLY, MOSTLY_NOT):
            return f"{sum(self.holds)} of {len(self.holds)}"
        opposite = self.verdict == NOT_SUPPORTED and self.reverse and all(self.reverse)
        return OPPOSITE if opposite else ""

    def record(self) -> dict[str, str]:
        """What is kept of it; the evidence of a claim that was not tested begins with the reason."""
        why = f"not tested because {self.not_tested}; " if self.not_tested else ""
        when = f"; this was asked after {self.asked_after}" if self.asked_after else ""
        return {
            "statement": self.statement,
            "verdict": self.verdict,
            "tally": self.tally,
            "criterion": self.criterion + when,
            "evidence": why + self.evidence,
            "asked_after": self.asked_after,
        }

    def as_html(self) -> str:
        """The verdict as a page shows it."""
        why = escape(self.not_tested)
        because = f"<p><strong>Not tested because</strong> {why}</p>" if why else ""
        shown = {**self.record(), "evidence": self.evidence}
        return _admonition(shown, escape(self.statement), because)


def claim(
    key: str,
    statement: str,
    *,
    holds: bool | Sequence[bool],
    criterion: str = "",
    evidence: str,
    not_tested: str = "",
    reverse: bool | Sequence[bool] = (),
    asked_after: str = "",
) -> None:
    """Show and keep a verdict, one of `VERDICTS`.

    Parameters
    ----------
    key
        A name for the claim, unique within the chapter.
    statement
        The claim in one sentence, as it would read if it were true.
    holds
        Whether this run's figures meet the criterion; for a claim of several parts, each part.
    criterion
        What the figures have to show.
    evidence
        The figures, with n and intervals.
    not_tested
        Which precondition of the test is not met; `""` where all are.
    reverse
        Whether the figures show the opposite as clearly as the criterion asks; for several parts, each.
    asked_after
        What had been seen before the claim was made, such as "the numbers had been seen"; `""` for one made
        beforehand.
    """
    parts, opposite = (each if isinstance(each, Sequence) else [each] for each in (holds, reverse))
    made = Claim(statement, parts, criterion, evidence, not_tested, opposite, asked_after)
    keep_claim(key, **made.record())
    display(HTML(made.as_html()))


def verdict_of(key: str) -> str:
    """The verdict that this chapter has reached on one of its claims.

    Parameters
    ----------
    key
        That of a claim made before.

    Returns
    -------
    str
        One of `VERDICTS`, partly supported for one that mostly is not: a sentence says "in part" of both.

    Raises
    ------
    KeyError
        For a claim that was not made yet.
    """
    verdict = kept_claims()[key]["verdict"]
    return PARTLY if verdict == MOSTLY_NOT else verdict


def as_found(key: str, supported: str, otherwise: str = "") -> str:
    """What a sentence says, depending on one of this chapter's claims.

    Parameters
    ----------
    key
        That of a claim made before.
    supported
        Said where this run supports it.
    otherwise
        Said where it does not, or in part only, or where it could not be tested.

    Returns
    -------
    str
        One of the two.

    Raises
    ------
    KeyError
        For a claim that was not made yet.
    """
    return supported if verdict_of(key) == SUPPORTED else otherwise


def claims() -> list[dict]:
    """The claims of the chapters that are done, in the order of the book.

    A chapter that kept its claims in another form, as an earlier version did, counts as not run.

    Returns
    -------
    list of dict
        Each with the texts chapter, key, statement, verdict, tally (as `Claim` gives it), criterion and
        evidence.
    """
    return [
        {"chapter": stamp["chapter"], "key": key, **claim}
        for stamp in stamps()
        if all(claim.keys() == KEPT for claim in stamp.get("claims", {}).values())
        for key, claim in stamp.get("claims", {}).items()
    ]


def title(claim: Mapping[str, str]) -> str:
    """A verdict as a page says it.

    Parameters
    ----------
    claim
        Of `claims`.

    Returns
    -------
    str
        "Partly supported: 2 of 3".
    """
    verdict = claim["verdict"].capitalize()
    return f"{verdict}: {claim['tally']}" if claim["tally"] else verdict


def name(chapter: str) -> str:
    """What a chapter is called for short.

    Parameters
    ----------
    chapter
        The name of its file, which begins with its number.

    Returns
    -------
    str
        "Chapter 4".
    """
    return f"Chapter {int(chapter[:2])}"


def place(chapter: str) -> str:
    """A link to a chapter.

    Parameters
    ----------
    chapter
        The name of its file, which begins with its number.

    Returns
    -------
    str
        HTML that reads as its `name`, which no line breaks.
    """
    return f'<a href="{chapter}.html">{name(chapter).replace(" ", "&nbsp;")}</a>'


def as_list(chosen: Iterable[Mapping[str, str]]) -> str:
    """Claims one below the other, as in their chapters.

    Parameters
    ----------
    chosen
        Of `claims`.

    Returns
    -------
    str
        HTML.
    """
    items = (_admonition(each, escape(each["statement"])) for each in chosen)
    listed = "".join(f"<li>{item}</li>" for item in items)
    return f'<ul class="ddr-claims">{listed}</ul>'


def in_lines(chosen: Iterable[Mapping[str, str]], titled: bool = True) -> str:
    """Claims in a line each, for pages that look back on many chapters.

    Parameters
    ----------
    chosen
        Of `claims`.
    titled
        Whether a line begins with the verdict. Under a heading that says it, how many parts hold is enough.

    Returns
    -------
    str
        Markdown: a list of verdicts, statements (in quotation marks where they were not supported:
        nobody should take them for true) and links to the chapters.
    """
    return "\n".join(f"- {_line(claim, titled)} {place(claim['chapter'])}" for claim in chosen)


def _line(claim: Mapping[str, str], titled: bool) -> str:
    statement = escape(claim["statement"])
    said = statement if claim["verdict"] == SUPPORTED else f"“{statement}”"
    if titled:
        return f"**{title(claim)}.** {noted(said, afterwards(claim))}"
    return noted(said, claim["tally"], afterwards(claim))


def first_figure(claim: Mapping[str, str]) -> str:
    """What the evidence for a claim begins with.

    Parameters
    ----------
    claim
        Of `claims`.

    Returns
    -------
    str
        For a sentence, such as "27 of 58 networks".
    """
    return claim["evidence"].partition(";")[0]


def afterwards(claim: Mapping[str, str]) -> str:
    """What is said wherever a claim is used that was made only after its numbers had been seen.

    Parameters
    ----------
    claim
        Of `claims`.

    Returns
    -------
    str
        "asked afterwards", or `""` for a claim made beforehand.
    """
    return "asked afterwards" if claim["asked_after"] else ""


def noted(said: str, *notes: str) -> str:
    """What is said, with notes in parentheses.

    Parameters
    ----------
    said
        A sentence without its full stop, or a part of one.
    *notes
        Those that are `""` are left out.

    Returns
    -------
    str
        "So it is (1 of 2; asked afterwards)".
    """
    kept = "; ".join(note for note in notes if note)
    return f"{said} ({kept})" if kept else said


def _admonition(claim: Mapping[str, str], statement: str, because: str = "") -> str:
    """A verdict as every page shows it; `statement` and `because`, which follows it, are HTML."""
    # HTML, not a MyST directive: it reads the same in Jupyter and in the book.
    return (
        f'<div class="admonition ddr-claim {CSS_CLASSES[claim["verdict"]]}">'
        f'<p class="admonition-title">{title(claim)}</p><p>{statement}</p>{because}'
        f"{_folded(claim['criterion'], claim['evidence'])}</div>"
    )


def _folded(criterion: str, evidence: str) -> str:
    """A criterion that opens on the evidence, as HTML: a line for each of its parts."""
    parts = evidence.replace("; ", ";\n").splitlines()
    lines = " ".join(f"<span>{escape(part)}</span>" for part in parts)
    return (
        f"<details><summary><strong>Criterion</strong><span>: {escape(criterion or 'none')}</span></summary>"
        f"<p>{lines}</p></details>"
    )
