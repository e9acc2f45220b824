"""Methods and trainings beside each other: bands, bars and dots with their scatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, PercentFormatter

from ddrlib.measure.intervals import Interval
from ddrlib.plots.palette import INK, UNLEARNED, looks_of
from ddrlib.plots.panels import grid, key, legend, literal, wrapped

OF_SPLITS, LOW, HIGH = ("pi", 95), 0.025, 0.975  # bands and bars hold 95 % of the splits
BESIDE = 0.7  # of the distance between two types, for the methods of one
LETTERS = 40  # in a line of a row's name


def few_shots(found: pd.DataFrame, chance: float, banded: Sequence[str]) -> Figure:
    """Type accuracy against the number of photographs learned from.

    Parameters
    ----------
    found
        Columns method, shots and accuracy (0 to 1), a row for each split: those of
        `ddrlib.applications.identification.Trial.few_shot`, averaged over references.
    chance
        The accuracy of guessing, 0 to 1, drawn dotted.
    banded
        The methods that get a band: those of all would cover one another.

    Returns
    -------
    Figure
        A line per method; bands hold 95 % of the splits.
    """
    fig, ax = plt.subplots(figsize=(8, 5.2), layout="constrained")
    for method, look in looks_of(found.method).items():
        sns.lineplot(
            found[found.method == method],
            x="shots",
            y="accuracy",
            errorbar=OF_SPLITS if method in banded else None,
            err_kws={"alpha": 0.15} if method in banded else {},
            label=method,
            ax=ax,
            **look.line(),
        )
    ax.axhline(chance, color="grey", linestyle=":", label=f"chance, {chance:.0%}")
    shots = sorted(found.shots.unique())
    ax.set_xscale("log")
    ax.set_xticks(shots, shots)
    ax.minorticks_off()
    ax.set(ylim=(0, 1), xlabel="photographs learned from", ylabel="right answers")
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    legend(fig, [ax])
    return fig


def degree_orders(found: pd.DataFrame) -> Figure:
    """Spearman's rho of the levels read and the true ones, type by type.

    Parameters
    ----------
    found
        As `ddrlib.applications.identification.Trial.degree_order` gives it.

    Returns
    -------
    Figure
        A mark per method; bars hold 95 % of the splits.
    """
    fig, ax = plt.subplots(figsize=(9.5, 4.8), layout="constrained")
    looks, types = looks_of(found.method), found.type.unique()
    for k, (method, look) in enumerate(looks.items()):
        rho = found[found.method == method].groupby("type").rho
        mean, low, high = (
            x.reindex(types) for x in (rho.mean(), rho.quantile(LOW), rho.quantile(HIGH))
        )
        x = np.arange(len(types)) + BESIDE * (k - (len(looks) - 1) / 2) / len(looks)
        bars: dict[str, Any] = {
            # With few splits alike a mean can lie a rounding outside of its quantiles.
            "yerr": [(mean - low).clip(lower=0), (high - mean).clip(lower=0)],
            "elinewidth": 1,
            "ecolor": look.colour,
        }
        ax.errorbar(x, mean, **bars, **look.mark(), markersize=5.5)
    ax.set(xlabel="", ylabel="Spearman's rho, level read and true one")
    ax.set_xticks(range(len(types)), [literal(name) for name in types], rotation=45)
    ax.set_ylim(min(0, ax.get_ylim()[0]), 1.02)
    ax.grid(axis="x", visible=False)
    key(fig, looks, "outside lower center")
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
        ax.plot([found.low, found.high], [row, row], color=INK, linewidth=2)
        ax.plot(found.value, row, "o", color=INK, markersize=8)
        seeds = gains[method].dropna().groupby("seed").mean()
        ax.plot(seeds, np.full(len(seeds), row + 0.25), "|", color=INK, markersize=9)
    ax.axvline(0, color="grey", linewidth=1)
    ax.set_yticks(range(len(intervals)), [literal(method) for method in intervals])
    ax.invert_yaxis()
    ax.set(xlabel="gain in PSNR (dB)")
    return fig


def ratios(found: Mapping[str, Sequence[float]]) -> Figure:
    """What other ways take, relative to ours.

    Parameters
    ----------
    found
        By way, the ratio of its time to ours (above 0), for each size that was measured.

    Returns
    -------
    Figure
        A row per way, a dot per size, on a logarithmic axis with a line at 1.
    """
    fig, ax = plt.subplots(figsize=(7.5, 0.8 + 0.4 * len(found)), layout="constrained")
    for row, values in enumerate(found.values()):
        ax.plot(values, [row] * len(values), "-o", color=INK, linewidth=0.8, markersize=6)
    ax.axvline(1, color="grey", linewidth=1)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(range(len(found)), [wrapped(way, LETTERS) for way in found])
    ax.invert_yaxis()
    ax.set(xlabel="processor time as a multiple of ours")
    return fig


def trainings(values: pd.DataFrame, controls: Mapping[str, Mapping[str, float]]) -> Figure:
    """A mark for each training: rows are ways of training, panels are measures.

    Parameters
    ----------
    values
        Columns kind (a row's name), measure, value and group, of which each has a look of its own
        (`ddrlib.plots.palette.KINDS`).
    controls
        By measure: named values, drawn as lines that a network is held against.

    Returns
    -------
    Figure
        A thin line joins the groups of a row. Axes begin just before 0, or before the smallest value
        below.
    """
    measures, kinds = (list(dict.fromkeys(values[name])) for name in ("measure", "kind"))
    fig, axes = grid([""], measures, (3.4, 0.3 * len(kinds) + 0.9), sharey=True)
    for ax, measure in zip(axes[0], measures, strict=True):
        chosen = values[values.measure == measure]
        _rows_of_marks(ax, chosen.assign(row=chosen.kind.map(kinds.index)))
        ax.set_yticks(range(len(kinds)), [wrapped(kind, LETTERS) for kind in kinds])
        ax.set_ylim(len(kinds) - 0.5, -0.5)
        ax.xaxis.set_major_locator(MaxNLocator(4, min_n_ticks=3))
        room = 0.03 * np.ptp([0, *chosen.value])  # for half a dot
        ax.set_xlim(left=min(0, chosen.value.min()) - room)
        for name, value in controls.get(measure, {}).items():
            look = looks_of([name])[name]
            ax.axvline(value, color=look.colour, linestyle=look.dash, label=name, zorder=1)
    legend(fig, axes[0, :1], "outside upper center", columns=3)
    return fig


def _rows_of_marks(ax: Axes, values: pd.DataFrame) -> None:
    """Marks of all groups at their `row`."""
    for row, several in values.groupby("row"):
        if several.group.nunique() > 1:
            ends = several.value.min(), several.value.max()
            ax.plot(ends, [row, row], color=UNLEARNED, linewidth=1, zorder=1)
    for group, look in looks_of(values.group).items():
        here = values[values.group == group]
        ax.plot(here.value, here.row, **look.mark(), label=group, zorder=3)
