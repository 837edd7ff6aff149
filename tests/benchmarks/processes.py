"""The processes that take part: servers, kernels, and a client of servers that costs little."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from codika_nb.sandbox import Sandbox

ROOT = Path(__file__).resolve().parent.parent.parent
#: Nobody listens there.
NOWHERE = "http://127.0.0.1:9"


def environment(**variables: str) -> dict[str, str]:
    """The environment for a process: nobody's account, and byte code kept, as everywhere but in tests."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CODIKA_", "COVERAGE_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    return inherited | {"PYTHONPATH": str(ROOT)} | variables


# --- servers ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(**options: Any) -> Iterator[str]:
    """A server in a process of its own; gives its base URL.

    Args:
        options: those of `Sandbox`; or ``bare``, a database for `_serve_bare`.
    """
    command = [sys.executable, "-m", __name__, json.dumps(options)]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, "the server did not start"
        try:
            yield url
        finally:
            process.stdin.close()


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

    Thread(target=stop_at_end, daemon=True).start()
    server.run(sockets=[listening])


@contextlib.contextmanager
def silent_server() -> Iterator[tuple[str, Event]]:
    """A server that keeps everybody waiting until the event is set, and then refuses; gives its base URL."""
    answer = Event()

    class Waiting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer.wait(60)
            refusal = {"success": False, "error": {"code": "EMAIL_INVALID", "message": "No."}}
            content = json.dumps(refusal).encode()
            # Whoever asked may have stopped waiting.
            with contextlib.suppress(OSError):
                self.send_response(400)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Waiting)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", answer
    finally:
        answer.set()
        server.shutdown()
        server.server_close()


# --- a client that costs little --------------------------------------------------------------------


@dataclass
class Answered:
    """How long each request took, in seconds, and what was refused."""

    seconds: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)


class Connection:
    """One connection that is kept open."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: Answered, key: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answered = answered
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
        self._answered.seconds.append(time.perf_counter() - began)
        if isinstance(answer, list):  # the inbox
            return {"mails": answer}
        if not answer["success"]:
            error = answer["error"]
            self._answered.refusals[error["code"] if isinstance(error, dict) else str(error)] += 1
        return dict(answer)


@contextlib.asynccontextmanager
async def connected(
    url: str, answered: Answered, *, source: str | None = None, key: str = ""
) -> AsyncIterator[Connection]:
    """A connection to a server, from this machine's address `source` where one is given."""
    parts = urlsplit(url)
    local = None if source is None else (source, 0)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=local, limit=2**24)
    try:
        yield Connection(reader, writer, answered, key)
    finally:
        writer.close()


# --- kernels ---------------------------------------------------------------------------------------


@dataclass
class Ran:
    """What a cell published, and when the front end had it, in milliseconds since it asked."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    def when(self, kind: str) -> float:
        """When the first message of this kind was there."""
        found = (
            at for at, message in zip(self.at, self.messages, strict=True) if message["msg_type"] == kind
        )
        arrived = next(found, None)
        assert arrived is not None, f"no {kind}: {[message['content'] for message in self.messages]}"
        return arrived

    @property
    def ended(self) -> float:
        """When the kernel was idle again."""
        return self.at[-1]

    @property
    def text(self) -> str:
        """What it printed."""
        return "".join(m["content"]["text"] for m in self.messages if m["msg_type"] == "stream")


class Frontend:
    """A kernel, seen as a front end sees it."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, source: str) -> Ran:
        """Run a cell until the kernel is idle again."""
        began = time.perf_counter()
        return self._answers(self._client.execute(source, allow_stdin=True), began)

    def click(self, button: str) -> Ran:
        """Click on the button with this model, as a browser does."""
        message = self._client.session.msg(
            "comm_msg", {"comm_id": button, "data": {"method": "custom", "content": {"event": "click"}}}
        )
        began = time.perf_counter()
        self._client.shell_channel.send(message)
        return self._answers(message["header"]["msg_id"], began)

    def _answers(self, request: str, began: float) -> Ran:
        ran = Ran()
        while True:
            message = self._client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != request:
                continue
            ran.at.append((time.perf_counter() - began) * 1000)
            ran.messages.append(message)
            assert message["msg_type"] != "error", message["content"]["traceback"]
            if message["content"].get("execution_state") == "idle":
                return ran


@contextlib.contextmanager
def live_kernel(folder: Path, **variables: str) -> Iterator[Frontend]:
    """A fresh kernel in which a cell has been run already."""
    own = {"XDG_CONFIG_HOME": str(folder), "CODIKA_BASE_URL": NOWHERE} | variables
    manager = KernelManager(kernel_name="python3")
    # What it warns of on its console would end up in the table.
    manager.start_kernel(
        cwd=str(folder),
        env=environment(**own),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        frontend = Frontend(client)
        frontend.run("None")
        yield frontend
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
