"""Whose the shipped photographs are: what a page says beside each."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ddrlib.files import DATA


def credits(sources: Iterable[str]) -> list[str]:
    """Author and licence of photographs, as a page says them.

    Parameters
    ----------
    sources
        Names as `Patches.source` has them.

    Returns
    -------
    list of str
        "AUTHOR, LICENCE", or "" for a photograph that is not shipped.
    """
    return [_table().get(Path(source).name, "") for source in sources]


@cache
def _table() -> dict[str, str]:
    with (DATA / "photos" / "photos.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {Path(row["file"]).name: f"{row['author']}, {row['licence']}" for row in rows}
