"""A user's network as one from images to images, whatever it takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError, few, guarded
from ddrlib.zoo.descriptor import Constant, Descriptor

INSIDE = "network."  # what the paths of the layers of an `ImageNetwork` begin with
IMAGES = 3  # how many images a network is tried on: fewer could not tell its layers apart
SIDES = (32, 48, 64, 96, 128, 192, 256)  # of LR images that are tried, in pixels
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601

Call = Callable[..., Any]


class Brought(NamedTuple):
    """A module, and what is known of how to use it.

    `call(module, images, **constants)` runs it. It takes so many `channels`, if that is known, and
    images of one of these `sides` in pixels, which are tried in this order. `input_range` is what it
    takes for black and for white, unless the user says otherwise.
    """

    module: nn.Module
    call: Call = lambda module, images, **constants: module(images, **constants)
    channels: int | None = None
    sides: Sequence[int] = SIDES
    input_range: tuple[float, float] = (0.0, 1.0)


class ImageNetwork(nn.Module):
    """A network that takes RGB images (N, 3, H, W) in [0, 1] and gives such images.

    A `network` of one channel sees their luma, and what it gives is shown in grey. Its output is
    taken back to [0, 1] the way its input was taken from there.
    """

    gain: Tensor
    shift: Tensor
    luma: Tensor

    def __init__(self, brought: Brought, use: Descriptor, channels: int) -> None:
        super().__init__()
        self.network, self.call, self.channels = brought.module, brought.call, channels
        self.layout = torch.channels_last  # by which a CPU is up to a fifth faster
        self.maps, self.constants, self.output = use.maps, dict(use.constants), use.output
        low, high = use.input_range or brought.input_range
        mean, std = torch.tensor(use.mean), torch.tensor(use.std)
        # In the order in which they are said: the range first, then the mean and the deviation.
        self.register_buffer("gain", ((high - low) / std).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", ((low - mean) / std).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        image, _ = image_in(self.raw(images), len(images), self.output)
        gain, shift = self.gain, self.shift
        if gain.shape[1] != image.shape[1]:
            gain, shift = gain.mean(1, keepdim=True), shift.mean(1, keepdim=True)
        return ((image - shift) / gain).expand(-1, 3, -1, -1)

    def raw(self, images: Tensor) -> Any:
        """What the network itself makes of the images, in its own range and form."""
        x = images if self.channels == 3 else (images * self.luma).sum(1, keepdim=True)
        x = x * self.gain + self.shift
        if self.maps:
            constant = x.new_tensor(self.maps).view(1, -1, 1, 1)
            x = torch.cat([x, constant.expand(len(x), -1, *x.shape[2:])], dim=1)
        constants = {name: _each(value, x) for name, value in self.constants.items()}
        return self.call(self.network, x.contiguous(memory_format=self.layout), **constants)


def _each(value: Constant, images: Tensor) -> float | Tensor:
    """A constant for all images: a number as it is, a list as a tensor (N, ...)."""
    if isinstance(value, int | float):
        return value
    tensor = images.new_tensor(value)
    return tensor.expand(len(images), *tensor.shape)


def tensors_in(output: object, place: str = "") -> Iterator[tuple[Tensor, str]]:
    """The tensors in a tensor, or in a list, tuple or mapping of such, and where each lies in it."""
    if torch.is_tensor(output):
        yield output, place
    elif isinstance(output, Mapping | list | tuple):
        parts = output.items() if isinstance(output, Mapping) else enumerate(output)
        for key, part in parts:
            yield from tensors_in(part, f"{place}[{key!r}]")


def image_in(output: Any, n: int, chosen: int | str | None = None) -> tuple[Tensor, str]:
    """The first n images (n, 1 or 3, H, W) in what a network gives, and where they lie in it.

    Where an output is `chosen` by its number or name, those in that one. DDRError if there are none.
    """
    place = ""
    if chosen is not None:
        try:
            output, place = output[chosen], f"[{chosen!r}]"
        except (LookupError, TypeError):
            names = few(output if isinstance(output, Mapping) else range(len(output)))
            raise DDRError(f"it has no output {chosen!r}; there are: {names}") from None
    given = list(tensors_in(output, place))
    for tensor, place in given:
        if tensor.ndim == 4 and len(tensor) == n and tensor.shape[1] in (1, 3):
            return tensor, place
    shapes = few([tuple(tensor.shape) for tensor, _ in given], 3) or f"a {type(output).__name__}"
    raise DDRError(f"it does not give images: {shapes} for {n} images; wrap it in one that does")


def fitted(
    brought: Brought, use: Descriptor, name: str, size: int | None = None
) -> tuple[ImageNetwork, int, int, list[str]]:
    """The network on the first images that it takes: with their side, its scale, and what to know.

    Where the `size` of HR patches is settled, on images that give it. DDRError where the network
    takes none, with what it says of the first ones tried, or gives other than images, `scale` times
    as large.
    """
    scale = use.scale
    known = [size // scale] if size and scale and size % scale == 0 else None
    errors: list[DDRError] = []
    for channels in _channels(brought, use, name):
        module = ImageNetwork(brought, use, channels).eval()
        for side in known or brought.sides:
            try:
                found, notes = tried(module, side, scale, name)
            except DDRError as error:
                errors.append(error)
                continue
            if size and size % found == 0 and size != side * found:
                side = size // found
                try:
                    tried(module, side, found, name)
                except DDRError as error:
                    raise _of_other_sides(error, side, brought, name) from error
            elif not known and errors and side != brought.sides[0]:
                notes.append(f"{name} takes no images of {brought.sides[0]} pixels, but of {side}")
            return module, side, found, notes
    raise _of_other_sides(errors[0], known[0], brought, name) if known else errors[0]


def _of_other_sides(error: DDRError, side: int, brought: Brought, name: str) -> DDRError:
    """What to say of a network that does not take images of the side that a size asks for."""
    if brought.sides is SIDES:  # of none that is known
        return error
    sides = few([str(each) for each in brought.sides], 3)
    return DDRError(f"{name} takes images of {sides} pixels, not of {side}; leave the size out")


def _channels(brought: Brought, use: Descriptor, name: str) -> Sequence[int]:
    """How many channels of an image the network may take, its constant maps apart."""
    if brought.channels is None:
        return 3, 1
    if (channels := brought.channels - len(use.maps)) in (1, 3):
        return (channels,)
    raise DDRError(
        f"{name} takes {brought.channels} channels, where an image has 3 (RGB) or 1 (luma); a "
        "descriptor gives the others a value each under `maps`"
    )


def sample_images(side: int) -> Tensor:
    """A few fixed images (N, 3, side, side) in [0, 1]."""
    return torch.rand(IMAGES, 3, side, side, generator=torch.Generator().manual_seed(0))


def _run(module: ImageNetwork, side: int) -> Any:
    try:
        return module.raw(sample_images(side))
    except Exception:  # noqa: BLE001  a `view` of its features
        module.layout = torch.contiguous_format
        return module.raw(sample_images(side))


def tried(module: ImageNetwork, side: int, scale: int | None, name: str) -> tuple[int, list[str]]:
    """How many times as large as those of this side its images are, and what to know of them.

    DDRError where it does not take those, or gives other than images, `scale` times as large.
    """
    shape = (IMAGES, module.channels + len(module.maps), side, side)
    try:
        with torch.no_grad():
            output = guarded(f"{name} fails on images of shape {shape}", _run, module, side)
        image, place = image_in(output, IMAGES, module.output)
    except DDRError as error:
        raise DDRError(
            str(error) if name in str(error) else f"{name}: {error}"
        ) from error.__cause__
    scale = scale or max(image.shape[-1] // side, 1)
    given, due = tuple(image.shape[2:]), (side * scale,) * 2
    if given != due:
        raise DDRError(
            f"{name} does not give images x{scale}: {given} pixels for {(side, side)}, not {due}; "
            "set the scale or wrap the module"
        )
    notes = {
        f"{name} takes one channel: it sees the luma (BT.601) of the images": module.channels == 1,
        f"{name} gives one channel: it is shown in grey": image.shape[1] < module.channels,
        f"{name} gives a {type(output).__name__}: its image {place} is measured": place,
        f"{name} enlarges nothing (x1): it is measured on images that nothing enlarged": scale == 1,
    }
    return scale, [note for note, applies in notes.items() if applies]
