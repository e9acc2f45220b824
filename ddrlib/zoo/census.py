"""The published networks of the atlas: what is known of each, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ddrlib.errors import DDRError
from ddrlib.files import DATA, read_yaml

CENSUS = DATA / "atlas" / "networks.yaml"
TRAININGS = ("clean", "compression", "blind", "told", "unknown")
SKIPS = ("image", "feature", "U-Net", "none")
ANSWERS = {True: "yes", False: "no"}  # what YAML makes of yes and no


@dataclass(frozen=True)
class Entry:
    """A network of the atlas.

    Attributes
    ----------
    name : str
        In `data/atlas/networks.yaml`.
    made_by : str
        Its maker.
    package : str
        The package that carries it.
    scale : int
        Ratio of HR to LR sides.
    training : str
        What it was trained to undo; `data/atlas/networks.yaml` says what the words mean.
    adversarial : str
        Whether a critic took part in its training.
    skip : str
        Its longest skip, one of `SKIPS`.
    shows : str
        What the images show that it was trained on.
    known : str
        Where these facts come from.
    file : str
        In the package.
    architecture : str
        A name of `ddrlib.networks.architectures`.
    arguments : dict
        Of the architecture.
    level : int, optional
        How much fault it was trained to remove, in its series.
    of : str
        The network that is measured, where that is not this one.
    told : dict
        By degradation, the noise that it is told; see `ddrlib.measure.atlas.survey`.
    """

    name: str
    made_by: str
    package: str
    scale: int
    training: str
    adversarial: str
    skip: str
    shows: str
    known: str
    file: str = ""
    architecture: str = "NcnnGraph"
    arguments: dict[str, Any] = field(default_factory=dict)
    level: int | None = None
    of: str = ""
    told: dict[str, float] = field(default_factory=dict)

    @property
    def network(self) -> str:
        """The name of the network that is measured."""
        return self.of or self.name


def read_census(path: Path = CENSUS) -> tuple[dict[str, Entry], dict[str, dict]]:
    """The published networks of the atlas.

    Parameters
    ----------
    path : path
        A file like `data/atlas/networks.yaml`.

    Returns
    -------
    tuple of dict
        The entries by name, in the order of the file; the packages by name.

    Raises
    ------
    DDRError
        For a file that is not such a census.
    """
    census = read_yaml(path)
    try:
        packages = dict(census["packages"])
        entries = [
            _entry({**group, **own, "file": group["file"].format(own.get("file")), "name": name})
            for group in census["groups"]
            for name, own in group["networks"].items()
        ]
        found = {entry.name: entry for entry in entries}
        lost = [e.name for e in entries if e.package not in packages or e.network not in found]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DDRError(f"{path}: not a census of networks ({error}); restore it") from None
    if lost:
        raise DDRError(f"{path}: the package or network that {lost[0]} names is not in it")
    return found, packages


def _entry(values: Mapping[str, Any]) -> Entry:
    known = {field.name for field in fields(Entry)}
    answer = values["adversarial"]
    entry = Entry(**{key: value for key, value in values.items() if key in known})
    entry = Entry(**{**vars(entry), "adversarial": ANSWERS.get(answer, answer)})
    checks = {
        "training": entry.training in TRAININGS,
        "skip": entry.skip in SKIPS,
        "adversarial": entry.adversarial in (*ANSWERS.values(), "unknown"),
    }
    for key, holds in checks.items():
        if not holds:
            raise ValueError(f"{entry.name}: {key} is {getattr(entry, key)!r}")
    return entry
