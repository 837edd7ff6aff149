"""Everything that codika_nb raises.

    CodikaError
    ├── ConfigError                 a file or a setting on this machine
    │   └── NotSignedIn             no key for this server: sign in first
    ├── UseCaseError                a use-case folder, with the place in the user's file
    ├── TransportError              no answer arrived; code "network-error"
    │   └── RequestTimeoutError     the server took the request, and too long for the answer
    ├── ExecutionFailedError        a run ended, and not well; carries the execution
    ├── WaitTimeoutError            a run has not ended yet; carries its id
    ├── WebhookVerificationError    a message that did not come from who it says, or not now
    └── APIError                    the server answered, and refused
        ├── InvalidRequestError     400, 422: what was sent is not acceptable
        │   └── OTPError            the one-time code, or the request for one
        ├── AuthenticationError     401: key missing, unknown, revoked or expired
        ├── PermissionDeniedError   403: scope, organization or role
        ├── NotFoundError           404
        ├── ConflictError           409, 412: not in this state
        │   └── OrganizationChoiceError   several organizations: pick one of them
        ├── RateLimitError          429: wait retry_in seconds, where the server says how many
        ├── ServerError             5xx
        └── InvalidResponseError    the answer is not what the platform promises

Every one says in ``message`` what happened and in ``next_action`` what to do about it, unless nobody
knows (then it is None); ``str()`` gives both.
`Interrupted` is no error: a person has stopped the waiting, and it says how to go on.

Example:
    >>> try:
    ...     client.request_login_code("grace@example.com")
    ... except NotFoundError as error:
    ...     print(error.message, error.next_action)
    There is no account for this e-mail address. Run signup-request instead.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from types import FrameType, TracebackType
from typing import Any, TypeVar

from .redaction import redact

E = TypeVar("E", bound=Exception)
#: How many members are named where one of them may be meant, and how like a misspelt one has to be.
_MOST_MEANT, _LIKE = 3, 0.65

__all__ = [
    "APIError",
    "AuthenticationError",
    "CodikaError",
    "ConfigError",
    "ConflictError",
    "ExecutionFailedError",
    "Interrupted",
    "InvalidRequestError",
    "InvalidResponseError",
    "NotFoundError",
    "NotSignedIn",
    "OTPError",
    "OrganizationChoiceError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimeoutError",
    "ServerError",
    "TransportError",
    "UseCaseError",
    "WaitTimeoutError",
    "WebhookVerificationError",
]


class CodikaError(Exception):
    """Something codika_nb could not do; `next_action` says what to do about it.

    Neither sentence repeats a key, wherever one was given by mistake.

    Args:
        message: what happened, one sentence.
        next_action: what the person can do now, one sentence.
        code: machine-readable name of the failure, the platform's where it has one.
        status: HTTP status of the answer; 0 when there was none.
        details: what else the server said, as it said it.
    """

    execution_id: str = ""
    """The run that was waited for; it goes on without us, and ``client.wait_for`` takes it up again."""

    may_have_acted = False
    """Whether the server may have done what was asked for: it was sent, and nobody has heard it say no."""

    def __init__(
        self,
        message: str,
        *,
        next_action: str | None = None,
        code: str = "",
        status: int = 0,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(redact(message))
        self.message = message
        self.next_action = next_action
        self.code = code
        self.status = status
        self.details: dict[str, Any] = dict(details or {})

    def __setattr__(self, name: str, value: Any) -> None:
        is_said = name in ("message", "next_action") and isinstance(value, str)
        super().__setattr__(name, redact(value) if is_said else value)

    def __str__(self) -> str:
        return f"{self.message}\n{self.next_action}" if self.next_action else self.message

    def _render_traceback_(self) -> list[str]:
        return _of_the_person(self)


def call_error(message: str) -> TypeError:
    """What is raised for a call with other arguments than it takes: shown as an error of ours is."""
    return shown_as_ours(TypeError(message))


def attribute_error(owner: object, name: str, names: Iterable[str], hint: str = "") -> AttributeError:
    """What is raised for a member that there is not: names those that may be meant, or gives the hint."""
    listed = [each for each in names if each.isidentifier()]
    near: list[str] = []
    for word in (name, name.removesuffix("s")):
        near = near or [each for each in listed if word in each.split("_")]
    near = near or get_close_matches(name.lower(), listed, n=1, cutoff=_LIKE)
    meant = f": did you mean {' or '.join(near[:_MOST_MEANT])}?" if near else hint or "."
    # Without a name of its own: Python would say once more what may be meant.
    said = f"{type(owner).__name__} has no {name}{meant}"
    return shown_as_ours(AttributeError(redact(said), name="", obj=None))


def warn(notice: str, category: type[Warning] = UserWarning) -> None:
    """Warn whoever called this package, at their own line."""
    frame, depth = sys._getframe(), 1
    while _is_ours(frame) and frame.f_back:
        frame, depth = frame.f_back, depth + 1
    warnings.warn(notice, category, stacklevel=depth)


def shown_as_ours(error: E) -> E:
    """An error of Python's own kinds, shown without what lies below the call of the person."""
    error._render_traceback_ = partial(_of_the_person, error)  # type: ignore[attr-defined]
    return error


def _of_the_person(error: BaseException) -> list[str]:
    """What IPython shows: the lines of the person, and not what lies below their call; %debug has all."""
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - who asks for this has imported it

    shell: Any = get_ipython()
    cause, hides_context = error.__cause__, error.__suppress_context__
    error.__cause__, error.__suppress_context__ = None, hides_context
    try:
        lines: list[str] = shell.InteractiveTB.structured_traceback(
            type(error), error, _above_this_package(error.__traceback__)
        )
    finally:
        error.__cause__, error.__suppress_context__ = cause, hides_context
    return lines


def _above_this_package(traceback: TracebackType | None) -> TracebackType | None:
    """The same traceback up to the first call of this package."""
    above = []
    while traceback and not _is_ours(traceback.tb_frame):
        above.append(traceback)
        traceback = traceback.tb_next
    made: TracebackType | None = None
    for each in reversed(above):
        made = TracebackType(made, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return made


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == __name__.partition(".")[0]


class Interrupted(KeyboardInterrupt):
    """A person has stopped the waiting; what was waited for goes on: `next_action` says how to take it up.

    A `KeyboardInterrupt`, so that the cells after it do not run.
    """

    def __init__(self, message: str, *, next_action: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_action = next_action

    def __str__(self) -> str:
        return f"{self.message}\n{self.next_action}"

    def _render_traceback_(self) -> list[str]:
        # IPython prints this instead of a traceback: the person knows who has stopped it.
        return [self.message, self.next_action]


class ConfigError(CodikaError):
    """A file, a setting or an argument is missing, unreadable or contradictory; nothing was sent."""


class NotSignedIn(ConfigError):  # noqa: N818 - reads as the state it is, in the one place users meet it
    """There is no key for this server yet: sign in first."""


class UseCaseError(CodikaError):
    """A use-case folder that cannot be used as it is; the message names file and member."""

    findings: Any = ()
    """What `UseCase.verify` has found, where that is why."""
    problems: Any = ()
    """Every mistake in the configuration, as file and complaint, where that is why."""
    deployment: Any = None
    """A deployment that has been made, where only writing it down has failed."""


class TransportError(CodikaError):
    """No answer arrived: the network, a time-out, or nobody listening."""

    #: Not if there was no connection.
    may_have_acted = True


class RequestTimeoutError(TransportError):
    """The server took the request, but did not answer in time; it may have acted all the same."""


class ExecutionFailedError(CodikaError):
    """A run that has ended, and not with success; ``execution`` is the record of it."""

    execution: Any = None
    """The `Execution`, whose ``error_details`` say at which node it failed, and why."""


class WaitTimeoutError(CodikaError):
    """A run that has not ended in the time given; ``execution_id`` lets you wait on."""


class WebhookVerificationError(CodikaError):
    """A message whose signature does not prove who sent it, what, and when: do not act on it."""


class APIError(CodikaError):
    """The server answered, and refused."""

    request_id: str | None = None
    """The platform's name for this exchange, for a report to its support."""
    retry_in: float | None = None
    """Seconds to wait before trying again, where the server says."""


class InvalidRequestError(APIError):
    """What was sent is not acceptable as it is."""


class OTPError(InvalidRequestError):
    """The one-time code, or the request for one, was not accepted."""


class AuthenticationError(APIError):
    """The key is missing, unknown, revoked or expired."""


class PermissionDeniedError(APIError):
    """The key is good but not for this: scope, organization or role."""


class NotFoundError(APIError):
    """There is no such thing on the server, or not for this key."""


class ConflictError(APIError):
    """The thing is not in a state that allows this."""


class OrganizationChoiceError(ConflictError):
    """The account has several organizations; repeat with one of ``organizations``."""

    @property
    def organizations(self) -> list[dict[str, str]]:
        """The choices, each with ``id`` and ``name``."""
        listed = self.details.get("organizations")
        return [o for o in listed if isinstance(o, dict)] if isinstance(listed, list) else []


class RateLimitError(APIError):
    """Too many requests; ``retry_in`` says how many seconds to wait, where the server says."""


class ServerError(APIError):
    """The platform failed; trying again later may help."""


class InvalidResponseError(APIError):
    """The answer is not what the platform promises."""

    may_have_acted = True
    may_pass = False
    """Whether the next answer may be better: it was no JSON, or the server had failed."""
