"""Dashboards in a browser: what a person does there, and that no key ever reaches the page."""

from __future__ import annotations

import base64
import json
import logging
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Response, WebSocket, expect

from codika_nb import Client
from codika_nb.cli.tutorials import NOT_YOURS
from codika_nb.client.http import httpx

from .browser import PATIENCE, _environment, chromium, end, keep, needs_chromium, served
from .conftest import GREETER, ROOT
from .test_callers import dotenv
from .test_client import Platform, platform

__all__ = ["platform"]

DASHBOARDS = ROOT / "notebooks" / "dashboards"
#: Milliseconds that an answer may take on a busy machine.
SOON = 60_000


@pytest.fixture
def dashboards(platform: Platform, tmp_path: Path) -> Path:
    """A copy of the tutorials, whose dashboards have a fresh instance key in `.env`."""
    folder = (
        Path(shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=NOT_YOURS)) / "dashboards"
    )
    key = platform.sandbox.instance_key(platform.instance)
    (folder / ".env").write_text(dotenv(platform, key))
    return folder


def key_in(dashboards: Path) -> str:
    return re.search("^CODIKA_API_KEY=(.*)$", (dashboards / ".env").read_text(), re.MULTILINE)[1]  # type: ignore[index]


# --- what reaches a page ---------------------------------------------------------------------------


@dataclass
class Recorder:
    """Everything that goes over the network between a page and its server."""

    page: Page
    frames: list[bytes] = field(default_factory=list)
    _responses: list[Response] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("response", self._answered)
        self.page.on("websocket", self._listen)

    def _answered(self, response: Response) -> None:
        self._responses.append(response)

    def _listen(self, connection: WebSocket) -> None:
        connection.on("framereceived", self._frame)
        connection.on("framesent", self._frame)

    def _frame(self, payload: str | bytes) -> None:
        self.frames.append(payload.encode() if isinstance(payload, str) else payload)

    def bodies(self) -> dict[str, bytes]:
        """Every answer so far, body and headers, and the request it answers."""
        found = {}
        for number, response in enumerate(self._responses):
            request = response.request
            said = json.dumps([request.all_headers(), response.all_headers()]).encode()
            # A redirect has no body, and the browser no way to ask for it.
            body = b"" if 300 <= response.status < 400 else response.body()
            found[f"{number} {response.url}"] = body + said + (request.post_data_buffer or b"")
        return found

    def places_of(self, *texts: bytes) -> set[str]:
        """Where one of the texts occurs: addresses, answers, frames."""
        return self._where(re.compile(b"|".join(map(re.escape, texts))))

    def places_of_keys(self) -> set[str]:
        """Where anything is that looks like a key, whoever's, or like the masked form of one."""
        return self._where(re.compile(rb"(?<![A-Za-z0-9_])ck[oap]?_[A-Za-z0-9_-]{4}"))

    def _where(self, pattern: re.Pattern[bytes]) -> set[str]:
        places = self.bodies() | {f"frame {n}": frame for n, frame in enumerate(self.frames)}
        return {
            place
            for place, content in places.items()
            if pattern.search(content) or pattern.search(place.encode())
        }


def spellings(key: str) -> list[bytes]:
    """A key, each part of it beyond the characters that may be shown, and other ways to write it."""
    hidden = key[8:]
    found = [hidden[start : start + 12].encode() for start in range(len(hidden) - 11)]
    found += [key.encode().hex().encode(), key[::-1].encode()]
    for shift in range(3):
        # Base64 of a text that has the key in it, wherever it begins; its ends depend on what is around.
        whole = base64.b64encode(b"x" * shift + key.encode())
        found += [
            part.rstrip(b"=") for part in (whole[4:-4], whole[4:-4].replace(b"+", b"-").replace(b"/", b"_"))
        ]
    return found


def keys_of(platform: Platform, dashboards: Path) -> list[bytes]:
    return [*spellings(key_in(dashboards)), *spellings(platform.key)]


# --- a page of one's own, and its server -----------------------------------------------------------


@dataclass
class Proxy:
    """A running `uvicorn proxy:app`, and what it has written."""

    address: str
    log: list[str]

    def post(self, body: Any, *, content: bytes | None = None, **headers: str) -> httpx.Response:
        sent = {"Content-Type": "application/json"} | {n.replace("_", "-"): v for n, v in headers.items()}
        content = json.dumps(body).encode() if content is None else content
        return httpx.post(
            f"{self.address}/api/trigger", content=content, headers=sent, timeout=60, trust_env=False
        )

    def wait_for(self, text: str) -> None:
        """Wait until the server has written this to its log."""
        for _ in range(200):
            if text in "".join(self.log):
                return
            time.sleep(0.05)
        raise AssertionError(f"{text!r} is not in the log: {''.join(self.log)}")


@contextmanager
def proxy_of(dashboards: Path) -> Iterator[Proxy]:
    """What the file's own first lines say to type, on a free port."""
    words = [sys.executable, "-m", "uvicorn", "proxy:app", "--port=0", "--no-use-colors"]
    with subprocess.Popen(words, cwd=dashboards, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        log: list[str] = []
        # The pipe must not fill up.
        reading = threading.Thread(target=lambda: log.extend(process.stderr or []), daemon=True)
        try:
            for line in process.stderr:
                log.append(line)
                if found := re.search(r"running on (http://[\w.:]+)", line):
                    break
            else:
                raise AssertionError("".join(log))
            reading.start()
            yield Proxy(found[1], log)
        finally:
            process.terminate()
            process.wait(PATIENCE)
            if reading.ident:  # to the end, before the pipe is closed
                reading.join(PATIENCE)


@pytest.fixture
def proxy(dashboards: Path) -> Iterator[Proxy]:
    with proxy_of(dashboards) as running:
        yield running


ASKED = {"workflowId": "greet", "payload": {"name": "Ada", "language": "fr"}}


def test_only_the_result_is_handed_on(proxy: Proxy) -> None:
    answer = proxy.post(ASKED)
    assert answer.status_code == 200
    assert answer.json() == {"result": {"greeting": "Bonjour, Ada !", "language": "fr"}}
    assert set(answer.headers) == {"content-length", "content-type", "date", "server"}
    with_charset = proxy.post(ASKED, Content_Type="application/json; charset=utf-8")
    assert with_charset.json() == answer.json()
    assert (
        proxy.post({"workflowId": "greet", "payload": {"name": "Ada"}}).json()["result"]["language"] == "en"
    )


REFUSED: list[tuple[Any, str]] = [
    ({}, "workflowId: Field required"),
    ({"workflowId": "greet"}, "payload: Field required"),
    (ASKED | {"workflowId": "payroll"}, "workflowId: Input should be 'greet'"),
    (ASKED | {"workflowId": "../status/x"}, "workflowId: Input should be 'greet'"),
    (ASKED | {"workflowId": ["greet"]}, "workflowId: Input should be 'greet'"),
    (ASKED | {"instance": "another"}, "instance: Extra inputs are not permitted"),
    (ASKED | {"payload": []}, "payload: Input should be an object"),
    (ASKED | {"payload": "Ada"}, "payload: Input should be an object"),
    (ASKED | {"payload": {}}, "payload.name: Field required"),
    (ASKED | {"payload": {"name": ""}}, "payload.name: String should have at least 1 character"),
    (ASKED | {"payload": {"name": "  "}}, "payload.name: String should have at least 1 character"),
    (ASKED | {"payload": {"name": "x" * 101}}, "payload.name: String should have at most 100 characters"),
    (ASKED | {"payload": {"name": 7}}, "payload.name: Input should be a valid string"),
    (ASKED | {"payload": {"name": "Ada", "language": "tlh"}}, "payload.language: Input should be 'en'"),
    (ASKED | {"payload": {"name": "Ada", "admin": True}}, "payload.admin: Extra inputs"),
    ([ASKED], "Input should be an object"),
    (None, "Input should be an object"),
]


def test_what_the_page_may_not_ask_for_never_reaches_codika(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="codika_nb.sandbox")
    for body, problem in REFUSED:
        answer = proxy.post(body)
        assert answer.status_code == 422
        assert set(answer.json()) == {"error"}
        assert problem in answer.json()["error"]
    assert not caplog.records, "the sandbox was asked"
    assert proxy.post(ASKED).status_code == 200
    assert any("/webhook/" in record.getMessage() for record in caplog.records), "or this test shows nothing"


def test_bodies_that_are_not_even_read(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="codika_nb.sandbox")
    good = json.dumps(ASKED).encode()
    # What a form or a script of another site can send without being asked for leave by the browser.
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert proxy.post(None, content=good, Content_Type=kind).status_code == 415
    asked = httpx.options(
        f"{proxy.address}/api/trigger",
        headers={"Origin": "https://example.com", "Access-Control-Request-Method": "POST"},
        trust_env=False,
    )
    assert not [name for name in asked.headers if name.startswith("access-control")]

    large = json.dumps(ASKED | {"payload": {"name": "x" * 10_000}}).encode()
    assert proxy.post(None, content=large).status_code == 413
    for content in (b"", b"{", b"\xff", b"name=Ada", b"[" * 9_000):
        assert proxy.post(None, content=content).status_code == 422
    assert not caplog.records


def test_it_answers_under_its_own_names_and_in_no_frame(proxy: Proxy) -> None:
    sent = {"Content-Type": "application/json", "Host": "evil.example"}
    rebound = httpx.post(f"{proxy.address}/api/trigger", json=ASKED, headers=sent, trust_env=False)
    assert rebound.status_code == 400
    assert httpx.get(proxy.address, headers={"Host": "evil.example"}, trust_env=False).status_code == 400
    page = httpx.get(proxy.address, headers={"Host": "localhost:1"}, trust_env=False)
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_a_body_without_end_is_given_up(proxy: Proxy) -> None:
    host, port = proxy.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /api/trigger HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
            + b"2000\r\n"
            + b" " * 0x2000
            + b"\r\n"
            + b"2000\r\n"
            + b" " * 0x2000
        )
        assert b" 413 " in connection.recv(100)


def test_nothing_but_the_page_and_the_route_is_served(proxy: Proxy, dashboards: Path) -> None:
    assert (dashboards / ".env").is_file()
    for path in ("/.env", "/proxy.py", "/index.html/../.env", "/%2e%2e/.env", "/..%2f.env", "/greeter.ipynb"):
        answer = httpx.get(f"{proxy.address}{path}", trust_env=False)
        assert answer.status_code == 404
    page = httpx.get(proxy.address, trust_env=False)
    assert page.headers["content-type"].startswith("text/html")
    assert httpx.get(f"{proxy.address}/api/trigger", trust_env=False).status_code == 405
    assert not re.findall(r"https?://|//\w+\.\w+", page.text), "nothing comes from elsewhere"


def test_failures_keep_their_reasons_to_the_server(
    platform: Platform, proxy: Proxy, dashboards: Path
) -> None:
    def fails(reason: str) -> None:
        answer = proxy.post(ASKED)
        assert answer.status_code == 502
        assert answer.json() == {"error": "That did not work. Please try again later."}
        proxy.wait_for(reason)

    @platform.sandbox.workflow("greet")
    def broken(payload: dict[str, Any]) -> None:
        raise RuntimeError("the inner password is swordfish")

    try:
        fails("swordfish")
    finally:
        platform.sandbox.load_stand_ins(GREETER / "stand_ins.py")
    with Client(**platform.account) as owner:
        owner.deactivate_instance(platform.instance)
        fails("not active")
        owner.activate_instance(platform.instance)

    assert proxy.post(ASKED).status_code == 200
    key = key_in(dashboards)
    platform.sandbox.instance_key(platform.instance)
    fails("may have been regenerated")
    fails(f"Set CODIKA_API_KEY in {dashboards / '.env'} to the new one")
    assert key[8:] not in "".join(proxy.log)


def test_a_codika_that_is_gone_is_a_plain_failure(platform: Platform, dashboards: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    file = dashboards / ".env"
    file.write_text(file.read_text().replace(platform.url, nobody))
    with proxy_of(dashboards) as proxy:
        answer = proxy.post(ASKED)
        assert answer.status_code == 502
        assert nobody not in answer.text
        proxy.wait_for("nobody answers there")


def test_without_its_file_it_does_not_start(dashboards: Path) -> None:
    (dashboards / ".env").unlink()
    with (
        pytest.raises(AssertionError, match=re.escape(f"{dashboards / '.env'} cannot be read")),
        proxy_of(dashboards),
    ):
        pass


def test_the_example_file_has_the_four_variables_of_the_documentation(dashboards: Path) -> None:
    assert (DASHBOARDS / ".gitignore").read_text().splitlines()[-1] == ".env"
    with Client(env_file=DASHBOARDS / ".env.example") as client:
        assert client.instance == "your_process_instance_id_here"
        assert client.credential.source == f"{DASHBOARDS / '.env.example'} (CODIKA_API_KEY)"
        assert client.public
        assert client.public_bases == {
            "webhook": "https://api.codika.io/webhook",
            "status": "https://api.codika.io/status",
        }
        assert client.base_url == "https://api.codika.io"


def seen(page: Page, name: str) -> None:
    """Nothing breaks a rule of accessibility, wide and light or narrow and dark; kept in pictures."""
    looks: tuple[tuple[Literal["dark", "light"], int], ...] = (("dark", 420), ("light", 900))
    for look, width in looks:
        page.emulate_media(color_scheme=look)
        page.set_viewport_size({"width": width, "height": 720})
        assert Axe().run(page).violations_count == 0
        keep(page, f"{name}-{look}")


@needs_chromium
def test_a_person_uses_the_page_and_no_key_gets_there(
    platform: Platform, proxy: Proxy, dashboards: Path
) -> None:
    with chromium(width=900, height=720) as page:
        page.emulate_media(color_scheme="light")
        recorder = Recorder(page)
        page.goto(proxy.address)
        name, button = page.get_by_label("Name"), page.get_by_role("button", name="Greet")
        button.click()
        expect(name).to_be_focused()  # the browser asks for what is required
        name.fill("Ada")
        page.get_by_label("Language").select_option("French")
        button.click()
        expect(page.get_by_role("status")).to_have_text("Bonjour, Ada !", timeout=SOON)
        expect(button).to_be_enabled(timeout=SOON)
        expect(button).to_be_focused()
        seen(page, "9-proxy")

        # What comes back is text, whatever it holds.
        name.fill("<img src=x onerror=document.body.remove()>")
        name.press("Enter")
        expect(page.get_by_role("status")).to_have_text(
            "Bonjour, <img src=x onerror=document.body.remove()> !", timeout=SOON
        )

        platform.sandbox.instance_key(platform.instance)
        button.click()
        expect(page.get_by_role("alert")).to_have_text(
            "That did not work. Please try again later.", timeout=SOON
        )
        expect(page.get_by_role("status")).to_have_text("")
        expect(name).to_have_value("<img src=x onerror=document.body.remove()>")
        seen(page, "9-proxy-failed")

        answers = recorder.bodies()
        assert [place for place in answers if place.endswith("/api/trigger")], "or this test shows nothing"
        assert recorder.places_of(b"Bonjour, Ada !")
        assert recorder.places_of(*keys_of(platform, dashboards)) == set()
        assert recorder.places_of_keys() == set()
        assert recorder.places_of(platform.instance.encode(), b"X-API-Key", b"x-api-key") == set()
        assert {place.split(" ")[1].rsplit("/", 1)[0] for place in answers} <= {
            proxy.address,
            f"{proxy.address}/api",
        }


# --- a notebook as a page --------------------------------------------------------------------------

LEAKING = """
import base64, os, ipywidgets
key = os.environ["CODIKA_API_KEY"]
button, box = ipywidgets.Button(description="Leak"), ipywidgets.HTML()
button.on_click(lambda _: setattr(box, "value", f"<b>leaked {key[20:40]}</b>"))
display(button, box)
print(base64.b64encode(b"see: " + key.encode()).decode())
"""


@needs_chromium
def test_the_recorder_finds_a_key_that_does_get_to_a_page(tmp_path: Path) -> None:
    key = "ck_" + "".join(map(chr, range(65, 91))) + "0123456789"
    with served(tmp_path, "voila", [LEAKING], CODIKA_API_KEY=key) as address, chromium() as page:
        recorder = Recorder(page)
        page.goto(address)
        button = page.get_by_role("button", name="Leak")
        button.wait_for(timeout=SOON)
        found = recorder.places_of(*spellings(key))
        assert found, "base64 in the page's own text"
        assert not any(place.startswith("frame") for place in found)
        button.click()
        page.get_by_text("leaked").wait_for()
        assert any(place.startswith("frame") for place in recorder.places_of(*spellings(key)))


@contextmanager
def voila_of(dashboards: Path, scratch: Path, *, theme: str = "light") -> Iterator[str]:
    """What the notebook's own first line says to type, on a free port; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "voila", "greeter.ipynb", "--no-browser", f"--theme={theme}"]
    words += ["--Voila.ip=127.0.0.1", f"--port={port}"]
    settings = _environment(scratch, "JupyterLab Light")
    log = scratch / "voila.log"
    with (
        log.open("w") as out,
        subprocess.Popen(words, cwd=dashboards, env=settings, stdout=out, stderr=out) as process,
    ):
        try:
            while "is running at" not in log.read_text():
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/"
        finally:
            end(process)


@needs_chromium
def test_a_person_uses_a_notebook_as_a_page_and_no_key_gets_there(
    platform: Platform, dashboards: Path, tmp_path: Path
) -> None:
    with voila_of(dashboards, tmp_path) as address, chromium(width=900, height=720) as page:
        recorder = Recorder(page)
        page.goto(address)
        name, button = page.get_by_label("Name"), page.get_by_role("button", name="Run")
        name.wait_for(timeout=SOON)
        name.fill("Zoë")
        page.get_by_label("Language").select_option("French")
        button.click()
        expect(page.locator(".codika-playground:visible").first).to_contain_text(
            "Bonjour, Zoë !", timeout=SOON
        )
        keep(page, "9-voila-light")

        platform.sandbox.instance_key(platform.instance)
        name.fill("Grace")
        button.click()
        expect(page.get_by_role("alert")).to_be_visible(timeout=SOON)
        expect(page.locator(".codika-playground:visible").first).to_contain_text(
            "may have been regenerated", timeout=SOON
        )

        assert recorder.frames
        heard = recorder.places_of("Bonjour, Zoë !".encode(), b"Bonjour, Zo\\u00eb !")
        assert [place for place in heard if place.startswith("frame")], "or this test shows nothing"
        assert recorder.places_of(*keys_of(platform, dashboards)) == set()
        assert recorder.places_of_keys() == set()
        hosts = {urlsplit(place.split(" ")[1]).netloc for place in recorder.bodies() if "://" in place}
        assert hosts == {urlsplit(address).netloc}, "nothing comes from elsewhere"


ASK_THE_KERNEL = """async (kernel) => {
  const socket = new WebSocket(`ws://${location.host}/api/kernels/${kernel}/channels`);
  const heard = [];
  socket.onmessage = (event) => heard.push(String(event.data));
  await new Promise((opened) => { socket.onopen = opened; });
  const send = (msg_type, content) => socket.send(JSON.stringify({
    channel: "shell", content, metadata: {}, parent_header: {},
    header: { msg_id: msg_type, msg_type, session: "x", username: "x", version: "5.3", date: "2030-01-01" },
  }));
  const code = "import os; print('executed', client.auth._key, open('.env').read())";
  send("execute_request", { code, silent: false, store_history: false, user_expressions: {} });
  send("kernel_info_request", {});
  for (let n = 0; n < 600 && !heard.some((message) => message.includes("kernel_info_reply")); n++)
    await new Promise((later) => setTimeout(later, 100));
  socket.close();
  return heard;
}"""


@needs_chromium
def test_a_visitor_can_neither_run_code_nor_fetch_files(
    platform: Platform, dashboards: Path, tmp_path: Path
) -> None:
    with (
        voila_of(dashboards, tmp_path, theme="dark") as address,
        chromium(width=420, height=720) as page,
    ):
        recorder = Recorder(page)
        sockets: list[str] = []
        page.on("websocket", lambda connection: sockets.append(connection.url))
        page.goto(address)
        page.get_by_label("Name").fill("Zoë", timeout=SOON)
        page.get_by_role("button", name="Run").click()
        shown = page.locator(".codika-playground:visible").first
        expect(shown).to_contain_text("Hello, Zoë!", timeout=SOON)
        keep(page, "9-voila-dark")
        kernel = urlsplit(sockets[0]).path.split("/")[3]
        heard = page.evaluate(ASK_THE_KERNEL, kernel)
        assert any("kernel_info_reply" in message for message in heard), "or this test shows nothing"
        assert not any("execute" in message for message in heard)
        for path in (
            ".env",
            "voila/files/.env",
            "files/.env",
            "voila/files/greeter.ipynb",
            "api/contents/.env",
        ):
            assert page.request.get(f"{address}{path}").status in (403, 404)
        assert recorder.places_of(*keys_of(platform, dashboards)) == set()
