"""An engine that is an n8n: what is deployed to the sandbox runs there."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any
from urllib.parse import urlsplit

import httpx

from ...errors import ConfigError
from ..engine import Engine, EngineError, Installation, Installed, Outcome, Run
from ..placeholders import fill, without_a_value
from . import records
from .api import Api, Hook, is_local
from .marks import Mark
from .translation import Translated, post, translate

__all__ = ["N8nEngine"]

logger = logging.getLogger("codika_nb.sandbox")

_LOCK_HEADER = "X-Codika-Sandbox"
_WEBHOOK = "n8n-nodes-base.webhook"
# Seconds between two looks at a run that says nothing by itself.
_WRITTEN_SOON = (0.05, 0.1, 0.2, 0.4)
_LOOK_AGAIN = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_LARGEST_PAYLOAD = 16 * 1024 * 1024


class N8nEngine(Engine):
    """Installs workflows in an n8n, runs them there, and takes them out again.

    Args:
        url: the address of n8n.
        key: an API key of it, with the scopes workflow, credential and execution.
        mark: what says that something in that n8n is this sandbox's.

    Example:
        >>> sandbox = Sandbox(engine=lambda: N8nEngine("http://127.0.0.1:5678", key, Mark.of_process()))
    """

    def __init__(self, url: str, key: str, mark: Mark) -> None:
        self._url, self._key = url, key
        self._mark = mark
        # What n8n says with a message of its own.
        self._word = secrets.token_urlsafe(24)
        self._lock_id = self._error_workflow = self._callback_url = ""
        self._hooks: dict[str, Hook] = {}
        #: Platform's id of a credential -> n8n's.
        self._credentials: dict[str, str] = {}
        self._calls: set[asyncio.Task[httpx.Response]] = set()

    def __str__(self) -> str:
        return f"n8n at {self._api.url}" if hasattr(self, "_api") else "n8n"

    async def _connect(self) -> Api:
        return Api(self._url, self._key)

    async def open(self, callback_url: str) -> bool:
        self._callback_url = callback_url
        self._api = await self._connect()
        if is_local(callback_url) and not is_local(self._api.url):
            raise ConfigError(
                f"n8n at {self._api.url} cannot call the sandbox at {callback_url}.",
                next_action="Give the address at which it can: --callback-url http://HOST:PORT",
            )
        await self._api.check()
        try:
            await self._api.use_tag(self._mark.tag)
            for each, name in await self._api.workflows(self._mark.family):
                if self._mark.is_left_over(name):
                    await self._api.remove_workflow(each)
            for each, name in await self._api.credentials(self._mark.family):
                if self._mark.keeps or self._mark.is_left_over(name):
                    await self._api.remove_credential(each)
            for each, name in await self._api.tags(self._mark.family):
                if self._mark.is_left_over(f"[{name}]"):
                    await self._api.remove_tag(each)
            lock = {"name": _LOCK_HEADER, "value": self._mark.lock}
            self._lock_id = await self._api.make_credential(self._mark.on("webhooks"), "httpHeaderAuth", lock)
            self._error_workflow = await self._api.make_workflow(self._mark.on("failures"))
            await self._api.fill_workflow(self._error_workflow, self._failures())
            await self._api.activate(self._error_workflow)
        except EngineError as error:
            raise ConfigError(str(error)) from None
        return True

    async def close(self) -> None:
        if not hasattr(self, "_api"):
            return  # it has never been open
        try:
            for each, _ in await self._api.workflows(self._mark.text):
                if self._mark.keeps and each != self._error_workflow:
                    await self._api.deactivate(each)
                else:
                    await self._api.remove_workflow(each)
            for each in filter(None, (self._lock_id, *self._credentials.values())):
                await self._api.remove_credential(each)
            if not self._mark.keeps:
                await self._api.remove_tag()
        except EngineError as error:
            logger.warning("what the sandbox had in n8n may still be there: %s", error)
        finally:
            await self._leave()

    async def _leave(self) -> None:
        for call in self._calls:
            call.cancel()
        await self._api.close()

    def _failures(self) -> dict[str, Any]:
        """The workflow that n8n starts when another one has failed: it tells the sandbox."""
        body = f"={{{{ JSON.stringify({{ word: {json.dumps(self._word)}, failed: $json }}) }}}}"
        request = post(f"{self._callback_url}/sandbox/engine", "json", specifyBody="json", jsonBody=body)
        trigger = {"name": "Error Trigger", "type": "n8n-nodes-base.errorTrigger", "typeVersion": 1}
        tell = {"name": "Tell the sandbox", **request, "position": [220, 0]}
        wire = {"node": tell["name"], "type": "main", "index": 0}
        return {
            "name": self._mark.on("failures"),
            "nodes": [{**trigger, "position": [0, 0], "parameters": {}}, tell],
            "connections": {trigger["name"]: {"main": [[wire]]}},
            "settings": {"executionOrder": "v1"},
        }

    # --- installing -----------------------------------------------------------------------

    async def install(self, installation: Installation) -> Installed:
        ids: dict[str, str] = {}
        for name in installation.workflows:
            known = installation.engine_ids.get(name)
            label = self._mark.on(f"{installation.title} / {name}")
            ids[name] = known if known and await self._api.has_workflow(known) else ""
            ids[name] = ids[name] or await self._api.make_workflow(label)
        values = await self._values(installation, ids)
        problems: dict[str, str] = {}
        ready: dict[str, Translated] = {}
        for name, workflow in installation.workflows.items():
            filled, missing = fill(workflow, values)
            translated = self._translated(filled)
            if missing or translated.problem:
                problems[name] = without_a_value(missing) if missing else str(translated.problem)
            else:
                ready[name] = translated
        for name in _callees_first(installation.workflows):
            if name in ready:
                label = self._mark.on(f"{installation.title} / {name}")
                try:
                    urls = [fill({"url": url}, values).workflow["url"] for url in installation.urls[name]]
                    await self._put(ids[name], label, ready[name], urls, on=installation.is_active)
                except EngineError as error:
                    problems[name] = str(error)
        for name, each in installation.engine_ids.items():
            if name not in ids and each:
                await self._api.remove_workflow(each)
        return Installed(ids, problems)

    def _translated(self, workflow: Mapping[str, Any]) -> Translated:
        return translate(workflow, self._callback_url)

    async def _values(self, installation: Installation, ids: Mapping[str, str]) -> dict[str, Any]:
        own: dict[str, str] = {}
        for credential in installation.credentials:
            if credential.kind and credential.id not in self._credentials:
                label = self._mark.on(credential.integration_id)
                try:
                    made = await self._api.make_credential(label, credential.kind, credential.data)
                except EngineError as error:
                    raise EngineError(f"The credential of {credential.integration_id}: {error}") from None
                self._credentials[credential.id] = made
            own[credential.id] = self._credentials.get(credential.id, "")
        # A credential that n8n has no type for has no value.
        texts = {name: value for name, value in installation.values.items() if isinstance(value, str)}
        return {
            **installation.values,
            **{name: own.get(value, value) or None for name, value in texts.items()},
            **{f"SUBWKFL_{name}": each for name, each in ids.items()},
            "ORGSECRET_N8N_BASE_URL": self._api.url,
            "ORGSECRET_WEBHOOK_AUTH_CRED_ID": self._lock_id,
            "ORGSECRET_WEBHOOK_AUTH_CRED_NAME": self._mark.on("webhooks"),
            "ORGSECRET_ERROR_WORKFLOW_ID": self._error_workflow,
        }

    async def _put(
        self, engine_id: str, label: str, translated: Translated, urls: Sequence[str], *, on: bool
    ) -> None:
        """Let n8n run this version and no other from now on."""
        workflow = {**translated.workflow, "name": label}
        if translated.has_init:
            workflow["settings"] = {**workflow["settings"], "errorWorkflow": self._error_workflow}
        # Filled while it is active, the version before goes on answering for a while.
        before = self._hooks.pop(engine_id, None)
        await self._api.deactivate(engine_id)
        if before:
            await self._api.listens(before, on=False)
        await self._api.fill_workflow(engine_id, workflow)
        hook = _hook(workflow, urls)
        if hook:
            self._hooks[engine_id] = hook
        if on:
            await self._api.activate(engine_id)
            if hook and not await self._api.listens(hook):
                raise EngineError("n8n: the webhook does not listen, although the workflow is active.")

    async def switch(self, engine_ids: Sequence[str], *, on: bool) -> None:
        for engine_id in engine_ids:
            await (self._api.activate if on else self._api.deactivate)(engine_id)
            hook = self._hooks.get(engine_id)
            if hook:
                await self._api.listens(hook, on=on)

    # --- running --------------------------------------------------------------------------

    async def run(self, run: Run) -> Outcome | None:
        hook = self._hooks.get(run.engine_workflow_id)
        if hook is None:
            return Outcome.failed(
                "The workflow has no webhook to start it with; it runs when its trigger fires."
            )
        payload = json.loads(run.payload)
        body = json.dumps({**payload, "executionMetadata": run.metadata}).encode()
        if len(body) > _LARGEST_PAYLOAD:
            return Outcome.failed(f"The payload has {len(body):,} bytes; n8n takes 16 MiB.")
        call = asyncio.create_task(self._api.call(hook, body, {_LOCK_HEADER: self._mark.lock}))
        # Called off, n8n would go on all the same, and the connection would be lost for the next run.
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        answered = asyncio.create_task(run.answered.wait())
        await asyncio.wait({call, answered}, return_when=asyncio.FIRST_COMPLETED)
        answered.cancel()
        if run.answered.is_set():
            call.add_done_callback(lambda done: done.cancelled() or done.exception())
            return None
        refusal = _refusal(call)
        if refusal is not None:
            return Outcome.failed(refusal)
        return await self._watch(run)

    async def _watch(self, run: Run) -> Outcome | None:
        """Look for the end of a run that has not called back, until it is there."""
        unreachable = 0
        for wait in chain(_LOOK_AGAIN, repeat(_LOOK_AGAIN[-1])):
            try:
                record = await self._find(run)
            except EngineError as error:
                unreachable += 1
                if unreachable > len(_LOOK_AGAIN):
                    return Outcome.failed(str(error))
                record = None
            if record is not None and records.has_ended(record) and not run.answered.is_set():
                return _outcome(record)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(run.answered.wait(), wait)
                break
        return None

    async def _find(self, run: Run) -> dict[str, Any] | None:
        # What is waiting or running is not among these, and goes on.
        listed = await self._api.executions(run.engine_workflow_id)
        return next((each for each in listed if records.of_run(each) == run.execution_id), None)

    async def told(self, message: Mapping[str, Any]) -> tuple[str, Outcome] | None:
        word, failed = message.get("word"), message.get("failed")
        if not isinstance(word, str) or not hmac.compare_digest(word.encode(), self._word.encode()):
            return None
        execution = failed.get("execution") if isinstance(failed, dict) else None
        engine_id = execution.get("id") if isinstance(execution, dict) else None
        record = await self._api.execution(str(engine_id)) if engine_id else None
        execution_id = records.of_run(record) if record else None
        return (execution_id, _outcome(record)) if record and execution_id else None

    async def record(self, engine_id: str, *, deep: bool, slim: bool) -> dict[str, Any] | None:
        record = await self._api.execution(engine_id)
        for seconds in _WRITTEN_SOON:
            # A workflow has told its result a moment before n8n has written down what it did.
            if record is None or record.get("status") not in ("new", "running"):
                break
            await asyncio.sleep(seconds)
            record = await self._api.execution(engine_id)
        if record is None:
            return None
        if deep:
            ids = list(records.called_by(record))
            called = [await self.record(each, deep=True, slim=slim) for each in ids]
            record["_subExecutions"] = [each for each in called if each]
        return records.blanked(records.slimmed(record) if slim else record, self._mark.lock, self._word)


def _callees_first(workflows: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """The workflows in an order in which each comes after those that it calls, as far as there is one."""
    calls = {
        name: [each for each in workflows if each != name and f"{{{{SUBWKFL_{each}_" in json.dumps(workflow)]
        for name, workflow in workflows.items()
    }
    done: dict[str, None] = {}

    def visit(name: str, under_way: tuple[str, ...]) -> None:
        for each in calls[name]:
            if each not in done and each not in under_way:
                visit(each, (*under_way, name))
        done[name] = None

    for name in workflows:
        if name not in done:
            visit(name, ())
    return iter(done)


def _hook(workflow: Mapping[str, Any], urls: Sequence[str]) -> Hook | None:
    """The webhook that a workflow's triggers name; else the first there is.

    Of several methods it is one whose output leads on, and POST before others.
    """
    nodes: Sequence[Mapping[str, Any]] = workflow["nodes"]
    paths = [urlsplit(url).path.partition("/webhook/")[2].strip("/") for url in urls]
    webhooks = [node for node in nodes if node.get("type") == _WEBHOOK and not node.get("disabled")]
    named = [node for node in webhooks if _path(node).strip("/") in paths]
    for node in named or webhooks:
        parameters = node.get("parameters") or {}
        given = parameters.get("httpMethod", "GET")
        methods = list(map(str, given if isinstance(given, list) else [given])) or ["GET"]
        outputs = (workflow.get("connections") or {}).get(node.get("name"), {}).get("main") or []
        led = [method for method, output in zip(methods, outputs, strict=False) if output] or methods
        method = "POST" if "POST" in led else led[0]
        path = _path(node).lstrip("/")
        if re.search(r"(^|/):", path):
            path = f"{node.get('webhookId')}/{path}"
        return Hook(method, f"/{path}")
    return None


def _path(node: Mapping[str, Any]) -> str:
    return str((node.get("parameters") or {}).get("path") or "")


def _refusal(call: asyncio.Task[httpx.Response]) -> str | None:
    """Why nothing runs, where that is certain."""
    error = call.exception()
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return "n8n does not answer: it may have been stopped."
    if error is not None:
        if not isinstance(error, httpx.HTTPError):
            raise error
        return None
    answer = call.result()
    try:
        words = str(answer.json().get("message") or "")
    except (ValueError, AttributeError):
        words = ""
    if answer.status_code == 404:
        return f"n8n: {words or 'the webhook is not registered.'} Deploy the use case again."
    if answer.status_code == 403 or words.startswith("No authentication data"):
        return f"n8n: {words} Deploy the use case again."
    if "Respond to Webhook node" in words:
        return f"n8n: {words}"
    return None


def _outcome(record: Mapping[str, Any]) -> Outcome:
    return Outcome(error=records.failure(record), engine_id=str(record["id"]) if "id" in record else None)
