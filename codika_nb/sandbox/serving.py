"""A sandbox between start and stop: the platform, and how it is reached: over HTTP, or in this process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from .. import in_process
from ..errors import ConfigError
from ..files import write_whole
from ..loops import IN_BROWSER, Loop
from .engine import Engine
from .kept import KeptStore
from .mail import Mailbox
from .rules.encryption import EncryptionKey
from .rules.platform import Platform
from .stand_ins import StandIns
from .store import Store
from .wire import Refusal

if TYPE_CHECKING:
    from .web.app import Application

__all__ = ["InProcess", "Serving", "Start"]

Answer = TypeVar("Answer")

# As many are accepted before anything else is done.
_BACKLOG = 128
_MOST_CONNECTIONS = 1024
# The file in its data that says where it was reached last.
_ADDRESS = "address"
# Seconds between two looks at the files of stand-ins.
_LOOK_AT_FILES = 1.0

logger = logging.getLogger("codika_nb.sandbox")


@dataclass(kw_only=True, eq=False, repr=False)
class Start(ABC):
    """One start of a sandbox, until its stop; made of what does not change from start to start."""

    data: Path | None
    now: Callable[[], float]
    mailbox: Mailbox
    inbox_token: str | None
    ip_limit: int
    stand_ins: StandIns
    make_engine: Callable[[], Engine]
    trusted_proxy: str | None
    callback_url: str | None
    port: int
    url: str = field(init=False)
    engine: Engine = field(init=False)
    #: Where it was reached before with its data, if that was elsewhere.
    moved_from: str = field(default="", init=False)

    @abstractmethod
    def start(self) -> None:
        """Come back when the first call can be answered; raises what is in the way of that."""

    @abstractmethod
    def stop(self) -> None:
        """Come back when address and data are free again."""

    @abstractmethod
    def has_ended(self, within: float) -> bool:
        """Wait for its end, so many seconds at most."""

    @abstractmethod
    def do(self, action: Callable[[Platform], Answer]) -> Answer:
        """Do something in a transaction, from whatever thread."""

    @contextlib.asynccontextmanager
    async def _opened(self, host: str) -> AsyncIterator[Application]:
        """What answers under the address, with everything behind it."""
        try:
            from .web.app import Application  # noqa: PLC0415 - an extra, which only a started sandbox needs
            from .web.hosts import Hosts  # noqa: PLC0415
            from .web.pages import Pages  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise _missing(error) from None
        callback_url = self.callback_url or self.url
        store = Store(self.data) if self.data is None or not IN_BROWSER else KeptStore(self.data)
        engine = self.engine = self.make_engine()
        try:
            platform = self._platform = Platform(
                store=store,
                now=self.now,
                mailbox=self.mailbox,
                ip_limit=self.ip_limit,
                engine=engine,
                key=EncryptionKey(self.data),
                callback_url=callback_url,
            )
            with store.transaction(Refusal):
                platform.executions.recover()
            pages = Pages(
                platform=platform,
                url=self.url,
                stand_ins=self.stand_ins,
                inbox_token=self.inbox_token,
                keeps="forgets everything when it stops"
                if self.data is None
                else f"keeps its data in {self.data}",
            )
            yield Application(
                platform=platform,
                pages=pages,
                hosts=Hosts(host, urlsplit(self.url).port, urlsplit(callback_url).hostname or ""),
                trusted_proxy=self.trusted_proxy,
            )
            await platform.executions.stop()
        finally:
            await engine.close()
            store.close()

    async def _begin(self) -> asyncio.Task[None]:
        """Have the engine ready, now that it can call back; the task watches files until it is cancelled."""
        earlier = await self.engine.open(self.callback_url or self.url)
        await self._platform.rollouts.recover(everything=earlier)
        return asyncio.ensure_future(self._watch_stand_ins())

    async def _watch_stand_ins(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_AT_FILES)
            await self.stand_ins.catch_up()

    async def _in_transaction(self, action: Callable[[Platform], Answer]) -> Answer:
        with self._platform.store.transaction(Refusal):
            return action(self._platform)


class InProcess(Start):
    """In the calling process alone: no socket, and where there are none, no threads."""

    def start(self) -> None:
        self._ended = threading.Event()
        self._loop = Loop("codika-sandbox")
        self.url = in_process.reserve(self.port)
        try:
            self._loop.run(self._open())
        except BaseException:
            self._let_go()
            raise

    def stop(self) -> None:
        in_process.take_back(self.url)
        try:
            self._loop.run(self._close())
        finally:
            self._let_go()
            self._ended.set()

    def has_ended(self, within: float) -> bool:
        return self._ended.wait(within)

    def do(self, action: Callable[[Platform], Answer]) -> Answer:
        return self._loop.run(self._in_transaction(action))

    async def _open(self) -> None:
        async with contextlib.AsyncExitStack() as opened:
            application = await opened.enter_async_context(self._opened(in_process.HOST))
            opened.callback((await self._begin()).cancel)
            self._close = opened.pop_all().aclose
        in_process.offer(self.url, in_process.Server(application, self._loop))

    def _let_go(self) -> None:
        in_process.take_back(self.url)
        self._loop.end()


@dataclass(kw_only=True, eq=False, repr=False)
class Serving(Start):
    """Over HTTP: a socket, a thread, and the loop on it."""

    host: str

    def start(self) -> None:
        earlier = self._earlier_address()
        self._socket = self._listen(earlier)
        self.url = _url(self.host, self._socket.getsockname()[1])
        self.moved_from = earlier if earlier != self.url else ""
        self._ready = threading.Event()
        self._problem: Exception | None = None
        self.thread = threading.Thread(target=self._serve, name="codika-sandbox", daemon=True)
        self.thread.start()
        self._ready.wait()
        if self._problem is not None:
            self.thread.join()
            raise self._problem
        if self.data is not None:
            with contextlib.suppress(OSError):  # a full disk keeps nobody from calling
                write_whole(self.data / _ADDRESS, f"{self.url}\n".encode())

    def _earlier_address(self) -> str:
        """Where it was reached last with its data: profiles and links of folders are of that."""
        if self.data is not None:
            with contextlib.suppress(OSError, ValueError):
                return (self.data / _ADDRESS).read_text(encoding="utf-8").strip()
        return ""

    def _listen(self, earlier: str) -> socket.socket:
        """A socket at its port; where none is given, at the earlier one if that is free."""
        if self.port == 0:
            with contextlib.suppress(ConfigError, ValueError):
                return _listen(self.host, urlsplit(earlier).port or 0)
        return _listen(self.host, self.port)

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has stopped by itself
            self._loop.call_soon_threadsafe(self._server.end)
        self.thread.join()

    def has_ended(self, within: float) -> bool:
        self.thread.join(within)
        return not self.thread.is_alive()

    def do(self, action: Callable[[Platform], Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(self._in_transaction(action), self._loop).result()

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

    async def _main(self) -> None:
        try:
            import uvicorn  # noqa: PLC0415 - as above

            from .web.protocol import Connections, Protocol, Server  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise _missing(error) from None
        self._loop = asyncio.get_running_loop()
        async with self._opened(self.host) as application:
            most = _most_connections()
            self._server = Server(
                uvicorn.Config(
                    application,
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
                watching = await self._begin()
            except BaseException:
                self._server.end()
                await serving
                raise
            self._ready.set()
            await serving
            watching.cancel()


def _missing(error: ModuleNotFoundError) -> ConfigError:
    return ConfigError(
        f"The sandbox needs {error.name}, which is not installed.",
        next_action="pip install 'codika-nb[sandbox]'",
    )


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
