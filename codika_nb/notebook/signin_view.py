"""What is seen of the sign-in form: its fields and buttons, and the step that a `SignIn` is in."""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import uuid4

import ipywidgets as widgets

from ..display.text import plain
from ..profiles import PRODUCTION, Profile
from ..signin.signin import SignIn
from . import background
from .cards import signed_in
from .controls import KeyField, LineField, RadioButtons, SecretField, action_button
from .form import Form, style_of
from .texts import said

STYLE = style_of("signin")

#: From as many on, organizations are found by typing.
FROM_WHICH_TO_FIND = 8

#: What is there in each step: fields below one another, and buttons beside one another.
FIELDS = {
    "email": ("email", "company"),
    "code": ("company", "code"),
    "organization": ("filter", "organization"),
    "key": ("key",),
    "done": (),
}
BUTTONS = {
    "email": ("send_code", "cancel"),
    "code": ("submit", "resend", "back", "cancel"),
    "organization": ("submit", "back", "cancel"),
    "key": ("submit", "back", "cancel"),
    "done": ("back",),
}

BACK = {"done": "Use another account", "key": "Use an e-mail code instead"}

FIELDS_AND_BUTTONS = tuple(
    dict.fromkeys(name for part in (FIELDS, BUTTONS) for names in part.values() for name in names)
)


class SignInView(Form[Profile]):
    """The form as it is seen; what a click does is for `SignInForm`.

    Args:
        signin: what it shows.
        email: what the e-mail field holds at first.
    """

    def __init__(self, signin: SignIn, email: str) -> None:
        self.signin = signin
        self._email = email
        #: When a new code can be had, and what is drawn of the time until then.
        self._counted_to: datetime | None = None
        self._countdown = ""
        # Each widget, and each layout and style, is a message to show the form: what can be shared is.
        self._layout = widgets.Layout(width="auto")
        self._texts = {"layout": self._layout, "style": widgets.HTML.style.klass()}
        self._typed = {"layout": self._layout, "style": widgets.Text.style.klass()}
        self._pressed = {"layout": self._layout, "style": widgets.Button.style.klass(), "tooltip": ""}
        super().__init__(
            "sign-in form",
            layout=self._layout,
            _dom_classes=("codika", "codika-live", "codika-form", "codika-signin"),
        )
        self._header = widgets.HTML(self._heading(), **self._texts)
        self.message = widgets.HTML(self._notice(busy=False), **self._texts)
        self._row = widgets.HBox([getattr(self, name) for name in BUTTONS[signin.step]], layout=self._layout)
        self._style = widgets.HTML(STYLE + self._hiding, **self._texts)
        self._seen: tuple[widgets.Widget, ...] = ()
        self._render()

    # --- what a click does, which is for the form ---------------------------------------------------

    def _request(self) -> None:
        raise NotImplementedError

    def _resend(self) -> None:
        raise NotImplementedError

    def _submit(self) -> None:
        raise NotImplementedError

    def _submit_when_complete(self) -> None:
        raise NotImplementedError

    def _start_over(self) -> None:
        raise NotImplementedError

    def _cancel(self) -> None:
        raise NotImplementedError

    # --- its fields and buttons, each made when it is first needed ----------------------------------

    @cached_property
    def email(self) -> LineField:
        """The address."""
        return LineField(
            description="E-mail",
            placeholder="you@example.com",
            value=self._email,
            on_enter=self._request,
            **self._typed,
        )

    @cached_property
    def company(self) -> LineField:
        """The new organization's name."""
        return LineField(
            description="Organization (optional)",
            placeholder="My Organization",
            value=self.signin.company,
            on_enter=self._request,
            **self._typed,
        )

    @cached_property
    def code(self) -> SecretField:
        """The six digits from the mail."""
        made = SecretField(
            description="Six-digit code", placeholder="123456", on_enter=self._submit, **self._typed
        )
        made.add_class("codika-code")
        made.on_typed = self._submit_when_complete
        return made

    @cached_property
    def key(self) -> KeyField:
        """A key that exists already."""
        return KeyField(
            description="Key from the dashboard", placeholder="cko_…", on_enter=self._submit, **self._typed
        )

    @cached_property
    def filter(self) -> LineField:
        """Part of an organization's name or id."""
        made = LineField(
            description="Find",
            placeholder=f"part of a name or id: there are {len(self.signin.organizations):,}",
            on_enter=self._submit,
            **self._typed,
        )
        made.observe(lambda _: self._list_organizations(), "value")
        return made

    @cached_property
    def organization(self) -> RadioButtons:
        """The organizations to choose from."""
        made = RadioButtons(layout=self._layout)
        made.observe(lambda _: self._render_submit(), "value")
        return made

    @cached_property
    def send_code(self) -> widgets.Button:
        """Has a code sent."""
        return action_button("Send code", "primary", self._request, **self._pressed)

    @cached_property
    def submit(self) -> widgets.Button:
        """Goes on with what has been typed or chosen."""
        return action_button("Sign in", "primary", self._submit, **self._pressed)

    @cached_property
    def resend(self) -> widgets.Button:
        """Has a new code sent."""
        return self._link("Resend", self._resend)

    @cached_property
    def back(self) -> widgets.Button:
        """Returns to the address."""
        return self._link("Other e-mail", self._start_over)

    @cached_property
    def cancel(self) -> widgets.Button:
        """Stops waiting for an answer, or ends the form."""
        return self._link("Cancel", self._cancel)

    def _link(self, label: str, on_click: Callable[[], None]) -> widgets.Button:
        return action_button(label, "", on_click, _dom_classes=("codika-link",), **self._pressed)

    def _made(self, *names: str) -> list[Any]:
        """Those of these that have been made."""
        return [vars(self)[name] for name in names if name in vars(self)]

    # --- what is seen ------------------------------------------------------------------------------

    def _render(self) -> None:
        """Show the step that `SignIn` is in."""
        busy = bool(self._under_way)
        if not busy:
            self._forget_what_was_used()
        self._arrange()
        self._render_texts(busy)
        for control in self._made(*FIELDS_AND_BUTTONS):
            control.disabled = busy and control is not vars(self).get("cancel")
        self._render_submit()
        self._render_resend(busy)

    def _arrange(self) -> None:
        """Put the fields and buttons of this step in their places."""
        state = self.signin
        fields: list[widgets.Widget] = [
            getattr(self, name) for name in FIELDS[state.step] if self._is_there(name)
        ]
        at_fault = state.notice.field if state.notice and state.notice.kind == "error" else None
        for name in FIELDS[state.step]:
            for field in self._made(name):
                (field.add_class if name == at_fault else field.remove_class)("codika-wrong")
        buttons = tuple(getattr(self, name) for name in BUTTONS[state.step])
        if state.step == "organization":
            self._list_organizations()
            if not self._is_there("filter"):
                self._sentence.value = "Which organization?"
                fields.insert(0, self._sentence)
        children = (self._style, self._header, *fields, self.message, self._row)
        if self._row.children != buttons:
            self._row.children, self._counted_to = buttons, None
        if self._seen != children:
            self.children = self._seen = children

    def _is_there(self, name: str) -> bool:
        state = self.signin
        if name == "company":
            about_it = bool(state.notice and state.notice.field == "company")
            return state.purpose == "signup" and (state.step == "email" or about_it)
        return name != "filter" or len(state.organizations) >= FROM_WHICH_TO_FIND

    def _render_submit(self) -> None:
        """Say what the buttons do, or what is under way; going on waits for a choice."""
        state, busy = self.signin, bool(self._under_way)
        for button in self._made("send_code"):
            button.description = "Sending…" if "request" in self._under_way else "Send code"
        for button in self._made("back"):
            button.description = BACK.get(state.step, "Other e-mail")
        for button in self._made("submit"):
            creates = state.step == "code" and state.purpose == "signup"
            does = "Continue" if state.step == "organization" else "Create account" if creates else "Sign in"
            button.description = "Checking…" if "submit" in self._under_way else does
            button.disabled = busy or (state.step == "organization" and self._chosen() is None)

    def _render_texts(self, busy: bool) -> None:
        self._header.value = self._heading()
        self.message.value = self._notice(busy=busy)

    def _heading(self) -> str:
        state = self.signin
        title = "Create your account" if state.purpose == "signup" else "Sign in"
        title = {"done": "Signed in", "organization": "Which organization?"}.get(state.step, title)
        where = "" if state.base_url == PRODUCTION else f"<small>at {html.escape(state.base_url)}</small>"
        sent = ""
        if state.step == "code" and state.valid_until:
            minutes = round(state.sent.expires_in_seconds / 60) if state.sent else 10
            sent = (
                f'<p role="status">A code is on its way to <b>{html.escape(state.email)}</b>, '
                f"valid for {minutes} minutes.</p>"
            )
        name = f'<div class="title" role="heading" aria-level="2">Codika <span>{title}</span></div>'
        return f"{self._countdown}{name}{where}{sent}"

    def _notice(self, *, busy: bool) -> str:
        state = self.signin
        if busy:
            return said("Waiting for the answer…", "info", passing=True)
        if state.step == "done" and state.profile:
            return f'<p role="status">{html.escape(_who_is_signed_in(state.profile))}</p>'
        notice = state.notice
        if notice and notice.code == "MULTIPLE_ORGANIZATIONS":
            notice = None  # the title asks
        return said(notice.text, notice.kind) if notice else said("")

    def _render_resend(self, busy: bool) -> None:
        resend_at = self.signin.resend_at
        left = (resend_at - datetime.now(UTC)).total_seconds() if resend_at else 0.0
        for button in self._made("resend"):
            button.disabled = busy or left > 0
            (button.add_class if left > 0 else button.remove_class)("codika-counting")
            if left > 0 and self.signin.step == "code" and resend_at != self._counted_to:
                # Counted by the browser: each tick would be a message to every client, and saved.
                self._counted_to, self._countdown = resend_at, _countdown(left)
                self._header.value = self._heading()
        if left > 0 and self.signin.step == "code" and not busy:
            background.call_later(left + 0.1, self._unlock_resend)

    def _unlock_resend(self) -> None:
        if self.signin.step == "code" and not self._under_way:
            self._render_resend(busy=False)

    def _list_organizations(self) -> None:
        part = next((field.value for field in self._made("filter")), "")
        choices = [(f"{plain(each.name)}\n{each.id}", each.id) for each in self.signin.matching(part)]
        if choices != list(self.organization.options):
            chosen = self.organization.value
            ids = [each for _, each in choices]
            with self.organization.hold_sync():
                self.organization.options = choices
                # Nobody but the person chooses.
                self.organization.index = ids.index(chosen) if chosen in ids else None
        self._render_submit()


def _who_is_signed_in(profile: Profile) -> str:
    """The finished line without its first words, for below a title that has them."""
    return signed_in(profile)["text/plain"].removeprefix("Signed in: ")


def _countdown(seconds: float) -> str:
    """The style that counts down from here on."""
    name = f"codika-down-{uuid4().hex[:8]}"
    return (
        f"<style>@keyframes {name} {{ to {{ --codika-seconds: 0 }} }} "
        f".codika-signin .codika-counting::after {{ --codika-seconds: {math.ceil(seconds)}; "
        f"animation: {name} {seconds:.1f}s linear forwards }}</style>"
    )
