from __future__ import annotations

import base64
import copy
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codika_nb.configuration import Configuration, HttpTrigger, Workflow
from codika_nb.errors import ConfigError, UseCaseError
from codika_nb.models import Deployment
from codika_nb.usecases.rules.findings import Findings
from codika_nb.usecases.usecase import UseCase
from codika_nb.usecases.versions import version_rule

PRODUCTION = "https://api.codika.io"
SANDBOX = "http://127.0.0.1:8765"


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def write(file: Path, value: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = value if isinstance(value, str) else json.dumps(value)
    file.write_text(text, encoding="utf-8")


def change(file: Path, by: Callable[[Any], Any]) -> None:
    """Read a JSON file, change what is in it, write it back."""
    content = read(file)
    by(content)
    write(file, content)


def refusal(folder: Path) -> UseCaseError:
    with pytest.raises(UseCaseError) as refused:
        UseCase.load(folder)
    assert len(str(refused.value).splitlines()) <= 2
    return refused.value


def deployed(**members: Any) -> Deployment:
    answer = {
        "templateId": "template-1",
        "version": "1.0",
        "isNewProcess": True,
        "processId": "process-1",
        "processInstanceId": "instance-1",
        "deploymentInstanceId": "deployment-1",
        "workflowsDeployed": [{"workflowTemplateId": "greet", "n8nWorkflowId": "n1", "status": "active"}],
        "deploymentStatus": "deployed",
    }
    return Deployment.model_validate({**answer, **members})


# --- reading ---------------------------------------------------------------------------------------


def test_a_folder_is_read(greeter: Path) -> None:
    use_case = UseCase.load(greeter)

    assert use_case.path == greeter
    assert use_case.configuration.title == "Greeter"
    assert [workflow.workflow_template_id for workflow in use_case.configuration.workflows] == ["greet"]
    assert [(skill.name, skill.workflow_template_id) for skill in use_case.skills] == [
        ("greet-someone", "greet")
    ]
    assert use_case.project is None
    assert use_case.version == "1.0.0"


def test_the_path_may_be_relative_and_a_text(greeter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(greeter.parent)
    use_case = UseCase.load("greeter")
    monkeypatch.chdir("/")

    use_case.record_project("p1", None)

    assert read(greeter / "project.json") == {"projectId": "p1"}


def test_a_path_in_the_place_of_a_configuration_is_told_how_it_is_read(greeter: Path) -> None:
    for path in (greeter, str(greeter)):
        with pytest.raises(UseCaseError, match=r"this is a path") as refused:
            UseCase(path)  # type: ignore[arg-type]
        assert "UseCase.load(path)" in str(refused.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere") in refusal(tmp_path / "nowhere").message


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "config.json").unlink(), "no config.ts"),
        (lambda f: (f / "config.py").touch(), "both"),
        (lambda f: shutil.rmtree(f / "workflows"), "no folder workflows"),
        (lambda f: (f / "workflows" / "greet.json").unlink(), "holds no workflow"),
        (lambda f: write(f / "config.json", '{"title":\n  oops}'), "config.json, line 2, column 3"),
        (lambda f: write(f / "config.json", "[]"), "config.json: an object"),
        (
            lambda f: write(f / "workflows" / "greet.json", '{\n "nodes": [,]}'),
            "greet.json, line 2, column 12",
        ),
        (lambda f: write(f / "workflows" / "greet.json", "null"), "greet.json: an object"),
        (lambda f: write(f / "workflows" / "greet.json", '{"a": NaN}'), "greet.json: NaN"),
        (lambda f: (f / "workflows" / "greet.json").write_bytes(b'{\n"a": "\xff"}'), "greet.json, line 2"),
        (
            lambda f: (f / "workflows" / "greet.json").rename(f / "workflows" / "hello.json"),
            'config.json: workflows[0].workflowTemplateId: "greet" has no file workflows/greet.json',
        ),
        (
            lambda f: change(f / "config.json", lambda c: c["workflows"].append(c["workflows"][0])),
            "config.json: workflows[1].workflowTemplateId",
        ),
        (lambda f: write(f / "project.json", '{"projectId": '), "project.json, line 1"),
        (
            lambda f: write(f / "project.json", {"organizationId": "o"}),
            "project.json: projectId: Field required",
        ),
        (lambda f: write(f / "version.json", {"version": "1.0"}), "version.json: version: '1.0'"),
    ],
)
def test_a_broken_folder_is_refused_with_the_place(
    greeter: Path, break_it: Callable[[Path], Any], words: str
) -> None:
    break_it(greeter)

    refused = refusal(greeter)

    assert words in refused.message


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda c: c.pop("title"), "config.json: title: Field required"),
        (lambda c: c.update(workflows=[]), "config.json: workflows: "),
        (
            lambda c: c["workflows"][0]["triggers"].__setitem__(0, {"type": "schedule", "timezone": "UTC"}),
            "config.json: workflows[0].triggers[0].cronExpression: Field required; "
            "workflows[0].triggers[0].humanReadable: Field required; "
            "workflows[0].triggers[0].manualTriggerUrl: Field required",
        ),
        (
            lambda c: c["workflows"][0]["triggers"][0].update(type="webhook"),
            'workflows[0].triggers[0]: type "webhook" is none of http, schedule,',
        ),
        (
            lambda c: c["workflows"][0]["triggers"][0].pop("type"),
            "workflows[0].triggers[0]: type: Field required",
        ),
        (
            lambda c: c["workflows"][0]["triggers"][0]["inputSchema"][1].pop("options"),
            "config.json: workflows[0].triggers[0].inputSchema[1].options: Field required",
        ),
        (
            lambda c: c["workflows"][0]["outputSchema"][0].update(type="strin"),
            'workflows[0].outputSchema[0]: type "strin" is none of string, text,',
        ),
    ],
)
def test_a_wrong_member_is_named_as_in_the_persons_file(
    greeter: Path, break_it: Callable[[Any], Any], words: str
) -> None:
    change(greeter / "config.json", break_it)

    assert words in refusal(greeter).message


def test_five_wrong_members_are_named_and_the_others_counted(greeter: Path) -> None:
    write(greeter / "config.json", {"title": 1, "tags": [1, 2, 3, 4], "workflows": 5})

    message = refusal(greeter).message

    assert message.count(";") == 5
    assert message.endswith("; and 2 more")


def test_a_configuration_from_windows_is_read(greeter: Path) -> None:
    content = (greeter / "config.json").read_text(encoding="utf-8").replace("\n", "\r\n")
    (greeter / "config.json").write_bytes(b"\xef\xbb\xbf" + content.encode())

    assert UseCase.load(greeter).configuration.title == "Greeter"


def test_deployment_parameters_may_stand_without_quotes(greeter: Path) -> None:
    file = greeter / "workflows" / "greet.json"
    text = file.read_text(encoding="utf-8").replace(
        '"rightValue": true', '"rightValue": {{INSTPARM_X_MRAPTSNI}}'
    )
    write(file, text)

    use_case = UseCase.load(greeter)

    assert {finding.rule for finding in use_case.verify()} == {"INSTPARM-REFERENCES"}
    assert use_case.configuration.workflows[0].workflow_template_id == "greet"


def test_hidden_files_and_folders_are_nobodys(greeter: Path) -> None:
    write(greeter / "workflows" / ".ipynb_checkpoints" / "greet-checkpoint.json", "{")
    write(greeter / "workflows" / "._greet.json", "{")
    (greeter / "skills" / ".ipynb_checkpoints").mkdir()

    use_case = UseCase.load(greeter)

    assert [document.relative_path for document in use_case.documents] == [
        "config.json",
        "workflows/greet.json",
        "skills/greet-someone/SKILL.md",
    ]
    assert use_case.verify() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\nname: a: b\n: x\nname: last\ndescription:  d \n---\nbody", ("last", "d", "folder")),
        ("---\r\nname: n\r\nworkflowTemplateId: w\r\n---\r\n", ("n", "", "w")),
        ("\n---\nname: n\n---\n", ("folder", "", "folder")),
        ("no front matter", ("folder", "", "folder")),
        ("---\n---\nname: n\n---\n", ("n", "", "folder")),
    ],
)
def test_front_matter_is_read_as_the_tool_reads_it(
    greeter: Path, text: str, expected: tuple[str, str, str]
) -> None:
    (greeter / "skills" / "folder").mkdir()
    (greeter / "skills" / "folder" / "SKILL.md").write_bytes(text.encode())

    skill = UseCase.load(greeter).skills[0]

    assert (skill.name, skill.description, skill.workflow_template_id) == expected
    assert skill.content_markdown == text


# --- config.py -------------------------------------------------------------------------------------


@pytest.fixture
def python_greeter(greeter: Path) -> Path:
    """The greeter, configured in Python; `write` its config.py."""
    (greeter / "config.json").unlink()
    return greeter


MODEL_CONFIG = """
from codika_nb.configuration import Configuration, HttpTrigger, Workflow, webhook_url
from forms import TITLE

configuration = Configuration(
    title=TITLE,
    description="d",
    workflows=[Workflow(workflow_template_id="greet", triggers=[HttpTrigger(url=webhook_url("greet"))])],
)
"""


def test_a_configuration_may_be_made_of_models(python_greeter: Path) -> None:
    write(python_greeter / "config.py", MODEL_CONFIG)
    write(python_greeter / "forms.py", "TITLE = 'Made in Python'")

    use_case = UseCase.load(python_greeter)

    assert use_case.configuration.title == "Made in Python"
    assert use_case.verify() == []
    assert use_case.documents[0].relative_path == "config.py"
    assert use_case.documents[0].content_type == "text/x-python"


def test_a_configuration_may_be_a_function_that_returns_a_dictionary(greeter: Path) -> None:
    (greeter / "config.json").rename(greeter / "settings.json")
    write(
        greeter / "config.py",
        "import json, pathlib\n"
        "def get_configuration():\n"
        "    return json.loads(pathlib.Path(__file__).with_name('settings.json').read_text())\n",
    )

    assert UseCase.load(greeter).configuration.title == "Greeter"


def test_running_a_configuration_leaves_the_interpreter_as_it_was(
    python_greeter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere / "forms.py", "TITLE = 'somebody else'")
    monkeypatch.syspath_prepend(str(elsewhere))
    import forms  # type: ignore[import-not-found]

    write(python_greeter / "config.py", MODEL_CONFIG + "import sys\nsys.path.append('/left-behind')\n")
    write(python_greeter / "forms.py", "TITLE = 'mine'")
    path, modules = list(sys.path), dict(sys.modules)

    assert UseCase.load(python_greeter).configuration.title == "mine"

    assert sys.path == path
    assert sys.modules == modules
    assert sys.modules["forms"] is forms
    assert not list(python_greeter.rglob("__pycache__"))
    monkeypatch.delitem(sys.modules, "forms")


def test_a_changed_configuration_is_read_anew(python_greeter: Path) -> None:
    write(python_greeter / "config.py", MODEL_CONFIG)
    for title in ("one", "two"):
        write(python_greeter / "forms.py", f"TITLE = '{title}'")
        assert UseCase.load(python_greeter).configuration.title == title


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1\ny = x / 0\n", "config.py, line 2: ZeroDivisionError: division by zero"),
        ("x = 1\ny = = 2\n", "config.py, line 2: SyntaxError: invalid syntax"),
        ("import forms\n", "forms.py, line 1: NameError: name 'nothing' is not defined"),
        ("import no_such_module\n", "config.py, line 1: ModuleNotFoundError: "),
        ("import json\njson.loads('[')\n", "config.py, line 2: JSONDecodeError: "),
        ("raise SystemExit('bye')\n", "config.py, line 1: SystemExit: bye"),
        ("def get_configuration():\n    raise ValueError('a\\nb')\n", "config.py, line 2: ValueError: a b"),
        ("title = 'Greeter'\n", "defines neither configuration nor get_configuration()"),
        ("configuration = 5\n", "config.py: (the whole): "),
        ("configuration = {'title': 'T', 'description': 'D'}\n", "config.py: workflows: Field required"),
        (
            "from codika_nb.configuration import HttpTrigger\n\nHttpTrigger(method='PATCH')\n",
            "config.py, line 3: url: Field required; method: Input should be",
        ),
    ],
)
def test_an_error_in_a_configuration_is_told_with_its_line(
    python_greeter: Path, source: str, words: str
) -> None:
    write(python_greeter / "config.py", source)
    write(python_greeter / "forms.py", "nothing")

    assert words in refusal(python_greeter).message
    assert str(python_greeter) not in sys.path


# --- deploying -------------------------------------------------------------------------------------


def test_a_deployment_carries_what_the_tool_would_send(greeter: Path) -> None:
    body = UseCase.load(greeter).deployment(project_id="p1")

    assert list(body) == ["projectId", "configuration", "versionStrategy", "metadataDocuments", "skills"]
    assert body["projectId"] == "p1"
    assert body["versionStrategy"] == "minor_bump"
    workflow_file = (greeter / "workflows" / "greet.json").read_bytes()
    assert base64.b64decode(body["configuration"]["workflows"][0]["n8nWorkflowJsonBase64"]) == workflow_file
    documents = body["metadataDocuments"]
    assert [(d["relativePath"], d["contentType"], d["description"]) for d in documents] == [
        ("config.json", "application/json", "Use case configuration"),
        ("workflows/greet.json", "application/json", "Workflow: greet.json"),
        ("skills/greet-someone/SKILL.md", "text/markdown", "Skill: greet-someone"),
    ]
    for document in documents:
        assert (
            base64.b64decode(document["contentBase64"]) == (greeter / document["relativePath"]).read_bytes()
        )
    (skill,) = body["skills"]
    assert skill == {
        "name": "greet-someone",
        "description": skill["description"],
        "workflowTemplateId": "greet",
        "contentMarkdown": (greeter / "skills" / "greet-someone" / "SKILL.md").read_text(encoding="utf-8"),
        "relativePath": "skills/greet-someone/SKILL.md",
    }
    assert json.loads(json.dumps(body)) == body


def test_without_skills_none_are_sent_and_an_explicit_version_is(greeter: Path) -> None:
    shutil.rmtree(greeter / "skills")

    body = UseCase.load(greeter).deployment(
        project_id="p1", version_strategy="explicit", explicit_version="2.0"
    )

    assert "skills" not in body
    assert (body["versionStrategy"], body["explicitVersion"]) == ("explicit", "2.0")


def test_what_is_deployed_is_what_was_loaded(greeter: Path) -> None:
    use_case = UseCase.load(greeter)
    before = use_case.deployment(project_id="p1")
    write(greeter / "workflows" / "greet.json", "{}")
    (greeter / "config.json").unlink()

    assert use_case.deployment(project_id="p1") == before


def test_a_member_that_there_is_not_leads_to_one(greeter: Path) -> None:
    use_case = UseCase.load(greeter)
    with pytest.raises(AttributeError, match=r"^UseCase has no project_id: did you mean project\?"):
        _ = use_case.project_id  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="_nothing"):
        _ = use_case._nothing  # type: ignore[attr-defined]
    assert copy.deepcopy(use_case).configuration == use_case.configuration


def test_a_large_file_is_deployed_but_not_stored(greeter: Path) -> None:
    file = greeter / "workflows" / "greet.json"
    change(file, lambda workflow: workflow["nodes"].append({"notes": "x" * 10 * 1024 * 1024}))

    with pytest.warns(UserWarning, match=r"workflows/greet\.json is larger than 10 MiB") as told:
        use_case = UseCase.load(greeter)
    assert told[0].filename == __file__

    body = use_case.deployment(project_id="p1")
    assert [d["relativePath"] for d in body["metadataDocuments"]] == [
        "config.json",
        "skills/greet-someone/SKILL.md",
    ]
    assert (
        base64.b64decode(body["configuration"]["workflows"][0]["n8nWorkflowJsonBase64"]) == file.read_bytes()
    )


def test_a_configuration_changed_in_python_is_checked_again(greeter: Path) -> None:
    use_case = UseCase.load(greeter)
    use_case.configuration.workflows.append(
        Workflow(workflow_template_id="other", triggers=[HttpTrigger(url="u")])
    )
    with pytest.raises(UseCaseError, match=r'workflows\[1\].workflowTemplateId: "other" has no file'):
        use_case.deployment(project_id="p1")

    use_case.configuration.workflows[1:] = [{}]  # type: ignore[list-item]
    with pytest.raises(UseCaseError, match=r"workflows\[1\].workflowTemplateId: Field required"):
        use_case.deployment(project_id="p1")


@pytest.mark.parametrize(
    ("strategy", "version"), [("explicit", None), ("minor_bump", "1.0"), ("explicit", "1.2abc")]
)
def test_a_version_goes_with_the_explicit_strategy_only(
    greeter: Path, strategy: str, version: str | None
) -> None:
    with pytest.raises(ConfigError, match="version"):
        UseCase.load(greeter).deployment(project_id="p1", version_strategy=strategy, explicit_version=version)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("patch", ("minor_bump", None, "patch")),
        ("minor", ("minor_bump", None, "minor")),
        ("major", ("major_bump", None, "major")),
        ("2.10", ("explicit", "2.10", "patch")),
    ],
)
def test_a_choice_of_version_is_counted_as_the_tool_counts(choice: str, expected: tuple[Any, ...]) -> None:
    assert version_rule(choice) == expected


@pytest.mark.parametrize("choice", ["", "1", "1.2abc", "-1.0", "1.2.3", " 1.0", "1.0\n", "Patch", "٣.١"])
def test_anything_else_is_no_version(choice: str) -> None:
    with pytest.raises(ConfigError, match=r"X\.Y"):
        version_rule(choice)


# --- where to --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("project", "base_url", "organization", "target"),
    [
        (None, PRODUCTION, "o1", None),
        ({}, PRODUCTION, "o1", "p1"),
        ({}, "HTTPS://API.codika.io:443/", "o1", "p1"),
        ({"organizationId": "o1"}, PRODUCTION, "o1", "p1"),
        ({"organizationId": "o1"}, PRODUCTION, None, "p1"),
        ({"organizationId": "o1", "baseUrl": SANDBOX}, SANDBOX + "/", "o1", "p1"),
        ({"organizationId": "o1", "baseUrl": SANDBOX}, SANDBOX, "o2", None),
        ({"organizationId": "o1", "baseUrl": SANDBOX}, "http://127.0.0.1:8766", "o1", "p1"),
        ({"organizationId": "o1", "baseUrl": SANDBOX}, "http://127.0.0.1:8766", "o2", None),
        ({"organizationId": "o1"}, SANDBOX, "o1", "p1"),
        ({"organizationId": "o1", "baseUrl": SANDBOX}, PRODUCTION, "o1", None),
        ({"baseUrl": "http://localhost:1"}, SANDBOX, "o1", None),
        ({"baseUrl": "http://[::1]:1"}, SANDBOX, "o1", None),
    ],
)
def test_the_project_is_found_or_has_to_be_made(
    greeter: Path, project: dict[str, str] | None, base_url: str, organization: str, target: str | None
) -> None:
    if project is not None:
        write(greeter / "project.json", {"projectId": "p1", **project})

    assert UseCase.load(greeter).target_for(base_url, organization) == target


@pytest.mark.parametrize(
    ("project", "base_url", "organization"),
    [
        ({"organizationId": "o1"}, PRODUCTION, "o2"),
        ({"organizationId": "o1"}, SANDBOX, "o2"),
        ({"organizationId": "o1", "baseUrl": "https://staging.example"}, PRODUCTION, "o1"),
        ({"organizationId": "o1", "baseUrl": "http://[no address"}, PRODUCTION, "o1"),
    ],
)
def test_another_organizations_project_is_not_left_without_a_word(
    greeter: Path, project: dict[str, str], base_url: str, organization: str
) -> None:
    write(greeter / "project.json", {"projectId": "p1", **project})

    with pytest.raises(ConfigError) as refused:
        UseCase.load(greeter).target_for(base_url, organization)

    for known in ("p1", "o1", project.get("baseUrl", ""), organization, base_url):
        assert known in refused.value.message
    assert "--create-project NAME" in str(refused.value.next_action)


def test_a_project_is_written_as_the_tool_writes_it(greeter: Path) -> None:
    use_case = UseCase.load(greeter)

    use_case.record_project("p1", "o1", PRODUCTION + "/")
    assert (greeter / "project.json").read_text() == '{\n  "projectId": "p1",\n  "organizationId": "o1"\n}\n'

    use_case.record_project("p2", "o2", SANDBOX + "/")
    content = read(greeter / "project.json")
    assert content.pop("links") == [{"projectId": "p1", "organizationId": "o1"}]
    assert content == {"projectId": "p2", "organizationId": "o2", "baseUrl": SANDBOX}
    assert use_case.target_for(SANDBOX, "o2") == "p2"


# --- after a deployment ----------------------------------------------------------------------------


def test_a_deployment_is_recorded_as_the_tool_records_it(greeter: Path) -> None:
    use_case = UseCase.load(greeter)
    use_case.record_project("p1", "o1")

    assert use_case.record(deployed(), project_id="p1") == "1.0.1"

    project = read(greeter / "project.json")
    created_at = project["deployments"]["1.0"].pop("createdAt")
    assert project == {
        "projectId": "p1",
        "organizationId": "o1",
        "devProcessInstanceId": "instance-1",
        "deployments": {"1.0": {"templateId": "template-1"}},
    }
    assert created_at.endswith("Z")
    assert (greeter / "version.json").read_text() == '{\n  "version": "1.0.1"\n}\n'
    archive = greeter / "deployments" / "p1" / "process" / "1.0"
    assert (archive / "workflows" / "greet.json").read_bytes() == (
        greeter / "workflows" / "greet.json"
    ).read_bytes()
    snapshot = read(archive / "config-snapshot.json")
    assert snapshot["title"] == "Greeter"
    assert snapshot["workflows"][0]["n8nWorkflowJsonBase64"] == "[archived in workflows/ folder]"
    info = read(archive / "deployment-info.json")
    assert {**info, "deployedAt": "then"} == {
        "version": "1.0",
        "useCaseVersion": "1.0.1",
        "deployedAt": "then",
        "templateId": "template-1",
        "deploymentInstanceId": "deployment-1",
        "processId": "process-1",
        "isNewProcess": True,
        "processInstanceId": "instance-1",
        "workflowsDeployed": [{"workflowTemplateId": "greet", "n8nWorkflowId": "n1", "status": "active"}],
        "deploymentStatus": "deployed",
    }
    overview = read(greeter / "deployments" / "p1" / "project-info.json")
    assert list(overview) == ["projectId", "createdAt", "lastDeployedAt", "versionMappings"]
    assert overview["versionMappings"]["process"]["1.0"]["useCaseVersion"] == "1.0.1"
    assert not (archive / "deployment-info.json").read_text().endswith("\n")


def test_what_was_recorded_before_stays(greeter: Path) -> None:
    entry = {"templateId": "t0", "createdAt": "then"}
    write(
        greeter / "project.json",
        {
            "projectId": "p1",
            "prodProcessInstanceId": "prod",
            "deployments": {"0.9": entry},
            "dataIngestionDeployments": {"1.0": {}},
            "note": "é",
        },
    )
    write(greeter / "version.json", {"version": "1.4.9", "dataIngestionVersion": "3.0.0", "more": 1})
    write(
        greeter / "deployments" / "p1" / "project-info.json",
        {
            "projectId": "p1",
            "createdAt": "then",
            "versionMappings": {"dataIngestion": {"1.0": {}}},
            "more": 1,
        },
    )

    UseCase.load(greeter).record(deployed(), project_id="p1", bump="minor")

    project = read(greeter / "project.json")
    assert project["deployments"]["0.9"] == entry
    assert set(project["deployments"]) == {"0.9", "1.0"}
    assert (project["prodProcessInstanceId"], project["note"]) == ("prod", "é")
    assert project["dataIngestionDeployments"] == {"1.0": {}}
    assert read(greeter / "version.json") == {
        "version": "1.5.0",
        "dataIngestionVersion": "3.0.0",
        "more": 1,
    }
    overview = read(greeter / "deployments" / "p1" / "project-info.json")
    assert (overview["createdAt"], overview["more"]) == ("then", 1)
    assert overview["versionMappings"]["dataIngestion"] == {"1.0": {}}
    assert set(overview["versionMappings"]["process"]) == {"1.0"}


@pytest.mark.parametrize(("bump", "version"), [("patch", "1.2.4"), ("minor", "1.3.0"), ("major", "2.0.0")])
def test_one_part_of_the_version_is_raised(greeter: Path, bump: str, version: str) -> None:
    write(greeter / "version.json", {"version": "1.2.3"})

    assert UseCase.load(greeter).record(deployed(), project_id="p1", bump=bump) == version
    assert UseCase.load(greeter).version == version


def test_a_failed_deployment_raises_nothing(greeter: Path) -> None:
    write(greeter / "project.json", {"projectId": "p1"})
    use_case = UseCase.load(greeter)

    assert use_case.record(deployed(deploymentStatus="failed"), project_id="p1") == "1.0.0"

    # The instance exists and can be looked at; the version is not one to publish.
    assert read(greeter / "project.json") == {"projectId": "p1", "devProcessInstanceId": "instance-1"}
    assert not (greeter / "version.json").exists()
    assert not (greeter / "deployments").exists()


def test_another_projects_deployment_leaves_project_json_alone(greeter: Path) -> None:
    write(greeter / "project.json", {"projectId": "p1"})
    UseCase.load(greeter).record(deployed(), project_id="p2")

    assert read(greeter / "project.json") == {"projectId": "p1"}
    assert (greeter / "deployments" / "p2" / "process" / "1.0" / "config-snapshot.json").is_file()


def test_nothing_is_written_over_a_corrupt_project_file(greeter: Path) -> None:
    use_case = UseCase.load(greeter)
    write(greeter / "project.json", '{"projectId": "p')

    corrupt = r"project\.json, line 1"
    with pytest.raises(UseCaseError, match=corrupt):
        use_case.record_project("p2", None)
    with pytest.raises(UseCaseError, match=corrupt):
        use_case.record(deployed(), project_id="p1")
    with pytest.raises(UseCaseError, match=corrupt):
        use_case.target_for(PRODUCTION, None)

    assert (greeter / "project.json").read_text() == '{"projectId": "p'
    assert not (greeter / "version.json").exists()


@pytest.mark.parametrize(
    "mappings", [None, {}, {"process": None}, {"process": {}, "dataIngestion": None}], ids=str
)
def test_null_in_the_index_of_the_archive_is_the_same_as_left_out(greeter: Path, mappings: Any) -> None:
    index = greeter / "deployments" / "p1" / "project-info.json"
    write(index, {"projectId": "p1", "versionMappings": mappings})

    UseCase.load(greeter).record(deployed(), project_id="p1")

    kept = read(index)["versionMappings"]
    assert (set(kept["process"]), kept["dataIngestion"]) == ({"1.0"}, {})


def test_a_broken_index_of_the_archive_is_left_and_told(greeter: Path) -> None:
    index = greeter / "deployments" / "p1" / "project-info.json"
    write(index, '{"versionMappings": []}')

    with pytest.warns(UserWarning, match=r"project-info\.json"):
        UseCase.load(greeter).record(deployed(), project_id="p1")

    assert index.read_text() == '{"versionMappings": []}'
    assert read(greeter / "version.json") == {"version": "1.0.1"}


@pytest.mark.parametrize("name", ["..", "../up", "/etc", "a\\b", ""])
def test_names_from_elsewhere_do_not_lead_out_of_the_archive(greeter: Path, name: str) -> None:
    use_case = UseCase.load(greeter)

    with pytest.raises(UseCaseError, match="cannot be a"):
        use_case.record(deployed(), project_id=name)
    with pytest.raises(UseCaseError, match="cannot be a"):
        use_case.record(deployed(version=name), project_id="p1")
    with pytest.raises(UseCaseError, match="cannot be a"):
        use_case.deployment(project_id=name)
    assert not (greeter / "deployments").exists()


def test_a_write_that_fails_leaves_the_old_file_whole(greeter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case = UseCase.load(greeter)
    use_case.record_project("p1", "o1")
    before = sorted(greeter.rglob("*"))

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(UseCaseError, match=r"project\.json cannot be written: No space left"):
        use_case.record_project("p2", "o2")

    assert read(greeter / "project.json") == {"projectId": "p1", "organizationId": "o1"}
    assert sorted(greeter.rglob("*")) == before


def test_a_file_keeps_its_permissions(greeter: Path) -> None:
    use_case = UseCase.load(greeter)
    use_case.record_project("p1", None)
    (greeter / "project.json").chmod(0o640)

    use_case.record_project("p2", None)

    assert (greeter / "project.json").stat().st_mode & 0o777 == 0o640


# --- checking --------------------------------------------------------------------------------------


def test_nothing_is_found_in_the_greeter(greeter: Path) -> None:
    findings = UseCase.load(greeter).verify()

    assert findings == []
    assert repr(findings) == "No findings."


def node(workflow: Any, name: str) -> Any:
    return next(node for node in workflow["nodes"] if node["name"] == name)


def parameters(workflow: Any, name: str) -> Any:
    return node(workflow, name)["parameters"]


def connect(workflow: Any, source: str, *targets: str) -> None:
    links = [{"node": target, "type": "main", "index": 0} for target in targets]
    workflow["connections"][source] = {"main": [links]}


def merge_before_end(workflow: Any) -> None:
    workflow["nodes"].append({"name": "Merge", "type": "n8n-nodes-base.merge", "parameters": {}})
    connect(workflow, "Greet", "Merge")
    connect(workflow, "Merge", "Submit Result")


def into_subworkflow(workflow: Any) -> None:
    node(workflow, "Webhook Trigger")["type"] = "n8n-nodes-base.executeWorkflowTrigger"


BREAKAGES: list[tuple[str, str | None, Callable[[Any], Any]]] = [
    ("JSON-001", None, lambda w: w.pop("connections")),
    ("CODIKA-INIT", None, lambda w: parameters(w, "Codika Init").update(operation="other")),
    ("CODIKA-SUBMIT", "Greet", lambda w: w["connections"].pop("Greet")),
    ("CODIKA-SUBMIT", "Codika Init", lambda w: w["connections"].pop("Codika Init")),
    ("MERGE-BEFORE-TERMINAL", "Merge", merge_before_end),
    ("WEBHOOK-AUTH", "Webhook Trigger", lambda w: node(w, "Webhook Trigger").pop("credentials")),
    ("WEBHOOK-AUTH", "Webhook Trigger", lambda w: parameters(w, "Webhook Trigger").pop("authentication")),
    ("WEBHOOK-ID", "Webhook Trigger", lambda w: node(w, "Webhook Trigger").pop("webhookId")),
    ("WORKFLOW-SETTINGS", None, lambda w: w["settings"].update(executionOrder="v0")),
    ("WORKFLOW-SETTINGS", None, lambda w: w["settings"].pop("errorWorkflow")),
    ("WORKFLOW-SANITIZATION", None, lambda w: w.update(pinData={}, active=False)),
    (
        "PLACEHOLDER-SYNTAX",
        "Codika Init",
        lambda w: parameters(w, "Codika Init").update(memberSecret="{{MEMSECRT_EXECUTION_AUTH_TERCESMEM}}"),
    ),
    (
        "INSTPARM-QUOTE",
        "Greet",
        lambda w: parameters(w, "Greet").update(jsCode="const x = '{{INSTPARM_X_MRAPTSNI}}';"),
    ),
    (
        "INSTPARM-QUOTE",
        "Greet",
        lambda w: parameters(w, "Greet").update(jsCode='const x = "{{INSTPARM_X_MRAPTSNI}}";'),
    ),
    (
        "SUBWKFL-REFERENCES",
        "Greet",
        lambda w: parameters(w, "Greet").update(workflowId="{{SUBWKFL_text-processor_LFKWBUS}}"),
    ),
    ("WEBHOOK-PATH-CONSISTENCY", None, lambda w: parameters(w, "Webhook Trigger").update(path="greet")),
]


@pytest.mark.parametrize(("rule", "where", "break_it"), BREAKAGES)
def test_what_keeps_a_workflow_from_running_is_found(
    greeter: Path, rule: str, where: str | None, break_it: Callable[[Any], Any]
) -> None:
    change(greeter / "workflows" / "greet.json", break_it)

    findings = UseCase.load(greeter).verify()

    assert rule in {finding.rule for finding in findings}
    found = next(finding for finding in findings if finding.rule == rule)
    assert found.severity == "must"
    assert found.node == where
    assert findings.must
    if rule != "JSON-001":
        assert len(findings.must) == 1


def test_an_unknown_placeholder_is_only_a_warning(greeter: Path) -> None:
    change(
        greeter / "workflows" / "greet.json",
        lambda w: parameters(w, "Greet").update(jsCode="{{ORGSECRETS_X_TERCESORG}} {{ SYSCREDS }}"),
    )

    findings = UseCase.load(greeter).verify()

    assert [(f.rule, f.severity, f.node) for f in findings] == [("PLACEHOLDER-SYNTAX", "should", "Greet")]
    assert findings.must == []


def scheduled(greeter: Path, **trigger: Any) -> None:
    """Make the greeter run on Mondays as well as by hand."""

    def add_schedule(workflow: Any) -> None:
        schedule = {"name": "Mondays", "type": "n8n-nodes-base.scheduleTrigger", "parameters": {}}
        workflow["nodes"].append(schedule)
        connect(workflow, "Mondays", "Codika Init")

    def change_trigger(configuration: Any) -> None:
        url = configuration["workflows"][0]["triggers"][0]["url"]
        complete = {"cronExpression": "0 9 * * 1", "timezone": "UTC", "humanReadable": "Mondays at 9"}
        configuration["workflows"][0]["triggers"] = [
            {"type": "schedule", "manualTriggerUrl": url, **complete, **trigger}
        ]

    change(greeter / "workflows" / "greet.json", add_schedule)
    change(greeter / "config.json", change_trigger)


def test_a_schedule_that_joins_its_webhook_is_fine(greeter: Path) -> None:
    scheduled(greeter)

    assert UseCase.load(greeter).verify() == []


def test_a_schedule_that_goes_its_own_way_is_found(greeter: Path) -> None:
    scheduled(greeter)
    change(greeter / "workflows" / "greet.json", lambda w: connect(w, "Mondays", "Check Name"))

    findings = UseCase.load(greeter).verify()

    assert {(found.rule, found.severity, found.node) for found in findings} == {
        ("SCHEDULE-WEBHOOK-CONVERGENCE", "must", "Mondays"),
        ("RUN-WIRING", "should", "Mondays"),
    }


def test_an_empty_member_of_a_schedule_is_found(greeter: Path) -> None:
    scheduled(greeter, timezone="", humanReadable="")

    (found,) = UseCase.load(greeter).verify()

    assert found.rule == "SCHEDULE-TRIGGER-FIELDS"
    assert found.message == "workflows[0].triggers[0]: the platform insists on timezone, humanReadable."


def test_a_manual_address_that_no_webhook_has_is_found(greeter: Path) -> None:
    scheduled(greeter, manualTriggerUrl="https://example.com/webhook/x")

    (found,) = UseCase.load(greeter).verify()

    assert found.rule == "WEBHOOK-PATH-CONSISTENCY"
    assert "workflows[0].triggers[0].manualTriggerUrl" in found.message


@pytest.mark.parametrize(
    ("triggers", "rules"),
    [
        ([], ["TRIGGERS-REQUIRED"]),
        ([{"type": "service_event", "service": "slack", "eventType": "m"}], ["TRIGGER-TYPE-CONSISTENCY"]),
        ([{"type": "subworkflow"}], ["TRIGGER-TYPE-CONSISTENCY"]),
        ([{"type": "http", "url": "https://example.com"}], ["WEBHOOK-PATH-CONSISTENCY"]),
    ],
)
def test_triggers_fit_their_workflow(greeter: Path, triggers: list[dict[str, Any]], rules: list[str]) -> None:
    change(greeter / "config.json", lambda c: c["workflows"][0].update(triggers=triggers))

    findings = UseCase.load(greeter).verify()

    assert [finding.rule for finding in findings] == rules
    assert {finding.path for finding in findings} == {"config.json"}


def test_a_subworkflow_is_measured_as_one(greeter: Path) -> None:
    """It needs an input, but no init node, error workflow or webhook."""

    def subworkflow(workflow: Any) -> None:
        into_subworkflow(workflow)
        parameters(workflow, "Codika Init").update(operation="other")
        workflow["settings"].pop("errorWorkflow")

    change(greeter / "workflows" / "greet.json", subworkflow)
    change(greeter / "config.json", lambda c: c["workflows"][0].update(triggers=[{"type": "subworkflow"}]))

    (found,) = UseCase.load(greeter).verify()
    assert (found.rule, found.node) == ("SUBWKFL-MIN-PARAMS", "Webhook Trigger")

    change(
        greeter / "workflows" / "greet.json",
        lambda w: parameters(w, "Webhook Trigger").update(workflowInputs={"values": [{"name": "text"}]}),
    )
    assert UseCase.load(greeter).verify() == []


def test_a_graph_with_a_circle_comes_to_an_end(greeter: Path) -> None:
    change(greeter / "workflows" / "greet.json", lambda w: connect(w, "Greet", "Check Name", "Submit Result"))

    assert UseCase.load(greeter).verify() == []


def test_a_file_that_is_hardly_a_workflow_breaks_no_rule_itself(greeter: Path) -> None:
    write(
        greeter / "workflows" / "greet.json",
        {"nodes": [1, {}, {"name": ["x"], "type": None}], "connections": {"": 5, "x": {"main": [None, [3]]}}},
    )

    findings = UseCase.load(greeter).verify()

    assert "CODIKA-INIT" in {finding.rule for finding in findings}


@pytest.mark.parametrize(
    ("text", "rule", "severity"),
    [
        ("# no front matter", "SKILL-FRONTMATTER", "must"),
        (
            "---\nname: Greet Someone\ndescription: d\nworkflowTemplateId: greet\n---",
            "SKILL-NAME-FORMAT",
            "must",
        ),
        ("---\nname: my-claude\ndescription: d\nworkflowTemplateId: greet\n---", "SKILL-NAME-FORMAT", "must"),
        (
            f"---\nname: {'a' * 65}\ndescription: d\nworkflowTemplateId: greet\n---",
            "SKILL-NAME-FORMAT",
            "must",
        ),
        ("---\ndescription: d\nworkflowTemplateId: greet\n---", "SKILL-NAME-FORMAT", "must"),
        ("---\nname: a\ndescription: d\n---", "SKILL-WORKFLOW-REF", "must"),
        ("---\nname: a\ndescription: d\nworkflowTemplateId: other\n---", "SKILL-WORKFLOW-REF", "must"),
        ("---\nname: a\nworkflowTemplateId: greet\n---", "SKILL-DESCRIPTION", "should"),
        (
            f"---\nname: a\ndescription: {'d' * 1025}\nworkflowTemplateId: greet\n---",
            "SKILL-DESCRIPTION",
            "must",
        ),
    ],
)
def test_a_skill_is_checked(greeter: Path, text: str, rule: str, severity: str) -> None:
    write(greeter / "skills" / "greet-someone" / "SKILL.md", text)

    (found,) = UseCase.load(greeter).verify()

    assert (found.rule, found.severity) == (rule, severity)
    assert found.path == "skills/greet-someone/SKILL.md"


def test_skills_are_told_apart_and_complete(greeter: Path) -> None:
    shutil.copytree(greeter / "skills" / "greet-someone", greeter / "skills" / "twin")
    (greeter / "skills" / "empty").mkdir()

    findings = UseCase.load(greeter).verify()

    assert [(finding.rule, finding.path) for finding in findings] == [
        ("SKILL-STRUCTURE", "skills/empty"),
        ("SKILL-DUPLICATE", "skills/twin/SKILL.md"),
        ("SKILL-DUPLICATE", "skills/twin/SKILL.md"),
    ]


def test_a_configuration_changed_in_python_is_verified_as_it_is(greeter: Path) -> None:
    def rules(change_it: Callable[[Configuration], Any]) -> set[str]:
        use_case = UseCase.load(greeter)
        change_it(use_case.configuration)
        return {finding.rule for finding in use_case.verify()}

    extra = Workflow(workflow_template_id="extra", triggers=[])
    wrong: Any = {"type": "htp"}

    assert rules(lambda c: c.workflows.append(extra)) == {"CONFIG-WORKFLOWS"}
    assert rules(lambda c: c.workflows[0].triggers.append(wrong)) == {"TRIGGER-TYPES"}
    assert rules(lambda c: (c.workflows[0].output_schema or []).append(wrong)) == {"SCHEMA-TYPES"}
    assert rules(lambda c: setattr(c, "title", None)) == {"CONFIGURATION"}


def test_findings_show_themselves_as_a_table(greeter: Path) -> None:
    change(
        greeter / "workflows" / "greet.json", lambda w: parameters(w, "Webhook Trigger").update(path="<b>&")
    )
    change(greeter / "workflows" / "greet.json", lambda w: node(w, "Webhook Trigger").pop("webhookId"))

    findings = UseCase.load(greeter).verify()
    plain, rich = repr(findings), findings._repr_html_()

    assert len(plain.splitlines()) == 3
    assert plain.splitlines()[1].split()[:3] == ["must", "fix", "WEBHOOK-ID"]
    assert rich.count("<tr>") == 3
    assert "&lt;b&gt;&amp;" in rich
    assert "<b>" not in rich
    assert ">No findings.</p>" in Findings()._repr_html_()


# --- beginning, and the workflows that come along --------------------------------------------------


def test_a_new_use_case_deploys_as_it_is(tmp_path: Path) -> None:
    use_case = UseCase.init(tmp_path / "new" / "counter", name='Word\n"counter" – 字')

    assert use_case.configuration.title == 'Word "counter" – 字'
    assert use_case.verify() == []
    assert use_case.version == "1.0.0"
    body = use_case.deployment(project_id="p1")
    assert [skill["workflowTemplateId"] for skill in body["skills"]] == ["main-workflow"]
    assert [document["relativePath"] for document in body["metadataDocuments"]] == [
        "config.json",
        "config.ts",
        "workflows/main-workflow.json",
        "skills/main-workflow/SKILL.md",
    ]


@pytest.mark.parametrize("file", ["config.json", "config.py", "config.ts", "stand_ins.py"])
def test_nothing_is_begun_over_something(tmp_path: Path, file: str) -> None:
    write(tmp_path / file, "mine")

    with pytest.raises(UseCaseError, match=file):
        UseCase.init(tmp_path, name="x")

    assert [entry.name for entry in tmp_path.iterdir()] == [file]
    assert (tmp_path / file).read_text() == "mine"


def test_a_use_case_has_a_name(tmp_path: Path) -> None:
    with pytest.raises(UseCaseError, match="name"):
        UseCase.init(tmp_path / "x", name=" \n")
    assert not (tmp_path / "x").exists()


def test_the_workflow_of_a_new_use_case_is_called_as_one_likes(tmp_path: Path) -> None:
    use_case = UseCase.init(tmp_path / "x", name="Pricing", workflow="price")

    assert [each.workflow_template_id for each in use_case.configuration.workflows] == ["price"]
    assert use_case.verify() == []
    files = [file for file in (tmp_path / "x").rglob("*") if file.is_file()]
    assert not [file for file in files if b"main-workflow" in file.read_bytes() or "main" in file.name]
    assert {"workflows/price.json", "skills/price/SKILL.md"} <= {
        file.relative_to(tmp_path / "x").as_posix() for file in files
    }


@pytest.mark.parametrize(
    "workflow", ["", "Price", "-", "-a", "a--b", "my workflow", "a/b", "..", "prix-élevé", "x" * 65, None, 7]
)
def test_what_cannot_be_the_name_of_a_workflow_is_refused(tmp_path: Path, workflow: Any) -> None:
    with pytest.raises(UseCaseError, match="small letters") as caught:
        UseCase.init(tmp_path / "x", name="x", workflow=workflow)
    assert "count-words" in str(caught.value)
    assert not (tmp_path / "x").exists()


GREETINGS = [
    ({"name": "Ada"}, {"greeting": "Hello, Ada!", "language": "en"}),
    ({"name": " Ada ", "language": "fr"}, {"greeting": "Bonjour, Ada !", "language": "fr"}),
    ({"name": "Ada", "language": "de"}, {"greeting": "Hallo, Ada!", "language": "de"}),
    ({"name": "Ada", "language": "es"}, {"greeting": "¡Hola, Ada!", "language": "es"}),
    ({"name": "Ada", "language": "toString"}, {"greeting": "Hello, Ada!", "language": "en"}),
    ({"name": "  "}, None),
    ({}, None),
]
COUNTS = [
    ({"text": " Hello,\n Ada! "}, {"text": "Hello,\n Ada!", "words": 2}),
    ({"text": ""}, None),
    ({}, None),
]


def new_use_case(tmp_path: Path) -> Path:
    UseCase.init(tmp_path / "new", name="x")
    return tmp_path / "new"


def stand_in(folder: Path, name: str) -> Callable[[dict[str, Any]], Any]:
    spec = importlib.util.spec_from_file_location("stand_ins_under_test", folder / "stand_ins.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[dict[str, Any]], Any] = getattr(module, name)
    return function


@pytest.mark.parametrize(("payload", "result"), GREETINGS)
def test_the_greeter_is_stood_in_for(greeter: Path, payload: Any, result: Any) -> None:
    greet = stand_in(greeter, "greet")
    if result is None:
        with pytest.raises(ValueError, match="A name is required"):
            greet(payload)
    else:
        assert greet(payload) == result


@pytest.mark.parametrize(("payload", "result"), COUNTS)
def test_the_new_use_case_is_stood_in_for(tmp_path: Path, payload: Any, result: Any) -> None:
    count_words = stand_in(new_use_case(tmp_path), "count_words")
    if result is None:
        with pytest.raises(ValueError, match="A text is required"):
            count_words(payload)
    else:
        assert count_words(payload) == result


# Runs the workflow's code nodes, one after the other, as the engine would.
ENGINE = """
const [check, work, payloads] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const run = (code, json) => {
  const items = { first: () => ({ json }) };
  return new Function('$', '$input', code)(() => items, items)[0].json;
};
console.log(JSON.stringify(payloads.map((body) => {
  const checked = run(check, { body });
  return checked.valid ? run(work, checked) : null;
})));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="runs the workflows' JavaScript, which needs Node")
def test_the_workflows_do_what_their_stand_ins_do(greeter: Path, tmp_path: Path) -> None:
    new = new_use_case(tmp_path)
    for file, nodes, cases in (
        (greeter / "workflows" / "greet.json", ("Check Name", "Greet"), GREETINGS),
        (new / "workflows" / "main-workflow.json", ("Check Text", "Count Words"), COUNTS),
    ):
        workflow = read(file)
        check, work = (parameters(workflow, name)["jsCode"] for name in nodes)
        ran = subprocess.run(
            ["node", "-e", ENGINE],
            input=json.dumps([check, work, [payload for payload, _ in cases]]),
            capture_output=True,
            encoding="utf-8",
            timeout=30,
            check=True,
        )
        assert json.loads(ran.stdout) == [result for _, result in cases]


@pytest.mark.parametrize("file", ["greet.json", "main-workflow.json"])
def test_the_workflow_files_have_the_tools_format(greeter: Path, tmp_path: Path, file: str) -> None:
    new = new_use_case(tmp_path)
    text = next(f for folder in (greeter, new) for f in folder.rglob(file)).read_text(encoding="utf-8")

    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
