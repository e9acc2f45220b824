"""What sorts with no network and no learning: controls that layers of networks are held against.

A network of the same architecture with fresh weights is one more: "NAME@random0".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch.nn.functional as F
from sklearn.preprocessing import scale
from torch import Tensor

from ddrlib.degrade.samples import Samples
from ddrlib.measure.layer import Layer
from ddrlib.measure.nss import brisque


def pixels(images: Tensor) -> np.ndarray:
    """The values (N, 3 H W) of images (N, 3, H, W)."""
    return images.flatten(1).numpy()


def high_pass(images: Tensor) -> np.ndarray:
    """What a fixed filter and a rectifier make of images (N, 3, H, W): (N, 3 H W), 0 or more.

    |x - mean of the 3 x 3 pixels around|, borders reflected. Nothing is learned or deep about it,
    yet it takes the picture away and leaves how strong fine structure is: a layer shows something
    of its own where it sorts better than this.
    """
    around = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    return pixels((images - around).abs())


def standardised_brisque(images: Tensor) -> np.ndarray:
    """The 36 statistics (N, 36) of `brisque`, each less its mean and divided by its standard
    deviation.
    """
    return scale(brisque(images))


CONTROLS: dict[str, Callable[[Tensor], np.ndarray]] = {
    "pixels": pixels,
    "high-pass": high_pass,
    "BRISQUE": standardised_brisque,
}


def controls(samples: Samples) -> list[Layer]:
    """Each control on the images that networks get, as a layer.

    Parameters
    ----------
    samples
        Their images of 4 x 4 pixels or more.

    Returns
    -------
    list of Layer
        Named "pixels", "high-pass" and "BRISQUE", in this order.
    """
    return [Layer.of(name, control(samples.images), samples) for name, control in CONTROLS.items()]
