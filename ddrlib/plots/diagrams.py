"""Drawings of what is trained: a network with its skips, and one with a guide. Lengths are inches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from ddrlib.plots.palette import INK

HEIGHT, GAP = 0.52, 0.2  # of a box, and between two of them
LETTERS = 10.0  # points


class Box(NamedTuple):
    """A box by its left and right edge and the middle of its height."""

    left: float
    right: float
    y: float

    @property
    def x(self) -> float:
        """The middle."""
        return (self.left + self.right) / 2


def skip() -> Figure:
    """A super-resolution network: the skip for the image, the one for features, and where it is measured.

    Returns
    -------
    Figure
    """
    fig, ax = _canvas(4.9, 2.15)
    names = ["small\nimage", "first\nlayer", "trunk", "enlarge", "+", "large\nimage"]
    small, first, trunk, _, added, _ = _row(ax, 1.1, names, [0.6, 0.55, 1.0, 0.75, 0.3, 0.6])
    _detour(ax, small.x, added.x, 1.1, 0.75, linewidth=2.5)
    ax.text(
        (small.x + added.x) / 2, 1.93, "the skip: the image, enlarged", ha="center", size=LETTERS
    )
    _detour(ax, first.right + GAP / 2, trunk.right + GAP / 2, 1.1, -0.6, linestyle="--", inner=0)
    ax.text(trunk.x, 0.36, "skip for features", ha="center", va="top", size=LETTERS)
    last = (trunk.right - 0.17, trunk.y - HEIGHT / 2)
    ax.add_patch(plt.Rectangle(last, 0.17, HEIGHT, color=INK, linewidth=0))
    ax.text(trunk.right, 1.44, "last block: measured", ha="center", size=LETTERS)
    return fig


def guidance() -> Figure:
    """A network that restores, and a guide that tells it about the degradation.

    Returns
    -------
    Figure
    """
    fig, ax = _canvas(4.75, 2.1)
    told = _row(ax, 1.8, ["image", "guide", "encoder"], [0.65, 0.6, 0.8])
    names = ["image", "first\nlayer", "blocks", "enlarge", "restored"]
    restoring = _row(ax, 0.4, names, [0.65, 0.6, 0.8, 0.8, 0.85])
    encoder, blocks = told[-1], restoring[2]
    _arrow(
        ax, (encoder.x, encoder.y - HEIGHT / 2), (blocks.x, blocks.y + HEIGHT / 2), linewidth=2.5
    )
    ax.text(
        blocks.x + 0.15,
        1.12,
        "embedding:\nmodulates each block",
        va="center",
        size=LETTERS,
    )
    return fig


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    fig, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.axis("off")
    return fig, ax


def _row(ax: Axes, y: float, names: Sequence[str], widths: Sequence[float]) -> list[Box]:
    """Boxes from left to right, each with an arrow to the next."""
    boxes: list[Box] = []
    for name, width in zip(names, widths, strict=True):
        left = boxes[-1].right + GAP if boxes else 0.03
        box = Box(left, left + width, y)
        style = f"round,pad=0,rounding_size={width / 2 if name == '+' else 0.05}"
        height = width if name == "+" else HEIGHT
        ax.add_patch(
            FancyBboxPatch(
                (left, y - height / 2), width, height, boxstyle=style, fill=False, edgecolor=INK
            )
        )
        ax.text(box.x, y, name, ha="center", va="center", size=LETTERS)
        if boxes:
            _arrow(ax, (boxes[-1].right, y), (left, y))
        boxes.append(box)
    return boxes


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], **look: Any) -> None:
    plain = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=plain | look)


def _detour(
    ax: Axes,
    start: float,
    end: float,
    y: float,
    by: float,
    inner: float = HEIGHT / 2,
    **look: Any,
) -> None:
    """A line from one place to another that leaves the row upwards, or downwards, and comes back with an arrow."""
    away = inner if by > 0 else -inner
    ax.plot(
        [start, start, end], [y + away, y + by, y + by], color=INK, solid_joinstyle="miter", **look
    )
    _arrow(ax, (end, y + by), (end, y + away * 0.6), **look)
