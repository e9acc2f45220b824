"""The page of `ddr explore`: the explorer with a kernel behind it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from conftest import CHROMIUM
from serving import serving

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

MINUTE = 60_000


def test_the_explorer_computes(browser, tmp_path):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(MINUTE)
    answered, errors = [], []
    page.on("response", lambda response: answered.append(urlsplit(response.url)))
    page.on("pageerror", lambda error: errors.append(str(error)))
    with serving(tmp_path) as server:
        page.goto(server.address, timeout=2 * MINUTE)
        plot = page.get_by_role("application")
        label = plot.get_attribute("aria-label")
        assert re.match(r"toy:make, \S+, PCA: 18 samples", label)
        page.locator("form").wait_for()  # once the kernel has answered
        assert page.get_by_label("Folder of photographs", exact=True).input_value() == "photographs"

        page.evaluate("""() => {
          const status = document.querySelector(".ddr-status");
          window.lines = [];
          new MutationObserver(() => lines.push(status.textContent)).observe(status, { childList: true });
        }""")
        page.get_by_label("Degradations", exact=True).fill("clean, noise10")
        page.get_by_label("Perplexity", exact=True).fill("3")
        page.get_by_label("Contents", exact=True).fill("5")
        page.get_by_role("button", name="Compute").click()
        page.get_by_text("Done.").wait_for()
        assert any("(1 of " in line for line in page.evaluate("lines")), "progress, layer by layer"
        assert "perplexity 3: 10 samples" in plot.get_attribute("aria-label")
        assert page.locator(".ddr-legend button").all_inner_texts() == ["clean", "noise"]

        page.get_by_label("Degradations", exact=True).fill("clean, nois10")
        page.get_by_role("button", name="Compute").click()
        page.get_by_text("nois10").wait_for()
        assert "10 samples" in plot.get_attribute("aria-label"), "what was shown stays"

        page.get_by_role("button", name="Back to the first measurement").click()
        assert "18 samples" in plot.get_attribute("aria-label")
        page.screenshot(path=tmp_path / "explore.png")
        assert server.interrupt() == 0
    context.close()
    assert {url.netloc.partition(":")[0] for url in answered if url.scheme != "blob"} == {
        "127.0.0.1"
    }
    assert errors == []
