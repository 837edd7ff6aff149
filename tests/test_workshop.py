"""The page for those who teach: every command on it, in its order, between processes of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from codika_nb.cli.tutorials import NOT_YOURS
from tests.conftest import ROOT
from tests.kernels import Kernel, Outcome, kernel
from tests.test_sandbox_mail import Server

PAGE = ROOT / "notebooks" / "workshop.md"
#: What stands on the page for a machine, its port and a mail server.
ADDRESS, PORT, SMTP = "192.168.1.20", "8321", "smtp://user:password@mail.example.com:587"


def blocks() -> list[tuple[str, str]]:
    """The language and the text of every block of the page."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


class Workshop:
    """A room: an instructor's terminal, a participant's kernel, and what the page's names stand for."""

    def __init__(self, folder: Path, participant: Kernel, mail_server: str) -> None:
        self.folder, self.participant = folder, participant
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = str(probe.getsockname()[1])
        self.smtp = mail_server
        self.address = ADDRESS
        self.said = ""
        self._terminal = ExitStack()

    def here(self, text: str) -> str:
        """A text of the page, for this machine."""
        for name, own in ((ADDRESS, self.address), (PORT, self.port), (SMTP, self.smtp)):
            text = text.replace(name, own)
        return text

    def command(self, line: str) -> str:
        """Run a line in the instructor's terminal; a sandbox stays until the next one."""
        line = self.here(line)
        if line.startswith("codika-nb sandbox"):
            self.close()
            self.said = self._terminal.enter_context(sandbox(line, self.folder))
            return self.said
        done = subprocess.run(
            ["sh", "-c", line], cwd=self.folder, env=environment(), capture_output=True, text=True, check=True
        )
        return done.stdout

    def close(self) -> None:
        """Press Ctrl-C."""
        self._terminal.close()

    def cell(self, text: str) -> Outcome:
        """Run a cell as a participant, who could be asked."""
        outcome = self.participant.run(self.here(text), person=True)
        assert not outcome.error, outcome.traceback
        return outcome

    def mail(self, email: str) -> list[dict[str, Any]]:
        """What the inbox page shows, at the address that was printed."""
        (inbox,) = re.findall(r"http://\S+/inbox\?token=\S+", self.said)
        found: list[dict[str, Any]] = self.asked(f"{inbox}&email={email}")
        return found

    def asked(self, url: str) -> Any:
        request = urllib.request.Request(url, headers={"Accept": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def sign_up(self, email: str) -> Outcome:
        """What a participant does with the form that the last cell has left."""
        self.cell(f"form = _\nform.email.value = {email!r}\nform.send_code.click()\nform.settle()")
        code = self.mail(email)[0]["code"]
        return self.cell(f"form.code.value = {code!r}\nform.submit.click()\nprint(form.wait(30))")


def environment() -> dict[str, str]:
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def sandbox(line: str, folder: Path) -> Iterator[str]:
    """A sandbox in a terminal, until Ctrl-C; yields what it has printed."""
    with subprocess.Popen(
        line.split(), cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        try:
            yield "".join(process.stdout.readline() for _ in range(6))
        finally:
            process.send_signal(signal.SIGINT)
            _, complaints = process.communicate(timeout=30)
            assert process.returncode == 0, complaints


def test_the_page_is_true_word_for_word(tmp_path: Path) -> None:
    folder = tmp_path / "tutorials"
    shutil.copytree(PAGE.parent, folder, ignore=NOT_YOURS)
    page = iter(blocks())

    def next_block(language: str, containing: str) -> str:
        found, text = next(page)
        assert found == language, f"another block has come: {text}"
        assert containing in text
        return text

    with (
        Server() as mail_server,
        kernel(folder, XDG_CONFIG_HOME=str(tmp_path / "config")) as participant,
    ):
        room = Workshop(folder, participant, f"smtp://127.0.0.1:{mail_server.port}")
        try:
            # Before the class.
            own_address = next_block("console", "getsockname")
            try:
                room.address = room.command(own_address).strip()
            except subprocess.CalledProcessError as error:
                pytest.skip(f"this machine is in no network: {error.stderr}")
            assert not room.address.startswith("127.")
            said = room.command(next_block("console", "--stand-ins"))
            promised = re.escape(room.here(next_block("text", "mail arrives at")))
            assert re.fullmatch(promised.replace("…", r"\S+"), said)
            url = f"http://{room.address}:{room.port}"
            assert room.asked(url)["name"] == "codika sandbox"
            with pytest.raises(urllib.error.HTTPError, match="403"):
                room.asked(f"{url}/inbox")

            # What participants do.
            room.cell(next_block("python", "%codika_signup --base-url"))
            assert "Profile(" in room.sign_up("ada@example.com").text
            room.cell(next_block("python", "%codika_deploy"))
            assert "Hello, Ada!" in room.cell("run.result").text
            assert f"profile 'my-organization', {url}" in profiles(tmp_path)
            room.cell(next_block("python", "%env CODIKA_BASE_URL"))
            form = room.cell("%codika_signup grace@example.com --ephemeral")
            assert "sign-in form" in form.text
            assert "Profile(" in room.sign_up("grace@example.com").text
            assert room.cell("%codika_use my-organization").text.startswith("Now using My Organization")

            # Where the mail is: accounts outlast a restart, and codes are really sent.
            room.command(next_block("console", "--smtp"))
            assert url in room.cell("%codika_whoami").text
            room.cell("%codika_signup alan@example.com --company Bletchley --ephemeral")
            assert "Profile(" in room.sign_up("alan@example.com").text
            (message,) = mail_server.arrived
            assert message["To"] == "alan@example.com"
            room.cell("%codika_use my-organization")

            # Afterwards.
            assert "Logged out" in room.cell(next_block("python", "%codika_logout")).text
            assert profiles(tmp_path) == ""
            room.close()
            kept = {path.name for path in folder.iterdir()}
            room.command(next_block("console", "rm"))
            assert kept - {path.name for path in folder.iterdir()} == {"class"}
            assert next(page, None) is None, "a block that nobody has run"
        finally:
            room.close()


def profiles(scratch: Path) -> str:
    """The participant's saved profiles: name and server."""
    file = scratch / "config" / "codika" / "config.json"
    saved = json.loads(file.read_text())["profiles"]
    return "; ".join(f"profile {name!r}, {each['baseUrl']}" for name, each in saved.items())


def test_on_all_addresses_it_prints_the_one_of_this_machine_only(tmp_path: Path) -> None:
    """As the page says of ``--host 0.0.0.0``."""
    with sandbox("codika-nb sandbox --host 0.0.0.0 --port 0", tmp_path) as said:
        assert re.match(r"Codika sandbox at http://127\.0\.0\.1:\d+ ", said)
        assert "inbox?token=" in said


def test_without_the_extra_line_nothing_is_sent(tmp_path: Path) -> None:
    with kernel(tmp_path, XDG_CONFIG_HOME=str(tmp_path)) as participant:
        participant.run("%load_ext codika_nb")
        refused = participant.run("%codika_signup ada@example.com --no-form --base-url http://192.0.2.1:8321")
    assert refused.error == "ConfigError"
    assert "CODIKA_ALLOW_HTTP=1" in refused.text + "".join(refused.traceback)
