"""A workflow as nodes and wires, and what may be done with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Node = dict[str, Any]
Wires = dict[str, dict[str, list[list[dict[str, Any]]]]]

NOTE = "n8n-nodes-base.stickyNote"
NO_OPERATION = "n8n-nodes-base.noOp"

#: Where the text of a node names another one: ``$('A')``, ``$node["A"]``, ``$items("A")``, ``$node.A.``
_NAMING = re.compile(
    r"""(?:\$|\$items|\$node)\s*[(\[]\s*(?P<q>\\?["'`])(?P<name>(?:(?!(?P=q)).)*?)(?P=q)|\$node\.(?P<bare>\w+)"""
)


def texts(value: Any) -> Iterator[str]:
    """Every text in the parameters of a node, in their order."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            waiting += reversed(part.values())
        elif isinstance(part, list):
            waiting += reversed(part)


def expressions(node: Node) -> Iterator[str]:
    """The texts of a node that the engine computes: expressions and code."""
    parameters = node.get("parameters") or {}
    for text in texts(parameters):
        if text.startswith("="):
            yield text
    for member in ("jsCode", "functionCode", "pythonCode", "code"):
        yield from texts(parameters.get(member))


def named_in(node: Node) -> set[str]:
    """The nodes that a node names in its expressions."""
    found = (match for text in expressions(node) for match in _NAMING.finditer(text))
    return {re.sub(r"\\(.)", r"\1", match["name"] or match["bare"] or "") for match in found} - {""}


class Graph:
    """The nodes and wires of one workflow.

    Args:
        of: what tells its new nodes from those of other workflows.
        nodes: each with a name of its own.
        wires: by the name of the node from which they lead, as in an export.
    """

    def __init__(self, of: str, nodes: Iterable[Node], wires: Wires) -> None:
        self.of = of
        self.nodes: dict[str, Node] = {node["name"]: node for node in nodes}
        self.wires = wires
        self._taken = {name for node in self.nodes.values() for name in named_in(node)} | set(self.nodes)

    def outputs(self, name: str, kind: str = "main") -> list[list[dict[str, Any]]]:
        """The wires out of a node, output by output."""
        return self.wires.get(name, {}).get(kind, [])

    def after(self, name: str) -> list[str]:
        """The nodes that a run goes on to, each once."""
        return list(dict.fromkeys(link["node"] for output in self.outputs(name) for link in output))

    def reachable(self, starts: Iterable[str]) -> list[str]:
        """These nodes and all that a run goes on to."""
        found: dict[str, None] = {}
        waiting = list(starts)[::-1]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = None
                waiting += self.after(name)[::-1]
        return list(found)

    def parts_of(self, names: Iterable[str]) -> set[str]:
        """The models, tools and memories that nodes use, and those that these use."""
        users: dict[str, set[str]] = {}
        for source, kinds in self.wires.items():
            for kind, outputs in kinds.items():
                if kind != "main":
                    for link in (link for output in outputs for link in output):
                        users.setdefault(link["node"], set()).add(source)
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            for part in users.get(waiting.pop(), set()) - found:
                found.add(part)
                waiting.append(part)
        return found

    def beside(self, names: set[str], among: set[str]) -> set[str]:
        """Those among some nodes that are wired to others, directly or by each other."""
        pairs = [
            (source, link["node"])
            for source, kinds in self.wires.items()
            for outputs in kinds.values()
            for output in outputs
            for link in output
        ]
        found: set[str] = set()
        while new := {
            one
            for pair in pairs
            for one, other in (pair, pair[::-1])
            if one in among - found and other in names | found
        }:
            found |= new
        return found

    def free(self, name: str) -> str:
        """A name that no node has and no expression means."""
        chosen, n = name, 1
        while chosen in self._taken:
            n += 1
            chosen = f"{name} {n}"
        self._taken.add(chosen)
        return chosen

    def add(
        self,
        name: str,
        node_type: str,
        version: float,
        at: list[float],
        parameters: dict[str, Any],
        **more: Any,
    ) -> str:
        """Add a node under a free name; returns the name."""
        self._taken.add(name)
        self.nodes[name] = {
            "id": str(uuid5(NAMESPACE_URL, f"codika:{self.of}/made/{name}")),
            "name": name,
            "type": node_type,
            "typeVersion": version,
            "position": at,
            "parameters": parameters,
            **more,
        }
        return name

    def replace(self, name: str, node_type: str, version: float, parameters: dict[str, Any]) -> None:
        """Put another node in the place of one, under its name, with its wires."""
        old = self.nodes[name]
        kept = {member: old[member] for member in ("notes", "notesInFlow", "disabled") if member in old}
        self.add(name, node_type, version, old["position"], parameters, **kept)

    def connect(self, source: str, target: str, output: int = 0, index: int = 0) -> None:
        """Wire an output of a node to another node."""
        outputs = self.wires.setdefault(source, {}).setdefault("main", [])
        outputs += [[] for _ in range(output + 1 - len(outputs))]
        outputs[output].append({"node": target, "type": "main", "index": index})

    def remove(self, name: str) -> None:
        """Take a node away, with every wire from and to it."""
        self.nodes.pop(name, None)
        self.wires.pop(name, None)
        for kinds in self.wires.values():
            for outputs in kinds.values():
                for output in outputs:
                    output[:] = [link for link in output if link["node"] != name]

    def disconnect(self, name: str) -> None:
        """Take away every wire from and to a node."""
        node = self.nodes[name]
        self.remove(name)
        self.nodes[name] = node

    def keep(self, names: set[str]) -> None:
        """Take away every node but these."""
        for name in set(self.nodes) - names:
            self.remove(name)

    def to_json(self) -> dict[str, Any]:
        """Nodes and connections as in a file; no empty entries."""
        wires = {
            source: kept
            for source, kinds in self.wires.items()
            if (kept := {kind: outputs for kind, outputs in kinds.items() if any(outputs)})
        }
        return {"nodes": list(self.nodes.values()), "connections": wires}

    def copy(self, of: str) -> Graph:
        """The same once more, to be changed."""
        nodes, wires = json.loads(json.dumps([list(self.nodes.values()), self.wires]))
        return Graph(of, nodes, wires)
