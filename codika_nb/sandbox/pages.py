"""The pages for people: what the sandbox is, and its inbox."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from codika_nb import __version__

from .encryption import EncryptionKey
from .engine import StandIns
from .mail import Mail, Mailbox
from .wire import Refusal, iso

__all__ = ["Pages"]

_STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --card: #fff; --ink: #1d1d22; --faint: #6a6a76;
        --line: #e4e2dd; --accent: #4b3fd6; --code: #f2f0ec; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #141418; --card: #1d1d23; --ink: #ececf1; --faint: #9a9aa8; --line: #2e2e37;
          --accent: #a79fff; --code: #26262e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 3rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; } a { color: var(--accent); }
.faint { color: var(--faint); font-size: .9rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
        padding: 1.1rem 1.25rem; margin: 1rem 0; }
.row { display: flex; gap: .75rem; align-items: center; flex-wrap: wrap; }
.row > :first-child { flex: 1; }
.digits { font: 600 2.1rem/1.2 ui-monospace, "SF Mono", Menlo, Consolas, monospace; letter-spacing: .18em; }
pre { background: var(--code); border-radius: 8px; padding: .8rem 1rem; margin: 0; overflow-x: auto;
      font: .9rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
button { font: inherit; font-size: .9rem; color: var(--accent); background: transparent; cursor: pointer;
         border: 1px solid var(--line); border-radius: 8px; padding: .35rem .8rem; }
button:hover, button:focus-visible { border-color: var(--accent); }
ul { margin: .25rem 0; padding-left: 1.2rem; }
"""

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
            return _json({"name": "codika sandbox", "version": __version__, "url": self._url})
        cell = f"%load_ext codika_nb\n%codika_signup --base-url {self._url}"
        answered = sorted(self._stand_ins.by_workflow)
        inbox = (
            '<a href="/inbox">Open the inbox</a>: codes sent by mail arrive there.'
            if self._inbox_token is None
            else "The inbox is at the address printed when the sandbox started."
        )
        stand_ins = (
            "<ul>" + "".join(f"<li><code>{escape(name)}</code></li>" for name in answered) + "</ul>"
            if answered
            else '<p class="faint">None yet: every workflow is answered with an echo of its payload.</p>'
        )
        return _page(
            "Codika sandbox",
            f"""<h1>Codika sandbox</h1>
<p class="faint">A local platform with the same HTTP API.
Version {escape(__version__)}; {escape(self._keeps)}.</p>
<h2>Base URL</h2>
<div class="card row"><code>{escape(self._url)}</code>
<button type="button" data-copy="{escape(self._url)}">Copy</button></div>
<h2>Connect a notebook</h2>
<div class="card row"><pre>{escape(cell)}</pre>
<button type="button" data-copy="{escape(cell)}">Copy</button></div>
<h2>Mail</h2><div class="card"><p>{inbox}</p></div>
<h2>Workflows with a stand-in</h2><div class="card">{stand_ins}</div>""",
            _COPY,
        )

    def _inbox(self, request: Request) -> Response:
        given = request.query_params.get("token", "")
        if self._inbox_token is not None and not hmac.compare_digest(
            given.encode("utf-8", "replace"), self._inbox_token.encode()
        ):
            raise Refusal(
                403, "FORBIDDEN", "The inbox opens with the address printed when the sandbox started only."
            )
        email = request.query_params.get("email")
        mails = list(self._mailbox.mails) if email is None else self._mailbox.to(email)
        if _wants_json(request):
            return _json([_mail_view(mail) for mail in mails])
        state = f"{len(mails)} {iso(mails[0].sent_at.timestamp()) if mails else ''}"
        cards = "".join(_mail_card(mail) for mail in mails) or (
            '<div class="card"><p>No mail yet.</p><p class="faint">A code appears here as soon as a sign-in '
            "asks for one. The page looks for new mail by itself.</p></div>"
        )
        return _page(
            "Inbox · Codika sandbox",
            f'<h1>Inbox</h1><p class="faint">Every mail of this sandbox, newest first. '
            f'<a href="/">About the sandbox</a></p><div aria-live="polite">{cards}</div>',
            _COPY + _REFRESH,
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
    sent = escape(mail.sent_at.strftime("%H:%M:%S UTC"))
    code = escape(mail.code)
    return f"""<article class="card">
<p><strong>{escape(mail.subject)}</strong></p><p class="faint">to {escape(mail.to)}, {sent}</p>
<div class="row"><span class="digits">{code}</span>
<button type="button" data-copy="{code}" aria-label="Copy the code {code}">Copy</button></div>
<p class="faint">{escape(mail.text.partition(". ")[2]).strip()}</p></article>"""


def _json(content: Any) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), media_type="application/json")


def _page(title: str, body: str, script: str, state: str = "") -> Response:
    nonce = secrets.token_urlsafe(16)
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style nonce="{nonce}">{_STYLE}</style></head>
<body data-state="{escape(state)}"><main>{body}</main><script nonce="{nonce}">{script}</script></body></html>
"""
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        # Notebooks on this machine may show the page in a cell.
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
    )
    return Response(
        html,
        media_type="text/html",
        headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"},
    )
