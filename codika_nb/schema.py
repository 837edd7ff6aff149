"""Form schemas as data: what fits an input schema, and how a result looks by an output schema.

No widgets here. Values are plain data by key, as they travel in a payload; blank is None, a text without
content, or an empty list, and a blank field that is not required is left out.

The platform does not say how a file travels in a payload. It is sent as
``{"fileName", "mimeType", "fileSize", "contentBase64"}``, the names that the platform uses wherever it
does speak of files; ``maxSize`` is taken for bytes.
"""

from __future__ import annotations

import base64
import binascii
import html
import math
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from .configuration import (
    ArrayField,
    BooleanItem,
    DateItem,
    FileField,
    FormField,
    ItemField,
    MultiselectField,
    NumberItem,
    ObjectArrayField,
    ObjectField,
    Option,
    RadioItem,
    Section,
    SelectItem,
    StringItem,
    TextItem,
)
from .display.markup import MOST_MEMBERS, tree
from .display.text import LONGEST, plain, readable
from .errors import InvalidResponseError

__all__ = ["Problem", "fields", "hint", "initial", "payload", "problems", "read_schema", "result_html"]

Schema = Sequence[FormField]
Path = tuple[str | int, ...]

#: Rows that a form begins with, and what of a result is shown; a notebook has to stay a file that opens.
MOST_AT_FIRST = 50
MOST_ROWS = 200
MOST_UNKNOWN_COLUMNS = 20
LONGEST_TEXT = 100_000
LARGEST_IMAGE = 4 * 1024**2
#: Characters and values of a whole result, with its files.
MOST_MARKUP = 2_000_000
MOST_VALUES = 10_000
#: About what a member of a tree has around it.
_MEMBER_MARKUP = 250

_reader: TypeAdapter[list[FormField]] = TypeAdapter(list[FormField])


def read_schema(given: object, of: str) -> list[FormField]:
    """The fields in a schema that came over the wire.

    Args:
        given: the JSON; None is a schema without fields.
        of: whose schema it is, for the error.

    Raises:
        InvalidResponseError: it is none, or one of a newer platform.
    """
    try:
        return [] if given is None else _reader.validate_python(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    raise InvalidResponseError(
        f"The schema of {of} cannot be read: {where}: {first['msg']}.",
        code="invalid-response",
        next_action="A newer codika-nb may know it: pip install -U codika-nb",
    )


def fields(schema: Schema) -> Iterator[Any]:
    """The fields that have a value: those of sections in the sections' place."""
    for field in schema:
        if isinstance(field, Section):
            yield from fields(field.input_schema)
        else:
            yield field


# --- what a form begins with -----------------------------------------------------------------------


def initial(schema: Schema) -> dict[str, Any]:
    """What a form of this schema holds before anything is typed."""
    return {field.key: initial_value(field) for field in fields(schema)}


def initial_value(field: FormField | ItemField) -> Any:  # noqa: PLR0911 - one for each kind of field
    """What one field holds before anything is typed."""
    match field:
        case BooleanItem():
            return bool(field.default_value)
        case MultiselectField():
            return list(field.default_value or ())
        case FileField() | Section():
            return None
        case ObjectField():
            return _merged(field.schema_, initial(field.schema_), field.default_value or {})
        case ArrayField():
            given: list[Any] = list(field.default_value or ())
            return given + [initial_value(field.item_field)] * (_rows_at_first(field) - len(given))
        case ObjectArrayField():
            rows = [initial(field.item_schema) | row for row in field.default_value or ()]
            return rows + [initial(field.item_schema) for _ in range(_rows_at_first(field) - len(rows))]
        case _:
            return field.default_value


def _merged(schema: Schema, first: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What an object holds at first, with the members that are given in their places."""
    for field in fields(schema):
        if field.key in given:
            member = given[field.key]
            if isinstance(field, ObjectField) and isinstance(member, Mapping):
                member = _merged(field.schema_, first[field.key], member)
            first[field.key] = member
    return first


def _rows_at_first(field: ArrayField | ObjectArrayField) -> int:
    return min(max(field.min_items or 0, 1), MOST_AT_FIRST) if field.required else 0


# --- what fits -------------------------------------------------------------------------------------


class Problem(NamedTuple):
    """Why a value does not fit, and where: ``("items", 0, "amount")``."""

    path: Path
    text: str

    @property
    def place(self) -> str:
        """The path as it is written in code: ``items[0].amount``."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return "".join(steps).removeprefix(".")


def problems(schema: Schema, values: Any) -> list[Problem]:
    """Everything that keeps these values from being sent; nothing if they fit.

    An optional object that is as it was at first may be incomplete: it is left out.
    """
    return list(_in_object(schema, values, ()))


def payload(schema: Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent for these values: the fields of the schema that are not blank."""
    found = ((field.key, _sent(field, values.get(field.key))) for field in fields(schema))
    return {key: value for key, value in found if value is not None}


def is_blank(value: Any) -> bool:
    """Whether nothing has been typed or chosen."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _sent(field: FormField | ItemField, value: Any) -> Any:
    """One value as it is sent; None if it is left out."""
    if is_blank(value):
        return None
    match field:
        case NumberItem() if isinstance(value, float) and field.number_type == "integer":
            return int(value) if value.is_integer() else value
        case ArrayField() if isinstance(value, list):
            return [_sent(field.item_field, item) for item in value if not is_blank(item)] or None
        case ObjectArrayField() if isinstance(value, list):
            return [payload(field.item_schema, row) if isinstance(row, Mapping) else row for row in value]
        case ObjectField() if isinstance(value, Mapping):
            return None if _may_be_left_out(field, value) else payload(field.schema_, value) or None
        case _:
            return value


def _may_be_left_out(field: ObjectField, value: Mapping[str, Any]) -> bool:
    """Whether this is an optional object that nobody has begun to fill in, and that is incomplete."""
    # A default that did not fit is not in the form.
    untouched = _is_part(payload(field.schema_, value), payload(field.schema_, initial_value(field)))
    return not field.required and untouched and any(_in_object(field.schema_, value, ()))


def _is_part(value: Any, whole: Any) -> bool:
    """Whether a value is there in another, an object at least in part."""
    if isinstance(value, Mapping) and isinstance(whole, Mapping):
        return all(key in whole and _is_part(member, whole[key]) for key, member in value.items())
    return bool(value == whole)


def _in_object(schema: Schema, values: Any, path: Path) -> Iterator[Problem]:
    if not isinstance(values, Mapping):
        yield Problem(path, "This has to be an object.")
        return
    for field in fields(schema):
        value, place = values.get(field.key), (*path, field.key)
        if not is_blank(value):
            yield from _in_field(field, value, place)
        elif field.required:
            yield Problem(place, _MISSING.get(field.type, "Fill this in."))


_MISSING = {
    **dict.fromkeys(("select", "radio"), "Choose one."),
    "multiselect": "Choose at least one.",
    "boolean": "Say yes or no.",
    "date": "Give a date.",
    "file": "Choose a file.",
    **dict.fromkeys(("array", "objectArray"), "Add at least one."),
}


def _in_field(field: FormField | ItemField, value: Any, path: Path) -> Iterator[Problem]:
    """What is wrong with a value that is not blank, and with its parts."""
    match field:
        case ObjectField():
            if not (isinstance(value, Mapping) and _may_be_left_out(field, value)):
                yield from _in_object(field.schema_, value, path)
        case ArrayField() | ObjectArrayField():
            yield from _in_list(field, value, path)
        case _:
            yield from (Problem(path, text) for text in _misfit(field, value) if text)


def _in_list(field: ArrayField | ObjectArrayField, value: Any, path: Path) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path, "This has to be a list.")
        return
    count = sum(not is_blank(item) for item in value)
    if count == 0:
        if field.required:
            yield Problem(path, _MISSING[field.type])
    elif text := _out_of_range(count, field.min_items, field.max_items, "Give at {} {}, not {}."):
        yield Problem(path, text)
    for n, item in enumerate(value):
        if isinstance(field, ObjectArrayField):
            yield from _in_object(field.item_schema, item, (*path, n))
        elif not is_blank(item):
            yield from _in_field(field.item_field, item, (*path, n))


def _misfit(field: FormField | ItemField, value: Any) -> Iterator[str]:
    """What is wrong with a plain value: at most a sentence."""
    match field:
        case StringItem() | TextItem():
            yield _misfit_text(field, value)
        case NumberItem():
            yield _misfit_number(field, value)
        case BooleanItem():
            yield "" if isinstance(value, bool) else "This is either yes or no."
        case DateItem():
            yield _misfit_date(field, value)
        case SelectItem() | RadioItem():
            yield "" if _is_option(value, field.options) else "Choose one of the options."
        case MultiselectField():
            yield _misfit_choices(field, value)
        case FileField():
            yield _misfit_file(field, value)


def _misfit_text(field: StringItem | TextItem, value: Any) -> str:
    if not isinstance(value, str):
        return "This has to be a text."
    if text := _out_of_range(len(value), field.min_length, field.max_length, "At {} {} characters, not {}."):
        return text
    pattern = _pattern(field.regex or "")
    if pattern is None or pattern.search(value):
        return ""
    return field.regex_error or "This does not have the form that is asked for."


@lru_cache
def _pattern(regex: str) -> re.Pattern[str] | None:
    """The pattern, which is JavaScript's; None if Python cannot read it, and the platform has to say."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what Python may read otherwise one day
            return re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", regex), re.ASCII)
    except (re.error, RecursionError, OverflowError):
        return None


def _misfit_number(field: NumberItem, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "Type a number, such as 12.5: digits, and a point before decimals."
    if isinstance(value, float) and not math.isfinite(value):
        return "This has to be a finite number."
    if field.number_type == "integer" and isinstance(value, float) and not value.is_integer():
        return "Type a whole number."
    if field.min is not None and value < field.min:
        return f"At least {number_text(field.min)}."
    if field.max is not None and value > field.max:
        return f"At most {number_text(field.max)}."
    return "" if _is_step(value, field) else f"In steps of {number_text(field.step)}, please."


def _is_step(value: float, field: NumberItem) -> bool:
    """Whether a number is on a step, counted from the smallest one, as in a browser's number fields."""
    if not field.step or field.step < 0:
        return True
    try:
        return (Decimal(str(value)) - Decimal(str(field.min or 0))) % Decimal(str(field.step)) == 0
    except (ArithmeticError, ValueError):  # more digits than anybody has typed
        return True


def _misfit_date(field: DateItem, value: Any) -> str:
    day = read_date(value)
    if day is None:
        return "Give a date, such as 2026-01-31."
    earliest, latest = read_date(field.min_date), read_date(field.max_date)
    if earliest and day < earliest:
        return f"Not before {date_text(earliest)}."
    if latest and day > latest:
        return f"Not after {date_text(latest)}."
    return ""


def read_date(value: Any) -> date | None:
    """The day that an ISO text begins with; None if it is none."""
    if not isinstance(value, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T|$)", value):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _misfit_choices(field: MultiselectField, value: Any) -> str:
    if not isinstance(value, list) or not all(_is_option(item, field.options) for item in value):
        return "Choose from the options."
    text = _out_of_range(len(value), field.min_selections, field.max_selections, "Choose at {} {}, not {}.")
    return text or ("" if len({*value}) == len(value) else "Choose each option once.")


def _is_option(value: Any, options: Iterable[Option]) -> bool:
    return isinstance(value, str) and any(value == option.value for option in options)


def _misfit_file(field: FileField, value: Any) -> str:
    file = File.read(value)
    if file is None:
        return "Choose a file."
    if field.max_size is not None and file.size > field.max_size:
        return f"This file has {size_text(file.size)}; at most {size_text(field.max_size)} are allowed."
    allowed = [kind.lower().strip() for kind in field.allowed_mime_types or ()]
    if allowed and not any(_is_of_kind(file, kind) for kind in allowed):
        return f"This is {_kind_text(file.kind)}; allowed is {kinds_text(allowed)}."
    return ""


def _is_of_kind(file: File, kind: str) -> bool:
    if kind.startswith("."):
        return file.name.lower().endswith(kind)
    return kind in (file.kind, "*/*") or (kind.endswith("/*") and file.kind.startswith(kind[:-1]))


def _out_of_range(size: float, least: float | None, most: float | None, text: str) -> str:
    if least is not None and size < least:
        return text.format("least", least, size)
    if most is not None and size > most:
        return text.format("most", most, size)
    return ""


# --- files -----------------------------------------------------------------------------------------


class File(NamedTuple):
    """A file in a payload or a result."""

    name: str
    kind: str
    size: int
    content: str
    """In base64."""

    @classmethod
    def read(cls, value: Any) -> File | None:
        """The file that a value stands for; None if it is none, or not there in full.

        Understood are the names that the platform itself uses for files, the shorter ones that workflows
        of n8n use, and ``data:`` addresses.
        """
        if isinstance(value, str):
            inline = re.fullmatch(r"data:([\w.+/-]*)(?:;[\w=.-]+)*;base64,([\w+/=\s]*)", value, re.ASCII)
            value = {"mimeType": inline[1], "contentBase64": inline[2]} if inline else None
        if not isinstance(value, Mapping):
            return None
        name, kind, content = (
            next((value[key] for key in keys if isinstance(value.get(key), str)), None) for keys in _FILE_KEYS
        )
        if content is None:
            return None
        content = "".join(content.split())
        try:
            size = len(base64.b64decode(content, validate=True))
        except (binascii.Error, ValueError):
            return None
        return cls(name or "file", (kind or "").lower().partition(";")[0].strip(), size, content)

    @classmethod
    def of(cls, name: str, kind: str, content: bytes) -> File:
        """A file to send."""
        return cls(name, kind, len(content), base64.b64encode(content).decode())

    def to_json(self) -> dict[str, Any]:
        """As it travels in a payload."""
        return {
            "fileName": self.name,
            "mimeType": self.kind,
            "fileSize": self.size,
            "contentBase64": self.content,
        }

    @property
    def is_picture(self) -> bool:
        """Whether a browser can show it as a picture, and no larger one than a notebook should hold."""
        return self.kind in _PICTURES and self.size <= LARGEST_IMAGE

    def picture(self, about: str) -> str:
        """The picture in HTML; what an SVG file says about scripts has no effect in such an element."""
        source = html.escape(f"data:{self.kind};base64,{self.content}")
        return f'<img alt="{html.escape(about)}" src="{source}">'


_FILE_KEYS = (
    ("fileName", "name"),
    ("mimeType", "contentType", "type"),
    ("contentBase64", "base64", "data"),
)
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")


# --- words -----------------------------------------------------------------------------------------


def hint(field: FormField | ItemField) -> str:  # noqa: PLR0911 - one for each kind of field
    """The limits of a field in words, for those that are better known before than after."""
    match field:
        case NumberItem():
            return _range_text(field.min, field.max, number_text)
        case DateItem():
            return _range_text(read_date(field.min_date), read_date(field.max_date), date_text)
        case StringItem() | TextItem() if (field.min_length or 0) > 1:
            return f"At least {field.min_length} characters."
        case MultiselectField():
            return _range_text(field.min_selections, field.max_selections, str, "Choose ")
        case ArrayField() | ObjectArrayField() if (field.min_items or 0) > 1:
            return f"At least {field.min_items}."
        case ObjectField() if not field.required and any(each.required for each in fields(field.schema_)):
            return "May be left out altogether."
        case FileField():
            kinds = kinds_text(field.allowed_mime_types or ())
            most = f"at most {size_text(field.max_size)}" if field.max_size else ""
            text = ", ".join(part for part in (kinds, most) if part)
            return f"{text[0].upper()}{text[1:]}." if text else ""
        case _:
            return ""


def _range_text(least: Any, most: Any, written: Any, before: str = "") -> str:
    if least is not None and most is not None:
        text = f"{written(least)} to {written(most)}" if least != most else f"exactly {written(least)}"
    elif least is not None or most is not None:
        text = f"at least {written(least)}" if most is None else f"at most {written(most)}"
    else:
        return ""
    text = f"{before}{text}."
    return text[0].upper() + text[1:]


def number_text(value: Any, decimals: int | None = None) -> str:
    """A number for people: thousands set apart from five digits on, as few decimals as needed."""
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.12g}"
    if decimals is not None and abs(value) < 1e15:
        text = f"{value:,.{decimals}f}"
    return text.replace(",", "\u202f" if abs(value) >= 10_000 else "")


def date_text(day: date) -> str:
    """A date for people; the month in letters, so that no two countries read it differently."""
    return f"{day.day} {day:%B %Y}"


def size_text(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"


def kinds_text(kinds: Iterable[str]) -> str:
    """Types of files for people: "PNG, JPEG or PDF"."""
    *others, last = [_kind_text(kind) for kind in kinds] or [""]
    return f"{', '.join(others)} or {last}" if others else last


def _kind_text(kind: str) -> str:
    group, _, name = kind.partition("/")
    if name == "*":
        return f"any {group}"
    return (
        _KINDS.get(kind) or (name or kind).removeprefix("x-").lstrip(".").upper() or "a file of unknown type"
    )


_KINDS = {
    "text/plain": "text",
    "image/svg+xml": "SVG",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
    "application/octet-stream": "any file",
}


# --- how a result looks ----------------------------------------------------------------------------


class _Room:
    """What of a result may still be written; all that is written is counted, pictures as well."""

    def __init__(self, characters: int, members: int) -> None:
        self.characters = characters
        self.members = members

    @property
    def is_full(self) -> bool:
        return self.characters <= 0 or self.members <= 0

    def take(self, markup: str) -> str:
        self.characters -= len(markup)
        self.members -= 1
        return markup


def result_html(schema: Schema, result: Any) -> str:
    """A workflow's result by its output schema; what the schema does not mention as a tree of its own.

    It says how much more there is where it becomes too much for a notebook.
    """
    room = _Room(MOST_MARKUP, MOST_VALUES)
    if not isinstance(result, Mapping) or not schema:
        return f'<div class="codika-result">{_tree(result, room)}</div>'
    shown = _members(schema, result, room)
    rest = _rest(schema, result)
    further = f"<h4>Not in the output schema</h4>{_tree(rest, room)}" if rest else ""
    return f'<div class="codika-result">{shown}{further}</div>'


def _members(schema: Schema, values: Mapping[str, Any], room: _Room) -> str:
    """The members of an object: short ones as a list of names and values, sections under their titles."""
    written = ""
    groups: Iterable[tuple[bool, Iterable[Any]]] = groupby(schema, lambda each: isinstance(each, Section))
    for is_section, group in groups:
        if is_section:
            written += "".join(_section(section, values, room) for section in group)
        else:
            terms, left = _while_room(list(group), lambda each: _term(each, values.get(each.key), room), room)
            written += f"<dl>{''.join(terms)}</dl>{_more(left)}"
    return written


def _section(section: Any, values: Mapping[str, Any], room: _Room) -> str:
    about = f"<p>{html.escape(section.description)}</p>" if section.description else ""
    heading = room.take(f"<h4>{html.escape(section.title)}</h4>{about}")
    return heading + _members(section.input_schema, values, room)


def _term(field: Any, value: Any, room: _Room) -> str:
    wide = isinstance(field, TextItem | FileField | ArrayField | ObjectField | ObjectArrayField)
    about = f' title="{html.escape(field.description)}"' if field.description else ""
    width = ' class="wide"' if wide else ""
    name = room.take(f"<div{width}><dt{about}>{html.escape(field.label)}</dt>")
    return f"{name}<dd>{value_html(field, value, room)}</dd></div>"


def value_html(field: Any, value: Any, room: _Room) -> str:
    """A value as its field says; a value of another kind as it is."""
    if room.is_full:
        return '<span class="quiet">…</span>'
    match field:
        case FileField() if not is_blank(value):
            files = value if isinstance(value, list) else [value]
            shown, left = _while_room(files, lambda each: _file_html(field, each, room), room)
            return "".join(shown) + _more(left)
        case ArrayField() if isinstance(value, list) and value:
            shown, left = _while_room(value, lambda each: value_html(field.item_field, each, room), room)
            return f"<ul>{''.join(f'<li>{each}</li>' for each in shown)}</ul>{_more(left)}"
        case ObjectField() if isinstance(value, Mapping):
            rest = _rest(field.schema_, value)
            return _members(field.schema_, value, room) + (_tree(rest, room) if rest else "")
        case ObjectArrayField() if isinstance(value, list) and value:
            return _table(field, value, room)
    shown_plainly = _plain_html(field, value)
    return _tree(value, room) if shown_plainly is None else room.take(shown_plainly)


def _plain_html(field: Any, value: Any) -> str | None:  # noqa: PLR0911 - one for each kind of field
    """A value without parts as its field says; None if it is of another kind."""
    if value is None or value in ("", []):
        return '<span class="quiet">–</span>'
    match field:
        case StringItem() | TextItem() if isinstance(value, str):
            return _paragraphs(value)
        case NumberItem() if isinstance(value, int | float) and not isinstance(value, bool):
            return f'<span class="number">{number_text(value, _decimals(field))}</span>'
        case BooleanItem() if isinstance(value, bool):
            said = (field.enabled_label or "Yes") if value else (field.disabled_label or "No")
            return f'<span class="{"yes" if value else "no"}">{html.escape(said)}</span>'
        case DateItem() if day := read_date(value):
            return f'<time datetime="{day}">{date_text(day)}</time>'
        case SelectItem() | RadioItem():
            return html.escape(_option_label(field.options, value))
        case MultiselectField() if isinstance(value, list):
            chosen = ", ".join(_option_label(field.options, item) for item in value[:MOST_ROWS])
            return html.escape(chosen) + _more(len(value) - MOST_ROWS)
    return None


def _while_room(values: Sequence[Any], written: Callable[[Any], str], room: _Room) -> tuple[list[str], int]:
    """As many values as there is room for, and how many there are besides."""
    shown: list[str] = []
    for value in values[:MOST_ROWS]:
        if room.is_full:
            break
        shown.append(written(value))
    return shown, len(values) - len(shown)


def _tree(value: Any, room: _Room) -> str:
    """A tree of as much of a value as there is room for."""
    if room.is_full:
        return _more(len(value) if isinstance(value, Mapping | list) else 1)
    here = _Room(room.characters, MOST_MEMBERS)
    kept, left = _fitting(value, here)
    room.members -= MOST_MEMBERS - here.members
    return room.take(tree(kept)) + _more(left)


def _fitting(value: Any, room: _Room) -> tuple[Any, int]:
    """As much of a value as a tree of it has room for, and how many members that leaves out."""
    if not isinstance(value, Mapping | list) or not value:
        room.characters -= len(html.escape(str(value)[:LONGEST]))
        return value, 0
    pairs = list(value.items() if isinstance(value, Mapping) else enumerate(value))
    kept, left = [], 0
    for n, (name, member) in enumerate(pairs):
        if room.members <= 0:
            kept += pairs[n:]  # which a tree counts, and does not write
            break
        if room.is_full:
            left += len(pairs) - n
            break
        room.take(" " * _MEMBER_MARKUP + html.escape(str(name)[:LONGEST]))
        part, besides = _fitting(member, room)
        kept.append((name, part))
        left += besides
    return (dict(kept) if isinstance(value, Mapping) else [part for _, part in kept]), left


def _option_label(options: Iterable[Option], value: Any) -> str:
    return next((option.label for option in options if option.value == value), plain(str(value)))


def _decimals(field: NumberItem) -> int | None:
    """As many as the steps of a field have, so that amounts of money look like some."""
    if not field.step or isinstance(field.step, int) or not 0 < field.step < math.inf:
        return None
    return max(0, -int(Decimal(str(field.step)).normalize().as_tuple().exponent))


def _paragraphs(text: str) -> str:
    shown = readable(text, LONGEST_TEXT)
    if "\n" not in shown.strip():
        return html.escape(shown)
    parts = (html.escape(part.strip("\n")).replace("\n", "<br>") for part in re.split(r"\n\s*\n", shown))
    return "".join(f"<p>{part}</p>" for part in parts if part)


def _rest(schema: Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    """The members that the schema does not mention."""
    known = {field.key for field in fields(schema)}
    return {key: value for key, value in values.items() if key not in known}


def _more(left: int) -> str:
    return f"<p>… and {number_text(left)} more</p>" if left > 0 else ""


def _table(field: ObjectArrayField, rows: list[Any], room: _Room) -> str:
    columns = list(fields(field.item_schema))
    known = {column.key for column in columns}
    objects = [row if isinstance(row, Mapping) else {"": row} for row in rows]
    unknown = dict.fromkeys(key for row in objects[:MOST_ROWS] for key in row if key not in known)
    others = list(unknown)[:MOST_UNKNOWN_COLUMNS]
    # A cell says by its class that it is a number, and the heading of its column with it.
    side = {column.key: ' class="number"' if isinstance(column, NumberItem) else "" for column in columns}
    heads = "".join(
        f'<th scope="col"{side[column.key]}>{html.escape(column.label)}</th>' for column in columns
    ) + "".join(f'<th scope="col">{html.escape(plain(str(key)))}</th>' for key in others)

    def cells(row: Mapping[str, Any]) -> str:
        known_cells = (f"<td{side[c.key]}>{value_html(c, row.get(c.key), room)}</td>" for c in columns)
        other_cells = (f"<td>{_tree(row[key], room) if key in row else ''}</td>" for key in others)
        return f"<tr>{''.join(known_cells)}{''.join(other_cells)}</tr>"

    room.take(heads)
    shown, left = _while_room(objects, cells, room)
    # A table that is wider than the page is scrolled by itself, by keyboard, too.
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{html.escape(field.label)}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(shown)}</tbody></table></div>{_more(left)}"
    )


def _file_html(field: FileField, value: Any, room: _Room) -> str:
    file = File.read(value)
    if file is None:
        return _file_elsewhere(value, room)
    name, size = html.escape(plain(file.name)), size_text(file.size)
    if len(file.content) > room.characters:
        return room.take(f'<p>{name} <span class="quiet">{size}; in .run.result</span></p>')
    if file.is_picture:
        # A browser saves what it shows: its bytes are here once.
        caption = f'<figcaption>{name} <span class="quiet">{size}</span></figcaption>'
        return room.take(f"<figure>{file.picture(f'{field.label}: {plain(file.name)}')}{caption}</figure>")
    # Always as plain bytes: what a result brings along is saved, and never opened as a page.
    address = f"data:application/octet-stream;base64,{html.escape(file.content)}"
    return room.take(f'<a download="{name}" href="{address}">{name}</a> <span class="quiet">{size}</span>')


def _file_elsewhere(value: Any, room: _Room) -> str:
    """A file that the result only names: by its address, or as something that the platform keeps."""
    address = value.get("url") if isinstance(value, Mapping) else value
    if isinstance(address, str) and len(address) <= LONGEST and re.match(r"https?://[^\s]+$", address):
        shown = html.escape(address)
        return room.take(f'<a href="{shown}" target="_blank" rel="noopener noreferrer">{shown}</a>')
    return _tree(value, room)
