"""What runs the Python functions that answer workflows, on threads of their own; an echo without one."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import Any

from ..loops import on_a_thread
from .engine import Engine, Installation, Installed, Outcome, Run
from .placeholders import fill, without_a_value
from .stand_ins import StandIn, StandIns, told
from .wire import as_json

__all__ = ["StandInEngine", "StandInsFirst"]

logger = logging.getLogger("codika_nb.sandbox")


class _ShortTurns:
    """While it is entered, Python's threads take turns ten times as often as they do by default.

    A stand-in that only computes would else keep the server waiting for 5 ms whenever it wants a turn,
    and eight of them for a second an answer.
    """

    _SECONDS = 0.0005

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._usual = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, self._SECONDS))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                sys.setswitchinterval(self._usual)


_short_turns = _ShortTurns()


# Seconds until a thread that has not ended is interrupted once more.
_AGAIN = 1.0


class _TimeIsUp(SystemExit):
    """Raised in a thread whose work nobody waits for any more; ends it without a word."""


class StandInThread:
    """A function, plain or async, on a thread of its own, whose answer can be awaited.

    Not a pool's: Python waits for those when it exits, also for one that hangs. Where no thread can be
    had, it is done at once and on the loop: it cannot be interrupted there.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Outcome | Coroutine[Any, Any, Outcome]],
        failed: Callable[[BaseException], Outcome],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._work, self._failed = work, failed
        self.answer: asyncio.Future[Outcome] = self._loop.create_future()
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
            # Lost where it arrives in what lets nothing pass, such as a callback of the garbage collector.
            self._loop.call_later(_AGAIN, self.interrupt)

    def _run(self) -> None:
        settle: Callable[[], None] = partial(self.answer.set_exception, RuntimeError("The thread was ended."))
        try:
            answer: Any = self._work()
            answer = asyncio.run(answer) if inspect.iscoroutine(answer) else answer
            settle = partial(self.answer.set_result, answer)
        except _TimeIsUp:
            pass
        except BaseException as error:  # nothing of it is for whoever called this
            settle = partial(self.answer.set_result, self._failed(error))
        finally:
            # The loop may be gone: the sandbox was stopped meanwhile.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._settle, settle)

    async def _run_here(self) -> None:
        try:
            answer: Any = self._work()
            settle = partial(self.answer.set_result, await answer if inspect.iscoroutine(answer) else answer)
        except BaseException as error:  # as above
            settle = partial(self.answer.set_result, self._failed(error))
        self._settle(settle)

    def _settle(self, settle: Callable[[], None]) -> None:
        if not self.answer.done():  # else whoever waited has given up
            settle()


class StandInEngine(Engine):
    """Runs no nodes: a Python function answers each workflow, an echo those that have none.

    Two kinds of workflows it refuses to activate, so that their deployment ends as failed: one with
    nodes of which none can start it, and one with a placeholder that has no value.
    """

    echoes = True
    _MOST_AT_ONCE = 8
    _MOST_OVERDUE = 64

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins
        self._slots = asyncio.Semaphore(self._MOST_AT_ONCE)
        self._overdue: list[StandInThread] = []

    def __str__(self) -> str:
        return f"{_listed(self._stand_ins)}; an echo answers all other workflows"

    async def install(self, installation: Installation) -> Installed:
        await self._stand_ins.catch_up()  # whoever has deployed asks next who answers
        installed = await super().install(installation)
        values = {**installation.values, **_OF_THE_ENGINE}
        values |= {f"SUBWKFL_{name}": each for name, each in installed.engine_ids.items()}
        problems = {
            name: problem
            for name, workflow in installation.workflows.items()
            if (problem := _problem(workflow, values))
        }
        return Installed(installed.engine_ids, problems)

    async def run(self, run: Run) -> Outcome | None:
        await self._stand_ins.catch_up()
        return await self.answer(run)

    async def answer(self, run: Run) -> Outcome:
        """What the function of a workflow gives, or an echo; its file has been looked at before."""
        stand_in = self._stand_ins.answering(run.workflow_id, run.instance_id)
        if stand_in is None:
            note = (
                "An echo of the payload: this sandbox has no engine, "
                f'and no stand-in for "{run.workflow_id}". {self._stand_ins.how_to_answer(run.workflow_id)} '
                "Started with --engine n8n, it runs workflows in n8n."
            )
            return Outcome(result=as_json({"note": note, "echo": json.loads(run.payload)}), node="Echo")
        async with self._slots:
            return await self._in_time(stand_in, run)

    async def _in_time(self, stand_in: StandIn, run: Run) -> Outcome:
        self._overdue = [thread for thread in self._overdue if thread.is_alive()]
        if len(self._overdue) >= self._MOST_OVERDUE:
            message = f"{len(self._overdue)} stand-ins before it do not end."
            return Outcome.failed(message, kind="timeout", node=stand_in.name)
        name = f"codika-stand-in-{stand_in.name}"
        thread = StandInThread(name, partial(_answer, stand_in, run), partial(_failed, stand_in, run))
        try:
            with _short_turns:
                return await asyncio.wait_for(thread.answer, stand_in.time_limit)
        except TimeoutError:
            # Its place goes to the next one; an endless loop must not keep its share of the processor.
            thread.interrupt()
            self._overdue.append(thread)
            message = f"The stand-in did not answer within {stand_in.time_limit:g} seconds."
            return Outcome.failed(message, kind="timeout", node=stand_in.name)


class StandInsFirst(Engine):
    """Stand-ins win over another engine, workflow by workflow; what has none is for that one."""

    def __init__(self, stand_ins: StandIns, engine: Engine) -> None:
        self._stand_ins = stand_ins
        self._functions = StandInEngine(stand_ins)
        self._engine = engine

    def __str__(self) -> str:
        first = f"{_listed(self._stand_ins)} first, then " if self._stand_ins.by_workflow else ""
        return f"{first}{self._engine}"

    async def open(self, callback_url: str) -> bool:
        return await self._engine.open(callback_url)

    async def install(self, installation: Installation) -> Installed:
        await self._stand_ins.catch_up()
        # What another workflow calls has to be in the engine, whoever answers it from outside.
        called = {
            name
            for name in installation.workflows
            for other, each in installation.workflows.items()
            if other != name and f"{{{{SUBWKFL_{name}_" in as_json(each)
        }
        rest = {
            name: each
            for name, each in installation.workflows.items()
            if name not in self._stand_ins.by_workflow or name in called
        }
        installed = await self._engine.install(replace(installation, workflows=rest))
        # What is answered by a function has no id there: nothing is to be switched on or off.
        without = dict.fromkeys(installation.workflows, "")
        return Installed({**without, **installed.engine_ids}, installed.problems)

    async def switch(self, engine_ids: Sequence[str], *, on: bool) -> None:
        await self._engine.switch(engine_ids, on=on)

    async def run(self, run: Run) -> Outcome | None:
        await self._stand_ins.catch_up()
        if run.workflow_id in self._stand_ins.by_workflow:
            return await self._functions.answer(run)
        return await self._engine.run(run)

    async def told(self, message: Mapping[str, Any]) -> tuple[str, Outcome] | None:
        return await self._engine.told(message)

    async def record(self, engine_id: str, *, deep: bool, slim: bool) -> dict[str, Any] | None:
        return await self._engine.record(engine_id, deep=deep, slim=slim)

    async def close(self) -> None:
        await self._engine.close()


# What an engine has of its own; there is no such thing behind a Python function.
_OF_THE_ENGINE = {
    "ORGSECRET_N8N_BASE_URL": "",
    "ORGSECRET_WEBHOOK_AUTH_CRED_ID": "",
    "ORGSECRET_WEBHOOK_AUTH_CRED_NAME": "",
    "ORGSECRET_ERROR_WORKFLOW_ID": "",
}
# Starters whose names do not say "trigger"; and those whose names do, which only a person can start.
_STARTERS = ("webhook", "cron", "interval", "emailreadimap")
_BY_HAND = ("manualtrigger", "manualchattrigger", "evaluationtrigger")


def _listed(stand_ins: StandIns) -> str:
    names = ", ".join(stand_ins.by_workflow)
    return f"Python functions ({names})" if names else "Python functions"


def _problem(workflow: Mapping[str, Any], values: Mapping[str, Any]) -> str | None:
    """Why a workflow cannot be activated."""
    listed = workflow.get("nodes")
    nodes = [node for node in listed if isinstance(node, dict)] if isinstance(listed, list) else []
    # A file without nodes is a place kept for a stand-in.
    if nodes and not any(_starts(node) for node in nodes):
        return (
            "The workflow has no node to start it: no trigger, webhook or poller that is enabled "
            "(a manual trigger is started in the editor alone)."
        )
    # The platform pays for these itself: no integration is needed for them.
    missing = [name for name in fill(workflow, values).missing if not name.startswith(_OF_THE_PLATFORM)]
    return without_a_value(missing) if missing else None


_OF_THE_PLATFORM = ("SYSCREDS_", "FLEXCRED_")


def _starts(node: Mapping[str, Any]) -> bool:
    kind = str(node.get("type")).rpartition(".")[2].lower()
    starts = kind in _STARTERS or (kind.endswith("trigger") and kind not in _BY_HAND)
    return starts and node.get("disabled") is not True


def _answer(stand_in: StandIn, run: Run) -> Outcome | Coroutine[Any, Any, Outcome]:
    """What has come of it; where the function is async, something that is awaited for that."""
    result = _call(stand_in, run)
    return _awaited(stand_in, result) if inspect.isawaitable(result) else _outcome(stand_in, result)


async def _awaited(stand_in: StandIn, result: Awaitable[Any]) -> Outcome:
    # The execution is over by then; this only keeps it from being waited for without end.
    async with asyncio.timeout(stand_in.time_limit + 1):
        return _outcome(stand_in, await result)


def _outcome(stand_in: StandIn, result: Any) -> Outcome:
    try:
        return Outcome(result=as_json(result), node=stand_in.name)
    except (TypeError, ValueError, RecursionError) as error:
        return Outcome.failed(f"The result cannot be written as JSON: {error}", node=stand_in.name)


def _failed(stand_in: StandIn, run: Run, error: BaseException) -> Outcome:
    logger.warning("the stand-in %s of workflow %s failed", stand_in.name, run.workflow_id, exc_info=error)
    return Outcome.failed(told(error), node=stand_in.name, place=_place_of(stand_in, error))


def _place_of(stand_in: StandIn, error: BaseException) -> str:
    """The line of the function's file at which it failed."""
    code = getattr(getattr(stand_in.function, "__wrapped__", stand_in.function), "__code__", None)
    file = getattr(code, "co_filename", "")
    raised = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in raised if frame.f_code.co_filename == file]
    return f"{PurePath(file).name}, line {lines[-1]}" if lines else ""


def _call(stand_in: StandIn, run: Run) -> Any:
    further: dict[str, Any] = {}
    with contextlib.suppress(TypeError, ValueError):  # no signature to look at: a payload it is
        if "execution" in inspect.signature(stand_in.function).parameters:
            further["execution"] = {**run.metadata, "parameters": run.parameters}
    return stand_in.function(json.loads(run.payload), **further)
