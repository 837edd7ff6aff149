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

_STYLE = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")

_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" aria-hidden="true">'
    '<rect width="24" height="24" rx="6" fill="#4b3fd6"/>'
    '<path d="M9.5 7 5 12l4.5 5M14.5 7 19 12l-4.5 5" fill="none" stroke="#fff" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round"/></svg>'
)

# Copies, and says so to those who do not see the button.
_COPY = """
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const label = button.dataset.label ??= button.textContent;
  try { await navigator.clipboard.writeText(button.dataset.copy); button.textContent = "Copied"; }
  catch { button.textContent = button.dataset.copy; }
  document.getElementById("said").textContent = button.textContent;
  setTimeout(() => { button.textContent = label; }, 1500);
});
"""

_LOCAL_TIME = """
function localTimes() {
  for (const time of document.querySelectorAll("time")) {
    const when = new Date(time.dateTime);
    const today = when.toDateString() === new Date().toDateString();
    time.textContent = today ? when.toLocaleTimeString() : when.toLocaleString();
    time.title = when.toLocaleString(undefined, { dateStyle: "full", timeStyle: "full" });
  }
}
localTimes();
"""

# What is new is put in beside what is there: the focus, a selection and the place on the page stay.
_LIVE = """
const title = document.title;
const filter = document.getElementById("filter");
let unseen = 0;
function narrow() {
  const wanted = filter ? filter.value.trim().toLowerCase() : "";
  for (const each of document.querySelectorAll("[data-id]")) {
    each.hidden = !each.textContent.toLowerCase().includes(wanted);
  }
}
function take(list, next) {
  const known = new Map([...list.children].map((each) => [each.dataset.id, each]));
  let before = null;
  let added = null;
  for (const fresh of next.children) {
    let here = known.get(fresh.dataset.id);
    known.delete(fresh.dataset.id);
    if (!here) { here = fresh.cloneNode(true); added ??= here; }
    else if (here.dataset.state !== fresh.dataset.state) {
      const twin = fresh.cloneNode(true);
      here.replaceWith(twin);
      here = twin;
    }
    const place = before ? before.nextSibling : list.firstChild;
    if (here !== place) list.insertBefore(here, place);
    before = here;
  }
  for (const gone of known.values()) gone.remove();
  return added;
}
if (filter) filter.addEventListener("input", narrow);
addEventListener("focus", () => { unseen = 0; document.title = title; });
setInterval(async () => {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const list of document.querySelectorAll("[data-live]")) {
      const added = take(list, page.querySelector(`[data-live="${list.dataset.live}"]`));
      if (added && added.dataset.says) {
        document.getElementById("said").textContent = added.dataset.says;
        if (!document.hasFocus()) document.title = `(${++unseen}) ${title}`;
      }
    }
    localTimes();
    narrow();
  } catch { /* The sandbox is down; the page stays as it is. */ }
}, 2000);
"""

_SCRIPTS = {"": _COPY, "live": _COPY + _LOCAL_TIME + _LIVE}


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
<script nonce="{nonce}">{_SCRIPTS["live" if live else ""]}</script></body></html>
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
