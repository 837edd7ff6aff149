"""How the outcome of many payloads looks: how many went well, the first rows, why others failed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..display.design import output
from ..display.markup import after, heading, line, part, state
from ..display.table import Cell, cell, html_table
from ..display.text import duration_text, plain
from ..redaction import redact
from .payloads import is_frame, rows_of

if TYPE_CHECKING:
    from .runs import Run, Runs

#: Rows that are shown, reasons, and row numbers of each.
_ROWS, _REASONS, _NUMBERS = 5, 10, 8
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.ASCII)
#: Members of payloads or of results that have columns of their own.
_COLUMNS = 6


def overview(runs: Runs) -> str:
    """The card of some runs, as markup."""
    if not runs:
        return line(repr(runs))["text/html"]
    counts = runs._counts()
    told = f"{counts.pop('succeeded'):,} ✓ {counts.pop('failed'):,} ✗"
    told += "".join(f", {count:,} {word}" for word, count in counts.items() if count)
    noun = "run" if len(runs) == 1 else "runs"
    parts = [heading(f"{max(len(runs), runs.total or 0):,} {noun} of {plain(runs.workflow)}", told)]
    failed = runs.failed
    first = runs[:_ROWS]
    parts += map(after, remarks(runs))
    parts += [part("First rows") if len(runs) > _ROWS or failed else "", _first_rows(runs, first)]
    if failed:
        parts += [part("Failures"), _failures(runs, failed)]
    more = "Assign it (runs = …): runs.to_frame() gives all rows as a pandas data frame."
    if failed:
        more += " runs.retry() runs the failed ones again; so does runs.retry(payloads=…), with rows of that "
        more += "frame that were corrected. Both fill in runs."
    parts.append(after(more))
    return output(f'<div class="codika-card codika-wide">{"".join(parts)}</div>')


def remarks(runs: Runs) -> list[str]:
    """What of the payloads is not as the form has it, and what of a data frame was not sent."""
    return [told for told in (_strange(runs), _left_out(runs)) if told]


def _first_rows(runs: Runs, rows: list[Run]) -> str:
    inputs = [] if runs.inputs is None else [payload_at(runs.inputs, run.index) for run in rows]
    given = _columns(inputs, "Input")
    gave = _columns([run.result for run in rows], "Result")
    results = [f"{name}_result" if name in given else name for name in gave]
    headings = ["", "Status", *given, *results, "Took"]
    table: list[list[Cell]] = []
    for n, run in enumerate(rows):
        took = "" if run.duration is None else duration_text(run.duration)
        good = {"success": True, "pending": None}.get(run.status, False)
        columns = [*given.values(), *gave.values()]
        table.append([_label(run), state(run.status, good), *(column[n] for column in columns), took])
    numbers = [
        heading
        for heading, column in zip([*given, *results], [*given.values(), *gave.values()], strict=True)
        if any(column) and all(map(_NUMBER.fullmatch, filter(None, column)))
    ]
    return html_table(headings, table, numbers=["", "Took", *numbers], label="First rows")


def _strange(runs: Runs) -> str:
    """What to say of members of the payloads that the form lacks, as far as it is known here."""
    # The schemas of forms are many models, which most calls do without.
    from .offers import known_here, strange_members  # noqa: PLC0415

    inputs: Any = runs.inputs
    rows = [dict.fromkeys(map(str, inputs.columns))] if is_frame(inputs) else inputs or ()
    return strange_members(known_here(runs.instance).offer(runs.workflow), rows)


def _left_out(runs: Runs) -> str:
    """What to say of a data frame's empty cells, which are no part of the payloads."""
    if not is_frame(runs.inputs):
        return ""
    sent: Any = runs.inputs
    empty = sent.iloc[: len(runs)].isna().to_numpy()
    told = []
    for n, name in enumerate(sent.columns):
        if labels := [_label(runs[row]) for row in empty[:, n].nonzero()[0][: _NUMBERS + 1]]:
            noun = "row" if len(labels) == 1 else "rows"
            told.append(f"{plain(str(name))} ({noun} {_listed(labels)})")
    if not told:
        return ""
    more = f" and {len(told) - _COLUMNS} more" if len(told) > _COLUMNS else ""
    return f"Empty, and so not sent: {', '.join(told[:_COLUMNS])}{more}."


def _label(run: Run) -> str:
    """What a row is called: as in the index of a data frame, else by its number."""
    return f"{run.label:,}" if isinstance(run.label, int) else plain(str(run.label), 40)


def _failures(runs: Runs, failed: list[Run]) -> str:
    by_reason: dict[str, list[str]] = {}
    for run in failed:
        by_reason.setdefault(_reason(run), []).append(_label(run))
    most = sorted(by_reason.items(), key=lambda each: -len(each[1]))
    rows = [[f"{len(indexes):,}", reason, _listed(indexes)] for reason, indexes in most[:_REASONS]]
    table = html_table(["Runs", "Reason", "Rows"], rows, numbers=["Runs"], label="Failures")
    left = len(most) - len(rows)
    return table + (after(f"… and {left:,} more reasons: runs.failed has all of them.") if left else "")


def _listed(labels: list[str]) -> str:
    shown = ", ".join(labels[:_NUMBERS])
    return f"{shown}, …" if len(labels) > _NUMBERS else shown


def _reason(run: Run) -> str:
    problem = run.execution.error_details if run.execution else None
    if problem is not None:
        return plain(": ".join(filter(None, (problem.failed_node_name, problem.message))), 200)
    return plain(run.error.message, 200) if run.error else ""


def _columns(values: list[Any], other: str) -> dict[str, list[str]]:
    """Objects as a column for each of their members; what is none, or has too many, as one."""
    told = [value for value in values if value is not None]
    if not told:
        return {}
    names = dict.fromkeys(name for value in told if isinstance(value, Mapping) for name in value)
    if not all(isinstance(value, Mapping) for value in told) or not 0 < len(names) <= _COLUMNS:
        return {other: ["" if value is None else _brief(value) for value in values]}
    return {
        plain(str(name)): [_brief(value[name]) if value and name in value else "" for value in values]
        for name in names
    }


def _brief(value: Any) -> str:
    """A value on one line, short enough for a table."""
    if value is None or isinstance(value, bool) or (isinstance(value, str) and value.strip()):
        return redact(cell(value))
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):  # a payload that was refused for just that
        text = _said(value)
    return plain(redact(text), 60)


def _said(value: Any) -> str:
    """A value that is no JSON: as Python writes it, or only what it is, where Python refuses that, too."""
    try:
        return repr(value)
    except (ValueError, RecursionError):  # thousands of digits
        return f"a {type(value).__name__}"


def payload_at(inputs: Any, index: int) -> Any:
    """The payload of a row; none if whoever has the payloads has taken it away since."""
    if is_frame(inputs):
        return next(rows_of(inputs.iloc[index : index + 1]), None)
    return inputs[index] if index < len(inputs) else None
