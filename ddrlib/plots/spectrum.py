"""Degradations by type and degree."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ddrlib.measure.measurement import Measurement
from ddrlib.measure.pairs import Pairs
from ddrlib.plots.theme import PALETTE


def distance_curves(pairs: Mapping[tuple[str, str], Pairs]) -> Figure:
    """Discriminability of two degrees against the steps between them: rows networks, columns kinds.

    Each dot is a pair of degrees, the line the mean of those equally far apart.
    """
    networks, kinds = (list(dict.fromkeys(keys)) for keys in zip(*pairs, strict=True))
    fig, axes = plt.subplots(
        len(networks),
        len(kinds),
        figsize=(3.1 * len(kinds), 2.2 * len(networks)),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for (network, kind), found in pairs.items():
        ax = axes[networks.index(network), kinds.index(kind)]
        steps, shares = found.distances()
        ax.scatter(steps, shares, s=10, alpha=0.5, linewidths=0, color=PALETTE[0])
        means = pd.Series(shares).groupby(steps).mean()
        ax.plot(means.index, means, color=PALETTE[1])
        ax.set_title(kind if ax in axes[0] else "")
    for ax, network in zip(axes[:, 0], networks, strict=True):
        ax.set_ylabel(network, fontsize="x-small")
    fig.supxlabel("steps between the two degrees")
    fig.supylabel("share of variance between them")
    return fig


def roads(measurements: Mapping[str, Measurement]) -> Figure:
    """The deepest layer's projection of each series of degrees, coloured from weakest to strongest."""
    fig, axes = plt.subplots(
        1,
        len(measurements),
        figsize=(4.2 * len(measurements), 3.8),
        layout="constrained",
        squeeze=False,
    )
    for ax, (kind, measurement) in zip(axes[0], measurements.items(), strict=True):
        points = measurement.layers[-1].embeddings[0]
        drawn = ax.scatter(*points.T, c=measurement.degradation, cmap="viridis", s=12, linewidths=0)
        bar = fig.colorbar(drawn, ax=ax, ticks=range(len(measurement.degradations)))
        bar.ax.set_yticklabels(measurement.degradations, fontsize="x-small")
        ax.set(xticks=[], yticks=[], title=kind)
    return fig


def heatmap(table: pd.DataFrame, label: str, fmt: str = ".2g", **options) -> Figure:
    """A matrix with its numbers written in; `label` says what they are and in which unit."""
    rows, columns = table.shape
    fig, ax = plt.subplots(figsize=(1.6 + 0.62 * columns, 1.4 + 0.36 * rows), layout="constrained")
    sns.heatmap(
        table,
        annot=True,
        fmt=fmt,
        ax=ax,
        linewidths=0.5,
        **{"cmap": "viridis", "cbar_kws": {"label": label}, **options},
    )
    ax.tick_params(axis="y", rotation=0)
    return fig
