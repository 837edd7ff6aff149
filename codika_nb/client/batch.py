"""Many runs at once: what the workers share, and what has become of every payload.

No I/O here: a worker is an exchange that takes one payload after the other, starts a run and waits
for its end. `Client` performs its workers on threads and `AsyncClient` as tasks; a lock is all that
they need to have in common.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Mapping, Sized
from typing import Any

from ..errors import (
    AuthenticationError,
    CodikaError,
    ConfigError,
    ConflictError,
    Interrupted,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
)
from . import arguments
from .api import API
from .api.instances import which_instance
from .payloads import as_mapping, is_frame, names_of
from .runs import IN_DOUBT, Again, Run, Runs
from .steps import Exchange, Pause, Response, Step, Steps, T, Work, bare, relayed

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


class _Stopped(Exception):  # noqa: N818 - tells a worker to go home; nobody else sees it
    """The batch has been interrupted, or has given up."""


class Batch:
    """What some workers have to do together, and how far they are.

    What befalls a row (its run fails or takes too long, its payload is refused) is kept with the row.
    What another payload would not change ends the batch, and so do misfortunes that row after row meets.

    Args:
        api: what describes the calls.
        runs: what they fill, and no other batch meanwhile (see `_claimed`).
        concurrency, timeout: as in ``run_many``.
        again: whether rows that have failed are run once more: those that went well are none of its work.
    """

    def __init__(
        self, api: API, runs: Runs, concurrency: int, timeout: float, *, again: bool = False
    ) -> None:
        self._api = api
        self._timeout = timeout
        self.runs = runs
        self._source = runs._source
        self._left = deque(run for run in runs if run.status == "pending")
        unknown = concurrency if runs.total is None else max(runs.total - len(runs), 0)
        #: How many workers there is work for.
        self.workers = min(concurrency, len(self._left) + unknown)

        self._lock = threading.Lock()
        self._at_work = 0
        #: Why it ends before its time: what is raised then.
        self.error: BaseException | None = None
        #: How many rows there is nothing more to do for, and how many of these failed.
        self.done = len(runs) - len(self._left)
        self.failed = len(runs.failed)
        #: Of these, how many were none of its work.
        self.before = self.done if again else 0
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
            run = self.runs._row(len(self.runs), payload)
            self.runs.append(run)
            return run

    def _start(self, run: Run) -> Steps[None]:
        workflow, instance = self.runs.workflow, self.runs.instance
        try:
            trigger = API.trigger_workflow.describe(self._api, workflow, run._payload, instance=instance)
            started = yield from self._in_step(trigger, run)
        except (GeneratorExit, KeyboardInterrupt):
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
            run._error = bare(error)

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

        def take(step: Step) -> Steps[Any]:
            nonlocal limited
            if isinstance(step, Pause):
                if limited:  # what the platform asks of one is meant for all
                    with self._lock:
                        self._opens_at = max(self._opens_at, time.monotonic() + step.seconds)
                yield from self._pause(step.seconds)
                return None
            if isinstance(step, Work):
                return (yield step)
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
            limited = isinstance(answer, Response) and answer.status == 429
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
            f"Interrupted. {self.runs._told()}.",
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


def prepared(
    api: API,
    workflow: str,
    payloads: Any,
    instance: str | None,
    concurrency: int,
    *,
    timeout: float,
    resume: Runs | Again | None,
) -> Steps[Batch]:
    """A batch that is ready to be worked on; what cannot be right is refused before anything is started.

    Args:
        api: what describes the calls.
        workflow, payloads, instance, concurrency, timeout, resume: as in ``run_many``.
    """
    earlier = resume.runs if isinstance(resume, Again) else resume
    _check(payloads, concurrency, earlier)
    seconds = arguments.seconds(timeout)
    workflow = arguments.name(workflow, "A workflow")
    there = yield from which_instance(
        api, earlier.instance if earlier and instance is None else instance, workflow
    )
    runs = _claimed(resume, workflow, there, payloads)
    runs._client = weakref.ref(api)
    return Batch(api, runs, concurrency, seconds, again=isinstance(resume, Again))


def _in_doubt() -> TransportError:
    return TransportError(
        "It is not known whether this run has started: the batch ended before there was an answer.",
        code=IN_DOUBT,
        next_action="It is not started again; client.list_executions() shows what has run.",
    )


def _check(payloads: Any, concurrency: Any, earlier: object) -> None:
    """Refuse what cannot be run many times, before anything is sent."""
    if is_frame(payloads):
        names_of(payloads.columns)
    if isinstance(payloads, str | bytes | Mapping) or not isinstance(payloads, Iterable):
        raise ConfigError(
            f"Many payloads are a list, an iterator or a data frame, not {type(payloads).__name__}.",
            next_action='Give a list of objects, such as [{"name": "Ada"}], or use run_workflow for one.',
        )
    rows = payloads if isinstance(payloads, Sized) and not is_frame(payloads) else ()
    if len(rows) and not any(row is None or isinstance(as_mapping(row), Mapping) for row in rows):
        raise ConfigError(
            f"A payload is an object, not {type(next(iter(rows))).__name__}: each names what it gives.",
            next_action='Give objects, such as [{"name": "Ada"}], or a data frame, as frame[["name"]] is.',
        )
    if not arguments.is_number(concurrency, 1, MOST_WORKERS):
        raise ConfigError(
            f"1 to {MOST_WORKERS} runs can be under way at once, not {concurrency!r}.",
            next_action="Give a concurrency such as 16.",
        )
    if not isinstance(earlier, Runs | None):
        raise ConfigError(
            f"A batch cannot go on from {type(earlier).__name__}.",
            next_action="Give what run_many has returned, or client.interrupted.",
        )


def _claimed(resume: Runs | Again | None, workflow: str, instance: str, payloads: Any) -> Runs:
    """The list that a batch is to fill, and no other batch until that one lets go of it.

    It is that of the earlier batch, if there was one: so whoever holds it knows all that was ever started.
    """
    earlier = resume.runs if isinstance(resume, Again) else resume
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
        if isinstance(resume, Again):
            runs._renew(payloads)
        elif earlier is not None:
            runs._go_on_with(payloads)
    except BaseException:
        runs._at_work.release()
        raise
    return runs
