"""How a network takes degradations: what each does to its features and to its output.

Every degradation is held against the first one, the reference (`clean`), on the same contents, in
several places of the network: three layers, and two differences from what is plain in the input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract
from ddrlib.measure.fidelity import psnr
from ddrlib.measure.metrics import (
    FACTORS,
    Interval,
    TwoWay,
    VarianceSplit,
    bootstrap,
    mean_interval,
)
from ddrlib.measure.projection import gram, pca, subgram
from ddrlib.measure.srga import srga_interval
from ddrlib.measure.tsne import tsne_each
from ddrlib.zoo.loading import Network

TRUNK = "deepest trunk layer"
BEYOND = "the same, beyond the picture"  # less what is linear in the input: `beyond`
LAST = "last feature map"
CORRECTION = "correction"  # the output less the input, upsampled bilinearly
OUTPUT = "output"

BLOCK = 32  # images that `beyond` looks at together: bounds the memory


@dataclass(frozen=True)
class Response:
    """A network on n contents under k degradations, the first of which is the reference.

    `grams` holds the centred Gram matrix (k n, k n) of each place: sample i has the degradation
    i // n and the content i % n. `psnr` (k, n) is in dB against the ground truth. All intervals are
    95 % bootstrap intervals over contents.
    """

    network: str
    n: int
    degradations: tuple[str, ...]
    grams: dict[str, np.ndarray]
    psnr: np.ndarray

    def srga(self, place: str, degradation: str) -> Interval:
        """SRGA against the reference, from all components that n samples have.

        Signs of components are those of `ddrlib.measure.projection.pca`: the features are no longer there.
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
        return VarianceSplit(
            *(
                bootstrap(partial(design.share, factor), np.arange(self.n), bounds=(0, 1))
                for factor in FACTORS
            )
        )

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
            np.arange(self.n),
            bounds=(0, np.inf),
        )

    def table(self, places: Sequence[str] = (TRUNK, LAST, OUTPUT)) -> pd.DataFrame:
        """A row per degradation and place, the reference among them: it is compared with itself."""
        contents = np.arange(self.n)
        rows = []
        for degradation, psnr_here in zip(self.degradations, self.psnr, strict=True):
            quality = {
                "PSNR": mean_interval(psnr_here, contents),
                "loss of PSNR": mean_interval(self.psnr[0] - psnr_here, contents),
            }
            for place in places:
                split = self.split(place, [self.degradations[0], degradation])
                rows.append(
                    {
                        "network": self.network,
                        "degradation": degradation,
                        "place": place,
                        "SRGA": self.srga(place, degradation),
                        "share of degradation": split.degradation,
                        "share of content": split.content,
                        **quality,
                    }
                )
        return pd.DataFrame(rows)

    def _gram(self, place: str, degradations: Sequence[str]) -> np.ndarray:
        """The centred Gram matrix of these degradations alone, in the order given."""
        firsts = [self.n * self.degradations.index(name) for name in degradations]
        return subgram(self.grams[place], np.add.outer(firsts, np.arange(self.n)).ravel())

    def _labels(self, degradations: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Content and degradation of each sample of `_gram`."""
        k = len(degradations)
        return np.tile(np.arange(self.n), k), np.repeat(np.arange(k), self.n)


def respond(
    network: Network,
    truth: Tensor,
    inputs: Mapping[str, Tensor],
    device: str | torch.device = "auto",
) -> Response:
    """Run the network on the same contents under every degradation.

    truth : HR images (n, 3, H, W), RGB in [0, 1]
    inputs : LR images (n, 3, h, w) of each degradation (`ddrlib.degrade`), the reference first

    The last feature map, the layer before the output, is the one that SRGA was made for. The trunk
    has to work at the size of the input. Features are held in memory, all of one network at a time,
    and not kept on disk. DDRError for fewer than 2 contents or 2 degradations.
    """
    images = _together(truth, inputs)
    trunk, (*_, last, output) = network.trunk[-1], network.layers
    features = extract(network, images, [trunk, last, output], device=device, cache=False)
    restored = torch.from_numpy(features[output]).float().unflatten(1, truth.shape[1:])
    quality = [psnr(part, truth).numpy() for part in restored.split(len(truth))]
    grams = {
        TRUNK: gram(features[trunk]),
        BEYOND: gram(beyond(features[trunk], images)),
        LAST: gram(features[last]),
        CORRECTION: gram(_correction(restored, images)),
        OUTPUT: gram(features[output]),
    }
    return Response(network.name, len(truth), tuple(inputs), grams, np.stack(quality))


def perfect(truth: Tensor, inputs: Mapping[str, Tensor]) -> Response:
    """The response of a network that would give the truth whatever was done to it."""
    images = _together(truth, inputs)
    restored = truth.repeat(len(inputs), 1, 1, 1)
    grams = {
        CORRECTION: gram(_correction(restored, images)),
        OUTPUT: gram(restored.flatten(1).numpy()),
    }
    quality = np.full((len(inputs), len(truth)), np.inf)
    return Response("a perfect network", len(truth), tuple(inputs), grams, quality)


def beyond(features: np.ndarray, images: Tensor) -> np.ndarray:
    """Feature maps (N, C H W) less what can be read linearly off the 3 x 3 input pixels around.

    Least squares over all positions of all images (N, 3, H, W) together. A trunk that carries the
    picture has it in nearly all of its variance; this is what it has besides.
    """
    maps = torch.from_numpy(features).view(len(images), -1, images[0, 0].numel())

    def pairs() -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs (27 and 1, positions) and features (C, positions), a block of images at a time."""
        for block, wanted in zip(images.split(BLOCK), maps.split(BLOCK), strict=True):
            around = F.unfold(F.pad(block.double(), (1, 1, 1, 1), mode="replicate"), 3)
            around = torch.cat([around, torch.ones_like(around[:, :1])], dim=1)
            yield tuple(values.transpose(0, 1).flatten(1) for values in (around, wanted.double()))

    products = [(x @ x.T, x @ y.T) for x, y in pairs()]
    weights = torch.linalg.lstsq(*map(sum, zip(*products, strict=True)), driver="gelsd").solution
    rest = ((y - weights.T @ x).unflatten(1, (-1, maps.shape[2])) for x, y in pairs())
    return torch.cat([part.transpose(0, 1).flatten(1).float() for part in rest]).numpy()


def _correction(restored: Tensor, images: Tensor) -> np.ndarray:
    upsampled = F.interpolate(images, restored.shape[-2:], mode="bilinear")
    return (restored - upsampled).flatten(1).numpy()


def _together(truth: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
    """The LR images, degradation by degradation."""
    n = len(truth)
    if min(n, len(inputs)) < 2 or any(len(images) != n for images in inputs.values()):
        raise DDRError(
            f"{n} images and their versions under {', '.join(inputs) or 'nothing'}: a "
            "response needs 2 images and 2 degradations at least, and each image under each"
        )
    return torch.cat(list(inputs.values()))
