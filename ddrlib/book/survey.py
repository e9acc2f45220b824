"""The networks of the atlas measured: all that are here, one after the other.

A run goes on where an earlier one stopped; it adds to the table only what was measured under the
same design.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ddrlib.book.atlas import STORE, Atlas, read_atlas, with_network, write_atlas
from ddrlib.book.records import describe, image_hash
from ddrlib.book.tables import as_csv
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError, did_you_mean, few
from ddrlib.measure.atlas import SCALE, Design, fixed_controls, sorting, survey
from ddrlib.measure.intervals import Interval
from ddrlib.measure.layer import layers_of
from ddrlib.zoo.cards import NETWORKS, read_card, weights_path
from ddrlib.zoo.census import Entry, read_census
from ddrlib.zoo.loading import load_network, random_network

CONVERTED = STORE / "networks"


def measure_all(
    names: Sequence[str] = (),
    folders: Collection[Path] = (NETWORKS, CONVERTED),
    store: Path = STORE,
    design: Design | None = None,
    device: str | torch.device = "auto",
    progress: Callable[[str], None] = print,
) -> Atlas:
    """Measure the networks with these names, or all that are here and not in the table yet.

    Each is stored as soon as it is measured. Raises DDRError for an unknown name, a network that is
    not here, and a table that was made under another design.
    """
    entries, _ = read_census()
    design = design or Design()
    samples = design.samples()
    seen = {"design": describe(asdict(design)), "images": image_hash(samples.images)}
    kept = read_atlas(store) if (store / "atlas.json").exists() else None
    if kept and {key: kept.record[key] for key in seen} != seen:
        raise DDRError(f"{store}: its table was made from other images; give another --store")
    for name in names:
        if name not in entries:
            raise DDRError(f"no network {name!r} in the atlas; {did_you_mean(name, entries)}")
    wanted = names or [name for name in entries if not kept or name not in kept.table.index]
    places = {name: find(entries[name], folders) for name in wanted}
    missing = [name for name, place in places.items() if place is None]
    if names and missing:
        raise DDRError(f"{few(missing)}: not here; run: python scripts/convert_atlas.py")
    here = {name: place for name, place in places.items() if place}
    for done, (name, place) in enumerate(here.items(), 1):
        try:
            row, lines = _measured(entries[name], place, design, samples, device)
        except DDRError as error:
            progress(f"{name} ({done} of {len(here)}) is left out: {error}")
            continue
        kept = with_network(kept or _empty(seen, samples, design), name, row, lines)
        write_atlas(kept, store)
        line = row.iloc[0]
        progress(
            f"{name} ({done} of {len(here)}): degradation {line.degradation:.3f}, content "
            f"{line.content:.3f} at {line.layer}"
        )
    if missing:
        progress(f"not here: {few(missing)}; scripts/convert_atlas.py brings them")
    if not kept:
        raise DDRError("no network of the atlas is here; run: python scripts/convert_atlas.py")
    return read_atlas(store)


def _empty(seen: dict, samples: Samples, design: Design) -> Atlas:
    """An atlas of no network yet, with the fixed controls."""
    found = fixed_controls(samples, design)
    controls = {name: {k: list(v) for k, v in each.items()} for name, each in found.items()}
    record = {**seen, "controls": describe(controls), "machines": [], "networks": {}}
    return Atlas(pd.DataFrame(), pd.DataFrame({"network": []}), record)


def find(entry: Entry, folders: Collection[Path]) -> Path | None:
    """The first folder in which the network of the entry lies with its weights."""
    for folder in folders:
        if (folder / f"{entry.network}.json").is_file():
            card = read_card(entry.network, folder)
            if weights_path(card, folder).is_file():
                return folder
    return None


def _measured(
    entry: Entry,
    folder: Path,
    design: Design,
    samples: Samples,
    device: str | torch.device = "auto",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row of the table, and its maps, with intervals as numbers."""
    network = load_network(entry.network, folder)
    fresh = random_network(entry.network, 0, folder)
    told = entry.told if entry.of else None
    found, maps = survey(network, fresh, design, samples, told, device)
    licence = {"licence": network.card["licence"]}
    row = {"network": entry.name, **licence, **found, "sha256": network.sha256}
    lines = [{"network": entry.name, **line} for line in maps]
    return _in_numbers([row]).set_index("network"), _in_numbers(lines)


def _in_numbers(rows: list[dict[str, object]]) -> pd.DataFrame:
    """As the file holds them: NAME, NAME_low and NAME_high in place of an interval."""
    return pd.read_csv(
        io.BytesIO(as_csv(pd.DataFrame(rows))), keep_default_na=False, na_values=[""]
    )


def measure_again(
    name: str, atlas: Atlas, contents: int, device: str = "auto"
) -> dict[str, Interval]:
    """A network of the atlas that is here, measured anew at the map that the table names.

    Parameters
    ----------
    name : str
        Of a network in `data/networks`.
    atlas : Atlas
        Whose design is followed.
    contents : int
        How many of its contents are measured; all of them give its figures again.
    device : str
        "auto", "cpu" or "cuda".

    Returns
    -------
    dict of str to Interval
        The components of degradation and content, and the neighbours.
    """
    design = atlas.design
    patches = design.patches(SCALE)
    chosen = design.choosing + np.arange(min(contents, design.contents))
    samples = Samples.of(patches.some(chosen), design.degradations, SCALE, design.seed)
    found = layers_of(load_network(name), samples, [atlas.table.layer[name]], device)
    return sorting(found[0])
