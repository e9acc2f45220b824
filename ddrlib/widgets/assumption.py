"""A guided network in the page: what a photograph is, what the network is told, what a lie costs."""

from __future__ import annotations

import anywidget
import traitlets

from ddrlib.errors import DDRError
from ddrlib.networks.guided import takes_truth
from ddrlib.widgets.engine import ENGINE, PHOTO, Arrays, describe, kernel
from ddrlib.widgets.live import static
from ddrlib.widgets.photograph import shipped_photographs
from ddrlib.widgets.thumbnails import webp
from ddrlib.zoo.loading import Network


class Assumption(anywidget.AnyWidget):
    """Degrade a photograph, tell the network what was done or something else, see what it restores."""

    _esm = static("common.js", *ENGINE, *PHOTO, "page/assumption.js")
    _css = static("common.css", "page/photograph.css")
    index = traitlets.Dict().tag(sync=True)
    weights = traitlets.Bytes().tag(sync=True)  # float16
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    kernel = traitlets.Bytes().tag(sync=True)

    def __repr__(self) -> str:
        return f"Assumption: {self.index['name']} told the truth, and something else"


def assumption(network: Network, size: int = 128) -> Assumption:
    """The widget of a network that is guided by the oracle.

    Parameters
    ----------
    network
        A `GuidedSRResNet` whose guide is "oracle".
    size
        Side of the frame on the photograph, in pixels; a multiple of 16.

    Returns
    -------
    Assumption
        It runs in the page alone, without a kernel.

    Raises
    ------
    DDRError
        For another network.
    """
    if not takes_truth(network.module):
        raise DDRError(
            f"{network.name} cannot be told a degradation: choose a network guided by the oracle, "
            "such as guided-oracle-reduced-s0"
        )
    tensors, shown = Arrays("<f2"), shipped_photographs()
    about = describe(network, tensors)
    index = {
        "name": network.name,
        "network": about,
        "size": size // network.scale,
        "scale": network.scale,
        "photographs": [row for row, _ in shown],
    }
    pictures = [webp(pixels / 255, 90) for _, pixels in shown]
    return Assumption(index=index, weights=tensors.bytes(), pictures=pictures, kernel=kernel())
