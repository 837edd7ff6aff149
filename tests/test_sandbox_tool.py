"""The real ``codika`` tool against the sandbox: every command that talks to the platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codika_nb.sandbox import Sandbox

from .codika_tool import Tool, codika_tool

__all__ = ["codika_tool"]

EMAIL = "ada@example.com"

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


def test_the_tool_works_from_sign_up_to_sign_off(codika_tool: Tool, tmp_path: Path, use_case: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with Sandbox() as sandbox:
        sandbox.workflow("main-workflow")(lambda payload: {"greeting": f"Hello {payload['name']}"})
        env = {
            "CODIKA_BASE_URL": sandbox.url,
            "CODIKA_PUBLIC_KEY_URL": f"{sandbox.url}/encryption/public.pem",
        }

        def tool(*arguments: str, fails: int = 0) -> Any:
            finished = codika_tool.run(*arguments, "--json", config_home=home, env=env)
            assert finished.returncode == fails, (arguments, finished.stdout, finished.stderr)
            return json.loads(finished.stdout)

        def shown(*arguments: str) -> str:
            finished = codika_tool.run(*arguments, config_home=home, env=env)
            assert finished.returncode == 0, (arguments, finished.stdout, finished.stderr)
            assert "undefined" not in finished.stdout
            return finished.stdout

        _sign_in(tool, sandbox)
        _deploy_and_run(tool, shown, use_case, tmp_path)
        _manage(tool, shown, use_case)


def _sign_in(tool: Callable[..., Any], sandbox: Sandbox) -> None:
    email = ("--email", EMAIL)
    assert tool("auth", "signup-request", *email)["data"]["expiresInSeconds"] == 600
    refused = tool("auth", "signup-request", *email, fails=1)
    assert (refused["status"], refused["error"]["code"]) == (429, "OTP_RESEND_COOLDOWN")
    code = sandbox.code_for(EMAIL)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    refused = tool("auth", "signup-complete", *email, "--code", wrong, fails=1)
    assert refused["error"]["details"] == {"attemptsRemaining": 4}
    signed_up = tool("auth", "signup-complete", *email, "--code", code, "--company", "Acme, Inc.")
    assert signed_up["data"]["profileName"] == "acme-inc"
    assert len(signed_up["data"]["apiKey"]["scopes"]) == 10
    refused = tool("auth", "signup-request", *email, fails=1)
    assert refused["error"]["code"] == "USER_ALREADY_HAS_ORGANIZATION"
    tool("auth", "login-request", *email)
    logged_in = tool("auth", "login-complete", *email, "--code", sandbox.code_for(EMAIL))
    assert logged_in["data"]["profileName"] == "acme-inc"
    known = tool("whoami")
    assert known["loggedIn"] is True
    assert "cached" not in known


def _deploy_and_run(
    tool: Callable[..., Any], shown: Callable[..., str], use_case: Path, tmp_path: Path
) -> None:
    at = ("--path", str(use_case))
    project_id = tool("project", "create", "--name", "Greeter", *at)["data"]["projectId"]
    assert tool("deploy", "use-case", str(use_case))["version"] == "1.0"
    deployed = tool("deploy", "use-case", str(use_case))
    assert deployed["version"] == "1.1"
    assert tool("deploy", "documents", str(use_case))["documentsCreated"][0]["version"] == "1.0.0"
    assert "Greeter" in shown("list", "projects")
    assert "Greeter" in shown("get", "project", project_id)
    assert "Greeter" in shown("list", "instances")
    assert "main-workflow" in shown("get", "instance", *at, "--workflows")
    assert "# Greeting" in shown("get", "skills", *at, "--stdout")
    out = tmp_path / "out"
    tool("get", "use-case", project_id, str(out))
    (fetched,) = out.rglob("main-workflow.json")
    assert fetched.read_bytes() == WORKFLOW.encode()

    payload = tmp_path / "payload.json"
    payload.write_text('{"name": "Ada"}', encoding="utf-8")
    run = tool("trigger", "main-workflow", *at, "--payload-file", str(payload), "--poll")
    assert run["resultData"] == {"greeting": "Hello Ada"}
    assert "nope" in tool("trigger", "nope", *at, fails=1)["error"]["message"]
    tool("trigger", "main-workflow", *at, fails=1)  # the name is missing
    tool("instance", "deactivate", *at)
    assert "not active" in json.dumps(
        tool("trigger", "main-workflow", *at, "--payload-file", str(payload), fails=1)
    )
    tool("instance", "activate", *at)
    instance_id = json.loads((use_case / "project.json").read_text(encoding="utf-8"))["devProcessInstanceId"]
    listed = tool("list", "executions", instance_id)["data"]["executions"]
    assert [entry["executionId"] for entry in listed] == [run["executionId"]]
    shown("list", "executions", instance_id)
    assert "2" in shown("get", "execution", run["executionId"], *at, "--deep", "--slim")
    tool("publish", deployed["templateId"], *at)
    assert "prodProcessInstanceId" in (use_case / "project.json").read_text(encoding="utf-8")
    tool("rerun", "deployment", *at, fails=1)
    tool("rerun", "deployment", *at, "--force", "--param", "TONE=warm")


def _manage(tool: Callable[..., Any], shown: Callable[..., str], use_case: Path) -> None:
    at = ("--path", str(use_case))
    tool("integration", "set", "openai", "--secret", "OPENAI_API_KEY=sk-1", *at)
    assert "openai" in shown("integration", "list", *at)
    pending = tool("integration", "delete", "openai", *at, fails=2)
    assert pending["data"]["pendingDeactivations"]["count"] == 2
    assert tool("integration", "delete", "openai", *at, "--confirm")["data"]["deactivatedCount"] == 2
    assert tool("integration", "schema", "openAiApi")["required"] == ["apiKey"]

    project = json.loads((use_case / "project.json").read_text(encoding="utf-8"))
    note = ("notes", "upsert", project["projectId"], "--type", "brief", "--summary", "s", "--content", "c")
    versions = [tool(*note, *more)["data"]["version"] for more in ((), (), ("--major-change",))]
    assert versions == ["0.0.0", "0.0.1", "0.1.0"]
    assert "brief" in shown("notes", "get", project["projectId"], "--type", "brief", "--history")
    assert "brief" in shown("notes", "list", project["projectId"])

    organization = ("--organization-id", project["organizationId"])
    made = tool("organization", "create-key", *organization, "--name", "Reader", "--scopes", "skills:read")
    key = ("--api-key", made["data"]["apiKey"])
    assert "projects:read" in json.dumps(tool("list", "projects", *key, fails=1))
    tool("get", "skills", *at, "--stdout", *key)
