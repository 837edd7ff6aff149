"""What a run in n8n costs beyond the same workflow, started at n8n's own webhook."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from codika_nb import Client, sign_in
from codika_nb.client.http import httpx
from codika_nb.errors import ConfigError
from codika_nb.sandbox import Sandbox
from codika_nb.sandbox.engine import Installation, Installed, Outcome, Run
from codika_nb.sandbox.n8n.process import OwnN8nEngine

from .figures import Aim, Figure, Scale, compared, interleaved

GREETER = Path(__file__).resolve().parents[2] / "notebooks" / "use-cases" / "greeter"
ONE = Figure("engine", "a run in n8n through the client", "n8n's own webhook", Aim(1.3))
MANY = Figure("engine", "100 runs in n8n by run_many", "as many at n8n's webhook", Aim(0.9, at_least=True))
DEPLOYING = Figure("engine", "deploying a workflow to n8n", "what n8n takes", Aim(1.0, "s more"))
AT_ONCE = 10


class Watched(OwnN8nEngine):
    """Remembers a run, and how long n8n took to install."""

    def __init__(self) -> None:
        super().__init__(None)
        self.last: Run | None = None
        self.took = 0.0

    async def install(self, installation: Installation) -> Installed:
        began = time.perf_counter()
        installed = await super().install(installation)
        self.took = time.perf_counter() - began
        return installed

    async def run(self, run: Run) -> Outcome | None:
        self.last = run
        return await super().run(run)


def engine(scale: Scale) -> Iterator[Figure]:
    """One run, many at once, and a deployment."""
    try:
        watched = Watched()
    except ConfigError as error:
        for figure in (ONE, MANY, DEPLOYING):
            yield replace(figure, note=f"n8n: {error}")
        return
    with Sandbox(engine=lambda: watched) as sandbox:
        profile = sign_in(
            "ada@example.com", ask_code=sandbox.code_for, base_url=sandbox.url, store=None, company="Acme"
        )
        with (
            Client(auth=profile.api_key, base_url=sandbox.url) as client,
            httpx.Client(trust_env=False) as bare,
        ):
            project = client.create_project("A project").project_id

            def deploy() -> dict[str, float]:
                began = time.perf_counter()
                client.deploy_use_case(GREETER, project_id=project)
                return {"ours": time.perf_counter() - began, "theirs": watched.took}

            rounds = [deploy() for _ in range(max(2, scale.long_rounds // 2))]
            instance = client.list_instances()[0].process_instance_id
            client.run_workflow("greet", {"name": "Ada"}, instance=instance)
            start = _bare(watched, bare)

            def one() -> object:
                return client.run_workflow("greet", {"name": "Ada"}, instance=instance).result

            single: dict[str, Callable[[], float]] = {
                "ours": lambda: _timed(one),
                "theirs": lambda: _timed(start),
            }
            yield compared(ONE, interleaved(single, scale.rounds), unit="s")
            people = [{"name": f"Person {number}"} for number in range(scale.triggers)]

            def many() -> object:
                return client.run_many("greet", people, instance=instance, concurrency=AT_ONCE)

            def bare_many() -> object:
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    return list(pool.map(lambda _: start(), people))

            sides: dict[str, Callable[[], float]] = {
                "ours": lambda: 1 / _timed(many),
                "theirs": lambda: 1 / _timed(bare_many),
            }
            yield compared(MANY, interleaved(sides, max(2, scale.long_rounds // 3)), unit="batches/s")
            took = {side: [each[side] for each in rounds] for side in ("ours", "theirs")}
            yield compared(DEPLOYING, took, unit="s", how="difference")


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _bare(watched: Watched, bare: httpx.Client) -> Callable[[], object]:
    """The same request that the sandbox sends, of a run that has had its answer already."""
    run = watched.last
    assert run is not None
    hook = watched._hooks[run.engine_workflow_id]
    url = f"{watched._api.url}/webhook{hook.path}"
    body = json.dumps({**json.loads(run.payload), "executionMetadata": run.metadata}).encode()
    headers: dict[str, Any] = {"Content-Type": "application/json", "X-Codika-Sandbox": watched._mark.lock}

    def start() -> object:
        return bare.post(url, content=body, headers=headers, timeout=60).raise_for_status()

    return start
