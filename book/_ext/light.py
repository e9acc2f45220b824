"""Pages load what they show: scripts for mathematics and widgets only where there are some.

Widgets of this book are anywidgets. `widgets.js` draws those by itself; a page with any other widget
(a slider of ipywidgets) gets the whole Jupyter machinery of `nb_ipywidgets_js`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

STATE = "application/vnd.jupyter.widget-state+json"
ALONE = {"@jupyter-widgets/base", "anywidget"}  # modules of models that `widgets.js` knows
# The theme writes its icons as letters of a font, too; this script only draws them a second time.
ICONS = re.compile(r"\s*<script[^>]*/fontawesome\.js[^>]*></script>")
UNUSED = ("scripts/fontawesome.js*", "*.map", "**/*.map")


def only_where_needed(app: Sphinx, env: Any) -> None:
    """Scripts of extensions go to the pages that ask for them; jupyter-book gives all to all."""
    app.set_html_assets_policy("per_page")


def choose_scripts(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Replace the scripts of Jupyter's widget manager where ours is enough."""
    scripts = context["script_files"]
    states = [
        json.loads(s.attributes["body"]) for s in scripts if s.attributes.get("type") == STATE
    ]
    models = [model for state in states for model in state["state"].values()]
    manager = {f"_static/{name}" for name in app.config.nb_ipywidgets_js}
    if models and {model["model_module"] for model in models} <= ALONE:
        context["script_files"] = [s for s in scripts if s.filename not in manager]
    else:
        context["script_files"] = [s for s in scripts if s.filename != "_static/widgets.js"]


def slim(app: Sphinx, exception: Exception | None) -> None:
    """Take out of the built pages what none of them loads."""
    if exception:
        return
    out = Path(app.outdir)
    pages = [*out.glob("*.html"), *out.glob("api/*.html")]
    texts = {page: ICONS.sub("", page.read_text("utf-8")) for page in pages}
    for page, text in texts.items():
        page.write_text(text, "utf-8")
    for pattern in UNUSED:
        for file in (out / "_static").glob(pattern):
            file.unlink(missing_ok=True)
    for file in (out / "_static").rglob("*.[cj]s*"):
        text = file.read_text("utf-8", errors="surrogateescape")
        if "sourceMappingURL=" in text:
            file.write_text(
                re.sub(r"\n?(//|/\*)# sourceMappingURL=\S+( ?\*/)?", "", text),
                "utf-8",
                "surrogateescape",
            )


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("env-updated", only_where_needed)
    app.connect("html-page-context", choose_scripts, priority=900)
    app.connect("build-finished", slim)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
