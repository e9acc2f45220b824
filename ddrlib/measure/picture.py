"""How much of a layer is the input image itself, and what sorts the rest.

A trunk that carries the image has it in nearly all of its variance, and whatever else it represents
is hidden from measures that look at the largest differences. Here the image is taken out first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ddrlib.degrade.samples import Samples
from ddrlib.features.extraction import extract
from ddrlib.measure.intervals import Interval, bootstrap
from ddrlib.measure.layer import Layer
from ddrlib.measure.response import beyond
from ddrlib.zoo.loading import Network


@dataclass(frozen=True, eq=False)
class Picture:
    """A layer, and what is left of it without what the input pixels explain.

    Attributes
    ----------
    whole : Layer
        The layer as it is.
    rest : Layer
        Its features less what can be read linearly off the 3 x 3 input pixels around a position.
    """

    whole: Layer
    rest: Layer

    @classmethod
    def of(cls, name: str, features: np.ndarray, samples: Samples) -> Picture:
        """From feature maps (N, C H W) of the size of the input images."""
        rest = beyond(features, samples.images)
        return cls(Layer.of(name, features, samples), Layer.of(name, rest, samples))

    @property
    def explained(self) -> Interval:
        """The share of the variance of the features that the input pixels explain, 95 % interval."""

        def share(counts: np.ndarray) -> np.ndarray:
            return 1 - self.rest.design.sums(counts)[2] / self.whole.design.sums(counts)[2]

        return bootstrap(share, np.arange(self.whole.n), bounds=(0, 1))


def look_beyond(
    network: Network, samples: Samples, layer: str, device: str | torch.device = "auto"
) -> Picture:
    """A layer of a network, one that works at the size of the input, with and without the image."""
    features = extract(network, samples.images, [layer], device=device)[layer]
    return Picture.of(layer, features, samples)
