"""The book on paper: every chapter is there, and where the contents say it is."""

from __future__ import annotations

import re

import pytest
from conftest import CHROMIUM, HTML

from ddrlib.book import pdf
from ddrlib.errors import DDRError

if CHROMIUM is None or not (HTML / "index.html").exists():
    pytest.skip("no Chromium on this machine, or no pages", allow_module_level=True)


def test_the_book_prints(tmp_path, monkeypatch):
    sheets = []
    write = pdf._sheet
    monkeypatch.setattr(pdf, "_sheet", lambda *a: sheets.append(write(*a)) or sheets[-1])
    file = pdf.make_pdf(HTML, tmp_path / "book.pdf").read_bytes()
    assert file.startswith(b"%PDF-")
    starts = pdf._page_numbers(file)
    chapters = pdf._order(HTML)
    pages = [starts[name] for name in chapters]
    assert pages == sorted(pages) and pages[0] > 2, "cover and contents come first"
    listed = re.findall(r'<li><a href="#([\w-]+)">[^<]+</a> <span>(\d+)</span>', sheets[1])
    assert listed == [(name, str(starts[name])) for name in chapters]
    assert not (HTML / "print.html").exists()
    assert b"/URI (file:" not in file, "no link leads to this machine"


def test_what_is_folded_on_a_page_is_printed_but_for_code_and_for_what_cannot_be_opened(tmp_path):
    (tmp_path / "a.html").write_text(
        '<article class="bd-article"><h1>A</h1><details class="hide above-input"><summary>Code</summary>1 + 1'
        '</details><details class="hide above-output"><summary>Table: sums</summary><table id="t"></table></details>'
        '<details><summary>Criterion</summary>evidence</details><a href="api/b.html">b</a> <a href="c.html#d">c</a>'
        '<a href="https://example.org/">e</a></article>'
    )
    article = pdf._article(tmp_path / "a.html", "a")
    assert article.get_text(" ", strip=True) == "A Criterion evidence b c e"
    assert article.table["id"] == "a--t" and all(at.has_attr("open") for at in article("details"))
    assert [link["href"] for link in article("a")] == ["#c--d", "https://example.org/"]


def test_every_view_of_the_sheet_is_drawn(browser):
    """Also those that have a part in common with a view of another page."""
    chapters = {name: pdf._article(HTML / f"{name}.html", name) for name in pdf._order(HTML)}
    sheet = HTML / "print.html"
    sheet.write_text(pdf._sheet(HTML, chapters, {}), "utf-8")
    page = browser.new_page()
    try:
        page.goto(sheet.as_uri())
        page.wait_for_function(
            "[...document.querySelectorAll('.widget-subarea')].every((area) => area.querySelector('.ddr'))",
            timeout=60_000,
        )
        assert page.locator(".widget-subarea").count() > 3
    finally:
        page.close()
        sheet.unlink()


def test_without_pages_or_browser(tmp_path, monkeypatch):
    with pytest.raises(DDRError, match="holds no pages: `ddr book`"):
        pdf.make_pdf(tmp_path, tmp_path / "book.pdf")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DDRError, match="no browser to print with: install"):
        pdf.make_pdf(HTML, tmp_path / "book.pdf")
