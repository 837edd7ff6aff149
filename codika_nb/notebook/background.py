"""Work that goes on while the kernel is free."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

T = TypeVar("T")


log = logging.getLogger(__name__)


class _Network:
    """One daemon thread with one event loop, started when first needed, shared by all forms."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="codika-network", daemon=True).start()
            return self._loop

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)


network = _Network()


def outcome_of(future: Future[T], timeout: float | None, late: str) -> T:
    try:
        return future.result(timeout)
    except FutureTimeout:  # on Python 3.10 not the built-in one
        raise TimeoutError(late) from None
