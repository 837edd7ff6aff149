"""``codika-nb mcp`` as an agent uses it: a real client, and the server as a process of its own."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from codika_nb import Client, Sandbox, UseCase
from codika_nb.profiles import ProfileStore
from codika_nb.signin.recipe import sign_in

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mcp") is None and not os.environ.get("CI"),
    reason="the package mcp is not installed: pip install -e '.[mcp]'",
)
GREETER = Path(__file__).parent.parent / "notebooks" / "use-cases" / "greeter"
KEY: list[str] = []


@pytest.fixture
def environment(sandbox: Sandbox, greeter: Path, tmp_path: Path) -> dict[str, str]:
    """What the server is started with: a profile on disk, and where the sandbox is; no key."""
    home = tmp_path / "config"
    store = ProfileStore(home / "codika" / "config.json")
    profile = sign_in(
        "ada@example.com", ask_code=sandbox.code_for, base_url=sandbox.url, store=store, company="Acme"
    )
    KEY[:] = [profile.api_key]
    with Client(auth=profile.api_key, base_url=sandbox.url) as client:
        project = client.create_project("A project").project_id
        client.deploy_use_case(greeter, project_id=project)
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "PYTHONPATH") if name in os.environ}
    return {**kept, "XDG_CONFIG_HOME": str(home), "HOME": str(tmp_path), "CODIKA_BASE_URL": sandbox.url}


def conversation(
    environment: dict[str, str],
    talk: Callable[[Any], Awaitable[None]],
    *options: str,
    command: Sequence[str] = (sys.executable, "-m", "codika_nb", "mcp"),
) -> None:
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    async def main() -> None:
        program, *arguments = (*command, *options)
        server = StdioServerParameters(command=program, args=arguments, env=environment)
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            await talk(session)

    asyncio.run(main())


def test_jupyter_starts_it_as_its_settings_say(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What llms.txt shows is read by JupyterLab's settings page, from which its agents have their servers."""
    manager = pytest.importorskip("jupyter_mcp_manager.mcp_manager", reason="it is part of the extra test")
    page = (Path(__file__).parent.parent / "llms.txt").read_text("utf-8")
    (shown,) = (line for line in page.splitlines() if line.startswith('{"mcp_servers"'))
    (tmp_path / "jupyter").mkdir()
    (tmp_path / "jupyter" / "mcp_settings.json").write_text(shown, "utf-8")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    server = manager.McpServerManager().get_server_by_name("codika")
    assert Path(server.command).name == "codika-nb"

    async def talk(session: Any) -> None:
        answer = await session.call_tool("greet", {"name": "Ada"})
        assert answer.structured_content == {"greeting": "Hello, Ada!", "language": "en"}

    conversation(environment, talk, command=[server.command, *server.args])


def test_an_agent_lists_calls_and_is_corrected(environment: dict[str, str]) -> None:
    async def talk(session: Any) -> None:
        (tool,) = (await session.list_tools()).tools
        assert tool.name == "greet"
        assert tool.description.startswith("Greets a person by name")
        assert tool.input_schema["required"] == ["name"]
        answer = await session.call_tool("greet", {"name": "Ada", "language": "fr"})
        assert answer.structured_content == {"greeting": "Bonjour, Ada !", "language": "fr"}
        assert json.loads(answer.content[0].text) == answer.structured_content
        assert not answer.is_error
        for wrong, words in (
            ({"nmae": "Ada"}, "unexpected keyword argument 'nmae'"),
            ({"name": "Ada", "language": "xx"}, "language: Choose one of the options"),
            ({"name": " "}, "missing"),
        ):
            refused = await session.call_tool("greet", wrong)
            assert refused.is_error
            said = refused.content[0].text
            assert words in said or "Fill this in" in said
            assert KEY[0] not in said

    conversation(environment, talk, "--only", "greet")


def test_an_agent_cannot_have_files_sent_by_their_names(
    environment: dict[str, str], greeter: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    config = json.loads((greeter / "config.json").read_text())
    config["workflows"][0]["triggers"][0]["inputSchema"].append(
        {"key": "photo", "label": "P", "type": "file"}
    )
    (greeter / "config.json").write_text(json.dumps(config))
    with Client(auth=KEY[0], base_url=sandbox.url) as client:
        client.deploy_use_case(greeter)
    seen: list[Any] = []
    sandbox.workflow("greet")(seen.append)
    (tmp_path / "secret.txt").write_text("s3cret")
    sent = {"fileName": "a.txt", "mimeType": "text/plain", "contentBase64": "aGk="}

    async def talk(session: Any) -> None:
        for path in (str(tmp_path / "secret.txt"), "~/secret.txt", "~/.config/codika/config.json"):
            refused = await session.call_tool("greet", {"name": "Ada", "photo": path})
            assert refused.is_error
            assert "photo: Choose a file" in refused.content[0].text
        assert not (await session.call_tool("greet", {"name": "Ada", "photo": sent})).is_error

    conversation(environment, talk, "--only", "greet")
    assert [each["photo"] for each in seen] == [sent]


def test_a_long_run_is_told_of_while_it_lasts(environment: dict[str, str], sandbox: Sandbox) -> None:
    @sandbox.workflow("greet")
    def slowly(_payload: dict[str, Any]) -> list[int]:
        time.sleep(5)
        return [1, 2]

    told: list[str] = []

    async def progress(_done: float, _total: float | None, message: str | None) -> None:
        told.append(str(message))

    async def talk(session: Any) -> None:
        answer = await session.call_tool("greet", {"name": "Ada"}, progress_callback=progress)
        assert answer.structured_content == {"result": [1, 2]}

    conversation(environment, talk)
    assert told
    assert told[0].startswith("greet has run for")


def test_names_that_become_one_stay_two_tools(
    environment: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "twins"
    (folder / "workflows").mkdir(parents=True)
    given = json.loads((GREETER / "config.json").read_text(encoding="utf-8"))
    [flow] = given["workflows"]
    text = (GREETER / "workflows" / "greet.json").read_text(encoding="utf-8")
    twins = ("greet-one", "greet_one")
    given["workflows"] = [json.loads(json.dumps(flow).replace("greet", name)) for name in twins]
    (folder / "config.json").write_text(json.dumps(given), encoding="utf-8")
    for name in twins:
        (folder / "workflows" / f"{name}.json").write_text(text.replace("greet", name), encoding="utf-8")
        sandbox.workflow(name)(lambda payload: payload)
    with Client(auth=KEY[0], base_url=sandbox.url) as client:
        project = client.create_project("Twins").project_id
        deployed = client.deploy_use_case(folder, project_id=project, verify=False)

    async def talk(session: Any) -> None:
        tools = (await session.list_tools()).tools
        assert {tool.name for tool in tools} == {"greet_one", "greet_one_2"}

    conversation(environment, talk, "--instance", str(deployed.process_instance_id))


@pytest.mark.parametrize(
    ("options", "offered"),
    [
        ((), {"greet", "main_workflow"}),
        (("--only", "greet"), {"greet"}),
        (("--only", "main-workflow,greet"), {"greet", "main_workflow"}),
    ],
)
def test_workflows_of_several_instances(
    environment: dict[str, str], sandbox: Sandbox, tmp_path: Path, options: tuple[str, ...], offered: set[str]
) -> None:
    folder = tmp_path / "word-counter"
    UseCase.init(folder, name="Word counter")
    with Client(auth=KEY[0], base_url=sandbox.url) as client:
        project = client.create_project("Words").project_id
        client.publish_use_case(client.deploy_use_case(folder, project_id=project), project_id=project)

    async def talk(session: Any) -> None:
        tools = (await session.list_tools()).tools
        assert sorted(tool.name for tool in tools) == sorted(offered)  # once, though it is in two instances

    conversation(environment, talk, *options)


def test_what_is_not_there_is_said_on_standard_error(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "codika_nb", "mcp", "--only", "greet,nowhere"]
    ended = subprocess.run(
        command, env=environment, input="", capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 1
    assert not ended.stdout
    assert "There is no workflow “nowhere” in " in ended.stderr
