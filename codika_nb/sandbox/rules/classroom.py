"""What a teacher looks at: who is there, what they have deployed, and what ran last."""

from __future__ import annotations

import json
from typing import Any

from ..wire import iso
from . import Subject
from .projects import version_of

__all__ = ["Classroom"]

_MOST = 100
_MOST_EMAILS = 5


class Classroom(Subject):
    """Everything in the sandbox at a glance, whoever it belongs to."""

    def seen(self) -> dict[str, list[dict[str, Any]]]:
        """The newest organizations, deployments and runs, newest first."""
        return {
            "runs": self._runs(),
            "deployments": self._deployments(),
            "organizations": self._organizations(),
        }

    def _runs(self) -> list[dict[str, Any]]:
        rows = self.store.every(
            "SELECT e.id, e.created_at AS startedAt, o.name AS organization,"
            " CAST(json_extract(d.configuration, '$.title') AS BLOB) AS useCase, e.workflow_id AS workflow,"
            " e.status, e.duration AS milliseconds, e.error FROM executions e"
            " JOIN instances i ON i.id = e.instance_id JOIN organizations o ON o.id = i.organization_id"
            " JOIN deployments d ON d.id = i.deployment_id ORDER BY e.rowid DESC LIMIT ?",
            _MOST,
        )
        return [
            {
                **row,
                "useCase": _title(row["useCase"]),
                "startedAt": iso(row["startedAt"]),
                "error": json.loads(row["error"])["message"] if row["error"] else None,
            }
            for row in rows
        ]

    def _deployments(self) -> list[dict[str, Any]]:
        rows = self.store.every(
            "SELECT i.id, i.environment, i.is_active, i.rollout_status, i.rollout_errors, o.name, d.major,"
            " d.minor, CAST(json_extract(d.configuration, '$.title') AS BLOB) AS title FROM instances i"
            " JOIN organizations o ON o.id = i.organization_id JOIN deployments d ON d.id = i.deployment_id"
            " ORDER BY i.rowid DESC LIMIT ?",
            _MOST,
        )
        return [
            {
                "id": row["id"],
                "organization": row["name"],
                "useCase": _title(row["title"]),
                "version": version_of(row),
                "environment": row["environment"],
                "status": row["rollout_status"] if row["is_active"] else "paused",
                "error": " ".join(json.loads(row["rollout_errors"]).values()) or None,
            }
            for row in rows
        ]

    def _organizations(self) -> list[dict[str, Any]]:
        rows = self.store.every(
            "SELECT o.id, o.name AS organization, COUNT(u.id) AS members,"
            " GROUP_CONCAT(u.email, ' ') AS emails FROM organizations o"
            " LEFT JOIN members m ON m.organization_id = o.id"
            " LEFT JOIN users u ON u.id = m.user_id GROUP BY o.id ORDER BY o.rowid DESC LIMIT ?",
            _MOST,
        )
        return [{**row, "emails": " ".join((row["emails"] or "").split()[:_MOST_EMAILS])} for row in rows]


def _title(content: bytes) -> str:
    # As bytes: half a character in it, which JSON can hold, is no text for the database.
    return content.decode("utf-8", "surrogatepass")
