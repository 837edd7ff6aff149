"""What both clients promise, endpoint by endpoint, against the sandbox."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import re
import shutil
import threading
import traceback
import uuid
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import codika_nb
from codika_nb import (
    AsyncClient,
    AuthenticationError,
    Client,
    ConfigError,
    ConflictError,
    ExecutionFailedError,
    InstanceKey,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    NotSignedIn,
    OrganizationChoiceError,
    OTPError,
    PermissionDeniedError,
    QueryKey,
    RateLimitError,
    WaitTimeoutError,
    WebhookSignature,
    __version__,
)
from codika_nb.client import deployed
from codika_nb.client.api import API
from codika_nb.client.http import httpx
from codika_nb.errors import UseCaseError
from codika_nb.models import Deployment, ExecutionDetails, Executions, StageDocument
from codika_nb.profiles import Profile, ProfileStore
from codika_nb.profiles.credential import context
from codika_nb.sandbox import Sandbox
from codika_nb.usecases.apart import stage_documents
from codika_nb.usecases.usecase import UseCase

from .colours import MakeClient, make_client
from .conftest import GREETER, copied

__all__ = ["make_client"]  # a fixture is found by its name

EMAIL = "grace@example.com"
INGESTION = {
    "workflowTemplateId": "embed",
    "workflowName": "Embed",
    "n8nWorkflowJsonBase64": base64.b64encode(b'{"nodes": [], "connections": {}}').decode(),
    "webhooks": {"embed": "https://example.com/embed", "delete": "https://example.com/delete"},
    "purpose": "search",
}


@dataclass
class Platform:
    """A sandbox with an account, and the greeter deployed to it."""

    sandbox: Sandbox
    url: str
    key: str
    organization_id: str
    project_id: str
    deployment: Deployment
    use_case: Path
    instance: str

    @property
    def account(self) -> dict[str, Any]:
        """What `Client` takes to speak for this organization."""
        return {"auth": self.key, "base_url": self.url}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One for all tests of this module; what they change they make for themselves."""
    use_case = copied("greeter", tmp_path_factory.mktemp("use-case"))
    with Sandbox(ip_limit=1000) as sandbox:
        sandbox.load_stand_ins(GREETER / "stand_ins.py")
        with Client(base_url=sandbox.url) as nobody:
            nobody.request_signup_code(EMAIL)
            bundle = nobody.complete_signup(EMAIL, code=sandbox.code_for(EMAIL), company="Acme")
        key = bundle.api_key.raw.get_secret_value()
        with Client(auth=key, base_url=sandbox.url) as client:
            deployment = client.deploy_use_case(use_case)
            project_id = client.list_projects()[0].id
        assert deployment.process_instance_id is not None
        yield Platform(
            sandbox,
            sandbox.url,
            key,
            bundle.organization_id,
            project_id,
            deployment,
            use_case,
            deployment.process_instance_id,
        )


@pytest.fixture
def client(platform: Platform, make_client: MakeClient) -> Any:
    """A client of the platform's organization, in both colours."""
    return make_client(**platform.account)


# --- signing in ------------------------------------------------------------------------------------


def test_sign_up_and_log_in(
    platform: Platform, make_client: MakeClient, request: pytest.FixtureRequest
) -> None:
    client = make_client(base_url=platform.url)
    email = f"{request.node.callspec.id}@example.com"

    sent = client.request_signup_code(email)
    with pytest.raises(RateLimitError) as cooldown:
        client.request_signup_code(email)
    with pytest.raises(OTPError) as wrong:
        client.complete_signup(email, code="x")
    bundle = client.complete_signup(
        email, code=platform.sandbox.code_for(email), company="Beta", key_name="Laptop", key_expires_in=30
    )

    assert (sent.email, sent.expires_in_seconds) == (email, 600)
    assert cooldown.value.code == "OTP_RESEND_COOLDOWN"
    assert 0 < (cooldown.value.retry_in or 0) <= 30
    assert wrong.value.details["attemptsRemaining"] == 4
    assert (bundle.organization_name, bundle.is_new_user, bundle.api_key.name) == ("Beta", True, "Laptop")
    assert bundle.api_key.expires_at
    with pytest.raises(ConflictError, match="already"):
        client.request_signup_code(email)

    platform.sandbox.clock.advance(31)
    second = platform.sandbox.add_organization(email, "Gamma")
    client.request_login_code(email)
    with pytest.raises(OrganizationChoiceError) as choice:
        client.complete_login(email, code=platform.sandbox.code_for(email))
    again = client.complete_login(email, code=platform.sandbox.code_for(email), organization_id=second)

    assert {o["name"] for o in choice.value.organizations} == {"Beta", "Gamma"}
    assert again.organization_id == second
    assert again.is_new_user is None


def test_a_lifetime_out_of_range_uses_no_code(platform: Platform, make_client: MakeClient) -> None:
    client = make_client(base_url=platform.url)
    for days in (0, 366, True, 1.5):
        with pytest.raises(ConfigError, match="1 to 365"):
            client.complete_login(EMAIL, code="123456", key_expires_in=days)


def test_an_unknown_account(platform: Platform, make_client: MakeClient) -> None:
    with pytest.raises(NotFoundError) as unknown:
        make_client(base_url=platform.url).request_login_code("nobody@example.com")
    assert unknown.value.code == "USER_NOT_FOUND"
    assert unknown.value.next_action
    # A reader is shown the call, and nothing of how it was carried out.
    frames = [Path(frame.filename) for frame in traceback.extract_tb(unknown.value.__traceback__)]
    package = Path(codika_nb.__file__).parent
    assert {each.name for each in frames if package in each.parents} <= {"endpoint.py"}


# --- keys and organizations ------------------------------------------------------------------------


def test_verify_key(client: Any, platform: Platform) -> None:
    known = client.verify_key()
    assert (known.type, known.organization_id) == ("org-api-key", platform.organization_id)
    assert known.organization_name == "Acme"
    assert platform.key.startswith(known.key_prefix)
    assert len(known.scopes) == 10


def test_keys(client: Any, platform: Platform, make_client: MakeClient) -> None:
    made = client.create_organization_key(
        "CI", scopes=["workflows:trigger"], description="for CI", expires_in_days=7
    )
    changed = client.update_organization_key(made.key_id, name="CI 2", scopes=["skills:read"])

    assert made.raw.get_secret_value().startswith("cko_")
    assert made.scopes == ("workflows:trigger",)
    assert made.expires_at
    assert (changed.key_id, changed.name, changed.scopes) == (made.key_id, "CI 2", ("skills:read",))
    assert client.update_organization_key(made.key_id, description="").description == ""
    limited = make_client(auth=made.raw.get_secret_value(), base_url=platform.url)
    with pytest.raises(PermissionDeniedError, match="projects:read"):
        limited.list_projects()
    platform.sandbox.revoke_key(made.key_id)
    with pytest.raises(AuthenticationError, match="revoked") as revoked:
        limited.verify_key()
    assert "given as auth" in str(revoked.value)
    assert revoked.value.request_id
    with pytest.raises(InvalidRequestError, match="revoked"):
        client.update_organization_key(made.key_id, name="x")
    with pytest.raises(NotFoundError):
        client.update_organization_key("nope", name="x")
    with pytest.raises(ConfigError, match="1 to 365"):
        client.create_organization_key("x", scopes=["skills:read"], expires_in_days=366)


def test_personal_keys(platform: Platform, make_client: MakeClient, tmp_path: Path) -> None:
    personal = make_client(auth=platform.sandbox.personal_key(EMAIL), base_url=platform.url)
    logo = tmp_path / "logo.PNG"
    logo.write_bytes(b"\x89PNG")

    made = personal.create_organization("Delta", description="new", size="solo", logo=logo)
    project = personal.create_project("P", organization_id=made.organization_id)
    key = personal.create_organization_key(
        "first", scopes="skills:read", organization_id=made.organization_id
    )
    greeter = shutil.copytree(
        platform.use_case, tmp_path / "greeter", ignore=shutil.ignore_patterns("project.json")
    )
    deployed = personal.deploy_use_case(greeter, organization_id=made.organization_id)

    assert personal.whoami().kind == "personal-api-key"
    assert {p.id for p in personal.list_projects(organization_id=made.organization_id)} > {project.project_id}
    assert [i.process_instance_id for i in personal.list_instances(organization_id=made.organization_id)] == [
        deployed.process_instance_id
    ]
    assert key.scopes == ("skills:read",)
    with pytest.raises(ConfigError, match="no single organization"):
        personal.create_organization_key("x", scopes=["skills:read"])
    with pytest.raises(PermissionDeniedError):
        make_client(**platform.account).create_organization("Epsilon")


def test_what_cannot_be_an_organization(client: Any, tmp_path: Path) -> None:
    large, text = tmp_path / "large.png", tmp_path / "logo.txt"
    large.write_bytes(b"x" * (5 * 1024**2 + 1))
    text.write_text("x")
    for logo in (large, text, tmp_path / "missing.png"):
        with pytest.raises(ConfigError, match=logo.name):
            client.create_organization("Zeta", logo=logo)
    with pytest.raises(ConfigError, match="both"):
        client.create_organization("Zeta", n8n_base_url="https://n8n.example.com")


# --- projects, deployment --------------------------------------------------------------------------


def test_projects(client: Any, platform: Platform) -> None:
    made = client.create_project("Other", description="another", template_id="three_stage")
    other = client.get_project(made.project_id)
    greeter = client.get_project(platform.project_id)

    assert (other.name, other.description, other.status, other.stage_count) == (
        "Other",
        "another",
        "draft",
        3,
    )
    assert other.current_deployment is None
    assert greeter.current_deployment.version
    assert greeter.created_at.year >= 2024
    assert len(client.list_projects(limit=1)) == 1
    assert client.list_projects(archived=True) == []
    with pytest.raises(NotFoundError):
        client.get_project("nosuchproject")


def test_deploy_publish_rerun(client: Any, greeter: Path) -> None:
    first = client.deploy_use_case(greeter, create_project="Published")
    second = client.deploy_use_case(greeter, version="2.5")
    project_id = json.loads((greeter / "project.json").read_text())["projectId"]

    published = client.publish_use_case(second, project_id=project_id, shared_with="everyone")
    rerun = client.rerun_deployment(first.process_instance_id, force=True, parameters={"tone": "warm"})

    assert (first.version, first.is_new_process, second.version) == ("1.0", True, "2.5")
    assert published.version == "2.5"
    assert published.process_instance_id not in (None, first.process_instance_id)
    assert rerun.deployment_status == "deployed"
    assert len(rerun.n8n_workflow_ids) == 1
    assert client.get_instance(first.process_instance_id).deployment.deployment_parameters["tone"] == "warm"
    assert client.list_instances(environment="prod")[0].process_instance_id == published.process_instance_id
    with pytest.raises(InvalidRequestError):
        client.publish_use_case(second.template_id, project_id=project_id)
    with pytest.raises(InvalidRequestError):
        client.rerun_deployment(first.process_instance_id)
    with pytest.raises(ConfigError):
        client.deploy_use_case(greeter, version="1.2abc")


def test_documents_and_ingestion(client: Any) -> None:
    project_id = client.create_project("Documented").project_id
    document = StageDocument(stage=1, title="Why", content=" because ", summary="reasons")

    accepted = client.deploy_documents([document], project_id=project_id)
    again = client.deploy_documents([document], project_id=project_id)
    ingestion = client.deploy_data_ingestion(INGESTION, project_id=project_id)
    major = client.deploy_data_ingestion(INGESTION, project_id=project_id, version="major")
    exact = client.deploy_data_ingestion(INGESTION, project_id=project_id, version="4.2")

    assert [(d.stage, d.version, d.status) for d in (*accepted, *again)] == [
        (1, "1.0.0", "accepted"),
        (1, "1.1.0", "accepted"),
    ]
    assert [i.version for i in (ingestion, major, exact)] == ["1.0", "2.0", "4.2"]
    assert ingestion.webhook_urls.embed == "https://example.com/embed"
    assert client.get_use_case(project_id, content=False)[0].relative_path == "data-ingestion/embed.json"
    with pytest.raises(InvalidRequestError, match="stage"):
        client.deploy_documents([{**document, "stage": 9}], project_id=project_id)
    with pytest.raises(InvalidRequestError, match="purpose") as flat:
        client.deploy_data_ingestion({**INGESTION, "purpose": ""}, project_id=project_id)
    assert flat.value.request_id  # this failure has a text for an error, and an id beside it
    with pytest.raises(ConfigError, match="Which project"):
        client.deploy_documents([document])
    with pytest.raises(ConfigError, match="Which project"):
        client.deploy_data_ingestion(INGESTION)


def test_documents_and_ingestion_of_a_folder(client: Any, greeter: Path) -> None:
    (greeter / "documents").mkdir()
    for name in ("documents", "data-ingestion"):
        with pytest.raises(UseCaseError):
            (client.deploy_documents if name == "documents" else client.deploy_data_ingestion)(greeter)
    (greeter / "documents" / "2_the_solution-now.md").write_text("\ufeff---\n", encoding="utf-8")
    (greeter / "documents" / "1_b.md").write_text("not the first", encoding="utf-8")
    (greeter / "documents" / "1_a_need.md").write_text(f"# Need\n\n {'x' * 201} \n", encoding="utf-8")
    (greeter / "data-ingestion").mkdir()
    shutil.copy(greeter / "workflows" / "greet.json", greeter / "data-ingestion" / "embed.json")
    with pytest.raises(ConfigError, match="no project"):
        client.deploy_documents(greeter)
    with pytest.raises(UseCaseError, match="does not say what it is"):
        client.deploy_data_ingestion(greeter)
    configuration = json.loads((greeter / "config.json").read_text(encoding="utf-8"))
    (greeter / "config.json").unlink()
    ingestion = {key: value for key, value in INGESTION.items() if key != "n8nWorkflowJsonBase64"}
    (greeter / "config.py").write_text(
        f"configuration = {configuration!r}\ndata_ingestion_config = {ingestion!r}\n", encoding="utf-8"
    )
    client.deploy_use_case(greeter)

    accepted = client.deploy_documents(greeter)
    deployed = client.deploy_data_ingestion(greeter)

    assert [document.stage for document in accepted] == [1, 2]
    assert stage_documents(greeter) == [
        {"stage": 1, "title": "A Need", "content": f"# Need\n\n {'x' * 201}", "summary": f"{'x' * 197}..."},
        {"stage": 2, "title": "The Solution-now", "content": "---", "summary": "Use case documentation"},
    ]
    assert deployed.version == "1.0"
    kept = json.loads((greeter / "version.json").read_text(encoding="utf-8"))
    assert kept == {"version": "1.0.1", "dataIngestionVersion": "1.0.1"}
    project = UseCase.load(greeter).project
    assert project
    fetched = client.get_use_case(project.project_id)
    workflow = (greeter / "data-ingestion" / "embed.json").read_bytes()
    assert {file.relative_path: file.content for file in fetched}["data-ingestion/embed.json"] == workflow
    (greeter / "documents" / "1_a_need.md").write_text(" \n", encoding="utf-8")
    with pytest.raises(UseCaseError, match=r"1_a_need\.md is empty"):
        client.deploy_documents(greeter)


def test_an_ingestion_of_no_version_is_refused_before_it_is_sent(client: Any, greeter: Path) -> None:
    client.deploy_use_case(greeter)
    (greeter / "data-ingestion").mkdir()
    shutil.copy(greeter / "workflows" / "greet.json", greeter / "data-ingestion" / "embed.json")
    ingestion = {key: value for key, value in INGESTION.items() if key != "n8nWorkflowJsonBase64"}
    (greeter / "data-ingestion.json").write_text(json.dumps(ingestion), encoding="utf-8")
    file = greeter / "version.json"

    for version in ("2", "1.2.3.4", "1.0", "", None, 2, 1.5, ["1.0.0"]):
        written = json.dumps({"version": "1.0.1", "dataIngestionVersion": version, "more": 1})
        file.write_text(written, encoding="utf-8")
        with pytest.raises(UseCaseError, match=r'^version\.json: dataIngestionVersion: .* form "X\.Y\.Z"'):
            client.deploy_data_ingestion(greeter)
        assert file.read_text(encoding="utf-8") == written

    file.write_text(json.dumps({"version": "1.0.1"}), encoding="utf-8")
    assert client.deploy_data_ingestion(greeter).version == "1.0"  # nothing was sent before


# --- runs ------------------------------------------------------------------------------------------


def test_runs(client: Any, platform: Platform) -> None:
    run = client.run_workflow("greet", {"name": "Ada", "language": "fr"}, instance=platform.instance)
    status = client.get_execution_status(run, instance=platform.instance)
    details = client.get_execution(run.execution_id, instance=platform.instance)
    small = client.get_execution(run, instance=platform.instance, deep=True, slim=True)
    listed = client.list_executions(platform.instance, workflow="greet", limit=100)

    assert run.result == {"greeting": "Bonjour, Ada !", "language": "fr"}
    assert run.error is None
    assert status == run
    assert repr(run).startswith("Execution(success, ") == str(run).startswith("Execution(success, ")
    assert details.codika_execution_id == run.execution_id
    assert "workflowData" in details.n8n_execution
    assert "workflowData" not in small.n8n_execution
    assert "_subExecutions" in small.n8n_execution
    assert "nodes" not in repr(details)
    assert details.payload == {"name": "Ada", "language": "fr"}
    assert 'Payload: {"name": "Ada", "language": "fr"}' in repr(details)
    assert ">Payload<" in details._repr_html_()
    assert listed[0].execution_id == run.execution_id
    assert client.list_executions(platform.instance, workflow="nope") == []
    for wrong in ({"instance": "nope"}, {"instance": "greet", "workflow": "greet"}):
        with pytest.raises(NotFoundError, match="instance"):
            client.list_executions(**wrong)


def test_the_payload_of_a_run_that_n8n_has_recorded() -> None:
    request = {"headers": {"x-process-manager-key": "cko_" + "aB12" * 9}, "params": {}, "query": {}}
    item = {"json": {**request, "body": {"payload": {"name": "Ada"}}}}
    turn = {"executionIndex": 0, "executionStatus": "success", "data": {"main": [[item]]}}
    later = {"executionIndex": 1, "data": {"main": [[{"json": {"sum": 1}}]]}}
    record = {"data": {"resultData": {"runData": {"Add": [later], "Webhook": [turn]}}}}
    details = ExecutionDetails(codika_execution_id="r", n8n_execution=record)
    assert details.payload == {"name": "Ada"}
    assert "cko_" not in repr(details) + details._repr_html_()
    assert ExecutionDetails(codika_execution_id="r", n8n_execution=None).payload is None


def test_a_run_that_fails(client: Any, platform: Platform) -> None:
    run = client.run_workflow("greet", {"name": " "}, instance=platform.instance)
    failed = client.list_executions(platform.instance, failed_only=True, limit=1)

    assert run.status == "failed"
    with pytest.raises(ExecutionFailedError, match="A name is required") as failure:
        _ = run.result
    assert (failure.value.execution, failure.value.execution_id) == (run, run.execution_id)
    assert failed[0].execution_id == run.execution_id
    assert "A name is required" in failed[0].error
    assert run.error == failed[0].error
    assert "A name is required" in repr(failed)


def test_a_run_that_takes_its_time(client: Any, platform: Platform) -> None:
    go_on = threading.Event()

    @platform.sandbox.workflow("greet")
    def wait(payload: dict[str, Any]) -> dict[str, Any]:
        go_on.wait(10)
        return payload

    try:
        with pytest.raises(WaitTimeoutError, match=r"has not ended within 0\.1 s") as late:
            client.run_workflow("greet", {"name": "Ada"}, instance=platform.instance, timeout=0.1)
        pending = client.get_execution_status(late.value.execution_id, instance=platform.instance)
        with pytest.raises(ExecutionFailedError, match="has not ended"):
            _ = pending.result
        assert f"instance='{platform.instance}'" in str(late.value)
        go_on.set()
        assert client.wait_for(late.value.execution_id, instance=platform.instance).result == {"name": "Ada"}
    finally:
        platform.sandbox.load_stand_ins(GREETER / "stand_ins.py")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda c: c.list_executions(failed=True),
            "list_executions() got an unexpected .* mean failed_only?",
        ),
        (lambda c: c.list_instances(env="dev"), "list_instances() got an unexpected .* mean environment?"),
        (lambda c: c.wait_for("r", time_out=3), "wait_for() got an unexpected .* mean timeout?"),
        (lambda c: c.run_workflow(), "run_workflow() missing a required argument: 'workflow'."),
        (lambda c: c.run_workflow("greet", {}, "x"), "run_workflow() too many positional arguments."),
        (lambda c: c.get_execution("r", zzz=1), "get_execution() got an unexpected keyword argument 'zzz'."),
    ],
)
def test_a_call_that_does_not_fit_says_what_may_be_meant(client: Any, call: Any, said: str) -> None:
    with pytest.raises(TypeError) as refused:
        call(client)
    pattern = re.escape(said).replace(r"\.\*", ".*")
    assert re.fullmatch(pattern, str(refused.value)), refused.value
    assert hasattr(refused.value, "_render_traceback_")


def test_what_is_deleted_is_not_to_be_removed(client: Any) -> None:
    with pytest.raises(AttributeError, match=r"has no remove_integration: did you mean delete_integration\?"):
        _ = client.remove_integration


def test_where_keys_are_revoked_is_said(client: Any) -> None:
    with pytest.raises(
        AttributeError, match=r"revoked in the dashboard, and in a sandbox by sandbox.revoke_key"
    ):
        _ = client.revoke_organization_key


def test_the_clients_own_arguments_are_called_the_clients() -> None:
    with pytest.raises(TypeError, match=r"^Client\(\) got an unexpected keyword argument 'instnce'"):
        Client(instnce="x")  # type: ignore[call-arg]


def test_a_key_that_may_not_do_it_says_which_may(
    client: Any, platform: Platform, make_client: MakeClient
) -> None:
    few = client.create_organization_key("Few", scopes=["executions:read"]).raw.get_secret_value()
    other = make_client(auth=few, base_url=platform.url)
    with pytest.raises(PermissionDeniedError, match="lacks the scope") as refused:
        other.list_projects()
    assert "client.create_organization_key(…, scopes=…)" in (refused.value.next_action or "")


def test_runs_that_cannot_start(client: Any, platform: Platform, tmp_path: Path) -> None:
    client.deploy_use_case(copied("greeter", tmp_path))
    deployed.forget()  # so that either may be meant
    with pytest.raises(ConfigError, match="Which process instance"):
        client.trigger_workflow("greet")
    with pytest.raises(NotFoundError) as unknown:
        client.trigger_workflow("../greet", {"name": "Ada"}, instance=platform.instance)
    assert "../greet" in str(unknown.value)
    with pytest.raises(ConfigError, match="not list"):
        client.trigger_workflow("greet", ["Ada"], instance=platform.instance)
    for payload in ({"when": object()}, {"x": float("inf")}, {"x": "\ud800"}):
        with pytest.raises(ConfigError, match="JSON"):
            client.trigger_workflow("greet", payload, instance=platform.instance)
    with pytest.raises(NotFoundError):
        client.get_execution_status("nope", instance=platform.instance)


def test_a_client_that_is_older_than_its_account_says_so(platform: Platform, own_settings: Path) -> None:
    with Client(base_url=platform.url) as client:
        with pytest.raises(NotSignedIn, match="Nobody is signed in"):
            client.whoami()
        email = f"{uuid.uuid4()}@example.com"
        codika_nb.sign_in(email, ask_code=platform.sandbox.code_for, base_url=platform.url)
        with pytest.raises(NotSignedIn, match="made before somebody signed in") as older:
            client.whoami()
        assert older.value.next_action == "Make it anew: Client()"
    with Client(base_url=platform.url) as anew:
        assert anew.whoami().organization_name


def test_what_is_missing_in_a_payload_is_said_and_files_are_read(
    client: Any, platform: Platform, tmp_path: Path
) -> None:
    where = {"instance": platform.instance}
    with pytest.raises(InvalidRequestError, match="is required") as missing:
        client.trigger_workflow("greet", {"name": float("nan")}, **where)
    assert missing.value.next_action == "name: what is given is missing (NaN, NaT, NA), and is left out."
    (tmp_path / "a.txt").write_bytes(b"hi")
    file = {"fileName": "a.txt", "mimeType": "text/plain", "fileSize": 2, "contentBase64": "aGk="}
    unnamed = {**file, "fileName": "photo.bin", "mimeType": "application/octet-stream"}
    for given, as_file in ((tmp_path / "a.txt", file), (b"hi", unnamed), (bytearray(b"hi"), unnamed)):
        for value, sent in ((given, as_file), ([{"photo": given}], [{"photo": as_file}])):
            run = client.trigger_workflow("greet", {"name": "Ada", "photo": value}, **where)
            assert client.get_execution(run).payload["photo"] == sent
    with pytest.raises(ConfigError, match=r"photo: .* cannot be read: .*\."):
        client.trigger_workflow("greet", {"name": "Ada", "photo": tmp_path / "b.txt"}, **where)


def test_a_run_of_nowhere_is_at_no_instance(client: Any, platform: Platform, tmp_path: Path) -> None:
    client.deploy_use_case(copied("greeter", tmp_path), project_id=client.create_project("P").project_id)
    deployed.forget()
    for look in (client.get_execution, client.get_execution_status):
        with pytest.raises(NotFoundError, match="no such execution at any instance: nope") as unknown:
            look("nope")
        assert platform.instance not in str(unknown.value)


def test_an_id_that_stays_unknown(client: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codika_nb.client.api.runs.UNKNOWN_AT_FIRST", 0.1)
    with pytest.raises(NotFoundError) as unknown:
        client.wait_for("nope", instance=platform.instance)
    assert unknown.value.execution_id == "nope"


# --- instances -------------------------------------------------------------------------------------


def test_instances(client: Any, platform: Platform) -> None:
    client.instance = platform.instance
    plain, detailed = client.get_instance(), client.get_instance(workflows=True)

    assert plain.title == "Greeter"
    assert plain.organization_id == platform.organization_id
    assert plain.deployment.workflows[0].triggers == ()
    assert detailed.deployment.workflows[0].triggers[0]["type"] == "http"
    assert client.list_instances(archived=True) == []
    try:
        off = client.deactivate_instance()
        assert (off.process_instance_id, off.is_active, off.workflow_count) == (platform.instance, False, 1)
        with pytest.raises(ConflictError) as inactive:
            client.trigger_workflow("greet", {"name": "Ada"})
        assert inactive.value.status == 412
        assert client.list_instances()[-1].inactive_reason == "user_paused"
    finally:
        assert client.activate_instance().is_active


@pytest.mark.parametrize("limit", [0, 101, True, "5", 2.0])
def test_limits_are_whole_and_in_range(limit: Any) -> None:
    for describe in (
        API().list_projects,
        API().list_instances,
        lambda limit: API().list_executions("i", limit=limit),
    ):
        with pytest.raises(ConfigError, match="1 to 100"):
            next(iter(describe(limit=limit)))


# --- reading back ----------------------------------------------------------------------------------


def test_a_use_case_comes_back_as_it_was(client: Any, platform: Platform, tmp_path: Path) -> None:
    files = client.get_use_case(platform.project_id, version="1.0", into=tmp_path / "copy")
    names = client.get_use_case(platform.project_id, content=False, data_ingestion=False)

    assert files.project_id == platform.project_id
    assert files.version == "1.0"
    assert len(files.written) == len(files) == 3
    for file, written in zip(files, files.written, strict=True):
        assert written.read_bytes() == file.content == (platform.use_case / file.relative_path).read_bytes()
    assert [file.content for file in names] == [None] * 3
    assert client.get_use_case(platform.project_id, version="9.9") == []
    for version in ("1", "1.0.0", "v1.0", "-1.0", "1.2abc"):
        with pytest.raises(ConfigError, match=r"X\.Y"):
            client.get_use_case(platform.project_id, version=version)


def test_skills(client: Any, platform: Platform, tmp_path: Path) -> None:
    skills = client.get_skills(platform.instance, into=tmp_path)
    original = (platform.use_case / "skills" / "greet-someone" / "SKILL.md").read_text()

    assert [skill.name for skill in skills] == ["greet-someone"]
    assert skills.written == (tmp_path / "greet-someone" / "SKILL.md",)
    assert skills.written[0].read_text() == skills[0].content_markdown == original


# --- integrations ----------------------------------------------------------------------------------


def test_integrations(client: Any, platform: Platform, greeter: Path) -> None:
    connected = client.set_integration("openai", secrets={"OPENAI_API_KEY": "sk-äöü"}, metadata={"a": "b"})
    custom = client.set_integration(
        "cstm_crm",
        secrets={"CRM_TOKEN": "t"},
        instance=platform.instance,
        custom_schema={"id": "cstm_crm", "name": "CRM"},
    )
    listed = client.list_integrations(instance=platform.instance)

    assert connected.n8n_credential_id
    assert "connected" in custom.message
    assert [(i.integration_id, i.context_type) for i in listed] == [
        ("openai", "organization"),
        ("cstm_crm", "process_instance"),
    ]
    assert listed[0].has_valid_tokens is True
    assert client.delete_integration("openai").deleted
    assert client.delete_integration("openai").deactivated_count == 0  # what is not there is no error
    assert client.delete_integration("cstm_crm", instance=platform.instance).deleted


def test_one_of_ones_own_is_found_in_what_is_deployed(
    client: Any, greeter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.loads((greeter / "config.json").read_text())
    secret = {"key": "CRM_KEY", "label": "Key", "type": "password"}
    own: dict[str, Any] = {"id": "cstm_crm", "name": "CRM", "contextType": "organization"}
    own["secretFields"] = [secret]
    own["metadataFields"] = [{"key": "CRM_URL", "label": "URL", "type": "url"}]
    own |= {"n8nCredentialType": "httpHeaderAuth", "n8nCredentialMapping": {"CRM_KEY": "value"}}
    (greeter / "config.json").write_text(json.dumps({**config, "customIntegrations": [own]}))
    deployed = client.deploy_use_case(greeter)
    monkeypatch.setenv("CRM_KEY", "from-the-environment")

    client.set_integration("cstm_crm", instance=deployed.process_instance_id)
    here = deployed.process_instance_id
    with pytest.raises(
        ConfigError, match=r"cstm_crm has no secret called KEY. Nothing was sent.\nGive CRM_KEY"
    ):
        client.set_integration("cstm_crm", secrets={"KEY": "x"}, instance=here)
    with pytest.warns(UserWarning, match="secret|metadata") as told:
        client.set_integration(
            "cstm_crm", secrets={"CRM_KEY": "x", "KEY": "x"}, metadata={"X": "y"}, instance=here
        )
    assert {str(w.message) for w in told} == {
        "cstm_crm has no secret called KEY.",
        "There is no metadata called X, but CRM_URL.",
    }

    listed = client.list_integrations(instance=deployed.process_instance_id)
    assert ("cstm_crm", "organization") in {(i.integration_id, i.context_type) for i in listed}
    assert client.delete_integration("cstm_crm", confirm=True).deleted


def test_an_integration_that_is_needed(client: Any, greeter: Path) -> None:
    config = json.loads((greeter / "config.json").read_text())
    (greeter / "config.json").write_text(json.dumps({**config, "integrationUids": ["tavily"]}))
    deployed = client.deploy_use_case(greeter)
    client.set_integration("tavily", secrets={"TAVILY_API_KEY": "t"})

    asked = client.delete_integration("tavily")
    assert not asked.deleted
    assert "confirm" in asked.message
    assert asked.pending_deactivations.count == len(asked.pending_deactivations.processes)
    assert deployed.process_instance_id in [
        p.process_instance_id for p in asked.pending_deactivations.processes
    ]
    assert [i.integration_id for i in client.list_integrations()] == ["tavily"]

    done = client.delete_integration("tavily", confirm=True)
    assert done.deleted
    assert done.deactivated_count == asked.pending_deactivations.count
    assert not client.get_instance(deployed.process_instance_id).is_active


def test_what_takes_a_browser_is_connected_by_the_sandbox(
    client: Any, platform: Platform, greeter: Path
) -> None:
    file = greeter / "workflows" / "greet.json"
    workflow = json.loads(file.read_text())
    slack = {"id": "{{ORGCRED_SLACK_ID_DERCGRO}}", "name": "{{ORGCRED_SLACK_NAME_DERCGRO}}"}
    gmail = {"id": "{{USERCRED_GOOGLE_GMAIL_ID_DERCRESU}}", "name": "{{FLEXCRED_GOOGLE_GMAIL_NAME_DERCXELF}}"}
    workflow["nodes"][-1]["credentials"] = {"slackApi": slack, "gmailOAuth2": gmail}
    file.write_text(json.dumps(workflow))
    assert client.deploy_use_case(greeter).deployment_status == "failed"
    with pytest.raises(ConfigError) as refused:
        client.set_integration("google_gmail")
    assert "sandbox.connect_integration('google_gmail', 'member')" in str(refused.value)

    with pytest.raises(ConfigError, match="neither organization nor member"):
        platform.sandbox.connect_integration("google_gmail", "world")
    platform.sandbox.connect_integration("google_gmail", "member")
    platform.sandbox.connect_integration("slack")

    assert client.deploy_use_case(greeter).deployment_status == "deployed"
    listed = {(each.integration_id, each.context_type) for each in client.list_integrations()}
    assert listed >= {("slack", "organization"), ("google_gmail", "member")}
    for name, whose in (("slack", "organization"), ("google_gmail", "member")):
        assert client.delete_integration(name, context_type=whose, confirm=True).deleted


def test_integrations_that_are_refused_here(
    client: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("google_gmail", "slack", "notion"):
        with pytest.raises(ConfigError, match="browser") as refused:
            client.set_integration(name, secrets={"TOKEN": "x"})
        assert refused.value.code == "OAUTH_REQUIRED"
        assert "app.codika.io" in str(refused.value)
        assert "A sandbox has none" in str(refused.value)
    with Client(auth="cko_x") as production, pytest.raises(ConfigError, match="browser") as refused:
        production.set_integration("slack")
    assert "sandbox" not in str(refused.value)
    assert refused.value.next_action == "Connect it in the dashboard: https://app.codika.io"
    for secrets in ({}, {"OPENAI_API_KEY": ""}, {"OPENAI_API_KEY": None}):
        with pytest.raises(ConfigError, match='"OPENAI_API_KEY": …'):
            client.set_integration("openai", secrets=secrets)
    with Client(base_url=platform.url) as nobody:
        email = f"{uuid.uuid4()}@example.com"
        nobody.request_signup_code(email)
        newcomer = nobody.complete_signup(email, code=platform.sandbox.code_for(email)).api_key.raw
    with (
        Client(auth=newcomer.get_secret_value(), base_url=platform.url) as deployed_nothing,
        pytest.raises(ConfigError, match="Nothing is deployed in this organization yet"),
    ):
        deployed_nothing.set_integration("telegram", secrets={"TELEGRAM_ACCESS_TOKEN": "x"})
    with pytest.raises(ConfigError, match="folk has no secret called FOLK_KEY"):
        client.set_integration("folk", secrets={"FOLK_KEY": "x"})
    with pytest.raises(ConfigError, match="openai has no secret called that") as swapped:
        client.set_integration("openai", secrets={"sk_proj_a1B2c3": "OPENAI_API_KEY"})
    assert "sk_proj" not in str(swapped.value)
    for misspelt in ("opnai", "OpenAI", "slak"):
        with pytest.raises(ConfigError, match=rf"There is no integration {misspelt}.\nDid you mean \w+\?"):
            client.set_integration(misspelt, secrets={"OPENAI_API_KEY": "x"})
    with pytest.raises(LookupError, match="no integration slak: did you mean slack"):
        platform.sandbox.connect_integration("slak")
    lacking = {"ODOO_URL": "x", "ODOO_DATABASE": "x", "ODOO_USERNAME": "x"}
    for name, secrets, said in (
        ("folk", {"FOLK_API_KEY": "x", "FOLK_KEY": "x"}, "folk has no secret called FOLK_KEY."),
        ("httpheaderauth", {"N": "x"}, "httpheaderauth is no integration that is known here; docs/n8n.md"),
        ("odoo", lacking, "odoo lacks its secret ODOO_PASSWORD."),
    ):
        with pytest.warns(UserWarning, match=said) as told:
            client.set_integration(name, secrets=secrets)
    for name in ("folk", "httpheaderauth", "odoo"):
        client.delete_integration(name, confirm=True)
    assert {w.filename for w in told} == {"set_integration"}  # the line of the call may have the secret in it
    monkeypatch.setitem(__import__("sys").modules, "cryptography", None)
    with pytest.raises(ConfigError, match="cryptography") as missing:
        client.set_integration("openai", secrets={"OPENAI_API_KEY": "x"})
    assert "codika-nb[integrations]" in str(missing.value)


def test_secrets_come_from_the_environment(
    client: Any, monkeypatch: pytest.MonkeyPatch, platform: Platform
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    monkeypatch.setenv("CRM_TOKEN", "crm-from-the-environment")
    schema = {"id": "cstm_crm", "name": "CRM", "secretFields": [{"key": "CRM_TOKEN"}]}

    assert client.set_integration("openai").n8n_credential_id
    client.set_integration("cstm_crm", instance=platform.instance, custom_schema=schema)

    listed = client.list_integrations(instance=platform.instance)
    assert {i.integration_id for i in listed} >= {"openai", "cstm_crm"}
    assert client.delete_integration("openai").deleted
    assert client.delete_integration("cstm_crm", instance=platform.instance).deleted
    with pytest.raises(ConfigError, match="cannot be connected without its secrets"):
        client.set_integration("cstm_other", instance=platform.instance)
    with pytest.raises(ConfigError, match="Did you mean google_gemini"):
        client.set_integration("google-gemini")
    with pytest.raises(ConfigError, match="Give secrets="):  # one's own may be called like another
        client.set_integration("cstm_openai", instance=platform.instance)


def test_the_encryption_key_has_to_be_one(
    platform: Platform, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODIKA_PUBLIC_KEY_URL", f"{platform.url}/inbox")
    client = make_client(**platform.account)
    with pytest.raises(InvalidResponseError, match="RSA"):
        client.set_integration("openai", secrets={"OPENAI_API_KEY": "x"})
    monkeypatch.setenv("CODIKA_PUBLIC_KEY_URL", f"{platform.url}/nope")
    with pytest.raises(NotFoundError):
        make_client(**platform.account).set_integration("openai", secrets={"OPENAI_API_KEY": "x"})
    monkeypatch.setenv("CODIKA_PUBLIC_KEY_URL", "http://keys.example.com/public.pem")
    with pytest.raises(ConfigError, match="not encrypted"):
        make_client(**platform.account).set_integration("openai", secrets={"OPENAI_API_KEY": "x"})


def test_where_the_encryption_key_is() -> None:
    with Client(auth="cko_x") as client:
        assert client.public_key_url == "https://app.codika.io/encryption/public.pem"


def test_credential_schema(client: Any) -> None:
    schema = client.get_credential_schema("httpHeaderAuth")
    assert (schema.type, schema.required) == ("httpHeaderAuth", ("name", "value"))
    assert schema.additional_properties is False
    with pytest.raises(NotFoundError):
        client.get_credential_schema("a&type=b")


# --- notes -----------------------------------------------------------------------------------------


def test_notes(client: Any) -> None:
    project_id = client.create_project("Noted").project_id
    note = {"document_type": "known-issues", "content": "# None", "summary": "none yet"}

    first = client.upsert_note(project_id, **note)
    client.upsert_note(project_id, **note, agent_id="agent-7")
    third = client.upsert_note(project_id, **note, title="Issues", major_change=True)

    assert (first.version, first.is_new, third.version) == ("0.0.0", True, "0.1.0")
    assert [n.title for n in client.get_notes(project_id)] == ["Issues"]
    history = client.get_notes(project_id, document_type="known-issues", history=True)
    assert [n.version for n in history] == ["0.1.0", "0.0.1", "0.0.0"]
    assert [n.agent_id for n in history] == [None, "agent-7", None]
    assert client.get_notes(project_id, version="0.0.0")[0].content == "# None"
    assert client.get_notes(project_id, document_type="brief") == []
    with pytest.raises(ConfigError, match=r"X\.Y\.Z"):
        client.get_notes(project_id, version="1.0")


# --- the four ways to authenticate -----------------------------------------------------------------


@pytest.mark.parametrize("way", [InstanceKey, QueryKey, str])
def test_instance_keys(platform: Platform, make_client: MakeClient, way: Any) -> None:
    key = platform.sandbox.instance_key(platform.instance)
    client = make_client(auth=way(key), base_url=platform.url)
    client.instance = platform.instance

    assert client.run_workflow("greet", {"name": "Ada"}).status == "success"
    if way is not QueryKey:  # skills take a header only
        assert [skill.name for skill in client.get_skills()] == ["greet-someone"]
    me = client.whoami()
    assert (me.kind, me.key, me.source, me.server) == (
        "instance-key",
        f"{key[:8]}...",
        "argument",
        platform.url,
    )
    assert me.organization is None
    assert "not checked" in (me.note or "")

    platform.sandbox.instance_key(platform.instance)
    with pytest.raises(AuthenticationError) as regenerated:
        client.trigger_workflow("greet", {"name": "Ada"})
    assert "may have been regenerated" in str(regenerated.value)
    assert "Give the new one" in str(regenerated.value)


def test_a_signature_covers_the_bytes_that_are_sent(platform: Platform, make_client: MakeClient) -> None:
    platform.sandbox.webhook_secret(platform.instance, "greet")  # while one is replaced, there are two
    secret = platform.sandbox.webhook_secret(platform.instance, "greet")
    client = make_client(auth=WebhookSignature(secret), base_url=platform.url)
    client.instance = platform.instance

    first = client.trigger_workflow("greet", {"name": "Zoë 🦊"})
    second = client.trigger_workflow("greet", {"name": "Zoë 🦊"})

    assert first.execution_id != second.execution_id
    assert client.whoami().kind == "webhook-signature"
    assert client.whoami().key is None
    with pytest.raises(AuthenticationError, match="only starts runs") as refused:
        client.run_workflow("greet", {"name": "Ada"})
    assert refused.value.execution_id in str(refused.value)
    wrong = make_client(auth=WebhookSignature("whsec_" + "A" * 32), base_url=platform.url)
    with pytest.raises(AuthenticationError):
        wrong.trigger_workflow("greet", {"name": "Ada"}, instance=platform.instance)


def test_what_is_no_key_is_looked_for_where_it_is(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "secret-of-another-service")
    with pytest.raises(ConfigError, match="a key that begins with cko_") as refused:
        make_client().list_projects()
    assert "env (CODIKA_API_KEY)" in str(refused.value)
    assert "another" not in str(refused.value)


def test_a_regenerated_key_from_the_environment(
    platform: Platform, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", platform.sandbox.instance_key(platform.instance))
    monkeypatch.setenv("CODIKA_TRIGGER_BASE_URL", f"{platform.url}/webhook/")
    monkeypatch.setenv("CODIKA_STATUS_BASE_URL", f"{platform.url}/status")
    monkeypatch.setenv("PROCESS_INSTANCE_ID", platform.instance)
    client = make_client()

    assert client.base_url == platform.url  # the key belongs there, so the other calls go there too
    assert client.run_workflow("greet", {"name": "Ada"}).status == "success"
    assert client.get_skills()[0].name == "greet-someone"
    assert client.whoami().server == f"{platform.url}/webhook"
    assert client.whoami().source == "env (CODIKA_API_KEY)"

    by_hand = make_client(auth=QueryKey(os.environ["CODIKA_API_KEY"]))
    assert by_hand.trigger_workflow("greet", {"name": "Ada"}).execution_id

    platform.sandbox.instance_key(platform.instance)
    for outdated in (client, by_hand):
        with pytest.raises(AuthenticationError) as regenerated:
            outdated.trigger_workflow("greet", {"name": "Ada"})
        assert "env (CODIKA_API_KEY) was not accepted" in str(regenerated.value)
        assert "may have been regenerated" in str(regenerated.value)
        assert "Set CODIKA_API_KEY" in str(regenerated.value)


def test_an_env_file_names_everything(platform: Platform, make_client: MakeClient, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        f"# the dashboard's\nCODIKA_API_KEY={platform.sandbox.instance_key(platform.instance)}\n"
        f"PROCESS_INSTANCE_ID='{platform.instance}'\n"
        f"export CODIKA_TRIGGER_BASE_URL={platform.url}/webhook # ends like this\n"
        f'CODIKA_STATUS_BASE_URL="{platform.url}/status"\n'
    )
    client = make_client(env_file=file)

    assert client.run_workflow("greet", {"name": "Ada"}).status == "success"
    assert client.whoami().source == f"{file} (CODIKA_API_KEY)"


# --- who am I --------------------------------------------------------------------------------------


def test_whoami_says_what_won_and_what_it_hides(
    platform: Platform, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    saved = Profile(api_key=platform.key, organization_id="org", base_url=platform.url)
    ProfileStore().save(saved, name="acme")
    monkeypatch.setenv("CODIKA_BASE_URL", platform.url)
    by_profile = make_client().whoami()
    monkeypatch.setenv("CODIKA_API_KEY", platform.key)
    file = tmp_path / ".env"
    file.write_text("CODIKA_API_KEY=cko_another")
    by_environment = make_client(env_file=file).whoami()
    by_argument = make_client(**platform.account).whoami()

    assert (by_profile.source, by_profile.hides) == ('profile "acme"', ())
    assert by_profile.organization == "Acme"
    assert by_profile.server == platform.url
    assert by_environment.source == "env (CODIKA_API_KEY)"
    assert by_environment.hides == (f"{file} (CODIKA_API_KEY)", 'profile "acme"')
    assert by_argument.hides == ("env (CODIKA_API_KEY)", 'profile "acme"')
    assert not by_profile.note
    monkeypatch.setenv("CODIKA_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(context, "base_url", platform.url)
    elsewhere = make_client().whoami()
    assert (elsewhere.source, elsewhere.hides) == ('profile "acme"', ())
    assert elsewhere.note == "The key from env (CODIKA_API_KEY) is for another server, and is not used here."
    assert "Acme (org_" in repr(by_profile)
    assert platform.key not in repr(by_argument) + by_argument._repr_html_()


def test_whoami_with_a_key_that_is_no_longer_good(
    platform: Platform, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ProfileStore().save(Profile(api_key="cko_revoked1", base_url=platform.url), name="old")
    with pytest.raises(AuthenticationError) as by_profile:
        make_client(base_url=platform.url).whoami()
    assert 'profile "old" was not accepted. A sandbox that was started anew knows' in str(by_profile.value)
    monkeypatch.setenv("CODIKA_API_KEY", "cko_revoked2")
    with pytest.raises(AuthenticationError) as by_environment:
        make_client(base_url=platform.url).whoami()
    assert "revoked or expired" in str(by_environment.value)
    ProfileStore().remove("old")
    monkeypatch.delenv("CODIKA_API_KEY")
    with pytest.raises(NotSignedIn, match="Nobody is signed in"):
        make_client(base_url=platform.url).whoami()


# --- the client itself -----------------------------------------------------------------------------


def test_time_outs_for_single_calls_share_the_connections(client: Any) -> None:
    patient = client.with_options(timeout=60)
    client.verify_key()

    assert patient.verify_key() == client.verify_key()
    patient.close()  # not its own to close
    assert client.verify_key()
    assert patient.with_options(timeout=5).verify_key()
    assert patient.whoami().source == "argument"
    client.close()
    client.close()
    for closed in (client, patient):
        with pytest.raises(ConfigError, match="closed"):
            closed.verify_key()


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_time_outs_are_positive(client: Any, seconds: float) -> None:
    with pytest.raises(ConfigError, match="time-out"):
        client.with_options(timeout=seconds)
    with pytest.raises(ConfigError, match="time-out"):
        Client(auth="cko_x", timeout=seconds)


def test_what_goes_along_with_a_request() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"success": True, "data": {}}, headers={"Set-Cookie": "a=b; Path=/"})

    with Client(
        auth="cka_admin",
        base_url="https://example.com/api/",
        timeout=httpx.Timeout(7),
        transport=httpx.MockTransport(answer),
    ) as client:
        client.verify_key()
        client.verify_key()
    first, second = seen
    assert str(first.url) == "https://example.com/api/verifyapikey"
    assert first.headers["x-process-manager-key"] == "cka_admin"
    assert first.headers["user-agent"] == f"codika-nb/{__version__}"
    assert first.content == b""
    assert first.extensions["timeout"] == {"connect": 7, "read": 7, "write": 7, "pool": 7}
    assert "cookie" not in second.headers


def test_default_time_outs() -> None:
    seen: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(
            200, json={"success": True, "data": {}, "execution": {"executionId": "e", "status": "success"}}
        )

    with Client(auth="cko_x", transport=httpx.MockTransport(answer)) as client:
        client.verify_key()
        client.with_options(timeout=2).verify_key()
        client.wait_for("e", instance="i", timeout=4)
    assert seen == [
        {"connect": 5, "read": 30, "write": 30, "pool": None},
        {"connect": 2, "read": 2, "write": 2, "pool": None},
        {"connect": pytest.approx(4, abs=0.1)}
        | dict.fromkeys(("read", "write", "pool"), pytest.approx(4, abs=0.1)),
    ]


def test_many_threads_use_one_client(platform: Platform) -> None:
    # The key is found when it is first needed: by all of them at once.
    ProfileStore().save(Profile(api_key=platform.key, base_url=platform.url), name="acme")
    with Client(base_url=platform.url) as client, ThreadPoolExecutor(16) as pool:
        runs = pool.map(
            lambda n: client.run_workflow("greet", {"name": str(n)}, instance=platform.instance).result,
            range(48),
        )
        assert [run["greeting"] for run in runs] == [f"Hello, {n}!" for n in range(48)]


def test_gathered_calls(platform: Platform) -> None:
    async def main() -> Any:
        async with AsyncClient(**platform.account) as client:
            client.instance = platform.instance
            calls = (client.run_workflow("greet", {"name": str(n)}) for n in range(48))
            return await asyncio.gather(*calls)

    assert [run.result["greeting"] for run in asyncio.run(main())] == [f"Hello, {n}!" for n in range(48)]


def test_one_client_in_several_event_loops(platform: Platform) -> None:
    client = AsyncClient(**platform.account)

    async def ask() -> Any:
        return (await client.verify_key()).organization_name

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of connections whose loop has ended
        assert [asyncio.run(ask()) for _ in range(4)] == ["Acme"] * 4
        asyncio.run(client.aclose())
        gc.collect()


def test_a_client_of_a_loop_that_goes_on_is_refused_in_another(platform: Platform) -> None:
    async def main() -> Any:
        async with AsyncClient(**platform.account) as client:
            await client.verify_key()
            return await asyncio.to_thread(lambda: asyncio.run(client.verify_key()))

    with pytest.raises(ConfigError, match="another event loop"):
        asyncio.run(main())


def test_a_wrong_argument_is_an_error_of_the_awaited_call() -> None:
    async def main() -> Any:
        async with AsyncClient(auth="cko_x") as client:
            no_object: Any = [1]
            calls = [client.trigger_workflow("greet", no_object), client.list_projects(limit=0)]
            return await asyncio.gather(*calls, return_exceptions=True)

    assert [type(outcome) for outcome in asyncio.run(main())] == [ConfigError, ConfigError]


def test_top_level_await_in_ipython(platform: Platform) -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.user_ns.update(account=platform.account, AsyncClient=AsyncClient)
    outcome = shell.run_cell(
        "import asyncio\n"
        "async with AsyncClient(**account) as client:\n"
        "    known, projects = await asyncio.gather(client.verify_key(), client.list_projects())\n"
        "known.organization_name"
    )
    assert outcome.error_in_exec is None
    assert outcome.result == "Acme"


def test_an_unclosed_client_warns(platform: Platform) -> None:
    unused = Client(**platform.account)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del unused  # nothing was opened
    client = Client(**platform.account)
    twin = client.with_options(timeout=5)
    twin.verify_key()
    del client
    gc.collect()
    assert twin.verify_key()  # keeps the connections of the other
    with pytest.warns(ResourceWarning, match=r"unclosed Client\("):
        del twin

    async def forget() -> None:
        client = AsyncClient(**platform.account)
        await client.verify_key()
        pool = client._pool
        with pytest.warns(ResourceWarning, match=r"unclosed AsyncClient\("):
            del client
        await pool.aclose()

    asyncio.run(forget())


@pytest.mark.parametrize(
    "arguments",
    [{"workflow": 5, "instance": "i"}, {"workflow": "greet", "instance": 5}],
    ids=["workflow", "instance"],
)
def test_ids_are_texts(client: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="named by a text, not by int"):
        client.trigger_workflow(**arguments)


def test_a_key_is_taken_as_it_was_made(platform: Platform) -> None:
    with Client(auth=platform.key, base_url=platform.url) as client:
        made = client.create_organization_key("other", scopes=["projects:read"])
        for auth in (made, made.raw):
            with Client(auth=auth, base_url=platform.url) as other:
                assert other.verify_key().scopes == ("projects:read",)
                assert made.raw.get_secret_value()[8:] not in repr(other)
        with pytest.raises(InvalidRequestError, match=r"The key in use has .*workflows:trigger"):
            client.create_organization_key("x", scopes=["workflow:trigger"])
        with pytest.raises(ConfigError, match="by a text"):
            platform.sandbox.revoke_key([made])  # type: ignore[arg-type]
        platform.sandbox.revoke_key(made)
        with (
            Client(auth=made, base_url=platform.url) as other,
            pytest.raises(AuthenticationError, match="has been revoked"),
        ):
            other.verify_key()


def test_methods_look_like_what_they_are() -> None:
    import inspect

    with Client(auth="cko_x") as client:
        method = client.run_workflow
        assert list(inspect.signature(method).parameters) == ["workflow", "payload", "instance", "timeout"]
        assert method.__name__ == "run_workflow"
        assert inspect.signature(method).return_annotation == "Execution"
        assert inspect.signature(Client.run_workflow).return_annotation == "Execution"
        with pytest.raises(ConfigError, match="object"):
            Client.run_workflow(client, "greet", [])  # type: ignore[arg-type]
    assert inspect.isfunction(Client.run_workflow)  # `?` shows one signature, as of any method
    assert (inspect.getdoc(method) or "").startswith("Start a run and wait")
    assert (Client.run_workflow.__doc__ or "").startswith("Start a run and wait")


def test_every_endpoint_is_there_and_explained() -> None:
    names = """
        request_signup_code complete_signup request_login_code complete_login verify_key
        create_organization create_organization_key update_organization_key create_project list_projects
        get_project deploy_use_case deploy_documents deploy_data_ingestion publish_use_case
        rerun_deployment trigger_workflow get_execution_status run_workflow wait_for get_execution
        list_executions list_instances get_instance activate_instance deactivate_instance get_use_case
        get_skills set_integration delete_integration list_integrations get_credential_schema
        upsert_note get_notes whoami
    """
    for name in names.split():
        for colour in (Client, AsyncClient):
            assert (getattr(colour, name).__doc__ or "").strip(), name


# --- lists -----------------------------------------------------------------------------------------


def test_lists_show_themselves_as_tables(client: Any, platform: Platform, tmp_path: Path) -> None:
    projects = client.list_projects()
    plain, rich = repr(projects), projects._repr_html_()

    assert isinstance(projects, list)
    assert plain.splitlines()[0].split() == ["Name", "Project", "Status", "Published", "Created"]
    assert platform.project_id in plain
    assert rich.count("<tr>") == len(projects) + 1
    assert repr(client.list_projects(archived=True)) == "No projects."
    assert ">No projects.</p>" in client.list_projects(archived=True)._repr_html_()
    assert repr(client.get_use_case(platform.project_id, version="9.9")) == "No files."
    with pytest.raises(NotFoundError, match=r"no files of version 9\.9, and nothing was written"):
        client.get_use_case(platform.project_id, version="9.9", into=tmp_path / "back")
    assert not (tmp_path / "back").exists()
    with pytest.raises(InvalidRequestError) as folder:
        client.get_use_case("use-cases/mine")
    assert "project.json" in (folder.value.next_action or "")


def test_text_from_a_server_is_text() -> None:
    hostile = "<img src=x onerror=alert(1)>\x1b[31m\u202e\n</script>" + "x" * 10_000
    listed = Executions.read(
        {
            "executions": [
                {"executionId": "1", "status": hostile, "workflowId": None, "createdAt": None},
                {
                    "executionId": "2",
                    "errorDetails": {"message": hostile, "failedNodeName": "cko_aB12" + "x" * 60},
                },
            ]
        }
    )
    plain, rich = repr(listed), listed._repr_html_()
    assert "<img" not in rich
    assert "&lt;img" in rich
    assert "\x1b" not in plain + rich
    assert "\u202e" not in plain + rich
    assert len(plain.splitlines()) == 4  # a head, two rows, and how to look into one
    assert max(map(len, plain.splitlines())) < 300
    assert "cko_aB12..." in plain


@pytest.mark.parametrize("run", [5, None, b"e", ["e"], {"execution_id": "e"}])
def test_what_is_no_run(make_client: MakeClient, run: Any) -> None:
    client = make_client(auth="cko_0123456789", base_url="http://127.0.0.1:9")
    for call in (client.wait_for, client.get_execution, client.get_execution_status):
        for options in ({}, {"instance": "i"}):
            with pytest.raises(ConfigError, match="A run or its id"):
                call(run, **options)


@pytest.mark.parametrize("name", ["", " ", None, 5])
def test_what_names_nothing(make_client: MakeClient, name: Any) -> None:
    client = make_client(auth="cko_0123456789", base_url="http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="named by a text"):
        client.run_workflow(name, {}, instance="i")
    with pytest.raises(ConfigError, match="named by a text"):
        client.set_integration(name)


def test_blanks_around_names_do_not_count(platform: Platform, make_client: MakeClient) -> None:
    client = make_client(**platform.account)
    run = client.run_workflow(" greet\n", {"name": "Ada"}, instance=f"{platform.instance}\n")
    assert run.instance == platform.instance
    listed = client.list_executions(f" {platform.instance}", workflow="greet ")
    assert run.execution_id in [each.execution_id for each in listed]


@pytest.mark.parametrize(
    "wrong",
    [
        {"auth": 5},
        {"auth": b"cko_0123456789"},
        {"auth": Profile("cko_0123456789")},
        {"profile": 5},
        {"base_url": 5},
        {"env_file": 5},
    ],
)
def test_what_can_be_no_setting(make_client: MakeClient, own_settings: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make_client(**wrong)


def test_an_address_may_be_one_of_the_http_library(make_client: MakeClient) -> None:
    made = make_client(auth="cko_0123456789", base_url=httpx.URL("http://127.0.0.1:9/"))
    assert made.base_url == "http://127.0.0.1:9"


@pytest.mark.parametrize("limit", [None, float("inf")])
def test_waiting_without_limit(platform: Platform, make_client: MakeClient, limit: float | None) -> None:
    client = make_client(**platform.account)
    run = client.run_workflow("greet", {"name": "Ada"}, instance=platform.instance, timeout=limit)
    assert client.wait_for(run, timeout=limit).status == "success"
