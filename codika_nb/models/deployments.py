"""What has been deployed, published, or deployed once more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, TypedDict

from pydantic import Field

from ..display.markup import Bundle, card
from ..display.text import redact
from .answer import Answer, Table


class DeployedWorkflow(Answer):
    """One workflow of a deployment, and whether it runs."""

    workflow_template_id: str
    n8n_workflow_id: str | None = Field(default=None, alias="n8nWorkflowId")
    status: Literal["active", "inactive", "failed"] | str = "active"


class Deployment(Answer):
    """A use case as the platform now runs it: version, instance, workflows."""

    template_id: str
    version: str = ""
    is_new_process: bool = False
    process_id: str
    process_instance_id: str | None = None
    deployment_instance_id: str
    workflows_deployed: tuple[DeployedWorkflow, ...] = ()
    deployment_status: Literal["deployed", "failed", "pending"] | str = ""
    error: str | None = None

    def __repr__(self) -> str:
        return redact(
            f"Deployment(version={self.version!r}, status={self.deployment_status!r}, "
            f"workflows={[w.workflow_template_id for w in self.workflows_deployed]})"
        )

    def _repr_html_(self) -> str:
        return deployment_card(self, "The use case")["text/html"]


class Published(Answer):
    """A published version; `process_instance_id` is the production instance, if there is one."""

    process_deployment_id: str
    version: str | None = None
    process_instance_id: str | None = None


class Redeployment(Answer):
    """A deployment that was run again, with fresh credentials or other parameters."""

    deployment_status: Literal["deployed", "failed"] | str = ""
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

    stage: int | None = None
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
    version: str = ""
    status: Literal["pending", "active", "failed", "inactive", "superseded"] | str = ""
    webhook_urls: WebhookUrls | None = None


def deployment_card(deployed: Deployment, title: str, rows: Iterable[tuple[str, str]] = ()) -> Bundle:
    """The outcome of a deployment, and how to go on."""
    good = deployed.deployment_status != "failed"
    workflows = [w.workflow_template_id for w in deployed.workflows_deployed]
    shown = [
        ("Version", deployed.version),
        (
            "Workflows",
            ", ".join(f"{w.workflow_template_id} ({w.status})" for w in deployed.workflows_deployed),
        ),
        ("Instance", deployed.process_instance_id or ""),
        ("Error", deployed.error or ""),
        ("Run it", f"%codika_trigger {workflows[0]} {{…}}" if good and workflows else ""),
        *rows,
    ]
    return card(f"{title} {'is deployed' if good else 'could not be deployed'}", shown, good=good)
