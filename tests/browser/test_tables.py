"""Tables and long words as book.js and book.css set them, on a page of their own."""

from __future__ import annotations

import pytest
from conftest import CHROMIUM

from ddrlib.files import ROOT

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

ASSETS = ROOT / "book" / "_assets"
HEADS = "features of", "component of degradation", "of content", "network", "5"
CELLS = "gradients", "0.5", "", "explore_monuments_france_arlesAmphitheater", "0.1"
TEXT = "Chapter 12 took 26 s on 2026-11-27: 5 × 10⁻⁷ [0.12, 0.34], 39–43% (1.5–2 dB), 2 steps, `a [b, c]`."


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    heads = "".join(f"<th>{head}</th>" for head in HEADS)
    first, *others = CELLS
    long = {text: ' class="ddr-long"' for text in others if "_" in text}
    cells = "".join(f"<td{long.get(text, '')}>{text}</td>" for text in others)
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(
        f'<link rel="stylesheet" href="{(ASSETS / "book.css").as_uri()}">'
        f'<body class="bd-content"><article class="bd-article"><figure class="ddr-figure">'
        f'<table class="dataframe" data-columns="shots"><thead><tr>{heads}</tr></thead>'
        f"<tbody><tr><th>{first}</th>{cells}</tr></tbody></table></figure><p>{TEXT}</p></article>"
        f'<script src="{(ASSETS / "book.js").as_uri()}"></script>',
        encoding="utf-8",
    )
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(file.as_uri())
    yield page
    page.close()


def test_a_card_says_whole_what_each_value_is(page):
    labels = page.locator("td").evaluate_all("cells => cells.map((cell) => cell.dataset.label)")
    assert labels == ["component of degradation", "component of content", "network", "shots: 5"]


def test_a_card_leaves_out_what_is_empty(page):
    assert [cell.is_visible() for cell in page.locator("td").all()] == [True, False, True, True]


def test_long_names_break_between_their_parts(page):
    cell = page.locator(".ddr-long")
    assert cell.text_content() == CELLS[3], "what is copied is as it was"
    parts = cell.inner_html().split("<wbr>")
    assert parts == ["explore_", "monuments_", "france_", "arles", "Amphitheater"]


def test_dates_intervals_and_quantities_stay_in_one_line(page):
    assert page.locator("p").text_content() == TEXT
    whole = page.locator("p .ddr-unbroken").all_text_contents()
    numbers = ["5 × 10⁻⁷", "[0.12, 0.34]", "39–43%", "1.5–2 dB"]
    assert whole == ["Chapter 12", "26 s", "2026-11-27", *numbers]
    assert page.locator("td .ddr-unbroken").count() == 0
