"""What must not grow with what is stored, and what must not stall the sandbox."""

from __future__ import annotations

import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from codika_nb.sandbox import Sandbox
from codika_nb.sandbox.engine import Engine, Run

from .test_sandbox import Platform, error_of
from .test_sandbox_workflows import SCHEDULE, Deployed, workflow


def test_no_call_about_executions_scans_a_table() -> None:
    with Sandbox() as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform)
            key = {"X-API-Key": sandbox.instance_key(deployed.instance_id)}
            statements: list[str] = []
            sandbox._do(lambda platform: platform.store._database.set_trace_callback(statements.append))
            execution_id = deployed.run({})["executionId"]
            at = f"{deployed.instance_id}/{execution_id}"
            platform.get(f"/status/{at}", **key)
            platform.get(f"/getexecutiondetailspublic/{at}", deployed.key)
            for query in ("", "?workflowId=greet", "?status=failed", "?workflowId=greet&status=pending"):
                answer = platform.get(f"/listexecutionspublic/{deployed.instance_id}{query}", deployed.key)
                assert answer.status_code == 200

            def plans(platform: Any) -> list[tuple[str, str]]:
                database = platform.store._database
                database.set_trace_callback(None)
                reads = [sql for sql in statements if sql.startswith(("SELECT", "UPDATE"))]
                return [
                    (step["detail"], sql)
                    for sql in reads
                    for step in database.execute(f"EXPLAIN QUERY PLAN {sql}")
                ]

            steps = sandbox._do(plans)
    assert len(steps) > 20
    lists = [detail for detail, sql in steps if "FROM executions WHERE" in sql and "ORDER BY" in sql]
    assert len(set(lists)) == 4  # each filter has an index of its own
    for detail, sql in steps:
        # Neither a scan nor a sort: "SEARCH … USING INDEX …" is all there is.
        assert detail.startswith("SEARCH "), (detail, sql)


def test_a_poll_writes_nothing() -> None:
    with Sandbox() as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform)
            execution_id = deployed.run({})["executionId"]

            def changes() -> int:
                return sandbox._do(lambda platform: platform.store._database.total_changes)

            before = changes()
            for _ in range(5):
                deployed.status(execution_id)
            assert changes() == before


def test_recovery_looks_at_what_was_pending_only(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path):
        pass
    database = sqlite3.connect(tmp_path / "sandbox.sqlite3")
    sql = "EXPLAIN QUERY PLAN UPDATE executions SET status = 'failed', duration = 0 WHERE status = 'pending'"
    ((*_, detail),) = database.execute(sql).fetchall()
    database.close()
    assert "executions_pending" in detail


def test_endless_loops_and_a_long_queue_do_not_stall_the_others() -> None:
    with Sandbox() as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform, workflow("loop"), workflow("slow"))

            @sandbox.workflow("loop", time_limit=0.7)
            def loop(_payload: Any) -> None:
                while True:
                    pass

            released = threading.Event()
            sandbox.workflow("slow")(lambda _payload: released.wait(240))
            usual = sys.getswitchinterval()
            looping = [deployed.trigger({}, "loop").json()["executionId"] for _ in range(8)]
            queued = [deployed.trigger({}, "slow").json()["executionId"] for _ in range(1000)]
            # Every place is taken by a loop, and a thousand wait: still everybody else gets an answer.
            assert deployed.status(queued[-1])["status"] == "pending"
            assert platform.get("/").status_code == 200
            platform.sign_up()
            released.set()
            for execution_id in looping:
                while (execution := deployed.status(execution_id))["status"] == "pending":
                    time.sleep(0.05)
                assert execution["errorDetails"]["type"] == "timeout"
            while deployed.status(queued[-1])["status"] == "pending":
                time.sleep(0.05)
            for status in ("pending", "failed"):
                path = f"/listexecutionspublic/{deployed.instance_id}?workflowId=slow&status={status}"
                assert platform.get(path, deployed.key).json()["data"]["count"] == 0
            # What has had its time is ended, so that it does not compute for ever.
            while any("stand-in-loop" in thread.name for thread in threading.enumerate()):
                time.sleep(0.05)
    assert sys.getswitchinterval() == pytest.approx(usual)


# A thread that is ended may be in a callback of the garbage collector, which lets no exception pass.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_stand_ins_that_never_end_are_not_piled_up() -> None:
    release = threading.Event()
    with Sandbox() as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform, workflow("hangs"))
            sandbox.workflow("hangs", time_limit=0.01)(lambda _payload: release.wait(60))
            ids = [deployed.trigger({}, "hangs").json()["executionId"] for _ in range(100)]
            messages = []
            for execution_id in ids:
                while (execution := deployed.status(execution_id))["status"] == "pending":
                    pass
                messages.append(execution["errorDetails"]["message"])
            hanging = [thread for thread in threading.enumerate() if "stand-in" in thread.name]
            assert 64 <= len(hanging) <= 64 + 8
            assert "do not end" in messages[-1]
            release.set()
            for thread in hanging:
                thread.join(10)
            # Once they are gone, there is room again.
            sandbox.workflow("hangs")(lambda _payload: "again")
            assert deployed.run({}, "hangs")["resultData"] == "again"


def test_a_stand_in_that_ignores_its_end_is_ended_all_the_same() -> None:
    ignored = threading.Event()

    def stubborn(_payload: object) -> None:
        try:
            while True:
                pass
        except SystemExit:
            ignored.set()
        while True:
            pass

    with Sandbox() as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform, workflow("loops"))
            sandbox.workflow("loops", time_limit=0.05)(stubborn)
            assert "within 0.05 seconds" in deployed.run({}, "loops")["errorDetails"]["message"]
            assert ignored.wait(30)
            for thread in threading.enumerate():
                if "stand-in-stubborn" in thread.name:
                    thread.join(30)
                    assert not thread.is_alive()


def test_an_engine_of_another_kind_can_be_plugged_in() -> None:
    class Callback(Engine):
        """Fails on one workflow, and answers the rest by callback."""

        async def run(self, run: Run) -> None:
            if run.workflow_id == "report":
                raise ZeroDivisionError
            seen.append(run.metadata)

    seen: list[dict[str, Any]] = []
    with Sandbox(engine=Callback) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            deployed = Deployed(platform, workflow(), workflow("report", triggers=[SCHEDULE]))
            assert deployed.run({}, "report")["errorDetails"]["message"] == "The engine failed."
            execution_id = deployed.trigger({}).json()["executionId"]
            while not seen:
                assert deployed.status(execution_id)["status"] == "pending"
            answer = {"executionId": execution_id, "executionSecret": seen[0]["executionSecret"]}
            assert platform.post("/submitworkflowresult", {**answer, "resultData": [1]}).status_code == 200
            assert deployed.status(execution_id)["resultData"] == [1]


@pytest.mark.parametrize("limit", [0, -1])
def test_the_limit_for_an_address_is_at_least_one(limit: int) -> None:
    from codika_nb.errors import ConfigError

    with pytest.raises(ConfigError, match="at least 1"):
        Sandbox(ip_limit=limit)
    with Sandbox(ip_limit=1) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            platform.data("/clirequestsignupotp", {"email": "ada@example.com"})
            refused = platform.post("/clirequestsignupotp", {"email": "grace@example.com"})
            assert error_of(refused) == (429, "IP_RATE_LIMITED")
