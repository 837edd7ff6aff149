"""What the pages for people have in common: their look, their frame, and how they stay up to date."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape
from importlib import resources
from urllib.parse import quote

from starlette.responses import Response

from ...display.design import sheet

__all__ = ["copy_button", "page"]

# The look of all pages, what their buttons do, and how some stay up to date.
_STYLE, _SCRIPT, _LIVE = (
    resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    for name in ("page.css", "page.js", "live.js")
)

_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" aria-hidden="true">'
    '<rect width="24" height="24" rx="6" fill="#4b3fd6"/>'
    '<path d="M9.5 7 5 12l4.5 5M14.5 7 19 12l-4.5 5" fill="none" stroke="#fff" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round"/></svg>'
)


def copy_button(text: str, label: str, what: str = "") -> str:
    """A button that copies a text; its name begins with the words that are seen."""
    named = f' aria-label="{escape(f"{label} {what}")}"' if what else ""
    return f'<button type="button" data-copy="{escape(text)}"{named}>{escape(label)}</button>'


def page(
    name: str,
    body: str,
    *,
    links: Sequence[tuple[str, str]],
    live: bool = False,
    status: int = 200,
) -> Response:
    """A whole page.

    Args:
        name: what it is called, also in `links`.
        body: what is on it.
        links: the addresses and names of all pages.
        live: whether it stays up to date (the children of each ``data-live``, by their ``data-id``), and
            may fill a projector.
        status: of the answer.
    """
    nonce = secrets.token_urlsafe(16)
    way = "".join(
        # The way to the page itself keeps its query, and so the token.
        f'<a href="" aria-current="page">{other}</a>' if other == name else f'<a href="{path}">{other}</a>'
        for path, other in links
    )
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:image/svg+xml,{quote(_MARK)}">
<title>{name} · Codika sandbox</title><style nonce="{nonce}">{sheet("")}{_STYLE}</style></head>
<body class="codika codika-page{" wide" if live else ""}">
<header><nav class="bar">{_MARK}<strong>Codika sandbox</strong>{way}</nav></header>
<main>{body}</main><p id="said" role="status" class="unseen"></p>
<script nonce="{nonce}">{_SCRIPT}{_LIVE if live else ""}</script></body></html>
"""
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; "
        # Notebooks on this machine may show the page in a cell.
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
    )
    return Response(
        html.encode("utf-8", "replace"),
        status,
        media_type="text/html",
        headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"},
    )
