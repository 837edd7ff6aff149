"""Projects, what is deployed into them, and the process instances that run it."""

from __future__ import annotations

import base64
import binascii
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Literal

from ..engine import Engine
from ..store import Store
from ..wire import Call, Caller, Members, Refusal, as_json, iso, new_id, new_uuid
from .configuration import check_configuration, decode_workflow
from .keys import Keys
from .organizations import Organizations

__all__ = ["Projects"]

_STAGES = {"one_stage": 1, "two_stage": 2, "three_stage": 3, "four_stage": 4}
_LARGEST_DOCUMENT = 10 * 1024**2
_STRATEGIES = ("major_bump", "minor_bump", "explicit")


class Projects:
    """The rules about projects, deployments and instances. Every method runs in a transaction."""

    def __init__(
        self, store: Store, now: Callable[[], float], organizations: Organizations, keys: Keys, engine: Engine
    ) -> None:
        self._store = store
        self._now = now
        self._organizations = organizations
        self._keys = keys
        self._engine = engine

    # --- projects -------------------------------------------------------------------------

    def create_project(self, call: Call) -> dict[str, Any]:
        body = call.body
        organization_id = self._organizations.organization_of(call, body.text_or_none("organizationId"))
        project_id = new_id()
        self._store.insert(
            "projects",
            id=project_id,
            organization_id=organization_id,
            name=body.text("name").strip(),
            description=body.text_or_none("description") or "",
            template_id=body.choice("templateId", _STAGES, default="two_stage"),
            created_by=call.caller.user_id,
            created_at=self._now(),
        )
        return {"projectId": project_id}

    def list_projects(self, call: Call) -> dict[str, Any]:
        organization_id = self._organizations.organization_of(call, call.query.get("organizationId"))
        everyone = self._organizations.sees_all(call.caller, organization_id)
        rows = self._store.every(
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
        current = self._newest(project["id"])
        return {
            **_project_view(project),
            "processId": project["process_id"],
            "currentDeployment": current
            and {"version": _version(current), "deployedAt": iso(current["created_at"])},
            "stageCount": _STAGES[project["template_id"]],
            "currentStage": 2 if project["has_published"] and _STAGES[project["template_id"]] > 1 else 1,
        }

    def project(self, caller: Caller, body: Members, name: str = "projectId") -> sqlite3.Row:
        """The project a call names, if the caller may see it."""
        project_id = body.text(name)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", project_id):
            body.refuse(name, "is not a project id", code="INVALID_PROJECT_ID")
        project = self._store.one("SELECT * FROM projects WHERE id = ?", project_id)
        if project is None:
            raise Refusal(404, "PROJECT_NOT_FOUND", f"There is no project {project_id}.")
        if not self._organizations.reaches(caller, project["organization_id"]):
            raise Refusal(403, "FORBIDDEN", "The API key does not have access to this project.")
        if project["created_by"] != caller.user_id and not self._organizations.sees_all(
            caller, project["organization_id"]
        ):
            raise Refusal(403, "FORBIDDEN", "Members have access to their own projects only.")
        return project

    # --- deployments ----------------------------------------------------------------------

    def deploy_use_case(self, call: Call) -> dict[str, Any]:
        body, now = call.body, self._now()
        project = self.project(call.caller, body)
        configuration = body.mapping("configuration")
        check_configuration(configuration)
        skills = [_skill(skill) for skill in body.each("skills", required=False)]
        documents = body.each("metadataDocuments", required=False)
        major, minor = self._next_version("deployments", project["id"], body)

        process_id = project["process_id"] or new_id()
        self._store.run("UPDATE projects SET process_id = ? WHERE id = ?", process_id, project["id"])
        deployment_id = new_id()
        self._store.insert(
            "deployments",
            id=deployment_id,
            project_id=project["id"],
            major=major,
            minor=minor,
            status="inactive",
            configuration=as_json(configuration),
            skills=as_json(skills),
            created_at=now,
        )
        stored = [
            self._store_document(document, project["id"], deployment_id, f"{major}.{minor}", now)
            for document in documents
        ]
        instance = self._roll_out(project, deployment_id, "dev", call.caller.user_id)
        engine_ids: dict[str, str] = json.loads(instance["engine_ids"])
        problems: dict[str, str] = json.loads(instance["rollout_errors"])
        running = "active" if instance["is_active"] and not problems else "inactive"
        data = {
            "templateId": deployment_id,
            "version": f"{major}.{minor}",
            "isNewProcess": project["process_id"] is None,
            "processId": process_id,
            "processInstanceId": instance["id"],
            "deploymentInstanceId": instance["rollout_id"],
            "workflowsDeployed": [
                {
                    "workflowTemplateId": workflow["workflowTemplateId"],
                    "n8nWorkflowId": engine_ids[workflow["workflowTemplateId"]],
                    "status": "failed" if workflow["workflowTemplateId"] in problems else running,
                }
                for workflow in configuration["workflows"]
            ],
            "deploymentStatus": instance["rollout_status"],
        }
        if problems:
            data["error"] = " ".join(f"{name}: {problem}" for name, problem in problems.items())
        return {**data, "metadataDocumentsStored": stored} if stored else data

    def _next_version(
        self, table: Literal["deployments", "ingestions"], project_id: str, body: Members
    ) -> Any:
        strategy = body.choice("versionStrategy", _STRATEGIES, default="minor_bump")
        # The table is one of the two names above.
        last = self._store.one(
            f"SELECT major, minor FROM {table} WHERE project_id = ? ORDER BY major DESC, minor DESC",  # noqa: S608
            project_id,
        )
        if strategy == "explicit":
            wanted = body.text("explicitVersion")
            major, minor = _parse_version(wanted)
            if self._store.one(
                f"SELECT 1 FROM {table} WHERE project_id = ? AND major = ? AND minor = ?",  # noqa: S608
                project_id,
                major,
                minor,
            ):
                raise _bad_version(f"Version {major}.{minor} has been deployed already.")
            return major, minor
        if "explicitVersion" in body:
            raise _bad_version('"explicitVersion" goes with the version strategy "explicit" only.')
        if last is None:
            return 1, 0
        if strategy == "major_bump":
            return last["major"] + 1, 0
        return last["major"], last["minor"] + 1

    def _store_document(
        self, document: Members, project_id: str, deployment_id: str, version: str, now: float
    ) -> dict[str, Any]:
        path = document.text("relativePath")
        content_type = document.text("contentType")
        description = document.text_or_none("description")
        storage_path = f"projects/{project_id}/deployments/{version}/{path}"
        outcome = {"relativePath": path, "storagePath": storage_path}
        try:
            content = base64.b64decode(document.text("contentBase64", blank=True), validate=True)
        except (binascii.Error, ValueError):
            return {**outcome, "success": False, "error": "The content is not base64."}
        if path.startswith("/") or "\\" in path or ".." in PurePosixPath(path).parts:
            return {**outcome, "success": False, "error": "The path must stay inside the use case."}
        if len(content) > _LARGEST_DOCUMENT:
            return {**outcome, "success": False, "error": "The document is larger than 10 MiB."}
        self._store.run(
            "DELETE FROM documents WHERE deployment_id = ? AND relative_path = ?", deployment_id, path
        )
        self._store.insert(
            "documents",
            deployment_id=deployment_id,
            relative_path=path,
            content_type=content_type,
            description=description,
            content=content,
            uploaded_at=now,
        )
        return {**outcome, "success": True}

    def _roll_out(
        self,
        project: sqlite3.Row,
        deployment_id: str,
        environment: Literal["dev", "prod"],
        user_id: str,
        shared_with: dict[str, Any] | None = None,
    ) -> sqlite3.Row:
        """Put a deployment into an environment's instance, which is made when there is none yet."""
        now = self._now()
        deployment = self._store.one("SELECT * FROM deployments WHERE id = ?", deployment_id)
        assert deployment is not None  # noqa: S101 - every caller has just read or written it
        configuration = json.loads(deployment["configuration"])
        old = self._store.one(
            "SELECT * FROM instances WHERE project_id = ? AND environment = ?", project["id"], environment
        )
        before: dict[str, str] = json.loads(old["engine_ids"]) if old else {}
        engine_ids = {
            workflow["workflowTemplateId"]: before.get(workflow["workflowTemplateId"]) or new_id()[:16]
            for workflow in configuration["workflows"]
        }
        defaults = configuration.get("defaultDeploymentParameters") or {}
        parameters = {**defaults, **(json.loads(old["parameters"]) if old else {})}
        instance_id = old["id"] if old else new_uuid(now)
        if old is None:
            self._store.insert(
                "instances",
                id=instance_id,
                project_id=project["id"],
                organization_id=project["organization_id"],
                environment=environment,
                deployment_id=deployment_id,
                owner=user_id,
                shared_with=as_json(shared_with or {"mode": "owner_only", "users": []}),
                is_active=True,
                installed_at=now,
                rollout_id="",
                rollout_status="pending",
                parameters="{}",
                engine_ids="{}",
            )
        self._store.run(
            "UPDATE instances SET deployment_id = ?, engine_ids = ? WHERE id = ?",
            deployment_id,
            as_json(engine_ids),
            instance_id,
        )
        return self._hand_over(instance_id, configuration, parameters)

    def _hand_over(
        self, instance_id: str, configuration: dict[str, Any], parameters: dict[str, Any]
    ) -> sqlite3.Row:
        """Let the engine activate an instance's workflows; one it refuses fails the deployment."""
        valued = {name for name, value in parameters.items() if value is not None}
        valued.update(
            field["key"]
            for field in configuration.get("deploymentInputSchema") or []
            if "key" in field and field.get("defaultValue") is not None
        )
        problems: dict[str, str] = {}
        for workflow in configuration["workflows"]:
            description = json.loads(decode_workflow(Members(workflow)).decode("utf-8-sig"))
            if problem := self._engine.problem(description, valued):
                problems[workflow["workflowTemplateId"]] = problem
        self._store.run(
            "UPDATE instances SET rollout_id = ?, rollout_status = ?, rollout_errors = ?, parameters = ?"
            " WHERE id = ?",
            new_uuid(self._now()),
            "failed" if problems else "deployed",
            as_json(problems),
            as_json(parameters),
            instance_id,
        )
        return self._instance_row(instance_id)

    def publish(self, call: Call) -> dict[str, Any]:
        body = call.body
        project = self.project(call.caller, body)
        deployment = self._store.one(
            "SELECT * FROM deployments WHERE id = ? AND project_id = ?",
            body.text("processDeploymentId"),
            project["id"],
        )
        if deployment is None:
            raise Refusal(404, "NOT_FOUND", "There is no such deployment in this project.")
        body.choice("visibility", ("private", "organizational", "public"), default="private")
        body.texts("visibilityTeamIds", required=False)
        body.texts("visibilityUserIds", required=False)
        shared_with = {
            "mode": body.choice(
                "sharedWith", ("owner_only", "admins", "everyone", "users"), default="owner_only"
            ),
            "users": body.texts("sharedWithUserIds", required=False),
        }
        pause_dev, skip_instance = body.flag("autoToggleDevProd"), body.flag("skipAutoCreateProdInstance")
        if deployment["status"] != "inactive":
            raise Refusal(
                400,
                "INVALID_REQUEST",
                f"Only an inactive deployment can be published; this one is {deployment['status']}.",
            )
        self._store.run(
            "UPDATE deployments SET status = 'deprecated' WHERE project_id = ? AND status = 'published'",
            project["id"],
        )
        self._store.run("UPDATE deployments SET status = 'published' WHERE id = ?", deployment["id"])
        self._store.run("UPDATE projects SET has_published = 1 WHERE id = ?", project["id"])
        data = {"processDeploymentId": deployment["id"], "version": _version(deployment)}
        has_instance = self._store.one(
            "SELECT 1 FROM instances WHERE project_id = ? AND environment = 'prod'", project["id"]
        )
        if skip_instance and not has_instance:
            return data
        owner = body.text_or_none("userId") or call.caller.user_id
        instance = self._roll_out(project, deployment["id"], "prod", owner, shared_with)
        if pause_dev and instance["is_active"]:
            self._store.run(
                "UPDATE instances SET is_active = 0, inactive_reason = 'prod_active'"
                " WHERE project_id = ? AND environment = 'dev' AND is_active",
                project["id"],
            )
        return {**data, "processInstanceId": instance["id"]}

    def redeploy(self, call: Call) -> dict[str, Any]:
        body = call.body
        instance = self.instance(call.caller, body.text("processInstanceId"))
        given = body.mapping_or_empty("deploymentParameters")
        if not body.flag("forceRedeploy") and instance["rollout_status"] != "failed":
            raise Refusal(
                400,
                "INVALID_REQUEST",
                f"The deployment is {instance['rollout_status']}; only a failed one is rerun without force.",
            )
        configuration = json.loads(self.deployment(instance)["configuration"])
        parameters = {**json.loads(instance["parameters"]), **given}
        instance = self._hand_over(instance["id"], configuration, parameters)
        return {
            "deploymentStatus": instance["rollout_status"],
            "deploymentInstanceId": instance["rollout_id"],
            "n8nWorkflowIds": list(json.loads(instance["engine_ids"]).values()),
        }

    def deploy_ingestion(self, call: Call) -> dict[str, Any]:
        project = self.project(call.caller, call.body, "processId")
        config = call.body.members("config")
        config.text("workflowTemplateId")
        config.text("workflowName")
        config.text("purpose")
        webhooks = config.members("webhooks")
        urls = {name: webhooks.text(name) for name in ("embed", "delete")}
        decode_workflow(config)
        major, minor = self._next_version("ingestions", project["id"], call.body)
        ingestion_id = new_id()
        self._store.insert(
            "ingestions",
            id=ingestion_id,
            project_id=project["id"],
            major=major,
            minor=minor,
            config=as_json(call.body.mapping("config")),
            created_at=self._now(),
        )
        return {
            "dataIngestionId": ingestion_id,
            "version": f"{major}.{minor}",
            "status": "active",
            "webhookUrls": urls,
        }

    # --- instances ------------------------------------------------------------------------

    def _instance_row(self, instance_id: str) -> sqlite3.Row:
        instance = self._store.one(
            "SELECT i.*, p.process_id FROM instances i JOIN projects p ON p.id = i.project_id WHERE i.id = ?",
            instance_id,
        )
        if instance is None:
            raise Refusal(404, "INSTANCE_NOT_FOUND", "There is no such process instance.")
        return instance

    def instance(self, caller: Caller, instance_id: str) -> sqlite3.Row:
        """A process instance, if the caller has access to it."""
        instance = self._instance_row(instance_id)
        if caller.kind in ("instance", "signature"):
            allowed = caller.instance_id == instance_id
        else:
            allowed = self._organizations.reaches(caller, instance["organization_id"]) and self._shares(
                caller, instance
            )
        if not allowed:
            raise Refusal(403, "FORBIDDEN", "The API key does not have access to this process instance.")
        return instance

    def deployment(self, instance: sqlite3.Row) -> sqlite3.Row:
        """What an instance runs: apart from it, as it can be large, and most calls do without."""
        deployment = self._store.one("SELECT * FROM deployments WHERE id = ?", instance["deployment_id"])
        assert deployment is not None  # noqa: S101 - deployments are never deleted
        return deployment

    def _shares(self, caller: Caller, instance: sqlite3.Row) -> bool:
        if instance["owner"] == caller.user_id:
            return True
        if self._organizations.sees_all(caller, instance["organization_id"]):
            return True
        shared = json.loads(instance["shared_with"])
        return shared["mode"] == "everyone" or (
            shared["mode"] == "users" and caller.user_id in shared["users"]
        )

    def list_instances(self, call: Call) -> dict[str, Any]:
        organization_id = self._organizations.organization_of(call, call.query.get("organizationId"))
        environment = call.query.get("environment")
        if environment not in (None, "dev", "prod"):
            raise Refusal(400, "INVALID_REQUEST", '"environment" must be dev or prod.')
        limit = call.limit(20)
        rows = self._store.every(
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
            "instances": [_instance_view(row, row) for row in seen],
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
        view = _instance_view(instance, deployment)
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
                        "n8nWorkflowId": engine_ids[workflow["workflowTemplateId"]],
                        "workflowName": workflow["workflowName"],
                        **(_workflow_details(workflow, runs) if detailed else {}),
                    }
                    for workflow in configuration["workflows"]
                ],
            },
        }

    def activate(self, call: Call) -> dict[str, Any]:
        return self._switch(call, on=True)

    def deactivate(self, call: Call) -> dict[str, Any]:
        return self._switch(call, on=False)

    def _switch(self, call: Call, *, on: bool) -> dict[str, Any]:
        instance = self.instance(call.caller, call.body.text("processInstanceId"))
        self._store.run(
            "UPDATE instances SET is_active = ?, inactive_reason = ? WHERE id = ?",
            on,
            None if on else "user_paused",
            instance["id"],
        )
        return {
            "processInstanceId": instance["id"],
            "isActive": on,
            "workflowCount": len(json.loads(instance["engine_ids"])),
        }

    def make_instance_key(self, call: Call) -> dict[str, Any]:
        """What the dashboard does: show the instance's key once, after making a new one."""
        instance = self.instance(call.caller, call.params[0])
        raw = self._keys.instance_key(instance["id"])
        return {"processInstanceId": instance["id"], "apiKey": raw, "keyPrefix": raw[:8]}

    def instance_key(self, instance_id: str) -> str:
        self._instance_row(instance_id)
        return self._keys.instance_key(instance_id)

    def member_secret(self, instance_id: str) -> str:
        instance = self._instance_row(instance_id)
        return self._keys.member_secret(instance["organization_id"], instance["owner"])

    # --- reading back ---------------------------------------------------------------------

    def _newest(self, project_id: str) -> sqlite3.Row | None:
        return self._store.one(
            "SELECT * FROM deployments WHERE project_id = ? ORDER BY major DESC, minor DESC", project_id
        )

    def get_documents(self, call: Call) -> dict[str, Any]:
        body = call.body
        project = self.project(call.caller, body)
        with_content = body.flag("includeContent")
        deployment = self._at_version("deployments", project["id"], body.text_or_none("version"))
        version = _version(deployment) if deployment else body.text_or_none("version") or ""
        rows = self._store.every(
            "SELECT * FROM documents WHERE deployment_id = ? ORDER BY rowid",
            deployment["id"] if deployment else None,
        )
        documents = [
            {
                "relativePath": row["relative_path"],
                "storagePath": f"projects/{project['id']}/deployments/{version}/{row['relative_path']}",
                "contentType": row["content_type"],
                "content": row["content"],
                "uploadedAt": iso(row["uploaded_at"]),
                "description": row["description"],
            }
            for row in rows
        ]
        data = {"projectId": project["id"], "version": version, "organizationId": project["organization_id"]}
        if body.flag("includeDataIngestion"):
            ingestion = self._at_version(
                "ingestions", project["id"], body.text_or_none("dataIngestionVersion")
            )
            if ingestion is not None:
                data["dataIngestionVersion"] = _version(ingestion)
                documents.append(_ingestion_document(ingestion))
        return {**data, "documents": [_document_view(document, with_content) for document in documents]}

    def _at_version(
        self, table: Literal["deployments", "ingestions"], project_id: str, version: str | None
    ) -> sqlite3.Row | None:
        major, minor = _parse_version(version) if version else (None, None)
        # The table is one of the two names above.
        return self._store.one(
            f"SELECT * FROM {table} WHERE project_id = ? AND (? IS NULL OR (major = ? AND minor = ?))"  # noqa: S608
            " ORDER BY major DESC, minor DESC",
            project_id,
            major,
            major,
            minor,
        )

    def get_skills(self, call: Call) -> dict[str, Any]:
        instance = self.instance(call.caller, call.params[0])
        skills = json.loads(self.deployment(instance)["skills"])
        return {"processInstanceId": instance["id"], "skills": skills}


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


def _instance_view(row: sqlite3.Row, deployment: sqlite3.Row) -> dict[str, Any]:
    view = {
        "processInstanceId": row["id"],
        "processId": row["process_id"],
        "title": json.loads(deployment["configuration"])["title"],
        "environment": row["environment"],
        "isActive": bool(row["is_active"]),
        "archived": bool(row["archived"]),
        "currentVersion": _version(deployment),
        "installedAt": iso(row["installed_at"]),
        "lastExecutedAt": iso(row["last_executed_at"]),
    }
    return {**view, "inactiveReason": row["inactive_reason"]} if row["inactive_reason"] else view


def _workflow_details(workflow: dict[str, Any], active: bool) -> dict[str, Any]:
    shown = ("type", "method", "cronExpression", "timezone", "service", "eventType", "inputSchema")
    return {
        "n8nWorkflowIsActive": active,
        "triggers": [
            {name: trigger[name] for name in shown if trigger.get(name) is not None}
            for trigger in workflow["triggers"]
        ],
        "cost": workflow.get("cost"),
        "integrationUids": workflow.get("integrationUids") or [],
    }


def _skill(skill: Members) -> dict[str, str]:
    view = {
        name: skill.text(name, blank=name == "description")
        for name in ("name", "description", "workflowTemplateId", "contentMarkdown")
    }
    path = skill.text_or_none("relativePath")
    return view if path is None else {**view, "relativePath": path}


def _ingestion_document(row: sqlite3.Row) -> dict[str, Any]:
    config = json.loads(row["config"])
    path = f"data-ingestion/{config['workflowTemplateId']}.json"
    return {
        "relativePath": path,
        "storagePath": f"projects/{row['project_id']}/data-ingestion/{_version(row)}/{path}",
        "contentType": "application/json",
        "content": base64.b64decode(config["n8nWorkflowJsonBase64"]),
        "uploadedAt": iso(row["created_at"]),
        "description": f"Data ingestion: {config['workflowName']}",
    }


def _document_view(document: dict[str, Any], with_content: bool) -> dict[str, Any]:
    content: bytes = document.pop("content")
    view = {name: value for name, value in document.items() if value is not None}
    view["sizeBytes"] = len(content)
    if with_content:
        view["contentBase64"] = base64.b64encode(content).decode()
    return view


def _version(row: sqlite3.Row) -> str:
    return f"{row['major']}.{row['minor']}"


def _parse_version(text: str) -> tuple[int, int]:
    if not re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}", text):
        raise _bad_version(f"{text!r} is not a version of the form X.Y.")
    major, minor = text.split(".")
    return int(major), int(minor)


def _bad_version(message: str) -> Refusal:
    return Refusal(400, "INVALID_VERSION", message, details={"field": "explicitVersion", "reason": message})
