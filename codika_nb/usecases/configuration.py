"""The configuration of a use case, and what travels beside it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from .fields import DeploymentField, FormField
from .triggers import Trigger
from .wire import Model, Place, otherwise_written, put_back


class KnowledgeBaseAccess(Model):
    """Which documents of the knowledge base a workflow may read, by tag."""

    process_doc_tags: list[str] = Field(default_factory=list)
    process_instance_doc_tags: list[str] = Field(default_factory=list)


class Workflow(Model):
    """One workflow: how it starts, what it takes and what it gives.

    The workflow itself is the file ``workflows/<workflow_template_id>.json``.

    Args:
        workflow_template_id: stable name; runs are triggered by it.
        workflow_id: the same, if left out.
        workflow_name: the same in words ("daily-report" is "Daily Report"), if left out.
        triggers: what starts it, at least one.
        knowledge_base_access: which documents it may read; none if left out.
        n8n_workflow_json_base64: the workflow itself, where it is no file.
        markdown_info: a page about it, for the people who use it.
        integration_uids: services that it needs, as in ``openai``.
        workflow_category: ``user_facing`` (the platform's default), or ``data_ingestion``, which is hidden.
        output_schema: what its result has, as a form has fields.
        cost: credits shown for a run; sub-workflows cost 0, their caller pays.
        cost_estimation_for_llm_tokens: credits that its language models may cost besides.
    """

    workflow_template_id: str = Field(min_length=1)
    workflow_id: str = ""
    workflow_name: str = ""
    triggers: list[Trigger]
    knowledge_base_access: KnowledgeBaseAccess = KnowledgeBaseAccess()
    n8n_workflow_json_base64: str | None = None
    markdown_info: str | None = None
    integration_uids: list[str] | None = None
    workflow_category: Literal["user_facing", "data_ingestion"] | None = None
    output_schema: list[FormField] | None = None
    cost: int | float | None = None
    cost_estimation_for_llm_tokens: int | float | None = None

    @model_validator(mode="after")
    def _fill_in(self) -> Workflow:
        name = self.workflow_template_id
        self.workflow_id = self.workflow_id or name
        self.workflow_name = self.workflow_name or name.replace("-", " ").replace("_", " ").title()
        self.triggers = [
            trigger if trigger.trigger_id else trigger.model_copy(update={"trigger_id": _trigger_id(name, n)})
            for n, trigger in enumerate(self.triggers)
        ]
        return self


def _trigger_id(workflow: str, position: int) -> str:
    """The same for every deployment of a workflow, so that a deployment does not look like a new trigger."""
    return str(uuid5(NAMESPACE_URL, f"codika:{workflow}/triggers/{position}"))


class DataIngestionEndpoint(Model):
    """The workflow that takes in documents, for quick reference."""

    workflow_template_id: str
    webhook_url: str
    purpose: str


class Agent(Model):
    """An assistant that talks to people on behalf of the use case."""

    id: str
    name: str
    system_prompt: str
    title: str
    description: str
    welcome_message: str


class CustomIntegrationField(Model):
    """One value that a custom integration asks for.

    Args:
        key: its name, in UPPER_SNAKE_CASE.
        required: where it is left out, secrets are and metadata are not.
    """

    key: str
    label: str
    type: Literal["password", "string", "url", "number"]
    description: str | None = None
    placeholder: str | None = None
    required: bool | None = None


class CustomIntegration(Model):
    """A service that the platform does not know, described by the use case.

    Args:
        id: ``cstm_`` and a name in snake_case.
        context_type: whose credentials they are.
        n8n_credential_type: a credential type of the engine, or ``none``.
        n8n_credential_mapping: from the keys of the fields to those of the credential; not with ``none``.
        secret_fields: what is asked for, and encrypted before it is sent.
        metadata_fields: what is asked for besides, and stored in clear.
        logo_url: a picture, which counts more than `icon`.
        color: of the icon, ``#rrggbb``.
    """

    id: str = Field(pattern=r"^cstm_[a-z0-9_]+$")
    name: str
    description: str | None = None
    context_type: Literal["organization", "member", "process_instance"]
    n8n_credential_type: str
    n8n_credential_mapping: dict[str, str] | None = None
    secret_fields: list[CustomIntegrationField]
    metadata_fields: list[CustomIntegrationField] | None = None
    icon: str | None = None
    logo_url: str | None = None
    color: str | None = None

    @model_validator(mode="after")
    def _mapped(self) -> CustomIntegration:
        if self.n8n_credential_type != "none" and self.n8n_credential_mapping is None:
            raise ValueError('n8nCredentialMapping is required unless n8nCredentialType is "none"')
        return self


#: Where fields have fields of their own.
_FIELDS_WITHIN = ("schema", "itemSchema", "inputSchema")


class Configuration(Model):
    """A use case: what it is called, its workflows and what they need.

    Args:
        title: name of the use case.
        subtitle: what stands below it; empty if left out.
        description: what it does, in a sentence or two.
        workflows: at least one.
        process_deployment_markdown: a page about the use case, for the people who use it.
        tags: words to find it by.
        integration_uids: services the use case needs, as in ``openai``.
        release_notes: what is new in this version.
        process_type: ``personal`` gives everyone their own instance (the platform's default),
            ``organizational`` one for all.
        deployment_input_schema: what is asked when an instance is deployed; reaches the workflows
            through ``INSTPARM`` placeholders.
        default_deployment_parameters: the answers where others are not given, by ``key``.
        icon: name of a Lucide icon.
        data_ingestion_endpoint: the workflow that takes in documents, if one does.
        agent: the assistant that talks to people on its behalf, if there is one.
        custom_integrations: services that it needs and the platform does not know.
    """

    title: str = Field(min_length=1)
    subtitle: str = ""
    description: str
    workflows: list[Workflow] = Field(min_length=1)
    process_deployment_markdown: str = ""
    tags: list[str] = Field(default_factory=list)
    integration_uids: list[str] = Field(default_factory=list)
    release_notes: str | None = None
    icon: str | None = None
    data_ingestion_endpoint: DataIngestionEndpoint | None = None
    deployment_input_schema: list[DeploymentField] | None = None
    default_deployment_parameters: dict[str, Any] | None = None
    agent: Agent | None = None
    process_type: Literal["personal", "organizational"] | None = None
    custom_integrations: list[CustomIntegration] | None = None

    # By place: what is used here in the place of what was written, and that.
    _written: dict[Place, tuple[Any, Any]] = PrivateAttr(default_factory=dict)

    @classmethod
    def read(cls, given: object) -> Configuration:
        """A configuration as somebody has written it: a value of another kind is sent as it is there.

        Raises:
            ValidationError: it is none.
        """
        with suppress(ValidationError):
            return cls.model_validate(given, strict=True)
        made = cls.model_validate(given)
        found = otherwise_written(given, made.to_json())
        made._written = {place: (value, written) for place, value, written in found}
        return made

    @property
    def as_written(self) -> dict[Place, Any]:
        """By place: the values of another kind than belongs there."""
        return {place: written for place, (_, written) in self._written.items()}

    def to_json(self) -> dict[str, Any]:
        """As the platform expects it: its own spelling, absent members left out."""
        sent = super().to_json()
        for place, (value, written) in self._written.items():
            put_back(sent, place, value, written)
        return sent

    @field_validator("deployment_input_schema", mode="before")
    @classmethod
    def _labelled(cls, given: Any) -> Any:
        """A field without a label is shown by its key."""
        if not isinstance(given, list):
            return given
        return [
            ({"label": field["key"]} if "key" in field else {})
            | {name: cls._labelled(v) if name in _FIELDS_WITHIN else v for name, v in field.items()}
            if isinstance(field, dict)
            else field
            for field in given
        ]


class MetadataDocument(Model):
    """A file of the use case, stored with the deployment so that it can be fetched again."""

    relative_path: str
    content_type: str
    content_base64: str = Field(repr=False)
    description: str | None = None


class Skill(Model):
    """A page that tells an agent how to use one workflow.

    Args:
        name: small letters, digits and hyphens; also the name of its folder.
        description: what it does and when to use it; agents choose by this.
        workflow_template_id: the workflow it is about.
        content_markdown: the page.
        relative_path: its place in the folder; follows from the name in a use case made in Python.
    """

    name: str
    description: str
    workflow_template_id: str
    content_markdown: str = Field(repr=False)
    relative_path: str = ""
