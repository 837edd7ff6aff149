"""Which key, and which server: decided here, and in no other place.

A key only ever goes to the server it belongs to: a profile's to the profile's, the
environment's to the environment's. The choices a person makes for one kernel
(``%codika_use``, ``%codika_sandbox``) are kept in `current` and end with it.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import ConfigError, NotSignedIn
from .profiles import PRODUCTION, Profile, ProfileStore, mask, normalize_base_url, same_host

if TYPE_CHECKING:
    from .models import Deployment

__all__ = ["Credential", "Session", "current", "resolve", "server", "sign_in_server", "signed_in"]


@dataclass
class Session:
    """What this kernel has chosen; nothing of it is saved."""

    base_url: str | None = None
    profile: Profile | str | None = None
    sandbox: Any = None
    deployment: Deployment | None = None


current = Session()


@dataclass(frozen=True)
class Credential:
    """A key with the server it belongs to, and where both came from."""

    base_url: str
    key: str | None = None
    source: str = "none"
    profile: Profile | None = None
    hidden: tuple[str, ...] = ()

    def __repr__(self) -> str:
        key = mask(self.key) if self.key else None
        return f"Credential({self.base_url!r}, key={key!r}, source={self.source!r})"


def server(base_url: str | None = None) -> str | None:
    """The server that has been named: argument, this kernel's choice, environment; None if none was."""
    named = base_url or current.base_url or os.environ.get("CODIKA_BASE_URL")
    return normalize_base_url(named) if named else None


def sign_in_server(base_url: str | None = None) -> str:
    """The server to sign in to: one that is named, else the active profile's, else production."""
    named = server(base_url)
    if named:
        return named
    try:
        active = ProfileStore().active()
    except ConfigError:
        active = None  # the file is dealt with, and kept, when the new profile is saved
    return active.host if active else PRODUCTION


def resolve(
    *, base_url: str | None = None, profile: str | None = None, store: ProfileStore | None = None
) -> Credential:
    """Find key and server: argument → environment → named profile → active profile → production.

    Args:
        base_url: the server, where the caller names one.
        profile: the profile, where the caller names one.
        store: where profiles are kept; the shared config file if left out.

    Returns:
        A credential; its `key` is None when nobody is signed in at that server.

    Raises:
        ConfigError: an unknown profile, one of another server, or a config file that cannot be read.
    """
    store = store or ProfileStore()
    named_server = server(base_url)
    key = os.environ.get("CODIKA_API_KEY")
    # A kernel that has been pointed elsewhere doesn't take the environment's key along.
    environment_server = normalize_base_url(os.environ.get("CODIKA_BASE_URL") or PRODUCTION)
    if key and not base_url and current.base_url and not same_host(current.base_url, environment_server):
        key = None
    chosen = _choose(store, profile, named_server)
    if key:
        if profile:
            warnings.warn(
                f"CODIKA_API_KEY in the environment is used, not profile {profile!r}; unset it to change that.",
                stacklevel=3,
            )
        hidden = (f'profile "{chosen.name}"',) if chosen else ()
        return Credential(named_server or environment_server, key, "env (CODIKA_API_KEY)", None, hidden)
    if chosen is None:
        return Credential(named_server or PRODUCTION)
    source = f'profile "{chosen.name}"' if chosen.name else "this kernel"
    return Credential(chosen.host, chosen.api_key, source, chosen)


def _choose(store: ProfileStore, name: str | None, wanted: str | None) -> Profile | None:
    """The profile to use at server `wanted` (None: at the profile's own)."""
    chosen = name or current.profile
    if chosen is not None:
        profile = store.get(chosen) if isinstance(chosen, str) else chosen
        if wanted is None or same_host(profile.host, wanted):
            return profile
        if name:
            raise ConfigError(
                f"Profile {name!r} belongs to {profile.host}, not to {wanted}; its key is not sent elsewhere.",
                next_action=f"Sign in there: %codika_login --base-url {wanted}",
            )
    active = store.active()
    if wanted is None:
        return active
    candidates = ([active] if active else []) + store.list()
    return next((each for each in candidates if same_host(each.host, wanted)), None)


def signed_in(credential: Credential) -> str:
    """The key of `credential`, or `NotSignedIn` with the ways to get one."""
    if not credential.key:
        at = "" if credential.base_url == PRODUCTION else f" at {credential.base_url}"
        raise NotSignedIn(
            f"Nobody is signed in{at}.",
            next_action="Run %codika_signup or %codika_login, or set CODIKA_API_KEY.",
            code="not-signed-in",
        )
    profile = credential.profile
    if profile and profile.expired():
        raise NotSignedIn(
            f"The key of profile {profile.name!r} has expired.",
            next_action="Run %codika_login for a new one.",
            code="key-expired",
        )
    return credential.key
