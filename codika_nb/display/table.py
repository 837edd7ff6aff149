"""Tables, as HTML and as data frames."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .markup import Shown, both, table_of
from .text import moment_text, plain

if TYPE_CHECKING:
    from pandas import DataFrame


def cell(value: object) -> str:
    """A value on one line, fit for a table: text from a server may be long, and hold anything."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment_text(value)
    text = str(value)
    return plain(text, _WIDEST_CELL) if text else ""


_WIDEST_CELL = 60
_SHORT = 24
"""Characters of a cell that stay on one line: a name, a moment, a state."""

#: A cell of a table: its text, or both of its forms.
Cell = str | Shown


def text_table(
    headings: Sequence[str], rows: Sequence[Sequence[Cell]], *, numbers: Collection[str] = ()
) -> str:
    """The rows under their headings, in columns as wide as what is in them; numbers to the right."""
    lines = [list(headings), *([both(each).text for each in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = [str.rjust if name in numbers else str.ljust for name in headings]
    return "\n".join(
        "  ".join(
            aligned(text, width) for aligned, text, width in zip(sides, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def html_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    numbers: Collection[str] = (),
    label: str = "Table",
) -> str:
    """The same as markup, to stand within an output.

    Args:
        headings: of the columns; without any, the first cell of a row is its heading.
        rows: the cells.
        numbers: the headings of columns that hold numbers.
        label: what it is a table of, for screen readers.
    """
    kinds = [' class="codika-number"' if name in numbers else "" for name in headings]
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(name)}</th>' if name else f"<td{kind}></td>"
        for kind, name in zip(kinds, headings, strict=True)
    )
    lines = []
    for row in rows:
        cells = [both(each) for each in row]
        first = "" if headings else f'<th scope="row">{cells.pop(0).markup}</th>'
        of_kinds = zip(kinds if headings else [""] * len(cells), cells, strict=True)
        lines.append(f"<tr>{first}{''.join(_td(kind, each) for kind, each in of_kinds)}</tr>")
    return table_of(label, head, lines)


def _td(kind: str, shown: Shown) -> str:
    width = "narrow" if len(shown.text) <= _SHORT else "long"
    kind = kind or (f' class="codika-{width}"' if shown.text else "")
    return f"<td{kind}>{shown.markup}</td>"


def data_frame(
    columns: Mapping[str, list[Any]],
    *,
    rows: int,
    moments: Collection[str] = (),
    kinds: Mapping[str, str] | None = None,
    beside: DataFrame | None = None,
) -> DataFrame:
    """A pandas data frame.

    Args:
        columns: the values by name.
        rows: how many there are of each.
        moments: the columns that hold moments in time.
        kinds: what the other columns hold that may have no values; text if left out.
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
        found = {type(value) for value in values if value is not None}
        if not found:
            return pandas.array(values, dtype=(kinds or {}).get(name, "object"))
        small = found == {int} and all(value is None or abs(value) < 2**63 for value in values)
        kind = "Int64" if small else "boolean" if found == {bool} else None
        return pandas.array(values, dtype=kind) if kind and None in values else values

    index = range(rows) if beside is None else beside.index
    frame: DataFrame = pandas.DataFrame({name: column(name, columns[name]) for name in columns}, index=index)
    if beside is not None:
        frame = pandas.concat([beside, frame], axis=1)
    return frame
