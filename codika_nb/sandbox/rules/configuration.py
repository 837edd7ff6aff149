"""What a deployable configuration looks like, and what fits a workflow's input schema."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NoReturn, TypeGuard

from ..wire import Members, Refusal

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


# Deployment parameters stand in a workflow as values, without quotes.
_BARE_PARAMETER = re.compile(r'"(?:[^"\\]|\\.)*"|(\{\{INSTPARM_\w+?_MRAPTSNI\}\})', re.DOTALL)


def decode_workflow(members: Members) -> dict[str, Any]:
    """An encoded workflow file, which must hold a JSON object; its bare parameters are texts in it."""
    name = "n8nWorkflowJsonBase64"
    try:
        content = base64.b64decode(members.text(name), validate=True).decode("utf-8-sig")
        workflow = json.loads(_BARE_PARAMETER.sub(lambda m: f'"{m[1]}"' if m[1] else m[0], content))
    except (binascii.Error, ValueError, RecursionError):
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
        kind = field.choice("type", (*_CHECKS, "section"))
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
    for field in schema:
        if field["type"] == "section":
            check_payload(field.get("inputSchema") or [], payload, at)
            continue
        place = f"{at}.{field['key']}"
        value = payload.get(field["key"])
        if value is None or value == "":
            if field.get("required") is True:
                _misfit(place, "is required")
            continue
        _CHECKS[field["type"]](field, value, place)


def _misfit(place: str, problem: str) -> NoReturn:
    details = {"field": place, "reason": problem}
    raise Refusal("INVALID_PAYLOAD", f'"{place}" {problem}.', details=details)


def _bounds(field: Mapping[str, Any], size: float, limits: str, what: str, place: str) -> None:
    smallest, largest = (field.get(limit) for limit in limits.split())
    if _is_number(smallest) and size < smallest:
        _misfit(place, f"must {what} at least {smallest}")
    if _is_number(largest) and size > largest:
        _misfit(place, f"must {what} at most {largest}")


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_text(field: Mapping[str, Any], value: Any, place: str) -> None:
    if not isinstance(value, str):
        _misfit(place, "must be a string")
    _bounds(field, len(value), "minLength maxLength", "have a length of", place)
    pattern = field.get("regex")
    if isinstance(pattern, str) and pattern:
        try:
            fits = re.search(pattern, value) is not None
        except re.error:  # the patterns are JavaScript's, and not all of them are Python's
            return
        if not fits:
            _misfit(place, str(field.get("regexError") or f"must match {pattern}"))


def _check_number(field: Mapping[str, Any], value: Any, place: str) -> None:
    if not _is_number(value):
        _misfit(place, "must be a number")
    if field.get("numberType") == "integer" and value != int(value):
        _misfit(place, "must be a whole number")
    _bounds(field, value, "min max", "be", place)


def _check_boolean(_field: Mapping[str, Any], value: Any, place: str) -> None:
    if not isinstance(value, bool):
        _misfit(place, "must be true or false")


def _check_date(field: Mapping[str, Any], value: Any, place: str) -> None:
    day = _day(value)
    if day is None:
        _misfit(place, "must be a date like 2026-01-31")
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


def _check_choices(field: Mapping[str, Any], value: Any, place: str) -> None:
    if not isinstance(value, list):
        _misfit(place, "must be an array")
    for index, item in enumerate(value):
        _check_choice(field, item, f"{place}[{index}]")
    _bounds(field, len(value), "minSelections maxSelections", "have a number of choices of", place)


def _check_file(_field: Mapping[str, Any], value: Any, place: str) -> None:
    if not isinstance(value, (str, dict, list)):
        _misfit(place, "must be a file")


def _check_array(field: Mapping[str, Any], value: Any, place: str) -> None:
    if not isinstance(value, list):
        _misfit(place, "must be an array")
    _bounds(field, len(value), "minItems maxItems", "have a number of items of", place)
    item_field = field.get("itemField") or {}
    check = _CHECKS[item_field.get("type") or "string"]
    for index, item in enumerate(value):
        check(item_field, item, f"{place}[{index}]")


def _check_object(field: Mapping[str, Any], value: Any, place: str) -> None:
    if not isinstance(value, dict):
        _misfit(place, "must be an object")
    check_payload(field.get("schema") or [], value, place)


def _check_objects(field: Mapping[str, Any], value: Any, place: str) -> None:
    if not isinstance(value, list):
        _misfit(place, "must be an array")
    _bounds(field, len(value), "minItems maxItems", "have a number of items of", place)
    for index, item in enumerate(value):
        _check_object({"schema": field.get("itemSchema")}, item, f"{place}[{index}]")


_CHECKS: dict[str, Callable[[Mapping[str, Any], Any, str], None]] = {
    "string": _check_text,
    "text": _check_text,
    "number": _check_number,
    "boolean": _check_boolean,
    "date": _check_date,
    "select": _check_choice,
    "radio": _check_choice,
    "multiselect": _check_choices,
    "file": _check_file,
    "array": _check_array,
    "object": _check_object,
    "objectArray": _check_objects,
}
_ITEM_TYPES = ("string", "text", "number", "boolean", "date", "select", "radio")
