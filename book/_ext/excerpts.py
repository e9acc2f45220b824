"""The search shows what it found from file://, too, where a page may not fetch another.

Sphinx's search fetches the pages it lists, for an excerpt of each. Here their texts come as a script,
section by section, and `search.js` answers the fetches from it.
"""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

INLINE = re.compile(r"</?(?:a|b|code|em|i|small|span|strong|sub|sup)\b[^>]*>")  # parts of words
TAGS = re.compile(r"<(style|script).*?</\1>|<[^>]*>", re.DOTALL)


def texts_of(doctree: nodes.document) -> dict[str, str]:
    """The text of each section by its id, subsections apart; code that is hidden is none."""
    return {
        section["ids"][0]: " ".join(_words(section).split())
        for section in doctree.findall(nodes.section)
        if section["ids"]
    }


def _words(node: nodes.Node) -> str:
    if isinstance(node, nodes.raw):
        return f"{unescape(TAGS.sub(' ', INLINE.sub('', node.astext())))} "
    if isinstance(node, nodes.literal_block):
        return ""
    if isinstance(node, nodes.Text):
        return node.astext()
    apart = isinstance(node, addnodes.desc_parameterlist) or not isinstance(node, nodes.TextElement)
    within = " " if apart else ""
    return within.join(
        _words(child) for child in node.children if not isinstance(child, nodes.section)
    )


def collect(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Keep the texts of a page."""
    app.env.ddr_texts = getattr(app.env, "ddr_texts", {}) | {docname: texts_of(doctree)}


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write them as one script, which the search page alone loads."""
    if not exception:
        texts = json.dumps(getattr(app.env, "ddr_texts", {}), ensure_ascii=False)
        script = f"window.DDR_TEXTS = {texts};\n".replace("<", r"\u003c")
        (Path(app.outdir) / "_static" / "texts.js").write_text(script, "utf-8")


def on_the_search_page(app, pagename, templatename, context, doctree) -> None:
    """The two scripts that make excerpts."""
    if pagename == "search":
        app.add_js_file("texts.js", priority=400)
        app.add_js_file("search.js", priority=401)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", collect, priority=900)
    app.connect("build-finished", write)
    app.connect("html-page-context", on_the_search_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
