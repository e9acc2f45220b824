"""Every widget is drawn once and reacts to the keyboard, with no kernel behind the page."""

from __future__ import annotations

VIEWS = 'script[type="application/vnd.jupyter.widget-view+json"]'
CONTROLS = ".widget-subarea :is(select, [type=range], [type=checkbox], [type=radio]):enabled"
BUTTON = ".widget-subarea button:enabled"  # the first answer of a game, which has nothing else

# What a reader sees of all widgets but the controls themselves.
PICTURE = """() => {
  const parts = [];
  const look = (node) => {
    if (node.nodeType === Node.TEXT_NODE) { parts.push(node.data); return; }
    if (node.nodeType !== Node.ELEMENT_NODE || !node.checkVisibility()) return;
    if (node.matches("select, input, button, output")) return;
    parts.push(node.getAttribute("style"));
    if (node.matches("svg")) { parts.push(node.outerHTML); return; }
    if (node.matches("img")) parts.push(node.currentSrc);
    if (node.matches("canvas")) parts.push(node.toDataURL());
    node.childNodes.forEach(look);
  };
  document.querySelectorAll(".widget-subarea").forEach(look);
  return parts.join("\\n");
}"""


def test_drawn_once(widget_path, visit):
    page = visit(widget_path).page
    for area in page.locator(".widget-subarea").all():
        box = area.locator("> *").first.bounding_box()
        assert box["width"] > 0 and box["height"] > 0
    assert page.locator(".widget-subarea").count() == page.locator(VIEWS).count()


def test_reacts_to_the_keyboard(widget_path, visit):
    page = visit(widget_path).page
    controls = [control for control in page.locator(CONTROLS).all() if control.is_visible()]
    controls = controls or [page.locator(BUTTON).first]
    assert len(controls) >= page.locator(VIEWS).count()
    assert [
        control.evaluate("node => node.outerHTML.slice(0, 200)")
        for control in controls
        if not _reacts(page, control)
    ] == []


def _reacts(page, control) -> bool:
    before = page.evaluate(PICTURE)
    control.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft", "Space"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        if page.evaluate(PICTURE) != before:
            return True
    return False
