"""What is shown in a cell's output, as HTML and as the same in plain text.

Texts that come from a server are escaped here, and nowhere is a key shown beyond its first
eight characters. Colours come from the front end's own theme.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models import Deployment, Execution, ExecutionSummary, Identity, Redeployment
    from .profiles import Profile
    from .rules import Findings
    from .usecase import UseCase

Bundle = dict[str, str]
#: Characters of one value on a card.
LONGEST = 2000
#: Members of a tree that are written out; a notebook has to stay a file that opens.
MOST_MEMBERS = 1000
#: Characters of a result as text, for the same reason.
LONGEST_RESULT = 50_000

_COLOURS = """
--codika-text: var(--jp-content-font-color1, var(--vscode-editor-foreground, currentColor));
--codika-quiet: var(--jp-content-font-color2, var(--vscode-descriptionForeground, currentColor));
--codika-line: var(--jp-border-color2, var(--vscode-panel-border, #8886));
--codika-card: var(--jp-layout-color1, var(--vscode-editor-background, transparent));
--codika-good: var(--jp-success-color0, var(--vscode-testing-iconPassed, #2e7d32));
--codika-bad: var(--jp-error-color1, var(--vscode-errorForeground, #c62828));
"""

_ROOT = " ".join(_COLOURS.split("\n"))
_QUIET = "color: var(--codika-quiet)"
_HANGING = "padding-left: 1.2em; text-indent: -1.2em"
_PLAIN_CODE = "background: none; color: inherit; padding: 0"
_PLAIN_PRE = (
    "margin: 0; padding: 0; white-space: pre-wrap; overflow-wrap: anywhere; background: none; color: inherit"
)
#: Branches of a tree with no more members than these are open at first.
_OPEN_MEMBERS = 20

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
    text = plain(text, LONGEST)
    return {"text/plain": text, "text/html": f"<span>{html.escape(text)}</span>"}


def card(
    title: str,
    rows: Iterable[tuple[str, str]],
    *,
    good: bool | None = None,
    text: str = "",
    rich: str = "",
    width: str = "46rem",
) -> Bundle:
    """A small card: a title, what belongs to it line by line, and a body.

    Args:
        title: what it is about, a sentence without its full stop.
        rows: names and values; values that are empty are left out.
        good: whether a tick or a cross goes before the title; neither if left out.
        text: the body in plain text.
        rich: the same as markup, where that is more than the text.
        width: how wide it becomes at most.
    """
    title = plain(title, LONGEST)
    rows = [(name, plain(value, LONGEST)) for name, value in rows if value]
    text = "\n".join("".join(c if c.isprintable() else "·" for c in each) for each in text.split("\n"))
    longest = max((len(name) for name, _ in rows), default=0)
    lines = [f"  {name:<{longest}}  {value}" for name, value in rows]
    if text and not rich:
        rich = f'<pre style="{_PLAIN_PRE}">{html.escape(text)}</pre>'
    mark, colour = ("", "text") if good is None else ("✓", "good") if good else ("✗", "bad")
    cells = "".join(
        f'<dt style="{_QUIET}; white-space: nowrap; width: auto">{html.escape(name)}</dt>'
        f'<dd style="margin: 0; width: auto; overflow-wrap: anywhere">{html.escape(value)}</dd>'
        for name, value in rows
    )
    return {
        "text/plain": "\n".join([title, *lines, *([text] if text else [])]),
        "text/html": (
            f'<div style="{_ROOT} max-width: {width}; box-sizing: border-box; padding: 0.8rem 1.1rem; margin: 0.3rem 0; '
            "border: 1px solid var(--codika-line); border-radius: 8px; background: var(--codika-card); "
            'color: var(--codika-text); font-family: var(--jp-ui-font-family, sans-serif); line-height: 1.5">'
            f'<div style="font-weight: 600"><span aria-hidden="true" style="color: var(--codika-{colour})">{mark}</span> '
            f"{html.escape(title)}</div>"
            '<dl style="display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; margin: 0.4rem 0 0">'
            f"{cells}</dl>{_below(rich)}</div>"
        ),
    }


def _below(rich: str) -> str:
    return f'<div style="margin: 0.6rem 0 0; overflow-x: auto">{rich}</div>' if rich else ""


# --- deploying -------------------------------------------------------------------------------------


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


def deployment(deployed: Deployment, title: str, rows: Iterable[tuple[str, str]] = ()) -> Bundle:
    """The outcome of a deployment, and how to go on."""
    good = deployed.deployment_status != "failed"
    workflows = [w.workflow_template_id for w in deployed.workflows_deployed]
    shown = [
        ("Version", deployed.version),
        (
            "Workflows",
            ", ".join(f"{w.workflow_template_id} ({w.status})" for w in deployed.workflows_deployed),
        ),
        ("Instance", deployed.process_instance_id or ""),
        ("Error", deployed.error or ""),
        ("Run it", f"%codika_trigger {workflows[0]} {{…}}" if good and workflows else ""),
        *rows,
    ]
    return card(f"{title} {'is deployed' if good else 'could not be deployed'}", shown, good=good)


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


def _findings(findings: Findings | None) -> dict[str, str]:
    if not findings:
        return {}
    return {"text": repr(findings), "rich": findings._repr_html_(), "width": "64rem"}


# --- runs ------------------------------------------------------------------------------------------


def waiting(workflow: str, execution_id: str, seconds: float) -> Bundle:
    """A run that is being waited for."""
    return card(f"{workflow} is running", [("Run", execution_id), ("For", f"{seconds:.0f} s")])


def execution(run: Execution, workflow: str, wait: str = "") -> Bundle:
    """The outcome of a run: its result, or the node and the reason it failed; or how to `wait` for it."""
    took = ("Took", f"{run.duration} ms" if run.duration is not None else "")
    if run.status == "success":
        result = json.dumps(run.result_data, indent=2, ensure_ascii=False, default=str)
        if len(result) > LONGEST_RESULT:
            result = f"{result[:LONGEST_RESULT]}\n… cut here: the run's `result` has all {len(result):,} characters"
        return card(f"{workflow} succeeded", [took], good=True, text=result, rich=tree(run.result_data))
    if not run.ended:
        return card(f"{workflow} is running", [("Run", run.execution_id), ("Wait for it", wait)])
    problem = run.error_details
    rows = [
        ("Run", run.execution_id),
        took,
        ("Node", problem.failed_node_name or "" if problem else ""),
        ("Reason", problem.message if problem and problem.message else run.status),
    ]
    return card(f"{workflow} failed", rows, good=False)


def tree(value: Any) -> str:
    """Python data as HTML whose branches open and close, without scripts: it works in a saved notebook, too.

    Args:
        value: dictionaries, lists and plain values; anything else is shown by its ``str()``. The first
            thousand members are written out.
    """
    left = [MOST_MEMBERS]
    shown = f"<div>{_leaf(value)}</div>" if _is_leaf(value) else _members(value, left, 0)
    more = "" if left[0] >= 0 else f'<div style="{_QUIET}">… and {-left[0]:,} more</div>'
    return f'<div style="{_ROOT} color: var(--codika-text); line-height: 1.5">{shown}{more}</div>'


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple) or not value


def _members(value: Any, left: list[int], depth: int) -> str:
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    written = []
    for name, member in pairs:
        left[0] -= 1
        if left[0] < 0:
            continue  # counted, and not written
        label = f'<span style="{_QUIET}">{html.escape(plain(str(name), LONGEST))}</span>'
        if _is_leaf(member):
            written.append(f'<div style="{_HANGING}">{label}&emsp;{_leaf(member)}</div>')
            continue
        noun = "member" if isinstance(member, Mapping) else "item"
        count = f"{len(member)} {noun}{'' if len(member) == 1 else 's'}"
        opened = " open" if depth < 1 and len(member) <= _OPEN_MEMBERS else ""
        written.append(
            f'<details{opened}><summary style="cursor: pointer">{label}&emsp;<span style="{_QUIET}">{count}</span></summary>'
            f'<div style="margin-left: 1.2em">{_members(member, left, depth + 1)}</div></details>'
        )
    return "".join(written)


def _leaf(value: Any) -> str:
    if isinstance(value, str) and value:
        text = html.escape(visible(value))
        return f'<span style="white-space: pre-wrap; overflow-wrap: anywhere">{text}</span>'
    # As in JSON, so that the text "1" and the number 1 do not look the same.
    text = (
        json.dumps(value, default=str)
        if value is None or isinstance(value, bool | int | float)
        else str(value)
    )
    return f'<code style="{_PLAIN_CODE}">{html.escape(plain(text or chr(34) * 2, LONGEST))}</code>'


class Chart:
    """States and durations of runs over time, as a picture that stays in a saved notebook.

    Args:
        runs: in any order; those that have not ended are left out.
    """

    WIDTH, HEIGHT, EDGE = 640, 160, 12

    def __init__(self, runs: Iterable[ExecutionSummary]) -> None:
        ended = [(_zoned(run.created_at), run) for run in runs if run.created_at and run.status != "pending"]
        self._runs = sorted(ended, key=lambda pair: pair[0])
        self._longest = max((_took(run) for _, run in self._runs), default=0) or 1

    def __repr__(self) -> str:
        if not self._runs:
            return "No runs that have ended."
        tops = [round(_took(run) / self._longest * (len(_BARS) - 1)) for _, run in self._runs]
        marks = "".join(" " if run.status == "success" else "✗" for _, run in self._runs)
        return f"{''.join(_BARS[top] for top in tops)}  {self._summary()}\n{marks}".rstrip()

    def _summary(self) -> str:
        count, failed = len(self._runs), sum(run.status != "success" for _, run in self._runs)
        return f"{count} run{'' if count == 1 else 's'}, {failed} failed, longest {self._longest} ms"

    def _repr_html_(self) -> str:
        if not self._runs:
            return f"<p>{self!r}</p>"
        first, last = self._runs[0][0], self._runs[-1][0]
        caption = f"{self._summary()}, from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}"
        right, base = self.WIDTH - self.EDGE, self.HEIGHT - self.EDGE
        bars = "".join(
            self._bar(run, (start - first) / ((last - first) or timedelta(1))) for start, run in self._runs
        )
        return (
            f'<figure style="{_ROOT} color: var(--codika-text); margin: 0.3rem 0; max-width: 46rem">'
            f'<svg role="img" aria-label="{html.escape(caption)}" viewBox="0 0 {self.WIDTH} {self.HEIGHT}" '
            f'style="width: 100%; height: auto; display: block"><line x1="{self.EDGE}" y1="{base}" '
            f'x2="{right}" y2="{base}" stroke="var(--codika-line)"/>{bars}</svg>'
            f'<figcaption style="{_QUIET}">{html.escape(caption)}</figcaption></figure>'
        )

    def _bar(self, run: ExecutionSummary, place: float) -> str:
        """A bar as tall as the run was long, at a `place` from 0 to 1."""
        x = self.EDGE + place * (self.WIDTH - 2 * self.EDGE) - 2
        tall = max(_took(run) / self._longest * (self.HEIGHT - 2 * self.EDGE), 3)
        about = (
            f"{run.workflow_id}, {run.status}, {run.duration or '?'} ms, {run.created_at:%Y-%m-%d %H:%M:%S}"
        )
        return (
            f'<rect x="{x:.1f}" y="{self.HEIGHT - self.EDGE - tall:.1f}" width="4" height="{tall:.1f}" rx="1" '
            f'fill="var(--codika-{"good" if run.status == "success" else "bad"})">'
            f"<title>{html.escape(plain(about, LONGEST))}</title></rect>"
        )


_BARS = "▁▂▃▄▅▆▇█"


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _took(run: ExecutionSummary) -> int:
    # The platform gives no duration for some failures.
    return max(run.duration or 0, 0)


# --- accounts --------------------------------------------------------------------------------------


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


def visible(text: str, longest: int = LONGEST) -> str:
    """Text from elsewhere in its own lines, without other control characters, cut to `longest`."""
    shown = "".join(c if c.isprintable() or c in "\n\t" else "·" for c in text[:longest])
    return f"{shown}…" if len(text) > longest else shown


def json_text(value: Any) -> str:
    """A JSON document the way the codika tool prints it."""
    return json.dumps(value, indent=2, ensure_ascii=False)
