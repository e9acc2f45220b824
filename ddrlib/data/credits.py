"""Whose the shipped photographs are: what a page says beside each."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from ddrlib.files import DATA


def credits(sources: Iterable[str]) -> list[str]:
    """Author and licence of photographs with these names in `Patches.source`; "" for any other."""
    rows = (shipped().get(Path(source).name) for source in sources)
    return [f"{row['author']}, {licence(row)}; reduced and cropped" if row else "" for row in rows]


def licence(row: Mapping[str, str]) -> str:
    """The licence in a row of the table, in words, without what is noted of its source."""
    return in_words(row["licence"]).partition(" (")[0]


def in_words(text: str) -> str:
    """A licence as packages have it, such as "public-domain" or "CC-BY-SA-4.0", in words."""
    creative = re.fullmatch(r"CC(0|-[A-Z-]+)-(\d\.\d)", text)
    if creative:
        return f"CC{creative[1].replace('-', ' ', 1)} {creative[2]}"
    return text.replace("public-domain", "public domain")


@cache
def shipped() -> dict[str, dict[str, str]]:
    """What is known of the shipped photographs (`data/photos/photos.tsv`), by the file's name."""
    with (DATA / "photos" / "photos.tsv").open(encoding="utf-8", newline="") as file:
        return {Path(row["file"]).name: row for row in csv.DictReader(file, delimiter="\t")}
