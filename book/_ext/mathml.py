"""Formulas as MathML: written once, when the pages are built; every browser draws it without a script."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def formula(node: nodes.Element, display: str) -> str:
    """The MathML of a formula; a command that is not known is a warning."""
    text = convert(node.astext(), display=display)
    if "\\" in text or "linebreak" in text:
        logger.warning("a formula that MathML cannot show: %s", node.astext(), location=node)
    return text


def inline(translator: Any, node: nodes.math) -> None:
    """A formula in a line of text."""
    translator.body.append(formula(node, "inline"))
    raise nodes.SkipNode


def block(translator: Any, node: nodes.math_block) -> None:
    """A formula in a line of its own."""
    translator.body.append(f'<div class="ddr-formula">{formula(node, "block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
