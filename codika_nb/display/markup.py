"""What a cell shows, as HTML and as the same in plain text: lines, cards, trees.

Texts are escaped here. Colours come from the front end's own theme."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from typing import Any

from .text import LONGEST, plain, readable

Bundle = dict[str, str]

#: Members of a tree that are written out; a notebook has to stay a file that opens.
MOST_MEMBERS = 1000

#: Characters of something large as HTML, pictures in it as well.
MOST_MARKUP = 2_000_000

#: Branches of a tree inside of one another; a value may even contain itself.
DEEPEST = 100

#: Characters of a card's body as text, for the same reason.
MOST_TEXT = 200_000
#: Characters of a result as text.
LONGEST_RESULT = 50_000

_COLOURS = """
--codika-text: var(--jp-content-font-color1, var(--vscode-editor-foreground, currentColor));
--codika-quiet: var(--jp-content-font-color2, var(--vscode-descriptionForeground, currentColor));
--codika-line: var(--jp-border-color2, var(--vscode-panel-border, #8886));
--codika-card: var(--jp-layout-color1, var(--vscode-editor-background, transparent));
--codika-good: var(--jp-success-color0, var(--vscode-testing-iconPassed, #2e7d32));
--codika-bad: var(--jp-error-color1, var(--vscode-errorForeground, #c62828));
"""

ROOT = " ".join(_COLOURS.split("\n"))

QUIET = "color: var(--codika-quiet)"

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
    text = readable(text, MOST_TEXT)
    longest = max((len(name) for name, _ in rows), default=0)
    lines = [f"  {name:<{longest}}  {value}" for name, value in rows]
    if text and not rich:
        rich = f'<pre style="{_PLAIN_PRE}">{html.escape(text)}</pre>'
    mark, colour = ("", "text") if good is None else ("✓", "good") if good else ("✗", "bad")
    cells = "".join(
        f'<dt style="{QUIET}; white-space: nowrap; width: auto">{html.escape(name)}</dt>'
        f'<dd style="margin: 0; width: auto; overflow-wrap: anywhere">{html.escape(value)}</dd>'
        for name, value in rows
    )
    return {
        "text/plain": "\n".join([title, *lines, *([text] if text else [])]),
        "text/html": (
            f'<div style="{ROOT} max-width: {width}; box-sizing: border-box; padding: 0.8rem 1.1rem; margin: 0.3rem 0; '
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


class Budget:
    """What may still be written of something large: characters, and members of trees and tables."""

    def __init__(self, characters: int = MOST_MARKUP, members: int = MOST_MEMBERS) -> None:
        self.characters = characters
        self.members = members

    @property
    def is_spent(self) -> bool:
        return self.characters <= 0 or self.members <= 0

    def take(self, markup: str) -> str:
        self.characters -= len(markup)
        self.members -= 1
        return markup


def tree(value: Any, budget: Budget | None = None) -> str:
    """Python data as HTML whose branches open and close, without scripts: it works in a saved notebook, too.

    Args:
        value: dictionaries, lists and plain values; anything else is shown by its ``str()``. The first
            thousand members are written out, and no more of it than a notebook can bear.
        budget: what may be written of it together with what is around it.
    """
    shared = budget or Budget()
    begin = f'<div style="{ROOT} color: var(--codika-text); line-height: 1.5">'
    most = 0 if shared.is_spent else MOST_MEMBERS
    own = Budget(shared.characters - len(begin), most)
    walk = _Walk(own)
    shown = walk.leaf(value) if _is_leaf(value) else walk.members(value, ())
    shared.characters, shared.members = own.characters, shared.members - (most - own.members)
    more = f'<div style="{QUIET}">… and {walk.left:,} more</div>' if walk.left else ""
    return f"{begin}{shown}{more}</div>"


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple) or not value


class _Walk:
    """One way through a value; what the budget does not suffice for is counted, and not looked at."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.left = 0

    def leaf(self, value: Any) -> str:
        """A value without members."""
        if self.budget.is_spent:
            self.left += 1
            return ""
        return self.budget.take(f"<div>{_leaf(value)}</div>")

    def members(self, value: Any, around: tuple[int, ...]) -> str:
        """The members of a value that is inside of others, which are known by their ids."""
        around = (*around, id(value))
        written = []
        for n, (name, member) in enumerate(value.items() if isinstance(value, Mapping) else enumerate(value)):
            if self.budget.is_spent:
                self.left += len(value) - n
                break
            label = f'<span style="{QUIET}">{html.escape(plain(str(name), LONGEST))}</span>'
            written.append(self._member(label, member, around))
        return "".join(written)

    def _member(self, label: str, member: Any, around: tuple[int, ...]) -> str:
        if _is_leaf(member):
            return self.budget.take(f'<div style="{_HANGING}">{label}&emsp;{_leaf(member)}</div>')
        if id(member) in around or len(around) >= DEEPEST:
            return self.budget.take(f'<div style="{_HANGING}">{label}&emsp;…</div>')
        noun = "member" if isinstance(member, Mapping) else "item"
        count = f"{len(member)} {noun}{'' if len(member) == 1 else 's'}"
        opened = " open" if len(around) == 1 and len(member) <= _OPEN_MEMBERS else ""
        branch = self.budget.take(
            f'<details{opened}><summary style="cursor: pointer">{label}&emsp;<span style="{QUIET}">{count}</span></summary>'
        )
        return f'{branch}<div style="margin-left: 1.2em">{self.members(member, around)}</div></details>'


def _leaf(value: Any) -> str:
    if isinstance(value, str) and value:
        text = html.escape(readable(value))
        return f'<span style="white-space: pre-wrap; overflow-wrap: anywhere">{text}</span>'
    # As in JSON, so that the text "1" and the number 1 do not look the same.
    text = (
        json.dumps(value, default=str)
        if value is None or isinstance(value, bool | int | float)
        else str(value)
    )
    return f'<code style="{_PLAIN_CODE}">{html.escape(plain(text or chr(34) * 2, LONGEST))}</code>'
