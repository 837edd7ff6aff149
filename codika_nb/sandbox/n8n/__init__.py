"""n8n as the sandbox's engine: one's own, somebody's, or one that is started along."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from ...errors import ConfigError
from ..engine import Engine

__all__ = ["n8n_engine"]


def n8n_engine(where: str, data: Path | None, codika_nodes: Path | None = None) -> Callable[[], Engine]:
    """What makes an engine of an n8n.

    Args:
        where: its address, whose API key is in ``CODIKA_N8N_API_KEY``; or ``"n8n"``: the one at
            ``CODIKA_N8N_URL``, else one of this machine, which is started.
        data: the sandbox's data folder.
        codika_nodes: the folder of the platform's own node package; without it, its nodes are written with
            n8n's.

    Raises:
        ConfigError: it is neither, the key is missing, or there is no n8n on this machine; or somebody
            else's n8n should run workflows as they are.
    """
    from .engine import N8nEngine  # noqa: PLC0415 - with a library that few sandboxes need
    from .marks import Mark  # noqa: PLC0415
    from .process import OwnN8nEngine, find  # noqa: PLC0415

    named = os.environ.get("CODIKA_N8N_URL", "") if where == "n8n" else where
    if not named:
        find()
        return lambda: OwnN8nEngine(data, codika_nodes)
    if urlsplit(named).scheme not in ("http", "https") or not urlsplit(named).hostname:
        raise ConfigError(
            f"{named!r} is no engine.", next_action="Give the address of an n8n, http://HOST:PORT, or: n8n"
        )
    if codika_nodes:
        raise ConfigError(
            "In an n8n that runs already, the platform's own nodes would call the platform instead of the "
            "sandbox.",
            next_action="Let one be started along: --engine n8n; or leave the node package out.",
        )
    key = os.environ.get("CODIKA_N8N_API_KEY", "")
    if not key:
        raise ConfigError(
            f"The API key of n8n at {named} is missing.",
            next_action="Make one there under Settings > n8n API, and put it into CODIKA_N8N_API_KEY.",
        )
    return lambda: N8nEngine(named, key, Mark.of_process() if data is None else Mark.of_folder(data))
