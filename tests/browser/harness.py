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
function fakeModel(state, others) {{
  const handlers = {{}};
  const other = (id) => ({{ get: (name) => others[id][name] }});
  const fire = (name, ...args) => (handlers[name] ?? []).forEach((handler) => handler(...args));
  return {{
    state,
    fire,
    get: (name) => state[name],
    set: (name, value) => {{ state[name] = value; fire(`change:${{name}}`); }},
    save_changes: () => {{}},
    on: (name, handler) => (handlers[name] ??= []).push(handler),
    send: (message) => window.sent.push(message),
    widget_manager: {{ get_model: async (id) => {{ window.read.push(id); return other(id); }} }},
  }};
}}
window.sent = [];
window.read = []; // models that the widget asked for
const {{ state, esm, others }} = JSON.parse({data}, decode);
window.model = fakeModel(state, others);
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
        "others": {one.model_id: one.get_state() for one in getattr(widget, "weights", [])},
    }
    script = to_json(to_json(data)).replace("</", "<\\/")
    path.write_text(PAGE.format(css=widget._css, data=script), "utf-8")
    return path.as_uri()


MEASURES = 'performance.getEntriesByName("ddr-photograph").length'  # how often a widget was drawn


def wait_for(page, condition: str) -> None:
    """As wait_for_function, also where a policy forbids eval."""
    loop = "while (!({})) await new Promise((done) => setTimeout(done, 20));"
    page.evaluate(f"async () => {{ {loop.format(condition)} }}")


def after(page, act) -> None:
    """Do something and wait until its result is drawn.

    A drawing that an earlier act has asked for comes within two frames: it is waited for first, lest
    it passes for this one's.
    """
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    before = page.evaluate(MEASURES)
    act()
    wait_for(page, f"{MEASURES} > {before}")


def slide(page, name: str, value: float) -> None:
    slider = page.get_by_role("slider", name=name, exact=True)
    move = "(n, v) => { n.value = v; n.dispatchEvent(new Event('input')); }"
    after(page, lambda: slider.evaluate(move, value))


LIMIT_MS = 60  # a slider's move, of the page's own processor time


def busy_of_moves(page, slider: str, most: float) -> float:
    """Milliseconds of the page's own processor time that a move of a slider takes, on average.

    Other programs on the machine do not change it. One move after the other, as a hand does it;
    what follows when the hand rests is not in it.
    """
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    moves = """async (slider, most) => {
      const done = () => performance.getEntriesByName("ddr-photograph").length;
      for (let step = 1; step <= 20; step += 1) {
        const before = done();
        slider.value = (step * most) / 20;
        slider.dispatchEvent(new Event("input"));
        while (done() === before) await new Promise(requestAnimationFrame);
      }
    }"""
    page.wait_for_timeout(1000)
    before = busy()
    page.get_by_role("slider", name=slider, exact=True).evaluate(moves, most)
    return (busy() - before) / 20
