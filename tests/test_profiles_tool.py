"""One config file, two programs: what `ProfileStore` writes the codika tool reads, and vice versa."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from codika_nb import Client, Sandbox, sign_in
from codika_nb.cli import main
from codika_nb.profiles import Profile, ProfileStore
from tests.codika_tool import Tool, codika_tool
from tests.conftest import EMAIL

__all__ = ["codika_tool"]

ACME = Profile(
    "cko_aB12" + "a" * 60,
    organization_id="org_acme",
    organization_name="Acme, Inc.",
    key_name="CLI default key",
    key_prefix="cko_aB12",
    scopes=("deploy:use-case", "projects:read"),
    created_at="2026-01-31T09:15:00.000Z",
    expires_at="2099-04-30T09:15:00.000Z",
)
BETA = Profile(
    "cko_bB34" + "b" * 60,
    organization_id="org_beta",
    organization_name="Société Générale ☕",
    base_url="https://staging.example/",
)
PERSONAL = Profile("ckp_cC56" + "c" * 60, type="personal-api-key", key_name="Ada's laptop")


class Machine:
    """One person's configuration folder, and both programs on it."""

    def __init__(self, tool: Tool, home: Path) -> None:
        self.tool = tool
        self.home = home
        self.path = home / "codika" / "config.json"
        self.store = ProfileStore(self.path)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        finished = self.tool.run(*arguments, config_home=self.home)
        assert finished.returncode == 0, finished.stderr or finished.stdout
        return finished

    def json(self, *arguments: str) -> Any:
        return self.tool.json(*arguments, config_home=self.home)

    def login(self, key: str, *arguments: str) -> None:
        """What the tool can save without a server."""
        self.run("login", "--skip-verify", "--api-key", key, *arguments)

    def document(self) -> Any:
        return json.loads(self.path.read_bytes())


@pytest.fixture
def machine(codika_tool: Tool, tmp_path: Path) -> Machine:
    return Machine(codika_tool, tmp_path)


def test_the_tool_lists_what_we_save(machine: Machine) -> None:
    for profile in (ACME, BETA, PERSONAL):
        machine.store.save(profile)
    told = machine.json("use")
    assert told["activeProfile"] == "ada-s-laptop"
    assert [p["name"] for p in told["profiles"]] == ["acme-inc", "soci-t-g-n-rale", "ada-s-laptop"]
    assert told["profiles"][0] == {
        "name": "acme-inc",
        "active": False,
        "type": "org-api-key",
        "organizationId": "org_acme",
        "organizationName": "Acme, Inc.",
        "keyPrefix": "cko_aB12",
        "scopes": ["deploy:use-case", "projects:read"],
        "expiresAt": "2099-04-30T09:15:00.000Z",
    }
    assert told["profiles"][1]["organizationName"] == "Société Générale ☕"
    assert told["profiles"][2]["keyPrefix"] == PERSONAL.masked_key  # both programs mask alike
    shown = machine.json("config", "show")
    assert shown["profiles"] == told["profiles"]
    assert (shown["baseUrl"], shown["baseUrlSource"]) == ("https://api.codika.io", "default (production)")
    assert "Acme, Inc." in machine.run("use").stdout


def test_our_command_lists_them_as_the_tool_does(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for profile in (ACME, BETA, PERSONAL):
        machine.store.save(profile)
    monkeypatch.setattr("codika_nb.cli.auth.ProfileStore", lambda: machine.store)
    assert main(["auth", "use", "--json"]) == 0
    ours = json.loads(capsys.readouterr().out)
    theirs = machine.json("use")
    theirs.pop("success", None)
    assert ours == theirs


def test_the_tool_goes_to_the_server_we_saved(machine: Machine) -> None:
    machine.store.save(BETA)
    shown = machine.json("config", "show")
    assert shown["baseUrl"] == "https://staging.example"  # where the tool would build no doubled slash
    assert shown["baseUrlSource"] == 'profile "soci-t-g-n-rale"'


def test_the_tool_switches_and_removes_what_we_save(machine: Machine) -> None:
    machine.store.save(ACME)
    machine.store.save(BETA)
    machine.run("use", "acme-inc")
    active = machine.store.active()
    assert active is not None
    assert active == machine.store.get("acme-inc")
    assert active.api_key == ACME.api_key
    machine.run("logout")
    assert [p.name for p in machine.store.list()] == ["soci-t-g-n-rale"]
    assert machine.store.active() == machine.store.get("soci-t-g-n-rale")
    machine.run("logout", "soci-t-g-n-rale")
    assert machine.store.list() == []
    assert machine.store.active() is None


def test_we_list_switch_and_remove_what_the_tool_saves(machine: Machine) -> None:
    machine.login("cko_" + "1" * 64)
    machine.login("ckp_" + "2" * 64)
    machine.login("cka_" + "3" * 64, "--name", "Büro 3", "--base-url", "http://127.0.0.1:8765/")
    first, second, third = machine.store.list()
    assert [first.name, second.name, third.name] == ["default", "default-2", "Büro 3"]
    assert [p.type for p in (first, second, third)] == ["org-api-key", "personal-api-key", "admin-api-key"]
    assert third.host == "http://127.0.0.1:8765"
    assert machine.store.active() == third
    machine.store.use("default-2")
    assert machine.json("use")["activeProfile"] == "default-2"
    machine.store.remove("default-2")
    assert machine.json("use")["activeProfile"] == "default"
    assert [p["name"] for p in machine.json("use")["profiles"]] == ["default", "Büro 3"]


def test_a_renewed_profile_of_the_tool_keeps_its_name(machine: Machine) -> None:
    machine.login("cko_" + "1" * 64, "--name", "work")
    saved = machine.store.save(
        Profile("cko_" + "1" * 64, organization_id="org_acme", organization_name="Acme, Inc.")
    )
    assert saved.name == "work"
    assert [(p["name"], p["organizationId"]) for p in machine.json("use")["profiles"]] == [
        ("work", "org_acme")
    ]


def test_what_either_does_not_know_survives_the_other(machine: Machine) -> None:
    machine.store.save(ACME)
    document = machine.document()
    document["note"] = {"2": None, "1": "é\u2028"}
    document["profiles"]["acme-inc"]["colour"] = ["#fff", {"half": "\ud83d"}]
    machine.path.write_text(json.dumps(document), encoding="utf-8")
    machine.store.use("acme-inc")
    ours = machine.path.read_bytes()
    machine.run("use", "acme-inc")
    # The tool has rewritten the file from what it understood: not one byte differs.
    assert machine.path.read_bytes() == ours
    assert machine.document() == document


def test_both_number_profiles_in_the_same_order(machine: Machine) -> None:
    for name in ("b", "10", "9", "01", "4294967294", "4294967295", "a"):
        machine.store.save(Profile(f"cko_{name}"), name=name)
    ours = machine.path.read_bytes()
    names = [p["name"] for p in machine.json("use")["profiles"]]
    assert [p.name for p in machine.store.list()] == names
    machine.run("use", "a")
    assert machine.path.read_bytes() == ours
    machine.run("logout", "a")  # active: both make the first that remains active
    assert machine.json("use")["activeProfile"] == "9"
    machine.store.remove("9")
    assert machine.json("use")["activeProfile"] == "10"


@pytest.mark.parametrize(
    "organization_name",
    ["Acme, Inc.", "Société Générale", "日本", "  --A__b--  ", "Straße 5", "İstanbul \u212a"],
)
def test_both_derive_the_same_name(machine: Machine, organization_name: str) -> None:
    saved = machine.store.save(Profile("cko_x", organization_id="org_1", organization_name=organization_name))
    script = (
        "const { deriveProfileName } = await import(process.argv[1]);"
        "const key = {type: 'org-api-key', organizationName: process.argv[2]};"
        "process.stdout.write(deriveProfileName(key, new Set()));"
    )
    config = machine.tool.script.parents[1] / "utils" / "config.js"
    derived = subprocess.run(
        [machine.tool.node, "--input-type=module", "-e", script, config.as_uri(), organization_name],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert saved.name == derived.stdout


def test_the_tool_reads_a_whole_file_while_we_save(machine: Machine) -> None:
    machine.store.save(ACME)
    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(lambda: [machine.json("use") for _ in range(6)])
        saves = 0
        while not listing.done():
            machine.store.save(Profile(f"cko_{saves}", organization_id=f"org_{saves}"), activate=False)
            saves += 1
    sizes = [len(told["profiles"]) for told in listing.result()]
    assert sizes == sorted(sizes)
    assert all(told["activeProfile"] == "acme-inc" for told in listing.result())


# --- the two programs and a server -----------------------------------------------------------------


def test_a_sign_in_from_python_is_one_for_the_tool(
    codika_tool: Tool, sandbox: Sandbox, own_settings: Path
) -> None:
    profile = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url, company="Acme, Inc.")
    known = codika_tool.json("whoami", "--json", config_home=own_settings)
    assert known["loggedIn"] is True
    assert "cached" not in known
    assert (known["profileName"], known["organizationId"]) == (profile.name, profile.organization_id)

    again = codika_tool.json("auth", "login-request", "--email", EMAIL, "--json", config_home=own_settings)
    assert again["data"]["expiresInSeconds"] == 600
    code = sandbox.code_for(EMAIL)
    complete = ["auth", "login-complete", "--email", EMAIL, "--code", code, "--json"]
    assert codika_tool.json(*complete, config_home=own_settings)["data"]["profileName"] == profile.name
    after = ProfileStore().list()
    assert [each.name for each in after] == [profile.name]
    assert after[0].api_key != profile.api_key


def test_a_sign_in_with_the_tool_is_one_for_python(
    codika_tool: Tool, sandbox: Sandbox, own_settings: Path
) -> None:
    where = ["--email", EMAIL, "--base-url", sandbox.url, "--json"]
    codika_tool.json("auth", "signup-request", *where, config_home=own_settings)
    code = sandbox.code_for(EMAIL)
    codika_tool.json("auth", "signup-complete", "--code", code, *where, config_home=own_settings)
    with Client() as client:
        assert client.base_url == sandbox.url
        assert client.verify_key().organization_name == "My Organization"
    # Signing in again from Python refreshes that profile and keeps its server.
    profile = sign_in(EMAIL, ask_code=sandbox.code_for, base_url=sandbox.url)
    assert [each.name for each in ProfileStore().list()] == [profile.name] == ["my-organization"]
    assert codika_tool.json("whoami", "--json", config_home=own_settings)["loggedIn"] is True
