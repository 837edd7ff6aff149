"""The platform's endpoints, each described once.

`API` itself only describes: ``API().verify_key()`` is a `Call`. `Client` and `AsyncClient`
inherit the same methods and perform what they describe, one at once and one when awaited.
"""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from .call import Call, Exchange, Pause, Steps, path
from .errors import (
    CodikaError,
    ConfigError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TransportError,
    WaitTimeoutError,
)
from .models import (
    CodeSent,
    Deployment,
    Execution,
    KeyBundle,
    ProjectCreated,
    Triggered,
    VerifiedKey,
)
from .profiles import PRODUCTION

if TYPE_CHECKING:
    from .usecase import UseCase

__all__ = ["API", "AsyncPerformer", "Performer", "endpoint"]

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds for which a fresh run may be unknown to the server that started it.
UNKNOWN_AT_FIRST = 5.0


class endpoint(Generic[P, T]):  # noqa: N801 - used as a decorator
    """Makes a method that describes an exchange into one that is performed where it is called."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Exchange[T]]) -> None:
        self.describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, api: None, owner: object) -> endpoint[P, T]: ...
    @overload
    def __get__(self, api: Performer, owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(self, api: AsyncPerformer, owner: object) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, api: API, owner: object) -> Callable[P, Exchange[T]]: ...
    def __get__(self, api: API | None, owner: object) -> Any:
        if api is None:
            return self
        describe = self.describe

        @functools.wraps(describe)
        def perform(*args: P.args, **kwargs: P.kwargs) -> Any:
            return api.perform(describe(api, *args, **kwargs))

        # What tab completion and `?` show: the arguments without `self`.
        signature = inspect.signature(describe)
        perform.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=list(signature.parameters.values())[1:]
        )
        return perform


class API:
    """Every endpoint under the name of the ``codika`` tool's command for it."""

    #: The server, without a trailing slash.
    base_url = PRODUCTION
    #: Whether the credential belongs to one process instance, which has addresses of its own.
    public = False
    #: The instance that is meant when a call names none.
    instance: str | None = None

    def perform(self, exchange: Any) -> Any:
        """Only describe; `Client` and `AsyncClient` do."""
        return exchange

    # --- one-time codes (no key needed); the platform's command-line one-time-code page -------------

    @endpoint
    def request_signup_code(self, email: str) -> Call[CodeSent]:
        """Have a six-digit code mailed to `email`, for a new account.

        Raises:
            ConflictError: ``USER_ALREADY_HAS_ORGANIZATION``: log in instead.
            RateLimitError: within 30 seconds of the last code, or over an hourly limit.
            InvalidRequestError: `email` is no address.
        """
        return _request_code("/clirequestsignupotp", email)

    @endpoint
    def request_login_code(self, email: str) -> Call[CodeSent]:
        """Have a six-digit code mailed to `email`, for an account that exists.

        Raises:
            NotFoundError: ``USER_NOT_FOUND``: sign up instead.
            ConflictError: ``USER_HAS_NO_ORGANIZATION``: sign up instead.
            RateLimitError: within 30 seconds of the last code, or over an hourly limit.
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
        """
        company_members = _given(name=company, description=description)
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
            OTPError: wrong code, expired, used, locked out.
        """
        return _complete(
            "/clicompletelogin", email, code, key_name, key_expires_in, organizationId=organization_id
        )

    # --- key, projects -----------------------------------------------------------------------------

    @endpoint
    def verify_key(self) -> Call[VerifiedKey]:
        """Ask the platform what the key in use is: organization, scopes, expiry.

        Raises:
            AuthenticationError: the key is unknown, revoked or expired.
        """
        return Call("POST", "/verifyapikey", VerifiedKey.model_validate, repeatable=True)

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
        """
        body = _given(
            name=name, description=description, templateId=template_id, organizationId=organization_id
        )
        return Call("POST", "/createprojectviaapikey", ProjectCreated.model_validate, body=body)

    # --- deployment --------------------------------------------------------------------------------

    @endpoint
    def deploy_use_case(
        self,
        use_case: UseCase | str | os.PathLike[str],
        *,
        version: str = "patch",
        project_id: str | None = None,
        create_project: str | None = None,
    ) -> Steps[Deployment]:
        """Deploy a use case: its workflows become HTTP endpoints.

        The project is the one that the folder's ``project.json`` names; where there is none, one is
        made. What the platform answers is written down in the folder, after it has said yes.

        Args:
            use_case: a use case, or its folder.
            version: ``"patch"``, ``"minor"``, ``"major"``, or the platform's version itself, ``"X.Y"``.
            project_id: deploy to this project instead.
            create_project: make a project with this name, and deploy to that.

        Raises:
            UseCaseError: the folder cannot be used as it is; nothing was sent.
            ConfigError: ``project.json`` belongs to another organization or server; nothing was sent.
            APIError: the platform refused; the folder's version stays.
        """
        from .usecase import UseCase, version_rule  # noqa: PLC0415 - its models cost time to import

        if not isinstance(use_case, UseCase):
            use_case = UseCase.load(use_case)
        rule = version_rule(version)
        if project_id is None or use_case.project is None:
            known = yield from API.verify_key.describe(self)
            if project_id is None and create_project is None:
                project_id = use_case.target_for(self.base_url, known.organization_id)
            made = project_id is None
            if project_id is None:
                name = create_project or use_case.configuration.title
                project_id = (yield from API.create_project.describe(self, name)).project_id
            if made or use_case.project is None:
                use_case.record_project(project_id, known.organization_id, self.base_url)
        body = use_case.deployment(
            project_id=project_id, version_strategy=rule.strategy, explicit_version=rule.explicit_version
        )
        deployed = yield from Call("POST", "/deployprocessusecase", Deployment.model_validate, body=body)
        use_case.record(deployed, project_id=project_id, bump=rule.bump)
        return deployed

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
        """
        route = "webhook" if self.public else "triggerwebhookpublic"
        where = path(route, self._instance(instance), workflow)
        body = {"payload": dict(payload or {})}
        return Call("POST", where, Triggered.model_validate, body=body, flat=True)

    @endpoint
    def get_execution_status(self, execution_id: str, *, instance: str | None = None) -> Call[Execution]:
        """Where a run stands: ``pending``, ``success`` with its result, or ``failed`` with the reason."""
        route = "status" if self.public else "getexecutionstatuspublic"
        return Call(
            "GET",
            path(route, self._instance(instance), execution_id),
            lambda answer: Execution.model_validate(answer.get("execution")),
            flat=True,
            repeatable=True,
        )

    @endpoint
    def wait_for(
        self, execution: str | Triggered | Execution, *, instance: str | None = None, timeout: float = 120.0
    ) -> Steps[Execution]:
        """Wait until a run has ended, however it ended; ``.result`` of what it returns is the result.

        Asks quickly at first and less and less often later, and keeps asking through passing failures.

        Args:
            execution: the run, or its id.
            instance: process instance id; the client's own if left out.
            timeout: seconds to wait at most.

        Raises:
            WaitTimeoutError: it still runs; the error carries ``execution_id`` to wait on.
        """
        execution_id = execution if isinstance(execution, str) else execution.execution_id
        where = self._instance(instance)
        began = time.monotonic()
        pause = 0.05
        problem: CodikaError | None = None
        while True:
            try:
                state = yield from API.get_execution_status.describe(self, execution_id, instance=where)
                if state.ended:
                    return state
            except (TransportError, ServerError, RateLimitError) as error:
                problem = error  # a server that is away may come back
            except NotFoundError as error:
                # Right after a trigger the platform may not know the run yet: its public documentation
                # asks clients to keep polling. An id that stays unknown is a wrong one.
                if time.monotonic() - began > UNKNOWN_AT_FIRST:
                    raise
                problem = error
            left = began + timeout - time.monotonic()
            if left <= 0:
                late = WaitTimeoutError(
                    f"Run {execution_id} has not ended within {timeout:g} s"
                    + (f" (last answer: {problem.message})." if problem else "."),
                    next_action=f'It goes on: client.wait_for("{execution_id}") waits for it again.',
                    code="timeout",
                )
                late.execution_id = execution_id
                raise late
            yield Pause(min(pause, left))
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

        Args:
            workflow: the workflow's template id, as in the use case.
            payload: the input, by the workflow's input schema; empty if left out.
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.
            timeout: seconds to wait at most; the run itself goes on after that.

        Raises:
            WaitTimeoutError: it still runs; the error carries ``execution_id`` to wait on.
        """
        started = yield from API.trigger_workflow.describe(self, workflow, payload, instance=instance)
        return (yield from API.wait_for.describe(self, started, instance=instance, timeout=timeout))

    def _instance(self, instance: str | None) -> str:
        found = instance or self.instance
        if not found:
            raise ConfigError(
                "Which process instance is meant?",
                next_action="Give instance=…, set PROCESS_INSTANCE_ID, or deploy a use case first.",
            )
        return found


class Performer(API):
    """An API whose methods do what they describe before they return."""


class AsyncPerformer(API):
    """An API whose methods do what they describe when awaited."""


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


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
    key = _given(name=key_name, expiresInDays=key_expires_in)
    # Members without content are left out, as the codika tool does.
    extra = {name: value for name, value in (more | {"apiKey": key}).items() if value}
    body = {"email": email, "code": code, **extra}
    return Call("POST", route, KeyBundle.model_validate, body=body, authenticated=False)
