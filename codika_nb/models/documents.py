"""What is stored with a deployment: its files, and its skills."""

from __future__ import annotations

import base64
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from .answer import Answer, Table


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


_ABOUT = ("project_id", "organization_id", "version", "data_ingestion_version")


class UseCaseFiles(Table[StoredDocument], row=StoredDocument, member="documents", whole=True, about=_ABOUT):
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
