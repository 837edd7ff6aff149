"""One question, one answer: which account is meant, which instance, which server; asked in every place."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from array import array
from collections import deque
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from codika_nb import (
    APIError,
    AsyncClient,
    Client,
    CodikaError,
    ConfigError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSignedIn,
    Playground,
    Profile,
    ProfileStore,
    Sandbox,
    SignInForm,
    UseCase,
    UseCaseError,
    asign_in,
    sign_in,
)
from codika_nb.client.api import instances
from codika_nb.client.deployed import forget
from codika_nb.client.payloads import as_json
from codika_nb.notebook.remote_sandbox import find
from codika_nb.profiles import PRODUCTION
from codika_nb.profiles.credential import context, resolve
from codika_nb.sandbox import stand_ins
from tests.conftest import EMAIL, copied
from tests.kernels import Kernel, kernel


@pytest.fixture
def ada(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """Ada's account, signed in to."""
    monkeypatch.setenv("CODIKA_BASE_URL", sandbox.url)
    return sign_in(EMAIL, ask_code=sandbox.code_for, company="Acme")


@pytest.fixture
def score(tmp_path: Path, sandbox: Sandbox) -> Path:
    """A second use case, whose workflow is called main-workflow."""
    UseCase.init(tmp_path / "score", name="Score")
    sandbox.load_stand_ins(tmp_path / "score" / "stand_ins.py")
    return tmp_path / "score"


@pytest.fixture
def shell(tmp_path: Path, own_settings: Path, sandbox: Sandbox) -> Iterator[Kernel]:
    with kernel(
        tmp_path,
        XDG_CONFIG_HOME=str(own_settings),
        IPYTHONDIR=str(tmp_path / "ipython"),
        CODIKA_BASE_URL=sandbox.url,
    ) as running:
        assert not running.run("%load_ext codika_nb").error
        yield running


# --- which instance --------------------------------------------------------------------------------


def test_what_a_client_has_deployed_is_what_it_runs(ada: Profile, greeter: Path, score: Path) -> None:
    with Client() as client:
        greeting, scoring = client.deploy_use_case(greeter), client.deploy_use_case(score)
        # By the workflow, whichever was deployed last; without one, the last.
        assert client.run_workflow("greet", {"name": "Ada"}).result["greeting"] == "Hello, Ada!"
        assert client.run_workflow("main-workflow", {"text": "a b"}).result
        assert client.get_instance().process_instance_id == scoring.process_instance_id
        runs = client.run_many("greet", [{"name": "x"}], progress=False)
        assert runs.instance == greeting.process_instance_id
        assert Playground(workflow="greet").instance == greeting.process_instance_id
        assert Playground(client, "greet").instance == greeting.process_instance_id
    with Client() as another:
        assert another.run_workflow("greet", {"name": "x"}).result


def test_workflows_of_one_name_are_each_answered_by_the_functions_of_their_use_case(
    ada: Profile, sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "use-cases"
    UseCase.init(folder / "words", name="Words")
    assert sandbox.load_stand_ins(folder) == ["main-workflow"]
    # Made while the sandbox runs; its file is loaded last, and answers its own workflow alone.
    UseCase.init(folder / "letters", name="Letters")
    (folder / "letters" / "stand_ins.py").write_text(
        "from codika_nb.sandbox import stand_in\n"
        '@stand_in("main-workflow")\n'
        "def count(payload):\n"
        "    return {'text': payload['text'], 'words': -len(payload['text'])}\n"
    )
    with Client() as client:
        words, letters = (
            client.deploy_use_case(folder / name).process_instance_id for name in ("words", "letters")
        )
        while (
            client.run_workflow("main-workflow", {"text": "a b"}, instance=letters).result.get("words") != -3
        ):
            time.sleep(0.05)
        assert client.run_workflow("main-workflow", {"text": "a b"}, instance=words).result["words"] == 2


def test_a_use_case_without_functions_is_not_answered_by_those_of_another(
    ada: Profile, sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "use-cases"
    for name in ("words", "again"):
        UseCase.init(folder / name, name=name)
    (folder / "again" / "stand_ins.py").unlink()
    sandbox.load_stand_ins(folder)
    with Client() as client:
        words, again = (
            client.deploy_use_case(folder / name).process_instance_id for name in ("words", "again")
        )
        assert client.run_workflow("main-workflow", {"text": "a b"}, instance=words).result["words"] == 2
        echo = client.run_workflow("main-workflow", {"text": "a b"}, instance=again).result
        assert echo["echo"] == {"text": "a b"}
        assert [find(sandbox.url, each).stand_ins for each in (words, again)] == [("main-workflow",), ()]  # type: ignore[union-attr]


@pytest.mark.parametrize("written", ["def broken(:\n", "import no_such_module\n", "x = 1\n"])
def test_functions_that_cannot_be_loaded_do_not_answer_as_they_did_before(
    ada: Profile, sandbox: Sandbox, tmp_path: Path, written: str
) -> None:
    file = UseCase.init(tmp_path / "use-cases" / "words", name="Words").path / "stand_ins.py"  # type: ignore[operator]
    right = file.read_text()
    sandbox.load_stand_ins(tmp_path / "use-cases")
    with Client() as client:
        instance = client.deploy_use_case(file.parent).process_instance_id
        assert client.run_workflow("main-workflow", {"text": "a b"}).result["words"] == 2
        file.write_text(written)
        while not (found := find(sandbox.url, instance)) or not found.problem:
            time.sleep(0.05)
        run = client.run_workflow("main-workflow", {"text": "a b"})
        assert run.status == "failed"
        assert str(file) in run.error_details.message  # type: ignore[union-attr]
        file.write_text(right + "\n")
        while client.run_workflow("main-workflow", {"text": "a b"}).status == "failed":
            time.sleep(0.05)


def test_what_has_just_been_written_answers_at_once(ada: Profile, sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "use-cases"
    UseCase.init(folder / "words", name="Words")
    sandbox.load_stand_ins(folder)
    with Client() as client:
        for n in range(3):
            use_case = UseCase.init(folder / f"new-{n}", name="New", workflow=f"new-{n}")
            instance = client.deploy_use_case(use_case).process_instance_id
            found = find(sandbox.url, instance)
            assert found is not None
            assert found.files == {f"new-{n}": f"new-{n}/stand_ins.py"}
            assert client.run_workflow(f"new-{n}", {"text": "a b"}).result["words"] == 2
            file = folder / f"new-{n}" / "stand_ins.py"
            file.write_text(file.read_text().replace("len(text.split())", f"-{n + 1}"))
            assert client.run_workflow(f"new-{n}", {"text": "a b"}).result["words"] == -(n + 1)
            file.write_text("def broken(:\n")
            assert client.run_workflow(f"new-{n}", {"text": "a b"}).status == "failed"


def test_a_file_that_does_not_end_its_import_keeps_no_run_waiting_for_long(
    ada: Profile, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_ins, "_PATIENCE", 0.2)
    folder = tmp_path / "use-cases"
    file = folder / "words" / "stand_ins.py"
    use_case = UseCase.init(folder / "words", name="Words", workflow="count")
    sandbox.load_stand_ins(folder)
    with Client() as client:
        client.deploy_use_case(use_case)
        go_on = tmp_path / "go-on"
        waiting = f"import pathlib, time\nwhile not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.01)\n"
        file.write_text(file.read_text().replace("len(text.split())", "0") + waiting)
        for _ in range(2):
            assert client.run_workflow("count", {"text": "a b"}).result["words"] == 2
        go_on.touch()
        while client.run_workflow("count", {"text": "a b"}).result["words"] != 0:
            time.sleep(0.05)


def test_what_is_published_and_off_is_not_replaced_by_its_development(
    ada: Profile, sandbox: Sandbox, greeter: Path
) -> None:
    with Client() as client:
        client.publish_use_case(client.deploy_use_case(greeter))
        client.deactivate_instance("prod")
    forget()
    with Client() as another:
        with pytest.raises(CodikaError, match="not active"):
            another.run_workflow("greet", {"name": "x"})
        assert another.run_workflow("greet", {"name": "x"}, instance="dev").status == "success"
        with pytest.raises(NotFoundError, match="There is no workflow “gret”") as missing:
            another.list_executions("gret")
        assert "greet" in (missing.value.next_action or "")


def test_workflows_of_several_instances_are_listed_by_name(
    ada: Profile, sandbox: Sandbox, greeter: Path
) -> None:
    with Client() as client:
        client.deploy_use_case(greeter)
        for name in ("words", "more"):
            UseCase.init(greeter.parent / name, name=name, workflow=f"count-{name}")
            client.deploy_use_case(greeter.parent / name)
        assert list(client.workflows()) == ["count-more"]
        assert "Of instance" in repr(client.workflows())
        forget()
        assert set(client.workflows()) == {"count-more", "count-words", "greet"}
        assert client.workflows()["greet"](name="Ada")["greeting"] == "Hello, Ada!"
        UseCase.init(greeter.parent / "again", name="again", workflow="count-more")
        client.deploy_use_case(greeter.parent / "again")
        forget()
        found = client.workflows()
        assert set(found) == {"count-words", "greet"}
        assert "one has to be named (instance=…): count-more." in repr(found)


def test_what_is_published_is_meant_by_its_name(ada: Profile, sandbox: Sandbox, greeter: Path) -> None:
    with Client() as client:
        deployed = client.deploy_use_case(greeter)
        project = UseCase.load(greeter).project
        assert project is not None
        published = client.publish_use_case(deployed, project_id=project.project_id).process_instance_id
        assert published not in (None, deployed.process_instance_id)
    forget()
    with Client() as another:
        assert another.run_workflow("greet", {"name": "x"}).instance == published
        assert len(another.list_executions()) == 1
        assert [flow.instance for flow in another.workflows().values()] == [published]
        UseCase.init(greeter.parent / "words", name="Words")
        another.deploy_use_case(greeter.parent / "words")
    forget()
    with Client() as another:
        assert another.run_workflow("greet", {"name": "x"}).instance == published
        with pytest.raises(ConfigError, match="Which process instance is meant") as unclear:
            another.list_executions()
        assert len(unclear.value.details["instances"]) == 2
        _, *choices = (unclear.value.next_action or "").splitlines()
        assert len(choices) == 3, "that in development may be meant as well"
        of_it = [
            each for each in choices if str(published) in each or str(deployed.process_instance_id) in each
        ]
        assert ["prod" in each for each in of_it] == [True, False]
        assert choices.index(of_it[1]) == choices.index(of_it[0]) + 1


def test_an_environment_of_a_key_that_may_not_look_is_named_in_the_error(
    ada: Profile, sandbox: Sandbox, greeter: Path
) -> None:
    with Client() as client:
        client.deploy_use_case(greeter)
        key = client.create_organization_key("CI", scopes=["workflows:trigger"]).raw.get_secret_value()
    forget()
    with Client(auth=key, base_url=sandbox.url, instance="prod") as client:
        with pytest.raises(ConfigError, match="Which process instance is “prod”") as unclear:
            client.run_workflow("greet", {"name": "x"})
        assert unclear.value.next_action == "Give its whole id, or use a key with instances:read."
        with pytest.raises(ConfigError, match="Which process instance is “…01234567”"):
            client.run_workflow("greet", {"name": "x"}, instance="…01234567")


def test_a_playground_says_in_which_environment_it_runs(
    shell: Kernel, ada: Profile, sandbox: Sandbox, greeter: Path
) -> None:
    shell.run(f"d = %codika_deploy {greeter} --publish")
    for options, environment in (("", "production"), ("--instance dev", "development")):
        shell.run(f"p = %codika_playground greet {options}")
        assert f"<small>{environment} at {sandbox.url}" in shell.run("p._header.value").text
    shell.run(f"from codika_nb import Playground; p = Playground(use_case={str(greeter)!r})")
    assert f"<small>production at {sandbox.url}" in shell.run("p._header.value").text


def test_an_instance_that_is_set_counts_as_one_that_was_given(ada: Profile, greeter: Path) -> None:
    with Client() as client:
        deployed = client.deploy_use_case(greeter)
        live = client.publish_use_case(deployed).process_instance_id
        assert client.run_workflow("greet", {"name": "x"}).instance == live
        for given, meant in (("dev", deployed.process_instance_id), ("prod", live), (live, live)):
            client.instance = given
            assert client.run_workflow("greet", {"name": "x"}).instance == meant
            assert client.with_options(timeout=9).run_workflow("greet", {"name": "x"}).instance == meant
            assert client.workflow("greet").instance == meant
            assert client.list_executions("greet").instance == meant
        assert client.list_executions("greet", instance="dev").instance == deployed.process_instance_id
        assert client.list_executions(live).instance == live
        client.instance = deployed.process_instance_id
        assert client.run_workflow("greet", {"name": "x"}).instance == deployed.process_instance_id

        async def awaited() -> str | None:
            async with client.to_async() as other:
                other.instance = live
                return (await other.run_workflow("greet", {"name": "x"})).instance

        assert asyncio.run(awaited()) == live
        with pytest.raises(ConfigError, match="an empty one"):
            client.instance = " "
        client.instance = None
        assert client.run_workflow("greet", {"name": "x"}).instance == live


def test_what_could_not_be_deployed_is_not_meant(ada: Profile, sandbox: Sandbox, greeter: Path) -> None:
    with Client() as client:
        good = client.deploy_use_case(greeter).process_instance_id
        broken = copied("greeter", greeter.parent / "broken")
        flow = json.loads((broken / "workflows" / "greet.json").read_text())
        flow["nodes"][-1]["parameters"]["later"] = "{{ORGSECRET_NOWHERE_TERCESORG}}"
        (broken / "workflows" / "greet.json").write_text(json.dumps(flow))
        assert client.deploy_use_case(broken, verify=False).deployment_status == "failed"
    forget()
    with Client() as another:
        assert another.run_workflow("greet", {"name": "x"}).instance == good


def test_the_order_is_the_same_in_every_place(
    ada: Profile, greeter: Path, score: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client() as client:
        here = client.deploy_use_case(greeter).process_instance_id
        elsewhere = client.deploy_use_case(score).process_instance_id
    forget()
    with Client() as client:
        client.deploy_use_case(greeter)
    monkeypatch.setenv("PROCESS_INSTANCE_ID", f" {elsewhere}\n")
    with Client() as client:
        assert client.run_workflow("greet", {"name": "x"}).instance == here  # deployed here counts more
        assert client.run_workflow("main-workflow", {"text": "a"}).instance == elsewhere
        assert client.trigger_workflow("greet", {"name": "x"}, instance=here).instance == here
        assert Playground(client, "greet").instance == here
        assert client.run_many("main-workflow", [{"text": "a"}], progress=False).instance == elsewhere


def test_after_a_restart_a_workflow_is_found_by_its_name(ada: Profile, greeter: Path, score: Path) -> None:
    with Client() as client:
        here = client.deploy_use_case(greeter).process_instance_id
        client.deploy_use_case(score)
    forget()
    with Client() as client:
        run = client.trigger_workflow("greet", {"name": "Ada"})
        assert run.instance == here
        assert client.wait_for(run).result["greeting"] == "Hello, Ada!"
        with pytest.raises(NotFoundError, match="no workflow “nope”") as unknown:
            client.run_workflow("nope")
        assert "greet" in (unknown.value.next_action or "")
        with pytest.raises(ConfigError, match="Which process instance is meant") as several:
            client.list_executions()
        assert str(here) in (several.value.next_action or "")


@pytest.mark.parametrize("anew", [True, False])
def test_a_run_is_found_by_its_id_wherever_it_was_started(
    ada: Profile, greeter: Path, score: Path, anew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codika_nb.client.api.runs.UNKNOWN_AT_FIRST", 0.1)
    with Client() as client:
        deployed = client.deploy_use_case(greeter)
        here, project = deployed.process_instance_id, UseCase.load(greeter).project
        assert project is not None
        client.publish_use_case(deployed, project_id=project.project_id)
        run = client.run_workflow("greet", {"name": "Ada"}, instance=here).execution_id
        client.deploy_use_case(score)
        if anew:
            forget()
        assert client.get_execution(run).status == "success"
        assert client.get_execution_status(run).instance == here
        ended = client.wait_for(run)
        assert ended.result["greeting"] == "Hello, Ada!"
        assert ended.instance == here
        with pytest.raises(NotFoundError, match="no such execution") as unknown:
            client.get_execution("01a0-nope")
        assert "list_executions(workflow=…)" in str(unknown.value)
        with pytest.raises(NotFoundError, match="no such execution") as unknown:
            client.wait_for("01a0-nope")
        assert unknown.value.execution_id == "01a0-nope"


def test_a_kernel_goes_on_with_who_signs_in_by_code(
    shell: Kernel, sandbox: Sandbox, greeter: Path, own_settings: Path
) -> None:
    shell.run("from codika_nb.profiles.credential import context; context.reset()")  # as a new kernel begins
    shell.run("from codika_nb import Client, ProfileStore, sign_in; s = %codika_sandbox")
    sign = "sign_in('{0}@example.com', ask_code=s.code_for, company='{0}')"
    who = "Client().whoami().organization_name"
    shell.run(sign.format("Qa"))
    shell.run(f"_ = %codika_deploy {greeter}")  # from here on the kernel works with that account
    for name in ("Qb", "Qc"):
        shell.run(sign.format(name))
        assert shell.run(who).text.strip() == repr(name)
        shell.run(f"%codika_use {name.lower()}")
    shell.run(sign.format("Qd").replace("company", "store=None, company"))  # which is nobody's profile
    assert shell.run(who).text.strip() == "'Qc'"
    # One that was logged out of elsewhere does not stand in the way.
    shell.run("ProfileStore().remove('qc')")
    gone = shell.run(who)
    assert "%codika_use takes another one" in "".join(gone.traceback)
    shell.run(sign.format("Qe"))
    assert shell.run(who).text.strip() == "'Qe'"
    shell.run("%codika_sandbox --stop")


def test_nothing_deployed_and_nothing_named(ada: Profile) -> None:
    with Client() as client, pytest.raises(ConfigError, match="Nothing is deployed"):
        client.run_workflow("greet")


def test_a_run_knows_where_it_is(ada: Profile, greeter: Path, score: Path) -> None:
    with Client() as client:
        here = client.deploy_use_case(greeter).process_instance_id
        started = client.trigger_workflow("greet", {"name": "x"}, instance=here)
        client.deploy_use_case(score)  # which would be meant otherwise
        ended = client.wait_for(started)
        assert ended.result
        assert client.get_execution(ended).codika_execution_id == ended.execution_id
        assert client.get_execution_status(client.list_executions(here)[0]).result
        assert "instance" not in started.model_dump(by_alias=True)


def test_another_account_does_not_run_what_this_one_has_deployed(
    ada: Profile, sandbox: Sandbox, greeter: Path
) -> None:
    with Client(profile=ada.name) as client:
        client.deploy_use_case(greeter)
    bob = sign_in("bob@example.com", ask_code=sandbox.code_for, company="Bob")
    with Client(profile=bob.name) as client, pytest.raises(ConfigError, match="Nothing is deployed"):
        client.run_workflow("greet", {"name": "x"})


# --- what a payload is ------------------------------------------------------------------------------


class Point(NamedTuple):
    x: Any
    y: Any


class Colour(Enum):
    RED = "red"


VALUES: list[tuple[Any, Any]] = [
    (np.int64(3), 3),
    (np.float32(0.5), 0.5),
    (np.longdouble(0.5), 0.5),
    (np.array([0.5, np.nan], dtype=np.longdouble), [0.5, None]),
    (np.bool_(True), True),
    (np.array([1, 2]), [1, 2]),
    (np.array(7), 7),
    (np.array([[1.5], [np.nan]]), [[1.5], [None]]),
    (np.datetime64("2026-01-02T03:04:05"), "2026-01-02T03:04:05"),
    (np.datetime64("2026-01-02T03:04:05.120"), "2026-01-02T03:04:05.120000"),
    (np.datetime64("2026-01-02T03:04:05.000000001"), "2026-01-02T03:04:05.000000001"),
    (np.datetime64("300000-01"), "300000-01-01T00:00:00"),
    (np.timedelta64(90, "m"), 5400.0),
    (np.timedelta64(1500, "ns"), 1.5e-06),
    (np.timedelta64(10**17, "s"), 1e17),
    (pd.Timestamp("2026-01-02", tz="UTC"), "2026-01-02T00:00:00+00:00"),
    (pd.Timedelta("1min"), 60.0),
    (pd.Series([1, 2]), [1, 2]),
    (range(3), [0, 1, 2]),
    ((1, "a"), [1, "a"]),
    (Decimal("1.5"), 1.5),
    (date(2026, 1, 2), "2026-01-02"),
    (timedelta(seconds=90), 90.0),
    (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
    ({1: {"deep": np.int8(1)}}, {"1": {"deep": 1}}),
    (np.ma.array([1, 2], mask=[False, True]), [1, None]),
    (pd.DataFrame({"a": [1, 2], "b": [0.5, None]}), [{"a": 1, "b": 0.5}, {"a": 2}]),
    (Point(np.int64(1), date(2026, 1, 2)), [1, "2026-01-02"]),
    (deque([np.int64(1)]), [1]),
    ({"a": np.int64(1)}.values(), [1]),
    ({"a": 1}.keys(), ["a"]),
    (array("i", [1, 2]), [1, 2]),
    (Colour.RED, "red"),
    (None, None),
]


@pytest.mark.parametrize(("value", "sent"), VALUES, ids=lambda value: type(value).__name__)
def test_one_conversion_wherever_payloads_are_taken(value: Any, sent: Any) -> None:
    assert as_json({"v": value}) == {"v": sent}
    assert json.loads(json.dumps(as_json([value]), allow_nan=False)) == [sent]


def test_a_moment_is_the_same_whether_pandas_is_there_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [(value, sent) for value, sent in VALUES if isinstance(value, np.datetime64 | np.timedelta64)]
    monkeypatch.delitem(sys.modules, "pandas")
    assert [as_json(value) for value, _ in moments] == [sent for _, sent in moments]


@pytest.mark.filterwarnings(
    "ignore:The 'generic' unit:DeprecationWarning"
)  # which numpy 2.5 says of the last
@pytest.mark.parametrize("given", [(1, "Y"), (1, "M"), (1,)])
def test_a_span_without_a_length_is_refused_as_what_is_no_json(given: Any) -> None:
    span = np.timedelta64(*given)
    assert as_json({"v": span}) == {"v": span}
    client = Client(auth="cko_0123456789abcdef", base_url="http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="cannot be written as JSON"):
        client.run_workflow("greet", {"v": span}, instance="i")


@pytest.mark.parametrize(
    "missing", [float("nan"), np.nan, pd.NaT, pd.NA, np.datetime64("NaT", "D"), Decimal("nan")]
)
def test_what_is_missing_is_left_out(missing: Any) -> None:
    assert as_json({"v": missing, "w": [missing], "x": 1}) == {"w": [None], "x": 1}


def test_payloads_of_a_data_scientist_are_run(ada: Profile, greeter: Path, sandbox: Sandbox) -> None:
    @sandbox.workflow("greet")
    def greet(payload: dict[str, Any]) -> dict[str, Any]:
        return {"got": payload}

    frame = pd.DataFrame({"name": ["a", "b"], "n": [1.0, float("nan")]})
    with Client() as client:
        client.deploy_use_case(greeter, verify=False)
        assert client.run_workflow("greet", {"name": np.str_("x")}).result["got"]["name"] == "x"
        records: list[Any] = frame[["name"]].to_dict("records")
        rows = client.run_many("greet", records, progress=False)
        assert [each["got"]["name"] for each in rows.results] == ["a", "b"]
        row: Any = frame[["name"]].iloc[0]
        assert client.run_workflow("greet", row).result["got"]["name"] == "a"
        two: Any = np.int64(2)
        (again,) = client.run_many("greet", [row], progress=False, concurrency=two)
        assert again.status == "success"
        # A row knows its run, wherever one is asked for.
        assert client.get_execution(again).status == "success"
        assert client.wait_for(again).execution_id == again.execution_id
        assert len(client.list_executions(limit=two)) == 2


def test_production_is_meant_whoever_has_deployed_what_it_runs(ada: Profile, greeter: Path) -> None:
    with Client() as client:
        first = client.deploy_use_case(greeter)
        forget()  # as if that had been done in a shell
        second = client.deploy_use_case(greeter)
        here = UseCase.load(greeter).project
        assert here is not None
        live = client.publish_use_case(first.template_id or "", project_id=here.project_id)
        assert live.process_instance_id not in (None, second.process_instance_id)
        assert client.run_workflow("greet", {"name": "Ada"}).instance == live.process_instance_id
        third = client.deploy_use_case(greeter)
        assert client.run_workflow("greet", {"name": "Ada"}).instance == third.process_instance_id


def test_a_run_that_has_been_started_says_how_to_wait_for_its_result(ada: Profile, greeter: Path) -> None:
    with Client() as client:
        client.deploy_use_case(greeter)
        started = client.trigger_workflow("greet", {"name": "Ada"})
        with pytest.raises(
            AttributeError, match=r"Triggered has no result: client\.wait_for\(run\)\.result has it"
        ):
            _ = started.result  # type: ignore[attr-defined]
        assert client.wait_for(started).result


def test_what_an_instance_alone_has_is_listed_with_the_rest(ada: Profile, greeter: Path) -> None:
    with Client() as client:
        client.set_integration("openai", secrets={"OPENAI_API_KEY": "x"})
        assert [each.integration_id for each in client.list_integrations()] == ["openai"]
        client.deploy_use_case(greeter)
        client.set_integration("telegram", secrets={"TELEGRAM_ACCESS_TOKEN": "x"})
        for listed in (client.list_integrations(), client.list_integrations(instance="development")):
            assert [each.integration_id for each in listed] == ["openai", "telegram"]


def test_what_is_switched_off_says_how_it_is_switched_on(ada: Profile, greeter: Path) -> None:
    with Client() as client:
        here = client.deploy_use_case(greeter).process_instance_id
        client.deactivate_instance(here)
        with pytest.raises(ConflictError) as refused:
            client.run_workflow("greet", {"name": "x"}, instance=here)
    assert "activate_instance(ID) switches it on" in str(refused.value)


def test_what_is_no_name_of_a_workflow_is_said(ada: Profile, greeter: Path) -> None:
    with Client() as client:
        client.deploy_use_case(greeter)
        for odd in (5, b"greet", ["greet"]):
            with pytest.raises(ConfigError, match="A workflow is named by a text"):
                client.workflow(odd)  # type: ignore[arg-type]
            with pytest.raises(ConfigError, match="A workflow is named by a text"):
                client.list_executions(workflow=odd)  # type: ignore[arg-type]
        with pytest.raises(
            ConfigError, match='Give its id, "greet"; or call the function itself, and its map'
        ):
            client.run_many(client.workflow("greet"), [{"name": "Ada"}])  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="not an empty text"):
            client.wait_for("")
        (refused,) = client.run_many("greet", [{"name": 5}], progress=False)
        with pytest.raises(ConfigError, match="not one that was never started"):
            client.get_execution(refused)


# --- deploying -------------------------------------------------------------------------------------


def test_a_project_that_is_refused_is_not_the_folders(ada: Profile, greeter: Path) -> None:
    with Client() as client:
        with pytest.raises(APIError) as refused:
            client.deploy_use_case(greeter, project_id="nosuchproject0000000")
        assert refused.value.code == "PROJECT_NOT_FOUND"
        assert not (greeter / "project.json").exists()
        assert client.deploy_use_case(greeter).version == "1.0"


def test_a_deployment_that_cannot_be_written_down_is_kept(
    ada: Profile, greeter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_case = UseCase.load(greeter)

    def fail(*_: object, **__: object) -> None:
        raise UseCaseError("version.json cannot be written: the disk is full.")

    monkeypatch.setattr(use_case, "record", fail)
    with Client() as client:
        with pytest.raises(UseCaseError, match="disk is full") as unrecorded:
            client.deploy_use_case(use_case)
        made = unrecorded.value.deployment
        assert made.version == "1.0"
        run = client.run_workflow("greet", {"name": "x"})
        assert run.instance == made.process_instance_id


def test_a_folder_that_cannot_be_written_makes_no_project(ada: Profile, greeter: Path) -> None:
    (greeter / "deployments").write_text("a file")
    with Client() as client:
        for _ in range(2):
            with pytest.raises(UseCaseError):
                client.deploy_use_case(greeter)
        assert len(client.list_projects()) == 0


# --- the loop stays free ---------------------------------------------------------------------------


def test_an_awaited_deployment_leaves_the_loop_free(ada: Profile, greeter: Path) -> None:
    """The configuration waits until the loop has gone round: on the loop itself, it would wait for ever."""
    told = greeter.parent / "told"
    (greeter / "config.py").write_text(
        "import json, pathlib, time\n"
        f"until = time.monotonic() + 30\n"
        f"while not pathlib.Path({str(told)!r}).exists():\n"
        "    assert time.monotonic() < until, 'nobody went round'\n"
        "    time.sleep(0.005)\n"
        f"configuration = json.loads({(greeter / 'config.json').read_text()!r})\n"
    )
    (greeter / "config.json").unlink()

    async def main() -> tuple[str, int]:
        rounds = 0

        async def tick() -> None:
            nonlocal rounds
            while True:
                await asyncio.sleep(0)
                rounds += 1
                if rounds == 100:
                    told.touch()

        async with AsyncClient() as client:
            ticking = asyncio.create_task(tick())
            deployed = await client.deploy_use_case(greeter)
            ticking.cancel()
        return deployed.version, rounds

    version, rounds = asyncio.run(main())
    assert version == "1.0"
    assert rounds > 100


def test_an_awaited_question_leaves_the_loop_free(ada: Profile, sandbox: Sandbox) -> None:
    gone_round = threading.Event()

    def ask(email: str) -> str:
        assert gone_round.wait(30), "the loop stands still while somebody looks for the code"
        return sandbox.code_for(email)

    async def tick() -> None:
        await asyncio.sleep(0.05)
        gone_round.set()

    async def main() -> Profile:
        profile, _ = await asyncio.gather(asign_in("grace@example.com", ask_code=ask, company="Navy"), tick())
        return profile

    assert asyncio.run(main()).organization_name == "Navy"


def test_a_question_may_be_awaited(ada: Profile, sandbox: Sandbox) -> None:
    async def ask(email: str) -> str:
        await asyncio.sleep(0)
        return sandbox.code_for(email)

    assert asyncio.run(asign_in("grace@example.com", ask_code=ask)).api_key


def test_secrets_are_asked_for_off_the_loop(
    ada: Profile, greeter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_round = threading.Event()

    def typed(_: str) -> str:
        assert gone_round.wait(30), "the loop stands still while somebody types"
        return "sk-example"

    monkeypatch.setattr("getpass.getpass", typed)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    async def main() -> str:
        async def tick() -> None:
            await asyncio.sleep(0.05)
            gone_round.set()

        async with AsyncClient() as client:
            connected, _ = await asyncio.gather(client.set_integration("openai"), tick())
        return connected.message

    assert "connected" in asyncio.run(main())


# --- which server ----------------------------------------------------------------------------------


def test_a_form_signs_in_where_everything_else_does(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SignInForm().signin.base_url == PRODUCTION
    context.base_url = sandbox.url
    assert SignInForm().signin.base_url == sandbox.url
    context.reset()
    monkeypatch.setenv("CODIKA_BASE_URL", f"{sandbox.url}/")
    assert SignInForm("login").signin.base_url == sandbox.url


def test_a_sandbox_that_is_gone_is_no_server_to_anybody() -> None:
    with Sandbox() as gone:
        url = gone.url
        sign_in(EMAIL, ask_code=gone.code_for, base_url=url, company="Acme")
        assert resolve().base_url == url
    assert resolve().base_url == SignInForm().signin.base_url == PRODUCTION
    with Client() as client, pytest.raises(NotSignedIn, match="sandbox that runs no more"):
        client.whoami()
    with Client(profile="acme") as client:  # which somebody has named
        assert client.base_url == url


def test_blanks_around_a_variable_do_not_count(
    ada: Profile, greeter: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Client() as client:
        here = client.deploy_use_case(greeter).process_instance_id
    forget()
    (tmp_path / ".env").write_text(f'PROCESS_INSTANCE_ID=" {here} "\n')
    with Client(env_file=tmp_path / ".env") as client:
        assert client.run_workflow("greet", {"name": "x"}).result
    monkeypatch.setenv("PROCESS_INSTANCE_ID", f"{here}\r\n")
    with Client() as client:
        assert client.instance == here


# --- the recipe for scripts ------------------------------------------------------------------------


def test_a_code_from_an_interrupted_attempt_is_asked_for_once(ada: Profile, sandbox: Sandbox) -> None:
    def leave(_: str) -> str:
        raise KeyboardInterrupt

    for purpose in ("signup", "login"):
        sandbox.clock.advance(60)
        with pytest.raises(KeyboardInterrupt):
            sign_in(EMAIL, ask_code=leave)
        asked: list[str] = []

        def ask(email: str, asked: list[str] = asked) -> str:
            asked.append(email)
            return sandbox.code_for(email)

        assert sign_in(EMAIL, ask_code=ask, purpose=purpose).organization_name == "Acme"
        assert asked == [EMAIL]


@pytest.fixture
def platform() -> Iterator[Any]:
    """A server that answers each path with what it is given."""
    answers: dict[str, tuple[int, dict[str, Any]]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answers[self.path]
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 - as the library calls it

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ((403, {"success": False, "error": "No.", "code": "FORBIDDEN"}), "No."),
        (
            (200, {"success": True, "execution": {"executionId": "e-1", "status": "pending"}}),
            "not ended within",
        ),
    ],
)
def test_a_run_that_has_started_can_be_taken_up_whatever_comes_after(
    shell: Kernel, platform: Any, status: Any, says: str
) -> None:
    url, answers = platform
    answers["/triggerwebhookpublic/i/w"] = 200, {"success": True, "executionId": "e-1"}
    answers["/getexecutionstatuspublic/i/e-1"] = status
    shell.run(f"%env CODIKA_BASE_URL={url}")
    shell.run(f"%env CODIKA_API_KEY=cko_{'k' * 64}")
    said = "\n".join(shell.run("_ = %codika_trigger w --instance i --timeout 0").traceback)
    assert says in said
    assert "from codika_nb import Client; run = Client().wait_for('e-1', instance='i')" in said


def test_what_is_no_instance_may_be_a_workflow(shell: Kernel, ada: Profile, greeter: Path) -> None:
    said = "\n".join(shell.run("_ = %codika_executions --instance greet").traceback)
    assert "Deploy a use case first: %codika_deploy FOLDER" in said
    shell.run(f"_ = %codika_deploy {greeter}")
    said = "\n".join(shell.run("_ = %codika_executions --instance nope").traceback)
    assert "%codika_instances lists them." in said
    shell.run("_ = %codika_trigger greet name=Ada")
    assert "(development)" in shell.run("_ = %codika_executions --instance greet").text
    shell.run("from codika_nb import Client; from codika_nb.client.deployed import forget")
    for anew in ("", "forget(); "):
        listed = f"{anew}[each.status for each in Client().list_executions(' greet')]"
        assert "['success']" in shell.run(listed).text
    shell.run(f"_ = %codika_deploy {copied('greeter', greeter.parent / 'again')}")
    several = shell.run("forget(); Client().list_executions('greet')")
    assert "Workflow “greet” is in several process instances." in "".join(several.traceback)


def test_a_client_may_be_for_one_instance(
    ada: Profile, greeter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = copied("greeter", greeter.parent / "again")
    with Client() as client:
        first, last = (client.deploy_use_case(each).process_instance_id for each in (greeter, again))
        assert client.run_workflow("greet", {"name": "x"}).instance == last
    monkeypatch.setenv("PROCESS_INSTANCE_ID", str(last))
    with Client(instance=f" {first}") as client:
        assert client.instance == first
        assert client.run_workflow("greet", {"name": "x"}).instance == first
        assert client.run_workflow("greet", {"name": "x"}, instance=last).instance == last
        assert client.run_many("greet", [{"name": "x"}], progress=False).instance == first
        assert client.workflow("greet").instance == first
        assert Playground(client, "greet").instance == first
        assert client.with_options(timeout=5).get_instance().process_instance_id == first

        async def awaited() -> str | None:
            async with client.to_async() as other:
                return (await other.run_workflow("greet", {"name": "x"})).instance

        assert asyncio.run(awaited()) == first
    with Client(instance="dev") as client:
        assert client.run_workflow("greet", {"name": "x"}).instance == last
        forget()
        described = f"…{str(first)[-6:]}"
        assert client.run_workflow("greet", {"name": "x"}, instance=described).instance == first
        assert client.list_executions(described)[0].instance == first
        assert Playground(client, "greet", instance=described).instance == first
        with pytest.raises(ConfigError, match="Which process instance is meant"):
            client.get_instance()
        with pytest.raises(NotFoundError, match="no process instance “prod”"):
            client.get_instance("prod")
    for wrong in ("", " ", 7):
        with pytest.raises(ConfigError, match="A process instance is named by a text"):
            Client(instance=wrong)  # type: ignore[arg-type]


def test_a_refusal_that_nobody_knows_is_final(platform: Any) -> None:
    url, answers = platform
    answers["/clirequestsignupotp"] = (
        200,
        {"success": True, "data": {"email": EMAIL, "expiresInSeconds": 600}},
    )
    refusal = {"success": False, "error": {"code": "OTP_TOO_SOON", "message": "Wait for it."}}
    answers["/clicompletesignup"] = 400, refusal
    with pytest.raises(InvalidRequestError, match="Wait for it") as refused:
        sign_in(EMAIL, ask_code=lambda _: "123456", base_url=url)
    assert refused.value.code == "OTP_TOO_SOON"


@pytest.mark.parametrize("answer", [None, 123456, ["123456"]])
def test_an_answer_that_is_no_text_is_refused(sandbox: Sandbox, answer: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        sign_in(EMAIL, ask_code=lambda _: answer, base_url=sandbox.url)
    assert refused.value.code == "OTP_INVALID"
    assert refused.value.next_action == "Return the digits from the mail."


# --- in a kernel -----------------------------------------------------------------------------------


def test_the_two_documented_commands_say_what_the_platform_says(
    shell: Kernel, sandbox: Sandbox, ada: Profile
) -> None:
    mails = len(sandbox.inbox)

    def document(line: str) -> dict[str, Any]:
        text = shell.run(line).text
        found: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
        return found

    refused = document(f"%codika_signup {EMAIL} --no-form --json")
    assert (refused["success"], refused["status"]) == (False, 409)
    assert refused["error"]["code"] == "USER_ALREADY_HAS_ORGANIZATION"
    refused = document("%codika_login nobody@example.com --no-form --json")
    assert (refused["status"], refused["error"]["code"]) == (404, "USER_NOT_FOUND")
    assert len(sandbox.inbox) == mails
    refused = document("%codika_signup x@example.com --key-expires-in 0 --no-form --json")
    assert (refused["success"], refused["error"]["code"]) == (False, "INVALID_EXPIRES_IN_DAYS")
    refused = document("%codika_signup x@example.com --base-url nonsense --no-form --json")
    assert refused["success"] is False
    assert refused["error"]["message"]
    # A code that was asked for by the other command completes all the same.
    assert "A code is on its way" in shell.run(f"%codika_signup {EMAIL} --no-form").text
    code = sandbox.code_for(EMAIL)
    assert "Signed in: Acme" in shell.run(f"_ = %codika_signup {EMAIL} --code {code}").text
    used = shell.run(f"_ = %codika_login {EMAIL} --code {code}")
    assert f"%codika_login {EMAIL} --no-form" in "".join(used.traceback)
    assert "button" not in "".join(used.traceback)
    assert "“Send a new code”" not in "".join(used.traceback)


def test_a_workflow_of_another_account_leads_to_it(
    shell: Kernel, ada: Profile, sandbox: Sandbox, greeter: Path
) -> None:
    with Client(profile=ada.name) as client:
        client.deploy_use_case(greeter)
    missed = "".join(shell.run("_ = %codika_trigger nope").traceback)
    assert "There is: greet." in missed
    assert "In use is" not in missed  # there is but one
    beta = sign_in("beta@example.com", ask_code=sandbox.code_for, company="Beta")  # in another notebook
    UseCase.init(greeter.parent / "words", name="Words")
    with Client(profile=beta.name) as client:
        client.deploy_use_case(greeter.parent / "words")
    shell.run("from codika_nb.profiles.credential import context; context.reset()")  # as a new kernel begins
    missed = "".join(shell.run("_ = %codika_trigger greet name=Ada").traceback)
    assert f"In use is profile beta; %codika_use {ada.name} takes another one." in missed


@pytest.mark.parametrize(
    "first", ["%codika_whoami", "_ = %codika_trigger greet name=Ada", "_ = %codika_instances"]
)
def test_who_signs_in_elsewhere_moves_no_kernel(
    shell: Kernel, ada: Profile, sandbox: Sandbox, greeter: Path, first: str
) -> None:
    """What a kernel has begun with it goes on with; another one begins with the active profile."""
    with Client(profile=ada.name) as client:
        client.deploy_use_case(greeter)
    assert not shell.run(first).error
    beta = sign_in("beta@example.com", ask_code=sandbox.code_for, company="Beta")
    assert ProfileStore().active() == beta
    assert "Acme" in shell.run("me = %codika_whoami").text
    assert "Hello, Ada!" in shell.run("_ = %codika_trigger greet name=Ada").text
    assert "Acme" in shell.run(f"_ = %codika_deploy {greeter}").text
    assert "Acme" in shell.run("from codika_nb import Client; print(Client().whoami().organization)").text
    shell.run(f"_ = %codika_use {beta.name}")
    assert "Beta" in shell.run("me = %codika_whoami").text
    shell.run(f"_ = %codika_use {ada.name}")
    shell.run("from codika_nb.profiles.credential import context; context.reset()")  # as a new kernel begins
    assert "Beta" in shell.run("me = %codika_whoami").text


def test_a_folder_of_two_accounts_is_deployed_by_the_one_in_use(
    shell: Kernel, ada: Profile, sandbox: Sandbox, greeter: Path
) -> None:
    """Whose link is first in project.json does not matter, in the magic as in Python."""
    bob = sign_in("bob@example.com", ask_code=sandbox.code_for, company="Acme")  # of the same name
    for profile in (ada, bob):
        with Client(profile=profile.name) as client:
            client.deploy_use_case(greeter)
    ProfileStore().use(str(ada.name))
    assert UseCase.load(greeter).links[0].organization_id == bob.organization_id
    dry = shell.run(f"_ = %codika_deploy {greeter} --dry-run").text
    deployed = shell.run(f"d = %codika_deploy {greeter}").text
    assert f"profile {ada.name}" in dry
    assert f"profile {ada.name}" in deployed
    assert "to which the folder belongs" not in deployed
    assert f"{ada.organization_id}" in shell.run("me = %codika_whoami\nprint(me.organization_id)").text
    shell.run("from codika_nb.profiles.credential import context; context.reset()")
    carl = sign_in("carl@example.com", ask_code=sandbox.code_for, company="Carl")
    assert ProfileStore().active() == carl
    theirs = shell.run(f"d = %codika_deploy {greeter}").text  # of two, the last one, by its profile's name
    assert f"Acme, profile {ada.name}, to which the folder belongs" in theirs


def test_an_empty_instance_is_none(ada: Profile, greeter: Path) -> None:
    """What a variable that is not set comes to must not be the one in use."""
    with Client() as client:
        client.deploy_use_case(greeter)
        run = client.run_workflow("greet", {"name": "x"})
        for call in (
            lambda: client.run_workflow("greet", {"name": "x"}, instance=""),
            lambda: client.list_executions(" "),
            lambda: client.get_execution(run.execution_id, instance=""),
            lambda: client.wait_for(run, instance=""),
            lambda: client.run_many("greet", [{"name": "x"}], instance="", progress=False),
            lambda: client.workflow("greet", instance=""),
            lambda: client.get_instance(""),
        ):
            with pytest.raises(
                ConfigError, match="A process instance is named by a text, not by an empty one"
            ):
                call()


def test_a_profile_that_another_notebook_has_removed(
    shell: Kernel, ada: Profile, sandbox: Sandbox, greeter: Path
) -> None:
    beta = sign_in("beta@example.com", ask_code=sandbox.code_for, company="Beta")
    assert "Beta" in shell.run("me = %codika_whoami").text
    ProfileStore().remove(str(beta.name))
    gone = shell.run("me = %codika_whoami")
    assert "Profile 'beta', with which this kernel has worked, was removed." in "".join(gone.traceback)
    assert "Known profiles: 'acme'" in "".join(gone.traceback)
    listed = shell.run("_ = %codika_use")
    assert not listed.error
    assert "acme" in listed.text
    assert shell.run(f"_ = %codika_deploy {greeter}").error == "ConfigError"  # as nobody else
    shell.run("_ = %codika_use acme")
    assert "Acme" in shell.run("me = %codika_whoami").text
    ProfileStore().remove("acme")
    assert shell.run("me = %codika_whoami").error == "NotSignedIn"


def test_variables_are_the_callers_own(shell: Kernel, ada: Profile, greeter: Path) -> None:
    shell.run(f"_ = %codika_deploy {greeter}")
    shell.run(
        """
def greet(payload):
    run = %codika_trigger greet $payload
    return run.result["greeting"]
def greet_braces(mine):
    run = %codika_trigger greet {mine}
    return run.result["greeting"]
payload = {"name": "GLOBAL"}
"""
    )
    assert "Hello, Local!" in shell.run('greet({"name": "Local"})').text
    assert "Hello, Mine!" in shell.run('greet_braces({"name": "Mine"})').text
    assert "Hello, GLOBAL!" in shell.run("_ = %codika_trigger greet $payload").text
    several = shell.run(
        '[get_ipython().run_line_magic("codika_trigger", "greet $each").result["greeting"] '
        'for each in ({"name": "A"}, {"name": "B"})]'
    )
    assert "['Hello, A!', 'Hello, B!']" in several.text
    assert shell.run("_ = %codika_trigger greet $nope").error == "UsageError"


def test_the_next_cells_use_the_account_that_has_deployed(
    shell: Kernel, ada: Profile, sandbox: Sandbox, greeter: Path
) -> None:
    with Client(profile=ada.name) as client:
        client.deploy_use_case(greeter)
    sign_in("beta@example.com", ask_code=sandbox.code_for, company="Beta")  # who is active from now on
    assert "Acme, to which the folder belongs" in shell.run(f"d = %codika_deploy {greeter}").text
    assert "Hello, Ada!" in shell.run('_ = %codika_trigger greet {"name": "Ada"}').text
    assert "greet" in shell.run("_ = %codika_executions").text
    assert "Acme" in shell.run("_ = %codika_whoami").text
    shell.run("from codika_nb import Client")
    ran = shell.run("with Client() as c: print(c.run_workflow('greet', {'name': 'x'}).result)")
    assert "Hello, x!" in ran.text
    form = shell.run("p = %codika_playground greet\np.instance == d.process_instance_id")
    assert "True" in form.text
    # What a person has chosen stays chosen.
    shell.run("_ = %codika_use beta")
    refused = shell.run('_ = %codika_trigger greet {"name": "Ada"}')
    assert refused.error == "ConfigError"
    assert "Nothing is deployed" in "".join(refused.traceback)
    refused = shell.run('_ = %codika_trigger greet {"name": "Ada"} --instance $d.process_instance_id')
    assert "In use is profile beta; %codika_use acme takes another one." in "".join(refused.traceback)
    shell.run("_ = %codika_use acme")
    assert "Hello, Ada!" in shell.run('_ = %codika_trigger greet {"name": "Ada"}').text
    left = shell.run("_ = %codika_logout beta")
    assert not left.error
    assert "In use" not in left.text, "acme was in use, and is"


def test_the_account_that_has_deployed_may_be_gone(
    shell: Kernel, ada: Profile, sandbox: Sandbox, greeter: Path
) -> None:
    sign_in("beta@example.com", ask_code=sandbox.code_for, company="Beta")
    shell.run("_ = %codika_use acme --save")
    shell.run(f"_ = %codika_deploy {greeter}")
    instance = json.loads((greeter / "project.json").read_text())["devProcessInstanceId"]
    assert "In use from now on: Beta, profile beta." in shell.run("_ = %codika_logout").text
    refused = shell.run('_ = %codika_trigger greet {"name": "Ada"}')
    told = "Profile acme, by which this kernel has deployed it, was logged out of. As Beta, profile beta."
    assert told in refused.text
    assert "Nothing is deployed in Beta (profile beta) yet." in "\n".join(refused.traceback)
    # What another account has deployed is not run by this one, whatever it is called.
    refused = shell.run(f'_ = %codika_trigger greet {{"name": "Ada"}} --instance {instance}')
    assert refused.error
    # A workflow of that name which the account in use has is run, and it is said whose.
    shell.run(f"import codika_nb; c = codika_nb.Client(profile='beta'); c.deploy_use_case({str(greeter)!r})")
    shell.run("codika_nb.client.deployed._all.pop()")  # as if elsewhere: this kernel knows Acme's alone
    ran = shell.run('_ = %codika_trigger greet {"name": "Ada"}')
    assert told in ran.text
    assert "Hello, Ada!" in ran.text
    shell.run(f"_ = %codika_deploy {greeter}")
    ran = shell.run('_ = %codika_trigger greet {"name": "Ada"}')
    assert "Hello, Ada!" in ran.text
    assert "logged out" not in ran.text


def test_two_use_cases_and_a_restart(
    shell: Kernel, ada: Profile, greeter: Path, score: Path, tmp_path: Path
) -> None:
    shell.run(f"_ = %codika_deploy {score}")
    shell.run(f"_ = %codika_deploy {greeter}")
    assert not shell.run('_ = %codika_trigger main-workflow {"text": "a b"}').error
    assert "Hello, Ada!" in shell.run('_ = %codika_trigger greet {"name": "Ada"}').text
    shell.run("from codika_nb.client.deployed import forget; forget()")  # as after a restart
    assert "Hello, Ada!" in shell.run('_ = %codika_trigger greet {"name": "Ada"}').text
    unclear = shell.run("_ = %codika_executions")
    assert "--instance ID" in "".join(unclear.traceback)


def test_all_instances_are_asked_for_a_workflow(
    ada: Profile, greeter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client() as client:
        first = client.deploy_use_case(greeter)
        use_case = UseCase.init(tmp_path / "other", name="Other")
        for number in range(21):
            client.deploy_use_case(use_case, create_project=f"Other {number}")
            (tmp_path / "other" / "project.json").unlink()
        forget()
        assert client.run_workflow("greet", {"name": "x"}).instance == first.process_instance_id
        (greeter / "project.json").unlink()
        again = client.deploy_use_case(greeter)
        forget()
        with pytest.raises(ConfigError, match="in several process instances") as several:
            client.run_workflow("greet", {"name": "x"})
        choices = {first.process_instance_id, again.process_instance_id}
        assert set(several.value.details["instances"]) == choices
        with pytest.raises(ConfigError, match="or one of 3 more"):
            client.list_executions()
        monkeypatch.setattr(instances, "MOST_LISTED", 22)  # the first is not listed
        with pytest.raises(ConfigError, match="more than the 22 that are listed"):
            client.run_workflow("greet", {"name": "x"})


def test_the_sandbox_of_the_environment_is_looked_at_anew(
    shell: Kernel, sandbox: Sandbox, greeter: Path
) -> None:
    stand_ins = greeter / "stand_ins.py"
    answered = shell.run(f"s = %codika_sandbox --stand-ins {stand_ins}")
    assert "A sandbox runs already, and is used; it answers greet." in answered.text
    assert "It does not take" not in answered.text
    other = greeter / "other.py"
    other.write_text(stand_ins.read_text().replace('"greet"', '"part"'))
    foreign = shell.run(f"s = %codika_sandbox --stand-ins {other} --port 1")
    assert "It does not take --port and --stand-ins" in foreign.text
    assert sandbox.url in shell.run("s").text
    refused = shell.run('@s.workflow("greet")\ndef greet(payload): return {}')
    assert refused.error == "ConfigError"
    shell.run("%env CODIKA_BASE_URL=")
    shell.run("own = %codika_sandbox")
    assert "True" in shell.run("own.url != s.url").text
    assert not shell.run('@own.workflow("greet")\ndef greet(payload): return {}').error
    stopped = shell.run("%codika_sandbox --stop")
    assert f"It uses {PRODUCTION}, nobody is signed in there" in stopped.text
