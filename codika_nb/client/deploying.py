"""Deploying a use case, step by step.

Each step says in ``stage`` which one it is, for whoever shows how far a deployment is:

    ``read``      the folder is read and checked
    ``account``   the platform is asked whose key this is
    ``project``   a project is made
    ``pack``      what is to be sent is put together
    ``send``      it is sent, and the platform deploys it
    ``record``    what has been deployed is written down in the folder
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import ConfigError, UseCaseError
from ..files import path_of
from ..models import AcceptedDocuments, DataIngestion, Deployment, StageDocument
from ..usecases.apart import data_ingestion, stage_documents
from ..usecases.record import Record, ingestion_version, record_ingestion
from ..usecases.rules.findings import Findings
from ..usecases.usecase import UseCase
from ..usecases.versions import VersionRule, version_rule
from . import arguments
from .api.keys import KeysAPI
from .api.platform import Platform
from .api.projects import ProjectsAPI
from .call import Call
from .steps import Exchange, Request, Step, Steps, T, Work, relayed

#: A use case, or its folder.
Source = UseCase | str | os.PathLike[str]
Folder = (UseCase, str, os.PathLike)


def deploy(
    api: Platform,
    use_case: Source,
    *,
    version: str,
    project_id: str | None,
    create_project: str | None,
    organization_id: str | None,
    verify: bool,
) -> Steps[Deployment]:
    """What `Client.deploy_use_case` does; arguments and errors as there."""
    rule = version_rule(version)
    made, surprising = yield from Work(lambda: _read(use_case, verify=verify), "read")
    target, owner = project_id, organization_id
    if target is None or made.project is None:
        known = yield from _staged("account", KeysAPI.verify_key.describe(api))
        owner = known.organization_id or organization_id
    if target is None and create_project is None:
        target = yield from Work(lambda: made.target_for(api.base_url, owner), "read")
    if target is None:
        name = create_project or made.configuration.title
        create = ProjectsAPI.create_project.describe(api, name, organization_id=organization_id)
        target = (yield from _staged("project", create)).project_id
        # There from now on, whatever becomes of the deployment: the next one goes to it, too.
        yield from _record_project(api, made, target, owner)
    deployed = yield from _send(api, made, target, rule)
    deployed = deployed.model_copy(update={"findings": surprising, "project_id": target})
    api._deployed(deployed, made, target, owner)
    try:
        if made.project is None or _is_nameless(made, target):
            yield from _record_project(api, made, target, owner)
        yield from Work(lambda: made.record(deployed, project_id=target, bump=rule.bump), "record")
    except UseCaseError as error:
        error.deployment = deployed  # it is made all the same
        raise
    return deployed


def deploy_documents(
    api: Platform, documents: Iterable[StageDocument] | Source, *, project_id: str | None
) -> Steps[AcceptedDocuments]:
    """What `Client.deploy_documents` does; arguments and errors as there."""
    if isinstance(documents, Folder):
        folder = _folder(documents)
        documents = yield from Work(lambda: stage_documents(folder), "read")
        project_id = project_id or (yield from _project_of(api, folder))
    trimmed = [{**document, "content": document["content"].strip()} for document in documents]
    body = {"projectId": arguments.project(project_id), "documents": trimmed}
    return (yield from Call("POST", "/deployusecasedocuments", AcceptedDocuments.read, body=body))


def deploy_data_ingestion(
    api: Platform, config: Mapping[str, Any] | Source, *, project_id: str | None, version: str
) -> Steps[DataIngestion]:
    """What `Client.deploy_data_ingestion` does; arguments and errors as there."""
    rule = version_rule(version)
    record = ingestion = None
    if isinstance(config, Folder):
        folder = _folder(config)
        record = Record(folder)
        ingestion = yield from Work(lambda: data_ingestion(folder), "read")
        yield from Work(record.check_writable, "read")
        yield from Work(lambda: ingestion_version(folder), "read")  # which is to be raised
        project_id, config = project_id or (yield from _project_of(api, folder)), ingestion.config
    body = {
        # The member is called after the process, and holds the project.
        "processId": arguments.project(project_id),
        "versionStrategy": rule.strategy,
        **arguments.given(explicitVersion=rule.explicit_version),
        "config": dict(config),
    }
    deployed = yield from Call(
        "POST", "/deploydataingestion", DataIngestion.model_validate, body=body, envelope="flat"
    )
    if record is not None and ingestion is not None:
        yield from Work(
            lambda: record_ingestion(record, deployed, arguments.project(project_id), rule.bump, ingestion),
            "record",
        )
    return deployed


def _folder(source: Source) -> Path:
    return source.folder if isinstance(source, UseCase) else path_of(source).absolute()


def _project_of(api: Platform, folder: Path) -> Steps[str | None]:
    """The project that a folder has where it is to be deployed to."""
    owner = (yield from _staged("account", KeysAPI.verify_key.describe(api))).organization_id
    target = yield from Work(lambda: Record(folder).target_for(api.base_url, owner), "read")
    if target is None:
        raise ConfigError(
            f"{folder} has no project on {api.base_url} yet.",
            next_action="Deploy the use case first, or say project_id=….",
        )
    return target


def _is_nameless(use_case: UseCase, project_id: str) -> bool:
    """Whether the folder knows a project and not where that is: the codika tool may write it down so."""
    links = (link for link in use_case.links if link.project_id == project_id)
    return any(link.base_url is None and link.organization_id is None for link in links)


def _read(use_case: Source, *, verify: bool) -> tuple[UseCase, tuple[str, ...]]:
    """The use case, of which everything is known that can be wrong with it on this machine.

    Beside it, what has been found that does not keep it from running.
    """
    read = use_case if isinstance(use_case, UseCase) else UseCase.load(use_case)
    read.check_writable()  # what is deployed is written down there: else nothing is sent
    found = read.verify() if verify else Findings()
    if must := found.must:
        error = UseCaseError(
            f"{read.configuration.title} would not run:\n{must!r}",
            next_action="Correct that, or deploy it all the same: verify=False (--no-verify).",
            code="verify-failed",
        )
        error.findings = must
        raise error
    return read, tuple(str(each) for each in found if each.severity == "should")


def _send(api: Platform, use_case: UseCase, project_id: str, rule: VersionRule) -> Steps[Deployment]:
    def pack() -> Call[Deployment]:
        body = use_case.deployment(
            project_id=project_id,
            version_strategy=rule.strategy,
            explicit_version=rule.explicit_version,
        )
        route = "/deployprocessusecase"
        # Encoded here: of a large use case this is what takes long.
        return Call("POST", route, Deployment.model_validate, body=body, stage="send").encoded()

    call = yield from Work(pack, "pack")
    return (yield from call)


def _record_project(api: Platform, use_case: UseCase, project_id: str, owner: str | None) -> Steps[None]:
    yield from Work(lambda: use_case.record_project(project_id, owner, api.base_url), "project")


def _staged(stage: str, exchange: Exchange[T]) -> Steps[T]:
    def take(step: Step) -> Steps[Any]:
        return (yield replace(step, stage=stage) if isinstance(step, Request) else step)

    return relayed(exchange, take)
