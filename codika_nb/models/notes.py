"""Notes about a project."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from .answer import Answer, Id, Table


class NoteSaved(Answer):
    """A note in its new version."""

    project_id: str | None = None
    document_id: Id
    document_type_id: Id
    version: str = ""
    is_new: bool | None = None


class Note(Answer):
    """A note about a project, in one of its versions."""

    id: Id
    project_id: str | None = None
    document_type_id: Id
    title: str | None = None
    content: str = Field(default="", repr=False)
    summary: str | None = None
    version: str = ""
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
