"""The pages for people: what the sandbox is, and its inbox."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from ... import __version__
from ..mail import Mail, Mailbox
from ..rules.encryption import EncryptionKey
from ..stand_ins import StandIns
from ..wire import Refusal, iso

__all__ = ["Pages"]

_STYLE = """
:root { color-scheme: light dark; --paper: #f7f6f3; --card: #fff; --ink: #1d1d22; --faint: #63636e;
        --line: #e2e0da; --accent: #4b3fd6; --tint: #eeecfb; --code: #f4f2ee; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #131317; --card: #1c1c22; --ink: #ececf1; --faint: #a0a0ad; --line: #30303a;
          --accent: #aaa2ff; --tint: #29274a; --code: #25252d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main, .bar { max-width: 44rem; margin: 0 auto; padding: 0 1.25rem; }
main { padding-top: 1.75rem; padding-bottom: 4rem; }
header { background: var(--card); border-bottom: 1px solid var(--line); }
.bar { display: flex; align-items: center; gap: .35rem; min-height: 3.5rem; }
.bar svg { width: 1.5rem; height: 1.5rem; margin-right: .35rem; }
.bar strong { margin-right: auto; letter-spacing: -.01em; }
.bar a { color: var(--faint); text-decoration: none; border-radius: 8px; padding: .3rem .7rem;
         font-size: .95rem; }
.bar a:hover { color: var(--ink); } .bar a[aria-current] { color: var(--accent); background: var(--tint); }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; letter-spacing: -.015em; line-height: 1.3; }
h2 { font-size: .8rem; margin: 0 0 .6rem; color: var(--faint); font-weight: 600; }
footer { margin-top: 1.25rem; } p { margin: .25rem 0; } a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.faint { color: var(--faint); font-size: .92rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
        padding: 1.1rem 1.25rem; margin: 1rem 0 0; }
.row { display: flex; gap: .5rem .75rem; align-items: center; flex-wrap: wrap;
       justify-content: space-between; }
.meta { display: flex; gap: 0 .75rem; flex-wrap: wrap; justify-content: space-between; }
.digits { font: 600 2.1rem/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; letter-spacing: .18em; }
code, pre { font: .92rem/1.55 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
pre { background: var(--code); border-radius: 8px; padding: .75rem 1rem; margin: 0; flex: 1 1 24rem;
      white-space: pre-wrap; }
button { font: inherit; font-size: .9rem; color: var(--accent); background: transparent; cursor: pointer;
         border: 1px solid var(--line); border-radius: 8px; padding: .35rem .9rem; }
button:hover { border-color: var(--accent); background: var(--tint); }
ul { margin: 0; padding: 0; list-style: none; display: flex; gap: .5rem; flex-wrap: wrap; }
li { background: var(--code); border-radius: 8px; padding: .15rem .65rem; }
"""

_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" aria-hidden="true">'
    '<rect width="24" height="24" rx="6" fill="#4b3fd6"/>'
    '<path d="M9.5 7 5 12l4.5 5M14.5 7 19 12l-4.5 5" fill="none" stroke="#fff" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round"/></svg>'
)

_COPY = """
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    const label = button.textContent;
    try { await navigator.clipboard.writeText(button.dataset.copy); button.textContent = "Copied"; }
    catch { button.textContent = button.dataset.copy; }
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}
"""

_LOCAL_TIME = """
for (const time of document.querySelectorAll("time")) {
  time.textContent = new Date(time.dateTime).toLocaleTimeString();
}
"""

# The page is loaded anew only when there is something new to see, so that a selection survives.
_REFRESH = """
const shown = document.body.dataset.state;
setInterval(async () => {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "application/json" } });
    const mails = await answer.json();
    const state = mails.length + " " + (mails.length ? mails[0].sentAt : "");
    if (answer.ok && state !== shown) location.reload();
  } catch { /* The sandbox is down; the page stays as it is. */ }
}, 2000);
"""


class Pages:
    """The start page and the inbox, which answer in JSON to whoever asks for it, and the public key."""

    def __init__(
        self,
        *,
        url: str,
        mailbox: Mailbox,
        stand_ins: StandIns,
        key: EncryptionKey,
        inbox_token: str | None,
        keeps: str,
    ) -> None:
        self._url = url
        self._mailbox = mailbox
        self._stand_ins = stand_ins
        self._key = key
        self._inbox_token = inbox_token
        self._keeps = keeps

    def find(self, segments: list[str]) -> Callable[[Request], Response] | None:
        """The page at a path."""
        pages = {"": self._start, "inbox": self._inbox, "encryption/public.pem": self._public_key}
        return pages.get("/".join(segments))

    def _public_key(self, _request: Request) -> Response:
        if not self._key.available:
            raise Refusal(
                404,
                "NOT_FOUND",
                "The sandbox has no encryption key: the package cryptography is not installed.",
            )
        return Response(self._key.public_pem(), media_type="application/x-pem-file")

    def _start(self, request: Request) -> Response:
        if _wants_json(request):
            answered = sorted(self._stand_ins.by_workflow)
            about = {"name": "codika sandbox", "version": __version__, "url": self._url}
            return _json({**about, "standIns": answered})
        trusted = "" if self._inbox_token is None else "%env CODIKA_ALLOW_HTTP=1\n"
        cell = f"%load_ext codika_nb\n{trusted}%codika_signup --base-url {self._url}"
        answered = sorted(self._stand_ins.by_workflow)
        inbox = (
            'Sign-in codes arrive in the <a href="inbox">inbox</a>.'
            if self._inbox_token is None
            else "Sign-in codes arrive in the inbox. Others can reach this server, so the inbox opens only "
            "with the token in the address that was printed when the sandbox started."
        )
        stand_ins = (
            "<ul>" + "".join(f"<li><code>{escape(name)}</code></li>" for name in answered) + "</ul>"
            if answered
            else '<p class="faint">None yet: every workflow is answered with an echo of its payload.</p>'
        )
        return _page(
            "About",
            f"""<h1>A local Codika is running</h1>
<p class="faint">It answers the same HTTP API as the platform and {escape(self._keeps)}.</p>
<section class="card"><h2>Connect a notebook</h2>
<div class="row"><pre>{escape(cell)}</pre>
<button type="button" data-copy="{escape(cell)}">Copy cell</button></div></section>
<section class="card"><h2>Base URL</h2><div class="row"><code>{escape(self._url)}</code>
<button type="button" data-copy="{escape(self._url)}">Copy</button></div></section>
<section class="card"><h2>Mail</h2><p>{inbox}</p></section>
<section class="card"><h2>Workflows answered by a Python function</h2>{stand_ins}</section>
<footer class="faint">codika_nb {escape(__version__)}</footer>""",
            _COPY,
        )

    def _inbox(self, request: Request) -> Response:
        given = request.query_params.get("token", "")
        if self._inbox_token is not None and not hmac.compare_digest(
            given.encode("utf-8", "replace"), self._inbox_token.encode()
        ):
            refusal = Refusal(
                403, "FORBIDDEN", "The inbox opens only with the address printed when the sandbox started."
            )
            if "text/html" not in request.headers.get("accept", ""):
                raise refusal
            return _page(
                "Inbox",
                f'<h1>Inbox</h1><section class="card"><p>{escape(refusal.message)}</p><p class="faint">'
                "Others can reach this server: the token in that address keeps the codes from them."
                "</p></section>",
                status=refusal.status,
            )
        email = request.query_params.get("email")
        mails = list(self._mailbox.mails if email is None else self._mailbox.to(email))
        if _wants_json(request):
            return _json([_mail_view(mail) for mail in mails])
        state = f"{len(mails)} {iso(mails[0].sent_at.timestamp()) if mails else ''}"
        cards = "".join(_mail_card(mail) for mail in mails) or (
            '<section class="card"><p>No mail yet.</p><p class="faint">A code appears here as soon as a '
            "sign-in asks for one; there is no need to load the page again.</p></section>"
        )
        return _page(
            "Inbox",
            f'<h1>Inbox</h1><p class="faint">Mail that this sandbox has sent, newest first.</p>'
            f'<div aria-live="polite">{cards}</div>',
            _COPY + _LOCAL_TIME + _REFRESH,
            state,
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


def _mail_card(mail: Mail) -> str:
    sent = escape(iso(mail.sent_at.timestamp()) or "")
    code = escape(mail.code)
    return f"""<article class="card">
<div class="row"><span class="digits">{code}</span>
<button type="button" data-copy="{code}" aria-label="Copy the code {code}">Copy code</button></div>
<p><strong>{escape(mail.subject)}</strong></p>
<div class="meta faint"><span>{escape(mail.to)}</span>
<time datetime="{sent}">{escape(f"{mail.sent_at:%H:%M:%S} UTC")}</time></div></article>"""


def _json(content: Any) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), media_type="application/json")


def _page(name: str, body: str, script: str = "", state: str = "", status: int = 200) -> Response:
    nonce = secrets.token_urlsafe(16)
    links = "".join(
        # The way to the page itself keeps its query, and so the inbox's token.
        f'<a href="" aria-current="page">{other}</a>' if other == name else f'<a href="{path}">{other}</a>'
        for path, other in ((".", "About"), ("inbox", "Inbox"))
    )
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:image/svg+xml,{quote(_MARK)}">
<title>{name} · Codika sandbox</title><style nonce="{nonce}">{_STYLE}</style></head>
<body data-state="{escape(state)}">
<header><nav class="bar">{_MARK}<strong>Codika sandbox</strong>{links}</nav></header>
<main>{body}</main><script nonce="{nonce}">{script}</script></body></html>
"""
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; "
        # Notebooks on this machine may show the page in a cell.
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
    )
    return Response(
        html,
        status,
        media_type="text/html",
        headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"},
    )
