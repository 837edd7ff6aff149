"""What the codika tool calls a must, we find as well."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codika_nb.errors import UseCaseError
from codika_nb.usecases.usecase import UseCase
from tests.codika_tool import Tool, codika_tool

from .test_usecase import BREAKAGES, change, into_subworkflow, scheduled
from .test_usecase_typescript import typescript
from .test_verify import WIRING, ask_a_model, integration

__all__ = ["codika_tool"]

# In the configuration as the tool reads it, and as we do.
CONFIGURATIONS: list[Callable[[Any], Any]] = [
    lambda c: c["workflows"][0]["triggers"][0].update(type="webhook"),
    lambda c: c["workflows"][0]["triggers"][0].update(url="https://example.com/webhook/greet"),
    lambda c: c["workflows"][0].update(triggers=[]),
    lambda c: c["workflows"][0].update(
        triggers=[{"type": "service_event", "service": "slack", "eventType": "message"}]
    ),
    lambda c: c["workflows"][0]["outputSchema"][0].update(type="strin"),
    lambda c: c["workflows"][0]["outputSchema"].append(c["workflows"][0]["outputSchema"][0]),
    lambda c: c.update(customIntegrations=[integration(), integration()]),
    lambda c: c.update(customIntegrations=[integration(n8nCredentialMapping={"OTHER": "x"})]),
    lambda c: c.update(customIntegrations=[integration(id="cstm_Acme")]),
    lambda c: c.update(customIntegrations=[integration()], integrationUids=["cstm_other"]),
    lambda c: c.update(
        customIntegrations=[integration(secretFields=[{"key": "apiKey", "label": "Key", "type": "password"}])]
    ),
]
SKILLS = [
    "# no front matter",
    "---\nname: Greet Someone\ndescription: d\nworkflowTemplateId: greet\n---",
    "---\nname: a\ndescription: d\nworkflowTemplateId: other\n---",
    f"---\nname: a\ndescription: {'d' * 1025}\nworkflowTemplateId: greet\n---",
]


def apart_from_its_webhook(folder: Path) -> None:
    scheduled(folder)
    change(folder / "workflows" / "greet.json", lambda w: w["connections"].pop("Webhook Trigger"))


def breakages() -> list[Callable[[Path], Any]]:
    def workflow(by: Callable[[Any], Any]) -> Callable[[Path], Any]:
        return lambda folder: change(folder / "workflows" / "greet.json", by)

    def configuration(by: Callable[[Any], Any]) -> Callable[[Path], Any]:
        return lambda folder: change(folder / "config.json", by)

    def skill(text: str) -> Callable[[Path], Any]:
        return lambda folder: (folder / "skills" / "greet-someone" / "SKILL.md").write_text(text, "utf-8")

    return [
        lambda folder: None,
        *(workflow(by) for _, _, by in BREAKAGES),
        *(workflow(by) for by, _ in WIRING),
        workflow(into_subworkflow),
        workflow(ask_a_model("return $json.text")),
        *map(configuration, CONFIGURATIONS),
        *map(skill, SKILLS),
        lambda folder: scheduled(folder, timezone=""),
        lambda folder: (folder / "skills" / "empty").mkdir(),
        lambda folder: shutil.copytree(folder / "skills" / "greet-someone", folder / "skills" / "again"),
        apart_from_its_webhook,
        lambda folder: (folder / "workflows" / "greet.json").write_text("{", "utf-8"),
        lambda folder: (folder / "workflows" / "extra.json").write_text("{}", "utf-8"),
    ]


def has_null_outputs(folder: Path) -> bool:
    """What n8n writes itself."""
    try:
        workflow = json.loads((folder / "workflows" / "greet.json").read_text("utf-8"))
    except ValueError:
        return False
    return "null" in json.dumps(workflow.get("connections"))


def has_strays(folder: Path) -> bool:
    """Files that no workflow belongs to, which are not sent by us."""
    return (folder / "workflows" / "extra.json").exists()


#: Where the tool insists on more than we do on purpose, and when; as `UseCase.verify` tells.
LAXER: dict[str, Callable[[Path], bool]] = {
    "JSON-001": lambda folder: has_null_outputs(folder) or has_strays(folder),
    "CONFIG-WORKFLOWS": has_strays,
    "JSON-VALID": lambda folder: True,  # said as JSON-001
}
#: Where we insist on more, on purpose: the tool looks at fewer places for the same mistakes.
STRICTER = {
    "CODIKA-SUBMIT",
    "CUSTOM-INTEGRATION",
    "INSTPARM-QUOTE",
    "SCHEDULE-TRIGGER-FIELDS",
    "WEBHOOK-PATH-CONSISTENCY",
}


def ours(folder: Path) -> set[str]:
    """The rules that we find broken, whether it can be loaded or not."""
    try:
        found = UseCase.load(folder).verify()
    except UseCaseError as error:
        found = error.findings
    return {finding.rule for finding in found.must}


def insisted_on(finding: dict[str, Any]) -> bool:
    """Rules called R and a number are a general linter's; of these, R13 alone is about running."""
    return finding["severity"] == "must" and not re.fullmatch(r"R(?!13$)\d+", finding["rule"])


def test_the_tool_and_we_insist_on_the_same(codika_tool: Tool, greeter: Path, tmp_path: Path) -> None:
    found: dict[Path, set[str]] = {}
    for n, break_it in enumerate(breakages()):
        folder = tmp_path / f"broken-{n}"
        shutil.copytree(greeter, folder)
        break_it(folder)
        found[folder] = ours(folder)
        configuration = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        (folder / "config.ts").write_text(typescript(configuration), encoding="utf-8")

    agreed, wrong = set[str](), {}
    said = codika_tool.verified("use-case", found)
    for n, ((folder, we_find), theirs) in enumerate(zip(found.items(), said, strict=True)):
        insisted = {finding["rule"] for finding in theirs["findings"] if insisted_on(finding)}
        agreed |= insisted & we_find
        missed = {rule for rule in insisted - we_find if rule not in LAXER or not LAXER[rule](folder)}
        invented = we_find - insisted - STRICTER
        if missed or invented or (n == 0 and insisted):
            wrong[n] = {"missed": missed, "invented": invented}

    assert wrong == {}
    assert len(agreed) > 20


def test_the_command_says_what_the_tool_finds(codika_tool: Tool, greeter: Path, tmp_path: Path) -> None:
    """Many are looked at in one process, by what the command calls."""
    apart_from_its_webhook(greeter)
    configuration = json.loads((greeter / "config.json").read_text(encoding="utf-8"))
    (greeter / "config.ts").write_text(typescript(configuration), encoding="utf-8")
    said = codika_tool.json("verify", "use-case", str(greeter), config_home=tmp_path)
    (found,) = codika_tool.verified("use-case", [greeter])
    assert said["summary"] == found["summary"]
    assert [each["rule"] for each in said["findings"]] == [each["rule"] for each in found["findings"]]
    assert said["summary"]["must"] > 0


def test_the_tool_finds_nothing_in_the_workflows_that_come_along(
    codika_tool: Tool, greeter: Path, tmp_path: Path
) -> None:
    UseCase.init(tmp_path / "new", name="Word counter")

    workflows = [*(tmp_path / "new" / "workflows").iterdir(), *(greeter / "workflows").iterdir()]
    for said in codika_tool.verified("workflow", workflows):
        assert said["summary"] == {"must": 0, "should": 0, "nit": 0, "fixable": 0}, said["findings"]
