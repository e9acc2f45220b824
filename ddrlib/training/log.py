"""What is watched while a network trains: losses, held-out PSNR, and how its features sort a probe.

The log is a tidy table (iteration, layer, measure, value), shipped beside the weights, from which
chapter 5 draws how degradation representations grow.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ddrlib.data.photographs import load_patches, load_photos
from ddrlib.degrade.degradation import downsample, upsample
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError, one_line
from ddrlib.features.extraction import extract
from ddrlib.measure.embedded import embedded_each
from ddrlib.measure.fidelity import psnr
from ddrlib.measure.layer import Layer
from ddrlib.measure.picture import Picture
from ddrlib.networks.guided import takes_truth
from ddrlib.training.maps import TrainingMaps
from ddrlib.zoo.cards import NETWORKS
from ddrlib.zoo.network import Network

HELD_OUT, HELD_OUT_SIZE = 24, 192  # photographs, and the side of the centre crop of each
PROBE_CONTENTS = 100
PROBE_DEGRADATIONS = ("clean", "blur4", "noise20")


def is_measured(iteration: int, last: int) -> bool:
    """Whether the features are measured now: 0, 10, 30, 100, 300, 1000, 2000, 5000 ..., the last."""
    first = iteration  # its first digit, if all others are 0
    while first >= 10 and first % 10 == 0:
        first //= 10
    digits = (1, 3) if iteration < 1000 else (1, 2, 5)
    return iteration in (0, last) or (iteration >= 10 and first in digits)


class TrainingLog:
    """Rows of (iteration, layer, measure, value); `layer` is "" where it is the whole network."""

    def __init__(self, device: torch.device) -> None:
        self.rows: list[tuple[int, str, str, float]] = []
        self.maps = TrainingMaps()
        self.device = device
        self.held_out = held_out().to(device)
        self.held_out_lr = downsample(self.held_out)
        self.probe = Samples.of(load_patches("eval", n=PROBE_CONTENTS), PROBE_DEGRADATIONS)

    @property
    def bicubic_psnr(self) -> float:
        """The PSNR in dB of bicubic interpolation on the held-out photographs, their mean."""
        return float(psnr(upsample(self.held_out_lr), self.held_out).mean())

    def add(self, iteration: int, measure: str, value: float, layer: str = "") -> None:
        """Append a row; values are kept with six digits."""
        self.rows.append((iteration, layer, measure, float(f"{value:.6g}")))

    def values(self, measure: str) -> list[tuple[int, float]]:
        """Iteration and value of each row of a measure, in order."""
        return [(row[0], row[3]) for row in self.rows if row[2] == measure]

    def last(self, measure: str) -> float:
        """The most recent value of a measure."""
        return self.values(measure)[-1][1]

    def summary(self) -> str:
        """The most recent losses and PSNR, for one line of progress."""
        latest = {measure: value for _, layer, measure, value in self.rows if not layer}
        shown = [f"{k[5:]} {v:.4g}" for k, v in latest.items() if k.startswith("loss_")]
        if "critic_accuracy" in latest:
            shown.append(f"critic right {latest['critic_accuracy']:.2f}")
        return ", ".join([*shown, f"PSNR {latest['psnr']:.2f}"])

    def measure(self, model: Any, iteration: int) -> None:
        """What a network can do on held-out photographs, and what sorts the features of the probe.

        Of the whole network `psnr`, and `gradient_energy` of its outputs relative to the truth. Of
        each trunk layer the variance components and the purity of neighbours; of the deepest one
        also CHI, the share of its variance that the input pixels explain, and all of these beyond
        the picture (`ddrlib.measure.picture.beyond`). The map of each trunk layer is kept. Not the
        features of a network guided by the oracle: it takes more than images.
        """
        restored = self._restored(model)
        self.add(iteration, "psnr", float(psnr(restored, self.held_out).mean()))
        energy = gradient_energy(restored) / gradient_energy(self.held_out)
        self.add(iteration, "gradient_energy", energy)
        if takes_truth(model):
            return
        network = Network("in training", model, model.scale, model.layers(), lambda x: x, "sr", {})
        features = extract(network, self.probe.images, network.trunk, device=self.device)
        scores = {}
        for name, values in features.items():
            layer = Layer.of(name, values, self.probe)
            self._add_sorting(iteration, layer, chi=name == network.trunk[-1])
            scores[name] = layer.scores
        self.maps.add(iteration, scores)
        picture = Picture.of(name, values, self.probe)
        self.add(iteration, "explained_by_pixels", picture.explained.value, name)
        self._add_sorting(iteration, picture.rest, chi=True, prefix="beyond_")

    def _add_sorting(self, iteration: int, layer: Layer, chi: bool, prefix: str = "") -> None:
        """The measures of one layer, with or without CHI, whose t-SNE takes time."""
        found = {
            "knn_degradation": layer.knn_degradation.value,
            "component_degradation": layer.variance.degradation.value,
            "component_content": layer.variance.content.value,
        }
        if chi:
            (embedded,) = embedded_each([layer], seeds=1)
            found["chi_degradation"] = embedded.chi_degradation.mean
            found["chi_content"] = embedded.chi_content.mean
        for name, value in found.items():
            self.add(iteration, f"{prefix}{name}", value, layer.name)

    def _restored(self, model: nn.Module) -> Tensor:
        """The held-out photographs from their clean LR images, one at a time."""
        nothing = (torch.zeros(1, 2, device=self.device),) if takes_truth(model) else ()
        with torch.inference_mode():
            return torch.cat([model(lr[None], *nothing) for lr in self.held_out_lr])

    def text(self) -> str:
        """The rows as CSV with a header."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows([("iteration", "layer", "measure", "value"), *self.rows])
        return buffer.getvalue()


def gradient_energy(images: Tensor) -> float:
    """The mean of the squared differences of neighbouring pixels, across and down.

    Parameters
    ----------
    images : Tensor
        (N, 3, H, W), RGB; clipped to [0, 1].

    Returns
    -------
    float
        From 0 to 2, the sum of both directions.
    """
    images = images.clamp(0, 1)
    return sum(float(images.diff(dim=dim).square().mean()) for dim in (2, 3))


def read_log(name: str, folder: Path = NETWORKS) -> pd.DataFrame:
    """The log of a trained network.

    Parameters
    ----------
    name
        Of the network.
    folder
        That of its card; the log is in `logs` there.

    Returns
    -------
    DataFrame
        Columns iteration, layer ("" for the whole network), measure and value.

    Raises
    ------
    DDRError
        Where there is no such log, or it is damaged.
    """
    path = folder / "logs" / f"{name}.csv"
    if not path.is_file():
        raise DDRError(f"{path}: there is no training log of {name}; `ddr train` writes one")
    types = {"iteration": int, "layer": str, "measure": str, "value": float}
    try:
        return pd.read_csv(path, keep_default_na=False, usecols=list(types), dtype=types)
    except ValueError as error:
        raise DDRError(f"{path} is damaged ({one_line(error)}); restore it") from None


def held_out() -> Tensor:
    """The photographs on which PSNR and gradient energy are logged: centre crops in [0, 1].

    Returns
    -------
    Tensor
        (24, 3, 192, 192), of the first photographs of the evaluation split.
    """
    crops = []
    for _, image in load_photos("eval")[:HELD_OUT]:
        top, left = ((side - HELD_OUT_SIZE) // 2 for side in image.shape[1:])
        crops.append(image[:, top : top + HELD_OUT_SIZE, left : left + HELD_OUT_SIZE])
    return torch.stack(crops).float() / 255
