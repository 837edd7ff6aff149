"""Work beside the loop, on threads that neither block it nor keep the interpreter from exiting."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

__all__ = ["DaemonThread"]

Answer = TypeVar("Answer")


class _TimeIsUp(SystemExit):
    """Raised in a thread whose work nobody waits for any more; ends it without a word."""


class DaemonThread(Generic[Answer]):
    """A function on a thread of its own, whose answer can be awaited.

    Not a pool's: Python waits for those when it exits, also for one that hangs.
    """

    def __init__(self, name: str, work: Callable[[], Answer]) -> None:
        self._loop = asyncio.get_running_loop()
        self._work = work
        self.answer: asyncio.Future[Answer] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it still works."""
        return self._thread.is_alive()

    def interrupt(self) -> None:
        """End it at its next step in Python; what blocks outside of Python takes its time."""
        if self._thread.ident is not None and self._thread.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(_TimeIsUp)
            )

    def _run(self) -> None:
        settle: Callable[[], None] = partial(self.answer.set_exception, RuntimeError("The thread was ended."))
        try:
            settle = partial(self.answer.set_result, self._work())
        except Exception as error:
            settle = partial(self.answer.set_exception, error)
        finally:
            # The loop may be gone: the sandbox was stopped meanwhile.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._settle, settle)

    def _settle(self, settle: Callable[[], None]) -> None:
        if not self.answer.done():  # else whoever waited has given up
            settle()
