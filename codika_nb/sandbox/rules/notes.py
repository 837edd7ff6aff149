"""What people write about a project: documents for its stages, and notes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..wire import Call, iso, new_id, present
from . import Subject
from .projects import Projects

__all__ = ["Notes"]


@dataclass(frozen=True)
class Notes(Subject):
    """The rules about stage documents and notes. Every method runs in a transaction."""

    projects: Projects

    def deploy_documents(self, call: Call) -> dict[str, Any]:
        project = self.projects.project(call.caller, call.body)
        given = call.body.each("documents")
        if not given:
            call.body.refuse("documents", "must have at least one document")
        checked = [
            (
                document.number("stage", 1, 4),
                document.text("title"),
                document.text("content"),
                document.text("summary"),
            )
            for document in given
        ]
        created = []
        for stage, title, content, summary in checked:
            minor = self.store.count(
                "SELECT COUNT(*) FROM stage_documents WHERE project_id = ? AND stage = ?",
                project["id"],
                stage,
            )
            document_id = new_id()
            self.store.insert(
                "stage_documents",
                id=document_id,
                project_id=project["id"],
                stage=stage,
                minor=minor,
                title=title,
                content=content.strip(),
                summary=summary,
                created_at=self.now(),
            )
            created.append(
                {
                    "stage": stage,
                    "documentId": document_id,
                    "version": f"1.{minor}.0",
                    "status": "accepted",
                }
            )
        return {"projectId": project["id"], "documentsCreated": created}

    def upsert_note(self, call: Call) -> dict[str, Any]:
        body = call.body
        project = self.projects.project(call.caller, body)
        kind = body.text("documentTypeId")
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", kind):
            body.refuse("documentTypeId", "must be in lower case, with hyphens")
        same = self.store.select("notes", "*", "rowid DESC", 1, project_id=project["id"], type=kind)
        last = same[0] if same else None
        if last is None:
            major, minor, patch = 0, 0, 0
        elif body.flag("majorChange"):
            major, minor, patch = last["major"], last["minor"] + 1, 0
        else:
            major, minor, patch = last["major"], last["minor"], last["patch"] + 1
        note_id = new_id()
        self.store.insert(
            "notes",
            id=note_id,
            project_id=project["id"],
            type=kind,
            major=major,
            minor=minor,
            patch=patch,
            title=body.text("title"),
            content=body.text("content"),
            summary=body.text("summary"),
            agent_id=body.text_or_none("agentId"),
            created_at=self.now(),
        )
        return {
            "projectId": project["id"],
            "documentId": note_id,
            "documentTypeId": kind,
            "version": f"{major}.{minor}.{patch}",
            "isNew": last is None,
        }

    def get_notes(self, call: Call) -> dict[str, Any]:
        body = call.body
        project = self.projects.project(call.caller, body)
        kind, version = body.text_or_none("documentTypeId"), body.text_or_none("version")
        wanted = present({"project_id": project["id"], "type": kind})
        notes = list(_notes(self.store.select("notes", **wanted)))[::-1]
        if version is not None:
            notes = [note for note in notes if note["version"] == version]
        elif not body.flag("includeHistory"):
            notes = [note for note in notes if note["status"] == "current"]
        return {"projectId": project["id"], "documents": notes}


def _notes(rows: list[sqlite3.Row]) -> Iterable[dict[str, Any]]:
    """Notes as they are read, oldest first."""
    current = {row["type"]: row["id"] for row in rows}
    versions: dict[str, str] = {}
    for row in rows:
        version = f"{row['major']}.{row['minor']}.{row['patch']}"
        yield {
            "id": row["id"],
            "projectId": row["project_id"],
            "documentTypeId": row["type"],
            "title": row["title"],
            "content": row["content"],
            "summary": row["summary"],
            "version": version,
            "versionMajor": row["major"],
            "versionMinor": row["minor"],
            "versionPatch": row["patch"],
            "versionFilterKey": row["major"] * 10**6 + row["minor"] * 10**3 + row["patch"],
            "parentVersion": versions.get(row["type"]),
            "status": "current" if current[row["type"]] == row["id"] else "superseded",
            "createdAt": iso(row["created_at"]),
            "agentId": row["agent_id"],
            "contentLength": len(row["content"]),
            "wordCount": len(row["content"].split()),
        }
        versions[row["type"]] = version
