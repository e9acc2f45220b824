"""The explorer on a page of its own, for readers who want no notebook: `ddr explore`.

The networks are measured here, with progress on the terminal. Then the page shows at once what was
measured, and computes anew in a kernel of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ddrlib.data.photographs import load_patches
from ddrlib.measure.measurement import measure
from ddrlib.widgets.explorer_data import Packed
from ddrlib.widgets.explorer_view import Explorer, ExplorerData, explorer, recompute
from ddrlib.zoo.loading import Network, open_network

# Alike but for the global residual, and small: a first look takes a minute.
NETWORKS = ("srresnet-wgr-reduced-s0", "srresnet-wogr-reduced-s0")
SEEDS = 5  # t-SNE runs; the first is the one to be seen
PERPLEXITIES = (5.0, 50.0)  # beside the one measured

INTRODUCTION = """# The explorer

A point is a patch of a photograph after one degradation; it lies where the network's features put
it. "How to use it" stands below the plots. "Compute anew" takes any degradations, such as
`clean, blur2, noise10, blur2+noise10`, and any folder of photographs on this machine.
"""
CELL = "from pathlib import Path\nfrom ddrlib.widgets.explore import view\nview(Path({folder!r}))"


def explore(
    names: Sequence[str] = NETWORKS,
    images: str | Path = "",
    patches: int = 100,
    *,
    device: str = "auto",
    port: int = 8866,
    browser: bool = True,
    progress: Callable[[str], None] = print,
) -> None:
    """Measure networks, serve their explorer and open it in the browser, until Ctrl-C.

    `names` are what `open_network` takes. `images` is a folder of photographs, "" for the book's
    own. A `port` that is taken gives way to another. Raises DDRError as loading and measuring do.
    """
    networks = {name: open_network(name) for name in dict.fromkeys(names)}
    photographs = load_patches(images or "eval", patches)
    measurements = [
        measure(
            network,
            photographs,
            seeds=SEEDS,
            device=device,
            progress=lambda line, name=name: progress(f"{name}: {line}"),
        )
        for name, network in networks.items()
    ]
    data = explorer(measurements, photographs, perplexities=PERPLEXITIES, folder=str(images)).data
    sources = {network.name: name for name, network in networks.items()}

    from ddrlib.widgets.serve import (
        serve,  # here, since the page's kernel, too, imports this module
    )

    with TemporaryDirectory(prefix="ddr-explore-") as folder:
        _keep(data, sources, Path(folder))
        serve(INTRODUCTION, CELL.format(folder=folder), Path(folder), port, browser)


def view(folder: Path) -> Explorer:
    """What the page's one cell shows; from there on relative paths start where `ddr` did."""
    told = json.loads((folder / "told.json").read_text())
    os.chdir(told["start"])
    files = [(folder / name).read_bytes() for name in Packed._fields[1:]]
    load = partial(_open_again, told["sources"])
    return Explorer(
        ExplorerData(Packed(told["index"], *files)), compute=partial(recompute, load=load)
    )


def _keep(data: ExplorerData, sources: dict[str, str], folder: Path) -> None:
    told = {"index": data.index, "sources": sources, "start": os.getcwd()}
    (folder / "told.json").write_text(json.dumps(told))
    for name in Packed._fields[1:]:
        (folder / name).write_bytes(getattr(data, name))


def _open_again(sources: dict[str, str], name: str) -> Network:
    return open_network(sources[name])
