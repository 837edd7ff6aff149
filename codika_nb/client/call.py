"""A request is a value: what to send, how to read the answer, and when to try again. No I/O here.

A `Call` describes one endpoint; iterating over it gives an exchange (see `steps`).
"""

from __future__ import annotations

import json
import random
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from ..errors import (
    APIError,
    CodikaError,
    ConfigError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
)
from ..files import Base64
from ..models.answer import Answer
from .refusals import decoded, invalid, refusal
from .steps import Pause, Request, Response, Steps, T

A = TypeVar("A", bound=Answer)


def path(*segments: str) -> str:
    """Join path segments, each percent-encoded, so that an id can never change the path.

    Dots are what URL normalisation acts on, so a segment of dots alone is encoded by hand.
    """
    return "".join(
        "/" + (quote(s, "", errors="replace") if s.strip(".") else s.replace(".", "%2E")) for s in segments
    )


def known(kind: type[A], within: str = "", **ids: str) -> Callable[[Any], A]:
    """Reads what an answer says of something, with the id by which it was asked for: no answer has to
    repeat it.

    Args:
        kind: what it is.
        within: under which member of the answer it is.
        ids: the ids, in the platform's spelling.
    """

    def read(answer: Any) -> A:
        said = answer.get(within) if within else answer
        return kind.model_validate({**said, **ids} if isinstance(said, dict) else said)

    return read


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
        stage: which part of a longer conversation it is.
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
    stage: str = ""

    def encoded(self) -> Call[T]:
        """The same call, whose body has been written as JSON already.

        Written in pieces, between which other threads get their turn: a large body takes long.
        """
        return replace(self, body=_encoded(self.body, in_pieces=True))

    def __iter__(self) -> Steps[T]:
        """Send, read, and for repeatable calls try again after passing failures."""
        content = self.body if isinstance(self.body, bytes | None) else _encoded(self.body)
        where = self.method, self.path, self.query
        request = Request(*where, content, self.authenticated, self.base_url, self.timeout, self.stage)
        attempts = ATTEMPTS if self.repeatable else 1
        for attempt in range(1, attempts + 1):
            try:
                response = yield request
                if response is None:
                    raise TypeError("a request was answered with nothing")
                if response.unusable:
                    raise invalid(response, response.unusable)
                return self.parse(response)
            except (TransportError, APIError) as error:
                delay = _delay(error, attempt)
                if attempt == attempts or delay is None:
                    raise
            yield Pause(delay)
        raise AssertionError("unreachable")

    def parse(self, response: Response) -> T:
        """The result in `response`, or the error it stands for."""
        is_text = self.envelope == "none"
        answer = None if is_text else decoded(response.content)
        members = answer if isinstance(answer, dict) else {}
        refused = members.get("success") is False
        to_confirm = self.envelope == "pending" and refused and "error" not in members and "data" in members
        if (response.status >= 400 or refused) and not to_confirm:
            raise refusal(response)
        if 300 <= response.status < 400:
            raise invalid(response, "it redirects elsewhere, and redirects are not followed")
        if is_text:
            return self.read(response.content.decode("utf-8", "replace"))
        if not isinstance(answer, dict):
            raise invalid(response, "it is not a JSON object")
        said = answer.get("success")
        if not to_confirm and (self.envelope == "flat" if said is None else said) is not True:
            raise invalid(response, "it does not say whether the call succeeded")
        try:
            return self.read(answer if self.envelope == "flat" else answer.get("data"))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "data"
        # Raised only now: the library's error holds what it could not read, which may be a fresh key.
        raise invalid(response, f"{where}: {first['msg']}")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def _in_pieces(body: Any) -> Iterable[bytes]:
    """Files need no escapes in base64: they are put in as they are, and not looked through."""
    files: dict[str, Base64] = {}
    mark = secrets.token_hex(8)
    text = "".join(_ENCODER.iterencode(_without_files(body, mark, files)))
    for number, part in enumerate(re.split(rf'(?<="){mark}(\d+)(?=")', text)):
        yield (files[part] if number % 2 else part).encode()


def _without_files(value: Any, mark: str, files: dict[str, Base64]) -> Any:
    """The same value with a mark in the place of each file; which is which is put into `files`."""
    if isinstance(value, Base64):
        number = str(len(files))
        files[number] = value
        return mark + number
    if isinstance(value, dict):
        return {name: _without_files(each, mark, files) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_files(each, mark, files) for each in value]
    return value


def _encoded(body: Any, *, in_pieces: bool = False) -> bytes:
    try:
        return b"".join(_in_pieces(body)) if in_pieces else _ENCODER.encode(body).encode()
    except (TypeError, ValueError, RecursionError) as error:
        problem = str(error)
    raise ConfigError(
        f"What is to be sent cannot be written as JSON: {problem}.",
        next_action="Give plain values: texts, finite numbers, True, False, None, lists and dicts of them.",
        code="not-json",
    )


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
