"""How a network takes degradations: what each does to its features and to its output.

Every degradation is held against the first one, the reference (`clean`), on the same contents, in
several places of the network: three layers, and two differences from what is plain in the input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from ddrlib.degrade.samples import Samples
from ddrlib.features.extraction import extract
from ddrlib.measure.fidelity import psnr
from ddrlib.measure.intervals import mean_interval
from ddrlib.measure.layer import Layer
from ddrlib.zoo.loading import Network

TRUNK = "deepest trunk layer"
BEYOND = "the same, beyond the picture"  # less what is linear in the input: `beyond`
LAST = "last feature map"
CORRECTION = "correction"  # the output less the input, upsampled bilinearly
OUTPUT = "output"

BLOCK = 32  # images that `beyond` looks at together: bounds the memory


@dataclass(frozen=True, eq=False)
class Response:
    """A network on n contents under k degradations, the first of which is the reference.

    `places` holds a layer for each place; `response[TRUNK]` is that one. `psnr` (k, n) is in dB
    against the ground truth.
    """

    network: str
    samples: Samples
    places: dict[str, Layer]
    psnr: np.ndarray

    def __getitem__(self, place: str) -> Layer:
        return self.places[place]

    def table(self, places: Sequence[str] = (TRUNK, LAST, OUTPUT)) -> pd.DataFrame:
        """A row per degradation and place, the reference among them: it is compared with itself."""
        contents = np.arange(self.samples.n)
        reference = self.samples.degradations[0]
        rows = []
        for degradation, psnr_here in zip(self.samples.degradations, self.psnr, strict=True):
            quality = {
                "PSNR": mean_interval(psnr_here, contents),
                "loss of PSNR": mean_interval(self.psnr[0] - psnr_here, contents),
            }
            for place in places:
                split = self[place].only([reference, degradation]).variance
                rows.append(
                    {
                        "network": self.network,
                        "degradation": degradation,
                        "place": place,
                        "SRGA": self[place].srga(degradation),
                        "component of degradation": split.degradation,
                        "component of content": split.content,
                        **quality,
                    }
                )
        return pd.DataFrame(rows)


def respond(network: Network, samples: Samples, device: str | torch.device = "auto") -> Response:
    """Run the network on the same contents under every degradation.

    The last feature map, the layer before the output, is the one that SRGA was made for. The trunk
    has to work at the size of the input. Features are held in memory, all of one network at a time.
    """
    truth, images = samples.patches.images, samples.images
    trunk, (*_, last, output) = network.trunk[-1], network.layers
    features = extract(network, images, [trunk, last, output], device=device)
    restored = torch.from_numpy(features[output]).float().unflatten(1, truth.shape[1:])
    quality = [psnr(part, truth).numpy() for part in restored.split(len(truth))]
    found = {
        TRUNK: features[trunk],
        BEYOND: beyond(features[trunk], images),
        LAST: features[last],
        CORRECTION: _correction(restored, images),
        OUTPUT: features[output],
    }
    places = {place: Layer.of(place, values, samples) for place, values in found.items()}
    return Response(network.name, samples, places, np.stack(quality))


def perfect(samples: Samples) -> Response:
    """The response of a network that would give the truth whatever was done to it."""
    truth = samples.patches.images
    restored = truth.repeat(len(samples.degradations), 1, 1, 1)
    found = {
        CORRECTION: _correction(restored, samples.images),
        OUTPUT: restored.flatten(1).numpy(),
    }
    places = {place: Layer.of(place, values, samples) for place, values in found.items()}
    quality = np.full((len(samples.degradations), samples.n), np.inf)
    return Response("a perfect network", samples, places, quality)


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
            yield around.transpose(0, 1).flatten(1), wanted.double().transpose(0, 1).flatten(1)

    products = [(x @ x.T, x @ y.T) for x, y in pairs()]
    weights = torch.linalg.lstsq(*map(sum, zip(*products, strict=True)), driver="gelsd").solution
    rest = ((y - weights.T @ x).unflatten(1, (-1, maps.shape[2])) for x, y in pairs())
    return torch.cat([part.transpose(0, 1).flatten(1).float() for part in rest]).numpy()


def _correction(restored: Tensor, images: Tensor) -> np.ndarray:
    upsampled = F.interpolate(images, restored.shape[-2:], mode="bilinear")
    return (restored - upsampled).flatten(1).numpy()
