"""Texts: what is said to the person, and what controls are called."""

from __future__ import annotations

import html
import re
from typing import Any

from ..display.design import AS_WRITTEN
from ..display.text import readable


def said(text: str, kind: str = "", details: str = "", *, passing: bool = False) -> str:
    """What is said to the person, as HTML: an error at once, the rest by the live region that it is put into.

    Args:
        text: what is said.
        kind: ``"error"``, ``"info"`` or nothing.
        details: more about it, in a line of its own.
        passing: whether the seconds are shown that pass meanwhile; they are counted by the browser.
    """
    role = ' role="alert"' if kind == "error" else ""
    small = f"<p>{html.escape(readable(details))}</p>" if details else ""
    seconds = ' <span class="codika-passing" aria-hidden="true"></span>' if passing else ""
    return f'<p{role} class="{kind}">{html.escape(readable(text))}{seconds}</p>{small}'


def named(label: str, *, before: str = "", after: str = "") -> dict[str, Any]:
    """What a control is called: as it is written, never as mathematics.

    Args:
        label: what is seen.
        before, after: what is heard around it, so that it is told from others.
    """
    parts = (_heard(before and f"{before}: "), html.escape(label), _heard(after and f", {after}"))
    return {
        "description": f'<span class="{AS_WRITTEN}">{"".join(parts)}</span>',
        "description_allow_html": True,
    }


def _heard(text: str) -> str:
    return f'<span class="codika-heard">{html.escape(text)}</span>' if text else ""


def css_text(text: str) -> str:
    """A text as a style sheet has it."""
    return '"' + re.sub(r"[^\w .:,]", lambda found: f"\\{ord(found[0]):x} ", text) + '"'


def heading(label: str) -> str:
    """The label of a field that has more than one control, as HTML."""
    return f'<div class="codika-label">{html.escape(label)}</div>'


def required(described: Any) -> tuple[str, ...]:
    """The class by which a label shows that its field is required."""
    return ("codika-required",) if getattr(described, "required", None) else ()
