"""What an exchange is made of. No I/O here.

An *exchange* is a generator that yields what is to be done, receives the outcome, and returns a typed
result. There are three kinds of steps: a `Request` to send, a `Pause` to make, and `Work` of this machine.
`Call` describes one endpoint; longer conversations (deploying, trigger and wait, signing in) are made of
calls and work with ``yield from``. Whoever performs an exchange needs to know only these three classes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from ..errors import Interrupted

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Request:
    """One HTTP request."""

    method: Literal["GET", "POST"]
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    # Bodies carry one-time codes and payloads: never in a repr.
    content: bytes | None = field(default=None, repr=False)
    authenticated: bool = True
    #: What the path is appended to; the client's own server if left out.
    base_url: str | None = None
    #: Seconds that the answer may take, where that is less than the client allows.
    timeout: float | None = None
    #: Which part of a longer conversation it is, for whoever shows progress.
    stage: str = ""


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    #: Why nothing of it has been kept.
    unusable: str = ""


@dataclass(frozen=True)
class Pause:
    """Wait before going on."""

    seconds: float


@dataclass(frozen=True)
class Work(Generic[T]):
    """Something of this machine that takes its time: a file, a lock, a program, a question at the keyboard.

    ``yield from Work(function)`` gives what the function returns, or raises what it raises.
    """

    do: Callable[[], T]
    #: As in a `Request`.
    stage: str = ""

    def __iter__(self) -> Steps[T]:
        result: T = yield self
        return result


Step = Request | Pause | Work[Any]
# What is sent back is the answer to a request, the result of work, and nothing after a pause.
Steps = Generator[Step, Any, T]


class Exchange(Protocol[T_co]):
    """Anything that can be performed: a `Call`, or a generator made of calls."""

    def __iter__(self) -> Generator[Step, Any, T_co]: ...


class Turns(Generic[T]):
    """An exchange on its way: gives its steps in turn, is told what came of each, and has the result."""

    def __init__(self, exchange: Exchange[T]) -> None:
        self._steps = iter(exchange)
        self._step: Step | None = None
        self._outcome: Any = None
        self._problem: BaseException | None = None
        self.result: T

    def __iter__(self) -> Turns[T]:
        return self

    def __next__(self) -> Step:
        outcome, problem = self._outcome, self._problem
        self._outcome = self._problem = None
        try:
            self._step = self._steps.throw(problem) if problem else self._steps.send(outcome)
        except StopIteration as done:
            self.result = done.value
            raise
        return self._step

    @property
    def request(self) -> Request | None:
        """The last step, if it is one."""
        return self._step if isinstance(self._step, Request) else None

    def give(self, outcome: Any) -> None:
        """What has come of the step."""
        self._outcome = outcome

    def fail(self, problem: BaseException) -> None:
        """What went wrong with it: raised where the exchange has asked for it, which may know more to say."""
        self._problem = problem if isinstance(problem, Exception) else self.interruption(problem)

    def interruption(self, stopped: BaseException) -> KeyboardInterrupt:
        """What to raise for a person, or a program, who has stopped the waiting for the present step."""
        if isinstance(stopped, KeyboardInterrupt) and stopped.args:
            return bare(stopped)  # raised by a program, which has said why, and not by a key that was pressed
        if isinstance(self._step, Request) and self._step.method == "POST":
            return Interrupted(
                "Stopped before there was an answer.",
                next_action="The platform may have acted all the same: look before you repeat it.",
            )
        return Interrupted("Stopped.", next_action="Repeat it to try again.")

    def close(self) -> None:
        """End it where it stands."""
        self._steps.close()


def relayed(exchange: Exchange[T], take: Callable[[Step], Steps[Any]]) -> Steps[T]:
    """The same exchange, each step of which is taken by `take`, together with whatever belongs around it."""
    turns = Turns(exchange)
    try:
        for step in turns:
            try:
                turns.give((yield from take(step)))
            except (Exception, KeyboardInterrupt) as error:
                turns.fail(error)
        return turns.result
    finally:
        turns.close()


E = TypeVar("E", bound=BaseException)


def bare(error: E) -> E:
    """The error without the frames that it went through, which hold keys, codes and payloads."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


#: Seconds that a pause lasts at most until it is told again.
TELL_EVERY = 0.5


def observed(exchange: Exchange[T], tell: Callable[[Step], None]) -> Steps[T]:
    """The same exchange, of which every step is told before it is taken.

    Args:
        exchange: what is to be done.
        tell: called with each step; longer pauses are made in pieces, each of them told.
    """

    def take(step: Step) -> Steps[Any]:
        while isinstance(step, Pause) and step.seconds > TELL_EVERY:
            tell(step)
            yield Pause(TELL_EVERY)
            step = Pause(step.seconds - TELL_EVERY)
        tell(step)
        return (yield step)

    return relayed(exchange, take)
