"""The light dual aggregation Transformer, whose blocks attend to places and to channels by turns."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.networks.layers import convolution

LANES = 16  # of a processor's vectors; attention is a third faster when they are filled
RGB_MEAN = (0.4488, 0.4371, 0.4040)  # taken off the input, added to the output


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of maps (N, C, H, W) over their channels, place by place."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Aggregation(nn.Module):
    """Attention and a depthwise convolution side by side, each weighted by what the other sees.

    Maps (N, C, H, W) to one like them.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = convolution(channels, 3 * channels, kernel=1)
        self.dwconv = nn.Sequential(_depthwise(channels), nn.BatchNorm2d(channels), nn.GELU())
        self.channel_interaction = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), *_bottleneck(channels, channels // 8, channels)
        )
        self.spatial_interaction = nn.Sequential(*_bottleneck(channels, channels // 16, 1))
        self.proj = convolution(channels, channels, kernel=1)

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Maps (N, C, H, W) to one like them."""
        raise NotImplementedError

    def weights(self, attended: Tensor, convolved: Tensor) -> tuple[Tensor, Tensor]:
        """The weights of either, to be passed through a sigmoid."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).chunk(3, dim=1)
        attended, convolved = self.attend(query, key, value), self.dwconv(value)
        first, second = self.weights(attended, convolved)
        return self.proj(attended * first.sigmoid() + convolved * second.sigmoid())


class SpatialAggregation(Aggregation):
    """Attention between the places of a window: half of the channels in wide, half in high windows.

    The published network adds position biases, which are left out here: they come out of a layer
    normalisation of single numbers, hence as constants, and these a softmax does not see.
    """

    def __init__(self, channels: int, heads: int, window: tuple[int, int], shifted: bool) -> None:
        super().__init__(channels)
        self.heads, self.window, self.shifted = heads, window, shifted

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention within windows: maps (N, C, H, W), padded to whole windows and cut again."""
        height, width = query.shape[-2:]
        side = max(self.window)  # of a square that whole windows of both kinds fill
        padding = (0, 0, 0, -width % side, 0, -height % side)
        # Channels last: cutting windows then copies runs of numbers, not single ones.
        qkv = torch.stack([maps.movedim(1, -1) for maps in (query, key, value)])
        qkv = F.pad(qkv, padding) if any(padding) else qkv
        wide, high = qkv.chunk(2, dim=-1)
        attended = [self._within(wide, self.window), self._within(high, self.window[::-1])]
        return torch.cat(attended, dim=-1)[:, :height, :width].movedim(-1, 1)

    def _within(self, qkv: Tensor, window: tuple[int, int]) -> Tensor:
        """Attention within windows of one kind, queries, keys and values being (3, N, H, W, C / 2).

        To shift the windows by half their size, the image is rolled under them; places that meet
        only because they were rolled around its edge do not see each other.
        """
        size = qkv.shape[1:4]
        shift = [side // 2 * self.shifted for side in window]
        if self.shifted:
            qkv = qkv.roll([-step for step in shift], dims=(2, 3))
        parts = _windows(qkv, window, self.heads // 2)
        width = parts.shape[-1]
        query, key, value = F.pad(parts, (0, -width % LANES))  # zeros, which change no likeness
        apart = _apart(size[1:], window, shift, query) if self.shifted else None
        scale = width**-0.5
        attended = F.scaled_dot_product_attention(query, key, value, apart, scale=scale)
        image = _image(attended[..., :width], size, window)
        return image.roll(shift, dims=(1, 2)) if self.shifted else image

    def weights(self, attended: Tensor, convolved: Tensor) -> tuple[Tensor, Tensor]:
        """One a channel for the attended maps, one a place for the convolved ones."""
        return self.channel_interaction(convolved), self.spatial_interaction(attended)


class ChannelAggregation(Aggregation):
    """Attention between the channels of a head, each seen over the whole image."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__(channels)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention between channels: maps (N, C, H, W) to one like them."""
        heads = (len(self.temperature), -1)
        q, k, v = (maps.flatten(2).unflatten(1, heads) for maps in (query, key, value))
        likeness = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT
        return ((likeness * self.temperature).softmax(dim=-1) @ v).reshape(value.shape)

    def weights(self, attended: Tensor, convolved: Tensor) -> tuple[Tensor, Tensor]:
        """One a place for the attended maps, one a channel for the convolved ones."""
        return self.spatial_interaction(convolved), self.channel_interaction(attended)


class GatedFeedForward(nn.Module):
    """Place by place, but for a depthwise convolution of the one half that weights the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = convolution(channels, 2 * channels, kernel=1)
        self.norm = ChannelNorm(channels)
        self.conv = _depthwise(channels)
        self.fc2 = convolution(channels, channels, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = F.gelu(self.fc1(x)).chunk(2, dim=1)
        return self.fc2(value * self.conv(self.norm(gate)))


class Block(nn.Module):
    """A Transformer block: an aggregation and a feed-forward network, each added to its input."""

    def __init__(self, channels: int, attn: Aggregation) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.attn = attn
        self.norm2 = ChannelNorm(channels)
        self.ffn = GatedFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.ffn(self.norm2(x))


class DATLight(nn.Module):
    """DAT-light (Chen et al., ICCV 2023): blocks with spatial and with channel attention by turns.

    LR images (N, 3, H, W) to images (N, 3, scale H, scale W). There is no image-level residual,
    only two feature-level skips: one around the blocks and one around all between the first
    convolution and the upsampling. Fresh weights are PyTorch's defaults. At 60 channels and 18
    blocks for x4: 572,424 parameters, and 342 more in the published file, which cannot have an
    effect (`SpatialAggregation`).
    """

    scale = 4  # unless said otherwise
    mean: Tensor

    def __init__(
        self, channels: int = 60, blocks: int = 18, heads: int = 6, scale: int = scale
    ) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(3, 1, 1), persistent=False)
        self.conv_first = convolution(3, channels)
        self.before_RG = ChannelNorm(channels)
        self.blocks = nn.Sequential(
            *(Block(channels, self._attention(i, channels, heads)) for i in range(blocks))
        )
        self.conv = _three_convs(channels)
        self.norm = ChannelNorm(channels)
        self.conv_after_body = _three_convs(channels)
        self.sum = nn.Identity()  # only so that a hook can read it
        self.upsample = nn.Sequential(convolution(channels, 3 * scale**2), nn.PixelShuffle(scale))

    @staticmethod
    def _attention(i: int, channels: int, heads: int) -> Aggregation:
        if i % 2:
            return ChannelAggregation(channels, heads)
        return SpatialAggregation(channels, heads, window=(8, 32), shifted=i % 4 == 2)

    def layers(self) -> dict[str, str]:
        """conv is the one after the blocks, before the first skip; trunk the one before the second."""
        blocks = {f"DATB{i + 1}": f"blocks.{i}" for i in range(len(self.blocks))}
        ends = {"conv": "conv", "trunk": "conv_after_body", "sum": "sum", "output": ""}
        return {"conv_first": "conv_first", **blocks, **ends}

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.conv_first(x - self.mean)
        tokens = self.before_RG(shallow)
        deep = self.norm(tokens + self.conv(self.blocks(tokens)))
        return self.upsample(self.sum(shallow + self.conv_after_body(deep))) + self.mean


def _depthwise(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1, groups=channels)


def _bottleneck(channels: int, narrow: int, out: int) -> list[nn.Module]:
    first, last = convolution(channels, narrow, kernel=1), convolution(narrow, out, kernel=1)
    return [first, nn.BatchNorm2d(narrow), nn.GELU(), last]


def _three_convs(channels: int) -> nn.Sequential:
    narrow = channels // 4
    return nn.Sequential(
        convolution(channels, narrow),
        nn.LeakyReLU(0.2),
        convolution(narrow, narrow, kernel=1),
        nn.LeakyReLU(0.2),
        convolution(narrow, channels),
    )


def _windows(maps: Tensor, window: tuple[int, int], heads: int) -> Tensor:
    """Maps (M, N, H, W, C) as (M, windows, N heads, places in a window, channels of a head).

    These are the four axes, and M, for which PyTorch has a fast attention; the windows come first,
    so that what a mask says of one holds for all images.
    """
    height, width = window
    cut = maps.unflatten(4, (heads, -1)).unflatten(3, (-1, width)).unflatten(2, (-1, height))
    rows_and_columns_first = cut.permute(0, 2, 4, 1, 6, 3, 5, 7)
    return rows_and_columns_first.flatten(5, 6).flatten(3, 4).flatten(1, 2)


def _image(windows: Tensor, size: torch.Size, window: tuple[int, int]) -> Tensor:
    """The maps (N, H, W, C) of that size (N, H, W) that `_windows` has cut."""
    n, height, _ = size
    cut = windows.unflatten(2, window).unflatten(1, (n, -1)).unflatten(0, (height // window[0], -1))
    return cut.permute(2, 0, 4, 1, 5, 3, 6).flatten(5, 6).flatten(3, 4).flatten(1, 2)


def _apart(size: torch.Size, window: tuple[int, int], shift: list[int], like: Tensor) -> Tensor:
    """What is added to the likeness of places (windows, 1, places, places): 0, or -infinity.

    The latter where two were not in one piece of the image (H, W) before it was rolled by `shift`.
    """
    rows, columns = (
        (place >= len(place) - side).int() + (place >= len(place) - step).int()
        for place, side, step in zip(
            (torch.arange(n, device=like.device) for n in size), window, shift, strict=True
        )
    )
    piece = (3 * rows[:, None] + columns)[None, None, ..., None]
    (piece,) = _windows(piece, window, heads=1)
    return like.new_zeros(()).where(piece == piece.mT, -torch.inf)
