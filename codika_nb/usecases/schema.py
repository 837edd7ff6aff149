"""What fits into a form, what is sent, and an example of it: the input schema of a workflow."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from ..display.text import plain
from .fields import (
    ArrayField,
    BooleanItem,
    DateItem,
    FileField,
    FormField,
    ItemField,
    JSONField,
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
from .uploads import File
from .words import date_text, kind_text, kinds_text, number_text, read_date, size_text

Path = tuple[str | int, ...]

#: Rows that a form begins with, and what of a result is shown; a notebook has to stay a file that opens.
MOST_AT_FIRST = 50

#: Options that a sentence names.
_MOST_CHOICES = 12


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
                member = _merged(field.schema_, first.get(field.key) or {}, member)
            first[field.key] = member
    return first


def _rows_at_first(field: ArrayField | ObjectArrayField) -> int:
    return _rows_shown(field) if field.required else 0


def _rows_shown(field: ArrayField | ObjectArrayField) -> int:
    return min(max(field.min_items or 0, 1), MOST_AT_FIRST)


def hint(field: FormField | ItemField) -> str:  # noqa: PLR0911 - one for each kind of field
    """The limits of a field in words, for those that are better known before than after."""
    match field:
        case NumberItem():
            return _range_text(field.min, field.max, number_text)
        case DateItem():
            first, last = read_date(field.min_date), read_date(field.max_date)
            text = _range_text(first, last, date_text)
            return text.replace("At least", "From").replace("At most", "Until")
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


def example(schema: Schema) -> dict[str, Any]:
    """A payload that shows what a workflow takes, with the schema's defaults and placeholders.

    It has what has to be sent, or some of what may be. A program has to send also what is filled in for
    people.

    Example:
        >>> from codika_nb.usecases.fields import StringField
        >>> example([StringField(key="name", label="Name", required=True, placeholder="Ada")])
        {'name': 'Ada'}
    """
    known = list(fields(schema))
    shown = [field for field in known if field.required] or known[:3]
    return {field.key: _shown(field) for field in shown}


def _shown(field: Any) -> Any:  # noqa: PLR0911 - one for each kind of field
    default = getattr(field, "default_value", None)
    if not (is_blank(default) or isinstance(field, ObjectField)):
        return default
    match field:
        case JSONField():
            return {}
        case NumberItem():
            return _first_fitting(field, field.min, field.max, 1, 0)
        case BooleanItem():
            return True
        case DateItem():
            today = date.today().isoformat()  # noqa: DTZ011 - a day as people write it
            return _first_fitting(field, field.min_date, today, field.max_date)
        case SelectItem() | RadioItem():
            return field.options[0].value if field.options else "…"
        case MultiselectField():
            return [option.value for option in field.options[: field.min_selections or 1]]
        case FileField():
            return {"fileName": "…", "contentBase64": "…"}
        case ArrayField():
            return [_shown(field.item_field)] * _rows_shown(field)
        case ObjectField():
            return _merged(field.schema_, example(field.schema_), default or {})
        case ObjectArrayField():
            return [example(field.item_schema)] * _rows_shown(field)
    return field.placeholder or _some_text(min(field.min_length or 1, 50), field.max_length)


def _some_text(least: int, most: int | None) -> str:
    return "…" if least <= 1 else ("text" * math.ceil(least / 4))[:most]


def _first_fitting(field: Any, *candidates: Any) -> Any:
    given = [each for each in candidates if each is not None]
    return next((each for each in given if not any(misfits(field, each))), given[0])


def is_blank(value: Any) -> bool:
    """Whether nothing has been typed or chosen."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _sent(field: FormField | ItemField, value: Any) -> Any:  # noqa: PLR0911 - one for each kind of field
    """One value as it is sent; None if it is left out."""
    if is_blank(value):
        return None
    match field:
        case JSONField() if isinstance(value, str):
            return value if _misfit_json(value) else json.loads(value)
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
            yield from field_problems(field, value, place)
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


def field_problems(field: FormField | ItemField, value: Any, path: Path = ()) -> Iterator[Problem]:
    """What is wrong with a value that is not blank, and with its parts."""
    match field:
        case ObjectField():
            if not (isinstance(value, Mapping) and _may_be_left_out(field, value)):
                yield from _in_object(field.schema_, value, path)
        case ArrayField() | ObjectArrayField():
            yield from _in_list(field, value, path)
        case _:
            yield from (Problem(path, text) for text in misfits(field, value) if text)


def default_problems(field: Any, value: Any, path: Path = ()) -> Iterator[Problem]:
    """What of a default does not fit; a member that it leaves out is filled in later."""
    match field.type, value:
        case "object", Mapping():
            for each in fields(field.schema_):
                if not is_blank(member := value.get(each.key)):
                    yield from default_problems(each, member, (*path, each.key))
        case "objectArray", list():
            for n, row in enumerate(value):
                for each in fields(field.item_schema):
                    if not is_blank(member := row.get(each.key)):
                        yield from default_problems(each, member, (*path, n, each.key))
        case "array", list():
            for n, item in enumerate(value):
                yield from default_problems(field.item_field or StringItem(), item, (*path, n))
        case _:
            yield from (Problem(path, text) for text in misfits(field, value) if text)


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
            yield from field_problems(field.item_field, item, (*path, n))


def misfits(field: FormField | ItemField, value: Any) -> Iterator[str]:
    """What is wrong with a plain value: at most a sentence."""
    match field:
        case JSONField():
            yield _misfit_json(value) if isinstance(value, str) else ""
        case StringItem() | TextItem():
            yield _misfit_text(field, value)
        case NumberItem():
            yield _misfit_number(field, value)
        case BooleanItem():
            yield "" if isinstance(value, bool) else "This is either true or false."
        case DateItem():
            yield _misfit_date(field, value)
        case SelectItem() | RadioItem():
            yield "" if _is_option(value, field.options) else f"Choose one of the options: {choices(field)}."
        case MultiselectField():
            yield _misfit_choices(field, value)
        case FileField():
            yield _misfit_file(field, value)


def _misfit_json(value: Any) -> str:
    try:
        json.loads(value)
    except (TypeError, ValueError, RecursionError):
        return 'This is not JSON: {"name": "value"}, [1, 2], "text" or 1.5.'
    return ""


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
        return _compiled(regex)
    except _NO_PATTERN:
        return None


#: What Python says of a pattern that JavaScript cannot read either.
_UNREADABLE = ("missing ),", "unterminated character set", "unbalanced parenthesis", "nothing to repeat")
_NO_PATTERN = (re.error, RecursionError, OverflowError)


def regex_problem(regex: str) -> str:
    """Why a pattern can be read by nobody; nothing where JavaScript may read it."""
    try:
        _compiled(regex)
    except _NO_PATTERN as error:
        said = str(error)
        if said.startswith(_UNREADABLE) and not re.search(r"\[\^?\]|\{,", regex):
            return said
    return ""


def _compiled(regex: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what Python may read otherwise one day
        return re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", regex), re.ASCII)


def _misfit_number(field: NumberItem, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        as_what = "a number, such as 12.5: digits, and a point before decimals"
        return (
            f"This has to be {'a whole number, such as 12' if field.number_type == 'integer' else as_what}."
        )
    if isinstance(value, float) and not math.isfinite(value):
        return "This has to be a finite number."
    if field.number_type == "integer" and isinstance(value, float) and not value.is_integer():
        return "This has to be a whole number."
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
        steps = (Decimal(str(value)) - Decimal(str(field.min or 0))) / Decimal(str(field.step))
        # What 0.1 + 0.2 makes of 0.3 is nobody's mistake.
        return abs(steps - steps.to_integral_value()) <= Decimal("1e-9") * max(Decimal(1), abs(steps))
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


def _misfit_choices(field: MultiselectField, value: Any) -> str:
    if not isinstance(value, list) or not all(_is_option(item, field.options) for item in value):
        return f"Choose from the options: {choices(field)}."
    text = _out_of_range(len(value), field.min_selections, field.max_selections, "Choose at {} {}, not {}.")
    return text or ("" if len({*value}) == len(value) else "Choose each option once.")


def choices(field: Any) -> str:
    """The values of a field with options, the first of many."""
    values = [plain(option.value, 40) for option in field.options]
    return ", ".join(values[:_MOST_CHOICES]) + (", …" if len(values) > _MOST_CHOICES else "")


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
        return f"This is {kind_text(file.kind)}; allowed is {kinds_text(allowed)}."
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
