"""A request is a value: what to send, how to read the answer, and when to try again. No I/O here.

A `Call` describes one endpoint. Iterating over it gives an *exchange*: a generator that yields
what is to be done (a `Request` to send, a `Pause` to make), receives the `Response`, and returns
the typed result. Longer conversations (trigger and wait, signing in) are exchanges too, made of
calls with ``yield from``. Whoever performs an exchange needs to know only these three classes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from ..errors import CodikaError

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


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Pause:
    """Wait before going on."""

    seconds: float


Step = Request | Pause


Steps = Generator[Step, Response | None, T]


class Exchange(Protocol[T_co]):
    """Anything that can be performed: a `Call`, or a generator made of calls."""

    def __iter__(self) -> Generator[Step, Response | None, T_co]: ...


def relayed(exchange: Exchange[T], take: Callable[[Step], Steps[Response | None]]) -> Steps[T]:
    """The same exchange, each step of which is taken by `take`, together with whatever belongs around it."""
    steps = iter(exchange)
    try:
        step = next(steps)
        while True:
            problem, answer = None, None
            try:
                answer = yield from take(step)
            except CodikaError as error:
                problem = error
            step = steps.throw(problem) if problem else steps.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        steps.close()


def observed(exchange: Exchange[T], tell: Callable[[Step], None], *, at_least_every: float = 0.5) -> Steps[T]:
    """The same exchange, of which every step is told before it is taken.

    Args:
        exchange: what is to be done.
        tell: called with each step; longer pauses are made in pieces, each of them told.
        at_least_every: seconds that such a piece lasts at most.
    """

    def take(step: Step) -> Steps[Response | None]:
        while isinstance(step, Pause) and step.seconds > at_least_every:
            tell(step)
            yield Pause(at_least_every)
            step = Pause(step.seconds - at_least_every)
        tell(step)
        return (yield step)

    return relayed(exchange, take)
