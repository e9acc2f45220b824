"""Drawings: every box and word lies on the canvas, and arrows end where they should."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from matplotlib.text import Annotation

from ddrlib.plots import diagrams

NAMES = {
    "skip": {"small\nimage", "first\nlayer", "trunk", "enlarge", "+", "large\nimage"},
    "guidance": {"image", "guide", "encoder", "first\nlayer", "blocks", "enlarge", "restored"},
}


@pytest.fixture(params=NAMES)
def drawn(request):
    fig = getattr(diagrams, request.param)()
    fig.canvas.draw()
    yield request.param, fig
    plt.close(fig)


def test_everything_lies_on_the_canvas_and_no_word_leaves_its_box(drawn):
    name, fig = drawn
    (ax,) = fig.axes
    boxes = [patch.get_window_extent() for patch in ax.patches]
    words = [text for text in ax.texts if text.get_text()]
    assert NAMES[name] <= {text.get_text() for text in words}
    for text in words:
        extent = text.get_window_extent()
        assert ax.bbox.x0 - 1 <= extent.x0 and extent.x1 <= ax.bbox.x1 + 1, text
        if text.get_text() in NAMES[name]:
            inside = [b for b in boxes if b.x0 <= extent.x0 and extent.x1 <= b.x1]
            assert inside, text
    assert all(ax.bbox.x0 - 1 <= box.x0 and box.x1 <= ax.bbox.x1 + 1 for box in boxes)


def test_the_skip_leads_from_the_input_to_the_sum():
    fig = diagrams.skip()
    (ax,) = fig.axes
    places = {text.get_text(): text.get_position() for text in ax.texts}
    line = next(line for line in ax.lines if line.get_linestyle() == "-")
    assert line.get_xdata()[0] == pytest.approx(places["small\nimage"][0])
    assert line.get_xdata()[-1] == pytest.approx(places["+"][0])
    arrows = [text for text in ax.texts if isinstance(text, Annotation)]
    assert any(arrow.xy[0] == pytest.approx(places["+"][0]) for arrow in arrows)
    plt.close(fig)


def test_the_embedding_leads_from_the_encoder_to_the_blocks():
    fig = diagrams.guidance()
    (ax,) = fig.axes
    places = {text.get_text(): text.get_position()[0] for text in ax.texts}
    assert places["encoder"] == pytest.approx(places["blocks"])
    plt.close(fig)
