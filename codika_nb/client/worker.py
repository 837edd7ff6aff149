"""Threads of our own: where what blocks, or others have written, is called."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def on_a_thread(function: Callable[[], None], name: str) -> bool:
    """Run this on a thread of its own; False if no thread can be had, and nothing has been run.

    The thread ends with the process: whoever gives up waits for no keyboard and no disk.
    """
    try:
        threading.Thread(target=function, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True


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
