"""Rules about nodes and the wires between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..starters import WEBHOOK
from ..triggers import HttpTrigger
from .view import END_OPERATIONS, INIT_OPERATIONS, Note, View, as_list, as_object

#: What a webhook that nobody answers should not lead to at once.
_SLOW = {
    f"n8n-nodes-base.{name}"
    for name in ("httpRequest", "postgres", "mysql", "mongodb", "openAi", "anthropic", "huggingFace")
}


#: What members of a node are, where they are there.
_FORMS: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("parameters", "credentials"), ((dict,), "object")),
    **dict.fromkeys(("disabled", "continueOnFail", "notesInFlow"), ((bool,), "truth value")),
    "notes": ((str,), "text"),
    "typeVersion": ((int, float), "number"),
}


def nodes_are_whole(view: View) -> Iterator[Note]:
    """Each node has a name and a type, and an id of its own if it has one."""
    for flow in view.flows:
        ids: set[str] = set()
        given = as_list(flow.data.get("nodes"))
        for n, node in enumerate(given):
            if not isinstance(node, dict):
                yield flow.note(f"nodes[{n}] is no node.")
                continue
            name = node.get("name")
            place = name if isinstance(name, str) and name else None
            for member in ("name", "type"):
                if not (isinstance(node.get(member), str) and node[member]):
                    yield flow.note(f"nodes[{n}] has no {member}.", place)
            for member, (kinds, words) in _FORMS.items():
                if member in node and type(node[member]) not in kinds:
                    yield flow.note(f"Its {member} is no {words}.", place)
            if "position" in node and not _is_position(node["position"]):
                yield flow.note("Its position is not two numbers.", place)
            if "id" not in node:
                continue
            own = node["id"]
            if not isinstance(own, str):
                yield flow.note("Its id is no text.", place)
            elif own in ids:
                yield flow.note(f'Its id "{own}" is that of an earlier node as well.', place)
            else:
                ids.add(own)


def _is_position(given: object) -> bool:
    return (
        isinstance(given, list) and len(given) == 2 and all(isinstance(part, int | float) for part in given)
    )


def wires_have_a_form(view: View) -> Iterator[Note]:
    """Wires stand in lists of outputs, these by their kind, and the kinds by the name of a node."""
    for flow in view.flows:
        known = {*flow.named, *(node.data.get("id") for node in flow.nodes)}
        leading = {source for source, _, _ in flow.wires}
        for source, kinds in as_object(flow.data.get("connections")).items():
            place = source if source in flow.named else None
            if source not in known and source not in leading:  # of what leads on, its wires are said
                yield flow.note(f'Among the connections is "{source}": there is no such node.')
            outputs = [each for each in as_object(kinds).values() if each is not None]
            inner = [output for each in outputs for output in as_list(each) if output is not None]
            if not (isinstance(kinds, dict) and all(isinstance(each, list) and each for each in outputs)):
                yield flow.note(f'The wires from "{source}" are no lists of outputs by kind.', place)
            elif any(isinstance(output, dict) for output in inner):
                note = flow.note(f'A wire from "{source}" stands in no output, and is not followed.', place)
                yield note._replace(severity="should")
            elif not all(isinstance(output, list) for output in inner):
                yield flow.note(f'An output of "{source}" is no list of wires.', place)


def wires_have_ends(view: View) -> Iterator[Note]:
    """Both ends of each wire, of whatever kind, are nodes."""
    for flow in view.flows:
        ids = {node.data.get("id"): node.name for node in flow.nodes if isinstance(node.data.get("id"), str)}
        for source, kind, target in flow.wires:
            for end, other in ((source, target), (target, source)):
                if end in flow.named:
                    continue
                where = next((name for name in (source, other) if name in flow.named), None)
                if end in ids:
                    message = f'A wire ({kind}) gives "{ids[end]}" by its id: give its name.'
                    yield flow.note(message, where)._replace(severity="should")
                else:
                    text = f'A wire ({kind}) leads from "{source}" to "{target}": there is no node "{end}".'
                    yield flow.note(text, where)


def names_are_distinct(view: View) -> Iterator[Note]:
    for flow in view.flows:
        for name, count in Counter(node.name for node in flow.nodes).items():
            if name and count > 1:
                yield flow.note(f"{count} nodes have this name, and wires cannot tell them apart.", name)


def runs_begin_and_end(view: View) -> Iterator[Note]:
    """Each trigger leads to an enabled Codika Init, and from there the run gets to an end."""
    for flow in view.parents:
        inits = [node for node in flow.nodes if node.does(INIT_OPERATIONS)]
        for node in flow.nodes:
            is_codika = node.does(INIT_OPERATIONS | END_OPERATIONS)
            if node.is_disabled and (is_codika or node.starts not in (None, "manual")):
                yield flow.note("Is disabled, and so does not count.", node)
        able = [node for node in inits if not node.is_disabled]
        if not able:
            continue  # if there is none at all, that is said by a rule of its own
        starts = [node for node in flow.nodes if node.starts and not node.is_disabled]
        for start in starts:
            if start.starts != "manual" and not any(node in able for node in flow.reachable([start])):
                yield flow.note("Starts a run that never gets to Codika Init.", start)
        for init in able:
            if not any(init in flow.reachable([start]) for start in starts):
                yield flow.note("No trigger leads here, so no run ever begins.", init)
                continue
            reached = flow.reachable([init])
            # Where a run stops somewhere, that is said by a rule of its own.
            if all(flow.after(n) or n.does(END_OPERATIONS) for n in reached) and not any(
                n.does(END_OPERATIONS) and not n.is_disabled for n in reached
            ):
                yield flow.note("From here no run gets to Submit Result or Report Error.", init)


def webhooks_answer_in_time(view: View) -> Iterator[Note]:
    for flow, node in view.webhooks:
        after = flow.after(node)
        answers = any(
            "respond" in f"{n.type} {n.name}".lower() and "webhook" in n.type.lower() for n in after
        )
        if not answers and any(n.type in _SLOW or "batch" in n.type.lower() for n in after):
            yield flow.note("Leads straight to slow work: put Codika Init between them.", node)


def methods_agree(view: View) -> Iterator[Note]:
    for place, trigger, flow in view.triggers:
        if isinstance(trigger, HttpTrigger):
            for node in flow.nodes:
                path = str(node.parameters.get("path", ""))
                if node.type != WEBHOOK or not path or not trigger.url.endswith(path):
                    continue
                method = node.parameters.get("httpMethod", "GET")
                allowed = method if isinstance(method, list) else [method]
                if trigger.method not in allowed:
                    found = " and ".join(map(str, allowed))
                    yield flow.note(f"Takes {found}, but {place}.method is {trigger.method}.", node)


def init_names_its_workflow(view: View) -> Iterator[Note]:
    for _, workflow, flow in view.workflows:
        known = (workflow.workflow_template_id, workflow.workflow_id)
        for node in flow.nodes:
            given = node.parameters.get("workflowId")
            fixed = isinstance(given, str) and not given.startswith(("=", "{{"))
            if fixed and given not in known and node.does(INIT_OPERATIONS):
                yield flow.note(f'Its workflowId is "{given}", not "{workflow.workflow_template_id}".', node)
