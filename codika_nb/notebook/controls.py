"""Controls that keep what is typed to themselves, and texts between them."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets
from ipywidgets.widgets.trait_types import Date, date_serialization
from traitlets import Bool, Int, Unicode


class _Private:
    description: str

    def __repr__(self) -> str:
        return f"{type(self).__name__.lstrip('_')}({self.description!r})"


class _Textarea(_Private, widgets.Textarea):
    value = Unicode("").tag(sync=True, echo_update=False)


class _Checkbox(_Private, widgets.Checkbox):
    value = Bool(False).tag(sync=True, echo_update=False)


class _DatePicker(_Private, widgets.DatePicker):
    value = Date(None, allow_none=True).tag(sync=True, echo_update=False, **date_serialization)


class Dropdown(_Private, widgets.Dropdown):
    index = Int(None, allow_none=True).tag(sync=True, echo_update=False)


class _RadioButtons(_Private, widgets.RadioButtons):
    index = Int(None, allow_none=True).tag(sync=True, echo_update=False)


def markup(value: str, *classes: str) -> widgets.HTML:
    made = widgets.HTML(value)
    for name in classes:
        made.add_class(name)
    return made


def stack(children: Any, *classes: str) -> widgets.Box:
    made = widgets.VBox(tuple(children))
    for name in classes:
        made.add_class(name)
    return made


def _close(widget: widgets.Widget) -> None:
    """Close a widget with all that belongs to it, which ipywidgets would keep."""
    for name in ("layout", "style"):
        if part := getattr(widget, name, None):
            part.close()
    for child in getattr(widget, "children", ()):
        _close(child)
    widget.close()


def _heading(described: Any, label: str) -> widgets.HTML:
    """The label of a field that has more than one control."""
    heading = markup(f'<div class="codika-label">{html.escape(label)}</div>')
    _mark(heading, described)
    return heading


def _mark(widget: widgets.DOMWidget, described: Any) -> None:
    """Show at a label that the field is required, and that there is more to know about it."""
    if getattr(described, "required", None):
        widget.add_class("codika-required")
    if described.tooltip:
        widget.add_class("codika-tip")
        if isinstance(widget, widgets.HTML):
            widget.value = widget.value.replace("<div ", f'<div title="{html.escape(described.tooltip)}" ', 1)
        else:
            widget.tooltip = described.tooltip
