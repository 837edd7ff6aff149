"""What has become of many payloads."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence, Sized
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..display.table import data_frame
from ..display.text import plain
from ..errors import CodikaError, ConfigError, ExecutionFailedError
from ..models import Execution
from .overview import overview, payload_at, remarks
from .payloads import Source, as_json, is_frame, rows_of
from .steps import bare

if TYPE_CHECKING:
    from pandas import DataFrame


class Run:
    """What has become of one payload. Looking at it never raises.

    Attributes:
        index: which payload it was, counted from 0.
        label: what its row is called in a data frame's index; else the same as `index`.
        execution_id: the run's id, once it has been started.
        execution: the run as the platform has it, once it has ended.
    """

    __slots__ = ("_asked", "_error", "_lost", "_payload", "execution", "execution_id", "index", "label")

    def __init__(self, index: int, payload: Any, label: Any) -> None:
        self.index, self.label = index, label
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

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The same as plain data, fit for JSON; of an error its message."""
        names = ("index", "label", "status", "execution_id", "result", "duration")
        told = {name: getattr(self, name) for name in names}
        dumped: dict[str, Any] = as_json(told | {"error": self.error and self.error.message})
        return dumped

    def __repr__(self) -> str:
        error = self.error
        outcome = repr(self.result) if self.status == "success" else error and repr(error.message)
        return f"Run({plain(str(self.label))}, {self.status}{f', {outcome}' if outcome else ''})"

    # Each of these clears `_asked` last: who sees that no answer is awaited also sees the answer.

    def _started(self, execution_id: str) -> None:
        self.execution_id, self._payload = execution_id, None
        self._asked = None

    def _refused(self, error: CodikaError) -> None:
        self._error, self._payload = bare(error), None
        self._asked = None

    def _ended(self, execution: Execution) -> None:
        self.execution, self._error = execution, None


class Runs(list[Run]):
    """What has become of many payloads, in their order; shows itself as counts and a table.

    Attributes:
        workflow, instance: what these are runs of.
        inputs: the payloads, where they can be looked at again: those of an iterator are gone.
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
        # Whoever has run them, for as long as there is one.
        self._client: weakref.ref[Any] | None = None
        # Held by the batch that fills the list: two at once would start the same payloads.
        self._at_work = threading.Lock()
        self._take_from(Source(payloads))

    def model_dump(self, **options: Any) -> list[dict[str, Any]]:
        """The rows as plain data, fit for JSON.

        Example:
            >>> runs = client.run_many("greet", [{"name": "Ada"}])
            >>> runs.model_dump(mode="json")[0]["result"]["greeting"]
            'Hello, Ada!'
        """
        return [each.model_dump(**options) for each in self]

    def _row(self, index: int, payload: Any) -> Run:
        """A row that nothing has become of yet."""
        inputs: Any = self.inputs
        return Run(index, payload, inputs.index[index] if is_frame(inputs) else index)

    def _take_from(self, source: Source) -> None:
        self._source = source
        payloads = source.payloads
        self.total = len(payloads) if isinstance(payloads, Sized) else None
        # Where they can be looked at again; an iterator's are gone.
        self.inputs = payloads if isinstance(payloads, Sequence) or is_frame(payloads) else None

    def _go_on_with(self, payloads: Any) -> None:
        with self._source.lock:  # a worker of the batch before may just be fetching a payload
            if self._source.goes_on_with(payloads):
                if self._source.broken:
                    raise ConfigError(
                        "The iterator of the payloads has raised an error, and gives no more.",
                        next_action="Make it anew: what has been run already is skipped.",
                    )
                return
            if isinstance(payloads, Sized) and len(payloads) >= len(self) and self._others(payloads):
                raise ConfigError(
                    "Those runs are of other payloads.",
                    next_action="runs.retry(payloads=…) runs what has failed with corrected ones. Else give "
                    "the same payloads again, or leave resume out.",
                )
            if isinstance(payloads, Sized) and len(payloads) < len(self):
                raise ConfigError(
                    f"There are {len(payloads)} payloads, and {len(self)} have been taken already.",
                    next_action="Give the same payloads again.",
                )
            self._take_from(Source(payloads, skip=len(self)))

    def _others(self, payloads: Any) -> list[int]:
        """The rows that are others than before, of those that have been taken and can be looked at again."""
        if payloads is self.inputs:
            return []
        known = zip(_rows(self.inputs, len(self)), _rows(payloads, len(self)), strict=False)
        return [n for n, (before, now) in enumerate(known) if as_json(before) != as_json(now)]

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
        inputs: Any = self.inputs if self.inputs is not None else ()
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

    def retry(self, client: Any = None, *, payloads: Any = None, **options: Any) -> Any:
        """Run once more what has failed; what went well stays, and so does what may have been started.

        Args:
            client: who runs it; whoever has run it before, if left out.
            payloads: what is corrected. Left out, the payloads as they are now. A list: all of them, in
                their order. A data frame: all rows, or the corrected ones alone, which are told by its
                index; columns of `to_frame` that were no input do no harm.
            options: ``concurrency``, ``timeout`` and ``progress`` of `Client.run_many`.

        Returns:
            These same runs, filled in anew; with an `AsyncClient`, that is to be awaited.

        Raises:
            ConfigError: the payloads came from an iterator, and are gone, or the client is; or `payloads`
                has another row where one went well.

        Example:
            >>> runs = client.run_many("greet", [{"name": "Ada"}, {"name": " "}])
            >>> runs.retry()
            2 runs of greet: 1 succeeded, 1 failed
            >>> runs.retry(payloads=[{"name": "Ada"}, {"name": "Grace"}])
            2 runs of greet: 2 succeeded
        """
        if self.inputs is None:
            raise ConfigError(
                "The payloads came from an iterator, and are not kept.",
                next_action="Give a list to run_many, and what fails can be run once more.",
            )
        if client is None:
            client = self._client() if self._client else None
        elif not hasattr(client, "run_many"):
            raise ConfigError(
                f"{type(client).__name__} is no client.",
                next_action="Corrected payloads are named: runs.retry(payloads=…)",
            )
        if client is None or client.is_closed:
            has = "is gone" if client is None else "has been closed"
            raise ConfigError(
                f"The client that has run them {has}.", next_action="Give another one: runs.retry(client)"
            )
        again = self.inputs if payloads is None else self._completed(payloads)
        return client.run_many(self.workflow, again, instance=self.instance, resume=Again(self), **options)

    def _completed(self, payloads: Any) -> Any:
        """All payloads, where a data frame has those that failed anew: by the index, as `to_frame` has it."""
        if not is_frame(payloads):
            return payloads
        inputs: Any = self.inputs
        columns = list(inputs.columns if is_frame(inputs) else _members(inputs, len(inputs)))
        told = {*self.to_frame().columns} - {*columns}  # what is known of the runs
        payloads = payloads[[name for name in payloads.columns if name not in told]]
        if len(payloads) >= len(inputs):
            return payloads
        labels = inputs.index if is_frame(inputs) else range(len(inputs))
        failed = {labels[run.index] for run in self.failed}
        payloads = payloads.drop(self._unchanged(payloads, labels, failed))
        others = [plain(str(label)) for label in payloads.index if label not in failed]
        missing = [plain(str(name)) for name in columns if name not in payloads.columns]
        unique = payloads.index.is_unique and (inputs.index.is_unique if is_frame(inputs) else True)
        if others or missing or not unique:
            noun = "row" if len(others) == 1 else "rows"
            why = f"{noun} {', '.join(others[:5])} did not fail" if others else "the index has one row twice"
            why = f"the column {', '.join(missing[:5])} is missing" if missing else why
            raise ConfigError(
                f"These rows do not fit: there were {len(inputs)}, and {why}.",
                next_action="By the frame's index, [run.label for run in runs.failed] have failed.",
            )
        if not is_frame(inputs):
            corrected = dict(zip(payloads.index, rows_of(payloads), strict=True))
            return [corrected.get(n, row) for n, row in enumerate(inputs)]
        from pandas import concat  # noqa: PLC0415 - whoever has a frame has imported it

        whole = concat([inputs.drop(payloads.index).astype(object), payloads.astype(object)])
        return whole.loc[inputs.index].infer_objects()

    def _unchanged(self, payloads: DataFrame, labels: Iterable[Any], failed: set[Any]) -> list[Any]:
        """The rows of a frame that went well, and are as they were: there is nothing to do for them."""
        if not payloads.index.is_unique:
            return []
        place = {label: n for n, label in enumerate(labels) if label not in failed}
        rows = zip(payloads.index, rows_of(payloads), strict=True)
        return [
            label
            for label, row in rows
            if label in place and as_json(payload_at(self.inputs, place[label])) == row
        ]

    def _renew(self, payloads: Any) -> None:
        """Let what has failed be run anew, with the payloads as they are now."""
        number = self.total or 0
        if not (is_frame(payloads) or isinstance(payloads, Sequence)) or len(payloads) < number:
            raise ConfigError(
                f"All payloads are needed once more, in their order: there were {number}.",
                next_action="Give corrected rows of the data frame, told by its index."
                if is_frame(self.inputs)
                else "Give the list again, with the failed ones corrected.",
            )
        for row in self._others(payloads):
            if self[row].status == "success":
                raise ConfigError(
                    f"Row {plain(str(self[row].label))} went well before, and its input is another one now.",
                    next_action="Correct the failed rows alone: [run.label for run in runs.failed].",
                )
        with self._source.lock:
            self._take_from(Source(payloads, skip=len(self)))
        for run in self.failed:
            if getattr(run.error, "code", "") != IN_DOUBT:
                self[run.index] = self._row(run.index, payload_at(self.inputs, run.index))

    def _counts(self) -> dict[str, int]:
        """How many succeeded, failed, have not ended and have not been started."""
        new = max((self.total or 0) - len(self), 0)
        counts = {"succeeded": 0, "failed": 0, "not ended": 0, "not started": new}
        for run in self:
            pending = "not started" if run.execution_id is None and run._asked is None else "not ended"
            counts[{"success": "succeeded", "failed": "failed", "pending": pending}[run.status]] += 1
        return counts

    def __repr__(self) -> str:
        return "\n".join([self._told(), *(remarks(self) if self else [])])

    def _told(self) -> str:
        number = max(len(self), self.total or 0)
        if not number:
            return f"No runs of {plain(self.workflow)}."
        noun = "run" if number == 1 else "runs"
        counts = ", ".join(f"{count:,} {word}" for word, count in self._counts().items() if count)
        return f"{number:,} {noun} of {plain(self.workflow)}: {counts}"

    def _repr_html_(self) -> str:
        return overview(self)


class Again(NamedTuple):
    """Runs of which those that failed are to be run once more."""

    runs: Runs


#: The code of an error that leaves open whether a run was started.
IN_DOUBT = "in-doubt"


def _rows(payloads: Any, number: int) -> Iterable[Any]:
    """The first payloads, if they can be looked at without taking them away."""
    if is_frame(payloads):
        return rows_of(payloads.iloc[:number])
    return islice(payloads, number) if isinstance(payloads, Sequence) else ()


def _members(rows: Iterable[Any], number: int, other: str = "") -> dict[str, list[Any]]:
    """The members of objects as columns; what is no object goes to the column `other`, if that is named."""
    columns: dict[str, list[Any]] = {}
    for index, row in enumerate(rows):
        alone = {other: row} if other and row is not None else {}
        for name, value in (row if isinstance(row, Mapping) else alone).items():
            columns.setdefault(str(name), [None] * number)[index] = value
    return columns
