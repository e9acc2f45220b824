"""Write data/photos/ATTRIBUTION.md from data/photos/photos.tsv.

python scripts/attribution.py
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from itertools import groupby

from ddrlib.files import DATA

PHOTOS = DATA / "photos"

HEAD = """\
# Where the photographs come from

<!-- Made by scripts/attribution.py from photos.tsv; do not edit. -->

{count} photographs, each with its author and licence as the package that carries it states them.
All were changed: reduced in size (Lanczos; the factor is given) and stored anew, those of `train/`
whole as JPEG, those of `eval/` as a lossless WebP of a 256 x 256 crop (its left and top corner in
the reduced image is given). Those under a share-alike licence stay under it. Nobody named here
endorses this project.
"""


def attribution(rows: Iterable[dict[str, str]]) -> str:
    """The page: a section a package, a table row a photograph, sorted."""
    rows = sorted(rows, key=lambda row: (_package(row), row["file"]))
    lines = [HEAD.format(count=len(rows))]
    for package, group in groupby(rows, _package):
        lines += [f"## {package}", "", "| file | original | author | licence | changed |"]
        lines += ["|---|---|---|---|---|"]
        for row in group:
            cells = (
                f"`{row['file']}`",
                f"`{row['path_in_package']}`",
                row["author"],
                _licence(row["licence"]),
                _changes(row),
            )
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _licence(text: str) -> str:
    """A licence as photos.tsv writes it ("CC-BY-SA-4.0"), with a link where it is a known one."""
    creative = re.fullmatch(r"CC-([A-Z-]+)-(\d\.\d)", text)
    if creative:
        kind, version = creative[1].lower(), creative[2]
        return (
            f"[CC {creative[1]} {version}](https://creativecommons.org/licenses/{kind}/{version}/)"
        )
    if text == "CC0-1.0":
        return "[CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/)"
    return text


def _package(row: dict[str, str]) -> str:
    return f"{row['package']} {row['version']}"


def _changes(row: dict[str, str]) -> str:
    change = f"1/{float(row['downsample']):g}"
    return f"{change}, crop at {row['crop_x']}, {row['crop_y']}" if row["crop_x"] else change


def main() -> None:
    with open(PHOTOS / "photos.tsv", newline="", encoding="utf-8") as file:
        page = attribution(csv.DictReader(file, delimiter="\t"))
    (PHOTOS / "ATTRIBUTION.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
