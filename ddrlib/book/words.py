"""Numbers and verdicts in the sentences of a chapter."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ddrlib.measure.intervals import Interval, decimals

SUPERSCRIPTS = str.maketrans("+-0123456789", "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def listed(numbers: Iterable[float]) -> str:
    """Numbers in one line, with equally many decimals: "0.176, 0.142, 0.171"; "none" for none.

    Parameters
    ----------
    numbers
        Those that are listed.

    Returns
    -------
    str
        Thousands are parted by commas.
    """
    numbers = list(numbers)
    digits = decimals(*numbers)
    return ", ".join(f"{number:z,.{digits}f}" for number in numbers) or "none"


def span(numbers: Iterable[float], others: Iterable[float] = ()) -> str:
    """Numbers from the smallest to the largest, as a sentence says them: "0.142–0.176".

    Parameters
    ----------
    numbers
        Those that are meant.
    others
        What they are compared with in the same sentence, which counts for the decimals too.

    Returns
    -------
    str
        One number where all of them are printed alike; "none" for none.
    """
    numbers = list(numbers)
    digits = decimals(*numbers, *others)
    return _ends([f"{number:z,.{digits}f}" for number in sorted(numbers)])


def percents(shares: Iterable[float]) -> str:
    """Shares from the smallest to the largest, in per cent: "34–43%".

    Parameters
    ----------
    shares
        0 to 1 each.

    Returns
    -------
    str
        Whole per cents; one where all of them are printed alike; "none" for none.
    """
    found = _ends([f"{100 * share:z.0f}" for share in sorted(shares)])
    return found if found == "none" else f"{found}%"


def _ends(texts: list[str]) -> str:
    """The first and the last of sorted texts; a dash would be lost beside a minus."""
    joint = " to " if any(text.startswith("-") for text in texts) else "–"
    return joint.join(dict.fromkeys((texts[0], texts[-1]))) if texts else "none"


def powers(text: str) -> str:
    """A text with its numbers written as people write them: 2 × 10⁻⁷ for 2e-07.

    Parameters
    ----------
    text
        With numbers such as `format(x, ".0e")` gives.

    Returns
    -------
    str
        0 for 0e+00.
    """

    def written(found: re.Match[str]) -> str:
        number, exponent = found.groups()
        return (
            f"{number} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}" if float(number) else "0"
        )

    return re.sub(r"\b(\d(?:\.\d+)?)e([+-]\d+)\b", written, text)


def words(names: Iterable[str]) -> str:
    """Names as a sentence lists them.

    Parameters
    ----------
    names
        In the order of the sentence.

    Returns
    -------
    str
        Such as "blur, noise and JPEG"; "none" for none.
    """
    *others, last = list(names) or ["none"]
    return f"{', '.join(others)} and {last}" if others else last


def beside(found: Interval, other: Interval) -> str:
    """How an interval compares with another.

    Parameters
    ----------
    found
        The one that the sentence is about.
    other
        The one that it is compared with.

    Returns
    -------
    str
        "higher" or "lower"; "not clearly different" where they touch.
    """
    if found.low > other.high:
        return "higher"
    return "lower" if found.high < other.low else "not clearly different"
