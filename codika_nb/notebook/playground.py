"""The playground: a form made from a workflow's input schema, and its result by the output schema.

What fits and how a result looks is decided in `schema`; here is what is seen and clicked. As in the
sign-in form, all network work happens on our own thread, so that the kernel stays free meanwhile.
"""

from __future__ import annotations

import asyncio
import html
import logging
import os
import re
import threading
import time
from collections.abc import AsyncIterator, Generator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any
from uuid import uuid4

import ipywidgets as widgets
from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle, display

from ..client.client import AsyncClient, Client
from ..display.markup import SIGN_IN_STYLE
from ..display.text import plain, readable
from ..errors import CodikaError, ConfigError, WaitTimeoutError
from ..models import Execution
from ..models.executions import execution_card
from ..profiles import PRODUCTION
from ..usecases.fields import fields
from ..usecases.schema import Problem, payload, problems
from ..usecases.usecase import UseCase
from .background import network, outcome_of
from .controls import Dropdown, markup, stack
from .entry import FOCUS_AFTER, action_button
from .inputs import Around, Group, Input
from .offers import Offer, _choose, instance_for, offers_at, offers_of
from .result import LONGEST_TEXT, MOST_ROWS, result_html

log = logging.getLogger(__name__)


#: Seconds that a run is waited for; the button stops it earlier.
LONGEST_WAIT = 3600.0


_CSS = resources.files(__package__).joinpath("playground.css").read_text(encoding="utf-8")


STYLE = f"{SIGN_IN_STYLE}<style>{_CSS}</style>"


class Playground(widgets.VBox):
    """A form made from a workflow's input schema; it runs the workflow, and shows its result.

    Fields are reached by their keys, ``submit``, ``stop``, ``chooser`` and ``message`` by their names, so
    that a notebook can fill the form in. A click returns at once; `settle` waits until its answer is
    there. ``await playground`` yields the result of the run under way.

    Without `use_case`, the platform says what the workflow takes. What it gives (the output schema, which
    the platform does not tell) is known of what this kernel has deployed, or read from what a deployment has
    left in the use case's folder, in the current folder or up to two levels below. A result without a schema
    is shown as a tree.

    Args:
        client: whose key and server are used; those that `Client()` finds if left out, looked up anew for
            each run. The form has connections of its own.
        workflow: the workflow's template id; the person chooses if there are several.
        instance: process instance id; that of the client that is given, the use case's, that of this
            kernel's last deployment (of that very folder, with `use_case`), or ``PROCESS_INSTANCE_ID`` if
            left out.
        use_case: a `UseCase`, or its folder, whose schemas are to be taken instead.

    Attributes:
        run: how the last run ended, an `Execution`; None until it has, and if it could not be started.
        execution_id: the run that was started last.

    Raises:
        ConfigError: there is no such workflow, or none that a form can start.

    Example:
        >>> playground = Playground(workflow="greet").fill({"name": "Ada"})
        >>> playground.submit.click()
        >>> playground.wait()
        {'greeting': 'Hello, Ada!', 'language': 'en'}
    """

    def __init__(
        self,
        client: Client | None = None,
        workflow: str | None = None,
        *,
        instance: str | None = None,
        use_case: UseCase | str | os.PathLike[str] | None = None,
    ) -> None:
        self._client = client
        if use_case is not None and not isinstance(use_case, UseCase):
            use_case = UseCase.load(use_case)
        self._use_case = use_case
        self.instance = instance
        self._server = ""
        offers = network.submit(self._look_up(workflow)).result()
        self._offers = _choose(offers, workflow)
        self._forms: dict[str, Group] = {}
        self._marked: list[Input] = []
        self._lock = threading.Lock()
        self._handle: DisplayHandle | None = None
        self._static: dict[str, str] = {}
        self._answered: Future[None] = Future()
        self._answered.set_result(None)
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._expect_result()
        self.run: Execution | None = None
        self.execution_id = ""

        self.chooser = Dropdown(
            description="Workflow",
            tooltip="",
            options=[(offer.title, offer.workflow) for offer in self._offers.values()],
            layout=widgets.Layout(width="auto", display=None if len(self._offers) > 1 else "none"),
        )
        self.chooser.observe(lambda _: self._render_form(), "value")
        self.submit = action_button("Run", "primary", self._start)
        self.stop = action_button("Stop waiting", "", self._stop_waiting)
        self.stop.layout.display = "none"
        self.message = markup('<p role="status"></p>')
        self._elapsed = markup("", "codika-elapsed")
        self._header = markup("")
        self._body = stack([])
        self._output = markup("", "codika-output")
        self._id = f"codika-{uuid4().hex[:12]}"
        buttons = widgets.HBox([self.submit, self.stop, self._elapsed])
        super().__init__(
            children=[self._header, self.chooser, self._body, self.message, buttons, self._output]
        )
        self.add_class("codika-form")
        self.add_class("codika-playground")
        self._render_form()

    # --- for notebooks and tests -------------------------------------------------------------------

    @property
    def workflow(self) -> str:
        """The workflow that the form is for at the moment."""
        return str(self.chooser.value)

    def __getitem__(self, key: str) -> Any:
        """The field with this key, an `Input`; those of objects and lists are reached in the same way."""
        return self._form[key]

    def fill(self, values: Mapping[str, Any]) -> Playground:
        """Put values into the fields with these keys; the others stay as they are.

        Args:
            values: as in a payload; a file may be given by its path.

        Raises:
            ConfigError: there is no such field, or it cannot hold such a value.

        Example:
            >>> playground = Playground(workflow="greet").fill({"language": "fr"})
            >>> playground["language"].value
            'fr'
        """
        self._form.value = values
        return self

    def payload(self) -> dict[str, Any]:
        """What would be sent now.

        Raises:
            ConfigError: something does not fit; names every field and what is wrong with it.

        Example:
            >>> Playground(workflow="greet").fill({"name": "Ada"}).payload()
            {'name': 'Ada', 'language': 'en'}
        """
        found = problems(self._offer.inputs, self._form.value)
        if found:
            raise self._unfit(found)
        return payload(self._offer.inputs, self._form.value)

    def settle(self, timeout: float | None = 60.0) -> Playground:
        """Wait until the last click has been answered: the run has ended, or could not be started.

        Args:
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: an answer is still missing.

        Example:
            >>> playground = Playground(workflow="greet").fill({"name": "Ada"})
            >>> playground.submit.click()
            >>> playground.settle().run
            Execution(success, ... ms, result={'greeting': 'Hello, Ada!', 'language': 'en'})
        """
        outcome_of(self._answered, timeout, "The run has not ended yet.")
        self._publish(again=True)
        return self

    def wait(self, timeout: float | None = None) -> Any:
        """Wait until the run under way (the next one, if there is none yet) has ended; return its result.

        While a cell waits like this, most kernels cannot deliver clicks: ``await playground`` in a cell of
        its own, or fill the form in and click by code.

        Args:
            timeout: seconds to wait at most; forever if left out.

        Raises:
            TimeoutError: it has not ended yet.
            ExecutionFailedError: it has failed.
            CodikaError: it could not be started, or nobody waits for it any more.

        Example:
            >>> playground = Playground(workflow="greet").fill({"name": "Ada", "language": "fr"})
            >>> playground.submit.click()
            >>> playground.wait()["greeting"]
            'Bonjour, Ada !'
        """
        run = outcome_of(self._result, timeout, "There is no result yet.")
        self._publish(again=True)
        return run.result

    def __await__(self) -> Generator[Any, None, Any]:
        run = yield from asyncio.wrap_future(self._result).__await__()
        self._publish(again=True)
        return run.result

    # --- what a click does -------------------------------------------------------------------------

    def _start(self) -> None:
        """Send what the form holds, if it fits; while a run is under way, a click changes nothing."""
        answered: Future[None] = Future()
        with self._lock:
            if not self._answered.done():
                return
            # Whoever waits is told how this click ends, and not once more how the last one did.
            if self._result.done():
                self._expect_result()
            self.run = None
            values = self._form.value
            found = problems(self._offer.inputs, values)
            self._find_fault(found)
            if found:
                need = "one field needs" if len(self._marked) == 1 else f"{len(self._marked)} fields need"
                self.message.value = _said("status", f"Nothing was sent: {need} another look.", "error")
                self._result.set_exception(self._unfit(found))
                return
            self._answered, self._stopping = answered, False
        self.execution_id = ""
        self._render_running(True)
        network.submit(self._perform(self._offer, payload(self._offer.inputs, values), answered))

    def _stop_waiting(self) -> None:
        # Whichever of the two is looked at first on its thread sees the other.
        self._stopping = True
        if self._task:
            network.loop.call_soon_threadsafe(self._task.cancel)

    async def _perform(self, offer: Offer, sent: dict[str, Any], answered: Future[None]) -> None:
        self._task = asyncio.current_task()
        ticking = asyncio.create_task(self._tick())
        outcome: Execution | Exception
        try:
            if self._stopping:
                raise asyncio.CancelledError
            outcome = await self._carry_out(offer, sent)
        except asyncio.CancelledError:
            outcome = self._stopped()
        except Exception as error:
            outcome = error
        finally:
            ticking.cancel()
        self._task = None
        try:
            self._render_running(False)
            self._render_outcome(offer, outcome)
        except Exception as error:
            log.exception("the playground failed")
            self.message.value = _said("alert", f"Something unexpected went wrong: {error!r}", "error")
        if isinstance(outcome, Execution):
            self._result.set_result(outcome)
        else:
            self._result.set_exception(outcome)
        answered.set_result(None)

    async def _carry_out(self, offer: Offer, sent: dict[str, Any]) -> Execution:
        async with self._connected() as client:
            # A folder may have been deployed since the form was made.
            self.instance = self.instance or await instance_for(client, offer.workflow, self._use_case)
            if self._use_case and not self.instance:
                raise ConfigError(
                    f"{self._use_case.configuration.title} is not deployed here.",
                    next_action="Deploy it first, or give instance=….",
                    code="not-deployed",
                )
            started = await client.trigger_workflow(offer.workflow, sent, instance=self.instance)
            self.execution_id = started.execution_id
            self.message.value = _said("status", f"Run {started.execution_id} is under way.", "info")
            return await client.wait_for(started, instance=self.instance, timeout=LONGEST_WAIT)

    def _stopped(self) -> CodikaError:
        if not self.execution_id:
            return WaitTimeoutError(
                "Stopped waiting before the platform had answered.",
                next_action="Whether a run has been started is not known: %codika_executions lists them.",
                code="cancelled",
            )
        error = WaitTimeoutError(
            f"Stopped waiting. Run {self.execution_id} goes on.",
            next_action=f'Wait for it again with Client().wait_for("{self.execution_id}", '
            f'instance="{self.instance}")',
            code="cancelled",
        )
        error.execution_id = self.execution_id
        return error

    async def _tick(self) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(1.0)
            self._elapsed.value = f"<span>{time.monotonic() - began:.0f} s</span>"

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncClient]:
        async with self._client.to_async() if self._client else AsyncClient() as client:
            yield client

    async def _look_up(self, workflow: str | None) -> dict[str, Offer]:
        """Find out the server, the instance, and what its workflows take and give."""
        async with self._connected() as client:
            self._server = client.base_url
            self.instance = self.instance or await instance_for(client, workflow, self._use_case)
            if self._use_case:
                return offers_of(self._use_case.configuration)
            if client.public:
                raise ConfigError(
                    "An instance key (ck_…) cannot read what workflows take.",
                    next_action="Give the folder that says so: use_case=….",
                )
            return offers_at(await client.get_instance(self.instance, workflows=True), workflow)

    # --- what is seen ------------------------------------------------------------------------------

    @property
    def _offer(self) -> Offer:
        return self._offers[self.workflow]

    @property
    def _form(self) -> Group:
        return self._forms[self.workflow]

    def _render_form(self) -> None:
        """Show the chosen workflow's form; what was typed into the others is kept."""
        self._find_fault([])
        offer = self._offer
        if offer.workflow not in self._forms:
            around = Around(self._changed, self._start)
            self._forms[offer.workflow] = Group(None, offer.inputs, offer.title, around)
        about = f"<p>{html.escape(offer.description)}</p>" if offer.description else ""
        nothing = "" if offer.inputs else "<p>This workflow takes no input.</p>"
        where = "" if self._server == PRODUCTION else f"<small>at {html.escape(self._server)}</small>"
        # What stays beside the form for when the notebook is saved is not shown twice while it is here.
        hidden = f"<style>.{self._id} {{ display: none }}</style>"
        title = f'<div class="title">{html.escape(plain(offer.title))}</div>'
        self._header.value = STYLE + hidden + title + about + nothing + where
        self._body.children = (self._form.box,)
        self._output.value = ""
        self.message.value = _said("status", "")

    def _changed(self) -> None:
        """Take back what has been said about a field and is no longer so."""
        if self._marked:
            found = problems(self._offer.inputs, self._form.value)
            still = {self._form.at(problem.path): problem.text for problem in reversed(found)}
            for each in self._marked:
                each.problem = still.get(each, "")
            self._marked = [each for each in self._marked if each.problem]
            if not self._marked:
                self.message.value = _said("status", "")

    def _find_fault(self, found: list[Problem]) -> None:
        """Say at each field what is wrong with it, and go to the first one."""
        # A field that has several problems says the first one.
        at = {self._form.at(problem.path): problem.text for problem in reversed(found)}
        for each in self._marked:
            each.problem = at.get(each, "")
        for each, text in at.items():
            each.problem = text
        self._marked = list(at)
        if found:
            first = self._form.at(found[0].path)
            # As in the sign-in form: a browser applies new states before it may move the focus.
            loop = network.loop
            loop.call_soon_threadsafe(lambda: loop.call_later(FOCUS_AFTER, first.focus))

    def _render_running(self, running: bool) -> None:
        # Not disabled: a button that is loses the keyboard's place in the form.
        self.submit.description = "Running…" if running else "Run"
        self.stop.layout.display = None if running else "none"
        self.chooser.disabled = running
        self._elapsed.value = ""
        (self._output.add_class if running else self._output.remove_class)("codika-stale")
        if running:
            self.message.value = _said("status", f"Starting {self.workflow}…", "info")

    def _render_outcome(self, offer: Offer, outcome: Execution | Exception) -> None:
        if isinstance(outcome, Execution):
            self.run = outcome
            self._render_run(offer, outcome)
        elif isinstance(outcome, CodikaError):
            self._render_failure(outcome)
        else:
            raise outcome

    def _render_run(self, offer: Offer, run: Execution) -> None:
        took = f"{run.duration} ms" if run.duration is not None else ""
        if run.status == "success":
            shown = result_html(offer.outputs, run.result_data)
            self._output.value = f'<div class="title">Result <span>{took}</span></div>{shown}'
            self.message.value = _said("status", "")
        else:
            problem = run.error_details
            node = f" at node “{problem.failed_node_name}”" if problem and problem.failed_node_name else ""
            reason = problem.message if problem and problem.message else run.status
            details = " · ".join(part for part in (f"Run {run.execution_id}", took) if part)
            shown = _said("alert", f"The run failed{node}: {reason}", "error", details)
            self._output.value = ""
            self.message.value = shown
        title = f'<div class="title">{html.escape(plain(offer.title))} <span>{took}</span></div>'
        self._static = {
            "text/plain": _cut(execution_card(_abridged(run), offer.workflow)["text/plain"], LONGEST_TEXT),
            "text/html": f'{STYLE}<div class="codika-form codika-playground {self._id}">{title}{shown}</div>',
        }
        self._publish()

    def _publish(self, *, again: bool = False) -> None:
        """Put the last result beside the form, for when the notebook is saved.

        Whoever runs a notebook unattended takes notice only of what the current cell publishes, and so
        this happens `again` when a cell waits; not in a terminal, where both would be seen.
        """
        if self._handle and self._static and (not again or hasattr(get_ipython(), "kernel")):
            self._handle.update(self._static, raw=True)

    def _render_failure(self, problem: CodikaError) -> None:
        place = _refused_place(problem)
        if place and self._form.at(place) is not self._form:
            self._find_fault([Problem(place, readable(problem.message))])
        step = problem.next_action or self._next_step(problem)
        stopped = problem.code == "cancelled"
        role, kind = ("status", "info") if stopped else ("alert", "error")
        self.message.value = _said(role, problem.message, kind, step)

    def _next_step(self, problem: CodikaError) -> str:
        if problem.status == 412:
            return f'The instance is off: Client().activate_instance("{self.instance}") switches it on.'
        if problem.status == 404:
            return "It may have been removed, or live on another server: deploy it, and run this cell again."
        return "What was typed is still here: change what is wrong, or try again."

    def _unfit(self, found: list[Problem]) -> ConfigError:
        """Why nothing was sent."""
        listed = "".join(f"\n  {self._name(problem)}: {problem.text}" for problem in found)
        return ConfigError(
            f"{_count(found, 'field')} of the form for {self.workflow} cannot be sent like this:{listed}",
            next_action="Correct them and try again.",
            code="invalid-input",
            details={problem.place: problem.text for problem in found},
        )

    def _name(self, problem: Problem) -> str:
        """A problem's place in the words of the form."""
        return f"{self._form.at(problem.path).label} ({problem.place})"

    def _expect_result(self) -> None:
        self._result: Future[Execution] = Future()
        # Running, so that a wait that gives up cannot cancel it for everybody else.
        self._result.set_running_or_notify_cancel()

    def show(self) -> None:
        """Display the form here; the last result stays beside it as plain HTML when the notebook is saved."""
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)
        static = self._static or {"text/plain": "", "text/html": ""}
        if self._handle:
            self._handle.display(static, raw=True)
        else:
            self._handle = display(static, raw=True, display_id=True)

    def _ipython_display_(self) -> None:
        self.show()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        asked = ", ".join(plain(each.label) for each in fields(self._offer.inputs)) or "no input"
        text = (
            f"Form for {self.workflow}: {asked}. "
            "(No fields here? Use playground.fill({…}), playground.submit.click(), playground.wait().)"
        )
        # Where the widget can't be drawn, words; and never the default repr, which tells what was typed.
        return {**data, "text/plain": text, "text/html": f"<p>{html.escape(text)}</p>"}, metadata

    def __repr__(self) -> str:
        return f"Playground({self.workflow!r}, instance={self.instance!r})"


def _refused_place(problem: CodikaError) -> tuple[str | int, ...]:
    """The field that the platform has found fault with, where it says so."""
    said = f"{problem.details.get('field')} {problem.message}"
    found = re.search(r"\bpayload((?:\.\w+|\[\d+\])+)", said, re.ASCII)
    steps = re.findall(r"\w+", found[1]) if found else []
    return tuple(int(step) if step.isdigit() else step for step in steps)


def _abridged(run: Execution) -> Execution:
    """The run for plain text: long lists, and files and other long texts, are cut."""
    return run.model_copy(update={"result_data": _cut(run.result_data)})


def _cut(value: Any, longest: int = 500) -> Any:
    if isinstance(value, Mapping):
        return {key: _cut(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_cut(item) for item in value[:MOST_ROWS]]
    return f"{value[:longest]}…" if isinstance(value, str) and len(value) > longest else value


def _count(found: list[Problem], noun: str) -> str:
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"


def _said(role: str, text: str, kind: str = "", details: str = "") -> str:
    small = f"<p>{html.escape(readable(details))}</p>" if details else ""
    return f'<p role="{role}" class="{kind}">{html.escape(readable(text))}</p>{small}'
