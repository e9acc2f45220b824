"""How well a layer tells each pair of degradations apart.

Two degradations are looked at alone: the features of the same contents under the one and under the
other, split into what the degradation explains and what it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata

from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import degrade, parse
from ddrlib.features.extraction import extract
from ddrlib.measure.metrics import Interval, TwoWay, bootstrap, calinski_harabasz
from ddrlib.measure.projection import gram, pca, subgram
from ddrlib.measure.tsne import tsne, usable_perplexity
from ddrlib.zoo.loading import Network


@dataclass(frozen=True)
class Pairwise:
    """k degradations, pair by pair, on n contents.

    `designs[i, j]` (i < j) is the two-way design of the pair; `gram` (N, N) that of all samples,
    degradation by degradation.
    """

    network: str
    layer: str
    degradations: tuple[str, ...]
    n: int
    gram: np.ndarray
    designs: dict[tuple[int, int], TwoWay]

    def share(self, i: int, j: int, seed: int = 0) -> Interval:
        """The share of variance that lies between degradations i and j, 95 % over contents."""
        design = self.designs[min(i, j), max(i, j)]
        return bootstrap(
            partial(design.share, "degradation"), np.arange(self.n), seed=seed, bounds=(0, 1)
        )

    def distances(self) -> tuple[np.ndarray, np.ndarray]:
        """For each pair: how many steps apart the two are in the list, and the share between them."""
        steps = np.array([j - i for i, j in self.designs])
        return steps, self._shares(np.ones((1, self.n)))[:, 0]

    def monotonicity(self, seed: int = 0) -> Interval:
        """Spearman's rho of steps and shares over all pairs, 95 % over contents.

        1 where the share grows with every step between the degrees of an ordered series.
        """
        steps = _standard_ranks(np.array([j - i for i, j in self.designs])[:, None])
        return bootstrap(
            lambda counts: (steps * _standard_ranks(self._shares(counts))).mean(axis=0),
            np.arange(self.n),
            seed=seed,
        )

    def chi(self, perplexity: float = 30.0, seed: int = 0) -> pd.DataFrame:
        """CHI of the t-SNE projection of each pair alone, as a symmetric table with an empty diagonal."""
        k, labels = len(self.degradations), np.repeat([0, 1], self.n)
        table = np.full((k, k), np.nan)
        for i, j in self.designs:
            index = np.r_[i * self.n : (i + 1) * self.n, j * self.n : (j + 1) * self.n]
            scores = pca(subgram(self.gram, index)).scores
            points = tsne(scores, seed, usable_perplexity(len(index), perplexity))
            table[i, j] = table[j, i] = calinski_harabasz(points, labels).chi
        return pd.DataFrame(table, index=self.degradations, columns=self.degradations)

    def _shares(self, counts: np.ndarray) -> np.ndarray:
        return np.array([design.share("degradation", counts) for design in self.designs.values()])


def pairwise(
    network: Network,
    patches: Patches,
    degradations: Sequence[str],
    layer: str | None = None,
    device: str | torch.device = "auto",
) -> Pairwise:
    """Every pair of degradations at one layer of a network (default: the deepest of its trunk)."""
    names = tuple(str(parse(text)) for text in degradations)
    layer = layer or network.trunk[-1]
    images = torch.cat([degrade(patches.images, name, network.scale) for name in names])
    matrix = gram(extract(network, images, [layer], device=device)[layer])
    n = len(patches)
    content, labels = np.tile(np.arange(n), 2), np.repeat([0, 1], n)
    designs = {
        (i, j): TwoWay.of(
            subgram(matrix, np.r_[i * n : (i + 1) * n, j * n : (j + 1) * n]), content, labels
        )
        for i, j in combinations(range(len(names)), 2)
    }
    return Pairwise(network.name, layer, names, n, matrix, designs)


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks down each column, with mean 0 and standard deviation 1: products average to rho."""
    ranks = rankdata(values, axis=0)
    return (ranks - ranks.mean(axis=0)) / ranks.std(axis=0)
