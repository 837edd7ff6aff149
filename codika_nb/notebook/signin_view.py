"""What is seen of the sign-in form: its fields and buttons, and the step that a `SignIn` is in."""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import uuid4

import ipywidgets as widgets

from ..display.text import plain
from ..profiles import PRODUCTION, Profile, inbox_page
from ..signin.signin import SignIn
from . import background
from .cards import signed_in
from .controls import KeyField, LineField, Parts, RadioButtons, SecretField
from .form import Form
from .texts import css_text, said

#: From as many on, organizations are found by typing.
FROM_WHICH_TO_FIND = 8

#: A character without width.
WORD_JOINER = "\u2060"

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

    # What a click does, which is for the form.
    _request: Callable[[], None]
    _resend: Callable[[], None]
    _submit: Callable[[], None]
    _submit_when_complete: Callable[[], None]
    _start_over: Callable[[], None]
    _cancel: Callable[[], None]

    def __init__(self, signin: SignIn, email: str) -> None:
        self.signin = signin
        self._email = email
        #: When a new code can be had, and what is drawn of the time until then.
        self._counted_to: datetime | None = None
        self._countdown = ""
        #: The class of the list of organizations, and the style that shows the id of each.
        self._list, self._ids = f"codika-{uuid4().hex[:8]}", ""
        self._parts = Parts()
        self._header = self._parts.markup(self._heading())
        self._row = self._parts.row(self._buttons())
        first = self._notice(busy=False)
        super().__init__("signin", "sign-in form", self._parts, first, self._fields())

    # --- its fields and buttons, each made when it is first needed ----------------------------------

    @cached_property
    def email(self) -> LineField:
        """The address."""
        return self._field("E-mail", "you@example.com", self._request, value=self._email)

    @cached_property
    def company(self) -> LineField:
        """The new organization's name."""
        label, value = "Organization (optional)", self.signin.company
        return self._field(label, "My Organization", self._request, value=value)

    @cached_property
    def code(self) -> LineField:
        """The six digits from the mail."""
        made = self._field("Six-digit code", "······", self._submit, "codika-code", kind=SecretField)
        made.on_typed = self._submit_when_complete
        return made

    @cached_property
    def key(self) -> LineField:
        """A key that exists already."""
        return self._field("Key from the dashboard", "cko_…", self._submit, kind=KeyField)

    @cached_property
    def filter(self) -> LineField:
        """Part of an organization's name or id."""
        there = f"part of a name or id: there are {len(self.signin.organizations):,}"
        made = self._field("Find", there, self._submit)
        made.observe(lambda _: self._list_organizations(), "value")
        return made

    @cached_property
    def organization(self) -> RadioButtons:
        """The organizations to choose from."""
        made = self._parts.make(RadioButtons, self._list)
        made.observe(lambda _: self._render_submit(), "value")
        return made

    @cached_property
    def send_code(self) -> widgets.Button:
        """Has a code sent."""
        return self._parts.button("Send code", self._request, kind="primary")

    @cached_property
    def submit(self) -> widgets.Button:
        """Goes on with what has been typed or chosen."""
        return self._parts.button("Sign in", self._submit, kind="primary")

    @cached_property
    def resend(self) -> widgets.Button:
        """Has a new code sent."""
        return self._parts.button("Resend", self._resend, "codika-link")

    @cached_property
    def back(self) -> widgets.Button:
        """Returns to the address."""
        return self._parts.button("Other e-mail", self._start_over, "codika-link")

    @cached_property
    def cancel(self) -> widgets.Button:
        """Stops waiting for an answer, or ends the form."""
        return self._parts.button("Cancel", self._cancel, "codika-link")

    def _field(
        self,
        label: str,
        example: str,
        on_enter: Callable[[], None],
        *classes: str,
        kind: type[LineField] = LineField,
        value: str = "",
    ) -> LineField:
        return self._parts.make(
            kind, *classes, description=label, placeholder=example, value=value, on_enter=on_enter
        )

    def _made(self, *names: str) -> list[Any]:
        """Those of these that have been made."""
        return [vars(self)[name] for name in names if name in vars(self)]

    def _typed(self, name: str) -> str:
        """What has been typed there; nothing where the field has not been made."""
        return next((field.value for field in self._made(name)), "")

    # --- what is seen ------------------------------------------------------------------------------

    def _render(self) -> None:
        """Show the step that `SignIn` is in."""
        busy = bool(self._under_way)
        if not busy:
            self._forget_what_was_used()
        self._arrange()
        self._header.value = self._heading()
        self.message.value = self._notice(busy=busy)
        for control in self._made(*FIELDS_AND_BUTTONS):
            control.disabled = busy and control is not vars(self).get("cancel")
        self._render_submit()
        self._render_resend(busy)

    def _arrange(self) -> None:
        """Put the fields and buttons of this step in their places."""
        state = self.signin
        at_fault = state.notice.field if state.notice and state.notice.kind == "error" else None
        for name in FIELDS[state.step]:
            for field in self._made(name):
                (field.add_class if name == at_fault else field.remove_class)("codika-wrong")
        if state.step == "organization":
            self._list_organizations()
        if self._row.children != (buttons := self._buttons()):
            self._row.children, self._counted_to = buttons, None
        self._see(self._fields())

    def _fields(self) -> tuple[widgets.Widget, ...]:
        """All that is seen in this step."""
        step = self.signin.step
        fields = [getattr(self, name) for name in FIELDS[step] if self._is_there(name)]
        if step == "organization" and not self._is_there("filter"):
            self._sentence.value = "Which organization?"
            fields.insert(0, self._sentence)
        return (self._header, *fields, self._row)

    def _buttons(self) -> tuple[widgets.Widget, ...]:
        return tuple(getattr(self, name) for name in BUTTONS[self.signin.step])

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

    def _heading(self) -> str:
        state = self.signin
        title = "Create your account" if state.purpose == "signup" else "Sign in"
        title = {"done": "Signed in", "organization": "Which organization?"}.get(state.step, title)
        # Once it is done, where that is is said of the profile.
        elsewhere = state.base_url != PRODUCTION and state.step != "done"
        where = f"<small>at {html.escape(state.base_url)}</small>" if elsewhere else ""
        sent = f"<p>{on_its_way}</p>" if (on_its_way := self._on_its_way()) else ""
        name = f'<div class="title" role="heading" aria-level="2">Codika <span>{title}</span></div>'
        return f"{self._countdown}{self._ids}{name}{where}{sent}"

    def _on_its_way(self) -> str:
        """What is said of the code that has been sent, as HTML."""
        state = self.signin
        if state.step != "code" or not state.valid_until:
            return ""
        minutes = round(state.sent.expires_in_seconds / 60) if state.sent else 10
        sent = f"A code is on its way to <b>{html.escape(state.email)}</b>, valid for {minutes} minutes."
        if page := inbox_page(state.base_url):
            link = f'<a href="{html.escape(page)}" target="_blank" rel="noopener">inbox</a>'
            sent += f" A sandbox’s mail is in its {link}."
        return sent

    def _notice(self, *, busy: bool) -> str:
        state = self.signin
        if busy:
            return said("Waiting for the answer…", "info", passing=True)
        if state.step == "done" and state.profile:
            # The title has the first words already.
            who = signed_in(state.profile)["text/plain"].removeprefix("Signed in: ")
            return f"<p>{html.escape(who)}</p>"
        # Which organization it is, the title asks.
        if state.notice and state.notice.code != "MULTIPLE_ORGANIZATIONS":
            return said(state.notice.text, state.notice.kind)
        # What is seen at the top is heard where all is said, and is no second link to go to by keyboard.
        return f'<p class="codika-heard">{re.sub("</?a[^>]*>", "", self._on_its_way())}</p>'

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
        found = self.signin.matching(self._typed("filter"))
        # To ipywidgets two of one name are one: what nobody sees tells them apart.
        names = Counter[str]()
        choices = []
        for each in found:
            name = plain(each.name)
            choices.append((f"{name}{WORD_JOINER * names[name]}", each.id))
            names[name] += 1
        if choices != list(self.organization.options):
            chosen = self.organization.value
            ids = [each for _, each in choices]
            with self.organization.hold_sync():
                self.organization.options = choices
                # Nobody but the person chooses.
                self.organization.index = ids.index(chosen) if chosen in ids else None
            self._ids = f"<style>{''.join(map(self._id_style, range(1, len(ids) + 1), ids))}</style>"
            self._header.value = self._heading()
        self._render_submit()

    def _id_style(self, row: int, organization_id: str) -> str:
        return f".{self._list} label:nth-child({row})::after {{ content: {css_text(organization_id)} }}"


def _countdown(seconds: float) -> str:
    """The style that counts down from here on."""
    name = f"codika-down-{uuid4().hex[:8]}"
    return (
        f"<style>@keyframes {name} {{ to {{ --codika-seconds: 0 }} }} "
        f".codika-signin .codika-counting::after {{ --codika-seconds: {math.ceil(seconds)}; "
        f"animation: {name} {seconds:.1f}s linear forwards }}</style>"
    )
