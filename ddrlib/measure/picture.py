"""How much of a layer is the input image itself, and what sorts the rest.

A trunk that carries the image has it in nearly all of its variance, and whatever else it represents
is hidden from measures that look at the largest differences. Here the image is taken out first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ddrlib.degrade.samples import Samples
from ddrlib.features.extraction import extract
from ddrlib.measure.intervals import Interval, bootstrap
from ddrlib.measure.layer import Layer
from ddrlib.zoo.network import Network

BLOCK = 32  # images that `beyond` looks at together: bounds the memory


@dataclass(frozen=True, eq=False)
class Picture:
    """A layer, and what is left of it without what the input pixels explain.

    Attributes
    ----------
    whole : Layer
        The layer as it is.
    rest : Layer
        Its features less what can be read linearly off the 3 x 3 input pixels around a position.
    """

    whole: Layer
    rest: Layer

    @classmethod
    def of(cls, name: str, features: np.ndarray, samples: Samples) -> Picture:
        """Take the image out of feature maps.

        Parameters
        ----------
        name
            Of the layer.
        features : ndarray
            (N, C H W), a row for each sample, maps of the height and width of the input images.
        samples
            The N samples, in their order.

        Returns
        -------
        Picture
            The layer as it is, and the rest of it.
        """
        rest = beyond(features, samples.images)
        return cls(Layer.of(name, features, samples), Layer.of(name, rest, samples))

    @property
    def explained(self) -> Interval:
        """The share (0 to 1) of the variance of the features that the input pixels explain."""

        def share(counts: np.ndarray) -> np.ndarray:
            return 1 - self.rest.design.sums(counts)[2] / self.whole.design.sums(counts)[2]

        return bootstrap(share, self.whole.n, bounds=(0, 1))


def look_beyond(
    network: Network, samples: Samples, layer: str, device: str | torch.device = "auto"
) -> Picture:
    """A layer of a network with and without what the input pixels explain.

    Parameters
    ----------
    network
        A network of the scale of `samples`.
    samples
        Their images are what it is given.
    layer
        The name of one that works at the size of the input, such as a block of the trunk.
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".

    Returns
    -------
    Picture
        The layer, and the rest of it.

    Raises
    ------
    DDRError
        For an unknown layer, and one that does not give a finite row for each image.
    """
    features = extract(network, samples.images, [layer], device=device)[layer]
    return Picture.of(layer, features, samples)


def beyond(features: np.ndarray, images: Tensor) -> np.ndarray:
    """Feature maps less what can be read linearly off the 3 x 3 input pixels around each position.

    Least squares over all positions of all images (N, 3, H, W) together; the maps (N, C H W) have
    their height and width. Gives the residuals, float32.
    """
    maps = torch.from_numpy(features).view(len(images), -1, images[0, 0].numel())

    def pairs() -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs (n, 27 and 1, positions) and features (n, C, positions), a block at a time."""
        for block, wanted in zip(images.split(BLOCK), maps.split(BLOCK), strict=True):
            around = F.unfold(F.pad(block, (1, 1, 1, 1), mode="replicate"), 3)
            yield torch.cat([around, torch.ones_like(around[:, :1])], dim=1), wanted.float()

    exact = ((x.double(), y.double()) for x, y in pairs())
    products = [((x @ x.mT).sum(0), (x @ y.mT).sum(0)) for x, y in exact]
    weights = torch.linalg.lstsq(*map(sum, zip(*products, strict=True)), driver="gelsd").solution
    return torch.cat([y - weights.float().T @ x for x, y in pairs()]).flatten(1).numpy()
