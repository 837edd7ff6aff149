"""What a deployable configuration looks like, and what fits a workflow's input schema."""

from __future__ import annotations

import base64
import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple, NoReturn, TypeGuard

from ..wire import Members, Refusal

_search: Callable[[str, str], object]
_Unreadable: type[Exception]
try:
    import regex
except ImportError:  # in a browser, where a page can hold up nobody but itself
    _search, _Unreadable = re.search, re.error
else:
    # Patterns are strangers', and some take years to find that a text does not match.
    _search, _Unreadable = partial(regex.search, timeout=0.1), regex.error

__all__ = ["check_configuration", "check_payload", "decode_workflow", "input_schema", "is_triggerable"]

_TRIGGER_TYPES = ("http", "schedule", "service_event", "subworkflow", "data_ingestion")
_SCHEDULE_MEMBERS = ("cronExpression", "timezone", "humanReadable", "manualTriggerUrl")
_CONTEXT_TYPES = ("organization", "member", "process_instance")


def check_configuration(configuration: Mapping[str, Any]) -> None:
    """Refuse a configuration that lacks what every use case has to have, naming the member.

    Some documents of the platform call a member required and others leave it out: then it may be left out.
    """
    members = Members(configuration, at="configuration", code="INVALID_CONFIGURATION")
    members.text("title")
    members.text("description", blank=True)
    for name in ("subtitle", "processDeploymentMarkdown"):
        members.text_or_none(name)
    for name in ("tags", "integrationUids"):
        members.texts(name, required=False)
    members.choice("processType", ("personal", "organizational"), default="personal")
    members.mapping_or_empty("defaultDeploymentParameters")
    _check_fields(members, "deploymentInputSchema")
    for integration in members.each("customIntegrations", required=False):
        _check_custom_integration(integration)
    workflows = members.each("workflows")
    if not workflows:
        members.refuse("workflows", "must have at least one workflow")
    seen: set[str] = set()
    for workflow in workflows:
        template_id = workflow.text("workflowTemplateId")
        if template_id in seen:
            workflow.refuse("workflowTemplateId", f"is used twice: {template_id!r}")
        seen.add(template_id)
        _check_workflow(workflow)


def _check_workflow(workflow: Members) -> None:
    workflow.text("workflowId")
    workflow.text("workflowName")
    if "knowledgeBaseAccess" in workflow:
        access = workflow.members("knowledgeBaseAccess")
        access.texts("processDocTags", required=False)
        access.texts("processInstanceDocTags", required=False)
    workflow.texts("integrationUids", required=False)
    workflow.choice("workflowCategory", ("user_facing", "data_ingestion"), default="user_facing")
    _check_fields(workflow, "outputSchema")
    decode_workflow(workflow)
    triggers = workflow.each("triggers")
    if not triggers:
        workflow.refuse("triggers", "must have at least one trigger")
    for trigger in triggers:
        trigger.text("triggerId")
        kind = trigger.choice("type", _TRIGGER_TYPES)
        if kind == "http":
            trigger.text("url")
            trigger.choice("method", ("POST", "GET", "PUT", "DELETE"))
            _check_fields(trigger, "inputSchema")
        elif kind == "schedule":
            for name in _SCHEDULE_MEMBERS:
                trigger.text(name)
        elif kind == "service_event":
            trigger.text("service")
            trigger.text("eventType")


# Deployment parameters stand in a workflow as values, without quotes. A text that nothing ends is taken up to
# the end of the file: looked at from each of its quotes, it would take the square of its length. What has no
# escapes is taken in one step: a use case may have a hundred megabytes of it.
_BARE_PARAMETER = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|(\{\{INSTPARM_\w+?_MRAPTSNI\}\})', re.DOTALL
)


def decode_workflow(members: Members) -> dict[str, Any]:
    """An encoded workflow file, which must hold a JSON object; its bare parameters are texts in it."""
    name = "n8nWorkflowJsonBase64"
    try:
        content = base64.b64decode(members.text(name), validate=True).decode("utf-8-sig")
        if "{{INSTPARM_" in content:
            content = _BARE_PARAMETER.sub(lambda m: f'"{m[1]}"' if m[1] else m[0], content)
        workflow = json.loads(content)
    except (ValueError, RecursionError):
        members.refuse(name, "must be a JSON file in base64", code="INVALID_WORKFLOW_JSON")
    if not isinstance(workflow, dict):
        members.refuse(name, "must hold a JSON object", code="INVALID_WORKFLOW_JSON")
    return workflow


def _check_custom_integration(integration: Members) -> None:
    if not re.fullmatch(r"cstm_[a-z0-9_]+", integration.text("id")):
        integration.refuse("id", 'must be "cstm_" and a name in snake_case')
    integration.text("name")
    integration.choice("contextType", _CONTEXT_TYPES)
    if integration.text("n8nCredentialType") != "none":
        integration.mapping("n8nCredentialMapping")
    for group in ("secretFields", "metadataFields"):
        for field in integration.each(group, required=group == "secretFields"):
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", field.text("key")):
                field.refuse("key", "must be in UPPER_SNAKE_CASE")
            field.text("label")
            field.choice("type", ("password", "string", "url", "number"))


def _check_fields(owner: Members, name: str) -> None:
    for field in owner.each(name, required=False):
        kind = field.choice("type", (*_KINDS, "section"))
        if kind == "section":
            _check_fields(field, "inputSchema")
        else:
            field.text("key")
            field.text("label")
            _check_parts(field, kind)


def _check_parts(field: Members, kind: str) -> None:
    if kind in ("select", "radio", "multiselect"):
        for option in field.each("options"):
            option.text("value", blank=True)
    elif kind == "object":
        _check_fields(field, "schema")
    elif kind == "objectArray":
        _check_fields(field, "itemSchema")
    elif kind == "array" and "itemField" in field:
        item = field.members("itemField")
        _check_parts(item, item.choice("type", _ITEM_TYPES, default="string"))


# --- payloads -----------------------------------------------------------------------------


def is_triggerable(workflow: Mapping[str, Any]) -> bool:
    """Whether a workflow can be started from outside: by HTTP, or a schedule started by hand."""
    return any(trigger["type"] in ("http", "schedule") for trigger in workflow["triggers"])


def input_schema(workflow: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The form schema of the payload of a workflow with an HTTP trigger."""
    for trigger in workflow["triggers"]:
        if trigger["type"] == "http":
            return trigger.get("inputSchema") or []
    return []


def check_payload(schema: list[dict[str, Any]], payload: Mapping[str, Any], at: str = "payload") -> None:
    """Refuse a payload that does not fit the schema, naming the field."""
    members = list(_members(schema))
    for field in members:
        place = f"{at}.{field['key']}"
        value = payload.get(field["key"])
        if value is not None and value != "":
            _check_value(field, value, place)
        elif field.get("required") is True:
            unknown = [name for name in payload if all(name != each["key"] for each in members)]
            like = difflib.get_close_matches(field["key"], unknown, n=1)
            _misfit(place, "is required", f', and the form has no "{like[0][:60]}"' if like else "")


def _members(schema: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The fields; a section only groups those that are in it."""
    for field in schema:
        if field["type"] == "section":
            yield from _members(field.get("inputSchema") or [])
        else:
            yield field


def _misfit(place: str, problem: str, beside: str = "") -> NoReturn:
    details = {"field": place, "reason": problem}
    raise Refusal("INVALID_PAYLOAD", f'"{place}" {problem}{beside}.', details=details)


def _check_value(field: Mapping[str, Any], value: Any, place: str) -> None:
    kind = _KINDS[field.get("type") or "string"]
    if not isinstance(value, kind.types) or (isinstance(value, bool) and kind.types == _NUMBERS):
        _misfit(place, f"must be {kind.name}")
    if kind.limits:
        size = value if kind.types == _NUMBERS else len(value)
        smallest, largest = (field.get(limit) for limit in kind.limits)
        if _is_number(smallest) and size < smallest:
            _misfit(place, f"must {kind.has} at least {_counted(smallest, kind.what)}")
        if _is_number(largest) and size > largest:
            _misfit(place, f"must {kind.has} at most {_counted(largest, kind.what)}")
    kind.check(field, value, place)


def _counted(number: float, things: str) -> str:
    return f"{number} {things.removesuffix('s') if number == 1 else things}".rstrip()


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def _check_pattern(field: Mapping[str, Any], value: str, place: str) -> None:
    pattern = field.get("regex")
    if not isinstance(pattern, str):
        return
    try:
        fits = _search(pattern, value)
    except TimeoutError:  # everybody waits for it
        _misfit(place, f"takes too long to be compared with {pattern}")
    except _Unreadable:  # the patterns are JavaScript's, and not all of them are Python's
        return
    if not fits:
        _misfit(place, str(field.get("regexError") or f"must match {pattern}"))


def _check_whole(field: Mapping[str, Any], value: float, place: str) -> None:
    if field.get("numberType") == "integer" and value != int(value):
        _misfit(place, "must be a whole number")


def _check_date(field: Mapping[str, Any], value: str, place: str) -> None:
    day = _day(value)
    if day is None:
        _misfit(place, f"must be {_DATE}")
    earliest, latest = _day(field.get("minDate")), _day(field.get("maxDate"))
    if earliest is not None and day < earliest:
        _misfit(place, f"must not be before {earliest}")
    if latest is not None and day > latest:
        _misfit(place, f"must not be after {latest}")


def _day(value: Any) -> date | None:
    if not isinstance(value, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T|$)", value):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _check_choice(field: Mapping[str, Any], value: Any, place: str) -> None:
    choices = [option["value"] for option in field.get("options") or []]
    if value not in choices:
        _misfit(place, f"must be one of {', '.join(choices)}")


def _check_choices(field: Mapping[str, Any], value: list[Any], place: str) -> None:
    for index, item in enumerate(value):
        _check_choice(field, item, f"{place}[{index}]")


def _check_file(field: Mapping[str, Any], value: Any, place: str) -> None:
    """A file travels as an object, or is somewhere: a text that is no address is none."""
    if isinstance(value, str) and not re.match(r"[\w.+-]+[:/]", value):
        _misfit(place, "must be a file, with fileName, mimeType and contentBase64, or the address of one")
    for each in value if isinstance(value, list) else [value]:
        content, kind = (
            (each.get(name) for name in ("contentBase64", "mimeType"))
            if isinstance(each, dict)
            else (None, None)
        )
        most, kinds = field.get("maxSize"), field.get("allowedMimeTypes")
        if (
            isinstance(content, str)
            and _is_number(most)
            and len(content) * 3 // 4 - content.count("=", -2) > most
        ):
            _misfit(place, f"must have at most {most} bytes")
        if (
            isinstance(kind, str)
            and isinstance(kinds, list)
            and kinds
            and not any(_is_of(kind, str(each.get("fileName")), one) for one in kinds)
        ):
            _misfit(place, f"must be one of {', '.join(map(str, kinds))}, not {kind}")


def _is_of(kind: str, name: str, allowed: object) -> bool:
    """Whether a file is of an allowed kind: ``image/png``, ``image/*`` or ``.png``."""
    wanted = str(allowed).lower().strip()
    if wanted.startswith("."):
        return name.lower().endswith(wanted)
    return wanted == "*/*" or fnmatchcase(kind.lower().partition(";")[0].strip(), wanted)


def _check_items(field: Mapping[str, Any], value: list[Any], place: str) -> None:
    for index, item in enumerate(value):
        _check_value(field.get("itemField") or {}, item, f"{place}[{index}]")


def _check_object(field: Mapping[str, Any], value: dict[str, Any], place: str) -> None:
    check_payload(field.get("schema") or [], value, place)


def _check_objects(field: Mapping[str, Any], value: list[Any], place: str) -> None:
    one = {"type": "object", "schema": field.get("itemSchema")}
    for index, item in enumerate(value):
        _check_value(one, item, f"{place}[{index}]")


class _Kind(NamedTuple):
    """What values a kind of fields takes."""

    types: Any  # as isinstance takes them
    name: str = ""
    #: The members that say how small and how large, and of what.
    limits: tuple[str, ...] = ()
    has: str = ""
    what: str = ""
    check: Callable[[Mapping[str, Any], Any, str], None] = lambda *_: None


_NUMBERS = (int, float)
_DATE = "a date like 2026-01-31"
_TEXT = _Kind(str, "a string", ("minLength", "maxLength"), "have", "characters", _check_pattern)
_CHOICE = _Kind(object, check=_check_choice)
_SELECTIONS = (("minSelections", "maxSelections"), "have", "choices")
_ITEMS = (("minItems", "maxItems"), "have", "items")
_KINDS = {
    "string": _TEXT,
    "text": _TEXT,
    "number": _Kind(_NUMBERS, "a number", ("min", "max"), "be", check=_check_whole),
    "boolean": _Kind(bool, "true or false"),
    "date": _Kind(str, _DATE, check=_check_date),
    "select": _CHOICE,
    "radio": _CHOICE,
    "multiselect": _Kind(list, "an array", *_SELECTIONS, check=_check_choices),
    "file": _Kind((str, dict, list), "a file", check=_check_file),
    "array": _Kind(list, "an array", *_ITEMS, check=_check_items),
    "object": _Kind(dict, "an object", check=_check_object),
    "objectArray": _Kind(list, "an array", *_ITEMS, check=_check_objects),
}
_ITEM_TYPES = ("string", "text", "number", "boolean", "date", "select", "radio")
