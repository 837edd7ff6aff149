"""What starts a workflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from .fields import FormField
from .wire import Model

ENGINE_WEBHOOKS = "{{ORGSECRET_N8N_BASE_URL_TERCESORG}}/webhook/"
"""What the address of every webhook begins with; the platform fills in the organization's engine."""

INSTANCE_PATH = "{{PROCDATA_PROCESS_ID_ATADCORP}}/{{USERDATA_PROCESS_INSTANCE_UID_ATADRESU}}/"
"""What keeps the webhooks of two instances of a use case apart."""


def webhook_url(name: str) -> str:
    """The address of a workflow's webhook, for `HttpTrigger.url` and `ScheduleTrigger.manual_trigger_url`.

    Args:
        name: the last part of the ``path`` of the workflow's webhook node.

    Example:
        >>> webhook_url("greet")
        '{{ORGSECRET_N8N_BASE_URL_TERCESORG}}/webhook/{{PROCDATA_PROCESS_ID_ATADCORP}}/.../greet'
    """
    return f"{ENGINE_WEBHOOKS}{INSTANCE_PATH}{name}"


class _Trigger(Model):
    _nullable = ("title",)

    # Empty means: the workflow gives it one.
    trigger_id: str = ""
    title: str | None = None
    description: str | None = None


Method = Literal["POST", "GET", "PUT", "DELETE"]
"""By what the platform calls a webhook."""


class HttpTrigger(_Trigger):
    """Runs the workflow when a person fills in its form or a program calls its address.

    Args:
        url: `webhook_url` of the name in the workflow's webhook node.
        method: ``POST`` if left out.
        input_schema: the form, and the payload's members.
        auth_method, auth_token: sent as they are.
    """

    type: Literal["http"] = "http"
    url: str
    method: Method = "POST"
    input_schema: list[FormField] | None = None
    auth_method: Literal["none", "bearer", "basic"] | None = None
    auth_token: str | None = None


class ScheduleTrigger(_Trigger):
    """Runs the workflow at given times; the platform insists on all four members.

    Args:
        cron_expression: when, for the engine: ``0 9 * * 1``.
        timezone: in whose morning, as in ``Europe/Brussels``.
        human_readable: when, for people: "Every Monday at 9:00".
        manual_trigger_url: `webhook_url` that runs it in between.
    """

    type: Literal["schedule"] = "schedule"
    cron_expression: str
    timezone: str
    human_readable: str
    manual_trigger_url: str


class ServiceEventTrigger(_Trigger):
    """Runs the workflow when something happens in a service: a message, an e-mail."""

    type: Literal["service_event"] = "service_event"
    service: Literal["telegram", "email", "slack", "discord", "pipedrive", "other"]
    event_type: str


class SubworkflowInput(Model):
    """One value that a sub-workflow is called with."""

    key: str
    type: Literal["string", "number", "boolean", "array", "object"]

    @model_validator(mode="before")
    @classmethod
    def _older(cls, given: Any) -> Any:
        if isinstance(given, dict) and "key" not in given and "name" in given:
            return {"key" if name == "name" else name: value for name, value in given.items()}
        return given


class SubworkflowTrigger(_Trigger):
    """Runs the workflow when another workflow of the use case calls it."""

    type: Literal["subworkflow"] = "subworkflow"
    input_schema: list[SubworkflowInput] | None = None
    called_by: list[str] | None = None


class DataIngestionWebhooks(Model):
    """Where documents are embedded and removed, as path templates."""

    embed: str
    delete: str


class DataIngestionTrigger(_Trigger):
    """Runs the workflow when a document enters or leaves the knowledge base; `cost` is credits for each."""

    type: Literal["data_ingestion"] = "data_ingestion"
    webhooks: DataIngestionWebhooks
    cost: int | float | None = None


Trigger = Annotated[
    HttpTrigger | ScheduleTrigger | ServiceEventTrigger | SubworkflowTrigger | DataIngestionTrigger,
    Field(discriminator="type"),
]
"""What starts a workflow."""


def is_started(triggers: Iterable[Trigger]) -> bool:
    """Whether a workflow with these triggers can be started from outside: by HTTP, also a schedule's."""
    return any(isinstance(each, HttpTrigger | ScheduleTrigger) for each in triggers)
