"""Methods and trainings beside each other: bands, bars and dots with their scatter."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ddrlib.measure.intervals import Interval
from ddrlib.plots.palette import INK, MARKERS, PALETTE, PAPER
from ddrlib.plots.panels import grid, legend, literal, wrapped

LOOKS = (("o", INK), ("o", PAPER), ("^", PAPER), ("D", "grey"), ("s", PAPER))  # marker and fill
OF_SPLITS = ("pi", 95)  # bands and bars hold 95 % of the splits
LETTERS = 30  # in a line of a row's name


def few_shots(found: pd.DataFrame, chance: float) -> Figure:
    """Type accuracy against the number of photographs learned from.

    Parameters
    ----------
    found
        Columns method, shots and accuracy (0 to 1), a row for each split: those of
        `ddrlib.applications.identification.Trial.few_shot`, averaged over references.
    chance
        The accuracy of guessing, 0 to 1, drawn dotted.

    Returns
    -------
    Figure
        A line per method; bands hold 95 % of the splits.
    """
    fig, ax = plt.subplots(figsize=(8, 5.2), layout="constrained")
    sns.lineplot(
        found,
        x="shots",
        y="accuracy",
        hue="method",
        style="method",
        errorbar=OF_SPLITS,
        ax=ax,
        markers=MARKERS[: found.method.nunique()],
        dashes=False,
        err_kws={"alpha": 0.12},
    )
    ax.axhline(chance, color="grey", linestyle=":", label=f"chance, {chance:.0%}")
    shots = sorted(found.shots.unique())
    ax.set_xscale("log")
    ax.set_xticks(shots, shots)
    ax.minorticks_off()
    ax.set(ylim=(0, 1), xlabel="photographs learned from", ylabel="type accuracy")
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    legend(fig, [ax])
    return fig


def degree_orders(found: pd.DataFrame) -> Figure:
    """Spearman's rho of predicted and true levels, type by type.

    Parameters
    ----------
    found
        As `ddrlib.applications.identification.Trial.degree_order` gives it.

    Returns
    -------
    Figure
        A colour per method; bars hold 95 % of the splits.
    """
    fig, ax = plt.subplots(figsize=(9.5, 4.8), layout="constrained")
    methods = found.method.nunique()
    sns.pointplot(
        found.assign(type=found.type.map(literal)),
        x="type",
        y="rho",
        hue="method",
        errorbar=OF_SPLITS,
        dodge=0.55 if methods > 1 else False,
        linestyle="none",
        markers=MARKERS[:methods],
        markersize=4,
        err_kws={"linewidth": 1},
        ax=ax,
    )
    ax.set(xlabel="", ylabel="Spearman's rho, predicted and true level")
    ax.tick_params(axis="x", rotation=45)
    ax.set_ylim(top=1.02)
    legend(fig, [ax])
    return fig


def gain_bars(intervals: Mapping[str, Interval], gains: pd.DataFrame) -> Figure:
    """The mean gain of each method.

    Parameters
    ----------
    intervals
        By method, in dB.
    gains
        As `ddrlib.applications.comparison.gains` gives it, with a column for each of them.

    Returns
    -------
    Figure
        A row per method: large its interval over contents, small each training seed.
    """
    fig, ax = plt.subplots(figsize=(7.5, 0.8 + 0.5 * len(intervals)), layout="constrained")
    for row, (method, found) in enumerate(intervals.items()):
        ax.plot([found.low, found.high], [row, row], color=PALETTE[0], linewidth=2)
        ax.plot(found.value, row, "o", color=PALETTE[0], markersize=8)
        seeds = gains[method].dropna().groupby("seed").mean()
        ax.plot(seeds, np.full(len(seeds), row + 0.25), "|", color=PALETTE[1], markersize=9)
    ax.axvline(0, color="grey", linewidth=1)
    ax.set_yticks(range(len(intervals)), [literal(method) for method in intervals])
    ax.invert_yaxis()
    ax.set(xlabel="gain in PSNR (dB)")
    return fig


def trainings(values: pd.DataFrame, controls: Mapping[str, Mapping[str, float]]) -> Figure:
    """A mark for each training: rows are kinds of networks, panels are measures.

    Parameters
    ----------
    values
        Columns kind, measure, value and group, of which each has a marker of its own.
    controls
        By measure: named values, drawn as lines that a network is held against.

    Returns
    -------
    Figure
        Its axes begin just before 0, or before the smallest value below.
    """
    measures, kinds = (list(dict.fromkeys(values[name])) for name in ("measure", "kind"))
    fig, axes = grid([""], measures, (3.4, 0.46 * len(kinds) + 0.9), sharey=True)
    for ax, measure in zip(axes[0], measures, strict=True):
        chosen = values[values.measure == measure]
        rows = chosen.kind.map(kinds.index)
        for group, (marker, fill) in zip(values.group.unique(), cycle(LOOKS)):
            here = chosen.group == group
            look: dict[str, Any] = {
                "marker": marker,
                "facecolors": fill,
                "edgecolors": INK,
                "label": group,
            }
            ax.scatter(chosen.value[here], rows[here], s=36, zorder=3, **look)
        for k, (name, value) in enumerate(controls.get(measure, {}).items()):
            ax.axvline(value, color="grey", linestyle=("--", ":", "-.")[k % 3])
            ax.annotate(
                literal(name),
                (value, 0.01),
                (-3, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                rotation=90,
                ha="right",
                va="bottom",
                fontsize="x-small",
            )
        names = [wrapped(kind, LETTERS) for kind in kinds]
        ax.set_yticks(range(len(kinds)), names, fontsize="small")
        ax.set_ylim(len(kinds) - 0.5, -0.5)
        room = 0.03 * np.ptp([0, *chosen.value])  # for half a dot
        ax.set_xlim(left=min(0, chosen.value.min()) - room)
    legend(fig, axes[0, :1], columns=4)
    return fig
