"""What a program cannot decide, node by node."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..integrations import of_service
from ..rules.integrations import n8n_name
from ..rules.view import PLACEHOLDER_SUFFIXES, as_object
from ..starters import trigger_kind
from .graph import NOTE, Graph, Node, expressions, texts
from .report import Notes

_KNOWN_PACKAGES = ("n8n-nodes-base.", "@n8n/n8n-nodes-langchain.", "n8n-nodes-codika.")
_SWITCHED_OFF = ("executeCommand", "localFileTrigger", "readWriteFile", "readBinaryFile", "writeBinaryFile")
#: How the keys of services begin, and in what else secrets stand.
_SECRET = re.compile(
    r"\b(?:sk-[\w-]{16,}|[srp]k_(?:live|test)_\w{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"
    r"|glpat-[\w-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16}|AIza[\w-]{30,}|ya29\.[\w-]{20,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|(?:hf|npm|ntn)_[A-Za-z0-9]{20,}|shp(?:at|ca|pa|ss)_[0-9a-f]{32}"
    r"|pat[A-Za-z0-9]{14}\.[0-9a-f]{32,}|xkeysib-[\w-]{16,}|ck[oap]?_[\w-]{60,}|(?:bot)?\d{6,}:[\w-]{30,}"
    r"|eyJ[\w-]{20,}\.[\w-]{10,}|hooks\.slack\.com/services/\w+/\w+)"
    r"|\bBearer\s+[A-Za-z0-9._-]{16,}|\bBasic\s+(?=[A-Za-z+/]*[0-9=])[A-Za-z0-9+/]{8,}|\btoken\s+[0-9a-f]{32,}"
    r"|://[^\s/:@{]+:[^\s/:@{]+@|-----BEGIN [A-Z ]*PRIVATE KEY",
    re.ASCII,
)
_NAMES = r"(?:api[-_ ]?key|secret|password|passwd|access[-_]?token|auth[-_]?token|authorization)"
#: A value with such a name before it, in code, in JSON and in an address.
_NAMED = re.compile(
    rf"{_NAMES}\\?[\"']?\s*[:=]\s*\\?[\"'](?!your)[\w./+=-]{{8,}}\\?[\"']"
    rf"|[?&][\w-]*{_NAMES}=(?!your)[\w.-]{{8,}}",
    re.ASCII | re.IGNORECASE,
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
        near = f"{like}? " if (like := of_service(service)) else ""
        notes.decide(
            f"Needs credentials {service}, for {', '.join(users[:3])}{more}: write the platform's name of "
            f"that integration ({near}docs/n8n.md lists them), or of one of your own, in the place of "
            f"{service.upper()} in the workflow's file, and of {service} in the integrationUids of "
            "config.json.",
            users[0],
        )
    return list(found)


def remark(graph: Graph, original: Mapping[str, Any], notes: Notes) -> None:
    """Say what may not work on the platform, by node."""
    for node in graph.nodes.values():
        if node["type"] != NOTE:
            _about(node, notes)
    tell_secrets(graph.nodes.values(), notes)
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
        found = texts(node["parameters"])
        if any(re.search(r"https?://[^\s\"']+/webhook(?:-test)?/", text) for text in found):
            notes.decide("Calls an address of the engine it came from: give that of the new workflow.", name)


def tell_secrets(nodes: Iterable[Node], notes: Notes) -> None:
    """Say which nodes have a secret in their parameters."""
    for node in nodes:
        if trigger_kind(str(node.get("type"))) != "http" and _holds_a_secret(node):
            notes.decide(
                "Something that looks like a key stands in its parameters: make it a credential.",
                str(node.get("name")),
            )


def _holds_a_secret(node: Node) -> bool:
    """Whether a text of a node looks like a key, or stands where one belongs."""
    if any(
        _SECRET.search(text) or _NAMED.search(text)
        for text in texts([node.get("parameters"), node.get("notes")])
    ):
        return True
    waiting: list[Any] = [node.get("parameters")]
    while waiting:
        part = waiting.pop()
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        if isinstance(part, dict):
            pairs = [*part.items(), (part.get("name"), part.get("value"))]
            if any(
                isinstance(name, str) and isinstance(value, str) and _is_secret(name, value)
                for name, value in pairs
            ):
                return True
    return False


def _is_secret(name: str, value: str) -> bool:
    is_fixed = re.fullmatch(r"(?!your)[\w./+-]{4,}=*", value, re.ASCII | re.IGNORECASE)
    return bool(is_fixed and re.fullmatch(rf"[\w-]*{_NAMES}", name, re.ASCII | re.IGNORECASE))
