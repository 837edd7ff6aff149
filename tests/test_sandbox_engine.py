"""The seam to an engine: what it is given, when it is asked, and what becomes of what it says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from codika_nb import ConfigError
from codika_nb.sandbox import Sandbox
from codika_nb.sandbox.engine import Engine, EngineError, Installation, Installed, Outcome, Run
from codika_nb.sandbox.placeholders import fill

from .test_sandbox import Platform, error_of
from .test_sandbox_workflows import SCHEDULE, WEBHOOK, Deployed, engine_file, workflow


class Recorder(Engine):
    """Writes down what it is asked, and answers as the test says."""

    def __init__(self) -> None:
        self.installed: list[Installation] = []
        self.switched: list[tuple[list[str], bool]] = []
        self.runs: list[Run] = []
        self.outcome: Outcome | None = None
        self.refuses: Exception | None = None
        self.callback_url = ""
        self.takes = 0.0
        self.closed = False

    async def open(self, callback_url: str) -> bool:
        self.callback_url = callback_url
        return False

    async def install(self, installation: Installation) -> Installed:
        await asyncio.sleep(self.takes)
        self.installed.append(installation)
        if self.refuses:
            raise self.refuses
        return Installed({name: f"own-{name}" for name in installation.workflows})

    async def switch(self, engine_ids: Sequence[str], *, on: bool) -> None:
        self.switched.append((list(engine_ids), on))
        if self.refuses:
            raise self.refuses

    async def run(self, run: Run) -> Outcome | None:
        self.runs.append(run)
        return self.outcome

    def first_run(self) -> Run:
        """The first execution, once the engine has got it."""
        while not self.runs:
            time.sleep(0.01)
        return self.runs[0]

    async def record(self, engine_id: str, *, deep: bool, slim: bool) -> dict[str, Any] | None:
        return {"id": engine_id, "deep": deep, "slim": slim}

    async def close(self) -> None:
        self.closed = True


@contextlib.contextmanager
def with_engine(**options: Any) -> Iterator[tuple[Recorder, Sandbox, Platform]]:
    recorder = Recorder()
    with Sandbox(engine=lambda: recorder, **options) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            yield recorder, sandbox, platform
    assert recorder.closed


@pytest.fixture
def platform(sandbox: Sandbox) -> Iterator[Platform]:
    platform = Platform(sandbox)
    with platform.http:
        yield platform


LIMIT = {"key": "LIMIT", "label": "Limit", "type": "number", "defaultValue": 5}


def test_an_engine_can_fill_every_placeholder() -> None:
    texts = {
        "process": "{{PROCDATA_PROCESS_ID_ATADCORP}}",
        "instance": "{{USERDATA_PROCESS_INSTANCE_UID_ATADRESU}}/{{USERDATA_USER_ID_ATADRESU}}",
        "limit": "{{INSTPARM_LIMIT_MRAPTSNI}}",
        "code": "const most = {{INSTPARM_LIMIT_MRAPTSNI}}; // {{INSTPARM_TONE_MRAPTSNI}}",
        "secret": "{{MEMSECRT_EXECUTION_AUTH_TRCESMEM}}",
        "openai": "{{ORGCRED_OPENAI_ID_DERCGRO}}",
    }
    with with_engine() as (engine, _, platform):
        deployed = Deployed(
            platform,
            workflow(n8nWorkflowJsonBase64=engine_file({**WEBHOOK, **texts})),
            deploymentInputSchema=[{"type": "section", "inputSchema": [LIMIT]}],
            defaultDeploymentParameters={"TONE": ["warm"]},
        )
        (installation,) = engine.installed
        filled, missing = fill(installation.workflows["greet"], installation.values)
        node = filled["nodes"][0]
        assert missing == ("ORGCRED_OPENAI_ID",)
        assert node["process"] == deployed.first["processId"]
        assert node["instance"].startswith(f"{deployed.instance_id}/")
        assert node["limit"] == 5
        assert node["code"] == 'const most = 5; // ["warm"]'
        assert node["secret"].startswith("cms_")


def test_stand_ins_get_the_parameters(platform: Platform, sandbox: Sandbox) -> None:
    sandbox.workflow("greet")(lambda payload, execution: execution["parameters"])
    deployed = Deployed(platform, deploymentInputSchema=[LIMIT])
    assert deployed.run({})["resultData"] == {"LIMIT": 5}
    rerun = {"processInstanceId": deployed.instance_id, "deploymentParameters": {"LIMIT": 7, "MORE": None}}
    deployed.call("/redeploydeploymentinstancepublic", **rerun, forceRedeploy=True)
    assert deployed.run({})["resultData"] == {"LIMIT": 7, "MORE": None}


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("{{ORGCRED_OPENAI_ID_DERCGRO}} {{INSTPARM_REGION_MRAPTSNI}}", "ORGCRED_OPENAI_ID, INSTPARM_REGION"),
        ("{{SUBWKFL_nowhere_LFKWBUS}}", "SUBWKFL_nowhere"),
        (
            "{{SUBWKFL_greet_LFKWBUS}} {{SYSCREDS_OPENAI_ID_SDERCSYS}} {{ORGSECRET_N8N_BASE_URL_TERCESORG}}",
            None,
        ),
    ],
)
def test_what_has_no_value_fails_the_deployment_and_is_named(
    platform: Platform, text: str, missing: str | None
) -> None:
    deployed = Deployed(platform, workflow(n8nWorkflowJsonBase64=engine_file({**WEBHOOK, "notes": text})))
    error = deployed.first.get("error", "")
    assert not error if missing is None else error.startswith(f"greet: Without a value: {missing}.")
    assert ("set_integration" in error) == ("CRED_" in str(missing))


def test_a_slow_engine_keeps_nobody_else_waiting() -> None:
    with with_engine() as (engine, sandbox, platform):
        deployed = Deployed(platform)
        engine.takes = 2.0

        def while_it_works() -> None:
            began = time.monotonic()
            while len(engine.installed) < 2 and time.monotonic() < began + 60:
                assert httpx.get(sandbox.url).status_code == 200
                answered.append(len(engine.installed))

        answered: list[int] = []
        others = threading.Thread(target=while_it_works)
        others.start()
        deployed.deploy()
        others.join()
        assert answered.count(1) > 0


def test_the_engine_names_the_workflows_and_is_told_of_everything() -> None:
    with with_engine() as (engine, sandbox, platform):
        assert engine.callback_url == sandbox.url
        deployed = Deployed(platform, workflow(), workflow("report", triggers=[SCHEDULE]))
        names = [each["n8nWorkflowId"] for each in deployed.first["workflowsDeployed"]]
        assert names == ["own-greet", "own-report"]
        instance = {"processInstanceId": deployed.instance_id}
        deployed.call("/deactivateprocessinstancepublic", **instance)
        deployed.call("/activateprocessinstancepublic", **instance)
        assert engine.switched == [(names, False), (names, True)]
        deployed.trigger({"name": "Ada"})
        assert engine.first_run().engine_workflow_id == "own-greet"
        deployed.deploy()
        assert engine.installed[-1].engine_ids == {"greet": "own-greet", "report": "own-report"}
        prod = deployed.call(
            "/publishprocessdeploymentpublic",
            projectId=deployed.project_id,
            processDeploymentId=deployed.first["templateId"],
            autoToggleDevProd=True,
        )
        assert engine.installed[-1].instance_id == prod["processInstanceId"]
        assert engine.switched[-1] == (["own-greet"], False)


@pytest.mark.parametrize("error", [EngineError("n8n is away."), ZeroDivisionError()])
def test_an_engine_that_refuses_fails_the_deployment_with_a_sentence(error: Exception) -> None:
    with with_engine() as (engine, _, platform):
        engine.refuses = error
        deployed = Deployed(platform)
        assert deployed.first["deploymentStatus"] == "failed"
        said = "n8n is away." if isinstance(error, EngineError) else "The engine failed"
        assert deployed.first["error"].startswith(f"greet: {said}")
        assert error_of(deployed.trigger({})) == (412, "INSTANCE_INACTIVE")
        engine.refuses = None
        again = deployed.call("/redeploydeploymentinstancepublic", processInstanceId=deployed.instance_id)
        assert again["deploymentStatus"] == "deployed"
        engine.refuses = EngineError("n8n is away.")
        body = {"processInstanceId": deployed.instance_id}
        refused = platform.post("/deactivateprocessinstancepublic", body, deployed.key)
        assert error_of(refused) == (409, "ENGINE_UNAVAILABLE")


def test_a_run_that_ends_without_a_result_has_failed() -> None:
    with with_engine() as (engine, _, platform):
        engine.outcome = Outcome(engine_id="4711")
        run = Deployed(platform).run({})
        assert run["status"] == "failed"
        assert run["errorDetails"]["message"] == "The workflow ended without Submit Result."


@pytest.mark.parametrize("given", ["4711", 4711])
@pytest.mark.parametrize("fails", [False, True])
def test_the_engine_says_what_it_calls_a_run(given: object, *, fails: bool) -> None:
    with with_engine() as (engine, _, platform):
        deployed = Deployed(platform)
        execution_id = deployed.trigger({}).json()["executionId"]
        listed = f"/listexecutionspublic/{deployed.instance_id}"
        (entry,) = platform.get(listed, deployed.key).json()["data"]["executions"]
        assert entry["n8nExecutionId"] is None
        secret = engine.first_run().metadata["executionSecret"]
        answer = {"executionId": execution_id, "executionSecret": secret, "n8nExecutionId": given}
        if fails:
            error = {"errorType": "node_failure", "errorMessage": "no"}
            platform.post("/submitworkflowerror", answer | error)
        else:
            platform.post("/submitworkflowresult", answer | {"resultData": {}})
        (entry,) = platform.get(listed, deployed.key).json()["data"]["executions"]
        assert entry["n8nExecutionId"] == "4711"
        path = f"/getexecutiondetailspublic/{deployed.instance_id}/{execution_id}?deep=true"
        details = platform.get(path, deployed.key).json()["execution"]
        assert details["n8nExecutionId"] == "4711"
        assert details["n8nExecution"] == {"id": "4711", "deep": True, "slim": False}


@pytest.mark.parametrize(
    ("text", "result"),
    [('{"count": 3}', {"count": 3}), ({"count": 3}, {"count": 3}), (3, 3), (None, None), ("[]", [])],
)
def test_a_result_given_as_text_is_what_the_text_says(text: object, result: object) -> None:
    with with_engine() as (engine, _, platform):
        deployed = Deployed(platform)
        execution_id = deployed.trigger({}).json()["executionId"]
        answer = {
            "executionId": execution_id,
            "executionSecret": engine.first_run().metadata["executionSecret"],
        }
        refused = platform.post("/submitworkflowresult", answer | {"resultText": "no JSON"})
        assert "must be JSON" in refused.json()["error"]
        missing = platform.post("/submitworkflowresult", answer)
        assert missing.status_code == 400
        assert platform.post("/submitworkflowresult", answer | {"resultText": text}).status_code == 200
        assert deployed.status(execution_id)["resultData"] == result


def test_what_the_engine_calls_a_run_is_kept_also_where_the_workflow_had_answered_before() -> None:
    with with_engine() as (engine, _, platform):

        async def run(run: Run) -> Outcome:
            engine.runs.append(run)
            await run.answered.wait()
            return Outcome(result='"too late"', engine_id="4711")

        engine.run = run  # type: ignore[method-assign]
        deployed = Deployed(platform)
        execution_id = deployed.trigger({}).json()["executionId"]
        secret = engine.first_run().metadata["executionSecret"]
        answer = {"executionId": execution_id, "executionSecret": secret, "resultData": "first"}
        assert platform.post("/submitworkflowresult", answer).status_code == 200
        path = f"/listexecutionspublic/{deployed.instance_id}"
        while (listed := platform.get(path, deployed.key).json()["data"]["executions"][0]) and not (
            engine_id := listed["n8nExecutionId"]
        ):
            time.sleep(0.01)
        assert engine_id == "4711"
        assert deployed.status(execution_id)["resultData"] == "first"


def test_a_stand_in_wins_over_the_engine() -> None:
    with with_engine() as (engine, sandbox, platform):
        sandbox.workflow("greet")(lambda payload: "by hand")
        calls = engine_file({**WEBHOOK, "notes": "{{SUBWKFL_called_LFKWBUS}}"})
        sandbox.workflow("called")(lambda payload: "by hand")
        deployed = Deployed(
            platform, workflow(), workflow("called"), workflow("report", n8nWorkflowJsonBase64=calls)
        )
        assert list(engine.installed[0].workflows) == ["called", "report"]
        assert deployed.first["deploymentStatus"] == "deployed"
        assert deployed.run({})["resultData"] == "by hand"
        assert not engine.runs
        instance = {"processInstanceId": deployed.instance_id}
        deployed.call("/deactivateprocessinstancepublic", **instance)
        deployed.call("/activateprocessinstancepublic", **instance)
        # The engine knows nothing of what a function answers, and could not switch it.
        assert engine.switched == [(["own-called", "own-report"], on) for on in (False, True)]
        again = deployed.call("/redeploydeploymentinstancepublic", **instance, forceRedeploy=True)
        assert again["n8nWorkflowIds"] == ["own-called", "own-report"]


@pytest.mark.parametrize("dot", ["", "."])
def test_an_engine_elsewhere_calls_back_under_another_name(dot: str) -> None:
    callback_url = f"http://host.docker.internal{dot}:8321"
    with with_engine(callback_url=f"{callback_url}/") as (engine, sandbox, platform):
        assert engine.callback_url == callback_url
        Deployed(platform).trigger({})
        url = engine.first_run().metadata["callbackUrl"]
        assert url == f"{callback_url}/submitworkflowresult"
        port = sandbox.url.rpartition(":")[2]
        for name, status in ((f"host.docker.internal{dot}", 200), ("elsewhere.example", 421)):
            answer = httpx.get(sandbox.url, headers={"Host": f"{name}:{port}"})
            assert answer.status_code == status


@pytest.mark.parametrize(
    "address",
    [
        "host.docker.internal:8321",
        "nonsense",
        "http://",
        "ftp://x",
        "http://a b",
        "http://a?b=c",
        "http://a/#b",
    ],
)
def test_what_is_no_address_is_not_called_back(address: str) -> None:
    with pytest.raises(ConfigError, match="is no address"):
        Sandbox(callback_url=address)


def test_what_was_under_way_when_it_stopped_is_installed_at_the_next_start(tmp_path: Any) -> None:
    recorder = Recorder()
    with Sandbox(data=tmp_path, engine=lambda: recorder) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform)
        sandbox._do(
            lambda rules: rules.store.run(
                "UPDATE instances SET rollout_status = 'pending', engine_ids = '{}'"
            )
        )
    with Sandbox(data=tmp_path, engine=lambda: recorder):
        assert len(recorder.installed) == 2
        assert recorder.installed[1].instance_id == deployed.instance_id


STAND_INS = """
from codika_nb.sandbox import stand_in

@stand_in("{workflow}")
def answer(payload):
    return {result!r}
"""


def test_a_stand_in_file_that_is_written_is_loaded_anew(
    platform: Platform, sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "codika_nb.sandbox.stand_ins")
    file = tmp_path / "mine.py"
    file.write_text(STAND_INS.format(workflow="greet", result="first"))
    sandbox.load_stand_ins(file)
    deployed = Deployed(platform)
    assert deployed.run({})["resultData"] == "first"
    file.write_text("this is no Python")
    while "The functions before go on" not in caplog.text:
        time.sleep(0.05)
    assert deployed.run({})["resultData"] == "first"
    file.write_text(STAND_INS.format(workflow="greet", result="the second"))
    while "has changed; it answers greet" not in caplog.text:
        time.sleep(0.05)
    assert deployed.run({})["resultData"] == "the second"
    assert len(caplog.records) == 2
    file.write_text(STAND_INS.format(workflow="another", result=3))
    while "it answers another" not in caplog.text:
        time.sleep(0.05)
    assert "echo" in deployed.run({})["resultData"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("raise SystemExit(3)", "does not import: SystemExit: 3"),
        ("raise KeyboardInterrupt", "interrupts"),
        (f"{STAND_INS.format(workflow='greet', result=1)}answer.__codika_stand_in__ = [], 1", "by a text"),
        (f"{STAND_INS.format(workflow='greet', result=1)}answer.__codika_stand_in__ = 'a', '1'", "positive"),
    ],
)
def test_a_stand_in_file_ends_neither_the_sandbox_nor_the_watch_over_it(
    platform: Platform, tmp_path: Path, caplog: pytest.LogCaptureFixture, written: str, said: str
) -> None:
    caplog.set_level("INFO", "codika_nb.sandbox.stand_ins")
    file = tmp_path / "mine.py"
    file.write_text(STAND_INS.format(workflow="greet", result="first"))
    platform.sandbox.load_stand_ins(file)
    deployed = Deployed(platform)
    until = time.monotonic() + 20
    file.write_text(written)
    while "The functions before go on" not in caplog.text and time.monotonic() < until:
        time.sleep(0.05)
    assert said in caplog.text
    assert deployed.run({})["resultData"] == "first"
    # What stands for something that is not there says so to whoever looks for a mark.
    lazy = "class Lazy:\n    def __getattr__(self, name):\n        raise RuntimeError(name)\nlazy = Lazy()\n"
    file.write_text(lazy + STAND_INS.format(workflow="greet", result="the second"))
    while "it answers greet" not in caplog.text and time.monotonic() < until:
        time.sleep(0.05)
    assert deployed.run({})["resultData"] == "the second"


def test_parameters_stay_readable_for_an_expression() -> None:
    value = {"a": {"b": "}} {{ \u2028"}, "list": [{"c": {}}]}
    text = "={{ {{INSTPARM_X_MRAPTSNI}}.a }}"
    filled = fill({"text": text}, {"INSTPARM_X": value}).workflow["text"]
    literal = filled.removeprefix("={{ ").removesuffix(".a }}")
    assert "{{" not in literal
    assert "}}" not in literal
    assert literal.isascii()
    assert json.loads(literal) == value


def test_names_of_members_are_no_placeholders() -> None:
    name = "{{PROCDATA_PROCESS_ID_ATADCORP}}"
    filled = fill({name: [name, "{{PROCDATA_PROCESS_ID_MRAPTSNI}}"]}, {"PROCDATA_PROCESS_ID": "p1"})
    assert filled == ({name: ["p1", "{{PROCDATA_PROCESS_ID_MRAPTSNI}}"]}, ())
