"""The configuration of a use case, as pydantic models: what ``config.json`` and ``config.py`` say.

Members are written in Python spelling (``workflow_template_id``) or in the platform's
(``workflowTemplateId``); both are read, the platform's is sent. Members that these models do not
know are kept and sent as they are. The shapes are those of codika 3.6.0.

Example:
    >>> from codika_nb.configuration import Configuration, HttpTrigger, StringField, Workflow, webhook_url
    >>> form = [StringField(key="name", label="Name", required=True)]
    >>> configuration = Configuration(
    ...     title="Greeter",
    ...     description="Greets a person by name.",
    ...     workflows=[
    ...         Workflow(
    ...             workflow_template_id="greet",
    ...             triggers=[HttpTrigger(url=webhook_url("greet"), input_schema=form)],
    ...             output_schema=[StringField(key="greeting", label="Greeting")],
    ...         )
    ...     ],
    ... )
    >>> configuration.to_json()["workflows"][0]["triggers"][0]["inputSchema"]
    [{'type': 'string', 'key': 'name', 'label': 'Name', 'required': True}]
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel

__all__ = [
    "Agent",
    "ArrayField",
    "BooleanField",
    "BooleanItem",
    "Configuration",
    "CustomIntegration",
    "CustomIntegrationField",
    "DataIngestionEndpoint",
    "DataIngestionTrigger",
    "DataIngestionWebhooks",
    "DateField",
    "DateItem",
    "DeploymentArrayField",
    "DeploymentField",
    "DeploymentObjectArrayField",
    "DeploymentObjectField",
    "DeploymentSection",
    "FileField",
    "FormField",
    "HttpTrigger",
    "ItemField",
    "KnowledgeBaseAccess",
    "MetadataDocument",
    "MultiselectField",
    "NumberField",
    "NumberItem",
    "ObjectArrayField",
    "ObjectField",
    "Option",
    "RadioField",
    "RadioItem",
    "ScheduleTrigger",
    "Section",
    "SelectField",
    "SelectItem",
    "ServiceEventTrigger",
    "Skill",
    "StringField",
    "StringItem",
    "SubworkflowInput",
    "SubworkflowTrigger",
    "TextField",
    "TextItem",
    "Trigger",
    "Workflow",
    "webhook_url",
]

ENGINE_WEBHOOKS = "{{ORGSECRET_N8N_BASE_URL_TERCESORG}}/webhook/"
"""What the address of every webhook begins with; the platform fills in the organization's engine."""

INSTANCE_PATH = "{{PROCDATA_PROCESS_ID_ATADCORP}}/{{USERDATA_PROCESS_INSTANCE_UID_ATADRESU}}/"
"""What keeps the webhooks of two instances of a use case apart."""

# The wire names that are not simply the camel-cased field name.
_IRREGULAR_NAMES = {
    "schema_": "schema",
    "n8n_workflow_json_base64": "n8nWorkflowJsonBase64",
    "n8n_credential_type": "n8nCredentialType",
    "n8n_credential_mapping": "n8nCredentialMapping",
    "cost_estimation_for_llm_tokens": "costEstimationForLLMTokens",
}


def webhook_url(name: str) -> str:
    """The address of a workflow's webhook, for `HttpTrigger.url` and `ScheduleTrigger.manual_trigger_url`.

    Args:
        name: the last part of the ``path`` of the workflow's webhook node.

    Example:
        >>> webhook_url("greet")
        '{{ORGSECRET_N8N_BASE_URL_TERCESORG}}/webhook/{{PROCDATA_PROCESS_ID_ATADCORP}}/.../greet'
    """
    return f"{ENGINE_WEBHOOKS}{INSTANCE_PATH}{name}"


def _wire_name(field: str) -> str:
    return _IRREGULAR_NAMES.get(field) or to_camel(field)


class _Model(BaseModel):
    """A part of the configuration; unknown members are kept."""

    model_config = ConfigDict(alias_generator=_wire_name, populate_by_name=True, extra="allow")

    # Members that may be null on the wire; in all others, null is the same as absent.
    _nullable: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _with_nulls(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        members: dict[str, Any] = serialize(self)
        if not isinstance(self, _Model):  # Python code can put anything in place of a checked value
            return members
        given = {name: getattr(self, name) for name in self._nullable if name in self.model_fields_set}
        nulls = [name for name, value in (given | (self.model_extra or {})).items() if value is None]
        return members | dict.fromkeys(nulls)

    def to_json(self) -> dict[str, Any]:
        """As the platform expects it: its own spelling, absent members left out."""
        # No warnings: what Python code has put in place of a checked value is for `UseCase.verify` to say.
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)


# --- fields of a form ------------------------------------------------------------------------------


class Option(_Model):
    """One choice of a select, multiselect or radio field."""

    value: str
    label: str


class _Described(_Model):
    description: str | None = None
    tooltip: str | None = None
    placeholder: str | None = None


class StringItem(_Described):
    """An element of an array: one line of text."""

    type: Literal["string"] = "string"
    default_value: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    regex: str | None = None
    regex_error: str | None = None


class TextItem(_Described):
    """An element of an array: several lines of text."""

    type: Literal["text"] = "text"
    default_value: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    rows: int | None = None
    regex: str | None = None
    regex_error: str | None = None


class NumberItem(_Described):
    """An element of an array: a number, whole (``integer``) or not (``double``)."""

    type: Literal["number"] = "number"
    default_value: int | float | None = None
    number_type: Literal["integer", "double"] | None = None
    min: int | float | None = None
    max: int | float | None = None
    step: int | float | None = None


class BooleanItem(_Described):
    """An element of an array: yes or no."""

    type: Literal["boolean"] = "boolean"
    default_value: bool | None = None
    enabled_label: str | None = None
    disabled_label: str | None = None


class DateItem(_Described):
    """An element of an array: a date, as ISO text."""

    type: Literal["date"] = "date"
    default_value: str | None = None
    min_date: str | None = None
    max_date: str | None = None


class SelectItem(_Described):
    """An element of an array: one of several options, from a list that drops down."""

    type: Literal["select"] = "select"
    default_value: str | None = None
    options: list[Option]


class RadioItem(_Described):
    """An element of an array: one of several options, all in view."""

    type: Literal["radio"] = "radio"
    default_value: str | None = None
    options: list[Option]


ItemField = Annotated[
    StringItem | TextItem | NumberItem | BooleanItem | DateItem | SelectItem | RadioItem,
    Field(discriminator="type"),
]
"""What an array may hold; no multiselect, because arrays of arrays cannot be stored."""


class _Field(_Described):
    key: str
    label: str
    required: bool | None = None


class StringField(_Field, StringItem):
    """One line of text."""


class TextField(_Field, TextItem):
    """Several lines of text."""


class NumberField(_Field, NumberItem):
    """A number, whole (``integer``) or not (``double``)."""


class BooleanField(_Field, BooleanItem):
    """Yes or no: a box to tick."""


class DateField(_Field, DateItem):
    """A date, as ISO text."""


class SelectField(_Field, SelectItem):
    """One of several options, from a list that drops down."""


class RadioField(_Field, RadioItem):
    """One of several options, all in view."""


class MultiselectField(_Field):
    """Any number of several options."""

    type: Literal["multiselect"] = "multiselect"
    default_value: list[str] | None = None
    options: list[Option]
    min_selections: int | None = None
    max_selections: int | None = None


class FileField(_Field):
    """A file to upload."""

    type: Literal["file"] = "file"
    max_size: int | None = None
    allowed_mime_types: list[str] | None = None
    show_preview: bool | None = None
    tags: list[str] | None = None


class _ArrayField(_Field):
    type: Literal["array"] = "array"
    default_value: list[str | bool | int | float] | None = None
    min_items: int | None = None
    max_items: int | None = None


class _ObjectField(_Field):
    type: Literal["object"] = "object"
    default_value: dict[str, Any] | None = None


class _ObjectArrayField(_Field):
    type: Literal["objectArray"] = "objectArray"
    default_value: list[dict[str, Any]] | None = None
    min_items: int | None = None
    max_items: int | None = None


class _Section(_Model):
    type: Literal["section"] = "section"
    title: str
    description: str | None = None
    collapsible: bool | None = None
    default_open: bool | None = None


class ArrayField(_ArrayField):
    """A list of values of one kind, given by `item_field`."""

    item_field: ItemField


class ObjectField(_ObjectField):
    """A group of fields whose values form one object; `schema_` is sent as ``schema``."""

    schema_: list[FormField]


class ObjectArrayField(_ObjectArrayField):
    """A list of objects, each with the fields of `item_schema`."""

    item_schema: list[FormField]


class Section(_Section):
    """A titled group of fields; it has no value of its own."""

    input_schema: list[FormField]


FormField = Annotated[
    StringField
    | TextField
    | NumberField
    | BooleanField
    | DateField
    | SelectField
    | MultiselectField
    | RadioField
    | FileField
    | ArrayField
    | ObjectField
    | ObjectArrayField
    | Section,
    Field(discriminator="type"),
]
"""A field, or a section of fields, of an input or output schema."""


class DeploymentArrayField(_ArrayField):
    """A deployment parameter that is a list; its elements are strings unless `item_field` says otherwise."""

    item_field: ItemField | None = None


class DeploymentObjectField(_ObjectField):
    """A deployment parameter that is an object; `schema_` is sent as ``schema``."""

    schema_: list[DeploymentField]


class DeploymentObjectArrayField(_ObjectArrayField):
    """A deployment parameter that is a list of objects, each with the fields of `item_schema`."""

    item_schema: list[DeploymentField]


class DeploymentSection(_Section):
    """A titled group of deployment parameters."""

    input_schema: list[DeploymentField]


DeploymentField = Annotated[
    StringField
    | TextField
    | NumberField
    | BooleanField
    | DateField
    | SelectField
    | MultiselectField
    | RadioField
    | DeploymentArrayField
    | DeploymentObjectField
    | DeploymentObjectArrayField
    | DeploymentSection,
    Field(discriminator="type"),
]
"""A field, or a section of fields, of the deployment parameters: all kinds but files."""


# --- triggers --------------------------------------------------------------------------------------


class _Trigger(_Model):
    _nullable = ("title",)

    # Empty means: the workflow gives it one.
    trigger_id: str = ""
    title: str | None = None
    description: str | None = None


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
    method: Literal["POST", "GET", "PUT", "DELETE"] = "POST"
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


class SubworkflowInput(_Model):
    """One value that a sub-workflow is called with."""

    key: str
    type: Literal["string", "number", "boolean", "array", "object"]


class SubworkflowTrigger(_Trigger):
    """Runs the workflow when another workflow of the use case calls it."""

    type: Literal["subworkflow"] = "subworkflow"
    input_schema: list[SubworkflowInput] | None = None
    called_by: list[str] | None = None


class DataIngestionWebhooks(_Model):
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


# --- the use case ----------------------------------------------------------------------------------


class KnowledgeBaseAccess(_Model):
    """Which documents of the knowledge base a workflow may read, by tag."""

    process_doc_tags: list[str] = []
    process_instance_doc_tags: list[str] = []


class Workflow(_Model):
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


class DataIngestionEndpoint(_Model):
    """The workflow that takes in documents, for quick reference."""

    workflow_template_id: str
    webhook_url: str
    purpose: str


class Agent(_Model):
    """An assistant that talks to people on behalf of the use case."""

    id: str
    name: str
    system_prompt: str
    title: str
    description: str
    welcome_message: str


class CustomIntegrationField(_Model):
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


class CustomIntegration(_Model):
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


class Configuration(_Model):
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
    tags: list[str] = []
    integration_uids: list[str] = []
    release_notes: str | None = None
    icon: str | None = None
    data_ingestion_endpoint: DataIngestionEndpoint | None = None
    deployment_input_schema: list[DeploymentField] | None = None
    default_deployment_parameters: dict[str, Any] | None = None
    agent: Agent | None = None
    process_type: Literal["personal", "organizational"] | None = None
    custom_integrations: list[CustomIntegration] | None = None


# --- what travels beside the configuration ---------------------------------------------------------


class MetadataDocument(_Model):
    """A file of the use case, stored with the deployment so that it can be fetched again."""

    relative_path: str
    content_type: str
    content_base64: str = Field(repr=False)
    description: str | None = None


class Skill(_Model):
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
