"""A report on networks: each measured beside its controls, with verdicts in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ddrlib.book.claims import Claim
from ddrlib.book.records import describe
from ddrlib.book.results import now
from ddrlib.machine import device_name, environment
from ddrlib.measure.embedded import EmbeddedLayer
from ddrlib.measure.intervals import Interval, bootstrap
from ddrlib.measure.layer import BY_DEGRADATION, Layer
from ddrlib.measure.measurement import Measurement

TOLERABLE = -6.0  # dB below bicubic: an adversarial network loses 1 to 3, a wrong range 10 and more
FEWEST = 20  # contents from which a verdict is given
WITHOUT_LEARNING = ("pixels", "high-pass")
RANDOM = "random weights"


@dataclass(frozen=True, eq=False)
class Examined:
    """A network, measured, and what sorts its inputs without having learned anything.

    `about` has architecture, source, licence, sha256 and scale; `notes`, a line each; the `deepest`
    block of the trunk, for which the verdicts are given. `controls` are layers of the same samples:
    "pixels", "high-pass", "BRISQUE", and "random weights", the last block with these, left out
    where there are none to be had. `gain` is PSNR on luma, in dB, above that of bicubic
    interpolation; None without clean images, and for a network that enlarges nothing.
    """

    about: dict[str, Any]
    measurement: Measurement
    controls: dict[str, Layer]
    gain: Interval | None
    srga_layer: str

    @property
    def name(self) -> str:
        """Of the network."""
        return self.measurement.network

    @property
    def deepest(self) -> EmbeddedLayer:
        """The last block of the trunk."""
        return self.measurement[self.about["deepest"]]

    def findings(self) -> list[Claim]:
        """Whether the last block sorts by degradation, and more than what learned nothing does."""
        layer, name = self.deepest, self.name
        found = layer.variance.degradation
        doubt = ""
        if layer.n < FEWEST:
            doubt = f"{layer.n} contents are too few: a verdict needs {FEWEST}"
        elif self.gain and self.gain.high < TOLERABLE:
            doubt = (
                f"its images are {-self.gain.value:.1f} dB worse than bicubic interpolation: check "
                "the weights, input_range, mean and the order of the colours"
            )
        sorts = Claim(
            f"In {layer.name}, the last of its longest stack of blocks, {name} sorts its inputs by "
            "degradation rather than by content.",
            layer.sorts_by_degradation,
            BY_DEGRADATION,
            f"component of degradation {found}, of content {layer.variance.content}; neighbours of "
            f"the same degradation {layer.knn_degradation}, by chance {layer.knn_chance:.2f}; "
            f"n = {layer.n} contents",
            doubt,
        )
        held = {
            control: difference(layer, other)
            for control, other in self.controls.items()
            if control in (*WITHOUT_LEARNING, RANDOM)
        }
        beyond = Claim(
            f"{layer.name} of {name} sorts by degradation more than raw pixels, a fixed high-pass "
            "filter and the same network with random weights.",
            tuple(gain.low > 0 for gain in held.values()),
            "the component of degradation less that of each control, on the same contents, has an "
            "interval above 0",
            "; ".join(f"less {control}: {gain}" for control, gain in held.items()),
            doubt or ("" if RANDOM in held else "its weights could not be shuffled"),
        )
        return [sorts, beyond]

    def layer_table(self) -> pd.DataFrame:
        """A row for each layer and each control, with all its measures."""
        rows = [
            {"layer": layer.name, "depth": f"{k / max(len(self.measurement.layers) - 1, 1):.0%}"}
            | {"numbers": layer.dim, **layer.summary(), "p": layer.p}
            for k, layer in enumerate(self.measurement.layers)
        ]
        return pd.DataFrame(rows)

    def control_table(self) -> pd.DataFrame:
        """The last block beside the controls."""
        rows = {self.deepest.name: self.deepest, **self.controls}
        table = {
            name: {
                "component of degradation": layer.variance.degradation,
                "component of content": layer.variance.content,
                "neighbours of the same degradation": layer.knn_degradation,
                "by cosine distance": layer.knn_degradation_by("cosine"),
                "by Euclidean distance": layer.knn_degradation_by("euclidean"),
            }
            for name, layer in rows.items()
        }
        return pd.DataFrame(table).T.rename_axis("layer or control")

    def srga_table(self) -> pd.DataFrame:
        """SRGA of each degradation against the first, at `srga_layer`."""
        return pd.DataFrame({"SRGA": self.measurement.srga(self.srga_layer)}).rename_axis(
            "degradation"
        )

    def record(self) -> dict:
        """All numbers, as plain values; some may be infinite or not numbers."""
        return {
            **self.measurement.record(self.srga_layer),
            **self.about,
            "gain_over_bicubic_db": self.gain and self.gain._asdict(),
            "controls": {
                name: {key: each._asdict() for key, each in _plain(layer).items()}
                for name, layer in self.controls.items()
            },
            "findings": [
                {**each.record(), "not_tested": each.not_tested} for each in self.findings()
            ],
        }


@dataclass(frozen=True, eq=False)
class Report:
    """Networks examined on the same contents."""

    networks: list[Examined]
    seconds: float

    def differences(self) -> pd.DataFrame:
        """The last blocks of all networks but the first, each less that of the first."""
        first, *others = self.networks
        rows = [
            {
                "network": other.name,
                "layer": other.deepest.name,
                "less": f"{first.name}, {first.deepest.name}",
                **{
                    f"component of {factor}": difference(other.deepest, first.deepest, factor)
                    for factor in ("degradation", "content")
                },
            }
            for other in others
        ]
        return pd.DataFrame(rows)

    def settings(self) -> dict:
        """What was measured and how, by name."""
        one = self.networks[0].measurement
        return {
            "n": one.n,
            "patches": one.samples.patches.split,
            "size": one.samples.patches.images.shape[-1],
            "degradations": list(one.degradations),
            "seeds": one.seeds,
            "perplexity": one.perplexity,
        }

    def record(self) -> dict:
        """All of it as plain values, with what made it."""
        return {
            **self.settings(),
            "networks": [each.record() for each in self.networks],
            "differences": self.differences().to_dict("records"),
            "made_by": {
                "photographs": describe(self.networks[0].measurement.samples.patches),
                "date": now(),
                "seconds": round(self.seconds),
                "device": device_name(),
                "environment": environment(),
            },
        }


def difference(layer: Layer, other: Layer, factor: str = "degradation") -> Interval:
    """A variance component less that of another layer on the same contents, with its interval."""

    def less(counts: np.ndarray) -> np.ndarray:
        return layer.design.component(factor, counts) - other.design.component(factor, counts)

    return bootstrap(less, layer.n)


def _plain(layer: Layer) -> dict[str, Interval]:
    return {
        "component_degradation": layer.variance.degradation,
        "component_content": layer.variance.content,
        "knn_degradation": layer.knn_degradation,
    }
