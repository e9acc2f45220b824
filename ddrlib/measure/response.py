"""How a network takes degradations: what each does to its features and to its output.

Every degradation is held against the first one, the reference (`clean`), on the same contents, in
several places of the network: three layers, and what one of them holds beyond the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ddrlib.degrade.samples import Samples
from ddrlib.features.cache import files_hash, kept, key_of
from ddrlib.features.extraction import extract, resolve_device
from ddrlib.features.grams import SOURCES, gram
from ddrlib.machine import bfloat16_allowed
from ddrlib.measure import fidelity, picture
from ddrlib.measure.fidelity import psnr
from ddrlib.measure.intervals import mean_interval
from ddrlib.measure.layer import Layer
from ddrlib.measure.picture import beyond
from ddrlib.zoo.network import Network

TRUNK = "last block"
BEYOND = "the same, beyond the image"  # less what is linear in the input: `beyond`
LAST = "last hidden layer"
OUTPUT = "output"
PLACES = (TRUNK, BEYOND, LAST, OUTPUT)


@dataclass(frozen=True, eq=False)
class Response:
    """A network on n contents under k degradations; `response[TRUNK]` is the layer of that place.

    Attributes
    ----------
    network : str
        Its name.
    samples : Samples
        The first of whose degradations is the reference.
    places : dict of str to Layer
        A layer for each of `PLACES`.
    psnr : ndarray
        (k, n), of the restored images against the ground truth, in dB.
    """

    network: str
    samples: Samples
    places: dict[str, Layer]
    psnr: np.ndarray

    def __getitem__(self, place: str) -> Layer:
        return self.places[place]

    def table(self) -> pd.DataFrame:
        """A row per degradation, the reference among them: it is compared with itself.

        Returns
        -------
        DataFrame
            Columns: network, degradation; SRGA at the last hidden layer; the components of
            degradation in the trunk and of content in the last hidden layer, of reference and
            degradation together; PSNR and its loss, both in dB. Measures are `Interval`.
        """
        reference = self.samples.degradations[0]
        rows = []
        for degradation, quality in zip(self.samples.degradations, self.psnr, strict=True):
            pair = [reference, degradation]
            rows.append(
                {
                    "network": self.network,
                    "degradation": degradation,
                    "SRGA": self[LAST].srga(degradation),
                    "component of degradation": self[TRUNK].only(pair).variance.degradation,
                    "component of content": self[LAST].only(pair).variance.content,
                    "PSNR": mean_interval(quality),
                    "loss of PSNR": mean_interval(self.psnr[0] - quality),
                }
            )
        return pd.DataFrame(rows)


def respond(network: Network, samples: Samples, device: str | torch.device = "auto") -> Response:
    """Run a network on the same contents under every degradation; kept in the cache.

    Features are held in memory, all of one network at a time.

    Parameters
    ----------
    network
        Its trunk works at the size of the input. The last hidden layer, the layer before the output,
        is the one that SRGA was made for.
    samples
        Of the network's scale; the first degradation is the reference.
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".

    Returns
    -------
    Response
        With a layer for each of `PLACES`.

    Raises
    ------
    DDRError
        For a layer that does not give a finite row for each image.
    """
    truth, images = samples.patches.images, samples.images
    key = key_of(
        "response",
        files_hash(*map(Path, (__file__, fidelity.__file__, picture.__file__)), *SOURCES),
        network.identity,
        list(network.layers.items()),
        bfloat16_allowed(resolve_device(device)),
        *(each.cpu().numpy() for each in (images, truth)),
    )
    found = kept(key, lambda: _respond(network, images, truth, device))
    dims = dict(zip(PLACES, found["dims"].tolist(), strict=True))
    of = samples.n, samples.degradations
    places = {place: Layer(place, dims[place], found[place], *of) for place in PLACES}
    return Response(network.name, samples, places, found["psnr"])


def _respond(
    network: Network, images: Tensor, truth: Tensor, device: str | torch.device
) -> dict[str, np.ndarray]:
    """The Gram matrix of each place, their dimensions, and PSNR."""
    trunk, (*_, last, output) = network.trunk[-1], network.layers
    features = extract(network, images, [trunk, last, output], device=device)
    restored = torch.from_numpy(features[output]).float().unflatten(1, truth.shape[1:])
    quality = np.stack([psnr(part, truth).numpy() for part in restored.split(len(truth))])
    rest = beyond(features[trunk], images)
    found = (features[trunk], rest, features[last], features[output])
    return {
        **{place: gram(values) for place, values in zip(PLACES, found, strict=True)},
        "dims": np.array([values.shape[1] for values in found]),
        "psnr": quality,
    }
