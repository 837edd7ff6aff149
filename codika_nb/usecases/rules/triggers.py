"""Rules about the configuration, and whether it fits the workflows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ...display.text import plain
from ..complaints import location
from ..config_ts import is_view, view_of_json
from ..fields import fields, is_field
from ..starters import WEBHOOK
from ..triggers import ENGINE_WEBHOOKS, HttpTrigger, ScheduleTrigger, SubworkflowTrigger
from ..wire import Model, wire_name
from .findings import Severity
from .view import Note, View, as_list, as_object


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
    for place, trigger in _given_triggers(given):
        needed = ("triggerId", "method") if trigger.get("type") == "http" else ("triggerId",)
        yield from (f"{place}.{name}" for name in needed if name not in trigger)


def inputs_are_as_documented(view: View) -> Iterator[Note]:
    """What older configurations have, and is read all the same."""
    given = view.source.given
    for place, field in _objects(given.get("deploymentInputSchema"), "deploymentInputSchema"):
        if "key" in field and "type" in field and "label" not in field:
            yield view.note(f"{place} has no label: its key is shown.")
    for place, trigger in _given_triggers(given):
        if trigger.get("type") == "subworkflow":
            for n, field in enumerate(as_list(trigger.get("inputSchema"))):
                if isinstance(field, dict) and "name" in field and "key" not in field:
                    yield view.note(
                        f"{place}.inputSchema[{n}]: an input has a key; name is of older versions."
                    )
    for place, field in _objects(given, ""):
        first = field.get("defaultValue") if "options" in field else None
        if not all(isinstance(each, str) for each in as_list(first) or [first or ""]):
            yield view.note(f"{place}.defaultValue is no text, and is sent as one.")
        for n, option in enumerate(as_list(field.get("options"))):
            texts = (
                {name: option.get(name) for name in ("value", "label")} if isinstance(option, dict) else {}
            )
            for name in [f".{name}" for name, text in texts.items() if not isinstance(text, str)]:
                yield view.note(f"{place}.options[{n}]{name} is no text, and is sent as one.")
            if not texts:
                yield view.note(f"{place}.options[{n}] has no value and no label, and is sent with both.")


def keys_are_distinct(view: View) -> Iterator[Note]:
    """No two fields of one form, or of one object in it, have the same key."""
    given = view.configuration.to_json()
    places: list[tuple[str, Mapping[str, Any], str]] = [("", given, "deploymentInputSchema")]
    for n, workflow in enumerate(as_list(given.get("workflows"))):
        places.append((f"workflows[{n}].", as_object(workflow), "outputSchema"))
    places += [(f"{place}.", trigger, "inputSchema") for place, trigger in _given_triggers(given)]
    for place, holder, name in places:
        for where, key, first in _doubled(holder.get(name), f"{place}{name}"):
            yield view.note(f'{where}: "{key}" is the key of {first} as well, and one hides the other.')


def members_are_spelt_rightly(view: View) -> Iterator[Note]:
    """Members that are unknown here are kept and sent; what looks like a known one is a slip.

    So is any of a field: what it asks for is not asked for.
    """
    for place, name, near in _unknown(view.configuration, ""):
        told = f"{place}{name} is unknown, and does nothing here"
        yield view.note(f"{told}: did you mean {near}?" if near else f"{told}.")


#: What members of fields are called elsewhere, by what they are called here.
_ELSEWHERE = {
    "min": ("minimum", "minValue"),
    "max": ("maximum", "maxValue"),
    "step": ("multipleOf", "increment"),
    "regex": ("pattern",),
    "options": ("choices", "enum", "values"),
    "defaultValue": ("value", "initialValue"),
    "description": ("help", "helpText", "hint"),
    "label": ("title", "name"),
    "required": ("optional", "nullable"),
    "numberType": ("integer", "isInteger"),
    "itemField": ("items", "item"),
    "schema": ("properties", "fields", "children"),
    "itemSchema": ("properties", "fields", "items"),
}


def _unknown(part: object, place: str) -> Iterator[tuple[str, str, str]]:
    """Where a member is unknown, what it is called, and which it looks like, if any."""
    if isinstance(part, list):
        for n, each in enumerate(part):
            yield from _unknown(each, f"{place.removesuffix('.')}[{n}].")
    if not isinstance(part, Model):
        return
    members = {wire_name(name): name for name in type(part).model_fields}
    for name in part.model_extra or ():
        near = [each for each in members if len(name) > 2 and each.lower().startswith(name.lower())]
        if is_field(part):
            near += [each for each in members if name in _ELSEWHERE.get(each, ())]
        near += get_close_matches(name, members, n=1, cutoff=0.7)
        if near or (is_field(part) and not name.startswith("x-")):
            yield place, plain(name), near[0] if near else ""
    for name, own in members.items():
        yield from _unknown(getattr(part, own), f"{place}{name}.")


#: Nodes that take of their input what their parameters name, and pass on or drop the rest.
_BY_NAME = {f"n8n-nodes-base.{name}" for name in ("code", "filter", "if", "merge", "noOp", "set", "switch")}
_COMMENT = re.compile(r"(?<!:)//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?")
#: Where the whole payload goes somewhere, or items as they came: then nothing is known of its members.
_AS_A_WHOLE = re.compile(
    r"\bbody\b(?!\s*(?:\??\.\s*[A-Za-z_]|\[\s*['\"]|=[^=]|(?:\|\||\?\?)\s*\{\s*\}))"
    r"|\bbody\??\.payload\b|\breturn\s+(?:\$input\.all\(\)|items\b)"
)


def inputs_are_read(view: View) -> Iterator[Note]:
    """What a form asks for is named by a node: who changes the one may forget the other."""
    for _, workflow, flow in view.workflows:
        keys = [
            field.key
            for trigger in workflow.triggers
            if isinstance(trigger, HttpTrigger)
            for field in fields(trigger.input_schema or ())
        ]
        nodes = [each for each in flow.nodes if not (each.is_disabled or each.starts)]
        if not nodes or any(each.type not in _BY_NAME and "codika" not in each.type for each in nodes):
            continue
        said = "\n".join(text for each in nodes for text in _texts(each.parameters))
        said = _COMMENT.sub("", said)
        unread = [key for key in keys if not re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", said)]
        if not unread or _AS_A_WHOLE.search(said):
            continue
        others = dict.fromkeys(re.findall(r"\bbody\??\.([A-Za-z_]\w*)", said))
        instead = ", ".join(name for name in others if name not in (*keys, "executionMetadata"))
        told = f"No node reads {plain(', '.join(unread))}, which the form asks for."
        yield flow.note(f"{told} It reads {plain(instead)}." if instead else told)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def _doubled(schema: object, place: str) -> Iterator[tuple[str, str, str]]:
    """The fields whose key another has before them: their place, the key, and the place of the other."""
    firsts: dict[str, str] = {}
    for where, field in _beside(schema, place):
        key = field.get("key")
        if isinstance(key, str) and firsts.setdefault(key, where) != where:
            yield where, key, firsts[key]
        for inner in ("schema", "itemSchema"):
            yield from _doubled(field.get(inner), f"{where}.{inner}")


def _beside(schema: object, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields that have a value, with their places: those of sections in the sections' place."""
    for n, field in enumerate(map(as_object, as_list(schema))):
        if field.get("type") == "section":
            yield from _beside(field.get("inputSchema"), f"{place}[{n}].inputSchema")
        else:
            yield f"{place}[{n}]", field


def _given_triggers(given: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for n, workflow in enumerate(as_list(given.get("workflows"))):
        for k, trigger in enumerate(as_list(as_object(workflow).get("triggers"))):
            yield f"workflows[{n}].triggers[{k}]", as_object(trigger)


def _objects(value: object, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object in a JSON value, with its place."""
    if isinstance(value, Mapping):
        yield place, value
        for name, part in value.items():
            yield from _objects(part, f"{place}.{name}" if place else str(name))
    for n, part in enumerate(as_list(value)):
        yield from _objects(part, f"{place}[{n}]")


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
        yield view.note(f"{where} is {json.dumps(written)}, which is not of its kind, and is sent like that.")
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
