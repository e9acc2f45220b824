"""The widget of "Your photograph" with a kernel behind it, in the widget manager of JupyterLab."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest
from conftest import CHROMIUM

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

MINUTE = 60_000
CELL = """
from ddrlib.data.photographs import load_patches
from ddrlib.widgets.photograph import photograph
from ddrlib.zoo.loading import load_network

names = {"with skip": "srresnet-wgr-reduced-s0", "without skip": "srresnet-wogr-reduced-s0"}
networks = {title: load_network(name) for title, name in names.items()}
photograph(networks, load_patches("eval", n=8), compact=True)
"""
SERVER = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from ddrlib.widgets.serve import serve
serve("# A kernel", sys.argv[1], Path(sys.argv[2]), 8900, browser=False)
"""


@pytest.fixture
def address(tmp_path):
    """A notebook of one cell, with its kernel."""
    command = [sys.executable, "-c", SERVER, CELL, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+", process.stdout.readline())[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def test_weights_come_from_the_kernel_and_further_networks_are_measured_there(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, errors = context.new_page(), []
    page.set_default_timeout(2 * MINUTE)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address, timeout=2 * MINUTE)
    page.locator(".ddr-photograph:not([aria-busy])").wait_for()
    slider = page.get_by_role("slider", name="Blur", exact=True)
    slider.evaluate("n => { n.value = 4; n.dispatchEvent(new Event('input')); }")
    page.get_by_text(re.compile("Without skip: of the 7 nearest")).wait_for()
    first, second = (
        int(re.search(r"\d+", text)[0]) for text in page.locator(".ddr-moved").all_inner_texts()
    )
    assert first > 15 >= second

    form = page.locator("form.ddr-live")
    form.wait_for()  # once the kernel has answered
    form.get_by_label("Network", exact=True).fill("srresnet-wgr-blur-reduced-s0")
    form.get_by_role("button", name="Look").click()
    page.get_by_role("radio", name="srresnet-wgr-blur-reduced-s0").wait_for()
    page.get_by_role("heading", name="srresnet-wgr-blur-reduced-s0").wait_for()

    form.get_by_label("Network", exact=True).fill("rdn-div2k-x4")
    form.get_by_role("button", name="Look").click()
    page.get_by_text("rdn-div2k-x4: a page runs SRResNets").wait_for()
    context.close()
    assert errors == []
