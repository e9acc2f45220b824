"""What several networks are built of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def convolution(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Conv2d:
    """A convolution with bias, of an odd kernel, padded with zeros so that maps keep their size."""
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)


def initialise(module: nn.Module) -> None:
    """Kaiming fan-in scaled by 0.1: small residuals at first, so that deep stacks start stable."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_in")
        module.weight.data.mul_(0.1)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class ActivatedConv(nn.Conv2d):
    """A 3x3 convolution and its leaky ReLU in one: a hook reads what the next layers see."""

    def __init__(self, in_channels: int, out_channels: int, slope: float) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)
        self.slope = slope  # for negative values; with 0 it is a ReLU

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(super().forward(x), self.slope)


class DenseBlock(nn.Module):
    """Residual dense block: activated convolutions, each seeing all before; fused, scaled, added.

    Maps (N, C, H, W) to one like them.
    """

    def __init__(
        self,
        channels: int,
        growth: int,
        convs: int,
        fuse_kernel: int,
        slope: float = 0.0,
        residual_scale: float = 1.0,
    ) -> None:
        super().__init__()
        widths = [channels + i * growth for i in range(convs + 1)]
        self.convs = nn.ModuleList(ActivatedConv(width, growth, slope) for width in widths[:-1])
        self.fuse = convolution(widths[-1], channels, fuse_kernel)
        self.residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for conv in self.convs:
            features = torch.cat([features, conv(features)], dim=1)
        return x + self.residual_scale * self.fuse(features)
