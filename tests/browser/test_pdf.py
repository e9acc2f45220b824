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


def test_without_pages_or_browser(tmp_path, monkeypatch):
    with pytest.raises(DDRError, match="holds no pages: `ddr book`"):
        pdf.make_pdf(tmp_path, tmp_path / "book.pdf")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DDRError, match="no browser to print with: install"):
        pdf.make_pdf(HTML, tmp_path / "book.pdf")
