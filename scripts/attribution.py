"""Write data/photos/ATTRIBUTION.md from data/photos/photos.tsv.

python scripts/attribution.py
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from itertools import groupby

from ddrlib.data.credits import in_words
from ddrlib.files import DATA

PHOTOS = DATA / "photos"

HEAD = """\
# Where the photographs come from

<!-- Made by scripts/attribution.py from photos.tsv; do not edit. -->

{count} photographs, each with its author and licence as the package that carries it states them.
Nobody named here endorses this project, and what is under a share-alike licence stays under it.

All were changed. The photographs for **evaluation** were reduced and cropped to 256 × 256 pixels, those
for **training** reduced. The table `data/photos/photos.tsv` gives the original, the factor and the place
of the crop for each, and names the file: the name given here after that of its package.
"""
SPLITS = {"eval": "evaluation", "train": "training"}
# What photos.tsv notes of its sources, as a reader takes it.
NOTES = {
    "per debian/copyright": "according to the package's copyright file",
    "debian/copyright glob canyon0* = unsplash.com": "the package's copyright file gives unsplash.com for names that begin with canyon0",
    ".desktop": "according to the picture's .desktop file",
    "images/land default: ": "by the package's copyright file ",
    "visibly NASA/JPL Mars rover mosaic; author uncertain": "Author uncertain; to all appearance a mosaic of a NASA/JPL Mars rover",
    "Michael Wilso": "Michael Wilso (as given)",
}


def attribution(rows: Iterable[dict[str, str]]) -> str:
    """The page: a section a package, an entry for each author and licence, a line a split."""
    rows = sorted(rows, key=lambda row: (_package(row), _whose(row), row["file"]))
    lines = [HEAD.format(count=len(rows))]
    for package, of_package in groupby(rows, _package):
        lines += [f"## {package}", ""]
        for whose, of_author in groupby(of_package, _whose):
            lines.append(f"- **{whose[0]}**, {_licence(whose[1])}")
            for split, photographs in groupby(of_author, lambda row: row["split"]):
                names = ", ".join(map(_name, photographs))
                lines.append(f"  - {SPLITS[split]}: {names}")
        lines.append("")
    return "\n".join(lines)


def readable(text: str) -> str:
    """A text of photos.tsv with its notes said in words."""
    for note, words in NOTES.items():
        text = text.replace(note, words)
    return text


def _licence(text: str) -> str:
    """A licence in words ("CC BY-SA 4.0"), with a link where it is a known one."""
    creative = re.fullmatch(r"CC ([A-Z-]+) (\d\.\d)", text)
    if creative:
        return (
            f"[{text}](https://creativecommons.org/licenses/{creative[1].lower()}/{creative[2]}/)"
        )
    if text == "CC0 1.0":
        return "[CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/)"
    return text


def _package(row: dict[str, str]) -> str:
    return f"{row['package']} {row['version']}"


def _whose(row: dict[str, str]) -> tuple[str, str]:
    return readable(row["author"]), readable(in_words(row["licence"]))


def _name(row: dict[str, str]) -> str:
    """A file without what all of its package have."""
    return row["file"].split("__", 1)[1].rsplit(".", 1)[0]


def main() -> None:
    with open(PHOTOS / "photos.tsv", newline="", encoding="utf-8") as file:
        page = attribution(csv.DictReader(file, delimiter="\t"))
    (PHOTOS / "ATTRIBUTION.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
