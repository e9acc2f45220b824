"""Colours, marks and lines of all figures and widgets, and what each of them means.

It imports nothing heavy, so that widgets stay light. The colours are Okabe and Ito's, which
colour-blind readers tell apart; a colour is never the only sign.

- Degradations of the images shown: `PALETTE` and `MARKERS` in their order, so a blue disc is clean, an
  orange square blurred, a green triangle noisy.
- What variance is explained by: `SHARES`, purple for the degradation and gold for the content.
- Networks trained for this book: ink. A disc is SRResNet, filled with the skip, open without it, half
  filled with a skip for features alone; a triangle is SRGAN.
- Networks that others trained: red; a diamond enlarges images, a triangle classifies them.
- What has learned nothing, so random weights and fixed filters: dashed grey lines; an empty square is
  random weights, crosses and stars are no networks. Chance is a dotted grey line.
- What a network was trained on: hexagons filled by halves, under the heading "trained on". Blur alone
  fills the left half, noise alone the right, both together all of it. The colour is that of the
  degradation; since an image has another mark, a blue hexagon is not taken for a clean image.
- Degrees of one degradation: a ramp from dark to light (`ddrlib.plots.panels.RAMP`).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle, product
from typing import Any, NamedTuple

PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#783018", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]  # matplotlib's names
SHARES = {"degradation": "#7B2D8E", "content": "#B8860B", "rest": "#8E959C"}  # none of PALETTE
# Of letters, of axes, and of a rim around letters that lie on points; all change in dark mode.
INK, LINE, PAPER = "#1f2328", "#c8ccd1", "#fefefe"
OTHERS, UNLEARNED = "#b3123c", "#6e7781"  # networks that others trained; what has learned nothing
# What they become in the dark. The palette, made for white paper, keeps its colours as far from one
# another there, and they stand out, though marks on a map are transparent (both tested).
DARK = {INK: "#e3e6ea", LINE: "#4a525b", PAPER: "#121212", OTHERS: "#ff8095", UNLEARNED: "#a9b3bd"}
DARK |= {"#0072b2": "#4293f8", "#d55e00": "#fc5e1b", "#009e73": "#12b995", "#cc79a7": "#d997c9"}
DARK |= {"#e69f00": "#e7b900", "#56b4e9": "#a4dcff", "#783018": "#c7806a", "#000000": "#ffffff"}
DARK |= {"#7b2d8e": "#c08ad0"}


class Look(NamedTuple):
    """How a network, a control or a training set is drawn in every figure."""

    colour: str
    marker: Any  # as matplotlib names it
    fill: str = "full"  # or "none", or the half that is filled: "left" or "right"
    dash: Any = "-"

    def mark(self, colour: str | None = None) -> dict[str, Any]:
        """What `Axes.plot` takes for marks without a line; in another colour where one is given."""
        colour = colour or self.colour
        return {
            "color": colour,
            "linestyle": "none",
            "marker": self.marker,
            # An open mark covers the line behind it, so it is filled with the paper's colour.
            "fillstyle": "full" if self.fill == "none" else self.fill,
            "markerfacecolor": PAPER if self.fill == "none" else colour,
            "markerfacecoloralt": PAPER,
            "markeredgecolor": colour,
            "markeredgewidth": 1.2,
        }

    def line(self, colour: str | None = None) -> dict[str, Any]:
        """The same with the line."""
        return self.mark(colour) | {"linestyle": self.dash}


SHORT, LONG, BROKEN = (0, (2, 1)), (0, (5, 2)), (0, (6, 1.5, 1, 1.5))
KINDS = {
    "with skip": Look(INK, "o"),
    "without skip": Look(INK, "o", "none"),
    "skip for features": Look(INK, "o", "left"),
    "published": Look(OTHERS, "D"),
    "random weights": Look(UNLEARNED, "s", "none", "--"),
}
NETWORKS = {
    "SRResNet with skip": KINDS["with skip"],
    "SRResNet without skip": KINDS["without skip"],
    "SRGAN with skip": Look(INK, ">", "full", "-."),
    "SRGAN without skip": Look(INK, ">", "none", "-."),
    "DAT-light": KINDS["published"],
    "EfficientNet-Lite0": Look(OTHERS, "<", "full", "-."),
}
CONTROLS = {
    "pixels": Look(UNLEARNED, "x", dash=SHORT),
    "high-pass filter": Look(UNLEARNED, "+", dash=LONG),
    "BRISQUE": Look(UNLEARNED, "1", dash=BROKEN),
    "gradients": Look(UNLEARNED, (6, 2, 0), dash=SHORT),
}
TRAINED_ON = {
    "clean": Look(PALETTE[0], "h", "none"),
    "blur": Look(PALETTE[1], "h", "left", "--"),
    "noise": Look(PALETTE[2], "h", "right", ":"),
    "blur and noise": Look(PALETTE[3], "h", "full", "-."),
    "blind": Look(PALETTE[3], "d"),
    "compression": Look(PALETTE[6], "v"),
    "told": Look(INK, "p", "none"),
    "unknown": Look(INK, "$?$"),
}
KNOWN = KINDS | NETWORKS | CONTROLS | TRAINED_ON
SPARE = [Look(OTHERS, marker, fill) for fill, marker in product(("full", "none"), "phdv8")]


def looks_of(names: Iterable[str]) -> dict[str, Look]:
    """The look of each name in any figure; of names that the book does not know, one that is free.

    Parameters
    ----------
    names : iterable of str
        Networks as `ddrlib.zoo.names.plain_name` says them, kinds of them, controls, or what
        networks were trained on.

    Returns
    -------
    dict of str to Look
    """
    spare, found = cycle(SPARE), dict[str, Look]()
    for name in dict.fromkeys(names):
        look = KNOWN["random weights"] if name.endswith("random weights") else KNOWN.get(name)
        found[name] = look if look and look not in found.values() else next(spare)
    return found
