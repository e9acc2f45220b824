"""What a chapter leaves for the others and for `ddr`: its claims, and its stamp.

`ddr run` says through the environment variable `DDR_RUN` what a chapter's kernel is running. Where
that is missing the notebook is open in somebody's Jupyter: figures are kept in
`_build/interactive`, and the claims of other chapters are from the default profile.

A chapter that is done is a folder: the executed NAME.ipynb, figures/, and stamp.json, which says
what it was made from and what it holds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ddrlib.book import ingredients
from ddrlib.files import BUILD
from ddrlib.machine import device_name, environment, peak_memory

CLOSING_MIME = "application/vnd.ddr.closing+json"
STAMP = "stamp.json"

_claims: dict[str, dict[str, str]] = {}


@dataclass(frozen=True)
class Run:
    """What is being run. The chapter's folder is `output`; `executed` holds those that are done."""

    chapter: str = "interactive"
    profile: str = "none"
    parameters: dict = dataclasses.field(default_factory=dict)
    output: Path = dataclasses.field(default_factory=lambda: BUILD / "interactive")
    executed: Path = dataclasses.field(default_factory=lambda: BUILD / "executed" / "default")

    @classmethod
    def current(cls) -> Run:
        """The run this process belongs to."""
        given = json.loads(os.environ.get("DDR_RUN", "{}"))
        return cls(
            **given | {key: Path(given[key]) for key in ("output", "executed") if key in given}
        )

    def environment(self) -> dict[str, str]:
        """The environment that makes this the current run of a child process."""
        return {"DDR_RUN": json.dumps(dataclasses.asdict(self), default=str)}

    @property
    def interactive(self) -> bool:
        """Whether the notebook is open in somebody's Jupyter, not run by `ddr run`."""
        return self.chapter == "interactive"


def keep_claim(key: str, **claim: str) -> None:
    """Keep a claim for the chapters that sum up, once this chapter is done."""
    _claims[key] = claim


def kept_claims() -> dict[str, dict[str, str]]:
    """The claims that this chapter has kept so far, by key."""
    return dict(_claims)


def close_chapter() -> None:
    """What `ddr run` asks of the kernel after the last cell: an output that it takes away again."""
    from IPython.display import publish_display_data

    run = Run.current()
    closing = {
        "finished": now(),
        "device": device_name(),
        **peak_memory(),
        "environment": environment(),
        "files": ingredients.recorded(run.parameters, leave_out=[run.executed, run.output]),
        "claims": _claims,
    }
    publish_display_data({CLOSING_MIME: closing})


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


# ---- stamps ----


def stamps(executed: Path | None = None) -> list[dict]:
    """The stamps of the chapters that are done, in the order of the book.

    Parameters
    ----------
    executed
        The folder of the executed chapters; that of the current run by default.

    Returns
    -------
    list of dict
        Each with chapter, profile, parameters, seconds, peak_memory_mb (peak_gpu_mb), device,
        finished (UTC), environment, claims, and `made_from` and `outputs` with their hashes. A
        stamp that is damaged is left out.
    """
    folder = executed or Run.current().executed
    found = (read_stamp(path.parent) for path in sorted(folder.glob(f"*/{STAMP}")))
    return [stamp for stamp in found if stamp]


def write_stamp(folder: Path, stamp: Mapping[str, Any]) -> None:
    """Stamp a chapter's folder with what is known of it, and the hashes of the files in it."""
    outputs = {
        path.relative_to(folder).as_posix(): ingredients.fingerprint(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    text = _text({**stamp, "outputs": outputs})
    (folder / STAMP).write_bytes(_text({"sha256": _sha256(text), **json.loads(text)}))


def read_stamp(folder: Path) -> dict | None:
    """The stamp of a chapter's folder; None where there is none, or not as `ddr run` wrote it."""
    try:
        stamp = json.loads((folder / STAMP).read_bytes()) if (folder / STAMP).is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
    genuine = isinstance(stamp, dict) and stamp.pop("sha256", "") == _sha256(_text(stamp))
    return stamp if genuine else None


def discard(folder: Path) -> None:
    """Remove a chapter that is done, if this is one: what its stamp lists, and no other file."""
    if stamp := read_stamp(folder):
        paths = sorted(folder.rglob("*"), reverse=True)
        for path in [*paths, folder]:
            if path.is_dir():
                with contextlib.suppress(OSError):  # other files are left in it
                    path.rmdir()
            elif path.relative_to(folder).as_posix() in {STAMP, *stamp["outputs"]}:
                path.unlink()


def _text(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
