"""What a workflow reads of its input, as far as its expressions and its recorded items tell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .graph import Graph, Node, expressions, texts

#: Nodes that hand on their items as they are: what stands behind them reads the same.
_HAND_ON = {
    f"n8n-nodes-base.{name}"
    for name in (
        "if",
        "switch",
        "filter",
        "noOp",
        "wait",
        "limit",
        "sort",
        "removeDuplicates",
        "splitInBatches",
    )
}

#: A way into an object, in any notation: ``.a``, ``["a"]``, ``?.a``, ``[0]``.
_STEP = r"""(?:\??\.\s*[A-Za-z_]\w*|\??\.?\[\s*\\?["'][^"'\\\]]+\\?["']\s*\]|\[\d+\])"""
_STEPS = re.compile(rf"(?:{_STEP})+")
_ITEM = r"\$json|\$input\.(?:item|first\(\)|last\(\)|all\(\)\[\d+\])\.json|\bitems?(?:\[\d+\])?\.json"

#: What values have besides their members; `length` tells of a list or a text.
_METHODS = ("length",)
#: What only lists, and only numbers, can be asked.
_OF_LISTS = {"map", "filter", "reduce", "forEach", "some", "every", "find", "flatMap", "join", "push", "sort"}
_OF_NUMBERS = {"toFixed", "toPrecision"}
#: Around a number there is arithmetic, or another number that it is compared with.
_BEFORE_A_NUMBER = re.compile(r"(?:[*/%]|[\w)\]]\s*-)\s*\(?\s*$")
_AFTER_A_NUMBER = re.compile(r"\s*(?:[*%/]\s*[\w$(]|-\s*[\d$(]|[<>]=?\s*\d)")
#: Under these names a tree says of what kind a value is; no member has such a name.
_KINDS = {"number": "#number", "boolean": "#boolean", "array": "[]"}

Tree = dict[str, Any]
"""Members that are read, each with the members read of it."""


def members_read(graph: Graph, trigger: str, behind: Iterable[str]) -> Tree:
    """What is read of a trigger's item, by the nodes behind it and by name from anywhere.

    Args:
        graph: the workflow as it was.
        trigger: the name of the trigger.
        behind: the nodes that it leads to.
    """
    found: Tree = {}
    reading = _behind(graph, behind)
    name = re.escape(trigger)
    quoted = rf"""\\?["'`]{name}\\?["'`]"""
    named = (
        rf"\$\({quoted}\)\.(?:item|first\(\)|last\(\)|all\(\)\[\d+\])\.json"
        rf"|\$node\[{quoted}\]\.json|\$items\({quoted}[^)]*\)\[\d+\]\.json"
    )
    if re.fullmatch(r"\w+", trigger):
        named += rf"|\$node\.{name}\.json"
    for node in graph.nodes.values():
        start = re.compile(f"(?:{named}|{_ITEM})" if node["name"] in reading else f"(?:{named})")
        for text in expressions(node):
            for match in start.finditer(text):
                steps = _STEPS.match(text, match.end())
                if steps:
                    before, after = text[: match.start()], text[steps.end() :]
                    path = _names(steps[0], after[:1])
                    if _BEFORE_A_NUMBER.search(before[-20:]) or _AFTER_A_NUMBER.match(after[:20]):
                        path.append(_KINDS["number"])
                    _put(found, path)
            for match in re.finditer(
                rf"const\s*\{{([^}}]*)\}}\s*=\s*(?:{start.pattern})((?:{_STEP})*)", text
            ):
                path = _names(match[2], "")
                for member in re.findall(r"([A-Za-z_]\w*)\s*(?::[^,]*)?(?:=[^,]*)?(?:,|$)", match[1]):
                    _put(found, [*path, member])
        for text, kind in _of_a_kind(node.get("parameters")):
            alone = re.fullmatch(
                rf"=\{{\{{\s*(?:{start.pattern})(?P<steps>{_STEPS.pattern})\s*\}}\}}\s*", text
            )
            if alone:
                _put(found, [*_names(alone["steps"], ""), _KINDS[kind]])
    return found


def _of_a_kind(parameters: Any) -> Iterator[tuple[str, str]]:
    """The expressions of which a node says of what kind their values are."""
    waiting = [parameters]
    while waiting:
        part = waiting.pop()
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        if not isinstance(part, dict):
            continue
        operator = part.get("operator")
        said: list[tuple[Any, Any]] = [(part.get("value"), part.get("type"))]
        if isinstance(operator, dict):
            said.append((part.get("leftValue"), operator.get("type")))
        for kind in ("number", "boolean"):  # as the first versions of these nodes say it
            rows = part.get(kind)
            if isinstance(rows, list):
                said += [(row.get("value1"), kind) for row in rows if isinstance(row, dict)]
        for text, of in said:
            if isinstance(text, str) and isinstance(of, str) and of in _KINDS:
                yield text, of


def _behind(graph: Graph, targets: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(targets)
    while waiting:
        name = waiting.pop()
        if name in found or name not in graph.nodes:
            continue
        found.add(name)
        if graph.nodes[name]["type"] in _HAND_ON:
            waiting += graph.after(name)
    return found | graph.parts_of(found)


def _names(steps: str, following: str) -> list[str]:
    """The members on a way; ``[]`` for an element of a list, nothing of what is a method."""
    parts = re.finditer(r"""\.\s*([A-Za-z_]\w*)|["']([^"'\\]+)\\?["']|\[\d+\]""", steps)
    path = [part[1] or part[2] or "[]" for part in parts]
    if following == "(" and path:
        method = path.pop()
        if path and method in _OF_LISTS:
            path.append("[]")
        elif path and method in _OF_NUMBERS:
            path.append(_KINDS["number"])
    if path and path[-1] in _METHODS:
        path.pop()
    return path


def _put(tree: Tree, path: Iterable[str]) -> None:
    for name in path:
        tree = tree.setdefault(name, {})


def fields(read: Tree, recorded: object = None) -> list[dict[str, Any]]:
    """Form fields for members that are read; their kinds are those of a recorded item, if there is one."""
    known = recorded if isinstance(recorded, dict) else {}
    names = dict.fromkeys([*read, *known])
    return [_field(name, read.get(name, {}), known.get(name)) for name in names if _is_key(name)]


def _is_key(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name)) and name != "executionMetadata"


def label(name: str) -> str:
    """A key in words: ``orderId`` is "Order id"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").split()
    text = " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)
    return (text[:1].upper() + text[1:]) or name


def _field(name: str, below: Tree, recorded: object, depth: int = 0) -> dict[str, Any]:
    told = next((kind for kind, mark in _KINDS.items() if kind != "array" and mark in below), None)
    kind = told if told and recorded is None else kind_of(recorded)
    field: dict[str, Any] = {"key": name, "label": label(name), "type": kind}
    members = {key: value for key, value in below.items() if key not in _KINDS.values()}
    if "[]" in below or field["type"] == "array":
        elements = below.get("[]", {})
        first = recorded[0] if isinstance(recorded, list) and recorded else None
        known = first if isinstance(first, dict) else {}
        inner = [n for n in dict.fromkeys([*elements, *known]) if _is_key(n)] if depth < 3 else []
        if inner:
            rows = [_field(n, elements.get(n, {}), known.get(n), depth + 1) for n in inner]
            return {**field, "type": "objectArray", "itemSchema": rows}
        kind = kind_of(first)
        return {
            **field,
            "type": "array",
            "itemField": {"type": kind if kind in ("number", "boolean") else "string"},
        }
    known = recorded if isinstance(recorded, dict) else {}
    inner = [n for n in dict.fromkeys([*members, *known]) if _is_key(n)] if depth < 3 else []
    if inner:
        rows = [_field(n, members.get(n, {}), known.get(n), depth + 1) for n in inner]
        return {**field, "type": "object", "schema": rows}
    return {**field, "type": "string"} if field["type"] == "object" else field


def kind_of(value: object) -> str:
    """The kind of a value, in the words of the platform; a text if nothing is known."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "string"


def first_item(pinned: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The first recorded item of a node; only its members and their kinds are looked at."""
    items = pinned.get(name)
    first = items[0] if isinstance(items, list) and items else None
    if not isinstance(first, dict):
        return {}
    inner = first.get("json", first)
    return inner if isinstance(inner, dict) else {}


def reads_all(nodes: Iterable[Node], words: str) -> Iterator[str]:
    """The names of the nodes whose texts hold a pattern."""
    pattern = re.compile(words)
    for node in nodes:
        if any(pattern.search(text) for text in texts(node.get("parameters"))):
            yield node["name"]


def example_fields(example: object) -> list[dict[str, str]]:
    """The inputs in a ``jsonExample`` of a sub-workflow's trigger."""
    value = example
    if isinstance(example, str):
        try:
            value = json.loads(example)
        except (ValueError, RecursionError):
            return []
    return [{"name": k, "type": kind_of(v)} for k, v in value.items()] if isinstance(value, dict) else []
