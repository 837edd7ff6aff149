"""The real ``codika`` tool against the sandbox: every command that talks to the platform."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codika_nb import Client, UseCase, sign_in
from codika_nb.profiles import Profile
from codika_nb.sandbox import Sandbox

from .codika_tool import Tool, codika_tool
from .conftest import GREETER
from .n8n_exports import ORDINARY
from .test_sandbox import Platform
from .test_sandbox_workflows import SIGNATURE_HEADERS, Deployed, sign

__all__ = ["codika_tool"]

EMAIL = "ada@example.com"
SCOPES = [
    "deploy:use-case",
    "projects:create",
    "workflows:trigger",
    "executions:read",
    "instances:read",
    "instances:manage",
    "skills:read",
    "integrations:manage",
    "api-keys:manage",
    "projects:read",
]

CONFIG = """
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));
export const WORKFLOW_FILES = [join(folder, "workflows", "main-workflow.json")];

export function getConfiguration() {
  return {
    title: "Greeter", subtitle: "Says hello", description: "A test", tags: [],
    processDeploymentMarkdown: "# Greeter", integrationUids: ["openai"],
    workflows: [{
      workflowTemplateId: "main-workflow", workflowId: "main-workflow", workflowName: "Main",
      knowledgeBaseAccess: { processDocTags: [], processInstanceDocTags: [] },
      integrationUids: ["openai"], cost: 1,
      n8nWorkflowJsonBase64: readFileSync(WORKFLOW_FILES[0]).toString("base64"),
      triggers: [{
        triggerId: "6a0c", type: "http", method: "POST",
        url: "{{ORGSECRET_N8N_BASE_URL_TERCESORG}}/webhook/main",
        inputSchema: [{ key: "name", label: "Name", type: "string", required: true }],
      }],
    }],
  };
}
"""
WORKFLOW = '{\r\n  "name": "Grüße",\n  "nodes": []\n}\n'
SKILL = "---\nname: greeting\ndescription: Greets\nworkflowTemplateId: main-workflow\n---\n# Greeting\n"


@pytest.fixture
def use_case(tmp_path: Path) -> Path:
    folder = tmp_path / "use-case"
    (folder / "workflows").mkdir(parents=True)
    (folder / "skills" / "greeting").mkdir(parents=True)
    (folder / "config.ts").write_text(CONFIG, encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}\n', encoding="utf-8")
    (folder / "workflows" / "main-workflow.json").write_bytes(WORKFLOW.encode())
    (folder / "skills" / "greeting" / "SKILL.md").write_text(SKILL, encoding="utf-8")
    (folder / "documents").mkdir()
    (folder / "documents" / "1_brief.md").write_text("# Brief\n\nWhat it does.\n", encoding="utf-8")
    return folder


class Walk:
    """The walk through all commands that talk to the platform, line by line."""

    def __init__(self, tool: Tool, sandbox: Sandbox, use_case: Path, home: Path) -> None:
        self.tool = tool
        self.sandbox = sandbox
        self.use_case = use_case
        self.home = home
        self.at = ("--path", str(use_case))
        self.env = {
            "CODIKA_BASE_URL": sandbox.url,
            "CODIKA_PUBLIC_KEY_URL": f"{sandbox.url}/encryption/public.pem",
        }
        self.payload = home / "payload.json"
        self.payload.write_text('{"name": "Ada"}', encoding="utf-8")

    def says(self, *arguments: str, fails: int = 0) -> Any:
        """What a command says with --json; it must end with this exit code."""
        finished = self.tool.run(*arguments, "--json", config_home=self.home, env=self.env)
        assert finished.returncode == fails, (arguments, finished.stdout, finished.stderr)
        return json.loads(finished.stdout)

    def shows(self, *arguments: str) -> str:
        """What a command shows to people: a member that it misses would be "undefined"."""
        finished = self.tool.run(*arguments, config_home=self.home, env=self.env)
        assert finished.returncode == 0, (arguments, finished.stdout, finished.stderr)
        assert "undefined" not in finished.stdout
        assert "NaN" not in finished.stdout
        return finished.stdout

    def trigger(self, workflow: str, *more: str, fails: int = 0) -> Any:
        return self.says(
            "trigger", workflow, *self.at, "--payload-file", str(self.payload), *more, fails=fails
        )

    def project(self) -> dict[str, Any]:
        """The tool's project file."""
        content: dict[str, Any] = json.loads((self.use_case / "project.json").read_text(encoding="utf-8"))
        return content

    # The numbers are the lines of the conformance walk in the reference of the wire protocol.

    def sign_in(self) -> None:
        email = ("--email", EMAIL)
        # 1, 2: a code, and not a second one at once
        requested = self.says("auth", "signup-request", *email)
        assert requested == {"success": True, "data": {"email": EMAIL, "expiresInSeconds": 600}}
        refused = self.says("auth", "signup-request", *email, fails=1)
        assert (refused["status"], refused["error"]["code"]) == (429, "OTP_RESEND_COOLDOWN")
        assert 1 <= refused["error"]["details"]["retryInSeconds"] <= 30
        # 3: a wrong code
        code = self.sandbox.code_for(EMAIL)
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        refused = self.says("auth", "signup-complete", *email, "--code", wrong, fails=1)
        assert (refused["status"], refused["error"]["code"]) == (400, "OTP_INVALID")
        assert refused["error"]["details"] == {"attemptsRemaining": 4}
        # 4: the right one
        signed_up = self.says("auth", "signup-complete", *email, "--code", code, "--company", "Acme, Inc.")
        assert signed_up["data"]["profileName"] == "acme-inc"
        assert signed_up["data"]["isNewUser"] is True
        assert signed_up["data"]["apiKey"]["scopes"] == SCOPES
        config = self.home / "codika" / "config.json"
        if sys.platform != "win32":
            assert stat.S_IMODE(config.stat().st_mode) == 0o600
        first_key = json.loads(config.read_text(encoding="utf-8"))["profiles"]["acme-inc"]["apiKey"]
        # 5, 6: no second organization, but a second key for the same profile
        refused = self.says("auth", "signup-request", *email, fails=1)
        assert (refused["status"], refused["error"]["code"]) == (409, "USER_ALREADY_HAS_ORGANIZATION")
        self.says("auth", "login-request", *email)
        logged_in = self.says("auth", "login-complete", *email, "--code", self.sandbox.code_for(EMAIL))
        assert logged_in["data"]["profileName"] == "acme-inc"
        profiles = json.loads(config.read_text(encoding="utf-8"))["profiles"]
        assert list(profiles) == ["acme-inc"]
        assert profiles["acme-inc"]["apiKey"] != first_key
        # 7
        known = self.says("whoami")
        assert known["loggedIn"] is True
        assert "cached" not in known

    def deploy(self) -> str:
        # 8
        created = self.says("project", "create", "--name", "Greeter", *self.at)
        assert Path(created["projectJsonPath"]) == self.use_case / "project.json"
        project_id = str(created["data"]["projectId"])
        assert self.project()["projectId"] == project_id
        assert self.project()["organizationId"]
        # 9
        for version, local in (("1.0", "1.0.1"), ("1.1", "1.0.2")):
            deployed = self.says("deploy", "use-case", str(self.use_case))
            assert deployed["version"] == version
            assert deployed["deploymentStatus"] == "deployed"
            kept = json.loads((self.use_case / "version.json").read_text(encoding="utf-8"))
            assert kept["version"] == local
            assert any(version in folder.name or local in folder.name for folder in self.use_case.rglob("*"))
        assert self.project()["devProcessInstanceId"]
        documents = self.says("deploy", "documents", str(self.use_case))["documentsCreated"]
        assert [document["version"] for document in documents] == ["1.0.0"]
        # 10
        assert "Greeter" in self.shows("list", "projects")
        assert "Greeter" in self.shows("get", "project", project_id)
        assert "Greeter" in self.shows("list", "instances")
        assert "main-workflow" in self.shows("get", "instance", *self.at, "--workflows")
        assert "# Greeting" in self.shows("get", "skills", *self.at, "--stdout")
        out = self.home / "out"
        self.says("get", "use-case", project_id, str(out))
        for name, original in (
            ("config.ts", CONFIG),
            ("main-workflow.json", WORKFLOW),
            ("SKILL.md", SKILL),
        ):
            (fetched,) = out.rglob(name)
            assert fetched.read_bytes() == original.encode()
        return str(deployed["templateId"])

    def run(self, template_id: str) -> None:
        # 11, 12
        run = self.trigger("main-workflow", "--poll")
        assert run["success"] is True
        assert run["resultData"] == {"greeting": "Hello Ada"}
        refused = self.trigger("nope", fails=1)
        assert refused["success"] is False
        assert "nope" in json.dumps(refused)
        assert "name" in json.dumps(self.says("trigger", "main-workflow", *self.at, fails=1))
        # 13
        self.says("instance", "deactivate", *self.at)
        assert "not active" in json.dumps(self.trigger("main-workflow", fails=1))
        self.says("instance", "activate", *self.at)
        # 14
        second = self.trigger("main-workflow", "--poll")
        instance_id = self.project()["devProcessInstanceId"]
        listed = self.says("list", "executions", instance_id)["data"]["executions"]
        assert [entry["executionId"] for entry in listed] == [second["executionId"], run["executionId"]]
        assert "Showing 2 executions" in self.shows("list", "executions", instance_id)
        assert self.says("list", "executions", instance_id, "--failed-only")["data"]["executions"] == []
        details = ("get", "execution", run["executionId"], *self.at, "--deep", "--slim")
        record = self.says(*details)["execution"]["n8nExecution"]
        assert len(record["data"]["resultData"]["runData"]) == 2
        assert "_subExecutions" in record
        assert "workflowData" not in record
        assert "2" in self.shows(*details)
        # 15
        self.says("publish", template_id, *self.at)
        assert self.project()["prodProcessInstanceId"] != instance_id
        self.says("rerun", "deployment", *self.at, fails=1)
        self.says("rerun", "deployment", *self.at, "--force", "--param", "TONE=warm")

    def manage(self) -> None:
        # 16
        self.says("integration", "set", "openai", "--secret", "OPENAI_API_KEY=sk-1", *self.at)
        assert "openai" in self.shows("integration", "list", *self.at)
        pending = self.says("integration", "delete", "openai", *self.at, fails=2)
        assert pending["data"]["pendingDeactivations"]["count"] == 2
        deleted = self.says("integration", "delete", "openai", *self.at, "--confirm")
        assert deleted["data"]["deactivatedCount"] == 2
        assert self.says("integration", "schema", "openAiApi")["required"] == ["apiKey"]
        # 17
        project_id = self.project()["projectId"]
        note = ("notes", "upsert", project_id, "--type", "brief", "--summary", "s", "--content", "c")
        versions = [self.says(*note, *more)["data"]["version"] for more in ((), (), ("--major-change",))]
        assert versions == ["0.0.0", "0.0.1", "0.1.0"]
        assert "brief" in self.shows("notes", "get", project_id, "--type", "brief", "--history")
        assert "brief" in self.shows("notes", "list", project_id)
        # 18
        config = json.loads((self.home / "codika" / "config.json").read_text(encoding="utf-8"))
        owner_key = config["profiles"]["acme-inc"]["apiKey"]
        organization = ("--organization-id", self.project()["organizationId"])
        wishes = ("--name", "Reader", "--scopes", "skills:read")
        made = self.says("organization", "create-key", *organization, *wishes)
        key = ("--api-key", made["data"]["apiKey"])
        assert "projects:read" in json.dumps(self.says("list", "projects", *key, fails=1))
        self.says("get", "skills", *self.at, "--stdout", *key)
        # The tool goes on with the key that it has made, which may do no such thing.
        rename = ("organization", "update-key", "--key-id", made["data"]["keyId"], "--name", "Renamed")
        assert "api-keys:manage" in json.dumps(self.says(*rename, fails=1))
        updated = self.says(*rename, "--api-key", owner_key)
        assert updated["data"]["name"] == "Renamed"

    def start_an_organization(self) -> None:
        key = self.sandbox.personal_key(EMAIL)
        made = self.says("organization", "create", "--name", "Beta", "--api-key", key)
        assert made["data"]["organizationId"].startswith("org_")


def test_the_tool_works_from_sign_up_to_sign_off(codika_tool: Tool, tmp_path: Path, use_case: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with Sandbox() as sandbox:
        sandbox.workflow("main-workflow")(lambda payload: {"greeting": f"Hello {payload['name']}"})
        walk = Walk(codika_tool, sandbox, use_case, home)
        walk.sign_in()
        template_id = walk.deploy()
        walk.run(template_id)
        walk.manage()
        walk.start_an_organization()


# --- one folder, deployed by the tool and from a notebook in turn ----------------------------------


class Turns:
    """A sandbox, where the tool and a client deploy the same folders."""

    def __init__(self, tool: Tool, sandbox: Sandbox, home: Path) -> None:
        self.tool = tool
        self.sandbox = sandbox
        self.home = home
        self.profile: Profile = sign_in(
            EMAIL, ask_code=sandbox.code_for, company="Acme", base_url=sandbox.url, purpose="signup"
        )
        self.env = {"CODIKA_BASE_URL": sandbox.url, "CODIKA_API_KEY": self.profile.api_key}

    def tool_says(self, *arguments: str) -> Any:
        return self.tool.json(*arguments, config_home=self.home, env=self.env)

    def by_tool(self, folder: Path) -> str:
        deployed = self.tool_says("deploy", "use-case", str(folder))
        assert deployed["success"] is True, deployed
        return str(deployed["version"])

    def by_us(self, folder: Path) -> str:
        with Client(auth=self.profile.api_key, base_url=self.sandbox.url) as client:
            return client.deploy_use_case(folder).version

    def stored(self, folder: Path) -> dict[str, Any]:
        """What the archive has of the configuration, by version of the platform."""
        snapshots = folder.glob("deployments/*/process/*/config-snapshot.json")
        return {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in snapshots}


@pytest.fixture
def turns(
    codika_tool: Tool, tmp_path: Path, own_settings: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Turns]:
    monkeypatch.setenv("PATH", f"{codika_tool.node.parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "home").mkdir()
    with Sandbox() as sandbox:
        yield Turns(codika_tool, sandbox, tmp_path / "home")


def begun(folder: Path) -> None:
    UseCase.init(folder, name="Word counter")


def greeter_saved(folder: Path) -> None:
    UseCase.load(GREETER).save(folder)


def expense_claim_saved(folder: Path) -> None:
    UseCase.load(GREETER.parent / "expense-claim").save(folder)


def imported(folder: Path) -> None:
    whole = [given for given in ORDINARY.values() if isinstance(given, dict) and "nodes" in given]
    UseCase.from_n8n(whole, name="Everything").save(folder)


def made_in_python(folder: Path) -> None:
    greeter = UseCase.load(GREETER)
    workflow = (GREETER / "workflows" / "greet.json").read_text(encoding="utf-8")
    UseCase(greeter.configuration, {"greet": workflow}, skills=greeter.skills).save(folder)


@pytest.mark.parametrize("make", [begun, greeter_saved, expense_claim_saved, imported, made_in_python])
def test_folders_made_here_are_deployed_by_the_tool(
    turns: Turns, make: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = tmp_path / "ours"
    make(folder)
    said = turns.tool_says("verify", "use-case", str(folder))
    assert said["valid"] is True, said["findings"]

    versions = [turns.by_us(folder), turns.by_tool(folder), turns.by_us(folder)]

    assert versions == ["1.0", "1.1", "1.2"]
    stored = turns.stored(folder)
    assert stored["1.0"] == stored["1.1"] == stored["1.2"]
    assert json.dumps(stored["1.1"]) == json.dumps(stored["1.2"])
    assert json.loads((folder / "version.json").read_text(encoding="utf-8"))["version"] == "1.0.3"


def test_what_the_tool_deploys_from_a_folder_of_ours_comes_back_whole(turns: Turns, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    greeter_saved(folder)
    turns.by_us(folder)
    added = ("--additional-file", f"{folder / 'config.json'}:config.json")
    assert turns.tool_says("deploy", "use-case", str(folder), *added)["version"] == "1.1"

    with Client(auth=turns.profile.api_key, base_url=turns.sandbox.url) as client:
        client.get_use_case(project_of(folder), version="1.1", into=tmp_path / "back")

    back = UseCase.load(tmp_path / "back").deployment(project_id="p")
    assert back == UseCase.load(folder).deployment(project_id="p")


def into_theirs(turns: Turns, folder: Path) -> None:
    """A folder that the tool makes, and a person puts right."""
    made = turns.tool_says("init", str(folder), "--name", "Theirs", "--no-install", "--with-data-ingestion")
    assert made["success"] is True, made
    (folder / "node_modules").symlink_to(turns.tool.script.parents[3])
    # What this version of the tool writes into it does not close its texts where they end.
    written = (folder / "config.ts").read_text(encoding="utf-8")
    written = re.sub(r"`(workflows/|codika [a-z -]+ \.)`", r"\1", written)
    (folder / "config.ts").write_text(written, encoding="utf-8")


def test_folders_made_by_the_tool_are_deployed_here(turns: Turns, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    into_theirs(turns, folder)

    versions = [turns.by_tool(folder), turns.by_us(folder), turns.by_tool(folder), turns.by_us(folder)]

    assert versions == ["1.0", "1.1", "1.2", "1.3"]
    with Client(auth=turns.profile.api_key, base_url=turns.sandbox.url) as client:
        assert len(client.list_projects()) == 1
        for version in versions[:2]:
            with pytest.warns(UserWarning, match="is a program"):
                client.get_use_case(project_of(folder), version=version, into=tmp_path / version)
    names = [{file.name for file in (tmp_path / v).rglob("*") if file.is_file()} for v in versions[:2]]
    assert names[0] == names[1]


def test_documents_and_ingestion_of_a_folder_are_the_tools(turns: Turns, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    into_theirs(turns, folder)
    (folder / "documents").mkdir()
    (folder / "documents" / "1_business_requirements.md").write_text("# Why\n\nBecause.\n", "utf-8")
    turns.by_tool(folder)

    theirs = turns.tool_says("deploy", "documents", str(folder))
    ingested = turns.tool_says("deploy", "process-data-ingestion", str(folder))
    with Client(auth=turns.profile.api_key, base_url=turns.sandbox.url) as client:
        ours = client.deploy_documents(folder)
        deployed = client.deploy_data_ingestion(folder)

    assert theirs["success"] is True
    assert [document.version for document in ours] == ["1.1.0"]
    assert (ingested["version"], deployed.version) == ("1.0", "1.1")
    assert json.loads((folder / "version.json").read_text("utf-8"))["dataIngestionVersion"] == "1.0.2"
    archive = folder / "deployments" / project_of(folder) / "data-ingestion"
    files = [{file.name for file in (archive / version).iterdir()} for version in ("1.0", "1.1")]
    assert files[0] == files[1]
    snapshots = [
        (archive / version / "config-snapshot.json").read_text("utf-8") for version in ("1.0", "1.1")
    ]
    assert snapshots[0] == snapshots[1]
    infos = [json.loads((archive / v / "deployment-info.json").read_text("utf-8")) for v in ("1.0", "1.1")]
    assert set(infos[0]) - {"requestId"} == set(infos[1])
    entries = json.loads((folder / "project.json").read_text("utf-8"))["dataIngestionDeployments"]
    assert set(entries["1.0"]) == set(entries["1.1"])


def project_of(folder: Path) -> str:
    return str(json.loads((folder / "project.json").read_text(encoding="utf-8"))["projectId"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_triggers_with_every_credential_and_reads_json_errors() -> None:
    """Lines 19 and 20 of the walk."""
    with Sandbox() as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform)
        path = f"/webhook/{deployed.instance_id}/greet"
        instance_key = sandbox.instance_key(deployed.instance_id)
        secrets = [sandbox.webhook_secret(deployed.instance_id, "greet") for _ in range(2)]
        body = '{"payload": {"name": "Ada"}}'

        def curl(*arguments: str, path: str = path) -> tuple[int, Any]:
            command = ["curl", "--silent", "--noproxy", "*", "--write-out", "\n%{http_code} %{content_type}"]
            finished = subprocess.run(
                [*command, *arguments, f"{sandbox.url}{path}"], capture_output=True, text=True, check=True
            )
            content, _, about = finished.stdout.rpartition("\n")
            status, _, content_type = about.partition(" ")
            assert content_type == "application/json"
            return int(status), json.loads(content)

        def trigger(*headers: str, query: str = "") -> int:
            arguments = [part for header in headers for part in ("--header", header)]
            status, answer = curl(*arguments, "--data", body, path=path + query)
            assert answer["success"] is (status == 200)
            return status

        def signed(secret: str, message_id: str, late: int = 0) -> tuple[str, ...]:
            sent = int(time.time()) - late
            signature = sign(secret, message_id, sent, body.encode())
            values = (message_id, str(sent), signature)
            return tuple(f"{name}: {value}" for name, value in zip(SIGNATURE_HEADERS, values, strict=True))

        assert trigger(f"X-API-Key: {instance_key}") == 200
        assert trigger(query=f"?api_key={instance_key}") == 200
        assert trigger(f"X-Process-Manager-Key: {deployed.key}") == 200
        assert trigger(*signed(secrets[0], "msg_1")) == 200
        assert trigger(*signed(secrets[0], "msg_2", late=600)) == 401
        assert trigger(*signed("whsec_" + "A" * 32, "msg_3")) == 401
        assert trigger(*signed(secrets[1], "msg_4")) == 200
        assert trigger() == 401

        assert curl(path="/nowhere")[0] == 404
        assert curl("--request", "DELETE")[0] == 405
        key = f"X-Process-Manager-Key: {deployed.key}"
        status, answer = curl("--header", key, "--data", "<html>", path="/createprojectviaapikey")
        assert (status, answer["error"]["code"]) == (400, "INVALID_REQUEST")
