"""What triggers gave, given by code instead; and the fields of forms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

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


def form_item(keys: Mapping[str, str]) -> str:
    return (
        "// What the form gave before: its fields by their labels.\n"
        "const body = $($WEBHOOK).first().json.body ?? {};\n"
        f"const labels = {json.dumps(dict(keys), ensure_ascii=False)};\n"
        "const item = {};\n"
        "for (const [key, label] of Object.entries(labels)) item[label] = body[key] ?? null;\n"
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


def form_fields(node: Node, notes: Notes) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The fields of a form, and the label of each key."""
    schema: list[dict[str, Any]] = []
    keys: dict[str, str] = {}
    for each in _given_fields(node, notes):
        title = each.get("fieldLabel") or each.get("fieldName") or each.get("elementName")
        if not (isinstance(title, str) and title):
            continue
        key = re.sub(r"\W+", "_", title, flags=re.ASCII).strip("_") or f"field_{len(keys) + 1}"
        key = f"field_{key}" if key[0].isdigit() else key
        while key in keys:
            key += "_"
        keys[key] = title
        kind = _FORM_KINDS.get(str(each.get("fieldType") or "text"), "string")
        made: dict[str, Any] = {"key": key, "label": title, "type": kind}
        options = _options(each)
        if kind in ("select", "radio", "multiselect"):
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
        if kind == "file":
            notes.decide(
                f"The form takes a file ({title}): it arrives as the platform gives it, not as a binary.",
                node["name"],
            )
        schema.append(made)
    return schema, keys


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
    listed = given if isinstance(given, list) else []
    return [each for each in listed if isinstance(each, dict) and each.get("fieldType") != "html"]


def _options(each: Mapping[str, Any]) -> list[str]:
    given = each.get("fieldOptions")
    values = given.get("values") if isinstance(given, dict) else None
    found = (
        [value.get("option") for value in values or [] if isinstance(value, dict)]
        if isinstance(values, list)
        else []
    )
    return list(dict.fromkeys(value for value in found if isinstance(value, str) and value))
