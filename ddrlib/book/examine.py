"""Networks examined: opened, measured, and held against what learned nothing."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from ddrlib.book.report import RANDOM, Examined, Report
from ddrlib.data.photographs import Patches, load_patches
from ddrlib.errors import DDRError
from ddrlib.features.extraction import layer_paths, super_resolve
from ddrlib.machine import spread
from ddrlib.measure.controls import controls
from ddrlib.measure.fidelity import psnr
from ddrlib.measure.intervals import Interval, mean_interval
from ddrlib.measure.layer import layers_of
from ddrlib.measure.measurement import Measurement, last_hidden, measure
from ddrlib.widgets.live import under
from ddrlib.zoo.image_network import LUMA
from ddrlib.zoo.loading import open_network
from ddrlib.zoo.network import Network
from ddrlib.zoo.shuffled import shuffled
from ddrlib.zoo.together import open_together, patch_size

RESTORED = 16  # images whose restoration is held against bicubic interpolation

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Question:
    """What is asked of each network; it can be sent to another machine.

    Attributes
    ----------
    images, patches, size, skip_bad
        The photographs, as `ddrlib.data.photographs.load_patches` takes them; a `size` of None suits
        the network.
    degradations, seeds, device
        As `ddrlib.measure.measurement.measure` takes them.
    layers
        Names or patterns; None for all.
    srga_layer
        The layer of SRGA; None for the last before the output.
    checkpoint, scale, input_range
        What `ddrlib.zoo.loading.open_network` has to know of the user's own network, if anything.
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

    @property
    def own(self) -> dict[str, Any]:
        """What there is to say of the user's own network."""
        named = {name: getattr(self, name) for name in ("checkpoint", "scale", "input_range")}
        return {name: value for name, value in named.items() if value is not None}

    def __call__(self, source: str, progress: Progress | None = None) -> Examined:
        """Examine the network of this name or file."""
        with contextlib.redirect_stdout(sys.stderr):  # it may print; stdout is the result's
            network = open_network(source, self.layers, self.size, **self.own)
            wanted = last_hidden(network) if self.srga_layer is None else self.srga_layer
            (srga_layer,) = layer_paths(network, [wanted])
            size = self.size or patch_size([network])
            patches = load_patches(self.images, self.patches, size, skip_bad=self.skip_bad)
            measurement = measure(
                network,
                patches,
                self.degradations,
                seeds=self.seeds,
                device=self.device,
                progress=progress and under(network.name, progress),
            )
            return examined(network, measurement, srga_layer, self.device)


def report(
    sources: Sequence[str],
    question: Question,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Ask each network, on the same patches; those of Dask workers where there is a `scheduler`.

    Raises
    ------
    DDRError
        As opening, measuring and `spread` do.
    """
    began = time.monotonic()
    sources = list(dict.fromkeys(sources))
    if len(sources) > 1:
        with contextlib.redirect_stdout(sys.stderr):
            _, size = open_together(sources, question.layers, question.size, **question.own)
        question = replace(question, size=size)
    ask = question if scheduler else partial(question, progress=progress)
    found = dict(spread(ask, sources, scheduler))
    return Report([found[i] for i in range(len(sources))], time.monotonic() - began)


def examined(network: Network, measurement: Measurement, srga_layer: str, device: str) -> Examined:
    """A measured network beside its controls."""
    samples, notes = measurement.samples, list(network.notes)
    found = {layer.name: layer for layer in controls(samples)}
    deepest = _deepest(measurement)
    try:
        (found[RANDOM],) = layers_of(shuffled(network), samples, [deepest], device)
    except DDRError as error:
        notes.append(f"no control of random weights: {error}")
    gain = None
    if "clean" in measurement.degradations and network.scale > 1:
        clean = samples.under("clean")[:RESTORED]
        gain = over_bicubic(network, clean, samples.patches, device)
        notes.append(f"on clean images {gain} dB of PSNR (luma) above bicubic, n = {gain.n}")
    about = {key: network.card.get(key) for key in ("architecture", "source", "licence", "sha256")}
    about |= {"scale": network.scale, "notes": notes, "deepest": deepest}
    return Examined(about, measurement, found, gain, srga_layer)


def _deepest(measurement: Measurement) -> str:
    return (measurement.trunk or [layer.name for layer in measurement.layers])[-1]


def over_bicubic(network: Network, clean: Tensor, patches: Patches, device: str) -> Interval:
    """PSNR of a network less that of bicubic interpolation, in dB, on the luma of its first images."""
    truth = patches.images[: len(clean)]
    made = super_resolve(network, clean, device)
    simple = F.interpolate(clean, scale_factor=network.scale, mode="bicubic").clamp(0, 1)
    luma = made.new_tensor(LUMA).view(1, 3, 1, 1)
    better, plain = (
        psnr((images * luma).sum(1, keepdim=True), (truth * luma).sum(1, keepdim=True))
        for images in (made, simple)
    )
    return mean_interval((better - plain).numpy(), np.arange(len(truth)))
