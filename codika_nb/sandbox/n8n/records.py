"""What n8n has written down about a run: which one it is of, why it failed, and without what is secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .translation import RUN_ID

__all__ = ["blanked", "called_by", "failure", "has_ended", "of_run", "slimmed"]

_SECRET_NAMES = ("executionSecret", "memberSecret", "resumeToken", "authorization")
_BLANK = "***"
# Why a call back did not arrive, in the words of n8n's nodes.
_NO_WAY_BACK = ("ECONNREFUSED", "refused the connection", "restricted IP address", "ENOTFOUND")


def of_run(record: Mapping[str, Any]) -> str | None:
    """The id of the execution that a record belongs to; None if it does not say.

    A translated Codika Init marks the record; the platform's own node only puts the id out.
    """
    marked = record.get("customData")
    if isinstance(marked, dict) and RUN_ID in marked:
        return str(marked[RUN_ID])
    runs = _mapping(_mapping(_mapping(record.get("data")).get("resultData")).get("runData"))
    put_out = (each for each in _everywhere(runs) if "executionSecret" in each and "executionId" in each)
    return next((str(each["executionId"]) for each in put_out), None)


def has_ended(record: Mapping[str, Any]) -> bool:
    return record.get("status") in ("success", "error", "crashed", "canceled")


def failure(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Why a run has failed, as the platform says it; None if it has not."""
    if record.get("status") not in ("error", "crashed", "canceled"):
        return None
    result = _mapping(_mapping(record.get("data")).get("resultData"))
    error = _mapping(result.get("error"))
    words = str(error.get("message") or error.get("name") or f"The run was {record['status']}.")
    further = error.get("description")
    if isinstance(further, str) and further and further not in words:
        words = f"{words.rstrip('.')}: {further}"
    if any(each in words for each in _NO_WAY_BACK):
        words += (
            " If this was a call back: give the address at which n8n reaches the sandbox, --callback-url."
        )
    node = result.get("lastNodeExecuted") or _mapping(error.get("node")).get("name")
    said = {"type": "node_failure", "message": words}
    return {**said, "failedNodeName": str(node)} if node else said


def called_by(record: Mapping[str, Any]) -> Iterator[str]:
    """The ids of the runs that a run has started as parts of itself."""
    runs = _mapping(_mapping(_mapping(record.get("data")).get("resultData")).get("runData"))
    for turns in runs.values():
        for turn in turns if isinstance(turns, list) else []:
            part = _mapping(_mapping(_mapping(turn).get("metadata")).get("subExecution")).get("executionId")
            if part:
                yield str(part)


def slimmed(record: dict[str, Any]) -> dict[str, Any]:
    """A record without what describes the workflow and which item came from which."""
    record.pop("workflowData", None)
    for each in _everywhere(record):
        each.pop("pairedItem", None)
    return record


def blanked(record: dict[str, Any], *secrets: str) -> dict[str, Any]:
    """A record in which no secret stands, wherever a node has handed it on."""
    found = set(secrets)
    for mapping in _everywhere(record):
        found.update(each for name in _SECRET_NAMES if isinstance(each := mapping.get(name), str))
    code = [value for mapping in _everywhere(record) if isinstance(value := mapping.get("jsCode"), str)]
    found.update(each for text in code for each in text.split('"') if each.startswith("cms_"))
    found -= {"", _BLANK}

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {clean(name): clean(each) for name, each in value.items()}
        if isinstance(value, list):
            return [clean(each) for each in value]
        if isinstance(value, str):
            for secret in found:
                value = value.replace(secret, _BLANK)
        return value

    cleaned: dict[str, Any] = clean(record)
    return cleaned


def _everywhere(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a value."""
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            yield each
            stack.extend(each.values())
        elif isinstance(each, list):
            stack.extend(each)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
