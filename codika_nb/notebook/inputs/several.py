"""Fields with several controls for one value: boxes to tick, and files."""

from __future__ import annotations

import html
import mimetypes
from typing import Any

import ipywidgets as widgets

from ...display.text import plain
from ...usecases.fields import FileField, MultiselectField
from ...usecases.uploads import FILES, UNKNOWN, File, file_at
from ...usecases.words import size_text
from ..controls import Checkbox
from ..texts import named
from .input import Around, Input


class Several(Input):
    """Any number of options: a box to tick for each."""

    field: MultiselectField

    def __init__(self, described: MultiselectField, label: str, around: Around) -> None:
        super().__init__(described, label, around)
        parts = around.parts
        self._ticks = {
            option.value: parts.make(Checkbox, **named(option.label, before=label), tooltip="", indent=False)
            for option in described.options
        }
        ticks = parts.stack(self._ticks.values(), "codika-ticks")
        self.box = parts.stack([self._name_above(), ticks, self._note], "codika-field")
        self._fill_in_default()
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
        wanted = {str(item) for item in chosen}
        for option, tick in self._ticks.items():
            tick.value = option in wanted

    def tell_apart(self, item: str) -> None:
        super().tell_apart(item)
        for option in self.field.options:
            name = named(option.label, before=self.full_label)
            self._ticks[option.value].description = name["description"]

    def first(self) -> widgets.DOMWidget:
        return next(iter(self._ticks.values()), self._note)


class Upload(Input):
    """A file; `value` takes the path of one, too."""

    field: FileField

    def __init__(self, described: FileField, label: str, around: Around) -> None:
        self._file: File | None = None
        super().__init__(described, label, around)
        parts = around.parts
        self.upload = parts.make(
            widgets.FileUpload,
            accept=",".join(described.allowed_mime_types or ()),
            description=self._asks(),
            icon="",
            tooltip="",
        )
        self.upload.observe(lambda _: self._take(), "value")
        self.remove = parts.button("Remove", self._clear, "codika-quiet", tooltip=f"Remove {label}")
        self._chosen = parts.markup("")
        self._row = parts.row([self.upload])
        self.box = parts.stack([self._name_above(), self._row, self._note], "codika-field", "codika-file")

    @property
    def value(self) -> dict[str, Any] | None:
        return self._file.to_json() if self._file else None

    @value.setter
    def value(self, value: Any) -> None:
        if isinstance(value, (str, *FILES)) and not (isinstance(value, str) and value.startswith("data:")):
            value = file_at(self.field.key, value)
        self._file = File.read(value)
        if self._file is None and value is not None:
            raise self._refuse(value)
        self._show()
        self._around.changed()

    def _take(self) -> None:
        """Take over what a browser has sent."""
        if self.upload.value:
            sent = self.upload.value[0]
            kind = sent["type"] or mimetypes.guess_type(sent["name"])[0] or UNKNOWN
            self._file = File.of(sent["name"], kind, bytes(sent["content"]))
            # One copy is enough.
            self.upload.value = ()
            self._show()
            self._around.changed()

    def _clear(self) -> None:
        self.value = None
        self.upload.focus()

    def _show(self) -> None:
        self._row.children = (self.upload, self._chosen, self.remove) if self._file else (self.upload,)
        self._chosen.value = ""
        if file := self._file:
            preview = file.is_picture and self.field.show_preview is not False
            picture = file.picture(file.name) if preview else ""
            about = f"{html.escape(plain(file.name))} <small>{size_text(file.size)}</small>"
            self._chosen.value = f"{picture}<span>{about}</span>"

    def tell_apart(self, item: str) -> None:
        super().tell_apart(item)
        self.upload.description = self._asks()

    def _asks(self) -> str:
        return f"{self.full_label}: choose a file"

    def first(self) -> widgets.DOMWidget:
        return self.upload
