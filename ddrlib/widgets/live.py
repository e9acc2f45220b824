"""A widget whose page can ask Python to compute, where a kernel runs.

Nothing on a page tells whether one does. So the page asks with a "ping" when it is drawn, and offers
what needs Python only when the "pong" comes (`static/common.js`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anywidget

STATIC = Path(__file__).parent / "static"

Progress = Callable[[str], None]


def static(*names: str) -> str:
    """Files of `static/`, one after the other."""
    return "\n".join((STATIC / name).read_text("utf-8") for name in names)


class LiveWidget(anywidget.AnyWidget):
    """A widget that answers the page's requests with `compute(request, progress)`.

    `compute` returns what the message to the page holds, and binary buffers. What it raises becomes
    one line in the page: a message handler has nobody above it to show a traceback to.
    """

    def __init__(self, compute: Callable | None, **state) -> None:
        super().__init__(**state)
        self._compute = compute
        self.on_msg(self._on_message)

    def _on_message(self, _, message: dict, buffers: list) -> None:
        if message["type"] == "ping" and self._compute:
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
