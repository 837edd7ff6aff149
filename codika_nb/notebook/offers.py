"""The workflows that a form is for: where they are, and how one is run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from ..client.api.instances import which_instance
from ..client.api.runs import explained
from ..client.client import AsyncClient, Client
from ..client.elsewhere import curl, python_call
from ..client.offers import Offer, choose, known_here, offers_at, offers_of
from ..errors import ConfigError, NotFoundError
from ..models import Execution
from ..models.instances import ENVIRONMENTS
from ..usecases.usecase import UseCase
from . import background

#: Seconds that a run is waited for.
LONGEST_WAIT = 3600.0


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
        #: "development" or "production", once it has been asked for.
        self.environment = ""

    async def look_up(self, named: str | None) -> dict[str, Offer]:
        """Find out the server, the instance, and what the workflow takes and gives that is named, or all."""
        async with self._connected(named) as client:
            self.server = client.base_url
            if self._use_case:
                self.environment = known_here(self.instance).environment if self.instance else ""
                return choose(offers_of(self._use_case.configuration), named)
            if client.public:
                raise ConfigError(
                    "An instance key (ck_…) cannot read what workflows take.",
                    next_action="Give the folder that says so: use_case=….",
                )
            known = await client.get_instance(self.instance, workflows=True)
            self.instance = known.process_instance_id  # which may have been described
            self.environment = ENVIRONMENTS.get(known.environment or "", "")
            return await background.in_worker(lambda: choose(offers_at(known, named), named))

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
            ended = await client.wait_for(run, instance=self.instance, timeout=LONGEST_WAIT)
            return await client.perform(explained(client, ended))

    def written(self, how: str, workflow: str, sent: dict[str, Any]) -> str:
        """The same run as code, ``"python"`` or ``"curl"``; never with a key."""
        write = {"python": python_call, "curl": curl}[how]
        with nullcontext(self._client) if self._client else Client() as client:
            return write(client, workflow, sent, instance=self.instance or "INSTANCE")

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
