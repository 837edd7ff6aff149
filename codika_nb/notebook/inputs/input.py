"""What every field of a playground's form can do.

An input knows how its value is typed, ticked or picked; what fits is for `schema` to say. Only widgets
that ipywidgets itself has are used, so that a form works wherever those do.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets as widgets

from ...errors import ConfigError
from ...usecases.fields import FormField, Section
from ...usecases.schema import field_problems, hint, initial_value
from ..controls import Parts
from ..texts import heading, required


@dataclass(frozen=True)
class Around:
    """What a field reports to, what makes its widgets, and the sections and the item of a list it is in."""

    changed: Callable[[], None]
    enter: Callable[[], None]
    parts: Parts
    sections: tuple[Fold, ...] = ()


class Input:
    """A field of a playground: what it holds, and what is wrong with it.

    Attributes:
        label: what it is called.
        value: what it holds, as it would be sent; None or empty if it is blank.
        box: all that is seen of it, a widget.
    """

    value: Any
    box: widgets.Box
    item = ""

    def __init__(self, described: Any, label: str, around: Around) -> None:
        self.field = described
        self.label = label
        self._around = around
        self._problem = ""
        self._note = around.parts.markup(self._told(), "codika-note")

    @property
    def problem(self) -> str:
        """What is said about it at the moment; empty if nothing."""
        return self._problem

    @problem.setter
    def problem(self, text: str) -> None:
        if text != self._problem:
            self._problem = text
            self._write_note()
            if text:
                self._unfold()
            (self.box.add_class if text else self.box.remove_class)("codika-wrong")

    def _name_above(self) -> widgets.HTML:
        """What it is called, above several controls that have names of their own."""
        return self._around.parts.markup(heading(self.label), *required(self.field))

    def _fill_in_default(self) -> None:
        # A default that does not fit is the schema's mistake: the field is there all the same.
        with suppress(ConfigError):
            self.value = initial_value(self.field)

    def focus(self) -> None:
        """Open what the field is hidden in, and put the cursor into it."""
        self._unfold()
        self.first().focus()

    def _unfold(self) -> None:
        for section in self._around.sections:
            section.is_open = True

    def at(self, path: tuple[str | int, ...]) -> Input:
        """The field at this place inside of it: the nearest one that is there."""
        return self

    def rename(self, label: str) -> None:
        """Call it something else."""
        self.label = label

    def tell_apart(self, item: str) -> None:
        """Say which item of a list it belongs to: the others have fields of the same names."""
        self.item = item

    @property
    def full_label(self) -> str:
        """What it is called among all fields of the form."""
        return f"{self.label} ({self.item})" if self.item else self.label

    def first(self) -> widgets.DOMWidget:
        """The control of it that the cursor goes into."""
        raise NotImplementedError

    def _hint(self) -> str:
        about = (getattr(self.field, name, None) for name in ("description", "tooltip"))
        return " ".join(part for part in (*about, hint(self.field)) if part)

    def _write_note(self) -> None:
        self._note.value = self._told()

    def _told(self) -> str:
        # Not an alert: several at once would interrupt each other, and the form says which they are.
        said = f'<p class="error">{html.escape(self._problem)}</p>' if self._problem else ""
        hint = self._hint()
        if self._problem:
            hint = hint.replace(self._problem, "").strip()  # said once is enough
        told = f"<p>{html.escape(hint)}</p>" if hint else ""
        return said + told

    def _refuse(self, value: Any) -> ConfigError:
        told = next((each.text for each in field_problems(self.field, value)), "")
        return ConfigError(
            f'The field "{self.label}" cannot hold this {type(value).__name__}.',
            next_action=told or "See the workflow's input schema for what it takes.",
        )

    def __repr__(self) -> str:
        return f"Input({self.label!r})"


class Fold:
    """A section: a title, and fields that can be folded away if the schema says so.

    Args:
        section: of the schema.
        around: what is around it.
        make: makes what is seen of its fields, given what is around those.
    """

    def __init__(
        self,
        section: Section,
        around: Around,
        make: Callable[[list[FormField], Around], Iterator[widgets.Widget]],
    ) -> None:
        parts = around.parts
        self._is_open = section.default_open is not False or not section.collapsible
        self._head = (
            parts.button(section.title, self._toggle, "codika-quiet", "codika-fold", *self._said())
            if section.collapsible
            else parts.markup(f"<h4>{html.escape(section.title)}</h4>")
        )
        about = [parts.markup(f"<p>{html.escape(section.description)}</p>")] if section.description else []
        inside = replace(around, sections=(*around.sections, self))
        self._folded = (*about, parts.stack(make(section.input_schema, inside), "codika-fields"))
        self.box = parts.stack(self._seen(), "codika-section")

    @property
    def is_open(self) -> bool:
        """Whether its fields are in view."""
        return self._is_open

    @is_open.setter
    def is_open(self, wanted: bool) -> None:
        self._is_open = wanted or isinstance(self._head, widgets.HTML)
        self.box.children = self._seen()
        if isinstance(self._head, widgets.Button):
            self._head._dom_classes = ("codika-quiet", "codika-fold", *self._said())

    def _said(self) -> tuple[str, ...]:
        return ("codika-open",) if self._is_open else ()

    def _seen(self) -> tuple[widgets.Widget, ...]:
        return (self._head, *(self._folded if self._is_open else ()))

    def _toggle(self) -> None:
        self.is_open = not self.is_open
