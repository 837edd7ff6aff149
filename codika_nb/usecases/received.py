"""A schema that came over the wire, made fit to be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from ..display.text import plain
from ..errors import InvalidResponseError
from .fields import ArrayField, DateItem, FormField, ItemField, JSONField, Option, RadioItem, SelectItem
from .schema import misfits
from .words import read_date

_reader: TypeAdapter[list[FormField]] = TypeAdapter(list[FormField])
_field_reader: TypeAdapter[FormField] = TypeAdapter(FormField)
_item_reader: TypeAdapter[ItemField] = TypeAdapter(ItemField)
_KINDS = {each.model_fields["type"].default for each in get_args(get_args(FormField)[0])}

#: Kinds of fields that hold a text.
_TEXTS = ("string", "text", "select", "radio", "date")


def read_schema(given: object, of: str) -> list[FormField]:
    """The fields in a schema that came over the wire; one that is odd hides none of the others.

    A default or an option that does not fit is left out or made text; a field that cannot be read at all
    takes JSON.

    Args:
        given: the JSON; None is a schema without fields.
        of: whose schema it is, for the error.

    Raises:
        InvalidResponseError: it is no list of fields.
    """
    if given is None:
        return []
    if isinstance(given, list) and (not given or any(isinstance(each, Mapping) for each in given)):
        return _reader.validate_python(_usable(given))
    raise InvalidResponseError(
        f"The schema of {of} cannot be read: it is no list of fields.",
        code="invalid-response",
        next_action="A newer codika-nb may know it: pip install -U codika-nb",
    )


def _usable(given: list[Any]) -> list[Any]:
    """The fields as they can be read; what has no key has no value, and is left out."""
    found = (_mended(each) for each in given if isinstance(each, Mapping))
    return [each for each in found if each is not None]


def _mended(given: Mapping[str, Any]) -> Mapping[str, Any] | JSONField | None:
    """A field as it can be read: without what does not fit; None if there is nothing to call it by."""
    mended = dict(given)
    for name in ("schema", "itemSchema", "inputSchema"):
        if isinstance(mended.get(name), list):
            mended[name] = _usable(mended[name])
    _mend_choices(mended)
    if isinstance(mended.get("itemField"), Mapping):
        item = dict(mended["itemField"])
        _mend_choices(item)
        mended["itemField"] = _fitting(item, _item_reader) or {"type": "string"}
    if isinstance(mended.get("key"), int):
        mended["key"] = str(mended["key"])
    if mended.get("type") == "section":
        if mended.get("title") is None:
            mended["title"] = ""
    elif not isinstance(mended.get("key"), str):
        return None
    elif not isinstance(mended.get("label"), str):
        mended["label"] = mended["key"]
    if fitting := _fitting(mended, _field_reader):
        return _with_fitting_default(fitting)
    if "key" not in mended:
        return None
    kind = plain(str(given.get("type")))
    what = (
        f"What this {kind} takes cannot be read"
        if kind in _KINDS
        else f"“{kind}” is no kind of field that is known here"
    )
    needed = mended.get("required") is True or None
    described = {"label": mended["label"], "required": needed, "description": f"{what}: give it as JSON."}
    return JSONField(key=mended["key"], **described)


def _with_fitting_default(given: dict[str, Any]) -> dict[str, Any]:
    """The field without what of its default is no day, or no element of its kind."""
    field = _field_reader.validate_python(given)
    default = getattr(field, "default_value", None)
    if isinstance(field, DateItem) and default is not None and read_date(default) is None:
        return {name: value for name, value in given.items() if name != "defaultValue"}
    if isinstance(field, ArrayField) and default is not None:
        has_options = isinstance(field.item_field, SelectItem | RadioItem)
        items = map(_chosen, default) if has_options else default
        fitting = [item for item in items if not any(misfits(field.item_field, item))]
        return given | {"defaultValue": fitting}
    return given


def _mend_choices(field: dict[str, Any]) -> None:
    """Make texts of a field's options, and of those that are chosen at first."""
    if isinstance(field.get("options"), list):
        field["options"] = [option for each in field["options"] if (option := _option(each))]
        values = [_chosen(each["value"]) for each in field["options"]]
        first = field.get("defaultValue")
        if isinstance(first, list):
            field["defaultValue"] = [each for each in map(_chosen, first) if each in values]
        elif first is not None and _chosen(first) in values:
            field["defaultValue"] = _chosen(first)
        else:
            field.pop("defaultValue", None)


def _chosen(given: Any) -> Any:
    if isinstance(given, str | int | float):
        return Option.model_validate({"value": given, "label": ""}).value
    return given


def _fitting(given: dict[str, Any], reader: TypeAdapter[Any]) -> dict[str, Any] | None:
    """The field without those members that do not fit; None if it needs them."""
    for _ in range(len(given)):
        try:
            reader.validate_python(given)
        except ValidationError as error:
            odd = {str(each["loc"][1]) for each in error.errors(include_url=False) if len(each["loc"]) > 1}
            if not odd & given.keys():
                return None
            for name in odd & given.keys():
                value = given.pop(name)
                is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
                if name == "defaultValue" and is_plain and given.get("type") in _TEXTS:
                    given[name] = str(value)
        else:
            return given
    return None


def _option(given: Any) -> dict[str, Any] | None:
    """An option with texts; None if nothing in it can be one."""
    whole = given if isinstance(given, Mapping) else {"value": given}
    texts = [
        _chosen(text) for name in ("value", "label") if isinstance(text := whole.get(name), str | int | float)
    ]
    return {**whole, "value": texts[0], "label": texts[-1]} if texts else None
