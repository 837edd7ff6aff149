"""What the platform answers, as typed, immutable values.

Members keep the platform's order and meaning, in Python spelling (``processInstanceId`` is
``process_instance_id``). Members that a newer platform adds are kept and do no harm; those that only
describe may be missing. Lists are lists that show themselves as tables.

(codika 3.6.0.)

Example:
    >>> run = client.run_workflow("greet", {"name": "Ada"})
    >>> run.execution_id == run.model_dump(by_alias=True)["executionId"]
    True
    >>> [instance.environment for instance in client.list_instances()]
    ['dev']
"""

from __future__ import annotations

from .accounts import CodeSent, Identity, KeyBundle, MintedKey, OrganizationCreated, UpdatedKey, VerifiedKey
from .deployments import (
    AcceptedDocument,
    AcceptedDocuments,
    DataIngestion,
    DeployedWorkflow,
    Deployment,
    Published,
    Redeployment,
    StageDocument,
    WebhookUrls,
)
from .documents import Skill, Skills, StoredDocument, UseCaseFiles
from .executions import Execution, ExecutionDetails, ExecutionProblem, Executions, ExecutionSummary, Triggered
from .instances import (
    Instance,
    InstanceDeployment,
    Instances,
    InstanceState,
    InstanceSummary,
    InstanceWorkflow,
)
from .integrations import (
    CredentialSchema,
    Integration,
    IntegrationConnected,
    IntegrationDeleted,
    Integrations,
    PendingDeactivations,
)
from .notes import Note, Notes, NoteSaved
from .projects import Project, ProjectCreated, Projects, ProjectSummary, ProjectVersion

__all__ = [
    "AcceptedDocument",
    "AcceptedDocuments",
    "CodeSent",
    "CredentialSchema",
    "DataIngestion",
    "DeployedWorkflow",
    "Deployment",
    "Execution",
    "ExecutionDetails",
    "ExecutionProblem",
    "ExecutionSummary",
    "Executions",
    "Identity",
    "Instance",
    "InstanceDeployment",
    "InstanceState",
    "InstanceSummary",
    "InstanceWorkflow",
    "Instances",
    "Integration",
    "IntegrationConnected",
    "IntegrationDeleted",
    "Integrations",
    "KeyBundle",
    "MintedKey",
    "Note",
    "NoteSaved",
    "Notes",
    "OrganizationCreated",
    "PendingDeactivations",
    "Project",
    "ProjectCreated",
    "ProjectSummary",
    "ProjectVersion",
    "Projects",
    "Published",
    "Redeployment",
    "Skill",
    "Skills",
    "StageDocument",
    "StoredDocument",
    "Triggered",
    "UpdatedKey",
    "UseCaseFiles",
    "VerifiedKey",
    "WebhookUrls",
]
