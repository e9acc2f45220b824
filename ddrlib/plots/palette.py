"""Colours and markers of all figures and widgets; it imports nothing, so that widgets stay light.

The colours are Okabe and Ito's, which colour-blind readers tell apart; every category has a marker
of its own too, so that colour is never the only sign.
"""

PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#783018", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]  # matplotlib's names
SHARES = {"degradation": "#7B2D8E", "content": "#B8860B", "rest": "#8E959C"}  # none of PALETTE
# Of letters, of axes, and of a rim around letters that lie on points; all change in dark mode.
INK, LINE, PAPER = "#1f2328", "#c8ccd1", "#fefefe"
