"""Where a client's key and server come from, and what follows from them."""

from __future__ import annotations

import os
import threading
from typing import Any

from pydantic import SecretStr

from .. import __version__, in_process
from ..errors import ConfigError
from ..models import MintedKey
from ..profiles import PRODUCTION, is_loopback, normalize_base_url
from ..profiles.credential import Credential, context, resolve, server
from ..profiles.environment import Environment, Source
from . import http
from .api import API
from .auth import auth_for
from .deployed import Account
from .http import httpx
from .unreachable import usable

#: What a client can be told to speak with.
GivenAuth = httpx.Auth | str | SecretStr | MintedKey | None


class Settings:
    """What a client knows: its server, its key, where both came from.

    Args:
        auth, profile, base_url, env_file: as in `Client`.

    Raises:
        ConfigError: contradictory settings, or a key that would travel unencrypted.
    """

    def __init__(
        self,
        auth: GivenAuth,
        profile: str | None,
        base_url: str | None,
        env_file: str | os.PathLike[str] | None,
    ) -> None:
        if isinstance(auth, MintedKey):
            # Production's keys go where the environment says that production is.
            its_own = auth.base_url if auth.base_url != PRODUCTION else None
            base_url, auth = base_url or its_own, auth.raw
        if isinstance(auth, SecretStr):
            auth = auth.get_secret_value()
        if isinstance(auth, str):
            auth = auth_for(auth)
        if not isinstance(auth, httpx.Auth | None):
            raise ConfigError(
                f"A key or one of the classes that hold one is given as auth, not {type(auth).__name__}.",
                next_action="A saved profile is named: Client(profile=…)",
            )
        if auth is not None and profile:
            raise ConfigError(
                "Both auth and profile were given.", next_action="Give one of them: they each name a key."
            )
        self.environment = environment = Environment(env_file)
        self._given = auth, profile, base_url
        self._lock = threading.Lock()
        self._found: tuple[Credential, httpx.Auth | None] | None = None
        if auth is not None or profile or not base_url:
            # Said now, what is wrong with it. Only a client that is told its server alone may turn out to
            # need no key at all: one that signs in has to work whatever the config file looks like.
            _ = self.credential
        self.base_url = normalize_base_url(base_url) if base_url else self.credential.base_url
        # A server that is named for this client, or this kernel, has the addresses of its own.
        elsewhere = base_url or context.base_url
        variables = None if elsewhere else self._variables()
        self.public_bases = variables.public_bases() if variables else {}
        self.hosts = {self.base_url, *self.public_bases.values()}
        for each in self.hosts:
            environment.refuse_plain_http(each)
        if self._found and (self._found[1] is not None):
            in_process.refuse_outside(self.base_url)
        self.instance = environment.get("PROCESS_INSTANCE_ID")
        own = API.public_key_url if self.base_url == PRODUCTION else f"{self.base_url}/encryption/public.pem"
        # Secrets are encrypted for whoever has that key: the file of a project says so only for its own key.
        own_key = None if elsewhere else self.credential.variables
        self.public_key_url = (own_key or environment.process).get("CODIKA_PUBLIC_KEY_URL") or own
        local = all(map(is_loopback, self.hosts))
        self.options: dict[str, Any] = {
            "verify": usable(lambda: http.tls(trust_env=not local)),
            "follow_redirects": False,
            # What goes to this machine itself is no business of a proxy.
            "trust_env": not local,
            "headers": {
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": f"codika-nb/{__version__}",
            },
        }

    @property
    def is_known(self) -> bool:
        """Whether the key has been found already."""
        return self._found is not None

    @property
    def credential(self) -> Credential:
        """The key, its server, and where they came from; of a given `auth` it holds no copy."""
        return self._find()[0]

    @property
    def auth(self) -> httpx.Auth | None:
        """How the key is sent; None if there is none."""
        return self._find()[1]

    def account(self) -> Account | None:
        """Whom the key speaks for, as far as that is known; None for a signature, and without a key."""
        key = getattr(self.auth, "_key", None)
        if key is None:
            return None
        profile = self.credential.profile
        return Account(self.base_url, key, profile.organization_id if profile else None, profile)

    def _variables(self) -> Source | None:
        """Whose addresses go with the key (see `profiles.credential`); None if nobody's."""
        if self.credential.source == "argument":
            return self.environment.addressed(public=is_public(self.auth))
        return self.credential.variables

    def _find(self) -> tuple[Credential, httpx.Auth | None]:
        # Found when first needed, and then the same for good.
        with self._lock:
            if self._found is None:
                self._found = self._look_up()
            return self._found

    def _look_up(self) -> tuple[Credential, httpx.Auth | None]:
        (auth, profile, base_url), environment = self._given, self.environment
        if auth is not None:
            named = server(base_url, environment) or environment.server(public=is_public(auth))
            return Credential(named or PRODUCTION, source="argument"), auth
        credential = resolve(base_url=base_url, profile=profile, environment=environment)
        try:
            return credential, auth_for(credential.key) if credential.key else None
        except ConfigError as error:
            error.next_action = f"It is the one from {credential.source}: copy it again, whole."
            raise


def is_public(auth: httpx.Auth | None) -> bool:
    return bool(getattr(auth, "public", False))
