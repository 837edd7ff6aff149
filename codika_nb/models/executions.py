"""Runs: started, looked at, and as the workflow engine has recorded them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field

from ..display.chart import Bar, Chart
from ..display.markup import (
    LONGEST_RESULT,
    Bundle,
    Shown,
    after,
    card,
    code,
    folded,
    moment,
    named,
    state,
    tree,
)
from ..display.table import Cell, cell, html_table, text_table
from ..display.text import LONGEST, duration_text, moment_text, plain, readable
from ..errors import ExecutionFailedError
from ..redaction import cut, redact
from .answer import Answer, Id, Table

#: Where a run is; no member of the platform's answers, but known to whoever has asked.
INSTANCE: Any = Field(default=None, exclude=True, repr=False)


class _Run(Answer):
    """A run."""

    _elsewhere = dict.fromkeys(("nodes", "payload"), "client.get_execution(run)")

    def at(self, instance: str) -> Self:
        """The same run, which knows its process instance."""
        return self.model_copy(update={"instance": instance})

    @property
    def error(self) -> str | None:
        """Why it failed, and at which node, in one line; None if it did not fail."""
        problem: ExecutionProblem | None = getattr(self, "error_details", None)
        if problem is None:
            return None
        node = problem.failed_node_name
        return f"{node}: {problem.message}" if node else problem.message


class Triggered(_Run):
    """A run has been started; `execution_id` is the handle to wait for it."""

    _elsewhere = _Run._elsewhere | dict.fromkeys(
        ("result", "result_data", "status", "duration"), "client.wait_for(run)"
    )

    execution_id: Id
    message: str = ""
    instance: str | None = INSTANCE


# What a workflow says about its failure may repeat anything that it has been given.
_Readable = Annotated[str, AfterValidator(readable)]


class ExecutionProblem(Answer):
    """Why a run failed, and at which node."""

    type: _Readable = ""
    message: _Readable = ""
    code: _Readable | None = None
    failed_node_name: _Readable | None = None


class Execution(_Run):
    """One run of a workflow: its state, and its result once it has ended well."""

    execution_id: Id
    status: Literal["pending", "success", "failed"] | str
    created_at: datetime | None = None
    duration: int | None = Field(default=None, description="milliseconds")
    result_data: Any = None
    error_details: ExecutionProblem | None = None
    instance: str | None = INSTANCE

    @property
    def ended(self) -> bool:
        """Whether the run is over; anything but ``pending`` is final."""
        return self.status != "pending"

    @property
    def result(self) -> Any:
        """The result of the workflow; raises `ExecutionFailedError` when there is none."""
        if self.status == "success":
            return self.result_data
        problem, run = self.error_details, plain(self.execution_id)
        if not self.ended:
            message, action = f"Run {run} has not ended yet.", "Wait: client.wait_for(run)"
        elif problem is None:
            message, action = f"Run {run} ended as {plain(self.status)}.", None
        else:
            at = f" at node “{problem.failed_node_name}”" if problem.failed_node_name else ""
            message, action = f"The workflow failed{at}: {problem.message}", None
        error = ExecutionFailedError(
            message, next_action=action, code=(problem.code or problem.type) if problem else self.status
        )
        error.execution = self
        error.execution_id = self.execution_id
        raise error

    def explained_by(self, details: ExecutionDetails) -> Execution:
        """The same run, with the engine's own words for why it failed: they may name the line."""
        problem = self.error_details
        if problem and problem.message and problem.message in details.reason:
            explained = problem.model_copy(update={"message": details.reason})
            return self.model_copy(update={"error_details": explained})
        return self

    def __repr__(self) -> str:
        took = f", {self.duration} ms" if self.duration is not None else ""
        status = plain(self.status)
        if self.status == "success":
            return redact(f"Execution({status}{took}, result={self.result_data!r})")
        why = f", {self.error_details.message!r}" if self.error_details else ""
        return redact(f"Execution({status}{took}{why}, execution_id={self.execution_id!r})")

    def _repr_html_(self) -> str:
        return execution_card(self, "The run")["text/html"]


class NodeRun(NamedTuple):
    """What a node did in a run: how it ended, and how many milliseconds it took."""

    name: str
    status: str
    milliseconds: int | None
    items: int


class ExecutionDetails(Answer):
    """A run as the workflow engine recorded it: its `nodes` in short, all of it in `n8n_execution`."""

    codika_execution_id: Id
    n8n_execution_id: str | None = None
    status: str = ""
    n8n_execution: Any = Field(default=None, repr=False)

    _elsewhere = dict.fromkeys(("result", "duration", "created_at"), "client.get_execution_status(run)")

    @property
    def error(self) -> str | None:
        """The same as `reason`, under the name that it has in other answers; None if the run did not fail."""
        return self.reason or None

    @property
    def execution_id(self) -> str:
        """The run's id, under the name that it has everywhere else."""
        return self.codika_execution_id

    @property
    def nodes(self) -> list[NodeRun]:
        """Which nodes ran, in their order."""
        return [_node(name, turn) for name, turn in _turns(self.n8n_execution)]

    @property
    def payload(self) -> Any:
        """What the run was started with, as the first node passed it on; None where that is not recorded."""
        first = next((turn for _, turn in _turns(self.n8n_execution)), {})
        item = next(_items(first.get("data")), None)
        passed_on = item.get("json") if isinstance(item, dict) else None
        # n8n's webhook node passes the whole request on, with its headers.
        if not (isinstance(passed_on, dict) and {"body", "headers"} <= passed_on.keys()):
            return passed_on
        body = passed_on["body"]
        return body.get("payload", body) if isinstance(body, dict) else body

    @property
    def reason(self) -> str:
        """Why the run failed, in the engine's words; empty if it did not fail, or nothing was recorded."""
        data = self.n8n_execution.get("data") if isinstance(self.n8n_execution, dict) else None
        result = data.get("resultData") if isinstance(data, dict) else None
        error = result.get("error") if isinstance(result, dict) else None
        message = error.get("message") if isinstance(error, dict) else error
        return plain(message, LONGEST) if isinstance(message, str) else ""

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        """Headings and cells of a table of the nodes, without a column in which nothing was recorded."""
        nodes, columns = self.nodes, range(len(_NODE_HEADINGS))
        told = [n for n in columns if any(node[n] is not None for node in nodes)]
        return [_NODE_HEADINGS[n] for n in told], [[cell(node[n]) for n in told] for node in nodes]

    def __repr__(self) -> str:
        headings, rows = self._rows()
        table = text_table(headings, rows) if rows else "no node has been recorded"
        told = f"ExecutionDetails({plain(self.status)}, execution_id={self.execution_id!r})"
        why = f"\n{reason}" if (reason := self.reason) else ""
        # As it was sent, blank by blank: that may be why the run has failed.
        payload = readable(json.dumps(self.payload, ensure_ascii=False), 500)
        sent = "" if self.payload is None else f"\nPayload: {payload}"
        return redact(f"{told}{why}{sent}\n{table}")

    def _repr_html_(self) -> str:
        headings, rows = self._rows()
        shown = [[redact(value) for value in row] for row in rows]
        title = f"Run {self.codika_execution_id}, node by node"
        about = [
            ("Status", self.status),
            ("Reason", redact(self.reason)),
            ("Engine's id", self.n8n_execution_id or ""),
        ]
        table = html_table(headings, shown, numbers=headings[2:]) if rows else ""
        table += folded("Payload", tree(self.payload)) if self.payload is not None else ""
        return card(title, about, rich=table)["text/html"]


_NODE_HEADINGS = ("Node", "Status", "ms", "Items")


def _turns(record: Any) -> list[tuple[str, dict[str, Any]]]:
    """Every turn of every node in a record (n8n's ``runData``), in their order."""
    for member in ("data", "resultData", "runData"):
        record = record.get(member) if isinstance(record, dict) else None
    by_node = record.items() if isinstance(record, dict) else ()
    listed = [(str(name), turns) for name, turns in by_node if isinstance(turns, list)]
    found = [(name, turn) for name, turns in listed for turn in turns if isinstance(turn, dict)]
    order = ("executionIndex", "startTime")
    return sorted(found, key=lambda each: [_number(each[1].get(member)) for member in order])


def _node(name: str, turn: dict[str, Any]) -> NodeRun:
    took = turn.get("executionTime")
    status = str(turn.get("executionStatus") or ("error" if turn.get("error") else ""))
    ms = took if isinstance(took, int) else None
    return NodeRun(name, status, ms, sum(1 for _ in _items(turn.get("data"))))


def _items(data: Any) -> Iterator[Any]:
    outputs = data.get("main") if isinstance(data, dict) else None
    listed = outputs if isinstance(outputs, list) else []
    return (item for each in listed if isinstance(each, list) for item in each)


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0.0


class ExecutionSummary(_Run):
    """A run as it appears in a list."""

    execution_id: Id
    workflow_id: str | None = None
    trigger_id: str | None = None
    status: Literal["pending", "success", "failed"] | str | None = None
    created_at: datetime | None = None
    duration: int | None = Field(default=None, description="milliseconds")
    n8n_execution_id: str | None = None
    error_details: ExecutionProblem | None = None
    instance: str | None = INSTANCE

    _elsewhere = _Run._elsewhere | {"result": "client.get_execution_status(run)"}

    def _repr_html_(self) -> str:
        well = {"success": True, "pending": None}.get(self.status or "", False)
        rows = [
            ("Run", code(self.execution_id)),
            ("Instance", code(self.instance) if self.instance else ""),
            ("Started", moment(self.created_at) if self.created_at else ""),
            ("Took", duration_text(self.duration) if self.duration is not None else ""),
            ("Error", self.error or ""),
            ("Result", code("Client().get_execution_status(run).result") if well else ""),
            ("Node by node", code("Client().get_execution(run)")),
        ]
        ended = {True: "succeeded", None: "is running", False: "failed"}[well]
        return card(f"{plain(self.workflow_id or 'A run')} {ended}", rows, good=well is not False)[
            "text/html"
        ]

    def bar(self) -> Bar | None:
        """What a chart shows of it; nothing before it has ended."""
        began = self.created_at
        if began is None or self.status == "pending":
            return None
        took = duration_text(self.duration) if self.duration else "not measured"
        about = f"{self.workflow_id}, {self.status}, {took}, {moment_text(began)}"
        zoned = began if began.tzinfo else began.replace(tzinfo=UTC)
        # The platform gives no duration for some failures.
        return Bar(zoned, max(self.duration or 0, 0), self.status == "success", about)


#: How a row leads to its run.
OPEN_ONE = (
    "Assign it (runs = …): Client().get_execution(runs[0]) looks into run 0, node by node, "
    "Client().get_execution_status(runs[0]).result what it gave, and runs.to_frame() is a pandas data frame."
)


#: How many runs the platform lists at most, and without a limit.
MOST_LISTED, LISTED = 100, 20


class Executions(Table[ExecutionSummary], row=ExecutionSummary, member="executions"):
    """Runs, newest first, as a list."""

    #: The process instance whose runs they are, and in which environment, where that is known.
    instance: str | None = None
    _environment = ""
    #: What is said where there may be more of them.
    _more = ""

    columns: ClassVar[dict[str, str]] = {
        "Status": "status",
        "Run": "execution_id",
        "Workflow": "workflow_id",
        "Started": "created_at",
        "Took": "duration",
        "Error": "error",
    }

    def _cell(self, row: ExecutionSummary, attribute: str) -> Cell:
        value = getattr(row, attribute)
        if attribute == "status" and value:
            return state(value, {"success": True, "pending": None}.get(value, False))
        if attribute == "duration" and value is not None:
            return duration_text(value)
        return super()._cell(row, attribute)

    def _table(self, table: Callable[..., str]) -> str:
        rows = [[str(n), *cells] for n, cells in enumerate(self._cells())]
        return table(["", *self.columns], rows, numbers=["", "Took"])

    def __repr__(self) -> str:
        of = f"At instance {self._place()}.\n" if self.instance else ""
        return f"{self._table(text_table)}\n{of}{self._more}{OPEN_ONE}" if self else super().__repr__()

    def markup(self) -> str:
        """The table, to stand within an output."""
        if not self:
            return super().markup()
        of = f" at instance {self._place()}" if self.instance else ""
        listed = f"Listed {moment_text(datetime.now(UTC))}{of}. {self._more}{OPEN_ONE}"
        return self._table(partial(html_table, label="Runs")) + after(listed)

    def at(self, instance: str, limit: int) -> Self:
        """The same runs, which know their process instance; and the list, how many were asked for."""
        found = type(self)(run.at(instance) for run in self)
        found.instance = instance
        if len(found) >= limit and limit < MOST_LISTED:
            found._more = f"There may be more; up to {MOST_LISTED} are listed: limit=… (--limit N). "
        return found

    def of(self, environment: str) -> Self:
        """The same runs, as those of an instance in this environment."""
        self._environment = environment
        return self

    def _place(self) -> str:
        return plain(self.instance) + (f" ({self._environment})" if self._environment else "")

    def chart(self) -> Chart:
        """States and durations over time, as a picture."""
        return Chart(bar for run in self if (bar := run.bar()))


def execution_card(
    run: Execution,
    workflow: str,
    wait: str = "",
    details: ExecutionDetails | None = None,
    *,
    result: str = "",
    payload: object = None,
    about: str = "",
    environment: str = "",
    development: str | None = None,
) -> Bundle:
    """The outcome of a run: its result, or the node and the reason it failed.

    Args:
        run: as the platform has it.
        workflow: what it is a run of.
        wait: how to wait for it, if it has not ended.
        details: what the engine has recorded of it.
        result: the result as markup, where more is known of it than it says itself.
        payload: what it was started with, where that is known.
        about: what else is to be said of it: below the title, or below the reason.
        environment: of the instance, where that is known.
        development: the instance in development, of one in production.
    """
    took = duration_text(run.duration) if run.duration is not None else ""
    facts: list[tuple[str, str | Shown]] = [
        ("Run", code(run.execution_id)),
        ("Instance", code(run.instance) if run.instance else ""),
        ("Environment", environment),
        ("Development", code(f"--instance {development}") if development else ""),
        ("Started", moment(run.created_at) if run.created_at else ""),
        ("Took", took),
    ]
    sent = folded("Payload", tree(payload)) if payload else ""
    if run.status == "success":
        short = ", ".join(filter(None, (f"Run …{plain(run.execution_id)[-8:]}", environment, took)))
        written, echo = _written(run.result_data), _is_echo(run.result_data)
        title, good = (
            (f"{workflow} was answered by an echo", None) if echo else (f"{workflow} succeeded", True)
        )
        shown = (tree(run.result_data) if echo else result or tree(run.result_data)) + sent
        shown += folded(short, named(facts))
        return card(title, [], good=good, about=about, text=written, rich=shown)
    if not run.ended:
        return card(f"{workflow} is running", [("Run", code(run.execution_id)), ("Wait for it", code(wait))])
    problem = (run.explained_by(details) if details else run).error_details
    reason = problem.message if problem and problem.message else run.status
    rows = [
        ("Node", problem.failed_node_name or "" if problem else ""),
        ("Reason", reason),
        ("Note", about),
        ("Nodes", " → ".join(map(_step, details.nodes)) if details else ""),
        *facts,
    ]
    return card(f"{workflow} failed", rows, good=False, rich=sent)


def _is_echo(result: object) -> bool:
    """Whether it is what a sandbox answers that has nothing to run the workflow with."""
    echo = result if isinstance(result, dict) and result.keys() == {"note", "echo"} else {}
    return str(echo.get("note")).startswith("An echo of the payload: this sandbox")


def _written(result: object) -> str:
    """A result as JSON, no more of it than a notebook can bear, and no more of it written than shown."""
    encoder, parts, length = json.JSONEncoder(indent=2, ensure_ascii=False, default=str), [], 0
    left_out = "… cut here: the run's `result` has all of it"
    try:
        for part in encoder.iterencode(result):
            parts.append(part)
            length += len(part)
            if length > LONGEST_RESULT:
                return f"{cut(''.join(parts), LONGEST_RESULT)}\n{left_out}"
    except (ValueError, RecursionError):  # it contains itself, is as deep as that, or a number is too long
        return f"{''.join(parts)}\n{left_out}"
    return "".join(parts)


def _step(node: NodeRun) -> str:
    if node.status not in ("success", ""):
        return f"{node.name} ({node.status})"
    return f"{node.name} {node.milliseconds} ms" if node.milliseconds is not None else node.name
