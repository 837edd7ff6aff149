"""What a check has found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ...errors import UseCaseError

Severity = Literal["must", "should", "nit"]

#: How people are told.
_SEVERITIES: dict[Severity, str] = {"must": "must fix", "should": "should fix", "nit": "detail"}


@dataclass(frozen=True)
class Finding:
    """Something that a check has found.

    Attributes:
        rule: its name, as in ``codika verify``.
        severity: ``must`` keeps the use case from running, ``should`` may surprise, ``nit`` is taste.
        message: what is wrong and what would be right.
        path: the file, inside the folder.
        node: the node of the workflow, if it is about one.
    """

    rule: str
    severity: Severity
    message: str
    path: str
    node: str | None = None

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The same as plain data, fit for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.rule}: {self.message} ({', '.join(filter(None, (self.path, self.node)))})"


class Findings(list[Finding]):
    """What `UseCase.verify` has found; a list that shows itself as a table."""

    _COLUMNS = ("Severity", "Rule", "File", "Node", "Message")

    #: Mends what can be in the place where it was found; None where there is no such place.
    _mend: Callable[[Findings], Findings] | None = None
    _is_mended = False

    def model_dump(self, **options: Any) -> list[dict[str, Any]]:
        """The same as plain data, fit for JSON."""
        return [each.model_dump(**options) for each in self]

    @property
    def must(self) -> Findings:
        """Those that keep the use case from running."""
        found = Findings(finding for finding in self if finding.severity == "must")
        found._mend = self._mend
        return found

    def fix(self) -> Findings:
        """Mend what needs no decision, in the files in which it was found.

        That is: settings, members of another engine, the lock and the id of webhooks, placeholders that do
        not end in their kind, quotes around deployment parameters, models that are gone, and the
        ``config.ts`` that shows a ``config.json`` to the codika tool.

        Returns:
            Those that are mended. What is left, `UseCase.verify` says.

        Raises:
            UseCaseError: there is no file: a dictionary was checked.

        Example:
            >>> use_case = UseCase.load("use-cases/greeter")
            >>> use_case.verify().fix()
            No findings.
        """
        if self._mend is None:
            raise UseCaseError(
                "There is no file in which this could be mended.",
                next_action="Check a file or a use case, not a dictionary.",
            )
        done = self._mend(self)
        done._is_mended = True
        return done

    def _rows(self) -> list[list[str]]:
        said = "mended" if self._is_mended else None
        return [[said or _SEVERITIES[f.severity], f.rule, f.path, f.node or "", f.message] for f in self]

    def __repr__(self) -> str:
        from ...display.table import text_table  # noqa: PLC0415 - only who looks at it asks for it

        return text_table(self._COLUMNS, self._rows()) if self else "No findings."

    def _repr_html_(self) -> str:
        from ...display.design import output  # noqa: PLC0415 - only a notebook asks for it

        return output(self.markup())

    def markup(self) -> str:
        """The table, to stand within an output."""
        if not self:
            return '<p class="codika-notice">No findings.</p>'
        from ...display.table import html_table  # noqa: PLC0415 - only a notebook asks for it

        return html_table(self._COLUMNS, self._rows(), label="Findings")
