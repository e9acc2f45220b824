"""SRResNet guided by an embedding of the degradation."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.errors import DDRError
from ddrlib.networks.srresnet import ResidualBlock, SRResNet, Trunk


class AffineBlock(ResidualBlock):
    """A residual block whose inner features an embedding (N, E) scales and shifts by channel."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__(channels)
        self.modulation = _unmodulated(embedding, channels)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:  # type: ignore[override]
        scale, shift = self.modulation(embedding)[..., None, None].chunk(2, dim=1)
        return x + self.conv2(F.relu(self.conv1(x) * (1 + scale) + shift))


class StyleBlock(ResidualBlock):
    """A residual block of style-modulated convolutions, the style from an embedding (N, E).

    Modulate, then demodulate (Karras et al., StyleGAN 2, CVPR 2020): scaling the input channels by
    the style s and normalising the output channels equals convolving each image with weights of its
    own, s_i w_oi / sqrt(sum_i (s_i |w_oi|)^2); a gain puts back the norm that the weights had, so
    that a style of ones leaves the convolution as it is.
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__(channels)
        self.modulation = _unmodulated(embedding, channels)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:  # type: ignore[override]
        style1, style2 = (1 + self.modulation(embedding)).chunk(2, dim=1)
        return x + self._conv(F.relu(self._conv(x, self.conv1, style1)), self.conv2, style2)

    @staticmethod
    def _conv(x: Tensor, conv: nn.Conv2d, style: Tensor) -> Tensor:
        energy = conv.weight.square().sum(dim=(2, 3))  # (out, in)
        gain = torch.sqrt(energy.sum(dim=1) / (style.square() @ energy.T + 1e-8))  # (N, out)
        out = F.conv2d(x * style[..., None, None], conv.weight, padding=conv.padding)
        assert conv.bias is not None
        return out * gain[..., None, None] + conv.bias[:, None, None]


def _unmodulated(embedding: int, channels: int) -> nn.Linear:
    """From an embedding to two numbers a channel, zero at first: training starts unguided."""
    linear = nn.Linear(embedding, 2 * channels)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


class GuidedSRResNet(SRResNet):
    """An SRResNet that an embedding (E numbers) informs of the degradation (the paper's blind SR).

    Pooling is global, so that an image of any size gives an embedding of the same size. The weights
    of a frozen trunk are no part of `state_dict()`: they are the other network's.

    `guide` says where the embedding comes from. "frozen": the deep features of another network of
    the same size (`guide_from`), a trained one for DDR, one with random weights as the control.
    "learned": the same trunk, trained end to end with the rest: no DDR, same capacity. "oracle":
    the true degradation, given to `forward`. `modulation` is "affine" (`AffineBlock`) or "style"
    (`StyleBlock`).

    DDRError for another guide or modulation.
    """

    guides: ClassVar = ("frozen", "learned", "oracle")
    modulations: ClassVar = {"affine": AffineBlock, "style": StyleBlock}
    mean: Tensor
    std: Tensor
    strongest: ClassVar = (4.0, 20.0)  # blur and noise that the oracle's encoder sees as 1

    def __init__(
        self,
        channels: int = 64,
        blocks: int = 16,
        global_residual: bool = True,
        guide: str = "frozen",
        modulation: str = "affine",
        embedding: int = 256,
    ) -> None:
        super().__init__(channels, blocks, global_residual)
        if guide not in self.guides or modulation not in self.modulations:
            raise DDRError(
                f"guide {guide!r} and modulation {modulation!r}: choose from "
                f"{', '.join(self.guides)} and {', '.join(self.modulations)}"
            )
        self.guide, self.embedding = guide, embedding
        block = self.modulations[modulation]
        plain = self.body.state_dict()  # one seed, one start: guided or not, however guided
        self.body = nn.ModuleList(block(channels, embedding) for _ in range(blocks))
        self.body.load_state_dict(plain, strict=False)
        if guide == "oracle":
            self.encoder = nn.Sequential(
                nn.Linear(2, embedding), nn.LeakyReLU(0.1), nn.Linear(embedding, embedding)
            )
            return
        self.trunk = Trunk(channels, blocks)
        if guide == "frozen":
            _freeze(self.trunk)
            self.register_buffer("mean", torch.zeros(channels, 1, 1))
            self.register_buffer("std", torch.ones(channels, 1, 1))
        else:  # the features move as they learn, and the statistics with them
            self.norm = nn.BatchNorm2d(channels, affine=False)
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(2 * channels, 2 * channels, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(2 * channels, embedding),
        )

    def guide_from(self, network: SRResNet) -> None:
        """Take the trunk of a network of the same size as the source of the embedding.

        DDRError for a network whose trunk has other weights.
        """
        own = dict(self.trunk.named_buffers())
        state, parts = network.state_dict(), ("conv_first.", "body.")
        given = {key: value for key, value in state.items() if key.startswith(parts)}
        if {key: v.shape for key, v in given.items()} != {key: v.shape for key, v in own.items()}:
            raise DDRError(
                f"{type(network).__name__} cannot guide: its trunk has other weights than an "
                f"SRResNet of {len(self.body)} blocks and {len(self.mean)} channels; name another"
            )
        for key, value in own.items():
            value.copy_(given[key])

    @torch.no_grad()
    def calibrate(self, images: Tensor) -> None:
        """Standardise a frozen trunk's features by their statistics on images (N, 3, H, W).

        Channel by channel. The features of a trained and of a random trunk differ in scale by
        orders of magnitude, so that a comparison of guides would be one of scales. The statistics
        stay fixed: how an image's features differ from the usual is the very signal.
        """
        features = self.trunk(images)
        self.mean.copy_(features.mean(dim=(0, 2, 3))[:, None, None])
        self.std.copy_(features.std(dim=(0, 2, 3))[:, None, None].clamp(min=1e-4))

    def embed(self, x: Tensor, degradation: Tensor | None = None) -> Tensor:
        """The embeddings (N, E) of LR images (N, 3, H, W), RGB in [0, 1].

        The oracle takes it from the degradation (N, 2), blur in HR pixels and noise of 255; others
        do not use that.

        DDRError where the oracle is not given the degradation.
        """
        if self.guide == "frozen":
            return self.encoder((self.trunk(x) - self.mean) / self.std)
        if self.guide == "learned":
            return self.encoder(self.norm(self.trunk(x)))
        if degradation is None:
            raise DDRError("a network guided by the oracle has to be given the degradation (N, 2)")
        return self.encoder(degradation / degradation.new_tensor(self.strongest))

    def forward(
        self, x: Tensor, degradation: Tensor | None = None, embedding: Tensor | None = None
    ) -> Tensor:
        """Super-resolve LR images (N, 3, H, W) to (N, 3, 4 H, 4 W), not clipped.

        An embedding (N, E), or (1, E) for all images, takes the place of its own (degradation
        editing); the degradation is as `embed` takes it. DDRError for images or embeddings of
        another shape.
        """
        if x.ndim != 4 or x.shape[1] != 3:
            raise DDRError(
                f"images of shape {tuple(x.shape)}: the guided network takes RGB images "
                "(N, 3, H, W); repeat a grey image's channel three times"
            )
        if embedding is None:
            embedding = self.embed(x, degradation)
        if embedding.shape not in ((len(x), self.embedding), (1, self.embedding)):
            raise DDRError(
                f"an embedding of shape {tuple(embedding.shape)} for {len(x)} images: "
                f"this network takes ({len(x)}, {self.embedding})"
            )
        features = self.first(x)
        for block in self.body:
            features = block(features, embedding)
        return self.upsample(features, x)


def takes_truth(module: nn.Module) -> bool:
    """Whether a network has to be given the true degradation with the images."""
    return getattr(module, "guide", "") == "oracle"


def _freeze(module: nn.Module) -> None:
    """Make its weights constants: moved with the module, but neither trained nor saved with it."""
    for part in module.modules():
        for name, weight in [*part.named_parameters(recurse=False)]:
            delattr(part, name)
            part.register_buffer(name, weight.detach(), persistent=False)
