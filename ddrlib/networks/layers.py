"""What several networks are built of."""

from __future__ import annotations

from torch import nn


def convolution(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)


def initialise(module: nn.Module) -> None:
    """Kaiming fan-in scaled by 0.1: small residuals at first, so that deep stacks start stable."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_in")
        module.weight.data.mul_(0.1)
        nn.init.zeros_(module.bias)
