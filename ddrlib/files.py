"""Where things lie."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
BUILD = ROOT / "_build"


def cache_dir() -> Path:
    """Where features are kept between runs: `$DDR_CACHE`, or `_build/cache` in the repository."""
    return Path(os.environ.get("DDR_CACHE") or BUILD / "cache")
