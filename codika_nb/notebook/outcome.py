"""What has become of a run, as a playground shows it, and what to do next where it has failed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..client.offers import Offer
from ..display.markup import DEEPEST, Bundle, heading
from ..display.place import next_step
from ..display.text import plain
from ..errors import CodikaError, WaitTimeoutError
from ..models import Execution
from ..models.executions import execution_card
from ..redaction import cut
from .result import LONGEST_TEXT, MOST_ROWS, result_html
from .texts import said


@dataclass(frozen=True)
class Outcome:
    """What is seen and heard of a run that has ended: a result, or a message that says why there is none."""

    output: str
    message: str
    #: The same on its own, without the form.
    alone: Bundle


def outcome(offer: Offer, run: Execution) -> Outcome:
    """How a run has ended, by the output schema of its workflow."""
    took = f"{run.duration} ms" if run.duration is not None else ""
    if run.status == "success":
        shown = result_html(offer.outputs, run.result_data)
        output = f'<div class="title" role="heading" aria-level="3">Result <span>{took}</span></div>{shown}'
        message = f'<p class="codika-heard">The run succeeded{took and f", {took}"}.</p>'
    else:
        problem = run.error_details
        node = f" at node “{problem.failed_node_name}”" if problem and problem.failed_node_name else ""
        reason = problem.message if problem and problem.message else run.status
        details = " · ".join(part for part in (f"Run {run.execution_id}", took) if part)
        output = ""
        shown = message = said(f"The run failed{node}: {reason}", "error", details)
    text = _cut(execution_card(_abridged(run), offer.workflow)["text/plain"], LONGEST_TEXT)
    rich = heading(plain(offer.title), took) + shown
    return Outcome(output, message, {"text/plain": text, "text/html": rich})


def stopped(execution_id: str, instance: str | None) -> WaitTimeoutError:
    """The error of whoever waits for a run that nobody waits for any more."""
    if not execution_id:
        return WaitTimeoutError(
            "Stopped waiting before the platform had answered.",
            next_action=f"It is not known whether a run has started: {next_step('list-runs')}",
            code="cancelled",
        )
    error = WaitTimeoutError(
        f"Stopped waiting. Run {execution_id} goes on.",
        next_action=_wait_again(execution_id, instance),
        code="cancelled",
    )
    error.execution_id = execution_id
    return error


def _wait_again(execution_id: str, instance: str | None) -> str:
    return f'Wait for it again with Client().wait_for("{execution_id}", instance="{instance}")'


def way_out(problem: CodikaError, instance: str | None) -> str:
    """What to do about a run that could not be started, or that nobody could wait for."""
    if problem.execution_id and problem.code != "cancelled":
        wait = _wait_again(problem.execution_id, instance)
        if isinstance(problem, WaitTimeoutError):
            return f"It goes on. {wait}"
        return f"{problem.next_action or ''} Run {problem.execution_id} has been started. {wait}".strip()
    if problem.status == 412:
        return f'The instance is off: Client().activate_instance("{instance}") switches it on.'
    if problem.next_action:
        return problem.next_action
    if problem.status == 404:
        return "It may have been removed, or live on another server: deploy it, and run this cell again."
    return "What was typed is still here: change what is wrong, or try again."


def refused_place(problem: CodikaError) -> tuple[str | int, ...]:
    """The field that the platform has found fault with, where it says so."""
    text = f"{problem.details.get('field')} {problem.message}"
    found = re.search(r"\bpayload((?:\.\w+|\[\d+\])+)", text, re.ASCII)
    steps = re.findall(r"\w+", found[1]) if found else []
    return tuple(int(step) if step.isdigit() else step for step in steps)


def _abridged(run: Execution) -> Execution:
    """The run for plain text: long lists, and files and other long texts, are cut."""
    return run.model_copy(update={"result_data": _cut(run.result_data)})


def _cut(value: Any, longest: int = 500, depth: int = 0) -> Any:
    if isinstance(value, Mapping | list) and depth > DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {key: _cut(member, depth=depth + 1) for key, member in value.items()}
    if isinstance(value, list):
        return [_cut(item, depth=depth + 1) for item in value[:MOST_ROWS]]
    return f"{cut(value, longest)}…" if isinstance(value, str) and len(value) > longest else value
