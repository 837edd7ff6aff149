"""How a workflow is called from elsewhere: its address, a command for a terminal, a line for a cell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ..profiles import PRODUCTION
from .api.platform import Platform

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


def python_call(api: Platform, workflow: str, payload: Mapping[str, Any], *, instance: str) -> str:
    """The lines that run it from Python, with the key that a client finds by itself."""
    server = "" if api.base_url == PRODUCTION else f"base_url={api.base_url!r}"
    members = "".join(f"    {name!r}: {value!r},\n" for name, value in payload.items())
    given = f"{{\n{members}}}" if members else "{}"
    return (
        f"from codika_nb import Client\n\npayload = {given}\nwith Client({server}) as client:\n"
        f"    run = client.run_workflow({workflow!r}, payload, instance={instance!r})\nprint(run.result)"
    )


def magic_line(workflow: str, payload: Mapping[str, Any]) -> str:
    """The line that runs it from a notebook's cell, where it was deployed last."""
    return f"%codika_trigger {shlex.quote(workflow)} {json.dumps(payload, ensure_ascii=False)}"
