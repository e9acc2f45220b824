"""A link to a term of the glossary carries the definition, which `book.js` shows where the term stands."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

GLOSSARY = "glossary"


def definitions(env: BuildEnvironment) -> dict[str, str]:
    """The text of each definition by the id of its term; it is read once."""
    if not hasattr(env, "ddr_definitions"):
        items = env.get_doctree(GLOSSARY).findall(nodes.definition_list_item)
        env.ddr_definitions = {
            term["ids"][0]: " ".join(item[-1].astext().split())
            for item in items
            for term in item.findall(nodes.term)
            if term["ids"]
        }
    return env.ddr_definitions


def explain(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give the links of a page to the glossary their titles."""
    if GLOSSARY not in app.env.found_docs or docname == GLOSSARY:
        return
    for link in doctree.findall(nodes.reference):
        page, _, term = link.get("refuri", "").partition("#")
        if page.endswith(f"{GLOSSARY}.html") and term in definitions(app.env):
            link["reftitle"] = definitions(app.env)[term]


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", explain, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
