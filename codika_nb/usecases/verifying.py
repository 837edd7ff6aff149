"""`verify_workflow`: the rules on one workflow, without a use case around it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import UseCaseError
from ..files import path_of
from .documents import json_file, parse_workflow, without_mark, write
from .rules.findings import Findings
from .rules.mending import mended
from .rules.verify import verify_files

_NAME = "workflows/workflow.json"


def verify_workflow(source: str | os.PathLike[str] | Mapping[str, Any]) -> Findings:
    """Check one n8n workflow by the rules that are about workflows alone.

    Those about configurations, and about workflows that call each other, need the whole use case:
    `UseCase.verify`.

    Args:
        source: a file, JSON text, or a dictionary.

    Returns:
        What was found; empty when all is well. With a ``must`` finding it does not run.

    Raises:
        UseCaseError: the file cannot be read, or is no JSON object; names the place.

    Example:
        >>> verify_workflow("use-cases/greeter/workflows/greet.json")
        No findings.
        >>> verify_workflow({"nodes": [], "connections": {}}).must[0].rule
        'WORKFLOW-SETTINGS'
    """
    if isinstance(source, Mapping):
        name, content = "workflow", json_file(dict(source), "workflow")
    elif isinstance(source, str) and source.lstrip("\ufeff \t\r\n")[:1] == "{":
        name, content = "workflow", source.lstrip("\ufeff").encode()
    else:
        return _in_file(path_of(source))
    return _found(content, name)


def _found(content: bytes, name: str) -> Findings:
    parse_workflow(content, name)
    return Findings(replace(finding, path=name) for finding in verify_files({_NAME: content}))


def _in_file(path: Path) -> Findings:
    try:
        content = without_mark(path.read_bytes())
    except OSError as error:
        raise UseCaseError(
            f"{path} cannot be read: {error.strerror}.", next_action="Give the file of an n8n workflow."
        ) from error

    def mend(given: Findings) -> Findings:
        better = mended(content, path.name, given)
        if better != content:
            write(path.parent, path.name, better)
        left = _found(better, path.name)
        return Findings(finding for finding in given if finding not in left)

    findings = _found(content, path.name)
    findings._mend = mend
    return findings
