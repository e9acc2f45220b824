"""SRResNet guided by an embedding of the degradation."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.networks.layers import initialise
from ddrlib.networks.srresnet import ResidualBlock, SRResNet, Trunk


class AffineBlock(ResidualBlock):
    """A residual block whose inner features an embedding scales and shifts, channel by channel."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__(channels)
        self.modulation = _unmodulated(embedding, channels)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.modulation(embedding)[..., None, None].chunk(2, dim=1)
        return x + self.conv2(F.relu(self.conv1(x) * (1 + scale) + shift))


class StyleBlock(ResidualBlock):
    """A residual block of style-modulated convolutions (StyleGAN2: modulate, then demodulate).

    Scaling the input channels by the style s and normalising the output channels equals convolving
    each image with weights of its own, s_i w_oi / sqrt(sum_i (s_i |w_oi|)^2); a gain puts back the
    norm that the weights had, so that a style of ones leaves the convolution as it is.
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__(channels)
        self.modulation = _unmodulated(embedding, channels)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        style1, style2 = (1 + self.modulation(embedding)).chunk(2, dim=1)
        return x + self._conv(F.relu(self._conv(x, self.conv1, style1)), self.conv2, style2)

    @staticmethod
    def _conv(x: Tensor, conv: nn.Conv2d, style: Tensor) -> Tensor:
        energy = conv.weight.square().sum(dim=(2, 3))  # (out, in)
        gain = torch.sqrt(energy.sum(dim=1) / (style.square() @ energy.T + 1e-8))  # (N, out)
        out = F.conv2d(x * style[..., None, None], conv.weight, padding=conv.padding)
        return out * gain[..., None, None] + conv.bias[:, None, None]


def _unmodulated(embedding: int, channels: int) -> nn.Linear:
    """From an embedding to two numbers a channel, zero at first: training starts unguided."""
    linear = nn.Linear(embedding, 2 * channels)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


class GuidedSRResNet(SRResNet):
    """An SRResNet told by an embedding which degradation it looks at (the paper's blind SR).

    guide : where the embedding comes from
        "ddr"      the deep features of a trained, frozen network of the same size (`guide_from`)
        "random"   the same trunk, frozen, with random weights: the control
        "learned"  the same trunk, trained end to end with the rest: no DDR, same capacity
        "oracle"   the true degradation, given to `forward`
    modulation : "affine" (`AffineBlock`) or "style" (`StyleBlock`)
    embedding : its size

    Pooling is global, so that an image of any size gives an embedding of the same size.
    """

    guides: ClassVar = ("ddr", "random", "learned", "oracle")
    modulations: ClassVar = {"affine": AffineBlock, "style": StyleBlock}

    def __init__(
        self, channels: int = 64, blocks: int = 16, global_residual: bool = True,
        guide: str = "ddr", modulation: str = "affine", embedding: int = 256,
    ) -> None:
        super().__init__(channels, blocks, global_residual)
        if guide not in self.guides or modulation not in self.modulations:
            raise ValueError(
                f"guide {guide!r} and modulation {modulation!r}: choose from "
                f"{', '.join(self.guides)} and {', '.join(self.modulations)}"
            )
        self.guide, self.embedding = guide, embedding
        block = self.modulations[modulation]
        self.body = nn.ModuleList(block(channels, embedding) for _ in range(blocks))
        self.body.apply(initialise)
        if guide == "oracle":
            self.encoder = nn.Sequential(nn.Linear(2, embedding), nn.LeakyReLU(0.1))
        else:
            self.trunk = Trunk(channels, blocks).requires_grad_(guide == "learned")
            self.encoder = nn.Sequential(
                nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1), nn.LeakyReLU(0.1),
                nn.Conv2d(2 * channels, 2 * channels, 3, stride=2, padding=1), nn.LeakyReLU(0.1),
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * channels, embedding),
            )

    def guide_from(self, network: SRResNet) -> None:
        """Take the trunk of a trained network of the same size as the source of the embedding."""
        shared = {k: v for k, v in network.state_dict().items() if k in self.trunk.state_dict()}
        self.trunk.load_state_dict(shared)

    def embed(self, x: Tensor, degradation: Tensor | None = None) -> Tensor:
        """The embedding (N, E) of LR images; the oracle's from (N, 2): blur / 4 and noise / 20."""
        if self.guide == "oracle":
            return self.encoder(degradation)
        return self.encoder(self.trunk(x))

    def forward(
        self, x: Tensor, degradation: Tensor | None = None, embedding: Tensor | None = None
    ) -> Tensor:
        """Super-resolve `x`; an `embedding` given replaces its own (degradation editing)."""
        if embedding is None:
            embedding = self.embed(x, degradation)
        features = F.leaky_relu(self.conv_first(x), 0.1)
        for block in self.body:
            features = block(features, embedding)
        return self.upsample(features, x)
