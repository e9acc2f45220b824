"""What is watched while a network trains: losses, held-out PSNR, and how its features sort a probe.

The log is a tidy table (iteration, layer, measure, value), shipped beside the weights, from which
chapter 5 draws how degradation representations grow.
"""

from __future__ import annotations

import csv
import io
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ddrlib.data.photographs import load_patches, load_photos
from ddrlib.degrade.degradation import degrade, downsample, upsample
from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract
from ddrlib.features.grams import gram
from ddrlib.measure.fidelity import psnr
from ddrlib.measure.metrics import calinski_harabasz, knn_purity, variance_components
from ddrlib.measure.projection import pca
from ddrlib.measure.response import beyond
from ddrlib.measure.tsne import tsne
from ddrlib.networks.guided import GuidedSRResNet, takes_truth
from ddrlib.zoo.cards import NETWORKS
from ddrlib.zoo.loading import Network

HELD_OUT, HELD_OUT_SIZE = 24, 192  # photographs, and the side of the centre crop of each
GRID = [(blur, noise) for blur in (1.0, 3.0) for noise in (5.0, 15.0)]  # of psnr_degraded
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
        self.device = device
        self.held_out = _held_out().to(device)
        self.held_out_lr = downsample(self.held_out)
        patches = load_patches("eval", n=PROBE_CONTENTS).images
        self.content = np.tile(np.arange(len(patches)), len(PROBE_DEGRADATIONS))
        self.degradation = np.repeat(np.arange(len(PROBE_DEGRADATIONS)), len(patches))
        self.probe = torch.cat([degrade(patches, kind) for kind in PROBE_DEGRADATIONS])

    @property
    def bicubic_psnr(self) -> float:
        return float(psnr(upsample(self.held_out_lr), self.held_out).mean())

    def add(self, iteration: int, measure: str, value: float, layer: str = "") -> None:
        self.rows.append((iteration, layer, measure, float(f"{value:.6g}")))

    def values(self, measure: str) -> list[tuple[int, float]]:
        """Iteration and value of each row of a measure."""
        return [(row[0], row[3]) for row in self.rows if row[2] == measure]

    def last(self, measure: str) -> float:
        return self.values(measure)[-1][1]

    def last_losses(self) -> dict[str, float]:
        """The most recent mean of each loss."""
        return {measure: value for _, _, measure, value in self.rows if measure.startswith("loss_")}

    def summary(self) -> str:
        """The most recent losses and PSNR, for one line of progress."""
        losses = [f"{name[5:]} {value:.4g}" for name, value in self.last_losses().items()]
        accuracy = [f"critic right {value:.2f}" for _, value in self.values("critic_accuracy")[-1:]]
        return ", ".join([*losses, *accuracy, f"PSNR {self.last('psnr'):.2f}"])

    def measure(self, model: nn.Module, iteration: int) -> None:
        """What a network can do on held-out photographs, and what sorts the features of the probe.

        Of the whole network `psnr` and `gradient_energy` (of its outputs, relative to the truth);
        of one that is guided also `psnr_degraded`, the mean over `GRID`. Of each trunk layer the
        variance components and the purity of neighbours; of the deepest one also CHI, how much of
        it the input pixels explain, and all of these "beyond" the picture (`beyond`). The features
        of a network guided by the oracle are left out, since it takes more than images.
        """
        restored = self._restored(model, self.held_out_lr, 0.0, 0.0)
        self.add(iteration, "psnr", float(psnr(restored, self.held_out).mean()))
        energy = gradient_energy(restored) / gradient_energy(self.held_out)
        self.add(iteration, "gradient_energy", energy)
        if isinstance(model, GuidedSRResNet):
            found = [
                psnr(self._restored(model, lr, *at), self.held_out).mean()
                for at, lr in self.degraded.items()
            ]
            self.add(iteration, "psnr_degraded", float(np.mean(found)))
            if takes_truth(model):
                return
        network = Network("in training", model, model.scale, model.layers(), lambda x: x, "sr", {})
        trunk = network.trunk
        features = extract(network, self.probe, trunk, device=self.device)
        for layer, values in features.items():
            matrix = gram(values)
            self._sorting(iteration, layer, matrix, chi=layer == trunk[-1])
        rest = gram(beyond(values, self.probe))
        explained = 1 - np.trace(rest) / np.trace(matrix)
        self.add(iteration, "explained_by_pixels", explained, layer)
        self._sorting(iteration, layer, rest, chi=True, prefix="beyond_")

    def _sorting(
        self, iteration: int, layer: str, matrix: np.ndarray, chi: bool, prefix: str = ""
    ) -> None:
        """The measures of one Gram matrix; CHI, whose t-SNE takes time, where it is wanted."""
        found = {"knn_degradation": knn_purity(matrix, self.degradation)}
        parts = variance_components(matrix, self.content, self.degradation)
        found |= {"component_degradation": parts.degradation, "component_content": parts.content}
        if chi:
            points = tsne(pca(matrix).scores, seed=0)
            for label in ("degradation", "content"):
                found[f"chi_{label}"] = calinski_harabasz(points, getattr(self, label)).chi
        for name, value in found.items():
            self.add(iteration, f"{prefix}{name}", value, layer)

    @cached_property
    def degraded(self) -> dict[tuple[float, float], Tensor]:
        """The held-out photographs under each blur (HR pixels) and noise (of 255) of `GRID`."""
        return {at: degrade(self.held_out, "blur{:g}+noise{:g}".format(*at)) for at in GRID}

    def _restored(self, model: nn.Module, images: Tensor, blur: float, noise: float) -> Tensor:
        truth = torch.tensor([[blur, noise]], device=self.device)
        given = (truth,) if takes_truth(model) else ()
        with torch.inference_mode():
            return torch.cat([model(lr[None], *given) for lr in images])

    def text(self) -> str:
        """The rows as CSV with a header."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows([("iteration", "layer", "measure", "value"), *self.rows])
        return buffer.getvalue()


def gradient_energy(images: Tensor) -> float:
    """The mean of the squared differences of neighbouring pixels of (N, 3, H, W), cut to [0, 1]."""
    images = images.clamp(0, 1)
    return sum(float(images.diff(dim=dim).square().mean()) for dim in (2, 3))


def read_log(name: str, folder: Path = NETWORKS) -> pd.DataFrame:
    """The log of a trained network: columns iteration, layer ("" for the whole), measure, value."""
    path = folder / "logs" / f"{name}.csv"
    if not path.is_file():
        raise DDRError(f"{path}: there is no training log of {name}; `ddr train` writes one")
    return pd.read_csv(path, keep_default_na=False)


def _held_out() -> Tensor:
    """Centre crops (N, 3, S, S) in [0, 1] of the first photographs of the evaluation split."""
    crops = []
    for _, image in load_photos("eval")[:HELD_OUT]:
        top, left = ((side - HELD_OUT_SIZE) // 2 for side in image.shape[1:])
        crops.append(image[:, top : top + HELD_OUT_SIZE, left : left + HELD_OUT_SIZE])
    return torch.stack(crops).float() / 255
