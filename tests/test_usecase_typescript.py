"""A platform's own config.ts: read by Node, deployed as the codika tool deploys it."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from codika_nb.errors import UseCaseError
from codika_nb.usecases import config_ts as source
from codika_nb.usecases.usecase import UseCase
from tests.codika_tool import Tool, codika_tool

__all__ = ["codika_tool"]

HEAD = """\
import { dirname, join } from 'path';
import { fileURLToPath } from 'url';
import { loadAndEncodeWorkflow, type ProcessDeploymentConfigurationInput } from 'codika';

const here: string = dirname(fileURLToPath(import.meta.url));
export const WORKFLOW_FILES = [
  join(here, 'workflows/greet.json'),
];
"""


def typescript(configuration: Any) -> str:
    """The configuration of the greeter as people write it for the codika tool."""
    workflow = configuration["workflows"][0]
    workflow |= {
        "workflowId": "greet",
        "knowledgeBaseAccess": {"processDocTags": [], "processInstanceDocTags": []},
        "n8nWorkflowJsonBase64": "ENCODED",
    }
    for trigger in workflow["triggers"]:
        trigger["triggerId"] = "UUID"
    members = re.sub(r'"(\w+)":', r"\1:", json.dumps({**configuration, "integrationUids": []}, indent=2))
    members = members.replace('"UUID"', "crypto.randomUUID()")
    members = members.replace('"ENCODED"', "loadAndEncodeWorkflow(WORKFLOW_FILES[0])")
    return (
        f"{HEAD}\nexport function getConfiguration(): ProcessDeploymentConfigurationInput {{\n"
        f"  console.log('{{\"configuration\": 1}}');\n  return {members};\n}}\n"
    )


@pytest.fixture
def node(codika_tool: Tool, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """The Node that the tool runs on, as the first one that is found."""
    monkeypatch.setenv("PATH", f"{codika_tool.node.parent}{os.pathsep}{os.environ['PATH']}")
    return codika_tool


@pytest.fixture
def folder(greeter: Path, node: Tool) -> Path:
    """The greeter, configured in TypeScript."""
    configuration = json.loads((greeter / "config.json").read_text(encoding="utf-8"))
    configuration["workflows"][0]["triggers"][0]["title"] = None
    (greeter / "config.json").unlink()
    (greeter / "config.ts").write_text(typescript(configuration), encoding="utf-8")
    (greeter / "node_modules").symlink_to(node.script.parents[3])
    return greeter


class Stub(BaseHTTPRequestHandler):
    """Says yes to a deployment and keeps what was sent."""

    sent: Any = None

    def do_POST(self) -> None:
        type(self).sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data = {
            "templateId": "t",
            "version": "1.0",
            "isNewProcess": True,
            "processId": "p",
            "deploymentInstanceId": "d",
            "workflowsDeployed": [],
            "deploymentStatus": "deployed",
        }
        answer = json.dumps({"success": True, "data": data, "requestId": "r"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Stub) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_the_request_is_the_tools_own_but_for_ids(
    folder: Path, node: Tool, server: str, tmp_path: Path
) -> None:
    (tmp_path / "brief.yaml").write_text("for: Ada", encoding="utf-8")
    use_case = UseCase.load(folder)
    use_case.add_file(tmp_path / "brief.yaml", "docs/brief.yaml")
    ours = use_case.deployment(project_id="p1")

    (folder / "project.json").write_text('{"projectId": "p1"}', encoding="utf-8")
    added = ["--additional-file", f"{tmp_path / 'brief.yaml'}:docs/brief.yaml"]
    key = [*added, "--api-url", server + "/deployprocessusecase", "--api-key", "cko_" + "x" * 40]
    finished = node.run("deploy", "use-case", str(folder), *key, config_home=tmp_path)

    assert finished.returncode == 0, finished.stderr
    theirs = Stub.sent
    for body in (ours, theirs):
        trigger = body["configuration"]["workflows"][0]["triggers"][0]
        assert re.fullmatch(r"[0-9a-f-]{36}", trigger.pop("triggerId"))
        assert trigger["title"] is None
    assert json.loads(json.dumps(ours)) == theirs


def test_what_the_configuration_prints_and_knows_is_its_own_affair(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODIKA_API_KEY", "cko_secret")
    monkeypatch.setenv("NODE_OPTIONS", "--no-such-option")
    text = (folder / "config.ts").read_text(encoding="utf-8")
    text = text.replace('"Greeter"', "JSON.stringify(Object.keys(process.env))")
    (folder / "config.ts").write_text(text, encoding="utf-8")

    use_case = UseCase.load(folder)

    assert "PATH" in use_case.configuration.title
    assert not {"CODIKA_API_KEY", "NODE_OPTIONS"} & set(json.loads(use_case.configuration.title))
    assert capfd.readouterr() == ("", "")
    assert use_case.verify() == []


def test_the_workflow_that_the_configuration_carries_is_the_one(folder: Path) -> None:
    text = (folder / "config.ts").read_text(encoding="utf-8")
    own = "Buffer.from('{\"nodes\": [], \"connections\": {}}').toString('base64')"
    (folder / "config.ts").write_text(
        text.replace("loadAndEncodeWorkflow(WORKFLOW_FILES[0])", own), encoding="utf-8"
    )

    use_case = UseCase.load(folder)

    sent = use_case.deployment(project_id="p1")["configuration"]["workflows"][0]["n8nWorkflowJsonBase64"]
    assert len(sent) < 100
    assert "WORKFLOW-SETTINGS" in {
        finding.rule for finding in use_case.verify() if finding.path == "config.ts"
    }

    broken = "Buffer.from('{\"nodes\": [,]}').toString('base64')"
    (folder / "config.ts").write_text(
        text.replace("loadAndEncodeWorkflow(WORKFLOW_FILES[0])", broken), encoding="utf-8"
    )
    with pytest.raises(UseCaseError, match=r"workflows\[0\]\.n8nWorkflowJsonBase64, line 1, column 12"):
        UseCase.load(folder)


def test_a_workflow_may_be_called_differently_from_its_file(folder: Path, tmp_path: Path) -> None:
    (folder / "workflows" / "greet.json").rename(folder / "workflows" / "other.json")
    text = (folder / "config.ts").read_text(encoding="utf-8").replace("greet.json", "other.json")
    (folder / "config.ts").write_text(text, encoding="utf-8")

    use_case = UseCase.load(folder)

    assert use_case.verify() == []
    assert [d.relative_path for d in use_case.documents][:2] == ["config.ts", "workflows/other.json"]
    use_case.save(tmp_path / "saved")
    assert UseCase.load(tmp_path / "saved").verify() == []


def test_the_list_of_workflow_files_is_the_folders(folder: Path) -> None:
    (folder / "workflows" / "extra.json").write_text("{}", encoding="utf-8")
    text = (folder / "config.ts").read_text(encoding="utf-8")
    listed = "join(here, 'workflows/greet.json'), join(here, 'workflows/gone.json')"
    (folder / "config.ts").write_text(text.replace("join(here, 'workflows/greet.json')", listed), "utf-8")

    found = [f for f in UseCase.load(folder).verify() if f.rule == "CONFIG-WORKFLOWS"]

    assert [(f.path, f.severity) for f in found] == [("config.ts", "must"), ("workflows/extra.json", "must")]
    assert "workflows/gone.json" in found[0].message


def test_listed_files_are_those_of_the_folder_wherever_the_kernel_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "config.ts").read_text(encoding="utf-8")
    text = text.replace("join(here, 'workflows/greet.json')", "'workflows/greet.json'")
    (folder / "config.ts").write_text(text, encoding="utf-8")

    for place in (folder, folder.parent):
        monkeypatch.chdir(place)
        assert UseCase.load(folder).verify() == []
        assert UseCase.load(os.path.relpath(folder)).verify() == []

    linked = folder.with_name("linked")
    linked.symlink_to(folder)
    absolute = text.replace("'workflows/greet.json'", "join(here, 'workflows/greet.json')")
    (folder / "config.ts").write_text(absolute, encoding="utf-8")
    assert UseCase.load(linked).verify() == []
    (folder / "config.ts").write_text(f"{text}\nnosuch();\n", encoding="utf-8")
    with pytest.raises(UseCaseError, match=r"^config\.ts, line \d+: ReferenceError"):
        UseCase.load(linked)

    (folder / "config.ts").write_text(
        text.replace("export const WORKFLOW_FILES", "const WORKFLOW_FILES"), "utf-8"
    )
    (found,) = UseCase.load(folder).verify()
    assert (found.rule, found.path) == ("CONFIG-WORKFLOWS", "config.ts")
    assert "exports no WORKFLOW_FILES" in found.message


def test_the_helpers_of_the_package_need_no_installation(folder: Path) -> None:
    (folder / "node_modules").unlink()

    use_case = UseCase.load(folder)

    assert use_case.verify() == []
    sent = use_case.deployment(project_id="p1")["configuration"]["workflows"][0]["n8nWorkflowJsonBase64"]
    assert base64.b64decode(sent) == (folder / "workflows" / "greet.json").read_bytes()


@pytest.mark.parametrize(
    ("names", "encoded"),
    [
        ("encodeWorkflowFromString", "encodeWorkflowFromString(readFileSync(WORKFLOW_FILES[0], 'utf8'))"),
        (
            "loadWorkflowJson, encodeWorkflowToBase64",
            "encodeWorkflowToBase64(loadWorkflowJson(WORKFLOW_FILES[0]))",
        ),
        (
            "decodeWorkflowFromBase64, encodeWorkflowToBase64, loadAndEncodeWorkflow",
            "encodeWorkflowToBase64(decodeWorkflowFromBase64(loadAndEncodeWorkflow(WORKFLOW_FILES[0])))",
        ),
    ],
)
def test_every_helper_for_workflows_needs_no_installation(folder: Path, names: str, encoded: str) -> None:
    (folder / "node_modules").unlink()
    text = (folder / "config.ts").read_text(encoding="utf-8")
    text = text.replace("loadAndEncodeWorkflow(WORKFLOW_FILES[0])", encoded)
    text = text.replace(
        "import { loadAndEncodeWorkflow,", f"import {{ readFileSync }} from 'fs';\nimport {{ {names},"
    )
    (folder / "config.ts").write_text(text, encoding="utf-8")

    use_case = UseCase.load(folder)

    assert use_case.verify() == []
    sent = use_case.deployment(project_id="p1")["configuration"]["workflows"][0]["n8nWorkflowJsonBase64"]
    original = json.loads((folder / "workflows" / "greet.json").read_bytes())
    assert json.loads(base64.b64decode(sent)) == original


def test_another_helper_of_the_package_asks_for_it(folder: Path) -> None:
    (folder / "node_modules").unlink()
    text = (folder / "config.ts").read_text(encoding="utf-8")
    text = text.replace("import { loadAndEncodeWorkflow,", "import { readSkillFiles, loadAndEncodeWorkflow,")
    (folder / "config.ts").write_text(text, encoding="utf-8")

    with pytest.raises(UseCaseError, match="does not provide an export named 'readSkillFiles'") as refusal:
        UseCase.load(folder)

    assert "npm install" in str(refusal.value.next_action)


def test_the_persons_variables_are_there_but_for_secrets(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "config.ts").read_text(encoding="utf-8")
    read = text.replace('"Greeter"', "process.env.MY_TITLE ?? 'unset'")
    (folder / "config.ts").write_text(read, encoding="utf-8")
    monkeypatch.setenv("MY_TITLE", "Production")
    monkeypatch.setenv("MY_KEY", "hush")

    assert UseCase.load(folder).configuration.title == "Production"

    for reads in ("process.env.MY_KEY!.toUpperCase()", "'MY_KEY' in process.env ? 'there' : 'gone'"):
        read = text.replace('"Greeter"', reads)
        (folder / "config.ts").write_text(read, encoding="utf-8")
        with pytest.raises(UseCaseError, match=r"config\.ts, line \d+: .*reads MY_KEY, which is withheld"):
            UseCase.load(folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("export function getConfiguration() { return { title: 1n }; }\n", "config.ts: TypeError: "),
        ("const x: number = 1;\nconst s = `a `b` c`;\n", "config.ts, line 2: SyntaxError: "),
        ("export const x = 1;\n", "does not export a function getConfiguration"),
        ("export async function getConfiguration() { return {}; }\n", "gives a promise"),
        (
            "import { x } from './values.ts';\nexport function getConfiguration() { return {}; }\n",
            "values.ts, line 2: Error: no value",
        ),
        ("import 'no-such-package';\n", "config.ts: Error: Cannot find package 'no-such-package'"),
        ("\nexport function getConfiguration() { throw 'a\\nb'; }\n", "config.ts: Error: a b"),
        ("export function getConfiguration() { return { title: 'T' }; }\n", "config.ts: description: "),
        ("export function getConfiguration() {}\n", "config.ts: (the whole): "),
        ("process.exit(3);\n", "ended Node (exit code 3)"),
    ],
)
def test_an_error_is_told_with_its_place(folder: Path, text: str, words: str) -> None:
    (folder / "config.ts").write_text(text, encoding="utf-8")
    (folder / "values.ts").write_text("export const x = 1;\nthrow new Error('no value');\n", encoding="utf-8")

    with pytest.raises(UseCaseError) as refused:
        UseCase.load(folder)

    assert words in refused.value.message
    assert len(str(refused.value).splitlines()) <= 2


def test_a_configuration_that_never_ends_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_TYPESCRIPT_PATIENCE", 1.0)
    (folder / "config.ts").write_text("while (true) {}\n", encoding="utf-8")
    started = time.monotonic()

    with pytest.raises(UseCaseError, match="has not given its configuration"):
        UseCase.load(folder)

    assert time.monotonic() - started < 10


@pytest.mark.skipif(sys.platform == "win32", reason="a stand-in for Node that is a shell script")
@pytest.mark.parametrize(
    ("script", "has"),
    [
        (None, "this machine has none"),
        ("echo v20.20.2", "this machine has v20.20.2"),
        ("echo v22.5.1", "this machine has v22.5.1"),
        ("exit 1", "this machine has none"),
    ],
)
def test_without_a_node_that_can_read_it_the_way_out_is_told(
    greeter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, has: str
) -> None:
    (greeter / "config.json").rename(greeter / "config.ts")
    programs = tmp_path / "programs"
    programs.mkdir()
    if script:
        (programs / "node").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (programs / "node").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))

    with pytest.raises(UseCaseError) as refused:
        UseCase.load(greeter)

    assert "Node 22.6 or later" in refused.value.message
    assert has in refused.value.message
    assert "config.json" in str(refused.value.next_action)


def test_where_another_configuration_is_written_no_node_is_needed(
    greeter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (greeter / "config.ts").write_text("not read", encoding="utf-8")
    monkeypatch.setenv("PATH", "")

    assert UseCase.load(greeter).documents[0].relative_path == "config.json"
