"""Integrations and their credentials."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...models import CredentialSchema, IntegrationConnected, IntegrationDeleted, Integrations
from ...usecases.integrations import context_of
from .. import arguments
from .. import integration_secrets as integrations
from ..call import Call
from ..endpoint import endpoint
from ..steps import Steps, Work
from .instances import known_instance, which_instance
from .keys import KeysAPI
from .platform import Platform

if TYPE_CHECKING:
    from ...usecases.configuration import CustomIntegration
    from ...usecases.integrations import Context


class IntegrationsAPI(Platform):
    """Integrations and their credentials."""

    @endpoint
    def set_integration(
        self,
        integration_id: str,
        *,
        secrets: Mapping[str, str] | None = None,
        context_type: Context | None = None,
        organization_id: str | None = None,
        member_id: str | None = None,
        instance: str | None = None,
        metadata: Mapping[str, str] | None = None,
        custom_schema: CustomIntegration | Mapping[str, Any] | None = None,
    ) -> Steps[IntegrationConnected]:
        """Connect an integration; its secrets are encrypted here, so that only the platform reads them.

        Args:
            integration_id: ``"openai"``, ``"postgres"``, …, or ``"cstm_…"`` for one of your own.
            secrets: by name: ``{"OPENAI_API_KEY": …}``. Left out, they are taken from environment variables
                of these names, and what is not set is asked for as a password is. Never put one into a cell.
            context_type: whom it is for, ``"organization"``, ``"member"`` or ``"process_instance"``; what
                suits the integration if left out.
            organization_id: only needed for personal and admin keys.
            member_id: which member, for a member's.
            instance: which process instance, for an instance's; the one that is meant if left out.
            metadata: what is stored beside the secrets, in clear.
            custom_schema: the definition of one of your own; of a use case that was deployed here, or from a
                folder nearby, it is found in its configuration.

        Raises:
            ConfigError: it takes a browser to connect it, there are no secrets, their names or its own are
                misspelt, or the package ``cryptography`` is missing; nothing was sent. Of a secret too many
                or too few a warning tells.

        Example:
            >>> client.set_integration("openai")
            IntegrationConnected(message='openai is connected.', n8n_credential_id='...')
        """
        integration_id = arguments.name(integration_id, "An integration")
        integrations.refuse_unconnectable(integration_id, self.base_url)
        yield from Work(integrations.require_cryptography)
        where, definition = yield from self._meant(
            integration_id,
            custom_schema,
            context_type=context_type,
            organization_id=organization_id,
            member_id=member_id,
            instance=instance,
        )
        if secrets is None:
            yield from KeysAPI.verify_key.describe(self)  # nobody is asked for secrets that cannot be used
        # Asked for at the keyboard, where neither caller nor environment has them.
        given = integrations.Hidden(secrets)
        del secrets
        checked = yield from Work(lambda: integrations.checked(integration_id, given.value, definition))
        public_key = yield from Call(
            "GET",
            "",
            str,
            envelope="none",
            authenticated=False,
            repeatable=True,
            base_url=self.public_key_url,
        )
        sealed = yield from Work(lambda: integrations.seal(checked, public_key))
        body = {
            **where,
            "secrets": sealed,
            "metadata": integrations.metadata(metadata or {}, definition),
            **arguments.given(customIntegrationSchema=definition),
        }
        connected = IntegrationConnected.model_validate
        return (yield from Call("POST", "/createintegrationpublic", connected, body=body))

    @endpoint
    def delete_integration(
        self,
        integration_id: str,
        *,
        confirm: bool = False,
        context_type: Context | None = None,
        organization_id: str | None = None,
        member_id: str | None = None,
        instance: str | None = None,
    ) -> Steps[IntegrationDeleted]:
        """Disconnect an integration, at once if nothing needs it, and else when you confirm.

        Where active instances need it, what it returns lists them in ``pending_deactivations`` and nothing
        has happened yet; with ``confirm=True`` they are switched off. Deleting what is not there is no error.

        Args:
            integration_id: as in `set_integration`.
            confirm: also when instances are switched off by it.
            context_type, organization_id, member_id, instance: as in `set_integration`.

        Example:
            >>> connected = client.set_integration("openai")
            >>> client.delete_integration("openai").deleted
            True
        """
        where, _ = yield from self._meant(
            integration_id,
            None,
            context_type=context_type,
            organization_id=organization_id,
            member_id=member_id,
            instance=instance,
        )
        return (
            yield from Call(
                "POST",
                "/deleteintegrationpublic",
                IntegrationDeleted.model_validate,
                body={**where, "confirmDeletion": confirm},
                envelope="pending",
                repeatable=True,
            )
        )

    @endpoint
    def list_integrations(
        self, *, organization_id: str | None = None, instance: str | None = None
    ) -> Steps[Integrations]:
        """List the integrations that are connected for the organization, for you, and for an instance.

        Args:
            organization_id: only needed for personal and admin keys.
            instance: the process instance whose own are listed too; the one that is meant if left out, where
                that is known (see `Client`).

        Example:
            >>> connected = client.set_integration("openai")
            >>> client.list_integrations()
            Integration  For           Connected  Valid  Since
            openai       organization  yes        yes    ...
        """
        if instance is not None:
            instance = yield from which_instance(self, instance)
        elif organization_id is None:
            instance = known_instance(self, None)
        body = arguments.given(organizationId=organization_id, processInstanceId=instance)
        return (
            yield from Call("POST", "/listintegrationspublic", Integrations.read, body=body, repeatable=True)
        )

    @endpoint
    def get_credential_schema(self, credential_type: str) -> Call[CredentialSchema]:
        """Which fields a credential type of the workflow engine has, and which of them it needs.

        Args:
            credential_type: the engine's name for it, such as ``"httpHeaderAuth"``.

        Example:
            >>> client.get_credential_schema("httpHeaderAuth").required
            ('name', 'value')
        """
        query = {"type": credential_type}
        read = CredentialSchema.model_validate
        return Call("GET", "/getcredentialschemapublic", read, query=query, repeatable=True)

    def _meant(
        self,
        integration_id: str,
        custom_schema: CustomIntegration | Mapping[str, Any] | None,
        *,
        context_type: Context | None,
        organization_id: str | None,
        member_id: str | None,
        instance: str | None,
    ) -> Steps[tuple[dict[str, Any], dict[str, Any] | None]]:
        """The members that say which integration, and whose; and how one of one's own is defined.

        That is as given, or as what is deployed has it.
        """
        definition, there = None, None
        if custom_schema is not None:
            definition = (
                dict(custom_schema) if isinstance(custom_schema, Mapping) else custom_schema.to_json()
            )
        elif integration_id.startswith("cstm_"):
            from ..offers import known_here  # noqa: PLC0415 - with form schemas, which few scripts need

            there = yield from which_instance(self, instance)
            configuration = (yield from Work(partial(known_here, there))).configuration
            own = (configuration and configuration.custom_integrations) or []
            definition = next((each.to_json() for each in own if each.id == integration_id), None)
        context = context_type or (definition or {}).get("contextType")
        context = context or context_of(integration_id)
        is_own = context == "process_instance"
        members = arguments.given(
            organizationId=organization_id,
            integrationId=integration_id,
            contextType=context,
            memberId=member_id,
            processInstanceId=(there or (yield from which_instance(self, instance))) if is_own else None,
        )
        return members, definition
