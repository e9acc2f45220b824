"""Cells of a page: figures and tables get numbers, and the bars over hidden code say what is below.

A chapter shows a figure as HTML with an id ("figure-NAME", "table-NAME"; `ddrlib.book.provenance`). Its
number is that with which the name of the chapter's file begins, and of its place on the page; pages of the
appendix, whose titles have no number, count alone.
"""

from __future__ import annotations

import re
from collections import Counter

from docutils import nodes
from sphinx.application import Sphinx

SHOWN = re.compile(
    r'<figure class="ddr-figure[^>]* id="(figure|table)-[^"]*">.*?</figure>', re.DOTALL
)
APPENDIX = 90  # files from here on are pages without a number
FEW = 3  # figures and tables that a bar names one by one
UNNAMED = "Show code cell source"  # a bar that the notebook gives no name
LONG = re.compile(
    r'<(td|th scope="row")>(?=[^<]*[^\s<-]{13})'
)  # cells with a word that may have to break
CAPTION = re.compile(r'(<p class="ddr-caption">|<caption>)')


def number(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write "Figure 4.2" in front of captions, and name the code that made it."""
    merge(doctree)
    numbered_name = re.match(r"(\d+)_", docname)
    in_order = numbered_name and int(numbered_name[1]) < APPENDIX
    chapter = f"{int(numbered_name[1])}." if in_order else ""
    count: Counter[str] = Counter()
    for cell in filter(is_cell, list(doctree.findall(nodes.container))):
        made: list[str] = []

        def numbered(found: re.Match[str], made: list[str] = made) -> str:
            kind = found[1]
            count[kind] += 1
            made.append(f"{kind} {chapter}{count[kind]}")
            text = LONG.sub(r'<\1 class="ddr-long">', found[0])
            return CAPTION.sub(rf"\1<strong>{made[-1].capitalize()}.</strong> ", text, count=1)

        for output in list(cell.findall(nodes.raw)):
            text = SHOWN.sub(numbered, output.astext())
            output.replace_self(nodes.raw("", text, **output.attributes))
        for bar in cell.findall(is_bar):
            if bar["prompt_show"] == UNNAMED:
                bar["prompt_show"] = bar["prompt_hide"] = name_of(cell, bar, made)
        for bar in cell.findall(is_folded):
            kind, _, title = bar["prompt_show"].partition(": ")
            if made and title and kind in ("Figure", "Table", "Figures", "Tables"):
                numbers = [each.split()[1] for each in dict.fromkeys((made[0], made[-1]))]
                joint = " and " if len(made) == 2 else " to "
                bar["prompt_show"] = bar["prompt_hide"] = f"{kind} {joint.join(numbers)}: {title}"


def is_cell(node: nodes.Element) -> bool:
    """Whether this is a cell of code."""
    return node.get("nb_element") == "cell_code"


def is_bar(node: nodes.Node) -> bool:
    """Whether this is hidden code under its bar."""
    hides = type(node).__name__ == "HideCodeCellNode" and node.children
    return bool(hides) and node[0].get("nb_element") == "cell_code_source"


def is_folded(node: nodes.Node) -> bool:
    """Whether this is an output under its bar."""
    hides = type(node).__name__ == "HideCodeCellNode" and node.children
    return bool(hides) and node[0].get("nb_element") != "cell_code_source"


def name_of(cell: nodes.Element, bar: nodes.Element, made: list[str]) -> str:
    """What is under a bar: the chapter's parameters, what it makes, or else how it prepares that."""
    parameters = ["parameters"] if "tag_parameters" in cell["classes"] else []
    setup = ["setup"] if not made and "import " in bar.astext() else []
    kinds = {kind for kind, _ in map(str.split, made)}
    if len(made) > FEW and len(kinds) == 1:
        made = [f"{kinds.pop()}s {made[0].split()[1]} to {made[-1].split()[1]}"]
    return "Code" + ": ".join(["", ", ".join([*parameters, *setup, *made])]).rstrip(": ")


def merge(doctree: nodes.document) -> None:
    """Hidden cells that show nothing go under the bar of the next that shows something: no piles."""
    waiting: list[nodes.Element] = []
    for cell in filter(is_cell, list(doctree.findall(nodes.container))):
        bar = next(filter(is_bar, cell.children), None)
        if bar is None:
            continue
        if len(cell) == 1:
            waiting.append(cell)
            continue
        for before in reversed(waiting):
            bar.insert(0, before[0].children)
            cell["classes"] += [name for name in before["classes"] if name not in cell["classes"]]
            before.parent.remove(before)
        waiting = []


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", number)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
