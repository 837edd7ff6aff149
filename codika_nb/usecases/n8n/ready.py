"""Workflows that are in the platform's pattern already."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, get_args

from ..rules.view import CREDENTIAL, ENGINE_MEMBERS, INIT_OPERATIONS, as_list, as_object, objects_in
from ..starters import SUBWORKFLOW, WEBHOOK, service_event, trigger_kind
from ..triggers import INSTANCE_PATH, Method, webhook_url
from . import inputs
from .graph import Graph, Node
from .reading import read_of
from .report import Notes
from .starts import tell_unread
from .times import DEFAULT_ZONE, schedule

_KINDS = ("string", "number", "boolean", "array", "object")


def in_pattern(data: Mapping[str, Any]) -> bool:
    """Whether a workflow begins with a Codika Init, or was written as a sub-workflow for the platform."""
    nodes = _nodes(data)
    if any(_is_init(node) for node in nodes):
        return True
    sub = next((node for node in nodes if node["type"] == SUBWORKFLOW), None)
    others = [node for node in nodes if trigger_kind(node["type"])]
    return bool(
        sub
        and len(others) == 1
        and declared(sub)
        and not any(member in data for member in ENGINE_MEMBERS)
        and data.get("settings") == {"executionOrder": "v1"}
        and "credentials" not in json.dumps([n for n in nodes if not _has_placeholders(n)])
    )


def _has_placeholders(node: Node) -> bool:
    return bool(CREDENTIAL.search(json.dumps(node.get("credentials"))))


def _nodes(data: Mapping[str, Any]) -> list[Node]:
    """The nodes that have what a node needs."""
    return [
        {"parameters": {}, **node}
        for node in objects_in(data.get("nodes"))
        if all(isinstance(node.get(member), str) for member in ("name", "type"))
        and isinstance(node.get("parameters", {}), dict)
    ]


def _is_init(node: Node) -> bool:
    operation = node["parameters"].get("operation")
    return "codika" in node["type"].lower() and isinstance(operation, str) and operation in INIT_OPERATIONS


def declared(trigger: Node) -> list[dict[str, str]]:
    """The inputs that a sub-workflow's trigger declares, as the configuration has them."""
    values = objects_in(as_object(trigger["parameters"].get("workflowInputs")).get("values"))
    return [
        {"key": value["name"], "type": kind if (kind := value.get("type", "string")) in _KINDS else "object"}
        for value in values
        if isinstance(value.get("name"), str) and value["name"]
    ]


def own_id(data: Mapping[str, Any]) -> str:
    """The template id that a workflow gives itself: by its webhook's path, or by its Codika Init."""
    nodes = _nodes(data)
    ids = [path.removeprefix(INSTANCE_PATH) for path in _paths(nodes)]
    ids += [str(node["parameters"].get("workflowId", "")) for node in nodes if _is_init(node)]
    return next((each for each in ids if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", each)), "")


def _paths(nodes: list[Node]) -> list[str]:
    """The paths of its webhooks that are the platform's."""
    paths = [str(node["parameters"].get("path", "")) for node in nodes if node["type"] == WEBHOOK]
    return [path for path in paths if path.startswith(INSTANCE_PATH)]


def described(data: Mapping[str, Any], template_id: str, notes: Notes) -> dict[str, Any]:
    """What the configuration says of a workflow, drawn from its nodes.

    Where the platform has no word for what they say, they are changed, and that is taken down.
    """
    nodes, settings = _nodes(data), as_object(data.get("settings"))
    if settings.get("timezone") == DEFAULT_ZONE:
        del settings["timezone"]
        notes.done("Its time zone was that of its engine (DEFAULT): it has none now, and times are in UTC.")
    uids = dict.fromkeys(match[2].lower() for match in CREDENTIAL.finditer(json.dumps(data)))
    members: dict[str, Any] = {"integrationUids": list(uids)}
    if sub := next((node for node in nodes if node["type"] == SUBWORKFLOW), None):
        trigger = {"type": "subworkflow", "inputSchema": declared(sub), "calledBy": []}
        return {"triggers": [trigger], **members, "cost": 0}
    # Its webhook says where it is, unless another workflow is there already.
    paths = _paths(nodes) if own_id(data) in ("", template_id) else []
    last = next(iter(paths), INSTANCE_PATH + template_id).removeprefix(INSTANCE_PATH)
    kinds = {kind: node for node in reversed(nodes) if (kind := trigger_kind(node["type"]))}
    if "schedule" in kinds:
        trigger = schedule(kinds["schedule"], settings, last, notes)
    elif "service_event" in kinds:
        service, event = service_event(kinds["service_event"]["type"])
        trigger = {"type": "service_event", "service": service, "eventType": event}
    else:
        trigger = {"type": "http", "url": webhook_url(last), "method": "POST"}
        if "http" in kinds:
            name = kinds["http"]["name"]
            read = read_of(Graph(template_id, nodes, {}), name, [])
            form = inputs.form(read.at(["body"]))
            form.tell(name, notes)
            if not any(form):
                tell_unread("body", (node for node in nodes if not _is_init(node)), name, notes)
            trigger["inputSchema"] = form.fields
            trigger["method"] = _method(kinds["http"], data, notes)
    return {"triggers": [trigger], **members}


def _method(webhook: Node, data: Mapping[str, Any], notes: Notes) -> str:
    """By what the platform calls a webhook: POST before others, and one whose output leads on."""
    name, given = webhook["name"], webhook["parameters"].get("httpMethod", "GET")
    written = [str(each or "GET") for each in (given if isinstance(given, list) else [given])] or ["GET"]
    methods, known = [each.upper() for each in written], get_args(Method)
    outputs = as_list(as_object(as_object(data.get("connections")).get(name)).get("main"))
    leading = [n for n, _ in enumerate(methods) if n < len(outputs) and outputs[n]] or range(len(methods))
    chosen = min(leading, key=lambda n: (methods[n] != "POST", methods[n] not in known))
    if (method := methods[chosen]) not in known:
        if "POST" in methods:  # whose output leads nowhere: no two outputs are of one method
            methods[methods.index("POST")] = method
        method = methods[chosen] = "POST"
    if methods[chosen] != written[chosen]:
        notes.done(f"The platform calls no webhook by {written[chosen]}: it takes {method} now.", name)
    elif len(methods) > 1:
        notes.done(f"It takes {' and '.join(methods)}: the platform calls it by {method}.", name)
    now = methods if given and isinstance(given, list) else method
    if now != given:
        webhook["parameters"]["httpMethod"] = now
    return method
