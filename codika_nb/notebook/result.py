"""How a result looks, by the output schema."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from ..display.markup import MOST_MARKUP, Budget, table_of, tree
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

#: Values of a whole result.
MOST_VALUES = 10_000


def result_html(schema: Schema, result: Any) -> str:
    """A workflow's result by its output schema; what the schema does not mention as a tree of its own.

    It says how much more there is where it becomes too much for a notebook.
    """
    budget = Budget(MOST_MARKUP, MOST_VALUES)
    if not isinstance(result, Mapping) or not schema:
        return f'<div class="codika-result">{tree(result, budget)}</div>'
    shown = _members(schema, result, budget)
    rest = _rest(schema, result)
    further = f"<h4>Not in the output schema</h4>{tree(rest, budget)}" if rest else ""
    return f'<div class="codika-result">{shown}{further}</div>'


def _members(schema: Schema, values: Mapping[str, Any], budget: Budget) -> str:
    """The members of an object: short ones as a list of names and values, sections under their titles."""
    written = ""
    groups: Iterable[tuple[bool, Iterable[Any]]] = groupby(schema, lambda each: isinstance(each, Section))
    for is_section, group in groups:
        if is_section:
            written += "".join(_section(section, values, budget) for section in group)
        else:
            terms, left = _as_many(
                list(group), lambda each: _term(each, values.get(each.key), budget), budget
            )
            written += f"<dl>{''.join(terms)}</dl>{_more(left)}"
    return written


def _section(section: Any, values: Mapping[str, Any], budget: Budget) -> str:
    about = f"<p>{html.escape(section.description)}</p>" if section.description else ""
    heading = budget.take(f"<h4>{html.escape(section.title)}</h4>{about}")
    return heading + _members(section.input_schema, values, budget)


def _term(field: Any, value: Any, budget: Budget) -> str:
    wide = isinstance(field, TextItem | FileField | ArrayField | ObjectField | ObjectArrayField)
    about = f' title="{html.escape(field.description)}"' if field.description else ""
    width = ' class="wide"' if wide else ""
    name = budget.take(f"<div{width}><dt{about}>{html.escape(field.label)}</dt>")
    return f"{name}<dd>{value_html(field, value, budget)}</dd></div>"


def value_html(field: Any, value: Any, budget: Budget) -> str:
    """A value as its field says; a value of another kind as it is."""
    if budget.is_spent:
        return '<span class="quiet">…</span>'
    match field:
        case FileField() if not is_blank(value):
            files = value if isinstance(value, list) else [value]
            shown, left = _as_many(files, lambda each: _file_html(field, each, budget), budget)
            return "".join(shown) + _more(left)
        case ArrayField() if isinstance(value, list) and value:
            shown, left = _as_many(value, lambda each: value_html(field.item_field, each, budget), budget)
            return f"<ul>{''.join(f'<li>{each}</li>' for each in shown)}</ul>{_more(left)}"
        case ObjectField() if isinstance(value, Mapping):
            rest = _rest(field.schema_, value)
            return _members(field.schema_, value, budget) + (tree(rest, budget) if rest else "")
        case ObjectArrayField() if isinstance(value, list) and value:
            return _table(field, value, budget)
    shown_plainly = _plain_html(field, value)
    return tree(value, budget) if shown_plainly is None else budget.take(shown_plainly)


def _plain_html(field: Any, value: Any) -> str | None:  # noqa: PLR0911 - one for each kind of field
    """A value without parts as its field says; None if it is of another kind."""
    if value is None or value in ("", []):
        return '<span class="quiet">–</span>'
    match field:
        case StringItem() | TextItem() if isinstance(value, str):
            return _paragraphs(value)
        case NumberItem() if isinstance(value, int | float) and not isinstance(value, bool):
            return f'<span class="codika-number">{number_text(value, _decimals(field))}</span>'
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


def _as_many(values: Sequence[Any], written: Callable[[Any], str], budget: Budget) -> tuple[list[str], int]:
    """As many values as the budget suffices for, and how many there are besides."""
    shown: list[str] = []
    for value in values[:MOST_ROWS]:
        if budget.is_spent:
            break
        shown.append(written(value))
    return shown, len(values) - len(shown)


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


def _table(field: ObjectArrayField, rows: list[Any], budget: Budget) -> str:
    columns = list(fields(field.item_schema))
    known = {column.key for column in columns}
    objects = [row if isinstance(row, Mapping) else {"": row} for row in rows[:MOST_ROWS]]
    unknown = dict.fromkeys(key for row in objects for key in row if key not in known)
    others = list(unknown)[:MOST_UNKNOWN_COLUMNS]
    # A cell says by its class that it is a number, and the heading of its column with it.
    side = {
        column.key: ' class="codika-number"' if isinstance(column, NumberItem) else "" for column in columns
    }
    heads = "".join(
        f'<th scope="col"{side[column.key]}>{html.escape(column.label)}</th>' for column in columns
    ) + "".join(f'<th scope="col">{html.escape(plain(str(key)))}</th>' for key in others)

    def cells(row: Mapping[str, Any]) -> str:
        known_cells = (f"<td{side[c.key]}>{value_html(c, row.get(c.key), budget)}</td>" for c in columns)
        other_cells = (f"<td>{tree(row[key], budget) if key in row else ''}</td>" for key in others)
        return f"<tr>{''.join(known_cells)}{''.join(other_cells)}</tr>"

    budget.take(heads)
    shown = _as_many(objects, cells, budget)[0]
    left = len(rows) - len(shown)
    return table_of(field.label, heads, shown) + _more(left)


def _file_html(field: FileField, value: Any, budget: Budget) -> str:
    file = File.read(value)
    if file is None:
        return _file_elsewhere(value, budget)
    # What is shown may be cut, but what is saved has its own name.
    saved, name = (html.escape(_file_name(file.name, longest)) for longest in (LONGEST, 80))
    size = size_text(file.size)
    if len(file.content) > budget.characters:
        return budget.take(f'<p>{name} <span class="quiet">{size}; in .run.result</span></p>')
    if file.is_picture:
        # A browser saves what it shows: its bytes are here once.
        caption = f'<figcaption>{name} <span class="quiet">{size}</span></figcaption>'
        return budget.take(f"<figure>{file.picture(f'{field.label}: {plain(file.name)}')}{caption}</figure>")
    # Always as plain bytes: what a result brings along is saved, and never opened as a page.
    address = f"data:application/octet-stream;base64,{html.escape(file.content)}"
    return budget.take(f'<a download="{saved}" href="{address}">{name}</a> <span class="quiet">{size}</span>')


def _file_name(name: str, longest: int) -> str:
    """A file's name; of one that is too long the beginning, and the end with the extension."""
    whole = plain(name, LONGEST_TEXT)
    end = whole[-24:]
    return whole if len(whole) <= longest else f"{whole[: longest - len(end) - 1]}…{end}"


def _file_elsewhere(value: Any, budget: Budget) -> str:
    """A file that the result only names: by its address, or as something that the platform keeps."""
    address = value.get("url") if isinstance(value, Mapping) else value
    if isinstance(address, str) and len(address) <= LONGEST and re.match(r"https?://[^\s]+$", address):
        shown = html.escape(address)
        return budget.take(f'<a href="{shown}" target="_blank" rel="noopener noreferrer">{shown}</a>')
    return tree(value, budget)
