"""Rules about integrations, credentials, language models and callers; and the table of findings."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codika_nb import UseCaseError, verify_workflow
from codika_nb.configuration import CustomIntegration
from codika_nb.sandbox.rules import integrations as of_the_sandbox
from codika_nb.sandbox.stand_in_engine import _problem
from codika_nb.usecases.integrations import SECRET_NAMES, SIGNED_IN
from codika_nb.usecases.rules.findings import Finding, Findings
from codika_nb.usecases.starters import trigger_kind
from codika_nb.usecases.usecase import UseCase

from .test_usecase import change, connect, parameters, scheduled


def integration(**members: Any) -> dict[str, Any]:
    return {
        "id": "cstm_acme",
        "name": "Acme",
        "contextType": "organization",
        "n8nCredentialType": "httpHeaderAuth",
        "n8nCredentialMapping": {"API_KEY": "value"},
        "secretFields": [{"key": "API_KEY", "label": "Key", "type": "password"}],
        **members,
    }


def field(key: str) -> dict[str, str]:
    return {"key": key, "label": "Field", "type": "string"}


def found(folder: Path, rule: str) -> list[str]:
    """What one rule says; no other finds anything, but for matters of taste."""
    findings = [finding for finding in UseCase.load(folder).verify() if finding.severity != "nit"]
    assert {finding.rule for finding in findings} <= {rule}
    return [finding.message for finding in findings]


@pytest.mark.parametrize(
    ("integrations", "uids", "complaints"),
    [
        ([integration()], ["cstm_acme", "openai"], []),
        ([integration(n8nCredentialType="none", n8nCredentialMapping=None)], [], []),
        (None, ["cstm_acme"], ['integrationUids: "cstm_acme" is not defined in customIntegrations.']),
        (
            [integration(), integration()],
            [],
            ['customIntegrations[1].id: "cstm_acme" is that of an earlier one as well.'],
        ),
        (
            [integration(n8nCredentialMapping={})],
            [],
            [
                "customIntegrations[0].n8nCredentialMapping says which field fills which part of the "
                "credential, and is empty."
            ],
        ),
        (
            [integration(n8nCredentialMapping={"API_KEY": "value", "OTHER": "x"})],
            [],
            ['customIntegrations[0].n8nCredentialMapping: "OTHER" is the key of no field.'],
        ),
        (
            [integration(metadataFields=[field("apiUrl"), field("API_KEY")])],
            [],
            [
                'customIntegrations[0].metadataFields[0].key: "apiUrl" is not UPPER_SNAKE_CASE.',
                'customIntegrations[0].metadataFields[1].key: "API_KEY" is that of an earlier field as well.',
            ],
        ),
    ],
)
def test_custom_integrations_are_complete(
    greeter: Path, integrations: Any, uids: list[str], complaints: list[str]
) -> None:
    change(greeter / "config.json", lambda c: c.update(customIntegrations=integrations, integrationUids=uids))

    assert found(greeter, "CUSTOM-INTEGRATION") == complaints


def test_a_workflows_integrations_are_defined_as_well(greeter: Path) -> None:
    change(greeter / "config.json", lambda c: c["workflows"][0].update(integrationUids=["cstm_x"]))

    assert found(greeter, "CUSTOM-INTEGRATION") == [
        'workflows[0].integrationUids: "cstm_x" is not defined in customIntegrations.'
    ]


def test_a_definition_spoilt_in_python_is_found(greeter: Path) -> None:
    change(greeter / "config.json", lambda c: c.update(customIntegrations=[integration()]))
    use_case = UseCase.load(greeter)
    spoilt = (use_case.configuration.custom_integrations or [])[0]
    assert isinstance(spoilt, CustomIntegration)
    spoilt.id = "acme"

    (finding,) = use_case.verify()

    assert (finding.rule, finding.message[:25]) == ("CUSTOM-INTEGRATION", "customIntegrations[0].id:")


def with_credentials(folder: Path, **credentials: Any) -> None:
    def put(workflow: Any) -> None:
        node = next(node for node in workflow["nodes"] if node["name"] == "Greet")
        node["credentials"] = credentials

    change(folder / "workflows" / "greet.json", put)


@pytest.mark.parametrize(
    ("value", "members"),
    [
        ({"id": "{{ORGCRED_SLACK_ID_DERCGRO}}", "name": "{{ORGCRED_SLACK_NAME_DERCGRO}}"}, []),
        ({"id": "{{SYSCREDS_OPENAI_ID_SDERCSYS}}", "name": "{{SYSCREDS_OPENAI_NAME_SDERCSYS}}"}, []),
        ({"id": "42", "name": "{{ORGCRED_SLACK_NAME_DERCGRO}}"}, ["id"]),
        ({"id": "{{ORGCRED_SLACK_NAME_DERCGRO}}", "name": "{{ORGCRED_SLACK_ID_DERCGRO}}"}, ["id", "name"]),
        ({}, ["id", "name"]),
    ],
)
def test_credentials_are_placeholders(greeter: Path, value: Any, members: list[str]) -> None:
    change(greeter / "config.json", lambda c: c["workflows"][0].update(integrationUids=["slack"]))
    with_credentials(greeter, slackApi=value)

    messages = found(greeter, "CRED-PLACEHOLDER")

    assert [message.split()[0] for message in messages] == [f"credentials.slackApi.{m}" for m in members]
    assert UseCase.load(greeter).verify().must == []


@pytest.mark.parametrize(
    ("service", "near"),
    [
        ("slackOAuth2Api", " (slack?)"),
        ("gmailOAuth2", " (google_gmail?)"),
        ("httpHeaderAuth", ""),
        ("my-own.api", ""),
    ],
)
def test_a_credential_that_has_n8n_s_name_is_one_to_be_decided(
    greeter: Path, service: str, near: str
) -> None:
    name = re.sub(r"\W", "_", service).upper()
    placeholders = {each: f"{{{{FLEXCRED_{name}_{each.upper()}_DERCXELF}}}}" for each in ("id", "name")}
    change(greeter / "config.json", lambda c: c["workflows"][0].update(integrationUids=[name.lower()]))
    with_credentials(greeter, **{service: placeholders})

    assert found(greeter, "CRED-PLACEHOLDER") == [
        f"credentials.{service}: {name} is what n8n calls it. Write the platform's name of the integration "
        f"there{near}, or declare a custom one."
    ]


def test_integrations_are_declared_where_they_are_used(greeter: Path) -> None:
    with_credentials(
        greeter,
        slackApi={"id": "{{FLEXCRED_SLACK_ID_DERCXELF}}", "name": "{{FLEXCRED_SLACK_NAME_DERCXELF}}"},
    )

    assert found(greeter, "INTEGRATION-INHERITANCE") == [
        "workflows[0].integrationUids: slack is used, but not declared."
    ]


def test_a_subworkflow_names_its_callers_and_lends_them_its_integrations(greeter: Path) -> None:
    def call(workflow: Any) -> None:
        parameters(workflow, "Greet").update(workflowId="{{SUBWKFL_sub_LFKWBUS}}")

    change(greeter / "workflows" / "greet.json", call)
    (greeter / "workflows" / "sub.json").write_text(
        '{"nodes": [{"name": "Start", "type": "n8n-nodes-base.executeWorkflowTrigger", "parameters": '
        '{"workflowInputs": {"values": [{"name": "text"}]}}}], "connections": {}, '
        '"settings": {"executionOrder": "v1"}, "staticData": "{{USERCRED_NOTION_ID_DERCRESU}}"}',
        encoding="utf-8",
    )
    trigger: dict[str, Any] = {"type": "subworkflow"}
    workflow = {"workflowTemplateId": "sub", "triggers": [trigger], "integrationUids": ["notion"]}
    change(greeter / "config.json", lambda c: c["workflows"].append(workflow))

    findings = UseCase.load(greeter).verify()

    assert [(f.rule, f.severity, f.message) for f in findings] == [
        ("CALLEDBY-CONSISTENCY", "should", "workflows[1].triggers[0].calledBy: greet is missing."),
        (
            "INTEGRATION-INHERITANCE",
            "should",
            "workflows[0].integrationUids: notion is used, but not declared.",
        ),
    ]

    change(greeter / "config.json", lambda c: c["workflows"][0].update(integrationUids=["notion"]))
    change(greeter / "config.json", lambda c: c["workflows"][1]["triggers"][0].update(calledBy=["greet"]))
    assert UseCase.load(greeter).verify() == []


def ask_a_model(code: str) -> Callable[[Any], None]:
    """Put a language model between check and greeting, whose parsed answer the greeting reads."""

    def put(workflow: Any) -> None:
        chain = {
            "name": "Ask Model",
            "type": "@n8n/n8n-nodes-langchain.chainLlm",
            "parameters": {"hasOutputParser": True, "prompt": "{{ $json.name }}"},
        }
        workflow["nodes"].append(chain)
        workflow["connections"]["Name Given?"]["main"][0][0]["node"] = "Ask Model"
        connect(workflow, "Ask Model", "Greet")
        parameters(workflow, "Greet").update(jsCode=code)

    return put


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("return $json.output.text", []),
        ("return $('Ask Model').first().json.output.text", []),
        ("return $json.output?.text || $json.text", []),
        ("return $json.text + $json.text + $json.outputs", ["text", "outputs"]),
        ("return $('Ask Model').item.json.text", ["text"]),
        ('return $("Ask Model").all()[0].json.text', ["text"]),
        ("return $('Check Name').first().json.text", []),
    ],
)
def test_a_parsed_answer_is_read_through_output(greeter: Path, code: str, fields: list[str]) -> None:
    change(greeter / "workflows" / "greet.json", ask_a_model(code))

    assert found(greeter, "LLM-OUTPUT-ACCESS") == [
        f'"Ask Model" gives its parsed answer as output: write output.{name}.' for name in fields
    ]


def test_a_table_of_findings_is_whole_whatever_is_in_it() -> None:
    findings = Findings(
        [
            Finding(
                "RULE", "must", "first line\nsecond <i>line</i> " + "x" * 200, "workflows/a.json", "No\nde"
            ),
            Finding("OTHER-RULE", "nit", "fine", "config.json"),
        ]
    )

    head, first, second = repr(findings).splitlines()
    assert first.index("first line second <i>") == second.index("fine") == head.index("Message")
    assert first.endswith("x" * 200)
    rich = findings._repr_html_()
    assert "second &lt;i&gt;line&lt;/i&gt;" in rich
    assert rich.count("<tr>") == 3
    assert repr(findings.must).count("\n") == 1


def wire(workflow: Any, source: str, target: str, kind: str = "main") -> None:
    link = {"node": target, "type": kind, "index": 0}
    workflow["connections"].setdefault(source, {}).setdefault(kind, [[]])[0].append(link)


def its(workflow: Any, name: str) -> Any:
    return next(node for node in workflow["nodes"] if node["name"] == name)


ANTHROPIC = {"id": "{{SYSCREDS_ANTHROPIC_ID_SDERCSYS}}", "name": "{{SYSCREDS_ANTHROPIC_NAME_SDERCSYS}}"}


def ask_claude(model: Any) -> Callable[[Any], Any]:
    chat = {
        "name": "Claude",
        "type": "@n8n/n8n-nodes-langchain.lmChatAnthropic",
        "parameters": {"model": model},
        "credentials": {"anthropicApi": ANTHROPIC},
    }
    return lambda workflow: workflow["nodes"].append(chat)


def straight_to_slow_work(workflow: Any) -> None:
    fetch = {"name": "Fetch", "type": "n8n-nodes-base.httpRequest", "parameters": {}}
    workflow["nodes"].append(fetch)
    wire(workflow, "Webhook Trigger", "Fetch")
    wire(workflow, "Fetch", "Codika Init")


def leads_as(odd: Any, source: str = "Submit Result") -> Callable[[Any], Any]:
    return lambda w: w["connections"].update({source: odd})


def no_json(severity: str, node: str | None) -> set[tuple[str, str, str | None]]:
    return {("JSON-001", severity, node)}


def has(members: dict[str, Any]) -> Callable[[Any], Any]:
    return lambda w: its(w, "Greet").update(members)


WIRING: list[tuple[Callable[[Any], Any], set[tuple[str, str, str | None]]]] = [
    (lambda w: wire(w, "Webhook Trigger", "Nobody"), {("JSON-001", "must", "Webhook Trigger")}),
    (lambda w: wire(w, "Ghost", "Submit Result"), {("JSON-001", "must", "Submit Result")}),
    (lambda w: wire(w, "Ghost", "Greet", "ai_languageModel"), {("JSON-001", "must", "Greet")}),
    (lambda w: w["nodes"][1].update(id=w["nodes"][0]["id"]), {("JSON-001", "must", "Codika Init")}),
    (lambda w: its(w, "Greet").pop("type"), {("JSON-001", "must", "Greet")}),
    (
        lambda w: w["nodes"].append({"type": "n8n-nodes-base.noOp", "parameters": {}}),
        {("JSON-001", "must", None)},
    ),
    (lambda w: w["nodes"].append("Greet"), {("JSON-001", "must", None)}),
    (lambda w: its(w, "Greet").update(parameters=[]), {("JSON-001", "must", "Greet")}),
    (lambda w: its(w, "Greet").update(position=[1]), {("JSON-001", "must", "Greet")}),
    (lambda w: its(w, "Greet").update(id=3), {("JSON-001", "must", "Greet")}),
    (lambda w: its(w, "Greet").pop("id"), set()),
    (lambda w: w["connections"]["Codika Init"]["main"].append(None), set()),
    (ask_claude("claude-2"), {("LLM-MODEL-ID", "must", "Claude")}),
    (ask_claude({"__rl": True, "value": "claude-2", "mode": "id"}), {("LLM-MODEL-ID", "must", "Claude")}),
    (ask_claude("claude-opus-4-6"), set()),
    (straight_to_slow_work, {("R13", "must", "Webhook Trigger")}),
    (
        lambda w: wire(w, "Webhook Trigger", its(w, "Greet").setdefault("id", "x")),
        {("JSON-001", "should", "Webhook Trigger")},
    ),
    (
        lambda w: w["nodes"].append({**its(w, "Greet"), "id": "other"}),
        {("NODE-NAMES", "should", "Greet")},
    ),
    (
        lambda w: w["connections"].pop("Webhook Trigger"),
        {("RUN-WIRING", "should", "Webhook Trigger"), ("RUN-WIRING", "should", "Codika Init")},
    ),
    *(
        (leads_as(odd), no_json(severity, "Submit Result"))
        for severity, odd in (
            ("must", []),
            ("must", [{"main": []}]),
            ("must", {"main": []}),
            ("must", {"main": {"0": []}}),
            ("must", {"main": [["Greet"]]}),
            ("must", {"main": ["Greet"]}),
            ("should", {"main": [{"node": "Greet", "type": "main", "index": 0}]}),
        )
    ),
    (leads_as({}, "Ghost"), no_json("must", None)),
    (leads_as({"main": [[]]}, "Ghost"), no_json("must", None)),
    *(
        (has(odd), no_json("must", "Greet"))
        for odd in (
            {"credentials": "mine"},
            {"disabled": "no"},
            {"continueOnFail": 1},
            {"notes": 5},
            {"typeVersion": "2"},
            {"typeVersion": True},
        )
    ),
    (lambda w: w.update(name=5), {("JSON-001", "must", None)}),
    (lambda w: w["connections"].update({"Submit Result": {"main": [None, []], "error": None}}), set()),
    (lambda w: its(w, "Codika Init").update(disabled=True), {("RUN-WIRING", "should", "Codika Init")}),
    (
        lambda w: w["nodes"].append(
            {"name": "T", "type": "n8n-nodes-base.telegramTrigger", "parameters": {}, "disabled": True}
        ),
        {("RUN-WIRING", "should", "T"), ("TRIGGER-TYPE-CONSISTENCY", "must", None)},
    ),
    (lambda w: its(w, "Submit Result").update(disabled=True), {("RUN-WIRING", "should", "Submit Result")}),
    (
        lambda w: its(w, "Webhook Trigger")["parameters"].update(httpMethod="GET"),
        {("WEBHOOK-METHOD", "should", "Webhook Trigger")},
    ),
    (
        lambda w: its(w, "Codika Init")["parameters"].update(workflowId="other"),
        {("INIT-WORKFLOW", "should", "Codika Init")},
    ),
]


@pytest.mark.parametrize(("break_it", "expected"), WIRING)
def test_wiring(greeter: Path, break_it: Callable[[Any], Any], expected: Any) -> None:
    change(greeter / "workflows" / "greet.json", break_it)

    findings = UseCase.load(greeter).verify()

    assert {(found.rule, found.severity, found.node) for found in findings} >= expected
    assert {found.rule for found in findings} <= {rule for rule, _, _ in expected}


def test_both_ends_are_named(greeter: Path) -> None:
    change(greeter / "workflows" / "greet.json", lambda w: wire(w, "Webhook Trigger", "Nobody"))

    (found,) = UseCase.load(greeter).verify()

    assert "Webhook Trigger" in found.message
    assert "Nobody" in found.message


@pytest.mark.parametrize(
    ("trigger", "node_type", "message"),
    [
        ({"type": "service_event", "service": "email", "eventType": "mail"}, "emailReadImap", None),
        (
            {"type": "service_event", "service": "email", "eventType": "mail"},
            "manualTrigger",
            "in the editor only",
        ),
    ],
)
def test_what_starts_a_workflow(greeter: Path, trigger: Any, node_type: str, message: str | None) -> None:
    def start(workflow: Any) -> None:
        webhook = its(workflow, "Webhook Trigger")
        webhook["type"] = f"n8n-nodes-base.{node_type}"
        for member in ("credentials", "webhookId"):
            webhook.pop(member)

    change(greeter / "workflows" / "greet.json", start)
    change(greeter / "config.json", lambda c: c["workflows"][0].update(triggers=[trigger]))

    said = [f.message for f in UseCase.load(greeter).verify() if f.rule == "TRIGGER-TYPE-CONSISTENCY"]
    assert len(said) == (message is not None)
    assert message is None or message in said[0]


def test_cron_and_interval_are_schedules(greeter: Path) -> None:
    scheduled(greeter)
    for kind in ("cron", "interval"):
        change(
            greeter / "workflows" / "greet.json",
            lambda w, kind=kind: its(w, "Mondays").update(type=f"n8n-nodes-base.{kind}"),  # type: ignore[misc]
        )
        assert UseCase.load(greeter).verify() == []


def spoil(workflow: Any) -> None:
    """All that can be mended."""
    webhook = its(workflow, "Webhook Trigger")
    del webhook["credentials"], webhook["webhookId"]
    webhook["parameters"]["authentication"] = "none"
    workflow.update(settings={}, active=True, pinData={})
    ask_claude("claude-3-opus-20240229")(workflow)
    its(workflow, "Codika Init")["parameters"]["memberSecret"] = "{{MEMSECRT_EXECUTION_AUTH_TRCSEMEM}}"
    greet = its(workflow, "Greet")["parameters"]
    greet["jsCode"] += "\nconst n = '{{INSTPARM_N_MRAPTSNI}}';"


MENDED = {
    "INSTPARM-QUOTE",
    "LLM-MODEL-ID",
    "PLACEHOLDER-SYNTAX",
    "WEBHOOK-AUTH",
    "WEBHOOK-ID",
    "WORKFLOW-SANITIZATION",
    "WORKFLOW-SETTINGS",
}


def test_what_is_mechanical_is_mended_in_the_folder(greeter: Path) -> None:
    file = greeter / "workflows" / "greet.json"
    change(file, spoil)
    change(file, lambda w: wire(w, "Greet", "Nobody"))
    use_case = UseCase.load(greeter)

    mended = use_case.verify().fix()

    assert {found.rule for found in mended} == MENDED
    assert [found.rule for found in use_case.verify()] == ["JSON-001", "INSTPARM-REFERENCES"]
    assert UseCase.load(greeter).verify() == use_case.verify()
    written = file.read_text(encoding="utf-8")
    assert "{{MEMSECRT_EXECUTION_AUTH_TRCESMEM}}" in written
    assert "const n = {{INSTPARM_N_MRAPTSNI}};" in written
    assert "claude-opus-4-20250514" in written


def test_the_same_is_written_in_every_process(greeter: Path) -> None:
    file = greeter / "workflows" / "greet.json"
    change(file, spoil)
    spoilt, written = file.read_bytes(), set()
    for seed in "0123":
        file.write_bytes(spoilt)
        mend = f"import codika_nb; codika_nb.verify_workflow({str(file)!r}).fix()"
        subprocess.run([sys.executable, "-c", mend], env=os.environ | {"PYTHONHASHSEED": seed}, check=True)
        written.add(file.read_bytes())
    assert len(written) == 1


def test_what_is_fine_is_not_written_again(greeter: Path) -> None:
    file = greeter / "workflows" / "greet.json"
    before = file.read_bytes(), file.stat().st_mtime_ns

    assert UseCase.load(greeter).verify().fix() == []
    assert verify_workflow(file).fix() == []
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_bare_parameters_stay_bare(greeter: Path) -> None:
    file = greeter / "workflows" / "greet.json"
    change(file, lambda w: w.update(active=True, n="N"))
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"N"', "{{INSTPARM_N_MRAPTSNI}}"), encoding="utf-8")

    assert [f.rule for f in verify_workflow(file).fix()] == ["WORKFLOW-SANITIZATION"]

    assert '"n": {{INSTPARM_N_MRAPTSNI}}' in file.read_text(encoding="utf-8")
    assert verify_workflow(file) == []


def test_a_lone_file_is_mended_and_a_dictionary_is_not(greeter: Path) -> None:
    file = greeter / "workflows" / "greet.json"
    change(file, spoil)

    assert {found.rule for found in verify_workflow(file).must.fix()} == MENDED
    assert verify_workflow(file) == []
    with pytest.raises(UseCaseError, match="no file"):
        verify_workflow({"nodes": [], "connections": {}}).fix()


def test_a_broken_configuration_does_not_hide_broken_workflows(greeter: Path) -> None:
    change(greeter / "config.json", lambda c: (c.pop("title"), c["workflows"][0].update(cost="much")))
    change(greeter / "workflows" / "greet.json", lambda w: w.update(settings={}))

    with pytest.raises(UseCaseError) as refused:
        UseCase.load(greeter)

    found = [(f.path, f.rule, f.severity) for f in refused.value.findings]
    assert {place for place, _, _ in found} == {"config.json", "workflows/greet.json"}
    assert ("workflows/greet.json", "WORKFLOW-SETTINGS", "must") in found
    messages = " ".join(f.message for f in refused.value.findings)
    assert "title: Field required" in messages
    assert "workflows[0].cost" in messages


@pytest.mark.parametrize("wrapper", ["workflow", "data", "workflows"])
def test_wrapped_exports_are_recognised(greeter: Path, wrapper: str) -> None:
    file = greeter / "workflows" / "greet.json"
    workflow = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({wrapper: [workflow]}), encoding="utf-8")

    said = next(f.message for f in UseCase.load(greeter).verify() if f.rule == "JSON-001")
    assert f'one level deeper, in "{wrapper}"' in said


@pytest.mark.parametrize(
    ("count", "words"), [(1, "a list with one workflow"), (3, "a list with 3 workflows")]
)
def test_lists_of_exports_are_recognised(greeter: Path, count: int, words: str) -> None:
    file = greeter / "workflows" / "greet.json"
    workflow = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps([workflow] * count), encoding="utf-8")

    with pytest.raises(UseCaseError, match=words):
        UseCase.load(greeter)


def test_two_configurations_are_named(greeter: Path) -> None:
    (greeter / "config.ts").write_text("", encoding="utf-8")

    (found,) = UseCase.load(greeter).verify()

    assert (found.rule, found.severity, found.path) == ("CONFIG-SINGLE", "should", "config.json")
    assert "config.ts by the codika tool" in found.message


def older(configuration: Any) -> None:
    """As published examples have it."""
    configuration["deploymentInputSchema"] = [{"key": "PHONE", "type": "string", "required": True}]
    options = [{"value": 1, "label": "One"}, {"value": 2.5, "label": "More"}]
    configuration["workflows"][0]["triggers"][0]["inputSchema"].append(
        {"key": "size", "label": "Size", "type": "select", "options": options}
    )


def test_published_configurations_load(greeter: Path) -> None:
    change(greeter / "config.json", older)

    use_case = UseCase.load(greeter)

    found = [(f.rule, f.severity) for f in use_case.verify()]
    added = [("INPUTS-READ", "should")]  # the field that is added is read by no node
    assert found == [("INPUT-SCHEMA-FORMAT", "should")] * 3 + added
    sent = use_case.deployment(project_id="p")["configuration"]
    assert sent["deploymentInputSchema"][0]["label"] == "PHONE"
    options = sent["workflows"][0]["triggers"][0]["inputSchema"][-1]["options"]
    assert [option["value"] for option in options] == ["1", "2.5"]


@pytest.mark.parametrize(
    ("place", "name", "meant"),
    [
        ("workflows[0].triggers[0].inputSchema[0]", "default", "defaultValue"),
        ("workflows[0].triggers[0].inputSchema[0]", "maxlength", "maxLength"),
        ("workflows[0].triggers[0].inputSchema[0]", "place_holder", "placeholder"),
        ("workflows[0].triggers[0].inputSchema[0]", "require", "required"),
        ("workflows[0].outputSchema[0]", "desc", "description"),
        ("workflows[0].triggers[0]", "descripton", "description"),
        ("workflows[0]", "outputschema", "outputSchema"),
        ("", "subTitle", "subtitle"),
        ("workflows[0].triggers[0].inputSchema[1].options[0]", "labels", "label"),
        ("workflows[0].triggers[0].inputSchema[0]", "pattern", "regex"),
        ("workflows[0].triggers[0].inputSchema[0]", "optional", "required"),
        ("workflows[0].triggers[0].inputSchema[1]", "helpText", "description"),
        ("workflows[0].triggers[0].inputSchema[0]", "x-owner", None),
        ("workflows[0]", "colour", None),
    ],
)
def test_a_misspelt_member_of_the_configuration_is_told(
    greeter: Path, place: str, name: str, meant: str | None
) -> None:
    file = greeter / "config.json"
    given = json.loads(file.read_text())
    part = given
    for step in re.findall(r"\w+", place):
        part = part[int(step) if step.isdigit() else step]
    if meant:
        part.pop(meant, None)
    part[name] = "x"
    file.write_text(json.dumps(given))
    told = [f for f in UseCase.load(greeter).verify() if f.rule == "CONFIG-VALUES"]
    if meant is None:
        assert told == []
        return
    (finding,) = told
    where = f"{place}.{name}" if place else name
    assert finding.message == f"{where} is unknown, and does nothing here: did you mean {meant}?"
    assert (finding.rule, finding.severity, finding.path) == ("CONFIG-VALUES", "should", "config.json")


def test_whatever_a_field_asks_for_in_vain_is_told(greeter: Path) -> None:
    number = {
        "key": "price",
        "type": "number",
        "label": "Price",
        "minimum": 0,
        "maxValue": 5,
        "currency": "EUR",
    }
    listed = {"key": "all", "type": "array", "label": "All", "items": {"type": "number"}}
    listed["itemField"] = {"type": "number", "exclusiveMinimum": 0}
    change(
        greeter / "config.json",
        lambda given: given["workflows"][0]["triggers"][0].update(inputSchema=[number, listed]),
    )
    at, does = "workflows[0].triggers[0].inputSchema", "is unknown, and does nothing here"
    told = [f.message for f in UseCase.load(greeter).verify() if f.rule == "CONFIG-VALUES"]
    assert told == [
        f"{at}[0].minimum {does}: did you mean min?",
        f"{at}[0].maxValue {does}: did you mean max?",
        f"{at}[0].currency {does}.",
        f"{at}[1].items {does}: did you mean itemField?",
        f"{at}[1].itemField.exclusiveMinimum {does}.",
    ]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            "return [{json: {text: $json.body.text}}];",
            "No node reads weight, height, which the form asks for.",
        ),
        (
            "// weight, height and body\nreturn [{json: {a: $json.body.text}}];",
            "No node reads weight, height,",
        ),
        ("const body = $json.body || {};\nreturn [{json: {a: body.weight}}];", "No node reads height, which"),
        ("const b = $json.body;\nreturn [{json: {a: b.weight, c: b['height']}}];", None),
        ("const {weight, height} = $json.body;\nreturn [{json: {weight, height}}];", None),
        ("return [{json: {all: JSON.stringify($json.body)}}];", None),
        ("const body = $json.body || {};\nreturn [{json: {...body}}];", None),
        ("const key = 'a'; return [{json: {a: $json.body[key]}}];", None),
        ("return $input.all();", None),
        ("const p = $json.body.payload; return [{json: p}];", None),
    ],
)
def test_what_the_form_asks_for_is_read(tmp_path: Path, code: str, told: str | None) -> None:
    folder = UseCase.init(tmp_path / "bmi", name="BMI", workflow="bmi").folder
    assert UseCase.load(folder).verify() == []
    file = folder / "config.json"
    given = json.loads(file.read_text())
    given["workflows"][0]["triggers"][0]["inputSchema"] = [
        {"key": key, "type": "number", "label": key} for key in ("weight", "height")
    ]
    file.write_text(json.dumps(given))
    (first,) = UseCase.load(folder).verify()
    assert first.message == "No node reads weight, height, which the form asks for. It reads text."
    assert (first.rule, first.severity, first.path) == ("INPUTS-READ", "should", "workflows/bmi.json")
    flow = json.loads((folder / "workflows" / "bmi.json").read_text())
    (node,) = [each for each in flow["nodes"] if each["name"] == "Check Text"]
    node["parameters"]["jsCode"] = code
    (folder / "workflows" / "bmi.json").write_text(json.dumps(flow))
    found = [each.message for each in UseCase.load(folder).verify() if each.rule == "INPUTS-READ"]
    assert len(found) == (told is not None)
    assert not told or found[0].startswith(told)
    # A node that takes its whole input may read anything.
    node["type"] = "n8n-nodes-base.httpRequest"
    (folder / "workflows" / "bmi.json").write_text(json.dumps(flow))
    assert not [each for each in UseCase.load(folder).verify() if each.rule == "INPUTS-READ"]


def test_inputs_of_sub_workflows_may_have_a_name(greeter: Path) -> None:
    trigger = {"type": "subworkflow", "inputSchema": [{"name": "x", "type": "string"}]}
    change(greeter / "config.json", lambda c: c["workflows"][0].update(triggers=[trigger]))

    use_case = UseCase.load(greeter)

    (said,) = [f.message for f in use_case.verify() if f.rule == "INPUT-SCHEMA-FORMAT"]
    assert said.startswith("workflows[0].triggers[0].inputSchema[0]")
    sent = use_case.deployment(project_id="p")["configuration"]["workflows"][0]["triggers"][0]
    assert sent["inputSchema"] == [{"key": "x", "type": "string"}]


# --- what is written, and what is sent -------------------------------------------------------------


def test_numbers_that_stand_for_texts_are_sent_and_said(greeter: Path) -> None:
    fields = [
        {"key": "n", "label": "N", "type": "string", "defaultValue": 5, "placeholder": 7},
        {
            "key": "o",
            "label": "O",
            "type": "select",
            "options": [{"value": 1, "label": "1"}],
            "defaultValue": 1,
        },
        {"key": "m", "label": "M", "type": "multiselect", "options": ["1"], "defaultValue": [1.0]},
    ]
    change(greeter / "config.json", lambda c: c["workflows"][0]["triggers"][0]["inputSchema"].extend(fields))

    use_case = UseCase.load(greeter)

    sent = use_case.configuration.to_json()["workflows"][0]["triggers"][0]["inputSchema"]
    assert [(each["defaultValue"], each.get("placeholder")) for each in sent[-3:]] == [
        (5, 7),
        ("1", None),
        (["1"], None),
    ]
    found = {(f.severity, f.message.split(" is ")[0].partition("inputSchema")[2]) for f in use_case.verify()}
    assert found >= {
        ("should", f"[{n}].{name}")
        for n, name in ((2, "defaultValue"), (2, "placeholder"), (3, "defaultValue"), (4, "defaultValue"))
    }
    assert use_case.verify().must == []


def test_values_of_another_kind_are_said_and_sent_as_written(greeter: Path) -> None:
    def spoil_values(configuration: Any) -> None:
        configuration["release_notes"] = "New."
        configuration["icon"] = None
        workflow = configuration["workflows"][0]
        workflow["cost"] = "3"
        fields = workflow["triggers"][0]["inputSchema"]
        fields[0]["required"] = "yes"
        fields.append({"key": "n", "label": "N", "type": "number", "defaultValue": "5", "min": 1.0})

    change(greeter / "config.json", spoil_values)
    use_case = UseCase.load(greeter)

    said = {(f.message.split(" is ")[0], f.severity) for f in use_case.verify() if f.rule == "CONFIG-VALUES"}
    trigger = "workflows[0].triggers[0].inputSchema"
    assert said == {
        ("workflows[0].cost", "should"),
        (f"{trigger}[0].required", "should"),
        (f"{trigger}[2].defaultValue", "should"),
        ("release_notes", "should"),
        ("icon", "nit"),
    }
    sent = use_case.deployment(project_id="p")["configuration"]
    fields = sent["workflows"][0]["triggers"][0]["inputSchema"]
    assert (sent["workflows"][0]["cost"], fields[0]["required"]) == ("3", "yes")
    assert (fields[2]["defaultValue"], fields[2]["min"]) == ("5", 1.0)
    # What is used here is what is meant.
    [workflow] = use_case.configuration.workflows
    assert workflow.cost == 3
    workflow.cost = 4
    assert use_case.deployment(project_id="p")["configuration"]["workflows"][0]["cost"] == 4


def test_values_of_their_kind_are_not_said(greeter: Path) -> None:
    change(
        greeter / "config.json", lambda c: c["workflows"][0].update(cost=1.0, costEstimationForLLMTokens=2)
    )

    assert UseCase.load(greeter).verify() == []


SKILL = "---\nname: a\ndescription: {}\nworkflowTemplateId: greet\n---\n# Page\n"


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (">-\n  Greets\n  people", "this is >-"),
        ("|\n  Greets: all", "this is |"),
        ('"Greets."', 'this is "Greets."'),
        ("'Greets.'", "this is 'Greets.'"),
        ("Greets\n  people", '"people" is not read'),
        ('Greets "Ada" and says "Hello"', None),
        ("> 3 people", None),
    ],
)
def test_a_description_that_is_read_otherwise_is_found(
    greeter: Path, description: str, words: str | None
) -> None:
    page = greeter / "skills" / "greet-someone" / "SKILL.md"
    page.write_text(SKILL.format(description), encoding="utf-8")

    said = found(greeter, "SKILL-FRONTMATTER")

    assert len(said) == (words is not None)
    assert words is None or words in said[0]


def test_a_copy_of_a_workflow_is_left_aside(greeter: Path) -> None:
    for name, text in (("greet copy", None), ("greet-Copy1", "{")):
        copy = greeter / "workflows" / f"{name}.json"
        shutil.copy(greeter / "workflows" / "greet.json", copy)
        if text:
            copy.write_text(text, encoding="utf-8")

    use_case = UseCase.load(greeter)

    findings = use_case.verify()
    assert [(f.rule, f.severity, f.path) for f in findings] == [
        ("CONFIG-WORKFLOWS", "should", "workflows/greet copy.json"),
        ("CONFIG-WORKFLOWS", "should", "workflows/greet-Copy1.json"),
    ]
    assert not any("opy" in document.relative_path for document in use_case.documents)
    for name in ("greet copy", "greet-Copy1"):
        (greeter / "workflows" / f"{name}.json").unlink()
    assert UseCase.load(greeter).deployment(project_id="p") == use_case.deployment(project_id="p")


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("{{FLEXCRED_A_ID_DERCXELF}}", "{{USERCRED_A_NAME_DERCRESU}}"), True),
        (("{{FLEXCRED_A_ID_DERCXELF}}", "{{FLEXCRED_B_NAME_DERCXELF}}"), True),
        (("{{FLEXCRED_A_ID_DERCXELF}}", "{{ORGSECRET_WEBHOOK_AUTH_CRED_NAME_TERCESORG}}"), True),
        (("{{SYSCREDS_A_ID_SDERCSYS}}", "{{ORGCRED_A_NAME_DERCGRO}}"), True),
        (("{{FLEXCRED_A_ID_DERCXELF}}", "{{FLEXCRED_A_NAME_DERCXELF}}"), False),
    ],
)
def test_a_credential_is_of_one_kind(greeter: Path, pair: tuple[str, str], said: bool) -> None:
    credential = dict(zip(("id", "name"), pair, strict=True))
    change(
        greeter / "workflows" / "greet.json", lambda w: its(w, "Greet").update(credentials={"x": credential})
    )

    rules = [finding.rule for finding in UseCase.load(greeter).verify()]

    assert ("CRED-PLACEHOLDER" in rules) is said


def test_words_in_two_braces_that_nothing_fills_are_found(greeter: Path) -> None:
    schema = [
        {"type": "section", "title": "S", "inputSchema": [{"key": "N", "label": "N", "type": "string"}]}
    ]
    change(greeter / "config.json", lambda c: c.update(deploymentInputSchema=schema))

    def ask(workflow: Any) -> None:
        code = "{{APIKEY}} {{INSTPARM_N_MRAPTSNI}} {{INSTPARM_NOSUCH_MRAPTSNI}} {{ $json.KEY }}"
        code += " {{INSTPARM_NO-SUCH_MRAPTSNI}}"
        its(workflow, "Greet")["parameters"]["jsCode"] += f"\n// {code}"

    change(greeter / "workflows" / "greet.json", ask)

    assert [(f.rule, f.severity, f.node, f.message.split()[0]) for f in UseCase.load(greeter).verify()] == [
        ("PLACEHOLDER-SYNTAX", "should", "Greet", "{{APIKEY}}"),
        ("INSTPARM-REFERENCES", "should", "Greet", "NOSUCH"),
        ("INSTPARM-REFERENCES", "should", "Greet", "NO-SUCH"),
    ]


@pytest.mark.parametrize(
    "given",
    ["{{ USERDATA_USER_ID_ATADRESU }}", "{{userdata_USER_ID_ATADRESU}}", "{{USERDATA_USER_ID_ATADRESU }}"],
)
def test_placeholders_that_are_not_filled_as_they_are_written(greeter: Path, given: str) -> None:
    def ask(workflow: Any) -> None:
        its(workflow, "Greet")["parameters"]["jsCode"] += f"\n// {given} {{{{USERDATA_USER_ID_ATADRESU}}}}"

    change(greeter / "workflows" / "greet.json", ask)

    (found,) = UseCase.load(greeter).verify()
    assert (found.rule, found.severity, found.node) == ("PLACEHOLDER-SYNTAX", "should", "Greet")
    assert f"{given} is not filled: write {{{{USERDATA_USER_ID_ATADRESU}}}}" in found.message


@pytest.mark.parametrize(
    "node_type",
    [
        *(
            f"n8n-nodes-base.{name}"
            for name in ("webhook", "cron", "interval", "emailReadImap", "start", "set")
        ),
        *(f"n8n-nodes-base.{name}Trigger" for name in ("schedule", "manual", "gmail", "executeWorkflow")),
        "@n8n/n8n-nodes-langchain.chatTrigger",
        "@n8n/n8n-nodes-langchain.manualChatTrigger",
        "n8n-nodes-trigger-happy.send",
    ],
)
def test_the_sandbox_knows_the_same_starts(node_type: str) -> None:
    by_itself = trigger_kind(node_type) not in (None, "manual")

    assert (_problem({"nodes": [{"type": node_type}]}, {}) is None) is by_itself


PART = {"key": "P", "type": "string"}


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ({"type": "section", "title": "S", "inputSchema": [PART]}, "inputSchema"),
        ({"type": "object", "key": "o", "label": "O", "schema": [PART]}, "schema"),
        ({"type": "objectArray", "key": "o", "label": "O", "itemSchema": [PART]}, "itemSchema"),
    ],
)
def test_parameters_within_others_need_no_label_either(
    greeter: Path, field: dict[str, Any], place: str
) -> None:
    change(greeter / "config.json", lambda c: c.update(deploymentInputSchema=[field]))

    use_case = UseCase.load(greeter)

    assert [f.message for f in use_case.verify() if f.rule == "INPUT-SCHEMA-FORMAT"] == [
        f"deploymentInputSchema[0].{place}[0] has no label: its key is shown."
    ]
    sent = use_case.configuration.to_json()["deploymentInputSchema"][0]
    assert sent[place][0]["label"] == "P"


@pytest.mark.parametrize(
    ("option", "sent", "words"),
    [
        ({"value": True, "label": "Yes"}, ("true", "Yes"), "[0].value is no text"),
        ({"value": 1.5, "label": "More"}, ("1.5", "More"), "[0].value is no text"),
        ({"value": "2", "label": 2}, ("2", "2"), "[0].label is no text"),
        ({"value": "low"}, ("low", "low"), "[0].label is no text"),
        ("red", ("red", "red"), '[0] is "red" alone'),
        (7, ("7", "7"), "[0] is 7 alone"),
    ],
)
def test_options_become_texts(greeter: Path, option: Any, sent: tuple[str, str], words: str) -> None:
    field = {"key": "o", "label": "O", "type": "radio", "options": [option]}
    change(greeter / "config.json", lambda c: c["workflows"][0]["triggers"][0].update(inputSchema=[field]))

    use_case = UseCase.load(greeter)

    (said,) = [f.message for f in use_case.verify() if f.rule == "INPUT-SCHEMA-FORMAT"]
    assert words in said
    (trigger,) = use_case.configuration.to_json()["workflows"][0]["triggers"]
    assert tuple(trigger["inputSchema"][0]["options"][0].values()) == sent


def _keyed(key: str, **members: Any) -> dict[str, Any]:
    return {"type": "string", "key": key, "label": key, **members}


def _section(*inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "section", "title": "S", "inputSchema": list(inner)}


def _object(key: str, *inner: dict[str, Any]) -> dict[str, Any]:
    return _keyed(key, type="object", schema=list(inner))


def _objects(key: str, *inner: dict[str, Any]) -> dict[str, Any]:
    return _keyed(key, type="objectArray", itemSchema=list(inner))


@pytest.mark.parametrize(
    ("schema", "found_at"),
    [
        ([_keyed("a"), _keyed("b"), _keyed("a", type="number")], [("[2]", "a", "[0]")]),
        ([_keyed("a"), _keyed("a"), _keyed("a")], [("[1]", "a", "[0]"), ("[2]", "a", "[0]")]),
        ([_keyed("a"), _section(_keyed("a"))], [("[1].inputSchema[0]", "a", "[0]")]),
        (
            [_section(_section(_keyed("a"))), _section(_keyed("a"))],
            [("[1].inputSchema[0]", "a", "[0].inputSchema[0].inputSchema[0]")],
        ),
        ([_keyed("a"), _object("o", _keyed("a")), _objects("p", _keyed("a"))], []),
        ([_object("o", _keyed("a"), _keyed("a"))], [("[0].schema[1]", "a", "[0].schema[0]")]),
        (
            [_section(_objects("o", _keyed("a"), _section(_keyed("a"))))],
            [
                (
                    "[0].inputSchema[0].itemSchema[1].inputSchema[0]",
                    "a",
                    "[0].inputSchema[0].itemSchema[0]",
                )
            ],
        ),
        ([_object("a", _keyed("a")), _keyed("A")], []),
        ([_keyed("o", type="object", schema=[], defaultValue={"schema": [_keyed("a")] * 2})], []),
    ],
)
@pytest.mark.parametrize("place", ["input", "output", "deployment"])
def test_two_fields_of_one_key_are_found(
    greeter: Path, place: str, schema: list[Any], found_at: list[tuple[str, str, str]]
) -> None:
    start = {
        "input": "workflows[0].triggers[0].inputSchema",
        "output": "workflows[0].outputSchema",
        "deployment": "deploymentInputSchema",
    }[place]

    def put(configuration: Any) -> None:
        workflow = configuration["workflows"][0]
        holders = {"input": workflow["triggers"][0], "output": workflow, "deployment": configuration}
        holders[place][start.rpartition(".")[2]] = schema

    change(greeter / "config.json", put)

    findings = UseCase.load(greeter).verify()

    assert {each.severity for each in findings} <= {"should"}
    assert [each.message for each in findings if each.rule == "INPUT-SCHEMA-FORMAT"] == [
        f'{start}{at}: "{key}" is the key of {start}{first} as well, and one hides the other.'
        for at, key, first in found_at
    ]


def test_two_inputs_of_a_sub_workflow_of_one_key_are_found(greeter: Path) -> None:
    inputs = [{"key": "x", "type": "string"}, {"name": "x", "type": "number"}]
    trigger = {"type": "subworkflow", "inputSchema": inputs}
    change(greeter / "config.json", lambda c: c["workflows"][0].update(triggers=[trigger]))

    said = [each.message for each in UseCase.load(greeter).verify() if each.rule == "INPUT-SCHEMA-FORMAT"]
    place = "workflows[0].triggers[0].inputSchema"
    assert f'{place}[1]: "x" is the key of {place}[0] as well, and one hides the other.' in said


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"type": "number", "min": 10, "max": 5}, ".min is 10, and max 5: nothing fits."),
        (
            {"type": "string", "minLength": 3, "maxLength": 2},
            ".minLength is 3, and maxLength 2: nothing fits.",
        ),
        ({"type": "text", "maxLength": -1}, ".maxLength is -1: nothing fits."),
        (
            {"type": "array", "itemField": {"type": "string"}, "minItems": 2, "maxItems": 1},
            ".minItems is 2, and maxItems 1: nothing fits.",
        ),
        (
            {"type": "array", "itemField": {"type": "number", "min": 1, "max": 0}},
            ".itemField.min is 1, and max 0: nothing fits.",
        ),
        (
            {"type": "object", "schema": [{**field("in"), "minLength": 3, "maxLength": 1}]},
            ".schema[0].minLength is 3, and maxLength 1: nothing fits.",
        ),
        ({"type": "date", "minDate": "soon"}, '.minDate is "soon", which is no date such as 2026-01-31.'),
        (
            {"type": "date", "minDate": "2026-02-01", "maxDate": "2026-01-01"},
            ".minDate is 2026-02-01, and maxDate 2026-01-01: nothing fits.",
        ),
        ({"type": "number", "step": 0}, ".step is 0: it has to be more than 0."),
        (
            {"type": "string", "regex": "[a-"},
            ".regex cannot be read: unterminated character set at position 0.",
        ),
        ({"type": "string", "regex": "(a"}, ".regex cannot be read: missing ), unterminated subpattern"),
        (
            {"type": "select", "options": ["a", "b", "a"]},
            ".options[2] has the value of options[0], a: one hides the other.",
        ),
        ({"type": "radio", "options": []}, ".options: there are none to choose from."),
        (
            {"type": "multiselect", "options": ["a"], "minSelections": 2},
            ".options: there is 1 to choose from, and minSelections is 2.",
        ),
        (
            {"type": "select", "options": ["a", "b"], "defaultValue": "c"},
            ".defaultValue does not fit: Choose one of the options: a, b.",
        ),
        ({"type": "number", "max": 5, "defaultValue": 6}, ".defaultValue does not fit: At most 5."),
        ({"type": "date", "defaultValue": "tomorrow"}, ".defaultValue does not fit: Give a date"),
        (
            {"type": "array", "itemField": {"type": "number", "max": 5}, "defaultValue": [1, 6]},
            ".defaultValue[1] does not fit: At most 5.",
        ),
        (
            {"type": "object", "schema": [{**field("in"), "maxLength": 1}], "defaultValue": {"in": "abc"}},
            ".defaultValue.in does not fit: At most 1 characters, not 3.",
        ),
        (
            {"type": "string", "key": "first name"},
            '.key "first name": a key has no blanks, as in first_name.',
        ),
        ({"type": "string", "key": ""}, '.key "": a key has no blanks'),
    ],
)
@pytest.mark.parametrize("place", ["inputSchema", "deploymentInputSchema"])
def test_a_field_that_cannot_be_filled_in_is_told(
    greeter: Path, members: dict[str, Any], said: str, place: str
) -> None:
    given = {**field("x"), **members}

    def put(config: dict[str, Any]) -> None:
        holder = config if place == "deploymentInputSchema" else config["workflows"][0]["triggers"][0]
        holder[place] = [given]

    change(greeter / "config.json", put)
    of_fields = [f for f in UseCase.load(greeter).verify() if " alone" not in f.message]
    (told,) = [f for f in of_fields if f.rule == "INPUT-SCHEMA-FORMAT"]
    assert told.severity == "should"
    assert f"{place}[0]{said}" in told.message


@pytest.mark.parametrize("size", [0, -1])
def test_a_file_that_cannot_be_given_is_told(greeter: Path, size: int) -> None:
    given = {**field("x"), "type": "file", "maxSize": size}
    change(greeter / "config.json", lambda c: c["workflows"][0]["triggers"][0].update(inputSchema=[given]))
    told = [f.message for f in UseCase.load(greeter).verify() if f.rule == "INPUT-SCHEMA-FORMAT"]
    assert told == [f"workflows[0].triggers[0].inputSchema[0].maxSize is {size}: no file fits."]


@pytest.mark.parametrize(
    "members",
    [
        {"type": "number", "min": 0, "max": 0, "defaultValue": 0, "step": 0.5},
        {"type": "string", "minLength": 1, "defaultValue": ""},
        {"type": "string", "regex": r"^(?<year>\d{4})\p{L}[]$"},  # JavaScript's
        {"type": "date", "minDate": "2026-01-01", "maxDate": "2026-01-01T10:00:00Z"},
        {"type": "object", "schema": [{**field("in"), "required": True}], "defaultValue": {}},
        {"type": "boolean", "defaultValue": False},
        {"type": "multiselect", "options": [{"value": "a", "label": "A"}], "defaultValue": []},
    ],
)
def test_a_field_that_can_be_filled_in_is_none_to_tell_of(greeter: Path, members: dict[str, Any]) -> None:
    given = {**field("x"), **members}
    change(greeter / "config.json", lambda c: c["workflows"][0]["triggers"][0].update(inputSchema=[given]))
    assert {f.rule for f in UseCase.load(greeter).verify()} <= {"INPUTS-READ"}


def test_a_value_of_no_kind_is_told_once(greeter: Path) -> None:
    given = {**field("x"), "type": "number", "defaultValue": "much"}
    change(greeter / "config.json", lambda c: c["workflows"][0]["triggers"][0].update(inputSchema=[given]))
    with pytest.raises(UseCaseError) as refused:
        UseCase.load(greeter)
    assert [text for _, text in refused.value.problems] == [
        "workflows[0].triggers[0].inputSchema[0].defaultValue: Input should be a valid integer or number"
    ]


def test_the_documented_integration_of_ones_own_is_whole(greeter: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "n8n.md").read_text(encoding="utf-8")
    (block,) = [each for each in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if "cstm_crm" in each]
    change(greeter / "config.json", lambda c: c.update(json.loads(f"{{{block}}}")))
    use_case = UseCase.load(greeter)
    assert not use_case.verify()
    assert (use_case.configuration.custom_integrations or [])[0].id == "cstm_crm"


def test_what_is_no_integration_is_told(greeter: Path) -> None:
    def declare(config: dict[str, Any]) -> None:
        config["integrationUids"] = ["openai", "cstm_crm", "slak"]
        config["workflows"][0]["integrationUids"] = ["openai", "zzz"]

    def use(workflow: dict[str, Any]) -> None:
        node: dict[str, Any] = {
            "name": "Ask",
            "type": "n8n-nodes-base.set",
            "parameters": {},
            "credentials": {"openAiApi": {}},
        }
        for member in ("id", "name"):
            node["credentials"]["openAiApi"][member] = f"{{{{ORGCRED_OPENAII_{member.upper()}_DERCGRO}}}}"
        workflow["nodes"].append(node)

    change(greeter / "config.json", declare)
    change(greeter / "workflows" / "greet.json", use)
    found = UseCase.load(greeter).verify()
    assert [f.message for f in found if f.rule == "INTEGRATION-KNOWN"] == [
        'integrationUids: "slak" is no integration that is known: did you mean slack?',
        'workflows[0].integrationUids: "zzz" is no integration that is known.',
    ]
    (undeclared,) = [f.message for f in found if f.rule == "INTEGRATION-INHERITANCE"]
    assert undeclared.endswith("openaii is used, but not declared. Did you mean openai?")


def test_every_integration_that_is_known_is_on_the_page() -> None:
    page = (Path(__file__).parents[1] / "docs" / "n8n.md").read_text(encoding="utf-8")
    known = {*SECRET_NAMES, *SIGNED_IN}
    assert [name for name in known if f"`{name}`" not in page] == []
    assert set(of_the_sandbox._SIGNED_IN) == SIGNED_IN


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {"parameters": {"authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth"}},
            "Signs in, and has no credentials of the type httpHeaderAuth: the run fails there.",
        ),
        (
            {"parameters": {"authentication": "oAuth2"}, "credentials": {}},
            "Signs in, and has no credentials: ",
        ),
        ({"type": "@n8n/n8n-nodes-langchain.lmChatOpenAi"}, "Signs in, and has no credentials: "),
        ({"type": "@n8n/n8n-nodes-langchain.embeddingsOpenAi"}, "Signs in, and has no credentials: "),
        ({"parameters": {"authentication": "none"}}, None),
        ({"parameters": {"authentication": "={{ $json.way }}"}}, None),
        ({"parameters": {"authentication": "oAuth2"}, "disabled": True}, None),
        *(
            ({"type": name}, "Signs in, and has no credentials: ")
            for name in (
                "@n8n/n8n-nodes-langchain.openAi",
                "n8n-nodes-base.slack",
                "n8n-nodes-base.googleSheetsTool",
                "n8n-nodes-base.telegramTrigger",
            )
        ),
        ({"type": "n8n-nodes-base.slack", "credentials": {"slackApi": {"id": "1", "name": "s"}}}, None),
        ({"type": "n8n-nodes-base.postgres", "disabled": True}, None),
        ({"type": "n8n-nodes-base.rssFeedRead"}, None),
        ({"type": "@n8n/n8n-nodes-langchain.agent"}, None),
        ({}, None),
    ],
)
def test_a_node_that_signs_in_with_nothing_is_told(
    greeter: Path, members: dict[str, Any], said: str | None
) -> None:
    given = {"name": "Get", "type": "n8n-nodes-base.httpRequest", "parameters": {}, **members}
    change(greeter / "workflows" / "greet.json", lambda w: w["nodes"].append(given))
    told = [f for f in UseCase.load(greeter).verify() if f.rule == "CRED-MISSING"]
    assert [(f.severity, f.node) for f in told] == [("should", "Get")] * (said is not None)
    assert not said or told[0].message.startswith(said)
