"""Users, the organizations they belong to, and what that lets a caller do."""

from __future__ import annotations

import sqlite3
from typing import Any

from ..mail import fold
from ..wire import Call, Caller, Refusal, new_id
from . import Subject

__all__ = ["LONGEST_NAME", "Organizations"]

LONGEST_NAME = 100
_MOST_ORGANIZATIONS = 50
_SIZES = ("solo", "2-10", "11-50", "51-200", "201-1000", "1000+")


class Organizations(Subject):
    """The rules about users and organizations. Every method runs in a transaction."""

    def find_user(self, email: str) -> str | None:
        """The id of the user with this address."""
        user = self.store.find("users", email=email)
        return None if user is None else str(user["id"])

    def user(self, email: str) -> str:
        """The id of the user with this address, who is made when there is none yet."""
        if known_id := self.find_user(email):
            return known_id
        user_id = new_id()
        self.store.insert("users", id=user_id, email=email, created_at=self.now())
        return user_id

    def of_user(self, user_id: str) -> list[sqlite3.Row]:
        """Id and name of each organization of a user, oldest first."""
        return self.store.every(
            "SELECT o.id, o.name FROM organizations o JOIN members m ON m.organization_id = o.id"
            " WHERE m.user_id = ? ORDER BY o.rowid",
            user_id,
        )

    def memberships(self) -> list[tuple[str, str]]:
        """Every organization with each of its members."""
        rows = self.store.every("SELECT organization_id, user_id FROM members ORDER BY rowid")
        return [(row["organization_id"], row["user_id"]) for row in rows]

    def create(self, user_id: str, name: str, description: str | None, size: str | None = None) -> str:
        """A new organization, which the user owns; returns its id."""
        organization_id = new_id("org_")
        self.store.insert(
            "organizations",
            id=organization_id,
            name=name,
            description=description,
            size=size,
            created_at=self.now(),
        )
        self.store.insert("members", organization_id=organization_id, user_id=user_id, role="owner")
        return organization_id

    def add_organization(self, email: str, name: str) -> str:
        return self.create(self.user(fold(email)), name, None)

    def add_member(self, organization_id: str, email: str, role: str) -> str:
        if self.store.find("organizations", id=organization_id) is None:
            raise LookupError(f"There is no organization {organization_id} in this sandbox.")
        user_id = self.user(fold(email))
        self.store.insert(
            "members", replace=True, organization_id=organization_id, user_id=user_id, role=role
        )
        return user_id

    def remove_organization(self, organization_id: str) -> None:
        if self.store.find("organizations", id=organization_id) is None:
            return  # else no id at all would be that of every key without an organization
        self.store.remove("members", organization_id=organization_id)
        self.store.remove("keys", organization_id=organization_id)
        for instance in self.store.select("instances", organization_id=organization_id):
            self.store.remove("keys", instance_id=instance["id"])
            self.store.remove("signing_secrets", instance_id=instance["id"])
        self.store.remove("organizations", id=organization_id)

    def create_new(self, call: Call) -> dict[str, Any]:
        body = call.body
        name = body.text("name").strip()
        if not 2 <= len(name) <= LONGEST_NAME:
            body.refuse("name", f"must have 2 to {LONGEST_NAME} characters")
        size = body.choice("size", _SIZES) if "size" in body else None
        if len(self.of_user(call.caller.user_id)) >= _MOST_ORGANIZATIONS:
            raise Refusal("FORBIDDEN", f"A user can belong to {_MOST_ORGANIZATIONS} organizations at most.")
        description = body.text_or_none("description")
        return {"organizationId": self.create(call.caller.user_id, name, description, size)}

    # --- what a caller may do -------------------------------------------------------------

    def role(self, caller: Caller, organization_id: str) -> str | None:
        """The caller's role in an organization; None outside of it."""
        if caller.kind == "admin":
            return "owner"
        member = self.store.find("members", organization_id=organization_id, user_id=caller.user_id)
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
            raise Refusal("INVALID_REQUEST", '"organizationId" is required with this kind of key.')
        if not self.reaches(call.caller, organization_id):
            raise Refusal("FORBIDDEN", "The API key does not belong to this organization.")
        return organization_id

    def require_admin(self, caller: Caller, organization_id: str, what: str) -> None:
        """Refuse a caller who is neither admin nor owner."""
        if not self.sees_all(caller, organization_id):
            raise Refusal("FORBIDDEN", f"Only admins and owners can {what}.")
