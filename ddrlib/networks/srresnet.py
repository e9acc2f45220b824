"""SRResNet, the paper's generator, with and without the global residual."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.networks.layers import convolution, initialise


class ResidualBlock(nn.Module):
    """conv, ReLU, conv, plus the input; no batch normalisation. Maps (N, C, H, W) to one like them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = convolution(channels, channels)
        self.conv2 = convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


class Trunk(nn.Module):
    """The part of an SRResNet below the upsampling: LR images to deep features (N, C, H, W)."""

    def __init__(self, channels: int = 64, blocks: int = 16) -> None:
        super().__init__()
        self.conv_first = convolution(3, channels)
        self.body: nn.Sequential | nn.ModuleList = nn.Sequential(
            *(ResidualBlock(channels) for _ in range(blocks))
        )
        self.apply(initialise)

    def first(self, x: Tensor) -> Tensor:
        """The features (N, C, H, W) that the blocks start from."""
        return F.leaky_relu(self.conv_first(x), 0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.first(x))


class SRResNet(Trunk):
    """SRResNet without batch normalisation, x4: the paper's generator (Ledig et al., CVPR 2017).

    LR images (N, 3, H, W), RGB in [0, 1], to images (N, 3, 4 H, 4 W), not clipped. At 64 channels
    and 16 blocks, as in the paper: 1,517,571 parameters.

    Parameters
    ----------
    channels
        Channels of the feature maps, 64 in the paper.
    blocks
        Residual blocks in the trunk, 16 in the paper.
    global_residual
        Add the bilinearly upsampled input to the output ("wGR"), so that the trunk only has to find
        what interpolation misses; without ("woGR") it must carry the whole image. That one addition
        is the paper's experimental variable.
    long_skip
        Add the features of the first convolution after the last block and a convolution of its own,
        as EDSR and RRDBNet have it: a path around the trunk for features instead of for the image.
    """

    scale = 4

    def __init__(
        self,
        channels: int = 64,
        blocks: int = 16,
        global_residual: bool = True,
        long_skip: bool = False,
    ) -> None:
        super().__init__(channels, blocks)
        self.global_residual = global_residual
        self.up1 = convolution(channels, 4 * channels)
        self.up2 = convolution(channels, 4 * channels)
        self.conv_hr = convolution(channels, channels)
        self.conv_last = convolution(channels, 3)
        # Named modules, so that a hook can read what they give.
        self.shuffle1 = nn.Sequential(nn.PixelShuffle(2), nn.LeakyReLU(0.1))
        self.shuffle2 = nn.Sequential(nn.PixelShuffle(2), nn.LeakyReLU(0.1))
        self.hr_activation = nn.LeakyReLU(0.1)
        for conv in (self.up1, self.up2, self.conv_hr, self.conv_last):
            initialise(conv)
        self.conv_body = None
        if long_skip:
            self.conv_body = convolution(channels, channels)
            initialise(self.conv_body)

    def layers(self) -> dict[str, str]:
        """Submodules by the paper's names: Conv1, RB1 ..., UP1, UP2, HR (SRGA's "HR term"), Output."""
        blocks = {f"RB{i + 1}": f"body.{i}" for i in range(len(self.body))}
        ends = {"UP1": "shuffle1", "UP2": "shuffle2", "HR": "hr_activation", "Output": ""}
        return {"Conv1": "conv_first", **blocks, **ends}

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        features = self.body(first)
        if self.conv_body is not None:
            features = first + self.conv_body(features)
        return self.upsample(features, x)

    def upsample(self, features: Tensor, x: Tensor) -> Tensor:
        """The image (N, 3, 4 H, 4 W) from the trunk's features (N, C, H, W) of the LR image `x`."""
        features = self.shuffle1(self.up1(features))
        features = self.shuffle2(self.up2(features))
        out = self.conv_last(self.hr_activation(self.conv_hr(features)))
        if self.global_residual:
            out = out + F.interpolate(x, scale_factor=self.scale, mode="bilinear")
        return out
