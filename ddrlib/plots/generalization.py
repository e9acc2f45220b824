"""Networks that have seen degradations beside networks that have not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ddrlib.plots.depth import scatter
from ddrlib.plots.theme import MARKERS, PALETTE

Where = tuple[str, str]  # row and column of a panel, as they are written


def overlays(panels: Mapping[Where, tuple[np.ndarray, str]], degradations: Sequence[str]) -> Figure:
    """Clean and degraded features in one projection, a panel each.

    A panel is its points (k n, 2), degradation by degradation, and the note below them.
    """
    fig, axes = _grid(panels, (2.4, 2.5))
    for where, (points, note) in panels.items():
        labels = np.repeat(np.arange(len(degradations)), len(points) // len(degradations))
        scatter(axes[where], points, labels, degradations)
        axes[where].set_xlabel(note, fontsize="small")
    _legend(fig, axes.values())
    return fig


def response_curves(table: pd.DataFrame, measure: str, x: str, row: str, column: str) -> Figure:
    """A measure along `x`: a panel for each (row, column), a colour for each way of training.

    `table` has an `Interval` in the column `measure`, and the columns network and training. Of the
    networks of a panel trained alike the first is drawn with its intervals, the others thinly.
    """
    panels = dict(list(table.groupby([row, column], sort=False)))
    fig, axes = _grid(panels, (3.3, 2.4), sharey="row")
    ways = list(dict.fromkeys(table.training))
    for where, part in panels.items():
        firsts = set(part.drop_duplicates("training").network)
        for (way, network), line in part.groupby(["training", "network"], sort=False):
            ax, k = axes[where], ways.index(way)
            value, low, high, _ = zip(*line[measure], strict=True)
            if network in firsts:
                ax.plot(line[x], value, color=PALETTE[k], marker=MARKERS[k], label=way)
                ax.fill_between(line[x], low, high, color=PALETTE[k], alpha=0.2, linewidth=0)
            else:
                ax.plot(line[x], value, color=PALETTE[k], linewidth=0.8)
    _legend(fig, axes.values())
    fig.supylabel(measure, fontsize="medium")
    return fig


def against_loss(table: pd.DataFrame) -> Figure:
    """The loss of PSNR against measures: a row of panels for each measure, a column for each place.

    `table`: a row for each network, degradation, place and measure, with the columns training,
    value and "loss of PSNR". SRGA is a logarithm already; other measures get a logarithmic axis.
    """
    panels = dict(list(table.groupby(["measure", "place"], sort=False)))
    fig, axes = _grid(panels, (3.0, 2.2), sharey=True)
    for where, part in panels.items():
        sns.scatterplot(
            part,
            x="value",
            y="loss of PSNR",
            hue="training",
            style="degradation",
            ax=axes[where],
            palette=PALETTE[: table.training.nunique()],
        )
        axes[where].set(xlabel=where[0], ylabel="")
        axes[where].get_legend().remove()
        if where[0] != "SRGA":
            axes[where].set_xscale("log")
            axes[where].xaxis.set_minor_formatter(NullFormatter())
    _legend(fig, axes.values(), place="outside right center", columns=1)
    fig.supylabel("loss of PSNR (dB)", fontsize="medium")
    return fig


def _grid(panels: Iterable[Where], size: tuple[float, float], **shared) -> tuple[Figure, dict]:
    """Axes by (row, column), rows named at the left, columns at the top; others are empty."""
    rows, columns = (list(dict.fromkeys(names)) for names in zip(*panels, strict=True))
    fig, axes = plt.subplots(
        len(rows),
        len(columns),
        figsize=(size[0] * len(columns) + 0.4, size[1] * len(rows) + 0.4),
        squeeze=False,
        layout="constrained",
        **shared,
    )
    by_name = {(r, c): axes[i, j] for i, r in enumerate(rows) for j, c in enumerate(columns)}
    for empty in by_name.keys() - set(panels):
        by_name[empty].set_axis_off()
    for ax, column in zip(axes[0], columns, strict=True):
        ax.set_title(column, fontsize="small")
    for ax, row in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(row, fontsize="small")
    return fig, by_name


def _legend(
    fig: Figure, axes: Iterable[Axes], place: str = "outside lower center", columns: int = 3
) -> None:
    """One legend for all panels."""
    found = [ax.get_legend_handles_labels() for ax in axes]
    by_label = {
        label: handle
        for handles, labels in found
        for handle, label in zip(handles, labels, strict=True)
    }
    fig.legend(by_label.values(), by_label, loc=place, ncols=min(len(by_label), columns))
