"""ESRGAN's generator."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.networks.layers import convolution


class ScaledDenseBlock(nn.Module):
    """ESRGAN's dense block: five 3x3 convs, leaky ReLU, a fifth of the last added to the input."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convolution(channels + i * growth, growth) for i in range(4))
        self.fuse = convolution(channels + 4 * growth, channels)

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for conv in self.convs:
            features = torch.cat([features, F.leaky_relu(conv(features), 0.2)], dim=1)
        return x + 0.2 * self.fuse(features)


class RRDB(nn.Module):
    """Residual in residual: three dense blocks, a fifth of what they give added to the input."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(ScaledDenseBlock(channels, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.2 * self.body(x)


class RRDBNet(nn.Module):
    """ESRGAN's generator, x4 (Wang et al., 2018), as Real-ESRGAN (Wang et al., 2021) trained it.

    Its convolutions are registered in the order in which they run, so that a file that only lists
    them in that order (ncnn) can be read into it. Fresh weights are PyTorch's defaults.
    """

    scale = 4

    def __init__(self, channels: int = 64, blocks: int = 23, growth: int = 32) -> None:
        super().__init__()
        self.conv_first = convolution(3, channels)
        self.body = nn.Sequential(*(RRDB(channels, growth) for _ in range(blocks)))
        self.trunk = convolution(channels, channels)
        self.sum = nn.Identity()  # only so that a hook can read it
        self.up1 = nn.Sequential(nn.Upsample(scale_factor=2), *self._activated(channels))
        self.up2 = nn.Sequential(nn.Upsample(scale_factor=2), *self._activated(channels))
        self.hr = self._activated(channels)
        self.conv_last = convolution(channels, 3)

    @staticmethod
    def _activated(channels: int) -> nn.Sequential:
        return nn.Sequential(convolution(channels, channels), nn.LeakyReLU(0.2))

    def layers(self) -> dict[str, str]:
        """trunk is the conv after the blocks, sum that plus conv_first; the rest are activated."""
        blocks = {f"RRDB{i + 1}": f"body.{i}" for i in range(len(self.body))}
        return {
            "conv_first": "conv_first",
            **blocks,
            "trunk": "trunk",
            "sum": "sum",
            "up1": "up1",
            "up2": "up2",
            "hr": "hr",
            "output": "",
        }

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.conv_first(x)
        features = self.sum(shallow + self.trunk(self.body(shallow)))
        return self.conv_last(self.hr(self.up2(self.up1(features))))
