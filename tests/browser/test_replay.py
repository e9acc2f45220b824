"""The replay of a training on a page of its own."""

from __future__ import annotations

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import CHROMIUM
from harness import write_page
from PIL import Image

from ddrlib.widgets.replay import STEPS, Replay

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

DEGRADATIONS = [{"name": n, "colour": c} for n, c in (("clean", "#0072B2"), ("blur4", "#D55E00"))]
SAMPLES = 4


def toy(title: str, iterations: list[int]) -> tuple[dict, bytes]:
    """The k-th measurement of the layer l has its first sample at (k / 10, l / 10)."""
    n = len(iterations)
    about = {
        "title": title,
        "name": title,
        "iterations": iterations,
        "layers": ["RB1", "RB2"],
        "component_degradation": [[k / 20, k / 10] for k in range(n)],
        "psnr": [[20.0 + k] for k in range(n)],
    }
    points = np.zeros((n, 2, SAMPLES, 2))
    points[:, :, 0, 0] = np.arange(n)[:, None] / 10
    points[:, :, 0, 1] = np.arange(2)[None] / 10
    return about, np.rint(STEPS * points).astype("<i2").tobytes()


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    given = [toy("with skip", [0, 10, 100, 600]), toy("without skip", [0, 10, 100, 900])]
    index = {
        "networks": [a for a, _ in given],
        "degradations": DEGRADATIONS,
        "samples": SAMPLES,
    }
    widget = Replay(index=index, points=[points for _, points in given])
    context = browser.new_context(
        viewport={"width": 680, "height": 1000}, offline=True, reduced_motion="reduce"
    )
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: m.type == "error" and problems.append(m.text))
    page.goto(write_page(widget, tmp_path_factory.mktemp("replay") / "page.html"))
    page.wait_for_function("window.drawn")
    yield page
    context.close()
    assert problems == []


def slide(page, label: str, value: int) -> None:
    page.get_by_role("slider", name=label).evaluate(
        "(n, v) => { n.value = v; n.dispatchEvent(new Event('input')); }", value
    )


def first_place(page, k: int) -> list[float]:
    """Where the first mark of a map begins: a circle, from its left."""
    d = page.locator(".ddr-map path").nth(2 * k).get_attribute("d")
    return [float(v) for v in d[1:].split("a")[0].split()]


def place(k: int, layer: int) -> list[float]:
    return [50 + 46 * k / 10 - 1, 50 - 46 * layer / 10]


def test_each_stop_shows_its_map_and_its_figures(page):
    """After its last measurement a network stays as it was."""
    slide(page, "Block", 1)
    for stop, (with_skip, without) in enumerate([(0, 0), (1, 1), (2, 2), (3, 2), (3, 3)]):
        slide(page, "Iteration", stop)
        for network, k in enumerate((with_skip, without)):
            assert first_place(page, network) == pytest.approx(place(k, 1), abs=0.02)
            note = page.locator("section .ddr-note").nth(network).inner_text()
            assert f"Component of degradation {10 * k}%, PSNR {20 + k}.0 dB" in note
            assert ("ended after 600" in note) == (stop == 4 and network == 0)
    slide(page, "Block", 0)
    assert first_place(page, 1) == pytest.approx(place(3, 0), abs=0.02)
    slider = page.get_by_role("slider", name="Iteration")
    assert slider.get_attribute("aria-valuetext") == "900 iterations"
    spoken = page.get_by_text("900 iterations, RB1. with skip: Component of degradation 15%")
    spoken.wait_for()
    assert spoken.bounding_box()["width"] <= 1, "said, not shown: the maps have it below them"


def test_curves_follow_the_sliders(page):
    slide(page, "Block", 1)
    slide(page, "Iteration", 2)
    over, quality, depth = page.locator(".ddr-curve").all()
    assert "with skip: 0%, 10%, 20%, 30%, 30%" in over.get_attribute("aria-label")
    assert "without skip: 20.0, 21.0, 22.0, 22.0, 23.0" in quality.get_attribute("aria-label")
    assert depth.get_attribute("aria-label") == "with skip: 10%, 20%; without skip: 10%, 20%"
    here = [curve.locator(".ddr-here").get_attribute("d") for curve in (over, depth)]
    assert here == ["M50.00 0V24", "M100.00 0V24"]


def test_it_plays_from_the_start_to_the_end(page):
    slide(page, "Iteration", 4)
    slider = page.get_by_role("slider", name="Iteration")
    before = slider.bounding_box()
    page.get_by_role("button", name="Play the training").click()
    assert slider.input_value() == "0"
    assert slider.bounding_box() == before, "the other word of the button moves nothing"
    page.wait_for_function("document.querySelector('input').value === '1'")
    page.get_by_role("button", name="Pause").click()
    slide(page, "Iteration", 3)
    page.get_by_role("button", name="Play the training").click()
    assert slider.input_value() == "4"
    page.get_by_role("button", name="Play the training").wait_for()


def test_link_and_picture(page):
    slide(page, "Iteration", 2)
    slide(page, "Block", 0)
    page.get_by_role("button", name="Link to this view").click()
    assert page.url.endswith("#replay=100&block=0")
    slide(page, "Iteration", 4)
    page.evaluate("location.hash = '#replay=99&block=7'")
    page.wait_for_function("document.querySelector('input').value === '1'")
    assert page.get_by_role("slider", name="Block").input_value() == "1", "kept within bounds"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as picture").click()
    assert Image.open(download.value.path()).width > 400


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 680])
def test_accessible_and_nothing_cut(page, mode, width):
    page.set_viewport_size({"width": width, "height": 1000})
    page.evaluate("(mode) => { document.documentElement.dataset.theme = mode; }", mode)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    violations = Axe().run(page).response["violations"]
    found = [f"{v['id']}: {v['nodes'][0]['target']}" for v in violations]
    assert [text for text in found if not text.startswith(("region", "landmark", "page-has"))] == []


def test_prints_a_still_picture(page):
    page.emulate_media(media="print")
    assert (
        page.locator(".ddr-map").first.is_visible()
        and page.locator(".ddr-curve").first.is_visible()
    )
    assert not page.get_by_role("button", name="Save as picture").is_visible()
    page.emulate_media(media="screen")
