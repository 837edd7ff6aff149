"""What the sandbox keeps in its folder: through restarts, crashes, and in the hands of another."""

from __future__ import annotations

import os
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from codika_nb import Client, sign_in
from codika_nb.errors import ConfigError
from codika_nb.sandbox import Sandbox, store

from .conftest import ROOT
from .test_sandbox import Platform, StillClock, error_of
from .test_sandbox_workflows import Deployed


def test_everything_survives_a_restart_but_the_mail(tmp_path: Path) -> None:
    clock = StillClock()
    with Sandbox(data=tmp_path, clock=clock) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform)
            execution = deployed.run({"name": "Ada"})
            key = sandbox.instance_key(deployed.instance_id)
            clock.advance(60)
            platform.data("/clirequestloginotp", {"email": deployed.account.email})
            code = sandbox.code_for(deployed.account.email)
            login = {"email": deployed.account.email, "code": "000000" if code != "000000" else "111111"}
            assert error_of(platform.post("/clicompletelogin", login)) == (400, "OTP_INVALID")
    with Sandbox(data=tmp_path, clock=clock) as sandbox:
        assert sandbox.inbox == []
        deployed.platform = platform = Platform(sandbox)
        with platform.http:
            assert deployed.status(execution["executionId"]) == execution
            assert deployed.deploy()["version"] == "1.1"
            path = f"/webhook/{deployed.instance_id}/greet"
            assert platform.post(path, {"payload": {}}, **{"X-API-Key": key}).status_code == 200
            cooldown = platform.post("/clirequestloginotp", {"email": deployed.account.email})
            assert error_of(cooldown) == (429, "OTP_RESEND_COOLDOWN")
            again = platform.post("/clicompletelogin", login)
            assert again.json()["error"]["details"] == {"attemptsRemaining": 3}
            platform.data("/clicompletelogin", {**login, "code": code})


def test_hourly_limits_hold_across_restarts(tmp_path: Path) -> None:
    clock = StillClock()
    for turn in range(4):
        with Sandbox(data=tmp_path, clock=clock, ip_limit=30) as sandbox:
            platform = Platform(sandbox)
            with platform.http:
                for number in range(5):
                    platform.data("/clirequestsignupotp", {"email": "ada@example.com"})
                    clock.advance(30)
                    if turn % 2:
                        platform.data("/clirequestsignupotp", {"email": f"ada+{turn}.{number}@example.com"})
    with Sandbox(data=tmp_path, clock=clock, ip_limit=30) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            refused = platform.post("/clirequestsignupotp", {"email": " ADA@example.com"})
            assert error_of(refused) == (429, "EMAIL_RATE_LIMITED")
            refused = platform.post("/clirequestsignupotp", {"email": "grace@example.com"})
            assert error_of(refused) == (429, "IP_RATE_LIMITED")


def test_data_of_the_first_version_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as first_version:
        first_version.setattr(store, "_MIGRATIONS", store._MIGRATIONS[:1])
        memory = store.Store(tmp_path)
        memory.insert("users", id="u-1", email="ada@example.com", created_at=1.0)
        memory.close()
    with Sandbox(data=tmp_path) as sandbox:
        sandbox.add_organization("ada@example.com", "Acme")
    database = sqlite3.connect(tmp_path / "sandbox.sqlite3")
    assert database.execute("PRAGMA user_version").fetchone() == (len(store._MIGRATIONS),)
    assert database.execute("SELECT id FROM users").fetchall() == [("u-1",)]
    database.close()


def test_runs_that_a_stop_cut_off_have_failed(tmp_path: Path) -> None:
    release = threading.Event()
    with Sandbox(data=tmp_path) as sandbox:
        sandbox.workflow("greet")(lambda _payload: release.wait(10))
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform)
            execution_id = deployed.trigger({}).json()["executionId"]
            assert deployed.status(execution_id)["status"] == "pending"
    release.set()
    with Sandbox(data=tmp_path) as sandbox:
        deployed.platform = Platform(sandbox)
        with deployed.platform.http:
            execution = deployed.status(execution_id)
            assert execution["status"] == "failed"
            assert "stopped while this execution was running" in execution["errorDetails"]["message"]


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    program = f"""
import httpx, os, signal
from codika_nb.sandbox import Sandbox
sandbox = Sandbox(data={str(tmp_path)!r})
sandbox.start()
with httpx.Client(base_url=sandbox.url, trust_env=False) as http:
    http.post("/clirequestsignupotp", json={{"email": "ada@example.com"}}).raise_for_status()
    code = sandbox.code_for("ada@example.com")
    made = http.post("/clicompletesignup", json={{"email": "ada@example.com", "code": code}}).json()
    print(made["data"]["apiKey"]["raw"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode < 0, answer.stderr
    with Sandbox(data=tmp_path) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            assert platform.data("/verifyapikey", key=answer.stdout.strip())["keyName"] == "CLI default key"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_folder_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with Sandbox(data=folder) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            platform.sign_up()
            platform.get("/encryption/public.pem")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {"sandbox.sqlite3", "sandbox.sqlite3-wal", "secret"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_with_its_data_it_comes_back_where_it_was(tmp_path: Path) -> None:
    """Profiles and the links of folders are of its address."""
    with Sandbox(data=tmp_path) as sandbox:
        first = sandbox.url
        profile = sign_in("ada@example.com", ask_code=sandbox.code_for, base_url=first)
    with Sandbox(data=tmp_path) as sandbox, Client(profile=profile.name) as client:
        assert (sandbox.url, sandbox.moved_from) == (first, "")
        assert client.whoami().organization_id == profile.organization_id
    with (
        socket.create_server(("127.0.0.1", int(first.rpartition(":")[2]))),
        Sandbox(data=tmp_path) as sandbox,
    ):
        assert sandbox.url != first
        assert sandbox.moved_from == first
    (tmp_path / "address").write_text("http://127.0.0.1:99999999\n")
    with Sandbox(data=tmp_path) as sandbox:
        assert sandbox.moved_from


def test_two_sandboxes_do_not_share_a_folder(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path) as first:
        with pytest.raises(ConfigError, match="Another sandbox is using"):
            Sandbox(data=tmp_path).start()
        assert httpx.get(first.url, trust_env=False).status_code == 200
    with Sandbox(data=tmp_path):
        pass


def _a_file(folder: Path) -> None:
    folder.rmdir()
    folder.write_text("not a folder")


def _no_database(folder: Path) -> None:
    (folder / "sandbox.sqlite3").write_bytes(b"not a database at all" * 100)


def _a_folder_for_a_file(folder: Path) -> None:
    (folder / "sandbox.sqlite3").mkdir()


def _from_the_future(folder: Path) -> None:
    database = sqlite3.connect(folder / "sandbox.sqlite3")
    database.execute("PRAGMA user_version = 999")
    database.close()


def _a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "sandbox.sqlite3")


def _a_pipe_for_the_secret(folder: Path) -> None:
    os.mkfifo(folder / "secret")


def _cut_off_secret(folder: Path) -> None:
    (folder / "secret").touch()


def _of_another_program(folder: Path) -> None:
    database = sqlite3.connect(folder / "sandbox.sqlite3")
    database.execute("PRAGMA user_version = 4")
    database.close()


def _a_pipe_for_the_key(folder: Path) -> None:
    os.mkfifo(folder / "encryption.pem")


def _no_key(folder: Path) -> None:
    (folder / "encryption.pem").write_text("not a key at all")


def _another_kind_of_key(folder: Path) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "encryption.pem").write_bytes(pem)


def _garbage_inside(folder: Path) -> None:
    with Sandbox(data=folder) as sandbox:
        for number in range(200):
            sandbox.add_organization(f"ada+{number}@example.com", "A" * 100)
    path = folder / "sandbox.sqlite3"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other pipes")
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_a_pipe, "cannot keep its data"),
        (_a_pipe_for_the_secret, "cannot keep its data"),
        (_a_pipe_for_the_key, "cannot keep its data"),
        (_cut_off_secret, "cannot be used"),
        (_of_another_program, "cannot be used"),
        (_no_key, "cannot be used"),
        (_another_kind_of_key, "cannot be used"),
        (_garbage_inside, "cannot be used"),
        (_a_file, "cannot keep its data"),
        (_no_database, "cannot be used"),
        (_a_folder_for_a_file, "cannot keep its data"),
        (_from_the_future, "newer version"),
    ],
)
def test_an_unusable_folder_is_a_config_error(tmp_path: Path, spoil: Any, problem: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    spoil(folder)
    sandbox = Sandbox(data=folder)
    with pytest.raises(ConfigError, match=problem) as caught:
        sandbox.start()
    assert len(str(caught.value).splitlines()) == 2
    assert caught.value.next_action
    assert "stopped" in repr(sandbox)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_full_disk_stops_no_call_that_only_reads(tmp_path: Path) -> None:
    program = f"""
import resource, signal
from pathlib import Path
import httpx
from codika_nb.sandbox import Sandbox
folder = Path({str(tmp_path)!r})
with Sandbox(data=folder) as sandbox, httpx.Client(base_url=sandbox.url, trust_env=False) as http:
    http.post("/clirequestsignupotp", json={{"email": "ada@example.com"}}).raise_for_status()
    code = sandbox.code_for("ada@example.com")
    made = http.post("/clicompletesignup", json={{"email": "ada@example.com", "code": code}}).json()
    key = {{"X-Process-Manager-Key": made["data"]["apiKey"]["raw"]}}
    sandbox.clock.advance(3600)
    before = http.post("/verifyapikey", headers=key).json()["data"]["lastUsedAt"]
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    sandbox.clock.advance(3600)
    print(http.post("/createprojectviaapikey", json={{"name": "no room"}}, headers=key).status_code)
    answers = [http.post("/verifyapikey", headers=key), http.get("/listprojectspublic", headers=key)]
    print(*[answer.status_code for answer in answers], answers[0].json()["data"]["lastUsedAt"] == before)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(http.post("/createprojectviaapikey", json={{"name": "room"}}, headers=key).status_code)
    print(http.post("/verifyapikey", headers=key).json()["data"]["lastUsedAt"] > before)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.stdout.splitlines() == ["500", "200 200 True", "200", "True"], answer.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_run_that_ends_while_the_disk_is_full_ends_when_there_is_room(tmp_path: Path) -> None:
    program = f"""
import resource, signal, threading, time
from pathlib import Path
from codika_nb.sandbox import Sandbox
from tests.test_sandbox import Platform
from tests.test_sandbox_workflows import Deployed
full, gone_on = threading.Event(), threading.Event()
with Sandbox(data=Path({str(tmp_path)!r})) as sandbox:
    platform = Platform(sandbox)
    with platform.http:
        @sandbox.workflow("greet")
        def greet(payload):
            full.wait()
            gone_on.set()
            return payload
        deployed = Deployed(platform)
        run = deployed.trigger({{"name": "Ada"}}).json()["executionId"]
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        full.set()
        gone_on.wait()
        time.sleep(0.5)
        print(deployed.status(run)["status"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until = time.monotonic() + 20
        while (status := deployed.status(run))["status"] == "pending" and time.monotonic() < until:
            time.sleep(0.05)
        print(status["status"], status.get("resultData"))
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert answer.stdout.splitlines() == ["pending", "success {'name': 'Ada'}"], answer.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_no_half_a_key_is_left_where_the_disk_is_full(tmp_path: Path) -> None:
    program = f"""
import resource, signal
from pathlib import Path
import httpx
from codika_nb.sandbox import Sandbox
folder = Path({str(tmp_path)!r})
with Sandbox(data=folder) as sandbox, httpx.Client(base_url=sandbox.url, trust_env=False) as http:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    print(http.get("/encryption/public.pem").status_code)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    key = http.get("/encryption/public.pem").text
with Sandbox(data=folder) as sandbox:
    print(httpx.get(f"{{sandbox.url}}/encryption/public.pem", trust_env=False).text == key)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.stdout.splitlines() == ["500", "True"], answer.stderr


def test_without_a_folder_everything_is_forgotten() -> None:
    sandbox = Sandbox()
    with sandbox:
        platform = Platform(sandbox)
        with platform.http:
            key = platform.sign_up().key
    with sandbox:
        platform = Platform(sandbox)
        with platform.http:
            assert platform.post("/verifyapikey", key=key).status_code == 401
