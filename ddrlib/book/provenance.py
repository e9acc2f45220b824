"""Figures and tables as a page shows them: each with a caption, its file, and what made it."""

from __future__ import annotations

import io
import json
import os
import time
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from ddrlib.book.records import describe, in_words
from ddrlib.book.results import Run, now
from ddrlib.book.tables import as_csv, as_html
from ddrlib.files import DATA, write_atomically
from ddrlib.machine import device_name, environment

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ddrlib.plots.rendering import Layout

PIXELS = 96  # of CSS, per inch
_started = time.perf_counter()


def show_figure(fig: Figure, name: str, alt: str, caption: str = "", **made_by: Any) -> None:
    """Show a figure with its caption and, folded, what made it; keep NAME.svg, NAME.narrow.svg and NAME.json.

    Parameters
    ----------
    fig
        What is shown; it is closed.
    name
        Unique in its chapter and safe in a file name.
    alt
        Describes the figure to those who do not see it, and asserts no result.
    caption
        Read beside the figure: its first sentence says what is to be seen, the others how to read
        it.
    **made_by
        What the figure depends on, by name (`networks=`, `contents=`, `seeds=`, `images=` ...):
        networks are recorded with their weights' SHA-256, pictures with their hash.

    Raises
    ------
    ValueError
        Where `ddr run` finds the name twice in a chapter.
    DDRError
        Where the files cannot be written.
    """
    from matplotlib import pyplot

    from ddrlib.plots.rendering import for_pages

    run = Run.current()
    layouts = for_pages(fig)
    pyplot.close(fig)  # else Jupyter shows it a second time
    paths = [
        _keep(run, f"{name}{ending}", layouts[layout].svg)
        for layout, ending in (("wide", ".svg"), ("narrow", ".narrow.svg"))
    ]
    picture = _carried(layouts["wide"], alt) if run.interactive else _linked(paths, layouts, alt)
    below = f'<p class="ddr-caption">{escape(caption)}</p>' if caption else ""
    what = {"figure": name, "alt": alt, "caption": caption}
    _show(run, name, picture, below, what, made_by)


def keep_preview(fig: Figure) -> None:
    """Keep a figure as preview.png: what a shared link to the book shows.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        About twice as wide as high. It is closed.

    Raises
    ------
    DDRError
        Where the file cannot be written.
    """
    from matplotlib import pyplot

    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=200, facecolor="white")
    pyplot.close(fig)
    _keep(Run.current(), "preview.png", buffer.getvalue())


def show_table(table: pd.DataFrame, name: str, caption: str, **made_by: Any) -> None:
    """Show a table with its caption, rounded; keep NAME.csv, unrounded, and NAME.json.

    Parameters
    ----------
    table
        A table of numbers, intervals and texts; an index other than 0, 1, 2 ... heads the rows. See
        `ddrlib.book.tables` for intervals. Where columns have numbers for names, the name of their
        axis ("shots") says of what: a phone shows each value with it.
    name
        Unique in its chapter and safe in a file name.
    caption
        Read above the table.
    **made_by
        As `show_figure` takes it.

    Raises
    ------
    ValueError
        Where `ddr run` finds the name twice in a chapter.
    DDRError
        Where the files cannot be written.
    """
    run = Run.current()
    path = _keep(run, f"{name}.csv", as_csv(table))
    link = "" if run.interactive else f'<a href="{path}">All digits (CSV)</a>'
    what = {"table": name, "alt": caption, "caption": caption}
    html = as_html(table, caption)
    if axis := table.columns.name:
        html = html.replace("<table ", f'<table data-columns="{escape(str(axis))}" ', 1)
    _show(run, name, html, link, what, made_by)


def _carried(wide: Layout, alt: str) -> str:
    """A picture for an open notebook, which has to carry it."""
    source = f"data:image/svg+xml;base64,{b64encode(wide.svg).decode()}"
    return f'<img src="{source}" alt="{escape(alt)}" {_size(wide)}>'


def _size(layout: Layout) -> str:
    """What a picture takes, in pixels: known before it is loaded, nothing moves when it is."""
    return f'width="{layout.width * PIXELS:.0f}" height="{layout.height * PIXELS:.0f}"'


def _linked(paths: list[str], layouts: Mapping[str, Layout], alt: str) -> str:
    """A picture for a page: two files for two widths, each with two looks (`ddrlib.plots.rendering`)."""
    wide, narrow = paths
    pictures = (
        f'<picture class="ddr-on-{mode}">'
        f'<source media="(max-width: 600px)" srcset="{narrow}{part}" {_size(layouts["narrow"])}>'
        f'<img src="{wide}{part}" alt="{escape(alt)}" {_size(layouts["wide"])} loading="lazy">'
        "</picture>"
        for mode, part in {"light": "", "dark": "#dark"}.items()
    )
    return f'<a class="ddr-enlarge" href="{wide}">{"".join(pictures)}</a>'


def _keep(run: Run, file_name: str, content: bytes) -> str:
    """Write a file beside this chapter's figures; returns its path as the page will find it."""
    target = run.output / "figures" / file_name
    if target.exists() and not run.interactive:
        raise ValueError(f"{run.chapter} makes {file_name} twice: give each figure its own name")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, content)
    return f"figures/{run.chapter}/{file_name}"


def _show(run: Run, name: str, html: str, below: str, what: dict, made_by: dict) -> None:
    """Keep the record of a figure or table and show it, `below` it what a reader wants to know."""
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
        "date": now(),
        "device": device_name(),
        "environment": environment(),
    }
    path = _keep(run, f"{name}.json", json.dumps(record, indent=2).encode())
    line = "; ".join(f"{key.replace('_', ' ')}: {in_words(item)}" for key, item in made_by.items())
    link = "" if run.interactive else f' · <a href="{path}">the whole record</a>'
    made = f"Made with {escape(line) or 'no other input'}{link}"
    made = f'<details class="ddr-made"><summary>How it was made</summary>{made}</details>'
    # Names are no formulas, even with a "$" in them. The pages number what has such an id.
    kind = "figure" if "figure" in what else "table"
    figure = f'<figure class="ddr-figure" id="{kind}-{escape(name)}">'
    caption = f"<figcaption>{below}{made}</figcaption>"
    publish_display_data(
        {
            "text/html": f"{figure}\n{html}\n{caption}\n</figure>",
            "text/plain": what["caption"] or what["alt"],
        }
    )


def _with_weights(networks: Any) -> Any:
    """Networks given by name become records with the SHA-256 of their cards."""
    if isinstance(networks, list):
        return [_with_weights(network) for network in networks]
    card = DATA / "networks" / f"{networks}.json"
    if isinstance(networks, str) and os.path.exists(card):  # False too for what is no file name
        return {"name": networks, "sha256": json.loads(card.read_text())["sha256"]}
    return networks
