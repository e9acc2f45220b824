"""Every page: complete without a network, sound links, small, readable on a phone, accessible."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

MEGABYTE = 2**20


def test_complete_without_network_and_small(path, visit):
    seen = visit(path)
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


def test_numbers_of_figures_count_up(path):
    captions = [
        c.get_text() for c in _parsed(path).select(".ddr-figure :is(.ddr-caption, caption)")
    ]
    for kind in ("Figure", "Table"):
        numbers = [re.match(rf"{kind} (?:\d+\.)?(\d+)\.", text) for text in captions]
        found = [int(match[1]) for match in numbers if match]
        assert found == list(range(1, len(found) + 1))


def test_accessible(path, visit):
    assert serious_violations(visit(path).page, "light") == []


def test_on_a_phone_in_the_dark(path, visit):
    page = visit(path, width=390, mode="dark").page
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390, "text scrolls sideways"
    assert serious_violations(page, "dark") == []


# What sticks out of the page, or of a box that cuts it or has to be scrolled.
STICKS_OUT = """() => [...document.querySelectorAll(
    ".bd-content :is(.ddr-figure, .ddr, img, table, svg, mjx-container[display=true], .admonition)")]
  .filter((node) => node.checkVisibility() && node.getClientRects().length && !node.closest("details:not([open])"))
  .filter((node) => node.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    || node.matches(".ddr-figure, .ddr") && node.scrollWidth > node.clientWidth + 1)
  .map((node) => node.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_cut(path, visit, width):
    page = visit(path, width=width).page
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.evaluate(STICKS_OUT) == []


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
