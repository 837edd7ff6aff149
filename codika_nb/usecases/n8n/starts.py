"""What starts a workflow there, and what takes its place here.

Behind Codika Init stands a Code node that takes the old trigger's name and gives what the trigger gave. So
whatever is behind it, and whatever names it, finds what it found before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..rules.view import WEBHOOK_CREDENTIAL, as_object
from ..starters import BY_HAND, CHATS, CRON, ERROR, FORM, INTERVAL, SCHEDULE, service_event, trigger_kind
from ..triggers import INSTANCE_PATH, webhook_url
from . import inputs
from .export import Read
from .graph import Graph, Node, expressions
from .items import form_fields, form_item, item_code
from .reading import Value, read_of
from .report import Notes
from .times import rule_of, schedule

_CODE = "n8n-nodes-base.code"
CODIKA = "n8n-nodes-codika.codika"


@dataclass
class Start:
    """How a workflow is started.

    Attributes:
        node: the trigger as it was.
        targets: the nodes that it led to.
        label: tells the flow from the others of the workflow.
        absorbed: other triggers that go with it.
    """

    node: Node
    targets: list[dict[str, Any]]
    label: str = ""
    absorbed: list[Node] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """``webhook``, ``form``, ``chat``, ``schedule``, ``service`` or ``manual``."""
        return start_kind(self.node)


_ORDER = ("webhook", "form", "chat", "schedule", "service", "manual")


def start_kind(node: Node) -> str:
    """What kind of start a trigger is, in the order in which one of several is preferred."""
    if node["type"] == FORM:
        return "form"
    if node["type"] in CHATS:
        return "chat"
    if node["type"] == ERROR:
        return "error"
    found = {"http": "webhook", "service_event": "service"}
    kind = trigger_kind(node["type"]) or "manual"
    return found.get(kind, kind)


def starts(graph: Graph, notes: Notes) -> list[Start]:
    """The ways in which a workflow is started, the preferred one first.

    A start by hand beside another that leads to the same nodes is there for trying, and goes with it.
    """
    triggers = [
        node for node in graph.nodes.values() if trigger_kind(node["type"]) and start_kind(node) != "error"
    ]
    able = [node for node in triggers if not node.get("disabled")] or triggers
    for node in triggers:
        if node.get("disabled") and node not in able:
            notes.done("This trigger was disabled, and was left out.", node["name"])
    found = []
    for node in able:
        outputs = graph.outputs(node["name"]) or [[]]
        methods = node["parameters"].get("httpMethod") if node["type"] == "n8n-nodes-base.webhook" else None
        if isinstance(methods, list) and sum(map(bool, outputs)) > 1:
            for n, links in enumerate(outputs):
                if links:
                    label = str(methods[n]).lower() if n < len(methods) else str(n)
                    found.append(Start(node, links, label))
        else:
            found.append(Start(node, [link for links in outputs for link in links]))
    found.sort(key=lambda start: _ORDER.index(start.kind))
    real: list[Start] = []
    for start in found:
        own = {link["node"] for link in start.targets}
        host = next((other for other in real if own <= {link["node"] for link in other.targets}), None)
        if host is None or (own and start.kind != "manual"):
            real.append(start)
        else:
            host.absorbed.append(start.node)
    leading = [start for start in real if start.targets] or real[:1]
    for start in real:
        if start not in leading:
            leading[0].absorbed.append(start.node)
    return leading


def build(
    graph: Graph,
    start: Start,
    template_id: str,
    read: Read,
    notes: Notes,
) -> tuple[dict[str, Any], list[str]]:
    """Put the platform's start in the place of a trigger.

    Args:
        graph: the workflow, with the trigger still in it.
        start: which.
        template_id: the workflow's.
        read: the export, for its time zone and its recorded items.
        notes: takes down what was done.

    Returns:
        The configuration's trigger, and the nodes with which a run begins.
    """
    node, kind, name = start.node, start.kind, start.node["name"]
    x, y = node["position"]
    trigger, code, parts = _translated(graph, start, template_id, read, notes)
    stays = kind in ("schedule", "service")
    graph.remove(name)
    init = graph.free("Codika Init")
    own: list[str] = []
    if stays:
        own_name = graph.free(f"{name} Start")
        graph.nodes[own_name] = {**_staying(node), "name": own_name, "position": [x - 480, y + 180]}
        graph.nodes[own_name].pop("disabled", None)
        own.append(own_name)
        parts["START"] = json.dumps(own_name, ensure_ascii=False)
    if kind != "service":
        own.insert(0, _webhook(graph, template_id, [x - 480, y]))
        parts["WEBHOOK"] = json.dumps(own[0], ensure_ascii=False)
    parameters = _INIT | ({} if not stays else _INIT_ALONE) | {"workflowId": template_id}
    parameters["triggerType"] = trigger["type"]
    more = {"executeOnce": True} if kind == "service" else {}
    graph.add(init, CODIKA, 1, [x - 240, y], parameters, **more)
    graph.add(name, _CODE, 2, [x, y], {"jsCode": item_code(code, **parts)})
    for each in own:
        graph.connect(each, init)
    graph.connect(init, name)
    for link in start.targets:
        if link["node"] in graph.nodes:
            graph.connect(name, link["node"], index=link["index"])
    return trigger, own


def _staying(node: Node) -> Node:
    """A trigger that stays; what the engine no longer has becomes a schedule."""
    if node["type"] not in (CRON, INTERVAL):
        return node
    return {**node, "type": SCHEDULE, "typeVersion": 1.2, "parameters": {"rule": rule_of(node)}}


_INIT = {
    "resource": "initializeExecution",
    "operation": "initWorkflow",
    "memberSecret": "{{MEMSECRT_EXECUTION_AUTH_TRCESMEM}}",
    "organizationId": "={{ $json.body.executionMetadata.organizationId }}",
    "userId": "={{ $json.body.executionMetadata.userId }}",
    "processInstanceId": "={{ $json.body.executionMetadata.processInstanceId }}",
}
#: Where no HTTP call says whose run it is.
_INIT_ALONE = {
    "organizationId": "{{USERDATA_ORGANIZATION_ID_ATADRESU}}",
    "userId": "{{USERDATA_USER_ID_ATADRESU}}",
    "processInstanceId": "{{USERDATA_PROCESS_INSTANCE_UID_ATADRESU}}",
}


def _webhook(graph: Graph, template_id: str, at: list[float]) -> str:
    return graph.add(
        graph.free("Codika Start"),
        "n8n-nodes-base.webhook",
        2,
        at,
        {
            "httpMethod": "POST",
            "path": INSTANCE_PATH + template_id,
            "authentication": "headerAuth",
            "responseMode": "lastNode",
            "options": {},
        },
        credentials={"httpHeaderAuth": dict(WEBHOOK_CREDENTIAL)},
        webhookId=f"{template_id}-webhook",
    )


def _plain_texts(texts: dict[str, Any]) -> dict[str, str]:
    """Those that say something themselves: no expressions, nothing empty."""
    return {
        member: text.strip()
        for member, text in texts.items()
        if isinstance(text, str) and text.strip() and not text.startswith("=")
    }


def _translated(
    graph: Graph,
    start: Start,
    template_id: str,
    read: Read,
    notes: Notes,
) -> tuple[dict[str, Any], str, dict[str, str]]:
    """The configuration's trigger, and which code gives what the old one gave, with what parts."""
    node, name = start.node, start.node["name"]
    behind = [link["node"] for link in start.targets]
    members = read_of(graph, name, behind).members
    recorded = inputs.recorded_items(read.pinned, name)
    http: dict[str, Any] = {"type": "http", "url": webhook_url(template_id), "method": "POST"}
    match start.kind:
        case "webhook":
            fields, parts = _of_webhook(graph, start, members, recorded, notes)
            return http | {"inputSchema": fields}, "webhook", parts
        case "form":
            schema, names, hidden = form_fields(node, notes)
            other = [field for field in schema if field["label"] != field["key"]]
            called = ", ".join(f"“{field['label']}” is {field['key']}" for field in other)
            also = f"; in a payload {called}" if called else ""
            notes.done(f"The form's fields are the input form now{also}.", name)
            about = {"title": "formTitle", "description": "formDescription"}
            texts = {member: node["parameters"].get(parameter) for member, parameter in about.items()}
            trigger = http | _plain_texts(texts) | {"inputSchema": schema}
            return trigger, "form", form_item(names, hidden)
        case "chat":
            notes.done("The chat is a form with a message now; nothing keeps a session but sessionId.", name)
            schema = [
                {"key": "chatInput", "label": "Message", "type": "text", "required": True},
                {"key": "sessionId", "label": "Session", "type": "string"},
            ]
            return http | {"inputSchema": schema}, "chat", {}
        case "schedule":
            trigger = schedule(node, read.settings, template_id, notes)
            said = f"{trigger['humanReadable']}, {trigger['timezone']}"
            notes.done(f"Runs on schedule ({said}), and by hand through a webhook.", name)
            return trigger, "empty" if node["type"] in (CRON, INTERVAL) else "schedule", {}
        case "service":
            service, event = service_event(node["type"])
            notes.decide(
                f"Only an event of {event} starts it, if the platform supports that and has the credentials. "
                "To try it by hand, import it with a Webhook in its place.",
                name,
            )
            return {"type": "service_event", "service": service, "eventType": event}, "service", {}
    if node["type"] in BY_HAND:
        notes.done("The start by hand is an HTTP endpoint without input now.", name)
    return http | {"inputSchema": []}, "empty", {}


def tell_unread(member: str, nodes: Iterable[Node], trigger: str, notes: Notes) -> None:
    """Say that a member of a webhook's item is read, where that does not tell what is in it."""
    if any(re.search(rf"\b{member}\b", text) for node in nodes for text in expressions(node)):
        notes.decide(
            f"Its {member} is read in a way that does not tell what is in it: declare that in the "
            "inputSchema.",
            trigger,
        )


def _of_webhook(
    graph: Graph,
    start: Start,
    members: Mapping[str, Value],
    recorded: list[dict[str, Any]],
    notes: Notes,
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The fields for what a webhook took, by whatever method, and the parts of the code for its item."""
    node, name = start.node, start.node["name"]
    method = start.label.upper() or node["parameters"].get("httpMethod") or "GET"
    by_query = method in ("GET", "HEAD") if isinstance(method, str) else False
    member = "query" if by_query else "body"
    form = inputs.form(members.get(member, Value()), [item.get(member) for item in recorded])
    form.tell(name, notes)
    if not any(form):
        tell_unread(member, graph.nodes.values(), name, notes)
    for other in ("headers", "params", *(() if by_query else ("query",))):
        if other in members:
            notes.decide(
                f"{other} is read, which a caller can no longer give: it is the platform's now.", name
            )
    given = {**node["parameters"], **as_object(node["parameters"].get("options"))}
    if any(given.get(each) for each in ("binaryData", "binaryPropertyName", "rawBody")):
        notes.decide("It took files, or the body as it was sent: the platform gives JSON.", name)
    was = " and ".join(map(str, method)) if isinstance(method, list) else method
    instead = "" if was == "POST" else f" instead of {was}"
    notes.done(f"The webhook is the platform's now: POST{instead}, locked, answered by the last node.", name)
    given_as = "query: body, body: {}" if by_query else "query: start.query ?? {}, body"
    return form.fields, {"GIVEN": given_as}
