"""A request is a value: what to send, how to read the answer, and when to try again. No I/O here.

A `Call` describes one endpoint. Iterating over it gives an *exchange*: a generator that yields
what is to be done (a `Request` to send, a `Pause` to make), receives the `Response`, and returns
the typed result. Longer conversations (trigger and wait, signing in) are exchanges too, made of
calls with ``yield from``. Whoever performs an exchange needs to know only these three classes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import responses
from typing import Any, Generic, Literal, Protocol, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from .display.text import readable, redact
from .errors import (
    APIError,
    AuthenticationError,
    CodikaError,
    ConfigError,
    ConflictError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    OrganizationChoiceError,
    OTPError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Request:
    """One HTTP request."""

    method: Literal["GET", "POST"]
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    # Bodies carry one-time codes and payloads: never in a repr.
    content: bytes | None = field(default=None, repr=False)
    authenticated: bool = True
    #: What the path is appended to; the client's own server if left out.
    base_url: str | None = None
    #: Seconds that the answer may take, where that is less than the client allows.
    timeout: float | None = None


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Pause:
    """Wait before going on."""

    seconds: float


Step = Request | Pause
Steps = Generator[Step, Response | None, T]


class Exchange(Protocol[T_co]):
    """Anything that can be performed: a `Call`, or a generator made of calls."""

    def __iter__(self) -> Generator[Step, Response | None, T_co]: ...


def relayed(exchange: Exchange[T], take: Callable[[Step], Steps[Response | None]]) -> Steps[T]:
    """The same exchange, each step of which is taken by `take`, together with whatever belongs around it."""
    steps = iter(exchange)
    try:
        step = next(steps)
        while True:
            problem, answer = None, None
            try:
                answer = yield from take(step)
            except CodikaError as error:
                problem = error
            step = steps.throw(problem) if problem else steps.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        steps.close()


def observed(exchange: Exchange[T], tell: Callable[[Step], None], *, at_least_every: float = 0.5) -> Steps[T]:
    """The same exchange, of which every step is told before it is taken.

    Args:
        exchange: what is to be done.
        tell: called with each step; longer pauses are made in pieces, each of them told.
        at_least_every: seconds that such a piece lasts at most.
    """

    def take(step: Step) -> Steps[Response | None]:
        while isinstance(step, Pause) and step.seconds > at_least_every:
            tell(step)
            yield Pause(at_least_every)
            step = Pause(step.seconds - at_least_every)
        tell(step)
        return (yield step)

    return relayed(exchange, take)


def path(*segments: str) -> str:
    """Join path segments, each percent-encoded, so that an id can never change the path.

    Dots are what URL normalisation acts on, so a segment of dots alone is encoded by hand.
    """
    return "".join("/" + (quote(s, safe="") if s.strip(".") else s.replace(".", "%2E")) for s in segments)


#: Where an answer holds its result: ``data`` under ``data``; ``flat`` beside ``success``, which such
#: answers may leave out when all is well (trigger, status); ``pending`` as ``data``, also in a refusal
#: that only asks to confirm; ``none`` is no JSON at all, but a text.
Envelope = Literal["data", "flat", "pending", "none"]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call of one endpoint.

    Args:
        method, path, query, body: what is sent; `body` as JSON, ``None`` for an empty body.
        read: makes the result out of the JSON object that carries it.
        envelope: where in the answer that object is.
        authenticated: whether the key goes along; one-time-code calls need none.
        repeatable: whether the same call may be sent again after a failure that may have
            happened before or after the server acted.
        base_url: what the path is appended to, where that is not the client's server.
        timeout: seconds that one answer may take, where that is less than the client allows.
    """

    method: Literal["GET", "POST"]
    path: str
    read: Callable[[Any], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    envelope: Envelope = "data"
    authenticated: bool = True
    repeatable: bool = False
    base_url: str | None = None
    timeout: float | None = None

    def __iter__(self) -> Steps[T]:
        """Send, read, and for repeatable calls try again after passing failures."""
        request = Request(
            self.method,
            self.path,
            self.query,
            None if self.body is None else _encoded(self.body),
            self.authenticated,
            self.base_url,
            self.timeout,
        )
        attempts = ATTEMPTS if self.repeatable else 1
        for attempt in range(1, attempts + 1):
            try:
                response = yield request
                if response is None:
                    raise TypeError("a request was answered with nothing")
                return self.parse(response)
            except (TransportError, APIError) as error:
                delay = _delay(error, attempt)
                if attempt == attempts or delay is None:
                    raise
            yield Pause(delay)
        raise AssertionError("unreachable")

    def parse(self, response: Response) -> T:
        """The result in `response`, or the error it stands for."""
        if self.envelope == "none":
            return self._parse_text(response)
        answer = _decoded(response.content)
        members = answer if isinstance(answer, dict) else {}
        refused = members.get("success") is False
        to_confirm = self.envelope == "pending" and refused and "error" not in members and "data" in members
        if (response.status >= 400 or refused) and not to_confirm:
            raise _refusal(response)
        if 300 <= response.status < 400:
            raise _invalid(response, "it redirects elsewhere, and redirects are not followed")
        if not isinstance(answer, dict):
            raise _invalid(response, "it is not a JSON object")
        if not to_confirm and answer.get("success", self.envelope == "flat") is not True:
            raise _invalid(response, "it does not say whether the call succeeded")
        try:
            return self.read(answer if self.envelope == "flat" else answer.get("data"))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "data"
        # Raised only now: the library's error holds what it could not read, which may be a fresh key.
        raise _invalid(response, f"{where}: {first['msg']}")

    def _parse_text(self, response: Response) -> T:
        if response.status >= 400:
            raise _refusal(response)
        if response.status != 200:
            raise _invalid(response, "it redirects elsewhere, and redirects are not followed")
        return self.read(response.content.decode("utf-8", "replace"))


def _encoded(body: Any) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        problem = str(error)
    raise ConfigError(
        f"What is to be sent cannot be written as JSON: {problem}.",
        next_action="Give plain values: texts, finite numbers, True, False, None, lists and dicts of them.",
        code="not-json",
    )


def _decoded(content: bytes | str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


# --- when to try again -----------------------------------------------------------------------------

ATTEMPTS = 3
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0
_PASSING = {429, 502, 503, 504}


def _delay(error: CodikaError, attempt: int) -> float | None:
    """Seconds until the next attempt; None when trying again is pointless."""
    if isinstance(error, APIError):
        if error.status not in _PASSING or not isinstance(error, RateLimitError | ServerError):
            return None
        if error.retry_in is not None:
            return error.retry_in if error.retry_in <= LONGEST_PAUSE else None
    elif isinstance(error, RequestTimeoutError):
        return None  # the caller has said how long to wait, and that was it
    backoff = min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE)
    return backoff * random.uniform(0.75, 1.0)  # noqa: S311 - spreads retries, guards nothing


# --- refusals --------------------------------------------------------------------------------------

# Codes of the platform's documentation and of codika 3.6.0 that say more than the HTTP status, or
# stay true when the status says nothing. All others go by their status.
_BY_CODE: dict[str, type[APIError]] = {
    **dict.fromkeys(
        (
            "OTP_INVALID",
            "OTP_NOT_FOUND",
            "OTP_EXPIRED",
            "OTP_ALREADY_USED",
            "OTP_PURPOSE_MISMATCH",
            "OTP_LOCKED_OUT",
        ),
        OTPError,
    ),
    **dict.fromkeys(("MULTIPLE_ORGANIZATIONS", "ORGANIZATION_NOT_MEMBER"), OrganizationChoiceError),
    # The last is answered with 429, but no wait helps: a key has to be revoked.
    **dict.fromkeys(
        (
            "USER_ALREADY_HAS_ORGANIZATION",
            "USER_HAS_NO_ORGANIZATION",
            "DEPLOYMENT_IN_PROGRESS",
            "MAX_API_KEYS_REACHED",
        ),
        ConflictError,
    ),
    **dict.fromkeys(("OTP_RESEND_COOLDOWN", "EMAIL_RATE_LIMITED", "IP_RATE_LIMITED"), RateLimitError),
    **dict.fromkeys(("USER_NOT_FOUND", "PROJECT_NOT_FOUND", "ORGANIZATION_NOT_FOUND"), NotFoundError),
    **dict.fromkeys(
        (
            "EMAIL_REQUIRED",
            "EMAIL_INVALID",
            "COMPANY_NAME_TOO_LONG",
            "INVALID_EXPIRES_IN_DAYS",
            "INVALID_REQUEST",
            "INVALID_PROJECT_ID",
            "INVALID_CONFIGURATION",
            "INVALID_WORKFLOW_JSON",
            "INVALID_VERSION",
        ),
        InvalidRequestError,
    ),
    **dict.fromkeys(("INTERNAL", "INTERNAL_ERROR", "N8N_DEPLOYMENT_FAILED"), ServerError),
}
_BY_STATUS: dict[int, type[APIError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    429: RateLimitError,
}
# What to do about refusals for which the platform names no next step.
_NEXT_STEPS = {
    "INVALID_VERSION": "Give one that is not in use yet, or none: the platform raises it by itself.",
    "DEPLOYMENT_IN_PROGRESS": "Wait until that one has ended, and deploy again.",
}


def _class_of(code: str, status: int) -> type[APIError]:
    by_range = ServerError if status >= 500 else InvalidRequestError if status >= 400 else APIError
    return _BY_CODE.get(code) or _BY_STATUS.get(status) or by_range


def _refusal(response: Response) -> APIError:
    """The error in an answer that says no, whichever of the platform's shapes it has."""
    # A server that repeats what it was sent must not bring the key into a message.
    answer = _decoded(redact(response.content.decode("utf-8", "replace")))
    body: dict[str, Any] = answer if isinstance(answer, dict) else {}
    if body.get("success") is True:
        return _invalid(response, "it claims success with an error status")
    error = body.get("error")
    inner: dict[str, Any] = error if isinstance(error, dict) else {}
    code = _text(inner.get("code")) or _text(body.get("code")) or f"HTTP_{response.status}"
    details = inner.get("details")
    refused = _class_of(code, response.status)(
        _text(error) or _text(inner.get("message")) or _message(response),
        code=code,
        status=response.status,
        next_action=_text(inner.get("nextAction")) or (_NEXT_STEPS.get(code) if body else _hint(response)),
        details=details if isinstance(details, dict) else None,
    )
    refused.request_id = _text(body.get("requestId"))
    # A failure without a name of the platform's comes from something in between.
    refused.may_have_acted = isinstance(refused, ServerError) and code == f"HTTP_{response.status}"
    asked = _seconds(refused.details.get("retryInSeconds"))
    refused.retry_in = _retry_after(response) if asked is None else asked
    return refused


def _message(response: Response) -> str:
    if response.status < 400:
        return f"The server refused, and did not say why (HTTP {response.status})."
    return f"The server answered {response.status} ({responses.get(response.status, 'no reason given')})."


def _hint(response: Response) -> str:
    """What an error page without JSON is most likely to mean."""
    return "Try again in a few seconds." if response.status >= 500 else _ADDRESS


_ADDRESS = "Is this address a Codika server? %codika_whoami shows which one is in use."


def _text(value: object) -> str | None:
    """A text from the server, fit to be shown."""
    return (readable(value).strip() or None) if isinstance(value, str) else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _retry_after(response: Response) -> float | None:
    """Seconds until the time in ``Retry-After``, which is a number of them, or a date."""
    value = response.headers.get("retry-after")
    seconds = _seconds(value)
    if seconds is not None or not value:
        return seconds
    try:
        date = parsedate_to_datetime(value)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):  # no date, or one without a zone
        return None


def _invalid(response: Response, why: str) -> InvalidResponseError:
    return InvalidResponseError(
        f"The server's answer cannot be used: {why} (HTTP {response.status}).",
        code="invalid-response",
        status=response.status,
        next_action=_ADDRESS,
    )
