"""What every answer has in common, and lists of them that show themselves as tables."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic.alias_generators import to_camel

from ..display.design import output
from ..display.markup import card, code, folded, identifier, moment, tree
from ..display.table import Cell, cell, data_frame, html_table, text_table
from ..display.text import LONGEST, plain
from ..errors import attribute_error
from ..redaction import redact

if TYPE_CHECKING:
    from typing import Self

    from pandas import DataFrame
    from pydantic_core import ErrorDetails

_building = threading.Lock()


def _in_camel_case(name: str) -> str:
    return to_camel(name).replace("n8N", "n8n")


def _as_text(given: Any) -> Any:
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


#: An id, also where a server writes it as a number: what was started or made by it must not be lost.
Id = Annotated[str, BeforeValidator(_as_text)]


_OF_PYDANTIC = {name for name in dir(BaseModel) if name[0] != "_"} - {
    "model_copy",
    "model_dump",
    "model_dump_json",
}


class Answer(BaseModel):
    """A value from the platform; unknown members are kept.

    Members that have a default only describe: one that is null or does not fit has its default when an answer
    is read, and an item of a list that does not fit is left out. Where that would be wrong, a validator of
    the member's own refuses by a `ValueError`.
    """

    #: Members that are expected here, and where they are.
    _elsewhere: ClassVar[Mapping[str, str]] = {}
    #: Whether lists are of no use without each of their items.
    _whole: ClassVar[bool] = False

    model_config = ConfigDict(
        alias_generator=_in_camel_case,
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
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            refused = error
        # Only now, so that what fits costs nothing more.
        told = None
        while odd := _odd(refused, obj, keep_items=cls._whole):
            if told is None and _only_missing(refused):
                told = refused
            obj = _without(obj, odd)
            try:
                return super().model_validate(obj, **options)
            except ValidationError as error:
                refused = error
        raise told or refused

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                # A property has words of its own; what begins with an underscore nobody has typed.
                if name.startswith("_") or hasattr(type(self), name):
                    raise
            if there := self._elsewhere.get(name):
                raise attribute_error(self, name, (), f": {there}.{name} has it.")
            raise attribute_error(self, name, [*type(self).model_fields, *(self.model_extra or {})])

    def __dir__(self) -> list[str]:
        # What Tab offers: pydantic's many methods are for those who know them.
        return [name for name in super().__dir__() if name not in _OF_PYDANTIC]

    def __repr__(self) -> str:
        # Text in a repr has no control characters, but it may repeat a key.
        return redact(super().__repr__())

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

    def _repr_html_(self) -> str:
        told: list[tuple[str, Cell]] = []
        nested = ""
        for name, value in _told(self).items():
            label = name.replace("_", " ").capitalize()
            if isinstance(value, list) and all(isinstance(each, str) for each in value):
                told.append((label, plain(", ".join(value), LONGEST)))
            elif not isinstance(value, dict | list):
                told.append((label, _shown(name, value)))
            elif value:
                nested += folded(label, tree(value))
        kind = re.sub("(?<=[a-z])(?=[A-Z])", " ", type(self).__name__).capitalize()
        return card(kind, told, rich=nested)["text/html"]


def _told(value: Any) -> Any:
    """A value as plain data without keys, of the members that a repr has."""
    if isinstance(value, Answer):
        value = dict(value.__repr_args__())
    if isinstance(value, dict):
        return {redact(str(name)): _told(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_told(each) for each in value]
    return redact(value) if isinstance(value, str) else value


def _shown(name: str, value: object) -> Cell:
    if isinstance(value, datetime):
        return moment(value)
    return code(str(value)) if isinstance(value, str) and re.search("(^|_)id$", name) else cell(value)


Path = tuple[int | str, ...]


def _odd(problem: ValidationError, answer: Any, *, keep_items: bool) -> set[Path]:
    """What does not fit into an answer, innermost first; nothing if the answer cannot do without it."""
    only_missing = _only_missing(problem)
    odd = set()
    for each in _problems(problem):
        if each["type"] == "value_error":
            return set()
        if each["type"] == "missing" and not only_missing:
            continue
        # Of what is missing, it is the object around it that does not fit.
        there = each["loc"][:-1] if only_missing else _reach(answer, each["loc"])
        if not there or (keep_items and isinstance(there[-1], int)):
            return set()
        odd.add(there)
    return odd


def _problems(problem: ValidationError) -> list[ErrorDetails]:
    return problem.errors(include_url=False, include_input=False, include_context=False)


def _only_missing(problem: ValidationError) -> bool:
    return all(each["type"] == "missing" for each in _problems(problem))


def _reach(answer: Any, where: Path) -> Path:
    """As far as a place leads into the answer: it goes on inside of the library."""
    inside: Any = answer
    for depth, step in enumerate(where):
        if not isinstance(inside, list if isinstance(step, int) else dict):
            return where[:depth]
        members: Any = inside
        if isinstance(step, str) and step not in members:
            return where[:depth]
        inside = members[step]
    return where


def _without(answer: Any, odd: set[Path]) -> Any:
    """A copy of the answer without what is at these places, and without lists of nothing else."""
    inside: dict[int | str, set[Path]] = {}
    for first, *rest in odd:
        inside.setdefault(first, set()).add(tuple(rest))
    if isinstance(answer, list):
        kept = [(n, item) for n, item in enumerate(answer) if () not in inside.get(n, ())]
        return [_without(item, inside[n]) if n in inside else item for n, item in kept] or _NOTHING
    left = {}
    for name, member in answer.items():
        if name not in inside:
            left[name] = member
        elif () not in inside[name] and (rest := _without(member, inside[name])) is not _NOTHING:
            left[name] = rest
    return left


#: A list of which nothing is left.
_NOTHING: Any = object()

Row = TypeVar("Row", bound=Answer)


class Table(list[Row]):
    """A list that shows itself as a table, in plain text and in HTML.

    A subclass says what its rows are, under which member an answer holds them, what is shown, and what else
    the answer says of all of them (`about`). Rows that do not fit are left out, unless they are no list
    without each of them (`whole`).
    """

    #: Heading of a column → attribute of a row.
    columns: ClassVar[dict[str, str]] = {}
    _page: ClassVar[type[BaseModel]]
    _row: ClassVar[type[Answer]]
    _about: ClassVar[tuple[str, ...]]

    def __init_subclass__(
        cls, *, row: type[Answer], member: str, whole: bool = False, about: tuple[str, ...] = ()
    ) -> None:
        super().__init_subclass__()
        cls._row, cls._about = row, about
        rows: Any = (tuple[row, ...], Field(alias=member))  # type: ignore[valid-type]  # known when it runs
        others: Any = dict.fromkeys(about, (str | None, None))
        cls._page = page = create_model(f"{cls.__name__}Page", __base__=Answer, rows=rows, **others)
        page._whole = whole

    @classmethod
    def read(cls, answer: Any) -> Self:
        """Make the list out of the answer that holds it."""
        page: Any = cls._page.model_validate(answer)
        table = cls(page.rows)
        for name in cls._about:
            setattr(table, name, getattr(page, name))
        return table

    def _cells(self) -> list[list[Cell]]:
        return [[self._cell(row, attribute) for attribute in self.columns.values()] for row in self]

    def _cell(self, row: Row, attribute: str) -> Cell:
        value = getattr(row, attribute)
        if isinstance(value, datetime):
            return moment(value)
        is_long = isinstance(value, str) and len(value) >= _LONGEST_NAME
        return identifier(value) if is_long and attribute.endswith("id") else cell(value)

    @property
    def _numbers(self) -> list[str]:
        """The headings of columns that hold numbers."""
        fields = self._row.model_fields
        kinds = {name: fields[name].annotation for name in self.columns.values() if name in fields}
        return [heading for heading, name in self.columns.items() if int in get_args(kinds.get(name))]

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
        kinds = {name: _kind(fields[name].annotation) for name in names if name in fields}
        return data_frame(columns, rows=len(self), moments=moments, kinds=kinds)

    def model_dump(self, **options: Any) -> list[dict[str, Any]]:
        """The rows as plain data, each as pydantic's ``model_dump`` gives it: ``mode="json"`` for JSON.

        Example:
            >>> json.dumps(client.list_projects().model_dump(mode="json"))
            '[{"id": ...'
        """
        return [row.model_dump(**options) for row in self]

    def __repr__(self) -> str:
        if not self:
            noun = re.findall("[A-Z][a-z]+", type(self).__name__)[-1]
            return f"No {noun.lower()}."
        return text_table(list(self.columns), self._cells(), numbers=self._numbers)

    def _repr_html_(self) -> str:
        return output(self.markup())

    def markup(self) -> str:
        """The table, to stand within an output."""
        if not self:
            return f'<p class="codika-notice">{self!r}</p>'
        name = type(self).__name__
        return html_table(list(self.columns), self._cells(), numbers=self._numbers, label=name)


#: An id that is shorter than this is a name, such as that of a workflow.
_LONGEST_NAME = 16


def _kind(annotation: Any) -> str:
    """What a column of a data frame holds, which nobody could tell of one without values."""
    kinds = {annotation, *get_args(annotation)}
    return (
        "boolean" if bool in kinds else "Int64" if int in kinds else "Float64" if float in kinds else "object"
    )


def _datum(value: object) -> object:
    """A value as a data frame has it: what is nested as a plain dict, of the members that are known."""
    if isinstance(value, Answer):
        return {name: _datum(getattr(value, name)) for name in type(value).model_fields}
    return value
