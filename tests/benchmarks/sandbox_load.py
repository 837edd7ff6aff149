"""What the sandbox can bear: a workshop signing up, and polling with few and with many executions.

Run it with ``python -m tests.benchmarks.sandbox_load``; each figure is a ratio or a total within one run.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote, urlsplit

from codika_nb.sandbox import Sandbox

_CONNECTIONS = 8
_ROUNDS = 5


def main(arguments: list[str] | None = None) -> None:
    """Run the measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200, help="how many sign up (200)")
    parser.add_argument("--executions", type=int, default=10**6, help="how many are many (1,000,000)")
    parser.add_argument("--requests", type=int, default=800, help="requests in a round of polling (800)")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        _serve(json.loads(options.serve))
        return
    for apart in (True, False):
        asyncio.run(_workshop(options.people, apart=apart))
    asyncio.run(_polling(options.executions, options.requests))


# --- servers, each in a process of its own -------------------------------------------------


def _serve(options: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    if "bare" in options:
        _serve_bare(options["bare"])
        return
    with Sandbox(**options) as sandbox:
        print(sandbox.url, flush=True)
        sys.stdin.read()


def _serve_bare(database: str) -> None:
    """The least that could answer a poll: one route, one row found by its key."""
    import threading

    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    connection = sqlite3.connect(database, check_same_thread=False)

    async def status(request: Request) -> JSONResponse:
        row = connection.execute(
            "SELECT id, status, created_at, result FROM executions WHERE id = ?",
            (request.path_params["execution"],),
        ).fetchone()
        execution = {
            "executionId": row[0],
            "status": row[1],
            "createdAt": row[2],
            "resultData": json.loads(row[3]),
        }
        return JSONResponse({"success": True, "execution": execution})

    application = Starlette(routes=[Route("/status/{instance}/{execution}", status)])
    config = uvicorn.Config(
        application, port=0, http="h11", log_config=None, access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    listening.listen(2048)
    # As the sandbox does: else each answer waits for the acknowledgement of its head.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)

    def stop_at_end() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop_at_end, daemon=True).start()
    server.run(sockets=[listening])


@contextlib.contextmanager
def _server(**options: Any) -> Iterator[str]:
    """A server with these options; gives its base URL."""
    command = [sys.executable, "-m", "tests.benchmarks.sandbox_load", "--serve", json.dumps(options)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, "the server did not start"
        yield url
        process.stdin.close()


# --- a client that costs little ------------------------------------------------------------


@dataclass
class Figures:
    """How long each request took, in seconds, and what was refused."""

    seconds: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        """The time within which this share of the requests was answered, in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


class Connection:
    """One connection that is kept open."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, figures: Figures, key: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._figures = figures
        self.key = key

    async def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """One request; a refusal is counted and returned."""
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
        if self.key:
            head += f"X-Process-Manager-Key: {self.key}\r\n"
        began = time.perf_counter()
        self._writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        answer_head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer_head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        answer = json.loads(await self._reader.readexactly(length))
        self._figures.seconds.append(time.perf_counter() - began)
        if isinstance(answer, list):  # the inbox
            return {"mails": answer}
        if not answer["success"]:
            error = answer["error"]
            self._figures.refusals[error["code"] if isinstance(error, dict) else str(error)] += 1
        return dict(answer)


@contextlib.asynccontextmanager
async def _connect(
    url: str, figures: Figures, *, source: str | None = None, key: str = ""
) -> AsyncIterator[Connection]:
    parts = urlsplit(url)
    local = None if source is None else (source, 0)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=local, limit=2**24)
    try:
        yield Connection(reader, writer, figures, key)
    finally:
        writer.close()


# --- the workshop --------------------------------------------------------------------------


async def _workshop(people: int, *, apart: bool) -> None:
    """Everybody signs up at once: each from an address of their own, or all from one with a higher limit."""
    figures = Figures()
    limit = {} if apart else {"ip_limit": people}
    with tempfile.TemporaryDirectory() as folder, _server(data=folder, **limit) as url:
        began = time.perf_counter()
        keys = await asyncio.gather(
            *(_sign_up(url, figures, number, apart=apart) for number in range(people))
        )
        total = time.perf_counter() - began
    made = len({key for key in keys if key})
    where = "an address each" if apart else f"one address, --ip-limit {people}"
    print(
        f"workshop, {where}: {made} of {people} signed up in {total:.2f} s, "
        f"{len(figures.seconds)} requests, p50 {figures.percentile(0.5):.0f} ms, "
        f"p99 {figures.percentile(0.99):.0f} ms, errors {dict(figures.refusals) or 0}",
        flush=True,
    )


async def _sign_up(url: str, figures: Figures, number: int, *, apart: bool) -> str:
    source = f"127.0.{1 + number // 250}.{1 + number % 250}" if apart else None
    async with _connect(url, figures, source=source) as connection:
        email = f"ada+{number}@example.com"
        if not (await connection.call("POST", "/clirequestsignupotp", {"email": email}))["success"]:
            return ""
        (mail,) = (await connection.call("GET", f"/inbox?email={quote(email)}"))["mails"]
        body = {"email": email, "code": mail["code"]}
        made = await connection.call("POST", "/clicompletesignup", body)
        return str(made["data"]["apiKey"]["raw"]) if made["success"] else ""


# --- polling -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filled:
    """A folder with executions in it, and how to reach them."""

    folder: str
    key: str
    instance_id: str
    executions: list[str]
    """Ids of some of them."""


async def _polling(many: int, requests: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        small = await _fill(Path(scratch, "small"), 100)
        large = await _fill(Path(scratch, "large"), many)
        bare = sqlite3.connect(Path(scratch, "bare.sqlite3"))
        bare.execute("ATTACH ? AS filled", (str(Path(small.folder, "sandbox.sqlite3")),))
        bare.execute("CREATE TABLE executions (id TEXT PRIMARY KEY, status, created_at, result)")
        bare.execute("INSERT INTO executions SELECT id, status, created_at, result FROM filled.executions")
        bare.commit()
        bare.close()
        with (
            _server(data=small.folder) as with_few,
            _server(data=large.folder) as with_many,
            _server(bare=str(Path(scratch, "bare.sqlite3"))) as floor,
        ):
            polls = [f"/status/{small.instance_id}/{execution}" for execution in small.executions]
            polls_of_many = [f"/status/{large.instance_id}/{execution}" for execution in large.executions]
            cases = {
                "bare": (floor, small, polls),
                "few": (with_few, small, polls),
                "many": (with_many, large, polls_of_many),
            }
            for name, query in _LISTS.items():
                for size, url, filled in (("few", with_few, small), ("many", with_many, large)):
                    path = f"/listexecutionspublic/{filled.instance_id}{query}"
                    cases[f"{name}, {size}"] = (url, filled, [path])
            rates: dict[str, list[float]] = {name: [] for name in cases}
            # Turn by turn, so that whatever else the machine does falls on all alike.
            for _ in range(_ROUNDS):
                for name, (url, filled, paths) in cases.items():
                    rates[name].append(await _rate(url, filled.key, paths, requests))
    typical = {name: median(values) for name, values in rates.items()}
    print(
        f"status polls: bare route {typical['bare']:.0f}/s, sandbox {typical['few']:.0f}/s, "
        f"ratio {typical['few'] / typical['bare']:.2f}"
    )
    print(f"status polls, {many:,} executions against 100: ratio {typical['many'] / typical['few']:.2f}")
    for name in _LISTS:
        ratio = typical[f"{name}, many"] / typical[f"{name}, few"]
        print(f"{name}, {many:,} executions against 100: ratio {ratio:.2f}", flush=True)


# Also filters that nothing fits: those must not look at everything to find nothing.
_LISTS = {
    "list of executions": "?limit=20",
    "list of one workflow's": "?limit=20&workflowId=greet",
    "list of failed ones": "?limit=20&status=failed",
    "list of an unknown workflow's": "?limit=20&workflowId=nope&status=failed",
}


async def _rate(url: str, key: str, paths: list[str], requests: int) -> float:
    """Requests answered in a second."""
    figures = Figures()

    async def poll(number: int) -> None:
        async with _connect(url, figures, key=key) as connection:
            for turn in range(requests // _CONNECTIONS):
                await connection.call("GET", paths[(turn * _CONNECTIONS + number) % len(paths)])

    began = time.perf_counter()
    await asyncio.gather(*(poll(number) for number in range(_CONNECTIONS)))
    assert not figures.refusals, figures.refusals
    return len(figures.seconds) / (time.perf_counter() - began)


async def _fill(folder: Path, count: int) -> Filled:
    """A folder in which a use case has been deployed and run `count` times."""
    workflow = {
        "workflowTemplateId": "greet",
        "workflowId": "greet",
        "workflowName": "Greet",
        "triggers": [{"triggerId": "t", "type": "http", "url": "https://e.example", "method": "POST"}],
        "knowledgeBaseAccess": {"processDocTags": [], "processInstanceDocTags": []},
        "n8nWorkflowJsonBase64": base64.b64encode(b'{"nodes": []}').decode(),
    }
    texts = dict.fromkeys(("title", "subtitle", "description", "processDeploymentMarkdown"), "Greeter")
    configuration = {**texts, "tags": [], "integrationUids": [], "workflows": [workflow]}
    with _server(data=str(folder)) as url:
        key = await _sign_up(url, Figures(), 0, apart=False)
        async with _connect(url, Figures(), key=key) as connection:
            made = await connection.call("POST", "/createprojectviaapikey", {"name": "Load"})
            use_case = {"projectId": made["data"]["projectId"], "configuration": configuration}
            deployed = await connection.call("POST", "/deployprocessusecase", use_case)
            instance_id = str(deployed["data"]["processInstanceId"])
            await connection.call("POST", f"/webhook/{instance_id}/greet", {"payload": {"name": "Ada"}})
    database = sqlite3.connect(folder / "sandbox.sqlite3", isolation_level=None)
    columns = "instance_id, workflow_id, trigger_id, engine_id, payload, secret_digest, created_at, duration"
    # Ids as they are made: they grow with time. One in five has failed.
    database.execute(
        f"""INSERT INTO executions (id, status, result, error, {columns})
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ? - 1)
        SELECT printf('%012x-7000-8000-%012x', n, abs(random()) % 281474976710656),
            iif(n % 5, 'success', 'failed'), iif(n % 5, '{{"greeting": "Hello"}}', NULL),
            iif(n % 5, NULL, '{{"type": "timeout", "message": "late"}}'), {columns}
        FROM numbers, (SELECT * FROM executions LIMIT 1)""",  # noqa: S608 - the columns above
        (count,),
    )
    step = max(1, count // 1000)
    rows = database.execute(
        "SELECT id FROM executions WHERE status = 'success' AND rowid % ? = 0 ORDER BY random()", (step,)
    )
    ids = [str(row[0]) for row in rows]
    database.close()
    return Filled(str(folder), key, instance_id, ids)


if __name__ == "__main__":
    main()
