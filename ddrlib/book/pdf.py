"""The book on paper: its pages in one, printed by Chromium.

A browser numbers the pages of what it prints, but does not say in a table of contents where things
are. So it prints twice: the file of the first time says on which page each chapter begins.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from datetime import date
from html import escape
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ddrlib.book.profiles import BOOK
from ddrlib.errors import DDRError

if TYPE_CHECKING:
    from bs4 import Tag

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STATE = re.compile(r'<script type="([^"]*widget-state[^"]*)">(.*?)</script>', re.DOTALL)
# A page draws its widgets when they come near the window; a sheet has none.
DRAW_ALL = """<script>addEventListener("load", () => {
  for (const area of document.querySelectorAll(".widget-subarea")) area.start?.();
});</script>"""
SECONDS = 300  # for one printing
LEFT_OUT = (
    "script:not([type*=widget]), .headerlink, .prev-next-area, .ddr-on-dark, "
    "details.above-input, details.above-output > summary, .ddr-made, figcaption > a, "
    ".tag_photograph details.above-output"  # a widget that a page offers a second time
)
OBJECT = re.compile(rb"(?:^|\n)(\d+) 0 obj\s(.*?)endobj", re.DOTALL)


def make_pdf(html: Path, out: Path) -> Path:
    """Print the built pages of the folder `html`, but for the API reference, into the file `out`.

    DDRError where there are no pages, or no Chromium or Chrome that prints them.
    """
    if not (html / "index.html").is_file():
        raise DDRError(f"{html} holds no pages: `ddr book` makes them")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise DDRError(f"no browser to print with: install one of {', '.join(BROWSERS[:3])}")
    chapters = {name: _article(html / f"{name}.html", name) for name in _order(html)}
    page = html / "print.html"
    starts: dict[str, int] = {}
    try:
        for _ in range(2):
            page.write_text(_sheet(html, chapters, starts), "utf-8")
            _print(browser, page, out)
            starts = _page_numbers(out.read_bytes())
    finally:
        page.unlink(missing_ok=True)
    return out


def _order(html: Path) -> list[str]:
    """The pages in the order of the book, without the API reference."""
    from sphinx_external_toc.parsing import parse_toc_yaml

    names = [name for name in parse_toc_yaml(BOOK / "_toc.yml") if "/" not in name]
    return [name for name in names if (html / f"{name}.html").is_file()]


def _article(path: Path, name: str) -> Tag:
    """The text of a page. What has an id gets one that is its own in the whole book."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    assert article is not None
    for element in article.select(LEFT_OUT):
        element.decompose()
    for folded in article.select("details"):  # paper does not open
        folded["open"] = ""
    for element in article.select("[id]"):
        element["id"] = f"{name}--{element['id']}"
    for link in article.select("a[href]"):
        target = _within(str(link["href"]), name)
        if target is None:
            link.unwrap()
        else:
            link["href"] = target
    for image in article.select("img[loading]"):
        del image["loading"]
    article["id"] = name
    return article


def _within(link: str, name: str) -> str | None:
    """Where a link of the page `name` leads, within the printed book or out; None where that is not printed."""
    if re.match(r"\w+:", link):
        return link
    found = re.fullmatch(r"(?:([\w-]+)\.html)?(?:#(.+))?", link)
    if not found:
        return None
    target, anchor = found[1] or name, found[2]
    return f"#{target}--{anchor}" if anchor else f"#{target}"


def _sheet(html: Path, chapters: dict[str, Tag], starts: dict[str, int]) -> str:
    """All of the book as one page, with its cover and its contents."""
    from bs4 import BeautifulSoup

    first = BeautifulSoup((html / f"{next(iter(chapters))}.html").read_text("utf-8"), "html.parser")
    shared = first.select('head link[rel="stylesheet"], head meta[charset]')
    head = [tag for tag in shared if "search" not in str(tag)]
    title = chapters[next(iter(chapters))].h1.get_text()  # type: ignore[union-attr]
    lines = "".join(
        f'<li><a href="#{name}">{escape(article.h1.get_text())}</a> '  # type: ignore[union-attr]
        f"<span>{starts.get(name, '')}</span></li>"
        for name, article in chapters.items()
    )
    made = date.today().strftime("%-d %B %Y")
    widgets = '<script src="_static/widgets.js"></script>' * (html / "_static/widgets.js").exists()
    return (
        f'<!doctype html><html lang="en" data-theme="light" data-content_root="./"><head>'
        f"{''.join(map(str, head))}{_states(html, chapters)}{widgets}{DRAW_ALL}"
        '<link rel="stylesheet" href="_static/print.css"></head><body><main class="bd-content">'
        f'<section class="ddr-cover"><h1>{escape(title)}</h1><p>A reproduction of Liu et al., '
        "<em>Discovering Distinctive “Semantics” in Super-Resolution Networks</em></p>"
        f"<p>The ddrlib contributors<br>ddrlib {version('ddrlib')}, printed on {made}</p>"
        '<p>Text and figures: CC BY 4.0. Code: MIT. Photographs: <a href="#photographs">theirs</a>.</p></section>'
        f'<nav class="ddr-contents"><h1>Contents</h1><ol>{lines}</ol></nav>'
        f"{''.join(map(str, chapters.values()))}</main></body></html>"
    )


def _states(html: Path, names: Iterable[str]) -> str:
    """The states of the widgets of all pages, as one."""
    found = [STATE.search((html / f"{name}.html").read_text("utf-8")) for name in names]
    models: dict[str, dict] = {}
    for state in filter(None, found):
        models |= json.loads(state[2])["state"]
    kind = "application/vnd.jupyter.widget-state+json"
    text = json.dumps({"state": models}).replace("<", r"\u003c")
    return f'<script type="{kind}">{text}</script>'


def _print(browser: str, page: Path, out: Path) -> None:
    with TemporaryDirectory() as profile:
        command = [browser, "--headless", "--disable-gpu", f"--user-data-dir={profile}"]
        command += ["--no-sandbox"] * (os.geteuid() == 0)  # which root cannot have
        command += ["--no-pdf-header-footer", "--generate-pdf-document-outline"]
        command += ["--virtual-time-budget=60000", f"--print-to-pdf={out}", page.resolve().as_uri()]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            raise DDRError(f"{browser} did not print: {error}") from None


def _page_numbers(pdf: bytes) -> dict[str, int]:
    """The page, from 1, of each place that a link of the file leads to."""
    objects = {number: text for number, text in OBJECT.findall(pdf)}
    pages: list[bytes] = []

    def walk(number: bytes) -> None:
        kids = re.search(rb"/Kids \[(.*?)\]", objects[number], re.DOTALL)
        for kid in re.findall(rb"(\d+) 0 R", kids[1]) if kids else ():
            walk(kid)
        if not kids:
            pages.append(number)

    root = re.search(rb"/Type /Catalog.*?/Pages (\d+) 0 R", pdf, re.DOTALL)
    assert root is not None
    walk(root[1])
    places = re.findall(rb"/([^\s/\[]+) \[(\d+) 0 R /XYZ", pdf)
    return {name.decode(): pages.index(number) + 1 for name, number in places if number in pages}
