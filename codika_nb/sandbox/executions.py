"""Executions: triggering a workflow, what became of it, and the calls back from the engine."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any

from .configuration import check_payload, input_schema, is_triggerable
from .engine import Engine, Outcome, Run
from .projects import Projects
from .store import Store
from .wire import Call, Caller, Clock, Members, Refusal, as_json, iso, new_uuid

__all__ = ["Executions"]

_TOLERANCE = 5 * 60
_ERROR_TYPES = ("node_failure", "validation_error", "external_api_error", "timeout")


class Executions:
    """The rules about executions. Every method named in a route runs in a transaction."""

    def __init__(self, store: Store, clock: Clock, projects: Projects, engine: Engine, url: str) -> None:
        self._store = store
        self._clock = clock
        self._projects = projects
        self._engine = engine
        self._url = url
        self._runs: set[asyncio.Task[None]] = set()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def recover(self) -> None:
        """End what was running when the sandbox was last stopped: nobody will answer it any more."""
        error = {
            "type": "node_failure",
            "message": "The sandbox was stopped while this execution was running.",
        }
        self._store.run(
            "UPDATE executions SET status = 'failed', error = ?, duration = 0 WHERE status = 'pending'",
            as_json(error),
        )

    # --- triggering -----------------------------------------------------------------------

    def trigger(self, call: Call) -> dict[str, Any]:
        instance_id, workflow_id = call.params
        instance = self._projects.instance(call.caller, instance_id)
        workflow = _workflow(instance, workflow_id)
        if not is_triggerable(workflow):
            raise Refusal(
                404,
                "WORKFLOW_NOT_FOUND",
                f'The workflow "{workflow_id}" has no HTTP or schedule trigger to start it with.',
            )
        if not instance["is_active"] or instance["rollout_status"] == "failed":
            raise Refusal(412, "INSTANCE_INACTIVE", "The process instance is not active.")
        payload = _payload(call.json)
        check_payload(input_schema(workflow), payload)
        now = self._now()
        execution_id, secret = new_uuid(now), secrets.token_urlsafe(32)
        run = Run(
            execution_id=execution_id,
            workflow_id=workflow_id,
            payload=as_json(payload),
            metadata={
                "executionId": execution_id,
                "executionSecret": secret,
                "callbackUrl": f"{self._url}/submitworkflowresult",
                "errorCallbackUrl": f"{self._url}/submitworkflowerror",
                "workflowId": workflow_id,
                "processId": instance["process_id"],
                "processInstanceId": instance_id,
                "userId": call.caller.user_id or instance["owner"],
                "organizationId": instance["organization_id"],
            },
        )
        self._store.insert(
            "executions",
            id=execution_id,
            instance_id=instance_id,
            workflow_id=workflow_id,
            trigger_id=_trigger_id(workflow),
            engine_id=str(secrets.randbelow(9 * 10**6) + 10**6),
            status="pending",
            payload=run.payload,
            secret_digest=_digest(secret),
            created_at=now,
        )
        self._store.run("UPDATE instances SET last_executed_at = ? WHERE id = ?", now, instance_id)
        if call.caller.kind == "signature":
            self._remember_message(call.caller)
        # The task gets its first turn when this call, and so its transaction, is over.
        task = asyncio.get_running_loop().create_task(self._carry_out(run))
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        return {"executionId": execution_id, "message": "Execution started"}

    async def _carry_out(self, run: Run) -> None:
        outcome = await self._engine.run(run)
        if outcome is not None:
            with self._store.transaction(Refusal):
                self._finish(run.execution_id, outcome)

    def _finish(self, execution_id: str, outcome: Outcome) -> None:
        # The first answer counts: a workflow may call back while its stand-in still runs.
        self._store.run(
            "UPDATE executions SET status = ?, result = ?, error = ?,"
            " duration = CAST(MAX(0, (? - created_at) * 1000) AS INTEGER)"
            " WHERE id = ? AND status = 'pending'",
            "success" if outcome.error is None else "failed",
            outcome.result,
            None if outcome.error is None else as_json(outcome.error),
            self._now(),
            execution_id,
        )

    # --- looking --------------------------------------------------------------------------

    def status(self, call: Call) -> dict[str, Any]:
        row = self._execution(call)
        view = {
            "executionId": row["id"],
            "status": row["status"],
            "createdAt": iso(row["created_at"]),
        }
        if row["duration"] is not None:
            view["duration"] = row["duration"]
        if row["status"] == "success":
            view["resultData"] = json.loads(row["result"])
        if row["error"] is not None:
            view["errorDetails"] = json.loads(row["error"])
        return {"execution": view}

    def details(self, call: Call) -> dict[str, Any]:
        row = self._execution(call)
        deep, slim = (call.query.get(name) == "true" for name in ("deep", "slim"))
        return {
            "execution": {
                "codikaExecutionId": row["id"],
                "n8nExecutionId": row["engine_id"],
                "status": row["status"],
                "n8nExecution": _engine_record(row, deep=deep, slim=slim),
            }
        }

    def list_executions(self, call: Call) -> dict[str, Any]:
        instance = self._projects.instance(call.caller, call.params[0])
        workflow_id, status = call.query.get("workflowId"), call.query.get("status")
        if status not in (None, "pending", "success", "failed"):
            raise Refusal(400, "INVALID_REQUEST", '"status" must be pending, success or failed.')
        rows = self._store.every(
            "SELECT * FROM executions WHERE instance_id = ? AND (? IS NULL OR workflow_id = ?)"
            " AND (? IS NULL OR status = ?) ORDER BY rowid DESC LIMIT ?",
            instance["id"],
            workflow_id,
            workflow_id,
            status,
            status,
            call.limit(20),
        )
        return {
            "executions": [_list_entry(row) for row in rows],
            "count": len(rows),
            "processInstanceId": instance["id"],
        }

    def _execution(self, call: Call) -> sqlite3.Row:
        instance_id, execution_id = call.params
        self._projects.instance(call.caller, instance_id)
        row = self._store.one(
            "SELECT * FROM executions WHERE id = ? AND instance_id = ?", execution_id, instance_id
        )
        if row is None:
            raise Refusal(404, "EXECUTION_NOT_FOUND", "There is no such execution of this process instance.")
        return row

    # --- calls back from the engine -------------------------------------------------------

    def submit_result(self, call: Call) -> dict[str, Any]:
        execution_id = self._called_back(call.body)
        self._finish(execution_id, Outcome(result=as_json(call.body.raw("resultData"))))
        return {}

    def submit_error(self, call: Call) -> dict[str, Any]:
        body = call.body
        execution_id = self._called_back(body)
        error = {"type": body.choice("errorType", _ERROR_TYPES), "message": body.text("errorMessage")}
        node = body.text_or_none("failedNodeName")
        self._finish(execution_id, Outcome(error={**error, "failedNodeName": node} if node else error))
        return {}

    def _called_back(self, body: Members) -> str:
        execution_id, secret = body.text("executionId"), body.text("executionSecret")
        row = self._store.one("SELECT secret_digest FROM executions WHERE id = ?", execution_id)
        if row is None:
            raise Refusal(404, "EXECUTION_NOT_FOUND", "There is no such execution.")
        if not hmac.compare_digest(row["secret_digest"], _digest(secret)):
            raise Refusal(401, "UNAUTHORIZED", "The execution secret is wrong.")
        return execution_id

    # --- signed webhooks ------------------------------------------------------------------

    def add_signing_secret(self, instance_id: str, workflow_id: str, secret: str | None) -> str:
        instance = self._projects.instance(Caller("instance", instance_id=instance_id), instance_id)
        _workflow(instance, workflow_id)
        secret = secret or "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        if len(_signing_key(secret) or b"") < 1:
            raise Refusal(400, "INVALID_REQUEST", 'A signing secret is "whsec_" and base64.')
        self._store.insert(
            "signing_secrets", replace=True, instance_id=instance_id, workflow_id=workflow_id, secret=secret
        )
        return secret

    def authenticate_signature(
        self, headers: Mapping[str, str], params: tuple[str, ...], body: bytes
    ) -> Caller:
        """The endpoint a signed message is for, by the rules of Standard Webhooks."""
        message_id, sent, signatures = (
            headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        instance_id, workflow_id = params
        if not message_id or not signatures or not re.fullmatch(r"[0-9]{1,12}", sent):
            raise _bad_signature("needs webhook-id, webhook-timestamp and webhook-signature")
        now = self._now()
        if abs(now - int(sent)) > _TOLERANCE:
            raise _bad_signature("is more than 5 minutes away from now")
        signed = f"{message_id}.{sent}.".encode() + body
        given = [token.removeprefix("v1,") for token in signatures.split(" ") if token.startswith("v1,")]
        matches = False
        for row in self._store.every(
            "SELECT secret FROM signing_secrets WHERE instance_id = ? AND workflow_id = ?",
            instance_id,
            workflow_id,
        ):
            key = _signing_key(row["secret"]) or b""
            expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
            for signature in given:
                matches |= hmac.compare_digest(expected.encode(), signature.encode())
        if not matches:
            raise _bad_signature("does not match")
        known = self._store.one(
            "SELECT 1 FROM webhook_messages WHERE instance_id = ? AND workflow_id = ? AND message_id = ?",
            instance_id,
            workflow_id,
            message_id,
        )
        if known:
            raise _bad_signature("belongs to a message that has been received already")
        return Caller("signature", instance_id=instance_id, workflow_id=workflow_id, message_id=message_id)

    def _remember_message(self, caller: Caller) -> None:
        # Only what was accepted: a sender repeats a refused message under the same id.
        now = self._now()
        self._store.run("DELETE FROM webhook_messages WHERE at < ?", now - 2 * _TOLERANCE)
        self._store.insert(
            "webhook_messages",
            instance_id=caller.instance_id,
            workflow_id=caller.workflow_id,
            message_id=caller.message_id,
            at=now,
        )


def _workflow(instance: sqlite3.Row, workflow_id: str) -> dict[str, Any]:
    workflows: list[dict[str, Any]] = json.loads(instance["configuration"])["workflows"]
    for workflow in workflows:
        if workflow["workflowTemplateId"] == workflow_id:
            return workflow
    raise Refusal(
        404, "WORKFLOW_NOT_FOUND", f'There is no workflow "{workflow_id}" in this process instance.'
    )


def _trigger_id(workflow: dict[str, Any]) -> str:
    return next(str(t["triggerId"]) for t in workflow["triggers"] if t["type"] in ("http", "schedule"))


def _payload(body: Any) -> dict[str, Any]:
    payload = body["payload"] if isinstance(body, dict) and "payload" in body else body
    if not isinstance(payload, dict):
        raise Refusal(400, "INVALID_PAYLOAD", "The payload must be a JSON object.")
    return payload


def _list_entry(row: sqlite3.Row) -> dict[str, Any]:
    entry = {
        "executionId": row["id"],
        "workflowId": row["workflow_id"],
        "triggerId": row["trigger_id"],
        "status": row["status"],
        "createdAt": iso(row["created_at"]),
        "n8nExecutionId": row["engine_id"],
    }
    if row["duration"] is not None:
        entry["duration"] = row["duration"]
    if row["error"] is not None:
        error = json.loads(row["error"])
        shown = ("message", "failedNodeName")
        entry["errorDetails"] = {name: error[name] for name in shown if error.get(name) is not None}
    return entry


def _engine_record(row: sqlite3.Row, *, deep: bool, slim: bool) -> dict[str, Any]:
    """The execution as the engine would record it: one node that starts, one that answers."""
    started = row["created_at"]
    ended = None if row["duration"] is None else started + row["duration"] / 1000
    run_data = {"Codika Init": [_node_run(row["payload"], started, slim=slim)]}
    if row["status"] == "success":
        run_data["Codika Submit Result"] = [_node_run(row["result"], ended or started, slim=slim)]
    result_data: dict[str, Any] = {"runData": run_data}
    if row["error"] is not None:
        error = json.loads(row["error"])
        result_data["error"] = {"message": error["message"], "node": error.get("failedNodeName")}
    record: dict[str, Any] = {
        "id": row["engine_id"],
        "mode": "webhook",
        "status": {"pending": "running", "success": "success", "failed": "error"}[row["status"]],
        "finished": row["status"] == "success",
        "startedAt": iso(started),
        "stoppedAt": iso(ended),
        "data": {"resultData": result_data},
    }
    if not slim:
        record["workflowData"] = {"id": row["workflow_id"], "name": row["workflow_id"], "nodes": []}
    if deep:
        record["_subExecutions"] = []
    return record


def _node_run(content: str, at: float, *, slim: bool) -> dict[str, Any]:
    item: dict[str, Any] = {"json": json.loads(content)}
    if not slim:
        item["pairedItem"] = {"item": 0}
    return {"startTime": int(at * 1000), "executionStatus": "success", "data": {"main": [[item]]}}


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _signing_key(secret: str) -> bytes | None:
    text = secret.removeprefix("whsec_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _bad_signature(problem: str) -> Refusal:
    return Refusal(401, "UNAUTHORIZED", f"The webhook signature {problem}.")
