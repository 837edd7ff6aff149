"""A sandbox between start and stop: its socket, its thread, the loop on it, the platform it serves."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from ..errors import ConfigError
from .engine import Engine
from .mail import Mailbox
from .rules.encryption import EncryptionKey
from .rules.platform import Platform
from .stand_ins import StandIns
from .store import Store
from .wire import Refusal

__all__ = ["Serving"]

Answer = TypeVar("Answer")

# As many are accepted before anything else is done.
_BACKLOG = 128
_MOST_CONNECTIONS = 1024
# Seconds between two looks at the files of stand-ins.
_LOOK_AT_FILES = 1.0

logger = logging.getLogger("codika_nb.sandbox")


@dataclass(kw_only=True, eq=False, repr=False)
class Serving:
    """One start of a sandbox, until its stop; made of what does not change from start to start."""

    host: str
    port: int
    data: Path | None
    now: Callable[[], float]
    mailbox: Mailbox
    inbox_token: str | None
    ip_limit: int
    stand_ins: StandIns
    make_engine: Callable[[], Engine]
    trusted_proxy: str | None
    callback_url: str | None

    def start(self) -> None:
        """Come back when the first call can be answered; raises what is in the way of that."""
        self._socket = _listen(self.host, self.port)
        self.url = _url(self.host, self._socket.getsockname()[1])
        self._ready = threading.Event()
        self._problem: Exception | None = None
        self.thread = threading.Thread(target=self._serve, name="codika-sandbox", daemon=True)
        self.thread.start()
        self._ready.wait()
        if self._problem is not None:
            self.thread.join()
            raise self._problem

    def stop(self) -> None:
        """Come back when port and data are free again."""
        self._server.should_exit = True
        self.thread.join()

    def do(self, action: Callable[[Platform], Answer]) -> Answer:
        """Do something in a transaction on the loop's thread, from another thread."""

        async def in_transaction() -> Answer:
            with self._platform.store.transaction(Refusal):
                return action(self._platform)

        return asyncio.run_coroutine_threadsafe(in_transaction(), self._loop).result()

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:
            self._problem = error
            if self._ready.is_set():
                logger.exception("the sandbox at %s stopped by itself", self.url)
        finally:
            self._socket.close()
            self._ready.set()

    async def _watch_stand_ins(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_AT_FILES)
            await asyncio.to_thread(self.stand_ins.load_what_has_changed)

    async def _main(self) -> None:
        try:
            import uvicorn  # noqa: PLC0415 - an extra, which only a started sandbox needs

            from .web.app import Application  # noqa: PLC0415 - likewise, for starlette
            from .web.hosts import Hosts  # noqa: PLC0415
            from .web.pages import Pages  # noqa: PLC0415
            from .web.protocol import Connections, Protocol  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"The sandbox needs {error.name}, which is not installed.",
                next_action="pip install 'codika-nb[sandbox]'",
            ) from None
        self._loop = asyncio.get_running_loop()
        callback_url = self.callback_url or self.url
        store = Store(self.data)
        engine = self.engine = self.make_engine()
        try:
            key = EncryptionKey(self.data)
            self._platform = Platform(
                store=store,
                now=self.now,
                mailbox=self.mailbox,
                ip_limit=self.ip_limit,
                engine=engine,
                key=key,
                callback_url=callback_url,
            )
            with store.transaction(Refusal):
                self._platform.executions.recover()
            pages = Pages(
                url=self.url,
                mailbox=self.mailbox,
                codes=self._platform.codes,
                classroom=self._platform.classroom,
                stand_ins=self.stand_ins,
                key=key,
                inbox_token=self.inbox_token,
                keeps="forgets everything when it stops"
                if self.data is None
                else f"keeps its data in {self.data}",
            )
            most = _most_connections()
            self._server = uvicorn.Server(
                uvicorn.Config(
                    Application(
                        platform=self._platform,
                        pages=pages,
                        hosts=Hosts(self.host, urlsplit(callback_url).hostname or ""),
                        trusted_proxy=self.trusted_proxy,
                    ),
                    http=partial(Protocol, Connections(most)),  # type: ignore[arg-type]
                    log_config=None,
                    # X-Forwarded-For is ours to judge: uvicorn believes it from loopback, where clients are.
                    proxy_headers=False,
                    server_header=False,
                    lifespan="off",
                    ws="none",
                    # How long a connection may be silent is `Protocol`'s to say. Closed after uvicorn's 5 s,
                    # many would be taken up again at that very moment, and a trigger be lost.
                    timeout_keep_alive=60,
                    backlog=min(_BACKLOG, most // 2),
                    # Whoever is still sending a body by then has had the chance to finish it.
                    timeout_graceful_shutdown=1,
                )
            )
            serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
            # uvicorn offers a flag and no event.
            while not self._server.started and not serving.done():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            try:
                earlier = await engine.open(callback_url)
                await self._platform.rollouts.recover(everything=earlier)
            except BaseException:
                self._server.should_exit = True
                await serving
                raise
            self._ready.set()
            watching = asyncio.create_task(self._watch_stand_ins())
            await serving
            watching.cancel()
            await self._platform.executions.stop()
        finally:
            await engine.close()
            store.close()


def _most_connections() -> int:
    """How many there may be: the process may be a kernel, which has files of its own to open."""
    try:
        from resource import RLIMIT_NOFILE, getrlimit  # noqa: PLC0415 - not on Windows
    except ImportError:
        return _MOST_CONNECTIONS
    limit = getrlimit(RLIMIT_NOFILE)[0]
    return _MOST_CONNECTIONS if limit < 0 else max(16, min(_MOST_CONNECTIONS, limit // 4))


def _listen(host: str, port: int) -> socket.socket:
    try:
        if not 0 <= port <= 65535:  # some resolvers would take the rest of a division
            raise OverflowError("a port is a number from 0 to 65535")
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        # Connections inherit it. asyncio sets it by itself only on sockets it has made, and without it
        # every answer waits 40 ms for the client's acknowledgement of its headers.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "the port is taken" if taken else getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"The sandbox cannot listen on {host}:{port}: {reason}.",
            next_action="Choose another port, or 0 for any free one.",
        ) from None


def _url(host: str, port: int) -> str:
    """Where to reach a server: on every interface means also on loopback."""
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound to
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
