"""The profiles on this machine: one config file, shared with the ``codika`` command-line tool.

`ProfileStore` reads and writes ``~/.config/codika/config.json`` as codika 3.6.0 does, with what two
programs and many kernels on one file need besides: a lock, writes that happen whole or not at all,
and never a save over something that could not be read.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from platformdirs.unix import Unix

from . import files
from .errors import ConfigError

__all__ = [
    "PRODUCTION",
    "ConfigWarning",
    "MaskedKey",
    "Profile",
    "ProfileStore",
    "expiry_notice",
    "is_loopback",
    "mask",
    "normalize_base_url",
    "same_host",
]

PRODUCTION = "https://api.codika.io"

T = TypeVar("T")


class ConfigWarning(UserWarning):
    """Something about the config file that its owner should know; said once per kernel."""


# --- Keys and servers ---------------------------------------------------------------------------


def mask(key: str) -> str:
    """Show which key it is without showing the key: its first eight characters and ``...``.

    Nothing of a shorter text is shown: no real key is that short, and eight characters would be all of it.
    """
    return f"{key[:8]}..." if len(key) > 8 else "..."


class MaskedKey(str):
    """A key that shows itself masked wherever Python prints values: reprs, tracebacks, `asdict`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(mask(self))


def normalize_base_url(text: str) -> str:
    """Bring a server's address into the one form in which addresses are compared and stored.

    Args:
        text: an http or https URL; surrounding spaces, trailing slashes, upper case in scheme and host and
            the scheme's own port make no difference. A path is kept.

    Raises:
        ConfigError: it is no such URL, or carries a user, a query or a fragment.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except ValueError:
        host = ""
    if (
        not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host)
        or parts.scheme not in {"http", "https"}
        or not re.fullmatch(r"[^\s?#\\\x00-\x1f\x7f]+", url)
        or "@" in parts.netloc
    ):
        raise ConfigError(
            f"{_without_user(text)!r} is not the address of a server.",
            next_action=f"Give scheme and host, and a path where there is one, for example {PRODUCTION}",
            code="invalid-base-url",
        )
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def _without_user(url: str) -> str:
    # An address with a password in it is refused; the refusal must not repeat the password.
    return re.sub(r"//.*@", "//…@", url, flags=re.DOTALL)


def same_host(a: str | None, b: str | None) -> bool:
    """Whether two base URLs are one server: same scheme, host and port; None is production."""
    return _origin(a) is not None and _origin(a) == _origin(b)


def is_loopback(base_url: str) -> bool:
    """Whether a base URL is this machine itself, so that nothing sent there crosses a network."""
    origin = _origin(base_url)
    host = (urlsplit(origin).hostname or "") if origin else ""
    return bool(re.fullmatch(r"(.+\.)?localhost|127(\.\d{1,3}){3}|::1", host))


def _origin(base_url: str | None) -> str | None:
    try:
        parts = urlsplit(normalize_base_url(base_url or PRODUCTION))
    except ConfigError:
        return None
    return f"{parts.scheme}://{parts.netloc}"


# --- A profile ----------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Profile:
    """A key, the organization it belongs to, and the server that knows it.

    Printed, it shows the name, the organization and the key's first eight characters, never the key.

    Args:
        api_key: the key itself.
        type: ``org-api-key``, ``personal-api-key`` or ``admin-api-key``.
        organization_id: the organization; None for a key that belongs to no single one.
        organization_name: its name for people.
        key_name: the key's label.
        key_prefix: the part of the key that the platform shows.
        scopes: what the key may do.
        created_at: when it was made, ISO 8601.
        expires_at: when it ends, ISO 8601; None if never.
        base_url: the server; None stands for production (see `ProfileStore.save` for the one difference).
        name: the profile's name in the config file; None until saved.
        extra: members of the stored profile that this version does not know; they are kept.

    Raises:
        ConfigError: `base_url` is not the address of a server.

    Members as codika 3.6.0 stores them.

    Example:
        >>> Profile("cko_0123456789", organization_name="Acme")
        Profile(organization='Acme', key='cko_0123...')
    """

    api_key: str
    type: str = "org-api-key"
    organization_id: str | None = None
    organization_name: str | None = None
    key_name: str | None = None
    key_prefix: str | None = None
    scopes: tuple[str, ...] = ()
    created_at: str | None = None
    expires_at: str | None = None
    base_url: str | None = None
    name: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "api_key", MaskedKey(self.api_key))
        object.__setattr__(self, "scopes", tuple(self.scopes or ()))
        object.__setattr__(self, "extra", dict(self.extra))
        object.__setattr__(self, "base_url", normalize_base_url(self.base_url) if self.base_url else None)

    def __repr__(self) -> str:
        shown = [repr(self.name)] if self.name is not None else []
        if self.organization_name is not None:
            shown.append(f"organization={self.organization_name!r}")
        shown.append(f"key={self.masked_key!r}")
        return f"Profile({', '.join(shown)})"

    @property
    def masked_key(self) -> str:
        """The key as it may be shown: first eight characters and ``...``."""
        return mask(self.api_key)

    @property
    def host(self) -> str:
        """The base URL of the only server this key is sent to."""
        return self.base_url or PRODUCTION

    def days_left(self, now: datetime | None = None) -> int | None:
        """Days until the key expires, begun ones counted; None if never, or if the date is unreadable.

        Args:
            now: the moment to count from, with its time zone; the present one if left out.

        Example:
            >>> new_year = datetime(2030, 1, 1, tzinfo=timezone.utc)
            >>> Profile("cko_0123456789", expires_at="2030-01-31").days_left(new_year)
            30
        """
        end = _instant(self.expires_at)
        if end is None:
            return None
        now = (now or datetime.now(UTC)).astimezone(UTC)
        return -((now - end) // timedelta(days=1))

    def expired(self, now: datetime | None = None) -> bool:
        """Whether the key's time is over.

        Args:
            now: the moment to judge by, with its time zone; the present one if left out.

        Example:
            >>> Profile("cko_0123456789", expires_at="2020-01-31").expired()
            True
        """
        left = self.days_left(now)
        return left is not None and left <= 0


_ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d)?(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


def _instant(text: str | None) -> datetime | None:
    # Python 3.10 reads neither "Z" nor one-digit fractions, later versions more than the tool does.
    match = _ISO.fullmatch(text or "")
    if match is None:
        return None
    day, minute, second, fraction, zone = match.groups()
    offset = "+00:00" if zone in (None, "Z") else zone
    try:
        return datetime.fromisoformat(
            f"{day}T{minute or '00:00'}{second or ':00'}.{(fraction or '')[:6]:0<6}{offset}"
        )
    except ValueError:
        return None


_noticed: set[str] = set()
_once = threading.Lock()


def expiry_notice(profile: Profile) -> str | None:
    """Say, once per kernel and key, that a key expires within seven days.

    Returns:
        One sentence with the next step; None if there is nothing to say, or it has been said. A key that
        has expired already (`Profile.expired`) is the caller's to refuse.

    Seven days as in codika 3.6.0.
    """
    days = profile.days_left()
    if days is None or not 1 <= days <= 7:
        return None
    with _once:
        if profile.api_key in _noticed:
            return None
        _noticed.add(profile.api_key)
    of = f" of profile {profile.name!r}" if profile.name is not None else ""
    time_left = "1 day" if days == 1 else f"{days} days"
    date = str(profile.expires_at)[:10]
    return f"The key{of} expires in {time_left} (on {date}); %codika_login makes a new key."


# --- The content of the file --------------------------------------------------------------------

# Attribute → member, in the order in which the tool writes them.
_MEMBERS = {
    "api_key": "apiKey",
    "type": "type",
    "organization_id": "organizationId",
    "organization_name": "organizationName",
    "key_name": "keyName",
    "key_prefix": "keyPrefix",
    "scopes": "scopes",
    "created_at": "createdAt",
    "expires_at": "expiresAt",
    "base_url": "baseUrl",
}

# What every JavaScript object has from birth. The tool loses a profile of the first name, and takes the
# others for profiles that exist.
_INHERITED = frozenset(
    {
        "__proto__",
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    }
)


def _javascript_order(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Order members as a JavaScript object does: array indexes first, ascending, then as inserted."""
    members = dict(pairs)
    if not any(map(str.isdigit, members)):
        return members
    indexes = [m for m in members if re.fullmatch(r"0|[1-9][0-9]{0,9}", m) and int(m) < 2**32 - 1]
    return {m: members[m] for m in sorted(indexes, key=int)} | members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)  # would be written back as Infinity, which is no JSON
    return number


def _refuse(text: str) -> None:
    raise ValueError(text)  # NaN and Infinity: Python reads them, the tool does not


def _parse(raw: bytes) -> tuple[dict[str, Any], str | None]:
    """The members of the document, and what is wrong with it where it is no configuration."""
    members: object = {}
    problem = None
    try:
        text = raw.decode("utf-8-sig")  # editors on Windows put a BOM in front
        if text.strip():
            members = json.loads(
                text, object_pairs_hook=_javascript_order, parse_float=_finite, parse_constant=_refuse
            )
    except UnicodeDecodeError as error:
        problem = f"it is not UTF-8 text (byte {error.start + 1})"
    except json.JSONDecodeError as error:
        problem = f"it is not JSON ({error.msg}: line {error.lineno}, column {error.colno})"
    except ValueError:
        problem = "it is not JSON (a number out of range)"
    except RecursionError:
        problem = "it is nested too deeply"
    if not isinstance(members, dict):
        return {}, f"it holds {_kind(members)} where an object belongs"
    if not isinstance(members.get("profiles", {}), dict):
        return {}, f'its "profiles" is {_kind(members["profiles"])}, not an object'
    return members, problem


def _kind(value: object) -> str:
    if value is None:
        return "null"
    kinds: dict[type, str] = {bool: "true or false", str: "a string", list: "a list"}
    return kinds.get(type(value), "a number")


def _profile(name: str, entry: object) -> Profile | None:
    """The stored profile; None if it has no key, or its server cannot be told."""
    if not isinstance(entry, dict) or not isinstance(entry.get("baseUrl", ""), str | None):
        return None
    texts = {
        attribute: value
        for attribute, member in _MEMBERS.items()
        if isinstance(value := entry.get(member), str) and value and attribute != "scopes"
    }
    if "api_key" not in texts:
        return None
    scopes = entry.get("scopes")
    try:
        return Profile(
            **texts,
            scopes=tuple(s for s in scopes if isinstance(s, str)) if isinstance(scopes, list) else (),
            name=name,
            extra={member: value for member, value in entry.items() if member not in _MEMBERS.values()},
        )
    except ConfigError:
        return None


def _entry(profile: Profile) -> dict[str, Any]:
    known = {member: getattr(profile, attribute) for attribute, member in _MEMBERS.items()}
    kept = {m: value for m, value in profile.extra.items() if m not in known}
    return {m: value for m, value in known.items() if value not in (None, "", ())} | kept


class _Document:
    """What the file holds, without the file. Shows nothing of it: tracebacks print local variables.

    `problem` says why the bytes are no configuration, and the document is an empty one then; else None.
    """

    def __init__(self, raw: bytes = b"") -> None:
        self.raw = raw
        members, self.problem = _parse(raw)
        empty: dict[str, Any] = {"activeProfile": None, "profiles": {}}
        self._members = {m: value for m, value in empty.items() if m not in members} | members

    def encode(self) -> bytes:
        try:
            text = json.dumps(self._members, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        except (TypeError, ValueError, RecursionError):
            text = ""
        if not text:
            raise ConfigError("The configuration holds something that cannot be written as JSON.")
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError:
            # Half of a surrogate pair has no UTF-8 form; JavaScript writes it as an escape, and so do we.
            return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text).encode("utf-8")

    @property
    def _entries(self) -> dict[str, Any]:
        entries: dict[str, Any] = self._members["profiles"]
        return entries

    def profiles(self) -> list[Profile]:
        return [profile for name in self._entries if (profile := self.profile(name))]

    def profile(self, name: str) -> Profile | None:
        return _profile(name, self._entries.get(name))

    def active(self) -> Profile | None:
        name = self._members["activeProfile"]
        return self.profile(name) if isinstance(name, str) else None

    def find(self, name: str) -> Profile:
        if profile := self.profile(name):
            return profile
        if name in self._entries:
            raise ConfigError(
                f"Profile {name!r} is in the config file, but without a usable key and server.",
                next_action="Repair its entry in the file, or sign in again under another name.",
                code="malformed-profile",
            )
        from difflib import get_close_matches  # noqa: PLC0415 - only a wrong name needs it

        known = [str(profile.name) for profile in self.profiles()]
        close = get_close_matches(name, known, n=1)
        listed = (
            f"Known profiles: {', '.join(map(repr, known))}." if known else "Run %codika_login to make one."
        )
        raise ConfigError(
            f"There is no profile {name!r}.",
            next_action=f"Did you mean {close[0]!r}? {listed}" if close else listed,
            code="unknown-profile",
        )

    def activate(self, name: str) -> Profile:
        profile = self.find(name)
        self._members["activeProfile"] = name
        return profile

    def remove(self, name: str) -> Profile:
        profile = self.find(name)
        del self._entries[name]
        if self._members["activeProfile"] == name:
            self._members["activeProfile"] = next((p.name for p in self.profiles()), None)
        return profile

    def put(self, profile: Profile, name: str | None, *, activate: bool, overwrite: bool) -> Profile:
        if name is None:
            previous = self._home_of(profile)
            name = str(previous.name) if previous else self._free_name(profile)
        else:
            previous = self._claim(name, profile, overwrite=overwrite)
        base_url = profile.base_url or (previous.base_url if previous else None)
        saved = replace(
            profile,
            name=name,
            base_url=None if base_url == PRODUCTION else base_url,
            extra={**(previous.extra if previous else {}), **profile.extra},
        )
        self._entries[name] = _entry(saved)
        self._members["profiles"] = _javascript_order(self._entries.items())
        if activate or self.active() is None:
            self._members["activeProfile"] = name
        return saved

    def _home_of(self, profile: Profile) -> Profile | None:
        """The stored profile that `profile` renews: its own, else the active one, else the first such."""
        # Making profiles of all entries would take as long as reading and writing the file.
        members = (("organizationId", profile.organization_id), ("apiKey", profile.api_key))
        alike = (
            name
            for name, entry in self._entries.items()
            if isinstance(entry, dict) and any(entry.get(member) == value for member, value in members)
        )
        candidates = filter(None, map(self.profile, alike))
        renewed = [other for other in candidates if _same_organization(other, profile)]
        here = [other for other in renewed if same_host(other.base_url, profile.base_url)]
        if profile.base_url is None and not here:
            here = renewed
        active = self.active()
        preferred = [profile.name, active.name if active else None]
        return next((o for name in preferred for o in here if o.name == name), here[0] if here else None)

    def _claim(self, name: str, profile: Profile, *, overwrite: bool) -> Profile | None:
        """The profile called `name` if `profile` renews it; None if the name is free, or may be taken."""
        if name not in self._entries:
            _check_name(name)
            return None
        other = self.profile(name)
        if other is None:
            taken = "is in the config file, but without a usable key and server"
        elif profile.base_url is not None and not same_host(other.base_url, profile.base_url):
            taken = f"belongs to another server, {other.host}"
        elif (other.organization_id or profile.organization_id) and not _same_organization(other, profile):
            owner = other.organization_name or other.organization_id
            taken = f"belongs to another organization, {owner!r}" if owner else "belongs to no organization"
        else:
            return other
        if overwrite:
            return None
        raise ConfigError(
            f"Profile {name!r} {taken}; it was left as it is.",
            next_action="Choose another name, or give that profile up with overwrite=True.",
            code="profile-exists",
        )

    def _free_name(self, profile: Profile) -> str:
        if profile.type == "org-api-key" and profile.organization_name:
            base = _slug(profile.organization_name)
        elif profile.key_name:
            base = _slug(profile.key_name)
        else:
            base = profile.key_prefix or ("personal" if profile.type == "personal-api-key" else "")
        try:
            _check_name(f"{base}-2"[:100])  # the tool sets no limit to what it derives itself
        except ConfigError:
            base = "default"
        name, number = base, 2
        while name in self._entries or name in _INHERITED:
            name, number = f"{base}-{number}", number + 1
        return name


def _same_organization(a: Profile, b: Profile) -> bool:
    if a.organization_id and b.organization_id:
        return a.organization_id == b.organization_id
    # A key saved without verification names no organization, and a personal one has none.
    return a.api_key == b.api_key


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _check_name(name: str) -> None:
    if not name.strip():
        reason = "it is empty"
    elif len(name) > 100:
        reason = "it is longer than 100 characters"
    elif not name.isprintable() or re.search(r"[/\\]", name):
        reason = "it holds a control character or a path separator"
    elif name.startswith("-"):
        reason = "it would be taken for an option"
    elif name in _INHERITED:
        reason = "the codika tool could not keep it apart from JavaScript's own"
    else:
        return
    raise ConfigError(
        f"{name[:100]!r} cannot name a profile: {reason}.",
        next_action="Choose a name such as 'acme-inc'.",
        code="invalid-profile-name",
    )


# --- The file -----------------------------------------------------------------------------------

_PATIENCE = 10.0  # seconds to wait for another kernel's write; one takes milliseconds
_NO_LOCKS_HERE = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP})

# What tells that a file has been written since: inode, size, time. None: there is no file.
_Version = tuple[int, int, int]

_told: set[str] = set()


class ProfileStore:
    """The profiles saved on this machine, in the config file shared with the ``codika`` tool.

    Safe to use from threads, processes and several kernels at once; nothing is cached, every call looks
    at the file. A file that cannot be read as a configuration is never overwritten.

    Args:
        path: the config file; if left out ``$XDG_CONFIG_HOME/codika/config.json``, or
            ``~/.config/codika/config.json`` where that is not set, looked up at each use.

    Location, schema and naming as in codika 3.6.0.

    Example:
        >>> store = ProfileStore()
        >>> store
        ProfileStore('.../codika/config.json')
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._path = Path(path).expanduser() if path is not None else None

    def __repr__(self) -> str:
        return f"ProfileStore({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """Where the config file is, or will be."""
        if self._path is not None:
            return self._path
        # The tool takes the variable as it is, where platformdirs ignores a relative or a Windows path.
        if chosen := os.environ.get("XDG_CONFIG_HOME"):
            return Path(chosen, "codika", "config.json")
        try:
            return Unix("codika").user_config_path / "config.json"
        except RuntimeError as error:
            raise ConfigError(
                "There is no home folder to keep the config file in.",
                next_action="Set HOME or XDG_CONFIG_HOME, or give the key in CODIKA_API_KEY.",
                code="no-home",
            ) from error

    def active(self) -> Profile | None:
        """The profile in use; None if nobody is signed in.

        Raises:
            ConfigError: the file is there and cannot be read, or is no configuration.

        Example:
            >>> store.active()
            Profile('acme', organization='Acme', key='cko_...')
        """
        return self._load().active()

    def get(self, name: str) -> Profile:
        """The profile called `name`.

        Raises:
            ConfigError: there is none (the message names those there are), or the file cannot be read.

        Example:
            >>> store.get("acme").host == sandbox.url
            True
        """
        return self._load().find(name)

    def list(self) -> list[Profile]:
        """All profiles, in the file's order.

        Raises:
            ConfigError: the file is there and cannot be read, or is no configuration.

        Example:
            >>> [profile.name for profile in store.list()]
            ['acme']
        """
        return self._load().profiles()

    def save(
        self, profile: Profile, *, name: str | None = None, activate: bool = True, overwrite: bool = False
    ) -> Profile:
        """Save a profile in the place of the one it renews, or under a new name.

        A new key of an organization that is known already renews its profile (the one it came from, the
        active one, the first, in this order); members unknown to us stay. The name of a new profile is made
        from the organization's. The same organization at another server is another organization. A profile
        that states no `base_url` stays at the server where its organization is known already, production
        first; to mean production whatever is known, state `PRODUCTION`.

        Args:
            profile: what to save.
            name: the name to save it under, instead.
            activate: whether it becomes the active profile; it does in any case where none is.
            overwrite: whether `name` may replace a profile of another organization or server.

        Returns:
            The profile as saved, with its name.

        Raises:
            ConfigError: the name cannot be used, or the file cannot be written; nothing has been changed.

        A file that is no configuration is kept aside (a `ConfigWarning` says where) and a new one begun.
        Naming as in codika 3.6.0, where no two organizations share a profile.

        Example:
            >>> store.save(Profile("cko_0123456789", organization_id="org_2", organization_name="Beta Corp"))
            Profile('beta-corp', organization='Beta Corp', key='cko_0123...')
        """
        if not profile.api_key:
            raise ConfigError(
                "A profile without a key cannot be saved.", next_action="Sign in with %codika_login."
            )
        return self._update(
            lambda document: document.put(profile, name, activate=activate, overwrite=overwrite), renew=True
        )

    def use(self, name: str) -> Profile:
        """Make a profile the active one.

        Raises:
            ConfigError: there is none of that name, or the file cannot be read or written.

        Example:
            >>> store.use("acme")
            Profile('acme', organization='Acme', key='cko_...')
        """
        return self._update(lambda document: document.activate(name))

    def remove(self, name: str) -> Profile:
        """Forget a profile; if it was active, the first that remains becomes active.

        The key stays valid at the server until it is revoked there.

        Raises:
            ConfigError: there is none of that name, or the file cannot be read or written.

        Example:
            >>> store.remove("acme")
            Profile('acme', organization='Acme', key='cko_...')
            >>> store.list()
            []
        """
        return self._update(lambda document: document.remove(name))

    def check_writable(self) -> None:
        """Make sure, before a one-time code is used up for a key, that the key could be saved.

        Raises:
            ConfigError: it could not: folder or file not accessible, disk full, locked by another program.

        Example:
            >>> store.check_writable()
        """
        _try_to_write(self._locate())

    def _load(self) -> _Document:
        path = self._locate()
        document, _ = _read(path)
        _require_configuration(path, document)
        return document

    def _update(self, change: Callable[[_Document], T], *, renew: bool = False) -> T:
        path = self._locate()
        result, notices = _rewrite(path, change, renew=renew)
        # Only now: where warnings are errors, they must not come between a key and the disk.
        for notice in notices:
            _tell(notice)
        return result

    def _locate(self) -> Path:
        """The file to use, after moving in from the folder that the tool's predecessor kept."""
        if self._path is not None:
            return self._path
        new = self.path
        old = new.parent.with_name("codika-helper")
        if os.path.lexists(new.parent) or not old.is_dir():
            return new
        try:
            _copy_privately(old, new.parent)
        except OSError:
            # As the tool does: where it cannot be copied, the old one serves. Or another kernel was faster.
            return new if new.parent.is_dir() else old / new.name
        _tell(
            f"The profiles in {old} were copied to {new.parent}. "
            "The old folder still holds working keys: delete it when nothing uses it any more.",
            stacklevel=5,
        )
        return new


def _rewrite(path: Path, change: Callable[[_Document], T], *, renew: bool) -> tuple[T, list[str]]:
    """Read, change and replace the file under the lock; `renew` begins anew where it is corrupt.

    Returns:
        What `change` returned, and what the owner should be told.
    """
    with _explained(path), _locked(path) as target:
        for _ in range(100):
            document, version = _read(target)
            if not renew:
                _require_configuration(path, document)
            result = change(document)
            with files.temporary(target, document.encode) as temporary:
                # The codika tool takes no lock. What it has written meanwhile is read again, not lost.
                if _version(target) != version:
                    continue
                notices = _left_open(path, target)
                if document.problem is not None:
                    notices.append(_keep_aside(target, document))
                files.replace(temporary, target)
            files.sync(target.parent)
            return result, notices
    raise ConfigError(
        f"The config file {path} changes faster than it can be written.",
        next_action="Find the program that keeps writing it, and try again.",
        code="config-not-writable",
    )


def _try_to_write(path: Path) -> None:
    with _explained(path), _locked(path) as target:
        document, _ = _read(target)
        with files.temporary(target, document.encode):
            pass


def _require_configuration(path: Path, document: _Document) -> None:
    if document.problem is not None:
        raise ConfigError(
            f"The config file {path} cannot be used: {document.problem}. It was left as it is.",
            next_action="Repair it or move it away; the next sign-in keeps it aside and begins a new one.",
            code="corrupt-config",
        )


def _tell(notice: str, *, stacklevel: int = 4) -> None:
    with _once:
        if notice in _told:
            return
        _told.add(notice)
    warnings.warn(notice, ConfigWarning, stacklevel=stacklevel)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what the operating system says into what a person can do."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"The config file {path} cannot be written: {error.strerror or error}.",
            next_action="Make its folder writable for you, or point XDG_CONFIG_HOME to one that is.",
            code="config-not-writable",
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """Hold the config file for writing; yields the file itself where `path` is a link to it."""
    # Half of this module's import time, and readers do without it.
    from filelock import FileLock, SoftFileLock, Timeout  # noqa: PLC0415

    target = Path(os.path.realpath(path))
    _private_folder(path.parent)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Some network homes have no locks; a file that exists while somebody writes does there. It has a name
    # of its own, because trying the first leaves that one's file behind.
    locks = FileLock(f"{target}.lock", mode=0o600), SoftFileLock(f"{target}.lock.soft", mode=0o600)
    with ExitStack() as afterwards:
        for lock in locks * 2:
            # Twice: Ctrl-C in the first release must not leave this kernel holding the lock for good.
            afterwards.callback(lock.release, force=True)
        try:
            try:
                locks[0].acquire(_PATIENCE, poll_interval=0.01)
            except (OSError, NotImplementedError) as error:
                if getattr(error, "errno", errno.ENOSYS) not in _NO_LOCKS_HERE:
                    raise
                locks[1].acquire(_PATIENCE, poll_interval=0.01)
        except Timeout as late:
            raise ConfigError(
                f"The config file {path} is in use: {late.lock_file} is held since {_PATIENCE:.0f} seconds.",
                next_action="Close the program that holds it, or delete the lock file if there is none.",
                code="config-locked",
            ) from None
        for leftover in target.parent.glob(f".{target.name}.*.tmp"):
            leftover.unlink(missing_ok=True)  # of a process that was killed: whoever holds the lock is alone
        yield target


def _private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only the tool's own folder is made private: a config file may have been put beside other things.
    if os.name == "posix" and folder.name == "codika" and folder.stat().st_mode & 0o077:
        with suppress(PermissionError):  # somebody else's folder, and still a place to write
            folder.chmod(0o700)


def _left_open(path: Path, target: Path) -> list[str]:
    """What to tell the owner if other accounts could read the keys until now."""
    if os.name != "posix" or not target.exists() or not (mode := stat.S_IMODE(target.stat().st_mode)) & 0o077:
        return []
    return [
        f"The config file {path} was open to other accounts on this machine (mode {mode:04o}); "
        "it is private now. If somebody may have read it, make new keys."
    ]


def _version(path: Path) -> _Version | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read(path: Path) -> tuple[_Document, _Version | None]:
    """The file as it is now; a missing one is an empty configuration."""
    for _ in range(5):
        document, version = _read_once(path)
        complete = document.raw and document.problem is None
        if version is None or complete or not 0 <= time.time() - version[2] / 1e9 < 0.1:
            break
        time.sleep(0.02)  # the codika tool empties the file before it fills it: let it finish
    return document, version


def _read_once(path: Path) -> tuple[_Document, _Version | None]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited on for ever
            raise OSError(errno.EINVAL, "it is not a file")
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            return _Document(file.read()), (status.st_ino, status.st_size, status.st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return _Document(), None
    except OSError as error:
        raise ConfigError(
            f"The config file {path} cannot be read: {error.strerror or error}. It was left as it is.",
            next_action="Make it a file that you can read, or point XDG_CONFIG_HOME to another folder.",
            code="config-not-readable",
        ) from error


def _keep_aside(target: Path, document: _Document) -> str:
    """Copy what could not be read to a name of its own; returns what to tell the owner."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside, number = target.with_name(f"{target.name}.corrupt-{moment}"), 2
    while os.path.lexists(aside):
        aside, number = target.with_name(f"{target.name}.corrupt-{moment}-{number}"), number + 1
    with files.temporary(aside, lambda: document.raw) as temporary:
        files.replace(temporary, aside)
    return (
        f"The config file {target} could not be used: {document.problem}. "
        f"It was kept as {aside} and a new one begun; what is in it can be copied over by hand."
    )


def _copy_privately(old: Path, new: Path) -> None:
    """Copy a folder so that it appears whole, and readable by its owner only."""
    import shutil  # noqa: PLC0415 - once in a machine's life
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix=".codika-", dir=new.parent) as scratch:
        copy = Path(scratch) / new.name
        shutil.copytree(old, copy, symlinks=True)
        copy.chmod(0o700)
        for path in copy.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o700 if path.is_dir() else 0o600)
        copy.rename(new)
