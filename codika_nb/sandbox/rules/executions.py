"""Executions: triggering a workflow, what became of it, and the calls back from the engine."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from ..engine import Engine, EngineError, Outcome, Run
from ..wire import Call, Caller, Members, Refusal, as_json, iso, new_id, new_uuid, present
from . import Subject
from .configuration import check_payload, input_schema, is_triggerable
from .instances import Instances
from .keys import Keys

__all__ = ["Executions"]

logger = logging.getLogger("codika_nb.sandbox")

# Seconds until what could not be written is written again.
_AGAIN = 2.0
_ERROR_TYPES = ("node_failure", "validation_error", "external_api_error", "timeout")


@dataclass(frozen=True)
class Executions(Subject):
    """The rules about executions. Every method named in a route runs in a transaction."""

    keys: Keys
    instances: Instances
    engine: Engine
    callback_url: str
    _runs: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _under_way: dict[str, Run] = field(default_factory=dict, init=False)

    def recover(self) -> None:
        """End what was running when the sandbox was last stopped: nobody will answer it any more."""
        stopped = Outcome.failed("The sandbox was stopped while this execution was running.")
        # An index has those that are pending, and takes it that the statement itself says so.
        self.store.run(
            "UPDATE executions SET status = 'failed', error = ?, duration = 0 WHERE status = 'pending'",
            as_json(stopped.error),
        )

    # --- triggering -----------------------------------------------------------------------

    def trigger(self, call: Call) -> dict[str, Any]:
        instance_id, workflow_id = call.params
        instance = self.instances.instance(call.caller, instance_id)
        if known := self._started_by(call.caller):
            return _started(known)
        workflow = self.instances.workflow(instance, workflow_id)
        if not is_triggerable(workflow):
            raise Refusal(
                "WORKFLOW_NOT_FOUND",
                f'The workflow "{workflow_id}" has no HTTP or schedule trigger to start it with.',
            )
        _require_active(instance)
        payload = _payload(call.json)
        check_payload(input_schema(workflow), payload)
        run = self._begin(
            instance,
            workflow_id,
            trigger_id=_trigger_id(workflow, "http", "schedule"),
            user_id=call.caller.user_id or instance["owner"],
            payload=as_json(payload),
            message_id=call.caller.message_id or None,
        )
        # The task gets its first turn when this call, and so its transaction, is over.
        task = asyncio.get_running_loop().create_task(self._carry_out(run))
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        return _started(run.execution_id)

    def _started_by(self, caller: Caller) -> str | None:
        """The execution that a signed message has started: a sender repeats what it saw no answer to."""
        ids = ("instance_id", "workflow_id", "message_id")
        row = self.store.find("executions", "id", **{name: getattr(caller, name) for name in ids})
        return None if row is None else str(row["id"])

    def _begin(
        self,
        instance: sqlite3.Row,
        workflow_id: str,
        *,
        trigger_id: str,
        user_id: str,
        payload: str,
        message_id: str | None = None,
    ) -> Run:
        if not _can_be_told(payload):
            raise Refusal("INVALID_PAYLOAD", "The payload is nested too deeply.")
        now = self.now()
        execution_id, secret = new_uuid(now), secrets.token_urlsafe(32)
        self.store.insert(
            "executions",
            id=execution_id,
            instance_id=instance["id"],
            workflow_id=workflow_id,
            trigger_id=trigger_id,
            engine_id="",
            status="pending",
            payload=payload,
            message_id=message_id,
            secret_digest=_digest(secret),
            created_at=now,
        )
        self.store.change("instances", {"id": instance["id"]}, last_executed_at=now)
        metadata = {
            "executionId": execution_id,
            "executionSecret": secret,
            "callbackUrl": f"{self.callback_url}/submitworkflowresult",
            "errorCallbackUrl": f"{self.callback_url}/submitworkflowerror",
            "workflowId": workflow_id,
            "processId": instance["process_id"],
            "processInstanceId": instance["id"],
            "userId": user_id,
            "organizationId": instance["organization_id"],
        }
        return Run(
            execution_id=execution_id,
            instance_id=instance["id"],
            workflow_id=workflow_id,
            engine_workflow_id=json.loads(instance["engine_ids"]).get(workflow_id, ""),
            payload=payload,
            metadata=metadata,
            parameters=json.loads(instance["parameter_values"]),
        )

    async def stop(self) -> None:
        """Give up what still runs; `recover` tells so at the next start."""
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)

    async def _carry_out(self, run: Run) -> None:
        outcome: Outcome | None
        self._under_way[run.execution_id] = run
        try:
            outcome = await self.engine.run(run)
        except Exception:
            logger.exception("the engine failed on workflow %s", run.workflow_id)
            outcome = Outcome.failed("The engine failed.")
        finally:
            self._under_way.pop(run.execution_id, None)
        if outcome is not None:
            await self._write_down(run.execution_id, outcome)

    async def _write_down(self, execution_id: str, outcome: Outcome) -> None:
        """Write down how a run ended, which nobody says twice: were the disk full, when there is room."""
        while True:
            try:
                with self.store.transaction(Refusal):
                    self._finish(execution_id, outcome)
                return
            except sqlite3.OperationalError as error:
                logger.warning("how the run %s ended cannot be written down yet: %s", execution_id, error)
                await asyncio.sleep(_AGAIN)

    def _finish(self, execution_id: str, outcome: Outcome) -> None:
        if outcome.result is None and outcome.error is None:
            failed = Outcome.failed("The workflow ended without Submit Result.")
            outcome = replace(outcome, error=failed.error)
        elif outcome.result is not None and not _can_be_told(outcome.result):
            failed = Outcome.failed("The result is nested too deeply.", node=outcome.node)
            outcome = replace(failed, engine_id=outcome.engine_id)
        # The first answer counts: a workflow may call back while its stand-in still runs.
        self.store.run(
            "UPDATE executions SET status = ?, result = ?, error = ?, engine_id = ?,"
            " duration = CAST(MAX(0, (? - created_at) * 1000) AS INTEGER)"
            " WHERE id = ? AND status = 'pending'",
            "success" if outcome.error is None else "failed",
            outcome.result,
            None if outcome.error is None else as_json(outcome.error),
            outcome.engine_id or "",
            self.now(),
            execution_id,
        )
        if outcome.engine_id:  # also where the workflow has answered before, and did not say it
            known = {"id": execution_id, "engine_id": ""}
            self.store.change("executions", known, engine_id=outcome.engine_id)
        if execution_id in self._under_way:
            self._under_way[execution_id].answered.set()

    # --- looking --------------------------------------------------------------------------

    def status(self, call: Call) -> dict[str, Any]:
        row = self._execution(call, "id, status, created_at, duration, result, error")
        view = present(
            {
                "executionId": row["id"],
                "status": row["status"],
                "createdAt": iso(row["created_at"]),
                "duration": row["duration"],
                "errorDetails": row["error"] and present(json.loads(row["error"]) | {"place": None}),
            }
        )
        if row["status"] == "success":  # also with a result that is null
            view["resultData"] = json.loads(row["result"])
        return {"execution": view}

    def details(self, call: Call) -> dict[str, Any]:
        row = self._execution(call, "*")
        deep, slim = (call.query.get(name) == "true" for name in ("deep", "slim"))
        view: dict[str, Any] = {
            "execution": {
                "codikaExecutionId": row["id"],
                "n8nExecutionId": row["engine_id"] or None,
                "status": row["status"],
                "n8nExecution": _record(row, deep=deep, slim=slim),
            }
        }

        async def ask_the_engine() -> None:
            try:
                record = await self.engine.record(row["engine_id"], deep=deep, slim=slim)
            except Exception:
                logger.exception("the engine failed to tell of a run")
                return
            if record is not None:
                view["execution"]["n8nExecution"] = record

        if row["engine_id"]:
            call.afterwards.append(ask_the_engine)
        return view

    def list_executions(self, call: Call) -> dict[str, Any]:
        instance = self.instances.instance(call.caller, call.params[0])
        workflow_id = call.query.get("workflowId")
        status = call.one_of("status", "pending", "success", "failed")
        # Each combination has an index, in which the newest come last.
        wanted = {"instance_id": instance["id"], "workflow_id": workflow_id, "status": status}
        columns = "id, workflow_id, trigger_id, engine_id, status, created_at, duration, error"
        rows = self.store.select("executions", columns, "rowid DESC", call.limit(20), **present(wanted))
        return {
            "executions": [_list_entry(row) for row in rows],
            "count": len(rows),
            "processInstanceId": instance["id"],
        }

    def _execution(self, call: Call, columns: str) -> sqlite3.Row:
        instance_id, execution_id = call.params
        self.instances.instance(call.caller, instance_id)
        row = self.store.find("executions", columns, id=execution_id, instance_id=instance_id)
        if row is None:
            message = f"There is no such execution of process instance {instance_id}."
            raise Refusal("EXECUTION_NOT_FOUND", message)
        return row

    # --- calls back from the engine -------------------------------------------------------

    def create_execution(self, call: Call) -> dict[str, Any]:
        """A workflow that something else than HTTP has started reports for duty."""
        body = call.body
        caller = self.keys.authenticate(body.text("memberSecret"), ("member",))
        if (body.text("organizationId"), body.text("userId")) != (caller.organization_id, caller.user_id):
            raise Refusal("UNAUTHORIZED", "The member secret belongs to another member.")
        instance = self.instances.instance(
            caller, body.text("processInstanceId"), within=caller.organization_id
        )
        workflow = self.instances.workflow(instance, body.text("workflowId"))
        kind = body.text("triggerType")
        if not isinstance(body.raw("triggerData"), (dict, list)):
            body.refuse("triggerData", "must be an object or an array")
        _require_active(instance)
        run = self._begin(
            instance,
            workflow["workflowTemplateId"],
            trigger_id=_trigger_id(workflow, kind),
            user_id=caller.user_id,
            payload=as_json(body.raw("triggerData")),
        )
        given = ("executionId", "executionSecret", "callbackUrl", "errorCallbackUrl", "processId", "userId")
        return {name: run.metadata[name] for name in given}

    def upload_output(self, call: Call) -> dict[str, Any]:
        """Keep a file that a workflow has made."""
        execution_id = self._called_back(call.body)
        upload = call.upload
        if upload is None:
            call.body.refuse("file", "is required")
        given = call.body.text_or_none("fileName") or upload.name
        name = PurePosixPath(given.replace("\\", "/")).name or "output"
        media_type = call.body.text_or_none("mimeType") or upload.media_type
        output_id = new_id()
        self.store.insert(
            "outputs",
            id=output_id,
            execution_id=execution_id,
            field_key=call.body.text_or_none("fieldKey"),
            file_name=name,
            media_type=media_type,
            content=upload.content,
            created_at=self.now(),
        )
        return {
            "documentId": output_id,
            "storagePath": f"executions/{execution_id}/{output_id}/{name}",
            "fileName": name,
            "fileSize": len(upload.content),
            "mimeType": media_type,
        }

    def submit_result(self, call: Call) -> dict[str, Any]:
        execution_id = self._called_back(call.body)
        result = as_json(_result_in(call.body))
        self._finish(execution_id, Outcome(result=result, engine_id=_engine_id_in(call.body)))
        return {}

    def submit_error(self, call: Call) -> dict[str, Any]:
        body = call.body
        execution_id = self._called_back(body)
        kind, message = body.choice("errorType", _ERROR_TYPES), body.text("errorMessage")
        failed = Outcome.failed(message, kind=kind, node=body.text_or_none("failedNodeName") or "")
        self._finish(execution_id, replace(failed, engine_id=_engine_id_in(body)))
        return {}

    def told_by_engine(self, call: Call) -> dict[str, Any]:
        """The engine says by itself that a run has ended."""

        async def make_out() -> None:
            try:
                told = await self.engine.told(call.json)
            except EngineError as error:
                logger.warning("what the engine said cannot be made out: %s", error)
                return
            if told:
                await self._write_down(*told)

        call.afterwards.append(make_out)
        return {}

    def _called_back(self, body: Members) -> str:
        execution_id, secret = body.text("executionId"), body.text("executionSecret")
        row = self.store.find("executions", "secret_digest", id=execution_id)
        if row is None:
            raise Refusal("EXECUTION_NOT_FOUND", "There is no such execution.")
        if not hmac.compare_digest(row["secret_digest"], _digest(secret)):
            raise Refusal("UNAUTHORIZED", "The execution secret is wrong.")
        return execution_id


def _result_in(body: Members) -> Any:
    """What a workflow hands in: ``resultData``; or ``resultText``, which is JSON where it is a text."""
    if not body.has("resultText"):
        return body.raw("resultData") if body.has("resultData") else body.refuse("resultData", "is missing")
    text = body.raw("resultText")
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        body.refuse("resultText", "must be JSON: the result of the workflow is a text that is none")


def _engine_id_in(body: Members) -> str | None:
    given = body.raw("n8nExecutionId")
    return str(given) if isinstance(given, (str, int)) and not isinstance(given, bool) else None


def _can_be_told(content: str) -> bool:
    """Whether a payload or a result can be written into the answers that will have it in them."""
    if content.count("[") + content.count("{") < 300:  # most are not looked at any closer
        return True
    try:
        json.dumps(json.loads(f"{'[' * 50}{content}{']' * 50}"))
    except RecursionError:
        return False
    return True


def _started(execution_id: str) -> dict[str, Any]:
    return {"executionId": execution_id, "message": "Execution started"}


def _require_active(instance: sqlite3.Row) -> None:
    if instance["rollout_status"] == "failed":
        raise Refusal("INSTANCE_INACTIVE", "The process instance is not active: its deployment failed.")
    if not instance["is_active"]:
        raise Refusal("INSTANCE_INACTIVE", "The process instance is not active.")


def _trigger_id(workflow: dict[str, Any], *kinds: str) -> str:
    """The id of the first trigger of one of these kinds; the first of all if there is none."""
    triggers = workflow["triggers"]
    return str(next((t for t in triggers if t["type"] in kinds), triggers[0])["triggerId"])


def _payload(body: Any) -> dict[str, Any]:
    payload = body["payload"] if isinstance(body, dict) and "payload" in body else body
    if not isinstance(payload, dict):
        raise Refusal("INVALID_PAYLOAD", "The payload must be a JSON object.")
    return payload


def _list_entry(row: sqlite3.Row) -> dict[str, Any]:
    entry = {
        "executionId": row["id"],
        "workflowId": row["workflow_id"],
        "triggerId": row["trigger_id"],
        "status": row["status"],
        "createdAt": iso(row["created_at"]),
        "n8nExecutionId": row["engine_id"] or None,
    }
    if row["duration"] is not None:
        entry["duration"] = row["duration"]
    if row["error"] is not None:
        error = json.loads(row["error"])
        shown = ("message", "failedNodeName")
        entry["errorDetails"] = present({name: error.get(name) for name in shown})
    return entry


def _record(row: sqlite3.Row, *, deep: bool, slim: bool) -> dict[str, Any]:
    """The execution as the engine would record it: one node that starts, one that answers."""
    started = row["created_at"]
    ended = None if row["duration"] is None else started + row["duration"] / 1000
    run_data = {"Codika Init": [_node_run(row["payload"], started, slim=slim)]}
    if row["status"] == "success":
        run_data["Codika Submit Result"] = [_node_run(row["result"], ended or started, slim=slim)]
    result_data: dict[str, Any] = {"runData": run_data}
    if row["error"] is not None:
        error = json.loads(row["error"])
        node = error.get("failedNodeName")
        told = f"{error['message']} ({error['place']})" if error.get("place") else error["message"]
        result_data["error"] = {"message": told, "node": node}
        if node:
            failed = {"startTime": int((ended or started) * 1000), "executionStatus": "error"}
            run_data[node] = [failed | {"error": {"message": told}}]
            result_data["lastNodeExecuted"] = node
    record: dict[str, Any] = {
        "id": row["engine_id"] or None,
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
