"""How a workflow is called from elsewhere: its address, a command for a terminal, a line for a cell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ..profiles import PRODUCTION
from .api.platform import Platform

__all__ = ["curl", "endpoint_url", "magic_line"]

#: Where a command finds the key; no key is ever part of one.
KEY = "$CODIKA_API_KEY"


def endpoint_url(api: Platform, workflow: str, *, instance: str) -> str:
    """The address that starts a run of a workflow when a payload is POSTed to it."""
    base_url, where = api._address("webhook", instance, workflow)
    return f"{base_url or api.base_url or PRODUCTION}{where}"


def curl(api: Platform, workflow: str, payload: Mapping[str, Any], *, instance: str) -> str:
    """The command that starts a run from a terminal, with the key of the environment."""
    header = "X-API-Key" if api.public else "X-Process-Manager-Key"
    body = json.dumps({"payload": payload}, ensure_ascii=False)
    return (
        f"curl {shlex.quote(endpoint_url(api, workflow, instance=instance))} "
        f'-H "{header}: {KEY}" -H "Content-Type: application/json" -d {shlex.quote(body)}'
    )


def magic_line(workflow: str, payload: Mapping[str, Any], *, instance: str | None = None) -> str:
    """The line that runs it from a notebook's cell."""
    where = f" --instance {instance}" if instance else ""
    return f"%codika_trigger {shlex.quote(workflow)}{where} {json.dumps(payload, ensure_ascii=False)}"
