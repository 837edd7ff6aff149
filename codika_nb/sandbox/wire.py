"""What goes over the wire: one call, its members, and the refusal that answers a bad one."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
import secrets
import string
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

__all__ = [
    "Call",
    "Caller",
    "Members",
    "Refusal",
    "Upload",
    "as_json",
    "is_loopback",
    "iso",
    "new_id",
    "new_uuid",
    "present",
]

Value = TypeVar("Value")

_ALPHANUMERIC = string.ascii_letters + string.digits
#: The HTTP status that each code of a refusal comes with.
_STATUS = {
    code: status
    for status, codes in {
        400: "INVALID_REQUEST INVALID_PAYLOAD INVALID_CONFIGURATION INVALID_WORKFLOW_JSON INVALID_VERSION "
        "INVALID_PROJECT_ID INVALID_EXPIRES_IN_DAYS EMAIL_REQUIRED EMAIL_INVALID OTP_INVALID "
        "COMPANY_NAME_TOO_LONG ORGANIZATION_CREATION_FAILED",
        401: "UNAUTHORIZED",
        403: "FORBIDDEN ORGANIZATION_NOT_MEMBER",
        404: "NOT_FOUND PROJECT_NOT_FOUND INSTANCE_NOT_FOUND WORKFLOW_NOT_FOUND EXECUTION_NOT_FOUND "
        "USER_NOT_FOUND OTP_NOT_FOUND",
        405: "METHOD_NOT_ALLOWED",
        409: "OTP_ALREADY_USED OTP_PURPOSE_MISMATCH USER_ALREADY_HAS_ORGANIZATION USER_HAS_NO_ORGANIZATION "
        "MULTIPLE_ORGANIZATIONS CONFIRMATION_REQUIRED ENGINE_UNAVAILABLE",
        410: "OTP_EXPIRED",
        412: "INSTANCE_INACTIVE",
        421: "MISDIRECTED_REQUEST",
        429: "OTP_RESEND_COOLDOWN OTP_LOCKED_OUT EMAIL_RATE_LIMITED IP_RATE_LIMITED MAX_API_KEYS_REACHED",
        500: "INTERNAL INTERNAL_ERROR",
        503: "SERVICE_UNAVAILABLE",
    }.items()
    for code in codes.split()
}


class Refusal(Exception):  # noqa: N818 - an answer to the caller, not a fault of the sandbox
    """The platform says no; what was written before it was raised stays written."""

    def __init__(
        self,
        code: str,
        message: str,
        next_action: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = _STATUS[code]
        self.code = code
        self.message = message
        self.next_action = next_action
        self.details = details
        self.data = data
        """Answers in place of an error, where the platform asks for a confirmation."""
        self.headers = dict(headers or {})


@dataclass(frozen=True)
class Caller:
    """Who calls, as far as the key (or signature) says."""

    kind: str
    """"organization", "personal", "admin", "instance" or "signature"."""
    key_id: str = ""
    user_id: str = ""
    organization_id: str = ""
    instance_id: str = ""
    workflow_id: str = ""
    message_id: str = ""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upload:
    """The file in a form."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Call:
    """One request, read and authenticated."""

    ip: str
    params: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    caller: Caller = field(default_factory=lambda: Caller("nobody"))
    upload: Upload | None = None
    afterwards: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    """What is done once the call's transaction is over, before it is answered."""

    @property
    def body(self) -> Members:
        """The members of the request's JSON object."""
        return Members(self.json if isinstance(self.json, dict) else {})

    def one_of(self, name: str, *choices: str) -> str | None:
        """A query parameter out of a fixed set; None if it is absent."""
        given = self.query.get(name)
        if given is not None and given not in choices:
            raise Refusal("INVALID_REQUEST", f'"{name}" must be one of {", ".join(choices)}.')
        return given

    def limit(self, default: int, largest: int = 100) -> int:
        """The ``limit`` of a list call."""
        given = self.query.get("limit", str(default))
        if not re.fullmatch(r"[0-9]{1,9}", given) or not 1 <= int(given) <= largest:
            raise Refusal("INVALID_REQUEST", f'"limit" must be a whole number from 1 to {largest}.')
        return int(given)


class Members:
    """The members of a JSON object, each read with the type it has to have."""

    def __init__(self, value: Mapping[str, Any], *, at: str = "", code: str = "INVALID_REQUEST") -> None:
        self._value = value
        self._at = at
        self._code = code

    def __contains__(self, name: str) -> bool:
        return self._value.get(name) is not None

    def has(self, name: str) -> bool:
        """Whether a member is there at all, be it null."""
        return name in self._value

    def refuse(self, name: str, problem: str, code: str | None = None) -> NoReturn:
        """Refuse the call because of one member, naming it by its whole path."""
        place = f"{self._at}.{name}" if self._at else name
        raise Refusal(
            code or self._code, f'"{place}" {problem}.', details={"field": place, "reason": problem}
        )

    def text(self, name: str, *, blank: bool = False, longest: int | None = None) -> str:
        """A string that has to be there, and not be blank unless `blank`."""
        value = self._of(str, name, "a string")
        if not blank and not value.strip():
            self.refuse(name, "must not be blank")
        if longest is not None and len(value) > longest:
            self.refuse(name, f"must have at most {longest} characters")
        return value

    def text_or_none(self, name: str, *, longest: int | None = None) -> str | None:
        """A string that may be absent."""
        return self.text(name, blank=True, longest=longest) if name in self else None

    def choice(self, name: str, choices: Collection[str], default: str | None = None) -> str:
        """A string out of a fixed set."""
        if default is not None and name not in self:
            return default
        value = self.text(name)
        if value not in choices:
            self.refuse(name, f"must be one of {', '.join(choices)}, not {value!r}")
        return value

    def flag(self, name: str) -> bool:
        """A boolean; absent means no."""
        return name in self and self._of(bool, name, "true or false")

    def mapping(self, name: str) -> dict[str, Any]:
        """A JSON object that has to be there."""
        return self._of(dict, name, "an object")

    def mapping_or_empty(self, name: str) -> dict[str, Any]:
        """A JSON object that may be absent."""
        return self.mapping(name) if name in self else {}

    def members(self, name: str) -> Members:
        """The members of a JSON object that has to be there."""
        return self._inside(self.mapping(name), name)

    def array(self, name: str, *, required: bool = True) -> list[Any]:
        """A JSON array."""
        return self._of(list, name, "an array") if required or name in self else []

    def texts(self, name: str, *, required: bool = True) -> list[str]:
        """An array of strings."""
        values = self.array(name, required=required)
        if not all(isinstance(value, str) for value in values):
            self.refuse(name, "must be an array of strings")
        return values

    def each(self, name: str, *, required: bool = True) -> list[Members]:
        """The objects of an array, each with its members."""
        values = self.array(name, required=required)
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                self.refuse(f"{name}[{index}]", "must be an object")
        return [self._inside(value, f"{name}[{index}]") for index, value in enumerate(values)]

    def number(self, name: str, smallest: int, largest: int) -> int:
        """A whole number in a range."""
        value = self._value.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= largest:
            self.refuse(name, f"must be a whole number from {smallest} to {largest}")
        return value

    def raw(self, name: str) -> Any:
        """A member of any type; None when it is absent."""
        return self._value.get(name)

    def _of(self, kind: type[Value], name: str, what: str) -> Value:
        """A member of one type, that has to be there."""
        value = self._value.get(name)
        if value is None:
            self.refuse(name, "is required")
        if not isinstance(value, kind):
            self.refuse(name, f"must be {what}")
        return value

    def _inside(self, value: dict[str, Any], name: str) -> Members:
        return Members(value, at=f"{self._at}.{name}" if self._at else name, code=self._code)


def as_json(value: Any) -> str:
    """JSON text of a value, for a column; refuses what JSON cannot say (NaN, a set, …)."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that have a value: what is absent is left out of an answer, and not null in it."""
    return {name: value for name, value in members.items() if value is not None}


def iso(seconds: float | None) -> str | None:
    """The platform's way to write a time: ISO 8601, UTC, milliseconds."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_loopback(host: str) -> bool:
    """Whether a name or an address is of this machine alone."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def new_id(prefix: str = "") -> str:
    """A fresh id of twenty letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(20))


def new_uuid(seconds: float) -> str:
    """A fresh UUID of version 7, which sorts by the time it was made."""
    value = int(seconds * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
