"""Mail: the sandbox's own inbox, and a relay to a real mail server for those who want one."""

from __future__ import annotations

import logging
import smtplib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from codika_nb.errors import ConfigError

__all__ = ["Mail", "Mailbox", "fold", "smtp_relay"]

logger = logging.getLogger("codika_nb.sandbox")


@dataclass(frozen=True)
class Mail:
    """One mail the sandbox has delivered."""

    to: str
    subject: str
    sent_at: datetime
    code: str = field(repr=False)
    text: str = field(repr=False)


class Mailbox:
    """What has been delivered, newest first; the oldest mails make room for new ones."""

    _ROOM = 1000

    def __init__(self, relay: Callable[[Mail], None] | None = None) -> None:
        self.mails: tuple[Mail, ...] = ()
        self._relay = relay

    def deliver(self, mail: Mail) -> None:
        """Put a mail into the inbox, and send it on where that is wanted."""
        # A new tuple each time, so that other threads read a whole one without a lock.
        self.mails = (mail, *self.mails[: self._ROOM - 1])
        if self._relay is not None:
            # A mail server takes its time, which the sandbox's loop does not have.
            threading.Thread(target=self._relay, args=(mail,), name="codika-mail", daemon=True).start()

    def to(self, email: str) -> list[Mail]:
        """The mails to one address, however it is spelled."""
        return [mail for mail in self.mails if mail.to == fold(email)]


def fold(email: str) -> str:
    """One spelling for all spellings of an address, so that they share limits and accounts."""
    return email.strip().lower()


def smtp_relay(url: str) -> Callable[[Mail], None]:
    """What sends a mail through the server of an ``smtp://`` or ``smtps://`` URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ConfigError(
            "The mail server must be given as a URL.",
            next_action="Write smtp://host:port, or smtps://user:password@host.",
        )
    host, encrypted = parts.hostname, parts.scheme == "smtps"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    sender = user if "@" in user else "codika-sandbox@localhost"

    def send(mail: Mail) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
        message["Date"] = mail.sent_at
        message.set_content(mail.text)
        try:
            if encrypted:
                context = ssl.create_default_context()
                server: smtplib.SMTP = smtplib.SMTP_SSL(host, port or 465, timeout=30, context=context)
            else:
                server = smtplib.SMTP(host, port or 25, timeout=30)
            with server:
                if user:
                    if not encrypted:
                        server.starttls(context=ssl.create_default_context())
                    server.login(user, password)
                server.send_message(message, to_addrs=[mail.to])
        except (OSError, smtplib.SMTPException) as error:
            logger.warning("the mail server %s did not take a mail: %s", host, type(error).__name__)

    return send
