"""``%codika_trigger``, ``_executions``, ``_playground``: running what is deployed."""

from __future__ import annotations

import json
import re
import time
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from ..client.api import API
from ..client.api.instances import which_instance
from ..client.api.runs import ID
from ..client.arguments import seconds
from ..client.deployed import latest
from ..client.offers import known_here, unlike_the_form
from ..client.steps import Step, observed
from ..display.design import output
from ..display.markup import line
from ..display.text import plain
from ..errors import CodikaError, Interrupted, InvalidRequestError, NotFoundError, WaitTimeoutError
from ..models import Execution, Executions, Triggered
from ..models.executions import execution_card
from ..models.instances import ENVIRONMENTS
from .card import Card
from .cards import waiting
from .kernel import client_for_run
from .magic import magic, option, show
from .result import result_html

#: Seconds of waiting before it is said that something is waited for.
SHOW_AFTER = 0.4
INSTANCE = option(
    "--instance",
    metavar="ID",
    help="process instance: its id, dev or prod. If left out: what this kernel has deployed or published "
    "last; else the one that has the workflow, in production if it is published",
)


@magic(
    option("workflow", help="the workflow's template id"),
    option(
        "extra",
        nargs="*",
        default=[],
        metavar="payload",
        help="JSON, $variable or {variable}, key=value words (photo=@photo.jpg sends a file) or @file.json; "
        "{} if left out",
    ),
    INSTANCE,
    option("--timeout", type=float, default=120.0, metavar="S", help="seconds to wait (120)"),
    option("--no-wait", action="store_true", help="only start the run"),
    payload=True,
)
def codika_trigger(shell: InteractiveShell, arguments: Namespace) -> Triggered | Execution:
    """Run a workflow and wait for its result.

    As %%codika_trigger it takes the cell below the line as payload. A payload is sent as it is: defaults are
    filled in by the form (%codika_playground) and by client.workflow(…).

    Example: run = %codika_trigger greet {"name": "Ada"}
    """
    if arguments.extra:
        _refuse(arguments.extra, beside_another=arguments.payload is not None)
    timeout = seconds(arguments.timeout)
    workflow = arguments.workflow
    with client_for_run(workflow, arguments.instance) as client:
        try:
            instance = client.perform(which_instance(client, arguments.instance, workflow))
            run = client.trigger_workflow(workflow, arguments.payload, instance=instance)
        except KeyboardInterrupt:
            raise Interrupted(
                f"Stopped before there was an answer: a run of {workflow} may have started.",
                next_action="%codika_executions shows the runs that there are.",
            ) from None
        except NotFoundError as error:
            error.next_action = error.next_action or _others_than(workflow)
            raise
        except InvalidRequestError as error:
            error.next_action = _as_it_is_written(error.message, arguments.payload) or error.next_action
            raise
        wait = (
            f"from codika_nb import Client; run = Client().wait_for({run.execution_id!r}, "
            f"instance={instance!r})"
        )
        if arguments.no_wait:
            text = f"Run {run.execution_id} of {workflow} has started. Wait for it: {wait}"
            show(shell, run, line(text))
            return run
        card, began = Card(shell), time.monotonic()

        def tell(step: Step) -> None:
            waited = time.monotonic() - began
            if waited > SHOW_AFTER:
                card.update(waiting(workflow, run.execution_id, waited))

        try:
            ended = client.perform(observed(API.wait_for.describe(client, run, timeout=timeout), tell))
        except (KeyboardInterrupt, CodikaError) as error:
            card.give_up(line(f"Stopped waiting for run {run.execution_id} of {workflow}."))
            again = f"Take it up again: {wait}"
            if isinstance(error, CodikaError):
                told = f"{error.next_action or ''} Run {run.execution_id} has been started."
                told = "It goes on." if isinstance(error, WaitTimeoutError) else told
                error.next_action = f"{told} {again}".strip()
                raise
            raise Interrupted(
                f"Stopped waiting; run {run.execution_id} goes on.", next_action=again
            ) from None
        details = None
        if ended.status == "failed":
            with suppress(CodikaError):  # a key may not be allowed to look into the engine
                details = client.get_execution(ended)
    here = known_here(instance)
    offer = here.offer(workflow)
    well = ended.status == "success"
    shown = result_html(offer.outputs, ended.result_data) if well and offer.outputs else ""
    shown_run = execution_card(
        ended,
        workflow,
        wait,
        details,
        result=shown,
        payload=arguments.payload,
        about=unlike_the_form(offer, arguments.payload, ended.error),
        environment=here.environment,
        development=here.other if here.environment == ENVIRONMENTS["prod"] else None,
    )
    card.finish(ended, shown_run)
    return ended


@magic(
    option("workflow", nargs="?", help="only this workflow's"),
    INSTANCE,
    option("--failed", action="store_true", help="only those that failed"),
    option("--limit", type=int, default=20, metavar="N", help="1 to 100 (20)"),
    option("--chart", action="store_true", help="with a picture of states and durations"),
)
def codika_executions(shell: InteractiveShell, arguments: Namespace) -> Executions:
    """List the runs of a workflow, or of the use case that was deployed here last, newest first.

    Example: runs = %codika_executions greet
    """
    workflow = arguments.workflow
    with client_for_run(workflow, arguments.instance) as client:
        try:
            instance = client.perform(which_instance(client, arguments.instance, workflow))
        except NotFoundError as error:
            if re.fullmatch(ID, workflow):
                error.next_action = f"{error.next_action} Of one run: Client().get_execution({workflow!r})"
            raise
        runs = client.list_executions(
            workflow=workflow, instance=instance, failed_only=arguments.failed, limit=arguments.limit
        )
    instance = runs.instance or instance
    runs.of(known_here(instance).environment)
    if arguments.failed and not runs:
        show(shell, runs, line(_none_failed(instance)))
        return runs
    # Without runs there is nothing to draw, and one sentence says so.
    chart = runs.chart() if arguments.chart else None
    parts: list[Any] = [chart, runs] if chart else [runs]
    text, markup = "\n".join(map(repr, parts)), "".join(part.markup() for part in parts)
    show(shell, runs, {"text/plain": text, "text/html": output(markup)})
    return runs


@magic(
    option("workflow", nargs="?", help="the workflow's template id; left out, one of the last deployment's"),
    INSTANCE,
)
def codika_playground(shell: InteractiveShell, arguments: Namespace) -> Any:
    """Show a form made from what a workflow takes, run it, and show what it gives.

    Example: %codika_playground greet
    """
    from .playground import Playground  # noqa: PLC0415 - the other magics here show no form

    client = client_for_run(arguments.workflow, arguments.instance)
    instance = client.perform(which_instance(client, arguments.instance, arguments.workflow))
    playground = Playground(client, arguments.workflow, instance=instance)
    show(shell, playground, None)
    return playground


def _refuse(words: list[str], *, beside_another: bool) -> NoReturn:
    """Say what is wrong with words that are no payload."""
    said = " ".join(words)
    if len(words) == 1 and said.endswith(".json") and Path(said).is_file():
        raise UsageError(f"A file is given as @{said}")
    if beside_another:
        raise UsageError(
            f"{said!r} stands beside another payload, on the line or in the cell: give one of them."
        )
    forms = 'JSON, $variable, key=value words or @file.json: %codika_trigger greet {"name": "Ada"}'
    raise UsageError(f"{said!r} is no payload, which is an object: {forms}")


def _as_it_is_written(refused: str, payload: dict[str, Any] | None) -> str:
    """How a text or a file is written where something else was given; empty if that was not refused."""
    found = re.match(r'"payload\.(\w+)" must be a (string|file)\b', refused)
    value = (payload or {}).get(found[1]) if found else None
    if not found or value is None:
        return ""
    if found[2] == "file":
        return f"A file is given as {found[1]}=@{value}" if isinstance(value, str) else ""
    written = json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict | list):
        return f"As a text in a payload: {json.dumps({found[1]: written}, ensure_ascii=False)}"
    return f'A text stands in quotes: {found[1]}="{written}"'


def _others_than(workflow: str) -> str | None:
    """Which workflows are deployed here, where that one is none of them."""
    known = dict.fromkeys(name for made in latest() for name in made.workflows)
    return f"There is: {', '.join(known)}." if known and workflow not in known else None


def _none_failed(instance: str) -> str:
    """What to say where no run has failed: where that is, and where else some may have."""
    there = known_here(instance)
    of = ", ".join(filter(None, (plain(there.title) if there.title else "", there.environment)))
    told = f"No run has failed at instance {instance}{of and f' ({of})'}. "
    told += "Input that is refused starts no run, and is not listed."
    if there.other:
        told += f" For its other instance: %codika_executions --failed --instance {there.other}."
    return f"{told} For another workflow: %codika_executions WORKFLOW --failed."
