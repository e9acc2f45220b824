"""A page that draws one widget outside Jupyter, with a small model in the place of the kernel's."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import anywidget

PAGE = """<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>widget</title><link rel="icon" href="data:,">
<style>body {{ margin: 8px; }} html[data-theme="dark"] body {{ background: #14181e; }} {css}</style>
<div id="root"></div>
<script type="module">
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const decode = (key, value) => (value?.base64 === undefined ? value : bytes(value.base64));
function fakeModel(state) {{
  const handlers = {{}};
  const fire = (name, ...args) => (handlers[name] ?? []).forEach((handler) => handler(...args));
  return {{
    state,
    fire,
    get: (name) => state[name],
    set: (name, value) => {{ state[name] = value; fire(`change:${{name}}`); }},
    save_changes: () => {{}},
    on: (name, handler) => (handlers[name] ??= []).push(handler),
    send: (message) => window.sent.push(message),
  }};
}}
window.sent = [];
const {{ state, esm }} = JSON.parse({data}, decode);
window.model = fakeModel(state);
window.reply = (message, buffers = []) =>
  window.model.fire("msg:custom", message, buffers.map(bytes));
const url = URL.createObjectURL(new Blob([esm], {{ type: "text/javascript" }}));
const widget = (await import(url)).default;
window.cleanUp = await widget.render({{ model: window.model, el: document.getElementById("root") }});
window.drawn = true;
</script></html>
"""


def to_json(value: object) -> str:
    """JSON in which bytes are {"base64": ...}; keys sorted, as notebooks are saved."""
    return json.dumps(
        value, sort_keys=True, default=lambda data: {"base64": base64.b64encode(data).decode()}
    )


def write_page(widget: anywidget.AnyWidget, path: Path) -> str:
    """Write the page of a widget; returns its address."""
    state = widget.get_state()
    data = {
        "esm": state.pop("_esm"),
        "state": {key: state[key] for key in state if not key.startswith("_")},
    }
    script = to_json(to_json(data)).replace("</", "<\\/")
    path.write_text(PAGE.format(css=widget._css, data=script), "utf-8")
    return path.as_uri()
