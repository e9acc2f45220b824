"""Measurements of networks, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ddrlib.measure.measurement import Measurement
from ddrlib.plots.theme import MARKERS, PALETTE, SHARES


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
        len(measurements),
        width,
        figsize=(2.7 * width, 2.9 * len(measurements)),
        squeeze=False,
        layout="constrained",
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
        for ax in line[len(names) :]:
            ax.set_axis_off()
        line[0].set_ylabel(measurement.network)
    handles, texts = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, texts, loc="outside lower center", ncols=min(len(texts), 6))
    return fig


def scatter(ax: Axes, points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> None:
    """One projection: (N, 2) points, each label in its own colour and marker."""
    for k, name in enumerate(names):
        chosen = points[labels == k]
        ax.scatter(
            *chosen.T,
            s=14,
            alpha=0.75,
            linewidths=0,
            label=name,
            color=PALETTE[k % len(PALETTE)],
            marker=MARKERS[k % len(MARKERS)],
        )
    ax.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")


def along_depth(measurements: Sequence[Measurement]) -> Figure:
    """How each network's features are organised, layer by layer.

    Above: CHI of the t-SNE projection by degradation and by content (mean and standard deviation
    over t-SNE seeds; linear below 1, logarithmic above). Below: the shares of feature variance,
    which no projection has touched, with 95 % intervals over contents.
    """
    fig, axes = plt.subplots(
        2,
        len(measurements),
        figsize=(0.6 + 4.6 * len(measurements), 6.2),
        squeeze=False,
        sharey="row",
        layout="constrained",
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
            depth,
            [c.mean for c in chi],
            yerr=[c.sd for c in chi],
            color=SHARES[factor],
            marker=marker,
            capsize=3,
            label=f"by {factor}",
        )
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(bottom=0)
    ax.set_xticks(depth, [])


def _draw_shares(ax: Axes, measurement: Measurement) -> None:
    depth = np.arange(len(measurement.layers))
    for factor, marker in (("degradation", "o"), ("content", "s"), ("rest", "^")):
        share = [getattr(layer.variance, factor) for layer in measurement.layers]
        ax.plot(depth, [s.value for s in share], color=SHARES[factor], marker=marker, label=factor)
        ax.fill_between(
            depth,
            [s.low for s in share],
            [s.high for s in share],
            color=SHARES[factor],
            alpha=0.2,
            linewidth=0,
        )
    ax.set_ylim(0, 1)
    ax.set_xticks(depth, [layer.name for layer in measurement.layers], rotation=90)
