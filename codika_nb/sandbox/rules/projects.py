"""Projects: making them, listing them, who may see which; and the versions X.Y of what is in them."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from ..wire import Call, Caller, Members, Refusal, iso, new_id
from . import Subject
from .organizations import Organizations

__all__ = ["Projects", "version_of"]

_STAGES = {"one_stage": 1, "two_stage": 2, "three_stage": 3, "four_stage": 4}
_STRATEGIES = ("major_bump", "minor_bump", "explicit")

Table = Literal["deployments", "ingestions"]


@dataclass(frozen=True)
class Projects(Subject):
    """The rules about projects. Every method runs in a transaction."""

    organizations: Organizations

    def create_project(self, call: Call) -> dict[str, Any]:
        body = call.body
        organization_id = self.organizations.organization_of(call, body.text_or_none("organizationId"))
        project_id = new_id()
        self.store.insert(
            "projects",
            id=project_id,
            organization_id=organization_id,
            name=body.text("name").strip(),
            description=body.text_or_none("description") or "",
            template_id=body.choice("templateId", _STAGES, default="two_stage"),
            created_by=call.caller.user_id,
            created_at=self.now(),
        )
        return {"projectId": project_id}

    def list_projects(self, call: Call) -> dict[str, Any]:
        organization_id = self.organizations.organization_of(call, call.query.get("organizationId"))
        everyone = self.organizations.sees_all(call.caller, organization_id)
        rows = self.store.every(
            "SELECT * FROM projects WHERE organization_id = ? AND archived = ? AND (? OR created_by = ?)"
            " ORDER BY rowid DESC LIMIT ?",
            organization_id,
            call.query.get("archived") == "true",
            everyone,
            call.caller.user_id,
            call.limit(50),
        )
        return {
            "projects": [_project_view(row) for row in rows],
            "count": len(rows),
            "organizationId": organization_id,
        }

    def get_project(self, call: Call) -> dict[str, Any]:
        project = self.project(call.caller, call.body)
        current = self.at_version("deployments", project["id"])
        return {
            **_project_view(project),
            "processId": project["process_id"],
            "currentDeployment": current
            and {"version": version_of(current), "deployedAt": iso(current["created_at"])},
            "stageCount": _STAGES[project["template_id"]],
            "currentStage": 2 if project["has_published"] and _STAGES[project["template_id"]] > 1 else 1,
        }

    def project(self, caller: Caller, body: Members, name: str = "projectId") -> sqlite3.Row:
        """The project a call names, if the caller may see it."""
        project_id = body.text(name)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", project_id):
            body.refuse(name, "is not a project id", code="INVALID_PROJECT_ID")
        project = self.store.find("projects", id=project_id)
        if project is None:
            raise Refusal("PROJECT_NOT_FOUND", f"There is no project {project_id}.")
        if not self.organizations.reaches(caller, project["organization_id"]):
            raise Refusal("FORBIDDEN", "The API key does not have access to this project.")
        if project["created_by"] != caller.user_id and not self.organizations.sees_all(
            caller, project["organization_id"]
        ):
            raise Refusal("FORBIDDEN", "Members have access to their own projects only.")
        return project

    def at_version(self, table: Table, project_id: str, version: str | None = None) -> sqlite3.Row | None:
        """What a project has at a version, or at its highest one."""
        wanted = dict(zip(("major", "minor"), _parse_version(version), strict=True)) if version else {}
        found = self.store.select(table, "*", "major DESC, minor DESC", 1, project_id=project_id, **wanted)
        return found[0] if found else None

    def add_version(self, table: Table, project_id: str, body: Members, **columns: Any) -> tuple[str, str]:
        """Put something into a project at the version that a call asks for; returns its id and that."""
        major, minor = self._next_version(table, project_id, body)
        added = new_id()
        self.store.insert(
            table, id=added, project_id=project_id, major=major, minor=minor, created_at=self.now(), **columns
        )
        return added, f"{major}.{minor}"

    def _next_version(self, table: Table, project_id: str, body: Members) -> tuple[int, int]:
        """The version that a call asks for, by a strategy or by its number."""
        strategy = body.choice("versionStrategy", _STRATEGIES, default="minor_bump")
        if strategy == "explicit":
            major, minor = _parse_version(body.text("explicitVersion"))
            if self.at_version(table, project_id, f"{major}.{minor}"):
                raise _bad_version(f"Version {major}.{minor} has been deployed already.")
            return major, minor
        if "explicitVersion" in body:
            raise _bad_version('"explicitVersion" goes with the version strategy "explicit" only.')
        last = self.at_version(table, project_id)
        if last is None:
            return 1, 0
        if strategy == "major_bump":
            return last["major"] + 1, 0
        return last["major"], last["minor"] + 1


def version_of(row: sqlite3.Row) -> str:
    """The version of a deployment or an ingestion."""
    return f"{row['major']}.{row['minor']}"


def _project_view(row: sqlite3.Row) -> dict[str, Any]:
    status = "completed" if row["has_published"] else "in_progress" if row["process_id"] else "draft"
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "status": status,
        "hasPublishedProcess": bool(row["has_published"]),
        "archived": bool(row["archived"]),
        "createdBy": row["created_by"],
        "createdAt": iso(row["created_at"]),
    }


def _parse_version(text: str) -> tuple[int, int]:
    if not re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}", text):
        raise _bad_version(f"{text!r} is not a version of the form X.Y.")
    major, minor = text.split(".")
    return int(major), int(minor)


def _bad_version(message: str) -> Refusal:
    return Refusal("INVALID_VERSION", message, details={"field": "explicitVersion", "reason": message})
