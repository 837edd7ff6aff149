"""Work that goes on while the kernel is free.

What talks to the platform runs as coroutines on one loop, which has a thread of its own; or, in a kernel
that has no threads, such as a browser's, on the loop that runs there anyway. Nothing else runs on that
thread: whatever blocks, draws or was written by others has a thread to itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from ..errors import ConfigError
from ..loops import Loop, can_wait_here, in_worker, wait_here

T = TypeVar("T")

__all__ = ["call_later", "in_worker", "log", "may_wait", "outcome_of", "submit"]

log = logging.getLogger(__name__)


_network = Loop("codika-network")
submit = _network.submit


def call_later(seconds: float, function: Callable[[], object]) -> Future[None]:
    """Have this function called after some seconds, on a thread of its own.

    What is returned can be cancelled until then.
    """

    async def later() -> None:
        await asyncio.sleep(seconds)
        try:
            await in_worker(function)
        except Exception:
            # Nobody waits for it who could be told.
            log.exception("what was to be done in the background failed")

    return submit(later())


def may_wait() -> bool:
    """Whether the calling thread may block until something is done here: never the one that does it."""
    return not _network.is_here()


def outcome_of(future: Future[T], timeout: float | None, late: str) -> T:
    """Wait for an outcome, and return it.

    Raises:
        TimeoutError: with the text `late`, if it takes longer.
        ConfigError: it could never come while this thread waits for it.
    """
    if not future.done() and not may_wait():
        if can_wait_here():
            return _outcome_here(future, timeout, late)
        raise ConfigError(
            f"{late} It cannot be waited for here, where it is worked on.",
            next_action="Await it in a cell of its own.",
            code="would-block",
        )
    try:
        return future.result(timeout)
    except TimeoutError:
        if future.done():
            return future.result()  # the error is the outcome, or it has come this very moment
        raise TimeoutError(late) from None


def _outcome_here(future: Future[T], timeout: float | None, late: str) -> T:
    """As `outcome_of`, where this very thread goes on with it meanwhile."""
    # Whoever gives up waiting does not stop it.
    wait_here(asyncio.wait([asyncio.wrap_future(future)], timeout=timeout))
    if not future.done():
        raise TimeoutError(late)
    return future.result()
