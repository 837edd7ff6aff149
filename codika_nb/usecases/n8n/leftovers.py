"""What a program cannot decide, node by node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..rules.integrations import n8n_name
from ..rules.view import PLACEHOLDER_SUFFIXES, as_object
from ..starters import trigger_kind
from .graph import NOTE, Graph, Node, expressions, texts
from .report import Notes

_KNOWN_PACKAGES = ("n8n-nodes-base.", "@n8n/n8n-nodes-langchain.", "n8n-nodes-codika.")
_SWITCHED_OFF = ("executeCommand", "localFileTrigger", "readWriteFile", "readBinaryFile", "writeBinaryFile")
_SECRET = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16}"
    r"|AIza[A-Za-z0-9_-]{30,}|eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{10,})|\bBearer\s+[A-Za-z0-9._-]{16,}"
)
_PLACEHOLDER = re.compile(rf"\{{\{{(?:{'|'.join(PLACEHOLDER_SUFFIXES)})_")


def credentials(graph: Graph, notes: Notes) -> list[str]:
    """Put placeholders in the place of credentials; returns the integrations that are needed."""
    found: dict[str, list[str]] = {}
    for node in graph.nodes.values():
        given = node.get("credentials")
        if given is None:
            continue
        if not isinstance(given, dict) or not given:
            node.pop("credentials")
            continue
        for kind, value in given.items():
            members = as_object(value)
            if _PLACEHOLDER.match(str(members.get("id", ""))):
                continue
            service = n8n_name(str(kind))
            if set(members) - {"id", "name"}:
                notes.decide(
                    f"The export held the values of {kind} themselves: they were left out. Renew them.",
                    node["name"],
                )
            given[kind] = {
                member: f"{{{{FLEXCRED_{service}_{member.upper()}_DERCXELF}}}}" for member in ("id", "name")
            }
            found.setdefault(service.lower(), []).append(node["name"])
    for service, users in found.items():
        more = f" and {len(users) - 3} more" if len(users) > 3 else ""
        notes.decide(
            f"Needs credentials {service}, for {', '.join(users[:3])}{more}: write the platform's name of "
            "that integration in their place, or declare a custom one.",
            users[0],
        )
    return list(found)


def remark(graph: Graph, original: Mapping[str, Any], notes: Notes) -> None:
    """Say what may not work on the platform, by node."""
    for node in graph.nodes.values():
        if node["type"] != NOTE:
            _about(node, notes)
    if (order := original.get("executionOrder", "v0")) != "v1":
        notes.done(
            f"Branches run one after the other now, the upper one first (execution order v1, not {order})."
        )
    if original.get("errorWorkflow"):
        notes.done("The platform's own error workflow takes the place of this workflow's.")


def _about(node: Node, notes: Notes) -> None:
    name, kind = node["name"], node["type"]
    short = kind.rpartition(".")[2]
    if not kind.startswith(_KNOWN_PACKAGES):
        notes.decide(f"{kind} is a community node: the platform's engine has to have it.", name)
    if short in _SWITCHED_OFF:
        notes.decide(f"{short} is switched off in most engines.", name)
    if node.get("disabled"):
        notes.decide("This node is disabled, and hands on what it gets.", name)
    if kind == "n8n-nodes-base.form":
        notes.decide("A page of a form in the middle of a run cannot be shown: take it out.", name)
    if kind == "n8n-nodes-base.wait" and node["parameters"].get("resume") in ("webhook", "form"):
        notes.decide("Waits for a call from outside, and for ever if none comes.", name)
    if kind == "n8n-nodes-base.code" and str(node["parameters"].get("language", "")).startswith("python"):
        notes.decide("Python code runs only where the engine is set up for it.", name)
    if kind == "n8n-nodes-base.splitInBatches" and node["typeVersion"] < 2:
        notes.decide("A loop of this version ends without an output: see that the result is submitted.", name)
    computed = " ".join(expressions(node))
    if "$env" in computed:
        notes.decide("Reads $env, which is closed: make it a deployment parameter.", name)
    if "getWorkflowStaticData" in computed:
        notes.decide("Keeps static data, which each deployment begins anew.", name)
    if trigger_kind(kind) != "http":
        found = list(texts(node["parameters"]))
        if any(_SECRET.search(text) for text in found):
            notes.decide(
                "Something that looks like a key stands in its parameters: make it a credential.", name
            )
        if any(re.search(r"https?://[^\s\"']+/webhook(?:-test)?/", text) for text in found):
            notes.decide("Calls an address of the engine it came from: give that of the new workflow.", name)
