"""What starts a workflow in the engine, by the types of its nodes."""

from __future__ import annotations

import re

WEBHOOK = "n8n-nodes-base.webhook"
FORM = "n8n-nodes-base.formTrigger"
SCHEDULE = "n8n-nodes-base.scheduleTrigger"
CRON = "n8n-nodes-base.cron"
INTERVAL = "n8n-nodes-base.interval"
SUBWORKFLOW = "n8n-nodes-base.executeWorkflowTrigger"
ERROR = "n8n-nodes-base.errorTrigger"
CHATS = ("@n8n/n8n-nodes-langchain.chatTrigger", "@n8n/n8n-nodes-langchain.manualChatTrigger")

#: Started by a person in the editor, and by nothing else.
BY_HAND = (
    *("n8n-nodes-base.manualTrigger", "n8n-nodes-base.start", "n8n-nodes-base.evaluationTrigger"),
    CHATS[1],
)

#: Wait for something to happen, without "trigger" in their names.
_OTHER_SERVICES = ("n8n-nodes-base.emailReadImap",)

_SERVICES = ("telegram", "slack", "discord", "pipedrive")
_MAIL = ("gmail", "emailread", "imap", "outlook")


def trigger_kind(node_type: str) -> str | None:
    """What kind of trigger a node is, in the words of the configuration.

    Returns:
        ``http``, ``schedule``, ``subworkflow`` or ``service_event``; ``manual`` for what only a person in
        the editor starts; None for a node that starts nothing.
    """
    if node_type == WEBHOOK:
        return "http"
    if node_type in (CRON, INTERVAL):
        return "schedule"
    if node_type in BY_HAND:
        return "manual"
    name = node_type.rpartition(".")[2].lower()
    if name == "scheduletrigger":
        return "schedule"
    if name == "executeworkflowtrigger":
        return "subworkflow"
    return "service_event" if name.endswith("trigger") or node_type in _OTHER_SERVICES else None


def service_event(node_type: str) -> tuple[str, str]:
    """The service whose event a node of this type waits for, and that event, as a configuration has them."""
    short = node_type.rpartition(".")[2]
    lower = short.lower()
    service = next((each for each in _SERVICES if each in lower), "other")
    service = "email" if service == "other" and any(each in lower for each in _MAIL) else service
    return service, re.sub("trigger$", "", short, flags=re.IGNORECASE) or short
