"""Fields of forms: what a workflow takes, what it gives, and what a deployment is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from .wire import Model


class Option(Model):
    """One choice of a select, multiselect or radio field."""

    value: str
    label: str

    @model_validator(mode="before")
    @classmethod
    def _of_one(cls, given: Any) -> Any:
        """A plain value is its own label, and so is one that has none."""
        if isinstance(given, str | int | float):
            return {"value": given, "label": given}
        unlabelled = isinstance(given, Mapping) and "value" in given and given.get("label") is None
        return {**given, "label": given["value"]} if unlabelled else given

    @field_validator("value", "label", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        return _as_text(given)


def _as_text(given: Any) -> Any:
    if isinstance(given, bool):
        return str(given).lower()
    return _digits(given) if isinstance(given, float) else str(given) if isinstance(given, int) else given


def _digits(number: float) -> str:
    """The shortest text that is this number when it is read; as in JavaScript, 3.0 is "3"."""
    shortest = repr(number or 0.0)  # which has no sign
    if 1e-6 <= abs(number) < 1e21:
        shortest = format(Decimal(shortest), "f")
    digits, e, power = shortest.removesuffix(".0").partition("e")
    return f"{digits}e{int(power):+d}" if e else digits


class _Described(Model):
    # A number that stands where a text belongs is said, and sent as it is: see `Configuration.read`.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    description: str | None = None
    tooltip: str | None = None
    placeholder: str | None = None


def is_field(part: object) -> bool:
    """Whether it is a field, or what an array holds."""
    return isinstance(part, _Described)


class _OfOptions(_Described):
    @field_validator("default_value", mode="before", check_fields=False)
    @classmethod
    def _as_options_are(cls, given: Any) -> Any:
        return [_as_text(each) for each in given] if isinstance(given, list) else _as_text(given)


class StringItem(_Described):
    """An element of an array: one line of text."""

    type: Literal["string"] = "string"
    default_value: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    regex: str | None = None
    regex_error: str | None = None


class TextItem(_Described):
    """An element of an array: several lines of text."""

    type: Literal["text"] = "text"
    default_value: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    rows: int | None = None
    regex: str | None = None
    regex_error: str | None = None


class NumberItem(_Described):
    """An element of an array: a number, whole (``integer``) or not (``double``)."""

    type: Literal["number"] = "number"
    default_value: int | float | None = None
    number_type: Literal["integer", "double"] | None = None
    min: int | float | None = None
    max: int | float | None = None
    step: int | float | None = None


class BooleanItem(_Described):
    """An element of an array: yes or no."""

    type: Literal["boolean"] = "boolean"
    default_value: bool | None = None
    enabled_label: str | None = None
    disabled_label: str | None = None


class DateItem(_Described):
    """An element of an array: a date, as ISO text."""

    type: Literal["date"] = "date"
    default_value: str | None = None
    min_date: str | None = None
    max_date: str | None = None


class SelectItem(_OfOptions):
    """An element of an array: one of several options, from a list that drops down."""

    type: Literal["select"] = "select"
    default_value: str | None = None
    options: list[Option]


class RadioItem(_OfOptions):
    """An element of an array: one of several options, all in view."""

    type: Literal["radio"] = "radio"
    default_value: str | None = None
    options: list[Option]


ItemField = Annotated[
    StringItem | TextItem | NumberItem | BooleanItem | DateItem | SelectItem | RadioItem,
    Field(discriminator="type"),
]
"""What an array may hold; no multiselect, because arrays of arrays cannot be stored."""


class _Field(_Described):
    key: str
    label: str
    required: bool | None = None


class StringField(_Field, StringItem):
    """One line of text."""


class TextField(_Field, TextItem):
    """Several lines of text."""


class JSONField(TextField):
    """A field whose description cannot be read: whatever it takes, as JSON."""


class NumberField(_Field, NumberItem):
    """A number, whole (``integer``) or not (``double``)."""


class BooleanField(_Field, BooleanItem):
    """Yes or no: a box to tick."""


class DateField(_Field, DateItem):
    """A date, as ISO text."""


class SelectField(_Field, SelectItem):
    """One of several options, from a list that drops down."""


class RadioField(_Field, RadioItem):
    """One of several options, all in view."""


class MultiselectField(_Field, _OfOptions):
    """Any number of several options."""

    type: Literal["multiselect"] = "multiselect"
    default_value: list[str] | None = None
    options: list[Option]
    min_selections: int | None = None
    max_selections: int | None = None


class FileField(_Field):
    """A file to upload."""

    type: Literal["file"] = "file"
    max_size: int | None = None
    allowed_mime_types: list[str] | None = None
    show_preview: bool | None = None
    tags: list[str] | None = None


class _ArrayField(_Field):
    type: Literal["array"] = "array"
    default_value: list[str | bool | int | float] | None = None
    min_items: int | None = None
    max_items: int | None = None


class _ObjectField(_Field):
    type: Literal["object"] = "object"
    default_value: dict[str, Any] | None = None


class _ObjectArrayField(_Field):
    type: Literal["objectArray"] = "objectArray"
    default_value: list[dict[str, Any]] | None = None
    min_items: int | None = None
    max_items: int | None = None


class _Section(Model):
    type: Literal["section"] = "section"
    title: str
    description: str | None = None
    collapsible: bool | None = None
    default_open: bool | None = None


class ArrayField(_ArrayField):
    """A list of values of one kind, given by `item_field`."""

    item_field: ItemField


class ObjectField(_ObjectField):
    """A group of fields whose values form one object; `schema_` is sent as ``schema``."""

    schema_: list[FormField]


class ObjectArrayField(_ObjectArrayField):
    """A list of objects, each with the fields of `item_schema`."""

    item_schema: list[FormField]


class Section(_Section):
    """A titled group of fields; it has no value of its own."""

    input_schema: list[FormField]


_Plain = (
    StringField
    | TextField
    | NumberField
    | BooleanField
    | DateField
    | SelectField
    | MultiselectField
    | RadioField
)
FormField = Annotated[
    _Plain | FileField | ArrayField | ObjectField | ObjectArrayField | Section, Field(discriminator="type")
]
"""A field, or a section of fields, of an input or output schema."""


class DeploymentArrayField(_ArrayField):
    """A deployment parameter that is a list; its elements are strings unless `item_field` says otherwise."""

    item_field: ItemField | None = None


class DeploymentObjectField(_ObjectField):
    """A deployment parameter that is an object; `schema_` is sent as ``schema``."""

    schema_: list[DeploymentField]


class DeploymentObjectArrayField(_ObjectArrayField):
    """A deployment parameter that is a list of objects, each with the fields of `item_schema`."""

    item_schema: list[DeploymentField]


class DeploymentSection(_Section):
    """A titled group of deployment parameters."""

    input_schema: list[DeploymentField]


DeploymentField = Annotated[
    _Plain | DeploymentArrayField | DeploymentObjectField | DeploymentObjectArrayField | DeploymentSection,
    Field(discriminator="type"),
]
"""A field, or a section of fields, of the deployment parameters: all kinds but files."""

Schema = Sequence[FormField]


def fields(schema: Schema) -> Iterator[Any]:
    """The fields that have a value: those of sections in the sections' place."""
    for field in schema:
        if isinstance(field, Section):
            yield from fields(field.input_schema)
        else:
            yield field
