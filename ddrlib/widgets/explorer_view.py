"""The explorer: scatter plots of projected features, and measuring again what its form asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import traitlets

from ddrlib.data.photographs import load_patches
from ddrlib.features.progress import Progress, under
from ddrlib.measure.measurement import Measurement, measure
from ddrlib.widgets.explorer_data import Packed, pack
from ddrlib.widgets.live import LiveWidget, static
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.network import Network

Load = Callable[[str], Network]


class Explorer(LiveWidget):
    """Scatter plots of projected features: compared, coloured, selected, played through the layers.

    At first one panel shows the first layer of the first network, by principal components, and a
    second one, of the second network, is there to be asked for; two networks are compared from the
    start. `selection` holds the selected samples where a kernel runs. `load` finds the
    networks by name, to measure them again.
    """

    _esm = static("common.js", "curve.js", "data.js", "panel.js", "export.js", "explorer.js")
    _css = static("common.css", "explorer.css")
    index = traitlets.Dict().tag(sync=True)
    coordinates = traitlets.Bytes().tag(sync=True)
    sheets = traitlets.List(traitlets.Bytes()).tag(sync=True)
    panels = traitlets.List(traitlets.Dict()).tag(sync=True)
    compares = traitlets.Bool().tag(sync=True)
    selection = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, packed: Packed, load: Load) -> None:
        def answer(request: dict, progress: Progress) -> tuple[dict, list[bytes]]:
            found = recompute(packed.index, request, progress, load)
            return {"index": found.index}, [found.coordinates, *found.sheets]

        super().__init__(
            answer,
            index=packed.index,
            coordinates=packed.coordinates,
            sheets=packed.sheets,
            panels=_first_panels(packed.index),
            compares=len(packed.index["networks"]) == 2,
        )

    def __repr__(self) -> str:
        names = [network["name"] for network in self.index["networks"]]
        return f"Explorer: {self.index['samples']} samples in {', '.join(names)}"


def explorer(
    measurements: Sequence[Measurement],
    perplexities: Sequence[float],
    load: Load = load_network,
) -> Explorer:
    """Scatter plots of measured networks, to compare, colour, select and play through the layers.

    Parameters
    ----------
    measurements
        One or more, of the same contents, degradations and perplexity; scales may differ.
    perplexities
        Further perplexities of t-SNE, besides PCA and the one measured; each costs a projection per
        layer.
    load
        Finds a network by name, to measure it again where a kernel runs.

    Returns
    -------
    Explorer
        It works without a kernel, except for measuring again.

    Raises
    ------
    DDRError
        Where the measurements are of different contents, degradations or perplexities.
    """
    return Explorer(pack(measurements, perplexities), load)


def recompute(index: dict, request: dict, progress: Progress, load: Load) -> Packed:
    """Measure what the form of an explorer with this index asks for; `load` finds networks by name.

    The request has networks (names), degradations (comma-separated), contents, perplexity and seed
    (of the t-SNE that is shown) as texts, and a folder ("" for the book's own photographs). What
    the form does not ask for is as before: the layers and number of t-SNE seeds of each network,
    the size of patches, and the seed that drew them.

    DDRError as `load_patches` and `measure` do.
    """
    settings = index["settings"]
    shown = {network["name"]: network for network in index["networks"]}
    degradations = [text.strip() for text in request["degradations"].split(",")]
    progress("Reading photographs …")
    patches = load_patches(
        request["folder"] or "eval",
        int(request["contents"]),
        settings["size"],
        settings["patch_seed"],
    )
    measurements = []
    for name in dict.fromkeys(request["networks"]):
        progress(f"{name}: {len(degradations) * len(patches)} images through all layers …")
        measurements.append(
            measure(
                load(name),
                patches,
                degradations,
                [layer["name"] for layer in shown[name]["layers"]],
                seeds=shown[name]["seeds"],
                perplexity=float(request["perplexity"]),
                progress=under(name, progress),
            )
        )
    return pack(measurements, seed=int(request["seed"]), progress=progress)


def _first_panels(index: dict) -> list[dict]:
    """The first two networks, each at its first layer, by principal components."""
    return [
        {"network": k, "layer": 0, "projection": 0} for k in range(min(2, len(index["networks"])))
    ]
