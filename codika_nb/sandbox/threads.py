"""Work beside the loop, on threads that neither block it nor keep the interpreter from exiting.

Where no thread can be had, it is done at once and on the loop: it cannot be interrupted there.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar

from ..loops import on_a_thread

__all__ = ["DaemonThread"]

Answer = TypeVar("Answer")


class _TimeIsUp(SystemExit):
    """Raised in a thread whose work nobody waits for any more; ends it without a word."""


class DaemonThread(Generic[Answer]):
    """A function, plain or async, on a thread of its own, whose answer can be awaited.

    Not a pool's: Python waits for those when it exits, also for one that hangs.
    """

    def __init__(self, name: str, work: Callable[[], Answer | Coroutine[Any, Any, Answer]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._work = work
        self.answer: asyncio.Future[Answer] = self._loop.create_future()
        self._thread = on_a_thread(self._run, name)
        if self._thread is None:
            self._here = asyncio.ensure_future(self._run_here())

    def is_alive(self) -> bool:
        """Whether it still works."""
        return self._thread is not None and self._thread.is_alive()

    def interrupt(self) -> None:
        """End it at its next step in Python; what blocks outside of Python takes its time."""
        if self._thread is not None and self._thread.is_alive():
            import ctypes  # noqa: PLC0415 - where there are no threads, it may be missing

            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(_TimeIsUp)
            )

    def _run(self) -> None:
        settle: Callable[[], None] = partial(self.answer.set_exception, RuntimeError("The thread was ended."))
        try:
            answer: Any = self._work()
            answer = asyncio.run(answer) if inspect.iscoroutine(answer) else answer
            settle = partial(self.answer.set_result, answer)
        except Exception as error:
            settle = partial(self.answer.set_exception, error)
        except SystemExit:
            pass  # its time was up
        finally:
            # The loop may be gone: the sandbox was stopped meanwhile.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._settle, settle)

    async def _run_here(self) -> None:
        try:
            answer: Any = self._work()
            settle = partial(self.answer.set_result, await answer if inspect.iscoroutine(answer) else answer)
        except Exception as error:
            settle = partial(self.answer.set_exception, error)
        self._settle(settle)

    def _settle(self, settle: Callable[[], None]) -> None:
        if not self.answer.done():  # else whoever waited has given up
            settle()
