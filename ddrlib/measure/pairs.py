"""How well a layer tells each pair of degradations apart."""

from __future__ import annotations

from functools import cached_property, partial
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ddrlib.measure.intervals import Interval, bootstrap
from ddrlib.measure.layer import Layer, embedded_each
from ddrlib.measure.metrics import TwoWay


class Pairs:
    """The degradations of a layer, pair by pair.

    Each pair is looked at alone: the same contents under the one and under the other degradation,
    their variance split into components, of which that of the degradation counts.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.indices = list(combinations(range(len(layer.degradations)), 2))

    @cached_property
    def designs(self) -> dict[tuple[int, int], TwoWay]:
        """The two-way design of each pair i < j."""
        return {pair: self._alone(*pair).design for pair in self.indices}

    def _alone(self, i: int, j: int) -> Layer:
        return self.layer.only([self.layer.degradations[i], self.layer.degradations[j]])

    def component(self, i: int, j: int) -> Interval:
        """The variance component of the degradation between i and j, 95 % over contents."""
        design = self.designs[min(i, j), max(i, j)]
        return bootstrap(
            partial(design.component, "degradation"), np.arange(self.layer.n), bounds=(-np.inf, 1)
        )

    def distances(self) -> tuple[np.ndarray, np.ndarray]:
        """For each pair: how many steps apart the two are in the list, and the component between."""
        steps = np.array([j - i for i, j in self.indices])
        return steps, self._components(np.ones((1, self.layer.n)))[:, 0]

    def monotonicity(self) -> Interval:
        """Spearman's rho of steps and components over all pairs, 95 % over contents.

        1 where the component grows with every step between the degrees of an ordered series.
        """
        steps = _standard_ranks(np.array([j - i for i, j in self.indices])[:, None])
        return bootstrap(
            lambda counts: (steps * _standard_ranks(self._components(counts))).mean(axis=0),
            np.arange(self.layer.n),
        )

    def chi(self, perplexity: float = 30.0) -> pd.DataFrame:
        """CHI of the t-SNE projection of each pair alone, as a symmetric table with an empty diagonal."""
        names = list(self.layer.degradations)
        table = np.full((len(names), len(names)), np.nan)
        alone = [self._alone(*pair) for pair in self.indices]
        for (i, j), pair in zip(self.indices, embedded_each(alone, 1, perplexity), strict=True):
            table[i, j] = table[j, i] = pair.chi_degradation.values[0]
        return pd.DataFrame(table, index=names, columns=names)

    def _components(self, counts: np.ndarray) -> np.ndarray:
        designs = self.designs.values()
        return np.array([design.component("degradation", counts) for design in designs])


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks down each column, with mean 0 and standard deviation 1: products average to rho."""
    ranks = rankdata(values, axis=0)
    return (ranks - ranks.mean(axis=0)) / ranks.std(axis=0)
