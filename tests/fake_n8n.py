"""A small n8n over HTTP, as slow to follow and as strict as the real one; runs end as their payload asks."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "n8n-key"
#: Seconds between n8n's yes and what it has said yes to.
LATE = 0.15
NODE_MEMBERS = {"id", "name", "type", "typeVersion", "position", "parameters", "credentials", "webhookId"} | {
    *("disabled", "notes", "notesInFlow", "executeOnce", "alwaysOutputData", "retryOnFail", "maxTries"),
    *("waitBetweenTries", "continueOnFail", "onError"),
}


class Workflow:
    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.active = False
        self.listening: dict[str, Any] | None = None


class FakeN8n:
    """Use as a context manager; `url` is its address."""

    def __init__(self) -> None:
        self.ids = itertools.count(1)
        self.workflows: dict[str, Workflow] = {}
        self.credentials: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, str] = {}
        #: The tag's id by that of the workflow.
        self.tagged: dict[str, str] = {}
        self.executions: dict[str, dict[str, Any]] = {}
        self.refuses: dict[str, int] = {}
        self.deaf = False
        api = {
            "/api/v1/workflows": (self.some_workflows, ["GET", "POST"]),
            "/api/v1/workflows/{id}": (self.one_workflow, ["GET", "PUT", "DELETE"]),
            "/api/v1/workflows/{id}/tags": (self.tag, ["PUT"]),
            "/api/v1/tags": (self.some_tags, ["GET", "POST"]),
            "/api/v1/tags/{id}": (self.one_tag, ["DELETE"]),
            "/api/v1/workflows/{id}/{act}": (self.switch, ["POST"]),
            "/api/v1/credentials": (self.some_credentials, ["GET", "POST"]),
            "/api/v1/credentials/{id}": (self.one_credential, ["DELETE"]),
            "/api/v1/executions": (self.some_executions, ["GET"]),
            "/api/v1/executions/{id}": (self.one_execution, ["GET"]),
            "/webhook/{path:path}": (self.webhook, ["GET", "POST"]),
        }
        routes = [Route(path, self.guarded(act), methods=methods) for path, (act, methods) in api.items()]
        config = uvicorn.Config(Starlette(routes=routes), port=0, log_config=None, ws="none", lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> FakeN8n:
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()

    def guarded(self, act: Any) -> Any:
        async def answer(request: Request) -> Response:
            if self.deaf:
                await asyncio.sleep(0.01)
                return Response(status_code=502)
            if request.url.path.startswith("/api/"):
                if request.headers.get("x-n8n-api-key") != KEY:
                    return JSONResponse({"message": "unauthorized"}, 401)
                for part, status in self.refuses.items():
                    if part in request.url.path:
                        return JSONResponse({"message": "Forbidden"}, status)
            response: Response = await act(request)
            return response

        return answer

    # --- workflows --------------------------------------------------------------------------

    async def some_workflows(self, request: Request) -> Response:
        if request.method == "GET":
            part = request.query_params.get("name", "")
            entries = [
                {"id": each, "name": workflow.body["name"]}
                for each, workflow in self.workflows.items()
                if part in workflow.body["name"]
            ]
            start = int(request.query_params.get("cursor", "0"))
            more = str(start + 2) if len(entries) > start + 2 else None
            return JSONResponse({"data": entries[start : start + 2], "nextCursor": more})
        body = await request.json()
        if problem := self.unfit(body):
            return JSONResponse({"message": problem}, 400)
        workflow_id = f"wf{next(self.ids)}"
        self.workflows[workflow_id] = Workflow(body)
        return JSONResponse({"id": workflow_id})

    async def tag(self, request: Request) -> Response:
        (self.tagged[request.path_params["id"]],) = (each["id"] for each in await request.json())
        return JSONResponse([])

    async def some_tags(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"data": [{"id": each, "name": name} for each, name in self.tags.items()]})
        name = (await request.json())["name"]
        if len(name) > 24 or name in self.tags.values():
            return JSONResponse({"message": "Tag already exists"}, 409)
        tag_id = f"tag{next(self.ids)}"
        self.tags[tag_id] = name
        return JSONResponse({"id": tag_id, "name": name})

    async def one_tag(self, request: Request) -> Response:
        del self.tags[request.path_params["id"]]
        return JSONResponse({})

    def unfit(self, body: dict[str, Any]) -> str | None:
        if further := set(body) - {"name", "nodes", "connections", "settings", "staticData", "pinData"}:
            return f"request/body must NOT have additional properties: {further}"
        if not 1 <= len(body["name"]) <= 128:
            return "request/body/name is too long"
        for number, node in enumerate(body["nodes"]):
            if further := set(node) - NODE_MEMBERS:
                return f"request/body/nodes/{number} Unrecognized key(s) in object: {further}"
            if None in node.values():
                return f"request/body/nodes/{number} Expected string, received null"
            if "position" not in node:
                return f"request/body/nodes/{number} position is required"
        return None

    async def one_workflow(self, request: Request) -> Response:
        workflow = self.workflows.get(request.path_params["id"])
        if workflow is None:
            return JSONResponse({"message": "Not Found"}, 404)
        if request.method == "DELETE":
            if workflow.listening or workflow.active:
                return JSONResponse({"message": "Cannot delete a published workflow"}, 409)
            del self.workflows[request.path_params["id"]]
        if request.method == "PUT":
            body = await request.json()
            if problem := self.unfit(body) or (self.unready(body) if workflow.active else None):
                return JSONResponse({"message": problem}, 400)
            workflow.body = body
            if workflow.active:  # the version before goes on answering for a while
                self.later(workflow, body)
        return JSONResponse({"id": request.path_params["id"], **workflow.body})

    def unready(self, body: dict[str, Any]) -> str | None:
        for node in body["nodes"]:
            if "codika" in node["type"].lower() or node["type"].endswith(".unheardOf"):
                return f"Unrecognized node type: {node['type']}"
            if node["type"].endswith(".gmail") and not node.get("credentials"):
                return "Cannot publish workflow: 1 node have configuration issues: gmailOAuth2"
        return None

    async def switch(self, request: Request) -> Response:
        workflow = self.workflows.get(request.path_params["id"])
        if workflow is None:
            return JSONResponse({"message": "Not Found"}, 404)
        on = request.path_params["act"] == "activate"
        if on and (problem := self.unready(workflow.body)):
            return JSONResponse({"message": problem}, 400)
        workflow.active = on
        self.later(workflow, workflow.body if on else None)
        return JSONResponse({"id": request.path_params["id"]})

    def later(self, workflow: Workflow, body: dict[str, Any] | None) -> None:
        asyncio.get_running_loop().call_later(LATE, lambda: setattr(workflow, "listening", body))

    # --- credentials and executions -----------------------------------------------------------

    async def some_credentials(self, request: Request) -> Response:
        if request.method == "GET":
            listed = [{"id": each, "name": body["name"]} for each, body in self.credentials.items()]
            return JSONResponse({"data": listed, "nextCursor": None})
        credential_id = f"cred{next(self.ids)}"
        self.credentials[credential_id] = await request.json()
        return JSONResponse({"id": credential_id})

    async def one_credential(self, request: Request) -> Response:
        found = self.credentials.pop(request.path_params["id"], None)
        return JSONResponse({}, 200 if found else 404)

    async def some_executions(self, request: Request) -> Response:
        wanted = request.query_params["workflowId"]
        listed = [each for each in self.executions.values() if each["workflowId"] == wanted]
        seen = [each for each in reversed(listed) if each["status"] != "running"]
        return JSONResponse({"data": seen[: int(request.query_params["limit"])], "nextCursor": None})

    async def one_execution(self, request: Request) -> Response:
        record = self.executions.get(request.path_params["id"])
        return JSONResponse(record or {"message": "Not Found"}, 200 if record else 404)

    # --- running ------------------------------------------------------------------------------

    async def webhook(self, request: Request) -> Response:
        path = request.path_params["path"]
        for workflow_id, workflow in self.workflows.items():
            for node in (workflow.listening or {}).get("nodes", ()):
                if node["type"].endswith(".webhook") and node["parameters"]["path"].strip("/") == path:
                    if request.method != node["parameters"].get("httpMethod", "GET"):
                        return JSONResponse({"message": "Did you mean to make a POST request?"}, 404)
                    if not any(
                        each["data"]["value"] == request.headers.get(each["data"]["name"])
                        for each in self.credentials.values()
                        if each["type"] == "httpHeaderAuth"
                    ):
                        return JSONResponse({"message": "Authorization data is wrong!"}, 403)
                    body = await request.json()
                    return await self.carry_out(workflow_id, workflow.listening, body)
        message = f'The requested webhook "{request.method} {path}" is not registered.'
        return JSONResponse({"code": 404, "message": message}, 404)

    async def carry_out(self, workflow_id: str, version: Any, body: dict[str, Any]) -> Response:
        metadata = body["executionMetadata"]
        record: dict[str, Any] = {
            "id": str(next(self.ids)),
            "workflowId": workflow_id,
            "status": "running",
            "customData": {"codikaExecution": metadata["executionId"]},
            "data": {
                "resultData": {
                    "runData": {
                        "Webhook": [{"data": {"main": [[{"json": {"body": body}, "pairedItem": 0}]]}}]
                    }
                },
                "resumeToken": "resume-me",
            },
            "workflowData": version,
        }
        self.executions[record["id"]] = record
        asks = body.get("asks", "result")
        match asks:
            case "result" | "late":
                if asks == "late":
                    record["status"] = "waiting"
                    asyncio.get_running_loop().call_later(
                        0.5, lambda: self.background(self.result(record, body))
                    )
                else:
                    await self.result(record, body)
                return JSONResponse({"ok": True})
            case "nothing":
                record["status"] = "success"
                return JSONResponse({"message": "No item to return was found"}, 500)
            case "failure" | "silent failure":
                record["status"] = "error"
                record["data"]["resultData"] |= {
                    "error": {"message": "no such greeting [line 1]"},
                    "lastNodeExecuted": "Greet",
                }
                if asks == "failure":
                    await self.tell(version, record)
                return JSONResponse({"message": "Error in workflow"}, 500)
            case "crash":
                record["status"] = "crashed"
                record["data"]["resultData"]["error"] = {"name": "WorkflowCrashedError"}
                return Response(status_code=502)
        return JSONResponse({"message": f"{asks}: Unused Respond to Webhook node found"}, 500)

    def background(self, work: Any) -> None:
        self.task = asyncio.ensure_future(work)

    async def result(self, record: dict[str, Any], body: dict[str, Any]) -> None:
        metadata = body["executionMetadata"]
        answer = {
            "executionId": metadata["executionId"],
            "executionSecret": metadata["executionSecret"],
            "n8nExecutionId": record["id"],
            "resultText": json.dumps({"version": record["workflowData"]["nodes"][0]["notes"]}),
        }
        async with httpx.AsyncClient() as client:
            await client.post(metadata["callbackUrl"], json=answer)
        record["status"] = "success"

    async def tell(self, version: dict[str, Any], record: dict[str, Any]) -> None:
        """Start the error workflow, as n8n does."""
        errors = self.workflows[version["settings"]["errorWorkflow"]]
        request = errors.body["nodes"][1]["parameters"]
        word = request["jsonBody"].partition('word: "')[2].partition('"')[0]
        item = {"execution": {"id": record["id"]}, "workflow": {"id": record["workflowId"]}}
        async with httpx.AsyncClient() as client:
            await client.post(request["url"], json={"word": "not it", "failed": item})
            await client.post(request["url"], json={"word": word, "failed": item})
