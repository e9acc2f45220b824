"""A layer with its t-SNE projections, and the Calinski-Harabasz index (CHI) that is measured on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import islice

import numpy as np
from scipy.spatial.distance import cdist

from ddrlib.errors import DDRError
from ddrlib.features.grams import gram
from ddrlib.measure.intervals import Interval, bootstrap
from ddrlib.measure.layer import Layer, one_core
from ddrlib.measure.metrics import FACTORS, TwoWay, calinski_harabasz
from ddrlib.measure.tsne import tsne_each, usable_perplexity

CHI_CONTENTS = 60  # with fewer, t-SNE shows no clusters where there are some


def too_few_for_chi(n: int) -> str:
    """Why a claim that rests on CHI cannot be tested on so few contents.

    A network whose CHI is 528 on 100 contents and 207 on 60 has 2.9 on 24 and 4.2 on 16, while its
    variance components are the same for all of them.

    Parameters
    ----------
    n
        The number of contents.

    Returns
    -------
    str
        A reason in words; `""` where there are `CHI_CONTENTS` or more.
    """
    if n >= CHI_CONTENTS:
        return ""
    return f"CHI shows no clusters on fewer than {CHI_CONTENTS} contents, and this run has {n}"


def chi_text(value: float) -> str:
    """A Calinski-Harabasz index as precisely as t-SNE maps determine it.

    Parameters
    ----------
    value
        0 or more.

    Returns
    -------
    str
        A whole number from 10 up, one decimal below, "below 1" for the rest.
    """
    return "below 1" if value < 1 else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


@dataclass(frozen=True)
class Chi:
    """The Calinski-Harabasz index of a layer's t-SNE projections, one of `values` for each seed.

    About 1 where the labels say nothing of the points. `wd` and `bd` are means over the projections
    of the dispersions within and between the groups; `interval` is that of the mean, over contents,
    the projections being given.
    """

    values: tuple[float, ...]
    wd: float
    bd: float
    interval: Interval

    @property
    def mean(self) -> float:
        """The mean over t-SNE seeds."""
        return self.interval.value

    @property
    def sd(self) -> float:
        """The standard deviation over t-SNE seeds; not a number where there is one seed."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else math.nan

    def __str__(self) -> str:
        return str(self.interval)


@dataclass(frozen=True, eq=False)
class EmbeddedLayer(Layer):
    """A layer with its t-SNE projections.

    Attributes
    ----------
    name : str
        As the network calls the layer.
    dim : int
        How many values the layer gives for an image.
    gram : ndarray
        (N, N), the centred Gram matrix.
    n : int
        The number of contents.
    degradations : tuple of str
        All different.
    embeddings : ndarray
        (seeds, N, 2), the projections with the seeds 0 to `seeds` - 1.
    """

    embeddings: np.ndarray

    @cached_property
    def chi_degradation(self) -> Chi:
        """CHI of the projections by degradation."""
        return self._chi("degradation", self.degradation)

    @cached_property
    def chi_content(self) -> Chi:
        """CHI of the projections by content."""
        return self._chi("content", self.content)

    @cached_property
    def _maps(self) -> list[TwoWay]:
        return [TwoWay.of(gram(xy), self.n) for xy in self.embeddings]

    @one_core
    def _chi(self, factor: str, labels: np.ndarray) -> Chi:
        found = [calinski_harabasz(points, labels) for points in self.embeddings]
        return Chi(
            values=tuple(dispersion.chi for dispersion in found),
            wd=float(np.mean([dispersion.wd for dispersion in found])),
            bd=float(np.mean([dispersion.bd for dispersion in found])),
            interval=bootstrap(
                lambda counts: np.mean([m.chi(factor, counts) for m in self._maps], axis=0),
                self.n,
                bounds=(0, np.inf),
            ),
        )

    def beside_own(self, degradation: str, other: str) -> int:
        """How many contents have their own version under another degradation as the nearest mark on the first map.

        Parameters
        ----------
        degradation
            One of `degradations`, whose marks are looked at.
        other
            Another of them.

        Returns
        -------
        int
            0 to n.

        Raises
        ------
        DDRError
            For a degradation that the layer does not have.
        """
        marks, own = self.embeddings[0], self.first(other) + np.arange(self.n)
        looked_at = self.first(degradation) + np.arange(self.n)
        distances = cdist(marks[looked_at], marks)
        distances[np.arange(self.n), looked_at] = np.inf
        return int((distances.argmin(axis=1) == own).sum())

    def summary(self) -> dict[str, object]:
        """The measures under the names that tables give them.

        Returns
        -------
        dict of str to Interval or Chi
            Components of degradation and content, neighbours, CHI by degradation and content.
        """
        return {
            "component of degradation": self.variance.degradation,
            "component of content": self.variance.content,
            "neighbours of the same degradation": self.knn_degradation,
            "CHI by degradation": self.chi_degradation,
            "CHI by content": self.chi_content,
        }

    def intervals(self) -> dict[str, Interval]:
        """All measures that have an interval.

        Returns
        -------
        dict of str to Interval
            The keys are chi_degradation, chi_content, component_degradation, component_content,
            component_rest and knn_degradation.
        """
        return {
            "chi_degradation": self.chi_degradation.interval,
            "chi_content": self.chi_content.interval,
            **{f"component_{factor}": getattr(self.variance, factor) for factor in FACTORS},
            "knn_degradation": self.knn_degradation,
        }


def embedded_each(
    layers: Sequence[Layer], seeds: int, perplexity: float = 30.0
) -> Iterator[EmbeddedLayer]:
    """Layers with their t-SNE projections; all t-SNE runs go side by side.

    Parameters
    ----------
    layers
        Any number, of any networks.
    seeds
        One or more; the projections of each have the seeds 0 to `seeds` - 1.
    perplexity
        Perplexity of t-SNE, 1 or more; lowered to a third of the other samples where it is above.

    Yields
    ------
    EmbeddedLayer
        In the order given, each as soon as it is done; `DDRError` where t-SNE runs away, as it may
        with a handful of samples.
    """
    runs = tsne_each(
        [
            (layer.scores, seed, usable_perplexity(len(layer.gram), perplexity))
            for layer in layers
            for seed in range(seeds)
        ]
    )
    for layer in layers:
        kept = {field.name: getattr(layer, field.name) for field in fields(Layer)}
        points = np.stack(list(islice(runs, seeds)))
        if not np.isfinite(points).all():  # its steps are too long for a handful of samples
            raise DDRError(
                f"layer {layer.name}: t-SNE runs away with {len(layer.gram)} samples; take more patches"
            )
        embedded = EmbeddedLayer(**kept, embeddings=points)
        vars(embedded)["scores"] = layer.scores  # they are the same
        yield embedded
