"""One layer of a network, measured: its Gram matrix over the samples, and what follows from it.

What is measured on t-SNE projections is in `ddrlib.measure.embedded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ddrlib.degrade.samples import Design, Samples
from ddrlib.errors import DDRError
from ddrlib.features.grams import gram, layer_grams, subgram
from ddrlib.features.progress import Progress
from ddrlib.measure.intervals import Interval, bootstrap, mean_interval
from ddrlib.measure.metrics import FACTORS, TwoWay, VarianceSplit, permutation_p
from ddrlib.measure.neighbours import Distance, knn_hits
from ddrlib.measure.projection import pca
from ddrlib.measure.srga import srga_interval
from ddrlib.zoo.network import Network

# What claims that a layer sorts by one rather than by the other ask for, part by part.
BY_DEGRADATION = (
    "the component of degradation lies above that of content, intervals apart; more neighbours than "
    "by chance have the same degradation"
)
BY_CONTENT = (
    "the component of content lies above that of degradation, intervals apart; fewer neighbours than "
    "by chance have the same degradation"
)
NEIGHBOURS = 10
COMPONENTS = 300  # of the published SRGA, where there are samples enough
one_core = threadpool_limits.wrap(limits=1, user_api="blas")  # best for many small products


@dataclass(frozen=True, eq=False)
class Layer(Design):
    """A layer's features of n contents under k degradations.

    What is measured is computed when it is asked for, once. All intervals are 95 % bootstrap
    intervals over contents.

    Attributes
    ----------
    name : str
        As the network calls the layer.
    dim : int
        How many values the layer gives for an image.
    gram : ndarray
        (N, N), the centred Gram matrix, float64, N = n k.
    n : int
        The number of contents.
    degradations : tuple of str
        The k degradations, all different.
    """

    name: str
    dim: int
    gram: np.ndarray
    n: int
    degradations: tuple[str, ...]

    def __post_init__(self) -> None:
        n, k = self.n, len(self.degradations)
        if self.gram.shape != (n * k, n * k):
            raise DDRError(
                f"layer {self.name}: features of {len(self.gram)} samples, not of the {n * k} of {n} "
                f"contents under {k} degradations"
            )
        if not np.trace(self.gram) > 0:
            raise DDRError(f"layer {self.name} gives the same for all samples; leave it out")

    @classmethod
    def of(cls, name: str, features: np.ndarray, samples: Samples) -> Layer:
        """The layer that gives these features.

        Parameters
        ----------
        name
            What it is called.
        features : ndarray
            (N, D), any float type, a row for each sample.
        samples
            The N samples, in their order.

        Returns
        -------
        Layer
            Under the degradations of the samples.
        """
        return cls(name, features.shape[1], gram(features), samples.n, samples.degradations)

    def only(self, degradations: Sequence[str], n: int | None = None) -> Layer:
        """The same layer under some degradations alone, its Gram matrix centred anew.

        Parameters
        ----------
        degradations
            Some of the layer's, in the order wanted.
        n
            How many contents, the first ones; all by default.

        Returns
        -------
        Layer
            Of these degradations.

        Raises
        ------
        DDRError
            For a degradation that the layer does not have, and more contents than it has.
        """
        n = self.n if n is None else n
        if not 1 <= n <= self.n:
            raise DDRError(f"{n} contents of layer {self.name}: it was measured on {self.n}")
        firsts = [self.first(name) for name in degradations]
        index = np.add.outer(firsts, np.arange(n)).ravel()
        return Layer(self.name, self.dim, subgram(self.gram, index), n, tuple(degradations))

    @cached_property
    def scores(self) -> np.ndarray:
        """(N, 50 or fewer), principal component scores, the strongest component first."""
        return pca(self.gram)

    @cached_property
    def design(self) -> TwoWay:
        """The two-way sums of squares, from which variance components and their intervals follow."""
        return TwoWay.of(self.gram, self.n)

    @cached_property
    @one_core
    def variance(self) -> VarianceSplit[Interval]:
        """Unbiased variance components (degradation, content, rest) as shares of their sum.

        A factor without effect has 0 on average, whatever the number of contents, and may have
        less; see `ddrlib.measure.metrics.variance_components`.
        """
        component = self.design.component
        over_contents = partial(bootstrap, contents=self.n, bounds=(-np.inf, 1))
        return VarianceSplit(*(over_contents(partial(component, factor)) for factor in FACTORS))

    @cached_property
    @one_core
    def knn_degradation(self) -> Interval:
        """The share (0 to 1) of a sample's 10 nearest neighbours that have its degradation.

        With fewer than 11 contents there are as many neighbours as others of a degradation.
        Neighbours are those in the full sample: a content drawn twice would be its own neighbour.
        Distances are locally scaled, see `ddrlib.measure.neighbours.knn_hits`.
        """
        return mean_interval(self.knn_by_content, bounds=(0, 1))

    @cached_property
    @one_core
    def knn_by_content(self) -> np.ndarray:
        """(n,), `knn_degradation` of the samples of each content."""
        return self._hits("scaled")

    @one_core
    def knn_degradation_by(self, distance: Distance) -> Interval:
        """`knn_degradation` by another distance.

        Parameters
        ----------
        distance
            As `ddrlib.measure.neighbours.knn_hits` takes it.

        Returns
        -------
        Interval
            0 to 1.
        """
        return mean_interval(self._hits(distance), bounds=(0, 1))

    def _hits(self, distance: Distance) -> np.ndarray:
        """(n,), the share of the nearest neighbours that have a sample's degradation, by content."""
        hits = knn_hits(self.gram, self.degradation, min(NEIGHBOURS, self.n - 1), distance)
        return hits.reshape(-1, self.n).mean(axis=0)

    @property
    def knn_chance(self) -> float:
        """What `knn_degradation` is on average where degradation has no effect."""
        return (self.n - 1) / (len(self.gram) - 1)

    @property
    def sorts_by_degradation(self) -> tuple[bool, bool]:
        """The two parts of `BY_DEGRADATION`: what its features vary with, and what neighbours share."""
        return (
            self.variance.degradation.low > self.variance.content.high,
            self.knn_degradation.low > self.knn_chance,
        )

    @property
    def sorts_by_content(self) -> tuple[bool, bool]:
        """The two parts of `BY_CONTENT`, the opposite; a layer may sort by neither."""
        return (
            self.variance.content.low > self.variance.degradation.high,
            self.knn_degradation.high < self.knn_chance,
        )

    @cached_property
    @one_core
    def p(self) -> float:
        """p of the permutation test of the share of degradation, from 0.001 to 1.

        See `ddrlib.measure.metrics.permutation_p`.
        """
        return permutation_p(self.gram, self.n)

    def srga(self, degradation: str) -> Interval:
        """SRGA (Liu et al., IEEE TPAMI 2023; `ddrlib.measure.srga`) of a degradation against the first.

        Signs of components, which matter a little, are those of `ddrlib.measure.projection.pca`.

        Parameters
        ----------
        degradation
            One of `degradations`.

        Returns
        -------
        Interval
            0 or more; 0 where the fitted distributions are the same.

        Raises
        ------
        DDRError
            For a degradation that the layer does not have.
        """
        components = min(COMPONENTS, self.n - 1)
        reference, test = (
            pca(self.only([name]).gram, components) for name in (self.degradations[0], degradation)
        )
        return srga_interval(reference, test)


def layers_of(
    network: Network,
    samples: Samples,
    layers: Sequence[str] | None = None,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> list[Layer]:
    """Measured layers of a network.

    Parameters
    ----------
    network
        A network of the scale of `samples`.
    samples
        Their images are what it is given.
    layers
        Names from `network.layers` or `network.inside`; all of `network.layers` by default.
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".
    progress
        As `ddrlib.features.grams.layer_grams` takes it.

    Returns
    -------
    list of Layer
        In order of depth.

    Raises
    ------
    DDRError
        As `ddrlib.features.grams.layer_grams` does.
    """
    found = layer_grams(network, samples.images, layers, device=device, progress=progress)
    of = samples.n, samples.degradations
    return [Layer(name, dim, matrix, *of) for name, (matrix, dim) in found.items()]
