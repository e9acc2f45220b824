"""Write requirements.txt and requirements-test.txt: every package with the hashes of its wheels.

python scripts/lock.py [UV OPTION ...]

Needs uv (`pip install uv`) and the network. The versions are those of constraints.txt; the wheels,
those for the Pythons and machines below. Left out is torch, with the CUDA libraries that its public
wheel brings: which build is right depends on the machine, and each has a hash of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parents[1]
INTERPRETERS = {"py3", "cp311", "cp312", "cp313", "cp314"}
PLATFORMS = re.compile(r"any|manylinux\w+_(x86_64|aarch64)|macosx_\w+_(arm64|universal2)")
# The conditions that hold on all of them ([tool.uv] in pyproject.toml).
EVERYWHERE = {
    "python_full_version < '3.15'",
    "(sys_platform == 'darwin' or sys_platform == 'linux')",
}
BY_MACHINE = re.compile(r"torch|triton|cuda-|nvidia-")

HEAD = """\
# Made by scripts/lock.py from pyproject.toml and constraints.txt; do not edit.
# {what}
"""


def resolve(*options: str) -> list[dict[str, Any]]:
    """What the project needs on every Python and machine, as the packages of a pylock.toml."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    command += ["--constraints", "constraints.txt", "--group", "install", "pyproject.toml"]
    with TemporaryDirectory() as folder:
        lock = Path(folder, "pylock.toml")
        subprocess.run([*command, "--output-file", lock, *options], check=True, cwd=ROOT)
        packages = tomllib.loads(lock.read_text())["packages"]
    return [package for package in packages if not BY_MACHINE.match(package["name"])]


def is_served(wheel: str) -> bool:
    """Whether a wheel of this file name can be installed on one of the Pythons and machines."""
    return any(
        (tag.interpreter in INTERPRETERS or tag.abi == "abi3")
        and not tag.abi.endswith("t")  # free-threaded
        and PLATFORMS.fullmatch(tag.platform)
        for tag in parse_wheel_filename(wheel)[-1]
    )


def entry(package: dict[str, Any]) -> str:
    """One package in the form that pip's hash-checking mode takes."""
    conditions = [c for c in package["marker"].split(" and ") if c not in EVERYWHERE]
    marker = f" ; {' and '.join(conditions)}" if conditions else ""
    names = {unquote(Path(urlsplit(w["url"]).path).name): w for w in package["wheels"]}
    hashes = sorted(wheel["hashes"]["sha256"] for name, wheel in names.items() if is_served(name))
    if not hashes:
        raise SystemExit(f"{package['name']} {package['version']} has no wheel that serves")
    lines = [f"{package['name']}=={package['version']}{marker}"]
    return " \\\n    ".join(lines + [f"--hash=sha256:{value}" for value in hashes])


def write(name: str, what: str, packages: list[dict[str, Any]]) -> None:
    """Write a list of packages."""
    text = HEAD.format(what=what) + "".join(f"{entry(package)}\n" for package in packages)
    (ROOT / name).write_text(text)


def main() -> None:
    """Write both lists."""
    book = resolve(*sys.argv[1:])
    names = {package["name"] for package in book}
    tests = [p for p in resolve("--extra", "test", *sys.argv[1:]) if p["name"] not in names]
    write("requirements.txt", "What the book needs, torch apart.", book)
    write("requirements-test.txt", "What the tests need besides requirements.txt.", tests)


if __name__ == "__main__":
    main()
