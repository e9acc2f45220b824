"""What made it: every figure and table says which inputs, code and machine it comes from."""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode
from html import escape
from numbers import Number
from typing import TYPE_CHECKING, Any

from ddrlib.book.records import describe, in_words
from ddrlib.book.results import Run, now
from ddrlib.files import DATA, write_atomically
from ddrlib.machine import device_name, environment

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_started = time.perf_counter()


def show_figure(fig: Figure, name: str, alt: str, caption: str = "", **made_by: Any) -> None:
    """Show a figure with its caption and what made it; keep NAME.svg, NAME.narrow.svg and NAME.json.

    `name` is unique in its chapter and safe in a file name. `alt` says in words what is drawn,
    `caption` what to see in it; the pages number it. `made_by` is what the figure depends on, by name
    (`networks=`, `contents=`, `seeds=`, `images=` ...): networks are recorded with their weights'
    SHA-256, pictures with their hash.
    """
    from matplotlib import pyplot

    from ddrlib.plots.rendering import for_pages

    run = Run.current()
    layouts = for_pages(fig)
    pyplot.close(fig)  # else Jupyter shows it a second time
    wide, width = layouts["wide"]
    narrow, _ = layouts["narrow"]
    path, phone = _keep(run, f"{name}.svg", wide), _keep(run, f"{name}.narrow.svg", narrow)
    look = f'alt="{escape(alt)}" style="width: {width:.2f}in"'
    if run.interactive:  # an open notebook has to carry the picture; a page refers to the files
        picture = f'<img src="data:image/svg+xml;base64,{b64encode(wide).decode()}" {look}>'
    else:
        pictures = (
            f'<picture class="ddr-on-{mode}"><source media="(max-width: 600px)" srcset="{phone}{part}">'
            f'<img src="{path}{part}" {look} loading="lazy"></picture>'
            for mode, part in {"light": "", "dark": "#dark"}.items()
        )
        picture = f'<a class="ddr-enlarge" href="{path}">{"".join(pictures)}</a>'
    what = {"figure": name, "alt": alt, "caption": caption or alt}
    _show(run, name, picture, what, made_by)


def show_table(table: pd.DataFrame, name: str, caption: str, **made_by: Any) -> None:
    """Show a table as `show_figure` shows a figure; keep NAME.csv and NAME.json.

    An index other than 0, 1, 2 ... heads the rows. Cells that are neither numbers nor texts, such
    as intervals, are shown as `str` writes them. The CSV holds their numbers: see `in_numbers`.
    """
    run = Run.current()
    headed = type(table.index).__name__ != "RangeIndex"
    _keep(run, f"{name}.csv", in_numbers(table).map(_cell).to_csv(index=headed).encode())
    table = table.map(_cell)
    one_head = table.rename_axis(index=None, columns=table.index.name)
    html = one_head.to_html(index=headed, border=0, float_format="{:.3g}".format, na_rep="")
    head, body = html.split("<tbody>")
    head = head.replace("<th>", '<th scope="col">')
    head = head.replace("<thead>", f"<caption>{escape(caption)}</caption>\n  <thead>")
    body = body.replace("<th>", '<th scope="row">')
    _show(run, name, f"{head}<tbody>{body}", {"table": name, "alt": caption}, made_by)


def in_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """The table with columns NAME, NAME_low and NAME_high in place of one that holds intervals.

    An interval is what has a `value`, `low` and `high`, or an `interval` that has. Other cells of
    such a column stay in NAME.
    """
    columns = {}
    for name, cells in table.items():
        found = [getattr(cell, "interval", cell) for cell in cells]
        columns[name] = [cell.value if hasattr(cell, "low") else cell for cell in found]
        if any(hasattr(cell, "low") for cell in found):
            for end in ("low", "high"):
                columns[f"{name}_{end}"] = [getattr(cell, end, None) for cell in found]
    return type(table)(columns, index=table.index)


def _cell(cell: Any) -> Any:
    if cell is None:
        return ""
    return cell if isinstance(cell, Number | str) else str(cell)


def _keep(run: Run, file_name: str, content: bytes) -> str:
    """Write a file beside this chapter's figures; returns its path as the page will find it."""
    target = run.output / "figures" / file_name
    if target.exists() and not run.interactive:
        raise ValueError(f"{run.chapter} makes {file_name} twice: give each figure its own name")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, content)
    return f"figures/{run.chapter}/{file_name}"


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
        "date": now(),
        "device": device_name(),
        "environment": environment(),
    }
    path = _keep(run, f"{name}.json", json.dumps(record, indent=2).encode())
    line = "; ".join(f"{key.replace('_', ' ')}: {in_words(item)}" for key, item in made_by.items())
    kind = "figure" if "figure" in what else "table"
    links = "" if run.interactive else f' · <a href="{path}">the whole record</a>'
    if kind == "table" and not run.interactive:
        links += f' · <a href="{path.removesuffix("json")}csv">the numbers (CSV)</a>'
    said = f'<p class="ddr-caption">{escape(what["caption"])}</p>' if kind == "figure" else ""
    made = f"<small>Made with {escape(line) or 'no other input'}{links}</small>"
    made = f"<details><summary>How it was made</summary>{made}</details>"
    # Names are no formulas, even with a "$" in them. The pages number what has such an id.
    figure = f'<figure class="ddr-figure mathjax_ignore tex2jax_ignore" id="{kind}-{escape(name)}">'
    publish_display_data(
        {
            "text/html": f"{figure}\n{html}\n<figcaption>{said}{made}</figcaption>\n</figure>",
            "text/plain": what["alt"],
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
