"""Where payloads come from, and how they become JSON."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence, Set, ValuesView
from datetime import date, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..errors import ConfigError

if TYPE_CHECKING:
    from pandas import DataFrame


class Source:
    """Payloads, one after the other, for whoever asks next."""

    def __init__(self, payloads: Any, skip: int = 0) -> None:
        self.payloads = payloads
        self.lock = threading.Lock()
        #: It has raised: an iterator has nothing more to give after that.
        self.broken = False
        rows = rows_of(payloads) if is_frame(payloads) else iter(payloads)
        self.rows = islice(rows, skip, None) if skip else rows

    def goes_on_with(self, payloads: Any) -> bool:
        """Whether these are the iterator that has given the first payloads already."""
        return payloads is self.payloads and isinstance(payloads, Iterator)


def is_frame(value: object) -> bool:
    # Whoever has a frame has imported pandas; nobody else needs it.
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def rows_of(frame: DataFrame) -> Iterator[dict[str, Any]]:
    """The rows of a data frame as JSON objects, made when they are asked for; what is missing is left out.

    Raises:
        ConfigError: two columns would be one member.
    """
    names = names_of(frame.columns)
    rows = (zip(names, map(_converted, row), strict=True) for row in frame.itertuples(index=False, name=None))
    return (
        {name: value for name, value in row if value is not None and value is not _MISSING} for row in rows
    )


def names_of(columns: Any) -> list[str]:
    """The members that columns, or an index, become.

    Raises:
        ConfigError: two would be one.
    """
    names = [str(name) for name in columns]
    if columns.nlevels > 1 or len(set(names)) < len(names):
        raise ConfigError(
            "The columns of the data frame cannot become the members of an object.",
            next_action="Give each a name of its own: frame.columns = […]",
        )
    return names


def as_mapping(value: Any) -> Any:
    """A row of a data frame by the names of its columns; anything else as it is.

    Raises:
        ConfigError: two columns would be one member.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.Series):
        return value
    return dict(zip(names_of(value.index), value, strict=True))


def as_json(value: Any) -> Any:
    """What Python, numpy and pandas hold, as JSON has it.

    Arrays, series, sets and other sequences become lists, a data frame the list of its rows, moments
    ISO 8601, time spans seconds, decimals numbers, UUIDs texts, members of enumerations their values.
    What is missing (NaN, NaT, NA) is left out of an object, and null in a list. What has no form in JSON
    stays as it is, and is refused when it is sent.
    """
    try:
        return _in_a_list(value)
    except RecursionError:  # it contains itself
        return value


def _in_a_list(value: Any) -> Any:
    converted = _converted(value)
    return None if converted is _MISSING else converted


_MISSING: Any = object()


def _converted(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return _MISSING if math.isnan(value) else float(value)
    if isinstance(value, Mapping):
        members = ((str(name), _converted(each)) for name, each in value.items())
        return {name: each for name, each in members if each is not _MISSING}
    if type(value) in (list, tuple, set, frozenset, range):
        return [_in_a_list(each) for each in value]
    return _from_a_library(value) if type(value).__module__.partition(".")[0] in _LIBRARIES else _plain(value)


_LIBRARIES = ("numpy", "pandas")


def _from_a_library(value: Any) -> Any:
    """A value of numpy or pandas; whoever has one has imported the library."""
    numpy, pandas = sys.modules["numpy"], sys.modules.get("pandas")
    if isinstance(value, numpy.ndarray) and value is not numpy.ma.masked:
        return [_in_a_list(each) for each in value] if value.ndim else _converted(value.item())
    if is_frame(value):
        return list(rows_of(value))
    if pandas and isinstance(value, pandas.Series | pandas.Index | pandas.api.extensions.ExtensionArray):
        return [_in_a_list(each) for each in value]
    is_missing = pandas and pandas.api.types.is_scalar(value) and pandas.isna(value)
    if is_missing or value is numpy.ma.masked:
        return _MISSING
    if isinstance(value, numpy.datetime64 | numpy.timedelta64):
        return _MISSING if numpy.isnat(value) else _moment(value, numpy)
    # The longest kind of them gives no float of Python's by itself.
    item = float if isinstance(value, numpy.floating) else numpy.generic.item
    return _converted(item(value)) if isinstance(value, numpy.generic) else _plain(value)


#: How many nanoseconds a unit of numpy has; months and years have no length.
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
_NANOSECONDS |= {"m": 60 * 10**9, "h": 3600 * 10**9, "D": 86_400 * 10**9, "W": 7 * 86_400 * 10**9}


def _moment(value: Any, numpy: Any) -> Any:
    """A moment or a span of numpy, which may be longer and finer than Python's own."""
    if isinstance(value, numpy.timedelta64):
        unit, count = numpy.datetime_data(value.dtype)
        return (
            int(value.astype("int64")) * count * _NANOSECONDS[unit] / 10**9 if unit in _NANOSECONDS else value
        )
    fraction = str(value).partition(".")[2].rstrip("0")
    whole = numpy.datetime_as_string(value, "s", casting="unsafe")
    return f"{whole}.{fraction:0<6}" if fraction else str(whole)


def _plain(value: Any) -> Any:
    """A single value; what has no form in JSON stays as it is."""
    if isinstance(value, date | time_of_day):  # a moment is a date, too
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return _converted(float(value))
    if isinstance(value, Enum):
        return _converted(value.value)
    if isinstance(value, Sequence | Set | ValuesView) and not isinstance(value, _BYTES):
        return [_in_a_list(each) for each in value]
    return str(value) if isinstance(value, UUID) else value


_BYTES = (bytes, bytearray, memoryview)
