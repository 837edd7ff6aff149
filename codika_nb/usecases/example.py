"""A payload that shows what a workflow takes: what has to be given, with values of the right kind."""

from __future__ import annotations

from datetime import date
from typing import Any

from .fields import (
    ArrayField,
    BooleanItem,
    DateItem,
    FileField,
    MultiselectField,
    NumberItem,
    ObjectArrayField,
    ObjectField,
    RadioItem,
    Schema,
    SelectItem,
    fields,
)

__all__ = ["example"]


def example(schema: Schema) -> dict[str, Any]:
    """What has to be sent, or some of what may be, with the schema's defaults and placeholders.

    A program has to send also what is filled in for people.

    Example:
        >>> from codika_nb.usecases.fields import StringField
        >>> example([StringField(key="name", label="Name", required=True, placeholder="Ada")])
        {'name': 'Ada'}
    """
    known = list(fields(schema))
    shown = [field for field in known if field.required] or known[:3]
    return {field.key: _value(field) for field in shown}


def _value(field: Any) -> Any:  # noqa: PLR0911 - one for each kind of field
    if (default := getattr(field, "default_value", None)) is not None:
        return default
    match field:
        case NumberItem():
            return next((bound for bound in (field.min, field.max) if bound is not None), 1)
        case BooleanItem():
            return True
        case DateItem():
            return field.min_date or date.today().isoformat()  # noqa: DTZ011 - a day as people write it
        case SelectItem() | RadioItem():
            return field.options[0].value if field.options else "…"
        case MultiselectField():
            return [option.value for option in field.options[: field.min_selections or 1]]
        case FileField():
            return {"fileName": "…", "contentBase64": "…"}
        case ArrayField():
            return [_value(field.item_field)]
        case ObjectField():
            return example(field.schema_)
        case ObjectArrayField():
            return [example(field.item_schema)]
    return field.placeholder or "…"
