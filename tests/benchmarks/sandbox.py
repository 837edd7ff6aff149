"""What the sandbox can bear: polling with few and with many executions, and a workshop signing up."""

from __future__ import annotations

import asyncio
import base64
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from .figures import Aim, Figure, Scale, compared, interleaved, measured, percentile
from .processes import Answered, connected, serving

CONNECTIONS = 8
FEW = 100

# Also filters that nothing fits: those must not look at everything to find nothing.
LISTS = {
    "executions": "?limit=20",
    "one workflow's executions": "?limit=20&workflowId=greet",
    "failed executions": "?limit=20&status=failed",
    "an unknown workflow's executions": "?limit=20&workflowId=nope&status=failed",
}


@dataclass(frozen=True)
class Filled:
    """A folder with executions in it, and how to reach them."""

    folder: str
    key: str
    instance_id: str
    executions: list[str]
    """Ids of some of them."""


# --- polling ---------------------------------------------------------------------------------------


def status(scale: Scale) -> Iterator[Figure]:
    """Polls of a run's status against the least that could answer them."""
    with tempfile.TemporaryDirectory() as scratch:
        filled = fill(Path(scratch, "data"), FEW)
        database = str(Path(scratch, "bare.sqlite3"))
        bare = sqlite3.connect(database)
        bare.execute("ATTACH ? AS filled", (str(Path(filled.folder, "sandbox.sqlite3")),))
        bare.execute("CREATE TABLE executions (id TEXT PRIMARY KEY, status, created_at, result)")
        bare.execute("INSERT INTO executions SELECT id, status, created_at, result FROM filled.executions")
        bare.commit()
        bare.close()
        paths = [f"/status/{filled.instance_id}/{execution}" for execution in filled.executions]
        with serving(data=filled.folder) as url, serving(bare=database) as floor:
            sides = {
                "ours": partial(_rate, url, filled.key, paths, scale.polls),
                "theirs": partial(_rate, floor, filled.key, paths, scale.polls),
            }
            found = interleaved(sides, max(1, scale.rounds // 4))
    yield compared(
        Figure(
            "sandbox-status",
            "sandbox: execution status",
            "a bare Starlette route with one indexed SQLite read",
            Aim(0.8, at_least=True),
        ),
        found,
        unit="/s",
    )


def strangers(scale: Scale) -> Iterator[Figure]:
    """Polls of a run's status while strangers hold connections open, against a sandbox that is left alone."""
    with tempfile.TemporaryDirectory() as scratch:
        filled, alone = (fill(Path(scratch, name), FEW) for name in ("filled", "alone"))
        with serving(data=filled.folder) as url, serving(data=alone.folder) as quiet, ExitStack() as held:
            for number in range(5 * scale.people):
                at = urlsplit(url)
                each = held.enter_context(socket.create_connection((at.hostname, at.port or 80)))
                if number % 50 == 0:
                    each.settimeout(5)
                    size = 64 * 2**20
                    head = f"POST /deployprocessusecase HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}"
                    with suppress(OSError):  # who has no key is told so at once
                        each.sendall(head.encode() + b"\r\n\r\n" + bytes(size // 2))
            sides = {
                name: partial(
                    _slowest, at, each.key, [f"/status/{each.instance_id}/{each.executions[0]}"], scale
                )
                for name, at, each in (("ours", url, filled), ("theirs", quiet, alone))
            }
            found = interleaved(sides, max(1, scale.rounds // 6))
    yield compared(
        Figure(
            "sandbox-strangers",
            f"sandbox: execution status, {5 * scale.people:,} silent connections, 99th percentile",
            "a sandbox that is left alone",
            Aim(3),
        ),
        found,
        unit="s",
    )


def _slowest(url: str, key: str, paths: list[str], scale: Scale) -> float:
    """Seconds that one of a hundred requests takes longer than."""
    answered = Answered()
    asyncio.run(_poll_all(url, key, paths, scale.polls, answered))
    return percentile(sorted(answered.seconds), 0.99)


def lists(scale: Scale) -> Iterator[Figure]:
    """Listing executions where there are very many against where there are few."""
    with tempfile.TemporaryDirectory() as scratch:
        few, many = (
            fill(Path(scratch, name), count) for name, count in (("few", FEW), ("many", scale.executions))
        )
        with serving(data=few.folder) as with_few, serving(data=many.folder) as with_many:
            for name, query in LISTS.items():
                sides = {
                    side: partial(
                        _time_each,
                        url,
                        filled.key,
                        [f"/listexecutionspublic/{filled.instance_id}{query}"],
                        scale.polls // 4,
                    )
                    for side, url, filled in (("ours", with_many, many), ("theirs", with_few, few))
                }
                figure = Figure(
                    "sandbox-lists",
                    f"sandbox: list {name} at {scale.executions:,}",
                    f"at {FEW}",
                    Aim(1.2),
                )
                found = interleaved(sides, max(1, scale.rounds // 4))
                yield compared(figure, found, unit="ms")


def _rate(url: str, key: str, paths: list[str], requests: int) -> float:
    """Requests answered in a second."""
    began, answered = time.perf_counter(), Answered()
    asyncio.run(_poll_all(url, key, paths, requests, answered))
    return len(answered.seconds) / (time.perf_counter() - began)


def _time_each(url: str, key: str, paths: list[str], requests: int) -> float:
    """Milliseconds that one request takes of the server's time."""
    return 1000 / _rate(url, key, paths, requests)


async def _poll_all(url: str, key: str, paths: list[str], requests: int, answered: Answered) -> None:
    async def poll(number: int) -> None:
        async with connected(url, answered, key=key) as connection:
            for turn in range(requests // CONNECTIONS):
                await connection.call("GET", paths[(turn * CONNECTIONS + number) % len(paths)])

    await asyncio.gather(*(poll(number) for number in range(CONNECTIONS)))
    assert not answered.refusals, answered.refusals


# --- the workshop ----------------------------------------------------------------------------------


def workshop(scale: Scale) -> Iterator[Figure]:
    """Everybody signs up at once, each from an address of their own."""
    figure = Figure(
        "sandbox-workshop",
        f"sandbox: {scale.people} sign-ups from {scale.people} addresses",
        "–",
        Aim(60, "s in all"),
    )
    try:
        socket.create_server(("127.0.1.1", 0)).close()
    except OSError:
        yield replace(figure, note="this system has one loopback address only")
        return
    totals, answered = [], Answered()
    for _ in range(max(1, scale.long_rounds // 2)):
        with tempfile.TemporaryDirectory() as folder, serving(data=folder) as url:
            began = time.perf_counter()
            keys = asyncio.run(_everybody(url, answered, scale.people))
            totals.append(time.perf_counter() - began)
        assert len({key for key in keys if key}) == scale.people, answered.refusals
    milliseconds = [seconds * 1000 for seconds in answered.seconds]
    note = (
        f"no error in {len(milliseconds):,} requests; "
        f"99 of 100 were answered within {percentile(milliseconds, 0.99):.0f} ms"
    )
    yield measured(replace(figure, note=note), totals, {"ours": totals}, unit="s")


async def _everybody(url: str, answered: Answered, people: int) -> list[str]:
    return await asyncio.gather(
        *(
            _sign_up(url, answered, number, source=f"127.0.{1 + number // 250}.{1 + number % 250}")
            for number in range(people)
        )
    )


async def _sign_up(url: str, answered: Answered, number: int, *, source: str | None = None) -> str:
    async with connected(url, answered, source=source) as connection:
        email = f"ada+{number}@example.com"
        if not (await connection.call("POST", "/clirequestsignupotp", {"email": email}))["success"]:
            return ""
        (mail,) = (await connection.call("GET", f"/inbox?email={quote(email)}"))["mails"]
        body = {"email": email, "code": mail["code"]}
        made = await connection.call("POST", "/clicompletesignup", body)
        return str(made["data"]["apiKey"]["raw"]) if made["success"] else ""


# --- what there is to poll -------------------------------------------------------------------------


def fill(folder: Path, count: int) -> Filled:
    """A folder in which a use case has been deployed and run `count` times."""
    folder.mkdir(exist_ok=True)
    with serving(data=str(folder)) as url:
        key, instance_id = asyncio.run(_deploy_and_run(url))
    database = sqlite3.connect(folder / "sandbox.sqlite3", isolation_level=None)
    columns = "instance_id, workflow_id, trigger_id, engine_id, payload, secret_digest, created_at, duration"
    # Ids as they are made: they grow with time. One in five has failed.
    database.execute(
        f"""INSERT INTO executions (id, status, result, error, {columns})
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ? - 1)
        SELECT printf('%012x-7000-8000-%012x', n, abs(random()) % 281474976710656),
            iif(n % 5, 'success', 'failed'), iif(n % 5, '{{"greeting": "Hello"}}', NULL),
            iif(n % 5, NULL, '{{"type": "timeout", "message": "late"}}'), {columns}
        FROM numbers, (SELECT * FROM executions LIMIT 1)""",  # noqa: S608 - the columns above
        (count,),
    )
    step = max(1, count // 1000)
    rows = database.execute(
        "SELECT id FROM executions WHERE status = 'success' AND rowid % ? = 0 ORDER BY random()", (step,)
    )
    ids = [str(row[0]) for row in rows]
    database.close()
    return Filled(str(folder), key, instance_id, ids)


async def _deploy_and_run(url: str) -> tuple[str, str]:
    workflow = {
        "workflowTemplateId": "greet",
        "workflowId": "greet",
        "workflowName": "Greet",
        "triggers": [{"triggerId": "t", "type": "http", "url": "https://e.example", "method": "POST"}],
        "knowledgeBaseAccess": {"processDocTags": [], "processInstanceDocTags": []},
        "n8nWorkflowJsonBase64": base64.b64encode(b'{"nodes": []}').decode(),
    }
    texts = dict.fromkeys(("title", "subtitle", "description", "processDeploymentMarkdown"), "Greeter")
    configuration = {**texts, "tags": [], "integrationUids": [], "workflows": [workflow]}
    key = await _sign_up(url, Answered(), 0)
    async with connected(url, Answered(), key=key) as connection:
        made = await connection.call("POST", "/createprojectviaapikey", {"name": "Load"})
        use_case = {"projectId": made["data"]["projectId"], "configuration": configuration}
        deployed = await connection.call("POST", "/deployprocessusecase", use_case)
        instance_id = str(deployed["data"]["processInstanceId"])
        await connection.call("POST", f"/webhook/{instance_id}/greet", {"payload": {"name": "Ada"}})
    return key, instance_id
