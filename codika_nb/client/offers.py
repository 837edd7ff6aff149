"""Which workflows there are, and what each of them takes and gives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ..display.text import plain
from ..errors import ConfigError, InvalidResponseError, UseCaseError
from ..models import Instance
from ..models.instances import ENVIRONMENTS
from ..usecases.configuration import Configuration
from ..usecases.fields import FormField, fields
from ..usecases.received import read_schema
from ..usecases.record import Project, Record, archived_configuration
from ..usecases.signature import Stranger, strangers
from ..usecases.triggers import HttpTrigger
from .deployed import latest

#: How many misspelt members are named.
_MOST_NAMES = 10


@dataclass(frozen=True)
class Offer:
    """A workflow that a form can be made for."""

    workflow: str
    title: str
    description: str = ""
    inputs: list[FormField] = field(default_factory=list)
    outputs: list[FormField] = field(default_factory=list)
    #: Whether it is started by HTTP, and so may have a form.
    http: bool = True


def offers_of(configuration: Configuration) -> dict[str, Offer]:
    """What a configuration says about its workflows."""
    offers = {}
    for workflow in configuration.workflows:
        trigger = next((each for each in workflow.triggers if isinstance(each, HttpTrigger)), None)
        offers[workflow.workflow_template_id] = Offer(
            workflow.workflow_template_id,
            (trigger.title if trigger else None) or workflow.workflow_name,
            (trigger.description if trigger else None) or "",
            (trigger.input_schema if trigger else None) or [],
            workflow.output_schema or [],
            http=trigger is not None,
        )
    return offers


def offers_at(instance: Instance, named: str | None) -> dict[str, Offer]:
    """What the platform says about the workflows of an instance, and a folder nearby about their results.

    The platform tells the input schemas alone. Output schemas are in what a deployment leaves in the use
    case's folder, if that one is here. A workflow whose schema cannot be read is left out, so that the
    others have their forms, unless it is the one that is `named`, or there are no others.
    """
    kept = known_here(instance.process_instance_id, str(instance.current_version)).configuration
    known = offers_of(kept) if kept else {}
    offers = {}
    unreadable: InvalidResponseError | None = None
    for workflow in instance.deployment.workflows if instance.deployment else ():
        name = workflow.workflow_id
        trigger = next((each for each in workflow.triggers if each.get("type") == "http"), None)
        offer = known.get(name) or Offer(name, workflow.workflow_name or name)
        if trigger and trigger.get("inputSchema") is not None:
            try:
                offer = replace(offer, inputs=read_schema(trigger["inputSchema"], f'workflow "{name}"'))
            except InvalidResponseError as error:
                if name == named:
                    raise
                unreadable = error
                continue
        offers[name] = replace(offer, http=trigger is not None)
    if unreadable and named is None and not any(offer.http for offer in offers.values()):
        raise unreadable
    return offers


class Known(NamedTuple):
    """What is known on this machine of an instance; nothing is asked for."""

    environment: str = ""
    #: The instance of the same use case in the other environment.
    other: str | None = None
    configuration: Configuration | None = None

    @property
    def title(self) -> str:
        """What it runs; empty if that is not at hand."""
        return self.configuration.title if self.configuration else ""

    def offer(self, workflow: str) -> Offer:
        """One of its workflows, as far as it is known."""
        offers = offers_of(self.configuration) if self.configuration else {}
        return offers.get(workflow) or Offer(workflow, workflow)


def known_here(instance: str, version: str | None = None) -> Known:
    """What this kernel has deployed to an instance, or what the folders nearby say about it.

    Args:
        instance: process instance id.
        version: what runs there; the last one that was deployed if left out.
    """
    for made in latest():
        dev, prod = made.deployment.process_instance_id, made.published
        if instance in (dev, prod):
            return _known(instance, dev, prod, made.use_case.configuration)
    found = Known()
    for folder in folders_nearby():
        with suppress(*_OF_NO_USE):
            for link in Record(folder).links:
                dev, prod = link.dev_process_instance_id, link.prod_process_instance_id
                if instance in (dev, prod):
                    found = _known(instance, dev, prod, _archived(folder, link, version))
                    if found.configuration:
                        return found
    return found


def _known(instance: str, dev: str | None, prod: str | None, configuration: Configuration | None) -> Known:
    environment, other = ("prod", dev) if instance == prod else ("dev", prod)
    return Known(ENVIRONMENTS[environment], other, configuration)


def _archived(folder: Path, link: Project, version: str | None = None) -> Configuration | None:
    with suppress(*_OF_NO_USE):
        return archived_configuration(folder, link, version)
    return None


def offers_here() -> dict[str, Offer]:
    """The workflows of what this process has deployed, and of what has been deployed from folders nearby."""
    found = [made.use_case.configuration for made in latest()]
    for folder in folders_nearby():
        with suppress(*_OF_NO_USE):
            kept = (_archived(folder, link) for link in Record(folder).links)
            found += [each for each in kept if each]
    return {name: offer for each in reversed(found) for name, offer in offers_of(each).items()}


def folders_nearby() -> Iterator[Path]:
    """The use cases at hand that have been deployed, in the order of their paths."""
    for depth in ("project.json", "*/project.json", "*/*/project.json"):
        yield from (file.parent for file in sorted(Path().glob(depth)))


#: Whatever is wrong with a file that happens to lie around is nobody's business.
_OF_NO_USE = (UseCaseError, OSError, ValueError)


def strange_members(offer: Offer, payloads: Iterable[Any]) -> str:
    """What to say of members that are sent although the form lacks them: they may be misspelt, or surplus."""
    sent = (each for each in payloads if isinstance(each, Mapping))
    found = {each.path: each for given in sent for each in strangers(offer.inputs, given)}
    if not found:
        return ""
    told = [plain(f"{each.path}{_meant(each)}") for each in islice(found.values(), _MOST_NAMES)]
    more = f" and {len(found) - len(told)} more" if len(found) > len(told) else ""
    return f"Sent, but no part of the form: {', '.join(told)}{more}."


def _meant(stranger: Stranger) -> str:
    if stranger.near:
        return f" (did you mean {stranger.near}?)"
    return f" ({stranger.takes})" if stranger.within else ""


def unlike_the_form(offer: Offer, sent: Any, reason: str | None) -> str:
    """What to say of what was sent: members that the form lacks, and defaults of it that a failure is about.

    Args:
        offer: the workflow.
        sent: its payload.
        reason: why the run has failed, if it has.
    """
    strange, given = strange_members(offer, [sent]), sent if isinstance(sent, Mapping) else {}
    names = [
        f"{plain(each.key)} ({plain(json.dumps(each.default_value, ensure_ascii=False))})"
        for each in fields(offer.inputs)
        if getattr(each, "default_value", None) is not None
        and each.key not in given
        and re.search(rf"\b{re.escape(each.key)}\b", reason or "")
    ]
    if not names:
        return strange
    told = f"Not sent, though the form has a default: {', '.join(names[:_MOST_NAMES])}."
    return f"{strange} {told} Only the form and client.workflow(…) fill it in.".strip()


def choose(offers: dict[str, Offer], workflow: str | None) -> dict[str, Offer]:
    """The workflow that is named, or all that a form can start."""
    if workflow is not None:
        if workflow not in offers:
            there = ", ".join(offers) or "none"
            raise ConfigError(
                f'There is no workflow "{workflow}".', next_action=f"The workflows are: {there}."
            )
        return {workflow: offers[workflow]}
    startable = {name: offer for name, offer in offers.items() if offer.http}
    if not startable:
        raise ConfigError(
            f"No workflow of this instance is started by HTTP: {', '.join(offers) or 'it has none'}.",
            next_action="Name one to run it all the same, or another instance.",
        )
    return startable
