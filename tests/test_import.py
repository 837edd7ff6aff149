"""n8n workflows become use cases: whatever comes in, nothing is lost, and what comes out can be deployed."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from codika_nb import Client, Sandbox, UseCase, UseCaseError, sign_in, verify_workflow
from codika_nb.usecases.n8n.graph import Graph, named_in
from codika_nb.usecases.rules.view import ERROR_WORKFLOW, WEBHOOK_CREDENTIAL
from codika_nb.usecases.starters import trigger_kind
from codika_nb.usecases.triggers import ENGINE_WEBHOOKS, webhook_url
from tests.codika_tool import Tool, codika_tool
from tests.conftest import EMAIL, GREETER
from tests.kernels import Kernel, SharedKernel

from .n8n_exports import (
    AI,
    CHAT,
    FORM,
    HOOK,
    HOURLY,
    MANUAL,
    ORDINARY,
    REFUSED,
    after,
    agent,
    answered,
    export,
    graphs,
    node,
    rules,
)

__all__ = ["codika_tool"]

#: Replaced under their names, as the platform answers and ends runs itself.
REPLACED = ("n8n-nodes-base.respondToWebhook", "n8n-nodes-base.stopAndError")
#: What is left of a node as it was.
KEPT = (
    "type",
    "typeVersion",
    "parameters",
    "position",
    "disabled",
    "notes",
    "onError",
    "retryOnFail",
    "executeOnce",
)


def workflows(use_case: UseCase) -> list[dict[str, Any]]:
    """The workflows that an import has made."""
    return [json.loads(use_case._source.files[name]) for name in use_case._source.workflow_files]


def named(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in workflow["nodes"]}


def links(workflow: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Every wire: source, kind, output, target, index."""
    return [
        (source, kind, n, link["node"], link["index"])
        for source, kinds in workflow["connections"].items()
        for kind, outputs in kinds.items()
        for n, output in enumerate(outputs)
        for link in output or []
    ]


def decided(use_case: UseCase) -> str:
    assert use_case.imported is not None
    return repr(use_case.imported.decide)


def in_pattern(trigger: dict[str, Any], output: int = 0, **members: Any) -> dict[str, Any]:
    """A workflow with a Codika Init, which one output of the trigger leads to."""
    init = node("Init", "n8n-nodes-codika.codika", 1, parameters={"operation": "initWorkflow"})
    submit = node("Submit", "n8n-nodes-codika.codika", 1, parameters={"operation": "submitResult"})
    return export([trigger, init, submit], (trigger["name"], "Init", output), ("Init", "Submit"), **members)


@pytest.mark.parametrize("name", ORDINARY)
def test_what_people_have_passes_verify(name: str, tmp_path: Path) -> None:
    given = ORDINARY[name]
    before = copy.deepcopy(given)

    use_case = UseCase.from_n8n(given)

    assert given == before
    assert use_case.verify().must == []
    again = UseCase.from_n8n(given)
    assert again._source.files == use_case._source.files
    assert again.imported == use_case.imported
    # What comes out is in the pattern, and is left as it is.
    use_case.save(tmp_path / "made")
    for file in (tmp_path / "made" / "workflows").iterdir():
        third = UseCase.from_n8n(file)
        assert third._source.files[third._source.workflow_files[0]] == file.read_bytes()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_workflow_is_refused_with_a_sentence(name: str) -> None:
    given, said = REFUSED[name]

    with pytest.raises(UseCaseError, match=said):
        UseCase.from_n8n(given)


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_nothing_is_lost(given: dict[str, Any]) -> None:
    use_case = UseCase.from_n8n(given)
    made = workflows(use_case)

    assert [f for f in use_case.verify().must if f.rule != "LLM-OUTPUT-ACCESS"] == []
    triggers = {each["name"] for each in given["nodes"] if trigger_kind(each["type"])}
    for old in given["nodes"]:
        if old["name"] not in triggers:
            places = [named(workflow)[old["name"]] for workflow in made if old["name"] in named(workflow)]
            assert places
            for new in places:
                members = ("position",) if old["type"] in REPLACED else KEPT
                assert [new.get(m) for m in members] == [old.get(m) for m in members]
    wires = {wire for workflow in made for wire in links(workflow)}
    for wire in links(given):
        if not {wire[0], wire[3]} & triggers:
            assert wire in wires
    old = Graph("old", copy.deepcopy(given["nodes"]), _clean(given["connections"]))
    able = [n for n in given["nodes"] if trigger_kind(n["type"]) and not n.get("disabled")]
    able = able or [n for n in given["nodes"] if trigger_kind(n["type"])]
    reached = set(old.reachable(each["name"] for each in able)) - triggers
    now: set[str] = set()
    for workflow in made:
        graph = Graph("new", workflow["nodes"], workflow["connections"])
        inits = [n["name"] for n in workflow["nodes"] if n["parameters"].get("operation") == "initWorkflow"]
        assert len(inits) == 1
        now |= set(graph.reachable(inits))
        ids = [each["id"] for each in workflow["nodes"]]
        assert len(set(ids)) == len(ids)
        assert {end for wire in links(workflow) for end in (wire[0], wire[3])} <= set(graph.nodes)
        # Every name in an expression is that of a node, as it was before.
        known = {each["name"] for each in given["nodes"]}
        assert all(named_in(each) & known <= set(graph.nodes) for each in workflow["nodes"])
    assert reached <= now


def _clean(connections: dict[str, Any]) -> dict[str, Any]:
    return {s: {k: [o or [] for o in outs] for k, outs in kinds.items()} for s, kinds in connections.items()}


def test_the_trigger_gives_way_to_code_of_its_name() -> None:
    use_case = UseCase.from_n8n(ORDINARY["webhook"])

    (workflow,) = workflows(use_case)
    (start,) = (n for n in workflow["nodes"] if n["type"] == "n8n-nodes-base.webhook")
    assert named(workflow)["Webhook"]["type"] == "n8n-nodes-base.code"
    assert ("Codika Init", "main", 0, "Webhook", 0) in links(workflow)
    assert start["parameters"]["httpMethod"] == "POST"
    fields = use_case.configuration.to_json()["workflows"][0]["triggers"][0]["inputSchema"]
    kinds = {field["key"]: field["type"] for field in fields}
    assert kinds == {
        "name": "string",
        "amount": "string",
        "customer": "object",
        "tags": "string",
    }
    assert "guessed from what is read" in decided(use_case)


def test_what_a_payload_calls_the_fields_of_a_form_is_said() -> None:
    fields = [{"fieldLabel": each} for each in ("Name", "E-mail", "Wohin?")]
    form = node("F", "formTrigger", 2.2, parameters={"formFields": {"values": fields}})

    report = UseCase.from_n8n(after(form)).imported

    assert report
    (told,) = [each.message for each in report.done if "input form" in each.message]
    assert told.endswith("in a payload “E-mail” is E_mail, “Wohin?” is Wohin.")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"formTitle": "Contact us", "formDescription": "We answer."}, ("Contact us", "We answer.")),
        ({"formTitle": "={{ $json.title }}", "formDescription": " "}, (None, None)),
        ({"formTitle": 3}, (None, None)),
    ],
)
def test_a_form_keeps_its_title_and_its_words(
    parameters: dict[str, Any], said: tuple[object, object]
) -> None:
    use_case = UseCase.from_n8n(after(node("F", "formTrigger", 2.2, parameters=parameters)))

    (trigger,) = use_case.configuration.to_json()["workflows"][0]["triggers"]
    assert (trigger.get("title"), trigger.get("description")) == said


def test_recorded_items_tell_kinds_and_are_left_out() -> None:
    use_case = UseCase.from_n8n(ORDINARY["recorded data"])

    fields = use_case.configuration.to_json()["workflows"][0]["triggers"][0]["inputSchema"]
    kinds = {field["key"]: field["type"] for field in fields}
    assert kinds == {"email": "string", "age": "number", "ok": "boolean", "items": "objectArray"}
    everything = repr(use_case.imported) + str(use_case._source.files)
    assert "ada@example.org" not in everything


NAMED_FORM = node(
    "Form",
    "formTrigger",
    2.5,
    parameters={
        "formFields": {
            "values": [
                {"fieldLabel": "E-mail", "fieldName": "mail", "fieldType": "email", "requiredField": True},
                {"fieldType": "hiddenField", "fieldName": "source", "fieldValue": "web"},
                {"fieldLabel": "City", "fieldName": "", "defaultValue": "Ghent"},
                {
                    "fieldLabel": "Only a label",
                    "fieldType": "dropdown",
                    "defaultValue": "b",
                    "fieldOptions": {"values": [{"option": "a"}, {"option": "b"}]},
                },
            ]
        }
    },
)


def test_what_fields_of_a_form_begin_with_is_kept() -> None:
    use_case = UseCase.from_n8n(after(NAMED_FORM))

    fields = use_case.configuration.to_json()["workflows"][0]["triggers"][0]["inputSchema"]
    assert {field["key"]: field.get("defaultValue") for field in fields} == {
        "E_mail": None,
        "source": "web",
        "City": "Ghent",
        "Only_a_label": "b",
    }
    assert use_case.verify() == []


@pytest.mark.parametrize(
    ("kind", "given", "begins_with"),
    [
        ("number", "5", 5),
        ("number", "-0.5", -0.5),
        ("number", "five", None),
        ("date", "2026-01-31", "2026-01-31"),
        ("date", "2026-01-31T00:00:00", "2026-01-31"),
        ("date", "soon", None),
        ("email", "ada@example.com", "ada@example.com"),
        ("text", "={{ $now }}", None),
        ("checkbox", "a, b,z", ["a", "b"]),
        ("radio", "b", "b"),
        ("dropdown", "z", None),
        ("file", "a", None),
    ],
)
def test_a_field_of_a_form_of_any_kind_begins_as_before(kind: str, given: str, begins_with: Any) -> None:
    options = {"values": [{"option": "a"}, {"option": "b"}]}
    field = {"fieldLabel": "x", "fieldType": kind, "defaultValue": given, "fieldOptions": options}
    form = node("Form", "formTrigger", 2.3, parameters={"formFields": {"values": [field]}})

    use_case = UseCase.from_n8n(after(form))

    (made,) = use_case.configuration.to_json()["workflows"][0]["triggers"][0]["inputSchema"]
    assert made.get("defaultValue") == begins_with
    assert use_case.verify() == []


ITEMS = [
    (
        HOOK,
        {"body": {"name": "Ada", "executionMetadata": {}}, "headers": {"h": "1"}},
        {"body": {"name": "Ada"}, "query": {}, "headers": {"h": "1"}},
    ),
    (
        node("Hook", "webhook", 1),
        {"body": {"name": "Ada", "executionMetadata": {}}},
        {"query": {"name": "Ada"}, "body": {}},
    ),
    (
        FORM,
        {"body": {"Your_name": "Ada", "How_many": 3}},
        {"Your name": "Ada", "How many?": 3, "Colour": None, "formMode": "production"},
    ),
    (
        NAMED_FORM,
        {"body": {"E_mail": "ada@example.com"}},
        {"mail": "ada@example.com", "source": "web", "City": None, "Only a label": None},
    ),
    (
        {**NAMED_FORM, "typeVersion": 2.3},
        {"body": {"E_mail": "ada@example.com", "source": "phone"}},
        {"E-mail": "ada@example.com", "source": "phone", "City": None},
    ),
    (
        CHAT,
        {"body": {"chatInput": "Hi"}},
        {"chatInput": "Hi", "action": "sendMessage", "sessionId": "run-1"},
    ),
    (MANUAL, {"body": {}}, {}),
    (
        HOURLY,
        {"body": {}},
        {"Readable date": "November 22nd 2026, 5:44:45 am", "Timezone": "UTC (UTC+00:00)", "Hour": "05"},
    ),
]
#: As much of the engine as the code asks for.
NODE = """
const parts = { MMMM: 'November', yyyy: '2026', 'h:mm:ss a': '5:44:45 AM', cccc: 'Sunday', dd: '22', HH: '05',
  mm: '44', ss: '45', ZZ: '+00:00' };
const $now = { day: 22, zoneName: 'UTC', toISO: () => '2026-11-22T05:44:45.000Z', toFormat: (f) => parts[f] };
const $execution = { id: 'run-1' };
const given = JSON.parse(process.argv[1]);
const $ = (name) => ({
  isExecuted: name in given, first: () => ({ json: given[name] }), all: () => [{ json: given[name] }],
});
console.log(JSON.stringify(new Function('$', '$now', '$execution', process.argv[2])($, $now, $execution)));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="runs JavaScript")
@pytest.mark.parametrize(("trigger", "call", "item"), ITEMS)
def test_the_code_gives_what_the_trigger_gave(trigger: Any, call: Any, item: Any) -> None:
    (workflow,) = workflows(UseCase.from_n8n(after(trigger)))
    code = named(workflow)[trigger["name"]]["parameters"]["jsCode"]

    given = run_code(code, {"Codika Start": call})
    assert given | item == given
    assert item or given == {}


#: What could be taken for something else on its way into code.
ODD_TEXTS = [
    *("Cost in $WEBHOOK", "$START", "$LABELS", "$HIDDEN$OTHERWISE", "$GIVEN", "$& $1 $$ \\1 \\g<0>"),
    *('"', "it's `${1}`", "a\\", "a\\nb", "a\nb\r\tc", "</script><!--", "*/ // /*", "\u2028 \x1b é 😀"),
]


def run_code(code: str, nodes: dict[str, Any]) -> Any:
    """What a Code node gives, by what the nodes gave that it names."""
    command = ["node", "-e", NODE, json.dumps(nodes), code]
    ran = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    (item,) = json.loads(ran.stdout)
    return item["json"]


@pytest.mark.skipif(not shutil.which("node"), reason="runs JavaScript")
def test_whatever_a_form_calls_its_fields_is_no_code() -> None:
    fields = [{"fieldLabel": each} for each in ODD_TEXTS]
    hidden = [
        {"fieldType": "hiddenField", "fieldName": f"h{n}", "fieldValue": each}
        for n, each in enumerate(ODD_TEXTS)
    ]
    trigger = node("F", "formTrigger", 2.2, parameters={"formFields": {"values": [*fields, *hidden]}})
    use_case = UseCase.from_n8n(after(trigger))

    (workflow,) = workflows(use_case)
    keys = [
        each["key"] for each in use_case.configuration.to_json()["workflows"][0]["triggers"][0]["inputSchema"]
    ]
    body = dict(zip(keys, range(len(ODD_TEXTS)), strict=False))
    item = run_code(named(workflow)["F"]["parameters"]["jsCode"], {"Codika Start": {"body": body}})
    assert {each: item[each] for each in ODD_TEXTS} == {each: n for n, each in enumerate(ODD_TEXTS)}
    assert [item[f"h{n}"] for n in range(len(ODD_TEXTS))] == ODD_TEXTS


@pytest.mark.skipif(not shutil.which("node"), reason="runs JavaScript")
@pytest.mark.parametrize("name", ODD_TEXTS)
def test_whatever_a_schedule_is_called_is_no_code(name: str) -> None:
    (workflow,) = workflows(UseCase.from_n8n(after({**HOURLY, "name": name})))

    code = named(workflow)[name]["parameters"]["jsCode"]
    assert run_code(code, {f"{name} Start": {"timestamp": "now"}}) == {"timestamp": "now"}


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("POST", "POST, locked"),
        ("PUT", "POST instead of PUT, locked"),
        (["GET", "POST"], "POST instead of GET and POST, locked"),
        (None, "POST instead of GET, locked"),
    ],
)
def test_a_webhook_of_another_method_is_said_to_be_posted_to(method: Any, words: str) -> None:
    parameters = {} if method is None else {"httpMethod": method}
    hook = node("Hook", "webhook", 2, parameters=parameters, webhookId="w")
    use_case = UseCase.from_n8n(export([hook, node("Next", "noOp")], ("Hook", "Next")))

    [trigger] = use_case.configuration.workflows[0].triggers
    assert trigger.to_json()["method"] == "POST"
    assert use_case.imported is not None
    assert any(words in note.message for note in use_case.imported.done)


def test_each_flow_of_its_own_becomes_a_workflow() -> None:
    use_case = UseCase.from_n8n(ORDINARY["two flows"])

    first, second = workflows(use_case)
    assert "Report" not in named(first)
    assert "Edit" not in named(second)
    assert [w.workflow_template_id for w in use_case.configuration.workflows] == [
        "my-flow",
        "my-flow-schedule",
    ]
    assert "2 flows" in decided(use_case)


def test_ends_are_joined_and_the_lowest_counts() -> None:
    low, high = node("Low", "noOp", position=[500, 900]), node("High", "noOp", position=[500, 100])
    (workflow,) = workflows(
        UseCase.from_n8n(after(MANUAL, high, low, wires=[("Edit", "High"), ("Edit", "Low")]))
    )

    assert {("Low", "main", 0, "All Ends", 0), ("High", "main", 0, "All Ends", 1)} <= set(links(workflow))
    assert named(workflow)["All Ends"]["parameters"] == {"numberInputs": 2}
    assert {w[3] for w in links(workflow) if w[0] == "All Ends"} == {"All Done"}


def test_what_has_responded_counts_more_than_an_end_that_was_open() -> None:
    condition = node("Is it", "if", 2, position=[500, 0])
    low = node(
        "Answer", "respondToWebhook", 1, position=[700, 900], parameters={"respondWith": "allIncomingItems"}
    )
    high = node("Other answer", "respondToWebhook", 1, position=[700, 500])
    wires = [("Edit", "Is it"), ("Is it", "Answer"), ("Edit", "Other answer")]
    (workflow,) = workflows(UseCase.from_n8n(after(HOOK, condition, low, high, wires=wires)))

    ends = {source: place for source, _, _, goal, place in links(workflow) if goal == "All Ends"}
    assert ends == {"Other answer": 0, "Answer": 1, "Is it": 2}  # the first that responds is the answer


def test_errors_are_reported_with_their_messages() -> None:
    (workflow,) = workflows(UseCase.from_n8n(ORDINARY["stops with an error"]))

    stop = named(workflow)["Stop"]["parameters"]
    assert (stop["operation"], stop["errorMessage"]) == ("reportError", "=No {{ $json.x }}")
    (other,) = workflows(UseCase.from_n8n(ORDINARY["error output"]))
    assert ("Fetch", "main", 1, "Report Error", 0) in links(other)


CATEGORIES = {"categories": {"categories": [{"category": "a"}, {"category": "b"}]}}


@pytest.mark.parametrize(
    ("kind", "version", "parameters", "outputs"),
    [
        (f"{AI}textClassifier", 1.1, CATEGORIES, 2),
        (f"{AI}textClassifier", 1, CATEGORIES | {"options": {"fallback": "other"}}, 3),
        (f"{AI}sentimentAnalysis", 1, {}, 3),
        (f"{AI}sentimentAnalysis", 1, {"options": {"categories": "good, bad"}}, 2),
        (f"{AI}guardrails", 1, {}, 2),
        (f"{AI}guardrails", 1, {"operation": "sanitize"}, 1),
        ("compareDatasets", 2.3, {}, 4),
        ("evaluation", 4.7, {"operation": "checkIfEvaluating"}, 2),
        ("switch", 2, {"rules": {"rules": [{"outputKey": "x"}, {"outputKey": "y"}, {}]}}, 3),
        ("switch", 2, {"mode": "expression", "outputsAmount": 6}, 6),
        ("switch", 1, {"mode": "expression"}, 4),
        ("httpRequest", 4.2, {}, 1),
    ],
)
def test_each_output_of_a_node_leads_to_an_end(
    kind: str, version: float, parameters: Any, outputs: int
) -> None:
    several = node("Several", kind, version, parameters=parameters, onError="continueErrorOutput")
    on = [("Several", "On", 0)] if outputs > 1 else [("Several", "On", 1)]
    use_case = UseCase.from_n8n(after(MANUAL, several, node("On", "noOp"), wires=[("Edit", "Several"), *on]))

    (workflow,) = workflows(use_case)
    assert use_case.verify().must == []
    ends = {wire[2]: wire[3] for wire in links(workflow) if wire[0] == "Several"}
    failed = {outputs: "On" if outputs == 1 else "Report Error"}
    first = {} if outputs == 1 else {0: "On"}
    assert ends == dict.fromkeys(range(outputs), "All Ends") | first | failed


def test_what_followed_the_answer_itself_follows_the_result() -> None:
    respond = node("Respond", "respondToWebhook", 1.4, parameters={"enableResponseOutput": True})
    later, log = node("Later", "noOp"), node("Log", "noOp")
    wires = [("Edit", "Respond"), ("Respond", "Later", 0), ("Respond", "Log", 1)]
    (workflow,) = workflows(UseCase.from_n8n(after(HOOK, respond, later, log, wires=wires)))

    assert {wire[2:4] for wire in links(workflow) if wire[0] == "Respond"} == {(0, "Later"), (0, "Log")}


@pytest.mark.parametrize(
    ("parameters", "kind", "member"),
    [
        ({"respondWith": "json", "responseBody": "={{ $json }}"}, "set", ("jsonOutput", "={{ $json }}")),
        ({"respondWith": "text", "responseBody": "Hi"}, "set", ("options", {})),
        ({"respondWith": "allIncomingItems"}, "aggregate", ("aggregate", "aggregateAllItemData")),
        (
            {"respondWith": "allIncomingItems", "options": {"responseKey": "rows"}},
            "aggregate",
            ("destinationFieldName", "rows"),
        ),
        (
            {"options": {"responseKey": "row"}},
            "set",
            ("jsonOutput", '={{ { "row": $json } }}'),
        ),
        ({}, "noOp", None),
    ],
)
def test_answers_become_results(parameters: Any, kind: str, member: Any) -> None:
    (workflow,) = workflows(UseCase.from_n8n(answered(**parameters)))

    respond = named(workflow)["Respond"]
    assert respond["type"] == f"n8n-nodes-base.{kind}"
    assert member is None or member in respond["parameters"].items()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"respondWith": "noData"}, "with noData"),
        ({"options": {"responseKey": "a.b"}}, "status or headers"),
        ({"options": {"responseCode": 201}}, "status or headers"),
    ],
)
def test_answers_that_cannot_become_results_are_said(parameters: Any, words: str) -> None:
    assert words in decided(UseCase.from_n8n(answered(**parameters)))


def test_a_start_for_evaluations_goes_with_the_real_one() -> None:
    trial = node("Rows", "evaluationTrigger", 4)
    use_case = UseCase.from_n8n(after(HOOK, trial, wires=[("Rows", "Edit")]))

    assert len(workflows(use_case)) == 1
    assert use_case.verify().must == []


def test_credentials_become_placeholders_and_secrets_stay_out() -> None:
    use_case = UseCase.from_n8n(ORDINARY["credentials themselves"])

    (workflow,) = workflows(use_case)
    assert named(workflow)["S"]["credentials"]["slackApi"]["id"] == "{{FLEXCRED_SLACKAPI_ID_DERCXELF}}"
    assert use_case.configuration.integration_uids == ["slackapi"]
    assert "hush" not in repr(use_case.imported) + str(use_case._source.files)
    assert "Renew them" in decided(use_case)
    assert "that integration (slack? docs/n8n.md lists them)" in decided(use_case)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"a": f"sk{'_live_'}51Habcdefghijklmnop"}, True),
        ({"a": f"https://api.telegram.org/bot{'123456789'}:AAabcdefghijklmnopqrstuvwxyz012345/send"}, True),
        ({"a": "https://ada:hush-hush@example.com/"}, True),
        ({"a": "https://example.com:8080/?api_key=abcdef0123456789"}, True),
        ({"a": "Basic QWRhOmh1c2g="}, True),
        ({"a": f"-----BEGIN {'PRIVATE'} KEY-----"}, True),
        ({"h": [{"name": "X-API-Key", "value": "0123456789abcdef"}]}, True),
        ({"jsCode": "const apiKey = 'abcd1234efgh';"}, True),
        ({"password": "hush"}, True),
        ({"h": [{"name": "Authorization", "value": "={{ $json.token }}"}]}, False),
        ({"h": [{"name": "X-API-Key", "value": "YOUR_API_KEY"}]}, False),
        ({"a": "Basic authentication", "b": "https://example.com:8080/x@y", "max_tokens": "2000"}, False),
        ({"jsCode": "const apiKey = $json.body.apiKey; // the api key"}, False),
    ],
)
def test_what_looks_like_a_key_is_said_wherever_it_stands(parameters: Any, said: bool) -> None:
    in_node = after(MANUAL, node("Ask", "httpRequest", 4, parameters=parameters))
    in_note = after(MANUAL, node("Note", "stickyNote", parameters={"content": json.dumps(parameters)}))

    assert ("looks like a key" in decided(UseCase.from_n8n(in_node))) is said
    if said:
        greet = json.loads((GREETER / "workflows" / "greet.json").read_text(encoding="utf-8"))
        named(greet)["Greet"]["parameters"] |= parameters
        assert "looks like a key" in decided(UseCase.from_n8n(greet))
    if said and "h" not in parameters and "password" not in parameters:
        assert "looks like a key" in decided(UseCase.from_n8n(in_note))


def test_a_version_that_is_written_as_a_text_is_none_the_less_that_version() -> None:
    given = after(MANUAL, node("S", "set", 1, typeVersion="3.4"), node("T", "if", 1, typeVersion="2"))

    (workflow,) = workflows(UseCase.from_n8n(given))

    assert [named(workflow)[name]["typeVersion"] for name in ("S", "T")] == [3.4, 2]


def test_parts_are_kept_and_are_no_ends() -> None:
    (workflow,) = workflows(UseCase.from_n8n(agent()))

    assert ("Model", "ai_languageModel", 0, "Agent", 0) in links(workflow)
    assert [w[0] for w in links(workflow) if w[3] == "Submit Result"] == ["Agent"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"workflowId": 17}, "a workflow of the old engine (17)"),
        ({"workflowId": {"__rl": True, "mode": "list", "value": 17}}, "a workflow of the old engine (17)"),
        ({"source": "parameter", "workflowJson": '{"nodes": []}'}, "does not say by an id"),
        ({"source": "url", "workflowUrl": "https://example.com/w.json"}, "does not say by an id"),
        ({}, "does not say by an id"),
        ({"workflowId": "={{ $json.id }}"}, "Computes which workflow"),
    ],
)
def test_a_call_that_leads_nowhere_is_said(parameters: Any, words: str) -> None:
    call = node("Call", "executeWorkflow", 1.2, parameters=parameters)
    imported = UseCase.from_n8n(after(MANUAL, call, wires=[("Edit", "Call")])).imported

    assert imported
    assert any(note.node == "Call" and words.lower() in note.message.lower() for note in imported.decide)


def test_what_no_trigger_leads_to_is_said_of_each_kind() -> None:
    kept = node(
        "T", "executeWorkflowTrigger", 1.1, parameters={"workflowInputs": {"values": [{"name": "x"}]}}
    )
    second = {**kept, "name": "T2", "id": "t2"}
    nodes = [kept, second, node("A", "noOp"), node("B", "noOp")]
    assert "No trigger leads to B." in decided(UseCase.from_n8n(export(nodes, ("T", "A"), ("T2", "B"))))
    # A trigger that is named elsewhere is there as a node that never runs, and that is no news.
    other = {**HOOK, "name": "Other", "id": "o"}
    both = node("Both", "set", 3.4, parameters={"a": "={{ $('Other').isExecuted }}"})
    wires = [("Webhook", "A"), ("Other", "Both"), ("A", "Both")]
    told = decided(UseCase.from_n8n(export([HOOK, other, node("A", "noOp"), both], *wires)))
    assert "No trigger leads to" not in told


def test_a_webhook_that_took_files_is_said() -> None:
    hook = {**HOOK, "parameters": {**HOOK["parameters"], "options": {"binaryPropertyName": "data"}}}
    assert "It took files" in decided(UseCase.from_n8n(after(hook)))
    assert "It took files" not in decided(UseCase.from_n8n(after(HOOK)))


def test_bytes_are_a_text() -> None:
    written = json.dumps(after(MANUAL))
    for mark in (b"", b"\xef\xbb\xbf"):
        assert UseCase.from_n8n(mark + written.encode()).configuration.title == "My flow"


@pytest.mark.parametrize("odd", [None, 5, b"x", 1.5, object()])
def test_what_is_no_export_at_all_is_refused(odd: Any) -> None:
    with pytest.raises(UseCaseError, match=r"n8n workflow|not JSON"):
        UseCase.from_n8n(odd)


def test_a_call_by_a_number_leads_to_what_is_imported_along() -> None:
    call = node("Call", "executeWorkflow", 1, parameters={"workflowId": 17})
    called = after(ORDINARY["sub-workflow with inputs"]["nodes"][0], id="17", name="Other")
    first, _ = workflows(UseCase.from_n8n([after(MANUAL, call, wires=[("Edit", "Call")]), called]))

    assert named(first)["Call"]["parameters"]["workflowId"] == "{{SUBWKFL_other_LFKWBUS}}"


def every(field: str, count: object) -> dict[str, Any]:
    return rules({"field": field, f"{field}Interval": count})


def cron(text: str) -> dict[str, Any]:
    return rules({"field": "cronExpression", "expression": text})


def old(**item: Any) -> dict[str, Any]:
    return {"triggerTimes": {"item": [item]}}


@pytest.mark.parametrize(
    ("parameters", "expression", "whole"),
    [
        (every("minutes", 60), "0 * * * *", True),
        (every("minutes", 120), "0 */2 * * *", True),
        (every("minutes", 90), "0 * * * *", False),
        (every("minutes", "={{ 5 }}"), "*/5 * * * *", False),
        (every("hours", 24), "0 0 * * *", True),
        (every("hours", 36), "0 0 * * *", False),
        (every("years", 1), "0 0 * * *", False),
        (rules({"field": "weeks", "triggerAtDay": "1"}), "0 0 * * 0", False),
        (rules({"field": "weeks", "triggerAtDay": []}), "0 0 * * 0", True),
        (cron("@daily"), "0 0 * * *", True),
        (every("minutes", 0), "0 * * * *", False),
        (every("minutes", -5), "0 * * * *", False),
        (every("hours", 0), "0 0 * * *", False),
        (every("days", 0), "0 0 * * *", False),
        (every("weeks", 0), "0 0 * * 0", False),
        (every("months", 0), "0 0 1 1 *", False),
        (every("months", 24), "0 0 1 1 *", False),
        (every("months", 12), "0 0 1 */12 *", True),
        (every("seconds", 0), "* * * * *", False),
        (old(mode="everyX", value=0), "0 0 * * *", False),
        (old(mode="everyX", value=0, unit="minutes"), "0 * * * *", False),
        (rules({"triggerAtHour": 24}), "0 0 * * *", False),
        (rules({"triggerAtMinute": 60}), "0 0 * * *", False),
        (rules({"triggerAtHour": -1}), "0 0 * * *", False),
        (rules({"field": "months", "triggerAtDayOfMonth": 0}), "0 0 * * *", False),
        (rules({"field": "weeks", "triggerAtDay": [8, "²"]}), "0 0 * * *", False),
        (cron("every day at nine please"), "0 0 * * *", False),
        (cron("5//2 1,,2 -1 1- *"), "0 0 * * *", False),
        (cron("*/0 * * * *"), "0 0 * * *", False),
        (cron("61 * * * *"), "0 0 * * *", False),
        (cron("0 9 * 13 *"), "0 0 * * *", False),
        (cron("٣ 9 * * *"), "0 0 * * *", False),
        (cron("*/60 */24 * * *"), "*/60 */24 * * *", True),
        (cron("*/1 0-6,22-23 1,15 1-12/3 1#2"), "*/1 0-6,22-23 1,15 1-12/3 1#2", True),
        (cron("={{ $json.when }}"), "0 0 * * *", False),
        (cron("now and then"), "0 0 * * *", False),
        (cron("0 9 * * MON-FRI"), "0 9 * * MON-FRI", True),
        (cron("0 9 L jan,Jun ?"), "0 9 L jan,Jun ?", True),
        (rules({"field": "weeks", "triggerAtDay": ["1", 3], "triggerAtHour": 8}), "0 8 * * 1,3", True),
        (old(mode="everyX", value=90, unit="minutes"), "0 * * * *", False),
        (old(mode="everyX", value=15, unit="minutes"), "*/15 * * * *", True),
        (old(mode="everyX", value=6), "0 */6 * * *", True),
    ],
)
@pytest.mark.parametrize("made", [after, in_pattern])
def test_times_become_a_cron_expression_or_are_said(
    made: Any, parameters: Any, expression: str, whole: bool
) -> None:
    kind = "cron" if "triggerTimes" in parameters else "scheduleTrigger"
    use_case = UseCase.from_n8n(made(node("Times", kind, 1, parameters=parameters)))

    [trigger] = use_case.configuration.workflows[0].triggers
    assert trigger.to_json()["cronExpression"] == expression
    assert ("no one cron expression" in decided(use_case)) is not whole


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("*/100 * * * *", "At the times of */100 * * * *"),
        ("*/7 * * * *", "At the times of */7 * * * *"),
        ("0 */5 * * *", "At the times of 0 */5 * * *"),
        ("*/1 * * * *", "Every minute"),
        ("*/01 */1 * */1 *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("*/05 * * * *", "Every 5 minutes"),
        ("*/5,7 * * * *", "At the times of */5,7 * * * *"),
        ("0 */1 * * *", "Every hour, at minute 0"),
        ("0 */2 * * *", "Every 2 hours, at minute 0"),
        ("0 */2,5 * * *", "At the times of 0 */2,5 * * *"),
        ("0 9 */1 * *", "Every day at 9:00"),
        ("30 9 * */1 1", "Every Monday at 9:30"),
    ],
)
def test_times_are_said_for_people(expression: str, words: str) -> None:
    use_case = UseCase.from_n8n(after(node("Times", "scheduleTrigger", 1.2, parameters=cron(expression))))

    (trigger,) = use_case.configuration.to_json()["workflows"][0]["triggers"]
    assert (trigger["cronExpression"], trigger["humanReadable"]) == (expression, words)


@pytest.mark.parametrize("kind", ["executeWorkflow", f"{AI}toolWorkflow", f"{AI}retrieverWorkflow"])
def test_calls_lead_to_what_is_imported_along(kind: str) -> None:
    called = after(node("T", "executeWorkflowTrigger", 1), id="17", name="Called")
    caller = after(
        MANUAL,
        node(
            "Call",
            kind,
            1.1,
            parameters={"workflowId": {"__rl": True, "value": "17", "mode": "list"}},
        ),
        wires=[("Edit", "Call")],
        name="Caller",
    )

    use_case = UseCase.from_n8n([caller, called])

    first, _ = workflows(use_case)
    assert named(first)["Call"]["parameters"]["workflowId"]["value"] == "{{SUBWKFL_called_LFKWBUS}}"
    assert use_case.verify() == []
    assert "old engine (17)" in decided(UseCase.from_n8n(caller))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("$json.body.x.reduce((a, b) => a + b, 0)", "array"),
        ("$json.body['x'].map(each => each.name.trim())", "objectArray"),
        ("$json.body.x * 2", "number"),
        ("3 / $json.body.x", "number"),
        ("$json.body.x - $json.body.y", "number"),
        ("$json.body.y - $json.body.x", "number"),
        ("$json.body.x.toFixed(2)", "number"),
        ("$json.body.x >= 18", "number"),
        ("$json.body.x.round(2)", "number"),
        ("$json.body.x.sum()", "array"),
        ("$json.body.x.first().name.trim()", "objectArray"),
        ("$json.body.x.unique().map(each => each.name.trim())", "objectArray"),
        # Nothing certain: a text takes most.
        ("'a - ' + $json.body.x", "string"),
        ("`${$json.body.y}-${$json.body.x}</b>`", "string"),
        ("$json.body.x.slice(1)", "string"),
        ("$json.body.x === $json.body.y", "string"),
    ],
)
def test_the_kind_of_an_input_is_seen_from_what_is_done_with_it(code: str, kind: str) -> None:
    node_ = node("C", "code", 2, parameters={"jsCode": f"return [{{ json: {{ x: {code} }} }}];"})
    assert kind_of_input(export([HOOK, node_], ("Webhook", "C"))) == kind


@pytest.mark.parametrize("kind", ["number", "boolean", "array", "string"])
def test_the_kind_of_an_input_is_what_a_condition_says(kind: str) -> None:
    value = "={{ $json.body.x }}"
    condition = {"leftValue": value, "rightValue": "", "operator": {"type": kind, "operation": "exists"}}
    newer = node("If", "if", 2.2, parameters={"conditions": {"conditions": [condition], "combinator": "and"}})
    given = export([HOOK, newer], ("Webhook", "If"))
    if kind == "array":
        assert "in x: the form leaves it out" in decided(UseCase.from_n8n(given))
    else:
        assert kind_of_input(given) == kind
        older = node("If", "if", 1, parameters={"conditions": {kind: [{"value1": value}]}})
        assert kind_of_input(export([HOOK, older], ("Webhook", "If"))) == kind


#: What is done with the list x, and of what kind its elements are for certain.
ELEMENTS: list[tuple[str, Any]] = [
    ("$json.body.x.reduce((sum, n) => sum + n, 0)", ["number"]),
    ("$json.body.x.reduce(function (sum, n) { return sum + n; }, 0)", ["number"]),
    ("($json.body.x || []).reduce((a, b) => a + b) / 2", ["number"]),
    ("$json.body.x.reduce((a, b) => a + b) / $json.body.x.length", ["number"]),
    ("($json.body.x ?? []).reduce((a, b) => a * b, 1)", ["number"]),
    ("$json.body.x.reduce((a, b) => Math.max(a, b))", ["number"]),
    ("$json.body.x.map(n => n * 2)", ["number"]),
    ("$json.body.x.map((n, i) => i * 2)", None),
    ("$json.body.x?.filter(n => n > 10)", ["number"]),
    ("$json.body.x.filter(n => 10 <= n).length", ["number"]),
    ("$json.body.x.every(n => n === 0)", ["number"]),
    ("$json.body.x.sort((a, b) => a - b)[0]", ["number"]),
    ("$json.body.x.filter(n => n).map(n => n / 3).join()", ["number"]),
    ("Math.max(...$json.body.x)", ["number"]),
    ("Math.min(...$json.body.x.map(each => each.price))", [{"price": "number"}]),
    ("$json.body.x[0] * 2", ["number"]),
    ("$json.body.x[1].toFixed(2)", ["number"]),
    ("$json.body.x.map(s => s.toUpperCase())", ["string"]),
    ("$json.body.x.filter(s => s.length > 3)", ["string"]),
    ("$json.body.x.some(s => s === 'red')", ["string"]),
    ("$json.body.x.find(s => s.startsWith('a'))", ["string"]),
    ("$json.body.x.filter(yes => yes === true)", ["boolean"]),
    ("$json.body.x.map(({ a, b: c }) => a * c)", [{"a": "number", "b": "number"}]),
    ("$json.body.x.map(each => each.a.b.trim())", [{"a": {"b": "string"}}]),
    ("$json.body.x.map(i => i.price).reduce((a, b) => a + b, 0)", [{"price": "number"}]),
    ("$json.body.x.reduce((a, i) => a + (i.price || 0), 0)", [{"price": "number"}]),
    ("$json.body.x.reduce((a, i) => a + (i.ok ? 1 : 0), 0)", None),
    ("$json.body.x.reduce((a, i) => a + i.qty * i.price, 0)", [{"qty": "number", "price": "number"}]),
    ("$json.body.x.find(i => i.id === 3).name", [{"id": "number"}]),
    ("$json.body.x.flatMap(i => i.tags.map(t => t.trim()))", [{"tags": ["string"]}]),
    ("$json.body.x.filter(i => typeof i === 'string').map(i => i * 2)", ["number"]),
    # Nothing certain.
    ("$json.body.x.reduce((a, b) => a + b)", None),
    ("$json.body.x.reduce((a, b) => a + b, '')", None),
    ("$json.body.x.join('-')", None),
    ("$json.body.x.map(each => each)", None),
    ("$json.body.x.map(Number)", None),
    ("$json.body.x.map(i => JSON.stringify(i))", None),
    ("$json.body.x.filter(i => i !== '')", None),
    ("$json.body.x.map(list => list.map(n => n * 2))", None),
    ("$json.body.x.map(i => [i * 2, i.trim()])", None),
]


@pytest.mark.parametrize(("code", "kind"), ELEMENTS)
def test_the_kind_of_elements_is_seen_from_what_is_done_with_them(code: str, kind: Any) -> None:
    in_code = node("C", "code", 2, parameters={"jsCode": f"return [{{ json: {{ a: {code} }} }}];"})
    in_expression = node("C", "set", 3.4, parameters={"v": f"={{{{ {code} }}}}"})
    for each in (in_code, in_expression):
        assert form(export([HOOK, each], ("Webhook", "C"))).get("x") == kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("const list = $json.body.x;\nreturn list.map(n => n % 2);", ["number"]),
        ("let list = $json.body.x || [];\nreturn [list.length];", None),
        ("const { x } = $json.body;\nfor (const n of x) { out.push(n * 2); }", ["number"]),
        ("const { x: list = [] } = $json.body;\nlist.forEach(each => log(each.id + 1));", None),
        ("let sum = 0;\nfor (const each of $json.body.x) sum += each.price;", [{"price": "number"}]),
        ("let text = '';\nfor (const each of $json.body.x) text += each;", None),
        ("for (const { a } of $json.body.x) { if (a > 1) break; }", [{"a": "number"}]),
        ("const big = $json.body.x.filter(n => n > 5);\nreturn big[0].total.trim();", [{"total": "string"}]),
        ("const body = items[0].json.body;\nbody.x.map(function (n) { return n - 1 });", ["number"]),
        ("return $input.all().map(({ json }) => json.body.x.map(n => n * 2));", ["number"]),
        ("for (const item of $input.all()) { item.json.body.x[0].trim(); }", ["string"]),
        ("const first = $input.first();\nconst { x } = first.json.body;\nreturn x[0] * 2;", ["number"]),
        ("return $('Webhook').all().map(i => i.json.body.x[0] - 1);", ["number"]),
        ("return items.map(i => i.json.body.x[0].a % 2);", [{"a": "number"}]),
        ("const { name, ...rest } = $json.body;\nreturn rest.x * 2;", "number"),
        # The same name elsewhere is something else.
        ("const y = $json.body.x.map(n => n.id); const n = 5; return n * 2;", None),
    ],
)  # fmt: skip
def test_names_that_code_gives_are_followed(code: str, kind: Any) -> None:
    each = node("C", "code", 2, parameters={"jsCode": code})
    assert form(export([HOOK, each], ("Webhook", "C"))).get("x") == kind


SPLIT = "splitOut"


@pytest.mark.parametrize(
    ("split", "reads", "kind"),
    [
        ({"fieldToSplitOut": "body.x"}, "$json.price * 2", [{"price": "number"}]),
        ({"fieldToSplitOut": "=body.x"}, "$json['body.x'] * 2", ["number"]),
        ({"fieldToSplitOut": "$json.body.x"}, "$json.name.trim()", [{"name": "string"}]),
        ({"fieldToSplitOut": "body.x", "options": {"destinationFieldName": "n"}}, "$json.n * 2", ["number"]),
        ({"fieldToSplitOut": "body.x", "options": {"destinationFieldName": "n"}}, "$json.other * 2", None),
        ({"fieldToSplitOut": "body.x", "include": "allOtherFields"}, "$json.body.y * 2", None),
        ({"fieldToSplitOut": "body.x, body.z"}, "$json['body.x'].trim()", ["string"]),
        ({"fieldToSplitOut": "={{ $json.field }}"}, "$json.price * 2", None),
        ({"fieldToSplitOut": "body.x"}, "1", None),
        ({"fieldToSplitOut": "body.x"}, "$input.all().map(({ json }) => json.n / 2)", [{"n": "number"}]),
    ],
)
def test_what_is_read_behind_split_out_is_read_of_the_elements(split: Any, reads: str, kind: Any) -> None:
    nodes = [
        HOOK,
        node("Split", "splitOut", 1, parameters=split),
        node("Some", "filter", 2),
        node("C", "set", 3.4, parameters={"v": f"={{{{ {reads} }}}}"}),
    ]
    given = export(nodes, ("Webhook", "Split"), ("Split", "Some"), ("Some", "C"))
    assert form(given).get("x") == kind
    if "body.y" in reads:
        assert form(given)["y"] == "number"


@pytest.mark.parametrize(
    ("recorded", "kind"),
    [
        ([[1, 2.5]], ["number"]),
        ([["a"]], ["string"]),
        ([[True], []], ["boolean"]),
        ([[None, 1]], ["number"]),
        ([[{"a": 1}, {"b": "c", "a": None}]], [{"a": "number", "b": "string"}]),
        ([[{"a": 1}, {"a": "one"}]], None),
        ([[1, "a"]], None),
        ([[1], ["a"]], None),
        ([[[1]]], None),
        ([[]], None),
        ([[], [1]], ["number"]),
        ([{}], None),
        ([{"a": {"b": [{"c": 1}]}}], {"a": {"b": [{"c": "number"}]}}),
        ([{"a": 1, "b": []}], {"a": "number"}),
        ([1, "one"], None),
        ([None, 5], "number"),
    ],
)
def test_recorded_items_tell_the_kinds_of_elements(recorded: Any, kind: Any) -> None:
    pinned = {"Webhook": [{"json": {"body": {"x": value}}} for value in recorded]}
    assert form(export([HOOK, node("A", "noOp")], ("Webhook", "A"), pinData=pinned)).get("x") == kind


@pytest.mark.parametrize(
    "code",
    [
        "$json.body.x.map(" * 2000,
        "$json.body.x.map(a => a.map(" * 2000,
        "const a = $json.body.x;\n" * 2000,
        "".join(f"const a{n} = $json.body.x;\n" for n in range(2000)),
        "$json" + ".a" * 20_000,
    ],
)
def test_code_that_nobody_writes_is_read_as_well(code: str) -> None:
    each = node("C", "code", 2, parameters={"jsCode": code})
    assert isinstance(form(export([HOOK, each], ("Webhook", "C"))), dict)


def test_what_nothing_tells_of_is_said_and_not_refused(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = "return [{ json: { all: $json.body.x.join('-'), name: $json.body.name } }];"
    use_case = UseCase.from_n8n(
        export([HOOK, node("C", "code", 2, parameters={"jsCode": code})], ("Webhook", "C"))
    )
    assert "what is in x: the form leaves it out" in decided(use_case)
    assert "name is taken as text" in decided(use_case)
    monkeypatch.setenv("CODIKA_BASE_URL", sandbox.url)
    sign_in(EMAIL, ask_code=sandbox.code_for, company="Acme")
    use_case.save(tmp_path / "made")
    with Client() as client:
        deployed = client.deploy_use_case(use_case)
        for given in ([1, 2], ["a"], [{"b": [True]}], [], [None, [1]]):
            assert client.run_workflow(
                "my-flow", {"x": given}, instance=deployed.process_instance_id
            ).execution_id


def form(workflow: dict[str, Any]) -> dict[str, Any]:
    """The input form of an import in short: ``{"a": "number", "b": ["string"], "c": [{"d": "boolean"}]}``."""

    def short(field: dict[str, Any]) -> Any:
        match field["type"]:
            case "array":
                return [field["itemField"]["type"]]
            case "objectArray":
                return [{each["key"]: short(each) for each in field["itemSchema"]}]
            case "object":
                return {each["key"]: short(each) for each in field["schema"]}
        return field["type"]

    (trigger,) = UseCase.from_n8n(workflow).configuration.to_json()["workflows"][0]["triggers"]
    return {field["key"]: short(field) for field in trigger["inputSchema"]}


def kind_of_input(workflow: dict[str, Any]) -> str:
    (trigger,) = UseCase.from_n8n(workflow).configuration.to_json()["workflows"][0]["triggers"]
    return next(str(field["type"]) for field in trigger["inputSchema"] if field["key"] == "x")


@pytest.mark.parametrize(
    "code",
    [
        "={{ $('Webhook').itemMatching(0).json.body.x }}",
        "={{ $('Webhook').pairedItem().json.body.x }}",
        "={{ $data.body.x }}",
        "for (let i = 0; i < items.length; i++) items[i].json.y = items[i].json.body.x;",
        "const all = $input.all()[index].json.body.x;",
    ],
)
def test_items_are_known_by_every_name(code: str) -> None:
    reading = node("Read", "code", 2, parameters={"jsCode": code})
    assert form(export([HOOK, reading], ("Webhook", "Read"))).keys() == {"x"}


@pytest.mark.parametrize(
    ("reads", "words"),
    [
        ("$json.body['first name']", "No field can be called 'first name'"),
        ("$jmespath($json.body, 'a.b')", "does not tell what is in it"),
        ("{...$json.body}", "does not tell what is in it"),
    ],
)
def test_what_cannot_be_in_the_form_is_said(reads: str, words: str) -> None:
    reading = node("Read", "set", 3.4, parameters={"a": f"={{{{ {reads} }}}}"})
    assert words in decided(UseCase.from_n8n(export([HOOK, reading], ("Webhook", "Read"))))


def test_inputs_that_nothing_gives_away_are_left_to_a_person() -> None:
    silent = export([node("T", "executeWorkflowTrigger", 1), node("A", "noOp")], ("T", "A"))

    use_case = UseCase.from_n8n(silent)

    assert [finding.rule for finding in use_case.verify().must] == ["SUBWKFL-MIN-PARAMS"]
    assert "declares no input" in decided(use_case)


def test_what_is_in_the_pattern_comes_out_unchanged() -> None:
    file = GREETER / "workflows" / "greet.json"

    use_case = UseCase.from_n8n(file)

    assert use_case._source.files["workflows/greet.json"] == file.read_bytes()
    assert use_case.verify() == []


@pytest.mark.parametrize("path", ["Greet_User", "greet.v2", f"greet{'r' * 70}", "greet/hook"])
def test_what_is_in_the_pattern_keeps_its_id_and_its_path(path: str) -> None:
    written = (GREETER / "workflows" / "greet.json").read_text(encoding="utf-8")
    written = written.replace('_ATADRESU}}/greet"', f'_ATADRESU}}}}/{path}"')
    if "/" not in path:
        written = written.replace('"workflowId": "greet"', f'"workflowId": "{path}"')

    use_case = UseCase.from_n8n(written)

    workflow = use_case.configuration.workflows[0]
    assert workflow.workflow_template_id == (path if "/" not in path else "greet")
    assert use_case._source.files[f"workflows/{workflow.workflow_template_id}.json"] == written.encode()
    assert use_case.verify() == []


def test_what_an_import_has_made_is_imported_without_a_guess_of_its_own() -> None:
    once = UseCase.from_n8n(after(HOOK))
    (made,) = (once._source.files[name].decode() for name in once._source.workflow_files)

    again = UseCase.from_n8n(made)

    assert again.configuration.to_json()["workflows"][0]["triggers"][0]["inputSchema"] == []
    assert "Its body is read in a way that does not tell" in decided(again)
    assert "guessed from what is read: name" in decided(
        UseCase.from_n8n(GREETER / "workflows" / "greet.json")
    )


@pytest.mark.parametrize(
    "names", [["customer", "quantity", "unit_price"], ["c", "a", "b"], ["a", "b", "c", "d"]]
)
@pytest.mark.parametrize("version", [2, 3.4])
def test_the_form_asks_in_the_order_of_a_set_node(names: list[str], version: float) -> None:
    read = [(name, f"={{{{ $json.body.{name} }}}}") for name in names]
    rows = [{"name": name, "type": "number", "value": value} for name, value in read]
    texts = [{"name": name, "value": value} for name, value in read]
    nodes = [
        {
            "name": "Hook",
            "type": "n8n-nodes-base.webhook",
            "typeVersion": 2,
            "parameters": {"path": "x", "httpMethod": "POST"},
        },
        {
            "name": "Set",
            "type": "n8n-nodes-base.set",
            "typeVersion": version,
            "parameters": {"assignments": {"assignments": rows}}
            if version > 3
            else {"values": {"string": texts}},
        },
    ]
    wires = {"Hook": {"main": [[{"node": "Set", "type": "main", "index": 0}]]}}
    use_case = UseCase.from_n8n({"name": "X", "nodes": nodes, "connections": wires})
    asked = use_case.configuration.to_json()["workflows"][0]["triggers"][0]["inputSchema"]
    assert [field["key"] for field in asked] == names


def test_two_workflows_in_the_pattern_have_no_path_in_common_unsaid() -> None:
    written = (GREETER / "workflows" / "greet.json").read_text(encoding="utf-8")

    use_case = UseCase.from_n8n([written, written])

    assert "WEBHOOK-PATH-CONSISTENCY" in {finding.rule for finding in use_case.verify().must}


def test_calls_of_what_is_in_the_pattern_are_known_to_what_is_called() -> None:
    called = after(node("T", "executeWorkflowTrigger", 1), id="17", name="called")
    first = UseCase.from_n8n([after(MANUAL, name="Caller"), called])
    caller, child = (first._source.files[name].decode() for name in first._source.workflow_files)
    by_placeholder = json.loads(caller)
    named(by_placeholder)["Edit"] |= {
        "type": "n8n-nodes-base.executeWorkflow",
        "parameters": {"workflowId": "{{SUBWKFL_called_LFKWBUS}}"},
    }

    use_case = UseCase.from_n8n([json.dumps(by_placeholder), child])

    assert "CALLEDBY-CONSISTENCY" not in {finding.rule for finding in use_case.verify()}
    assert use_case.configuration.workflows[1].triggers[0].to_json()["calledBy"] == ["caller"]


@pytest.mark.parametrize(
    ("given", "output", "method", "kept"),
    [
        ("PUT", 0, "PUT", "PUT"),
        ("PATCH", 0, "POST", "POST"),
        ("HEAD", 0, "POST", "POST"),
        ("post", 0, "POST", "POST"),
        (None, 0, "GET", "GET"),
        ("={{ 'GET' }}", 0, "POST", "POST"),
        (["POST", "GET"], 0, "POST", ["POST", "GET"]),
        (["GET", "POST"], 1, "POST", ["GET", "POST"]),
        (["GET", "POST"], 0, "GET", ["GET", "POST"]),
        (["HEAD", "GET"], 1, "GET", ["HEAD", "GET"]),
        (["PATCH", "HEAD"], 1, "POST", ["PATCH", "POST"]),
        (["PATCH", "POST"], 0, "POST", ["POST", "PATCH"]),
        ([], 0, "GET", "GET"),
        ([{"a": 1}], 0, "POST", ["POST"]),
    ],
)
def test_a_webhook_in_the_pattern_has_a_method_by_which_it_is_called(
    given: Any, output: int, method: str, kept: Any
) -> None:
    path = webhook_url("my-flow").removeprefix(ENGINE_WEBHOOKS)
    hook = node("Hook", "webhook", 2, parameters={"httpMethod": given, "path": path})

    use_case = UseCase.from_n8n(in_pattern(hook, output))

    (workflow,) = workflows(use_case)
    (trigger,) = use_case.configuration.to_json()["workflows"][0]["triggers"]
    assert (trigger["method"], named(workflow)["Hook"]["parameters"]["httpMethod"]) == (method, kept)
    assert [each for each in use_case.verify() if each.rule == "WEBHOOK-METHOD"] == []
    assert use_case.imported is not None
    said = [each.message for each in use_case.imported.done if each.node == "Hook"]
    assert any(method in each for each in said) is (given not in ("PUT", None, []))


@pytest.mark.parametrize("made", [after, in_pattern])
@pytest.mark.parametrize(
    ("zone", "said", "kept"),
    [
        ("DEFAULT", "UTC", None),
        ("Europe/Brussels", "Europe/Brussels", "Europe/Brussels"),
        ("UTC", "UTC", "UTC"),
        (None, "UTC", None),
    ],
)
def test_the_time_zone_of_an_engine_is_none_of_a_workflow(
    made: Any, zone: str | None, said: str, kept: str | None
) -> None:
    settings = {} if zone is None else {"timezone": zone}

    use_case = UseCase.from_n8n(made(HOURLY, settings={"executionOrder": "v1", **settings}))

    (workflow,) = workflows(use_case)
    (trigger,) = use_case.configuration.to_json()["workflows"][0]["triggers"]
    assert (trigger["timezone"], workflow["settings"].get("timezone")) == (said, kept)


def test_a_time_zone_is_all_that_may_have_to_go() -> None:
    settings = {"executionOrder": "v1", "errorWorkflow": ERROR_WORKFLOW, "timezone": "DEFAULT"}
    init, submit = in_pattern(HOURLY)["nodes"][1:]
    hook = node("Hook", "webhook", 2, webhookId="w", credentials={"httpHeaderAuth": WEBHOOK_CREDENTIAL})
    hook["parameters"] = {"path": "x", "httpMethod": "POST", "authentication": "headerAuth"}
    made = export([hook, init, submit], ("Hook", "Init"), ("Init", "Submit"))
    given = {member: made[member] for member in ("name", "nodes", "connections")} | {"settings": settings}
    assert verify_workflow(given) == []

    use_case = UseCase.from_n8n(given)

    (workflow,) = workflows(use_case)
    del settings["timezone"]
    assert workflow == given
    assert "(DEFAULT)" in repr(use_case.imported)


@pytest.mark.parametrize(
    ("kind", "service", "event"),
    [
        ("telegramTrigger", "telegram", "telegram"),
        ("slackTrigger", "slack", "slack"),
        ("gmailTrigger", "email", "gmail"),
        ("microsoftOutlookTrigger", "email", "microsoftOutlook"),
        ("emailReadImap", "email", "emailReadImap"),
        ("@acme/n8n-nodes-acme.newsTrigger", "other", "news"),
    ],
)
@pytest.mark.parametrize("made", [after, in_pattern])
def test_a_service_and_its_event_have_one_name(made: Any, kind: str, service: str, event: str) -> None:
    use_case = UseCase.from_n8n(made(node("On", kind)))

    (trigger,) = use_case.configuration.to_json()["workflows"][0]["triggers"]
    assert (trigger["service"], trigger["eventType"]) == (service, event)
    if made is after:
        assert "To try it by hand, import it with a Webhook in its place" in repr(use_case.imported)


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x9b2J", "\u202e", "\x07\x00"])
def test_names_of_nodes_bring_no_control_characters_into_a_repr(evil: str) -> None:
    odd = {"name": f"{evil}E", "type": f"{evil}T", evil: 1, "id": evil}
    hook = {**HOOK, "name": f"Web{evil}hook", "credentials": {f"{evil}Api": {"id": evil, "name": evil}}}
    given = export([hook, odd], (hook["name"], odd["name"]), (hook["name"], f"{evil}none"), name=f"{evil}W")

    use_case = UseCase.from_n8n(given)
    use_case.configuration.workflows[0].workflow_template_id = evil
    reports = [use_case.imported, use_case.verify(), verify_workflow(given)]

    assert all(reports)
    parts = [each for report in reports for each in report or []]
    for shown in map(repr, [*reports, *parts, use_case, use_case.configuration]):
        assert not [c for c in shown if not c.isprintable() and c != "\n"]


def test_files_texts_and_folders(tmp_path: Path) -> None:
    text = json.dumps(after(MANUAL), ensure_ascii=False, indent=2)
    (tmp_path / "Größe & Co (1).json").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (tmp_path / "b.json").write_text(text, encoding="utf-8")

    ids = [w.workflow_template_id for w in UseCase.from_n8n(tmp_path).configuration.workflows]

    assert ids == ["groe-co-1", "b"]
    assert UseCase.from_n8n(text, name="X").configuration.title == "X"
    with pytest.raises(UseCaseError, match="cannot be read"):
        UseCase.from_n8n(tmp_path / "none.json")


def test_lone_workflows_are_verified(greeter: Path) -> None:
    file = greeter / "workflows" / "greet.json"

    assert verify_workflow(file) == []
    assert verify_workflow(file.read_text(encoding="utf-8")) == []
    found = verify_workflow(after(MANUAL)).must
    assert {"CODIKA-INIT", "WORKFLOW-SETTINGS", "WORKFLOW-SANITIZATION"} <= {f.rule for f in found}
    with pytest.raises(UseCaseError, match="cannot be read"):
        verify_workflow(greeter / "none.json")


@pytest.mark.skipif(not shutil.which("node"), reason="runs JavaScript")
def test_a_scheduled_run_has_the_items_of_its_schedule() -> None:
    (workflow,) = workflows(UseCase.from_n8n(after(HOURLY)))
    code = named(workflow)["Hourly"]["parameters"]["jsCode"]

    assert run_code(code, {"Hourly Start": {"timestamp": "now"}}) == {"timestamp": "now"}


def test_they_are_deployed_and_stored_as_made(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODIKA_BASE_URL", sandbox.url)
    sign_in(EMAIL, ask_code=sandbox.code_for, company="Acme")
    alone = [given for name, given in ORDINARY.items() if isinstance(given, dict) and "nodes" in given]
    use_case = UseCase.from_n8n(alone, name="Everything")
    use_case.save(tmp_path / "all")
    with Client() as client:
        deployed = client.deploy_use_case(use_case)
        assert deployed.deployment_status != "failed"
        client.get_use_case(
            str(use_case.project.project_id if use_case.project else ""), into=tmp_path / "back"
        )
    for file in (tmp_path / "all" / "workflows").iterdir():
        assert (tmp_path / "back" / "workflows" / file.name).read_bytes() == file.read_bytes()


def test_the_tool_agrees(codika_tool: Tool, tmp_path: Path) -> None:
    alone = [given for given in ORDINARY.values() if isinstance(given, dict) and "nodes" in given]
    use_case = UseCase.from_n8n(alone, name="Everything")
    use_case.save(tmp_path / "all")
    refused = {}
    files = sorted((tmp_path / "all" / "workflows").iterdir())
    for file, said in zip(files, codika_tool.verified("workflow", files), strict=True):
        if found := [
            f["rule"] for f in said["findings"] if f["severity"] == "must" or f["rule"] == "WORKFLOW-FORMAT"
        ]:
            refused[file.name] = found
    assert refused == {}


@pytest.fixture
def shell(
    shared_kernel: SharedKernel, request: pytest.FixtureRequest, tmp_path: Path, own_settings: Path
) -> Iterator[Kernel]:
    with shared_kernel.renewed(tmp_path, request.session, XDG_CONFIG_HOME=str(own_settings)) as running:
        assert not running.run("%load_ext codika_nb").error
        yield running


def test_the_magic_writes_a_folder_and_says_what_comes_next(shell: Kernel, tmp_path: Path) -> None:
    (tmp_path / "orders.json").write_text(json.dumps(ORDINARY["webhook"]), encoding="utf-8")

    shown = shell.run("u = %codika_import orders.json --name 'Order desk'")

    assert "Order desk was imported" in shown.text
    assert "%codika_deploy use-cases/order-desk --dry-run" in shown.text
    assert "The input form is guessed" in shown.text
    assert UseCase.load(tmp_path / "use-cases" / "order-desk").verify() == []
    refused = shell.run("%codika_import orders.json --name 'Order desk'")
    assert len(refused.traceback) == 2
    assert "holds a use case already" in refused.traceback[0]
    assert "--force" in refused.traceback[1]
    again = shell.run("u = %codika_import orders.json --name 'Order desk' --force")
    assert "Order desk was imported" in again.text
    # Without a name, folder and workflow are called like the file: one word for deploying and for running.
    alone = shell.run("u = %codika_import orders.json")
    assert "%codika_deploy use-cases/orders --dry-run" in alone.text
    made = UseCase.load(tmp_path / "use-cases" / "orders").configuration.workflows
    assert [each.workflow_template_id for each in made] == ["orders"]
    elsewhere = shell.run("u = %codika_import orders.json --into there")
    assert not elsewhere.error
    assert UseCase.load(tmp_path / "there").configuration.title == "My flow"


def test_the_magic_takes_a_pattern(shell: Kernel, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(json.dumps(after(MANUAL)), encoding="utf-8")

    outcome = shell.run(f"imported = %codika_import {tmp_path}/*.json --into {tmp_path / 'both'}")

    assert {file.name for file in (tmp_path / "both" / "workflows").iterdir()} == {"one.json", "two.json"}, (
        outcome.traceback
    )
    refused = shell.run(f"%codika_import {tmp_path}/none-*.json")
    assert "cannot be read" in "".join(refused.traceback)


def test_a_lone_workflow_is_checked_and_mended(shell: Kernel, tmp_path: Path, greeter: Path) -> None:
    file = tmp_path / "greet.json"
    workflow = json.loads((greeter / "workflows" / "greet.json").read_text(encoding="utf-8"))
    file.write_text(json.dumps({**workflow, "active": True}), encoding="utf-8")

    refused = shell.run("%codika_deploy greet.json")
    assert "%codika_import greet.json" in refused.traceback[-1]
    checked = shell.run("f = %codika_deploy greet.json --dry-run").text
    assert "greet.json would not run as it is" in checked
    assert "%codika_import greet.json" in checked
    shown = shell.run("f = %codika_deploy greet.json --dry-run --fix\nprint(len(f))").text
    assert "Mended: WORKFLOW-SANITIZATION in greet.json" in shown
    assert "can be a workflow" in shown


def test_all_that_is_wrong_with_a_folder_is_shown_at_once(shell: Kernel, greeter: Path) -> None:
    for name, member in (("config.json", "title"), ("workflows/greet.json", "settings")):
        value = json.loads((greeter / name).read_text(encoding="utf-8"))
        value.pop(member)
        (greeter / name).write_text(json.dumps(value), encoding="utf-8")

    shown = shell.run(f"%codika_deploy {greeter} --dry-run")

    assert "title: Field required" in shown.text
    assert "WORKFLOW-SETTINGS" in shown.text
    assert shown.error == "UseCaseError"
