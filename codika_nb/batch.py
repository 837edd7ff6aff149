"""Many runs at once: what the workers share, and what has become of every payload.

No I/O here: a worker is an exchange that takes one payload after the other, starts a run and waits
for its end. `Client` performs its workers on threads and `AsyncClient` as tasks; a lock is all that
they need to have in common.
"""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from datetime import date, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from . import arguments
from .api import API
from .call import Exchange, Pause, Response, Step, Steps, relayed
from .display.markup import card, line
from .display.table import data_frame, html_table
from .display.text import plain, redact
from .errors import (
    AuthenticationError,
    CodikaError,
    ConfigError,
    ConflictError,
    ExecutionFailedError,
    Interrupted,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
)
from .models import Execution
from .session import somebody_sees_widgets

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Batch", "Run", "Runs"]

T = TypeVar("T")
Payloads = Iterable[Mapping[str, Any] | None]

#: More connections than this the HTTP library does not open.
MOST_WORKERS = 100
#: Seconds after which a worker that pauses looks whether it is to stop, and the progress is shown.
TICK = 0.1
#: Seconds for which an interruption waits for the answers to what has just been sent.
GRACE = 1.0
#: Seconds of the first pause and of the longest where the platform names no time.
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
#: How often in a row, without starting anything, and for how many seconds it pauses at most.
MOST_REFUSALS, LONGEST_WAIT = 10, 3600.0

#: Refusals that another payload would not change: they are about who asks, and for what.
_EVERYBODYS = (AuthenticationError, PermissionDeniedError, NotFoundError, ConflictError, ConfigError)
#: What may befall one row, but not all of them one after the other.
_MISFORTUNES = (TransportError, ServerError, InvalidResponseError)


# --- what has become of it -------------------------------------------------------------------------


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
            return _bare(error)
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
        self._error, self._payload = _bare(error), None
        self._asked = None

    def _ended(self, execution: Execution) -> None:
        self.execution, self._error = execution, None


def _bare(error: CodikaError) -> CodikaError:
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
        self._take_from(_Source(payloads))

    def _take_from(self, source: _Source) -> None:
        self._source = source
        payloads = source.payloads
        self.total = len(payloads) if isinstance(payloads, Sized) else None
        # Where they can be looked at again; an iterator's are gone.
        self._inputs = payloads if isinstance(payloads, Sequence) or _is_frame(payloads) else None

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
            self._take_from(_Source(payloads, skip=len(self)))

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
        frame = inputs.iloc[: len(self)] if _is_frame(inputs) else None
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
        hint = f'<div style="color: var(--codika-quiet); margin-top: 0.4rem">{more}</div>' if left else ""
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
    one = _rows_of(inputs.iloc[index : index + 1]) if _is_frame(inputs) else islice(inputs, index, index + 1)
    return next(iter(one), None)


def _members(rows: Iterable[Any], number: int, other: str = "") -> dict[str, list[Any]]:
    """The members of objects as columns; what is no object goes to the column `other`, if that is named."""
    columns: dict[str, list[Any]] = {}
    for index, row in enumerate(rows):
        alone = {other: row} if other and row is not None else {}
        for name, value in (row if isinstance(row, Mapping) else alone).items():
            columns.setdefault(str(name), [None] * number)[index] = value
    return columns


# --- where payloads come from ----------------------------------------------------------------------


class _Source:
    """Payloads, one after the other, for whoever asks next."""

    def __init__(self, payloads: Any, skip: int = 0) -> None:
        self.payloads = payloads
        self.lock = threading.Lock()
        #: It has raised: an iterator has nothing more to give after that.
        self.broken = False
        rows = _rows_of(payloads) if _is_frame(payloads) else iter(payloads)
        self.rows = islice(rows, skip, None) if skip else rows

    def goes_on_with(self, payloads: Any) -> bool:
        """Whether these are the iterator that has given the first payloads already."""
        return payloads is self.payloads and isinstance(payloads, Iterator)


def _is_frame(value: object) -> bool:
    # Whoever has a frame has imported pandas; nobody else needs it.
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _rows_of(frame: DataFrame) -> Iterator[dict[str, Any]]:
    """The rows of a data frame as JSON objects, made when they are asked for; what is missing is left out."""
    names = [str(name) for name in frame.columns]
    for row in frame.itertuples(index=False, name=None):
        members = zip(names, map(_as_json, row), strict=True)
        yield {name: value for name, value in members if value is not None}


def _as_json(value: Any) -> Any:
    """What a cell of a data frame is in JSON; None where it holds nothing."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(name): _as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset | sys.modules["numpy"].ndarray):
        return [_as_json(each) for each in value]
    pandas = sys.modules["pandas"]
    return None if pandas.api.types.is_scalar(value) and pandas.isna(value) else _as_plain(value)


def _as_plain(value: Any) -> Any:
    """A single value in JSON; what has no such form stays as it is, and is refused with its row."""
    pandas, numpy = sys.modules["pandas"], sys.modules["numpy"]
    if isinstance(value, numpy.datetime64):
        value = pandas.Timestamp(value)
    elif isinstance(value, numpy.timedelta64):
        value = pandas.Timedelta(value)
    if isinstance(value, date | time_of_day):  # a moment is a date, too
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    return value.item() if isinstance(value, numpy.generic) else value


# --- how it is done --------------------------------------------------------------------------------


class _Stopped(Exception):  # noqa: N818 - tells a worker to go home; nobody else sees it
    """The batch has been interrupted, or has given up."""


class Batch:
    """What some workers have to do together, and how far they are.

    What befalls a row (its run fails or takes too long, its payload is refused) is kept with the row.
    What another payload would not change ends the batch, and so do misfortunes that row after row meets.

    Args:
        api: what describes the calls.
        workflow, payloads, instance, concurrency, timeout, resume: as in ``run_many``.
    """

    def __init__(
        self,
        api: API,
        workflow: str,
        payloads: Any,
        *,
        instance: str | None,
        concurrency: int,
        timeout: float,
        resume: Runs | None,
    ) -> None:
        _check(payloads, concurrency, resume)
        self._api = api
        self._timeout = arguments.seconds(timeout)
        workflow = arguments.name(workflow, "A workflow")
        instance = arguments.name(
            api._instance(instance or (None if resume is None else resume.instance)), "A process instance"
        )
        known = self.runs = _claimed(resume, workflow, instance, payloads)
        self._source = self.runs._source
        self._left = deque(run for run in known if run.status == "pending")
        unknown = concurrency if self.runs.total is None else max(self.runs.total - len(known), 0)
        #: How many workers there is work for.
        self.workers = min(concurrency, len(self._left) + unknown)

        self._lock = threading.Lock()
        self._at_work = 0
        #: Why it ends before its time: what is raised then.
        self.error: BaseException | None = None
        #: How many rows there is nothing more to do for, and how many of these failed.
        self.done = len(known) - len(self._left)
        self.failed = sum(run.status == "failed" for run in known)
        # Nobody sends anything before this moment; when it was last put off, and how often in a row.
        self._opens_at = self._closed_at = 0.0
        self._refusals = 0
        # How many starts in a row went wrong in a way that leaves open whether there is a run now.
        self._unlucky = 0
        self._started_any = False
        self._most_unlucky = max(10, 2 * concurrency)

    # --- what a worker does ------------------------------------------------------------------------

    def worker(self) -> Steps[None]:
        """Take one payload after the other, start its run and wait for the end of it."""
        with self._lock:
            self._at_work += 1
        try:
            while (run := self._next()) is not None:
                if run._asked is not None:
                    yield from self._answered(run)
                while run.execution_id is None and run._error is None:
                    yield from self._start(run)
                if run.execution_id is not None:
                    yield from self._wait(run, run.execution_id)
                with self._lock:
                    self.done += 1
                    self.failed += run.status == "failed"
        except _Stopped:
            pass
        finally:
            with self._lock:
                self._at_work -= 1

    def _next(self) -> Run | None:
        with self._source.lock:
            if self.error is not None:
                return None
            if self._left:
                return self._left.popleft()
            try:
                payload = next(self._source.rows)
            except StopIteration:
                return None
            except BaseException:
                self._source.broken = True
                raise
            run = Run(len(self.runs), payload)
            self.runs.append(run)
            return run

    def _start(self, run: Run) -> Steps[None]:
        workflow, instance = self.runs.workflow, self.runs.instance
        try:
            trigger = API.trigger_workflow.describe(self._api, workflow, run._payload, instance=instance)
            started = yield from self._in_step(trigger, run)
        except GeneratorExit:
            run._lost = run._asked is not None
            raise
        except CodikaError as error:
            self._not_started(run, error)
            return
        run._started(started.execution_id)
        with self._lock:
            self._started_any = True
            self._refusals = self._unlucky = 0

    def _not_started(self, run: Run, error: CodikaError) -> None:
        """Keep the error with its row, or let the row be tried again later, or raise what is everybody's."""
        asked = run._asked
        if asked is None:  # what was to be sent is no JSON
            run._refused(error)
        elif isinstance(error, RateLimitError) or (
            isinstance(error, TransportError) and not error.may_have_acted
        ):
            run._asked = None
            self._hold_back(error, asked)
        elif isinstance(error, _EVERYBODYS):
            run._asked = None
            raise error
        elif self.error is not None and isinstance(error, TransportError):
            # The connections are closed with the client, whatever is still under way on them.
            run._refused(_in_doubt())
        else:
            run._refused(error)
            if isinstance(error, _MISFORTUNES):
                with self._lock:
                    self._unlucky += 1
                if self._unlucky > self._most_unlucky:
                    raise error

    def _wait(self, run: Run, execution_id: str) -> Steps[None]:
        waiting = API.wait_for.describe(
            self._api, execution_id, instance=self.runs.instance, timeout=self._timeout
        )
        try:
            run._ended((yield from self._in_step(waiting)))
        except (AuthenticationError, PermissionDeniedError, ConfigError):
            raise
        except CodikaError as error:
            run._error = _bare(error)

    def _answered(self, run: Run) -> Steps[None]:
        """Wait until it is known whether an earlier batch has started a run: none is started twice."""
        until = time.monotonic() + self._timeout
        while run._asked is not None and not run._lost and time.monotonic() < until:
            yield from self._pause(TICK)
        if run._asked is not None:
            run._refused(_in_doubt())

    # --- together with the others ------------------------------------------------------------------

    def _in_step(self, exchange: Exchange[T], run: Run | None = None) -> Steps[T]:
        """The same exchange, which sends nothing while the platform wants a pause, or after the end.

        Args:
            exchange: what is to be done.
            run: whose start it asks for, if it does.
        """
        limited = False

        def take(step: Step) -> Steps[Response | None]:
            nonlocal limited
            if isinstance(step, Pause):
                if limited:  # what the platform asks of one is meant for all
                    with self._lock:
                        self._opens_at = max(self._opens_at, time.monotonic() + step.seconds)
                yield from self._pause(step.seconds)
                return None
            while (left := self._opens_at - time.monotonic()) > 0:
                yield from self._pause(left)
            with self._lock:
                # In one go: once the batch has been given up, nothing more is asked for.
                if self.error is not None:
                    raise _Stopped
                if run is not None:
                    run._asked = time.monotonic()
            limited = False
            answer = yield step
            limited = answer is not None and answer.status == 429
            return answer

        return relayed(exchange, take)

    def _pause(self, seconds: float) -> Steps[None]:
        until = time.monotonic() + seconds
        while self.error is None:
            left = until - time.monotonic()
            if left <= 0:
                return
            yield Pause(min(left, TICK))
        raise _Stopped

    def _hold_back(self, error: CodikaError, asked: float) -> None:
        """Let nobody send anything for a while; raises the error once that has been of no use for long."""
        named = getattr(error, "retry_in", None)
        with self._lock:
            now = time.monotonic()
            if asked >= self._closed_at:  # else it was under way when another one met with the same
                self._refusals += 1
                self._closed_at = now
            doubled = 2.0 ** (self._refusals - 1)
            backoff = min(FIRST_BACKOFF * doubled, LONGEST_BACKOFF)
            # A time that the platform names is taken at its word, less so each time that it was too short.
            pause = backoff if named is None else max(named, TICK * doubled)
            self._opens_at = max(self._opens_at, now + pause)
            unreachable = isinstance(error, TransportError) and not self._started_any
            hopeless = unreachable or self._refusals > MOST_REFUSALS or pause > LONGEST_WAIT
        if hopeless:
            raise error

    def notes(self) -> dict[str, Any]:
        """What to tell beside the number of rows."""
        waits = math.ceil(self._opens_at - time.monotonic())
        notes = {"failed": self.failed, "waits": f"{waits} s" if waits > 1 else ""}
        return {name: note for name, note in notes.items() if note}

    # --- how it ends -------------------------------------------------------------------------------

    def give_up(self, error: BaseException) -> None:
        """Let the workers end, and the batch with this; what has been started goes on by itself."""
        with self._lock:
            self.error = self.error or error

    def interruption(self, call: str) -> Interrupted:
        """What to tell a person who has interrupted it; `call` is what they have written."""
        return Interrupted(
            f"Interrupted. {self.runs!r}.",
            next_action=f'Go on: {call}("{self.runs.workflow}", payloads, resume=client.interrupted)',
        )

    def outcome(self) -> Steps[Runs]:
        """What has become of it; of one that was given up the error, once the workers have gone home."""
        until = time.monotonic() + GRACE
        while self.error is not None and self._at_work and time.monotonic() < until:
            yield Pause(TICK / 10)
        if self.error is not None:
            raise self.error
        return self.runs

    def let_go(self) -> None:
        """Let another batch go on with the runs; this one has ended, or has been given up."""
        self.runs._at_work.release()


def _in_doubt() -> TransportError:
    return TransportError(
        "Whether this run was started is not known: the batch ended before there was an answer.",
        code="in-doubt",
        next_action="It is not started again; client.list_executions() shows what has run.",
    )


def _check(payloads: Any, concurrency: Any, earlier: object) -> None:
    """Refuse what cannot be run many times, before anything is sent."""
    columns = payloads.columns if _is_frame(payloads) else None
    if isinstance(payloads, str | bytes | Mapping) or not isinstance(payloads, Iterable):
        raise ConfigError(
            f"Many payloads are a list, an iterator or a data frame, not {type(payloads).__name__}.",
            next_action='Give a list of objects, such as [{"name": "Ada"}], or use run_workflow for one.',
        )
    if columns is not None and (columns.nlevels > 1 or len(set(map(str, columns))) < len(columns)):
        raise ConfigError(
            "The columns of the data frame cannot become the members of an object.",
            next_action="Give each a name of its own: frame.columns = […]",
        )
    whole = isinstance(concurrency, int) and not isinstance(concurrency, bool)
    if not whole or not 1 <= concurrency <= MOST_WORKERS:
        raise ConfigError(
            f"1 to {MOST_WORKERS} runs can be under way at once, not {concurrency!r}.",
            next_action="Give a concurrency such as 16.",
        )
    if not isinstance(earlier, Runs | None):
        raise ConfigError(
            f"A batch cannot go on from {type(earlier).__name__}.",
            next_action="Give what run_many has returned, or client.interrupted.",
        )


def _claimed(earlier: Runs | None, workflow: str, instance: str, payloads: Any) -> Runs:
    """The list that a batch is to fill, and no other batch until that one lets go of it.

    It is that of the earlier batch, if there was one: so whoever holds it knows all that was ever started.
    """
    if earlier is not None and (earlier.workflow, earlier.instance) != (workflow, instance):
        raise ConfigError(
            f"Those are runs of {earlier.workflow} at instance {earlier.instance}.",
            next_action="Go on with the same workflow and instance.",
        )
    runs = Runs(payloads, workflow=workflow, instance=instance) if earlier is None else earlier
    if not runs._at_work.acquire(blocking=False):
        raise ConfigError(
            "A batch is still at work on those runs.",
            next_action="Wait until it has ended, or stop it, and go on then.",
        )
    try:
        if earlier is not None:
            earlier._go_on_with(payloads)
    except BaseException:
        runs._at_work.release()
        raise
    return runs


# --- how far it is ---------------------------------------------------------------------------------


@contextmanager
def shown(batch: Batch, wanted: bool) -> Iterator[Callable[[], None]]:
    """Show how far a batch is while this is entered; what it gives is called often, and moves the bar."""
    if not wanted:
        yield lambda: None
        return
    bar, freeze = _bar(desc=batch.runs.workflow, total=batch.runs.total, initial=batch.done, unit=" run")

    def move() -> None:
        bar.set_postfix(batch.notes(), refresh=False)
        bar.update(batch.done - bar.n)

    try:
        yield move
    finally:
        move()
        bar.close()
        freeze()


def _bar(**options: Any) -> tuple[Any, Callable[[], None]]:
    """A bar that suits the place, and what makes of it a text that a saved notebook can keep."""
    options["miniters"] = 0
    if not somebody_sees_widgets():
        from tqdm import tqdm as in_text  # noqa: PLC0415 - only where it is shown

        if sys.stderr is None or not sys.stderr.isatty():
            # In a log, and in a notebook that nobody watches, a sign of life now and then.
            options |= {"delay": 5, "mininterval": 10}
        return in_text(**options), lambda: None
    from IPython.display import display  # noqa: PLC0415 - as above
    from tqdm.auto import tqdm  # noqa: PLC0415 - as above

    drawn = sys.modules.get("tqdm.notebook")
    if drawn is None or not issubclass(tqdm, drawn.tqdm):
        return tqdm(**options), lambda: None  # a console that is a kernel, too
    bar: Any = tqdm(**options, display=False)
    shown = display(bar.container, display_id=True)

    def freeze() -> None:
        shown.update({"text/plain": str(bar)}, raw=True)
        for widget in (*bar.container.children, bar.container):
            for part in (widget, widget.layout, getattr(widget, "style", None)):
                if part is not None:
                    part.close()

    return bar, freeze
