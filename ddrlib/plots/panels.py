"""What all figures are made of: a grid of panels, one legend, points, a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from ddrlib.plots.palette import INK, LINE, MARKERS, PALETTE, UNLEARNED, Look

INKED = ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")
LETTERS = 20  # in a line of a column's name, where three columns share a phone
OPACITY = 0.85  # of marks on a map, where many lie upon one another
EVEN = 0.18  # luminance on which black and white have the same contrast
COLOURS = dict.fromkeys(INKED, INK) | {"axes.edgecolor": LINE, "grid.color": LINE}
# One size for all that is written, around the panels ("small") as into them.
WRITTEN = ["axes.titlesize", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"]
WRITTEN += ["legend.fontsize", "legend.title_fontsize", "figure.labelsize"]
LOOK = COLOURS | dict.fromkeys(WRITTEN, "small") | {"font.size": 12.6, "legend.frameon": False}
sns.set_theme(style="whitegrid", context="notebook", palette=PALETTE, rc=LOOK)
plt.rcParams.update({"figure.dpi": 100})

# Of degrees, from weak to strong: neither end is lost on a light or on a dark page.
RAMP = ListedColormap(plt.get_cmap("viridis")(np.linspace(0.25, 0.88, 256)), "ramp")

Place = tuple[str, str]  # row and column of a panel, as they are written


def literal(text: object) -> str:
    """A name as it is: matplotlib would typeset what stands between two dollar signs."""
    return str(text).replace("$", r"\$")


def wrapped(text: object, letters: int = LETTERS) -> str:
    """A name as it is, in lines of few letters."""
    return "\n".join(fill(line, letters) for line in literal(text).splitlines())


def grid(
    rows: Sequence[object], columns: Sequence[object], size: tuple[float, float], **options: Any
) -> tuple[Figure, np.ndarray]:
    """Panels of `size` (width, height) inches each, axes (rows, columns).

    Names of columns stand above, names of rows at the left; `options` go to `pyplot.subplots`.
    """
    fig, axes = plt.subplots(
        len(rows),
        len(columns),
        figsize=(size[0] * len(columns) + 0.5, size[1] * len(rows) + 0.4),
        squeeze=False,
        **options,
    )
    fig.set_layout_engine("constrained", h_pad=0.08)  # a label belongs to the panel above it
    for ax, column in zip(axes[0], columns, strict=True):
        ax.set_title(wrapped(column))
    for ax, row in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(literal(row))
    return fig, axes


def grid_of(
    places: Iterable[Place], size: tuple[float, float], **options: Any
) -> tuple[Figure, dict[Place, Axes]]:
    """A grid with a panel at each of `places`; the others stay empty."""
    rows, columns = (list(dict.fromkeys(names)) for names in zip(*places, strict=True))
    fig, axes = grid(rows, columns, size, **options)
    found = {(r, c): axes[i, j] for i, r in enumerate(rows) for j, c in enumerate(columns)}
    for empty in found.keys() - set(places):
        found[empty].set_axis_off()
    return fig, found


def legend(
    fig: Figure,
    axes: Iterable[Axes],
    place: str = "outside lower center",
    columns: int = 3,
    title: str = "",
) -> None:
    """One legend for all panels, in the place of their own."""
    entries: dict[str, Artist] = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
        if own := ax.get_legend():
            own.remove()
    # Dots of a map are too small to tell their colours apart.
    for handle in _write(fig, entries, place, columns, title).legend_handles:
        if isinstance(handle, PathCollection):
            handle.set(sizes=[40], alpha=1)


def key(
    fig: Figure, looks: Mapping[str, Look], place: str, columns: int = 3, title: str = ""
) -> None:
    """A legend of marks, of which several may explain one figure."""
    entries = {name: Line2D([], [], **look.mark()) for name, look in looks.items()}
    _write(fig, entries, place, columns, title)


def _write(
    fig: Figure, entries: Mapping[str, Artist], place: str, columns: int, title: str
) -> Legend:
    names = [literal(label) for label in entries]
    look: dict[str, Any] = {"loc": place, "ncols": min(len(names), columns)}
    look |= {"title": title} if title else {}
    return fig.legend([*entries.values()], names, **look)


def name_line(ax: Axes, name: str, value: float) -> None:
    """A dashed line upwards at a value, its name above the panel and within its width."""
    left, right = sorted(ax.get_xlim())
    across = (value - left) / (right - left)
    ax.axvline(value, color=UNLEARNED, linestyle="--", zorder=1)
    ax.annotate(
        literal(name),
        (value, 1),
        (0, 2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if across < 0.25 else "right" if across > 0.75 else "center",
        va="bottom",
        fontsize="small",
    )


def points(ax: Axes, xy: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> None:
    """A map of points (N, 2): each of the labels (N,), 0, 1, ..., in its own colour and marker."""
    for k, name in enumerate(names):
        x, y = xy[labels == k].T
        ax.scatter(
            x,
            y,
            s=14,
            alpha=OPACITY,
            linewidths=0,
            label=name,
            color=PALETTE[k % len(PALETTE)],
            marker=MARKERS[k % len(MARKERS)],
        )
    ax.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")


def shaded(ax: Axes, xy: np.ndarray, values: np.ndarray) -> PathCollection:
    """A map of points (N, 2) coloured by values (N,); returns what a colour bar needs."""
    ax.set(xticks=[], yticks=[])
    x, y = xy.T
    return ax.scatter(x, y, c=values, cmap=RAMP, s=12, linewidths=0)


def matrix(ax: Axes, table: pd.DataFrame, **options: Any) -> None:
    """A matrix in colours, with its numbers written in where `annot` is set."""
    named = table.rename(index=literal, columns=literal)
    sns.heatmap(named, ax=ax, **{"cmap": "viridis", "cbar": False, **options})
    mesh: Any = ax.collections[0]
    shown = ~np.ma.getmaskarray(mesh.get_array()).ravel()
    for text, colour in zip(ax.texts, mesh.get_facecolors()[shown], strict=False):
        # seaborn writes white on what is too light for it; here the contrast is the larger one.
        text.set_color("black" if sns.utils.relative_luminance(colour) > EVEN else "white")
    ax.tick_params(axis="y", rotation=0)
    ax.grid(False)  # where a number is missing
