"""The layers of `ddrlib.networks.ncnn_graph`, by the names and keys that ncnn gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Options = Mapping[int, list[float]]

_MOST_CHANNELS = 4096  # more could not be held in memory


class Join(nn.Module):
    """Maps joined: added, subtracted, multiplied or the larger taken, each with its factor."""

    def __init__(
        self, operation: str, factors: list[float] | None = None, scalar: float = 0.0
    ) -> None:
        super().__init__()
        self.operation, self.factors, self.scalar = operation, factors, scalar

    def forward(self, *given: Tensor) -> Tensor:
        maps = (
            [x * factor for x, factor in zip(given, self.factors, strict=True)]
            if self.factors
            else given
        )
        first, *others = maps
        for other in others or [torch.tensor(self.scalar)]:
            first = getattr(torch, self.operation)(first, other)
        return first


class Concat(nn.Module):
    """Channels side by side."""

    def forward(self, *given: Tensor) -> Tensor:
        return torch.cat(given, dim=1)


class Crop(nn.Module):
    """A map less its edges: `start` and `stop` in rows and columns, or to the size of a second map."""

    def __init__(self, start: tuple[int, int], stop: tuple[int | None, int | None]) -> None:
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        (top, left), (bottom, right) = self.start, self.stop
        if like is not None:
            bottom, right = top + like.shape[2], left + like.shape[3]
        return x[..., top:bottom, left:right]


class Resize(nn.Module):
    """Interpolation by a factor; ncnn's, like PyTorch's, does not smooth before it makes smaller."""

    def __init__(self, mode: str, factor: float) -> None:
        super().__init__()
        self.mode, self.factor = mode, factor

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=self.factor, mode=self.mode)


class Constant(nn.Module):
    """Numbers of the weight file, (1, channels, height, width)."""

    value: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(1, *shape))

    def forward(self) -> Tensor:
        return self.value


def _number(options: Options, key: int, default: float = 0) -> float:
    return options.get(key, [default])[0]


def _whole(options: Options, key: int, default: int = 0) -> int:
    return int(_number(options, key, default))


def _convolution(options: Options, transposed: bool = False) -> nn.Module:
    out, kernel = _whole(options, 0), _whole(options, 1)
    into = _whole(options, 6) // (out * kernel**2)
    # Neither groups nor dilation nor sides that differ occur.
    if out * kernel**2 * into != _whole(options, 6) or max(out, into) > _MOST_CHANNELS:
        raise ValueError(f"no convolution has {_whole(options, 6)} weights for {out} channels")
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    conv = kind(into, out, kernel, _whole(options, 3, 1), _whole(options, 4))
    return _activated(conv, options)


def _inner_product(options: Options) -> nn.Module:
    """Of pooled maps, hence a convolution of single pixels."""
    out = _whole(options, 0)
    return _activated(nn.Conv2d(_whole(options, 2) // out, out, 1), options)


def _activated(layer: nn.Module, options: Options) -> nn.Module:
    kind, slope = _whole(options, 9), _number(options, 10)
    activations = {0: nn.Identity(), 1: nn.ReLU(), 2: nn.LeakyReLU(slope), 4: nn.Sigmoid()}
    return nn.Sequential(layer, activations[kind])


def _pooling(options: Options) -> nn.Module:
    if (_whole(options, 0), _whole(options, 4)) != (1, 1):
        raise ValueError("only the mean over a whole map is known of pooling")
    return nn.AdaptiveAvgPool2d(1)


def _binary(options: Options) -> nn.Module:
    operation = ("add", "sub", "mul")[_whole(options, 0)]
    return Join(operation, scalar=_number(options, 2))


def _eltwise(options: Options) -> nn.Module:
    return Join(("mul", "add", "maximum")[_whole(options, 0)], options.get(1))


def _crop(options: Options) -> nn.Module:
    if 9 not in options:  # columns, then rows, to the size of a second map
        return Crop((_whole(options, 1), _whole(options, 0)), (None, None))
    triples = zip(options[11], options[9], options[10], strict=True)
    ends = {int(axis) % 3: (int(start), int(stop)) for axis, start, stop in triples}
    (top, bottom), (left, right) = ends[1], ends[2]  # axis 0 are the channels
    return Crop((top, left), (bottom, right))


def _resize(options: Options) -> nn.Module:
    mode = {1: "nearest", 2: "bilinear", 3: "bicubic"}[_whole(options, 0)]
    if _number(options, 1) != _number(options, 2):
        raise ValueError("height and width are not resized by the same factor")
    return Resize(mode, _number(options, 1))


def _constant(options: Options) -> nn.Module:
    return Constant(tuple(_whole(options, key, 1) for key in (2, 1, 0)))


LAYERS: dict[str, Callable[[Options], nn.Module]] = {
    "Input": lambda options: nn.Identity(),
    "Split": lambda options: nn.Identity(),
    "Convolution": _convolution,
    "Deconvolution": lambda options: _convolution(options, transposed=True),
    "InnerProduct": _inner_product,
    "PReLU": lambda options: nn.PReLU(_whole(options, 0)),
    "Sigmoid": lambda options: nn.Sigmoid(),
    "Swish": lambda options: nn.SiLU(),
    "Pooling": _pooling,
    "PixelShuffle": lambda options: nn.PixelShuffle(_whole(options, 0, 1)),
    "Interp": _resize,
    "BinaryOp": _binary,
    "Eltwise": _eltwise,
    "Scale": lambda options: Join("mul"),
    "Concat": lambda options: Concat(),
    "Crop": _crop,
    "MemoryData": _constant,
}
