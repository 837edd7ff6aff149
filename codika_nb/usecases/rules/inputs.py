"""Rules about the fields that forms are made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ...display.text import plain
from ..fields import fields, is_field
from ..schema import default_problems, is_blank, regex_problem
from ..triggers import HttpTrigger
from ..wire import Model, wire_name
from ..words import read_date
from .view import Note, View, as_list, as_object, given_triggers


def inputs_are_as_documented(view: View) -> Iterator[Note]:
    """What older configurations have, and is read all the same."""
    given = view.source.given
    for place, field in _objects(given.get("deploymentInputSchema"), "deploymentInputSchema"):
        if "key" in field and "type" in field and "label" not in field:
            yield view.note(f"{place} has no label: its key is shown.")
    for place, trigger in given_triggers(given):
        if trigger.get("type") == "subworkflow":
            for n, field in enumerate(as_list(trigger.get("inputSchema"))):
                if isinstance(field, dict) and "name" in field and "key" not in field:
                    yield view.note(
                        f"{place}.inputSchema[{n}]: an input has a key; name is of older versions."
                    )
    for place, field in _objects(given, ""):
        first = field.get("defaultValue") if "options" in field else None
        if not all(isinstance(each, str) for each in as_list(first) or [first or ""]):
            yield view.note(f"{place}.defaultValue is no text, and is sent as one.")
        options = as_list(field.get("options"))
        for n, option in enumerate(options):
            texts = (
                {name: option.get(name) for name in ("value", "label")} if isinstance(option, dict) else {}
            )
            for name in [f".{name}" for name, text in texts.items() if not isinstance(text, str)]:
                yield view.note(f"{place}.options[{n}]{name} is no text, and is sent as one.")
        if alone := [n for n, option in enumerate(options) if not isinstance(option, dict)]:
            first, more = json.dumps(options[alone[0]], ensure_ascii=False), len(alone) - 1
            told = (
                f"{place}.options[{alone[0]}] is {first} alone{f', and so are {more} more' if more else ''}"
            )
            yield view.note(f"{told}: it is sent as its value and its label.")


def keys_are_distinct(view: View) -> Iterator[Note]:
    """No two fields of one form, or of one object in it, have the same key."""
    given = view.configuration.to_json()
    places: list[tuple[str, Mapping[str, Any], str]] = [("", given, "deploymentInputSchema")]
    for n, workflow in enumerate(as_list(given.get("workflows"))):
        places.append((f"workflows[{n}].", as_object(workflow), "outputSchema"))
    places += [(f"{place}.", trigger, "inputSchema") for place, trigger in given_triggers(given)]
    for place, holder, name in places:
        for where, key, first in _doubled(holder.get(name), f"{place}{name}"):
            yield view.note(f'{where}: "{key}" is the key of {first} as well, and one hides the other.')


def members_are_spelt_rightly(view: View) -> Iterator[Note]:
    """Members that are unknown here are kept and sent; what looks like a known one is a slip.

    So is any of a field: what it asks for is not asked for.
    """
    for place, name, near in _unknown(view.configuration):
        told = f"{place}{name} is unknown, and does nothing here"
        yield view.note(f"{told}: did you mean {near}?" if near else f"{told}.")


#: What members of fields are called elsewhere, by what they are called here.
_ELSEWHERE = {
    "min": ("minimum", "minValue"),
    "max": ("maximum", "maxValue"),
    "step": ("multipleOf", "increment"),
    "regex": ("pattern",),
    "options": ("choices", "enum", "values"),
    "defaultValue": ("value", "initialValue"),
    "description": ("help", "helpText", "hint"),
    "label": ("title", "name"),
    "required": ("optional", "nullable"),
    "numberType": ("integer", "isInteger"),
    "itemField": ("items", "item"),
    "schema": ("properties", "fields", "children"),
    "itemSchema": ("properties", "fields", "items"),
}


def _unknown(configuration: Model) -> Iterator[tuple[str, str, str]]:
    """Where a member is unknown, what it is called, and which it looks like, if any."""
    for place, part in _parts(configuration, ""):
        members = [wire_name(name) for name in type(part).model_fields]
        for name in part.model_extra or ():
            near = [each for each in members if len(name) > 2 and each.lower().startswith(name.lower())]
            if is_field(part):
                near += [each for each in members if name in _ELSEWHERE.get(each, ())]
            near += get_close_matches(name, members, n=1, cutoff=0.7)
            if near or (is_field(part) and not name.startswith("x-")):
                yield f"{place}." if place else "", plain(name), near[0] if near else ""


def _parts(part: object, place: str) -> Iterator[tuple[str, Model]]:
    """Every part of a configuration, with its place."""
    if isinstance(part, list):
        for n, each in enumerate(part):
            yield from _parts(each, f"{place}[{n}]")
    elif isinstance(part, Model):
        yield place, part
        for name in type(part).model_fields:
            inner = f"{place}.{wire_name(name)}" if place else wire_name(name)
            yield from _parts(getattr(part, name), inner)


def fields_can_be_filled_in(view: View) -> Iterator[Note]:
    """What a field asks for can be given, and its default is such a value."""
    for place, part in _parts(view.configuration, ""):
        if is_field(part):
            said = [*_contradictions(part)] or [*_of_the_default(part)]
            yield from (view.note(f"{place}{each}") for each in said)


#: The members that hold the least and the most of something.
_LIMITS = (
    ("min", "max"),
    ("min_length", "max_length"),
    ("min_items", "max_items"),
    ("min_selections", "max_selections"),
)


def _contradictions(field: Any) -> Iterator[str]:
    """What cannot be as the field has it, each beginning with the member that it is about."""
    key = getattr(field, "key", "key")
    if not key or re.search(r"\s", key):
        yield f".key {json.dumps(key, ensure_ascii=False)}: a key has no blanks, as in first_name."
    for lower, upper in _LIMITS:
        least, most = (getattr(field, name, None) for name in (lower, upper))
        if least is not None and most is not None and least > most:
            yield f".{wire_name(lower)} is {least}, and {wire_name(upper)} {most}: nothing fits."
        elif most is not None and most < 0 and upper != "max":
            yield f".{wire_name(upper)} is {most}: nothing fits."
    days = {name: getattr(field, name, None) for name in ("min_date", "max_date")}
    first, last = map(read_date, days.values())
    for name, day in days.items():
        if day and read_date(day) is None:
            yield f".{wire_name(name)} is {json.dumps(day)}, which is no date such as 2026-01-31."
    if first and last and first > last:
        yield f".minDate is {first}, and maxDate {last}: nothing fits."
    if (step := getattr(field, "step", None)) is not None and step <= 0:
        yield f".step is {step}: it has to be more than 0."
    if (size := getattr(field, "max_size", None)) is not None and size <= 0:
        yield f".maxSize is {size}: no file fits."
    if why := regex_problem(getattr(field, "regex", None) or ""):
        yield f".regex cannot be read: {why}."
    if hasattr(field, "options"):
        yield from _among_options(field)


def _among_options(field: Any) -> Iterator[str]:
    values = [option.value for option in field.options]
    for n, value in enumerate(values):
        if value in values[:n]:
            first = values.index(value)
            yield f".options[{n}] has the value of options[{first}], {plain(value, 40)}: one hides the other."
    least = getattr(field, "min_selections", None) or 1
    if len(values) < least:
        yield (
            f".options: there {'is' if len(values) == 1 else 'are'} {len(values) or 'none'} to choose from"
            + (f", and minSelections is {least}." if values else ".")
        )


def _of_the_default(field: Any) -> Iterator[str]:
    default = getattr(field, "default_value", None)
    for each in () if is_blank(default) else default_problems(field, default):
        where = each.place and (each.place if each.place.startswith("[") else f".{each.place}")
        yield f".defaultValue{where} does not fit: {each.text}"


#: Nodes that take of their input what their parameters name, and pass on or drop the rest.
_BY_NAME = {f"n8n-nodes-base.{name}" for name in ("code", "filter", "if", "merge", "noOp", "set", "switch")}
_COMMENT = re.compile(r"(?<!:)//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?")
#: Where the whole payload goes somewhere, or items as they came: then nothing is known of its members.
_AS_A_WHOLE = re.compile(
    r"\bbody\b(?!\s*(?:\??\.\s*[A-Za-z_]|\[\s*['\"]|=[^=]|(?:\|\||\?\?)\s*\{\s*\}))"
    r"|\bbody\??\.payload\b|\breturn\s+(?:\$input\.all\(\)|items\b)"
)


def inputs_are_read(view: View) -> Iterator[Note]:
    """What a form asks for is named by a node: who changes the one may forget the other."""
    for _, workflow, flow in view.workflows:
        keys = {
            field.key: None
            for trigger in workflow.triggers
            if isinstance(trigger, HttpTrigger)
            for field in fields(trigger.input_schema or ())
        }
        nodes = [each for each in flow.nodes if not (each.is_disabled or each.starts)]
        if not nodes or any(each.type not in _BY_NAME and "codika" not in each.type for each in nodes):
            continue
        said = "\n".join(text for each in nodes for text in _texts(each.parameters))
        said = _COMMENT.sub("", said)
        unread = [key for key in keys if not re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", said)]
        if not unread or _AS_A_WHOLE.search(said):
            continue
        others = dict.fromkeys(re.findall(r"\bbody\??\.([A-Za-z_]\w*)", said))
        instead = ", ".join(name for name in others if name not in (*keys, "executionMetadata"))
        told = f"No node reads {plain(', '.join(unread))}, which the form asks for."
        yield flow.note(f"{told} It reads {plain(instead)}." if instead else told)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def _doubled(schema: object, place: str) -> Iterator[tuple[str, str, str]]:
    """The fields whose key another has before them: their place, the key, and the place of the other."""
    firsts: dict[str, str] = {}
    for where, field in _beside(schema, place):
        key = field.get("key")
        if isinstance(key, str) and firsts.setdefault(key, where) != where:
            yield where, key, firsts[key]
        for inner in ("schema", "itemSchema"):
            yield from _doubled(field.get(inner), f"{where}.{inner}")


def _beside(schema: object, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields that have a value, with their places: those of sections in the sections' place."""
    for n, field in enumerate(map(as_object, as_list(schema))):
        if field.get("type") == "section":
            yield from _beside(field.get("inputSchema"), f"{place}[{n}].inputSchema")
        else:
            yield f"{place}[{n}]", field


def _objects(value: object, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object in a JSON value, with its place."""
    if isinstance(value, Mapping):
        yield place, value
        for name, part in value.items():
            yield from _objects(part, f"{place}.{name}" if place else str(name))
    for n, part in enumerate(as_list(value)):
        yield from _objects(part, f"{place}[{n}]")
