"""The sandbox's mail: the inbox in a notebook, and messages through real mail servers."""

from __future__ import annotations

import datetime
import email
import email.policy
import ipaddress
import logging
import smtplib
import socket
import ssl
import threading
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from codika_nb import Client
from codika_nb.errors import ConfigError
from codika_nb.sandbox import Sandbox, mail

from .test_sandbox import Platform, error_of

EMAIL = "ada@example.com"


class Server:
    """A real mail server on a socket, which says what it is told to say."""

    def __init__(self, *replies: str, **options: Any) -> None:
        controller = pytest.importorskip("aiosmtpd.controller")
        self.replies = list(replies)
        self.attempts = 0
        self.arrived: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.proceed = threading.Event()
        self.proceed.set()
        with socket.create_server(("127.0.0.1", 0)) as probe:  # the controller has to know its port
            self.port = probe.getsockname()[1]
        # Without a name of its own it would ask the network for one, at every connection.
        options = {"server_hostname": "localhost", **options}
        self.controller = controller.Controller(self, hostname="127.0.0.1", port=self.port, **options)

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        self.attempts += 1
        if self.replies and (reply := self.replies.pop(0)):
            return reply
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.arrived.append(message)
        return "250 OK"

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address.startswith("nobody"):
            self.attempts += 1
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def __enter__(self) -> Server:
        self.controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.controller.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_PAUSES", (0.01, 0.01))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of a mail server, which vouches for itself."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("mail") / "server.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def request_code(sandbox: Sandbox, address: str = EMAIL) -> Any:
    platform = Platform(sandbox)
    with platform.http:
        return platform.post("/clirequestsignupotp", {"email": address})


# --- the inbox in a notebook --------------------------------------------------------------


def test_the_inbox_shows_codes_as_a_table() -> None:
    with Sandbox() as sandbox:
        assert repr(sandbox.inbox) == "The inbox is empty."
        assert "empty" in sandbox.inbox._repr_html_()
        request_code(sandbox)
        grace = "grace'&amp@example.com"
        request_code(sandbox, grace)
        inbox = sandbox.inbox
        assert isinstance(inbox, list)
        head, newest, oldest = repr(inbox).splitlines()
        assert head.split() == ["Code", "To", "Subject", "Sent"]
        assert newest.startswith(f"{sandbox.code_for(grace)}  {grace}  ")
        assert oldest.startswith(sandbox.code_for(EMAIL))
        table = inbox._repr_html_()
        assert sandbox.code_for(EMAIL) in table
        assert "grace&#x27;&amp;amp@example.com" in table
        assert "grace'" not in table


# --- mail to the outside ------------------------------------------------------------------


def test_a_mail_is_sent_as_text_and_html() -> None:
    with Server() as server, Sandbox(smtp=f"smtp://127.0.0.1:{server.port}") as sandbox:
        assert request_code(sandbox).json()["success"] is True
        code = sandbox.code_for(EMAIL)
        (message,) = server.arrived
        assert (message["To"], message["Subject"]) == (EMAIL, "Your code to sign up for Codika")
        for kind in ("plain", "html"):
            body = message.get_body((kind,))
            assert body is not None
            assert code in body.get_content()


# The server warns of passwords without STARTTLS, also where the connection is encrypted already.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_tls_and_password(
    scheme: str, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    seen = []

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
        smtp = pytest.importorskip("aiosmtpd.smtp")
        seen.append((data.login, data.password))
        return smtp.AuthResult(success=True)

    options: dict[str, Any] = {"authenticator": check, "auth_required": True}
    if scheme == "smtps":
        options |= {"ssl_context": tls, "auth_require_tls": False}
    else:
        options |= {"tls_context": tls, "require_starttls": True}
    with Server(**options) as server:
        url = f"{scheme}://ada%40example.com:p%3Aw@127.0.0.1:{server.port}"
        with Sandbox(smtp=url) as sandbox:
            assert request_code(sandbox).status_code == 200
    assert seen == [(b"ada@example.com", b"p:w")]
    assert server.encrypted == [True]
    assert server.arrived[0]["From"] == "ada@example.com"


def test_no_password_goes_out_without_tls_and_none_to_a_stranger(tls: ssl.SSLContext) -> None:
    with Server() as server, Sandbox(smtp=f"smtp://ada:secret@127.0.0.1:{server.port}") as sandbox:
        assert error_of(request_code(sandbox)) == (500, "INTERNAL")
    # A certificate that nobody vouches for.
    with Server(ssl_context=tls) as server, Sandbox(smtp=f"smtps://127.0.0.1:{server.port}") as sandbox:
        assert error_of(request_code(sandbox)) == (500, "INTERNAL")
        assert server.arrived == []


@pytest.mark.parametrize(
    ("address", "arrives_at"),
    [
        ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example"),
        ("ada@XN--strae-oqa.example", "ada@xn--strae-oqa.example"),
    ],
)
def test_a_domain_is_written_as_every_mail_server_knows_it(address: str, arrives_at: str) -> None:
    with (
        Server(enable_SMTPUTF8=False) as server,
        Sandbox(smtp=f"smtp://127.0.0.1:{server.port}") as sandbox,
    ):
        assert request_code(sandbox, address).status_code == 200
        assert [message["To"] for message in server.arrived] == [arrives_at]
        assert sandbox.code_for(address) in str(server.arrived[0].get_body())


def test_what_fails_for_now_is_tried_again() -> None:
    with (
        Server("451 later", "421 busy") as server,
        Sandbox(smtp=f"smtp://127.0.0.1:{server.port}") as sandbox,
    ):
        assert request_code(sandbox).status_code == 200
        assert (server.attempts, len(server.arrived)) == (3, 1)


@pytest.mark.parametrize(
    ("address", "replies", "attempts"),
    [(EMAIL, ["451 later"] * 9, 3), (EMAIL, ["554 never"], 1), ("nobody@example.com", [], 1)],
)
def test_a_mail_that_cannot_be_sent_leaves_nothing_behind(
    address: str, replies: list[str], attempts: int, caplog: pytest.LogCaptureFixture
) -> None:
    with Server(*replies) as server, Sandbox(smtp=f"smtp://127.0.0.1:{server.port}", ip_limit=2) as sandbox:
        with caplog.at_level(logging.DEBUG, "codika_nb.sandbox"):
            refused = request_code(sandbox, address)
        assert error_of(refused) == (500, "INTERNAL")
        assert refused.json()["error"]["nextAction"]
        assert server.attempts == attempts
        assert sandbox.inbox == []
        assert address not in caplog.text
        # Neither a cooldown nor the hourly counts know of it: two more are possible, as the limit says.
        server.replies = []
        assert request_code(sandbox).status_code == 200
        assert request_code(sandbox, "grace@example.com").status_code == 200
        assert error_of(request_code(sandbox, "tim@example.com")) == (429, "IP_RATE_LIMITED")


def test_nobody_listens_and_others_are_answered_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    connecting, give_up = threading.Event(), threading.Event()

    def refuse(*_: Any, **__: Any) -> Any:
        connecting.set()
        assert give_up.wait(10)
        raise ConnectionRefusedError

    monkeypatch.setattr(smtplib, "SMTP", refuse)
    answers: list[Any] = []
    with Sandbox(smtp="smtp://127.0.0.1:9") as sandbox:
        waiting = threading.Thread(target=lambda: answers.append(request_code(sandbox)))
        waiting.start()
        assert connecting.wait(10)
        platform = Platform(sandbox)
        with platform.http:
            assert platform.get("/").status_code == 200
            assert error_of(platform.post("/clirequestsignupotp", {"email": EMAIL})) == (
                429,
                "OTP_RESEND_COOLDOWN",
            )
        give_up.set()
        waiting.join(30)
    assert error_of(answers[0]) == (500, "INTERNAL")


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://host:port"])
def test_a_mail_server_is_a_url(url: str) -> None:
    with pytest.raises(ConfigError, match="mail server"):
        Sandbox(smtp=url)


def test_a_part_of_the_inbox_is_an_inbox() -> None:
    with Sandbox() as sandbox, Client(base_url=sandbox.url) as client:
        for name in ("ada", "grace"):
            client.request_signup_code(f"{name}@example.com")
        newest = sandbox.inbox[:1]
        assert newest[0].to == "grace@example.com"
        assert sandbox.code_for("grace@example.com") in repr(newest)
        assert sandbox.code_for("ada@example.com") not in newest._repr_html_()
