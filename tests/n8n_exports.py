"""n8n workflows as people have them, written for the tests: one for each thing that is found in the wild."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

BASE = "n8n-nodes-base."
AI = "@n8n/n8n-nodes-langchain."
#: What n8n adds to what it exports.
ENGINE = {
    "id": "wf-old",
    "versionId": "v1",
    "meta": {"instanceId": "abc"},
    "active": True,
    "tags": [{"id": "1", "name": "mine"}],
    "staticData": None,
}


def node(name: str, kind: str, version: float = 1, **members: Any) -> dict[str, Any]:
    """A node; `parameters` and what else is given."""
    return {
        "parameters": {},
        "id": f"id-{name}",
        "name": name,
        "type": kind if kind.startswith(("@", "n8n-")) or "." in kind else BASE + kind,
        "typeVersion": version,
        "position": [240, 300],
        **members,
    }


def wired(*wires: tuple[Any, ...]) -> dict[str, Any]:
    """Connections of (source, target[, output[, kind]])."""
    found: dict[str, Any] = {}
    for source, target, *more in wires:
        output, kind = (*more, 0, "main")[:2] if len(more) != 1 else (more[0], "main")
        outputs = found.setdefault(source, {}).setdefault(kind, [])
        outputs += [[] for _ in range(output + 1 - len(outputs))]
        outputs[output].append({"node": target, "type": kind, "index": 0})
    return found


def export(nodes: Iterable[dict[str, Any]], *wires: tuple[Any, ...], **members: Any) -> dict[str, Any]:
    """A workflow as the editor downloads it."""
    return {
        "name": "My flow",
        "nodes": list(nodes),
        "connections": wired(*wires),
        "pinData": {},
        **ENGINE,
        **members,
    }


SET = {
    "assignments": {"assignments": [{"id": "1", "name": "x", "value": "={{ $json.x }}", "type": "string"}]}
}


def after(
    trigger: dict[str, Any], *others: dict[str, Any], wires: Iterable[tuple[Any, ...]] = (), **members: Any
) -> dict[str, Any]:
    """A trigger, a Set node that reads its item, and more."""
    first = node("Edit", "set", 3.4, parameters=SET)
    return export([trigger, first, *others], (trigger["name"], "Edit"), *wires, **members)


HOOK = node("Webhook", "webhook", 2, webhookId="w", parameters={"path": "orders", "httpMethod": "POST"})
MANUAL = node("When clicking", "manualTrigger")
HOURLY = node("Hourly", "scheduleTrigger", 1.2, parameters={"rule": {"interval": [{"field": "hours"}]}})
READING = node(
    "Read",
    "code",
    2,
    parameters={
        "jsCode": "const { name, amount = 1 } = $input.first().json.body;\n"
        "return [{ json: { name, city: $('Webhook').first().json.body.customer.city.toUpperCase(),"
        " first: $('Webhook').item.json.body.lines[0].sku, tags: $json.body['tags'].length } }];"
    },
)
FORM = node(
    "On form submission",
    "formTrigger",
    2.2,
    parameters={
        "formTitle": "Contact",
        "formFields": {
            "values": [
                {"fieldLabel": "Your name", "requiredField": True},
                {"fieldLabel": "How many?", "fieldType": "number"},
                {
                    "fieldLabel": "Colour",
                    "fieldType": "dropdown",
                    "fieldOptions": {"values": [{"option": "red"}]},
                },
                {"fieldLabel": "CV", "fieldType": "file"},
            ]
        },
    },
)
CHAT = node("When chat message received", f"{AI}chatTrigger", 1.1)
SUB = "executeWorkflowTrigger"


def rules(*each: dict[str, Any]) -> dict[str, Any]:
    return {"rule": {"interval": list(each)}}


def respond(**parameters: Any) -> dict[str, Any]:
    return node("Respond", "respondToWebhook", 1.1, parameters=parameters)


def answered(**parameters: Any) -> dict[str, Any]:
    return after(HOOK, respond(**parameters), wires=[("Edit", "Respond")])


def agent(*wires: tuple[Any, ...]) -> dict[str, Any]:
    parts = [
        node("Agent", f"{AI}agent", 1.7),
        node("Model", f"{AI}lmChatOpenAi", 1, credentials={"openAiApi": {"id": "7", "name": "mine"}}),
        node("Memory", f"{AI}memoryBufferWindow", 1.3),
        node(
            "Tool",
            f"{AI}toolWorkflow",
            2,
            parameters={"workflowId": {"__rl": True, "value": "gone", "mode": "id"}},
        ),
    ]
    given = [
        ("Edit", "Agent"),
        ("Model", "Agent", 0, "ai_languageModel"),
        ("Memory", "Agent", 0, "ai_memory"),
        ("Memory", "When chat message received", 0, "ai_memory"),
        ("Tool", "Agent", 0, "ai_tool"),
    ]
    return after(CHAT, *parts, wires=[*given, *wires])


IF = node("Check", "if", 2.2)
SWITCH = node(
    "Which", "switch", 3.2, parameters={"rules": {"values": [{}, {}]}, "options": {"fallbackOutput": "extra"}}
)
OLD_SWITCH = node("Which", "switch", 1, parameters={"rules": {"rules": [{"output": 0}, {"output": 2}]}})
FAILING = node(
    "Fetch", "httpRequest", 4.2, onError="continueErrorOutput", parameters={"url": "https://example.com"}
)
STOP = node("Stop", "stopAndError", 1, parameters={"errorMessage": "=No {{ $json.x }}"})
LOOP = node("Loop", "splitInBatches", 3)

#: Exports that become a workflow which passes `verify`; sub-workflows that declare or give away inputs too.
ORDINARY: dict[str, Any] = {
    "manual": after(MANUAL),
    "old start": after(node("Start", "start")),
    "webhook": after(HOOK, READING, wires=[("Webhook", "Read")]),
    "webhook by GET": after(node("Hook", "webhook", 1, parameters={"path": "x"})),
    "webhook, several methods": export(
        [
            node("Hook", "webhook", 2, parameters={"httpMethod": ["GET", "POST"], "multipleMethods": True}),
            node("A", "noOp"),
            node("B", "noOp"),
        ],
        ("Hook", "A", 0),
        ("Hook", "B", 1),
    ),
    "webhook with basic authentication": after(
        node("H", "webhook", 2, parameters={"authentication": "basicAuth"}, credentials={"httpBasicAuth": {"id": "1", "name": "n"}})
    ),
    "answers with JSON": answered(respondWith="json", responseBody='={{ { "ok": true } }}'),
    "answers with text": answered(respondWith="text", responseBody="Thanks"),
    "answers with all items": answered(respondWith="allIncomingItems"),
    "answers with the first item": answered(),
    "answers with a file": answered(respondWith="binary"),
    "answers in the middle": after(HOOK, respond(), node("Later", "noOp"), wires=[("Edit", "Respond"), ("Respond", "Later")]),
    "form": after(FORM),
    "form as JSON": after(node("F", "formTrigger", 2.2, parameters={"defineForm": "json", "jsonOutput": '[{"fieldLabel": "A"}]'})),
    "chat, agent, parts": agent(),
    "manual chat": after(node("Chat", f"{AI}manualChatTrigger")),
    "schedule": after(HOURLY),
    "schedule without a field": after(node("S", "scheduleTrigger", 1.2, parameters=rules({}))),
    "schedule every two weeks": after(node("S", "scheduleTrigger", 1.2, parameters=rules({"field": "weeks", "weeksInterval": 2, "triggerAtDay": [1, 3]}))),
    "schedule by cron": after(
        node("S", "scheduleTrigger", 1, parameters=rules({"field": "cronExpression", "expression": "0 30 8 * * 1"})),
        settings={"timezone": "Europe/Brussels", "executionOrder": "v1"},
    ),
    "schedule of several rules": after(node("S", "scheduleTrigger", 1.2, parameters=rules({"field": "minutes"}, {"field": "months"}, {"field": "seconds"}))),
    "cron": after(node("Cron", "cron", 1, parameters={"triggerTimes": {"item": [{"hour": 8, "mode": "everyDay"}]}})),
    "interval": after(node("Interval", "interval", 1, parameters={"interval": 5, "unit": "minutes"})),
    "telegram": after(node("T", "telegramTrigger", 1.1, credentials={"telegramApi": {"id": "1", "name": "bot"}})),
    "mail": after(node("Mail", "emailReadImap", 2)),
    "gmail": after(node("G", "gmailTrigger", 1.2)),
    "drive, typeform, sheets": export(
        [node("D", "googleDriveTrigger"), node("F", "typeformTrigger"), node("S", "googleSheetsTrigger"), node("A", "noOp")],
        ("D", "A"),
        ("F", "A"),
        ("S", "A"),
    ),
    "two triggers, one flow": after(MANUAL, HOURLY, wires=[("Hourly", "Edit")]),
    "two flows": after(HOOK, HOURLY, node("Report", "noOp"), wires=[("Hourly", "Report")]),
    "a disabled trigger": after(MANUAL, {**HOURLY, "disabled": True}, wires=[("Hourly", "Edit")]),
    "only a disabled trigger": after({**HOURLY, "disabled": True}),
    "sub-workflow with inputs": after(node("T", SUB, 1.1, parameters={"workflowInputs": {"values": [{"name": "x"}]}})),
    "sub-workflow by an example": after(node("T", SUB, 1.1, parameters={"inputSource": "jsonExample", "jsonExample": '{"a": 1, "b": [1]}'})),
    "sub-workflow, passing through": after(node("T", SUB, 1.1, parameters={"inputSource": "passthrough"})),
    "sub-workflow of version 1": after(node("T", SUB, 1)),
    "sub-workflow, also by hand": after(node("T", SUB, 1), MANUAL, wires=[("When clicking", "Edit")]),
    "calls another": after(MANUAL, node("Call", "executeWorkflow", 1, parameters={"workflowId": "17"}), wires=[("Edit", "Call")]),
    "several ends": after(MANUAL, node("A", "noOp"), node("B", "noOp"), wires=[("Edit", "A"), ("Edit", "B")]),
    "twelve ends": after(MANUAL, *(node(f"E{n}", "noOp") for n in range(12)), wires=[("Edit", f"E{n}") for n in range(12)]),
    "IF with an open output": after(MANUAL, IF, node("Yes", "noOp"), wires=[("Edit", "Check"), ("Check", "Yes")]),
    "IF without any": after(MANUAL, IF, wires=[("Edit", "Check")]),
    "switch": after(MANUAL, SWITCH, node("Yes", "noOp"), wires=[("Edit", "Which"), ("Which", "Yes", 1)]),
    "old switch": after(MANUAL, OLD_SWITCH, node("Yes", "noOp"), wires=[("Edit", "Which"), ("Which", "Yes", 2)]),
    "error output": after(MANUAL, FAILING, node("Ok", "noOp"), wires=[("Edit", "Fetch"), ("Fetch", "Ok")]),
    "error output in use": after(MANUAL, FAILING, node("Bad", "noOp"), wires=[("Edit", "Fetch"), ("Fetch", "Bad", 1)]),
    "stops with an error": after(MANUAL, IF, STOP, wires=[("Edit", "Check"), ("Check", "Stop", 1)]),
    "only stops": after(MANUAL, STOP, wires=[("Edit", "Stop")]),
    "merge at the end": after(MANUAL, node("Merge", "merge", 3.2), wires=[("Edit", "Merge"), ("When clicking", "Merge")]),
    "merge before a stop": after(MANUAL, node("Merge", "merge", 3.2), STOP, wires=[("Edit", "Merge"), ("Merge", "Stop")]),
    "loop": after(MANUAL, LOOP, node("Work", "noOp"), wires=[("Edit", "Loop"), ("Loop", "Work", 1), ("Work", "Loop")]),
    "old function": after(MANUAL, node("F", "function", 1, parameters={"functionCode": "return items;"}), wires=[("Edit", "F")]),
    "names by $node": after(MANUAL, node("F", "set", 1, parameters={"v": '={{ $node["When clicking"].json.a }}'}), wires=[("Edit", "F")]),
    "sticky notes": after(MANUAL, node("Note", "stickyNote", 1, parameters={"content": "Überall"})),
    "old credentials": after(MANUAL, node("S", "slack", 1, credentials={"slackApi": "mine"}), wires=[("Edit", "S")]),
    "credentials themselves": after(MANUAL, node("S", "slack", 1, credentials={"slackApi": {"accessToken": "hush"}}), wires=[("Edit", "S")]),
    "empty credentials": after(MANUAL, node("S", "slack", 1, credentials={}), wires=[("Edit", "S")]),
    "a community node": after(MANUAL, node("C", "n8n-nodes-other.thing"), wires=[("Edit", "C")]),
    "static data and $env": after(MANUAL, node("C", "code", 2, parameters={"jsCode": "$getWorkflowStaticData('global'); return $env.X"}), wires=[("Edit", "C")]),
    "copied from the editor": {"nodes": after(MANUAL)["nodes"], "connections": after(MANUAL)["connections"], "pinData": {}, "meta": {}},
    "strays": after(MANUAL, {**node("S", "noOp"), "color": "red", "description": "d", "notes": None}, wires=[("Edit", "S")]),
    "null outputs": {**after(MANUAL), "connections": {"When clicking": {"main": [None, [{"node": "Edit", "type": "main", "index": 0}]]}}},
    "two nodes of a name": after(MANUAL, node("Edit", "noOp", id="other")),
    "two nodes of an id": after(MANUAL, node("B", "noOp", id="id-Edit"), wires=[("Edit", "B")]),
    "wires by id": {**after(MANUAL), "connections": wired(("id-When clicking", "id-Edit"))},
    "wires to nothing": after(MANUAL, wires=[("Edit", "Nobody"), ("Ghost", "Edit", 0, "ai_tool")]),
    "no wires": export([MANUAL, node("A", "noOp")]),
    "no trigger": export([node("A", "noOp"), node("B", "noOp")], ("A", "B")),
    "nothing behind the trigger": export([MANUAL]),
    "missing names and ids": {"nodes": [{"type": f"{BASE}manualTrigger"}, {"type": f"{BASE}noOp", "position": {"x": 1, "y": 2}}], "connections": {}},
    "recorded data": after(HOOK, pinData={"Webhook": [{"json": {"body": {"email": "ada@example.org", "age": 36, "ok": True, "items": [{"n": 1}]}}}]}),
    "a list": [after(MANUAL)],
    "a list of two": [after(MANUAL), after(HOOK)],
    "a service without an id": after({k: v for k, v in node("T", "slackTrigger").items() if k != "id"}),
    "odd values": after(
        node("C", "cron", 1, parameters={"triggerTimes": {"item": 3}}),
        node("W", "switch", 1, parameters={"rules": {"rules": [{"output": []}]}, "fallbackOutput": {}}),
        node("X", "scheduleTrigger", 1, parameters=rules({"field": "cronExpression", "expression": "="})),
        wires=[("Edit", "W"), ("W", "Edit", 1), ("X", "Edit")],
    ),
    "template page": {"workflow": after(MANUAL), "name": "x"},
    "answer of the API": {"data": [after(MANUAL), after(HOURLY)], "nextCursor": None},
}  # fmt: skip

#: What is no workflow, with a part of the sentence that says so.
REFUSED: dict[str, tuple[Any, str]] = {
    "error workflow": (after(node("E", "errorTrigger")), "error workflow"),
    "no nodes": ({"name": "x", "nodes": [], "connections": {}}, "no nodes"),
    "no workflow": ({"a": 1}, "no n8n workflow"),
    "nothing": ([], "no workflow"),
    "no JSON": ('{"nodes": [', "line 1, column 12"),
    "half a character": ('{"nodes": [{"name": "\\ud83d", "type": "n8n-nodes-base.noOp"}]}', "not JSON"),
    "not a number": ('{"nodes": [NaN]}', "NaN is not JSON"),
}

_NAMES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=8)
_TRIGGERS = st.sampled_from(
    [
        MANUAL,
        HOOK,
        HOURLY,
        FORM,
        CHAT,
        node("Cron", "cron"),
        node("T", "telegramTrigger"),
        {**MANUAL, "disabled": True},
    ]
)
_OTHERS = st.sampled_from(
    [
        IF, SWITCH, OLD_SWITCH, FAILING, STOP, LOOP, READING, respond(), node("N", "noOp"), node("M", "merge", 3.2),
        respond(respondWith="json", responseBody="{}"), {**node("N", "noOp"), "disabled": True},
        node("A", f"{AI}agent", 1.7), node("L", f"{AI}lmChatOpenAi", 1), node("S", "slack", 2, credentials={"slackApi": {"id": "1"}}),
    ]
)  # fmt: skip


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Workflows of any shape: one to three triggers, nodes of all kinds, wires at random."""
    kinds = [*draw(st.lists(_TRIGGERS, min_size=1, max_size=3)), *draw(st.lists(_OTHERS, max_size=8))]
    names = draw(st.lists(_NAMES, min_size=len(kinds), max_size=len(kinds), unique=True))
    nodes = [
        {**kind, "name": name, "id": f"n{n}"} for n, (kind, name) in enumerate(zip(kinds, names, strict=True))
    ]
    triggers = sum(
        "rigger" in kind["type"] or kind["type"] in (f"{BASE}webhook", f"{BASE}cron") for kind in kinds
    )
    others = names[triggers:]
    wires = []
    if others:
        for _ in range(draw(st.integers(0, 14))):
            kind = draw(st.sampled_from(["main", "main", "main", "main", "ai_languageModel"]))
            source = draw(st.sampled_from(names if kind == "main" else others))
            wires.append((source, draw(st.sampled_from(others)), draw(st.integers(0, 2)), kind))
    for each in nodes[triggers:]:
        if draw(st.booleans()):
            named = draw(st.sampled_from(names))
            each["parameters"] = {**each["parameters"], "note": f"={{{{ $('{named}').item.json.a }}}}"}
    return export(nodes, *wires)
