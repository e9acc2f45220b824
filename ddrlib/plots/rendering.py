"""A figure as a page shows it: an SVG that knows dark mode, laid out for a column or for a phone.

The SVG is an ordinary one. Under the fragment "#dark", which a page adds to its address, the ink and
the lines take the colours of DARK; so one file serves both themes.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ddrlib.plots.palette import DARK

# What a page shows: the width in inches, and how far a figure may be scaled down to fit into it.
COLUMN, PHONE = (7.0, 0.8), (3.7, 0.7)
# How much too wide a row may be to be pressed, not broken; three are broken into three, not into two and
# one, and of four or more side by side one more is pressed in where that saves a block.
PRESSED, THREE, FOUR = 1.25, 1.6, 4
PIXELS = 200  # per inch, of photographs within a figure
# The stroke of a marker where it is defined: no rule reaches it there, and each use of it says it again.
STROKE = re.compile(r'(<path id="m[0-9a-f]+"[^>]*?) style="stroke[^"]*"')


class Layout(NamedTuple):
    """A figure as a file, and its size in inches."""

    svg: bytes
    width: float
    height: float


def for_pages(fig: Figure) -> dict[str, Layout]:
    """The figure in each layout, "wide" and "narrow". It is changed."""
    specs = {ax: spec for ax in fig.axes if (spec := ax.get_subplotspec())}
    panels = {(spec.rowspan.start, spec.colspan.start): ax for ax, spec in specs.items()}
    shape = next(iter(specs.values())).get_gridspec().get_geometry()
    size = fig.get_size_inches() / shape[::-1]
    labels = {ax: (ax.get_ylabel(), _ticks_are_named(ax)) for ax in panels.values()}
    layouts = {}
    for name, (width, scale) in {"wide": COLUMN, "narrow": PHONE}.items():
        for ax, (label, named) in labels.items():
            ax.yaxis.label.set_text(label)
            ax.tick_params(labelleft=named)
        _arrange(fig, panels, shape, size, width / scale)
        layouts[name] = _svg(fig)
    return layouts


def _svg(fig: Figure) -> Layout:
    """Transparent, and the same bytes for the same figure."""
    buffer = io.BytesIO()
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "ddr", "svg.image_inline": True}):
        options: dict[str, Any] = {"metadata": {"Date": None}, "transparent": True}
        fig.savefig(buffer, format="svg", dpi=PIXELS, bbox_inches="tight", **options)
    text = buffer.getvalue().decode()
    size = re.search(r'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"', text)
    assert size is not None
    rules = "".join(
        f'#dark:target [style*="{kind}: {light}"] {{{kind}: {dark} !important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    text = STROKE.sub(r"\1", text.replace("<svg ", '<svg id="dark" ', 1))
    head, defs, rest = text.partition(" <defs>")
    svg = f"{head} <style>{rules}</style>\n{defs}{rest}".encode()
    return Layout(svg, float(size[1]) / 72, float(size[2]) / 72)


def _arrange(
    fig: Figure,
    panels: Mapping[tuple[int, int], Axes],
    shape: tuple[int, int],
    size: np.ndarray,
    width: float,
) -> None:
    """No wider than `width` inches: columns for which there is no room go below the others.

    `panels` by row and column, each of about `size` inches. They come in blocks of columns; each block
    keeps its rows and says their names again.
    """
    rows, columns = shape
    fitting = max(round(width / size[0]), 1)
    if columns * size[0] < (THREE if columns == 3 else PRESSED) * width:
        fitting = columns
    elif columns == 3:
        fitting = 1
    blocks = math.ceil(columns / fitting)
    if fitting >= FOUR and math.ceil(columns / (fitting + 1)) < blocks:
        blocks -= 1
    beside = math.ceil(columns / blocks)
    places = fig.add_gridspec(rows * blocks, beside)
    for (row, column), ax in panels.items():
        block, place = divmod(column, beside)
        ax.set_subplotspec(places[block * rows + row, place])
        first = panels.get((row, 0))
        if place == 0 and column and first is not None and ax.axison:
            ax.tick_params(labelleft=any(tick.get_text() for tick in first.get_yticklabels()))
            if not ax.get_ylabel():
                _copy_label(first, ax)
    # The names of rows, which each block has again, need room as well.
    natural, height = beside * size[0], blocks * rows * size[1]
    if blocks == 1 < columns or any(ax.images for ax in panels.values()):
        height *= min(width / natural, 1)  # panels keep their shape
    fig.set_size_inches(width if blocks > 1 else min(natural, width), height)
    for legend in [*fig.legends]:  # which one that is written anew leaves
        _narrow(fig, legend, width)


def _ticks_are_named(ax: Axes) -> bool:
    return bool(ax.yaxis.get_tick_params().get("labelleft", True))


def _copy_label(one: Axes, other: Axes) -> None:
    label = one.yaxis.label
    other.set_ylabel(
        label.get_text(),
        rotation=label.get_rotation(),
        ha=label.get_horizontalalignment(),
        va=label.get_verticalalignment(),
        fontsize=label.get_fontsize(),
    )


def _narrow(fig: Figure, legend: Any, width: float) -> None:
    """Write the legend of a figure in as many columns as there is room for, and fill its rows evenly."""
    texts = legend.get_texts()
    inches = max(text.get_window_extent().width for text in texts) / fig.dpi + 0.6
    rows = math.ceil(len(texts) / max(min(int(width / inches), legend._ncols), 1))
    columns = math.ceil(len(texts) / rows)
    if columns != legend._ncols:
        names, size = [text.get_text() for text in texts], texts[0].get_fontsize()
        outside = legend._outside_loc  # "upper" or "lower", None within the figure
        where: Any = f"outside {outside} center" if outside else legend._loc
        title = {"title": legend.get_title().get_text(), "title_fontsize": size}
        legend.remove()
        fig.legend(legend.legend_handles, names, loc=where, ncols=columns, fontsize=size, **title)
