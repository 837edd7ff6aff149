"""The page for agents: each of its commands, run as an agent would."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import codika_nb
from codika_nb import Sandbox
from codika_nb.cli import main
from codika_nb.signin.reactions import REACTIONS

from .conftest import copied

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "llms.txt").read_text(encoding="utf-8")
EMAIL = "ada@example.com"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


class Agent:
    """Types what is on the page, and puts codes and choices in."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self.sandbox, self.folder = sandbox, home
        copied("greeter", home / "use-cases")
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "PYTHONPATH") if name in os.environ}
        self.environment = {
            **kept,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "CODIKA_BASE_URL": sandbox.url,
        }

    def types(self, line: str, *further: str) -> dict[str, Any]:
        code = self.sandbox.code_for(EMAIL) if "CODE" in line else ""
        words = shlex.split(line.replace("CODE", code))
        assert words[0] == "codika-nb"
        ended = self.run([sys.executable, "-m", "codika_nb", *words[1:], *further])
        said: dict[str, Any] = json.loads(ended.stdout)
        assert ended.returncode == (0 if said["success"] else 1)
        assert "cko_" not in re.sub(r'"keyPrefix": "[^"]*"', "", ended.stdout)
        return said

    def run(self, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self.environment | more,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


@pytest.fixture
def agent(sandbox: Sandbox, tmp_path: Path) -> Agent:
    return Agent(sandbox, tmp_path)


def test_both_ways_in_and_all_that_follows(agent: Agent, sandbox: Sandbox) -> None:
    signup, login = (block.splitlines() for block in blocks("console"))
    # Optimistic: a login of nobody leads to a sign-up, a sign-up of somebody to a login.
    assert agent.types(login[0])["error"]["code"] == "USER_NOT_FOUND"
    for line in signup:
        assert agent.types(line)["success"]
    assert agent.types(signup[0])["error"]["code"] == "USER_ALREADY_HAS_ORGANIZATION"
    sandbox.add_organization(EMAIL, "Beta")
    assert agent.types(login[0])["success"]
    refused = agent.types(login[1])["error"]
    assert refused["code"] == "MULTIPLE_ORGANIZATIONS"
    chosen = refused["details"]["organizations"][0]["id"]
    assert agent.types(login[1], "--organization-id", chosen)["success"]

    (script,) = blocks("python")
    ended = agent.run([sys.executable, "-c", script])
    assert ended.stdout == "success {'greeting': 'Hello, Ada!', 'language': 'en'}\n", ended.stderr
    assert set(re.findall(r"`(OTP_\w+|USER_\w+|MULTIPLE_\w+)`", PAGE)) <= set(REACTIONS)


def test_every_name_on_it_is_there() -> None:
    for name in re.findall(r"`(\w+Error|NotSignedIn)`", PAGE):
        assert issubclass(getattr(codika_nb, name), codika_nb.CodikaError)
    agents, jupyter = map(json.loads, blocks("json"))
    for server in (agents["mcpServers"]["codika"], jupyter["mcp_servers"][0]):
        assert server["command"] == "codika-nb"
        assert server["args"][0] == "mcp"


def test_the_help_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    named = re.search(r"For agents, on one page:\s+(\S+)", capsys.readouterr().out)
    assert named
    assert named[1].endswith("llms.txt")
