"""The atlas of published networks: all that are here measured, kept in a table with its record.

`data/atlas/` holds the table (atlas.csv, a row for each network), every map that was looked at
(layers.csv), and the record (atlas.json): what the networks saw, and what measured them. A run goes
on where an earlier one stopped; it adds to the table only what was measured under the same design.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ddrlib.book.records import describe, image_hash
from ddrlib.book.results import now
from ddrlib.book.tables import as_csv
from ddrlib.errors import DDRError, did_you_mean, few
from ddrlib.files import write_atomically
from ddrlib.machine import computing_versions, device_name
from ddrlib.measure.atlas import Design, fixed_controls, survey
from ddrlib.zoo.cards import NETWORKS, read_card, weights_path
from ddrlib.zoo.census import CENSUS, Entry, read_census
from ddrlib.zoo.loading import load_network, random_network

STORE = CENSUS.parent
CONVERTED = STORE / "networks"
FACTS = ("made_by", "training", "adversarial", "skip", "shows", "level")


@dataclass(frozen=True, eq=False)
class Atlas:
    """The stored result: `table` by network, `layers`, and the record."""

    table: pd.DataFrame
    layers: pd.DataFrame
    record: dict[str, Any]


def read_atlas(store: Path = STORE) -> Atlas:
    """What is stored; DDRError where it is not there or does not fit together."""
    try:
        record = json.loads((store / "atlas.json").read_text())
        table = pd.read_csv(
            store / "atlas.csv", index_col="network", keep_default_na=False, na_values=[""]
        )
        layers = pd.read_csv(store / "layers.csv")
        fits = set(table.index) == set(record["networks"]) == set(layers.network)
    except (OSError, ValueError, KeyError) as error:
        raise DDRError(f"{store}: the atlas is not there, or not whole ({error})") from None
    if not fits:
        raise DDRError(f"{store}: table, layers and record are of different networks; restore them")
    return Atlas(table, layers, record)


def find(entry: Entry, folders: Collection[Path]) -> Path | None:
    """The first folder in which the network of the entry lies with its weights."""
    for folder in folders:
        if (folder / f"{entry.network}.json").is_file():
            card = read_card(entry.network, folder)
            if weights_path(card, folder).is_file():
                return folder
    return None


def measure_entry(
    entry: Entry, folder: Path, design: Design, samples: Any, device: str | torch.device = "auto"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row of the table, and its maps, with intervals as numbers."""
    network = load_network(entry.network, folder)
    fresh = random_network(entry.network, 0, folder)
    told = entry.told if entry.of else None
    found = survey(network, fresh, design, samples, told, device)
    facts = {key: getattr(entry, key) for key in FACTS} | {"licence": network.card["licence"]}
    row = {"network": entry.name, **facts, **found.row, "sha256": network.sha256}
    lines = [{"network": entry.name, **line} for line in found.layers]
    return _in_numbers([row]).set_index("network"), _in_numbers(lines)


def _in_numbers(rows: list[dict[str, object]]) -> pd.DataFrame:
    """As the file holds them: NAME, NAME_low and NAME_high in place of an interval."""
    return pd.read_csv(
        io.BytesIO(as_csv(pd.DataFrame(rows))), keep_default_na=False, na_values=[""]
    )


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
            row, lines = measure_entry(entries[name], place, design, samples, device)
        except DDRError as error:
            progress(f"{name} ({done} of {len(here)}) is left out: {error}")
            continue
        kept = _with(kept, name, row, lines, seen)
        _store(kept, store, lambda: fixed_controls(samples, design))
        line = row.iloc[0]
        progress(
            f"{name} ({done} of {len(here)}): degradation {line.degradation:.3f}, content "
            f"{line.content:.3f} at {line.layer}"
        )
    if missing:
        progress(f"not here: {few(missing)}; scripts/convert_atlas.py brings them")
    if not kept:
        raise DDRError("no network of the atlas is here; run: python scripts/convert_atlas.py")
    return kept


def _with(
    kept: Atlas | None, name: str, row: pd.DataFrame, lines: pd.DataFrame, seen: dict
) -> Atlas:
    """The atlas with one network more, or measured anew; the record says when, and on what."""
    kept = kept or Atlas(
        pd.DataFrame(), pd.DataFrame({"network": []}), {**seen, "machines": [], "networks": {}}
    )
    machine = {"device": device_name(), "versions": computing_versions()}
    machines = [
        *kept.record["machines"],
        *([] if machine in kept.record["machines"] else [machine]),
    ]
    made = {"date": now(), "machine": machines.index(machine)}
    others = kept.layers[kept.layers.network != name]
    return Atlas(
        pd.concat([kept.table.drop(index=name, errors="ignore"), row]),
        pd.concat([others, lines], ignore_index=True) if len(others) else lines,
        {**kept.record, "machines": machines, "networks": {**kept.record["networks"], name: made}},
    )


def _store(atlas: Atlas, store: Path, controls: Callable[[], dict]) -> None:
    """Write the three files, the record last; fixed controls are measured once."""
    order = {name: i for i, name in enumerate(read_census()[0])}
    table = atlas.table.sort_index(key=lambda names: names.map(order))
    layers = atlas.layers.sort_values("network", key=lambda x: x.map(order), kind="stable")
    if "controls" not in atlas.record:
        atlas.record["controls"] = describe(
            {name: {k: list(v) for k, v in found.items()} for name, found in controls().items()}
        )
    store.mkdir(parents=True, exist_ok=True)
    digits = {"float_format": "%.6g"}
    write_atomically(store / "atlas.csv", table.to_csv(**digits).encode())
    write_atomically(store / "layers.csv", layers.to_csv(index=False, **digits).encode())
    write_atomically(store / "atlas.json", (json.dumps(atlas.record, indent=1) + "\n").encode())
