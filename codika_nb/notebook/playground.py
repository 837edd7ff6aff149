"""The playground: a form made from a workflow's input schema, and its result by the output schema.

What fits and how a result looks is decided in `schema`; here is what is seen and clicked.
"""

from __future__ import annotations

import asyncio
import html
import os
from collections.abc import Generator, Mapping
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_any
from typing import Any

import ipywidgets as widgets
from IPython.core.getipython import get_ipython

from ..client.client import Client
from ..client.elsewhere import magic_line
from ..client.offers import Offer
from ..client.payloads import as_json
from ..display.design import output
from ..display.front_end import in_kernel
from ..display.text import plain, readable
from ..errors import CodikaError, WaitTimeoutError
from ..models import Execution
from ..profiles import PRODUCTION
from ..usecases.fields import fields
from ..usecases.schema import Problem, example, payload, problems
from ..usecases.usecase import UseCase
from . import background
from .as_code import AsCode
from .controls import Dropdown, Parts
from .form import Form
from .inputs.input import Around
from .inputs.whole import Whole
from .offers import Workflows
from .outcome import outcome, refused_place, stopped, way_out
from .texts import said

#: Seconds in which a platform that is near has said what a workflow takes.
SHORTLY = 1.0


class Playground(Form[Execution]):
    """A form made from a workflow's input schema; it runs the workflow, and shows its result.

    Fields are reached by their keys, ``submit``, ``stop``, ``chooser`` and ``message`` by their names, so
    that a notebook can fill the form in. A click returns at once; `settle` waits until its answer is
    there. ``await playground`` yields the result of the run under way.

    Without `use_case`, the platform says what the workflow takes. What it gives (the output schema, which
    the platform does not tell) is known of what this kernel has deployed, or read from what a deployment has
    left in the use case's folder, in the current folder or up to two levels below. A result without a schema
    is shown as a tree. A platform that takes its time keeps nobody waiting: the form is there, and its
    fields as soon as they are known; `fill`, `payload` and the like wait for them.

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
        if use_case is not None and not isinstance(use_case, UseCase):
            use_case = UseCase.load(use_case)
        self._workflows = Workflows(client, use_case, instance)
        looking = background.submit(self._workflows.look_up(workflow))
        if background.may_wait():
            wait_for_any([looking], SHORTLY)
        # What is wrong is an error here if it is known by now, and a message of the form otherwise.
        self._offers = looking.result() if looking.done() else {}
        self._ready: Future[None] = Future()
        self._offer = Offer(workflow or "", workflow or "Playground")
        self._forms: dict[str, Whole] = {}
        self._static: dict[str, str] = {}
        self.run: Execution | None = None
        self.execution_id = ""

        parts = self._parts = Parts()
        self.chooser = parts.make(Dropdown, description="Workflow", tooltip="", options=self._choices())
        self.chooser.observe(lambda _: self._render_form(), "value")
        self.submit = parts.button("Run", self._start, kind="primary")
        self.stop = parts.button("Stop waiting", self._stop)
        self._code = AsCode(parts, self._written, self._complain)
        self.as_python, self.as_curl = self._code.python, self._code.curl
        self._at_rest = (self.submit, self.as_python, self.as_curl)
        self._buttons = parts.row(self._at_rest)
        self._elapsed = parts.markup("", "codika-elapsed")
        self._output = parts.markup("", "codika-output")
        self._choose()
        self._header = parts.markup(self._heading())
        super().__init__("playground", "playground", parts, said(""), self._seen())
        if self._offers:
            self._ready.set_result(None)
        else:
            self._wait_for_the_platform(looking)

    @property
    def instance(self) -> str | None:
        """The process instance whose workflow is run."""
        return self._workflows.instance

    @instance.setter
    def instance(self, instance: str | None) -> None:
        self._workflows.instance = instance

    # --- for notebooks and tests -------------------------------------------------------------------

    @property
    def workflow(self) -> str:
        """The workflow that the form is for at the moment."""
        return self._fields.offer.workflow

    def __getitem__(self, key: str) -> Any:
        """The field with this key, an `Input`; those of objects and lists are reached in the same way."""
        return self._fields[key]

    def fill(self, values: Mapping[str, Any]) -> Playground:
        """Put values into the fields with these keys; the others stay as they are.

        Args:
            values: as in a payload; a file may be given by its path.

        Raises:
            ConfigError: there is no such field, or it cannot hold such a value; all is as it was.

        Example:
            >>> playground = Playground(workflow="greet").fill({"language": "fr"})
            >>> playground["language"].value
            'fr'
        """
        self._fields.value = as_json(values)
        return self

    def payload(self) -> dict[str, Any]:
        """What would be sent now.

        Raises:
            ConfigError: something does not fit; names every field and what is wrong with it.

        Example:
            >>> Playground(workflow="greet").fill({"name": "Ada"}).payload()
            {'name': 'Ada', 'language': 'en'}
        """
        return self._fields.checked()

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
        self._settle(timeout, "The run has not ended yet.")
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
        run = self._wait(timeout, "There is no result yet.")
        self._publish(again=True)
        return run.result

    def __await__(self) -> Generator[Any, None, Any]:
        run = yield from super().__await__()
        self._publish(again=True)
        return run.result

    # --- what the workflow takes -------------------------------------------------------------------

    def _wait_for_the_platform(self, looking: Future[dict[str, Offer]]) -> None:
        for button in self._at_rest:
            button.disabled = True
        self.message.value = said("Looking up what the workflow takes…", "info")

        async def offers() -> dict[str, Offer]:
            return await asyncio.wrap_future(looking)

        self._click("look-up")
        self._do("look-up", offers, self._looked_up)

    def _looked_up(self, offers: dict[str, Offer] | BaseException) -> Exception | None:
        """Fill the form in; or say why there is nothing to fill in."""
        try:
            if isinstance(offers, asyncio.CancelledError):
                offers = WaitTimeoutError("Stopped looking up what the workflow takes.", code="cancelled")
            if isinstance(offers, BaseException):
                raise offers
            self._offers = offers
            for button in self._at_rest:
                button.disabled = False
            self.chooser.options = self._choices()
            self.chooser.index = 0
            self._ready.set_result(None)
        except Exception as error:
            if isinstance(error, CodikaError):
                again = error.next_action or "Run this cell again to look once more."
                self.message.value = said(error.message, "error", again)
            else:
                self._unexpected(error)
            self._ready.set_exception(error)
            return error
        return None

    @property
    def _fields(self) -> Whole:
        """Those of the form that is chosen, once they are known."""
        background.outcome_of(self._ready, None, "What the workflow takes has not been looked up yet.")
        return self._form

    # --- what a click does -------------------------------------------------------------------------

    def _start(self) -> None:
        """Send what the form holds, if it fits; while a run is under way, a click changes nothing."""
        if self._click("run"):
            # At once, but for a click by code that has come before the fields.
            self._ready.add_done_callback(lambda _: self._send_values())

    def _send_values(self) -> None:
        try:
            self._ready.result()
            self.run = None
            offer, form = self._offer, self._form
            # What is looked at is what is sent, whatever is typed meanwhile.
            values = form.value
            found = problems(offer.inputs, values)
            form.mark(found)
            if found:
                self._focus_on(form.at(found[0].path))
                self._complain(f"{form.marked} Nothing was sent.")
                self._render_stale()
                raise form.unfit(found)
            self.execution_id = ""
            sent = payload(offer.inputs, values)
            self._render_running(True)
        except Exception as error:
            if not isinstance(error, CodikaError):
                self._unexpected(error)
            self._answer("run", error)
        else:
            self._do("run", lambda: self._carry_out(offer, sent), lambda ended: self._ended(offer, ended))

    async def _carry_out(self, offer: Offer, sent: dict[str, Any]) -> Execution:
        async def started(execution_id: str) -> None:
            self.execution_id = execution_id
            await background.in_worker(self._render_started)

        return await self._workflows.run(offer.workflow, sent, started)

    def _ended(self, offer: Offer, ended: Execution | BaseException) -> Execution | Exception:
        told = (
            ended if isinstance(ended, Execution | Exception) else stopped(self.execution_id, self.instance)
        )
        try:
            self._render_running(False)
            if isinstance(told, Execution):
                self.run = told
                self._render_run(offer, told)
            elif isinstance(told, CodikaError):
                self._render_failure(told)
            else:
                self._unexpected(told)
            if isinstance(ended, asyncio.CancelledError):
                self._focus_on(self.submit)  # the button that was pressed is gone
        except Exception as error:  # of a display: how the run has ended is known all the same
            self._unexpected(error)
        return told

    # --- what is seen ------------------------------------------------------------------------------

    def _choices(self) -> list[tuple[str, str]]:
        return [(offer.title, offer.workflow) for offer in self._offers.values()]

    def _choose(self) -> None:
        """Take the chosen workflow's form; what was typed into the others is kept."""
        if not self._offers:
            return
        self._offer = self._offers[self.chooser.value]
        if self._offer.workflow not in self._forms:
            around = Around(self._changed, self._start, self._parts)
            self._forms[self._offer.workflow] = Whole(self._offer, around, self._say_nothing)
        self._form = self._forms[self._offer.workflow]

    def _render_form(self) -> None:
        for form in self._forms.values():
            form.mark(())
        self._choose()
        self._header.value = self._heading()
        self._see(self._seen())
        self._output.value = ""
        self._say_nothing()

    def _heading(self) -> str:
        offer = self._offer
        title = f'<div class="title" role="heading" aria-level="3">{html.escape(plain(offer.title))}</div>'
        if not self._offers:
            return title
        about = f"<p>{html.escape(offer.description)}</p>" if offer.description else ""
        nothing = "" if offer.inputs else "<p>This workflow takes no input.</p>"
        server = self._workflows.server
        where = [self._workflows.environment, "" if server == PRODUCTION else f"at {server}"]
        told = html.escape(" ".join(filter(None, where)))
        return title + about + nothing + (f"<small>{told}</small>" if told else "")

    def _seen(self) -> tuple[widgets.Widget, ...]:
        chooser = (self.chooser,) if len(self._offers) > 1 else ()
        fields = (self._form.box,) if self._offers else ()
        return (self._header, *chooser, *fields, self._buttons, self._code.box, self._output)

    def _changed(self) -> None:
        """The result and the code are of another input now."""
        self._render_stale()
        self._code.hide()

    def _render_running(self, running: bool) -> None:
        # Not disabled: a button that is loses the keyboard's place in the form.
        self.submit.description = "Running…" if running else "Run"
        self._buttons.children = (self.submit, self.stop, self._elapsed) if running else self._at_rest
        self.chooser.disabled = running
        # The browser counts.
        self._elapsed.value = '<span class="codika-passing" aria-hidden="true"></span>' if running else ""
        if running:
            self._render_stale()
            self.message.value = said(f"Starting {self._offer.workflow}…", "info")

    def _written(self, how: str) -> str:
        return self._workflows.written(how, self._offer.workflow, self._form.sent)

    def _render_stale(self) -> None:
        """Show that the result is not that of what the form holds now."""
        if self._output.value:
            self._output.add_class("codika-stale")

    def _render_started(self) -> None:
        self.message.value = said(f"Run {self.execution_id} is under way.", "info")

    def _render_run(self, offer: Offer, run: Execution) -> None:
        shown = outcome(offer, run)
        self._output.value, self.message.value = shown.output, shown.message
        self._output.remove_class("codika-stale")
        alone = output(f'<div class="codika-card">{shown.alone["text/html"]}</div>')
        self._static = {**shown.alone, "text/html": self._kept(alone)}
        self._publish()

    def _publish(self, *, again: bool = False) -> None:
        """Put the last result beside the form, for when the notebook is saved.

        Whoever runs a notebook unattended takes notice only of what the current cell publishes, and so
        this happens `again` when a cell waits; not in a terminal, where both would be seen.
        """
        if self._beside and self._static and (not again or hasattr(get_ipython(), "kernel")):
            self._beside.update(self._static, raw=True)

    def _render_failure(self, problem: CodikaError) -> None:
        place = refused_place(problem)
        if place and (at_fault := self._form.at(place)) is not self._form:
            self._form.mark([Problem(place, readable(problem.message))])
            self._focus_on(at_fault)
        kind = "info" if problem.code == "cancelled" else "error"
        self.message.value = said(problem.message, kind, way_out(problem, self.instance))

    def _complain(self, text: str) -> None:
        self.message.value = said(text, "error")

    def _say_nothing(self) -> None:
        self.message.value = said("")

    def show(self) -> None:
        """Display the form here; the last result stays beside it as plain HTML when the notebook is saved."""
        title = plain(self._offer.title)
        self._draw(self._static or self._reminder(f"The form of {title} was here: run the cell again."))

    def _ipython_display_(self) -> None:
        self.show()

    def _in_words(self) -> str:
        text = "Form for a workflow that is being looked up."
        if self._forms:
            asked = ", ".join(plain(each.label) for each in fields(self._offer.inputs)) or "no input"
            text = f"Form for {self._offer.workflow}: {asked}."
        if self._forms and not in_kernel():  # a terminal draws no form at all
            return f"{text} Here in words: {magic_line(self._offer.workflow, example(self._offer.inputs))}"
        in_code = "playground.fill({…}), playground.submit.click(), playground.wait()"
        return f"{text} (No fields here? Use {in_code}.)"

    def __repr__(self) -> str:
        return f"Playground({self._offer.workflow!r}, instance={self.instance!r})"
