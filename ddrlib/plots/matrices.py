"""Matrices of numbers, coloured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ddrlib.plots.panels import grid, literal, matrix


def heatmap(table: pd.DataFrame, label: str, fmt: str = ".2g", **options: Any) -> Figure:
    """A matrix with its numbers written in.

    Parameters
    ----------
    table
        Rows and columns are named as in the table.
    label
        What the numbers are, and in which unit.
    fmt
        Their format.
    **options
        As `seaborn.heatmap` takes them.

    Returns
    -------
    Figure
        With a colour bar.
    """
    rows, columns = table.shape
    fig, ax = plt.subplots(figsize=(1.6 + 0.62 * columns, 1.4 + 0.36 * rows), layout="constrained")
    written = {"annot": True, "fmt": fmt, "linewidths": 0.5}
    matrix(ax, table, cbar=True, cbar_kws={"label": literal(label)}, **written, **options)
    return fig


def pair_maps(tables: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Symmetric matrices one above the other on one colour scale from 0, written in per cent.

    Parameters
    ----------
    tables
        By title: matrices of shares, of one size, such as those of `ddrlib.measure.pairs.Pairs.table`.
    label
        What the shares are of.

    Returns
    -------
    Figure
        Entries that are NaN stay blank.
    """
    side = len(next(iter(tables.values())))
    blank = [""] * len(tables)
    fig, axes = grid(blank, [""], (2.4 + 0.62 * side, 1.6 + 0.36 * side))
    highest = 100 * max(np.nanmax(table.to_numpy()) for table in tables.values())
    look = {
        "vmin": 0,
        "vmax": highest,
        "annot": True,
        "fmt": ".0f",
        "annot_kws": {"size": "small"},
        "cbar": True,
        "linewidths": 0.5,
    }
    for ax, (name, table) in zip(axes[:, 0], tables.items(), strict=True):
        matrix(ax, 100 * table, cbar_kws={"label": literal(f"{label} (%)")}, **look)
        ax.set_title(literal(name))
    return fig


def layer_maps(tables: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Matrices side by side on one colour scale from 0, first row lowest.

    Parameters
    ----------
    tables
        By title: rows are layers, in order of depth.
    label
        What the colours mean, and in which unit.

    Returns
    -------
    Figure
        With one colour bar, below.
    """
    fig, axes = grid([""], list(tables), (5.0, 3.2), sharey=True)
    highest = max(table.to_numpy().max() for table in tables.values())
    for ax, table in zip(axes[0], tables.values(), strict=True):
        matrix(ax, table, vmin=0, vmax=highest)
        ax.tick_params(axis="x", rotation=45)
        ax.set(ylabel="")
        ax.invert_yaxis()
    _bar_below(fig, axes, label)
    return fig


def confusions(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Confusion matrices side by side.

    Parameters
    ----------
    tables
        By title, as `ddrlib.applications.accuracy.confusion` gives them.

    Returns
    -------
    Figure
        Rows are true types, numbers shares of a row in per cent.
    """
    side = 0.42 * len(next(iter(tables.values()))) + 0.6
    fig, axes = grid(["type"], list(tables), (side, side), sharey=True)
    written = {"annot": True, "fmt": ".0f", "annot_kws": {"size": "small"}}
    for ax, table in zip(axes[0], tables.values(), strict=True):
        matrix(ax, 100 * table, vmin=0, vmax=100, square=True, **written)
        ax.set(ylabel="type" if ax is axes[0, 0] else "")
    return fig


def gain_maps(gains: pd.DataFrame) -> Figure:
    """The mean gain by blur and noise.

    Parameters
    ----------
    gains
        As `ddrlib.applications.comparison.gains` gives it, in dB.

    Returns
    -------
    Figure
        A panel per method, on one colour scale centred at 0.
    """
    tables = {
        method: gain.dropna()
        .groupby(["blur", "noise"])
        .mean()
        .unstack("noise")
        .rename(index="{:g}".format, columns="{:g}".format)
        for method, gain in gains.items()
    }
    fig, axes = grid([""], list(tables), (3.6, 2.8), sharey=True)
    largest = max(np.abs(table.to_numpy()).max() for table in tables.values())
    look = {"cmap": "BrBG", "annot": True, "fmt": "+.2f", "annot_kws": {"size": "small"}}
    for ax, table in zip(axes[0], tables.values(), strict=True):
        matrix(ax, table, vmin=-largest, vmax=largest, **look)
        ax.set(xlabel="noise (of 255)", ylabel="blur (HR pixels)" if ax is axes[0, 0] else "")
    _bar_below(fig, axes, "gain (dB)")
    return fig


def _bar_below(fig: Figure, axes: np.ndarray, label: str) -> None:
    """One colour bar for all panels, wherever a page puts them."""
    colours = axes[0, 0].collections[0]
    look: dict[str, Any] = {"location": "bottom", "shrink": 0.8, "aspect": 40}
    fig.colorbar(colours, ax=axes, label=label, ticks=MaxNLocator(5), **look)
