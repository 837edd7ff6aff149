"""An n8n of the sandbox's own: found on this machine, started, set up without a person, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import platformdirs

from ...errors import ConfigError
from ...files import write_whole
from . import keeper
from .api import Api
from .engine import N8nEngine
from .marks import Mark
from .translation import Translated, as_it_is

__all__ = ["NODE", "VERSION", "OwnN8nEngine", "Program", "find", "installed_in", "node_version"]

VERSION = "2.41.1"
#: The oldest Node that it runs on.
NODE = 24
_SECONDS_TO_START = 120
_LISTEN = "127.0.0.1"
# What n8n can do without here, most of which would ask servers elsewhere at its start.
_MODULES = (
    "insights,external-secrets,data-table,oauth-server,mcp,provisioning,breaking-changes,source-control,chat-hub,"
    "sso-oidc,sso-saml,log-streaming,ldap,quick-connect,workflow-builder,favorites,otel,token-exchange,"
    "instance-version-history,oauth-jwe,n8n-packages,mcp-registry,workflow-reviews,instance-ai,agents"
)
_OFF = (
    "N8N_SECURE_COOKIE",
    "N8N_DIAGNOSTICS_ENABLED",
    "N8N_VERSION_NOTIFICATIONS_ENABLED",
    "N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED",
    "N8N_TEMPLATES_ENABLED",
    "N8N_PERSONALIZATION_ENABLED",
    "N8N_HIRING_BANNER_ENABLED",
    "N8N_DYNAMIC_BANNERS_ENABLED",
)
_EMPTY = ("EXTERNAL_FRONTEND_HOOKS_URLS", "N8N_DIAGNOSTICS_CONFIG_FRONTEND", "N8N_DIAGNOSTICS_CONFIG_BACKEND")
_SCOPES = ("workflow", "credential", "execution", "tag", "workflowTags")
_NODES = "n8n-nodes-codika"
# Nothing else of the environment: workflows run code that could read it.
_TAKEN_ALONG = ("PATH", "LANG", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")


class Program(NamedTuple):
    """An n8n on this machine: the Node that runs it, and its script."""

    node: Path
    script: Path


def installed_in() -> Path:
    """The folder into which ``codika-nb engine install`` puts n8n."""
    return platformdirs.user_data_path("codika-nb") / f"n8n-{VERSION}"


def find() -> Program:
    """An n8n on this machine: the one on PATH, else the one that ``codika-nb engine install`` has put there.

    Raises:
        ConfigError: there is none, or no Node that is new enough for it.
    """
    on_path = shutil.which("n8n")
    if on_path:
        node = shutil.which("node") or "node"
        major, version = node_version(node)
        if major < NODE:
            raise ConfigError(
                f"n8n needs Node {NODE}; found {version or 'none'}.",
                next_action="codika-nb engine install brings one along; or name an n8n: --engine URL",
            )
        return Program(Path(node), Path(on_path).resolve())
    folder = installed_in()
    with contextlib.suppress(OSError, ValueError, KeyError):
        node = json.loads((folder / "engine.json").read_text())["node"]
        path = Path(node) if Path(node).is_absolute() else folder / node
        return Program(path, folder / "app" / "node_modules" / "n8n" / "bin" / "n8n")
    raise ConfigError(
        "There is no n8n on this machine.",
        next_action="codika-nb engine install (2.7 GB, some minutes), or name one: --engine URL",
    )


def node_version(node: str) -> tuple[int, str]:
    """Which Node a program is: its major number, and all of it; 0 and nothing if it is none."""
    try:
        answer = subprocess.run(  # noqa: S603
            [node, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
        version = answer.stdout.strip().removeprefix("v")
        return int(version.partition(".")[0]), version
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0, ""


class OwnN8nEngine(N8nEngine):
    """An n8n that lives as long as the sandbox does.

    Args:
        data: the sandbox's data folder, in which n8n has one, too; without it, all of it is forgotten.
        codika_nodes: the folder of the platform's own node package, with which workflows run as they are.

    Raises:
        ConfigError: there is no n8n on this machine, or no node package in that folder.
    """

    def __init__(self, data: Path | None, codika_nodes: Path | None = None) -> None:
        super().__init__("", "", Mark.of_process() if data is None else Mark.of_folder(data))
        self._program = find()
        self._data = data
        self._nodes = codika_nodes
        if codika_nodes and not (codika_nodes / "package.json").is_file():
            raise ConfigError(
                f"{codika_nodes} is no node package: it has no package.json.",
                next_action=f"Name the folder that npm has made for {_NODES}.",
            )
        self._keeper: subprocess.Popen[bytes] | None = None

    async def _connect(self) -> Api:
        folder = Path(tempfile.mkdtemp(prefix="codika-n8n-")) if self._data is None else self._data / "n8n"
        folder.mkdir(mode=0o700, exist_ok=True)
        await asyncio.to_thread(self._bring_nodes, folder / ".n8n" / "nodes" / "node_modules" / _NODES)
        log = folder / "n8n.log"
        for attempt in (1, 2):
            url = self._start(folder, log)
            if await self._is_ready(url):
                key = _kept(folder / "api-key") or await _new_key(url)
                write_whole(folder / "api-key", key.encode())
                return Api(url, key)
            # Somebody else may have taken one of the ports meanwhile.
            if attempt == 2 or self._keeper is None or self._keeper.poll() is None:
                break
        last = " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:]) or "it said nothing"
        await self._end()
        raise ConfigError(
            f"n8n did not start: {last}",
            next_action="Try again; or run an n8n of your own and name it: --engine URL",
        )

    def _bring_nodes(self, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)
        if self._nodes:
            shutil.copytree(self._nodes, place)

    def _translated(self, workflow: Mapping[str, Any]) -> Translated:
        return as_it_is(workflow) if self._nodes else super()._translated(workflow)

    def _start(self, folder: Path, log: Path) -> str:
        port, broker = _free_ports()
        environment = {name: os.environ[name] for name in _TAKEN_ALONG if name in os.environ}
        environment |= dict.fromkeys(_OFF, "false") | dict.fromkeys(_EMPTY, "")
        environment |= {
            "HOME": str(folder),
            "N8N_USER_FOLDER": str(folder),
            "N8N_PORT": str(port),
            "N8N_RUNNERS_BROKER_PORT": str(broker),
            "N8N_LISTEN_ADDRESS": _LISTEN,
            "N8N_PUBLIC_API_SWAGGERUI_DISABLED": "true",
            "N8N_DISABLED_MODULES": _MODULES,
            "GENERIC_TIMEZONE": "UTC",
            # The platform's own nodes call this address, and production where nothing says so.
            "CODIKA_API_URL": self._callback_url,
        }
        command = [str(self._program.node), str(self._program.script), "start"]
        removed = str(folder) if self._data is None else "-"
        with open(log, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as output:
            self._keeper = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", keeper.__file__, removed, *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        return f"http://{_LISTEN}:{port}"

    async def _is_ready(self, url: str) -> bool:
        until = time.monotonic() + _SECONDS_TO_START
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < until and self._keeper and self._keeper.poll() is None:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{url}/healthz/readiness")).status_code == 200:
                        return True
                await asyncio.sleep(0.1)
        return False

    async def close(self) -> None:
        try:
            if self._data is not None:
                await super().close()
            elif hasattr(self, "_api"):
                await self._leave()
        finally:
            await self._end()

    async def _end(self) -> None:
        if self._keeper and self._keeper.stdin:
            self._keeper.stdin.close()
            await asyncio.to_thread(self._keeper.wait)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind((_LISTEN, 0))
        other.bind((_LISTEN, 0))
        return one.getsockname()[1], other.getsockname()[1]


def _kept(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""


async def _new_key(url: str) -> str:
    """A key for an n8n that nobody owns yet, from an owner whose password nobody keeps."""
    async with httpx.AsyncClient(base_url=f"{url}/rest", trust_env=False, timeout=30) as client:
        owner = {
            "email": "owner@localhost.localdomain",
            "firstName": "Codika",
            "lastName": "Sandbox",
            "password": f"Aa1{secrets.token_urlsafe(24)}",
        }
        answers = [await client.post("/owner/setup", json=owner)]
        scopes = (await client.get("/api-keys/scopes")).json().get("data") or []
        body = {
            "label": "Codika sandbox",
            "scopes": [each for each in scopes if each.partition(":")[0] in _SCOPES],
            "expiresAt": None,
        }
        answers.append(await client.post("/api-keys", json=body))
    try:
        return str(answers[-1].json()["data"]["rawApiKey"])
    except (ValueError, KeyError, TypeError):
        said = ", ".join(f"{each.status_code} {each.text[:100]}" for each in answers)
        raise ConfigError(
            f"n8n does not let itself be set up: {said}",
            next_action=f"Use n8n {VERSION}: codika-nb engine install",
        ) from None
