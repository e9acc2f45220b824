"""Blind super-resolution with guidance. Tables are those of `ddrlib.applications.blind`."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ddrlib.measure.metrics import Interval
from ddrlib.plots.theme import PALETTE


def gain_maps(gains: pd.DataFrame) -> Figure:
    """The mean gain in dB by blur and noise, a panel a method, on one scale centred at 0."""
    tables = {
        method: gain.dropna()
        .groupby(["blur", "noise"])
        .mean()
        .unstack("noise")
        .rename(index="{:g}".format, columns="{:g}".format)
        for method, gain in gains.items()
    }
    columns = min(len(tables), 3)
    rows = -(-len(tables) // columns)
    fig, axes = plt.subplots(
        rows,
        columns,
        figsize=(3.6 * columns + 0.8, 2.9 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    largest = max(np.abs(table.to_numpy()).max() for table in tables.values())
    for ax, (method, table) in zip(axes.flat, tables.items(), strict=False):
        sns.heatmap(
            table,
            ax=ax,
            cmap="PuOr",
            vmin=-largest,
            vmax=largest,
            annot=True,
            fmt="+.2f",
            annot_kws={"size": "small"},
            cbar=False,
        )
        ax.set(title=method, xlabel="noise (of 255)", ylabel="blur (HR pixels)")
        ax.label_outer()
        ax.tick_params(axis="y", rotation=0)
    for ax in axes.flat[len(tables) :]:
        ax.set_axis_off()
    fig.colorbar(axes[0, 0].collections[0], ax=axes, label="gain (dB)", shrink=0.8)
    return fig


def gain_bars(intervals: Mapping[str, Interval], gains: pd.DataFrame) -> Figure:
    """The mean gain of each method: large its interval over contents, small each training seed."""
    fig, ax = plt.subplots(figsize=(7.5, 0.8 + 0.5 * len(intervals)), layout="constrained")
    for row, (method, found) in enumerate(intervals.items()):
        ax.plot([found.low, found.high], [row, row], color=PALETTE[0], linewidth=2)
        ax.plot(found.value, row, "o", color=PALETTE[0], markersize=8)
        seeds = gains[method].dropna().groupby("seed").mean()
        ax.plot(seeds, np.full(len(seeds), row + 0.25), "|", color=PALETTE[1], markersize=9)
    ax.axvline(0, color="grey", linewidth=1)
    ax.set_yticks(range(len(intervals)), list(intervals))
    ax.invert_yaxis()
    ax.set(xlabel="gain in PSNR (dB)")
    return fig


def embedding_maps(points: Mapping[str, np.ndarray], degrees: Mapping[str, np.ndarray]) -> Figure:
    """Projected embeddings, a column a method: each row coloured by another kind of degree.

    `points` (N, 2) by method; `degrees` (N,) by their name and unit.
    """
    fig, axes = plt.subplots(
        len(degrees),
        len(points),
        figsize=(3 * len(points) + 0.8, 2.8 * len(degrees)),
        squeeze=False,
        layout="constrained",
    )
    for line, (label, values) in zip(axes, degrees.items(), strict=True):
        for ax, (method, projected) in zip(line, points.items(), strict=True):
            drawn = ax.scatter(*projected.T, c=values, cmap="viridis", s=9, linewidths=0)
            ax.set(xticks=[], yticks=[], title=method if ax in axes[0] else "")
        fig.colorbar(drawn, ax=line[-1], label=label)
    return fig
