"""What can be mended in a workflow without asking anybody."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ..documents import json_file, parse_workflow
from ..starters import SUBWORKFLOW, WEBHOOK
from .findings import Finding
from .integrations import MODELS
from .view import (
    ENGINE_MEMBERS,
    ERROR_WORKFLOW,
    PLACEHOLDER_SUFFIXES,
    WEBHOOK_CREDENTIAL,
    as_object,
    objects_in,
)

#: Words by which a model that is gone tells which of the present ones is like it.
_TIERS = ("opus", "haiku", "sonnet")


def mended(content: bytes, path: str, findings: Iterable[Finding]) -> bytes:
    """A workflow with what is mechanical in findings about it put right; the same where nothing is.

    Args:
        content: the file.
        path: what complaints call it.
        findings: what was found in it.
    """
    rules = {finding.rule for finding in findings if finding.path == path}
    if not rules & {*_MENDING, *_MENDING_TEXT}:
        return content
    data = parse_workflow(content, path)
    if not isinstance(data.get("nodes"), list):
        return content  # whatever it is, it is no workflow
    nodes = objects_in(data.get("nodes"))
    # In the order of the tables, so that the file is the same each time.
    for rule, mend in _MENDING.items():
        if rule in rules:
            mend(data, nodes)
    written = _bare(json_file(data, path).decode())
    for rule, mend_text in _MENDING_TEXT.items():
        if rule in rules:
            written = mend_text(written)
    return written.encode()


def _set_settings(data: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
    settings = {**as_object(data.get("settings")), "executionOrder": "v1"}
    if not any(node.get("type") == SUBWORKFLOW for node in nodes):
        settings["errorWorkflow"] = ERROR_WORKFLOW
    data["settings"] = settings


def _sanitize(data: dict[str, Any], _: list[dict[str, Any]]) -> None:
    for member in ENGINE_MEMBERS:
        data.pop(member, None)


def _lock_webhooks(_: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
    for node in nodes:
        if node.get("type") == WEBHOOK:
            node["parameters"] = {**as_object(node.get("parameters")), "authentication": "headerAuth"}
            locked = {"httpHeaderAuth": dict(WEBHOOK_CREDENTIAL)}
            node["credentials"] = {**as_object(node.get("credentials")), **locked}


def _give_webhook_ids(data: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
    for node in nodes:
        if node.get("type") == WEBHOOK and not node.get("webhookId"):
            of = f"codika:{data.get('name')}/{node.get('name')}/{node.get('id')}"
            node["webhookId"] = str(uuid5(NAMESPACE_URL, of))


def _take_known_models(_: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
    for node in nodes:
        known = MODELS.get(str(node.get("type")))
        parameters = node.get("parameters")
        if not known or not isinstance(parameters, dict):
            continue
        given = parameters.get("model")
        model = given.get("value") if isinstance(given, dict) else given
        if not isinstance(model, str) or not model or model in known:
            continue
        tier = next((word for word in _TIERS if word in model.lower()), "sonnet")
        chosen = next(name for name in known if tier in name)
        parameters["model"] = {**given, "value": chosen} if isinstance(given, dict) else chosen


def _bare(written: str) -> str:
    """With the parameters bare again that `parse_workflow` has read as texts in single braces."""
    return re.sub(r'(?<!\\)"\{(INSTPARM_[A-Z0-9_]+_MRAPTSNI)\}"', r"{{\1}}", written)


def _bare_in_code(written: str) -> str:
    return re.sub(r"""(\\?["'])(\{\{INSTPARM_[A-Z0-9_]+_MRAPTSNI\}\})\1""", r"\2", written)


def _close_placeholders(written: str) -> str:
    def closed(match: re.Match[str]) -> str:
        kind, _, rest = match[1].partition("_")
        suffix = PLACEHOLDER_SUFFIXES.get(kind)
        if suffix is None or rest.endswith(f"_{suffix}"):
            return match[0]
        name, _, end = rest.rpartition("_")
        is_misspelt = end in PLACEHOLDER_SUFFIXES.values() or (
            difflib.SequenceMatcher(None, end, suffix).ratio() > 0.6
        )
        return f"{{{{{kind}_{name if name and is_misspelt else rest}_{suffix}}}}}"

    return re.sub(r"\{\{([A-Z][A-Z0-9]*_[A-Za-z0-9_-]+)\}\}", closed, written)


_MENDING: dict[str, Callable[[dict[str, Any], list[dict[str, Any]]], None]] = {
    "WORKFLOW-SETTINGS": _set_settings,
    "WORKFLOW-SANITIZATION": _sanitize,
    "WEBHOOK-AUTH": _lock_webhooks,
    "WEBHOOK-ID": _give_webhook_ids,
    "LLM-MODEL-ID": _take_known_models,
}
_MENDING_TEXT: dict[str, Callable[[str], str]] = {
    "INSTPARM-QUOTE": _bare_in_code,
    "PLACEHOLDER-SYNTAX": _close_placeholders,
}
