"""Pages while the chapters run."""

import time

import pytest

from ddrlib.book import preview as module
from ddrlib.book.preview import preview


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What builds that only leave a mark wrote."""
    mark = "import sys; open(sys.argv[2], 'a').write('built\\n')"
    monkeypatch.setattr(module, "BUILD_PAGES", mark)
    return tmp_path / "out"


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.1)


def test_pages_are_built_where_the_run_has_long_to_go(told, capsys):
    with preview(told, told) as after:
        after(module.WORTH_IT)
        time.sleep(0.5)
        assert not told.exists()
        after(module.WORTH_IT + 1)
        wait_for(told)
        after(1000)  # too soon after the last one
        time.sleep(0.5)
    assert told.read_text() == "built\n"


def test_it_is_said_where_they_are(told, capsys):
    with preview(told, told) as after:
        after(1000)
        wait_for(told)
        for _ in range(600):
            if said := capsys.readouterr().out:
                break
            time.sleep(0.1)
    assert said == f"(so far: {told / 'index.html'}) "


def test_a_build_ends_with_the_run_and_one_that_fails_says_nothing(told, capsys, monkeypatch):
    start = time.monotonic()
    monkeypatch.setattr(module, "BUILD_PAGES", "import time; time.sleep(600)")
    with preview(told, told) as after:
        after(1000)
    monkeypatch.setattr(module, "BUILD_PAGES", "1 / 0")
    with preview(told, told) as after:
        after(1000)
        time.sleep(1)
    assert time.monotonic() - start < 60 and capsys.readouterr().out == ""
