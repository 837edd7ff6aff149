"""Work that goes on while the kernel is free.

What talks to the platform runs as coroutines on one loop, which has a thread of its own; or, in a kernel
that has no threads, such as a browser's, on the loop that runs there anyway. Nothing else runs on that
thread: whatever blocks, draws or was written by others has a thread to itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from ..client.worker import in_worker, on_a_thread
from ..errors import ConfigError

T = TypeVar("T")

__all__ = ["call_later", "call_soon", "in_worker", "log", "may_wait", "outcome_of", "submit"]

log = logging.getLogger(__name__)


class _Network:
    """The loop of this process, on a daemon thread that is started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._own is None:
                started: Future[asyncio.AbstractEventLoop] = Future()
                if on_a_thread(lambda: _run_a_loop(started), "codika-network"):
                    self._own = started.result()
            return self._own or _running_loop()

    def is_here(self) -> bool:
        """Whether the calling thread is the one on which the loop runs."""
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            return False
        return here is self.loop()


def _run_a_loop(started: Future[asyncio.AbstractEventLoop]) -> None:
    loop = asyncio.new_event_loop()
    started.set_result(loop)
    loop.run_forever()


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigError(
            "Without threads, a form needs an event loop that runs.", next_action="Use it in a notebook."
        ) from None


_network = _Network()


def _begin_anew() -> None:
    # The thread, and whoever held the lock, are the parent's.
    global _network  # noqa: PLW0603
    _network = _Network()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Have this coroutine run, from whatever thread this is called."""
    try:
        return asyncio.run_coroutine_threadsafe(work, _network.loop())
    except ConfigError:
        work.close()
        raise


def call_soon(function: Callable[[], object]) -> Future[None]:
    """Have this function called, on a thread of its own."""
    return call_later(0.0, function)


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
    """Whether the calling thread may wait for what goes on here: never the one that does it."""
    return not _network.is_here()


def outcome_of(future: Future[T], timeout: float | None, late: str) -> T:
    """Wait for an outcome, and return it.

    Raises:
        TimeoutError: with the text `late`, if it takes longer.
        ConfigError: it could never come while this thread waits for it.
    """
    if not future.done() and not may_wait():
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
