"""404.html: what a host of static pages shows for an address that leads nowhere.

Such a page is shown under any address, so that its links cannot be relative to that. Where the book
begins is found from the address: what comes before the folders that a book has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from sphinx.application import Sphinx

PAGE = "404"
BASE = """<script>document.head.append(Object.assign(document.createElement("base"), {
  href: location.pathname.replace(/(.*\\/)(api|figures|_static|_sources)\\/.*|[^/]*$/, "$1"),
}));
addEventListener("DOMContentLoaded", () => document.querySelectorAll('a[href^="#"]').forEach(
  (link) => { link.href = location.pathname + link.getAttribute("href"); }));</script>"""
BODY = """<section><h1>No such page</h1>
<p>This address leads to no page of the book: the page may have been renamed, or the address mistyped. Here
are all pages; or <a href="search.html">search</a> for a word.</p>{}</section>"""


def add_page(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """The page, in the looks of the others: all pages, part by part, as the sidebar has them."""

    def listed(names: Iterable[str]) -> str:
        links = (
            f'<li><a href="{app.builder.get_target_uri(name)}">{escape(app.env.titles[name].astext())}</a></li>'
            for name in names
        )
        return f"<ul>{''.join(links)}</ul>"

    parts = app.env.external_site_map.root.subtrees
    found = [listed([app.config.root_doc])]
    for part in parts:
        found.append(
            f"<h2>{escape(part.caption or '')}</h2>" * bool(part.caption) + listed(part.items)
        )
    yield PAGE, {"title": "No such page", "body": BODY.format("".join(found))}, "page.html"


def set_base(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: None) -> None:
    """Before anything that is named relative to it."""
    if pagename == PAGE:
        context["metatags"] = BASE + context.get("metatags", "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("html-collect-pages", add_page)
    app.connect("html-page-context", set_base, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
