"""Where things go on beside the caller: threads, a loop on one of them; and, where there are none, the loop
that runs anyway.

A kernel in a browser has neither threads nor sockets. Everything that needs to know this asks here.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar
from weakref import WeakSet

from .errors import ConfigError

T = TypeVar("T")

#: Whether this Python is a page's, which everything in the page can look into.
IN_BROWSER = sys.platform == "emscripten"


def on_a_thread(function: Callable[[], None], name: str) -> threading.Thread | None:
    """Run this on a thread of its own, and return that; None if none can be had, and nothing has been run.

    The thread ends with the process: whoever gives up waits for no keyboard and no disk.
    """
    thread = threading.Thread(target=function, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread


async def in_worker(function: Callable[[], T]) -> T:
    """Call what blocks, or others have written, on a thread of its own; here if there are no threads."""
    outcome: Future[T] = Future()
    # Running, so that whoever stops waiting for it does not keep it from having an outcome.
    outcome.set_running_or_notify_cancel()
    # What is shown belongs to the cell or the click that this goes back to.
    context = contextvars.copy_context()

    def call() -> None:
        try:
            returned = context.run(function)
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(returned)

    if not on_a_thread(call, "codika-worker"):
        call()
    return await asyncio.wrap_future(outcome)


class Loop:
    """A loop to give coroutines to, on a daemon thread that is started when it is first needed; or, where no
    thread can be had, the loop that runs already.

    Args:
        name: the thread's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._own: asyncio.AbstractEventLoop | None = None
        self._ended: Future[None] | None = None
        _loops.add(self)

    def _begun(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._own is None:
                started: Future[asyncio.AbstractEventLoop] = Future()
                ended: Future[None] = Future()
                if on_a_thread(lambda: _run_a_loop(started, ended), self._name):
                    self._own, self._ended = started.result(), ended
            return self._own or _running_loop()

    def is_here(self) -> bool:
        """Whether the calling thread is the one on which it runs."""
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            return False
        return here is self._begun()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Have this coroutine run, from whatever thread this is called."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._begun())
        except ConfigError:
            work.close()
            raise

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have this coroutine run, and return its result.

        Raises:
            ConfigError: it is to run on this very thread, has something to wait for, and cannot (see
                `wait_here`).
        """
        if not self.is_here():
            return self.submit(work).result()
        return wait_here(work) if can_wait_here() else _at_once(work)

    def end(self) -> None:
        """Let go of the thread, and of what is still under way there."""
        with self._lock:
            own, ended, self._own = self._own, self._ended, None
        if own is not None and ended is not None:
            own.call_soon_threadsafe(own.stop)
            ended.result()

    def _begin_anew(self) -> None:
        # The thread, and whoever held the lock, are the parent's.
        self._lock, self._own = threading.Lock(), None


_loops: WeakSet[Loop] = WeakSet()


def _after_a_fork() -> None:
    for each in list(_loops):
        each._begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_a_fork)


def _run_a_loop(started: Future[asyncio.AbstractEventLoop], ended: Future[None]) -> None:
    loop = asyncio.new_event_loop()
    started.set_result(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(_cancelled(asyncio.all_tasks(loop)))
    finally:
        loop.close()
        ended.set_result(None)


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigError(
            "Without threads, this needs an event loop that runs.", next_action="Use it in a notebook."
        ) from None


def can_wait_here() -> bool:
    """Whether a call can wait for what goes on, on this very thread: in some browsers it can, in a cell."""
    if not IN_BROWSER:
        return False
    from pyodide.ffi import can_run_sync  # noqa: PLC0415 - only there

    return bool(can_run_sync())


def wait_here(work: Awaitable[T]) -> T:
    """Wait for something that goes on on this very thread, and return what it gives.

    Raises:
        ConfigError: that is not possible; nothing has been done.
    """
    if can_wait_here():
        from pyodide.ffi import run_sync  # noqa: PLC0415 - as above

        outcome: T = run_sync(work)
        return outcome
    if asyncio.iscoroutine(work):
        work.close()
    raise ConfigError(
        "This browser cannot wait within a call: there are no threads, and nothing would go on meanwhile.",
        next_action="Await it: client = AsyncClient(), then await client.…; or use another browser.",
        code="would-block",
    )


def pause(seconds: float) -> None:
    """Sleep; where everything goes on on this thread, let it go on meanwhile."""
    if IN_BROWSER:
        wait_here(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run what has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    return wait_here(work)
