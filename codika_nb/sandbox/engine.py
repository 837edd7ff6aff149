"""The seam to who runs workflows: what an engine is given, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from .wire import new_id

__all__ = ["Credential", "Engine", "EngineError", "Installation", "Installed", "Outcome", "Run"]


class EngineError(Exception):
    """What an engine was asked for did not work; the text is for whoever deploys or runs."""


@dataclass(frozen=True)
class Credential:
    """What somebody has connected an integration with, for an engine to keep."""

    id: str
    """By which the platform knows it."""
    integration_id: str
    kind: str
    """The engine's type of credential, such as ``openAiApi``; empty where the platform knows none."""
    data: Mapping[str, str | int]
    """The type's members, in clear."""


@dataclass(frozen=True)
class Installation:
    """The workflows of a process instance, as an engine gets them when they are deployed."""

    instance_id: str
    title: str
    workflows: Mapping[str, dict[str, Any]]
    """The engine's own descriptions by template id; their placeholders are still to be filled."""
    urls: Mapping[str, Sequence[str]]
    """Where each workflow's triggers say that it is reached, by template id."""
    values: Mapping[str, Any]
    """What stands for the placeholders, by prefix and name; an engine adds what only it knows."""
    engine_ids: Mapping[str, str]
    """What the engine called workflows of this instance when it was last asked, by template id."""
    is_active: bool = True
    credentials: Sequence[Credential] = ()


@dataclass(frozen=True)
class Installed:
    """What has become of an installation."""

    engine_ids: Mapping[str, str]
    """The engine's own ids by template id."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Why a workflow cannot be run, by template id."""


@dataclass(frozen=True)
class Run:
    """One execution, as the engine gets it."""

    execution_id: str
    instance_id: str
    workflow_id: str
    engine_workflow_id: str
    """What the engine called the workflow when it was installed."""
    payload: str
    """JSON text, so that every run has a copy of its own."""
    metadata: dict[str, Any]
    """What a workflow needs to call back: ids, the execution's secret, the addresses."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """The values of the deployment parameters."""
    answered: asyncio.Event = field(default_factory=asyncio.Event, compare=False, repr=False)
    """Set as soon as the execution has ended, however that became known."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the JSON text of its result, or what went wrong; without either it gave none."""

    result: str | None = None
    error: dict[str, Any] | None = None
    node: str = ""
    engine_id: str | None = None
    """The engine's own id of the run, where it has one."""

    @classmethod
    def failed(cls, message: str, *, kind: str = "node_failure", node: str = "", place: str = "") -> Self:
        """How a run ended that has failed, as the platform says it; in a node, where that is known.

        The place in a program is for the engine's own record alone.
        """
        error = {"type": kind, "message": message, "failedNodeName": node, "place": place}
        return cls(error={name: text for name, text in error.items() if text}, node=node)


class Engine:
    """Who runs workflows: the seam at which a real engine can take the stand-ins' place.

    Everything here is awaited outside of transactions: an engine may take its time, and others are
    answered meanwhile.
    """

    echoes = False
    """Whether it answers with the payload what it cannot run."""

    def __str__(self) -> str:
        """Who runs workflows, for people."""
        return "an engine of its own"

    async def open(self, callback_url: str) -> bool:
        """Get ready; workflows call back under this address.

        Returns whether what was installed at an earlier start has to be installed again.

        Raises:
            ConfigError: the engine cannot be used.
        """
        return False

    async def install(self, installation: Installation) -> Installed:
        """Put an instance's workflows where they can be run, in the place of those before.

        Raises:
            EngineError: none of them can be.
        """
        known = installation.engine_ids
        return Installed({name: known.get(name) or new_id()[:16] for name in installation.workflows})

    async def switch(self, engine_ids: Sequence[str], *, on: bool) -> None:
        """Let workflows be started, or not, by whatever starts them.

        Raises:
            EngineError: that did not work.
        """

    async def run(self, run: Run) -> Outcome | None:
        """Carry out one execution; None means that the answer will come by callback."""
        raise NotImplementedError

    async def told(self, message: Mapping[str, Any]) -> tuple[str, Outcome] | None:
        """Make out what has been posted to ``/sandbox/engine``: which execution has ended, and how.

        None where that is nobody's execution, or the message is not the engine's.
        """
        return None

    async def record(self, engine_id: str, *, deep: bool, slim: bool) -> dict[str, Any] | None:
        """What the engine has written down about a run, without any secret; None if it has nothing."""
        return None

    async def close(self) -> None:
        """Let go of everything; the sandbox is about to stop."""
