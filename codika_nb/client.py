"""`Client` and `AsyncClient`: the two ways to perform what `API` describes.

Both take the same arguments and have the same methods. All knowledge of the protocol is in
`api` and `call`; here is only what differs between blocking and awaiting, and what a client
knows besides: its server, its credential, its time-outs.
"""

from __future__ import annotations

import asyncio
import copy
import os
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

from . import __version__, _http, session
from ._http import httpx
from .api import API
from .auth import auth_for
from .call import Exchange, Pause, Request, Response, Steps
from .endpoint import AsyncPerformer, Performer, endpoint
from .errors import AuthenticationError, ConfigError, RequestTimeoutError, TransportError
from .models import Identity
from .profiles import PRODUCTION, MaskedKey, is_loopback, mask, normalize_base_url
from .session import Credential, Environment, resolve, server, signed_in

__all__ = ["AsyncClient", "Client"]

T = TypeVar("T")
Self = TypeVar("Self", bound="_Settings")

#: Seconds to wait for an answer; five of them to be connected.
TIMEOUT = 30.0


class _Access:
    """The key and the server of a client: found when first needed, and then the same for good."""

    def __init__(
        self,
        auth: httpx.Auth | None,
        base_url: str | None,
        profile: str | None,
        environment: Environment,
    ) -> None:
        self._auth = auth
        self._base_url = base_url
        self._profile = profile
        self._environment = environment
        self._lock = threading.Lock()
        self._found: tuple[Credential, httpx.Auth | None] | None = None

    @property
    def is_known(self) -> bool:
        """Whether it has been found already."""
        return self._found is not None

    @property
    def credential(self) -> Credential:
        """The key, its server, and where they came from; of a given `auth` it holds no copy."""
        return self._find()[0]

    @property
    def auth(self) -> httpx.Auth | None:
        """How the key is sent; None if there is none."""
        return self._find()[1]

    def _find(self) -> tuple[Credential, httpx.Auth | None]:
        with self._lock:
            if self._found is None:
                self._found = self._look_up()
            return self._found

    def _look_up(self) -> tuple[Credential, httpx.Auth | None]:
        environment = self._environment
        if self._auth is not None:
            named = server(self._base_url, environment) or environment.server(public=_is_public(self._auth))
            return Credential(named or PRODUCTION, source="argument"), self._auth
        credential = resolve(base_url=self._base_url, profile=self._profile, environment=environment)
        return credential, auth_for(credential.key) if credential.key else None


def _is_public(auth: httpx.Auth | None) -> bool:
    return bool(getattr(auth, "public", False))


class _Settings(API):
    """What both clients know: server, credential, time-outs."""

    def __init__(
        self,
        *,
        auth: httpx.Auth | str | None = None,
        profile: str | None = None,
        base_url: str | None = None,
        env_file: str | os.PathLike[str] | None = None,
        timeout: float | httpx.Timeout = TIMEOUT,
        transport: Any = None,
    ) -> None:
        if isinstance(auth, str):
            auth = MaskedKey(auth)  # what is no key raises: with this frame in the traceback
            auth = auth_for(auth)
        if auth is not None and profile:
            raise ConfigError(
                "Both auth and profile were given.", next_action="Give one of them: they each name a key."
            )
        self._environment = Environment(env_file)
        self._access = _Access(auth, base_url, profile, self._environment)
        if auth is not None or profile or not base_url:
            # Said now, what is wrong with it. Only a client that is told its server alone may turn out to
            # need no key at all: one that signs in has to work whatever the config file looks like.
            _ = self._access.credential
        self.base_url = normalize_base_url(base_url) if base_url else self._access.credential.base_url
        # A server that is named for this client, or this kernel, has the addresses of its own.
        elsewhere = base_url or session.current.base_url
        self._public_bases = {} if elsewhere else self._environment.public_bases()
        self._hosts = {self.base_url, *self._public_bases.values()}
        for each in self._hosts:
            self._refuse_plain_http(each)
        self.instance = self._environment.get("PROCESS_INSTANCE_ID")
        own = API.public_key_url if self.base_url == PRODUCTION else f"{self.base_url}/encryption/public.pem"
        self.public_key_url = self._environment.get("CODIKA_PUBLIC_KEY_URL") or own
        self._timeout = _checked(timeout)
        #: The client whose connections these are, if they are not this one's.
        self._lender: Any = None
        self._used = False
        self._open(
            {
                "transport": transport,
                "verify": _http.tls(),
                "follow_redirects": False,
                # What goes to this machine itself is no business of a proxy.
                "trust_env": not all(map(is_loopback, self._hosts)),
                "headers": {"Accept": "application/json", "User-Agent": f"codika-nb/{__version__}"},
                "cookies": _http.no_cookies(),
            }
        )

    _pool: httpx.Client | httpx.AsyncClient

    def _open(self, options: dict[str, Any]) -> None:
        raise NotImplementedError

    # --- what it knows -----------------------------------------------------------------------------

    @property
    def credential(self) -> Credential:
        """The key in use, its server, and where they came from."""
        return self._access.credential

    @property
    def auth(self) -> httpx.Auth | None:
        """How the client authenticates; None if it can only make calls that need no key."""
        return self._access.auth

    @property
    def public(self) -> bool:
        """Whether the credential belongs to one process instance, which has addresses of its own."""
        return _is_public(self.auth)

    @property
    def public_bases(self) -> Mapping[str, str]:
        """Those addresses, as far as the environment names any."""
        return self._public_bases

    @endpoint
    def whoami(self) -> Steps[Identity]:
        """Who this client speaks for: organization, key, server, where the key came from, what that hides.

        Raises:
            NotSignedIn: there is no key.
            AuthenticationError: the platform does not accept the key (any more).
        """
        credential, key = self.credential, _shown(self.auth)
        hides = credential.hidden
        if credential.source == "argument":
            hides = _hidden_by_argument(self.base_url, self._environment)
        if self.public:
            return Identity(
                server=self.public_bases.get("webhook", self.base_url),
                source=credential.source,
                kind="instance-key" if key else "webhook-signature",
                key=key,
                hides=hides,
                note="The platform says nothing about keys of a single instance: not checked.",
            )
        known = yield from API.verify_key.describe(self)
        return Identity(
            server=self.base_url,
            source=credential.source,
            kind=known.type,
            key=key,
            organization=known.organization_name,
            organization_id=known.organization_id,
            key_name=known.key_name,
            scopes=known.scopes,
            expires_at=known.expires_at,
            hides=hides,
        )

    def with_options(self: Self, *, timeout: float | httpx.Timeout) -> Self:
        """The same client with another time-out, for one call or for some; both share their connections.

        Args:
            timeout: seconds to wait for an answer; connecting may take 5 of them.

        Example:
            >>> client.with_options(timeout=300).deploy_use_case("use-cases/large")
        """
        other = copy.copy(self)
        other._timeout = _checked(timeout)
        other._lender = self._lender or self
        return other

    def __repr__(self) -> str:
        # Looking at a client must not be what makes it read files, or fail.
        access: _Access | None = getattr(self, "_access", None)
        auth = f", auth={self.auth!r}" if access and access.is_known else ""
        return f"{type(self).__name__}({self.base_url!r}{auth})"

    # --- what the two ways to perform share --------------------------------------------------------

    def _outgoing(self, request: Request) -> dict[str, Any]:
        """The arguments for httpx that `request` stands for."""
        if self._pool.is_closed:
            raise ConfigError("This client has been closed.", next_action="Make a new one: Client()")
        base_url = request.base_url or self.base_url
        if base_url not in self._hosts:
            self._refuse_plain_http(base_url)
            if request.authenticated:
                raise ConfigError(
                    f"The key belongs to {self.base_url} and is not sent to {base_url}.",
                    next_action="Make a client for that server.",
                )
        if request.authenticated and self.credential.source != "argument":
            signed_in(self.credential)  # no key, or an expired one: said here, not after a round trip
        (self._lender or self)._used = True
        return {
            "method": request.method,
            "url": base_url + request.path,
            "params": dict(request.query) or None,
            "content": request.content,
            "headers": {"Content-Type": "application/json"} if request.method == "POST" else None,
            "auth": self.auth if request.authenticated else None,
            "timeout": _http.timeout(self._timeout, request.timeout),
        }

    def _refuse_plain_http(self, url: str) -> None:
        allowed = self._environment.get("CODIKA_ALLOW_HTTP") in ("1", "true", "yes")
        if not url.lower().startswith("https:") and not is_loopback(url) and not allowed:
            raise ConfigError(
                f"{url} is not encrypted: codes and keys would travel in clear.",
                next_action="Use https, or set CODIKA_ALLOW_HTTP=1 if you trust the network in between.",
            )

    def _explain(self, error: AuthenticationError) -> None:
        """Say what to do about a key that is not accepted: only the client knows where it came from."""
        if error.next_action is not None or not self._access.is_known:
            return
        credential, key = self.credential, getattr(self.auth, "_key", None)
        if credential.source == "argument":
            # auth=QueryKey(os.environ["CODIKA_API_KEY"]): what has to be changed is the variable.
            places = [place for place, value in self._environment.api_keys() if value == key]
            credential = replace(credential, source=places[0]) if places else credential
        error.next_action = credential.remedy(public=self.public)

    def _warn_if_unclosed(self) -> bool:
        unclosed = getattr(self, "_used", False) and self._lender is None and not self._pool.is_closed
        if unclosed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=3, source=self)
        return unclosed


class Client(Performer, _Settings):
    """Talk to Codika; every method waits for the answer.

    With no argument, key and server come from the environment, then from the profile that
    ``%codika_signup``, ``%codika_login`` or the ``codika`` tool saved. A client may be used from
    several threads at once.

    Args:
        auth: a key as text, or one of `OrganizationKey`, `InstanceKey`, `QueryKey`, `WebhookSignature`.
        profile: name of a saved profile to use.
        base_url: the server; ``https://api.codika.io`` if nothing else names one.
        env_file: a ``.env`` file with variables that the environment itself does not have:
            ``CODIKA_API_KEY``, ``CODIKA_BASE_URL``, ``PROCESS_INSTANCE_ID``, ``CODIKA_TRIGGER_BASE_URL``,
            ``CODIKA_STATUS_BASE_URL``.
        timeout: seconds to wait for an answer, 30 unless given; connecting may take 5 of them.
            `with_options` changes it for single calls.
        transport: an httpx transport, for tests and proxies.

    Raises:
        ConfigError: contradictory settings, or a key that would travel unencrypted.

    Example:
        >>> with Client() as client:
        ...     client.run_workflow("greet", {"name": "Ada"}).result
    """

    _pool: httpx.Client

    def _open(self, options: dict[str, Any]) -> None:
        self._pool = httpx.Client(**options)

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
                    answer = self._pool.request(**self._outgoing(step))
                except _http.FAILURES as error:
                    problem = _unreachable(error, step.base_url or self.base_url)
                step = steps.throw(problem) if problem else steps.send(_received(answer))
        except StopIteration as done:
            result: T = done.value
            return result
        except AuthenticationError as error:
            self._explain(error)
            raise
        finally:
            steps.close()

    def close(self) -> None:
        """Give the connections back; may be called again. On what `with_options` made it does nothing."""
        if self._lender is None:
            self._pool.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._warn_if_unclosed():
            self.close()


class AsyncClient(AsyncPerformer, _Settings):
    """Talk to Codika from asynchronous code; every method is awaited.

    The arguments and methods are those of `Client`. Use one per event loop.

    Example:
        >>> async with AsyncClient() as client:
        ...     runs = await asyncio.gather(*(client.run_workflow("greet", p) for p in payloads))
    """

    _pool: httpx.AsyncClient

    def _open(self, options: dict[str, Any]) -> None:
        self._pool = httpx.AsyncClient(**options)

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
                    answer = await self._pool.request(**self._outgoing(step))
                except _http.FAILURES as error:
                    problem = _unreachable(error, step.base_url or self.base_url)
                step = steps.throw(problem) if problem else steps.send(_received(answer))
        except StopIteration as done:
            result: T = done.value
            return result
        except AuthenticationError as error:
            self._explain(error)
            raise
        finally:
            steps.close()

    async def aclose(self) -> None:
        """Give the connections back; may be called again. On what `with_options` made it does nothing."""
        if self._lender is None:
            await self._pool.aclose()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # Its connections can only be closed where something awaits that.
        self._warn_if_unclosed()


def _checked(timeout: float | httpx.Timeout) -> float | httpx.Timeout:
    if not isinstance(timeout, httpx.Timeout) and not timeout > 0:
        raise ConfigError(
            f"A time-out is a number of seconds, not {timeout!r}.", next_action="Give more than 0."
        )
    return timeout


def _shown(auth: httpx.Auth | None) -> str | None:
    key = getattr(auth, "_key", None)
    return mask(key) if isinstance(key, str) else None


def _hidden_by_argument(base_url: str, environment: Environment) -> tuple[str, ...]:
    """What would be used at this server if no key had been given."""
    try:
        otherwise = resolve(base_url=base_url, environment=environment)
    except ConfigError:
        return ()
    return (otherwise.source, *otherwise.hidden) if otherwise.key else ()


def _received(answer: httpx.Response) -> Response:
    return Response(answer.status_code, answer.headers, answer.content)


def _unreachable(error: Exception, base_url: str) -> TransportError:
    """Our own error, without the library's: that one holds the request, and the request the key."""
    local = is_loopback(base_url)
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return RequestTimeoutError(
            f"{base_url} did not answer in time.",
            code="network-error",
            next_action="Try again, or allow more: client.with_options(timeout=…)",
        )
    causes = _causes(error)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        why = "its certificate is not valid here"
    elif any(isinstance(cause, socket.gaierror) for cause in causes):
        why = "there is no server of that name"
    elif isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        why = "nobody answers there" if local else "no connection"
    else:
        why = "the connection broke off"
    return TransportError(
        f"{base_url} cannot be reached: {why}.",
        code="network-error",
        next_action="Is the sandbox running? %codika_sandbox starts one."
        if local
        else "Check the network and try again.",
    )


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
