"""What a cell shows, as HTML and as the same in plain text: lines, cards, trees.

Texts are escaped here; how they look is in `design.css`."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from .design import output
from .text import LONGEST, ago, moment_text, plain, readable

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

#: Characters of what is to be copied and in a table is never broken.
_ONE_LINE = 24
#: Branches of a tree with no more members than these are open at first.
_OPEN_MEMBERS = 20
#: Members of the objects in a list that is shown as a table.
_MOST_COLUMNS = 12


class Shown(NamedTuple):
    """A value in its two forms: as plain text, and as markup."""

    text: str
    markup: str


def both(value: str | Shown) -> Shown:
    """A value in both forms; text from elsewhere is made fit to be shown, and escaped."""
    if isinstance(value, Shown):
        return value
    text = plain(value, LONGEST) if value else ""
    return Shown(text, html.escape(text))


def moment(when: datetime) -> Shown:
    """When something was: how long ago, and exactly; a picture of now, as everything in a saved notebook."""
    exact = moment_text(when)
    return Shown(exact, f'<time datetime="{when.isoformat()}" title="{exact}">{ago(when)}</time>')


def state(status: str, good: bool | None) -> Shown:
    """How something stands, by a mark, a colour and its word; `good` is None where that is not known yet."""
    mark, kind = ("…", "quiet") if good is None else ("✓", "good") if good else ("✗", "bad")
    word = plain(status)
    return Shown(
        f"{mark} {word}",
        f'<span class="codika-{kind}"><span aria-hidden="true">{mark}</span>&nbsp;{html.escape(word)}</span>',
    )


def code(text: str) -> Shown:
    """What is there to be typed or copied: one click selects the whole of it, also where no script may run."""
    text = plain(text, LONGEST)
    # A name that is broken is hard to read.
    return _to_copy(text, html.escape(text), "A click selects it", is_narrow=len(text) <= _ONE_LINE)


def identifier(text: str) -> Shown:
    """An id, in short as markup; a click selects, and a mouse over it shows, the whole of it."""
    text = plain(text, LONGEST)
    head, tail = html.escape(text[:-_TAIL]), html.escape(text[-_TAIL:])
    rest = f'<span class="codika-rest">{head}</span>' if head else ""
    return _to_copy(text, f"{rest}{tail}", html.escape(text), is_narrow=True)


def _to_copy(text: str, markup: str, title: str, *, is_narrow: bool) -> Shown:
    narrow = " codika-narrow" if is_narrow else ""
    style = "user-select: all"  # all that a front end may leave of a style sheet that it takes away
    return Shown(text, f'<code class="codika-copy{narrow}" style="{style}" title="{title}">{markup}</code>')


def folded(summary: str, markup: str, *, is_open: bool = False) -> str:
    """Markup that is opened by a click on its summary."""
    return f"<details{' open' if is_open else ''}><summary>{html.escape(summary)}</summary>{markup}</details>"


#: Characters at the end of an id that tell it from others: it begins with the time.
_TAIL = 8


def line(text: str, *, good: bool | None = None) -> Bundle:
    """One sentence; with a tick or a cross before it, if it is good or bad news."""
    text = plain(text, LONGEST)
    mark = f"{_mark(good)} " if good is not None else ""
    return {
        "text/plain": text,
        "text/html": output(f'<p class="codika-notice">{mark}{html.escape(text)}</p>'),
    }


def after(text: str) -> str:
    """A quiet line below something: how to go on, or how much is left out."""
    return f'<p class="codika-after">{html.escape(text)}</p>'


def lines(text: str) -> str:
    """Text in its own lines, as markup."""
    return f"<pre>{html.escape(text)}</pre>"


def card(
    title: str,
    rows: Iterable[tuple[str, str | Shown]],
    *,
    good: bool | None = None,
    about: str = "",
    text: str = "",
    rich: str = "",
    wide: bool = False,
) -> Bundle:
    """A small card: a title, what belongs to it line by line, and a body.

    Args:
        title: what it is about, a sentence without its full stop.
        rows: names and values; values that are empty are left out.
        good: whether a tick or a cross goes before the title; neither if left out.
        about: a quiet line below the title.
        text: the body in plain text.
        rich: the same as markup, where that is more than the text.
        wide: whether it may become as wide as a table needs.
    """
    title, about = plain(title, LONGEST), plain(about, LONGEST) if about else ""
    told = [(name, each) for name, value in rows if (each := both(value)).text]
    text = readable(text, MOST_TEXT)
    longest = max((len(name) for name, _ in told), default=0)
    plain_rows = [f"  {name:<{longest}}  {value.text}" for name, value in told]
    rich = rich or (lines(text) if text else "")
    parts = [
        f'<div class="codika-title">{_mark(good)} {html.escape(title)}</div>',
        f'<p class="codika-about">{html.escape(about)}</p>' if about else "",
        named(told),
        f'<div class="codika-body">{rich}</div>' if rich else "",
    ]
    return {
        "text/plain": "\n".join([title, *([about] if about else []), *plain_rows, *([text] if text else [])]),
        "text/html": output(
            f'<div class="codika-card{" codika-wide" if wide else ""}">{"".join(parts)}</div>'
        ),
    }


def named(rows: Iterable[tuple[str, str | Shown]]) -> str:
    """Names and values line by line, as markup."""
    told = [(name, both(value)) for name, value in rows]
    cells = "".join(f"<dt>{html.escape(name)}</dt><dd>{each.markup}</dd>" for name, each in told if each.text)
    return f'<dl class="codika-rows">{cells}</dl>' if cells else ""


def table_of(label: str, heads: str, rows: Iterable[str]) -> str:
    """A table as markup; one that is wider than the page is scrolled by itself, by keyboard, too.

    Args:
        label: what it is a table of, for screen readers.
        heads: its headings; there may be none.
        rows: its rows.
    """
    head = f"<thead><tr>{heads}</tr></thead>" if heads else ""
    return (
        f'<div class="codika-table" role="region" tabindex="0" aria-label="{html.escape(label)}">'
        f"<table>{head}<tbody>{''.join(rows)}</tbody></table></div>"
    )


def heading(title: str, beside: str = "") -> str:
    """The title of a card, as markup, and quietly what else belongs to it."""
    quiet = f" <small>{html.escape(beside)}</small>" if beside else ""
    return f'<div class="codika-title">{html.escape(title)}{quiet}</div>'


def part(title: str) -> str:
    """The title of a part of a card, as markup."""
    return f'<div class="codika-part">{html.escape(title)}</div>'


def _mark(good: bool | None) -> str:
    """A tick or a cross, for those who see it: the words say the same."""
    if good is None:
        return ""
    return (
        f'<span aria-hidden="true" class="codika-{"good" if good else "bad"}">{"✓" if good else "✗"}</span>'
    )


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
    begin = '<div class="codika-tree">'
    most = 0 if shared.is_spent else MOST_MEMBERS
    own = Budget(shared.characters - len(begin), most)
    walk = _Walk(own)
    shown = walk.leaf(value) if _is_leaf(value) else walk.members(value, ())
    shared.characters, shared.members = own.characters, shared.members - (most - own.members)
    more = f'<div class="codika-quiet">… and {walk.left:,} more</div>' if walk.left else ""
    return f"{begin}{shown}{more}</div>"


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple) or not value


def _columns(value: Any) -> list[str] | None:
    """The members of a list of flat objects, which is a table; None of anything else."""
    if not isinstance(value, list | tuple) or len(value) < 2:
        return None
    columns: dict[str, None] = {}
    for row in value[:MOST_MEMBERS]:
        if not isinstance(row, Mapping) or not all(map(_is_leaf, row.values())):
            return None
        columns.update(dict.fromkeys(map(str, row)))
        if len(columns) > _MOST_COLUMNS:
            return None
    return list(columns) or None


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

    def table(self, rows: Any, columns: list[str]) -> str:
        """A list of flat objects."""
        first = rows[:MOST_MEMBERS]
        numbers = [all(isinstance(row.get(name, 0), int | float) for row in first) for name in columns]
        kinds = [' class="codika-number"' if number else "" for number in numbers]
        heads = "".join(
            f'<th scope="col"{kind}>{html.escape(plain(name, LONGEST))}</th>'
            for kind, name in zip(kinds, columns, strict=True)
        )
        lines = []
        for n, row in enumerate(rows):
            if self.budget.is_spent:
                self.left += len(rows) - n
                break
            by_name = {str(name): value for name, value in row.items()}
            cells = (
                f"<td{kind}>{_leaf(by_name[name]) if name in by_name else ''}</td>"
                for kind, name in zip(kinds, columns, strict=True)
            )
            lines.append(self.budget.take(f"<tr>{''.join(cells)}</tr>"))
        return table_of("Items", heads, lines)

    def members(self, value: Any, around: tuple[int, ...]) -> str:
        """The members of a value that is inside of others, which are known by their ids."""
        if columns := _columns(value):
            return self.table(value, columns)
        around = (*around, id(value))
        written = []
        for n, (name, member) in enumerate(value.items() if isinstance(value, Mapping) else enumerate(value)):
            if self.budget.is_spent:
                self.left += len(value) - n
                break
            label = f'<span class="codika-quiet">{html.escape(plain(str(name), LONGEST))}</span>'
            written.append(self._member(label, member, around))
        return "".join(written)

    def _member(self, label: str, member: Any, around: tuple[int, ...]) -> str:
        if _is_leaf(member):
            return self.budget.take(f'<div class="codika-leaf">{label}&emsp;{_leaf(member)}</div>')
        if id(member) in around or len(around) >= DEEPEST:
            return self.budget.take(f'<div class="codika-leaf">{label}&emsp;…</div>')
        noun = "member" if isinstance(member, Mapping) else "item"
        count = f"{len(member)} {noun}{'' if len(member) == 1 else 's'}"
        opened = " open" if len(around) == 1 and len(member) <= _OPEN_MEMBERS else ""
        branch = self.budget.take(
            f'<details{opened}><summary>{label}&emsp;<span class="codika-quiet">{count}</span></summary>'
        )
        return f"{branch}<div>{self.members(member, around)}</div></details>"


def _leaf(value: Any) -> str:
    if isinstance(value, str) and value:
        text = html.escape(readable(value))
        return f'<span class="codika-text">{text}</span>'
    # As in JSON, so that the text "1" and the number 1 do not look the same.
    is_json = value is None or isinstance(value, bool | int | float)
    try:
        text = json.dumps(value, default=str) if is_json else str(value)
    except ValueError:  # longer than Python writes numbers
        text = "a number with thousands of digits"
    return f"<code>{html.escape(plain(text or chr(34) * 2, LONGEST))}</code>"
