"""Both clients behind one face, so that what they promise is written once and tested twice."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from codika_nb import AsyncClient, Client

#: Makes a client (with the arguments of `Client`) whose methods all block.
MakeClient = Callable[..., Any]


class Blocking:
    """An `AsyncClient` whose methods are waited for."""

    def __init__(self, client: AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
        self.awaited = client
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.awaited, {"close": "aclose"}.get(name, name))
        if not callable(value):
            return value

        def wait(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            if inspect.isawaitable(result):
                result = self._loop.run_until_complete(result)
            return Blocking(result, self._loop) if isinstance(result, AsyncClient) else result

        return wait

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("awaited", "_loop"):
            super().__setattr__(name, value)
        else:
            setattr(self.awaited, name, value)

    def __repr__(self) -> str:
        return repr(self.awaited)


@pytest.fixture(params=["sync", "async"])
def make_client(request: pytest.FixtureRequest) -> Iterator[MakeClient]:
    """`Client`, and then `AsyncClient`; what it made is closed after the test."""
    made: list[Any] = []
    loop = asyncio.new_event_loop() if request.param == "async" else None

    def make(**options: Any) -> Any:
        client = Client(**options) if loop is None else Blocking(AsyncClient(**options), loop)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()
    if loop is not None:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
