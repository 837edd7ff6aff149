"""What triggers gave, given by code instead; and the fields of forms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..rules.view import as_object, objects_in
from .graph import Node
from .report import Notes


def webhook_item(given: str) -> str:
    return (
        "// What the webhook gave before: the caller's payload is the body of the platform's call.\n"
        "const start = $($WEBHOOK).first().json;\n"
        "const { executionMetadata, ...body } = start.body ?? {};\n"
        "return [{ json: { headers: start.headers ?? {}, params: start.params ?? {}, "
        f"{given}, "
        "webhookUrl: start.webhookUrl, executionMode: start.executionMode } }];"
    )


def form_item(names: Mapping[str, str], hidden: Mapping[str, str]) -> str:
    """Code that gives a form's item.

    Args:
        names: what the item calls the fields, by their keys.
        hidden: the values of those that nobody fills in, by their keys.
    """
    otherwise, given = "null", ""
    if hidden:
        otherwise, given = (
            "hidden[key] ?? null",
            f"const hidden = {json.dumps(hidden, ensure_ascii=False)};\n",
        )
    return (
        "// What the form gave before: its fields by their labels.\n"
        "const body = $($WEBHOOK).first().json.body ?? {};\n"
        f"const labels = {json.dumps(dict(names), ensure_ascii=False)};\n"
        f"{given}"
        "const item = {};\n"
        f"for (const [key, label] of Object.entries(labels)) item[label] = body[key] ?? {otherwise};\n"
        "return [{ json: { ...item, submittedAt: $now.toISO(), formMode: 'production' } }];"
    )


CHAT_ITEM = (
    "// What the chat gave before.\n"
    "const body = $($WEBHOOK).first().json.body ?? {};\n"
    "return [{ json: { sessionId: body.sessionId ?? $execution.id, action: 'sendMessage', "
    "chatInput: body.chatInput ?? '' } }];"
)
EMPTY_ITEM = "// What starts this run has no data.\nreturn [{ json: {} }];"
SERVICE_ITEM = "// What the trigger gave.\nreturn $($START).all();"


def schedule_item() -> str:
    return (
        "// What the schedule gave, or the same for a run that was started by hand.\n"
        "if ($($START).isExecuted) return $($START).all();\n"
        "const day = $now.day;\n"
        "const nth = day % 10 === 1 && day !== 11 ? 'st' : day % 10 === 2 && day !== 12 ? 'nd'\n"
        "  : day % 10 === 3 && day !== 13 ? 'rd' : 'th';\n"
        "const time = $now.toFormat('h:mm:ss a').toLowerCase();\n"
        "return [{ json: {\n"
        "  timestamp: $now.toISO(),\n"
        "  'Readable date': `${$now.toFormat('MMMM')} ${day}${nth} ${$now.toFormat('yyyy')}, ${time}`,\n"
        "  'Readable time': time,\n"
        "  'Day of week': $now.toFormat('cccc'),\n"
        "  Year: $now.toFormat('yyyy'),\n"
        "  Month: $now.toFormat('MMMM'),\n"
        "  'Day of month': $now.toFormat('dd'),\n"
        "  Hour: $now.toFormat('HH'),\n"
        "  Minute: $now.toFormat('mm'),\n"
        "  Second: $now.toFormat('ss'),\n"
        "  Timezone: `${$now.zoneName} (UTC${$now.toFormat('ZZ')})`,\n"
        "} }];"
    )


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
    default = each.get("defaultValue")
    takes_it = made["type"] in ("string", "text") or (
        made["type"] in ("select", "radio") and default in options
    )
    if isinstance(default, str) and default and takes_it:
        made["defaultValue"] = default
    return made


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
