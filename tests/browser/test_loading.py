"""How a page draws its widgets: `book/_assets/widgets.js` on a page as `ddrlib.book.states` writes it."""

from __future__ import annotations

import base64
import json
import shutil

import pytest
from conftest import CHROMIUM

from ddrlib.book.states import FOLDER, LARGE, with_light_states
from ddrlib.files import ROOT

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

NUMBERS = bytes(range(256)) * 200  # 51,200 bytes, which are more than LARGE characters of base64
ESM = """export default { async render({ model, el }) {
  const other = await model.widget_manager.get_model(model.get("other").slice("IPY_MODEL_".length));
  const sum = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength).reduce((a, b) => a + b, 0);
  const node = document.createElement("p");
  node.className = "ddr";
  const show = () => { node.textContent = [model.get("n"), sum(model.get("parts")[1]), sum(other.get("data"))].join(); };
  model.on("change:n", show);
  node.onclick = () => { model.set("n", model.get("n") + 1); model.save_changes(); };
  show();
  el.append(node);
} };"""
KIND = "application/vnd.jupyter.widget-"


def view(model: str) -> str:
    content = json.dumps({"model_id": model, "version_major": 2, "version_minor": 0})
    return f'<div class="cell_output"><script type="{KIND}view+json">{content}</script></div>'


def encoded(path: list, data: bytes) -> dict:
    return {"path": path, "encoding": "base64", "data": base64.b64encode(data).decode()}


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """Two views of one model far down, one of a model that only a kernel draws."""
    folder = tmp_path_factory.mktemp("book")
    css = ".ddr { color: rgb(1, 2, 3); } /* <!--<script> */"
    drawn = {"_esm": ESM, "_css": css, "n": 3, "parts": [None, None], "other": "IPY_MODEL_b"}
    state = {
        "a": {
            "state": drawn,  # and the first of its parts is b's data too
            "buffers": [encoded(["parts", 1], b"\1\2\3"), encoded(["parts", 0], NUMBERS)],
        },
        "b": {"state": {}, "buffers": [encoded(["data"], NUMBERS)]},
        "slider": {"state": {"value": 3}},
    }
    content = json.dumps({"version_major": 2, "state": state})
    page = (
        '<!doctype html><meta charset="utf-8"><title>widgets</title><link rel="icon" href="data:,">'
        f'<script src="_static/widgets.js"></script><div style="height: 5000px"></div>{view("a")}{view("a")}'
        f'{view("slider")}<script type="{KIND}state+json">{content}</script><p id="end">end</p>'
    )
    (folder / "page.html").write_text(with_light_states(page, folder), "utf-8")
    shutil.copy(ROOT / "book" / "_assets" / "widgets.js", folder / "_static" / "widgets.js")
    return folder / "page.html"


def test_drawn_when_near_and_large_buffers_read_only_then(browser, document):
    context = browser.new_context(offline=True)
    page, requests, errors = context.new_page(), [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.goto(document.as_uri())
    page.wait_for_timeout(300)
    assert page.locator(".ddr").count() == 0
    assert [url for url in requests if "/buffers/" in url] == []
    page.locator("#end").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll('.ddr').length === 2")
    assert page.locator(".ddr").all_inner_texts() == [f"3,6,{sum(NUMBERS)}"] * 2
    page.locator(".ddr").first.click()
    assert page.locator(".ddr").last.inner_text() == f"4,6,{sum(NUMBERS)}", (
        "views share their model"
    )
    assert page.locator(".ddr").first.evaluate("n => getComputedStyle(n).color") == "rgb(1, 2, 3)"
    assert page.locator("style").count() == 1, "one for all widgets of a kind"
    assert len([url for url in requests if "/buffers/" in url]) == 1, "once a page"
    page.locator(".ddr-missing").wait_for()
    assert "needs a running notebook" in page.locator(".ddr-missing").inner_text()
    assert len(errors) == 1 and "running notebook" in errors[0]
    context.close()


def test_a_part_that_is_missing_is_said_to_be(browser, document, tmp_path):
    shutil.copytree(document.parent, tmp_path / "book")
    [buffer] = (tmp_path / "book" / FOLDER).iterdir()
    buffer.unlink()
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto((tmp_path / "book" / "page.html").as_uri())
    page.locator("#end").scroll_into_view_if_needed()
    page.locator(".ddr-missing").first.wait_for()
    text = page.locator(".ddr-missing").first.inner_text()
    assert (
        text == f"This view could not be drawn: a part of this page, {buffer.name}, cannot be read."
    )
    context.close()


def test_printed_without_having_been_seen(browser, document):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(document.as_uri())
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("document.querySelectorAll('.ddr').length === 2")
    context.close()


def test_drawn_at_once_where_the_address_is_that_of_a_view(browser, document):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(f"{document.as_uri()}#photograph=2&blur=1")
    page.wait_for_function("document.querySelectorAll('.ddr').length === 2")
    context.close()


def test_the_page_keeps_what_is_small_and_hides_nothing(document):
    text = document.read_text("utf-8")
    assert len(text) < LARGE and base64.b64encode(b"\1\2\3").decode() in text
    assert "\\u003c!--\\u003cscript>" in text
