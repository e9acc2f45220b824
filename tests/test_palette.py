"""The colours of figures and widgets, as colour-blind readers see them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from ddrlib.plots.palette import DARK, INK, MARKERS, OTHERS, PALETTE, PAPER, SHARES, UNLEARNED
from ddrlib.plots.panels import OPACITY

NETWORKS = [INK, OTHERS, UNLEARNED]

IN_THE_DARK = [DARK[colour.lower()] for colour in PALETTE]

# What is left of linear RGB: Machado, Oliveira and Fernandes 2009, table 1, severity 1.
VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def seen(colour: str, vision: str) -> np.ndarray:
    """A colour "#rrggbb" in CIELAB, after what this vision leaves of it."""
    rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    left = np.clip(VISION[vision] @ linear, 0, 1)
    return rgb2lab(np.where(left <= 0.0031308, 12.92 * left, 1.055 * left ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(
    "colours, apart",
    [
        (PALETTE, 10),
        (list(SHARES.values()), 25),
        ([*NETWORKS, *PALETTE[:3]], 10),
        ([DARK[colour] for colour in NETWORKS], 10),
        (IN_THE_DARK, 10),
        ([*(DARK[colour] for colour in NETWORKS), *IN_THE_DARK[:3]], 10),
    ],
)
def test_all_pairs_are_told_apart(colours, apart, vision):
    """In CIEDE2000; 2.3 is a just noticeable difference."""
    seen_colours = [seen(colour, vision) for colour in colours]
    assert min(deltaE_ciede2000(one, other) for one, other in combinations(seen_colours, 2)) > apart


def luminance(rgb: np.ndarray) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_transparent_marks_stand_out_in_the_dark():
    paper, *marks = (
        np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        for colour in (DARK[PAPER], *IN_THE_DARK)
    )
    behind = luminance(paper) + 0.05
    for mark in marks:
        assert (luminance(OPACITY * mark + (1 - OPACITY) * paper) + 0.05) / behind > 4.5


def test_colour_blindness_is_simulated():
    """Red and green, far apart, come together for the red-green blind alone."""

    def apart(vision):
        return deltaE_ciede2000(seen("#b85030", vision), seen("#708020", vision))

    assert apart("normal") > 40 and apart("tritanopia") > 30
    assert apart("protanopia") < 15 and apart("deuteranopia") < 15


def test_every_colour_has_a_shape():
    assert len(set(MARKERS)) == len(MARKERS) == len(PALETTE)
