"""Training, replayed: the map of the probe at the iterations at which it was measured."""

from __future__ import annotations

from collections.abc import Mapping

import anywidget
import numpy as np
import pandas as pd
import traitlets

from ddrlib.plots.palette import PALETTE
from ddrlib.training.log import PROBE_DEGRADATIONS, read_log
from ddrlib.training.maps import read_maps
from ddrlib.widgets.explorer_data import align
from ddrlib.widgets.live import static

MEASURES = ("component_degradation", "psnr")
STEPS = 32767  # of a coordinate, from the centre to the rim


class Replay(anywidget.AnyWidget):
    """Maps of networks in training, an iteration and a layer at a time, with their curves."""

    _esm = static("common.js", "curve.js", "page/share.js", "page/marks.js", "replay.js")
    _css = static("common.css", "replay.css")
    index = traitlets.Dict().tag(sync=True)
    # int16 x, y: iterations, layers, samples
    points = traitlets.List(traitlets.Bytes()).tag(sync=True)

    def __repr__(self) -> str:
        names = [network["name"] for network in self.index["networks"]]
        return f"Replay: the training of {', '.join(names)}"


def replay(networks: Mapping[str, str]) -> Replay:
    """The widget that replays trainings.

    Parameters
    ----------
    networks
        Names of networks by what the page calls them. Their maps must have been kept
        (`ddrlib.training.maps`).

    Returns
    -------
    Replay
        It runs in the page alone, without a kernel.

    Raises
    ------
    DDRError
        For a network without log or maps.
    """
    given, points = [], []
    for title, name in networks.items():
        maps, log = read_maps(name), read_log(name)
        planes = np.stack(aligned([plane.float().numpy() for plane in maps.points.values()]))
        points.append(np.rint(STEPS * planes).astype("<i2").tobytes())
        given.append(
            {
                "title": title,
                "name": name,
                "iterations": list(maps.points),
                "layers": maps.layers,
                # iterations by layers; of the PSNR, which is of the whole network, by one
                **{measure: _values(log, measure, list(maps.points)) for measure in MEASURES},
            }
        )
    index = {
        "networks": given,
        "degradations": [
            {"name": name, "colour": PALETTE[k % len(PALETTE)]}
            for k, name in enumerate(PROBE_DEGRADATIONS)
        ],
        "samples": planes.shape[2],
    }
    return Replay(index=index, points=points)


def _values(log: pd.DataFrame, measure: str, iterations: list[int]) -> list[list[float]]:
    """A measure at these iterations, layer by layer in the order of the log."""
    rows = log[log.measure == measure]
    table = rows.pivot(index="iteration", columns="layer", values="value")
    return table.loc[iterations, list(dict.fromkeys(rows.layer))].values.tolist()


def aligned(planes: list[np.ndarray]) -> list[np.ndarray]:
    """Maps (layers, N, 2) of one iteration after the other, turned so that the film is calm.

    From the last iteration backwards, each layer is turned to lie as near as it can to the later one
    (`ddrlib.widgets.explorer_data.align`), and scaled to the square of side 2 about 0.
    """
    turned: list[np.ndarray] = []
    for plane in reversed(planes):
        later = turned[-1] if turned else [None] * len(plane)
        plane = np.stack([align(*pair) for pair in zip(plane, later, strict=True)])
        largest = np.abs(plane).max(axis=(1, 2), keepdims=True)
        turned.append(plane / np.where(largest > 0, largest, 1))
    return turned[::-1]
