"""Tables, as HTML and as data frames."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .text import plain

if TYPE_CHECKING:
    from pandas import DataFrame


def cell(value: object) -> str:
    """A value on one line, fit for a table: text from a server may be long, and hold anything."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    text = str(value)
    return plain(text, _WIDEST_CELL) if text else ""


_WIDEST_CELL = 60


def text_table(headings: list[str], rows: list[list[str]]) -> str:
    """The rows under their headings, in columns as wide as what is in them."""
    lines = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def html_table(headings: list[str], rows: list[list[str]]) -> str:
    """The same as markup; without headings, where there are none."""

    def line(cells: Iterable[str], tag: str) -> str:
        # Tables of a notebook are right-aligned by default, which suits numbers only. The last column
        # holds what is long, and gives way first.
        styles = ["text-align: left"] * (len(headings or rows[0]) - 1) + [
            "text-align: left; min-width: 10em; overflow-wrap: anywhere"
        ]
        styled = zip(cells, styles, strict=True)
        return (
            "<tr>"
            + "".join(f'<{tag} style="{css}">{html.escape(cell)}</{tag}>' for cell, css in styled)
            + "</tr>"
        )

    head = f"<thead>{line(headings, 'th')}</thead>" if headings else ""
    return f"<table>{head}<tbody>{''.join(line(row, 'td') for row in rows)}</tbody></table>"


def data_frame(
    columns: Mapping[str, list[Any]],
    *,
    rows: int,
    moments: Collection[str] = (),
    beside: DataFrame | None = None,
) -> DataFrame:
    """A pandas data frame.

    Args:
        columns: the values by name.
        rows: how many there are of each.
        moments: the columns that hold moments in time.
        beside: a frame of as many rows that comes first; its index stays.

    Raises:
        ConfigError: pandas is not installed.
    """
    try:
        pandas: Any = import_module("pandas")  # who asks for a frame has it; nobody else needs it
    except ImportError:
        raise ConfigError(
            "A data frame takes pandas, and that is not installed here.", next_action="pip install pandas"
        ) from None

    def column(name: str, values: list[Any]) -> Any:
        if name in moments:
            return pandas.to_datetime(values, utc=True, errors="coerce")
        # What is missing would else make fractions of whole numbers, and objects of truth values.
        kinds = {type(value) for value in values if value is not None}
        small = kinds == {int} and all(value is None or abs(value) < 2**63 for value in values)
        kind = "Int64" if small else "boolean" if kinds == {bool} else None
        return pandas.array(values, dtype=kind) if kind and None in values else values

    index = range(rows) if beside is None else beside.index
    frame: DataFrame = pandas.DataFrame({name: column(name, columns[name]) for name in columns}, index=index)
    if beside is not None:
        frame = pandas.concat([beside, frame], axis=1)
    return frame
