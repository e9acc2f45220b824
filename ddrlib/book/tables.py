"""Tables as a page shows them, rounded to be read, and as their CSV keeps them, with every digit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from html import escape
from numbers import Integral, Number, Real
from typing import TYPE_CHECKING, Any

from ddrlib.measure.intervals import decimals

if TYPE_CHECKING:
    import pandas as pd

WRITTEN = re.compile(r"-?\d[\d,.]*%?( \(\d+\))?")  # a number as a text, such as "64%" or "26 (6)"


def as_html(table: pd.DataFrame, caption: str) -> str:
    """The table as HTML: a column has one number of decimals, a cell one interval at most.

    An index other than 0, 1, 2 ... heads the rows. Columns of numbers, of intervals and of texts that
    are numbers have the class `ddr-numbers`, for the eye to compare them; what is neither is shown as
    `str` writes it.
    """
    return f'<table class="dataframe">\n  <caption>{escape(caption)}</caption>\n{_rows(table)}\n</table>'


def in_text(table: pd.DataFrame) -> str:
    """A few rows amid an answer: like `as_html`, without caption or number.

    Parameters
    ----------
    table
        With the heads of its rows as its index, whose name heads them.

    Returns
    -------
    str
        HTML.
    """
    return f'<table class="table">\n{_rows(table)}\n</table>'


def _rows(table: pd.DataFrame) -> str:
    """The head and the body."""
    headed = type(table.index).__name__ != "RangeIndex"
    columns = [_column(list(cells)) for _, cells in table.items()]
    heads = [_head("col", name, numbers) for name, (numbers, _) in zip(table, columns, strict=True)]
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    if headed:
        heads.insert(0, _head("col", table.index.name or "", False))
        rows = [
            (_head("row", name, False), *row) for name, row in zip(table.index, rows, strict=True)
        ]
    body = "\n".join(f"    <tr>{''.join(row)}</tr>" for row in rows)
    return f"  <thead>\n    <tr>{''.join(heads)}</tr>\n  </thead>\n  <tbody>\n{body}\n  </tbody>"


def as_csv(table: pd.DataFrame) -> bytes:
    """The table with all digits; NAME, NAME_low and NAME_high in place of a column of intervals.

    An interval is what has a `value`, `low` and `high`, or an `interval` that has; its standard
    deviation, where it has one, is NAME_sd. Other cells of such a column stay in NAME.
    """
    columns = {}
    for name, cells in table.items():
        found = [_interval(cell) for cell in cells]
        columns[name] = [_plain(cell.value if hasattr(cell, "low") else cell) for cell in found]
        for end in ("low", "high"):
            if any(hasattr(cell, "low") for cell in found):
                columns[f"{name}_{end}"] = [getattr(cell, end, None) for cell in found]
        if any(hasattr(cell, "sd") for cell in cells):
            columns[f"{name}_sd"] = [getattr(cell, "sd", None) for cell in cells]
    headed = type(table.index).__name__ != "RangeIndex"
    return type(table)(columns, index=table.index).to_csv(index=headed).encode()


def _column(cells: list[Any]) -> tuple[bool, list[str]]:
    """Whether a column holds numbers, and its cells as HTML."""
    found = [_interval(cell) for cell in cells]
    digits = decimals(*(number for cell in found for number in _numbers(cell)))
    numbers = any(True for cell in found for _ in _numbers(cell)) or all(
        isinstance(cell, str) and WRITTEN.fullmatch(cell) for cell in found
    )
    mark = ' class="ddr-numbers"' if numbers else ""
    return numbers, [f"<td{mark}>{_cell(cell, digits)}</td>" for cell in found]


def _cell(cell: Any, digits: int) -> str:
    if not hasattr(cell, "low"):
        if isinstance(cell, Integral):
            return f"{cell:,}"
        return f"{cell:z,.{digits}f}" if _numbers(cell) else escape(str(_plain(cell)))
    value, low, high = (f"{number:z,.{digits}f}" for number in (cell.value, cell.low, cell.high))
    # Of one training there is no spread, of two or three contents no interval.
    alone = getattr(cell, "n", 2) == 1 or math.isnan(cell.low)
    return value if alone else f'{value} <span class="ddr-interval">[{low}, {high}]</span>'


def _head(scope: str, name: object, numbers: bool) -> str:
    mark = ' class="ddr-numbers"' if numbers else ""
    broken = escape(str(name)).replace("+", "+<wbr>")  # a chain of degradations, on a phone
    return f'<th scope="{scope}"{mark}>{broken}</th>'


def _interval(cell: Any) -> Any:
    return getattr(cell, "interval", cell)


def _numbers(cell: Any) -> list[float]:
    """The finite numbers of a cell that are rounded."""
    found: Iterable[Any] = (cell.value, cell.low, cell.high) if hasattr(cell, "low") else (cell,)
    return [float(x) for x in found if isinstance(x, Real) and math.isfinite(x)]


def _plain(cell: Any) -> Any:
    """A number or a text; "" for what is missing."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    return cell if isinstance(cell, Number | str) else str(cell)
