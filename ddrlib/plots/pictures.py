"""Images and feature maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from matplotlib.figure import Figure
from torch import Tensor


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
