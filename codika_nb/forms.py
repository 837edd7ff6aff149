"""The sign-in form: renders a `SignIn` and calls its verbs; it decides nothing itself.

All network work happens on one daemon thread of ours, because the thread on which a click
arrives, and whether the kernel can deliver one meanwhile, differ between ipykernel versions.
"""

from __future__ import annotations

import asyncio
import html
import logging
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from datetime import datetime, timezone
from importlib import import_module
from typing import Any

import ipywidgets as widgets
from IPython.display import DisplayHandle, display
from traitlets import Unicode

from .profiles import PRODUCTION, Profile
from .signin import Notice, Purpose, SignIn
from .views import SIGN_IN_STYLE, signed_in_html, signed_in_line

__all__ = ["SignInForm"]

log = logging.getLogger(__name__)
FALLBACK = "Codika sign-in form. (No fields here? Sign in from a terminal: ipython, then %codika_login.)"
Verb = Callable[[], Generator[Any, Any, SignIn] | None]


class _Network:
    """One daemon thread with one event loop, started when first needed, shared by all forms."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="codika-network", daemon=True).start()
            return self._loop

    def submit(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)


_network = _Network()


class _Field(widgets.Text):
    """A text field whose content stays between this kernel and the browser that types into it."""

    # ipywidgets repeats every keystroke to every client of the kernel; not these.
    value = Unicode("").tag(sync=True, echo_update=False)

    def __init__(self, *, on_enter: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(layout=widgets.Layout(width="auto"), **kwargs)
        self.on_typed: Callable[[], None] | None = None
        self.on_msg(lambda _, content, __: on_enter() if content.get("event") == "submit" else None)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what a browser sends (code that sets ``value`` does not come through here)."""
        super().set_state(sync_data)
        if self.on_typed and "value" in sync_data:
            self.on_typed()

    def __repr__(self) -> str:
        return f"Text({self.description!r})"


class SignInForm(widgets.VBox):
    """The form of ``%codika_signup`` and ``%codika_login``; ``await form`` yields the saved profile.

    The fields and buttons are public, so that a notebook can fill the form in: ``email``,
    ``company``, ``send_code``, ``code``, ``submit``, ``resend``, ``organization``, ``message``.
    A click returns at once; `settle` waits until its answer is there.

    Args:
        purpose: ``"signup"`` or ``"login"``: what is tried first.
        email: what the e-mail field holds at first.
        already: the profile in use; the form then says so and offers to use another account.
        on_done: called with the profile once it is there.
        options: the remaining arguments of `SignIn`.

    Example:
        >>> form = SignInForm("signup", base_url=sandbox.url, store=ProfileStore())
        >>> form.email.value = "ada@example.com"
        >>> form.send_code.click(); form.settle()
        >>> form.code.value = sandbox.code_for("ada@example.com")
        >>> form.submit.click()
        >>> form.wait()
    """

    def __init__(
        self,
        purpose: Purpose = "signup",
        *,
        email: str = "",
        already: Profile | None = None,
        on_done: Callable[[Profile], None] | None = None,
        **options: Any,
    ) -> None:
        self.signin = SignIn(purpose, **options)
        self._on_done = on_done
        self._pending: dict[str, Future[None]] = {}
        self._one_at_a_time: asyncio.Lock | None = None
        self._client: Any = None
        self._handle: DisplayHandle | None = None
        self._submitted = ""
        self._reset_result()

        self.email = _Field(
            description="E-mail", placeholder="you@example.com", value=email, on_enter=self._request
        )
        self.company = _Field(
            description="Organization (optional)", placeholder="My Organization", on_enter=self._request
        )
        self.company.value = self.signin.company
        self.send_code = _button("Send code", "primary", self._request)
        self.code = _Field(description="Six-digit code", placeholder="123456", on_enter=self._submit)
        self.code.on_typed = self._submit_when_complete
        self.organization = widgets.Select(
            description="Organization", rows=5, layout=widgets.Layout(width="auto")
        )
        self.submit = _button("Sign in", "primary", self._submit)
        self.resend = _button("Send a new code", "", self._resend)
        self.back = _button("Use another e-mail", "", self._start_over)
        self.message = widgets.HTML()
        self._header = widgets.HTML()
        self._sent_to = widgets.HTML()
        super().__init__(
            children=[
                self._header,
                self.email,
                self.company,
                self._sent_to,
                self.code,
                self.organization,
                widgets.HBox([self.send_code, self.submit, self.resend, self.back]),
                self.message,
            ]
        )
        self.add_class("codika-form")
        if already:
            self.signin.step, self.signin.profile = "done", already
            self._result.set_result(already)
        self._render()
        # What the first click needs is imported while the person types.
        _network.submit(_warm_up())

    @property
    def done(self) -> bool:
        """Whether somebody is signed in."""
        return self._result.done()

    # --- for notebooks and tests -------------------------------------------------------------------

    def settle(self, timeout: float | None = 60.0) -> SignInForm:
        """Wait until every click so far has been answered.

        Args:
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: an answer is still missing.
        """
        for job in list(self._pending.values()):
            job.result(timeout)
        return self

    def wait(self, timeout: float | None = None) -> Profile:
        """Wait until somebody is signed in, and return the saved profile.

        While a cell waits like this, most kernels cannot deliver clicks: ``await form`` in a cell of
        its own, or fill the form in by code.

        Args:
            timeout: seconds to wait at most; forever if left out.

        Raises:
            TimeoutError: nobody is signed in yet.
        """
        return self._result.result(timeout)

    def __await__(self) -> Generator[Any, None, Profile]:
        return asyncio.wrap_future(self._result).__await__()

    # --- what a click does -------------------------------------------------------------------------

    def _request(self) -> None:
        email, company = self.email.value, self.company.value
        self._do("request", lambda: self.signin.request_code(email, company=company))

    def _resend(self) -> None:
        self._do("resend", lambda: self.signin.resend() if self.signin.step == "code" else None)

    def _submit(self) -> None:
        code, company, organization = self.code.value, self.company.value, self.organization.value

        def verb() -> Generator[Any, Any, SignIn] | None:
            if self.signin.step == "organization" and organization:
                return self.signin.choose_organization(organization)
            if self.signin.step == "code":
                return self.signin.submit_code(code, company=company)
            return None

        self._do("submit", verb)

    def _submit_when_complete(self) -> None:
        """Submit six typed digits by themselves, but the same ones only once."""
        digits = "".join(c for c in self.code.value if c.isdigit())
        if len(digits) == 6 and digits != self._submitted:
            self._submitted = digits
            self._submit()

    def _start_over(self) -> None:
        if self._pending:
            return
        if self.signin.step == "done":
            self._reset_result()
        self.signin.back()
        self._render()

    def _do(self, name: str, verb: Verb) -> None:
        """Perform what `verb` describes after what is under way; a second click of it changes nothing."""
        if name in self._pending or self.done:
            return
        job: Future[None] = Future()
        self._pending[name] = job
        self._render()
        _network.submit(self._perform(name, verb, job))

    async def _perform(self, name: str, verb: Verb, job: Future[None]) -> None:
        if self._one_at_a_time is None:
            self._one_at_a_time = asyncio.Lock()
        try:
            async with self._one_at_a_time:
                exchange = verb()
                if exchange is not None:
                    if self._client is None:
                        from .client import AsyncClient  # noqa: PLC0415 - imported while the person types

                        self._client = AsyncClient(base_url=self.signin.base_url)
                    await self._client.perform(exchange)
            del self._pending[name]
            self._render()
            await self._finish()
        except Exception as error:
            self._pending.pop(name, None)
            self.signin.notice = Notice(f"Something unexpected went wrong: {error!r}", "error")
            self._render()
            log.exception("the sign-in form failed")
            job.set_exception(error)
        else:
            job.set_result(None)

    async def _finish(self) -> None:
        profile = self.signin.profile
        if self.signin.step == "done" and profile and not self.done:
            if self._on_done:
                self._on_done(profile)
            self._leave_one_line(profile)
            self._result.set_result(profile)
            await self._client.aclose()

    # --- what is seen ------------------------------------------------------------------------------

    def _render(self) -> None:
        """Show the step that `SignIn` is in."""
        state, busy = self.signin, bool(self._pending)
        step = state.step
        creating = state.purpose == "signup"
        _show(self.email, step == "email")
        company_is_wrong = bool(state.notice and state.notice.field == "company")
        _show(self.company, creating and (step == "email" or (step == "code" and company_is_wrong)))
        _show(self.send_code, step == "email")
        _show(self._sent_to, step == "code")
        _show(self.code, step == "code")
        _show(self.organization, step == "organization")
        _show(self.submit, step in ("code", "organization"))
        _show(self.resend, step == "code")
        _show(self.back, step != "email")
        self.back.description = "Use another account" if step == "done" else "Use another e-mail"

        for control in (self.email, self.company, self.code, self.organization, self.back):
            control.disabled = busy
        self.send_code.disabled = self.submit.disabled = busy
        self.send_code.description = "Sending…" if "request" in self._pending else "Send code"
        self.submit.description = (
            "Checking…"
            if "submit" in self._pending
            else "Continue"
            if step == "organization"
            else "Create account"
            if creating
            else "Sign in"
        )
        self._render_resend(busy)

        where = "" if state.base_url == PRODUCTION else f"at {html.escape(state.base_url)}"
        title = "Signed in" if step == "done" else "Create your account" if creating else "Sign in"
        self._header.value = f"{SIGN_IN_STYLE}<h3>Codika <span>{title}</span></h3><small>{where}</small>"
        self._sent_to.value = (
            f"<p>A six-digit code is on its way to <b>{html.escape(state.email)}</b>; it works for 10 minutes.</p>"
            if step == "code" and state.valid_until
            else ""
        )
        self._render_organizations()
        self._render_message(busy)
        if not busy and step != "email":
            self._forget_code()

    def _render_resend(self, busy: bool) -> None:
        resend_at = self.signin.resend_at
        left = (resend_at - datetime.now(timezone.utc)).total_seconds() if resend_at else 0.0
        self.resend.disabled = busy or left > 0
        self.resend.tooltip = f"possible in {left:.0f} seconds" if left > 0 else ""
        if left > 0 and self.signin.step == "code" and not busy:
            # One timer, no ticking: each tick would be a message to every client, and saved.
            loop = _network.loop
            loop.call_soon_threadsafe(lambda: loop.call_later(left + 0.1, self._unlock_resend))

    def _unlock_resend(self) -> None:
        if self.signin.step == "code" and not self._pending:
            resend_at = self.signin.resend_at
            self.resend.disabled = bool(resend_at and resend_at > datetime.now(timezone.utc))

    def _render_organizations(self) -> None:
        choices = [(f"{o.name}  ({o.id})", o.id) for o in self.signin.organizations]
        if self.signin.step == "organization" and tuple(choices) != tuple(self.organization.options):
            self.organization.options = choices
            self.organization.value = choices[0][1] if choices else None

    def _render_message(self, busy: bool) -> None:
        notice = self.signin.notice
        if self.signin.step == "done" and self.signin.profile:
            self.message.value = f"<p>{signed_in_html(self.signin.profile)}</p>"
        elif notice and not busy:
            self.message.value = f'<p role="status" class="{notice.kind}">{html.escape(notice.text)}</p>'
        else:
            self.message.value = '<p role="status"></p>'

    def _forget_code(self) -> None:
        """Empty the code field once the code has been used, or is known to be useless."""
        notice = self.signin.notice
        if self.signin.step != "code" or (notice and notice.field == "code"):
            self.code.value = ""
            self._submitted = ""

    def _leave_one_line(self, profile: Profile) -> None:
        """Empty and close everything, and put a sentence in place of the form that stays when it is saved."""
        # Closing alone leaves the last values in notebooks that save widget state.
        for field in (self.email, self.company, self.code):
            field.value = ""
        self.organization.options = ()
        self._sent_to.value = self.message.value = self._header.value = ""
        line = {"text/plain": signed_in_line(profile), "text/html": signed_in_html(profile)}
        if self._handle:
            self._handle.update(line, raw=True)
        for widget in (*self.children[-2].children, *self.children):
            widget.close()
        self.close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if self.done and self.comm is None:
            profile = self._result.result()
            return {"text/plain": signed_in_line(profile), "text/html": signed_in_html(profile)}
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        # Where the widget can't be drawn, words; and never the default repr, which tells what was typed.
        return {**data, "text/plain": FALLBACK}, metadata

    def show(self) -> SignInForm:
        """Display the form here; its output becomes one line when it is done."""
        self._handle = display(self, display_id=True)
        return self

    def _reset_result(self) -> None:
        self._result: Future[Profile] = Future()
        # Running, so that a wait that gives up cannot cancel it for everybody else.
        self._result.set_running_or_notify_cancel()

    def __repr__(self) -> str:
        return f"SignInForm({self.signin.purpose!r}, step={self.signin.step!r})"


async def _warm_up() -> None:
    import_module(".client", __package__)


def _button(label: str, style: str, on_click: Callable[[], None]) -> widgets.Button:
    button = widgets.Button(description=label, button_style=style, layout=widgets.Layout(width="auto"))
    button.on_click(lambda _: on_click())
    return button


def _show(widget: widgets.DOMWidget, visible: bool) -> None:
    widget.layout.display = None if visible else "none"
