"""How a network changes while it learns."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure


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
            rows,
            x="iteration",
            y="value",
            hue="network",
            style="network",
            markers=True,
            dashes=False,
            errorbar=("pi", 100),
            ax=ax,
            legend=ax is axes[0, 0],
        )
        ax.set_xscale("symlog", linthresh=10)
        ax.set(title=title, ylabel="")
        if measure.startswith("chi"):
            ax.set_yscale("symlog", linthresh=1)
    return fig


def maps(tables: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Matrices side by side on one colour scale; `label` says what the colour is."""
    fig, axes = plt.subplots(
        1,
        len(tables),
        figsize=(5.2 * len(tables), 3.6),
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    highest = max(table.to_numpy().max() for table in tables.values())
    for ax, (title, table) in zip(axes[0], tables.items(), strict=True):
        sns.heatmap(
            table,
            ax=ax,
            vmin=0,
            vmax=highest,
            cmap="viridis",
            cbar=ax is axes[0, -1],
            cbar_kws={"label": label},
        )
        ax.set(title=title, ylabel="")
        ax.invert_yaxis()
    return fig
