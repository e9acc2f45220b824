"""How a network takes degradations: what each does to its features and to its output.

Every degradation is held against the first one, the reference (`clean`), on the same contents, in
three places of the network: the deepest layer of the trunk, the last feature map and the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch

from ddrlib.data import Patches
from ddrlib.degrade import degrade, parse
from ddrlib.errors import DDRError
from ddrlib.features import extract
from ddrlib.generalization import srga_interval
from ddrlib.metrics import FACTORS, Interval, TwoWay, VarianceSplit, bootstrap, mean_interval
from ddrlib.projection import gram, pca, subgram, tsne_each
from ddrlib.quality import psnr
from ddrlib.zoo import Network

TRUNK, LAST, OUTPUT = PLACES = ("deepest trunk layer", "last feature map", "output")


@dataclass(frozen=True)
class Response:
    """A network on n contents under k degradations, the first of which is the reference.

    `layers` names the layer of each of the `PLACES` that were looked at, `grams` holds its centred
    Gram matrix (k n, k n): sample i has the degradation i // n and the content i % n. `psnr` (k, n)
    is in dB against the ground truth. All intervals are 95 % bootstrap intervals over contents.
    """

    network: str
    n: int
    degradations: tuple[str, ...]
    layers: dict[str, str]
    grams: dict[str, np.ndarray]
    psnr: np.ndarray

    def srga(self, place: str, degradation: str) -> Interval:
        """SRGA against the reference, from all components that n samples have.

        Signs of components are those of `ddrlib.projection.pca`: the features are no longer there.
        """
        reference, test = (
            pca(self._gram(place, [name]), self.n).scores
            for name in (self.degradations[0], degradation)
        )
        return srga_interval(reference, test)

    def split(self, place: str, degradations: Sequence[str]) -> VarianceSplit[Interval]:
        """The variance of these degradations together, split into degradation, content and rest.

        Where the share of content is 1, each content has the same features under all of them.
        """
        design = TwoWay.of(self._gram(place, degradations), *self._labels(degradations))
        return VarianceSplit(*(
            bootstrap(partial(design.share, factor), np.arange(self.n), bounds=(0, 1))
            for factor in FACTORS
        ))

    def projections(
        self, place: str, degradations: Sequence[str], seeds: int = 1, perplexity: float = 30.0
    ) -> list[np.ndarray]:
        """t-SNE projections (samples, 2) of these degradations together, one for each seed."""
        scores = pca(self._gram(place, degradations)).scores
        return list(tsne_each([(scores, seed, perplexity) for seed in range(seeds)]))

    def chi(
        self, place: str, degradations: Sequence[str], seeds: int = 3, perplexity: float = 30.0
    ) -> Interval:
        """CHI by degradation of the t-SNE projections of these degradations, mean over seeds."""
        maps = [
            TwoWay.of(gram(points), *self._labels(degradations))
            for points in self.projections(place, degradations, seeds, perplexity)
        ]
        return bootstrap(
            lambda counts: np.mean([design.chi("degradation", counts) for design in maps], axis=0),
            np.arange(self.n), bounds=(0, np.inf),
        )

    def table(self) -> pd.DataFrame:
        """A row per place and degradation but the reference, against which all columns are."""
        reference = self.degradations[0]
        contents = np.arange(self.n)
        rows = []
        for k, degradation in enumerate(self.degradations[1:], 1):
            quality = {
                "PSNR": mean_interval(self.psnr[k], contents),
                "loss of PSNR": mean_interval(self.psnr[0] - self.psnr[k], contents),
            }
            for place in self.layers:
                split = self.split(place, [reference, degradation])
                rows.append({
                    "network": self.network, "degradation": degradation, "place": place,
                    "SRGA": self.srga(place, degradation),
                    "share of degradation": split.degradation, "share of content": split.content,
                    **quality,
                })
        return pd.DataFrame(rows)

    def _gram(self, place: str, degradations: Sequence[str]) -> np.ndarray:
        """The centred Gram matrix of these degradations alone, in the order in which they are named."""
        firsts = [self.n * self.degradations.index(name) for name in degradations]
        return subgram(self.grams[place], np.add.outer(firsts, np.arange(self.n)).ravel())

    def _labels(self, degradations: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Content and degradation of each sample of `_gram`."""
        k = len(degradations)
        return np.tile(np.arange(self.n), k), np.repeat(np.arange(k), self.n)


def places(network: Network) -> dict[str, str]:
    """The layer of each of the `PLACES`; the last feature map is the one that SRGA was made for."""
    *_, last, output = network.layers
    return dict(zip(PLACES, (network.trunk[-1], last, output), strict=True))


def respond(
    network: Network,
    patches: Patches,
    degradations: Sequence[str],
    device: str | torch.device = "auto",
) -> Response:
    """Run the network on every patch under every degradation, the reference first.

    Features are held in memory, all of one network at a time, and not kept on disk: those of the
    last feature map are large. DDRError for fewer than 2 patches or 2 different degradations.
    """
    names = tuple(str(parse(text)) for text in degradations)
    if len(patches) < 2 or len(set(names)) < max(len(names), 2):
        raise DDRError(
            f"{len(patches)} patches, degradations {', '.join(names)}: a response needs 2 patches "
            "and 2 different degradations at least"
        )
    layers = places(network)
    images = torch.cat([degrade(patches.images, name, network.scale) for name in names])
    features = extract(network, images, list(layers.values()), device=device, cache=False)
    restored = features[layers[OUTPUT]].reshape(len(names), *patches.images.shape)
    quality = [psnr(torch.from_numpy(images).float(), patches.images).numpy() for images in restored]
    grams = {place: gram(features[layer]) for place, layer in layers.items()}
    return Response(network.name, len(patches), names, layers, grams, np.stack(quality))
