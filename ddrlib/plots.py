"""Figures of the book: each function takes results and returns a matplotlib Figure.

Nothing is computed here. Colours are Okabe and Ito's, which colour-blind readers tell apart; every
category has a marker of its own too, so that colour is never the only sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ddrlib.measure import Measurement

PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
SHARES = {"degradation": "#D55E00", "content": "#0072B2", "rest": "#BBBBBB"}

sns.set_theme(style="whitegrid", context="notebook", palette=PALETTE)
plt.rcParams.update({"figure.dpi": 100, "axes.titlesize": "medium", "legend.frameon": False})


def pictures(rows: Mapping[str, Tensor], columns: Sequence[str] | None = None) -> Figure:
    """A grid of pictures: one labelled row of (n, 3, H, W) images in [0, 1] per entry."""
    n = max(len(images) for images in rows.values())
    fig, axes = plt.subplots(
        len(rows), n, figsize=(1.35 * n + 0.8, 1.4 * len(rows)), squeeze=False, layout="constrained"
    )
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for ax, image in zip(line, images, strict=False):
            ax.imshow(image.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
        for ax in line:
            ax.set(xticks=[], yticks=[])
            sns.despine(ax=ax, left=True, bottom=True)
    for ax, title in zip(axes[0], columns or [], strict=False):
        ax.set_title(title, fontsize="small")
    return fig


def scatter(ax: Axes, points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> None:
    """One projection: (N, 2) points, each label in its own colour and marker."""
    for k, name in enumerate(names):
        chosen = points[labels == k]
        ax.scatter(
            *chosen.T, s=14, alpha=0.75, linewidths=0, label=name,
            color=PALETTE[k % len(PALETTE)], marker=MARKERS[k % len(MARKERS)],
        )
    ax.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")


def projections(measurements: Sequence[Measurement], layers: Sequence[Sequence[str]]) -> Figure:
    """t-SNE projections coloured by degradation: a row per network, a column per layer of it.

    Above each panel stands the Calinski-Harabasz index by degradation, mean over the t-SNE seeds;
    the first of them is drawn.
    """
    width = max(map(len, layers))
    fig, axes = plt.subplots(
        len(measurements), width, figsize=(2.7 * width, 2.9 * len(measurements)),
        squeeze=False, layout="constrained",
    )
    for line, measurement, names in zip(axes, measurements, layers, strict=True):
        for ax, name in zip(line, names, strict=False):
            layer = measurement[name]
            scatter(ax, layer.embeddings[0], measurement.degradation, measurement.degradations)
            ax.set_title(f"{name}   CHI {layer.chi_degradation.mean:.3g}")
        for ax in line[len(names):]:
            ax.set_axis_off()
        line[0].set_ylabel(measurement.network)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return fig


def along_depth(measurements: Sequence[Measurement]) -> Figure:
    """How each network's features are organised, layer by layer.

    Above: CHI of the t-SNE projection by degradation and by content (mean and standard deviation
    over t-SNE seeds; linear below 1, logarithmic above). Below: the shares of feature variance,
    which no projection has touched, with 95 % intervals over contents.
    """
    fig, axes = plt.subplots(
        2, len(measurements), figsize=(0.6 + 4.6 * len(measurements), 6.2),
        squeeze=False, sharey="row", layout="constrained",
    )
    for (above, below), measurement in zip(axes.T, measurements, strict=True):
        _draw_chi(above, measurement)
        _draw_shares(below, measurement)
        above.set_title(measurement.network)
    axes[0, 0].set_ylabel("CHI of the projection")
    axes[1, 0].set_ylabel("share of feature variance")
    axes[0, -1].legend(loc="best", fontsize="small")
    axes[1, -1].legend(loc="best", fontsize="small")
    return fig


def _draw_chi(ax: Axes, measurement: Measurement) -> None:
    depth = np.arange(len(measurement.layers))
    for factor, marker in (("degradation", "o"), ("content", "s")):
        chi = [getattr(layer, f"chi_{factor}") for layer in measurement.layers]
        ax.errorbar(
            depth, [c.mean for c in chi], yerr=[c.sd for c in chi],
            color=SHARES[factor], marker=marker, capsize=3, label=f"by {factor}",
        )
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(bottom=0)
    ax.set_xticks(depth, [])


def _draw_shares(ax: Axes, measurement: Measurement) -> None:
    depth = np.arange(len(measurement.layers))
    for factor, marker in (("degradation", "o"), ("content", "s"), ("rest", "^")):
        share = [getattr(layer.variance, factor) for layer in measurement.layers]
        ax.plot(
            depth, [s.value for s in share], color=SHARES[factor], marker=marker, label=factor
        )
        ax.fill_between(
            depth, [s.low for s in share], [s.high for s in share],
            color=SHARES[factor], alpha=0.2, linewidth=0,
        )
    ax.set_ylim(0, 1)
    ax.set_xticks(depth, [layer.layer for layer in measurement.layers], rotation=90)


def intervals(
    table: pd.DataFrame, x: str, y: str, hue: str | None = None, reference: float | None = None
) -> Figure:
    """Values with 95 % intervals (columns y, `low`, `high`) over x, one line per hue."""
    fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    groups = table.groupby(hue, sort=False) if hue else [("", table)]
    for k, (name, rows) in enumerate(groups):
        error = np.abs(rows[["low", "high"]].to_numpy().T - rows[y].to_numpy())
        ax.errorbar(
            rows[x], rows[y], yerr=error, capsize=3, label=str(name),
            color=PALETTE[k % len(PALETTE)], marker=MARKERS[k % len(MARKERS)],
        )
    if reference is not None:
        ax.axhline(reference, color="0.4", linestyle="--", linewidth=1)
    ax.set(xlabel=x, ylabel=y)
    if hue:
        ax.legend(fontsize="small")
    return fig


def heatmap(table: pd.DataFrame, label: str, fmt: str = ".2g", **options) -> Figure:
    """A matrix with its numbers written in; `label` says what they are and in which unit."""
    rows, columns = table.shape
    fig, ax = plt.subplots(
        figsize=(1.6 + 0.62 * columns, 1.4 + 0.36 * rows), layout="constrained"
    )
    sns.heatmap(
        table, annot=True, fmt=fmt, ax=ax, linewidths=0.5,
        **{"cmap": "viridis", "cbar_kws": {"label": label}, **options},
    )
    ax.tick_params(axis="y", rotation=0)
    return fig
