"""The lists of what is to be installed say the same, and leave nothing out."""

from __future__ import annotations

import json
import re
import tomllib
from hashlib import sha256
from importlib.metadata import requires

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ddrlib.files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEFAULT = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = [
    Requirement(text) for names in PROJECT["optional-dependencies"].values() for text in names
]


def pins(lines: list[str]) -> dict[str, str]:
    """{name: version} of lines `name==version`."""
    pairs = [line.split("==") for line in lines if not line.startswith(("#", "--"))]
    found = {canonicalize_name(name): version for name, version in pairs}
    assert len(found) == len(pairs), "a name stands twice"
    return found


@pytest.fixture(scope="module")
def constraints() -> dict[str, str]:
    return pins((ROOT / "constraints.txt").read_text().splitlines())


def test_every_requirement_is_pinned_within_its_bounds(constraints):
    for requirement in DEFAULT + EXTRAS:
        assert requirement.specifier.contains(constraints[canonicalize_name(requirement.name)])


def test_conda_gives_the_same_versions(constraints):
    python, _, pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert (python, PROJECT["requires-python"]) == ("python=3.11", ">=3.11")
    names = [canonicalize_name(requirement.name) for requirement in DEFAULT]
    assert pins(pip["pip"]) == {name: constraints[name] for name in names}


def test_what_the_requirements_require_is_pinned_too(constraints):
    """Walks through the installed packages; nothing among them may be, or need, torchvision."""
    reached, waiting = set(), list(DEFAULT)
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), *sorted(requirement.extras))
        if key not in reached:
            reached.add(key)
            waiting += _required_by(requirement)
    names = {name for name, *_ in reached}
    assert {"numpy", "sphinx", "jupyterlab"} < names
    assert names - constraints.keys() == set()
    assert "torchvision" not in names


def _required_by(requirement: Requirement) -> list[Requirement]:
    """What an installed package requires on this machine, with the extras that are asked of it."""
    candidates = [Requirement(text) for text in requires(requirement.name) or []]
    return [
        candidate
        for candidate in candidates
        if candidate.marker is None
        or any(candidate.marker.evaluate({"extra": x}) for x in requirement.extras or {""})
    ]


def test_the_scripts_of_the_pages_are_those_that_were_fetched():
    versions = json.loads((ROOT / "package.json").read_text())["dependencies"].values()
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    vendor = ROOT / "book" / "_vendor"
    sums = dict(line.split("  ")[::-1] for line in (vendor / "SHA256SUMS").read_text().splitlines())
    files = [path for path in vendor.rglob("*") if path.is_file() and path.name != "SHA256SUMS"]
    assert sums == {
        str(path.relative_to(vendor)): sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_no_list_names_where_a_package_comes_from():
    """A registry's address would bind every reader to it; a local version, to one machine's wheels."""
    for name in ("pyproject.toml", "constraints.txt", "environment.yml", "package.json"):
        assert "://" not in (ROOT / name).read_text()
    assert "+" not in (ROOT / "constraints.txt").read_text()


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    latest = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    assert citation["version"] == PROJECT["version"]
    assert latest.startswith(PROJECT["version"])
