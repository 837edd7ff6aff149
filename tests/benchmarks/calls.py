"""What a call costs beyond the same request made with bare httpx, with the same options."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from codika_nb import AsyncClient, Client, UseCase, __version__
from codika_nb.client import http as _http
from codika_nb.client.http import httpx

from .figures import Aim, Figure, Scale, compared, interleaved
from .processes import serving
from .sandbox import Filled, fill

AT_ONCE = 16
Sides = dict[str, Callable[[], float]]


def one_call(scale: Scale) -> Iterator[Figure]:
    """Asking for a run's status, blocking and awaited."""
    with _sandbox() as (url, filled):
        run, instance = filled.executions[0], filled.instance_id
        address = f"{url}/status/{instance}/{run}"

        with Client(auth=filled.key, base_url=url) as client, httpx.Client(**_options(filled)) as bare:

            def ours() -> None:
                assert client.get_execution_status(run, instance=instance).ended

            def theirs() -> None:
                assert bare.get(address).raise_for_status().json()["success"]

            sides: Sides = {
                "ours": lambda: _blocking(ours, scale.calls),
                "theirs": lambda: _blocking(theirs, scale.calls),
            }
            yield _one_call("blocking", interleaved(sides, scale.rounds * 5))

        with _async_clients(url, filled) as (do, async_client, async_bare):

            async def our_own() -> None:
                assert (await async_client.get_execution_status(run, instance=instance)).ended

            async def the_library() -> None:
                assert (await async_bare.get(address)).raise_for_status().json()["success"]

            sides = {
                "ours": lambda: do(_awaited(our_own, scale.calls)),
                "theirs": lambda: do(_awaited(the_library, scale.calls)),
            }
            yield _one_call("awaited", interleaved(sides, scale.rounds * 5))


def gather(scale: Scale) -> Iterator[Figure]:
    """Many triggers at once."""
    with _sandbox() as (url, filled), _async_clients(url, filled) as (do, client, bare):
        instance, payload = filled.instance_id, {"name": "Ada"}
        address, body = f"{url}/webhook/{instance}/greet", {"payload": payload}

        async def ours() -> None:
            triggered = client.trigger_workflow
            await asyncio.gather(
                *(triggered("greet", payload, instance=instance) for _ in range(scale.triggers))
            )

        async def theirs() -> None:
            answers = await asyncio.gather(*(bare.post(address, json=body) for _ in range(scale.triggers)))
            assert all(answer.raise_for_status().json()["executionId"] for answer in answers)

        sides = {
            "ours": lambda: scale.triggers * 1000 / do(_awaited(ours, 1)),
            "theirs": lambda: scale.triggers * 1000 / do(_awaited(theirs, 1)),
        }
        found = interleaved(sides, scale.rounds)
    yield compared(
        Figure(
            "gather",
            f"{scale.triggers} triggers by `gather`",
            "bare httpx `gather`",
            Aim(0.95, at_least=True),
        ),
        found,
        unit="/s",
    )


def function(scale: Scale) -> Iterator[Figure]:
    """A workflow called as a function, against the same run by its name."""
    with _sandbox() as (url, filled), Client(auth=filled.key, base_url=url) as client:
        instance = filled.instance_id
        greet = client.workflow("greet", instance=instance)
        payload = {"name": "Ada"}
        sides: Sides = {
            "ours": lambda: _blocking(lambda: greet(name="Ada"), 1),
            "theirs": lambda: _blocking(
                lambda: client.run_workflow("greet", payload, instance=instance).result, 1
            ),
        }
        found = interleaved(sides, scale.rounds)
    yield compared(
        Figure("function", 'a run by `greet(name="Ada")`', '`run_workflow("greet", …)`', Aim(1.05)),
        found,
        unit="ms",
    )


def many(scale: Scale) -> Iterator[Figure]:
    """Many runs from start to result, against threads that trigger and poll by hand."""
    with (
        _sandbox() as (url, filled),
        Client(auth=filled.key, base_url=url) as client,
        httpx.Client(**_options(filled)) as bare,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        instance, payload = filled.instance_id, {"name": "Ada"}
        payloads = [payload] * (2 * scale.triggers)

        def ours() -> None:
            runs = client.run_many("greet", payloads, instance=instance, progress=False, concurrency=AT_ONCE)
            assert len(runs.results) == len(payloads)

        def by_hand(_: object) -> None:
            started = bare.post(f"{url}/webhook/{instance}/greet", json={"payload": payload})
            run = started.raise_for_status().json()["executionId"]
            while True:
                answer = bare.get(f"{url}/status/{instance}/{run}").raise_for_status().json()
                if answer["execution"]["status"] == "success":
                    return
                time.sleep(0.05)

        sides: Sides = {
            "ours": lambda: len(payloads) * 1000 / _blocking(ours, 1),
            "theirs": lambda: len(payloads) * 1000 / _blocking(lambda: list(pool.map(by_hand, payloads)), 1),
        }
        found = interleaved(sides, scale.long_rounds)
    figure = Figure(
        "run-many",
        f"{len(payloads)} runs by `run_many`, {AT_ONCE} at a time",
        "bare httpx, as many threads that trigger and poll",
        Aim(0.8, at_least=True),
    )
    yield compared(figure, found, unit="/s")


def loop_gap(scale: Scale) -> Iterator[Figure]:
    """How long an event loop stands still while a use case is deployed whose configuration takes a second."""
    with _sandbox() as (url, filled), tempfile.TemporaryDirectory() as folder:
        use_case = UseCase.init(Path(folder, "slow"), name="Slow")
        assert use_case.path is not None
        configuration = use_case.path / "config.json"
        (use_case.path / "config.py").write_text(
            f"import json, time\ntime.sleep(1)\nconfiguration = json.loads({configuration.read_text()!r})\n"
        )
        configuration.unlink()

        def blocking() -> float:
            began = time.perf_counter()
            with Client(auth=filled.key, base_url=url) as client:
                client.deploy_use_case(use_case.folder)
            return (time.perf_counter() - began) * 1000

        async def awaited() -> float:
            async with AsyncClient(auth=filled.key, base_url=url) as client:
                deploying = asyncio.create_task(client.deploy_use_case(use_case.folder))
                longest, last = 0.0, time.perf_counter()
                while not deploying.done():
                    await asyncio.sleep(0.001)
                    now = time.perf_counter()
                    longest, last = max(longest, now - last), now
                await deploying
            return longest * 1000

        sides: Sides = {"ours": lambda: asyncio.run(awaited()), "theirs": blocking}
        found = interleaved(sides, max(scale.long_rounds // 2, 1))
    yield compared(
        Figure("loop-gap", "longest gap of a loop that awaits a deployment", "the same, blocking", Aim(0.05)),
        found,
        unit="ms",
    )


@contextlib.contextmanager
def _sandbox() -> Iterator[tuple[str, Filled]]:
    with tempfile.TemporaryDirectory() as folder:
        filled = fill(Path(folder), 10)
        with serving(data=filled.folder) as url:
            yield url, filled


def _options(filled: Filled) -> dict[str, Any]:
    """What our clients set for httpx, and our key."""
    return {
        "headers": {
            "Accept": "application/json",
            "User-Agent": f"codika-nb/{__version__}",
            "X-Process-Manager-Key": filled.key,
        },
        "timeout": httpx.Timeout(30.0, connect=5.0, pool=None),
        "verify": _http.tls(),
        "trust_env": False,
        "follow_redirects": False,
    }


@contextlib.contextmanager
def _async_clients(url: str, filled: Filled) -> Iterator[tuple[Any, AsyncClient, httpx.AsyncClient]]:
    """What runs a coroutine to its end, and a client of each kind to use in it."""
    loop = asyncio.new_event_loop()
    client = AsyncClient(auth=filled.key, base_url=url)
    bare = httpx.AsyncClient(**_options(filled))
    try:
        yield loop.run_until_complete, client, bare
    finally:
        loop.run_until_complete(client.aclose())
        loop.run_until_complete(bare.aclose())
        loop.close()


def _blocking(call: Callable[[], object], times: int) -> float:
    """Milliseconds that one call takes, of some in a row."""
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) * 1000 / times


async def _awaited(call: Callable[[], Awaitable[None]], times: int) -> float:
    """The same for calls that are awaited."""
    began = time.perf_counter()
    for _ in range(times):
        await call()
    return (time.perf_counter() - began) * 1000 / times


def _one_call(kind: str, found: dict[str, list[float]]) -> Figure:
    more = (median(found["ours"]) - median(found["theirs"])) * 1000
    figure = Figure(
        "call",
        f"one call, {kind}",
        "the same request by bare httpx",
        Aim(1.05),
        note=f"{kind}: {more:.0f} µs more a call",
    )
    return compared(figure, found, unit="ms")
