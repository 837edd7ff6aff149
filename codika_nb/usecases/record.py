"""Where a folder is deployed to, and what has been deployed from it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from .configuration import Configuration
from .documents import write
from .source import json_file

#: The configuration in the archive of a deployment.
SNAPSHOT = "config-snapshot.json"


class Project(BaseModel):
    """Where a folder is deployed to: ``project.json``."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True)

    project_id: str = Field(min_length=1)
    organization_id: str | None = None
    dev_process_instance_id: str | None = None
    prod_process_instance_id: str | None = None
    deployments: dict[str, Any] | None = None
    data_ingestion_deployments: dict[str, Any] | None = None
    base_url: str | None = None


def timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def archive_of(folder: Path, project_id: str, version: str) -> Path:
    """Where a use-case folder keeps what was deployed as this version."""
    return folder / "deployments" / project_id / "process" / version


def archived_configuration(folder: Path, instance: str, version: str) -> Configuration | None:
    """What an instance runs in this version, from the archive of a folder; None if it is not of this folder.

    Raises:
        OSError, ValueError, TypeError, LookupError, AttributeError: the files are not those of a deployment.
    """
    project = json.loads((folder / "project.json").read_text(encoding="utf-8"))
    if instance not in (project.get("devProcessInstanceId"), project.get("prodProcessInstanceId")):
        return None
    snapshot = archive_of(folder, project["projectId"], version) / SNAPSHOT
    return Configuration.model_validate_json(snapshot.read_bytes())


def write_archived(file: Path, value: object) -> None:
    write(file, json_file(value, file.name, end=""))
