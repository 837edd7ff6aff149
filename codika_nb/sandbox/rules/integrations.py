"""Integrations: the credentials that an organization, a member or an instance has connected."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..wire import Call, Refusal, as_json, iso, new_id
from . import Subject
from .encryption import EncryptionKey
from .instances import Instances
from .organizations import Organizations
from .rollouts import Rollouts, connected

__all__ = ["Integrations"]

#: The services that people sign in to in the dashboard.
_SIGNED_IN = (
    *("calendly", "notion", "shopify", "slack"),
    *("google_calendar", "google_contacts", "google_docs", "google_drive"),
    *("google_gmail", "google_sheets", "google_slides", "google_tasks"),
    *("microsoft_excel", "microsoft_onedrive", "microsoft_outlook", "microsoft_sharepoint"),
    *("microsoft_teams", "microsoft_teams_advanced", "microsoft_to_do"),
)
_CONTEXTS = ("organization", "member", "process_instance")

_TEXT = {"type": "string"}
# A selection of the engine's credential types, as JSON schemas: property -> schema, and what is required.
_CREDENTIALS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "anthropicApi": ({"apiKey": _TEXT, "url": _TEXT}, ("apiKey",)),
    "httpBasicAuth": ({"user": _TEXT, "password": _TEXT}, ()),
    "httpBearerAuth": ({"token": _TEXT}, ("token",)),
    "httpHeaderAuth": ({"name": _TEXT, "value": _TEXT}, ("name", "value")),
    "openAiApi": ({"apiKey": _TEXT, "organizationId": _TEXT, "url": _TEXT}, ("apiKey",)),
    "postgres": (
        {
            "host": _TEXT,
            "port": {"type": "number"},
            "database": _TEXT,
            "user": _TEXT,
            "password": _TEXT,
            "ssl": {"type": "string", "enum": ["allow", "disable", "require"]},
        },
        ("host", "database", "user", "password"),
    ),
    "supabaseApi": ({"host": _TEXT, "serviceRole": _TEXT}, ("host", "serviceRole")),
    "telegramApi": ({"accessToken": _TEXT, "baseUrl": _TEXT}, ("accessToken",)),
}


@dataclass(frozen=True)
class Integrations(Subject):
    """The rules about integrations. Every method runs in a transaction."""

    organizations: Organizations
    instances: Instances
    key: EncryptionKey
    rollouts: Rollouts

    def create(self, call: Call) -> dict[str, Any]:
        body = call.body
        place = self._place(call)
        integration_id = body.text("integrationId")
        secrets = body.mapping("secrets")
        for secret_name in secrets:
            secret = body.members("secrets").members(secret_name)
            secret.text("value")
            if not secret.flag("encrypted"):
                secret.refuse("encrypted", "must be true: secrets are sent encrypted only")
            if not self.key.opens(secret.text("value")):
                secret.refuse("value", "is not encrypted with the public key of this server")
        name = "customIntegrationSchema"
        custom = body.mapping(name) if name in body else None
        if custom is None and integration_id.startswith("cstm_"):
            body.refuse(name, "is required for a custom integration")
        return self._connect(
            call.caller.user_id,
            integration_id,
            **place,
            secrets=as_json(secrets),
            metadata=as_json(body.mapping_or_empty("metadata")),
            custom_schema=None if custom is None else as_json(custom),
        )

    def signed_in(self, call: Call) -> dict[str, Any]:
        """What the dashboard does where a person signs in to a service; here there is none to sign in to."""
        integration_id, context = call.params
        caller = call.caller
        return self.sign_in(integration_id, context, caller.organization_id or "", caller.user_id)

    def sign_in(
        self, integration_id: str, context: str, organization_id: str, user_id: str
    ) -> dict[str, Any]:
        """The same for whom it is to be, without secrets."""
        if context not in _CONTEXTS[:2]:
            raise Refusal("INVALID_REQUEST", f"{context!r} is neither organization nor member.")
        near = get_close_matches(integration_id, _SIGNED_IN, n=1, cutoff=0.75)
        if near and integration_id not in _SIGNED_IN:
            raise Refusal("NOT_FOUND", f"There is no integration {integration_id}: did you mean {near[0]}?")
        place = {"organization_id": organization_id, "context_type": context}
        place["context_id"] = user_id if context == "member" else ""
        nothing = {"secrets": "{}", "metadata": "{}", "custom_schema": None}
        return self._connect(user_id, integration_id, **place, **nothing)

    def _connect(self, user_id: str, integration_id: str, **members: str | None) -> dict[str, Any]:
        credential_id = new_id()[:16]
        self.store.insert(
            "integrations",
            replace=True,
            integration_id=integration_id,
            **members,
            credential_id=credential_id,
            connected_by=user_id,
            connected_at=self.now(),
        )
        return {"message": f"{integration_id} is connected.", "n8nCredentialId": credential_id}

    def delete(self, call: Call) -> dict[str, Any]:
        body = call.body
        place = self._place(call)
        integration_id = body.text("integrationId")
        if not self.store.find("integrations", integration_id=integration_id, **place):
            return {"message": f"{integration_id} was not connected.", "deactivatedCount": 0}
        dependants = self._dependants(integration_id, **place)
        if dependants and not body.flag("confirmDeletion"):
            raise Refusal(
                "CONFIRMATION_REQUIRED",
                "Active process instances need this integration.",
                data={
                    "message": "Active process instances need this integration; confirm to deactivate them.",
                    "pendingDeactivations": {"count": len(dependants), "processes": dependants},
                },
            )
        self.store.remove("integrations", integration_id=integration_id, **place)
        for dependant in dependants:
            self.rollouts.switch(call, dependant["processInstanceId"], "integration_deleted")
        return {"message": f"{integration_id} is disconnected.", "deactivatedCount": len(dependants)}

    def _dependants(
        self, integration_id: str, organization_id: str, context_type: str, context_id: str
    ) -> list[dict[str, str]]:
        rows = self.store.every(
            "SELECT i.id, i.owner, d.configuration FROM instances i"
            " JOIN deployments d ON d.id = i.deployment_id"
            " WHERE i.organization_id = ? AND i.is_active ORDER BY i.rowid",
            organization_id,
        )
        column = {"member": "owner", "process_instance": "id"}.get(context_type)
        dependants = []
        for row in rows:
            configuration = json.loads(row["configuration"])
            needed = set(configuration.get("integrationUids") or [])
            needed.update(*(workflow.get("integrationUids") or [] for workflow in configuration["workflows"]))
            if integration_id in needed and (column is None or row[column] == context_id):
                dependants.append({"processInstanceId": row["id"], "title": configuration["title"]})
        return dependants

    def list_integrations(self, call: Call) -> dict[str, Any]:
        body = call.body
        organization_id = self.organizations.organization_of(call, body.text_or_none("organizationId"))
        instance_id = body.text_or_none("processInstanceId")
        if instance_id:
            self.instances.instance(call.caller, instance_id)
        entries = []
        for row in connected(self.store, organization_id, call.caller.user_id, instance_id or ""):
            metadata = json.loads(row["metadata"])
            entry = {
                "integrationId": row["integration_id"],
                "contextType": row["context_type"],
                "connected": True,
                "connectedAt": iso(row["connected_at"]),
                "connectedBy": row["connected_by"],
                "hasValidTokens": metadata.get("hasValidTokens", True) is not False,
                "n8nCredentialId": row["credential_id"],
            }
            if row["custom_schema"] is not None:
                entry["customSchema"] = json.loads(row["custom_schema"])
            entries.append(entry)
        return {"integrations": entries}

    def credential_schema(self, call: Call) -> dict[str, Any]:
        kind = call.query.get("type", "")
        if not kind:
            raise Refusal("INVALID_REQUEST", '"type" is required: the name of a credential type.')
        if kind not in _CREDENTIALS:
            raise Refusal(
                "NOT_FOUND", f"The sandbox knows no credential type {kind!r}, only {', '.join(_CREDENTIALS)}."
            )
        properties, required = _CREDENTIALS[kind]
        return {
            "type": kind,
            "properties": properties,
            "required": list(required),
            "additionalProperties": False,
        }

    def _place(self, call: Call) -> dict[str, str]:
        """Where an integration is connected: organization, context, and the member or instance in it."""
        body = call.body
        organization_id = self.organizations.organization_of(call, body.text_or_none("organizationId"))
        context = body.choice("contextType", _CONTEXTS)
        if context == "process_instance":
            instance = self.instances.instance(
                call.caller, body.text("processInstanceId"), within=organization_id
            )
            context_id = instance["id"]
        elif context == "member":
            context_id = body.text_or_none("memberId") or call.caller.user_id
        else:
            context_id = ""
        return {"organization_id": organization_id, "context_type": context, "context_id": context_id}
