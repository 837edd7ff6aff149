"""Servers that fail in every way a server can, over real sockets."""

from __future__ import annotations

import contextlib
import datetime
import functools
import gzip
import json
import os
import socket
import ssl
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from httpcore._backends.sync import SyncStream

from codika_nb import (
    APIError,
    ConfigError,
    InvalidResponseError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    WaitTimeoutError,
)
from codika_nb.client import call, http
from codika_nb.client.http import httpx

from .colours import MakeClient, make_client

__all__ = ["make_client"]

KEY = "cko_aB12" + "k" * 60
INSTANCE_KEY = "ck_aB123" + "k" * 60

Conduct = Callable[[socket.socket], None]


class Server:
    """Listens on a socket, reads one request per connection, and does to it what it is told.

    Args:
        conduct: what happens to the first connection, the second, …; the last one is repeated. Bytes are
            sent as they are, and then the connection is closed.
        tls: encrypts the connections.
    """

    def __init__(self, *conduct: bytes | Conduct, tls: ssl.SSLContext | None = None) -> None:
        self._conduct = list(conduct)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._end = threading.Event()
        self.requests: list[bytes] = []
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        socket.create_connection(self._listener.getsockname()).close()  # wakes accept()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if self._end.is_set():
                    return
                connection.settimeout(5)
                if self._tls is not None:
                    with contextlib.suppress(OSError):
                        self._tls.wrap_socket(connection, server_side=True).close()
                    continue
                try:
                    self.requests.append(_request(connection))
                except ConnectionError:
                    continue  # who has asked has had enough before it was said what for
                conduct = self._conduct[min(len(self.requests), len(self._conduct)) - 1]
                if isinstance(conduct, bytes):
                    connection.sendall(conduct)
                else:
                    conduct(connection)

    def hang(self, connection: socket.socket) -> None:
        """Never answer, until the other side has had enough."""
        connection.recv(1)

    def dawdle(self, connection: socket.socket) -> None:
        """Begin an answer, and never go on."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        connection.recv(1)


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    if not (received := connection.recv(65536)):
        raise ConnectionError
    return received


def reset(connection: socket.socket) -> None:
    """End the connection as a crashing machine does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def response(body: object = b"", status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content) if length is None else length}", *headers]
    return "\r\n".join([*head, "Connection: close", "", ""]).encode() + content


KNOWN = response({"success": True, "data": {"organizationId": "org"}})
STARTED = response({"success": True, "executionId": "e-1", "message": "Execution started"})
ENDED = response({"success": True, "execution": {"executionId": "e-1", "status": "success", "resultData": 7}})
PAGE = b"<!DOCTYPE html><html><head><title>Oops</title></head><body>nginx</body></html>"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between attempts are tested elsewhere."""
    monkeypatch.setattr(call, "FIRST_PAUSE", 0.001)


class Keeping(ThreadingHTTPServer):
    """Keeps its connections open, and answers triggers only when `at_once` of them wait for that."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, at_once: int = 1) -> None:
        super().__init__(("127.0.0.1", 0), _Kept)
        self.gate = threading.Barrier(at_once)
        self.opened: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever)
        self._thread.start()

    def server_close(self) -> None:
        self.shutdown()
        self._thread.join()
        super().server_close()


class _Kept(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Keeping

    def setup(self) -> None:
        self.server.opened.append(self.request)
        super().setup()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.gate.wait(60)
        self._answer(STARTED)

    def do_GET(self) -> None:
        self._answer(ENDED)

    def _answer(self, response: bytes) -> None:
        self.wfile.write(response.replace(b"Connection: close\r\n", b""))

    def log_message(self, *_: object) -> None:
        pass


# --- connections that are kept ----------------------------------------------------------------------


def test_as_many_connections_are_kept_as_runs_are_under_way(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is, none gets too old meanwhile.
    monkeypatch.setattr(http, "limits", lambda kept=20: httpx.Limits(max_keepalive_connections=kept))
    with Keeping(at_once=30) as server:
        client = make_client(auth=KEY, base_url=server.url)
        runs = client.run_many("w", [{}] * 30, instance="i", concurrency=30, progress=False)
        assert [each.result for each in runs] == [7] * 30
        assert len(server.opened) == 30
        # Where few are under way, the connections of the client itself do.
        for _ in range(2):
            assert client.get_execution_status("e-1", instance="i").ended
        assert len(server.opened) == 31
        client.close()
        with pytest.raises(ConfigError, match="has been closed"):
            client.run_many("w", [{}] * 30, instance="i", concurrency=30, progress=False)
        assert len(server.opened) == 31


# --- nothing arrives -------------------------------------------------------------------------------

BROKEN: dict[str, bytes | Conduct] = {
    "closed": b"",
    "reset": reset,
    "cut off in the head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "cut off in the body": response(b'{"success": true', length=1000),
    "cut off in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    "no chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "garbage": bytes(range(256)) * 4,
    "no length": response(b"{}", "200 OK", "Content-Length: many"),
    "two lengths": response(b"{}", "200 OK", "Content-Length: 7"),
    "no gzip": response(b"not compressed", "200 OK", "Content-Encoding: gzip"),
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000,
}


@pytest.mark.parametrize("fault", BROKEN)
def test_connections_that_break(make_client: MakeClient, fault: str) -> None:
    with Server(BROKEN[fault]) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(TransportError, match="cannot be reached") as broken:
            client.verify_key()
        assert len(server.requests) == 3  # asking who one is may be repeated
        with pytest.raises(TransportError):
            client.trigger_workflow("w", {"a": 1}, instance="i")
        assert len(server.requests) == 4  # starting a run may not
    assert broken.value.code == "network-error"
    assert broken.value.next_action
    assert_harmless(broken.value)


def test_a_failure_that_passes(make_client: MakeClient) -> None:
    with Server(reset, response(PAGE, "503 Service Unavailable"), KNOWN) as server:
        client = make_client(auth=KEY, base_url=server.url)
        assert client.verify_key().organization_id == "org"
        assert len(server.requests) == 3
        assert server.requests[0] == server.requests[2]


def test_nobody_listens(make_client: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client = make_client(auth=KEY, base_url=url)
    with pytest.raises(TransportError, match="nobody answers there") as nobody:
        client.verify_key()
    assert "Sandbox().start() starts one" in str(nobody.value)
    assert "accounts and deployments of before only if" in str(nobody.value)
    assert_harmless(nobody.value)


def test_a_server_that_has_no_name(make_client: MakeClient) -> None:
    client = make_client(auth=KEY, base_url="https://does-not-exist.invalid")
    # Behind a proxy it is the proxy that does not find it.
    with pytest.raises((TransportError, APIError), match=r"no server of that name|no connection|answered"):
        client.verify_key()


def test_a_server_whose_certificate_nobody_vouches_for(make_client: MakeClient, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "server.pem"))
    with Server(tls=context) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(TransportError, match="certificate is not valid") as refused:
            client.verify_key()
        assert server.requests == []
    assert_harmless(refused.value)


# --- what the machine says about certificates and proxies ------------------------------------------

FAR = "https://server.invalid"


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SSL_CERT_FILE", "/gone.pem", "/gone.pem"),
        ("SSL_CERT_FILE", __file__, "test_client_faults.py"),
        ("ALL_PROXY", "socks://127.0.0.1:1080/", "127.0.0.1:1080"),
        ("all_proxy", "socks5://u:secret@127.0.0.1:1080", "package is missing"),
        ("HTTPS_PROXY", "ftp://u:secret@127.0.0.1:9", "127.0.0.1:9"),
        ("NO_PROXY", "localhost,fd00::/8", "fd00::/8"),
    ],
)
@pytest.mark.usefixtures("no_proxies")
def test_what_cannot_be_used_is_named(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    if variable == "NO_PROXY":
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable) as refused:
        make_client(auth=KEY, base_url=FAR)
    assert said in refused.value.message
    assert refused.value.next_action
    assert "secret" not in str(refused.value)
    assert_harmless(refused.value)
    # What is on this machine needs none of it.
    with Server(KNOWN) as server:
        assert make_client(auth=KEY, base_url=server.url).verify_key().organization_id == "org"


@pytest.mark.usefixtures("no_proxies")
def test_a_proxy_that_fails_is_named(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    wants = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with Server(wants) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("http://", "http://ada:secret@"))
        with pytest.raises(
            TransportError, match=r"proxy 127\.0\.0\.1:\d+ of HTTPS_PROXY.*password"
        ) as refused:
            make_client(auth=KEY, base_url=FAR).verify_key()
    assert "secret" not in str(refused.value)
    assert refused.value.may_have_acted is False
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    with pytest.raises(TransportError, match=r"proxy proxy\.invalid:3128 of HTTPS_PROXY") as refused:
        make_client(auth=KEY, base_url=FAR).verify_key()
    assert "HTTPS_PROXY" in str(refused.value.next_action)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:99999")
    with pytest.raises(TransportError, match=r"proxy 127\.0\.0\.1:99999 of HTTPS_PROXY"):
        make_client(auth=KEY, base_url=FAR).verify_key()
    monkeypatch.setenv("NO_PROXY", "server.invalid")
    with pytest.raises(TransportError, match=r"https://server\.invalid"):
        make_client(auth=KEY, base_url=FAR).verify_key()


@pytest.mark.parametrize("host", ["a..b.example", f"{'a' * 64}.example", "xn--.example"])
@pytest.mark.usefixtures("no_proxies")
def test_what_can_be_no_name_of_a_server(make_client: MakeClient, host: str) -> None:
    with pytest.raises(TransportError, match="no server of that name") as refused:
        make_client(auth=KEY, base_url=f"https://{host}").verify_key()
    assert refused.value.may_have_acted is False


@pytest.mark.usefixtures("no_proxies")
def test_what_makes_no_address(make_client: MakeClient) -> None:
    client = make_client(auth=KEY, base_url="http://127.0.0.1:9")
    with pytest.raises(TransportError, match="no address can be made") as refused:
        client.run_workflow("x" * 100_000, {}, instance="i")
    assert refused.value.may_have_acted is False
    with pytest.raises(TransportError, match="nobody answers there"):
        client.run_workflow("half \ud800 a character", {}, instance="i")


@pytest.mark.usefixtures("no_proxies")
def test_what_is_encrypted_goes_through_a_proxy(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "server.pem"))

    def tunnel(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with contextlib.suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    with Server(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        # The server at the end of the tunnel is asked who it is, with a deadline and without.
        for timeout in (20, None):
            with pytest.raises(TransportError, match="certificate is not valid"):
                make_client(auth=KEY, base_url=FAR, timeout=timeout).verify_key()
    asked = {request.split(b"\r\n")[0] for request in proxy.requests}
    assert asked == {b"CONNECT server.invalid:443 HTTP/1.1"}


def test_other_programs_variables_for_certificates_are_mentioned(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/other.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "server.pem"))
    with Server(tls=context) as server, pytest.raises(TransportError) as refused:
        make_client(auth=KEY, base_url=server.url).verify_key()
    assert "SSL_CERT_FILE" in str(refused.value.next_action)
    assert "REQUESTS_CA_BUNDLE is not read" in str(refused.value.next_action)


def self_signed(file: Path) -> Path:
    """A certificate for this machine that nobody has signed but itself, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@pytest.mark.parametrize("silence", ["hang", "dawdle"])
def test_servers_that_are_slow(make_client: MakeClient, silence: str) -> None:
    with Server(b"") as server:
        server._conduct = [getattr(server, silence)]
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(RequestTimeoutError, match="did not answer in time") as slow:
            client.with_options(timeout=0.05).verify_key()
        assert "with_options(timeout=" in str(slow.value)
        assert len(server.requests) == 1  # whoever sets a time-out means it
        with pytest.raises(RequestTimeoutError):
            client.with_options(timeout=httpx.Timeout(None, read=0.05)).complete_login(
                "a@example.com", code="123456"
            )
        assert len(server.requests) == 2
    assert_harmless(slow.value)


def test_a_server_that_never_takes_the_connection(make_client: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        # The first ones wait in the backlog, which is full then.
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        client = make_client(auth=KEY, base_url=f"http://127.0.0.1:{full.getsockname()[1]}", timeout=0.05)
        began = time.monotonic()
        with pytest.raises(TransportError):
            client.verify_key()
        assert time.monotonic() - began < 2
        for each in waiting:
            each.close()


# --- what never ends --------------------------------------------------------------------------------


def dripping(*, head: bytes, step: float = 0.1) -> Conduct:
    """Sends `head`, and then a byte now and then, for ever."""

    def conduct(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(head)
            for _ in range(300):
                time.sleep(step)
                connection.sendall(b" ")

    return conduct


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nX-Slow: ", HEAD, HEAD + b'{"success": true'],
    ids=["status", "head", "body", "more"],
)
def test_a_server_that_sends_a_byte_now_and_then(make_client: MakeClient, head: bytes) -> None:
    with Server(dripping(head=head)) as server:
        client = make_client(auth=KEY, base_url=server.url, timeout=0.5)
        began = time.monotonic()
        with pytest.raises(RequestTimeoutError, match="did not answer in time"):
            client.verify_key()
        assert time.monotonic() - began < 10  # of thirty: seconds, were each byte waited for anew
        assert len(server.requests) == 1


def test_a_run_at_a_server_that_sends_a_byte_now_and_then(make_client: MakeClient) -> None:
    with Server(dripping(head=HEAD)) as server:
        client = make_client(auth=KEY, base_url=server.url, timeout=30)
        began = time.monotonic()
        with pytest.raises(WaitTimeoutError) as late:
            client.wait_for("e", instance="i", timeout=1.0)
        assert time.monotonic() - began < 10
        assert late.value.execution_id == "e"


@functools.cache
def packed(zeros: int, *, kind: str) -> bytes:
    if kind == "deflate":
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    else:
        packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | (16 if kind == "gzip" else 0))
    parts = [packer.compress(b" " * 2**20) for _ in range(zeros)]
    return b"".join([*parts, packer.flush()])


@pytest.mark.parametrize("kind", ["gzip", "deflate", "zlib", "gzip, gzip", "br"])
def test_an_answer_that_unpacks_to_very_much(make_client: MakeClient, kind: str) -> None:
    body = packed(140, kind=kind.split(",", maxsplit=1)[0])
    if "," in kind:
        body = gzip.compress(body)
    encoding = "deflate" if kind == "zlib" else kind
    with Server(response(body, "200 OK", f"Content-Encoding: {encoding}")) as server:
        client = make_client(base_url=server.url)
        tracemalloc.start()
        try:
            with pytest.raises(InvalidResponseError) as large:
                client.request_login_code("a@example.com")
            assert tracemalloc.get_traced_memory()[1] < 60e6
        finally:
            tracemalloc.stop()
        assert ("larger than 128 MiB" in large.value.message) == (kind in ("gzip", "deflate", "zlib"))
    assert_harmless(large.value)


def test_an_answer_that_is_too_large_as_it_is(make_client: MakeClient) -> None:
    def firehose(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    with Server(firehose) as server:
        client = make_client(base_url=server.url, largest_answer=2**20)
        with pytest.raises(InvalidResponseError, match="larger than 1 MiB"):
            client.request_login_code("a@example.com")
    with (
        Server(response(b"", length=10**12)) as server,
        pytest.raises(InvalidResponseError, match="larger than 128 MiB"),
    ):
        make_client(base_url=server.url).request_login_code("a@example.com")


@pytest.mark.parametrize("kind", ["gzip", "deflate", "zlib"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_an_answer_that_comes_in_small_parts(kind: str, size: int) -> None:
    headers = {"content-encoding": "deflate" if kind == "zlib" else kind}
    body = http.Body(httpx.Response(200, headers=headers), 2**20, None)
    sent = packed(1, kind=kind)
    for start in range(0, len(sent), size):
        body.take(sent[start : start + size])
    assert body.whole() == b" " * 2**20


@pytest.mark.parametrize("kind", ["gzip", "deflate", "zlib", ""])
def test_a_large_answer_within_the_limit(make_client: MakeClient, kind: str) -> None:
    body = b'{"success": true, "data": {"organizationId": "org"}' + b" " * 20_000_000 + b"}"
    sent = body
    if kind:
        window = {"gzip": zlib.MAX_WBITS | 16, "deflate": -zlib.MAX_WBITS, "zlib": zlib.MAX_WBITS}[kind]
        packer = zlib.compressobj(9, zlib.DEFLATED, window)
        sent = packer.compress(body) + packer.flush()
    headers = [f"Content-Encoding: {'deflate' if kind == 'zlib' else kind}"] if kind else []

    def send(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # whoever has seen enough hangs up
            connection.sendall(response(sent, "200 OK", *headers))

    with Server(send) as server:
        client = make_client(auth=KEY, base_url=server.url)
        assert client.verify_key().organization_id == "org"
        smaller = make_client(auth=KEY, base_url=server.url, largest_answer=10_000_000)
        with pytest.raises(InvalidResponseError, match="larger than"):
            smaller.verify_key()
        unlimited = make_client(auth=KEY, base_url=server.url, largest_answer=None)
        assert unlimited.verify_key().organization_id == "org"


@pytest.mark.parametrize("limit", [None, float("inf"), 60, 60.0, httpx.Timeout(60)])
def test_time_limits(make_client: MakeClient, limit: Any) -> None:
    with Server(KNOWN) as server:
        client = make_client(auth=KEY, base_url=server.url, timeout=limit)
        assert client.verify_key().organization_id == "org"
        assert client.with_options(timeout=limit).verify_key().organization_id == "org"


@pytest.mark.parametrize("limit", ["5", 0, -1, float("nan"), True, [5], b"5"])
def test_time_limits_that_cannot_be_right(make_client: MakeClient, limit: Any) -> None:
    with pytest.raises(ConfigError, match="number of seconds"):
        make_client(auth=KEY, timeout=limit)
    with pytest.raises(ConfigError, match="number of seconds"):
        make_client(auth=KEY).with_options(timeout=limit)
    with pytest.raises(ConfigError, match="number of bytes"):
        make_client(auth=KEY, largest_answer=limit)


# --- what arrives is no answer ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        response(PAGE, "200 OK", "Content-Type: text/html"),
        response(b'{"success": true, "data": {"organizationId": "o'),
        response(b"", "204 No Content"),
        response({"success": True, "data": {"organizationId": "org"}}, "500 Internal Server Error"),
        response({"success": True, "data": "a text"}),
        response({"success": True}),
        response({}),
        response(b"\xff\xfe\x00"),
        response(b"[" * 200_000),
        response(
            gzip.compress(b'{"success": true}' * 9)[:-20] + b"?" * 20, "200 OK", "Content-Encoding: gzip"
        ),
    ],
)
def test_answers_that_cannot_be_used(make_client: MakeClient, answer: bytes) -> None:
    with Server(answer) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(InvalidResponseError) as unusable:
            client.verify_key()
        assert len(server.requests) == 1
    assert_harmless(unusable.value)


def test_an_error_page_of_a_gateway(make_client: MakeClient) -> None:
    with Server(response(PAGE, "502 Bad Gateway")) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(ServerError, match=r"502 \(Bad Gateway\)"):
            client.list_projects()
        assert len(server.requests) == 3
        with pytest.raises(ServerError):
            client.request_login_code("a@example.com")
        assert len(server.requests) == 4


def test_a_server_that_asks_for_patience(make_client: MakeClient) -> None:
    refusal = {
        "success": False,
        "error": {"code": "X", "message": "Slow down.", "details": {"retryInSeconds": 0}},
    }
    with Server(response(refusal, "429 Too Many Requests"), KNOWN) as server:
        assert make_client(auth=KEY, base_url=server.url).verify_key().organization_id == "org"
    with Server(response(PAGE, "429 Too Many Requests", "Retry-After: 3600")) as server:
        with pytest.raises(RateLimitError) as later:
            make_client(auth=KEY, base_url=server.url).verify_key()
        assert later.value.retry_in == 3600
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "status",
    [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ],
)
def test_redirects_are_not_followed(make_client: MakeClient, status: str) -> None:
    with Server(KNOWN) as elsewhere:
        for place in (f"{elsewhere.url}/verifyapikey", "/verifyapikey", "http://[broken", ""):
            with Server(response(b"", status, f"Location: {place}")) as server:
                client = make_client(auth=KEY, base_url=server.url)
                # A place that is none is the HTTP library's to complain about.
                with pytest.raises((InvalidResponseError, TransportError)) as redirected:
                    client.verify_key()
                assert_harmless(redirected.value)
        assert elsewhere.requests == []


# --- runs ------------------------------------------------------------------------------------------


def test_a_run_is_not_lost_with_the_connection(make_client: MakeClient) -> None:
    with Server(STARTED, reset, response(PAGE, "502 Bad Gateway"), b"", response(PAGE), ENDED) as server:
        client = make_client(auth=KEY, base_url=server.url)
        assert client.run_workflow("w", instance="i").result == 7
        assert [request.split()[0] for request in server.requests] == [b"POST", *[b"GET"] * 5]


def test_a_server_that_hangs_does_not_lengthen_the_waiting(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(STARTED) as server:
        server._conduct.append(server.hang)
        client = make_client(auth=KEY, base_url=server.url, timeout=1)
        with pytest.raises(WaitTimeoutError, match="did not answer in time") as late:
            client.run_workflow("w", instance="i", timeout=0.05)
        assert late.value.execution_id == "e-1"


def test_a_status_that_is_refused_names_the_run(make_client: MakeClient) -> None:
    refusal = response({"success": False, "error": "No.", "code": "FORBIDDEN"}, "403 Forbidden")
    with Server(STARTED, refusal) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(APIError) as refused:
            client.run_workflow("w", instance="i")
        assert refused.value.execution_id == "e-1"


# --- files from a server ---------------------------------------------------------------------------

EVIL = [
    "../evil.txt",
    "a/../../evil.txt",
    "a/./b",
    "/evil.txt",
    "//evil.txt",
    "..",
    ".",
    "",
    "a//b",
    "a/",
    "C:\\evil.txt",
    "C:evil.txt",
    "..\\evil.txt",
    "a\\..\\..\\evil.txt",
    "file.txt:stream",
    ".. /evil.txt",
    "a/.../evil.txt",
    "evil\x00.txt",
    "evil\n.txt",
    "link/evil.txt",
    "link",
    "dangling",
]


@pytest.mark.parametrize("name", EVIL)
def test_no_file_leaves_the_folder(make_client: MakeClient, tmp_path: Path, name: str) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "dangling").symlink_to(outside / "evil.txt")
    documents = [{"relativePath": path, "contentBase64": "ZXZpbA=="} for path in ("good.txt", name)]
    files = response({"success": True, "data": {"projectId": "p", "version": "1.0", "documents": documents}})
    skills = [{"name": each, "contentMarkdown": "evil"} for each in ("good", name)]
    described = response({"success": True, "data": {"processInstanceId": "i", "skills": skills}})

    with Server(files, described) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(InvalidResponseError, match="would not stay") as refused:
            client.get_use_case("p", into=folder)
        if name not in ("dangling", "a/"):  # as names of folders they are none of these
            with pytest.raises(InvalidResponseError, match="would not stay"):
                client.get_skills("i", into=folder)
    assert refused.value.code == "unsafe-path"
    assert list(outside.iterdir()) == []
    assert sorted(tmp_path.iterdir()) == [folder, outside]
    assert sorted(path.name for path in folder.iterdir()) == ["dangling", "link"]  # not even the good one


def test_files_inside_the_folder(make_client: MakeClient, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "chosen").symlink_to(real)  # where the folder itself leads is the person's choice
    documents = [
        {"relativePath": "a/b.c/d..json", "contentBase64": "e30="},
        {"relativePath": "ünï/çödé 🦊.md", "contentBase64": ""},
    ]
    with Server(response({"success": True, "data": {"documents": documents}})) as server:
        client = make_client(auth=KEY, base_url=server.url)
        written = client.get_use_case("p", into=tmp_path / "chosen").written
        assert [file.read_bytes() for file in written] == [b"{}", b""]
        assert (real / "a" / "b.c" / "d..json").read_bytes() == b"{}"
        (real / "file").write_text("in the way")
        with pytest.raises(ConfigError, match="cannot be written"):
            client.get_use_case("p", into=real / "file")


@pytest.mark.parametrize(
    "name",
    [
        *(".git/hooks/post-checkout", ".env", "a/.b/c", "project.json", "Version.JSON", ".gitattributes"),
        *("deployments/p/process/1.0/x.json", "__pycache__/forms.cpython-311.pyc", "a/__pycache__/b.pyc"),
        *("deployments", "project.json/x", "a/__PyCache__/b.pyc"),
    ],
)
def test_only_files_of_a_use_case_are_written(make_client: MakeClient, tmp_path: Path, name: str) -> None:
    documents = [{"relativePath": path, "contentBase64": "e30="} for path in ("config.json", name)]
    with Server(response({"success": True, "data": {"documents": documents}})) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(InvalidResponseError, match="no part of a use case") as refused:
            client.get_use_case("p", into=tmp_path / "folder")
    assert refused.value.code == "unsafe-path"
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("what", ["fifo", "folder", "long", "long below", "file above", "socket"])
def test_names_that_no_file_can_have_are_refused_at_once(
    make_client: MakeClient, tmp_path: Path, what: str
) -> None:
    name = {"long": "x" * 300, "long below": f"f/{'x' * 300}", "file above": "f/x"}.get(what, "f")
    if what == "file above":
        (tmp_path / "f").write_text("in the way")
    elif what == "fifo":
        os.mkfifo(tmp_path / name)
    elif what == "folder":
        (tmp_path / name).mkdir()
    elif what == "socket":
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / name))
        listening.close()
    documents = [{"relativePath": path, "contentBase64": "e30="} for path in ("config.json", name)]
    with Server(response({"success": True, "data": {"documents": documents}})) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(ConfigError, match="cannot be written"):
            client.get_use_case("p", into=tmp_path)
    assert not (tmp_path / "config.json").exists()
    assert (tmp_path / "f").exists() is (what not in ("long", "long below"))


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
def test_a_file_that_is_a_folder_too(make_client: MakeClient, tmp_path: Path, names: list[str]) -> None:
    documents = [{"relativePath": path, "contentBase64": "e30="} for path in ("config.json", *names)]
    with Server(response({"success": True, "data": {"documents": documents}})) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(InvalidResponseError, match="is a folder, too; nothing was written"):
            client.get_use_case("p", into=tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_file_of_two_names_keeps_the_other_as_it_was(make_client: MakeClient, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    os.link(tmp_path / "mine", tmp_path / "config.json")
    documents = [{"relativePath": "config.json", "contentBase64": "e30="}]
    with Server(response({"success": True, "data": {"documents": documents}})) as server:
        make_client(auth=KEY, base_url=server.url).get_use_case("p", into=tmp_path)
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "config.json").read_bytes() == b"{}"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["config.json", "mine", "project.json"]


def test_it_is_said_that_a_configuration_is_a_program(make_client: MakeClient, tmp_path: Path) -> None:
    documents = [{"relativePath": path, "contentBase64": ""} for path in ("config.py", "workflows/a.json")]
    with Server(response({"success": True, "data": {"documents": documents}})) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.warns(UserWarning, match=r"config.py in .* is a program"):
            client.get_use_case("p", into=tmp_path / "back")


@pytest.mark.parametrize("content", [None, 7, "not base64!", "YQ"])
def test_files_without_content(make_client: MakeClient, tmp_path: Path, content: Any) -> None:
    documents = [{"relativePath": "a.txt", "contentBase64": content}]
    with Server(response({"success": True, "data": {"documents": documents}})) as server:
        client = make_client(auth=KEY, base_url=server.url)
        with pytest.raises(InvalidResponseError):
            client.get_use_case("p", into=tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


# --- errors are safe to keep and to show -----------------------------------------------------------


def test_errors_hold_no_request(make_client: MakeClient) -> None:
    unauthorized = response(
        {"success": False, "error": f"The key {INSTANCE_KEY} is unknown.", "code": "UNAUTHORIZED"},
        "401 Unauthorized",
        f"X-Echo: {INSTANCE_KEY}",
    )
    from codika_nb import QueryKey

    for answer in (
        unauthorized,
        b"",
        response(PAGE),
        response(b"", "302 Found", f"Location: /?api_key={INSTANCE_KEY}"),
    ):
        with Server(answer) as server:
            client = make_client(auth=QueryKey(INSTANCE_KEY), base_url=server.url)
            with pytest.raises((APIError, TransportError)) as failed:
                client.trigger_workflow("w", instance="i")
            assert INSTANCE_KEY.encode() in server.requests[0]
            assert_harmless(failed.value)


def assert_harmless(error: BaseException) -> None:
    """No key, and nothing of the HTTP library, can be reached from an error."""
    seen: set[int] = set()
    left: list[Any] = [error]
    while left:
        thing = left.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        for text in (str(thing), repr(thing)):
            assert KEY[9:] not in text
        assert not type(thing).__module__.startswith(("httpx", "httpcore", "h11", "pydantic")), thing
        if isinstance(thing, BaseException):
            left += [thing.__cause__, thing.__context__, *thing.args, vars(thing)]
        elif isinstance(thing, dict):
            left += [*thing.keys(), *thing.values()]
        elif isinstance(thing, list | tuple | set):
            left += thing
        elif hasattr(thing, "__dict__") and not isinstance(thing, type):
            left.append(vars(thing))


def test_an_answer_is_not_taken_for_the_end_of_a_connection_that_was_idle() -> None:
    """A pool asks whether an idle connection can be read from, also while another thread takes it up."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = http._Stream(SyncStream(ours))
        assert not stream.get_extra_info("is_readable")
        stream.write(b"question", 5)
        theirs.sendall(b"answer")
        assert not stream.get_extra_info("is_readable"), "it would be closed before its answer is read"
        assert stream.read(64, 5) == b"answer"
        theirs.shutdown(socket.SHUT_WR)
        assert stream.get_extra_info("is_readable"), "the server has closed it, and it is of no use"
