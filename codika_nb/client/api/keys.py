"""Keys and organizations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from ...display.text import plain
from ...errors import ConfigError, InvalidRequestError
from ...files import path_of
from ...models import MintedKey, OrganizationCreated, UpdatedKey, VerifiedKey
from .. import arguments
from ..call import Call
from ..endpoint import endpoint
from ..steps import Steps
from .platform import Platform


class KeysAPI(Platform):
    """Keys and organizations."""

    @endpoint
    def verify_key(self) -> Call[VerifiedKey]:
        """Ask the platform what the key in use is: organization, scopes, expiry.

        Raises:
            AuthenticationError: the key is unknown, revoked or expired.

        Example:
            >>> "workflows:trigger" in client.verify_key().scopes
            True
        """
        return Call("POST", "/verifyapikey", VerifiedKey.model_validate, repeatable=True)

    @endpoint
    def create_organization(
        self,
        name: str,
        *,
        description: str | None = None,
        size: Literal["solo", "2-10", "11-50", "51-200", "201-1000", "1000+"] | None = None,
        logo: str | os.PathLike[str] | None = None,
        logo_url: str | None = None,
        n8n_base_url: str | None = None,
        n8n_api_key: str | None = None,
        store_credential_copy: bool | None = None,
    ) -> Call[OrganizationCreated]:
        """Create an organization, owned by whom the personal key in use belongs to.

        Args:
            name: 2 to 100 characters.
            description: what it is, optional.
            size: how many people it has, optional.
            logo: a JPEG, PNG or WebP file of at most 5 MiB.
            logo_url: or where the logo is.
            n8n_base_url, n8n_api_key: an engine of its own, both or none.
            store_credential_copy: whether the platform keeps copies of that engine's credentials.

        Raises:
            PermissionDeniedError: the key is an organization's; this takes a personal or an admin key.
            ConfigError: the logo cannot be used, or only one of the engine's two is given.

        Example:
            >>> with Client(auth=sandbox.personal_key("ada@example.com")) as personal:
            ...     personal.create_organization("Analytical Engines", size="2-10")
            OrganizationCreated(organization_id='...')
        """
        if (n8n_base_url is None) != (n8n_api_key is None):
            raise ConfigError(
                "An engine of its own takes n8n_base_url and n8n_api_key, both of them.",
                next_action="Give both, or none for the platform's engine.",
            )
        body = arguments.given(
            name=name,
            description=description,
            size=size,
            logoUrl=logo_url,
            n8nBaseUrl=n8n_base_url,
            n8nApiKey=n8n_api_key,
            storeCredentialCopy=store_credential_copy,
        )
        if logo is not None:
            body |= arguments.logo(path_of(logo))
        return Call("POST", "/createorganizationviaapikey", OrganizationCreated.model_validate, body=body)

    @endpoint
    def create_organization_key(
        self,
        name: str,
        *,
        scopes: Sequence[str],
        organization_id: str | None = None,
        description: str | None = None,
        expires_in_days: int | None = None,
    ) -> Steps[MintedKey]:
        """Make another key for an organization; ``.raw.get_secret_value()`` shows it, this once.

        It is revoked in the dashboard. In a sandbox ``sandbox.revoke_key("NAME")`` does it, in a notebook
        after ``sandbox = %codika_sandbox``.

        Args:
            name: label of the key.
            scopes: what it may do, none of it beyond the key in use: ``workflows:trigger`` runs workflows,
                ``executions:read`` looks into runs, ``instances:read`` finds workflows by their names; also
                ``deploy:use-case``, ``projects:create``, ``projects:read``, ``instances:manage``,
                ``skills:read``, ``integrations:manage``, ``api-keys:manage``.
            organization_id: whose it is; that of the key in use if left out.
            description: what it is for, optional.
            expires_in_days: 1 to 365; never if left out.

        Raises:
            PermissionDeniedError: the key in use lacks ``api-keys:manage``, one of these scopes, or the role.
            ConflictError: the organization has 20 active keys already.
            ConfigError: the key in use belongs to no single organization, and `organization_id` is left out.

        Example:
            >>> scopes = ["workflows:trigger", "instances:read"]
            >>> key = client.create_organization_key("CI", scopes=scopes, expires_in_days=90)
            >>> key.raw.get_secret_value()
            'cko_...'
        """
        days = arguments.days(expires_in_days)
        if organization_id is None:
            organization_id = (yield from KeysAPI.verify_key.describe(self)).organization_id
        if organization_id is None:
            raise ConfigError(
                "Whose key is it to be? The key in use belongs to no single organization.",
                next_action="Give organization_id=…",
            )
        body = {
            "organizationId": organization_id,
            "name": name,
            "scopes": arguments.texts(scopes),
            **arguments.given(description=description, expiresInDays=days),
        }
        try:
            read = MintedKey.model_validate
            made = yield from Call("POST", "/createorganizationapikeypublic", read, body=body)
            return made.at(self.base_url)
        except InvalidRequestError as error:
            if "scope" in error.message and not error.next_action:
                known = (yield from KeysAPI.verify_key.describe(self)).scopes
                error.next_action = f"The key in use has {', '.join(map(plain, known))}."
            raise

    @endpoint
    def update_organization_key(
        self,
        key_id: str,
        *,
        scopes: Sequence[str] | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> Call[UpdatedKey]:
        """Change what a key may do, its label or its description; the key itself stays the same.

        Args:
            key_id: the key's id, which is not the key.
            scopes: all that it may do from now on.
            name: its label.
            description: what it is for; an empty text removes it.

        Raises:
            NotFoundError: there is no such key.
            PermissionDeniedError: as in `create_organization_key`.
            InvalidRequestError: the key is revoked, or nothing is to be changed.

        Example:
            >>> key = client.create_organization_key("CI", scopes=["workflows:trigger"])
            >>> client.update_organization_key(key.key_id, scopes=[*key.scopes, "executions:read"]).scopes
            ('workflows:trigger', 'executions:read')
        """
        body = arguments.given(
            keyId=key_id,
            scopes=arguments.texts(scopes),
            name=name,
            description=description,
        )
        read = UpdatedKey.model_validate
        return Call("POST", "/updateorganizationapikeypublic", read, body=body, repeatable=True)
