"""What an import has done, and what it leaves to a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ...display.text import LONGEST, plain


@dataclass(frozen=True)
class ImportNote:
    """Something that an import has done, or that a person has to decide.

    Attributes:
        kind: ``done``, or ``decide``.
        workflow: the workflow's template id.
        node: the node it is about; None if it is about the workflow.
        message: what it is, and the next step where there is one.
    """

    kind: Literal["done", "decide"]
    workflow: str
    node: str | None
    message: str


class ImportReport(list[ImportNote]):
    """What an import has done and what a person has to decide; a list that shows itself as a table.

    Example:
        >>> use_case = UseCase.from_n8n("my-n8n-export.json")
        >>> [note.message for note in use_case.imported.decide]
        ['The result is the first item that reaches Submit Result. ...']
    """

    _COLUMNS = ("Workflow", "Node", "What")

    @property
    def done(self) -> ImportReport:
        """What was done."""
        return ImportReport(note for note in self if note.kind == "done")

    @property
    def decide(self) -> ImportReport:
        """What a person has to decide."""
        return ImportReport(note for note in self if note.kind == "decide")

    def to_json(self) -> list[dict[str, Any]]:
        """The same as plain data."""
        return [asdict(note) for note in self]

    def _rows(self) -> list[list[str]]:
        return [[note.workflow, note.node or "", note.message] for note in self]

    def __repr__(self) -> str:
        if not self:
            return "Nothing."
        return "\n".join(": ".join(plain(cell, LONGEST) for cell in row if cell) for row in self._rows())

    def _repr_html_(self) -> str:
        from ...display.design import output  # noqa: PLC0415 - only a notebook asks for it

        return output(self.markup())

    def markup(self) -> str:
        """The table, to stand within an output."""
        if not self:
            return '<p class="codika-notice">Nothing.</p>'
        from ...display.table import html_table  # noqa: PLC0415 - only a notebook asks for it

        return html_table(self._COLUMNS, self._rows(), label="Report")


class Notes:
    """Takes down what is done to one workflow."""

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        self.taken: dict[ImportNote, None] = {}

    def done(self, message: str, node: str | None = None) -> None:
        """Something that was done."""
        self._take(ImportNote("done", self.workflow, node, message))

    def decide(self, message: str, node: str | None = None) -> None:
        """Something that a person has to decide."""
        self._take(ImportNote("decide", self.workflow, node, message))

    def _take(self, note: ImportNote) -> None:
        self.taken.setdefault(note)
