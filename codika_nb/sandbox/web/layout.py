"""What the pages for people have in common: their look, their frame, and how they stay up to date."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from starlette.responses import Response

__all__ = ["copy_button", "page"]

_STYLE = """
:root { color-scheme: light dark; --paper: #f7f6f3; --card: #fff; --ink: #1d1d22; --faint: #63636e;
        --line: #e2e0da; --accent: #4b3fd6; --tint: #eeecfb; --code: #f4f2ee; --bad: #a3231f; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #131317; --card: #1c1c22; --ink: #ececf1; --faint: #a0a0ad; --line: #30303a;
          --accent: #aaa2ff; --tint: #29274a; --code: #25252d; --bad: #ff9d94; } }
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
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.faint { color: var(--faint); font-size: .92rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
        padding: 1.1rem 1.25rem; margin: 1rem 0 0; }
.row { display: flex; gap: .5rem .75rem; align-items: center; flex-wrap: wrap;
       justify-content: space-between; }
.meta { display: flex; gap: 0 .75rem; flex-wrap: wrap; justify-content: space-between; }
.wide main, .wide .bar { max-width: 76rem; }
.state { font-size: .85rem; border-radius: 99px; padding: .05rem .65rem; border: 1px solid var(--line); }
.state.good { color: var(--accent); background: var(--tint); border-color: transparent; }
.old { background: transparent; } .old .digits { color: var(--faint); text-decoration: line-through; }
article h2 { font-weight: 400; }
.to { display: block; font-size: 1.1rem; font-weight: 600; color: var(--ink); }
input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--faint); width: 100%;
        border-radius: 8px; padding: .45rem .8rem; margin-top: 1rem; }
label { display: block; } [hidden] { display: none !important; }
.columns { display: grid; gap: 0 1rem; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th { text-align: left; color: var(--faint); font-weight: 600; font-size: .85rem; }
th, td { padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
         overflow-wrap: break-word; max-width: 30rem; } td { min-width: max-content; }
table, .bar strong, .bar a { overflow-wrap: normal; white-space: nowrap; }
td:last-child { white-space: normal; min-width: 14rem; }
tr:last-child td { border-bottom: 0; } .bad { color: var(--bad); }
@media (min-width: 100rem) { .wide { font-size: 1.25rem; } .wide .digits { font-size: 2.6rem; } }
.digits { font: 600 1.9rem/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; letter-spacing: .14em; }
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
    time.textContent = new Date(time.dateTime).toLocaleTimeString();
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
    wide: bool = False,
    status: int = 200,
) -> Response:
    """A whole page.

    Args:
        name: what it is called, also in `links`.
        body: what is on it.
        links: the addresses and names of all pages.
        live: whether it stays up to date: the children of each ``data-live``, by their ``data-id``.
        wide: whether it may fill a projector.
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
<title>{name} · Codika sandbox</title><style nonce="{nonce}">{_STYLE}</style></head>
<body class="{"wide" if wide else ""}">
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
