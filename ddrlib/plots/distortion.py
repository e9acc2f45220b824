"""How well distortions are identified. Tables are those of `ddrlib.applications.identification`."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ddrlib.plots.theme import MARKERS

SPREAD = ("pi", 95)  # bands and bars hold 95 % of the splits


def few_shots(found: pd.DataFrame, chance: float) -> Figure:
    """Type accuracy against the number of reference pictures learned from, a line a method."""
    fig, ax = plt.subplots(figsize=(8, 5.2), layout="constrained")
    methods = found.method.nunique()
    sns.lineplot(
        found,
        x="shots",
        y="accuracy",
        hue="method",
        style="method",
        errorbar=SPREAD,
        ax=ax,
        markers=MARKERS[:methods],
        dashes=False,
        err_kws={"alpha": 0.12},
    )
    ax.axhline(chance, color="grey", linestyle=":", label=f"chance, {chance:.0%}")
    shots = sorted(found.shots.unique())
    ax.set_xscale("log")
    ax.set_xticks(shots, shots)
    ax.minorticks_off()
    ax.set(ylim=(0, 1), xlabel="reference pictures learned from", ylabel="type accuracy")
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    _legend_below(ax)
    return fig


def confusions(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Confusion matrices side by side: rows are true types, numbers shares of a row in per cent."""
    side = 0.42 * len(next(iter(tables.values()))) + 0.4
    fig, axes = plt.subplots(
        1,
        len(tables),
        figsize=(side * len(tables) + 1, side + 1),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, (title, table) in zip(axes[0], tables.items(), strict=True):
        sns.heatmap(
            100 * table,
            ax=ax,
            vmin=0,
            vmax=100,
            cmap="viridis",
            annot=True,
            fmt=".0f",
            annot_kws={"size": "x-small"},
            square=True,
            cbar=False,
        )
        ax.set(title=title, ylabel="type" if ax is axes[0, 0] else "")
    return fig


def degree_orders(found: pd.DataFrame) -> Figure:
    """Spearman's rho of predicted and true levels, type by type, a colour a method."""
    methods = found.method.nunique()
    fig, ax = plt.subplots(figsize=(9.5, 4.8), layout="constrained")
    sns.pointplot(
        found,
        x="type",
        y="rho",
        hue="method",
        errorbar=SPREAD,
        dodge=0.55,
        linestyle="none",
        markers=MARKERS[:methods],
        markersize=4,
        err_kws={"linewidth": 1},
        ax=ax,
    )
    ax.set(xlabel="", ylabel="Spearman's rho, predicted and true level")
    ax.set_ylim(top=1.02)
    _legend_below(ax)
    return fig


def _legend_below(ax: Axes) -> None:
    """A legend with long names, which would take the width from the figure beside it."""
    handles, names = ax.get_legend_handles_labels()
    ax.get_legend().remove()  # seaborn's own
    ax.figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize="small")
