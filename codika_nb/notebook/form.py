"""What the forms have in common: clicks that are answered in the background, and whoever waits for that.

A form decides nothing: it shows what it is told, and passes on what is clicked. The thread on which a click
arrives, and whether the kernel can deliver one meanwhile, differ between versions of ipykernel, so that a
click only ever starts something.
"""

from __future__ import annotations

import asyncio
import html
import threading
from collections.abc import Callable, Coroutine, Generator, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from functools import cache, cached_property
from importlib import resources
from typing import Any, Generic, TypeVar
from uuid import uuid4

import ipywidgets as widgets
from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle, display

from ..display.design import AS_WRITTEN, form_style
from ..display.markup import Bundle
from ..display.place import read_in
from ..errors import ConfigError
from . import background
from .background import log, outcome_of
from .controls import Lean, Parts

T = TypeVar("T")
R = TypeVar("R")

#: What talks to the platform, and runs on the network's thread.
Work = Callable[[], Coroutine[Any, Any, T]]
#: Shows what came of it, which is an error if it failed or was stopped, on a thread of its own; returns what
#: whoever waits for the form is told, None if they go on waiting.
Over = Callable[[T | BaseException], R | Exception | None]

#: Seconds, enough for one more message to a browser.
FOCUS_AFTER = 0.15


@cache
def _style_of(form: str) -> str:
    """The style of a form of this package."""
    here = resources.files(__package__)
    rules = (here.joinpath(f"{name}.css").read_text(encoding="utf-8") for name in ("form", form))
    shows = None if form == "playground" else "<a <code codika-notice"
    return form_style(f"codika-{form}", "".join(rules), shows=shows)


#: What a browser does once the style is there; where it does not, all but this works. What is said is in a
#: live region, which stays when the text is another one. And keys that are pressed in a choice, at a tick or
#: a button are no commands of the notebook: it would cut the cell of who picks by the letter "x".
_ONCE_THERE = """
for (const each of this.closest('.codika-live').querySelectorAll('.codika-said')) {
  each.setAttribute('role', 'status');
}
window.codikaKeys ??= (key) => {
  const control = key.target.closest?.('.codika-live :is(select, button, [type=radio], [type=checkbox])');
  const meant = key.ctrlKey || key.altKey || key.metaKey || key.key === 'Escape';
  control?.toggleAttribute('data-lm-suppress-shortcuts', !meant && !(key.shiftKey && key.key === 'Enter'));
};
window.addEventListener('keydown', window.codikaKeys, true);
"""

#: What is there for screen readers alone.
_HEARD = (
    ".codika-heard { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; "
    "clip-path: inset(50%); white-space: nowrap }"
)


class Form(Lean, widgets.VBox, Generic[R]):
    """Widgets, what is under way behind them, and the result that is waited for.

    Args:
        form: which one of this package it is: ``signin`` or ``playground``.
        called: what it is called where its failures are logged.
        parts: make its widgets.
        said: what it says at first, as HTML.
        seen: the widgets that are seen of it at first.

    Attributes:
        message: what it says. It is the first one, as what comes behind a widget that goes away is drawn
            anew, and a live region is to stay; it is seen above the buttons.
    """

    #: Whether nothing can be clicked any more once there is a result.
    _is_over_once_done = False

    def __init__(
        self, form: str, called: str, parts: Parts, said: str, seen: Sequence[widgets.Widget]
    ) -> None:
        self._called = called
        self._parts = parts
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[None]] = {}
        self._clicks: list[Future[None]] = []
        # These two are for the network's thread alone.
        self._tasks: set[asyncio.Future[Any]] = set()
        self._turn = asyncio.Lock()
        #: Of the form's output, and of what stands beside it.
        self._handle: DisplayHandle | None = None
        self._beside: DisplayHandle | None = None
        self._id = f"codika-{uuid4().hex[:12]}"
        #: Hides what stands beside the form, for as long as the form is there.
        self._hiding = f".{self._id}.{self._id} {{ display: none }} {_HEARD}"
        once_there = html.escape(" ".join(_ONCE_THERE.split()))
        self._style = parts.markup(f'{_style_of(form)}<style onload="{once_there}">{self._hiding}</style>')
        self.message = parts.markup(said, "codika-said")
        self._expect_result()
        super().__init__(
            children=(self.message, self._style, *seen),
            layout=parts.layout,
            _dom_classes=("codika", "codika-live", "codika-form", f"codika-{form}"),
        )

    # --- what a click does -------------------------------------------------------------------------

    def _click(self, name: str) -> bool:
        """Note that this is under way from now on; False if there is nothing to be done, as it is already."""
        with self._lock:
            if name in self._under_way or (self._is_over_once_done and self._result.done()):
                return False
            # Whoever waits is told how this click ends, and not once more how the last one did.
            if self._result.done():
                self._expect_result()
            clicked = self._under_way[name] = Future[None]()
            self._clicks = [*(each for each in self._clicks if not each.done()), clicked]
            return True

    def _do(self, name: str, work: Work[T], over: Over[T, R]) -> None:
        """Do what was clicked, and has been noted, after what is under way."""
        try:
            background.submit(self._perform(name, work, over))
        except ConfigError as error:
            self._end(name, error, over)

    async def _perform(self, name: str, work: Work[T], over: Over[T, R]) -> None:
        async def in_turn() -> T:
            await turn.enter_async_context(self._turn)
            return await work()

        outcome: T | BaseException
        async with AsyncExitStack() as turn:
            turn.enter_context(read_in("form"))
            # A task of its own, so that it can be stopped at any moment, and its end is still seen to.
            task = asyncio.ensure_future(in_turn())
            self._tasks.add(task)
            try:
                outcome = await task
            except (Exception, asyncio.CancelledError) as error:
                outcome = error
            self._tasks.discard(task)
            await background.in_worker(lambda: self._end(name, outcome, over))

    def _end(self, name: str, outcome: T | BaseException, over: Over[T, R]) -> None:
        try:
            told = over(outcome)
        except Exception as error:
            self._unexpected(error)
            self._answer(name, None, error)
        else:
            self._answer(name, told)

    def _answer(self, name: str, told: R | Exception | None, failure: Exception | None = None) -> None:
        """What was clicked is over; whoever waits for the result is told, if there is something to tell."""
        with self._lock:
            clicked = self._under_way.pop(name)
            if self._result.done():
                pass  # told by another click, or by one that it was waiting for
            elif isinstance(told, Exception):
                self._result.set_exception(told)
            elif told is not None:
                self._result.set_result(told)
        try:
            self._settled()
        finally:
            if failure:
                clicked.set_exception(failure)
            else:
                clicked.set_result(None)

    def _stop(self) -> None:
        """Stop what is under way; how it ends is for whoever does it to say."""

        async def stop() -> None:
            # What was clicked before this has its task by now: work begins in the order in which it is given.
            for task in self._tasks:
                task.cancel()

        background.submit(stop())

    def _settled(self) -> None:
        """A click has been answered: show that it is not under way any more."""

    def _unexpected(self, error: Exception) -> None:
        log.error("the %s failed", self._called, exc_info=error)
        self._complain(f"Something unexpected went wrong: {error!r}")

    def _complain(self, text: str) -> None:
        """Say what went wrong."""
        raise NotImplementedError

    # --- whoever waits -----------------------------------------------------------------------------

    def _expect_result(self) -> None:
        self._result: Future[R] = Future()
        # Running, so that a wait that gives up cannot cancel it for everybody else.
        self._result.set_running_or_notify_cancel()

    def _settle(self, timeout: float | None, late: str) -> None:
        """Wait until every click so far has been answered, and what these have clicked in turn."""
        for clicked in self._clicks:
            outcome_of(clicked, timeout, late)
        while left := [each for each in self._clicks if not each.done()]:
            outcome_of(left[0], timeout, late)

    def _wait(self, timeout: float | None, late: str) -> R:
        return outcome_of(self._result, timeout, late)

    def __await__(self) -> Generator[Any, None, R]:
        return asyncio.wrap_future(self._result).__await__()

    # --- what is seen ------------------------------------------------------------------------------

    def _see(self, seen: Sequence[widgets.Widget]) -> None:
        """Have these seen from now on."""
        self.children = (self.message, self._style, *seen)

    def _focus_on(self, field: Any) -> None:
        """Put the cursor there.

        A browser applies new states one after the other but moves the focus at once, and a field that is
        still disabled or hidden cannot take it.
        """
        with suppress(ConfigError):  # where nothing can be done in the background, nobody sees it
            background.call_later(FOCUS_AFTER, field.focus)

    @cached_property
    def _sentence(self) -> widgets.Label:
        """Takes the focus of what goes away under the keyboard, so that it stays in the notebook."""
        # Of all that only shows text, this is what a browser can put the focus on.
        return self._parts.make(widgets.Label, "codika-heard", *AS_WRITTEN.split(), tabbable=False)

    def _in_words(self) -> str:
        """What is seen where the form cannot be drawn."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        # Never the default repr, which tells what was typed.
        words = self._in_words()
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": words, "text/html": f"<p>{html.escape(words)}</p>"}

    def _draw(self, beside: Bundle) -> None:
        """Display the form here, and beside it what stands there when the notebook is opened again."""
        # Its bundle and not itself, for which IPython would make all its formatters the first time.
        self._handle = display(self._repr_mimebundle_(), raw=True, display_id=True)
        if self._beside:
            self._beside.display(beside, raw=True)
        else:
            self._beside = display(beside, raw=True, display_id=True)

    def _replace_with(self, told: Bundle) -> None:
        """Have a sentence take the form's place.

        The form shows it, and stays within reach of the keyboard until the next cell begins, or this one
        ends: what has the focus must not go away.
        """
        if self._beside:
            self._beside.update({**told, "text/html": self._kept(told["text/html"])}, raw=True)
        shell = get_ipython()
        if shell is None:
            return

        def replace(*_: Any) -> None:
            for event in ("pre_run_cell", "post_run_cell"):
                with suppress(ValueError):
                    shell.events.unregister(event, replace)
            if self._handle and self._beside:
                self._handle.update(told, raw=True)
                self._beside.update({"text/plain": "", "text/html": ""}, raw=True)

        for event in ("pre_run_cell", "post_run_cell"):
            shell.events.register(event, replace)

    def _kept(self, markup: str) -> str:
        """What stands beside the form: seen instead of what is left of it when the form is gone."""
        dead = f".jp-OutputArea-child:has(+ .jp-OutputArea-child .{self._id}):not(:has(.codika-live))"
        return f'<div class="{self._id} {AS_WRITTEN}"><style>{dead} {{ display: none }}</style>{markup}</div>'

    def _reminder(self, text: str) -> Bundle:
        """A sentence for who opens a notebook in which the form was not done; it has no place elsewhere."""
        after_dead = ".jp-OutputArea-child:not(:has(.codika-live)) + .jp-OutputArea-child"
        style = (
            f"<style>.{self._id} {{ display: none; visibility: hidden; "
            "animation: codika-late 0s 2s forwards } "
            f"{after_dead} .{self._id} {{ display: block }} "
            "@keyframes codika-late { to { visibility: visible } }</style>"
        )
        return {"text/plain": "", "text/html": self._kept(f"{style}<p>{html.escape(text)}</p>")}
