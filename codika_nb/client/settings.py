"""What both clients know: server, credential, time-outs."""

from __future__ import annotations

import copy
import os
import threading
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from .. import __version__
from ..errors import AuthenticationError, ConfigError
from ..models import Identity
from ..profiles import PRODUCTION, MaskedKey, is_loopback, mask, normalize_base_url
from ..profiles.credential import Credential, current, resolve, server, signed_in
from ..profiles.environment import Environment
from . import http as _http
from .api import API
from .auth import InstanceKey, QueryKey, TriggerURL, auth_for
from .batch import Batch
from .endpoint import endpoint
from .http import httpx
from .runs import Runs
from .steps import Request, Steps
from .webhooks import WebhookSignature

Self = TypeVar("Self", bound="Settings")


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


class Settings(API):
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
        elsewhere = base_url or current.base_url
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
