from __future__ import annotations

import inspect
import json
import shutil
import subprocess
from typing import Any

import pytest
from pydantic import ValidationError

from codika_nb.configuration import (
    ArrayField,
    Configuration,
    HttpTrigger,
    NumberItem,
    ObjectArrayField,
    ObjectField,
    Option,
    ScheduleTrigger,
    StringField,
    SubworkflowTrigger,
    Trigger,
    Workflow,
    webhook_url,
)
from codika_nb.usecases.record import Project


def configuration(**members: Any) -> dict[str, Any]:
    """The smallest configuration, and more."""
    workflow = {"workflowTemplateId": "daily-report", "triggers": [{"type": "http", "url": "u"}]}
    return {"title": "Reports", "description": "Reports.", "workflows": [workflow], **members}


def with_input(*fields: dict[str, Any]) -> dict[str, Any]:
    given = configuration()
    given["workflows"][0]["triggers"][0]["inputSchema"] = list(fields)
    return given


def sent_input(*fields: dict[str, Any]) -> Any:
    sent = Configuration.model_validate(with_input(*fields)).to_json()
    return sent["workflows"][0]["triggers"][0]["inputSchema"]


def test_what_a_person_leaves_out_is_filled_in_as_the_platform_wants_it() -> None:
    sent = Configuration.model_validate(configuration()).to_json()

    assert {name: sent[name] for name in ("subtitle", "processDeploymentMarkdown")} == {
        "subtitle": "",
        "processDeploymentMarkdown": "",
    }
    assert sent["tags"] == sent["integrationUids"] == []
    workflow = sent["workflows"][0]
    assert workflow["workflowId"] == "daily-report"
    assert workflow["workflowName"] == "Daily Report"
    assert workflow["knowledgeBaseAccess"] == {"processDocTags": [], "processInstanceDocTags": []}
    assert workflow["triggers"][0]["method"] == "POST"


def test_null_is_sent_where_it_means_something_or_nobody_knows() -> None:
    given = configuration(icon=None, unknown={"a": None}, other=None)
    given["workflows"][0]["triggers"] = [{"type": "http", "url": "u", "title": None, "description": None}]

    sent = Configuration.model_validate(given).to_json()

    assert sent["workflows"][0]["triggers"][0]["title"] is None
    assert "description" not in sent["workflows"][0]["triggers"][0]
    assert "icon" not in sent
    assert (sent["unknown"], sent["other"]) == ({"a": None}, None)
    assert "title" not in HttpTrigger(url="u").to_json()


def test_what_is_absent_is_not_sent_but_false_and_zero_are() -> None:
    (field,) = sent_input(
        {"type": "number", "key": "n", "label": "N", "defaultValue": 0, "required": False, "tooltip": None}
    )

    assert field == {"type": "number", "key": "n", "label": "N", "defaultValue": 0, "required": False}


def test_python_and_platform_spelling_mean_the_same() -> None:
    in_python = Configuration(
        title="Reports",
        description="Reports.",
        process_type="organizational",
        workflows=[
            Workflow(
                workflow_template_id="daily-report",
                cost_estimation_for_llm_tokens=2,
                triggers=[
                    HttpTrigger(
                        url="u",
                        input_schema=[
                            ObjectField(
                                key="who",
                                label="Who",
                                schema_=[StringField(key="name", label="Name", min_length=1)],
                            )
                        ],
                    )
                ],
            )
        ],
    )
    as_sent = with_input(
        {
            "type": "object",
            "key": "who",
            "label": "Who",
            "schema": [{"type": "string", "key": "name", "label": "Name", "minLength": 1}],
        }
    )
    as_sent["processType"] = "organizational"
    as_sent["workflows"][0]["costEstimationForLLMTokens"] = 2

    assert in_python.to_json() == Configuration.model_validate(as_sent).to_json()
    assert Configuration.model_validate(in_python.to_json()) == in_python


def test_triggers_keep_their_ids_from_one_deployment_to_the_next() -> None:
    def ids(template_id: str) -> list[str]:
        triggers: list[Trigger] = [
            HttpTrigger(url="u"),
            SubworkflowTrigger(),
            HttpTrigger(url="u", trigger_id="mine"),
        ]
        return [t.trigger_id for t in Workflow(workflow_template_id=template_id, triggers=triggers).triggers]

    first = ids("greet")
    assert ids("greet") == first
    assert first[2] == "mine"
    assert len({*first, *ids("other")}) == 5


def test_one_trigger_in_two_workflows_has_two_ids() -> None:
    shared = HttpTrigger(url="u")
    one = Workflow(workflow_template_id="one", triggers=[shared])
    two = Workflow(workflow_template_id="two", triggers=[shared])

    assert one.triggers[0].trigger_id != two.triggers[0].trigger_id


def test_unknown_members_are_kept_everywhere() -> None:
    given = with_input({"type": "string", "key": "k", "label": "L", "futureField": [1]})
    given["futureMember"] = {"deep": None}
    given["workflows"][0]["futureWorkflow"] = True
    given["workflows"][0]["triggers"][0]["futureTrigger"] = "x"

    sent = Configuration.model_validate(given).to_json()

    assert sent["futureMember"] == {"deep": None}
    assert sent["workflows"][0]["futureWorkflow"] is True
    assert sent["workflows"][0]["triggers"][0]["futureTrigger"] == "x"
    assert sent["workflows"][0]["triggers"][0]["inputSchema"][0]["futureField"] == [1]


OPTIONS = [{"value": "a", "label": "A"}]
NAMED = {"key": "k", "label": "L", "description": "d", "tooltip": "t", "placeholder": "p", "required": True}
TEXT = {"minLength": 1, "maxLength": 9, "regex": "^a", "regexError": "no", "defaultValue": "a"}
FIELDS: list[dict[str, Any]] = [
    {"type": "string", **TEXT},
    {"type": "text", "rows": 4, **TEXT},
    {"type": "number", "numberType": "double", "min": 0.5, "max": 2, "step": 0.5, "defaultValue": 1},
    {"type": "boolean", "enabledLabel": "on", "disabledLabel": "off", "defaultValue": False},
    {"type": "date", "minDate": "2026-01-01", "maxDate": "2026-12-31", "defaultValue": "2026-06-01"},
    {"type": "select", "options": OPTIONS, "defaultValue": "a"},
    {"type": "radio", "options": OPTIONS, "defaultValue": "a"},
    {
        "type": "multiselect",
        "options": OPTIONS,
        "defaultValue": ["a"],
        "minSelections": 0,
        "maxSelections": 1,
    },
    {"type": "file", "maxSize": 5, "allowedMimeTypes": ["text/csv"], "showPreview": True, "tags": ["x"]},
    {
        "type": "array",
        "itemField": {"type": "text", "rows": 2},
        "defaultValue": ["a", 1, True],
        "minItems": 1,
    },
    {"type": "object", "schema": [{"type": "date", "key": "d", "label": "D"}], "defaultValue": {"d": "x"}},
    {
        "type": "objectArray",
        "itemSchema": [{"type": "section", "title": "T", "inputSchema": []}],
        "defaultValue": [{}],
        "maxItems": 3,
    },
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field["type"]))
def test_every_kind_of_field_is_sent_as_it_was_written(field: dict[str, Any]) -> None:
    written = {**NAMED, **field}
    section = {
        "type": "section",
        "title": "S",
        "description": "d",
        "collapsible": True,
        "defaultOpen": False,
        "inputSchema": [written],
    }

    assert sent_input(written, section) == [written, section]


@pytest.mark.parametrize("kind", ["multiselect", "array", "file", "object"])
def test_an_array_holds_simple_values_only(kind: str) -> None:
    with pytest.raises(ValidationError, match="itemField"):
        sent_input(
            {"type": "array", "key": "k", "label": "L", "itemField": {"type": kind, "options": OPTIONS}}
        )


def test_deployment_parameters_are_all_kinds_but_files() -> None:
    fields = [{**NAMED, **field} for field in FIELDS if field["type"] != "file"]
    simple_array = {"type": "array", "key": "k", "label": "L"}
    given = configuration(
        deploymentInputSchema=[*fields, simple_array], defaultDeploymentParameters={"k": [1]}
    )

    sent = Configuration.model_validate(given).to_json()

    assert sent["deploymentInputSchema"] == [*fields, simple_array]
    assert sent["defaultDeploymentParameters"] == {"k": [1]}
    with pytest.raises(ValidationError, match="itemField"):
        sent_input(simple_array)


@pytest.mark.parametrize(
    "around",
    [
        lambda field: field,
        lambda field: {"type": "section", "title": "S", "inputSchema": [field]},
        lambda field: {"type": "object", "key": "o", "label": "O", "schema": [field]},
        lambda field: {"type": "objectArray", "key": "o", "label": "O", "itemSchema": [field]},
    ],
)
def test_no_file_hides_among_deployment_parameters(around: Any) -> None:
    given = configuration(deploymentInputSchema=[around({"type": "file", "key": "f", "label": "F"})])

    with pytest.raises(ValidationError, match="file"):
        Configuration.model_validate(given)


TRIGGERS: list[dict[str, Any]] = [
    {"type": "http", "url": "u", "method": "GET", "authMethod": "bearer", "authToken": "t"},
    {
        "type": "schedule",
        "cronExpression": "0 9 * * 1",
        "timezone": "Europe/Brussels",
        "humanReadable": "Every Monday at 9:00",
        "manualTriggerUrl": "u",
    },
    {"type": "service_event", "service": "pipedrive", "eventType": "deal"},
    {"type": "subworkflow", "inputSchema": [{"key": "k", "type": "array"}], "calledBy": ["main"]},
    {"type": "data_ingestion", "webhooks": {"embed": "e", "delete": "d"}, "cost": 2},
]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: str(trigger["type"]))
def test_every_kind_of_trigger_is_sent_as_it_was_written(trigger: dict[str, Any]) -> None:
    written = {"triggerId": "t1", "title": "T", "description": "D", **trigger}
    workflow = {"workflowTemplateId": "w", "triggers": [written]}

    sent = Configuration.model_validate(configuration(workflows=[workflow])).to_json()

    assert sent["workflows"][0]["triggers"] == [written]


@pytest.mark.parametrize("member", ["cronExpression", "timezone", "humanReadable", "manualTriggerUrl"])
def test_a_schedule_is_complete_or_refused(member: str) -> None:
    given = {name: value for name, value in TRIGGERS[1].items() if name != member}

    with pytest.raises(ValidationError, match=member):
        ScheduleTrigger.model_validate(given)


INTEGRATION = {
    "id": "cstm_acme_crm",
    "name": "Acme CRM",
    "contextType": "organization",
    "n8nCredentialType": "httpHeaderAuth",
    "n8nCredentialMapping": {"API_KEY": "value"},
    "secretFields": [{"key": "API_KEY", "label": "Key", "type": "password", "required": True}],
    "metadataFields": [{"key": "BASE_URL", "label": "URL", "type": "url"}],
    "color": "#4F46E5",
}
AGENT = dict.fromkeys(("id", "name", "systemPrompt", "title", "description", "welcomeMessage"), "x")


def test_integrations_agent_and_ingestion_are_sent_as_they_were_written() -> None:
    more = {
        "customIntegrations": [INTEGRATION],
        "agent": AGENT,
        "dataIngestionEndpoint": {"workflowTemplateId": "w", "webhookUrl": "u", "purpose": "p"},
    }

    sent = Configuration.model_validate(configuration(**more)).to_json()

    assert {name: sent[name] for name in more} == more


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": "acme_crm"}, "id"),
        ({"id": "cstm_AcmeCRM"}, "id"),
        ({"contextType": "team"}, "contextType"),
        ({"n8nCredentialMapping": None}, "n8nCredentialMapping is required"),
    ],
)
def test_a_custom_integration_follows_the_platforms_rules(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Configuration.model_validate(configuration(customIntegrations=[{**INTEGRATION, **change}]))


def test_an_integration_without_credentials_needs_no_mapping() -> None:
    given = {**INTEGRATION, "n8nCredentialType": "none", "n8nCredentialMapping": None}

    sent = Configuration.model_validate(configuration(customIntegrations=[given])).to_json()

    assert "n8nCredentialMapping" not in sent["customIntegrations"][0]


def test_parts_show_how_they_are_made_in_python() -> None:
    shown = inspect.signature(ArrayField).parameters
    assert {"item_field", "min_items", "key"} <= shown.keys()
    assert (shown["item_field"].default, shown["min_items"].default) == (inspect.Parameter.empty, None)
    assert "item_schema" in inspect.signature(ObjectArrayField).parameters
    with pytest.raises(AttributeError):
        _ = ArrayField(key="k", label="K", item_field=NumberItem()).__signature__


NUMBERS = {
    1234567.5: "1234567.5",
    0.1234567: "0.1234567",
    3.0: "3",
    -2.50: "-2.5",
    0.1 + 0.2: "0.30000000000000004",
    -0.0: "0",
    1e6: "1000000",
    1e16: "10000000000000000",
    123456789012345680000.0: "123456789012345680000",
    1e21: "1e+21",
    1.5e300: "1.5e+300",
    0.00001: "0.00001",
    1e-6: "0.000001",
    1e-7: "1e-7",
    5e-324: "5e-324",
    12345678901234567890: "12345678901234567890",
}


@pytest.mark.parametrize(("number", "text"), NUMBERS.items())
def test_an_option_that_is_a_number_keeps_its_digits(number: float, text: str) -> None:
    option = Option.model_validate(number)
    assert (option.value, option.label) == (text, text)
    assert Option.model_validate({"value": number, "label": "L"}).value == text
    assert float(text) == float(number)


@pytest.mark.skipif(not shutil.which("node"), reason="runs JavaScript")
def test_options_are_written_as_in_javascript() -> None:
    numbers = [number for number in NUMBERS if isinstance(number, float)]
    numbers += [
        sign * digits * 10.0**power for sign in (1, -1) for digits in (1.7, 9.0) for power in range(-320, 300)
    ]
    program = "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(String)))"
    asked = ["node", "-e", program, json.dumps(numbers)]
    said = json.loads(subprocess.run(asked, capture_output=True, encoding="utf-8", check=True).stdout)
    assert [Option.model_validate(number).value for number in numbers] == said


def test_unknown_members_bring_no_control_characters_into_a_repr() -> None:
    evil = {"\x1b[2J": "\x1b[2J"}
    given = configuration(customIntegrations=[], **evil)
    given["workflows"][0] |= evil
    for shown in (Configuration.model_validate(given), Project.model_validate({"projectId": "p", **evil})):
        assert "\x1b" not in repr(shown)
        assert "[2J=" in repr(shown)


def test_webhook_addresses_have_the_platforms_placeholders() -> None:
    assert webhook_url("greet") == (
        "{{ORGSECRET_N8N_BASE_URL_TERCESORG}}/webhook/"
        "{{PROCDATA_PROCESS_ID_ATADCORP}}/{{USERDATA_PROCESS_INSTANCE_UID_ATADRESU}}/greet"
    )
