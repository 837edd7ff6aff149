"""Fields made of fields: objects, and lists of values or of objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import ipywidgets as widgets

from ...errors import ConfigError
from ...usecases.fields import (
    ArrayField,
    FileField,
    FormField,
    MultiselectField,
    ObjectArrayField,
    ObjectField,
    Section,
)
from ..controls import Parts
from .input import Around, Fold, Input
from .several import Several, Upload
from .single import Single


class Group(Input):
    """Fields whose values form an object: those of an object field, or of the whole form."""

    def __init__(
        self, described: ObjectField | None, schema: list[FormField], label: str, around: Around
    ) -> None:
        super().__init__(described, label, around)
        self.inputs: dict[str, Input] = {}
        parts = around.parts
        within = ("codika-inside",) if described is not None else ()
        inside = parts.stack(self._make(schema, around), "codika-fields", *within)
        head = []
        if described is not None:
            head = [self._name_above()]
            self._put_default(described.default_value or {})
        self.box = parts.stack([*head, self._note, inside], "codika-field")

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
                yield Fold(described, around, self._make).box
            else:
                made = _input(described, described.label, around)
                self.inputs[described.key] = made
                yield made.box

    @property
    def value(self) -> dict[str, Any]:
        return {key: each.value for key, each in self.inputs.items()}

    @value.setter
    def value(self, value: Any) -> None:
        """Fill in the members that are given, all of them or none; the others stay."""
        if not isinstance(value, Mapping):
            raise self._refuse(value)
        members = [(self[key], member) for key, member in value.items()]
        filled: list[tuple[Input, Any]] = []
        try:
            for each, member in members:
                filled.append((each, each.value))
                each.value = member
        except ConfigError:
            for each, before in filled[:-1]:
                each.value = before
            raise

    def __getitem__(self, key: str) -> Input:
        if key not in self.inputs:
            there = ", ".join(self.inputs) or "none"
            raise ConfigError(f'There is no field "{key}" here.', next_action=f"The fields are: {there}.")
        return self.inputs[key]

    def at(self, path: tuple[str | int, ...]) -> Input:
        inside = self.inputs.get(path[0]) if path and isinstance(path[0], str) else None
        return inside.at(path[1:]) if inside else self

    def tell_apart(self, item: str) -> None:
        super().tell_apart(item)
        for each in self.inputs.values():
            each.tell_apart(item)

    def first(self) -> widgets.DOMWidget:
        return next((each.first() for each in self.inputs.values()), self._note)


class _Row(NamedTuple):
    """One item of a list, and what is seen of it."""

    input: Input
    parts: Parts
    box: widgets.Box
    title: widgets.HTML
    remove: widgets.Button


class Rows(Input):
    """Any number of items: values of one kind, or objects."""

    field: ArrayField | ObjectArrayField

    def __init__(self, described: ArrayField | ObjectArrayField, label: str, around: Around) -> None:
        self._rows: list[_Row] = []
        super().__init__(described, label, around)
        parts = around.parts
        self._list = parts.stack([])
        self.more = parts.button(
            "Add item", self._clicked_add, "codika-quiet", "codika-more", tooltip=f"Add to {label}"
        )
        self.box = parts.stack([self._name_above(), self._list, self._note, self.more], "codika-field")
        self._fill_in_default()

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
        gone.parts.close()

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
            row.parts.close()

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
                row.parts.close()
            raise
        return made

    def _make_row(self) -> _Row:
        parts = self._around.parts.further()
        around = replace(self._around, parts=parts)
        title = parts.markup("")
        remove = parts.button("Remove", lambda: self._clicked_remove(row), "codika-quiet")
        made: Input
        if isinstance(self.field, ObjectArrayField):
            made = Group(None, self.field.item_schema, self.label, around)
            box = parts.stack([parts.row([title, remove]), made.box], "codika-item")
        else:
            made = Single(self.field.item_field, self.label, around)
            box = parts.stack([made.box, remove], "codika-row")
        row = _Row(made, parts, box, title, remove)
        return row

    def _clicked_add(self) -> None:
        if self._room():
            self.add().focus()

    def _clicked_remove(self, row: _Row) -> None:
        if row in self._rows:
            index = self._rows.index(row)
            self.remove(index)
            # Whoever works by keyboard goes on from here.
            (self.items[min(index, len(self.items) - 1)].first() if self._rows else self.more).focus()

    def _room(self) -> bool:
        return self.field.max_items is None or len(self._rows) < self.field.max_items

    def _arrange(self, rows: list[_Row]) -> None:
        """Show these rows, and number them."""
        self._rows = rows
        self._name()
        self._list.children = tuple(row.box for row in rows)
        self.more.disabled = not self._room()
        self._write_note()
        self._around.changed()

    def _name(self) -> None:
        """Number the rows, and say of each which item of another list it belongs to, if it does."""
        within = f" ({self.item})" if self.item else ""
        for n, row in enumerate(self._rows, 1):
            row.input.rename(f"{self.label} {n}")
            own = f"item {n}" if isinstance(row.input, Group) else ""
            if item := ", ".join(filter(None, (self.item, own))):
                row.input.tell_apart(item)
            row.title.value = f'<div class="codika-nth">{n}</div>'
            row.remove.tooltip = f"Remove {row.input.label}{within}"

    def tell_apart(self, item: str) -> None:
        super().tell_apart(item)
        self.more.tooltip = f"Add to {self.full_label}"
        self._name()

    def _hint(self) -> str:
        full = "" if self._room() else f"There may be {self.field.max_items}, and no more."
        return " ".join(part for part in (super()._hint(), full) if part)

    def first(self) -> widgets.DOMWidget:
        return self.items[0].first() if self._rows else self.more


def _input(described: Any, label: str, around: Around) -> Input:
    """The field of a form for a field of a schema."""
    match described:
        case MultiselectField():
            return Several(described, label, around)
        case FileField():
            return Upload(described, label, around)
        case ObjectField():
            return Group(described, described.schema_, label, around)
        case ArrayField() | ObjectArrayField():
            return Rows(described, label, around)
        case _:
            return Single(described, label, around)
