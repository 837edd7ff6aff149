"""One-time codes: asked for, and turned into a key. No key is needed for that."""

from __future__ import annotations

from typing import Any

from ...models import CodeSent, KeyBundle
from .. import arguments
from ..call import Call
from ..endpoint import endpoint
from .platform import Platform


class CodesAPI(Platform):
    """One-time codes: asked for, and turned into a key. No key is needed for that."""

    @endpoint
    def request_signup_code(self, email: str) -> Call[CodeSent]:
        """Have a six-digit code mailed to `email`, for a new account.

        Raises:
            ConflictError: ``USER_ALREADY_HAS_ORGANIZATION``: log in instead.
            RateLimitError: within 30 seconds of the last code, or over an hourly limit.
            InvalidRequestError: `email` is no address.

        Example:
            >>> client.request_signup_code("grace@example.com")
            CodeSent(email='grace@example.com', expires_in_seconds=600)
        """
        return _request_code("/clirequestsignupotp", email)

    @endpoint
    def request_login_code(self, email: str) -> Call[CodeSent]:
        """Have a six-digit code mailed to `email`, for an account that exists.

        Raises:
            NotFoundError: ``USER_NOT_FOUND``: sign up instead.
            ConflictError: ``USER_HAS_NO_ORGANIZATION``: sign up instead.
            RateLimitError: within 30 seconds of the last code, or over an hourly limit.
            InvalidRequestError: `email` is no address.

        Example:
            >>> client.request_login_code("ada@example.com")
            CodeSent(email='ada@example.com', expires_in_seconds=600)
        """
        return _request_code("/clirequestloginotp", email)

    @endpoint
    def complete_signup(
        self,
        email: str,
        *,
        code: str,
        company: str | None = None,
        description: str | None = None,
        key_name: str | None = None,
        key_expires_in: int | None = None,
    ) -> Call[KeyBundle]:
        """Turn the code from the mail into an account, an organization and its first key.

        Args:
            email: the address that received the code.
            code: the six digits, as text (leading zeros count).
            company: name of the new organization, at most 100 characters; "My Organization" if left out.
            description: what the organization is, optional.
            key_name: label of the key; "CLI default key" if left out.
            key_expires_in: days until the key expires, 1 to 365; never if left out.

        Raises:
            OTPError: wrong code (``details["attemptsRemaining"]``), expired, used, locked out.
            ConflictError: ``USER_ALREADY_HAS_ORGANIZATION``: log in instead.
            InvalidRequestError: `company` is too long; the code still works.
            ConfigError: `key_expires_in` is out of range; nothing was sent, and the code still works.

        Example:
            >>> sent = client.request_signup_code("grace@example.com")
            >>> bundle = client.complete_signup(sent.email, code=input("code: "), company="Navy")
            >>> bundle.organization_name, bundle.api_key.raw.get_secret_value()
            ('Navy', 'cko_...')
        """
        company_members = arguments.given(name=company, description=description)
        return _complete(
            self, "/clicompletesignup", email, code, _key(key_name, key_expires_in), company=company_members
        )

    @endpoint
    def complete_login(
        self,
        email: str,
        *,
        code: str,
        organization_id: str | None = None,
        key_name: str | None = None,
        key_expires_in: int | None = None,
    ) -> Call[KeyBundle]:
        """Turn the code from the mail into a fresh key for one of the account's organizations.

        Args:
            email: the address that received the code.
            code: the six digits, as text (leading zeros count).
            organization_id: which organization, where the account has several.
            key_name: label of the key; "CLI default key" if left out.
            key_expires_in: days until the key expires, 1 to 365; never if left out.

        Raises:
            OrganizationChoiceError: several organizations; repeat with one of ``organizations``
                and the same code.
            OTPError: wrong code (``details["attemptsRemaining"]``), expired, used, locked out.
            ConflictError: the organization has 20 active keys already: revoke one in the dashboard.
            ConfigError: `key_expires_in` is out of range; nothing was sent, and the code still works.

        Example:
            >>> sent = client.request_login_code("ada@example.com")
            >>> bundle = client.complete_login(sent.email, code=input("code: "))
            >>> bundle.organization_name, bundle.api_key.raw.get_secret_value()
            ('Acme', 'cko_...')
        """
        return _complete(
            self,
            "/clicompletelogin",
            email,
            code,
            _key(key_name, key_expires_in),
            organizationId=organization_id,
        )


def _request_code(route: str, email: str) -> Call[CodeSent]:
    return Call("POST", route, CodeSent.model_validate, body={"email": email}, authenticated=False)


def _key(name: str | None, expires_in: int | None) -> dict[str, Any]:
    return arguments.given(name=name, expiresInDays=arguments.days(expires_in))


def _complete(
    api: Platform, route: str, email: str, code: str, key: dict[str, Any], **more: Any
) -> Call[KeyBundle]:
    # Members without content are left out, as the codika tool does.
    extra = {name: value for name, value in (more | {"apiKey": key}).items() if value}
    body = {"email": email, "code": code, **extra}
    return Call(
        "POST",
        route,
        lambda answer: KeyBundle.model_validate(answer).at(api.base_url),
        body=body,
        authenticated=False,
    )
