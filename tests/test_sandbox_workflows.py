"""The sandbox's projects, deployments, instances, executions and what else a project keeps."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from codika_nb.errors import ConfigError
from codika_nb.sandbox import Sandbox

from .test_sandbox import Account, Platform, StillClock, error_of, new_email

WORKFLOW_FILE = b'{\r\n  "name": "Gr\xc3\xbc\xc3\x9fe",\n  "nodes": []\n}\n'
SIGNATURE_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def workflow(
    template_id: str = "greet", schema: list[dict[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    trigger = {
        "triggerId": "t-1",
        "type": "http",
        "url": "https://engine.example/webhook/greet",
        "method": "POST",
    }
    return {
        "workflowTemplateId": template_id,
        "workflowId": template_id,
        "workflowName": template_id.title(),
        "triggers": [{**trigger, **({} if schema is None else {"inputSchema": schema})}],
        "knowledgeBaseAccess": {"processDocTags": [], "processInstanceDocTags": []},
        "n8nWorkflowJsonBase64": base64.b64encode(WORKFLOW_FILE).decode(),
        **more,
    }


def configuration(*workflows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "title": "Greeter",
        "subtitle": "Says hello",
        "description": "",
        "processDeploymentMarkdown": "# Greeter",
        "tags": ["demo"],
        "integrationUids": [],
        "workflows": list(workflows or (workflow(),)),
        **more,
    }


class Deployed:
    """A use case that has been deployed, and how to talk to it."""

    def __init__(self, platform: Platform, *workflows: dict[str, Any], **more: Any) -> None:
        self.platform = platform
        self.account = platform.sign_up()
        self.key = self.account.key
        self.project_id: str = self.call("/createprojectviaapikey", name="One")["projectId"]
        self.first = self.deploy(configuration=configuration(*workflows, **more))
        self.instance_id: str = self.first["processInstanceId"]

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        return self.platform.data(path, body, self.key)

    def deploy(self, **body: Any) -> dict[str, Any]:
        body = {"configuration": configuration(), **body}
        return self.call("/deployprocessusecase", projectId=self.project_id, **body)

    def trigger(self, payload: Any, workflow_id: str = "greet") -> httpx.Response:
        path = f"/triggerwebhookpublic/{self.instance_id}/{workflow_id}"
        return self.platform.post(path, {"payload": payload}, self.key)

    def status(self, execution_id: str) -> dict[str, Any]:
        answer = self.platform.get(f"/getexecutionstatuspublic/{self.instance_id}/{execution_id}", self.key)
        assert answer.status_code == 200
        execution: dict[str, Any] = answer.json()["execution"]
        return execution

    def run(self, payload: Any, workflow_id: str = "greet") -> dict[str, Any]:
        """Trigger a workflow and wait for its end."""
        answer = self.trigger(payload, workflow_id)
        assert answer.status_code == 200, answer.text
        while (execution := self.status(answer.json()["executionId"]))["status"] == "pending":
            pass
        return execution


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Sandbox(clock=StillClock(), ip_limit=10**6) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            yield platform


@pytest.fixture(scope="module")
def greeter(platform: Platform) -> Deployed:
    """A deployed use case for tests that change nothing in it."""
    return Deployed(platform)


# --- projects -----------------------------------------------------------------------------


def test_a_project_from_draft_to_published(platform: Platform) -> None:
    account = platform.sign_up()
    made = platform.data("/createprojectviaapikey", {"name": "One", "description": "first"}, account.key)
    project = platform.data("/getprojectpublic", made, account.key)
    assert len(project) == 12
    assert (project["status"], project["processId"], project["currentDeployment"]) == ("draft", None, None)
    assert (project["name"], project["description"]) == ("One", "first")

    body = {**made, "configuration": configuration()}
    deployed = platform.data("/deployprocessusecase", body, account.key)
    project = platform.data("/getprojectpublic", made, account.key)
    assert (project["status"], project["processId"]) == ("in_progress", deployed["processId"])
    assert project["currentDeployment"]["version"] == "1.0"

    publication = {**made, "processDeploymentId": deployed["templateId"]}
    platform.data("/publishprocessdeploymentpublic", publication, account.key)
    project = platform.data("/getprojectpublic", made, account.key)
    assert (project["status"], project["hasPublishedProcess"]) == ("completed", True)


def test_projects_are_listed_newest_first_and_limited(platform: Platform) -> None:
    key = platform.sign_up().key
    for number in range(3):
        platform.data("/createprojectviaapikey", {"name": f"Project {number}"}, key)
    listed = platform.get("/listprojectspublic", key).json()["data"]
    assert [project["name"] for project in listed["projects"]] == ["Project 2", "Project 1", "Project 0"]
    assert listed["count"] == 3
    assert all(len(project) == 8 for project in listed["projects"])
    assert platform.get("/listprojectspublic?limit=2", key).json()["data"]["count"] == 2
    assert platform.get("/listprojectspublic?archived=true", key).json()["data"]["projects"] == []
    for limit in ("0", "101", "-1", "x", "1.5", ""):
        assert platform.get(f"/listprojectspublic?limit={limit}", key).status_code == 400


def test_other_organizations_objects_are_out_of_reach(platform: Platform, greeter: Deployed) -> None:
    stranger = platform.sign_up().key
    instance, project = {"processInstanceId": greeter.instance_id}, {"projectId": greeter.project_id}
    execution_id = greeter.run({})["executionId"]
    calls = [
        platform.post("/getprojectpublic", project, stranger),
        platform.post("/deployprocessusecase", {**project, "configuration": configuration()}, stranger),
        platform.post("/getmetadatadocumentsendpoint", project, stranger),
        platform.post("/publishprocessdeploymentpublic", {**project, "processDeploymentId": "x"}, stranger),
        platform.post("/deployusecasedocuments", {**project, "documents": []}, stranger),
        platform.post("/deploydataingestion", {"processId": greeter.project_id}, stranger),
        platform.post("/upsertprojectnote", project, stranger),
        platform.post("/getprojectnotes", project, stranger),
        platform.post("/getprocessinstancepublic", instance, stranger),
        platform.post("/activateprocessinstancepublic", instance, stranger),
        platform.post("/deactivateprocessinstancepublic", instance, stranger),
        platform.post("/redeploydeploymentinstancepublic", instance, stranger),
        platform.post(f"/sandbox/instances/{greeter.instance_id}/key", None, stranger),
        platform.post(f"/webhook/{greeter.instance_id}/greet", {"payload": {}}, stranger),
        platform.get(f"/status/{greeter.instance_id}/{execution_id}", stranger),
        platform.get(f"/getexecutiondetailspublic/{greeter.instance_id}/{execution_id}", stranger),
        platform.get(f"/listexecutionspublic/{greeter.instance_id}", stranger),
        platform.get(f"/getprocessskillspublic/{greeter.instance_id}", stranger),
        platform.post(
            "/listintegrationspublic", {"organizationId": greeter.account.organization_id}, stranger
        ),
    ]
    assert [answer.status_code for answer in calls] == [403] * len(calls)
    assert "does not have access to this process instance" in calls[8].json()["error"]["message"]
    assert platform.get("/listprojectspublic", stranger).json()["data"]["projects"] == []
    assert platform.get("/listprocessinstancespublic", stranger).json()["data"]["instances"] == []


# --- deployments --------------------------------------------------------------------------


def test_the_first_deployment_makes_a_process_and_its_dev_instance(greeter: Deployed) -> None:
    first = greeter.first
    assert first["version"] == "1.0"
    assert first["isNewProcess"] is True
    assert first["deploymentStatus"] == "deployed"
    (entry,) = first["workflowsDeployed"]
    assert (entry["workflowTemplateId"], entry["status"]) == ("greet", "active")
    instance = greeter.call("/getprocessinstancepublic", processInstanceId=greeter.instance_id)
    assert (instance["environment"], instance["isActive"], instance["currentVersion"]) == ("dev", True, "1.0")
    assert instance["deployment"]["deploymentInstanceId"] == first["deploymentInstanceId"]
    assert instance["deployment"]["workflows"] == [
        {"workflowId": "greet", "n8nWorkflowId": entry["n8nWorkflowId"], "workflowName": "Greet"}
    ]


def test_versions_count_up(platform: Platform) -> None:
    deployed = Deployed(platform)
    steps = [
        ({}, "1.1"),
        ({"versionStrategy": "minor_bump"}, "1.2"),
        ({"versionStrategy": "major_bump"}, "2.0"),
        ({"versionStrategy": "explicit", "explicitVersion": "3.7"}, "3.7"),
        ({"versionStrategy": "minor_bump"}, "3.8"),
        ({"versionStrategy": "explicit", "explicitVersion": "1.9"}, "1.9"),
        ({"versionStrategy": "minor_bump"}, "3.9"),
        ({"versionStrategy": "minor_bump"}, "3.10"),
    ]
    for wishes, version in steps:
        data = deployed.deploy(**wishes)
        assert data["version"] == version
        assert data["isNewProcess"] is False
        assert data["processInstanceId"] == deployed.instance_id
        assert data["workflowsDeployed"] == deployed.first["workflowsDeployed"]


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        ({"versionStrategy": "explicit", "explicitVersion": "1.0"}, "INVALID_VERSION"),
        ({"versionStrategy": "explicit", "explicitVersion": "01.0"}, "INVALID_VERSION"),
        ({"versionStrategy": "explicit", "explicitVersion": "1.2.3"}, "INVALID_VERSION"),
        ({"versionStrategy": "explicit", "explicitVersion": "-1.0"}, "INVALID_VERSION"),
        ({"versionStrategy": "explicit", "explicitVersion": "1.x"}, "INVALID_VERSION"),
        ({"versionStrategy": "explicit"}, "INVALID_REQUEST"),
        ({"versionStrategy": "minor_bump", "explicitVersion": "5.0"}, "INVALID_VERSION"),
        ({"versionStrategy": "patch"}, "INVALID_REQUEST"),
        ({"projectId": "not an id"}, "INVALID_PROJECT_ID"),
        ({"projectId": 5}, "INVALID_REQUEST"),
        ({"configuration": None}, "INVALID_REQUEST"),
        ({"configuration": []}, "INVALID_REQUEST"),
        ({"metadataDocuments": {}}, "INVALID_REQUEST"),
        ({"skills": [{}]}, "INVALID_REQUEST"),
    ],
)
def test_deployments_are_checked(greeter: Deployed, wishes: dict[str, Any], code: str) -> None:
    body = {"projectId": greeter.project_id, "configuration": configuration(), **wishes}
    answer = greeter.platform.post("/deployprocessusecase", body, greeter.key)
    assert error_of(answer) == (400, code)


def test_an_unknown_project_is_404(greeter: Deployed) -> None:
    body = {"projectId": "a" * 20, "configuration": configuration()}
    answer = greeter.platform.post("/deployprocessusecase", body, greeter.key)
    assert error_of(answer) == (404, "PROJECT_NOT_FOUND")


SCHEDULE = {
    "triggerId": "t-1",
    "type": "schedule",
    "cronExpression": "0 9 * * *",
    "timezone": "Europe/Brussels",
    "humanReadable": "every day at nine",
    "manualTriggerUrl": "https://engine.example/webhook/report",
}


def _without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


@pytest.mark.parametrize(
    "name", ["tags", "subtitle", "processDeploymentMarkdown", "integrationUids", "knowledgeBaseAccess"]
)
def test_what_only_some_documents_ask_for_may_be_left_out(platform: Platform, name: str) -> None:
    lean = _without(configuration(_without(workflow(), name)), name)
    deployed = Deployed(platform)
    assert deployed.deploy(configuration=lean)["deploymentStatus"] == "deployed"
    assert deployed.run({})["status"] == "success"
    wrong = configuration(workflow(knowledgeBaseAccess=3)) if name.startswith("know") else {**lean, name: 3}
    body = {"projectId": deployed.project_id, "configuration": wrong}
    assert error_of(platform.post("/deployprocessusecase", body, deployed.key)) == (
        400,
        "INVALID_CONFIGURATION",
    )


@pytest.mark.parametrize(
    ("broken", "field", "code"),
    [
        *[
            (_without(configuration(), name), f"configuration.{name}", "INVALID_CONFIGURATION")
            for name in ("title", "description", "workflows")
        ],
        *[
            (
                configuration(_without(workflow(), name)),
                f"configuration.workflows[0].{name}",
                "INVALID_CONFIGURATION",
            )
            for name in (
                "workflowTemplateId",
                "workflowId",
                "workflowName",
                "triggers",
                "n8nWorkflowJsonBase64",
            )
        ],
        *[
            (
                configuration(workflow(triggers=[_without(SCHEDULE, name)])),
                f"configuration.workflows[0].triggers[0].{name}",
                "INVALID_CONFIGURATION",
            )
            for name in _without(SCHEDULE, "type")
        ],
        (configuration(workflows=[]), "configuration.workflows", "INVALID_CONFIGURATION"),
        (configuration(workflows=["x"]), "configuration.workflows[0]", "INVALID_CONFIGURATION"),
        (
            configuration(workflow(), workflow()),
            "configuration.workflows[1].workflowTemplateId",
            "INVALID_CONFIGURATION",
        ),
        (
            configuration(workflow(triggers=[])),
            "configuration.workflows[0].triggers",
            "INVALID_CONFIGURATION",
        ),
        (
            configuration(workflow(triggers=[{"triggerId": "t", "type": "telepathy"}])),
            "configuration.workflows[0].triggers[0].type",
            "INVALID_CONFIGURATION",
        ),
        (
            configuration(workflow(n8nWorkflowJsonBase64="%%%")),
            "configuration.workflows[0].n8nWorkflowJsonBase64",
            "INVALID_WORKFLOW_JSON",
        ),
        (
            configuration(workflow(n8nWorkflowJsonBase64=base64.b64encode(b"[]").decode())),
            "configuration.workflows[0].n8nWorkflowJsonBase64",
            "INVALID_WORKFLOW_JSON",
        ),
        (
            configuration(workflow(schema=[{"key": "a", "label": "A", "type": "colour"}])),
            "configuration.workflows[0].triggers[0].inputSchema[0].type",
            "INVALID_CONFIGURATION",
        ),
        (
            configuration(workflow(schema=[{"type": "section", "inputSchema": [{"type": "string"}]}])),
            "configuration.workflows[0].triggers[0].inputSchema[0].inputSchema[0].key",
            "INVALID_CONFIGURATION",
        ),
        (
            configuration(deploymentInputSchema=[{"key": "a", "label": "A", "type": "select"}]),
            "configuration.deploymentInputSchema[0].options",
            "INVALID_CONFIGURATION",
        ),
        (
            configuration(customIntegrations=[{"id": "mine"}]),
            "configuration.customIntegrations[0].id",
            "INVALID_CONFIGURATION",
        ),
    ],
)
def test_configurations_are_checked_to_the_member(
    greeter: Deployed, broken: dict[str, Any], field: str, code: str
) -> None:
    body = {"projectId": greeter.project_id, "configuration": broken}
    answer = greeter.platform.post("/deployprocessusecase", body, greeter.key)
    assert error_of(answer) == (400, code)
    assert answer.json()["error"]["details"]["field"] == field
    assert field in answer.json()["error"]["message"]


def test_what_the_platforms_own_documents_leave_out_may_be_missing(platform: Platform) -> None:
    least = configuration(_without(workflow(), "knowledgeBaseAccess"))
    for name in ("subtitle", "processDeploymentMarkdown", "tags", "integrationUids"):
        del least[name]

    deployed = Deployed(platform)

    assert deployed.deploy(configuration=least)["version"] == "1.1"


def test_documents_come_back_byte_for_byte(platform: Platform) -> None:
    deployed = Deployed(platform)
    contents = {"config.ts": b"\x00\xff\r\n", "workflows/greet.json": WORKFLOW_FILE, "empty.md": b""}
    documents = [
        {
            "relativePath": path,
            "contentType": "text/plain",
            "contentBase64": base64.b64encode(content).decode(),
            "description": f"about {path}",
        }
        for path, content in contents.items()
    ]
    bad = [
        {"relativePath": path, "contentType": "text/plain", "contentBase64": content}
        for path, content in (("../up.md", ""), ("/etc/passwd", ""), ("a\\b.md", ""), ("odd.md", "%%%"))
    ]
    too_large = {
        "relativePath": "large.md",
        "contentType": "text/plain",
        "contentBase64": base64.b64encode(bytes(10 * 1024**2 + 1)).decode(),
    }
    data = deployed.deploy(metadataDocuments=[*documents, *bad, too_large])
    stored = {entry["relativePath"]: entry for entry in data["metadataDocumentsStored"]}
    assert [entry["success"] for entry in stored.values()] == [True] * 3 + [False] * 5
    assert all("error" in entry for entry in stored.values() if not entry["success"])

    wishes = {"projectId": deployed.project_id, "includeContent": True, "includeDataIngestion": True}
    back = deployed.call("/getmetadatadocumentsendpoint", **wishes)
    assert back["version"] == "1.1"
    assert "dataIngestionVersion" not in back
    assert {d["relativePath"]: base64.b64decode(d["contentBase64"]) for d in back["documents"]} == contents
    first = back["documents"][0]
    assert (first["sizeBytes"], first["description"]) == (4, "about config.ts")
    listed = deployed.call("/getmetadatadocumentsendpoint", **{**wishes, "includeContent": False})
    assert [d["sizeBytes"] for d in listed["documents"]] == [4, len(WORKFLOW_FILE), 0]
    assert not any("contentBase64" in document for document in listed["documents"])
    for version in ("1.0", "9.9"):
        older = deployed.call("/getmetadatadocumentsendpoint", **wishes, version=version)
        assert (older["version"], older["documents"]) == (version, [])


def test_skills_are_read_with_either_key(platform: Platform) -> None:
    deployed = Deployed(platform)
    skill = {
        "name": "greeting",
        "description": "Greets",
        "workflowTemplateId": "greet",
        "contentMarkdown": "---\nname: greeting\n---\n",
        "relativePath": "skills/greeting/SKILL.md",
    }
    deployed.deploy(skills=[skill])
    path = f"/getprocessskillspublic/{deployed.instance_id}"
    instance_key = platform.sandbox.instance_key(deployed.instance_id)
    for answer in (platform.get(path, deployed.key), platform.get(path, **{"X-API-Key": instance_key})):
        data = answer.json()["data"]
        assert data == {"processInstanceId": deployed.instance_id, "skills": [skill]}
    assert platform.get(f"{path}?api_key={instance_key}").status_code == 401


def test_publishing_makes_a_prod_instance_and_deprecates(platform: Platform) -> None:
    deployed = Deployed(platform)
    second = deployed.deploy()

    def publish(template_id: str, **wishes: Any) -> httpx.Response:
        body = {"projectId": deployed.project_id, "processDeploymentId": template_id, **wishes}
        return platform.post("/publishprocessdeploymentpublic", body, deployed.key)

    first = publish(deployed.first["templateId"], skipAutoCreateProdInstance=True).json()["data"]
    assert first == {"processDeploymentId": deployed.first["templateId"], "version": "1.0"}
    data = publish(second["templateId"], autoToggleDevProd=True, sharedWith="everyone").json()["data"]
    assert data["version"] == "1.1"
    for template_id in (deployed.first["templateId"], second["templateId"]):
        assert publish(template_id).status_code == 400
    assert publish("nothing").status_code == 404
    assert publish(second["templateId"], visibility="galactic").status_code == 400

    listed = platform.get("/listprocessinstancespublic", deployed.key).json()["data"]
    prod, dev = listed["instances"]
    assert (prod["processInstanceId"], prod["environment"], prod["isActive"]) == (
        data["processInstanceId"],
        "prod",
        True,
    )
    assert (dev["environment"], dev["isActive"]) == ("dev", False)
    only = platform.get("/listprocessinstancespublic?environment=prod", deployed.key).json()["data"]
    assert [instance["environment"] for instance in only["instances"]] == ["prod"]
    assert platform.get("/listprocessinstancespublic?environment=test", deployed.key).status_code == 400


def test_what_is_refused_leaves_nothing_behind(platform: Platform) -> None:
    deployed = Deployed(platform)
    before = deployed.call("/getprojectpublic", projectId=deployed.project_id)
    for document in ({"contentType": "b", "contentBase64": ""}, {"relativePath": "a", "contentType": 4}):
        body = {"projectId": deployed.project_id, "configuration": configuration()}
        refused = platform.post(
            "/deployprocessusecase", {**body, "metadataDocuments": [document]}, deployed.key
        )
        assert refused.status_code == 400
    assert deployed.call("/getprojectpublic", projectId=deployed.project_id) == before
    publication = {
        "projectId": deployed.project_id,
        "processDeploymentId": deployed.first["templateId"],
    }
    odd = platform.post("/publishprocessdeploymentpublic", {**publication, "userId": 5}, deployed.key)
    assert odd.status_code == 400
    assert deployed.call("/publishprocessdeploymentpublic", **publication)["processInstanceId"]


def test_an_organizations_instances_end_with_it(platform: Platform) -> None:
    deployed = Deployed(platform)
    key = platform.sandbox.instance_key(deployed.instance_id)
    path = f"/triggerwebhookpublic/{deployed.instance_id}/greet"
    triggered = partial(httpx.post, platform.sandbox.url + path, json={"payload": {"name": "Ada"}})
    sender = Sender(deployed, platform.sandbox.webhook_secret(deployed.instance_id, "greet"))
    assert triggered(headers={"X-API-Key": key}).status_code == 200
    assert sender.send("msg_1") == 200
    platform.sandbox.remove_organization(deployed.account.organization_id)
    assert triggered(headers={"X-API-Key": key}).status_code == 401
    assert sender.send("msg_2") == 401


def test_members_are_added_to_organizations_that_there_are_in_roles_that_there_are(
    platform: Platform,
) -> None:
    deployed = Deployed(platform)
    with pytest.raises(LookupError, match="org_nowhere"):
        platform.sandbox.add_member("org_nowhere", new_email())
    with pytest.raises(ValueError, match="'boss'"):
        platform.sandbox.add_member(deployed.account.organization_id, new_email(), role="boss")


def test_members_see_the_instances_shared_with_them(platform: Platform) -> None:
    deployed = Deployed(platform)
    email = new_email()
    platform.sandbox.add_member(deployed.account.organization_id, email)
    platform.data("/clirequestloginotp", {"email": email})
    login = {"email": email, "code": platform.sandbox.code_for(email)}
    key = platform.data("/clicompletelogin", login)["apiKey"]["raw"]
    assert platform.get("/listprocessinstancespublic", key).json()["data"]["instances"] == []
    prod = deployed.call(
        "/publishprocessdeploymentpublic",
        projectId=deployed.project_id,
        processDeploymentId=deployed.first["templateId"],
        sharedWith="everyone",
    )["processInstanceId"]
    (shared,) = platform.get("/listprocessinstancespublic", key).json()["data"]["instances"]
    assert shared["processInstanceId"] == prod
    assert platform.post(f"/webhook/{prod}/greet", {"payload": {}}, key).status_code == 200
    assert platform.post(f"/webhook/{deployed.instance_id}/greet", {"payload": {}}, key).status_code == 403


def test_redeploying_merges_parameters_and_takes_force(platform: Platform) -> None:
    deployed = Deployed(platform, defaultDeploymentParameters={"TONE": "warm", "SIZE": 3})

    def redeploy(**wishes: Any) -> httpx.Response:
        body = {"processInstanceId": deployed.instance_id, **wishes}
        return platform.post("/redeploydeploymentinstancepublic", body, deployed.key)

    refused = redeploy()
    assert refused.status_code == 400
    assert "force" in refused.json()["error"]["message"]
    data = redeploy(forceRedeploy=True, deploymentParameters={"SIZE": 5, "NEW": [1]}).json()["data"]
    assert data["deploymentStatus"] == "deployed"
    assert data["deploymentInstanceId"] != deployed.first["deploymentInstanceId"]
    assert data["n8nWorkflowIds"] == [deployed.first["workflowsDeployed"][0]["n8nWorkflowId"]]
    instance = deployed.call("/getprocessinstancepublic", processInstanceId=deployed.instance_id)
    parameters = {"TONE": "warm", "SIZE": 5, "NEW": [1]}
    assert instance["deployment"]["deploymentParameters"] == parameters
    deployed.deploy(configuration=configuration(defaultDeploymentParameters={"TONE": "cool", "MORE": True}))
    instance = deployed.call("/getprocessinstancepublic", processInstanceId=deployed.instance_id)
    assert instance["deployment"]["deploymentParameters"] == {**parameters, "MORE": True}


def engine_file(*nodes: dict[str, Any]) -> str:
    """A workflow file as the engine has it, encoded."""
    return base64.b64encode(json.dumps({"name": "Greet", "nodes": nodes}).encode()).decode()


WEBHOOK = {"name": "Webhook", "type": "n8n-nodes-base.webhook"}


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        ([], None),
        ([WEBHOOK], None),
        ([{"type": "n8n-nodes-base.scheduleTrigger"}], None),
        ([{"type": "@n8n/n8n-nodes-langchain.chatTrigger"}, {"type": "n8n-nodes-base.code"}], None),
        ([{"type": "n8n-nodes-base.code"}], "no node to start it"),
        ([{**WEBHOOK, "disabled": True}], "no node to start it"),
        ([{"type": None}], "no node to start it"),
        ([{"type": "n8n-nodes-base.manualTrigger"}], "no node to start it"),
        ([{"type": "n8n-nodes-base.manualTrigger"}, WEBHOOK], None),
        ([{**WEBHOOK, "path": "{{INSTPARM_TONE_MRAPTSNI}}"}], "Without a value: INSTPARM_TONE."),
    ],
)
def test_what_the_engine_cannot_activate_is_a_failed_deployment(
    platform: Platform, nodes: list[dict[str, Any]], problem: str | None
) -> None:
    deployed = Deployed(
        platform, workflow(n8nWorkflowJsonBase64=engine_file(*nodes)), workflow("fine", triggers=[SCHEDULE])
    )
    statuses = [entry["status"] for entry in deployed.first["workflowsDeployed"]]
    if problem is None:
        assert (deployed.first["deploymentStatus"], statuses) == ("deployed", ["active", "active"])
        assert "error" not in deployed.first
        return
    assert (deployed.first["deploymentStatus"], statuses) == ("failed", ["failed", "inactive"])
    assert problem in deployed.first["error"]
    assert "greet" in deployed.first["error"]
    assert error_of(deployed.trigger({})) == (412, "INSTANCE_INACTIVE")
    instance = deployed.call(
        "/getprocessinstancepublic", processInstanceId=deployed.instance_id, includeWorkflowDetails=True
    )
    assert instance["deployment"]["deploymentStatus"] == "failed"
    assert [w["n8nWorkflowIsActive"] for w in instance["deployment"]["workflows"]] == [False, False]
    assert deployed.deploy()["deploymentStatus"] == "deployed"
    assert deployed.trigger({}).status_code == 200


def test_a_failed_deployment_is_rerun_without_force(platform: Platform) -> None:
    node = {**WEBHOOK, "path": "{{INSTPARM_TONE_MRAPTSNI}}/{{INSTPARM_SIZE_MRAPTSNI}}"}
    size = {"key": "SIZE", "label": "Size", "type": "number", "defaultValue": 3}
    deployed = Deployed(
        platform, workflow(n8nWorkflowJsonBase64=engine_file(node)), deploymentInputSchema=[size]
    )
    rerun = {"processInstanceId": deployed.instance_id}
    assert deployed.first["deploymentStatus"] == "failed"
    assert deployed.call("/redeploydeploymentinstancepublic", **rerun)["deploymentStatus"] == "failed"
    repaired = deployed.call(
        "/redeploydeploymentinstancepublic", **rerun, deploymentParameters={"TONE": "warm"}
    )
    assert repaired["deploymentStatus"] == "deployed"
    assert deployed.run({})["status"] == "success"
    again = platform.post("/redeploydeploymentinstancepublic", rerun, deployed.key)
    assert error_of(again) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("default", [5, None])
def test_deployment_parameters_stand_unquoted_in_a_workflow(platform: Platform, default: int | None) -> None:
    nodes = json.dumps([{**WEBHOOK, "limit": 0, "notes": 'say \\" {{INSTPARM_LIMIT_MRAPTSNI}}'}])
    file = f'{{"nodes": {nodes.replace("0", "{{INSTPARM_LIMIT_MRAPTSNI}}")}}}'.encode()
    limit: dict[str, Any] = {"key": "LIMIT", "label": "Limit", "type": "number"}
    limit |= {} if default is None else {"defaultValue": default}
    deployed = Deployed(
        platform,
        workflow(n8nWorkflowJsonBase64=base64.b64encode(file).decode()),
        deploymentInputSchema=[limit],
    )
    if default is None:
        assert deployed.first["deploymentStatus"] == "failed"
        assert "Without a value: INSTPARM_LIMIT." in deployed.first["error"]
    else:
        assert deployed.first["deploymentStatus"] == "deployed"


@pytest.mark.parametrize("end", ["", "\\"])
def test_a_workflow_that_is_one_endless_text_keeps_nobody_waiting(platform: Platform, end: str) -> None:
    account = platform.sign_up()
    file = ('"' + '\\"' * 2**20 + end).encode()
    given = configuration(workflow(n8nWorkflowJsonBase64=base64.b64encode(file).decode()))
    project = platform.data("/createprojectviaapikey", {"name": "Endless"}, account.key)["projectId"]
    body = {"projectId": project, "configuration": given}
    answer = platform.post("/deployprocessusecase", body, account.key)
    assert error_of(answer) == (400, "INVALID_WORKFLOW_JSON")


@pytest.mark.parametrize("depth", [100, 979, 985, 995])
def test_what_cannot_be_read_back_is_no_success(sandbox: Sandbox, depth: int) -> None:
    @sandbox.workflow("greet")
    def greet(payload: dict[str, Any]) -> Any:
        nested: list[Any] = []
        for _ in range(depth):
            nested = [nested]
        return nested

    platform = Platform(sandbox)
    with platform.http:
        run = Deployed(platform).run({})
    if run["status"] == "success":  # how deep it may be is Python's own affair
        assert json.dumps(run["resultData"]).count("[") == depth + 1
    else:
        assert depth > 100
        assert "nested too deeply" in json.dumps(run) or "written as JSON" in json.dumps(run)


@pytest.mark.parametrize("depth", range(880, 1000, 3))
def test_a_run_that_starts_can_be_looked_at_however_deep_its_payload_is(
    greeter: Deployed, depth: int
) -> None:
    body = '{"payload": ' + '{"a": ' * depth + "1" + "}" * depth + "}"
    path = f"/triggerwebhookpublic/{greeter.instance_id}/greet"
    headers = {"X-Process-Manager-Key": greeter.key}
    started = greeter.platform.http.post(path, content=body, headers=headers)
    if started.status_code == 400:  # how deep it may be is Python's own affair
        return
    path = f"/getexecutiondetailspublic/{greeter.instance_id}/{started.json()['executionId']}"
    assert greeter.platform.get(path, greeter.key).status_code == 200


def test_instances_tell_their_workflows(platform: Platform) -> None:
    schema = [{"key": "name", "label": "Name", "type": "string"}]
    deployed = Deployed(
        platform,
        workflow(schema=schema, cost=3, integrationUids=["openai"]),
        workflow("report", triggers=[SCHEDULE]),
    )
    instance = deployed.call(
        "/getprocessinstancepublic", processInstanceId=deployed.instance_id, includeWorkflowDetails=True
    )
    greet, report = instance["deployment"]["workflows"]
    assert greet["triggers"] == [{"type": "http", "method": "POST", "inputSchema": schema}]
    assert (greet["cost"], greet["integrationUids"], greet["n8nWorkflowIsActive"]) == (3, ["openai"], True)
    assert report["triggers"] == [
        {"type": "schedule", "cronExpression": "0 9 * * *", "timezone": "Europe/Brussels"}
    ]
    assert (report["cost"], report["integrationUids"]) == (None, [])
    unknown = platform.post("/getprocessinstancepublic", {"processInstanceId": "x"}, deployed.key)
    assert error_of(unknown) == (404, "INSTANCE_NOT_FOUND")


def test_a_paused_instance_is_not_triggered(platform: Platform) -> None:
    deployed = Deployed(platform)
    instance = {"processInstanceId": deployed.instance_id}
    for _ in range(2):
        data = deployed.call("/deactivateprocessinstancepublic", **instance)
        assert data == {**instance, "isActive": False, "workflowCount": 1}
    assert error_of(deployed.trigger({})) == (412, "INSTANCE_INACTIVE")
    (listed,) = platform.get("/listprocessinstancespublic", deployed.key).json()["data"]["instances"]
    assert (listed["isActive"], listed["inactiveReason"]) == (False, "user_paused")
    assert deployed.deploy()["workflowsDeployed"][0]["status"] == "inactive"
    for _ in range(2):
        assert deployed.call("/activateprocessinstancepublic", **instance)["isActive"] is True
    assert deployed.trigger({}).status_code == 200


# --- executions ---------------------------------------------------------------------------


def test_the_line_at_which_a_function_failed_is_in_the_engines_record(
    greeter: Deployed, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import json\nfrom codika_nb.sandbox import stand_in\n\n\n"
        "def read(text):\n    return json.loads(text)\n\n\n"
        '@stand_in("greet")\ndef greet(payload):\n    return read(payload["name"])\n'
    )
    greeter.platform.sandbox.load_stand_ins(file)
    try:
        execution = greeter.run({"name": "{"})
    finally:
        greeter.platform.sandbox._stand_ins.by_workflow.pop("greet")
    assert execution["errorDetails"]["message"].startswith("JSONDecodeError: ")
    assert "mine.py" not in execution["errorDetails"]["message"]
    assert set(execution["errorDetails"]) == {"type", "message", "failedNodeName"}
    path = f"/getexecutiondetailspublic/{greeter.instance_id}/{execution['executionId']}"
    record = greeter.platform.get(path, greeter.key).json()["execution"]["n8nExecution"]
    said = record["data"]["resultData"]["error"]["message"]
    assert said == f"{execution['errorDetails']['message']} (mine.py, line 6)"


def test_without_a_stand_in_the_payload_comes_back(greeter: Deployed) -> None:
    payload = {"name": "Zoë", "deep": [{"a": None}, 1.5, True]}
    execution = greeter.run(payload)
    assert set(execution) == {"executionId", "status", "createdAt", "duration", "resultData"}
    assert execution["status"] == "success"
    assert execution["resultData"]["echo"] == payload
    assert execution["resultData"]["note"].startswith("An echo of the payload")
    assert 'no stand-in for "greet"' in execution["resultData"]["note"]


def test_a_stand_in_answers_and_the_status_is_pending_meanwhile(platform: Platform) -> None:
    deployed = Deployed(platform, workflow("slow"))
    go = threading.Event()

    @platform.sandbox.workflow("slow")
    def slow(payload: dict[str, Any]) -> dict[str, Any]:
        assert go.wait(10)
        return {"text": f"Hello {payload.pop('name')}", "thread": threading.current_thread().name}

    execution_id = deployed.trigger({"name": "Ada"}, "slow").json()["executionId"]
    pending = deployed.status(execution_id)
    assert set(pending) == {"executionId", "status", "createdAt"}
    assert pending["status"] == "pending"
    # The platform answers others while a stand-in works.
    assert platform.get("/").status_code == 200
    platform.sandbox.clock.advance(2)
    go.set()
    while (execution := deployed.status(execution_id))["status"] == "pending":
        pass
    assert execution["resultData"]["text"] == "Hello Ada"
    assert "codika-stand-in" in execution["resultData"]["thread"]
    assert execution["duration"] == 2000


def test_stand_ins_may_be_async_and_many_at_once(platform: Platform) -> None:
    deployed = Deployed(platform, workflow("meet"))
    together = threading.Barrier(8)

    @platform.sandbox.workflow("meet")
    async def meet(payload: dict[str, Any]) -> int:
        await asyncio.to_thread(together.wait, 10)
        return int(payload["number"]) * 2

    ids = [deployed.trigger({"number": number}, "meet").json()["executionId"] for number in range(8)]
    for number, execution_id in enumerate(ids):
        while (execution := deployed.status(execution_id))["status"] == "pending":
            pass
        assert execution["resultData"] == number * 2


def _raises(_payload: dict[str, Any]) -> None:
    raise ValueError("no name, no greeting")


def _exits(_payload: dict[str, Any]) -> None:
    raise SystemExit(3)


def _returns_a_set(_payload: dict[str, Any]) -> set[int]:
    return {1}


def _returns_no_number(_payload: dict[str, Any]) -> float:
    return float("nan")


class Odd(BaseException):
    pass


def _raises_odd(_payload: dict[str, Any]) -> None:
    raise Odd("boom")


async def _raises_odd_later(_payload: dict[str, Any]) -> None:
    await asyncio.sleep(0)
    raise Odd("boom")


def _interrupts(_payload: dict[str, Any]) -> None:
    raise KeyboardInterrupt


async def _interrupts_later(_payload: dict[str, Any]) -> None:
    raise KeyboardInterrupt("enough")


async def _interrupts_another(_payload: dict[str, Any]) -> None:
    await asyncio.gather(_interrupts_later({}))


async def _exits_later(_payload: dict[str, Any]) -> None:
    await asyncio.sleep(0)
    raise SystemExit(3)


class _Unreadable(dict[str, Any]):
    def items(self) -> Any:
        raise OSError("gone")


def _returns_unreadable(_payload: dict[str, Any]) -> _Unreadable:
    return _Unreadable(a=1)


async def _returns_unreadable_later(_payload: dict[str, Any]) -> _Unreadable:
    return _Unreadable(a=1)


def _stops(_payload: dict[str, Any]) -> None:
    raise StopIteration("early")


async def _cancels(_payload: dict[str, Any]) -> None:
    raise asyncio.CancelledError("enough")


class _WordlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def _raises_wordless(_payload: dict[str, Any]) -> None:
    raise _WordlessError


async def _raises_later(_payload: dict[str, Any]) -> None:
    await asyncio.sleep(0)
    raise KeyError("name")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_raises, "ValueError: no name, no greeting"),
        (_raises_later, "KeyError: 'name'"),
        (_exits, "SystemExit: 3"),
        (_raises_odd, "Odd: boom"),
        (_raises_odd_later, "Odd: boom"),
        (_interrupts, "KeyboardInterrupt"),
        (_interrupts_later, "KeyboardInterrupt: enough"),
        (_interrupts_another, "KeyboardInterrupt: enough"),
        (_exits_later, "SystemExit: 3"),
        (_returns_unreadable, "OSError: gone"),
        (_returns_unreadable_later, "OSError: gone"),
        (_stops, "StopIteration: early"),
        (_cancels, "CancelledError"),
        (_raises_wordless, "_WordlessError"),
        (_returns_a_set, "cannot be written as JSON"),
        (_returns_no_number, "cannot be written as JSON"),
    ],
)
def test_a_stand_in_that_fails_is_a_failed_execution(
    greeter: Deployed, function: Any, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    deployed = Deployed(greeter.platform, workflow("fails"))
    deployed.platform.sandbox.workflow("fails")(function)
    execution = deployed.run({}, "fails")
    assert set(execution) == {"executionId", "status", "createdAt", "duration", "errorDetails"}
    assert execution["status"] == "failed"
    assert execution["errorDetails"]["type"] == "node_failure"
    assert execution["errorDetails"]["failedNodeName"] == function.__name__
    assert message in execution["errorDetails"]["message"]
    assert capfd.readouterr().err == ""


def test_a_stand_in_that_takes_too_long_is_a_timeout(platform: Platform) -> None:
    deployed = Deployed(platform, workflow("hangs"))
    release = threading.Event()

    @platform.sandbox.workflow("hangs", time_limit=0.05)
    def hangs(_payload: dict[str, Any]) -> str:
        release.wait(10)
        return "too late"

    # More than may run at once: those that hang must not keep the place for ever.
    ids = [deployed.trigger({}, "hangs").json()["executionId"] for _ in range(20)]
    for execution_id in ids:
        while (execution := deployed.status(execution_id))["status"] == "pending":
            pass
        assert execution["errorDetails"] == {
            "type": "timeout",
            "message": "The stand-in did not answer within 0.05 seconds.",
            "failedNodeName": "hangs",
        }
    release.set()
    assert deployed.status(ids[0])["status"] == "failed"


def test_half_a_character_in_a_result_does_no_harm(platform: Platform) -> None:
    deployed = Deployed(platform, workflow("half"))
    platform.sandbox.workflow("half")(lambda _payload: {"half": "\ud83d"})
    assert deployed.run({}, "half")["resultData"] == {"half": "\ud83d"}


def test_a_workflow_may_call_back_before_its_stand_in_ends(platform: Platform) -> None:
    deployed = Deployed(platform, workflow("calls"))

    @platform.sandbox.workflow("calls")
    def calls(payload: dict[str, Any], execution: dict[str, Any]) -> str:
        assert execution["processInstanceId"] == deployed.instance_id
        answer = {"executionId": execution["executionId"], "executionSecret": execution["executionSecret"]}
        wrong = {**answer, "executionSecret": "wrong", "resultData": 0}
        assert httpx.post(execution["callbackUrl"], json=wrong, trust_env=False).status_code == 401
        if payload["fails"]:
            answer |= {"errorType": "external_api_error", "errorMessage": "gone", "failedNodeName": "HTTP"}
            url = execution["errorCallbackUrl"]
        else:
            answer |= {"resultData": {"by": "callback"}}
            url = execution["callbackUrl"]
        assert httpx.post(url, json=answer, trust_env=False).json() == {"success": True}
        return "by return"

    assert deployed.run({"fails": False}, "calls")["resultData"] == {"by": "callback"}
    assert deployed.run({"fails": True}, "calls")["errorDetails"] == {
        "type": "external_api_error",
        "message": "gone",
        "failedNodeName": "HTTP",
    }
    unknown = {"executionId": "x", "executionSecret": "x", "resultData": 1}
    assert error_of(platform.post("/submitworkflowresult", unknown)) == (404, "EXECUTION_NOT_FOUND")


# --- calls back from the engine -----------------------------------------------------------


def test_a_workflow_started_elsewhere_reports_and_answers(platform: Platform) -> None:
    deployed = Deployed(platform, workflow(), workflow("report", triggers=[SCHEDULE]))
    user_id = platform.get("/listprojectspublic", deployed.key).json()["data"]["projects"][0]["createdBy"]
    body: dict[str, Any] = {
        "memberSecret": platform.sandbox.member_secret(deployed.instance_id),
        "organizationId": deployed.account.organization_id,
        "userId": user_id,
        "processInstanceId": deployed.instance_id,
        "workflowId": "report",
        "triggerType": "schedule",
        "triggerData": [{"at": 9}],
    }

    def create(**changes: Any) -> httpx.Response:
        return platform.post("/createworkflowexecution", {**body, **changes})

    made = create()
    answer = made.json()
    assert made.status_code == 200
    assert set(answer) == {
        "success",
        "executionId",
        "executionSecret",
        "callbackUrl",
        "errorCallbackUrl",
        "processId",
        "userId",
    }
    assert (answer["userId"], answer["processId"]) == (user_id, deployed.first["processId"])
    assert deployed.status(answer["executionId"])["status"] == "pending"
    listed = platform.get(f"/listexecutionspublic/{deployed.instance_id}", deployed.key).json()["data"]
    assert listed["executions"][0]["triggerId"] == SCHEDULE["triggerId"]
    result = {name: answer[name] for name in ("executionId", "executionSecret")}
    path = answer["callbackUrl"].removeprefix(platform.sandbox.url)
    assert platform.post(path, {**result, "resultData": {"done": True}}).json() == {"success": True}
    assert deployed.status(answer["executionId"])["resultData"] == {"done": True}

    other = Deployed(platform)
    stranger = platform.sandbox.member_secret(other.instance_id)
    assert error_of(create(memberSecret="cms_wrong")) == (401, "UNAUTHORIZED")
    assert error_of(create(memberSecret=deployed.key)) == (401, "UNAUTHORIZED")
    assert error_of(create(memberSecret=stranger)) == (401, "UNAUTHORIZED")
    assert error_of(create(processInstanceId=other.instance_id)) == (403, "FORBIDDEN")
    assert error_of(create(workflowId="nope")) == (404, "WORKFLOW_NOT_FOUND")
    assert error_of(create(triggerData="text")) == (400, "INVALID_REQUEST")
    # It opens nothing else.
    assert platform.post("/verifyapikey", key=body["memberSecret"]).status_code == 401
    deployed.call("/deactivateprocessinstancepublic", processInstanceId=deployed.instance_id)
    assert error_of(create()) == (412, "INSTANCE_INACTIVE")


def test_a_workflow_uploads_a_file(platform: Platform) -> None:
    deployed = Deployed(platform, workflow("makes"))
    content = bytes(range(256)) * 1000 + b"\r\n--not the boundary\r\n"
    answers: list[httpx.Response] = []

    @platform.sandbox.workflow("makes")
    def makes(payload: dict[str, Any], execution: dict[str, Any]) -> None:
        url = f"{platform.sandbox.url}/uploadworkflowoutput"
        secrets = {name: execution[name] for name in ("executionId", "executionSecret")}
        file = ("Grüße.pdf", content, "application/pdf")
        for data, files in (
            ({**secrets, "fieldKey": "report"}, {"file": file}),
            ({**secrets, "fileName": "../../named.txt", "mimeType": "text/plain"}, {"other": file}),
            ({**secrets, "executionSecret": "wrong"}, {"file": file}),
            (secrets, {"file": (None, b"text", None)}),
        ):
            answers.append(httpx.post(url, data=data, files=files, trust_env=False))

    assert deployed.run({}, "makes")["status"] == "success"
    named, renamed, wrong, missing = answers
    stored = named.json()
    assert set(stored) == {"success", "documentId", "storagePath", "fileName", "fileSize", "mimeType"}
    assert (stored["fileName"], stored["fileSize"]) == ("Grüße.pdf", len(content))
    assert stored["mimeType"] == "application/pdf"
    assert stored["documentId"] in stored["storagePath"]
    assert (renamed.json()["fileName"], renamed.json()["mimeType"]) == ("named.txt", "text/plain")
    assert error_of(wrong) == (401, "UNAUTHORIZED")
    assert error_of(missing) == (400, "INVALID_REQUEST")
    kept = platform.sandbox._do(
        lambda platform: platform.store.one("SELECT content FROM outputs WHERE id = ?", stored["documentId"])
    )
    assert kept is not None
    assert kept["content"] == content


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n--b--'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--',
        ),
        ("multipart/form-data; boundary=b", b"--b\r\n" * 1000 + b"--b--"),
        # What would take minutes to read must not keep everybody else waiting.
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"' + b";a" * 2**21 + b"\r\n\r\nx\r\n--b--",
        ),
        ("multipart/form-data; boundary=b" + ";a" * 10_000, b"--b--"),
    ],
)
def test_what_is_no_form_is_refused(platform: Platform, content_type: str, body: bytes) -> None:
    answer = platform.http.post("/uploadworkflowoutput", content=body, headers={"Content-Type": content_type})
    assert error_of(answer) == (400, "INVALID_REQUEST")


# --- what is triggered --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        ({"payload": {"a": 1}}, {"a": 1}),
        ({"payload": {"a": 1}, "more": 2}, {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ({}, {}),
        ({"payload": {"payload": 1}}, {"payload": 1}),
    ],
)
def test_a_body_without_payload_is_the_payload(greeter: Deployed, body: Any, payload: Any) -> None:
    path = f"/webhook/{greeter.instance_id}/greet"
    execution_id = greeter.platform.post(path, body, greeter.key).json()["executionId"]
    while (execution := greeter.status(execution_id))["status"] == "pending":
        pass
    assert execution["resultData"]["echo"] == payload


@pytest.mark.parametrize("body", [[1], "text", 1, {"payload": [1]}, {"payload": None}, {"payload": "x"}])
def test_a_payload_is_an_object(greeter: Deployed, body: Any) -> None:
    answer = greeter.platform.post(f"/webhook/{greeter.instance_id}/greet", body, greeter.key)
    assert error_of(answer) == (400, "INVALID_PAYLOAD")


def test_what_cannot_be_triggered(platform: Platform) -> None:
    parts = workflow("parts", triggers=[{"triggerId": "t", "type": "subworkflow"}])
    deployed = Deployed(platform, workflow(), workflow("report", triggers=[SCHEDULE]), parts)
    assert deployed.run({}, "report")["status"] == "success"
    assert error_of(deployed.trigger({}, "parts")) == (404, "WORKFLOW_NOT_FOUND")
    assert error_of(deployed.trigger({}, "nope")) == (404, "WORKFLOW_NOT_FOUND")
    nowhere = platform.post("/webhook/nothing/greet", {"payload": {}}, deployed.key)
    assert error_of(nowhere) == (404, "INSTANCE_NOT_FOUND")
    unknown = platform.get(f"/status/{deployed.instance_id}/nothing", deployed.key)
    assert error_of(unknown) == (404, "EXECUTION_NOT_FOUND")
    not_json = platform.http.post(
        f"/webhook/{deployed.instance_id}/greet",
        content=b"{",
        headers={"X-Process-Manager-Key": deployed.key},
    )
    assert error_of(not_json) == (400, "INVALID_REQUEST")


def test_executions_are_listed_and_told_in_detail(platform: Platform) -> None:
    deployed = Deployed(platform, workflow(), workflow("fails"))
    platform.sandbox.workflow("fails")(_raises)
    good = deployed.run({"name": "Ada"})["executionId"]
    bad = deployed.run({}, "fails")["executionId"]

    def listed(query: str = "") -> list[dict[str, Any]]:
        answer = platform.get(f"/listexecutionspublic/{deployed.instance_id}{query}", deployed.key)
        data = answer.json()["data"]
        assert data["count"] == len(data["executions"])
        executions: list[dict[str, Any]] = data["executions"]
        return executions

    assert [entry["executionId"] for entry in listed()] == [bad, good]
    assert listed()[0]["errorDetails"] == {
        "message": "ValueError: no name, no greeting",
        "failedNodeName": "_raises",
    }
    assert [entry["executionId"] for entry in listed("?status=failed")] == [bad]
    assert [entry["executionId"] for entry in listed("?workflowId=greet&limit=5")] == [good]
    assert listed("?workflowId=nope") == []
    assert [entry["executionId"] for entry in listed("?limit=1")] == [bad]
    for query in ("?limit=101", "?status=odd"):
        path = f"/listexecutionspublic/{deployed.instance_id}{query}"
        assert platform.get(path, deployed.key).status_code == 400

    def details(execution_id: str, query: str = "") -> dict[str, Any]:
        path = f"/getexecutiondetailspublic/{deployed.instance_id}/{execution_id}{query}"
        body = platform.get(path, deployed.key).json()
        assert set(body) == {"success", "execution", "requestId"}
        execution: dict[str, Any] = body["execution"]
        assert set(execution) == {"codikaExecutionId", "n8nExecutionId", "status", "n8nExecution"}
        return execution

    full = details(good, "?deep=true")
    assert len(full["n8nExecution"]["data"]["resultData"]["runData"]) == 2
    assert full["n8nExecution"]["_subExecutions"] == []
    assert "pairedItem" in json.dumps(full)
    assert "workflowData" in full["n8nExecution"]
    slim = details(good, "?slim=true")
    assert "_subExecutions" not in slim["n8nExecution"]
    assert "pairedItem" not in json.dumps(slim)
    assert "workflowData" not in slim["n8nExecution"]
    assert details(bad)["n8nExecution"]["data"]["resultData"]["error"]["node"] == "_raises"


# --- payloads and input schemas -----------------------------------------------------------

OPTIONS = [{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ({"type": "string"}, ["", "x", None], [1, True, [], {}]),
        ({"type": "string", "required": True}, ["x"], ["", None]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["xx", "xxx"], ["x", "xxxx"]),
        ({"type": "string", "regex": "^[A-Z]+$", "regexError": "must be loud"}, ["LOUD"], ["quiet"]),
        ({"type": "string", "regex": "^(a+)+$", "regexError": "only a"}, ["aa"], ["a" * 60 + "!"]),
        ({"type": "string", "regex": "^(?<year>[0-9]{4})$"}, ["2026"], ["26"]),
        ({"type": "string", "regex": "(?<name>x)(?"}, ["a pattern Python cannot read"], []),
        ({"type": "string", "minLength": "2"}, ["x"], []),
        ({"type": "text", "maxLength": 3}, ["xxx"], ["xxxx", 1]),
        ({"type": "number"}, [0, 1.5, -1], ["1", True, []]),
        ({"type": "number", "numberType": "integer"}, [3, 3.0], [3.5]),
        ({"type": "number", "min": 1, "max": 2.5}, [1, 2.5], [0.99, 2.6]),
        ({"type": "boolean"}, [True, False], [0, "true"]),
        ({"type": "date"}, ["2026-01-31", "2026-01-31T10:00:00Z"], ["31.1.2026", "2026-02-30", 5]),
        (
            {"type": "date", "minDate": "2026-01-02", "maxDate": "2026-01-03"},
            ["2026-01-02", "2026-01-03"],
            ["2026-01-01", "2026-01-04"],
        ),
        ({"type": "select", "options": OPTIONS}, ["a"], ["c", 1, ["a"]]),
        ({"type": "radio", "options": OPTIONS}, ["b"], ["A"]),
        ({"type": "multiselect", "options": OPTIONS}, [[], ["a", "b"]], ["a", ["c"], [1]]),
        (
            {"type": "multiselect", "options": OPTIONS, "minSelections": 1, "maxSelections": 1},
            [["a"]],
            [[], ["a", "b"]],
        ),
        (
            {"type": "file"},
            [{"name": "x"}, "data:text/plain;base64,aGk=", "https://example.org/a.pdf", "uploads/a.pdf"],
            [1, True, "hello", "@a.txt"],
        ),
        (
            {"type": "file", "maxSize": 2, "allowedMimeTypes": ["image/*", "text/plain", ".csv"]},
            [
                {"mimeType": "text/plain; charset=utf-8", "contentBase64": "aGk="},
                {"mimeType": "image/png", "contentBase64": ""},
                {"fileName": "a.CSV", "mimeType": "application/x", "contentBase64": "aGk="},
            ],
            [
                {"mimeType": "text/plain", "contentBase64": "aGkh"},
                {"mimeType": "application/pdf", "contentBase64": "aGk="},
            ],
        ),
        ({"type": "array"}, [[], ["a"]], ["a", [1]]),
        ({"type": "array", "itemField": {"type": "number", "max": 2}}, [[1, 2]], [[3], ["1"]]),
        ({"type": "array", "minItems": 1, "maxItems": 2}, [["a"]], [[], ["a", "b", "c"]]),
        (
            {"type": "object", "schema": [{"key": "in", "label": "In", "type": "number", "required": True}]},
            [{"in": 1}, {"in": 1, "more": 2}],
            [{}, {"in": "1"}, []],
        ),
        (
            {
                "type": "objectArray",
                "maxItems": 1,
                "itemSchema": [{"key": "in", "label": "In", "type": "string", "required": True}],
            },
            [[], [{"in": "x"}]],
            [{}, ["x"], [{}], [{"in": "x"}, {"in": "y"}]],
        ),
    ],
)
def test_payloads_fit_the_input_schema(
    platform: Platform, field: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    inner = {"key": "field", "label": "Field", **field}
    schema = [{"type": "section", "title": "Section", "inputSchema": [inner]}]
    deployed = Deployed(platform, workflow(schema=schema))
    for value in good:
        assert deployed.trigger({"field": value, "unknown": 1}).status_code == 200, value
    for value in bad:
        answer = deployed.trigger({"field": value})
        assert error_of(answer) == (400, "INVALID_PAYLOAD"), value
        assert '"payload.field' in answer.json()["error"]
    missing = deployed.trigger({})
    assert missing.status_code == (400 if field.get("required") else 200)


def test_the_place_of_a_misfit_is_named(platform: Platform) -> None:
    item = {"key": "street", "label": "Street", "type": "string", "required": True}
    schema = [{"key": "addresses", "label": "Addresses", "type": "objectArray", "itemSchema": [item]}]
    deployed = Deployed(platform, workflow(schema=schema))
    answer = deployed.trigger({"addresses": [{"street": "Main"}, {"street": ""}]})
    assert answer.json()["error"] == '"payload.addresses[1].street" is required.'
    answer = deployed.trigger({"addresses": [{"steret": "Main"}]})
    assert (
        answer.json()["error"] == '"payload.addresses[0].street" is required, and the form has no "steret".'
    )


# --- who may trigger ----------------------------------------------------------------------

PAYLOAD: dict[str, Any] = {"payload": {}}


def test_four_ways_to_say_who_triggers(platform: Platform) -> None:
    deployed, other = Deployed(platform), Deployed(platform)
    key = platform.sandbox.instance_key(deployed.instance_id)
    foreign = platform.sandbox.instance_key(other.instance_id)
    assert key.startswith("ck_")
    assert len(key) == 67
    path = f"/webhook/{deployed.instance_id}/greet"
    started = platform.post(path, PAYLOAD, **{"X-API-Key": key})
    assert set(started.json()) == {"success", "executionId", "message"}
    status = f"/status/{deployed.instance_id}/{started.json()['executionId']}"
    for good in ({"X-API-Key": key}, {"X-Process-Manager-Key": deployed.key}):
        assert platform.post(path, PAYLOAD, **good).status_code == 200
        assert platform.get(status, **good).status_code == 200
    assert platform.post(f"{path}?api_key={key}", PAYLOAD).status_code == 200
    assert platform.get(f"{status}?api_key={key}").status_code == 200

    for bad in ("", "ck_" + "a" * 64, deployed.key):
        assert platform.post(path, PAYLOAD, **{"X-API-Key": bad}).status_code == 401
        assert platform.post(f"{path}?api_key={bad}", PAYLOAD).status_code == 401
    assert platform.post(path, PAYLOAD, **{"X-Process-Manager-Key": key}).status_code == 401
    assert platform.post(path, PAYLOAD).status_code == 401
    assert platform.get(status).status_code == 401
    for answer in (
        platform.post(path, PAYLOAD, **{"X-API-Key": foreign}),
        platform.post(f"{path}?api_key={foreign}", PAYLOAD),
        platform.get(status, **{"X-API-Key": foreign}),
    ):
        assert error_of(answer) == (403, "FORBIDDEN")
    # An instance key opens nothing else.
    assert platform.post("/verifyapikey", None, key).status_code == 401
    assert (
        platform.get(f"/listexecutionspublic/{deployed.instance_id}", **{"X-API-Key": key}).status_code == 401
    )


def test_a_wrong_credential_is_not_made_up_for_by_a_second(platform: Platform) -> None:
    deployed = Deployed(platform)
    key = platform.sandbox.instance_key(deployed.instance_id)
    path = f"/webhook/{deployed.instance_id}/greet"
    wrong = "cko_" + "a" * 64
    both = {"X-Process-Manager-Key": wrong, "X-API-Key": key}
    assert platform.post(f"{path}?api_key={key}", PAYLOAD, **both).status_code == 401
    assert platform.post(f"{path}?api_key={key}", PAYLOAD, **{"X-API-Key": "ck_wrong"}).status_code == 401
    signed = {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    assert platform.post(f"{path}?api_key={key}", PAYLOAD, **signed).status_code == 401
    assert platform.post(path, PAYLOAD, **signed, **{"X-API-Key": key}).status_code == 200


def test_a_new_instance_key_stops_the_old_one_at_once(platform: Platform) -> None:
    deployed = Deployed(platform)
    path = f"/webhook/{deployed.instance_id}/greet"
    old = platform.sandbox.instance_key(deployed.instance_id)
    data = platform.data(f"/sandbox/instances/{deployed.instance_id}/key", None, deployed.key)
    assert set(data) == {"processInstanceId", "apiKey", "keyPrefix"}
    assert data["apiKey"].startswith(data["keyPrefix"])
    assert platform.post(path, PAYLOAD, **{"X-API-Key": old}).status_code == 401
    assert platform.post(path, PAYLOAD, **{"X-API-Key": data["apiKey"]}).status_code == 200
    with pytest.raises(LookupError, match="no such process instance"):
        platform.sandbox.instance_key("nothing")


# --- signed webhooks ----------------------------------------------------------------------


def sign(secret: str, message_id: str, sent: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{sent}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


class Sender:
    """A platform that signs its webhooks."""

    def __init__(self, deployed: Deployed, secret: str) -> None:
        self.deployed = deployed
        self.secret = secret

    def send(self, message_id: str, body: bytes = b'{"a": 1}', *, late: int = 0, **changes: str) -> int:
        """Send a message; returns the status of the answer."""
        return self.post(message_id, body, late=late, **changes).status_code

    def runs(self) -> int:
        """How many executions there are."""
        path = f"/listexecutionspublic/{self.deployed.instance_id}"
        count: int = self.deployed.platform.get(path, self.deployed.key).json()["data"]["count"]
        return count

    def post(
        self, message_id: str, body: bytes = b'{"a": 1}', *, late: int = 0, **changes: str
    ) -> httpx.Response:
        sent = int(self.deployed.platform.sandbox.clock.now().timestamp()) - late
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(sent),
            "webhook-signature": sign(self.secret, message_id, sent, body),
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        headers = {name: value for name, value in headers.items() if value != "absent"}
        path = f"/webhook/{self.deployed.instance_id}/greet"
        return self.deployed.platform.http.post(path, content=body, headers=headers)


@pytest.fixture
def sender(platform: Platform) -> Sender:
    deployed = Deployed(platform, workflow(), workflow("other"))
    return Sender(deployed, platform.sandbox.webhook_secret(deployed.instance_id, "greet"))


def test_the_published_test_vector_is_accepted(platform: Platform) -> None:
    deployed = Deployed(platform)
    clock = platform.sandbox.clock
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert platform.sandbox.webhook_secret(deployed.instance_id, "greet", secret) == secret
    ahead = clock.now().timestamp() - 1614265330
    clock.advance(-ahead)
    try:
        answer = platform.http.post(
            f"/webhook/{deployed.instance_id}/greet",
            content=b'{"test": 2432232314}',
            headers={
                "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "webhook-timestamp": "1614265330",
                "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            },
        )
    finally:
        clock.advance(ahead)
    assert answer.status_code == 200
    assert deployed.status(answer.json()["executionId"])["executionId"]


def test_signatures_are_checked(sender: Sender) -> None:
    assert sender.send("m-1") == 200
    assert sender.send("m-2", webhook_signature="v1,AAAA") == 401
    assert sender.send("m-2", webhook_signature="nonsense") == 401
    assert sender.send("m-2", webhook_timestamp="soon") == 401
    assert sender.send("m-2", webhook_timestamp="-5") == 401
    assert sender.send("m-2", webhook_id="m-3") == 401
    for name in SIGNATURE_HEADERS[:3]:
        absent: dict[str, Any] = {name.replace("-", "_"): "absent"}
        assert sender.send("m-2", **absent) == 401
    good = sign(sender.secret, "m-4", int(sender.deployed.platform.sandbox.clock.now().timestamp()), b"{}")
    assert sender.send("m-4", b"{}", webhook_signature=f"v1a,zzzz v1,AAAA {good}") == 200
    assert Sender(sender.deployed, "whsec_" + "A" * 32).send("m-5") == 401


def test_both_families_of_headers_and_every_way_to_join_signatures_are_taken(sender: Sender) -> None:
    now = int(sender.deployed.platform.sandbox.clock.now().timestamp())
    path = f"/webhook/{sender.deployed.instance_id}/greet"

    def status(number: int, family: str, *lines: str, left_out: str = "") -> int:
        message = f"family-{number}"
        good = sign(sender.secret, message, now, b"{}")
        headers = [(f"{family}-id", message), (f"{family}-timestamp", str(now))]
        headers += [(f"{family}-signature", line.replace("GOOD", good)) for line in lines]
        kept = [each for each in headers if each[0] != left_out]
        return sender.deployed.platform.http.post(path, content=b"{}", headers=kept).status_code

    assert status(1, "svix", "GOOD") == 200
    assert status(2, "Svix", "v1,AAAA", "GOOD") == 200
    assert status(3, "webhook", "GOOD, v1,AAAA") == 200
    assert status(4, "webhook", "v1,AAAA", "GOOD") == 200
    assert status(5, "svix", "v1,AAAA") == 401
    assert status(6, "svix", "GOOD", left_out="svix-id") == 401


def test_a_signature_is_fresh_for_five_minutes_both_ways(sender: Sender) -> None:
    for number, (late, status) in enumerate([(300, 200), (301, 401), (-300, 200), (-301, 401)]):
        assert sender.send(f"m-{number}", late=late) == status


def test_a_message_is_taken_once(sender: Sender) -> None:
    first = sender.post("m-1")
    assert first.status_code == 200
    again = [sender.post("m-1"), sender.post("m-1", late=-60), sender.post("m-1", b'{"a": 2}')]
    sender.deployed.platform.sandbox.clock.advance(601)
    again.append(sender.post("m-1"))
    place = {"processInstanceId": sender.deployed.instance_id}
    sender.deployed.call("/deactivateprocessinstancepublic", **place)
    again.append(sender.post("m-1"))
    assert [answer.json() for answer in again] == [first.json()] * 5
    assert sender.send("m-1", webhook_signature="v1,AAAA") == 401
    assert sender.send("m-1", late=301) == 401
    assert sender.runs() == 1


def test_what_was_refused_may_be_sent_again_under_the_same_id(sender: Sender) -> None:
    assert sender.send("m-2", b"[1]") == 400
    assert sender.send("m-2") == 200
    assert sender.runs() == 1


def test_the_same_message_at_once_is_one_run(sender: Sender) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sender.post("m-1").text, range(16)))
    assert len(set(answers)) == 1
    assert sender.runs() == 1


def test_ids_of_messages_belong_to_one_endpoint(sender: Sender) -> None:
    other = Sender(Deployed(sender.deployed.platform), "")
    other.secret = other.deployed.platform.sandbox.webhook_secret(other.deployed.instance_id, "greet")
    assert sender.post("m-1").json() != other.post("m-1").json()
    assert (sender.runs(), other.runs()) == (1, 1)


def test_secrets_belong_to_one_endpoint_and_may_be_several(sender: Sender) -> None:
    sandbox = sender.deployed.platform.sandbox
    second = Sender(sender.deployed, sandbox.webhook_secret(sender.deployed.instance_id, "greet"))
    other = Sender(sender.deployed, sandbox.webhook_secret(sender.deployed.instance_id, "other"))
    assert (sender.send("m-1"), second.send("m-2"), other.send("m-3")) == (200, 200, 401)
    bare = sandbox.webhook_secret(sender.deployed.instance_id, "greet", second.secret.removeprefix("whsec_"))
    assert not bare.startswith("whsec_")
    with pytest.raises(LookupError, match="no workflow"):
        sandbox.webhook_secret(sender.deployed.instance_id, "nope")
    with pytest.raises(ConfigError, match="whsec_"):
        sandbox.webhook_secret(sender.deployed.instance_id, "greet", "whsec_%%%")


# --- stand-in files -----------------------------------------------------------------------


def test_a_file_may_hold_several_stand_ins(platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "answers.py"
    file.write_text(
        "from dataclasses import dataclass\n"
        "from codika_nb.sandbox import stand_in\n"
        "@dataclass\nclass Greeting:\n    text: str\n"
        "@stand_in('first')\ndef one(payload):\n    return Greeting('one').text\n"
        "@stand_in('second', time_limit=5)\nasync def two(payload):\n    return 'two'\n"
    )
    deployed = Deployed(platform, workflow("first"), workflow("second"))
    assert sorted(platform.sandbox.load_stand_ins(file)) == ["first", "second"]
    beside = file.rename(file.with_name("stand_ins.py"))
    assert sorted(platform.sandbox.load_stand_ins(beside.parent)) == ["first", "second"]
    assert deployed.run({}, "first")["resultData"] == "one"
    assert deployed.run({}, "second")["resultData"] == "two"
    assert "first" in platform.get("/").text


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.py", "def f(:\n", "does not import: SyntaxError"),
        ("a.py", "import no_such_module\n", "does not import: ModuleNotFoundError"),
        ("a.py", "1 / 0\n", "does not import: ZeroDivisionError"),
        ("a.py", "def f(payload): ...\n", "marks no stand-in"),
        ("a.txt", "", "is not a Python file"),
        ("missing/a.py", None, "There is no stand-in file"),
    ],
)
def test_bad_stand_in_files_are_config_errors(
    tmp_path: Path, name: str, content: str | None, problem: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=problem):
        Sandbox().load_stand_ins(file)


def test_a_stand_in_is_a_function_with_a_positive_limit() -> None:
    with pytest.raises(ConfigError, match="positive"):
        Sandbox().workflow("x", time_limit=0)(_raises)
    with pytest.raises(ConfigError, match="must be a function"):
        Sandbox().workflow("x")("not a function")  # type: ignore[type-var]


# --- integrations -------------------------------------------------------------------------


def seal(pem: bytes, text: str) -> str:
    """Encrypt a secret as clients do."""
    crypto = pytest.importorskip("cryptography.hazmat.primitives")
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    public = crypto.serialization.load_pem_public_key(pem)
    assert isinstance(public, rsa.RSAPublicKey)
    key, nonce = AESGCM.generate_key(256), b"\x07" * 12
    oaep = padding.OAEP(padding.MGF1(crypto.hashes.SHA256()), crypto.hashes.SHA256(), label=None)
    parts = {
        "encryptedKey": public.encrypt(key, oaep),
        "encryptedData": AESGCM(key).encrypt(nonce, text.encode(), None),
        "iv": nonce,
    }
    return json.dumps({name: base64.b64encode(value).decode() for name, value in parts.items()})


def connection(pem: bytes, **more: Any) -> dict[str, Any]:
    secret = {"value": seal(pem, "sk-1"), "encrypted": True, "description": "OPENAI_API_KEY"}
    return {
        "integrationId": "openai",
        "contextType": "organization",
        "secrets": {"OPENAI_API_KEY": secret},
        "metadata": {"connectedAt": "2026-01-31T09:15:00.000Z", "installedBy": "cli", "hasValidTokens": True},
        **more,
    }


@pytest.fixture(scope="module")
def pem(platform: Platform) -> bytes:
    pytest.importorskip("cryptography")
    answer = platform.get("/encryption/public.pem")
    assert answer.content.startswith(b"-----BEGIN PUBLIC KEY-----")
    assert platform.get("/encryption/public.pem").content == answer.content
    return answer.content


def test_integrations_are_connected_listed_and_deleted_in_two_steps(platform: Platform, pem: bytes) -> None:
    deployed = Deployed(platform, integrationUids=["openai"])
    made = deployed.call("/createintegrationpublic", **connection(pem))
    assert set(made) == {"message", "n8nCredentialId"}
    (listed,) = deployed.call("/listintegrationspublic")["integrations"]
    assert listed["integrationId"] == "openai"
    assert listed["contextType"] == "organization"
    assert listed["connected"] is True
    assert listed["hasValidTokens"] is True
    assert listed["n8nCredentialId"] == made["n8nCredentialId"]

    place = {"integrationId": "openai", "contextType": "organization", "confirmDeletion": False}
    asked = platform.post("/deleteintegrationpublic", place, deployed.key)
    assert set(asked.json()) == {"success", "data", "requestId"}
    assert asked.json()["success"] is False
    assert asked.json()["data"]["pendingDeactivations"] == {
        "count": 1,
        "processes": [{"processInstanceId": deployed.instance_id, "title": "Greeter"}],
    }
    assert deployed.trigger({}).status_code == 200
    deleted = deployed.call("/deleteintegrationpublic", **{**place, "confirmDeletion": True})
    assert deleted["deactivatedCount"] == 1
    assert error_of(deployed.trigger({})) == (412, "INSTANCE_INACTIVE")
    assert deployed.call("/listintegrationspublic")["integrations"] == []
    assert deployed.call("/deleteintegrationpublic", **place)["message"]


def test_nobody_needs_it_so_it_is_deleted_at_once(platform: Platform, pem: bytes) -> None:
    deployed = Deployed(platform)
    deployed.call("/createintegrationpublic", **connection(pem))
    place = {"integrationId": "openai", "contextType": "organization", "confirmDeletion": False}
    assert deployed.call("/deleteintegrationpublic", **place)["deactivatedCount"] == 0


def test_contexts_are_kept_apart(platform: Platform, pem: bytes) -> None:
    deployed = Deployed(platform)
    schema = {"id": "cstm_crm", "name": "CRM"}
    instance = {"contextType": "process_instance", "processInstanceId": deployed.instance_id}
    custom = connection(pem, integrationId="cstm_crm", customIntegrationSchema=schema, **instance)
    deployed.call("/createintegrationpublic", **custom)
    deployed.call("/createintegrationpublic", **connection(pem, integrationId="notion", contextType="member"))
    for wishes, ids in (
        ({}, ["notion"]),
        ({"processInstanceId": deployed.instance_id}, ["cstm_crm", "notion"]),
    ):
        listed = deployed.call("/listintegrationspublic", **wishes)["integrations"]
        assert sorted(entry["integrationId"] for entry in listed) == ids
    assert next(e for e in listed if e["integrationId"] == "cstm_crm")["customSchema"] == schema


def test_connections_are_checked(platform: Platform, pem: bytes) -> None:
    account = platform.sign_up()
    other = connection(platform.get("/encryption/public.pem").content)
    tampered = deepcopy(other)
    sealed = json.loads(tampered["secrets"]["OPENAI_API_KEY"]["value"])
    tampered["secrets"]["OPENAI_API_KEY"]["value"] = json.dumps(
        {**sealed, "iv": base64.b64encode(bytes(12)).decode()}
    )
    clear = {"secrets": {"A": {"value": "sk-in-the-clear", "encrypted": True, "description": "A"}}}
    unmarked = {"secrets": {"A": {"value": seal(pem, "x"), "encrypted": False, "description": "A"}}}
    for broken in (
        tampered,
        connection(pem, **clear),
        connection(pem, **unmarked),
        connection(pem, secrets=None),
        connection(pem, contextType="galaxy"),
        connection(pem, contextType="process_instance"),
        connection(pem, integrationId="cstm_crm"),
        connection(pem, integrationId=""),
    ):
        assert platform.post("/createintegrationpublic", broken, account.key).status_code == 400


def test_credential_schemas_are_known_for_some_types(greeter: Deployed) -> None:
    path = "/getcredentialschemapublic"
    data = greeter.platform.get(f"{path}?type=openAiApi", greeter.key).json()["data"]
    assert set(data) == {"type", "properties", "required", "additionalProperties"}
    assert data["properties"]["apiKey"] == {"type": "string"}
    assert set(data["required"]) <= set(data["properties"])
    assert greeter.platform.get(f"{path}?type=nope", greeter.key).status_code == 404
    assert greeter.platform.get(path, greeter.key).status_code == 400


# --- documents, ingestion, notes ----------------------------------------------------------


def test_stage_documents_have_a_version_for_each_stage(platform: Platform) -> None:
    deployed = Deployed(platform)

    def document(stage: int) -> dict[str, Any]:
        return {"stage": stage, "title": "Brief", "content": "Text", "summary": "Short"}

    project = {"projectId": deployed.project_id}
    created = deployed.call(
        "/deployusecasedocuments", **project, documents=[document(1), document(2), document(1)]
    )
    versions = [(entry["stage"], entry["version"]) for entry in created["documentsCreated"]]
    assert versions == [(1, "1.0.0"), (2, "1.0.0"), (1, "1.1.0")]
    assert {entry["status"] for entry in created["documentsCreated"]} == {"accepted"}
    for bad in ({"stage": 5}, {"stage": "1"}, {"title": ""}, {"content": None}):
        body = {**project, "documents": [{**document(1), **bad}]}
        assert platform.post("/deployusecasedocuments", body, deployed.key).status_code == 400


def test_data_ingestion_has_versions_of_its_own(platform: Platform) -> None:
    deployed = Deployed(platform)
    config = {
        "workflowTemplateId": "embed",
        "workflowName": "Embed",
        "n8nWorkflowJsonBase64": base64.b64encode(WORKFLOW_FILE).decode(),
        "webhooks": {"embed": "embed/path", "delete": "delete/path"},
        "purpose": "Search",
    }

    def deploy(**wishes: Any) -> httpx.Response:
        body = {"processId": deployed.project_id, "config": config, "versionStrategy": "minor_bump", **wishes}
        return platform.post("/deploydataingestion", body, deployed.key)

    first = deploy().json()
    assert set(first) == {"success", "dataIngestionId", "version", "status", "webhookUrls", "requestId"}
    assert (first["version"], first["status"]) == ("1.0", "active")
    assert deploy(versionStrategy="major_bump").json()["version"] == "2.0"
    assert deploy(versionStrategy="explicit", explicitVersion="2.0").status_code == 400
    assert deploy(config={**config, "purpose": ""}).status_code == 400
    wishes = {"projectId": deployed.project_id, "includeContent": True, "includeDataIngestion": True}
    back = deployed.call("/getmetadatadocumentsendpoint", **wishes)
    assert back["dataIngestionVersion"] == "2.0"
    assert base64.b64decode(back["documents"][-1]["contentBase64"]) == WORKFLOW_FILE
    older = deployed.call("/getmetadatadocumentsendpoint", **wishes, dataIngestionVersion="1.0")
    assert older["dataIngestionVersion"] == "1.0"


def test_notes_keep_their_history(platform: Platform) -> None:
    account: Account = platform.sign_up()
    project = platform.data("/createprojectviaapikey", {"name": "One"}, account.key)

    def upsert(kind: str = "brief", **more: Any) -> dict[str, Any]:
        note = {"title": "Brief", "content": "two words", "summary": "Short", "agentId": None, **more}
        return platform.data("/upsertprojectnote", {**project, "documentTypeId": kind, **note}, account.key)

    def notes(**wishes: Any) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = platform.data(
            "/getprojectnotes", {**project, **wishes}, account.key
        )["documents"]
        return documents

    made = [
        upsert(),
        upsert(majorChange=False),
        upsert(majorChange=True),
        upsert("known-issues", agentId="a"),
    ]
    assert [note["version"] for note in made] == ["0.0.0", "0.0.1", "0.1.0", "0.0.0"]
    assert [note["isNew"] for note in made] == [True, False, False, True]
    assert [(note["documentTypeId"], note["version"]) for note in notes()] == [
        ("known-issues", "0.0.0"),
        ("brief", "0.1.0"),
    ]
    history = notes(documentTypeId="brief", includeHistory=True)
    assert [note["version"] for note in history] == ["0.1.0", "0.0.1", "0.0.0"]
    assert [note["status"] for note in history] == ["current", "superseded", "superseded"]
    assert [note["parentVersion"] for note in history] == ["0.0.1", "0.0.0", None]
    assert (history[0]["contentLength"], history[0]["wordCount"], history[0]["versionFilterKey"]) == (
        9,
        2,
        1000,
    )
    assert [note["version"] for note in notes(documentTypeId="brief", version="0.0.1")] == ["0.0.1"]
    assert notes(documentTypeId="nope") == []
    body = {**project, "documentTypeId": "Not A Type", "title": "t", "content": "c", "summary": "s"}
    assert platform.post("/upsertprojectnote", body, account.key).status_code == 400


# --- malformed input ----------------------------------------------------------------------

# What each call reads; every member is tried with every odd value.
READ = {
    "/clirequestsignupotp": "email",
    "/clicompletesignup": "email code company apiKey",
    "/clicompletelogin": "email code organizationId apiKey",
    "/createorganizationapikeypublic": "organizationId name scopes description expiresInDays",
    "/updateorganizationapikeypublic": "keyId name scopes description",
    "/createprojectviaapikey": "name description templateId organizationId",
    "/getprojectpublic": "projectId",
    "/deployprocessusecase": "projectId configuration versionStrategy metadataDocuments skills",
    "/deployusecasedocuments": "projectId documents",
    "/deploydataingestion": "processId config versionStrategy explicitVersion",
    "/publishprocessdeploymentpublic": "projectId processDeploymentId visibility sharedWithUserIds",
    "/redeploydeploymentinstancepublic": "processInstanceId deploymentParameters forceRedeploy",
    "/getprocessinstancepublic": "processInstanceId includeWorkflowDetails",
    "/activateprocessinstancepublic": "processInstanceId",
    "/getmetadatadocumentsendpoint": "projectId version includeContent dataIngestionVersion",
    "/createintegrationpublic": "organizationId integrationId contextType memberId secrets metadata",
    "/deleteintegrationpublic": "organizationId integrationId contextType processInstanceId confirmDeletion",
    "/listintegrationspublic": "organizationId processInstanceId",
    "/upsertprojectnote": "projectId documentTypeId title content summary agentId majorChange",
    "/getprojectnotes": "projectId documentTypeId includeHistory version",
    "/submitworkflowresult": "executionId executionSecret resultData",
    "/submitworkflowerror": "executionId executionSecret errorType errorMessage failedNodeName",
}
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    "",
    "x",
    "\x00",
    "é" * 300,
    "\ud800",
    "%",
    [],
    [None],
    [[]],
    [{}],
    {},
    {"": {}},
]


@pytest.mark.parametrize(("path", "names"), READ.items())
def test_no_odd_member_is_a_server_error(platform: Platform, path: str, names: str) -> None:
    deployed = Deployed(platform)
    execution_id = deployed.run({})["executionId"]
    good: dict[str, Any] = {
        "email": deployed.account.email,
        "code": "123456",
        "organizationId": deployed.account.organization_id,
        "projectId": deployed.project_id,
        "processId": deployed.project_id,
        "processInstanceId": deployed.instance_id,
        "processDeploymentId": deployed.first["templateId"],
        "keyId": deployed.account.key_id,
        "executionId": execution_id,
        "executionSecret": "x",
        "name": "One",
        "configuration": configuration(),
        "config": {"workflowTemplateId": "a", "workflowName": "b", "purpose": "c", "webhooks": {}},
        "documents": [{"stage": 1, "title": "t", "content": "c", "summary": "s"}],
        "metadataDocuments": [{"relativePath": "a", "contentType": "b", "contentBase64": ""}],
        "skills": [],
        "scopes": ["projects:read"],
        "contextType": "organization",
        "integrationId": "openai",
        "documentTypeId": "brief",
        "title": "t",
        "content": "c",
        "summary": "s",
    }
    for name in names.split():
        for value in ODD:
            answer = platform.post(path, {**good, name: value}, deployed.key)
            assert answer.status_code < 500, (name, value, answer.text)
            assert isinstance(answer.json()["success"], bool)


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 40, "%00", "%ff", "a%2Fb", "..", "'", "%F0%9F%98%80"])
def test_no_odd_path_or_query_is_a_server_error(greeter: Deployed, value: str) -> None:
    instance, platform = greeter.instance_id, greeter.platform
    for path in (
        f"/listprojectspublic?limit={value}&archived={value}&organizationId={value}",
        f"/listprocessinstancespublic?environment={value}&limit={value}",
        f"/listexecutionspublic/{instance}?workflowId={value}&status={value}",
        f"/listexecutionspublic/{value}",
        f"/getexecutionstatuspublic/{instance}/{value}",
        f"/getexecutiondetailspublic/{value}/{value}?deep={value}",
        f"/getprocessskillspublic/{value}",
        f"/getcredentialschemapublic?type={value}",
        f"/status/{instance}/x?api_key={value}",
        f"/inbox?email={value}&token={value}",
    ):
        answer = platform.get(path, greeter.key)
        assert answer.status_code < 500, path
    assert platform.post(f"/webhook/{instance}/{value}", {}, greeter.key).status_code in {404, 405}


def test_uvicorn_logs_no_address_even_when_somebody_listens(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), Sandbox() as sandbox:
        logging.getLogger("uvicorn.access").addHandler(caplog.handler)
        try:
            httpx.post(f"{sandbox.url}/webhook/i/w", params={"api_key": "ck_canary"})
        finally:
            logging.getLogger("uvicorn.access").removeHandler(caplog.handler)
    assert "/webhook/i/w" in caplog.text
    ours = [record for record in caplog.records if record.name.startswith(("uvicorn", "codika"))]
    assert "canary" not in "\n".join(record.getMessage() for record in ours)
