"""The map of the first page, on a page of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import CHROMIUM
from harness import write_page

from ddrlib.widgets.depth_map import DepthMap
from ddrlib.widgets.thumbnails import sheet

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

LAYERS, SAMPLES = 19, 8


@pytest.fixture
def page(browser, tmp_path):
    """Four of eight images have pictures; from layer to layer places are drawn anew."""
    places = np.random.default_rng(0).integers(0, 65536, (LAYERS, SAMPLES, 2))
    index = {
        "network": "toy",
        "samples": SAMPLES,
        "columns": 2,
        "degradation": [0] * 4 + [1] * 4,
        "degradations": [
            {"name": "clean", "colour": "#0072B2", "dark": "#4293f8", "marker": "o"},
            {"name": "blurred", "colour": "#D55E00", "dark": "#fc5e1b", "marker": "s"},
        ],
        "pictures": [0, 1, 4, 5],
        "layers": [{"title": f"block {k} of 18", "purity": f"{k}%"} for k in range(LAYERS)],
        "chance": "50%",
    }
    pictures = sheet(torch.rand(4, 3, 32, 32))
    widget = DepthMap(index=index, points=places.astype("<u2").tobytes(), sheet=pictures)
    page = browser.new_page(reduced_motion="reduce")
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(write_page(widget, tmp_path / "page.html"))
    page.wait_for_function("window.drawn")
    yield page
    page.close()
    assert errors == []


def sides(page) -> list[bool]:
    """Which pictures are on the left of the map."""
    box = page.get_by_role("img").first.bounding_box()
    pictures = [image.bounding_box() for image in page.locator(".ddr-depth image").all()]
    return [one["x"] < box["x"] + box["width"] / 2 for one in pictures]


def test_a_film_of_eighteen_blocks_takes_less_than_ten_seconds(page):
    page.clock.install()
    slider, at_the_end = page.get_by_role("slider", name="Depth"), sides(page)
    room = slider.bounding_box()
    page.get_by_role("button", name="Play the layers").click()
    assert slider.input_value() == "0"
    assert slider.bounding_box() == room, "the other word of the button moves nothing"
    for _ in range(6):
        assert sides(page) == at_the_end, "in the film a picture stays on its side"
        page.clock.run_for(500)
    assert 4 <= int(slider.input_value()) <= 7
    page.clock.run_for(7000)
    assert slider.input_value() == "18"
    assert page.get_by_role("button", name="Play the layers").is_visible()


def test_it_says_what_the_map_is(page):
    assert "first two principal components" in page.locator(".ddr-names").inner_text()


def test_the_ring_of_the_focus_leaves_the_words_alone(page):
    slider = page.get_by_role("slider", name="Depth")
    slider.press("ArrowLeft")
    ring = slider.evaluate(
        "n => [getComputedStyle(n).outlineWidth, getComputedStyle(n).outlineOffset]"
    )
    assert ring == ["3px", "0px"]
    word = page.get_by_text("Depth", exact=True).bounding_box()
    assert word["y"] + word["height"] <= slider.bounding_box()["y"] - 3


def test_marks_and_frames_change_their_colour_in_the_dark(page):
    fills, frames = (
        f"[...document.querySelectorAll('{what}')].map((part) => getComputedStyle(part).{how})"
        for what, how in ((".ddr-dot > path[fill]", "fill"), (".ddr-dot > rect", "stroke"))
    )
    light, dark = {"rgb(0, 114, 178)", "rgb(213, 94, 0)"}, {"rgb(66, 147, 248)", "rgb(252, 94, 27)"}
    assert set(page.evaluate(fills)) == set(page.evaluate(frames)) == light
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert set(page.evaluate(fills)) == set(page.evaluate(frames)) == dark
