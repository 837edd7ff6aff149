"""Handing a process instance's workflows to the engine, and switching them there on and off."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from ..engine import Credential, Engine, EngineError, Installation, Installed
from ..store import Store
from ..wire import Call, Members, Refusal, as_json, new_uuid
from . import Subject
from .configuration import decode_workflow
from .encryption import EncryptionKey
from .instances import Instances
from .keys import Keys

__all__ = ["Rollouts", "connected"]

logger = logging.getLogger("codika_nb.sandbox")

_FAILED = "The engine failed; the sandbox's log says why."
# Of the built-in integrations, the ones whose credential is one of the engine's, with its members.
_CREDENTIALS = {
    "anthropic": ("anthropicApi", {"ANTHROPIC_API_KEY": "apiKey"}),
    "cohere": ("cohereApi", {"COHERE_API_KEY": "apiKey"}),
    "deep_seek": ("deepSeekApi", {"DEEP_SEEK_API_KEY": "apiKey"}),
    "google_gemini": ("googlePalmApi", {"GOOGLE_GEMINI_API_KEY": "apiKey"}),
    "mistral": ("mistralCloudApi", {"MISTRAL_API_KEY": "apiKey"}),
    "open_router": ("openRouterApi", {"OPEN_ROUTER_API_KEY": "apiKey"}),
    "openai": ("openAiApi", {"OPENAI_API_KEY": "apiKey"}),
    "pinecone": ("pineconeApi", {"PINECONE_API_KEY": "apiKey"}),
    "postgres": (
        "postgres",
        {
            f"POSTGRES_{each.upper()}": each
            for each in ("host", "port", "database", "user", "password", "ssl")
        },
    ),
    "supabase": ("supabaseApi", {"SUPABASE_HOST": "host", "SUPABASE_SERVICE_ROLE_KEY": "serviceRole"}),
    "telegram": ("telegramApi", {"TELEGRAM_ACCESS_TOKEN": "accessToken"}),
    "x_ai": ("xAiApi", {"X_AI_API_KEY": "apiKey"}),
}


#: What a type of the engine's wants beside, and nobody is asked for.
_ALWAYS = {"googlePalmApi": {"host": "https://generativelanguage.googleapis.com"}}


@dataclass(frozen=True)
class Rollouts(Subject):
    """What instances run, in the engine. Every method that is awaited is outside of transactions."""

    keys: Keys
    instances: Instances
    encryption: EncryptionKey
    engine: Engine
    # One thing at a time for each instance: what is asked for last is what stays.
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary, init=False)

    def begin(self, instance_id: str, given: dict[str, Any]) -> None:
        """In a transaction: what an instance is to run has changed, or the parameters for it.

        Args:
            instance_id: the instance.
            given: deployment parameters, over those that were given before.
        """
        instance = self.instances.row(instance_id)
        configuration = json.loads(self.instances.deployment(instance)["configuration"])
        # An instance keeps what it has got, also where a later version has another default.
        parameters = {
            **(configuration.get("defaultDeploymentParameters") or {}),
            **json.loads(instance["parameters"]),
            **given,
        }
        values = {**dict(_defaults(configuration.get("deploymentInputSchema") or [])), **parameters}
        self.store.change(
            "instances",
            {"id": instance_id},
            rollout_id=new_uuid(self.now()),
            rollout_status="pending",
            rollout_errors="{}",
            parameters=as_json(parameters),
            parameter_values=as_json(values),
        )

    async def finish(self, instance_id: str) -> sqlite3.Row:
        """Let the engine install what an instance is to run; returns the instance as it is then."""
        async with self._turn(instance_id):
            with self.store.transaction(Refusal):
                installation, rollout_id = self._installation(instance_id)
            try:
                installed = await self.engine.install(installation)
            except EngineError as error:
                installed = _all_failed(installation, str(error))
            except Exception:
                logger.exception("the engine failed to install %s", instance_id)
                installed = _all_failed(installation, _FAILED)
            with self.store.transaction(Refusal):
                self.store.change(
                    "instances",
                    {"id": instance_id, "rollout_id": rollout_id},
                    rollout_status="failed" if installed.problems else "deployed",
                    rollout_errors=as_json(dict(installed.problems)),
                    engine_ids=as_json(dict(installed.engine_ids)),
                )
                return self.instances.row(instance_id)

    async def recover(self, *, everything: bool) -> None:
        """At the start: install what was under way when the sandbox was stopped, or all that is active."""
        rows = self.store.every(
            "SELECT id FROM instances WHERE rollout_status = 'pending' OR (? AND is_active AND NOT archived)",
            everything,
        )
        for row in rows:
            with self.store.transaction(Refusal):
                self.begin(row["id"], {})
            await self.finish(row["id"])

    # --- on and off -----------------------------------------------------------------------

    def activate(self, call: Call) -> dict[str, Any]:
        return self._asked_to_switch(call, on=True)

    def deactivate(self, call: Call) -> dict[str, Any]:
        return self._asked_to_switch(call, on=False)

    def _asked_to_switch(self, call: Call, *, on: bool) -> dict[str, Any]:
        instance = self.instances.instance(call.caller, call.body.text("processInstanceId"))
        self.switch(call, instance["id"], None if on else "user_paused")
        return {
            "processInstanceId": instance["id"],
            "isActive": on,
            "workflowCount": len(json.loads(instance["engine_ids"])),
        }

    def switch(self, call: Call, instance_id: str, inactive_reason: str | None) -> None:
        """In a transaction: pause an instance for a reason, or let it run again; the engine follows."""
        paused = {"is_active": inactive_reason is None, "inactive_reason": inactive_reason}
        self.store.change("instances", {"id": instance_id}, **paused)
        call.afterwards.append(lambda: self._follow(instance_id))

    async def _follow(self, instance_id: str) -> None:
        async with self._turn(instance_id):
            instance = self.instances.row(instance_id)
            try:
                ids = [each for each in json.loads(instance["engine_ids"]).values() if each]
                await self.engine.switch(ids, on=bool(instance["is_active"]))
            except EngineError as error:
                message = f"The engine does not follow: {error}"
                raise Refusal("ENGINE_UNAVAILABLE", message, "Try again.") from None

    # --- what the engine is given ---------------------------------------------------------

    def _turn(self, instance_id: str) -> asyncio.Lock:
        return self._turns.setdefault(instance_id, asyncio.Lock())

    def _installation(self, instance_id: str) -> tuple[Installation, str]:
        instance = self.instances.row(instance_id)
        configuration = json.loads(self.instances.deployment(instance)["configuration"])
        workflows = configuration["workflows"]
        descriptions = {each["workflowTemplateId"]: decode_workflow(Members(each)) for each in workflows}
        credentials = list(self._credentials(instance, configuration))
        values = {
            **{f"INSTPARM_{name}": value for name, value in json.loads(instance["parameter_values"]).items()},
            **dict(_credential_values(credentials)),
            "PROCDATA_PROCESS_ID": instance["process_id"],
            "PROCDATA_NAMESPACE": instance["process_id"],
            "USERDATA_PROCESS_INSTANCE_UID": instance["id"],
            "USERDATA_USER_ID": instance["owner"],
            "USERDATA_ORGANIZATION_ID": instance["organization_id"],
        }
        if any("{{MEMSECRT_" in as_json(each) for each in descriptions.values()):
            secret = self.keys.member_secret(instance["organization_id"], instance["owner"])
            values["MEMSECRT_EXECUTION_AUTH"] = secret
        installation = Installation(
            instance_id=instance_id,
            title=configuration["title"],
            workflows=descriptions,
            urls={each["workflowTemplateId"]: list(_urls(each)) for each in workflows},
            values=values,
            engine_ids=json.loads(instance["engine_ids"]),
            is_active=bool(instance["is_active"]),
            credentials=[credential for _, credential in credentials],
        )
        return installation, instance["rollout_id"]

    def _credentials(
        self, instance: sqlite3.Row, configuration: dict[str, Any]
    ) -> Iterator[tuple[str, Credential]]:
        """What this instance may use of what is connected, each with the place it was connected for."""
        custom = {each["id"]: each for each in configuration.get("customIntegrations") or []}
        for row in connected(self.store, instance["organization_id"], instance["owner"], instance["id"]):
            schema = custom.get(row["integration_id"]) or json.loads(row["custom_schema"] or "{}")
            kind, mapping = _CREDENTIALS.get(row["integration_id"], ("", {}))
            if schema:
                kind, mapping = schema.get("n8nCredentialType", ""), schema.get("n8nCredentialMapping") or {}
            clear = {
                name: opened
                for name, secret in json.loads(row["secrets"]).items()
                if (opened := self.encryption.open(secret["value"])) is not None
            }
            data: dict[str, str | int] = {mapping[name]: clear[name] for name in clear if name in mapping}
            if str(data.get("port", "")).isdecimal():
                data["port"] = int(data["port"])
            known = kind if data and kind != "none" else ""
            data = {**_ALWAYS.get(kind, {}), **data}
            yield (
                row["context_type"],
                Credential(row["credential_id"], row["integration_id"], known, data),
            )


def connected(store: Store, organization_id: str, user_id: str, instance_id: str) -> list[sqlite3.Row]:
    """The integrations that are there for a member, in one instance."""
    return store.every(
        "SELECT * FROM integrations WHERE organization_id = ? AND (context_type = 'organization'"
        " OR (context_type = 'member' AND context_id = ?)"
        " OR (context_type = 'process_instance' AND context_id = ?)) ORDER BY rowid",
        *(organization_id, user_id, instance_id),
    )


def _all_failed(installation: Installation, problem: str) -> Installed:
    return Installed(installation.engine_ids, dict.fromkeys(installation.workflows, problem))


def _defaults(fields: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    for each in fields:
        if each.get("type") == "section":
            yield from _defaults(each.get("inputSchema") or [])
        elif each.get("defaultValue") is not None:
            yield each["key"], each["defaultValue"]


def _urls(workflow: dict[str, Any]) -> Iterator[str]:
    for trigger in workflow["triggers"]:
        for name in ("url", "manualTriggerUrl"):
            if isinstance(trigger.get(name), str):
                yield trigger[name]


def _credential_values(connected: list[tuple[str, Credential]]) -> Iterator[tuple[str, str]]:
    """The placeholders of credentials: those with a fallback take the nearest place, which comes last."""
    places = {"organization": "ORGCRED", "member": "USERCRED", "process_instance": "INSTCRED"}
    for place, prefix in places.items():
        for context, credential in connected:
            if context == place:
                name = re.sub(r"\W", "_", credential.integration_id).upper()
                for each in (prefix, "FLEXCRED"):
                    yield f"{each}_{name}_ID", credential.id
                    yield f"{each}_{name}_NAME", credential.integration_id
