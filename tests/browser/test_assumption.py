"""The guided network in the page: told the truth, told something else, against PyTorch."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from conftest import CHROMIUM
from harness import LIMIT_MS, MEASURES, after, busy_of_moves, slide, write_page
from PIL import Image

from ddrlib.degrade.degradation import degrade
from ddrlib.measure.fidelity import psnr
from ddrlib.widgets.assumption import assumption
from ddrlib.zoo.loading import load_network

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

NAME, GUIDED, SIDE = "guided-oracle-reduced-s0", "guided-ddr-reduced-s0", 64


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    address = write_page(
        assumption({"oracle": load_network(NAME), "DDR": load_network(GUIDED)}, SIDE),
        tmp_path_factory.mktemp("a") / "page.html",
    )
    context = browser.new_context(viewport={"width": 680, "height": 1000}, offline=True)
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: m.type == "error" and problems.append(m.text))
    page.goto(address)
    page.wait_for_function("window.drawn")
    yield page
    context.close()
    assert problems == []


def value(page, name: str) -> float:
    return float(page.get_by_role("slider", name=name, exact=True).input_value())


def shown(page, k: int) -> torch.Tensor:
    """A picture (1, 3, H, W) of the row: the original, the input, told the truth, told this."""
    canvas = page.locator(".ddr-four canvas").nth(k)
    side = canvas.evaluate("n => n.width")
    data = canvas.evaluate(
        "n => Array.from(n.getContext('2d').getImageData(0, 0, n.width, n.height).data)"
    )
    pixels = np.reshape(data, (side, side, 4))[..., :3].astype(np.float32) / 255
    return torch.from_numpy(pixels).movedim(-1, 0)[None]


def restored(lr: torch.Tensor, told: tuple[float, float]) -> torch.Tensor:
    """What PyTorch makes of the input."""
    with torch.no_grad():
        return load_network(NAME).module(lr, torch.tensor([told], dtype=lr.dtype)).clamp(0, 1)


def decibels(page, caption: str) -> float:
    text = page.locator(".ddr-four figcaption", has_text=caption).inner_text()
    return float(re.search(r"([\d.]+) dB", text)[1])


@pytest.mark.parametrize("truth, told", [((4, 0), (0, 0)), ((0, 0), (4, 0)), ((1, 20), (2.5, 5))])
def test_pictures_and_decibels_are_those_of_pytorch(page, truth, told):
    for kind, values in (("The photograph is", truth), ("The network is told", told)):
        for name, number in zip(("blur", "noise"), values, strict=True):
            slide(page, f"{kind} {name}", number)
    original, lr = shown(page, 0), shown(page, 1)
    for k, caption, given in ((2, "Told the truth", truth), (3, "Told “", told)):
        wanted = restored(lr, given)
        assert (shown(page, k) - wanted).abs().max() < 1.01 / 255, "but for the rounding to 8 bits"
        assert decibels(page, caption) == pytest.approx(psnr(wanted, original).item(), abs=0.06)


def tell_the_truth(page) -> None:
    """Undo the lie of an earlier test, if there is one."""
    button = page.get_by_role("button", name="Tell the truth")
    if button.is_enabled():
        after(page, button.click)


def test_told_follows_the_truth_until_it_is_moved(page):
    slide(page, "The network is told blur", 4)
    tell_the_truth(page)
    slide(page, "The photograph is blur", 3)
    assert value(page, "The network is told blur") == 3
    assert page.get_by_role("button", name="Tell the truth").is_disabled()
    page.get_by_text("It is told the truth.").wait_for()
    slide(page, "The network is told blur", 0.5)
    slide(page, "The photograph is blur", 2)
    assert value(page, "The network is told blur") == 0.5, "a lie stays a lie"
    page.get_by_text(
        re.compile(r"The lie (costs [\d.]+ dB|costs nothing|gains [\d.]+ dB)\.")
    ).wait_for()


def test_the_chart_holds_what_the_network_restores(page):
    tell_the_truth(page)
    slide(page, "The photograph is blur", 2)
    slide(page, "The photograph is noise", 10)
    page.locator(".ddr-chart svg[aria-label^='PSNR']").wait_for()
    texts = page.locator(".ddr-chart text").evaluate_all("n => n.map((text) => text.textContent)")
    cells = [float(text) for text in texts if "." in text]
    assert len(cells) == 25
    assert cells[12] == pytest.approx(decibels(page, "Told the truth"), abs=0.06), "the middle"
    original, lr = shown(page, 0), shown(page, 1)
    wanted = psnr(restored(lr, (4, 0)), original).item()
    assert cells[4] == pytest.approx(wanted, abs=0.06), "blur 4, no noise: bottom right"


def test_the_chart_has_ticks_and_a_click_on_it_tells_the_network(page):
    page.locator(".ddr-chart svg[aria-label^='PSNR']").wait_for()
    texts = page.locator(".ddr-chart text").evaluate_all("n => n.map((text) => text.textContent)")
    ticks = [text for text in texts if text.isdigit()]
    assert ticks == ["0", "1", "2", "3", "4", "0", "5", "10", "15", "20"]
    places = page.locator(".ddr-chart text").evaluate_all(
        "n => n.map((text) => text.getBoundingClientRect().y)"
    )
    noise = [y for text, y in zip(texts, places, strict=True) if text.isdigit()][5:]
    assert noise == sorted(noise, reverse=True), "upwards"
    squares = page.locator(".ddr-chart svg > rect")
    for square, told in ((8, (3, 5)), (24, (4, 20))):
        squares.nth(square).scroll_into_view_if_needed()
        box = squares.nth(square).bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        after(page, lambda middle=middle: page.mouse.click(*middle))
        assert tuple(value(page, f"The network is told {k}") for k in ("blur", "noise")) == told
        assert page.get_by_role("button", name="Tell the truth").is_enabled()


def luminance(colour: str) -> float:
    """Of "rgb(r, g, b)", as WCAG defines it."""
    shares = np.array([int(part) for part in re.findall(r"\d+", colour)]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_numbers_in_the_chart_can_be_read(page):
    """As far from their squares as text has to be; axe does not look into drawings."""
    page.locator(".ddr-chart svg[aria-label^='PSNR']").wait_for()
    fills = "nodes => nodes.map((node) => getComputedStyle(node).fill)"
    squares = page.locator(".ddr-chart svg > rect").evaluate_all(fills)
    numbers = page.locator(".ddr-chart svg > text[fill^='#']").evaluate_all(fills)
    assert len(squares) == len(numbers) == 25
    for pair in zip(squares, numbers, strict=True):
        dark, light = sorted(map(luminance, pair))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, pair


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 680])
def test_accessible_and_nothing_cut(page, mode, width):
    page.set_viewport_size({"width": width, "height": 1000})
    page.evaluate("(mode) => { document.documentElement.dataset.theme = mode; }", mode)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    table, chart = (page.locator(f".ddr-assumption {k}") for k in (".ddr-costs", ".ddr-chart"))
    beside, below = table.bounding_box(), chart.bounding_box()
    right = beside["x"] + table.evaluate("n => n.scrollWidth")
    assert right <= below["x"] or beside["y"] + beside["height"] <= below["y"]
    violations = Axe().run(page).response["violations"]
    found = [f"{v['id']}: {v['nodes'][0]['target']}" for v in violations]
    assert [text for text in found if not text.startswith(("region", "landmark", "page-has"))] == []


def cells(page, guide: str) -> list[str]:
    row = page.locator(".ddr-costs tr", has=page.locator("th", has_text=guide))
    return row.locator("td").all_inner_texts()


def test_another_guide_is_lied_to_with_an_image(page):
    """Its guide sees the photograph under another degradation, as in chapter 9."""
    page.get_by_role("button", name="Start again").click()
    below = page.get_by_role("button", name="Tell the truth")
    before = below.bounding_box()["y"]
    slide(page, "The photograph is blur", 3)
    page.get_by_text("choose it to see").wait_for()
    assert page.evaluate("window.read.length") == 1, "weights are read when they are needed"
    slide(page, "The network is told blur", 0)
    page.get_by_label("DDR", exact=True).check()
    page.get_by_text("Its guide sees the same photograph").wait_for()
    assert below.bounding_box()["y"] == before, "the longer note moves nothing"
    page.wait_for_function("document.querySelectorAll('.ddr-costs td').length === 6")
    assert page.evaluate("window.read.length") == 2
    module, (original, lr) = load_network(GUIDED).module, (shown(page, 0), shown(page, 1))
    with torch.no_grad():
        wanted = module(lr, embedding=module.embed(degrade(original, "clean"))).clamp(0, 1)
        honest = module(lr).clamp(0, 1)
    assert (shown(page, 2) - honest).abs().max() < 1.01 / 255
    assert (shown(page, 3) - wanted).abs().max() < 1.01 / 255
    truth, lie, cost = map(float, cells(page, "DDR"))
    assert truth == pytest.approx(psnr(honest, original).item(), abs=0.006)
    assert lie == pytest.approx(psnr(wanted, original).item(), abs=0.006)
    assert cost == pytest.approx(truth - lie, abs=0.011)
    assert all(len(cells(page, guide)) == 3 for guide in ("oracle", "DDR"))


def test_a_view_as_a_link_and_as_a_picture(page, browser):
    page.get_by_role("button", name="Koala").click()
    slide(page, "The photograph is noise", 12)
    slide(page, "The network is told blur", 1.5)
    final = re.compile(r"noise 12\. .* blur 1\.50\. The lie costs")
    page.locator(".ddr-sentence", has_text=final).wait_for()
    said = page.locator(".ddr-sentence").inner_text()
    page.get_by_role("button", name="Link to this view").click()
    page.wait_for_function(
        "said => document.querySelector('.ddr-sentence').innerText != said", arg=said
    )
    assert page.locator(".ddr-sentence").inner_text().startswith(said), "what is seen still stands"
    address, captions = page.url, page.locator(".ddr-four figcaption").all_inner_texts()
    assert "#assumption=2" in address and "told-blur=1.5" in address
    context = browser.new_context(viewport={"width": 680, "height": 1000}, offline=True)
    other = context.new_page()
    other.goto(address)
    other.wait_for_function("window.drawn")
    other.wait_for_function(f"{MEASURES} > 0")
    other.get_by_text(captions[3]).wait_for()
    assert other.locator(".ddr-four figcaption").all_inner_texts() == captions
    context.close()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as picture").click()
    image = Image.open(download.value.path())
    assert image.format == "PNG" and image.width > 800
    assert len(image.convert("RGB").getcolors(10**6)) > 1000


def test_start_again(page):
    page.get_by_role("button", name="Start again").click()
    page.get_by_text("The network is told: blur 4.00.").wait_for()
    assert (value(page, "The photograph is blur"), value(page, "The network is told blur")) == (
        2,
        4,
    )


def test_a_slider_move_takes_a_moment_only(page):
    mean = busy_of_moves(page, "The photograph is blur", 4)
    print(f"{mean:.1f} ms of processor time a move")
    assert mean < LIMIT_MS
