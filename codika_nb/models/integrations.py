"""Integrations, and the credentials that they take."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from .answer import Answer, Id, Table


class Integration(Answer):
    """A credential that an organization, a member or an instance has connected."""

    integration_id: Id
    context_type: Literal["organization", "member", "process_instance"] | str | None = None
    connected: bool | None = None
    connected_at: datetime | None = None
    connected_by: str | None = None
    has_valid_tokens: bool | None = None
    n8n_credential_id: str | None = None
    custom_schema: dict[str, Any] | None = Field(default=None, repr=False)


class Integrations(Table[Integration], row=Integration, member="integrations"):
    """Connected integrations, as a list."""

    columns: ClassVar[dict[str, str]] = {
        "Integration": "integration_id",
        "For": "context_type",
        "Connected": "connected",
        "Valid": "has_valid_tokens",
        "Since": "connected_at",
    }


class IntegrationConnected(Answer):
    """An integration whose secrets the platform has taken."""

    message: str = ""
    n8n_credential_id: str | None = None


class PendingInstance(Answer):
    """An instance that needs the integration."""

    process_instance_id: Id
    title: str | None = None


class PendingDeactivations(Answer):
    """The instances that would be switched off."""

    count: int | None = None
    processes: tuple[PendingInstance, ...] = ()


def _pending(value: Any) -> Any:
    # Whether the integration is gone depends on this being there.
    if value is not None and not isinstance(value, dict | PendingDeactivations):
        raise ValueError("not an object")
    return value


class IntegrationDeleted(Answer):
    """What has become of an integration that was to be deleted.

    With `pending_deactivations` it is still there: these instances need it and would be switched off.
    Repeat with ``confirm=True`` to delete it all the same.
    """

    message: str = ""
    deactivated_count: int | None = None
    pending_deactivations: Annotated[PendingDeactivations | None, BeforeValidator(_pending)] = None

    @property
    def deleted(self) -> bool:
        """Whether it is gone; otherwise a confirmation is waited for."""
        return self.pending_deactivations is None


class CredentialSchema(Answer):
    """Which fields a type of credential has, and which of them it needs (a JSON schema)."""

    type: str = "object"
    properties: dict[str, Any] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    additional_properties: bool | None = None
    all_of: tuple[Any, ...] | None = None
