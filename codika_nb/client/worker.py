"""Where what blocks, or others have written, is called: on threads of our own."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from ..loops import on_a_thread

T = TypeVar("T")


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
