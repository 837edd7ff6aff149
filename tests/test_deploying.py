"""Deploying and running from cells: checked first, shown while it goes on, taken up again when stopped."""

from __future__ import annotations

import http.server
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from codika_nb import Client, ProfileStore, Sandbox, UseCase, UseCaseError, sign_in, verify_workflow
from codika_nb.client.deployed import forget
from codika_nb.client.steps import Pause, Request, Response, Steps, observed
from codika_nb.display.chart import Chart
from codika_nb.display.markup import tree
from codika_nb.display.text import ago, duration_text, moment_text
from codika_nb.errors import (
    ConfigError,
    ExecutionFailedError,
    Interrupted,
    InvalidRequestError,
    NotFoundError,
    TransportError,
)
from codika_nb.models import Execution, Executions, ExecutionSummary
from codika_nb.models.executions import execution_card
from tests.conftest import EMAIL
from tests.kernels import Kernel, Outcome, SharedKernel, kernel
from tests.test_usecase import change, parameters, scheduled
from tests.test_usecase_files import as_program

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def shell(
    shared_kernel: SharedKernel,
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    tmp_path: Path,
    own_settings: Path,
) -> Iterator[Kernel]:
    """A kernel in which somebody is signed in to the sandbox."""
    sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, company="Acme, Inc.")
    with shared_kernel.renewed(tmp_path, request.session, XDG_CONFIG_HOME=str(own_settings)) as running:
        assert not running.run("%load_ext codika_nb").error
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    profile = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, company="Acme, Inc.")
    with Client(auth=profile.api_key, base_url=sandbox.url) as made:
        yield made


def kinds(outcome: Outcome) -> list[str]:
    return [m["msg_type"] for m in outcome.messages if m["msg_type"].endswith("display_data")]


def project(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "project.json").read_text())
    return found


# --- what would not run is not sent ----------------------------------------------------------------


def workflow(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda folder: change(folder / "workflows" / "greet.json", edit)


def configuration(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda folder: change(folder / "config.json", edit)


def without_node(operation: str) -> Callable[[Path], None]:
    def edit(flow: dict[str, Any]) -> None:
        flow["nodes"] = [n for n in flow["nodes"] if n["parameters"].get("operation") != operation]

    return workflow(edit)


BROKEN: dict[str, Callable[[Path], object]] = {
    "CODIKA-INIT": without_node("initWorkflow"),
    "CODIKA-SUBMIT": without_node("submitResult"),
    "WEBHOOK-AUTH": workflow(lambda w: parameters(w, "Webhook Trigger").update(authentication="none")),
    "WEBHOOK-ID": workflow(lambda w: w["nodes"][0].pop("webhookId")),
    "WEBHOOK-PATH-CONSISTENCY": workflow(lambda w: parameters(w, "Webhook Trigger").update(path="elsewhere")),
    "WORKFLOW-SETTINGS": workflow(lambda w: w.pop("settings")),
    "WORKFLOW-SANITIZATION": workflow(lambda w: w.update(pinData={"Greet": []})),
    "PLACEHOLDER-SYNTAX": workflow(lambda w: w.update(name="{{ORGSECRET_X_TERCES}}")),
    "TRIGGERS-REQUIRED": configuration(lambda c: c["workflows"][0].update(triggers=[])),
    "SKILL-FRONTMATTER": lambda folder: (folder / "skills/greet-someone/SKILL.md").write_text("# Greet\n"),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_what_would_not_run_is_refused_with_its_findings(client: Client, greeter: Path, rule: str) -> None:
    BROKEN[rule](greeter)
    with pytest.raises(UseCaseError, match="Greeter would not run") as refused:
        client.deploy_use_case(greeter)
    findings = refused.value.findings
    assert rule in {finding.rule for finding in findings}
    assert {finding.severity for finding in findings} == {"must"}
    assert rule in str(refused.value)
    assert "verify=False" in str(refused.value)
    assert client.list_projects() == []
    assert not (greeter / "project.json").exists()


def test_the_check_can_be_left_out(client: Client, greeter: Path) -> None:
    BROKEN["WORKFLOW-SETTINGS"](greeter)
    assert client.deploy_use_case(greeter, verify=False).version == "1.0"


@pytest.mark.parametrize("kind", [str, Path, UseCase.load])
def test_a_folder_is_not_what_is_published(
    client: Client, greeter: Path, kind: Callable[[Path], Any]
) -> None:
    with pytest.raises(ConfigError, match="not a folder") as refused:
        client.publish_use_case(kind(greeter))
    assert "deploy_use_case(folder)" in (refused.value.next_action or "")
    with pytest.raises(ConfigError, match="nothing that is called “greet”"):
        client.publish_use_case("greet")
    with pytest.raises(TypeError, match=r"Did you mean publish_use_case\(deployed\), afterwards\?"):
        client.deploy_use_case(greeter, publish=True)  # type: ignore[call-arg]


def test_a_version_that_was_tried_is_published_by_itself(client: Client, greeter: Path) -> None:
    first = client.deploy_use_case(greeter)
    second = client.deploy_use_case(greeter)
    assert client.publish_use_case(second).version == "1.1"
    project = UseCase.load(greeter).project
    assert project is not None
    assert first.project_id == second.project_id == project.project_id
    assert client.publish_use_case(first).version == "1.0"  # of which the project is known as well
    with pytest.raises(InvalidRequestError, match="this one is deprecated") as refused:
        client.publish_use_case(second)
    way = "It was published before: deploy its files again, and publish that."
    assert refused.value.next_action == way
    with pytest.raises(NotFoundError) as unknown:
        client.publish_use_case("1.0", project_id=project.project_id)
    assert "the templateId of its version in project.json" in (unknown.value.next_action or "")
    client.deploy_use_case(greeter)
    forget()
    with pytest.raises(ConfigError, match="deployed nothing that is called"):
        client.publish_use_case(second)


def test_the_json_of_a_deployment_has_one_spelling(client: Client, greeter: Path) -> None:
    deployed = client.deploy_use_case(greeter)

    def names(part: object) -> list[str]:
        if isinstance(part, dict):
            return [*part, *(name for each in part.values() for name in names(each))]
        return [name for each in part for name in names(each)] if isinstance(part, list) else []

    assert deployed.metadata_documents_stored[0].relative_path == "config.json"
    assert [name for name in names(json.loads(deployed.model_dump_json())) if name != name.lower()] == []
    wire = names(json.loads(deployed.model_dump_json(by_alias=True, exclude={"findings"})))
    assert [name for name in wire if "_" in name] == []


def ask_for(greeter: Path, *keys: str) -> None:
    """Let the form ask for what no node reads."""
    config = json.loads((greeter / "config.json").read_text())
    fields = config["workflows"][0]["triggers"][0]["inputSchema"]
    fields += [{"key": key, "type": "number", "label": key, "default": 5} for key in keys]
    (greeter / "config.json").write_text(json.dumps(config))


def test_what_may_surprise_is_said_of_a_deployment(client: Client, greeter: Path) -> None:
    assert client.deploy_use_case(greeter).findings == ()
    ask_for(greeter, "weight")
    deployed = client.deploy_use_case(greeter)
    assert [each.partition(":")[0] for each in deployed.findings] == ["CONFIG-VALUES", "INPUTS-READ"]
    assert "INPUTS-READ: No node reads weight" in repr(deployed)
    assert "To look at</dt><dd>CONFIG-VALUES: " in deployed._repr_html_()
    assert client.deploy_use_case(greeter, verify=False).findings == ()
    ask_for(greeter, *"abcdef")
    html = client.deploy_use_case(greeter)._repr_html_()
    assert "and 3 more: --dry-run shows them all" in html
    assert html.count("CONFIG-VALUES: ") == 5


def test_a_card_says_what_may_surprise(shell: Kernel, greeter: Path) -> None:
    assert "To look at" not in shell.run(f"_ = %codika_deploy {greeter}").text
    ask_for(greeter, "weight")
    for options in ("", "--publish"):
        shown = shell.run(f"_ = %codika_deploy {greeter} {options}")
        assert "Greeter is deployed" in shown.text
        assert re.search(r"To look at +CONFIG-VALUES: .*defaultValue", shown.text)
        assert "INPUTS-READ: No node reads weight" in shown.html


def test_what_the_error_says_alone_has_no_table_beside_it(shell: Kernel, greeter: Path) -> None:
    config = json.loads((greeter / "config.json").read_text())
    config["workflows"][0]["triggers"][0]["inputSchema"][0]["type"] = "integer"
    (greeter / "config.json").write_text(json.dumps(config))
    refused = shell.run(f"%codika_deploy {greeter}")
    assert 'section. Did you mean "number"?' in "".join(refused.traceback)
    assert not refused.text
    (greeter / "workflows" / "greet.json").write_text("{")
    refused = shell.run(f"%codika_deploy {greeter}")
    assert "greeter was not deployed" in refused.text
    assert re.search(r"JSON-001 +workflows/greet.json", refused.text)


def test_a_refused_deployment_shows_its_findings_as_a_table(shell: Kernel, greeter: Path) -> None:
    BROKEN["WORKFLOW-SETTINGS"](greeter)
    refused = shell.run(f"%codika_deploy {greeter}")
    assert refused.error == "UseCaseError"
    assert "Greeter would not run" in "".join(refused.traceback)
    assert "--no-verify" in "".join(refused.traceback)
    assert "Greeter was not deployed" in refused.text
    assert "WORKFLOW-SETTINGS" in refused.text
    assert "<table" in refused.html
    assert "Greeter is deployed" in shell.run(f"_ = %codika_deploy {greeter} --no-verify").text


def test_a_version_that_is_in_use_is_refused_with_the_next_step(client: Client, greeter: Path) -> None:
    client.deploy_use_case(greeter, version="1.4")
    with pytest.raises(InvalidRequestError, match="not in use yet, or none"):
        client.deploy_use_case(greeter, version="1.4")


# --- a dry run, publishing, running again ----------------------------------------------------------


def test_it_is_said_before_a_program_is_run(shell: Kernel, greeter: Path) -> None:
    as_program(greeter, "print('it runs')")
    first = shell.run(f"_ = %codika_deploy {greeter} --dry-run").text
    assert "config.py in greeter is a program" in first.partition("it runs")[0]
    assert "is a program" not in shell.run(f"_ = %codika_deploy {greeter} --dry-run").text
    assert "is a program" in shell.run("print(get_ipython().find_line_magic('codika_deploy').__doc__)").text


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(
    shell: Kernel, sandbox: Sandbox, greeter: Path
) -> None:
    before = {file: file.read_bytes() for file in greeter.rglob("*") if file.is_file()}
    sandbox.stop()
    planned = shell.run(f"findings = %codika_deploy {greeter} --dry-run --minor")
    assert not planned.error, planned.traceback
    for words in ("Greeter can be deployed", "a new one, “Greeter”", "1.0.0 → 1.1.0", "Acme, Inc.", "greet"):
        assert words in planned.text
    size = float(re.search(r"Sends\s+([\d.]+) kB", planned.text)[1])  # type: ignore[index]
    body = UseCase.load(greeter).deployment(project_id="new")
    assert size == pytest.approx(len(json.dumps(body)) / 1000, abs=0.06)
    assert before == {file: file.read_bytes() for file in greeter.rglob("*") if file.is_file()}
    assert shell.run("findings").text.strip() == "No findings."
    assert "Needs" not in planned.text
    written = json.loads((greeter / "config.json").read_bytes())
    (greeter / "config.json").write_text(json.dumps({**written, "integrationUids": ["slack", "openai"]}))
    needs = shell.run(f"_ = %codika_deploy {greeter} --dry-run").text
    assert "slack, openai. Which are connected says Client().list_integrations()" in needs
    assert "there has to be an instance" not in needs
    (greeter / "config.json").write_text(json.dumps({**written, "integrationUids": ["htttp", "telegram"]}))
    needs = shell.run(f"_ = %codika_deploy {greeter} --dry-run").text
    assert (
        'set_integration("telegram") connects it. For telegram there has to be an instance: deploy' in needs
    )
    assert '"htttp" is no integration that is known.' in needs
    (greeter / "config.json").write_text(json.dumps(written))
    BROKEN["WORKFLOW-SETTINGS"](greeter)
    checked = shell.run(f"%codika_deploy {greeter} --dry-run")
    assert "Greeter would not run" in checked.text
    # Nobody reads along in this kernel, so that what comes next must not be run.
    assert "UseCaseError" in str(checked.error or checked.traceback)


@pytest.mark.parametrize("stdin", [True, False])
def test_a_check_fails_where_nobody_reads_what_it_finds(shell: Kernel, greeter: Path, stdin: bool) -> None:
    BROKEN["WORKFLOW-SETTINGS"](greeter)
    for path in (greeter, greeter / "workflows" / "greet.json"):
        seen = f"get_ipython().kernel._allow_stdin = {stdin}"
        checked = shell.run(f"{seen}\n%codika_deploy {path} --dry-run")
        assert bool(checked.error) is not stdin, checked.text


def test_what_is_no_workflow_is_not_mended(shell: Kernel, greeter: Path, tmp_path: Path) -> None:
    for path in (greeter / "config.json", tmp_path / "some.json"):
        if path.parent == tmp_path:
            path.write_text(json.dumps({"id": "x", "tags": ["a"], "workflows": []}))
        before = path.read_bytes()
        refused = shell.run(f"%codika_deploy {path} --dry-run --fix")
        assert refused.error == "UseCaseError"
        assert path.read_bytes() == before
    given = (greeter / "config.json").read_bytes()
    assert not verify_workflow(greeter / "config.json").fix()
    assert (greeter / "config.json").read_bytes() == given


@pytest.mark.parametrize("file", ["config.json", "workflows/greet.json"])
def test_a_part_of_a_use_case_leads_to_its_folder(shell: Kernel, greeter: Path, file: str) -> None:
    refused = "".join(shell.run(f"%codika_deploy {greeter / file}").traceback)
    assert f"It is part of one: %codika_deploy {greeter}" in refused
    within = (greeter / file).parent
    shell.run(f"import os; here = os.getcwd(); os.chdir({str(within)!r})")
    refused = "".join(shell.run(f"%codika_deploy {Path(file).name}\nos.chdir(here)").traceback)
    assert f"It is part of one: %codika_deploy {'.' if within == greeter else '..'}" in refused


def test_a_folder_of_use_cases_names_them(shell: Kernel, greeter: Path) -> None:
    refused = "".join(shell.run(f"%codika_deploy {greeter.parent}").traceback)
    assert f"Give one of the use cases in it: {greeter.name}." in refused


def test_files_are_stored_with_a_deployment(shell: Kernel, greeter: Path, tmp_path: Path) -> None:
    (tmp_path / "brief.md").write_text("# Brief", encoding="utf-8")
    brief = f"--additional-file {tmp_path / 'brief.md'}"
    assert "give FILE:PATH" in shell.run(f"%codika_deploy {greeter} {brief}").text
    assert not shell.run(f"%codika_deploy {greeter} {brief}:docs/brief.md").error
    shell.run("from codika_nb import Client; client = Client()")
    listed = shell.run("client.get_use_case(client.list_projects()[0].id)")
    assert "docs/brief.md" in listed.text


def test_what_was_in_production_is_what_to_go_back_to(shell: Kernel, sandbox: Sandbox, greeter: Path) -> None:
    first = shell.run(f"_ = %codika_deploy {greeter} --publish").text
    assert "Until now" not in first
    shell.run(f"_ = %codika_deploy {greeter}")
    told = shell.run(f"_ = %codika_deploy {greeter} --publish").text
    assert re.search(
        r"Until now +version 1\.0 was in production\n +Before it +from this folder: 1\.1, 1\.0\n", told
    )
    assert re.search(r"Go back .*version=\"1\.0\"", told)


def test_publishing_and_running_again(shell: Kernel, sandbox: Sandbox, greeter: Path) -> None:
    early = shell.run(f"%codika_deploy {greeter} --rerun")
    assert "has not been deployed to" in "".join(early.traceback)
    published = shell.run(f"deployed = %codika_deploy {greeter} --publish")
    production = project(greeter)["prodProcessInstanceId"]
    assert re.search(rf"Development +\S+\n +Production +{production}", published.text), published.traceback
    assert re.search(r"Called next +production, until this kernel deploys again\n", published.text)
    answers = (
        r"Answers +the Python function in \S+/stand_ins.py, not the workflow; edits of that file count from"
    )
    assert re.search(answers, published.text)
    value = shell.run("print(deployed.published, deployed)").text
    assert value.startswith(f"{production} Deployment(")
    assert f"published='{production}')" in value
    assert production in shell.run("deployed").html
    assert f"{production}/greet" in published.text
    assert '%codika_trigger greet {"name": "Ada"}' in published.text
    run = shell.run('run = %codika_trigger greet {"name": "Ada"}\nprint(run.instance)')
    assert production in run.text  # what was published here is meant from then on
    assert "production" in run.html
    development = project(greeter)["devProcessInstanceId"]
    assert production != development
    none = shell.run("_ = %codika_executions greet --failed").text
    assert f"No run has failed at instance {production} (Greeter, production)" in none
    assert f"%codika_executions --failed --instance {development}" in none
    anew = shell.run(f"deployed = %codika_deploy {greeter}").text
    assert re.search(r"Before it +from this folder: 1\.0\n", anew)
    back = re.search(
        r"Go back +(from codika_nb import Client; Client\(\)\.get_use_case\(.*version=\"1\.0\", into=.*\))\n",
        anew,
    )
    assert back
    assert "stand_ins.py is no part of a version, and stays as it is" in anew
    assert (
        "stays at 1.0, and is answered by the same function; Client().publish_use_case(deployed) brings"
        in anew
    )
    assert re.search(
        r"Called next +this one, in development; after a restart of the kernel, production", anew
    )
    assert development in shell.run('run = %codika_trigger greet {"name": "Ada"}\nprint(run.instance)').text
    again = shell.run(f"again = %codika_deploy {greeter} --rerun")
    assert "Greeter runs again" in again.text, again.traceback
    # The line of the card does bring it back.
    config, was = greeter / "config.json", (greeter / "config.json").read_text()
    config.write_text(was.replace("Greeter", "Somebody"))
    assert "config.json" in shell.run(back[1]).text
    assert config.read_text() == was
    assert shell.run("again.deployment_status").text.strip() == "'deployed'"
    assert json.loads((greeter / "version.json").read_text())["version"] == "1.0.2"
    # What is in production answers like any other instance, and its card leads to the other one.
    run = shell.run(f'run = %codika_trigger greet --instance {production} {{"name": "Ada"}}')
    assert "Hello, Ada!" in run.text
    assert f"--instance {development}" in run.html
    for described, meant in (
        ("dev", development),
        ("production", production),
        (f"…{development[-8:]}", development),
        (f"…{production[-8:]}", production),
    ):
        for anew in ("", "from codika_nb.client.deployed import forget; forget()\n"):
            found = shell.run(
                f"{anew}run = %codika_trigger greet name=Ada --instance {described}\nprint(run.instance)"
            )
            assert meant in found.text, found.traceback
    wrong = shell.run("run = %codika_trigger greet name=Ada --instance …00000000")
    assert "There is no process instance “…00000000”" in "".join(wrong.traceback)
    assert "%codika_instances lists them." in "".join(wrong.traceback)
    other = shell.run(f'run = %codika_trigger greet --instance {development} {{"name": "Ada"}}')
    assert "--instance" not in other.html
    assert (
        f"At instance {production} (production)."
        in shell.run(f"_ = %codika_executions --instance {production}").text
    )


def test_a_dry_run_says_which_version_comes_next(shell: Kernel, greeter: Path) -> None:
    def version(options: str = "") -> str:
        return shell.run(f"_ = %codika_deploy {greeter} --dry-run {options}").text

    assert re.search(r"Version +1\.0\n +version\.json +1\.0\.0 → 1\.0\.1, the codika tool's count", version())
    shell.run(f"_ = %codika_deploy {greeter}")
    shell.run(f"_ = %codika_deploy {greeter}")
    assert re.search(
        r"Version +1\.1 → 1\.2, as far as this folder knows\n +version\.json +1\.0\.2 → 1\.0\.3", version()
    )
    assert re.search(r"Deployed</dt><dd>1\.1, 1\.0</dd>", UseCase.load(greeter)._repr_html_())
    assert re.search(
        r"Version +1\.1 → 2\.0, as far as this folder knows\n +version\.json +1\.0\.2 → 2\.0\.0",
        version("--major"),
    )
    assert re.search(r"Version +3\.7,", version("--target-version 3.7"))
    assert version("--version 3.7") == version("--target-version 3.7")
    assert version("--version major") == version("--major")


def test_a_run_that_failed_without_a_default_says_who_fills_it_in(
    shell: Kernel, sandbox: Sandbox, greeter: Path
) -> None:
    shell.run(f"_ = %codika_deploy {greeter}")

    @sandbox.workflow("greet")
    def greet(payload: dict[str, Any]) -> dict[str, Any]:
        return {"greeting": payload["name"], "language": payload["language"]}

    failed = shell.run("_ = %codika_trigger greet name=Ada").text
    assert re.search(
        r"Reason .*\n +Note +Not sent, though the form has a default: language \(\"en\"\)\. Only the form",
        failed,
    )
    assert "Not sent" not in shell.run("_ = %codika_trigger greet name=Ada language=fr").text

    # Of a failure that is about something else, it would only lead astray.
    @sandbox.workflow("greet")
    def refuse(payload: dict[str, Any]) -> None:
        raise ValueError("A name is required in every languages' greeting.")

    failed = shell.run("_ = %codika_trigger greet name=Ada").text
    assert "A name is required" in failed
    assert "Not sent" not in failed


def test_an_echo_is_called_one(shell: Kernel, sandbox: Sandbox, tmp_path: Path) -> None:
    """By the card of the deployment, and by that of each run."""
    UseCase.init(tmp_path / "words", name="Words", workflow="count-words")
    deployed = shell.run(f"_ = %codika_deploy {tmp_path / 'words'}")
    assert re.search(r"Answers +an echo of the payload: nothing runs it here\.", deployed.text)
    run = shell.run("_ = %codika_trigger count-words text=Hello")
    assert "count-words was answered by an echo" in run.text
    assert "no stand-in for" in run.text
    assert "count-words was answered by an echo" in run.html
    assert 'class="codika-good"' not in run.html
    sandbox.load_stand_ins(tmp_path / "words" / "stand_ins.py")
    assert "count-words succeeded" in shell.run("_ = %codika_trigger count-words text=Hello").text


@pytest.mark.parametrize(
    "options", ["--patch --minor", "--project p --create-project q", "--rerun --publish", "--rerun --major"]
)
def test_options_that_exclude_each_other(shell: Kernel, greeter: Path, options: str) -> None:
    assert shell.run(f"%codika_deploy {greeter} {options}").error == "UsageError"


def test_a_folder_is_deployed_by_the_profile_it_belongs_to(
    shell: Kernel, sandbox: Sandbox, greeter: Path
) -> None:
    shell.run(f"_ = %codika_deploy {greeter}")
    organization = project(greeter)["organizationId"]
    beta = sandbox.add_organization("grace@example.com", "Beta Corp")
    other = sign_in(
        "grace@example.com",
        ask_code=sandbox.code_for,
        base_url=sandbox.url,
        purpose="login",
        store=ProfileStore(),
    )
    assert (other.organization_id, ProfileStore().active()) == (beta, other)
    shell.run("from codika_nb.profiles.credential import context; context.reset()")  # as a new kernel begins
    deployed = shell.run(f"_ = %codika_deploy {greeter}")
    assert "Acme, Inc., to which the folder belongs" in deployed.text, deployed.traceback
    assert project(greeter)["organizationId"] == organization
    assert "1.1" in project(greeter)["deployments"]
    # Who has been chosen for this kernel is not swapped for somebody else.
    shell.run(f"_ = %codika_use {other.name}")
    before = project(greeter)["projectId"]
    anew = shell.run(f"_ = %codika_deploy {greeter}").text
    assert "A new project was made" in anew
    assert f"{before}, as profile acme-inc; project.json keeps both" in anew
    assert project(greeter)["organizationId"] == beta
    # Nor is the project that was left forgotten.
    shell.run(f"_ = %codika_use {ProfileStore().list()[0].name}")
    again = shell.run(f"_ = %codika_deploy {greeter}")
    assert "A new project was made" not in again.text, again.text
    assert list(project(greeter)["deployments"]) == ["1.0", "1.1", "1.2"]
    assert project(greeter)["organizationId"] == organization
    shell.run(f"_ = %codika_use {other.name}")
    rerun = shell.run(f"_ = %codika_deploy {greeter} --rerun")
    assert "runs again" in rerun.text
    assert beta in {link["organizationId"] for link in project(greeter)["links"]}


# --- what is seen while it goes on -----------------------------------------------------------------


def test_one_card_shows_the_progress_and_then_the_outcome(shell: Kernel, greeter: Path) -> None:
    outcome = shell.run(f"deployed = %codika_deploy {greeter}")
    assert kinds(outcome)[0] == "display_data"
    assert set(kinds(outcome)[1:]) == {"update_display_data"}
    first, *_, last = [m["content"]["data"]["text/plain"] for m in outcome.messages if "data" in m["content"]]
    assert "Greeter is being deployed" in first
    assert last.startswith("Greeter is deployed")
    assert "making a project for it" in outcome.text
    assert re.search(r"sending [\d.]+ kB", outcome.text)


def test_a_card_says_when_a_workflow_runs_by_itself(shell: Kernel, greeter: Path) -> None:
    def switch_off(spoilt: dict[str, Any]) -> None:
        for starter in (0, -1):
            spoilt["nodes"][starter].update(disabled=True)

    scheduled(greeter)
    assert "By itself  Mondays at 9 (0 9 * * 1, UTC)" in shell.run(f"_ = %codika_deploy {greeter}").text
    workflow(switch_off)(greeter)
    failed = shell.run(f"_ = %codika_deploy {greeter} --no-verify")
    assert "could not be deployed" in failed.text
    for not_so in ("By itself", "Answers", "Called next"):
        assert not_so not in failed.text


def test_a_card_names_the_integrations_that_are_not_connected(shell: Kernel, greeter: Path) -> None:
    written = json.loads((greeter / "config.json").read_bytes())
    (greeter / "config.json").write_text(json.dumps({**written, "integrationUids": ["zzz", "openai"]}))
    told = shell.run(f"_ = %codika_deploy {greeter}").text
    assert re.search(
        r'Not connected +zzz, openai; Client\(\).set_integration\("openai"\) connects it\n', told
    )
    connect = '_ = Client().set_integration("openai", secrets={"OPENAI_API_KEY": "x"})'
    assert not shell.run(f"from codika_nb import Client\n{connect}").error
    assert re.search(r"Not connected +zzz\n", shell.run(f"_ = %codika_deploy {greeter}").text)
    (greeter / "config.json").write_text(json.dumps(written))
    assert "Not connected" not in shell.run(f"_ = %codika_deploy {greeter}").text


def test_a_deployment_that_fails_leaves_no_card_that_still_works(shell: Kernel, greeter: Path) -> None:
    outcome = shell.run(f"%codika_deploy {greeter} --project unknown-project")
    assert outcome.error == "NotFoundError"
    shown = [m["content"]["data"]["text/plain"] for m in outcome.messages if "data" in m["content"]]
    assert shown[-1] == "Greeter was not deployed"


def test_a_run_that_takes_time_shows_for_how_long_and_can_be_left(
    shell: Kernel, sandbox: Sandbox, greeter: Path
) -> None:
    began, may_end = threading.Event(), threading.Event()

    @sandbox.workflow("greet")
    def greet(payload: dict[str, Any]) -> dict[str, Any]:
        began.set()
        may_end.wait(60)
        return {"greeting": "at last"}

    shell.run(f"_ = %codika_deploy {greeter}")

    def stop() -> None:
        began.wait(60)
        time.sleep(3)  # long after the time from which on a wait is shown
        os.kill(kernel_pid, signal.SIGINT)  # what a front end's stop button leads to

    kernel_pid = int(shell.run("import os; print(os.getpid())").text)
    stopper = threading.Thread(target=stop)
    stopper.start()
    stopped = shell.run('run = %codika_trigger greet {"name": "Ada"}')
    stopper.join()
    assert stopped.error == "Interrupted"
    assert re.search(r"greet is running\n\s+Run\s+\S+\n\s+For\s+\d+ s", stopped.text)
    said = "\n".join(stopped.traceback)
    assert said.count("\n") == 1
    line = said.partition("Take it up again: ")[2]
    assert line.startswith("from codika_nb import Client; run = Client().wait_for(")
    may_end.set()
    result = shell.run(f"from codika_nb import Client\n{line}\nrun.result")
    assert "at last" in result.text, result.traceback


def test_nobody_waits_and_the_line_to_wait_is_given(shell: Kernel, greeter: Path) -> None:
    shell.run(f"_ = %codika_deploy {greeter}")
    started = shell.run('run = %codika_trigger greet --no-wait {"name": "Ada"}')
    line = started.text.partition("Wait for it: ")[2].strip()
    assert "Hello, Ada!" in shell.run(f"from codika_nb import Client\n{line}\nrun.result").text


def test_runs_with_a_chart_and_an_unknown_workflow(shell: Kernel, greeter: Path) -> None:
    shell.run(f"_ = %codika_deploy {greeter}")
    shell.run('_ = %codika_trigger greet {"name": "Ada"}')
    shell.run('_ = %codika_trigger greet {"name": "  "}')
    listed = shell.run("runs = %codika_executions --chart")
    assert "<svg" in listed.html
    assert "2 runs, 1 failed" in listed.html
    refused = shell.run("%codika_executions nope")
    assert refused.error == "NotFoundError"
    assert "There is: greet." in "".join(refused.traceback)


def test_a_secret_that_nobody_can_be_asked_for(shell: Kernel) -> None:
    refused = shell.run("from codika_nb import Client\nClient().set_integration('openai')")
    assert refused.error == "ConfigError"
    assert "Set OPENAI_API_KEY in the environment" in "\n".join(refused.traceback)


# --- when nobody hears how it went -----------------------------------------------------------------


class Forgetful(http.server.BaseHTTPRequestHandler):
    """Passes everything on to a sandbox, but never the answer to a deployment (or only late)."""

    sandbox = ""
    waits = 0.0
    deployed: threading.Event

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)) or None
        kept = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("host", "content-length")
        }
        request = urllib.request.Request(f"{self.sandbox}{self.path}", body, kept, method=self.command)
        try:
            with urllib.request.urlopen(request) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        if self.path == "/deployprocessusecase":
            self.deployed.set()
            time.sleep(self.waits)
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _pass_on  # noqa: N815 - the standard library's names

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def forgetful(sandbox: Sandbox) -> Iterator[tuple[str, type[Forgetful]]]:
    handler = type("Here", (Forgetful,), {"sandbox": sandbox.url, "deployed": threading.Event()})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", handler
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.kernel
@pytest.mark.parametrize("interrupted", [False, True], ids=["no answer", "interrupted"])
def test_what_nobody_knows_is_not_said(
    forgetful: tuple[str, type[Forgetful]],
    sandbox: Sandbox,
    greeter: Path,
    tmp_path: Path,
    interrupted: bool,
) -> None:
    url, handler = forgetful
    handler.waits = 10.0 if interrupted else 0.0
    key = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url).api_key
    with kernel(tmp_path, CODIKA_API_KEY=key, CODIKA_BASE_URL=url, IPYTHONDIR=str(tmp_path)) as shell:
        pid = int(shell.run("%load_ext codika_nb\nimport os; print(os.getpid())").text)

        def stop() -> None:  # while the answer is waited for
            if handler.deployed.wait(60):
                os.kill(pid, signal.SIGINT)

        stopper = threading.Thread(target=stop)
        if interrupted:
            stopper.start()
        outcome = shell.run(f"%codika_deploy {greeter}")
        if interrupted:
            stopper.join()
    assert outcome.error == ("Interrupted" if interrupted else "TransportError")
    assert "as the version after that" in "\n".join(outcome.traceback)
    shown = [m["content"]["data"]["text/plain"] for m in outcome.messages if "data" in m["content"]]
    assert shown[-1] == "It is not known whether Greeter was deployed"
    with Client(auth=key, base_url=sandbox.url) as client:
        assert [i.current_version for i in client.list_instances()] == ["1.0"]


def test_a_deployment_that_the_platform_cannot_make_stops_the_notebook(shell: Kernel, greeter: Path) -> None:
    workflow(lambda w: w["nodes"][0].update(disabled=True))(greeter)
    outcome = shell.run(f"deployed = %codika_deploy {greeter} --no-verify --publish")
    assert outcome.error == "UseCaseError"
    assert "so it was not published" in "\n".join(outcome.traceback)
    assert "--rerun tries the same version again" in "\n".join(outcome.traceback)
    assert "Greeter could not be deployed" in outcome.text


def test_a_folder_of_another_sandbox_is_not_run_again_here(shell: Kernel, greeter: Path) -> None:
    shell.run(f"_ = %codika_deploy {greeter}")
    elsewhere = {"baseUrl": "http://127.0.0.1:9", "organizationId": "another"}
    change(greeter / "project.json", lambda p: p.update(elsewhere))
    refused = shell.run(f"%codika_deploy {greeter} --rerun")
    assert "has not been deployed to" in "".join(refused.traceback)


def test_what_nobody_can_start_is_offered_to_nobody(
    shell: Kernel, tmp_path: Path, own_settings: Path
) -> None:
    feed = {"name": "Feed", "type": "n8n-nodes-base.rssFeedReadTrigger", "typeVersion": 1, "parameters": {}}
    say = {"name": "Say", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "parameters": {}}
    for number, each in enumerate((feed, say)):
        each["position"] = [220 * number, 0]
    wires = {"Feed": {"main": [[{"node": "Say", "type": "main", "index": 0}]]}}
    (tmp_path / "rss.json").write_text(
        json.dumps({"name": "rss", "nodes": [feed, say], "connections": wires})
    )
    shell.run(f"_ = %codika_import {tmp_path / 'rss.json'} --into {tmp_path / 'rss'}")
    shown = shell.run(f"_ = %codika_deploy {tmp_path / 'rss'}")
    assert "Started by" in shown.text
    assert "if the platform supports it" in shown.text
    assert "Endpoint" not in shown.text
    assert "curl" not in shown.html
    refused = "".join(shell.run("%codika_trigger rss {}").traceback)
    assert "no HTTP or schedule trigger" in refused
    assert "There is: " not in refused


def test_small_words_of_the_magics(shell: Kernel, greeter: Path, tmp_path: Path, own_settings: Path) -> None:
    alone = shell.run("%codika_trigger").text
    assert "workflow" in alone
    assert "payload" not in alone.partition("required:")[2]
    assert "needs a name" in shell.run(f"%codika_deploy {greeter} --create-project ''").text
    planned = shell.run(f"_ = %codika_deploy {greeter} --dry-run --publish").text
    assert "it is published" in planned
    shell.run("_ = %codika_logout")
    assert "nobody is signed in there yet" in shell.run(f"_ = %codika_deploy {greeter} --dry-run").text


def test_what_a_workflow_says_about_its_failure_is_shown_without_keys(
    client: Client, sandbox: Sandbox, greeter: Path
) -> None:
    key = "ck_0123456789abcdefghijklmnop"

    @sandbox.workflow("greet")
    def greet(payload: dict[str, Any]) -> None:
        raise ValueError(f"401 for https://a.example/webhook/i/w?api_key={key}\x1b[2J" + "x" * 9000)

    here = client.deploy_use_case(greeter).process_instance_id
    run = client.run_workflow("greet", {"name": "Ada"}, instance=here)
    with pytest.raises(ExecutionFailedError) as failed:
        _ = run.result
    shown = (repr(run), str(failed.value), run._repr_html_(), repr(client.list_executions(here)))
    for text in shown:
        assert key not in text
        assert "\x1b" not in text
        assert len(text) < 6000


def test_a_large_result_is_cut_where_it_is_shown() -> None:
    run = Execution(execution_id="r", status="success", result_data=["x" * 1000] * 3000)
    bundle = execution_card(run, "greet")
    assert len(bundle["text/plain"]) < 60_000
    assert "`result` has all of it" in bundle["text/plain"]
    assert len(bundle["text/html"]) < 3_000_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"secrets": ["sk-very-secret"]}, "by their names"),
        ({"secrets": {"sk-very-secret": "OPENAI_API_KEY"}}, "by their names"),
        ({"custom_schema": {"secretFields": None}, "integration_id": "cstm_a"}, "without its secrets"),
        (
            {"custom_schema": {"secretFields": [{"name": "A"}]}, "integration_id": "cstm_a"},
            "without its secrets",
        ),
        ({"integration_id": "postgres"}, "Nothing is deployed in"),
    ],
)
def test_secrets_that_cannot_be_used_are_not_asked_for_nor_repeated(
    client: Client, options: dict[str, Any], words: str
) -> None:
    if words != "Nothing is deployed in":
        client.instance = "some-instance"
    with pytest.raises(ConfigError, match=words) as refused:
        client.set_integration(**({"integration_id": "openai"} | options))
    assert "very-secret" not in str(refused.value)


# --- the parts -------------------------------------------------------------------------------------


def test_every_step_of_an_observed_exchange_is_told_and_nothing_else_changes() -> None:
    got: list[Any] = []
    told: list[Any] = []

    def exchange() -> Steps[str]:
        got.append((yield Request("GET", "/a")))
        try:
            yield Request("GET", "/b")
        except TransportError as error:
            got.append(error.message)
        yield Pause(1.2)
        return "done"

    steps = observed(exchange(), told.append)
    assert next(steps) == Request("GET", "/a")
    assert steps.send(Response(200, {}, b"a")) == Request("GET", "/b")
    pauses = [steps.throw(TransportError("gone")), steps.send(None), steps.send(None)]
    with pytest.raises(StopIteration) as ended:
        steps.send(None)
    assert ended.value.value == "done"
    assert got == [Response(200, {}, b"a"), "gone"]
    assert [type(step) for step in told] == [Request, Request, Pause, Pause, Pause]
    assert sum(step.seconds for step in pauses if isinstance(step, Pause)) == pytest.approx(1.2)


def test_an_observed_exchange_is_closed_with_its_observer() -> None:
    closed = []

    def exchange() -> Steps[None]:
        try:
            yield Pause(1)
        finally:
            closed.append(True)

    steps = observed(exchange(), lambda step: None)
    next(steps)
    steps.close()
    assert closed == [True]


def test_a_result_is_a_tree_whose_texts_are_texts() -> None:
    value = {"name": SCRIPT, SCRIPT: {"a": [1, "1", None, True, {}, [], ""], "b": "x" * 5000}}
    shown = tree(value)
    assert "<script" not in shown
    assert shown.count("<details") == 2
    assert "2 members" in shown
    assert "7 items" in shown
    assert ">1</code>" in shown
    assert ">1</span>" in shown
    assert len(shown) < 6000
    assert tree("only a text").count("<details") == 0
    assert "… and 4,000 more" in tree(list(range(5000)))
    run = Execution(execution_id="r", status="success", result_data=value)
    assert json.loads(execution_card(run, "greet")["text/plain"].partition("\n")[2]) == value


def test_a_list_of_flat_objects_is_a_table_and_others_are_not() -> None:
    flat = [{"what": "Train", "amount": 48.5}, {"what": SCRIPT, "paid": None}]
    shown = tree({"items": flat})
    assert re.findall(r"<th[^>]*>([^<]*)</th>", shown) == ["what", "amount", "paid"]
    assert shown.count("<tr>") == 3
    assert "<script" not in shown
    for other in ([{"a": [1]}, {"a": [2]}], [{"a": 1}], [{"a": 1}, 2], [{str(n): n for n in range(50)}] * 2):
        assert "<table" not in tree(other)
    # Numbers are to the right only where all are numbers.
    assert tree([{"n": 1}, {"n": 2.5}]).count('class="codika-number"') == 3
    assert 'class="codika-number"' not in tree([{"n": 1}, {"n": "2"}])


def test_a_result_of_any_size_or_shape_is_shown_without_being_written_whole() -> None:
    looked_at = 0

    class Rows(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            nonlocal looked_at
            for row in super().__iter__():
                looked_at += 1
                yield row

    many = Rows([{"n": 1}] * 300_000)
    bundle = execution_card(Execution(execution_id="r", status="success", result_data=many), "greet")
    assert looked_at < 20_000
    assert len(bundle["text/plain"]) < 60_000
    assert "… and 299,0" in bundle["text/html"]
    around: list[Any] = []
    around.append(around)
    deep: Any = 0
    for _ in range(5000):
        deep = [deep]
    for odd in (around, deep, 10**5000):
        run = Execution.model_construct(execution_id="r", status="success", result_data=odd)
        assert "greet succeeded" in execution_card(run, "greet")["text/plain"]


def test_moments_have_a_zone_and_say_how_long_ago() -> None:
    new_york = datetime(2026, 1, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert moment_text(new_york) == "2026-01-02 04:30:00 UTC"
    assert moment_text(datetime(2026, 1, 2, 4, 30)) == "2026-01-02 04:30:00 UTC"  # noqa: DTZ001 - as servers do
    west = timezone(timedelta(hours=-5))
    for_ever = datetime(9999, 12, 31, 23, 59, 59, tzinfo=west)
    assert moment_text(for_ever) == "9999-12-31 23:59:59 UTC"
    assert ago(for_ever) == "9999-12-31"
    assert ago(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))) == "0001-01-01"
    told = {0: "just now", 12: "12 s ago", 200: "3 min ago", 7300: "2 h ago", 90_000: "1 day ago"}
    for seconds, words in (
        told | {200_000: "2 days ago", 40 * 86_400: "2026-01-02", -65: "in 1 min"}
    ).items():
        assert ago(new_york, new_york + timedelta(seconds=seconds)) == words
    durations = {
        4.4: "4 ms",
        999: "999 ms",
        999.6: "1.0 s",
        4200: "4.2 s",
        185_000: "3 min 5 s",
        7_440_000: "2 h 4 min",
    }
    for milliseconds, words in durations.items():
        assert duration_text(milliseconds) == words


def test_runs_are_listed_with_marks_moments_and_how_to_look_into_one() -> None:
    now = datetime.now(UTC)
    rows = [("success", 4200), ("failed", None), ("pending", None)]
    runs = Executions(
        ExecutionSummary(
            execution_id=f"01a21b36-7b42-7e93-a159-{n:012}",
            workflow_id="greet",
            status=s,
            created_at=now,
            duration=ms,
        )
        for n, (s, ms) in enumerate(rows)
    )
    plain_text, rich = repr(runs), runs._repr_html_()
    for mark in (
        "✓ success",
        "✗ failed",
        "… pending",
        "4.2 s",
        "01a21b36-7b42-7e93-a159-000000000002",
        "get_execution(runs[0])",
    ):
        assert mark in plain_text
    assert f"{now:%Y-%m-%d %H:%M:%S} UTC" in plain_text
    assert f'title="{now:%Y-%m-%d %H:%M:%S} UTC"' in rich
    assert 'title="01a21b36-7b42-7e93-a159-000000000001"' in rich
    assert "01a21b36-7b42-7e93-a159-000000000001" in re.sub("<[^>]*>", "", rich), (
        "whole, for whoever copies it"
    )
    assert rich.count("codika-bad") > 1
    assert "get_execution(runs[0])" in rich
    well, failed, pending = (run._repr_html_() for run in runs)
    assert "greet succeeded" in well
    assert "get_execution_status(run).result" in well
    assert "greet failed" in failed
    assert "greet is running" in pending
    assert "get_execution_status" not in failed + pending
    assert runs[0].execution_id in well
    with pytest.raises(AttributeError, match=r"client\.get_execution_status\(run\)\.result has it"):
        _ = runs[0].result  # type: ignore[attr-defined]
    assert not hasattr(runs[0], "result")
    assert "result" not in runs[0].model_dump()


def test_a_deployment_says_how_each_workflow_is_called(
    shell: Kernel, sandbox: Sandbox, greeter: Path
) -> None:
    outcome = shell.run(f"deployed = %codika_deploy {greeter}")
    shown = [m["content"]["data"] for m in outcome.messages if "data" in m["content"]][-1]
    text = shown["text/plain"]
    assert re.search(r"Version +1\.0$", text, re.MULTILINE)
    assert re.search(r"As +Acme, Inc., profile acme-inc$", text, re.MULTILINE)
    assert 'Notebook  %codika_trigger greet {"name": "Ada"}' in text
    (address,) = re.findall(r"Endpoint  (\S+)", text)
    (command,) = re.findall(r"Terminal  (.*)", text)
    profile = json.loads((Path(os.environ["XDG_CONFIG_HOME"]) / "codika/config.json").read_text())
    (key,) = [each["apiKey"] for each in profile["profiles"].values()]
    assert key[8:] not in text + shown["text/html"]
    assert address in shown["text/html"]
    # The command is one that works.
    called = subprocess.run(
        ["sh", "-c", command],
        env=os.environ | {"CODIKA_API_KEY": key},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(called.stdout)["executionId"]
    ran = shell.run('run = %codika_trigger greet {"name": "Ada"}')
    assert "<dt>Greeting</dt><dd>Hello, Ada!</dd>" in ran.html
    assert "<summary>Payload</summary>" in ran.html


def test_an_outcome_is_displayed_anew_where_no_update_arrives(shell: Kernel, greeter: Path) -> None:
    cells = ["import ipywidgets; out = ipywidgets.Output()", f"with out:\n    d = %codika_deploy {greeter}"]
    for cell in cells:
        outcome = shell.run(cell)
    assert kinds(outcome) == ["display_data"]
    assert outcome.text.startswith("Greeter is deployed")


def test_a_loop_of_magics_costs_no_stack_and_shows_no_end_of_cards(shell: Kernel) -> None:
    hooks = "print(type(sys.displayhook).__name__, type(sys.displayhook._otherwise).__name__)"
    loop = shell.run(f"import sys\nfor i in range(1200):\n    %codika_use acme-inc\n{hooks}\n7")
    assert loop.error == ""
    hook, otherwise, last = loop.text.split()[-3:]
    assert (hook, last) == ("_ShownOnce", "7")
    assert otherwise != hook, "put around IPython's own once a cell, and not once a magic"
    shown = [m["content"]["data"] for m in loop.messages if m["msg_type"] == "display_data"]
    assert len(shown) == 1200
    assert sum("text/html" in data for data in shown) == 50


def test_a_chart_of_runs_in_words_and_as_a_picture() -> None:
    rows = [
        {"executionId": str(n), "workflowId": SCRIPT, "status": status, "createdAt": moment, "duration": ms}
        for n, (status, moment, ms) in enumerate(
            [
                ("failed", "2026-01-01T10:00:02Z", 50),
                ("success", "2026-01-01T10:00:00Z", 100),
                ("pending", "2026-01-01T10:00:03Z", None),
                ("failed", "2026-01-01T09:00:00", -5),
            ]
        )
    ]
    chart = Executions(ExecutionSummary.model_validate(row) for row in rows).chart()
    assert repr(chart) == "▁█▅  3 runs, 2 failed, p50 50 ms, p95 100 ms, longest 100 ms\n✗ ✗"
    picture = chart._repr_html_()
    assert "3 runs, 2 failed, p50 50 ms, p95 100 ms, longest 100 ms" in picture
    assert picture.count("<rect") == 3
    assert "<script" not in picture
    assert repr(Chart([])) == "No runs that have ended."
    assert "<svg" not in Chart([])._repr_html_()


def test_an_interruption_says_how_to_go_on() -> None:
    stopped = Interrupted("Stopped waiting.", next_action="Go on.")
    assert isinstance(stopped, KeyboardInterrupt)
    assert str(stopped) == "Stopped waiting.\nGo on."
    assert stopped._render_traceback_() == ["Stopped waiting.", "Go on."]
