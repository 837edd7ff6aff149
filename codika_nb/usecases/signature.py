"""Form schemas as signatures of Python functions."""

from __future__ import annotations

import difflib
import keyword
import os
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from inspect import Parameter, Signature
from typing import Any, Literal, NamedTuple

from ..errors import call_error
from .fields import Schema, fields
from .json_schema import is_needed
from .uploads import File, file_at
from .words import read_date

__all__ = ["as_meant", "bound", "signature", "strangers"]


def signature(schema: Schema, returns: object = Any) -> Signature:
    """Keyword arguments for the fields of a schema; what has to be given comes first.

    Members whose names are none in Python go through ``**others``, as everything does without fields.
    """
    listed = {field.key: field for field in fields(schema)}.values()
    named = [field for field in listed if _is_a_name(field.key)]
    parameters = [
        Parameter(
            field.key,
            Parameter.KEYWORD_ONLY,
            annotation=_annotation(field) if field.required else _annotation(field) | None,
            default=Parameter.empty if is_needed(field) else getattr(field, "default_value", None),
        )
        for field in sorted(named, key=lambda field: not is_needed(field))
    ]
    if len(named) < len(listed) or not listed:
        parameters.append(Parameter("others", Parameter.VAR_KEYWORD, annotation=Any))
    return Signature(parameters, return_annotation=returns)


def bound(schema: Schema, function: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are given, with the defaults of those that are not, as Python binds arguments.

    Raises:
        TypeError: one is misspelt, or missing.
    """
    known = {field.key: field for field in fields(schema)}
    if not known:
        return dict(members)
    for stranger in strangers(schema, members):
        what = "member" if stranger.within else "keyword argument"
        meant = f"Did you mean {_as_argument(stranger.near)}?" if stranger.near else f"{stranger.takes}."
        raise call_error(f"{function}() got an unexpected {what} {stranger.path!r}. {meant}")
    missing = [repr(key) for key, field in known.items() if is_needed(field) and key not in members]
    if missing:
        several = f"arguments: {', '.join(missing)}" if len(missing) > 1 else f"argument: {missing[0]}"
        raise call_error(f"{function}() missing {len(missing)} required keyword-only {several}")
    defaults = {key: getattr(field, "default_value", None) for key, field in known.items()}
    return {key: value for key, value in {**defaults, **members}.items() if value is not None}


class Stranger(NamedTuple):
    """A member of an object that its schema does not have."""

    #: The object, as ``address`` or ``items[0]``; empty at the top.
    within: str
    name: str
    #: The members that the schema has there.
    known: list[str]
    #: Those that are given.
    given: Collection[str]

    @property
    def path(self) -> str:
        return f"{self.within}.{self.name}" if self.within else self.name

    @property
    def near(self) -> str | None:
        """The member that may be meant."""
        left = [name for name in self.known if name not in self.given]
        return next(iter(difflib.get_close_matches(self.name, left, n=1)), None)

    @property
    def takes(self) -> str:
        """Which members there are."""
        return f"{self.within or 'It'} takes {', '.join(self.known)}"


def strangers(schema: Schema, values: Mapping[str, Any], within: str = "") -> Iterator[Stranger]:
    """The members of objects, and of those in lists, that the schema does not have."""
    known = {field.key: field for field in fields(schema)}
    if known:
        yield from (Stranger(within, name, list(known), values) for name in values if name not in known)
    before = f"{within}." if within else ""
    for key, field in known.items():
        value = values.get(key)
        if field.type == "object" and isinstance(value, Mapping):
            yield from strangers(field.schema_, value, f"{before}{key}")
        elif field.type == "objectArray" and isinstance(value, list | tuple):
            for n, row in enumerate(value):
                if isinstance(row, Mapping):
                    yield from strangers(field.item_schema, row, f"{before}{key}[{n}]")


def as_meant(schema: Schema, values: Mapping[str, Any], *, read_files: bool) -> dict[str, Any]:
    """The same values, with the days of moments, and files read that are given as a path or as bytes.

    Args:
        schema: the form.
        values: what is given for it, as JSON has it.
        read_files: whether a text may be the path of a file.

    Raises:
        ConfigError: a path leads nowhere.
    """
    read = dict(values)
    for field in fields(schema):
        value = read.get(field.key)
        match field.type:
            case "date" if day := read_date(value):
                read[field.key] = day.isoformat()
            case "file" if (
                read_files and isinstance(value, (str, os.PathLike, bytes)) and File.read(value) is None
            ):
                read[field.key] = file_at(field.key, value)
            case "object" if isinstance(value, Mapping):
                read[field.key] = as_meant(field.schema_, value, read_files=read_files)
            case "objectArray" if isinstance(value, list):
                rows = [
                    as_meant(field.item_schema, row, read_files=read_files)
                    if isinstance(row, Mapping)
                    else row
                    for row in value
                ]
                read[field.key] = rows
    return read


def _as_argument(name: str) -> str:
    return repr(name) if _is_a_name(name) else f"**{{{name!r}: …}}"


def _is_a_name(key: str) -> bool:
    return key.isidentifier() and not keyword.iskeyword(key) and key != "others"


def _annotation(field: Any) -> Any:  # noqa: PLR0911 - one for each kind of field
    match field.type:
        case "number":
            return int if field.number_type == "integer" else float
        case "boolean":
            return bool
        case "date":
            return date | str
        case "select" | "radio":
            return _choice(field)
        case "multiselect":
            return list[_choice(field)]  # type: ignore[misc]  # made when it runs
        case "file":
            return str | os.PathLike[str] | bytes
        case "array":
            return list[_annotation(field.item_field)]  # type: ignore[misc]
        case "object":
            return dict[str, Any]
        case "objectArray":
            return list[dict[str, Any]]
        case _:
            return str


def _choice(field: Any) -> Any:
    values = tuple(option.value for option in field.options)
    return Literal[values] if values else str
