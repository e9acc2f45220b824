"""The features of one layer as they come, a batch at a time, in memory or in a file without a name."""

from __future__ import annotations

import math
import os
import tempfile

import numpy as np
import torch
from torch import Tensor

from ddrlib.errors import DDRError
from ddrlib.files import cache_dir

# A layer whose largest value lies outside is kept in float32: float16 ends at 65,504, and below
# 1e-3 too many of a layer's values would fall where it loses its 11 bits of precision.
FLOAT16_RANGE = (1e-3, 65504.0)


def to_rows(layer: str, output: object, span: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """A copy of what a layer gives for images span[0] to span[1] - 1, as rows (images, D).

    They are float16 where `dtype` is and that holds them, else float32. DDRError unless there is a
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
    kind = torch.float16 if dtype == np.float16 and fits else torch.float32
    # Always a copy: the network may go on to change its output in place.
    rows = torch.empty(output.shape, dtype=kind, device="cpu").copy_(output)
    return rows.flatten(1).numpy()


class Rows:
    """An array (n, D) of features, filled row by row; D is that of the first batch."""

    def __init__(self, layer: str, n: int) -> None:
        self.layer, self.n = layer, n
        self.shape = (n, 0)
        self.dtype: np.dtype = np.dtype(np.float16)
        self.count = 0

    @property
    def complete(self) -> bool:
        """Whether all n rows are there."""
        return self.count == self.n

    def add(self, rows: np.ndarray, first: int) -> None:
        """Append rows (images, D); `first` is the number of the first of them.

        Where float32 rows follow float16 ones, the array starts over in float32 with the next pass
        over the images, and the rest of this pass is ignored.
        """
        if rows.dtype != self.dtype:
            self.dtype, self.count = np.dtype(np.float32), 0
        elif first == self.count:
            if first == 0:
                self.shape = (self.n, rows.shape[1])
                self._begin()
            self._append(rows)
            self.count += len(rows)

    def _begin(self) -> None:
        self.array = np.empty(self.shape, self.dtype)

    def _append(self, rows: np.ndarray) -> None:
        self.array[self.count : self.count + len(rows)] = rows

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop - 1 of all rows."""
        return self.array[:, start:stop]


class FileRows(Rows):
    """The same in a temporary file, which is gone with the process, however that ends.

    Rows are written and read, not mapped: a full disk is then an error to be reported, where a
    mapping would end the process, and a few columns do not pull whole rows into memory.
    """

    def _begin(self) -> None:
        folder = cache_dir()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        except OSError:  # a folder that cannot be written
            self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115

    def _append(self, rows: np.ndarray) -> None:
        data = np.ascontiguousarray(rows).data.cast("B")
        try:
            while data:
                data = data[self.file.write(data) :]
        except OSError as error:
            needed = self.n * self.shape[1] * self.dtype.itemsize / 1e6
            raise DDRError(
                f"layer {self.layer}: no room for its features ({needed:,.1f} MB, for the time of "
                f"the run) in {cache_dir()}: {error.strerror}; make room, or set DDR_CACHE"
            ) from None

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop - 1 of all rows, read from the file."""
        stop = min(stop, self.shape[1])
        size = self.dtype.itemsize
        values = np.empty((self.n, stop - start), self.dtype)
        for i, row in enumerate(values):
            at = (i * self.shape[1] + start) * size
            row.view(np.uint8)[:] = np.frombuffer(
                os.pread(self.file.fileno(), row.nbytes, at), np.uint8
            )
        return values
