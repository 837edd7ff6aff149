"""The way to servers of this process, where the network would be otherwise."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from typing import Any

from .. import in_process
from ..loops import can_wait_here, wait_here
from .http import httpx


class WithinProcess(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Hands requests to servers of this process; for clients that block, and for those that are awaited."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request before this returns."""
        server = _server(request)
        if server.loop.is_here() and not can_wait_here():
            wait_here(asyncio.sleep(0))  # which says what to do instead
        try:
            return server.loop.run(_answer(server, request))
        except CancelledError:
            raise _gone(request) from None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request; whoever stops waiting stops no server."""
        server = _server(request)
        answer = asyncio.wrap_future(server.loop.submit(_answer(server, request)))
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if answer.cancelled():
                raise _gone(request) from None
            raise


#: The addresses that go this way, as the HTTP library writes them: under whatever port.
PATTERN = f"all://{in_process.HOST}"


def _server(request: httpx.Request) -> in_process.Server:
    server = in_process.find(str(request.url))
    if server is None:
        raise httpx.ConnectError("Nobody answers in this process.", request=request)
    return server


def _gone(request: httpx.Request) -> httpx.ReadError:
    return httpx.ReadError("It was stopped.", request=request)


async def _answer(server: in_process.Server, request: httpx.Request) -> httpx.Response:
    limits: dict[str, Any] = request.extensions.get("timeout", {})
    asked = asyncio.ensure_future(_ask(server, request))
    done, _ = await asyncio.wait([asked], timeout=limits.get("read"))
    if not done:
        raise httpx.ReadTimeout("There is no answer yet.", request=request)
    return asked.result()


async def _ask(server: in_process.Server, request: httpx.Request) -> httpx.Response:
    transport = httpx.ASGITransport(server.application)
    answer = await transport.handle_async_request(request)
    # All of it now: whoever reads it may do so in another loop, or in none.
    content = b"".join([part async for part in answer.stream])  # type: ignore[union-attr]
    return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(content))
