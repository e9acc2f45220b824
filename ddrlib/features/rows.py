"""The features of one layer on their way into memory or into a cache file, a batch at a time."""

from __future__ import annotations

import io
import logging
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ddrlib.errors import DDRError

# A layer whose largest value lies outside is kept in float32: float16 ends at 65,504, and below
# 1e-3 too many of a layer's values would fall where it loses its 11 bits of precision.
FLOAT16_RANGE = (1e-3, 65504.0)

READ_BYTES = 2**22

logger = logging.getLogger(__name__)


def to_rows(layer: str, output: object, span: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """What a layer gives for images span[0]..span[1] - 1 as rows (images, D), flattened.

    They are float16 where that is wanted and holds them, else float32. DDRError unless there is a
    row of finite numbers for each image.
    """
    first, last = span
    if not isinstance(output, Tensor) or output.ndim < 2 or len(output) != last - first:
        given = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise DDRError(
            f"layer {layer} gives {given} for {last - first} images, not a row for each; "
            "choose another layer"
        )
    low, high = float(output.amin()), float(output.amax())
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = int((~output.isfinite()).sum())
        raise DDRError(
            f"layer {layer}: {bad:,} of {output.numel():,} values are not finite for images "
            f"{first} to {last - 1}; look at weights and images, or leave the layer out"
        )
    largest = max(-low, high)
    fits = largest == 0 or FLOAT16_RANGE[0] <= largest <= FLOAT16_RANGE[1]
    narrow = dtype == np.float16 and fits
    return output.to(torch.float16 if narrow else torch.float32).flatten(1).cpu().numpy()


class Rows:
    """An array (n, D) of features, filled row by row; D is that of the first batch."""

    def __init__(self, layer: str, n: int) -> None:
        self.layer, self.n = layer, n
        self.dtype = np.dtype(np.float16)
        self.count = 0

    @property
    def complete(self) -> bool:
        return self.count == self.n

    def add(self, rows: np.ndarray, first: int) -> None:
        """Append rows; `first` is the number of the first of them.

        With float32 rows among float16 ones, all begin anew in float32, with the next pass over the
        images; what comes until then is left.
        """
        if rows.dtype != self.dtype:
            self.dtype, self.count = np.dtype(np.float32), 0
        elif first == self.count:
            if first == 0:
                self._begin((self.n, rows.shape[1]), rows.dtype)
            self._append(rows)
            self.count += len(rows)

    def _begin(self, shape: tuple[int, int], dtype: np.dtype) -> None:
        self.array = np.empty(shape, dtype)

    def _append(self, rows: np.ndarray) -> None:
        self.array[self.count : self.count + len(rows)] = rows


class FileRows(Rows):
    """The same in a `.npy` file, which appears when it is whole, at the end of the `with` block.

    Four bytes after the array hold the CRC-32 of all before them. Rows are written, not mapped: a
    full disk is then an error to be reported, where a mapping would end the process.
    """

    def __init__(self, layer: str, n: int, path: Path) -> None:
        super().__init__(layer, n)
        self.path = path
        self.needed = 0

    def __enter__(self) -> Self:
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(self.path.with_suffix(f".{os.getpid()}"), "wb")
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
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


def is_intact(path: Path) -> bool:
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
