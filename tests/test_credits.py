"""Whose a photograph is."""

from __future__ import annotations

import csv

from ddrlib.data.credits import credits, licence
from ddrlib.data.photographs import load_patches
from ddrlib.files import DATA


def test_every_shipped_photograph_has_its_author_and_licence():
    with (DATA / "photos" / "photos.tsv").open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file, delimiter="\t")}
    patches = load_patches("eval", n=100)
    said = credits(patches.source)
    for source, text in zip(patches.source, said, strict=True):
        row = rows[f"eval/{source}"]
        assert text == f"{row['author']}, {licence(row)}; reduced and cropped"
        assert "-domain" not in text and "debian" not in text and "CC-" not in text


def test_licences_in_words():
    said = {
        "CC-BY-SA-4.0": "CC BY-SA 4.0",
        "CC-BY-2.0": "CC BY 2.0",
        "CC0-1.0": "CC0 1.0",
        "public-domain": "public domain",
        "public-domain (unsplash.com, per debian/copyright)": "public domain",
    }
    assert {text: licence({"licence": text}) for text in said} == said


def test_a_photograph_of_a_readers_own_has_none():
    assert credits(["holiday/beach.jpg", "desert5.webp"]) == ["", ""]
