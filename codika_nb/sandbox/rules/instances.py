"""Process instances: who has access, what they run, switching them on and off, and their keys."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from ..wire import Call, Caller, Refusal, iso, present
from . import Subject
from .keys import Keys
from .organizations import Organizations
from .projects import version_of

__all__ = ["Instances"]


@dataclass(frozen=True)
class Instances(Subject):
    """The rules about process instances. Every method runs in a transaction."""

    organizations: Organizations
    keys: Keys

    def row(self, instance_id: str) -> sqlite3.Row:
        """A process instance, whoever asks."""
        instance = self.store.one(
            "SELECT i.*, p.process_id FROM instances i JOIN projects p ON p.id = i.project_id WHERE i.id = ?",
            instance_id,
        )
        if instance is None:
            raise Refusal("INSTANCE_NOT_FOUND", "There is no such process instance.")
        return instance

    def instance(self, caller: Caller, instance_id: str, *, within: str | None = None) -> sqlite3.Row:
        """A process instance, if the caller has access to it; `within` an organization, if that is given."""
        instance = self.row(instance_id)
        if caller.kind in ("instance", "signature"):
            allowed = caller.instance_id == instance_id
        else:
            allowed = self.organizations.reaches(caller, instance["organization_id"]) and self._shares(
                caller, instance
            )
        if not allowed:
            raise Refusal("FORBIDDEN", "The API key does not have access to this process instance.")
        if within not in (None, instance["organization_id"]):
            raise Refusal("FORBIDDEN", "The process instance belongs to another organization.")
        return instance

    def deployment(self, instance: sqlite3.Row) -> sqlite3.Row:
        """What an instance runs: apart from it, as it can be large, and most calls do without."""
        deployment = self.store.find("deployments", id=instance["deployment_id"])
        assert deployment is not None  # noqa: S101 - deployments are never deleted
        return deployment

    def workflow(self, instance: sqlite3.Row, workflow_id: str) -> dict[str, Any]:
        """One of the workflows that an instance runs."""
        configuration = json.loads(self.deployment(instance)["configuration"])
        workflows: list[dict[str, Any]] = configuration["workflows"]
        for workflow in workflows:
            if workflow["workflowTemplateId"] == workflow_id:
                return workflow
        raise Refusal("WORKFLOW_NOT_FOUND", f'There is no workflow "{workflow_id}" in this process instance.')

    def _shares(self, caller: Caller, instance: sqlite3.Row) -> bool:
        if instance["owner"] == caller.user_id:
            return True
        shared = json.loads(instance["shared_with"])
        return (
            shared["mode"] == "everyone"
            or (shared["mode"] == "users" and caller.user_id in shared["users"])
            or self.organizations.sees_all(caller, instance["organization_id"])
        )

    def list_instances(self, call: Call) -> dict[str, Any]:
        organization_id = self.organizations.organization_of(call, call.query.get("organizationId"))
        environment = call.one_of("environment", "dev", "prod")
        limit = call.limit(20)
        rows = self.store.every(
            "SELECT i.*, d.major, d.minor, d.configuration, p.process_id FROM instances i"
            " JOIN deployments d ON d.id = i.deployment_id JOIN projects p ON p.id = i.project_id"
            " WHERE i.organization_id = ? AND i.archived = ? AND (? IS NULL OR environment = ?)"
            " ORDER BY i.rowid DESC",
            organization_id,
            call.query.get("archived") == "true",
            environment,
            environment,
        )
        seen = [row for row in rows if self._shares(call.caller, row)][:limit]
        return {
            "instances": [_view(row, row) for row in seen],
            "count": len(seen),
            "organizationId": organization_id,
        }

    def get_instance(self, call: Call) -> dict[str, Any]:
        instance = self.instance(call.caller, call.body.text("processInstanceId"))
        detailed = call.body.flag("includeWorkflowDetails")
        deployment = self.deployment(instance)
        configuration = json.loads(deployment["configuration"])
        engine_ids = json.loads(instance["engine_ids"])
        runs = bool(instance["is_active"]) and instance["rollout_status"] == "deployed"
        view = _view(instance, deployment)
        view.pop("inactiveReason", None)
        return {
            **view,
            "organizationId": instance["organization_id"],
            "deployment": {
                "deploymentInstanceId": instance["rollout_id"],
                "deploymentStatus": instance["rollout_status"],
                "deploymentParameters": json.loads(instance["parameters"]),
                "deploymentInputSchema": configuration.get("deploymentInputSchema") or [],
                "workflows": [
                    {
                        "workflowId": workflow["workflowTemplateId"],
                        "n8nWorkflowId": engine_ids.get(workflow["workflowTemplateId"], ""),
                        "workflowName": workflow["workflowName"],
                        **(_workflow_details(workflow, runs) if detailed else {}),
                    }
                    for workflow in configuration["workflows"]
                ],
            },
        }

    def make_key(self, call: Call) -> dict[str, Any]:
        """What the dashboard does: show the instance's key once, after making a new one."""
        instance = self.instance(call.caller, call.params[0])
        raw = self.keys.instance_key(instance["id"])
        return {"processInstanceId": instance["id"], "apiKey": raw, "keyPrefix": raw[:8]}

    def instance_key(self, instance_id: str) -> str:
        self.row(instance_id)
        return self.keys.instance_key(instance_id)

    def member_secret(self, instance_id: str) -> str:
        instance = self.row(instance_id)
        return self.keys.member_secret(instance["organization_id"], instance["owner"])

    def get_skills(self, call: Call) -> dict[str, Any]:
        instance = self.instance(call.caller, call.params[0])
        skills = json.loads(self.deployment(instance)["skills"])
        return {"processInstanceId": instance["id"], "skills": skills}


def _view(row: sqlite3.Row, deployment: sqlite3.Row) -> dict[str, Any]:
    view = {
        "processInstanceId": row["id"],
        "processId": row["process_id"],
        "title": json.loads(deployment["configuration"])["title"],
        "environment": row["environment"],
        "isActive": bool(row["is_active"]),
        "archived": bool(row["archived"]),
        "currentVersion": version_of(deployment),
        "installedAt": iso(row["installed_at"]),
        "lastExecutedAt": iso(row["last_executed_at"]),
    }
    return {**view, "inactiveReason": row["inactive_reason"]} if row["inactive_reason"] else view


def _workflow_details(workflow: dict[str, Any], active: bool) -> dict[str, Any]:
    shown = ("type", "method", "cronExpression", "timezone", "service", "eventType", "inputSchema")
    return {
        "n8nWorkflowIsActive": active,
        "triggers": [
            present({name: trigger.get(name) for name in shown}) for trigger in workflow["triggers"]
        ],
        "cost": workflow.get("cost"),
        "integrationUids": workflow.get("integrationUids") or [],
    }
