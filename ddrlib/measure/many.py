"""The same question put to many networks, here or on the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ddrlib.data.photographs import load_patches
from ddrlib.features.extraction import layer_paths
from ddrlib.measure.measurement import last_hidden, measure
from ddrlib.zoo.loading import open_network


class Answer(NamedTuple):
    """A measured network in plain values: for machines, and as texts for people.

    `record` is that of `Measurement.record`; `rows` holds a row for each layer, `srga` a text for
    each degradation but the first.
    """

    record: dict[str, Any]
    rows: list[dict[str, Any]]
    srga: dict[str, str]


@dataclass(frozen=True)
class Question:
    """What is asked of a network that is given by its name; it can be sent to another machine.

    Attributes
    ----------
    images, patches, size, skip_bad
        The photographs, as `ddrlib.data.photographs.load_patches` takes them; a `size` of None is
        32 times the network's scale.
    degradations, seeds, device
        As `ddrlib.measure.measurement.measure` takes them.
    layers
        Names or patterns; None for all.
    srga_layer
        The layer of SRGA; None for the last before the output.
    own
        What `ddrlib.zoo.loading.open_network` has to know of the user's own network.
    """

    images: str
    patches: int
    size: int | None
    skip_bad: bool
    degradations: tuple[str, ...]
    layers: tuple[str, ...] | None
    seeds: int
    srga_layer: str | None
    device: str
    own: dict[str, Any] = field(default_factory=dict)

    def __call__(self, name: str, progress: Callable[[str], None] | None = None) -> Answer:
        """Measure the network."""
        with contextlib.redirect_stdout(sys.stderr):  # it may print; stdout is the result's
            network = open_network(name, self.layers, **self.own)
            (srga_layer,) = layer_paths(
                network, [last_hidden(network) if self.srga_layer is None else self.srga_layer]
            )
            size = self.size or 32 * network.scale
            found = measure(
                network,
                load_patches(self.images, self.patches, size, skip_bad=self.skip_bad),
                self.degradations,
                seeds=self.seeds,
                device=self.device,
                progress=progress,
            )
            rows = [
                {"network": name, "layer": layer.name, "dim": layer.dim}
                | {measure: str(interval) for measure, interval in layer.intervals().items()}
                | {"p": layer.p}
                for layer in found.layers
            ]
            srga = {kind: str(index) for kind, index in found.srga(srga_layer).items()}
            return Answer(found.record(srga_layer), rows, srga)
