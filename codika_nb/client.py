"""`Client` and `AsyncClient`: the two ways to perform what `API` describes.

Both take the same arguments and have the same methods. All knowledge of the protocol is in
`api` and `call`; here is only what differs between blocking and awaiting.
"""

from __future__ import annotations

import asyncio
import os
import time
from types import TracebackType
from typing import Any, TypeVar

from ._http import httpx
from .api import AsyncPerformer, Performer
from .auth import auth_for
from .call import Exchange, Pause, Request, Response
from .errors import ConfigError, TransportError
from .profiles import PRODUCTION, is_loopback, normalize_base_url
from .session import Credential, resolve, server, signed_in

__all__ = ["AsyncClient", "Client"]

T = TypeVar("T")
Self = TypeVar("Self", bound="_Settings")

TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class _Settings:
    """What both clients know: server, credential, time-outs."""

    base_url: str
    #: How the client authenticates; None if it can only make calls that need no key.
    auth: httpx.Auth | None
    credential: Credential

    def __init__(
        self,
        *,
        auth: httpx.Auth | str | None = None,
        profile: str | None = None,
        base_url: str | None = None,
        timeout: float | httpx.Timeout = TIMEOUT,
        transport: Any = None,
    ) -> None:
        if auth is None:
            self.credential = resolve(base_url=base_url, profile=profile)
            self.auth = auth_for(self.credential.key) if self.credential.key else None
        else:
            if profile:
                raise ConfigError(
                    "Both auth and profile were given.", next_action="Give one of them: they each name a key."
                )
            self.credential = Credential(server(base_url) or PRODUCTION, source="argument")
            self.auth = auth_for(auth) if isinstance(auth, str) else auth
        self.base_url = normalize_base_url(base_url) if base_url else self.credential.base_url
        _refuse_plain_http(self.base_url)
        self.public = bool(getattr(self.auth, "public", False))
        self.instance = os.environ.get("PROCESS_INSTANCE_ID") or None
        timeout = (
            timeout if isinstance(timeout, httpx.Timeout) else httpx.Timeout(timeout, connect=min(timeout, 5))
        )
        self._open(
            {
                "base_url": self.base_url,
                "timeout": timeout,
                "transport": transport,
                "follow_redirects": False,
                # What goes to this machine itself is no business of a proxy.
                "trust_env": not is_loopback(self.base_url),
                "headers": {"Accept": "application/json"},
            }
        )

    def _open(self, options: dict[str, Any]) -> None:
        raise NotImplementedError

    def _outgoing(self, request: Request) -> dict[str, Any]:
        """The arguments for httpx that `request` stands for."""
        if request.authenticated and self.credential.source != "argument":
            signed_in(self.credential)  # no key, or an expired one: said here, not after a round trip
        headers = {"Content-Type": "application/json"} if request.method == "POST" else {}
        return {
            "method": request.method,
            "url": request.path,
            "params": dict(request.query) or None,
            "content": request.content,
            "headers": headers,
            "auth": self.auth if request.authenticated else None,
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r}, auth={self.auth!r})"


class Client(_Settings, Performer):
    """Talk to Codika; every method waits for the answer.

    With no argument, key and server come from the environment, then from the profile that
    ``%codika_signup``, ``%codika_login`` or the ``codika`` tool saved.

    Args:
        auth: a key as text, or one of `OrganizationKey`, `InstanceKey`, `QueryKey`, `WebhookSignature`.
        profile: name of a saved profile to use.
        base_url: the server; ``https://api.codika.io`` if nothing else names one.
        timeout: seconds to wait for an answer, 30 unless given; connecting may take 5 of them.
        transport: an httpx transport, for tests and proxies.

    Raises:
        ConfigError: contradictory settings, or a key that would travel unencrypted.

    Example:
        >>> with Client() as client:
        ...     client.run_workflow("greet", {"name": "Ada"}).result
    """

    def _open(self, options: dict[str, Any]) -> None:
        self._http = httpx.Client(**options)

    def perform(self, exchange: Exchange[T]) -> T:
        """Do what `exchange` describes, and return its result."""
        steps = iter(exchange)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = steps.send(None)
                    continue
                problem: TransportError | None = None
                try:
                    answer = self._http.request(**self._outgoing(step))
                except httpx.TransportError as error:
                    problem = _unreachable(error, self.base_url)
                step = steps.throw(problem) if problem else steps.send(_received(answer))
        except StopIteration as done:
            result: T = done.value
            return result

    def close(self) -> None:
        """Give the connections back; may be called again."""
        self._http.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Settings, AsyncPerformer):
    """Talk to Codika from asynchronous code; every method is awaited.

    The arguments and methods are those of `Client`. Use one per event loop.

    Example:
        >>> async with AsyncClient() as client:
        ...     runs = await asyncio.gather(*(client.run_workflow("greet", p) for p in payloads))
    """

    def _open(self, options: dict[str, Any]) -> None:
        self._http = httpx.AsyncClient(**options)

    async def perform(self, exchange: Exchange[T]) -> T:
        """Do what `exchange` describes, and return its result."""
        steps = iter(exchange)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = steps.send(None)
                    continue
                problem: TransportError | None = None
                try:
                    answer = await self._http.request(**self._outgoing(step))
                except httpx.TransportError as error:
                    problem = _unreachable(error, self.base_url)
                step = steps.throw(problem) if problem else steps.send(_received(answer))
        except StopIteration as done:
            result: T = done.value
            return result

    async def aclose(self) -> None:
        """Give the connections back; may be called again."""
        await self._http.aclose()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _received(answer: httpx.Response) -> Response:
    return Response(answer.status_code, answer.headers, answer.content)


def _unreachable(error: httpx.TransportError, base_url: str) -> TransportError:
    """Our own error, without the library's: that one holds the request, and the request the key."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        why = "nobody answers there" if is_loopback(base_url) else "no connection"
    elif isinstance(error, httpx.TimeoutException):
        why = "no answer in time"
    else:
        why = "the connection broke off"
    return TransportError(
        f"{base_url} cannot be reached: {why}.",
        code="network-error",
        next_action="Is the sandbox running? %codika_sandbox starts one."
        if is_loopback(base_url)
        else "Check the network and try again.",
    )


def _refuse_plain_http(base_url: str) -> None:
    if base_url.startswith("http:") and not is_loopback(base_url) and not os.environ.get("CODIKA_ALLOW_HTTP"):
        raise ConfigError(
            f"{base_url} is not encrypted: codes and keys would travel in clear.",
            next_action="Use https, or set CODIKA_ALLOW_HTTP=1 if you trust the whole network in between.",
        )
