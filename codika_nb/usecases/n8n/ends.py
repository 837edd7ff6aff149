"""Where a run ends, and how its result is submitted."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..rules.view import MERGE, as_list, as_object, objects_in
from . import inputs
from .graph import NO_OPERATION, Graph, Node
from .reading import Value
from .report import Notes
from .starts import CODIKA

_RESPOND = "n8n-nodes-base.respondToWebhook"
_STOP = "n8n-nodes-base.stopAndError"
_IF = "n8n-nodes-base.if"
_SET = "n8n-nodes-base.set"

#: n8n's Merge node takes no more.
_MOST_INPUTS = 10


def close(graph: Graph, starts: Iterable[str], notes: Notes) -> None:
    """Lead every end of a run to Submit Result or Report Error.

    Args:
        graph: the workflow, which is changed.
        starts: the nodes with which a run begins.
        notes: takes down what was done.
    """
    answers = [name for name, node in graph.nodes.items() if node["type"] == _RESPOND]
    for name in answers:
        _replace_respond(graph, name, notes)
    reached = [name for name in graph.reachable(starts) if name in graph.nodes]
    ends: list[tuple[str, int]] = []
    failures: list[tuple[str, int]] = []
    for name in reached:
        node = graph.nodes[name]
        wired = graph.after(name)
        if node["type"] == _STOP and not wired:
            _replace_stop(graph, name, notes)
            if not node.get("disabled"):
                continue
        outputs = graph.outputs(name)
        normal = _normal_outputs(node)
        for n in _ending_outputs(node) if wired else range(normal):
            if not (n < len(outputs) and outputs[n]):
                ends.append((name, n))
                if wired:
                    output = ("“true”", "“false”")[n] if node["type"] == _IF else n
                    notes.decide(
                        f"Output {output} leads nowhere: a run that ends there gives the item as it is then.",
                        name,
                    )
        if node.get("onError") == "continueErrorOutput" and not (normal < len(outputs) and outputs[normal]):
            failures.append((name, normal))
    right = max((node["position"][0] for node in graph.nodes.values()), default=0)
    if ends:
        _submit(graph, _in_order(graph, ends, answers), right, notes)
    if failures:
        place = [right + 240, graph.nodes[failures[0][0]]["position"][1] + 200]
        report = graph.add(graph.free("Report Error"), CODIKA, 1, place, _report("={{ $json.error }}"))
        for name, n in failures:
            graph.connect(name, report, n)
            notes.done("What fails here is reported as the run's error.", name)


def _normal_outputs(node: Node) -> int:  # noqa: PLR0911 - one for each kind of node
    """The outputs of a node, without that for errors."""
    kind, version, parameters = node["type"], node["typeVersion"], node["parameters"]
    match kind.rpartition(".")[2]:
        case "if" | "dynamicCredentialCheck":
            return 2
        case "splitInBatches":
            return 2 if version >= 2 else 1
        case "switch":
            return _outputs_of_switch(version, parameters)
        case "compareDatasets":
            return 4
        case "textClassifier":
            other = as_object(parameters.get("options")).get("fallback") == "other"
            categories = as_list(as_object(parameters.get("categories")).get("categories"))
            return max(len(categories) + other, 1)
        case "sentimentAnalysis":
            return len(str(as_object(parameters.get("options")).get("categories", ",,")).split(","))
        case "guardrails":
            return 2 if parameters.get("operation", "classify") == "classify" else 1
        case "evaluation":
            return 2 if parameters.get("operation") == "checkIfEvaluating" else 1
    return 1


def _outputs_of_switch(version: float, parameters: Mapping[str, Any]) -> int:
    rules = as_object(parameters.get("rules"))
    if version < 2:
        return 4
    if parameters.get("mode") == "expression":
        count = parameters.get("numberOutputs", parameters.get("outputsAmount", 4))
        return count if isinstance(count, int) and 0 < count <= 100 else 4
    if version < 3:
        return max(len(as_list(rules.get("rules"))), 1)
    extra = as_object(parameters.get("options")).get("fallbackOutput") == "extra"
    return max(len(as_list(rules.get("values"))), 1) + extra


def _ending_outputs(node: Node) -> list[int]:
    """The outputs at which a run ends if they lead nowhere, while others of the node go on."""
    version = node["typeVersion"]
    if node["type"] == "n8n-nodes-base.splitInBatches":
        return [0] if version >= 3 else [1] if version >= 2 else []
    if node["type"] == "n8n-nodes-base.switch" and version < 2:
        return _used_outputs(node)
    return list(range(_normal_outputs(node)))


def _used_outputs(node: Node) -> list[int]:
    """The outputs that the rules of an old Switch lead to; without a fallback, others stay empty."""
    if node["parameters"].get("mode") == "expression":
        return [0, 1, 2, 3]
    rules = objects_in(as_object(node["parameters"].get("rules")).get("rules"))
    used = [rule.get("output", 0) for rule in rules]
    used.append(node["parameters"].get("fallbackOutput", -1))
    return sorted({n for n in used if isinstance(n, int) and 0 <= n < 4})


def _in_order(graph: Graph, ends: list[tuple[str, int]], answers: Collection[str]) -> list[tuple[str, int]]:
    """As n8n answers: by the first node that responds, else by what runs last; upper branches run first."""

    def rank(end: tuple[str, int]) -> tuple[bool, float, tuple[str, int]]:
        height = graph.nodes[end[0]]["position"][1]
        return (False, height, end) if end[0] in answers else (True, -height, end)

    return sorted(ends, key=rank)


def _submit(graph: Graph, ends: list[tuple[str, int]], right: float, notes: Notes) -> None:
    """One Submit Result node, which is called once, when all ends have run."""
    first = graph.nodes[ends[0][0]]
    y = first["position"][1]
    joined = 1 < len(ends) <= _MOST_INPUTS
    merges = joined or any(graph.nodes[name]["type"] == MERGE for name, _ in ends)
    at = right + 240
    goal = submit = graph.add(
        graph.free("Submit Result"),
        CODIKA,
        1,
        [at + 240 * (joined + merges), y],
        {"resource": "workflowOutputs", "operation": "submitResult", "resultData": "={{ $json }}"},
    )
    if merges:
        goal = graph.add(graph.free("All Done"), NO_OPERATION, 1, [at + 240 * joined, y], {})
        graph.connect(goal, submit)
    if joined:
        join = graph.add(graph.free("All Ends"), MERGE, 3.1, [at, y], {"numberInputs": len(ends)})
        graph.connect(join, goal)
        for n, (name, output) in enumerate(ends):
            graph.connect(name, join, output, n)
        notes.decide(
            f"The workflow has {len(ends)} ends, which lead to {join}. If several of them run, the uppermost "
            "input there gives the result: wire the end to it whose result is wanted.",
            submit,
        )
    else:
        for name, output in ends:
            graph.connect(name, goal, output)
        if len(ends) > 1:
            notes.decide(f"The workflow has {len(ends)} ends, and the first to finish is its result.", submit)
    notes.decide(
        "The result is the first item that reaches Submit Result. To return all items, put an Aggregate node "
        "before it. Where the last node may give no item, switch on its Always Output Data.",
        submit,
    )


def _report(message: str) -> dict[str, Any]:
    return {
        "resource": "errorHandling",
        "operation": "reportError",
        "errorMessage": message,
        "errorType": "external_api_error",
    }


def _replace_stop(graph: Graph, name: str, notes: Notes) -> None:
    node = graph.nodes[name]
    if node.get("disabled"):
        graph.replace(name, NO_OPERATION, 1, {})
        return
    given = node["parameters"]
    member = "errorObject" if given.get("errorType") == "errorObject" else "errorMessage"
    message = given.get(member)
    text = message if isinstance(message, str) else json.dumps(message or "The workflow stopped.")
    report = _report(text) | {"errorType": "node_failure"}
    if any(graph.nodes[other]["type"] == MERGE and name in graph.after(other) for other in graph.nodes):
        # A Merge does not lead straight to an end.
        x, y = node["position"]
        graph.replace(name, NO_OPERATION, 1, {})
        graph.connect(name, graph.add(graph.free("Report Error"), CODIKA, 1, [x + 240, y], report))
    else:
        graph.replace(name, CODIKA, 1, report)
    notes.done("Stop And Error became Report Error, with its message.", name)


def _replace_respond(graph: Graph, name: str, notes: Notes) -> None:
    """The platform answers with the result: what this node answered becomes an item."""
    given = graph.nodes[name]["parameters"]
    body = given.get("responseBody")
    how = given.get("respondWith", "firstIncomingItem")
    options = as_object(given.get("options"))
    key = options.get("responseKey") if how in ("allIncomingItems", "firstIncomingItem") else None
    within = key if isinstance(key, str) and key.isidentifier() else ""
    version = graph.nodes[name]["typeVersion"]
    if version == 1.3 or (version > 1.3 and given.get("enableResponseOutput")):
        # Its second output gave the answer; what takes its place has one output.
        outputs = graph.outputs(name)
        for link in (link for output in outputs[1:2] for link in output):
            graph.connect(name, link["node"], index=link["index"])
        del outputs[1:2]
    at_end = not graph.after(name)
    if at_end and how == "json" and isinstance(body, str) and body.strip():
        graph.replace(name, _SET, 3.4, {"mode": "raw", "jsonOutput": body, "options": {}})
    elif at_end and how == "text" and isinstance(body, str):
        value = {"id": "text", "name": "text", "value": body, "type": "string"}
        graph.replace(name, _SET, 3.4, {"assignments": {"assignments": [value]}, "options": {}})
    elif at_end and how == "allIncomingItems":
        parameters = {"aggregate": "aggregateAllItemData", "destinationFieldName": within or "data"}
        graph.replace(name, "n8n-nodes-base.aggregate", 1, parameters | {"options": {}})
    elif at_end and within:
        item = f"={{{{ {{ {json.dumps(within)}: $json }} }}}}"
        graph.replace(name, _SET, 3.4, {"mode": "raw", "jsonOutput": item, "options": {}})
    else:
        graph.replace(name, NO_OPERATION, 1, {})
        if how in ("binary", "redirect", "jwt", "noData") or not at_end:
            where = "in the middle" if not at_end else f"with {how}"
            notes.decide(f"It answered the caller {where}; the result of the run is the answer now.", name)
    if set(options) - ({"responseKey"} if within and at_end else set()):
        notes.decide(
            "It set the status or headers of the answer, and the platform sets its own. Where a caller has "
            "to tell cases apart, say so in a member of the result, or end the run with Report Error.",
            name,
        )
    notes.done("What it answered with is the result of the run now.", name)


def output_schema(graph: Graph) -> list[dict[str, Any]]:
    """The members of the result, where one node makes it and says which; empty where that is not known."""
    submits = [n for n, node in graph.nodes.items() if node["parameters"].get("operation") == "submitResult"]
    before = [source for source in graph.wires if any(submit in graph.after(source) for submit in submits)]
    if len(before) != 1 or graph.nodes[before[0]]["type"] != _SET:
        return []
    parameters = graph.nodes[before[0]]["parameters"]
    if graph.nodes[before[0]]["typeVersion"] < 3.3 or parameters.get("includeOtherFields"):
        return []
    if parameters.get("mode") == "raw":
        try:
            value = json.loads(str(parameters.get("jsonOutput", "")).removeprefix("="))
        except (ValueError, RecursionError):
            return []
        return inputs.form(Value(), [value]).fields
    tree = {
        value["name"]: _EXAMPLES.get(str(value.get("type")), "")
        for value in objects_in(as_object(parameters.get("assignments")).get("assignments"))
        if isinstance(value.get("name"), str)
    }
    return inputs.form(Value(), [tree]).fields


#: A value of each kind that a Set node knows, for those that say it.
_EXAMPLES: dict[str, Any] = {"string": "", "number": 0, "boolean": False, "array": [""]}
