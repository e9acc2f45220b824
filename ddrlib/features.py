"""Deep features: what a network's layers give for a set of images, kept on disk.

One forward pass a batch serves all layers asked for and ends with the deepest of them. Each layer's
features go to a `.npy` file as they come, so that memory holds one batch, however large N x D is.
A file is found again by what made it: weights, images, layer, version of this code.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from difflib import get_close_matches
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError
from ddrlib.paths import cache_dir
from ddrlib.zoo import Network

VERSION = 1  # raise it where the same network and images get other features

# A CPU is fastest while a batch's feature maps stay in its cache.
BATCH_SIZE = {"cpu": 4, "cuda": 64}

# A layer whose largest value lies outside is kept in float32: float16 ends at 65,504, and below
# 1e-3 too many of a layer's values would fall where it loses its 11 bits of precision.
FLOAT16_RANGE = (1e-3, 65504.0)

READ_BYTES = 2**22

logger = logging.getLogger(__name__)


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The device meant by "auto" (a GPU where there is one), "cpu" or "cuda"; else DDRError."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        raise DDRError(f"there is no device {device!r}; choose auto, cpu or cuda") from None
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise DDRError("device cuda: PyTorch finds no GPU on this machine; choose auto or cpu")
    return resolved


def extract(
    network: Network,
    images: Tensor,
    layers: Sequence[str] | None = None,
    *,
    batch_size: int | None = None,
    device: str | torch.device = "auto",
    cache: bool = True,
) -> dict[str, np.ndarray]:
    """The features (N, D) of images (N, 3, H, W), LR RGB in [0, 1], by layer (default: all layers).

    They are computed in float32 and kept in float16, or in float32 where float16 has not the range.
    A feature map is flattened channel by channel. With `cache` the arrays are read-only maps of
    files under `cache_dir()`, and only layers that are not there are computed; without, they are in
    memory. A submodule that runs several times in a pass counts with its first output.

    Raises DDRError for an unknown layer, a layer that does not give one finite row an image, and a
    full disk; what lay in the cache stays.
    """
    paths = layer_paths(network, layers)
    device = resolve_device(device)
    batch_size = batch_size or BATCH_SIZE.get(device.type, BATCH_SIZE["cuda"])
    if not cache:
        rows = {layer: _Rows(layer, len(images)) for layer in paths}
        _fill(rows, network, images, batch_size, device)
        return {layer: kept.array for layer, kept in rows.items()}
    folder = cache_dir() / "features"
    keys = feature_keys(network, images, layers)
    files = {layer: folder / f"{key}.npy" for layer, key in keys.items()}
    missing = [layer for layer, file in files.items() if not _is_intact(file)]
    with ExitStack() as stack:
        rows = {
            layer: stack.enter_context(_FileRows(layer, len(images), files[layer]))
            for layer in missing
        }
        _fill(rows, network, images, batch_size, device)
    return {layer: np.load(file, mmap_mode="r") for layer, file in files.items()}


def layer_paths(network: Network, layers: Sequence[str] | None = None) -> dict[str, str]:
    """Paths of the layers' submodules (default: all), in order of depth; DDRError if unknown."""
    for layer in layers or ():
        if layer not in network.layers:
            near = get_close_matches(layer, network.layers, 1, cutoff=0.4)
            hint = f"did you mean {near[0]}? " if near else ""
            raise DDRError(
                f"network {network.name} has no layer {layer!r}; {hint}"
                f"Its layers: {', '.join(network.layers)}"
            )
    return {k: path for k, path in network.layers.items() if layers is None or k in layers}


def feature_keys(
    network: Network, images: Tensor, layers: Sequence[str] | None = None
) -> dict[str, str]:
    """What identifies the features of each layer: a hash of all that they depend on."""
    made_by = [VERSION, network.sha256, *map(network.card.get, ("architecture", "arguments"))]
    common = hashlib.blake2b(repr([*made_by, tuple(images.shape)]).encode(), digest_size=16)
    for tensor in (images, network.prepare(images[:1])):  # the latter tells how images are prepared
        common.update(tensor.cpu().contiguous().numpy())
    keys = {}
    for layer, path in layer_paths(network, layers).items():
        digest = common.copy()
        digest.update(path.encode())
        keys[layer] = digest.hexdigest()
    return keys


class _Rows:
    """The features of one layer on their way into memory, a batch at a time."""

    def __init__(self, layer: str, n: int) -> None:
        self.layer, self.n = layer, n
        self.dtype = torch.float16
        self.count = 0

    def add(self, output: object, first: int, last: int) -> None:
        """Take what the layer gives for images first..last - 1.

        Where that does not fit float16, the rows begin anew in float32: at once with the first
        batch, else with the next pass, and what comes until then is left.
        """
        values = self._checked(output, first, last)
        low, high = values.aminmax()
        largest = max(-low.item(), high.item())
        fits = largest == 0 or FLOAT16_RANGE[0] <= largest <= FLOAT16_RANGE[1]
        if self.dtype == torch.float16 and not fits:
            self.dtype, self.count = torch.float32, 0
        if first == self.count:
            rows = values.to(self.dtype).flatten(1).cpu().numpy()
            if first == 0:
                self._begin((self.n, rows.shape[1]), rows.dtype)
            self._append(rows)
            self.count = last

    def _checked(self, output: object, first: int, last: int) -> Tensor:
        if not isinstance(output, Tensor) or output.ndim < 2 or len(output) != last - first:
            given = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise DDRError(
                f"layer {self.layer} gives {given} for {last - first} images, not a row for each; "
                "choose another layer"
            )
        values = output.float()
        # The sum is finite only if all are; where it is not, it may itself have gone too far.
        if not values.sum().isfinite() and (bad := int((~values.isfinite()).sum())):
            raise DDRError(
                f"layer {self.layer}: {bad:,} of {values.numel():,} values are not finite for "
                f"images {first} to {last - 1}; look at weights and images, or leave the layer out"
            )
        return values

    def _begin(self, shape: tuple[int, int], dtype: np.dtype) -> None:
        self.array = np.empty(shape, dtype)

    def _append(self, rows: np.ndarray) -> None:
        self.array[self.count:self.count + len(rows)] = rows


class _FileRows(_Rows):
    """The same on their way into a `.npy` file, which appears when it is whole.

    Four bytes after the array hold the CRC-32 of all before them. Rows are written, not mapped: a
    full disk is then an error to be reported, where a mapping would end the process.
    """

    def __init__(self, layer: str, n: int, path: Path) -> None:
        super().__init__(layer, n)
        self.path = path
        self.needed = 0

    def __enter__(self) -> _FileRows:
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(self.path.with_suffix(f".{os.getpid()}"), "wb")
        return self

    def __exit__(self, failure: type | None, *_: object) -> None:
        try:
            if failure is None:
                self._put(self.crc.to_bytes(4, "little"))
                with self._explained():
                    self.file.close()
                    os.replace(self.file.name, self.path)
        finally:
            self.file.close()
            Path(self.file.name).unlink(missing_ok=True)

    def _begin(self, shape: tuple[int, int], dtype: np.dtype) -> None:
        header = io.BytesIO()
        described = {"descr": dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, described)
        self.needed = header.tell() + shape[0] * shape[1] * dtype.itemsize + 4
        self.crc = 0
        with self._explained():
            self.file.seek(0)
            self.file.truncate()
            # Reserved now, so that a disk too small is noticed with the first batch, not the last.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self.file.fileno(), 0, self.needed)
        self._put(header.getvalue())

    def _append(self, rows: np.ndarray) -> None:
        self._put(rows.data.cast("B"))

    def _put(self, data: bytes | memoryview) -> None:
        self.crc = zlib.crc32(data, self.crc)
        with self._explained():
            self.file.write(data)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DDRError(
                f"layer {self.layer}: its features ({self.needed / 1e6:,.1f} MB) cannot be kept in "
                f"{self.path.parent}: {error.strerror}; make room there, or set DDR_CACHE to "
                "another folder"
            ) from error


def _is_intact(path: Path) -> bool:
    """Whether a cache file is there and undamaged; damage is said."""
    if not path.exists():
        return False
    crc, unread = 0, max(path.stat().st_size - 4, 0)
    with path.open("rb") as file:
        while chunk := file.read(min(unread, READ_BYTES)):
            crc = zlib.crc32(chunk, crc)
            unread -= len(chunk)
        intact = file.read() == crc.to_bytes(4, "little")
    if not intact:
        logger.warning("%s is damaged; its features are computed again", path)
    return intact


def _fill(
    rows: Mapping[str, _Rows],
    network: Network,
    images: Tensor,
    batch_size: int,
    device: torch.device,
) -> None:
    """Run the images through the network until each layer has all rows: one pass, rarely two."""
    module = network.module.to(device)
    # Features are evidence: true float32, also on a GPU, and the same in every run.
    cudnn = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with torch.inference_mode(), torch.autocast(device.type, enabled=False), cudnn:
        while unfinished := [layer for layer, kept in rows.items() if kept.count < kept.n]:
            paths = {layer: network.layers[layer] for layer in unfinished}
            for first in range(0, len(images), batch_size):
                batch = images[first:first + batch_size].to(device)
                span = first, first + len(batch)
                _watch(
                    module, network.prepare(batch), paths,
                    lambda layer, output, span=span: rows[layer].add(output, *span),
                )


def _watch(
    module: nn.Module, batch: Tensor, paths: Mapping[str, str], take: Callable[[str, object], None]
) -> None:
    """One forward pass that hands over each layer's output as it comes and ends with the last."""
    waiting = set(paths)

    def hook(layer: str, _module: nn.Module, _inputs: tuple, output: object) -> None:
        if layer in waiting:
            waiting.remove(layer)
            take(layer, output)
        if not waiting:
            raise _AllSeen

    handles = [
        module.get_submodule(path).register_forward_hook(partial(hook, layer))
        for layer, path in paths.items()
    ]
    try:
        with suppress(_AllSeen):
            module(batch)
    finally:
        for handle in handles:
            handle.remove()
    if waiting:
        raise DDRError(f"layer {min(waiting)} does not run in a forward pass; choose another layer")


class _AllSeen(Exception):
    """Ends a forward pass after the deepest layer asked for."""
