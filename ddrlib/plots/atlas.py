"""The atlas of published networks, drawn: where each sorts, and all of them in a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ddrlib.measure.intervals import Interval
from ddrlib.plots.palette import INK, LINE, PAPER, SHARES, looks_of
from ddrlib.plots.panels import grid, key, legend, literal, name_line

NEAR = 0.03  # of a panel: no name comes nearer to a point
LETTER = 0.0205, 0.05  # width and height of a letter, of a panel
WAYS = [(r, a) for r in (0.05, 0.1, 0.15, 0.2, 0.3) for a in np.linspace(0, 2 * np.pi, 24, False)]


def where_they_sort(
    panels: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    groups: Sequence[str],
    controls: Mapping[str, tuple[float, float]],
    named: Mapping[int, str] = MappingProxyType({}),
) -> Figure:
    """The component of degradation against that of content, a point for each network.

    Parameters
    ----------
    panels : mapping
        By title: the components of content and of degradation of every network.
    groups : sequence of str
        What each network was trained on.
    controls : mapping
        By name: the two components of what is no network.
    named : mapping
        Names of a few networks by their place among all, written beside their points.

    Returns
    -------
    Figure
    """
    fig, axes = grid(["component of degradation"], list(panels), (3.8, 3.6), sharey=True)
    looks, crosses = looks_of(groups), looks_of(controls)
    for ax, networks in zip(axes[0], panels.values(), strict=True):
        xy = np.array(networks).T
        for group, look in looks.items():
            x, y = xy[np.array(groups) == group].T
            ax.plot(x, y, **look.mark(), markersize=6, alpha=0.9, label=group)
        for name, look in crosses.items():
            ax.plot(*controls[name], **look.mark(INK), markersize=9, zorder=4, label=name)
        ax.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
        ax.set(xlabel="component of content", xlim=(-0.03, 1), ylim=(-0.03, 1))
        _write_names(ax, np.concatenate([xy, [*controls.values()]]), named)
    key(fig, looks, "outside upper center", columns=5, title="trained on")
    key(fig, crosses, "outside lower center")
    return fig


def _write_names(ax: Axes, xy: np.ndarray, named: Mapping[int, str]) -> None:
    """Names beside points, each in the nearest place in which it covers no point and no other name."""
    taken = xy
    for k in sorted(named, key=lambda k: xy[k, 1]):
        name = named[k]
        size = np.array([LETTER[0] * len(name), LETTER[1]])
        for distance, angle in WAYS:
            way = np.array([np.cos(angle), np.sin(angle)])
            middle = xy[k] + distance * way + size / 2 * way
            low, high = middle - size / 2, middle + size / 2
            free = (taken < low - NEAR) | (taken > high + NEAR)
            if free.any(axis=1).all() and (low > 0).all() and (high < 1).all():
                break
        else:
            continue  # better no name than one that covers points
        ax.annotate(
            literal(name),
            xy[k],
            middle,
            ha="center",
            va="center",
            fontsize="small",
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.7, "shrinkB": 4},
        )
        taken = np.concatenate(
            [taken, np.linspace(low, high, 9), [(low[0], high[1]), (high[0], low[1])]]
        )


def components_listed(
    rows: pd.DataFrame, groups: Sequence[str], controls: Mapping[str, float]
) -> Figure:
    """A line for each network: its components of degradation and content, with intervals.

    Parameters
    ----------
    rows : DataFrame
        By network: `degradation` and `content`, intervals.
    groups : sequence of str
        The group of each network; networks of one stand together, the most sorting first, below the
        name of the group, a thin rule and their number.
    controls : mapping
        By name: components of degradation, drawn as lines that a network is held against.

    Returns
    -------
    Figure
    """
    order = rows.assign(group=list(groups), value=[x.value for x in rows.degradation])
    order = order.sort_values(["group", "value"], ascending=[True, False])
    fig, axes = grid([""], [""], (7.0, 0.19 * (len(order) + 2 * order.group.nunique()) + 0.6))
    ax, line, names = axes[0, 0], 0, {}
    for group, members in order.groupby("group", sort=False):
        _head(ax, line, f"{group}, {len(members)}")
        for name, row in members.iterrows():
            line += 1
            names[line] = literal(name)
            _dots(ax, line, {"degradation": row.degradation, "content": row.content})
        line += 2
    ax.set_yticks(list(names), list(names.values()))
    ax.set(xlim=(-0.02, 1), ylim=(line - 1, -1), xlabel="component of variance")
    ax.grid(visible=False, axis="y")
    for name, value in controls.items():
        name_line(ax, name, value)
    legend(fig, [ax], "outside upper center", columns=2)
    return fig


def _head(ax: Axes, line: int, text: str) -> None:
    """The name of a group, at the left within the panel, over a thin rule."""
    ax.axhline(line + 0.5, color=LINE, linewidth=1, zorder=0)
    ax.annotate(
        literal(text),
        (0, line),
        (4, 0),
        xycoords=ax.get_yaxis_transform(),
        textcoords="offset points",
        va="center",
        fontsize="small",
        fontweight="bold",
        path_effects=[withStroke(linewidth=3, foreground=PAPER)],
    )


def _dots(ax: Axes, line: int, figures: Mapping[str, Interval]) -> None:
    for (factor, found), marker in zip(figures.items(), "os", strict=True):
        look: dict[str, Any] = {"color": SHARES[factor], "label": factor if line == 1 else None}
        ax.plot([found.low, found.high], [line, line], color=SHARES[factor], linewidth=1.5)
        ax.scatter([found.value], [line], marker=marker, s=18, zorder=3, **look)
