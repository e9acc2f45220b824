"""The rendered book in headless Chromium, from file://, with the network cut.

Run apart from the other tests, since it needs `ddr book` and a browser: `pytest tests/browser`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ddrlib.files import BUILD

HTML = BUILD / "html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
)

# Every widget of the page drawn: each is when it comes near the window, or is
# unfolded.
SETTLED = """async () => {
  for (const fold of document.querySelectorAll("details:has(.widget-subarea)")) fold.open = true;
  for (const area of document.querySelectorAll(".widget-subarea:not(:has(.ddr))")) area.start();
  const views = document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]');
  const drawn = document.querySelectorAll('.widget-subarea .ddr');
  return drawn.length >= views.length;
}"""


@dataclass
class Visit:
    """A page as a reader sees it, and what went on behind it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with `path` sees every page, one with `widget_path` those with widgets."""
    # index.html only sends the reader on to the first chapter.
    found = [*HTML.glob("*.html"), *HTML.glob("api/*.html")]
    pages = [page for page in sorted(found) if page.stem != "index"]
    if "path" in metafunc.fixturenames:
        if not pages:
            raise pytest.UsageError(f"no pages in {HTML}: run `ddr book` first")
        # Tests of one page follow one another and share what is open.
        metafunc.parametrize("path", pages, ids=lambda page: page.stem, scope="module")
    if "widget_path" in metafunc.fixturenames:
        with_widgets = [
            page for page in pages if "jupyter.widget-view+json" in page.read_text("utf-8")
        ]
        metafunc.parametrize("widget_path", with_widgets, ids=lambda page: page.stem)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, path: Path, width: int = 1280, mode: str = "light") -> Iterator[Visit]:
    """A page, once it is drawn."""
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    context.add_init_script(f"localStorage.mode = localStorage.theme = '{mode}'")
    seen = Visit(context.new_page())
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.on("requestfailed", lambda request: seen.errors.append(f"failed: {request.url}"))
    seen.page.on("pageerror", lambda error: seen.errors.append(f"page error: {error}"))
    seen.page.on(
        "console",
        lambda message: message.type == "error" and seen.errors.append(f"console: {message.text}"),
    )
    seen.page.goto(path.as_uri())
    seen.page.wait_for_function(SETTLED, timeout=20_000)
    yield seen
    context.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a page and wait until it is drawn."""
    with ExitStack() as stack:
        yield lambda path, width=1280, mode="light": stack.enter_context(
            opened(browser, path, width, mode)
        )


@pytest.fixture(scope="module")
def at_desk(browser: Browser, path: Path) -> Iterator[Visit]:
    """Each page in turn, wide and light; tests leave it so."""
    with opened(browser, path) as seen:
        yield seen


@pytest.fixture(scope="module")
def on_phone(browser: Browser, path: Path) -> Iterator[Visit]:
    """Each page in turn, narrow and dark."""
    with opened(browser, path, 390, "dark") as seen:
        yield seen
