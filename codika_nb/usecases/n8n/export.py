"""What somebody has of n8n, read: files, texts, lists, wrappers; names and wires put right."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from ...errors import UseCaseError
from ...files import path_of
from ..documents import json_value, text, without_mark
from ..rules.view import as_list, as_object, objects_in
from .graph import NO_OPERATION, Graph, Node, Wires, named_in
from .report import Notes

Given = str | bytes | os.PathLike[str] | Mapping[str, Any]

#: What n8n takes as a member of a node; any other makes it refuse the workflow.
_MEMBERS = (
    *("id", "name", "type", "typeVersion", "position", "parameters", "credentials", "webhookId", "disabled"),
    *("notes", "notesInFlow", "onError", "continueOnFail", "retryOnFail", "maxTries", "waitBetweenTries"),
    *("alwaysOutputData", "executeOnce"),
)


class Export(NamedTuple):
    """One workflow, as it was found.

    Attributes:
        place: what complaints call it.
        hint: what its template id is made of: the file's name, or the workflow's.
        data: the workflow.
        written: the text of which it is the whole, if it is.
    """

    place: str
    hint: str
    data: dict[str, Any]
    written: str | None = None


@dataclass
class Read:
    """One workflow, put right.

    Attributes:
        name: what it is called.
        id: what other workflows call it by; empty if unknown.
        graph: its nodes and wires.
        settings: its settings.
        pinned: recorded items of its nodes by name; possibly real people's, and so only looked at.
    """

    name: str
    id: str
    graph: Graph
    settings: dict[str, Any]
    pinned: dict[str, Any]


def exports(source: Given | Iterable[Given]) -> list[Export]:
    """The workflows in what somebody has.

    Raises:
        UseCaseError: there is none, or something is no workflow; names the place.
    """
    if isinstance(source, str | bytes | os.PathLike | Mapping) or not isinstance(source, Iterable):
        found = _one(source)
    else:
        found = [export for n, given in enumerate(source) for export in _one(given, f"[{n}]")]
    if not found:
        raise UseCaseError("There is no workflow in it.", next_action="Give an n8n export: a .json file.")
    return found


def _one(given: object, member: str = "") -> list[Export]:
    if isinstance(given, Mapping):
        return _unwrapped(_plain(given), f"workflow{member}", "")
    if isinstance(given, bytes):
        return _read_text(text(without_mark(given), "the text"), "the text", "")
    if isinstance(given, str) and given.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return _read_text(given.lstrip("\ufeff"), "the text", "")
    if not isinstance(given, str | os.PathLike):
        raise UseCaseError(
            f"workflow{member}: an n8n workflow is a file, JSON text or a dictionary, "
            f"not {type(given).__name__}."
        )
    path = path_of(given)
    if path.is_dir():
        files = sorted(file for file in path.glob("*.json") if file.is_file() and file.name[0] != ".")
        if not files:
            raise UseCaseError(f"{path} holds no .json file.", next_action="Give the exports themselves.")
        return [export for file in files for export in _one(file)]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UseCaseError(
            f"{path} cannot be read: {error.strerror}.", next_action="Give the path of an n8n export."
        ) from error
    return _read_text(text(without_mark(content), path.name), path.name, path.stem)


def _read_text(written: str, place: str, hint: str) -> list[Export]:
    found = _unwrapped(value := json_value(written, place), place, hint)
    return [each._replace(written=written) if each.data is value else each for each in found]


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(json.loads(json.dumps(dict(given), allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as error:
        raise UseCaseError(f"The workflow is not JSON ({error}).") from error


def _unwrapped(value: Any, place: str, hint: str) -> list[Export]:
    """The workflows in a value: one, a list of them, or either inside of ``workflow`` or ``data``."""
    if isinstance(value, list):
        many = len(value) > 1
        found = []
        for n, each in enumerate(value):
            inner = each.get("name") if isinstance(each, dict) else None
            name = (inner if isinstance(inner, str) else f"{hint} {n + 1}") if many else hint
            found += _unwrapped(each, f"{place}[{n}]" if many else place, name)
        return found
    if isinstance(value, dict):
        if isinstance(value.get("nodes"), list):
            return [Export(place, hint, value)]
        for wrapper in ("workflow", "data", "workflows"):
            if isinstance(inner := value.get(wrapper), dict | list):
                title = value.get("name")
                own = hint or (title if isinstance(title, str) else "")
                return _unwrapped(inner, f"{place}.{wrapper}", own)
    raise UseCaseError(
        f"{place} is no n8n workflow: there is no list called nodes.",
        next_action="Give what n8n's editor downloads, or the nodes that were copied in it.",
    )


def template_id(hint: str, taken: Iterable[str]) -> str:
    """An id made of a name: small letters, digits and hyphens, and none that is taken."""
    folded = unicodedata.normalize("NFKD", hint).encode("ascii", "ignore").decode()
    made = re.sub(r"[^a-z0-9]+", "-", folded.lower()).strip("-")[:60].strip("-") or "workflow"
    chosen, n = made, 1
    others = set(taken)
    while chosen in others:
        n += 1
        chosen = f"{made}-{n}"
    return chosen


def put_right(export: Export, of: str, notes: Notes) -> Read:
    """The nodes and wires of a workflow, with one name for each node and both ends of each wire."""
    data = export.data
    nodes, by_id = _nodes(data, of, notes)
    names = {node["name"] for node in nodes}
    wires = _wires(data.get("connections"), names, by_id, notes)
    if not nodes:
        raise UseCaseError(
            f"{export.place} has no nodes, so there is nothing to run.",
            next_action="Export the workflow once more.",
        )
    name = data.get("name")
    title = name.strip() if isinstance(name, str) else ""
    return Read(
        name=title or export.hint or "Workflow",
        id=str(data.get("id") or ""),
        graph=Graph(of, nodes, wires),
        settings=as_object(data.get("settings")),
        pinned=as_object(data.get("pinData")),
    )


def _nodes(data: Mapping[str, Any], of: str, notes: Notes) -> tuple[list[Node], dict[str, str]]:
    nodes: list[Node] = []
    names: set[str] = set()
    taken: set[str] = set()
    ids: dict[str, str] = {}
    given = objects_in(data["nodes"])
    if len(given) < len(data["nodes"]):
        notes.done(f"{len(data['nodes']) - len(given)} entries of nodes are no nodes, and were left out.")
    own = {node["name"] for node in given if isinstance(node.get("name"), str)}
    doubled: set[str] = set()
    for n, old in enumerate(given):
        node = {member: old[member] for member in _MEMBERS if old.get(member) is not None}
        if strays := [member for member in old if member not in _MEMBERS]:
            notes.done(
                f"n8n knows no {', '.join(map(str, strays))} of a node: left out.", str(old.get("name"))
            )
        kind: Any = node.get("type")
        name = str(node.get("name") or "") or str(kind or "Node").rpartition(".")[2]
        if name in names:
            doubled.add(name)
            k = 1
            while f"{name} {k}" in names | own:
                k += 1
            notes.done(f"A second node is called {name}; it is {name} {k} now.", f"{name} {k}")
            name = f"{name} {k}"
        names.add(name)
        if not (isinstance(kind, str) and kind):
            node["type"], node["typeVersion"] = NO_OPERATION, 1
            notes.decide("The export does not say of what type this node is; it does nothing now.", name)
        old_id = str(node["id"]) if isinstance(node.get("id"), str | int) else ""
        if old_id:
            ids.setdefault(old_id, name)
        if not old_id or old_id in taken:
            old_id = str(uuid5(NAMESPACE_URL, f"codika:{of}/nodes/{name}"))
        taken.add(old_id)
        nodes.append(
            {
                **node,
                "id": old_id,
                "name": name,
                "typeVersion": _number(node.get("typeVersion")),
                "position": _position(node.get("position"), n),
                "parameters": as_object(node.get("parameters")),
            }
        )
    for node in nodes:
        for name in sorted(named_in(node) & doubled):
            notes.decide(
                f"Its expressions name {name}, of which there were two: check which is meant.", node["name"]
            )
    return nodes, ids


def _number(value: object) -> float:
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}(\.\d{1,3})?", value, re.ASCII):
        value = float(value) if "." in value else int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 1


def _position(value: object, n: int) -> list[float]:
    if isinstance(value, dict):
        value = [value.get("x"), value.get("y")]
    if isinstance(value, list) and len(value) >= 2 and all(isinstance(v, int | float) for v in value[:2]):
        return value[:2]
    return [220 * n, 0]


def _wires(given: object, names: set[str], ids: Mapping[str, str], notes: Notes) -> Wires:
    """The wires between nodes by their names; what leads from or to nothing is left out, and said."""
    wires: Wires = {}
    lost: list[str] = []
    by_id = False
    for source, kinds in as_object(given).items():
        start = source if source in names else ids.get(source)
        by_id = by_id or (source not in names and start is not None)
        for kind, outputs in as_object(kinds).items():
            for n, output in enumerate(as_list(outputs)):
                for link in map(as_object, as_list(output)):
                    target = link.get("node")
                    known = isinstance(target, str | int) and target in names
                    end = target if known else ids.get(str(target))
                    by_id = by_id or (not known and end is not None)
                    if start is None or end is None:
                        lost.append(f"{source} to {target}")
                        continue
                    index = link.get("index")
                    made = wires.setdefault(start, {}).setdefault(kind, [])
                    made += [[] for _ in range(n + 1 - len(made))]
                    wire = {
                        "node": end,
                        "type": link["type"] if isinstance(link.get("type"), str) else kind,
                        "index": index if isinstance(index, int) else 0,
                    }
                    made[n].append(wire)
    if by_id:
        notes.done("Wires gave nodes by their ids; they give them by their names now, as n8n does.")
    if lost:
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        notes.decide(
            f"{len(lost)} wires lead from or to no node and were left out: {', '.join(lost[:5])}{more}."
        )
    return wires
