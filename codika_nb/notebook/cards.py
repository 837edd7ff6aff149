"""What a cell shows about accounts, deployments and runs."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..display.design import output
from ..display.markup import Bundle, Shown, after, card, code, folded, line
from ..display.place import next_step
from ..display.table import cell, html_table, text_table
from ..display.text import moment_text, plain
from ..in_process import is_inside
from ..profiles import ProfileStore
from ..profiles.profile import instant

if TYPE_CHECKING:
    from ..models import Identity
    from ..models.answer import Table
    from ..profiles import Profile
    from ..profiles.credential import Credential


def signed_in(profile: Profile, *notes: str) -> Bundle:
    """The one sentence that stays: who, which profile, which key; and what else has to be said."""
    where = f" at {profile.host}" if profile.base_url else ""
    name = f"profile {profile.name}" if profile.name else "for this kernel only"
    text = f"Signed in: {who(profile)}, {name}, key {profile.masked_key}{where}"
    if note := " ".join(filter(None, notes)):
        text = f"{text}{'' if text.endswith('.') else '.'} {note}"
    return line(text, good=True)


def account(credential: Credential) -> str:
    """Whose key it is, where that is known; else where the key is from."""
    profile = credential.profile
    if profile is None:
        return f"the key from {credential.source}"
    return f"{who(profile)}, profile {profile.name}" if profile.name else who(profile)


def waiting(workflow: str, execution_id: str, seconds: float) -> Bundle:
    """A run that is being waited for."""
    return card(f"{workflow} is running", [("Run", execution_id), ("For", f"{seconds:.0f} s")])


def identity(known: Identity) -> Bundle:
    """Who is signed in, with what, where, and which source that came from."""
    scopes = ", ".join(map(plain, known.scopes))
    count = f"{len(known.scopes)} scope{'' if len(known.scopes) == 1 else 's'}"
    chips = "<br>".join(code(scope).markup for scope in known.scopes)
    rows = [
        ("Organization", plain(known.organization) if known.organization else ""),
        ("Its id", code(known.organization_id) if known.organization_id else ""),
        ("Server", code(known.server)),
        ("Key", code(known.key) if known.key else ""),
        ("Its name", plain(known.key_name) if known.key_name else ""),
        ("Its kind", known.kind),
        ("Expires", _moment(known.expires_at, "never" if known.kind.endswith("api-key") else "")),
        ("Scopes", Shown(scopes, folded(count, chips)) if known.scopes else ""),
        ("Found in", known.source),
        ("In place of", ", ".join(known.hides)),
        ("Note", known.note or ""),
    ]
    return card("Signed in", rows, good=True)


def sandbox(running: Any, *, runs: str = "", earlier: str = "") -> Bundle:
    """Where the sandbox is, where its mail arrives, and who runs workflows if that is worth a word.

    `earlier` is where it was before, if that was elsewhere.
    """
    if is_inside(running.url):  # where no browser gets to
        return line(f"The sandbox is here, at {running.url}; sandbox.inbox in a cell shows its mail.")
    runs = f" Workflows run in {plain(runs)}." if runs else ""
    runs += f" {next_step('moved', earlier=plain(earlier))}" if earlier else ""
    text = f"Sandbox at {running.url}; its mail arrives at {running.inbox_url}{runs and '.'}{runs}"
    link = f'<a href="{html.escape(running.inbox_url)}" target="_blank" rel="noopener">inbox</a>'
    rich = f"Sandbox at <code>{html.escape(running.url)}</code>; its mail arrives in the {link} (<code>sandbox.inbox</code>).{html.escape(runs)}"
    return {"text/plain": text, "text/html": output(f'<p class="codika-notice">{rich}</p>')}


def profiles(listed: Sequence[Profile], used: Profile | None, active: str | None = None) -> Bundle:
    """The saved profiles: who each is, where, and until when; and how to take another.

    The active one, with which other programs begin, is marked where it is another one than that in use.
    """
    if not listed:
        return line("No profile is saved on this machine: %codika_signup or %codika_login makes one.")
    headings = ["", "Profile", "Organization", "Server", "Key", "Made", "Until"]
    rows = [
        [
            "in use" if used and used.name == each.name else "active" if each.name == active else "",
            cell(each.name),
            cell(each.organization_name or each.organization_id),
            cell(each.host),
            each.masked_key,
            _moment(each.created_at, ""),
            _moment(each.expires_at, "never"),
        ]
        for each in listed
    ]
    go_on = "Take another: %codika_use PROFILE; with --save it is the active one, with which other programs begin."
    return _going_on(text_table(headings, rows), html_table(headings, rows, label="Profiles"), go_on)


def _moment(written: str | None, otherwise: str) -> str:
    """What the config file says of a time: as everywhere, or as it is written where it cannot be read."""
    when = instant(written)
    return moment_text(when) if when else cell(written or otherwise)


def listing(found: Table[Any], go_on: str) -> Bundle:
    """A list of the platform's, and how to go on with one of its rows."""
    if not found:
        return {"text/plain": repr(found), "text/html": found._repr_html_()}
    return _going_on(repr(found), found.markup(), go_on)


def _going_on(text: str, markup: str, go_on: str) -> Bundle:
    return {"text/plain": f"{text}\n{go_on}", "text/html": output(markup + after(go_on))}


def told_apart(profile: Profile) -> str:
    """The same, and the profile where another one has an organization of that name."""
    of_the_name = [each for each in ProfileStore().list() if who(each) == who(profile)]
    return f"{who(profile)}, profile {profile.name}" if len(of_the_name) > 1 else who(profile)


def who(profile: Profile) -> str:
    """The organization's name, fit to stand in a sentence."""
    return plain(profile.organization_name or profile.organization_id)
