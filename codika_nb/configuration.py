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

from .usecases.configuration import (
    Agent,
    Configuration,
    CustomIntegration,
    CustomIntegrationField,
    DataIngestionEndpoint,
    KnowledgeBaseAccess,
    MetadataDocument,
    Skill,
    Workflow,
)
from .usecases.fields import (
    ArrayField,
    BooleanField,
    BooleanItem,
    DateField,
    DateItem,
    DeploymentArrayField,
    DeploymentField,
    DeploymentObjectArrayField,
    DeploymentObjectField,
    DeploymentSection,
    FileField,
    FormField,
    ItemField,
    MultiselectField,
    NumberField,
    NumberItem,
    ObjectArrayField,
    ObjectField,
    Option,
    RadioField,
    RadioItem,
    Section,
    SelectField,
    SelectItem,
    StringField,
    StringItem,
    TextField,
    TextItem,
)
from .usecases.triggers import (
    DataIngestionTrigger,
    DataIngestionWebhooks,
    HttpTrigger,
    ScheduleTrigger,
    ServiceEventTrigger,
    SubworkflowInput,
    SubworkflowTrigger,
    Trigger,
    webhook_url,
)

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
