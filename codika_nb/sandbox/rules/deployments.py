"""Deploying a use case into a project, publishing it, and running a deployment again."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from ..wire import Call, Members, Refusal, as_json, new_id, new_uuid, present
from . import Subject
from .configuration import check_configuration
from .documents import Documents, document_of
from .instances import Instances
from .projects import Projects, version_of
from .rollouts import Rollouts

__all__ = ["Deployments"]


@dataclass(frozen=True)
class Deployments(Subject):
    """The rules about deployments. Every method runs in a transaction."""

    projects: Projects
    instances: Instances
    documents: Documents
    rollouts: Rollouts

    def deploy_use_case(self, call: Call) -> dict[str, Any]:
        body = call.body
        project = self.projects.project(call.caller, body)
        configuration = body.mapping("configuration")
        check_configuration(configuration)
        skills = [_skill(skill) for skill in body.each("skills", required=False)]
        documents = [document_of(each) for each in body.each("metadataDocuments", required=False)]
        deployment_id, version = self.projects.add_version(
            "deployments",
            project["id"],
            body,
            status="inactive",
            configuration=as_json(configuration),
            skills=as_json(skills),
        )
        process_id = project["process_id"] or new_id()
        self.store.change("projects", {"id": project["id"]}, process_id=process_id)
        stored = [
            self.documents.keep(document, project["id"], deployment_id, version) for document in documents
        ]
        instance_id = self._roll_out(project, deployment_id, "dev", call.caller.user_id)
        data = {
            "templateId": deployment_id,
            "version": version,
            "isNewProcess": project["process_id"] is None,
            "processId": process_id,
            "processInstanceId": instance_id,
        }
        if stored:
            data["metadataDocumentsStored"] = stored
        names = [workflow["workflowTemplateId"] for workflow in configuration["workflows"]]

        async def hand_over() -> None:
            data.update(_deployed(await self.rollouts.finish(instance_id), names))

        call.afterwards.append(hand_over)
        return data

    def _roll_out(
        self,
        project: sqlite3.Row,
        deployment_id: str,
        environment: Literal["dev", "prod"],
        user_id: str,
        shared_with: dict[str, Any] | None = None,
    ) -> str:
        """Put a deployment into an environment's instance, which is made when there is none yet."""
        now = self.now()
        old = self.store.find("instances", project_id=project["id"], environment=environment)
        instance_id = old["id"] if old else new_uuid(now)
        if old is None:
            self.store.insert(
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
        self.store.change("instances", {"id": instance_id}, deployment_id=deployment_id)
        self.rollouts.begin(instance_id, {})
        return instance_id

    def publish(self, call: Call) -> dict[str, Any]:
        body = call.body
        project = self.projects.project(call.caller, body)
        deployment_id = body.text("processDeploymentId")
        deployment = self.store.find("deployments", id=deployment_id, project_id=project["id"])
        if deployment is None:
            raise Refusal("NOT_FOUND", "There is no such deployment in this project.")
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
        owner = body.text_or_none("userId") or call.caller.user_id
        if deployment["status"] != "inactive":
            raise Refusal(
                "INVALID_REQUEST",
                f"Only an inactive deployment can be published; this one is {deployment['status']}.",
            )
        published = {"project_id": project["id"], "status": "published"}
        self.store.change("deployments", published, status="deprecated")
        self.store.change("deployments", {"id": deployment_id}, status="published")
        self.store.change("projects", {"id": project["id"]}, has_published=True)
        data = {"processDeploymentId": deployment_id, "version": version_of(deployment)}
        if skip_instance and not self.store.find("instances", project_id=project["id"], environment="prod"):
            return data
        instance_id = self._roll_out(project, deployment_id, "prod", owner, shared_with)
        call.afterwards.append(lambda: self.rollouts.finish(instance_id))
        dev = self.store.find("instances", project_id=project["id"], environment="dev", is_active=True)
        if pause_dev and dev and self.instances.row(instance_id)["is_active"]:
            self.rollouts.switch(call, dev["id"], "prod_active")
        return {**data, "processInstanceId": instance_id}

    def redeploy(self, call: Call) -> dict[str, Any]:
        body = call.body
        instance = self.instances.instance(call.caller, body.text("processInstanceId"))
        given = body.mapping_or_empty("deploymentParameters")
        if not body.flag("forceRedeploy") and instance["rollout_status"] != "failed":
            raise Refusal(
                "INVALID_REQUEST",
                f"The deployment is {instance['rollout_status']}; only a failed one is rerun without force.",
            )
        self.rollouts.begin(instance["id"], given)
        data: dict[str, Any] = {}

        async def hand_over() -> None:
            installed = await self.rollouts.finish(instance["id"])
            data["deploymentStatus"] = installed["rollout_status"]
            data["deploymentInstanceId"] = installed["rollout_id"]
            data["n8nWorkflowIds"] = [each for each in json.loads(installed["engine_ids"]).values() if each]

        call.afterwards.append(hand_over)
        return data


def _deployed(instance: sqlite3.Row, workflows: list[str]) -> dict[str, Any]:
    """What a deployment answers about what the engine has made of it."""
    engine_ids: dict[str, str] = json.loads(instance["engine_ids"])
    problems: dict[str, str] = json.loads(instance["rollout_errors"])
    running = "active" if instance["is_active"] and not problems else "inactive"
    data = {
        "deploymentInstanceId": instance["rollout_id"],
        "workflowsDeployed": [
            {
                "workflowTemplateId": name,
                "n8nWorkflowId": engine_ids.get(name, ""),
                "status": "failed" if name in problems else running,
            }
            for name in workflows
        ],
        "deploymentStatus": instance["rollout_status"],
    }
    if problems:
        data["error"] = " ".join(f"{name}: {problem}" for name, problem in problems.items())
    return data


def _skill(skill: Members) -> dict[str, str]:
    view = {
        name: skill.text(name, blank=name == "description")
        for name in ("name", "description", "workflowTemplateId", "contentMarkdown")
    }
    return present({**view, "relativePath": skill.text_or_none("relativePath")})
