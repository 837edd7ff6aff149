"""Many runs at once: in order, in step, interrupted, and taken up again without running anything twice."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import gc
import inspect
import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import numpy as np
import pandas as pd
import pytest

from codika_nb import (
    AsyncClient,
    AuthenticationError,
    Client,
    ConfigError,
    ConflictError,
    ExecutionFailedError,
    Interrupted,
    InvalidRequestError,
    NotFoundError,
    NotSignedIn,
    PermissionDeniedError,
    RateLimitError,
    Runs,
    ServerError,
    TransportError,
    WaitTimeoutError,
)
from codika_nb.client import batch, payloads
from codika_nb.client.http import httpx
from codika_nb.models import Executions, Instances, Notes, Projects
from codika_nb.sandbox import Sandbox

from .browser import chromium, keep_in_both_themes, needs_chromium, run_cell, served, wait_for_kernel
from .colours import MakeClient, make_client
from .conftest import EMAIL
from .kernels import kernel

__all__ = ["make_client"]


@dataclass
class Account:
    """The greeter at a sandbox, and how often it has run for whom."""

    sandbox: Sandbox
    key: str
    instance: str
    ran: Counter[str] = field(default_factory=Counter)

    @property
    def settings(self) -> dict[str, Any]:
        """What `Client` takes."""
        return {"auth": self.key, "base_url": self.sandbox.url}

    @property
    def environment(self) -> dict[str, str]:
        """The same for another process."""
        return {
            "CODIKA_API_KEY": self.key,
            "CODIKA_BASE_URL": self.sandbox.url,
            "PROCESS_INSTANCE_ID": self.instance,
        }

    def answer(self, function: Callable[[dict[str, Any]], Any]) -> None:
        """Let a function answer the workflow, and count how often for each name."""

        @self.sandbox.workflow("greet")
        def counted(payload: dict[str, Any]) -> Any:
            self.ran[payload.get("name", "")] += 1
            return function(payload)


@pytest.fixture
def account(sandbox: Sandbox, greeter: Path) -> Account:
    with Client(base_url=sandbox.url) as nobody:
        nobody.request_signup_code(EMAIL)
        bundle = nobody.complete_signup(EMAIL, code=sandbox.code_for(EMAIL), company="Acme")
    key = bundle.api_key.raw.get_secret_value()
    with Client(auth=key, base_url=sandbox.url) as client:
        instance = client.deploy_use_case(greeter).process_instance_id
    assert instance is not None
    made = Account(sandbox, key, instance)
    made.answer(lambda payload: {"greeting": f"Hello, {payload['name']}!"})
    return made


@pytest.fixture
def client(account: Account, make_client: MakeClient) -> Any:
    """A client of the account, in both colours, that knows the instance."""
    made = make_client(**account.settings)
    made.instance = account.instance
    return made


def names(number: int) -> list[dict[str, str]]:
    return [{"name": str(index)} for index in range(number)]


async def until(happened: Callable[[], bool]) -> None:
    """Wait for what happens on threads of the sandbox."""
    while not happened():  # noqa: ASYNC110 - they know nothing of this loop
        await asyncio.sleep(0.01)


# --- a server that does what it is told ------------------------------------------------------------


class Platform(ThreadingHTTPServer):
    """Starts and ends runs over real sockets, and lets a test decide about each request.

    Args:
        decide: gets ``start`` and the payload, or ``look`` and the run's id, and returns a status and
            headers to refuse with, or None to go on as usual.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, decide: Callable[[str, Any], tuple[int, dict[str, str]] | None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.decide = decide
        self.lock = threading.Lock()
        self.received: list[tuple[float, str, Any]] = []
        self.started: list[Any] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def count(self, kind: str, what: Any = None) -> int:
        return sum(k == kind and what in (None, w) for _, k, w in self.received)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Platform

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["payload"]
        self._answer("start", payload)

    def do_GET(self) -> None:
        self._answer("look", int(self.path.rpartition("-")[2]))

    def _answer(self, kind: str, what: Any) -> None:
        platform = self.server
        known = (
            {name: value for name, value in what.items() if name != "ballast"} if kind == "start" else what
        )
        with platform.lock:
            platform.received.append((time.monotonic(), kind, known))
        refused = platform.decide(kind, known)
        body: dict[str, Any] = {"success": True}
        if refused:
            body = {"success": False, "error": {"code": "X", "message": "refused"}}
        elif kind == "start":
            with platform.lock:
                platform.started.append(known)
                body["executionId"] = f"e-{len(platform.started) - 1}"
        else:
            result = platform.started[what]
            body["execution"] = {"executionId": f"e-{what}", "status": "success", "resultData": result}
        content = json.dumps(body).encode()
        status, headers = refused or (200, {})
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def platform(
    decide: Callable[[str, Any], tuple[int, dict[str, str]] | None] = lambda kind, what: None,
) -> Iterator[Platform]:
    with Platform(decide) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


def at(made: Platform) -> dict[str, Any]:
    return {"auth": "ck_aB12" + "k" * 60, "base_url": made.url}


# --- what comes back -------------------------------------------------------------------------------


def test_results_are_in_order_and_failures_stay_with_their_row(client: Any, account: Account) -> None:
    def greet(payload: dict[str, Any]) -> dict[str, str]:
        if payload["name"] == "bad":
            raise ValueError("A bad name.")
        time.sleep(0.2 if payload["name"] in ("0", "1") else 0.0)  # the first ones end last
        return {"greeting": f"Hello, {payload['name']}!"}

    account.answer(greet)
    payloads: list[Any] = [*names(20), {"name": "bad"}, {}, {"name": object()}, ["Ada"], {"name": "last"}]
    runs = client.run_many("greet", payloads, concurrency=8)

    assert isinstance(runs, Runs)
    assert [run.index for run in runs] == list(range(25))
    assert runs.results == [
        *({"greeting": f"Hello, {n}!"} for n in range(20)),
        *[None] * 4,
        {"greeting": "Hello, last!"},
    ]
    assert [run.index for run in runs.failed] == [20, 21, 22, 23]
    assert [type(run.error) for run in runs.failed] == [
        ExecutionFailedError,
        InvalidRequestError,
        ConfigError,
        ConfigError,
    ]
    assert [bool(run.execution_id) for run in runs.failed] == [True, False, False, False]
    failed: Any = runs[20]
    last: Any = runs[24]
    assert "A bad name" in str(failed.error)
    assert failed.execution.status == "failed"
    assert last.status == "success"
    assert last.error is None
    assert last.duration == last.execution.duration >= 0
    assert runs.pending == []
    assert client.interrupted is None
    assert repr(runs) == "25 runs of greet: 21 succeeded, 4 failed"
    assert repr(last) == "Run(24, success, {'greeting': 'Hello, last!'})"
    assert account.ran == Counter([*map(str, range(20)), "bad", "last"])


@pytest.mark.parametrize("payloads", [[], (), iter(()), pd.DataFrame()])
def test_nothing_to_run(client: Any, payloads: Any) -> None:
    runs = client.run_many("greet", payloads)
    assert runs == []
    assert repr(runs) == "No runs of greet."
    assert "No runs of greet." in runs._repr_html_()
    assert list(runs.to_frame().columns) == ["status", "error", "execution_id", "duration"]


def test_more_runs_than_workers_are_never_under_way(client: Any, account: Account) -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    def greet(payload: dict[str, Any]) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with lock:
            under_way -= 1

    account.answer(greet)
    before = threading.active_count()
    assert len(client.run_many("greet", names(30), concurrency=3).results) == 30
    assert most <= 3
    assert threading.active_count() <= before + 2  # connections may outlive it, workers do not


def test_an_iterator_is_asked_when_a_hand_is_free_and_nothing_of_it_is_kept(
    client: Any, account: Account
) -> None:
    class Payload(dict[str, Any]):
        """A dictionary that can be watched."""

        __hash__ = object.__hash__  # type: ignore[assignment]

    alive: weakref.WeakSet[Payload] = weakref.WeakSet()
    most_ahead = most_alive = 0

    def pull() -> Iterator[Payload]:
        nonlocal most_ahead, most_alive
        for index in range(60):
            most_ahead = max(most_ahead, index - account.ran.total())
            most_alive = max(most_alive, len(alive))
            payload = Payload(name=str(index))
            alive.add(payload)
            yield payload
            del payload

    runs = client.run_many("greet", pull(), concurrency=4)

    assert [run.status for run in runs] == ["success"] * 60
    assert most_ahead <= 4
    assert most_alive <= 8
    gc.collect()
    assert len(alive) == 0
    assert list(runs.to_frame().columns) == ["greeting", "status", "error", "execution_id", "duration"]


def test_memory_does_not_grow_with_the_number_of_payloads(make_client: MakeClient) -> None:
    size, number, workers = 200_000, 150, 3
    with platform() as made:
        client = make_client(**at(made))
        payloads = ({"n": n, "ballast": "x" * size} for n in range(number))
        client.run_many("warm", [{"n": 0, "ballast": ""}], instance="i", progress=False)
        gc.collect()
        tracemalloc.start()
        try:
            runs = client.run_many("w", payloads, instance="i", concurrency=workers, progress=False)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(runs.results) == number
    # Each payload under way is there as data, as JSON text and bytes here, and as all of that at the server.
    assert peak < workers * 8 * size < number * size / 6


def test_ten_failures_hold_no_frames(client: Any) -> None:
    runs = client.run_many("greet", [{"name": n} for n in range(10)])  # numbers are no names
    assert [type(run.error) for run in runs] == [InvalidRequestError] * 10
    for run in runs:
        assert run.error.__traceback__ is None
        assert run.error.__context__ is None


# --- data frames -----------------------------------------------------------------------------------


def test_a_data_frame_in_and_out(client: Any, account: Account) -> None:
    account.answer(
        lambda payload: {"greeting": f"Hello, {payload['name']}!", "name": payload["name"].upper()}
    )
    frame = pd.DataFrame({"name": ["Ada", None, "Grace"], "born": [1815, 1900, 1906]}, index=["a", "b", "b"])
    before = frame.copy()
    joined = client.run_many("greet", frame).to_frame()

    assert list(joined.columns) == [
        "name",
        "born",
        "greeting",
        "name_result",
        "status",
        "error",
        "execution_id",
        "duration",
    ]
    assert list(joined.index) == ["a", "b", "b"]
    assert list(joined["name_result"].dropna()) == ["ADA", "GRACE"]
    assert list(joined["status"]) == ["success", "failed", "success"]
    assert joined["error"].iloc[1] == '"payload.name" is required.'
    assert joined["born"].dtype == before["born"].dtype
    assert joined["duration"].dtype == "Int64"
    assert joined["duration"].isna().tolist() == [False, True, False]
    pd.testing.assert_frame_equal(frame, before)


def test_lists_are_joined_too_and_taken_names_get_a_suffix(client: Any, account: Account) -> None:
    account.answer(lambda payload: 7 if payload["name"] == "0" else {"status": "x", "name_result": 1})
    payloads = [{"name": "0", "status": "in"}, {"name": "1", "name_result": True}]
    joined = client.run_many("greet", payloads).to_frame()

    assert list(joined.columns) == [
        "name",
        "status",
        "name_result",
        "result",
        "status_result",
        "name_result_result",
        "status_run",
        "error",
        "execution_id",
        "duration",
    ]
    assert joined["result"].tolist() == [7, pd.NA]
    assert joined["name_result"].tolist() == [pd.NA, True]
    assert joined["status_run"].tolist() == ["success", "success"]


def test_payloads_that_are_taken_away_afterwards(client: Any) -> None:
    payloads = names(3)
    runs = client.run_many("greet", payloads)
    payloads.clear()
    assert "Hello, 2!" in runs._repr_html_()
    assert "runs.to_frame()" in runs._repr_html_()
    assert runs.to_frame()["greeting"].tolist() == [f"Hello, {n}!" for n in range(3)]


def test_cells_become_json() -> None:
    moment = datetime.datetime(2024, 5, 1, 12, 30, tzinfo=datetime.UTC)
    rows = {
        "text": ["a", None],
        "whole": [1, 2],
        "fraction": [1.5, float("nan")],
        "truth": pd.array([True, None], dtype="boolean"),
        "count": pd.array([3, None], dtype="Int64"),
        "moment": [pd.Timestamp(moment), pd.NaT],
        "naive": pd.to_datetime(pd.Series(["2024-05-01", None])),
        "span": pd.to_timedelta(["90s", None]),
        "kind": pd.Categorical(["x", None]),
        "day": [datetime.date(2024, 5, 1), None],
        "clock": [datetime.time(8, 30), None],
        "price": [decimal.Decimal("2.50"), decimal.Decimal("NaN")],
        "numpy": [np.int32(4), np.float32("nan")],
        "when": [np.datetime64("2024-05-01"), np.datetime64("NaT", "D")],
        "list": [[np.int64(1), float("nan")], ()],
        "array": [np.array([1.5, 2.5]), np.array([])],
        "nested": [{"a": np.bool_(True), 1: pd.NA}, {}],
        7: [0, 1],
    }
    frame = pd.DataFrame({name: pd.Series(values) for name, values in rows.items()})
    full, empty = payloads.rows_of(frame)

    assert json.loads(json.dumps(full, allow_nan=False)) == {
        "text": "a",
        "whole": 1,
        "fraction": 1.5,
        "truth": True,
        "count": 3,
        "moment": "2024-05-01T12:30:00+00:00",
        "naive": "2024-05-01T00:00:00",
        "span": 90.0,
        "kind": "x",
        "day": "2024-05-01",
        "clock": "08:30:00",
        "price": 2.5,
        "numpy": 4,
        "when": "2024-05-01T00:00:00",
        "list": [1, None],
        "array": [1.5, 2.5],
        "nested": {"a": True},
        "7": 0,
    }
    assert empty == {"whole": 2, "list": [], "array": [], "nested": {}, "7": 1}


def test_what_has_no_json_is_refused_with_its_row(client: Any) -> None:
    around: list[Any] = []
    around.append({"more": around})
    for odd in (complex(1), around, 10**5000):
        rows = [{"name": "Ada"}, {"name": odd}]
        runs = client.run_many("greet", pd.DataFrame(rows) if odd == complex(1) else rows)
        assert [run.status for run in runs] == ["success", "failed"]
        assert runs[1].error.code == "not-json"
        assert "<table>" in runs._repr_html_()


@pytest.mark.parametrize(
    "columns", [["a", "a"], [1, "1"], pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])]
)
def test_columns_need_names_of_their_own(columns: Any) -> None:
    frame = pd.DataFrame([[1, 2]], columns=columns)
    with Client(auth="cko_x") as client:
        with pytest.raises(ConfigError, match="columns"):
            client.run_many("w", frame, instance="i")
        payloads: list[Any] = [frame.iloc[0], {"rows": frame}]
        for payload in payloads:
            with pytest.raises(ConfigError, match="columns"):
                client.run_workflow("w", payload, instance="i")


def test_without_pandas(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    runs = client.run_many("greet", names(2))
    for listed in (runs, client.list_projects()):
        with pytest.raises(ConfigError, match="pandas") as missing:
            listed.to_frame()
        assert missing.value.next_action == "pip install pandas"


def test_lists_become_data_frames(client: Any, account: Account) -> None:
    def greet(payload: dict[str, Any]) -> None:
        raise ValueError("No.")

    account.answer(greet)
    client.run_many("greet", names(2))
    executions = client.list_executions(account.instance).to_frame()
    projects = client.list_projects().to_frame()
    instances = client.list_instances().to_frame()

    assert list(executions.columns[:6]) == list(Executions.columns.values())
    assert {"trigger_id", "n8n_execution_id", "error_details"} < set(executions.columns)
    assert str(executions["created_at"].dtype).startswith("datetime64[")
    assert str(executions["created_at"].dtype).endswith(", UTC]")
    assert "No." in executions["error"][0]
    assert executions["error_details"][0]["failed_node_name"]
    assert projects["archived"].tolist() == [False]
    assert str(instances["last_executed_at"].dtype).endswith(", UTC]")


def test_a_frame_of_nothing_and_of_what_is_missing() -> None:
    nothing = Executions.read({"executions": []}).to_frame()
    assert nothing.empty
    assert list(nothing.columns[:6]) == list(Executions.columns.values())
    for name in ("error", "status", "execution_id"):
        assert nothing[nothing[name].str.startswith("x")].empty  # text, also where there is none
    assert nothing["duration"].dtype == "Int64"
    assert Projects.read({"projects": []}).to_frame()["archived"].dtype == "boolean"
    some = Executions.read({"executions": [{"executionId": "1", "duration": 3}, {"executionId": "2"}]})
    frame = some.to_frame()
    assert frame["duration"].dtype == "Int64"
    assert frame["created_at"].isna().all()
    assert str(frame["created_at"].dtype).endswith(", UTC]")
    large = Instances.read(
        {"instances": [{"processInstanceId": "1", "isActive": True}, {"processInstanceId": "2"}]}
    )
    assert large.to_frame()["is_active"].dtype == "boolean"
    assert Notes.read({"documents": []}).to_frame().empty


# --- what is everybody's ---------------------------------------------------------------------------


def test_the_only_instance_with_the_workflow_is_meant(account: Account, make_client: MakeClient) -> None:
    client = make_client(**account.settings)
    assert client.run_many("greet", names(1)).instance == account.instance


def test_what_no_other_payload_would_change_is_raised_at_once(
    account: Account, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(**account.settings)
    client.instance = account.instance
    with pytest.raises(NotFoundError, match="nope"):
        client.run_many("nope", names(3))
    with pytest.raises(NotFoundError):
        client.run_many("greet", names(3), instance="nope")
    stranger = make_client(auth="cko_" + "x" * 20, base_url=account.sandbox.url)
    with pytest.raises(AuthenticationError, match="given as auth"):
        stranger.run_many("greet", names(3), instance=account.instance)
    limited = client.create_organization_key("CI", scopes=["skills:read"]).raw.get_secret_value()
    with pytest.raises(PermissionDeniedError):
        make_client(auth=limited, base_url=account.sandbox.url).run_many(
            "greet", names(3), instance=account.instance
        )
    with pytest.raises(NotSignedIn):
        make_client(base_url=account.sandbox.url).run_many("greet", names(3), instance=account.instance)
    client.close()
    with pytest.raises(ConfigError, match="closed"):
        client.run_many("greet", names(3))
    assert account.ran == {}


def test_what_has_been_done_by_then_is_not_lost(
    client: Any, account: Account, make_client: MakeClient
) -> None:
    """The instance is switched off in the middle of a batch, and on again before it goes on."""
    other = Client(**account.settings)

    def payloads() -> Iterator[dict[str, str]]:
        for index in range(40):
            if index == 20:
                other.deactivate_instance(account.instance)
            yield {"name": str(index)}

    with other, pytest.raises(ConflictError):
        client.run_many("greet", payloads(), concurrency=4)
    left = client.interrupted
    assert 16 <= len(left) < 40
    assert left.failed == []
    assert account.ran.total() <= 20
    with Client(**account.settings) as other:
        other.activate_instance(account.instance)

        # It need not be the client that was interrupted: the key may be the reason.
        fresh = make_client(**account.settings)
        runs = fresh.run_many("greet", names(40), resume=left)
    assert [run.status for run in runs] == ["success"] * 40
    assert account.ran == Counter(map(str, range(40)))


def test_a_client_that_is_closed_meanwhile_burns_no_row() -> None:
    with platform() as made:
        client = Client(**at(made))

        def payloads() -> Iterator[dict[str, int]]:
            for n in range(10):
                if n == 5:
                    client.close()
                yield {"n": n}

        with pytest.raises(ConfigError, match="closed"):
            client.run_many("w", payloads(), instance="i", concurrency=1)
        left = client.interrupted
        assert left is not None
        assert [run.status for run in left] == ["success"] * 5 + ["pending"]
        with Client(**at(made)) as fresh:
            assert len(fresh.run_many("w", ({"n": n} for n in range(10)), resume=left).results) == 10
        assert Counter(each["n"] for each in made.started) == Counter(range(10))


def test_one_misfortune_is_its_rows_and_many_in_a_row_are_everybodys(make_client: MakeClient) -> None:
    broken = {3}
    with platform(lambda kind, what: (500, {}) if kind == "start" and what["n"] in broken else None) as made:
        client = make_client(**at(made))
        runs = client.run_many("w", [{"n": n} for n in range(8)], instance="i", concurrency=2)
        assert [run.index for run in runs.failed] == [3]
        assert isinstance(runs[3].error, ServerError)

        broken.update(range(10, 1000))
        with pytest.raises(ServerError):
            client.run_many("w", [{"n": n} for n in range(1000)], instance="i", concurrency=2)
        assert len(client.interrupted) < 40


def test_nobody_answers(make_client: MakeClient) -> None:
    with platform() as made:
        pass
    client = make_client(**at(made))
    with pytest.raises(TransportError, match="nobody answers"):
        client.run_many("w", [{"n": n} for n in range(50)], instance="i")
    assert [run.status for run in client.interrupted] == ["pending"] * len(client.interrupted)


def test_a_server_that_is_away_for_a_while_is_waited_for(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there was no connection nothing can have been started: it is safe to try again."""
    monkeypatch.setattr(batch, "FIRST_BACKOFF", 0.05)
    lock, started, refused = threading.Lock(), 0, 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal started, refused
        with lock:
            if request.method == "GET":
                execution = {"executionId": "e", "status": "success", "resultData": 1}
                return httpx.Response(200, json={"success": True, "execution": execution})
            if started >= 5 and refused < 6:
                refused += 1
                raise httpx.ConnectError("no route", request=request)
            started += 1
            return httpx.Response(200, json={"success": True, "executionId": "e"})

    client = make_client(auth="ck_x", transport=httpx.MockTransport(answer))
    runs = client.run_many("w", names(20), instance="i", concurrency=3)
    assert runs.results == [1] * 20
    assert (started, refused) == (20, 6)


def test_payloads_that_raise(client: Any, account: Account) -> None:
    def payloads() -> Iterator[dict[str, str]]:
        yield from names(5)
        raise OSError("the disk is gone")

    source = payloads()
    with pytest.raises(OSError, match="the disk is gone"):
        client.run_many("greet", source, concurrency=2)
    with pytest.raises(ConfigError, match="gives no more"):
        client.run_many("greet", source, resume=client.interrupted)
    runs = client.run_many("greet", iter(names(8)), resume=client.interrupted)
    assert [run.result["greeting"] for run in runs] == [f"Hello, {n}!" for n in range(8)]
    assert account.ran == Counter(map(str, range(8)))


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
def test_payloads_that_end_the_program(make_client: MakeClient, end: type[BaseException]) -> None:
    def payloads() -> Iterator[dict[str, int]]:
        yield from ({"n": n} for n in range(2))
        raise end("enough")

    with platform() as made:
        client = make_client(**at(made))
        with pytest.raises(end, match="enough"):
            client.run_many("w", payloads(), instance="i", concurrency=1)
        runs = client.run_many("w", [{"n": n} for n in range(3)], resume=client.interrupted)
    assert [run.status for run in runs] == ["success"] * 3
    assert [each["n"] for each in made.started] == [0, 1, 2]


@pytest.mark.parametrize("timeout", ["5", -1, float("nan")])
def test_how_long(make_client: MakeClient, timeout: Any) -> None:
    client = make_client(auth="cko_x")
    waits: list[Callable[[], Any]] = [
        lambda: client.run_many("w", [{}], instance="i", timeout=timeout),
        lambda: client.run_workflow("w", instance="i", timeout=timeout),
        lambda: client.wait_for("e", instance="i", timeout=timeout),
    ]
    for wait in waits:
        with pytest.raises(ConfigError, match="Nobody can wait"):
            wait()
    assert not client._connections.used  # nothing was sent


@pytest.mark.parametrize(("workflow", "instance"), [(5, "i"), (None, "i"), ("w", 5)])
def test_what_names_no_workflow(make_client: MakeClient, workflow: Any, instance: Any) -> None:
    client = make_client(auth="cko_x")
    with pytest.raises(ConfigError, match="named by a text") as refused:
        client.run_many(workflow, [{}], instance=instance)
    assert refused.value.next_action
    assert client.interrupted is None


def test_an_asynchronous_client_keeps_the_transport() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        execution = {"executionId": "e", "status": "success", "resultData": 1}
        return httpx.Response(200, json={"success": True, "executionId": "e", "execution": execution})

    async def other(client: Client) -> list[Any]:
        async with client.to_async() as awaited:
            return (await awaited.run_many("w", [{}], instance="i")).results

    with Client(auth="cko_x", base_url="http://127.0.0.1:9", transport=httpx.MockTransport(answer)) as client:
        assert asyncio.run(other(client)) == [1]
    with (
        Client(auth="cko_x", transport=httpx.HTTPTransport()) as blocking,
        pytest.raises(ConfigError, match="HTTPTransport cannot be awaited"),
    ):
        blocking.to_async()


@pytest.mark.parametrize("payloads", ["Ada", {"name": "Ada"}, 7, None, b"x"])
def test_one_payload_is_not_many(payloads: Any) -> None:
    with Client(auth="cko_x") as client, pytest.raises(ConfigError, match="Many payloads"):
        client.run_many("w", payloads, instance="i")


def test_files_are_read_row_by_row(client: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hi")
    files = [tmp_path / "a.txt", tmp_path / "b.txt", b"hi"]
    rows = pd.DataFrame({"name": ["Ada", "Grace", "Alan"], "photo": files})
    runs = client.run_many("greet", rows, progress=False)
    assert [run.status for run in runs] == ["success", "failed", "success"]
    assert "photo: " in runs[1].error.message
    assert "b.txt cannot be read" in runs[1].error.message


@pytest.mark.parametrize("payloads", [["Ada"], ("Ada", 7), pd.Series(["Ada", "Grace"], name="name")])
def test_rows_that_name_nothing_are_refused_at_once(payloads: Any) -> None:
    with Client(auth="cko_x") as client, pytest.raises(ConfigError, match="an object, not str") as refused:
        client.run_many("w", payloads, instance="i")
    assert 'frame[["name"]]' in (refused.value.next_action or "")


@pytest.mark.parametrize("concurrency", [0, -1, 101, True, 2.0, "4"])
def test_how_many_at_once(concurrency: Any) -> None:
    with Client(auth="cko_x") as client, pytest.raises(ConfigError, match="1 to 100"):
        client.run_many("w", [{}], instance="i", concurrency=concurrency)


# --- when the platform wants a pause ---------------------------------------------------------------


def received_within(made: Platform, since: float, seconds: float) -> int:
    """Requests that came after a refusal: few, as the others had something under way, and not hundreds."""
    return sum(since < moment < since + seconds for moment, _, _ in made.received)


def test_a_429_holds_all_of_them_back_and_its_row_is_tried_again(make_client: MakeClient) -> None:
    refused: list[float] = []

    def decide(kind: str, what: Any) -> tuple[int, dict[str, str]] | None:
        if kind == "start" and what["n"] == 9 and not refused:
            refused.append(time.monotonic())
            return 429, {"Retry-After": "1"}
        return None

    with platform(decide) as made:
        client = make_client(**at(made))
        runs = client.run_many("w", [{"n": n} for n in range(200)], instance="i", concurrency=4)

    assert [run.result for run in runs] == [{"n": n} for n in range(200)]
    assert made.count("start", {"n": 9}) == 2
    assert Counter(each["n"] for each in made.started) == Counter(range(200))
    assert received_within(made, refused[0], 1.0) <= 12


def test_a_429_about_looking_holds_all_of_them_back_too(make_client: MakeClient) -> None:
    refused: list[float] = []

    def decide(kind: str, what: Any) -> tuple[int, dict[str, str]] | None:
        if kind == "look" and what == 9 and not refused:
            refused.append(time.monotonic())
            return 429, {"Retry-After": "1"}
        return None

    with platform(decide) as made:
        runs = make_client(**at(made)).run_many(
            "w", [{"n": n} for n in range(200)], instance="i", concurrency=4
        )
    assert [run.status for run in runs] == ["success"] * 200
    assert received_within(made, refused[0], 1.0) <= 12


def test_without_a_time_the_pauses_grow(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "FIRST_BACKOFF", 0.05)
    lock, left = threading.Lock(), 4

    def decide(kind: str, what: Any) -> tuple[int, dict[str, str]] | None:
        nonlocal left
        with lock:
            if kind == "start" and left:
                left -= 1
                return 429, {}
        return None

    with platform(decide) as made:
        runs = make_client(**at(made)).run_many("w", [{"n": 0}], instance="i")
    moments = [moment for moment, kind, _ in made.received if kind == "start"]
    waits = [after - before for before, after in itertools.pairwise(moments)]
    assert runs[0].status == "success"
    assert [wait >= least for wait, least in zip(waits, (0.05, 0.1, 0.2, 0.4), strict=True)] == [True] * 4


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "7200"}])
def test_pauses_that_are_of_no_use_come_to_an_end(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(batch, "FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(batch, "MOST_REFUSALS", 3)
    allowed: list[bool] = []
    with platform(lambda kind, what: None if allowed else (429, headers)) as made:
        client = make_client(**at(made))
        with pytest.raises(RateLimitError):
            client.run_many("w", [{"n": n} for n in range(100)], instance="i", concurrency=4)
        assert made.count("start") <= 4 * (3 + 1)
        allowed.append(True)
        runs = client.run_many("w", [{"n": n} for n in range(100)], resume=client.interrupted)
    assert [run.status for run in runs] == ["success"] * 100
    assert client.interrupted is runs


# --- interrupted, and taken up again ---------------------------------------------------------------


PROGRAM = """
import os, sys, time
from codika_nb import Client

payloads = [{"name": str(n)} for n in range(60)]
with Client() as client:
    try:
        client.run_many("greet", payloads, concurrency=4)
    except KeyboardInterrupt as stopped:
        print(type(stopped).__name__, stopped, sep="\\n", flush=True)
    left = client.interrupted
    print(len(left), len(left) - len(left.pending), flush=True)
    sys.stdin.readline()
    runs = client.run_many("greet", payloads, resume=left)
    print(runs, [run.result["greeting"] for run in runs] == [f"Hello, {n}!" for n in range(60)])
    print(client.interrupted is runs)
"""


def test_a_program_that_is_interrupted_and_goes_on(account: Account, tmp_path: Path) -> None:
    go_on = threading.Event()

    def greet(payload: dict[str, Any]) -> dict[str, str]:
        if int(payload["name"]) >= 12:
            go_on.wait(30)
        return {"greeting": f"Hello, {payload['name']}!"}

    account.answer(greet)
    (tmp_path / "program.py").write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "program.py"],
        cwd=tmp_path,
        env=os.environ | account.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        while account.ran.total() < 16:  # 12 have ended, and four hands are full
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        told = [process.stdout.readline().strip() for _ in range(4)]
        assert told == [
            "Interrupted",
            "Interrupted. 60 runs of greet: 12 succeeded, 4 not ended, 44 not started.",
            'Go on: client.run_many("greet", payloads, resume=client.interrupted)',
            "16 12",
        ]
        assert account.ran.total() == 16
        go_on.set()
        out, err = process.communicate("\n", timeout=60)
    finally:
        go_on.set()
        process.kill()
        process.wait()
    assert out.splitlines() == ["60 runs of greet: 60 succeeded True", "True"]
    assert err == ""
    assert account.ran == Counter(map(str, range(60)))


@pytest.mark.kernel
@pytest.mark.parametrize("await_", ["", "await "])
def test_a_cell_that_is_interrupted_and_one_that_goes_on(
    account: Account, tmp_path: Path, await_: str
) -> None:
    go_on = threading.Event()

    def greet(payload: dict[str, Any]) -> None:
        if int(payload["name"]) >= 4:
            go_on.wait(30)

    account.answer(greet)
    with kernel(tmp_path, **account.environment) as running:
        colour = "AsyncClient" if await_ else "Client"
        running.run(f"from codika_nb import {colour}; client = {colour}()")
        running.run("payloads = [{'name': str(n)} for n in range(30)]")

        def stop() -> None:  # as the stop button does
            while account.ran.total() < 8:
                time.sleep(0.01)
            process: Any = running.manager.provisioner
            os.kill(process.pid, signal.SIGINT)

        stopper = threading.Thread(target=stop)
        stopper.start()
        try:
            stopped = running.run(f"{await_}client.run_many('greet', payloads, concurrency=4)")
        finally:
            go_on.set()
            stopper.join()
        resumed = running.run(f"runs = {await_}client.run_many('greet', payloads, resume=client.interrupted)")
        runs = running.run("runs")
    assert stopped.error == ("CancelledError" if await_ else "Interrupted")
    assert stopped.traceback == [
        "Interrupted. 30 runs of greet: 4 succeeded, 4 not ended, 22 not started.",
        f'Go on: {await_}client.run_many("greet", payloads, resume=client.interrupted)',
    ]
    assert resumed.error == ""
    assert "30 runs of greet: 30 succeeded" in runs.text
    assert account.ran == Counter(map(str, range(30)))


def test_a_task_that_is_cancelled_and_one_that_goes_on(account: Account) -> None:
    go_on = threading.Event()

    def greet(payload: dict[str, Any]) -> None:
        if int(payload["name"]) >= 4:
            go_on.wait(30)

    account.answer(greet)

    async def main() -> None:
        async with AsyncClient(**account.settings) as client:
            client.instance = account.instance
            # Also those who look at a client with another time-out find what was interrupted.
            patient = client.with_options(timeout=60)
            source = iter(names(30))
            task = asyncio.create_task(patient.run_many("greet", source, concurrency=4))
            await until(lambda: account.ran.total() == 8)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(asyncio.all_tasks()) == 1  # the workers have gone home
            left = client.interrupted
            assert left is patient.interrupted
            assert repr(left) == "8 runs of greet: 4 succeeded, 4 not ended"
            go_on.set()
            # The same iterator: it goes on where it stands.
            runs = await client.run_many("greet", source, resume=left)
            assert [run.status for run in runs] == ["success"] * 30
            assert client.interrupted is runs

    try:
        asyncio.run(main())
    finally:
        go_on.set()
    assert account.ran == Counter(map(str, range(30)))


def test_a_time_limit_around_it_is_a_time_limit(account: Account) -> None:
    go_on = threading.Event()
    account.answer(lambda payload: go_on.wait(30) and None)

    async def main() -> None:
        async with AsyncClient(**account.settings) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(
                    client.run_many("greet", names(3), instance=account.instance), timeout=0.5
                )
            assert [run.status for run in client.interrupted or []] == ["pending"] * 3
            go_on.set()
            runs = await client.run_many("greet", names(3), resume=client.interrupted)
            assert [run.status for run in runs] == ["success"] * 3

    try:
        asyncio.run(main())
    finally:
        go_on.set()
    assert account.ran == Counter("012")


def test_an_answer_that_comes_after_the_interruption_counts() -> None:
    """A run that was asked for may have been started: it is waited for, and never asked for again."""
    answer = threading.Event()

    def decide(kind: str, what: Any) -> None:
        if kind == "start" and what["n"] == 5 and not answer.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            answer.wait(30)

    with platform(decide) as made, Client(**at(made)) as client:
        payloads = [{"n": n} for n in range(10)]
        began = time.monotonic()
        with pytest.raises(Interrupted):
            client.run_many("w", payloads, instance="i", concurrency=1)
        assert time.monotonic() - began < 20  # nobody waits for the answer
        assert client.interrupted is not None
        assert "1 not ended, 4 not started" in repr(client.interrupted)
        timer = threading.Timer(0.5, answer.set)
        timer.start()
        runs = client.run_many("w", payloads, resume=client.interrupted)
        timer.join()
    assert [run.result for run in runs] == payloads
    assert Counter(each["n"] for _, kind, each in made.received if kind == "start") == Counter(range(10))


def test_what_may_have_been_started_is_not_started_again() -> None:
    """Where the answer was lost nobody knows: the row says so, and the platform's list has the rest."""
    answer = threading.Event()

    def decide(kind: str, what: Any) -> None:
        if kind == "start" and what["n"] == 2 and not answer.is_set():
            answer.wait(30)

    with platform(decide) as made:
        payloads = [{"n": n} for n in range(6)]
        clients = []

        async def lost() -> None:
            async with AsyncClient(**at(made)) as client:
                clients.append(client)
                task = asyncio.create_task(client.run_many("w", payloads, instance="i", concurrency=1))
                await until(lambda: made.count("start", {"n": 2}) == 1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(lost())  # and with the loop ends whoever waited for the answer
        answer.set()
        with Client(**at(made)) as client:
            runs = client.run_many("w", payloads, resume=clients[0].interrupted)
    assert [run.status for run in runs] == ["success", "success", "failed", "success", "success", "success"]
    assert runs[2].error is not None
    assert runs[2].error.code == "in-doubt"
    assert "list_executions" in str(runs[2].error)
    assert made.count("start", {"n": 2}) == 1


def test_what_was_left_knows_what_was_started_when_it_went_on(make_client: MakeClient) -> None:
    """The cell that goes on is stopped, too, and run again as it is: with the same variable."""
    key_is_good_for = 3

    def decide(kind: str, what: Any) -> tuple[int, dict[str, str]] | None:
        return (401, {}) if kind == "start" and what["n"] >= key_is_good_for else None

    payloads = [{"n": n} for n in range(10)]
    with platform(decide) as made:
        client = make_client(**at(made))
        with pytest.raises(AuthenticationError):
            client.run_many("w", payloads, instance="i", concurrency=1)
        part = client.interrupted
        key_is_good_for = 6
        with pytest.raises(AuthenticationError):
            client.run_many("w", payloads, concurrency=1, resume=part)
        assert client.interrupted is part
        assert [run.status for run in part] == ["success"] * 6 + ["pending"]
        key_is_good_for = 10
        assert client.run_many("w", payloads, concurrency=1, resume=part) is part
    assert client.interrupted is part
    assert [run.result for run in part] == payloads
    assert [each["n"] for each in made.started] == list(range(10))


def test_two_batches_never_go_on_with_the_same_runs() -> None:
    go_on, found = threading.Event(), []

    def decide(kind: str, what: Any) -> None:
        if kind == "start" and what["n"] == 2:
            go_on.wait(30)

    payloads = [{"n": n} for n in range(6)]
    with platform(decide) as made, Client(**at(made)) as client:
        part = client.run_many("w", payloads[:2], instance="i")
        other = threading.Thread(target=lambda: found.append(client.run_many("w", payloads, resume=part)))
        other.start()
        try:
            while not made.count("start", {"n": 2}):
                time.sleep(0.01)
            with pytest.raises(ConfigError, match="still at work") as refused:
                client.run_many("w", payloads, resume=part)
            assert refused.value.next_action
        finally:
            go_on.set()
            other.join()
        assert found[0] is part
        with pytest.raises(ConfigError, match="5 payloads, and 6"):
            client.run_many("w", payloads[:5], resume=part)
        assert client.run_many("w", payloads, resume=part).results == payloads  # a refusal keeps nothing
    assert Counter(each["n"] for each in made.started) == Counter(range(6))


def test_a_client_that_is_closed_before_the_answer_comes_leaves_a_doubt() -> None:
    answer = threading.Event()

    def decide(kind: str, what: Any) -> None:
        if kind == "start" and what["n"] == 2 and not answer.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            answer.wait(30)

    payloads = [{"n": n} for n in range(4)]
    with platform(decide) as made:
        with pytest.raises(Interrupted), Client(**at(made)) as client:
            client.run_many("w", payloads, instance="i", concurrency=1)
        answer.set()
        part = client.interrupted
        assert part is not None
        while part[2].status == "pending":  # until the worker has seen that its connection is gone
            time.sleep(0.01)
        assert part[2].error is not None
        assert part[2].error.code == "in-doubt"
        assert "list_executions" in str(part[2].error)
        with Client(**at(made)) as client:
            runs = client.run_many("w", payloads, resume=part)
    assert [run.status for run in runs] == ["success", "success", "failed", "success"]
    assert Counter(each["n"] for each in made.started) == Counter(range(4))


def test_runs_whose_time_was_up_are_waited_for_again(client: Any, account: Account) -> None:
    go_on = threading.Event()
    account.answer(lambda payload: {"done": payload["name"] != "1" or go_on.wait(30)})
    try:
        first = client.run_many("greet", names(3), timeout=0.5)
        assert [run.status for run in first] == ["success", "pending", "success"]
        assert isinstance(first[1].error, WaitTimeoutError)
        assert first[1].error.execution_id == first[1].execution_id
        assert (first.pending, first.failed) == ([first[1]], [])
        assert repr(first) == "3 runs of greet: 2 succeeded, 1 not ended"
        assert first.to_frame()["status"].tolist() == ["success", "pending", "success"]
        go_on.set()
        second = client.run_many("greet", names(3), resume=first)
    finally:
        go_on.set()
    assert [run.status for run in second] == ["success"] * 3
    assert second[1].error is None
    assert account.ran == Counter("012")


def test_a_resumed_batch_takes_what_was_added(client: Any, account: Account) -> None:
    payloads = names(3)
    first = client.run_many("greet", payloads)
    payloads += [{"name": "3"}]
    assert len(client.run_many("greet", payloads, resume=first)) == 4
    assert account.ran == Counter("0123")


def test_only_what_belongs_together_goes_on(client: Any) -> None:
    runs = client.run_many("greet", names(3))
    with pytest.raises(ConfigError, match="runs of greet"):
        client.run_many("other", names(3), resume=runs)
    with pytest.raises(ConfigError, match="runs of greet"):
        client.run_many("greet", names(3), instance="other", resume=runs)
    with pytest.raises(ConfigError, match="2 payloads, and 3"):
        client.run_many("greet", names(2), resume=runs)
    with pytest.raises(ConfigError, match="list"):
        client.run_many("greet", names(3), resume=[])


# --- what it shows ---------------------------------------------------------------------------------


class Screen(io.StringIO):
    """Something that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_in_a_terminal(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    client.run_many("greet", [*names(5), {}, {}])
    last = screen.getvalue().rstrip().rpartition("\r")[2]
    assert last.startswith("greet: 100%")
    assert "7/7" in last
    assert "failed=2" in last


def test_there_is_no_bar_where_nothing_is_to_do(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = client.run_many("greet", names(2), progress=False)
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    for again in (runs.retry(), client.run_many("greet", [])):
        _ = client._loop.run_until_complete(again) if inspect.isawaitable(again) else again
    assert screen.getvalue() == ""


def test_a_bar_counts_only_what_is_run_once_more(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = client.run_many("greet", [*names(5), {}, {}], progress=False)
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    again = runs.retry()
    _ = client._loop.run_until_complete(again) if hasattr(client, "_loop") else again
    first, last = screen.getvalue().split("\r")[1], screen.getvalue().rstrip().rpartition("\r")[2]
    assert "0/2" in first
    assert "2/2" in last
    assert "failed=2" in last


def test_no_bar(client: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    client.run_many("greet", names(3))  # nobody watches, and it does not take long
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    client.run_many("greet", names(3), progress=False)
    assert screen.getvalue() == ""
    assert capsys.readouterr() == ("", "")


def test_what_is_not_used_is_not_imported(account: Account) -> None:
    program = """
import sys
from codika_nb import Client
with Client() as client:
    print(client.run_many("greet", [{"name": "Ada"}], progress=False))
    print(len(client.list_projects()))
print([name for name in ("pandas", "numpy", "tqdm", "ipywidgets", "IPython") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | account.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["1 run of greet: 1 succeeded", "1", "[]"]
    assert done.stderr == ""


CELL = """
import warnings
from codika_nb import Client
with Client() as client, warnings.catch_warnings():
    warnings.simplefilter("error")
    runs = client.run_many("greet", [{"name": str(n)} for n in range(20)] + [{}])
"""


@pytest.mark.kernel
def test_a_bar_in_a_kernel_is_a_widget_while_it_runs_and_text_afterwards(
    account: Account, tmp_path: Path
) -> None:
    with kernel(tmp_path, **account.environment) as running:
        cell = running.run(CELL, person=True)
        alive = running.run("import ipywidgets; print(len(ipywidgets.widget._instances))")
    assert cell.error == ""
    shown = [m["content"]["data"] for m in cell.messages if m["msg_type"] == "display_data"]
    updates = [m["content"]["data"] for m in cell.messages if m["msg_type"] == "update_display_data"]
    assert ["application/vnd.jupyter.widget-view+json" in data for data in shown] == [True]
    assert [list(data) for data in updates] == [["text/plain"]]
    assert "21/21" in updates[0]["text/plain"]
    assert "failed=1" in updates[0]["text/plain"]
    assert not [m for m in cell.messages if m["msg_type"] == "stream"]
    assert alive.text.strip() == "0"


@pytest.mark.kernel
def test_nobody_watches_and_no_widget_is_left(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in account.environment.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CELL), nbformat.v4.new_code_cell("runs")]
    )
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    assert "widgets" not in notebook.metadata
    assert notebook.cells[0].outputs == []
    assert "21 runs of greet: 20 succeeded, 1 failed" in notebook.cells[1].outputs[0]["data"]["text/plain"]


def test_a_data_frames_failed_rows_are_corrected_by_its_index(client: Any, account: Account) -> None:
    pandas = pytest.importorskip("pandas")

    def greet(payload: dict[str, Any]) -> str:
        if payload["name"] == "?":
            raise ValueError("A name is required.")
        return f"Hello, {payload['name']}! {payload['age']}"

    account.answer(greet)
    people = {"name": ["Ada", "?", "Grace", "?"], "age": [36, 41, 85, 54]}
    frame = pandas.DataFrame(people, index=["P01", "P02", "P03", "P04"])
    runs = client.run_many("greet", frame, progress=False)
    shown = runs._repr_html_()
    assert ">P02, P04<" in shown
    assert ">P03<" in shown

    def settled(again: Any) -> Any:
        return client._loop.run_until_complete(again) if hasattr(client, "_loop") else again

    fixed = frame[frame["name"] == "?"].assign(name=["Alan", "Tim"])[["age", "name"]]
    assert frame.loc[[run.label for run in runs.failed]].equals(frame.iloc[[1, 3]])
    for wrong, why in (
        (fixed.reset_index(drop=True), "rows 0, 1 did not fail"),
        (fixed.rename(index={"P02": "P01"}), "row P01 did not fail"),
        (fixed[["name"]], "the column age is missing"),
        (fixed.rename(index={"P02": "P04"}), "the index has one row twice"),
    ):
        with pytest.raises(ConfigError, match="there were 4") as refused:
            settled(runs.retry(payloads=wrong, progress=False))
        assert why in refused.value.message
    settled(runs.retry(payloads=fixed.iloc[1:], progress=False))
    assert runs.results == ["Hello, Ada! 36", None, "Hello, Grace! 85", "Hello, Tim! 54"]
    # What went well meanwhile does no harm, as long as it is what was run.
    with pytest.raises(ConfigError, match="there were 4, and row P04 did not fail"):
        settled(runs.retry(payloads=fixed.assign(age=[41, 55]), progress=False))
    settled(runs.retry(payloads=fixed, progress=False))
    assert runs.to_frame()[["name", "age"]].to_dict("list") == {
        "name": ["Ada", "Alan", "Grace", "Tim"],
        "age": [36, 41, 85, 54],
    }
    assert runs.to_frame().index.tolist() == ["P01", "P02", "P03", "P04"]


@pytest.mark.parametrize("given", ["frame", "list"])
@pytest.mark.parametrize("whole", [True, False])
def test_failed_rows_are_corrected_in_the_frame_that_says_so(
    client: Any, account: Account, given: str, whole: bool
) -> None:
    pandas = pytest.importorskip("pandas")
    seen = []

    def greet(payload: dict[str, Any]) -> dict[str, Any]:
        seen.append(payload)
        if payload["name"] == "?":
            raise ValueError("A name is required.")
        return {"greeting": f"Hello, {payload['name']}!", "language": "en"}

    def settled(again: Any) -> Any:
        return client._loop.run_until_complete(again) if hasattr(client, "_loop") else again

    account.answer(greet)
    frame = pandas.DataFrame({"name": ["Ada", "?", "Grace", "?"], "language": ["en", "fr", "de", "es"]})
    runs = client.run_many("greet", frame if given == "frame" else frame.to_dict("records"), progress=False)
    shown = runs.to_frame()
    shown.loc[shown.status == "failed", "name"] = ["Alan", "Tim"]
    again = shown if whole else shown[shown.status == "failed"].assign(note="x")
    seen.clear()
    settled(runs.retry(payloads=again, progress=False))
    assert runs.to_frame().name.tolist() == ["Ada", "Alan", "Grace", "Tim"]
    assert [run.status for run in runs] == ["success"] * 4
    # What is new in a corrected row is sent with it, and what a run gave is not.
    more = {} if whole else {"note": "x"}
    sent = [{"name": "Alan", "language": "fr"} | more, {"name": "Tim", "language": "es"} | more]
    assert sorted(seen, key=str) == sorted(sent, key=str)


def test_runs_show_the_first_and_those_that_failed(client: Any, account: Account) -> None:
    hostile = "<img src=x onerror=alert(1)>"

    def greet(payload: dict[str, Any]) -> str:
        if payload["name"] == "50":
            raise ValueError(hostile + " cko_" + "aB12" * 16)
        return hostile

    account.answer(greet)
    runs = client.run_many("greet", [*names(100), {"name": hostile}], progress=False)
    shown = runs._repr_html_()
    assert repr(runs) == "101 runs of greet: 100 succeeded, 1 failed"
    assert "101 runs of greet <small>100 ✓ 1 ✗</small>" in shown
    assert "<img" not in shown
    assert "&lt;img src=x" in shown
    assert shown.count("<tr>") == 1 + 5 + 1 + 1  # headings, the first rows; headings, the reason
    assert shown.index("First rows") < shown.index("Failures") < shown.index("runs.retry()")
    assert "cko_" + "aB12" * 2 not in shown
    assert len(shown) < 12_000


def test_runs_say_which_empty_cells_were_not_sent(client: Any, account: Account) -> None:
    account.answer(lambda payload: payload)
    index = [f"r{n}" for n in range(12)]
    frame = pd.DataFrame({"price": [1.5, None, *[2.0] * 10], "at": [pd.NaT] * 12, "name": "x"}, index)
    shown = client.run_many("greet", frame, progress=False)._repr_html_()
    said = "Empty, and so not sent: price (row r1), at (rows r0, r1, r2, r3, r4, r5, r6, r7, …)."
    assert said in shown
    assert "not sent" not in client.run_many("greet", frame[["name"]], progress=False)._repr_html_()
    assert "not sent" not in client.run_many("greet", [{"name": None}], progress=False)._repr_html_()


def test_runs_show_members_as_columns_and_reasons_with_their_counts(client: Any, account: Account) -> None:
    def greet(payload: dict[str, Any]) -> dict[str, Any]:
        if payload["name"] in ("2", "3", "5"):
            raise ValueError("No such guest.")
        return {"greeting": f"Hello, {payload['name']}!", "name": payload["name"]}

    account.answer(greet)
    frame = pd.DataFrame({"name": [str(n) for n in range(8)], "stay": [1.5] * 8})
    shown = client.run_many("greet", frame, progress=False)._repr_html_()
    headings = re.findall(r"<th[^>]*>([^<]*)</th>", shown)
    assert headings == [
        *["Status", "name", "stay", "greeting", "name_result", "Took"],
        "Runs",
        "Reason",
        "Rows",
    ]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown)
    assert cells[-3:-1] == ["3", "counted: ValueError: No such guest."], cells
    assert cells[-1] == "2, 3, 5"


def test_what_failed_is_run_once_more_and_nothing_else(client: Any, account: Account) -> None:
    broken = True
    ran: list[str] = []

    def greet(payload: dict[str, Any]) -> str:
        ran.append(payload["name"])
        if broken and payload["name"] in ("1", "3"):
            raise ValueError("Not now.")
        return f"Hello, {payload['name']}!"

    account.answer(greet)
    runs = client.run_many("greet", [*names(5), {"name": 6}], progress=False)
    first = [run.execution_id for run in runs]
    assert [run.index for run in runs.failed] == [1, 3, 5]
    broken = False
    ran.clear()
    again = runs.retry(progress=False)
    again = client._loop.run_until_complete(again) if hasattr(client, "_loop") else again
    assert again is runs
    assert sorted(ran) == ["1", "3"]
    assert [run.index for run in runs.failed] == [5]  # a number is no name, however often it is sent
    assert [run.execution_id for run in runs][::2] == first[::2]
    assert runs.results[:5] == [f"Hello, {n}!" for n in range(5)]


def test_what_cannot_be_run_once_more(client: Any, account: Account) -> None:
    account.answer(lambda payload: 1 / 0)
    runs = client.run_many("greet", iter(names(2)), progress=False)
    with pytest.raises(ConfigError, match="iterator"):
        runs.retry()
    runs = client.run_many("greet", names(2), progress=False)
    runs._client = None
    with pytest.raises(ConfigError, match="gone"):
        runs.retry()
    again = client.run_many("greet", names(2), progress=False)
    assert not client.is_closed
    client.close()
    assert client.is_closed
    with pytest.raises(ConfigError, match=r"has been closed.\nGive another one"):
        again.retry()


@pytest.mark.parametrize("table", [list, pd.DataFrame])
def test_failed_rows_are_run_once_more_with_corrected_payloads(
    client: Any, account: Account, table: Callable[[Any], Any]
) -> None:
    ran: list[str] = []

    def greet(payload: dict[str, Any]) -> str:
        ran.append(payload["name"])
        if not payload["name"].strip():
            raise ValueError("A name is required.")
        return f"Hello, {payload['name']}!"

    account.answer(greet)
    rows = [{"name": "Ada"}, {"name": " "}, {"name": "Grace"}, {"name": "  "}]
    right = [{"name": "Ada"}, {"name": "Alan"}, {"name": "Grace"}, {"name": "Tim"}]
    runs = client.run_many("greet", table(rows), progress=False)
    ran.clear()

    def settled(again: Any) -> Any:
        return client._loop.run_until_complete(again) if hasattr(client, "_loop") else again

    with pytest.raises(ConfigError, match=r"other payloads") as refused:
        settled(client.run_many("greet", table(right), resume=runs, progress=False))
    assert "runs.retry(payloads=" in str(refused.value)
    with pytest.raises(ConfigError, match=r"payloads=") as refused:
        runs.retry(table(right))
    with pytest.raises(ConfigError, match="Row 2 went well before"):
        settled(runs.retry(payloads=table([*right[:2], {"name": "Eve"}, right[3]]), progress=False))
    with pytest.raises(ConfigError, match="there were 4"):
        settled(runs.retry(payloads=table([{"name": "Eve"}, right[1]]), progress=False))
    assert ran == []
    assert [run.status for run in runs] == ["success", "failed", "success", "failed"]

    assert settled(runs.retry(payloads=table(right), progress=False)) is runs
    assert sorted(ran) == ["Alan", "Tim"]
    assert runs.to_frame()["name"].tolist() == ["Ada", "Alan", "Grace", "Tim"]
    assert runs.results == [f"Hello, {row['name']}!" for row in right]


@needs_chromium
def test_in_a_browser(account: Account, tmp_path: Path) -> None:
    def greet(payload: dict[str, Any]) -> dict[str, str]:
        if payload["name"].endswith("7"):
            raise ValueError("A name ends with seven.")
        if payload["name"] == "50":
            seen.wait(50)
        return {"greeting": f"Hello, {payload['name']}!"}

    seen = threading.Event()
    account.answer(greet)
    cells = [
        "from codika_nb import Client\nclient = Client()\npayloads = [{'name': str(n)} for n in range(100)]",
        "runs = client.run_many('greet', payloads, concurrency=4)",
        "runs = client.run_many('greet', payloads, resume=client.interrupted)",
        "runs",
    ]
    with served(tmp_path, "lab", cells, **account.environment) as address, chromium() as page:
        page.goto(address)
        wait_for_kernel(address)
        run_cell(page, "import Client")
        cell = page.locator(".jp-CodeCell").filter(has_text="runs = client").first
        cell.locator(".jp-InputArea-editor").click()
        page.keyboard.press("Control+Enter")
        cell.locator(".widget-hprogress, .jupyter-widgets .progress").first.wait_for(timeout=30_000)
        keep_in_both_themes(page, "run-many-running")
        cell.get_by_role("button", name="Stop").click()
        page.locator(".jp-Dialog").get_by_role("button", name="Run").click()  # whether it may
        cell.get_by_text("Interrupted. 100 runs of greet:").wait_for()
        seen.set()
        cell = page.locator(".jp-CodeCell").nth(2)
        cell.locator(".jp-InputArea-editor").click()
        page.keyboard.press("Control+Enter")
        cell.get_by_text("100/100").wait_for(timeout=60_000)
        cell.locator(".jupyter-widgets").first.wait_for(state="detached", timeout=30_000)
        table = page.locator(".jp-CodeCell").last
        table.locator(".jp-InputArea-editor").click()
        page.keyboard.press("Control+Enter")
        table.get_by_text("90 ✓ 10 ✗").wait_for(timeout=30_000)
        keep_in_both_themes(page, "run-many")
