"""Deploying, publishing, and deploying once more."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ...display.text import plain
from ...errors import ConfigError, InvalidRequestError, NotFoundError
from ...models import AcceptedDocuments, DataIngestion, Deployment, Published, Redeployment, StageDocument
from .. import arguments
from ..call import Call
from ..endpoint import endpoint
from ..steps import Steps
from .instances import which_instance
from .platform import Platform

if TYPE_CHECKING:
    from ...usecases.usecase import UseCase


class DeploymentsAPI(Platform):
    """Deploying, publishing, and deploying once more."""

    @endpoint
    def deploy_use_case(
        self,
        use_case: UseCase | str | os.PathLike[str],
        *,
        version: str = "patch",
        project_id: str | None = None,
        create_project: str | None = None,
        organization_id: str | None = None,
        verify: bool = True,
    ) -> Steps[Deployment]:
        """Deploy a use case: its workflows become HTTP endpoints.

        The project is the one that the folder's ``project.json`` names; where there is none, one is
        made. What the platform answers is written down in the folder, after it has said yes. Where the
        engine cannot run a workflow, nothing is raised: ``deployment_status`` of what is returned is
        ``"failed"``, and ``error`` says why.

        Args:
            use_case: a use case, or its folder.
            version: which part of the folder's X.Y.Z to raise, ``"patch"``, ``"minor"`` or ``"major"``
                (of the platform's, X.Y, that is Y, Y or X); or the platform's version itself, ``"X.Y"``.
            project_id: deploy to this project instead.
            create_project: make a project with this name, and deploy to that.
            organization_id: whose project is made; only needed for personal and admin keys.
            verify: refuse what would not run by `UseCase.verify`; without it the platform decides.

        Raises:
            UseCaseError: the folder cannot be used as it is, or what it holds would not run (then
                ``findings`` says why); nothing was sent.
            ConfigError: the folder has been deployed for another organization or on another server, and has
                no project here (between sandboxes of this machine one is made); nothing was deployed.
            ConflictError: another deployment of the project is under way.
            APIError: the platform refused; the folder's version stays.

        Example:
            >>> client.deploy_use_case("use-cases/greeter", version="major")
            Deployment(version='2.0', status='deployed', workflows=['greet'])
        """
        # Reads use cases, whose models most calls do without.
        from ..deploying import deploy  # noqa: PLC0415

        return (
            yield from deploy(
                self,
                use_case,
                version=version,
                project_id=project_id,
                create_project=create_project,
                organization_id=organization_id,
                verify=verify,
            )
        )

    @endpoint
    def deploy_documents(
        self,
        documents: Iterable[StageDocument] | UseCase | str | os.PathLike[str],
        *,
        project_id: str | None = None,
    ) -> Steps[AcceptedDocuments]:
        """Deploy documents about a project's stages, each as a new version.

        Args:
            documents: a use case or its folder, whose ``documents/1_….md`` to ``4_….md`` are meant; or each
                ``{"stage": 1 to 4, "title": …, "content": Markdown, "summary": …}``.
            project_id: the project they are about; that of the folder if left out.

        Raises:
            UseCaseError: the folder has none, or one is empty; nothing was sent.
            ConfigError: no project is known; nothing was sent.

        Example:
            >>> [greeter] = client.list_projects()
            >>> need = {"stage": 1, "title": "Need", "content": "# Need", "summary": "Whom to greet."}
            >>> client.deploy_documents([need], project_id=greeter.id)
            Stage  Version  Status    Document
            1      1.0.0    accepted  ...
        """
        from ..deploying import deploy_documents  # noqa: PLC0415 - as above

        return (yield from deploy_documents(self, documents, project_id=project_id))

    @endpoint
    def deploy_data_ingestion(
        self,
        config: Mapping[str, Any] | UseCase | str | os.PathLike[str],
        *,
        project_id: str | None = None,
        version: str = "patch",
    ) -> Steps[DataIngestion]:
        """Deploy a project's data ingestion, whose versions count apart from the use case's.

        Args:
            config: a use case or its folder, whose ``config.ts`` or ``config.py`` is run to say what is sent,
                with the workflow in ``data-ingestion/``; or what the platform gets, in its own spelling:
                ``workflowTemplateId``, ``workflowName``, ``n8nWorkflowJsonBase64``, ``webhooks``,
                ``purpose``; optionally ``markdownInfo``, ``cost``.
            project_id: the project it belongs to; that of the folder if left out.
            version: ``"patch"`` or ``"minor"`` (the same but for the folder's own version), ``"major"``, or
                the version itself, ``"X.Y"``.

        Raises:
            UseCaseError: the folder has none, or it cannot be read; nothing was sent.
            ConfigError: `version` is none of these, or no project is known; nothing was sent.

        Example:
            >>> [greeter] = client.list_projects()
            >>> workflow = Path("use-cases/greeter/workflows/greet.json").read_bytes()
            >>> config = {
            ...     "workflowTemplateId": "embed",
            ...     "workflowName": "Embed documents",
            ...     "n8nWorkflowJsonBase64": base64.b64encode(workflow).decode(),
            ...     "webhooks": {"embed": "documents/embed", "delete": "documents/delete"},
            ...     "purpose": "Finds who has been greeted before.",
            ... }
            >>> client.deploy_data_ingestion(config, project_id=greeter.id).version
            '1.0'
        """
        from ..deploying import deploy_data_ingestion  # noqa: PLC0415 - as above

        return (yield from deploy_data_ingestion(self, config, project_id=project_id, version=version))

    @endpoint
    def publish_use_case(
        self,
        deployment: str | Deployment,
        *,
        project_id: str | None = None,
        visibility: Literal["private", "organizational", "public"] | None = None,
        visibility_team_ids: Sequence[str] | None = None,
        visibility_user_ids: Sequence[str] | None = None,
        shared_with: Literal["owner_only", "admins", "everyone", "users"] | None = None,
        shared_with_user_ids: Sequence[str] | None = None,
        auto_toggle_dev_prod: bool = False,
        skip_prod_instance: bool = False,
        user_id: str | None = None,
    ) -> Steps[Published]:
        """Publish a deployed version: it becomes what the production instance runs.

        Args:
            deployment: what `deploy_use_case` returned, or the ``template_id`` of that; the folder's
                ``project.json`` has those of earlier versions.
            project_id: the project it was deployed to; known of what this process has deployed.
            visibility: who may install it; decided at the first publishing.
            visibility_team_ids, visibility_user_ids: narrower, by id.
            shared_with: who may use the production instance.
            shared_with_user_ids: who they are, for ``"users"``.
            auto_toggle_dev_prod: pause the development instance while production is active.
            skip_prod_instance: make no production instance where there is none.
            user_id: who is to own the production instance.

        Raises:
            InvalidRequestError: the version is published, or was until another one was; `get_use_case` with
                its ``version`` writes its files, to be deployed and published again.
            NotFoundError: there is no such deployment in this project.
            ConfigError: the project is not known.

        Example:
            >>> client.publish_use_case(deployed)
            Published(process_deployment_id='...', version='1.0', process_instance_id='...')
        """
        template = deployment.template_id if isinstance(deployment, Deployment) else deployment
        instance = deployment.process_instance_id if isinstance(deployment, Deployment) else None
        if not isinstance(template, str) or not {"/", os.sep}.isdisjoint(template):
            raise ConfigError(
                "What is published is a version that was deployed, not a folder.",
                next_action="Give what deploy_use_case(folder) has returned.",
            )
        made = (
            each.project_id
            for each in self._deployments()
            if template == each.deployment.template_id
            or (instance and instance == each.deployment.process_instance_id)
        )
        project_id = project_id or next(made, None)
        if project_id is None:
            raise ConfigError(
                f"This process has deployed nothing that is called “{plain(template)}”.",
                next_action="Give what deploy_use_case has returned; or of an earlier one the templateId in "
                "project.json, and project_id=….",
            )
        body = arguments.given(
            projectId=arguments.project(project_id),
            processDeploymentId=template,
            visibility=visibility,
            visibilityTeamIds=arguments.texts(visibility_team_ids),
            visibilityUserIds=arguments.texts(visibility_user_ids),
            sharedWith=shared_with,
            sharedWithUserIds=arguments.texts(shared_with_user_ids),
            autoToggleDevProd=auto_toggle_dev_prod or None,
            skipAutoCreateProdInstance=skip_prod_instance or None,
            userId=user_id,
        )
        read = Published.model_validate
        try:
            published = yield from Call("POST", "/publishprocessdeploymentpublic", read, body=body)
        except InvalidRequestError as error:
            if "deprecated" in error.message and not error.next_action:
                error.next_action = "It was published before: deploy its files again, and publish that."
            raise
        except NotFoundError as error:
            where = "what deploy_use_case has returned, or the templateId of its version in project.json"
            error.next_action = error.next_action or f"Give {where}."
            raise
        self._published(project_id, published.process_instance_id)
        return published

    @endpoint
    def rerun_deployment(
        self,
        instance: str | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> Steps[Redeployment]:
        """Deploy an instance's version once more, with fresh credentials; local changes are not sent.

        Args:
            instance: process instance id; the one that is meant if left out (see `Client`).
            parameters: deployment parameters to change; the others stay.
            force: also when the last deployment did not fail.

        Raises:
            InvalidRequestError: the last deployment did not fail, and `force` was not given.

        Example:
            >>> client.rerun_deployment(force=True).deployment_status
            'deployed'
        """
        body = arguments.given(
            processInstanceId=(yield from which_instance(self, instance)),
            deploymentParameters=None if parameters is None else dict(parameters),
            forceRedeploy=force or None,
        )
        read = Redeployment.model_validate
        return (yield from Call("POST", "/redeploydeploymentinstancepublic", read, body=body))
