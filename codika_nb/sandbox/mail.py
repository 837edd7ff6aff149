"""Mail: the sandbox's own inbox, and a relay to a real mail server for those who want one."""

from __future__ import annotations

import contextlib
import logging
import re
import smtplib
import ssl
import stringprep
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from html import escape
from typing import Any, SupportsIndex, overload
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

from ..display.design import output
from ..display.markup import Shown, code, line, moment
from ..display.table import html_table, text_table
from ..errors import ConfigError
from ..loops import in_worker

__all__ = ["Inbox", "Mail", "Mailbox", "NotSent", "fold", "smtp_relay"]

logger = logging.getLogger("codika_nb.sandbox")

_SECONDS_TO_ANSWER = 10
_PAUSES = (0.5, 2.0)
"""Between the attempts to hand a mail over, of which there is one more."""
_LINES = 4
"""How many mails are handed over at once."""


@dataclass(frozen=True)
class Mail:
    """One mail the sandbox has delivered."""

    to: str
    subject: str
    sent_at: datetime
    code: str = field(repr=False)
    text: str = field(repr=False)


class Inbox(list[Mail]):
    """Mails, newest first; shows itself as a table."""

    @overload
    def __getitem__(self, index: SupportsIndex) -> Mail: ...
    @overload
    def __getitem__(self, index: slice) -> Inbox: ...
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Inbox(found) if isinstance(index, slice) else found

    def __repr__(self) -> str:
        if not self:
            return "The inbox is empty."
        return text_table(_HEADINGS, [*map(_row, self)])

    def _repr_html_(self) -> str:
        if not self:
            return line(repr(self))["text/html"]
        return output(html_table(_HEADINGS, [*map(_row, self)], label="Inbox"))


_HEADINGS = ("Code", "To", "Subject", "Sent")


def _row(mail: Mail) -> tuple[Shown, str, str, Shown]:
    return code(mail.code), mail.to, mail.subject, moment(mail.sent_at)


class NotSent(Exception):  # noqa: N818 - what happened, to one mail
    """The mail server did not take a mail."""


class Mailbox:
    """What has been delivered, newest first; the oldest mails make room for new ones."""

    _ROOM = 1000

    def __init__(self, relay: Callable[[Mail], None] | None = None) -> None:
        self.mails: tuple[Mail, ...] = ()
        #: What had become of a code by the time that a newer one was asked for.
        self.ended: WeakKeyDictionary[Mail, str] = WeakKeyDictionary()
        self._relay = relay

    async def deliver(self, mail: Mail) -> None:
        """Send a mail on where that is wanted, and put it into the inbox; raises `NotSent`."""
        if self._relay is not None:
            relay = self._relay
            await in_worker(lambda: relay(mail))
        # A new tuple each time, so that other threads read a whole one without a lock.
        self.mails = (mail, *self.mails[: self._ROOM - 1])

    def clear(self) -> None:
        """Throw all mail away."""
        self.mails = ()

    def to(self, email: str) -> Iterable[Mail]:
        """The mails to one address, however it is spelled."""
        return (mail for mail in self.mails if mail.to == fold(email))


def fold(email: str) -> str:
    """One spelling for all spellings of an address, so that they share limits and accounts."""
    seen = "".join(each for each in email if unicodedata.category(each) != "Cf")
    person, at, domain = unicodedata.normalize("NFC", seen.strip().lower()).rpartition("@")
    return f"{person}{at}{'.'.join(map(_label, re.split(_DOTS, domain)))}"


_DOTS = "[.\u3002\uff0e\uff61]"


def _label(label: str) -> str:
    """A part of a domain. Python's own codec takes ß for ss, which are two domains since IDNA 2008."""
    if label.startswith("xn--") and len(label) < 64:  # longer ones there are none, and they take their time
        with contextlib.suppress(UnicodeError):
            decoded = label[4:].encode("ascii").decode("punycode")
            label = decoded if decoded.isprintable() and not decoded.isascii() else label
    label = "".join(each for each in label if not stringprep.in_table_b1(each))
    return unicodedata.normalize("NFKC", label).lower()


def _in_ascii(email: str) -> str:
    """An address whose domain every mail server knows; with a person beyond ASCII not all of them do."""
    person, at, domain = email.rpartition("@")
    labels = (
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}"
        for label in domain.split(".")
    )
    return f"{person}{at}{'.'.join(labels)}"


def smtp_relay(url: str) -> Callable[[Mail], None]:
    """What sends a mail through the server of an ``smtp://`` or ``smtps://`` URL, or raises `NotSent`.

    ``smtps://`` is encrypted from the start; ``smtp://`` as soon as the server offers it, and always
    before a password is sent. Certificates are checked.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ConfigError(
            "The mail server must be given as a URL.",
            next_action="Write smtp://user:password@host:port, or smtps:// for TLS from the start.",
        )
    host = parts.hostname
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    sender = user if "@" in user else "codika-sandbox@localhost"
    lines = threading.BoundedSemaphore(_LINES)

    def connect() -> smtplib.SMTP:
        tls = ssl.create_default_context()
        if parts.scheme == "smtps":
            return smtplib.SMTP_SSL(host, port or 465, timeout=_SECONDS_TO_ANSWER, context=tls)
        server = smtplib.SMTP(host, port or (587 if user else 25), timeout=_SECONDS_TO_ANSWER)
        try:
            server.ehlo_or_helo_if_needed()
            if user or server.has_extn("starttls"):
                server.starttls(context=tls)
        except BaseException:
            server.close()
            raise
        return server

    def send(mail: Mail) -> None:
        message = _message(mail, sender)
        with connect() as server:
            if user:
                server.login(user, password)
            server.send_message(message, to_addrs=[_in_ascii(mail.to)])

    def send_with_patience(mail: Mail) -> None:
        with lines:
            for pause in (*_PAUSES, None):
                try:
                    send(mail)
                    return
                except (OSError, smtplib.SMTPException) as error:
                    # The server's words may quote what was sent, so that only their kind is written down.
                    logger.warning("the mail server %s did not take a mail: %s", host, type(error).__name__)
                    if pause is None or _is_final(error):
                        raise NotSent from error
                    time.sleep(pause)

    return send_with_patience


def _is_final(error: Exception) -> bool:
    """Whether the same again would fail the same way."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(status >= 500 for status, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code >= 500
    return isinstance(error, (ssl.SSLCertVerificationError, smtplib.SMTPNotSupportedError))


def _message(mail: Mail, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = _in_ascii(sender), _in_ascii(mail.to)
    message["Subject"] = mail.subject
    message["Date"] = mail.sent_at
    message.set_content(mail.text)
    first, _, rest = mail.text.partition("\n\n")
    # The text begins with the code, which is shown large here.
    message.add_alternative(
        '<div style="font: 16px/1.5 sans-serif; max-width: 32em">'
        f'<p style="font: 600 32px monospace; letter-spacing: .15em">{escape(mail.code)}</p>'
        f"<p>{escape(first)}</p><p>{escape(rest.strip())}</p></div>",
        subtype="html",
    )
    return message
