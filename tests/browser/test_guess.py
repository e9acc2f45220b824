"""The game of distortions, on a page of its own."""

from __future__ import annotations

import re
from base64 import b64encode

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from conftest import CHROMIUM
from harness import to_json, write_page

from ddrlib.widgets.distortion_viewer import DistortionGame
from ddrlib.widgets.thumbnails import webp

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

TYPES = ["blur", "noise", "jpeg"]


@pytest.fixture
def page(browser, tmp_path):
    states = [
        {
            "reference": f"photograph {k}",
            "type": kind,
            "level": 3,
            "said": [("always blur", "blur", 2.0), ("all right", kind, 3.2)],
        }
        for k, kind in enumerate(TYPES)
    ]
    images = [(k / 2 * torch.linspace(0, 1, 32)).expand(3, 32, 32) for k in range(3)]
    originals = {f"photograph {k}": torch.ones(3, 32, 32) for k in range(3)}
    game = DistortionGame(TYPES, states, images, originals, lambda reference, text: (images[0], []))
    context = browser.new_context(viewport={"width": 800, "height": 700}, offline=True)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(write_page(game, tmp_path / "page.html"))
    page.wait_for_function("window.drawn")
    yield page
    context.close()
    assert errors == []


def verdict(page):
    return page.locator(".ddr-verdict").inner_text()


def rows(page):
    """Who, what each takes the picture for, and how many each has right."""
    return page.locator(".ddr-scores tbody tr").evaluate_all(
        "rows => rows.map((row) => [row.cells[0].innerText, ...[...row.querySelectorAll('.ddr-alternatives')]"
        ".map((cell) => cell.firstChild.innerText)])"
    )


def test_nothing_is_given_away_before_the_guess(page):
    assert verdict(page) == "Which distortion is it?"
    alternative = page.locator("img").first.get_attribute("alt")
    assert not any(kind in alternative for kind in TYPES)
    assert page.locator(".ddr-next").is_hidden()
    assert rows(page) == [
        ["you", "", "none yet"],
        ["all right", "", "guess first"],
        ["always blur", "", "guess first"],
    ]


def test_it_opens_on_a_picture_that_is_easy_to_see(page):
    """The third of the three has the most contrast."""
    page.get_by_role("button", name="blur", exact=True).click()
    assert verdict(page).startswith("Wrong: it is jpeg")


def test_it_opens_where_methods_part():
    states = [
        {"reference": f"photograph {k}", "type": "blur", "level": 3, "said": []} for k in range(3)
    ]
    images = [torch.linspace(0, 1 / (k + 1), 32).expand(3, 32, 32) for k in range(3)]
    assert DistortionGame(TYPES, states, images, {}, print).opening == 0, "the most contrast"
    states[2]["said"] = [("trained", "blur", 3.0), ("random", "jpeg", 3.0)]
    assert DistortionGame(TYPES, states, images, {}, print).opening == 2, "methods part there"
    states[2]["said"] = [("trained", "jpeg", 3.0), ("random", "blur", 3.0)]
    assert DistortionGame(TYPES, states, images, {}, print).opening == 0, "shows what was learned"


def test_the_original_is_seen_after_the_guess_and_not_before(page):
    shown = [page.locator(".ddr-original"), page.get_by_text("Right half: the original.")]
    assert all(part.is_hidden() for part in shown)
    page.get_by_role("button", name="blur", exact=True).click()
    assert all(part.is_visible() for part in shown)
    page.get_by_role("button", name="Next picture").click()
    assert all(part.is_hidden() for part in shown)


def test_every_picture_once_and_the_score_counts(page):
    truths = set()
    for k in range(3):
        page.get_by_role("button", name="blur", exact=True).click()
        said = re.match(r"(Right|Wrong): it is (\w+), level 3 of 5\.", verdict(page))
        truths.add(said[2])
        assert (said[1] == "Right") == (said[2] == "blur")
        mark = "(right)" if said[2] == "blur" else "(wrong)"
        assert rows(page) == [
            ["you", f"blur {mark}", f"{int('blur' in truths)} of {k + 1}"],
            ["all right", f"{said[2]}, level 3.2 (right)", "3 of 3"],
            ["always blur", f"blur, level 2.0 {mark}", "1 of 3"],
        ]
        page.get_by_role("button", name="Next picture").click()
    assert truths == set(TYPES)
    assert rows(page)[0] == ["you", "", "1 of 3"], "and nothing is said of the next picture"
    first, second = page.locator(".ddr-bar span").all()[:2]
    colour = "n => getComputedStyle(n).backgroundColor"
    assert first.evaluate(colour) != second.evaluate(colour)


@pytest.mark.parametrize("width", [360, 800])
def test_nothing_moves_between_the_rounds(page, width):
    """And the methods' shares are seen after the first guess."""
    page.set_viewport_size({"width": width, "height": 800})

    def places() -> list:
        parts = (".ddr-guess", ".ddr-row", ".ddr-next", ".ddr-scores", ".ddr-scores tr:last-child")
        return page.evaluate(
            "parts => parts.map((part) => ({ ...document.querySelector(part).getBoundingClientRect().toJSON() }))",
            list(parts),
        )

    before = places()
    page.get_by_role("button", name="blur", exact=True).click()
    assert places() == before and rows(page)[2][2] == "1 of 3"
    assert page.locator(".ddr-next").evaluate("n => n === document.activeElement")
    page.keyboard.press("Enter")
    assert places() == before
    first = page.get_by_role("button", name="blur", exact=True)
    assert first.evaluate("n => n === document.activeElement"), "the next answer by keyboard"


@pytest.mark.parametrize("width", [390, 800])
def test_accessible_and_fits(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.get_by_role("button", name="jpeg", exact=True).click()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    found = [v["id"] for v in Axe().run(page).response["violations"]]
    assert [name for name in found if not name.startswith(("region", "landmark", "page-has"))] == []


def test_a_kernel_distorts_as_told(page):
    page.evaluate("reply({type: 'pong'})")
    page.get_by_role("textbox").fill("blur2")
    page.get_by_role("button", name="Compute").click()
    assert page.evaluate("sent[1].request") == {"reference": "photograph 2", "text": "blur2"}
    said = [["always blur", "blur", 1.1], ["all right", "blur", 1.5]]
    message = to_json({"type": "result", "said": said})
    page.evaluate(f"reply({message}, ['{b64encode(webp(torch.zeros(3, 8, 8))).decode()}'])")
    assert [row[1] for row in rows(page)] == ["", "blur, level 1.5", "blur, level 1.1"]
