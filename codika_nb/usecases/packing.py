"""What leaves a use case with a deployment: what the platform gets, and what the archive keeps."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files import Base64
from .apart import INGESTION_FILE
from .configuration import Configuration
from .documents import ENCODED_MARK, check_path_segment, without_mark
from .source import CONFIGURATION_FILES, Source, workflow_file

#: The platform stores no larger file with a deployment.
LARGEST_DOCUMENT = 10 * 1024 * 1024

_CONTENT_TYPES = {
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".log": "text/plain",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".py": "text/x-python",
    ".ts": "text/typescript",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".yaml": "application/x-yaml",
    ".yml": "application/x-yaml",
}


def deployment_body(
    source: Source,
    configuration: Configuration,
    *,
    project_id: str,
    version_strategy: str,
    explicit_version: str | None,
) -> dict[str, Any]:
    """The body of ``POST /deployprocessusecase``, as codika 3.6.0 sends it."""
    content = encoded(source)
    members = configuration.to_json()
    for workflow in members["workflows"]:
        if carried := workflow.get("n8nWorkflowJsonBase64"):
            workflow["n8nWorkflowJsonBase64"] = carried.removeprefix(ENCODED_MARK)
        else:
            workflow["n8nWorkflowJsonBase64"] = content[workflow_file(workflow["workflowTemplateId"])]
    body: dict[str, Any] = {
        "projectId": project_id,
        "configuration": members,
        "versionStrategy": version_strategy,
    }
    if explicit_version is not None:
        body["explicitVersion"] = explicit_version
    if stored := documents(source, content):
        body["metadataDocuments"] = stored
    if source.skills:
        body["skills"] = [skill.to_json() for skill in source.skills]
    return body


def encoded(source: Source) -> dict[str, Base64]:
    """Its files in base64, each once, however often it travels: large use cases consist of nothing else."""
    files = source.files | source.added
    return {name: Base64(base64.b64encode(content), "ascii") for name, content in files.items()}


def documents(source: Source, content: Mapping[str, str]) -> list[dict[str, Any]]:
    """The files that are stored with a deployment, so that they can be fetched again."""
    told = {skill.relative_path: f"Skill: {skill.name}" for skill in source.skills}
    told |= {name: f"Workflow: {Path(name).name}" for name in source.workflow_files}
    of_configuration = (source.config, *CONFIGURATION_FILES, INGESTION_FILE)
    told |= dict.fromkeys(of_configuration, "Use case configuration")
    # In the tool's order: what is added comes before the skills.
    skills = [name for name in source.files if name.startswith("skills/")]
    first = [name for name in source.files if name in told and name not in skills]
    rest = [name for name in source.files if name not in first]
    return [
        {
            "relativePath": name,
            "contentType": _CONTENT_TYPES.get(Path(name).suffix.lower(), "application/octet-stream"),
            "contentBase64": content[name],
            **({} if name in source.added else {"description": told.get(name, "Read by the configuration")}),
        }
        for name in (*first, *source.added, *rest)
        if len(source.added.get(name) or source.files.get(name, b"")) <= LARGEST_DOCUMENT
    ]


def archived(source: Source, configuration: Configuration) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The configuration as the archive keeps it, and the workflows, which are files of their own there."""
    workflows = {name: source.files[name] for name in source.workflow_files}
    snapshot = configuration.to_json()
    for workflow in snapshot["workflows"]:
        carried = without_mark(base64.b64decode(workflow.get("n8nWorkflowJsonBase64") or ""))
        if carried and carried not in workflows.values():
            check_path_segment(workflow["workflowTemplateId"], "workflowTemplateId")
            workflows[workflow_file(workflow["workflowTemplateId"])] = carried
        workflow["n8nWorkflowJsonBase64"] = "[archived in workflows/ folder]"
    # The codika tool archives in the order of the file: whoever deploys by both in turn sees no difference.
    return _in_the_order_of(source.given, snapshot), workflows


def _in_the_order_of(given: Any, value: Any) -> Any:
    """A JSON value with its members in the order in which another has them; what that lacks comes last."""
    if isinstance(value, dict) and isinstance(given, Mapping):
        names = dict.fromkeys([*(name for name in given if name in value), *value])
        return {name: _in_the_order_of(given.get(name), value[name]) for name in names}
    if isinstance(value, list) and isinstance(given, list):
        return [_in_the_order_of(given[n] if n < len(given) else None, part) for n, part in enumerate(value)]
    return value
