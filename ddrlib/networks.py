"""The networks of the book: definitions only; trained weights come from `ddrlib.zoo`.

Every super-resolution network here takes low-resolution RGB images (N, 3, H, W) in [0, 1] and
returns (N, 3, scale * H, scale * W). `layers()` names the feature maps worth looking at, in order
of depth, each with the submodule whose output it is.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from efficientnet_lite_pytorch import EfficientNet, get_model_params
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from ddrlib.degrade import upsample


def _conv(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)


class ResidualBlock(nn.Module):
    """conv, ReLU, conv, plus the input; no batch normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, channels)
        self.conv2 = _conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


class Trunk(nn.Module):
    """The part of an SRResNet below the upsampling: LR images to deep features (N, C, H, W)."""

    def __init__(self, channels: int = 64, blocks: int = 16) -> None:
        super().__init__()
        self.conv_first = _conv(3, channels)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(F.leaky_relu(self.conv_first(x), 0.1))


class SRResNet(Trunk):
    """SRResNet without batch normalisation, x4: the paper's generator.

    With `global_residual` ("wGR") the bilinearly upsampled input is added to the output, so that the
    trunk only has to find what interpolation misses; without ("woGR") it must carry the whole image.
    That one addition is the paper's experimental variable.

    At 64 channels and 16 blocks: 1,517,571 parameters.
    """

    scale = 4

    def __init__(
        self, channels: int = 64, blocks: int = 16, global_residual: bool = True
    ) -> None:
        super().__init__(channels, blocks)
        self.global_residual = global_residual
        self.up1 = _conv(channels, 4 * channels)
        self.up2 = _conv(channels, 4 * channels)
        self.conv_hr = _conv(channels, channels)
        self.conv_last = _conv(channels, 3)
        # Named modules, so that a hook can read what they give.
        self.shuffle1 = nn.Sequential(nn.PixelShuffle(2), nn.LeakyReLU(0.1))
        self.shuffle2 = nn.Sequential(nn.PixelShuffle(2), nn.LeakyReLU(0.1))
        self.hr_activation = nn.LeakyReLU(0.1)
        for conv in (self.up1, self.up2, self.conv_hr, self.conv_last):
            _initialise(conv)

    def layers(self) -> dict[str, str]:
        """The paper's names: Conv1, RB1 ..., UP1, UP2, HR (SRGA's "HR term"), Output."""
        blocks = {f"RB{i + 1}": f"body.{i}" for i in range(len(self.body))}
        return {
            "Conv1": "conv_first", **blocks, "UP1": "shuffle1", "UP2": "shuffle2",
            "HR": "hr_activation", "Output": "",
        }

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample(super().forward(x), x)

    def upsample(self, features: Tensor, x: Tensor) -> Tensor:
        """The image at `scale` times the size from the trunk's features of the LR image `x`."""
        features = self.shuffle1(self.up1(features))
        features = self.shuffle2(self.up2(features))
        out = self.conv_last(self.hr_activation(self.conv_hr(features)))
        if self.global_residual:
            out = out + F.interpolate(x, scale_factor=self.scale, mode="bilinear")
        return out


def _initialise(module: nn.Module) -> None:
    """Kaiming fan-in scaled by 0.1: small residuals at first, so that deep stacks start stable."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_in")
        module.weight.data.mul_(0.1)
        nn.init.zeros_(module.bias)


class PatchDiscriminator(nn.Module):
    """A fully convolutional, spectrally normalised critic: (N, 3, H, W) -> (N, 1, H / 8, W / 8) logits.

    Fully convolutional, so that it judges texture wherever it stands and works at any patch size.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        widths = [3, channels, 2 * channels, 4 * channels]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [
                spectral_norm(_conv(before, after)), nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(after, after, 4, stride=2, padding=1)), nn.LeakyReLU(0.2),
            ]
        self.body = nn.Sequential(*layers, spectral_norm(_conv(widths[-1], 1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class DenseBlock(nn.Module):
    """Residual dense block: 3x3 convs with ReLU, each seeing all before, fused, plus the input."""

    def __init__(self, channels: int, growth: int, convs: int = 3) -> None:
        super().__init__()
        widths = [channels + i * growth for i in range(convs + 1)]
        self.convs = nn.ModuleList(_conv(width, growth) for width in widths[:-1])
        self.fuse = _conv(widths[-1], channels, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for conv in self.convs:
            features = torch.cat([features, F.relu(conv(features))], dim=1)
        return x + self.fuse(features)


class RDN(nn.Module):
    """Residual Dense Network, x4 (Zhang et al., CVPR 2018), in the form published for UpscalerJS.

    The whole image goes through the trunk: there is no image-level residual, only the feature-level
    skip that adds `F_m1` to the fused blocks (`FDF`). Fresh weights are PyTorch's defaults.

    At 64 channels and 10 blocks: 2,631,011 parameters.
    """

    scale = 4

    def __init__(self, channels: int = 64, blocks: int = 10) -> None:
        super().__init__()
        self.f_m1 = _conv(3, channels)
        self.f_0 = _conv(channels, channels)
        self.blocks = nn.ModuleList(DenseBlock(channels, channels) for _ in range(blocks))
        self.gff_1 = _conv(blocks * channels, channels, kernel=1)
        self.gff_2 = _conv(channels, channels)
        self.fdf = nn.Identity()  # only so that a hook can read the sum
        self.upn1 = _conv(channels, 64, kernel=5)
        self.upn2 = _conv(64, 32)
        self.upn3 = _conv(32, 48)
        self.sr = _conv(48, 3)

    def layers(self) -> dict[str, str]:
        """The names of the published graph; UPN1 to UPN3 are taken before their activation."""
        blocks = {f"LRL_{i + 1}": f"blocks.{i}" for i in range(len(self.blocks))}
        return {
            "F_m1": "f_m1", "F_0": "f_0", **blocks, "GFF_1": "gff_1", "GFF_2": "gff_2",
            "FDF": "fdf", "UPN1": "upn1", "UPN2": "upn2", "UPN3": "upn3", "SR": "",
        }

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


class ScaledDenseBlock(nn.Module):
    """ESRGAN's dense block: five 3x3 convs, leaky ReLU, a fifth of the last added to the input."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(channels + i * growth, growth) for i in range(4))
        self.fuse = _conv(channels + 4 * growth, channels)

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
        self.conv_first = _conv(3, channels)
        self.body = nn.Sequential(*(RRDB(channels, growth) for _ in range(blocks)))
        self.trunk = _conv(channels, channels)
        self.sum = nn.Identity()  # only so that a hook can read it
        self.up1 = nn.Sequential(nn.Upsample(scale_factor=2), *self._activated(channels))
        self.up2 = nn.Sequential(nn.Upsample(scale_factor=2), *self._activated(channels))
        self.hr = self._activated(channels)
        self.conv_last = _conv(channels, 3)

    @staticmethod
    def _activated(channels: int) -> nn.Sequential:
        return nn.Sequential(_conv(channels, channels), nn.LeakyReLU(0.2))

    def layers(self) -> dict[str, str]:
        """trunk is the conv after the blocks, sum that plus conv_first; the rest are activated."""
        blocks = {f"RRDB{i + 1}": f"body.{i}" for i in range(len(self.body))}
        return {
            "conv_first": "conv_first", **blocks, "trunk": "trunk", "sum": "sum",
            "up1": "up1", "up2": "up2", "hr": "hr", "output": "",
        }

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.conv_first(x)
        features = self.sum(shallow + self.trunk(self.body(shallow)))
        return self.conv_last(self.hr(self.up2(self.up1(features))))


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
        self.body.apply(_initialise)
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


class EfficientNetLite0(EfficientNet):
    """ImageNet classifier, 1,000 logits (Tan and Le, 2019), as efficientnet-lite-pytorch has it.

    The package's module with two changes: it takes any image size, and the stem's and the head's
    activation, one shared module there, are two, so that a hook can tell them apart. Fresh weights
    are PyTorch's defaults.
    """

    scale = 4

    def __init__(self) -> None:
        super().__init__(*get_model_params("efficientnet-lite0", {"image_size": None}))
        self.stem = nn.ReLU6()
        self.head = nn.ReLU6()

    def layers(self) -> dict[str, str]:
        """stem, block1 ... block16, head, pool (averaged over the image), logits."""
        blocks = {f"block{i + 1}": f"_blocks.{i}" for i in range(len(self._blocks))}
        return {"stem": "stem", **blocks, "head": "head", "pool": "_avg_pooling", "logits": ""}

    def prepare(self, images: Tensor) -> Tensor:
        """LR images in [0, 1] -> bicubic x4, in the range EfficientNet-Lite was trained on.

        That range is (255 x - 127) / 128, the constants of the original TensorFlow model.
        """
        return (255 * upsample(images, self.scale) - 127) / 128

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = self.head(self._bn1(self._conv_head(x)))
        return self._fc(self._avg_pooling(x).flatten(1))
