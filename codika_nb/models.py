"""What the platform answers, as typed, immutable values.

Members keep the platform's order and meaning, in Python spelling (``processInstanceId`` is
``process_instance_id``). Members that a newer platform adds are kept and do no harm; those that only
describe may be missing. Lists are lists that show themselves as tables.

(codika 3.6.0.)

Example:
    >>> run = client.run_workflow("greet", {"name": "Ada"})
    >>> run.execution_id == run.model_dump(by_alias=True)["executionId"]
    True
    >>> [instance.environment for instance in client.list_instances()]
    ['dev']
"""

from __future__ import annotations

import base64
import html
import re
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypedDict, TypeVar, get_args

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    create_model,
)
from pydantic.alias_generators import to_camel

from .errors import ConfigError, ExecutionFailedError, readable, redact

if TYPE_CHECKING:
    from pandas import DataFrame
    from typing_extensions import Self

    from .views import Chart

__all__ = [
    "AcceptedDocument",
    "AcceptedDocuments",
    "CodeSent",
    "CredentialSchema",
    "DataIngestion",
    "DeployedWorkflow",
    "Deployment",
    "Execution",
    "ExecutionDetails",
    "ExecutionProblem",
    "ExecutionSummary",
    "Executions",
    "Identity",
    "Instance",
    "InstanceDeployment",
    "InstanceState",
    "InstanceSummary",
    "InstanceWorkflow",
    "Instances",
    "Integration",
    "IntegrationConnected",
    "IntegrationDeleted",
    "Integrations",
    "KeyBundle",
    "MintedKey",
    "Note",
    "NoteSaved",
    "Notes",
    "OrganizationCreated",
    "PendingDeactivations",
    "Project",
    "ProjectCreated",
    "ProjectSummary",
    "ProjectVersion",
    "Projects",
    "Published",
    "Redeployment",
    "Skill",
    "Skills",
    "StageDocument",
    "StoredDocument",
    "Triggered",
    "UpdatedKey",
    "UseCaseFiles",
    "VerifiedKey",
    "WebhookUrls",
]


_building = threading.Lock()


class Answer(BaseModel):
    """A value from the platform; unknown members are kept."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="allow",
        # Of some forty classes a notebook uses a few, and only those are to cost time (see below).
        defer_build=True,
        # What fails to validate may hold a key, and messages end up on screens and in logs.
        hide_input_in_errors=True,
    )

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Make the value out of what was received; see pydantic."""
        if not cls.__pydantic_complete__:
            # Not every pydantic before 2.12 lets two threads build the same class.
            with _building:
                cls.model_rebuild()
        return super().model_validate(obj, **options)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # Unknown members may be anything, a key too; and what is not there needs no line.
        known = type(self).model_fields
        return [
            (name, value)
            for name, value in super().__repr_args__()
            if name in known and value not in (None, ())
        ]

    def __str__(self) -> str:
        return repr(self)


# --- lists -----------------------------------------------------------------------------------------

Row = TypeVar("Row", bound=Answer)


class Table(list[Row]):
    """A list that shows itself as a table, in plain text and in HTML.

    A subclass says what its rows are, under which member an answer holds them, and what is shown.
    """

    #: Heading of a column → attribute of a row.
    columns: ClassVar[dict[str, str]] = {}
    _page: ClassVar[type[BaseModel]]
    _row: ClassVar[type[Answer]]

    def __init_subclass__(cls, *, row: type[Answer], member: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._row = row
        rows: Any = (tuple[row, ...], Field(alias=member))  # type: ignore[valid-type]  # known when it runs
        cls._page = create_model(f"{cls.__name__}Page", __base__=Answer, rows=rows)

    @classmethod
    def read(cls, answer: Any) -> Self:
        """Make the list out of the answer that holds it."""
        page: Any = cls._page.model_validate(answer)
        return cls(page.rows)

    def _cells(self) -> list[list[str]]:
        return [[_cell(getattr(row, attribute)) for attribute in self.columns.values()] for row in self]

    def to_frame(self) -> DataFrame:
        """The rows as a pandas data frame: the table's columns first, then what else is known of them.

        Moments are in UTC. Text is as the server has sent it.

        Raises:
            ConfigError: pandas is not installed.

        Example:
            >>> client.list_projects().to_frame()["name"].tolist()
            ['Greeter']
        """
        fields = self._row.model_fields
        names = dict.fromkeys([*self.columns.values(), *fields])
        columns = {name: [_datum(getattr(row, name)) for row in self] for name in names}
        moments = [name for name, field in fields.items() if datetime in get_args(field.annotation)]
        return data_frame(columns, rows=len(self), moments=moments)

    def __repr__(self) -> str:
        if not self:
            noun = re.findall("[A-Z][a-z]+", type(self).__name__)[-1]
            return f"No {noun.lower()}."
        lines = [list(self.columns), *self._cells()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{self!r}</p>"
        return html_table(list(self.columns), self._cells())


def _cell(value: object) -> str:
    """A value on one line, fit for a table: text from a server may be long, and hold anything."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    visible = " ".join("".join(c if c.isprintable() else " " for c in redact(str(value))).split())
    return visible if len(visible) <= _WIDEST_CELL else visible[: _WIDEST_CELL - 1] + "…"


_WIDEST_CELL = 60


def html_table(headings: list[str], rows: list[list[str]]) -> str:
    def line(cells: Iterable[str], tag: str) -> str:
        # Tables of a notebook are right-aligned by default, which suits numbers only. The last column
        # holds what is long, and gives way first.
        styles = ["text-align: left"] * (len(headings or rows[0]) - 1) + [
            "text-align: left; min-width: 10em; overflow-wrap: anywhere"
        ]
        styled = zip(cells, styles, strict=True)
        return (
            "<tr>"
            + "".join(f'<{tag} style="{css}">{html.escape(cell)}</{tag}>' for cell, css in styled)
            + "</tr>"
        )

    head = f"<thead>{line(headings, 'th')}</thead>" if headings else ""
    return f"<table>{head}<tbody>{''.join(line(row, 'td') for row in rows)}</tbody></table>"


def _datum(value: object) -> object:
    """A value as a data frame has it: what is nested as a plain dict, of the members that are known."""
    if isinstance(value, Answer):
        return {name: _datum(getattr(value, name)) for name in type(value).model_fields}
    return value


def data_frame(
    columns: Mapping[str, list[Any]],
    *,
    rows: int,
    moments: Collection[str] = (),
    beside: DataFrame | None = None,
) -> DataFrame:
    """A pandas data frame.

    Args:
        columns: the values by name.
        rows: how many there are of each.
        moments: the columns that hold moments in time.
        beside: a frame of as many rows that comes first; its index stays.

    Raises:
        ConfigError: pandas is not installed.
    """
    try:
        pandas: Any = import_module("pandas")  # who asks for a frame has it; nobody else needs it
    except ImportError:
        raise ConfigError(
            "A data frame takes pandas, and that is not installed here.", next_action="pip install pandas"
        ) from None

    def column(name: str, values: list[Any]) -> Any:
        if name in moments:
            return pandas.to_datetime(values, utc=True, errors="coerce")
        # What is missing would else make fractions of whole numbers, and objects of truth values.
        kinds = {type(value) for value in values if value is not None}
        small = kinds == {int} and all(value is None or abs(value) < 2**63 for value in values)
        kind = "Int64" if small else "boolean" if kinds == {bool} else None
        return pandas.array(values, dtype=kind) if kind and None in values else values

    index = range(rows) if beside is None else beside.index
    frame: DataFrame = pandas.DataFrame({name: column(name, columns[name]) for name in columns}, index=index)
    if beside is not None:
        frame = pandas.concat([beside, frame], axis=1)
    return frame


# --- accounts, organizations, keys -----------------------------------------------------------------


class CodeSent(Answer):
    """A six-digit code is on its way to `email` and works for `expires_in_seconds`."""

    email: str
    expires_in_seconds: int


class MintedKey(Answer):
    """A fresh organization key; `raw` is shown by the platform this once, and never in a repr."""

    key_id: str
    # Signing in answers it as "raw", making a further key as "apiKey".
    raw: SecretStr = Field(validation_alias=AliasChoices("raw", "apiKey"))
    key_prefix: str
    name: str
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str | None = None


class KeyBundle(Answer):
    """What completing a sign-up or a login yields: an organization and a key for it."""

    organization_id: str
    organization_name: str
    is_new_user: bool | None = None
    api_key: MintedKey


class VerifiedKey(Answer):
    """What the platform knows about the key in use."""

    type: str = "org-api-key"
    organization_id: str | None = None
    organization_name: str | None = None
    key_name: str | None = None
    key_prefix: str | None = None
    scopes: tuple[str, ...] = ()
    created_at: str | None = None
    expires_at: str | None = None
    last_used_at: str | None = None


class UpdatedKey(Answer):
    """A key after its name, description or scopes have been changed; the key itself is the same."""

    key_id: str
    name: str | None = None
    description: str | None = None
    scopes: tuple[str, ...] = ()
    updated_at: str | None = None


class OrganizationCreated(Answer):
    """A new organization, known by its id; it has no key yet."""

    organization_id: str


@dataclass(frozen=True, repr=False)
class Identity:
    """Who the client speaks for, and why: the source that won, and what it hides.

    Attributes:
        kind: ``org-api-key``, ``personal-api-key`` or ``admin-api-key`` as the platform says;
            ``instance-key`` or ``webhook-signature``, of which it says nothing.
        key: its first eight characters and ``...``; None for a signature.
        source: ``argument``, ``env (CODIKA_API_KEY)``, a file, or ``profile "…"``.
        hides: the sources that would count if that one were gone.
        note: what could not be found out, and why.
    """

    server: str
    source: str
    kind: str
    key: str | None = None
    organization: str | None = None
    organization_id: str | None = None
    key_name: str | None = None
    scopes: tuple[str, ...] = ()
    expires_at: str | None = None
    hides: tuple[str, ...] = ()
    note: str | None = None

    def _rows(self) -> list[list[str]]:
        organization = self.organization or self.organization_id
        if self.organization and self.organization_id:
            organization = f"{self.organization} ({self.organization_id})"
        rows = {
            "Organization": organization,
            "Key": ", ".join(filter(None, (self.key, self.key_name, self.kind))),
            "Server": self.server,
            "From": self.source,
            "Hides": ", ".join(self.hides),
            "Expires": self.expires_at,
            "Scopes": " ".join(self.scopes),
            "Note": self.note,
        }
        return [
            [name, _cell(value) if name == "Organization" else str(value)]
            for name, value in rows.items()
            if value
        ]

    def __repr__(self) -> str:
        return "\n".join(f"{name:<13} {value}" for name, value in self._rows())

    def _repr_html_(self) -> str:
        return html_table([], self._rows())


# --- projects --------------------------------------------------------------------------------------


class ProjectCreated(Answer):
    """A new project, known by its id."""

    project_id: str


class ProjectSummary(Answer):
    """A project as it appears in a list."""

    id: str
    name: str | None = None
    description: str | None = None
    status: Literal["draft", "in_progress", "completed"] | str | None = None
    has_published_process: bool | None = None
    archived: bool | None = None
    created_by: str | None = None
    created_at: datetime | None = None


class Projects(Table[ProjectSummary], row=ProjectSummary, member="projects"):
    """Projects, as a list."""

    columns: ClassVar[dict[str, str]] = {
        "Name": "name",
        "Project": "id",
        "Status": "status",
        "Published": "has_published_process",
        "Created": "created_at",
    }


class ProjectVersion(Answer):
    """The version that a project runs."""

    version: str
    deployed_at: datetime | None = None


class Project(ProjectSummary):
    """A project: what is deployed to it, and at which stage it is."""

    process_id: str | None = None
    current_deployment: ProjectVersion | None = None
    stage_count: int | None = None
    current_stage: int | None = None


# --- deployment ------------------------------------------------------------------------------------


class DeployedWorkflow(Answer):
    """One workflow of a deployment, and whether it runs."""

    workflow_template_id: str
    n8n_workflow_id: str | None = Field(default=None, alias="n8nWorkflowId")
    status: Literal["active", "inactive", "failed"] | str = "active"


class Deployment(Answer):
    """A use case as the platform now runs it: version, instance, workflows."""

    template_id: str
    version: str
    is_new_process: bool = False
    process_id: str
    process_instance_id: str | None = None
    deployment_instance_id: str
    workflows_deployed: tuple[DeployedWorkflow, ...] = ()
    deployment_status: Literal["deployed", "failed", "pending"] | str
    error: str | None = None

    def __repr__(self) -> str:
        return (
            f"Deployment(version={self.version!r}, status={self.deployment_status!r}, "
            f"workflows={[w.workflow_template_id for w in self.workflows_deployed]})"
        )

    def _repr_html_(self) -> str:
        from .views import deployment  # noqa: PLC0415 - only a notebook asks for it

        return deployment(self, "The use case")["text/html"]


class Published(Answer):
    """A published version; `process_instance_id` is the production instance, if there is one."""

    process_deployment_id: str
    version: str | None = None
    process_instance_id: str | None = None


class Redeployment(Answer):
    """A deployment that was run again, with fresh credentials or other parameters."""

    deployment_status: Literal["deployed", "failed"] | str
    deployment_instance_id: str | None = None
    n8n_workflow_ids: tuple[str, ...] = Field(default=(), alias="n8nWorkflowIds")


class StageDocument(TypedDict):
    """A document about one of a project's stages, to be deployed; the content is Markdown."""

    stage: int
    title: str
    content: str
    summary: str


class AcceptedDocument(Answer):
    """A stage document that the platform has taken, and its version."""

    stage: int
    document_id: str
    version: str | None = None
    status: str | None = None


class AcceptedDocuments(Table[AcceptedDocument], row=AcceptedDocument, member="documentsCreated"):
    """What has become of the stage documents that were deployed, as a list."""

    columns: ClassVar[dict[str, str]] = {
        "Stage": "stage",
        "Version": "version",
        "Status": "status",
        "Document": "document_id",
    }


class WebhookUrls(Answer):
    """Where the platform tells a data ingestion what to embed, and what to forget."""

    embed: str | None = None
    delete: str | None = None


class DataIngestion(Answer):
    """A deployed data ingestion; its versions count apart from the use case's."""

    data_ingestion_id: str
    version: str
    status: Literal["pending", "active", "failed", "inactive", "superseded"] | str
    webhook_urls: WebhookUrls | None = None


# --- executions ------------------------------------------------------------------------------------


class Triggered(Answer):
    """A run has been started; `execution_id` is the handle to wait for it."""

    execution_id: str
    message: str = ""


# What a workflow says about its failure may repeat anything that it has been given.
_Readable = Annotated[str, AfterValidator(readable)]


class ExecutionProblem(Answer):
    """Why a run failed, and at which node."""

    type: _Readable = ""
    message: _Readable = ""
    code: _Readable | None = None
    failed_node_name: _Readable | None = None


class Execution(Answer):
    """One run of a workflow: its state, and its result once it has ended well."""

    execution_id: str
    status: Literal["pending", "success", "failed"] | str
    created_at: datetime | None = None
    duration: int | None = Field(default=None, description="milliseconds")
    result_data: Any = None
    error_details: ExecutionProblem | None = None

    @property
    def ended(self) -> bool:
        """Whether the run is over; anything but ``pending`` is final."""
        return self.status != "pending"

    @property
    def result(self) -> Any:
        """The result of the workflow; raises `ExecutionFailedError` when there is none."""
        if self.status == "success":
            return self.result_data
        problem = self.error_details
        if not self.ended:
            message, action = f"Run {self.execution_id} has not ended yet.", "Wait: client.wait_for(run)"
        elif problem is None:
            message, action = f"Run {self.execution_id} ended as {self.status}.", None
        else:
            at = f" at node “{problem.failed_node_name}”" if problem.failed_node_name else ""
            message, action = f"The workflow failed{at}: {problem.message}", None
        error = ExecutionFailedError(
            message, next_action=action, code=(problem.code or problem.type) if problem else self.status
        )
        error.execution = self
        error.execution_id = self.execution_id
        raise error

    def __repr__(self) -> str:
        took = f", {self.duration} ms" if self.duration is not None else ""
        if self.status == "success":
            return f"Execution({self.status}{took}, result={self.result_data!r})"
        why = f", {self.error_details.message!r}" if self.error_details else ""
        return f"Execution({self.status}{took}{why}, id={self.execution_id!r})"

    def _repr_html_(self) -> str:
        from .views import execution  # noqa: PLC0415 - only a notebook asks for it

        return execution(self, "The run")["text/html"]


class ExecutionDetails(Answer):
    """A run as the workflow engine recorded it, node by node, in `n8n_execution`."""

    codika_execution_id: str
    n8n_execution_id: str | None = Field(default=None, alias="n8nExecutionId")
    status: str
    n8n_execution: Any = Field(default=None, alias="n8nExecution", repr=False)


class ExecutionSummary(Answer):
    """A run as it appears in a list."""

    execution_id: str
    workflow_id: str | None = None
    trigger_id: str | None = None
    status: Literal["pending", "success", "failed"] | str | None = None
    created_at: datetime | None = None
    duration: int | None = Field(default=None, description="milliseconds")
    n8n_execution_id: str | None = Field(default=None, alias="n8nExecutionId")
    error_details: ExecutionProblem | None = None

    @property
    def error(self) -> str | None:
        """Why it failed, and at which node, in one line; None if it did not fail."""
        if self.error_details is None:
            return None
        node = self.error_details.failed_node_name
        return f"{node}: {self.error_details.message}" if node else self.error_details.message


class Executions(Table[ExecutionSummary], row=ExecutionSummary, member="executions"):
    """Runs, newest first, as a list."""

    columns: ClassVar[dict[str, str]] = {
        "Run": "execution_id",
        "Workflow": "workflow_id",
        "Status": "status",
        "Started": "created_at",
        "ms": "duration",
        "Error": "error",
    }

    def chart(self) -> Chart:
        """States and durations over time, as a picture."""
        from .views import Chart  # noqa: PLC0415 - only who wants a picture needs it

        return Chart(self)


# --- instances -------------------------------------------------------------------------------------


class InstanceSummary(Answer):
    """A process instance as it appears in a list."""

    process_instance_id: str
    process_id: str | None = None
    title: str | None = None
    environment: Literal["dev", "prod"] | str | None = None
    is_active: bool | None = None
    archived: bool | None = None
    current_version: str | None = None
    installed_at: datetime | None = None
    last_executed_at: datetime | None = None
    inactive_reason: str | None = None


class Instances(Table[InstanceSummary], row=InstanceSummary, member="instances"):
    """Process instances, as a list."""

    columns: ClassVar[dict[str, str]] = {
        "Title": "title",
        "Instance": "process_instance_id",
        "Environment": "environment",
        "Version": "current_version",
        "Active": "is_active",
        "Last run": "last_executed_at",
    }


class InstanceWorkflow(Answer):
    """A workflow of an instance; from the fifth member on only when details were asked for."""

    workflow_id: str
    n8n_workflow_id: str | None = Field(default=None, alias="n8nWorkflowId")
    workflow_name: str | None = None
    n8n_workflow_is_active: bool | None = Field(default=None, alias="n8nWorkflowIsActive")
    triggers: tuple[dict[str, Any], ...] = ()
    cost: float | None = None
    integration_uids: tuple[str, ...] = ()


class InstanceDeployment(Answer):
    """What an instance runs, and with which parameters."""

    deployment_instance_id: str
    deployment_status: Literal["pending", "deploying", "deployed", "failed", "updating"] | str | None = None
    deployment_parameters: dict[str, Any] | None = None
    deployment_input_schema: tuple[Any, ...] | None = None
    workflows: tuple[InstanceWorkflow, ...] = ()


class Instance(InstanceSummary):
    """A process instance: state, version, workflows."""

    organization_id: str | None = None
    deployment: InstanceDeployment | None = None


class InstanceState(Answer):
    """Whether an instance is switched on."""

    process_instance_id: str
    is_active: bool
    workflow_count: int | None = None


# --- what is stored with a deployment --------------------------------------------------------------


def _from_base64(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return base64.b64decode(value, validate=True)


class StoredDocument(Answer):
    """A file of a deployed use case; `content` is there if it was asked for."""

    relative_path: str
    storage_path: str | None = None
    content_type: str | None = None
    size_bytes: int | None = None
    uploaded_at: datetime | None = None
    description: str | None = None
    content: Annotated[bytes, BeforeValidator(_from_base64)] | None = Field(
        default=None, alias="contentBase64", repr=False
    )


class UseCaseFiles(Table[StoredDocument], row=StoredDocument, member="documents"):
    """The files of a deployed use case, as a list.

    Attributes:
        project_id, organization_id: whose they are.
        version: of which version they are.
        data_ingestion_version: the same for a data ingestion that is among them.
        written: where they have been written to, in the list's order.
    """

    project_id: str | None = None
    organization_id: str | None = None
    version: str | None = None
    data_ingestion_version: str | None = None
    written: tuple[Path, ...] = ()
    columns: ClassVar[dict[str, str]] = {
        "File": "relative_path",
        "Bytes": "size_bytes",
        "Type": "content_type",
        "Uploaded": "uploaded_at",
    }

    @classmethod
    def read(cls, answer: Any) -> Self:
        """Make the list out of the answer that holds it."""
        files = super().read(answer)
        about = _Version.model_validate(answer)
        for name in _Version.model_fields:
            setattr(files, name, getattr(about, name))
        return files


class _Version(Answer):
    project_id: str | None = None
    organization_id: str | None = None
    version: str | None = None
    data_ingestion_version: str | None = None


class Skill(Answer):
    """A description of a workflow for agents, in Markdown."""

    name: str
    description: str | None = None
    workflow_template_id: str | None = None
    content_markdown: str = Field(repr=False)
    relative_path: str | None = None


class Skills(Table[Skill], row=Skill, member="skills"):
    """The skills of an instance, as a list.

    Attributes:
        written: where they have been written to, in the list's order.
    """

    written: tuple[Path, ...] = ()
    columns: ClassVar[dict[str, str]] = {
        "Skill": "name",
        "Workflow": "workflow_template_id",
        "Description": "description",
    }


# --- integrations ----------------------------------------------------------------------------------


class Integration(Answer):
    """A credential that an organization, a member or an instance has connected."""

    integration_id: str
    context_type: Literal["organization", "member", "process_instance"] | str | None = None
    connected: bool | None = None
    connected_at: datetime | None = None
    connected_by: str | None = None
    has_valid_tokens: bool | None = None
    n8n_credential_id: str | None = Field(default=None, alias="n8nCredentialId")
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
    n8n_credential_id: str | None = Field(default=None, alias="n8nCredentialId")


class PendingInstance(Answer):
    """An instance that needs the integration."""

    process_instance_id: str
    title: str | None = None


class PendingDeactivations(Answer):
    """The instances that would be switched off."""

    count: int
    processes: tuple[PendingInstance, ...] = ()


class IntegrationDeleted(Answer):
    """What has become of an integration that was to be deleted.

    With `pending_deactivations` it is still there: these instances need it and would be switched off.
    Repeat with ``confirm=True`` to delete it all the same.
    """

    message: str = ""
    deactivated_count: int | None = None
    pending_deactivations: PendingDeactivations | None = None

    @property
    def deleted(self) -> bool:
        """Whether it is gone; otherwise a confirmation is waited for."""
        return self.pending_deactivations is None


class CredentialSchema(Answer):
    """Which fields a type of credential has, and which of them it needs (a JSON schema)."""

    type: str
    properties: dict[str, Any] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    additional_properties: bool | None = None
    all_of: tuple[Any, ...] | None = None


# --- notes -----------------------------------------------------------------------------------------


class NoteSaved(Answer):
    """A note in its new version."""

    project_id: str | None = None
    document_id: str
    document_type_id: str
    version: str
    is_new: bool | None = None


class Note(Answer):
    """A note about a project, in one of its versions."""

    id: str
    project_id: str | None = None
    document_type_id: str
    title: str | None = None
    content: str = Field(default="", repr=False)
    summary: str | None = None
    version: str
    parent_version: str | None = None
    status: Literal["current", "superseded"] | str | None = None
    # The platform's own type for it is not known; text and moment are both seen.
    created_at: Any = None
    agent_id: str | None = None
    content_length: int | None = None
    word_count: int | None = None


class Notes(Table[Note], row=Note, member="documents"):
    """Notes about a project, as a list."""

    columns: ClassVar[dict[str, str]] = {
        "Note": "document_type_id",
        "Version": "version",
        "Status": "status",
        "Title": "title",
        "Summary": "summary",
    }
