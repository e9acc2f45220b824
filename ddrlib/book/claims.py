"""Claims: statements that a run can refute, and what the run said of them.

A chapter states each finding once, as a `claim` whose verdict is computed. The verdict is shown
where the claim is made and kept, so that the first page of the book can list them all, the refuted
ones too.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from IPython.display import HTML, display

from ddrlib.book.results import keep_claim, kept_claims, stamps

SUPPORTED, PARTLY, NOT_SUPPORTED, NOT_TESTED = VERDICTS = (
    "supported",
    "partly supported",
    "not supported",
    "not tested",
)
# The colours of the admonitions; "not tested" has none.
CSS_CLASSES = dict(zip(VERDICTS, ("tip", "note", "warning", ""), strict=True))
KEPT = {"statement", "verdict", "criterion", "evidence"}


def verdict(holds: bool | Sequence[bool], not_tested: str = "") -> str:
    """One of `VERDICTS`: partly supported where only some of several parts hold.

    "not tested" where `not_tested` says why, or there is no part.
    """
    parts = list(holds) if isinstance(holds, Sequence) else [holds]
    if not_tested or not parts:
        return NOT_TESTED
    return SUPPORTED if all(parts) else PARTLY if any(parts) else NOT_SUPPORTED


def claim(
    key: str,
    statement: str,
    *,
    holds: bool | Sequence[bool],
    criterion: str = "",
    evidence: str,
    not_tested: str = "",
) -> None:
    """Show and keep a verdict: supported, partly supported, not supported or not tested.

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
        Which precondition of the test is not met; "" where all are.
    """
    found = verdict(holds, not_tested)
    keep_claim(key, statement=statement, verdict=found, criterion=criterion, evidence=evidence)
    display(HTML(as_html(statement, holds, criterion, evidence, not_tested)))


def as_html(
    statement: str,
    holds: bool | Sequence[bool],
    criterion: str,
    evidence: str,
    not_tested: str = "",
) -> str:
    """A verdict as a page shows it; the parameters are those of `claim`."""
    found = verdict(holds, not_tested)
    parts = list(holds) if isinstance(holds, Sequence) else []
    title = found.capitalize() + (f": {sum(parts)} of {len(parts)}" if found == PARTLY else "")
    lines = [
        f"<p>{escape(statement)}</p>",
        f"<p><strong>Not tested because</strong> {escape(not_tested)}</p>" if not_tested else "",
        (
            f"<details><summary><strong>Criterion:</strong> {escape(criterion or 'none')}</summary>"
            f"<p>{escape(evidence)}</p></details>"
        ),
    ]
    # An HTML admonition, not a MyST directive: it reads the same in Jupyter and in the book.
    return (
        f'<div class="admonition ddr-claim {CSS_CLASSES[found]}">'
        f'<p class="admonition-title">{title}</p>{"".join(lines)}</div>'
    )


def verdict_of(key: str) -> str:
    """The verdict that this chapter has reached on one of its claims.

    Parameters
    ----------
    key
        That of the claim.

    Returns
    -------
    str
        One of `VERDICTS`.

    Raises
    ------
    KeyError
        For a claim that was not made yet.
    """
    return kept_claims()[key]["verdict"]


def as_found(key: str, supported: str, otherwise: str = "") -> str:
    """What a sentence says, depending on one of this chapter's claims.

    Parameters
    ----------
    key
        That of the claim.
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
        Each with the texts chapter, key, statement, verdict, criterion and evidence.
    """
    return [
        {"chapter": stamp["chapter"], "key": key, **claim}
        for stamp in stamps()
        if all(claim.keys() == KEPT for claim in stamp.get("claims", {}).values())
        for key, claim in stamp.get("claims", {}).items()
    ]
