"""Networks examined: opened, measured, and held against what learned nothing."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ddrlib.book.report import RANDOM, Examined, Report
from ddrlib.data.photographs import load_patches
from ddrlib.errors import DDRError
from ddrlib.features.extraction import layer_paths, super_resolve
from ddrlib.features.progress import Progress, under
from ddrlib.machine import spread
from ddrlib.measure.controls import controls
from ddrlib.measure.fidelity import gain_on_bicubic
from ddrlib.measure.layer import layers_of
from ddrlib.measure.measurement import Measurement, last_hidden, measure
from ddrlib.zoo.network import Network
from ddrlib.zoo.shuffled import shuffled
from ddrlib.zoo.together import open_together

SMALLEST = 5  # pixels a side of what a network gets: controls halve it, PSNR does without edges
RESTORED = 16  # images whose restoration is held against bicubic interpolation


@dataclass(frozen=True)
class Question:
    """What is asked of each network; it can be sent to another machine.

    The photographs are given as `ddrlib.data.photographs.load_patches` takes them, where a `size`
    of None suits the network; `degradations`, `seeds` and `device` as
    `ddrlib.measure.measurement.measure` does. `layers` are names or patterns, None for all; a
    `srga_layer` of None is the last before the output. `checkpoint`, `scale` and `input_range` are
    what `ddrlib.zoo.loading.open_network` has to know of the user's own network, if anything.
    """

    images: str
    patches: int
    size: int | None
    skip_bad: bool
    degradations: Sequence[str]
    layers: Sequence[str] | None
    seeds: int
    srga_layer: str | None
    device: str
    checkpoint: Path | None = None
    scale: int | None = None
    input_range: tuple[float, float] | None = None

    def __call__(self, source: str) -> Examined:
        """Examine the network of this name or file."""
        (network,), size = self.opened([source])
        return self.of(network, size)

    def opened(self, sources: Sequence[str]) -> tuple[list[Network], int]:
        """The networks of these names or files, and the side of the patches for all of them."""
        with contextlib.redirect_stdout(sys.stderr):  # they may print; stdout is the result's
            networks, size = open_together(
                sources,
                self.layers,
                self.size,
                checkpoint=self.checkpoint,
                scale=self.scale,
                input_range=self.input_range,
            )
        for network in networks.values():
            if size < (least := SMALLEST * network.scale):
                what = f"{network.name} cannot be measured on patches of {size} pixels"
                raise DDRError(f"{what}; take {least} or more")
        return list(networks.values()), size

    def of(self, network: Network, size: int, progress: Progress | None = None) -> Examined:
        """Examine an open network on patches of this side."""
        wanted = last_hidden(network) if self.srga_layer is None else self.srga_layer
        (srga_layer,) = layer_paths(network, [wanted])
        patches = load_patches(self.images, self.patches, size, skip_bad=self.skip_bad)
        told = progress and under(network.name, progress)
        with contextlib.redirect_stdout(sys.stderr):
            measurement = measure(
                network,
                patches,
                self.degradations,
                seeds=self.seeds,
                device=self.device,
                progress=told,
            )
            return examined(network, measurement, srga_layer, self.device, told)


def report(
    sources: Sequence[str],
    question: Question,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Ask each network, on the same patches; those of Dask workers where there is a `scheduler`.

    DDRError as opening, measuring and `spread` do.
    """
    began = time.monotonic()
    sources = list(dict.fromkeys(sources))
    networks, size = question.opened(sources)
    if scheduler:  # a worker opens its network itself
        found = dict(spread(replace(question, size=size), sources, scheduler))
        asked = [found[i] for i in range(len(sources))]
    else:
        asked = [question.of(network, size, progress) for network in networks]
    return Report(asked, time.monotonic() - began)


def examined(
    network: Network,
    measurement: Measurement,
    srga_layer: str,
    device: str,
    progress: Progress | None = None,
) -> Examined:
    """A measured network beside its controls."""
    samples, notes = measurement.samples, list(network.notes)
    found = {layer.name: layer for layer in controls(samples)}
    deepest = (measurement.trunk or [layer.name for layer in measurement.layers])[-1]
    try:
        told = progress and under(RANDOM, progress)
        (found[RANDOM],) = layers_of(shuffled(network), samples, [deepest], device, told)
    except DDRError as error:
        notes.append(f"no control of random weights: {error}")
    gain = None
    if "clean" in measurement.degradations and network.scale > 1:
        clean = samples.under("clean")[:RESTORED]
        restored = super_resolve(network, clean, device)
        gain = gain_on_bicubic(restored, clean, samples.patches.images[: len(clean)]).gain
        notes.append(f"on clean images {gain} dB of PSNR (luma) above bicubic, n = {gain.n}")
    about = {key: network.card.get(key) for key in ("architecture", "source", "licence", "sha256")}
    about |= {"scale": network.scale, "notes": notes, "deepest": deepest}
    return Examined(about, measurement, found, gain, srga_layer)
