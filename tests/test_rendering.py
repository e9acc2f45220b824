"""Figures as pages show them: nothing wider than the page, nothing lost, two themes in one file."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib import pyplot as plt

from ddrlib.plots.palette import INK, MARKERS, PALETTE
from ddrlib.plots.panels import grid, legend, points
from ddrlib.plots.rendering import COLUMN, PHONE, for_pages


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def maps_of(rows: int, columns: int):
    """Panels named by row and column, with a long legend and a colour bar."""
    fig, axes = grid(
        [f"row {i}" for i in range(rows)], [f"column {j}" for j in range(columns)], (3, 2)
    )
    for ax in axes.flat:
        points(
            ax,
            np.eye(4, 2),
            np.arange(4),
            [f"a degradation of a rather long name indeed {k}" for k in range(4)],
        )
    legend(fig, axes[:1, 0])
    return fig


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 3), (3, 2)])
def test_every_layout_fits_its_page_at_its_scale(shape):
    layouts = for_pages(maps_of(*shape))
    for name, (width, scale) in {"wide": COLUMN, "narrow": PHONE}.items():
        assert layouts[name][1] <= 1.1 * width / scale, "the tight box may add a little"


def test_columns_are_stacked_in_blocks_that_keep_their_rows():
    fig = maps_of(2, 3)
    fig.set_size_inches(12, 4)
    for_pages(fig)  # ends with the layout of a phone
    places = {
        (ax.get_title(), i): ax.get_subplotspec().rowspan.start
        for i, ax in enumerate(fig.axes)
        if ax.get_title()
    }
    assert sorted(places.values()) == [0, 2, 4], "the panel below each is its second row"
    assert [ax.get_ylabel() for ax in fig.axes] == ["row 0"] * 3 + ["row 1"] * 3
    assert fig.legends[0]._ncols == 1
    assert len(fig.legends) == 1 and len(fig.legends[0].get_texts()) == 4


def test_a_layout_leaves_nothing_to_the_next():
    """Names of rows are copied for a column of blocks, and those of columns that move back go again."""
    fig = maps_of(2, 10)
    fig.axes[0].yaxis.label.set(rotation=0, ha="right")
    for_pages(fig)
    named = [i for i, ax in enumerate(fig.axes) if ax.get_ylabel()]
    beside = fig.axes[0].get_gridspec().ncols
    assert named == [10 * row + i for row in (0, 1) for i in range(0, 10, beside)]
    assert fig.axes[0].yaxis.label.get_ha() == "right"


def test_one_panel_more_is_pressed_into_a_row_where_that_saves_a_block():
    fig, axes = grid(["a"], [f"column {j}" for j in range(10)], (1.45, 1.35))
    for_pages(fig)  # ends with the layout of a phone, where four have room
    assert axes[0, 0].get_gridspec().get_geometry() == (2, 5)


def test_the_rim_of_a_marker_changes_with_the_theme():
    """Rules of the page do not reach a marker where it is defined."""
    fig, ax = plt.subplots()
    ax.scatter([0.5], [0.5], marker="x", color=INK)
    svg = for_pages(fig)["wide"].svg.decode()
    defined = re.findall(r'<path id="m[^>]*>', svg)
    assert defined and not any("stroke" in path for path in defined)
    assert re.search(rf"<use [^>]*stroke: {INK}", svg)


def test_three_panels_stand_in_one_row_or_one_below_the_other():
    fig = maps_of(1, 3)
    for_pages(fig)
    assert fig.axes[0].get_gridspec().get_geometry() == (3, 1)
    fig, axes = grid([""], ["a", "b", "c"], (2.4, 2.5))
    wide, narrow = for_pages(fig).values()
    assert axes[0, 0].get_gridspec().get_geometry() == (1, 3)
    assert narrow.width / narrow.height == pytest.approx(wide.width / wide.height, rel=0.15)


def test_the_dark_theme_is_in_the_same_file_and_the_file_is_always_the_same():
    svg = for_pages(maps_of(1, 2))["wide"][0].decode()
    assert svg == for_pages(maps_of(1, 2))["wide"][0].decode()
    assert re.search(r'<svg id="dark"', svg)
    assert f'#dark:target [style*="fill: {INK}"] {{fill: ' in svg
    assert svg.count(f"fill: {INK}") > 5, "letters have the colour that changes"
    assert PALETTE[0].lower() in svg and len(MARKERS) == 8
