"""The seam to who runs workflows: what an engine is given, and what it says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Engine", "Outcome", "Run"]


@dataclass(frozen=True)
class Run:
    """One execution, as the engine gets it."""

    execution_id: str
    workflow_id: str
    payload: str
    """JSON text, so that every run has a copy of its own."""
    metadata: dict[str, Any]
    """What a workflow needs to call back: ids, the execution's secret, the addresses."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the JSON text of its result, or what went wrong."""

    result: str | None = None
    error: dict[str, Any] | None = None
    node: str = ""


class Engine(Protocol):
    """Who runs workflows: the seam at which a real engine can take the stand-ins' place."""

    def problem(self, workflow: Mapping[str, Any], parameters: Collection[str]) -> str | None:
        """Why a workflow cannot be activated when it is deployed; None if it can be.

        Args:
            workflow: the engine's own description, the JSON that was uploaded.
            parameters: the names of the deployment parameters that have a value.
        """

    async def run(self, run: Run) -> Outcome | None:
        """Carry out one execution; None means that the answer will come by callback."""
