"""Maps of samples, matrices, and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ddrlib.measure.intervals import decimals
from ddrlib.measure.layer import Layer
from ddrlib.measure.measurement import Measurement
from ddrlib.plots.panels import Place, grid, grid_of, legend, literal, matrix, points, shaded
from ddrlib.zoo.names import plain_name


def projections(
    measurements: Sequence[Measurement],
    layers: Sequence[Sequence[str]],
    labels: np.ndarray | None = None,
) -> Figure:
    """t-SNE projections of layers, for the first t-SNE seed.

    Parameters
    ----------
    measurements
        One network or more.
    layers
        For each network, the names of the layers that are drawn.
    labels : ndarray, optional
        (n,), one text per content, by which points are coloured; by degradation without.

    Returns
    -------
    Figure
        A row per network, a column per layer of it. Coloured by degradation, each panel has the
        Calinski-Harabasz index by degradation (mean over the t-SNE seeds) above it.
    """
    width = max(map(len, layers))
    fig, axes = grid([plain_name(m.network) for m in measurements], [""] * width, (2.6, 2.8))
    for line, measurement, names in zip(axes, measurements, layers, strict=True):
        for ax, name in zip(line, names, strict=False):
            layer, title = measurement[name], literal(name)
            if labels is None:
                points(ax, layer.embeddings[0], layer.degradation, layer.degradations)
                chi = layer.chi_degradation.mean
                title += f"   CHI {chi:,.{decimals(chi)}f}"
            else:
                kinds, codes = np.unique(labels, return_inverse=True)
                points(ax, layer.embeddings[0], codes[layer.content], kinds.tolist())
            ax.set_title(title)
        for ax in line[len(names) :]:
            ax.set_axis_off()
    legend(fig, axes[:1, 0], columns=6)
    return fig


def overlays(panels: Mapping[Place, tuple[np.ndarray, str]], degradations: Sequence[str]) -> Figure:
    """Clean and degraded features in one projection, one panel each.

    Parameters
    ----------
    panels
        By row and column: the points (k n, 2), degradation by degradation, and the note below them.
    degradations
        The k degradations, in the order of the points.

    Returns
    -------
    Figure
        Each degradation has its own colour and marker.
    """
    fig, axes = grid_of(panels, (2.4, 2.5))
    for place, (xy, note) in panels.items():
        labels = np.repeat(np.arange(len(degradations)), len(xy) // len(degradations))
        points(axes[place], xy, labels, degradations)
        axes[place].set_xlabel(literal(note), fontsize="small")
    legend(fig, axes.values())
    return fig


def degree_series(series: Mapping[Place, Layer]) -> Figure:
    """The first two principal components of each series of degrees.

    Parameters
    ----------
    series
        By (what was measured, kind of degradation): a layer under the degrees, from the weakest to
        the strongest.

    Returns
    -------
    Figure
        A panel for each; small dots are images, large ones the means of a degree, joined in order,
        the first and the last of which are named.
    """
    fig, axes = grid_of(series, (3.6, 2.9))
    for place, layer in series.items():
        ax, xy = axes[place], layer.scores[:, :2]
        shaded(ax, xy, layer.degradation)
        means = xy.reshape(len(layer.degradations), layer.n, 2).mean(axis=1)
        x, y = means.T
        ax.plot(x, y, color="black", linewidth=1)
        ax.scatter(x, y, c=range(len(x)), cmap="viridis", s=70, edgecolors="black", zorder=3)
        for end, above in ((0, 9), (-1, -15)):  # they may be neighbours
            _name(ax, literal(layer.degradations[end]), means[end], above)
    return fig


def _name(ax: Axes, text: str, place: np.ndarray, above: float) -> None:
    """Write a name so many points above a place."""
    ax.annotate(
        text,
        (place[0], place[1]),
        (0, above),
        textcoords="offset points",
        ha="center",
        fontsize="small",
        fontweight="bold",
    )


def embedding_maps(maps: Mapping[str, np.ndarray], degrees: Mapping[str, np.ndarray]) -> Figure:
    """Projected embeddings: each row coloured by another kind of degree.

    Parameters
    ----------
    maps
        By method: points (N, 2).
    degrees
        By name and unit: the degrees (N,).

    Returns
    -------
    Figure
        A column per method, a row with its colour bar per kind of degree.
    """
    fig, axes = grid([""] * len(degrees), list(maps), (3.1, 2.7))
    for line, (label, values) in zip(axes, degrees.items(), strict=True):
        for ax, xy in zip(line, maps.values(), strict=True):
            drawn = shaded(ax, xy, values)
        fig.colorbar(drawn, ax=line[-1], label=label)
    return fig


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
    fig, axes = grid(blank, [""], (2.4 + 0.62 * side, 1.0 + 0.36 * side), sharex=True)
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
        With one colour bar, at the right.
    """
    fig, axes = grid([""], list(tables), (5.0, 3.2), sharey=True)
    highest = max(table.to_numpy().max() for table in tables.values())
    for ax, table in zip(axes[0], tables.values(), strict=True):
        last = ax is axes[0, -1]
        matrix(ax, table, vmin=0, vmax=highest, cbar=last, cbar_kws={"label": label})
        ax.set(ylabel="")
        ax.invert_yaxis()
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
    written = {"annot": True, "fmt": ".0f", "annot_kws": {"size": "x-small"}}
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
    columns = min(len(tables), 3)
    rows = -(-len(tables) // columns)
    fig, axes = grid([""] * rows, [""] * columns, (3.6, 2.8), sharex=True, sharey=True)
    largest = max(np.abs(table.to_numpy()).max() for table in tables.values())
    look = {"cmap": "PuOr", "annot": True, "fmt": "+.2f", "annot_kws": {"size": "small"}}
    for ax, (method, table) in zip(axes.flat, tables.items(), strict=False):
        matrix(ax, table, vmin=-largest, vmax=largest, **look)
        ax.set(title=literal(method), xlabel="noise (of 255)", ylabel="blur (HR pixels)")
        ax.label_outer()
    for ax in axes.flat[len(tables) :]:
        ax.set_axis_off()
    fig.colorbar(axes[0, 0].collections[0], ax=axes, label="gain (dB)", shrink=0.8)
    return fig


def pictures(
    rows: Mapping[str, Tensor],
    columns: Sequence[str] = (),
    notes: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """A grid of pictures, a labelled row for each batch.

    Parameters
    ----------
    rows
        By label: images (n, 3, H, W), RGB, clipped to [0, 1].
    columns
        Titles of the columns.
    notes
        By label: texts below the pictures of that row, one for each.

    Returns
    -------
    Figure
        Pixels are drawn as they are, not smoothed.
    """
    n = max(len(images) for images in rows.values())
    titles = [*columns, *[""] * n][:n]
    fig, axes = grid(list(rows), titles, (1.45, 1.35))
    for line, (row, images) in zip(axes, rows.items(), strict=True):
        line[0].yaxis.label.set(rotation=0, ha="right", va="center", fontsize="medium")
        for ax, note in zip(line, (notes or {}).get(row, ()), strict=False):
            ax.set_xlabel(literal(note), fontsize="small")
        for ax, image in zip(line, images, strict=False):
            ax.imshow(image.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
        for ax in line:
            ax.set(xticks=[], yticks=[])
            sns.despine(ax=ax, left=True, bottom=True)
    return fig
