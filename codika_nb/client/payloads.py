"""Where payloads come from, and how they become JSON."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

Payloads = Iterable[Mapping[str, Any] | None]


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
    """The rows of a data frame as JSON objects, made when they are asked for; what is missing is left out."""
    names = [str(name) for name in frame.columns]
    for row in frame.itertuples(index=False, name=None):
        members = zip(names, map(_as_json, row), strict=True)
        yield {name: value for name, value in members if value is not None}


def _as_json(value: Any) -> Any:
    """What a cell of a data frame is in JSON; None where it holds nothing."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(name): _as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset | sys.modules["numpy"].ndarray):
        return [_as_json(each) for each in value]
    pandas = sys.modules["pandas"]
    return None if pandas.api.types.is_scalar(value) and pandas.isna(value) else _as_plain(value)


def _as_plain(value: Any) -> Any:
    """A single value in JSON; what has no such form stays as it is, and is refused with its row."""
    pandas, numpy = sys.modules["pandas"], sys.modules["numpy"]
    if isinstance(value, numpy.datetime64):
        value = pandas.Timestamp(value)
    elif isinstance(value, numpy.timedelta64):
        value = pandas.Timedelta(value)
    if isinstance(value, date | time_of_day):  # a moment is a date, too
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    return value.item() if isinstance(value, numpy.generic) else value
