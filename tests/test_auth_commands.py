"""``codika-nb auth …``: the platform's four sign-in commands, row by row beside the ``codika`` tool."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codika_nb import Sandbox
from codika_nb.cli import main

from .codika_tool import Tool, codika_tool
from .kernels import SharedKernel

__all__ = ["codika_tool"]

Said = tuple[int, dict[str, Any]]
Command = Callable[..., Said]


@pytest.fixture
def ours(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("CODIKA_BASE_URL", sandbox.url)

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        status = main(["auth", *arguments, "--json"])
        return status, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def theirs(sandbox: Sandbox, codika_tool: Tool, tmp_path: Path) -> Command:
    def run(*arguments: str) -> Said:
        ended = codika_tool.run(
            "auth", *arguments, "--json", config_home=tmp_path, env={"CODIKA_BASE_URL": sandbox.url}
        )
        return ended.returncode, json.loads(ended.stdout)

    return run


@pytest.fixture
def magics(
    sandbox: Sandbox,
    shared_kernel: SharedKernel,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    own_settings: Path,
) -> Iterator[Command]:
    settings = {"XDG_CONFIG_HOME": str(own_settings), "CODIKA_BASE_URL": sandbox.url}
    with shared_kernel.renewed(tmp_path, request.session, **settings) as shell:
        assert not shell.run("%load_ext codika_nb").error

        def run(command: str, *arguments: str) -> Said:
            purpose, _, step = command.partition("-")
            how = ["--no-form"] if step == "request" else []
            outcome = shell.run(f"_ = %codika_{purpose} {shlex.join([*arguments, *how])} --json")
            said, _ = json.JSONDecoder().raw_decode(outcome.text)
            return int(bool(outcome.error)), said

        yield run


def shape(said: Said) -> Any:
    """What two runs have in common: no ids, times, keys, nor whose account it is."""
    text = json.dumps(said)
    text = re.sub(
        r'"(keyId|organizationId|id|createdAt|expiresAt|keyPrefix|requestId)": "[^"]*"', r'"\1": "…"', text
    )
    text = re.sub(r"(ours|theirs|magics)(@example\.com)?", "one", text)
    text = re.sub(r'"retryInSeconds": \d+', '"retryInSeconds": 0', text)
    return json.loads(re.sub(r"\b\d+ (seconds|minutes)", r"some \1", text))


def walk(command: Command, sandbox: Sandbox, who: str) -> list[Said]:
    """Every way through the four commands that can be walked without waiting an hour."""
    email = f"{who}@example.com"
    said: list[Said] = []

    def do(*arguments: str, **_: str) -> None:
        said.append(command(*arguments))

    def code() -> str:
        sandbox.clock.advance(31)
        return sandbox.code_for(email)

    do("signup-request", "--email", "not-an-address")
    do("login-request", "--email", email)
    do("signup-request", "--email", email)
    do("signup-request", "--email", email)
    wrong = f"{(int(sandbox.code_for(email)) + 1) % 10**6:06}"
    do("signup-complete", "--email", email, "--code", wrong)
    do("signup-complete", "--email", f"nobody-{email}", "--code", "123456")
    do("login-complete", "--email", email, "--code", code())
    do("signup-complete", "--email", email, "--code", code(), "--company", "x" * 101)
    do("signup-complete", "--email", email, "--code", code(), "--company", f"Acme {who}")
    do("signup-complete", "--email", email, "--code", "123456")
    do("signup-request", "--email", email)
    do("login-request", "--email", email)
    do("login-complete", "--email", email, "--code", code(), "--key-name", "Mine", "--key-expires-in", "30")
    other = sandbox.add_organization(email, f"Beta {who}")
    do("login-request", "--email", email)
    do("login-complete", "--email", email, "--code", code())
    do("login-complete", "--email", email, "--code", code(), "--organization-id", "org_nowhere")
    do(
        "login-complete",
        "--email",
        email,
        "--code",
        code(),
        "--organization-id",
        other,
        "--name",
        f"my-{who}",
    )
    do("login-request", "--email", email)
    sandbox.clock.advance(601)
    do("login-complete", "--email", email, "--code", sandbox.code_for(email))
    do("login-request", "--email", email)
    for _ in range(5):
        do("login-complete", "--email", email, "--code", "000000")
    return said


def test_commands_and_magics_say_what_the_tool_says(
    sandbox: Sandbox, ours: Command, magics: Command, theirs: Command
) -> None:
    its = walk(theirs, sandbox, "theirs")
    for name, mine in (("ours", walk(ours, sandbox, "ours")), ("magics", walk(magics, sandbox, "magics"))):
        assert len(mine) == len(its)
        for number, (one, other) in enumerate(zip(mine, its, strict=True)):
            assert one[0] == other[0], (name, number, one, other)
            assert shape(one) == shape(other), (name, number)


@pytest.mark.parametrize("purpose", ["signup", "login"])
def test_the_next_command_is_one_that_works(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], purpose: str
) -> None:
    """It names the server where the command itself would go elsewhere."""
    sandbox.add_organization("zoe@example.com", "Acme") if purpose == "login" else None
    there = ["--base-url", sandbox.url]
    assert main(["auth", f"{purpose}-request", "--email", "zoe@example.com", *there]) == 0
    command = capsys.readouterr().out.splitlines()[-1].split()
    assert command[:3] == ["codika-nb", "auth", f"{purpose}-complete"]
    assert command[3:5] == there
    code = sandbox.code_for("zoe@example.com")
    assert main([*command[1:-1], code]) == 0
    assert "Signed in: " in capsys.readouterr().out
    # From now on its profile is the active one, and says by itself where to go.
    sandbox.clock.advance(60)
    assert main(["auth", "login-request", "--email", "zoe@example.com"]) == 0
    assert "--base-url" not in capsys.readouterr().out


def test_people_are_told_in_words(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODIKA_BASE_URL", sandbox.url)
    assert main(["auth", "signup-request", "--email", "ada@example.com"]) == 0
    told = capsys.readouterr().out
    assert "codika-nb auth signup-complete --email ada@example.com --code CODE" in told
    assert main(["auth", "signup-complete", "--email", "ada@example.com", "--code", "000000"]) == 1
    refused = capsys.readouterr()
    assert not refused.out
    assert "code" in refused.err
    code = sandbox.code_for("ada@example.com")
    assert main(["auth", "signup-complete", "--email", "ada@example.com", "--code", code]) == 0
    assert re.fullmatch(
        r"Signed in: My Organization, profile my-organization, key cko_[\w-]{4}\.\.\.\n",
        capsys.readouterr().out,
    )
    grace = ["--email", "grace@example.com"]
    assert main(["auth", "signup-request", *grace]) == 0
    given = ["--code", sandbox.code_for("grace@example.com"), "--name", "my-organization"]
    assert main(["auth", "signup-complete", *grace, *given]) == 0
    told, why = capsys.readouterr().out.splitlines()[-2:]
    assert "profile my-organization-2, key" in told
    assert "my-organization" in why


def test_a_wrong_option_has_the_tools_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["auth", "signup-request"]) == 1
    assert "--email" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["auth", "--help"])
    assert stopped.value.code == 0


def test_an_option_that_cannot_be_right_is_a_document_too(ours: Command) -> None:
    status, said = ours(
        "login-complete", "--email", "ada@example.com", "--code", "123456", "--key-expires-in", "999"
    )
    assert (status, said["error"]["code"]) == (1, "INVALID_EXPIRES_IN_DAYS")


def test_people_are_told_which_organizations_there_are(
    sandbox: Sandbox, ours: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    ours("signup-request", "--email", "ada@example.com")
    ours("signup-complete", "--email", "ada@example.com", "--code", sandbox.code_for("ada@example.com"))
    beta = sandbox.add_organization("ada@example.com", "Beta Corp")
    sandbox.clock.advance(31)
    ours("login-request", "--email", "ada@example.com")
    code = sandbox.code_for("ada@example.com")
    assert main(["auth", "login-complete", "--email", "ada@example.com", "--code", code]) == 1
    assert f"  {beta}  Beta Corp\n" in capsys.readouterr().err


def test_whoami_is_the_tools_document(
    sandbox: Sandbox, ours: Command, codika_tool: Tool, own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours("signup-request", "--email", "ada@example.com")
    ours("signup-complete", "--email", "ada@example.com", "--code", sandbox.code_for("ada@example.com"))
    status, mine = ours("whoami")
    tool = codika_tool.run("whoami", "--json", config_home=own_settings, env={"CODIKA_BASE_URL": sandbox.url})
    its = json.loads(tool.stdout)
    assert (status, mine["loggedIn"], mine["profileName"]) == (0, True, "my-organization")
    assert mine["source"] == 'profile "my-organization"'
    assert set(its) == set(mine)
    assert {k: v for k, v in its.items() if k != "source"} == {k: v for k, v in mine.items() if k != "source"}
    assert main(["auth", "whoami"]) == 0
    assert re.search(rf"My Organization .*{re.escape(sandbox.url)}", capsys.readouterr().out, re.DOTALL)


def test_whoami_of_nobody_and_of_a_key_that_is_refused(
    ours: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ours("whoami") == (1, {"loggedIn": False})
    assert main(["auth", "whoami"]) == 1
    assert "codika-nb: Nobody is signed in" in capsys.readouterr().err

    monkeypatch.setenv("CODIKA_API_KEY", "cko_" + "x" * 43)
    status, said = ours("whoami")
    assert (status, said["loggedIn"], said["error"]["code"]) == (1, False, "UNAUTHORIZED")
    assert "x" * 8 not in json.dumps(said)


def test_somebody_uses_another_account(
    ours: Command, sandbox: Sandbox, own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["auth", "use"]) == 0
    assert capsys.readouterr().out == "No profile is saved here.\n"
    for company in ("Acme", "Beta"):
        email = f"{company.lower()}@example.com"
        ours("signup-request", "--email", email)
        code = sandbox.code_for(email)
        assert ours("signup-complete", "--email", email, "--code", code, "--company", company)
    capsys.readouterr()
    assert main(["auth", "use", "acme"]) == 0
    assert capsys.readouterr().out == "Active from now on: Acme, profile acme.\n"
    assert ours("whoami")[1]["profileName"] == "acme"
    capsys.readouterr()
    assert main(["auth", "use"]) == 0
    assert re.search(r"active +acme +Acme +http.*\n +beta +Beta +http", capsys.readouterr().out)
    assert main(["auth", "use", "gamma"]) == 1
    assert "Known profiles: 'acme', 'beta'" in capsys.readouterr().err
    assert main(["auth", "use", "gamma", "--json"]) == 1
    refused = json.loads(capsys.readouterr().out)
    assert (refused["success"], refused["error"]["code"]) == (False, "unknown-profile")


def test_somebody_logs_out(
    ours: Command, sandbox: Sandbox, own_settings: Path, capsys: pytest.CaptureFixture[str], codika_tool: Tool
) -> None:
    def out(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["auth", "logout", *arguments])
        return status, *capsys.readouterr()

    assert out() == (0, "Nobody is signed in.\n", "")
    for company in ("Acme", "Beta"):
        email = f"{company.lower()}@example.com"
        ours("signup-request", "--email", email)
        assert ours(
            "signup-complete", "--email", email, "--code", sandbox.code_for(email), "--company", company
        )
    status, told, _ = out()
    assert status == 0
    assert told.startswith(
        "Logged out of Beta: profile beta is removed. The key itself still works at http://"
    )
    assert ours("whoami")[1]["organizationName"] == "Acme"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CODIKA_API_KEY", "cko_" + "x" * 43)
        assert out() == (0, "No profile is in use: the key is from env (CODIKA_API_KEY).\n", "")
    status, _, refused = out("beta")
    assert status == 1
    assert "There is no profile 'beta'." in refused
    status, told, _ = out("beta", "--json")
    assert (status, json.loads(told)["success"]) == (1, False)
    status, told, _ = out("acme", "--json")
    removed = {"profileName": "acme", "activeProfile": None}
    assert (status, json.loads(told)) == (0, {"success": True, "data": removed})
    assert json.loads(out("--json")[1])["data"] == {"profileName": None, "activeProfile": None}
    # What is left is what the tool finds.
    tool = codika_tool.run("whoami", "--json", config_home=own_settings, env={"CODIKA_BASE_URL": sandbox.url})
    assert json.loads(tool.stdout)["loggedIn"] is False
    assert ours("whoami") == (1, {"loggedIn": False})
