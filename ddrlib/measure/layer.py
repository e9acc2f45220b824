"""One layer of a network, measured: its Gram matrix over the samples, and all that follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ddrlib.degrade.samples import Design, Samples
from ddrlib.errors import DDRError
from ddrlib.features.grams import gram, layer_grams, subgram
from ddrlib.features.progress import Progress
from ddrlib.measure.intervals import Interval, bootstrap
from ddrlib.measure.metrics import FACTORS, TwoWay, VarianceSplit, calinski_harabasz, permutation_p
from ddrlib.measure.neighbours import knn_hits
from ddrlib.measure.projection import pca
from ddrlib.measure.srga import srga_interval
from ddrlib.measure.tsne import tsne_each, usable_perplexity
from ddrlib.zoo.loading import Network

NEIGHBOURS = 10
COMPONENTS = 300  # of the published SRGA, where there are samples enough
CHI_CONTENTS = 60  # with fewer, t-SNE shows no clusters where there are some
one_core = threadpool_limits.wrap(limits=1, user_api="blas")  # best for many small products


@dataclass(frozen=True)
class Chi:
    """The Calinski-Harabasz index of a layer's t-SNE projections, one for each t-SNE seed.

    Attributes
    ----------
    values : tuple of float
        0 or more; about 1 where the labels say nothing of the points.
    wd, bd : float
        Means over the projections of the dispersions within and between the groups.
    interval : Interval
        That of the mean of `values`, over contents, the projections being given.
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
    embeddings : ndarray
        (seeds, N, 2), t-SNE projections; none until `embedded`.
    """

    name: str
    dim: int
    gram: np.ndarray
    n: int
    degradations: tuple[str, ...]
    embeddings: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 2), np.float32))

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
            Not embedded.
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
            Not embedded.

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

    # Without a projection

    @cached_property
    def scores(self) -> np.ndarray:
        """(N, 50 or fewer), principal component scores, the strongest component first."""
        return pca(self.gram).scores

    @cached_property
    def design(self) -> TwoWay:
        """The two-way sums of squares, from which variance components and their intervals follow."""
        return TwoWay.of(self.gram, self.content, self.degradation)

    @cached_property
    @one_core
    def variance(self) -> VarianceSplit[Interval]:
        """Unbiased variance components as shares of their sum: degradation, content, rest.

        A factor without effect has 0 on average, whatever the number of contents, and may have
        less; see `ddrlib.measure.metrics.variance_components`.
        """
        component = self.design.component
        over_contents = partial(bootstrap, content=np.arange(self.n), bounds=(-np.inf, 1))
        return VarianceSplit(*(over_contents(partial(component, factor)) for factor in FACTORS))

    @cached_property
    @one_core
    def knn_degradation(self) -> Interval:
        """The share (0 to 1) of a sample's 10 nearest neighbours that have its degradation.

        With fewer than 11 contents there are as many neighbours as others of a degradation.
        Neighbours are those in the full sample: a content drawn twice would be its own neighbour.
        Distances are those of `ddrlib.measure.neighbours.knn_hits`.
        """
        hits = self.knn_by_content
        return bootstrap(lambda counts: counts @ hits / self.n, np.arange(self.n), bounds=(0, 1))

    @cached_property
    @one_core
    def knn_by_content(self) -> np.ndarray:
        """(n,), `knn_degradation` of the samples of each content."""
        hits = knn_hits(self.gram, self.degradation, min(NEIGHBOURS, self.n - 1))
        return hits.reshape(-1, self.n).mean(axis=0)

    @property
    def knn_chance(self) -> float:
        """What `knn_degradation` is on average where degradation has no effect."""
        return (self.n - 1) / (len(self.gram) - 1)

    @cached_property
    @one_core
    def p(self) -> float:
        """p of the permutation test of the share of degradation, from 0.001 to 1.

        See `ddrlib.measure.metrics.permutation_p`.
        """
        return permutation_p(self.gram, self.content, self.degradation)

    def srga(self, degradation: str) -> Interval:
        """SRGA of a degradation against the layer's first one.

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

        References
        ----------
        Liu et al., "Evaluating the generalization ability of super-resolution networks", IEEE TPAMI
        2023; see `ddrlib.measure.srga`.
        """
        components = min(COMPONENTS, self.n - 1)
        reference, test = (
            pca(self.only([name]).gram, components).scores
            for name in (self.degradations[0], degradation)
        )
        return srga_interval(reference, test)

    # On t-SNE projections

    def embedded(self, seeds: int, perplexity: float = 30.0) -> Layer:
        """The same layer with t-SNE projections.

        Parameters
        ----------
        seeds
            One or more; the projections have the seeds 0 to `seeds` - 1.
        perplexity
            Perplexity of t-SNE, 1 or more; lowered to a third of the other samples where it is
            above.

        Returns
        -------
        Layer
            Its `embeddings` are (seeds, N, 2).

        Raises
        ------
        DDRError
            For fewer than 4 samples, a perplexity below 1, and features that are all the same.
        """
        return next(embedded_each([self], seeds, perplexity))

    @cached_property
    def chi_degradation(self) -> Chi:
        """CHI of the projections by degradation; the layer has to be embedded."""
        return self._chi("degradation", self.degradation)

    @cached_property
    def chi_content(self) -> Chi:
        """CHI of the projections by content; the layer has to be embedded."""
        return self._chi("content", self.content)

    @cached_property
    def _maps(self) -> list[TwoWay]:
        return [TwoWay.of(gram(xy), self.content, self.degradation) for xy in self.embeddings]

    @one_core
    def _chi(self, factor: str, labels: np.ndarray) -> Chi:
        found = [calinski_harabasz(points, labels) for points in self.embeddings]
        return Chi(
            values=tuple(dispersion.chi for dispersion in found),
            wd=float(np.mean([dispersion.wd for dispersion in found])),
            bd=float(np.mean([dispersion.bd for dispersion in found])),
            interval=bootstrap(
                lambda counts: np.mean([m.chi(factor, counts) for m in self._maps], axis=0),
                np.arange(self.n),
                bounds=(0, np.inf),
            ),
        )

    def summary(self) -> dict[str, object]:
        """The measures under the names that tables give them; the layer has to be embedded.

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
        """All measures that have an interval; the layer has to be embedded.

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
        A reason in words; "" where there are `CHI_CONTENTS` or more.
    """
    if n >= CHI_CONTENTS:
        return ""
    return f"CHI shows no clusters on fewer than {CHI_CONTENTS} contents, and this run has {n}"


def layers_of(
    network: Network,
    samples: Samples,
    layers: Sequence[str] | None = None,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> list[Layer]:
    """Measured layers of a network, not embedded.

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


def embedded_each(layers: Sequence[Layer], seeds: int, perplexity: float = 30.0) -> Iterator[Layer]:
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
    Layer
        In the order given, each as soon as it is done.

    Raises
    ------
    DDRError
        As `Layer.embedded` does, and where t-SNE runs away, as it may with a handful of samples.
    """
    runs = tsne_each(
        [
            (layer.scores, seed, usable_perplexity(len(layer.gram), perplexity))
            for layer in layers
            for seed in range(seeds)
        ]
    )
    for layer in layers:
        points = np.stack(list(islice(runs, seeds)))
        if not np.isfinite(points).all():  # its steps are too long for a handful of samples
            raise DDRError(
                f"layer {layer.name}: t-SNE runs away with {len(layer.gram)} samples; take more patches"
            )
        embedded = replace(layer, embeddings=points)
        vars(embedded)["scores"] = layer.scores  # they are the same
        yield embedded
