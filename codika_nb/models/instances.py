"""Process instances: what runs a deployed use case."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from .answer import Answer, Id, Table

#: The environments, as the platform writes them and as people do.
ENVIRONMENTS = {"dev": "development", "prod": "production"}


class InstanceSummary(Answer):
    """A process instance as it appears in a list."""

    process_instance_id: Id
    process_id: str | None = None
    title: str | None = None
    environment: Literal["dev", "prod"] | str | None = None
    is_active: bool | None = None
    archived: bool | None = None
    current_version: str | None = None
    installed_at: datetime | None = None
    last_executed_at: datetime | None = None
    inactive_reason: str | None = None


class Instances(Table[InstanceSummary], row=InstanceSummary, member="instances"):
    """Process instances, as a list."""

    columns: ClassVar[dict[str, str]] = {
        "Title": "title",
        "Instance": "process_instance_id",
        "Environment": "environment",
        "Version": "current_version",
        "Active": "is_active",
        "Last run": "last_executed_at",
    }


class InstanceWorkflow(Answer):
    """A workflow of an instance; from the fifth member on only when details were asked for."""

    workflow_id: Id
    n8n_workflow_id: str | None = None
    workflow_name: str | None = None
    n8n_workflow_is_active: bool | None = None
    triggers: tuple[dict[str, Any], ...] = ()
    cost: float | None = None
    integration_uids: tuple[str, ...] = ()


class InstanceDeployment(Answer):
    """What an instance runs, and with which parameters."""

    deployment_instance_id: Id = ""
    deployment_status: Literal["pending", "deploying", "deployed", "failed", "updating"] | str | None = None
    deployment_parameters: dict[str, Any] | None = None
    deployment_input_schema: tuple[Any, ...] | None = None
    workflows: tuple[InstanceWorkflow, ...] = ()


class Instance(InstanceSummary):
    """A process instance: state, version, workflows."""

    organization_id: str | None = None
    deployment: InstanceDeployment | None = None


class InstanceState(Answer):
    """Whether an instance is switched on."""

    process_instance_id: Id
    is_active: bool
    workflow_count: int | None = None
