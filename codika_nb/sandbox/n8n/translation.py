"""A workflow for Codika as one of n8n's core nodes alone, which any n8n runs.

Each Codika node becomes one node of the same id, name, place and wires, so that what names it stays right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

__all__ = ["RUN_ID", "Translated", "as_it_is", "post", "translate"]

#: Under this name a record of n8n says which execution it belongs to.
RUN_ID = "codikaExecution"

_CODIKA = "n8n-nodes-codika."
#: What n8n takes of a node and of a workflow's settings (n8n 2.41's own description); more is an error there.
_NODE_MEMBERS = (
    *("id", "name", "type", "typeVersion", "position", "parameters", "credentials", "webhookId", "disabled"),
    *("notes", "notesInFlow", "executeOnce", "alwaysOutputData", "retryOnFail", "maxTries"),
    *("waitBetweenTries", "continueOnFail", "onError"),
)
_SETTINGS = (
    *("executionOrder", "timezone", "saveDataSuccessExecution", "saveManualExecutions"),
    *("saveExecutionProgress", "executionTimeout", "callerPolicy", "callerIds"),
    *("timeSavedPerExecution", "timeSavedMode", "availableInMCP"),
)
_INIT_PARAMETERS = (
    "memberSecret",
    "organizationId",
    "userId",
    "processInstanceId",
    "workflowId",
    "triggerType",
)
# What a Codika Init does here, with values in the place of the names in it.
_INIT_CODE = resources.files(__package__).joinpath("init.js").read_text(encoding="utf-8")
_ERROR_MEMBERS = ("errorMessage", "failedNodeName", "lastExecutedNode")


class Translated(NamedTuple):
    """What can be handed to n8n, and why some of it would not run."""

    workflow: dict[str, Any]
    problem: str | None
    #: Whether a run of it reports for duty, and so whether its failure is somebody's.
    has_init: bool


def translate(workflow: Mapping[str, Any], callback_url: str) -> Translated:
    """Write the Codika nodes of a workflow with core nodes.

    Args:
        workflow: n8n's description; its placeholders are filled.
        callback_url: the sandbox's address as n8n reaches it.

    Example:
        >>> init = {"name": "Init", "type": "n8n-nodes-codika.codika", "position": [0, 0]}
        >>> init["parameters"] = {"operation": "initWorkflow"}
        >>> translate({"nodes": [init]}, "http://127.0.0.1:8321").workflow["nodes"][0]["type"]
        'n8n-nodes-base.code'
    """
    nodes = _nodes(workflow)
    inits = _inits(nodes)
    problems: list[str] = []
    core = [_core_node(node, callback_url, inits, problems) if _is_codika(node) else node for node in nodes]
    return Translated(_accepted(workflow, core), " ".join(problems) or None, bool(inits))


def as_it_is(workflow: Mapping[str, Any]) -> Translated:
    """A workflow for an n8n that has the platform's own nodes."""
    nodes = _nodes(workflow)
    return Translated(_accepted(workflow, nodes), None, bool(_inits(nodes)))


def _nodes(workflow: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [node for node in workflow.get("nodes") or [] if isinstance(node, dict)]


def _inits(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(node.get("name")) for node in nodes if _operation(node) == "initWorkflow"]


def _accepted(workflow: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What n8n takes of a workflow with these nodes."""
    written = [{name: node[name] for name in _NODE_MEMBERS if node.get(name) is not None} for node in nodes]
    given = workflow.get("settings") or {}
    settings = {name: given[name] for name in _SETTINGS if given.get(name) is not None}
    result = {
        "name": str(workflow.get("name") or "workflow"),
        "nodes": written,
        "connections": workflow.get("connections") or {},
        # Without a record nobody could say why a run has failed.
        "settings": {"executionOrder": "v1", **settings, "saveDataErrorExecution": "all"},
    }
    if isinstance(workflow.get("staticData"), dict):
        result["staticData"] = workflow["staticData"]
    return result


def _is_codika(node: Mapping[str, Any]) -> bool:
    return str(node.get("type")).startswith(_CODIKA)


def _operation(node: Mapping[str, Any]) -> str | None:
    if node.get("type") != f"{_CODIKA}codika":
        return None
    return str((node.get("parameters") or {}).get("operation"))


def _core_node(
    node: Mapping[str, Any], callback_url: str, inits: Sequence[str], problems: list[str]
) -> dict[str, Any]:
    parameters = node.get("parameters") or {}
    operation = _operation(node)
    kept = {name: value for name, value in node.items() if name != "credentials"}
    if operation == "initWorkflow":
        code = _init(parameters, callback_url)
        return kept | {"type": "n8n-nodes-base.code", "typeVersion": 2, "parameters": {"jsCode": code}}
    if operation not in ("submitResult", "reportError", "uploadFile"):
        problems.append(f'The node "{node.get("name")}" ({operation or node.get("type")}) does not run here.')
        return kept
    if not inits:
        problems.append(f'The node "{node.get("name")}" needs a Codika Init before it, and there is none.')
    of_the_run = _of_the_run(inits)
    if operation == "uploadFile":
        return kept | _upload(parameters, callback_url, of_the_run)
    path, members = (
        ("submitworkflowresult", _result(parameters))
        if operation == "submitResult"
        else ("submitworkflowerror", _error(parameters))
    )
    members |= {
        "executionId": f"={{{{ {of_the_run}.executionId }}}}",
        "executionSecret": f"={{{{ {of_the_run}.executionSecret }}}}",
        "n8nExecutionId": "={{ $execution.id }}",
        "executionTimeMs": f"={{{{ Date.now() - {of_the_run}._startTimeMs }}}}",
    }
    body = [{"name": name, "value": value} for name, value in members.items()]
    request = post(
        f"{callback_url}/{path}", "json", specifyBody="keypair", bodyParameters={"parameters": body}
    )
    # The platform's own node looks at the first item alone.
    return kept | request | {"executeOnce": True}


def post(url: str, content_type: str, **parameters: Any) -> dict[str, Any]:
    """What makes a node one that posts something."""
    said = {"method": "POST", "url": url, "sendBody": True, "contentType": content_type, "options": {}}
    return {
        "type": "n8n-nodes-base.httpRequest",
        "typeVersion": 4.2,
        "parameters": {**said, **parameters},
    }


def _result(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The result as the author has written it; where that comes out as a text, the text is JSON."""
    given = parameters.get("resultData", {})
    return {"resultText": given if isinstance(given, str) else json.dumps(given)}


def _error(parameters: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: parameters[name] for name in _ERROR_MEMBERS if parameters.get(name)}
    return {"errorType": parameters.get("errorType") or "node_failure", **given}


def _upload(parameters: Mapping[str, Any], callback_url: str, of_the_run: str) -> dict[str, Any]:
    fields = {
        name: parameters.get(f"{name}Override") or f"={{{{ {of_the_run}.{name} }}}}"
        for name in ("executionId", "executionSecret")
    }
    fields |= {
        name: parameters[name] for name in ("fieldKey", "fileName", "mimeType") if parameters.get(name)
    }
    file = {
        "parameterType": "formBinaryData",
        "name": "file",
        "inputDataFieldName": parameters.get("binaryPropertyName") or "data",
    }
    texts = [{"parameterType": "formData", "name": name, "value": value} for name, value in fields.items()]
    return post(
        f"{callback_url}/uploadworkflowoutput",
        "multipart-form-data",
        bodyParameters={"parameters": [file, *texts]},
        options={"timeout": 300_000},
    )


def _of_the_run(inits: Sequence[str]) -> str:
    """An expression for what the Init node of this run has put out."""
    expression = "null"
    for name in reversed(inits):
        node = f"$({_in_an_expression(name)})"
        expression = f"({node}.isExecuted ? {node}.first().json : {expression})"
    return expression


def _in_an_expression(text: str) -> str:
    """A text for an expression, which two braces in a row would end."""
    return json.dumps(text).replace("{", "\\u007b").replace("}", "\\u007d")


def _init(parameters: Mapping[str, Any], callback_url: str) -> str:
    """The code that reads what the sandbox has sent, or reports for duty where something else has started."""
    # An expression is none inside code. Where it would be needed, the code says so.
    given = {
        name: value if isinstance(value := parameters.get(name), str) and value[:1] != "=" else None
        for name in _INIT_PARAMETERS
    }
    return _INIT_CODE % {
        "given": json.dumps(given),
        "url": json.dumps(callback_url),
        "run_id": json.dumps(RUN_ID),
    }
