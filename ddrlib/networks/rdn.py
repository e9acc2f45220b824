"""The residual dense network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.networks.layers import DenseBlock, convolution


class RDN(nn.Module):
    """Residual dense network (Zhang et al., CVPR 2018), in the form published for UpscalerJS.

    LR images (N, 3, H, W) to images `scale` times the size. The whole image goes through the trunk:
    there is no image-level residual, only the feature-level skip that adds `F_m1` to the fused
    blocks (`FDF`). Fresh weights are PyTorch's defaults. At 64 channels and 10 blocks: 2,631,011
    parameters for x4, 2,619,635 for x2.
    """

    scale = 4  # unless said otherwise

    def __init__(
        self,
        channels: int = 64,
        blocks: int = 10,
        scale: int = scale,
        convs: int = 3,
        growth: int = 64,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.f_m1 = convolution(3, channels)
        self.f_0 = convolution(channels, channels)
        self.blocks = nn.ModuleList(
            DenseBlock(channels, growth, convs, fuse_kernel=1) for _ in range(blocks)
        )
        self.gff_1 = convolution(blocks * channels, channels, kernel=1)
        self.gff_2 = convolution(channels, channels)
        self.fdf = nn.Identity()  # only so that a hook can read the sum
        self.upn1 = convolution(channels, 64, kernel=5)
        self.upn2 = convolution(64, 32)
        self.upn3 = convolution(32, 3 * scale**2)
        self.sr = convolution(3 * scale**2, 3)

    def layers(self) -> dict[str, str]:
        """The names of the published graph; UPN1 to UPN3 are taken before their activation."""
        blocks = {f"LRL_{i + 1}": f"blocks.{i}" for i in range(len(self.blocks))}
        ends = {name: name.lower() for name in ("GFF_1", "GFF_2", "FDF", "UPN1", "UPN2", "UPN3")}
        return {"F_m1": "f_m1", "F_0": "f_0", **blocks, **ends, "SR": ""}

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.f_m1(x)
        features = self.f_0(shallow)
        local = []
        for block in self.blocks:
            features = block(features)
            local.append(features)
        features = self.fdf(shallow + self.gff_2(self.gff_1(torch.cat(local, dim=1))))
        features = self.upn3(F.relu(self.upn2(F.relu(self.upn1(features)))))
        return self.sr(F.interpolate(features, scale_factor=self.scale, mode="nearest"))
