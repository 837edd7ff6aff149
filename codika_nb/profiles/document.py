"""What the config file holds: JSON in the shape that the codika tool gives it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields, replace
from functools import cached_property
from typing import Any

from ..display.place import next_step
from ..errors import ConfigError
from ..redaction import redact
from .address import PRODUCTION, same_host
from .profile import Profile

# Attribute → member, in the order in which the tool writes them.
_MEMBERS = {
    each.name: re.sub("_([a-z])", lambda found: found[1].upper(), each.name)
    for each in fields(Profile)
    if each.name not in ("name", "extra")
}

# What every JavaScript object has from birth. The tool loses a profile of the first name, and takes the
# others for profiles that exist.
_INHERITED = frozenset(
    (
        *("__proto__", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__"),
        *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable"),
        *("toLocaleString", "toString", "valueOf"),
    )
)


def _javascript_order(members: dict[str, Any]) -> dict[str, Any]:
    """Order members as a JavaScript object does: array indexes first, ascending, then as inserted."""
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
                text, object_hook=_javascript_order, parse_float=_finite, parse_constant=_refuse
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


class Document:
    """What the file holds, without the file. Shows nothing of it: tracebacks print local variables."""

    def __init__(self, raw: bytes = b"") -> None:
        self.raw = raw

    @cached_property
    def _parsed(self) -> tuple[dict[str, Any], str | None]:
        # Only where it is asked for: that there is a file is found out more often than what it holds.
        members, problem = _parse(self.raw)
        empty: dict[str, Any] = {"activeProfile": None, "profiles": {}}
        return {m: value for m, value in empty.items() if m not in members} | members, problem

    @property
    def problem(self) -> str | None:
        """Why the bytes are no configuration, and the document is an empty one; else None."""
        return self._parsed[1]

    @property
    def _members(self) -> dict[str, Any]:
        return self._parsed[0]

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
        close = get_close_matches(str(name), known, n=1)
        listed = f"Known profiles: {', '.join(map(repr, known))}." if known else next_step("make-a-profile")
        raise ConfigError(
            f"There is no profile {str(name)!r}.",
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
        self._members["profiles"] = _javascript_order(self._entries)
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
            check_name(name)
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
            check_name(f"{base}-2"[:100])  # the tool sets no limit to what it derives itself
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


def check_name(name: str) -> None:
    """Refuse what cannot name a profile.

    Raises:
        ConfigError: it cannot.
    """
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
        f"{redact(name)[:100]!r} cannot name a profile: {reason}.",
        next_action="Choose a name such as 'acme-inc'.",
        code="invalid-profile-name",
    )
