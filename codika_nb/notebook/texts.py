"""Texts and boxes: what is around the controls."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets

from ..display.design import AS_WRITTEN
from ..display.text import readable


def markup(value: str, *classes: str) -> widgets.HTML:
    """A text, given as HTML."""
    made = widgets.HTML(value)
    for name in classes:
        made.add_class(name)
    return made


def stack(children: Any, *classes: str) -> widgets.Box:
    """A box of widgets, one below the other."""
    made = widgets.VBox(tuple(children))
    for name in classes:
        made.add_class(name)
    return made


def said(text: str, kind: str = "", details: str = "", *, passing: bool = False) -> str:
    """What is said to the person, as HTML; screen readers say an error at once.

    Args:
        text: what is said.
        kind: ``"error"``, ``"info"`` or nothing.
        details: more about it, in a line of its own.
        passing: whether the seconds are shown that pass meanwhile; they are counted by the browser.
    """
    role = "alert" if kind == "error" else "status"
    small = f"<p>{html.escape(readable(details))}</p>" if details else ""
    seconds = ' <span class="codika-passing" aria-hidden="true"></span>' if passing else ""
    return f'<p role="{role}" class="{kind}">{html.escape(readable(text))}{seconds}</p>{small}'


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


def heading(described: Any, label: str) -> widgets.HTML:
    """The label of a field that has more than one control."""
    made = markup(f'<div class="codika-label">{html.escape(label)}</div>')
    mark(made, described)
    return made


def mark(widget: widgets.DOMWidget, described: Any) -> None:
    """Show at a label that the field is required."""
    if getattr(described, "required", None):
        widget.add_class("codika-required")
