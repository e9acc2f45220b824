"""The page that `ddr measure --html` writes: read from a file with the network cut."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import CHROMIUM

from ddrlib.book.examine import Question, report
from ddrlib.book.report_page import write

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDR_CACHE", str(folder / "cache"))
        patch.setattr(sys, "path", [str(Path(__file__).parent.parent), *sys.path])
        question = Question(
            images="eval",
            patches=4,
            size=None,
            skip_bad=False,
            degradations=("clean", "noise20"),
            layers=None,
            seeds=1,
            srga_layer=None,
            device="cpu",
        )
        (folder / "again.yaml").write_text("factory: compact:Compact")
        found = report(["compact:Compact", str(folder / "again.yaml")], question)
    return write(found, folder / "report.html")[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_whole_by_itself(browser, file, width, theme):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, offline=True
    )
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("request", lambda it: it.url.startswith(("http", "ws")) and wrong.append(it.url))
    page.goto(file.as_uri())
    plots = page.get_by_role("application")
    plots.first.wait_for()
    assert plots.count() == 2
    # The explorer works: another layer gives another picture, an arrow key finds a patch.
    panel = page.get_by_role("region", name="Panel A")
    before = plots.first.inner_html()
    layer = panel.get_by_role("slider")
    layer.focus()
    layer.press("End")
    layer.press("ArrowLeft")
    page.wait_for_function(  # once the dots have travelled
        "before => document.querySelector('[role=application]').innerHTML !== before", arg=before
    )
    plots.first.focus()
    plots.first.press("ArrowRight")
    page.locator(".ddr-tip:visible").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert wrong == []
    context.close()
