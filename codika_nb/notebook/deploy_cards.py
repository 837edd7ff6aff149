"""What a cell shows about use cases: checked, imported, deployed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..client.elsewhere import curl, endpoint_url, magic_line
from ..client.offers import Offer, offers_of
from ..display.markup import Bundle, Shown, both, card, code, folded, named, part
from ..display.text import plain
from ..in_process import is_inside
from ..models.deployments import deployment_card
from ..usecases.configuration import Configuration
from ..usecases.integrations import context_of, is_known
from ..usecases.schema import example
from ..usecases.triggers import (
    DataIngestionTrigger,
    ScheduleTrigger,
    ServiceEventTrigger,
    SubworkflowTrigger,
    Trigger,
    is_started,
)

if TYPE_CHECKING:
    from ..client.client import Client
    from ..models import Deployment, Redeployment
    from ..usecases.rules.findings import Findings
    from ..usecases.usecase import UseCase


def deployed(
    client: Client,
    use_case: UseCase,
    made: Deployment,
    rows: Iterable[tuple[str, str | Shown]],
    about: str,
) -> Bundle:
    """A deployment that was made: how each of its workflows is called, and what else is known of it.

    Once it is published, it is the instance in production that is called.
    """
    offers = offers_of(use_case.configuration)
    instance = made.published or (made.process_instance_id if made.deployment_status != "failed" else None)
    text, rich = [], []
    for n, workflow in enumerate(made.workflows_deployed):
        name = workflow.workflow_template_id
        offer = offers.get(name, Offer(name, name))
        told = plain(f"{name} ({workflow.status})" if workflow.status != "active" else name)
        triggers = _triggers(use_case.configuration, name)
        calls = [*_schedules(triggers)] if instance and workflow.status == "active" else []
        calls += _calls(client, offer, instance) if instance and is_started(triggers) else []
        calls = calls or [*_others(triggers)]
        longest = max((len(label) for label, _ in calls), default=0)
        text += [told, *(f"  {label:<{longest}}  {both(call).text}" for label, call in calls)]
        if len(made.workflows_deployed) > 1:
            rich.append(folded(told, named(calls), is_open=n == 0))
        else:
            rich.append(part(told) + named(calls))
    return deployment_card(
        made,
        use_case.configuration.title,
        rows,
        about=about,
        text="\n".join(text),
        rich="".join(rich),
    )


def _calls(client: Client, offer: Offer, instance: str) -> list[tuple[str, str | Shown]]:
    """The ways to start a workflow."""
    payload = example(offer.inputs)
    ways: list[tuple[str, str | Shown]] = [
        ("Endpoint", code(endpoint_url(client, offer.workflow, instance=instance))),
        ("Notebook", code(magic_line(offer.workflow, payload))),
    ]
    if not is_inside(client.base_url):  # no other program gets there
        ways += [
            ("Terminal", code(curl(client, offer.workflow, payload, instance=instance))),
            ("", "where CODIKA_API_KEY holds a key: see help(Client.create_organization_key)"),
            ("Result", f"%codika_executions {offer.workflow}, or client.wait_for(…) with the executionId"),
        ]
    return ways


def _triggers(configuration: Configuration, name: str) -> list[Trigger]:
    named = (each for each in configuration.workflows if each.workflow_template_id == name)
    return [trigger for workflow in named for trigger in workflow.triggers]


def _schedules(triggers: Iterable[Trigger]) -> Iterator[tuple[str, str | Shown]]:
    """When a workflow runs by itself."""
    for each in triggers:
        if isinstance(each, ScheduleTrigger):
            when = f"{plain(each.cron_expression)}, {plain(each.timezone)}"
            yield "By itself", f"{plain(each.human_readable)} ({when})"


def _others(triggers: Iterable[Trigger]) -> Iterator[tuple[str, str | Shown]]:
    """What starts a workflow that nobody can."""
    for each in triggers:
        if isinstance(each, ServiceEventTrigger):
            yield (
                "Started by",
                f"{plain(each.event_type)} ({plain(each.service)}), if the platform supports it",
            )
        elif isinstance(each, SubworkflowTrigger):
            yield "Started by", "other workflows of the use case"
        elif isinstance(each, DataIngestionTrigger):
            yield "Started by", "documents that enter or leave the knowledge base"


def deploying(title: str, what: str) -> Bundle:
    """A deployment that is under way."""
    return card(f"{title} is being deployed", [("Now", what)])


def maybe_deployed(title: str) -> Bundle:
    """A deployment of which nobody has heard how it went."""
    return card(f"It is not known whether {title} was deployed", [])


def not_recorded(title: str) -> Bundle:
    """A deployment that the folder knows nothing of; why follows as an error."""
    return card(f"{title} was deployed, but that could not be written down", [], good=False)


def not_deployed(title: str, findings: Findings | None = None) -> Bundle:
    """A deployment that came to nothing; why follows as an error, or is what a check has found."""
    return card(f"{title} was not deployed", [], good=False, **_findings(findings))


def redeployment(redeployed: Redeployment, title: str) -> Bundle:
    """The outcome of deploying a version once more."""
    good = redeployed.deployment_status != "failed"
    rows = [("Workflows", f"{len(redeployed.n8n_workflow_ids)} in the engine")]
    return card(f"{title} {'runs again' if good else 'could not be deployed again'}", rows, good=good)


def integrations(configuration: Configuration) -> list[str]:
    """The integrations that workflows run with."""
    of_workflows = (each.integration_uids or [] for each in configuration.workflows)
    return list(dict.fromkeys(chain(configuration.integration_uids, *of_workflows)))


def needed(configuration: Configuration) -> str:
    """The same in words, and how they are connected."""
    names = integrations(configuration)
    if not names:
        return ""
    said = f"{_named(names)}. Which are connected says Client().list_integrations(){connecting(names)}"
    if later := [each for each in names if is_known(each) and context_of(each) == "process_instance"]:
        said += f". For {_named(later)} there has to be an instance: deploy, connect, deploy with --rerun"
    return said


def _named(names: Iterable[str]) -> str:
    return ", ".join(map(plain, names))


def connecting(names: Iterable[str]) -> str:
    """How the first of these that can be is connected; empty if none can."""
    first = next(filter(is_known, names), None)
    return f'; Client().set_integration("{first}") connects it' if first else ""


def plan(use_case: UseCase, rows: Iterable[tuple[str, str]], findings: Findings) -> Bundle:
    """What a deployment would send, and whether it would run."""
    title, good = use_case.configuration.title, not findings.must
    text = f"{title} can be deployed" if good else f"{title} would not run"
    return card(text, rows, good=good, **_findings(findings))


def lone_workflow(name: str, file: str, findings: Findings) -> Bundle:
    """What a check has found in a workflow that is no use case."""
    good = not findings.must
    title = f"{name} can be a workflow of a use case" if good else f"{name} would not run as it is"
    rows = [("Checked", "by the rules that are about workflows alone")]
    if not good:
        rows.append(("Next", f"%codika_import {shlex.quote(file)} makes a use case of what n8n exports"))
    return card(title, rows, good=good, **_findings(findings))


def _findings(findings: Findings | None) -> dict[str, Any]:
    if not findings:
        return {}
    return {"text": repr(findings), "rich": findings.markup(), "wide": True}


def imported(use_case: UseCase, rows: Iterable[tuple[str, str]], good: bool) -> Bundle:
    """What an import has made, what it leaves to a person, and what it has done."""
    title = f"{use_case.configuration.title} was imported"
    report = use_case.imported
    parts = [("To decide", report.decide), ("Done", report.done)] if report else []
    told = [(name, part) for name, part in parts if part]
    return card(
        title,
        rows,
        good=good,
        text="\n".join(f"{name}:\n{part!r}" for name, part in told),
        rich="".join(
            folded(f"{name} ({len(part)})", part.markup(), is_open=name == "To decide") for name, part in told
        ),
        wide=bool(told),
    )
