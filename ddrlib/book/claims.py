"""Claims: statements that a run can refute, and what the run said of them.

A chapter states each finding once, as a `claim` whose truth is computed. The verdict is shown where
it stands and kept, so that the first page of the book can list them all, the refuted ones too.
"""

from __future__ import annotations

from html import escape

from IPython.display import HTML, display

from ddrlib.book.provenance import load_results, save_result

_VERDICTS = {True: ("tip", "Found in this run"), False: ("warning", "Not found in this run")}


def claim(key: str, statement: str, *, holds: bool, evidence: str) -> None:
    """Show and keep a verdict.

    Parameters
    ----------
    key : a name for it, unique within the chapter
    statement : the claim in one sentence, as it would read if it were true
    holds : whether this run's figures bear it out
    evidence : the figures, with n and intervals
    """
    verdict = {"statement": statement, "holds": bool(holds), "evidence": evidence}
    save_result(f"claim-{key}", verdict)
    css_class, title = _VERDICTS[bool(holds)]
    # An HTML admonition, not a MyST directive: it reads the same in Jupyter and in the book.
    display(
        HTML(
            f'<div class="admonition {css_class}"><p class="admonition-title">{title}</p>'
            f"<p>{escape(statement)}</p><p><em>{escape(evidence)}</em></p></div>"
        )
    )


def claims() -> list[dict]:
    """All verdicts kept so far, in the order of the book: chapter, statement, holds, evidence."""
    return [
        {"chapter": chapter, **result}
        for (chapter, name), result in load_results().items()
        if name.startswith("claim-")
    ]
