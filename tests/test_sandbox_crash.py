"""The sandbox in a process of its own: killed under load, killed half-way, and asked to stop."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from codika_nb.sandbox import Sandbox

from .test_sandbox import Platform, served
from .test_sandbox_workflows import configuration

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")


class Attendee:
    """Somebody who works until the server is gone, and remembers what it has confirmed."""

    def __init__(self, url: str, number: int) -> None:
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self.number = number
        self.confirmed: list[Callable[[httpx.Client], object]] = []

    def work(self) -> None:
        with self.http:
            for turn in range(10**6):
                try:
                    self._sign_up_and_run(f"ada+{self.number}.{turn}@example.com")
                except httpx.TransportError:
                    return

    def _sign_up_and_run(self, email: str) -> None:
        self._post("/clirequestsignupotp", None, email=email)
        (mail,) = self.http.get(
            "/inbox", params={"email": email}, headers={"Accept": "application/json"}
        ).json()
        made = self._post("/clicompletesignup", None, email=email, code=mail["code"])["data"]
        key = made["apiKey"]["raw"]
        self.confirmed.append(lambda http: _same(_post(http, "/verifyapikey", key), made["organizationId"]))
        project_id = self._post("/createprojectviaapikey", key, name=email)["data"]["projectId"]
        self.confirmed.append(lambda http: _post(http, "/getprojectpublic", key, projectId=project_id))
        use_case = {"projectId": project_id, "configuration": configuration()}
        instance_id = self._post("/deployprocessusecase", key, **use_case)["data"]["processInstanceId"]
        path = f"/status/{instance_id}/"
        execution_id = self._post(f"/webhook/{instance_id}/greet", key, payload={"by": email})["executionId"]
        self.confirmed.append(lambda http: _get(http, path + execution_id, key))
        seen = _get(self.http, path + execution_id, key)
        if seen["execution"]["status"] == "success":
            self.confirmed.append(lambda http: _is(_get(http, path + execution_id, key), seen))

    def _post(self, path: str, key: str | None, **body: Any) -> dict[str, Any]:
        return _post(self.http, path, key, **body)


def _post(http: httpx.Client, path: str, key: str | None, **body: Any) -> dict[str, Any]:
    return _answer(http.post(path, json=body, headers={"X-Process-Manager-Key": key} if key else {}))


def _get(http: httpx.Client, path: str, key: str) -> dict[str, Any]:
    return _answer(http.get(path, headers={"X-Process-Manager-Key": key}))


def _answer(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def _same(verified: dict[str, Any], organization_id: str) -> None:
    assert verified["data"]["organizationId"] == organization_id


def _is(answer: dict[str, Any], seen: dict[str, Any]) -> None:
    assert answer == seen


def test_a_kill_under_load_loses_nothing_that_was_confirmed(tmp_path: Path) -> None:
    with served(data=str(tmp_path), ip_limit=10**6) as (process, url):
        attendees = [Attendee(url, number) for number in range(6)]
        threads = [threading.Thread(target=attendee.work) for attendee in attendees]
        for thread in threads:
            thread.start()
        while sum(len(attendee.confirmed) for attendee in attendees) < 150:
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
        for thread in threads:
            thread.join(60)
    with Sandbox(data=tmp_path) as sandbox, httpx.Client(base_url=sandbox.url, trust_env=False) as http:
        for attendee in attendees:
            for still_true in attendee.confirmed:
                still_true(http)
    database = sqlite3.connect(tmp_path / "sandbox.sqlite3")
    # The last signups were cut off somewhere: whoever has a part of an account has all of it.
    counts = [
        database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]  # noqa: S608 - the names here
        for table in ("users", "organizations", "members", "keys")
    ]
    assert len(set(counts)) == 1
    assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    database.close()


@pytest.mark.parametrize("table", ["users", "organizations", "members", "keys"])
def test_a_kill_in_the_middle_of_a_signup_leaves_nothing_of_it(tmp_path: Path, table: str) -> None:
    program = f"""
import httpx, os, signal
from codika_nb.sandbox import Sandbox
from codika_nb.sandbox.store import Store
insert = Store.insert
def insert_and_die(self, table, **row):
    insert(self, table, **row)
    if table == {table!r}:
        os.kill(os.getpid(), signal.SIGKILL)
Store.insert = insert_and_die
with Sandbox(data={str(tmp_path)!r}) as sandbox:
    body = {{"email": "ada@example.com"}}
    httpx.post(sandbox.url + "/clirequestsignupotp", json=body, trust_env=False)
    body["code"] = sandbox.code_for("ada@example.com")
    print(body["code"], flush=True)
    httpx.post(sandbox.url + "/clicompletesignup", json=body, trust_env=False)
"""
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with Sandbox(data=tmp_path) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            # The code has not been used up, and nobody is in the way.
            signup = {"email": "ada@example.com", "code": killed.stdout.strip()}
            assert platform.data("/clicompletesignup", signup)["isNewUser"] is True
    database = sqlite3.connect(tmp_path / "sandbox.sqlite3")
    assert database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] == 1  # noqa: S608 - from above
    database.close()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_the_command_stops_by_signal_whatever_is_open(tmp_path: Path, name: str) -> None:
    stand_ins = tmp_path / "stand_ins.py"
    stand_ins.write_text(
        "from codika_nb.sandbox import stand_in\n\n\n"
        '@stand_in("greet")\ndef greet(payload):\n    while True:\n        pass\n'
    )
    command = [sys.executable, "-m", "codika_nb", "sandbox", "--port", "0"]
    command += ["--data", str(tmp_path / "data"), "--stand-ins", str(stand_ins)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        attendee = Attendee(found[0], 0)
        parts = urlsplit(found[0])
        with attendee.http, socket.create_connection((parts.hostname, parts.port or 0)) as half_sent:
            attendee._sign_up_and_run("ada@example.com")  # its connection stays open, its run goes on
            half_sent.sendall(
                b"POST /clirequestsignupotp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
            )
            time.sleep(0.2)
            began = time.monotonic()
            process.send_signal(getattr(signal, name))
            assert process.wait(60) == 0
            # Two seconds are meant; the rest is for a machine that has other work.
            assert time.monotonic() - began < 6
