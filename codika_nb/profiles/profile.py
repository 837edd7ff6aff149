"""A profile: one organization's key, and what is known about it."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, Self

from ..display.place import next_step
from .address import PRODUCTION, normalize_base_url


def mask(key: str) -> str:
    """Show which key it is without showing the key: its first eight characters and ``...``.

    Nothing of a shorter text is shown: no real key is that short, and eight characters would be all of it.
    """
    return f"{key[:8]}..." if len(key) > 8 else "..."


class HoldsKey:
    """What holds a key: copied in memory as usual, never pickled, which would write it to disk in clear."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A key is not pickled: it would be written to disk in clear.")

    def __copy__(self) -> Self:
        return self._with(vars(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._with({name: copy.deepcopy(value, memo) for name, value in vars(self).items()})

    def _with(self, members: dict[str, Any]) -> Self:
        made = object.__new__(type(self))
        vars(made).update(members)
        return made


class MaskedKey(str, HoldsKey):
    """A key that shows itself masked wherever Python prints values: reprs, tracebacks, `asdict`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(mask(self))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


@dataclass(frozen=True, repr=False)
class Profile(HoldsKey):
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
        end = instant(self.expires_at)
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


_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(?:[.,](\d+))?(?: ?([Zz]|[+-]\d\d(?::?\d\d)?))?)?", re.ASCII
)


def instant(text: str | None) -> datetime | None:
    """A moment as the config file writes it; None where it is no such text."""
    # Python reads other forms than the tool does, and from version to version not the same.
    match = _ISO.fullmatch(text or "")
    if match is None:
        return None
    day, minute, second, fraction, zone = match.groups()
    offset = "+00:00" if zone in (None, "Z", "z") else f"{zone[:3]}:{zone[3:].strip(':') or '00'}"
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
    return f"The key{of} expires in {time_left} (on {date}); {next_step('new-key')}"
