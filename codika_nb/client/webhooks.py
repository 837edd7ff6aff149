"""Signed webhooks: signing what is sent, and verifying what is received."""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..errors import ConfigError, WebhookVerificationError
from .auth import Flow
from .http import httpx


class WebhookSignature(httpx.Auth):
    """Signs each request with a webhook secret, so that the secret itself never travels.

    Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``, exactly the bytes that are sent. It is for
    starting runs of one workflow; wait for them with a client that has a key.

    Args:
        secret: ``whsec_`` and base64 (the prefix and the padding may be missing).

    Raises:
        ConfigError: it is no such secret.

    Example:
        >>> secret = sandbox.webhook_secret(deployed.process_instance_id, "greet")
        >>> with Client(auth=WebhookSignature(secret)) as sender:
        ...     run = sender.trigger_workflow("greet", {"name": "Ada"})
        >>> client.wait_for(run).result["greeting"]
        'Hello, Ada!'
    """

    requires_request_body = True
    public = True

    def __init__(self, secret: str) -> None:
        decoded = _secret_bytes(secret)
        del secret  # a traceback may show the variables of this frame
        if not decoded:
            raise _no_secret()
        self._secret = decoded

    def sign(
        self, body: bytes, *, message_id: str | None = None, timestamp: int | None = None
    ) -> dict[str, str]:
        """The three headers that vouch for `body`.

        Args:
            body: the bytes that are sent, and no other writing of the same JSON.
            message_id: names the message, the same for every attempt to deliver it; a new one if left out.
            timestamp: Unix time in whole seconds; now if left out.

        Example:
            >>> secret = sandbox.webhook_secret(deployed.process_instance_id, "greet")
            >>> WebhookSignature(secret).sign(b'{"name": "Ada"}', timestamp=1767225600)
            {'webhook-id': 'msg_...', 'webhook-timestamp': '1767225600', 'webhook-signature': 'v1,...'}
        """
        message_id = message_id or f"msg_{secrets.token_urlsafe(18)}"
        sent = str(int(time.time()) if timestamp is None else timestamp)
        signature = base64.b64encode(_digest(self._secret, message_id, sent, body)).decode()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": sent,
            "webhook-signature": f"v1,{signature}",
        }

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.headers.update(self.sign(request.content))
        yield request

    def __repr__(self) -> str:
        return "WebhookSignature('whsec_...')"

    def __getstate__(self) -> object:
        raise TypeError("A webhook secret is not pickled: it would be written to disk in clear.")


def _secret_bytes(secret: str) -> bytes:
    """What a secret signs with; nothing where it is no secret."""
    text = secret.strip().removeprefix("whsec_") if isinstance(secret, str) else ""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""


def _no_secret() -> ConfigError:
    return ConfigError(
        "The webhook secret is not whsec_ followed by base64.",
        next_action="Copy it again from the platform that signs.",
    )


def _digest(secret: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(secret, f"{message_id}.{timestamp}.".encode("utf-8", "replace") + body, "sha256")


def verify_webhook(
    secret: str | Iterable[str] | None,
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    tolerance: float = 300.0,
) -> Any:
    """Make sure that a signed message is genuine and fresh, and return its JSON.

    Args:
        secret: the endpoint's signing secret, ``whsec_…``, or several of them while one is replaced.
        headers: the request's headers, ``webhook-…`` or ``svix-…``; upper and lower case are the same.
        body: the request's body as it arrived, before any parsing.
        tolerance: seconds by which the message's time may differ from this machine's, either way.

    Raises:
        WebhookVerificationError: a header is missing or unreadable (``code`` "missing-header"), the message
            is too old or too new ("stale"), no signature matches ("no-match"), or the body is no JSON
            ("not-json"). Answer 401, and do nothing with the message.
        ConfigError: there is no secret, or one that is no secret.
        TypeError: the body has been parsed already.

    The Standard Webhooks specification; five minutes as on the platform's page "Authentication methods".
    A message that arrives twice within the tolerance is genuine both times: who must not act on it twice
    remembers its ``webhook-id``.

    Example:
        >>> secret = sandbox.webhook_secret(deployed.process_instance_id, "greet")
        >>> body = b'{"name": "Ada"}'
        >>> verify_webhook(secret, WebhookSignature(secret).sign(body), body)
        {'name': 'Ada'}
    """
    if not isinstance(body, bytes | bytearray | memoryview | str):
        raise TypeError("verify_webhook needs the body as it arrived (bytes), not what was parsed from it")
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    message_id, sent, signatures = _signed_with(headers)
    keys = [_secret_bytes(each) for each in ([secret] if isinstance(secret, str) else secret or ())]
    matches = _matches(keys, signatures, message_id, sent, raw)
    there_is_one, all_are = bool(keys), all(keys)
    del secret, keys  # what is raised from here on may be logged with the variables of this frame
    if not there_is_one:
        raise ConfigError(
            "No webhook secret is configured.", next_action="Give the one that the signing platform shows."
        )
    if not all_are:
        raise _no_secret()
    if not re.fullmatch(r"[!-~]+", message_id) or not re.fullmatch(r"[0-9]{1,15}", sent) or not signatures:
        raise WebhookVerificationError(
            "The message is not signed: one of webhook-id, -timestamp and -signature is missing or broken.",
            code="missing-header",
            next_action="Does whoever sends it sign it, and does a proxy in between pass the headers on?",
        )
    age = time.time() - int(sent)
    if not abs(age) <= tolerance:  # nor where the tolerance is no number
        raise WebhookVerificationError(
            f"The message was signed {abs(age):.0f} s {'ago' if age > 0 else 'ahead of now'}; "
            f"{tolerance:g} s are allowed.",
            code="stale",
            next_action="If it was sent just now, the clock of one of the two machines is wrong.",
        )
    if not matches:
        raise WebhookVerificationError(
            "The signature does not match the message.",
            code="no-match",
            next_action="Is the secret this endpoint's, and the body exactly the bytes that arrived?",
        )
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        problem = "The message is genuine, but its body is no JSON."
    raise WebhookVerificationError(problem, code="not-json", next_action="Ask whoever sends it for JSON.")


def _signed_with(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """Id, time and signatures, all of one family of names: the standard's, or the one it comes from."""
    given: dict[str, str] = {}
    for name, value in headers.items():  # some servers' headers have one name several times
        key = str(name).lower()
        given[key] = f"{given[key]} {value}" if key in given else str(value)
    families = [
        tuple(given.get(f"{family}-{name}", "").strip() for name in ("id", "timestamp", "signature"))
        for family in ("webhook", "svix")
    ]
    message_id, sent, signatures = next((each for each in families if all(each)), families[0])
    return message_id, sent, signatures


def _matches(keys: list[bytes], signatures: str, message_id: str, timestamp: str, body: bytes) -> bool:
    """Whether one of the secrets has made one of the signatures."""
    matches = False
    for key in keys:
        expected = _digest(key, message_id, timestamp, body)
        for signature in _signatures(signatures):
            # No early end: the time it takes is not to say which of them fits.
            matches |= hmac.compare_digest(expected, signature)
    return matches


def _signatures(header: str) -> list[bytes]:
    """The signatures of the scheme we know; senders may add those of others."""
    found = []
    # Parted by blanks, commas or lines, whatever has joined them.
    for signature in re.findall(r"(?:^|[\s,])v1,\s*([^\s,]+)", header):
        with suppress(ValueError):
            found.append(base64.b64decode(signature, validate=True))
    return found
