"""Form schemas as JSON Schema, for programs and for language models."""

from __future__ import annotations

import re
from typing import Any

from .fields import (
    ArrayField,
    FormField,
    ItemField,
    JSONField,
    NumberItem,
    ObjectArrayField,
    Option,
    Schema,
    StringItem,
    TextItem,
    fields,
)
from .schema import hint, is_blank

__all__ = ["DIALECT", "is_needed", "json_schema"]

#: JSON Schema 2020-12.
DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: A file in a payload, and in a result (codika 3.6.0).
_FILE = {
    "type": "object",
    "properties": {
        "fileName": {"type": "string"},
        "mimeType": {"type": "string"},
        "fileSize": {"type": "integer", "minimum": 0, "description": "bytes"},
        "contentBase64": {"type": "string", "contentEncoding": "base64"},
    },
    "required": ["contentBase64"],
}


def json_schema(schema: Schema, *, closed: bool = True) -> dict[str, Any]:
    """The object that fields describe, as JSON Schema 2020-12.

    Args:
        schema: the fields; those of sections are members of the object itself, as in a payload.
        closed: whether other members are refused, as for what a workflow takes.

    Example:
        >>> from codika_nb.usecases.fields import StringField
        >>> json_schema([StringField(key="name", label="Name", required=True)])["required"]
        ['name']
    """
    described = {field.key: _described(field) for field in fields(schema)}
    written: dict[str, Any] = {"type": "object", "properties": described}
    if required := dict.fromkeys(field.key for field in fields(schema) if is_needed(field)):
        written["required"] = list(required)
    if closed:
        written["additionalProperties"] = False
    return written


def is_needed(field: Any) -> bool:
    """Whether a value has to be given: one is required, and there is no default, or a blank one."""
    return bool(field.required) and is_blank(getattr(field, "default_value", None))


def _described(field: FormField | ItemField) -> dict[str, Any]:
    about = [getattr(field, name, None) for name in ("label", "description", "tooltip", "placeholder")]
    words = [str(each).rstrip(".") for each in about[:3] if each]
    if about[3]:
        words.append(f"For example: {about[3]}")
    words += _further(field)
    written = {} if isinstance(field, JSONField) else _kind(field)
    if words:
        written["description"] = ". ".join(dict.fromkeys(words)) + "."
    if not is_blank(default := getattr(field, "default_value", None)):
        written["default"] = default
    return written


def _further(field: Any) -> list[str]:
    """What has no word of its own in JSON Schema, or none that programs agree about."""
    if field.type == "number" and field.step and not _is_counted(field):
        return [f"In steps of {field.step}"]
    if field.type in ("date", "file"):
        return [hint(field).rstrip(".")] * bool(hint(field))
    if field.type in ("string", "text") and field.regex and not _is_pattern(field.regex):
        return [f"Has to match {field.regex}"]
    if field.type in ("select", "radio", "multiselect"):
        told = [f"{each.value} is {each.label}" for each in field.options if each.label != each.value]
        return ["; ".join(told)] if told else []
    return []


def _kind(field: Any) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind of field
    match field.type:
        case "string" | "text":
            pattern = {"pattern": field.regex} if field.regex and _is_pattern(field.regex) else {}
            return _text(field) | pattern
        case "number":
            kind = "integer" if field.number_type == "integer" else "number"
            steps = {"multipleOf": field.step} if _is_counted(field) else {}
            return {"type": kind, **_given(minimum=field.min, maximum=field.max), **steps}
        case "boolean":
            return {"type": "boolean"}
        case "date":
            return {"type": "string", "format": "date"}
        case "select" | "radio":
            return _choice(field.options)
        case "multiselect":
            least = field.min_selections or (1 if field.required else None)
            bounds = _given(minItems=least, maxItems=field.max_selections)
            return {"type": "array", "items": _choice(field.options), "uniqueItems": True, **bounds}
        case "file":
            return dict(_FILE)
        case "array":
            return {"type": "array", "items": _described(field.item_field), **_length(field)}
        case "object":
            return json_schema(field.schema_)
        case "objectArray":
            return {"type": "array", "items": json_schema(field.item_schema), **_length(field)}
    raise AssertionError(f"no kind of field: {field!r}")  # the schemas that are read know no other


def _text(field: StringItem | TextItem) -> dict[str, Any]:
    # What is blank counts as missing.
    least = max(field.min_length or 0, 1) if getattr(field, "required", None) else field.min_length
    return {"type": "string", **_given(minLength=least, maxLength=field.max_length)}


def _is_pattern(regex: str) -> bool:
    """Whether every program can read it: JSON Schema's patterns are JavaScript's, as these are."""
    try:
        re.compile(regex)
    except re.error:
        return False
    return True


def _is_counted(field: NumberItem) -> bool:
    """Whether steps are whole and count from zero, as JSON Schema's do; fractions do not add up."""
    return isinstance(field.step, int) and field.step > 0 and not field.min


def _length(field: ArrayField | ObjectArrayField) -> dict[str, Any]:
    least = max(field.min_items or 0, 1) if field.required else field.min_items
    return _given(minItems=least, maxItems=field.max_items)


def _choice(options: list[Option]) -> dict[str, Any]:
    values = list(dict.fromkeys(option.value for option in options))
    return {"type": "string", "enum": values} if values else {"type": "string"}


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
