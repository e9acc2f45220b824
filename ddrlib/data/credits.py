"""Whose the shipped photographs are: what a page says beside each."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ddrlib.files import DATA


def credits(sources: Iterable[str]) -> list[str]:
    """Author and licence of photographs with these names in `Patches.source`; "" for any other."""
    rows = (shipped().get(Path(source).name) for source in sources)
    texts = [f"{row['author']}, {row['licence']}" if row else "" for row in rows]
    return [text.replace("public-domain", "public domain") for text in texts]


@cache
def shipped() -> dict[str, dict[str, str]]:
    """What is known of the shipped photographs (`data/photos/photos.tsv`), by the file's name."""
    with (DATA / "photos" / "photos.tsv").open(encoding="utf-8", newline="") as file:
        return {Path(row["file"]).name: row for row in csv.DictReader(file, delimiter="\t")}
