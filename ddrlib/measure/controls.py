"""What sorts with no network and no learning: controls that layers of networks are held against.

A network of the same architecture with fresh weights is one more: `NAME@random0`.
"""

from __future__ import annotations

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


def controls(samples: Samples) -> list[Layer]:
    """Each control on the images that networks get, as a layer.

    Parameters
    ----------
    samples
        Their images of 4 x 4 pixels or more.

    Returns
    -------
    list of Layer
        Named "pixels", "high-pass" and "BRISQUE", in this order; of the 36 statistics of the last,
        each has mean 0 and standard deviation 1.
    """
    images = samples.images
    rows = {
        "pixels": pixels(images),
        "high-pass": high_pass(images),
        "BRISQUE": scale(brisque(images)),
    }
    return [Layer.of(name, features, samples) for name, features in rows.items()]
