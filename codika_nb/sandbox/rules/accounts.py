"""Who is who: one-time codes by mail, users, organizations, and the keys that speak for them."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from ..mail import Mail, Mailbox, NotSent, fold
from ..store import Store
from ..wire import Call, Caller, Members, Refusal, as_json, iso, new_id, new_uuid

__all__ = ["ALL_SCOPES", "DEFAULT_SCOPES", "Accounts"]

DEFAULT_SCOPES = (
    "deploy:use-case",
    "projects:create",
    "workflows:trigger",
    "executions:read",
    "instances:read",
    "instances:manage",
    "skills:read",
    "integrations:manage",
    "api-keys:manage",
    "projects:read",
)
ALL_SCOPES = (*DEFAULT_SCOPES, "organizations:create")

_CODE_SECONDS = 10 * 60
_CODE_ATTEMPTS = 5
_RESEND_SECONDS = 30
_EMAIL_REQUESTS_PER_HOUR = 20
_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_MOST_ACTIVE_KEYS = 20
_MOST_ORGANIZATIONS = 50
_LONGEST_NAME = 100
_LONGEST_KEY_LIFE = 365

_KEY_PREFIXES = {
    "organization": "cko_",
    "personal": "ckp_",
    "admin": "cka_",
    "instance": "ck_",
    "member": "cms_",  # not the platform's, which shows none
}
_KEY_TYPES = {"organization": "org-api-key", "personal": "personal-api-key", "admin": "admin-api-key"}

# What no address has unquoted, and what could make two of one on its way into a mail's header.
_ATOM = r"""[^@\s.,;:<>()\[\]"\\\x00-\x1f\x7f\ud800-\udfff]"""
_EMAIL = re.compile(rf"(?:{_ATOM}|\.){{1,64}}@{_ATOM}+(?:\.{_ATOM}+)+")
_LONGEST_EMAIL = 254

Purpose = Literal["signup", "login"]


class Accounts:
    """The rules about codes, users, organizations and keys. Every method runs in a transaction."""

    def __init__(self, store: Store, now: Callable[[], float], mailbox: Mailbox, ip_limit: int) -> None:
        self._store = store
        self._now = now
        self._mailbox = mailbox
        self._ip_limit = ip_limit

    # --- one-time codes -------------------------------------------------------------------

    def request_signup_code(self, call: Call) -> dict[str, Any]:
        return self._request_code("signup", call)

    def request_login_code(self, call: Call) -> dict[str, Any]:
        return self._request_code("login", call)

    def _request_code(self, purpose: Purpose, call: Call) -> dict[str, Any]:
        email = _email(call.body)
        now = self._now()
        self._limit_requests(email, call.ip, now)
        # From here on the request counts, whatever becomes of it: probing for accounts has its price.
        request_row = self._store.insert("code_requests", email=email, ip=call.ip, at=now)
        user = self._store.one("SELECT id FROM users WHERE email = ?", email)
        has_organization = user is not None and bool(self._organizations(user["id"]))
        if purpose == "signup" and has_organization:
            raise _already_has_organization()
        if purpose == "login" and user is None:
            raise Refusal(
                404,
                "USER_NOT_FOUND",
                "There is no account for this e-mail address.",
                next_action="Run signup-request instead.",
            )
        if purpose == "login" and not has_organization:
            raise _has_no_organization()
        code = f"{secrets.randbelow(10**6):06d}"
        digest = self._code_digest(email, purpose, code)
        self._store.insert(
            "codes",
            replace=True,
            email=email,
            purpose=purpose,
            state="pending",
            digest=digest,
            attempts_left=_CODE_ATTEMPTS,
            sent_at=now,
        )
        mail = _code_mail(email, purpose, code, now)

        async def deliver() -> None:
            try:
                await self._mailbox.deliver(mail)
            except NotSent:
                # Nobody has the code: neither a cooldown nor the hourly counts may come from it.
                with self._store.transaction(Refusal):
                    self._store.run("DELETE FROM codes WHERE email = ? AND digest = ?", email, digest)
                    self._store.run("DELETE FROM code_requests WHERE rowid = ?", request_row)
                raise Refusal(
                    500,
                    "INTERNAL",
                    "The mail with the code could not be sent.",
                    next_action="Retry in a few seconds.",
                ) from None

        call.afterwards.append(deliver)
        return {"email": email, "expiresInSeconds": _CODE_SECONDS}

    def _limit_requests(self, email: str, ip: str, now: float) -> None:
        # A used code ends the cooldown: the mail was wanted, and the next step may be to log in.
        last = self._store.one("SELECT sent_at FROM codes WHERE email = ? AND state != 'used'", email)
        if last is not None and now - last["sent_at"] < _RESEND_SECONDS:
            wait = max(1, math.ceil(last["sent_at"] + _RESEND_SECONDS - now))
            raise Refusal(
                429,
                "OTP_RESEND_COOLDOWN",
                f"A code was sent to this address less than {_RESEND_SECONDS} seconds ago.",
                next_action=f"Wait {wait} seconds, then repeat the request.",
                details={"retryInSeconds": wait},
                headers={"Retry-After": str(wait)},
            )
        self._store.run("DELETE FROM code_requests WHERE at <= ?", now - _HOUR)
        for column, value, most, code, whose in (
            ("email", email, _EMAIL_REQUESTS_PER_HOUR, "EMAIL_RATE_LIMITED", "for this e-mail address"),
            ("ip", ip, self._ip_limit, "IP_RATE_LIMITED", "from this IP address"),
        ):
            # The request that has to be an hour old first. The column is one of the two names above.
            earlier = self._store.one(
                f"SELECT at FROM code_requests WHERE {column} = ? ORDER BY at DESC LIMIT 1 OFFSET ?",  # noqa: S608
                value,
                most - 1,
            )
            if earlier is not None:
                wait = max(1, math.ceil(earlier["at"] + _HOUR - now))
                raise Refusal(
                    429,
                    code,
                    f"{most} codes were requested {whose} within an hour.",
                    next_action=f"Wait {math.ceil(wait / 60)} minutes, then repeat the request.",
                    headers={"Retry-After": str(wait)},
                )

    def _code_digest(self, email: str, purpose: str, code: str) -> bytes:
        message = f"{purpose}\n{email}\n{code}".encode("utf-8", "replace")
        return hmac.digest(self._store.code_secret, message, "sha256")

    def _check_code(self, purpose: Purpose, email: str, code: str) -> None:
        """Pass with the right code, which stays valid until `_use_code`."""
        again = f"Run {purpose}-request again."
        record = self._store.one("SELECT * FROM codes WHERE email = ?", email)
        if record is None:
            raise Refusal(
                404, "OTP_NOT_FOUND", "No code is pending for this e-mail address.", next_action=again
            )
        if record["state"] == "used":
            raise Refusal(409, "OTP_ALREADY_USED", "This code has been used already.", next_action=again)
        if record["state"] == "pending" and self._now() - record["sent_at"] >= _CODE_SECONDS:
            raise Refusal(410, "OTP_EXPIRED", "The code is older than 10 minutes.", next_action=again)
        if record["purpose"] != purpose:
            raise Refusal(
                409,
                "OTP_PURPOSE_MISMATCH",
                f"The code that was sent is for {record['purpose']}, not for {purpose}.",
                next_action=f"Run {record['purpose']}-complete with it, or {purpose}-request for a new one.",
            )
        if record["state"] == "locked":
            raise _locked_out(again)
        if hmac.compare_digest(self._code_digest(email, purpose, code), record["digest"]):
            return
        left = record["attempts_left"] - 1
        if left == 0:
            self._store.run(
                "UPDATE codes SET state = 'locked', digest = NULL, attempts_left = 0 WHERE email = ?", email
            )
            raise _locked_out(again)
        self._store.run("UPDATE codes SET attempts_left = ? WHERE email = ?", left, email)
        raise Refusal(
            400,
            "OTP_INVALID",
            "That code is not right.",
            next_action=f"Look at the newest mail again and repeat {purpose}-complete.",
            details={"attemptsRemaining": left},
        )

    def _use_code(self, email: str) -> None:
        self._store.run("UPDATE codes SET state = 'used', digest = NULL WHERE email = ?", email)

    def complete_signup(self, call: Call) -> dict[str, Any]:
        email = _email(call.body)
        self._check_code("signup", email, _code(call.body))
        company = Members(call.body.mapping_or_empty("company"), at="company")
        name = (company.text_or_none("name") or "").strip() or "My Organization"
        description = company.text_or_none("description")
        if len(name) > _LONGEST_NAME:
            raise Refusal(
                400,
                "COMPANY_NAME_TOO_LONG",
                f"The company name has {len(name)} characters; at most {_LONGEST_NAME} are possible.",
                next_action="Shorten the company name, then repeat signup-complete with the same code.",
            )
        if len(name) < 2:
            raise Refusal(
                400,
                "ORGANIZATION_CREATION_FAILED",
                "The organization's name must have at least 2 characters.",
                next_action="Give a longer company name, then repeat signup-complete with the same code.",
            )
        key_name, expires_at = self._key_wishes(call.body)
        user = self._store.one("SELECT id FROM users WHERE email = ?", email)
        self._use_code(email)
        if user is not None and self._organizations(user["id"]):
            raise _already_has_organization()
        user_id = self._user(email)
        organization_id = self._create_organization(user_id, name, description)
        key = self._mint(organization_id, user_id, key_name, expires_at=expires_at)
        return {
            "organizationId": organization_id,
            "organizationName": name,
            "isNewUser": user is None,
            "apiKey": key,
        }

    def complete_login(self, call: Call) -> dict[str, Any]:
        email = _email(call.body)
        self._check_code("login", email, _code(call.body))
        key_name, expires_at = self._key_wishes(call.body)
        wanted = call.body.text_or_none("organizationId") or None
        user_id = self._user(email)
        organizations = {row["id"]: row["name"] for row in self._organizations(user_id)}
        if not organizations:
            self._use_code(email)
            raise _has_no_organization()
        details = {"organizations": [{"id": key, "name": name} for key, name in organizations.items()]}
        if wanted is not None and wanted not in organizations:
            raise Refusal(
                403,
                "ORGANIZATION_NOT_MEMBER",
                "The account is not a member of this organization.",
                next_action="Re-run login-complete with --organization-id <id> of one of the organizations "
                "listed; the code is still good.",
                details=details,
            )
        if wanted is None and len(organizations) > 1:
            raise Refusal(
                409,
                "MULTIPLE_ORGANIZATIONS",
                "Account belongs to multiple organizations. Specify which one to mint a key for.",
                next_action="Re-run login-complete with --organization-id <id> for the target org; "
                "the code is still good.",
                details=details,
            )
        organization_id = wanted or next(iter(organizations))
        self._leave_room_for_a_key(organization_id)
        self._use_code(email)
        return {
            "organizationId": organization_id,
            "organizationName": organizations[organization_id],
            "apiKey": self._mint(organization_id, user_id, key_name, expires_at=expires_at),
        }

    def _key_wishes(self, body: Members) -> tuple[str, float | None]:
        wishes = Members(body.mapping_or_empty("apiKey"), at="apiKey")
        name = wishes.text_or_none("name", longest=_LONGEST_NAME) or "CLI default key"
        return name, self._expiry(wishes)

    def _expiry(self, wishes: Members) -> float | None:
        if not wishes.has("expiresInDays"):
            return None
        days = wishes.raw("expiresInDays")
        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= _LONGEST_KEY_LIFE:
            raise Refusal(
                400,
                "INVALID_EXPIRES_IN_DAYS",
                f"A key can live for 1 to {_LONGEST_KEY_LIFE} days.",
                next_action="Correct the number of days, or leave it out for a key that does not expire.",
            )
        return self._now() + days * _DAY

    # --- users and organizations ----------------------------------------------------------

    def _user(self, email: str) -> str:
        user = self._store.one("SELECT id FROM users WHERE email = ?", email)
        if user is not None:
            return str(user["id"])
        user_id = new_id()
        self._store.insert("users", id=user_id, email=email, created_at=self._now())
        return user_id

    def _organizations(self, user_id: str) -> list[Any]:
        return self._store.every(
            "SELECT o.id, o.name FROM organizations o JOIN members m ON m.organization_id = o.id"
            " WHERE m.user_id = ? ORDER BY o.rowid",
            user_id,
        )

    def _create_organization(
        self, user_id: str, name: str, description: str | None, size: str | None = None
    ) -> str:
        organization_id = new_id("org_")
        self._store.insert(
            "organizations",
            id=organization_id,
            name=name,
            description=description,
            size=size,
            created_at=self._now(),
        )
        self._store.insert("members", organization_id=organization_id, user_id=user_id, role="owner")
        return organization_id

    def add_organization(self, email: str, name: str) -> str:
        return self._create_organization(self._user(fold(email)), name, None)

    def add_member(self, organization_id: str, email: str, role: str) -> str:
        user_id = self._user(fold(email))
        self._store.insert(
            "members", replace=True, organization_id=organization_id, user_id=user_id, role=role
        )
        return user_id

    def remove_organization(self, organization_id: str) -> None:
        self._store.run("DELETE FROM members WHERE organization_id = ?", organization_id)
        self._store.run("DELETE FROM keys WHERE organization_id = ?", organization_id)
        self._store.run("DELETE FROM organizations WHERE id = ?", organization_id)

    def create_organization(self, call: Call) -> dict[str, Any]:
        body = call.body
        name = body.text("name").strip()
        if not 2 <= len(name) <= _LONGEST_NAME:
            body.refuse("name", f"must have 2 to {_LONGEST_NAME} characters")
        size = (
            body.choice("size", ("solo", "2-10", "11-50", "51-200", "201-1000", "1000+"))
            if "size" in body
            else None
        )
        if len(self._organizations(call.caller.user_id)) >= _MOST_ORGANIZATIONS:
            raise Refusal(
                403, "FORBIDDEN", f"A user can belong to {_MOST_ORGANIZATIONS} organizations at most."
            )
        description = body.text_or_none("description")
        return {
            "organizationId": self._create_organization(call.caller.user_id, name, description, size),
        }

    # --- keys -----------------------------------------------------------------------------

    def _mint(
        self,
        organization_id: str,
        user_id: str,
        name: str,
        scopes: tuple[str, ...] = DEFAULT_SCOPES,
        *,
        expires_at: float | None,
        description: str | None = None,
    ) -> dict[str, Any]:
        now = self._now()
        key_id = new_uuid(now)
        raw = self._new_key(
            "organization",
            id=key_id,
            organization_id=organization_id,
            user_id=user_id,
            name=name,
            description=description,
            scopes=as_json(scopes),
            expires_at=expires_at,
        )
        bundle = {
            "keyId": key_id,
            "raw": raw,
            "keyPrefix": raw[:8],
            "name": name,
            "scopes": list(scopes),
            "createdAt": iso(now),
        }
        return bundle if expires_at is None else {**bundle, "expiresAt": iso(expires_at)}

    def _new_key(self, kind: str, **row: Any) -> str:
        """Make a key and remember all of it but the key itself."""
        raw = _KEY_PREFIXES[kind] + secrets.token_urlsafe(48)
        defaults = {"id": new_uuid(self._now()), "name": "", "scopes": "[]"}
        self._store.insert(
            "keys",
            **{
                **defaults,
                **row,
                "kind": kind,
                "digest": _key_digest(raw),
                "prefix": raw[:8],
                "created_at": self._now(),
            },
        )
        return raw

    def _leave_room_for_a_key(self, organization_id: str) -> None:
        active = self._store.count(
            "SELECT COUNT(*) FROM keys WHERE organization_id = ? AND kind = 'organization'"
            " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)",
            organization_id,
            self._now(),
        )
        if active >= _MOST_ACTIVE_KEYS:
            raise Refusal(
                429,
                "MAX_API_KEYS_REACHED",
                f"The organization has {_MOST_ACTIVE_KEYS} active keys already.",
                next_action="Revoke one in the dashboard, then retry.",
            )

    def personal_key(self, email: str) -> str:
        return self._new_key(
            "personal", user_id=self._user(fold(email)), name="Personal key", scopes=as_json(ALL_SCOPES)
        )

    def instance_key(self, instance_id: str) -> str:
        """A new key for an instance; the one before stops at once."""
        self._store.run("DELETE FROM keys WHERE instance_id = ?", instance_id)
        return self._new_key("instance", instance_id=instance_id, name="Instance key")

    def member_secret(self, organization_id: str, user_id: str) -> str:
        """What a member's workflows show when they start an execution; earlier ones stay good."""
        return self._new_key(
            "member", organization_id=organization_id, user_id=user_id, name="Execution secret"
        )

    def revoke_key(self, key_id: str) -> None:
        self._store.run(
            "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", self._now(), key_id
        )

    def authenticate(self, raw: str, kinds: tuple[str, ...]) -> Caller:
        """Who a key speaks for; the key must be of one of the kinds that its place is for."""
        now = self._now()
        key = self._store.one("SELECT * FROM keys WHERE digest = ?", _key_digest(raw))
        if key is None or key["kind"] not in kinds:
            expected = " or ".join(_KEY_PREFIXES[kind] for kind in kinds)
            hint = (
                ""
                if raw.startswith(tuple(_KEY_PREFIXES[kind] for kind in kinds))
                else (f" A key that begins with {expected} belongs here.")
            )
            raise Refusal(401, "UNAUTHORIZED", "The API key is unknown." + hint)
        if key["revoked_at"] is not None:
            raise Refusal(401, "UNAUTHORIZED", "The API key has been revoked.")
        if key["expires_at"] is not None and key["expires_at"] <= now:
            raise Refusal(401, "UNAUTHORIZED", "The API key has expired.")
        # To the minute is enough, and lets a call that only reads stay without a write.
        if key["last_used_at"] is None or not 0 <= now - key["last_used_at"] < _MINUTE:
            self._store.run("UPDATE keys SET last_used_at = ? WHERE id = ?", now, key["id"])
        return Caller(
            kind=key["kind"],
            key_id=key["id"],
            user_id=key["user_id"] or "",
            organization_id=key["organization_id"] or "",
            instance_id=key["instance_id"] or "",
            scopes=tuple(json.loads(key["scopes"])),
        )

    def verify_key(self, call: Call) -> dict[str, Any]:
        key = self._store.one("SELECT * FROM keys WHERE id = ?", call.caller.key_id)
        assert key is not None  # noqa: S101 - the caller was found by this very key
        organization = self._store.one(
            "SELECT id, name FROM organizations WHERE id = ?", key["organization_id"]
        )
        data = {
            "type": _KEY_TYPES[key["kind"]],
            "organizationId": organization and organization["id"],
            "organizationName": organization and organization["name"],
            "keyName": key["name"],
            "keyPrefix": key["prefix"],
            "scopes": json.loads(key["scopes"]),
            "createdAt": iso(key["created_at"]),
            "expiresAt": iso(key["expires_at"]),
            "lastUsedAt": iso(key["last_used_at"]),
        }
        return {name: value for name, value in data.items() if value is not None}

    def create_key(self, call: Call) -> dict[str, Any]:
        body = call.body
        organization_id = self.organization_of(call, body.text("organizationId"))
        self._require_admin(call.caller, organization_id, "create API keys")
        name = body.text("name", longest=_LONGEST_NAME)
        scopes = self._grantable(call.caller, body)
        expires_at = self._expiry(body)
        description = body.text_or_none("description")
        self._leave_room_for_a_key(organization_id)
        bundle = self._mint(
            organization_id, call.caller.user_id, name, scopes, expires_at=expires_at, description=description
        )
        return {"keyId": bundle["keyId"], "apiKey": bundle.pop("raw"), **bundle}

    def update_key(self, call: Call) -> dict[str, Any]:
        body = call.body
        key = self._store.one("SELECT * FROM keys WHERE id = ? AND kind = 'organization'", body.text("keyId"))
        if key is None:
            raise Refusal(404, "NOT_FOUND", "There is no such API key.")
        if not self.reaches(call.caller, key["organization_id"]):
            raise Refusal(403, "FORBIDDEN", "API key does not belong to your organization.")
        self._require_admin(call.caller, key["organization_id"], "update API keys")
        if key["revoked_at"] is not None:
            raise Refusal(400, "INVALID_REQUEST", "A revoked API key cannot be updated.")
        changes: dict[str, str | None] = {}
        if "name" in body:
            changes["name"] = body.text("name", longest=_LONGEST_NAME)
        if "description" in body:
            changes["description"] = body.text_or_none("description") or None
        if "scopes" in body:
            changes["scopes"] = as_json(self._grantable(call.caller, body))
        if not changes:
            raise Refusal(400, "INVALID_REQUEST", 'Give at least one of "scopes", "name", "description".')
        assignments = ", ".join(f"{column} = ?" for column in changes)
        # The columns are the three names above.
        self._store.run(f"UPDATE keys SET {assignments} WHERE id = ?", *changes.values(), key["id"])  # noqa: S608
        return {
            "keyId": key["id"],
            "name": changes.get("name", key["name"]),
            "description": changes.get("description", key["description"]) or "",
            "scopes": json.loads(changes.get("scopes") or key["scopes"]),
            "updatedAt": iso(self._now()),
        }

    def _grantable(self, caller: Caller, body: Members) -> tuple[str, ...]:
        scopes = tuple(dict.fromkeys(body.texts("scopes")))
        if not scopes:
            body.refuse("scopes", "must name at least one scope")
        for scope in scopes:
            if scope not in ALL_SCOPES:
                raise Refusal(400, "INVALID_REQUEST", f"Invalid scope: {scope}")
        if beyond := [scope for scope in scopes if scope not in caller.scopes]:
            raise Refusal(403, "FORBIDDEN", f"Cannot grant scopes you don't have: {', '.join(beyond)}")
        return scopes

    # --- what a caller may do -------------------------------------------------------------

    def role(self, caller: Caller, organization_id: str) -> str | None:
        """The caller's role in an organization; None outside of it."""
        if caller.kind == "admin":
            return "owner"
        member = self._store.one(
            "SELECT role FROM members WHERE organization_id = ? AND user_id = ?",
            organization_id,
            caller.user_id,
        )
        return str(member["role"]) if member is not None else None

    def reaches(self, caller: Caller, organization_id: str) -> bool:
        """Whether the caller's key says anything about this organization."""
        if caller.kind == "organization":
            return caller.organization_id == organization_id
        return self.role(caller, organization_id) is not None

    def sees_all(self, caller: Caller, organization_id: str) -> bool:
        """Whether the caller sees what other members of the organization made."""
        return self.role(caller, organization_id) in ("owner", "admin")

    def organization_of(self, call: Call, given: str | None) -> str:
        """The organization a call is about: the key's own, or the one a personal key names."""
        organization_id = given or call.caller.organization_id
        if not organization_id:
            raise Refusal(400, "INVALID_REQUEST", '"organizationId" is required with this kind of key.')
        if not self.reaches(call.caller, organization_id):
            raise Refusal(403, "FORBIDDEN", "The API key does not belong to this organization.")
        return organization_id

    def _require_admin(self, caller: Caller, organization_id: str, what: str) -> None:
        if not self.sees_all(caller, organization_id):
            raise Refusal(403, "FORBIDDEN", f"Only admins and owners can {what}.")


def _email(body: Members) -> str:
    email = body.raw("email")
    if email is None or (isinstance(email, str) and not email.strip()):
        raise Refusal(
            400, "EMAIL_REQUIRED", "An e-mail address is required.", next_action="Give one with --email."
        )
    folded = fold(email) if isinstance(email, str) else ""
    if len(folded) > _LONGEST_EMAIL or not _EMAIL.fullmatch(folded):
        raise Refusal(
            400,
            "EMAIL_INVALID",
            "That is not an e-mail address.",
            next_action="Correct the address given with --email.",
        )
    return folded


def _code(body: Members) -> str:
    """The code as typed; what is not even a string cannot be right, and counts as a wrong one."""
    code = body.raw("code")
    return code.strip() if isinstance(code, str) else ""


def _key_digest(raw: str) -> bytes:
    # A key carries 384 random bits: a plain hash cannot be searched backwards.
    return hashlib.sha256(raw.encode()).digest()


def _code_mail(email: str, purpose: Purpose, code: str, now: float) -> Mail:
    what = {"signup": "sign up for", "login": "log in to"}[purpose]
    return Mail(
        to=email,
        subject=f"Your code to {what} Codika",
        sent_at=datetime.fromtimestamp(now, UTC),
        code=code,
        text=f"{code} is your code to {what} Codika. It works once, within 10 minutes.\n\n"
        "If you did not ask for it, ignore this mail: nothing happens without the code.\n",
    )


def _already_has_organization() -> Refusal:
    return Refusal(
        409,
        "USER_ALREADY_HAS_ORGANIZATION",
        "This e-mail address already owns an organization.",
        next_action="Run login-request instead.",
    )


def _has_no_organization() -> Refusal:
    return Refusal(
        409,
        "USER_HAS_NO_ORGANIZATION",
        "The account has no organization.",
        next_action="Run signup-request instead.",
    )


def _locked_out(again: str) -> Refusal:
    return Refusal(
        429,
        "OTP_LOCKED_OUT",
        f"The code was deleted after {_CODE_ATTEMPTS} wrong attempts.",
        next_action=again,
    )
