"""What made it: every figure and every chapter says which inputs, code and machine it comes from.

`ddr run` tells a chapter's kernel what it is running through the environment variable `DDR_RUN`.
Where that is missing the notebook is open in somebody's Jupyter: figures are shown in place and
kept in `_build/interactive`, and results of other chapters are those of the default profile.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import os
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ddrlib.files import BUILD, DATA
from ddrlib.machine import device_name, environment, peak_memory

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CLOSING_MIME = "application/vnd.ddr.closing+json"
DPI = 110

_started = time.perf_counter()
_results: dict[str, dict] = {}


@dataclass(frozen=True)
class Run:
    """What is being run. Figures go to `output`; `executed` holds the chapters that are done."""

    chapter: str = "interactive"
    profile: str = "none"
    parameters: dict = dataclasses.field(default_factory=dict)
    output: Path = BUILD / "interactive"
    executed: Path = BUILD / "executed" / "default"

    @classmethod
    def current(cls) -> Run:
        """The run this process belongs to."""
        told = json.loads(os.environ.get("DDR_RUN", "{}"))
        return cls(**told | {key: Path(told[key]) for key in ("output", "executed") if key in told})

    def environment(self) -> dict[str, str]:
        """The environment that makes this the current run of a child process."""
        return {"DDR_RUN": json.dumps(dataclasses.asdict(self), default=str)}

    @property
    def interactive(self) -> bool:
        return self.chapter == "interactive"


# ---- figures and tables ----


def show_figure(fig: Figure, name: str, alt: str, **made_by: Any) -> None:
    """Show a figure with one line under it that says what made it; keep NAME.png and NAME.json.

    `name` is unique in its chapter and safe in a file name. `alt` says in words what is to be seen.
    `made_by` is what the figure depends on, by name (`networks=`, `contents=`, `seeds=`,
    `images=` ...): networks are recorded with their weights' SHA-256, pictures with their hash.
    """
    from matplotlib import pyplot

    run = Run.current()
    png, width = _png(fig)
    pyplot.close(fig)  # else Jupyter shows it a second time
    path = _keep(run, f"{name}.png", png)
    # A page refers to the file, which keeps it small; an open notebook has to carry the picture.
    source = f"data:image/png;base64,{b64encode(png).decode()}" if run.interactive else path
    picture = (
        f'<img src="{source}" alt="{escape(alt)}" '
        f'style="width: {width / DPI:.2f}in; max-width: 100%; height: auto">'
    )
    _show(run, name, picture, {"figure": name, "alt": alt}, made_by)


def show_table(table: pd.DataFrame, name: str, caption: str, **made_by: Any) -> None:
    """Show a table as `show_figure` shows a figure; keep NAME.csv and NAME.json.

    An index other than 0, 1, 2 ... heads the rows. Cells that are neither numbers nor texts, such
    as intervals, are shown as `str` writes them.
    """
    run = Run.current()
    table = table.map(lambda cell: cell if isinstance(cell, Number | str) else str(cell))
    headed = type(table.index).__name__ != "RangeIndex"
    _keep(run, f"{name}.csv", table.to_csv(index=headed).encode())
    one_head = table.rename_axis(index=None, columns=table.index.name)
    html = one_head.to_html(index=headed, border=0, float_format="{:.3g}".format, na_rep="")
    head, body = html.split("<tbody>")
    head = head.replace("<th>", '<th scope="col">')
    head = head.replace("<thead>", f"<caption>{escape(caption)}</caption>\n  <thead>")
    body = body.replace("<th>", '<th scope="row">')
    _show(run, name, f"{head}<tbody>{body}", {"table": name, "alt": caption}, made_by)


def _png(fig: Figure) -> tuple[bytes, int]:
    """The figure and its width in pixels; with a palette (far smaller) where nobody sees it."""
    from PIL import Image, ImageChops, ImageStat

    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", facecolor="white")
    full = Image.open(buffer).convert("RGB")
    few = full.quantize(256, dither=Image.Dither.NONE)
    lost = max(ImageStat.Stat(ImageChops.difference(full, few.convert("RGB"))).mean)
    buffer = io.BytesIO()
    (few if lost < 0.5 else full).save(buffer, format="png", optimize=True)
    return buffer.getvalue(), full.width


def _keep(run: Run, file_name: str, content: bytes) -> str:
    """Write a file beside this chapter's figures; returns its path as the page will find it."""
    path = Path("figures", run.chapter, file_name)
    target = run.output / path
    if target.exists() and not run.interactive:
        raise ValueError(f"{run.chapter} makes {file_name} twice: give each figure its own name")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return path.as_posix()


def _show(run: Run, name: str, html: str, what: dict, made_by: dict) -> None:
    """Keep the record of a figure or table and show it with its line."""
    from IPython.display import publish_display_data

    made_by = {key: describe(value) for key, value in made_by.items()}
    for key in {"network", "networks"} & made_by.keys():
        made_by[key] = _with_weights(made_by[key])
    record = {
        **what,
        "chapter": run.chapter,
        "profile": run.profile,
        "parameters": run.parameters,
        "made_by": made_by,
        "seconds_into_run": round(time.perf_counter() - _started, 1),
        "date": _now(),
        "device": device_name(),
        "environment": environment(),
    }
    path = _keep(run, f"{name}.json", json.dumps(record, indent=2).encode())
    line = "; ".join(f"{key.replace('_', ' ')}: {in_words(item)}" for key, item in made_by.items())
    link = "" if run.interactive else f' · <a href="{path}">the whole record</a>'
    caption = f"Made with {escape(line) or 'no other input'}{link}"
    caption = f'<figcaption class="ddr-made"><small>{caption}</small></figcaption>'
    publish_display_data(
        {
            "text/html": f'<figure class="ddr-figure">\n{html}\n{caption}\n</figure>',
            "text/plain": what["alt"],
        }
    )


# ---- results that chapters share ----


def save_result(name: str, result: Mapping[str, Any]) -> None:
    """Keep a few headline figures for the chapters that sum up, once this chapter is done."""
    _results[name] = describe(result)


def load_results() -> dict[tuple[str, str], dict]:
    """What the chapters that are done have saved, by (chapter, name), in the order of the book."""
    return {
        (stamp["chapter"], name): result
        for stamp in stamps(Run.current().executed)
        for name, result in stamp["results"].items()
    }


def stamps(executed: Path | None = None) -> list[dict]:
    """The stamps of the chapters that are done, in the order of the book.

    Each holds chapter, key, profile, parameters, seconds, peak_memory_mb (peak_gpu_mb), device,
    finished, environment and results.
    """
    folder = executed or Run.current().executed
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def close_chapter() -> None:
    """What `ddr run` asks of the kernel after the last cell: an output that it takes away again."""
    from IPython.display import publish_display_data

    publish_display_data(
        {
            CLOSING_MIME: {
                "finished": _now(),
                "device": device_name(),
                **peak_memory(),
                "environment": environment(),
                "results": _results,
            }
        }
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


# ---- values as records ----


def image_hash(images: Any) -> str:
    """SHA-256 of an array or tensor: its shape, type and values."""
    array = np.ascontiguousarray(images)
    header = f"{array.shape}{array.dtype}".encode()
    return hashlib.sha256(header + array.tobytes()).hexdigest()


def describe(value: Any) -> Any:
    """`value` as plain JSON: what identifies it, not what it holds. NaN and infinity are null."""
    match value:
        case None | bool() | int() | str():
            return value
        case np.generic():
            return describe(value.item())
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): describe(item) for key, item in value.items()}
        case list() | tuple():
            return [describe(item) for item in value]
    if hasattr(value, "sha256"):  # a network
        return {"name": value.name, "sha256": value.sha256}
    array = getattr(value, "images", value)  # patches are known by their images
    if hasattr(array, "shape"):
        return {"n": len(array), "sha256": image_hash(array)}
    if dataclasses.is_dataclass(value) and type(value).__str__ is object.__str__:
        return describe(dataclasses.asdict(value))
    return str(value)  # a degradation, a path


def in_words(record: Any) -> str:
    """A record of `describe` as the line under a figure gives it."""
    match record:
        case {"name": name}:
            return str(name)
        case {"sha256": sha256, **rest}:
            return " ".join([*map(in_words, rest.values()), f"(SHA-256 {sha256[:8]}…)"])
        case dict():
            return ", ".join(f"{key} {in_words(item)}" for key, item in record.items())
        case list():
            return ", ".join(map(in_words, record))
        case float():
            return f"{record:g}"
    return "none" if record is None else str(record)


def _with_weights(networks: Any) -> Any:
    """Networks given by name become records with the SHA-256 of their cards."""
    if isinstance(networks, list):
        return [_with_weights(network) for network in networks]
    card = DATA / "networks" / f"{networks}.json"
    if isinstance(networks, str) and card.exists():
        return {"name": networks, "sha256": json.loads(card.read_text())["sha256"]}
    return networks
