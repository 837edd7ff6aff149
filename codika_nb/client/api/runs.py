"""Runs: started, waited for, looked into."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from ...display.text import plain
from ...errors import (
    CodikaError,
    ConfigError,
    Interrupted,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TransportError,
    WaitTimeoutError,
)
from ...models import Execution, ExecutionDetails, Executions, ExecutionSummary, Triggered
from ...models.executions import LISTED
from ...usecases.uploads import holds_files, with_files_read
from .. import arguments
from ..call import Call, known, path
from ..endpoint import endpoint
from ..payloads import as_json, as_mapping
from ..runs import Run as Row
from ..steps import Pause, Steps, T, Work
from .instances import MOST_LISTED, InstancesAPI, known_instance, which_instance
from .platform import Platform

Run = str | Triggered | Execution | ExecutionSummary | Row

#: What the ids of runs and instances look like.
ID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

#: Seconds for which a fresh run may be unknown to the server that started it.
UNKNOWN_AT_FIRST = 5.0


class RunsAPI(Platform):
    """Runs: started, waited for, looked into."""

    @endpoint
    def trigger_workflow(
        self, workflow: str, payload: Mapping[str, Any] | None = None, *, instance: str | None = None
    ) -> Steps[Triggered]:
        """Start a run and return its id at once; each call is a new run.

        Args:
            workflow: the workflow's template id, as in the use case.
            payload: the input, by the workflow's input schema; empty if left out. It is sent as it is:
                the function that `Client.workflow` makes checks it first, knows a misspelt member, and
                fills in the form's defaults. A file is a `Path`, or its content as bytes.
            instance: process instance id; the one that is meant if left out (see `Client`).

        Raises:
            NotFoundError: no such instance or workflow.
            ConflictError: the instance is switched off (412).
            ConfigError: no instance is named, or the payload is no object; nothing was sent.

        Example:
            >>> run = client.trigger_workflow("greet", {"name": "Ada"})
            >>> client.wait_for(run).result
            {'greeting': 'Hello, Ada!', 'language': 'en'}
        """
        payload = as_mapping(payload)
        if payload is not None and not isinstance(payload, Mapping):
            raise ConfigError(
                f"The payload of a workflow is an object, not {type(payload).__name__}.",
                next_action='Give a dict, such as {"name": "Ada"}.',
            )
        workflow = arguments.name(workflow, "A workflow")
        there = yield from which_instance(self, instance, workflow)
        base_url, where = self._address("webhook", there, workflow)
        if holds_files(given := payload or {}):
            given = yield from Work(lambda: with_files_read(given))
        sent = as_json(given)
        body = {"payload": sent}
        read = Triggered.model_validate
        try:
            started = yield from Call("POST", where, read, body=body, envelope="flat", base_url=base_url)
        except InvalidRequestError as error:
            missing = [plain(str(name)) for name in payload or () if str(name) not in sent]
            if missing := [name for name in missing if name in error.message]:
                error.next_action = (
                    f"{', '.join(missing)}: what is given is missing (NaN, NaT, NA), and is left out."
                )
            raise
        except KeyboardInterrupt:
            raise Interrupted(
                f"Stopped before there was an answer: a run of {workflow} may have started.",
                next_action=f"client.list_executions({there!r}) shows the runs that there are.",
            ) from None
        return started.at(there)

    @endpoint
    def get_execution_status(self, execution: Run, *, instance: str | None = None) -> Steps[Execution]:
        """Where a run stands: ``pending``, ``success`` with its result, or ``failed`` with the reason.

        Args:
            execution: the run, or its id.
            instance: process instance id; where the run was started if left out.

        Raises:
            NotFoundError: there is no such run; for a moment the platform may say so of one just started.

        Example:
            >>> run = client.run_workflow("greet", {"name": "Ada"})
            >>> client.get_execution_status(run.execution_id)
            Execution(success, ... ms, result={'greeting': 'Hello, Ada!', 'language': 'en'})
        """
        return (yield from self._found(execution, instance, partial(self._status, execution)))

    def _found(self, run: Run, instance: str | None, ask: Callable[[str], Call[T]]) -> Steps[T]:
        """Ask for a run where it was started; where nobody has said that, at one instance after the other."""
        named = _named(instance, run)
        problem: CodikaError
        try:
            return (yield from ask((yield from which_instance(self, named))))
        except (ConfigError, NotFoundError) as error:
            is_elsewhere = isinstance(error, NotFoundError) or error.code == "which-instance"
            if named or self.public or not is_elsewhere:
                raise
            problem = error
        try:
            listed = yield from InstancesAPI.list_instances.describe(self, limit=MOST_LISTED)
        except CodikaError:
            raise problem from None
        for each in listed:
            try:
                return (yield from ask(each.process_instance_id))
            except NotFoundError as error:
                problem = error
        if len(listed) > 1:  # else the one that was asked is named
            problem.message = f"There is no such execution at any instance: {_run_id(run)}."
        raise problem

    def _status(self, execution: Run, instance: str) -> Call[Execution]:
        run = _run_id(execution)
        base_url, where = self._address("status", instance, run)
        read = known(Execution, "execution", executionId=run)
        return Call(
            "GET",
            where,
            lambda answer: read(answer).at(instance),
            envelope="flat",
            repeatable=True,
            base_url=base_url,
        )

    @endpoint
    def wait_for(
        self, execution: Run, *, instance: str | None = None, timeout: float | None = 120.0
    ) -> Steps[Execution]:
        """Wait until a run has ended, however it ended; ``.result`` of what it returns is the result.

        Asks quickly at first and less and less often later, and keeps asking through passing failures.
        Of a run that ended badly, ``.result`` raises `ExecutionFailedError`, and ``.status`` says so quietly.

        Args:
            execution: the run, or its id.
            instance: process instance id; where the run was started if left out.
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            WaitTimeoutError: it still runs; the error carries ``execution_id`` to wait on, as every other
                error that ends the waiting does.
            NotFoundError: there is no such run.
            Interrupted: by Ctrl-C; the run goes on.

        Example:
            >>> runs = [client.trigger_workflow("greet", {"name": name}) for name in ("Ada", "Grace")]
            >>> [client.wait_for(run, timeout=600).result["greeting"] for run in runs]
            ['Hello, Ada!', 'Hello, Grace!']
        """
        execution_id, timeout = _run_id(execution), arguments.seconds(timeout)
        named = _named(instance, execution)
        there = named or known_instance(self, None)
        try:
            if there:
                there = yield from which_instance(self, there)
                try:
                    return (yield from self._waited_for(execution_id, there, timeout))
                except NotFoundError:
                    if named or self.public:
                        raise
            # It was started elsewhere in the organization, or never.
            try:
                found = yield from self._found(execution, None, partial(self._status, execution))
            except CodikaError as error:
                error.execution_id = execution_id
                raise
            there = found.instance or ""
            return (yield from self._waited_for(execution_id, there, timeout))
        except KeyboardInterrupt:
            raise Interrupted(
                f"Stopped waiting; run {execution_id} goes on.",
                next_action=f"Take it up again: client.wait_for({execution_id!r}, instance={there!r})",
            ) from None

    def _waited_for(self, execution_id: str, there: str, timeout: float) -> Steps[Execution]:
        # What the call would repeat, this loop repeats.
        status = replace(self._status(execution_id, there), repeatable=False)
        began = time.monotonic()
        # An end is seen a third of the time late at most, and a long run is asked for every 3 s.
        pause, least = 0.05, 1.0  # one look there is in any case, and it needs some time
        while True:
            left = began + timeout - time.monotonic()
            problem: CodikaError | None = None
            try:
                state = yield from replace(status, timeout=max(left, least))
                if state.ended:
                    return state
            except CodikaError as error:
                error.execution_id = execution_id
                if not _may_pass(error, time.monotonic() - began):
                    raise
                problem, least = error, 0.25
            left = began + timeout - time.monotonic()
            if left <= 0:
                late = WaitTimeoutError(
                    f"Run {execution_id} has not ended within {timeout:g} s"
                    + (f" (last answer: {problem.message})." if problem else "."),
                    next_action=f"It goes on: client.wait_for({execution_id!r}, instance={there!r}) "
                    "waits for it again.",
                    code="timeout",
                )
                late.execution_id = execution_id
                raise late
            yield Pause(min(max(pause, getattr(problem, "retry_in", None) or 0.0), left))
            pause = min(pause * 1.3, 3.0)

    @endpoint
    def run_workflow(
        self,
        workflow: str,
        payload: Mapping[str, Any] | None = None,
        *,
        instance: str | None = None,
        timeout: float | None = 120.0,
    ) -> Steps[Execution]:
        """Start a run and wait until it has ended; ``.result`` is what the workflow returned.

        `trigger_workflow` and `wait_for` in one.

        Args:
            workflow: the workflow's template id, as in the use case.
            payload: the input, by the workflow's input schema; empty if left out. It is sent as it is:
                the function that `Client.workflow` makes checks it first, and knows a misspelt member. A file
                is a `Path`, or its content as bytes.
            instance: process instance id; the one that is meant if left out (see `Client`).
            timeout: seconds to wait at most; the run itself goes on after that.

        Raises:
            WaitTimeoutError: it still runs; the error carries ``execution_id`` to wait on.
            NotFoundError, ConflictError, ConfigError: as in `trigger_workflow`; no run was started.

        Example:
            >>> client.run_workflow("greet", {"name": "Ada", "language": "de"}).result
            {'greeting': 'Hallo, Ada!', 'language': 'de'}
        """
        timeout = arguments.seconds(timeout)
        started = yield from RunsAPI.trigger_workflow.describe(self, workflow, payload, instance=instance)
        return (yield from RunsAPI.wait_for.describe(self, started, timeout=timeout))

    @endpoint
    def get_execution(
        self, execution: Run, *, instance: str | None = None, deep: bool = False, slim: bool = False
    ) -> Steps[ExecutionDetails]:
        """Look into a run, node by node, as the workflow engine has recorded it.

        Args:
            execution: the run, or its id.
            instance: process instance id; where the run was started if left out.
            deep: with the runs of sub-workflows.
            slim: without the workflow itself, and without what links items to each other.

        Raises:
            NotFoundError: there is no such run.

        Example:
            >>> run = client.run_workflow("greet", {"name": "Ada"})
            >>> list(client.get_execution(run).n8n_execution["data"]["resultData"]["runData"])
            ['Codika Init', 'Codika Submit Result']
        """
        run, query = _run_id(execution), arguments.query(deep=deep, slim=slim)
        read = known(ExecutionDetails, "execution", codikaExecutionId=run)

        def details(there: str) -> Call[ExecutionDetails]:
            where = path("getexecutiondetailspublic", there, run)
            return Call("GET", where, read, query=query, envelope="flat", repeatable=True)

        return (yield from self._found(execution, instance, details))

    @endpoint
    def list_executions(
        self,
        of: str | None = None,
        /,
        *,
        instance: str | None = None,
        workflow: str | None = None,
        failed_only: bool = False,
        limit: int | None = None,
    ) -> Steps[Executions]:
        """List an instance's runs, newest first.

        Args:
            of: a process instance id, or the name of a workflow: the same as ``instance=`` or ``workflow=``.
            instance: process instance id; the one that is meant if left out (see `Client`).
            workflow: only this workflow's, by its template id.
            failed_only: only those that failed.
            limit: how many at most, 1 to 100; the platform's default is 20.

        Raises:
            NotFoundError: there is no such instance.

        Example:
            >>> run = client.run_workflow("greet", {"name": " "})
            >>> client.list_executions(failed_only=True, limit=5)
               Status    Run  Workflow  Started  Took  Error
            0  ✗ failed  ...  greet     ...      ...   greet: ...A name is required.
            At instance ....
            Assign it (runs = …): Client().get_execution(runs[0]) looks into run 0, ...
        """
        if of is not None and instance is None:
            instance = of
        elif of is not None:
            workflow = workflow or of
        query = arguments.query(
            workflowId=workflow if workflow is None else arguments.name(workflow, "A workflow"),
            status="failed" if failed_only else None,
            limit=arguments.limit(limit),
        )
        there = yield from which_instance(self, instance, workflow)
        where = path("listexecutionspublic", there)
        try:
            runs = yield from Call("GET", where, Executions.read, query=query, repeatable=True)
        except NotFoundError as error:
            if not instance or workflow or re.fullmatch(ID, there):
                raise
            try:
                found = yield from which_instance(self, None, there)
            except NotFoundError as missing:
                raise (error if of is None else missing) from None
            again = partial(RunsAPI.list_executions.describe, self, found, workflow=there)
            return (yield from again(failed_only=failed_only, limit=limit))
        return runs.at(there, limit or LISTED)


def _named(instance: str | None, run: Run) -> str | None:
    return _instance_of(run) if instance is None else arguments.name(instance, "A process instance")


def _instance_of(run: Run) -> str | None:
    """A run knows where it was started."""
    _ = _run_id(run)
    if isinstance(run, Row):
        return run.execution.instance if run.execution else None
    return None if isinstance(run, str) else run.instance


def explained(api: Platform, run: Execution) -> Steps[Execution]:
    """The same run; one that has failed with the engine's own words, which may name the line."""
    if run.status == "failed" and run.error_details and not api.public:
        with suppress(CodikaError):  # a key may not be allowed to look into the engine
            return run.explained_by((yield from RunsAPI.get_execution.describe(api, run)))
    return run


def _run_id(run: Run) -> str:
    if isinstance(run, str) and run.strip():
        return run.strip()
    if isinstance(run, Row) and run.execution_id:
        return run.execution_id
    if not isinstance(run, Triggered | Execution | ExecutionSummary):
        raise ConfigError(
            f"A run or its id is meant here, not {_said(run)}.",
            next_action="Give what trigger_workflow has returned, or its execution_id.",
        )
    return run.execution_id


def _said(what: object) -> str:
    if isinstance(what, Row):
        return "one that was never started"
    return "an empty text" if isinstance(what, str) else type(what).__name__


def _may_pass(error: CodikaError, waited: float) -> bool:
    """Whether a failure to look at a run may be over by the next look."""
    if isinstance(error, NotFoundError):
        # Right after a trigger the platform may not know the run yet: its public documentation asks
        # clients to keep polling. An id that stays unknown is a wrong one.
        return waited <= UNKNOWN_AT_FIRST
    if isinstance(error, InvalidResponseError):
        return error.may_pass
    return isinstance(error, TransportError | ServerError | RateLimitError)
