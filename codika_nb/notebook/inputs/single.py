"""A field with one control: text, number, date, tick, or one of several options."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import ipywidgets as widgets
from traitlets import TraitError

from ...usecases.fields import (
    BooleanItem,
    DateItem,
    JSONField,
    NumberItem,
    Option,
    RadioItem,
    SelectItem,
    TextItem,
)
from ...usecases.words import read_date
from ..controls import Checkbox, DatePicker, Dropdown, LineField, RadioButtons, Textarea, W
from ..texts import css_text, named, required
from .input import Around, Input


class Single(Input):
    """A field with one control."""

    def __init__(self, described: Any, label: str, around: Around) -> None:
        self._group = f"codika-{uuid4().hex[:8]}"
        self.widget, self._read, self._write = _control(described, label, around, self._group)
        super().__init__(described, label, around)
        is_short = isinstance(described, NumberItem | DateItem | BooleanItem | SelectItem)
        short = ("codika-short",) if is_short else ()
        self.box = around.parts.stack([self.widget, self._note], "codika-field", *short)
        self._fill_in_default()
        self.widget.observe(lambda _: self._changed(), "value")

    @property
    def value(self) -> Any:
        return self._read(self.widget.value)

    @value.setter
    def value(self, value: Any) -> None:
        try:
            # One number out of an array or a table is as good as Python's own.
            self.widget.value = self._write(value.item() if hasattr(value, "item") else value)
        except (TypeError, ValueError, TraitError):
            raise self._refuse(value) from None

    def _told(self) -> str:
        if not isinstance(self.field, RadioItem):
            return super()._told()
        # Each choice says what it is a choice of, which is not in its own label.
        group = css_text(f"{self.full_label}: ")
        return f"{super()._told()}<style>.{self._group} {{ --codika-group: {group} }}</style>"

    def rename(self, label: str) -> None:
        super().rename(label)
        self.widget.description = named(label)["description"]

    def tell_apart(self, item: str) -> None:
        super().tell_apart(item)
        self.widget.description = named(self.label, after=item)["description"]
        self._write_note()

    def _changed(self) -> None:
        if isinstance(self.field, BooleanItem):
            self._write_note()
        self._around.changed()

    def _hint(self) -> str:
        if isinstance(self.field, BooleanItem):
            state = self.field.enabled_label if self.widget.value else self.field.disabled_label
            return " · ".join(part for part in (state, super()._hint()) if part)
        return super()._hint()

    def first(self) -> widgets.DOMWidget:
        return self.widget


Conversion = Callable[[Any], Any]


def _control(  # noqa: PLR0911 - one for each kind of field
    described: Any, label: str, around: Around, group: str
) -> tuple[Any, Conversion, Conversion]:
    """The control for a field, how to read its value from it, and how to put one in."""

    def made(kind: type[W], *classes: str, **more: Any) -> W:
        return around.parts.make(kind, *required(described), *classes, **named(label), tooltip="", **more)

    typed = {"placeholder": described.placeholder or ""}
    match described:
        case JSONField():
            return made(Textarea, **typed, rows=3), _text, _json_in
        case TextItem():
            return made(Textarea, **typed, rows=described.rows or 4), _text, _text_in
        case NumberItem():
            return made(LineField, **typed, on_enter=around.enter), _number, _number_in
        case BooleanItem():
            return made(Checkbox, indent=False), bool, lambda value: value is not None and value
        case DateItem():
            # Not by Tab, but by `focus`: of this control a browser can focus no more than the frame.
            return made(DatePicker, tabbable=False), lambda day: day and day.isoformat(), _date_in
        case SelectItem():
            nothing = "Choose…" if getattr(described, "required", None) else "–"
            options = [(described.placeholder or nothing, None), *_choices(described.options)]
            return made(Dropdown, options=options), _same, _same
        case RadioItem():
            return made(RadioButtons, group, options=_choices(described.options), index=None), _same, _same
        case _:
            return made(LineField, **typed, on_enter=around.enter), _text, _text_in


def _choices(options: list[Option]) -> list[tuple[str, str]]:
    return [(option.label, option.value) for option in options]


def _same(value: Any) -> Any:
    return value


def _text(typed: str) -> str | None:
    return typed or None


def _text_in(value: Any) -> Any:
    return "" if value is None else value


def _json_in(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_NUMBER = re.compile(r"[+-]?([0-9]+|[0-9]*\.[0-9]+|[0-9]+\.)([eE][+-]?[0-9]+)?")


def _number(typed: str) -> int | float | str | None:
    """The number that was typed; what is none stays as it was typed, to be found fault with."""
    text = typed.strip()
    if not _NUMBER.fullmatch(text):
        return text or None
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:  # thousands of digits
        return text


def _number_in(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str | None):
        raise TypeError
    return "" if value is None else str(value)


def _date_in(value: Any) -> date | None:
    day = read_date(value.isoformat() if isinstance(value, date) else value)
    if value is not None and day is None:
        raise ValueError
    return day
