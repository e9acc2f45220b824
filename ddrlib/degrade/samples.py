"""The experiment of the whole book as one table: contents x degradations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import degrade, parse
from ddrlib.errors import DDRError, did_you_mean


class Design:
    """n contents, each under k degradations: N = n k samples.

    Sample i shows the content i % n under the degradation `degradations[i // n]`.
    """

    n: int
    degradations: tuple[str, ...]

    @property
    def content(self) -> np.ndarray:
        """(N,), which content each sample shows, 0 to n - 1."""
        return np.tile(np.arange(self.n), len(self.degradations))

    @property
    def degradation(self) -> np.ndarray:
        """(N,), the number of each sample's degradation, 0 to k - 1."""
        return np.repeat(np.arange(len(self.degradations)), self.n)

    def first(self, degradation: str) -> int:
        """The number of the first of a degradation's n samples; DDRError where there are none."""
        if degradation not in self.degradations:
            hint = did_you_mean(degradation, self.degradations)
            raise DDRError(f"degradation {degradation} was not measured; {hint}")
        return self.n * self.degradations.index(degradation)


@dataclass(frozen=True, eq=False)
class Samples(Design):
    """Every patch under every degradation, as a network sees them; `Samples.of` makes them.

    Attributes
    ----------
    patches : Patches
        The n contents, in high resolution.
    degradations : tuple of str
        The k degradations, all different.
    scale : int
        Ratio of HR to LR sides.
    images : Tensor
        (N, 3, H / scale, W / scale), RGB in [0, 1].
    """

    patches: Patches
    degradations: tuple[str, ...]
    scale: int
    images: Tensor

    @classmethod
    def of(
        cls, patches: Patches, degradations: Sequence[str], scale: int = 4, seed: int = 0
    ) -> Samples:
        """Degrade every patch in every way.

        Parameters
        ----------
        patches
            Two contents or more, their sides multiples of `scale`.
        degradations
            Two or more texts that `parse` reads, all different.
        scale
            Ratio of HR to LR sides.
        seed
            Seed of what is random in the degradations.

        Returns
        -------
        Samples
            In the order of `degradations`, and within each in that of the patches.

        Raises
        ------
        DDRError
            For fewer than two patches, fewer than two degradations or two equal ones, and as
            `degrade` does.
        """
        names = tuple(str(parse(degradation)) for degradation in degradations)
        if len(patches) < 2 or len(names) < 2 or len(set(names)) < len(names):
            raise DDRError(
                f"{len(patches)} patches under {', '.join(names)}: measuring needs 2 patches and "
                "2 different degradations at least"
            )
        images = torch.cat([_degraded(patches.images, name, scale, seed) for name in names])
        return cls(patches, names, scale, images)

    @property
    def n(self) -> int:  # type: ignore[override]
        """The number of contents."""
        return len(self.patches)

    def under(self, degradation: str) -> Tensor:
        """The images of one degradation.

        Parameters
        ----------
        degradation
            One of `degradations`, in the same spelling.

        Returns
        -------
        Tensor
            (n, 3, H / scale, W / scale), RGB in [0, 1], in the order of the patches.

        Raises
        ------
        DDRError
            For a degradation that the samples do not have.
        """
        first = self.first(degradation)
        return self.images[first : first + self.n]


_kept = WeakTensorKeyDictionary()  # {patches: {degradation: LR images}}, as long as there are these


def _degraded(hr: Tensor, name: str, scale: int, seed: int) -> Tensor:
    """`degrade`, once: a chapter looks at the same patches with several networks."""
    made = _kept.setdefault(hr, {})
    pixels = np.ascontiguousarray(hr.detach().cpu().numpy())  # which may have been changed
    key = name, scale, seed, hashlib.sha256(pixels.data).digest()
    if key not in made:
        made[key] = degrade(hr, name, scale, seed)
    return made[key]
