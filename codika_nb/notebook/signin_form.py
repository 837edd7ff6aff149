"""The sign-in form: renders a `SignIn` and calls its verbs; it decides nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..display.markup import Bundle, line
from ..display.place import is_open, next_step
from ..errors import ConfigError, NotSignedIn
from ..profiles import Profile, is_loopback
from ..signin.reactions import Notice, Purpose
from ..signin.signin import SignIn
from ..signin.typed import organization_key, six_digits
from . import background
from .background import log
from .cards import signed_in
from .signin_view import FIELDS, FIELDS_AND_BUTTONS, SignInView

if TYPE_CHECKING:
    from ..client.client import AsyncClient

#: Seconds in which a form gets there, and nobody has typed an address.
WARM_UP_AFTER = 0.3

Verb = Callable[[], Generator[Any, Any, SignIn] | None]


class SignInForm(SignInView):
    """The form of ``%codika_signup`` and ``%codika_login``; ``await form`` yields the saved profile.

    The fields and buttons are public, so that a notebook can fill the form in: ``email``,
    ``company``, ``send_code``, ``code``, ``submit``, ``resend``, ``organization``, ``filter``, ``key``,
    ``back``, ``cancel``, ``message``. Each is made when it is first seen, or asked for. A click returns at
    once; `settle` waits until its answer is there.

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
        signin = signin or SignIn(purpose, **options)
        self._on_done = on_done
        self._line: Bundle | None = None
        self._submitted = ""
        if already:
            signin.step, signin.profile = "done", already
        super().__init__(signin, email)
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
        code, company, key = map(self._typed, ("code", "company", "key"))
        organization = self._chosen()

        def verb() -> Generator[Any, Any, SignIn] | None:
            step = self.signin.step
            if step == "organization" and organization:
                return self.signin.choose_organization(organization)
            if step == "code":
                return self.signin.submit_code(code, company=company or None)
            return self.signin.submit_key(key) if step == "key" else None

        self._verb("submit", verb, key=key or None)

    def _chosen(self) -> str | None:
        """The organization that has been picked, or is the only one that is found."""
        if not self._made("organization"):
            return None
        found = [each for _, each in self.organization.options]
        only = found[0] if len(found) == 1 and self._typed("filter") else None
        return self.organization.value or only

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
            self._leave(line("Signing in was cancelled; run the cell again to start over."))
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
                notice = self.signin.notice.text if self.signin.notice else ""
                self._leave(signed_in(profile, notice, self._tell(profile)))
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

    def _settled(self) -> None:
        if not self.done:
            self._render()
            self._focus()

    def _focus(self) -> None:
        """Put the cursor where the next keystroke belongs: into the field at fault, or of this step."""
        notice, step = self.signin.notice, self.signin.step
        if step == "done" or self._under_way:
            return
        at_fault = notice.field if notice else None
        name: str = at_fault if at_fault and at_fault in FIELDS[step] else step
        if name == "organization":
            name = "filter"
        self._focus_on(getattr(self, name) if self._is_there(name) else self._sentence)

    def _forget_what_was_used(self) -> None:
        """Empty the code and key fields once their content has been used, or is known to be useless."""
        about = self.signin.notice.field if self.signin.notice else None
        for name in ("code", "key"):
            if self.signin.step != name or about == name:
                for field in self._made(name):
                    field.value = ""
        if self.signin.step != "code" or about == "code":
            self._submitted = ""

    def _leave(self, told: Bundle) -> None:
        """Empty and close everything; a sentence takes the form's place, and stays when it is saved."""
        self._line = told
        is_open(self, False)
        # Closing alone leaves the last values in notebooks that save widget state.
        for field in self._made("email", "company", "code", "key", "filter"):
            field.value = ""
        for field in self._made("organization"):
            field.options = ()
        self._header.value = ""
        self.message.value = f"<style>{self._hiding}</style>{told['text/html']}"
        for name in ("codika-form", "codika-signin"):
            self.remove_class(name)
        self._sentence.value = told["text/plain"]
        self.children = (self.message, self._sentence)
        for widget in (*self._made(*FIELDS_AND_BUTTONS), self._row, self._header, self._style):
            widget.close()
        # The sentence stays within reach of the keyboard until the next cell; then it is all that is left.
        self._focus_on(self._sentence)
        self._replace_with(told)

    def _in_words(self) -> str:
        ways = next_step("without-widgets", purpose=self.signin.purpose)
        return f"Codika sign-in form. No fields here? {ways}"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return self._line or super()._repr_mimebundle_(**kwargs)

    def show(self) -> None:
        """Display the form here; its output becomes one line when it is done."""
        self._draw(self._reminder("A sign-in form was here: run the cell again."))
        is_open(self, not self.done)
        # What the first click needs is imported while the person types; not before the form is on the
        # screen, as showing it and importing would take turns.
        background.call_later(WARM_UP_AFTER, lambda: _warm_up(self.signin.base_url))

    def __repr__(self) -> str:
        return f"SignInForm({self.signin.purpose!r}, step={self.signin.step!r})"


def _warm_up(base_url: str) -> None:
    import_module("..client.client", __package__)
    with suppress(OSError):  # it is said when a client is made
        import_module("..client.http", __package__).tls(trust_env=not is_loopback(base_url))
