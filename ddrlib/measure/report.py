"""All that is measured of a network for a first look: its layers, and how far it generalises."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import degrade
from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract, layer_paths
from ddrlib.measure.measurement import Measurement
from ddrlib.measure.metrics import Interval
from ddrlib.measure.network import measure
from ddrlib.measure.srga import principal_scores, srga_interval
from ddrlib.zoo.loading import Network

COMPONENTS = 300  # of the published index, where there are samples enough


@dataclass(frozen=True)
class Report:
    """A network measured, and the SRGA of its features of degraded images at one layer.

    `srga` has, for each degradation but the first, the index of its features against those of the
    first (meant to be "clean"): 0 where the two have one distribution, the larger, the farther
    apart; 95 % over contents.
    """

    measurement: Measurement
    layer: str
    srga: dict[str, Interval]

    def srga_table(self) -> pd.DataFrame:
        """A row a degradation: srga with its interval, srga_low to srga_high."""
        return pd.DataFrame(
            [
                {"degradation": name, "srga": value, "srga_low": low, "srga_high": high}
                for name, (value, low, high, _) in self.srga.items()
            ]
        )

    def to_json(self) -> str:
        """The JSON of the measurement, with the key "srga"."""
        srga = {
            "layer": self.layer,
            "reference": self.measurement.degradations[0],
            "degradations": {
                name: {"value": found.value, "interval": [found.low, found.high]}
                for name, found in self.srga.items()
            },
        }
        return json.dumps({**json.loads(self.measurement.to_json()), "srga": srga}, indent=2)


def report(
    network: Network,
    patches: Patches,
    degradations: Sequence[str] = ("clean", "blur4", "noise20"),
    *,
    layer: str | None = None,
    seeds: int = 5,
    perplexity: float = 30.0,
    device: str | torch.device = "auto",
    progress: Callable[[str], None] | None = None,
) -> Report:
    """`measure` every layer of the network; SRGA at `layer` (default: the last before the output).

    Raises DDRError as `measure` does, and for a layer that the network does not have.
    """
    (layer,) = layer_paths(network, [layer or _last(network)])
    measurement = measure(
        network,
        patches,
        degradations,
        seeds=seeds,
        perplexity=perplexity,
        device=device,
        progress=progress,
    )
    # The images in one tensor, as they were measured: their features lie in the cache.
    names, n = measurement.degradations, measurement.n
    images = torch.cat([degrade(patches.images, name, network.scale) for name in names])
    features = extract(network, images, [layer], device=device)[layer]
    reference, *tests = (
        _scores(features[i * n : (i + 1) * n], f"layer {layer}, {name}")
        for i, name in enumerate(names)
    )
    found = [srga_interval(reference, test) for test in tests]
    return Report(measurement, layer, dict(zip(names[1:], found, strict=True)))


def _last(network: Network) -> str:
    """The last layer before the output, where there is one."""
    inner = [layer for layer, path in network.layers.items() if path]
    return (inner or list(network.layers))[-1]


def _scores(features: np.ndarray, where: str) -> np.ndarray:
    scores = principal_scores(features, min(COMPONENTS, len(features) - 1))
    if scores.shape[1] == 0:
        raise DDRError(f"{where}: the same features for all images; choose another for SRGA")
    return scores
