"""Residual in residual dense networks: ESRGAN's generator, and UpscalerJS's smaller one."""

from __future__ import annotations

from torch import Tensor, nn

from ddrlib.networks.layers import ActivatedConv, DenseBlock, convolution


class RRDB(nn.Module):
    """Residual in residual: three dense blocks, a fifth of what they give added to the input.

    Maps (N, C, H, W) to one like them.
    """

    def __init__(self, channels: int, growth: int, slope: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(DenseBlock(channels, growth, 4, 3, slope, residual_scale=0.2) for _ in range(3))
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.2 * self.body(x)


class RRDBTrunk(nn.Module):
    """What lies below the upsampling: LR images to deep features (N, C, H, W), a skip around all
    blocks.
    """

    scale = 4  # of a network that has no argument for it

    def __init__(self, channels: int, blocks: int, growth: int, slope: float) -> None:
        super().__init__()
        self.conv_first = convolution(3, channels)
        self.body = nn.Sequential(*(RRDB(channels, growth, slope) for _ in range(blocks)))
        self.trunk = convolution(channels, channels)
        self.sum = nn.Identity()  # only so that a hook can read it

    def layers(self) -> dict[str, str]:
        """trunk is the conv after the blocks, sum that plus conv_first."""
        blocks = {f"RRDB{i + 1}": f"body.{i}" for i in range(len(self.body))}
        return {"conv_first": "conv_first", **blocks, "trunk": "trunk", "sum": "sum"}

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.conv_first(x)
        return self.sum(shallow + self.trunk(self.body(shallow)))


class RRDBNet(RRDBTrunk):
    """ESRGAN's generator (Wang et al., 2018), x4: LR images (N, 3, H, W) to (N, 3, 4 H, 4 W).

    Its convolutions are registered in the order in which they run, so that a file that only lists
    them in that order (ncnn) can be read into it. Fresh weights are PyTorch's defaults; the trained
    ones are of Wang et al., "Real-ESRGAN", ICCV workshops 2021.
    """

    def __init__(self, channels: int = 64, blocks: int = 23, growth: int = 32) -> None:
        super().__init__(channels, blocks, growth, slope=0.2)
        self.up1, self.up2 = (
            nn.Sequential(nn.Upsample(scale_factor=2), ActivatedConv(channels, channels, 0.2))
            for _ in range(2)
        )
        self.hr = nn.Sequential(ActivatedConv(channels, channels, 0.2))
        self.conv_last = convolution(channels, 3)

    def layers(self) -> dict[str, str]:
        """The trunk's; up1, up2 and hr are activated."""
        return {**super().layers(), "up1": "up1", "up2": "up2", "hr": "hr", "output": ""}

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_last(self.hr(self.up2(self.up1(super().forward(x)))))


class RRDN(RRDBTrunk):
    """ESRGAN's trunk with ReLUs and one pixel shuffle, in the form published for UpscalerJS.

    LR images (N, 3, H, W) to (N, 3, scale H, scale W). Fresh weights are PyTorch's defaults. At 32
    channels and 10 blocks for x4: 4,176,100 parameters.
    """

    def __init__(
        self,
        channels: int = 32,
        blocks: int = 10,
        growth: int = 32,
        scale: int = RRDBTrunk.scale,
    ) -> None:
        super().__init__(channels, blocks, growth, slope=0.0)
        self.scale = scale
        self.up = nn.Sequential(convolution(channels, 3 * scale**2), nn.PixelShuffle(scale))
        self.conv_last = convolution(3, 3)

    def layers(self) -> dict[str, str]:
        """The trunk's; up is an image already."""
        return {**super().layers(), "up": "up", "output": ""}

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_last(self.up(super().forward(x)))
