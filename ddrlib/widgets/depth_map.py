"""The map of the first page: what a network makes of photographs, block after block."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import anywidget
import numpy as np
import traitlets

from ddrlib.degrade.degradation import parse
from ddrlib.measure.measurement import Measurement
from ddrlib.measure.projection import plane
from ddrlib.plots.palette import DARK, MARKERS, PALETTE
from ddrlib.widgets.explorer_data import align, quantise
from ddrlib.widgets.live import static
from ddrlib.widgets.thumbnails import sheet, sheet_columns
from ddrlib.zoo.names import plain_name

WORDS = {"blur": "blurred", "noise": "noisy", "jpeg": "compressed", "jp2k": "compressed"}


class DepthMap(anywidget.AnyWidget):
    """Principal components of the features, layer by layer, on a slider; some with their pictures."""

    _esm = static("common.js", "depth.js")
    _css = static("common.css", "depth.css")
    index = traitlets.Dict().tag(sync=True)
    points = traitlets.Bytes().tag(sync=True)
    sheet = traitlets.Bytes().tag(sync=True)

    def __repr__(self) -> str:
        layers = self.index["layers"]
        return f"Map of {self.index['samples']} images in {len(layers)} layers"


def depth_map(measurement: Measurement, contents: Sequence[int]) -> DepthMap:
    """The map of a measurement: its first layer and the blocks of its trunk.

    Parameters
    ----------
    measurement : Measurement
        Of a network with a trunk, in all its layers.
    contents : sequence of int
        Those that are shown as pictures, too, in each degradation.

    Returns
    -------
    DepthMap
        It opens at the last block.
    """
    samples = measurement.samples
    shown = list(dict.fromkeys([measurement.layers[0].name, *measurement.trunk]))
    pictures = np.flatnonzero(np.isin(samples.content, contents)).tolist()
    index = {
        "network": plain_name(measurement.network),
        "samples": len(samples.images),
        "columns": sheet_columns(len(pictures)),
        "degradation": samples.degradation.tolist(),
        "degradations": [
            {"name": _word(text), "colour": colour, "dark": DARK[colour.lower()], "marker": marker}
            for text, colour, marker in zip(
                samples.degradations, cycle(PALETTE), cycle(MARKERS), strict=False
            )
        ],
        "pictures": pictures,
        "layers": [
            {
                "title": _title(k, name, measurement.trunk),
                "purity": f"{measurement[name].knn_degradation.value:.0%}",
            }
            for k, name in enumerate(shown)
        ],
        "chance": f"{measurement[shown[0]].knn_chance:.0%}",
    }
    points = b"".join(quantise(places)[0].tobytes() for places in _places(measurement, shown))
    return DepthMap(index=index, points=points, sheet=sheet(samples.images[pictures]))


def _places(measurement: Measurement, shown: Sequence[str]) -> list[np.ndarray]:
    """The first two components of each layer: those of the last as they are, the others turned to it."""
    *before, places = (plane(measurement[name].scores) for name in shown)
    found = [places]
    for earlier in reversed(before):
        found.insert(0, align(earlier, found[0]))
    return found


def _word(text: str) -> str:
    """A degradation as the first page says it."""
    steps: Sequence = parse(text).steps
    return WORDS.get(steps[0].name, text) if len(steps) == 1 else text if steps else "clean"


def _title(k: int, name: str, trunk: Sequence[str]) -> str:
    """Where in the network a layer is."""
    return f"block {trunk.index(name) + 1} of {len(trunk)}" if name in trunk else "first layer"
