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
from ddrlib.measure.metrics import calinski_harabasz, knn_purity, variance_split
from ddrlib.measure.projection import pca
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

    def last(self, measure: str) -> float:
        return next(row[3] for row in reversed(self.rows) if row[2] == measure)

    def last_losses(self) -> dict[str, float]:
        """The most recent mean of each loss."""
        return {measure: value for _, _, measure, value in self.rows if measure.startswith("loss_")}

    def summary(self) -> str:
        """The most recent losses and PSNR, for one line of progress."""
        losses = [f"{name[5:]} {value:.4g}" for name, value in self.last_losses().items()]
        return ", ".join([*losses, f"PSNR {self.last('psnr'):.2f}"])

    def measure(self, model: nn.Module, iteration: int) -> None:
        """Held-out PSNR, and per trunk layer what `ddrlib.measure` reports, on a smaller probe.

        For a guided network also `psnr_degraded`, the mean over `GRID`. One guided by the oracle
        takes more than images, so that its features are left out.
        """
        self.add(iteration, "psnr", self._psnr(model, self.held_out_lr, 0.0, 0.0))
        if isinstance(model, GuidedSRResNet):
            values = [self._psnr(model, lr, *at) for at, lr in self.degraded.items()]
            self.add(iteration, "psnr_degraded", np.mean(values))
            if takes_truth(model):
                return
        trunk = [name for name, path in model.layers().items() if path.startswith("body.")]
        network = Network("in training", model, model.scale, model.layers(), lambda x: x, "sr", {})
        features = extract(network, self.probe, trunk, device=self.device)
        for layer, values in features.items():
            matrix = gram(values)
            split = variance_split(matrix, self.content, self.degradation)
            if layer == trunk[-1]:  # t-SNE is what takes time
                points = tsne(pca(matrix).scores, seed=0)
                chi = {"degradation": self.degradation, "content": self.content}
                for label, labels in chi.items():
                    self.add(
                        iteration, f"chi_{label}", calinski_harabasz(points, labels).chi, layer
                    )
            self.add(iteration, "share_degradation", split.degradation, layer)
            self.add(iteration, "share_content", split.content, layer)
            self.add(iteration, "knn_degradation", knn_purity(matrix, self.degradation), layer)

    @cached_property
    def degraded(self) -> dict[tuple[float, float], Tensor]:
        """The held-out photographs under each blur (HR pixels) and noise (of 255) of `GRID`."""
        return {at: degrade(self.held_out, "blur{:g}+noise{:g}".format(*at)) for at in GRID}

    def _psnr(self, model: nn.Module, images: Tensor, blur: float, noise: float) -> float:
        truth = torch.tensor([[blur, noise]], device=self.device)
        told = (truth,) if takes_truth(model) else ()
        with torch.inference_mode():
            restored = torch.cat([model(lr[None], *told) for lr in images])
        return float(psnr(restored, self.held_out).mean())

    def text(self) -> str:
        """The rows as CSV with a header."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows([("iteration", "layer", "measure", "value"), *self.rows])
        return buffer.getvalue()


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
