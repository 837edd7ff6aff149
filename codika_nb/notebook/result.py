"""How a result looks, by the output schema."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from ..display.markup import MOST_MEMBERS, tree
from ..display.text import LONGEST, plain, readable
from ..usecases.fields import (
    ArrayField,
    BooleanItem,
    DateItem,
    FileField,
    MultiselectField,
    NumberItem,
    ObjectArrayField,
    ObjectField,
    Option,
    RadioItem,
    Schema,
    Section,
    SelectItem,
    StringItem,
    TextItem,
    fields,
)
from ..usecases.schema import is_blank
from ..usecases.uploads import File
from ..usecases.words import date_text, number_text, read_date, size_text

MOST_ROWS = 200


MOST_UNKNOWN_COLUMNS = 20


LONGEST_TEXT = 100_000


#: Characters and values of a whole result, with its files.
MOST_MARKUP = 2_000_000


MOST_VALUES = 10_000


#: About what a member of a tree has around it.
_MEMBER_MARKUP = 250


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
