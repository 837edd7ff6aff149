"""The sandbox as a server: starting and stopping, envelopes, pages, what it refuses and what it logs."""

from __future__ import annotations

import json
import logging
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from codika_nb.errors import ConfigError
from codika_nb.sandbox import Clock, Mail, Sandbox, stand_in

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_numbers = count(1)


class StillClock(Clock):
    """A time that passes only when a test says so."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Account:
    """Somebody who has signed up."""

    email: str
    organization_id: str
    key: str
    key_id: str


class Platform:
    """A sandbox over real HTTP, as a client without any comfort sees it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        # The library may close a connection that it has just given to another thread, if it keeps fewer.
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
        self.http = httpx.Client(base_url=sandbox.url, timeout=30, trust_env=False, limits=limits)

    def post(self, path: str, body: Any = None, key: str | None = None, **headers: str) -> httpx.Response:
        if key is not None:
            headers["X-Process-Manager-Key"] = key
        content = b"" if body is None else json.dumps(body).encode()
        return self.http.post(path, content=content, headers=headers)

    def get(self, path: str, key: str | None = None, **headers: str) -> httpx.Response:
        if key is not None:
            headers["X-Process-Manager-Key"] = key
        return self.http.get(path, headers=headers)

    def data(self, path: str, body: Any = None, key: str | None = None) -> dict[str, Any]:
        """The data of a call that must succeed."""
        answer = self.post(path, body, key)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def sign_up(self, company: str = "Acme, Inc.") -> Account:
        email = new_email()
        self.data("/clirequestsignupotp", {"email": email})
        code = self.sandbox.code_for(email)
        data = self.data("/clicompletesignup", {"email": email, "code": code, "company": {"name": company}})
        return Account(email, data["organizationId"], data["apiKey"]["raw"], data["apiKey"]["keyId"])


def new_email() -> str:
    return f"ada+{next(_numbers)}@example.com"


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, in whichever of the envelopes."""
    body = answer.json()
    assert body["success"] is False
    error = body["error"]
    return answer.status_code, body["code"] if isinstance(error, str) else error["code"]


@contextmanager
def served(**options: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sandbox in a process of its own, and its address."""
    program = f"""
import sys
from codika_nb.sandbox import Sandbox
with Sandbox(**{options!r}) as sandbox:
    print(sandbox.url, flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.stdin.close()


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Sandbox(clock=StillClock(), ip_limit=10**6) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            yield platform


# --- starting and stopping ----------------------------------------------------------------


def test_starts_and_stops_any_number_of_times() -> None:
    sandbox = Sandbox()
    assert "stopped" in repr(sandbox)
    for _ in range(2):
        sandbox.start()
        url = sandbox.url
        sandbox.start()
        assert sandbox.url == url
        assert url in repr(sandbox)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        assert httpx.get(url, trust_env=False).status_code == 200
        sandbox.stop()
        sandbox.stop()
    with pytest.raises(ConfigError, match="not running"):
        _ = sandbox.url


def test_runs_in_one_daemon_thread_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    before = set(threading.enumerate())
    with Sandbox() as sandbox, httpx.Client(trust_env=False) as http:
        http.get(f"{sandbox.url}/nowhere")
        (thread,) = set(threading.enumerate()) - before
        assert thread.daemon
        with socket.create_connection(
            ("127.0.0.1", httpx.URL(sandbox.url).port or 0)
        ) as connection:  # not HTTP at all
            connection.sendall(b"\x00\x01\x02\r\n\r\n")
            connection.recv(1000)
    assert set(threading.enumerate()) == before
    assert capfd.readouterr() == ("", "")


def test_a_taken_port_is_one_line() -> None:
    with Sandbox() as sandbox:
        port = httpx.URL(sandbox.url).port
        assert port is not None
        with pytest.raises(
            ConfigError, match=f"cannot listen on 127.0.0.1:{port}: the port is taken"
        ) as caught:
            Sandbox(port=port).start()
        assert "\n" not in caught.value.message
        assert caught.value.next_action


@pytest.mark.parametrize(("host", "port"), [("no.such.host.example", 0), ("127.0.0.1", 70000)])
def test_an_impossible_address_is_a_config_error(host: str, port: int) -> None:
    with pytest.raises(ConfigError, match="cannot listen"):
        Sandbox(host=host, port=port).start()


def test_importing_it_loads_no_server_and_missing_packages_are_named() -> None:
    program = """
import sys
import codika_nb.sandbox
assert not {"starlette", "uvicorn"} & set(sys.modules), "loaded too early"
sys.modules["uvicorn"] = None
try:
    codika_nb.sandbox.Sandbox().start()
except codika_nb.errors.ConfigError as error:
    print(error)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "uvicorn" in answer.stdout
    assert "pip install 'codika-nb[sandbox]'" in answer.stdout


def test_serve_forever_ends_when_the_sandbox_is_stopped() -> None:
    sandbox = Sandbox()
    thread = threading.Thread(target=sandbox.serve_forever)
    thread.start()
    while "running" not in repr(sandbox):
        pass
    sandbox.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_the_default_clock_runs_and_can_be_advanced() -> None:
    clock = Sandbox().clock
    before = datetime.now(UTC)
    clock.advance(600)
    assert timedelta(seconds=600) <= clock.now() - before < timedelta(seconds=660)


# --- envelopes ----------------------------------------------------------------------------


def test_standard_answers_have_data_or_an_error_and_a_request_id(platform: Platform) -> None:
    key = platform.sign_up().key
    good = platform.post("/createprojectviaapikey", {"name": "One"}, key).json()
    assert set(good) == {"success", "data", "requestId"}
    assert UUID.fullmatch(good["requestId"])
    bad = platform.post("/createprojectviaapikey", {}, key)
    assert bad.status_code == 400
    assert set(bad.json()) == {"success", "error", "requestId"}
    assert bad.json()["error"] == {
        "code": "INVALID_REQUEST",
        "message": '"name" is required.',
        "details": {"field": "name", "reason": "is required"},
    }


def test_code_answers_have_no_request_id(platform: Platform) -> None:
    good = platform.post("/clirequestsignupotp", {"email": new_email()}).json()
    assert set(good) == {"success", "data"}
    bad = platform.post("/clirequestsignupotp", {"email": "nobody"}).json()
    assert set(bad) == {"success", "error"}
    assert set(bad["error"]) == {"code", "message", "nextAction"}


def test_flat_answers_have_a_text_and_a_code(platform: Platform) -> None:
    bad = platform.post("/webhook/nothing/here", {"payload": {}}, platform.sign_up().key)
    assert bad.status_code == 404
    assert set(bad.json()) == {"success", "error", "code"}
    assert isinstance(bad.json()["error"], str)


def test_ingestion_failures_have_a_text_and_a_request_id(platform: Platform) -> None:
    bad = platform.post("/deploydataingestion", {"processId": "nothing"}, platform.sign_up().key)
    assert bad.status_code == 404
    assert set(bad.json()) == {"success", "error", "requestId"}
    assert isinstance(bad.json()["error"], str)


@pytest.mark.parametrize("path", ["/nowhere", "/", "/webhook/only-one", "/verifyapikey/more", "/%00/%ff"])
def test_unknown_paths_answer_in_json(platform: Platform, path: str) -> None:
    answer = platform.http.request("DELETE", path)
    assert error_of(answer) in {(404, "NOT_FOUND"), (405, "METHOD_NOT_ALLOWED")}
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/verifyapikey", "POST"),
        ("POST", "/listprojectspublic", "GET"),
        ("PUT", "/webhook/a/b", "POST"),
        ("POST", "/inbox", "GET"),
        ("OPTIONS", "/clirequestsignupotp", "POST"),
    ],
)
def test_wrong_methods_name_the_right_one(platform: Platform, method: str, path: str, allowed: str) -> None:
    answer = platform.http.request(method, path)
    assert error_of(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/VerifyApiKey", "//verifyapikey", "/verifyApiKey"])
def test_paths_are_matched_with_some_tolerance(platform: Platform, path: str) -> None:
    url = httpx.URL(platform.sandbox.url).copy_with(raw_path=path.encode())
    key = platform.sign_up().key
    assert httpx.post(url, headers={"X-Process-Manager-Key": key}, trust_env=False).json()["success"] is True


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b'"text"',
        b"null",
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b'{"name": ["One"]}',
        b'{"name": {"a": 1}}',
        b'{"name": true}',
        b'{"name": "\\ud800"}',
        b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_malformed_bodies_are_400(platform: Platform, content: bytes) -> None:
    key = platform.sign_up().key
    for path in ("/createprojectviaapikey", "/clirequestsignupotp", "/deployprocessusecase"):
        answer = platform.http.post(path, content=content, headers={"X-Process-Manager-Key": key})
        assert answer.status_code == 400, answer.text
        assert answer.json()["success"] is False


def test_a_body_over_the_limit_is_refused_with_the_limit(platform: Platform) -> None:
    megabyte = b" " * 1024**2
    content = (megabyte for _ in range(65))
    headers = {"X-Process-Manager-Key": platform.sign_up().key}
    answer = platform.http.post("/verifyapikey", content=content, headers=headers)
    assert answer.status_code == 400
    assert "64 MiB" in answer.json()["error"]["message"]


def test_an_unexpected_fault_is_a_json_500_and_only_the_log_knows_more(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> datetime:
        raise ZeroDivisionError("the clock fell off the wall")

    key = platform.sign_up().key
    monkeypatch.setattr(platform.sandbox.clock, "now", broken)
    with caplog.at_level(logging.ERROR, "codika_nb.sandbox"):
        codes = platform.post("/clirequestsignupotp", {"email": new_email()})
        others = platform.post("/createprojectviaapikey", {"name": "One"}, key)
    assert error_of(codes) == (500, "INTERNAL")
    assert error_of(others) == (500, "INTERNAL_ERROR")
    assert "wall" not in codes.text + others.text
    assert caplog.text.count("ZeroDivisionError: the clock fell off the wall") == 2


# --- who may talk to it -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:1234", 200),
        ("[::1]:80", 200),
        ("sandbox.localhost", 200),
        ("evil.example", 421),
        ("evil.example:80", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.1.2.3", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_only_names_of_this_machine_are_answered(platform: Platform, host: str, status: int) -> None:
    for path in ("/", "/inbox"):
        assert platform.http.get(path, headers={"Host": host}).status_code == status


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", ""])  # noqa: S104
def test_changes_are_not_taken_from_pages_of_other_origins(host: str) -> None:
    with Sandbox(host=host) as sandbox:
        platform = Platform(sandbox)
        own = urlsplit(sandbox.url)
        others = [
            "http://evil.example",
            "http://localhost:8888",
            f"http://127.0.0.1:{(own.port or 0) + 1}",
            "http://127.0.0.1",
            f"https://{own.netloc}",
            f"http://localhost:{own.port}",
            f"http://{own.netloc}/",
            own.netloc,
            "null",
            "file://",
            "",
        ]
        with platform.http:
            for origin in others:
                # What a page may send to another site without asking it: a form, a beacon, a simple fetch.
                for kind in ("text/plain", "application/x-www-form-urlencoded"):
                    answer = platform.post(
                        "/clirequestsignupotp",
                        {"email": new_email()},
                        Origin=origin,
                        **{"Content-Type": f"{kind};charset=UTF-8"},
                    )
                    assert error_of(answer) == (403, "FORBIDDEN"), origin
            assert sandbox.inbox == []
            for headers in ({}, {"Origin": sandbox.url}):
                email = {"email": new_email()}
                assert platform.post("/clirequestsignupotp", email, **headers).status_code == 200
            local = {"Host": f"localhost:{own.port}", "Origin": f"http://localhost:{own.port}"}
            assert platform.post("/clirequestsignupotp", {"email": new_email()}, **local).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8888", 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("file://", 403),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", ""])
def test_pages_of_other_sites_get_no_answer(host: str, origin: str, status: int) -> None:
    with Sandbox(host=host) as sandbox, httpx.Client(trust_env=False) as http:
        assert http.get(sandbox.url, headers={"Origin": origin}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://hub.example", 200),
        ("https://Hub.example:443", 200),
        ("http://hub.example", 200),
        ("https://evil.example", 403),
        ("https://hub.example:8443", 403),
        ("null", 403),
        ("", 403),
        ("http://", 403),
        ("file://", 403),
    ],
)
@pytest.mark.parametrize(
    "through",
    [
        {"Host": "hub.example"},
        {"Host": "hub.example:443"},
        {"Host": "127.0.0.1", "X-Forwarded-Host": "hub.example"},
        {"Host": "127.0.0.1", "X-Forwarded-Host": "evil.example, hub.example"},
    ],
)
def test_behind_a_trusted_proxy_the_host_it_says_is_the_own_one(
    through: dict[str, str], origin: str, status: int
) -> None:
    if origin == "http://hub.example" and ":" in through["Host"]:
        status = 403  # that is its port for HTTPS
    with Sandbox(trusted_proxy="127.0.0.1") as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            headers = {"Origin": origin, "X-Forwarded-For": "198.51.100.9", **through}
            answer = platform.post("/clirequestsignupotp", {"email": new_email()}, **headers)
            assert answer.status_code == status
            assert platform.http.get("/", headers=headers).status_code == status


def test_what_a_page_says_that_has_not_come_through_the_proxy_does_not_count() -> None:
    with Sandbox(trusted_proxy="127.0.0.1") as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            forged = {"X-Forwarded-Host": "evil.example", "Origin": "https://evil.example"}
            assert platform.http.get("/", headers=forged).status_code == 403
            nameless = {"Host": "", "X-Forwarded-For": "198.51.100.9"}
            assert platform.http.get("/", headers=nameless).status_code == 421


def test_beyond_loopback_the_inbox_takes_a_token() -> None:
    with Sandbox(host="0.0.0.0") as sandbox, httpx.Client(trust_env=False) as http:  # noqa: S104
        assert http.get(f"{sandbox.url}/inbox").status_code == 403
        assert http.get(f"{sandbox.url}/inbox?token=wrong").status_code == 403
        assert "?token=" in sandbox.inbox_url
        assert http.get(sandbox.inbox_url).status_code == 200
        token = sandbox.inbox_url.partition("=")[2]
        assert token not in http.get(sandbox.url).text
        assert http.get(sandbox.url, headers={"Host": "192.0.2.7"}).status_code == 200
        assert http.get(sandbox.url, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    ("proxy", "status"), [("127.0.0.1", 200), ("::ffff:127.0.0.1", 200), ("192.0.2.1", 421)]
)
def test_a_trusted_proxy_answers_for_the_host_name(proxy: str, status: int) -> None:
    with Sandbox(trusted_proxy=proxy) as sandbox:
        through = {"Host": "hub.example", "X-Forwarded-For": "198.51.100.9"}
        assert httpx.get(sandbox.url, headers=through, trust_env=False).status_code == status


def test_a_page_under_a_name_of_its_own_cannot_pass_for_the_proxy() -> None:
    with Sandbox(trusted_proxy="127.0.0.1") as sandbox:
        platform = Platform(sandbox)
        port = urlsplit(sandbox.url).port
        # A page that has had its name point here names this port, too. A proxy has another one of its own,
        # or names the sandbox's address with the port.
        hosts = {
            f"evil.example:{port}": 421,
            f"evil.example:0{port}": 421,
            f"[::ffff:1.2.3.4]:{port}": 421,
            "evil.example:port": 421,
            "hub.example": 200,
            f"hub.example:{(port or 0) + 1}": 200,
            f"127.0.0.1:{port}": 200,
            f"localhost:{port}": 200,
        }
        with platform.http:
            for number, (host, status) in enumerate(hosts.items()):
                forged = {"Host": host, "X-Forwarded-For": f"198.51.100.{number}", "Origin": f"http://{host}"}
                asked = platform.post("/clirequestsignupotp", {"email": new_email()}, **forged)
                assert (host, asked.status_code) == (host, status)
                assert platform.http.get("/", headers=forged).status_code == status


def test_behind_a_proxy_nobody_sees_the_codes_of_others() -> None:
    with Sandbox(trusted_proxy=" 127.0.0.1 ") as sandbox, httpx.Client(trust_env=False) as http:
        through = {"Host": "public.example", "X-Forwarded-For": "198.51.100.9", "Accept": "application/json"}
        assert http.get(f"{sandbox.url}/inbox", headers=through).status_code == 403
        assert http.get(sandbox.inbox_url, headers=through).status_code == 200
        assert http.get(f"{sandbox.url}/inbox").status_code == 403
        # A page in a browser on the proxy's machine has not come through it.
        assert http.get(sandbox.inbox_url, headers={"Host": "evil.example"}).status_code == 421
        evil = {"Origin": "https://evil.example"}
        for headers in (evil, evil | through):
            posted = http.post(
                f"{sandbox.url}/clirequestsignupotp", json={"email": new_email()}, headers=headers
            )
            assert posted.status_code == 403
    with pytest.raises(ConfigError, match="by its address"):
        Sandbox(trusted_proxy="nginx")


# --- pages --------------------------------------------------------------------------------


def test_the_start_page_introduces_the_sandbox(platform: Platform) -> None:
    page = platform.get("/", Accept="text/html")
    assert page.headers["content-type"].startswith("text/html")
    assert f"%codika_signup --base-url {platform.sandbox.url}" in page.text
    known = platform.get("/", Accept="application/json").json()
    assert (known["name"], known["url"]) == ("codika sandbox", platform.sandbox.url)
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", known["version"])


def test_the_inbox_is_a_list_for_programs(platform: Platform) -> None:
    first, second = new_email(), new_email()
    for email in (first, second):
        platform.data("/clirequestsignupotp", {"email": email})
    mails = platform.get("/inbox", Accept="application/json").json()
    assert [mail["to"] for mail in mails[:2]] == [second, first]
    assert set(mails[0]) == {"to", "subject", "sentAt", "code", "text"}
    filtered = platform.http.get(
        "/inbox", params={"email": f" {first.upper()} "}, headers={"Accept": "application/json"}
    ).json()
    assert [mail["to"] for mail in filtered] == [first]
    newest = platform.sandbox.inbox[0]
    assert isinstance(newest, Mail)
    assert newest.sent_at == platform.sandbox.clock.now()
    assert newest.code in newest.text
    assert newest.code not in repr(newest)


def test_the_inbox_page_escapes_and_allows_no_foreign_code(platform: Platform) -> None:
    email = "ada'&amp@example.com"
    platform.data("/clirequestsignupotp", {"email": email})
    page = platform.get("/inbox", Accept="text/html,application/json;q=0.9")
    assert email not in page.text
    assert "ada&#x27;&amp;amp@example.com" in page.text
    assert platform.sandbox.code_for(email) in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    (nonce,) = set(re.findall(r'nonce="([^"]+)"', page.text))
    assert f"script-src 'nonce-{nonce}'" in policy
    assert nonce not in platform.get("/inbox").text
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-store"


def test_code_for_says_where_there_is_mail_instead(platform: Platform) -> None:
    with pytest.raises(LookupError, match=r"grace@example\.com.*ada") as nobody:
        platform.sandbox.code_for(" grace@example.com")
    assert hasattr(nobody.value, "_render_traceback_")  # in a notebook it shows no lines of ours
    with Sandbox() as empty, pytest.raises(LookupError, match="inbox is empty"):
        empty.code_for("ada@example.com")


def test_a_sandbox_is_started_where_it_is_made(tmp_path: Path) -> None:
    file = tmp_path / "stand_ins.py"
    file.write_text("from codika_nb.sandbox import stand_in\n\n@stand_in('greet')\ndef greet(payload): ...\n")
    sandbox = Sandbox(stand_ins=file).start()
    assert sandbox.url
    assert sandbox.start() is sandbox
    sandbox.stop()
    with pytest.raises(ConfigError, match="no stand-in file"):
        Sandbox(stand_ins=tmp_path / "nowhere.py")


def test_a_stand_in_names_its_workflow() -> None:
    for decorate in (Sandbox().workflow, stand_in):
        with pytest.raises(ConfigError, match=r'Write the name in parentheses, as in \("print"\)'):
            decorate(print)  # type: ignore[arg-type]


# --- the log ------------------------------------------------------------------------------


def test_the_log_has_a_line_a_request_and_no_secrets(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        account = platform.sign_up()
        platform.post(f"/webhook/a/b?api_key={account.key}", {"payload": {}})
        platform.get(f"/status/a/{account.key}", account.key)
        platform.sandbox._do(lambda _: None)  # the last line is written right after the last answer
    lines = [record.getMessage() for record in caplog.records if record.name == "codika_nb.sandbox"]
    assert len(lines) == 4
    assert re.fullmatch(r"POST /webhook/a/b 401 \d+\.\d ms", lines[2])
    text = "\n".join(lines)
    assert account.key not in text
    assert account.key[8:] not in text
    assert all(mail.code not in text for mail in platform.sandbox.inbox[:1])
