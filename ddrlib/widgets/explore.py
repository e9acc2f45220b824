"""The explorer on a page of its own, for readers who want no notebook: `ddr explore`.

The networks are measured here, with progress on the terminal. Then the page shows at once what was
measured, and measures what the reader asks for in a kernel of its own.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from ddrlib.data.photographs import load_patches
from ddrlib.features.progress import Progress, under
from ddrlib.measure.measurement import measure
from ddrlib.widgets.explorer_data import Packed, pack
from ddrlib.widgets.explorer_view import Explorer
from ddrlib.zoo.loading import open_network
from ddrlib.zoo.together import open_together

# Alike but for the global residual, and small: a first look takes a minute.
NETWORKS = ("srresnet-wgr-reduced-s0", "srresnet-wogr-reduced-s0")
SEEDS = 5  # t-SNE runs; the first is the one to be seen
PERPLEXITIES = (5.0, 50.0)  # beside the one measured

INTRODUCTION = """# The explorer

A point is a patch of a photograph after one degradation; it lies where the network's features put
it. "How to use it" stands below the plots. The form at the end takes any degradations, such as
`clean, blur2, noise10, blur2+noise10`, and any folder of photographs on this machine.
"""
CELL = "from pathlib import Path\nfrom ddrlib.widgets.explore import view\nview(Path({folder!r}))"
FILE = "explorer.json"


def explore(
    names: Sequence[str],
    images: str,
    patches: int,
    *,
    device: str,
    port: int,
    browser: bool,
    progress: Progress,
) -> None:
    """Measure networks, serve their explorer and open it in the browser, until Ctrl-C.

    `names` are what `open_network` takes, `images` what `load_patches` takes, `patches` how many. A
    `port` that is taken gives way to another. `progress` takes a line of text for each layer.

    DDRError for a port that cannot be had, for networks of one name, and as loading and
    measuring do.
    """
    # Here, since the page's kernel, too, imports this module.
    from ddrlib.widgets.serve import free_port, serve, temporary_folder

    free_port(port)  # refused before minutes are spent
    networks, size = open_together(names)
    sources = {network.name: source for source, network in networks.items()}
    photographs = load_patches(images, patches, size)
    measurements = [
        measure(
            network,
            photographs,
            seeds=SEEDS,
            device=device,
            progress=under(network.name, progress),
        )
        for network in networks.values()
    ]
    packed = pack(measurements, PERPLEXITIES, progress=progress)
    with temporary_folder() as folder:
        keep(packed, sources, folder)
        serve(INTRODUCTION, CELL.format(folder=str(folder)), folder, port, browser)


def keep(packed: Packed, sources: Mapping[str, str], folder: Path) -> None:
    """Write what `view` reads; `sources` say where each network is opened."""
    content = {
        "index": packed.index,
        "coordinates": b64encode(packed.coordinates).decode(),
        "sheets": [b64encode(sheet).decode() for sheet in packed.sheets],
        "sources": dict(sources),
        "start": os.getcwd(),
    }
    (folder / FILE).write_text(json.dumps(content))


def view(folder: Path) -> Explorer:
    """What the page's one cell shows; from there on relative paths start where `ddr` did."""
    kept = json.loads((folder / FILE).read_text())
    os.chdir(kept["start"])
    sheets = [b64decode(sheet) for sheet in kept["sheets"]]
    packed = Packed(kept["index"], b64decode(kept["coordinates"]), sheets)
    return Explorer(packed, lambda name: open_network(kept["sources"][name]))
