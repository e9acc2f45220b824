"""Make the table by which chapter 7 reads a public set of distorted images.

    python scripts/set_table.py SET FOLDER

SET is live, csiq, tid2013 or kadid10k; FOLDER is the unpacked archive, which gets a `set.csv` with
the columns path, reference, type and level. In LIVE (release 2) the level is the rank of the
strength, and copies of the references are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import scipy.io

NUMBERED = r"(?P<reference>i\d\d)_(?P<type>\d\d)_(?P<level>\d+)[.]"
PATTERNS = {
    "tid2013": NUMBERED,
    "kadid10k": NUMBERED,
    "csiq": r"(?P<reference>.+)[.](?P<type>\w+)[.](?P<level>\d)[.]",
}
LIVE_TYPES = ("jp2k", "jpeg", "wn", "gblur", "fastfading")  # the order of dmos.mat


def by_name(folder: Path, pattern: str) -> pd.DataFrame:
    """A table of the files whose names say what they are."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    paths = pd.Series(sorted(files))
    labels = paths.str.split("/").str[-1].str.lower().str.extract(pattern)
    return labels.assign(path=paths).dropna()


def live(folder: Path) -> pd.DataFrame:
    """A table of LIVE, which has an `info.txt` for each type."""
    parts = []
    for kind in LIVE_TYPES:
        columns = ["reference", "image", "parameter"]
        part = pd.read_csv(folder / kind / "info.txt", sep=r"\s+", names=columns).assign(type=kind)
        parts.append(part.iloc[part.image.str.extract(r"(\d+)")[0].astype(int).argsort()])
    table = pd.concat(parts, ignore_index=True)
    table = table[scipy.io.loadmat(folder / "dmos.mat")["orgs"].ravel() == 0]
    strength = table.parameter.where(table.type.isin(["wn", "gblur"]), -table.parameter)
    level = strength.groupby([table.reference, table.type]).rank("first").astype(int)
    return table.assign(level=level, path=table.type + "/" + table.image)


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    table = live(folder) if name == "live" else by_name(folder, PATTERNS[name])
    table[["path", "reference", "type", "level"]].to_csv(folder / "set.csv", index=False)


if __name__ == "__main__":
    main()
