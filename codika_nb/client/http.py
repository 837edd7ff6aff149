"""The HTTP library, imported in this one place so that moving to its successor stays one line.

Whoever imports it from here also gets its logs without keys: at DEBUG and INFO the library and its
transport log addresses and answers, and an address may hold ``?api_key=``.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import ssl
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx as httpx  # noqa: PLC0414 - other modules have it from here

from ..redaction import redact

# The filters of a logger do not see what its children log, so each of them gets one.
_LOGGERS = (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)


def _redacted(record: logging.LogRecord) -> bool:
    """Lets every record pass, after masking the keys in it."""
    text = record.getMessage()
    masked = redact(text)
    if masked != text:
        record.msg, record.args = masked, None
    return True


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_redacted)


#: Everything that going over the network can end in, short of an answer; the last is of what can be no name.
FAILURES = (httpx.RequestError, httpx.InvalidURL, UnicodeError)


class _Share(float):
    """Seconds for one step on the network, and by when all steps together have to be done.

    The library asks for four time-outs, each for a single step: a server that sends one byte now and then
    would be waited for without end. It hands them on as they are, so each of them carries the deadline too.
    """

    __slots__ = ("all",)

    all: Deadline

    def left(self, late: type[Exception]) -> float:
        """What this step may take now; raises `late` if the time is up."""
        left = self.all.left()
        if left <= 0:
            raise late
        return min(float(self), left)


class Deadline:
    """By when a call has to be over. It begins with the first step on the network, so that waiting for a
    free connection of our own is not counted: that is no waiting for the server."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None

    def left(self) -> float:
        """Seconds that are left."""
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._seconds
        return self._until - now

    def share(self, at_most: float | None) -> _Share:
        """The time-out of one step."""
        share = _Share(self._seconds if at_most is None else min(at_most, self._seconds))
        share.all = self
        return share


def timeout(
    seconds: float | httpx.Timeout | None, at_most: float | None = None
) -> tuple[httpx.Timeout, Deadline | None]:
    """The library's four time-outs for one number, and when all has to be over: connecting may take five
    seconds of it. Those who give four of their own mean these, and only `at_most` limits their sum.

    Waiting for a free connection of our own is not waiting for the server: only `at_most` limits it.
    """
    if at_most == math.inf:
        at_most = None
    single = seconds.as_dict() if isinstance(seconds, httpx.Timeout) else {"connect": 5.0, "pool": None}
    limits = [each for each in (None if isinstance(seconds, httpx.Timeout) else seconds, at_most) if each]
    if not limits:
        return httpx.Timeout(**{"read": None, "write": None, **single}), None
    deadline = Deadline(min(limits))
    steps = {name: deadline.share(single.get(name)) for name in ("connect", "read", "write")}
    waits = [each for each in (single["pool"], at_most) if each is not None]
    return httpx.Timeout(**steps, pool=min(waits, default=None)), deadline


class _Stream:
    """A connection each step of which knows the deadline of the whole.

    What it hands on blocks, or is awaited by whoever has called: as the connection in it does.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._is_asking, self._reads = False, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def get_extra_info(self, info: str) -> Any:
        reads = self._reads
        known = self._stream.get_extra_info(info)
        if info == "is_readable" and (self._is_asking or reads != self._reads):
            # Another thread that looks through the kept connections took it for idle, and it has just been
            # taken up: what has arrived is its answer, and not the server's goodbye.
            return False
        return known

    def read(self, max_bytes: int, timeout: float | None = None) -> Any:
        try:
            return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))
        finally:
            self._is_asking, self._reads = False, self._reads + 1

    def write(self, buffer: bytes, timeout: float | None = None) -> Any:
        self._is_asking = True
        # In pieces: the library gives each of its own the whole time, however slowly they are taken.
        if not isinstance(timeout, _Share) or len(buffer) <= _PIECE:
            return self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))
        view = memoryview(buffer)
        for start in range(0, len(buffer), _PIECE):
            self._stream.write(bytes(view[start : start + _PIECE]), timeout.left(httpcore.WriteTimeout))
        return None

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> Any:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))


class _Backend:
    """The library's way onto the network, for connections with a deadline."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.sleep = backend.sleep

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **named: Any) -> Any:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._backend.connect_tcp(host, port, left, **named))


class _AsyncStream(_Stream):
    """As `_Stream`, awaited."""

    def write(self, buffer: bytes, timeout: float | None = None) -> Any:
        return self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    async def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> Any:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _AsyncStream(await self._stream.start_tls(ssl_context, server_hostname, left))


class _AsyncBackend(_Backend):
    """As `_Backend`, awaited."""

    async def connect_tcp(self, host: str, port: int, timeout: float | None = None, **named: Any) -> Any:
        left = _left(timeout, httpcore.ConnectTimeout)
        try:
            return _AsyncStream(await self._backend.connect_tcp(host, port, left, **named))
        except ExceptionGroup:  # of tasks that try several addresses: a proxy's port may be none at all
            raise httpcore.ConnectError from None


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    return timeout.left(late) if isinstance(timeout, _Share) else timeout


_PIECE = 64 * 1024


def bounded(pool: httpx.Client | httpx.AsyncClient) -> None:
    """Let the connections of a client keep the deadlines that `timeout` makes.

    The library has no other place for that than an attribute of its transports. Where one is not as we
    know them (a caller's own), deadlines still hold between the parts of an answer.
    """
    for transport in (pool._transport, *pool._mounts.values()):
        connections: Any = getattr(transport, "_pool", None)
        backend = getattr(connections, "_network_backend", None)
        if isinstance(backend, httpcore.NetworkBackend):
            connections._network_backend = _Backend(backend)
        elif isinstance(backend, httpcore.AsyncNetworkBackend):
            connections._network_backend = _AsyncBackend(backend)


class Unusable(Exception):  # noqa: N818 - becomes an InvalidResponseError where the answer is known
    """An answer that is too large, or packed in a way that nobody asked for."""


#: Up to here what an answer unpacks to is kept while it is counted.
_KEPT = 8 * 2**20
_PIECE_UNPACKED = 2**20


class Body:
    """What an answer holds, unpacked and counted part by part.

    The library unpacks each part whole, which lets some kilobytes become many megabytes, so it is done here
    and a little at a time. A large one is only counted at first, and unpacked again once it is known to fit.

    Args:
        answer: the answer, of which nothing has been read yet.
        limit: how many bytes it may have.
        deadline: by when it has to be there.
    """

    def __init__(self, answer: httpx.Response, limit: float, deadline: Deadline | None) -> None:
        self._limit = limit
        self._deadline = deadline
        self._raw: list[bytes] = []
        self._size = 0
        packing = answer.headers.get("content-encoding", "").strip().lower()
        if packing not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise Unusable("it is packed in a way that nobody asked for")
        self._is_packed = packing not in ("", "identity")
        self._start = b""  # of what is packed: two bytes say how
        self._unpacked: list[bytes] | None = []
        length = answer.headers.get("content-length", "")
        if length.isdecimal() and len(length) < 20 and int(length) > limit:
            raise self._too_large()

    def take(self, part: bytes) -> None:
        """The next part, as it came."""
        self._keep_the_deadline()
        self._raw.append(part)
        if not self._is_packed:
            self._count(len(part))
            return
        if len(self._start) < 2:
            part = self._start + part
            self._start = part[:2]
            if len(part) < 2:
                return
            self._unpack = _unpacking(part)
        for piece in self._pieces(self._unpack, part):
            self._count(len(piece))
            if self._unpacked is not None:
                self._unpacked.append(piece)
                if self._size > _KEPT:
                    self._unpacked = None
            self._keep_the_deadline()

    def _keep_the_deadline(self) -> None:
        if self._deadline is not None and self._deadline.left() <= 0:
            raise httpx.ReadTimeout("The time for the whole answer is up.")

    def _count(self, bytes_: int) -> None:
        self._size += bytes_
        if self._size > self._limit:
            raise self._too_large()

    def _too_large(self) -> Unusable:
        return Unusable(f"it is larger than {self._limit / 2**20:g} MiB")

    @staticmethod
    def _pieces(unpack: Any, part: bytes) -> Iterator[bytes]:
        try:
            while True:
                piece = unpack.decompress(part, _PIECE_UNPACKED)
                part = unpack.unconsumed_tail
                yield piece
                if not part and len(piece) < _PIECE_UNPACKED:  # else there may be more in it yet
                    return
        except zlib.error:
            raise httpx.DecodingError("It cannot be unpacked.") from None

    def whole(self) -> bytes:
        """All of it."""
        parts = self._unpacked if self._is_packed else self._raw
        if parts is None:
            again = _unpacking(self._start)
            parts = [piece for part in self._raw for piece in self._pieces(again, part)]
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpacking(start: bytes) -> Any:
    """What unpacks gzip, and both things that servers call deflate: with a header, and without."""
    is_zlib = start[0] & 0x0F == 8 and int.from_bytes(start[:2]) % 31 == 0
    has_header = is_zlib or start[:1] == b"\x1f"
    return zlib.decompressobj(zlib.MAX_WBITS | 32 if has_header else -zlib.MAX_WBITS)


class _NoCookies(httpx.Cookies):
    """Cookies that are never any: the platform needs none, and what others set is not carried on."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them."""


_NO_COOKIES = _NoCookies()


# Looking for cookies in an answer is a tenth of what the library does for a call.
class BlockingPool(httpx.Client):
    """The library's client, without cookies."""

    cookies = property(lambda self: _NO_COOKIES)


class AwaitedPool(httpx.AsyncClient):
    """The same, awaited."""

    cookies = property(lambda self: _NO_COOKIES)


#: How many connections are kept open for the next calls. For each call the library looks at all of them.
KEPT = 20


def limits(kept: int = KEPT) -> httpx.Limits:
    """How many connections there may be, and how many are kept open when nothing is under way on them.

    Not for long: many servers close what is idle after 5 s, and where that meets a trigger on its way,
    nobody knows whether it has run.
    """
    return httpx.Limits(max_connections=100, max_keepalive_connections=kept, keepalive_expiry=4.0)


#: An address taken apart. A run's is asked for again and again; keys are never in it.
url = functools.lru_cache(maxsize=512)(httpx.URL)


def tls(*, trust_env: bool = True) -> ssl.SSLContext:
    """Which certificates are trusted; one for all clients, as reading them takes longer than a call.

    Args:
        trust_env: whether SSL_CERT_FILE and SSL_CERT_DIR count: what is on this machine needs neither.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    return _tls(tuple(os.environ.get(name) for name in names) if trust_env else None)


@functools.lru_cache(maxsize=4)
def _tls(variables: tuple[str | None, ...] | None) -> ssl.SSLContext:
    # The library looks at the two variables itself; here they tell one setting from another.
    return httpx.create_ssl_context(trust_env=variables is not None)
