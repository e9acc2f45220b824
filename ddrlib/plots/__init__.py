"""Figures of the book: each function takes results and returns a matplotlib Figure.

Nothing is computed here. Colours are Okabe and Ito's, which colour-blind readers tell apart; every
category has a marker of its own too, so that colour is never the only sign.
"""

from ddrlib.plots.depth import along_depth, projections, scatter
from ddrlib.plots.distortion import confusions, degree_orders, few_shots
from ddrlib.plots.generalization import against_loss, overlays, response_curves
from ddrlib.plots.guided import embedding_maps, gain_bars, gain_maps
from ddrlib.plots.pictures import pictures, principal_colours
from ddrlib.plots.spectrum import distance_curves, heatmap, roads
from ddrlib.plots.theme import MARKERS, PALETTE, SHARES
from ddrlib.plots.training import growth, maps

__all__ = [
    "MARKERS",
    "PALETTE",
    "SHARES",
    "against_loss",
    "along_depth",
    "confusions",
    "degree_orders",
    "distance_curves",
    "embedding_maps",
    "few_shots",
    "gain_bars",
    "gain_maps",
    "growth",
    "heatmap",
    "maps",
    "overlays",
    "pictures",
    "principal_colours",
    "projections",
    "response_curves",
    "roads",
    "scatter",
]
