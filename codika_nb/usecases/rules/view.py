"""What the rules look at: a use case, its workflows, their nodes and wires."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ...errors import UseCaseError
from ..complaints import complaints
from ..configuration import Configuration, Workflow
from ..documents import parse_workflow
from ..source import Source
from ..starters import WEBHOOK, trigger_kind
from ..triggers import Trigger
from .findings import Severity

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

CREDENTIAL = re.compile(
    rf"\{{\{{({'|'.join(CREDENTIAL_KINDS)})_([A-Z0-9_]+)_(ID|NAME)_"
    rf"({'|'.join(PLACEHOLDER_SUFFIXES[kind] for kind in CREDENTIAL_KINDS)})\}}\}}"
)


class _Node:
    """A node of an n8n workflow, tolerant of what is missing.

    Attributes:
        is_disabled: whether it is switched off in the editor.
        starts: what kind of trigger it is, in the words of the configuration; ``manual`` for what only a
            person in the editor starts; None if it is none.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.name = str(data.get("name", ""))
        self.type = str(data.get("type", ""))
        self.parameters = as_object(data.get("parameters"))
        self.starts = trigger_kind(self.type)
        self.is_disabled = data.get("disabled") is True

    def does(self, operations: set[str]) -> bool:
        """Whether this is a Codika node with one of these operations."""
        operation = self.parameters.get("operation")
        return isinstance(operation, str) and operation in operations and "codika" in self.type.lower()


class _Flow:
    """A workflow as the rules look at it: nodes, and what follows what."""

    def __init__(self, path: str, template_id: str, content: bytes) -> None:
        self.path = path
        self.template_id = template_id
        self.text = content.decode("utf-8")
        self.data = parse_workflow(content, path)
        self.nodes = [_Node(node) for node in objects_in(self.data.get("nodes"))]
        self.named = {node.name: node for node in self.nodes}
        self.is_subworkflow = any(node.starts == "subworkflow" for node in self.nodes)

    @cached_property
    def calls(self) -> list[str]:
        """The sub-workflows that it calls, each once."""
        return calls_in(self.text)

    @cached_property
    def integrations(self) -> list[str]:
        """The integrations whose credentials it asks for, each once."""
        return list(dict.fromkeys(match[2].lower() for match in CREDENTIAL.finditer(self.text)))

    @cached_property
    def wires(self) -> list[tuple[str, str, str]]:
        """Every wire: where it begins, of which kind it is, where it ends."""
        return [
            (source, kind, str(as_object(link).get("node")))
            for source, kinds in as_object(self.data.get("connections")).items()
            for kind, outputs in as_object(kinds).items()
            for output in as_list(outputs)
            for link in as_list(output)
        ]

    def after(self, node: _Node) -> list[_Node]:
        """The nodes that an execution goes on to from this one, by any of its outputs."""
        outputs = as_object(as_object(self.data.get("connections")).get(node.name)).get("main")
        links = [link for output in as_list(outputs) for link in as_list(output)]
        names = [as_object(link).get("node") for link in links]
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

    def note(self, message: str, node: _Node | str | None = None) -> Note:
        return Note(message, self.path, node.name if isinstance(node, _Node) else node)


class Note(NamedTuple):
    """What a rule has to say; the table adds the rule's name, and its severity unless given here."""

    message: str
    path: str
    node: str | None = None
    severity: Severity | None = None


class View:
    """What the rules see of a use case, or of workflows without a configuration.

    Attributes:
        configuration: the configuration, where there is one.
        flows: the workflows, as they will run.
        workflows: those of the configuration, each with its place there and its flow.
        problems: place and complaint. A configuration can be changed in Python after it was
            checked; while there are problems, there are no ``workflows``.
        unpaired: why the configuration and the workflows do not fit together, if they do not.
    """

    def __init__(self, source: Source, configuration: Configuration | None) -> None:
        self.source = source
        self.workflows: list[tuple[str, Workflow, _Flow]] = []
        self.problems: list[tuple[str, str]] = []
        self.unpaired: str | None = None
        if configuration is not None:
            self._read(configuration)
        seen = {flow.path for _, _, flow in self.workflows}
        self.flows = [flow for _, _, flow in self.workflows]
        self.flows += [
            _Flow(name, Path(name).stem, source.files[name])
            for name in source.workflow_files
            if name not in seen
        ]

    def _read(self, configuration: Configuration) -> None:
        self.configuration = configuration
        given = configuration.to_json()
        try:
            self.configuration = Configuration.read(given)
        except ValidationError as error:
            self.problems = complaints(error, given)
        else:
            self._pair()

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

    def note(self, message: str) -> Note:
        """Something about the configuration."""
        return Note(message, self.source.config)

    def broken(self, rule: str) -> Iterator[Note]:
        """What is wrong with the configuration by one rule; see `problems`."""
        return (self.note(f"{place}: {said}") for place, said in self.problems if rule_about(place) == rule)

    @property
    def parents(self) -> list[_Flow]:
        """The workflows that run on their own; a sub-workflow leaves much to its caller."""
        return [flow for flow in self.flows if not flow.is_subworkflow]

    @property
    def nodes(self) -> Iterator[tuple[_Flow, _Node]]:
        return ((flow, node) for flow in self.flows for node in flow.nodes)

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


def rule_about(place: str) -> str:
    """The rule that is broken where something is wrong at this place of a configuration."""
    if place.startswith("customIntegrations"):
        return "CUSTOM-INTEGRATION"
    if "Schema" in place:
        return "SCHEMA-TYPES"
    return "TRIGGER-TYPES" if ".triggers" in place else "CONFIGURATION"


def calls_in(written: str) -> list[str]:
    """The sub-workflows that a workflow calls, each once."""
    return list(dict.fromkeys(re.findall(r"\{\{SUBWKFL_([A-Za-z0-9_-]+)_LFKWBUS\}\}", written)))


def as_object(value: object) -> dict[str, Any]:
    """The value if it is an object; an empty one in the place of anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value if it is a list; an empty one in the place of anything else."""
    return value if isinstance(value, list) else []


def objects_in(value: object) -> list[dict[str, Any]]:
    """The objects in a list; none in the place of anything else."""
    return [each for each in as_list(value) if isinstance(each, dict)]


def given_triggers(given: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The triggers of a configuration as somebody has written it, each with its place there."""
    for n, workflow in enumerate(as_list(given.get("workflows"))):
        for k, trigger in enumerate(as_list(as_object(workflow).get("triggers"))):
            yield f"workflows[{n}].triggers[{k}]", as_object(trigger)
