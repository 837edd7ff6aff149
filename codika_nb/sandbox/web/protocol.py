"""HTTP/1.1 as bytes: uvicorn's, with the sandbox's own answer to what is none, and bounds for strangers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from itertools import chain
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..wire import Refusal
from .answers import Envelope, failure

__all__ = ["Connections", "Protocol", "Server"]

# Seconds for the head of a request, and for taking some of an answer; between two pieces of a body; for all
# of it.
_HEAD, _PIECE, _WHOLE = 20.0, 20.0, 600.0
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Connections:
    """The connections that are open, and which of them have nothing to say yet, or have not said all of it.

    Who does not take the answer that is there has nothing to say, either.

    Args:
        most: how many there may be at once; the one that is silent for longest makes room for a new one, and
            where none is silent, the one that has been sending for longest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[Protocol] = set()
        #: In the order in which they fell silent, and in which they began to send.
        self.silent: dict[Protocol, None] = {}
        self.sending: dict[Protocol, None] = {}

    def enter(self, connection: Protocol) -> bool:
        """Let one in; False if there is no room."""
        if len(self._open) >= self._most:
            longest = next(chain(self.silent, self.sending), None)
            if longest is None:
                return False
            self.leave(longest)
            longest.transport.abort()
        self._open.add(connection)
        self.silent[connection] = None
        return True

    def leave(self, connection: Protocol) -> None:
        """One is gone."""
        self._open.discard(connection)
        self.silent.pop(connection, None)
        self.sending.pop(connection, None)


class _Joined:
    """A transport that sends what is written in one turn of the loop, head and body, at once."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(data)

    def _send(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._transport.write(b"".join(waiting))

    def close(self) -> None:
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Server(uvicorn.Server):
    """uvicorn's, which ends at once: its own looks ten times a second whether it should, and then waits."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Have it end, from its own thread."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # it writes the date of the answers
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        for listening in (each for server in self.servers for each in server.sockets):
            with contextlib.suppress(NotImplementedError):
                loop.remove_reader(listening.fileno())
        # Who has been let in just now is a connection after that; a server that is closed would lose it.
        await _turns()
        for server in self.servers:
            server.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn offers sets and no event
                    await asyncio.sleep(0.005)
        for task in state.tasks:
            task.cancel()
        for connection in list(state.connections):
            connection.transport.abort()
        await _turns()


async def _turns() -> None:
    """Let the loop do what it has put off."""
    for _ in range(3):
        await asyncio.sleep(0)


class Protocol(H11Protocol):
    """HTTP as uvicorn speaks it, except that what is no HTTP at all is refused in JSON, too.

    And except that nobody can hold a connection for ever: who sends no head of a request, stops within a
    body, or takes no more of an answer, is waited for only so long.
    """

    def __init__(self, connections: Connections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Its log has whole addresses, keys in them included; ours is `Application`'s.
        self.access_log = False
        self._all = connections
        self._began = self._heard = self.loop.time()
        self._not_taken = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if not self._all.enter(self):
            transport.write(_FULL)
            transport.close()
        super().connection_made(_Joined(transport, self.loop))  # type: ignore[arg-type]
        self._timer = self.loop.call_later(_HEAD, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.leave(self)
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._heard = self.loop.time()
        super().data_received(data)
        self._note()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._note()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._note()

    def _note(self) -> None:
        """Note whether a request is under way."""
        silent = self.cycle is None or self.cycle.response_complete or self.flow.write_paused
        if silent != (self in self._all.silent):
            self._began = self.loop.time()
        sends = not silent and self.cycle is not None and self.cycle.more_body
        for listed, belongs in ((self._all.silent, silent), (self._all.sending, sends)):
            if not belongs or self.transport.is_closing():
                listed.pop(self, None)
            else:
                listed.setdefault(self)

    def _look(self) -> None:
        """Look whether what is waited for takes too long."""
        now = self.loop.time()
        before, self._not_taken = self._not_taken, self.transport.get_write_buffer_size()
        if self in self._all.silent:
            if self._not_taken not in (0, before):  # it goes on
                self._began = now
            until = self._began + _HEAD
        elif self.cycle is not None and self.cycle.more_body and self.flow.read_paused is False:
            until = min(self._heard + _PIECE, self._began + _WHOLE)
        else:
            until = now + _PIECE  # it is the sandbox that is waited for
        if until <= now:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(until - now, self._look)

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # Its body broke off in the middle: the call must neither wait for the rest nor answer, too.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        content = failure(Envelope.STANDARD, Refusal("INVALID_REQUEST", msg))
        headers = [
            ("content-length", str(len(content))),
            ("content-type", "application/json"),
            ("connection", "close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers),
            h11.Data(data=content),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
