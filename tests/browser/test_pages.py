"""Every page: complete without a network, sound links, small, readable on a phone, accessible."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from conftest import HTML

MEGABYTE = 2**20


def test_complete_without_network_and_small(path, at_desk):
    seen = at_desk
    seen.page.wait_for_timeout(500)  # what a widget asks for once it is drawn
    assert [url for url in seen.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert seen.errors == []
    files = {unquote(urlsplit(url).path) for url in seen.requests if url.startswith("file:")}
    # All pages share the scripts; what its widgets read from beside it counts.
    own = [Path(file) for file in files if "/_static/" not in file or "/buffers/" in file]
    assert path in own
    assert sum(file.stat().st_size for file in own) < 3 * MEGABYTE


@cache
def _parsed(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def _resolves(link: str, page: Path) -> bool:
    url = urlsplit(link)
    if url.scheme or url.netloc:
        return True  # leads out of the book
    target = (page.parent / unquote(url.path)).resolve() if url.path else page
    if not target.exists():
        return False
    return not url.fragment or _parsed(target).find(id=unquote(url.fragment)) is not None


def test_internal_links(path):
    elements = _parsed(path).find_all(["a", "img", "link", "script"])
    links = [link for e in elements if (link := e.get("href") or e.get("src"))]
    assert [link for link in links if not _resolves(link, path)] == []


def test_every_figure_has_a_number_a_caption_and_a_description(path):
    for shown in _parsed(path).select(".ddr-figure"):
        kind, name = shown["id"].split("-", 1)
        caption = shown.select_one(".ddr-caption, caption").get_text()
        assert re.match(rf"{kind.capitalize()} (\d+\.)?\d+\. \S", caption), (name, caption)
        descriptions = {image.get("alt", "") for image in shown("img")}
        assert all(len(text.split()) >= 5 for text in descriptions), (name, descriptions)


def test_there_is_something_to_check():
    """The tests of figures below would pass on a book without any."""
    chapters = sorted(HTML.glob("[01]*.html"))
    shown = {page.stem: len(_parsed(page).select(".ddr-figure img")) for page in chapters}
    assert len(shown) == 14
    without = {name for name, images in shown.items() if not images}
    assert without == {"11_your_photograph", "12_what_a_lie_costs"}
    assert sum(len(_parsed(page).select(".ddr-figure table")) for page in chapters) > 30


def test_a_figure_has_its_place_before_it_is_loaded(path):
    for image in _parsed(path).select(".ddr-figure :is(img, source)"):
        assert all(int(image[side]) > 50 for side in ("width", "height")), image


def test_numbers_of_figures_count_up(path):
    captions = [
        c.get_text() for c in _parsed(path).select(".ddr-figure :is(.ddr-caption, caption)")
    ]
    for kind in ("Figure", "Table"):
        numbers = [re.match(rf"{kind} (?:\d+\.)?(\d+)\.", text) for text in captions]
        found = [int(match[1]) for match in numbers if match]
        assert found == list(range(1, len(found) + 1))


def test_accessible(path, at_desk):
    assert serious_violations(at_desk.page, "light") == []


def test_on_a_phone_in_the_dark(path, on_phone):
    assert serious_violations(on_phone.page, "dark") == []
    check_nothing_is_cut(on_phone.page, 390)


# What sticks out of the page, or of a box that cuts it or has to be scrolled. (Chromium gives an svg
# within another the extent of all that it holds, also of what it cuts.)
STICKS_OUT = """() => [...document.querySelectorAll(
    ".bd-content :is(.ddr-figure, .ddr, img, table, svg:not(svg svg), .ddr-formula, pre, .admonition)")]
  .filter((node) => node.checkVisibility() && node.getClientRects().length)
  .filter((node) => node.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    || node.matches(".ddr-figure, .ddr, .ddr-formula, pre") && node.scrollWidth > node.clientWidth + 1)
  .map((node) => node.outerHTML.slice(0, 120))"""


UNFOLD = 'document.querySelectorAll(".bd-content details").forEach((fold) => { fold.open = true; })'


def check_nothing_is_cut(page, width):
    """What is folded counts, too."""
    page.evaluate(UNFOLD)
    page.wait_for_timeout(200)  # widgets follow the width
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width, "it scrolls sideways"
    assert page.evaluate(STICKS_OUT) == []


@pytest.mark.parametrize("width", [768, 1280])
def test_nothing_is_cut(path, at_desk, width):
    at_desk.page.set_viewport_size({"width": width, "height": 900})
    check_nothing_is_cut(at_desk.page, width)


def serious_violations(page, mode) -> list[str]:
    """What axe-core finds in this colour mode, and where."""
    assert page.evaluate("document.documentElement.dataset.theme") == mode
    violations = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {node['target']}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


# What is wider than its box, or higher than a sheet where it cannot be broken.
CUT = """() => [...document.querySelectorAll(".bd-content :is(pre, .ddr-figure, .ddr, img)")]
  .filter((node) => node.checkVisibility())
  .filter((node) => node.scrollWidth > node.clientWidth + 1
    || node.matches("img") && node.clientHeight > innerHeight)
  .map((node) => node.outerHTML.slice(0, 200))"""


def test_prints_in_the_dark(path, visit):
    """On paper: the light theme, no navigation, and nothing that runs off the sheet."""
    page = visit(path, width=720, mode="dark").page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert not page.locator(".bd-sidebar-primary").is_visible()
    assert page.evaluate(CUT) == []
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
