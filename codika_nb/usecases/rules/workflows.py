"""Rules about the workflows themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..starters import WEBHOOK
from .view import (
    END_OPERATIONS,
    ENGINE_MEMBERS,
    ERROR_WORKFLOW,
    INIT_OPERATIONS,
    MERGE,
    PLACEHOLDER_SUFFIXES,
    WEBHOOK_CREDENTIAL,
    Note,
    View,
    as_list,
    as_object,
)


def is_workflow(view: View) -> Iterator[Note]:
    for flow in view.flows:
        wrappers = [name for name in ("workflow", "data", "workflows") if flow.data.get(name)]
        if wrappers and "nodes" not in flow.data:
            yield flow.note(
                f'The workflow is one level deeper, in "{wrappers[0]}": take it out, or import the file.'
            )
            continue
        if not isinstance(flow.data.get("name", ""), str):
            yield flow.note("The name of an n8n workflow is a text.")
        for member, kind, words in (("nodes", list, "a list"), ("connections", dict, "an object")):
            if not isinstance(flow.data.get(member), kind):
                yield flow.note(f"An n8n workflow has {words} called {member}.")


def begins_with_init(view: View) -> Iterator[Note]:
    for flow in view.parents:
        if flow.nodes and not any(node.does(INIT_OPERATIONS) for node in flow.nodes):
            yield flow.note(
                "No Codika Init node (operation initWorkflow): the platform cannot follow the run."
            )


def ends_with_result(view: View) -> Iterator[Note]:
    for flow in view.parents:
        for node in flow.reachable(node for node in flow.nodes if node.does(INIT_OPERATIONS)):
            if not flow.after(node) and not node.does(END_OPERATIONS):
                yield flow.note("The run ends here without Submit Result or Report Error.", node)


def merges_before_end(view: View) -> Iterator[Note]:
    for flow, node in view.nodes:
        if node.type == MERGE and any(target.does(END_OPERATIONS) for target in flow.after(node)):
            yield flow.note(
                "Goes straight to an end node and waits for all branches: put a node between.", node
            )


def schedule_joins_webhook(view: View) -> Iterator[Note]:
    for flow, node in view.nodes:
        if node.starts == "schedule":
            webhooks = (other for other in flow.nodes if other.type == WEBHOOK)
            joined = {target.name for webhook in webhooks for target in flow.after(webhook)}
            if not joined & {target.name for target in flow.after(node)}:
                yield flow.note("Needs a webhook node that leads to the same node, to be run by hand.", node)


def subworkflow_takes_input(view: View) -> Iterator[Note]:
    for flow, node in view.nodes:
        inputs = [as_object(node.parameters.get(name)).get("values") for name in ("workflowInputs", "schema")]
        if node.starts == "subworkflow" and not any(map(as_list, inputs)):
            yield flow.note("A sub-workflow takes at least one input; the engine insists on it.", node)


def webhook_is_locked(view: View) -> Iterator[Note]:
    for flow, node in view.webhooks:
        credential = as_object(as_object(node.data.get("credentials")).get("httpHeaderAuth"))
        wrong = [
            f'credentials.httpHeaderAuth.{k} "{v}"'
            for k, v in WEBHOOK_CREDENTIAL.items()
            if credential.get(k) != v
        ]
        if node.parameters.get("authentication") != "headerAuth":
            wrong.insert(0, 'parameters.authentication "headerAuth"')
        if wrong:
            yield flow.note(f"The webhook is open to everyone; it needs {', '.join(wrong)}.", node)


def webhook_has_id(view: View) -> Iterator[Note]:
    for flow, node in view.webhooks:
        if not (isinstance(node.data.get("webhookId"), str) and node.data["webhookId"]):
            yield flow.note("A webhook node without webhookId is never registered: give it one.", node)


def settings_are_set(view: View) -> Iterator[Note]:
    for flow in view.flows:
        wanted = {"executionOrder": "v1"}
        if not flow.is_subworkflow:
            wanted["errorWorkflow"] = ERROR_WORKFLOW
        settings = as_object(flow.data.get("settings"))
        for member, value in wanted.items():
            if settings.get(member) != value:
                yield flow.note(f'settings.{member} has to be "{value}".')


def is_sanitized(view: View) -> Iterator[Note]:
    for flow in view.flows:
        if found := [member for member in ENGINE_MEMBERS if member in flow.data]:
            yield flow.note(f"Remove {', '.join(found)}: they belong to the engine this was exported from.")


def placeholders_close(view: View) -> Iterator[Note]:
    for flow in view.flows:
        for name in dict.fromkeys(re.findall(r"\{\{([A-Z][A-Z0-9]+(?:_[A-Za-z0-9_-]+)?)\}\}", flow.text)):
            kind, _, rest = name.partition("_")
            suffix = PLACEHOLDER_SUFFIXES.get(kind)
            if suffix is not None and not rest.endswith(f"_{suffix}"):
                yield flow.note(
                    f"{{{{{name}}}}} has to end in _{suffix}, after a name.", flow.node_with(name)
                )
            elif suffix is None and name.isupper():
                note = flow.note(f"{{{{{name}}}}} begins like no placeholder.", flow.node_with(name))
                yield note._replace(severity="should")
        for given in dict.fromkeys(_LOOSE.findall(flow.text)):
            kind, _, rest = given.strip().partition("_")
            name = f"{kind.upper()}_{rest}"
            if given != name:
                note = flow.note(
                    f"{{{{{given}}}}} is not filled: write {{{{{name}}}}}, without blanks and in capitals.",
                    flow.node_with(given),
                )
                yield note._replace(severity="should")


#: What is meant to be a placeholder, however it is written.
_LOOSE = re.compile(
    rf"\{{\{{(\s*(?:{'|'.join(PLACEHOLDER_SUFFIXES)})_[A-Za-z0-9_-]+\s*)\}}\}}", re.IGNORECASE
)


def parameters_are_bare(view: View) -> Iterator[Note]:
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
