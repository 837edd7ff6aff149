"""The files beside a deployment: its metadata documents, and data ingestions, which have own versions."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ..wire import Call, Members, as_json, iso, present
from . import Subject
from .configuration import decode_workflow
from .projects import Projects, version_of

__all__ = ["Documents", "document_of"]

_LARGEST = 10 * 1024**2


def document_of(given: Members) -> dict[str, str | None]:
    """A document as it is sent; what cannot be one is refused before anything is written."""
    return {
        "relativePath": given.text("relativePath"),
        "contentType": given.text("contentType"),
        "description": given.text_or_none("description"),
        "contentBase64": given.text("contentBase64", blank=True),
    }


@dataclass(frozen=True)
class Documents(Subject):
    """The rules about metadata documents and data ingestions. Every method runs in a transaction."""

    projects: Projects

    def keep(
        self, document: Mapping[str, str | None], project_id: str, deployment_id: str, version: str
    ) -> dict[str, Any]:
        """Keep a `document` that comes with a deployment, if it can be kept; returns what became of it."""
        path = document["relativePath"] or ""
        storage_path = f"projects/{project_id}/deployments/{version}/{path}"
        outcome = {"relativePath": path, "storagePath": storage_path}
        try:
            content = base64.b64decode(document["contentBase64"] or "", validate=True)
        except ValueError:
            return {**outcome, "success": False, "error": "The content is not base64."}
        if path.startswith("/") or "\\" in path or ".." in PurePosixPath(path).parts:
            return {**outcome, "success": False, "error": "The path must stay inside the use case."}
        if len(content) > _LARGEST:
            return {**outcome, "success": False, "error": "The document is larger than 10 MiB."}
        self.store.remove("documents", deployment_id=deployment_id, relative_path=path)
        self.store.insert(
            "documents",
            deployment_id=deployment_id,
            relative_path=path,
            content_type=document["contentType"],
            description=document["description"],
            content=content,
            uploaded_at=self.now(),
        )
        return {**outcome, "success": True}

    def get_documents(self, call: Call) -> dict[str, Any]:
        body = call.body
        project = self.projects.project(call.caller, body)
        with_content = body.flag("includeContent")
        deployment = self.projects.at_version("deployments", project["id"], body.text_or_none("version"))
        version = version_of(deployment) if deployment else body.text_or_none("version") or ""
        rows = self.store.select("documents", deployment_id=deployment["id"]) if deployment else []
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
            ingestion = self.projects.at_version(
                "ingestions", project["id"], body.text_or_none("dataIngestionVersion")
            )
            if ingestion is not None:
                data["dataIngestionVersion"] = version_of(ingestion)
                documents.append(_ingestion_document(ingestion))
        return {**data, "documents": [_document_view(document, with_content) for document in documents]}

    def ingest(self, call: Call) -> dict[str, Any]:
        project = self.projects.project(call.caller, call.body, "processId")
        config = call.body.members("config")
        config.text("workflowTemplateId")
        config.text("workflowName")
        config.text("purpose")
        webhooks = config.members("webhooks")
        urls = {name: webhooks.text(name) for name in ("embed", "delete")}
        decode_workflow(config)
        ingestion_id, version = self.projects.add_version(
            "ingestions", project["id"], call.body, config=as_json(call.body.mapping("config"))
        )
        return {
            "dataIngestionId": ingestion_id,
            "version": version,
            "status": "active",
            "webhookUrls": urls,
        }


def _document_view(document: dict[str, Any], with_content: bool) -> dict[str, Any]:
    content: bytes = document.pop("content")
    view = {**present(document), "sizeBytes": len(content)}
    if with_content:
        view["contentBase64"] = base64.b64encode(content).decode()
    return view


def _ingestion_document(row: sqlite3.Row) -> dict[str, Any]:
    config = json.loads(row["config"])
    path = f"data-ingestion/{config['workflowTemplateId']}.json"
    return {
        "relativePath": path,
        "storagePath": f"projects/{row['project_id']}/data-ingestion/{version_of(row)}/{path}",
        "contentType": "application/json",
        "content": base64.b64decode(config["n8nWorkflowJsonBase64"]),
        "uploadedAt": iso(row["created_at"]),
        "description": f"Data ingestion: {config['workflowName']}",
    }
