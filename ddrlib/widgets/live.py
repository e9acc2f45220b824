"""A widget whose page can ask Python to compute, where a kernel runs.

Nothing on a page tells whether one does. So the page asks with a "ping" when it is drawn, and offers
what needs Python only when the "pong" comes (`static/common.js`).

anywidget takes one module of JavaScript per widget. Ours is the files of `static/` joined as text
(`static`), the shared ones first: no bundler, and a saved notebook needs no file beside it. So the
files share one scope, none imports, and only the last one exports.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget

from ddrlib.features.progress import Progress

STATIC = Path(__file__).parent / "static"

# (request, progress) -> what the message to the page holds, and its binary buffers
Compute = Callable[[dict[str, Any], Progress], tuple[dict[str, Any], list[bytes]]]


def static(*names: str) -> str:
    """Files of `static/`, one after the other."""
    return "\n".join((STATIC / name).read_text("utf-8") for name in names)


class LiveWidget(anywidget.AnyWidget):
    """A widget that answers the page's requests with `compute(request, progress)`.

    What `compute` raises becomes one line in the page: a message handler has nobody above it to
    show a traceback to.
    """

    def __init__(self, compute: Compute, **state: Any) -> None:
        super().__init__(**state)
        self._compute = compute
        self.on_msg(self._on_message)

    def _on_message(self, _: Any, message: dict, buffers: list) -> None:
        if message["type"] == "ping":
            self.send({"type": "pong"})
        elif message["type"] == "compute":
            self._answer(message["request"])

    def _answer(self, request: dict) -> None:
        try:
            content, buffers = self._compute(
                request, lambda text: self.send({"type": "progress", "text": text})
            )
        except Exception as error:  # noqa: BLE001 (the page shows it)
            self.send({"type": "error", "text": str(error) or type(error).__name__})
        else:
            self.send({"type": "result", **content}, buffers)
