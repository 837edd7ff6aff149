"""What is shown in a cell's output, as HTML and as the same in plain text.

Texts that come from a server are escaped here, and nowhere is a key shown beyond its first
eight characters. Colours come from the front end's own theme.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models import Deployment, Execution, Identity
    from .profiles import Profile

Bundle = dict[str, str]
#: Characters of one value on a card.
LONGEST = 2000

_COLOURS = """
--codika-text: var(--jp-content-font-color1, var(--vscode-editor-foreground, currentColor));
--codika-quiet: var(--jp-content-font-color2, var(--vscode-descriptionForeground, currentColor));
--codika-line: var(--jp-border-color2, var(--vscode-panel-border, #8886));
--codika-card: var(--jp-layout-color1, var(--vscode-editor-background, transparent));
--codika-good: var(--jp-success-color0, var(--vscode-testing-iconPassed, #2e7d32));
--codika-bad: var(--jp-error-color1, var(--vscode-errorForeground, #c62828));
"""

SIGN_IN_STYLE = (
    "<style>.codika-form {"
    + _COLOURS
    + """
max-width: 30rem; padding: 1.1rem 1.3rem 0.9rem; margin: 0.3rem 0;
border: 1px solid var(--codika-line); border-radius: 8px; background: var(--codika-card);
color: var(--codika-text); box-sizing: border-box; overflow: hidden; }
.codika-form .title { margin: 0; font-size: 1.15rem; line-height: 1.4; font-weight: 600; color: var(--codika-text); }
.codika-form .title span { font-weight: 400; color: var(--codika-quiet); margin-left: 0.35em; }
.codika-form small, .codika-form p { color: var(--codika-quiet); margin: 0; line-height: 1.5; overflow-wrap: anywhere; }
.codika-form p { padding: 0.15rem 0; }
.codika-form p.error { color: var(--codika-bad); }
.codika-form p:empty { display: none; }
.codika-form .widget-html { height: auto; margin: 0; }
.codika-form .widget-html-content { line-height: 1.5; align-self: stretch; font-size: var(--jp-ui-font-size1, 13px); }
.codika-form .widget-text, .codika-form .widget-select { flex-direction: column; align-items: stretch;
  height: auto; margin: 0.45rem 0 0.2rem; }
.codika-form .widget-text > .widget-label, .codika-form .widget-select > .widget-label { width: auto; max-width: none;
  text-align: left; height: auto; line-height: 1.6; color: var(--codika-text); }
.codika-form .widget-text input { height: 2.3rem; font-size: 1rem; border-radius: 4px; box-sizing: border-box; }
.codika-form .widget-text input:focus-visible, .codika-form button:focus-visible,
.codika-form select:focus-visible { outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 1px; }
.codika-form .widget-hbox { flex-wrap: wrap; gap: 0.4rem; margin: 0.5rem 0 0.2rem; overflow: visible; }
.codika-form .widget-button { margin: 0; height: 2.1rem; line-height: 2.1rem; padding: 0 1rem; border-radius: 4px; }
</style>"""
)


def signed_in(profile: Profile, note: str = "") -> Bundle:
    """The one sentence that stays: who, which profile, which key; and what else has to be said."""
    where = f" at {profile.host}" if profile.base_url else ""
    name = f"profile {profile.name}" if profile.name else "for this kernel only"
    text = f"Signed in: {who(profile)}, {name}, key {profile.masked_key.rstrip('.')}…{where}"
    text = f"{text}. {note}" if note else text
    tick = '<span aria-hidden="true" style="color: var(--jp-success-color0, #2e7d32)">✓</span>'
    return {"text/plain": text, "text/html": f"{tick} {html.escape(text)}"}


def line(text: str) -> Bundle:
    """One sentence."""
    return {"text/plain": text, "text/html": f"<span>{html.escape(text)}</span>"}


def table(title: str, rows: list[tuple[str, str]], *, good: bool | None = None, body: str = "") -> Bundle:
    """A small card: a title, and what belongs to it line by line."""
    title = plain(title, LONGEST)
    rows = [(name, plain(value, LONGEST)) for name, value in rows]
    body = "\n".join("".join(c if c.isprintable() else "·" for c in each) for each in body.split("\n"))
    width = max((len(name) for name, _ in rows), default=0)
    text = "\n".join(
        [title, *(f"  {name:<{width}}  {value}" for name, value in rows), *([body] if body else [])]
    )
    mark = "" if good is None else "✓" if good else "✗"
    colour = "good" if good else "bad"
    cells = "".join(
        f'<dt style="color: var(--codika-quiet); white-space: nowrap">{html.escape(name)}</dt>'
        f'<dd style="margin: 0; overflow-wrap: anywhere">{html.escape(value)}</dd>'
        for name, value in rows
    )
    pre = (
        '<pre style="margin: 0.6rem 0 0; padding: 0; white-space: pre-wrap; overflow-wrap: anywhere; '
        f'background: none; color: inherit">{html.escape(body)}</pre>'
        if body
        else ""
    )
    rich = (
        f'<div style="{" ".join(_COLOURS.split(chr(10)))} max-width: 46rem; padding: 0.8rem 1.1rem; margin: 0.3rem 0; '
        "border: 1px solid var(--codika-line); border-radius: 8px; background: var(--codika-card); "
        'color: var(--codika-text); font-family: var(--jp-ui-font-family, sans-serif); line-height: 1.5">'
        f'<div style="font-weight: 600"><span aria-hidden="true" style="color: var(--codika-{colour})">{mark}</span> '
        f"{html.escape(title)}</div>"
        '<dl style="display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; margin: 0.4rem 0 0">'
        f"{cells}</dl>{pre}</div>"
    )
    return {"text/plain": text, "text/html": rich}


def deployment(deployed: Deployment, title: str, notes: list[str]) -> Bundle:
    """The outcome of a deployment, and how to go on."""
    good = deployed.deployment_status != "failed"
    workflows = ", ".join(f"{w.workflow_template_id} ({w.status})" for w in deployed.workflows_deployed)
    rows = [("Version", deployed.version), ("Workflows", workflows or "none")]
    if deployed.process_instance_id:
        rows.append(("Instance", deployed.process_instance_id))
    if deployed.error:
        rows.append(("Error", deployed.error))
    if good and deployed.workflows_deployed:
        rows.append(
            ("Run it", f"%codika_trigger {deployed.workflows_deployed[0].workflow_template_id} {{…}}")
        )
    rows += [("Note", note) for note in notes]
    return table(f"{title} {'is deployed' if good else 'could not be deployed'}", rows, good=good)


def execution(run: Execution, workflow: str) -> Bundle:
    """The outcome of a run: its result, or the node and the reason it failed."""
    took = [("Took", f"{run.duration} ms")] if run.duration is not None else []
    if run.status == "success":
        result = json.dumps(run.result_data, indent=2, ensure_ascii=False, default=str)
        return table(f"{workflow} succeeded", took, good=True, body=result)
    if not run.ended:
        rows = [("Run", run.execution_id), ("Wait for it", f'Client().wait_for("{run.execution_id}")')]
        return table(f"{workflow} is running", rows)
    problem = run.error_details
    rows = [("Run", run.execution_id), *took]
    if problem and problem.failed_node_name:
        rows.append(("Node", problem.failed_node_name))
    rows.append(("Reason", problem.message if problem and problem.message else run.status))
    return table(f"{workflow} failed", rows, good=False)


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
    return table("Signed in", [row for row in rows if row[1]], good=True)


def sandbox(running: Any) -> Bundle:
    """Where the sandbox is, and where its mail arrives."""
    text = f"Sandbox at {running.url}; its mail arrives at {running.inbox_url}"
    link = f'<a href="{html.escape(running.inbox_url)}" target="_blank" rel="noopener">inbox</a>'
    rich = f"Sandbox at <code>{html.escape(running.url)}</code>; its mail arrives in the {link} (<code>sandbox.inbox</code>)."
    return {"text/plain": text, "text/html": f"<span>{rich}</span>"}


def who(profile: Profile) -> str:
    """The organization's name, fit to stand in a sentence."""
    return plain(profile.organization_name or profile.organization_id)


def plain(text: str | None, longest: int = 80) -> str:
    """Text from elsewhere on one line, without control characters, cut to `longest`."""
    visible = " ".join("".join(c if c.isprintable() else " " for c in text or "unnamed").split())
    return visible if len(visible) <= longest else visible[: longest - 1] + "…"


def json_text(value: Any) -> str:
    """A JSON document the way the codika tool prints it."""
    return json.dumps(value, indent=2, ensure_ascii=False)
