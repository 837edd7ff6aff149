"""Rules about the configuration, and whether it fits the workflows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..complaints import location
from ..config_ts import is_view, view_of_json
from ..starters import WEBHOOK
from ..triggers import ENGINE_WEBHOOKS, HttpTrigger, ScheduleTrigger, SubworkflowTrigger
from ..wire import wire_name
from .findings import Severity
from .view import Note, View, as_list, as_object, given_triggers


def one_configuration_is_there(view: View) -> Iterator[Note]:
    """What is used here is what the codika tool uses, which reads config.ts alone."""
    source = view.source
    content = source.files.get("config.ts")
    if content is None or source.config in ("config.ts", "configuration"):
        return
    if source.config != "config.json" or not is_view(content):
        yield view.note(f"{source.config} is used here, and config.ts by the codika tool: keep them equal.")
        return
    if content.splitlines() != view_of_json(source.workflow_files).splitlines():
        yield Note(
            "Lists other workflows than there are: --fix, or use_case.verify().fix(), writes it anew.",
            "config.ts",
        )
    for place in _filled_in(source.given):
        yield view.note(f"{place} is filled in here; the codika tool sends the file as it is.")


def _filled_in(given: Mapping[str, Any]) -> Iterator[str]:
    """What the platform wants to have, and is not in the file."""
    yield from (
        n for n in ("subtitle", "processDeploymentMarkdown", "tags", "integrationUids") if n not in given
    )
    for n, workflow in enumerate(as_list(given.get("workflows"))):
        for name in ("workflowId", "workflowName", "knowledgeBaseAccess"):
            if name not in as_object(workflow):
                yield f"workflows[{n}].{name}"
    for place, trigger in given_triggers(given):
        needed = ("triggerId", "method") if trigger.get("type") == "http" else ("triggerId",)
        yield from (f"{place}.{name}" for name in needed if name not in trigger)


def has_triggers(view: View) -> Iterator[Note]:
    for place, workflow, _ in view.workflows:
        if not workflow.triggers:
            yield view.note(f"{place}.triggers: a workflow without a trigger can never run.")


def schedule_is_complete(view: View) -> Iterator[Note]:
    members = ("cronExpression", "timezone", "humanReadable", "manualTriggerUrl")
    for place, trigger, _ in view.triggers:
        given = trigger.to_json()
        empty = [member for member in members if not given.get(member)]
        if isinstance(trigger, ScheduleTrigger) and empty:
            yield view.note(f"{place}: the platform insists on {', '.join(empty)}.")


def trigger_types_are_known(view: View) -> Iterator[Note]:
    return view.broken("TRIGGER-TYPES")


def schema_types_are_known(view: View) -> Iterator[Note]:
    return view.broken("SCHEMA-TYPES")


def configuration_is_valid(view: View) -> Iterator[Note]:
    return view.broken("CONFIGURATION")


def workflows_have_files(view: View) -> Iterator[Note]:
    if view.unpaired:
        yield view.note(view.unpaired)
    if view.source.listed is None and view.source.config == "config.ts":
        yield view.note("config.ts exports no WORKFLOW_FILES, which the codika tool reads.")
    if view.source.listed is not None:
        listed, there = set(view.source.listed), set(view.source.workflow_files)
        for name in sorted(listed - there):
            yield view.note(f"WORKFLOW_FILES: there is no {name}.")
        for name in sorted(there - listed):
            yield Note("Is not among the exported WORKFLOW_FILES.", name)


def no_workflow_is_left_aside(view: View) -> Iterator[Note]:
    for name in view.source.strays:
        yield Note(f"Is no workflow of {view.source.config}, and is not sent: move it away, or add it.", name)


def values_are_of_their_kind(view: View) -> Iterator[Note]:
    """What is sent as it is written, though another kind of value belongs there; and what is not."""
    for place, written in view.configuration.as_written.items():
        where = location(place, view.source.given)
        yield view.note(
            f"{where} is {json.dumps(written)}, where another kind of value belongs. It is sent like that."
        )
    if view.source.config in ("config.json", "config.ts"):
        for said, severity in _not_as_written(view.source.given, view.configuration.to_json(), ""):
            yield view.note(said)._replace(severity=severity)


def _not_as_written(given: object, sent: object, place: str) -> Iterator[tuple[str, Severity]]:
    if isinstance(given, Mapping) and isinstance(sent, Mapping):
        for name, value in given.items():
            inner = f"{place}.{name}" if place else str(name)
            if name in sent:
                yield from _not_as_written(value, sent[name], inner)
            elif value is None:
                yield f"{inner} is null, and is left out.", "nit"
            elif (known := wire_name(name)) in sent:
                yield f"{inner} is sent as {known}; the codika tool sends it as it is written.", "should"
    elif isinstance(given, list) and isinstance(sent, list):
        for n, (value, part) in enumerate(zip(given, sent, strict=False)):
            yield from _not_as_written(value, part, f"{place}[{n}]")


def _keys(schema: object) -> Iterator[object]:
    for field in as_list(schema):
        yield as_object(field).get("key")
        yield from _keys(as_object(field).get("inputSchema"))


def parameters_are_asked_for(view: View) -> Iterator[Note]:
    """Each deployment parameter in a workflow is one that a deployment has."""
    given = view.configuration.to_json()
    known = {*_keys(given.get("deploymentInputSchema")), *as_object(given.get("defaultDeploymentParameters"))}
    for flow in view.flows:
        for name in dict.fromkeys(re.findall(r"\{\{INSTPARM_([A-Za-z0-9_-]+)_MRAPTSNI\}\}", flow.text)):
            if name not in known:
                node = flow.node_with(f"INSTPARM_{name}_MRAPTSNI")
                yield flow.note(f"{name} is no key of deploymentInputSchema: nothing fills it.", node)


def trigger_fits_nodes(view: View) -> Iterator[Note]:
    for place, trigger, flow in view.triggers:
        kinds = {kind for node in flow.nodes if (kind := node.starts)}
        # A webhook beside another trigger is there to run the workflow by hand.
        by_hand = "manual" in kinds
        kinds -= {"manual"}
        kinds = kinds - {"http"} or kinds
        if trigger.type != "data_ingestion" and trigger.type not in kinds:
            nothing = "a person in the editor only" if by_hand else "nothing"
            found = " and ".join(sorted(kinds)) or nothing
            yield view.note(f'{place}.type: "{trigger.type}", but {flow.path} is started by {found}.')


def webhook_paths_agree(view: View) -> Iterator[Note]:
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


def subworkflows_exist(view: View) -> Iterator[Note]:
    known = {flow.template_id for flow in view.flows}
    for flow in view.flows:
        for called in flow.calls:
            if called not in known:
                node = flow.node_with(f"SUBWKFL_{called}_LFKWBUS")
                yield flow.note(f'Calls "{called}", which is no workflow of this use case.', node)


def callers_are_named(view: View) -> Iterator[Note]:
    for place, trigger, flow in view.triggers:
        callers = [caller.template_id for caller in view.flows if flow.template_id in caller.calls]
        named = (trigger.called_by or []) if isinstance(trigger, SubworkflowTrigger) else callers
        if missing := [caller for caller in callers if caller not in named]:
            yield view.note(f"{place}.calledBy: {', '.join(missing)} is missing.")
