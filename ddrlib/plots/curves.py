"""Numbers against depth, degree, iteration or one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from string import digits as DIGITS
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ddrlib.measure.intervals import Interval
from ddrlib.measure.measurement import Measurement
from ddrlib.measure.pairs import Pairs
from ddrlib.plots.palette import INK, MARKERS, SHARES, Look, looks_of
from ddrlib.plots.panels import Place, grid, grid_of, key, legend, literal, wrapped
from ddrlib.zoo.names import plain_name

MOST_NAMES, IN_THREE = 18, 11  # of layers under a panel, and where three share the width
ABOVE = "outside upper center"  # for what is long on a phone: its legend is read first
APART = 0.15  # inches around a panel of which the outermost ticks have long names
BELOW = -0.15  # CHI is never less than 0, and a mark there is seen whole


def along_depth(measurements: Sequence[Measurement]) -> Figure:
    """How each network's features are organised, layer by layer.

    Parameters
    ----------
    measurements
        One network or more.

    Returns
    -------
    Figure
        A column per network. Above: CHI of the t-SNE projection by degradation and by content (mean
        and standard deviation over t-SNE seeds; linear below 1, logarithmic above). Below: the
        components of feature variance, which no projection has touched, with 95 % intervals over
        contents.
    """
    rows = ["CHI of the projection", "component of variance"]
    fig, axes = grid(rows, [plain_name(m.network) for m in measurements], (4.2, 3.6), sharey="row")
    for (above, below), measurement in zip(axes.T, measurements, strict=True):
        _draw_chi(above, measurement)
        _draw_shares(below, measurement, MOST_NAMES if len(measurements) < 3 else IN_THREE)
    for above in axes[0]:  # once all are drawn: a limit ends the scaling of all that share the axis
        above.set_ylim(bottom=BELOW)
    legend(fig, axes[1, :1], ABOVE)
    return fig


def _draw_chi(ax: Axes, measurement: Measurement) -> None:
    depth = np.arange(len(measurement.layers))
    for factor, marker in (("degradation", "o"), ("content", "s")):
        chi = [getattr(layer, f"chi_{factor}") for layer in measurement.layers]
        look: dict[str, Any] = {
            "color": SHARES[factor],
            "marker": marker,
            "markersize": 5,
            "capsize": 3,
        }
        below = [min(c.sd, c.mean) for c in chi]  # CHI is never less than 0
        ax.errorbar(depth, [c.mean for c in chi], yerr=[below, [c.sd for c in chi]], **look)
    ax.set_yscale("symlog", linthresh=1)
    ax.set_xticks(depth, [])
    ax.grid(axis="x", visible=False)


def _draw_shares(ax: Axes, measurement: Measurement, most: int) -> None:
    depth = np.arange(len(measurement.layers))
    for factor, marker in (("degradation", "o"), ("content", "s"), ("rest", "^")):
        shares = [getattr(layer.variance, factor) for layer in measurement.layers]
        look = {"color": SHARES[factor], "marker": marker, "markersize": 5}
        _with_band(ax, depth, shares, factor, look)
    ax.set_ylim(-0.02, 1)
    names = [layer.name for layer in measurement.layers]
    named = _named(names, most)
    ax.set_xticks(named, [literal(names[place]) for place in named], rotation=90)
    ax.grid(axis="x", visible=False)


def _named(names: Sequence[str], most: int) -> list[int]:
    """The places of names for which there is room: of numbered blocks the last, and every few before it."""
    rows = [list(row) for _, row in groupby(range(len(names)), lambda k: names[k].rstrip(DIGITS))]
    for step in range(1, len(names) + 1):
        named = [k for row in rows for k in row[::-step][::-1]]
        if len(named) <= most:
            return _apart(named, rows, -(-len(names) // (most + most // 2)))
    return list(range(len(names)))[:: -(-len(names) // most)]


def _apart(named: Sequence[int], rows: Sequence[Sequence[int]], gap: int) -> list[int]:
    """Those at least `gap` layers from one another: the first, the last and numbered blocks before others."""
    numbered = [k for row in rows if len(row) > 1 for k in row if k in named]
    kept: list[int] = []
    for k in dict.fromkeys([named[0], named[-1], *numbered[::-1], *named]):
        if all(abs(k - other) >= gap for other in kept):
            kept.append(k)
    return sorted(kept)


def _with_band(
    ax: Axes,
    x: Sequence[float] | np.ndarray,
    intervals: Sequence[Interval],
    label: str,
    look: Mapping[str, Any],
) -> None:
    """A line of values in the band of their intervals."""
    value, low, high, _ = zip(*intervals, strict=True)
    ax.plot(x, value, label=label, **look)
    ax.fill_between(x, low, high, color=look["color"], alpha=0.2, linewidth=0)


def growth(logs: pd.DataFrame, panels: Mapping[str, tuple[str, str]]) -> Figure:
    """Training logs: one panel for each measure, one line for each network.

    Parameters
    ----------
    logs
        Columns iteration, layer, measure and value (`ddrlib.training.log.read_log`), and network;
        several trainings of a network have the same iterations.
    panels
        By title: the measure and the layer of a panel.

    Returns
    -------
    Figure
        Networks differ by their marks, with the skip filled; the colour is that of what is
        measured. Lines are means over training seeds, bands run from the smallest to the largest. The
        iteration axis is logarithmic beyond 10, so that iteration 0, the random network, has a place. The axis of
        PSNR begins just below the highest start: a network that starts far below comes in from there.
    """
    fig, axes = grid(["", ""], [""] * -(-len(panels) // 2), (4.5, 2.8), sharex=True)
    looks = looks_of(logs.network)
    for ax, (title, (measure, layer)) in zip(axes.flat, panels.items(), strict=False):
        chosen = logs[(logs.measure == measure) & (logs.layer == layer)]
        colour = SHARES.get(measure.rpartition("_")[2], INK)
        for network, look in looks.items():
            one, drawn = chosen[chosen.network == network], look.line(colour)
            axis = {"x": "iteration", "y": "value", "errorbar": ("pi", 100)}
            sns.lineplot(one, **axis, label=network, ax=ax, **drawn)
        ax.set_xscale("symlog", linthresh=10)
        ax.set(title=title, xlabel="iteration", ylabel="")
        if measure.startswith("chi"):
            ax.set_yscale("symlog", linthresh=1)
            ax.set_ylim(bottom=BELOW)
        if measure == "psnr":
            starts = (
                chosen[chosen.iteration == chosen.iteration.min()].groupby("network").value.mean()
            )
            bottom = np.floor(starts.max())
            ax.set_ylim(bottom=bottom)
            ax.set_title(f"{title}, from {bottom:.0f} up")
    legend(fig, axes.flat[: len(panels)], ABOVE)
    return fig


def distance_curves(pairs: Mapping[Place, Pairs]) -> Figure:
    """How well two degrees are told apart against the steps between them.

    Parameters
    ----------
    pairs
        By (what was measured, kind of degradation).

    Returns
    -------
    Figure
        A row per kind. Left: the component of degradation; right: the purity of the nearest
        neighbours, its chance dotted. Both are means over the pairs equally far apart with 95 %
        intervals over contents.
    """
    sources, kinds = (list(dict.fromkeys(names)) for names in zip(*pairs, strict=True))
    looks = {name: look.line() for name, look in looks_of(sources).items()}
    least = min(p.low for found in pairs.values() for p in found.neighbours().values())
    start = max(np.floor(10 * least) / 10, 0)
    begins = f"\n(axis from {start:.1f})" if start else ""
    measures = ["component of degradation", f"neighbours of the same degree{begins}"]
    fig, axes = grid(kinds, measures, (3.2, 2.1), sharex=True, sharey="col")
    for (source, kind), found in pairs.items():
        both = found.components(), found.neighbours()
        for ax, by_steps in zip(axes[kinds.index(kind)], both, strict=True):
            _with_band(ax, list(by_steps), list(by_steps.values()), source, looks[source])
            ax.set_xticks(list(by_steps))
    for kind, ax in zip(kinds, axes[:, 1], strict=True):
        ax.axhline(pairs[sources[0], kind].knn_chance, color="grey", linestyle=":", label="chance")
    axes[0, 1].set_ylim(start, 1.03)
    for ax in axes[-1]:
        ax.set_xlabel("steps apart")
    legend(fig, axes[0])
    return fig


def response_curves(table: pd.DataFrame, measure: str, x: str, row: str, column: str) -> Figure:
    """A measure against a number, one panel for each pair of a row and a column.

    Parameters
    ----------
    table
        With an `Interval` in the column `measure`, the columns network and training, and those that
        the other arguments name.
    measure
        The column that is drawn upwards.
    x
        The column that is drawn across.
    row
        The column by which rows of panels are divided.
    column
        The column by which columns of panels are divided.

    Returns
    -------
    Figure
        One look for each way of training. Of the networks of a panel trained alike the first is
        drawn with its intervals, the others thinly.
    """
    panels = dict(list(table.groupby([row, column], sort=False)))
    fig, axes = grid_of(panels, (3.3, 2.4), sharey="row", sharex="col")
    fig.set_layout_engine("constrained", w_pad=APART)
    looks = {way: look.line() for way, look in looks_of(table.training).items()}
    for place, part in panels.items():
        ax, firsts = axes[place], set(part.drop_duplicates("training").network)
        for (way, network), line in part.groupby(["training", "network"], sort=False):
            if network in firsts:
                _with_band(ax, line[x], line[measure], way, looks[way])
            else:
                thin = looks[way] | {"marker": "none", "linewidth": 0.8}
                ax.plot(line[x], [v.value for v in line[measure]], **thin)
    legend(fig, axes.values(), ABOVE, columns=4, title="trained on")
    fig.supylabel(literal(measure))
    return fig


def against_loss(table: pd.DataFrame, shown: Sequence[str], notes: Mapping[Place, str]) -> Figure:
    """The loss of PSNR against measures.

    Parameters
    ----------
    table
        One row for each network, degradation and measure, with the columns family, measure,
        training, degradation, value and "loss of PSNR" (dB).
    shown
        The degradations in the order of the book's maps, which gives each its mark.
    notes
        By measure and family: what is written above a panel.

    Returns
    -------
    Figure
        A row per measure, a column per family of networks: colours and the filling of marks are ways
        of training, shapes degradations.
    """
    panels = dict(list(table.groupby(["measure", "family"], sort=False)))
    fig, axes = grid_of(panels, (3.2, 3.4), sharex="row", sharey=True)
    fig.set_layout_engine("constrained", w_pad=APART)
    looks, shapes = looks_of(table.training), dict(zip(shown, MARKERS, strict=False))
    for place, part in panels.items():
        for (way, degradation), dots in part.groupby(["training", "degradation"], sort=False):
            look = looks[way]._replace(marker=shapes[degradation]).mark()
            axes[place].plot(dots.value, dots["loss of PSNR"], **look, markersize=7.5)
        axes[place].set(xlabel=wrapped(place[0]), ylabel="")
        axes[place].margins(y=0.12)
        axes[place].set_title(f"{axes[place].get_title()}\n{literal(notes[place])}".strip())
    used = {name: Look(INK, shapes[name]) for name in shown if name in set(table.degradation)}
    key(fig, looks, ABOVE, columns=4, title="trained on")
    key(fig, used, "outside lower center", title="shown")
    fig.supylabel("loss of PSNR (dB)")
    return fig
