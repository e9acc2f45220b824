"""Measurements with known geometry, in the place of networks: one grid of points per degradation."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import torch

from ddrlib.data.photographs import Patches
from ddrlib.degrade.samples import Samples
from ddrlib.measure.intervals import Interval
from ddrlib.measure.measurement import Measurement
from ddrlib.widgets.explorer_data import pack
from ddrlib.widgets.explorer_view import Explorer

DEGRADATIONS = ("clean", "blur4", "noise20", "noise40")
SIDE = 16  # contents lie on a grid of SIDE x SIDE
SAMPLES = SIDE**2 * len(DEGRADATIONS)
PLACES = np.array([[0, 0], [40, 0], [0, 40], [40, 40]])  # of the degradations' grids


def toy_explorer() -> Explorer:
    """Two networks on 1,024 samples: "deep" with 5 layers, a trunk of L1 and L2, "shallow" with 2.

    Layer by layer the degradations' grids move apart, from lying on one another to `PLACES`; t-SNE
    is PCA upside down, so that the two can be told apart.
    """
    patches = Patches(
        images=torch.zeros(SIDE**2, 3, 128, 128),
        content=np.arange(SIDE**2),
        category=np.array(["sky", 'a "b", c'])[np.arange(SIDE**2) % 2],
        source=np.array([f"pack__photo{i // 2}.webp" for i in range(SIDE**2)]),
        split="eval",
    )
    images = torch.tensor(colours())[:, :, None, None].expand(-1, -1, 32, 32).float()
    samples = Samples(patches, DEGRADATIONS, 4, images)
    # The shallow network is of another scale, and saw the images in negative.
    others = dataclasses.replace(samples, scale=2, images=1 - images)
    measurements = [_measurement("deep", 5, samples), _measurement("shallow", 2, others)]
    explorer = Explorer(pack(measurements), load=print)
    # There is most to test at the last layers, in t-SNE.
    explorer.panels = [{"network": k, "layer": (4, 1)[k], "projection": 1} for k in range(2)]
    return explorer


def colours() -> np.ndarray:
    """(N, 3) in [0, 1]: each sample's thumbnail is of one colour, content in red and green."""
    row, column = np.divmod(np.tile(np.arange(SIDE**2), len(DEGRADATIONS)), SIDE)
    degradation = np.repeat(np.arange(len(DEGRADATIONS)), SIDE**2)
    return np.stack([row / 15, column / 15, degradation / 3], 1)


def points(apart: float) -> np.ndarray:
    """(N, 2): the degradations' grids of unit spacing, at a share `apart` of their way to `PLACES`."""
    grid = np.stack(np.divmod(np.arange(SIDE**2), SIDE), 1)
    return np.concatenate([grid + apart * place for place in PLACES]).astype(float)


def _measurement(name: str, depth: int, samples: Samples) -> Measurement:
    layers = [_layer(f"L{i}", i / (depth - 1)) for i in range(depth)]
    trunk = ["L1", "L2"] if depth > 3 else []
    return Measurement(name, samples, 1, 30.0, layers, trunk)


def _layer(name: str, apart: float) -> SimpleNamespace:
    share = Interval(0.1 + 0.6 * apart, 0.05, 0.95, SIDE**2)
    rest = Interval(0.2, 0.1, 0.3, SIDE**2)
    return SimpleNamespace(
        name=name,
        dim=4096,
        scores=points(apart),
        embeddings=(points(apart) * [1, -1])[None],
        chi_degradation=SimpleNamespace(mean=12.34 + apart, sd=0.5, values=[0] * 5),
        chi_content=SimpleNamespace(mean=1.5, sd=0.25, values=[0] * 5),
        variance=SimpleNamespace(
            degradation=share, content=share._replace(value=0.8 - share.value), rest=rest
        ),
    )
