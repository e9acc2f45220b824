"""What a shared link shows: a title, a description and a picture; and where the sources are.

The picture needs the pages' own address, `html.baseurl` in _config.yml, to be found from elsewhere.
"""

from __future__ import annotations

from html import escape

from docutils import nodes
from sphinx.application import Sphinx

LENGTH = 200  # characters of a description, about
PICTURE = "figures/00_intro/preview.png"  # `ddrlib.book.provenance.keep_preview`


def describe(doctree: nodes.document | None) -> str:
    """The first sentences of a page, as far as they fit."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree else ()
    text = next((p.astext() for p in paragraphs if len(p.astext()) > 80), "")
    words, length = [], 0
    for word in text.split():
        length += len(word) + 1
        if length > LENGTH:
            return " ".join(words) + " …"
        words.append(word)
    return " ".join(words)


def add_tags(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Write the tags that browsers, search engines and messengers read."""
    base = (app.config.html_baseurl or "").rstrip("/")
    title = nodes.Text(context.get("title", "")).astext()
    description = describe(doctree) or app.config.html_title
    tags = {
        ("name", "description"): description,
        ("name", "author"): app.config.author,
        ("property", "og:type"): "article",
        ("property", "og:site_name"): app.config.html_title,
        ("property", "og:title"): title,
        ("property", "og:description"): description,
        ("property", "og:image"): f"{base}/{PICTURE}" if base else context["pathto"](PICTURE, True),
        ("name", "twitter:card"): "summary_large_image",
    }
    if base:
        tags["property", "og:url"] = f"{base}/{pagename}.html"
    lines = (
        f'<meta {kind}="{name}" content="{escape(text)}" />' for (kind, name), text in tags.items()
    )
    context["metatags"] = "\n".join([context.get("metatags", ""), *lines])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("html-page-context", add_tags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
