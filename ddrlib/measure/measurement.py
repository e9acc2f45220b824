"""What a measurement found, as values: attributes, a table, JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ddrlib.errors import DDRError
from ddrlib.measure.metrics import FACTORS, Interval, VarianceSplit


@dataclass(frozen=True)
class Chi:
    """The Calinski-Harabasz index of a layer's t-SNE projections, one for each t-SNE seed.

    `interval` is that of their mean, over contents, the projections being given. `wd` and `bd` are
    means of the dispersions within and between the groups.
    """

    values: tuple[float, ...]
    wd: float
    bd: float
    interval: Interval

    @property
    def mean(self) -> float:
        return self.interval.value

    def __str__(self) -> str:
        _, low, high, _ = self.interval
        return f"{self.mean:.3g} ± {self.sd:.2g} [{low:.3g}, {high:.3g}]"

    @property
    def sd(self) -> float:
        """The standard deviation over t-SNE seeds; not a number where there is one seed."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else math.nan


@dataclass(frozen=True)
class LayerMeasurement:
    """What was found in one layer, of `dim` values an image.

    `variance`: shares of the sum of squares of the features. `knn_degradation`: the share of a
    sample's 10 nearest neighbours (fewer with fewer than 11 contents) that have its degradation.
    `p`: of the permutation test of the share of degradation. `embeddings` (seeds, N, 2): the t-SNE
    projections of the PCA `scores` (N, 50 or fewer). `gram` (N, N): the centred Gram matrix.
    """

    layer: str
    dim: int
    chi_degradation: Chi
    chi_content: Chi
    variance: VarianceSplit[Interval]
    knn_degradation: Interval
    p: float
    embeddings: np.ndarray
    scores: np.ndarray
    gram: np.ndarray

    def intervals(self) -> dict[str, Interval]:
        """All that has an interval, by name."""
        return {
            "chi_degradation": self.chi_degradation.interval,
            "chi_content": self.chi_content.interval,
            **{f"share_{factor}": getattr(self.variance, factor) for factor in FACTORS},
            "knn_degradation": self.knn_degradation,
        }


@dataclass(frozen=True)
class Measurement:
    """A network measured, layer by layer in order of depth, on n contents x k degradations.

    Of the N = n k samples, sample i has the degradation `degradations[i // n]` and the content
    i % n: `degradation` and `content` (N,). `measurement["LRL_10"]` is that layer; `trunk` names
    the measured layers of the network's stack of blocks, the last of them the deepest.
    """

    network: str
    n: int
    degradations: tuple[str, ...]
    seeds: int
    perplexity: float
    content: np.ndarray
    degradation: np.ndarray
    layers: list[LayerMeasurement]
    trunk: list[str]

    def __getitem__(self, name: str) -> LayerMeasurement:
        for layer in self.layers:
            if layer.layer == name:
                return layer
        measured = ", ".join(layer.layer for layer in self.layers)
        raise DDRError(f"layer {name!r} of {self.network} was not measured; there are: {measured}")

    def table(self) -> pd.DataFrame:
        """A row a layer: every measure x with its interval, x_low to x_high; CHI also with x_sd."""
        return pd.DataFrame([_row(layer) for layer in self.layers])

    def to_json(self) -> str:
        """All numbers with their intervals as JSON; null stands for what is not a finite number."""
        head = {
            "network": self.network,
            "n": self.n,
            "degradations": self.degradations,
            "seeds": self.seeds,
            "perplexity": self.perplexity,
        }
        return json.dumps({**head, "layers": [_entry(layer) for layer in self.layers]}, indent=2)


def _row(layer: LayerMeasurement) -> dict:
    row = {"layer": layer.layer, "dim": layer.dim}
    for name, interval in layer.intervals().items():
        row |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        if name.startswith("chi"):
            row[f"{name}_sd"] = getattr(layer, name).sd
    return row | {"p": layer.p}


def _entry(layer: LayerMeasurement) -> dict:
    return {
        "layer": layer.layer,
        "dim": layer.dim,
        "chi_degradation": _chi_entry(layer.chi_degradation),
        "chi_content": _chi_entry(layer.chi_content),
        "variance": {factor: getattr(layer.variance, factor).value for factor in FACTORS},
        "knn_degradation": layer.knn_degradation.value,
        "p": layer.p,
        "intervals": {
            name: [_finite(interval.low), _finite(interval.high)]
            for name, interval in layer.intervals().items()
        },
    }


def _chi_entry(chi: Chi) -> dict:
    numbers = {"mean": chi.mean, "sd": chi.sd, "wd": chi.wd, "bd": chi.bd}
    finite = {name: _finite(number) for name, number in numbers.items()}
    return {**finite, "values": list(map(_finite, chi.values))}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
