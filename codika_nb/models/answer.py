"""What every answer has in common, and lists of them that show themselves as tables."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from ..display.table import cell, data_frame, html_table, text_table

if TYPE_CHECKING:
    from typing import Self

    from pandas import DataFrame

_building = threading.Lock()


class Answer(BaseModel):
    """A value from the platform; unknown members are kept."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="allow",
        # Of some forty classes a notebook uses a few, and only those are to cost time (see below).
        defer_build=True,
        # What fails to validate may hold a key, and messages end up on screens and in logs.
        hide_input_in_errors=True,
    )

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Make the value out of what was received; see pydantic."""
        if not cls.__pydantic_complete__:
            # Not every pydantic before 2.12 lets two threads build the same class.
            with _building:
                cls.model_rebuild()
        return super().model_validate(obj, **options)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # Unknown members may be anything, a key too; and what is not there needs no line.
        known = type(self).model_fields
        return [
            (name, value)
            for name, value in super().__repr_args__()
            if name in known and value not in (None, ())
        ]

    def __str__(self) -> str:
        return repr(self)


Row = TypeVar("Row", bound=Answer)


class Table(list[Row]):
    """A list that shows itself as a table, in plain text and in HTML.

    A subclass says what its rows are, under which member an answer holds them, and what is shown.
    """

    #: Heading of a column → attribute of a row.
    columns: ClassVar[dict[str, str]] = {}
    _page: ClassVar[type[BaseModel]]
    _row: ClassVar[type[Answer]]

    def __init_subclass__(cls, *, row: type[Answer], member: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._row = row
        rows: Any = (tuple[row, ...], Field(alias=member))  # type: ignore[valid-type]  # known when it runs
        cls._page = create_model(f"{cls.__name__}Page", __base__=Answer, rows=rows)

    @classmethod
    def read(cls, answer: Any) -> Self:
        """Make the list out of the answer that holds it."""
        page: Any = cls._page.model_validate(answer)
        return cls(page.rows)

    def _cells(self) -> list[list[str]]:
        return [[cell(getattr(row, attribute)) for attribute in self.columns.values()] for row in self]

    def to_frame(self) -> DataFrame:
        """The rows as a pandas data frame: the table's columns first, then what else is known of them.

        Moments are in UTC. Text is as the server has sent it.

        Raises:
            ConfigError: pandas is not installed.

        Example:
            >>> client.list_projects().to_frame()["name"].tolist()
            ['Greeter']
        """
        fields = self._row.model_fields
        names = dict.fromkeys([*self.columns.values(), *fields])
        columns = {name: [_datum(getattr(row, name)) for row in self] for name in names}
        moments = [name for name, field in fields.items() if datetime in get_args(field.annotation)]
        return data_frame(columns, rows=len(self), moments=moments)

    def __repr__(self) -> str:
        if not self:
            noun = re.findall("[A-Z][a-z]+", type(self).__name__)[-1]
            return f"No {noun.lower()}."
        return text_table(list(self.columns), self._cells())

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{self!r}</p>"
        return html_table(list(self.columns), self._cells())


def _datum(value: object) -> object:
    """A value as a data frame has it: what is nested as a plain dict, of the members that are known."""
    if isinstance(value, Answer):
        return {name: _datum(getattr(value, name)) for name in type(value).model_fields}
    return value
