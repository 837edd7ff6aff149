"""Signing up and logging in: a code that came by mail becomes an organization's key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..mail import fold
from ..wire import Call, Members, Refusal
from .codes import CODE_SECONDS, Codes, Purpose
from .keys import Keys
from .organizations import LONGEST_NAME, Organizations

__all__ = ["SignIn"]

# What no address has unquoted, and what could make two of one on its way into a mail's header.
_ATOM = r"""[^@\s.,;:<>()\[\]"\\\x00-\x1f\x7f\ud800-\udfff]"""
_EMAIL = re.compile(rf"(?:{_ATOM}|\.){{1,64}}@{_ATOM}+(?:\.{_ATOM}+)+")
_LONGEST_EMAIL = 254


@dataclass(frozen=True)
class SignIn:
    """The rules about signing up and logging in. Every method runs in a transaction."""

    codes: Codes
    organizations: Organizations
    keys: Keys

    def request_signup_code(self, call: Call) -> dict[str, Any]:
        return self._request_code("signup", call)

    def request_login_code(self, call: Call) -> dict[str, Any]:
        return self._request_code("login", call)

    def _request_code(self, purpose: Purpose, call: Call) -> dict[str, Any]:
        email = _email(call.body)
        request = self.codes.count_request(email, call.ip)
        # From here on the request counts, whatever becomes of it: probing for accounts has its price.
        user_id = self.organizations.find_user(email)
        has_organization = user_id is not None and bool(self.organizations.of_user(user_id))
        if purpose == "signup" and has_organization:
            raise _already_has_organization()
        if purpose == "login" and user_id is None:
            raise Refusal(
                "USER_NOT_FOUND",
                "There is no account for this e-mail address.",
                "Run signup-request instead.",
            )
        if purpose == "login" and not has_organization:
            raise _has_no_organization()
        call.afterwards.append(self.codes.make(purpose, email, request))
        return {"email": email, "expiresInSeconds": CODE_SECONDS}

    def complete_signup(self, call: Call) -> dict[str, Any]:
        email = _email(call.body)
        self.codes.check("signup", email, _code(call.body))
        company = Members(call.body.mapping_or_empty("company"), at="company")
        name = (company.text_or_none("name") or "").strip() or "My Organization"
        description = company.text_or_none("description")
        if len(name) > LONGEST_NAME:
            raise Refusal(
                "COMPANY_NAME_TOO_LONG",
                f"The company name has {len(name)} characters; at most {LONGEST_NAME} are possible.",
                "Give a shorter name; the same code will do.",
            )
        if len(name) < 2:
            raise Refusal(
                "ORGANIZATION_CREATION_FAILED",
                "The organization's name must have at least 2 characters.",
                "Give a longer name; the same code will do.",
            )
        key_name, expires_at = self.keys.wishes(call.body)
        known_id = self.organizations.find_user(email)
        self.codes.use(email)
        if known_id is not None and self.organizations.of_user(known_id):
            raise _already_has_organization()
        user_id = self.organizations.user(email)
        organization_id = self.organizations.create(user_id, name, description)
        key = self.keys.mint(organization_id, user_id, key_name, expires_at=expires_at)
        return {
            "organizationId": organization_id,
            "organizationName": name,
            "isNewUser": known_id is None,
            "apiKey": key,
        }

    def complete_login(self, call: Call) -> dict[str, Any]:
        email = _email(call.body)
        self.codes.check("login", email, _code(call.body))
        key_name, expires_at = self.keys.wishes(call.body)
        wanted = call.body.text_or_none("organizationId") or None
        user_id = self.organizations.user(email)
        organizations = {row["id"]: row["name"] for row in self.organizations.of_user(user_id)}
        if not organizations:
            self.codes.use(email)
            raise _has_no_organization()
        details = {"organizations": [{"id": key, "name": name} for key, name in organizations.items()]}
        if wanted is not None and wanted not in organizations:
            raise Refusal(
                "ORGANIZATION_NOT_MEMBER",
                "The account is not a member of this organization.",
                "Re-run login-complete with --organization-id <id> of one of the organizations "
                "listed; the code is still good.",
                details=details,
            )
        if wanted is None and len(organizations) > 1:
            raise Refusal(
                "MULTIPLE_ORGANIZATIONS",
                "Account belongs to multiple organizations. Specify which one to mint a key for.",
                "Re-run login-complete with --organization-id <id> for the target org; "
                "the code is still good.",
                details=details,
            )
        organization_id = wanted or next(iter(organizations))
        self.keys.require_room(organization_id)
        self.codes.use(email)
        return {
            "organizationId": organization_id,
            "organizationName": organizations[organization_id],
            "apiKey": self.keys.mint(organization_id, user_id, key_name, expires_at=expires_at),
        }


def _email(body: Members) -> str:
    email = body.raw("email")
    if email is None or (isinstance(email, str) and not email.strip()):
        raise Refusal("EMAIL_REQUIRED", "An e-mail address is required.", "Give one with --email.")
    folded = fold(email) if isinstance(email, str) else ""
    if len(folded) > _LONGEST_EMAIL or not _EMAIL.fullmatch(folded):
        raise Refusal(
            "EMAIL_INVALID", "That is not an e-mail address.", "Correct the address given with --email."
        )
    return folded


def _code(body: Members) -> str:
    """The code as typed; what is not even a string cannot be right, and counts as a wrong one."""
    code = body.raw("code")
    return code.strip() if isinstance(code, str) else ""


def _already_has_organization() -> Refusal:
    return Refusal(
        "USER_ALREADY_HAS_ORGANIZATION",
        "This e-mail address already owns an organization.",
        "Run login-request instead.",
    )


def _has_no_organization() -> Refusal:
    return Refusal(
        "USER_HAS_NO_ORGANIZATION", "The account has no organization.", "Run signup-request instead."
    )
