"""From what somebody has of n8n to a configuration and its workflows in the platform's pattern."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ...errors import UseCaseError
from ..documents import json_file
from ..rules.verify import verify_files
from ..rules.view import ERROR_WORKFLOW, calls_in, objects_in
from ..starters import ERROR, SUBWORKFLOW, trigger_kind
from . import ends, inputs, leftovers
from .export import Export, Given, Read, exports, put_right, template_id
from .graph import NO_OPERATION, NOTE, Graph, Node, named_in
from .reading import read_of
from .ready import declared, described, in_pattern, own_id
from .report import ImportReport, Notes
from .starts import Start, build, starts
from .times import zone_of

_CALLS = (
    "n8n-nodes-base.executeWorkflow",
    "@n8n/n8n-nodes-langchain.toolWorkflow",
    "@n8n/n8n-nodes-langchain.retrieverWorkflow",
)


class Imported(NamedTuple):
    """What an import has made.

    Attributes:
        configuration: the configuration, as in a ``config.json``.
        workflows: the workflows by template id.
        report: what was done, and what a person has to decide.
    """

    configuration: dict[str, Any]
    workflows: dict[str, dict[str, Any] | str]
    report: ImportReport


class _Made(NamedTuple):
    """One workflow, made."""

    template_id: str
    title: str
    workflow: dict[str, Any] | str
    members: dict[str, Any]
    notes: Notes
    id: str


def import_n8n(source: Given | Iterable[Given], name: str | None = None) -> Imported:
    """Make a use case of n8n exports.

    Raises:
        UseCaseError: it is no export, or cannot become a workflow of the platform; says why.
    """
    made: list[_Made] = []
    refused: list[UseCaseError] = []
    found = exports(source)
    for export in found:
        try:
            made += _workflows(export, [each.template_id for each in made], name if len(found) == 1 else None)
        except UseCaseError as error:
            refused.append(error)
    if not made:
        raise refused[0]
    _match_calls(made)
    title = " ".join((name or made[0].title).split()) or "Imported workflows"
    listed = ", ".join(dict.fromkeys(each.title for each in made))
    integrations = dict.fromkeys(uid for each in made for uid in each.members["integrationUids"])
    configuration = {
        "title": title,
        "subtitle": "",
        "description": f"Made from {'an n8n workflow' if len(made) == 1 else 'n8n workflows'}: {listed}.",
        "processDeploymentMarkdown": f"# {title}\n",
        "tags": ["n8n"],
        "integrationUids": list(integrations),
        "workflows": [
            {"workflowTemplateId": each.template_id, "workflowName": each.title, **each.members}
            for each in made
        ],
    }
    report = ImportReport(note for each in made for note in each.notes.taken)
    for why in refused:
        other = Notes("")
        other.decide(f"Was left out: {why.message}")
        report += other.taken
    return Imported(configuration, {each.template_id: each.workflow for each in made}, report)


def _workflows(export: Export, taken: list[str], name: str | None) -> list[_Made]:
    """The workflows that an export becomes: one for each flow in it."""
    json_file(export.data, export.place)  # says so if a text in it cannot be written
    given = export.data.get("name")
    hint = export.hint or (given if isinstance(given, str) else "") or name or "workflow"
    if in_pattern(export.data):
        return [_as_it_is(export, hint, taken)]
    first = template_id(hint, taken)
    notes = Notes(first)
    read = put_right(export, first, notes)
    if any(n["type"] == SUBWORKFLOW and not n.get("disabled") for n in read.graph.nodes.values()):
        return [_subworkflow(read, first, notes)]
    found = _starts(read, notes)
    if len(found) > 1:
        notes.decide(
            f"It has {len(found)} flows of their own, and each became a workflow: keep those you need."
        )
    made: list[_Made] = []
    for n, start in enumerate(found):
        others = [*taken, *(each.template_id for each in made)]
        own = first if n == 0 else template_id(f"{hint} {start.label or start.kind}", others)
        title = read.name if n == 0 else f"{read.name} ({start.label or start.kind})"
        own_notes = notes if n == 0 else Notes(own)
        made.append(_parent(read, start, found, title, own_notes))
    return made


def _as_it_is(export: Export, hint: str, taken: list[str]) -> _Made:
    """A workflow that is in the platform's pattern already: what can stay does."""
    own = own_id(export.data)
    if not own or own in taken:
        own = template_id(own or hint, taken)
    notes = Notes(own)
    title = export.data.get("name")
    title = title.strip() if isinstance(title, str) and title.strip() else hint
    before = json_file(export.data, export.place)
    members = described(export.data, own, notes)
    is_same = json_file(export.data, export.place) == before
    old_id = str(export.data.get("id") or "")
    found = verify_files({f"workflows/{own}.json": before}) if is_same else []
    if is_same and all(each.rule == "CRED-MISSING" for each in found):  # which only a person has
        notes.done("It is in the platform's pattern already, and was left as it is.")
        leftovers.tell_secrets(objects_in(export.data["nodes"]), notes)
        return _Made(own, title, export.written or export.data, members, notes, old_id)
    read = put_right(export, own, notes)
    subworkflow = members["triggers"][0]["type"] == "subworkflow"
    members["integrationUids"] += leftovers.credentials(read.graph, notes)
    leftovers.remark(read.graph, read.settings, notes)
    notes.done("It has a Codika Init already: only what belongs to another engine was taken out.")
    workflow = {"name": title, **read.graph.to_json(), "settings": _settings(read, errors=not subworkflow)}
    return _Made(own, title, workflow, members, notes, old_id)


def _starts(read: Read, notes: Notes) -> list[Start]:
    graph = read.graph
    for node in list(graph.nodes.values()):
        if node["type"] == ERROR:
            notes.done(
                "The platform has an error workflow of its own: the error trigger was left out.", node["name"]
            )
    if found := starts(graph, notes):
        return found
    if any(node["type"] == ERROR for node in graph.nodes.values()):
        raise UseCaseError(
            f"{read.name} is an error workflow, and the platform has one of its own.",
            next_action="Import the workflows that it is for.",
        )
    led_to = {
        link["node"] for kinds in graph.wires.values() for output in kinds.get("main", []) for link in output
    }
    parts = graph.parts_of(graph.nodes)
    roots = [
        node["name"]
        for node in graph.nodes.values()
        if node["name"] not in led_to | parts and node["type"] != NOTE
    ]
    top = min((node["position"] for node in graph.nodes.values()), default=[0, 0])
    name = graph.add(graph.free("Start"), "n8n-nodes-base.manualTrigger", 1, [top[0] - 240, top[1]], {})
    # Only what goes on from somewhere is a beginning; single nodes are not part of a run.
    leading = [root for root in roots if graph.after(root)] or roots[:1]
    for root in leading:
        graph.connect(name, root)
    notes.decide("Nothing starts this workflow, so that it has got a start by hand: check where it begins.")
    return starts(graph, notes)


def _parent(read: Read, start: Start, every: list[Start], title: str, notes: Notes) -> _Made:
    """A workflow that runs on its own: one of the flows of an export."""
    own, first = notes.workflow, start is every[0]
    graph = read.graph.copy(own)
    targets = [link["node"] for link in start.targets]
    if not targets:
        notes.decide(
            "Nothing is connected behind the trigger: this workflow does nothing yet.", start.node["name"]
        )
    if len(every) > 1:
        _keep_flow(graph, start, every)
    trigger, own_nodes = build(graph, start, own, read, notes)
    _drop_triggers(graph, own_nodes, notes, "This trigger is not used here, and was left out.")
    ends.close(graph, [start.node["name"]], notes)
    uids = leftovers.credentials(graph, notes)
    leftovers.remark(graph, read.settings, notes)
    if first:
        _tell_dead(graph, own_nodes, read, notes)
    members: dict[str, Any] = {"triggers": [trigger], "integrationUids": uids}
    if schema := ends.output_schema(graph):
        members["outputSchema"] = schema
    else:
        notes.done("Its results are shown as they come: an outputSchema in config.json gives them labels.")
    workflow = {"name": title, **graph.to_json(), "settings": _settings(read, errors=True)}
    return _Made(own, title, workflow, members, notes, read.id if first else "")


def _keep_flow(graph: Graph, start: Start, every: list[Start]) -> None:
    """Leave out the nodes of other flows.

    What is in no flow stays with the first one, and with those that it is wired to.
    """

    def reached(*of: Start) -> set[str]:
        return set(graph.reachable(link["node"] for each in of for link in each.targets))

    triggers = {each.node["name"] for each in every}
    on_the_way = reached(*every)
    kept = reached(start) | graph.parts_of(reached(start))
    if start is every[0]:
        kept |= set(graph.nodes) - on_the_way - graph.parts_of(on_the_way) - triggers
    kept |= graph.beside(kept, set(graph.nodes) - on_the_way - triggers) | {start.node["name"]}
    named, waiting = set[str](), list(kept)
    while waiting:
        found = (named_in(graph.nodes[waiting.pop()]) & set(graph.nodes)) - kept - named
        named |= found
        waiting += found
    graph.keep(kept | named)
    # What is only named is not a part of the run, but its name has to be known.
    for name in named:
        graph.disconnect(name)


def _drop_triggers(graph: Graph, kept: Iterable[str], notes: Notes, said: str) -> None:
    """Take away the triggers that are not used; one that is named is there as a node that never runs."""
    named = {other for node in graph.nodes.values() for other in named_in(node)}
    for node in list(graph.nodes.values()):
        name = node["name"]
        if trigger_kind(node["type"]) and name not in kept:
            graph.remove(name)
            notes.done(said, name)
            if name in named:
                graph.add(name, NO_OPERATION, 1, node["position"], {})


def _tell_dead(graph: Graph, starts: Iterable[str], read: Read, notes: Notes) -> None:
    """Say which nodes are no part of a run; what was a trigger there is none of them."""
    alive = set(graph.reachable(starts))
    alive |= graph.parts_of(alive)
    alive |= {name for name, node in read.graph.nodes.items() if trigger_kind(node["type"])}
    dead = [n for n, node in graph.nodes.items() if n not in alive and node["type"] != NOTE]
    if dead:
        more = f" and {len(dead) - 5} more" if len(dead) > 5 else ""
        notes.decide(f"No trigger leads to {', '.join(dead[:5])}{more}.")


def _subworkflow(read: Read, own: str, notes: Notes) -> _Made:
    """A workflow that others call."""
    graph = read.graph
    node = next(n for n in graph.nodes.values() if n["type"] == SUBWORKFLOW and not n.get("disabled"))
    name = node["name"]
    _drop_triggers(
        graph, [name], notes, "A sub-workflow is called by others only: this trigger was left out."
    )
    _declare(node, graph, read, notes)
    _tell_dead(graph, [name], read, notes)
    uids = leftovers.credentials(graph, notes)
    leftovers.remark(graph, read.settings, notes)
    for other in graph.nodes.values():
        if other["type"] == "n8n-nodes-base.respondToWebhook":
            notes.decide(
                "Answers the caller's webhook, which the platform does itself: take it out.", other["name"]
            )
    trigger = {"type": "subworkflow", "inputSchema": declared(node), "calledBy": []}
    workflow = {"name": read.name, **graph.to_json(), "settings": _settings(read, errors=False)}
    members = {"triggers": [trigger], "integrationUids": uids, "cost": 0}
    return _Made(own, read.name, workflow, members, notes, read.id)


def _declare(node: dict[str, Any], graph: Graph, read: Read, notes: Notes) -> None:
    """Write down the inputs of a sub-workflow that declares none: by its example, or as they are guessed."""
    if declared(node):
        return
    parameters, name = node["parameters"], node["name"]
    made = inputs.example_inputs(parameters.get("jsonExample"))
    if made:
        parameters.pop("jsonExample")
        if "inputSource" in parameters:
            parameters["inputSource"] = "workflowInputs"
        notes.done("Its inputs are declared by name and kind, no longer by an example.", name)
    else:
        item = read_of(graph, name, graph.after(name))
        made = inputs.subworkflow_inputs(item, inputs.recorded_items(read.pinned, name))
        if made:
            keys = ", ".join(value["name"] for value in made)
            notes.decide(
                f"Its inputs are guessed from what is read: {keys}. Check names and kinds in config.json.",
                name,
            )
        else:
            notes.decide(
                "It declares no input, and the platform insists on one: add it to the trigger.", name
            )
    if made:
        parameters["workflowInputs"] = {"values": made}


def _settings(read: Read, *, errors: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {"executionOrder": "v1"}
    if errors:
        settings["errorWorkflow"] = ERROR_WORKFLOW
    if zone := zone_of(read.settings):
        settings["timezone"] = zone
    return settings


def _match_calls(made: list[_Made]) -> None:
    """Lead calls of other workflows to those that were imported along."""
    known = {each.id: each for each in made if each.id}
    for caller in made:
        if isinstance(caller.workflow, str):
            continue
        for node in caller.workflow["nodes"]:
            if node["type"] in _CALLS and (missed := _match_call(caller, node, known)):
                caller.notes.decide(missed, node["name"])
    for caller in made:
        _tell_callers(caller, {each.template_id: each for each in made})


def _match_call(caller: _Made, node: Node, known: Mapping[str, _Made]) -> str | None:
    """Lead one call to the workflow it means; returns what keeps it from there."""
    given = node["parameters"].get("workflowId")
    called = given.get("value") if isinstance(given, dict) else given
    called = str(called or "") if isinstance(called, str | int) else ""
    if called.startswith("{{SUBWKFL_"):
        return None
    if called.startswith("="):
        return "Computes which workflow it calls, by ids of the old engine."
    if not called:
        return "Does not say by an id which workflow it calls: make a sub-workflow of that one, and name it."
    target = known.get(called)
    if target is None:
        return f"Calls a workflow of the old engine ({called}): import it along, or name another."
    if target.members["triggers"][0]["type"] != "subworkflow":
        return f"Calls {target.template_id}, which is no sub-workflow."
    placeholder = f"{{{{SUBWKFL_{target.template_id}_LFKWBUS}}}}"
    node["parameters"]["workflowId"] = (
        {"__rl": True, "mode": "id", "value": placeholder} if isinstance(given, dict) else placeholder
    )
    caller.notes.done(f"Calls {target.template_id}, which was imported along.", node["name"])
    return None


def _tell_callers(caller: _Made, made: Mapping[str, _Made]) -> None:
    """Say of what is called by whom, and that the caller needs the integrations of what it calls."""
    written = caller.workflow if isinstance(caller.workflow, str) else json.dumps(caller.workflow)
    for called in calls_in(written):
        if called in made:
            target = made[called].members
            callers = target["triggers"][0].get("calledBy", [])
            callers += [caller.template_id] * (caller.template_id not in callers)
            needed = caller.members["integrationUids"]
            needed += [uid for uid in target["integrationUids"] if uid not in needed]
