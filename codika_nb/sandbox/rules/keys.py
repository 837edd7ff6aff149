"""Keys: making them, what they may do, and who speaks when one is shown."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..mail import fold
from ..wire import Call, Caller, Members, Refusal, as_json, iso, new_uuid, present
from . import Subject
from .organizations import Organizations

__all__ = ["Keys"]

_DEFAULT_SCOPES = (
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
_ALL_SCOPES = (*_DEFAULT_SCOPES, "organizations:create")

_MINUTE = 60
_DAY = 24 * 60 * _MINUTE
_MOST_ACTIVE_KEYS = 20
_LONGEST_NAME = 100
_LONGEST_LIFE = 365

_KEY_PREFIXES = {
    "organization": "cko_",
    "personal": "ckp_",
    "admin": "cka_",
    "instance": "ck_",
    "member": "cms_",  # not the platform's, which shows none
}
_KEY_TYPES = {"organization": "org-api-key", "personal": "personal-api-key", "admin": "admin-api-key"}


@dataclass(frozen=True)
class Keys(Subject):
    """The rules about keys. Every method runs in a transaction."""

    organizations: Organizations

    def mint(
        self,
        organization_id: str,
        user_id: str,
        name: str,
        scopes: tuple[str, ...] = _DEFAULT_SCOPES,
        *,
        expires_at: float | None,
        description: str | None = None,
    ) -> dict[str, Any]:
        """A new organization key, as it is shown this once."""
        now = self.now()
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
        now = self.now()
        row = {"id": new_uuid(now), "scopes": "[]", **row}
        self.store.insert("keys", **row, kind=kind, digest=_digest(raw), prefix=raw[:8], created_at=now)
        return raw

    def require_room(self, organization_id: str) -> None:
        """Refuse when an organization has as many active keys as it may have."""
        active = self.store.count(
            "SELECT COUNT(*) FROM keys WHERE organization_id = ? AND kind = 'organization'"
            " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)",
            organization_id,
            self.now(),
        )
        if active >= _MOST_ACTIVE_KEYS:
            raise Refusal(
                "MAX_API_KEYS_REACHED",
                f"The organization has {_MOST_ACTIVE_KEYS} active keys already.",
                "Revoke one in the dashboard, then retry.",
            )

    def personal_key(self, email: str) -> str:
        return self._new_key(
            "personal",
            user_id=self.organizations.user(fold(email)),
            name="Personal key",
            scopes=as_json(_ALL_SCOPES),
        )

    def instance_key(self, instance_id: str) -> str:
        """A new key for an instance; the one before stops at once."""
        self.store.remove("keys", instance_id=instance_id)
        return self._new_key("instance", instance_id=instance_id, name="Instance key")

    def member_secret(self, organization_id: str, user_id: str) -> str:
        """What a member's workflows show when they start an execution; earlier ones stay good."""
        return self._new_key(
            "member", organization_id=organization_id, user_id=user_id, name="Execution secret"
        )

    def revoke_key(self, key_id: str) -> None:
        self.store.change("keys", {"id": key_id, "revoked_at": None}, revoked_at=self.now())

    def authenticate(self, raw: str, kinds: tuple[str, ...]) -> Caller:
        """Who a key speaks for; the key must be of one of the kinds that its place is for."""
        now = self.now()
        key = self.store.find("keys", digest=_digest(raw))
        if key is None or key["kind"] not in kinds:
            expected = tuple(_KEY_PREFIXES[kind] for kind in kinds)
            hint = f" A key that begins with {' or '.join(expected)} belongs here."
            raise Refusal(
                "UNAUTHORIZED", "The API key is unknown." + ("" if raw.startswith(expected) else hint)
            )
        if key["revoked_at"] is not None:
            raise Refusal("UNAUTHORIZED", "The API key has been revoked.")
        if key["expires_at"] is not None and key["expires_at"] <= now:
            raise Refusal("UNAUTHORIZED", "The API key has expired.")
        # To the minute is enough, and lets a call that only reads stay without a write.
        if key["last_used_at"] is None or not 0 <= now - key["last_used_at"] < _MINUTE:
            self.store.note("UPDATE keys SET last_used_at = ? WHERE id = ?", now, key["id"])
        return Caller(
            kind=key["kind"],
            key_id=key["id"],
            user_id=key["user_id"] or "",
            organization_id=key["organization_id"] or "",
            instance_id=key["instance_id"] or "",
            scopes=_scopes(key["scopes"]),
        )

    def verify_key(self, call: Call) -> dict[str, Any]:
        key = self.store.find("keys", id=call.caller.key_id)
        assert key is not None  # noqa: S101 - the caller was found by this very key
        organization = self.store.find("organizations", id=key["organization_id"])
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
        return present(data)

    def create_key(self, call: Call) -> dict[str, Any]:
        body = call.body
        organization_id = self.organizations.organization_of(call, body.text("organizationId"))
        self.organizations.require_admin(call.caller, organization_id, "create API keys")
        name = body.text("name", longest=_LONGEST_NAME)
        scopes = self._grantable(call.caller, body)
        expires_at = self._expiry(body)
        description = body.text_or_none("description")
        self.require_room(organization_id)
        bundle = self.mint(
            organization_id, call.caller.user_id, name, scopes, expires_at=expires_at, description=description
        )
        return {"keyId": bundle["keyId"], "apiKey": bundle.pop("raw"), **bundle}

    def revoke(self, call: Call) -> dict[str, Any]:
        """What the dashboard does: the key stops at once."""
        named = self.key_id(call.params[0], call.caller.organization_id)
        key = self._to_change(call, named, "revoke API keys")
        self.revoke_key(key["id"])
        return {"keyId": key["id"]}

    def key_id(self, named: str, organization_id: str | None = None) -> str:
        """The id of an organization key that is named by its id, or by its label where no other has it."""
        called = self.store.every(
            "SELECT id FROM keys WHERE kind = 'organization' AND revoked_at IS NULL AND name = ?"
            " AND organization_id = COALESCE(?, organization_id)",
            named,
            organization_id or None,
        )
        if len(called) > 1:
            ids = " or ".join(each["id"] for each in called[:10])
            raise Refusal("INVALID_REQUEST", f"{len(called)} keys have that name: give the id of one, {ids}.")
        if not called and self.store.find("keys", "id", id=named, kind="organization") is None:
            raise Refusal("NOT_FOUND", f"There is no such API key. {self._those_of(organization_id)}")
        return str(called[0]["id"]) if called else named

    def _those_of(self, organization_id: str | None) -> str:
        """The names of the keys that can be revoked there."""
        rows = self.store.every(
            "SELECT DISTINCT name FROM keys WHERE kind = 'organization' AND revoked_at IS NULL"
            " AND organization_id = COALESCE(?, organization_id) LIMIT 20",
            organization_id or None,
        )
        return f"There is: {', '.join(row['name'] for row in rows)}." if rows else "There is none."

    def _to_change(self, call: Call, key_id: str, what: str) -> sqlite3.Row:
        key = self.store.find("keys", id=key_id, kind="organization")
        if key is None:
            raise Refusal("NOT_FOUND", "There is no such API key.")
        if not self.organizations.reaches(call.caller, key["organization_id"]):
            raise Refusal("FORBIDDEN", "API key does not belong to your organization.")
        self.organizations.require_admin(call.caller, key["organization_id"], what)
        return key

    def update_key(self, call: Call) -> dict[str, Any]:
        body = call.body
        key = self._to_change(call, body.text("keyId"), "update API keys")
        if key["revoked_at"] is not None:
            raise Refusal("INVALID_REQUEST", "A revoked API key cannot be updated.")
        changes: dict[str, str | None] = {}
        if "name" in body:
            changes["name"] = body.text("name", longest=_LONGEST_NAME)
        if "description" in body:
            changes["description"] = body.text_or_none("description") or None
        if "scopes" in body:
            changes["scopes"] = as_json(self._grantable(call.caller, body))
        if not changes:
            raise Refusal("INVALID_REQUEST", 'Give at least one of "scopes", "name", "description".')
        self.store.change("keys", {"id": key["id"]}, **changes)
        return {
            "keyId": key["id"],
            "name": changes.get("name", key["name"]),
            "description": changes.get("description", key["description"]) or "",
            "scopes": json.loads(changes.get("scopes") or key["scopes"]),
            "updatedAt": iso(self.now()),
        }

    def _grantable(self, caller: Caller, body: Members) -> tuple[str, ...]:
        scopes = tuple(dict.fromkeys(body.texts("scopes")))
        if not scopes:
            body.refuse("scopes", "must name at least one scope")
        if invalid := [scope for scope in scopes if scope not in _ALL_SCOPES]:
            raise Refusal("INVALID_REQUEST", f"Invalid scope: {invalid[0]}")
        if beyond := [scope for scope in scopes if scope not in caller.scopes]:
            raise Refusal("FORBIDDEN", f"Cannot grant scopes you don't have: {', '.join(beyond)}")
        return scopes

    def wishes(self, body: Members) -> tuple[str, float | None]:
        """How a key that is made by signing in shall be called, and when it shall expire."""
        wishes = Members(body.mapping_or_empty("apiKey"), at="apiKey")
        name = wishes.text_or_none("name", longest=_LONGEST_NAME) or "CLI default key"
        return name, self._expiry(wishes)

    def _expiry(self, wishes: Members) -> float | None:
        if not wishes.has("expiresInDays"):
            return None
        days = wishes.raw("expiresInDays")
        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= _LONGEST_LIFE:
            raise Refusal(
                "INVALID_EXPIRES_IN_DAYS",
                f"A key can live for 1 to {_LONGEST_LIFE} days.",
                "Correct the number of days, or leave it out for a key that does not expire.",
            )
        return self.now() + days * _DAY


@lru_cache(64)
def _scopes(written: str) -> tuple[str, ...]:
    return tuple(json.loads(written))


def _digest(raw: str) -> bytes:
    # A key carries 384 random bits: a plain hash cannot be searched backwards.
    return hashlib.sha256(raw.encode()).digest()
