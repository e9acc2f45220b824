"""Maps of samples, and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import Tensor

from ddrlib.measure.embedded import chi_text
from ddrlib.measure.layer import Layer
from ddrlib.measure.measurement import Measurement
from ddrlib.plots.palette import PAPER, Look
from ddrlib.plots.panels import RAMP, Place, grid, grid_of, key, legend, literal, points, shaded
from ddrlib.zoo.names import plain_name

OUTER = 0.03  # of the points at each end of an axis that may lie outside a frame


def projections(measurements: Sequence[Measurement], layers: Sequence[Sequence[str]]) -> Figure:
    """t-SNE projections of layers, for the first t-SNE seed, coloured by degradation.

    Parameters
    ----------
    measurements
        One network or more.
    layers
        For each network, the names of the layers that are drawn.

    Returns
    -------
    Figure
        A row per network, a column per layer of it, with the Calinski-Harabasz index by degradation
        of this projection below each panel.
    """
    width = max(map(len, layers))
    rows = [plain_name(m.network).replace(", ", ",\n") for m in measurements]
    fig, axes = grid(rows, [""] * width, (2.6, 2.9))
    for line, measurement, names in zip(axes, measurements, layers, strict=True):
        for ax, name in zip(line, names, strict=False):
            layer = measurement[name]
            points(ax, layer.embeddings[0], layer.degradation, layer.degradations)
            ax.set_title(literal(name))
            ax.set_xlabel(f"CHI {chi_text(layer.chi_degradation.values[0])}")
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
        axes[place].set_xlabel(literal(note))
    legend(fig, axes.values())
    return fig


def degree_series(series: Mapping[Place, Layer]) -> Figure:
    """The first two principal components of each series of degrees.

    Parameters
    ----------
    series
        By (kind of degradation, what was measured): a layer under the degrees, from the weakest to
        the strongest.

    Returns
    -------
    Figure
        A panel for each; small dots are images, large ones the means of a degree, joined in order,
        the first and the last of which are named, and all of them in the key. The outermost images
        are left out of the frame.
    """
    fig, axes = grid_of(series, (3.2, 2.4))
    steps = max(len(layer.degradations) for layer in series.values())
    colours = RAMP(np.linspace(0, 1, steps))
    for place, layer in series.items():
        ax, xy = axes[place], layer.scores[:, :2]
        shaded(ax, xy, layer.degradation).set_clim(0, steps - 1)
        means = xy.reshape(len(layer.degradations), layer.n, 2).mean(axis=1)
        x, y = means.T
        ax.plot(x, y, color="black", linewidth=1)
        ax.scatter(x, y, c=colours[: len(x)], s=70, edgecolors="black", zorder=3)
        _frame(ax, xy, means)
        for end, inner in ((0, 1), (-1, -2)):
            up = means[end][1] >= means[inner][1]
            _name(ax, literal(layer.degradations[end]), means[end], up)
    orders = [layer.degradations for layer in series.values()]
    alike = (filter(None, dict.fromkeys(step)) for step in zip_longest(*orders))
    names = [", ".join(map(literal, step)) for step in alike]
    looks = {name: Look(to_hex(c), "o") for name, c in zip(names, colours, strict=True)}
    key(fig, looks, "outside lower center", columns=2)
    return fig


def _frame(ax: Axes, xy: np.ndarray, means: np.ndarray) -> None:
    """Show nearly all points (N, 2), and all means (k, 2): a few far ones would press the others together."""
    low, high = np.quantile(xy, [OUTER, 1 - OUTER], axis=0)
    low, high = np.minimum(low, means.min(axis=0)), np.maximum(high, means.max(axis=0))
    size = np.where(high > low, high - low, 1)
    (left, bottom), (right, top) = low - 0.25 * size, high + 0.25 * size
    ax.set(xlim=(left, right), ylim=(bottom, top))


def _name(ax: Axes, text: str, place: np.ndarray, up: bool) -> None:
    """Write a name above or below a place, within the frame and legible over dots."""
    left, right = ax.get_xlim()
    across = (place[0] - left) / (right - left)
    ax.annotate(
        text,
        (place[0], place[1]),
        (0, 9 if up else -9),
        textcoords="offset points",
        ha="left" if across < 0.35 else "right" if across > 0.65 else "center",
        va="bottom" if up else "top",
        fontsize="small",
        fontweight="bold",
        path_effects=[withStroke(linewidth=3, foreground=PAPER)],
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
    names, heads = ([text.replace("+", "\n+") for text in texts] for texts in (rows, titles))
    fig, axes = grid(names, heads, (1.45, 1.35))
    fig.set_layout_engine("compressed")  # pictures keep their shape: no gaps between rows
    for line, (row, images) in zip(axes, rows.items(), strict=True):
        line[0].yaxis.label.set(rotation=0, ha="right", va="center")
        for ax, note in zip(line, (notes or {}).get(row, ()), strict=False):
            ax.set_xlabel(literal(note))
        for ax, image in zip(line, images, strict=False):
            ax.imshow(image.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
        for ax in line:
            ax.set(xticks=[], yticks=[])
            sns.despine(ax=ax, left=True, bottom=True)
    return fig
