"""What type checkers make of both clients; checked by mypy, never run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, assert_type

from pandas import DataFrame

from codika_nb import (
    APIError,
    AsyncClient,
    Client,
    CodikaError,
    InstanceKey,
    OrganizationChoiceError,
    OrganizationKey,
    Playground,
    QueryKey,
    Runs,
    TriggerURL,
    UseCase,
    WebhookSignature,
    verify_webhook,
)
from codika_nb.client.api import API
from codika_nb.client.runs import Run
from codika_nb.client.steps import Exchange
from codika_nb.client.workflow import AsyncWorkflow, Workflow
from codika_nb.models import (
    AcceptedDocuments,
    CodeSent,
    CredentialSchema,
    DataIngestion,
    Deployment,
    Execution,
    ExecutionDetails,
    Executions,
    ExecutionSummary,
    Identity,
    Instance,
    Instances,
    InstanceState,
    IntegrationConnected,
    IntegrationDeleted,
    Integrations,
    KeyBundle,
    MintedKey,
    Notes,
    NoteSaved,
    OrganizationCreated,
    Project,
    ProjectCreated,
    Projects,
    ProjectSummary,
    Published,
    Redeployment,
    Skills,
    StageDocument,
    Triggered,
    UpdatedKey,
    UseCaseFiles,
    VerifiedKey,
)


def makes(use_case: UseCase) -> None:
    assert_type(Client(), Client)
    Client(auth="cko_…")
    Client(auth=OrganizationKey("cko_…"), base_url="https://example.com", timeout=3)
    Client(auth=InstanceKey("ck_…"), env_file=Path(".env"))
    AsyncClient(auth=QueryKey("ck_…"), timeout=2.5)
    AsyncClient(auth=WebhookSignature("whsec_…"))
    Client(auth=7)  # type: ignore[arg-type]
    Client("cko_…")  # type: ignore[call-arg]
    assert_type(Client().with_options(timeout=1), Client)
    assert_type(AsyncClient().with_options(timeout=1), AsyncClient)
    assert_type(Client().instance, str | None)


def sync(client: Client, use_case: UseCase, document: StageDocument) -> None:
    with client as same:
        assert_type(same, Client)
    assert_type(client.whoami(), Identity)
    assert_type(client.request_signup_code("ada@example.com"), CodeSent)
    assert_type(client.request_login_code("ada@example.com"), CodeSent)
    assert_type(client.complete_signup("ada@example.com", code="123456", company="Acme"), KeyBundle)
    assert_type(client.complete_login("ada@example.com", code="123456", key_expires_in=3), KeyBundle)
    assert_type(client.verify_key(), VerifiedKey)
    assert_type(client.create_organization("Acme", size="2-10", logo=Path("logo.png")), OrganizationCreated)
    assert_type(client.create_organization_key("CI", scopes=["skills:read"], expires_in_days=7), MintedKey)
    assert_type(client.update_organization_key("id", name="CI"), UpdatedKey)
    assert_type(client.create_project("P"), ProjectCreated)
    assert_type(client.list_projects(limit=3), Projects)
    assert_type(client.get_project("p"), Project)
    assert_type(client.deploy_use_case("folder", version="minor"), Deployment)
    assert_type(client.deploy_use_case(use_case), Deployment)
    assert_type(client.deploy_documents([document], project_id="p"), AcceptedDocuments)
    assert_type(client.deploy_data_ingestion({}, project_id="p"), DataIngestion)
    assert_type(client.publish_use_case("t", project_id="p", visibility="private"), Published)
    assert_type(client.rerun_deployment("i", parameters={"a": 1}, force=True), Redeployment)
    assert_type(client.trigger_workflow("w", {"a": 1}, instance="i"), Triggered)
    assert_type(client.get_execution_status("e"), Execution)
    assert_type(client.run_workflow("w", {"a": 1}, timeout=3), Execution)
    assert_type(client.run_workflow("w").result, Any)
    assert_type(client.wait_for(client.trigger_workflow("w")), Execution)
    assert_type(client.run_many("w", [{"a": 1}], concurrency=4, resume=client.interrupted), Runs)
    assert_type(client.run_many("w", ({"a": n} for n in range(3)))[0].error, CodikaError | None)
    assert_type(client.run_many("w", client.list_projects().to_frame()).to_frame(), DataFrame)
    client.run_many("w", [1, 2])  # type: ignore[list-item]
    greet = client.workflow("greet", timeout=None)
    assert_type(greet, Workflow)
    assert_type(greet.start(name="Ada"), Triggered)
    assert_type(greet.map([{"name": "Ada"}], rename={"who": "name"}), Runs)
    assert_type(greet.as_tool(), dict[str, Any])
    assert_type(client.workflows()["greet"], Workflow)
    assert_type(client.trigger_url("w", instance="i"), TriggerURL)
    assert_type(client.trigger_url("w").get_secret_value(), str)
    assert_type(client.get_execution("e", deep=True), ExecutionDetails)
    assert_type(client.list_executions("i", failed_only=True), Executions)
    assert_type(client.list_instances(environment="dev"), Instances)
    assert_type(client.get_instance(workflows=True), Instance)
    assert_type(client.activate_instance(), InstanceState)
    assert_type(client.deactivate_instance("i"), InstanceState)
    assert_type(client.get_use_case("p", into="folder"), UseCaseFiles)
    assert_type(client.get_skills("i", into=Path("folder")), Skills)
    assert_type(client.set_integration("openai", secrets={"OPENAI_API_KEY": "x"}), IntegrationConnected)
    assert_type(client.delete_integration("openai", confirm=True), IntegrationDeleted)
    assert_type(client.list_integrations(), Integrations)
    assert_type(client.get_credential_schema("httpHeaderAuth"), CredentialSchema)
    assert_type(client.upsert_note("p", document_type="brief", content="c", summary="s"), NoteSaved)
    assert_type(client.get_notes("p", history=True), Notes)
    client.close()


async def awaited(client: AsyncClient, use_case: UseCase, document: StageDocument) -> None:
    async with client as same:
        assert_type(same, AsyncClient)
    verifying: Coroutine[Any, Any, VerifiedKey] = client.verify_key()
    assert_type(await verifying, VerifiedKey)
    assert_type(await client.whoami(), Identity)
    assert_type(await client.request_signup_code("ada@example.com"), CodeSent)
    assert_type(await client.complete_login("ada@example.com", code="123456"), KeyBundle)
    assert_type(await client.create_organization_key("CI", scopes=["skills:read"]), MintedKey)
    assert_type(await client.list_projects(), Projects)
    assert_type(await client.deploy_use_case(use_case), Deployment)
    assert_type(await client.deploy_documents([document], project_id="p"), AcceptedDocuments)
    assert_type(await client.run_workflow("w", {"a": 1}), Execution)
    assert_type(await client.run_many("w", iter([{"a": 1}])), Runs)
    assert_type((await client.run_many("w", [{}])).failed, list[Run])
    assert_type((await client.workflows()).greet, AsyncWorkflow)
    assert_type(await (await client.workflow("greet")).start(name="Ada"), Triggered)
    assert_type(client.trigger_url("w"), TriggerURL)
    assert_type(await client.get_use_case("p", into="folder"), UseCaseFiles)
    assert_type(await client.set_integration("openai", secrets={}), IntegrationConnected)
    assert_type(await client.get_notes("p"), Notes)
    first, second = await asyncio.gather(client.verify_key(), client.list_projects())
    assert_type(first, VerifiedKey)
    assert_type(second, Projects)
    task = asyncio.create_task(client.run_workflow("w"))
    assert_type(await task, Execution)
    await client.aclose()


def described() -> None:
    assert_type(API().verify_key(), Exchange[VerifiedKey])
    assert_type(API().run_workflow("w"), Exchange[Execution])
    assert_type(API.list_projects.describe(None, limit=3), Exchange[Projects])
    assert_type(Client().perform(API().verify_key()), VerifiedKey)


def lists(projects: Projects, executions: Executions) -> None:
    assert_type(projects[0], ProjectSummary)
    assert_type([run.execution_id for run in executions], list[str])
    assert_type(list(executions), list[ExecutionSummary])


def refused(error: APIError, choice: OrganizationChoiceError) -> None:
    assert_type(error.retry_in, float | None)
    assert_type(error.request_id, str | None)
    assert_type(error.next_action, str | None)
    assert_type(error.details, dict[str, Any])
    assert_type(choice.organizations, list[dict[str, str]])


def played(client: Client, use_case: UseCase) -> None:
    assert_type(Playground(), Playground)
    form = Playground(client, "w", instance="i", use_case=use_case)
    Playground(use_case=Path("use-cases/greeter"))
    assert_type(form.fill({"a": 1}).settle(timeout=3), Playground)
    assert_type(form["a"].value, Any)
    assert_type(form.payload(), dict[str, Any])
    assert_type(form.run, Execution | None)
    assert_type(form.wait(), Any)
    Playground("w")  # type: ignore[arg-type]


def received(headers: dict[str, str], body: bytes) -> None:
    assert_type(verify_webhook("whsec_…", headers, body), Any)
    assert_type(verify_webhook(["whsec_…", "whsec_…"], headers, body, tolerance=60), Any)


def wrong(client: Client) -> None:
    client.get_project()  # type: ignore[call-arg]
    client.get_project(7)  # type: ignore[arg-type]
    client.list_projects(5)  # type: ignore[call-arg, arg-type]
    client.list_instances(environment="staging")  # type: ignore[arg-type]
    client.verify_key().organisation  # type: ignore[attr-defined]  # noqa: B018
