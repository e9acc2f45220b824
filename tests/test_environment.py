"""The lists of what is to be installed say the same, and leave nothing out."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ddrlib.files import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, BUILD = SETTINGS["project"], SETTINGS["build-system"]["requires"]
DEFAULT = [Requirement(text) for text in PROJECT["dependencies"]]
OPTIONAL = PROJECT["optional-dependencies"]
EXTRAS = [Requirement(text) for names in OPTIONAL.values() for text in names]


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


def test_the_hashed_lists_are_the_constraints_and_lack_only_torch(constraints):
    book, tests = (hashed(name) for name in ("requirements.txt", "requirements-test.txt"))
    assert not book.keys() & tests.keys()
    assert (book | tests).items() <= constraints.items()
    needed = {canonicalize_name(requirement.name) for requirement in DEFAULT}
    assert needed - book.keys() == {"torch"}
    needed = {canonicalize_name(Requirement(text).name) for text in OPTIONAL["test"]}
    assert needed <= book.keys() | tests.keys()
    assert "pip" in book
    assert [f"setuptools=={book['setuptools']}"] == BUILD


def hashed(name: str) -> dict[str, str]:
    """{name: version} of a list for pip's hash-checking mode, each with a hash."""
    text = (ROOT / name).read_text().replace(" \\\n", " ")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.search(r"( --hash=sha256:[0-9a-f]{64})+$", line) for line in lines)
    return pins([re.split(r" +;| +--hash", line)[0] for line in lines])


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


def test_no_list_names_where_a_package_comes_from():
    """A registry's address would bind every reader to it; a local version, to one machine's wheels."""
    names = ["pyproject.toml", "constraints.txt", "environment.yml", "package.json"]
    for name in [*names, "requirements.txt", "requirements-test.txt"]:
        assert "://" not in (ROOT / name).read_text()
    assert "+" not in (ROOT / "constraints.txt").read_text()


def test_every_room_has_its_page_in_the_reference():
    pages = {page.stem: page.read_text() for page in (ROOT / "book" / "api").glob("*.md")}
    rooms = {path.parent.name for path in (ROOT / "ddrlib").glob("*/__init__.py")}
    assert pages.keys() == rooms | {"ddrlib"}
    assert all(f".. room:: {room}\n" in pages[room] for room in rooms)


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    latest = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    assert citation["version"] == PROJECT["version"]
    assert latest.startswith(PROJECT["version"])
