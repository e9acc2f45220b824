"""A chapter at every point of a grid of its parameters, and what it found there in one table.

Each point is run as `run_chapters` runs the chapter, in a folder of its own: what is done is not
done again, however the sweep ended, and a point added later costs only itself.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ddrlib.book.profiles import BOOK, read_chapters, select, settle
from ddrlib.book.results import read_stamp
from ddrlib.book.run import executed_folder, run_chapters
from ddrlib.errors import DDRError
from ddrlib.files import BUILD
from ddrlib.machine import spread

Point = dict[str, Any]


def sweep(
    chapter: str,
    grid: Mapping[str, Sequence[Any]],
    profile: str = "default",
    device: str = "auto",
    scheduler: str | None = None,
    book: Path = BOOK,
    build: Path = BUILD,
) -> Path:
    """Run a chapter at every point of a grid, and write its tables over all points.

    The `grid` has values by parameter; `profile`, `device`, `book` and `build` are as
    `run_chapters` takes them, `scheduler` as `ddrlib.machine.spread` does. Returns the folder of
    the tables: claims.csv, with a row for each claim at each point, and every table that the
    chapter shows, each with the parameters of the grid as its first columns.

    DDRError before anything runs, for what does not exist or does not fit, and for a chapter that
    sums up others; after all have run, where points failed.
    """
    chapters = read_chapters(book)
    (chosen,) = select(chapters, [chapter])
    if chosen.sums_up:
        raise DDRError(f"{chosen.name} sums up the other chapters: sweep one of these")
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    if not points:
        empty = next(name for name, values in grid.items() if not values)
        raise DDRError(f"-p {empty}: it has no value; give one or more")
    for point in points:
        settle(chapters, [chosen], profile, point, device)
    folder = build / "sweeps" / chosen.name
    run = partial(_run, name=chosen.name, profile=profile, device=device, book=book, folder=folder)
    bad = [points[i] for i, failed in spread(run, points, scheduler) if failed]
    done = [(p, executed_folder(profile, _place(folder, p)) / chosen.name) for p in points]
    for name, table in _tables([(p, place) for p, place in done if p not in bad]).items():
        table.to_csv(folder / f"{name}.csv", index=False)
    if bad:
        raise DDRError(f"{len(bad)} of {len(points)} points failed, the first {bad[0]}; see above")
    return folder


def _run(point: Point, name: str, profile: str, device: str, book: Path, folder: Path) -> list[str]:
    print(", ".join(f"{parameter} = {value}" for parameter, value in point.items()), flush=True)
    place = _place(folder, point)
    return run_chapters([name], profile, point, device, book=book, build=place)


def _place(folder: Path, point: Point) -> Path:
    """Where a point is kept; a value can be anything, so that a hash is its name."""
    text = json.dumps(point, sort_keys=True).encode()
    return folder / "points" / hashlib.blake2b(text, digest_size=8).hexdigest()


def _tables(done: Sequence[tuple[Point, Path]]) -> dict[str, pd.DataFrame]:
    """The claims and each table of the chapter, by name, over the points where it ran."""
    parts: dict[str, list[pd.DataFrame]] = {"claims": []}
    for point, place in done:
        claims = (read_stamp(place) or {}).get("claims", {})
        tables = {path.stem: pd.read_csv(path) for path in place.glob("figures/*.csv")}
        rows = [{"claim": key, **claim} for key, claim in claims.items()]
        for name, table in {**tables, "claims": pd.DataFrame(rows)}.items():
            at = pd.DataFrame([{k: json.dumps(v) for k, v in point.items()}] * len(table))
            twice = at.columns.intersection(table.columns)
            table = table.rename(columns={column: f"{column} (table)" for column in twice})
            parts.setdefault(name, []).append(pd.concat([at, table], axis=1))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items() if tables}
