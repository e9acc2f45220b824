"""The critic of adversarial training."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from ddrlib.networks.layers import convolution


class PatchDiscriminator(nn.Module):
    """A fully convolutional critic: (N, 3, H, W) -> (N, 1, H / 8, W / 8) logits.

    Fully convolutional, so that it judges texture wherever it stands and works at any patch size.
    Spectral normalisation keeps it from running away, but for the first and the last convolution:
    with these bound as well, its logits could not grow with what it has learned, and it gave up.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        widths = [3, channels, 2 * channels, 4 * channels]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [
                spectral_norm(convolution(before, after)) if layers else convolution(before, after),
                nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(after, after, 4, stride=2, padding=1)),
                nn.LeakyReLU(0.2),
            ]
        self.body = nn.Sequential(*layers, convolution(widths[-1], 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)
