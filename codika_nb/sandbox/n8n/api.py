"""n8n's public API, as far as the sandbox uses it: the same in an n8n of one's own and in a colleague's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import httpx

from ...errors import ConfigError
from ..engine import EngineError
from ..wire import is_loopback

__all__ = ["Api", "Hook", "is_local"]

#: Seconds that n8n gets to follow what it has already said yes to.
_PATIENCE = 10.0
_STEP = 0.02
_NOT_YET = "is not registered"


class Hook(NamedTuple):
    """Where a workflow is started from outside."""

    method: str
    path: str


def is_local(url: str) -> bool:
    """Whether an address is of this machine alone."""
    return is_loopback(urlsplit(url).hostname or "")


class Api:
    """One n8n, spoken to with one key.

    Args:
        url: its address, without a path.
        key: an API key with the scopes for workflows, credentials and executions, and best for tags.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        headers = {"X-N8N-API-KEY": key}
        # A proxy of the environment would swallow what is for this machine.
        around: Any = {"trust_env": not is_local(url), "timeout": httpx.Timeout(30.0)}
        self._api = httpx.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers, **around)
        #: The id of the tag that everything made here gets; empty where the key may not tag.
        self._tag_id = ""
        self._web = httpx.AsyncClient(base_url=f"{self.url}/webhook", limits=_MANY, **around)

    async def close(self) -> None:
        await self._api.aclose()
        await self._web.aclose()

    async def check(self) -> None:
        """Look whether the address and the key are good.

        Raises:
            ConfigError: one of them is not.
        """
        try:
            answer = await self._api.get("/workflows", params={"limit": 1})
        except httpx.HTTPError as error:
            raise ConfigError(
                f"No n8n answers at {self.url}: {str(error) or type(error).__name__}.",
                next_action="Start it, or give the address at which this machine reaches it.",
            ) from None
        if answer.status_code in (401, 403):
            raise ConfigError(
                f"n8n at {self.url} refuses the API key.",
                next_action="Make one under Settings > n8n API with the scopes workflow, credential and "
                "execution, and put it into CODIKA_N8N_API_KEY.",
            )
        if answer.status_code != 200:
            raise ConfigError(f"{self.url} does not answer as n8n does ({answer.status_code}).")

    # --- workflows ------------------------------------------------------------------------

    async def has_workflow(self, workflow_id: str) -> bool:
        answer = await self._ask("GET", f"/workflows/{quote(workflow_id, safe='')}")
        return answer.status_code == 200

    async def make_workflow(self, name: str) -> str:
        """A new workflow with nothing in it; returns its id."""
        body = {"name": name, "nodes": [], "connections": {}, "settings": {}}
        made = str(_good(await self._ask("POST", "/workflows", body))["id"])
        if self._tag_id:
            await self._ask("PUT", f"/workflows/{made}/tags", [{"id": self._tag_id}])
        return made

    async def fill_workflow(self, workflow_id: str, workflow: Mapping[str, Any]) -> None:
        _good(await self._ask("PUT", f"/workflows/{workflow_id}", dict(workflow)))

    async def activate(self, workflow_id: str) -> None:
        _good(await self._ask("POST", f"/workflows/{workflow_id}/activate", {}))

    async def deactivate(self, workflow_id: str) -> None:
        answer = await self._ask("POST", f"/workflows/{workflow_id}/deactivate")
        if answer.status_code != 404:  # what is gone is off
            _good(answer)

    async def remove_workflow(self, workflow_id: str) -> None:
        await self.deactivate(workflow_id)
        until = time.monotonic() + _PATIENCE
        # Right after it was switched off n8n may still say that it is on.
        while True:
            answer = await self._ask("DELETE", f"/workflows/{workflow_id}")
            if answer.status_code != 409 or time.monotonic() > until:
                break
            await asyncio.sleep(_STEP)
        if answer.status_code != 404:
            _good(answer)

    async def workflows(self, part: str) -> list[tuple[str, str]]:
        """Id and name of the workflows whose name has this in it."""
        return await self._listed("/workflows", part, name=part)

    async def use_tag(self, name: str) -> None:
        """Tag what is made from now on; a key without the scopes for tags leaves it at the names."""
        answer = await self._ask("POST", "/tags", {"name": name})
        if answer.is_success:
            self._tag_id = str(_good(answer)["id"])
        elif answer.status_code == 409:  # from the start before
            self._tag_id = next((each for each, named in await self.tags(name) if named == name), "")

    async def tags(self, part: str) -> list[tuple[str, str]]:
        """Id and name of the tags whose name has this in it; none where the key may not see them."""
        try:
            return await self._listed("/tags", part)
        except EngineError:
            return []

    async def remove_tag(self, tag_id: str = "") -> None:
        """Remove a tag, or the one in use; what it was on stays."""
        if tag_id or self._tag_id:
            await self._ask("DELETE", f"/tags/{tag_id or self._tag_id}")

    # --- credentials ----------------------------------------------------------------------

    async def make_credential(self, name: str, kind: str, data: Mapping[str, Any]) -> str:
        body = {"name": name, "type": kind, "data": dict(data)}
        return str(_good(await self._ask("POST", "/credentials", body))["id"])

    async def remove_credential(self, credential_id: str) -> None:
        await self._ask("DELETE", f"/credentials/{credential_id}")

    async def credentials(self, part: str) -> list[tuple[str, str]]:
        """Id and name of the credentials whose name has this in it; none where n8n does not list them."""
        try:
            return await self._listed("/credentials", part)
        except EngineError:
            return []

    # --- executions -----------------------------------------------------------------------

    async def execution(self, execution_id: str) -> dict[str, Any] | None:
        answer = await self._ask(
            "GET", f"/executions/{quote(execution_id, safe='')}", query={"includeData": "true"}
        )
        return None if answer.status_code == 404 else _good(answer)

    async def executions(self, workflow_id: str) -> list[dict[str, Any]]:
        """The newest executions of a workflow, with their data; running ones have none."""
        wanted = {"workflowId": workflow_id, "includeData": "true", "limit": "50"}
        listed = _good(await self._ask("GET", "/executions", query=wanted)).get("data")
        return listed if isinstance(listed, list) else []

    # --- webhooks -------------------------------------------------------------------------

    async def call(self, hook: Hook, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Start a workflow; the answer may take as long as the run.

        Raises:
            httpx.HTTPError: the connection was lost; that says nothing about the run.
        """
        until = time.monotonic() + _PATIENCE
        headers = {"Content-Type": "application/json", **headers}
        while True:
            answer = await self._web.request(
                hook.method, hook.path, content=body, headers=headers, timeout=httpx.Timeout(10.0, read=None)
            )
            if answer.status_code != 404 or time.monotonic() > until or _NOT_YET not in answer.text:
                return answer
            await asyncio.sleep(_STEP)

    async def listens(self, hook: Hook, *, on: bool = True) -> bool:
        """Wait until a webhook listens, or no longer does; whether it has come to that in time.

        n8n says yes to an activation before the webhook exists. Asked with another method it runs nothing,
        and tells whether it knows the path.
        """
        other = "GET" if hook.method != "GET" else "POST"
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            try:
                answer = await self._web.request(other, hook.path)
            except httpx.HTTPError as error:
                raise self._away(error) from None
            if ("Did you mean to make a" in answer.text) is on:
                return True
            await asyncio.sleep(_STEP)
        return False

    # --- one way to ask -------------------------------------------------------------------

    async def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | list[dict[str, Any]] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            return await self._api.request(method, path, json=body, params=query)
        except httpx.HTTPError as error:
            raise self._away(error) from None

    async def _listed(self, path: str, part: str, **query: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        while True:
            page = _good(await self._ask("GET", path, query={"limit": "100", **query}))
            named = [(str(entry["id"]), str(entry["name"])) for entry in page.get("data") or []]
            found += [entry for entry in named if part in entry[1]]
            if not page.get("nextCursor"):
                return found
            query["cursor"] = page["nextCursor"]

    def _away(self, error: httpx.HTTPError) -> EngineError:
        return EngineError(f"n8n at {self.url} does not answer: {str(error) or type(error).__name__}.")


_MANY = httpx.Limits(max_connections=None, max_keepalive_connections=50)


def _good(answer: httpx.Response) -> dict[str, Any]:
    """What an answer holds; n8n's own words where it is a refusal."""
    try:
        content = answer.json()
    except ValueError:
        content = None
    if answer.is_success and isinstance(content, dict):
        return content
    words = content.get("message") if isinstance(content, dict) else None
    raise EngineError(f"n8n: {words or answer.text[:200] or answer.reason_phrase} ({answer.status_code})")
