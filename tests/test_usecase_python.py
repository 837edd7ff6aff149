"""Use cases that are made in Python, without a folder; and how use cases show themselves."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codika_nb.configuration import Configuration, HttpTrigger, Skill, Workflow, webhook_url
from codika_nb.errors import UseCaseError
from codika_nb.models import Deployment
from codika_nb.usecases.config_ts import view_of_json
from codika_nb.usecases.usecase import UseCase

from .conftest import GREETER

SKILL = Skill(
    name="greet-someone",
    description="Greets a person.\nUse it to be polite.",
    workflow_template_id="greet",
    content_markdown="# Greet someone\n",
)


def configuration(*names: str) -> Configuration:
    return Configuration(
        title="Made here",
        description="Greets a person by name.",
        workflows=[
            Workflow(workflow_template_id=name, triggers=[HttpTrigger(url=webhook_url("greet"))])
            for name in names or ("greet",)
        ],
    )


def workflow() -> Any:
    return json.loads((GREETER / "workflows" / "greet.json").read_text(encoding="utf-8"))


def deployed() -> Deployment:
    return Deployment.model_validate(
        {
            "templateId": "t",
            "version": "1.0",
            "isNewProcess": True,
            "processId": "p",
            "deploymentInstanceId": "d",
            "workflowsDeployed": [],
            "deploymentStatus": "deployed",
        }
    )


def refusal(*arguments: Any, **options: Any) -> str:
    with pytest.raises(UseCaseError) as refused:
        UseCase(*arguments, **options)
    assert len(str(refused.value).splitlines()) <= 2
    return refused.value.message


def test_a_use_case_made_in_python_is_checked_and_deployed(tmp_path: Path) -> None:
    use_case = UseCase(configuration(), {"greet": workflow()}, skills=[SKILL])

    assert use_case.path is None
    assert use_case.project is None
    assert use_case.version == "1.0.0"
    assert use_case.verify() == []
    body = use_case.deployment(project_id="p1")
    sent = base64.b64decode(body["configuration"]["workflows"][0]["n8nWorkflowJsonBase64"])
    assert json.loads(sent) == workflow()
    assert [document["relativePath"] for document in body["metadataDocuments"]] == [
        "config.json",
        "config.ts",
        "workflows/greet.json",
        "skills/greet-someone/SKILL.md",
    ]
    (skill,) = body["skills"]
    assert skill["description"] == "Greets a person. Use it to be polite."
    assert skill["contentMarkdown"].startswith("---\nname: greet-someone\n")
    assert skill["contentMarkdown"].endswith("---\n\n# Greet someone\n")

    use_case.save(tmp_path / "saved")
    assert UseCase.load(tmp_path / "saved").deployment(project_id="p1") == body


def test_a_configuration_may_be_a_dictionary_and_a_workflow_a_text() -> None:
    given = configuration().to_json()
    text = json.dumps(workflow()).replace('"rightValue": true', '"rightValue": {{INSTPARM_X_MRAPTSNI}}')

    use_case = UseCase(given, {"greet": text})

    assert use_case.verify().must == []


def test_workflows_that_the_configuration_carries_need_no_file(tmp_path: Path) -> None:
    carried = configuration()
    content = json.dumps(workflow()).encode()
    carried.workflows[0].n8n_workflow_json_base64 = base64.b64encode(content).decode()

    use_case = UseCase(carried)

    assert use_case.verify() == []
    body = use_case.deployment(project_id="p1")
    assert (
        body["configuration"]["workflows"][0]["n8nWorkflowJsonBase64"] == base64.b64encode(content).decode()
    )
    assert "already" in refusal(carried, {"greet": {}})
    use_case.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "workflows" / "greet.json").read_bytes() == content
    assert "n8nWorkflowJsonBase64" not in (tmp_path / "saved" / "config.json").read_text(encoding="utf-8")
    use_case.record(deployed(), project_id="p1")
    archive = tmp_path / "saved" / "deployments" / "p1" / "process" / "1.0"
    assert (archive / "workflows" / "greet.json").read_bytes() == content


def test_what_does_not_fit_is_named() -> None:
    nested: Any = workflow()
    nested["nodes"][1]["parameters"]["when"] = [1, datetime.date(2026, 1, 1)]
    itself: Any = workflow()
    itself["nodes"].append(itself)
    carried = configuration().to_json()
    carried["workflows"][0]["n8nWorkflowJsonBase64"] = "no base64!"

    assert refusal({"title": "T", "workflows": []}).startswith("configuration: description: Field required")
    assert refusal(configuration("greet", "other"), {"greet": workflow()}).startswith(
        'configuration: workflows[1].workflowTemplateId: "other" is missing in workflows'
    )
    assert refusal(configuration(), {"greet": {}, "hello": {}}).startswith(
        'workflows["hello"] is no workflow'
    )
    assert refusal(configuration("greet", "greet"), {"greet": {}}).startswith(
        "configuration: workflows[1].workflowTemplateId"
    )
    assert refusal(configuration(), {"greet": nested}).startswith(
        'workflows["greet"].nodes[1].parameters.when[1]: not JSON'
    )
    assert refusal(configuration(), {"greet": {"x": float("nan")}}).startswith(
        'workflows["greet"].x: not JSON'
    )
    assert refusal(configuration(), {"greet": {"x": "\ud800"}}).startswith('workflows["greet"].x: not JSON')
    assert refusal(configuration(), {"greet": itself}).startswith('workflows["greet"]')
    assert refusal(configuration(), {"greet": '{"a": }'}).startswith('workflows["greet"], line 1, column 7')
    assert refusal(configuration(), {"greet": "[]"}).startswith('workflows["greet"]: an object')
    assert refusal(configuration("../up"), {"../up": {}}).startswith('"../up" cannot be a')
    assert refusal(configuration(), {"greet": {}}, skills=[SKILL, SKILL]).startswith("skills[1].name")
    assert refusal(carried).startswith("configuration: workflows[0].n8nWorkflowJsonBase64: not base64")


def test_only_a_folder_keeps_what_was_deployed(tmp_path: Path) -> None:
    use_case = UseCase(configuration(), {"greet": workflow()})

    attempts: list[Callable[[], object]] = [
        lambda: use_case.target_for("https://api.codika.io", None),
        lambda: use_case.record_project("p1", None),
        lambda: use_case.record(deployed(), project_id="p1"),
    ]
    for attempt in attempts:
        with pytest.raises(UseCaseError, match="has no folder") as refused:
            attempt()
        assert "use_case.save(" in str(refused.value.next_action)

    use_case.save(tmp_path / "saved")
    use_case.record_project("p1", None)
    assert use_case.record(deployed(), project_id="p1") == "1.0.1"
    assert UseCase.load(tmp_path / "saved").version == "1.0.1"


def test_what_was_changed_since_is_deployed_and_stored() -> None:
    use_case = UseCase(configuration(), {"greet": workflow()})
    use_case.configuration.title = "Changed"

    body = use_case.deployment(project_id="p1")

    assert body["configuration"]["title"] == "Changed"
    assert json.loads(base64.b64decode(body["metadataDocuments"][0]["contentBase64"]))["title"] == "Changed"


def test_nothing_is_saved_over_a_use_case(greeter: Path, tmp_path: Path) -> None:
    use_case = UseCase.load(greeter)

    with pytest.raises(UseCaseError, match=r"config\.json"):
        use_case.save(greeter)

    use_case.save(tmp_path / "copy")
    assert use_case.path == tmp_path / "copy"
    assert UseCase.load(tmp_path / "copy").verify() == []


def test_what_is_saved_is_there_for_the_tool_from_one_configuration(greeter: Path, tmp_path: Path) -> None:
    UseCase.load(greeter).save(tmp_path / "copy")

    view = (tmp_path / "copy" / "config.ts").read_text(encoding="utf-8")
    again = UseCase.load(tmp_path / "copy")
    assert '"workflows/greet.json"' in view
    assert "Greeter" not in view
    assert again.verify() == []
    assert [document.relative_path for document in again.documents][:2] == ["config.json", "config.ts"]
    again.save(tmp_path / "copy", replace=True)
    assert (tmp_path / "copy" / "config.ts").read_text(encoding="utf-8") == view


def test_what_the_tool_would_see_otherwise_is_said(greeter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    UseCase.load(greeter).save(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    [workflow] = config["workflows"]
    del workflow["triggers"][0]["triggerId"]
    more = {**workflow, "workflowTemplateId": "more", "workflowId": "more"}
    (folder / "config.json").write_text(json.dumps({**config, "workflows": [workflow, more]}), "utf-8")
    (folder / "workflows" / "more.json").write_bytes((folder / "workflows" / "greet.json").read_bytes())

    found = [finding for finding in UseCase.load(folder).verify() if finding.rule == "CONFIG-SINGLE"]

    assert {finding.severity for finding in found} == {"should"}
    assert [finding.path for finding in found] == ["config.ts", "config.json", "config.json"]
    assert "workflows[0].triggers[0].triggerId is filled in" in found[1].message
    mended = UseCase.load(folder).verify().fix()
    assert [(finding.rule, finding.path) for finding in mended] == [("CONFIG-SINGLE", "config.ts")]
    assert '"workflows/more.json"' in (folder / "config.ts").read_text(encoding="utf-8")
    UseCase.load(folder).save(folder, replace=True)
    assert not any(finding.rule == "CONFIG-SINGLE" for finding in UseCase.load(folder).verify())


def test_an_id_stays_a_text_in_what_is_written_for_the_tool() -> None:
    id_ = "a'\"`${x}\\\n];evil();//"

    view = view_of_json([f"workflows/{id_}.json"]).decode()

    assert f"join(folder, {json.dumps(f'workflows/{id_}.json')})," in view.splitlines()[8]
    assert len(view.splitlines()) == len(view_of_json(["workflows/a.json"]).splitlines())


def test_what_shows_a_configuration_is_none_itself(greeter: Path, tmp_path: Path) -> None:
    UseCase.load(greeter).save(tmp_path / "copy")
    (tmp_path / "copy" / "config.json").unlink()

    with pytest.raises(UseCaseError, match=r"no config\.json: the codika tool stores none"):
        UseCase.load(tmp_path / "copy")


def test_a_config_ts_of_its_own_is_not_written_over(greeter: Path) -> None:
    (greeter / "config.ts").write_text("export function getConfiguration() {}", encoding="utf-8")
    use_case = UseCase.load(greeter)

    with pytest.raises(UseCaseError, match=r"holds config\.ts already"):
        use_case.save(greeter, replace=True)

    [finding] = use_case.verify()
    assert (finding.rule, finding.severity) == ("CONFIG-SINGLE", "should")
    assert use_case.verify().fix() == []
    assert "writ" not in (greeter / "config.ts").read_text(encoding="utf-8")


def test_a_use_case_shows_itself_on_one_line_and_as_a_card(greeter: Path, tmp_path: Path) -> None:
    use_case = UseCase.load(greeter)

    assert repr(use_case) == f"UseCase('Greeter', greet (http), {str(greeter)!r})"
    use_case.record_project("p<1>", None)
    use_case.configuration.title = "<b>Greeter</b>\n"
    card = use_case._repr_html_()
    assert len(repr(use_case).splitlines()) == 1
    for text in ("&lt;b&gt;Greeter&lt;/b&gt;", "greet (http)", "1.0.0", "p&lt;1&gt;"):
        assert text in card
    assert "<b>" not in card

    (greeter / "project.json").write_text("{", encoding="utf-8")
    assert "project.json, line 1" in use_case._repr_html_()
    use_case.configuration.workflows[0] = {}  # type: ignore[call-overload]
    assert "no trigger" in repr(use_case)
    assert "none yet" in UseCase(configuration(), {"greet": workflow()})._repr_html_()


def test_many_workflows_are_counted() -> None:
    names = [f"w{n}" for n in range(12)]

    made = UseCase(configuration(*names), {name: {} for name in names})

    assert repr(made).count("(http)") == 10
    assert "and 2 more" in repr(made)
