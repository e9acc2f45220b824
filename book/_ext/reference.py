"""The API reference: `.. room:: NAME` documents every module of ddrlib.NAME from its docstrings."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

MARKED = re.compile(r"`+([^`]+)`+|([*|\\]|_(?!\w))")
ENTRY = re.compile(r" +(\S+) {2,}(\S.*)")
AUTOMODULE = ".. automodule:: {name}\n   :members:\n   :member-order: bysource"


class Room(SphinxDirective):
    """A folder of ddrlib, or the single modules named: one section each."""

    required_arguments = 1
    optional_arguments = 99

    def run(self) -> list[nodes.Node]:
        """The docstring of the folder, then its modules in alphabetical order."""
        names = [f"ddrlib.{name}" for name in self.arguments]
        paths = getattr(import_module(names[0]), "__path__", None)
        if paths is None:
            return [self.section(name) for name in names]
        modules = sorted(module.name for module in iter_modules(paths, f"{names[0]}."))
        lead = self.parsed(nodes.container(), f".. automodule:: {names[0]}")
        return [*lead.children, *map(self.section, modules)]

    def section(self, name: str) -> nodes.Node:
        """A module under a heading of its own."""
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        section += nodes.title(text=name.removeprefix("ddrlib."))
        return self.parsed(section, AUTOMODULE.format(name=name))

    def parsed(self, node: nodes.Element, text: str) -> nodes.Element:
        """`node` with what the text makes."""
        lines = StringList(text.splitlines(), source=self.get_source_info()[0])
        self.state.nested_parse(lines, 0, node)
        return node


def as_plain_text(app, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings are read in editors: `code` and indented blocks are markup, other marks are text."""
    blocks = re.split(r"\n\s*\n", "\n".join(lines).rstrip())
    in_sections = False  # of numpydoc: where indentation has a meaning that napoleon knows
    for i, block in enumerate(blocks):
        in_sections |= bool(re.search(r"^-{3,}$", block, re.MULTILINE))
        if block.startswith(" ") and not in_sections:
            blocks[i] = _listed(block) or f".. code-block:: text\n\n{block}"
        elif not block.startswith(">>>"):
            blocks[i] = MARKED.sub(_marked, block)
            if not in_sections and not re.match(r"[-*\d]", block):
                blocks[i] = re.sub(r"\n +", "\n", blocks[i])
    lines[:] = "\n\n".join(blocks).splitlines()


def _listed(block: str) -> str:
    """A table of names, each with what it is on one line, as a list; "" for what is no such table."""
    entries = [ENTRY.fullmatch(line) for line in block.splitlines()]
    if not all(entries):
        return ""
    return "\n".join(
        f"``{name}``\n    {MARKED.sub(_marked, what)}"
        for name, what in map(re.Match.groups, entries)
    )


def _marked(match: re.Match[str]) -> str:
    """A literal, which may touch letters, or a mark that is none."""
    code, mark = match.groups()
    if not code:
        return f"\\{mark}"
    # At the end of a line the mark would take the line's end for what it hides.
    touched = match.string[match.end() : match.end() + 1].strip()
    return f"\\ ``{' '.join(code.split())}``" + ("\\ " if touched else "")


def is_field(app, what, name, obj, skip, options) -> bool | None:
    """Fields of named tuples are left out: the signature of the class says them all."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def as_python(app, what, name, obj, options, signature: str | None, returns: str | None):
    """Signatures that Sphinx can read, to shorten and link the types: "<function f>" is no Python."""
    return signature and re.sub(r"<(?:factory|function [^,]*)>", "...", signature), returns


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("room", Room)
    app.connect("autodoc-process-docstring", as_plain_text, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", as_python)
    app.connect("autodoc-skip-member", is_field)
    return {"parallel_read_safe": True}
