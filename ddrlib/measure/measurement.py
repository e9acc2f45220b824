"""How the layers of a network sort their inputs: by what was done to them, or by what they show.

What all figures of a layer rest on is one Gram matrix of its features. Its principal components are
laid out by t-SNE, with several seeds, and the CHI judges these maps; variance components,
neighbours and permutation p-values need no map.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ddrlib.data.photographs import Patches
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError
from ddrlib.features.progress import Progress, left
from ddrlib.measure.embedded import Chi, EmbeddedLayer, embedded_each
from ddrlib.measure.intervals import Interval
from ddrlib.measure.layer import layers_of
from ddrlib.measure.metrics import FACTORS
from ddrlib.measure.tsne import usable_perplexity
from ddrlib.zoo.network import Network

MOST_SEEDS = 1000  # of t-SNE, each of which takes its time


@dataclass(frozen=True, eq=False)
class Measurement:
    """A network measured on samples, layer by layer; `measurement["LRL_10"]` is that layer.

    Attributes
    ----------
    network : str
        Its name.
    samples : Samples
        What it was measured on.
    seeds : int
        How many t-SNE runs each layer has.
    perplexity : float
        Perplexity of t-SNE as used: lower than asked for where there are few samples.
    layers : list of EmbeddedLayer
        In order of depth.
    trunk : list of str
        The measured layers of the network's stack of blocks, the last of them the deepest.
    """

    network: str
    samples: Samples
    seeds: int
    perplexity: float
    layers: list[EmbeddedLayer]
    trunk: list[str]

    @property
    def n(self) -> int:
        """The number of contents."""
        return self.samples.n

    @property
    def degradations(self) -> tuple[str, ...]:
        """The degradations, the first of which is the reference of SRGA."""
        return self.samples.degradations

    def __getitem__(self, name: str) -> EmbeddedLayer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        measured = ", ".join(layer.name for layer in self.layers)
        raise DDRError(f"layer {name!r} of {self.network} was not measured; there are: {measured}")

    def srga(self, layer: str) -> dict[str, Interval]:
        """SRGA at a layer of each degradation but the first, against the first.

        Parameters
        ----------
        layer
            The name of a measured layer.

        Returns
        -------
        dict of str to Interval
            By degradation; 0 or more each.

        Raises
        ------
        DDRError
            For a layer that was not measured.
        """
        return {name: self[layer].srga(name) for name in self.degradations[1:]}

    def record(self, srga_layer: str | None = None) -> dict:
        """All numbers with their intervals, as plain values; some may be infinite or NaN.

        Parameters
        ----------
        srga_layer
            The name of a measured layer, whose SRGA the key "srga" then holds; by default there is
            none.

        Returns
        -------
        dict
            network, n, degradations, seeds, perplexity, and layers, a dictionary for each.

        Raises
        ------
        DDRError
            For a layer that was not measured.
        """
        record = {
            "network": self.network,
            "n": self.n,
            "degradations": list(self.degradations),
            "seeds": self.seeds,
            "perplexity": self.perplexity,
            "layers": [_record(layer) for layer in self.layers],
        }
        if srga_layer is not None:
            record["srga"] = {
                "layer": srga_layer,
                "reference": self.degradations[0],
                "degradations": {
                    name: {"value": found.value, "interval": [found.low, found.high]}
                    for name, found in self.srga(srga_layer).items()
                },
            }
        return record


def measure(
    network: Network,
    patches: Patches,
    degradations: Sequence[str] = ("clean", "blur4", "noise20"),
    layers: Sequence[str] | None = None,
    *,
    seeds: int = 5,
    perplexity: float = 30.0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Measurement:
    """Measure layers of a network on every patch under every degradation.

    Gram matrices and t-SNE projections are kept in the cache.

    Parameters
    ----------
    network
        What is measured.
    patches
        Two contents or more, their sides multiples of the network's scale.
    degradations
        Two or more different ones; SRGA compares with the first.
    layers
        Names from `network.layers` or `network.inside`; all of `network.layers` by default.
    seeds
        t-SNE runs with the seeds 0 to `seeds` - 1, all side by side through joblib, whose
        `parallel_config` can send them to a cluster.
    perplexity
        Perplexity of t-SNE, 1 or more; lowered to a third of the other samples where it is above.
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".
    progress
        Takes a line of text every few seconds of the forward pass, and one for each layer.

    Returns
    -------
    Measurement
        Its layers in order of depth.

    Raises
    ------
    DDRError
        For fewer than two contents or degradations, no seed, a perplexity below 1, and as
        `ddrlib.features.grams.layer_grams` does.
    """
    if not 1 <= seeds <= MOST_SEEDS:
        raise DDRError(f"{seeds} t-SNE seeds: measuring needs 1 to {MOST_SEEDS:,}")
    samples = Samples.of(patches, degradations, network.scale)
    perplexity = usable_perplexity(len(samples.images), perplexity)
    found = layers_of(network, samples, layers, device, progress)
    measured: list[EmbeddedLayer] = []
    began = time.monotonic()
    for layer in embedded_each(found, seeds, perplexity):
        measured.append(layer)
        if progress:
            remaining = left(began, len(measured), len(found))
            progress(_line(layer, f"{len(measured)} of {len(found)}{remaining}"))
    trunk = [layer.name for layer in measured if layer.name in network.trunk]
    return Measurement(network.name, samples, seeds, perplexity, measured, trunk)


def last_hidden(network: Network) -> str:
    """The last layer before the output, the one that SRGA was made for.

    Parameters
    ----------
    network
        With one layer or more.

    Returns
    -------
    str
        Its name; that of the output where there is no other.
    """
    hidden = [layer for layer, path in network.layers.items() if path]
    return (hidden or list(network.layers))[-1]


def _line(layer: EmbeddedLayer, done: str) -> str:
    return (
        f"{layer.name} ({done}): CHI {layer.chi_degradation.mean:.3g} by degradation, "
        f"{layer.chi_content.mean:.3g} by content"
    )


def _record(layer: EmbeddedLayer) -> dict:
    return {
        "layer": layer.name,
        "dim": layer.dim,
        "chi_degradation": _chi_record(layer.chi_degradation),
        "chi_content": _chi_record(layer.chi_content),
        "variance": {factor: getattr(layer.variance, factor).value for factor in FACTORS},
        "knn_degradation": layer.knn_degradation.value,
        "p": layer.p,
        "intervals": {name: [found.low, found.high] for name, found in layer.intervals().items()},
    }


def _chi_record(chi: Chi) -> dict:
    return {"mean": chi.mean, "sd": chi.sd, "wd": chi.wd, "bd": chi.bd, "values": list(chi.values)}
