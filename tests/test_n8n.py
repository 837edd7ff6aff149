"""n8n as the engine, against a small n8n over HTTP that has the pitfalls of the real one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codika_nb import Client
from codika_nb.errors import ConfigError
from codika_nb.models.executions import ExecutionDetails, execution_card
from codika_nb.sandbox import Sandbox
from codika_nb.sandbox.n8n.engine import _hook
from codika_nb.sandbox.n8n.marks import Mark
from codika_nb.sandbox.n8n.translation import translate

from .fake_n8n import KEY, FakeN8n, Workflow
from .test_sandbox import Platform
from .test_sandbox_workflows import Deployed, configuration, engine_file, workflow

CODIKA = "n8n-nodes-codika.codika"
PATH = "{{PROCDATA_PROCESS_ID_ATADCORP}}/greet"


def nodes(version: str = "one", *further: dict[str, Any]) -> list[dict[str, Any]]:
    """A workflow's nodes, the first of which says its version."""
    return [
        {
            "name": "Webhook",
            "type": "n8n-nodes-base.webhook",
            "position": [0, 0],
            "parameters": {"httpMethod": "POST", "path": PATH, "responseMode": "lastNode"},
            "notes": version,
            "color": None,
            "description": "n8n itself exports members that its API refuses",
        },
        {"name": "Init", "type": CODIKA, "position": [1, 0], "parameters": {"operation": "initWorkflow"}},
        {"name": "Submit", "type": CODIKA, "position": [2, 0], "parameters": {"operation": "submitResult"}},
        *further,
    ]


def greet(version: str = "one", *further: dict[str, Any]) -> dict[str, Any]:
    return workflow(n8nWorkflowJsonBase64=engine_file(*nodes(version, *further)))


@pytest.fixture
def n8n(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeN8n]:
    monkeypatch.setenv("CODIKA_N8N_API_KEY", KEY)
    with FakeN8n() as fake:
        yield fake
        if not fake.deaf:
            assert not fake.workflows
            assert not fake.credentials
            assert not fake.tags


@pytest.fixture
def platform(n8n: FakeN8n) -> Iterator[Platform]:
    with Sandbox(engine=n8n.url) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            yield platform


def test_a_deployed_workflow_runs_in_n8n(platform: Platform, n8n: FakeN8n) -> None:
    deployed = Deployed(platform, greet())
    assert deployed.first["deploymentStatus"] == "deployed"
    engine_id = deployed.first["workflowsDeployed"][0]["n8nWorkflowId"]
    assert (
        "Greeter" in n8n.workflows[engine_id].body["name"] or "greet" in n8n.workflows[engine_id].body["name"]
    )
    run = deployed.run({})
    assert (run["status"], run["resultData"]) == ("success", {"version": "one"})
    listed = platform.get(f"/listexecutionspublic/{deployed.instance_id}", deployed.key).json()
    assert listed["data"]["executions"][0]["n8nExecutionId"] in n8n.executions
    (tag,) = n8n.tags
    assert n8n.tagged == dict.fromkeys(n8n.workflows, tag)


def test_a_key_that_may_not_tag_does_without(n8n: FakeN8n) -> None:
    n8n.refuses["/tags"] = 403
    with Sandbox(engine=n8n.url) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            assert Deployed(platform, greet()).run({})["status"] == "success"
    assert not n8n.tagged


def test_the_next_version_runs_right_after_its_deployment(platform: Platform) -> None:
    deployed = Deployed(platform, greet("1"))
    for version in "23456":
        assert deployed.deploy(configuration=configuration(greet(version)))["deploymentStatus"] == "deployed"
        assert deployed.run({})["resultData"] == {"version": version}


@pytest.mark.parametrize(
    ("asks", "message", "node"),
    [
        ("failure", "no such greeting [line 1]", "Greet"),
        ("silent failure", "no such greeting [line 1]", "Greet"),
        ("nothing", "The workflow ended without Submit Result.", None),
        ("crash", "WorkflowCrashedError", None),
        ("a mode that does not fit", "Unused Respond to Webhook node found", None),
    ],
)
def test_why_a_run_failed_is_known(platform: Platform, asks: str, message: str, node: str | None) -> None:
    run = Deployed(platform, greet()).run({"asks": asks})
    assert run["status"] == "failed"
    assert message in run["errorDetails"]["message"]
    assert run["errorDetails"].get("failedNodeName") == node


def test_a_run_that_waits_goes_on_until_its_result(platform: Platform) -> None:
    assert Deployed(platform, greet()).run({"asks": "late"})["resultData"] == {"version": "one"}


def test_the_record_of_a_run_has_no_secret(platform: Platform, n8n: FakeN8n) -> None:
    deployed = Deployed(platform, greet())
    execution_id = deployed.run({})["executionId"]
    path = f"/getexecutiondetailspublic/{deployed.instance_id}/{execution_id}"
    (record,) = n8n.executions.values()
    sent = record["data"]["resultData"]["runData"]["Webhook"][0]["data"]["main"][0][0]["json"]["body"]
    for query in ("", "?deep=true", "?slim=true"):
        answer = platform.get(f"{path}{query}", deployed.key)
        shown = answer.json()["execution"]["n8nExecution"]
        assert "Webhook" in shown["data"]["resultData"]["runData"]
        assert ("workflowData" in shown) is ("slim" not in query)
        assert ("_subExecutions" in shown) is ("deep" in query)
        for secret in (sent["executionMetadata"]["executionSecret"], "resume-me"):
            assert secret not in answer.text


def test_a_record_that_is_still_being_written_is_waited_for(platform: Platform, n8n: FakeN8n) -> None:
    deployed = Deployed(platform, greet())
    execution_id = deployed.run({})["executionId"]
    (record,) = n8n.executions.values()
    looks = iter([{**record, "data": None, "status": "running"}] * 2)

    class Written(dict[str, Any]):
        """What n8n knows: it is at work when it is asked for the first two times."""

        def get(self, key: str, default: Any = None) -> Any:
            return next(looks, super().get(key, default))

    n8n.executions = Written(n8n.executions)
    path = f"/getexecutiondetailspublic/{deployed.instance_id}/{execution_id}"
    shown = platform.get(path, deployed.key).json()["execution"]["n8nExecution"]
    assert "Webhook" in shown["data"]["resultData"]["runData"]


def test_pausing_and_letting_go_on_reaches_n8n(platform: Platform, n8n: FakeN8n) -> None:
    deployed = Deployed(platform, greet())
    (engine_id,) = (each["n8nWorkflowId"] for each in deployed.first["workflowsDeployed"])
    instance = {"processInstanceId": deployed.instance_id}
    deployed.call("/deactivateprocessinstancepublic", **instance)
    assert not n8n.workflows[engine_id].active
    # What is deployed meanwhile stays off.
    deployed.deploy(configuration=configuration(greet("two")))
    assert not n8n.workflows[engine_id].active
    deployed.call("/activateprocessinstancepublic", **instance)
    assert deployed.run({})["resultData"] == {"version": "two"}


@pytest.mark.parametrize(
    ("further", "problem"),
    [
        ({"type": "n8n-nodes-base.unheardOf"}, "n8n: Unrecognized node type: n8n-nodes-base.unheardOf"),
        ({"type": "n8n-nodes-base.gmail"}, "configuration issues: gmailOAuth2"),
        ({"type": CODIKA, "parameters": {"operation": "ingestionCallback"}}, '"More" (ingestionCallback)'),
        ({"type": f"{CODIKA}Tool"}, f'"More" ({CODIKA}Tool) does not run here'),
        ({"notes": "{{ORGCRED_SLACK_ID_DERCGRO}}"}, "Without a value: ORGCRED_SLACK_ID."),
    ],
)
def test_what_n8n_cannot_run_fails_the_deployment(
    platform: Platform, further: dict[str, Any], problem: str
) -> None:
    node = {"name": "More", "type": "n8n-nodes-base.noOp", "position": [9, 9], **further}
    deployed = Deployed(platform, greet("one", node))
    assert deployed.first["deploymentStatus"] == "failed"
    assert problem in deployed.first["error"]
    assert deployed.deploy(configuration=configuration(greet("two")))["deploymentStatus"] == "deployed"


def test_n8n_away_is_a_sentence(platform: Platform, n8n: FakeN8n) -> None:
    deployed = Deployed(platform, greet())
    n8n.deaf = True
    again = deployed.deploy(configuration=configuration(greet("two")))
    assert again["deploymentStatus"] == "failed"
    assert "greet: n8n: " in again["error"]
    n8n.deaf = False
    rerun = deployed.call("/redeploydeploymentinstancepublic", processInstanceId=deployed.instance_id)
    assert rerun["deploymentStatus"] == "deployed"
    assert deployed.run({})["resultData"] == {"version": "two"}


@pytest.mark.parametrize(
    ("part", "status", "says"),
    [("/workflows", 401, "refuses the API key"), ("/credentials", 403, "Forbidden")],
)
def test_a_key_that_does_not_do_is_said_at_the_start(n8n: FakeN8n, part: str, status: int, says: str) -> None:
    n8n.refuses = {part: status}
    with pytest.raises(ConfigError, match=says):
        Sandbox(engine=n8n.url).start()


def test_what_cannot_be_an_engine_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODIKA_N8N_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="CODIKA_N8N_API_KEY"):
        Sandbox(engine="http://127.0.0.1:1")
    monkeypatch.setenv("CODIKA_N8N_API_KEY", KEY)
    with pytest.raises(ConfigError, match="No n8n answers at"):
        Sandbox(engine="http://127.0.0.1:1").start()
    with pytest.raises(ConfigError, match="cannot call the sandbox"):
        Sandbox(engine="http://n8n.example").start()
    with pytest.raises(ConfigError, match="is no engine"):
        Sandbox(engine="node")
    with pytest.raises(ConfigError, match="could run code"):
        Sandbox(engine="http://127.0.0.1:1", host="0.0.0.0")  # noqa: S104 - is refused
    with pytest.raises(ConfigError, match="would call the platform instead of the sandbox"):
        Sandbox(engine="http://127.0.0.1:1", codika_nodes=".")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_DATA_HOME", "/nowhere")
    with pytest.raises(ConfigError, match="no n8n on this machine"):
        Sandbox(engine="n8n")


def test_nothing_of_others_is_touched(n8n: FakeN8n) -> None:
    theirs: dict[str, Any] = {"name": "Theirs", "nodes": [], "connections": {}, "settings": {}}
    n8n.workflows["foreign"] = foreign = Workflow(theirs)
    foreign.active = True
    n8n.credentials["foreign"] = {"name": "Theirs", "type": "openAiApi", "data": {}}
    with Sandbox(engine=n8n.url) as first:
        platform = Platform(first)
        with platform.http:
            mine = Deployed(platform, greet())
            kept = dict(n8n.workflows), dict(n8n.credentials)
            with Sandbox(engine=n8n.url) as second:
                other = Platform(second)
                with other.http:
                    Deployed(other, greet())
                assert len(n8n.workflows) > len(kept[0])
            assert (n8n.workflows, n8n.credentials) == kept
            assert mine.run({})["status"] == "success"
    assert n8n.workflows.pop("foreign") is foreign
    assert foreign.active
    assert n8n.credentials.pop("foreign")["name"] == "Theirs"


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from codika_nb.sandbox import Sandbox
from tests.test_n8n import Deployed, Platform, greet
sandbox = Sandbox(engine={url!r})
sandbox.start()
platform = Platform(sandbox)
with platform.http:
    Deployed(platform, greet())
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is told of other processes there")
def test_what_a_killed_sandbox_left_is_taken_out_by_the_next(n8n: FakeN8n) -> None:
    script = KILLED.format(root=str(Path(__file__).parent.parent), url=n8n.url)
    ended = subprocess.run([sys.executable, "-c", script], check=False, env=dict(os.environ), timeout=100)
    assert ended.returncode == -signal.SIGKILL
    left = set(n8n.workflows)
    assert len(left) == 2
    (tag,) = n8n.tags
    with Sandbox(engine=n8n.url):
        assert not left & set(n8n.workflows)
        assert tag not in n8n.tags


def test_with_a_data_folder_workflows_and_their_lock_survive(n8n: FakeN8n, tmp_path: Path) -> None:
    with Sandbox(engine=n8n.url, data=tmp_path) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform, greet())
            before = deployed.first["workflowsDeployed"][0]["n8nWorkflowId"]
            (lock,) = (each["data"]["value"] for each in n8n.credentials.values())
    assert not n8n.workflows[before].active
    assert not n8n.credentials
    with Sandbox(engine=n8n.url, data=tmp_path) as sandbox:
        platform.http = Platform(sandbox).http
        with platform.http:
            assert n8n.workflows[before].active
            assert len(n8n.tags) == 1
            assert [each["data"]["value"] for each in n8n.credentials.values()] == [lock]
            assert deployed.run({})["status"] == "success"
    assert (tmp_path / "n8n.json").stat().st_mode & 0o077 == 0
    n8n.workflows.clear()
    n8n.tags.clear()


def test_integrations_become_credentials(platform: Platform, n8n: FakeN8n) -> None:
    notes = "{{FLEXCRED_OPENAI_ID_DERCXELF}} {{ORGCRED_OPENAI_NAME_DERCGRO}}"
    node = {"name": "More", "type": "n8n-nodes-base.noOp", "position": [9, 9], "notes": notes}
    deployed = Deployed(platform, greet("one", node))
    assert "Without a value: FLEXCRED_OPENAI_ID" in deployed.first["error"]
    with Client(auth=deployed.key, base_url=platform.sandbox.url) as client:
        client.set_integration("openai", secrets={"OPENAI_API_KEY": "sk-secret"})
        database = {f"POSTGRES_{each}": each.lower() for each in ("HOST", "DATABASE", "USER", "PASSWORD")}
        client.set_integration(
            "postgres",
            secrets={**database, "POSTGRES_PORT": "5432"},
            context_type="process_instance",
            instance=deployed.instance_id,
        )
    again = deployed.deploy(configuration=configuration(greet("two", node)))
    assert again["deploymentStatus"] == "deployed", again
    made = [each for each in n8n.credentials.values() if each["type"] == "openAiApi"]
    assert [each["data"] for each in made] == [{"apiKey": "sk-secret"}]
    (connected,) = (each["data"] for each in n8n.credentials.values() if each["type"] == "postgres")
    assert connected == {
        "host": "host",
        "port": 5432,
        "database": "database",
        "user": "user",
        "password": "password",
    }


# --- translation, which is pure ------------------------------------------------------------------------


def test_each_codika_node_becomes_one_core_node() -> None:
    kept = {"id": "a1", "notes": "mine", "onError": "continueRegularOutput", "disabled": True}
    init = {
        **kept,
        "name": 'The "Init" }}',
        "type": CODIKA,
        "position": [3, 4],
        "credentials": {"codika": {"id": "1"}},
        "parameters": {"operation": "initWorkflow", "userId": "={{ $json.x }}", "workflowId": "greet"},
    }
    submit = {
        "name": "Submit",
        "type": CODIKA,
        "position": [5, 4],
        "parameters": {"operation": "submitResult", "resultData": '={ "n": {{ $json.n }} }'},
    }
    wires = {init["name"]: {"main": [[{"node": "Submit", "type": "main", "index": 0}]]}}
    translated, problem, has_init = translate(
        {"name": "x", "nodes": [init, submit], "connections": wires, "active": True, "id": "7"}, "http://s:1"
    )
    assert problem is None
    assert has_init
    assert set(translated) == {"name", "nodes", "connections", "settings"}
    assert translated["connections"] == wires
    first, last = translated["nodes"]
    assert {name: first[name] for name in kept} == kept
    assert (first["type"], first["name"], first["position"]) == ("n8n-nodes-base.code", init["name"], [3, 4])
    assert "credentials" not in first
    code = first["parameters"]["jsCode"]
    assert '"userId": null' in code
    assert '"workflowId": "greet"' in code
    assert last["executeOnce"] is True
    body = {each["name"]: each["value"] for each in last["parameters"]["bodyParameters"]["parameters"]}
    assert body["resultText"] == '={ "n": {{ $json.n }} }'
    inside = body["executionId"].removeprefix("={{").removesuffix("}}")
    assert "}}" not in inside
    assert json.loads(inside[inside.index('"') : inside.index(")")]) == init["name"]


@pytest.mark.parametrize(
    ("methods", "outputs", "called"),
    [
        ("PUT", [["next"]], "PUT"),
        (["GET", "POST"], [["next"], ["next"]], "POST"),
        (["GET", "POST"], [["next"], []], "GET"),
        (["GET", "POST"], [["next"]], "GET"),
        (["DELETE", "PUT"], [], "DELETE"),
        ([], [["next"]], "GET"),
    ],
)
def test_of_several_methods_one_is_called_that_leads_on(methods: Any, outputs: Any, called: str) -> None:
    parameters = {"httpMethod": methods, "path": PATH}
    webhook = {"name": "Webhook", "type": "n8n-nodes-base.webhook", "parameters": parameters}
    hook = _hook({"nodes": [webhook], "connections": {"Webhook": {"main": outputs}}}, [])
    assert hook == (called, f"/{PATH}")


def test_two_inits_are_asked_one_after_the_other() -> None:
    two = [{"name": n, "type": CODIKA, "parameters": {"operation": "initWorkflow"}} for n in "AB"]
    report = {"name": "R", "type": CODIKA, "parameters": {"operation": "reportError", "errorMessage": "no"}}
    translated, problem, _ = translate({"nodes": [*two, report]}, "http://s:1")
    assert problem is None
    body = translated["nodes"][2]["parameters"]["bodyParameters"]["parameters"]
    values = {each["name"]: each["value"] for each in body}
    assert values["errorType"] == "node_failure"
    assert values["errorMessage"] == "no"
    assert values["executionId"].count("isExecuted") == 2


def test_files_are_sent_item_by_item() -> None:
    init = {"name": "I", "type": CODIKA, "parameters": {"operation": "initWorkflow"}}
    upload = {"operation": "uploadFile", "binaryPropertyName": "pdf", "fileName": "a.pdf"}
    node = {"name": "U", "type": CODIKA, "parameters": upload}
    (_, sent), _, _ = translate({"nodes": [init, node]}, "http://s:1")[0]["nodes"], None, None
    assert "executeOnce" not in sent
    fields = {each["name"]: each for each in sent["parameters"]["bodyParameters"]["parameters"]}
    assert fields["file"]["inputDataFieldName"] == "pdf"
    assert fields["fileName"]["value"] == "a.pdf"
    assert set(fields) == {"file", "executionId", "executionSecret", "fileName"}


def test_a_submit_without_an_init_is_a_problem() -> None:
    node = {"name": "Submit", "type": CODIKA, "parameters": {"operation": "submitResult"}}
    assert 'The node "Submit" needs a Codika Init' in str(translate({"nodes": [node]}, "http://s:1").problem)


def test_marks_of_processes_that_run_are_left_alone() -> None:
    mark = Mark.of_process()
    assert not mark.is_left_over(mark.on("x" * 500))
    assert len(mark.on("x" * 500)) <= 128
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert mark.is_left_over(f"x [{mark.family}-{gone.pid}-1]")
    assert not mark.is_left_over(f"x [codika-000000-{gone.pid}-1]")
    assert not mark.is_left_over("somebody's own")


def test_a_failed_run_shows_what_each_node_did(platform: Platform, n8n: FakeN8n) -> None:
    deployed = Deployed(platform, greet())
    with Client(auth=deployed.key, base_url=platform.sandbox.url) as client:
        run = client.run_workflow("greet", {}, instance=deployed.instance_id)
        (record,) = n8n.executions.values()
        record["data"]["resultData"]["runData"] = {
            "Greet": [{"executionIndex": 1, "executionTime": 7, "executionStatus": "error", "error": {}}],
            "Webhook": [
                {"executionIndex": 0, "executionTime": 3, "executionStatus": "success", "data": None}
            ],
        }
        record["data"]["resultData"]["error"] = {"message": "No <name> here"}
        details = client.get_execution(run)
    assert details.reason == "No <name> here"
    assert "No <name> here" in repr(details)
    assert "No &lt;name&gt; here" in details._repr_html_()
    assert details.nodes == [("Webhook", "success", 3, 0), ("Greet", "error", 7, 0)]
    assert " ms " in repr(details)
    assert "Greet  " in repr(details)
    assert "<td" in details._repr_html_()
    card = execution_card(run.model_copy(update={"status": "failed"}), "greet", details=details)
    assert "Webhook 3 ms → Greet (error)" in card["text/plain"]


@pytest.mark.parametrize(
    "record", [None, 3, {}, {"data": {"resultData": {"error": 4, "runData": {"A": [3, {}], "B": 1}}}}]
)
def test_a_record_of_another_form_is_no_error(record: Any) -> None:
    details = ExecutionDetails(codika_execution_id="x", n8n_execution=record)
    assert len(details.nodes) == (1 if isinstance(record, dict) and record else 0)
    assert repr(details).startswith("ExecutionDetails(")
    assert " ms " not in repr(details)  # a column for what has not been recorded would be empty
    assert details._repr_html_()
    assert details.reason == ""
