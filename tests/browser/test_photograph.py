"""The widget of "Your photograph" on a page of its own: what a reader does, and what comes of it."""

from __future__ import annotations

import base64
import io
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import CHROMIUM
from harness import LIMIT_MS, MEASURES, after, busy_of_moves, slide, wait_for, write_page
from PIL import Image

from ddrlib.data.credits import licence
from ddrlib.data.photographs import load_patches
from ddrlib.files import DATA
from ddrlib.widgets.photograph import SHIPPED, photograph
from ddrlib.zoo.loading import load_network

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def document(tmp_path_factory) -> Path:
    networks = {
        f"{kind} global residual": load_network(f"srresnet-{name}-reduced-s0")
        for kind, name in (("with", "wgr"), ("without", "wogr"))
    }
    path = tmp_path_factory.mktemp("photograph") / "page.html"
    write_page(photograph(networks, load_patches("eval", n=24)), path)
    return path


@pytest.fixture(scope="module")
def context(browser):
    context = browser.new_context(
        viewport={"width": 680, "height": 1000}, offline=True, accept_downloads=True
    )
    yield context
    context.close()


@pytest.fixture(scope="module")
def shared(context, document):
    """One page for all tests, since it takes a moment to start; errors and requests are kept."""
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.problems.append(m.text))
    page.on(
        "request",
        lambda request: (
            request.url.startswith(("file:", "blob:", "data:")) or page.problems.append(request.url)
        ),
    )
    page.goto(document.as_uri())
    page.wait_for_function("window.drawn")
    yield page
    assert page.problems == []


@pytest.fixture
def page(shared):
    """The page as at its start."""
    after(shared, lambda: shared.get_by_role("button", name="Start again").click())
    return shared


def moved(page) -> list[int]:
    """How far the ring of each panel is from where the clean photograph is, in percent."""
    return [
        int(re.search(r"\d+", text)[0]) for text in page.locator(".ddr-moved").all_inner_texts()
    ]


def pictures(page) -> list[str]:
    """Input, features and outputs, as they are."""
    page.wait_for_timeout(400)  # outputs come a little later
    return page.locator(".ddr-input canvas, .ddr-pair canvas").evaluate_all(
        "nodes => nodes.map((node) => node.hidden ? '' : node.toDataURL())"
    )


def input_pixels(page) -> np.ndarray:
    return np.reshape(
        page.locator(".ddr-input canvas").evaluate(
            "n => Array.from(n.getContext('2d').getImageData(0, 0, n.width, n.height).data)"
        ),
        (32, 32, 4),
    )[..., :3]


def take(page, name: str, image: Image.Image | bytes, **options) -> None:
    """Choose a file, whether it can be used or not."""
    data = image
    if isinstance(image, Image.Image):
        file = io.BytesIO()
        image.save(file, Path(name).suffix[1:].replace("jpg", "jpeg").upper(), **options)
        data = file.getvalue()
    given = {"name": name, "mimeType": "image/*", "buffer": data}
    page.locator("input[type=file]").set_input_files(given)


def problem(page) -> str:
    page.locator(".ddr-problem:not(:empty)").wait_for(timeout=10_000)
    return page.locator(".ddr-problem").inner_text()


# ---- what the page shows ----


def test_the_one_moves_the_other_does_not(page):
    slide(page, "Blur", 0)
    assert moved(page) == [0, 0]
    slide(page, "Blur", 4)
    by_blur = moved(page)
    assert by_blur[0] > 15 and by_blur[1] <= 5
    assert page.locator(".ddr-trail").first.evaluate("n => n.points.length") >= 2
    after(page, lambda: page.get_by_label("untrained", exact=True).check())
    assert moved(page)[1] <= 5, "a network that has learnt nothing"
    after(page, lambda: page.get_by_label("high-pass filter", exact=True).check())
    assert moved(page)[1] > 15, "no network is needed"
    page.get_by_text("A filter makes no large image.").wait_for()


def test_each_slider_changes_input_features_and_outputs(page):
    slide(page, "Blur", 0)
    before = pictures(page)
    for label, value in (("Blur", 2), ("Noise", 20), ("JPEG", 70)):
        slide(page, label, value)
        shown = pictures(page)
        assert [a == b for a, b in zip(before, shown, strict=True)] == [False] * 5, label
        slide(page, label, 0)
    assert pictures(page) == before


def test_depth_changes_maps_and_features_but_not_outputs(page):
    before, label = pictures(page), page.locator(".ddr-map").first.get_attribute("aria-label")
    slide(page, "Depth", 2)
    shown = pictures(page)
    assert [a == b for a, b in zip(before, shown, strict=True)] == [True, False, True, False, True]
    assert page.locator(".ddr-map").first.get_attribute("aria-label") != label
    assert page.get_by_text("RB2:").count() == 2
    slider = page.get_by_role("slider", name="Depth", exact=True)
    assert slider.get_attribute("aria-valuetext") == "block 2 of 8"


def test_frame_by_keyboard_and_pointer(page):
    frame, before = page.get_by_role("application"), input_pixels(page)
    frame.focus()
    suppressed = frame.get_attribute("data-lm-suppress-shortcuts")
    assert suppressed == "true", "a notebook's shortcuts would take the arrows"
    after(page, lambda: page.keyboard.press("ArrowRight"))
    assert "68 from the left, 64 from the top" in frame.get_attribute("aria-label")
    right = input_pixels(page)
    # Four pixels of the photograph are one of the input, but for the cut at the border.
    assert np.abs(right[:, 2:-3].astype(int) - before[:, 3:-2]).max() <= 2
    for _ in range(3):
        after(page, lambda: page.keyboard.press("Shift+ArrowDown"))
    assert "68 from the left, 112 from the top" in frame.get_attribute("aria-label")
    box = page.locator(".ddr-whole").bounding_box()
    after(page, lambda: page.mouse.click(box["x"] + 2, box["y"] + box["height"] - 2))
    assert ": 0 from the left, 128 from the top" in frame.get_attribute("aria-label")
    held = frame.bounding_box()
    page.mouse.move(held["x"] + 20, held["y"] + 20)
    page.mouse.down()
    scale = box["width"] / 256
    after(page, lambda: page.mouse.move(held["x"] + 20 + 64 * scale, held["y"] + 20 - 32 * scale))
    page.mouse.up()
    place = [int(n) for n in re.findall(r"\d+", frame.get_attribute("aria-label"))]
    assert place == pytest.approx([64, 96], abs=1)


def test_the_depth_is_in_view_together_with_the_maps(page):
    page.set_viewport_size({"width": 1280, "height": 900})
    depth, maps = page.locator(".ddr-depth").bounding_box(), page.locator(".ddr-map").all()
    for box in (one.bounding_box() for one in maps):
        assert depth["y"] + depth["height"] <= box["y"]
        assert box["y"] + box["height"] - depth["y"] < 900
    before = maps[0].bounding_box()
    for step in (0, 4, 8):
        slide(page, "Depth", step)
        assert maps[0].bounding_box() == before, "what is looked at stays where it is"
    page.set_viewport_size({"width": 680, "height": 1000})


def test_a_finger_scrolls_beside_the_frame_and_drags_it(page):
    """A touch that travels beside the frame is the page's; a tap calls the frame."""
    frame, client = page.get_by_role("application"), page.context.new_cdp_session(page)
    whole = page.locator(".ddr-whole")

    def touch(*places: tuple[float, float]) -> None:
        """From place to place on the photograph, in shares of its sides."""
        page.evaluate("scrollTo(0, 0)")
        box = whole.bounding_box()
        for k, (x, y) in enumerate(places):
            point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            kind = "touchMove" if k else "touchStart"
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def place() -> list[int]:
        return [int(n) for n in re.findall(r"\d+", frame.get_attribute("aria-label"))]

    touch_action = "n => getComputedStyle(n).touchAction"
    assert [n.evaluate(touch_action) for n in (whole, frame)] == ["pan-y", "none"]
    assert place() == [64, 64]
    touch((0.05, 0.9), (0.06, 0.7), (0.06, 0.5))
    touch((0.05, 0.9), (0.3, 0.9))
    assert place() == [64, 64], "a swipe leaves it"
    touch((0.05, 0.95), (0.055, 0.95))
    assert place() == [0, 128], "a tap calls it"
    touch((0.2, 0.8), (0.3, 0.7), (0.45, 0.55))
    assert place() == pytest.approx([64, 64], abs=2), "and it can be dragged"


def test_every_shipped_photograph_has_its_credit(page):
    rows = [line.split("\t") for line in (DATA / "photos" / "photos.tsv").read_text().splitlines()]
    for title, name in SHIPPED.items():
        button = page.get_by_role("button", name=title, exact=True)
        after(page, button.click)
        assert button.get_attribute("aria-pressed") == "true"
        (row,) = [row for row in rows if row[0].endswith(f"__{name}.webp")]
        note = page.locator(".ddr-whole ~ .ddr-note").inner_text()
        assert row[6] in note, "author"
        assert licence({"licence": row[7]}) in note, "licence"


def test_the_sentence_says_what_changed_once_nothing_moves(page):
    slide(page, "Noise", 30)
    sentence = page.get_by_role("status")
    sentence.get_by_text("7 noisy; moved by").or_(sentence.get_by_text("noisy")).wait_for()
    text = sentence.inner_text()
    assert re.search(r"With global residual: of the 7 nearest .*; moved by \d+% of the map", text)
    counts = [int(n) for n in re.findall(r"(\d) (?:clean|blurred|noisy)", text)]
    assert sum(counts) == 14


def test_a_view_as_a_link(page, context):
    after(page, page.get_by_role("button", name="Koala").click)
    slide(page, "Blur", 2.5)
    slide(page, "JPEG", 40)
    slide(page, "Depth", 5)
    after(page, lambda: page.get_by_label("untrained", exact=True).check())
    page.get_by_role("button", name="Link to this view").click()
    address, shown = page.url, pictures(page)
    assert "#photograph=2" in address and "blur=2.5" in address
    other = context.new_page()
    other.goto(address)
    other.wait_for_function("window.drawn")
    other.wait_for_function(f"{MEASURES} > 0")
    assert pictures(other) == shown
    assert moved(other) == moved(page)
    other.close()
    odd = address.split("#")[0] + "#photograph=99&blur=1e9&left=-5&depth=x&other=0&noise=NaN"
    after(page, lambda: page.evaluate("(to) => { location.href = to; }", odd))
    slider = page.get_by_role("slider", name="Blur", exact=True)
    assert slider.input_value() == "6", "kept within bounds"
    page.evaluate("history.replaceState(null, '', location.pathname)")


def test_save_as_picture(page):
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as picture").click()
    image = Image.open(download.value.path())
    assert image.format == "PNG" and image.width > 800
    assert len(image.convert("RGB").getcolors(10**6)) > 1000


# ---- a reader's own files ----


def scene(width: int, height: int) -> Image.Image:
    """A picture whose top left quarter is red, and which has texture all over."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 60, (height // 16 + 1, width // 16 + 1, 3), np.uint8)
    pixels = pixels.repeat(16, 0).repeat(16, 1)[:height, :width]
    pixels[: height // 2, : width // 2, 0] += 190
    return Image.fromarray(pixels)


def redness(page) -> np.ndarray:
    """How red the four quarters of the whole photograph are: top left, top right, bottom ones."""
    canvas = page.locator(".ddr-whole canvas")
    size = canvas.evaluate("n => [n.height, n.width]")
    data = canvas.evaluate(
        "n => Array.from(n.getContext('2d').getImageData(0, 0, n.width, n.height).data)"
    )
    red = np.reshape(data, (*size, 4))[..., 0]
    down, across = size[0] // 2, size[1] // 2
    return np.array(
        [
            q.mean()
            for half in (red[:down], red[down:])
            for q in (half[:, :across], half[:, across:])
        ]
    )


def test_a_twelve_megapixel_photograph_taken_upright(page):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned by 90 degrees clockwise
    after(page, lambda: take(page, "phone.jpg", scene(4000, 3000), exif=exif, quality=85))
    size = page.locator(".ddr-whole canvas").evaluate("n => [n.width, n.height]")
    assert size == [256, 341]
    assert redness(page).argmax() == 1, "the top left quarter has become the top right one"
    assert (
        "phone.jpg, reduced to 256 × 341 pixels"
        in page.locator(".ddr-whole ~ .ddr-note").inner_text()
    )
    slide(page, "Blur", 0)
    assert moved(page) == [0, 0] and problem_is_empty(page)


def problem_is_empty(page) -> bool:
    return page.locator(".ddr-problem").inner_text() == ""


def test_alpha_becomes_white_and_grey_stays_grey(page):
    image = scene(200, 200).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 200, 100))
    after(page, lambda: take(page, "alpha.png", image))
    assert redness(page)[:2].min() == 255 and redness(page)[2:].max() < 100
    grey = scene(200, 180).convert("L")
    after(page, lambda: take(page, "grey.png", grey))
    pixels = input_pixels(page)
    assert (pixels == pixels[..., :1]).all() and pixels.std() > 5
    assert problem_is_empty(page)


def test_flat_parts_are_called_flat(page):
    after(page, lambda: take(page, "sky.png", Image.new("RGB", (256, 256), (120, 160, 220))))
    page.get_by_text("nearly flat").wait_for()
    after(page, page.get_by_role("button", name="Start again").click)
    page.wait_for_timeout(900)
    assert page.get_by_text("nearly flat").count() == 0


@pytest.mark.parametrize(
    "name, data, sentence",
    [
        ("tiny.png", scene(100, 300), "tiny.png has 100 × 300 pixels; at least 128 × 128"),
        ("broken.jpg", b"\xff\xd8\xff\xe0 and then nothing", "broken.jpg cannot be read"),
        ("empty.png", b"", "empty.png cannot be read"),
        ("notes.txt", b"not a picture", "notes.txt cannot be read"),
        ("IMG_1.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC picture, which browsers"),
        ("renamed.jpg", b"\0\0\0\x18ftypheix\0\0\0\0mif1heic", "HEIC picture, which browsers"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(page, name, data, sentence):
    before = pictures(page)
    take(page, name, data)
    text = problem(page)
    assert sentence in text and text.endswith(".")
    assert pictures(page) == before, "what was shown stays"
    after(page, page.get_by_role("button", name="Owl").click)
    assert problem_is_empty(page)


def test_a_dropped_file(page):
    file = io.BytesIO()
    scene(300, 300).save(file, "PNG")
    drop = """(node, bytes) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
      node.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }"""
    root = page.locator(".ddr-photograph")
    after(page, lambda: root.evaluate(drop, list(file.getvalue())))
    assert "dropped.png" in page.locator(".ddr-whole ~ .ddr-note").inner_text()
    root.evaluate(
        "n => n.dispatchEvent(new DragEvent('drop', { dataTransfer: new DataTransfer(), bubbles: true }))"
    )
    assert "not a file" in problem(page)


# ---- in a notebook, and as one of several ----


def test_another_network_where_a_kernel_runs(shared, browser, tmp_path):
    """The form appears when a kernel answers; what it gives is one more instrument."""
    networks = {"with": load_network("srresnet-wgr-reduced-s0")}
    widget = photograph(networks, load_patches("eval", n=12), compact=True)
    page = browser.new_context(viewport={"width": 680, "height": 1000}, offline=True).new_page()
    page.goto(write_page(widget, tmp_path / "page.html"))
    page.wait_for_function("window.drawn")
    form = page.locator("form.ddr-live")
    assert not form.is_visible() and page.get_by_text("Where this chapter runs").is_visible()
    assert page.evaluate("window.sent") == [{"type": "ping"}]
    page.evaluate("reply({ type: 'pong' })")
    page.get_by_label("Network", exact=True).fill("srresnet-skip-of-mine")
    page.get_by_role("button", name="Look").click()
    assert page.evaluate("window.sent[1].request") == {"network": "srresnet-skip-of-mine"}

    answers = []
    widget.send = lambda content, buffers=None: answers.append((content, buffers))
    widget._answer({"network": "srresnet-wogr-reduced-s0"})
    content, buffers = answers[-1]
    encoded = [base64.b64encode(part).decode() for part in buffers]
    after(
        page,
        lambda: page.evaluate("([c, b]) => reply(c, b)", [content, encoded]),
    )
    assert page.get_by_label("srresnet-wogr-reduced-s0", exact=True).is_checked()
    slide(page, "Blur", 4)
    by_blur = moved(page)
    assert by_blur[0] > 15 and by_blur[1] <= 5, "as the shipped widget has it of the two"
    widget._answer({"network": "rdn-div2k-x4"})
    assert "a page runs SRResNets" in answers[-1][0]["text"]
    page.context.close()


def test_compact(shared, browser, tmp_path):
    """Maps, sliders, controls and the sentence; no features, no outputs, half the weights."""
    networks = {name: load_network(f"srresnet-{name}-reduced-s0") for name in ("wgr", "wogr")}
    path = tmp_path / "page.html"
    address = write_page(photograph(networks, load_patches("eval", n=24), compact=True), path)
    page = browser.new_context(viewport={"width": 390, "height": 1000}, offline=True).new_page()
    page.goto(address)
    page.wait_for_function("window.drawn")
    slide(page, "Blur", 4)
    by_blur = moved(page)
    assert by_blur[0] > 15 and by_blur[1] <= 5
    assert (
        page.locator(".ddr-pair").count() == 0 and page.locator(".ddr-thumbs button").count() == 3
    )
    slide(page, "JPEG", 60)
    page.get_by_text("no place for what JPEG does").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as picture").click()
    assert 400 < Image.open(download.value.path()).width < 600
    assert path.stat().st_size < 1.2 * MEGABYTE
    page.context.close()


# ---- for everybody ----


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 680])
def test_accessible_and_nothing_cut(page, mode, width):
    page.set_viewport_size({"width": width, "height": 1000})
    page.evaluate("(mode) => { document.documentElement.dataset.theme = mode; }", mode)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    cut = "nodes => nodes.filter((n) => n.scrollWidth > n.clientWidth + 1).map((n) => n.outerHTML)"
    assert page.locator(".ddr-photograph :is(p, button, label, figcaption)").evaluate_all(cut) == []
    violations = Axe().run(page).response["violations"]
    found = [f"{v['id']}: {v['nodes'][0]['target']}" for v in violations]
    assert [text for text in found if not text.startswith(("region", "landmark", "page-has"))] == []
    page.set_viewport_size({"width": 680, "height": 1000})
    page.evaluate("document.documentElement.dataset.theme = 'light'")


def test_prints_a_still_picture(page):
    page.emulate_media(media="print")
    assert page.locator(".ddr-map").first.is_visible()
    assert not page.get_by_role("button", name="Save as picture").is_visible()
    page.emulate_media(media="screen")


def test_a_slider_move_takes_a_moment_only(page):
    mean = busy_of_moves(page, "Blur", 5)
    print(f"{mean:.1f} ms of processor time a move")
    assert mean < LIMIT_MS


def test_small(document):
    assert document.stat().st_size < 2 * MEGABYTE


class _Handler(SimpleHTTPRequestHandler):
    """Serves the page as a strict site does: WebAssembly is forbidden."""

    def end_headers(self) -> None:
        policy = "script-src 'unsafe-inline' blob:; connect-src 'none'"
        self.send_header("Content-Security-Policy", policy)
        super().end_headers()

    def log_message(self, *_: object) -> None: ...


def test_over_http_and_where_webassembly_is_forbidden(browser, document, page):
    """The same pictures by plain JavaScript, slower."""
    handler = partial(_Handler, directory=document.parent)
    slide(page, "Blur", 3)
    shown = moved(page)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        context = browser.new_context(viewport={"width": 680, "height": 1000})
        served, requests, problems = context.new_page(), [], []
        served.on("request", lambda request: requests.append(urlsplit(request.url)))
        served.on("pageerror", lambda error: problems.append(str(error)))
        served.goto(f"http://127.0.0.1:{server.server_port}/{document.name}")
        wait_for(served, "window.drawn")
        slide(served, "Blur", 3)
        assert moved(served) == shown
        context.close()
        server.shutdown()
    assert {url.hostname for url in requests if url.scheme == "http"} == {"127.0.0.1"}
    assert problems == []
