"""Pages load what they show, and nothing twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

# The theme writes its icons as letters of a font, too; this script only draws them a second time.
ICONS = re.compile(r"\s*<script[^>]*/fontawesome\.js[^>]*></script>")
UNUSED = ("scripts/fontawesome.js*", "**/*.map")
MAP = re.compile(
    r"\n?(?://|/\*)# sourceMappingURL=[\w./-]+(?:\s*\*/)?\s*\Z"
)  # names a file that goes


def only_where_needed(app: Sphinx, env: Any) -> None:
    """Scripts of extensions go to the pages that ask for them; jupyter-book gives all to all."""
    app.set_html_assets_policy("per_page")


def slim(app: Sphinx, exception: Exception | None) -> None:
    """Take out of the built pages what none of them loads."""
    if exception:
        return
    out = Path(app.outdir)
    for pattern in UNUSED:
        for file in (out / "_static").glob(pattern):
            file.unlink()
    for page in [*out.glob("*.html"), *out.glob("api/*.html")]:
        page.write_text(ICONS.sub("", page.read_text("utf-8")), "utf-8")
    for file in (out / "_static").rglob("*.[cj]s*"):
        text = file.read_text("utf-8", errors="surrogateescape")
        if MAP.search(text):
            file.write_text(MAP.sub("\n", text), "utf-8", "surrogateescape")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("env-updated", only_where_needed)
    app.connect("build-finished", slim)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
