"""The atlas of published networks, as it is stored: a table with its record.

`data/atlas/` holds the table (atlas.csv, a row for each network), every map that was looked at
(layers.csv), and the record (atlas.json): what the networks saw, and what measured them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ddrlib.book.results import now
from ddrlib.errors import DDRError, one_line
from ddrlib.files import write_atomically
from ddrlib.machine import computing_versions, device_name
from ddrlib.measure.atlas import Design
from ddrlib.measure.intervals import Interval
from ddrlib.zoo.census import CENSUS, read_census

STORE = CENSUS.parent
FACTS = ("made_by", "training", "adversarial", "skip", "shows", "level")


@dataclass(frozen=True, eq=False)
class Atlas:
    """The stored result.

    Attributes
    ----------
    table : DataFrame
        By network: what is known of it, and its figures.
    layers : DataFrame
        The figures of every map that was looked at.
    record : dict
        The design, the hash of the images, the fixed controls; when and on what each was measured.
    """

    table: pd.DataFrame
    layers: pd.DataFrame
    record: dict[str, Any]

    @property
    def design(self) -> Design:
        """What the networks saw."""
        kept = self.record["design"]
        return Design(**{**kept, "degradations": tuple(kept["degradations"])})

    def figures(self, name: str) -> pd.Series:
        """A figure of all networks, with its intervals over contents.

        Parameters
        ----------
        name : str
            Such as "degradation"; a column of the table that has an interval.

        Returns
        -------
        Series
            Of `Interval`, by network.
        """
        columns = self.table[[name, f"{name}_low", f"{name}_high", "n"]]
        return pd.Series([Interval(*row) for row in columns.itertuples(index=False)], columns.index)

    def control(self, name: str) -> dict[str, Interval]:
        """What is no network, on the same images.

        Parameters
        ----------
        name : str
            "pixels", "high-pass" or "BRISQUE".

        Returns
        -------
        dict of str to Interval
            The components of degradation and content, and the neighbours.
        """
        return {key: Interval(*values) for key, values in self.record["controls"][name].items()}


def read_atlas(store: Path = STORE) -> Atlas:
    """What is stored.

    Parameters
    ----------
    store : path
        The folder.

    Returns
    -------
    Atlas

    Raises
    ------
    DDRError
        Where it is not there, or its parts do not fit together.
    """
    try:
        record = json.loads((store / "atlas.json").read_text())
        table = pd.read_csv(
            store / "atlas.csv", index_col="network", keep_default_na=False, na_values=[""]
        )
        layers = pd.read_csv(store / "layers.csv")
        fits = set(table.index) == set(record["networks"]) == set(layers.network)
    except Exception as error:  # noqa: BLE001  what is damaged can make the readers raise anything
        reason = one_line(error)
        raise DDRError(f"{store}: the atlas is not there, or not whole ({reason})") from None
    if not fits:
        raise DDRError(f"{store}: table, layers and record are of different networks; restore them")
    return Atlas(table, layers, record)


def with_network(atlas: Atlas, name: str, row: pd.DataFrame, layers: pd.DataFrame) -> Atlas:
    """The atlas with one network more, or measured anew; the record says when, and on what."""
    record = atlas.record
    machine = {"device": device_name(), "versions": computing_versions()}
    machines = [*record["machines"], machine]
    number = machines.index(machine)
    made = {"date": now(), "machine": number}
    tables = [atlas.table.drop(index=name, errors="ignore"), row]
    maps = [atlas.layers[atlas.layers.network != name], layers]
    return Atlas(
        pd.concat([table for table in tables if len(table)]),
        pd.concat([table for table in maps if len(table)], ignore_index=True),
        {
            **record,
            "machines": machines[: max(number + 1, len(record["machines"]))],
            "networks": {**record["networks"], name: made},
        },
    )


def write_atlas(atlas: Atlas, store: Path = STORE) -> None:
    """Write the three files in the order of the census, with its facts; the record last."""
    entries, _ = read_census()
    order = {name: i for i, name in enumerate(entries)}
    table = atlas.table.sort_index(key=lambda names: names.map(order))
    for place, fact in enumerate(FACTS):
        known = [getattr(entries[name], fact) for name in table.index]
        table = table.drop(columns=fact, errors="ignore")
        table.insert(place, fact, pd.array(known, "Int64") if fact == "level" else known)
    layers = atlas.layers.sort_values("network", key=lambda x: x.map(order), kind="stable")
    names = sorted(atlas.record["networks"], key=order.__getitem__)
    record = {**atlas.record, "networks": {name: atlas.record["networks"][name] for name in names}}
    store.mkdir(parents=True, exist_ok=True)
    digits = {"float_format": "%.6g"}
    write_atomically(store / "atlas.csv", table.to_csv(**digits).encode())
    write_atomically(store / "layers.csv", layers.to_csv(index=False, **digits).encode())
    write_atomically(store / "atlas.json", (json.dumps(record, indent=1) + "\n").encode())
