"""The state of a page's widgets: written so that it ends where it ends, large parts in files of their own.

What a widget was given in bytes, such as the weights of a network, is read when the widget is first
needed (`book/_assets/widgets.js`), and kept once for all pages that show the same.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

LARGE = 50_000  # characters of base64; what is smaller stays in the page
FOLDER = Path("_static", "buffers")

_SCRIPT = re.compile(
    r'(<script type="application/vnd\.jupyter\.widget-(\w+)\+json">)(.*?)(</script>)', re.DOTALL
)


def with_light_states(page: str, site: Path) -> str:
    """The page with the large buffers of its widgets moved into files of the site.

    There is no `<` left in what remains: `<!--<script>` there would hide the rest of the page.
    """

    def light(found: re.Match) -> str:
        head, kind, text, tail = found.groups()
        if kind == "state":
            text = json.dumps(_without_buffers(json.loads(text), site))
        return head + text.replace("<", r"\u003c") + tail

    return _SCRIPT.sub(light, page)


def _without_buffers(content: dict, site: Path) -> dict:
    """The state with the names of files in place of its large buffers."""
    for model in content["state"].values():
        for buffer in model.get("buffers", []):
            if buffer["encoding"] == "base64" and len(buffer["data"]) > LARGE:
                buffer |= {"encoding": "file", "data": _written(buffer["data"], site)}
    return content


def _written(data: str, site: Path) -> str:
    """Write a buffer, base64, as a script that hands it over; its name is its hash."""
    name = sha256(data.encode()).hexdigest()[:16]
    (site / FOLDER).mkdir(parents=True, exist_ok=True)
    (site / FOLDER / f"{name}.js").write_text(f"ddrBuffer({name!r}, {data!r});\n", "utf-8")
    return name
