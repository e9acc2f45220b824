"""Colours, markers and defaults of all figures."""

from __future__ import annotations

import matplotlib.pyplot as plt
import seaborn as sns

PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#783018", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
SHARES = {"degradation": "#D55E00", "content": "#0072B2", "rest": "#BBBBBB"}

sns.set_theme(style="whitegrid", context="notebook", palette=PALETTE)
plt.rcParams.update({"figure.dpi": 100, "axes.titlesize": "medium", "legend.frameon": False})
