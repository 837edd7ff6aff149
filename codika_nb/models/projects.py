"""Projects."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from .answer import Answer, Id, Table


class ProjectCreated(Answer):
    """A new project, known by its id."""

    project_id: Id


class ProjectSummary(Answer):
    """A project as it appears in a list."""

    id: Id
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
