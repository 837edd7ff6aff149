"""What every field of a playground's form can do.

An input knows how its value is typed, ticked or picked; what fits is for `schema` to say. Only widgets
that ipywidgets itself has are used, so that a form works wherever those do.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from ...errors import ConfigError
from ...usecases.fields import Section
from ...usecases.words import hint
from ..controls import action_button
from ..texts import markup, stack


@dataclass(frozen=True)
class Around:
    """What a field reports to, and the sections it is in."""

    changed: Callable[[], None]
    enter: Callable[[], None]
    sections: tuple[Fold, ...] = ()


class Input:
    """A field of a playground: what it holds, and what is wrong with it.

    Attributes:
        label: what it is called.
        box: all that is seen of it, a widget.
    """

    box: widgets.Box

    def __init__(self, described: Any, label: str, around: Around) -> None:
        self.field = described
        self.label = label
        self._around = around
        self._problem = ""
        self._note = markup("", "codika-note")
        self._write_note()

    @property
    def value(self) -> Any:
        """What the field holds, as it would be sent; None or empty if it is blank."""
        raise NotImplementedError

    @value.setter
    def value(self, value: Any) -> None:
        raise NotImplementedError

    @property
    def problem(self) -> str:
        """What is said about it at the moment; empty if nothing."""
        return self._problem

    @problem.setter
    def problem(self, text: str) -> None:
        if text != self._problem:
            self._problem = text
            self._write_note()
            (self.box.add_class if text else self.box.remove_class)("codika-wrong")

    def focus(self) -> None:
        """Open what the field is hidden in, and put the cursor into it."""
        for section in self._around.sections:
            section.is_open = True
        self.first().focus()

    def at(self, path: tuple[str | int, ...]) -> Input:
        """The field at this place inside of it: the nearest one that is there."""
        return self

    def rename(self, label: str) -> None:
        """Call it something else."""
        self.label = label

    def tell_apart(self, item: str) -> None:
        """Have it heard which item of a list it belongs to: the others have fields of the same names."""

    def first(self) -> widgets.DOMWidget:
        """The control of it that the cursor goes into."""
        raise NotImplementedError

    def _hint(self) -> str:
        about = (getattr(self.field, name, None) for name in ("description", "tooltip"))
        return " ".join(part for part in (*about, hint(self.field)) if part)

    def _write_note(self) -> None:
        # Not an alert: several at once would interrupt each other, and the form says which they are.
        said = f'<p class="error">{html.escape(self._problem)}</p>' if self._problem else ""
        told = f"<p>{html.escape(text)}</p>" if (text := self._hint()) else ""
        self._note.value = said + told

    def _refuse(self, value: Any) -> ConfigError:
        return ConfigError(
            f'The field "{self.label}" cannot hold this {type(value).__name__}.',
            next_action="See the workflow's input schema for what it takes.",
        )

    def __repr__(self) -> str:
        return f"Input({self.label!r})"


class Fold:
    """A section: a title, and fields that can be folded away if the schema says so."""

    def __init__(self, section: Section) -> None:
        self._title = section.title
        self.content = stack([], "codika-fields")
        self._head = action_button("", "", self._toggle) if section.collapsible else None
        head = self._head or markup(f"<h4>{html.escape(section.title)}</h4>")
        about = [markup(f"<p>{html.escape(section.description)}</p>")] if section.description else []
        self.box = stack([head, *about, self.content], "codika-section")
        if self._head:
            self._head.add_class("codika-quiet").add_class("codika-fold")
            self._about = about
            self.is_open = section.default_open is not False

    @property
    def is_open(self) -> bool:
        """Whether its fields are in view."""
        return bool(self.content.layout.display != "none")

    @is_open.setter
    def is_open(self, wanted: bool) -> None:
        if self._head:
            self._head.description = self._title
            for name, is_so in (("codika-open", wanted), ("codika-closed", not wanted)):
                (self._head.add_class if is_so else self._head.remove_class)(name)
            for each in (*self._about, self.content):
                each.layout.display = None if wanted else "none"

    def _toggle(self) -> None:
        self.is_open = not self.is_open
