"""Where the probe lies in a network's features while it trains: the maps that chapter 5 replays."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddrlib.errors import DDRError
from ddrlib.measure.projection import plane
from ddrlib.zoo.cards import NETWORKS


@dataclass
class TrainingMaps:
    """The probe on the plane of its first two principal components, layer by layer, over time.

    `layers` are the trunk's, in order of depth. `points` are by iteration (layers, N, 2), float16:
    the scores of each layer, divided by the largest of them, since the features of a network grow
    by orders of magnitude. The samples are those of the training's probe (`ddrlib.training.log`),
    degradation by degradation.
    """

    layers: list[str] = field(default_factory=list)
    points: dict[int, Tensor] = field(default_factory=dict)

    def add(self, iteration: int, scores: dict[str, np.ndarray]) -> None:
        """Keep the scores (N, components) of each layer at an iteration."""
        self.layers = list(scores)
        planes = [_scaled(plane(rows)) for rows in scores.values()]
        self.points[iteration] = torch.from_numpy(np.stack(planes).astype(np.float16))

    def bytes(self) -> bytes:
        """As a file that NumPy reads without pickle."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            layers=np.array(self.layers),
            iterations=np.array(list(self.points), np.int64),
            points=np.stack([planes.numpy() for planes in self.points.values()]),
        )
        return file.getvalue()


def _scaled(points: np.ndarray) -> np.ndarray:
    """The points, their largest coordinate 1."""
    return points / (np.abs(points).max() or 1.0)


def path_of_maps(name: str, folder: Path = NETWORKS) -> Path:
    """Where the maps of a trained network lie, if it was trained with any."""
    return folder / "logs" / f"{name}.npz"


def read_maps(name: str, folder: Path = NETWORKS) -> TrainingMaps:
    """The maps that were kept while a network was trained; DDRError without, or where damaged."""
    path = path_of_maps(name, folder)
    if not path.is_file():
        raise DDRError(
            f"{path}: there are no maps of the training of {name}; `ddr train` keeps them"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            layers, iterations, points = (file[k] for k in ("layers", "iterations", "points"))
        if points.shape != (len(iterations), len(layers), points.shape[2], 2):
            raise ValueError("its arrays do not fit together")
    except Exception as error:  # noqa: BLE001 (of zip, of zlib, of NumPy: each has its own)
        raise DDRError(f"{path} is damaged ({error}); fetch it again") from None
    kept = map(torch.from_numpy, points)
    return TrainingMaps(layers.tolist(), dict(zip(iterations.tolist(), kept, strict=True)))
