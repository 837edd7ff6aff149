"""Who works on a batch: threads where the client blocks, tasks where it is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..loops import on_a_thread, wait_here
from .batch import TICK, Batch

if TYPE_CHECKING:
    from .client import AsyncClient, Client


def on_threads(client: Client, batch: Batch, move: Callable[[], None]) -> None:
    """Have it all done on threads, or by tasks on this one if none can be had. `move` is called meanwhile."""
    crew = [on_a_thread(lambda: _work(client, batch), "codika-run-many") for _ in range(batch.workers)]
    if crew and not any(crew):
        wait_here(_by_tasks_of_its_own(client, batch, move))
    for thread in filter(None, crew):
        while thread.is_alive() and batch.error is None:
            thread.join(TICK)
            move()


def _work(client: Client, batch: Batch) -> None:
    try:
        client.perform(batch.worker())
    except BaseException as error:  # also a SystemExit of whoever gives the payloads: a thread hides it
        batch.give_up(error)


async def _by_tasks_of_its_own(client: Client, batch: Batch, move: Callable[[], None]) -> None:
    async with client.to_async() as other:
        await as_tasks(other, batch, move)


async def as_tasks(client: AsyncClient, batch: Batch, move: Callable[[], None]) -> None:
    """Have it all done by tasks of the running loop. `move` is called meanwhile."""
    crew = {asyncio.create_task(_work_awaited(client, batch)) for _ in range(batch.workers)}
    while crew and batch.error is None:
        _, crew = await asyncio.wait(crew, timeout=TICK)
        move()


async def _work_awaited(client: AsyncClient, batch: Batch) -> None:
    try:
        await client.perform(batch.worker())
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # these two would end the loop at once
        batch.give_up(error)
