"""The critic of adversarial training."""

from __future__ import annotations

from torch import Tensor, nn


class VGGDiscriminator(nn.Module):
    """A critic of the VGG type (Ledig et al., CVPR 2017): (N, 3, H, W) -> (N,) logits.

    Four stages of a 3x3 convolution and a 4x4 convolution of stride 2, each followed by batch
    normalisation (but for the first convolution) and a leaky ReLU; the width doubles from stage to
    stage. The features are averaged over the image, so that images of any size from 16 pixels on
    can be judged.

    The statistics of a batch say how much of it is restored. Train it on photographs and restored
    images together, half and half, and the running statistics of `eval()` describe the mixture.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in (channels, 2 * channels, 4 * channels, 8 * channels):
            layers += _stage(before, width, kernel=3, stride=1, norm=bool(layers))
            layers += _stage(width, width, kernel=4, stride=2)
            before = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(before, 4 * channels), nn.LeakyReLU(0.2), nn.Linear(4 * channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean(dim=(2, 3)))[:, 0]


def _stage(before: int, after: int, kernel: int, stride: int, norm: bool = True) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, kernel, stride=stride, padding=1, bias=not norm)
    return [conv, *([nn.BatchNorm2d(after)] if norm else []), nn.LeakyReLU(0.2)]
