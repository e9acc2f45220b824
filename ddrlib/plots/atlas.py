"""The atlas of published networks, drawn: where each sorts, and all of them in a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ddrlib.measure.intervals import Interval
from ddrlib.plots.palette import INK, MARKERS, PALETTE, SHARES
from ddrlib.plots.panels import grid, legend, literal

CROSSES = ("x", "+", "1")  # of what is no network


def where_they_sort(
    panels: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    groups: Sequence[str],
    controls: Mapping[str, tuple[float, float]],
) -> Figure:
    """The component of degradation against that of content, a point for each network.

    Parameters
    ----------
    panels : mapping
        By title: the components of content and of degradation of every network.
    groups : sequence of str
        The group of each network, which has a colour and a marker of its own.
    controls : mapping
        By name: the two components of what is no network.

    Returns
    -------
    Figure
    """
    fig, axes = grid(["component of degradation"], list(panels), (3.8, 3.6), sharey=True)
    for ax, (content, degradation) in zip(axes[0], panels.values(), strict=True):
        for k, group in enumerate(dict.fromkeys(groups)):
            chosen = [i for i, each in enumerate(groups) if each == group]
            ax.scatter(
                np.asarray(content)[chosen],
                np.asarray(degradation)[chosen],
                color=PALETTE[k],
                marker=MARKERS[k],
                s=32,
                alpha=0.8,
                linewidths=0,
                label=group,
            )
        for (name, (x, y)), marker in zip(controls.items(), cycle(CROSSES)):
            ax.scatter([x], [y], marker=marker, color=INK, s=60, zorder=4, label=literal(name))
        ax.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
        ax.set(xlabel="component of content", xlim=(-0.03, 1), ylim=(-0.03, 1))
    legend(fig, axes[0], columns=4)
    return fig


def components_listed(rows: pd.DataFrame, groups: Sequence[str]) -> Figure:
    """A line for each network: its components of degradation and content, with intervals.

    Parameters
    ----------
    rows : DataFrame
        By network: `degradation` and `content`, intervals.
    groups : sequence of str
        The group of each network; networks of one stand together, the most sorting first.

    Returns
    -------
    Figure
    """
    order = rows.assign(group=list(groups), value=[x.value for x in rows.degradation])
    order = order.sort_values(["group", "value"], ascending=[True, False])
    fig, axes = grid([""], [""], (7.0, 0.19 * (len(order) + order.group.nunique()) + 0.6))
    ax, line, ticks = axes[0, 0], 0, {}
    for group, members in order.groupby("group", sort=False):
        ticks[line] = literal(group).upper()
        for name, row in members.iterrows():
            line += 1
            ticks[line] = literal(name)
            _dots(ax, line, {"degradation": row.degradation, "content": row.content})
        line += 1
    ax.set_yticks(list(ticks), list(ticks.values()), fontsize="small")
    ax.set(xlim=(-0.02, 1), ylim=(line, -1), xlabel="component of variance")
    ax.grid(visible=False, axis="y")
    legend(fig, [ax], "outside upper center", columns=2)
    return fig


def _dots(ax: Axes, line: int, figures: Mapping[str, Interval]) -> None:
    for (factor, found), marker in zip(figures.items(), "os", strict=True):
        look: dict[str, Any] = {"color": SHARES[factor], "label": factor if line == 1 else None}
        ax.plot([found.low, found.high], [line, line], color=SHARES[factor], linewidth=1.5)
        ax.scatter([found.value], [line], marker=marker, s=18, zorder=3, **look)
