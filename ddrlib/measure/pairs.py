"""How well a layer tells each pair of degradations apart."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ddrlib.measure.intervals import Interval, bootstrap, mean_interval
from ddrlib.measure.layer import Layer
from ddrlib.measure.metrics import TwoWay


class Pairs:
    """The degradations of a layer, pair by pair; intervals are 95 % over contents.

    Each pair is looked at alone: the same contents under the one and under the other degradation,
    with the variance component of the degradation and the purity of the nearest neighbours. In an
    ordered series the distance of a pair is the number of steps between the two.

    Parameters
    ----------
    layer
        Under two degradations or more, for a series in its order.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.pairs = {
            pair: layer.only([layer.degradations[i] for i in pair])
            for pair in combinations(range(len(layer.degradations)), 2)
        }

    def component(self, i: int, j: int) -> Interval:
        """The variance component of the degradation between two degradations.

        Parameters
        ----------
        i, j
            Their numbers in `layer.degradations`, not the same.

        Returns
        -------
        Interval
            A share, 1 or less; 0 on average where degradation has no effect.

        Raises
        ------
        KeyError
            For equal numbers, and one that is out of range.
        """
        return self._mean_component([(min(i, j), max(i, j))])

    def table(self) -> pd.DataFrame:
        """The components of all pairs as a table.

        Returns
        -------
        DataFrame
            (k, k), symmetric, rows and columns named by the degradations; the diagonal is NaN.
        """
        names = list(self.layer.degradations)
        table = np.full((len(names), len(names)), np.nan)
        for i, j in self.pairs:
            table[i, j] = table[j, i] = self.component(i, j).value
        return pd.DataFrame(table, index=names, columns=names)

    def components(self) -> dict[int, Interval]:
        """The mean component of the pairs that are so many steps apart.

        Returns
        -------
        dict of int to Interval
            By distance, 1 to k - 1.
        """
        return {steps: self._mean_component(pairs) for steps, pairs in self._apart.items()}

    def neighbours(self) -> dict[int, Interval]:
        """The mean share of a sample's nearest neighbours that have its degradation, by distance.

        Returns
        -------
        dict of int to Interval
            By distance, 1 to k - 1; shares from 0 to 1.
        """
        hits = {pair: alone.knn_by_content for pair, alone in self.pairs.items()}
        return {
            steps: mean_interval(np.mean([hits[pair] for pair in pairs], axis=0))
            for steps, pairs in self._apart.items()
        }

    @property
    def knn_chance(self) -> float:
        """What `neighbours` are on average where degradation has no effect."""
        return next(iter(self.pairs.values())).knn_chance

    def monotonicity(self) -> Interval:
        """Spearman's rho of distance and component over all pairs.

        Returns
        -------
        Interval
            Largest where the component grows with every step; less than 1 even then, since
            distances are tied and components are not.
        """
        steps = _standard_ranks(np.array([j - i for i, j in self.pairs])[:, None])
        best = (np.sort(steps, axis=0) * _standard_ranks(np.arange(len(steps))[:, None])).mean()
        return bootstrap(
            lambda counts: (steps * _standard_ranks(self._components(counts))).mean(axis=0),
            self.layer.n,
            bounds=(-best, best),
        )

    @cached_property
    def _apart(self) -> dict[int, list[tuple[int, int]]]:
        """The pairs by distance, the nearest first."""
        apart = defaultdict(list)
        for i, j in self.pairs:
            apart[j - i].append((i, j))
        return dict(sorted(apart.items()))

    @cached_property
    def _designs(self) -> dict[tuple[int, int], TwoWay]:
        return {pair: alone.design for pair, alone in self.pairs.items()}

    def _mean_component(self, pairs: list[tuple[int, int]]) -> Interval:
        return bootstrap(
            lambda counts: self._components(counts, pairs).mean(axis=0),
            self.layer.n,
            bounds=(-np.inf, 1),
        )

    def _components(
        self, counts: np.ndarray, pairs: list[tuple[int, int]] | None = None
    ) -> np.ndarray:
        chosen = self._designs.values() if pairs is None else [self._designs[p] for p in pairs]
        return np.array([design.component("degradation", counts) for design in chosen])


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks down each column, with mean 0 and standard deviation 1: products average to rho."""
    ranks = rankdata(values, axis=0)
    return (ranks - ranks.mean(axis=0)) / ranks.std(axis=0)
