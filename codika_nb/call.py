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
from http.client import responses
from typing import Any, Generic, Literal, Protocol, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from .errors import (
    APIError,
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    OrganizationChoiceError,
    OTPError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Request:
    """One HTTP request, relative to a base URL."""

    method: Literal["GET", "POST"]
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    # Bodies carry one-time codes and payloads: never in a repr.
    content: bytes | None = field(default=None, repr=False)
    authenticated: bool = True


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str]
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


def path(*segments: str) -> str:
    """Join path segments, each percent-encoded, so that an id can never change the path.

    Dots are what URL normalisation acts on, so a segment of dots alone is encoded by hand.
    """
    return "".join("/" + (quote(s, safe="") if s.strip(".") else s.replace(".", "%2E")) for s in segments)


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call of one endpoint.

    Args:
        method, path, query, body: what is sent; `body` as JSON, ``None`` for an empty body.
        read: makes the result out of the JSON object that carries it.
        flat: whether the result's members stand beside ``success`` (trigger, status) and not
            under ``data``; such answers may leave ``success`` out when all is well.
        authenticated: whether the key goes along; one-time-code calls need none.
        repeatable: whether the same call may be sent again after a failure that may have
            happened before or after the server acted.
    """

    method: Literal["GET", "POST"]
    path: str
    read: Callable[[Any], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    flat: bool = False
    authenticated: bool = True
    repeatable: bool = False

    def __iter__(self) -> Steps[T]:
        """Send, read, and for repeatable calls try again after passing failures."""
        content = None if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()
        request = Request(self.method, self.path, self.query, content, self.authenticated)
        attempts = ATTEMPTS if self.repeatable else 1
        for attempt in range(1, attempts + 1):
            try:
                response = yield request
                if response is None:
                    raise TypeError("a request was answered with nothing")
                return self.parse(response)
            except (TransportError, RateLimitError, ServerError) as error:
                delay = _delay(error, attempt)
                if attempt == attempts or delay is None:
                    raise
            yield Pause(delay)
        raise AssertionError("unreachable")

    def parse(self, response: Response) -> T:
        """The result in `response`, or the error it stands for."""
        try:
            answer = json.loads(response.content)
        except ValueError:
            answer = None
        if response.status >= 400 or (isinstance(answer, dict) and answer.get("success") is False):
            raise _refusal(response, answer)
        if not 200 <= response.status < 300:
            raise _invalid(response, "it redirects elsewhere, and redirects are not followed")
        if not isinstance(answer, dict):
            raise _invalid(response, "it is not a JSON object")
        if answer.get("success", self.flat) is not True:
            raise _invalid(response, "it does not say whether the call succeeded")
        try:
            return self.read(answer if self.flat else answer.get("data"))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "data"
            raise _invalid(response, f"{where}: {first['msg']}") from None


ATTEMPTS = 3
LONGEST_PAUSE = 8.0
_PASSING = {429, 502, 503, 504}


def _delay(error: APIError | TransportError, attempt: int) -> float | None:
    """Seconds until the next attempt; None when trying again is pointless."""
    if isinstance(error, APIError) and error.status not in _PASSING:
        return None
    asked = getattr(error, "retry_in", None)
    if asked is not None:
        return float(asked) if asked <= LONGEST_PAUSE else None
    backoff = min(0.25 * 2.0**attempt, LONGEST_PAUSE)
    return backoff * random.uniform(0.75, 1.0)  # noqa: S311 - spreads retries, guards nothing


_BY_CODE: dict[str, type[APIError]] = {
    "OTP_INVALID": OTPError,
    "OTP_NOT_FOUND": OTPError,
    "OTP_EXPIRED": OTPError,
    "OTP_ALREADY_USED": OTPError,
    "OTP_PURPOSE_MISMATCH": OTPError,
    "OTP_LOCKED_OUT": OTPError,
    "MULTIPLE_ORGANIZATIONS": OrganizationChoiceError,
    "ORGANIZATION_NOT_MEMBER": OrganizationChoiceError,
    # Answered with 429, but no wait helps: a key has to be revoked.
    "MAX_API_KEYS_REACHED": ConflictError,
}
_BY_STATUS: dict[int, type[APIError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    429: RateLimitError,
}


def _class_of(code: str, status: int) -> type[APIError]:
    by_range = ServerError if status >= 500 else InvalidRequestError if status >= 400 else APIError
    return _BY_CODE.get(code) or _BY_STATUS.get(status) or by_range


def _refusal(response: Response, answer: Any) -> APIError:
    """The error in an answer that says no, whichever of the platform's shapes it has."""
    body: dict[str, Any] = answer if isinstance(answer, dict) else {}
    if body.get("success") is True:
        return _invalid(response, "it claims success with an error status")
    error = body.get("error")
    inner: dict[str, Any] = error if isinstance(error, dict) else {}
    text = error if isinstance(error, str) else inner.get("message")
    code = inner.get("code") or body.get("code")
    details = inner.get("details")
    hint = inner.get("nextAction")
    reason = responses.get(response.status, "no reason given")
    code = code if isinstance(code, str) and code else f"HTTP_{response.status}"
    refused = _class_of(code, response.status)(
        text if isinstance(text, str) and text else f"The server answered {response.status} ({reason}).",
        code=code,
        status=response.status,
        next_action=hint if isinstance(hint, str) and hint else None,
        details=details if isinstance(details, dict) else None,
    )
    request_id = body.get("requestId")
    refused.request_id = request_id if isinstance(request_id, str) else None
    if isinstance(refused, RateLimitError):
        refused.retry_in = _seconds(refused.details.get("retryInSeconds")) or _seconds(
            response.headers.get("retry-after")
        )
    return refused


def _seconds(value: object) -> float | None:
    try:
        seconds = float(value)  # type: ignore[arg-type]  # anything may come over the wire
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _invalid(response: Response, why: str) -> InvalidResponseError:
    return InvalidResponseError(
        f"The server's answer cannot be used: {why} (HTTP {response.status}).",
        code="invalid-response",
        status=response.status,
        next_action="Is this address a Codika server? %codika_whoami shows which one is in use.",
    )
