"""Guided networks in the page: what a photograph is, what a network is told, what a lie costs."""

from __future__ import annotations

from collections.abc import Mapping

import anywidget
import traitlets

from ddrlib.errors import DDRError
from ddrlib.networks.guided import GuidedSRResNet
from ddrlib.widgets import engine
from ddrlib.widgets.engine import Arrays
from ddrlib.widgets.live import static
from ddrlib.widgets.photograph import FEW, shipped_photographs
from ddrlib.widgets.thumbnails import webp
from ddrlib.zoo.network import Network


class Assumption(anywidget.AnyWidget):
    """Degrade a photograph, tell a network what was done or something else, see what it restores."""

    _esm = static("common.js", *engine.ENGINE, *engine.PHOTO, "page/chart.js", "page/assumption.js")
    _css = static("common.css", "page/photograph.css")
    index = traitlets.Dict().tag(sync=True)
    weights = engine.weights_list()
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    kernel = traitlets.Bytes().tag(sync=True)

    def __repr__(self) -> str:
        names = [network["name"] for network in self.index["networks"]]
        return f"Assumption: {', '.join(names)} told the truth, and something else"


def assumption(
    networks: Mapping[str, Network], size: int = 128, compact: bool = False
) -> Assumption:
    """The widget of guided networks.

    The oracle is told two numbers. Another guide looks at an image, so that it is lied to with an
    image: it is given the same photograph under another degradation, as in
    `ddrlib.applications.editing`.

    Parameters
    ----------
    networks
        `GuidedSRResNet`s by what the page calls their guides; the first one is shown first.
    size
        Side of the frame on the photograph, in pixels; a multiple of 16.
    compact
        Whether it has fewer photographs and no chart.

    Returns
    -------
    Assumption
        It runs in the page alone, without a kernel.

    Raises
    ------
    DDRError
        For another network.
    """
    given, weights = [], []
    for name, network in networks.items():
        if not isinstance(network.module, GuidedSRResNet):
            raise DDRError(
                f"{network.name} cannot be told a degradation: choose guided networks, such as "
                "guided-oracle-reduced-s0"
            )
        tensors = Arrays("<f2")
        given.append({"name": name, "network": engine.describe(network, tensors)})
        weights.append(engine.weights(tensors))
    scale = network.scale
    shown = shipped_photographs()[: FEW if compact else None]
    index = {
        "networks": given,
        "size": size // scale,
        "scale": scale,
        "compact": compact,
        "photographs": [row for row, _ in shown],
    }
    pictures = [webp(pixels / 255, 90) for _, pixels in shown]
    return Assumption(index=index, weights=weights, pictures=pictures, kernel=engine.kernel())
