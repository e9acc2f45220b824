"""Pictures by named axes, on a page of their own."""

from __future__ import annotations

import pytest
import torch
from conftest import CHROMIUM
from harness import to_json, write_page

from ddrlib.widgets.frame_viewer import FrameViewer
from ddrlib.widgets.thumbnails import webp

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

DEGREES = {"blur": [0.5, 1, 4], "noise": [1, 20], "jpeg": [30]}


def flat(*colour: float) -> torch.Tensor:
    return torch.tensor(colour)[:, None, None].expand(3, 32, 32)


def frames(photograph: str, kind: str, degree: float) -> list:
    if degree not in DEGREES[kind]:
        return []
    return [
        (f"{kind} {degree:g}", flat(degree / 30, 0.0, 0.0)),
        ("truth", flat(0.0, 1.0, 0.0)),
        (f"{photograph} by {kind}", flat(0.0, 0.0, 1.0)),
    ]


@pytest.fixture
def page(browser, tmp_path):
    axes = {
        "photograph": ["sea", "sky"],
        "degradation": list(DEGREES),
        "degree": [0.5, 1, 4, 20, 30],
    }
    viewer = FrameViewer(axes, frames, compute=lambda choice, text: [], live="any degradation")
    context = browser.new_context(viewport={"width": 800, "height": 700}, offline=True)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.goto(write_page(viewer, tmp_path / "page.html"))
    page.wait_for_function("window.drawn")
    yield page
    context.close()
    assert errors == []


def control(page, role, name):
    return page.get_by_role(role, name=name, exact=True)


def captions(page):
    return page.locator("figcaption").all_inner_texts()


def colours(page):
    """The colour in the middle of each picture, as the browser decoded it."""
    return page.evaluate("""async () => Promise.all([...document.querySelectorAll(".ddr-pictures img")].map(async (image) => {
      await image.decode();
      const canvas = new OffscreenCanvas(1, 1).getContext("2d");
      canvas.drawImage(image, 16, 16, 1, 1, 0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    }))""")


def test_starts_with_the_first_frame(page):
    assert captions(page) == ["blur 0.5", "truth", "sea by blur"]
    exactly = [[4, 0, 0], [0, 255, 0], [0, 0, 255]]  # 0.5 / 30 of 255, green, blue
    assert colours(page) == exactly


def test_every_control_changes_what_it_should(page):
    control(page, "button", "photograph sky").click()
    assert captions(page)[2] == "sky by blur"
    control(page, "slider", "degree").press("ArrowRight")
    assert captions(page)[0] == "blur 1" and colours(page)[0] == [8, 0, 0]
    control(page, "slider", "degree").press("End")
    assert captions(page)[0] == "blur 4" and colours(page)[0] == [34, 0, 0]
    assert control(page, "slider", "degree").get_attribute("aria-valuetext") == "4"


def test_the_photograph_is_chosen_by_its_picture(page):
    sea, sky = (control(page, "button", f"photograph {name}") for name in ("sea", "sky"))
    pressed = "n => n.getAttribute('aria-pressed')"
    assert (sea.evaluate(pressed), sky.evaluate(pressed)) == ("true", "false")
    sky.click()
    assert (sea.evaluate(pressed), sky.evaluate(pressed)) == ("false", "true")
    truth = page.locator(".ddr-pictures img").last.get_attribute("src")
    assert sky.locator("img").get_attribute("src") == truth, "undistorted"


def test_degrees_belong_to_their_type(page):
    degree = control(page, "slider", "degree")
    degree.press("ArrowRight")
    control(page, "combobox", "degradation").select_option(label="noise")
    assert captions(page)[0] == "noise 1", "a degree that both have stays"
    degree.press("ArrowRight")
    control(page, "combobox", "degradation").select_option(label="jpeg")
    assert captions(page)[0] == "jpeg 30" and degree.is_disabled(), "else the nearest place"


def test_a_picture_that_is_clicked_goes_to_the_right_of_the_line(page):
    right = control(page, "combobox", "Right of it")
    assert right.input_value() == "1"  # the last but one
    page.locator(".ddr-pictures button").nth(2).click()
    assert right.input_value() == "2"
    control(page, "slider", "degree").press("ArrowRight")
    assert right.input_value() == "2", "it stays through another choice"
    page.emulate_media(media="print")
    assert page.locator(".ddr-pictures img").first.is_visible()


def test_text_alternatives(page):
    assert page.locator(".ddr-pictures img").first.get_attribute("alt") == (
        "blur 0.5 (photograph sea, degradation blur, degree 0.5)"
    )
    control(page, "slider", "degree").press("ArrowRight")
    spoken = page.locator("[aria-live]").first.inner_text()
    assert spoken == ("photograph sea, degradation blur, degree 1: blur 1; truth; sea by blur")


def test_fits_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


def test_live_only_where_a_kernel_answers(page):
    form = page.locator("form")
    assert form.is_hidden() and page.get_by_text("computed beforehand").is_visible()
    page.evaluate("reply({type: 'pong'})")
    assert form.is_visible() and page.get_by_text("computed beforehand").is_hidden()
    control(page, "textbox", "any degradation").fill("blur3")
    page.get_by_role("button", name="Compute").click()
    choice = {"photograph": "sea", "degradation": "blur", "degree": 0.5}
    assert page.evaluate("sent[1].request") == {"choice": choice, "text": "blur3"}
    message = to_json({"type": "result", "context": "blur3", "show": [["fresh", 0]]})
    buffers = to_json([webp(flat(0.0, 0.0, 1.0))])
    page.evaluate(f"reply({message}, {buffers}.map(({{ base64 }}) => base64))")
    assert captions(page) == ["fresh"] and colours(page) == [[0, 0, 255]]
    control(page, "slider", "degree").press("ArrowRight")
    assert captions(page)[0] == "blur 1", "the stored frames are still there"


def line(page):
    """Where the line between the two pictures is drawn, in percent of the picture's width."""
    return float(
        page.locator(".ddr-stage").evaluate("n => parseFloat(n.style.getPropertyValue('--line'))")
    )


def test_the_line_is_dragged_on_the_picture(page):
    stage, slider = page.locator(".ddr-stage"), control(page, "slider", "Line between the two")
    box = stage.bounding_box()
    assert slider.bounding_box() == box
    at = lambda share: (box["x"] + share * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.click(*at(0.2))
    assert line(page) == 20
    page.mouse.move(*at(0.9))
    assert line(page) == 20, "nothing is held"
    page.mouse.move(*at(0.2))
    page.mouse.down()
    page.mouse.move(*at(0.6), steps=4)
    assert line(page) == 60
    page.mouse.move(*at(0.75), steps=4)
    page.mouse.up()
    assert line(page) == 75
    slider.press("ArrowLeft")
    assert line(page) == 74
    assert slider.evaluate("n => getComputedStyle(n).outlineStyle") == "solid", "the focus is seen"
    assert slider.evaluate("n => getComputedStyle(n).opacity") == "1"


def test_the_line_follows_a_finger(page):
    box = page.locator(".ddr-stage").bounding_box()
    client = page.context.new_cdp_session(page)

    def touch(kind, *place):
        points = [{"x": x, "y": y} for x, y in place]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    at = lambda share: (box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
    touch("touchStart", at(0.3))
    for share in (0.35, 0.4, 0.5, 0.6):
        touch("touchMove", at(share))
    touch("touchEnd")
    assert line(page) == 60
