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
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ddrlib.measurement import Measurement
from ddrlib.pairwise import Pairwise

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


def projections(
    measurements: Sequence[Measurement],
    layers: Sequence[Sequence[str]],
    labels: np.ndarray | None = None,
) -> Figure:
    """t-SNE projections: a row per network, a column per layer of it, for the first t-SNE seed.

    Coloured by degradation, with the Calinski-Harabasz index by degradation (mean over the t-SNE
    seeds) above each panel; or by `labels`, one text per content.
    """
    width = max(map(len, layers))
    fig, axes = plt.subplots(
        len(measurements), width, figsize=(2.7 * width, 2.9 * len(measurements)),
        squeeze=False, layout="constrained",
    )
    for line, measurement, names in zip(axes, measurements, layers, strict=True):
        for ax, name in zip(line, names, strict=False):
            layer = measurement[name]
            if labels is None:
                scatter(ax, layer.embeddings[0], measurement.degradation, measurement.degradations)
                ax.set_title(f"{name}   CHI {layer.chi_degradation.mean:.3g}")
            else:
                names_of, codes = np.unique(labels, return_inverse=True)
                scatter(ax, layer.embeddings[0], codes[measurement.content], names_of)
                ax.set_title(name)
        for ax in line[len(names):]:
            ax.set_axis_off()
        line[0].set_ylabel(measurement.network)
    handles, texts = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, texts, loc="outside lower center", ncols=min(len(texts), 6))
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


def principal_colours(maps: np.ndarray) -> Tensor:
    """The first three principal components of feature maps (n, C, H, W) as RGB (n, 3, H, W).

    They are fitted over all positions of all images together, and stretched to [0, 1] between the
    1st and the 99th percentile.
    """
    pixels = np.moveaxis(maps, 1, -1).astype(np.float64)
    flat = pixels.reshape(-1, pixels.shape[-1])
    flat = flat - flat.mean(axis=0)
    _, axes = np.linalg.eigh(flat.T @ flat)
    colours = flat @ axes[:, :-4:-1]
    low, high = np.percentile(colours, [1, 99], axis=0)
    colours = ((colours - low) / (high - low)).clip(0, 1)
    return torch.from_numpy(np.moveaxis(colours.reshape(*pixels.shape[:3], 3), -1, 1))


def growth(logs: pd.DataFrame, panels: Mapping[str, tuple[str, str]]) -> Figure:
    """Training logs: a panel for each (measure, layer), a line for each network.

    Lines are means over training seeds, bands run from the smallest to the largest. The iteration
    axis is logarithmic beyond 10, so that iteration 0, the random network, has a place.
    """
    fig, axes = plt.subplots(
        2, -(-len(panels) // 2), figsize=(9.5, 6), sharex=True, layout="constrained", squeeze=False
    )
    for ax, (title, (measure, layer)) in zip(axes.flat, panels.items(), strict=False):
        rows = logs[(logs.measure == measure) & (logs.layer == layer)]
        sns.lineplot(
            rows, x="iteration", y="value", hue="network", style="network", markers=True,
            dashes=False, errorbar=("pi", 100), ax=ax, legend=ax is axes[0, 0],
        )
        ax.set_xscale("symlog", linthresh=10)
        ax.set(title=title, ylabel="")
        if measure.startswith("chi"):
            ax.set_yscale("symlog", linthresh=1)
    return fig


def maps(tables: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Matrices side by side on one colour scale; `label` says what the colour is."""
    fig, axes = plt.subplots(
        1, len(tables), figsize=(5.2 * len(tables), 3.6), sharey=True, layout="constrained",
        squeeze=False,
    )
    highest = max(table.to_numpy().max() for table in tables.values())
    for ax, (title, table) in zip(axes[0], tables.items(), strict=True):
        sns.heatmap(
            table, ax=ax, vmin=0, vmax=highest, cmap="viridis", cbar=ax is axes[0, -1],
            cbar_kws={"label": label},
        )
        ax.set(title=title, ylabel="")
        ax.invert_yaxis()
    return fig


def distance_curves(pairs: Mapping[tuple[str, str], Pairwise]) -> Figure:
    """Discriminability of two degrees against the steps between them: rows networks, columns kinds.

    Each dot is a pair of degrees, the line the mean of those equally far apart.
    """
    networks, kinds = (list(dict.fromkeys(keys)) for keys in zip(*pairs, strict=True))
    fig, axes = plt.subplots(
        len(networks), len(kinds), figsize=(3.1 * len(kinds), 2.2 * len(networks)),
        sharex=True, sharey="row", squeeze=False, layout="constrained",
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
        1, len(measurements), figsize=(4.2 * len(measurements), 3.8), layout="constrained",
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
    fig, ax = plt.subplots(
        figsize=(1.6 + 0.62 * columns, 1.4 + 0.36 * rows), layout="constrained"
    )
    sns.heatmap(
        table, annot=True, fmt=fmt, ax=ax, linewidths=0.5,
        **{"cmap": "viridis", "cbar_kws": {"label": label}, **options},
    )
    ax.tick_params(axis="y", rotation=0)
    return fig
