"""Which workflows there are, what each of them takes and gives, and how one is run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..client.api.instances import which_instance
from ..client.client import AsyncClient, Client
from ..client.deployed import latest
from ..errors import ConfigError, InvalidResponseError, NotFoundError, UseCaseError
from ..models import Execution, Instance
from ..usecases.configuration import Configuration
from ..usecases.fields import FormField
from ..usecases.record import archived_configuration
from ..usecases.schema import read_schema
from ..usecases.triggers import HttpTrigger
from ..usecases.usecase import UseCase
from . import background

#: Seconds that a run is waited for.
LONGEST_WAIT = 3600.0


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
    kept = _kept_configuration(instance)
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


def _kept_configuration(instance: Instance) -> Configuration | None:
    """The configuration of this very version: of what this kernel deployed, or from a folder's archive."""
    for made in latest():
        if made.instance == instance.process_instance_id:
            return made.use_case.configuration
    for depth in ("project.json", "*/project.json", "*/*/project.json"):
        for file in Path().glob(depth):
            # Whatever is wrong with a file that happens to lie around is no business of a form.
            with suppress(UseCaseError, OSError, ValueError):
                found = archived_configuration(
                    file.parent, instance.process_instance_id, str(instance.current_version)
                )
                if found:
                    return found
    return None


def _choose(offers: dict[str, Offer], workflow: str | None) -> dict[str, Offer]:
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
            "None of the workflows is started by HTTP, and so none has a form.",
            next_action="Name one with a schedule to run it all the same.",
        )
    return startable


class Workflows:
    """The workflows of an instance: whose key is used, which instance it is, and what is known of it.

    Args:
        client: whose key and server are used, by way of connections of its own; those that are found anew
            each time if left out.
        use_case: says what the workflows take and give; the platform is asked otherwise.
        instance: process instance id, if it is known.
    """

    def __init__(self, client: Client | None, use_case: UseCase | None, instance: str | None) -> None:
        self._client = client
        self._use_case = use_case
        self.instance = instance
        self.server = ""

    async def look_up(self, named: str | None) -> dict[str, Offer]:
        """Find out the server, the instance, and what the workflow takes and gives that is named, or all."""
        async with self._connected(named) as client:
            self.server = client.base_url
            if self._use_case:
                return _choose(offers_of(self._use_case.configuration), named)
            if client.public:
                raise ConfigError(
                    "An instance key (ck_…) cannot read what workflows take.",
                    next_action="Give the folder that says so: use_case=….",
                )
            known = await client.get_instance(self.instance, workflows=True)
            return await background.in_worker(lambda: _choose(offers_at(known, named), named))

    async def run(
        self, workflow: str, sent: dict[str, Any], started: Callable[[str], Awaitable[None]]
    ) -> Execution:
        """Run one of them, and wait for how it ends; `started` is told the run's id."""
        # A folder may have been deployed since it was looked up.
        async with self._connected(workflow) as client:
            if self._use_case and not self.instance:
                raise ConfigError(
                    f"{self._use_case.configuration.title} is not deployed here.",
                    next_action="Deploy it first, or give instance=….",
                    code="not-deployed",
                )
            run = await client.trigger_workflow(workflow, sent, instance=self.instance)
            await started(run.execution_id)
            return await client.wait_for(run, instance=self.instance, timeout=LONGEST_WAIT)

    @asynccontextmanager
    async def _connected(self, workflow: str | None) -> AsyncIterator[AsyncClient]:
        # What a client takes is read from files.
        async with await background.in_worker(self._connect) as client:
            self.instance = self.instance or await self._which_instance(client, workflow)
            yield client

    def _connect(self) -> AsyncClient:
        return self._client.to_async() if self._client else AsyncClient()

    async def _which_instance(self, client: AsyncClient, workflow: str | None) -> str | None:
        """The instance that is meant where none is named; of a use case, never another one's."""
        use_case = self._use_case
        if use_case is None:
            try:
                return await client.perform(which_instance(client, None, workflow))
            except NotFoundError:  # the form says which workflows there are
                return await client.perform(which_instance(client, None))
        return await background.in_worker(lambda: _instance_of(use_case, client))


def _instance_of(use_case: UseCase, client: AsyncClient) -> str | None:
    own = (each.instance for each in client._deployments() if _same_folder(use_case, each.use_case))
    profile = client.credential.profile
    link = use_case.link(client.base_url, profile.organization_id if profile else None)
    return next(own, None) or (link.dev_process_instance_id if link else None) or client.instance


def _same_folder(one: UseCase, other: UseCase) -> bool:
    return bool(one.path and other.path and one.path.resolve() == other.path.resolve())
