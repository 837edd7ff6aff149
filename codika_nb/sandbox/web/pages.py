"""The pages for people: what the sandbox is, its inbox, and what a class does with it."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from ... import __version__
from ...display.text import moment_text
from ..mail import Mail
from ..rules.platform import Platform
from ..stand_ins import StandIns
from ..wire import Refusal, iso
from .layout import copy_button, page

__all__ = ["Pages"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Pages:
    """The pages, which answer in JSON to whoever asks for it, and the public key."""

    platform: Platform
    url: str
    stand_ins: StandIns
    inbox_token: str | None
    keeps: str

    def find(self, segments: list[str]) -> Callable[[Request], Response] | None:
        """The page at a path."""
        pages = {
            "": self._start,
            "inbox": self._inbox,
            "class": self._class,
            "encryption/public.pem": self._public_key,
        }
        return pages.get("/".join(segments))

    def _links(self, request: Request) -> list[tuple[str, str]]:
        """The pages that open for who asks; what needs the token has it."""
        token = f"?token={quote(self.inbox_token)}" if self.inbox_token else ""
        start = (f".{token}" if self._is_known(request) else ".", "About")
        inner = [(f"inbox{token}", "Inbox"), (f"class{token}", "Class")]
        return [start, *inner] if self._is_known(request) else [start]

    def _is_known(self, request: Request) -> bool:
        given = request.query_params.get("token", "")
        return self.inbox_token is None or hmac.compare_digest(
            given.encode("utf-8", "replace"), self.inbox_token.encode()
        )

    def _public_key(self, _request: Request) -> Response:
        key = self.platform.integrations.key
        if not key.available:
            raise Refusal(
                "NOT_FOUND", "The sandbox has no encryption key: the package cryptography is not installed."
            )
        return Response(key.public_pem(), media_type="application/x-pem-file")

    def _start(self, request: Request) -> Response:
        answered = sorted(self.stand_ins.by_workflow)
        if _wants_json(request):
            about: dict[str, Any] = {"name": "codika sandbox", "version": __version__, "url": self.url}
            if instance := request.query_params.get("instance"):
                functions = {each: self.stand_ins.answering(each, instance) for each in answered}
                answered = [name for name, function in functions.items() if function]
                about["files"] = {
                    name: self.stand_ins.file_of(function) for name, function in functions.items() if function
                }
                about["echoes"] = self.platform.executions.engine.echoes
                about["problem"] = self.stand_ins.problem_of(instance)
            return _json({**about, "standIns": answered})
        trusted = "" if self.inbox_token is None else "%env CODIKA_ALLOW_HTTP=1\n"
        cell = f"%load_ext codika_nb\n{trusted}%codika_signup --base-url {self.url}"
        inbox = (
            f'Sign-in codes arrive in the <a href="{self._links(request)[1][0]}">inbox</a>.'
            if self._is_known(request)
            else "Sign-in codes arrive in the inbox. Others can reach this server, so the inbox opens only "
            "with the token in the address that was printed when the sandbox started."
        )
        stand_ins = (
            "<ul>" + "".join(f"<li><code>{escape(name)}</code></li>" for name in answered) + "</ul>"
            if answered
            else '<p class="faint">None yet: every workflow is answered with an echo of its payload.</p>'
        )
        return page(
            "About",
            f"""<h1>A local Codika is running</h1>
<p class="faint">It answers the same HTTP API as the platform and {escape(self.keeps)}.</p>
<section class="card"><h2>Connect a notebook</h2>
<div class="row"><pre>{escape(cell)}</pre>
{copy_button(cell, "Copy cell")}</div></section>
<section class="card"><h2>Base URL</h2><div class="row"><code>{escape(self.url)}</code>
{copy_button(self.url, "Copy", "the base URL")}</div></section>
<section class="card"><h2>Mail</h2><p>{inbox}</p></section>
<section class="card"><h2>Workflows answered by a Python function</h2>{stand_ins}</section>
<footer class="faint">codika_nb {escape(__version__)}</footer>""",
            links=self._links(request),
        )

    def _refused(self, request: Request) -> Response | None:
        """What is said to whoever does not know the token; None to who does."""
        if self._is_known(request):
            return None
        refusal = Refusal(
            "FORBIDDEN", "This page opens only with the address printed when the sandbox started."
        )
        if "text/html" not in request.headers.get("accept", ""):
            raise refusal
        return page(
            "Inbox",
            f'<h1>Not for everybody</h1><section class="card"><p>{escape(refusal.message)}</p>'
            '<p class="faint">Others can reach this server: the token in that address keeps codes from them.'
            "</p></section>",
            links=self._links(request),
            status=refusal.status,
        )

    def _inbox(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        email = request.query_params.get("email")
        codes = self.platform.codes
        # A plus is a blank in a query, and no address has one within.
        wanted = None if email is None else email.strip().replace(" ", "+")
        mails = list(codes.mailbox.mails if wanted is None else codes.mailbox.to(wanted))
        if _wants_json(request):
            return _json([_mail_view(mail) for mail in mails])
        cards = "".join(_mail_card(mail, codes.state_of(mail)) for mail in mails)
        return page(
            "Inbox",
            '<h1>Inbox</h1><p class="faint">Mail that this sandbox has sent, newest first. A code appears '
            "here as soon as a sign-in asks for one; there is no need to load the page again.</p>"
            f'{_FILTER.format(of="an address")}<div class="columns" data-live="mails">{cards}</div>',
            links=self._links(request),
            live=True,
        )

    def _class(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        seen = self.platform.classroom.seen()
        if _wants_json(request):
            return _json(seen)
        parts = "".join(
            f'<section class="card"><h2>{title}</h2>{_table(name, headings, seen[name])}</section>'
            for name, title, headings in _CLASS
        )
        return page(
            "Class",
            '<h1>Class</h1><p class="faint">Who is here, what they have deployed, and what ran last.</p>'
            f"{_FILTER.format(of='an organization, a use case or a state')}{parts}",
            links=self._links(request),
            live=True,
        )


_FILTER = (
    '<label for="filter" class="unseen">Filter by {of}</label>'
    '<input id="filter" type="search" placeholder="Filter by {of}" autocomplete="off">'
)
_CLASS: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "runs",
        "Latest runs",
        {
            "startedAt": "Started",
            "organization": "Organization",
            "useCase": "Use case",
            "workflow": "Workflow",
            "status": "Status",
            "milliseconds": "ms",
            "error": "Reason",
        },
    ),
    (
        "deployments",
        "Deployments",
        {
            "organization": "Organization",
            "useCase": "Use case",
            "version": "Version",
            "environment": "Environment",
            "status": "Status",
            "error": "Reason",
        },
    ),
    (
        "organizations",
        "Organizations",
        {"organization": "Organization", "members": "Members", "emails": "Who"},
    ),
)


def _table(name: str, headings: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> str:
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings.values())

    def cell(member: str, value: Any) -> str:
        if value is None:
            return "<td></td>"
        if member == "startedAt":
            told = f"{value[:10]} {value[11:19]} UTC"
            return f'<td><time datetime="{escape(value)}">{escape(told)}</time></td>'
        bad = ' class="bad"' if value == "failed" else ""
        return f"<td{bad}>{escape(str(value))}</td>"

    lines = "".join(
        f'<tr data-id="{escape(row["id"])}" data-state="{escape(json.dumps(row))}">'
        f"{''.join(cell(member, row[member]) for member in headings)}</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{name}"><table>'
        f'<thead><tr>{head}</tr></thead><tbody data-live="{name}">{lines}</tbody></table></div>'
    )


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def _mail_view(mail: Mail) -> dict[str, Any]:
    return {
        "to": mail.to,
        "subject": mail.subject,
        "sentAt": iso(mail.sent_at.timestamp()),
        "code": mail.code,
        "text": mail.text,
    }


def _mail_card(mail: Mail, state: str) -> str:
    sent = escape(iso(mail.sent_at.timestamp()) or "")
    code, to = escape(mail.code), escape(mail.to)
    good = state == "waiting"
    return f"""<article class="card{"" if good else " old"}" data-id="{sent} {to}" data-state="{state}"
data-says="New code for {to}"><h2><span class="to">{to}</span> {escape(mail.subject)}</h2>
<div class="row"><span class="digits">{code}</span>
{copy_button(mail.code, "Copy code", f"for {mail.to}") if good else ""}</div>
<div class="row"><span class="state{" good" if good else ""}">{state}</span>
<time class="faint" datetime="{sent}">{escape(moment_text(mail.sent_at))}</time></div>
</article>"""


def _json(content: Any) -> Response:
    # Half a character may come from a use case or a stand-in.
    written = json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(written, media_type="application/json")
