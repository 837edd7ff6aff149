"""Which account is meant: which key, and which server.

A key only ever goes to addresses from its own source, so that a ``.env`` file that came with somebody's
project cannot have another key sent anywhere:

    The key is from       and goes to the addresses of     where they name none
    ---------------       ----------------------------     ------------------------------------------
    the process           the process                      production
    the ``.env`` file     that file                        production
    a profile             the profile                      production
    ``auth=``             the caller (``base_url=``), the  production
                          kernel's choice, the process,
                          the file that the caller names

Addresses are ``CODIKA_BASE_URL`` and, for a key of one instance, ``CODIKA_TRIGGER_BASE_URL`` and
``CODIKA_STATUS_BASE_URL``. ``CODIKA_PUBLIC_KEY_URL``, by which secrets are encrypted, goes with them: the
file's only with the file's key. The process counts more than the file. Where it names a server for which it
has no key, or the file names one for the process's key, that is a `ConfigError` that names both. A
``base_url=`` is the caller's own word: it gets a key whose source names no server, as long as this kernel
has not been pointed there. ``CODIKA_ALLOW_HTTP`` counts only from the process.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .. import in_process
from ..display.place import next_step
from ..errors import ConfigError, NotSignedIn, warn
from ..loops import IN_BROWSER
from .address import PRODUCTION, is_loopback, normalize_base_url, same_host
from .environment import Environment, Source
from .profile import HoldsKey, MaskedKey, Profile, mask
from .store import ProfileStore


@dataclass
class Context:
    """What this process has chosen (``%codika_use``, ``%codika_sandbox``, signing in); it ends with it."""

    base_url: str | None = None
    profile: Profile | str | None = None
    #: Whether a person has chosen that profile; else it is that of what was deployed last.
    by_person: bool = True

    def choose(self, profile: Profile, *, by_person: bool = True) -> None:
        """Go on with an account."""
        self.profile, self.by_person = profile.name or profile, by_person
        if by_person:  # else no server has been named, and the next folder may belong to another one
            self.base_url = profile.host

    def reset(self) -> None:
        """Choose nothing."""
        self.base_url, self.profile, self.by_person = None, None, True


context = Context()


@dataclass(frozen=True)
class Credential(HoldsKey):
    """A key with the server it belongs to, and where both came from."""

    base_url: str
    key: str | None = field(default=None, repr=False)
    source: str = "none"
    profile: Profile | None = None
    #: What would have been used, had something else not counted more.
    hidden: tuple[str, ...] = ()
    #: Where keys are that may not go to this server.
    foreign: tuple[str, ...] = ()
    #: The profile that would be used if its sandbox still ran.
    gone: Profile | None = None
    #: The variables that it comes from, and whose addresses it may go to.
    variables: Source | None = None

    def __repr__(self) -> str:
        key = mask(self.key) if self.key else None
        return f"Credential({self.base_url!r}, key={key!r}, source={self.source!r})"

    def remedy(self, *, public: bool, said: str) -> str:
        """What to do when the server does not accept the key.

        Args:
            public: it is the key of a single instance.
            said: what the server has said of it.
        """
        if self.profile:
            ended = self.profile.expires_at if self.profile.expired() else None
            when = f" (it ended on {ended[:10]})" if ended else ""
            if is_loopback(self.profile.host) and "unknown" in said and not ended:
                anew = "A sandbox that was started anew knows nobody."
                return f"The key of {self.source} was not accepted. {anew} {next_step('sign-in')}"
            return f"The key of {self.source} was not accepted{when}: {next_step('new-key')}"
        if self.source == "argument":
            what, update = "The key given as auth", "Give the new one."
        else:
            what, place = f"The key from {self.source}", self.source.removesuffix(" (CODIKA_API_KEY)")
            where = "" if place == "env" else f" in {place}"
            update = f"Set CODIKA_API_KEY{where} to the new one, and start again."
        if public:
            lost = "It may have been regenerated: the dashboard's trigger panel shows the new one. "
        else:
            lost = "" if "revoked" in said or "expired" in said else "It may be revoked or expired. "
        return f"{what} was not accepted. {lost}{update}"


def server(base_url: str | None = None, environment: Environment | None = None) -> str | None:
    """The server that has been named: argument, this kernel's choice, environment; None if none was."""
    named = base_url or context.base_url
    return normalize_base_url(named) if named else (environment or Environment()).server()


def sign_in_server(base_url: str | None = None, api_url: str | None = None) -> str:
    """The server to sign in to: one that is named, else the active profile's, else production.

    A sandbox that is gone is no server to sign in to.

    Args:
        base_url: the server, where the caller names one.
        api_url: the full address of one of its sign-in endpoints, which counts more.

    Raises:
        ConfigError: the code and the key would travel to it in clear, or from a browser's page.
    """
    if api_url:
        above = api_url.strip().rstrip("/").rpartition("/")[0]
        base_url = above if "://" in above else api_url
    named = server(base_url)
    if named:
        Environment().refuse_plain_http(named)
    else:
        named = _home()
    in_process.refuse_outside(named)
    return named


def _home() -> str:
    if Environment().get("CODIKA_API_KEY"):
        return PRODUCTION  # where that key belongs
    try:
        active = ProfileStore().active()
    except ConfigError:
        active = None  # the file is dealt with, and kept, when the new profile is saved
    return PRODUCTION if active is None or _is_gone(active) else active.host


def _is_gone(profile: Profile) -> bool:
    """Whether it is of a sandbox that runs no more: sandboxes come and go, their profiles stay."""
    if not is_loopback(profile.host):
        return False
    if IN_BROWSER or in_process.is_inside(profile.host):
        return in_process.find(profile.host) is None
    parts = urlsplit(profile.host)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1.0).close()
    except OSError:
        return True
    return False


def resolve(
    *,
    base_url: str | None = None,
    profile: str | None = None,
    environment: Environment | None = None,
) -> Credential:
    """Find key and server: argument → environment → named profile → active profile → production.

    Args:
        base_url: the server, where the caller names one.
        profile: the profile, where the caller names one.
        environment: where variables are looked up; those of the process if left out.

    Returns:
        A credential; its `key` is None when nobody is signed in at that server.

    Raises:
        ConfigError: an unknown profile, one of another server, or a config file that cannot be read.
    """
    store = ProfileStore()
    environment = environment or Environment()
    named = server(base_url, environment)
    elsewhere: tuple[str, ...] = ()
    if keys := environment.api_keys():
        if found := _of_variables(keys, base_url, environment):
            variables, key = found
            source = variables.place("CODIKA_API_KEY")
            hidden = [each.place("CODIKA_API_KEY") for each, value in keys if value != key]
            try:
                chosen = _choose(store, profile, named)
                hidden += [f'profile "{chosen.name}"'] if chosen else []
            except ConfigError:
                if profile:
                    raise
                # A key that needs no config file is not kept from working by a broken one.
            if profile:
                warn(f"{source} is used, not profile {profile!r}; unset it to change that.")
            told = base_url or context.base_url
            home = named if told else variables.server(public=_is_public(key))
            return Credential(home or PRODUCTION, key, source, None, tuple(hidden), variables=variables)
        elsewhere = tuple(each.place("CODIKA_API_KEY") for each, _ in keys)
    chosen = _choose(store, profile, named)
    named_here = profile or named or (context.profile and context.by_person)
    if chosen and not named_here and _is_gone(chosen):
        return Credential(PRODUCTION, hidden=elsewhere, gone=chosen)
    if chosen is None:
        return Credential(named or PRODUCTION, hidden=elsewhere)
    source = f'profile "{chosen.name}"' if chosen.name else "this kernel"
    return Credential(chosen.host, chosen.api_key, source, chosen, foreign=elsewhere)


def _is_public(key: str) -> bool:
    # A key of one instance may be beside addresses that say more than CODIKA_BASE_URL.
    return key.startswith("ck_")


def _of_variables(
    keys: list[tuple[Source, MaskedKey]], base_url: str | None, environment: Environment
) -> tuple[Source, MaskedKey] | None:
    """The key of the environment that may go where we are going; None if there is no such key.

    Raises:
        ConfigError: nobody has said where to go but a source that has not given the key.
    """
    wanted = base_url or context.base_url
    if not wanted:
        source, key = keys[0]
        _refuse_foreign_addresses(source, environment, public=_is_public(key))
        return source, key
    homes = [each.server(public=_is_public(key)) for each, key in keys]
    for pair, home in zip(keys, homes, strict=True):
        if home is not None and same_host(wanted, home):
            return pair
    # A server that the caller spells out gets the key if its source names none for it. A kernel that has
    # been pointed elsewhere (to a sandbox) never takes the environment's key along.
    if base_url and not (context.base_url and same_host(wanted, context.base_url)):
        return next((pair for pair, home in zip(keys, homes, strict=True) if home is None), None)
    return None


def _refuse_foreign_addresses(source: Source, environment: Environment, *, public: bool) -> None:
    """Refuse what would have a key go where only another source says."""
    own = source.addresses(public=public)
    for other in environment.places:
        if other is source:
            if own:
                return  # what comes after it counts less
            continue
        for variable, address in other.addresses(public=public).items():
            if not any(same_host(address, mine) for mine in (own.values() or [PRODUCTION])):
                raise ConfigError(
                    f"The key from {source.place('CODIKA_API_KEY')} is not sent to {address}, "
                    f"which only {other.place(variable)} names.",
                    next_action="Set key and address in the same place, or name the server yourself: "
                    "Client(base_url=…).",
                    code="foreign-address",
                )


def _choose(store: ProfileStore, name: str | None, wanted: str | None) -> Profile | None:
    """The profile to use at server `wanted` (None: at the profile's own)."""
    chosen = name or context.profile
    if chosen is not None:
        profile = chosen if isinstance(chosen, Profile) else _kept(store, chosen, name)
        if wanted is None or same_host(profile.host, wanted):
            return profile
        if name:
            raise ConfigError(
                f"Profile {name!r} belongs to {profile.host}, and its key is not sent to {wanted}.",
                next_action=next_step("sign-in-there", server=wanted),
            )
    active = store.active()
    if wanted is None:
        return active
    if active and same_host(active.host, wanted):
        return active
    there = [each for each in store.list() if same_host(each.host, wanted)]
    # Of several accounts at a server it is the one that was made last: a sign-in went before it.
    return max(there, key=lambda each: each.created_at or "", default=None)


def _kept(store: ProfileStore, chosen: str, named: str | None) -> Profile:
    """A profile of the file; one that this kernel has gone on with may have been removed meanwhile."""
    try:
        return store.get(chosen)
    except ConfigError as error:
        if error.code != "unknown-profile" or named:
            raise
        # Another one in its place would be an account that nobody has chosen here.
        error.message = f"Profile {chosen!r}, with which this kernel has worked, was removed."
        error.next_action = f"{error.next_action or ''} %codika_use takes another one.".strip()
        if not store.list():
            error = NotSignedIn(error.message, next_action=next_step("sign-in"), code="not-signed-in")
        raise error from None


def profile_for(organization_id: str | None, home: str | None) -> str | None:
    """The saved profile to use for what belongs to an organization, where the one in use is another's.

    Only where nobody has chosen: a key in the environment and this kernel's own choice stay as they are.

    Args:
        organization_id: whose it is, if known.
        home: its server; None where it is not known.

    Returns:
        The profile's name; None to go on with what is in use.

    Raises:
        ConfigError: the config file cannot be read.
    """
    used, named = resolve().profile, server()
    if organization_id is None or used is None or (context.profile and context.by_person):
        return None
    if used.organization_id == organization_id or (home and named and not same_host(home, named)):
        return None
    at = home or named
    fitting = (
        profile.name
        for profile in ProfileStore().list()
        if profile.organization_id == organization_id and (at is None or same_host(profile.host, at))
    )
    return next(fitting, None)


def signed_in(credential: Credential) -> str:
    """The key of `credential`, or `NotSignedIn` with the ways to get one."""
    if not credential.key:
        at = "" if credential.base_url == PRODUCTION else f" at {credential.base_url}"
        but = (
            f" (The key from {credential.hidden[0]} belongs to another server.)" if credential.hidden else ""
        )
        if gone := credential.gone:
            but += f" (Profile {gone.name!r} is of a sandbox that runs no more: {gone.host}.)"
        raise NotSignedIn(
            f"Nobody is signed in{at}.{but}",
            next_action=next_step("start-anew" if credential.gone else "sign-in"),
            code="not-signed-in",
        )
    return credential.key


def may_activate(server: str) -> bool:
    """Whether a sign-in at `server` becomes the active profile of other programs too.

    A sandbox is gone sooner or later: it doesn't take over from a profile of the real platform.
    """
    if not is_loopback(server):
        return True
    try:
        active = ProfileStore().active()
    except ConfigError:
        return True
    return active is None or is_loopback(active.host)
