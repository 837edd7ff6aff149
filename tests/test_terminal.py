"""IPython in a terminal: the same steps as prompts, answered at a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codika_nb import ProfileStore, Sandbox, sign_in
from tests.conftest import EMAIL

pty = pytest.importorskip("pty", reason="pseudo-terminals are Unix's")


class Terminal:
    """IPython behind a pseudo-terminal."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(environment)
            os.execv(
                sys.executable,
                [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
            )

    def expect(self, pattern: str, timeout: float = 30.0) -> str:
        """Read until `pattern` has been printed since the last time; what was printed."""
        until = time.monotonic() + timeout
        while not (found := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self.fd], [], [], 0.2)
            if ready:
                self.seen += os.read(self.fd, 65536).decode("utf-8", "replace")
            assert time.monotonic() < until, f"{pattern!r} did not come: {self.seen}"
        before, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return before

    def type(self, text: str) -> None:
        os.write(self.fd, f"{text}\n".encode())

    def interrupt(self) -> None:
        os.write(self.fd, b"\x03")

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def terminal(tmp_path: Path, own_settings: Path) -> Iterator[Terminal]:
    opened = Terminal(
        tmp_path, IPYTHONDIR=str(tmp_path / "ipython"), TERM="dumb", XDG_CONFIG_HOME=str(own_settings)
    )
    try:
        opened.expect(r"In \[1\]: ")
        opened.type("%load_ext codika_nb")
        opened.expect(r"In \[2\]: ")
        yield opened
    finally:
        opened.end()


def test_signing_up_at_prompts(terminal: Terminal, sandbox: Sandbox) -> None:
    terminal.type(f"%codika_signup --base-url {sandbox.url}")
    terminal.expect(f"E-mail .for {re.escape(sandbox.url)}.: ")
    terminal.type("ada@example")
    terminal.expect("not an e-mail address")
    terminal.expect("E-mail ")
    terminal.type(EMAIL)
    terminal.expect("Six-digit code sent to ada@example.com")
    right = sandbox.code_for(EMAIL)
    terminal.type(f"{(int(right) + 1) % 1_000_000:06}")
    terminal.expect("4 attempts left")
    terminal.expect("Six-digit code")
    terminal.type(right)
    shown = terminal.expect(r"Signed in: My Organization, profile my-organization, key cko_\S+")
    assert right not in shown, "the code was echoed"
    assert ProfileStore().get("my-organization")
    terminal.expect(r"In \[3\]: ")


def test_choosing_an_organization_at_a_prompt(terminal: Terminal, sandbox: Sandbox) -> None:
    sandbox.add_organization(EMAIL, "Acme")
    beta = sandbox.add_organization(EMAIL, "Beta \x1b[31mCorp")
    terminal.type(f"profile = %codika_login {EMAIL} --base-url {sandbox.url}")
    terminal.expect("Six-digit code")
    terminal.type(sandbox.code_for(EMAIL))
    listed = terminal.expect(r"Which organization \(number\)\? ")
    assert "\x1b" not in listed
    number = re.search(rf"(\d+)\. Beta .*\({beta}\)", listed)
    assert number, listed
    terminal.type("99")
    terminal.expect(r"There is no 99 among them")
    terminal.expect(r"Which organization \(number\)\? ")
    terminal.type("nobody's")
    again = terminal.expect(r"Which organization \(number\)\? ")
    assert "There is no nobody's among them" in again
    assert "Acme" in again
    terminal.type(number[1])
    terminal.expect("Signed in: Beta")


def test_a_name_that_one_organization_has_is_an_answer(terminal: Terminal, sandbox: Sandbox) -> None:
    for name in ("Acme", "Acme Two", "Beta"):
        sandbox.add_organization(EMAIL, name)
    terminal.type(f"profile = %codika_login {EMAIL} --base-url {sandbox.url}")
    terminal.expect("Six-digit code")
    terminal.type(sandbox.code_for(EMAIL))
    terminal.expect(r"Which organization \(number\)\? ")
    terminal.type("acme")
    assert "Beta" not in terminal.expect(r"Which organization \(number\)\? ")
    terminal.type("two")
    terminal.expect("Signed in: Acme Two")


def test_another_address_may_be_typed_where_a_code_is_asked_for(terminal: Terminal, sandbox: Sandbox) -> None:
    terminal.type(f"%codika_signup adda@example.com --base-url {sandbox.url}")
    terminal.expect("Six-digit code sent to adda@example.com")
    terminal.type("back")
    told = terminal.expect("Six-digit code sent to adda@example.com")
    assert "Another e-mail address may be typed here as well." in told
    terminal.type(EMAIL)
    terminal.expect(f"Six-digit code sent to {EMAIL}")
    terminal.type(sandbox.code_for(EMAIL))
    terminal.expect("Signed in: My Organization")
    terminal.type(f"%codika_login other@example.com --base-url {sandbox.url} --prompt")
    terminal.expect("Six-digit code")
    terminal.interrupt()
    assert "Cancelled: My Organization is signed in as before." in terminal.expect(r"In \[4\]: ")


def test_ctrl_c_at_a_prompt_leaves(terminal: Terminal, sandbox: Sandbox) -> None:
    terminal.type(f"%codika_login {EMAIL} --base-url {sandbox.url}")
    terminal.expect("Six-digit code")
    terminal.interrupt()
    shown = terminal.expect(r"In \[3\]: ")
    assert "Cancelled" in shown
    assert "Traceback" not in shown
    assert ProfileStore().list() == []


def test_a_key_from_the_dashboard_is_asked_for_without_echo(terminal: Terminal, sandbox: Sandbox) -> None:
    from codika_nb import sign_in

    key = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url).api_key
    ProfileStore().remove("my-organization")
    terminal.type(f"%codika_login --api-key --base-url {sandbox.url}")
    terminal.expect("Key from the dashboard")
    terminal.type(str.__str__(key))
    shown = terminal.expect("Signed in: My Organization, profile my-organization")
    assert key not in shown


def test_a_secret_is_asked_for_and_not_shown(terminal: Terminal, sandbox: Sandbox) -> None:
    sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    terminal.type("from codika_nb import Client; client = Client()")
    terminal.type("client.set_integration('openai').message")
    terminal.expect(r"OPENAI_API_KEY \(is not shown\): ")
    terminal.type("sk-typed-by-hand")
    shown = terminal.expect(r"Out\[\d+\]: .+\n")
    assert "sk-typed" not in shown
    terminal.type("[i.integration_id for i in client.list_integrations()]")
    terminal.expect(r"Out\[\d+\]: \['openai'\]")


def test_a_wait_is_shown_on_one_line_that_goes_away(
    terminal: Terminal, sandbox: Sandbox, greeter: Path
) -> None:
    @sandbox.workflow("greet")
    async def greet(payload: dict[str, object]) -> dict[str, str]:
        await asyncio.sleep(2)
        return {"greeting": "at last"}

    sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    terminal.type(f"_ = %codika_deploy {greeter}")
    terminal.expect("Greeter is deployed")
    terminal.type('run = %codika_trigger greet {"name": "Ada"}')
    shown = terminal.expect("greet succeeded")
    lines = re.findall(r"\r\x1b\[K([^\r\n]*)", shown)
    assert any(line.startswith("greet is running") for line in lines)
    assert all(len(line) < 80 for line in lines)
    assert lines[-1] == "greet succeeded"


def test_a_deployment_that_failed_shows_why_although_it_should_be_published(
    terminal: Terminal, sandbox: Sandbox, greeter: Path
) -> None:
    sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    (workflow,) = (greeter / "workflows").glob("*.json")
    contents = json.loads(workflow.read_text())
    contents["nodes"][0]["disabled"] = True  # where nothing starts it, it cannot be deployed
    workflow.write_text(json.dumps(contents))
    terminal.type(f"_ = %codika_deploy {greeter} --no-verify --publish")
    shown = terminal.expect("so it was not published")
    assert "no node to start it" in shown  # the card, where nothing on the screen can be updated


def test_where_no_form_can_be_drawn_the_line_that_does_the_same_is_said(
    terminal: Terminal, sandbox: Sandbox, greeter: Path
) -> None:
    sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    terminal.type(f"_ = %codika_deploy {greeter}")
    terminal.expect("Greeter is deployed")
    terminal.type("p = %codika_playground greet")
    terminal.expect(
        re.escape('Form for greet: Name, Language. Here in words: %codika_trigger greet {"name": "Ada"}')
    )
