"""What strangers can do to a sandbox: hold its connections, fill its memory, share its folder."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from codika_nb import ConfigError, Sandbox
from codika_nb.sandbox.web import bodies, protocol

from .test_sandbox import Platform, new_email
from .test_sandbox_workflows import Deployed

HALF_A_HEAD = b"POST /verifyapikey HTTP/1.1\r\nHost: 127.0.0.1\r\n"
HALF_A_BODY = b"POST /clirequestsignupotp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"


@contextmanager
def connected(sandbox: Sandbox, sent: bytes) -> Iterator[socket.socket]:
    """A connection over which this has been sent."""
    url = httpx.URL(sandbox.url)
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        connection.sendall(sent)
        yield connection


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


# --- connections -----------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_HEAD", 0.3)
    monkeypatch.setattr(protocol, "_PIECE", 0.3)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        HALF_A_HEAD,
        HALF_A_BODY,
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /half HTTP/1.1\r\n",
    ],
    ids=["nothing", "half a head", "half a body", "half a second head"],
)
def test_who_does_not_go_on_is_not_waited_for(sandbox: Sandbox, sent: bytes) -> None:
    with connected(sandbox, sent) as connection:
        if sent.startswith(b"GET"):
            assert connection.recv(12) == b"HTTP/1.1 200"
        while not is_closed(connection):
            pass


@pytest.mark.usefixtures("impatient")
def test_who_goes_on_slowly_is_waited_for(sandbox: Sandbox) -> None:
    body = b'{"email": "slow@example.com"}'
    head = f"POST /clirequestsignupotp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    with connected(sandbox, head.encode()) as connection:
        for n in range(len(body)):
            connection.sendall(body[n : n + 1])
            time.sleep(0.05)
        assert connection.recv(12) == b"HTTP/1.1 200"


@pytest.mark.usefixtures("impatient")
def test_who_does_not_take_its_answers_is_not_waited_for(sandbox: Sandbox) -> None:
    asked = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 1000
    with connected(sandbox, b"") as connection:
        connection.setblocking(False)

        def ask_on() -> None:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                with contextlib.suppress(BlockingIOError):
                    connection.send(asked)
                time.sleep(0.05)

        with pytest.raises(ConnectionError):
            ask_on()


@pytest.mark.usefixtures("impatient")
def test_who_takes_a_large_answer_slowly_gets_all_of_it(sandbox: Sandbox) -> None:
    platform = Platform(sandbox)
    with platform.http:
        deployed = Deployed(platform)
        run = deployed.run({"name": "x" * 16_000_000})
    path = f"/status/{deployed.instance_id}/{run['executionId']}"
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Process-Manager-Key: {deployed.key}\r\n\r\n"
    with connected(sandbox, head.encode()) as connection:
        size = 0
        while size < 16_000_000 and (piece := connection.recv(2**17)):
            size += len(piece)
            time.sleep(0.01)
    assert size >= 16_000_000


SILENT = """
import resource, socket, urllib.request
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from codika_nb.sandbox import Sandbox
with Sandbox() as sandbox:
    print(sandbox.url, flush=True)
    input()
    open(__file__).close()
    print("can open files", flush=True)
    input()
"""


@pytest.mark.parametrize("sent", [HALF_A_HEAD, HALF_A_BODY], ids=["half a head", "half a body"])
def test_silent_connections_keep_neither_others_nor_the_process_from_working(
    tmp_path: Path, sent: bytes
) -> None:
    program = tmp_path / "program.py"
    program.write_text(SILENT)
    with (
        subprocess.Popen(
            [sys.executable, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        ExitStack() as held,
    ):
        assert process.stdin
        assert process.stdout
        url = httpx.URL(process.stdout.readline().strip())
        for _ in range(300):
            each = held.enter_context(socket.create_connection((url.host, url.port or 80), timeout=30))
            each.sendall(sent)
        assert httpx.get(url, timeout=30, trust_env=False).status_code == 200
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "can open files\n"
        _, said = process.communicate("\n", timeout=30)
    assert "accept" not in said
    assert process.returncode == 0


# --- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/deployprocessusecase", "/triggerwebhookpublic/i/w", "/getprojectpublic"])
def test_who_has_no_key_is_told_before_anything_is_sent(sandbox: Sandbox, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{{"
    with connected(sandbox, head.encode()) as connection:
        assert connection.recv(12) == b"HTTP/1.1 401"


def test_bodies_of_strangers_have_a_limit_together(sandbox: Sandbox) -> None:
    size = 60 * bodies.MEGABYTE
    head = f"POST /submitworkflowresult HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size + 1}\r\n\r\n"
    with connected(sandbox, head.encode() + b" " * size), connected(sandbox, head.encode()) as second:
        second.sendall(b" " * size)
        assert second.recv(12) == b"HTTP/1.1 503"
    platform = Platform(sandbox)
    with platform.http:
        assert platform.post("/clirequestsignupotp", {"email": new_email()}).status_code == 200


def test_signing_in_does_not_wait_for_large_bodies_of_strangers(sandbox: Sandbox) -> None:
    size = 55 * bodies.MEGABYTE
    head = f"POST /submitworkflowresult HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size + 1}\r\n\r\n"
    platform = Platform(sandbox)
    with platform.http, connected(sandbox, head.encode()) as one, connected(sandbox, head.encode()) as other:
        one.sendall(b" " * size)
        other.sendall(b" " * size)
        while platform.post("/submitworkflowresult", {"x": 1}).status_code != 503:
            time.sleep(0.05)  # they have not all arrived yet
        assert platform.post("/clirequestsignupotp", {"email": new_email()}).status_code == 200


def test_signing_in_needs_no_large_body(sandbox: Sandbox) -> None:
    platform = Platform(sandbox)
    with platform.http:
        body: dict[str, Any] = {"email": new_email(), "x": "x" * 70_000}
        assert platform.post("/clirequestsignupotp", body).status_code == 400


# --- a data folder ---------------------------------------------------------------------------------

OWNER = """
import sys
from codika_nb.sandbox import Sandbox
with Sandbox(data=sys.argv[1]) as sandbox:
    print(sandbox.url, flush=True)
    input()
"""


@contextmanager
def owner_of(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process whose sandbox keeps its data in a folder."""
    words = [sys.executable, "-c", OWNER, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline().startswith("http://")
            yield process
        finally:
            process.kill()


def test_a_data_folder_has_one_owner(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Sandbox(data=folder):
        (folder / "sandbox.sqlite3").read_bytes()  # which would end a lock of the database's own
        with pytest.raises(ConfigError, match=f"Another sandbox is using .* \\(process {os.getpid()}\\)"):
            Sandbox(data=folder).start()
        other = subprocess.run(
            [sys.executable, "-c", OWNER, str(folder)], capture_output=True, text=True, check=False
        )
        assert f"(process {os.getpid()})" in other.stderr
    with Sandbox(data=folder):
        pass  # it is free again


def test_who_is_killed_owns_nothing(tmp_path: Path) -> None:
    with owner_of(tmp_path) as process:
        with pytest.raises(ConfigError, match=rf"\(process {process.pid}\)"):
            Sandbox(data=tmp_path).start()
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Sandbox(data=tmp_path):
            pass


def test_what_was_acknowledged_is_there_whatever_others_tried(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path) as sandbox:
        key = sandbox.personal_key("ada@example.com")
        platform = Platform(sandbox)
        organization = sandbox.add_organization("ada@example.com", "Acme")
        with platform.http:
            for n in range(120):
                made = {"name": f"Project {n}", "organizationId": organization}
                assert platform.post("/createprojectviaapikey", made, key=key).status_code == 200
                if n % 20 == 0:
                    with pytest.raises(ConfigError):
                        Sandbox(data=tmp_path).start()
    with Sandbox(data=tmp_path) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            listed = platform.get(
                f"/listprojectspublic?organizationId={organization}&limit=100", key=key
            ).json()
    assert len(listed["data"]["projects"]) == 100


def test_who_comes_at_the_very_end_is_let_go() -> None:
    """What is left open would be told as a warning when it is collected, and fail this test or the next."""

    def come_and_go(address: tuple[str, int], ended: threading.Event) -> None:
        with contextlib.suppress(OSError):  # there is nobody any more
            while not ended.is_set():
                socket.create_connection(address, timeout=5).close()

    for _ in range(5):
        ended = threading.Event()
        with Sandbox() as sandbox:
            url = httpx.URL(sandbox.url)
            visit = functools.partial(come_and_go, (url.host, url.port or 80), ended)
            visitors = [threading.Thread(target=visit) for _ in range(3)]
            for each in visitors:
                each.start()
        ended.set()
        for each in visitors:
            each.join()
    gc.collect()
