"""Form fields for what a workflow reads of its input, and for what its recorded items hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..rules.view import as_list, as_object, objects_in
from .reading import Value
from .report import Notes

#: What is said of a value of which recorded items show several kinds.
_SEVERAL = "several"
#: Deeper members are not declared, so that whatever is there is taken.
_DEEPEST = 4


class Form(NamedTuple):
    """Fields, and what a person has to know of them.

    Attributes:
        fields: as a configuration has them.
        as_text: what is taken for a text, as nothing tells its kind.
        open: what is left out: objects of unknown members, lists of unknown elements, and what is unknown
            in their elements. A payload may have them, and a field of the wrong kind would have it refused.
            (A lone value that is unknown is text, as forms give texts. Lists come from programs.)
        unnamed: what is left out as well, as no field can be called like that.
    """

    fields: list[dict[str, Any]]
    as_text: list[str]
    open: list[str]
    unnamed: list[str]

    def tell(self, node: str, notes: Notes) -> None:
        """Take down what a person has to check."""
        if self.fields:
            keys = ", ".join(each["key"] for each in self.fields)
            guessed = (
                f"The input form is guessed from what is read: {keys}. Check names and kinds in config.json"
            )
            if self.as_text:
                are = "are" if len(self.as_text) > 1 else "is"
                guessed += f"; {', '.join(self.as_text)} {are} taken as text, as nothing says otherwise"
            notes.decide(f"{guessed}.", node)
        if self.open:
            notes.decide(
                f"Nothing tells what is in {', '.join(self.open)}: the form leaves it out, and a payload may "
                "hold it as before. Declare it in the inputSchema to have it in the form.",
                node,
            )
        if self.unnamed:
            names = ", ".join(map(repr, self.unnamed))
            notes.decide(
                f"No field can be called {names}: the form leaves it out, "
                "and a payload may hold it as before.",
                node,
            )


def form(read: Value, recorded: Iterable[object] = ()) -> Form:
    """The form for an object, by what is read of it and by the objects that were recorded."""
    made = Form([], [], [], [])
    made.fields.extend(_rows(read, list(recorded), "", made))
    return made


def subworkflow_inputs(read: Value, recorded: Iterable[object] = ()) -> list[dict[str, str]]:
    """The same as inputs of a sub-workflow, which have names and kinds alone."""
    return [
        {"name": name, "type": kind if (kind := _kind(value, values)) not in ("", _SEVERAL) else "string"}
        for name, value, values in _members(read, recorded)
    ]


def _rows(read: Value, recorded: Iterable[object], place: str, made: Form) -> list[dict[str, Any]]:
    recorded = list(recorded)
    made.unnamed.extend(f"{place}{name}" for name in _names(read, recorded) if not _KEY.fullmatch(name))
    fields = (
        _field(name, value, values, f"{place}{name}", made)
        for name, value, values in _members(read, recorded)
    )
    return [field for field in fields if field]


def _members(read: Value, recorded: Iterable[object]) -> Iterator[tuple[str, Value, list[object]]]:
    """The members that are read or recorded, each with what is known of it and its recorded values."""
    recorded = list(recorded)
    for name in _names(read, recorded):
        if _KEY.fullmatch(name) and name != "executionMetadata":
            values = [each[name] for each in objects_in(recorded) if each.get(name) is not None]
            yield name, read.members.get(name, Value()), values


#: What a field can be called.
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def _names(read: Value, recorded: Iterable[object]) -> dict[str, None]:
    """The names of the members that are read or recorded, each once."""
    return dict.fromkeys([*read.members, *(name for each in objects_in(recorded) for name in each)])


def _field(name: str, read: Value, recorded: list[object], place: str, made: Form) -> dict[str, Any] | None:
    """The field for a member; None where none can tell what it takes."""
    field: dict[str, Any] = {"key": name, "label": label(name)}
    kind, inner, values = _kind(read, recorded), read, recorded
    if is_list := kind == "array":
        inner = read.elements or Value()
        values = [each for value in recorded for each in as_list(value) if each is not None]
        kind = _kind(inner, values) or ("string" if "sized" in inner.kinds else _SEVERAL)
    if kind == "object" and place.count(".") < _DEEPEST:
        said = len(made.open)
        if rows := _rows(inner, values, f"{place}{'[]' * is_list}.", made):
            several, one = {"type": "objectArray", "itemSchema": rows}, {"type": "object", "schema": rows}
            return field | (several if is_list else one)
        del made.open[said:]  # that goes for the whole
    if kind in ("array", "object", _SEVERAL) or (not kind and "[]" in place):
        made.open.append(place)
        return None
    if is_list:
        return field | {"type": "array", "itemField": {"type": kind}}
    if not kind:
        made.as_text.append(place)
    return field | {"type": kind or "string"}


def _kind(read: Value, recorded: Iterable[object]) -> str:
    """The kind of a value in the platform's words; empty if nothing tells, `_SEVERAL` if it has several."""
    if kinds := {kind_of(value) for value in recorded}:
        return kinds.pop() if len(kinds) == 1 else _SEVERAL
    if read.elements is not None:
        return "array"
    if read.members:
        return "object"
    certain = read.kinds - {"sized"}
    return certain.pop() if len(certain) == 1 else ""


def kind_of(value: object) -> str:
    """The kind of a value, in the words of the platform."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "string"


def label(name: str) -> str:
    """A key in words: ``orderId`` is "Order id"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").split()
    text = " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)
    return (text[:1].upper() + text[1:]) or name


def recorded_items(pinned: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The recorded items of a node; only their members and their kinds are looked at."""
    return objects_in([item.get("json", item) for item in objects_in(pinned.get(name))])


def example_inputs(example: object) -> list[dict[str, str]]:
    """The inputs in a ``jsonExample`` of a sub-workflow's trigger."""
    value = example
    if isinstance(example, str):
        try:
            value = json.loads(example)
        except (ValueError, RecursionError):
            return []
    return [{"name": k, "type": kind_of(v)} for k, v in as_object(value).items()]
