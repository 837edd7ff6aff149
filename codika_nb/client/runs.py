"""What has become of many payloads."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence, Sized
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..display.markup import after, card, line
from ..display.table import data_frame, html_table
from ..display.text import plain, redact
from ..errors import CodikaError, ConfigError, ExecutionFailedError
from ..models import Execution
from .payloads import Source, is_frame, rows_of

if TYPE_CHECKING:
    from pandas import DataFrame


class Run:
    """What has become of one payload. Looking at it never raises.

    Attributes:
        index: which payload it was, counted from 0.
        execution_id: the run's id, once it has been started.
        execution: the run as the platform has it, once it has ended.
    """

    __slots__ = ("_asked", "_error", "_lost", "_payload", "execution", "execution_id", "index")

    def __init__(self, index: int, payload: Any) -> None:
        self.index = index
        self.execution_id: str | None = None
        self.execution: Execution | None = None
        self._error: CodikaError | None = None
        # Kept until it has been sent: an iterator gives it only once.
        self._payload = payload
        # When the platform was asked to start it, as long as it has not answered; and whether anybody
        # still waits for that answer.
        self._asked: float | None = None
        self._lost = False

    @property
    def status(self) -> Literal["success", "failed", "pending"]:
        """How it ended; ``pending`` if it has not, as far as is known."""
        if self.execution is not None:
            return "success" if self.execution.status == "success" else "failed"
        return "failed" if self._error is not None and self.execution_id is None else "pending"

    @property
    def result(self) -> Any:
        """What the workflow returned; None if it did not end well."""
        return self.execution.result_data if self.execution and self.status == "success" else None

    @property
    def error(self) -> CodikaError | None:
        """Why there is no result: the workflow failed, the platform refused, or it still runs."""
        if self.execution is None:
            return self._error
        try:
            _ = self.execution.result
        except ExecutionFailedError as error:
            return bare(error)
        return None

    @property
    def duration(self) -> int | None:
        """Milliseconds that it took, as the platform measured."""
        return self.execution.duration if self.execution else None

    def __repr__(self) -> str:
        error = self.error
        outcome = repr(self.result) if self.status == "success" else error and repr(error.message)
        return f"Run({self.index}, {self.status}{f', {outcome}' if outcome else ''})"

    # Each of these clears `_asked` last: who sees that no answer is awaited also sees the answer.

    def _started(self, execution_id: str) -> None:
        self.execution_id, self._payload = execution_id, None
        self._asked = None

    def _refused(self, error: CodikaError) -> None:
        self._error, self._payload = bare(error), None
        self._asked = None

    def _ended(self, execution: Execution) -> None:
        self.execution, self._error = execution, None


E = TypeVar("E", bound=BaseException)


def bare(error: E) -> E:
    """The error without the frames that it went through: they hold payloads, which nobody needs any more."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class Runs(list[Run]):
    """What has become of many payloads, in their order; shows itself as counts and a table.

    Attributes:
        workflow, instance: what these are runs of.
        total: how many payloads there are, where that is known; of a batch that was interrupted not
            all are in the list.

    Example:
        >>> runs = client.run_many("greet", [{"name": "Ada"}, {"name": "Grace"}])
        >>> [result["greeting"] for result in runs.results]
        ['Hello, Ada!', 'Hello, Grace!']
    """

    def __init__(self, payloads: Any, *, workflow: str, instance: str) -> None:
        super().__init__()
        self.workflow = workflow
        self.instance = instance
        # Held by the batch that fills the list: two at once would start the same payloads.
        self._at_work = threading.Lock()
        self._take_from(Source(payloads))

    def _take_from(self, source: Source) -> None:
        self._source = source
        payloads = source.payloads
        self.total = len(payloads) if isinstance(payloads, Sized) else None
        # Where they can be looked at again; an iterator's are gone.
        self._inputs = payloads if isinstance(payloads, Sequence) or is_frame(payloads) else None

    def _go_on_with(self, payloads: Any) -> None:
        with self._source.lock:  # a worker of the batch before may just be fetching a payload
            if self._source.goes_on_with(payloads):
                if self._source.broken:
                    raise ConfigError(
                        "The iterator of the payloads has raised an error, and gives no more.",
                        next_action="Make it anew: what has been run already is skipped.",
                    )
                return
            if isinstance(payloads, Sized) and len(payloads) < len(self):
                raise ConfigError(
                    f"There are {len(payloads)} payloads, and {len(self)} have been taken already.",
                    next_action="Give the same payloads again.",
                )
            self._take_from(Source(payloads, skip=len(self)))

    @property
    def results(self) -> list[Any]:
        """The results in order, with None where there is none."""
        return [run.result for run in self]

    @property
    def failed(self) -> list[Run]:
        """The runs that ended badly, and the payloads that were refused."""
        return [run for run in self if run.status == "failed"]

    @property
    def pending(self) -> list[Run]:
        """What had not ended when its time was up, or when the batch was interrupted."""
        return [run for run in self if run.status == "pending"]

    def to_frame(self) -> DataFrame:
        """A pandas data frame with one row for each payload.

        Its columns: those of the payloads (a data frame keeps its index, too); the members of the results,
        or ``result`` where those are no objects; then ``status``, ``error``, ``execution_id`` and
        ``duration`` in milliseconds. A name that is taken gets a suffix, as in ``language_result`` and
        ``status_run``. Payloads that came from an iterator are not kept: then there are no columns of theirs.

        Raises:
            ConfigError: pandas is not installed.

        Example:
            >>> runs = client.run_many("greet", [{"name": "Ada"}, {"name": "Grace"}])
            >>> runs.to_frame()[["name", "greeting", "status"]]
                name       greeting   status
            0    Ada    Hello, Ada!  success
            1  Grace  Hello, Grace!  success
        """
        inputs: Any = self._inputs if self._inputs is not None else ()
        frame = inputs.iloc[: len(self)] if is_frame(inputs) else None
        columns = _members(islice(inputs, len(self)), len(self)) if frame is None else {}
        taken = {str(name) for name in (columns if frame is None else frame.columns)}
        errors = [run.error for run in self]
        about: dict[str, list[Any]] = {
            "status": [run.status for run in self],
            "error": [error and error.message for error in errors],
            "execution_id": [run.execution_id for run in self],
            "duration": [run.duration for run in self],
        }
        for added, suffix in ((_members(self.results, len(self), "result"), "_result"), (about, "_run")):
            for name, values in added.items():
                unique = name
                while unique in taken:
                    unique += suffix
                taken.add(unique)
                columns[unique] = values
        return data_frame(columns, rows=len(self), beside=frame)

    def _counts(self) -> str:
        known = {"success": 0, "failed": 0, "running": 0, "new": max((self.total or 0) - len(self), 0)}
        for run in self:
            state: str = run.status
            if state == "pending":
                state = "new" if run.execution_id is None and run._asked is None else "running"
            known[state] += 1
        words = {"success": "succeeded", "failed": "failed", "running": "not ended", "new": "not started"}
        return ", ".join(f"{count:,} {words[state]}" for state, count in known.items() if count)

    def __repr__(self) -> str:
        number = max(len(self), self.total or 0)
        if not number:
            return f"No runs of {plain(self.workflow)}."
        noun = "run" if number == 1 else "runs"
        return f"{number:,} {noun} of {plain(self.workflow)}: {self._counts()}"

    def _repr_html_(self) -> str:
        if not self:
            return line(repr(self))["text/html"]
        failed = self.failed
        further = [run for run in failed[:_SHOWN] if run.index >= _SHOWN]
        headings = ["", *([] if self._inputs is None else ["Input"]), "Status", "ms", "Result"]
        rows = [self._cells(run) for run in self[:_SHOWN]]
        left = len(self) - len(rows) - len(further)
        rows += [["⋮", *[""] * (len(headings) - 1)]] if left else []
        rows += [self._cells(run) for run in further]
        more = f"{left:,} more: .to_frame() has all of them{', .failed what failed' if failed else ''}."
        hint = after(more) if left else ""
        good = None if self.pending else not failed
        return card(repr(self), [], good=good, rich=html_table(headings, rows) + hint)["text/html"]

    def _cells(self, run: Run) -> list[str]:
        given = [] if self._inputs is None else [_brief(_at(self._inputs, run.index))]
        problem = run.execution.error_details if run.execution else None
        if run.status == "success":
            outcome = _brief(run.result)
        elif problem is not None:
            outcome = _brief(": ".join(filter(None, (problem.failed_node_name, problem.message))))
        else:
            outcome = _brief(run.error.message) if run.error else ""
        took = "" if run.duration is None else f"{run.duration:,}"
        return [f"{run.index:,}", *given, run.status, took, outcome]


#: How many rows a notebook shows: of the first ones, and of those that failed.
_SHOWN = 5


def _brief(value: Any) -> str:
    """A value on one line, short enough for a table."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):  # a payload that was refused for just that
        text = repr(value)
    return plain(redact(text) or " ", 60)


def _at(inputs: Any, index: int) -> Any:
    """The payload of a row; none if whoever has the payloads has taken it away since."""
    one = rows_of(inputs.iloc[index : index + 1]) if is_frame(inputs) else islice(inputs, index, index + 1)
    return next(iter(one), None)


def _members(rows: Iterable[Any], number: int, other: str = "") -> dict[str, list[Any]]:
    """The members of objects as columns; what is no object goes to the column `other`, if that is named."""
    columns: dict[str, list[Any]] = {}
    for index, row in enumerate(rows):
        alone = {other: row} if other and row is not None else {}
        for name, value in (row if isinstance(row, Mapping) else alone).items():
            columns.setdefault(str(name), [None] * number)[index] = value
    return columns
