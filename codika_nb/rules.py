"""What decides whether a use case runs, as a table of rules: one small function for each.

The rules and their names are those of ``codika verify`` 3.6.0 that are about running; those about style
are left to that tool, and so is its list of language models, which ages faster than this package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from .configuration import (
    ENGINE_WEBHOOKS,
    Configuration,
    CustomIntegration,
    HttpTrigger,
    ScheduleTrigger,
    Skill,
    SubworkflowTrigger,
    Trigger,
    Workflow,
)
from .errors import UseCaseError
from .source import Source, complaint, front_matter, location, parse_workflow, skill_file

__all__ = ["Finding", "Findings", "verify"]

Severity = Literal["must", "should", "nit"]


def verify(source: Source, configuration: Configuration) -> Findings:
    """Check a use case by all rules."""
    view = _View(source, configuration)
    return Findings(
        Finding(rule, note.severity or severity, note.message, note.path, note.node)
        for rule, severity, check in _RULES
        for note in check(view)
    )


@dataclass(frozen=True)
class Finding:
    """Something that a check has found.

    Attributes:
        rule: its name, as in ``codika verify``.
        severity: ``must`` keeps the use case from running, ``should`` may surprise, ``nit`` is taste.
        message: what is wrong and what would be right.
        path: the file, inside the folder.
        node: the node of the workflow, if it is about one.
    """

    rule: str
    severity: Severity
    message: str
    path: str
    node: str | None = None


class Findings(list[Finding]):
    """What `UseCase.verify` has found; a list that shows itself as a table."""

    _COLUMNS = ("Severity", "Rule", "File", "Node", "Message")

    @property
    def must(self) -> Findings:
        """Those that keep the use case from running."""
        return Findings(finding for finding in self if finding.severity == "must")

    def _rows(self) -> list[list[str]]:
        rows = ([f.severity, f.rule, f.path, f.node or "", f.message] for f in self)
        return [[" ".join(cell.split()) for cell in row] for row in rows]

    def __repr__(self) -> str:
        if not self:
            return "No findings."
        rows = [list(self._COLUMNS), *self._rows()]
        # The last column is as wide as it likes.
        widths = [*(max(map(len, column)) for column in zip(*rows, strict=True)), 0]
        del widths[-2]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
        )

    def _repr_html_(self) -> str:
        if not self:
            return "<p>No findings.</p>"
        from .display.table import html_table  # noqa: PLC0415 - only a notebook asks for it

        return html_table(list(self._COLUMNS), self._rows())


# --- what the rules look at ------------------------------------------------------------------------

WEBHOOK = "n8n-nodes-base.webhook"
MERGE = "n8n-nodes-base.merge"
CHAIN = "@n8n/n8n-nodes-langchain.chainLlm"
INIT_OPERATIONS = {"initWorkflow", "initDataIngestion"}
END_OPERATIONS = {"submitResult", "reportError", "ingestionCallback"}

ERROR_WORKFLOW = "{{ORGSECRET_ERROR_WORKFLOW_ID_TERCESORG}}"
WEBHOOK_CREDENTIAL = {
    "id": "{{ORGSECRET_WEBHOOK_AUTH_CRED_ID_TERCESORG}}",
    "name": "{{ORGSECRET_WEBHOOK_AUTH_CRED_NAME_TERCESORG}}",
}
# What the engine adds to a workflow and gives another value on every server.
ENGINE_MEMBERS = ("id", "versionId", "meta", "active", "tags", "pinData")

# Every placeholder ends in its kind spelt backwards, but for some letters.
PLACEHOLDER_SUFFIXES = {
    "FLEXCRED": "DERCXELF",
    "INSTCRED": "DERCTSNI",
    "INSTPARM": "MRAPTSNI",
    "MEMSECRT": "TRCESMEM",
    "ORGCRED": "DERCGRO",
    "ORGSECRET": "TERCESORG",
    "PROCDATA": "ATADCORP",
    "SUBWKFL": "LFKWBUS",
    "SYSCREDS": "SDERCSYS",
    "USERCRED": "DERCRESU",
    "USERDATA": "ATADRESU",
}


CREDENTIAL_KINDS = ("FLEXCRED", "INSTCRED", "ORGCRED", "USERCRED")
_CREDENTIAL = re.compile(
    rf"\{{\{{({'|'.join(CREDENTIAL_KINDS)})_([A-Z0-9_]+)_(ID|NAME)_"
    rf"({'|'.join(PLACEHOLDER_SUFFIXES[kind] for kind in CREDENTIAL_KINDS)})\}}\}}"
)


class _Node:
    """A node of an n8n workflow, tolerant of what is missing.

    Attributes:
        starts: what kind of trigger it is, in the words of the configuration; None if none.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.name = str(data.get("name", ""))
        self.type = str(data.get("type", ""))
        self.parameters = _mapping(data.get("parameters"))
        self.starts = _trigger_kind(self.type)

    def does(self, operations: set[str]) -> bool:
        """Whether this is a Codika node with one of these operations."""
        operation = self.parameters.get("operation")
        return isinstance(operation, str) and operation in operations and "codika" in self.type.lower()


def _trigger_kind(node_type: str) -> str | None:
    kind = node_type.lower()
    if node_type == WEBHOOK:
        return "http"
    if "scheduletrigger" in kind:
        return "schedule"
    if "executeworkflowtrigger" in kind:
        return "subworkflow"
    return "service_event" if "trigger" in kind else None


class _Flow:
    """A workflow as the rules look at it: nodes, and what follows what."""

    def __init__(self, path: str, template_id: str, content: bytes) -> None:
        self.path = path
        self.template_id = template_id
        self.text = content.decode("utf-8")
        self.data = parse_workflow(content, path)
        self.nodes = [_Node(node) for node in _list(self.data.get("nodes")) if isinstance(node, dict)]
        self.named = {node.name: node for node in self.nodes}
        self.is_subworkflow = any(node.starts == "subworkflow" for node in self.nodes)

    @cached_property
    def calls(self) -> list[str]:
        """The sub-workflows that it calls, each once."""
        return list(dict.fromkeys(re.findall(r"\{\{SUBWKFL_([A-Za-z0-9_-]+)_LFKWBUS\}\}", self.text)))

    @cached_property
    def integrations(self) -> list[str]:
        """The integrations whose credentials it asks for, each once."""
        return list(dict.fromkeys(match[2].lower() for match in _CREDENTIAL.finditer(self.text)))

    def after(self, node: _Node) -> list[_Node]:
        """The nodes that an execution goes on to from this one, by any of its outputs."""
        outputs = _mapping(_mapping(self.data.get("connections")).get(node.name)).get("main")
        links = [link for output in _list(outputs) for link in _list(output)]
        names = [_mapping(link).get("node") for link in links]
        return [self.named[name] for name in names if isinstance(name, str) and name in self.named]

    def reachable(self, starts: Iterable[_Node]) -> list[_Node]:
        """These nodes and all that follow, each once."""
        found: dict[str, _Node] = {}
        waiting = list(starts)
        while waiting:
            node = waiting.pop()
            if node.name not in found:
                found[node.name] = node
                waiting += self.after(node)
        return list(found.values())

    def node_with(self, text: str) -> str | None:
        """The name of the first node that holds a text anywhere."""
        holding = (node.name for node in self.nodes if text in json.dumps(node.data, ensure_ascii=False))
        return next(holding, None)

    def note(self, message: str, node: _Node | str | None = None) -> _Note:
        return _Note(message, self.path, node.name if isinstance(node, _Node) else node)


class _Note(NamedTuple):
    """What a rule has to say; the table adds the rule's name, and its severity unless given here."""

    message: str
    path: str
    node: str | None = None
    severity: Severity | None = None


class _View:
    """What the rules see of a use case.

    Attributes:
        flows: the workflows, as they will run.
        workflows: those of the configuration, each with its place there and its flow.
        problems: place and complaint. A configuration can be changed in Python after it was
            checked; while there are problems, there are no ``workflows``.
        unpaired: why the configuration and the workflows do not fit together, if they do not.
    """

    def __init__(self, source: Source, configuration: Configuration) -> None:
        self.source = source
        self.configuration = configuration
        self.workflows: list[tuple[str, Workflow, _Flow]] = []
        self.problems: list[tuple[str, str]] = []
        self.unpaired: str | None = None
        given = configuration.to_json()
        try:
            self.configuration = Configuration.model_validate(given)
        except ValidationError as error:
            self.problems = [(location(e["loc"], given), complaint(e)) for e in error.errors()]
        else:
            self._pair()
        seen = {flow.path for _, _, flow in self.workflows}
        self.flows = [flow for _, _, flow in self.workflows]
        self.flows += [
            _Flow(name, Path(name).stem, source.files[name])
            for name in source.workflow_files
            if name not in seen
        ]

    def _pair(self) -> None:
        try:
            self.source.pair(self.configuration)
        except UseCaseError as error:
            self.unpaired = error.message
        for n, workflow in enumerate(self.configuration.workflows):
            place = f"workflows[{n}]"
            try:
                path, content = self.source.workflow(workflow, place)
                flow = _Flow(path, workflow.workflow_template_id, content)
            except UseCaseError:
                continue  # has been said above
            self.workflows.append((place, workflow, flow))

    def note(self, message: str) -> _Note:
        """Something about the configuration."""
        return _Note(message, self.source.config)

    @property
    def parents(self) -> list[_Flow]:
        """The workflows that run on their own; a sub-workflow leaves much to its caller."""
        return [flow for flow in self.flows if not flow.is_subworkflow]

    @property
    def webhooks(self) -> Iterator[tuple[_Flow, _Node]]:
        return ((flow, node) for flow in self.parents for node in flow.nodes if node.type == WEBHOOK)

    @property
    def triggers(self) -> Iterator[tuple[str, Trigger, _Flow]]:
        """The triggers of the configuration, each with its place there and its workflow's file."""
        return (
            (f"{place}.triggers[{n}]", trigger, flow)
            for place, workflow, flow in self.workflows
            for n, trigger in enumerate(workflow.triggers)
        )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


# --- the rules -------------------------------------------------------------------------------------


def _is_workflow(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        for member, kind, words in (("nodes", list, "a list"), ("connections", dict, "an object")):
            if not isinstance(flow.data.get(member), kind):
                yield flow.note(f"An n8n workflow has {words} called {member}.")


def _begins_with_init(view: _View) -> Iterator[_Note]:
    for flow in view.parents:
        if flow.nodes and not any(node.does(INIT_OPERATIONS) for node in flow.nodes):
            yield flow.note(
                "No Codika Init node (operation initWorkflow): the platform cannot follow the run."
            )


def _ends_with_result(view: _View) -> Iterator[_Note]:
    for flow in view.parents:
        for node in flow.reachable(node for node in flow.nodes if node.does(INIT_OPERATIONS)):
            if not flow.after(node) and not node.does(END_OPERATIONS):
                yield flow.note("The run ends here without Submit Result or Report Error.", node)


def _merges_before_end(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        for node in flow.nodes:
            if node.type == MERGE and any(target.does(END_OPERATIONS) for target in flow.after(node)):
                yield flow.note(
                    "Goes straight to an end node and waits for all branches: put a node between.", node
                )


def _schedule_joins_webhook(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        for node in flow.nodes:
            if node.starts == "schedule":
                webhooks = (other for other in flow.nodes if other.type == WEBHOOK)
                joined = {target.name for webhook in webhooks for target in flow.after(webhook)}
                if not joined & {target.name for target in flow.after(node)}:
                    yield flow.note(
                        "Needs a webhook node that leads to the same node, to be run by hand.", node
                    )


def _subworkflow_takes_input(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        for node in flow.nodes:
            inputs = [
                _mapping(node.parameters.get(name)).get("values") for name in ("workflowInputs", "schema")
            ]
            if node.starts == "subworkflow" and not any(map(_list, inputs)):
                yield flow.note("A sub-workflow takes at least one input; the engine insists on it.", node)


def _webhook_is_locked(view: _View) -> Iterator[_Note]:
    for flow, node in view.webhooks:
        credential = _mapping(_mapping(node.data.get("credentials")).get("httpHeaderAuth"))
        wrong = [
            f'credentials.httpHeaderAuth.{k} "{v}"'
            for k, v in WEBHOOK_CREDENTIAL.items()
            if credential.get(k) != v
        ]
        if node.parameters.get("authentication") != "headerAuth":
            wrong.insert(0, 'parameters.authentication "headerAuth"')
        if wrong:
            yield flow.note(f"The webhook is open to everyone; it needs {', '.join(wrong)}.", node)


def _webhook_has_id(view: _View) -> Iterator[_Note]:
    for flow, node in view.webhooks:
        if not (isinstance(node.data.get("webhookId"), str) and node.data["webhookId"]):
            yield flow.note("A webhook node without webhookId is never registered: give it one.", node)


def _settings_are_set(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        wanted = {"executionOrder": "v1"}
        if not flow.is_subworkflow:
            wanted["errorWorkflow"] = ERROR_WORKFLOW
        settings = _mapping(flow.data.get("settings"))
        for member, value in wanted.items():
            if settings.get(member) != value:
                yield flow.note(f'settings.{member} has to be "{value}".')


def _is_sanitized(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        if found := [member for member in ENGINE_MEMBERS if member in flow.data]:
            yield flow.note(f"Remove {', '.join(found)}: they belong to the engine this was exported from.")


def _placeholders_close(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        for name in dict.fromkeys(re.findall(r"\{\{([A-Z][A-Z0-9]*_[A-Za-z0-9_-]+)\}\}", flow.text)):
            kind, _, rest = name.partition("_")
            suffix = PLACEHOLDER_SUFFIXES.get(kind)
            if suffix is not None and not rest.endswith(f"_{suffix}"):
                yield flow.note(
                    f"{{{{{name}}}}} has to end in _{suffix}, after a name.", flow.node_with(name)
                )
            elif suffix is None and name.isupper():
                note = flow.note(f"{{{{{name}}}}} begins like no placeholder.", flow.node_with(name))
                yield note._replace(severity="should")


def _parameters_are_bare(view: _View) -> Iterator[_Note]:
    before_quote = re.compile(r"""\{\{(INSTPARM_[A-Z0-9_]+_MRAPTSNI)\}\}(?=(\\?["']))""")
    for flow in view.flows:
        quoted = (
            match[1]
            for match in before_quote.finditer(flow.text)
            if flow.text.endswith(match[2], 0, match.start())
        )
        for name in dict.fromkeys(quoted):
            message = f"{{{{{name}}}}} stands for the value, quotes included: write it without any."
            yield flow.note(message, flow.node_with(name))


def _has_triggers(view: _View) -> Iterator[_Note]:
    for place, workflow, _ in view.workflows:
        if not workflow.triggers:
            yield view.note(f"{place}.triggers: a workflow without a trigger can never run.")


def _schedule_is_complete(view: _View) -> Iterator[_Note]:
    members = ("cronExpression", "timezone", "humanReadable", "manualTriggerUrl")
    for place, trigger, _ in view.triggers:
        given = trigger.to_json()
        empty = [member for member in members if not given.get(member)]
        if isinstance(trigger, ScheduleTrigger) and empty:
            yield view.note(f"{place}: the platform insists on {', '.join(empty)}.")


def _trigger_types_are_known(view: _View) -> Iterator[_Note]:
    for place, said in view.problems:
        if ".triggers" in place and "Schema" not in place:
            yield view.note(f"{place}: {said}")


def _schema_types_are_known(view: _View) -> Iterator[_Note]:
    for place, said in view.problems:
        if "Schema" in place:
            yield view.note(f"{place}: {said}")


def _configuration_is_valid(view: _View) -> Iterator[_Note]:
    for place, said in view.problems:
        if not place.startswith("customIntegrations") and ".triggers" not in place and "Schema" not in place:
            yield view.note(f"{place}: {said}")


def _workflows_have_files(view: _View) -> Iterator[_Note]:
    if view.unpaired:
        yield view.note(view.unpaired)
    if view.source.listed is not None:
        listed, there = set(view.source.listed), set(view.source.workflow_files)
        for name in sorted(listed - there):
            yield view.note(f"WORKFLOW_FILES: there is no {name}.")
        for name in sorted(there - listed):
            yield _Note("Is not among the exported WORKFLOW_FILES.", name)


def _trigger_fits_nodes(view: _View) -> Iterator[_Note]:
    for place, trigger, flow in view.triggers:
        kinds = {kind for node in flow.nodes if (kind := node.starts)}
        # A webhook beside another trigger is there to run the workflow by hand.
        kinds = kinds - {"http"} or kinds
        if trigger.type != "data_ingestion" and trigger.type not in kinds:
            found = " and ".join(sorted(kinds)) or "nothing"
            yield view.note(f'{place}.type: "{trigger.type}", but {flow.path} is started by {found}.')


def _webhook_paths_agree(view: _View) -> Iterator[_Note]:
    for place, trigger, flow in view.triggers:
        if isinstance(trigger, HttpTrigger):
            member, url = "url", trigger.url
        elif isinstance(trigger, ScheduleTrigger):
            member, url = "manualTriggerUrl", trigger.manual_trigger_url
        else:
            continue
        paths = [str(node.parameters.get("path", "")) for node in flow.nodes if node.type == WEBHOOK]
        if not url.startswith(ENGINE_WEBHOOKS):
            yield view.note(f"{place}.{member} has to begin with {ENGINE_WEBHOOKS}.")
        elif (path := url.removeprefix(ENGINE_WEBHOOKS)) not in paths:
            found = " and ".join(paths) or "no webhook node"
            yield view.note(f"{place}.{member} ends in {path}, but {flow.path} has {found}.")


def _subworkflows_exist(view: _View) -> Iterator[_Note]:
    known = {flow.template_id for flow in view.flows}
    for flow in view.flows:
        for called in flow.calls:
            if called not in known:
                node = flow.node_with(f"SUBWKFL_{called}_LFKWBUS")
                yield flow.note(f'Calls "{called}", which is no workflow of this use case.', node)


def _callers_are_named(view: _View) -> Iterator[_Note]:
    for place, trigger, flow in view.triggers:
        callers = [caller.template_id for caller in view.flows if flow.template_id in caller.calls]
        named = (trigger.called_by or []) if isinstance(trigger, SubworkflowTrigger) else callers
        if missing := [caller for caller in callers if caller not in named]:
            yield view.note(f"{place}.calledBy: {', '.join(missing)} is missing.")


def _integrations_are_declared(view: _View) -> Iterator[_Note]:
    used = {flow.template_id: flow.integrations for flow in view.flows}
    for place, workflow, flow in view.workflows:
        needed = [*flow.integrations, *(uid for called in flow.calls for uid in used.get(called, []))]
        declared = workflow.integration_uids or []
        if missing := [uid for uid in dict.fromkeys(needed) if uid not in declared]:
            yield view.note(f"{place}.integrationUids: {', '.join(missing)} is used, but not declared.")


def _credentials_are_placeholders(view: _View) -> Iterator[_Note]:
    others = tuple(f"{{{{{kind}_" for kind in PLACEHOLDER_SUFFIXES if kind not in CREDENTIAL_KINDS)
    for flow in view.flows:
        for node in flow.nodes:
            for service, credential in _mapping(node.data.get("credentials")).items():
                for member in ("id", "name"):
                    value = str(_mapping(credential).get(member))
                    match = _CREDENTIAL.fullmatch(value)
                    if not (value.startswith(others) or (match and match[3] == member.upper())):
                        example = f"{{{{FLEXCRED_{service.upper()}_{member.upper()}_DERCXELF}}}}"
                        yield flow.note(
                            f"credentials.{service}.{member} is not a placeholder, as in {example}.", node
                        )


def _model_output_is_unwrapped(view: _View) -> Iterator[_Note]:
    for flow in view.flows:
        chains = [
            node
            for node in flow.nodes
            if node.type == CHAIN and node.parameters.get("hasOutputParser") is True
        ]
        for chain in chains:
            after = {node.name for node in flow.after(chain)}
            named = (
                rf"""\$\(\\?['"]{re.escape(chain.name)}\\?['"]\)\.(?:first\(\)|item|all\(\)\[\d+\])\.json"""
            )
            for node in flow.nodes:
                if node.type == CHAIN or "outputParser" in node.type or "lmChat" in node.type:
                    continue  # a part of a chain, not what follows it
                text = json.dumps(node.data, ensure_ascii=False)
                start = rf"(?:{named}|\$json)" if node.name in after else named
                for field in dict.fromkeys(re.findall(rf"{start}\.(?!output\b)([A-Za-z_]\w*)", text)):
                    if "output?." not in text:  # which reads both forms
                        yield flow.note(
                            f'"{chain.name}" gives its parsed answer as output: write output.{field}.', node
                        )


def _custom_integrations_are_complete(view: _View) -> Iterator[_Note]:
    for place, said in view.problems:
        if place.startswith("customIntegrations"):
            yield view.note(f"{place}: {said}")
    if view.problems:
        return
    defined: set[str] = set()
    for n, integration in enumerate(view.configuration.custom_integrations or []):
        place = f"customIntegrations[{n}]"
        if integration.id in defined:
            yield view.note(f'{place}.id: "{integration.id}" is that of an earlier one as well.')
        defined.add(integration.id)
        for message in _custom_integration(integration):
            yield view.note(f"{place}.{message}")
    wanted = [("integrationUids", view.configuration.integration_uids)]
    wanted += [(f"{place}.integrationUids", w.integration_uids or []) for place, w, _ in view.workflows]
    for place, uids in wanted:
        for uid in uids:
            if uid.startswith("cstm_") and uid not in defined:
                yield view.note(f'{place}: "{uid}" is not defined in customIntegrations.')


def _custom_integration(integration: CustomIntegration) -> Iterator[str]:
    """What is wrong inside one definition."""
    keys: list[str] = []
    given = {"secretFields": integration.secret_fields, "metadataFields": integration.metadata_fields or []}
    for member, fields in given.items():
        for n, field in enumerate(fields):
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", field.key):
                yield f'{member}[{n}].key: "{field.key}" is not UPPER_SNAKE_CASE.'
            if field.key in keys:
                yield f'{member}[{n}].key: "{field.key}" is that of an earlier field as well.'
            keys.append(field.key)
    mapping = integration.n8n_credential_mapping or {}
    if not mapping and integration.n8n_credential_type != "none":
        yield "n8nCredentialMapping says which field fills which part of the credential, and is empty."
    for key in mapping:
        if key not in keys:
            yield f'n8nCredentialMapping: "{key}" is the key of no field.'


def _skill_is_there(view: _View) -> Iterator[_Note]:
    present = {skill.relative_path for skill in view.source.skills}
    for folder in view.source.skill_folders:
        if skill_file(folder) not in present:
            yield _Note("A folder in skills/ has a SKILL.md.", f"skills/{folder}")


def _front_matters(view: _View) -> Iterator[tuple[Skill, dict[str, str]]]:
    """The skills that have a front matter, with it."""
    for skill in view.source.skills:
        matter = front_matter(skill.content_markdown)
        if any(matter.get(key) for key in ("name", "description", "workflowTemplateId")):
            yield skill, matter


def _skill_has_front_matter(view: _View) -> Iterator[_Note]:
    with_matter = {skill.relative_path for skill, _ in _front_matters(view)}
    for skill in view.source.skills:
        if skill.relative_path not in with_matter:
            yield _Note(
                "Begin the file with ---, name, description, workflowTemplateId, ---.", skill.relative_path
            )


def _skill_name_is_valid(view: _View) -> Iterator[_Note]:
    for skill, matter in _front_matters(view):
        name = matter.get("name", "")
        if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
            yield _Note(
                f'name: "{name}" is not 1 to 64 small letters, digits and hyphens.', skill.relative_path
            )
        for word in ("anthropic", "claude"):
            if word in name:
                yield _Note(f'name: "{word}" is reserved.', skill.relative_path)


def _skills_are_distinct(view: _View) -> Iterator[_Note]:
    seen: set[tuple[str, str]] = set()
    for skill, matter in _front_matters(view):
        for key in ("name", "workflowTemplateId"):
            value = matter.get(key, "")
            if value and (key, value) in seen:
                yield _Note(f'{key}: "{value}" is that of an earlier skill as well.', skill.relative_path)
            seen.add((key, value))


def _skill_refers_to_workflow(view: _View) -> Iterator[_Note]:
    known = {flow.template_id for flow in view.flows}
    for skill, matter in _front_matters(view):
        called = matter.get("workflowTemplateId", "")
        if called not in known:
            yield _Note(
                f'workflowTemplateId: "{called}" is no workflow of this use case.', skill.relative_path
            )


def _skill_is_described(view: _View) -> Iterator[_Note]:
    for skill, matter in _front_matters(view):
        description = matter.get("description", "")
        if not description:
            yield _Note("description: say what the skill does.", skill.relative_path, severity="should")
        elif len(description) > 1024:
            yield _Note(f"description: {len(description)} of at most 1024 characters.", skill.relative_path)


_RULES: tuple[tuple[str, Severity, Callable[[_View], Iterator[_Note]]], ...] = (
    ("JSON-001", "must", _is_workflow),
    ("CODIKA-INIT", "must", _begins_with_init),
    ("CODIKA-SUBMIT", "must", _ends_with_result),
    ("MERGE-BEFORE-TERMINAL", "must", _merges_before_end),
    ("SCHEDULE-WEBHOOK-CONVERGENCE", "must", _schedule_joins_webhook),
    ("SUBWKFL-MIN-PARAMS", "must", _subworkflow_takes_input),
    ("WEBHOOK-AUTH", "must", _webhook_is_locked),
    ("WEBHOOK-ID", "must", _webhook_has_id),
    ("WORKFLOW-SETTINGS", "must", _settings_are_set),
    ("WORKFLOW-SANITIZATION", "must", _is_sanitized),
    ("PLACEHOLDER-SYNTAX", "must", _placeholders_close),
    ("INSTPARM-QUOTE", "must", _parameters_are_bare),
    ("CRED-PLACEHOLDER", "should", _credentials_are_placeholders),
    ("LLM-OUTPUT-ACCESS", "must", _model_output_is_unwrapped),
    ("CONFIGURATION", "must", _configuration_is_valid),
    ("CONFIG-WORKFLOWS", "must", _workflows_have_files),
    ("TRIGGERS-REQUIRED", "must", _has_triggers),
    ("TRIGGER-TYPES", "must", _trigger_types_are_known),
    ("SCHEDULE-TRIGGER-FIELDS", "must", _schedule_is_complete),
    ("TRIGGER-TYPE-CONSISTENCY", "must", _trigger_fits_nodes),
    ("WEBHOOK-PATH-CONSISTENCY", "must", _webhook_paths_agree),
    ("SCHEMA-TYPES", "must", _schema_types_are_known),
    ("SUBWKFL-REFERENCES", "must", _subworkflows_exist),
    ("CALLEDBY-CONSISTENCY", "should", _callers_are_named),
    ("INTEGRATION-INHERITANCE", "should", _integrations_are_declared),
    ("CUSTOM-INTEGRATION", "must", _custom_integrations_are_complete),
    ("SKILL-STRUCTURE", "must", _skill_is_there),
    ("SKILL-FRONTMATTER", "must", _skill_has_front_matter),
    ("SKILL-NAME-FORMAT", "must", _skill_name_is_valid),
    ("SKILL-DUPLICATE", "must", _skills_are_distinct),
    ("SKILL-WORKFLOW-REF", "must", _skill_refers_to_workflow),
    ("SKILL-DESCRIPTION", "must", _skill_is_described),
)
