"""What a cell shows about accounts, deployments and runs."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..display.design import output
from ..display.markup import Bundle, after, card, folded, line
from ..display.table import cell, html_table, text_table
from ..display.text import plain
from ..in_process import is_inside

if TYPE_CHECKING:
    from ..models import Identity, Redeployment
    from ..models.answer import Table
    from ..profiles import Profile
    from ..usecases.rules.findings import Findings
    from ..usecases.usecase import UseCase


def signed_in(profile: Profile, note: str = "") -> Bundle:
    """The one sentence that stays: who, which profile, which key; and what else has to be said."""
    where = f" at {profile.host}" if profile.base_url else ""
    name = f"profile {profile.name}" if profile.name else "for this kernel only"
    text = f"Signed in: {who(profile)}, {name}, key {profile.masked_key.rstrip('.')}…{where}"
    text = f"{text}. {note}" if note else text
    return line(text, good=True)


def deploying(title: str, what: str) -> Bundle:
    """A deployment that is under way."""
    return card(f"{title} is being deployed", [("Now", what)])


def maybe_deployed(title: str) -> Bundle:
    """A deployment of which nobody has heard how it went."""
    return card(f"It is not known whether {title} was deployed", [])


def not_recorded(title: str) -> Bundle:
    """A deployment that the folder knows nothing of; why follows as an error."""
    return card(f"{title} was deployed, but that could not be written down", [], good=False)


def not_deployed(title: str, findings: Findings | None = None) -> Bundle:
    """A deployment that came to nothing; why follows as an error, or is what a check has found."""
    return card(f"{title} was not deployed", [], good=False, **_findings(findings))


def redeployment(redeployed: Redeployment, title: str) -> Bundle:
    """The outcome of deploying a version once more."""
    good = redeployed.deployment_status != "failed"
    rows = [("Workflows", f"{len(redeployed.n8n_workflow_ids)} in the engine")]
    return card(f"{title} {'runs again' if good else 'could not be deployed again'}", rows, good=good)


def plan(use_case: UseCase, rows: Iterable[tuple[str, str]], findings: Findings) -> Bundle:
    """What a deployment would send, and whether it would run."""
    title, good = use_case.configuration.title, not findings.must
    text = f"{title} can be deployed" if good else f"{title} would not run"
    return card(text, rows, good=good, **_findings(findings))


def lone_workflow(name: str, findings: Findings) -> Bundle:
    """What a check has found in a workflow that is no use case."""
    good = not findings.must
    title = f"{name} can be a workflow of a use case" if good else f"{name} would not run as it is"
    rows = [("Checked", "by the rules that are about workflows alone")]
    return card(title, rows, good=good, **_findings(findings))


def _findings(findings: Findings | None) -> dict[str, Any]:
    if not findings:
        return {}
    return {"text": repr(findings), "rich": findings.markup(), "wide": True}


def imported(use_case: UseCase, rows: Iterable[tuple[str, str]], good: bool) -> Bundle:
    """What an import has made, what it leaves to a person, and what it has done."""
    title = f"{use_case.configuration.title} was imported"
    report = use_case.imported
    if not report:
        return card(title, rows, good=good)
    decide, done = report.decide, report.done
    parts = [("To decide", decide), ("Done", done)]
    return card(
        title,
        rows,
        good=good,
        text="\n".join(f"{name}:\n{part!r}" for name, part in parts if part),
        rich="".join(
            folded(f"{name} ({len(part)})", part.markup(), is_open=part is decide)
            for name, part in parts
            if part
        ),
        wide=True,
    )


def waiting(workflow: str, execution_id: str, seconds: float) -> Bundle:
    """A run that is being waited for."""
    return card(f"{workflow} is running", [("Run", execution_id), ("For", f"{seconds:.0f} s")])


def identity(known: Identity) -> Bundle:
    """Who is signed in, with what, where, and which source that came from."""
    rows = [
        (
            "Organization",
            f"{plain(known.organization)}  ({known.organization_id})" if known.organization else "",
        ),
        ("Server", known.server),
        ("Key", ", ".join(plain(part) for part in (known.key, known.key_name, known.kind) if part)),
        ("Expires", known.expires_at or ("" if known.note else "never")),
        ("Scopes", ", ".join(known.scopes)),
        ("From", known.source),
        ("Hides", ", ".join(known.hides)),
        ("Note", known.note or ""),
    ]
    return card("Signed in", rows, good=True)


def sandbox(running: Any, *, runs: str = "") -> Bundle:
    """Where the sandbox is, where its mail arrives, and who runs workflows if that is worth a word."""
    if is_inside(running.url):  # where no browser gets to
        return line(f"The sandbox is here, at {running.url}; sandbox.inbox in a cell shows its mail.")
    runs = f" Workflows run in {plain(runs)}." if runs else ""
    text = f"Sandbox at {running.url}; its mail arrives at {running.inbox_url}{runs and '.'}{runs}"
    link = f'<a href="{html.escape(running.inbox_url)}" target="_blank" rel="noopener">inbox</a>'
    rich = f"Sandbox at <code>{html.escape(running.url)}</code>; its mail arrives in the {link} (<code>sandbox.inbox</code>).{html.escape(runs)}"
    return {"text/plain": text, "text/html": output(f'<p class="codika-notice">{rich}</p>')}


def profiles(listed: Sequence[Profile], used: Profile | None) -> Bundle:
    """The saved profiles: who each is, where, and until when; and how to take another."""
    if not listed:
        return line("No profile is saved on this machine: %codika_signup or %codika_login makes one.")
    headings = ["", "Profile", "Organization", "Server", "Key", "Until"]
    rows = [
        [
            "in use" if used and used.name == each.name else "",
            cell(each.name),
            cell(each.organization_name or each.organization_id),
            cell(each.host),
            f"{each.api_key[:8]}…",
            cell(each.expires_at or "never"),
        ]
        for each in listed
    ]
    go_on = "Take another: %codika_use PROFILE"
    text = f"{text_table(headings, rows)}\n{go_on}"
    return {
        "text/plain": text,
        "text/html": output(html_table(headings, rows, label="Profiles") + after(go_on)),
    }


def listing(found: Table[Any], go_on: str) -> Bundle:
    """A list of the platform's, and how to go on with one of its rows."""
    if not found:
        return {"text/plain": repr(found), "text/html": found._repr_html_()}
    return {
        "text/plain": f"{found!r}\n{go_on}",
        "text/html": output(found.markup() + after(go_on)),
    }


def who(profile: Profile) -> str:
    """The organization's name, fit to stand in a sentence."""
    return plain(profile.organization_name or profile.organization_id)
