"""The platform's endpoints, each described once.

`API` itself only describes: ``API().verify_key()`` is a `Call`. `Client` and `AsyncClient`
inherit the same methods and perform what they describe, one at once and one when awaited.

What goes over the wire is what codika 3.6.0 sends, unless a docstring says otherwise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import (
    CodikaError,
    ConfigError,
    InvalidResponseError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TransportError,
    UseCaseError,
    WaitTimeoutError,
)
from ..files import write_inside
from ..models import (
    AcceptedDocuments,
    CodeSent,
    CredentialSchema,
    DataIngestion,
    Deployment,
    Execution,
    ExecutionDetails,
    Executions,
    ExecutionSummary,
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
    Published,
    Redeployment,
    Skills,
    StageDocument,
    Triggered,
    UpdatedKey,
    UseCaseFiles,
    VerifiedKey,
)
from ..profiles import PRODUCTION
from . import arguments
from . import integration_secrets as integrations
from .call import Call, path
from .endpoint import endpoint
from .steps import Pause, Steps

if TYPE_CHECKING:
    from ..usecases.usecase import UseCase

Run = str | Triggered | Execution | ExecutionSummary


#: What deploying is made of: whoever shows its progress tells these calls apart.
VERIFY_KEY, CREATE_PROJECT, DEPLOY_USE_CASE = (
    "/verifyapikey",
    "/createprojectviaapikey",
    "/deployprocessusecase",
)


#: Seconds for which a fresh run may be unknown to the server that started it.
UNKNOWN_AT_FIRST = 5.0


class API:
    """Every endpoint under the name of the ``codika`` tool's command for it."""

    base_url = PRODUCTION
    """The server, without a trailing slash."""
    instance: str | None = None
    """The process instance that is meant when a call names none."""
    public_key_url = "https://app.codika.io/encryption/public.pem"
    """Where the key is that secrets of integrations are encrypted with."""

    @property
    def public(self) -> bool:
        """Whether the credential belongs to one process instance, which has addresses of its own."""
        return False

    @property
    def public_bases(self) -> Mapping[str, str]:
        """Those addresses, ``webhook`` and ``status``, where they are not the server's own."""
        return {}

    # --- one-time codes (no key needed); the platform's command-line one-time-code page -------------

    @endpoint
    def request_signup_code(self, email: str) -> Call[CodeSent]:
        """Have a six-digit code mailed to `email`, for a new account.

        Raises:
            ConflictError: ``USER_ALREADY_HAS_ORGANIZATION``: log in instead.
            RateLimitError: within 30 seconds of the last code, or over an hourly limit.
            InvalidRequestError: `email` is no address.

        Example:
            >>> client.request_signup_code("grace@example.com")
            CodeSent(email='grace@example.com', expires_in_seconds=600)
        """
        return _request_code("/clirequestsignupotp", email)

    @endpoint
    def request_login_code(self, email: str) -> Call[CodeSent]:
        """Have a six-digit code mailed to `email`, for an account that exists.

        Raises:
            NotFoundError: ``USER_NOT_FOUND``: sign up instead.
            ConflictError: ``USER_HAS_NO_ORGANIZATION``: sign up instead.
            RateLimitError: within 30 seconds of the last code, or over an hourly limit.
            InvalidRequestError: `email` is no address.

        Example:
            >>> client.request_login_code("ada@example.com")
            CodeSent(email='ada@example.com', expires_in_seconds=600)
        """
        return _request_code("/clirequestloginotp", email)

    @endpoint
    def complete_signup(
        self,
        email: str,
        *,
        code: str,
        company: str | None = None,
        description: str | None = None,
        key_name: str | None = None,
        key_expires_in: int | None = None,
    ) -> Call[KeyBundle]:
        """Turn the code from the mail into an account, an organization and its first key.

        Args:
            email: the address that received the code.
            code: the six digits, as text (leading zeros count).
            company: name of the new organization, at most 100 characters; "My Organization" if left out.
            description: what the organization is, optional.
            key_name: label of the key; "CLI default key" if left out.
            key_expires_in: days until the key expires, 1 to 365; never if left out.

        Raises:
            OTPError: wrong code (``details["attemptsRemaining"]``), expired, used, locked out.
            ConflictError: ``USER_ALREADY_HAS_ORGANIZATION``: log in instead.
            InvalidRequestError: `company` is too long; the code still works.
            ConfigError: `key_expires_in` is out of range; nothing was sent, and the code still works.

        Example:
            >>> sent = client.request_signup_code("grace@example.com")
            >>> bundle = client.complete_signup(sent.email, code=input("code: "), company="Navy")
            >>> bundle.organization_name, bundle.api_key.raw.get_secret_value()
            ('Navy', 'cko_...')
        """
        company_members = arguments.given(name=company, description=description)
        return _complete("/clicompletesignup", email, code, key_name, key_expires_in, company=company_members)

    @endpoint
    def complete_login(
        self,
        email: str,
        *,
        code: str,
        organization_id: str | None = None,
        key_name: str | None = None,
        key_expires_in: int | None = None,
    ) -> Call[KeyBundle]:
        """Turn the code from the mail into a fresh key for one of the account's organizations.

        Args:
            email: the address that received the code.
            code: the six digits, as text (leading zeros count).
            organization_id: which organization, where the account has several.
            key_name: label of the key; "CLI default key" if left out.
            key_expires_in: days until the key expires, 1 to 365; never if left out.

        Raises:
            OrganizationChoiceError: several organizations; repeat with one of ``organizations``
                and the same code.
            OTPError: wrong code (``details["attemptsRemaining"]``), expired, used, locked out.
            ConflictError: the organization has 20 active keys already: revoke one in the dashboard.
            ConfigError: `key_expires_in` is out of range; nothing was sent, and the code still works.

        Example:
            >>> sent = client.request_login_code("ada@example.com")
            >>> bundle = client.complete_login(sent.email, code=input("code: "))
            >>> bundle.organization_name, bundle.api_key.raw.get_secret_value()
            ('Acme', 'cko_...')
        """
        return _complete(
            "/clicompletelogin", email, code, key_name, key_expires_in, organizationId=organization_id
        )

    # --- keys and organizations --------------------------------------------------------------------

    @endpoint
    def verify_key(self) -> Call[VerifiedKey]:
        """Ask the platform what the key in use is: organization, scopes, expiry.

        Raises:
            AuthenticationError: the key is unknown, revoked or expired.

        Example:
            >>> "workflows:trigger" in client.verify_key().scopes
            True
        """
        return Call("POST", VERIFY_KEY, VerifiedKey.model_validate, repeatable=True)

    @endpoint
    def create_organization(
        self,
        name: str,
        *,
        description: str | None = None,
        size: Literal["solo", "2-10", "11-50", "51-200", "201-1000", "1000+"] | None = None,
        logo: str | os.PathLike[str] | None = None,
        logo_url: str | None = None,
        n8n_base_url: str | None = None,
        n8n_api_key: str | None = None,
        store_credential_copy: bool | None = None,
    ) -> Call[OrganizationCreated]:
        """Create an organization, owned by whom the personal key in use belongs to.

        Args:
            name: 2 to 100 characters.
            description: what it is, optional.
            size: how many people it has, optional.
            logo: a JPEG, PNG or WebP file of at most 5 MiB.
            logo_url: or where the logo is.
            n8n_base_url, n8n_api_key: an engine of its own, both or none.
            store_credential_copy: whether the platform keeps copies of that engine's credentials.

        Raises:
            PermissionDeniedError: the key is an organization's; this takes a personal or an admin key.
            ConfigError: the logo cannot be used, or only one of the engine's two is given.

        Example:
            >>> with Client(auth=sandbox.personal_key("ada@example.com")) as personal:
            ...     personal.create_organization("Analytical Engines", size="2-10")
            OrganizationCreated(organization_id='...')
        """
        if (n8n_base_url is None) != (n8n_api_key is None):
            raise ConfigError(
                "An engine of its own takes n8n_base_url and n8n_api_key, both of them.",
                next_action="Give both, or none for the platform's engine.",
            )
        body = arguments.given(
            name=name,
            description=description,
            size=size,
            logoUrl=logo_url,
            n8nBaseUrl=n8n_base_url,
            n8nApiKey=n8n_api_key,
            storeCredentialCopy=store_credential_copy,
        )
        if logo is not None:
            body |= arguments.logo(Path(logo).expanduser())
        return Call("POST", "/createorganizationviaapikey", OrganizationCreated.model_validate, body=body)

    @endpoint
    def create_organization_key(
        self,
        name: str,
        *,
        scopes: Sequence[str],
        organization_id: str | None = None,
        description: str | None = None,
        expires_in_days: int | None = None,
    ) -> Steps[MintedKey]:
        """Make another key for an organization; ``.raw.get_secret_value()`` shows it, this once.

        Args:
            name: label of the key.
            scopes: what it may do, none of it beyond the key in use: ``["workflows:trigger", …]``.
            organization_id: whose it is; that of the key in use if left out.
            description: what it is for, optional.
            expires_in_days: 1 to 365; never if left out.

        Raises:
            PermissionDeniedError: the key in use lacks ``api-keys:manage``, one of these scopes, or the role.
            ConflictError: the organization has 20 active keys already.
            ConfigError: the key in use belongs to no single organization, and `organization_id` is left out.

        Example:
            >>> key = client.create_organization_key("CI", scopes=["workflows:trigger"], expires_in_days=90)
            >>> key.raw.get_secret_value()
            'cko_...'
        """
        days = arguments.days(expires_in_days)
        if organization_id is None:
            organization_id = (yield from API.verify_key.describe(self)).organization_id
        if organization_id is None:
            raise ConfigError(
                "Whose key is it to be? The key in use belongs to no single organization.",
                next_action="Give organization_id=…",
            )
        body = {
            "organizationId": organization_id,
            "name": name,
            "scopes": arguments.texts(scopes),
            **arguments.given(description=description, expiresInDays=days),
        }
        return (
            yield from Call("POST", "/createorganizationapikeypublic", MintedKey.model_validate, body=body)
        )

    @endpoint
    def update_organization_key(
        self,
        key_id: str,
        *,
        scopes: Sequence[str] | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> Call[UpdatedKey]:
        """Change what a key may do, its label or its description; the key itself stays the same.

        Args:
            key_id: the key's id, which is not the key.
            scopes: all that it may do from now on.
            name: its label.
            description: what it is for; an empty text removes it.

        Raises:
            NotFoundError: there is no such key.
            PermissionDeniedError: as in `create_organization_key`.
            InvalidRequestError: the key is revoked, or nothing is to be changed.

        Example:
            >>> key = client.create_organization_key("CI", scopes=["workflows:trigger"])
            >>> client.update_organization_key(key.key_id, scopes=[*key.scopes, "executions:read"]).scopes
            ('workflows:trigger', 'executions:read')
        """
        body = arguments.given(
            keyId=key_id,
            scopes=arguments.texts(scopes),
            name=name,
            description=description,
        )
        return Call(
            "POST", "/updateorganizationapikeypublic", UpdatedKey.model_validate, body=body, repeatable=True
        )

    # --- projects ----------------------------------------------------------------------------------

    @endpoint
    def create_project(
        self,
        name: str,
        *,
        description: str | None = None,
        template_id: str | None = None,
        organization_id: str | None = None,
    ) -> Call[ProjectCreated]:
        """Create a project, the place a use case is deployed to.

        Args:
            name: what the dashboard shows.
            description: optional.
            template_id: stage template; the platform's default is ``two_stage``.
            organization_id: only needed for personal and admin keys.

        Example:
            >>> client.create_project("Reports")
            ProjectCreated(project_id='...')
        """
        body = arguments.given(
            name=name, description=description, templateId=template_id, organizationId=organization_id
        )
        return Call("POST", CREATE_PROJECT, ProjectCreated.model_validate, body=body)

    @endpoint
    def list_projects(
        self, *, archived: bool = False, limit: int | None = None, organization_id: str | None = None
    ) -> Call[Projects]:
        """List the organization's projects.

        Args:
            archived: the archived ones, and only those.
            limit: how many at most, 1 to 100; the platform's default is 50.
            organization_id: only needed for personal and admin keys.

        Example:
            >>> client.list_projects()
            Name     Project  Status       Published  Created
            Greeter  ...      in_progress  no         ...
        """
        # The tool names no organization in lists; a key that belongs to none has no other way to.
        query = arguments.query(
            archived=archived, limit=arguments.limit(limit), organizationId=organization_id
        )
        return Call("GET", "/listprojectspublic", Projects.read, query=query, repeatable=True)

    @endpoint
    def get_project(self, project_id: str) -> Call[Project]:
        """Look at a project: what is deployed to it, and at which stage it is.

        Raises:
            NotFoundError: there is no such project.
            PermissionDeniedError: it is somebody else's.

        Example:
            >>> [greeter] = client.list_projects()
            >>> client.get_project(greeter.id).current_deployment
            ProjectVersion(version='1.0', deployed_at=...)
        """
        body = {"projectId": project_id}
        return Call("POST", "/getprojectpublic", Project.model_validate, body=body, repeatable=True)

    # --- deployment --------------------------------------------------------------------------------

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
            ConfigError: ``project.json`` belongs to another organization or server; nothing was deployed.
            ConflictError: another deployment of the project is under way.
            APIError: the platform refused; the folder's version stays.

        Example:
            >>> client.deploy_use_case("use-cases/greeter", version="major")
            Deployment(version='2.0', status='deployed', workflows=['greet'])
        """
        from ..usecases.usecase import UseCase  # noqa: PLC0415 - its models cost time to import
        from ..usecases.versions import version_rule  # noqa: PLC0415 - its models cost time to import

        if not isinstance(use_case, UseCase):
            use_case = UseCase.load(use_case)
        _ = use_case.folder  # what is deployed is written down there: without one, nothing is sent
        rule = version_rule(version)
        if verify:
            _refuse_what_would_not_run(use_case)
        if project_id is None or use_case.project is None:
            known = yield from API.verify_key.describe(self)
            owner = known.organization_id or organization_id
            if project_id is None and create_project is None:
                project_id = use_case.target_for(self.base_url, owner)
            made = project_id is None
            if project_id is None:
                name = create_project or use_case.configuration.title
                create = API.create_project.describe(self, name, organization_id=organization_id)
                project_id = (yield from create).project_id
            if made or use_case.project is None:
                use_case.record_project(project_id, owner, self.base_url)
        body = use_case.deployment(
            project_id=project_id, version_strategy=rule.strategy, explicit_version=rule.explicit_version
        )
        deployed = yield from Call("POST", DEPLOY_USE_CASE, Deployment.model_validate, body=body)
        use_case.record(deployed, project_id=project_id, bump=rule.bump)
        return deployed

    @endpoint
    def deploy_documents(
        self, documents: Iterable[StageDocument], *, project_id: str
    ) -> Call[AcceptedDocuments]:
        """Deploy documents about a project's stages, each as a new version.

        Args:
            documents: each ``{"stage": 1 to 4, "title": …, "content": Markdown, "summary": …}``.
            project_id: the project they are about.

        Example:
            >>> [greeter] = client.list_projects()
            >>> need = {"stage": 1, "title": "Need", "content": "# Need", "summary": "Whom to greet."}
            >>> client.deploy_documents([need], project_id=greeter.id)
            Stage  Version  Status    Document
            1      1.0.0    accepted  ...
        """
        trimmed = [{**document, "content": document["content"].strip()} for document in documents]
        body = {"projectId": project_id, "documents": trimmed}
        return Call("POST", "/deployusecasedocuments", AcceptedDocuments.read, body=body)

    @endpoint
    def deploy_data_ingestion(
        self, config: Mapping[str, Any], *, project_id: str, version: str = "minor"
    ) -> Call[DataIngestion]:
        """Deploy a project's data ingestion, whose versions count apart from the use case's.

        Args:
            config: what the platform gets, in its own spelling: ``workflowTemplateId``, ``workflowName``,
                ``n8nWorkflowJsonBase64``, ``webhooks``, ``purpose``; optionally ``markdownInfo``, ``cost``.
            project_id: the project it belongs to.
            version: ``"minor"`` (the same as ``"patch"``), ``"major"``, or the version itself, ``"X.Y"``.

        Raises:
            ConfigError: `version` is none of these; nothing was sent.

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
        from ..usecases.versions import version_rule  # noqa: PLC0415 - as above

        rule = version_rule(version)
        body = {
            # The member is called after the process, and holds the project.
            "processId": project_id,
            "versionStrategy": rule.strategy,
            **arguments.given(explicitVersion=rule.explicit_version),
            "config": dict(config),
        }
        return Call("POST", "/deploydataingestion", DataIngestion.model_validate, body=body, envelope="flat")

    @endpoint
    def publish_use_case(
        self,
        deployment: str | Deployment,
        *,
        project_id: str,
        visibility: Literal["private", "organizational", "public"] | None = None,
        visibility_team_ids: Sequence[str] | None = None,
        visibility_user_ids: Sequence[str] | None = None,
        shared_with: Literal["owner_only", "admins", "everyone", "users"] | None = None,
        shared_with_user_ids: Sequence[str] | None = None,
        auto_toggle_dev_prod: bool = False,
        skip_prod_instance: bool = False,
        user_id: str | None = None,
    ) -> Call[Published]:
        """Publish a deployed version: it becomes what the production instance runs.

        Args:
            deployment: what `deploy_use_case` returned, or the ``template_id`` of that.
            project_id: the project it was deployed to.
            visibility: who may install it; decided at the first publishing.
            visibility_team_ids, visibility_user_ids: narrower, by id.
            shared_with: who may use the production instance.
            shared_with_user_ids: who they are, for ``"users"``.
            auto_toggle_dev_prod: pause the development instance while production is active.
            skip_prod_instance: make no production instance where there is none.
            user_id: who is to own the production instance.

        Raises:
            InvalidRequestError: the version is published already, or was replaced by a later one.
            NotFoundError: there is no such deployment in this project.

        Example:
            >>> [greeter] = client.list_projects()
            >>> client.publish_use_case(deployed, project_id=greeter.id)
            Published(process_deployment_id='...', version='1.0', process_instance_id='...')
        """
        template = deployment if isinstance(deployment, str) else deployment.template_id
        body = arguments.given(
            projectId=project_id,
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
        return Call("POST", "/publishprocessdeploymentpublic", Published.model_validate, body=body)

    @endpoint
    def rerun_deployment(
        self,
        instance: str | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> Call[Redeployment]:
        """Deploy an instance's version once more, with fresh credentials; local changes are not sent.

        Args:
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.
            parameters: deployment parameters to change; the others stay.
            force: also when the last deployment did not fail.

        Raises:
            InvalidRequestError: the last deployment did not fail, and `force` was not given.

        Example:
            >>> client.rerun_deployment(force=True).deployment_status
            'deployed'
        """
        body = arguments.given(
            processInstanceId=self._instance(instance),
            deploymentParameters=None if parameters is None else dict(parameters),
            forceRedeploy=force or None,
        )
        return Call("POST", "/redeploydeploymentinstancepublic", Redeployment.model_validate, body=body)

    # --- runs --------------------------------------------------------------------------------------

    @endpoint
    def trigger_workflow(
        self, workflow: str, payload: Mapping[str, Any] | None = None, *, instance: str | None = None
    ) -> Call[Triggered]:
        """Start a run and return its id at once; each call is a new run.

        Args:
            workflow: the workflow's template id, as in the use case.
            payload: the input, by the workflow's input schema; empty if left out.
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.

        Raises:
            NotFoundError: no such instance or workflow.
            ConflictError: the instance is switched off (412).
            ConfigError: no instance is named, or the payload is no object; nothing was sent.

        Example:
            >>> run = client.trigger_workflow("greet", {"name": "Ada"})
            >>> client.wait_for(run).result
            {'greeting': 'Hello, Ada!', 'language': 'en'}
        """
        if payload is not None and not isinstance(payload, Mapping):
            raise ConfigError(
                f"The payload of a workflow is an object, not {type(payload).__name__}.",
                next_action='Give a dict, such as {"name": "Ada"}.',
            )
        base_url, where = self._address("webhook", instance, workflow)
        body = {"payload": dict(payload or {})}
        return Call("POST", where, Triggered.model_validate, body=body, envelope="flat", base_url=base_url)

    @endpoint
    def get_execution_status(self, execution: Run, *, instance: str | None = None) -> Call[Execution]:
        """Where a run stands: ``pending``, ``success`` with its result, or ``failed`` with the reason.

        Args:
            execution: the run, or its id.
            instance: process instance id; the client's own if left out.

        Raises:
            NotFoundError: there is no such run; for a moment the platform may say so of one just started.

        Example:
            >>> run = client.run_workflow("greet", {"name": "Ada"})
            >>> client.get_execution_status(run.execution_id)
            Execution(success, ... ms, result={'greeting': 'Hello, Ada!', 'language': 'en'})
        """
        return self._status(execution, instance)

    def _status(self, execution: Run, instance: str | None) -> Call[Execution]:
        base_url, where = self._address("status", instance, _run_id(execution))
        return Call(
            "GET",
            where,
            lambda answer: Execution.model_validate(answer.get("execution")),
            envelope="flat",
            repeatable=True,
            base_url=base_url,
        )

    @endpoint
    def wait_for(
        self, execution: Run, *, instance: str | None = None, timeout: float = 120.0
    ) -> Steps[Execution]:
        """Wait until a run has ended, however it ended; ``.result`` of what it returns is the result.

        Asks quickly at first and less and less often later, and keeps asking through passing failures.
        Of a run that ended badly, ``.result`` raises `ExecutionFailedError`, and ``.status`` says so quietly.

        Args:
            execution: the run, or its id.
            instance: process instance id; the client's own if left out.
            timeout: seconds to wait at most.

        Raises:
            WaitTimeoutError: it still runs; the error carries ``execution_id`` to wait on, as every other
                error that ends the waiting does.
            NotFoundError: there is no such run.

        Example:
            >>> runs = [client.trigger_workflow("greet", {"name": name}) for name in ("Ada", "Grace")]
            >>> [client.wait_for(run, timeout=600).result["greeting"] for run in runs]
            ['Hello, Ada!', 'Hello, Grace!']
        """
        execution_id, timeout = _run_id(execution), arguments.seconds(timeout)
        # What the call would repeat, this loop repeats.
        status = replace(self._status(execution_id, instance), repeatable=False)
        began = time.monotonic()
        pause = 0.05
        while True:
            left = began + timeout - time.monotonic()
            problem: CodikaError | None = None
            try:
                state = yield from replace(status, timeout=max(left, 1.0))
                if state.ended:
                    return state
            except CodikaError as error:
                error.execution_id = execution_id
                if not _may_pass(error, time.monotonic() - began):
                    raise
                problem = error
            left = began + timeout - time.monotonic()
            if left <= 0:
                where = f", instance={instance!r}" if instance else ""
                late = WaitTimeoutError(
                    f"Run {execution_id} has not ended within {timeout:g} s"
                    + (f" (last answer: {problem.message})." if problem else "."),
                    next_action=f"It goes on: client.wait_for({execution_id!r}{where}) waits for it again.",
                    code="timeout",
                )
                late.execution_id = execution_id
                raise late
            yield Pause(min(max(pause, getattr(problem, "retry_in", None) or 0.0), left))
            pause = min(pause * 1.5, 3.0)

    @endpoint
    def run_workflow(
        self,
        workflow: str,
        payload: Mapping[str, Any] | None = None,
        *,
        instance: str | None = None,
        timeout: float = 120.0,
    ) -> Steps[Execution]:
        """Start a run and wait until it has ended; ``.result`` is what the workflow returned.

        `trigger_workflow` and `wait_for` in one.

        Args:
            workflow: the workflow's template id, as in the use case.
            payload: the input, by the workflow's input schema; empty if left out.
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.
            timeout: seconds to wait at most; the run itself goes on after that.

        Raises:
            WaitTimeoutError: it still runs; the error carries ``execution_id`` to wait on.
            NotFoundError, ConflictError, ConfigError: as in `trigger_workflow`; no run was started.

        Example:
            >>> client.run_workflow("greet", {"name": "Ada", "language": "de"}).result
            {'greeting': 'Hallo, Ada!', 'language': 'de'}
        """
        timeout = arguments.seconds(timeout)
        started = yield from API.trigger_workflow.describe(self, workflow, payload, instance=instance)
        return (yield from API.wait_for.describe(self, started, instance=instance, timeout=timeout))

    @endpoint
    def get_execution(
        self, execution: Run, *, instance: str | None = None, deep: bool = False, slim: bool = False
    ) -> Call[ExecutionDetails]:
        """Look into a run, node by node, as the workflow engine has recorded it.

        Args:
            execution: the run, or its id.
            instance: process instance id; the client's own if left out.
            deep: with the runs of sub-workflows.
            slim: without the workflow itself, and without what links items to each other.

        Raises:
            NotFoundError: there is no such run.

        Example:
            >>> run = client.run_workflow("greet", {"name": "Ada"})
            >>> list(client.get_execution(run).n8n_execution["data"]["resultData"]["runData"])
            ['Codika Init', 'Codika Submit Result']
        """
        return Call(
            "GET",
            path("getexecutiondetailspublic", self._instance(instance), _run_id(execution)),
            lambda answer: ExecutionDetails.model_validate(answer.get("execution")),
            query=arguments.query(deep=deep, slim=slim),
            envelope="flat",
            repeatable=True,
        )

    @endpoint
    def list_executions(
        self,
        instance: str | None = None,
        *,
        workflow: str | None = None,
        failed_only: bool = False,
        limit: int | None = None,
    ) -> Call[Executions]:
        """List an instance's runs, newest first.

        Args:
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.
            workflow: only this workflow's, by its template id.
            failed_only: only those that failed.
            limit: how many at most, 1 to 100; the platform's default is 20.

        Raises:
            NotFoundError: there is no such instance.

        Example:
            >>> run = client.run_workflow("greet", {"name": " "})
            >>> client.list_executions(failed_only=True, limit=5)
            Run  Workflow  Status  Started  ms   Error
            ...  greet     failed  ...      ...  greet: ...A name is required.
        """
        query = arguments.query(
            workflowId=workflow, status="failed" if failed_only else None, limit=arguments.limit(limit)
        )
        where = path("listexecutionspublic", self._instance(instance))
        return Call("GET", where, Executions.read, query=query, repeatable=True)

    # --- instances ---------------------------------------------------------------------------------

    @endpoint
    def list_instances(
        self,
        *,
        environment: Literal["dev", "prod"] | None = None,
        archived: bool = False,
        limit: int | None = None,
        organization_id: str | None = None,
    ) -> Call[Instances]:
        """List the organization's process instances.

        Args:
            environment: only ``"dev"`` or only ``"prod"``.
            archived: the archived ones, and only those.
            limit: how many at most, 1 to 100; the platform's default is 20.
            organization_id: only needed for personal and admin keys.

        Example:
            >>> client.list_instances(environment="dev")
            Title    Instance  Environment  Version  Active  Last run
            Greeter  ...       dev          1.0      yes
        """
        query = arguments.query(
            environment=environment,
            archived=archived,
            limit=arguments.limit(limit),
            organizationId=organization_id,
        )
        return Call("GET", "/listprocessinstancespublic", Instances.read, query=query, repeatable=True)

    @endpoint
    def get_instance(self, instance: str | None = None, *, workflows: bool = False) -> Call[Instance]:
        """Look at a process instance: version, state, deployment.

        Args:
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.
            workflows: with each workflow's triggers, cost and integrations.

        Raises:
            NotFoundError: there is no such instance.

        Example:
            >>> client.get_instance(deployed.process_instance_id).current_version
            '1.0'
        """
        body = arguments.given(
            processInstanceId=self._instance(instance), includeWorkflowDetails=workflows or None
        )
        return Call("POST", "/getprocessinstancepublic", Instance.model_validate, body=body, repeatable=True)

    @endpoint
    def activate_instance(self, instance: str | None = None) -> Call[InstanceState]:
        """Switch an instance on: its workflows can be triggered.

        Args:
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.

        Example:
            >>> client.activate_instance().is_active
            True
        """
        return self._switch("/activateprocessinstancepublic", instance)

    @endpoint
    def deactivate_instance(self, instance: str | None = None) -> Call[InstanceState]:
        """Switch an instance off: triggering its workflows is refused until it is on again.

        Args:
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.

        Example:
            >>> client.deactivate_instance().is_active
            False
        """
        return self._switch("/deactivateprocessinstancepublic", instance)

    def _switch(self, route: str, instance: str | None) -> Call[InstanceState]:
        body = {"processInstanceId": self._instance(instance)}
        return Call("POST", route, InstanceState.model_validate, body=body, repeatable=True)

    # --- reading back ------------------------------------------------------------------------------

    @endpoint
    def get_use_case(
        self,
        project_id: str,
        *,
        version: str | None = None,
        content: bool = True,
        data_ingestion: bool = True,
        data_ingestion_version: str | None = None,
        into: str | os.PathLike[str] | None = None,
    ) -> Steps[UseCaseFiles]:
        """Fetch the files that a use case was deployed with, and write them into a folder if one is named.

        Args:
            project_id: the project it was deployed to.
            version: ``"X.Y"``; the newest if left out. One that does not exist has no files.
            content: with the files themselves, not only their names and sizes.
            data_ingestion: with the data ingestion's file.
            data_ingestion_version: its version, ``"X.Y"``; the newest if left out.
            into: the folder; files of the same names are replaced.

        Raises:
            InvalidResponseError: a file would not stay in the folder; nothing was written.
            ConfigError: a version of another form (nothing was sent), or the folder cannot be written.

        Example:
            >>> [greeter] = client.list_projects()
            >>> client.get_use_case(greeter.id, into="copies/greeter")
            File                           Bytes  Type              Uploaded
            config.json                    ...    application/json  ...
            workflows/greet.json           ...    application/json  ...
            skills/greet-someone/SKILL.md  ...    text/markdown     ...
        """
        body = {
            "projectId": project_id,
            **arguments.given(version=arguments.version(version, "X.Y")),
            "includeContent": content or into is not None,
            "includeDataIngestion": data_ingestion,
            **arguments.given(dataIngestionVersion=arguments.version(data_ingestion_version, "X.Y")),
        }
        files = yield from Call(
            "POST", "/getmetadatadocumentsendpoint", UseCaseFiles.read, body=body, repeatable=True
        )
        if into is not None:
            contents = [(file.relative_path, file.content) for file in files if file.content is not None]
            if len(contents) < len(files):
                raise InvalidResponseError(
                    "The server sent files without their content; nothing was written.",
                    code="invalid-response",
                )
            files.written = write_inside(into, contents)
        return files

    @endpoint
    def get_skills(
        self, instance: str | None = None, *, into: str | os.PathLike[str] | None = None
    ) -> Steps[Skills]:
        """Fetch an instance's skills, and write them into a folder (``NAME/SKILL.md``) if one is named.

        Args:
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.
            into: the folder; files of the same names are replaced.

        Raises:
            InvalidResponseError: a file would not stay in the folder; nothing was written.

        Example:
            >>> client.get_skills()
            Skill          Workflow  Description
            greet-someone  greet     Greets a person by name, ...
        """
        where = path("getprocessskillspublic", self._instance(instance))
        skills = yield from Call("GET", where, Skills.read, repeatable=True)
        if into is not None:
            contents = [(f"{skill.name}/SKILL.md", skill.content_markdown.encode()) for skill in skills]
            skills.written = write_inside(into, contents)
        return skills

    # --- integrations ------------------------------------------------------------------------------

    @endpoint
    def set_integration(
        self,
        integration_id: str,
        *,
        secrets: Mapping[str, str] | None = None,
        context_type: integrations.Context | None = None,
        organization_id: str | None = None,
        member_id: str | None = None,
        instance: str | None = None,
        metadata: Mapping[str, str] | None = None,
        custom_schema: Mapping[str, Any] | None = None,
    ) -> Steps[IntegrationConnected]:
        """Connect an integration; its secrets are encrypted here, so that only the platform reads them.

        Args:
            integration_id: ``"openai"``, ``"postgres"``, …, or ``"cstm_…"`` for one of your own.
            secrets: by name: ``{"OPENAI_API_KEY": …}``. Left out, they are taken from environment variables
                of these names, and what is not set is asked for as a password is. Never put one into a cell.
            context_type: whom it is for, ``"organization"``, ``"member"`` or ``"process_instance"``; what
                suits the integration if left out.
            organization_id: only needed for personal and admin keys.
            member_id: which member, for a member's.
            instance: which process instance, for an instance's; the client's own if left out.
            metadata: what is stored beside the secrets, in clear.
            custom_schema: the definition of one of your own.

        Raises:
            ConfigError: it takes a browser to connect it, secrets are missing, or the package
                ``cryptography`` is; nothing was sent.

        Example:
            >>> client.set_integration("openai")
            IntegrationConnected(message='openai is connected.', n8n_credential_id='...')
        """
        integrations.refuse_oauth(integration_id)
        integrations.require_cryptography()
        where = self._context(integration_id, context_type, organization_id, member_id, instance)
        if secrets is None:
            yield from API.verify_key.describe(self)  # nobody is asked for secrets that cannot be used
        secrets = integrations.checked(integration_id, secrets, custom_schema)
        public_key = yield from Call(
            "GET",
            "",
            str,
            envelope="none",
            authenticated=False,
            repeatable=True,
            base_url=self.public_key_url,
        )
        body = {
            **where,
            "secrets": integrations.seal(secrets, public_key),
            "metadata": integrations.metadata(metadata or {}),
            **arguments.given(customIntegrationSchema=None if custom_schema is None else dict(custom_schema)),
        }
        connected = IntegrationConnected.model_validate
        return (yield from Call("POST", "/createintegrationpublic", connected, body=body))

    @endpoint
    def delete_integration(
        self,
        integration_id: str,
        *,
        confirm: bool = False,
        context_type: integrations.Context | None = None,
        organization_id: str | None = None,
        member_id: str | None = None,
        instance: str | None = None,
    ) -> Call[IntegrationDeleted]:
        """Disconnect an integration, at once if nothing needs it, and else when you confirm.

        Where active instances need it, what it returns lists them in ``pending_deactivations`` and nothing
        has happened yet; with ``confirm=True`` they are switched off. Deleting what is not there is no error.

        Args:
            integration_id: as in `set_integration`.
            confirm: also when instances are switched off by it.
            context_type, organization_id, member_id, instance: as in `set_integration`.

        Example:
            >>> connected = client.set_integration("openai")
            >>> client.delete_integration("openai").deleted
            True
        """
        where = self._context(integration_id, context_type, organization_id, member_id, instance)
        return Call(
            "POST",
            "/deleteintegrationpublic",
            IntegrationDeleted.model_validate,
            body={**where, "confirmDeletion": confirm},
            envelope="pending",
            repeatable=True,
        )

    @endpoint
    def list_integrations(
        self, *, organization_id: str | None = None, instance: str | None = None
    ) -> Call[Integrations]:
        """List the integrations that are connected for the organization, for you, and for an instance.

        Args:
            organization_id: only needed for personal and admin keys.
            instance: the process instance whose own are listed too.

        Example:
            >>> connected = client.set_integration("openai")
            >>> client.list_integrations()
            Integration  For           Connected  Valid  Since
            openai       organization  yes        yes    ...
        """
        body = arguments.given(organizationId=organization_id, processInstanceId=instance)
        return Call("POST", "/listintegrationspublic", Integrations.read, body=body, repeatable=True)

    @endpoint
    def get_credential_schema(self, credential_type: str) -> Call[CredentialSchema]:
        """Which fields a credential type of the workflow engine has, and which of them it needs.

        Args:
            credential_type: the engine's name for it, such as ``"httpHeaderAuth"``.

        Example:
            >>> client.get_credential_schema("httpHeaderAuth").required
            ('name', 'value')
        """
        query = {"type": credential_type}
        read = CredentialSchema.model_validate
        return Call("GET", "/getcredentialschemapublic", read, query=query, repeatable=True)

    def _context(
        self,
        integration_id: str,
        context_type: integrations.Context | None,
        organization_id: str | None,
        member_id: str | None,
        instance: str | None,
    ) -> dict[str, Any]:
        """The members that say which integration, and whose."""
        context = context_type or integrations.context_of(integration_id)
        return arguments.given(
            organizationId=organization_id,
            integrationId=integration_id,
            contextType=context,
            memberId=member_id,
            processInstanceId=self._instance(instance) if context == "process_instance" else None,
        )

    # --- notes -------------------------------------------------------------------------------------

    @endpoint
    def upsert_note(
        self,
        project_id: str,
        *,
        document_type: str,
        content: str,
        summary: str,
        title: str | None = None,
        agent_id: str | None = None,
        major_change: bool = False,
    ) -> Call[NoteSaved]:
        """Write a note about a project; one of the same type becomes its earlier version.

        Args:
            project_id: the project.
            document_type: lower case with hyphens: ``"brief"``, ``"known-issues"``, ``"changelog"``, …
            content: the note, Markdown.
            summary: what it says, in a sentence.
            title: what it is called; `document_type` if left out.
            agent_id: which agent has written it, if one has.
            major_change: raise the middle part of the version, not the last.

        Example:
            >>> [greeter] = client.list_projects()
            >>> brief = {"document_type": "brief", "content": "# Brief", "summary": "Its aim."}
            >>> [client.upsert_note(greeter.id, **brief).version for _ in range(2)]
            ['0.0.0', '0.0.1']
        """
        body = {
            "projectId": project_id,
            "documentTypeId": document_type,
            "title": title or document_type,
            "content": content,
            "summary": summary,
            "agentId": agent_id,
            "majorChange": major_change,
        }
        return Call("POST", "/upsertprojectnote", NoteSaved.model_validate, body=body)

    @endpoint
    def get_notes(
        self,
        project_id: str,
        *,
        document_type: str | None = None,
        history: bool = False,
        version: str | None = None,
    ) -> Call[Notes]:
        """Read the notes about a project.

        Args:
            project_id: the project.
            document_type: only those of this type.
            history: earlier versions too, newest first.
            version: only this version, ``"X.Y.Z"``.

        Example:
            >>> [greeter] = client.list_projects()
            >>> client.get_notes(greeter.id, document_type="brief")
            No notes.
        """
        body = arguments.given(
            projectId=project_id,
            documentTypeId=document_type,
            includeHistory=history or None,
            version=arguments.version(version, "X.Y.Z"),
        )
        return Call("POST", "/getprojectnotes", Notes.read, body=body, repeatable=True)

    # --- where calls go ----------------------------------------------------------------------------

    def _instance(self, instance: str | None) -> str:
        found = instance or self.instance
        if not found:
            raise ConfigError(
                "Which process instance is meant?",
                next_action="Give instance=…, set PROCESS_INSTANCE_ID, or deploy a use case first.",
            )
        return arguments.name(found, "A process instance")

    def _address(
        self, call: Literal["webhook", "status"], instance: str | None, target: str
    ) -> tuple[str | None, str]:
        """Base and path of the two calls that instance keys and signatures have addresses of their own for.

        As on the platform's page "Authentication methods"; codika 3.6.0 uses the others.
        """
        where = self._instance(instance), arguments.name(target, "A workflow")
        if not self.public:
            route = {"webhook": "triggerwebhookpublic", "status": "getexecutionstatuspublic"}[call]
            return None, path(route, *where)
        base_url = self.public_bases.get(call)
        return base_url, path(*where) if base_url else path(call, *where)


def _refuse_what_would_not_run(use_case: UseCase) -> None:
    if must := use_case.verify().must:
        error = UseCaseError(
            f"{use_case.configuration.title} would not run:\n{must!r}",
            next_action="Correct that, or deploy it all the same: verify=False (--no-verify).",
            code="verify-failed",
        )
        error.findings = must
        raise error


def _run_id(run: Run) -> str:
    return run if isinstance(run, str) else run.execution_id


def _may_pass(error: CodikaError, waited: float) -> bool:
    """Whether a failure to look at a run may be over by the next look."""
    if isinstance(error, NotFoundError):
        # Right after a trigger the platform may not know the run yet: its public documentation asks
        # clients to keep polling. An id that stays unknown is a wrong one.
        return waited <= UNKNOWN_AT_FIRST
    return isinstance(error, TransportError | ServerError | RateLimitError | InvalidResponseError)


def _request_code(route: str, email: str) -> Call[CodeSent]:
    return Call("POST", route, CodeSent.model_validate, body={"email": email}, authenticated=False)


def _complete(
    route: str,
    email: str,
    code: str,
    key_name: str | None,
    key_expires_in: int | None,
    **more: Any,
) -> Call[KeyBundle]:
    key = arguments.given(name=key_name, expiresInDays=arguments.days(key_expires_in))
    # Members without content are left out, as the codika tool does.
    extra = {name: value for name, value in (more | {"apiKey": key}).items() if value}
    body = {"email": email, "code": code, **extra}
    return Call("POST", route, KeyBundle.model_validate, body=body, authenticated=False)
