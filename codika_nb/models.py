"""What the platform answers, as typed, immutable values.

Members keep the platform's order and meaning, in Python spelling (``processInstanceId`` is
``process_instance_id``). Members that a newer platform adds are kept and do no harm.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

from .errors import ExecutionFailedError

__all__ = [
    "CodeSent",
    "DeployedWorkflow",
    "Deployment",
    "Execution",
    "ExecutionProblem",
    "KeyBundle",
    "MintedKey",
    "ProjectCreated",
    "Triggered",
    "VerifiedKey",
]


class Answer(BaseModel):
    """A value from the platform; unknown members are kept."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="allow",
        # What fails to validate may hold a key, and messages end up on screens and in logs.
        hide_input_in_errors=True,
    )


class CodeSent(Answer):
    """A six-digit code is on its way to `email` and works for `expires_in_seconds`."""

    email: str
    expires_in_seconds: int


class MintedKey(Answer):
    """A fresh organization key; `raw` is shown by the platform this once, and never in a repr."""

    key_id: str
    raw: SecretStr
    key_prefix: str
    name: str
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str | None = None


class KeyBundle(Answer):
    """What completing a sign-up or a login yields: an organization and a key for it."""

    organization_id: str
    organization_name: str
    api_key: MintedKey
    is_new_user: bool | None = None


class VerifiedKey(Answer):
    """What the platform knows about the key in use."""

    type: str = "org-api-key"
    organization_id: str | None = None
    organization_name: str | None = None
    key_name: str | None = None
    key_prefix: str | None = None
    scopes: tuple[str, ...] = ()
    created_at: str | None = None
    expires_at: str | None = None
    last_used_at: str | None = None


class ProjectCreated(Answer):
    """A new project, known by its id."""

    project_id: str


class DeployedWorkflow(Answer):
    """One workflow of a deployment, and whether it runs."""

    workflow_template_id: str
    n8n_workflow_id: str | None = Field(default=None, alias="n8nWorkflowId")
    status: Literal["active", "inactive", "failed"] | str = "active"


class Deployment(Answer):
    """A use case as the platform now runs it: version, instance, workflows."""

    template_id: str
    version: str
    is_new_process: bool = False
    process_id: str
    process_instance_id: str | None = None
    deployment_instance_id: str
    workflows_deployed: tuple[DeployedWorkflow, ...] = ()
    deployment_status: Literal["deployed", "failed", "pending"] | str
    error: str | None = None

    def __repr__(self) -> str:
        return (
            f"Deployment(version={self.version!r}, status={self.deployment_status!r}, "
            f"workflows={[w.workflow_template_id for w in self.workflows_deployed]})"
        )


class Triggered(Answer):
    """A run has been started; `execution_id` is the handle to wait for it."""

    execution_id: str
    message: str = ""


class ExecutionProblem(Answer):
    """Why a run failed, and at which node."""

    type: str = ""
    message: str = ""
    code: str | None = None
    failed_node_name: str | None = None


class Execution(Answer):
    """One run of a workflow: its state, and its result once it has ended well."""

    execution_id: str
    status: Literal["pending", "success", "failed"] | str
    created_at: datetime | None = None
    duration: int | None = Field(default=None, description="milliseconds")
    result_data: Any = None
    error_details: ExecutionProblem | None = None

    @property
    def ended(self) -> bool:
        """Whether the run is over; anything but ``pending`` is final."""
        return self.status != "pending"

    @property
    def result(self) -> Any:
        """The result of the workflow; raises `ExecutionFailedError` when there is none."""
        if self.status == "success":
            return self.result_data
        problem = self.error_details
        if not self.ended:
            message, action = f"Run {self.execution_id} has not ended yet.", "Wait: client.wait_for(run)"
        elif problem is None:
            message, action = f"Run {self.execution_id} ended as {self.status}.", None
        else:
            at = f" at node “{problem.failed_node_name}”" if problem.failed_node_name else ""
            message, action = f"The workflow failed{at}: {problem.message}", None
        error = ExecutionFailedError(
            message, next_action=action, code=(problem.code or problem.type) if problem else self.status
        )
        error.execution = self
        raise error

    def __repr__(self) -> str:
        took = f", {self.duration} ms" if self.duration is not None else ""
        if self.status == "success":
            return f"Execution({self.status}{took}, result={self.result_data!r})"
        why = f", {self.error_details.message!r}" if self.error_details else ""
        return f"Execution({self.status}{took}{why}, id={self.execution_id!r})"
