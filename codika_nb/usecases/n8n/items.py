"""What triggers gave, given by code instead; and the fields of forms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any, NamedTuple

from ..rules.view import as_object, objects_in
from ..words import read_date
from .graph import Node
from .report import Notes


def item_code(start: str, **parts: str) -> str:
    """The code that gives what a start of this kind gave: a file of ``code``, with its parts filled in.

    All at once, so that nothing in one part is taken for the place of another.
    """
    written = resources.files(__package__).joinpath("code", f"{start}.js").read_text(encoding="utf-8")
    filled = re.sub(r"\$([A-Z]+)\b", lambda hole: parts[hole[1]], written)
    return filled.removesuffix("\n")


def form_item(names: Mapping[str, str], hidden: Mapping[str, str]) -> dict[str, str]:
    """The parts of the code that gives a form's item.

    Args:
        names: what the item calls the fields, by their keys.
        hidden: the values of those that nobody fills in, by their keys.
    """
    given = f"\nconst hidden = {json.dumps(hidden, ensure_ascii=False)};" if hidden else ""
    return {
        "LABELS": json.dumps(dict(names), ensure_ascii=False),
        "HIDDEN": given,
        "OTHERWISE": "hidden[key] ?? null" if hidden else "null",
    }


_FORM_KINDS = {
    "text": "string",
    "textarea": "text",
    "number": "number",
    "date": "date",
    "dropdown": "select",
    "radio": "radio",
    "checkbox": "multiselect",
    "file": "file",
}


#: From this version on, the item of a form has its fields by their names, where they have one.
_NAMES_FIELDS = 2.4


class FormFields(NamedTuple):
    """The fields of a form.

    Attributes:
        schema: as an input schema has them.
        names: what the form's item calls them, by their keys.
        hidden: the values of those that nobody fills in, by their keys.
    """

    schema: list[dict[str, Any]]
    names: dict[str, str]
    hidden: dict[str, str]


def form_fields(node: Node, notes: Notes) -> FormFields:
    """The fields of a form, for the platform and for the code that gives its item."""
    form = FormFields([], {}, {})
    for each in _given_fields(node, notes):
        called = [each.get(member) for member in ("fieldLabel", "fieldName", "elementName")]
        texts = [text for text in called if isinstance(text, str) and text]
        if not texts:
            continue
        title = texts[0]
        key = re.sub(r"\W+", "_", title, flags=re.ASCII).strip("_") or f"field_{len(form.names) + 1}"
        key = f"field_{key}" if key[0].isdigit() else key
        while key in form.names:
            key += "_"
        by_name = node["typeVersion"] >= _NAMES_FIELDS and called[1] in texts
        form.names[key] = str(called[1]) if by_name else title
        kind = str(each.get("fieldType") or "text")
        if kind == "file":
            notes.decide(
                f"The form takes a file ({title}): it arrives as the platform gives it, not as a binary.",
                node["name"],
            )
        made = {"key": key, "label": title} | _form_field(each, kind)
        if kind == "hiddenField" and isinstance(value := each.get("fieldValue"), str) and value:
            form.hidden[key] = value
            made["defaultValue"] = value
        form.schema.append(made)
    return form


def _form_field(each: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What the platform's field has but for its key and label."""
    made: dict[str, Any] = {"type": _FORM_KINDS.get(kind, "string")}
    options = _options(each)
    if made["type"] in ("select", "radio", "multiselect"):
        if each.get("multiselect") is True:
            made["type"] = "multiselect"
        if options:
            made["options"] = [{"value": option, "label": option} for option in options]
        else:
            made["type"] = "string"
    if isinstance(each.get("placeholder"), str) and each["placeholder"]:
        made["placeholder"] = each["placeholder"]
    if each.get("requiredField") is True:
        made["required"] = True
    if (default := _default(made["type"], each.get("defaultValue"), options)) is not None:
        made["defaultValue"] = default
    return made


def _default(kind: str, given: object, options: list[str]) -> Any:
    """What a field begins with, as the platform has it; None if it says nothing, or computes it."""
    if not isinstance(given, str | int | float) or not (text := str(given).strip()) or text[0] == "=":
        return None
    if kind == "number":
        is_one = re.fullmatch(r"-?\d{1,15}(?:\.\d+)?", text, re.ASCII)
        return (float(text) if "." in text else int(text)) if is_one else None
    if kind == "date":
        return day.isoformat() if (day := read_date(text)) else None
    if kind == "multiselect":
        return [each for each in map(str.strip, text.split(",")) if each in options] or None
    takes_it = kind in ("string", "text") or (kind in ("select", "radio") and given in options)
    return given if takes_it else None


def _given_fields(node: Node, notes: Notes) -> list[dict[str, Any]]:
    """The fields of a form as n8n has them, without those that only show something."""
    given = node["parameters"].get("formFields")
    if isinstance(given, dict):
        given = given.get("values")
    if given is None and isinstance(text := node["parameters"].get("jsonOutput"), str):
        try:
            given = json.loads(text.removeprefix("="))
        except (ValueError, RecursionError):
            notes.decide("Its fields are computed: declare them in the input schema.", node["name"])
    return [each for each in objects_in(given) if each.get("fieldType") != "html"]


def _options(each: Mapping[str, Any]) -> list[str]:
    found = [value.get("option") for value in objects_in(as_object(each.get("fieldOptions")).get("values"))]
    return list(dict.fromkeys(value for value in found if isinstance(value, str) and value))
