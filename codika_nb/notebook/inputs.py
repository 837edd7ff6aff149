"""The fields of a playground's form: one `Input` for each field of the schema, whatever is inside of it.

An input knows how its value is typed, ticked or picked; what fits is for `schema` to say. Only widgets
that ipywidgets itself has are used, so that a form works wherever those do.
"""

from __future__ import annotations

import html
import mimetypes
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets as widgets
from traitlets import TraitError

from ..display.text import plain
from ..errors import ConfigError
from ..usecases.fields import (
    ArrayField,
    BooleanItem,
    DateItem,
    FileField,
    FormField,
    MultiselectField,
    NumberItem,
    ObjectArrayField,
    ObjectField,
    Option,
    RadioItem,
    Section,
    SelectItem,
    TextItem,
)
from ..usecases.schema import initial_value
from ..usecases.uploads import File
from ..usecases.words import hint, read_date, size_text
from .controls import (
    Dropdown,
    _Checkbox,
    _close,
    _DatePicker,
    _heading,
    _mark,
    _RadioButtons,
    _Textarea,
    markup,
    stack,
)
from .entry import LineField, action_button


@dataclass(frozen=True)
class Around:
    """What a field reports to, and the sections it is in."""

    changed: Callable[[], None]
    enter: Callable[[], None]
    sections: tuple[_Fold, ...] = ()


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
        self._first().focus()

    def at(self, path: tuple[str | int, ...]) -> Input:
        """The field at this place inside of it: the nearest one that is there."""
        return self

    def rename(self, label: str) -> None:
        """Call it something else."""
        self.label = label

    def _first(self) -> widgets.DOMWidget:
        raise NotImplementedError

    def _hint(self) -> str:
        return " ".join(part for part in (getattr(self.field, "description", ""), hint(self.field)) if part)

    def _write_note(self) -> None:
        said = f'<p class="error" role="alert">{html.escape(self._problem)}</p>' if self._problem else ""
        told = f"<p>{html.escape(text)}</p>" if (text := self._hint()) else ""
        self._note.value = said + told

    def _refuse(self, value: Any) -> ConfigError:
        return ConfigError(
            f'The field "{self.label}" cannot hold this {type(value).__name__}.',
            next_action="See the workflow's input schema for what it takes.",
        )

    def __repr__(self) -> str:
        return f"Input({self.label!r})"


class _Single(Input):
    """A field with one control."""

    def __init__(self, described: Any, label: str, around: Around) -> None:
        self.widget, self._read, self._write = _control(described, label, around.enter)
        super().__init__(described, label, around)
        self.box = stack([self.widget, self._note], "codika-field")
        if isinstance(described, NumberItem | DateItem | BooleanItem | SelectItem):
            self.box.add_class("codika-short")
        _mark(self.widget, described)
        # A default that does not fit is the schema's mistake: the field is there all the same.
        with suppress(ConfigError):
            self.value = initial_value(described)
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

    def rename(self, label: str) -> None:
        super().rename(label)
        self.widget.description = label

    def _changed(self) -> None:
        if isinstance(self.field, BooleanItem):
            self._write_note()
        self._around.changed()

    def _hint(self) -> str:
        if isinstance(self.field, BooleanItem):
            state = self.field.enabled_label if self.widget.value else self.field.disabled_label
            return " · ".join(part for part in (state, super()._hint()) if part)
        return super()._hint()

    def _first(self) -> widgets.DOMWidget:
        return self.widget


Conversion = Callable[[Any], Any]


def _control(  # noqa: PLR0911 - one for each kind of field
    described: Any, label: str, enter: Callable[[], None]
) -> tuple[Any, Conversion, Conversion]:
    """The control for a field, how to read its value from it, and how to put one in."""
    look: dict[str, Any] = {"description": label, "tooltip": "", "layout": widgets.Layout(width="auto")}
    typed = {"description": label, "tooltip": "", "placeholder": described.placeholder or ""}
    match described:
        case TextItem():
            return _Textarea(**look | typed, rows=described.rows or 4), _text, _text_in
        case NumberItem():
            return LineField(**typed, on_enter=enter), _number, _number_in
        case BooleanItem():
            return _Checkbox(**look, indent=False), bool, lambda value: value is not None and value
        case DateItem():
            # Not by Tab, but by `focus`: of this control a browser can focus no more than the frame.
            return _DatePicker(**look, tabbable=False), lambda day: day and day.isoformat(), _date_in
        case SelectItem():
            nothing = "Choose…" if getattr(described, "required", None) else "–"
            options = [(described.placeholder or nothing, None), *_choices(described.options)]
            return Dropdown(**look, options=options), _same, _same
        case RadioItem():
            return _RadioButtons(**look, options=_choices(described.options), index=None), _same, _same
        case _:
            return LineField(**typed, on_enter=enter), _text, _text_in


def _choices(options: list[Option]) -> list[tuple[str, str]]:
    return [(option.label, option.value) for option in options]


def _same(value: Any) -> Any:
    return value


def _text(typed: str) -> str | None:
    return typed or None


def _text_in(value: Any) -> Any:
    return "" if value is None else value


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


class _Several(Input):
    """Any number of options: a box to tick for each."""

    field: MultiselectField

    def __init__(self, described: MultiselectField, label: str, around: Around) -> None:
        super().__init__(described, label, around)
        self._ticks = {
            option.value: _Checkbox(description=option.label, tooltip="", indent=False)
            for option in described.options
        }
        ticks = stack(self._ticks.values(), "codika-ticks")
        self.box = stack([_heading(described, label), ticks, self._note], "codika-field")
        with suppress(ConfigError):
            self.value = initial_value(described)
        for tick in self._ticks.values():
            tick.observe(lambda _: around.changed(), "value")

    @property
    def value(self) -> list[str]:
        return [value for value, tick in self._ticks.items() if tick.value]

    @value.setter
    def value(self, value: Any) -> None:
        chosen = [] if value is None else value
        if not isinstance(chosen, list | tuple) or any(str(item) not in self._ticks for item in chosen):
            raise self._refuse(value)
        for option, tick in self._ticks.items():
            tick.value = option in chosen

    def _first(self) -> widgets.DOMWidget:
        return next(iter(self._ticks.values()), self._note)


class _Upload(Input):
    """A file; `value` takes the path of one, too."""

    field: FileField

    def __init__(self, described: FileField, label: str, around: Around) -> None:
        self._file: File | None = None
        super().__init__(described, label, around)
        accepted = ",".join(described.allowed_mime_types or ())
        self.upload = widgets.FileUpload(accept=accepted, description=label, icon="", tooltip="")
        self.upload.observe(lambda _: self._take(), "value")
        self.remove = action_button("Remove", "", self._clear)
        self.remove.add_class("codika-quiet")
        self._chosen = markup("")
        row = widgets.HBox([self.upload, self._chosen, self.remove])
        self.box = stack([_heading(described, label), row, self._note], "codika-field", "codika-file")
        self._show()

    @property
    def value(self) -> dict[str, Any] | None:
        return self._file.to_json() if self._file else None

    @value.setter
    def value(self, value: Any) -> None:
        if isinstance(value, str | os.PathLike) and not str(value).startswith("data:"):
            self._file = _read_file(Path(value))
        else:
            self._file = File.read(value)
            if self._file is None and value is not None:
                raise self._refuse(value)
        self._show()
        self._around.changed()

    def _take(self) -> None:
        """Take over what a browser has sent."""
        if self.upload.value:
            sent = self.upload.value[0]
            kind = sent["type"] or mimetypes.guess_type(sent["name"])[0] or "application/octet-stream"
            self._file = File.of(sent["name"], kind, bytes(sent["content"]))
            # One copy is enough.
            self.upload.value = ()
            self._show()
            self._around.changed()

    def _clear(self) -> None:
        self.value = None
        self.upload.focus()

    def _show(self) -> None:
        self._chosen.value = ""
        self.remove.layout.display = None if self._file else "none"
        if file := self._file:
            preview = file.is_picture and self.field.show_preview is not False
            picture = file.picture(file.name) if preview else ""
            about = f"{html.escape(plain(file.name))} <small>{size_text(file.size)}</small>"
            self._chosen.value = f"{picture}<span>{about}</span>"

    def _first(self) -> widgets.DOMWidget:
        return self.upload


def _read_file(path: Path) -> File:
    try:
        content = path.expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # such as a null character, or nobody's home
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise ConfigError(
            f"The file {path} cannot be read: {reason}.", next_action="Give the path of a file."
        ) from None
    return File.of(path.name, mimetypes.guess_type(path.name)[0] or "application/octet-stream", content)


class Group(Input):
    """Fields whose values form an object: those of an object field, or of the whole form."""

    def __init__(
        self, described: ObjectField | None, schema: list[FormField], label: str, around: Around
    ) -> None:
        super().__init__(described, label, around)
        self.inputs: dict[str, Input] = {}
        inside = stack(self._make(schema, around), "codika-fields")
        heading = []
        if described is not None:
            heading = [_heading(described, label)]
            inside.add_class("codika-inside")
            self._put_default(described.default_value or {})
        self.box = stack([*heading, self._note, inside], "codika-field")

    def _put_default(self, members: Mapping[str, Any]) -> None:
        """Fill in what the object's default says, but for what does not fit."""
        for key, member in members.items():
            inside = self.inputs.get(key)
            if isinstance(inside, Group) and isinstance(member, Mapping):
                inside._put_default(member)
            elif inside:
                with suppress(ConfigError):
                    inside.value = member

    def _make(self, schema: list[FormField], around: Around) -> Iterator[widgets.Widget]:
        for described in schema:
            if isinstance(described, Section):
                fold = _Fold(described)
                inside = replace(around, sections=(*around.sections, fold))
                fold.content.children = tuple(self._make(described.input_schema, inside))
                yield fold.box
            else:
                made = _input(described, described.label, around)
                self.inputs[described.key] = made
                yield made.box

    @property
    def value(self) -> dict[str, Any]:
        return {key: each.value for key, each in self.inputs.items()}

    @value.setter
    def value(self, value: Any) -> None:
        """Fill in the members that are given; the others stay."""
        if not isinstance(value, Mapping):
            raise self._refuse(value)
        for key, member in value.items():
            self[key].value = member

    def __getitem__(self, key: str) -> Input:
        if key not in self.inputs:
            there = ", ".join(self.inputs) or "none"
            raise ConfigError(f'There is no field "{key}" here.', next_action=f"The fields are: {there}.")
        return self.inputs[key]

    def at(self, path: tuple[str | int, ...]) -> Input:
        inside = self.inputs.get(path[0]) if path and isinstance(path[0], str) else None
        return inside.at(path[1:]) if inside else self

    def _first(self) -> widgets.DOMWidget:
        return next((each._first() for each in self.inputs.values()), self._note)


class _Row(NamedTuple):
    """One item of a list, and what is seen of it."""

    input: Input
    box: widgets.Box
    title: widgets.HTML
    remove: widgets.Button


class _Rows(Input):
    """Any number of items: values of one kind, or objects."""

    field: ArrayField | ObjectArrayField

    def __init__(self, described: ArrayField | ObjectArrayField, label: str, around: Around) -> None:
        self._rows: list[_Row] = []
        super().__init__(described, label, around)
        self._list = stack([])
        self.more = action_button(f"Add to {label}", "", self._clicked_add)
        self.more.add_class("codika-quiet").add_class("codika-more")
        self.box = stack([_heading(described, label), self._list, self._note, self.more], "codika-field")
        with suppress(ConfigError):
            self.value = initial_value(described)

    @property
    def items(self) -> list[Input]:
        """The fields of its items, or the fields that make up each."""
        return [row.input for row in self._rows]

    def add(self, value: Any = None) -> Input:
        """Add an item, with this value if one is given."""
        [row] = self._make([value])
        self._arrange([*self._rows, row])
        return row.input

    def remove(self, index: int) -> None:
        """Take an item away."""
        gone = self._rows[index]
        self._arrange([row for row in self._rows if row is not gone])
        _close(gone.box)

    @property
    def value(self) -> list[Any]:
        return [item.value for item in self.items]

    @value.setter
    def value(self, value: Any) -> None:
        if not isinstance(value, list | tuple | None):
            raise self._refuse(value)
        before, made = self._rows, self._make(value or ())
        self._arrange(made)
        for row in before:
            _close(row.box)

    def __getitem__(self, index: int) -> Input:
        return self.items[index]

    def at(self, path: tuple[str | int, ...]) -> Input:
        if path and isinstance(path[0], int) and path[0] < len(self._rows):
            return self.items[path[0]].at(path[1:])
        return self

    def _make(self, values: Iterable[Any]) -> list[_Row]:
        """Rows that hold these values; all of them or none."""
        made: list[_Row] = []
        try:
            for value in values:
                made.append(self._make_row())
                if value is not None:
                    made[-1].input.value = value
        except ConfigError:
            for row in made:
                _close(row.box)
            raise
        return made

    def _make_row(self) -> _Row:
        title, remove = markup(""), action_button("Remove", "", lambda: self._clicked_remove(row))
        remove.add_class("codika-quiet")
        if isinstance(self.field, ObjectArrayField):
            group = Group(None, self.field.item_schema, self.label, self._around)
            row = _Row(group, stack([widgets.HBox([title, remove]), group.box], "codika-item"), title, remove)
        else:
            single = _Single(self.field.item_field, self.label, self._around)
            row = _Row(single, stack([single.box, remove], "codika-row"), title, remove)
        return row

    def _clicked_add(self) -> None:
        if self._room():
            self.add().focus()

    def _clicked_remove(self, row: _Row) -> None:
        if row in self._rows:
            index = self._rows.index(row)
            self.remove(index)
            # Whoever works by keyboard goes on from here.
            (self.items[min(index, len(self.items) - 1)]._first() if self._rows else self.more).focus()

    def _room(self) -> bool:
        return self.field.max_items is None or len(self._rows) < self.field.max_items

    def _arrange(self, rows: list[_Row]) -> None:
        """Show these rows, and number them."""
        self._rows = rows
        for n, row in enumerate(rows, 1):
            row.input.rename(f"{self.label} {n}")
            row.title.value = f'<div class="codika-number">{n}</div>'
            row.remove.tooltip = f"Remove {row.input.label}"
        self._list.children = tuple(row.box for row in rows)
        self.more.disabled = not self._room()
        self._write_note()
        self._around.changed()

    def _hint(self) -> str:
        full = "" if self._room() else f"There may be {self.field.max_items}, and no more."
        return " ".join(part for part in (super()._hint(), full) if part)

    def _first(self) -> widgets.DOMWidget:
        return self.items[0]._first() if self._rows else self.more


def _input(described: Any, label: str, around: Around) -> Input:
    """The field of a form for a field of a schema."""
    match described:
        case MultiselectField():
            return _Several(described, label, around)
        case FileField():
            return _Upload(described, label, around)
        case ObjectField():
            return Group(described, described.schema_, label, around)
        case ArrayField() | ObjectArrayField():
            return _Rows(described, label, around)
        case _:
            return _Single(described, label, around)


class _Fold:
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
            self._head.description = f"{'▾' if wanted else '▸'} {self._title}"
            for each in (*self._about, self.content):
                each.layout.display = None if wanted else "none"

    def _toggle(self) -> None:
        self.is_open = not self.is_open
