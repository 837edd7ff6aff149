"""The sign-in form: renders a `SignIn` and calls its verbs; it decides nothing itself."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from ..display.design import form_style
from ..display.text import plain
from ..errors import ConfigError, NotSignedIn
from ..profiles import PRODUCTION, Profile, is_loopback
from ..signin.reactions import MOST_LISTED, Notice, Purpose
from ..signin.signin import SignIn
from ..signin.typed import organization_key, six_digits
from . import background
from .background import log
from .cards import signed_in
from .controls import KeyField, LineField, SecretField, action_button
from .form import Form
from .texts import said

if TYPE_CHECKING:
    from ..client.client import AsyncClient

STYLE = form_style("codika-signin")

FALLBACK = "Codika sign-in form. (No fields here? Sign in from a terminal: ipython, then %codika_login.)"

#: As many as the list shows at once.
SHOWN_ORGANIZATIONS = 5

#: Seconds in which a form gets there, and nobody has typed an address.
WARM_UP_AFTER = 0.3

#: What comes and goes, and the steps in which it is there.
STEPS_OF = {
    "email": ("email",),
    "company": ("email", "code"),
    "send_code": ("email",),
    "_sent_to": ("code",),
    "code": ("code",),
    "key": ("key",),
    "filter": ("organization",),
    "organization": ("organization",),
    "submit": ("code", "organization", "key"),
    "resend": ("code",),
    "back": ("code", "organization", "key", "done"),
    "cancel": ("email", "code", "organization", "key"),
}

BACK = {"done": "Use another account", "key": "Use an e-mail code instead"}

Verb = Callable[[], Generator[Any, Any, SignIn] | None]


class SignInForm(Form[Profile]):
    """The form of ``%codika_signup`` and ``%codika_login``; ``await form`` yields the saved profile.

    The fields and buttons are public, so that a notebook can fill the form in: ``email``,
    ``company``, ``send_code``, ``code``, ``submit``, ``resend``, ``organization``, ``filter``, ``key``,
    ``back``, ``cancel``, ``message``. A click returns at once; `settle` waits until its answer is there.

    Args:
        purpose: ``"signup"`` or ``"login"``: what is tried first.
        email: what the e-mail field holds at first.
        signin: the `SignIn` to render, where one exists; `purpose` and `options` make one otherwise.
        already: the profile in use; the form then says so and offers to use another account.
        on_done: called with the profile once it is there, on a thread of its own; a text that it returns
            is said, too.
        options: the remaining arguments of `SignIn`.

    Example:
        >>> form = SignInForm("signup", base_url=sandbox.url, store=ProfileStore())
        >>> form.email.value = "grace@example.com"
        >>> form.send_code.click()
        >>> form.settle()
        SignInForm('signup', step='code')
        >>> form.code.value = sandbox.code_for("grace@example.com")
        >>> form.submit.click()
        >>> form.wait()
        Profile('my-organization', organization='My Organization', key='cko_...')
    """

    _is_over_once_done = True

    def __init__(
        self,
        purpose: Purpose = "signup",
        *,
        email: str = "",
        signin: SignIn | None = None,
        already: Profile | None = None,
        on_done: Callable[[Profile], object] | None = None,
        **options: Any,
    ) -> None:
        self.signin = signin or SignIn(purpose, **options)
        self._on_done = on_done
        self._line: dict[str, str] | None = None
        self._submitted = ""
        if already:
            self.signin.step, self.signin.profile = "done", already
        # Each widget, and each layout and style, is a message to show the form: these are shared. Being
        # hidden is having the other layout, and everything is made as it is to be seen first.
        self._shown, self._hidden = widgets.Layout(width="auto"), widgets.Layout(display="none")
        self.email = LineField(
            description="E-mail",
            placeholder="you@example.com",
            value=email,
            on_enter=self._request,
            layout=self._layout_of("email"),
        )
        text = {"style": self.email.style}
        self.company = LineField(
            description="Organization (optional)",
            placeholder="My Organization",
            value=self.signin.company,
            on_enter=self._request,
            layout=self._layout_of("company"),
            **text,
        )
        self.code = SecretField(
            description="Six-digit code",
            placeholder="123456",
            on_enter=self._submit,
            layout=self._layout_of("code"),
            **text,
        )
        self.code.on_typed = self._submit_when_complete
        self.key = KeyField(
            description="Key from the dashboard",
            placeholder="cko_…",
            on_enter=self._submit,
            layout=self._layout_of("key"),
            **text,
        )
        self.filter = LineField(
            description="Find",
            placeholder="part of a name or id",
            on_enter=self._submit,
            layout=self._layout_of("filter"),
            **text,
        )
        self.filter.observe(lambda _: self._render_organizations(), "value")
        self.organization = widgets.Select(
            description="Organization", rows=SHOWN_ORGANIZATIONS, layout=self._layout_of("organization")
        )
        self.send_code = action_button(
            "Send code", "primary", self._request, layout=self._layout_of("send_code")
        )
        button = {"style": self.send_code.style}
        self.submit, self.resend, self.back, self.cancel = (
            action_button(label, kind, on_click, tooltip="", layout=self._layout_of(name), **button)
            for name, label, kind, on_click in (
                ("submit", self._what_submit_does(), "primary", self._submit),
                ("resend", "Send a new code", "", self._resend),
                ("back", BACK.get(self.signin.step, "Use another e-mail"), "", self._start_over),
                ("cancel", "Cancel", "", self._cancel),
            )
        )
        self.message = widgets.HTML(self._notice(busy=False), layout=self._shown)
        markup = {"style": self.message.style}
        self._header = widgets.HTML(self._heading(), layout=self._shown, **markup)
        self._sent_to = widgets.HTML(layout=self._layout_of("_sent_to"), **markup)
        self._fields = (self.email, self.company, self.code, self.key, self.filter, self.organization)
        self._buttons = (self.send_code, self.submit, self.resend, self.back, self.cancel)
        super().__init__(
            "sign-in form",
            children=[
                self._header,
                self.email,
                self.company,
                self._sent_to,
                self.code,
                self.key,
                self.filter,
                self.organization,
                self.message,
                widgets.HBox(self._buttons, layout=self._shown),
            ],
            layout=self._shown,
            _dom_classes=("codika", "codika-form", "codika-signin"),
        )
        if already:
            self._result.set_result(already)
        self._render()

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

        Example:
            >>> form = SignInForm("login", email="ada@example.com", base_url=sandbox.url)
            >>> form.send_code.click()
            >>> form.settle().signin.step
            'code'
        """
        self._settle(timeout, "A click has not been answered yet.")
        return self

    def wait(self, timeout: float | None = None) -> Profile:
        """Wait until somebody is signed in, and return the saved profile.

        While a cell waits like this, most kernels cannot deliver clicks: ``await form`` in a cell of
        its own, or fill the form in by code.

        Args:
            timeout: seconds to wait at most; forever if left out.

        Raises:
            TimeoutError: nobody is signed in yet.

        Example:
            >>> SignInForm(already=profile).wait()
            Profile('acme', organization='Acme', key='cko_...')
        """
        return self._wait(timeout, "Nobody has signed in yet.")

    # --- what a click does -------------------------------------------------------------------------

    def _request(self) -> None:
        email, company = self.email.value, self.company.value
        self._verb("request", lambda: self.signin.request_code(email, company=company))

    def _resend(self) -> None:
        self._verb("resend", lambda: self.signin.resend() if self.signin.step == "code" else None)

    def _submit(self) -> None:
        code, company, organization = self.code.value, self.company.value, self.organization.value
        key = self.key.value

        def verb() -> Generator[Any, Any, SignIn] | None:
            step = self.signin.step
            if step == "organization" and organization:
                return self.signin.choose_organization(organization)
            if step == "code":
                return self.signin.submit_code(code, company=company)
            return self.signin.submit_key(key) if step == "key" else None

        self._verb("submit", verb, key=key or None)

    def _submit_when_complete(self) -> None:
        """Submit six typed digits by themselves, but the same ones only once."""
        digits = six_digits(self.code.value)
        if digits and digits != self._submitted:
            self._submitted = digits
            self._submit()

    def _start_over(self) -> None:
        if self._under_way:
            return
        if self.signin.step == "done":
            self._line = None
            self._expect_result()
        self.signin.back()
        self._settled()

    def _cancel(self) -> None:
        """Stop waiting for an answer; with none under way, end the form."""
        if self._under_way:
            self._stop()
        elif not self.done:
            text = "Signing in was cancelled; run the cell again to start over."
            self._leave({"text/plain": text, "text/html": f"<span>{text}</span>"})
            self._result.set_exception(NotSignedIn("Signing in was cancelled.", code="cancelled"))

    def _verb(self, name: str, verb: Verb, *, key: str | None = None) -> None:
        """Perform what `verb` describes after what is under way; a second click of it changes nothing."""
        if self._click(name):
            self._render()
            self._do(name, lambda: self._carry_out(verb, key), self._show_outcome)

    async def _carry_out(self, verb: Verb, key: str | None) -> None:
        exchange = verb()
        if exchange is not None:
            async with await background.in_worker(lambda: self._connect(key)) as client:
                await client.perform(exchange)

    def _connect(self, key: str | None) -> AsyncClient:
        from ..client.client import AsyncClient  # noqa: PLC0415 - imported while the person types

        return AsyncClient(base_url=self.signin.base_url, auth=organization_key(key) if key else None)

    def _show_outcome(self, outcome: object) -> Profile | None:
        """Take over what has become of a click; the profile, if it has made one."""
        profile = self.signin.profile
        if self.signin.step == "done" and profile:
            with self._lock:
                if self._line is not None:
                    return None  # another click, which was stopped, has come upon it first
                self._line = {}
            # While this click counts as under way, no other one can turn the outcome around.
            try:
                self._leave(signed_in(profile, self._tell(profile)))
            except Exception as error:  # of a display: the profile is there all the same
                self._unexpected(error)
            return profile
        if isinstance(outcome, asyncio.CancelledError):
            text = "Stopped waiting. If a code was on its way, it may still come."
            self.signin.notice = Notice(text, "info")
        elif isinstance(outcome, ConfigError):
            # Of this machine: a file, a variable. What the server says is `SignIn`'s to deal with.
            self._complain(str(outcome))
        elif isinstance(outcome, Exception):
            raise outcome
        return None

    def _complain(self, text: str) -> None:
        self.signin.notice = Notice(text, "error")

    def _tell(self, profile: Profile) -> str:
        """Tell whoever made the form; what they want to have said, or what went wrong there."""
        try:
            answer = self._on_done(profile) if self._on_done else ""
        except Exception as error:
            log.exception("what was to be done after signing in failed")
            return f"But what was to follow failed: {error!r}"
        return answer if isinstance(answer, str) else ""

    # --- what is seen ------------------------------------------------------------------------------

    def _render(self) -> None:
        """Show the step that `SignIn` is in."""
        state, busy = self.signin, bool(self._under_way)
        for name in STEPS_OF:
            getattr(self, name).layout = self._layout_of(name)
        for control in (*self._fields, self.send_code, self.submit, self.back):
            control.disabled = busy
        for button, label in (
            (self.send_code, "Sending…" if "request" in self._under_way else "Send code"),
            (self.submit, "Checking…" if "submit" in self._under_way else self._what_submit_does()),
            (self.back, BACK.get(state.step, "Use another e-mail")),
        ):
            button.description = label
        self._render_resend(busy)
        self._render_organizations()
        self._render_texts(busy)
        if not busy:
            self._forget_what_was_used()

    def _layout_of(self, name: str) -> widgets.Layout:
        state = self.signin
        seen = state.step in STEPS_OF[name]
        if name == "company":
            about_it = bool(state.notice and state.notice.field == "company")
            seen = seen and state.purpose == "signup" and (state.step == "email" or about_it)
        return self._shown if seen else self._hidden

    def _what_submit_does(self) -> str:
        if self.signin.step == "organization":
            return "Continue"
        return (
            "Create account" if self.signin.step == "code" and self.signin.purpose == "signup" else "Sign in"
        )

    def _render_texts(self, busy: bool) -> None:
        state = self.signin
        self._header.value = self._heading()
        until = state.valid_until.astimezone().strftime("%H:%M %Z") if state.valid_until else ""
        self._sent_to.value = (
            f"<p>A code is on its way to <b>{html.escape(state.email)}</b>. It is valid until {until}.</p>"
            if state.step == "code" and until
            else ""
        )
        self.message.value = self._notice(busy=busy)

    def _heading(self) -> str:
        state = self.signin
        where = "" if state.base_url == PRODUCTION else f"at {html.escape(state.base_url)}"
        title = "Create your account" if state.purpose == "signup" else "Sign in"
        title = "Signed in" if state.step == "done" else title
        return f'{STYLE}<div class="title">Codika <span>{title}</span></div><small>{where}</small>'

    def _notice(self, *, busy: bool) -> str:
        state = self.signin
        notice = None if busy else state.notice
        if state.step == "done" and state.profile:
            return f'<p role="status">{signed_in(state.profile)["text/html"]}</p>'
        return said(notice.text, notice.kind) if notice else said("")

    def _settled(self) -> None:
        if not self.done:
            self._render()
            self._focus()

    def _focus(self) -> None:
        """Put the cursor where the next keystroke belongs: into the field at fault, or of this step."""
        notice, step = self.signin.notice, self.signin.step
        name = (notice and notice.field) or step
        if step != "done" and not self._under_way:
            # Notebooks take arrow keys away from a list, but no key from a text field.
            self._focus_on(self.filter if name == "organization" else getattr(self, name))

    def _render_resend(self, busy: bool) -> None:
        resend_at = self.signin.resend_at
        left = (resend_at - datetime.now(UTC)).total_seconds() if resend_at else 0.0
        self.resend.disabled = busy or left > 0
        self.resend.tooltip = f"possible in {left:.0f} seconds" if left > 0 else ""
        if left > 0 and self.signin.step == "code" and not busy:
            # One timer, no ticking: each tick would be a message to every client, and saved.
            background.call_later(left + 0.1, self._unlock_resend)

    def _unlock_resend(self) -> None:
        if self.signin.step == "code" and not self._under_way:
            resend_at = self.signin.resend_at
            self.resend.disabled = bool(resend_at and resend_at > datetime.now(UTC))

    def _render_organizations(self) -> None:
        if self.signin.step != "organization":
            return
        listed = self.signin.matching(self.filter.value)
        choices = [(f"{plain(each.name)}  ({each.id})", each.id) for each in listed]
        if len(self.signin.organizations) > MOST_LISTED:
            self.filter.placeholder = f"part of a name or id: there are {len(self.signin.organizations):,}"
        if choices != list(self.organization.options):
            chosen = self.organization.value or self.signin.suggested
            self.organization.options = choices
            ids = [each for _, each in choices]
            self.organization.value = chosen if chosen in ids else next(iter(ids), None)

    def _forget_what_was_used(self) -> None:
        """Empty the code and key fields once their content has been used, or is known to be useless."""
        about = self.signin.notice.field if self.signin.notice else None
        if self.signin.step != "code" or about == "code":
            self.code.value = self._submitted = ""
        if self.signin.step != "key" or about == "key":
            self.key.value = ""

    def _leave(self, line: dict[str, str]) -> None:
        """Empty and close everything; a sentence takes the form's place, and stays when it is saved."""
        self._line = line
        # Closing alone leaves the last values in notebooks that save widget state.
        for field in (self.email, self.company, self.code, self.key, self.filter):
            field.value = ""
        self.organization.options = ()
        self._sent_to.value = self._header.value = ""
        self.message.value = line["text/html"]
        # Two ways to say it: the output itself becomes the sentence where displays can be updated, and
        # what is left of the form shows it where they cannot (Voilà).
        others = [*self._buttons, *self._fields, self._header, self._sent_to]
        for name in ("codika-form", "codika-signin"):
            self.remove_class(name)
        self.children = (self.message,)
        for widget in others:
            widget.close()
        if self._handle:
            self._handle.update(line, raw=True)

    def _in_words(self) -> dict[str, str]:
        return {"text/plain": FALLBACK}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self._line or super()._repr_mimebundle_(**kwargs)

    def show(self) -> None:
        """Display the form here; its output becomes one line when it is done."""
        self._handle = self._draw(updatable=True)
        # What the first click needs is imported while the person types; not before the form is on the
        # screen, as showing it and importing would take turns.
        background.call_later(WARM_UP_AFTER, lambda: _warm_up(self.signin.base_url))

    def __repr__(self) -> str:
        return f"SignInForm({self.signin.purpose!r}, step={self.signin.step!r})"


def _warm_up(base_url: str) -> None:
    import_module("..client.client", __package__)
    with suppress(OSError):  # it is said when a client is made
        import_module("..client.http", __package__).tls(trust_env=not is_loopback(base_url))
