"""A report as text, and as one page that needs nothing but a browser."""

from __future__ import annotations

import json
import re
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure

from ddrlib.book.records import as_json
from ddrlib.book.report import Examined, Report
from ddrlib.book.tables import as_csv, as_html
from ddrlib.errors import DDRError
from ddrlib.files import write_atomically
from ddrlib.plots import curves, maps
from ddrlib.plots.rendering import for_pages
from ddrlib.widgets.explorer_data import pack
from ddrlib.widgets.explorer_view import Explorer
from ddrlib.widgets.live import STATIC
from ddrlib.zoo.loading import load_network

SHOWN = 4  # maps of a network


def text(report: Report) -> str:
    """What a terminal shows: how it was measured, a table for each network, verdicts."""
    return "\n".join(
        [_measured(report), *(line for each in report.networks for line in _lines(each))]
    )


def _measured(report: Report) -> str:
    how = report.settings()
    return (
        f"n = {how['n']} contents, patches of {how['size']} x {how['size']} pixels of "
        f"{how['patches']}, under {', '.join(how['degradations'])}; CHI of t-SNE "
        f"(seeds: {how['seeds']}, perplexity: {how['perplexity']:.3g}). In brackets: 95 % over contents; neighbours by "
        "locally scaled distances."
    )


def _lines(each: Examined) -> Iterator[str]:
    yield f"\n{each.name}: {each.about['architecture']}, x{each.about['scale']}"
    yield from (f"- {note}" for note in each.about["notes"])
    yield each.layer_table().map(str).to_string(index=False)
    yield f"\n{each.control_table().map(str).to_string()}"
    yield f"\nSRGA at {each.srga_layer} against {each.measurement.degradations[0]}"
    indices = each.measurement.srga(each.srga_layer).items()
    yield from (f"{degradation}: {index}" for degradation, index in indices)
    yield ""
    for finding in each.findings():
        reason = f" ({finding.not_tested})" if finding.not_tested else ""
        yield f"{finding.verdict.upper()}{reason}: {finding.statement}"


def check(page: Path) -> None:
    """DDRError where no page can be written at this path."""
    if page.suffix.lower() not in (".html", ".htm"):
        raise DDRError(f"{page}: the name of the page has to end in .html")
    if not page.absolute().parent.is_dir():
        raise DDRError(f"{page.parent}: no such folder; make it, or check the path")
    try:
        with tempfile.TemporaryFile(dir=page.absolute().parent):
            pass
    except OSError as error:
        raise DDRError(f"{page.parent}: {error.strerror}; choose another folder") from None


def write(report: Report, page: Path) -> list[Path]:
    """Write the page and, beside it, all numbers as CSV and as JSON; returns the three files."""
    tables = [each.layer_table() for each in report.networks]
    for table, each in zip(tables, report.networks, strict=True):
        table.insert(0, "network", each.name)
    contents = {
        page: html(report).encode(),
        page.with_suffix(".csv"): as_csv(pd.concat(tables, ignore_index=True)),
        page.with_suffix(".json"): as_json(report.record()).encode(),
    }
    for path, content in contents.items():
        write_atomically(path, content)
    return list(contents)


def html(report: Report) -> str:
    """The page: it loads nothing, follows the reader's light or dark theme, and can be mailed."""
    names = " and ".join(each.name for each in report.networks)
    sees = "sort what they see" if len(report.networks) > 1 else "sorts what it sees"
    template = (STATIC / "report.html").read_text("utf-8")
    parts = {
        "title": escape(f"How {names} {sees}"),
        "measured": escape(_measured(report)),
        "css": "\n".join(
            (STATIC / f"{name}.css").read_text("utf-8") for name in ("common", "explorer")
        ),
        "verdicts": "\n".join(
            finding.as_html() for each in report.networks for finding in each.findings()
        ),
        "differences": _differences(report),
        "curves": _figure(
            curves.along_depth([each.measurement for each in report.networks]),
            "Along depth: above, the Calinski-Harabasz index of the projection by degradation and by "
            "content; below, their variance components, which no projection has touched.",
        ),
        "maps": _figure(
            maps.projections(
                [each.measurement for each in report.networks],
                [list(_shown(each)) for each in report.networks],
            ),
            "t-SNE projections of a few layers from the first to the last; colour and marker are the "
            "degradation.",
        ),
        "networks": "\n".join(map(_details, report.networks)),
        "record": escape(as_json(report.record()["made_by"])),
        "explorer": _explorer(report),
    }
    for name, part in parts.items():
        template = template.replace(f"<!--{name}-->", part)
    return template


def _shown(each: Examined) -> dict[str, None]:
    names = [layer.name for layer in each.measurement.layers]
    few = [names[0], names[len(names) // 2], each.deepest.name, names[-1]]
    return dict.fromkeys(sorted(few, key=names.index)[:SHOWN])


def _differences(report: Report) -> str:
    table = report.differences()
    if table.empty:
        return ""
    caption = "The last blocks, each less that of the first network, on the same contents."
    return f"<h2>Side by side</h2>{_scrolling(as_html(table, caption), caption)}"


def _details(each: Examined) -> str:
    n, about = each.measurement.n, each.about
    notes = "".join(f"<li>{escape(note)}</li>" for note in about["notes"])
    tables = {
        f"The last block beside what learned nothing, n = {n} contents; neighbours by locally scaled "
        "distances, and by two others.": each.control_table(),
        f"SRGA at {each.srga_layer}, against {each.measurement.degradations[0]}, n = {n} contents: 0 "
        "where features are distributed as those of clean images.": each.srga_table(),
        f"All layers, n = {n} contents.": each.layer_table(),
    }
    return (
        f"<h2>{escape(each.name)}</h2><p>{escape(about['architecture'])}, x{about['scale']}; "
        f"{escape(str(about['source']))}; SHA-256 <code>{about['sha256']}</code>.</p>"
        + (f"<ul>{notes}</ul>" if notes else "")
        + "".join(
            _scrolling(as_html(table, what), f"{each.name}: {what}")
            for what, table in tables.items()
        )
    )


def _scrolling(table: str, label: str) -> str:
    """A table that scrolls by itself where the page is narrow, by keyboard too."""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(label)}">{table}</div>'
    )


def _figure(figure: Figure, caption: str) -> str:
    """A figure in both layouts, each of which follows the theme by itself."""
    layouts = for_pages(figure)
    pyplot.close(figure)
    wide, narrow = layouts["wide"], layouts["narrow"]
    return (
        f'<figure><picture><source media="(max-width: 600px)" srcset="{_carried(narrow.svg)}">'
        f'<img src="{_carried(wide.svg)}" alt="{escape(caption)}" style="width: {wide.width:.2f}in">'
        "</picture>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _carried(svg: bytes) -> str:
    """The address of a picture that the page holds itself: no fragment of it says which theme."""
    head, rules, rest = re.split(r"<style>(#dark:target.*?)</style>", svg.decode(), maxsplit=1)
    rules = f"@media (prefers-color-scheme: dark) {{{rules.replace('#dark:target ', '')}}}"
    themed = f"{head}<style>{rules}</style>{rest}".encode()
    return f"data:image/svg+xml;base64,{b64encode(themed).decode()}"


def _explorer(report: Report) -> str:
    """The explorer's code and what it shows, as the scripts of a page."""
    widget = Explorer(pack([each.measurement for each in report.networks]), load_network)
    state = {
        "index": widget.index,
        "panels": widget.panels,
        "compares": widget.compares,
        "selection": [],
        "coordinates": b64encode(widget.coordinates).decode(),
        "sheets": [b64encode(sheet).decode() for sheet in widget.sheets],
    }
    data = json.dumps(state, allow_nan=False).replace("</", "<\\/")
    host = (STATIC / "report.js").read_text("utf-8")
    return (
        f'<script type="application/json" id="explorer-state">{data}</script>\n'
        f'<script type="module">\n{widget._esm}\n{host}</script>'
    )
