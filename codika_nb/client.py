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
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from . import __version__, _http, session
from ._http import httpx
from .api import API
from .auth import InstanceKey, QueryKey, TriggerURL, WebhookSignature, auth_for
from .batch import TICK, Batch, Runs, shown
from .call import Exchange, Pause, Request, Response, Steps
from .endpoint import AsyncPerformer, Performer, endpoint
from .errors import AuthenticationError, CodikaError, ConfigError, RequestTimeoutError, TransportError
from .models import Identity
from .profiles import PRODUCTION, MaskedKey, is_loopback, mask, normalize_base_url
from .session import Credential, Environment, resolve, server, signed_in

if TYPE_CHECKING:
    from pandas import DataFrame

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
            self._environment.refuse_plain_http(each)
        self.instance = self._environment.get("PROCESS_INSTANCE_ID")
        own = API.public_key_url if self.base_url == PRODUCTION else f"{self.base_url}/encryption/public.pem"
        self.public_key_url = self._environment.get("CODIKA_PUBLIC_KEY_URL") or own
        self._timeout = _checked(timeout)
        #: The client whose connections these are, if they are not this one's.
        self._lender: Any = None
        self._used = False
        self._interrupted: Runs | None = None
        self._options = {
            "verify": _http.tls(),
            "follow_redirects": False,
            # What goes to this machine itself is no business of a proxy.
            "trust_env": not all(map(is_loopback, self._hosts)),
            "headers": {"Accept": "application/json", "User-Agent": f"codika-nb/{__version__}"},
            "cookies": _http.no_cookies(),
        }
        self._transport = transport
        self._open({**self._options, "transport": transport})

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

        Example:
            >>> client.whoami()
            Organization  Acme (org_...)
            Key           cko_..., CLI default key, org-api-key
            Server        http://127.0.0.1:...
            From          profile "acme"
            Scopes        deploy:use-case ...
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

    def trigger_url(self, workflow: str, *, instance: str | None = None) -> TriggerURL:
        """The address that starts a workflow by itself, for platforms that can only be given an address.

        It holds the instance key, so it shows itself masked; ``.get_secret_value()`` is the real one, to be
        POSTed to with a JSON payload. Query parameters can appear in server access logs and monitoring
        dashboards: wherever a header can be set, send the key in ``X-API-Key`` instead.

        Args:
            workflow: the workflow's template id, as in the use case.
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.

        Raises:
            ConfigError: the client has no instance key, or no instance is named. Nothing is sent.

        As on the platform's page "Authentication methods".

        Example:
            >>> with Client(auth=sandbox.instance_key(deployed.process_instance_id)) as caller:
            ...     caller.trigger_url("greet")
            TriggerURL('http://127.0.0.1:.../greet?api_key=ck_...')
        """
        if not isinstance(self.auth, InstanceKey | QueryKey):
            have = "no key" if self.auth is None else f"its {type(self.auth).__name__}"
            raise ConfigError(
                f"An address can carry an instance key (ck_…) only, and this client has {have}.",
                next_action="Copy the instance's key from its trigger panel in the dashboard, under "
                "“Public API Access”, and make a client with it: Client(auth=key).",
            )
        base_url, where = self._address("webhook", instance, workflow)
        return TriggerURL((base_url or self.base_url) + where, self.auth)

    @property
    def interrupted(self) -> Runs | None:
        """How far the last `run_many` was that has not come to its end; ``resume=`` goes on from there."""
        found: Runs | None = (self._lender or self)._interrupted
        return found

    def _remember(self, batch: Batch) -> None:
        owner = self._lender or self
        if batch.error is not None:
            owner._interrupted = batch.runs
        elif batch.runs is owner._interrupted:
            owner._interrupted = None
        batch.let_go()

    def with_options(self: Self, *, timeout: float | httpx.Timeout) -> Self:
        """The same client with another time-out, for one call or for some; both share their connections.

        Args:
            timeout: seconds to wait for an answer; connecting may take 5 of them.

        Raises:
            ConfigError: `timeout` is not more than 0.

        Example:
            >>> client.with_options(timeout=300).deploy_use_case("use-cases/greeter")
            Deployment(version='1.1', status='deployed', workflows=['greet'])
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
            self._environment.refuse_plain_http(base_url)
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

    def _explain(self, error: AuthenticationError) -> None:
        """Say what to do about a key that is not accepted: only the client knows where it came from."""
        if error.next_action is not None or not self._access.is_known:
            return
        if isinstance(self.auth, WebhookSignature):
            wait = f"Client(auth=key).wait_for({error.execution_id!r})"
            error.next_action = (
                f"A signature only starts runs. Wait with a key: {wait}"
                if error.execution_id
                else "Is the secret that of this workflow's endpoint, and is this machine's clock right?"
            )
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

    Beside what it names, any method raises `NotSignedIn` (there is no key), `TransportError` (no answer),
    `AuthenticationError` (the key is not accepted), `PermissionDeniedError` (it lacks a scope),
    `ServerError`, and `ConfigError` for an argument that cannot be right (nothing was sent).

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
        {'greeting': 'Hello, Ada!', 'language': 'en'}
    """

    _pool: httpx.Client

    def _open(self, options: dict[str, Any]) -> None:
        self._pool = httpx.Client(**options)

    def perform(self, exchange: Exchange[T]) -> T:
        """Do what `exchange` describes, and return its result.

        Args:
            exchange: a verb of `SignIn`, or what another program has described with `codika_nb.api`.

        Example:
            >>> client.perform(SignIn("login").request_code("ada@example.com"))
            SignIn('login', step='code')
        """
        steps = iter(exchange)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = steps.send(None)
                    continue
                problem: CodikaError | None = None
                try:
                    answer = self._pool.request(**self._outgoing(step))
                except ConfigError as error:
                    problem = error  # nothing was sent: whoever describes the exchange has to know
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

    def run_many(
        self,
        workflow: str,
        payloads: Iterable[Mapping[str, Any] | None] | DataFrame,
        *,
        instance: str | None = None,
        concurrency: int = 16,
        timeout: float = 120.0,
        progress: bool = True,
        resume: Runs | None = None,
    ) -> Runs:
        """Run a workflow once for each payload, several at a time; returns what has become of each, in order.

        A run that fails, a payload that is refused, a run that takes too long: that is kept with its row
        (``runs.failed``, ``runs[3].error``), and the others go on. An error is raised only for what no
        other payload would change: the key is not accepted or not allowed to, there is no such workflow or
        instance, it is switched off, the client is closed, or the platform is down. When it asks for a
        pause (429), all wait, and what it refused is tried again.

        Stopped by hand or by an error, ``client.interrupted`` has what was done by then, and
        ``client.run_many(workflow, payloads, resume=client.interrupted)`` goes on: what has ended is not
        run again, and what has been started is waited for, not started again. ``resume`` also takes what an
        earlier call returned, to wait for runs whose time was up. What it takes is filled further, and
        returned again.

        Args:
            workflow: the workflow's template id, as in the use case.
            payloads: a list, a pandas data frame (each row an object, without the cells that hold nothing;
                moments as ISO 8601, time spans in seconds), or an iterator. That one is asked for the next
                payload when a hand is free (by `Client` on other threads), and what it gave is not kept.
            instance: process instance id; the client's own (``PROCESS_INSTANCE_ID``) if left out.
            concurrency: how many runs are under way at once, 1 to 100.
            timeout: seconds to wait for each run at most; the run itself goes on after that.
            progress: show a bar, where somebody can see it.
            resume: what an earlier call has done.

        Raises:
            Interrupted: by Ctrl-C or the stop button (`asyncio.CancelledError` where it is awaited).
            AuthenticationError, PermissionDeniedError, NotFoundError, ConflictError, ConfigError: see above.
            RateLimitError, TransportError: after a long time of trying again, or no connection at first.
            TransportError, ServerError, InvalidResponseError: row after row met with the same.

        Example:
            >>> runs = client.run_many("greet", [{"name": "Ada"}, {"name": " "}])
            >>> runs
            2 runs of greet: 1 succeeded, 1 failed
            >>> runs.failed[0].error.message
            'The workflow failed at node “greet”: ...A name is required.'
        """
        batch = Batch(
            self,
            workflow,
            payloads,
            instance=instance,
            concurrency=concurrency,
            timeout=timeout,
            resume=resume,
        )
        try:
            try:
                crew = [
                    threading.Thread(target=self._work, args=(batch,), name="codika-run-many", daemon=True)
                    for _ in range(batch.workers)
                ]
                with shown(batch, progress) as move:
                    for each in crew:
                        each.start()
                    for each in crew:
                        while each.is_alive() and batch.error is None:
                            each.join(TICK)
                            move()
            except KeyboardInterrupt:
                batch.give_up(batch.interruption("client.run_many"))
            return self.perform(batch.outcome())
        except BaseException as error:
            batch.give_up(error)
            raise
        finally:
            self._remember(batch)

    def _work(self, batch: Batch) -> None:
        try:
            self.perform(batch.worker())
        except BaseException as error:  # also a SystemExit of whoever gives the payloads: a thread hides it
            batch.give_up(error)

    def to_async(self) -> AsyncClient:
        """An asynchronous client with the same key, server and settings, and with connections of its own.

        Raises:
            ConfigError: the client has a `transport` that blocks.

        Example:
            >>> async def greet():
            ...     async with client.to_async() as other:
            ...         here = deployed.process_instance_id
            ...         return await other.run_workflow("greet", {"name": "Ada"}, instance=here)
            >>> asyncio.run(greet()).result["greeting"]
            'Hello, Ada!'
        """
        if not isinstance(self._transport, httpx.AsyncBaseTransport | None):
            raise ConfigError(
                f"The client's transport blocks: {type(self._transport).__name__} cannot be awaited.",
                next_action="Make an AsyncClient with an asynchronous transport: AsyncClient(transport=…)",
            )
        other = AsyncClient.__new__(AsyncClient)
        vars(other).update(vars(self) | {"_lender": None, "_used": False})
        other._open({**self._options, "transport": self._transport})
        return other

    def close(self) -> None:
        """Give the connections back; may be called again.

        On what `with_options` has made it does nothing: the connections are not its own.
        """
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

    The arguments and methods are those of `Client`. Use one per event loop. In a notebook, what is in
    ``main`` here can stand in a cell as it is.

    Example:
        >>> async def main():
        ...     async with AsyncClient() as client:
        ...         work = [client.run_workflow("greet", {"name": name}) for name in ("Ada", "Grace")]
        ...         return [run.result["greeting"] for run in await asyncio.gather(*work)]
        >>> asyncio.run(main())
        ['Hello, Ada!', 'Hello, Grace!']
    """

    _pool: httpx.AsyncClient

    def _open(self, options: dict[str, Any]) -> None:
        self._pool = httpx.AsyncClient(**options)

    async def perform(self, exchange: Exchange[T]) -> T:
        """Do what `exchange` describes, and return its result.

        Args:
            exchange: a verb of `SignIn`, or what another program has described with `codika_nb.api`.

        Example:
            >>> async def main():
            ...     async with AsyncClient() as client:
            ...         return await client.perform(SignIn("login").request_code("ada@example.com"))
            >>> asyncio.run(main())
            SignIn('login', step='code')
        """
        steps = iter(exchange)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = steps.send(None)
                    continue
                problem: CodikaError | None = None
                try:
                    answer = await self._pool.request(**self._outgoing(step))
                except ConfigError as error:
                    problem = error  # nothing was sent: whoever describes the exchange has to know
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

    async def run_many(
        self,
        workflow: str,
        payloads: Iterable[Mapping[str, Any] | None] | DataFrame,
        *,
        instance: str | None = None,
        concurrency: int = 16,
        timeout: float = 120.0,
        progress: bool = True,
        resume: Runs | None = None,
    ) -> Runs:
        batch = Batch(
            self,
            workflow,
            payloads,
            instance=instance,
            concurrency=concurrency,
            timeout=timeout,
            resume=resume,
        )
        crew = {asyncio.create_task(self._work(batch)) for _ in range(batch.workers)}
        try:
            try:
                with shown(batch, progress) as move:
                    while crew and batch.error is None:
                        _, crew = await asyncio.wait(crew, timeout=TICK)
                        move()
            except asyncio.CancelledError as cancelled:
                # Whoever cancels waits for this very class; a notebook shows two lines all the same.
                text = batch.interruption("await client.run_many")
                cancelled._render_traceback_ = text._render_traceback_  # type: ignore[attr-defined]
                batch.give_up(cancelled)
            return await self.perform(batch.outcome())
        except BaseException as error:
            batch.give_up(error)
            raise
        finally:
            self._remember(batch)

    run_many.__doc__ = Client.run_many.__doc__

    async def _work(self, batch: Batch) -> None:
        try:
            await self.perform(batch.worker())
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # these two would end the loop at once
            batch.give_up(error)

    async def aclose(self) -> None:
        """Give the connections back; may be called again.

        On what `with_options` has made it does nothing: the connections are not its own.
        """
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
    # Stream and answer refer to each other, so that what was sent and received would stay in memory until
    # the garbage collector finds them: with large payloads, and many, that is much.
    answer.stream = httpx.ByteStream(b"")
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
    unreachable = TransportError(
        f"{base_url} cannot be reached: {why}.",
        code="network-error",
        next_action="Is the sandbox running? %codika_sandbox starts one."
        if local
        else "Check the network and try again.",
    )
    unreachable.may_have_acted = not isinstance(error, httpx.ConnectTimeout | httpx.ConnectError)
    return unreachable


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
