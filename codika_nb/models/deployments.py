"""What has been deployed, published, or deployed once more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, TypedDict

from ..display.markup import Bundle, Shown, card, code
from ..redaction import redact
from .answer import Answer, Id, Table


class DeployedWorkflow(Answer):
    """One workflow of a deployment, and whether it runs."""

    workflow_template_id: Id
    n8n_workflow_id: str | None = None
    status: Literal["active", "inactive", "failed"] | str = "active"


class KeptFile(Answer):
    """A file of the use case that the platform has kept with a deployment, or could not keep."""

    relative_path: str = ""
    storage_path: str | None = None
    success: bool | None = None
    error: str | None = None


class Deployment(Answer):
    """A use case as the platform now runs it: version, instance, workflows."""

    template_id: Id
    version: str = ""
    is_new_process: bool = False
    process_id: Id = ""
    process_instance_id: Id | None = None
    deployment_instance_id: Id = ""
    workflows_deployed: tuple[DeployedWorkflow, ...] = ()
    deployment_status: Literal["deployed", "failed", "pending"] | str = ""
    error: str | None = None
    metadata_documents_stored: tuple[KeptFile, ...] = ()
    #: The project that it was deployed to.
    project_id: str | None = None
    #: The process instance in production, where this has been published at once (``--publish``).
    published: str | None = None
    #: What the check has found that may surprise: of each finding its rule and what it says.
    findings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        more = f", published={self.published!r}" if self.published else ""
        more += f", findings={[*self.findings]}" if self.findings else ""
        return redact(
            f"Deployment(version={self.version!r}, status={self.deployment_status!r}, "
            f"workflows={[w.workflow_template_id for w in self.workflows_deployed]}{more})"
        )

    def _repr_html_(self) -> str:
        return deployment_card(self)["text/html"]


class Published(Answer):
    """A published version; `process_instance_id` is the production instance, if there is one."""

    process_deployment_id: Id
    version: str | None = None
    process_instance_id: str | None = None


class Redeployment(Answer):
    """A deployment that was run again, with fresh credentials or other parameters."""

    deployment_status: Literal["deployed", "failed"] | str = ""
    deployment_instance_id: str | None = None
    n8n_workflow_ids: tuple[str, ...] = ()


class StageDocument(TypedDict):
    """A document about one of a project's stages, to be deployed; the content is Markdown."""

    stage: int
    title: str
    content: str
    summary: str


class AcceptedDocument(Answer):
    """A stage document that the platform has taken, and its version."""

    stage: int | None = None
    document_id: Id
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

    data_ingestion_id: Id
    version: str = ""
    status: Literal["pending", "active", "failed", "inactive", "superseded"] | str = ""
    webhook_urls: WebhookUrls | None = None


def deployment_card(
    deployed: Deployment,
    title: str = "The use case",
    rows: Iterable[tuple[str, str | Shown]] = (),
    *,
    about: str = "",
    text: str = "",
    rich: str = "",
) -> Bundle:
    """The outcome of a deployment, and how to go on.

    Args:
        deployed: the platform's answer.
        title: of the use case.
        rows: what else is known of it.
        about: what has to be said of it before everything else.
        text: its workflows, where more is known of them than the answer says.
        rich: the same as markup.
    """
    good = deployed.deployment_status != "failed"
    workflows = ", ".join(f"{w.workflow_template_id} ({w.status})" for w in deployed.workflows_deployed)
    shown = [
        ("Version", deployed.version),
        ("Workflows", "" if text else workflows),
        (
            "Development" if deployed.published else "Instance",
            code(deployed.process_instance_id) if deployed.process_instance_id else "",
        ),
        ("Production", code(deployed.published) if deployed.published else ""),
        ("Error", deployed.error or ""),
        *rows,
        *(("To look at" if n == 0 else "", each) for n, each in enumerate(_first(deployed.findings))),
    ]
    outcome = "is deployed" if good else "could not be deployed"
    return card(f"{title} {outcome}", shown, good=good, about=about, text=text, rich=rich)


#: Findings that a card names; the others are counted.
_MOST_FINDINGS = 5


def _first(findings: tuple[str, ...]) -> tuple[str, ...]:
    more = len(findings) - _MOST_FINDINGS
    told = (f"and {more} more: --dry-run shows them all",) if more > 0 else ()
    return (*findings[:_MOST_FINDINGS], *told)
