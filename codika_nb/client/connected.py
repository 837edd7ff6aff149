"""What both clients are: settings, connections, and what follows from them."""

from __future__ import annotations

import copy
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .. import in_process
from ..errors import AuthenticationError, ConfigError, NotSignedIn, attribute_error
from ..models import Identity
from ..profiles import MaskedKey, mask
from ..profiles.credential import Credential, resolve, signed_in
from ..profiles.environment import Environment
from ..profiles.profile import HoldsKey
from . import arguments, http, within
from .api import API
from .api.instances import public_instance
from .auth import InstanceKey, QueryKey, TriggerURL
from .batch import Batch
from .deployed import Deployed, latest, publish, remember
from .elsewhere import endpoint_url
from .endpoint import endpoint
from .http import httpx
from .runs import Runs
from .settings import GivenAuth, Settings, is_public
from .steps import Request, Steps
from .unreachable import usable
from .webhooks import WebhookSignature

if TYPE_CHECKING:
    import asyncio

    from ..models import Deployment
    from ..usecases.usecase import UseCase

Self = TypeVar("Self", bound="Connected[Any]")
Pool = TypeVar("Pool", httpx.Client, httpx.AsyncClient)

#: What the key of an instance opens, as on the platform's page "Authentication methods".
_OF_INSTANCES = ("/webhook/", "/status/", "/getprocessskillspublic/")
#: Seconds that a call may take; five of them to be connected.
TIMEOUT = 30.0
#: Bytes of an answer, unpacked.
LARGEST_ANSWER = 128 * 2**20


@dataclass(eq=False)
class Connections(Generic[Pool]):
    """The connections of a client, shared by those that `with_options` makes of it."""

    pool: Pool
    #: Whose they are.
    owner: str
    used: bool = False
    #: The event loop in which they are, where there is one.
    loop: asyncio.AbstractEventLoop | None = None
    #: How far the last batch was that has not come to its end.
    interrupted: Runs | None = None

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        # At the end of Python, what the HTTP library needs to answer may be gone already.
        if self.used and not ending() and not self.pool.is_closed:
            warnings.warn(f"unclosed {self.owner}", ResourceWarning, stacklevel=2, source=self)
            if isinstance(self.pool, httpx.Client):  # others can only be closed where something awaits that
                self.pool.close()


class Connected(HoldsKey, API, Generic[Pool]):
    """What both clients are: settings, connections, and what follows from them."""

    #: The HTTP library's own client, whose connections these are.
    _library: Callable[..., Any]

    def __init__(
        self,
        *,
        auth: GivenAuth = None,
        profile: str | None = None,
        base_url: str | None = None,
        env_file: str | os.PathLike[str] | None = None,
        timeout: float | httpx.Timeout | None = TIMEOUT,
        transport: Any = None,
        largest_answer: float | None = LARGEST_ANSWER,
        instance: str | None = None,
        _settings: Settings | None = None,
    ) -> None:
        if isinstance(auth, str):
            auth = MaskedKey(auth)  # some tracebacks show the variables of every frame
        self._settings = settings = _settings or Settings(auth, profile, base_url, env_file)
        self.base_url, self._instance = settings.base_url, settings.instance
        if instance is not None:
            self.instance = instance
        self.public_key_url, self.public_bases = settings.public_key_url, settings.public_bases
        self._timeout = _checked(timeout)
        self._largest_answer = _limit(largest_answer, "The largest answer is a number of bytes")
        self._transport = transport
        self._connections: Connections[Pool] = Connections(self._new_pool(), repr(self))
        #: Whether the connections end with this client; they are another one's where options were changed.
        self._owner = True

    # As Python says of a wrong argument whose it is.
    __init__.__qualname__ = "Client"

    def _new_pool(self, kept: int = http.KEPT) -> Pool:
        options = {**self._settings.options, "transport": self._transport, "limits": http.limits(kept)}
        if self._transport is None:
            options["mounts"] = {within.PATTERN: within.WithinProcess()}
        pool: Pool = usable(lambda: self._library(**options))
        http.bounded(pool)
        return pool

    @property
    def _pool(self) -> Pool:
        return self._connections.pool

    # --- what it knows -----------------------------------------------------------------------------

    @property
    def instance(self) -> str | None:
        """The process instance that is meant by every call that names none, if one was given.

        To give one counts as in the constructor: more than what this process has deployed.
        """
        return self._instance

    @instance.setter
    def instance(self, instance: str | None) -> None:
        self._instance = None if instance is None else arguments.name(instance, "A process instance")
        self.is_for_one = instance is not None

    @property
    def credential(self) -> Credential:
        """The key in use, its server, and where they came from."""
        return self._settings.credential

    @property
    def auth(self) -> httpx.Auth | None:
        """How the client authenticates; None if it can only make calls that need no key."""
        return self._settings.auth

    @property
    def public(self) -> bool:
        """Whether the credential belongs to one process instance, which has addresses of its own."""
        return is_public(self.auth)

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
            other: Credential = _otherwise(self.base_url, self._settings.environment)
            hides = (other.source, *other.hidden) if other.key else ()
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
        foreign = " and ".join(credential.foreign) or None
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
            note=foreign and f"The key from {foreign} is for another server, and is not used here.",
        )

    def trigger_url(self, workflow: str, *, instance: str | None = None) -> TriggerURL:
        """The address that starts a workflow by itself, for platforms that can only be given an address.

        It holds the instance key, so it shows itself masked; ``.get_secret_value()`` is the real one, to be
        POSTed to with a JSON payload. Query parameters can appear in server access logs and monitoring
        dashboards: wherever a header can be set, send the key in ``X-API-Key`` instead.

        Args:
            workflow: the workflow's template id, as in the use case.
            instance: process instance id; the one that is meant if left out (see `Client`).

        Raises:
            ConfigError: the client has no instance key, or no instance is named. Nothing is sent.

        As on the platform's page "Authentication methods".

        Example:
            >>> key = sandbox.instance_key(deployed.process_instance_id)
            >>> with Client(auth=key, base_url=sandbox.url) as caller:
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
        there = public_instance(self, instance, arguments.name(workflow, "A workflow"))
        return TriggerURL(endpoint_url(self, workflow, instance=there), self.auth)

    @property
    def is_closed(self) -> bool:
        """Whether it has been closed, and sends nothing any more."""
        return self._pool.is_closed

    @property
    def interrupted(self) -> Runs | None:
        """How far the last `run_many` was when it was interrupted; ``resume=`` goes on from there."""
        return self._connections.interrupted

    @contextmanager
    def _keeping(self, batch: Batch) -> Iterator[None]:
        """Let nothing of a batch be lost, however the work on it ends."""
        try:
            yield
        except BaseException as error:
            batch.give_up(error)
            raise
        finally:
            # It stays once it has ended: whoever repeats the line that goes on starts nothing twice.
            if batch.error is not None:
                self._connections.interrupted = batch.runs
            batch.let_go()

    def with_options(self: Self, *, timeout: float | httpx.Timeout | None) -> Self:
        """The same client with another time-out, for one call or for some; both share their connections.

        Args:
            timeout: seconds that a call may take; connecting may take 5 of them. None for no limit.

        Raises:
            ConfigError: `timeout` is no number, or not more than 0.

        Example:
            >>> client.with_options(timeout=300).deploy_use_case("use-cases/greeter")
            Deployment(version='1.1', status='deployed', workflows=['greet'])
        """
        other = copy.copy(self)
        other._timeout = _checked(timeout)
        other._owner = False
        return other

    def _with_room_for(self: Self, workers: int) -> Self:
        """The same client, with connections of its own where so many at work need more than are kept open.

        They would be made anew for each call. Those of its own end with it.
        """
        other = copy.copy(self)
        needs_more = workers > http.KEPT and self._transport is None
        other._owner = needs_more and not self._pool.is_closed  # one that is closed stays it
        if other._owner:
            other._connections = Connections(self._new_pool(workers), repr(self))
        return other

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if hasattr(type(self), name):  # what could not be found is within it
                return object.__getattribute__(self, name)
            there = () if name.startswith("_") else (each for each in dir(type(self)) if each[0] != "_")
            if "revoke" in name:
                told = ": keys are revoked in the dashboard, and in a sandbox by sandbox.revoke_key(NAME)."
                raise attribute_error(self, name, (), told)
            other = name.replace("remove", "delete")
            raise attribute_error(self, name, [other] if other != name else there)

    def __repr__(self) -> str:
        # Looking at a client must not be what makes it read files, or fail.
        settings: Settings | None = getattr(self, "_settings", None)
        if settings is None:
            return f"{type(self).__name__}()"
        auth = f", auth={self.auth!r}" if settings.is_known else ""
        return f"{type(self).__name__}({self.base_url!r}{auth})"

    # --- what has been deployed --------------------------------------------------------------------

    def _deployments(self) -> Iterable[Deployed]:
        """What this process has deployed with this account, the latest first."""
        account = self._settings.account()
        return latest(account) if account else ()

    def _deployed(
        self, deployment: Deployment, use_case: UseCase, project_id: str, organization_id: str | None
    ) -> None:
        """Keep what has just been deployed, for those who ask which instance is meant."""
        if account := self._settings.account():
            known = replace(account, organization_id=account.organization_id or organization_id)
            remember(Deployed(deployment, use_case, project_id, known))

    def _published(self, project_id: str, instance: str | None) -> None:
        """Keep which instance is in production from now on."""
        publish(project_id, instance)

    # --- what the two ways to perform share --------------------------------------------------------

    def _outgoing(self, request: Request) -> tuple[httpx.Request, http.Deadline | None]:
        """What is sent for `request`, and by when the answer has to be there."""
        if self.is_closed:
            anew = f"Make a new one: {type(self).__name__}()"
            raise ConfigError("This client has been closed.", next_action=anew)
        base_url = request.base_url or self.base_url
        if base_url not in self._settings.hosts:
            self._settings.environment.refuse_plain_http(base_url)
            if request.authenticated:
                raise ConfigError(
                    f"The key belongs to {self.base_url} and is not sent to {base_url}.",
                    next_action="Make a client for that server.",
                )
        if request.authenticated and self.credential.source != "argument":
            if not self.credential.key and _otherwise(self.base_url, self._settings.environment).profile:
                raise NotSignedIn(
                    "This client was made before somebody signed in, and has no key.",
                    next_action="Make it anew: Client()",
                    code="not-signed-in",
                )
            signed_in(self.credential)  # no key, or an expired one: said here, not after a round trip
        in_process.refuse_outside(base_url)
        self._connections.used = True
        limits, deadline = http.timeout(self._timeout, request.timeout)
        outgoing = self._pool.build_request(
            request.method,
            http.url(base_url + request.path),
            params=dict(request.query) or None,
            content=request.content,
            headers={"Content-Type": "application/json"} if request.method == "POST" else None,
            timeout=limits,
        )
        return outgoing, deadline

    def _auth_of(self, request: Request) -> httpx.Auth | None:
        return self.auth if request.authenticated else None

    def _explain(self, error: AuthenticationError, asked: Request | None) -> None:
        """Say what to do about a key that is not accepted: only the client knows where it came from."""
        if error.next_action is not None or not self._settings.is_known:
            return
        if isinstance(self.auth, WebhookSignature):
            wait = f"Client(auth=key).wait_for({error.execution_id!r})"
            error.next_action = (
                f"A signature only starts runs. Wait with a key: {wait}"
                if error.execution_id
                else "Is the secret that of this workflow's endpoint, and is this machine's clock right?"
            )
            return
        if self.public and asked and not asked.base_url and not asked.path.startswith(_OF_INSTANCES):
            error.next_action = (
                "The key of an instance starts runs and waits for their results; "
                "for this, use an organization's key."
            )
            return
        credential, key = self.credential, getattr(self.auth, "_key", None)
        if credential.source == "argument":
            # auth=QueryKey(os.environ["CODIKA_API_KEY"]): what has to be changed is the variable.
            sources = [each for each, value in self._settings.environment.api_keys() if value == key]
            if sources:
                credential = replace(credential, source=sources[0].place("CODIKA_API_KEY"))
        error.next_action = credential.remedy(public=self.public, said=error.message)


def _checked(timeout: float | httpx.Timeout | None) -> float | httpx.Timeout | None:
    if isinstance(timeout, httpx.Timeout):
        return timeout
    seconds = _limit(timeout, "A time-out is a number of seconds")
    return None if math.isinf(seconds) else seconds


def _limit(given: float | None, what: str) -> float:
    if given is None:
        return math.inf
    if isinstance(given, bool) or not isinstance(given, Real) or not given > 0:
        raise ConfigError(f"{what}, not {given!r}.", next_action="Give more than 0, or None for no limit.")
    return float(given)


def _shown(auth: httpx.Auth | None) -> str | None:
    key = getattr(auth, "_key", None)
    return mask(key) if isinstance(key, str) else None


def _otherwise(base_url: str, environment: Environment) -> Credential:
    """What would be used at this server by now if no key had been given."""
    try:
        return resolve(base_url=base_url, environment=environment)
    except ConfigError:
        return Credential(base_url)
